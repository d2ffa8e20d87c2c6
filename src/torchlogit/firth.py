"""Fits under Jeffreys' prior, Firth's: optimum, certificate, both standard errors, corrections of the intercept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import one_thread
from torchlogit.choice import Choice
from torchlogit.design import Coordinates
from torchlogit.errors import ParameterError
from torchlogit.estimate import LOCAL, Certificate, Estimate, _checked, _coordinates, _null, estimate
from torchlogit.information import row_information
from torchlogit.jeffreys import At, Jeffreyed, Seen
from torchlogit.losses import Loss
from torchlogit.objective import FULL_LIMIT, Objective
from torchlogit.penalties import Jeffreys, NoPenalty, Strengths
from torchlogit.rank import Dependence, Rank
from torchlogit.scoring import Reached, minimise
from torchlogit.solvers import Newton, Record, Status
from torchlogit.sources.base import Source
from torchlogit.sources.memory import MemorySource

NEAR = 1e-5  # relative distance at which the Hessian of F is worked out once
LITTLE = 2**22  # multiplications of a Gram matrix up to which torch takes one thread
TOL = 1e-20
LAST = 1e-26  # relative distance from which one step more is not worth its making


@dataclass(frozen=True)
class Scoring:
    """Newton's steps with the information, later with the Hessian of the penalised likelihood."""


class Optimum(NamedTuple):
    """Where F is least: the point, D = Hessian − information there (None where it is too large), how it was reached."""

    at: At
    correction: Tensor | None
    reached: Reached
    history: list[Record]


