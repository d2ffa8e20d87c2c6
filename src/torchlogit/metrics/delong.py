"""The area under the ROC curve, exact with ties and weights, and DeLong's interval; for more classes, averages of such areas."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.normal import half_width
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.rates import Interval
from torchlogit.metrics.scored import Scored
from torchlogit.tables.names import show_value

Floats = npt.NDArray[np.float64]


class Spread(NamedTuple):
    """A standard error, and the degrees of freedom that it is known with."""

    std_error: float
    df: float


class Area(NamedTuple):
    """An area and its derivative by the weight of each row, ``influence`` (n,): of the rows without weight 0."""

    value: float
    influence: Floats

    def spread(self, rows: Scored) -> Spread:
        """The standard error, ``√ Σ w φ²`` (of weights that repeat no row ``w²``), each class times n / (n − 1); NaN for one row.

        Source: DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
        characteristic curves, eq. 4 and 5; Brunner and Munzel (2000), The nonparametric Behrens-Fisher problem, for df.
        """
        here = [rows.y == label for label in np.unique(rows.y)]
        n = np.array([rows.weight[k].sum() ** 2 / rows.square[k].sum() for k in here])
        more = np.where(n > 1, n - 1, np.nan)
        variance = np.array([rows.square[k] @ self.influence[k] ** 2 for k in here]) * n / more
        total = float(variance.sum())
        df = total**2 / float((variance**2 / more).sum()) if total > 0 else np.nan
        return Spread(total**0.5, df)


def area(scored: Scored) -> Area:
    """``Σᵢⱼ wᵢ wⱼ ([sᵢ > sⱼ] + ½ [sᵢ = sⱼ]) / Σᵢⱼ wᵢ wⱼ`` over rows i of the positive and j of the negative class.

    One sort gives it and the share of the other class that each row outranks, whose spread is the variance.
    Source: Sun and Xu (2014), Fast implementation of DeLong's algorithm, eq. 12 to 14; Bamber (1975) for ties.
    """
    found = ranked(scored, "the area under the ROC curve")
    yes, no = found.positive.sum(), found.negative.sum()
    beaten = (
        no - found.false_yes[1:] + found.negative / 2
    ) / no  # share of the negative class below, half of what is tied
    beating = (found.true_yes[:-1] + found.positive / 2) / yes
    value = float(found.positive @ beaten / yes)
    own = np.where(found.rows.y == 1, beaten[found.place], beating[found.place])
    return Area(value, (own - value) / np.where(found.rows.y == 1, yes, no))


def area_above(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """The area (*B,) from the classes' weights (*B, m) at m scores, the highest first, and the share of pairs that are tied.

    >>> above, tied = area_above(np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    >>> float(above), float(tied)
    (0.875, 0.25)
    """
    pairs = positive.sum(-1) * negative.sum(-1)
    before = positive.cumsum(-1) - positive
    tied = (negative * positive).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((negative * before).sum(-1) + tied / 2) / pairs, tied / pairs


def auc(scored: Scored, level: float = 0.95, scale: str = "logit") -> Interval:
    """The area under the ROC curve with DeLong's interval; with more classes the mean of each class against the others.

    On the ``"logit"`` scale, A ± t SE worked out for log A / (1 − A), t with Satterthwaite's degrees of freedom: it stays in
    [0, 1] and covers better near 1 and with few rows. With ``"plain"`` A ± z SE, cut at 0 and 1, as pROC has it.
    Where DeLong's variance is none (A is 0 or 1, or a class has one row), Newcombe's interval.
    ParameterError for another scale, DataError if a class has no rows.
    Source: DeLong, DeLong and Clarke-Pearson (1988); Pepe (2003), The Statistical Evaluation of Medical Tests, §5.2.4.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = auc(scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.35, 0.4, 0.8, 0.9]))
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.8889, 0.088, 0.9985)
    """
    rows = scored.counted()
    if rows.binary:
        return interval(area(rows), rows, level, scale)
    _check_all(rows)
    return interval(_mean([area(rows.against(label)) for label in rows.classes]), rows, level, scale)


def hand_till(scored: Scored, level: float = 0.95, scale: str = "logit") -> Interval:
    """Hand and Till's M: the mean over all pairs of classes of how well either's probability tells them apart.

    ``2 / (K (K − 1)) Σ_{j<k} (A(j | k) + A(k | j)) / 2``; for two classes it is the area itself. Each area ranks the rows of
    two classes by the probability of one, and all rows' influences add up to one interval. DataError if a class has no rows.
    Source: Hand and Till (2001), A simple generalisation of the area under the ROC curve, eq. 7.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> p = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.15, 0.55, 0.3]])
    >>> round(hand_till(scored_arrays(["a", "b", "c", "a"], p)).value, 4)
    0.8333
    """
    rows = scored.counted()
    _check_all(rows)
    return interval(_mean(list(_pairs(rows))), rows, level, scale)


def _pairs(rows: Scored) -> Iterator[Area]:
    """The area of every ordered pair of classes, with the influence of all rows."""
    against = [rows.against(label) for label in rows.classes]
    for j, k in combinations(range(len(rows.classes)), 2):
        here = (rows.y == j) | (rows.y == k)
        for one in (against[j], against[k]):
            found = area(one.rows(here))
            influence = np.zeros(len(rows))
            influence[here] = found.influence
            yield Area(found.value, influence)


def _mean(areas: list[Area]) -> Area:
    return Area(float(np.mean([a.value for a in areas])), np.mean([a.influence for a in areas], axis=0))


def _check_all(rows: Scored) -> None:
    gone = np.setdiff1d(np.arange(len(rows.classes)), rows.y)
    if len(gone):
        raise DataError(
            f"no row is of class {show_value(rows.classes[gone[0]])}, so its area under the ROC curve is unknown"
        )


def interval(found: Area, rows: Scored, level: float, scale: str = "logit") -> Interval:
    """The interval of an area; see `auc`."""
    if scale not in ("logit", "plain"):
        raise ParameterError(f'scale must be "logit" or "plain", got {scale!r}')
    z, value, (error, df) = half_width(level), found.value, found.spread(rows)
    if not (error > 0 and 0 < value < 1):
        return newcombe(value, *_sizes(rows), level)
    if scale == "plain":
        return Interval(value, max(0.0, value - z * error), min(1.0, value + z * error), "DeLong")
    from scipy.special import expit, logit, stdtrit

    ends = expit(logit(value) + stdtrit(df, (1 + np.array([-level, level])) / 2) * error / (value * (1 - value)))
    return Interval(value, float(ends[0]), float(ends[1]), "DeLong, logit")


def _sizes(rows: Scored) -> tuple[float, float]:
    """The effective numbers of rows of the smallest class and of all others."""
    each = [rows.weight[rows.y == k].sum() ** 2 / rows.square[rows.y == k].sum() for k in np.unique(rows.y)]
    return min(each), sum(each) - min(each)


def newcombe(value: float, m: float, n: float, level: float = 0.95) -> Interval:
    """An interval of an area that is one also where the area is 0 or 1: all θ with ``|A − θ| ≤ z √V(θ)``.

    ``V(θ) = θ (1 − θ) (1 + N (1 − θ) / (2 − θ) + N θ / (1 + θ)) / mn``, N = (m + n) / 2 − 1, of m and n rows.
    Source: Newcombe (2006), Confidence intervals for an effect size measure based on the Mann–Whitney statistic, part 2,
    method 5; Hanley and McNeil (1982) for V.

    >>> found = newcombe(1.0, 10, 10)
    >>> round(float(found.low), 4), float(found.high)
    (0.8002, 1.0)
    """
    z, N = half_width(level), (m + n) / 2 - 1
    inside, outside = np.array([value, value]), np.array([0.0, 1.0])
    for _ in range(60):
        theta = (inside + outside) / 2
        variance = theta * (1 - theta) * (1 + N * (1 - theta) / (2 - theta) + N * theta / (1 + theta)) / (m * n)
        within = abs(value - theta) <= z * np.sqrt(variance)
        inside, outside = np.where(within, theta, inside), np.where(within, outside, theta)
    return Interval(value, float(inside[0]), float(inside[1]), "Newcombe")
