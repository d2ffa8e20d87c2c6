"""Profiles of separated data: which bounds are infinite, and the likelihood that is left where some coefficients are.

Directions d along which no row gets worse are a cone, ``{d: margins · d ≥ 0}``. A coefficient cᵀγ has no upper bound exactly
when some such d has cᵀd > 0: the likelihood never falls along it, and without one it falls below every level, because a
row's loss is unbounded. Where c itself is bounded or held, the others may still run to infinity, along directions with
cᵀd = 0; then the rows (and classes) that these take to certainty leave the likelihood, and so do the directions that nothing
is left to determine. Source: Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
regression models, §3; Geyer (2009), Likelihood inference in exponential families and directions of recession, §2–3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.cone import Cone, Undecided
from torchlogit.errors import NotCertifiedError
from torchlogit.inference.levelset import Goals, Start, climb, start_at
from torchlogit.inference.profile import Lines, bound, chi_squared_quantile, evaluator, lines, ratio
from torchlogit.objective import Objective, Taylor
from torchlogit.separation import STILL
from torchlogit.sources.base import Block, Source

FAR = 1e18  # η of a row or class that is certain: its loss is below every rounding, for heavy tails too
RANK = 1e-9  # singular value, relatively, under which a direction is not determined

Floats = npt.NDArray[np.float64]


def reduced(objective: Objective, c: Tensor) -> Floats:
    """A functional of gamma as one of the cone's directions, in which the first class of a softmax is held at 0."""
    return c.reshape(objective.p, -1)[:, 1:].ravel().numpy() if objective.k > 1 else c.numpy()


class Shifted:
    """A source whose rows have further offsets (n, k)."""

    def __init__(self, source: Source, extra: Tensor) -> None:
        self.source, self.extra, self.has_offset = source, extra, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def whole(self, loss: str, dtype: torch.dtype) -> Shifted:
        """Itself: it is read block by block."""
        return self

    def __iter__(self) -> Iterator[Block]:
        for block in self.source:
            rows = slice(block.start, block.start + len(block.y))
            yield block._replace(offset=block.offset + self.extra[rows])


def certain(objective: Objective, support: npt.NDArray[np.bool_]) -> Tensor:
    """Offsets (n, k) that take the margins of ``support`` to certainty: of the row's class, or of all classes but one."""
    extra = torch.zeros(objective.source.n_rows, objective.k, dtype=torch.float64)
    beyond, at = torch.from_numpy(support), 0
    for block in objective.blocks():
        real, y = block.weight > 0, block.y.long()
        place = torch.zeros(len(y), objective.k, dtype=torch.bool)
        place[real] = True
        if objective.k > 1:
            place[torch.arange(len(y)), y] = False
        rows = extra[block.start :][: len(y)]
        size = int(place.sum())
        sign = (2 * y - 1)[:, None].double() if objective.k == 1 else torch.tensor(-1.0, dtype=torch.float64)
        rows[place] = (beyond[at : at + size] * FAR) * sign.expand_as(place)[place]
        at += size
    return extra


@dataclass(frozen=True)
class Limit:
    """An objective of which some margins are certain, as a function of the coefficients u (m′,) that the others determine."""

    objective: Objective
    basis: Tensor  # (m, m′), orthonormal
    k: int = 1

    @classmethod
    def of(cls, cone: Cone, support: npt.NDArray[np.bool_]) -> Limit:
        """With the margins of ``support`` certain."""
        objective = cone.objective
        left = cone.rows[~support[cone.index]]
        if objective.k > 1:
            left = left.reshape(len(left), objective.p, -1)
            left = np.concatenate([-left.sum(-1, keepdims=True), left], -1).reshape(len(left), -1)
        size = objective.p * objective.k
        triangle = np.linalg.qr(left, mode="r") if len(left) else np.zeros((1, size))
        _, values, across = np.linalg.svd(triangle)
        basis = across[: int((values > RANK * values.max()).sum())].T
        source: Any = Shifted(objective.source, certain(objective, support))
        return cls(replace(objective, source=source), torch.from_numpy(np.ascontiguousarray(basis)))

    @property
    def p(self) -> int:
        """Coefficients that are determined."""
        return self.basis.shape[1]

    def taylor(self, theta: Tensor, order: int = 1) -> Taylor:
        """Value and derivatives at u (B, m′, 1)."""
        objective, basis = self.objective, self.basis
        gamma = (theta[..., 0] @ basis.mT).reshape(-1, objective.p, objective.k)
        value, *rest = (t for t in objective.taylor(gamma, order) if t is not None)
        out = [value]
        if order > 0:
            out.append((rest[0].flatten(1) @ basis)[..., None])
        if order > 1:
            size = len(basis)
            out.append((basis.mT @ rest[1].reshape(-1, size, size) @ basis)[:, :, None, :, None])
        return Taylor(*out)

    @cached_property
    def zeros(self) -> Start:
        """U = 0 as a place to begin at."""
        return start_at(self, torch.zeros(self.p, dtype=torch.float64))

    @cached_property
    def lowest(self) -> Start:
        """Where −log-likelihood is least."""
        nothing = torch.zeros(1, dtype=torch.float64)
        return self.held(torch.zeros(1, self.p, dtype=torch.float64), nothing)

    def held(self, c: Tensor, value: Tensor) -> Start:
        """Where it is least with cᵀu = value, c (1, m′)."""
        if not self.p:
            return self.zeros
        reached = climb(self, self.zeros, Goals(c, torch.zeros_like(value), value, value))
        return start_at(self, reached.gamma[0])


