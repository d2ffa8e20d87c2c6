"""Shares of rows with Wilson's interval, and what is made of several measures: means and differences with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.normal import half_width
from torchlogit.metrics.ranked import cut, held, summed
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Interval(NamedTuple):
    """A number and its confidence interval, floats or arrays; NaN where there is none. ``method`` says whose it is."""

    value: Any
    low: Any
    high: Any
    method: str


def wilson(share: Any, n: Any, level: float = 0.95) -> Interval:
    """A share among n rows with Wilson's interval, of any shape; NaN where n is 0.

    ``(p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n)``. It lies in [0, 1], and is no point where p is 0 or 1.
    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference; Brown, Cai and DasGupta
    (2001), Interval estimation for a binomial proportion, eq. 4.

    >>> found = wilson(0.9, 10)
    >>> round(float(found.low), 4), round(float(found.high), 4)
    (0.5958, 0.9821)
    """
    p, n, z2 = np.asarray(share, dtype=np.float64), np.asarray(n, dtype=np.float64), half_width(level) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    low, high = np.where(p <= 0, 0.0, centre - half), np.where(p >= 1, 1.0, centre + half)
    none = ~(n > 0)
    value, low, high = (np.where(none, np.nan, t) for t in (p, low.clip(0, 1), high.clip(0, 1)))
    return Interval(value, low, high, "Wilson")


def combined(factors: Sequence[float], parts: Sequence[Interval], method: str = "MOVER") -> Interval:
    """``Σ cⱼ θⱼ`` of independent parts, with the interval that squares and adds the distances to their own intervals' ends.

    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, eq. 5; of two shares with
    Wilson's intervals it is method 10 of Newcombe (1998), Interval estimation for the difference between independent
    proportions.

    >>> found = combined([1, -1], [wilson(56 / 70, 70), wilson(48 / 80, 80)])
    >>> round(float(found.low), 4), round(float(found.high), 4)
    (0.0524, 0.3339)
    """
    value = sum(c * part.value for c, part in zip(factors, parts, strict=True))
    down, up = 0.0, 0.0
    for c, part in zip(factors, parts, strict=True):
        below, above = part.value - part.low, part.high - part.value
        down = down + (c * (below if c > 0 else above)) ** 2
        up = up + (c * (above if c > 0 else below)) ** 2
    return Interval(value, value - np.sqrt(down), value + np.sqrt(up), method)


def called(scored: Scored, threshold: float = 0.5) -> npt.NDArray[np.int64]:
    """The class that each row is called, (n,): the positive one where its probability is at least ``threshold``.

    With more than two classes the most probable one; ParameterError for a threshold there.
    """
    if scored.binary:
        return (held(scored.log_odds) >= cut(threshold)).astype(np.int64)
    if threshold != 0.5:
        raise ParameterError(
            f"a threshold is for two classes; of {len(scored.classes)} the most probable one is called"
        )
    return scored.log_probability.argmax(1)


class Calls(NamedTuple):
    """``weight`` (*B, K, K) of the rows by their class (rows) and what they are called (columns), ``square`` likewise."""

    weight: Floats
    square: Floats

    def rate(self, hits: Mask, among: Mask, level: float) -> Interval:
        """The share of ``hits`` (K, K) among those rows, with Wilson's interval at their effective number.

        That is ``(Σ w)² / Σ w²``, or the number of rows where a weight counts them.
        Source: Kish (1965), Survey Sampling, §11.7.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            whole, square = (t[..., among].sum(-1) for t in self)
            share, n = self.weight[..., hits].sum(-1) / whole, whole**2 / square
        return wilson(np.clip(share, 0, 1), np.where(whole > 0, n, 0.0), level)

    def accuracy(self, level: float = 0.95) -> Interval:
        """Share of the rows that are called what they are."""
        size = self.weight.shape[-1]
        return self.rate(np.eye(size, dtype=bool), np.ones((size, size), dtype=bool), level)

    def recall(self, k: int, level: float = 0.95) -> Interval:
        """Share of the rows of class k that are called so: sensitivity; of the negative class, specificity."""
        row, column = self._of(k)
        return self.rate(row & column, row, level)

    def precision(self, k: int, level: float = 0.95) -> Interval:
        """Share of the rows called k that are so: positive predictive value; of the negative class, negative predictive value."""
        row, column = self._of(k)
        return self.rate(row & column, column, level)

    def f1(self, k: int, level: float = 0.95) -> Interval:
        """Harmonic mean of precision and recall, ``2 J / (1 + J)``.

        J is the share of rows called rightly among those that are k or called k, which has Wilson's interval; F1 rises with
        it. Source: van Rijsbergen (1979), Information Retrieval, ch. 7.
        """
        row, column = self._of(k)
        value, low, high, method = self.rate(row & column, row | column, level)
        value, low, high = (2 * t / (1 + t) for t in (value, low, high))
        return Interval(value, low, high, method)

    def _of(self, k: int) -> tuple[Mask, Mask]:
        """Which entries are of class k, and which are called k, (K, K) each."""
        place = np.arange(self.weight.shape[-1]) == k
        row = np.repeat(place[:, None], len(place), axis=1)
        return row, row.T


def calls(scored: Scored, threshold: float = 0.5) -> Calls:
    """The rows counted by their class and what they are called.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> calls(scored_arrays([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8])).weight.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    size = len(scored.classes)
    place = scored.y * size + called(scored, threshold)
    both = (summed(place, w, size * size).reshape(size, size) for w in (scored.weight, scored.square))
    return Calls(*both)


def matthews(weight: Floats) -> Floats:
    """Matthews' correlation of class and call, (*B,), from their weights (*B, K, K); NaN where either never varies.

    ``(c s − Σ tₖ pₖ) / √((s² − Σ pₖ²) (s² − Σ tₖ²))``, c the weight on the diagonal, s of all, tₖ of class k, pₖ called k.
    Source: Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient, eq. 8.

    >>> round(float(matthews(np.array([[50.0, 10.0], [5.0, 35.0]]))), 4)
    0.6975
    """
    true, yes, right, whole = weight.sum(-1), weight.sum(-2), np.trace(weight, axis1=-2, axis2=-1), weight.sum((-2, -1))
    spread = [whole**2 - (t**2).sum(-1) for t in (true, yes)]
    varies = np.logical_and(*(t > 1e-13 * whole**2 for t in spread))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (right * whole - (true * yes).sum(-1)) / np.sqrt(spread[0] * spread[1])
    return np.where(varies, found, np.nan)
