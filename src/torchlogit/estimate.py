"""From rows to a certified optimum: coordinates, solver, certificate, separation, covariance. All doors go through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import one_thread
from torchlogit.choice import Choice, Size, cheap, choose
from torchlogit.design import Coordinates
from torchlogit.errors import DataError, ParameterError
from torchlogit.linalg import factor
from torchlogit.losses import Loss
from torchlogit.moments import Moments, moments
from torchlogit.objective import FULL_LIMIT, Objective
from torchlogit.penalties import ElasticNet, Jeffreys, Penalty, Strengths
from torchlogit.quick import quick, small_root
from torchlogit.rank import LIMIT, Dependence, Rank, independent
from torchlogit.separation import Separation, separation
from torchlogit.solvers import LBFGS, SGD, Dual, Newton, Proximal, Record, Status, minimize
from torchlogit.solvers.base import Point, Solution, relative
from torchlogit.sources.base import Block, Source, accumulate

EXACT = 1e-10  # tolerance below which a last step is always worth its pass
ENOUGH = 1e-12  # relative distance from which it is not, for a looser one
MATRICES = range(
    1000, 3001
)  # p from which, up to which, p × p matrices are worth torch's threads beside compiled passes
LITTLE = 10**6  # numbers up to which torch's own passes are not

FAR = 1e4  # standard deviations from 0 at which sparse rows give standard errors of seven digits

SURE = {torch.float64: 1e-9, torch.float32: 1e-4}  # pivot of the information down to which errors have digits: six, two
MODEL_BASED = "inverse information"  # what the covariance of an estimate is, in words
LOCAL = ", at an optimum; with this link there may be others"


@dataclass(frozen=True)
class Certificate:
    """How near the optimum a fit is: ``relative_distance`` estimates (F − F*) / F, ``gradient_norm`` is max |gᵢ|.

    The gradient is that of a sum over rows, in columns scaled to unit spread. ``kind`` says what the distance is:
    half the Newton decrement, the duality gap (an upper bound), or a quasi-Newton estimate.
    """

    relative_distance: float
    gradient_norm: float
    kind: str
    tol: float


class Estimate(NamedTuple):
    """What comes of fitting: theta (p, k) about ``centre``, its covariance or None, and everything known about it."""

    theta: Tensor
    centre: Tensor
    covariance_root: Tensor | None  # (p·k, r), about the centre
    value: float
    log_likelihood: float
    null_log_likelihood: float
    status: Status
    certificate: Certificate
    history: list[Record]
    n_iter: int
    choice: Choice
    dependences: list[Dependence]
    amplification: Tensor  # (d,)
    infinite: Tensor | None  # (p, k) signs of coefficients that are infinite, when separated
    complete: bool = False
    separation: Separation | None = None
    condition: float | None = None  # of the columns, where some are aliased or nearly collinear
    prior_curvature: Tensor | None = None  # as in the fit


def estimate(
    source: Source,
    columns: Sequence[str],
    k: int,
    *,
    loss: Loss,
    penalty: Penalty,
    solver: Any = "auto",
    max_iter: int = 100,
    tol: float | None = None,
    dtype: torch.dtype = torch.float64,
    start: Tensor | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Estimate:
    """Minimise F over the rows of a source. ``start`` is a theta (p, k) in the user's units, about x = 0."""
    if isinstance(penalty, Jeffreys):
        from torchlogit.firth import firth

        return firth(source, columns, k, loss=loss, penalty=penalty, solver=solver, max_iter=max_iter, tol=tol,
                     start=start, watch=watch)  # fmt: skip
    ordinary = loss.name == "logistic" and (solver == "auto" or isinstance(solver, Newton))
    if ordinary and start is None and watch is None:
        quickly = _at_once(
            source, columns, penalty, max_iter, _default_tol(False, torch.float64) if tol is None else tol
        )
        if quickly is not None:
            return quickly
    with _threads(source, loss, k, penalty):
        rank = _coordinates(source, penalty, isinstance(solver, SGD))
        coordinates, strengths = _penalty(rank.coordinates, penalty, columns, source.intercept)
        if strengths.rough and not loss.convex:
            raise ParameterError(
                f"an L1 penalty goes with convex losses only, and that of {loss.name!r} is not; use L2, or no penalty"
            )
        objective = Objective(source, loss, strengths, k, coordinates, dtype)
        size = Size(source.n_rows, objective.p, k, source.entries)
        choice = choose(solver, size, rough=strengths.rough, ridge=penalty.ridge and source.in_memory)
        tol = tol if tol is not None else _default_tol(strengths.rough, dtype)
        if choice.solver == Proximal():
            least = _default_tol(True, dtype)  # float32 has no more
            choice = choice._replace(solver=Proximal(tol=max(tol, least) / 3))
        begin = objective.zeros()
        begin = begin if start is None else rank.coordinates.seen(_checked(start, source, k), 0.0, source.intercept)
        most = choice.solver.epochs if isinstance(choice.solver, SGD) else max_iter
        solution = minimize(objective, begin, choice.solver, max_iter=most, tol=tol, watch=watch)
        point, status, kind = _certified(objective, solution, choice.solver, tol)
        return concluded(objective, point, status, kind, choice, rank, tol, _null(objective), solution)


