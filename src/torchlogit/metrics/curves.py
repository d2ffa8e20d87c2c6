"""Curves of two classes: every threshold's calls and what they are worth. Each is a table that a plot or a report takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.normal import half_width
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.delong import auc
from torchlogit.metrics.ranked import as_counts, cut, ranked
from torchlogit.metrics.scored import Scored
from torchlogit.tables.names import show_value

Floats = npt.NDArray[np.float64]
NONE_CALLED = "at the first threshold, which no row reaches, none is called {}"


@dataclass(frozen=True, repr=False, eq=False)
class RocCurve(Tabular):
    """m + 1 points, from no row called positive to all, (m + 1,) arrays; a row is called so at or above the ``threshold``.

    ``positive`` is the class; ``auc`` the area, with its interval of ``level``.
    """

    heading: ClassVar[str] = "ROC curve"

    threshold: Floats
    false_positive_rate: Floats
    true_positive_rate: Floats
    positive: Any
    auc: float
    low: float
    high: float
    level: float
    notes: tuple[str, ...] = ()


def roc_curve(scored: Scored, level: float = 0.95) -> RocCurve:
    """The rates of false and true positives at every threshold that makes a difference, the highest first.

    Errors as `auc`. Source: Fawcett (2006), An introduction to ROC analysis, algorithm 1.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = roc_curve(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> found.false_positive_rate.tolist(), found.true_positive_rate.tolist(), found.auc
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0], 0.75)
    """
    found, whole = ranked(scored, "a ROC curve"), auc(scored, level)
    return RocCurve(
        threshold=found.threshold,
        false_positive_rate=found.false_yes / found.false_yes[-1],
        true_positive_rate=found.true_yes / found.true_yes[-1],
        positive=scored.classes[1],
        auc=whole.value,
        low=whole.low,
        high=whole.high,
        level=level,
        notes=scored.notes(NONE_CALLED.format(show_value(scored.classes[1]))),
    )


@dataclass(frozen=True, repr=False, eq=False)
class PrecisionRecallCurve(Tabular):
    """m + 1 points, from no row called positive (precision 1, by convention) to all, (m + 1,) arrays.

    ``prevalence`` is the precision of calling all or at random, ``average_precision`` the area under the steps.
    """

    heading: ClassVar[str] = "Precision and recall"

    threshold: Floats
    precision: Floats
    recall: Floats
    positive: Any
    average_precision: float
    prevalence: float
    notes: tuple[str, ...] = ()


def precision_recall_curve(scored: Scored) -> PrecisionRecallCurve:
    """Precision and recall at every threshold that makes a difference, the highest first. Errors as `roc_curve`.

    Source: Davis and Goadrich (2006), The relationship between precision-recall and ROC curves.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = precision_recall_curve(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> found.precision.round(3).tolist(), found.recall.tolist(), round(found.average_precision, 4)
    ([1.0, 1.0, 0.5, 0.667, 0.5], [0.0, 0.5, 0.5, 1.0, 1.0], 0.8333)
    """
    found = ranked(scored, "a curve of precision and recall")
    yes, calls = found.true_yes, found.true_yes + found.false_yes
    return PrecisionRecallCurve(
        threshold=found.threshold,
        precision=np.concatenate([[1.0], yes[1:] / calls[1:]]),
        recall=yes / yes[-1],
        positive=scored.classes[1],
        average_precision=float(average_precision(found.positive, found.negative)),
        prevalence=float(yes[-1] / calls[-1]),
        notes=scored.notes(NONE_CALLED.format(show_value(scored.classes[1])) + ", and precision is 1 by convention"),
    )


def average_precision(positive: Floats, negative: Floats) -> Floats:
    """``Σ (R_t − R_{t−1}) P_t`` over thresholds, (*B,), from the classes' weights (*B, m) at m scores, the highest first.

    No interpolation: Source: Su, Yuan and Zhu (2015), A relationship between the average precision and the area under the
    ROC curve, eq. 2.
    """
    yes, calls = positive.cumsum(-1), (positive + negative).cumsum(-1)
    share = np.divide(yes, calls, out=np.zeros_like(yes), where=calls > 0)
    return np.asarray((positive * share).sum(-1) / positive.sum(-1))


@dataclass(frozen=True, repr=False, eq=False)
class ThresholdTable(Tabular):
    """One entry a threshold, the highest first, (m,) arrays: weights of rows called rightly and wrongly, their rates, the cost.

    ``cost`` is the mean over the rows of what wrong calls cost; it is least at the threshold ``cheapest`` (infinite: best to
    call no row positive). ``by_costs`` is the threshold that the costs alone say, for calibrated probabilities.
    Rates are NaN where there is nothing to take a share of.
    """

    heading: ClassVar[str] = "Thresholds"
    heads: ClassVar[dict[str, str]] = {"f1": "F1", "mcc": "MCC"}

    threshold: Floats
    true_positives: Floats
    false_positives: Floats
    true_negatives: Floats
    false_negatives: Floats
    sensitivity: Floats
    specificity: Floats
    precision: Floats
    negative_predictive_value: Floats
    accuracy: Floats
    f1: Floats
    cost: Floats
    positive: Any
    cost_false_yes: float
    cost_false_no: float
    cheapest: float
    by_costs: float
    notes: tuple[str, ...] = ()


def thresholds(
    scored: Scored, cost_false_yes: float = 1.0, cost_false_no: float = 1.0, at: Any = None
) -> ThresholdTable:
    """Calls, rates and costs at the thresholds ``at`` (probabilities), or at all that make a difference.

    Costs are of one row called positive that is not, and of one not called that is. For probabilities that are right the
    cheapest threshold is ``cost_false_yes / (cost_false_yes + cost_false_no)``.
    ParameterError for costs that are negative, not finite, or both 0, and for thresholds outside 0 to 1.
    Source: Elkan (2001), The foundations of cost-sensitive learning, eq. 2.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = thresholds(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 1.0, 3.0)
    >>> found.cost.tolist(), round(found.cheapest, 2), found.by_costs
    ([1.5, 0.75, 1.0, 0.25, 0.5], 0.35, 0.25)
    """
    if not (0 <= cost_false_yes < np.inf and 0 <= cost_false_no < np.inf and cost_false_yes + cost_false_no > 0):
        raise ParameterError(
            f"costs must be finite, not negative and not both 0, got {cost_false_yes}, {cost_false_no}"
        )
    found = ranked(scored, "a table of thresholds")
    place = np.arange(len(found.threshold)) if at is None else _places(found.log_odds, at)
    shown = found.threshold if at is None else np.atleast_1d(np.asarray(at, dtype=np.float64))
    tp, fp = found.true_yes[place], found.false_yes[place]
    fn, tn = found.true_yes[-1] - tp, found.false_yes[-1] - fp
    whole = found.true_yes[-1] + found.false_yes[-1]
    costs = (cost_false_yes * found.false_yes + cost_false_no * (found.true_yes[-1] - found.true_yes)) / whole
    with np.errstate(invalid="ignore"):
        precision, predictive = tp / (tp + fp), tn / (tn + fn)
    return ThresholdTable(
        threshold=shown,
        true_positives=as_counts(tp),
        false_positives=as_counts(fp),
        true_negatives=as_counts(tn),
        false_negatives=as_counts(fn),
        sensitivity=tp / (tp + fn),
        specificity=tn / (tn + fp),
        precision=precision,
        negative_predictive_value=predictive,
        accuracy=(tp + tn) / whole,
        f1=2 * tp / (2 * tp + fp + fn),
        cost=costs[place],
        positive=scored.classes[1],
        cost_false_yes=float(cost_false_yes),
        cost_false_no=float(cost_false_no),
        cheapest=float(found.threshold[costs.argmin()]),
        by_costs=cost_false_yes / (cost_false_yes + cost_false_no),
        notes=scored.notes(),
    )


def _places(log_odds: Floats, at: Any) -> npt.NDArray[np.int64]:
    """How many of the falling log-odds are at or above each threshold."""
    return np.searchsorted(-log_odds, -np.atleast_1d(cut(at)), side="right")


@dataclass(frozen=True, repr=False, eq=False)
class DecisionCurve(Tabular):
    """Net benefit at each threshold, (m,) arrays: of the model, with an interval, and of calling all; calling none has 0."""

    heading: ClassVar[str] = "Decision curve"

    threshold: Floats
    net_benefit: Floats
    low: Floats
    high: Floats
    all_called: Floats
    positive: Any
    level: float
    notes: tuple[str, ...] = ()


def decision_curve(scored: Scored, at: Any = None, level: float = 0.95) -> DecisionCurve:
    """``(tp − fp t / (1 − t)) / n`` at thresholds t, 0.01 to 0.99 unless given ``at``: what calls are worth in true positives.

    A threshold says what one false call may cost in true ones: whoever calls at t = 0.1 takes nine false for one true. The
    interval is normal, from the spread of the rows' benefit. ParameterError for thresholds that are not inside 0 to 1;
    else errors as `roc_curve`.
    Source: Vickers and Elkin (2006), Decision curve analysis: a novel method for evaluating prediction models.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = decision_curve(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), at=[0.2, 0.5])
    >>> found.net_benefit.round(4).tolist(), found.all_called.round(4).tolist()
    ([0.4375, 0.25], [0.375, 0.0])
    """
    t = np.arange(1, 100) / 100 if at is None else np.atleast_1d(np.asarray(at, dtype=np.float64))
    if not ((t > 0) & (t < 1)).all():
        raise ParameterError("thresholds of a decision curve must lie inside 0 to 1")
    found, z = ranked(scored, "a decision curve"), half_width(level)
    place, odds, rows = _places(found.log_odds, t), t / (1 - t), found.rows
    square = [np.bincount(found.place, rows.square * (rows.y == k), len(found.log_odds)).cumsum() for k in (1, 0)]
    q1, q0 = (np.concatenate([[0.0], s])[place] for s in square)
    yes, no = found.true_yes[-1], found.false_yes[-1]
    whole = yes + no
    benefit = (found.true_yes[place] - odds * found.false_yes[place]) / whole
    rest = rows.square.sum() - q1 - q0
    variance = (q1 * (1 - benefit) ** 2 + q0 * (odds + benefit) ** 2 + rest * benefit**2) / whole**2
    return DecisionCurve(
        threshold=t,
        net_benefit=benefit,
        low=benefit - z * np.sqrt(variance),
        high=benefit + z * np.sqrt(variance),
        all_called=(yes - odds * no) / whole,
        positive=scored.classes[1],
        level=level,
        notes=scored.notes(),
    )
