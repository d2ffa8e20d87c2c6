"""Another prevalence: exact where a model is saturated, recovered in simulation, estimated by EM as by brute force."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit

import torchlogit
from torchlogit import L2, Jeffreys
from torchlogit.calibration.prevalence import estimate_prevalence, mixed, prevalence_of, prior_shift
from torchlogit.errors import DataError, ModelFileError, NotCertifiedError, ParameterError

GROUP = np.repeat(list("uvw"), 400)
RNG = np.random.default_rng(21)
RARE = np.concatenate([np.arange(400) < k for k in (20, 60, 140)]).astype(int)
KIND = np.array(list("abc"))[
    np.concatenate([np.repeat([0, 1, 2], n) for n in ((200, 120, 80), (40, 160, 200), (320, 60, 20))])
]
WEIGHTS = [
    {"w": np.where(RARE == 1, 5.0, 1.0)},
    {"w": np.where(RARE == 1, 600 / RARE.sum(), 600 / (1200 - RARE.sum()))},  # "balanced"
]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("penalty", [None, Jeffreys()])
def test_class_weights_are_undone_exactly_where_the_model_is_saturated(weights, penalty):
    """A category alone: the weighted fit, moved to the true shares, is the fit without weights; of maximum likelihood."""
    table = {"g": GROUP, "y": RARE, **weights}
    plain = torchlogit.fit(table, "y", features=["g"], penalty=penalty)
    weighted = torchlogit.fit(table, "y", features=["g"], weight="w", penalty=penalty)
    moved = weighted.with_prevalence(RARE.mean())
    rtol = 1e-9 if penalty is None else 0.05
    np.testing.assert_allclose(moved.predict_proba(table), plain.predict_proba(table), rtol=rtol)
    np.testing.assert_allclose(moved.theta[1:], weighted.theta[1:], rtol=0)
    assert not np.allclose(weighted.predict_proba(table), plain.predict_proba(table), rtol=0.2)


def test_case_control_sampling_is_undone_exactly_where_the_model_is_saturated():
    """Every fourth control of each group is kept, and every case."""
    kept = (RARE == 1) | (np.arange(1200) % 4 == 0)
    table = {"g": GROUP, "y": RARE}
    some = {name: column[kept] for name, column in table.items()}
    whole, part = torchlogit.fit(table, "y"), torchlogit.fit(some, "y")
    moved = part.with_prevalence({0: 1 - RARE.mean(), 1: RARE.mean()})
    np.testing.assert_allclose(moved.theta, whole.theta, rtol=1e-9)


def test_weights_of_three_classes_are_undone_exactly():
    w = np.select([KIND == "a", KIND == "b"], [1.0, 5.0], 0.5)
    table = {"g": GROUP, "y": KIND, "w": w}
    plain = torchlogit.fit(table, "y", features=["g"])
    weighted = torchlogit.fit(table, "y", features=["g"], weight="w")
    share = [(kind == KIND).mean() for kind in "abc"]
    for asked in (share, dict(zip("cba", share[::-1], strict=True)), np.array(share)):
        moved = weighted.with_prevalence(asked)
        np.testing.assert_allclose(moved.predict_proba(table), plain.predict_proba(table), rtol=1e-9)
        np.testing.assert_allclose(moved.theta.sum(1), 0, atol=1e-9)  # still symmetric
        np.testing.assert_allclose(moved.theta, plain.theta, atol=1e-9)


def test_a_case_control_study_recovers_the_truth():
    """One event in fifty; as many controls as cases. Slopes and intercept within three standard errors, averaged over
    thirty studies far nearer; without the correction the intercept is off by log 49.
    """
    rng, found, raw = np.random.default_rng(3), [], []
    for _ in range(30):
        x = rng.normal(size=(60_000, 2))
        eta = -4.6 + x @ [1.0, -0.5]
        y = (rng.random(60_000) < expit(eta)).astype(int)
        kept = np.flatnonzero((y == 1) | (rng.random(60_000) < y.mean() / (1 - y.mean())))
        fit = torchlogit.fit(x[kept], y[kept])
        moved = fit.with_prevalence(y.mean())
        found.append(moved.theta[:, 0].numpy())
        raw.append(float(fit.theta[0, 0]))
    z = (np.mean(found, 0) - [-4.6, 1.0, -0.5]) / (np.std(found, 0) / 30**0.5)
    assert np.abs(z).max() < 3.5
    assert np.mean(raw) > -1.5


def test_the_move_is_that_of_king_and_zeng_and_of_the_probabilities():
    x = RNG.normal(size=(300, 2))
    y = (x[:, 0] + RNG.logistic(size=300) > 0.7).astype(int)
    fit = torchlogit.fit(x, y, penalty=L2(1.0))
    moved = fit.with_prevalence(0.02)
    expected = logit(0.02) - logit(y.mean())
    assert float(moved.theta[0] - fit.theta[0]) == pytest.approx(expected, rel=1e-12)
    logs = fit.predict_proba(x).log().numpy()
    np.testing.assert_allclose(np.exp(prior_shift(logs, y.mean(), 0.02)), moved.predict_proba(x), rtol=1e-11)
    np.testing.assert_allclose(prior_shift(prior_shift(logs, 0.3, 0.1), 0.1, 0.3), logs, rtol=1e-12)
    np.testing.assert_allclose(prior_shift(logs, 0.3, 0.3), logs, rtol=1e-12)


def test_moves_follow_each_other():
    """The second starts where the first ended; back to the rows' own shares is where it began."""
    fit = torchlogit.fit({"g": GROUP, "y": RARE}, "y")
    there = fit.with_prevalence(0.4).with_prevalence(0.01)
    np.testing.assert_allclose(there.theta, fit.with_prevalence(0.01).theta, rtol=1e-12)
    np.testing.assert_allclose(there.with_prevalence(RARE.mean()).theta, fit.theta, rtol=1e-12)
    assert sum(line.startswith("the intercept is for") for line in there.warnings) == 1
    np.testing.assert_allclose(prevalence_of(there), [0.99, 0.01])


