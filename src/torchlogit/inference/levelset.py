"""Constrained minima of one function, many at once: at a given value of a functional, or as far as a level set goes.

Shapes: B members, m coefficients. Every member has a functional c (m,) of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from torchlogit.linalg import factor

ENTRIES = 2**22  # numbers in the inverses of a batch of members
MOST = 100  # passes over the rows
CLOSE = 1e-10  # deviation of f from its goal from which no step is worth a pass
POOR = 0.02  # share of a squared step that may be left by the next one before the Hessian is made anew
SHORTEST = 0.5**30
NOISE = 1e-13  # rounding of a sum over rows, relative


class Function(Protocol):
    """−log-likelihood, penalised or not, at many points theta (B, q, k): value (B,), grad (B, q, k), hess (B, q, k, q, k)."""

    @property
    def p(self) -> int: ...
    @property
    def k(self) -> int: ...
    def taylor(self, theta: Tensor, order: int = 1) -> Any: ...


class Known(NamedTuple):
    """A function at B points: value (B,), gradient (B, m)."""

    value: Tensor
    grad: Tensor


class Start(NamedTuple):
    """Where all members begin: γ (m,), value (1,), gradient (1, m), and H⁻¹ (m, m)."""

    gamma: Tensor
    value: Tensor
    grad: Tensor
    inverse: Tensor


class Goals(NamedTuple):
    """What each member is after. ``side`` 0: the least f where cᵀγ = ``held``; ±1: the largest, least cᵀγ where f ≤ ``level``."""

    c: Tensor  # (B, m)
    side: Tensor  # (B,)
    held: Tensor  # (B,)
    level: Tensor  # (B,)

    def of(self, index: Tensor) -> Goals:
        """Those of some members."""
        return Goals(*(t[index] for t in self))


class Reached(NamedTuple):
    """Where each member ended: γ (B, m), f there, and how far it is from what it was after."""

    gamma: Tensor
    value: Tensor
    excess: Tensor  # f − level, (B,); 0 where cᵀγ was held
    decrement: Tensor  # gᵀH⁻¹g along the constraint: f may sink by half of it
    slope: Tensor  # the largest entry of the gradient along the constraint


@dataclass(frozen=True)
class Climb:
    """Members on their way: ``inverse`` (B, m, m) is H⁻¹ of here where ``fresh``, else of an earlier place.

    The step δ solves the problem with f replaced by its quadratic f + gᵀδ + δᵀHδ/2: δ = H⁻¹(λc − g), where λ, the
    Lagrange multiplier, follows from the constraint. For a level it is ``λ² = 2(level − f + gᵀH⁻¹g/2) / cᵀH⁻¹c``.
    Source: Venzon and Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals,
    Applied Statistics 37, eq. 8–9 (there for the level alone).
    """

    goals: Goals
    gamma: Tensor
    at: Known
    inverse: Tensor
    fresh: Tensor
    step: Tensor  # (B, m)
    size: Tensor  # δᵀHδ
    multiplier: Tensor
    decrement: Tensor
    slope: Tensor

    @classmethod
    def begin(cls, goals: Goals, gamma: Tensor, at: Known, inverse: Tensor, fresh: Tensor) -> Climb:
        """At a place, with the step from there."""
        c, side, held, level = goals
        hc, hg = (inverse @ torch.stack([c, at.grad], 2)).unbind(2)
        stiff, cg, gg = _dot(c, hc).clamp_min(1e-300), _dot(c, hg), _dot(at.grad, hg)
        room = 2 * (level - at.value) + gg
        far = side * (room.clamp_min(0) / stiff).sqrt()
        multiplier = torch.where(side == 0, (cg + held - _dot(c, gamma)) / stiff, far)
        step = multiplier[:, None] * hc - hg
        size = _dot(multiplier[:, None] * c - at.grad, step)
        along = (cg / stiff)[:, None]
        inner = at.grad - along * c
        decrement = _dot(inner, hg - along * hc)
        return cls(goals, gamma, at, inverse, fresh, step, size, multiplier, decrement, inner.abs().amax(1))

    def of(self, index: Tensor) -> Climb:
        """Some members."""
        rest = (getattr(self, name)[index] for name in REST)
        return Climb(self.goals.of(index), self.gamma[index], Known(*(t[index] for t in self.at)), *rest)

    def merit(self, gamma: Tensor, value: Tensor) -> Tensor:
        """What a step has to lower: f where c is held; else how far f is over the level, less half λ times the way gained."""
        c, side, _, level = self.goals
        over = torch.where(side == 0, value, (value - level).clamp_min(0))
        return over - self.multiplier / 2 * side.abs() * _dot(c, gamma - self.gamma)

    @property
    def promise(self) -> Tensor:
        """By how much the whole step lowers the merit of the quadratic."""
        over = (self.at.value - self.goals.level).clamp_min(0)
        gained = over + self.multiplier / 2 * _dot(self.goals.c, self.step)
        return torch.where(self.goals.side == 0, self.size / 2, gained)

    @property
    def excess(self) -> Tensor:
        """How far f is from the level; 0 where there is none."""
        return torch.where(self.goals.side == 0, 0.0, self.at.value - self.goals.level)

    @property
    def done(self) -> Tensor:
        """Whether no step is worth a pass any more."""
        close = (self.excess.abs() <= CLOSE + NOISE / 4 * self.at.value.abs()) & (self.decrement <= CLOSE)
        return close & (self.multiplier * self.goals.side >= 0)


REST = ("inverse", "fresh", "step", "size", "multiplier", "decrement", "slope")


def climb(function: Function, start: Start, goals: Goals) -> Reached:
    """All members from one place, each to its goal.

    A step that does not lower the merit is taken anew with a Hessian of its own place, then halved; as long as steps
    shrink quickly, the first Hessian, updated, serves. Finished members leave the batch. ``Reached`` says how far each
    came: no member is certified by having ended.
    """
    room = max(8, ENTRIES // max(1, start.gamma.numel() ** 2))
    parts = [_batch(function, start, goals.of(index)) for index in torch.arange(len(goals.side)).split(room)]
    return Reached(*(torch.cat(each) for each in zip(*parts, strict=True)))


def start_at(function: Function, gamma: Tensor) -> Start:
    """γ (m,) as a place to begin at, with all that is known there."""
    at = function.taylor(gamma.reshape(1, function.p, function.k), 2)
    return Start(gamma, at.value, at.grad.flatten(1), factor(at.hess).inverse()[0])


def _begin(function: Function, start: Start, goals: Goals) -> Climb:
    """Every member at the start, or where the quadratic has its least with cᵀγ as it is held; at 0 if that is better."""
    size, held = len(goals.side), goals.side == 0
    way = goals.c @ start.inverse
    far = (goals.held - goals.c @ start.gamma) / _dot(way, goals.c).clamp_min(1e-300)
    gamma = start.gamma + torch.where(held, far, 0.0)[:, None] * way
    value, grad = start.value.repeat(size), start.grad.repeat(size, 1)
    if bool(held.any()):
        value[held], grad[held] = known(function, gamma[held])
        nothing = known(function, torch.zeros_like(start.gamma)[None])
        worse = held & (goals.held == 0) & ~(value <= nothing.value)  # a likelihood far from a quadratic
        gamma[worse], value[worse], grad[worse] = 0.0, nothing.value, nothing.grad
    fresh = torch.zeros(size, dtype=torch.bool)
    return Climb.begin(goals, gamma, Known(value, grad), start.inverse.expand(size, -1, -1), fresh)


def _batch(function: Function, start: Start, goals: Goals) -> Reached:
    now = _begin(function, start, goals)
    out, index, length = _reached(now), torch.arange(len(now.size)), torch.ones_like(now.size)
    for _ in range(MOST):
        over = now.done | (length < SHORTEST) | ~now.size.isfinite()
        if bool(over.any()):
            out = _written(out, index[over], _reached(now.of(over)))
            now, index, length = now.of(~over), index[~over], length[~over]
        if not len(index):
            return out
        now, length = _advance(function, now, length)
    return _written(out, index, _reached(now))


def _advance(function: Function, now: Climb, length: Tensor) -> tuple[Climb, Tensor]:
    """One pass: every member tries its step; who gains little from it, or nothing, gets a Hessian of its place."""
    gamma = now.gamma + length[:, None] * now.step
    at = known(function, gamma)
    slack = NOISE * at.value.abs()
    taken = now.merit(gamma, at.value) <= now.merit(now.gamma, now.at.value) - 1e-4 * length * now.promise + slack
    take = taken[:, None]
    at = Known(torch.where(taken, at.value, now.at.value), torch.where(take, at.grad, now.at.grad))
    gamma = torch.where(take, gamma, now.gamma)
    inverse = _updated(now.inverse, gamma - now.gamma, at.grad - now.at.grad)
    new = Climb.begin(now.goals, gamma, at, inverse, now.fresh & ~taken)
    slow = torch.where(taken, (length < 1) | (new.size > POOR * now.size), ~now.fresh) & ~new.done
    length = torch.where(taken | slow, 1.0, length / 2)
    return (_renewed(function, new, slow) if bool(slow.any()) else new), length


def _updated(inverse: Tensor, step: Tensor, rise: Tensor) -> Tensor:
    """H⁻¹ (B, m, m) after a step along which the gradient rose by ``rise`` (B, m), as BFGS has it; as it was without a rise.

    Source: Nocedal and Wright (2006), Numerical Optimization, eq. 6.17.
    """
    turned, curved = _times(inverse, rise), _dot(step, rise)
    known = curved > 1e-8 * (_dot(step, step) * _dot(rise, rise)).sqrt()
    share = torch.where(known, 1 / torch.where(known, curved, 1.0), 0.0)[:, None]
    along = (share**2 * _dot(rise, turned)[:, None] + share) / 2 * step - share * turned
    return torch.baddbmm(inverse, torch.stack([step, along], 2), torch.stack([along, step], 1))


def _renewed(function: Function, now: Climb, which: Tensor) -> Climb:
    """The same place with the Hessian of some members made there."""
    inverse = now.inverse.clone()
    inverse[which] = inverse_at(function, now.gamma[which])
    return Climb.begin(now.goals, now.gamma, now.at, inverse, now.fresh | which)


def known(function: Function, gamma: Tensor) -> Known:
    """Value and gradient at γ (B, m)."""
    at = function.taylor(gamma.reshape(len(gamma), function.p, function.k), 1)
    return Known(at.value, at.grad.flatten(1))


def inverse_at(function: Function, gamma: Tensor) -> Tensor:
    """H⁻¹ at γ (B, m), (B, m, m); a Hessian that is not positive is lifted."""
    inverse: Callable[[], Tensor] = factor(function.taylor(gamma.reshape(-1, function.p, function.k), 2).hess).inverse
    return inverse()


def _reached(now: Climb) -> Reached:
    return Reached(now.gamma, now.at.value, now.excess, now.decrement, now.slope)


def _written(out: Reached, index: Tensor, part: Reached) -> Reached:
    return Reached(*(a.index_copy(0, index, b) for a, b in zip(out, part, strict=True)))


def _times(matrix: Tensor, v: Tensor) -> Tensor:
    return (matrix @ v[..., None])[..., 0]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)
