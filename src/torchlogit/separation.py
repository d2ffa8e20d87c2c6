"""Whether a direction exists that splits the classes, so that no finite maximum-likelihood estimate does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.linalg import factor
from torchlogit.objective import Objective
from torchlogit.sources.base import Block

STEP = 0.01  # change of a row's η by a Newton step at the end of a fit: nothing at an optimum, 1 on the way to infinity
SHAKY = 1e-9  # squared pivot of the scaled Hessian below which rounding may decide where a Newton step goes
SATURATED = 15.0  # |η| that counts as a sign where no Newton step is at hand
NOISE = 1e-3  # share of the largest that is left out of account in a direction found by the fit itself
PROGRAMME_LIMIT = 2_000_000  # entries of the linear programme up to which it is solved


class Separation(NamedTuple):
    """``direction`` (p, k) in the solver's coordinates along which no row gets worse and some get better.

    Its entries below ``noise`` times the largest are rounding.
    """

    complete: bool
    direction: Tensor
    noise: float = 1e-6


def separation(objective: Objective, point: Any) -> Separation | None:
    """Decide it where a fit ended, but only when the fit's own signs call for it. None: no sign, or the classes overlap.

    The sign is a Newton step that would still move some row's η (at an optimum none does; towards infinity each step
    adds 1), or a Hessian so nearly singular that its steps say nothing; for fits too large for a Hessian, an |η| beyond
    15. Then a linear programme decides exactly; on tables of more than two million entries the step itself (or theta,
    along the directions in which F is flat) is asked whether it takes any row backwards.
    Source: Konis (2007), Linear programming algorithms for detecting separated data, §4.2.
    """
    if not objective.penalty.free or objective.loss.name == "squared":
        return None
    direction = point.theta
    if objective.faithful:
        single = objective.dtype != torch.float64  # whose rounding hides how nearly singular the Hessian is
        objective = replace(objective, dtype=torch.float64)
        at: Any = objective.taylor(point.theta, 2) if single or point.at.hess is None else point.at
        root = factor(at.hess)
        shaky = bool(root.damped) or float(root.root.diagonal().min()) ** 2 < SHAKY
        direction = _flat(at.hess, root.unit, point.theta) if shaky else -root.solve(at.grad)
        if not (shaky or _largest(objective, direction) > STEP):
            return None
    elif not _largest(objective, point.theta) > SATURATED:
        return None
    rows = objective.source.n_rows * objective.p * max(1, objective.k * (objective.k - 1))
    return _by_direction(objective, direction) if rows > PROGRAMME_LIMIT else _by_programme(objective)


def _flat(hess: Tensor, unit: Tensor, theta: Tensor) -> Tensor:
    """The part of theta (p, k) along the directions in which the scaled Hessian is flat: only rows far out move there."""
    scaled = hess.reshape(len(unit), -1) * unit[:, None] * unit
    values, vectors = torch.linalg.eigh(scaled)
    vectors = vectors[:, values < SHAKY]
    return (unit * (vectors @ (vectors.mT @ (theta.reshape(-1) / unit)))).reshape(theta.shape)


def _largest(objective: Objective, direction: Tensor) -> float:
    """The largest |η| that a direction gives any row."""
    change = (block.design.matmul(direction.to(objective.dtype)).abs().max() for block in objective.blocks())
    return max((float(value) for value in change), default=0.0)


def margins(objective: Objective, block: Block) -> Tensor:
    """Rows (m, p·k) whose product with a direction is ≥ 0 exactly when it gives each row's own class no less than another."""
    z = block.design.to_dense().double()[block.weight > 0]
    y = block.y[block.weight > 0]
    if objective.k == 1:
        return z * (2 * y.double() - 1)[:, None]
    k = objective.k
    own = torch.eye(k, dtype=z.dtype, device=z.device)[y.long()]
    lead = own[:, None, :] - torch.eye(k, dtype=z.dtype, device=z.device)  # (n, k, k): own class minus class j
    rows = torch.einsum("np,njc->njpc", z, lead).reshape(len(z), k, -1)
    return rows[own == 0].reshape(-1, z.shape[1] * k)


def _by_direction(objective: Objective, direction: Tensor) -> Separation | None:
    """Whether a direction takes no row backwards (by more than ``NOISE`` of the largest gain)."""
    gains = [_gains(objective, block, direction) for block in objective.blocks()]
    least, most = min(float(g.min()) for g in gains if len(g)), max(float(g.max()) for g in gains if len(g))
    if most <= 0 or least < -NOISE * most:
        return None
    return Separation(least > NOISE * most, direction, NOISE)


def _gains(objective: Objective, block: Block, direction: Tensor) -> Tensor:
    """What a direction gives each row's own class over every other, the products of `margins` without its rows."""
    eta = block.design.matmul(direction.to(objective.dtype)).double()[block.weight > 0]
    y = block.y[block.weight > 0].long()[:, None]
    if objective.k == 1:
        return eta * (2 * y - 1)
    return (eta.gather(1, y) - eta)[torch.ones_like(eta, dtype=torch.bool).scatter(1, y, False)]


def _by_programme(objective: Objective) -> Separation | None:
    """Maximise the sum of all margins over directions within a unit box, none negative."""
    from scipy.optimize import linprog

    rows = torch.cat([margins(objective, block) for block in objective.blocks()]).cpu().numpy()
    size = abs(rows).max(1, keepdims=True)
    rows = rows / size.clip(1e-300)
    found = linprog(-rows.sum(0), A_ub=-rows, b_ub=[1e-12] * len(rows), bounds=(-1, 1), method="highs")
    if found.x is None:
        return None
    gains = rows @ found.x
    if gains.max() < 1e-7:
        return None
    direction = torch.from_numpy(found.x).reshape(objective.p, objective.k).to(objective.source.device)
    return Separation(bool(_all_positive(rows)), direction)


def _all_positive(rows: object) -> bool:
    """Whether one direction gives every row a positive margin: complete separation."""
    import numpy as np
    from scipy.optimize import linprog

    matrix = np.asarray(rows)
    m, p = matrix.shape
    wide = np.hstack([-matrix, np.ones((m, 1))])
    found = linprog([0.0] * p + [-1.0], A_ub=wide, b_ub=[0.0] * m, bounds=[(-1, 1)] * p + [(None, 1)], method="highs")
    return found.x is not None and float(found.x[-1]) > 1e-9
