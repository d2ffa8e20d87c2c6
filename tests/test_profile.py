"""Profile-likelihood intervals and likelihood-ratio tests against R, against plain root finding, and against themselves."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize
from scipy.special import expit, logsumexp

import torchlogit
from torchlogit import datasets
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.observed import observed
from torchlogit.inference.profile import chi_squared_quantile

GOLDEN = json.loads((Path(__file__).parent / "golden" / "profile.json").read_text(encoding="utf-8"))
Q95 = 3.841458820694124


def fitted(case):
    table = {name: np.array(column, float) for name, column in zip(case["columns"], case["x"], strict=True)}
    table["y"] = case["y"]
    extra = {name: np.array(case[name]) for name in ("weight", "offset") if name in case}
    with warnings.catch_warnings(action="ignore"):
        return torchlogit.fit(table, "y", link=case["link"], intercept=case["intercept"], **extra)


@pytest.mark.parametrize("name", GOLDEN)
def test_against_r(name):
    """Bounds and statistics of R's glm, found there by root finding; four links, weights, offsets, separated data."""
    case = GOLDEN[name]
    found = fitted(case).profile(case.get("level", 0.95))
    for i, term in enumerate(found.term):
        row = {key: float(value) for key, value in case["rows"][term].items()}
        for key in ("estimate", "low", "high", "statistic"):
            assert getattr(found, key)[i] == pytest.approx(row[key], rel=1e-6, abs=1e-9), (term, key)


def test_the_spline_of_mass():
    """MASS's confint, interpolated, as it is printed in textbooks: to its four digits."""
    found = fitted(GOLDEN["birthwt logit"]).profile()
    spline = GOLDEN["birthwt logit"]["spline"]
    np.testing.assert_allclose(found.low, spline["low"], rtol=2e-3)
    np.testing.assert_allclose(found.high, spline["high"], rtol=2e-3)


# Plain root finding: SciPy minimises over the other coefficients, brentq solves for the bound.


def least(f, start):
    return minimize(f, start, jac=True, method="BFGS", options={"gtol": 1e-9}).fun


def plain_bounds(loss, theta, functional):
    """Both bounds and the statistic of functional @ theta, for a convex loss of a flat theta with its gradient."""
    best = least(loss, theta)
    j = int(np.argmax(abs(functional)))

    def profiled(b):
        def other(rest):
            full = np.insert(rest, j, 0.0)
            full[j] = (b - functional @ full) / functional[j]
            value, slope = loss(full)
            return value, np.delete(slope - slope[j] / functional[j] * functional, j)

        return 2 * (least(other, np.delete(theta, j)) - best)

    b = functional @ theta
    ends = [brentq(lambda t, s=s: profiled(b + s * t) - Q95, 1e-3, 20, xtol=1e-10) for s in (-1, 1)]
    return b - ends[0], b + ends[1], profiled(0.0)


def cross_entropy(eta, y):
    """Its value, and its slope in eta."""
    mu = np.exp(eta - logsumexp(eta, axis=1, keepdims=True))
    return -np.log(mu[np.arange(len(y)), y]).sum(), mu - np.eye(eta.shape[1])[y]


