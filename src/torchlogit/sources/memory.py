"""Rows in memory: a tensor or a SciPy CSR array, cut into blocks that are views."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from torchlogit.design import Coordinates, Design
from torchlogit.kernels.elastic import Solved, elastic
from torchlogit.kernels.passes import suits
from torchlogit.sources.base import Block

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK_ENTRIES = 2**18  # 2 MB of float64: a block and its temporaries stay in a core's cache (benchmarks/NOTES.md)

CARD_ENTRIES = 2**26  # 512 MB of float64, which a card reads in a tenth of a millisecond or more
LEAST_ROWS = 1024  # so that a p×p sum is worth its making


class MemorySource:
    """Blocks of rows of ``x`` (n, d); ``y`` (n,) or (*B, n), ``weight`` likewise, ``offset`` (n,) or (n, k).

    Dense blocks are views: the caller's array is never copied. ``block_rows`` is chosen by the cache unless given.

    >>> import torch
    >>> source = MemorySource(torch.zeros(5, 2), torch.tensor([0.0, 1, 0, 1, 1]), block_rows=2)
    >>> [len(block.y) for block in source]
    [2, 2, 1]
    """

    in_memory = True
    survey = None

    def __init__(
        self,
        x: Tensor | csr_array,
        y: Tensor,
        weight: Tensor | None = None,
        offset: Tensor | None = None,
        *,
        intercept: bool = True,
        block_rows: int | None = None,
    ) -> None:
        self.x: Any = x
        self.y, self.intercept = y, intercept
        self.sparse = not isinstance(x, Tensor)
        self.device = torch.device("cpu") if self.sparse else x.device
        self.n_rows: int = x.shape[0]
        self.n_features: int = x.shape[1]
        self.entries = None if isinstance(x, Tensor) else x.nnz / max(1, self.n_rows)
        self.weight = torch.ones((), dtype=torch.float64, device=self.device) if weight is None else weight
        self.weight = self.weight.expand(*self.weight.shape[:-1], self.n_rows)
        self.has_offset = offset is not None
        self.offset = torch.zeros((), dtype=torch.float64, device=self.device) if offset is None else offset
        if self.offset.ndim == 1:
            self.offset = self.offset[:, None]
        self.block_rows = block_rows or self._few_enough()

    def _few_enough(self) -> int:
        """Rows of a block: for a core's cache; on a card, where a block's operations must be worth their launching, many."""
        entries = BLOCK_ENTRIES if self.device.type == "cpu" else CARD_ENTRIES
        return max(LEAST_ROWS, entries // max(1, self._entries_per_row()))

    def _entries_per_row(self) -> int:
        """Numbers a row makes: its columns if dense; for sparse rows twice the non-zeros, with a floor for the overhead.

        Sparse rows of few columns may be made dense block by block (`Design`): such a block then stays under 100 MB.
        """
        if self.entries is None:
            return self.n_features
        filled = self.n_features // 32 if self.n_features <= 4096 else 0
        return max(8 + int(2 * self.entries), filled)

    def __iter__(self) -> Iterator[Block]:
        for i in range(0, self.n_rows, self.block_rows):
            yield self._block(slice(i, min(i + self.block_rows, self.n_rows)), i)

    def _block(self, rows: slice | Tensor, start: int = 0) -> Block:
        if isinstance(rows, slice) and rows == slice(0, self.n_rows):
            x = self.x  # SciPy would copy it
        else:
            x = self.x[rows.numpy()] if self.sparse and isinstance(rows, Tensor) else self.x[rows]
        offset = self.offset[rows] if self.offset.ndim else self.offset
        return Block(Design(x, self.intercept), self.y[..., rows], self.weight[..., rows], offset, start)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that the rows are made of; of sparse rows not their x."""
        return (*(() if self.sparse else (self.x,)), self.y, self.weight, self.offset)

    def to(self, device: torch.device, pinned: bool = False) -> MemorySource:
        """The same rows on a device, sparse ones where they are; from ``pinned`` memory the host does not wait for the copy."""
        if self.sparse or self.device == device:
            return self

        def moved(t: Tensor) -> Tensor:
            return t.pin_memory().to(device, non_blocking=True) if pinned and t.numel() > 1 else t.to(device)

        out = copy(self)
        one = self.weight.stride(-1) == 0  # a number for all rows
        out.x, out.y, out.offset = map(moved, (self.x, self.y, self.offset))
        out.weight = moved(self.weight[..., :1]).expand_as(self.weight) if one else moved(self.weight)
        out.device = out.x.device
        out.block_rows = out._few_enough()
        return out

    def table(self) -> Design:
        """All rows as one design."""
        return Design(self.x, self.intercept)

    def with_table(self, x: Tensor) -> MemorySource:
        """The same rows with other columns."""
        out = copy(self)
        out.x, out.n_features = x, x.shape[1]
        out.block_rows = out._few_enough()
        return out

    def whole(self, loss: str, dtype: torch.dtype) -> MemorySource:
        """The same rows as one block where a compiled pass for this loss, computing in ``dtype``, cuts them; else self."""
        if not suits(self.x, loss, dtype):
            return self
        out = copy(self)
        out.block_rows = max(1, self.n_rows)
        return out

    def select(self, columns: Tensor) -> MemorySource:
        """The same rows with some of the columns: a copy, in which they lie side by side."""
        if self.sparse:
            x = self.x[:, columns.numpy()]
        elif self.x.stride(0) < self.x.stride(1):
            x = self.x.mT[columns].mT
        elif self.x.device.type == "cpu":
            x = torch.from_numpy(
                np.take(self.x.numpy(), columns.numpy(), 1, mode="clip")
            )  # four times as fast as torch
        else:
            x = self.x[:, columns]
        return self._gathered(x)

    def kept(self) -> MemorySource:
        """Itself: it is in memory."""
        return self

    def beside(self, more: MemorySource) -> MemorySource:
        """The same rows with the columns of both."""
        if self.sparse:
            from scipy.sparse import hstack

            x = hstack([self.x, more.x], format="csr")
        else:
            x = torch.cat([self.x, more.x], 1)
        return self._gathered(x)

    def _gathered(self, x: Any) -> MemorySource:
        out = copy(self)
        out.x, out.n_features = x, x.shape[1]
        out.block_rows = max(self.block_rows, 8 * out.n_features)  # so that a Hessian is one product
        return out

    def moved(self, coordinates: Coordinates, dtype: torch.dtype) -> MemorySource:
        """The same dense rows in other coordinates: a copy in ``dtype``."""
        out = copy(self)
        out.x = coordinates.transform(self.x, dtype)
        return out

    def elastic(self, l1: Tensor, l2: Tensor, theta: Tensor, hess: Tensor | None, tol: float) -> Solved | None:
        """The logistic fit under these strengths by compiled code; None where there is none for these rows."""
        if self.sparse or self.y.ndim > 1 or self.weight.ndim > 1:
            return None
        return elastic(self.x, self.intercept, self.y, self.weight, self.offset, l1, l2, theta, hess, tol)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[MemorySource]:
        """All rows once, in random order, ``size`` at a time; the last batch may be smaller."""
        for picked in torch.randperm(self.n_rows, generator=generator).split(size):
            yield self._picked(picked)

    def _picked(self, picked: Tensor, factor: float = 1.0) -> MemorySource:
        block = self._block(picked.to(self.device))
        offset = block.offset if self.has_offset else None
        return MemorySource(block.design.x, block.y, block.weight * factor, offset, intercept=self.intercept)

    def pick(self, rows: Tensor) -> MemorySource:
        """Some of the rows, by number, in that order: a copy."""
        return self._picked(rows)

    def sample(self, rows: int, seed: int = 0) -> MemorySource:
        """One random row of each of ``rows`` equal stretches, weights scaled up by n / rows; all rows if there are fewer."""
        if rows >= self.n_rows:
            return self
        place = torch.arange(rows) + torch.rand(
            rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        picked = (place * (self.n_rows / rows)).long().clamp_max(self.n_rows - 1)
        return self._picked(picked, self.n_rows / rows)
