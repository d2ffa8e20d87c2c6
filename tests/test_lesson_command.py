"""L05, L16 to L19: the lesson's program from the command line, and what it says of itself."""

import re
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO

import numpy as np
import pytest
import torch

from torchlogit import datasets, fit
from torchlogit.cli import main
from torchlogit.cli.lesson import decision, forms, links, same, stopped, surfaces, twenty
from torchlogit.cli.training import Trained, model, train
from torchlogit.errors import FileError


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What `torchlogit lesson` prints, and its picture."""
    folder, text, errors = tmp_path_factory.mktemp("lesson"), StringIO(), StringIO()
    with chdir(folder), redirect_stdout(text), redirect_stderr(errors):
        assert main(["lesson"]) == 0
    return text.getvalue(), errors.getvalue(), folder / "lesson.png"


def test_L16_the_command_prints_the_lines_of_the_lessons_program(told):
    """The lesson's own program, written out here, with the same seed: ``print(epoch, loss.item())`` a thousand times."""
    torch.manual_seed(0)
    x, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [0.0], [1.0]])
    linear = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01)
    lines = []
    for epoch in range(1000):
        loss = torch.nn.BCELoss(reduction="sum")(torch.sigmoid(linear(x)), y)
        lines.append(f"{epoch} {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    text = told[0].splitlines()
    first = text.index(lines[0])
    assert text[first : first + 1000] == lines
    assert f"w = {linear.weight.item()}" in text
    assert f"b = {linear.bias.item()}" in text
    assert "same, bit for bit? yes" in told[0]


def test_L17_prediction_at_4_hours(told):
    found = train(datasets.lesson())
    printed = re.search(r"P\(pass \| 4 hours\) = (\S+)", told[0])
    assert float(printed[1]) == pytest.approx(
        float(torch.sigmoid(torch.tensor(4 * found.w + found.b, dtype=torch.float64)))
    )
    assert 0.84 < float(printed[1]) < 0.90


def test_L17_prediction_at_4_hours_in_python_and_by_the_command(run, model, tmp_path):
    fitted = fit(datasets.study_hours(), "passed")
    p = float(fitted.predict_proba({"hours": [4.0]})[0, 1])
    assert p == pytest.approx(0.8744, abs=1e-4)
    question = tmp_path / "four.csv"
    question.write_text("hours\n4\n")
    header, answer = run("predict", model, question).out.splitlines()
    assert header == "p_0,p_1,class"
    assert [float(cell) for cell in answer.split(",")[:2]] == pytest.approx([1 - p, p])


def test_L19_between_04_and_06_is_uncertain(told, run, model, tmp_path):
    rows = {"hours": [1.0, 2.5, 2.7, 2.9, 5.0]}
    fitted = fit(datasets.study_hours(), "passed")
    assert fitted.decide(rows, uncertain=(0.4, 0.6)).tolist() == [0, "uncertain", "uncertain", "uncertain", 1]
    assert fitted.decide(rows, uncertain=(0.5, 0.5)).tolist() == [0, 0, 0, 1, 1]
    question = tmp_path / "q.csv"
    question.write_text("hours\n" + "\n".join(map(str, rows["hours"])) + "\n")
    lines = run("predict", model, question, "--uncertain", "0.4", "0.6").out.splitlines()
    assert [line.split(",")[-1] for line in lines] == ["decision", "0", "uncertain", "uncertain", "uncertain", "1"]
    assert re.search(r"answer +fail +fail +uncertain +pass +pass", told[0])
    assert [decision(p) for p in (0.39, 0.4, 0.6, 0.61)] == ["fail", "uncertain", "uncertain", "pass"]


def test_L05_one_number_is_enough_for_two_classes():
    from torchlogit import LogisticRegression

    table = datasets.study_hours()
    estimator = LogisticRegression().fit(table["hours"][:, None], table["passed"])
    p = estimator.predict_proba(table["hours"][:, None])
    assert p.shape == (20, 2)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-15)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-estimator.decision_function(table["hours"][:, None]))))
    assert estimator.classes_.tolist() == [0.0, 1.0]


