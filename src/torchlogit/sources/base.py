"""What a source of rows is, and the one function that sums over its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Coordinates, Design


class Block(NamedTuple):
    """Some rows: their design (n, p), targets, weights, offsets, and the number of the first row (from 0)."""

    design: Design
    y: Tensor  # (n,) or (*B, n): 0/1 or class index
    weight: Tensor  # (n,) or (*B, n)
    offset: Tensor  # (n, k), or () for none
    start: int = 0


class Source(Protocol):
    """Rows that can be read again and again."""

    @property
    def n_rows(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def intercept(self) -> bool: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def sparse(self) -> bool: ...
    @property
    def entries(self) -> float | None: ...  # numbers that a sparse row stores, on average; None for dense rows
    @property
    def has_offset(self) -> bool: ...
    @property
    def in_memory(self) -> bool: ...
    @property
    def survey(self) -> Any: ...  # what is known of all rows already; None: nothing
    def __iter__(self) -> Iterator[Block]: ...
    def reduce(self, total: tuple[Tensor, ...]) -> tuple[Tensor, ...]: ...
    def whole(self, loss: str, dtype: torch.dtype) -> Source: ...
    def select(self, columns: Tensor) -> Source: ...
    def kept(self) -> Source: ...
    def beside(self, more: Any) -> Source: ...
    def moved(self, coordinates: Coordinates, dtype: torch.dtype) -> Source: ...
    def elastic(self, l1: Tensor, l2: Tensor, theta: Tensor, hess: Tensor | None, tol: float) -> Any: ...
    def sample(self, rows: int, seed: int) -> Source: ...
    def batches(self, size: int, generator: torch.Generator) -> Iterator[Source]: ...


def accumulate(
    source: Source, of_block: Callable[[Block], tuple[Tensor, ...]], at: tuple[Tensor, ...] = ()
) -> tuple[Tensor, ...]:
    """The sum of ``of_block(block)`` over all rows of the source, in float64, wherever the rows live.

    The sum is compensated (Neumaier's two-sum), so that it does not depend on how the rows are cut into blocks. ``at`` is
    what it is asked at, such as theta: a source that has kept the sums of an earlier run gives those of the same question.
    Source: Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, algorithm IV.
    """
    journal = getattr(source, "journal", None)
    with exact_arithmetic():
        return _summed(source, of_block) if journal is None else journal.total(at, lambda: _summed(source, of_block))


def _summed(source: Source, of_block: Callable[[Block], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    parts = (tuple(t.double() for t in of_block(block)) for block in source)
    total = next(parts)
    carry: tuple[Tensor, ...] = ()
    for part in parts:
        carry = carry or tuple(torch.zeros_like(t) for t in total)
        total, carry = zip(*map(_two_sum, total, part, carry), strict=True)
    return source.reduce(tuple(map(_closed, total, carry)) if carry else total)


def _closed(total: Tensor, carry: Tensor) -> Tensor:
    return total if total.isnan().any() else total + carry


def _two_sum(a: Tensor, b: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
    total = a + b
    shadow = total - a
    return total, carry + ((a - (total - shadow)) + (b - shadow))
