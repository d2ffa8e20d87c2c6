"""The span of the rows of a wide table: few coordinates in which an L2-penalised problem has its optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.design import Design
from torchlogit.penalties import Strengths

EPS = torch.finfo(torch.float64).eps


class Span(NamedTuple):
    """F in coordinates γ of the span: scaled slopes √l2 w = Vγ with V orthonormal, so that the penalty is ½ γ².

    With the scaled rows Z = U S Vᵀ, from ZZᵀ = U S² Uᵀ (n, n), the table in γ is US, and V = ZᵀU/S is never formed.
    Source: Hastie and Tibshirani (2004), Efficient quadratic regularization for expression arrays, eq. 8–11.
    """

    objective: Any  # over US (n, r), with l2 = 1
    rows: Design  # in the coordinates of the whole problem
    l2: Tensor  # (d, 1): strengths of the slopes
    turn: Tensor  # (n, r): U / S

    def theta(self, gamma: Tensor) -> Tensor:
        """Theta (p, k) from its coordinates in the span."""
        lead = len(gamma) - self.turn.shape[1]
        slopes = self.rows.rmatmul(self.turn @ gamma[lead:])[lead:] / self.l2
        return torch.cat([gamma[:lead], slopes])

    def gradient(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient (r, k) in these coordinates from that in theta (p, k), and half the square of what is outside the span."""
        lead = len(grad) - len(self.l2)
        inside = self.turn.mT @ self.rows.matmul(torch.cat([0 * grad[:lead], grad[lead:] / self.l2]))
        outside = (grad[lead:].square() / self.l2).sum() - inside.square().sum()
        return torch.cat([grad[:lead], inside]), outside.clamp_min(0) / 2


def span_of(whole: Any) -> Span:
    """The span of the rows of an objective over dense rows in memory, with an L2 penalty on every slope."""
    rows = whole.source.table().moved(whole.coordinates, torch.float64)
    lead = int(whole.source.intercept)
    l2 = whole.penalty.l2.expand(whole.p, 1)[lead:]
    squares, u = torch.linalg.eigh(rows.outer(1 / l2))
    kept = squares > squares.amax().clamp_min(1e-300) * len(squares) * EPS
    size, u = squares[kept].sqrt(), u[:, kept]
    ones = torch.cat([l2.new_zeros(lead, 1), l2.new_ones(len(size), 1)])
    inner = replace(
        whole,
        source=whole.source.with_table(u * size),
        penalty=Strengths(torch.zeros_like(ones), ones),
        coordinates=None,
        dtype=torch.float64,
    )
    return Span(inner, rows, l2, u / size)
