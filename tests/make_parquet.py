"""A Parquet file of any length from a known model: the input of the command's end-to-end tests.

    python tests/make_parquet.py students.parquet 1000000

Each row is a student. ``passed`` is "yes" with probability sigmoid(η), "no" otherwise, where η is the sum of ``TRUTH``:
the intercept, slope times value for the numbers, and for a category what its level adds to the first level in
alphabetical order (adds 0). About 49 % pass. The columns:

    hours    float64      weekly hours of study, gamma; 2 % missing
    age      int32        18 to 60; none missing
    income   float64      thousands a year, log-normal, long tail; 5 % missing; plays no part in the truth
    region   text         east, north, south, west; 1 % missing
    school   dictionary   basic, middle, upper; 1 % missing
    online   bool         takes the course at a distance; none missing
    passed   text         the target; none missing

Cells are missing by chance alone, so the rows that are whole (about 91 %) give the same coefficients. The first rows
of a longer file are the shorter file.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TRUTH = {
    "(intercept)": -1.0, "hours": 0.3, "age": -0.03, "income": 0.0,
    "region[north]": 0.5, "region[south]": -0.4, "region[west]": 0.0,
    "school[middle]": 0.6, "school[upper]": 1.2, "online[true]": -0.5,
}  # fmt: skip
REGIONS, SCHOOLS = ["east", "north", "south", "west"], ["basic", "middle", "upper"]
GROUP = 16_384  # rows of a row group, made at a time: memory does not grow with the file


def write(path, rows=100_000, seed=0):
    """Write ``rows`` rows to ``path``; the same arguments give the same table."""
    rng = np.random.default_rng(seed)
    first = _group(rng)
    with pq.ParquetWriter(path, first.schema) as file:
        for start in range(0, rows, GROUP):
            file.write_table((_group(rng) if start else first).slice(0, rows - start))


def _group(rng):
    hours, age = rng.gamma(4, 1.5, GROUP), rng.integers(18, 61, GROUP, dtype=np.int32)
    income, online = rng.lognormal(3.5, 0.6, GROUP), rng.random(GROUP) < 0.3
    region, school = rng.choice(4, GROUP, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(3, GROUP, p=[0.5, 0.3, 0.2])
    eta = TRUTH["(intercept)"] + TRUTH["hours"] * hours + TRUTH["age"] * age + TRUTH["online[true]"] * online
    eta += np.array([TRUTH.get(f"region[{level}]", 0) for level in REGIONS])[region]
    eta += np.array([TRUTH.get(f"school[{level}]", 0) for level in SCHOOLS])[school]
    passed = rng.random(GROUP) < 1 / (1 + np.exp(-eta))
    lost = {name: rng.random(GROUP) < share for name, share in
            [("hours", 0.02), ("income", 0.05), ("region", 0.01), ("school", 0.01)]}  # fmt: skip
    return pa.table({
        "hours": pa.array(hours, mask=lost["hours"]),
        "age": pa.array(age),
        "income": pa.array(income, mask=lost["income"]),
        "region": pa.array(np.array(REGIONS, object)[region], mask=lost["region"]),
        "school": pa.DictionaryArray.from_arrays(pa.array(school, pa.int8(), mask=lost["school"]), SCHOOLS),
        "online": pa.array(online),
        "passed": pa.array(np.where(passed, "yes", "no").astype(object)),
    })  # fmt: skip


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
