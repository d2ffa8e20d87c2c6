"""Tallies: the sum over blocks is that of the whole, and the bounds of an area hold it."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scores import of_classes, sample

import torchlogit
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics import auc, confusion, evaluate, scored_arrays
from torchlogit.metrics.condensed import RANKS, WIDTH, two_points
from torchlogit.metrics.evaluating import evaluate_tally
from torchlogit.metrics.losses import brier_scores, log_losses
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.scored import scored
from torchlogit.metrics.tally import tallied, tally
from torchlogit.sources import MemorySource


def test_a_tally_is_the_measures_of_its_rows():
    y, p, w = sample(500, 1, False, "broken")
    rows = scored_arrays(y, p, w)
    found = tally(rows, 0.3)
    assert found.log_loss == pytest.approx(w @ log_losses(rows) / w.sum(), rel=1e-13)
    assert found.brier == pytest.approx(w @ brier_scores(rows) / w.sum(), rel=1e-13)
    assert found.confusion().counts == pytest.approx(confusion(rows, 0.3).counts)
    bounds, exact = found.auc(), auc(rows).value
    assert bounds.low <= exact <= bounds.high
    assert bounds.high - bounds.low < 0.01
    assert bounds.value == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize("weights", [None, "whole"])
def test_blocks_add_up_to_the_whole(weights):
    """To the last bit where weights are whole, in any order; the losses to rounding."""
    y, p, w = sample(600, 2, False, weights)
    rows = scored_arrays(y, p, w, classes=[0, 1])
    cuts = np.split(np.random.default_rng(0).permutation(600), [10, 11, 300])
    parts = [tally(rows.rows(cut)) for cut in [*cuts, np.arange(0)]]
    merged, whole = sum(parts[1:], parts[0]), tally(rows)
    assert (merged.cells[:, 0] == whole.cells[:, 0]).all()
    np.testing.assert_allclose(merged.cells, whole.cells, rtol=1e-12, atol=1e-14)
    assert (merged.weight == whole.weight).all()
    assert merged.n == whole.n == (rows.weight > 0).sum()
    assert merged.auc()[:3] == pytest.approx(whole.auc()[:3], abs=1e-13)
    assert (merged.log_loss, merged.brier) == pytest.approx((whole.log_loss, whole.brier), rel=1e-14)


def rows_of_both_classes(rows, near):
    """Rows (label, log-odds, weight) scored, near each other or not; both classes weigh something."""
    y, s, w = (np.array(column, float) for column in zip(*rows, strict=True))
    s = (s / 40 * 3 * WIDTH if near else s).round(8)  # what differs by less than 1e-9 counts as equal in a cell
    assume(w[y == 1].sum() and w[y == 0].sum())
    return scored_arrays(y.astype(int), np.stack([expit(-s), expit(s)], 1), w)


SOME_ROWS = given(
    st.lists(st.tuples(st.booleans(), st.floats(-40, 40), st.integers(0, 3)), min_size=2, max_size=60), st.booleans()
)


@settings(deadline=None, max_examples=40)
@SOME_ROWS
def test_the_bounds_hold_the_exact_area(rows, near):
    """Also where all scores share a few bins, lie beyond the outermost, or are tied."""
    rows = rows_of_both_classes(rows, near)
    exact = auc(rows).value
    found = tally(rows).auc()
    assert found.low <= exact <= found.high
    assert 0 <= found.low <= found.high <= 1


def test_bounds_are_tight_where_no_bin_is_shared():
    s = np.arange(20) * 2 * WIDTH
    y = np.arange(20) % 3 == 0
    rows = scored_arrays(y.astype(int), expit(s))
    assert tally(rows).auc()[:3] == pytest.approx((auc(rows).value,) * 3, abs=2e-12)
    assert logit(rows.probability[3, 1]) == pytest.approx(s[3])


def test_several_classes():
    y, p = of_classes(400, 4, 3)
    rows = scored_arrays(y, p)
    found = tally(rows.rows(np.arange(150))) + tally(rows.rows(np.arange(150, 400)))
    assert found.auc().low <= auc(rows).value <= found.auc().high
    assert (found.confusion().counts == confusion(rows).counts).all()
    assert found.log_loss == pytest.approx(log_losses(rows).mean(), rel=1e-13)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_source_is_tallied_block_by_block(classes):
    """The same as of all rows at once, however the rows are cut, with offsets and weights."""
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(300, 2))
    y = (x @ [1, -1] + rng.logistic(size=300) > 0).astype(int) + (classes == 3) * (rng.random(300) < 0.3)
    cut = 0.4 if classes == 2 else 0.5
    weight = rng.integers(1, 4, 300) * 1.0
    offset = rng.normal(size=300) if classes == 2 else None
    fit = torchlogit.fit(x, y, weight=weight, offset=offset)
    whole = tally(scored(fit), cut)
    shift = None if offset is None else torch.from_numpy(offset)
    source = MemorySource(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(weight), shift, block_rows=37)
    found = tallied(fit, source, cut)
    assert (found.weight == whole.weight).all()
    assert (found.cells[:, 0] == whole.cells[:, 0]).mean() > 0.9999  # a score beside an end may round to either side
    assert (found.log_loss, found.brier) == pytest.approx((whole.log_loss, whole.brier), rel=1e-12)
    assert found.accuracy().low < found.accuracy().value < found.accuracy().high


def test_what_does_not_add_up_is_refused():
    one = tally(scored_arrays([0, 1], [0.2, 0.8]))
    with pytest.raises(ParameterError, match="do not add up"):
        one + tally(scored_arrays([0, 1], [0.2, 0.8]), 0.3)
    with pytest.raises(ParameterError, match="do not add up"):
        one + tally(scored_arrays(["a", "b"], [0.2, 0.8]))
    with pytest.raises(DataError, match="needs rows of both classes"):
        tally(scored_arrays([0, 0], [0.2, 0.8], classes=[0, 1])).auc()
    with pytest.raises(DataError, match="no rows to evaluate"):
        tally(scored_arrays([0, 1], [0.2, 0.8], weight=[0, 0])).log_loss


def test_the_linear_unit_has_no_probabilities():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = torchlogit.fit(torchlogit.datasets.study_hours(), "passed", loss="squared")
    with pytest.raises(ParameterError, match="linear unit"):
        scored(fit)
    with pytest.raises(ParameterError, match="linear unit"):
        tallied(fit, fit.training.source(True, None))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(-1, 1)), min_size=1, max_size=8),
)
def test_two_points_have_the_moments_of_the_rows(rows):
    weight, place = np.array(rows).T
    moments = np.array([weight @ place**order for order in range(4)])
    at, share = two_points(moments)
    assert (np.abs(at) <= 1).all()
    assert (share >= 0).all()
    expected = moments / moments[0]
    found = np.array([share @ at**order for order in range(4)]) / moments[0]
    np.testing.assert_allclose(found, expected, atol=3e-12)


def test_points_stand_for_rows_in_what_is_smooth():
    """A hundred thousand rows are some thousand points; sums of smooth functions are those of the rows to rounding."""
    rng = np.random.default_rng(3)
    s = np.concatenate([rng.normal(0, 0.1, 100_000), rng.normal(0, 30, 2000), rng.normal(0, 400, 200)])
    y = (s + rng.logistic(size=len(s)) > 0).astype(int)
    p = np.stack([expit(-s), expit(s)], 1)
    rows = scored_arrays(y, p).counted()
    rows = rows.rows(np.isfinite(rows.log_odds))
    found = tally(rows).rows()
    assert len(found) < len(rows) / 10
    for of in (
        log_losses,
        brier_scores,
        lambda each: np.cos(each.log_odds / 3),
        lambda each: expit(0.1 * each.log_odds + 0.2),
    ):
        assert found.weight @ of(found) == pytest.approx(rows.weight @ of(rows), rel=1e-12)


@settings(deadline=None, max_examples=40)
@SOME_ROWS
def test_the_bounds_of_measures_of_ranks(rows, near):
    rows = rows_of_both_classes(rows, near)
    known = ranked(rows)
    found = tally(rows).rows()
    for name, of in RANKS.items():
        low, high = found.bounds(name)
        value = float(of(known.positive, known.negative))
        assert low - 1e-11 <= value <= high + 1e-11, name


def test_ties_are_known_as_such():
    """Rows of a few different log-odds lose nothing, however many they are and however they round."""
    rng = np.random.default_rng(0)
    s = np.array([-2.0, -0.3, 0.1, 0.1 + 1e-5, 2.5])[rng.integers(0, 5, 20_000)] * (1 + rng.normal(size=20_000) * 1e-16)
    y = (s + rng.logistic(size=len(s)) > 0).astype(int)
    rows = scored_arrays(y, np.stack([expit(-s), expit(s)], 1))
    parts = [tally(rows.rows(cut)) for cut in np.array_split(np.arange(len(s)), 9)]
    found, exact = sum(parts[1:], parts[0]).rows(), evaluate(rows, resamples=500)
    assert len(found) == 10
    shown = evaluate_tally(sum(parts[1:], parts[0]), resamples=500)
    assert shown["log_loss"].value == pytest.approx(exact["log_loss"].value, abs=1e-13)
    apart = found.rows(np.abs(found.log_odds - 0.1) > 0.01)  # the two that share a cell are the only doubt
    assert np.diff(apart.bounds("auc")) == pytest.approx(0, abs=1e-12)
    low, high = found.bounds("auc")
    assert low <= exact["auc"].value <= high
