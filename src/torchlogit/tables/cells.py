"""One column of any library as plain numpy: its cells, which of them are missing, and their declared order.

Every refusal of a kind of cell (dates, lists, bytes, complex numbers, mixtures) is here and names the first cells.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError
from torchlogit.tables.names import FIRST, counted, show, show_list, show_rows, show_value

Array = npt.NDArray[Any]
Rows = Sequence[int] | npt.NDArray[np.integer[Any]]
EXACT = 2**53
COUNTED = 2**16  # span of whole numbers up to which they are counted
_NUMBERS = (int, float, np.integer, np.floating, np.bool_, Decimal, Fraction)
_DATES = "a date or time. Turn it into a number of a unit you choose, such as days since a date"


class Cells(NamedTuple):
    """A column: ``values`` (n,) of dtype bool, integer, float or object (text); ``missing`` (n,) bool; what ``values``
    holds where ``missing`` means nothing. ``order`` is the declared order of a Categorical, None elsewhere; ``places``
    is what `distinct` says of text, which is found once.
    """

    values: Array
    missing: npt.NDArray[np.bool_]
    order: tuple[object, ...] | None = None
    places: tuple[Array, npt.NDArray[np.int64]] | None = None


def read_cells(values: Any, name: str) -> Cells:
    """The cells of a list, a numpy array or a Series of any library narwhals knows.

    Raises `DataError` naming ``name`` and the rows for cells that are neither numbers, booleans nor text, for masked
    cells and for columns that mix numbers with text.

    >>> read_cells([1, None, 3], "age")
    Cells(values=array([1, 0, 3]), missing=array([False,  True, False]), order=None, places=None)
    """
    if isinstance(values, np.ndarray):
        return _of_array(values, name)
    if isinstance(values, (str, bytes)):
        raise DataError(f"`{show(name)}` is one text, not a column of cells")
    import narwhals as nw

    series: Any = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _of_series(series, name)
    if hasattr(values, "__array__"):
        order = getattr(getattr(values, "dtype", None), "categories", None)
        return _of_array(np.asarray(values), name)._replace(order=None if order is None else tuple(order))
    if not isinstance(values, Iterable):
        raise DataError(f"`{show(name)}` is {type(values).__name__}, not a column of cells")
    return _of_array(objects(values), name)


def objects(values: Iterable[Any]) -> Array:
    """``values`` as an object array of one dimension, whatever the cells are."""
    return np.fromiter(values, dtype=object)


def is_missing(value: object) -> bool:
    """Whether a Python cell is None, NaN, pandas' NA or NaT."""
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, (float, np.floating)):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def refuse(name: str, values: Sequence[Any] | Array, rows: Rows, why: str) -> DataError:
    """The error that says which cells of column ``name`` cannot be used, and why."""
    found = (f"{show_value(values[row])} (row {counted(row)})" for row in rows[:FIRST])
    return DataError(f"column `{show(name)}`: {show_list(found, len(rows))} {why}{'' if why[-1] in '.?' else '.'}")


def numeric(cells: Cells, name: str) -> npt.NDArray[np.float64]:
    """The cells as float64, NaN where missing; `DataError` for text, infinities and integers float64 cannot hold.

    >>> numeric(read_cells([True, False, None], "smoker"), "smoker")
    array([ 1.,  0., nan])
    """
    values, present = cells.values, ~cells.missing
    if values.dtype.kind == "O":
        rows = np.flatnonzero(present)
        raise refuse(name, values, rows, "is text where numbers are needed")
    if values.dtype.kind in "iu" and values.dtype.itemsize > 4:
        check_exact(values, present, name)
    result = values.astype(np.float64)
    result[cells.missing] = np.nan
    infinite = np.flatnonzero(np.isinf(result))
    if infinite.size:
        raise refuse(name, values, infinite, "is infinite. Correct or leave out these rows")
    return result


def check_exact(values: Array, present: Array, name: str) -> None:
    """Raise `DataError` where a present integer is beyond 2^53 and so not exact in float64."""
    if values.size and int(values.min()) >= -EXACT and int(values.max()) <= EXACT:
        return
    large = np.flatnonzero(present & ((values > EXACT) | (values < -EXACT)))
    if large.size:
        raise refuse(
            name, values, large, "is beyond 2^53, where float64 is not exact. Is it an identifier? Leave it out"
        )


