"""The function to be minimised: ``F(θ) = Σᵢ sᵢ ℓ(xᵢθ + oᵢ, yᵢ) + P(θ)``, in the solver's coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import PACKED, Coordinates, Design
from torchlogit.errors import ParameterError
from torchlogit.kernels.elastic import Solved
from torchlogit.linalg import factor
from torchlogit.losses import Loss
from torchlogit.penalties import Strengths
from torchlogit.sources.base import Block, Source, accumulate
from torchlogit.span import Span, span_of

FULL_LIMIT = 1500  # p·k up to which a preconditioner is the whole Hessian of a sample
FEW = 512  # p up to which an L1 problem is left to compiled code, which takes a new Hessian where it can
GATHERED = 2**24  # numbers up to which its columns are gathered for that
GROUND = 1e-5  # share of its own curvature that a flat direction gets beside an L1 penalty
CLASS_LIMIT = 3000  # p up to which it is one p×p block a class; beyond, a diagonal


class Taylor(NamedTuple):
    """What is known of F at a point: value with the whole penalty, derivatives of the smooth part. Sums in float64."""

    value: Tensor  # (*B,)
    grad: Tensor | None = None  # (*B, p, k)
    hess: Tensor | None = None  # (*B, p, k, p, k)


@dataclass(frozen=True)
class Objective:
    """F over the rows of ``source``. ``theta`` is (*B, p, k) float64 in ``coordinates``; rows are worked in ``dtype``."""

    source: Source
    loss: Loss
    penalty: Strengths
    k: int
    coordinates: Coordinates | None = None
    dtype: torch.dtype = torch.float64

    @property
    def p(self) -> int:
        """Rows of theta: features in these coordinates, and the intercept."""
        d = self.source.n_features if self.coordinates is None else self.coordinates.rank
        return d + self.source.intercept

    def zeros(self, *batch: int) -> Tensor:
        """A theta of zeros, (*B, p, k)."""
        return torch.zeros(*batch, self.p, self.k, dtype=torch.float64, device=self.source.device)

    def blocks(self) -> Iterator[Block]:
        """The blocks of the source in these coordinates and working precision, for what is no sum over them.

        ParameterError where the rows are spread over ranks, of which this one has some.
        """
        if getattr(self.source, "ranks", None) is not None:
            raise ParameterError(
                "this needs all rows in memory, and they are spread over ranks; give it some of them, data=table"
            )
        for block in self.source:
            yield self.view(block)

    def view(self, block: Block) -> Block:
        """A block of the source in these coordinates and working precision."""
        weight, offset = block.weight.to(self.dtype), block.offset.to(self.dtype)
        return block._replace(design=self._seen(block.design), weight=weight, offset=offset)

    def _seen(self, design: Design) -> Design:
        """Rows in these coordinates and working precision."""
        return design.moved(self.coordinates, self.dtype)

    def eta(self, block: Block, theta: Tensor) -> Tensor:
        """η of a block's rows, (*B, n, k)."""
        return block.design.matmul(theta.to(self.dtype)) + block.offset

    def _accumulate(self, of_block: Callable[[Block], tuple[Tensor, ...]], *at: Tensor) -> tuple[Tensor, ...]:
        return accumulate(self.source, lambda block: of_block(self.view(block)), at)

    def taylor(self, theta: Tensor, order: int = 1) -> Taylor:
        """Value, gradient, Hessian up to ``order``, in one pass over the rows."""
        source = self._whole if theta.ndim == 2 and (order < 2 or self._packed) else self.source
        value, *rest = accumulate(
            source, lambda block: self._sums(block, theta, order), (theta, theta.new_tensor(order))
        )
        value = value + self.penalty.value(theta)
        if order > 0:
            rest[0] = rest[0] + self.penalty.l2 * theta
        if order > 1:
            _entries(rest[1]).add_(self.penalty.l2)
            rest[1] = self._grounded(rest[1])
        return Taylor(value, *rest)

    @cached_property
    def _whole(self) -> Source:
        """The rows in blocks as large as they come where a compiled pass cuts them by itself; else as they are."""
        copied = self.coordinates is not None and self.coordinates.explicit
        return self.source if copied else self.source.whole(self.loss.name, self.dtype)

    @property
    def _packed(self) -> bool:
        """Whether the Hessian has a compiled pass as well."""
        return self.k == 1 and self.p <= PACKED

    def _sums(self, block: Block, theta: Tensor, order: int) -> tuple[Tensor, ...]:
        """Value, gradient, Hessian of the loss over a block: by compiled passes where there are any, else in plain torch."""
        return self._fused(block, theta, order) or self._plain(block, theta, order)

    def _fused(self, block: Block, theta: Tensor, order: int) -> tuple[Tensor, ...] | None:
        if theta.ndim > 2 or (order > 1 and self.k > 1):
            return None
        design, curvature = self._seen(block.design), None
        if order > 1:
            curvature = torch.empty(len(block.y), dtype=torch.float64)
        found = design.fused(self.loss.name, theta, block, curvature, order)
        if found is None or curvature is None:
            return found if found is None else found[: order + 1]
        return (*found, design.gram(curvature.to(self.dtype)[:, None, None]))

    def _plain(self, block: Block, theta: Tensor, order: int) -> tuple[Tensor, ...]:
        block = self.view(block)
        s = block.weight
        value, *rest = self.loss.taylor(self.eta(block, theta), block.y, order)
        out = [(s * value).double().sum(-1)]
        if order > 0:
            out.append(block.design.rmatmul(s[..., None] * rest[0]))
        if order > 1:
            out.append(block.design.gram(s[..., None, None] * rest[1]))
        return tuple(out)

    def _grounded(self, hess: Tensor) -> Tensor:
        """Give the directions in which a softmax is flat (one constant for all classes) a curvature, where no L2 does.

        The gradient is orthogonal to them, so no Newton step changes; the inverse exists. With L1 the penalty does
        move theta along them, so there the curvature is kept tiny.
        """
        if not self.loss.symmetric:
            return hess
        own = _entries(hess).mean(-1)  # (*B, p)
        l1, l2 = (t.expand(*t.shape[:-2], self.p, self.k).amax(-1) for t in self.penalty)
        ground = torch.where(l2 > 0, 0.0, torch.where(l1 > 0, GROUND, 1.0)) * own / self.k
        return hess + torch.diag_embed(ground)[..., :, None, :, None].expand_as(hess)

    def hessian(self, theta: Tensor) -> Callable[[Tensor], Tensor]:
        """Products v ↦ Hv, (*B, p, k), with the Hessian of the smooth part at theta, one pass each and without the Hessian.

        Compiled passes keep one number a row from theta; without them η is worked out again for each product.
        """
        curvature = self._row_curvature(theta)
        if curvature is None:
            return lambda v: self.hvp(theta, v)

        def product(v: Tensor) -> Tensor:
            def of_block(block: Block) -> tuple[Tensor, ...]:
                kept = curvature[block.start :][: len(block.y)]
                out = self._seen(block.design).curved(v, block.weight, kept)
                assert out is not None
                return (out,)

            return accumulate(self._whole, of_block)[0] + self.penalty.l2 * v

        return product

    def _row_curvature(self, theta: Tensor) -> Tensor | None:
        """What a product with the Hessian needs of every row in memory, (n,) or (n, k), by a compiled pass; None without one."""
        if self._whole is self.source or theta.ndim > 2 or not self.source.in_memory:
            return None
        out = theta.new_empty(self.source.n_rows, *[self.k] * (self.k > 1))
        for block in self._whole:
            kept = out[block.start :][: len(block.y)]
            if self._seen(block.design).fused(self.loss.name, theta, block, kept, 0) is None:
                return None
        return out

    def hvp(self, theta: Tensor, v: Tensor) -> Tensor:
        """`hessian` for one product, in plain torch."""

        def of_block(block: Block) -> tuple[Tensor, ...]:
            *_, hess = self.loss.taylor(self.eta(block, theta), block.y, 2)
            hv = (hess @ block.design.matmul(v.to(self.dtype))[..., None])[..., 0]
            return (block.design.rmatmul(block.weight[..., None] * hv),)

        return self._accumulate(of_block, theta, v)[0] + self.penalty.l2 * v

    def gap(self, theta: Tensor, at: Taylor) -> Tensor:
        """Duality gap at theta (*B,): an upper bound on F − F*, but for entries that are not penalised. No pass over the rows.

        The dual point is the loss's gradient u, shrunk by c ≤ 1 until it is feasible. Σ ℓ(η) + ℓ*(cu) − cuη is 0 at c = 1 and,
        because ℓ* is convex with ℓ*(0) = −min ℓ ≤ 0, at most (1 − c) Σ ℓ. Every term is ≥ 0, so nothing cancels. Source:
        Ndiaye, Fercoq, Gramfort and Salmon (2017), Gap safe screening rules, eq. 4–6.
        """
        assert at.grad is not None
        grad, loss = at.grad - self.penalty.l2 * theta, at.value - self.penalty.value(theta)
        shrink = self.penalty.feasible(grad)
        return self.penalty.gap(theta, shrink * grad) + (1 - shrink[..., 0, 0]) * loss

    def restrict(self, index: Tensor, known: Objective | None = None) -> Objective:
        """F as a function of some rows of theta only (the others zero); ``index`` into p, with the intercept's row 0.

        Their columns are gathered once, next to each other; those that ``index`` begins with are taken from ``known``.
        """
        columns = index[int(self.source.intercept) :] - int(self.source.intercept)
        known = known if self.source.in_memory else None
        new = columns if known is None else columns[known.source.n_features :]
        source, moved = self.source.select(new), self.coordinates
        if moved is not None and not source.sparse:
            source, moved = source.moved(moved.select(new), self.dtype), None
        source = source.kept()
        if known is not None:
            source = known.source.beside(source)
        moved = moved and moved.select(columns)
        return replace(self, source=source, penalty=self.penalty.rows(index, self.p), coordinates=moved)

    @property
    def few(self) -> int:
        """Columns of theta up to which `at_once` can be asked, once they are gathered; 0 where there is no such code."""
        plain = self.loss.name == "logistic" and self.k == 1 and self.dtype == torch.float64
        plain = plain and self.source.in_memory and not self.source.sparse
        return FEW if plain and self.source.n_rows * min(self.p, FEW) <= GATHERED else 0

    def at_once(self, theta: Tensor, hess: Tensor | None, tol: float) -> Solved | None:
        """Where F under an L1 penalty is relatively within ``tol`` of its least, from theta (p, 1), in one compiled call.

        ``hess`` is the loss's Hessian near there, if it is known. None where there is no such code, or for more columns than
        `few`.
        """
        if self.p > self.few or self.coordinates is not None or theta.ndim > 2:
            return None
        return self.source.elastic(*self.penalty, theta, hess, tol)

    def span(self) -> Span:
        """The problem in the span of the rows, where an L2 penalty on every slope leaves the optimum."""
        return span_of(self)

    def under(self, penalty: Strengths) -> Objective:
        """The same sum of losses under another penalty."""
        return replace(self, penalty=penalty)

    def sketch(self, rows: int, seed: int = 0) -> Objective:
        """F over a random sample of rows that stands for the whole; itself if there are no more rows than that."""
        source = self.source.sample(rows, seed)
        return self if source is self.source else replace(self, source=source)

    def batches(self, size: int | None, generator: torch.Generator) -> Iterator[Objective]:
        """F over mini-batches: all rows once in random order, or all of them together where ``size`` is None."""
        if size is None:
            yield self
            return
        for source in self.source.batches(size, generator):
            yield replace(self, source=source, penalty=self.penalty.scaled(source.n_rows / self.source.n_rows))

    def training_loss(self, theta: Tensor, reduction: str) -> Tensor:
        """F (or F / n for "mean") at a parameter (p, k) in the working precision, for autograd, as `Loss.reduced` has it."""
        n, blocks = self.source.n_rows, list(self.blocks())
        within = reduction if len(blocks) == 1 else "sum"  # torch's own mean has the bits of a hand-written loop
        parts = [
            self.loss.reduced(block.design.matmul(theta) + block.offset, block.y, block.weight, within)
            for block in blocks
        ]
        total, share = sum(parts[1:], parts[0]), 1.0 if reduction == "sum" else 1 / n
        total = total if within == reduction else total * share
        return total if self.penalty.free else total + share * self.penalty.value(theta).to(theta.dtype)

    def diagonal(self, theta: Tensor) -> Tensor:
        """The Hessian's diagonal, (*B, p, k), floored above zero."""
        return self._curvature(theta, full=False)

    @property
    def faithful(self) -> bool:
        """Whether a preconditioner is a whole Hessian (of a sample), not only its blocks or diagonal."""
        return self.p * self.k <= FULL_LIMIT

    def information(self, theta: Tensor) -> Tensor:
        """Fisher's information at theta (p, k), of the loss alone, (p, k, p, k); a softmax's flat directions get a curvature."""

        def of_block(block: Block) -> tuple[Tensor, ...]:
            return (block.design.gram(block.weight[:, None, None] * self.loss.information(self.eta(block, theta))),)

        return self._grounded(self._accumulate(of_block, theta)[0])

    def hessian_columns(self, theta: Tensor, index: Tensor) -> Tensor:
        """The Hessian's columns of some rows of theta (p, k), of the loss alone, (p, k, m, k)."""

        def of_block(block: Block) -> tuple[Tensor, ...]:
            *_, hess = self.loss.taylor(self.eta(block, theta), block.y, 2)
            return (block.design.cross(block.weight[:, None, None] * hess, index),)

        return self._accumulate(of_block, theta, index)[0]

    def preconditioner(self, theta: Tensor) -> Callable[[Tensor], Tensor]:
        """A cheap approximate inverse of the Hessian at theta: full, by class, or diagonal, as the size allows."""
        if self.faithful:
            hess = self.taylor(theta, 2).hess
            assert hess is not None
            return factor(hess).solve
        curvature = self._curvature(theta, full=self.blockwise)
        if not self.blockwise:
            return lambda grad: grad / curvature
        blocks = factor(curvature.to(self.dtype)).inverse()  # a product with it reads half of what a solve reads
        blocks = blocks.expand(self.k, -1, -1) if theta.ndim == 2 else blocks
        if not self.loss.symmetric:
            return lambda grad: _by_class(blocks, grad.to(self.dtype)).double()
        flat = torch.where(self.penalty.l2 > 0, 1 / self.penalty.l2, 0.0)

        def product(grad: Tensor) -> Tensor:
            """Where all classes move alike the Hessian is the penalty's alone, which no class's own block knows."""
            mean = grad.mean(-1, keepdim=True)
            out = _by_class(blocks, (grad - mean).to(self.dtype)).double()
            return out - out.mean(-1, keepdim=True) + flat * mean

        return product

    @property
    def blockwise(self) -> bool:
        """Whether a preconditioner is at least each class's own Hessian, not only a diagonal."""
        return self.p <= CLASS_LIMIT

    def _curvature(self, theta: Tensor, full: bool) -> Tensor:
        """Each class's own Hessian block (*B, k, p, 1, p, 1), or the Hessian's diagonal (*B, p, k) floored above zero."""
        kept = self._row_curvature(theta) if full or self.k == 1 else None
        if not full and kept is not None:
            return self._floored(*accumulate(self._whole, lambda block: (self._squares(block, kept),)))

        def of_block(block: Block) -> tuple[Tensor, ...]:
            *_, hess = self.loss.taylor(self.eta(block, theta), block.y, 2)
            own = block.weight[..., None] * hess.diagonal(dim1=-2, dim2=-1)
            return (block.design.gram(own.mT[..., None, None]) if full else block.design.diagonal(own),)

        if kept is not None and self.k > 1:
            (total,) = accumulate(self._whole, lambda block: (self._class_blocks(block, kept),))
        else:
            (total,) = self._accumulate(of_block, theta)
        if not full:
            return self._floored(total)
        _entries(total).add_(self.penalty.l2.expand(self.p, self.k).mT[: total.shape[-5], :, None])
        return total

    def _class_blocks(self, block: Block, curvature: Tensor) -> Tensor:
        """Each class's own Hessian block (k, p, 1, p, 1), or one for all where all rows have even chances."""
        mu = curvature[block.start :][: len(block.y)]
        own = (block.weight[:, None] * mu * (1 - mu)).to(self.dtype).mT
        if bool((own == own[:1]).all()):
            own = own[:1]
        return self._seen(block.design).gram(own[..., None, None])

    def _squares(self, block: Block, curvature: Tensor) -> Tensor:
        rows = curvature[block.start :][: len(block.y)]
        return self._seen(block.design).diagonal(rows.to(self.dtype)[:, None])

    def _floored(self, diagonal: Tensor) -> Tensor:
        total = diagonal + self.penalty.l2
        return total.clamp_min(1e-8 * total.amax((-2, -1), keepdim=True).clamp_min(1e-300))

    def separated(self, value: Tensor) -> Tensor:
        """Whether a value of F proves complete separation (*B,): no row can then lose as much as log 2.

        Only an unpenalised likelihood without offsets can prove it. Every row whose loss is under log 2 is on its
        right side (for softmax: its class leads all others), so theta itself separates the classes (with its intercept
        moved, where η = 0 are no even chances).
        """
        proof = self.penalty.free and not self.source.has_offset and self.loss.name != "squared"
        if not proof or not (self.loss.even or self.source.intercept):
            return torch.zeros_like(value, dtype=torch.bool)
        return value < self._least_weight * 0.693

    @cached_property
    def _least_weight(self) -> float:
        if self.source.survey is not None:
            return float(self.source.survey.least)
        with exact_arithmetic():
            return min(float(b.weight[b.weight > 0].min()) for b in self.source if bool((b.weight > 0).any()))


def _by_class(blocks: Tensor, grad: Tensor) -> Tensor:
    """Each class's block (*B, k, p, p) times its column of grad (*B, p, k); one by one, because bmm is four times slower."""
    if grad.ndim > 2:
        return (blocks @ grad.mT[..., None])[..., 0].mT
    return torch.stack([block @ column for block, column in zip(blocks, grad.mT, strict=True)], -1)


def _entries(hess: Tensor) -> Tensor:
    """The diagonal (*B, p, k) of a matrix (*B, p, k, p, k), to be written to."""
    return hess.diagonal(dim1=-4, dim2=-2).diagonal(dim1=-3, dim2=-2)
