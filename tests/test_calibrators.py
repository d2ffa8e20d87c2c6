"""Calibrators against scikit-learn, SciPy and their own invariances; calibrated models as models and as files."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import torchlogit
from torchlogit import store
from torchlogit.calibrated import Rescaled, Steps, calibrated
from torchlogit.calibration.calibrators import METHODS, calibrate, calibrator, recalibrated
from torchlogit.calibration.isotonic import pooled
from torchlogit.errors import DataError, DataWarning, ModelFileError, NotCertifiedError, ParameterError
from torchlogit.metrics.scored import scored, scored_arrays

RNG = np.random.default_rng(12)
N = 500
P = RNG.beta(0.8, 1.2, N).round(2).clip(0.01, 0.99)  # with ties
Y = (RNG.random(N) < expit(0.5 + 0.6 * logit(P))).astype(int)
W = RNG.integers(1, 4, N).astype(float)
ROWS, WEIGHTED = scored_arrays(Y, P), scored_arrays(Y, P, W)
REPEATED = scored_arrays(np.repeat(Y, W.astype(int)), np.repeat(P, W.astype(int)))
LOGITS = RNG.normal(size=(N, 3)) * 2
THREE_Y = (LOGITS / 2.5 + RNG.gumbel(size=(N, 3))).argmax(1)
THREE = scored_arrays(THREE_Y, np.exp(log_softmax(LOGITS, 1)))
TWO = [method for method in METHODS if method != "isotonic"]


def parameters(found):
    """a, b, c of ``logit q = a log p − b log (1 − p) + c``."""
    return float(found.scale[1]), float(found.scale[0]), float(found.shift[1] - found.shift[0])


def line(a, b, c, p=P):
    return a * np.log(p) - b * np.log1p(-p) + c


def cost(eta, y=Y, s=W):
    return (s * (np.logaddexp(0, eta) - y * eta)).sum()


def best(of, start, **more):
    return minimize(of, start, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}, **more).x


def test_platts_is_the_optimum_of_his_softened_targets_and_scikit_learns():
    positive, negative = W[Y == 1].sum(), W[Y == 0].sum()
    target = np.where(Y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    a, b, c = parameters(calibrator(WEIGHTED, "platt"))
    assert a == b
    residual = W * (expit(line(a, b, c)) - target)
    assert abs(residual.sum()) < 1e-9
    assert abs((residual * logit(P)).sum()) < 1e-9
    x = logit(P)[:, None]  # a classifier that decides by x itself
    plain = LogisticRegression(C=1e9).fit(x, Y)
    plain.coef_, plain.intercept_ = np.array([[1.0]]), np.array([0.0])
    with pytest.warns(UserWarning, match="does not appear to accept sample_weight"):
        theirs = CalibratedClassifierCV(FrozenEstimator(plain), method="sigmoid", ensemble=False).fit(x, Y, W)
    np.testing.assert_allclose(
        recalibrated(WEIGHTED, calibrator(WEIGHTED, "platt")).probability, theirs.predict_proba(x), atol=2e-5
    )


def test_platts_is_finite_where_the_classes_are_split_and_the_others_say_why_not():
    split = scored_arrays([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert all(np.isfinite(parameters(calibrator(split, "platt"))))
    for method in ("logistic", "temperature", "beta"):
        with pytest.raises(NotCertifiedError):
            calibrator(split, method)
    assert all(np.isfinite(parameters(calibrator(split, "intercept"))))
    assert calibrator(split, "isotonic").y.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_logistic_and_intercept_are_maximum_likelihood():
    a, b, c = parameters(calibrator(WEIGHTED, "logistic"))
    expected = best(lambda t: cost(t[0] * logit(P) + t[1]), [1.0, 0.0])
    np.testing.assert_allclose([a, c], expected, rtol=1e-4)
    assert a == b
    assert abs((W * (expit(line(a, b, c)) - Y)).sum()) < 1e-8
    a, b, c = parameters(calibrator(WEIGHTED, "intercept"))
    assert a == b == 1
    assert abs((W * (expit(line(a, b, c)) - Y)).sum()) < 1e-8


def test_temperature_is_the_slope_without_an_intercept():
    """Of two classes it is torchlogit's own fit."""
    found = calibrator(WEIGHTED, "temperature")
    own = torchlogit.fit(logit(P)[:, None], Y, weight=W, intercept=False)
    np.testing.assert_allclose(found.scale, float(own.coef), rtol=1e-10)
    assert found.shift.tolist() == [0, 0]


