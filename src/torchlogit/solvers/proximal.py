"""Proximal Newton for L1: exact zeros, a duality gap as certificate, working sets where theta is long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.solvers.base import Point, minimize, search

FIRST_SET = 100  # features of the first working set


class Memory(NamedTuple):
    """Curvature of the entries that nothing penalises, and the size of the working set."""

    curvature: Tensor
    size: int = FIRST_SET


@dataclass(frozen=True)
class Proximal:
    """Newton steps on the smooth part, each with the L1 part solved exactly; for p·k over ``limit`` on a growing working set.

    Source: Lee, Sun and Saunders (2014), Proximal Newton-type methods, eq. 2.5; working sets as in Massias, Gramfort and
    Salmon (2018), Celer, algorithm 1.
    """

    limit: int = 1000

    def init(self, objective: Any, theta: Tensor) -> Point:
        """The first point at theta."""
        at = objective.taylor(theta, 2 if self._small(objective) else 1)
        curvature = _diagonal(at.hess) if self._small(objective) else objective.diagonal(theta)
        return self._point(objective, theta, at, Memory(curvature))

    def step(self, objective: Any, point: Point) -> Point:
        """One proximal Newton step, or the solution on the next working set."""
        if self._small(objective):
            theta, at = search(objective, point, 2, _slope(objective, point))
            return self._point(objective, theta, at, point.memory)
        most = 4 * self.limit // objective.k
        rows = _working_set(objective, point, most)
        if len(rows) > most:
            theta, at = search(objective, point, 1, _slope(objective, point))
        else:
            theta = point.theta.clone()
            inner = objective.restrict(rows)
            whole = Proximal(limit=len(rows) * objective.k)
            theta[..., rows, :] = minimize(inner, theta[..., rows, :], whole, max_iter=30, tol=1e-14).theta
            at = objective.taylor(theta, 1)
        return self._point(objective, theta, at, point.memory._replace(size=2 * len(rows)))

    def _small(self, objective: Any) -> bool:
        return bool(objective.p * objective.k <= self.limit)

    def _point(self, objective: Any, theta: Tensor, at: Any, memory: Memory) -> Point:
        penalty = objective.penalty
        free = (penalty.l1 == 0) & (penalty.l2 == 0)
        curvature = _diagonal(at.hess) if at.hess is not None else memory.curvature
        unpenalised = torch.where(free, at.grad.square() / (2 * curvature.clamp_min(1e-300)), 0.0).sum((-2, -1))
        distance = objective.gap(theta, at) + unpenalised
        return Point(theta, at, distance, _direction(penalty, theta, at, curvature), memory)


def _slope(objective: Any, point: Point) -> Tensor:
    """Predicted change of F along the direction: the gradient's part and that of the L1 norm (*B,)."""
    l1, theta, d = objective.penalty.l1, point.theta, point.direction
    return (point.at.grad * d + l1 * ((theta + d).abs() - theta.abs())).sum((-2, -1))


def _working_set(objective: Any, point: Point, most: int) -> Tensor:
    """Rows of theta to move: every free or non-zero one, and those whose subgradient is largest, ``most`` if they fit."""
    penalty = objective.penalty
    violation = penalty.subgradient(point.theta, point.at.grad).abs() / point.memory.curvature.sqrt()
    score = violation.reshape(-1, *violation.shape[-2:]).amax((0, 2))
    used = (point.theta != 0).reshape(-1, *violation.shape[-2:]).any(0).any(-1)
    free = ((penalty.l1 == 0) & (penalty.l2 == 0)).expand(violation.shape[-2:]).any(-1)
    score[used | free] = torch.inf
    needed = int((used | free).sum())
    size = max(needed, min(max(point.memory.size, 2 * needed), most))
    return score.topk(min(size, len(score))).indices.sort().values