def _threads(source: Source, loss: Loss, k: int, penalty: ElasticNet) -> AbstractContextManager[None]:
    """One thread for torch where little is left to it: beside compiled passes, and in a small problem."""
    p = source.n_features + source.intercept
    if k > 1 or source.whole(loss.name, torch.float64) is source:
        return one_thread() if source.n_rows * p * k <= LITTLE else nullcontext()
    large = p in MATRICES or (p > source.n_rows and not source.sparse)
    return nullcontext() if large and penalty.ridge else one_thread()  # L1 works on small sets of columns


def _at_once(source: Source, columns: Sequence[str], penalty: ElasticNet, max_iter: int, tol: float) -> Estimate | None:
    """The estimate of a small ordinary fit, in one call of compiled code; None for all others."""
    with one_thread():
        quickly = quick(source, penalty, columns, max_iter, tol)
        if quickly is None:
            return None
        found, theta, centre = quickly
        root = small_root(source, theta, centre) if penalty.free else None
    value, distance, slope, steps = (float(t) for t in (found.value, found.distance, found.slope, found.steps))
    return Estimate(
        theta=theta,
        centre=centre,
        covariance_root=root,
        value=value,
        log_likelihood=float(found.log_likelihood),
        null_log_likelihood=float(found.null_log_likelihood),
        status=Status.converged,
        certificate=Certificate(distance, slope, "half the Newton decrement", tol),
        history=[Record(int(steps), value, slope, distance)],
        n_iter=int(steps),
        choice=Choice(Newton(), cheap(len(theta))),
        dependences=[],
        amplification=torch.ones_like(centre),
        infinite=None,
    )


def concluded(
    objective: Objective,
    point: Point,
    status: Status,
    kind: str,
    choice: Choice,
    rank: Rank,
    tol: float,
    null_log_likelihood: float,
    solution: Solution,
) -> Estimate:
    """The estimate that a solver's last point is, in the user's units, with all that is known about it."""
    loss, strengths, source = objective.loss, objective.penalty, objective.source
    point = _centred(point, strengths) if loss.symmetric else point
    proven = status is Status.separated
    point = point if status in (Status.not_finite, Status.separated) else _bent(objective, point)
    apart = None if status is Status.not_finite else separation(objective, point, proven)
    status = Status.separated if apart else status
    theta = rank.coordinates.theta(point.theta, source.intercept)
    if loss.symmetric and source.intercept and strengths.rough:  # the intercepts at x = 0 sum to 0, as with L2
        theta[0] -= (theta[0] - rank.coordinates.centre @ theta[1:]).mean()
    value = float(point.at.value)
    return Estimate(
        theta=theta,
        centre=rank.coordinates.centre,
        covariance_root=covariance_root(objective, point, rank.coordinates) if status is Status.converged else None,
        value=value,
        log_likelihood=float(strengths.value(point.theta)) - value,
        null_log_likelihood=null_log_likelihood,
        status=status,
        certificate=_certificate(objective, point, kind if loss.convex else kind + LOCAL, tol),
        history=solution.history,
        n_iter=solution.n_iter,
        choice=choice,
        dependences=rank.dependences,
        amplification=rank.amplification,
        infinite=None if apart is None else apart.sign,
        complete=apart is not None and apart.complete,
        separation=apart,
        condition=rank.condition,
    )


