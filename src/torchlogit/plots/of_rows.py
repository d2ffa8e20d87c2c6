"""Pictures of rows beside their probabilities: each makes its table of them, and draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from torchlogit.errors import DataError, NotCertifiedError
from torchlogit.plots import acting, outcomes, ranking
from torchlogit.plots.frame import UNCERTAIN, style_for
from torchlogit.plots.style import Display

if TYPE_CHECKING:
    from torchlogit.decision.band import Band
    from torchlogit.metrics.scored import Scored

T = TypeVar("T")
Models = Mapping[str, "Scored"]


def each(models: Models, table: Callable[..., T], *settings: Any) -> dict[str, T]:
    """The table of each model."""
    return {name: table(rows, *settings) for name, rows in models.items()}


def roc(models: Models, *, level: float = 0.95, threshold: float = 0.5, **look: Any) -> Display:
    """ROC curves."""
    from torchlogit.metrics.curves import roc_curve

    return ranking.roc(each(models, roc_curve, level), threshold=threshold, **look)


def precision_recall(models: Models, *, threshold: float = 0.5, **look: Any) -> Display:
    """Precision against recall."""
    from torchlogit.metrics.curves import precision_recall_curve

    return ranking.precision_recall(each(models, precision_recall_curve), threshold=threshold, **look)


def gain(models: Models, *, bins: int = 10, **look: Any) -> Display:
    """Cumulative gain."""
    from torchlogit.metrics.counts import lift

    return ranking.gain(each(models, lift, bins), **look)


def lift(models: Models, *, bins: int = 10, **look: Any) -> Display:
    """Lift by groups."""
    from torchlogit.metrics.counts import lift

    return ranking.lift(each(models, lift, bins), **look)


def decision(models: Models, *, level: float = 0.95, **look: Any) -> Display:
    """Decision curves."""
    from torchlogit.metrics.curves import decision_curve

    return acting.net_benefit(each(models, decision_curve, None, level), **look)


def rates(rows: Scored, *, threshold: float = 0.5, **look: Any) -> Display:
    """Rates at all thresholds."""
    from torchlogit.metrics.curves import thresholds

    return acting.threshold_rates(thresholds(rows), threshold=threshold, **look)


def cost(rows: Scored, *, cost_false_yes: float = 1.0, cost_false_no: float = 1.0, **look: Any) -> Display:
    """Costs at all thresholds."""
    from torchlogit.metrics.curves import thresholds

    return acting.threshold_cost(thresholds(rows, cost_false_yes, cost_false_no), **look)


def risk(models: Models, *, uncertain: tuple[float, float] | Band | None = None, **look: Any) -> Display:
    """Risk and coverage, with the band of the first model."""
    from torchlogit.decision.riskcoverage import risk_coverage

    rows = next(iter(models.values()))
    band = _band(rows, uncertain or (UNCERTAIN if rows.binary else (0.0, UNCERTAIN[1])))
    return acting.risk_coverage(each(models, risk_coverage), band=band, **look)


def _band(rows: Scored, ends: Any) -> Band | None:
    """The band with the share of these rows that it decides, and how many of them wrongly; None where it decides none."""
    from torchlogit.decision.band import Band
    from torchlogit.model import decided

    band = ends if isinstance(ends, Band) else Band(*ends)
    called = decided(rows.probability, np.arange(len(rows.classes)), tuple(band), reject=-1)
    weight = rows.weight * (called >= 0)
    if not weight.sum() > 0:
        return None
    shares: Any = {"decided": weight.sum() / rows.weight.sum(), "error": weight @ (called != rows.y) / weight.sum()}
    return replace(band, **shares)


def calibration(rows: Scored, *, bins: int = 10, level: float = 0.95, **look: Any) -> Display:
    """Reliability by groups, smooth where that can be fitted, and the histogram; slope and intercept for rows not seen."""
    from torchlogit.calibration.events import event_of
    from torchlogit.calibration.measures import calibration as measured
    from torchlogit.calibration.smooth import smooth_reliability
    from torchlogit.metrics.counts import score_histogram

    event = event_of(rows)
    found, smooth = measured(event, bins, level=level), None
    with suppress(DataError, NotCertifiedError):
        smooth = smooth_reliability(event, level=level)
    numbers = {name: found[name] for name in ("slope", "intercept")}
    if not rows.seen and np.isfinite([*numbers.values()]).all():
        style = style_for(look)
        told = style.say("slope {slope}, intercept {intercept}", **{name: f"{v:.2f}" for name, v in numbers.items()})
        look["note"] = style.say("; ").join(filter(None, [look.get("note"), told]))
    return outcomes.calibration(found.reliability, smooth, score_histogram(event, 40), **look)


def scores(
    rows: Scored,
    *,
    bins: int = 20,
    threshold: float = 0.5,
    uncertain: tuple[float, float] = UNCERTAIN,
    **look: Any,
) -> Display:
    """The histogram of either class."""
    from torchlogit.metrics.counts import score_histogram

    return outcomes.scores(score_histogram(rows, bins), threshold=threshold, uncertain=uncertain, **look)


def confusion(rows: Scored, *, threshold: float = 0.5, **look: Any) -> Display:
    """The confusion matrix."""
    from torchlogit.metrics.counts import confusion

    return outcomes.confusion(confusion(rows, threshold), **look)
