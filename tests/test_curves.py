"""Curves and tables of thresholds: scikit-learn's points, definitions row by row, and every form."""

import json
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from scores import of_classes, sample

from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics import (
    confusion,
    decision_curve,
    lift,
    precision_recall_curve,
    roc_curve,
    score_histogram,
    scored_arrays,
    thresholds,
)
from torchlogit.metrics.counts import top_lift

WEIGHTS = [None, "whole", "broken"]


def counted(y, p, w):
    """scikit-learn has points for rows of weight 0."""
    return y[w > 0], p[w > 0], w[w > 0]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_roc_curve_is_that_of_scikit_learn(weights):
    y, p, w = sample(200, 1, True, weights)
    found = roc_curve(scored_arrays(y, p, w))
    some, chance, s = counted(y, p, w)
    false, true, cuts = sk.roc_curve(some, chance, sample_weight=s, drop_intermediate=False)
    assert found.false_positive_rate == pytest.approx(false, abs=1e-13)
    assert found.true_positive_rate == pytest.approx(true, abs=1e-13)
    assert found.threshold == pytest.approx(cuts, abs=1e-13)
    area = np.trapezoid(found.true_positive_rate, found.false_positive_rate)
    assert found.auc == pytest.approx(area, abs=1e-13)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_precision_and_recall_are_those_of_scikit_learn(weights):
    y, p, w = sample(200, 2, True, weights)
    found = precision_recall_curve(scored_arrays(y, p, w))
    some, chance, s = counted(y, p, w)
    precision, recall, cuts = sk.precision_recall_curve(some, chance, sample_weight=s)
    assert found.precision[::-1] == pytest.approx(precision, abs=1e-13)
    assert found.recall[::-1] == pytest.approx(recall, abs=1e-13)
    assert found.threshold[:0:-1] == pytest.approx(cuts, abs=1e-13)
    assert found.average_precision == pytest.approx(sk.average_precision_score(y, p, sample_weight=w), abs=1e-13)
    assert found.prevalence == pytest.approx(w @ y / w.sum(), abs=1e-13)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.95, 1.0])
def test_the_confusion_matrix_is_that_of_scikit_learn(threshold, weights):
    """Also where the threshold is the very probability of some rows."""
    y, p, w = sample(200, 3, True, weights)
    found = confusion(scored_arrays(y, p, w), threshold)
    expected = sk.confusion_matrix(y, p >= threshold, sample_weight=w, labels=[0, 1])
    assert found.counts == pytest.approx(expected, abs=1e-10)
    assert found.accuracy == pytest.approx(sk.accuracy_score(y, p >= threshold, sample_weight=w), abs=1e-13)


def test_the_confusion_of_several_classes():
    y, p = of_classes(200, 4, 1)
    found = confusion(scored_arrays(y, p))
    assert (found.counts == sk.confusion_matrix(y, p.argmax(1))).all()
    assert found.counts.dtype.kind == "i"
    assert found.recall == pytest.approx(sk.recall_score(y, p.argmax(1), average=None))
    assert found.precision == pytest.approx(sk.precision_score(y, p.argmax(1), average=None))
    assert list(found.columns()) == ["actual", *(f"called {k}" for k in range(4)), "recall", "precision"]
    assert found.threshold is None


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_table_of_thresholds_counts_what_it_calls(weights):
    y, p, w = sample(150, 4, True, weights)
    found = thresholds(scored_arrays(y, p, w), 2.0, 5.0)
    whole = w.sum()
    for i, cut in enumerate(found.threshold):
        yes = p >= cut - 1e-12
        tp, fp, fn, tn = (w @ (yes & (y == 1)), w @ (yes & (y == 0)), w @ (~yes & (y == 1)), w @ (~yes & (y == 0)))
        entry = found.true_positives[i], found.false_positives[i], found.false_negatives[i], found.true_negatives[i]
        assert entry == pytest.approx((tp, fp, fn, tn), abs=1e-10)
        assert found.cost[i] == pytest.approx((2 * fp + 5 * fn) / whole)
        assert found.accuracy[i] == pytest.approx((tp + tn) / whole)
        assert found.f1[i] == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert (found.sensitivity[i], found.specificity[i]) == pytest.approx((tp / (tp + fn), tn / (tn + fp)))
    assert np.isnan(found.precision[0])
    assert np.isnan(found.negative_predictive_value[-1])
    assert found.cheapest == found.threshold[found.cost.argmin()]
    assert found.by_costs == pytest.approx(2 / 7)


def test_thresholds_may_be_chosen():
    y, p, w = sample(150, 4)
    rows, at = scored_arrays(y, p, w), [0.9, 0.3, 0.05, 0.0, 1.0]
    found, every = thresholds(rows, at=at), thresholds(rows)
    assert found.threshold.tolist() == at
    assert found.true_positives.tolist() == [(y == 1)[p >= cut].sum() for cut in at]
    assert found.cheapest == every.cheapest


def test_it_can_be_cheapest_to_call_none():
    found = thresholds(scored_arrays([0, 0, 0, 1], [0.9, 0.8, 0.7, 0.1]), 10.0, 1.0)
    assert found.cheapest == np.inf
    assert json.loads(found.to_json())["cheapest"] is None