def test_temperature_of_three_classes_is_scipys_and_scikit_learns():
    found = float(calibrator(THREE, "temperature").scale[0])

    def loss(beta):
        return -log_softmax(beta * LOGITS, 1)[np.arange(N), THREE_Y].sum()

    assert found == pytest.approx(minimize_scalar(loss, (0.1, 1.0)).x, rel=1e-6)
    assert 0 < found < 1
    plain = LogisticRegression(C=1e9).fit(LOGITS, THREE_Y)
    plain.coef_, plain.intercept_ = np.eye(3), np.zeros(3)
    theirs = CalibratedClassifierCV(FrozenEstimator(plain), method="temperature", ensemble=False).fit(LOGITS, THREE_Y)
    ours = recalibrated(THREE, calibrator(THREE, "temperature")).probability
    np.testing.assert_allclose(ours, theirs.predict_proba(LOGITS), atol=2e-4)
    assert (ours.argmax(1) == LOGITS.argmax(1)).all()


def test_no_temperature_makes_a_model_that_knows_nothing_right():
    with pytest.raises(NotCertifiedError, match="no better than chance"):
        calibrator(scored_arrays(1 - Y, P), "temperature")


@pytest.mark.parametrize("turn", ["as they are", "a at 0", "b at 0", "both at 0"])
def test_beta_is_the_optimum_among_what_rises(turn):
    """By SciPy with bounds, and by the conditions of Karush, Kuhn and Tucker."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.02, 0.98, 3000)
    a, b, c = {
        "as they are": (0.5, 1.5, 0.2),
        "a at 0": (-0.3, 1.0, 0),
        "b at 0": (1.0, -0.3, 0),
        "both at 0": (-0.5, -0.5, 0),
    }[turn]
    y = (rng.random(3000) < expit(line(a, b, c, p))).astype(int)
    found = parameters(calibrator(scored_arrays(y, p), "beta"))
    bounds = [(0, None), (0, None), (None, None)]
    expected = best(lambda t: cost(line(*t, p), y, 1.0), [1.0, 1.0, 0.0], bounds=bounds)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert cost(line(*found, p), y, 1.0) <= cost(line(*expected, p), y, 1.0) + 1e-9
    slope = [(np.log(p) * (expit(line(*found, p)) - y)).sum(), -(np.log1p(-p) * (expit(line(*found, p)) - y)).sum()]
    for value, at in zip(found[:2], slope, strict=True):
        assert value >= 0
        assert abs(at) < 1e-6 if value > 0 else at > -1e-6
    assert [value == 0 for value in found[:2]] == [turn in ("a at 0", "both at 0"), turn in ("b at 0", "both at 0")]


def test_isotonic_is_scikit_learns():
    """At the rows, with ties and weights, and between and beyond them."""
    for rows, weight in ((ROWS, None), (WEIGHTED, W)):
        found = calibrator(rows, "isotonic")
        theirs = IsotonicRegression(out_of_bounds="clip").fit(P, Y, weight)
        grid = np.linspace(0.001, 0.999, 997)
        ours = found(torch.from_numpy(np.log(np.column_stack([1 - grid, grid]))))[:, 1].exp()
        np.testing.assert_allclose(ours, theirs.predict(grid), atol=1e-12)
        np.testing.assert_allclose(recalibrated(rows, found).probability[:, 1], theirs.predict(P), atol=1e-12)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.0, 1.0, 1.0, 0.3, -2.0]), st.floats(0.1, 5)), min_size=1, max_size=40)
)
@settings(max_examples=150, deadline=None)
def test_pooling_gives_scikit_learns_and_rises(pairs):
    y, s = np.array(pairs).T
    found = pooled(y, s)
    np.testing.assert_allclose(
        found, IsotonicRegression().fit(np.arange(len(y)), y, s).predict(np.arange(len(y))), atol=1e-12
    )
    assert (np.diff(found) >= -1e-12).all()
    np.testing.assert_allclose(pooled(found, s), found, atol=1e-12)
    assert (s * found).sum() == pytest.approx((s * y).sum(), abs=1e-9)


def test_pooling_of_a_staircase_that_falls_at_its_end():
    """Every pass joins one more step: the slowest case there is."""
    y = np.append(np.arange(400.0), -1e6)
    np.testing.assert_allclose(pooled(y, np.ones(401)), y.mean())


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_repeated_rows(method):
    left, right = calibrator(WEIGHTED, method), calibrator(REPEATED, method)
    for mine, other in zip(left, right, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("method", ["logistic", "intercept", "temperature", "isotonic"])
def test_a_calibrated_model_needs_no_calibration(method):
    """Calibrating again changes nothing. (Platt's softened targets draw a little further in; beta's family is not closed.)"""
    once = recalibrated(WEIGHTED, calibrator(WEIGHTED, method))
    if method == "isotonic":
        keep = (once.probability[:, 1] > 0) & (once.probability[:, 1] < 1)
        once = once.rows(keep)
    again = recalibrated(once, calibrator(once, method))
    np.testing.assert_allclose(again.probability, once.probability, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("weight", [W, W / 2])
def test_what_weights_mean_stays(weight):
    """Whole ones are so many rows, others are not, and errors of what is measured next hang on it."""
    rows = scored_arrays(Y, P, weight)
    once = recalibrated(rows, calibrator(rows, "intercept"))
    assert once.repeats == rows.repeats == bool((weight == W).all())
    np.testing.assert_array_equal(once.square, rows.square)


@pytest.mark.parametrize("method", TWO)
def test_the_order_of_the_rows_stays_and_so_does_the_auc(method):
    once = recalibrated(ROWS, calibrator(ROWS, method))
    assert roc_auc_score(Y, once.log_odds) == pytest.approx(roc_auc_score(Y, P), abs=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_the_rows_are_better_predicted_than_before(method):
    """By the likelihood that is maximised (the Brier score, of isotonic); Platt's also, near enough."""
    once = recalibrated(ROWS, calibrator(ROWS, method))
    own = np.arange(N), Y
    if method == "isotonic":
        assert ((once.probability[:, 1] - Y) ** 2).sum() < ((P - Y) ** 2).sum()
    else:
        assert once.log_probability[own].sum() > ROWS.log_probability[own].sum()