class NotFinite(DataError):
    """A column holds NaN or infinity; whoever knows the names says where."""


def _coordinates(source: Source, penalty: ElasticNet, raw: bool) -> Rank:
    """Coordinates of the fit: the user's own for SGD, independent ones without a penalty, else centred and scaled."""
    found = moments(source)
    if not bool(found.coordinates.centre.isfinite().all() and found.coordinates.scale.isfinite().all()):
        raise NotFinite("a column holds NaN, infinity, or numbers so large that their sum is infinite")
    if source.sparse and source.intercept:
        _check_near_zero(found)
    plain = torch.ones(source.n_features, dtype=torch.float64, device=source.device)
    if raw:
        return Rank(Coordinates(torch.zeros_like(plain), plain), [], plain)
    looked_at = penalty.free and 0 < source.n_features <= LIMIT
    rank = independent(source, found) if looked_at else Rank(found.coordinates, [], plain)
    n, p = source.n_rows, source.n_features + source.intercept
    if penalty.free and n < p and n <= rank.coordinates.rank + source.intercept:
        raise DataError(
            f"{n} rows cannot determine {p} coefficients without a penalty (at most {n} can be identified); add a "
            "penalty, or use fewer columns"
        )
    return rank


def _check_near_zero(found: Moments) -> None:
    """Refuse sparse columns whose mean hides their spread: they cannot be centred row by row, and digits would be lost."""
    distance = found.coordinates.centre.abs() / found.coordinates.scale
    far = ((distance > FAR) & ~found.constant).nonzero()[:, 0].tolist()
    if far:
        raise DataError(
            f"column {far[0] + 1} (counting from 1) of the sparse rows lies {float(distance[far[0]]):.0e} standard deviations "
            "from 0, where too few digits of its spread are left; subtract its mean, or give the rows as a dense array"
        )


def _penalty(
    coordinates: Coordinates, penalty: ElasticNet, columns: Sequence[str], intercept: bool
) -> tuple[Coordinates, Strengths]:
    """The penalty's strengths in these coordinates; with a basis there is no penalty, only its shape."""
    if coordinates.basis is None:
        return coordinates, penalty.strengths(columns, coordinates, intercept)
    zeros = coordinates.scale.new_zeros(coordinates.rank + intercept, 1)
    return coordinates, Strengths(zeros, zeros)


def _default_tol(rough: bool, dtype: torch.dtype) -> float:
    """As far as the arithmetic goes with a margin: (10 digits of a standard error)² in float64."""
    if dtype != torch.float64:
        return 1e-6 if rough else 1e-12  # a duality gap is a difference of sums, so it keeps their rounding
    return 1e-13 if rough else 1e-20


def _checked(start: Tensor, source: Source, k: int) -> Tensor:
    shape = (source.n_features + source.intercept, k)
    if tuple(start.shape) != shape or not bool(start.isfinite().all()):
        raise ParameterError(f"start must be finite and of shape {shape}, theta's; got shape {tuple(start.shape)}")
    return start


def _certified(objective: Objective, solution: Solution, solver: Any, tol: float) -> tuple[Point, Status, str]:
    """The last point with its certificate: a step of Newton's squares what distance is left; SGD's point is judged here."""
    point, status = solution.point, solution.status[0]
    bounded = isinstance(solver, Proximal) and objective.dtype == torch.float64  # by a duality gap, not estimated
    enough = 1e-30 if tol < EXACT else tol if bounded else ENOUGH
    if isinstance(solver, Newton | Proximal) and status is Status.converged and float(relative(point)) > enough:
        further = solver.step(objective, point)
        closer = bool(further.distance < point.distance)  # a duality gap is too coarse to see it
        lower = bool(further.at.value <= point.at.value) and float(relative(further)) <= tol
        point = further if (closer if isinstance(solver, Newton) else lower) else point
    if isinstance(solver, SGD) and status is not Status.not_finite:
        solver = Proximal() if objective.penalty.rough else Newton() if objective.faithful else LBFGS()
        point = solver.init(objective, point.theta)
        point = solver.confirm(objective, point) if isinstance(solver, LBFGS) else point
        status = Status.converged if float(relative(point)) <= max(tol, 1e-8) else Status.max_iter
        status = Status.separated if bool(objective.separated(point.at.value)) else status
    if isinstance(solver, Newton | Dual):
        return point, status, "half the Newton decrement"
    return point, status, "duality gap" if objective.penalty.rough else "quasi-Newton estimate"


