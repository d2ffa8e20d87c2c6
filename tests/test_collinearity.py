"""Rank, condition number and variance inflation of the columns."""

import warnings

import numpy as np
import pytest

from torchlogit import fit


def test_condition_and_inflation_are_those_of_the_correlations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    y = (rng.random(200) < 0.4).astype(int)
    found = fit(x * [1, 1e-8, 1e5, 1] + [0, 0, 1e9, 1e3], y).collinearity()
    correlation = np.corrcoef(x.T)
    values = np.linalg.eigvalsh(correlation)
    assert found.condition == pytest.approx(np.sqrt(values[-1] / values[0]), rel=1e-5)
    np.testing.assert_allclose(found.root_vif, np.sqrt(np.linalg.inv(correlation).diagonal()), rtol=1e-5)
    assert (found.rank, found.width, found.notes) == (5, 5, ())


@pytest.mark.parametrize("power", [10, 20, 30])
def test_the_condition_of_nearly_collinear_columns_keeps_its_digits(power):
    i = np.arange(1, 61)
    e = (37 * i % 11 - 5).astype(float)
    y = ((7919 * i % 101) < 20 + i).astype(int)
    with warnings.catch_warnings(action="ignore"):
        found = fit(np.column_stack([i, i + e * 2.0**-power]), y).collinearity()
    a, e = i - i.mean(), e - e.mean()
    left = (e - a * (a @ e) / (a @ a)) * 2.0**-power  # what the second column adds
    sine = np.linalg.norm(left) / np.linalg.norm(a + e * 2.0**-power)
    assert found.condition == pytest.approx(2 / sine, rel=1e-2)
    assert found.digits == int(15.9 - np.log10(found.condition))


def test_aliased_columns_are_left_out_and_named():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 100))
    table = {"a": a, "b": b, "total": a + b, "y": (rng.random(100) < 0.5).astype(int)}
    with warnings.catch_warnings(action="ignore"):
        found = fit(table, "y").collinearity()
    assert (found.rank, found.width) == (3, 4)
    assert "`total` = `a` + `b`" in found.notes[0]
    assert found.condition < 2


def test_the_sentence_says_rank_and_condition_number():
    """Those that `collinearity` finds, without another look at the rows; not where nothing is to be told."""
    rng = np.random.default_rng(2)
    a, b, c = rng.normal(size=(3, 100))
    table = {"a": a, "b": 1e3 + b, "c": a + 0.5 * c, "total": a - b, "one": np.ones(100)}
    y = (rng.random(100) < 0.5).astype(int)
    with warnings.catch_warnings(action="ignore"):
        result = fit(table | {"y": y}, "y")
        near = fit({"a": a, "b": a + 1e-8 * b, "y": y}, "y")
    assert result.warnings[0].startswith("aliased: `total` = `a` - `b` + 1000; it has")
    assert result.warnings[1].startswith("aliased: `one` is constant; it has")
    assert result.warnings[1].endswith(f"(rank 4 of 6, condition number {result.collinearity().condition:.2g})")
    assert near.warnings[0].endswith(f"(rank 3 of 3, condition number {near.collinearity().condition:.2g})")
    assert near.collinearity().condition > 1e8
    assert fit({"a": a, "c": c, "y": y}, "y").warnings == ()
