"""Rows that do not fit in memory: read again for every pass, some ahead of the computation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from copy import copy
from queue import SimpleQueue
from threading import Event, Semaphore, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.errors import ParameterError
from torchlogit.kernels.passes import suits
from torchlogit.sources.base import Block
from torchlogit.sources.crossing import Crossing
from torchlogit.sources.memory import MemorySource

if TYPE_CHECKING:
    from torchlogit.sources.ranks import Ranks
    from torchlogit.sources.survey import Survey

T = TypeVar("T")


class Part(Protocol):
    """Some rows of a stream."""

    @property
    def n_rows(self) -> int: ...


P = TypeVar("P", bound=Part)

CPU = torch.device("cpu")
AHEAD = 3  # parts that wait, at most, while one is computed with and one is made
PART = 2**23  # bytes of a part at most: large enough that its overhead does not count, small enough for the cache
SHARE = 32  # a part is this share of the memory at most
KEPT = 4  # what is kept is this share of it at most


class Reading(NamedTuple):
    """How far a pass is: its number from 1, rows read of ``n_rows`` (0: not known yet), and seconds since it began."""

    number: int
    rows: int
    n_rows: int
    seconds: float


class Passes:
    """Counts the passes over a stream; ``watch`` is called with a `Reading` for each part."""

    def __init__(self, watch: Callable[[Reading], None] | None = None) -> None:
        self.number, self.n_rows, self.watch = 0, 0, watch

    def over(self, parts: Iterator[P]) -> Iterator[P]:
        """The parts of one more pass."""
        self.number += 1
        rows, number, begin = 0, self.number, monotonic()
        for part in parts:
            yield part
            rows += part.n_rows
            if self.watch is not None:
                self.watch(Reading(number, rows, self.n_rows, monotonic() - begin))


def ahead(items: Callable[[], Iterator[T]], depth: int = AHEAD) -> Generator[T, None, None]:
    """The items, made by a thread while those before them are worked with, ``depth`` at most waiting; its errors are raised here.

    >>> list(ahead(lambda: iter(range(5)), 2))
    [0, 1, 2, 3, 4]
    """
    room, over = Semaphore(depth), Event()
    made: SimpleQueue[tuple[Any, BaseException | None, bool]] = SimpleQueue()

    def work() -> None:
        try:
            for item in items():
                room.acquire()
                if over.is_set():
                    return
                made.put((item, None, False))
            made.put((None, None, True))
        except BaseException as error:
            made.put((None, error, True))

    thread = Thread(target=work, name="torchlogit read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error, end = made.get()
            room.release()
            if error is not None:
                raise error
            if end:
                return
            yield item
    finally:
        over.set()
        room.release()
        if thread is not current_thread():  # the garbage collector may come by in any thread
            thread.join()


class StreamSource:
    """Rows in parts, each a `MemorySource`, which ``read()`` yields from the first on, again for every pass.

    ``survey`` is what a pass over all rows has shown; ``memory`` the bound in bytes that what is kept obeys. A ``journal``
    keeps the sums of every pass, for a run that goes on after this one was ended. Where the rows are spread over ``ranks``,
    those read here are this rank's; the survey is that of all rows.
    """

    in_memory = False

    def __init__(
        self,
        read: Callable[[], Iterator[MemorySource]],
        survey: Survey,
        *,
        memory: int,
        passes: Passes,
        journal: Any = None,
        ranks: Ranks | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.crossing = Crossing(CPU if survey.sample.sparse else device)
        self.read: Callable[[], Iterator[MemorySource]] = lambda: map(self.crossing.over, read())
        self.memory, self.passes, self.journal = memory, passes, journal
        self.survey, self.n_rows, self.ranks = survey.to(self.device), survey.n_rows, ranks

    @property
    def device(self) -> torch.device:
        """Where the rows come for a computation."""
        return self.crossing.device

    @property
    def n_features(self) -> int:
        return self.survey.sample.n_features

    @property
    def intercept(self) -> bool:
        return self.survey.sample.intercept

    @property
    def sparse(self) -> bool:
        return self.survey.sample.sparse

    @property
    def entries(self) -> float | None:
        return self.survey.sample.entries

    @property
    def has_offset(self) -> bool:
        return self.survey.sample.has_offset

    def parts(self) -> Generator[MemorySource, None, None]:
        """One pass: the parts, read ahead; of many ranks' first a row of no weight, so that none is without."""
        if self.ranks is not None:
            yield self.survey.sample._picked(torch.zeros(1, dtype=torch.long), 0.0)
        with closing(ahead(lambda: self.crossing.sent(self.read))) as parts:
            yield from self.passes.over(map(self.crossing.arrived, parts))

    def __iter__(self) -> Iterator[Block]:
        start = 0
        with closing(self.parts()) as parts:
            for part in parts:
                for block in part:
                    yield block._replace(start=start + block.start)
                start += part.n_rows

    def _seen(self, change: Callable[[MemorySource], MemorySource], survey: Survey) -> StreamSource:
        """The same rows, each part changed as it comes."""
        out, read = copy(self), self.read
        out.read, out.survey = (lambda: map(change, read())), survey
        return out

    def whole(self, loss: str, dtype: torch.dtype) -> StreamSource:
        """The same rows in blocks as large as they come where a compiled pass cuts them; else self."""
        if not suits(self.survey.sample.x, loss, dtype):
            return self
        return self._seen(lambda part: part.whole(loss, dtype), self.survey)

    def select(self, columns: Tensor) -> StreamSource:
        """The same rows with some of the columns."""
        return self._changed(lambda part: part.select(columns), columns)

    def moved(self, coordinates: Coordinates, dtype: torch.dtype) -> StreamSource:
        """The same dense rows in other coordinates, formed as they come."""
        return self._changed(lambda part: part.moved(coordinates, dtype), None)

    def _changed(self, change: Callable[[MemorySource], MemorySource], columns: Tensor | None) -> StreamSource:
        return self._seen(change, self.survey.changed(change, columns))

    def kept(self) -> MemorySource | StreamSource:
        """The same rows in memory where they take no more than their share of it; one pass."""
        kept = self._kept() if self.ranks is None else None
        return self.at_hand() if kept is None else kept

    def at_hand(self) -> StreamSource:
        """The same with this rank's rows in memory, where they fit: other ranks' may not."""
        kept = None if self.ranks is None else self.ranks.each(self._kept)
        if kept is None:
            return self
        out = copy(self)
        out.read = lambda: iter([kept])
        return out

    def _kept(self) -> MemorySource | None:
        numbers = self.n_features if self.entries is None else 2 * self.entries
        most = min(self.memory, self.crossing.room()) / KEPT / ((numbers + 3) * 8)
        if self.n_rows > most * (1 if self.ranks is None else self.ranks.size):
            return None
        parts, rows = [], 0
        with closing(self.parts()) as read:
            for part in read:
                parts.append(part)
                rows += part.n_rows
                if rows > most:  # this rank has more than its share of the rows
                    return None
        return joined(parts)

    def beside(self, more: Any) -> Any:
        """Two passes cannot stand beside each other: whoever restricts a stream selects all columns at once."""
        raise NotImplementedError

    def elastic(self, *given: Any) -> None:
        """There is no compiled code for a whole fit to rows that are not in memory."""

    def sample(self, rows: int, seed: int = 0) -> MemorySource | StreamSource:
        """``rows`` of those that the survey drew, all alike, weights scaled up by n / rows; all rows if there are fewer."""
        if rows >= self.n_rows:
            return self
        rows = min(rows, self.survey.sample.n_rows)
        return self.survey.sample._picked(torch.arange(rows), self.n_rows / rows)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[MemorySource]:
        """All rows once, ``size`` at a time: part after part, within a part in random order."""
        with closing(self.parts()) as parts:
            for part in parts:
                yield from part.batches(size, generator)


