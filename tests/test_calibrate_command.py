"""The command ``calibrate``: how well probabilities come true, calibrated model files, and another prevalence."""

import json

import numpy as np
import pytest
from command import write

import torchlogit
from torchlogit.calibrated import Calibrated

RNG = np.random.default_rng(31)
X = RNG.normal(size=(600, 12)).round(6)
Y = np.array(["no", "yes"])[(X[:, 0] + RNG.logistic(size=600) > 0).astype(int)]
HEAD = ",".join(f"x{j + 1}" for j in range(12)) + ",y\n"


def csv(rows):
    return HEAD + "".join(",".join(map(str, X[i])) + f",{Y[i]}\n" for i in rows)


@pytest.fixture
def files(tmp_path, run):
    """A model of 150 rows, these, and 450 others."""
    train, rest = write(tmp_path / "train.csv", csv(range(150))), write(tmp_path / "rest.csv", csv(range(150, 600)))
    path = tmp_path / "m.safetensors"
    assert run("fit", train, "--target", "y", "-o", path).code == 0
    return path, train, rest


def test_the_table_is_shown(run, files):
    model, _, rest = files
    shown = run("calibrate", model, rest)
    assert shown.code == 0
    assert "slope" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    found = json.loads(run("calibrate", model, rest, "--json", "--bins", "5").out)
    expected = torchlogit.load(model).calibration({f"x{j + 1}": X[150:, j] for j in range(12)} | {"y": Y[150:]}, bins=5)
    assert found["schema"] == "torchlogit/calibration/1"
    assert found["estimate"][1] == pytest.approx(expected["slope"], rel=1e-9)
    assert "斜率" in run("calibrate", model, rest, "--lang", "zh").out


@pytest.mark.parametrize("method", ["platt", "isotonic", "beta"])
def test_a_calibrated_file_predicts_and_is_inspected(run, files, tmp_path, method):
    model, _, rest = files
    better = tmp_path / "better.safetensors"
    done = run("calibrate", model, rest, "--method", method, "-o", better)
    assert done.code == 0
    assert f"calibrated by {method} on 450 rows" in done.err
    loaded = torchlogit.load(better)
    assert isinstance(loaded, Calibrated)
    predicted = run("predict", better, rest, "--ignore-extra")
    assert predicted.code == 0
    first = [float(cell) for cell in predicted.out.splitlines()[1].split(",")[:2]]
    np.testing.assert_allclose(
        first, loaded.predict_proba({f"x{j + 1}": X[150:151, j] for j in range(12)})[0], rtol=1e-6
    )
    assert "platt" in run("inspect", better).out or method != "platt"
    assert run("calibrate", better, rest).code == 0
    again = run("summary", better)
    assert again.code == 0
    assert "this is of the fit before" in again.err
    assert again.out == run("summary", model).out
    assert run("calibrate", better, rest, "-o", tmp_path / "third.safetensors").code == 2


def test_its_own_rows_are_told(run, files, tmp_path):
    model, train, rest = files
    seen = run("calibrate", model, train, "-o", tmp_path / "c.safetensors")
    assert seen.code == 0
    assert "looks better" in seen.err or "look better" in seen.err
    assert "very rows" in " ".join(seen.out.split())
    assert run("calibrate", model, rest, "--folds", "5").code == 0
    assert run("calibrate", model, rest, "--folds", "5", "-o", tmp_path / "d.safetensors").code == 3
    assert run("calibrate", model, train, "--folds", "5", "-o", tmp_path / "d.safetensors").code == 0


def test_another_prevalence_needs_no_rows(run, files, tmp_path):
    model, _, rest = files
    moved = tmp_path / "rare.safetensors"
    done = run("calibrate", model, "--prevalence", "0.02", "-o", moved)
    assert done.code == 0
    assert "2 % of yes" in done.err
    shift = torchlogit.load(moved).theta[0] - torchlogit.load(model).theta[0]
    share = (Y[:150] == "yes").mean()
    assert float(shift) == pytest.approx(np.log(0.02 / 0.98) - np.log(share / (1 - share)))
    shown = run("calibrate", model, rest, "--prevalence", "0.02")
    assert "too few" in shown.out


def test_what_means_nothing_is_refused(run, files, tmp_path):
    model, _, rest = files
    assert run("calibrate", model).code == 2
    assert run("calibrate", model, rest, "--method", "venn").code == 2
    assert run("calibrate", model, rest, "--rule", "equal").code == 2
    assert run("calibrate", model, rest, "--label", "maybe").code == 2
    assert run("calibrate", model, rest, "--prevalence", "2").code == 2
    assert run("calibrate", model, rest, "-o", model).code == 5
    assert run("calibrate", model, rest, "--bins", "0").code == 2
