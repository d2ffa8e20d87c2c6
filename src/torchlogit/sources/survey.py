"""What one pass over a stream shows of all its rows, so that no further pass need ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from torchlogit.design import Coordinates, Design, moved_gram
from torchlogit.errors import DataError
from torchlogit.moments import moments
from torchlogit.sources.base import Block, accumulate
from torchlogit.sources.memory import MemorySource
from torchlogit.sources.stream import Passes, ahead, joined

if TYPE_CHECKING:
    from torchlogit.sources.ranks import Ranks

TOLD_APART = 32  # rows from which those of two ranks are not the same by chance
NARROW = 512  # features up to which their Gram matrix is made on the way: 2 MB


class Survey(NamedTuple):
    """The sums and extremes of all rows, and some rows that stand for them."""

    n_rows: int
    classes: Tensor  # (K,): the total weight of each class
    least: float  # weight that is not 0
    whole: bool  # whether all weights are whole numbers
    start: Coordinates  # near the columns' own
    gram: Tensor | None  # (d + 1, d + 1) of (1, z) in these coordinates; None where it was not made
    reach: Tensor  # (d,): no |z| is larger
    sample: MemorySource  # rows drawn at random, in random order

    def changed(self, change: Callable[[MemorySource], MemorySource], columns: Tensor | None = None) -> Survey:
        """That of the same rows with some of the columns; without ``columns`` nothing is known of what they become."""
        out = self._replace(sample=change(self.sample))
        if columns is None:
            return out._replace(gram=None)
        both = torch.cat([columns.new_zeros(1), columns + 1])
        gram = None if self.gram is None else self.gram[both][:, both]
        return out._replace(start=self.start.select(columns), gram=gram, reach=self.reach[columns])

    def to(self, device: torch.device) -> Survey:
        """The same on a device."""
        start, gram = self.start.to(device=device), None if self.gram is None else self.gram.to(device)
        return self._replace(
            classes=self.classes.to(device), start=start, gram=gram, reach=self.reach.to(device),
            sample=self.sample.to(device),
        )  # fmt: skip

    def gram_in(self, to: Coordinates) -> Tensor | None:
        """The Gram matrix of (1, z), (d + 1, d + 1), in other coordinates that mix no columns; None where it is not known."""
        if self.gram is None or to.basis is not None:
            return None
        between = Coordinates((to.centre - self.start.centre) / self.start.scale, to.scale / self.start.scale)
        return moved_gram(self.gram.clone()[None], between)[0]

    def largest(self, theta: Tensor, centre: Tensor) -> float:
        """A bound on the |η| of all rows for a theta (d, k) or (d + 1, k) about a centre."""
        slopes = theta[len(theta) - len(self.reach) :].abs()
        size = self.reach * self.start.scale + (self.start.centre - centre).abs()
        return float((size @ slopes + theta[: len(theta) - len(self.reach)].abs().sum(0)).max())


def survey(
    read: Callable[[], Iterator[MemorySource]],
    passes: Passes,
    k: int,
    room: int,
    ranks: Ranks | None = None,
    own: bool = False,
) -> tuple[Tensor, ...]:
    """The `Survey` of the parts that ``read()`` yields, as tensors; the sample takes ``room`` bytes at most. One pass.

    Sums are taken about the first part's centre: who uses them sees whether that was near enough. Ranks that each have their
    ``own`` rows may not have the same.
    """
    start, numbers = _start(read, ranks)
    wanted = len(start.centre) <= NARROW
    seen = _Seen(start, int(room // (8 * (numbers + 3))), 0 if ranks is None else ranks.rank, own)

    def of_block(block: Block) -> tuple[Tensor, ...]:
        weight = block.weight.double()
        classes = torch.zeros(max(2, k), dtype=torch.float64).index_add_(0, block.y.long(), weight)
        if not wanted:
            return (classes,)
        design = Design(block.design.x, True).moved(start, torch.float64)
        return classes, design.gram(weight[:, None, None])[:, 0, :, 0]

    blocks: Any = _Blocks(lambda: map(seen.see, passes.over(ahead(read))), len(start.centre), ranks)
    classes, *gram = accumulate(blocks, of_block)
    made = gram[0] if gram else torch.zeros(0, 0, dtype=torch.float64)
    facts = torch.tensor([seen.n_rows, seen.least, seen.whole, seen.digest], dtype=torch.float64)
    mine = facts, seen.reach, *seen.sample()
    facts, reach, *sample = mine if ranks is None else _of_all(ranks.tensors(mine), ranks, seen.most)
    return facts, classes, start.centre, start.scale, made, reach, *sample[1:]


def _start(read: Callable[[], Iterator[MemorySource]], ranks: Ranks | None) -> tuple[Coordinates, float]:
    """Coordinates near the columns' own, and the numbers that a row takes: by the first part with rows, of the first rank."""

    def mine() -> tuple[Tensor, ...]:
        first = next(read(), None)
        if first is None:
            return ()
        here, numbers = moments(first).coordinates, first.n_features if first.entries is None else 2 * first.entries
        return here.centre, here.scale, torch.tensor([float(numbers), here.explicit], dtype=torch.float64)

    found = [mine()] if ranks is None else ranks.tensors(ranks.each(mine))
    centre, scale, more = next(filter(len, found), (None, None, None))
    if centre is None or scale is None or more is None:
        raise DataError("no row is left: there are none, or all have missing cells")
    return Coordinates(centre, scale, explicit=bool(more[1])), float(more[0])