def test_the_moved_fit_says_so_and_keeps_its_errors(tmp_path):
    fit = torchlogit.fit({"g": GROUP, "y": RARE}, "y")
    moved = fit.with_prevalence(0.01)
    text = " ".join(str(moved.summary()).split())
    assert "The intercept is for a prevalence of 1 % of 1 (18.33 % of the rows)" in text
    np.testing.assert_array_equal(moved.std_error, fit.std_error)
    with pytest.raises(ParameterError, match="another prevalence"):
        moved.profile()
    moved.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert again.prevalence == moved.prevalence
    np.testing.assert_array_equal(again.with_prevalence(0.3).theta, moved.with_prevalence(0.3).theta)
    bad = replace(moved, prevalence=(0.5, 0.6))
    with pytest.raises((ParameterError, ModelFileError), match="prevalence"):
        bad.save(tmp_path / "bad.safetensors")


def test_what_has_no_prevalence_to_move_is_refused():
    x = RNG.normal(size=(100, 1))
    y = (x[:, 0] + RNG.logistic(size=100) > 0).astype(int)
    for fit, why in (
        (torchlogit.fit(x, y, link="probit"), "probit"),
        (torchlogit.fit(x, y, loss="squared"), "squared"),
        (torchlogit.fit(x, y, intercept=False), "no intercept"),
    ):
        with pytest.raises(ParameterError, match=why):
            fit.with_prevalence(0.1)
    fit = torchlogit.fit(x, y)
    for wrong in (0.0, 1.0, 1.5, [0.5, 0.4], [0.2, 0.3, 0.5], {"a": 0.1, "b": 0.9}, float("nan"), -0.1):
        with pytest.raises(ParameterError, match=r"shares|share for each"):
            fit.with_prevalence(wrong)
    with pytest.raises(ParameterError, match="not known"):
        replace(fit, class_weights=()).with_prevalence(0.1)


def test_the_estimate_is_the_best_share_by_brute_force():
    ratio = np.log(np.column_stack([1 - (p := RNG.beta(1, 2, 500)), p]))

    def loss(share):
        return -np.log(np.exp(ratio) @ [1 - share, share]).sum()

    expected = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-10}).x
    assert mixed(ratio)[1] == pytest.approx(expected, abs=1e-6)


def test_the_estimate_is_a_stationary_point_of_three_classes():
    ratio = log_softmax(RNG.normal(size=(400, 3)) * 1.5, 1)
    share = mixed(ratio)
    r = np.exp(ratio)
    gain = (r / (r @ share)[:, None]).mean(0)
    assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(gain[share > 1e-6], 1, atol=1e-6)
    assert gain.max() <= 1 + 1e-12


