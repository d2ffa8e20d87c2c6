"""Calibration of rows that are read in parts: the numbers of the same rows in memory."""

import json

import numpy as np
import pyarrow as pa
import pytest
from streams import MEMORY, numbers, one, table, write

import torchlogit
from torchlogit.errors import DataWarning, ParameterError

IN_PARTS = {"memory": MEMORY}
NONE = ("e50", "e90", "miscalibration", "discrimination")  # which look at each row by itself


@pytest.fixture
def other(tmp_path):
    """A fit, and other rows as a table and as files."""
    data = numbers(4000, seed=5)
    return torchlogit.fit(numbers(600), "y"), data, write(tmp_path / "data", data)


def assert_same(parts, whole, gone=NONE):
    for name in whole.measure:
        i = whole.measure.index(name)
        if name in gone:
            assert np.isnan(parts[name]), name
            assert any(note.startswith(f"no {name}: it looks at each row") for note in parts.notes), name
            continue
        for part in ("estimate", "low", "high", "log_p"):
            found, expected = getattr(parts, part)[i], getattr(whole, part)[i]
            near = 1e-8 if name == "ici" else 1e-10  # a cell in which the curve crosses the diagonal
            assert found == pytest.approx(expected, rel=near, abs=near, nan_ok=True), (name, part)
    assert (parts.n, parts.seen, parts.event) == (whole.n, whole.seen, whole.event)
    assert_same_bins(parts.reliability, whole.reliability)


def assert_same_bins(parts, whole):
    np.testing.assert_array_equal(parts.n, whole.n)
    for name in ("low", "high", "predicted", "observed", "observed_low", "observed_high"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("rule", ["quantile", "width"])
def test_two_classes(other, rule):
    fit, data, folder = other
    seen = []
    found = fit.calibration(folder, rule=rule, watch=seen.append, **IN_PARTS)
    assert_same(found, fit.calibration(data, rule=rule))
    assert seen[-1].number == 2  # passes
    assert "slope" in str(found)
    assert_same_bins(fit.reliability(folder, bins=7, rule=rule, **IN_PARTS), fit.reliability(data, bins=7, rule=rule))


def test_hosmer_and_lemeshows_groups_of_rows_that_lie_close_together(tmp_path):
    """Their deciles fall within cells of several rows."""
    data = numbers(4000, features=1)
    fit = torchlogit.fit({"x1": [0.0, 1, 2, 3] * 50, "y": [0, 1, 1, 1, 1, 0, 1, 0, 1, 1] * 20}, "y")
    folder, how = write(tmp_path / "data", data), {"rule": "width"}
    found, whole = fit.calibration(folder, **how, memory="128KiB"), fit.calibration(data, **how)
    assert found["hosmer lemeshow"] == pytest.approx(whole["hosmer lemeshow"], rel=1e-10)


def test_the_own_rows_of_a_fit_in_parts(tmp_path):
    data = table(gaps=True)
    how = {"weight": "w", "offset": "o", "missing": "drop"}
    folder = write(tmp_path / "data", data)
    parts, whole = torchlogit.fit(folder, "y", memory=MEMORY, **how), torchlogit.fit(data, "y", **how)
    found = parts.calibration()
    assert found.seen
    assert_same(found, whole.calibration())


def test_weights_that_are_no_counts(tmp_path):
    data = table()
    data = data.set_column(6, "w", pa.array(data["w"].to_numpy() * 0.7))
    fit = torchlogit.fit(data.slice(0, 900), "y", weight="w", weights_are="importance", features=["a", "town"])
    found, whole = fit.calibration(write(tmp_path / "data", data), **IN_PARTS), fit.calibration(data)
    for name in ("intercept", "slope", "ece", "brier", "ici", "bins"):
        assert found[name] == pytest.approx(whole[name], rel=1e-9), name
    assert np.isnan(found.low).all()


def test_one_class_of_three_and_the_most_probable_one(tmp_path):
    data = table(classes=3)
    fit = torchlogit.fit(data.slice(0, 1500), "y", features=["a", "c", "town"])
    folder = write(tmp_path / "data", data)
    for label in (None, 2):
        assert_same(fit.calibration(folder, label=label, **IN_PARTS), fit.calibration(data, label=label))
    with pytest.raises(ParameterError, match="more than two classes this needs all rows"):
        torchlogit.calibrate(fit, folder, "temperature", **IN_PARTS)


@pytest.mark.parametrize("method", ["platt", "logistic", "intercept", "temperature", "beta"])
def test_calibrators(other, method):
    fit, data, folder = other
    found, whole = torchlogit.calibrate(fit, folder, method, **IN_PARTS), torchlogit.calibrate(fit, data, method)
    np.testing.assert_allclose(found.calibrator.scale, whole.calibrator.scale, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.calibrator.shift, whole.calibrator.shift, rtol=1e-10, atol=1e-10)
    assert found.calibrated_on == whole.calibrated_on == 4000
    assert found.calibration_likelihood == pytest.approx(whole.calibration_likelihood, rel=1e-12)


def test_what_looks_at_each_row_is_refused(other, tmp_path):
    fit, _, folder = other
    with pytest.raises(ParameterError, match=r"isotonic.* looks at each row by itself"):
        torchlogit.calibrate(fit, folder, "isotonic", **IN_PARTS)
    for ask in (fit.calibration, fit.reliability):
        with pytest.raises(ParameterError, match="folds need all rows in memory"):
            ask(folder, folds=5, **IN_PARTS)
    with pytest.raises(ParameterError, match="bins must be 1 or more"):
        fit.calibration(folder, bins=0, **IN_PARTS)
    own = write(tmp_path / "own", numbers(600), shards=2)
    with pytest.warns(DataWarning, match="the rows that the model was fitted to"):
        torchlogit.calibrate(fit, own, memory="64KiB")


def test_the_command(run, other, tmp_path):
    fit, data, folder = other
    model, better = tmp_path / "m.safetensors", tmp_path / "better.safetensors"
    fit.save(model)
    how = ["--memory", MEMORY, "--json"]
    parts = run("calibrate", model, folder, *how, "-o", better)
    assert parts.code == 0, parts.err
    whole = run("calibrate", model, one(tmp_path / "whole.parquet", data), "--json")
    found, expected = (json.loads(each.out) for each in (parts, whole))
    place = found["measure"].index("slope")
    assert found["estimate"][place] == pytest.approx(expected["estimate"][place], rel=1e-10)
    assert "calibrated by platt on 4000 rows" in parts.err
    assert torchlogit.load(better).calibrator.scale[1] == pytest.approx(
        float(torchlogit.calibrate(fit, data).calibrator.scale[1])
    )
    assert run("calibrate", model, folder, "--memory", MEMORY, "--folds", "3").code == 2
