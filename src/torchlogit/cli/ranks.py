"""The command as one of several processes, ranks, that ``torchrun`` has started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from torchlogit.cli.streams import say
from torchlogit.errors import DistributedError, ParameterError

RESTARTS = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"  # set to 1, restarts do not hang at the store of the run before


def own_rank() -> int | None:
    """Which rank this process is, from 0; None where the command runs alone."""
    given = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE")}
    if not all(given.values()):
        return None
    if not all(text.isdecimal() for text in given.values()) or int(given["RANK"]) >= int(given["WORLD_SIZE"]):
        told = ", ".join(f"{name}={text!r}" for name, text in given.items())
        raise ParameterError(f"the environment says {told}: the rank must be a number from 0 and under the size")
    return int(given["RANK"])


@contextmanager
def joined(timeout: float) -> Iterator[str | None]:
    """Within: the process group of all ranks, for `torchlogit.fit`; None where the command runs alone.

    ParameterError for a timeout that is none; DistributedError where the ranks do not find each other in that time.
    """
    rank = own_rank()
    if not timeout > 0:
        raise ParameterError(f"--timeout must be a number of seconds over 0, got {timeout:g}")
    if rank is None:
        yield None
        return
    from torchlogit.sources.joining import process_group

    if rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and _restarts():
        say(f"a restart may hang: set {RESTARTS}=1 for torchrun as well", "note")
    over = Event()
    Thread(target=_watch_parent, args=(os.getppid(), over), name="torchlogit parent watch", daemon=True).start()
    try:
        with process_group(timeout):
            yield "world"
    finally:
        over.set()


def _restarts() -> bool:
    return os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") not in ("", "0")


def _watch_parent(parent: int, over: Event) -> None:
    """End the process where the one that started it is gone: nobody else would end the ranks of a torchrun that was killed."""
    while not over.wait(1):
        if os.getppid() != parent:
            say("torchrun is gone", "error")
            os._exit(DistributedError.exit_code)
