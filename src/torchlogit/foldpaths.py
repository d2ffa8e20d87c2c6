"""Path × folds as one fit: every fold at every strength of an L2 penalty, all of them in the same reads of the rows.

What the members share is used thrice. One path over a sample stands for all of them at first. The Hessians of the parts
of the rows (`Folds`), at a few anchors along that path, give the Hessian of every fold at every strength: parts add up,
anchors are interpolated, the strength is added. And one read of a part serves all members that train on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Coordinates
from torchlogit.folds import Folds
from torchlogit.kernels.columns import columns_pass, suits
from torchlogit.linalg import Factor, factor
from torchlogit.losses import Loss
from torchlogit.objective import Objective
from torchlogit.penalties import Strengths
from torchlogit.solvers import Newton, Status, minimize
from torchlogit.sources.memory import MemorySource

SAMPLE = 2000  # rows, at least, that the first path is found on
COMMON = 0.1  # distance of the common path to its optimum, in units of loss a coefficient, that folds start from
STILL = 1e-3  # mean square of the change of log-odds, weighted by curvature, after which a Hessian is kept
ARC = 1.0  # change of η (root mean square) between two anchors
ANCHORS = 4  # at most
SLOW = 0.5  # share of its distance that a step may leave, else the member is finished by itself
TRUSTED = 0.1  # share that a step may leave for its factor to be trusted with a certificate: right to a third
PASSES = 12
WEIGHTS = 2**24  # row weights of the members that are finished together


class Members(NamedTuple):
    """Where the fits stand: ``theta`` (F, L, p, k) in the solver's coordinates; all else (F, L)."""

    theta: Tensor
    value: Tensor
    distance: Tensor  # estimated F(θ) − F*: half the decrement
    certified: Tensor
    n_iter: Tensor  # reads of a member's rows, and steps of its own

    @property
    def relative(self) -> Tensor:
        """Estimated relative distance to the optimum, (F − F*) / F."""
        return self.distance / self.value.abs().clamp_min(1e-300)


class Pair(NamedTuple):
    """A step (…, p, k), the change of the gradient along it, and 1 / their product."""

    step: Tensor
    change: Tensor
    rho: Tensor


class Sums(NamedTuple):
    """Of one part of the rows: value (c,) and gradient (c, p, k) at c thetas, Hessian (a, p, k, p, k) at a of them."""

    value: Tensor
    grad: Tensor
    hess: Tensor