def test_a_changed_prevalence_is_found_without_labels_and_covered():
    """A hundred tables of one event in ten, by a model of even shares: unbiased, and covered as said."""
    rng = np.random.default_rng(8)
    y = np.arange(40_000) % 2
    half = torchlogit.fit(rng.normal(1.5 * y)[:, None], y)
    found, within = [], []
    for _ in range(100):
        rare = rng.random(2000) < 0.1
        table = estimate_prevalence(half, rng.normal(1.5 * rare)[:, None])
        found.append(table.share[1])
        within.append(table.low[1] < 0.1 < table.high[1])
    assert np.mean(found) == pytest.approx(0.1, abs=0.006)
    assert 88 <= np.sum(within) <= 100
    assert np.std(found) == pytest.approx(np.mean(table.std_error[1]), rel=0.3)
    moved = half.with_prevalence(table)
    assert moved.prevalence[1] == pytest.approx(table.share[1])


def test_the_error_of_a_small_fit_is_in_the_interval():
    """Of three hundred rows fitted and twenty thousand without labels, the fit's own error is the larger: still covered."""
    rng, within, wide, narrow = np.random.default_rng(9), [], [], []
    for _ in range(100):
        y = np.arange(300) % 2
        half = torchlogit.fit(rng.normal(1.5 * y)[:, None], y)
        rare = rng.random(20_000) < 0.2
        table = estimate_prevalence(half, rng.normal(1.5 * rare)[:, None])
        within.append(table.low[1] < 0.2 < table.high[1])
        wide.append(table.std_error[1])
        narrow.append(table.share[1])
    assert 88 <= np.sum(within) <= 100
    assert np.std(narrow) < np.mean(wide) < 2 * np.std(narrow)  # the shares of the rows fitted count as known: wide
    shrunk = torchlogit.fit(rng.normal(1.5 * y)[:, None], y, penalty=L2(1.0))
    assert "take the model as known" in str(estimate_prevalence(shrunk, rng.normal(size=(500, 1))))


def test_the_error_of_three_shares_is_that_of_numerical_derivatives():
    """The share at moved coefficients, by finite differences, beside the delta method."""
    rng = np.random.default_rng(10)
    x = rng.normal(size=(600, 2))
    y = (x @ np.array([[0, 1.5, -1.5], [0, 1, 1]]) + rng.gumbel(size=(600, 3))).argmax(1)
    fit, new = torchlogit.fit(x, y), rng.normal(size=(800, 2))
    table = estimate_prevalence(fit, new)
    known = estimate_prevalence(replace(fit, covariance_root=torch.zeros(9, 1, dtype=torch.float64)), new)
    columns = []
    for j in range(9):
        ends = []
        for step in (1e-4, -1e-4):
            theta = fit.theta_centred.clone().ravel()
            theta[j] += step
            ends.append(estimate_prevalence(replace(fit, theta_centred=theta.reshape(3, 3)), new).share)
        columns.append((ends[0] - ends[1]) / 2e-4)
    slopes = np.column_stack(columns) @ fit.covariance_root.numpy()
    np.testing.assert_allclose(table.std_error**2 - known.std_error**2, (slopes**2).sum(1), rtol=1e-5)


def test_a_class_that_is_not_there():
    y = np.arange(4000) % 2
    rng = np.random.default_rng(2)
    half = torchlogit.fit(rng.normal(3.0 * y)[:, None], y)
    table = estimate_prevalence(half, rng.normal(-1.0, 0.5, 500)[:, None])
    assert table.share[1] < 1e-3
    assert np.isnan(table.std_error).all() or table.std_error[1] < 0.01
    with pytest.raises(DataError, match="no rows"):
        estimate_prevalence(half, np.zeros((0, 1)))


def test_rows_that_do_not_tell_the_classes_apart():
    y = np.arange(100) % 2
    fit = torchlogit.fit(np.tile([[0.0], [0.0], [1.0], [1.0]], (25, 1)), y)  # slope 0
    with pytest.raises(NotCertifiedError, match="tell the classes apart"):
        estimate_prevalence(fit, np.array([[0.0], [1.0]]))


def test_predictions_move_and_slopes_do_not():
    fit = torchlogit.fit({"g": GROUP, "y": RARE}, "y")
    moved = fit.with_prevalence(0.5)
    assert torch.equal(moved.coef, fit.coef)
    assert float(moved.predict_proba({"g": GROUP})[:, 1].mean()) > float(fit.predict_proba({"g": GROUP})[:, 1].mean())
    assert moved.calibration({"g": GROUP, "y": RARE})["intercept"] == pytest.approx(logit(RARE.mean()), abs=1e-8)
