"""The processes that fit together, called ranks: sums over all of them, and errors that all of them raise.

Nothing but one kind of collective operation is used, a sum of equal tensors, and every rank asks for the same ones in the same
order. Before each of them the ranks wait for each other at the store of the process group, where each says how it gets on:
so a rank may take its time over its rows, and one that has stopped is named.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from math import prod
from time import monotonic, sleep
from typing import Any

import torch
from torch import Tensor

from torchlogit import errors
from torchlogit.errors import DistributedError, ParameterError
from torchlogit.sources.base import apart, together
from torchlogit.sources.timed import TimedStore
from torchlogit.tables.names import show

LIMIT = 120.0  # seconds for which a rank may give no sign of life
BEAT = 1.0  # seconds between two signs
LONGEST = 0.05  # seconds between two looks for ranks that are not as far
DEVICE = "between hosts, GLOO_SOCKET_IFNAME may have to name the network device"
HEAD = 3  # numbers before those of a sum: errors, the question's digest, its square
DIGEST = 2**24  # so that a sum of squares is exact in float64 up to 32 ranks, and near enough beyond


class Ranks:
    """The ranks of a process group, of which this process is ``rank``; ``size`` are all.

    ``group`` is one of `torch.distributed`, or "world" for the one that was initialised. Sums go through a gloo group of their
    own, whatever moves the group's tensors: they are few numbers. A rank that gives no sign for ``limit`` seconds ends the fit
    on all others with `DistributedError`.
    """

    def __init__(
        self, group: Any = "world", limit: float = LIMIT, waiting: Callable[[str], None] | None = None
    ) -> None:
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            raise ParameterError(
                "process_group= needs torch.distributed.init_process_group() first; torchrun gives it what it asks for"
            )
        if not limit > 0:
            raise ParameterError(f"timeout must be a number of seconds over 0, got {limit!r}")
        chosen = dist.group.WORLD if isinstance(group, str) and group == "world" else group
        self.rank, self.size = dist.get_rank(chosen), dist.get_world_size(chosen)
        if self.rank < 0:
            raise ParameterError("this process is no member of the process_group")
        members, allowed = dist.get_process_group_ranks(chosen), timedelta(seconds=limit)
        self.limit, self.waiting, self.asked = limit, waiting, 0
        with _told("the ranks do not find each other", DEVICE):
            place = self._place(dist, members, allowed)
            self._store = TimedStore(place, limit)
            self._gloo = self._group(dist, place, allowed)
        self._said, self._beats = monotonic(), 0
        self.hosts = [str(name) for name in self.gather(socket.gethostname)]

    def _place(self, dist: Any, members: list[int], allowed: timedelta) -> Any:
        """Where the ranks of this fit leave word for each other; each fit of a group has its own place there."""
        store = dist.distributed_c10d._get_default_store()
        store.set_timeout(allowed)
        called = "torchlogit " + " ".join(map(str, members))
        number = store.add(f"{called}/{self.rank}", 1)
        return dist.PrefixStore(f"{called}/fit {number}", store)

    def _group(self, dist: Any, place: Any, allowed: timedelta) -> Any:
        """A gloo group that goes, with its threads and connections, when these `Ranks` go."""
        return dist.ProcessGroupGloo(dist.PrefixStore("gloo", place), self.rank, self.size, allowed)

    def sum(
        self, mine: tuple[Tensor, ...], at: tuple[Tensor, ...] = (), error: Exception | None = None
    ) -> tuple[Tensor, ...]:
        """The sum of ``mine`` over all ranks, in float64; an ``error`` on any of them is raised on all.

        ``at`` is what the sum was asked at, the same on all ranks: where theirs differ, `DistributedError` says so.
        """
        numbers, shapes = together(mine)
        digest = _digest(self.asked, shapes, at)
        head = torch.tensor([float(error is not None), digest, digest**2], dtype=torch.float64)
        total = self._reduced(torch.cat([head, numbers]))
        failed, once, twice = (int(x) for x in total[:HEAD].tolist())
        if failed:
            self._raise(error)
        if self.size * twice != once**2:
            raise _of_all(
                DistributedError(
                    "the ranks have come to different coefficients, or were asked with different options; all must run the same "
                    "code on processors of one kind (or set ATEN_CPU_CAPABILITY=default on all)"
                )
            )
        return apart(total[HEAD:], shapes)

    def gather(self, make: Callable[[], Any]) -> list[Any]:
        """What ``make()`` gives on each rank, in JSON's types, rank by rank; an error on any of them is raised on all."""
        return [json.loads(text) for text in self._bytes(lambda: json.dumps(make()).encode())]

    def table(self, make: Callable[[], Any]) -> Any:
        """The Arrow tables that ``make()`` gives on each rank as one; None where it is None on any."""
        import pyarrow as pa

        def packed() -> bytes:
            found, out = make(), pa.BufferOutputStream()
            if found is None:
                return b""
            with pa.ipc.new_stream(out, found.schema) as file:
                file.write_table(found)
            return bytes(out.getvalue())

        parts = self._bytes(packed)
        if not all(parts):
            return None
        tables = [pa.ipc.open_stream(part).read_all() for part in parts]
        return pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()

    def first(self, make: Callable[[], Any]) -> Any:
        """What ``make()`` gives on rank 0; nobody else calls it."""
        return self.gather(lambda: make() if self.rank == 0 else None)[0]

    def each(self, make: Callable[[], Any]) -> Any:
        """What ``make()`` gives here, once it has ended everywhere; an error on any rank is raised on all."""
        kept: list[Any] = []
        self.gather(lambda: kept.append(make()))
        return kept[0]

    def tensors(self, mine: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
        """The tensors of each rank in float64, of any number and shapes, rank by rank."""
        numbers, own = together(mine)
        shapes = self.gather(lambda: own)
        sizes = torch.tensor([sum(map(prod, each)) for each in shapes])
        return [apart(part, each) for part, each in zip(self._joined(numbers, sizes), shapes, strict=True)]

    def check_same(self, what: Mapping[str, Any]) -> None:
        """Refuse to go on where the ranks were given different things: the first of them is named."""
        first, *others = self.gather(lambda: {key: _short(value) for key, value in what.items()})
        for rank, other in enumerate(others, 1):
            for key in dict.fromkeys([*first, *other]):
                if other.get(key) != first.get(key):
                    pair = (
                        f"{show(each.get(key, 'not there'), 120)} on {self.name(at)}"
                        for each, at in ((first, 0), (other, rank))
                    )
                    raise _of_all(
                        ParameterError(f"the ranks were given different things: {key} is {' and '.join(pair)}")
                    )

    def name(self, rank: int) -> str:
        """A rank as a reader finds it."""
        host = getattr(self, "hosts", None)
        return f"rank {rank}" + (f" ({host[rank]})" if host else "")

    def beat(self) -> None:
        """Give a sign of life, now and then: rows come in."""
        if monotonic() - self._said > BEAT:
            self._said, self._beats = monotonic(), self._beats + 1
            self._store.set(f"alive {self.rank}", str(self._beats))

    def _bytes(self, make: Callable[[], bytes]) -> list[bytes]:
        """What ``make()`` gives on each rank; an error on any of them is raised on all."""
        data, error = b"", None
        try:
            data = make()
        except Exception as caught:
            error = caught
        sizes, failed = self._slots(torch.tensor([len(data), error is not None])).T
        if failed.any():
            self._raise(error)
        mine = torch.frombuffer(bytearray(data or b" "), dtype=torch.uint8)[: len(data)]
        return [part.numpy().tobytes() for part in self._joined(mine, sizes)]

    def _slots(self, mine: Tensor) -> Tensor:
        """A row of each rank, (size, len(mine))."""
        all_of_them = torch.zeros(self.size, len(mine), dtype=mine.dtype)
        all_of_them[self.rank] = mine
        return self._reduced(all_of_them)

    def _joined(self, mine: Tensor, sizes: Tensor) -> list[Tensor]:
        """The numbers of each rank, of which there are ``sizes``."""
        whole = torch.zeros(int(sizes.sum()), dtype=mine.dtype)
        parts = whole.split(sizes.tolist())
        parts[self.rank].copy_(mine)
        if len(whole):
            self._reduced(whole)
        return list(parts)

    def _reduced(self, tensor: Tensor) -> Tensor:
        """The tensor summed over all ranks, in place."""
        self.asked += 1
        with _told(f"a rank was lost in sum {self.asked} of the fit"):
            self._meet()
            self._gloo.allreduce([tensor]).wait()
        return tensor

    def _meet(self) -> None:
        """Wait until all ranks have come this far; `DistributedError` names those that give no sign."""
        self._store.set(f"{self.asked} {self.rank}", "here")
        missing, begin = self._missing(range(self.size)), monotonic()
        seen, since = dict.fromkeys(missing, -1), dict.fromkeys(missing, begin)
        while missing:  # the store waits too, but tells stderr whenever it has waited in vain
            sleep(min(LONGEST, (monotonic() - begin) / 8))
            signs = self._signs(missing)
            since.update((rank, monotonic()) for rank in missing if signs[rank] != seen[rank])
            seen.update(signs)
            self._check_alive([rank for rank in missing if monotonic() - since[rank] > self.limit])
            missing = self._missing(missing)
            if missing and self.waiting is not None:
                self.waiting(", ".join(map(self.name, missing)))

    def _check_alive(self, silent: list[int]) -> None:
        if silent:
            raise DistributedError(
                f"no sign of {', '.join(map(self.name, silent))} for {self.limit:g} seconds, while {self.name(self.rank)} "
                "waited; see what became of it, or give a longer timeout"
            )

    def _missing(self, ranks: Iterable[int]) -> list[int]:
        """Those who have not come as far."""
        keys = {rank: f"{self.asked} {rank}" for rank in ranks}
        if self._store.check(list(keys.values())):  # one question, where all have
            return []
        return [rank for rank, key in keys.items() if not self._store.check([key])]

    def _signs(self, ranks: list[int]) -> dict[int, int]:
        """How many signs of life each has given."""
        return {rank: int(self._store.add(f"alive {rank}", 0)) for rank in ranks}

    def _raise(self, error: Exception | None) -> None:
        """Raise the error of the first rank that has one, on every rank in the same words."""
        mine = None if error is None else [type(error).__name__, str(error)]
        for rank, found in enumerate(self.gather(lambda: mine)):
            if found is not None:
                kind = getattr(errors, found[0], None)
                text = found[1] if kind is not None else f"{found[0]}: {found[1]}"
                raise _of_all((kind or DistributedError)(f"{self.name(rank)}: {text}")) from error


@contextmanager
def _told(what: str, hint: str = "") -> Iterator[None]:
    """Within: what `torch.distributed` raises becomes a `DistributedError` that says what it means, and what to do."""
    try:
        yield
    except errors.TorchlogitError:
        raise
    except RuntimeError as error:
        raise DistributedError("; ".join(filter(None, [f"{what}: {show(error, 300)}", hint]))) from error


def _of_all(error: errors.TorchlogitError) -> errors.TorchlogitError:
    """An error that every rank raises."""
    error.of_all = True
    return error


def _digest(number: int, shapes: Any, at: tuple[Tensor, ...]) -> int:
    """A whole number under `DIGEST` that stands for a question."""
    out = hashlib.sha256(repr((number, shapes)).encode())
    for tensor in at:
        out.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return int.from_bytes(out.digest()[:3], "big")


def _short(value: Any) -> str:
    """JSON of a value; of a long one its beginning, and what tells it from others."""
    text = json.dumps(value, default=repr)
    return text if len(text) < 2000 else f"{text[:100]}… {hashlib.sha256(text.encode()).hexdigest()}"
