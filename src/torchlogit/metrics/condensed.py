"""Rows of two classes as a few points: sums over cells of log-odds, and points that have the same sums.

A cell is so narrow that what is smooth in the log-odds is a cubic there to some 15 digits. So two points for each class in a
cell, with the rows' first four moments, stand for all rows of it in a log-loss, a Brier score or a fit of the events to their
log-odds, whatever their number. Only how the rows of a cell rank among each other is not known, and has bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from torchlogit.metrics.counts import top_lift
from torchlogit.metrics.curves import average_precision
from torchlogit.metrics.delong import area_above
from torchlogit.metrics.ranked import ALIKE, Ranked, held, ranked, summed
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]
WIDTH = 2.0**-10  # of a cell of log-odds from about −32 to 32
NEAR = 2**15  # such cells on either side of 0
RATIO = 1 + 2.0**-9  # of an end to the one before, from there to about 1,000
SHIFT = 0.381966  # of their ends, so that none is a number that log-odds are likely to be
FINE = 2**11  # cells that one with a quantile is cut into
MOMENTS = 4  # orders 0 to 3
SPREAD = 1e-12  # variance, of a cell with ends at −1 and 1, up to which its rows are one point: that of rounding


@cache
def ends() -> Floats:
    """The ends of the cells, rising: even ones where probabilities are told from 0 and 1, in proportion beyond, then each twice
    the last.
    """
    near = (np.arange(-NEAR, NEAR + 1) - SHIFT) * WIDTH
    some = (NEAR + 1) * WIDTH * RATIO ** np.arange(1774)
    far = np.concatenate([some, some[-1] * 2.0 ** np.arange(1, 1013)])
    return np.concatenate([-far[::-1], near, far])


def sums(scored: Scored, ends: Floats) -> Floats:
    """Of the rows of either class in every cell: weight, weight times the first three powers of the place within, and where
    weights are no counts their squares, (r, 2, c). Places are from −1 to 1; cells have the rows from their lower end on.
    """
    scored.require_binary("a tally by log-odds")
    log_odds, size = scored.log_odds, len(ends) + 1
    cell = np.searchsorted(ends, log_odds, side="right")
    centre, half = _middles(ends)
    with np.errstate(invalid="ignore"):
        place = (log_odds - centre[cell]) / half[cell]
    place[~np.isfinite(centre[cell])] = 0.0
    of = [scored.weight * place**order for order in range(MOMENTS)] + [scored.square] * (not scored.repeats)
    return np.stack([summed(cell + size * scored.y, t, 2 * size) for t in of]).reshape(-1, 2, size)


def _middles(ends: Floats) -> tuple[Floats, Floats]:
    """The middle of every cell and half its width, (c,) each; the outermost are infinite, for rows that are certain."""
    half = np.diff(ends) / 2
    return np.concatenate([[-np.inf], ends[:-1] + half, [np.inf]]), np.concatenate([[1.0], half, [1.0]])


def two_points(moments: Floats) -> tuple[Floats, Floats]:
    """Two places in [−1, 1] and their weights, (2, *B) each, that have the moments (4, *B) of orders 0 to 3.

    They are the nodes of Gauss' rule of two points for these moments, so that rows at one place or at two are these points.
    Source: Golub and Welsch (1969), Calculation of Gauss quadrature rules.

    >>> place, weight = two_points(np.array([3.0, 0.5, 0.75, 0.125]))  # of rows at 1/2, 1/2 and −1/2
    >>> place.round(9).tolist(), weight.round(9).tolist()
    ([-0.5, 0.5], [1.0, 2.0])
    """
    size = np.where(moments[0] > 0, moments[0], 1.0)
    mean, second, third = moments[1:] / size
    spread = second - mean**2
    apart = spread > SPREAD
    spread = np.where(apart, spread, 1.0)
    lean = np.where(apart, third - 3 * mean * second + 2 * mean**3, 0.0) / (2 * spread)
    far = np.abs(lean) + np.sqrt(lean**2 + spread)
    above, below = (np.where(lean > 0, *pair) for pair in ((far, spread / far), (spread / far, far)))
    share = np.where(apart, above / (above + below), 1.0)  # of the lower one
    place = mean + np.where(apart, np.stack([-below, above]), 0.0)
    return place.clip(-1, 1), moments[0] * np.stack([share, 1 - share])


@dataclass(frozen=True, eq=False, kw_only=True)
class Condensed(Scored):
    """Points that stand for rows of two classes: ``cell`` (m,) is where those of a point lie, ``squares`` (m,) its share of
    the sum of their squared weights, ``n`` the number of rows that weigh something.
    """

    cell: npt.NDArray[np.int64]
    squares: Floats
    n: int

    @property
    def square(self) -> Floats:
        return self.squares

    @property
    def size(self) -> int:
        return super().size if self.repeats else self.n

    @property
    def n_rows(self) -> int:
        return self.n

    def rows(self, which: npt.NDArray[Any]) -> Condensed:
        return replace(cast("Condensed", super().rows(which)), cell=self.cell[which], squares=self.squares[which])

    def bounds(self, measure: str) -> tuple[float, float]:
        """Numbers that certainly hold a measure of ranks of the rows themselves: "auc", "average_precision" or "lift".

        They are those of the orders within the cells that are worst and best; rows of a class whose log-odds differ by less than
        1e-9 count as equal. DataError if a class has no rows.
        """
        low, high = (ranked(self._ordered(side), "a measure of ranks") for side in (-1, 1))
        if measure == "average_precision":
            return _precision(low, self._mixed), float(average_precision(high.positive, high.negative))
        of = RANKS[measure]
        return float(of(low.positive, low.negative)), float(of(high.positive, high.negative))

    @property
    def _places(self) -> npt.NDArray[np.int64]:
        """Cell and class of every point as one number."""
        return 2 * self.cell + self.y

    @cached_property
    def _unsure(self) -> npt.NDArray[np.bool_]:
        """Whether the order of a point's rows among the other class's rows of its cell is not known: unless all rows of either
        class are alike there, or it has none.
        """
        return ((self._points.max(1) > 1) & (self._points.min(1) > 0))[self.cell]

    @property
    def _mixed(self) -> npt.NDArray[np.bool_]:
        """Whether rows of a point may come one by one, because the positive ones of its cell are not alike or the order in it is
        not known.
        """
        return self._unsure | (self._points[self.cell, 1] > 1)

    @cached_property
    def _points(self) -> npt.NDArray[np.int64]:
        """The number of points of either class in every cell, (c, 2)."""
        counts: Any = np.bincount(self._places, minlength=2 * int(self.cell.max()) + 2)
        return np.asarray(counts.reshape(-1, 2))

    def precision(self) -> float:
        """The average precision, both classes' rows being mixed evenly within a cell where their order is not known."""
        return _precision(ranked(self._ordered(0)), self._mixed, float(self.squares.sum() / self.weight.sum()))

    def _ordered(self, positive: int) -> Scored:
        """The points with their rank for log-odds, the positive class above (1) the others of an unsure cell, below them (−1),
        or beside them (0).
        """
        at = self.log_odds
        other = np.full(2 * int(self.cell.max()) + 2, np.nan)
        other[self._places] = held(at)
        gap = held(at) - other[self._places ^ 1]
        known = np.where(np.abs(gap) > ALIKE * (1 + np.abs(held(at))), np.sign(gap), 0.0)
        side = np.where(self._unsure, positive * (2 * self.y - 1), known)
        return Scored(self.y, np.stack([np.zeros(len(at)), 3.0 * self.cell + side], 1), self.weight, self.classes)


