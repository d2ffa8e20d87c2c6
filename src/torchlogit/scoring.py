"""Scoring with Firth's modified score, for many members at once: optima, optima under constraints, ends of profiles.

The curvature is ``H = I + D``: the information at each point, and where it is known the difference D between the Hessian
of F and the information at a point nearby, which hardly changes. A member's constraints are linear: ``normal @ phi`` stays
what it is. Shapes: B members, c = q·m coefficients, r constraints a member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from torchlogit.jeffreys import At, Jeffreyed

CAP = 5.0  # largest change of any row's η in one step
HALVINGS = 25
ROUNDING = 1e-14  # of F and its parts, relatively
PATIENCE = 4  # steps without a better decrement after which rounding stops the rest
STALLED = 1e-13  # relative distance at which a member that can move no further still counts as certified
FARTHEST = 2.0**30  # standard errors from the estimate up to which the end of a profile is looked for
FLAT = 1e-12  # rise of F over its target at which its end is met
CUBIC = 2  # turns with the third derivative from which the ends of profiles are looked for
EXACT = 1e-6  # of a standard error: the error of the end of a profile
FIRST = 1.0  # times the length of the first step: the rate at which steps from a start of the next order shrink
WORST = 8.0  # times the rate at which steps have shrunk: what is left of the last of them at worst
ROUNDS = 20  # of the Hessian of F where a member stands, which no Hessian from elsewhere has led to its optimum
NEARBY = 3  # steps with it


class Reached(NamedTuple):
    """Where `minimise` ended: estimated distance F − F* and gᵀH⁻¹g (B,), who is certified, steps taken, a record of each."""

    at: At
    distance: Tensor
    decrement: Tensor
    done: Tensor
    n_iter: int
    history: list[tuple[float, float, float]]  # F, largest entry of the gradient, relative distance; of all members


S = TypeVar("S", "At", "_Move")


class _Move(NamedTuple):
    step: Tensor  # (B, c)
    decrement: Tensor  # (B,) −gᵀ step ≥ 0
    slope: Tensor  # (B,) largest entry of the gradient less the constraints' share


def minimise(
    core: Jeffreyed,
    start: At,
    normal: Tensor | None = None,
    correction: Tensor | None = None,
    tol: float = 1e-20,
    max_iter: int = 100,
    sure: float = 0.0,
) -> Reached:
    """Minimise F from ``start`` for every member, along ``normal`` (B, r, c) not at all.

    Steps are capped, and halved until F falls. The distance is half the decrement, divided by 1 − ρ with ρ the rate at
    which steps have shrunk, so that a curvature that is not the Hessian does not flatter it. A member is certified where
    its distance is at most ``tol`` times its −log-likelihood, or where rounding stops it below 1e-13; or where 2 F is known to
    ``sure`` once the decrement is taken off: what is left of it is the rate at which a step from there would shrink.
    """
    at, history = start, list[tuple[float, float, float]]()
    move = _move(at, normal, correction)
    rate, best = torch.zeros_like(at.value), move.decrement
    waited, doubt = torch.zeros_like(at.value), WORST * move.decrement * (FIRST * move.decrement.sqrt()).clamp_max(0.9)
    for iteration in range(max_iter + 1):
        distance = move.decrement / 2 / (1 - rate)
        relative = distance / -at.log_likelihood
        history.append((float(at.value.sum()), float(move.slope.max()), float(relative.max())))
        going = (relative > tol) & ~(doubt < sure) & (waited < PATIENCE * (1 + 4 * (relative > STALLED)))
        todo = going.nonzero()[:, 0]
        if not len(todo) or iteration == max_iter:
            break
        some = None if normal is None else normal[todo]
        new = _advanced(core, _some(at, todo), move.step[todo], move.decrement[todo])
        after = _move(new, some, correction)
        shrunk = (after.decrement / move.decrement[todo].clamp_min(1e-300)).sqrt()
        rate = rate.index_copy(0, todo, torch.where(new.value <= at.value[todo], shrunk, 0.9).clamp_max(0.9))
        doubt = doubt.index_copy(0, todo, WORST * rate[todo] * after.decrement)
        better = after.decrement < 0.5 * best[todo]
        waited = waited.index_copy(0, todo, torch.where(better, 0.0, waited[todo] + 1))
        best = best.index_copy(0, todo, torch.minimum(best[todo], after.decrement))
        at, move = _put(at, todo, new), _put(move, todo, after)
    done = (relative <= tol) | (doubt < sure) | ((relative <= STALLED) & (waited >= PATIENCE))
    return Reached(at, distance, move.decrement, done & at.value.isfinite(), iteration, history)


def settled(
    core: Jeffreyed, start: At, normal: Tensor, correction: Tensor | None, tol: float, sure: float = 0.0
) -> Reached:
    """`minimise`; members that do not get to their optimum go on singly, with the Hessian of F where they stand."""
    found = minimise(core, start, normal, correction, tol=tol, sure=sure)
    for place in (~found.done).nonzero()[:, 0] if core.curved else ():
        one = place[None]
        at = found.at.of(one)
        for _ in range(ROUNDS):
            if not bool(at.value.isfinite()):
                break
            own = core.hessian(at) - at.information[0]
            alone = minimise(core, at, normal[one], own, tol=tol, max_iter=NEARBY, sure=sure)
            at = alone.at
            if bool(alone.done):
                found = _settle(found, one, alone)
                break
    return found


def _settle(found: Reached, one: Tensor, alone: Reached) -> Reached:
    """All members with one of them anew."""
    numbers = (
        getattr(found, name).index_copy(0, one, getattr(alone, name)) for name in ("distance", "decrement", "done")
    )
    distance, decrement, done = numbers
    return found._replace(at=_put(found.at, one, alone.at), distance=distance, decrement=decrement, done=done)


def _some(at: At, index: Tensor) -> At:
    """The members at an ascending index; itself where that is all of them."""
    return at if len(index) == len(at.value) else at.of(index)


def _put(old: S, index: Tensor, new: S) -> S:
    """New members in the places of an ascending index."""
    if len(index) == len(old[0]):
        return new
    return type(old)(*(a.index_copy(0, index, b) for a, b in zip(old, new, strict=True)))


def _solver(at: At, correction: Tensor | None) -> Callable[[Tensor], Tensor]:
    """What makes ``H⁻¹ right`` (B, c, r) of right; with the information alone where H is not positive."""
    if correction is None:
        return at.inverse.matmul
    root, info = torch.linalg.cholesky_ex(at.information + correction)
    bad = info > 0
    if not bool(bad.any()):
        return lambda right: torch.cholesky_solve(right, root)
    root[bad] = torch.eye(root.shape[-1]).to(root)
    return lambda right: torch.where(bad[:, None, None], at.inverse @ right, torch.cholesky_solve(right, root))


def _move(at: At, normal: Tensor | None, correction: Tensor | None) -> _Move:
    """The step to the minimum of the quadratic model, along the constraints."""
    solve = _solver(at, correction)
    if normal is None:
        step = -solve(at.grad[..., None])[..., 0]
        return _Move(step, -(at.grad * step).sum(-1), at.grad.abs().amax(-1))
    found = solve(torch.cat([at.grad[..., None], normal.mT], -1))
    v, u = found[..., :1], found[..., 1:]
    multiplier = torch.linalg.solve(normal @ u, normal @ v)
    step = (u @ multiplier - v)[..., 0]
    left = at.grad - (normal.mT @ multiplier)[..., 0]
    return _Move(step, -(left * step).sum(-1), left.abs().amax(-1))


def _advanced(core: Jeffreyed, at: At, step: Tensor, decrement: Tensor) -> At:
    """The members after a step that lowers F (Armijo), or where they were."""
    step = step.reshape(at.phi.shape)
    length = (CAP / core.reach(step).clamp_min(1e-300)).clamp_max(1.0)
    slack = ROUNDING * (at.value.abs() + 2 * at.log_likelihood.abs())
    new, bad = at, torch.arange(len(length), device=length.device)
    for _ in range(HALVINGS):
        some = _some(at, bad)
        tried = core.at(some.phi + length[bad, None, None] * step[bad])
        fine = tried.value <= some.value - 1e-4 * length[bad] * decrement[bad] + slack[bad]
        new = _put(new, bad[fine], _some(tried, fine.nonzero()[:, 0]))
        bad = bad[~fine]
        if not len(bad):
            break
        length[bad] /= 2
    return new


def constrained(core: Jeffreyed, at: At, normal: Tensor, value: Tensor, correction: Tensor | None) -> Tensor:
    """``phi`` (B, q, m) with ``normal @ phi = value`` (B, r) where F is least, as its curvature at the point ``at`` has it.

    From there to the next order: along the constraints, the curve of such points leaves its tangent by half the third derivative.
    """
    solve = _solver(at, correction)
    u = solve(normal.mT)
    missing = normal @ at.phi.flatten(1)[..., None] - value[..., None]
    step = -(u @ torch.linalg.solve(normal @ u, missing))[..., 0]
    v = solve(core.bent(at, step.reshape(-1, *core.shape)).flatten(1)[..., None])
    second = (u @ torch.linalg.solve(normal @ u, normal @ v) - v)[..., 0]
    return at.phi + _sane(at, step, step + second).reshape(-1, *core.shape)


def _sane(at: At, step: Tensor, other: Tensor) -> Tensor:
    """The ``other`` step (B, c) of members for which it is not far from the first, by the information; else the first."""
    near = _square(at, other - step) <= _square(at, step) / 4
    return torch.where(near[:, None], other, step)


def _square(at: At, step: Tensor) -> Tensor:
    return ((at.information @ step[..., None])[..., 0] * step).sum(-1)


class _Walk(NamedTuple):
    """Step towards the end of a profile, its length, the standard error of the functional, and how steep F rises at the end."""

    step: Tensor
    size: Tensor
    error: Tensor
    slope: Tensor


def profile_ends(
    core: Jeffreyed, optimum: At, normal: Tensor, side: Tensor, drop: float, correction: Tensor | None, most: int = 40
) -> tuple[Tensor, Tensor]:
    """The values (B,) of ``normal @ phi`` (B, c) where the profile of F has risen by ``drop``, on the ``side`` ±1 of each.

    ``optimum`` is one point. A Newton step for ``F = F* + drop`` and a gradient along ``normal`` at once; members for which
    that fails are bracketed. Infinite where no end is found within 2³⁰ standard errors, NaN where a bracket cannot
    be solved. Source: Venzon and Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals,
    eq. 6–8.
    """
    target = float(optimum.value[0]) + drop
    at, walk = optimum, _first(core, optimum, normal, side, target, correction)
    origin, error = (normal * at.phi.flatten(1)).sum(-1), walk.error
    end, left = torch.full_like(origin, torch.nan), torch.zeros_like(origin)
    todo = torch.arange(len(normal), device=normal.device)
    before = torch.full_like(origin, 1 / FIRST)
    for _ in range(most):
        length = (CAP / core.reach(walk.step).clamp_min(1e-300)).clamp_max(1.0)
        at = core.at(at.phi + length[:, None, None] * walk.step)
        walk = _walk(at, _solver(at, correction), normal[todo], side[todo], target)
        rate = (walk.size / before[todo].clamp_min(1e-300)).clamp_max(0.9)
        place = (normal[todo] * (at.phi + walk.step).flatten(1)).sum(-1)
        doubt = WORST * rate * walk.size.square()  # of 2 F: only what F has beyond its quadratic still moves the end
        there = (doubt < EXACT * 2 * walk.slope * error[todo]) & (side[todo] * (place - origin[todo]) > 0)
        end[todo[there]] = place[there]
        left[todo[there]] = doubt[there]
        before[todo] = torch.where(length < 1, 0.0, walk.size)
        going = ~there & walk.size.isfinite()
        if not bool(going.any()):
            break
        if not bool(going.all()):
            todo, at = todo[going], at.of(going)
            walk = _Walk(*(t[going] for t in walk))
    missed = end.isnan().nonzero()[:, 0]
    if len(missed):
        ray = _Ray(core, optimum, normal[missed], side[missed] * error[missed], target, correction)
        end[missed] = ray.end()
    return end, left


def _first(core: Jeffreyed, at: At, normal: Tensor, side: Tensor, target: float, correction: Tensor | None) -> _Walk:
    """The walk of every member from one point: the quadratic's, then of the cubic along that and along the next.

    With b half the third derivative along a step s, the cubic near s is the quadratic of gradient g + b and value F − ⅔ bᵀs.
    """
    solve = _solver(at, correction)
    walk = plain = _walk(at, solve, normal, side, target)
    for _ in range(CUBIC):
        b = core.bent(at, walk.step)
        value = at.value - 2 / 3 * (b * walk.step).flatten(1).sum(-1)
        walk = _walk(at._replace(value=value, grad=at.grad + b.flatten(1)), solve, normal, side, target)
    step = _sane(at, plain.step.flatten(1), walk.step.flatten(1))
    return plain._replace(step=step.reshape(walk.step.shape))


def _walk(at: At, solve: Callable[[Tensor], Tensor], normal: Tensor, side: Tensor, target: float) -> _Walk:
    grad = at.grad.expand_as(normal)
    u, v = solve(torch.stack([normal, grad], -1)).unbind(-1)
    variance = (normal * u).sum(-1)
    square = (2 * (target - at.value) + (at.grad * v).sum(-1)) / variance
    length = side * square.clamp_min(0).sqrt()
    step = length[:, None] * u - v
    inner = (step * (length[:, None] * normal - at.grad)).sum(-1)  # stepᵀ H step
    size = torch.where((square >= 0) & at.value.isfinite(), inner.clamp_min(0).sqrt(), torch.inf)
    size = torch.where(at.value.isfinite(), size, torch.nan)
    return _Walk(step.reshape(-1, *at.phi.shape[1:]), size, variance.sqrt(), length.abs())


class _Ray:
    """The profile of F along a functional, by minimising under it: slow and sure."""

    def __init__(
        self, core: Jeffreyed, optimum: At, normal: Tensor, unit: Tensor, target: float, correction: Tensor | None
    ) -> None:
        self.core, self.normal, self.unit, self.target, self.correction = (
            core,
            normal[:, None],
            unit,
            target,
            correction,
        )
        self.at = optimum.of(torch.zeros(len(normal), dtype=torch.long, device=normal.device))
        self.origin = (normal * self.at.phi.flatten(1)).sum(-1)

    def rise(self, t: Tensor) -> Tensor:
        """The profile less its target, at ``t`` standard errors; NaN where it is not certified."""
        value = (self.origin + t * self.unit)[:, None]
        start = self.core.at(constrained(self.core, self.at, self.normal, value, self.correction))
        found = settled(self.core, start, self.normal, self.correction, tol=1e-16)
        self.at = At(
            *(torch.where(_like(found.done, new), new, old) for new, old in zip(found.at, self.at, strict=True))
        )
        return torch.where(found.done, found.at.value - found.distance - self.target, torch.nan)

    def end(self) -> Tensor:
        """Where the profile meets its target: by doubling, then by regula falsi and bisection in turns."""
        low, high = torch.zeros_like(self.unit), torch.ones_like(self.unit)
        below, above = self.rise(low), self.rise(high)
        while bool((grow := (above < 0) & (high < FARTHEST)).any()):
            low, below = torch.where(grow, high, low), torch.where(grow, above, below)
            high = torch.where(grow, 2 * high, high)
            above = torch.where(grow, self.rise(high), above)
        found = above >= 0
        for turn in range(200):
            if not bool((found & (high - low > EXACT) & (above > FLAT)).any()):
                break
            t = (low * above - high * below) / (above - below) if turn % 2 else (low + high) / 2
            here = self.rise(torch.where(found, t, high))
            up = here >= 0
            low, below = torch.where(up, low, t), torch.where(up, below, here)
            high, above = torch.where(up, t, high), torch.where(up, here, above)
        nowhere = torch.where(above.isnan(), torch.nan, self.unit.sign() * torch.inf)
        return torch.where(found, self.origin + high * self.unit, nowhere)


def _like(mask: Tensor, t: Tensor) -> Tensor:
    return mask.reshape(-1, *[1] * (t.ndim - 1))
