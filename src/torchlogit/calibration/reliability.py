"""The reliability curve: of the rows with about the same probability, how many had the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.calibration.events import event_of, name_of
from torchlogit.errors import ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.ranked import summed
from torchlogit.metrics.rates import wilson
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]
RULES = ("quantile", "width")
DIGITS = 12  # to which probabilities that differ by rounding alone are the same


@dataclass(frozen=True, repr=False, eq=False)
class Reliability(Tabular):
    """One entry a bin of rows with similar probabilities, (b,) arrays; bins without rows are left out.

    ``low`` and ``high`` bound the bin, whose rows weigh ``n``; ``predicted`` is their mean probability, ``observed`` the share
    of events among them, with Wilson's interval ``observed_low`` to ``observed_high``. ``variance`` is that of ``observed`` if
    the probabilities were true, ``Σ s² p (1 − p) / n²``, and ``size`` how many rows the bin is worth, ``n² / Σ s²``; s² is s
    where a weight is that many rows.
    """

    heading: ClassVar[str] = "Reliability"
    hidden: ClassVar[tuple[str, ...]] = ("variance", "size")
    heads: ClassVar[dict[str, str]] = {"observed_low": "low", "observed_high": "high", "low": "from", "high": "to"}

    low: Floats
    high: Floats
    n: Floats
    predicted: Floats
    observed: Floats
    observed_low: Floats
    observed_high: Floats
    variance: Floats
    size: Floats
    event: str
    rule: str
    level: float = 0.95
    notes: tuple[str, ...] = ()


def reliability(
    scored: Scored, bins: int = 10, rule: str = "quantile", *, level: float = 0.95, label: Any = None
) -> Reliability:
    """Rows in bins by their probability, of equal weight (``"quantile"``) or of equal width (``"width"``).

    A bin has the rows above its lower end up to its upper end, the first also those at its lower end; quantiles are those
    of numpy's linear rule over rows that stand ``weight`` times. Equal probabilities stay in one bin, so that there may
    be fewer bins. ``label`` is as in `event_of`.

    Wilson's interval: ``(o + z²/2n ± z √(o (1 − o) / n + z²/4n²)) / (1 + z²/n)``, which stays in [0, 1], n the bin's `size`.
    Raises ParameterError for settings that mean nothing, DataError where all weights are 0.
    Source: DeGroot and Fienberg (1983); Wilson (1927), J. Amer. Statist. Assoc. 22, 209.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = reliability(scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.8, 0.9]), bins=2)
    >>> found.predicted.round(2).tolist(), found.observed.round(2).tolist()
    ([0.2, 0.77], [0.33, 0.67])
    """
    check(bins, rule)
    event = event_of(scored, label)
    p, s = event.probability[:, 1], event.weight
    rounded, q = p.round(DIGITS), np.linspace(0, 1, bins + 1)
    edges = q.round(DIGITS) if rule == "width" else quantiles(rounded, repeats(event), q)
    place = np.searchsorted(edges[1:-1], rounded, side="left")
    used = np.flatnonzero(np.bincount(place, s, bins) > 0)
    of = (s, s * event.y, s * p, event.square * p * (1 - p), event.square)
    n, events, total, variance, square = (summed(place, t, bins)[used] for t in of)
    if event.repeats:
        n, events, square = map(whole, (n, events, square))
    share = events / n
    fewer = rule == "quantile" and len(used) < bins
    notes = (f"Equal probabilities stay together, so there are {len(used)} bins, not {bins}",) * fewer
    return Reliability(
        edges[:-1][used],
        edges[1:][used],
        n,
        total / n,
        share,
        *wilson(share, n**2 / square, level)[1:3],
        variance / n**2,
        n**2 / square,
        name_of(event),
        rule,
        level,
        notes,
    )


def check(bins: int, rule: str) -> None:
    """ParameterError for settings that mean nothing."""
    if rule not in RULES:
        raise ParameterError(f"rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}")
    if bins < 1:
        raise ParameterError(f"bins must be 1 or more, got {bins}")


def repeats(rows: Scored) -> Floats:
    """How often each row stands: its weight, or where that is no count, what it is worth among as many rows."""
    return rows.weight if rows.repeats else rows.weight * (rows.n_rows / rows.weight.sum())


def whole(counts: Floats) -> Floats:
    """Counts that are whole but for the rounding of their sums as such."""
    near = np.rint(counts)
    return np.where(np.abs(counts - near) <= 1e-6, near, counts)


def quantiles(values: Floats, weight: Floats, q: Floats) -> Floats:
    """Quantiles of values (n,) that stand ``weight`` times, by numpy's linear rule.

    >>> quantiles(np.array([3.0, 1.0]), np.array([1.0, 3.0]), np.array([0.0, 0.5, 0.9, 1.0])).round(2).tolist()
    [1.0, 1.0, 2.4, 3.0]
    """
    order = np.argsort(values, kind="stable")
    ordered, reach = values[order], whole(np.cumsum(weight[order]))
    place = q * max(reach[-1] - 1, 0.0)
    place = np.where(np.abs(place - np.rint(place)) < 1e-9, np.rint(place), place)
    below, above = (
        ordered[np.searchsorted(reach, end, side="right").clip(max=len(values) - 1)]
        for end in (np.floor(place), np.ceil(place))
    )
    return np.asarray(below + (above - below) * (place - np.floor(place)))
