"""Wide tables: the solution lies in the span of the rows, so it is looked for there, by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from torchlogit.linalg import factor
from torchlogit.solvers.base import Point, minimize, search
from torchlogit.solvers.newton import Newton


class Memory(NamedTuple):
    """The problem in the span of the rows, and its Hessian's factor."""

    span: Any
    root: Any


@dataclass(frozen=True)
class Dual:
    """Newton's method on the n coordinates of the rows' span, for an L2 penalty on every slope and fewer rows than columns.

    The estimated distance to the optimum is half the Newton decrement: within the span by its Hessian, outside of it by
    the penalty, which is all the curvature there is. Steps start from the gradient over all columns, so what the
    span's rounding left is mended.
    """

    def init(self, objective: Any, theta: Tensor) -> Point:
        """Solve in the span, from zero, and look at all columns there."""
        span = objective.span()
        solved = minimize(span.objective, span.objective.zeros(), Newton(), max_iter=50, tol=1e-10).point
        memory = Memory(span, factor(solved.at.hess))
        theta = span.theta(solved.theta)
        return _point(objective, theta, objective.taylor(theta, 1), memory)

    def step(self, objective: Any, point: Point) -> Point:
        """One Newton step within the span."""
        slope = (point.at.grad * point.direction).sum((-2, -1))
        theta, at = search(objective, point, 1, slope)
        return _point(objective, theta, at, point.memory)


def _point(objective: Any, theta: Tensor, at: Any, memory: Memory) -> Point:
    grad, outside = memory.span.gradient(at.grad)
    step = memory.root.solve(grad)
    return Point(theta, at, (grad * step).sum() / 2 + outside, -memory.span.theta(step), memory)
