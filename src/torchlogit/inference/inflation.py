"""How much each term's errors are inflated because other terms resemble it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.tabular import Tabular
from torchlogit.moments import moments
from torchlogit.rank import gram_beside
from torchlogit.sources.base import Source

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
MOST = 2000  # columns whose correlations are looked at


@dataclass(frozen=True, repr=False, eq=False)
class Inflation(Tabular):
    """One entry a term, (m,) arrays: the generalised variance-inflation factor on ``df``, and its ``df``-th root ``vif``.

    ``vif`` of a single column is the familiar VIF, 1 / (1 − R²) of regressing it on the others; the root makes terms of
    several columns comparable with it.
    """

    heading: ClassVar[str] = "Variance inflation"
    heads: ClassVar[dict[str, str]] = {"vif": "VIF", "gvif": "GVIF"}

    term: tuple[str, ...]
    gvif: Floats
    df: npt.NDArray[np.int64]
    vif: Floats


def inflation(fit: Fit, data: Any = None, **given: Any) -> Inflation:
    """``det(R_tt) det(R_oo) / det(R)`` of every term t beside all others o, R the correlations of the columns.

    It does not depend on a category's reference level. Aliased columns are left out; their term's own VIF is infinite.

    Raises ParameterError without rows and for more than 2000 columns. Source: Fox and Monette (1992), Generalized
    collinearity diagnostics, eq. 6.

    >>> import numpy as np
    >>> from torchlogit import fit
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = rng.normal(size=(3, 200))
    >>> result = fit({"a": a, "b": b, "c": a + 0.1 * c, "y": (a + rng.logistic(size=200) > 0).astype(int)}, "y")
    >>> (inflation(result).vif > 10).tolist()
    [True, False, True]
    """
    return inflation_of(observed(fit, data, **given))


def inflation_of(beside: Observed) -> Inflation:
    """`inflation` of a fit beside its rows."""
    fit = beside.fit
    if len(fit.columns) > MOST:
        raise ParameterError(f"there are {len(fit.columns)} columns, more than {MOST}")
    correlation = _correlation(beside.source)
    aliased = {dependence.column for dependence in fit.dependences}
    alive = [j for j in range(len(fit.columns)) if j not in aliased]
    columns = [[place - int(fit.intercept) for place in places] for places in fit.terms.values()]
    gvif = np.array(
        [
            np.inf if aliased & set(own) else _gvif(correlation, own, [j for j in alive if j not in own])
            for own in columns
        ]
    )
    df = np.array([len(own) for own in columns])
    return Inflation(tuple(fit.terms), gvif, df, gvif ** (1 / df))


def _gvif(correlation: Tensor, own: list[int], others: list[int]) -> float:
    parts = [torch.linalg.slogdet(correlation[part][:, part]) for part in (own, others, own + others)]
    if any(float(part.sign) <= 0 for part in parts):
        return float("inf")
    within, without, together = (float(part.logabsdet) for part in parts)
    return float(np.exp(max(0.0, within + without - together)))


def _correlation(source: Source) -> Tensor:
    """Weighted correlations of the columns (d, d); about 0 where there is no intercept."""
    gram, _ = gram_beside(source, moments(source).coordinates)
    size = gram.diagonal().clamp_min(1e-300).sqrt()
    return gram / size / size[:, None]
