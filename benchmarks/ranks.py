"""``python -m benchmarks.ranks FOLDER [ROWS]``: a fit spread over 1, 2, 4 and 8 processes of this machine, beside a cost model.

The files are those of `benchmarks.stream` (2 million rows × 20 unless said). A fit over N ranks takes, by the model, its passes
× (the rows of a rank × the seconds of a row + the seconds of a sum over N ranks of as many numbers); both are measured here,
the first by one rank alone, the second by sums of 3 to a million numbers. With more ranks than cores a rank's rows take
N / cores times as long, and nothing is gained; what the model says of the sums is checked all the same.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.stream import made

SIZES = (3, 1_000, 30_000, 1_000_000)


def rank_of(rank: int, size: int, port: int, folder: Path, pipe: Any) -> None:
    """One rank: seconds of sums, then of the second of two fits, and how much of it passed in sums."""
    import torch
    import torch.distributed as dist

    from torchlogit import fit
    from torchlogit.sources.ranks import Ranks

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    ranks, sums = Ranks("world"), {}
    for numbers in SIZES:
        mine = (torch.ones(numbers, dtype=torch.float64),)
        ranks.sum(mine)
        begin = perf_counter()
        for _ in range(20):
            ranks.sum(mine)
        sums[numbers] = (perf_counter() - begin) / 20
    for _ in range(2):
        begin = perf_counter()
        found = fit(folder, "y", process_group="world", memory="256MiB", tol=1e-8)
        took = perf_counter() - begin
    pipe.send({"sums": sums, "seconds": took, "passes": found.stream.passes.number, "met": found.stream.ranks.asked})
    dist.destroy_process_group()


def spread(size: int, folder: Path) -> dict[str, Any]:
    """What rank 0 of ``size`` has measured."""
    import torch.distributed as dist

    context = multiprocessing.get_context("spawn")
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    ends, ranks = [], []
    for rank in range(size):
        here, there = context.Pipe(duplex=False)
        ranks.append(context.Process(target=rank_of, args=(rank, size, store.port, folder, there)))
        ranks[-1].start()
        ends.append(here)
    found, *_ = [end.recv() for end in ends]
    for process in ranks:
        process.join()
    return dict(found)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.ranks", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int, nargs="?", default=2_000_000)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
    asked = parser.parse_args()
    made(asked.folder, asked.rows)
    alone = None
    for size in asked.ranks:
        found = spread(size, asked.folder)
        alone = alone or found
        share = alone["seconds"] / min(size, os.cpu_count() or 1)
        model = share + found["met"] * found["sums"][1_000]
        ratios = {"over one": found["seconds"] / alone["seconds"], "model": model / alone["seconds"]}
        sums = {f"sum of {n}": round(seconds * 1e3, 2) for n, seconds in found["sums"].items()}
        shown = {name: round(value, 2) for name, value in (("seconds", found["seconds"]), *ratios.items())}
        print(
            json.dumps({"ranks": size, **shown, "passes": found["passes"], "met": found["met"], "ms": sums}), flush=True
        )


if __name__ == "__main__":
    main()
