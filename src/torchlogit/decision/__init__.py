"""From a probability to an answer: bands in which it is "uncertain", prediction sets, and what either promises."""

from torchlogit.decision.band import Band, band_for_coverage, band_for_error, band_from_costs
from torchlogit.decision.conformal import Conformal, conformal, cross_conformal, split_conformal
from torchlogit.decision.riskcoverage import RiskCoverage, risk_coverage

__all__ = [
    "Band",
    "Conformal",
    "RiskCoverage",
    "band_for_coverage",
    "band_for_error",
    "band_from_costs",
    "conformal",
    "cross_conformal",
    "risk_coverage",
    "split_conformal",
]
