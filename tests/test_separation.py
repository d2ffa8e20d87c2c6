"""Separation: the verdict, which coefficients are infinite and to which side, and what is left finite."""

import json
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import datasets as data

import torchlogit.cone as cone_module
from torchlogit import L2, fit, load
from torchlogit.errors import NotCertifiedError, NotCertifiedWarning, ParameterError
from torchlogit.solvers import Status

ENDOMETRIAL = json.loads((Path(__file__).parent / "golden" / "profile.json").read_text())["endometrial"]
UCLA = np.array([[1, 3], [2, 2], [3, -1], [3, -1], [5, 2], [6, 4], [10, 1], [11, 0]] * 2, float)
PASSED = np.tile(np.repeat([0, 1], 4), 2)


def quietly(x, y, **settings):
    with warnings.catch_warnings(action="ignore"):
        return fit(x, y, **settings)


def verdict(x, y, **settings):
    found = quietly(x, y, **settings)
    if found.status is not Status.separated:
        assert found.certified
        return "overlap"
    return "complete" if found.complete else "quasi"


def tables():
    cancer, iris, wine, digits = data.load_breast_cancer(), data.load_iris(), data.load_wine(), data.load_digits()
    x, y = iris.data, iris.target
    return {
        "breast cancer": (cancer.data, cancer.target, "complete"),
        "breast cancer, 10 features": (cancer.data[:, :10], cancer.target, "overlap"),
        "setosa": (x, y == 0, "complete"),
        "versicolor": (x, y == 1, "overlap"),
        "virginica or versicolor": (x[50:], y[50:], "overlap"),
        "iris": (x, y, "quasi"),
        "wine": (wine.data, wine.target, "complete"),
        "digits": (digits.data, digits.target == 0, "complete"),
        "ucla": (UCLA, PASSED, "complete"),
    }


TABLES = tables()


@pytest.mark.parametrize("name", TABLES)
def test_bad_92_96_verdicts_of_known_tables(name):
    x, y, expected = TABLES[name]
    assert verdict(x, y) == expected


def test_bad_108_constant_columns_beside_separation():
    x, y, _ = TABLES["digits"]
    found = quietly(x, y)
    assert len(found.dependences) == 3
    assert "aliased" in " ".join(found.warnings)
    assert [int(found.infinite[d.column + 1, 0]) for d in found.dependences] == [0, 0, 0]


def endometrial(**settings):
    return quietly(np.array(ENDOMETRIAL["x"]).T, np.array(ENDOMETRIAL["y"]), **settings)


def test_bad_93_endometrial_has_one_infinite_coefficient_and_the_limits_of_the_others():
    result = endometrial()
    assert (result.status, result.complete) == (Status.separated, False)
    assert result.infinite.ravel().tolist() == [0, 1, 0, 0]
    told = result.warnings[0]
    assert "split in part by `x1`" in told
    assert "infinite: `x1` +inf" in told
    assert "the other coefficients have finite estimates" in told
    assert "Jeffreys" in told
    found = result.limits()
    np.testing.assert_allclose(found.estimate[[0, 2, 3]], [4.30451778, -0.0421834, -2.90260561], rtol=2e-7)
    np.testing.assert_allclose(found.std_error[[0, 2, 3]], [1.63729864, 0.04433197, 0.84555156], rtol=2e-7)
    assert found.estimate[1] == np.inf
    assert np.isnan(found.std_error[1])
    assert -2 * found.log_likelihood == pytest.approx(55.39326036, abs=1e-8)


def test_limits_are_a_fit_to_the_rows_that_stay_in_doubt():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 3))
    y = (rng.random(400) < expit(x[:, 0])).astype(int)
    x[:, 2] = 0
    x[np.flatnonzero(y)[:40], 2] = 1
    weight, offset = rng.integers(1, 4, 400).astype(float), rng.normal(size=400) / 3
    found = quietly(x, y, weight=weight, offset=offset).limits()
    left = x[:, 2] == 0
    rest = fit(x[left, :2], y[left], weight=weight[left], offset=offset[left])
    np.testing.assert_allclose(found.estimate[:3], rest.theta.ravel(), rtol=1e-9)
    np.testing.assert_allclose(found.std_error[:3], rest.std_error.ravel(), rtol=1e-9)
    assert found.log_likelihood == pytest.approx(rest.log_likelihood, rel=1e-12)


def test_limits_of_three_classes():
    """Setosa lies apart, so the likelihood that is left is that of the other two."""
    x, y, _ = TABLES["iris"]
    found = quietly(x, y).limits()
    pair = fit(x[50:], y[50:])
    assert found.log_likelihood == pytest.approx(pair.log_likelihood, rel=1e-9)
    assert not np.isfinite(found.estimate).any()


def test_limits_are_refused_where_there_are_none():
    x, y, _ = TABLES["versicolor"]
    with pytest.raises(ParameterError, match="overlap"):
        fit(x, y).limits()
    with pytest.raises(NotCertifiedError, match="penalised"):
        fit(x, y, penalty=L2(1.0)).limits()


def test_bad_94_a_row_that_overlaps_by_little_is_no_separation():
    for gap in (1e-3, 1e-6, 1e-8, 1e-9):
        x = np.concatenate([np.linspace(0, 1, 25), np.linspace(1 - gap, 2, 25)])[:, None]
        y = np.repeat([0, 1], 25)
        far = quietly(x, y, max_iter=2000)
        assert far.status is not Status.separated
        x[25:] += 2 * gap
        assert quietly(x, y).complete


