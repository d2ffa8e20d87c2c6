"""Small ordinary fits in one call: the whole of Newton's method in compiled code, for whoever has a few hundred rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from torchlogit.kernels.library import library
from torchlogit.kernels.many import Ended, Groups, newton
from torchlogit.kernels.passes import gram_pass
from torchlogit.penalties import ElasticNet
from torchlogit.rank import WELL
from torchlogit.sources.base import Source
from torchlogit.sources.memory import MemorySource

NUMBERS = 2**16  # of a table up to which handing its passes to torch costs more than all the rest
NARROW = 64  # coefficients
FAR = 10.0  # standard deviations from 0 at which a column's centre costs a digit
UNEQUAL = 1e3  # times the smallest weight
LAST = 1e-26  # relative distance: the last of Newton's steps are the cheapest digits


def quick(
    source: Source, penalty: ElasticNet, columns: Sequence[str], most: int, tol: float
) -> tuple[Ended, Tensor, Tensor] | None:
    """The logistic fit to a small dense table without an L1 penalty; None for other tables, and for fits that are not ordinary.

    Beside it theta (p, 1) about the columns' means, and those (d,); 0 without an intercept. Ordinary is what ends with a
    certificate, far from anything separated or collinear; see `torchlogit.kernels.many`.
    """
    if not isinstance(source, MemorySource) or library() is None or not (penalty.free or penalty.ridge) or most == 0:
        return None
    if not _small(source):
        return None
    weight = None if source.weight.stride(0) == 0 else source.weight
    if weight is not None and not bool(weight.amax() < UNEQUAL * weight.amin()):
        return None
    offset = source.offset[:, 0].contiguous() if source.has_offset else None
    start, strength = torch.tensor([0, source.n_rows]), penalty.by_feature(columns).contiguous()
    groups = Groups(source.x, start, None, source.y, weight, offset, strength, source.intercept)
    found = newton(groups, most, min(tol, LAST))
    centre = _centre(source.x) if bool(found.done[0]) else None
    if centre is None:
        return None
    theta = found.theta[0, :, None]
    if not source.intercept:
        return found, theta, torch.zeros_like(centre)
    return found, torch.cat([theta[:1] + centre @ theta[1:], theta[1:]]), centre


def _small(source: MemorySource) -> bool:
    """Whether a table is one that the compiled fit takes, and has more rows than coefficients."""
    x, p = source.x, source.n_features + source.intercept
    if source.sparse or x.device.type != "cpu" or x.dtype not in (torch.float64, torch.float32):
        return False
    plain = source.y.dtype == torch.int64 and source.weight.ndim == 1
    return plain and source.n_rows * p <= NUMBERS and p <= min(NARROW, source.n_rows - 1)


def _centre(x: Tensor) -> Tensor | None:
    """The columns' means (d,), if every column is near 0, as its spread has it, and much of it is its own: no digits are lost."""
    sums = gram_pass(x, torch.ones(len(x), dtype=torch.float64), torch.float64)
    if sums is None:
        return None
    centre = sums[0, 1:] / len(x)
    gram = sums[1:, 1:] - torch.outer(centre, sums[0, 1:])  # cancels two digits at most, where it is used
    if not bool((centre.abs() <= FAR * (gram.diagonal() / len(x)).clamp_min(0).sqrt()).all()):
        return None
    unit = gram.diagonal().rsqrt()
    root, info = torch.linalg.cholesky_ex(gram * unit * unit[:, None])
    return centre if int(info) == 0 and float(root.diagonal().min()) ** 2 > WELL else None


def small_root(source: Source, theta: Tensor, centre: Tensor) -> Tensor:
    """R (p, p) with R Rᵀ the inverse information at theta (p, 1), both about ``centre``."""
    assert isinstance(source, MemorySource)
    z = source.x.double() - centre
    z = torch.cat([z.new_ones(len(z), 1), z], 1) if source.intercept else z
    mu = torch.sigmoid(z @ theta + source.offset)
    root = torch.linalg.cholesky((z * (source.weight[:, None] * mu * (1 - mu))).mT @ z)
    return torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype), upper=False).mT
