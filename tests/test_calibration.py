"""Reliability and the numbers of calibration against scikit-learn, statsmodels, R, high precision, simulation and themselves."""

import json
from math import comb
from pathlib import Path

import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.calibration import calibration_curve

import torchlogit
from torchlogit import L2
from torchlogit.calibration.events import event_of
from torchlogit.calibration.measures import MEASURES, _Rows, calibration, folded
from torchlogit.calibration.reliability import quantiles, reliability
from torchlogit.calibration.smooth import distances, smooth_reliability
from torchlogit.calibration.words import verdict
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.metrics.scored import Scored, scored_arrays

RNG = np.random.default_rng(11)
N = 400
P = RNG.beta(1.5, 2.5, N)
TRUE = 1 / (1 + np.exp(-(0.4 + 0.7 * np.log(P / (1 - P)))))  # intercept 0.4, slope 0.7
Y = (RNG.random(N) < TRUE).astype(int)
ROWS = scored_arrays(Y, P)
W = RNG.integers(1, 4, N).astype(float)
TIMES = W.astype(int)
WEIGHTED, REPEATED = scored_arrays(Y, P, W), scored_arrays(np.repeat(Y, TIMES), np.repeat(P, TIMES))
THREE = scored_arrays(np.array(list("abc"))[RNG.integers(0, 3, 90)], RNG.dirichlet([1, 2, 3], 90))


@pytest.mark.parametrize(("rule", "strategy"), [("quantile", "quantile"), ("width", "uniform")])
@pytest.mark.parametrize("bins", [1, 5, 10, 40])
def test_the_binned_curve_is_scikit_learns(rule, strategy, bins):
    found = reliability(ROWS, bins, rule)
    share, mean = calibration_curve(Y, P, n_bins=bins, strategy=strategy)
    np.testing.assert_allclose(found.observed, share, rtol=1e-12)
    np.testing.assert_allclose(found.predicted, mean, rtol=1e-12)
    assert found.n.sum() == N
    assert (found.low[1:] == found.high[:-1]).all() or rule == "width"


def test_probabilities_on_the_edges_lie_where_scikit_learn_has_them():
    p = np.tile(np.arange(0, 11) / 10, 3)
    y = (np.arange(33) % 3 == 0).astype(int)
    for rule, strategy in (("quantile", "quantile"), ("width", "uniform")):
        found = reliability(scored_arrays(y, p), 10, rule)
        share, mean = calibration_curve(y, p, n_bins=10, strategy=strategy)
        np.testing.assert_allclose(found.predicted, mean, rtol=1e-12)
        np.testing.assert_allclose(found.observed, share, rtol=1e-12)


def test_bad_135_equal_probabilities_stay_together():
    """Also where they differ by rounding alone; there are then fewer bins, and a note says so."""
    p = np.repeat([0.1, 0.2, 0.3], 20) + np.tile([0.0, 1e-17], 30)
    found = reliability(scored_arrays(np.tile([0, 1], 30), p), 10)
    assert found.n.tolist() == [20, 20, 20]
    assert "3 bins, not 10" in str(found)


def test_quantiles_are_numpys_of_repeated_rows():
    q = np.linspace(0, 1, 23)
    np.testing.assert_allclose(quantiles(P, np.ones(N), q), np.quantile(P, q), rtol=1e-13)
    np.testing.assert_allclose(quantiles(P, W, q), np.quantile(np.repeat(P, TIMES), q), rtol=1e-13)


@pytest.mark.parametrize("method", [reliability, smooth_reliability, calibration])
def test_weights_are_repeated_rows_and_order_does_not_matter(method):
    left, right = method(WEIGHTED).to_dict(), method(REPEATED).to_dict()
    order = RNG.permutation(N)
    shuffled = method(WEIGHTED.rows(order)).to_dict()
    for name, column in left.items():
        if name in ("measure", "event", "rule", "notes", "language", "reliability"):
            continue
        ours, theirs, third = (np.array(each, dtype=float) for each in (column, right[name], shuffled[name]))
        if name in ("estimate", "log_p"):  # Hosmer and Lemeshow's is for rows without weights
            ours[4] = theirs[4] = third[4] = 0
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(ours, third, rtol=1e-9, atol=1e-12, err_msg=name)