def distinct(cells: Cells, name: str) -> tuple[Array, npt.NDArray[np.int64]]:
    """The values that occur, sorted, and each row's place among them (-1 where missing).

    >>> distinct(read_cells(["b", None, "a"], "school"), "school")
    (array(['a', 'b'], dtype=object), array([ 1, -1,  0]))
    """
    return cells.places or _places(cells.values, cells.missing)


def _places(values: Array, missing: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    if not missing.any():
        return _unique(values)
    codes = np.full(len(values), -1, dtype=np.int64)
    found, codes[~missing] = _unique(values[~missing])
    return found, codes


def _unique(values: Array) -> tuple[Array, Array]:
    """`np.unique` with its inverse; whole numbers near each other are counted, not sorted."""
    if values.dtype.kind == "O":
        found = objects(sorted(set(values)))
        code = {value: code for code, value in enumerate(found)}
        return found, np.fromiter(map(code.__getitem__, values), np.int64, len(values))
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, -1.0)
    if not (abs(low) < EXACT and low <= high < low + COUNTED and low == int(low)):
        return np.unique(values, return_inverse=True)
    whole = values.astype(np.int64)
    if values.dtype.kind == "f" and not np.array_equal(whole, values):
        return np.unique(values, return_inverse=True)
    whole -= int(low)
    occurs = np.bincount(whole) > 0
    found = (np.flatnonzero(occurs) + int(low)).astype(values.dtype)
    return found, whole if occurs.all() else (np.cumsum(occurs) - 1)[whole]


def _of_series(series: Any, name: str) -> Cells:
    dtype = series.dtype
    if dtype.is_temporal():
        raise refuse(name, *_first(series), f"is {_DATES}")
    if dtype.is_nested() or dtype == "Binary" or str(dtype) == "Binary":
        raise refuse(name, *_first(series), f"is {str(dtype).lower()}, not a number or text")
    if dtype.is_decimal() or str(dtype) in ("Int128", "UInt128"):
        return _of_array(objects(series.to_list()), name)
    missing = series.is_null().to_numpy()
    if dtype.is_numeric() or str(dtype) == "Boolean":
        filled = series.fill_null(False if str(dtype) == "Boolean" else 0) if missing.any() else series
        values = filled.to_numpy()
        return _floats(values.astype(bool) if str(dtype) == "Boolean" else values, missing)
    cells = _of_texts(series) or _of_array(series.to_numpy(), name)
    return cells._replace(missing=cells.missing | missing, order=_order(series))


def _of_texts(series: Any) -> Cells | None:
    """Text that its library keeps by level, or in Arrow's form, so that no cell need be looked at; else None."""
    pa, native = sys.modules.get("pyarrow"), series.to_native()  # who keeps text in it has loaded it
    if pa is None or str(getattr(native, "dtype", "")) == "object":
        return None
    try:
        column = series.to_arrow()
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    except (pa.ArrowException, UnicodeError):
        return None
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    levels = column.dictionary.to_pylist()
    if len(set(levels)) < len(levels) or set(map(type, levels)) != {str}:
        return None
    return _of_levels(objects(levels), column.indices.cast(pa.int64()).fill_null(-1).to_numpy())


def _of_levels(levels: Array, codes: npt.NDArray[np.int64]) -> Cells:
    """Each cell's place among the levels, -1 where missing."""
    occurs = np.bincount(codes + 1, minlength=len(levels) + 1)[1:] > 0
    ascending = np.array(sorted(np.flatnonzero(occurs), key=levels.__getitem__), dtype=np.int64)
    place = np.full(len(levels) + 1, -1, dtype=np.int64)
    place[ascending] = np.arange(len(ascending))
    return Cells(levels[codes], codes < 0, places=(levels[ascending], place[codes]))


def _first(series: Any) -> tuple[list[object], list[int]]:
    """The first cells of a series and the places of those that are not missing."""
    present = np.flatnonzero(~series.is_null().to_numpy())
    head = series.head(int(present[0]) + 1).to_list() if present.size else [None]
    return head, [len(head) - 1]


