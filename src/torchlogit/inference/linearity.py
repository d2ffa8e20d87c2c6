"""Whether the log-odds are straight in every number: score tests of bending each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular
from torchlogit.linalg import factor
from torchlogit.moments import moments
from torchlogit.sources.base import Block, accumulate

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
MOST = 500  # numbers that are looked at
LEFT = 1e-8  # share of a square's information that is left beside the model's columns, under which it adds nothing


@dataclass(frozen=True, repr=False, eq=False)
class Linearity(Tabular):
    """One entry a number among the terms, (m,) arrays: the score test of adding its square, on ``df`` degrees of freedom."""

    heading: ClassVar[str] = "Is the log-odds straight? Score tests of each term's square"
    derived: ClassVar[tuple[str, ...]] = ("p",)

    term: tuple[str, ...]
    statistic: Floats
    log_p: Floats
    df: int

    @property
    def p(self) -> Floats:
        """p-values, each for itself."""
        return np.exp(self.log_p)


def linearity(fit: Fit, data: Any = None, **given: Any) -> Linearity:
    """For every term that is one number, Rao's score test of adding its square (about its mean) to the model.

    All of them come from one pass over the rows and no further fit: with U = Zᵀr and V = ZᵀWZ − ZᵀWX (XᵀWX)⁻¹ XᵀWZ, Z the
    squares and W Fisher's information, the statistic of term j is ``U_j² / V_jj``, χ² on 1 degree of freedom (K − 1 for K
    classes). A square sees a bend and a U, whatever the signs of the values (Box and Tidwell's x log x needs x > 0); it does
    not see waves. Terms of two values, whose square adds nothing, are left out.

    Raises NotCertifiedError where the fit is not a maximum-likelihood estimate, at which alone scores mean this, and
    ParameterError without rows and for more than 500 numbers. Source: Rao (1948); Agresti (2013), Categorical Data
    Analysis, §1.3.3 and §5.2.6.

    >>> import numpy as np
    >>> from torchlogit import fit
    >>> x = np.linspace(-3, 3, 60)
    >>> result = fit({"x": x, "y": (abs(x) + np.sin(40 * x) > 1.5).astype(int)}, "y")
    >>> bool(linearity(result).p[0] < 0.001)
    True
    """
    if not fit.certified or not fit.penalty.free:
        why = "it is penalised" if not fit.penalty.free else fit.status.value
        raise NotCertifiedError(f"score tests need a maximum-likelihood fit: {why}")
    beside = observed(fit, data, **given)
    numbers = _numbers(fit)
    if len(numbers) > MOST:
        raise ParameterError(f"there are {len(numbers)} numbers, more than {MOST}; check fewer at a time")
    statistic, kept = _statistics(beside, [place for _, place in numbers])
    df = fit.theta_centred.shape[1] - (fit.loss == "softmax")
    names = tuple(name for (name, _), keep in zip(numbers, kept, strict=True) if keep)
    statistic = statistic[kept]
    return Linearity(names, statistic, np.array([chi_squared(float(s), df) for s in statistic]), df)


def _numbers(fit: Fit) -> list[tuple[str, int]]:
    """The terms that are one number each, and their columns; a category's and an aliased column are none."""
    aliased = {dependence.column for dependence in fit.dependences}
    found = ((name, places[0] - fit.intercept) for name, places in fit.terms.items() if len(places) == 1)
    return [(name, j) for name, j in found if j not in aliased and name not in fit.reference]


def _statistics(beside: Observed, columns: list[int]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The score statistic of each column's square (m,), and whether the square adds anything (m,)."""
    objective = beside.objective
    p, k, m = objective.p, objective.k, len(columns)
    inverse = factor(objective.information(beside.gamma)).inverse().reshape(p * k, p * k)
    score, own, cross = _sums(beside, columns)
    cross = cross.reshape(m, k, p * k)
    left = own - cross @ inverse @ cross.mT
    kept = (left.diagonal(dim1=-2, dim2=-1).sum(-1) > LEFT * own.diagonal(dim1=-2, dim2=-1).sum(-1)).cpu().numpy()
    solved = torch.linalg.pinv(left, rtol=1e-10, hermitian=True) @ score[..., None]
    return (score[:, None, :] @ solved)[:, 0, 0].clamp_min(0).cpu().numpy(), kept


def _sums(beside: Observed, columns: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Zᵀr (m, k), the diagonal blocks of ZᵀWZ (m, k, k), and ZᵀWX (m, k, p, k)."""
    objective, source, lead = beside.objective, beside.objective.source, int(beside.fit.intercept)
    standard, index = moments(source).coordinates, torch.tensor(columns, dtype=torch.long)
    k, p, m = objective.k, objective.p, len(columns)

    def of_block(raw: Block) -> tuple[Tensor, ...]:
        block = objective.view(raw)
        eta, s = objective.eta(block, beside.gamma), block.weight
        residual = -s[:, None] * objective.loss.taylor(eta, block.y, 1)[1]
        w = s[:, None, None] * objective.loss.information(eta)
        x = block.design.to_dense()
        z = raw.design.moved(standard, torch.float64).to_dense()[:, lead:][:, index] ** 2
        cross = z.new_empty(m, k, p, k)
        for a in range(k):
            for b in range(k):
                cross[:, a, :, b] = (z * w[:, a, b, None]).mT @ x
        return z.mT @ residual, torch.einsum("nj,nab->jab", z * z, w), cross

    score, own, cross = accumulate(source, of_block)
    return score, own, cross
