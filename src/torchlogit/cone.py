"""Directions along which no row gets worse: a cone, and what linear programmes say about it.

A row's margins are what a direction gives its own class over every other; a direction is in the cone when no margin is
negative. Programmes see the rows that matter only: a working set, to which all rows that its answer takes backwards are added
until there are none, so that the answer is that of all rows. Source: Konis (2007), Linear programming algorithms for detecting
separated data in binary logistic regression models, §4; Geyer (2009), Likelihood inference in exponential families and
directions of recession, §3.12 (linear programmes, one face after the other).
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.objective import Objective
from torchlogit.sources.base import Block

PROGRAMME_LIMIT = 2_000_000  # entries of a linear programme up to which it is solved
WHOLE = 200_000  # entries up to which all rows are in it from the start
ZERO = 1e-11  # size of a margin, relative to the row's, under which it is rounding
ACTIVE = 1e-7  # the same for what a linear programme leaves of a margin that it holds at 0
RANK = 1e-12  # singular value, relatively, of rows that are dependent up to rounding
SEED = 20  # rows a coefficient that a working set begins with
ROUNDS = 200
SECONDS = 60.0  # of one programme

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Undecided(Exception):
    """A linear programme failed, ran out of time, or would be too large."""


def margins(objective: Objective, block: Block, index: Tensor | None = None) -> Tensor:
    """Rows (N, p·k) whose product with a direction is ≥ 0 exactly when it gives each row's own class no less than another.

    Rows without weight have none; of K classes a row has K − 1. ``index`` picks some of them.
    """
    real, k = (block.weight > 0).nonzero()[:, 0], objective.k
    each = max(1, k - 1)
    index = torch.arange(len(real) * each, device=real.device) if index is None else index
    row = real[index // each]
    z, y = block.design.picked(row).to_dense().double(), block.y[row].long()
    if k == 1:
        return z * (2 * y.double() - 1)[:, None]
    other = index % each
    other = other + (other >= y)
    eye = torch.eye(k, dtype=z.dtype, device=z.device)
    return torch.einsum("np,nc->npc", z, eye[y] - eye[other]).flatten(1)


def gains(objective: Objective, block: Block, direction: Tensor) -> Tensor:
    """What a direction (p, k) gives each row's own class over every other, (N,): its products with `margins`."""
    eta = block.design.matmul(direction.to(objective.dtype)).double()[block.weight > 0]
    y = block.y[block.weight > 0].long()[:, None]
    if objective.k == 1:
        return (eta * (2 * y - 1))[:, 0]
    return (eta.gather(1, y) - eta)[torch.ones_like(eta, dtype=torch.bool).scatter(1, y, False)]


