"""What a solver is, and the one loop that runs any of them: stopping, failures, history, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

CERTIFIED = 1e-8  # relative distance at which a fit that can move no further still counts as converged
PATIENCE = 10  # steps without a better certificate after which it cannot move further
TRIES = 20  # lengths of a step that a line search tries, the last of them 0


class Status(Enum):
    """How a fit ended, with its sentence."""

    converged = "the optimum is certified"
    max_iter = "the iterations ran out before the optimum was certified; raise max_iter, or loosen tol"
    separated = "the classes are split, so no finite maximum-likelihood estimate exists; add a penalty"
    flat = "the data do not determine every coefficient (collinear columns); drop columns or add a penalty"
    not_finite = "the computation met a value that is not finite; look for extreme values in the data"

    def __str__(self) -> str:
        return self.name


class Point(NamedTuple):
    """What a solver knows where it stands: F with its derivatives, and the estimated distance F(θ) − F*."""

    theta: Tensor  # (*B, p, k)
    at: Any  # Taylor
    distance: Tensor  # (*B,)
    direction: Tensor  # (*B, p, k): where the next step goes
    memory: Any = None
    damped: bool = False


class Record(NamedTuple):
    """One line of a fit's history."""

    iteration: int
    value: float
    gradient_norm: float
    relative_distance: float


class Objective(Protocol):
    """What a solver may ask of the function it minimises."""

    penalty: Any

    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def p(self) -> int: ...
    @property
    def k(self) -> int: ...
    def taylor(self, theta: Tensor, order: int = 1) -> Any: ...
    def gap(self, theta: Tensor, at: Any) -> Tensor: ...
    def restrict(self, index: Tensor) -> Any: ...
    def sketch(self, rows: int, seed: int = 0) -> Any: ...
    def preconditioner(self, theta: Tensor) -> Callable[[Tensor], Tensor]: ...
    def separated(self, value: Tensor) -> Tensor: ...
    def batches(self, size: int | None, generator: torch.Generator) -> Iterator[Any]: ...


class Solver(Protocol):
    """Settings only; all that changes is in the `Point`."""

    def init(self, objective: Any, theta: Tensor) -> Point: ...
    def step(self, objective: Any, point: Point) -> Point: ...


class Solution(NamedTuple):
    """Where `minimize` ended: ``status`` has one entry for every batch member."""

    point: Point
    status: list[Status]
    n_iter: int
    history: list[Record]

    @property
    def theta(self) -> Tensor:
        return self.point.theta


def relative(point: Point) -> Tensor:
    """Estimated relative distance to the optimum, (F − F*) / |F|, (*B,)."""
    return point.distance / point.at.value.abs().clamp_min(1e-300)


def unknown(value: Tensor) -> Tensor:
    """In place of a distance that is not known, (*B,): it certifies nothing, and is a number still, divided by F."""
    return torch.finfo(torch.float64).max / 2 * value.abs().clamp(1e-300, 1.0)


def minimize(
    objective: Any,
    theta: Tensor,
    solver: Solver,
    *,
    max_iter: int = 100,
    tol: float = 1e-20,
    watch: Callable[[Record], None] | None = None,
) -> Solution:
    """Run a solver until the estimated relative distance to the optimum is at most ``tol`` for every batch member.

    Members that are done stand still. A fit also ends when its certificate has not improved for a while (then it is
    converged if it is below 1e-8: the arithmetic allows no more), when F shows that the classes are separated, or
    when a value is not finite: the last finite point is kept. A solver that does not certify takes all its steps.
    """
    point = solver.init(objective, theta)
    best, waited, history = torch.full_like(point.distance, torch.inf), 0, list[Record]()
    for iteration in range(max_iter + 1):
        point = _confirmed(objective, solver, point, tol)
        distance = relative(point)
        history.append(_record(objective, iteration, point, distance))
        if watch is not None:
            watch(history[-1])
        over = ~distance.isfinite()
        if getattr(solver, "certifies", True):
            over = over | (distance <= tol) | objective.separated(point.at.value)
        waited = 0 if bool((distance < 0.9 * best)[~over].any()) else waited + 1
        best = torch.minimum(best, distance)
        if bool(over.all()) or iteration == max_iter or (waited >= PATIENCE and bool((best < CERTIFIED)[~over].all())):
            break
        point = _frozen(over, point, solver.step(objective, point))
    return Solution(point, _statuses(objective, point, best, tol, waited), iteration, history)


def _confirmed(objective: Any, solver: Any, point: Point, tol: float) -> Point:
    """A point that claims to be there is looked at again by a solver that knows its claims to be coarse."""
    if not hasattr(solver, "confirm") or bool((relative(point) > tol).any()):
        return point
    confirmed: Point = solver.confirm(objective, point)
    return confirmed


def _record(objective: Any, iteration: int, point: Point, distance: Tensor) -> Record:
    slope = objective.penalty.subgradient(point.theta, point.at.grad)
    return Record(iteration, float(point.at.value.sum()), float(slope.abs().max()), float(distance.max()))


def _frozen(over: Tensor, old: Point, new: Point) -> Point:
    """The new point, but the old one for members that are over or whose new value is not finite."""
    keep = over | ~new.at.value.isfinite()
    if not bool(keep.any()):
        return new
    if old.distance.ndim == 0:
        return old._replace(distance=torch.full_like(old.distance, torch.nan)) if not bool(over) else old
    return Point(*(_blend(keep, a, b) for a, b in zip(old, new, strict=True)))


def _blend(keep: Tensor, old: Any, new: Any) -> Any:
    if isinstance(new, Tensor):
        return torch.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), old, new)
    if isinstance(new, tuple) and hasattr(new, "_fields"):
        return type(new)(*(_blend(keep, a, b) for a, b in zip(old, new, strict=True)))
    return new


def _statuses(objective: Any, point: Point, best: Tensor, tol: float, waited: int) -> list[Status]:
    distance, separated = relative(point).reshape(-1), objective.separated(point.at.value).reshape(-1)
    bar = max(tol, CERTIFIED) if waited >= PATIENCE else tol
    return [_status(float(d), bool(s), point.damped, bar) for d, s in zip(distance, separated, strict=True)]


def _status(distance: float, separated: bool, damped: bool, bar: float) -> Status:
    if separated:
        return Status.separated
    if not distance < float("inf"):
        return Status.not_finite
    if distance > bar:
        return Status.max_iter
    return Status.flat if damped else Status.converged


def search(objective: Any, point: Point, order: int, slope: Tensor) -> tuple[Tensor, Any]:
    """A step along ``point.direction`` that lowers F enough (Armijo): the whole of it, or shorter until it does.

    Each try is one pass; the next is where the parabola through what is known is least, a tenth to a half of the last.
    A member for which none will do stays. Source: Nocedal and Wright (2006), Numerical Optimization, eq. 3.4 and 3.57, with
    a slack for the rounding of F.
    """
    slack = (1e-14 if objective.dtype == torch.float64 else 1e-7) * point.at.value.abs()
    length, tried = torch.ones_like(slope), order
    for left in reversed(range(TRIES)):
        trial = point.theta + length[..., None, None] * point.direction
        at = objective.taylor(trial, tried)
        rise = at.value - point.at.value
        bad = ~(rise <= 1e-4 * length * slope + slack)
        if not bool(bad.any()):
            break
        share = torch.nan_to_num(-slope * length / (2 * (rise - slope * length)), 0.1).clamp(0.1, 0.5)
        length, tried = torch.where(bad, length * share * (left > 1), length), min(order, 1)
    return (trial, at) if tried == order else (trial, objective.taylor(trial, order))