def _order(series: Any) -> tuple[object, ...] | None:
    if str(series.dtype) != "Categorical" and not str(series.dtype).startswith("Enum"):
        return None
    if series.implementation.is_pandas_like():
        return tuple(series.to_native().dtype.categories.tolist())
    return tuple(getattr(series.dtype, "categories", ())) or None


def _of_array(array: Array, name: str) -> Cells:
    if array.ndim != 1:
        raise DataError(f"`{show(name)}` has shape {array.shape}; a column has one dimension, so give it as (n,)")
    masked = np.flatnonzero(np.ma.getmaskarray(array)) if isinstance(array, np.ma.MaskedArray) else np.empty(0, int)
    if masked.size:
        raise DataError(f"column `{show(name)}` is masked in {show_rows(masked)}. Fill these cells or put NaN there.")
    array = np.asarray(array)
    if array.dtype.kind in "biuf":
        return _floats(array, np.zeros(len(array), dtype=bool))
    if array.dtype.kind in "OUT":
        return _of_objects(array.astype(object), name)
    if array.dtype.kind == "c":
        raise DataError(f"Complex data not supported: column `{show(name)}` is {array.dtype}.")
    rows = range(len(array))
    why = _DATES if array.dtype.kind in "Mm" else "neither a number nor text"
    raise refuse(name, array, rows, f"is {why}")


def _floats(array: Array, missing: Array) -> Cells:
    if array.dtype.kind != "f":
        return Cells(array, missing)
    return Cells(array, missing | np.isnan(array))


def _of_objects(array: Array, name: str) -> Cells:
    if set(map(type, array)) == {str}:
        missing = np.zeros(len(array), dtype=bool)
        return Cells(array, missing, places=_places(array, missing))
    missing = np.fromiter(map(is_missing, array), dtype=bool, count=len(array))
    present = array[~missing]
    types = set(map(type, present))
    if all(issubclass(kind, str) for kind in types) and types:
        return Cells(array, missing, places=_places(array, missing))
    if not all(issubclass(kind, _NUMBERS) for kind in types):
        raise _unusable(array, ~missing, name)
    whole = all(issubclass(kind, (int, np.integer)) for kind in types) and types
    for row in np.flatnonzero(~missing):
        if isinstance(array[row], (int, np.integer)) and abs(int(array[row])) > EXACT:
            raise refuse(name, array, [int(row)], "is beyond 2^53, where float64 is not exact. Is it an identifier?")
    dtype = bool if types and types <= {bool, np.bool_} else np.int64 if whole else np.float64
    values = np.zeros(len(array), dtype=dtype)
    convert: Callable[[Any], Any] = float if dtype is np.float64 else int
    values[~missing] = np.fromiter(map(convert, present), dtype=dtype, count=len(present))
    return Cells(values, missing)


def _unusable(array: Array, present: Array, name: str) -> DataError:
    """The error for an object column that is neither all numbers nor all text."""

    def rows_of(test: Callable[[Any], bool]) -> list[int]:
        return [int(row) for row in np.flatnonzero(present) if test(array[row])]

    complex_rows = rows_of(lambda cell: isinstance(cell, (complex, np.complexfloating)))
    if complex_rows:
        return DataError(f"Complex data not supported: column `{show(name)}`, {show_rows(complex_rows)}.")
    other = rows_of(lambda cell: not isinstance(cell, (*_NUMBERS, str)))
    if other:
        return refuse(name, array, other, f"is {_kind(array[other[0]])}")
    text = rows_of(lambda cell: isinstance(cell, str))
    numbers = rows_of(lambda cell: not isinstance(cell, str))
    mixed = sorted([text[0], numbers[0]])
    return refuse(name, array, mixed, "mix numbers with text. Make all cells one of the two")


def _kind(cell: object) -> str:
    if hasattr(cell, "isoformat") or hasattr(cell, "total_seconds") or hasattr(cell, "to_timestamp"):
        return _DATES
    return f"of type {type(cell).__name__}, neither a number nor text"