def _precision(found: Ranked, mixed: npt.NDArray[np.bool_], one: float = 0.0) -> float:
    """The average precision, where rows of a place that are ``mixed`` come one by one, both classes evenly.

    Of w positive and n negative rows after T and F that is ``w ∫ (T + t w) / (T + F + t (w + n)) dt`` from 0 to 1, and half of
    what it rises by for ``one`` row; without that it is a lower bound.
    """
    yes, both = found.positive, found.positive + found.negative
    true, calls = found.true_yes, found.true_yes + found.false_yes
    one_by_one = summed(found.place, mixed.astype(np.float64), len(yes)) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share, last = yes / both, true[1:] / calls[1:]
        first = np.where(calls[:-1] > 0, true[:-1] / calls[:-1], share)
        tilt = np.where(calls[:-1] > 0, (true[:-1] - share * calls[:-1]) / both * np.log1p(both / calls[:-1]), 0.0)
        slow = share + tilt + np.where(yes > 0, (last - first) * one / (2 * yes), 0.0)
    return float(yes @ np.where(one_by_one, slow, last) / yes.sum())


def finer(rows: Condensed, ends: Floats, shares: Floats) -> Floats:
    """The ends of cells of which those that hold quantiles of the rows, at ``shares``, are cut into `FINE`."""
    weight = summed(rows.cell, rows.weight * (rows.size / rows.weight.sum()), len(ends) + 1)
    reach, place = weight.cumsum(), shares * max(rows.size - 1, 0)
    first, last = (np.searchsorted(reach, place + step).clip(max=len(ends)) for step in (-1.5, 2.5))
    held = np.unique(np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]))
    held = held[(held > 0) & (held < len(ends)) & (weight[held] > 0)]
    low, width = ends[held - 1], np.diff(ends)[held - 1]
    cuts = low[:, None] + width[:, None] * (np.arange(1, FINE) - SHIFT) / FINE
    return np.unique(np.concatenate([ends, cuts.ravel()]))


RANKS: dict[str, Callable[[Floats, Floats], Any]] = {
    "auc": lambda positive, negative: area_above(positive, negative)[0],
    "average_precision": average_precision,
    "lift": top_lift,
}


def condensed(
    found: Floats, ends: Floats, classes: npt.NDArray[Any], *, n: int, repeats: bool = True, seen: bool = False
) -> Condensed:
    """The points of `sums` (r, 2, c) over cells between ``ends``, of n rows."""
    centre, half = _middles(ends)
    place, weight = two_points(found[:MOMENTS])
    with np.errstate(invalid="ignore"):
        at = np.where(np.isfinite(centre), centre + half * place, centre)
    least, most = np.concatenate([[-np.inf], ends]), np.concatenate([np.nextafter(ends, -np.inf), [np.inf]])
    indices: Any = np.indices(weight.shape)
    _, y, cell = indices
    some = weight > 0
    s = at.clip(least, most)[some]
    per = np.divide(found[0 if repeats else -1], found[0], out=np.zeros_like(found[0]), where=found[0] > 0)
    logs = -np.logaddexp(0.0, np.stack([s, -s], 1))
    more: dict[str, Any] = {"cell": cell[some], "squares": (weight * per)[some], "n": n}
    return Condensed(y[some], logs, weight[some], classes, seen, repeats, **more)
