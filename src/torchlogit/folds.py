"""Folds of a cross-validation as parts of the rows: within a part, every fold treats all rows alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MOST_FOLDS = 64  # solved together


@dataclass(frozen=True)
class Folds:
    """Some folds and the parts they cut the rows into: ``parts[s]`` are row numbers, ``counts`` (F, S) float64 how often
    fold f trains on each row of part s. Five folds that leave each row out once make five parts.
    """

    parts: tuple[Tensor, ...]
    counts: Tensor

    def __len__(self) -> int:
        return len(self.counts)


def folds_of(train: Sequence[npt.NDArray[Any]], n: int, most: int = MOST_FOLDS) -> Iterator[Folds]:
    """The folds in order, as many at a time as make about as many parts as folds; ``train`` are row numbers or masks.

    Never more than ``most`` at a time.

    >>> import numpy as np
    >>> (folds,) = folds_of([np.array([2, 3]), np.array([0, 1])], 4)
    >>> [part.tolist() for part in folds.parts], folds.counts.tolist()
    ([[0, 1], [2, 3]], [[0.0, 1.0], [1.0, 0.0]])
    """
    part, first = np.zeros(n, np.int64), 0
    for f, rows in enumerate(train):
        finer = _refined(part, _times(rows, n))
        if f > first and (finer.max() + 1 > 2 * (f + 1 - first) + 1 or f - first == min(most, MOST_FOLDS)):
            yield _folds(part, train[first:f])
            part, first = _refined(np.zeros(n, np.int64), _times(rows, n)), f
        else:
            part = finer
    yield _folds(part, train[first:])


def _times(rows: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
    """How often each row is named (n,)."""
    rows = np.asarray(rows)
    return rows.astype(np.int64) if rows.dtype == bool else np.bincount(rows, minlength=n)


def _refined(part: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Parts cut by a further fold, numbered without gaps."""
    both = part * (times.max() + 1) + times
    return (np.cumsum(np.bincount(both) > 0) - 1)[both]


def _folds(part: npt.NDArray[np.int64], train: Sequence[npt.NDArray[Any]]) -> Folds:
    order = torch.from_numpy(np.argsort(part.astype(np.int32), kind="stable"))
    parts = order.split(np.bincount(part).tolist())
    counts = np.array([_times(rows, len(part))[[int(p[0]) for p in parts]] for rows in train], float)
    return Folds(parts, torch.from_numpy(counts))