def test_bad_95_a_combination_shows_its_direction():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    x = x[abs(x @ [1, 2]) > 0.1]
    result = quietly({"a": x[:, 0], "b": x[:, 1], "y": (x @ [1, 2] > 0).astype(int)}, "y")
    assert "the direction is" in result.warnings[0]
    assert "`a` + `b`" in result.warnings[0]
    assert "`a` +inf, `b` +inf" in result.warnings[0]


def test_bad_97_one_part_is_separated_but_the_whole_overlaps():
    x = np.linspace(-1, 1, 40)[:, None]
    y = (x[:, 0] > 0).astype(int)
    assert verdict(x, y) == "complete"
    assert verdict(np.concatenate([x, x]), np.concatenate([y, 1 - y])) == "overlap"


def test_bad_98_rows_without_weight_do_not_count():
    x, y = np.arange(8.0)[:, None], np.array([0, 0, 1, 0, 1, 1, 1, 1])
    assert verdict(x, y) == "overlap"
    assert verdict(x, y, weight=np.array([1.0, 1, 0, 1, 1, 1, 1, 1])) == "complete"


def test_bad_99_a_penalty_makes_separated_data_finite_and_says_that_there_are_no_intervals():
    result = fit(UCLA, PASSED, penalty=L2(1.0))
    assert result.certified
    assert "No standard errors: the fit is penalised" in str(result.summary())
    assert np.isnan(result.table().low).all()


def test_bad_107_a_fallback_is_labelled(monkeypatch):
    def fails(*arguments):
        raise cone_module.Undecided("the linear programme failed")

    monkeypatch.setattr(cone_module, "_programme", fails)
    result = endometrial()
    assert (result.status, result.complete) == (Status.separated, False)
    assert "not certified by a linear programme" in result.warnings[0]
    with pytest.raises(NotCertifiedError, match="programme failed"):
        result.limits()


@pytest.mark.parametrize("whole", [0, 10**9])
def test_a_working_set_decides_what_all_rows_decide(whole, monkeypatch):
    monkeypatch.setattr(cone_module, "WHOLE", whole)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 6))
    y = (rng.random(20_000) < expit(x[:, 0])).astype(int)
    x[:, 5] = 0
    x[np.flatnonzero(y)[:7], 5] = 1
    result = quietly(x, y)
    assert result.infinite.ravel().tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert "not certified by" not in result.warnings[0]
    x[np.flatnonzero(y == 0)[0], 5] = 1
    assert quietly(x, y).certified


def rays(rows):
    """The extreme rays of {d: rows · d ≥ 0} in three dimensions, exactly: cross products of pairs of rows."""
    found = []
    for a, b in combinations(np.unique(rows, axis=0), 2):
        d = np.cross(a, b)
        found += [s * d for s in (1, -1) if d.any() and (rows @ (s * d) >= 0).all()]
    return found


cells = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 1)), min_size=6, max_size=14)


@settings(deadline=None, max_examples=150)
@given(cells, st.sampled_from([(1.0, 0.0), (1e-8, 0.0), (1.0, 1e6)]))
def test_the_verdict_and_the_signs_are_those_of_whole_numbers(cells, units):
    table = np.array(cells)
    x, y = table[:, :2], table[:, 2]
    whole = np.column_stack([np.ones(len(x), int), x])
    if len(set(y)) < 2 or np.linalg.matrix_rank(whole) < 3:
        return
    margins = whole * (2 * y - 1)[:, None]
    exact = rays(margins)
    scale, shift = units
    result = quietly((x + shift) * scale, y)
    assert (result.status is Status.separated) == bool(exact)
    if not exact:
        return
    assert result.complete == bool((margins @ sum(exact) > 0).all())
    slopes = np.array(exact)[:, 1:]
    moved = slopes.any(0)
    assert (result.infinite[1:, 0] != 0).tolist() == moved.tolist()
    for j in range(2):
        if moved[j] and (slopes[:, j].min() >= 0 or slopes[:, j].max() <= 0):
            sign = "+inf" if slopes[:, j].max() > 0 else "-inf"
            assert f"`x{j + 1}` {sign}" in result.warnings[0]
        elif moved[j]:
            assert f"`x{j + 1}` {'+' if result.infinite[j + 1, 0] > 0 else '-'}inf" not in result.warnings[0]


@pytest.mark.parametrize("units", [1.0, 1e-8])
def test_a_coefficient_at_0_in_the_direction_found_is_still_not_finite(units):
    """The rows are alike above and below, so that the inner direction leaves x2 at 0; others take it either way."""
    x, y = np.array([[-1, -1], [-1, 1], [0, 1], [0, -1], [1, 0], [-1, 0]]) * units, np.array([0, 0, 1, 1, 1, 0])
    result = quietly(x, y)
    assert result.complete
    assert (result.infinite[1:, 0] != 0).tolist() == [True, True]
    assert "infinite: `(Intercept)` +inf, `x1` +inf;" in result.warnings[0]
    assert "infinite in a direction that the data leave open: `x2`;" in result.warnings[0]


def test_what_is_infinite_survives_the_file(tmp_path):
    result = endometrial()
    result.save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert torch.equal(back.infinite, result.infinite)
    assert back.warnings == result.warnings


def test_strict_refuses():
    with pytest.raises(NotCertifiedError, match="split perfectly"):
        fit(UCLA, PASSED, strict=True)
    with pytest.warns(NotCertifiedWarning, match="split perfectly"):
        fit(UCLA, PASSED)
