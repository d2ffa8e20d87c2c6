"""The features of a table side by side as one matrix: with its zeros, or without them where there is little else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.tables.features import MISSING

Array = npt.NDArray[Any]

SPARSE = 1 / 8  # share of a row's columns that hold a number, up to which zeros are left out
WIDE = 128  # columns up to which dense rows are fitted many at a time (`torchlogit.kernels.many.NARROW`)
LARGE = 2**22  # numbers of a table, zeros counted, from which it matters
FAR = 100.0  # standard deviations from 0 at which a column needs centring, which would fill in its zeros


def mostly_zeros(widths: Sequence[int], n: int) -> bool:
    """Whether n rows, each with one number for each of the features ``widths`` columns wide, hold little but zeros."""
    d = sum(widths)
    return d > WIDE and n * d >= LARGE and len(widths) <= SPARSE * d


def near(part: Array) -> bool:
    """Whether numbers keep their digits without centring; places of a category always do."""
    if part.dtype.kind != "f":
        return True
    part = part[~np.isnan(part)]
    centre = part.mean() if part.size else 0.0
    return bool(abs(centre) <= FAR * np.abs(part - centre).mean()) if part.size else True


def dense(parts: Iterable[Array], widths: Sequence[int], n: int) -> npt.NDArray[np.float64]:
    """The matrix (n, d), C-ordered, of each feature's numbers (n,) or, for a category, `places` (n,)."""
    matrix, stop = np.zeros((n, sum(widths))), 0
    for part, width in zip(parts, widths, strict=True):
        start, stop = stop, stop + width
        if part.dtype.kind == "f":
            matrix[:, start] = part
        else:
            rows = np.flatnonzero(part >= 0)
            matrix[rows, start + part[rows]] = 1.0
            matrix[part == MISSING, start:stop] = np.nan
    return matrix


def sparse(parts: Sequence[Array], widths: Sequence[int], n: int) -> Any:
    """The same as a SciPy CSR array; a missing category is one NaN, in its first column."""
    from scipy.sparse import get_index_dtype

    index = get_index_dtype(maxval=max(n * len(parts), sum(widths)))
    values, columns = np.ones((n, len(parts))), np.full((n, len(parts)), -1, dtype=index)
    starts = np.cumsum([0, *widths])[:-1]
    for j, (part, width, start) in enumerate(zip(parts, widths, starts, strict=True)):
        if part.dtype.kind == "f":
            values[:, j], columns[:, j] = part, start
        elif width:
            gone = part == MISSING
            values[gone, j] = np.nan
            columns[:, j] = np.where(part >= 0, part + start, np.where(gone, start, -1))
    return csr(values, columns, sum(widths))


def csr(values: npt.NDArray[np.float64], columns: Array, d: int) -> Any:
    """The CSR array (n, d) of ``values`` (n, m) in ``columns`` (n, m), each row's different; -1 where there is none."""
    from scipy.sparse import csr_array, get_index_dtype

    index = get_index_dtype(maxval=max(columns.size, d))
    stored = columns >= 0
    pointers = np.zeros(len(columns) + 1, dtype=index)
    np.cumsum(stored.sum(1), out=pointers[1:])
    return csr_array((values[stored], columns[stored].astype(index, copy=False), pointers), shape=(len(columns), d))
