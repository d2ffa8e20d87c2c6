"""Fits by formula against R's glm, statsmodels' formulas, and published numbers."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import torchlogit
from torchlogit.errors import DataWarning

GOLDEN = json.loads((Path(__file__).parent / "golden" / "formulas.json").read_text())
BIRTHS, NEW = GOLDEN["births"], GOLDEN["new"]
FITS = {each["formula"]: each for each in GOLDEN["fits"]}


@pytest.mark.parametrize("formula", FITS)
def test_coefficients_errors_and_predictions_are_those_of_r(formula):
    """Also for rows beyond the knots, where splines and polynomials go on as R's do."""
    fit, r = torchlogit.fit(BIRTHS, formula), FITS[formula]
    np.testing.assert_allclose(fit.theta[:, 0], r["coef"], rtol=1e-8)
    np.testing.assert_allclose(fit.std_error[:, 0], r["std_error"], rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"][0], rel=1e-10)
    np.testing.assert_allclose(fit.predict_proba(NEW)[:, 1], r["predicted"], rtol=1e-8)


def esoph():
    """Oesophageal cancer by age, alcohol and tobacco, levels in their order."""
    e = GOLDEN["esoph"]
    ordered = {
        name: pd.Categorical(e[name], categories=e[f"{name}_levels"], ordered=True)
        for name in ("agegp", "alcgp", "tobgp")
    }
    return pd.DataFrame({**ordered, "ncases": np.array(e["ncases"], int), "ncontrols": np.array(e["ncontrols"], int)})


def test_counts_are_those_of_r():
    """Polynomial contrasts in the declared order; deviance and residuals by rows of the table."""
    e, table = GOLDEN["esoph"], esoph()
    fit = torchlogit.fit(table, "cbind(ncases, ncontrols) ~ C(agegp, Poly) + C(alcgp, Poly) + C(tobgp, Poly)")
    assert fit.target == "ncases + ncontrols"
    assert fit.n_rows == len(table)
    assert "success (200 counted), failure (775 counted)" in str(fit.summary())
    assert fit.class_weights == (sum(e["ncontrols"]), sum(e["ncases"]))
    np.testing.assert_allclose(fit.theta[:, 0], e["coef"], rtol=1e-8)
    np.testing.assert_allclose(fit.std_error[:, 0], e["std_error"], rtol=1e-6)
    found = fit.grouped()
    for name in ("log_likelihood", "deviance", "df", "aic", "bic"):
        assert getattr(found, name) == pytest.approx(e[name][0], rel=1e-10), name
    np.testing.assert_allclose(found.fitted, e["fitted"], rtol=1e-8)
    np.testing.assert_allclose(found.pearson_residual, e["pearson"], rtol=1e-8)
    np.testing.assert_allclose(found.deviance_residual, e["deviance_residuals"], rtol=1e-7)
    assert found.log_likelihood - found.log_coefficients == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_star98():
    """Known numbers of statsmodels' and R's documentation."""
    sm = pytest.importorskip("statsmodels.api")
    table = sm.datasets.star98.load_pandas().data
    fit = torchlogit.fit(table, ("NABOVE", "NBELOW"))
    found = fit.grouped()
    assert found.deviance == pytest.approx(4078.76541772, rel=1e-10)
    assert found.pearson == pytest.approx(4051.92101318, rel=1e-10)
    assert found.log_likelihood == pytest.approx(-2998.61255899, rel=1e-10)
    np.testing.assert_allclose(fit.theta[:4, 0], [2.95887793, -0.01681504, 0.00992548, -0.01872421], rtol=0, atol=5e-9)
    exog = sm.add_constant(table.drop(columns=["NABOVE", "NBELOW"]))
    glm = sm.GLM(table[["NABOVE", "NBELOW"]], exog, family=sm.families.Binomial()).fit(tol=1e-14)
    np.testing.assert_allclose(fit.theta[:, 0], glm.params, rtol=1e-8)
    np.testing.assert_allclose(fit.std_error[:, 0], glm.bse, rtol=1e-8)
    np.testing.assert_allclose(found.pearson_residual, glm.resid_pearson, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.deviance_residual, glm.resid_deviance, rtol=1e-7, atol=1e-10)
    assert (found.aic, found.bic, found.df) == pytest.approx((glm.aic, glm.bic_llf, glm.df_resid), rel=1e-10)


def test_counts_are_repeated_rows():
    """Five successes and two failures are seven rows; the model file reads the counts of another table again."""
    table = {"x": [0.0, 1.0, 2.0, 3.0, 4.0], "won": [1, 0, 5, 4, 6], "lost": [6, 3, 2, 0, 1], "k": list("ababa")}
    long = {"x": [], "y": []}
    for x, won, lost in zip(table["x"], table["won"], table["lost"], strict=True):
        long["x"] += [x] * (won + lost)
        long["y"] += [1] * won + [0] * lost
    counts, single = torchlogit.fit(table, "won + lost ~ x"), torchlogit.fit(long, "y")
    np.testing.assert_allclose(counts.theta, single.theta, rtol=1e-12)
    np.testing.assert_allclose(counts.std_error, single.std_error, rtol=1e-12)
    assert counts.log_likelihood == pytest.approx(single.log_likelihood, rel=1e-13)
    assert list(counts.training.column("k")) == list("aabaabaa")
    np.testing.assert_array_equal(counts.training.kept, [0, 0, 1, 2, 2, 3, 4, 4])


def test_counts_from_a_model_file(tmp_path):
    fit = torchlogit.fit(esoph(), ("ncases", "ncontrols"), features=["alcgp"])
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert again.counts
    np.testing.assert_array_equal(again.grouped(esoph()).pearson_residual, fit.grouped().pearson_residual)


def test_fair_is_a_comparison():
    """The 6366 women of statsmodels' fair data: had an affair or not."""
    sm = pytest.importorskip("statsmodels.api")
    table = sm.datasets.fair.load_pandas().data
    fit = torchlogit.fit(
        table,
        "(affairs > 0) ~ rate_marriage + age + yrs_married + children + religious + educ + occupation + occupation_husb",
    )
    known = [3.72571987, -0.71610711, -0.06048768, 0.11001794, -0.00423323, -0.37515765, -0.0392192, 0.16023383]
    np.testing.assert_allclose(fit.theta[:-1, 0], known, rtol=0, atol=6e-9)
    assert fit.log_likelihood == pytest.approx(-3471.471423057, rel=1e-11)
    assert fit.target == "affairs > 0"
    assert fit.classes.tolist() == [False, True]


FORMULAS = [
    "low ~ C(race) * lwt",
    "low ~ age * C(smoke) + C(race, Sum)",
    "low ~ center(age) * center(lwt) + np.exp(smoke)",
    "low ~ 0 + race",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_same_as_statsmodels(formula):
    """Names as well, where patsy and formulaic agree on them."""
    smf = pytest.importorskip("statsmodels.formula.api")
    theirs = smf.logit(formula, pd.DataFrame(BIRTHS)).fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    fit = torchlogit.fit(BIRTHS, formula)
    names = [name.replace("(Intercept)", "Intercept") for name in fit.names]
    assert sorted(names) == sorted(theirs.params.index)  # patsy has categories before numbers
    np.testing.assert_allclose(fit.theta[:, 0], theirs.params[names], rtol=1e-8)
    np.testing.assert_allclose(fit.std_error[:, 0], theirs.bse[names], rtol=1e-6)


def test_a_model_file_predicts_without_formulaic(tmp_path):
    """The file holds levels, knots and means; neither formulaic nor pandas is needed to use it."""
    fit = torchlogit.fit(BIRTHS, "low ~ race * scale(lwt) + bs(age, 4)")
    fit.save(tmp_path / "m.safetensors")
    script = (
        "import sys, torchlogit\n"
        f"fit = torchlogit.load({str(tmp_path / 'm.safetensors')!r})\n"
        "p = fit.predict_proba({'race': ['other'], 'lwt': [100.0], 'age': [20.0]})[0, 1]\n"
        "print(repr(float(p)), sorted({'formulaic', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    one = float(fit.predict_proba({"race": ["other"], "lwt": [100.0], "age": [20.0]})[0, 1])
    assert done.stdout.split() == [repr(one), "[]"]


def test_other_rows_are_read_again_by_the_formula():
    """With the formula's target and the training rows' knots; two halves sum to the whole."""
    from torchlogit.inference.observed import observed

    fit = torchlogit.fit(BIRTHS, "(low == 1) ~ race * lwt + bs(age, 4)")
    whole = observed(fit).eta.numpy()
    half = {name: values[:60] for name, values in BIRTHS.items()}
    np.testing.assert_allclose(observed(fit, half).eta.numpy(), whole[:60], rtol=1e-12)


def test_missing_cells():
    """Refused by name and row; or dropped as if the rows had not been there: knots and levels come from the rest."""
    table = pd.DataFrame(BIRTHS).astype({"low": float, "age": float, "lwt": float})
    table.loc[table.index[:5], "age"] = [np.nan, 90.0, np.nan, np.nan, np.nan]
    table.loc[1, "race"] = None
    table.loc[2, "low"] = np.nan
    table.loc[[7, 8], "lwt"] = np.nan
    formula = "low ~ bs(age, 4) + race"
    with pytest.raises(torchlogit.errors.DataError, match=r"column `age` has no value .* rows 1, 3, 4, 5"):
        torchlogit.fit(table, formula)
    fit = torchlogit.fit(table, formula, missing="drop")
    assert fit.dropped == 5
    rest = torchlogit.fit(table.drop(index=table.index[:5]), formula)
    np.testing.assert_allclose(fit.theta, rest.theta, rtol=1e-12)
    assert fit.recipe == rest.recipe


def test_rows_without_a_label_teach_nothing():
    """A row that is dropped for its label moves no knot."""
    table = pd.DataFrame(BIRTHS).astype({"low": float, "age": float})
    table.loc[0, ["low", "age"]] = [np.nan, 99.0]
    fit = torchlogit.fit(table, "low ~ poly(age, 2)", missing="drop")
    rest = torchlogit.fit(table.iloc[1:], "low ~ poly(age, 2)")
    assert fit.recipe == rest.recipe


def test_no_intercept_and_the_other_doors():
    """`- 1` takes the intercept away from a path, a bootstrap and many fits, too."""
    fit = torchlogit.fit(BIRTHS, "low ~ lwt - 1")
    assert fit.names == ("lwt",)
    path = torchlogit.fit_path(BIRTHS, "low ~ scale(lwt) + scale(age) - 1", n_strengths=3, smallest=0.1)
    assert path.columns == ("scale(lwt)", "scale(age)")
    assert path.theta.shape[1] == 2
    many = torchlogit.fit_many(BIRTHS, "low ~ lwt - 1", groups="smoke")
    assert not many.intercept
    np.testing.assert_allclose(many[1.0].theta, torchlogit.fit(
        pd.DataFrame(BIRTHS).query("smoke == 1"), "low ~ lwt - 1").theta, rtol=1e-8)  # fmt: skip
    with warnings.catch_warnings(action="ignore"):
        drawn = torchlogit.bootstrap(BIRTHS, "low ~ lwt", 5, seed=1)
    assert drawn.theta.shape == (5, 2, 1)
    with pytest.raises(torchlogit.errors.ParameterError, match="the formula has an intercept"):
        torchlogit.fit(BIRTHS, "low ~ lwt", intercept=False)


def test_weights_and_offset_are_apart():
    """`.` stands for the columns that are neither target, weight nor offset."""
    table = {**BIRTHS, "w": [1.0, 2.0, 1.0] * 63, "o": [0.1] * 189}
    fit = torchlogit.fit(table, "low ~ .", weight="w", offset="o")
    assert list(fit.terms) == ["age", "lwt", "race", "smoke"]


def test_wide_categories_stay_sparse():
    """A category of many levels and its product with a number: no zero is stored."""
    rng = np.random.default_rng(2)
    n, levels = 30_000, 300
    table = {"g": rng.integers(0, levels, n).astype(str), "x": rng.normal(size=n), "y": rng.integers(0, 2, n)}
    fit = torchlogit.fit(table, "y ~ C(g) + C(g):x", penalty=torchlogit.L2(1.0))
    assert fit.training.x.nnz < 2 * n
    dense = torchlogit.fit(fit.training.x.toarray(), table["y"], penalty=torchlogit.L2(1.0))
    np.testing.assert_allclose(fit.theta, dense.theta, rtol=1e-7, atol=1e-10)


def test_few_counts_of_a_class_are_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        torchlogit.fit({"x": [0.0, 1.0, 2.0], "s": [1, 2, 9], "f": [9, 4, 2]}, ("s", "f"))


@pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
def test_an_intercept_alone(tmp_path):
    """R's null model: the share itself, through every door that a fit has."""
    data = {"x": [1.0, 2, 3, 4, 5, 6, 7, 8], "y": [0, 1, 0, 1, 1, 1, 0, 1], "m": list("aabbcccc")}
    null, full = torchlogit.fit(data, "y ~ 1"), torchlogit.fit(data, "y ~ x")
    assert null.certified
    np.testing.assert_allclose(null.theta[0, 0], np.log(5 / 3), rtol=1e-12)
    np.testing.assert_allclose(null.std_error[0, 0], (1 / 5 + 1 / 3) ** 0.5, rtol=1e-12)
    assert (null.columns, null.terms, null.quality().df) == ((), {}, 0)
    assert null.log_likelihood == pytest.approx(full.null_log_likelihood, rel=1e-14)
    assert torchlogit.compare(null, full).statistic[1] == pytest.approx(full.quality().statistic, rel=1e-12)
    text = str(null.summary())
    assert "Newton (1 coefficient:" in text
    assert "-0.0e" not in str(torchlogit.fit({"y": [0, 1] * 10}, "y ~ 1").summary())
    assert "model test" not in text
    assert "AIC             12.59, BIC 12.66" in text
    assert "no terms beside its intercept" in str(null.explain())
    assert null.check().findings[1].ok
    null.save(tmp_path / "null.safetensors")
    again = torchlogit.load(tmp_path / "null.safetensors")
    np.testing.assert_allclose(again.predict_proba({"x": [1.0, 9.0]}), [[0.375, 0.625]] * 2, rtol=1e-14)
    low, high = null.profile().low[0], null.profile().high[0]
    for bound in (low, high):
        p = 1 / (1 + np.exp(-bound))
        assert 2 * (null.log_likelihood - 5 * np.log(p) - 3 * np.log(1 - p)) == pytest.approx(
            3.841458820694124, rel=1e-7
        )
    np.testing.assert_allclose(null.robust("HC0").std_error[0, 0], null.std_error[0, 0], rtol=1e-10)
    many = torchlogit.fit(data, "m ~ 1")
    np.testing.assert_allclose(many.predict_proba(data)[0], [0.25, 0.25, 0.5], rtol=1e-12)
    firth = torchlogit.fit(data, "y ~ 1", penalty=torchlogit.Jeffreys())
    np.testing.assert_allclose(firth.predict_proba(data)[0, 1], 5.5 / 9, rtol=1e-12)  # half a case to each class
    with pytest.raises(torchlogit.errors.ParameterError, match="no terms beside its intercept"):
        null.margins()


@pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
def test_a_constant_column_alone_is_the_null_model():
    data = {"c": [3.0] * 8, "y": [0, 1, 0, 1, 1, 1, 0, 1]}
    firth = torchlogit.fit(data, "y", penalty=torchlogit.Jeffreys())
    assert firth.aliased == ("c",)
    np.testing.assert_allclose(firth.predict_proba(data)[0, 1], 5.5 / 9, rtol=1e-12)
    assert "aliased" in str(firth.summary())
    assert "aliased" in str(torchlogit.fit(data, "y").summary())
