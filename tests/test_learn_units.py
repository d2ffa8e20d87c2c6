"""The pages on the unit and on the answer: their mathematics, their panels, their code and the sentences about old code."""

import json
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from learn_pages import check_program, follow, state, told
from torch import nn

import torchlogit
from torchlogit import datasets
from torchlogit.learn import site

GOLDEN = json.loads((Path(__file__).parent / "golden" / "learn-units.json").read_text(encoding="utf-8"))
SCALES = """(x) => {
  const {logistic, linear} = torchlogit.model;
  return linear.scales(logistic.newton(torchlogit.data.points.students).theta, x);
}"""
PAGES = [(name, language) for name in ("unit", "answer") for language in site.LANGUAGES]


def test_L09_the_linear_unit_of_the_page_is_the_packages(read_page):
    page = read_page("unit")
    for name, theta in GOLDEN["lines"].items():
        found = page.evaluate(f"torchlogit.model.linear.leastSquares(torchlogit.data.points.{name})")
        assert found == pytest.approx(theta, rel=1e-9)


@pytest.mark.parametrize("language", site.LANGUAGES)
def test_L13_the_panel_says_what_the_two_programs_print(open_page, language):
    page = open_page("unit", language)
    assert re.search(r"133\.3 %.*85\.2 %|85\.2 %.*133\.3 %", told(page, "units"))
    follow(page, "units.x=0")
    assert re.search(r"−66\.7 %.*6\.4 %|6\.4 %.*−66\.7 %", told(page, "units"))


def test_L13_the_line_leaves_0_to_1_for_the_twenty_too(open_page):
    w, b = GOLDEN["lines"]["students"]
    page = open_page("unit", hash="units.data=students&units.x=6")
    assert f"{100 * (6 * w + b):.1f} %: more than certain" in told(page, "units")
    page.get_by_label("Hours of study").press("Home")
    assert "less than nothing" in told(page, "units")
    page.get_by_label("the lesson’s three").check()
    assert state(page, "units.data") is None
    assert state(page, "units.x") == "0"


def test_L17_the_three_scales_are_the_packages(read_page):
    page = read_page("answer")
    for expected in GOLDEN["scales"]:
        found = page.evaluate(
            SCALES,
            expected["x"],
        )
        for scale in ("logOdds", "odds", "probability"):
            assert found[scale] == pytest.approx(expected[scale], rel=1e-6)


@pytest.mark.parametrize(("x", "points"), [(2, "+35.2"), (5, "+2.4")])
def test_one_hour_multiplies_the_odds_alike_and_adds_other_percentages(open_page, x, points):
    page = open_page("answer", hash=f"scales.x={x}")
    assert "4.50" in told(page, "scales")
    assert f"{points}\u00a0points" in told(page, "scales")
    rises = page.locator('[data-panel="scales"] td:last-child').all_inner_texts()
    assert rises == ["+1.50", "×\u00a04.50", f"{points}\u00a0points"]
    assert page.locator('[data-panel="scales"] .rise').all_text_contents() == rises


def test_L17_the_page_shows_what_its_program_prints():
    check_program("answer", "answer")


def test_L17_the_page_shows_what_the_command_prints(run, tmp_path, monkeypatch):
    """Both lines of the page's shell block, run; the digits that a processor may round otherwise aside."""
    monkeypatch.chdir(tmp_path)
    pages = [site.read_page("answer", language).body for language in site.LANGUAGES]
    blocks = {re.search(r"```bash\n(.*?)```\n\n```text\n(.*?)```", body, re.DOTALL).groups() for body in pages}
    (tmp_path / "study_hours.csv").write_bytes(datasets.path("study_hours").read_bytes())
    for commands, output in blocks:  # one, where both languages show the same
        fit, predict = commands.replace("-o students.model", "--force -o students.model").splitlines()
        fitted, answer = in_shell(run, fit), in_shell(run, predict)
        assert (fitted.code, answer.code) == (0, 0), fitted.err + answer.err
        for line, shown in zip(answer.out.splitlines(), output.splitlines(), strict=True):
            assert [_rounded(cell) for cell in line.split(",")] == [_rounded(cell) for cell in shown.split(",")]


