"""Small ordinary fits in one call: the whole of Newton's method in compiled code, for whoever has a few hundred rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from torchlogit.kernels.library import library
from torchlogit.kernels.many import Ended, Groups, newton
from torchlogit.penalties import ElasticNet
from torchlogit.rank import WELL
from torchlogit.sources.base import Source
from torchlogit.sources.memory import MemorySource

NUMBERS = 2**16  # of a table up to which handing its passes to torch costs more than all the rest
NARROW = 64  # coefficients
FAR = 10.0  # standard deviations from 0 at which a column's centre costs a digit
UNEQUAL = 1e3  # times the smallest weight
LAST = 1e-26  # relative distance: the last of Newton's steps are the cheapest digits


def quick(source: Source, penalty: ElasticNet, columns: Sequence[str], most: int, tol: float) -> Ended | None:
    """The logistic fit to a small dense table without an L1 penalty; None for other tables, and for fits that are not ordinary.

    Ordinary is what ends with a certificate, far from anything separated or collinear; see `torchlogit.kernels.many`.
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
    return found if bool(found.done[0]) and _plain(source.x) else None


def _small(source: MemorySource) -> bool:
    """Whether a table is one that the compiled fit takes, and has more rows than coefficients."""
    x, p = source.x, source.n_features + source.intercept
    if source.sparse or x.device.type != "cpu" or x.dtype not in (torch.float64, torch.float32):
        return False
    plain = source.y.dtype == torch.int64 and source.weight.ndim == 1
    return plain and source.n_rows * p <= NUMBERS and p <= min(NARROW, source.n_rows - 1)


def _plain(x: Tensor) -> bool:
    """Whether every column is near 0, as its spread has it, and much of it is its own: then no digits are lost."""
    spread, centre = torch.std_mean(x.double(), 0, correction=0)
    if not bool((centre.abs() <= FAR * spread).all()):
        return False
    z = (x - centre) / (spread * len(x) ** 0.5)
    root, info = torch.linalg.cholesky_ex(z.mT @ z)
    return int(info) == 0 and float(root.diagonal().min()) ** 2 > WELL


def about_centre(source: Source, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Theta (p, 1) about the columns' means, from that about x = 0, and the means (d,); 0 without an intercept."""
    assert isinstance(source, MemorySource)
    if not source.intercept:
        return theta, theta.new_zeros(source.n_features)
    centre = source.x.double().mean(0)
    return torch.cat([theta[:1] + centre @ theta[1:], theta[1:]]), centre


def small_root(source: Source, theta: Tensor, centre: Tensor) -> Tensor:
    """R (p, p) with R Rᵀ the inverse information at theta (p, 1), both about ``centre``."""
    assert isinstance(source, MemorySource)
    z = source.x.double() - centre
    z = torch.cat([z.new_ones(len(z), 1), z], 1) if source.intercept else z
    mu = torch.sigmoid(z @ theta + source.offset)
    root = torch.linalg.cholesky((z * (source.weight[:, None] * mu * (1 - mu))).mT @ z)
    return torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype), upper=False).mT
