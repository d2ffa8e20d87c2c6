"""``torchlogit predict --uncertain``: a band as given, or chosen, with its promise on stderr."""

import numpy as np
import pytest
from command import STUDENTS, write

import torchlogit


def rows_of(n, seed, classes=("no", "yes")):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = np.digitize(x + rng.logistic(size=n) / 2, np.arange(len(classes) - 1) * 1.0)
    return "x,y\n" + "".join(f"{a},{classes[b]}\n" for a, b in zip(x, y, strict=True))


@pytest.fixture
def files(run, tmp_path):
    """A model, rows to calibrate with, and new rows."""
    paths = [
        write(tmp_path / f"{name}.csv", rows_of(n, i))
        for i, (name, n) in enumerate((("fit", 300), ("held", 800), ("new", 50)))
    ]
    model = tmp_path / "m.safetensors"
    assert run("fit", paths[0], "--target", "y", "-o", model).code == 0
    return model, paths[1], paths[2]


def decisions(text):
    return [line.split(",")[-1] for line in text.splitlines()]


def test_a_band_chosen_for_an_error_rate(run, files):
    model, held, new = files
    found = run("predict", model, new, "--uncertain", "auto", "--max-error", "0.1", "--calibration", held)
    assert found.code == 0
    band = torchlogit.load(model).band(torchlogit.tables.read_table(held), max_error=0.1)
    assert found.err == band.sentence_in("en") + "\n"
    expected = torchlogit.load(model).decide(torchlogit.tables.read_table(new), band)
    assert decisions(found.out) == ["decision", *expected]
    assert {"yes", "no", "uncertain"} == set(expected)


def test_the_band_of_the_lesson_as_ever(run, files):
    model, _, new = files
    for words in (["--uncertain", "0.4", "0.6"], ["--uncertain=0.4", "0.6"]):
        found = run("predict", *words, model, new)
        assert (found.code, found.err) == (0, "")
        expected = torchlogit.load(model).decide(torchlogit.tables.read_table(new), (0.4, 0.6))
        assert decisions(found.out) == ["decision", *expected]


def test_auto_wherever_it_stands(run, files):
    model, held, new = files
    wanted = ["--coverage", "0.8", "--calibration", held]
    first = run("predict", model, new, *wanted, "--uncertain", "auto")
    for words in (
        ["--uncertain", "auto", *wanted, model, new],
        [model, "--uncertain=auto", new, *wanted],
        [model, new, *wanted],  # what is wanted says it all
    ):
        assert run("predict", *words) == first
    assert "At least" not in first.err
    assert "On average at least 80 % of new cases are decided" in first.err


def test_costs_and_chinese(run, files):
    model, _, new = files
    found = run("predict", model, new, "--uncertain", "auto", "--costs", "5", "1", "0.5", "--lang", "zh")
    assert found.err.startswith("概率在 0.5 与 0.9 之间时为不确定。误判为“是”的代价为 5")
    p = torchlogit.load(model).predict_proba(torchlogit.tables.read_table(new)).numpy()[:, 1]
    assert decisions(found.out)[1:] == np.where(p < 0.5, "no", np.where(p > 0.9, "yes", "uncertain")).tolist()


def test_three_classes(run, tmp_path):
    fitted, held = (write(tmp_path / f"{i}.csv", rows_of(600, i, "abc")) for i in (0, 1))
    model = tmp_path / "k.safetensors"
    assert run("fit", fitted, "--target", "y", "-o", model).code == 0
    found = run("predict", model, fitted, "--uncertain", "auto", "--coverage", "0.5", "--calibration", held)
    assert found.err.startswith("Uncertain where no class has a probability of 0.")
    share = np.mean([said != "uncertain" for said in decisions(found.out)[1:]])
    assert 0.4 < share < 0.6
    assert run("predict", model, fitted, "--costs", "2", "1", "0.1").code == 2


def test_calibration_rows_with_gaps_are_left_out_and_told(run, files, tmp_path):
    model, held, new = files
    gaps = write(tmp_path / "gaps.csv", held.read_text() + ",yes\n1.5,\n")
    found = run("predict", model, new, "--max-error", "0.1", "--calibration", gaps)
    assert "left out 2 of 802 calibration rows" in found.err
    assert "Of 800 calibration rows" in found.err
    whole = run("predict", model, new, "--max-error", "0.1", "--calibration", held)
    assert found.out == whole.out


def test_rows_that_cannot_carry_it(run, files):
    model, held, new = files
    found = run("predict", model, new, "--uncertain", "auto", "--max-error", "0.001", "--calibration", held)
    assert (found.code, found.out) == (3, "")
    assert "it takes 5989 at the least" in found.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--uncertain", "auto"], "say what the band is for"),
        (["--uncertain", "auto", "--max-error", "0.1"], "--calibration FILE"),
        (["--max-error", "0.1"], "--calibration FILE"),
        (["--calibration", STUDENTS], "say what the band is for"),
        (["--max-error", "0.1", "--coverage", "0.5", "--calibration", STUDENTS], "one of"),
        (["--costs", "1", "1", "0.1", "--calibration", STUDENTS], "leave --calibration out"),
        (["--uncertain", "0.4", "0.6", "--max-error", "0.1"], "--uncertain gives one"),
        (["--uncertain", "0.6", "0.4"], "the lower first"),
        (["--uncertain", "0.4", "x"], "two probabilities"),
        (["--uncertain", "nan", "0.5"], "two probabilities"),
        (["--uncertain", "atuo", "auto"], "two probabilities"),
        (["--costs", "1", "1"], "--costs"),
        (["--max-error", "2", "--calibration", STUDENTS], "max_error"),
        (["--costs", "1", "1", "1", "--lang", "fr"], "--lang"),
    ],
)
def test_options_that_contradict(run, model, words, message):
    found = run("predict", model, STUDENTS, *words)
    assert (found.code, found.out) == (2, "")
    assert message in found.err


def test_one_standard_input_for_two(run, model):
    found = run("predict", model, "-", "--coverage", "0.5", "--calibration", "-", stdin=b"hours\n1\n")
    assert found.code == 2
    assert "cannot both be the standard input" in found.err


def test_a_class_called_uncertain(run, tmp_path):
    path = write(tmp_path / "u.csv", rows_of(200, 0, ("no", "uncertain")))
    model = tmp_path / "u.safetensors"
    assert run("fit", path, "--target", "y", "-o", model).code == 0
    assert run("predict", model, path, "--costs", "1", "1", "0.2").code == 2
