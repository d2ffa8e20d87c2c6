"""Firth's penalised likelihood, for any number of thetas at once: ``F = −log-likelihood − ½ log|I|``.

I is the expected information of the coefficients that a likelihood determines: those of independent columns, and for
K > 2 classes the K − 1 contrasts between them. Everything is two sums over the rows: I first, then, with its inverse, each
row's leverage. Shapes: B thetas, q independent columns with the intercept, m columns of ψ (1, or K − 1), ``phi`` (B, q, m)
in the coordinates of the objective, c vectors of row weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Design
from torchlogit.information import RowInformation, contrasts, row_information
from torchlogit.linalg import weighted_gram
from torchlogit.objective import Objective
from torchlogit.sources.base import Block, accumulate, largest

KEPT = 2**23  # numbers of rows, and of products of their columns, that are kept between passes: 64 MB
CHUNK = 2**20  # numbers made at a time
MANY = 5  # vectors of weights from which all products of two columns are worth their making
CURVED = 2e10  # multiplications up to which the Hessian of log|I| is worth its making
WIDE = 256  # coefficients up to which its third derivatives fit in memory

T = TypeVar("T")


class Seen:
    """A block's rows z (n, q) in the objective's coordinates, with all products of two of its columns where there is room.

    ``Σ h z zᵀ`` and ``zᵀ g z`` for many h and many g are then two products of matrices, of which each serves all.
    """

    def __init__(self, block: Block, z: Tensor, room: bool) -> None:
        self.y, self.z = block.y, z
        self.weight, self.offset = block.weight.double(), block.offset.double()
        self.rows, self.columns = torch.triu_indices(z.shape[1], z.shape[1], device=z.device)
        self.room = room

    @cached_property
    def _kept(self) -> Tensor:
        return self._made(slice(None))

    def prepare(self) -> None:
        """Make the products that are kept."""
        if self.room:
            _ = self._kept

    def times(self, phi: Tensor) -> Tensor:
        """``z φ``, (B, n, m), of phi (B, q, m)."""
        b, q, m = phi.shape
        return (phi.mT.reshape(b * m, q) @ self.z.mT).reshape(b, m, -1).mT

    def sums(self, t: Tensor) -> Tensor:
        """``zᵀ t``, (B, q, m), of t (B, n, m)."""
        b, n, m = t.shape
        return (t.mT.reshape(b * m, n) @ self.z).reshape(b, m, -1).mT

    def _made(self, rows: slice) -> Tensor:
        z, start = self.z[rows].mT.contiguous(), 0
        out = z.new_empty(len(self.rows), z.shape[1])
        for i, column in enumerate(z):
            torch.mul(z[i:], column, out=out[start : (start := start + len(z) - i)])
        return out

    def _products(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows, and the products of their columns in pairs (q(q + 1)/2, rows)."""
        if self.room:
            yield slice(None), self._kept
            return
        step = max(1, CHUNK // len(self.rows))
        for i in range(0, len(self.z), step):
            yield (rows := slice(i, i + step)), self._made(rows)

    def grams(self, h: Tensor) -> Tensor:
        """``Σ h z zᵀ`` (c, q, q) from weights h (c, n)."""
        if len(h) < MANY:
            return torch.stack([weighted_gram(self.z, one[None])[0] for one in h])
        packed = torch.stack([h[:, rows] @ products.mT for rows, products in self._products()]).sum(0)
        q = self.z.shape[1]
        place = torch.empty(q, q, dtype=torch.long, device=h.device)
        place[self.rows, self.columns] = place[self.columns, self.rows] = torch.arange(len(self.rows), device=h.device)
        return packed[:, place]

    def forms(self, g: Tensor) -> Tensor:
        """``zᵀ g z`` of every row, (c, n), from matrices g (c, q, q)."""
        if len(g) < MANY:
            return torch.stack([((self.z @ one) * self.z).sum(1) for one in g])
        q = g.shape[-1]
        above, below = (
            g.flatten(1).index_select(1, i) for i in (self.rows * q + self.columns, self.columns * q + self.rows)
        )
        packed = (above + below).mul_(torch.where(self.rows == self.columns, 0.5, 1.0).to(g))
        return torch.cat([packed @ products for _, products in self._products()], 1)


class At(NamedTuple):
    """F and its parts at B points; derivatives over the q·m coefficients in the order of ``phi.ravel()``."""

    phi: Tensor  # (B, q, m)
    value: Tensor  # (B,) F; infinite where I is singular
    log_likelihood: Tensor  # (B,)
    grad: Tensor  # (B, q·m)
    information: Tensor  # (B, q·m, q·m)
    inverse: Tensor  # (B, q·m, q·m)

    def of(self, members: Tensor) -> At:
        """The same for some of the members."""
        return At(*(t[members] for t in self))


class _State(NamedTuple):
    """What the first pass finds of a block and the second needs."""

    slope: Tensor  # (B, n, k): s ∂ℓ/∂η
    rows: RowInformation


@dataclass(frozen=True)
class Jeffreyed:
    """F over the rows of an objective without a penalty; ``objective`` gives rows, loss and coordinates.

    Source: Firth (1993), Bias reduction of maximum likelihood estimates, eq. 3 and §3.3; Kosmidis and Firth (2009),
    Bias reduction in exponential family nonlinear models, §5, for more than two classes.
    """

    objective: Objective

    @cached_property
    def contrast(self) -> Tensor:
        """C (k, m), with η = z φ Cᵀ."""
        return contrasts(self.objective.k).to(self.objective.source.device)

    @property
    def shape(self) -> tuple[int, int]:
        """Q and m."""
        return self.objective.p, self.contrast.shape[1]

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs c ≤ d of columns of ψ, and the place (m, m) of each pair among them."""
        m = self.shape[1]
        first, second = torch.triu_indices(m, m, device=self.contrast.device)
        place = torch.empty(m, m, dtype=torch.long, device=self.contrast.device)
        place[first, second] = place[second, first] = torch.arange(len(first), device=place.device)
        return first, second, place

    @property
    def source(self) -> Any:
        return self.objective.source

    @cached_property
    def blocks(self) -> list[Seen] | None:
        """All rows as the solver sees them, where there are few."""
        q = self.objective.p
        if self.source.n_rows * q > KEPT:
            return None
        room = self.source.n_rows * q * (q + 1) // 2 <= KEPT

        def make() -> list[Seen]:
            return [self._seen(block, room) for block in self.source]

        return make() if self.ranks is None else list(self.ranks.each(make))

    def _seen(self, block: Block, room: bool = False) -> Seen:
        to = self.objective.coordinates
        design: Design = block.design.moved(None if to is None else to._replace(explicit=True), torch.float64)
        if not design.dense:
            return Seen(block, design.to_dense(), room)
        z = design.x.double()
        return Seen(block, torch.cat([z.new_ones(len(z), 1), z], 1) if design.intercept else z, room)

    def __iter__(self) -> Iterator[Seen]:
        yield from self.blocks if self.blocks is not None else map(self._seen, self.source)

    @property
    def ranks(self) -> Any:
        """Those over which the rows are spread."""
        return getattr(self.source, "ranks", None)

    def _sum(self, of_block: Callable[[Seen], tuple[Tensor, ...]], *at: Tensor) -> tuple[Tensor, ...]:
        return accumulate(self, of_block, at)  # type: ignore[arg-type]

    def eta(self, seen: Seen, phi: Tensor) -> Tensor:
        """η of a block's rows, (B, n, k)."""
        psi = seen.times(phi)
        return (psi if self.objective.k == 1 else psi @ self.contrast.mT) + seen.offset

    def _spread(self, seen: Seen, weights: Tensor) -> Tensor:
        """``Σ W ⊗ z zᵀ`` (B, pairs, q, q) from W (B, n, m, m)."""
        first, second, _ = self._pairs
        b, n, *_ = weights.shape
        h = weights[..., first, second].mT.reshape(-1, n)
        return seen.grams(h).reshape(b, len(first), *self.objective.zeros().shape[:1] * 2)

    def _whole(self, pairs: Tensor) -> Tensor:
        """(B, q·m, q·m) from what `_spread` summed."""
        q, m = self.shape
        return pairs[:, self._pairs[2]].permute(0, 3, 1, 4, 2).reshape(-1, q * m, q * m)

    def _leverage(self, seen: Seen, inverse: Tensor) -> Tensor:
        """``(I ⊗ z)ᵀ I⁻¹ (I ⊗ z)`` of every row, (B, n, m, m)."""
        (q, m), (first, second, place) = self.shape, self._pairs
        blocks = inverse.reshape(-1, q, m, q, m).permute(0, 2, 4, 1, 3)[:, first, second]
        found = seen.forms(blocks.reshape(-1, q, q)).reshape(len(inverse), len(first), -1)
        return found[:, place].permute(0, 3, 1, 2)

    def at(self, phi: Tensor) -> At:
        """F with its gradient and the information at every ``phi``, in two passes over the rows."""
        with exact_arithmetic():
            memo: dict[int, _State] | None = {} if self.blocks is not None and len(phi) * self._width <= KEPT else None
            likelihood, pairs = self._sum(lambda seen: self._first(seen, phi, memo), phi)
            information = self._whole(pairs)
            inverse, log_det = _inverted(information)
            (grad,) = self._sum(lambda seen: self._second(seen, phi, inverse, memo), phi)
        return At(phi, -likelihood - log_det / 2, likelihood, grad.flatten(1), information, inverse)

    @property
    def _width(self) -> int:
        return self.source.n_rows * self.objective.k**2

    def _state(self, seen: Seen, phi: Tensor, memo: dict[int, _State] | None) -> tuple[Tensor, _State]:
        eta, loss = self.eta(seen, phi), self.objective.loss
        value, slope = loss.taylor(eta, seen.y, 1)
        rows = row_information(loss, eta, self.contrast)
        state = _State(seen.weight[:, None] * slope, rows)
        if memo is not None:
            memo[id(seen)] = state
        return value, state

    def _first(self, seen: Seen, phi: Tensor, memo: dict[int, _State] | None) -> tuple[Tensor, ...]:
        """Log-likelihood and information of a block."""
        value, state = self._state(seen, phi, memo)
        weights = seen.weight[:, None, None] * state.rows.weights()
        return -(seen.weight * value).sum(-1), self._spread(seen, weights)

    def _second(self, seen: Seen, phi: Tensor, inverse: Tensor, memo: dict[int, _State] | None) -> tuple[Tensor, ...]:
        """The modified score of a block, negative: ``zᵀ s (ℓ′C − ½ Σ Q ∂W)`` (B, q, m)."""
        state = memo[id(seen)] if memo is not None else self._state(seen, phi, None)[1]
        tilt = seen.weight[:, None] * state.rows.tilt(self._leverage(seen, inverse))
        return (seen.sums((state.slope @ self.contrast).sub_(tilt, alpha=0.5)),)

    @property
    def curved(self) -> bool:
        """Whether `hessian` is worth its making."""
        q, m = self.shape
        return q * m <= WIDE and self.source.n_rows * q**3 * m**3 / 2 <= CURVED

    def hessian(self, at: At) -> Tensor:
        """The Hessian of F at one point (q·m, q·m): ``−ℓ″ − ½ tr(I⁻¹ I″) + ½ tr(I⁻¹ I′ I⁻¹ I′)``.

        I′ is the information with each row's W replaced by its slope times a column: third cumulants, (q·m)³ numbers.
        """
        with exact_arithmetic():
            local, third = self._sum(lambda seen: self._third(seen, at), at.phi)
            seen = at.inverse @ self._whole(third)
            curved = seen.flatten(1) @ seen.mT.flatten(1).mT
            return self._whole(local)[0] + (curved + curved.mT) / 4

    def _third(self, seen: Seen, at: At) -> tuple[Tensor, ...]:
        eta, loss = self.eta(seen, at.phi), self.objective.loss
        own = self.contrast.mT @ loss.taylor(eta, seen.y, 2)[2] @ self.contrast
        rows, s = row_information(loss, eta, self.contrast), seen.weight[:, None, None]
        local = s * (own - rows.bend(self._leverage(seen, at.inverse)) / 2)
        slope = (s[..., None] * rows.slope())[0].movedim(1, 0)  # (m, n, m, m)
        third = [
            self._spread(seen, (columns[:, None, :, None, None] * slope).flatten(0, 1))
            for columns in seen.z.mT.split(max(1, CHUNK // slope.numel()))
        ]
        return self._spread(seen, local), torch.cat(third)

    def bent(self, at: At, step: Tensor) -> Tensor:
        """``½ Σ s z ∂W[ψ, ψ]`` (B, q, m) with ψ what a step (B, q, m) moves each row: how the gradient leaves a straight line.

        Half the third derivative of −log-likelihood along the step, where W is its second; of other links, of the information.
        """

        def of_block(seen: Seen) -> tuple[Tensor, ...]:
            psi = seen.times(step)[..., None]
            rows = row_information(self.objective.loss, self.eta(seen, at.phi), self.contrast)
            return (seen.sums(seen.weight[:, None] * rows.tilt(psi * psi.mT)) / 2,)

        return self._sum(of_block, at.phi, step)[0]

    def reach(self, step: Tensor) -> Tensor:
        """The largest change of any row's ψ by a step (B, q, m), (B,)."""
        rows: Any = self

        def of_block(seen: Any) -> Any:
            return seen.times(step).abs().flatten(1).amax(1)[None]

        return largest(rows, of_block, len(step)).to(step)


def _inverted(information: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse and log-determinant of (B, c, c); of a singular one the unit matrix and −∞, so that F is infinite."""
    root, info = torch.linalg.cholesky_ex(information)
    log_det = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    bad = (info > 0) | ~log_det.isfinite()
    if bool(bad.any()):
        root[bad] = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device)
    return torch.cholesky_inverse(root), torch.where(bad, -torch.inf, log_det)