@pytest.mark.parametrize("costs", [(-1, 1), (0, 0), (np.nan, 1), (np.inf, 1)])
def test_costs_are_checked(costs):
    with pytest.raises(ParameterError, match="costs must be"):
        thresholds(scored_arrays([0, 1], [0.2, 0.8]), *costs)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_net_benefit_is_as_defined(weights):
    y, p, w = sample(300, 5, True, weights)
    found = decision_curve(scored_arrays(y, p, w))
    for t, benefit, low, high, everyone in zip(*found.columns().values(), strict=True):
        yes, n = p >= t - 1e-12, w.sum()
        each = np.where(yes, np.where(y == 1, 1.0, -t / (1 - t)), 0.0)
        assert benefit == pytest.approx(w @ each / n, abs=1e-12)
        assert everyone == pytest.approx((w @ y - t / (1 - t) * (w @ (1 - y))) / n, abs=1e-11)
        square = w**2 if weights == "broken" else w
        error = np.sqrt(square @ (each - benefit) ** 2) / n
        assert (low, high) == pytest.approx((benefit - 1.959964 * error, benefit + 1.959964 * error), abs=1e-7)


def test_lift_counts_rows_in_falling_order():
    y, p, _ = sample(200, 6, False)
    found, order = lift(scored_arrays(y, p), 8), np.argsort(-p)
    groups = y[order].reshape(8, 25)
    assert found.positives == pytest.approx(groups.sum(1))
    assert found.rate == pytest.approx(groups.mean(1))
    assert found.lift == pytest.approx(groups.mean(1) / y.mean())
    assert found.gain == pytest.approx(groups.sum(1).cumsum() / y.sum())
    assert found.probability == pytest.approx(p[order].reshape(8, 25).mean(1))
    tenth = lift(scored_arrays(y, p)).lift[0]
    sums = [np.bincount(np.arange(200), y[order]), np.bincount(np.arange(200), 1 - y[order])]
    assert top_lift(*sums) == pytest.approx(tenth, abs=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_lift_of_ties_is_the_mean_over_their_orders(weights):
    y, p, w = sample(60, 7, True, weights)
    found, rng, seen = lift(scored_arrays(y, p, w), 4), np.random.default_rng(1), []
    for _ in range(4000):
        order = np.lexsort((rng.random(60), -p))
        ends = np.concatenate([[0], w[order].cumsum()])
        seen.append(np.interp(found.share * ends[-1], ends, np.concatenate([[0], (w * y)[order].cumsum()])))
    assert found.gain * (w @ y) == pytest.approx(np.mean(seen, axis=0), abs=0.15)
    assert found.gain[-1] == pytest.approx(1)


def test_a_histogram_holds_every_row():
    y, p, w = sample(200, 8, False, "broken")
    found = score_histogram(scored_arrays(y, np.append(p[:-1], 1.0), w), 7)
    assert found.positives.sum() == pytest.approx(w @ y)
    assert found.negatives.sum() == pytest.approx(w @ (1 - y))
    inside = (p >= found.low[3]) & (p < found.high[3])
    assert found.positives[3] == pytest.approx((w * y)[inside].sum())


@pytest.mark.parametrize("of", [roc_curve, precision_recall_curve, thresholds, lift, decision_curve, score_histogram])
def test_they_are_for_two_classes_with_rows_of_both(of):
    y, p = of_classes(50, 3, 1)
    rows = scored_arrays(y, p)
    with pytest.raises(ParameterError, match=r"is for two classes; there are 3: .* \.against\(0\)"):
        of(rows)
    assert len(of(rows.against(2)).to_frame()) > 0
    if of is not score_histogram:
        with pytest.raises(DataError, match="all 2 rows are of class 0"):
            of(scored_arrays([0, 0], [0.3, 0.4], classes=[0, 1]))


@pytest.mark.parametrize(
    "of", [roc_curve, precision_recall_curve, thresholds, lift, decision_curve, score_histogram, confusion]
)
def test_every_form_is_there_and_none_warns(of):
    y, p, _ = sample(40, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = of(scored_arrays(np.array(["no", "yes"])[y], p))
        assert json.loads(found.to_json())["schema"].startswith("torchlogit/")
        assert max(map(len, str(found).splitlines())) <= 80
        assert len(found.to_html()) > 100
        assert len(found.to_frame("pyarrow")) >= 2


@pytest.mark.parametrize("of", [lambda r: lift(r, 0), lambda r: score_histogram(r, 0), lambda r: decision_curve(r, [1.0]),
                                lambda r: thresholds(r, at=[1.5]), lambda r: confusion(r, -0.1)])  # fmt: skip
def test_settings_are_checked(of):
    with pytest.raises(ParameterError):
        of(scored_arrays([0, 1], [0.2, 0.8]))


def test_rows_that_were_fitted_say_so():
    from torchlogit import datasets, fit
    from torchlogit.metrics.scored import scored

    rows = scored(fit(datasets.study_hours(), "passed"))
    for of in (roc_curve, precision_recall_curve, thresholds, lift, decision_curve, score_histogram, confusion):
        assert "fitted to" in of(rows).notes[0]