def _of_all(found: list[tuple[Tensor, ...]], ranks: Ranks, most: int) -> tuple[Tensor, ...]:
    """What each rank has seen, as if one had seen it all."""
    facts, reach = (torch.stack([mine[i] for mine in found]) for i in range(2))
    check_apart([(n, number) for n, *_, number in facts.tolist()], ranks)
    keys = torch.cat([mine[2] for mine in found])
    rows = joined([_rows(mine[3:], reach.shape[1], intercept=True) for mine in found if len(mine[2])])
    sample = _tensors(rows._picked(keys.argsort()[:most]))
    both = torch.stack([facts[:, 0].sum(), facts[:, 1].amin(), facts[:, 2].amin()])
    return both, reach.amax(0), keys, *sample


def check_apart(found: Sequence[tuple[float, float]], ranks: Ranks) -> None:
    """Refuse (`DataError`) rows that two ranks have, which would count twice; each ``found`` so many, with a checksum or 0."""
    seen: dict[tuple[float, float], int] = {}
    for rank, (n, number) in enumerate(found):
        other = seen.setdefault((n, number), rank)
        if other != rank and number and n >= TOLD_APART:
            raise DataError(
                f"{ranks.name(other)} and {ranks.name(rank)} have the same {n:.0f} rows, which would count twice; give each "
                "rank its own rows, or all of them the same files, which are dealt out"
            )


def survey_of(tensors: Sequence[Tensor], intercept: bool) -> Survey:
    """The survey that `survey` has written as tensors."""
    facts, classes, centre, scale, gram, reach, *rows = tensors
    explicit = bool((centre.abs() > 8 * scale).any())
    return Survey(
        n_rows=int(facts[0]),
        classes=classes,
        least=float(facts[1]),
        whole=bool(facts[2]),
        start=Coordinates(centre, scale, explicit=explicit),
        gram=gram if gram.numel() else None,
        reach=reach,
        sample=_rows(rows, len(reach), intercept),
    )


def _tensors(rows: MemorySource) -> tuple[Tensor, ...]:
    """y, weight, offset and x of rows; x sparse as its three arrays."""
    offset = rows.offset if rows.has_offset else torch.zeros(0, dtype=torch.float64)
    x: tuple[Tensor, ...] = (rows.x,)
    if rows.sparse:
        x = tuple(torch.from_numpy(t).double() for t in (rows.x.data, rows.x.indices, rows.x.indptr))
    return rows.y.double(), rows.weight.double(), offset, *x


def _rows(tensors: Sequence[Tensor], d: int, intercept: bool) -> MemorySource:
    """The rows that `_tensors` wrote."""
    y, weight, offset, *x = tensors
    table: Any = x[0]
    if len(x) > 1:
        from scipy.sparse import csr_array

        data, indices, ends = (t.numpy() for t in x)
        table = csr_array((data, indices.astype("int32"), ends.astype("int32")), shape=(len(y), d))
    return MemorySource(table, y.long(), weight, offset if offset.numel() else None, intercept=intercept)


