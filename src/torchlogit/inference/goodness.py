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
    mu = fit._loss().probabilities(beside.eta)[:, 1].cpu().numpy()
    return hosmer_lemeshow_of(beside.rows.codes, mu, groups, own=data is None)


def hosmer_lemeshow_of(y: npt.NDArray[np.int64], mu: Floats, groups: int = 10, *, own: bool = False) -> HosmerLemeshow:
    """`hosmer_lemeshow` of rows y (n,), 0 or 1, with probabilities mu (n,); ``own`` where the model was fitted to them."""
    if groups < 3:
        raise ParameterError(f"groups must be 3 or more, got {groups}")
    mu = mu.round(12)  # alike but for rounding is alike
    breaks = np.unique(np.quantile(mu, np.arange(1, groups) / groups, method="averaged_inverted_cdf"))
    place = np.unique(np.searchsorted(breaks, mu, side="left"), return_inverse=True)[1]
    n = np.bincount(place)
    if len(n) < 3:
        raise ParameterError(f"the rows have only {len(n)} groups of different probability; the test needs 3")
    seen, expected = (np.bincount(place, t).astype(np.float64) for t in (y, mu))
    spread = expected * (1 - expected / n)
    gap = (seen - expected) ** 2
    statistic = float(np.divide(gap, spread, out=np.where(gap > 0, np.inf, 0.0), where=spread > 0).sum())
    df = len(n) - 2 if own else len(n)
    order = [np.flatnonzero(place == j) for j in range(len(n))]
    ends = [(mu[rows].min(), mu[rows].max()) for rows in order]
    low, high = np.array(ends).T
    fewer = (f"Equal probabilities stay together, so there are {len(n)} groups, not {groups}",) * (len(n) < groups)
    return HosmerLemeshow(low, high, n, seen, expected, statistic, df, chi_squared(statistic, df), fewer)


def _check(fit: Fit, beside: Observed, own: bool) -> None:
    if len(fit.classes) != 2 or fit.loss in ("softmax", "squared"):
        raise ParameterError("Hosmer and Lemeshow's test is for probabilities of two classes")
    if own and not (fit.penalty.free and fit.certified):
        raise ParameterError("on its own rows the test is for a certified fit without a penalty; give new rows")
    if beside.rows.weight is not None:
        raise ParameterError("Hosmer and Lemeshow's test is for rows without weights")


UNLIKELY = 1 / 90  # the probability at which a row's deviance residual is 3


def surprises(fit: Fit, data: Any = None, **given: Any) -> tuple[npt.NDArray[np.int64], float]:
    """Rows (from 1) whose own class had a probability under 1/90 (a deviance residual over 3), and how many the model expects.

    A true model has such rows too, the more the larger the table: what tells is how many there are beyond the second number,
    ``Σ_rows Σ_classes μ [μ < 1/90]``.
    """
    beside = observed(fit, data, **given)
    mu = fit._loss().probabilities(beside.eta)
    counted = beside.weight > 0
    own = mu.gather(-1, beside.y[:, None])[:, 0]
    rows = ((own < UNLIKELY) & counted).nonzero()[:, 0].cpu().numpy()
    rows = rows[np.argsort(own.cpu().numpy()[rows], kind="stable")]
    kept = beside.rows.kept
    expected = float((mu * (mu < UNLIKELY) * counted[:, None]).sum())
    return 1 + (rows if kept is None else kept[rows]), expected
