"""The bootstrap of measures that have no interval of their own: all resamples as one batch of weighted counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import check_share
from torchlogit.errors import ParameterError
from torchlogit.metrics.losses import brier_scores, log_losses
from torchlogit.metrics.ranked import Ranked, summed
from torchlogit.metrics.rates import Calls, Interval
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]
CELLS = 1024  # up to which rows are counted one by one; more are joined with those that are like them
METHOD = "bootstrap"


class Draws(NamedTuple):
    """Resamples, and what they are asked for: ``resamples`` of them, an interval of ``level``."""

    rng: np.random.Generator
    resamples: int = 2000
    level: float = 0.95

    @classmethod
    def seeded(cls, seed: int, resamples: int, level: float) -> Draws:
        """ParameterError for a level that is no share, or too few resamples for it."""
        check_share(level)
        if resamples * (1 - level) < 10:
            least = int(np.ceil(10 / (1 - level) - 1e-9))
            raise ParameterError(f"intervals of {level:g} need {least} resamples or more, got {resamples}")
        return cls(np.random.default_rng(seed), resamples, level)

    def weights(self, weight: Floats, square: Floats) -> Floats:
        """How much each of c cells weighs in each resample, (B, c): Gamma with mean ``weight`` and variance ``square``.

        Of a row it is its weight times an exponential variable, of w repeated rows the sum of w such variables: so joining
        equal rows changes nothing, and no resample lacks a class.
        Source: Rubin (1981), The Bayesian bootstrap.
        """
        there = weight > 0
        shape = np.divide(weight**2, square, out=np.zeros_like(weight), where=there)
        scale = np.divide(square, weight, out=np.zeros_like(weight), where=there)
        return self.rng.standard_gamma(shape, (self.resamples, len(weight))) * scale

    def interval(self, value: float, resampled: Floats, centre: float | None = None) -> Interval:
        """The percentile interval about ``value``; ``centre`` is what the cells give that the resamples are of.

        Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, eq. 13.5.
        """
        tail = (1 - self.level) / 2
        low, high = np.quantile(resampled, [tail, 1 - tail]) + (0.0 if centre is None else value - centre)
        return Interval(value, min(float(low), value), max(float(high), value), METHOD)


def mean(rows: Scored, values: Floats, draws: Draws) -> Interval:
    """The weighted mean of values (n,) ≥ 0 of rows without weight 0."""
    value = float(rows.weight @ values / rows.weight.sum())
    if not np.isfinite(value):
        return Interval(value, value, value, METHOD)
    place = np.arange(len(rows))
    if len(rows) > CELLS:
        shares = rows.weight * (1 + values / max(value, 1e-300))
        place = _joined(np.argsort(values), shares)
    weight, square, total = (summed(place, t) for t in (rows.weight, rows.square, rows.weight * values))
    drawn = draws.weights(weight, square)
    return draws.interval(value, drawn @ (total / weight) / drawn.sum(1))


def _joined(order: npt.NDArray[np.int64], shares: Floats) -> npt.NDArray[np.int64]:
    """The number of each row's cell: neighbours in the order whose shares make up one part in `CELLS` together."""
    ends = shares[order].cumsum()
    number = np.minimum((ends / ends[-1] * CELLS).astype(np.int64), CELLS - 1)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(np.diff(number, prepend=number[0]) > 0)
    return place


def log_loss(rows: Scored, draws: Draws) -> Interval:
    """The mean of −log of the probability of each row's own class."""
    return mean(rows, log_losses(rows), draws)


def brier(rows: Scored, draws: Draws) -> Interval:
    """Brier's score."""
    return mean(rows, brier_scores(rows), draws)


def of_ranks(
    found: Ranked, of: Callable[[Floats, Floats], Floats], draws: Draws, value: float | None = None
) -> Interval:
    """A measure of the two classes' weights (*B, m) at the scores, the highest first, such as the average precision; its
    ``value``, where it is known better.
    """
    both = np.stack([found.positive, found.negative])
    value, size = float(of(*both)) if value is None else value, len(found.log_odds)
    place = np.arange(size)
    if size > CELLS:
        place = _joined(place, (both / both.sum(1, keepdims=True)).sum(0))
    rows = found.rows
    cells = place[found.place] + (rows.y == 0) * (place[-1] + 1)
    weight, square = (summed(cells, t, 2 * (int(place[-1]) + 1)) for t in (rows.weight, rows.square))
    drawn = np.split(draws.weights(weight, square), 2, axis=1)
    return draws.interval(value, of(*drawn), float(of(*np.split(weight, 2))))


def of_calls(found: Calls, of: Callable[[Floats], Floats], draws: Draws) -> Interval:
    """A measure of the weights (*B, K, K) of the rows by class and call, such as Matthews' correlation; NaN where it is none.

    One row is added, spread evenly over all entries, so that an entry without rows is not held to be impossible.
    Source: Perks (1947), Some observations on inverse probability including a new indifference rule.
    """
    value = float(of(found.weight))
    if np.isnan(value):
        return Interval(value, value, value, METHOD)
    scale = found.square.sum() / found.weight.sum()
    weight, square = (t.ravel() + scale**power / t.size for t, power in ((found.weight, 1), (found.square, 2)))
    drawn = draws.weights(weight, square).reshape(-1, *found.weight.shape)
    return draws.interval(value, of(drawn))
