"""The process group that the environment of a process tells of, as ``torchrun`` and Spark set it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from torchlogit.errors import DistributedError
from torchlogit.sources.ranks import DEVICE
from torchlogit.tables.names import show, show_list

TRIES = 5  # that many time limits gloo takes to find that another rank is out of reach; nothing is summed in this group


@contextmanager
def process_group(timeout: float) -> Iterator[None]:
    """Within: the process group of the ``WORLD_SIZE`` processes that meet at ``MASTER_ADDR:MASTER_PORT``, this one ``RANK``.

    DistributedError says which ranks have not come within ``timeout`` seconds.
    """
    import torch.distributed as dist

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    allowed = timedelta(seconds=timeout)
    try:
        store = _store(dist, rank, allowed)
        _meet(store, rank, size, allowed)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=allowed / TRIES)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, DistributedError):
            raise
        raise DistributedError(
            f"rank {rank}: the ranks do not find each other: {show(error, 300)}; {DEVICE}"
        ) from error
    try:
        yield
    finally:
        dist.destroy_process_group()


def _store(dist: Any, rank: int, allowed: timedelta) -> Any:
    """Where the ranks leave word for each other: at torchrun's, or one that rank 0 opens. Every restart has its own place."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    opens = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store = dist.TCPStore(host, port, is_master=opens, timeout=allowed, wait_for_workers=False)
    except dist.DistNetworkError as error:
        why = "another job is at this port: choose another MASTER_PORT" if opens else "rank 0 has not come"
        raise DistributedError(f"rank {rank}: no store at {host}:{port}: {why} ({show(error, 200)})") from error
    return dist.PrefixStore(f"torchlogit start {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _meet(store: Any, rank: int, size: int, allowed: timedelta) -> None:
    """Wait for all ranks; `DistributedError` names those that are not there."""
    if store.add(f"rank {rank}", 1) > 1:
        raise DistributedError(
            f"rank {rank} came twice; each process must have a RANK of its own, from 0 to {size - 1}"
        )
    try:
        store.wait([f"rank {other}" for other in range(size)], allowed)
    except RuntimeError:
        missing = [f"rank {other}" for other in range(size) if not store.check([f"rank {other}"])]
        raise DistributedError(
            f"{size - len(missing)} of {size} ranks came within {allowed.total_seconds():g} seconds; missing: "
            f"{show_list(missing, 10)}. All need the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT"
        ) from None