class Cone:
    """The cone of an objective's rows. A direction is d (m,), of softmax with the first class held at 0: m = p·(K − 1)."""

    def __init__(self, objective: Objective, near: Tensor) -> None:
        """``near`` (p, k): the rows that it gives least are looked at first."""
        self.objective = objective
        self.m = objective.p * max(1, objective.k - 1)
        each = max(1, objective.k - 1)
        self.sizes = [int((block.weight > 0).sum()) * each for block in objective.blocks()]
        self.n = sum(self.sizes)
        self.index, self.rows, self.factor = np.zeros(0, np.int64), np.zeros((0, self.m)), np.zeros(0)
        random = np.random.default_rng(0)
        if self.n * self.m <= min(WHOLE, PROGRAMME_LIMIT):
            self._add(np.arange(self.n))
        else:
            least = self._gains_full(near)
            count = min(self.n, SEED * self.m)
            first = np.argpartition(least, count - 1)[:count]
            self._add(np.union1d(first, random.choice(self.n, count, replace=False)))
        self.random, self.sides = random, np.zeros((0, self.m))

    def face(self, c: Floats) -> Cone:
        """The directions with c · d = 0, of a cone in which c · d is never negative: those with −c · d ≥ 0 as well."""
        out = copy(self)
        out.sides = -c[None] / abs(c).max()
        return out

    def full(self, d: Floats) -> Tensor:
        """A direction as a theta (p, k)."""
        objective = self.objective
        found = torch.from_numpy(np.ascontiguousarray(d)).to(objective.source.device)
        if objective.k == 1:
            return found.reshape(-1, 1)
        return torch.cat([found.new_zeros(objective.p, 1), found.reshape(objective.p, -1)], 1)

    def gains(self, d: Floats) -> Floats:
        """The margins' products with a direction, (N,)."""
        return self._gains_full(self.full(d))

    def _gains_full(self, direction: Tensor) -> Floats:
        parts = [gains(self.objective, block, direction).cpu() for block in self.objective.blocks()]
        return np.asarray(torch.cat(parts).numpy())

    @cached_property
    def tolerance(self) -> Floats:
        """What is rounding of each margin's product with a direction in the unit box, (N,)."""
        each = max(1, self.objective.k - 1)
        parts = [block.design.reach()[block.weight > 0].cpu() for block in self.objective.blocks()]
        return np.asarray(ZERO * torch.cat(parts).double().repeat_interleave(each).numpy())

    def _add(self, index: npt.NDArray[Any]) -> None:
        """Take further margins into the working set, scaled to unit size."""
        new = np.setdiff1d(index, self.index)
        if (len(new) + len(self.index)) * self.m > PROGRAMME_LIMIT:
            raise Undecided("the linear programme would be too large")
        parts, start = [], 0
        for size, block in zip(self.sizes, self.objective.blocks(), strict=True):
            here = torch.from_numpy(new[(new >= start) & (new < start + size)] - start).to(block.y.device)
            parts.append(margins(self.objective, block, here).cpu().numpy())
            start += size
        found = np.concatenate(parts)
        if self.objective.k > 1:  # the first class is held at 0
            found = found.reshape(len(found), self.objective.p, -1)[..., 1:].reshape(len(found), -1)
        found = found / abs(found).max(1, keepdims=True).clip(1e-300)
        self.index, self.rows = np.append(self.index, new), np.concatenate([self.rows, found])
        self.factor = np.append(self.factor, np.ones(len(new)))

    def extreme(self, cost: Floats | None, among: Flags) -> Floats | None:
        """A direction in the cone of the margins ``among`` with cost · d > 0; without a cost, that gives one of them more.

        None where there is none. `Undecided` where the programmes fail.
        """
        for _ in range(ROUNDS):
            own = among[self.index]
            rows = self.rows[own]
            bounds = np.concatenate([rows * self.factor[own, None], self.sides])
            found = _programme(bounds, rows.sum(0) if cost is None else cost)
            if not self._forward(found, cost, rows):
                if cost is not None or not self._span(rows, among):
                    return None
                continue
            for d in (_polished(np.concatenate([rows, self.sides]), found), found):
                if not self._forward(d, cost, rows):
                    continue
                gain = self.gains(d)
                lost = np.flatnonzero(among & (gain < -self.tolerance))
                if not len(lost):
                    return d
            if not self._tighten(lost, gain):
                return None
        raise Undecided("the linear programmes did not come to an end")

    def _forward(self, d: Floats, cost: Floats | None, rows: Floats) -> bool:
        """Whether a direction reaches the unit box and gains anything."""
        gained = (rows @ d).max(initial=0.0) if cost is None else cost @ d / abs(cost).max()
        return bool(abs(d).max() > 0.5 and gained > ZERO)

    def _tighten(self, lost: npt.NDArray[Any], gain: Floats) -> bool:
        """Add the margins that lose most; those that the programme has are made to count more, within reason."""
        new = np.setdiff1d(lost, self.index)
        if len(new):
            self._add(new[np.argsort(gain[new])[: 10 * self.m + 200]])
            return True
        held = np.isin(self.index, lost)
        self.factor[held] *= 1e3
        return bool(self.factor.max() < 1e8)

    def _span(self, rows: Floats, among: Flags) -> bool:
        """Add margins that the working set does not span; False where it spans all of them."""
        nothing = kernel(rows)
        if not nothing.shape[1]:
            return False
        d = nothing @ self.random.normal(size=nothing.shape[1])
        gain = abs(self.gains(d / abs(d).max()))
        new = np.flatnonzero(among & (gain > self.tolerance))
        new = np.setdiff1d(new, self.index)
        if len(new):
            self._add(new[np.argsort(-gain[new])[: 2 * nothing.shape[1]]])
        return bool(len(new))

    def interior(self) -> tuple[Floats, Flags] | None:
        """A direction that gives more to every margin that any direction in the cone does, and those margins, (N,).

        One face after the other: what a direction leaves at 0 is asked again by itself, and what is found is added to the
        direction in so small a share that no gain is lost.
        """
        total, gained, left = np.zeros(self.m), np.zeros(self.n), np.ones(self.n, bool)
        while left.any():
            d = self.extreme(None, left)
            if d is None:
                break
            gain = self.gains(d)
            down = ~left & (gain < 0)
            share = min(1.0, 0.5 * float((gained[down] / -gain[down]).min(initial=np.inf)))
            total, gained = total + share * d, gained + share * gain
            left &= gain <= self.tolerance
        return None if left.all() else (total, ~left)

    def movable(self, support: Flags) -> Floats:
        """An orthonormal basis (m, v) of the directions that the cone spans: those that leave the other margins at 0."""
        held = self.rows[~support[self.index]]
        return kernel(held) if len(held) else np.eye(self.m)

    def both_ways(self, c: Floats, inside: Floats, gain: Floats, span: Floats) -> bool:
        """Whether c · d takes both signs in the cone; ``inside`` is an inner direction, with its ``gain``."""
        value = float(c @ inside)
        move = -np.sign(value) * (span @ (span.T @ c))
        if abs(value) <= 1e-9 * abs(inside).max() * abs(c).sum():
            return True
        change = self.gains(move)
        worse = change < -self.tolerance * abs(move).max()
        reach = float((gain[worse] / -change[worse]).min(initial=np.inf))
        if not np.isfinite(reach) or (value + 0.99 * reach * (c @ move)) * value < 0:
            return True
        return self.extreme(-np.sign(value) * c, np.ones(self.n, bool)) is not None


