"""Standard errors that would be false, and measures of weighted fits: numbered rows of the list of bad inputs."""

import warnings

import numpy as np
import pytest

import torchlogit
from torchlogit import NotCertifiedError, fit

RNG = np.random.default_rng(4)
N = 200
X = RNG.normal(size=(N, 3))
Y = (X @ [1.0, -0.7, 0.2] + RNG.logistic(size=N) > 0).astype(int)
TIMES = RNG.integers(0, 5, N)


def quietly(*arguments, **settings):
    with warnings.catch_warnings(action="ignore"):
        return fit(*arguments, **settings)


@pytest.mark.parametrize("y", [Y, np.digitize(X[:, 0] + RNG.logistic(size=N), [-0.7, 0.7])])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_bad_065_coefficients_and_errors_are_those_of_repeated_rows(y, link):
    if link == "probit":
        y = y > 0
    weighted, repeated = fit(X, y, weight=TIMES, link=link), fit(np.repeat(X, TIMES, 0), np.repeat(y, TIMES), link=link)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-10)
    np.testing.assert_allclose(weighted.std_error, repeated.std_error, rtol=1e-10)
    for a, b in zip(weighted.quality(), repeated.quality(), strict=True):
        assert (a is None and b is None) or a == pytest.approx(b, rel=1e-10)


def test_bad_066_070_the_summary_says_what_errors_of_weights_are():
    """Class weights, as weights of rows: their errors are told not to be the likelihood's."""
    by_class = np.where(Y, 2.5, 0.5)
    flagged = " ".join(str(fit(X, Y, weight=by_class).summary()).split())
    assert "(importance)" in flagged
    assert "errors take their sum for the number of rows" in flagged
    sampled = str(fit(X, Y, weight=by_class, weights_are="sampling").summary())
    assert "standard errors: linearised" in sampled
    for text in (sampled, str(fit(X, Y, weight=TIMES).summary()), str(fit(X, Y).summary())):
        assert "importance" not in text
    with pytest.raises(torchlogit.ParameterError, match="no robust errors"):
        fit(X, Y, weight=by_class).robust()


def test_bad_070_the_estimator_with_class_weights_gives_no_errors():
    model = torchlogit.LogisticRegression(class_weight="balanced", C=np.inf).fit(X, Y)
    public = [name for name in dir(model) if not name.startswith("_")]
    assert [name for name in public if "error" in name or "covariance" in name or "summary" in name] == []


def marked(weight):
    """A column that only one row, of little weight, keeps from splitting the classes: its error is √(1 / weight)."""
    mark = np.r_[np.zeros(100), np.ones(50)]
    y = np.r_[np.arange(100) % 2, np.ones(49, int), 0]
    return quietly(mark[:, None], y, weight=np.r_[np.ones(149), weight])


@pytest.mark.parametrize("weight", [1e-2, 1e-4, 1e-6, 1e-7])
def test_bad_131_errors_keep_six_digits_while_they_are_printed(weight):
    found = marked(weight)
    m = 49 + weight
    own = 1 / (m * (49 / m) * (weight / m))
    np.testing.assert_allclose(found.std_error[:, 0], [np.sqrt(1 / 25), np.sqrt(1 / 25 + own)], rtol=1e-6)


@pytest.mark.parametrize("weight", [1e-12, 1e-14, 1e-15])
def test_bad_131_errors_that_rounding_would_decide_are_refused(weight):
    """At 1e-15 inverting the information anyway gives the intercept an error of 0.05, for 0.2."""
    found = marked(weight)
    assert found.covariance_root is None
    with pytest.raises(NotCertifiedError, match=r"nearly singular|do not determine"):
        found.std_error
    assert np.isnan(found.table().std_error).all()
    assert not any(text in str(found.summary()) for text in ("nan", "e+0"))


def test_bad_131_no_variance_is_negative_by_construction():
    """A root of the inverse information, column by column of a triangle, for columns of very different size."""
    found = fit(X * [1e-150, 1.0, 1e150], Y)
    plain = fit(X, Y)
    np.testing.assert_allclose(found.std_error[:, 0].numpy() / [1, 1e150, 1, 1e-150], plain.std_error[:, 0], rtol=1e-9)
    softmax = fit(X, np.digitize(X[:, 0] + RNG.logistic(size=N), [-0.7, 0.7]))
    np.testing.assert_allclose(softmax.covariance.reshape(4, 3, 12).sum(1), 0, atol=1e-12)
    assert bool((softmax.std_error > 0).all())


@pytest.mark.parametrize("intercept", [True, False])
def test_bad_138_measures_of_a_weighted_fit(intercept):
    """As documented: n is the sum of the weights; without an intercept the null model gives even chances."""
    found = fit(X, Y, weight=TIMES, intercept=intercept)
    quality, n, m = found.quality(), TIMES.sum(), 3 + intercept
    eta = X @ found.coef[:, 0].numpy() + (float(found.theta[0]) if intercept else 0)
    full = (TIMES * (Y * eta - np.logaddexp(0, eta))).sum()
    share = np.average(Y, weights=TIMES) if intercept else 0.5
    null = (TIMES * np.where(Y, np.log(share), np.log(1 - share))).sum()
    assert quality.aic == pytest.approx(2 * m - 2 * full, rel=1e-12)
    assert quality.bic == pytest.approx(m * np.log(n) - 2 * full, rel=1e-12)
    assert quality.mcfadden == pytest.approx(1 - full / null, rel=1e-11)
    assert (quality.df, quality.coefficients, quality.n) == (3, m, n)
