"""Counts as rows: how far the successes of each row of the table lie from what the fit says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
FAR = 3.0  # a deviance residual


class Scatter(NamedTuple):
    """Pearson's χ² of n rows of counts, its degrees of freedom, and the rows (from 1) with a deviance residual over 3, the
    farthest first.
    """

    pearson: float
    df: int
    n: int
    far: npt.NDArray[np.int64]


@dataclass(frozen=True, repr=False, eq=False)
class Grouped(Tabular):
    """One entry a row of the table, (m,) arrays, and the fit's distance from the saturated model, one probability a row.

    ``deviance`` and ``pearson`` are the sums of squares of the residuals, on ``df`` degrees of freedom; ``log_p`` is of the
    deviance and means something where the counts are not small. ``log_likelihood`` has the binomial coefficients, whose
    logarithms sum to ``log_coefficients``, as R and statsmodels have it; the fit's own is without them.
    """

    heading: ClassVar[str] = "Counts against the fit"
    row: npt.NDArray[np.int64]  # from 1
    successes: Floats
    trials: Floats
    fitted: Floats
    pearson_residual: Floats
    deviance_residual: Floats
    deviance: float
    pearson: float
    df: int
    log_p: float
    log_likelihood: float
    log_coefficients: float
    aic: float
    bic: float


def grouped(fit: Fit, data: Any = None) -> Grouped:
    """Residuals, deviance and likelihood of a fit to counts of successes and failures, by rows of the table.

    With s successes in m trials of probability μ: Pearson's residual ``(s − mμ) / √(mμ(1 − μ))``; the deviance residual
    ``±√(2 (s log(s / mμ) + (m − s) log((m − s) / (m − mμ))))``. ``bic`` counts the rows of the table, as R and statsmodels
    do. ParameterError for a fit that is not to counts, or has other weights besides; NotCertifiedError without a
    certificate. Source: McCullagh and Nelder (1989), Generalized Linear Models, §4.4.3 and 4.4.5.

    >>> from torchlogit import fit
    >>> table = {"dose": [0.0, 1.0, 2.0, 3.0], "died": [2, 8, 15, 23], "lived": [28, 22, 15, 7]}
    >>> found = grouped(fit(table, ("died", "lived")))
    >>> round(found.deviance, 4), found.df, found.pearson_residual.round(3).tolist()
    (0.3045, 2, [-0.362, 0.397, -0.067, -0.08])
    """
    _check(fit)
    return _of_rows(observed(fit, data))


def scatter(fit: Fit, data: Any = None) -> Scatter:
    """How far counts lie from the fit, as `grouped` says, in one pass where the rows are read in parts.

    >>> from torchlogit import fit
    >>> table = {"dose": [0.0, 1.0, 2.0, 3.0], "died": [2, 8, 15, 23], "lived": [28, 22, 15, 7]}
    >>> found = scatter(fit(table, ("died", "lived")))
    >>> round(found.pearson, 4), found.df, found.far.tolist()
    (0.2993, 2, [])
    """
    _check(fit)
    pearson, n, far, size = 0.0, 0, np.zeros(0, np.int64), np.zeros(0)
    for first, part in observed(fit, data).parts():
        found = _of_rows(part, first)
        residual = abs(found.deviance_residual)
        pearson, n = pearson + found.pearson, n + len(found.row)
        far, size = np.append(far, found.row[residual > FAR]), np.append(size, residual[residual > FAR])
    free = len(fit.names) - len(fit.dependences)
    return Scatter(pearson, n - free, n, far[np.argsort(-size, kind="stable")])


def _check(fit: Fit) -> None:
    if not fit.counts or fit.weight is not None:
        why = (
            "has weights besides its counts"
            if fit.counts
            else "is to one label a row; its residuals are fit.residuals()"
        )
        raise ParameterError(f"only a fit to counts of successes and failures has these numbers; this one {why}")
    if not fit.certified:
        raise NotCertifiedError(f"no residuals: {fit.status.value}")


def _of_rows(beside: Observed, first: int = 0) -> Grouped:
    """That of rows that come after ``first`` others."""
    fit, rows = beside.fit, beside.rows
    log_mean = fit._loss().log_probabilities(beside.eta).cpu().numpy()
    assert rows.kept is not None
    assert rows.weight is not None
    table_rows, at, place = np.unique(rows.kept, return_index=True, return_inverse=True)
    s, f = (np.bincount(place, rows.weight * (rows.codes == code)) for code in (1, 0))
    return _grouped(fit, 1 + first + table_rows, s, f, log_mean[at, 1], log_mean[at, 0])


def _grouped(fit: Fit, row: Any, s: Any, f: Any, log_p: Floats, log_q: Floats) -> Grouped:
    from scipy.special import gammaln, xlogy

    m, mean, rest = s + f, np.exp(log_p), np.exp(log_q)
    off = (s * rest - f * mean) / np.sqrt(m * mean * rest)  # s − mμ = s (1 − μ) − (m − s) μ
    far = 2 * (xlogy(s, s / m) - s * log_p + xlogy(f, f / m) - f * log_q)
    coefficients = float((gammaln(m + 1) - gammaln(s + 1) - gammaln(f + 1)).sum())
    likelihood = float((s * log_p + f * log_q).sum()) + coefficients
    free = len(fit.names) - len(fit.dependences)
    deviance, df = float(far.sum()), len(m) - free
    return Grouped(
        row=row,
        successes=s,
        trials=m,
        fitted=mean,
        pearson_residual=off,
        deviance_residual=np.sign(off) * np.sqrt(np.maximum(far, 0)),
        deviance=deviance,
        pearson=float((off**2).sum()),
        df=df,
        log_p=chi_squared(deviance, df) if df > 0 else float("nan"),
        log_likelihood=likelihood,
        log_coefficients=coefficients,
        aic=2 * free - 2 * likelihood,
        bic=float(np.log(len(m))) * free - 2 * likelihood,
    )
