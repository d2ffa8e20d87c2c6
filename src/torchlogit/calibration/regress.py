"""Regressions of the event on its log-odds, by torchlogit's own fit: what slopes, intercepts, smooth curves and Platt use."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, NotCertifiedError, TorchlogitWarning
from torchlogit.fit import fit
from torchlogit.fitted import Fit
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]


def finite(event: Scored) -> Scored:
    """The rows that count; DataError where one has a probability of 0 or 1 exactly, whose log-odds are infinite, or where they
    have one class only.
    """
    event = event.counted()
    sure = ~np.isfinite(event.log_probability).all(1)
    if sure.any():
        raise DataError(
            f"{int(sure.sum())} of {len(event)} rows have a probability of exactly 0 or 1, whose log-odds are infinite"
        )
    if len(np.unique(event.y)) < 2:
        raise DataError("all rows are of one class, so nothing tells how probabilities should rise")
    return event


def regress(x: Any, y: Any, weight: Floats, *, repeats: bool = True, offset: Any = None, intercept: bool = True) -> Fit:
    """The fit of y (n,) to columns x (n, q); NotCertifiedError where it has no finite estimate.

    A weight counts as so many rows; where it does not (``repeats``), errors are those of sampling weights.
    """
    alike = bool((weight == 1).all())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TorchlogitWarning)
        found = fit(
            x,
            y,
            weight=None if alike else weight,
            weights_are=None if alike else "importance" if repeats else "sampling",
            offset=offset,
            intercept=intercept,
        )
    if not found.certified:
        raise NotCertifiedError(
            "the probabilities split the classes perfectly, so that no finite slope is the best one"
            if found.status.name == "separated"
            else found.status.value
        )
    return found


def shifted(event: Scored) -> Fit:
    """The intercept alone beside the log-odds as an offset: calibration-in-the-large."""
    one, y, s = np.ones((len(event), 1)), event.y, event.weight
    return regress(one, y, s, repeats=event.repeats, offset=event.log_odds, intercept=False)


def sloped(event: Scored) -> Fit:
    """Intercept and slope of the log-odds: Cox's calibration."""
    return regress(event.log_odds[:, None], event.y, event.weight, repeats=event.repeats)