class _Blocks:
    """Each part as one block."""

    def __init__(self, read: Callable[[], Iterator[MemorySource]], d: int, ranks: Ranks | None) -> None:
        self.read, self.d, self.ranks = read, d, ranks

    def __iter__(self) -> Iterator[Block]:
        if self.ranks is not None:  # a row of no weight, so that none is without
            yield Block(Design(torch.zeros(1, self.d, dtype=torch.float64), True), *torch.zeros(3, 1).double())
        for part in self.read():
            yield part._block(slice(0, part.n_rows))


class _Seen:
    """What is no sum: the extremes of the rows, and a sample of them.

    Each row draws a number; those with the ``most`` smallest stay. Source: Vitter (1985), Random sampling with a reservoir, §3.
    """

    def __init__(self, start: Coordinates, most: int, rank: int, told: bool) -> None:
        self.start, self.told, d = start, told, len(start.centre)
        self.most = max(16, min(most, 100 * (d + 1) + 5000))
        self.n_rows, self.least, self.whole, self.digest = 0, torch.inf, True, 0
        self.reach = torch.zeros(d, dtype=torch.float64)
        self.generator = torch.Generator().manual_seed(rank)
        self.drawn: list[tuple[Tensor, MemorySource]] = []
        self.bar, self.count = 1.0, 0

    def see(self, part: MemorySource) -> MemorySource:
        """Take note of a part, and hand it on."""
        self.n_rows += part.n_rows
        weight = part.weight[:1] if part.weight.stride(0) == 0 else part.weight
        self.least = min(self.least, float(weight[weight > 0].min())) if bool((weight > 0).any()) else self.least
        self.whole = self.whole and bool((weight == weight.round()).all())
        low, high = _extremes(part)
        size = torch.maximum((low - self.start.centre).abs(), (high - self.start.centre).abs()) / self.start.scale
        self.reach = torch.maximum(self.reach, size)
        self.digest = checksum(part, self.digest) if self.told else 0
        self._draw(part)
        return part

    def _draw(self, part: MemorySource) -> None:
        keys = torch.rand(part.n_rows, generator=self.generator, dtype=torch.float64)
        rows = (keys < self.bar).nonzero()[:, 0]
        if len(rows):
            self.drawn.append((keys[rows], part._picked(rows)))
            self.count += len(rows)
        if self.count > 2 * self.most:
            self._thin()

    def _thin(self) -> None:
        keys = torch.cat([keys for keys, _ in self.drawn])
        if len(keys) <= self.most:
            return
        self.bar = float(keys.kthvalue(self.most + 1).values)
        below = [(keys, part, (keys < self.bar).nonzero()[:, 0]) for keys, part in self.drawn]
        self.drawn = [(keys[rows], part._picked(rows)) for keys, part, rows in below if len(rows)]
        self.count = sum(len(keys) for keys, _ in self.drawn)

    def sample(self) -> tuple[Tensor, ...]:
        """The numbers of the rows drawn, rising, and `_tensors` of these rows; without rows no more than no numbers."""
        if not self.drawn:
            return (torch.zeros(0, dtype=torch.float64),)
        self._thin()
        keys, order = torch.cat([keys for keys, _ in self.drawn]).sort()
        return keys, *_tensors(joined([part for _, part in self.drawn])._picked(order))


def checksum(part: MemorySource, before: int) -> int:
    """A number for the features of a part and all ``before`` it."""
    numbers = part.x.data if part.sparse else np.ascontiguousarray(part.x.numpy().T)
    return crc32(numbers.data, before)


def _extremes(part: MemorySource) -> tuple[Tensor, Tensor]:
    """The least and the largest number of every column, (d,)."""
    if part.sparse:
        low, high = (getattr(part.x, name)(axis=0).toarray().ravel() for name in ("min", "max"))
        return torch.from_numpy(low).double(), torch.from_numpy(high).double()
    low, high = (torch.from_numpy(getattr(part.x.numpy(), name)(axis=0)).double() for name in ("min", "max"))
    return low, high  # a quarter of the time of torch.aminmax along columns
