"""Proximal Newton for L1: exact zeros, a duality gap as certificate, working sets where theta is long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.solvers.base import Point, minimize, search
from torchlogit.solvers.lasso import Quadratic

FIRST_SET = 100  # rows of the first working set
NEAR = (
    0.9  # share of its strength from which a row's gradient may reach it soon: the strong rule's, for steps of a tenth
)
ROOM = 1.25  # rows of a new working set for each row that it needs
TRAIL = 6  # points that a step is extrapolated from
WORTH = 40  # entries of theta for which a new Hessian costs as much as one pass over the rows


class Passed(NamedTuple):
    """A point that was passed: theta, the gradient there, and the Newton step from it."""

    theta: Tensor
    grad: Tensor
    step: Tensor


class Curvature(NamedTuple):
    """The loss's Hessian (*B, m, m) where it was last taken, its L1 problems, and the passes that it has served."""

    hess: Tensor
    l2: Tensor
    problems: list[Quadratic]
    passes: int = 0
    last: float = 0.0  # distance at the pass before
    theta: Tensor | None = None  # where it was taken
    before: tuple[Tensor, Tensor] | None = None  # theta and gradient at the pass before
    scale: float = 1.0  # of the Hessian, as the last step has shown it
    trail: tuple[Passed, ...] = ()  # the last points with the present signs


class Memory(NamedTuple):
    """The working set: rows of theta (None: all), F on them, and its curvature."""

    rows: Tensor | None = None
    inner: Any = None
    curvature: Curvature | None = None


