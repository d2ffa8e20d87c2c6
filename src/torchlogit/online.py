"""Rows that come a batch at a time: the latest as they are, all before them as one quadratic, and how far that may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.choice import Choice
from torchlogit.design import Coordinates
from torchlogit.estimate import Certificate, Estimate, class_totals, covariance_root, null_of
from torchlogit.objective import Objective, Taylor
from torchlogit.penalties import Strengths
from torchlogit.solvers import Newton, minimize
from torchlogit.solvers.base import relative

KIND = "half the Newton decrement, and an estimate for the rows that are no longer held"


class Past(NamedTuple):
    """What is kept of rows that are no longer held: with ψ = θ − ``anchor`` their loss is ``value + slope·ψ + ½ ψ·hess ψ``.

    It is the sum of expansions, each of some rows at the θ_b that was the optimum when they were let go. ``pull`` Σ J_b ψ_b
    and ``square`` Σ ψ_b·J_b ψ_b tell how far θ has gone from all of them; ``information`` is the least Σ s ℓ″ among them.
    ``class_totals`` (K,) are the total weights of their classes.
    """

    anchor: Tensor  # (p, k)
    value: Tensor
    slope: Tensor  # (p, k)
    hess: Tensor  # (p, k, p, k)
    pull: Tensor  # (p, k)
    square: Tensor
    information: Tensor
    class_totals: Tensor
    n_rows: int

    def taylor(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value, gradient and Hessian at theta."""
        psi = theta - self.anchor
        curved = _times(self.hess, psi)
        value = self.value + (psi * (self.slope + curved / 2)).sum((-2, -1))
        return value, self.slope + curved, self.hess

    def error(self, theta: Tensor) -> Tensor:
        """By how much F − F* may be wrong for having only a quadratic: ½ e², e an estimate of the gradient's error in H⁻¹.

        An expansion at θ_b leaves out ``½ Σ s ℓ‴ (xδ)² x`` with |ℓ‴| ≤ ℓ″ and δ = θ − θ_b, in the norm of H⁻¹ at most
        ``½ √(Σ s ℓ″ (xδ)⁴)``; for rows whose xδ is spread as a normal variable's, ``½ √3 (δ·J_b δ) / √(Σ s ℓ″)``.
        """
        psi = theta - self.anchor
        moved = (psi * (_times(self.hess, psi) - 2 * self.pull)).sum() + self.square
        return 0.375 * moved.square() / self.information


def _times(hess: Tensor, v: Tensor) -> Tensor:
    return torch.einsum("piqj,...qj->...pi", hess, v)


@dataclass(frozen=True)
class Running(Objective):
    """F over the rows at hand and those before them."""

    past: Past | None = None

    def taylor(self, theta: Tensor, order: int = 1) -> Taylor:
        """Value, gradient, Hessian up to ``order``."""
        at = super().taylor(theta, order)
        if self.past is None:
            return at
        known = [t for t in at if t is not None]
        return Taylor(*(a + b for a, b in zip(known, self.past.taylor(theta), strict=False)))

    def separated(self, value: Tensor) -> Tensor:
        """The rows at hand cannot prove it of all."""
        return torch.zeros_like(value, dtype=torch.bool)


def let_go(objective: Running, theta: Tensor) -> Past:
    """The past with the rows at hand in it, expanded at theta."""
    nothing = torch.zeros_like(theta)
    at = Objective.taylor(objective.under(Strengths(nothing, nothing)), theta, 2)
    assert at.grad is not None
    assert at.hess is not None
    information = at.hess.flatten(-2).flatten(0, 1).diagonal().sum() / objective.p  # columns have unit spread
    new = Past(theta, at.value, at.grad, at.hess, nothing, nothing.sum(), information,
               class_totals(objective), objective.source.n_rows)  # fmt: skip
    return new if objective.past is None else _joined(objective.past, new)


def _joined(past: Past, new: Past) -> Past:
    """Both as one, about the past's anchor."""
    psi = new.anchor - past.anchor
    pull = _times(new.hess, psi)
    return Past(
        past.anchor,
        past.value + new.value - (psi * (new.slope - pull / 2)).sum(),
        past.slope + new.slope - pull,
        past.hess + new.hess,
        past.pull + pull,
        past.square + (psi * pull).sum(),
        torch.minimum(past.information, new.information),
        past.class_totals + new.class_totals,
        past.n_rows + new.n_rows,
    )


def running_estimate(
    objective: Running, coordinates: Coordinates, start: Tensor, *, tol: float, max_iter: int
) -> tuple[Estimate, Tensor]:
    """The estimate from the rows at hand and the past, and theta (p, k) in the objective's coordinates.

    Source: Luo and Song (2020), Renewable estimation and incremental inference in generalized linear models with streaming
    data sets, eq. 5.
    """
    past = objective.past
    assert past is not None
    solution = minimize(objective, start, Newton(), max_iter=max_iter, tol=tol)
    point = solution.point
    value, off = float(point.at.value), float(past.error(point.theta))
    slope = objective.penalty.subgradient(point.theta, point.at.grad)
    certificate = Certificate(float(relative(point)) + off / abs(value), float(slope.abs().max()), KIND, tol)
    e = Estimate(
        theta=coordinates.theta(point.theta, objective.source.intercept),
        centre=coordinates.centre,
        covariance_root=covariance_root(objective, point, coordinates),
        value=value,
        log_likelihood=float(objective.penalty.value(point.theta)) - value,
        null_log_likelihood=null_of(past.class_totals + class_totals(objective), objective),
        status=solution.status[0],
        certificate=certificate,
        history=solution.history,
        n_iter=solution.n_iter,
        choice=Choice(Newton(), "rows came in batches"),
        dependences=[],
        amplification=torch.ones_like(coordinates.centre),
        infinite=None,
    )
    return e, point.theta
