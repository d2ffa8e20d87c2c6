"""How good probabilities are: metrics with intervals, curves, and what they are computed from."""

from torchlogit.metrics.counts import Confusion, LiftTable, ScoreHistogram, confusion, lift, score_histogram
from torchlogit.metrics.crossed import cross_scored
from torchlogit.metrics.curves import (
    DecisionCurve,
    PrecisionRecallCurve,
    RocCurve,
    ThresholdTable,
    decision_curve,
    precision_recall_curve,
    roc_curve,
    thresholds,
)
from torchlogit.metrics.delong import auc, hand_till
from torchlogit.metrics.evaluating import evaluate
from torchlogit.metrics.evaluation import Evaluation
from torchlogit.metrics.losses import BrierParts, brier_parts
from torchlogit.metrics.rates import Interval, wilson
from torchlogit.metrics.scored import Scored, scored_arrays

__all__ = [
    "BrierParts",
    "Confusion",
    "DecisionCurve",
    "Evaluation",
    "Interval",
    "LiftTable",
    "PrecisionRecallCurve",
    "RocCurve",
    "ScoreHistogram",
    "Scored",
    "ThresholdTable",
    "auc",
    "brier_parts",
    "confusion",
    "cross_scored",
    "decision_curve",
    "evaluate",
    "hand_till",
    "lift",
    "precision_recall_curve",
    "roc_curve",
    "score_histogram",
    "scored_arrays",
    "thresholds",
    "wilson",
]