@pytest.mark.parametrize("method", [method for method in METHODS if method != "temperature"])
def test_the_others_are_for_two_classes(method):
    with pytest.raises(ParameterError, match='use "temperature"'):
        calibrator(THREE, method)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_tell_nothing_are_refused(method):
    with pytest.raises(DataError, match="one class"):
        calibrator(scored_arrays([1, 1], [0.2, 0.4], classes=[0, 1]), method)
    with pytest.raises(DataError, match="weights are 0"):
        calibrator(scored_arrays(Y, P, np.zeros(N)), method)
    certain = scored_arrays([0, 1, 1, 0], [0.0, 0.7, 1.0, 0.8])
    if method == "isotonic":
        assert calibrator(certain, method).x[0] == 0
    else:
        with pytest.raises(DataError, match="exactly 0 or 1"):
            calibrator(certain, method)


def test_an_unknown_method_is_refused():
    with pytest.raises(ParameterError, match="platt"):
        calibrator(ROWS, "venn")


def test_one_probability_for_all_gives_the_share_of_events():
    rows = scored_arrays(np.tile([0, 1, 1], 30), np.full(90, 0.4))
    for method in ("logistic", "intercept", "beta", "isotonic"):
        np.testing.assert_allclose(recalibrated(rows, calibrator(rows, method)).probability[:, 1], 2 / 3, rtol=1e-8)


