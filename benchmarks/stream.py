"""``python -m benchmarks.stream FOLDER [ROWS]``: a fit to Parquet that is read in parts, beside pyarrow's own reading of it.

Makes ROWS (50 million unless said) × 20 numbers and a label, a million rows a file, with checksums, unless they are there:
8 GB. Then, in turns: pyarrow reads all columns, and torchlogit fits them to a relative distance of 1e-8. The figure that is held
is the time of a fit over (its passes × the time of reading): at most 1.3, and at most 8 passes.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

FEATURES, SHARD, GROUP = 20, 10**6, 250_000


def made(folder: Path, rows: int) -> None:
    """The files, one after the other: memory does not grow with them."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    theta = np.random.default_rng(0).normal(size=FEATURES) / FEATURES**0.5
    for i, start in enumerate(range(0, rows, SHARD)):
        path, n = folder / f"part-{i:03}.parquet", min(SHARD, rows - start)
        if path.exists():
            continue
        rng = np.random.default_rng(i + 1)
        x = rng.standard_normal((n, FEATURES))
        y = (rng.random(n) < 1 / (1 + np.exp(1 - x @ theta))).astype(np.int8)
        data = pa.table({**{f"x{j + 1}": x[:, j] for j in range(FEATURES)}, "y": y})
        partial = path.with_suffix(".part")
        parquet.write_table(data, partial, row_group_size=GROUP, use_dictionary=False, write_page_checksum=True)
        partial.rename(path)


def read(folder: Path, checked: bool) -> float:
    """Seconds that pyarrow takes to read all columns, in batches that nobody looks at."""
    from pyarrow import dataset

    scan = dataset.ParquetFragmentScanOptions(page_checksum_verification=checked)
    files = dataset.dataset(folder, format=dataset.ParquetFileFormat(default_fragment_scan_options=scan))
    begin, rows = perf_counter(), 0
    for batch in files.to_batches(batch_size=2**16):
        rows += len(batch)
    return perf_counter() - begin


def fitted(folder: Path, memory: str, tol: float) -> dict[str, Any]:
    """Seconds and passes of a fit, by part."""
    from torchlogit import fit as fitting  # which loads torch, before the clock starts

    seconds: dict[int, float] = {}

    class Watch:
        def __call__(self, record: Any) -> None: ...

        def reading(self, found: Any) -> None:
            seconds[found.number] = found.seconds

    begin = perf_counter()
    fit = fitting(folder, "y", memory=memory, tol=tol, watch=Watch())  # type: ignore[arg-type]
    took = perf_counter() - begin
    return {
        "seconds": took,
        "passes": fit.stream.passes.number,
        "each": [round(each, 2) for each in seconds.values()],
        "distance": fit.certificate.relative_distance,
        "solver": fit.solver,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.stream", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int, nargs="?", default=50_000_000)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--tol", type=float, default=1e-8)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    made(asked.folder, asked.rows)
    for _ in range(asked.turns):
        plain, checked = read(asked.folder, False), read(asked.folder, True)
        found = fitted(asked.folder, asked.memory, asked.tol)
        ratio = found["seconds"] / (found["passes"] * plain)
        print(
            json.dumps(
                {"read": round(plain, 2), "read with checksums": round(checked, 2), "ratio": round(ratio, 2), **found}
            )
        )


if __name__ == "__main__":
    main()
