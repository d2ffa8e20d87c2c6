"""L-BFGS, preconditioned by the Hessian of a sample: about five passes over a tall table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.linalg import factor
from torchlogit.solvers.base import Point, minimize, search, unknown
from torchlogit.solvers.newton import Newton

SKETCHED = 12  # steps on a sample whose solution is only a start
STALE = 0.5  # share of F where a preconditioner was made under which it misjudges distances
MOST_PRODUCTS = 500  # with the Hessian, to know one distance
NEWTON_LIMIT = 400  # p·k up to which the sample is first solved by itself


class Memory(NamedTuple):
    """The preconditioner, F where it was made, and the last pairs (step, change of gradient, 1 / their product)."""

    precondition: Callable[[Tensor], Tensor]
    value: Tensor
    pairs: tuple[tuple[Tensor, Tensor, Tensor], ...] = ()
    age: int = 0
    slow: bool = False  # whether the first one grew old short of the optimum: then steps are Newton's


@dataclass(frozen=True)
class LBFGS:
    """Two-loop L-BFGS with ``memory`` pairs around the Hessian of a random sample as preconditioner.

    The sample has ``sample`` rows, drawn with ``seed``; by default so many that its Hessian costs about ten passes. After
    ``refresh`` steps the preconditioner is made anew where theta then stands, and the pairs are forgotten; one that is but a
    diagonal has then proved too slow, and from there on steps are Newton's, by conjugate gradients. The
    estimated distance is half the quasi-Newton decrement, ½ gᵀBg; where the preconditioner is too coarse to be trusted
    with it (not a whole Hessian), `confirm` corrects it by conjugate gradients before it counts. Source: Nocedal and
    Wright (2006), Numerical Optimization, algorithm 7.4, with the preconditioner as the initial matrix.
    """

    memory: int = 20
    sample: int | None = None
    refresh: int = 20
    seed: int = 0

    def init(self, objective: Any, theta: Tensor) -> Point:
        """Solve the sample if it is small, then look at all rows from there."""
        sketch = self._sketch(objective)
        if sketch is not objective and objective.p * objective.k <= NEWTON_LIMIT:
            return self._from_sketch(objective, sketch, theta)
        if sketch is not objective and objective.blockwise and not objective.faithful:
            rough = replace(self, sample=objective.source.n_rows)
            theta = minimize(sketch, theta, rough, max_iter=SKETCHED, tol=0.0).theta
        at = objective.taylor(theta, 1)
        return _point(theta, at, Memory(sketch.preconditioner(theta), at.value))

    def _from_sketch(self, objective: Any, sketch: Any, theta: Tensor) -> Point:
        """The sample's optimum, unless all rows there cost more than the sample says they do at theta; its Hessian stays."""
        solved = minimize(sketch, theta, Newton(), max_iter=8, tol=1e-6).point
        at, before = objective.taylor(solved.theta, 1), sketch.taylor(theta, 0).value
        worse = at.value > before
        if not bool(worse.any()):
            return _point(solved.theta, at, Memory(factor(solved.at.hess).solve, at.value))
        theta = torch.where(worse[..., None, None], theta, solved.theta)
        at = objective.taylor(theta, 1)
        return _point(theta, at, Memory(sketch.preconditioner(theta), at.value))

    def step(self, objective: Any, point: Point) -> Point:
        """One step; a pair whose product is not clearly positive is not kept."""
        slope = (point.at.grad * point.direction).sum((-2, -1))
        theta, at = search(objective, point, 1, slope)
        if self._stale(objective, point.memory, at.value):
            slow = point.memory.slow or not objective.blockwise
            memory = Memory(self._sketch(objective).preconditioner(theta), at.value, slow=slow)
        else:
            s, y = theta - point.theta, at.grad - point.at.grad
            product = _dot(s, y)
            rho = torch.where(product > 1e-10 * (_dot(s, s) * _dot(y, y)).sqrt(), 1 / product, 0.0)
            pairs = (*point.memory.pairs, (s, y, rho))[-self.memory :]
            memory = point.memory._replace(pairs=pairs, age=point.memory.age + 1)
        point = _point(theta, at, memory)
        return _newton(objective, point) if memory.slow else point

    def _stale(self, objective: Any, memory: Memory, value: Tensor) -> bool:
        """Whether the preconditioner is old; one that is trusted with distances, also where F is no more what it was."""
        changed = objective.faithful and bool((value < STALE * memory.value).any())
        return changed or memory.age >= self.refresh

    def confirm(self, objective: Any, point: Point) -> Point:
        """The same point with its Newton system nearly solved: a distance to trust, and a direction to go on with."""
        return point if objective.faithful or point.memory.slow else _newton(objective, point)

    def _sketch(self, objective: Any) -> Any:
        n, p = objective.source.n_rows, objective.p
        rows = min(max(40 * n // p, 5 * p + 1000), 100 * p + 5000)
        return objective.sketch(self.sample if self.sample is not None else rows, self.seed)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1), keepdim=True)


def _newton(objective: Any, point: Point) -> Point:
    direction, distance = _conjugate_gradients(objective, point)
    return point._replace(distance=distance, direction=direction)


def _conjugate_gradients(objective: Any, point: Point) -> tuple[Tensor, Tensor]:
    """Nearly ``−H⁻¹ g`` by conjugate gradients, preconditioned by what the steps have learnt, and half its decrement.

    They end when the last half of the steps brought less than a tenth of the decrement, for what a step brings tells how
    far those before it were from the solution; without such an end the decrement is not known. Source: Nocedal and Wright
    (2006), algorithm 5.3; Strakoš and Tichý (2002), On error estimation in the conjugate gradient method, eq. 3.6.
    """
    direction, residual = torch.zeros_like(point.theta), -point.at.grad
    z = _quasi_newton(point.memory, residual)
    search_along, energy = z, _dot(residual, z)
    hessian, gains = objective.hessian(point.theta), list[Tensor]()
    for _ in range(MOST_PRODUCTS):
        curved = hessian(search_along)
        length = energy / _dot(search_along, curved).clamp_min(1e-300)
        direction, residual = direction + length * search_along, residual - length * curved
        gains.append((length * energy)[..., 0, 0] / 2)
        total = torch.stack(gains)
        if bool((total[-max(1, len(gains) // 2) :].sum(0) <= 0.1 * total.sum(0)).all()):
            return direction, total.sum(0)
        z = _quasi_newton(point.memory, residual)
        energy, before = _dot(residual, z), energy
        search_along = z + energy / before.clamp_min(1e-300) * search_along
    return direction, unknown(point.at.value)


def _point(theta: Tensor, at: Any, memory: Memory) -> Point:
    q = _quasi_newton(memory, at.grad)
    return Point(theta, at, (at.grad * q).sum((-2, -1)) / 2, -q, memory)


def _quasi_newton(memory: Memory, q: Tensor) -> Tensor:
    """The approximate inverse of the Hessian times q, by two loops over the pairs."""
    coefficients = list[Tensor]()
    for s, y, rho in reversed(memory.pairs):
        coefficients.append(rho * _dot(s, q))
        q = q - coefficients[-1] * y
    q = memory.precondition(q)
    for (s, y, rho), a in zip(memory.pairs, reversed(coefficients), strict=True):
        q = q + s * (a - rho * _dot(y, q))
    return q