def test_rows_without_weight_are_not_there():
    more = scored_arrays([*Y, 1, 0], [*P, 0.0, 1.0], [*np.ones(N), 0, 0])
    assert calibration(more).to_json() == calibration(ROWS).to_json()
    nobody = scored_arrays(Y, P, np.zeros(N))
    for method in (reliability, calibration, smooth_reliability):
        with pytest.raises(DataError, match="weights are 0"):
            method(nobody)


@pytest.mark.parametrize("weight", [None, W])
def test_slope_and_intercept_are_statsmodels(weight):
    """Estimates, intervals and p-values; the likelihood ratio against slope 1 and intercept 0."""
    found = calibration(scored_arrays(Y, P, weight))
    logit = np.log(P / (1 - P))
    more = {"family": sm.families.Binomial(), "freq_weights": weight}
    one = sm.GLM(Y, np.ones(N), offset=logit, **more).fit(tol=1e-14)
    line = sm.GLM(Y, sm.add_constant(logit), **more).fit(tol=1e-14)
    assert found["intercept"] == pytest.approx(one.params[0], rel=1e-9)
    assert found["slope"] == pytest.approx(line.params[1], rel=1e-9)
    np.testing.assert_allclose([found.low[0], found.high[0]], one.conf_int()[0], rtol=1e-8)
    np.testing.assert_allclose([found.low[1], found.high[1]], line.conf_int()[1], rtol=1e-8)
    p = [one.pvalues[0], float(line.t_test("x1 = 1").pvalue)]
    np.testing.assert_allclose(np.exp(found.log_p[:2]), p, rtol=1e-7)
    s = np.ones(N) if weight is None else weight
    given = (s * np.log(np.where(Y == 1, P, 1 - P))).sum()
    assert found["cox"] == pytest.approx(2 * (line.llf - given), rel=1e-8)


def test_the_true_slope_and_intercept_lie_within_their_intervals():
    rng = np.random.default_rng(0)
    p = rng.beta(1.5, 2.5, 40_000)
    true = 1 / (1 + np.exp(-(0.4 + 0.7 * np.log(p / (1 - p)))))
    found = calibration(scored_arrays((rng.random(40_000) < true).astype(int), p))
    assert found.low[1] < 0.7 < found.high[1]
    assert found.high[1] - found.low[1] < 0.06
    assert found.log_p[:3].max() < -20


def test_spiegelhalter_is_its_formula_in_high_precision():
    mpmath.mp.dps = 40
    p, y = [mpmath.mpf(float(each)) for each in P], Y.tolist()
    above = sum((yi - pi) * (1 - 2 * pi) for yi, pi in zip(y, p, strict=True))
    below = mpmath.sqrt(sum((1 - 2 * pi) ** 2 * pi * (1 - pi) for pi in p))
    found = calibration(ROWS)
    assert found["spiegelhalter"] == pytest.approx(float(above / below), rel=1e-13)
    assert np.exp(found.log_p[3]) == pytest.approx(float(mpmath.erfc(abs(above / below) / mpmath.sqrt(2))), rel=1e-11)


def drawn(p, times, seed):
    """Rows whose events were drawn with their probabilities, ``times`` times."""
    rng = np.random.default_rng(seed)
    for _ in range(times):
        yield scored_arrays((rng.random(len(p)) < p).astype(int), p, classes=[0, 1])


def of(name, rows, bins=10):
    return MEASURES[name][1](_Rows(rows, reliability(rows, bins))).estimate


def test_true_probabilities_have_their_statistics_distributions():
    """Spiegelhalter's z is standard normal; the ECE has the mean that is told; the debiased one is nearer 0; the squared
    distance of the bins is unbiased.
    """
    p = np.random.default_rng(1).beta(1.5, 2.5, 300)
    names = ("spiegelhalter", "ece", "ece debiased", "bins debiased", "ece if calibrated")
    z, ece, less, square, told = np.array([[of(name, rows) for name in names] for rows in drawn(p, 800, 2)]).T
    assert abs(z.mean()) < 3.5 / 800**0.5
    assert abs(z.std() - 1) < 3.5 / 1600**0.5
    assert (np.abs(z) > 1.96).mean() == pytest.approx(0.05, abs=0.025)
    assert ece.mean() == pytest.approx(told[0], rel=0.02)
    assert less.mean() < 0.6 * ece.mean()
    assert abs(square.mean()) < 3.5 * square.std() / 800**0.5


