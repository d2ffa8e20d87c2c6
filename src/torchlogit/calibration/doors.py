"""The doors of a fit: which rows, with which probabilities, calibration is asked of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.calibration import measures
from torchlogit.calibration import reliability as curves
from torchlogit.calibration.events import as_event
from torchlogit.calibration.reliability import DIGITS
from torchlogit.calibration.smooth import KNOTS
from torchlogit.errors import ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.metrics import condensed
from torchlogit.metrics.condensed import Condensed
from torchlogit.metrics.crossed import cross_rows, folds_of
from torchlogit.metrics.scored import Scored, scored_rows
from torchlogit.metrics.tally import in_parts, tallied_beside

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

DECILES = np.linspace(0.1, 0.9, 9)  # the ends of Hosmer and Lemeshow's groups
GIVEN = (
    "target",
    "weight",
    "offset",
    "missing",
    "memory",
    "watch",
    "process_group",
    "timeout",
)  # of what `observed` takes


def rows_of(fit: Fit, data: Any = None, folds: Any = None, seed: int = 0, **given: Any) -> Scored:
    """The rows with the fit's probabilities, or with ``folds`` those of fits to the other folds; see `cross_scored`.

    What is ``given`` is `observed`'s.
    """
    return scored_beside(observed(fit, data, **given), folds, seed, own=data is None)


def scored_beside(beside: Observed, folds: Any = None, seed: int = 0, *, own: bool = False) -> Scored:
    """`rows_of` rows that a fit stands beside; those of two classes that are read in parts condensed, in one pass."""
    if in_parts(beside):
        refuse_folds(folds)
        if len(beside.fit.classes) > 2:
            raise ParameterError(
                "with more than two classes this needs all rows in memory, and they are read in parts; give a larger memory="
            )
        return tallied_beside(beside).rows()
    return scored_rows(beside, own) if folds is None else cross_rows(beside, folds_of(beside.rows, folds, seed))


def event_beside(beside: Observed, bins: int = 10, rule: str = "quantile", label: Any = None) -> Condensed:
    """The event of rows that are read in parts (see `event_of`), condensed; two passes, since the second knows the quantiles.

    There cells are so narrow about the ends of ``bins``, deciles and the smooth curve's knots that these are those of the rows.
    """
    how: dict[str, Any] = {"event": partial(as_event, label=label)}
    edges = np.linspace(0, 1, bins + 1)
    ends = condensed.ends()
    if rule == "width":
        inner = edges[1:-1].round(DIGITS) + 0.5 * 10.0**-DIGITS
        ends = np.unique(np.concatenate([ends, np.log(inner) - np.log1p(-inner)]))
    first = tallied_beside(beside, ends=ends, **how)
    first.total  # noqa: B018  (refuses a tally without rows)
    shares = np.array([*(edges if rule == "quantile" else []), *DECILES, *KNOTS[4]])
    return tallied_beside(beside, ends=condensed.finer(first.rows(), ends, shares), **how).rows()


def calibration(fit: Fit, data: Any, folds: Any, seed: int, **how: Any) -> measures.Calibration:
    """`Fit.calibration`."""
    rows, how = _rows(fit, data, folds, seed, how)
    return measures.calibration(rows, **how)


def reliability(fit: Fit, data: Any, folds: Any, seed: int, **how: Any) -> curves.Reliability:
    """`Fit.reliability`."""
    rows, how = _rows(fit, data, folds, seed, how)
    return curves.reliability(rows, **how)


def _rows(fit: Fit, data: Any, folds: Any, seed: int, how: dict[str, Any]) -> tuple[Scored, dict[str, Any]]:
    """The rows, and how they are to be looked at; those read in parts become the event in question on the way."""
    beside = observed(fit, data, **_given(how))
    if not in_parts(beside):
        return scored_beside(beside, folds, seed, own=data is None), how
    refuse_folds(folds)
    curves.check(how.get("bins", 10), how.get("rule", "quantile"))
    asked = {name: how[name] for name in ("bins", "rule", "label") if name in how}
    return event_beside(beside, **asked), {**how, "label": None}


def refuse_folds(folds: Any) -> None:
    """ParameterError for folds of rows that are read in parts."""
    if folds is not None:
        raise ParameterError("folds need all rows in memory, and these are read in parts; give a larger memory=")


def _given(how: dict[str, Any]) -> dict[str, Any]:
    """What is said about the rows, taken out of the rest."""
    return {name: how.pop(name) for name in GIVEN if name in how}
