"""A logistic fit under L1 and L2 strengths to a table of few columns, all of it compiled."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.kernels.library import threads_for
from torchlogit.kernels.passes import _at, _kernel, _rows

STAYS = 1e300  # strength of an intercept that is not there


class Solved(NamedTuple):
    """theta (p, 1), the loss's Hessian (p, p) where it was last taken, and the relative duality gap."""

    theta: Tensor
    hess: Tensor
    distance: float


def elastic(
    x: Tensor,
    intercept: bool,
    y: Tensor,
    weight: Tensor,
    offset: Tensor,
    l1: Tensor,
    l2: Tensor,
    theta: Tensor,
    hess: Tensor | None,
    tol: float,
    most: int = 100,
) -> Solved | None:
    """``argmin Σ s ℓ(xθ + o, y) + Σ l1 |θ| + l2 θ² / 2`` of the logistic loss, from ``theta`` (p, 1) and maybe a Hessian near it.

    ``x`` (n, d) float64, dense, on the CPU; ``l1`` and ``l2`` (p, 1). None where there is no kernel, or where F stopped to fall
    before the gap was at ``tol``: whoever asks goes on by itself. The algorithm is that of `torchlogit.solvers.Proximal`,
    which is its plain twin.
    """
    curvature = torch.empty(len(y), dtype=torch.float64)
    call, rows = _kernel("elastic", x, torch.float64), _rows(y, weight, offset, curvature, 1)
    if call is None or rows is None:
        return None
    p = x.shape[1] + 1
    whole = torch.zeros(3, p, dtype=torch.float64)
    whole[0, 0] = 0.0 if intercept else STAYS
    for place, t in zip(whole, (l1, l2, theta), strict=True):
        place[p - len(theta) :] = t[:, 0] if len(t) > 1 else t[0, 0]
    out, bent = torch.empty(1, dtype=torch.float64), torch.empty(p, p, dtype=torch.float64)
    if hess is not None:
        bent[p - len(hess) :, p - len(hess) :] = hess
        if not intercept:
            bent[0], bent[:, 0] = 0.0, 0.0
    passes = call(
        ctypes.byref(rows), *map(_at, whole), _at(bent), ctypes.c_int(hess is not None), ctypes.c_double(tol),
        ctypes.c_int64(most), threads_for(x.numel()), _at(out),
    )  # fmt: skip
    lead = int(not intercept)
    if not (passes > 0 and float(out) <= tol):
        return None
    return Solved(whole[2, lead:, None], bent[lead:, lead:], float(out))
