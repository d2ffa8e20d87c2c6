"""Pictures of performance on the births, scored by fits to the other folds, and the tables that they are of."""

from functools import cache

import numpy as np
from pictures import births_fit

from torchlogit import plots
from torchlogit.calibration.reliability import reliability
from torchlogit.calibration.smooth import smooth_reliability
from torchlogit.decision.band import Band
from torchlogit.decision.riskcoverage import risk_coverage
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
from torchlogit.metrics.crossed import cross_scored


@cache
def rows():
    return cross_scored(births_fit(), folds=10)


@cache
def others():
    """Another model of the same rows: the first one's log-odds with noise."""
    z = rows().log_odds + np.random.default_rng(0).normal(size=len(rows()))
    return scored_arrays(rows().y, 1 / (1 + np.exp(-z)))


def two(table, *settings):
    return {"births": table(rows(), *settings), "with noise": table(others(), *settings)}


BAND = Band(0.4, 0.6, decided=0.8, error=0.25)
PICTURES = {
    "roc": lambda **to: plots.roc(roc_curve(rows()), **to),
    "two rocs": lambda **to: plots.roc(two(roc_curve), note="two models", **to),
    "pr": lambda **to: plots.precision_recall(two(precision_recall_curve), **to),
    "gain": lambda **to: plots.gain(two(lift, 10), **to),
    "lift": lambda **to: plots.lift(lift(rows()), **to),
    "rates": lambda **to: plots.threshold_rates(thresholds(rows()), threshold=0.4, **to),
    "cost": lambda **to: plots.threshold_cost(thresholds(rows(), 1, 3), **to),
    "benefit": lambda **to: plots.net_benefit(two(decision_curve), **to),
    "risk": lambda **to: plots.risk_coverage(two(risk_coverage), band=BAND, **to),
    "calibration": lambda **to: plots.calibration(
        reliability(rows()), smooth_reliability(rows()), score_histogram(rows(), 40), **to
    ),
    "scores": lambda **to: plots.scores(score_histogram(rows()), **to),
    "confusion": lambda **to: plots.confusion(confusion(rows(), 0.4), note="threshold 0.4", **to),
}