def joined(parts: list[MemorySource]) -> MemorySource:
    """Parts as one source in memory; ``parts`` is emptied on the way."""
    first = parts[0]
    n = sum(part.n_rows for part in parts)
    y, weight = (torch.cat([getattr(part, name) for part in parts]) for name in ("y", "weight"))
    offset = torch.cat([part.offset for part in parts]) if first.has_offset else None
    if first.sparse:
        from scipy.sparse import vstack

        return MemorySource(
            vstack([part.x for part in parts], format="csr"), y, weight, offset, intercept=first.intercept
        )
    x, at = torch.empty(n, first.n_features, dtype=first.x.dtype, device=first.device), 0
    parts.reverse()
    while parts:
        part = parts.pop()  # its rows go as they are copied, so that they are in memory once
        x[at : at + part.n_rows] = part.x
        at += part.n_rows
    return MemorySource(x, y, weight, offset, intercept=first.intercept)


def bytes_of(memory: int | str) -> int:
    """A size in bytes, from a number or a text such as "512MB", "1GiB" or "2g".

    >>> bytes_of("1GiB"), bytes_of("1.5 kB"), bytes_of(4096)
    (1073741824, 1500, 4096)
    """
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
    text = str(memory).strip().lower()
    number = text.rstrip("bikmgt ")
    unit = text[len(number) :].strip().removesuffix("b")
    try:
        out = int(float(number) * units[unit])
    except (ValueError, KeyError, OverflowError):
        out = 0
    if out <= 0:
        raise ParameterError(f'memory must be a size such as "1GiB", "512MB" or a number of bytes, got {memory!r}')
    return out


def part_rows(memory: int, columns: int) -> int:
    """Rows of a part, from the memory that all of them may take and the numbers in a row."""
    return max(64, min(PART, memory // SHARE) // (8 * (columns + 3)))