def multinomial(seed=3, n=90, classes=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    eta = np.column_stack([np.zeros(n), x @ [1.0, -0.5], x @ [0.3, 0.8] - 0.4])[:, :classes]
    return x, (eta + rng.gumbel(size=eta.shape)).argmax(1)


@pytest.mark.parametrize(("base", "i"), [(2, 0), (None, 3)])
def test_multinomial_against_root_finding(base, i):
    """Differences to a class, or to the mean of all, bounds and statistic by two nested searches."""
    x, y = multinomial()
    fit = torchlogit.fit(x, y)
    found = fit.profile(terms=["x1", "(Intercept)"], base=base)
    assert found.label == (("0", "1", "2") if base is None else tuple("012".replace(str(base), ""))) * 2

    z, sums = np.column_stack([np.ones(len(x)), x]), lambda flat: flat.reshape(3, 3).sum(1)

    def loss(flat):
        value, slope = cross_entropy(z @ flat.reshape(3, 3), y)
        return value + (sums(flat) ** 2).sum(), (z.T @ slope + 2 * sums(flat)[:, None]).ravel()

    other = np.full(3, 1 / 3) if base is None else np.eye(3)[base]
    functional = np.zeros((3, 3))
    functional[1 if i == 0 else 0] = np.eye(3)[int(found.label[i])] - other
    low, high, statistic = plain_bounds(loss, fit.theta.numpy().ravel(), functional.ravel())
    expected = [float((functional * fit.theta.numpy()).sum()), low, high, statistic]
    got = [found.estimate[i], found.low[i], found.high[i], found.statistic[i]]
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_softmax_of_two_is_the_binary_fit():
    """Its difference of two classes has the bounds of the logistic fit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = (rng.random(60) < expit(x[:, 0])).astype(int)
    binary, two = torchlogit.fit(x, y).profile(), torchlogit.fit(x, y, loss="softmax").profile(base=0)
    turned = torchlogit.fit(x, y).profile(base=1)
    for name in ("estimate", "low", "high", "statistic"):
        np.testing.assert_allclose(getattr(two, name), getattr(binary, name), rtol=1e-7)
    np.testing.assert_allclose(turned.low, -binary.high, rtol=1e-12)


def binary(n=120, d=3, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, (rng.random(n) < expit(x[:, 0] - 0.5)).astype(int)


def test_the_equations_hold_at_every_bound():
    """With b held at the bound, a fit with an offset loses half the quantile: ℓ by torchlogit's own fit, not by the profile."""
    x, y = binary()
    fit = torchlogit.fit(x, y)
    found = fit.profile(0.9)
    for j in range(3):
        for b in (found.low[j + 1], found.high[j + 1]):
            held = torchlogit.fit(np.delete(x, j, 1), y, offset=b * x[:, j])
            lost = 2 * (fit.log_likelihood - held.log_likelihood)
            assert lost == pytest.approx(chi_squared_quantile(0.9), rel=1e-9)
        without = torchlogit.fit(np.delete(x, j, 1), y)
        assert found.statistic[j + 1] == pytest.approx(2 * (fit.log_likelihood - without.log_likelihood), rel=1e-9)
    assert max(found.low_error.max(), found.high_error.max()) < 1e-8
    assert max(found.low_slope.max(), found.high_slope.max()) < 1e-3


@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_units_and_zeros_change_nothing(factor, shift):
    """A column times 1e-8, or moved by 1e6 of its deviations: bounds in its units, the intercept's apart."""
    x, y = binary()
    plain = torchlogit.fit(x, y).profile()
    moved = x.copy()
    moved[:, 1] = (moved[:, 1] + shift) * factor
    found = torchlogit.fit(moved, y).profile()
    unit = np.array([1, factor, 1])
    for name in ("low", "high"):
        np.testing.assert_allclose(getattr(found, name)[1:] * unit, getattr(plain, name)[1:], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.statistic[1:], plain.statistic[1:], rtol=1e-7)


def test_the_intercept_is_that_at_zero():
    """Moving a column to where its zero was makes its intercept the moved fit's."""
    x, y = binary()
    shifted, z = torchlogit.fit(x + 2.0, y).profile(terms=["(Intercept)"]), np.column_stack([np.ones(len(x)), x + 2])
    held = plain_bounds(
        lambda t: ((np.logaddexp(0, z @ t) - y * (z @ t)).sum(), z.T @ (expit(z @ t) - y)),
        torchlogit.fit(x + 2.0, y).theta.numpy().ravel(),
        np.array([1.0, 0, 0, 0]),
    )
    np.testing.assert_allclose([shifted.low[0], shifted.high[0]], held[:2], rtol=1e-6)


def test_weights_are_repeated_rows():
    """A weight of 3 is three rows."""
    x, y = binary(60)
    times = np.arange(60) % 3
    weighted, repeated = torchlogit.fit(x, y, weight=times), torchlogit.fit(x.repeat(times, 0), y.repeat(times))
    for name in ("low", "high", "statistic"):
        np.testing.assert_allclose(getattr(weighted.profile(), name), getattr(repeated.profile(), name), rtol=1e-8)


def test_many_rows_take_the_compiled_passes():
    """Member by member above some thousand rows: the same numbers as all at once."""
    x, y = binary(5000, 2)
    whole = torchlogit.fit(x, y)
    found = whole.profile()
    batch = torchlogit.fit(torch.from_numpy(np.repeat(x, 1, 0)), y, weight=np.ones(5000)).profile()
    np.testing.assert_allclose(found.low, batch.low, rtol=1e-9)
    held = torchlogit.fit(x[:, 1:], y, offset=found.low[1] * x[:, 0])
    assert 2 * (whole.log_likelihood - held.log_likelihood) == pytest.approx(Q95, rel=1e-8)


def test_aliased_terms_have_no_bounds():
    """NaN for them, the others as without them."""
    x, y = binary()
    with pytest.warns(torchlogit.AliasedWarning):
        found = torchlogit.fit(np.column_stack([x, x[:, 0] + x[:, 1]]), y).profile()
    plain = torchlogit.fit(x, y).profile()
    assert np.isnan([getattr(found, name)[4] for name in ("estimate", "low", "high", "log_p")]).all()
    np.testing.assert_allclose(found.low[:4], plain.low, rtol=1e-8)
    assert found.notes == ()


def test_cauchit_says_local():
    """The likelihood of a heavy-tailed link may have several optima."""
    assert "local" in fitted(GOLDEN["birthwt cauchit"]).profile().notes[0]
    assert fitted(GOLDEN["birthwt probit"]).profile().notes == ()


# Separated data


def separated(x, y):
    with warnings.catch_warnings(action="ignore"):
        fit = torchlogit.fit(x, y)
    assert str(fit.status) == "separated"
    return fit


def test_completely_separated():
    """One threshold: the slope has a lower bound, where the profile is that of a fit with an offset."""
    x, y = np.arange(10.0)[:, None], (np.arange(10) > 5).astype(int)
    found = separated(x, y).profile()
    assert found.estimate[1] == np.inf
    assert found.high[1] == np.inf
    assert (found.low[0], found.estimate[0]) == (-np.inf, -np.inf)

    def loss(b0, b1):
        eta = b0 + b1 * x[:, 0]
        return (np.logaddexp(0, eta) - y * eta).sum()

    assert 2 * minimize(lambda t: loss(t[0], found.low[1]), [0.0]).fun == pytest.approx(Q95, rel=1e-6)
    null = -2 * (4 * np.log(0.4) + 6 * np.log(0.6))
    assert found.statistic[1] == pytest.approx(null, rel=1e-8)


def test_a_coefficient_of_either_sign():
    """Separated with room to spare, a column of noise may go either way: no bound, and nothing against 0."""
    x = np.column_stack([[0, 1, 2, 10, 11, 12.0], [1, -1, 0.5, -1, 1, 0.3]])
    found = separated(x, [0, 0, 0, 1, 1, 1]).profile()
    assert (found.low[2], found.high[2], found.statistic[2]) == (-np.inf, np.inf, 0.0)
    assert found.low[1] > 0
    assert found.high[1] == np.inf


def test_the_rest_of_a_quasi_separated_fit_is_that_of_the_other_rows():
    """A column that is nonzero for one class only: the others' bounds are those without its rows."""
    x, y = binary(100, 2)
    mark = np.zeros(100)
    mark[np.flatnonzero(y)[:12]] = 1.0
    found = separated(np.column_stack([x, mark]), y).profile()
    rest = torchlogit.fit(x[mark == 0], y[mark == 0])
    plain = rest.profile()
    for name in ("estimate", "low", "high", "statistic"):
        np.testing.assert_allclose(getattr(found, name)[:3], getattr(plain, name), rtol=1e-6)
    assert found.high[3] == np.inf
    assert np.isfinite(found.low[3])
    held = torchlogit.fit(x, y, offset=found.low[3] * mark)
    assert 2 * (rest.log_likelihood - held.log_likelihood) == pytest.approx(Q95, rel=1e-6)


def test_a_class_that_never_occurs_beyond_a_mark():
    """Three classes, one of them absent where a column is 1: its difference has no lower bound, others are finite."""
    x, y = multinomial(n=150)
    mark = (np.arange(150) % 3 == 0).astype(float)
    y = np.where((mark == 1) & (y == 2), 0, y)
    found = separated(np.column_stack([x[:, 0], mark]), y).profile(base=0)
    at = {(term, label): i for i, (term, label) in enumerate(zip(found.term, found.label, strict=True))}
    gone, kept = at["x2", "2"], at["x2", "1"]
    assert (found.estimate[gone], found.low[gone]) == (-np.inf, -np.inf)
    assert np.isfinite(found.high[gone])
    assert np.isfinite([found.low[kept], found.high[kept], found.estimate[kept]]).all()
    assert found.low[kept] < found.estimate[kept] < found.high[kept]

    z = np.column_stack([np.ones(150), x[:, 0], mark])

    def loss(flat):
        eta = np.column_stack([np.zeros(150), z @ flat.reshape(3, 2)])
        eta[:, 2] -= 1e3 * mark  # the limit
        value, slope = cross_entropy(eta, y)
        return value, (z.T @ slope[:, 1:]).ravel()

    start = minimize(loss, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-10}).x
    low, high, statistic = plain_bounds(loss, start, np.array([0, 0, 1.0, 0, 0, 0]))
    i = at["x1", "1"]
    np.testing.assert_allclose([found.low[i], found.high[i], found.statistic[i]], [low, high, statistic], rtol=2e-6)