def kernel(rows: Floats) -> Floats:
    """An orthonormal basis (m, v) of what all rows leave at 0."""
    if not len(rows):
        return np.eye(rows.shape[1])
    triangle = np.linalg.qr(rows, mode="r")
    _, size, across = np.linalg.svd(triangle)
    rank = int((size > RANK * size.max(initial=0.0)).sum())
    return np.asarray(across[rank:].T)


def _polished(rows: Floats, d: Floats) -> Floats:
    """A direction with the products that the programme left near 0 made 0, up to rounding."""
    held = rows[abs(rows @ d) <= ACTIVE]
    span = kernel(held)
    out = span @ (span.T @ d)
    return np.asarray(out / max(abs(out).max(initial=0.0), 1e-300)) if abs(out).max(initial=0.0) > 1e-6 else 0 * d


def _programme(rows: Floats, cost: Floats) -> Floats:
    """Maximise cost · d over the unit box with no product negative."""
    from scipy.optimize import linprog

    size = abs(cost).max()
    if not size:
        return np.zeros(len(cost))
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10, "time_limit": SECONDS}
    b = np.zeros(len(rows))
    found = linprog(-cost / size, A_ub=-rows, b_ub=b, bounds=(-1, 1), method="highs", options=options)
    if found.x is None or found.status != 0:
        raise Undecided(f"the linear programme failed ({found.message})")
    return np.asarray(found.x)