def test_the_squared_distance_of_one_bin_is_unbiased_exactly():
    """All samples of three rows, each as often as it comes: the mean is the true squared distance."""
    p, true, mean = 0.4, 0.7, 0.0
    for k in range(4):
        rows = scored_arrays([1] * k + [0] * (3 - k), np.full(3, p), classes=[0, 1])
        mean += comb(3, k) * true**k * (1 - true) ** (3 - k) * of("bins debiased", rows, 1)
    assert mean == pytest.approx((p - true) ** 2, rel=1e-12)


def test_the_squared_distance_is_unbiased_where_probabilities_are_wrong():
    """Five probabilities, each of forty rows, and another share of events than they say."""
    p, rng = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 40), np.random.default_rng(3)
    true, found, plain = np.clip(p * 0.8 + 0.15, 0, 1), [], []
    for _ in range(800):
        rows = scored_arrays((rng.random(200) < true).astype(int), p)
        found.append(of("bins debiased", rows, 5))
        plain.append(of("bins", rows, 5))
    expected, error = np.mean((p - true) ** 2), np.std(found) / 800**0.5
    assert abs(np.mean(found) - expected) < 3.5 * error
    assert np.mean(plain) - expected > 10 * error


def test_the_mean_of_a_folded_normal():
    mpmath.mp.dps = 20
    for mean, deviation in ((0.0, 0.3), (0.2, 0.3), (2.0, 0.1)):
        density = lambda x, m=mean, d=deviation: abs(x) * mpmath.npdf(x, m, d)  # noqa: E731
        exact = mpmath.quad(density, [-6, 0, mean, 8])
        assert folded(np.array([mean]), np.array([deviation]))[0] == pytest.approx(float(exact), rel=1e-9)


def test_brier_score_is_the_sum_of_its_parts():
    found = calibration(WEIGHTED)
    parts = found["miscalibration"] - found["discrimination"] + found["uncertainty"]
    assert found["brier"] == pytest.approx(parts, rel=1e-12)
    assert found["brier"] == pytest.approx(np.average((Y - P) ** 2, weights=W), rel=1e-13)
    assert min(found["miscalibration"], found["discrimination"]) > 0


def test_the_miscalibration_is_that_of_scikit_learns_isotonic_regression():
    from sklearn.isotonic import IsotonicRegression

    best = IsotonicRegression().fit(P, Y, W).predict(P)
    brier = lambda q: np.average((Y - q) ** 2, weights=W)  # noqa: E731
    assert calibration(WEIGHTED)["miscalibration"] == pytest.approx(brier(P) - brier(best), rel=1e-10)


def test_hosmer_and_lemeshow_have_no_degree_less_on_new_rows():
    found = calibration(ROWS)
    assert found["hosmer lemeshow"] > 0
    assert "No hosmer lemeshow" in str(calibration(WEIGHTED))


def test_the_smooth_curve_is_that_of_a_natural_spline_in_statsmodels():
    """The same space of functions, as truncated cubes by Harrell's formula; and its Wald band."""
    found = smooth_reliability(ROWS, points=7)
    x = np.log(P / (1 - P))
    k = np.quantile(x, [0.05, 0.35, 0.65, 0.95])

    def basis(x):
        cube = lambda t: np.maximum(x - t, 0) ** 3  # noqa: E731
        ends = k[3] - k[2]
        more = [cube(k[j]) - cube(k[2]) * (k[3] - k[j]) / ends + cube(k[3]) * (k[2] - k[j]) / ends for j in (0, 1)]
        return np.column_stack([np.ones_like(x), x, *more])

    oracle = sm.GLM(Y, basis(x), family=sm.families.Binomial()).fit(tol=1e-14)
    grid = np.linspace(P.min(), P.max(), 7)
    band = oracle.get_prediction(basis(np.log(grid / (1 - grid))))
    np.testing.assert_allclose(found.predicted, grid, rtol=1e-13)
    np.testing.assert_allclose(found.observed, band.predicted_mean, rtol=1e-7)
    np.testing.assert_allclose(np.column_stack([found.observed_low, found.observed_high]), band.conf_int(), rtol=1e-6)
    at = oracle.predict(basis(x))
    far, _ = distances(ROWS)
    np.testing.assert_allclose(far, np.abs(at - P), rtol=1e-6, atol=1e-9)
    measures = calibration(ROWS)
    assert [measures[m] for m in ("ici", "e50", "e90")] == pytest.approx(
        [far.mean(), np.quantile(far, 0.5), np.quantile(far, 0.9)], rel=1e-12
    )


