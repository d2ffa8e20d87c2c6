"""Whether a direction exists that splits the classes, so that no finite maximum-likelihood estimate does."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.objective import Objective
from torchlogit.sources.base import Block

SATURATED = 15.0  # |η| from which a fit may be on its way to infinity (probabilities beyond 3e-7)
PROGRAMME_LIMIT = 2_000_000  # entries of the linear programme up to which it is solved


class Separation(NamedTuple):
    """``direction`` (p, k) in the solver's coordinates along which no row gets worse and some get better."""

    complete: bool
    direction: Tensor


def separation(objective: Objective, theta: Tensor) -> Separation | None:
    """Decide it, but only when the fit's own signs call for it: some fitted |η| is beyond 15. None: no sign, or overlap.

    By a linear programme, exactly, on tables of up to two million entries; larger ones ask whether theta itself
    splits the classes. Source: Konis (2007), Linear programming algorithms for detecting separated data, §4.2.
    """
    if not objective.penalty.free or objective.loss.name == "squared":
        return None
    largest = max((float(objective.eta(block, theta).abs().max()) for block in objective.blocks()), default=0.0)
    if not largest > SATURATED:
        return None
    rows = objective.source.n_rows * objective.p * max(1, objective.k * (objective.k - 1))
    if rows > PROGRAMME_LIMIT:
        return _by_sign(objective, theta)
    return _by_programme(objective)


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


def _by_sign(objective: Objective, theta: Tensor) -> Separation | None:
    for block in objective.blocks():
        eta = block.design.matmul(theta.to(objective.dtype))
        own = objective.loss.taylor(eta, block.y, 0)[0][block.weight > 0]
        if bool((own >= 0.693).any()):
            return None
    return Separation(True, theta)


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
