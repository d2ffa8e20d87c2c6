"""Rows of two classes from the highest probability to the lowest: every curve and every measure of ranks is a sum over them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.scored import Scored
from torchlogit.tables.names import show_value

Floats = npt.NDArray[np.float64]
ALIKE = 1e-12  # relative difference up to which log-odds are equal: that of rounding
HUGE = 1e300  # stands for infinite log-odds, so that differences are numbers


class Ranked(NamedTuple):
    """m different log-odds, the highest first; ``place`` (n,) says at which of them each of the ``rows`` stands.

    ``positive`` and ``negative`` (m,) are the weights of either class there.
    """

    rows: Scored
    log_odds: Floats
    place: npt.NDArray[np.int64]
    positive: Floats
    negative: Floats

    @property
    def threshold(self) -> Floats:
        """The m probabilities, after an infinite one that no row reaches, (m + 1,)."""
        from scipy.special import expit

        return np.concatenate([[np.inf], expit(self.log_odds)])

    @property
    def true_yes(self) -> Floats:
        """Weight of the positive class at or above each threshold, (m + 1,)."""
        return from_zero(self.positive)

    @property
    def false_yes(self) -> Floats:
        """Weight of the negative class at or above each threshold, (m + 1,)."""
        return from_zero(self.negative)


def summed(place: npt.NDArray[np.int64], values: Floats, size: int = 0) -> Floats:
    """Sums of values (n,) by place, (size,) or as many as there are places."""
    found: Any = np.bincount(place, values, size)
    return found


def as_counts(weights: Floats) -> Any:
    """Whole numbers as such, so that they are shown as counts."""
    return weights.astype(np.int64) if bool((weights == np.rint(weights)).all()) else weights


def from_zero(parts: Floats) -> Floats:
    """Cumulative sums (*B, m + 1) that begin at 0."""
    return np.concatenate([np.zeros((*parts.shape[:-1], 1)), parts.cumsum(-1)], -1)


def ranked(scored: Scored, what: str = "a curve") -> Ranked:
    """The rows that count, by log-odds; ``what`` is made of them, and needs both classes (`DataError`).

    Log-odds that differ by rounding alone are one: equal rows of a table may differ in their last bit.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = ranked(scored_arrays([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8]))
    >>> found.threshold.round(3).tolist(), found.true_yes.tolist(), found.false_yes.tolist()
    ([inf, 0.8, 0.4, 0.1], [0.0, 1.0, 2.0, 2.0], [0.0, 0.0, 1.0, 2.0])
    """
    scored.require_binary(what)
    scored = scored.counted()
    order = scored.falling
    falling = held(scored.log_odds[order])
    least = np.minimum(abs(falling[1:]), abs(falling[:-1]))
    new = np.concatenate([[True], falling[:-1] - falling[1:] > ALIKE * (1 + least)])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    yes, no = (summed(place, scored.weight * (scored.y == label), int(new.sum())) for label in (1, 0))
    check_both(scored, what)
    return Ranked(scored, falling[new], place, yes, no)


def check_both(scored: Scored, what: str) -> None:
    """`DataError` if all rows are of one class."""
    there = np.unique(scored.y)
    if len(there) == 1:
        only = show_value(scored.classes[there[0]])
        raise DataError(f"{what} needs rows of both classes; all {len(scored)} rows are of class {only}")


def held(log_odds: Floats) -> Floats:
    """With infinite ones as numbers."""
    return np.clip(log_odds, -HUGE, HUGE)


def cut(threshold: Any) -> Any:
    """The least log-odds of a row that is called positive at a threshold: those of the threshold, less rounding.

    ParameterError for thresholds that are no probabilities.

    >>> bool(np.log(0.3) - np.log1p(-0.3) >= cut(0.3)), bool(cut(0.0) < -1e299)
    (True, True)
    """
    from scipy.special import logit

    p = np.asarray(threshold, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ParameterError(f"a threshold is a probability from 0 to 1, got {threshold}")
    at = np.clip(logit(p), -HUGE, HUGE)
    return at - ALIKE * (1 + abs(at))