def test_few_different_probabilities_get_a_line():
    y = np.tile([0, 1, 1, 0, 1], 20)
    two = smooth_reliability(scored_arrays(y, np.repeat([0.3, 0.6], 50)), points=3)
    np.testing.assert_allclose(two.observed[[0, -1]], 0.6, rtol=1e-8)
    with pytest.raises(ParameterError, match="knots"):
        smooth_reliability(ROWS, 7)


def test_one_probability_for_all_rows():
    found = calibration(scored_arrays(np.tile([0, 1, 1], 20), np.full(60, 0.5)))
    assert found["intercept"] == pytest.approx(np.log(2), rel=1e-9)
    assert np.isnan(found["slope"])
    text = " ".join(str(found).split())
    assert "all probabilities are equal" in text
    assert "no spread" in text
    assert found["ece"] == pytest.approx(1 / 6)


def test_certain_probabilities_have_no_slope_but_the_rest():
    found = calibration(scored_arrays([0, 1, 1, 0, 1, 0], [0.0, 1.0, 0.7, 0.2, 0.6, 0.4]))
    assert np.isnan([found["intercept"], found["slope"], found["ici"]]).all()
    assert "2 of 6 rows have a probability of exactly 0 or 1" in " ".join(str(found).split())
    assert found["brier"] == pytest.approx(np.mean([0, 0, 0.09, 0.04, 0.16, 0.16]))
    assert json.loads(found.to_json())["estimate"][1] is None


def test_one_class_and_split_classes_have_no_slope():
    one = calibration(scored_arrays([1, 1, 1], [0.5, 0.6, 0.9], classes=[0, 1]))
    assert "all rows are of one class" in str(one)
    split = calibration(scored_arrays([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]))
    assert np.isnan(split["slope"])
    assert np.isfinite(split["intercept"])
    assert "split the classes perfectly" in str(split)
    with pytest.raises(NotCertifiedError):
        smooth_reliability(scored_arrays([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]))


def test_a_single_row():
    found = calibration(scored_arrays([1], [0.8], classes=[0, 1]))
    assert found["brier"] == pytest.approx(0.04)
    assert found["ece"] == pytest.approx(0.2)
    assert np.isnan(found["slope"])


def test_of_more_classes_the_event_is_to_be_right_or_a_class():
    right = event_of(THREE)
    assert right.classes.tolist() == ["wrong", "right"]
    np.testing.assert_allclose(right.probability[:, 1], THREE.probability.max(1))
    np.testing.assert_allclose(right.probability.sum(1), 1)
    of_b = event_of(THREE, "b")
    assert of_b.y.tolist() == (THREE.y == 1).astype(int).tolist()
    np.testing.assert_allclose(of_b.log_odds, np.log(THREE.probability[:, 1] / (1 - THREE.probability[:, 1])))
    assert calibration(THREE).event == "right"
    assert calibration(THREE, label="b").event == "b"
    with pytest.raises(ParameterError, match="not one of the classes"):
        calibration(THREE, label="z")


def test_the_first_of_two_classes_is_the_mirror_of_the_second():
    left, right = calibration(ROWS, label=0), calibration(ROWS)
    assert left["slope"] == pytest.approx(right["slope"], rel=1e-9)
    assert left["intercept"] == pytest.approx(-right["intercept"], rel=1e-9)
    assert left["spiegelhalter"] == pytest.approx(right["spiegelhalter"], rel=1e-12)


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"rule": "equal"}, {"level": 1.0}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        calibration(ROWS, **wrong)


TABLE = {"a": RNG.normal(size=N), "b": RNG.normal(size=N), "w": RNG.integers(1, 4, N).astype(float)}
TABLE["y"] = (TABLE["a"] + RNG.logistic(size=N) > 0.5).astype(int)
HALF, REST = ({name: column[i::2] for name, column in TABLE.items()} for i in (0, 1))


def test_the_door_of_a_fit():
    fit = torchlogit.fit(HALF, "y", features=["a", "b"])
    found = fit.calibration(REST, bins=5)
    p = fit.predict_proba(REST)[:, 1].numpy()
    assert found.to_json() == calibration(scored_arrays(REST["y"], p), bins=5).to_json() or found[
        "slope"
    ] == pytest.approx(calibration(scored_arrays(REST["y"], p), bins=5)["slope"], rel=1e-9)
    assert fit.reliability(REST, bins=4).n.tolist() == [50, 50, 50, 50]


