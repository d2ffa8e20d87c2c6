"""Symmetric positive systems in the shapes of theta: factor once, solve many."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PANEL = 192  # columns of a Gram matrix that are made at a time


class Factor(NamedTuple):
    """Cholesky factor of a Hessian (*B, p, k, p, k), scaled to a unit diagonal."""

    root: Tensor  # (*B, m, m), m = p·k
    unit: Tensor  # (*B, m): 1 / √diagonal
    damped: Tensor  # (*B,) bool: the matrix was singular to working precision and was lifted

    def solve(self, grad: Tensor) -> Tensor:
        """``H⁻¹ grad`` in the shape of grad, (*B, p, k)."""
        flat = (grad.flatten(-2) * self.unit)[..., None]
        return (torch.cholesky_solve(flat, self.root)[..., 0] * self.unit).reshape(grad.shape)

    def inverse(self) -> Tensor:
        """``H⁻¹`` as (*B, m, m)."""
        inverse = torch.cholesky_inverse(self.root)
        return inverse * self.unit[..., :, None] * self.unit[..., None, :]


def factor(hess: Tensor) -> Factor:
    """Factor a symmetric Hessian (*B, p, k, p, k); a singular one is lifted by the least multiple of its diagonal that helps.

    The matrix is scaled to a unit diagonal first, so columns of any size count alike. Source: Higham (2002), Accuracy
    and Stability of Numerical Algorithms, §10.1 (van der Sluis scaling).
    """
    *batch, p, k, _, _ = hess.shape
    flat = hess.reshape(*batch, p * k, p * k)
    diagonal = flat.diagonal(dim1=-2, dim2=-1)
    unit = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    scaled = flat * unit[..., :, None] * unit[..., None, :]
    root, info = torch.linalg.cholesky_ex(scaled)
    lift = torch.where(info > 0, 1e-14, 0.0).to(scaled)
    damped = info > 0
    while bool((info > 0).any()) and float(lift.max()) < 1e3:
        lift = torch.where(info > 0, lift * 100, lift)
        root, info = torch.linalg.cholesky_ex(scaled + torch.diag_embed(lift[..., None].expand_as(diagonal)))
    return Factor(root, unit, damped)


def weighted_gram(x: Tensor, h: Tensor) -> Tensor:
    """``xᵀ diag(h) x`` (c, d, d) for each of c vectors of weights h (c, n); of many columns one triangle, mirrored."""
    c, d = len(h), x.shape[1]
    if d < 2 * PANEL:
        return (x * h[..., None]).mT @ x
    out = x.new_empty(c, d, d)
    for i in range(0, d, PANEL):
        part = x[:, i:].mT @ (x[:, i : i + PANEL] * h[..., None])
        out[:, i:, i : i + PANEL] = part
        out[:, i : i + PANEL, i:] = part.mT
    return out
