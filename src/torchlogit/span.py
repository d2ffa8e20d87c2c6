"""The span of the rows of a wide table: few coordinates in which an L2-penalised problem has its optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.design import Design
from torchlogit.linalg import factor
from torchlogit.penalties import Strengths

LARGE = 10**8  # multiplications of a Gram matrix from which half of their time is worth a further step
ROUNDED = 1e-3  # least curvature of the penalty's that float32 rounding of the span may hide


class Span(NamedTuple):
    """F in coordinates γ of the span: scaled slopes √l2 w = Vγ with V orthonormal, so that the penalty is ½ γ².

    With the scaled rows Z = L Vᵀ, from ZZᵀ = L Lᵀ (n, n), the table in γ is L, and V = ZᵀL⁻ᵀ is never formed. In float32 all
    this is about so; `solvers.Dual` mends what that leaves. Source: Hastie and Tibshirani (2004), Efficient quadratic
    regularization for expression arrays, eq. 8–11, with a Cholesky factor for their R.
    """

    objective: Any  # over L, with l2 = 1
    rows: Design  # in the coordinates of the whole problem
    l2: Tensor  # (d, 1): strengths of the slopes
    turn: Tensor  # (n, n): L⁻ᵀ

    def theta(self, gamma: Tensor) -> Tensor:
        """Theta (p, k) from its coordinates in the span."""
        lead = len(gamma) - self.turn.shape[1]
        slopes = self.rows.rmatmul(self.turn @ gamma[lead:])[lead:] / self.l2
        return torch.cat([gamma[:lead], slopes])

    def gradient(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient (n, k) in these coordinates from that in theta (p, k), and half the square of what is outside the span."""
        lead = len(grad) - len(self.l2)
        inside = self.turn.mT @ self.rows.matmul(torch.cat([0 * grad[:lead], grad[lead:] / self.l2]))
        outside = (grad[lead:].square() / self.l2).sum() - inside.square().sum()
        return torch.cat([grad[:lead], inside]), outside.clamp_min(0) / 2


def span_of(whole: Any) -> Span:
    """The span of the rows of an objective over dense rows in memory, with an L2 penalty on every slope."""
    rows = whole.source.table().moved(whole.coordinates, torch.float64)
    lead = int(whole.source.intercept)
    l2 = whole.penalty.l2.expand(whole.p, 1)[lead:]
    hidden = torch.finfo(torch.float32).eps / 4 * float(whole.source.weight.max()) * float((1 / l2).sum())
    large = rows.shape[0] ** 2 * len(l2) > LARGE
    dtype = torch.float32 if large and hidden < ROUNDED else torch.float64
    found = factor(rows.outer(1 / l2, dtype)[:, None, :, None])
    root = found.root / found.unit[:, None]
    turn = torch.linalg.solve_triangular(
        root.mT, torch.eye(len(root), dtype=root.dtype, device=root.device), upper=True
    )
    ones = torch.cat([l2.new_zeros(lead, 1), l2.new_ones(len(root), 1)])
    inner = replace(
        whole,
        source=whole.source.with_table(root.to(dtype)),
        penalty=Strengths(torch.zeros_like(ones), ones),
        coordinates=None,
        dtype=dtype,
    )
    return Span(inner, rows, l2, turn)