def test_a_working_set_of_rows_gives_the_same_bounds(monkeypatch):
    """Linear programmes on the rows that matter: a large table is no reason to refuse."""
    x, y = binary(400, 2)
    mark = np.zeros(400)
    mark[np.flatnonzero(y)[:12]] = 1.0
    fit = separated(np.column_stack([x, mark]), y)
    whole = fit.profile()
    monkeypatch.setattr("torchlogit.cone.WHOLE", 0)
    for name in ("estimate", "low", "high", "statistic"):
        np.testing.assert_allclose(getattr(fit.profile(), name), getattr(whole, name), rtol=1e-8)


# Refusals


def test_what_is_refused():
    """A penalised fit, one without a certificate, the linear unit, strange levels, terms and classes, other rows."""
    x, y = binary()
    with pytest.raises(NotCertifiedError, match="would not be confidence intervals"):
        torchlogit.fit(x, y, penalty=torchlogit.L2(1.0)).profile()
    with pytest.warns(torchlogit.NotCertifiedWarning), pytest.raises(NotCertifiedError, match="ran out"):
        torchlogit.fit(x, y, max_iter=1, solver=torchlogit.LBFGS()).profile()
    with pytest.raises(NotCertifiedError, match="no likelihood"):
        torchlogit.fit(x, y, loss="squared").profile()
    with pytest.raises(NotCertifiedError, match="sampling weights"):
        torchlogit.fit(x, y, weight=np.ones(len(y)), weights_are="sampling").profile()
    fit = torchlogit.fit(x, y)
    for settings in ({"level": 1.0}, {"terms": ["age"]}, {"base": 7}):
        with pytest.raises(ParameterError):
            fit.profile(**settings)
    with pytest.raises(ParameterError, match="interval"):
        fit.table(interval="exact")


