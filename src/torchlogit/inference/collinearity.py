"""How much columns repeat each other: rank, condition number, variance inflation, and what is aliased."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.inference.inflation import inflation_of
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.tabular import Tabular
from torchlogit.rank import gram_beside
from torchlogit.told import dependence_sentence

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
STORED = 15.9  # digits of a float64


@dataclass(frozen=True, repr=False, eq=False)
class Collinearity(Tabular):
    """One entry a term, (m,) arrays: generalised VIF on ``df``, its root √GVIF^(1/df), by which standard errors grow.

    ``rank`` of the ``width`` columns of theta (with the intercept); ``condition`` is the condition number of the columns
    that are not aliased, centred where there is an intercept and scaled to unit length, so that it does not depend on units;
    ``digits`` of coefficients that mean anything if the data are rounded in their sixteenth digit.
    """

    heading: ClassVar[str] = "Collinearity"
    heads: ClassVar[dict[str, str]] = {"gvif": "GVIF", "root_vif": "√VIF"}

    term: tuple[str, ...]
    gvif: Floats
    df: npt.NDArray[np.int64]
    root_vif: Floats
    rank: int
    width: int
    condition: float
    digits: int
    notes: tuple[str, ...] = ()


def collinearity(fit: Fit, data: Any = None, **given: Any) -> Collinearity:
    """Rank, condition number and generalised variance-inflation factors of the columns.

    The condition number is σ₁/σ_r of the scaled columns, from an orthogonal basis formed row by row, so that it is right up
    to 1e15; VIF of a column is the square of the factor by which its error grows beside the others.

    Raises ParameterError as `inflation` does. Source: Belsley, Kuh and Welsch (1980), Regression Diagnostics, §3.2; Fox and
    Monette (1992), Generalized collinearity diagnostics, eq. 6.

    >>> from torchlogit import fit
    >>> import warnings
    >>> table = {"a": [1, 2, 3, 4, 5, 6], "b": [1, 0, 1, 0, 0, 1], "t": [2, 2, 4, 4, 5, 7], "y": [0, 1, 0, 1, 0, 1]}
    >>> with warnings.catch_warnings(action="ignore"):
    ...     found = collinearity(fit(table, "y"))
    >>> found.rank, found.width, round(found.condition, 3), found.notes
    (3, 4, 1.103, ('aliased: `t` = `a` + `b`; it has no coefficient of its own',))
    """
    beside = observed(fit, data, **given)
    found = inflation_of(beside)
    condition, rank = _condition(beside)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(found.vif)
    return Collinearity(
        term=found.term,
        gvif=found.gvif,
        df=found.df,
        root_vif=root,
        rank=rank,
        width=len(fit.names),
        condition=condition,
        digits=max(0, int(STORED - log10(condition))),
        notes=tuple(dependence_sentence(fit.columns, dependence) for dependence in fit.dependences),
    )


def _condition(beside: Observed) -> tuple[float, int]:
    """σ₁/σ_r of the columns scaled to unit length, and the rank of all of theta's.

    With independent coordinates z = x·B the columns are x = z·B⁻¹, of which only the small matrix B has to be inverted.
    """
    objective, lead = beside.objective, int(beside.fit.intercept)
    coordinates = objective.coordinates
    assert coordinates is not None
    gram, _ = gram_beside(objective.source, coordinates)
    root = torch.linalg.cholesky(gram).mT
    if coordinates.basis is not None:
        alive = coordinates.basis.abs().amax(1) > 0
        root = torch.linalg.solve_triangular(coordinates.basis[alive], root, upper=True, left=False)
    root = root / torch.linalg.vector_norm(root, dim=0)
    size = torch.linalg.svdvals(root)
    return float(size[0] / size[-1]) if len(size) else 1.0, coordinates.rank + lead
