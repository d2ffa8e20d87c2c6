"""Symmetric positive systems in the shapes of theta, Gram matrices, and products in which terms cancel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CANCELS = 30.0  # entry of a basis from which its columns are differences of nearly equal numbers
STRETCH = 2**12  # rows whose products are summed in float32 on a card
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

    def inverse_root(self) -> Tensor:
        """R (*B, m, m) with ``R Rᵀ = H⁻¹``, so that no diagonal entry of it can come out negative."""
        one = torch.eye(self.root.shape[-1], dtype=self.root.dtype, device=self.root.device)
        return self.unit[..., :, None] * torch.linalg.solve_triangular(self.root, one, upper=False).mT

    def pivot(self) -> float:
        """The least squared pivot: the share of a coefficient's curvature that is its own. Rounding grows by its inverse."""
        return 0.0 if bool(self.damped.any()) else float(self.root.diagonal(dim1=-2, dim2=-1).amin()) ** 2


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


def adjoint_product(x: Tensor, r: Tensor) -> Tensor:
    """``xᵀ r``; of float32 numbers on a card, whose blocks are large, sums of some rows each are added in float64."""
    if x.device.type == "cpu" or x.dtype != torch.float32 or len(x) <= STRETCH:
        return x.mT @ r
    whole = len(x) // STRETCH * STRETCH
    parts = (t[:whole].unflatten(0, (-1, STRETCH)) for t in (x, r))
    return (next(parts).mT @ next(parts)).sum(0, dtype=torch.float64).add(x[whole:].mT @ r[whole:]).to(x.dtype)


def exact_product(a: Tensor, basis: Tensor) -> Tensor:
    """``a @ basis``; columns of the basis so large that their terms must cancel are summed in doubled precision.

    Source: Ogita, Rump and Oishi (2005), Accurate sum and dot product, algorithms 3.3 (TwoProduct) and 5.3 (Dot2).

    >>> import torch
    >>> a = torch.tensor([[1.0, 1.0 + 2.0**-40]], dtype=torch.float64)
    >>> (exact_product(a, torch.tensor([[-1e15], [1e15]], dtype=torch.float64)) / 2.0**-40).item()
    1000000000000000.0
    """
    out = a @ basis
    large = (basis.abs().amax(0) > CANCELS).nonzero()[:, 0]
    if len(large):
        out[:, large] = _dot2(a, basis[:, large])
    return out


def _dot2(a: Tensor, b: Tensor) -> Tensor:
    total, error = a.new_zeros(len(a), b.shape[1]), a.new_zeros(len(a), b.shape[1])
    for column, row in zip(a.mT, b, strict=True):
        if not bool(row.any()):
            continue
        left, right = column[:, None], row[None, :]
        product = left * right
        (lh, ll), (rh, rl) = _split(left), _split(right)
        error += ll * rl - (((product - lh * rh) - ll * rh) - lh * rl)
        new = total + product
        shadow = new - total
        error += (total - (new - shadow)) + (product - shadow)
        total = new
    return total + error


def _split(t: Tensor) -> tuple[Tensor, Tensor]:
    """Two halves of 26 bits whose products are exact (Veltkamp)."""
    c = 134217729.0 * t
    high = c - (c - t)
    return high, t - high
