"""Randomised quantile residuals: normal where the model is right, also of 0s and 1s and of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import check_share
from torchlogit.errors import ParameterError
from torchlogit.inference.effects import outcome_of
from torchlogit.inference.observed import observed
from torchlogit.inference.tabular import Tabular

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class QuantileResiduals(Tabular):
    """One entry a row, (n,) arrays, the smallest residual first; ``row`` counts the caller's rows from 1.

    ``expected`` is the normal quantile of its rank; ``low`` and ``high`` enclose a share ``level`` of the residuals of that rank
    under the model.
    """

    heading: ClassVar[str] = "Randomised quantile residuals"
    derived: ClassVar[tuple[str, ...]] = ("outside",)

    row: npt.NDArray[np.int64]
    residual: Floats
    expected: Floats
    low: Floats
    high: Floats
    outcome: str
    level: float
    seed: int

    @property
    def outside(self) -> int:
        """How many residuals lie outside; neighbours do so together, so few say little."""
        return int(((self.residual < self.low) | (self.residual > self.high)).sum())


def quantile_residuals(
    fit: Fit, seed: int = 0, level: float = 0.95, data: Any = None, **given: Any
) -> QuantileResiduals:
    """``Φ⁻¹(u)`` with u uniform between F(y − 1) and F(y), F the distribution of a row's successes under the fit.

    They are standard normal if the model is right, whatever μ, but for the estimation of θ. Of single 0s and 1s they see little;
    of counts they show what scatters more than binomial. Another ``seed`` gives others: look at several. The band is that
    of ordered uniforms, ``Beta(i, n + 1 − i)``, point by point. ``data`` stand in for the rows; ``given`` as for `observed`.

    ParameterError for more than two classes and for rows with weights. Source: Dunn and Smyth (1996), Randomized quantile
    residuals, J. Comput. Graph. Statist. 5, 236–244, eq. 2.

    >>> from torchlogit import datasets, fit
    >>> found = quantile_residuals(fit(datasets.study_hours(), "passed"))
    >>> found.residual.shape, found.outside
    ((20,), 0)
    """
    from scipy.special import bdtr, bdtrc, betaincinv, ndtri

    if len(fit.classes) != 2 or fit.loss in ("softmax", "squared"):
        raise ParameterError("quantile residuals are for probabilities of two classes")
    check_share(level)
    beside = observed(fit, data, **given).together()
    if beside.rows.weight is not None and not fit.counts:
        raise ParameterError("quantile residuals are for rows without weights, or counts")
    m = np.rint(beside.weight.cpu().numpy()).astype(np.int64)
    no, yes = fit._loss().log_probabilities(beside.eta).exp().cpu().numpy().T
    k, rare = np.rint(beside.rows.codes * m), yes <= 0.5  # the rarer class is counted: both tails keep their digits
    k, p, sign = np.where(rare, k, m - k), np.where(rare, yes, no), np.where(rare, 1.0, -1.0)
    share = np.random.default_rng(seed).uniform(size=len(m))
    below, above = np.where(k > 0, bdtr(np.maximum(k - 1, 0), m, p), 0.0), np.where(k < m, bdtrc(k, m, p), 0.0)
    own = np.where(k > 0, bdtrc(np.maximum(k - 1, 0), m, p), 1.0) - above
    u, v = below + share * own, above + (1 - share) * own
    residual = sign * np.where(u < 0.5, ndtri(u), -ndtri(v))
    order, n = np.argsort(residual, kind="stable"), len(residual)
    i, kept = np.arange(1, n + 1), beside.rows.kept
    return QuantileResiduals(
        row=1 + (order if kept is None else kept[order]),
        residual=residual[order],
        expected=ndtri((i - 0.375) / (n + 0.25)),
        low=ndtri(betaincinv(i, n + 1 - i, (1 - level) / 2)),
        high=ndtri(betaincinv(i, n + 1 - i, (1 + level) / 2)),
        outcome=outcome_of(fit),
        level=level,
        seed=seed,
    )
