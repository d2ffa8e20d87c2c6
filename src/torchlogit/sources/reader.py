"""What reads a table in batches, again and again, and who does it for which kind of data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Batch(NamedTuple):
    """Some rows of a table, the file that they are of (empty: none) and the number of the first of them there, from 0."""

    table: pa.RecordBatch
    place: str = ""
    first: int = 0


class Reader:
    """Batches of rows, the same ones for every pass. ``schema``, a pyarrow.Schema, has the names and types of all columns."""

    schema: Any
    identity: Any  # JSON by which a later run knows the same data
    shared = False  # whether ranks that are given the same data each read a share of them
    beat: Callable[[], None] = staticmethod(lambda: None)  # called for every batch

    @property
    def size(self) -> int:
        """Bytes that are there at least."""
        return 0

    @property
    def uniform(self) -> bool:
        """Whether all columns can be read of all rows."""
        return True

    def type_of(self, name: str) -> Any:
        """The type in which a column is read."""
        return self.schema.field(name).type

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Batch]:
        """All rows of some columns, ``rows`` at a time at most: one pass."""
        raise NotImplementedError

    def dealt(self, rank: int, size: int) -> Reader:
        """What one of ``size`` ranks reads of it: all, where each has its own rows."""
        return self


def reader_of(data: Any, text: Sequence[str] = ()) -> Reader | None:
    """Who reads these data in batches, columns of ``text`` in files as such; None for what is in memory, or mapped into it.

    Paths, folders, globs and URLs, lists of them and pyarrow datasets are `Files`; polars' LazyFrames, DuckDB's relations,
    torch's DataLoaders, iterators, and functions that return iterators are a `Loader`.
    """
    if isinstance(data, Reader):
        return data
    if _is_path(data) or (isinstance(data, list | tuple) and data and all(map(_is_path, data))):
        from torchlogit.sources.parquet import Files

        return Files([data] if _is_path(data) else list(data), text_columns=text)
    module = type(data).__module__.partition(".")[0]
    if module == "pyarrow" and hasattr(data, "files") and hasattr(data, "filesystem"):
        from torchlogit.sources.parquet import Files

        return Files(list(data.files), data.filesystem, text_columns=text)
    make = _maker(data, module)
    if make is None:
        return None
    from torchlogit.sources.loader import Loader

    return Loader(make, once=hasattr(data, "__next__"))


def _is_path(data: Any) -> bool:
    return isinstance(data, str | os.PathLike)


def _maker(data: Any, module: str) -> Callable[[], Any] | None:
    """What begins the batches anew; None for what are no batches."""
    if module == "polars" and hasattr(data, "collect_batches"):
        return lambda: data.collect_batches(maintain_order=True)
    if "duckdb" in module:
        return lambda: _stream(data)
    if module == "pyarrow" and hasattr(data, "to_batches") and hasattr(data, "scanner"):
        return lambda: data.to_batches()
    if module == "torch" and hasattr(data, "dataset") and hasattr(data, "batch_size"):
        return lambda: data
    if hasattr(data, "__next__"):
        return lambda: data
    return data if callable(data) and not hasattr(data, "__array__") and not hasattr(data, "columns") else None


def _stream(data: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(data)


def gathered(reader: Reader, limit: int, columns: Sequence[str] | None = None) -> pa.Table | None:
    """All rows of some columns, or of all, as one table, where they take at most ``limit`` bytes."""
    import pyarrow as pa

    if reader.size > limit or not (columns is not None or reader.uniform):
        return None
    parts, size = [], 0
    columns = reader.schema.names if columns is None else columns
    for batch in reader.batches(columns, 2**16):
        parts.append(batch.table)
        size += batch.table.nbytes
        if size > limit:
            return None
    return pa.Table.from_batches(parts).unify_dictionaries() if parts else reader.schema.empty_table().select(columns)
