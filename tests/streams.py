"""Small tables, written as files in many ways, for the tests of rows that are read in parts."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import torchlogit

MEMORY = "768KiB"  # of which a quarter may be read at once: less than any of these tables


def table(rows=4000, seed=0, classes=2, gaps=False):
    """Numbers, a category, a boolean, weights, offsets and labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 300.0, 0.0, 5.0]
    town, new = rng.integers(0, 3, rows), rng.random(rows) < 0.4
    eta = x @ [0.8, -0.005, 60.0, 0.0] + 1.5 + np.array([0.0, 0.7, -0.4])[town] + 0.5 * new
    spread = eta[:, None] * np.linspace(0, 1, classes) + rng.gumbel(size=(rows, classes))
    y = spread.argmax(1)
    lost = (rng.random(rows) < 0.03) & gaps
    return pa.table({
        "a": x[:, 0],
        "b": pa.array(x[:, 1], mask=lost),
        "c": x[:, 2].astype("f4"),
        "d": np.rint(x[:, 3]).astype("i4"),
        "town": pa.array(np.array(["Ulm", "Bonn", "Jena"], object)[town], mask=np.roll(lost, 5)),
        "new": new,
        "w": rng.integers(0, 4, rows).astype("f8"),
        "o": rng.normal(size=rows) / 4,
        "y": y,
    })  # fmt: skip


def numbers(rows=4000, seed=0, features=6):
    """Numbers and a label alone."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    y = (rng.random(rows) < 1 / (1 + np.exp(-(x @ rng.normal(size=features) - 0.3)))).astype(int)
    return pa.table({**{f"x{j + 1}": x[:, j] for j in range(features)}, "y": y})


def write(folder, data, shards=3, group=500, **options):
    """The table as Parquet files of uneven size, ``part-0.parquet``, …; their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    cuts = [0, *sorted(np.random.default_rng(1).choice(np.arange(1, len(data)), shards - 1, replace=False)), len(data)]
    for i, (start, stop) in enumerate(pairwise(cuts)):
        one(folder / f"part-{i}.parquet", data.slice(start, stop - start), group, **options)
    return folder


def one(path, data, group=500, **options):
    """The table as one Parquet file with checksums."""
    pq.write_table(data, path, row_group_size=group, **{"write_page_checksum": True, **options})
    return path


def fit(folder, target="y", **settings):
    """The fit of rows that are read in parts."""
    return torchlogit.fit(folder, target, memory=MEMORY, **settings)
