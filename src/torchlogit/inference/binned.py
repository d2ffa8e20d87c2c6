"""Residuals averaged over rows that lie close together: what a plot of single 0s and 1s cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.effects import outcome_of
from torchlogit.inference.moves import moves
from torchlogit.inference.observed import observed
from torchlogit.inference.tabular import Tabular

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class BinnedResiduals(Tabular):
    """One entry a bin, (m,) arrays: ``n`` rows from ``low`` to ``high``, their mean place ``x`` and mean ``residual`` y − μ.

    Under the model a mean residual lies within ± ``two_errors`` in about 95 % of the bins. ``along`` is the variable, empty for
    the fitted probability.
    """

    heading: ClassVar[str] = "Binned residuals"
    derived: ClassVar[tuple[str, ...]] = ("outside",)
    heads: ClassVar[dict[str, str]] = {"two_errors": "±2 errors"}

    x: Floats
    low: Floats
    high: Floats
    n: npt.NDArray[np.int64]
    residual: Floats
    two_errors: Floats
    outcome: str
    along: str

    @property
    def outside(self) -> int:
        """How many bins lie outside; about 1 in 20 does under the model."""
        return int((np.abs(self.residual) > self.two_errors).sum())


def binned_residuals(
    fit: Fit, along: str | None = None, bins: int | None = None, data: Any = None, **given: Any
) -> BinnedResiduals:
    """Mean residuals ``Σ s (y − μ) / Σ s`` of bins of about equally many rows, along the fitted probability or a variable.

    Their errors are those of the model, ``√(Σ v μ (1 − μ)) / Σ s``, v the weight s of rows that are frequencies or counts, s² of
    others. Rows at the same place stay together. ``bins`` are √n of them for n ≥ 100, 10 for fewer, n / 2 for 10 or less, unless
    told. ``data`` stand in for the training rows; ``given`` as for `observed`.

    ParameterError for more than two classes, less than one bin, and for ``along`` that is no variable that is a number.
    Source: Gelman and Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, §5.6; R's arm::binnedplot
    (which takes the spread of y within a bin in the place of the model's).

    >>> from torchlogit import datasets, fit
    >>> found = binned_residuals(fit(datasets.study_hours(), "passed"), bins=4)
    >>> found.n.tolist(), found.residual.round(3).tolist(), found.outside
    ([5, 5, 5, 5], [-0.079, 0.121, -0.091, 0.049], 0)
    """
    if len(fit.classes) != 2 or fit.loss in ("softmax", "squared"):
        raise ParameterError("binned residuals are for probabilities of two classes")
    beside = observed(fit, data, **given).together()
    y, s = beside.rows.codes.astype(float), beside.weight.cpu().numpy()
    no, yes = fit._loss().log_probabilities(beside.eta).exp().cpu().numpy().T
    place = yes.round(12) if along is None else _numbers(beside.rows, along)
    counted = fit.counts or fit.weights_are == "frequency"
    bin_ = _bins(place, s, bins)
    residual = y * no - (1 - y) * yes
    weight, gap, spread = (np.bincount(bin_, t) for t in (s, s * residual, s * (1 if counted else s) * yes * no))
    ascending, n = np.sort(place), np.bincount(bin_)  # as the bins do
    stop = n.cumsum()
    kept = weight > 0  # of rows that count
    total = weight[kept]
    return BinnedResiduals(
        x=np.bincount(bin_, s * place)[kept] / total,
        low=ascending[stop - n][kept],
        high=ascending[stop - 1][kept],
        n=n[kept],
        residual=gap[kept] / total,
        two_errors=2 * np.sqrt(spread[kept]) / total,
        outcome=outcome_of(fit),
        along=along or "",
    )


def _numbers(rows: Any, name: str) -> Floats:
    found = moves(rows)
    found.check_name(name)
    if found.variables[name].levels:
        raise ParameterError(f"`{name}` is a category; binned residuals go along a number")
    return found.numbers(name)


def _bins(place: Floats, s: Floats, bins: int | None) -> npt.NDArray[np.int64]:
    """The bin (n,) of every row: by quantiles of the rows' places."""
    n = int((s > 0).sum())
    asked = bins if bins is not None else int(n**0.5) if n >= 100 else 10 if n > 10 else max(1, n // 2)
    if asked < 1:
        raise ParameterError(f"bins must be 1 or more, got {bins}")
    breaks = np.unique(np.quantile(place[s > 0], np.arange(1, asked) / asked, method="averaged_inverted_cdf"))
    return np.unique(np.searchsorted(breaks, place, side="left"), return_inverse=True)[1]
