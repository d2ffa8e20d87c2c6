"""Whether a direction exists that splits the classes, so that no finite maximum-likelihood estimate does, and along which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.cone import PROGRAMME_LIMIT, Cone, Undecided, gains, margins
from torchlogit.linalg import factor
from torchlogit.objective import Objective
from torchlogit.sources.base import Block, largest

__all__ = ["PROGRAMME_LIMIT", "Separation", "along", "functionals", "margins", "separation", "verdict"]

STEP = 0.01  # change of a row's η by a Newton step at the end of a fit: nothing at an optimum, 1 on the way to infinity
SHAKY = 1e-9  # squared pivot of the scaled Hessian below which rounding may decide where a Newton step goes
SATURATED = 15.0  # |η| that counts as a sign where no Newton step is at hand
NOISE = 1e-3  # share of the largest that is left out of account in a direction found by the fit itself
STILL = 1e-8  # share of a coefficient that the cone moves, under which it is not moved
WORK = 20_000_000  # entries of all programmes together up to which the signs of coefficients are decided


class Separation(NamedTuple):
    """How the classes are separated: shapes (p, k), of theta in the user's units about x = 0, row 0 the intercept.

    ``direction`` takes no row backwards and as many forwards as any does. A coefficient's ``sign`` is 0 where its estimate
    stays finite; where ``either``, other such directions give it another sign. ``decided``: by linear programmes, not by
    looking at the one direction that the search took.
    """

    complete: bool
    direction: Tensor
    sign: Tensor
    either: Tensor
    decided: bool = True


def separation(objective: Objective, point: Any, proven: bool = False) -> Separation | None:
    """Decide it where a fit ended, but only when the fit's own signs call for it. None: no sign, or the classes overlap.

    The sign is a Newton step that would still move some row's η (at an optimum none does; towards infinity each step
    adds 1), or a Hessian so nearly singular that its steps say nothing; for fits too large for a Hessian, an |η| beyond
    15. Then linear programmes decide (`Cone`); where they cannot, the step itself (or theta, along the directions in which F
    is flat) is asked whether it takes any row backwards. ``proven``: theta itself splits the classes perfectly.
    """
    if not objective.penalty.free or objective.loss.name == "squared":
        return None
    # a float32 Hessian's rounding would hide how singular it is
    known = point.at if objective.dtype == torch.float64 else None
    objective = replace(objective, dtype=torch.float64)
    direction = point.theta if proven else _sign(objective, point.theta, known)
    if direction is None:
        return None
    if not objective.source.in_memory:  # programmes would read the rows too often
        return _by_direction(objective, direction, proven)
    try:
        return _decided(objective, point.theta, proven)
    except Undecided:
        return _by_direction(objective, direction, proven)


def _sign(objective: Objective, theta: Tensor, known: Any) -> Tensor | None:
    """The direction (p, k) in which the fit was still going when it ended, by what is ``known`` there; None where it was not."""
    if not objective.faithful:
        return theta if _largest(objective, theta) > SATURATED else None
    at: Any = objective.taylor(theta, 2) if known is None or known.hess is None else known
    root = factor(at.hess)
    shaky = root.pivot() < SHAKY
    direction = _flat(at.hess, root.unit, theta) if shaky else -root.solve(at.grad)
    return direction if shaky or _largest(objective, direction) > STEP else None


def _flat(hess: Tensor, unit: Tensor, theta: Tensor) -> Tensor:
    """The part of theta (p, k) along the directions in which the scaled Hessian is flat: only rows far out move there."""
    scaled = hess.reshape(len(unit), -1) * unit[:, None] * unit
    values, vectors = torch.linalg.eigh(scaled)
    vectors = vectors[:, values < SHAKY]
    return (unit * (vectors @ (vectors.mT @ (theta.reshape(-1) / unit)))).reshape(theta.shape)


def _largest(objective: Objective, direction: Tensor) -> float:
    """The largest |η| that a direction gives any row; where the source knows how large its columns are, a bound is enough."""
    survey, coordinates, along = objective.source.survey, objective.coordinates, direction.to(objective.dtype)
    if survey is not None and coordinates is not None:
        theta = coordinates.theta(direction, objective.source.intercept)
        if (bound := survey.largest(theta, coordinates.centre)) <= STEP:
            return float(bound)
    found = largest(objective.source, lambda block: objective.view(block).design.matmul(along).abs().amax(1, True), 1)
    return max(0.0, float(found))


def _by_direction(objective: Objective, direction: Tensor, proven: bool) -> Separation | None:
    """Whether a direction takes no row backwards (by more than ``NOISE`` of the largest gain)."""

    def of_block(block: Block) -> Tensor:
        gain = gains(objective, objective.view(block), direction)
        return torch.stack([-gain, gain], 1)

    least, most = (sign * float(end) for sign, end in zip((-1, 1), largest(objective.source, of_block, 2), strict=True))
    if most <= 0 or least < -NOISE * most:
        return None
    user = _user(objective, _centred(objective, direction))
    effect = user * _spread(objective)
    sign = torch.where(effect.abs() > NOISE * effect.abs().max(), user.sign(), 0.0)
    if objective.source.intercept:
        sign[0] = 0
    return Separation(
        proven or least > NOISE * most, user, sign, torch.zeros_like(sign, dtype=torch.bool), decided=False
    )


def _decided(objective: Objective, theta: Tensor, proven: bool) -> Separation | None:
    """By linear programmes."""
    cone = Cone(objective, theta)
    found = along(cone, theta if proven else None)
    return None if found is None else verdict(cone, *found)


def verdict(cone: Cone, inside: Any, support: Any) -> Separation:
    """The `Separation` that an inner direction (m,) and the margins (N,) it gains are."""
    objective = cone.objective
    coefficients = functionals(objective)
    sign, either = _signs(cone, inside, support, coefficients)
    shape = (len(coefficients) // objective.k, objective.k)
    device = objective.source.device
    return Separation(
        bool(support.all()),
        torch.from_numpy(coefficients @ inside).reshape(shape).to(device),
        torch.from_numpy(sign).reshape(shape).to(device),
        torch.from_numpy(either).reshape(shape).to(device),
    )


def along(cone: Cone, theta: Tensor | None) -> tuple[Any, Any] | None:
    """An inner direction of the cone and the margins it gains; ``theta`` itself, where it is known to gain all."""
    if theta is None:
        return cone.interior()
    reduced = (theta if theta.shape[1] == 1 else (theta - theta[:, :1])[:, 1:]).cpu().numpy().ravel()
    reduced = reduced / abs(reduced).max()
    gained = cone.gains(reduced) > 0
    return (reduced, gained) if gained.all() else cone.interior()


def _signs(cone: Cone, inside: Any, support: Any, coefficients: Any) -> tuple[Any, Any]:
    """The sign of every coefficient along the cone, 0 where it does not move, and whether it takes either."""
    span, gain = cone.movable(support), cone.gains(inside)
    sign, either = np.zeros(len(coefficients)), np.zeros(len(coefficients), bool)
    moved = [i for i, c in enumerate(coefficients) if np.linalg.norm(c @ span) > STILL * np.linalg.norm(c) > 0]
    few = len(moved) * cone.rows.size <= WORK
    for i in moved:
        sign[i] = np.sign(coefficients[i] @ inside) or 1.0  # exactly 0 within the cone: it goes either way
        either[i] = not few or cone.both_ways(coefficients[i] / abs(coefficients[i]).max(), inside, gain, span)
    return sign, either


def functionals(objective: Objective) -> Any:
    """Theta's entries in the user's units about x = 0, (p·k, m), of softmax with sum 0, as functions of a direction."""
    k, p = objective.k, objective.p
    rows = _user(objective, torch.eye(p, dtype=torch.float64, device=objective.source.device)).cpu().numpy()
    if k == 1:
        return rows
    return np.einsum("tq,lc->tlqc", rows, (np.eye(k) - 1 / k)[:, 1:]).reshape(len(rows) * k, -1)


def _user(objective: Objective, gamma: Tensor) -> Tensor:
    """A theta in the solver's coordinates, (p, k), in the user's units about x = 0."""
    coordinates, lead = objective.coordinates, objective.source.intercept
    if coordinates is None:
        return gamma
    out = coordinates.theta(gamma, lead)
    if lead:
        out[0] = out[0] - coordinates.centre @ out[1:]
    return out


def _centred(objective: Objective, direction: Tensor) -> Tensor:
    return direction - direction.mean(-1, keepdim=True) if objective.loss.symmetric else direction


def _spread(objective: Objective) -> Tensor:
    """The columns' scales, 0 for the intercept, (p, 1)."""
    coordinates = objective.coordinates
    scale = torch.ones(objective.source.n_features, dtype=torch.float64) if coordinates is None else coordinates.scale
    return torch.cat([scale.new_zeros(int(objective.source.intercept)), scale])[:, None]