def test_the_lesson_goes_one_step_further(told):
    text, errors, picture = told
    for chapter in (stopped, forms, surfaces, twenty, links):
        assert chapter() in text
    assert errors == ""
    assert max(map(len, text.splitlines())) <= 80
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_separation_makes_the_curve_depend_on_the_clock():
    """The ranges of ten starts that the reference gives: 1000 epochs, summed and averaged."""
    runs = [
        (train(datasets.lesson(), seed=seed), train(datasets.lesson(), seed=seed, reduction="mean")) for seed in (1, 2)
    ]
    for total, mean in runs:
        assert 1.0 < total.w < 1.4
        assert 0.83 < total.probability(4) < 0.91
        assert 0.5 < mean.probability(4) < 0.79
    lines = stopped().splitlines()
    assert "0.852       2.42" in next(line for line in lines if line.startswith("    1000   sum"))


def test_L12_sum_and_mean_stand_side_by_side():
    rows = {
        tuple(line.split()[:2]): line.split()[2:]
        for line in stopped().splitlines()
        if re.match(r" +\d+ +(sum|mean)", line)
    }
    assert float(rows["1000", "sum"][1]) > 2 * float(rows["1000", "mean"][1])


def test_L14_the_deprecated_spelling_is_explained_and_still_means_the_sum():
    assert "size_average=False" in stopped()
    p, y = torch.tensor([0.2, 0.7]), torch.tensor([0.0, 1.0])
    with pytest.warns(UserWarning, match="reduction='sum'"):
        old = torch.nn.BCELoss(size_average=False)(p, y)
    assert old == torch.nn.BCELoss(reduction="sum")(p, y)


def test_float32_forms_are_those_of_torch():
    row = next(line.split() for line in forms().splitlines() if line.startswith("      20 "))
    assert [float(cell) for cell in row] == [20, 100, 0, 20, 1]


def test_squared_error_bends_downward_and_cross_entropy_never():
    shares = re.findall(r"(\d+) %", surfaces())
    assert shares == ["93", "62", "0"]


def test_twenty_students_reach_their_optimum_slowly():
    best, total, mean = (list(map(float, line.split()[-4:])) for line in twenty().splitlines()[3:6])
    assert best == pytest.approx([-4.078, 1.505, 0.874, 2.71])
    assert abs(total[1] - best[1]) < 0.05 < abs(mean[1] - best[1])
    assert "odds of passing by 4.50\n   (95 % interval 1.31 to 15.44)" in twenty()


@pytest.mark.filterwarnings("ignore::torchlogit.TorchlogitWarning")
def test_L16_weights_that_differ_are_told():
    found = train(datasets.lesson())
    assert same(found)
    assert not same(found._replace(w=float(np.nextafter(np.float32(found.w), np.float32(2)))))


def test_starts_are_those_of_torch():
    torch.manual_seed(3)
    linear = torch.nn.Linear(1, 1)
    assert model(3).linear.weight.item() == linear.weight.item()
    before = torch.get_rng_state()
    model(3)
    assert torch.equal(before, torch.get_rng_state())


def test_a_probability_far_out_is_finite():
    assert Trained(-500.0, 200.0).probability(0) == pytest.approx(0, abs=1e-200)
    assert Trained(-500.0, 200.0).probability(10) == 1


def test_the_lesson_knows_its_chapters(run, tmp_path):
    done = run("lesson", "digit", "-o", tmp_path / "x.png")
    assert done.code == 2
    assert "Did you mean digits?" in done.err
    assert run("lesson", "-o", tmp_path / "x.jpeg").code == 2


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_of_ours_is_replaced_and_no_other(ending, tmp_path):
    from torchlogit.cli.files import check_picture
    from torchlogit.plots import units

    path = units().save(tmp_path / f"units.{ending}")
    check_picture(str(path), force=False)
    path.write_bytes(b"something else by torchlogit's friends")
    with pytest.raises(FileError, match="exists already"):
        check_picture(str(path), force=False)
    check_picture(str(path), force=True)
