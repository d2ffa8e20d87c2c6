"""The doors of a fit: which rows, with which probabilities, calibration is asked of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlogit.calibration import measures
from torchlogit.calibration import reliability as curves
from torchlogit.inference.observed import Observed, observed
from torchlogit.metrics.crossed import cross_rows, folds_of
from torchlogit.metrics.scored import Scored, scored_rows

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

GIVEN = ("target", "weight", "offset", "missing")  # of what `observed` takes


def rows_of(fit: Fit, data: Any = None, folds: Any = None, seed: int = 0, **given: Any) -> Scored:
    """The rows with the fit's probabilities, or with ``folds`` those of fits to the other folds; see `cross_scored`."""
    return scored_beside(observed(fit, data, **given), folds, seed, own=data is None)


def scored_beside(beside: Observed, folds: Any = None, seed: int = 0, *, own: bool = False) -> Scored:
    """`rows_of` rows that a fit stands beside."""
    return scored_rows(beside, own) if folds is None else cross_rows(beside, folds_of(beside.rows, folds, seed))


def calibration(fit: Fit, data: Any, folds: Any, seed: int, **how: Any) -> measures.Calibration:
    """`Fit.calibration`."""
    return measures.calibration(rows_of(fit, data, folds, seed, **_given(how)), **how)


def reliability(fit: Fit, data: Any, folds: Any, seed: int, **how: Any) -> curves.Reliability:
    """`Fit.reliability`."""
    return curves.reliability(rows_of(fit, data, folds, seed, **_given(how)), **how)


def _given(how: dict[str, Any]) -> dict[str, Any]:
    """What is said about the rows, taken out of the rest."""
    return {name: how.pop(name) for name in GIVEN if name in how}
