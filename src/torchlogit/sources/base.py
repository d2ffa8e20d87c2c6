"""What a source of rows is, and the one function that sums over its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
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
        make = partial(_summed, source, of_block, at)
        return make() if journal is None else tuple(t.to(source.device) for t in journal.total(at, make))


def _summed(
    source: Source, of_block: Callable[[Block], tuple[Tensor, ...]], at: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """The sum of the blocks here, or of those of all ranks, who also learn of an error after the first block."""
    parts = (tuple(t.double() for t in of_block(block)) for block in source)
    total = next(parts)
    carry: tuple[Tensor, ...] = ()
    error = None
    try:
        for part in parts:
            carry = carry or tuple(torch.zeros_like(t) for t in total)
            total, carry = zip(*map(_two_sum, total, part, carry), strict=True)
    except Exception as caught:
        error = caught
    total, ranks = tuple(map(_closed, total, carry)) if carry else total, getattr(source, "ranks", None)
    if ranks is not None:
        return tuple(t.to(total[0].device) for t in ranks.sum(total, at, error))
    if error is not None:
        raise error
    return total


def largest(source: Source, of_block: Callable[[Block], Tensor], size: int) -> Tensor:
    """The largest of ``of_block(block)`` (m, size) over all rows, (size,); -inf where there are none."""
    found = torch.full((size,), -torch.inf, dtype=torch.float64)
    ranks = getattr(source, "ranks", None)

    def make() -> list[float]:
        nonlocal found
        for block in source:
            part = of_block(block).double().cpu()
            found = torch.maximum(found, part.amax(0)) if len(part) else found
        return [float(x) for x in found]

    if ranks is None:
        return torch.tensor(make(), dtype=torch.float64)
    return torch.tensor(ranks.gather(make), dtype=torch.float64).amax(0)


def _closed(total: Tensor, carry: Tensor) -> Tensor:
    """Both, where that is a number: asked of each entry, because the host would wait for a card to ask of all."""
    both = total + carry
    return torch.where(both.isnan(), total, both)


def _two_sum(a: Tensor, b: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
    total = a + b
    shadow = total - a
    return total, carry + ((a - (total - shadow)) + (b - shadow))


def together(tensors: tuple[Tensor, ...]) -> tuple[Tensor, list[list[int]]]:
    """All numbers of some tensors one after the other, in float64 and on the CPU, and the tensors' shapes."""
    flat = [t.double().reshape(-1).cpu() for t in tensors]
    return torch.cat([torch.zeros(0, dtype=torch.float64), *flat]), [list(t.shape) for t in tensors]


def apart(numbers: Tensor, shapes: list[list[int]]) -> tuple[Tensor, ...]:
    """Tensors of these shapes, from their numbers one after the other."""
    parts = numbers.split([prod(shape) for shape in shapes])
    return tuple(part.reshape(shape).clone() for part, shape in zip(parts, shapes, strict=True))
