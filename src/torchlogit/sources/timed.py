"""The store of a process group, whose answers are not waited for without end."""

from __future__ import annotations

import weakref
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from torchlogit.errors import DistributedError


class TimedStore:
    """A store of `torch.distributed` that raises `DistributedError` when it has not answered for ``limit`` seconds.

    Its own answers are waited for as long as the system keeps a connection: a quarter of an hour where the network is cut. So a
    thread asks, which is left behind then.
    """

    def __init__(self, store: Any, limit: float) -> None:
        self.limit, self._asks = limit, SimpleQueue[Any]()
        Thread(target=_answer, args=(store, self._asks), name="torchlogit store", daemon=True).start()
        weakref.finalize(self, self._asks.put, None)

    def set(self, key: str, value: str) -> None:
        self._ask("set", key, value)

    def add(self, key: str, number: int) -> int:
        """The number there, after adding to it."""
        return int(self._ask("add", key, number))

    def check(self, keys: list[str]) -> bool:
        """Whether all of the keys are there."""
        return bool(self._ask("check", keys))

    def _ask(self, *asked: Any) -> Any:
        answer = SimpleQueue[Any]()
        self._asks.put((answer, *asked))
        try:
            found = answer.get(timeout=self.limit)
        except Empty:
            raise DistributedError(
                f"no answer for {self.limit:g} seconds from where the ranks leave word for each other, rank 0's host or "
                "torchrun's: the network is cut, or that host is gone"
            ) from None
        if isinstance(found, Exception):
            raise found
        return found


def _answer(store: Any, asks: SimpleQueue[Any]) -> None:
    """Ask the store, until nobody asks any more."""
    while (asked := asks.get()) is not None:
        answer, name, *args = asked
        try:
            answer.put(getattr(store, name)(*args))
        except Exception as error:
            answer.put(error)
