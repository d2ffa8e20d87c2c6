"""Newton's method: a Cholesky solve a step, the square of the distance a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from torchlogit.linalg import factor
from torchlogit.solvers.base import Point, search


@dataclass(frozen=True)
class Newton:
    """Damped Newton with a full Hessian, for p·k up to a few thousand.

    The estimated distance to the optimum is half the squared Newton decrement, ½ gᵀH⁻¹g. Source: Boyd and Vandenberghe
    (2004), Convex Optimization, eq. 9.29 and algorithm 9.5.
    """

    def init(self, objective: Any, theta: Tensor) -> Point:
        """The first point: value, derivatives and direction at theta."""
        return _point(theta, objective.taylor(theta, 2))

    def step(self, objective: Any, point: Point) -> Point:
        """One damped Newton step."""
        theta, at = search(objective, point, 2, -2 * point.distance)
        return _point(theta, at)


def _point(theta: Tensor, at: Any) -> Point:
    root = factor(at.hess)
    direction = -root.solve(at.grad)
    decrement = -(at.grad * direction).sum((-2, -1)) / 2
    return Point(theta, at, decrement, direction, None, bool(root.damped.any()))