def in_shell(run, line):
    """A line ``torchlogit …`` or ``printf … | torchlogit …``."""
    *printf, command = line.split(" | ")
    (name, *words), given = shlex.split(command), [shlex.split(each) for each in printf]
    assert [name, *(each[0] for each in given)] in (["torchlogit"], ["torchlogit", "printf"])
    return run(*words, stdin=given[0][1].replace("\\n", "\n").encode() if given else b"")


def _rounded(cell):
    return f"{float(cell):.10f}" if "." in cell else cell


def test_L18_the_pages_program_saves_the_curve(tmp_path, monkeypatch):
    program = site.HERE / "code" / "curve.py"
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(program), run_name="__main__")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "np.linspace(0, 10, 200)" in program.read_text(encoding="utf-8")


def test_L19_the_page_says_where_the_answer_is_uncertain():
    b, w = torchlogit.fit(datasets.study_hours(), "passed").theta[:, 0].tolist()
    low, high = ((np.log(p / (1 - p)) - b) / w for p in (0.4, 0.6))
    for language in site.LANGUAGES:
        lead = site.read_page("answer", language).lead
        assert f"{low:.2f}" in lead
        assert f"{high:.2f}" in lead


def test_the_numbers_in_the_text_are_the_packages():
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    p = [f"{100 * each:.1f} %" for each in fit.predict_proba({"hours": [2.0, 3.0, 5.0, 6.0]})[:, 1]]
    w = fit.theta[1, 0].item()
    for language in site.LANGUAGES:
        body = site.read_page("answer", language).body
        assert f"{p[0]} → {p[1]}" in body
        assert f"{p[2]} → {p[3]}" in body
        assert f"e^w = {np.exp(w):.2f}$" in body
        assert f"{w:.2f}/4 = {w / 4:.3f}$" in body


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_the_pictures_of_the_pages_are_there(name, language):
    body = site.read_page(name, language).body
    (file,) = re.findall(r'figure\("([^"]+)"', body)
    picture = (site.HERE / "static" / "figures" / file).read_text(encoding="utf-8")
    assert picture.startswith("<?xml")
    assert file.endswith(f".{language}.svg")


# What the page says of old code, in this PyTorch.

X, Y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [0.0], [1.0]])


def test_L14_the_old_names_still_run():
    assert torch.equal(F.sigmoid(X), torch.sigmoid(X))
    with pytest.warns(UserWarning, match="size_average"):
        nn.BCELoss(size_average=False)


def test_L14_the_default_trains_three_times_as_slowly():
    total, mean = nn.BCELoss(reduction="sum"), nn.BCELoss()
    assert total(Y * 0.5 + 0.2, Y) == pytest.approx(3 * mean(Y * 0.5 + 0.2, Y).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda model: nn.BCELoss()(torch.sigmoid(model(X)), torch.tensor([[0], [0], [1]])), "Float"),
        (lambda model: nn.BCELoss()(torch.sigmoid(model(X)), torch.tensor([0.0, 0.0, 1.0])), "size"),
        (lambda model: model(torch.tensor(np.linspace(0, 10, 200))[:, None]), "dtype"),
        (lambda model: model(X).numpy(), "requires grad"),
        (lambda model: nn.BCELoss()(torch.sigmoid(model(X)), Y).data[0], "0-dim"),
    ],
)
def test_what_the_page_calls_an_error_is_one(wrong, error):
    with pytest.raises((RuntimeError, ValueError, IndexError), match=error):
        wrong(nn.Linear(1, 1))


def test_with_mse_other_sizes_are_a_warning_and_a_wrong_loss():
    with pytest.warns(UserWarning, match="size"):
        wrong = nn.MSELoss(reduction="sum")(X, Y[:, 0])
    assert wrong != nn.MSELoss(reduction="sum")(X, Y)