def _direction(penalty: Any, theta: Tensor, at: Any, curvature: Tensor) -> Tensor:
    """``argmin_d ⟨g, d⟩ + ½ dᵀHd + Σ l1 |θ + d|``; with no Hessian at hand, H is its diagonal."""
    if at.hess is None:
        return penalty.prox(theta - at.grad / curvature, curvature) - theta
    *batch, p, k = theta.shape
    m = p * k
    hess, flat = at.hess.reshape(*batch, m, m), theta.reshape(*batch, m)
    linear = (hess @ flat[..., None])[..., 0] - at.grad.reshape(*batch, m)
    l1 = penalty.l1.expand(*batch, p, k).reshape(*batch, m)
    return (lasso(hess, linear, l1, flat) - flat).reshape(theta.shape)


def _diagonal(hess: Tensor) -> Tensor:
    *batch, p, k, _, _ = hess.shape
    return hess.reshape(*batch, p * k, p * k).diagonal(dim1=-2, dim2=-1).reshape(*batch, p, k)


def lasso(hess: Tensor, linear: Tensor, l1: Tensor, start: Tensor) -> Tensor:
    """``argmin_u ½ uᵀHu − ⟨linear, u⟩ + Σ l1 |u|`` for H (*B, m, m) positive definite: (*B, m), each member by itself."""
    m = start.shape[-1]
    members = zip(hess.reshape(-1, m, m), linear.reshape(-1, m), l1.reshape(-1, m), start.reshape(-1, m), strict=True)
    return torch.stack([_lasso(*member) for member in members]).reshape(start.shape)


def _lasso(hess: Tensor, linear: Tensor, l1: Tensor, u: Tensor) -> Tensor:
    """Feature-sign search: solve for the present signs, go as far as F falls, let entries leave and enter; finite.

    Source: Lee, Battle, Raina and Ng (2007), Efficient sparse coding algorithms, algorithm 1, with all violating
    entries entering at once; those that would then move against their sign wait.
    """
    free = l1 == 0
    for _ in range(10 * len(u) + 50):
        fall = linear - hess @ u
        signs = torch.where(u != 0, u.sign(), torch.where(free | (fall.abs() > l1 * (1 + 1e-12)), fall.sign(), 0.0))
        direction = _toward(hess, fall, l1, signs, u)
        length = _length(hess, fall, l1, u, direction)
        new = u + length * direction
        u = torch.where(free | (new * signs > 0), new, 0.0)  # what reached zero is exactly zero
        fall = linear - hess @ u
        if length == 1 and not bool(((u == 0) & (signs == 0) & (fall.abs() > l1 * (1 + 1e-9))).any()):
            break
    return u


def _toward(hess: Tensor, fall: Tensor, l1: Tensor, signs: Tensor, u: Tensor) -> Tensor:
    """Direction to the minimiser with these signs; entering entries that it moves the wrong way are left at zero."""
    entering = (u == 0) & (signs != 0) & (l1 > 0)
    direction = torch.zeros_like(u)
    used = (signs != 0) | (l1 == 0)
    for _ in range(len(u)):
        direction = torch.zeros_like(u)
        direction[used] = _solve(hess[used][:, used], (fall - l1 * signs)[used])
        wrong = entering & used & (direction * signs < 0)
        if not bool(wrong.any()):
            break
        used = used & ~wrong
    return direction


def _length(hess: Tensor, fall: Tensor, l1: Tensor, u: Tensor, direction: Tensor) -> Tensor:
    """The best of the whole step and the points where an entry reaches zero."""
    crossings = -u / torch.where(direction == 0, 1.0, direction)
    candidates = torch.cat([u.new_ones(1), crossings[(crossings > 0) & (crossings < 1) & (direction != 0)]])
    smooth = candidates.square() / 2 * (direction @ hess @ direction) - candidates * (fall @ direction)
    rough = (l1 * ((u + candidates[:, None] * direction).abs() - u.abs())).sum(-1)
    return candidates[(smooth + rough).argmin()]


def _solve(hess: Tensor, right: Tensor) -> Tensor:
    root, info = torch.linalg.cholesky_ex(hess)
    if int(info) > 0:
        root, _ = torch.linalg.cholesky_ex(hess + torch.diag(1e-10 * hess.diagonal()))
    return torch.cholesky_solve(right[:, None], root)[:, 0]