def _centred(point: Point, strengths: Strengths) -> Point:
    """The same fit with its rows of theta summing to 0 over the classes: that changes nothing, or lowers an L2 penalty."""
    free = strengths.l1 == 0
    return point._replace(theta=point.theta - torch.where(free, point.theta.mean(-1, keepdim=True), 0.0))


def _certificate(objective: Objective, point: Point, kind: str, tol: float) -> Certificate:
    slope = objective.penalty.subgradient(point.theta, point.at.grad)
    return Certificate(float(relative(point)), float(slope.abs().max()) if slope.numel() else 0.0, kind, tol)


def _bent(objective: Objective, point: Point) -> Point:
    """The point with the Hessian there, by which an unpenalised fit is judged and its errors are made; one pass, once."""
    judged = objective.penalty.free and objective.faithful and objective.loss.name != "squared"
    if point.at.hess is not None or not judged:
        return point
    return point._replace(at=point.at._replace(hess=objective.taylor(point.theta, 2).hess))


def covariance_root(objective: Objective, point: Point, coordinates: Coordinates) -> Tensor | None:
    """R (p·k, r) with R Rᵀ the inverse information about the centre; only for an unpenalised likelihood of moderate size.

    The root, because the covariance itself overflows where columns are as small as 1e-200, and because no variance of it can
    come out negative. None where the information is so nearly singular that rounding would decide the errors' digits. The
    point has its Hessian.
    """
    if not objective.penalty.free or objective.p * objective.k > FULL_LIMIT or objective.loss.name == "squared":
        return None
    hess: Any = point.at.hess
    found = factor(hess)
    if found.pivot() < SURE[hess.dtype]:
        return None
    root = found.inverse_root().double().reshape(objective.p, objective.k, -1)
    if objective.loss.symmetric:  # the part along the flat directions is made up: leave it out
        root = root - root.mean(1, keepdim=True)
    size = root.shape[-1]
    return coordinates.theta(root.reshape(objective.p, -1), objective.source.intercept).reshape(-1, size)


def _null(objective: Objective) -> float:
    """Log-likelihood of the model with nothing but an intercept (and the offset)."""
    if not objective.source.has_offset and objective.loss.name != "squared":
        return null_of(class_totals(objective), objective)
    nothing = objective.zeros()
    if not objective.source.intercept:
        return -float(objective.taylor(nothing, 0).value)
    only = replace(objective.restrict(torch.zeros(1, dtype=torch.long, device=nothing.device)), dtype=torch.float64)
    return -float(minimize(only, only.zeros(), Newton(), tol=1e-20).point.at.value)


def null_of(totals: Tensor, objective: Objective) -> float:
    """The same of rows without offsets, from the total weight W of every class (K,): Σ W log(W / ΣW), or that of η = 0."""
    if objective.source.intercept:
        return float(torch.special.xlogy(totals, totals / totals.sum()).sum())
    return float(totals @ objective.loss.log_probabilities(totals.new_zeros(1, objective.k))[0])


def class_totals(objective: Objective) -> Tensor:
    """The total weight of every class among the rows of the objective's source, (K,)."""
    source = objective.source
    if source.survey is not None:
        return torch.as_tensor(source.survey.classes)
    whole = source.whole("logistic", torch.float64)
    return accumulate(whole, lambda block: (_class_weights(block, objective.k),))[0]


def _class_weights(block: Block, k: int) -> Tensor:
    weight = block.weight.double()
    return torch.zeros(max(k, 2), dtype=weight.dtype, device=weight.device).index_add_(0, block.y.long(), weight)
