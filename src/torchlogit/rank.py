"""Which columns add nothing to those before them, and coordinates in which the others are independent."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.linalg import factor
from torchlogit.moments import Moments
from torchlogit.sources.base import Block, Source, accumulate

LIMIT = 4096  # features up to which the d×d Gram matrix is looked at
WELL = 1e-3  # squared share of a column left beside those before it: above, scaling alone is good enough
EPS = torch.finfo(torch.float64).eps


class Dependence(NamedTuple):
    """A column that equals a combination of earlier ones: ``x[column] = constant + Σ weights[j] x[j]``."""

    column: int
    weights: dict[int, float]
    constant: float


class Rank(NamedTuple):
    """Coordinates without the dependent columns, the dependences, and how much each column's rounding is amplified.

    ``condition`` is the condition number of the independent columns beside the intercept, scaled to unit length; None where
    scaling alone is good enough, and nobody asks.
    """

    coordinates: Coordinates
    dependences: list[Dependence]
    amplification: Tensor  # (d,): √VIF, 1 for a column of its own; inf for a dependent one
    condition: float | None = None


def independent(source: Source, moments: Moments) -> Rank:
    """Find dependent columns in order (R's rule: the later column goes) and, where needed, an orthogonal basis.

    The Gram matrix of centred and scaled columns tells good from doubtful; doubtful columns are then replaced by what
    is left of them beside the others, formed row by row, and looked at again, so nothing is lost to squaring. A column
    counts as dependent when what is left of it is rounding error of the stored numbers. Source: Björck (1996),
    Numerical Methods for Least Squares Problems, §2.4 (Cholesky–QR with reorthogonalisation).
    """
    start, constant = moments
    if not len(constant):
        return Rank(start, [], torch.ones_like(start.scale))
    gram, _ = gram_beside(source, start)
    size = gram.diagonal().clamp_min(0).sqrt()
    unit = torch.where(constant | (size == 0), 0.0, 1 / size.clamp_min(1e-300))
    scaled = unit[:, None] * gram * unit
    root, info = torch.linalg.cholesky_ex(scaled)
    if int(info) == 0 and float(root.diagonal().min()) ** 2 > WELL:
        return Rank(start, [], factor(scaled[:, None, :, None]).inverse().diagonal().sqrt())
    dependences = [Dependence(int(j), {}, float(start.centre[j])) for j in constant.nonzero()[:, 0]]
    return _refined(source, start, unit, dependences)


def gram_beside(source: Source, coordinates: Coordinates) -> tuple[Tensor, Tensor]:
    """Weighted Gram matrix (r, r) of the features beside the intercept, and their means (r,) (0 without one)."""

    def of_block(block: Block) -> tuple[Tensor, ...]:
        design = block.design.moved(coordinates, torch.float64)
        return (design.gram(block.weight.double()[:, None, None])[:, 0, :, 0],)

    known = None if source.survey is None else source.survey.gram_in(coordinates)
    if known is None:
        (gram,) = accumulate(source, of_block, tuple(t for t in coordinates[:4] if t is not None))
    else:
        gram = known if source.intercept else known[1:, 1:]
    if not source.intercept:
        return gram, gram.new_zeros(len(gram))
    mean = gram[0, 1:] / gram[0, 0]
    return gram[1:, 1:] - torch.outer(mean, gram[0, 1:]), mean


def _refined(source: Source, start: Coordinates, unit: Tensor, dependences: list[Dependence]) -> Rank:
    """Orthogonalise again and again; a column whose remainder sinks to the noise is dependent."""
    noise = 64 * EPS * (1 + (start.centre / start.scale).abs())
    basis, kept = torch.diag(unit), unit.nonzero()[:, 0]
    shift = unit.new_zeros(len(kept))
    for _ in range(8):
        gram, mean = gram_beside(source, start._replace(basis=basis[:, kept], shift=shift, explicit=True))
        size = gram.diagonal().clamp_min(0).sqrt().clamp_min(1e-300)
        shift = (shift + mean) / size
        basis[:, kept] /= size
        lost = basis.diagonal()[kept].abs() * _reach(basis[:, kept], noise) > unit[kept]
        if bool(lost.any()):
            dependences += [
                _dependence(int(j), basis, float(m), start) for j, m in zip(kept[lost], shift[lost], strict=True)
            ]
            basis[kept[lost]] = 0  # later columns are not built on it: what they owe it was noise
            kept, shift, gram, size = kept[~lost], shift[~lost], gram[~lost][:, ~lost], size[~lost]
        if not len(kept):
            break
        root = _cholesky(gram / size[:, None] / size)
        if float(root.diagonal().min()) > 0.5 and float((root - torch.diag(root.diagonal())).abs().max()) < 1e-3:
            break
        basis[:, kept] = torch.linalg.solve_triangular(root, basis[:, kept].mT, upper=False).mT
        shift = torch.linalg.solve_triangular(root, shift[:, None], upper=False)[:, 0]
    amplification = torch.full_like(unit, torch.inf)
    amplification[kept] = torch.linalg.vector_norm(basis[kept][:, kept], dim=1) / unit[kept]
    dependences.sort(key=lambda dependence: dependence.column)
    condition = _condition(basis[kept][:, kept])
    return Rank(start._replace(basis=basis[:, kept], shift=shift, explicit=True), dependences, amplification, condition)


def _condition(basis: Tensor) -> float:
    """σ₁/σ_r of the columns x = z·B⁻¹, scaled to unit length, whose coordinates z are orthonormal."""
    columns = torch.linalg.inv(basis)
    size = torch.linalg.svdvals(columns / torch.linalg.vector_norm(columns, dim=0))
    return float(size[0] / size[-1]) if len(size) else 1.0


def _reach(basis: Tensor, noise: Tensor) -> Tensor:
    """The largest noise among the columns that each basis column draws on."""
    return torch.where(basis.abs() > 0, noise[:, None], 0.0).amax(0)


def _cholesky(gram: Tensor) -> Tensor:
    """Unpivoted Cholesky factor of a unit-diagonal Gram matrix; a column with next to nothing left eliminates no other."""
    root = torch.zeros_like(gram)
    for j in range(len(gram)):
        left = gram[j:, j] - root[j:, :j] @ root[j, :j]
        root[j, j] = left[0].clamp_min(1e-14).sqrt()
        if float(left[0]) > 1e-12:
            root[j + 1 :, j] = left[1:] / root[j, j]
    return root


def _dependence(column: int, basis: Tensor, shift: float, start: Coordinates) -> Dependence:
    """Read the combination off a basis column that came out as noise; weights that are rounding are left out."""
    own = basis[column, column]
    share = -basis[:, column] / own  # in scaled units
    share[column] = 0
    share = torch.where(share.abs() > 1e-7, share, 0.0)
    weights = share * start.scale[column] / start.scale
    constant = start.centre[column] - (weights * start.centre).sum() + start.scale[column] * shift / own
    used = share.nonzero()[:, 0]
    return Dependence(column, {int(j): float(weights[j]) for j in used}, float(constant))
