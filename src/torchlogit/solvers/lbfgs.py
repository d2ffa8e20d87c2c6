"""L-BFGS, preconditioned by the Hessian of a sample: about five passes over a tall table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.solvers.base import Point, minimize, search
from torchlogit.solvers.newton import Newton

NEWTON_LIMIT = 400  # p·k up to which the sample is first solved by itself


class Memory(NamedTuple):
    """The preconditioner and the last pairs (step, change of gradient, 1 / their product)."""

    precondition: Callable[[Tensor], Tensor]
    pairs: tuple[tuple[Tensor, Tensor, Tensor], ...] = ()
    age: int = 0


@dataclass(frozen=True)
class LBFGS:
    """Two-loop L-BFGS with ``memory`` pairs around a preconditioner made from ``sample`` rows for every column.

    After ``refresh`` steps the preconditioner is made anew where theta then stands, and the pairs are forgotten.

    The estimated distance is half the quasi-Newton decrement, ½ gᵀBg. Source: Nocedal and Wright (2006), Numerical
    Optimization, algorithm 7.4, with the preconditioner as the initial matrix.
    """

    memory: int = 10
    sample: int = 100
    refresh: int = 20

    def init(self, objective: Any, theta: Tensor) -> Point:
        """Solve the sample if it is small, then look at all rows from there."""
        sketch = self._sketch(objective)
        at = objective.taylor(theta, 1)
        if sketch is not objective and objective.p * objective.k <= NEWTON_LIMIT:
            start = minimize(sketch, theta, Newton(), max_iter=8, tol=1e-6).theta
            there = objective.taylor(start, 1)
            better = there.value < at.value
            theta = torch.where(better[..., None, None], start, theta)
            at = type(at)(*(torch.where(_like(better, b), b, a) for a, b in zip(at[:2], there[:2], strict=True)))
        return _point(theta, at, Memory(sketch.preconditioner(theta)))

    def step(self, objective: Any, point: Point) -> Point:
        """One step; a pair whose product is not clearly positive is not kept."""
        slope = (point.at.grad * point.direction).sum((-2, -1))
        theta, at = search(objective, point, 1, slope)
        s, y = theta - point.theta, at.grad - point.at.grad
        product = (s * y).sum((-2, -1), keepdim=True)
        sizes = s.square().sum((-2, -1), keepdim=True) * y.square().sum((-2, -1), keepdim=True)
        rho = torch.where(product > 1e-10 * sizes.sqrt(), 1 / product, 0.0)
        if point.memory.age >= self.refresh:
            return _point(theta, at, Memory(self._sketch(objective).preconditioner(theta)))
        pairs = (*point.memory.pairs, (s, y, rho))[-self.memory :]
        return _point(theta, at, point.memory._replace(pairs=pairs, age=point.memory.age + 1))

    def _sketch(self, objective: Any) -> Any:
        return objective.sketch(self.sample * objective.p + 5000)


def _like(mask: Tensor, t: Tensor) -> Tensor:
    return mask.reshape(mask.shape + (1,) * (t.ndim - mask.ndim))


def _point(theta: Tensor, at: Any, memory: Memory) -> Point:
    q, coefficients = at.grad, list[Tensor]()
    for s, y, rho in reversed(memory.pairs):
        coefficients.append(rho * (s * q).sum((-2, -1), keepdim=True))
        q = q - coefficients[-1] * y
    q = memory.precondition(q)
    for (s, y, rho), a in zip(memory.pairs, reversed(coefficients), strict=True):
        q = q + s * (a - rho * (y * q).sum((-2, -1), keepdim=True))
    return Point(theta, at, (at.grad * q).sum((-2, -1)) / 2, -q, memory)