def test_certain_rows_pass_through_every_calibrator():
    """A probability of 0 stays 0 where the scale is positive, and nothing becomes NaN."""
    logs = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    for method in TWO:
        out = calibrator(ROWS, method)(logs).exp()
        np.testing.assert_allclose(out, [[1, 0], [0, 1]])
    flat = Rescaled(torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    assert flat(logs).exp().tolist() == [[0.5, 0.5], [0.5, 0.5]]


# Calibrated models

X = RNG.normal(size=(400, 25))
LABEL = np.array(["no", "yes"])[(X[:, 0] + RNG.logistic(size=400) > 0).astype(int)]
KIND = np.array(list("pqr"))[(np.outer(X[:, 0], [0, 1, -1]) + RNG.gumbel(size=(400, 3))).argmax(1)]
TRAIN, REST = slice(0, 200), slice(200, 400)


def fitted(y=LABEL, **more):
    return torchlogit.fit(X[TRAIN], y[TRAIN], **more)


def model(method="platt", y=LABEL, **more):
    return calibrate(fitted(y, **more), X[REST], method, target=y[REST])


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_model_predicts_through_its_calibrator(method):
    found = model(method)
    logs = torch.log(found.fit.predict_proba(X))
    np.testing.assert_allclose(found.predict_proba(X), found.calibrator(logs).exp(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.predict_proba(X).sum(1), 1)
    yes = found.predict_proba(X)[:, 1].numpy()
    assert (found.predict(X) == np.where(yes > 0.5, "yes", "no")).all()
    decided = found.decide(X, (0.3, 0.7))
    assert ((decided == "uncertain") == ((yes >= 0.3) & (yes <= 0.7))).all()
    assert (found.decide(X, "auto", costs=(3, 1, 0.25)) == found.decide(X, found.band(costs=(3, 1, 0.25)))).all()
    assert (
        found.risk_coverage(X[REST], target=LABEL[REST]).to_json()
        != found.fit.risk_coverage(X[REST], target=LABEL[REST]).to_json()
    )
    np.testing.assert_allclose(scored(found, X[REST], target=LABEL[REST]).probability[:, 1], yes[REST], atol=1e-10)


def test_an_overfitted_model_is_better_calibrated_on_rows_that_neither_has_seen():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(4000, 25))
    y = np.array(["no", "yes"])[(x[:, 0] + rng.logistic(size=4000) > 0).astype(int)]
    before = model().fit.calibration(x, target=y)
    after = model().calibration(x, target=y)
    assert before["slope"] < 0.8
    assert abs(after["slope"] - 1) < abs(before["slope"] - 1)
    assert after["ici"] < before["ici"]


def test_calibrating_on_the_fitted_rows_is_told():
    fit = fitted()
    with pytest.warns(DataWarning, match="fitted to"):
        calibrate(fit)
    with pytest.warns(DataWarning, match="folds=10"):
        calibrate(fit, X[TRAIN], target=LABEL[TRAIN])


def test_a_calibrated_model_is_a_model_and_no_fit():
    """Coefficients and inference are the fit's; what has no likelihood is refused."""
    found = model()
    assert repr(found) == "<Fit of `y`, calibrated by platt on 200 rows>"
    assert str(found.fit.summary()) == str(fitted().summary())
    np.testing.assert_array_equal(found.theta, fitted().theta)
    with pytest.raises(AttributeError, match=r"ask the fit that was calibrated: \.fit\.summary"):
        found.summary()
    with pytest.raises(AttributeError, match=r"has no 'nothing'$"):
        found.nothing
    with pytest.raises(ParameterError, match="no likelihood"):
        found._loss()(torch.zeros(1, 1), torch.zeros(1))
    with pytest.raises(ParameterError, match="calibrated already"):
        calibrate(found, X[REST], target=LABEL[REST])
    with pytest.raises(ParameterError, match="would not be calibrated"):
        found.calibration(folds=5)
    with pytest.raises(ParameterError, match="linear unit"):
        calibrate(
            torchlogit.fit(X[TRAIN], (LABEL == "yes")[TRAIN], loss="squared"), X[REST], target=(LABEL == "yes")[REST]
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_model_is_saved_with_its_calibrator(method, tmp_path):
    found = model(method)
    found.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert repr(again) == repr(found)
    assert again.predict_proba(X).numpy().tobytes() == found.predict_proba(X).numpy().tobytes()
    again.save(tmp_path / "n.safetensors")
    assert (tmp_path / "n.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()
    assert store.inspect(tmp_path / "m.safetensors")["calibration"]["method"] == method
    kept = pickle.loads(pickle.dumps(found))
    assert kept.predict_proba(X).numpy().tobytes() == found.predict_proba(X).numpy().tobytes()
    assert kept.training is None


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_model_knows_the_rows_of_its_fit_and_of_its_calibration(method, tmp_path):
    """It has seen both, also from a file, and no others: a band with a promise is refused on them."""
    found = model(method)
    found.save(tmp_path / "m.safetensors")
    for each in (found, torchlogit.load(tmp_path / "m.safetensors")):
        for part, seen in ((TRAIN, True), (REST, True), (slice(100, 300), False)):
            assert scored(each, X[part], target=LABEL[part]).seen == seen


def test_a_softmax_is_calibrated_by_temperature_and_saved(tmp_path):
    found = model("temperature", KIND)
    assert 0 < float(found.calibrator.scale[0]) < 1
    found.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    assert (found.predict(X) == found.fit.predict(X)).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda header, tensors: header["calibration"].update(kind="spline"),
        lambda header, tensors: header["calibration"].update(rows=-1),
        lambda header, tensors: header["calibration"].pop("method"),
        lambda header, tensors: header.update(calibration=[1]),
        lambda header, tensors: header.pop("calibration"),
        lambda header, tensors: tensors.pop("calibration_y"),
        lambda header, tensors: tensors.update(calibration_z=tensors["calibration_x"]),
        lambda header, tensors: tensors.update(calibration_x=tensors["calibration_x"].flip(0)),
        lambda header, tensors: tensors.update(calibration_y=tensors["calibration_y"] + 1),
        lambda header, tensors: tensors.update(calibration_y=tensors["calibration_y"].float()),
        lambda header, tensors: tensors.update(calibration_x=tensors["calibration_x"][:-1].clone()),
    ],
)
def test_a_file_whose_calibration_does_not_fit_is_refused(damage, tmp_path):
    model("isotonic").save(tmp_path / "m.safetensors")
    header, tensors = store.load(tmp_path / "m.safetensors")
    damage(header, tensors)
    store.save(tmp_path / "bad.safetensors", header, tensors)
    with pytest.raises(ModelFileError):
        torchlogit.load(tmp_path / "bad.safetensors")


def test_a_calibrator_of_other_classes_does_not_go_with_a_fit():
    three = Rescaled(torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    with pytest.raises(ParameterError, match="2 classes"):
        calibrated(fitted(), three)
    with pytest.raises(ParameterError, match="two classes"):
        calibrated(fitted(KIND), Steps(torch.ones(1), torch.ones(1)))


def test_a_link_and_an_offset_are_calibrated_too():
    table = {"x": X[:, 0], "o": X[:, 1] / 2, "y": LABEL}
    train, rest = ({name: column[part] for name, column in table.items()} for part in (TRAIN, REST))
    fit = torchlogit.fit(train, "y", offset="o", link="probit")
    found = calibrate(fit, rest, "beta")
    np.testing.assert_allclose(
        found.predict_proba(rest, rest["o"]),
        found.calibrator(torch.log(fit.predict_proba(rest, rest["o"]))).exp(),
        rtol=1e-9,
    )


def test_sentences_of_calibrators():
    assert str(calibrator(ROWS, "platt")).startswith("logit q = 0.")
    assert "log(1 - p)" in str(calibrator(ROWS, "beta"))
    assert "temperature" in str(calibrator(THREE, "temperature"))
    assert "levels from" in str(calibrator(ROWS, "isotonic"))
