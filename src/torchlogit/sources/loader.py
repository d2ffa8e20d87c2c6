"""Batches from iterables: torch's DataLoaders, functions that return iterators, queries of polars and DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from torchlogit.errors import DataError
from torchlogit.sources.reader import Batch, Reader
from torchlogit.tables.names import check_unique, show

SAME = 1e-9  # share of a sum of numbers by which two passes may differ: the order of the rows

ONE_PASS = (
    "the iterator gives its rows once, and they do not fit in memory, so a fit reads them several times; give a function "
    "that makes a new iterator, such as lambda: batches(), or a larger memory="
)


class Loader(Reader):
    """The batches of ``make()``, which begins anew for every pass, or, where it gives them ``once``, never again.

    A batch is a data frame, an Arrow table or record batch, a dict of columns, or a tuple of arrays or tensors: x (n, d),
    whose columns are called x1 … xd, y (n,), and where there are any weight (n,) and offset (n,), which are called so.
    Every pass is checked to give the same rows, in whatever order.
    """

    identity = "batches"

    def __init__(self, make: Callable[[], Any], once: bool = False) -> None:
        self.make, self.once = make, once
        self._head: Any = None
        self._begun = 0
        self._rows: int | None = None
        self._sums: dict[tuple[str, ...], float] = {}

    @cached_property
    def schema(self) -> Any:
        """Names and types of the first batch."""
        batches = iter(self.make())
        try:
            first = table_of(next(batches))
        except StopIteration:
            raise DataError("the iterator has no batches") from None
        if self.once:
            self._head = (first, batches)
        return first.schema

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Batch]:
        """All rows of some columns, ``rows`` at a time at most."""
        schema, first, seen = self.schema, 0, np.zeros(2)
        for table in self._tables():
            chosen = _like(table, schema, columns)
            seen += _sums(chosen)
            for batch in chosen.to_batches(max_chunksize=rows):
                self.beat()
                yield Batch(batch, "", first)
                first += len(batch)
        self._check_same(tuple(columns), first, seen)

    def _tables(self) -> Iterator[Any]:
        self._begun += 1
        if self.once and self._begun > 1:
            raise DataError(ONE_PASS)
        number = 0
        if self._head is not None:
            head, rest = self._head
            self._head, number = None, 1
            yield head
        else:
            rest = iter(self.make())
        while True:
            number += 1
            try:
                item = next(rest)
            except StopIteration:
                return
            except Exception as error:
                error.add_note(f"raised by the iterator of batches in its batch {number}, pass {self._begun}")
                raise
            yield table_of(item)

    def _check_same(self, columns: tuple[str, ...], rows: int, seen: Any) -> None:
        total, size = seen.tolist()
        self._rows = rows if self._rows is None else self._rows
        if self._rows != rows:
            raise DataError(
                f"the iterator gave {self._rows} rows in one pass and {rows} in another; it must give the same"
            )
        if not abs(self._sums.setdefault(columns, total) - total) <= SAME * size:
            raise DataError(
                "the iterator gave other numbers in one pass than in another; every pass must give the same rows"
            )


def table_of(item: Any) -> Any:
    """A batch of any kind as an Arrow table."""
    import pyarrow as pa

    if isinstance(item, pa.Table):
        table = item
    elif isinstance(item, pa.RecordBatch):
        table = pa.Table.from_batches([item])
    elif isinstance(item, Mapping):
        table = pa.table({str(name): _array(values) for name, values in item.items()})
    elif isinstance(item, tuple | list):
        table = pa.table(_named(item))
    else:
        import narwhals as nw

        try:
            table = nw.from_native(item).to_arrow()
        except TypeError as error:
            what = f"a batch is {type(item).__name__}; give a data frame, a dict of columns, or (x, y) as arrays"
            raise DataError(what) from error
    check_unique(table.column_names, "a batch")
    return table


def _named(item: Sequence[Any]) -> dict[str, Any]:
    """The columns of (x, y), (x, y, weight) or (x, y, weight, offset)."""
    if not 2 <= len(item) <= 4:
        raise DataError(f"a batch is a tuple of {len(item)}; give (x, y), (x, y, weight) or (x, y, weight, offset)")
    x = np.asarray(_plain(item[0]))
    x = x.reshape(len(x), -1)
    columns = {f"x{j + 1}": x[:, j] for j in range(x.shape[1])}
    return columns | {name: _array(each) for name, each in zip(("y", "weight", "offset"), item[1:], strict=False)}


def _plain(values: Any) -> Any:
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _array(values: Any) -> Any:
    values = _plain(values)
    return np.asarray(values).reshape(-1) if hasattr(values, "reshape") else values


def _like(table: Any, schema: Any, columns: Sequence[str]) -> Any:
    """Some columns in the types of the first batch."""
    import pyarrow as pa

    for name in columns:
        if name not in table.column_names:
            raise DataError(f"column `{show(name)}` is missing from a batch; the first batch has it")
    chosen = table.select(list(columns))
    wanted = pa.schema([schema.field(name) for name in columns])
    try:
        return chosen if chosen.schema.equals(wanted) else chosen.cast(wanted)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"a batch has other types than the first: {show(error, 200)}") from error


def _sums(table: Any) -> Any:
    """The sum of all numbers, and of their sizes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = np.zeros(2)
    for column in table.columns:
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            values = column.cast(pa.float64())
            total += [pc.sum(values).as_py() or 0.0, pc.sum(pc.abs(values)).as_py() or 0.0]
    return np.nan_to_num(total)
