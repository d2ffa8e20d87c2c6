"""Clusters of rows: who belongs together, where all rows are at hand and where they are read in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.facts import Facts
from torchlogit.inference.observed import Observed
from torchlogit.inference.parts import Tables
from torchlogit.rows import Rows
from torchlogit.sources.base import accumulate
from torchlogit.tables.cells import distinct, read_cells
from torchlogit.tables.names import show, show_rows

FEW = 30  # clusters below which clustered errors tend to be too small


class Way(NamedTuple):
    """One way to cluster: its columns' name, the number of clusters, and the cluster of every row, (n,) from 0; of rows that are
    read in parts the ``facts`` that tell it, or neither where each row of counts is a cluster.
    """

    name: str
    size: int
    codes: Tensor | None = None
    facts: Facts | None = None


def ways_of(beside: Observed, cluster: Any) -> list[Way]:
    """The ways to cluster: none, one, or two and their intersection."""
    if cluster is None:
        return _of_counts(beside) if beside.fit.counts else []
    several = list(cluster) if isinstance(cluster, tuple | list) and len(cluster) <= 2 else [cluster]
    if Tables(beside.rows).in_parts:
        return _in_parts(beside, several)
    ways = [_way(beside, each, f"cluster {i + 1}") for i, each in enumerate(several)]
    if len(ways) == 1:
        return ways
    codes = [way.codes for way in ways if way.codes is not None]
    _, both = torch.unique(codes[0] * ways[1].size + codes[1], return_inverse=True)
    return [*ways, Way("", int(both.max()) + 1, both)]


def few(way: Way) -> str:
    """What must be told of few clusters; empty where there are enough."""
    if not way.name or way.size >= FEW:
        return ""
    return (
        f"few clusters: `{show(way.name)}` has only {way.size}; with fewer than about {FEW}, errors by cluster tend to be "
        "too small, and intervals too narrow"
    )


def _way(beside: Observed, which: Any, default: str) -> Way:
    rows = beside.rows
    name = which if isinstance(which, str) else default
    cells = read_cells(rows.whole_column(which), name)
    if len(cells.values) != rows.given:
        raise DataError(f"`{show(name)}` has {len(cells.values)} labels for {rows.given} rows; it needs one a row")
    kept = np.arange(rows.given) if rows.kept is None else rows.kept
    if cells.missing[kept].any():
        gaps = show_rows(np.unique(kept[cells.missing[kept]]))
        raise DataError(f"`{show(name)}` names no cluster in {gaps}; fill these labels in, or leave the rows out")
    labels, codes = np.unique(distinct(cells, name)[1][kept], return_inverse=True)
    _check_several(name, len(labels))
    return Way(name, len(labels), torch.from_numpy(codes))


def _check_several(name: str, size: int) -> None:
    if size < 2:
        raise DataError(f"`{show(name)}` has one cluster only; errors by cluster need two, and are good from {FEW} on")


def _in_parts(beside: Observed, columns: Sequence[Any]) -> list[Way]:
    """The ways of rows that are read in parts: a pass over each learns its labels."""
    if not all(isinstance(name, str) for name in columns):
        raise ParameterError("cluster must be a column's name where rows are read in parts")
    ways = []
    for by in [*((name,) for name in columns), *([tuple(columns)] if len(columns) == 2 else [])]:
        facts = Facts(Tables(beside.rows, by), by)
        name = by[0] if len(by) == 1 else ""
        _check_several(name, len(facts.labels))
        ways.append(Way(name, len(facts.labels), facts=facts))
    return ways


def _of_counts(beside: Observed) -> list[Way]:
    """Where rows are counts of successes and failures, all trials of a row belong together, as in any row."""
    rows: Any = Tables(beside.rows)
    if not rows.in_parts:
        labels, codes = np.unique(row_of_counts(beside.rows), return_inverse=True)
        return [Way("", len(labels), torch.from_numpy(codes))]
    count: Any = lambda part: (torch.tensor(len(np.unique(row_of_counts(part)))),)  # noqa: E731
    return [Way("", int(accumulate(rows, count)[0]))]


def row_of_counts(rows: Rows) -> Any:
    """The caller's row that each row is of, (n,)."""
    return np.arange(rows.n_rows) if rows.kept is None else rows.kept