def firth(
    source: Source,
    columns: Sequence[str],
    k: int,
    *,
    loss: Loss,
    penalty: Jeffreys,
    solver: Any = "auto",
    max_iter: int = 100,
    tol: float | None = None,
    start: Tensor | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Estimate:
    """Minimise ``F = −log-likelihood − ½ log|I|``, as `torchlogit.estimate.estimate` minimises other F; always in float64."""
    _check(penalty, loss, source, solver)
    rank = _coordinates(source, NoPenalty(), raw=False)
    core = Jeffreyed(bare(source, loss, k, rank.coordinates))
    q, m = core.shape
    begin = torch.zeros(1, q, m, dtype=torch.float64, device=source.device)
    if start is not None:
        begin = (rank.coordinates.seen(_checked(start, source, k), 0.0, source.intercept) @ core.contrast)[None]
    with few_threads(core):
        found = optimum(core, core.at(begin), TOL if tol is None else tol, max_iter, watch)
    return _concluded(core, found, rank, penalty, columns, TOL if tol is None else tol)


def few_threads(core: Jeffreyed) -> AbstractContextManager[None]:
    """One thread for torch where there is little to do."""
    q, m = core.shape
    return one_thread() if core.source.n_rows * q * q * m <= LITTLE else nullcontext()


def bare(source: Source, loss: Loss, k: int, coordinates: Coordinates) -> Objective:
    """−log-likelihood over the rows of a source."""
    zeros = torch.zeros(coordinates.rank + source.intercept, 1, dtype=torch.float64, device=source.device)
    return Objective(source, loss, Strengths(zeros, zeros), k, coordinates)


def _check(penalty: Jeffreys, loss: Loss, source: Source, solver: Any) -> None:
    if solver not in ("auto", "newton") and not isinstance(solver, Newton | Scoring):
        raise ParameterError(f'Jeffreys() has a solver of its own: leave solver at "auto"; got {solver!r}')
    if loss.name == "squared":
        raise ParameterError(
            "Jeffreys() is for logistic and softmax fits and all links; the linear unit has no use for it"
        )
    if penalty.errors == "augmented" and loss.name != "logistic":
        raise ParameterError(
            f'Jeffreys(errors="augmented") is for two classes and the logit link, not for {loss.name!r}'
        )
    if penalty.intercept == "firth":
        return
    if loss.name != "logistic" and not (loss.symmetric and penalty.intercept == "flic"):
        raise ParameterError(f'Jeffreys(intercept="{penalty.intercept}") is not defined for {loss.name!r}')
    if not source.intercept:
        raise ParameterError(f'Jeffreys(intercept="{penalty.intercept}") corrects an intercept, and the model has none')
    if penalty.intercept == "flac" and (source.sparse or not isinstance(source, MemorySource)):
        raise ParameterError('Jeffreys(intercept="flac") needs dense rows in memory; use intercept="flic"')


def optimum(
    core: Jeffreyed,
    start: At,
    tol: float,
    max_iter: int,
    watch: Callable[[Record], None] | None = None,
    correction: Tensor | None = None,
) -> Optimum:
    """The least F from ``start``, one point: scoring first, then with the Hessian of F where that is affordable.

    A ``correction`` that is known of an optimum nearby is used from the start.
    """
    near = max(tol, NEAR) if core.curved and correction is None else tol
    reached = minimise(core, start, correction=correction, tol=near, max_iter=max_iter)
    history = list(reached.history)
    while core.curved and len(history) <= max_iter and not (correction is not None and bool(reached.done)):
        if not bool(reached.at.value.isfinite()):
            break
        correction = core.hessian(reached.at) - reached.at.information[0]
        left = min(8, max_iter + 1 - len(history))
        reached = minimise(core, reached.at, correction=correction, tol=tol, max_iter=left)
        history += reached.history[1:]
    last = minimise(core, reached.at, correction=correction, tol=LAST, max_iter=1)
    if bool(reached.done) and bool(last.distance < reached.distance):
        reached, history = reached._replace(at=last.at, distance=last.distance), [*history, *last.history[1:]]
    records = [Record(i, *numbers) for i, numbers in enumerate(history)]
    for record in records if watch is not None else ():
        watch(record)  # type: ignore[misc]
    return Optimum(reached.at, correction, reached, records)


def _concluded(
    core: Jeffreyed, found: Optimum, rank: Rank, penalty: Jeffreys, columns: Sequence[str], tol: float
) -> Estimate:
    """The estimate in the user's units, its intercept corrected where that was asked for."""
    at, reached, loss = found.at, found.reached, core.objective.loss
    kind = "half the Newton decrement" if found.correction is not None else "half the scoring decrement over 1 − rate"
    out = Estimate(
        theta=theta(core, at),
        centre=rank.coordinates.centre,
        covariance_root=None,
        value=float(at.value[0]) + volume(core, rank.dependences),
        log_likelihood=float(at.log_likelihood[0]),
        null_log_likelihood=_null(core.objective),
        status=_status(reached),
        certificate=Certificate(
            float(found.history[-1].relative_distance),
            found.history[-1].gradient_norm,
            kind if loss.convex else kind + LOCAL,
            tol,
        ),
        history=found.history,
        n_iter=len(found.history) - 1,
        choice=Choice(Scoring(), "the modified score of a penalised likelihood"),
        dependences=rank.dependences,
        amplification=rank.amplification,
        infinite=None,
        condition=rank.condition,
        prior_curvature=found.correction,
    )
    if out.status is not Status.converged:
        return out
    if penalty.intercept == "flac":
        return _flac(core, at, out, penalty, columns)
    if penalty.intercept == "flic":
        at = core.at(_with_likely_intercept(core, at.phi))
        out = out._replace(theta=theta(core, at), log_likelihood=float(at.log_likelihood[0]))
    return out._replace(covariance_root=_root(core, at, penalty))


def _status(reached: Reached) -> Status:
    if not bool(reached.at.value.isfinite()):
        return Status.not_finite
    return Status.converged if bool(reached.done) else Status.max_iter


def theta(core: Jeffreyed, at: At) -> Tensor:
    """Theta (p, k) about the centre, of one point."""
    to = core.objective.coordinates
    assert to is not None
    return to.theta(at.phi[0] @ core.contrast.mT, core.source.intercept)


def volume(core: Jeffreyed, dependences: Iterable[Dependence]) -> float:
    """What F in the user's units has more than F in the solver's coordinates.

    The user's units are coefficients of the columns as they are, of K − 1 classes against one.
    """
    to, (q, m) = core.objective.coordinates, core.shape
    assert to is not None
    kept = torch.ones(len(to.scale), dtype=torch.bool)
    kept[[dependence.column for dependence in dependences]] = False
    size = -to.scale[kept].log().sum()
    if to.basis is not None:
        size = size + to.basis[kept].diagonal().abs().log().sum()
    return m * float(size) + (q / 2 * log(m + 1) if core.objective.k > 1 else 0.0)


def _root(core: Jeffreyed, at: At, penalty: Jeffreys) -> Tensor | None:
    """R (p·k, c) with R Rᵀ the covariance of theta about the centre."""
    (q, m), to = core.shape, core.objective.coordinates
    assert to is not None
    if core.objective.p * core.objective.k > FULL_LIMIT:
        return None
    inverse = at.inverse[0] if penalty.errors == "fisher" else _augmented(core, at)
    unit = inverse.diagonal().sqrt()
    root = unit[:, None] * torch.linalg.cholesky(inverse / unit / unit[:, None])
    classes = (core.contrast @ root.reshape(q, m, -1)).reshape(q, -1)
    return to.theta(classes, core.source.intercept).reshape(-1, q * m)


def leverages(core: Jeffreyed, at: At, seen: Seen) -> tuple[Tensor, Tensor]:
    """Of a block's rows, for two classes and one point: hat values s w zᵀI⁻¹z (n,), and w."""
    w = row_information(core.objective.loss, core.eta(seen, at.phi), core.contrast).weights()[0, :, 0, 0]
    return seen.weight * w * seen.forms(at.inverse)[0], w


def _augmented(core: Jeffreyed, at: At) -> Tensor:
    """The inverse information of the rows with their pseudo-observations: each row's weight is raised by its hat value."""

    def of_block(seen: Seen) -> tuple[Tensor, ...]:
        hat, w = leverages(core, at, seen)
        return (seen.grams(((seen.weight + hat) * w)[None])[0],)

    return torch.linalg.inv(core._sum(of_block, at.phi)[0])


def _with_likely_intercept(core: Jeffreyed, phi: Tensor) -> Tensor:
    """FLIC: phi with the intercept that maximises the likelihood itself, the slopes as they are."""
    loss, c = core.objective.loss, core.contrast

    def of_block(seen: Seen) -> tuple[Tensor, ...]:
        _, slope, curvature = loss.taylor(core.eta(seen, phi), seen.y, 2)
        return (seen.weight @ slope[0]) @ c, c.mT @ torch.tensordot(seen.weight, curvature[0], 1) @ c

    for _ in range(100):  # μ varies less than exponentially in a constant: steps of at most 1 end at the optimum
        grad, hess = core._sum(of_block, phi)
        step = torch.linalg.solve(hess, grad)
        phi = phi.clone()
        phi[0, 0] -= step / step.abs().amax().clamp_min(1.0)
        if float(step.abs().amax()) < 1e-13:
            break
    return phi


def _flac(core: Jeffreyed, at: At, out: Estimate, penalty: Jeffreys, columns: Sequence[str]) -> Estimate:
    """FLAC: maximum likelihood over the rows and their pseudo-observations, told apart by one column more.

    A row with hat value h has two of them, one of each class, with weight h / 2. Source: Puhr, Heinze, Nold, Lusa and
    Geroldinger (2017), Firth's logistic regression with rare events, §2.3.
    """
    rows = core.source
    hat = torch.cat([leverages(core, at, seen)[0] for seen in core])
    x, y = rows.x.double(), rows.y
    pseudo = torch.cat([x.new_zeros(len(x), 1), x.new_ones(2 * len(x), 1)])
    source = MemorySource(
        torch.cat([x.repeat(3, 1), pseudo], 1),
        torch.cat([y, y, 1 - y]),
        torch.cat([rows.weight, hat / 2, hat / 2]),
        rows.offset.expand(len(x), 1).repeat(3, 1) if rows.has_offset else None,
    )
    found = estimate(source, [*columns, "pseudo-observation"], 1, loss=core.objective.loss, penalty=NoPenalty())
    whole, root = _without_last(found.theta, found.centre), found.covariance_root
    return out._replace(
        theta=whole,
        centre=found.centre[:-1],
        covariance_root=None if root is None else _without_last(root, found.centre),
        log_likelihood=_likelihood(core, whole, found.centre[:-1]),
        status=found.status if found.status is not Status.converged else out.status,
        dependences=out.dependences,
    )


def _without_last(t: Tensor, centre: Tensor) -> Tensor:
    """Coefficients (p + 1, …) about a centre, with the last column at 0 and left out."""
    t = t.clone()
    t[0] -= centre[-1] * t[-1]
    return t[:-1]


def _likelihood(core: Jeffreyed, whole: Tensor, centre: Tensor) -> float:
    to = core.objective.coordinates
    assert to is not None
    return -float(core.objective.taylor(to.seen(whole, centre, True), 0).value)