@dataclass(frozen=True)
class FoldPaths:
    """The fits of ``folds`` at L strengths ``l2`` (L, p, 1): each minimises a fold's losses + Σ l2 θ² / 2.

    The estimated distance to an optimum is half the quasi-Newton decrement, with the Hessian that is interpolated.
    Source: Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4, with that Hessian as the initial matrix.
    """

    source: MemorySource
    loss: Loss
    k: int
    coordinates: Coordinates
    dtype: torch.dtype
    folds: Folds
    l2: Tensor

    def solve(self, tol: float, max_iter: int = 100) -> Members:
        """Every member to an estimated relative distance of ``tol``, or as near as ``max_iter`` steps bring it."""
        with exact_arithmetic():
            start, before, root = self._start()
            found = self._descend(start, before, root, self._counts, tol, min(PASSES, max_iter))
            return self._finished(found, tol, max_iter)

    def _start(self) -> tuple[Tensor, Tensor, Factor]:
        """A first theta of every member, its distance before that step, and the factors of their Hessians."""
        theta, root = self._sampled()
        bent, mix = anchors(self._along(theta))
        near = COMMON * theta[0].numel() / self.source.n_rows
        unknown = theta.new_full((1, len(theta)), torch.inf)
        theta = self._descend(theta[None], unknown, root, self._counts.mean(0)[None], near, PASSES).theta[0]
        sums = list(self._parts([theta] * len(self.folds.parts), bent))
        hess = torch.einsum("sa...,la->sl...", torch.stack([part.hess for part in sums]), mix)
        root = self._root(_added(self._counts, hess))
        grad = _added(self._counts, torch.stack([part.grad for part in sums])) + self.l2 * theta
        step = root.solve(grad)
        return theta - step, (grad * step).sum((-2, -1)) / 2, root

    def _sampled(self) -> tuple[Tensor, Factor]:
        """The path (L, p, k) of an average fold on a sample of the rows, a Newton step for each strength, and its Hessians."""
        rows = self.l2.new_tensor([len(part) for part in self.folds.parts])
        share = float(self._counts.mean(0) @ rows / rows.sum())
        theta, path, hess = self._objective.zeros(), self._objective.zeros(len(self.l2)), list[Tensor]()
        order, still = self.l2.amax((1, 2)).argsort(descending=True), False
        for number in order.tolist():
            l2 = (self.l2[number] / share).expand_as(theta)
            if not hess:
                here = replace(self._sketch, penalty=Strengths(torch.zeros_like(l2), l2))
                theta = minimize(here, theta, Newton(), max_iter=8, tol=1e-4).theta
            _, slope, bend = self._sketch.taylor(theta, 1 if still else 2)
            assert slope is not None
            hess.append(hess[-1] if bend is None else bend)
            grad = slope + l2 * theta
            step = factor(hess[-1] + _diagonal(l2)).solve(grad)
            path[number] = theta = theta - step
            still = float((grad * step).sum()) < STILL * self.source.n_rows
        hess.append(hess[-1] if still else self._hessian(self._sketch, theta))
        return path, self._root(share * torch.stack(hess[1:])[order.argsort()][None])

    def _along(self, path: Tensor) -> Tensor:
        """Length of a path (L, p, k) from its weakest penalty to each, (L,): root mean squares of the changes of η."""
        order = self.l2.amax((1, 2)).argsort()
        steps, total = path[order].diff(dim=0), path.new_zeros(len(path) - 1)
        for block in self._sketch.blocks() if len(steps) else ():
            total += self._sketch.eta(block, steps).double().square().sum((-2, -1))
        lengths = (total / self._sketch.source.n_rows).sqrt().cumsum(0)
        return torch.cat([lengths.new_zeros(1), lengths])[order.argsort()]

    @cached_property
    def _objective(self) -> Objective:
        """F over all rows, without a penalty."""
        nothing = self.l2.new_zeros(self.l2.shape[1], self.k)
        return Objective(self.source, self.loss, Strengths(nothing, nothing), self.k, self.coordinates, self.dtype)

    @cached_property
    def _counts(self) -> Tensor:
        return self.folds.counts.to(self.l2)

    @cached_property
    def _sketch(self) -> Objective:
        return self._objective.sketch(max(SAMPLE, 20 * self._objective.p * self.k))

    def _parts(self, theta: Sequence[Tensor], bent: Tensor | None = None) -> Iterator[Sums]:
        """The sums of every part at its own thetas (c, p, k), with Hessians at those numbered ``bent``."""
        bent = torch.empty(0, dtype=torch.long) if bent is None else bent
        for part, here in zip(self.folds.parts, theta, strict=True):
            yield self._compiled(part, here, bent) if self._suits else self._plain(part, here, bent)

    @cached_property
    def _suits(self) -> bool:
        return self.loss.name == "logistic" and not self.source.has_offset and suits(self.source.x, self.coordinates)

    def _compiled(self, part: Tensor, theta: Tensor, bent: Tensor) -> Sums:
        x, y, weight = self._columns
        lead = 1 - self.source.intercept
        flat = torch.nn.functional.pad(theta[..., 0], (lead, 0))
        value, grad, hess = columns_pass(x, part, y, weight, self.coordinates, flat, bent)
        return Sums(value, grad[:, lead:, None], hess[:, lead:, None, lead:, None])

    @cached_property
    def _columns(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """The table, and targets and weights as the compiled pass wants them; None for weights that are all 1."""
        weight = self.source.weight
        plain = weight.stride() == (0,) and bool(weight[:1] == 1)
        return self.source.x, self.source.y.double(), None if plain else weight.double().contiguous()

    def _plain(self, part: Tensor, theta: Tensor, bent: Tensor) -> Sums:
        objective = replace(self._objective, source=picked(self.source, part))
        value, grad, _ = objective.taylor(theta, 1)
        assert grad is not None
        hess = [self._hessian(objective, one) for one in theta[bent]]
        return Sums(value, grad, torch.stack(hess) if hess else grad.new_empty(0))

    @staticmethod
    def _hessian(objective: Objective, theta: Tensor) -> Tensor:
        hess = objective.taylor(theta, 2).hess
        assert hess is not None
        return hess

    def _root(self, hess: Tensor) -> Factor:
        """Factors of the Hessians (F, L, p, k, p, k) with the penalty, and with a curvature where softmax is flat."""
        *_, p, k = hess.shape
        hess = hess + _diagonal(self.l2.expand(-1, p, k))
        if self.loss.symmetric:
            own = hess.diagonal(dim1=-4, dim2=-2).diagonal(dim1=-3, dim2=-2).mean(-1) / k
            ground = torch.diag_embed(torch.where(self.l2[..., 0] > 0, 0.0, own))
            hess = hess + ground[..., :, None, :, None]
        return factor(hess)

    def _descend(self, theta: Tensor, before: Tensor, root: Factor, counts: Tensor, tol: float, passes: int) -> Members:
        """L-BFGS around the factors at hand for the members of folds ``counts`` (F, S), each as long as its steps go well.

        A member is certified only by a step that left little of the distance ``before`` it (F, L): so the factor fits.
        """
        none = torch.zeros_like(before, dtype=torch.long)
        best = Members(theta.clone(), torch.full_like(before, torch.inf), before.clone(), none > 0, none)
        active, pairs, last = theta.isfinite().all(-1).all(-1), list[Pair](), None
        for n_iter in range(passes + 1):
            where = active.nonzero(as_tuple=True)
            if not len(where[0]):
                break
            value, grad = self._at(theta, where, counts)
            slopes = torch.zeros_like(theta).index_put(where, grad)
            pairs += [] if last is None else [_pair(theta - last[0], slopes - last[1])]
            last = theta, slopes
            step = _two_loop(
                Factor(*(t[where] for t in root)), [Pair(*(t[where] for t in pair)) for pair in pairs], grad
            )
            distance = (grad * step).sum((-2, -1)) / 2
            well = (distance < SLOW * best.distance[where]) & (value <= best.value[where] * (1 + 1e-9))
            there = (distance <= tol * value) & (distance <= TRUSTED * best.distance[where])
            new = (theta[where], value, distance, there, torch.full_like(where[0], n_iter + 1))
            for mine, found in zip(best, new, strict=True):
                mine[where] = torch.where(_like(well, found), found, mine[where])
            active[where] = well & ~best.certified[where]
            theta = theta.index_put(where, theta[where] - step)
        return best

    def _at(self, theta: Tensor, where: tuple[Tensor, ...], counts: Tensor) -> tuple[Tensor, Tensor]:
        """Value (c,) and gradient (c, p, k) of F of some members."""
        here, l2, counts = theta[where], self.l2[where[1]], counts[where[0]]
        value, grad = (l2 * here.square() / 2).sum((-2, -1)), l2 * here
        uses = [times.nonzero()[:, 0] for times in counts.mT]
        for times, use, sums in zip(counts.mT, uses, self._parts([here[use] for use in uses]), strict=True):
            value.index_add_(0, use, times[use] * sums.value)
            grad.index_add_(0, use, times[use][:, None, None] * sums.grad)
        return value, grad

    def _finished(self, found: Members, tol: float, max_iter: int) -> Members:
        """Members that the shared Hessians did not bring home, by Newton's method with their own."""
        left = (~found.certified).nonzero()
        for some in left.split(max(1, WEIGHTS // self.source.n_rows)) if len(left) else ():
            where = (some[:, 0], some[:, 1])
            objective, theta = self._own(*where), found.theta[where]
            value, zero = (objective.taylor(t, 0).value for t in (theta, torch.zeros_like(theta)))
            theta = torch.where((value < zero)[:, None, None], theta, 0.0)
            end = minimize(objective, theta, Newton(), max_iter=max_iter, tol=tol)
            certified = torch.tensor([status is Status.converged for status in end.status], device=theta.device)
            new = (end.theta, end.point.at.value, end.point.distance, certified, found.n_iter[where] + end.n_iter)
            for mine, its in zip(found, new, strict=True):
                mine[where] = its
        return found

    def _own(self, folds: Tensor, strengths: Tensor) -> Objective:
        """F of some members as one batch: a fold is weights of the rows."""
        times, rows = self.l2.new_zeros(len(self.folds), self.source.n_rows), self.source
        for s, part in enumerate(self.folds.parts):
            times[:, part] = self._counts[:, s, None]
        source = MemorySource(rows.x, rows.y, times[folds] * rows.weight, intercept=rows.intercept)
        l2 = self.l2[strengths]
        return replace(self._objective, source=source, penalty=Strengths(torch.zeros_like(l2), l2))


def anchors(length: Tensor) -> tuple[Tensor, Tensor]:
    """Members of a path at even lengths (a,), and the weights (L, a) by which each member lies between two of them.

    >>> import torch
    >>> bent, mix = anchors(torch.tensor([0.0, 0.05, 0.2, 0.4], dtype=torch.float64))
    >>> bent.tolist(), mix[2].tolist()
    ([0, 3], [0.5, 0.5])
    """
    total = float(length.max())
    count = min(1 + int(-(-total // ARC)), ANCHORS, len(length))
    wanted = torch.linspace(0, total, count).to(length) if count > 1 else length.new_tensor([total / 2])
    bent = (length - wanted[:, None]).abs().argmin(1).unique()
    bent = bent[length[bent].argsort()]
    knots, mix = length[bent], length.new_zeros(len(length), len(bent))
    if len(bent) == 1:
        return bent, mix + 1
    right = torch.searchsorted(knots, length.contiguous()).clamp(1, len(knots) - 1)
    share = ((length - knots[right - 1]) / (knots[right] - knots[right - 1]).clamp_min(1e-300)).clamp(0, 1)
    return bent, mix.scatter(1, right[:, None], share[:, None]).scatter(1, right[:, None] - 1, 1 - share[:, None])


def picked(source: MemorySource, index: Tensor) -> MemorySource:
    """Some rows of a source, by number or mask."""
    index = index.to(source.device)
    x = source.x[index.numpy()] if source.sparse else source.x[index]
    return MemorySource(x, source.y[index], source.weight[index], intercept=source.intercept)


def _pair(step: Tensor, change: Tensor) -> Pair:
    """A step and the change of the gradient along it; none where their product is not clearly positive."""
    product = (step * change).sum((-2, -1), keepdim=True)
    sizes = (step.square().sum((-2, -1), keepdim=True) * change.square().sum((-2, -1), keepdim=True)).sqrt()
    return Pair(step, change, torch.where(product > 1e-10 * sizes, 1 / product, 0.0))


def _two_loop(root: Factor, pairs: Sequence[Pair], grad: Tensor) -> Tensor:
    """What L-BFGS takes for ``H⁻¹ grad``. Source: Nocedal and Wright (2006), algorithm 7.4."""
    shares = list[Tensor]()
    for step, change, rho in reversed(pairs):
        shares.append(rho * (step * grad).sum((-2, -1), keepdim=True))
        grad = grad - shares[-1] * change
    out = root.solve(grad)
    for (step, change, rho), share in zip(pairs, reversed(shares), strict=True):
        out = out + step * (share - rho * (change * out).sum((-2, -1), keepdim=True))
    return out


def _added(counts: Tensor, of_parts: Tensor) -> Tensor:
    """Sums of folds (F, …) from those of parts (S, …)."""
    return torch.tensordot(counts, of_parts, 1)


def _diagonal(entries: Tensor) -> Tensor:
    """(*B, p, k) → (*B, p, k, p, k) with the entries on the diagonal."""
    *_, p, k = entries.shape
    return torch.diag_embed(entries.flatten(-2)).unflatten(-1, (p, k)).unflatten(-3, (p, k))


def _like(mask: Tensor, t: Tensor) -> Tensor:
    return mask.reshape(mask.shape + (1,) * (t.ndim - mask.ndim))