def test_other_rows_are_found_out(tmp_path):
    """A fit from a file needs its training data; other data have their maximum elsewhere."""
    data = datasets.study_hours()
    fit = torchlogit.fit(data, "passed")
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        again.profile()
    np.testing.assert_allclose(again.profile(data=data).low, fit.profile().low, rtol=1e-12)
    other = {"hours": data["hours"], "passed": np.asarray(data["passed"])[::-1]}
    with pytest.raises(DataError, match="not the rows"):
        fit.profile(data=other)


def test_the_table_with_profile_intervals():
    """The same table: bounds and p of the likelihood ratio, standard errors as they were."""
    fit = torchlogit.fit(*binary())
    found, plain, by = fit.table(0.9, interval="profile"), fit.table(0.9), fit.profile(0.9)
    assert (found.interval, plain.interval) == ("profile likelihood", "Wald")
    assert np.array_equal(found.low, by.low)
    assert np.array_equal(found.std_error, plain.std_error)
    np.testing.assert_allclose(found.z**2, by.statistic, rtol=1e-12)
    assert (np.sign(found.z) == np.sign(found.estimate)).all()


def test_terms_are_chosen_by_name():
    """Some terms, in the order asked for, with the numbers that all together have."""
    fit = torchlogit.fit(*binary())
    some, every = fit.profile(terms=["x3", "x1"]), fit.profile()
    assert some.term == ("x3", "x1")
    np.testing.assert_allclose(some.low, every.low[[3, 1]], rtol=1e-9)


def test_the_gradient_at_the_fit_is_seen(recwarn):
    """The profile is taken about the fit itself: its estimate is the fit's, bit for bit."""
    fit = torchlogit.fit(*binary())
    assert np.array_equal(fit.profile().estimate, fit.theta.numpy().ravel())
    assert observed(fit).gamma.shape == (4, 1)


def test_the_summary_shows_them():
    """Infinite estimates with their one-sided intervals; odds ratios of the bounds."""
    lines = str(fitted(GOLDEN["endometrial"]).summary(interval="profile")).splitlines()
    assert any(line.startswith("intervals       95 %, profile likelihood") for line in lines)
    assert "NV               +inf   3.06   0.002           3.6115    +inf" in lines


@pytest.mark.parametrize("shift", [None, 0.1])
def test_nothing_but_a_column_that_does_not_vary(shift):
    """It is aliased, and the intercept is left, with its bounds: those of a proportion."""
    y, x = np.arange(40) % 4 == 0, np.zeros((40, 1))
    with pytest.warns(torchlogit.AliasedWarning):
        found = torchlogit.fit(x, y, offset=None if shift is None else np.full(40, shift)).profile()
    assert np.isnan([found.estimate[1], found.low[1], found.statistic[1]]).all()

    def lost(b):
        return -2 * (10 * (b - np.log(1 / 3)) - 40 * (np.logaddexp(0, b) - np.logaddexp(0, np.log(1 / 3))))

    assert lost(found.low[0] + (shift or 0.0)) == pytest.approx(Q95, rel=1e-8)
    assert lost(found.high[0] + (shift or 0.0)) == pytest.approx(Q95, rel=1e-8)