def separated_lines(objective: Objective, near: Tensor, functionals: Tensor, level: float) -> Lines:
    """Bounds and tests of functionals (M, m) of separated data; ``near`` (p, k) is where the search ended."""
    try:
        return _lines(Cone(objective, near), functionals, level)
    except Undecided as error:
        raise NotCertifiedError(f"no profile intervals: {error}; use penalty=Jeffreys()") from error


def _lines(cone: Cone, functionals: Tensor, level: float) -> Lines:
    support = _support(cone)
    limit = Limit.of(cone, support)
    least = float(limit.lowest.value)
    found = torch.full((len(Lines._fields), len(functionals)), torch.nan, dtype=torch.float64)
    span, costs = cone.movable(support), [reduced(cone.objective, c) for c in functionals]
    ends = [_ends(cone, span, c) for c in costs]
    bounded = torch.tensor([c.any() and not any(end) for c, end in zip(costs, ends, strict=True)])
    if bool(bounded.any()):
        c = functionals[bounded] @ limit.basis
        found[:, bounded] = torch.stack(list(lines(limit, limit.lowest, c, level)))
    for i, (down, up) in enumerate(ends):
        if down and up:  # its sign is not determined, and every value is as likely
            found[:, i] = torch.tensor([torch.nan, -torch.inf, torch.inf, 0.0, 0.0, 0.0, 0.0, 0.0])
        elif down or up:
            within = Limit.of(cone, _support(cone.face(costs[i] if up else -costs[i])))
            found[:, i] = _one_sided(within, functionals[i] @ within.basis, up, least, level)
    return Lines(*found)


def _ends(cone: Cone, span: Floats, c: Floats) -> tuple[bool, bool]:
    """Whether some direction in the cone lowers c · d, and whether one raises it."""
    if not np.linalg.norm(c @ span) > STILL * np.linalg.norm(c):
        return False, False
    down, up = (cone.extreme(side * c, np.ones(cone.n, bool)) is not None for side in (-1, 1))
    return down, up


def _support(cone: Cone) -> npt.NDArray[np.bool_]:
    """The margins that some direction gives more, (N,)."""
    found = cone.interior()
    return np.zeros(cone.n, bool) if found is None else found[1]


def _one_sided(limit: Limit, c: Tensor, up: bool, least: float, level: float) -> Tensor:
    """The line of a coefficient that is infinite in one direction; no error where nothing is solved."""
    inf = torch.inf
    unit = torch.linalg.vector_norm(c)
    nothing = torch.zeros(1, dtype=torch.float64)
    start = limit.held(c[None] / unit, nothing)
    side = torch.tensor([-1.0 if up else 1.0], dtype=torch.float64)
    target = torch.full_like(side, least + chi_squared_quantile(level) / 2)
    goals = Goals((c / unit)[None].repeat(2, 1), torch.cat([side, nothing]), nothing.repeat(2), target.repeat(2))
    reached = climb(evaluator(limit), start, goals)
    end, error = bound(reached, goals, slice(0, 1))
    statistic = ratio(type(reached)(*(t[1:] for t in reached)), least)
    place, slope, none = float(end * unit), float(reached.slope[0]), 0.0
    line = [inf, place, inf, float(statistic), float(error), none, slope, none]
    if not up:
        line = [-inf, -inf, place, float(statistic), none, float(error), none, slope]
    return torch.tensor(line, dtype=torch.float64)
