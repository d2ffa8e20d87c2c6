"""Whether probabilities come true: the test of Hosmer and Lemeshow, its grouping stated, and rows that surprise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class HosmerLemeshow(Tabular):
    """One entry a group of rows with similar probabilities, (g,) arrays, and the statistic over all of them."""

    heading: ClassVar[str] = "Hosmer and Lemeshow's test of calibration"
    derived: ClassVar[tuple[str, ...]] = ("p",)

    low: Floats
    high: Floats
    n: npt.NDArray[np.int64]
    observed: Floats
    expected: Floats
    statistic: float
    df: int
    log_p: float
    notes: tuple[str, ...] = ()

    @property
    def p(self) -> float:
        """The p-value."""
        return float(np.exp(self.log_p))


def hosmer_lemeshow(fit: Fit, data: Any = None, groups: int = 10, **given: Any) -> HosmerLemeshow:
    """``Σ (O − E)² / (E (1 − E / n))`` over groups of rows of similar probability, χ² on g − 2 (g for new rows).

    The rule of grouping: the probabilities' quantiles j / g, averaged where one falls between two rows (R's type 2), are
    the upper ends of the groups, which they belong to; equal probabilities stay together, so that there may be fewer
    groups. These are Stata's groups; other rules give other statistics for the same fit. On the rows that were fitted the
    test is lenient, because the model has seen them, and it depends on g: it finds gross faults.

    Raises ParameterError for more than two classes, rows with weights, fewer than 3 groups of different probability, and for
    the own rows of a fit that is penalised or not certified, where the statistic has no known distribution.
    Source: Hosmer and Lemeshow (1980), Goodness-of-fit tests for the multiple logistic regression model; Hosmer, Lemeshow
    and Sturdivant (2013), Applied Logistic Regression, §5.2.2.

    >>> from torchlogit import datasets, fit
    >>> found = hosmer_lemeshow(fit(datasets.study_hours(), "passed"), groups=5)
    >>> found.n.tolist(), found.df
    ([4, 4, 4, 4, 4], 3)
    """
    beside = observed(fit, data, **given)
    _check(fit, beside, data is None)
    rows = _scored(beside, groups)
    return hosmer_lemeshow_of(rows.y, rows.probability[:, 1], groups, rows.weight, own=data is None)


def _scored(beside: Observed, groups: int) -> Scored:
    """The rows with their probabilities; of those that are read in parts, points that lie as they do about the groups' ends."""
    from torchlogit.calibration.doors import event_beside
    from torchlogit.metrics.scored import scored_rows
    from torchlogit.metrics.tally import in_parts

    return event_beside(beside, groups) if in_parts(beside) else scored_rows(beside, own=True)


def hosmer_lemeshow_of(
    y: npt.NDArray[np.int64], mu: Floats, groups: int = 10, times: Floats | None = None, *, own: bool = False
) -> HosmerLemeshow:
    """`hosmer_lemeshow` of rows y (n,), 0 or 1, with probabilities mu (n,), each there so many ``times`` (n,), in all a whole
    number; ``own`` where the model was fitted to them.
    """
    if groups < 3:
        raise ParameterError(f"groups must be 3 or more, got {groups}")
    mu, s = mu.round(12), np.ones(len(mu)) if times is None else times  # alike but for rounding is alike
    breaks = np.unique(_quantiles(mu, s, np.arange(1, groups) / groups))
    place = np.unique(np.searchsorted(breaks, mu, side="left"), return_inverse=True)[1]
    n = _whole(np.bincount(place, s))
    if len(n) < 3:
        raise ParameterError(f"the rows have only {len(n)} groups of different probability; the test needs 3")
    seen, expected = _whole(np.bincount(place, s * y)), np.bincount(place, s * mu).astype(np.float64)
    spread = expected * (1 - expected / n)
    gap = (seen - expected) ** 2
    statistic = float(np.divide(gap, spread, out=np.where(gap > 0, np.inf, 0.0), where=spread > 0).sum())
    df = len(n) - 2 if own else len(n)
    order = [np.flatnonzero(place == j) for j in range(len(n))]
    ends = [(mu[rows].min(), mu[rows].max()) for rows in order]
    low, high = np.array(ends).T
    fewer = (f"Equal probabilities stay together, so there are {len(n)} groups, not {groups}",) * (len(n) < groups)
    size = n.astype(np.int64)
    return HosmerLemeshow(low, high, size, seen, expected, statistic, df, chi_squared(statistic, df), fewer)


def _quantiles(values: Floats, times: Floats, q: Floats) -> Floats:
    """Quantiles of values that are there so many times, averaged where one falls between two rows (R's type 2).

    >>> _quantiles(np.array([4.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0]), np.array([0.25, 0.5, 0.6])).tolist()
    [1.0, 1.5, 2.0]
    """
    order = np.argsort(values, kind="stable")
    reach = _whole(np.cumsum(times[order]))
    at = _whole(q * reach[-1], 1e-9)
    first, last = (np.searchsorted(reach, at, side).clip(max=len(values) - 1) for side in ("left", "right"))
    both: Floats = (values[order][first] + values[order][last]) / 2
    return both


def _whole(counts: npt.NDArray[Any], by: float = 1e-6) -> Floats:
    """Counts that are whole but for rounding as such."""
    near = np.rint(counts)
    return np.where(np.abs(counts - near) <= by, near, counts)


def _check(fit: Fit, beside: Observed, own: bool) -> None:
    if len(fit.classes) != 2 or fit.loss in ("softmax", "squared"):
        raise ParameterError("Hosmer and Lemeshow's test is for probabilities of two classes")
    if own and not (fit.penalty.free and fit.certified):
        raise ParameterError("on its own rows the test is for a certified fit without a penalty; give new rows")
    if beside.rows.weight_name is not None or beside.rows.counts:
        raise ParameterError("Hosmer and Lemeshow's test is for rows without weights")


UNLIKELY = 1 / 90  # the probability at which a row's deviance residual is 3


def surprises(fit: Fit, data: Any = None, **given: Any) -> tuple[npt.NDArray[np.int64], float]:
    """Rows (from 1) whose own class had a probability under 1/90 (a deviance residual over 3), and how many the model expects.

    A true model has such rows too, the more the larger the table: what tells is how many there are beyond the second number,
    ``Σ_rows Σ_classes μ [μ < 1/90]``. One pass where the rows are read in parts.
    """
    parts = [_surprises(part, first) for first, part in observed(fit, data, **given).parts()]
    rows, own = (np.concatenate(t) for t in list(zip(*parts, strict=True))[:2])
    return rows[np.argsort(own, kind="stable")], sum(expected for *_, expected in parts)


def _surprises(beside: Observed, first: int) -> tuple[npt.NDArray[np.int64], Floats, float]:
    """The rows that surprise, of some after ``first`` others, their classes' probabilities, and how many are expected."""
    mu = beside.fit._loss().probabilities(beside.eta)
    counted = beside.weight > 0
    own = mu.gather(-1, beside.y[:, None])[:, 0]
    rows = ((own < UNLIKELY) & counted).nonzero()[:, 0].cpu().numpy()
    kept = beside.rows.kept
    expected = float((mu * (mu < UNLIKELY) * counted[:, None]).sum())
    return 1 + first + (rows if kept is None else kept[rows]), own.cpu().numpy()[rows], expected