@dataclass(frozen=True)
class Proximal:
    """Newton steps on the smooth part, each with the L1 part solved exactly, on a growing working set of rows of theta.

    Up to p·k of ``limit`` the set is everything. ``tol`` is the relative distance to which each set is solved. Source:
    Lee, Sun and Saunders (2014), Proximal Newton-type methods, eq. 2.5; working sets as in Massias, Gramfort and Salmon
    (2018), Celer, algorithm 1; which rows may be left out as in Tibshirani et al. (2012), Strong rules, eq. 7.
    """

    limit: int = 250
    most: int = 4000
    tol: float = 1e-14

    def init(self, objective: Any, theta: Tensor) -> Point:
        """The first point at theta."""
        return self._point(objective, theta, objective.taylor(theta, 1), Memory())

    def again(self, objective: Any, point: Point, penalty: Any) -> Point:
        """A point of F under another ``penalty``, seen under the objective's: no pass over the rows."""
        new, theta = objective.penalty, point.theta
        value = point.at.value + new.value(theta) - penalty.value(theta)
        at = point.at._replace(value=value, grad=point.at.grad + (new.l2 - penalty.l2) * theta, hess=None)
        return point._replace(at=at, distance=value)  # F itself is a bound: losses and penalty are at least 0

    def step(self, objective: Any, point: Point) -> Point:
        """The solution on the next working set."""
        memory = self._memory(objective, point)
        if memory is None:
            return self._gradient_step(objective, point)
        rows, theta = memory.rows, point.theta.clone()
        if rows is None:
            inner, start = objective, theta
        else:
            inner, start = memory.inner.under(objective.penalty.rows(rows, objective.p)), theta[..., rows, :]
        found, at, curvature = self._solved(inner, start, memory.curvature)
        memory = memory._replace(inner=inner, curvature=curvature)
        if rows is None and at is not None:
            return self._point(objective, found, at, memory)
        theta = found if rows is None else theta.index_copy(-2, rows, found)
        return self._point(objective, theta, objective.taylor(theta, 1), memory)

    def _solved(self, inner: Any, start: Tensor, known: Curvature | None) -> tuple[Tensor, Any, Curvature]:
        """The solution on a set, its Taylor if that is known, and the curvature near it: by compiled code where there is some."""
        at_once = inner.at_once(start, None if known is None else known.hess, self.tol)
        if at_once is not None:
            l2 = inner.penalty.l2.expand(start.shape).reshape(-1)
            return at_once.theta, None, Curvature(at_once.hess, l2, [], theta=at_once.theta)
        within = Within(known)
        solution = minimize(inner, start, within, max_iter=50, tol=self.tol)
        solved = solution.point if solution.n_iter else within.step(inner, solution.point)
        return solved.theta, solved.at, solved.memory

    def _memory(self, objective: Any, point: Point) -> Memory | None:
        """The working set for the next step: the last one where it will do; None where it would be too large."""
        memory = point.memory
        if objective.p * objective.k <= self.limit and not objective.few:
            return memory
        score = _score(objective.penalty, point.theta, point.at.grad)
        moving, used = score >= 1, int((score == torch.inf).sum())
        size = max(FIRST_SET, min(int(moving.sum()), 2 * used + FIRST_SET))
        needed = moving if size <= objective.few else score >= NEAR
        if memory.rows is not None and not bool(needed.index_fill(0, memory.rows, False).any()):
            return memory
        if size > objective.few:
            return self._grown(objective, memory, score, int(needed.sum()))
        rows = (
            score.topk(min(size, len(score))).indices.sort().values
        )  # those in use, and of the others the first to move
        return Memory(rows, objective.restrict(rows))

    def _grown(self, objective: Any, memory: Memory, score: Tensor, needed: int) -> Memory | None:
        """The old working set and the rows that are nearest to moving, with the curvature as it was, extended."""
        used = int((score == torch.inf).sum())
        if used * objective.k > self.most:
            return None
        old = score.new_zeros(0, dtype=torch.long) if memory.rows is None else memory.rows
        score[old] = torch.inf
        size = max(FIRST_SET, int(ROOM * min(needed, 2 * used + FIRST_SET)), int(ROOM * len(old)))
        size = max(used, min(size, self.most // objective.k, len(score)))
        if size < len(old):
            old = old[:0]  # too many to keep
        chosen = torch.zeros_like(score, dtype=torch.bool)
        chosen[score.topk(size).indices] = True
        chosen[old] = False
        rows = torch.cat([old, chosen.nonzero()[:, 0]])
        inner = objective.restrict(rows, memory.inner if len(old) else None)
        return Memory(rows, inner, memory.curvature and _extended(inner, memory.curvature, rows))

    def _gradient_step(self, objective: Any, point: Point) -> Point:
        """A step with the Hessian's diagonal in the Hessian's place."""
        curvature = objective.diagonal(point.theta)
        direction = objective.penalty.prox(point.theta - point.at.grad / curvature, curvature) - point.theta
        point = point._replace(direction=direction)
        theta, at = search(objective, point, 1, _slope(objective, point))
        return self._point(objective, theta, at, Memory())

    def _point(self, objective: Any, theta: Tensor, at: Any, memory: Memory) -> Point:
        penalty, distance = objective.penalty, objective.gap(theta, at)
        free = (penalty.l1 == 0) & (penalty.l2 == 0)
        if bool(free.any()):
            distance = distance + _unpenalised(objective, theta, at, free, memory)
        return Point(theta, at, distance, torch.zeros_like(theta), memory)


def _unpenalised(objective: Any, theta: Tensor, at: Any, free: Tensor, memory: Memory) -> Tensor:
    """Half the Newton decrement, by the Hessian's diagonal, of the entries that nothing penalises (*B,)."""
    free, rows = free.expand(theta.shape[-2:]), memory.rows
    grad = torch.where(free, at.grad, 0.0)
    if memory.curvature is None:
        rows = free.any(-1).nonzero()[:, 0]
        diagonal = objective.restrict(rows).diagonal(theta[..., rows, :])
    else:
        diagonal = memory.curvature.hess.diagonal(dim1=-2, dim2=-1).unflatten(-1, (-1, theta.shape[-1]))
    grad = grad if rows is None else grad[..., rows, :]
    return (grad.square() / (2 * diagonal.clamp_min(1e-300))).sum((-2, -1))


def _extended(inner: Any, known: Curvature, rows: Tensor) -> Curvature | None:
    """The curvature with the columns of further rows of theta, taken at the same theta; None for a batch."""
    theta = known.theta
    if theta is None or theta.ndim > 2:
        return None
    old, new = len(theta), len(rows) - len(theta)
    theta = torch.cat([theta, theta.new_zeros(new, theta.shape[1])])
    more = inner.hessian_columns(theta, torch.arange(old, old + new))
    m, k = theta.numel(), theta.shape[1]
    more = more.reshape(m, new * k)
    hess = torch.cat([torch.cat([known.hess, more[: old * k].mT]), more], 1)
    return known._replace(hess=hess, theta=theta, problems=[])


def _score(penalty: Any, theta: Tensor, grad: Tensor) -> Tensor:
    """How near each row of theta is to moving, (p,): its largest gradient in strengths; infinite where it is in use."""
    l1 = penalty.l1.expand(theta.shape)
    in_use = (theta != 0) | (l1 == 0)
    score = torch.where(in_use, torch.inf, grad.abs() / torch.where(l1 > 0, l1, 1.0))
    return score.reshape(-1, *theta.shape[-2:]).amax((0, 2))


def _slope(objective: Any, point: Point) -> Tensor:
    """Predicted change of F along the direction: the gradient's part and that of the L1 norm (*B,)."""
    l1, theta, d = objective.penalty.l1, point.theta, point.direction
    return (point.at.grad * d + l1 * ((theta + d).abs() - theta.abs())).sum((-2, -1))


@dataclass(frozen=True)
class Within:
    """Proximal Newton on all rows of theta, with a Hessian that is kept until a new one is the cheaper way on."""

    curvature: Curvature | None = None

    def init(self, objective: Any, theta: Tensor) -> Point:
        """The first point at theta, with the Hessian of an earlier problem if there is one."""
        return self._point(objective, theta, objective.taylor(theta, 1 if self.curvature else 2), self.curvature)

    def step(self, objective: Any, point: Point) -> Point:
        """One proximal Newton step."""
        order = 2 if self._stale(point) else 1
        theta, at = search(objective, point, order, _slope(objective, point))
        return self._point(objective, theta, at, point.memory)

    def _stale(self, point: Point) -> bool:
        """Whether the Hessian has cost as many passes as a new one would, and does not lead on quickly any more."""
        known = point.memory
        return bool(known.passes * WORTH >= known.hess.shape[-1] and float(point.distance.max()) > 1e-4 * known.last)

    def _point(self, objective: Any, theta: Tensor, at: Any, known: Curvature | None) -> Point:
        penalty = objective.penalty
        known = _renewed(penalty, theta, at, known)
        direction, known = _direction(penalty, theta, at, known)
        gap = objective.gap(theta, at)
        point = Point(theta, at, gap, direction, known._replace(passes=known.passes + 1))
        distance = gap - _slope(objective, point)
        return point._replace(distance=distance, memory=point.memory._replace(last=float(distance.max())))


def _renewed(penalty: Any, theta: Tensor, at: Any, known: Curvature | None) -> Curvature:
    """The curvature with the Hessian that has come, and with the l2 strengths as they are."""
    *batch, p, k = theta.shape
    l2 = penalty.l2.expand(*batch, p, k).reshape(*batch, p * k)
    if at.hess is not None:
        hess = at.hess.reshape(*batch, p * k, p * k)
        return Curvature(hess - torch.diag_embed(l2), l2, _problems(hess), theta=theta)
    assert known is not None
    if known.problems and torch.equal(l2, known.l2):
        return known
    return known._replace(l2=l2, problems=_problems(known.hess + torch.diag_embed(l2)))


def _problems(hess: Tensor) -> list[Quadratic]:
    return [Quadratic(member) for member in hess.reshape(-1, *hess.shape[-2:])]


def _direction(penalty: Any, theta: Tensor, at: Any, known: Curvature) -> tuple[Tensor, Curvature]:
    """``argmin_d ⟨g, d⟩ + ½ dᵀHd + Σ l1 |θ + d|``, and the curvature with what this point has shown."""
    known = _scaled(theta, at.grad, known)
    if known.trail:
        found = _extrapolated(penalty, theta, at.grad, known)
        if found is not None:
            return found[1], known._replace(trail=(*known.trail, found[0])[-TRAIL:])
    m, c = theta.shape[-2] * theta.shape[-1], known.scale
    l1 = penalty.l1.expand(theta.shape).reshape(-1, m)
    members = zip(known.problems, at.grad.reshape(-1, m), l1, theta.reshape(-1, m), strict=True)
    parts = [problem.lasso(-grad / c, strength / c, u) for problem, grad, strength, u in members]
    direction = torch.stack(parts).reshape(theta.shape) - theta
    stays = theta.ndim == 2 and torch.equal((theta + direction).sign(), theta.sign())
    return direction, known._replace(trail=(Passed(theta, at.grad, direction),) if stays else ())


def _scaled(theta: Tensor, grad: Tensor, known: Curvature) -> Curvature:
    """The curvature with its scale as the last step has shown it; a trail ends where a sign changes."""
    before, known = known.before, known._replace(before=(theta, grad))
    if theta.ndim > 2 or before is None or before[0].shape != theta.shape:
        return known._replace(trail=())
    if known.trail and torch.equal(before[0].sign(), theta.sign()):
        return known
    s, y = theta - before[0], grad - before[1]
    along, bent = float((s * y).sum()), float(known.problems[0].form(s.flatten()))
    return known._replace(trail=(), scale=along / bent if along > 0 and bent > 0 else 1.0)


def _extrapolated(penalty: Any, theta: Tensor, grad: Tensor, known: Curvature) -> tuple[Passed, Tensor] | None:
    """The Newton step for the present signs, and the best combination of it with those of the trail; None if a sign changes.

    Source: Anderson (1965), Iterative procedures for nonlinear integral equations, §4; the norm is H's.
    """
    used = (theta != 0) | (penalty.l1 == 0)
    if bool((grad.abs() > penalty.l1 * (1 + 1e-12))[~used].any()):
        return None
    fall = torch.where(used, -grad - penalty.l1 * theta.sign(), 0.0)
    step = known.problems[0].solve(fall.flatten(), used.flatten()).reshape(fall.shape) / known.scale
    moved, turned, fell = _differences(known.trail, theta, step, grad, used)
    share = torch.linalg.lstsq(turned @ fell.mT, -(turned @ fall.flatten())[:, None]).solution[:, 0]
    out = step + (share @ (moved + turned)).reshape(step.shape)
    if not torch.equal((theta + out).sign(), theta.sign()):
        return None
    return Passed(theta, grad, step), out


def _differences(
    trail: Sequence[Passed], theta: Tensor, step: Tensor, grad: Tensor, used: Tensor
) -> tuple[Tensor, ...]:
    moved = torch.stack([(record.theta - theta).flatten() for record in trail])
    turned = torch.stack([(record.step - step).flatten() for record in trail])
    fell = torch.stack([torch.where(used, grad - record.grad, 0.0).flatten() for record in trail])
    return moved, turned, fell
