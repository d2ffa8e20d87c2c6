"""Any table as named columns: a data frame of any library narwhals knows, a dict of columns, or a numpy array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError
from torchlogit.tables.cells import Cells, read_cells
from torchlogit.tables.names import check_unique, show


@dataclass(frozen=True)
class Frame:
    """Named columns of ``n_rows`` cells each; ``column(name)`` gives one, in the form its library keeps it."""

    names: tuple[str, ...]
    n_rows: int
    column: Callable[[str], Any]
    _texts: dict[str, Cells] = field(default_factory=dict, repr=False, compare=False)

    def cells(self, name: str) -> Cells:
        """The cells of a column; those of text, which are slow to read, are kept."""
        if name in self._texts:
            return self._texts[name]
        cells = read_cells(self.column(name), name)
        if cells.values.dtype.kind == "O":
            self._texts[name] = cells
        return cells


def open_frame(table: Any) -> Frame:
    """The columns of ``table``, which may be open already; those of a numpy array (n, d) are called x1 … xd.

    Raises `DataError` for names that occur twice or are no text, hierarchical columns, columns of unequal length and
    arrays that are not two-dimensional.

    >>> open_frame(np.zeros((3, 2))).names
    ('x1', 'x2')
    """
    if isinstance(table, Frame):
        return table
    if isinstance(table, np.ndarray):
        return _of_array(table)
    if isinstance(table, Mapping):
        return _of_mapping(table)
    if hasattr(table, "collect"):
        raise DataError(f"{type(table).__name__} is a plan, not yet a table: call .collect() first")
    names = _names(table)
    import narwhals as nw

    try:
        frame: Any = nw.from_native(table, eager_only=True)
    except TypeError as error:
        raise DataError(
            f"{type(table).__name__} is no table this can read; give a data frame, a dict of columns or an array (n, d)"
        ) from error
    return Frame(names, len(frame), frame.get_column)


def plain_matrix(table: Any) -> npt.NDArray[np.float64] | None:
    """An array (n, d) of finite numbers as float64 in C order, shared where it is that already; None for all else."""
    if not isinstance(table, np.ndarray) or isinstance(table, np.ma.MaskedArray) or table.ndim != 2:
        return None
    if table.dtype.kind not in "biuf" or (table.dtype.kind in "iu" and table.dtype.itemsize > 4):
        return None
    matrix = np.ascontiguousarray(table, dtype=np.float64)
    with np.errstate(all="ignore"):
        return matrix if np.isfinite(matrix.sum()) else None


def _of_array(array: np.ndarray[Any, Any]) -> Frame:
    if array.ndim != 2:
        hint = "; reshape one feature to (-1, 1), one row to (1, -1)" if array.ndim < 2 else ""
        raise DataError(f"Expected 2D array, got an array of shape {array.shape}{hint}")
    names = tuple(f"x{j + 1}" for j in range(array.shape[1]))
    place = {name: j for j, name in enumerate(names)}
    return Frame(names, array.shape[0], lambda name: array[:, place[name]])


def _of_mapping(columns: Mapping[Any, Any]) -> Frame:
    names = _checked(list(columns))
    for name in names:
        if not hasattr(columns[name], "__len__"):
            raise DataError(f"`{show(name)}` is {type(columns[name]).__name__}, not a column of cells")
    lengths = {name: len(columns[name]) for name in names}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{show(name)}` {length}" for name, length in list(lengths.items())[:5])
        raise DataError(f"the columns differ in length: {told}")
    return Frame(names, next(iter(lengths.values()), 0), columns.__getitem__)


def _names(table: Any) -> tuple[str, ...]:
    """The names as the table's own library has them (narwhals refuses duplicates in other words)."""
    columns: Any = getattr(table, "column_names", None)
    columns = getattr(table, "columns", ()) if columns is None else columns
    if getattr(columns, "nlevels", 1) > 1:
        raise DataError(f"the columns have {columns.nlevels} levels of names (MultiIndex); join them into one")
    return _checked(list(columns) if hasattr(columns, "__iter__") else [])


def _checked(names: list[Any]) -> tuple[str, ...]:
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise DataError(
            f"column names must be text, but {show(odd[0])} is {type(odd[0]).__name__}; "
            "rename the columns, such as frame.columns = [str(c) for c in frame.columns]"
        )
    check_unique(names, "the table")
    return tuple(names)