def test_on_its_own_rows_a_fit_is_calibrated_by_construction_and_that_is_said():
    """No intervals and no tests, whether the rows are the fit's or are given once more."""
    fit = torchlogit.fit(HALF, "y", features=["a", "b"])
    for found in (fit.calibration(), fit.calibration(HALF)):
        assert found.seen
        assert found["slope"] == pytest.approx(1, abs=1e-8)
        assert found["intercept"] == pytest.approx(0, abs=1e-8)
        assert np.isnan(found.low).all()
        assert np.isnan(found.log_p).all()
        assert "fitted to these very rows" in str(found)
    assert not fit.calibration(REST).seen


def test_what_cannot_be_calibrated_is_refused():
    linear = torchlogit.fit(HALF, "y", features=["a"], loss="squared")
    with pytest.raises(ParameterError, match="linear unit"):
        linear.calibration(REST)


def test_with_sampling_weights_errors_are_linearised_and_there_is_no_likelihood():
    fit = torchlogit.fit(HALF, "y", features=["a"], weight="w", weights_are="sampling")
    found = fit.calibration(REST)
    logit = np.log((p := fit.predict_proba(REST)[:, 1].numpy()) / (1 - p))
    own = torchlogit.fit(logit[:, None], REST["y"], weight=REST["w"], weights_are="sampling")
    assert found["slope"] == pytest.approx(float(own.theta[1]), rel=1e-9)
    assert found.high[1] - found["slope"] == pytest.approx(1.959964 * float(own.std_error[1]), rel=1e-6)
    assert np.isnan(found["cox"])
    assert found.reliability.size.sum() < found.reliability.n.sum()
    scaled = {**REST, "w": REST["w"] / 1000}
    again = fit.calibration(scaled)
    np.testing.assert_allclose(again.estimate, found.estimate, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(again.low, found.low, rtol=1e-8)


def test_an_overfitted_model_is_told_too_extreme_and_a_shrunk_one_too_timid():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 40))
    y = (x[:, :5].sum(1) + 2 * rng.logistic(size=3000) > 0).astype(int)
    over, under = (torchlogit.fit(x[:200], y[:200], penalty=penalty) for penalty in (None, L2(300.0)))
    found = over.calibration(x[200:], target=y[200:])
    assert found.high[1] < 1
    assert "too extreme" in str(found)
    timid = under.calibration(x[200:], target=y[200:])
    assert timid.low[1] > 1
    assert "too near the average" in str(timid)
    assert any("过于极端" in line for line in verdict(found, "zh"))
    assert all(line.endswith("。") for line in verdict(timid, "zh"))
    with pytest.raises(ParameterError, match="language"):
        verdict(found, "fr")


def test_the_table_fits_on_paper():
    text = str(calibration(ROWS))
    assert max(map(len, text.splitlines())) <= 80
    assert "<0.001" in text or "0.0" in text
    with pytest.raises(KeyError, match="slope"):
        calibration(ROWS)["gradient"]


def test_scored_rows_need_not_come_from_a_fit():
    assert isinstance(ROWS, Scored)
    assert calibration(scored_arrays(["no", "yes", "yes", "no"], [0.2, 0.8, 0.4, 0.5])).event == "yes"


GOLDEN = Path(__file__).parent / "golden" / "calibration.json"


@pytest.mark.skipif(not GOLDEN.exists(), reason="made by golden/make_calibration.R")
def test_the_numbers_of_r_are_met():
    """R's rms (val.prob) and glm, on R's MASS::birthwt; see golden/make_calibration.R."""
    golden = json.loads(GOLDEN.read_text())
    found = calibration(scored_arrays(np.array(golden["y"]).astype(int), golden["p"]))
    for name, value in golden["measures"].items():
        assert found[name] == pytest.approx(value[0], rel=1e-8), name
    for name, value in golden["log_p"].items():
        assert found.log_p[found.measure.index(name)] == pytest.approx(value[0], rel=1e-6), name
    for name, value in golden.get("val_prob", {}).items():
        ours = np.exp(found.log_p[3]) if name == "spiegelhalter_p" else found[name]
        assert ours == pytest.approx(value[0], rel=1e-6), name
