"""Tables in many files, Parquet, Arrow or CSV, in folders, by a glob or partitioned, on a disk or in a store."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote

from torchlogit.errors import DataError, DataWarning, FileError
from torchlogit.sources.listing import Found, about, is_tsv, kind_of, listed, system_of
from torchlogit.sources.reader import Batch, Reader
from torchlogit.tables.names import check_unique, did_you_mean, show, show_list

SMALL = 2**26  # bytes of a row group that is read as a whole, by several threads
LARGE = 2**27  # bytes of a row group from which its pages are read one by one
HEAD = 2**20  # bytes of a CSV file that say what its columns are
NULLS = ["", *("NA", "Na", "na", "NaN", "nan", "NAN", "N/A", "n/a", "null", "NULL", "Null")]
SAFE = (14, 0, 1)  # pyarrow's version since which reading a file runs nothing in it: CVE-2023-47248


class Shard(NamedTuple):
    """One file: what it holds, and what the names of its folders say (``year=2024``)."""

    found: Found
    schema: Any
    groups: tuple[int, ...] | None = None  # rows of each row group; None: not known before they are read
    keys: dict[str, str] = {}  # noqa: RUF012
    mine: range = range(1)  # the row groups that are read here; of other files 0, or none

    @property
    def first(self) -> int:
        """Rows before those that are read here."""
        return sum((self.groups or ())[: self.mine.start])

    @property
    def rows(self) -> int | None:
        """Rows that are read here, as far as that is known."""
        return None if self.groups is None else sum(self.groups[self.mine.start : self.mine.stop])


class Files(Reader):
    """Files as one table, columns by name; those of partitions come last. Every pass is checked to read the same files.

    ``where`` are paths, folders, globs or URLs. Columns of numbers that differ in type between files are widened where that
    loses nothing; any other difference is refused, with file and column. Checksums of pages are verified where there are any.
    """

    shared = True

    def __init__(
        self,
        where: Sequence[Any],
        system: Any = None,
        *,
        delimiter: str | None = None,
        text_columns: Sequence[str] = (),
    ) -> None:
        _check_version()
        self.where, self.delimiter, self.given = [os.fspath(each) for each in where], delimiter, system is not None
        self.text_columns = tuple(text_columns)
        self.systems = [system_of(path, system) for path in self.where]
        found = self._found()
        self.system, self.kind = self.systems[0][0], kind_of(found, self.systems[0][0])
        self.shards = [self._opened(each, base) for each, base in found]
        self._check_once()
        self._types: dict[str, Any] = {}
        if self.kind == "Parquet":
            self._warn_unchecked()

    @property
    def identity(self) -> Any:
        """Every file with its size and when it was changed."""
        return [list(shard.found) for shard in self.shards]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(shard.found.size for shard in self.shards)

    @cached_property
    def schema(self) -> Any:
        """Names and types of the first file, then of the partitions."""
        import pyarrow as pa

        first = self.shards[0]
        keys = dict.fromkeys(name for shard in self.shards for name in shard.keys)
        return pa.schema([*first.schema, *(pa.field(name, self.type_of(name)) for name in keys)])

    @property
    def uniform(self) -> bool:
        """Whether every column of the first file can be read from all of them."""
        try:
            return all(self.type_of(name) is not None for name in self.schema.names)
        except DataError:
            return False

    def type_of(self, name: str) -> Any:
        """The type that a column has in all files, or that holds its numbers in all of them."""
        if name not in self._types:
            self._types[name] = self._agreed(name)
        return self._types[name]

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Batch]:
        """All rows of some columns, ``rows`` at a time at most, file after file."""
        self._check_unchanged()
        for shard in self.shards:
            read = 0
            for batch in self._unchanged(self._read(shard, columns, rows)) if shard.mine else ():
                self.beat()
                made = self._made(batch, shard, columns)
                yield Batch(made, shard.found.path, shard.first + read)
                read += len(made)
            if shard.rows is not None and shard.rows != read:
                self._check_unchanged()
                raise FileError(f"{shard.found.path}: {read} rows were read, but its footer says {shard.rows}")
        self._check_unchanged()

    def _unchanged(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; of a file that was changed while it was read, that is what is told."""
        try:
            yield from batches
        except FileError:
            self._check_unchanged()
            raise

    def dealt(self, rank: int, size: int) -> Files:
        """The row groups of Parquet files, or whole other files, that one of ``size`` ranks reads: its stretch of all bytes."""
        out, at = copy(self), 0.0
        out.shards = []
        for shard in self.shards:
            count = 1 if shard.groups is None else len(shard.groups)
            each = shard.found.size / max(1, count)
            middles = [(at + (i + 0.5) * each) / max(1, self.size) for i in range(count)]
            mine = [i for i, middle in enumerate(middles) if int(middle * size) == rank]
            out.shards.append(shard._replace(mine=range(mine[0], mine[-1] + 1) if mine else range(0)))
            at += shard.found.size
        return out

    def _found(self) -> list[tuple[Found, str]]:
        """The files there are, by path, each with the folder it was looked for in."""
        out = [each for system, path in self.systems for each in listed(system, path)]
        if not out:
            raise FileError(f"there are no data files at {show_list(map(repr, self.where), len(self.where))}")
        return out

    def _opened(self, found: Found, base: str) -> Shard:
        folders = PurePosixPath(found.path if self.given else found.path.removeprefix(base)).parts[:-1]
        keys = {name: unquote(value) for name, sign, value in (part.partition("=") for part in folders) if sign}
        with about(found.path):
            schema, groups = {"Parquet": self._footer, "Arrow": self._arrow, "CSV": self._header}[self.kind](found)
        check_unique([*schema.names, *keys], found.path)
        return Shard(found, schema, groups, keys, range(1 if groups is None else len(groups)))

    def _footer(self, found: Found) -> tuple[Any, tuple[int, ...]]:
        from pyarrow import parquet

        file = parquet.ParquetFile(self.system.open_input_file(found.path))
        return file.schema_arrow, tuple(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))

    def _arrow(self, found: Found) -> tuple[Any, None]:
        import pyarrow as pa

        return pa.ipc.open_file(self.system.open_input_file(found.path)).schema, None

    def _header(self, found: Found) -> tuple[Any, None]:
        """The columns of a text file, by the rules of `read_table` for its first megabyte."""
        from torchlogit.tables.csv_numbers import type_columns
        from torchlogit.tables.csv_text import TextTable, parse

        head = self.system.open_input_stream(found.path, compression="detect").read(HEAD)
        if len(head) == HEAD:
            head = head[: head.rfind(b"\n") + 1]
        text = TextTable(found.path, delimiter=self.delimiter, is_tsv=is_tsv(found.path))
        return type_columns(parse(head, text), self.text_columns).schema, None

    def _read(self, shard: Shard, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """The batches of a file; whatever is wrong with it is told with its name."""
        own = [name for name in columns if name not in shard.keys]
        for name in own:
            self.type_of(name)
        with about(shard.found.path):
            reading = {"Parquet": self._pages, "Arrow": self._messages, "CSV": self._lines}[self.kind]
            batches = reading(shard, own, rows)
            while True:
                batch = next(batches, None)
                if batch is None:
                    return
                yield from (batch.slice(i, rows) for i in range(0, len(batch), rows))

    def _pages(self, shard: Shard, columns: Sequence[str], rows: int) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import dataset, parquet

        texts = [name for name in columns if pa.types.is_string(shard.schema.field(name).type)]
        metadata = parquet.ParquetFile(self.system.open_input_file(shard.found.path)).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        largest = max((group.total_byte_size for group in groups), default=0)
        if largest <= SMALL:
            reading = dataset.ParquetFileFormat(
                read_options=dataset.ParquetReadOptions(dictionary_columns=texts),
                default_fragment_scan_options=dataset.ParquetFragmentScanOptions(
                    pre_buffer=False, page_checksum_verification=True
                ),
            )
            whole = reading.make_fragment(shard.found.path, self.system)
            for i in shard.mine:  # or the scanner would hold many
                part = whole.subset(row_group_ids=[i])
                yield from part.to_batches(columns=list(columns), batch_size=rows, batch_readahead=0)
            return
        file = parquet.ParquetFile(
            self.system.open_input_file(shard.found.path),
            metadata=metadata,
            read_dictionary=texts,
            buffer_size=HEAD if largest > LARGE else 0,
            pre_buffer=False,  # it would keep all that was read
            page_checksum_verification=True,
        )
        yield from file.iter_batches(batch_size=rows, row_groups=list(shard.mine), columns=list(columns))

    def _messages(self, shard: Shard, columns: Sequence[str], rows: int) -> Iterator[Any]:
        import pyarrow as pa

        file = pa.ipc.open_file(self.system.open_input_file(shard.found.path))
        for i in range(file.num_record_batches):
            yield file.get_batch(i).select(list(columns))

    def _lines(self, shard: Shard, columns: Sequence[str], rows: int) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv

        kinds = {name: self.type_of(name) for name in columns}
        reader = csv.open_csv(
            self.system.open_input_stream(shard.found.path, compression="detect"),
            parse_options=csv.ParseOptions(delimiter=self.delimiter or ("\t" if is_tsv(shard.found.path) else ",")),
            convert_options=csv.ConvertOptions(
                column_types=kinds, include_columns=list(columns), null_values=NULLS, strings_can_be_null=False
            ),
        )
        for batch in reader:
            cells = [
                pc.if_else(pc.equal(column, ""), None, column) if pa.types.is_string(column.type) else column
                for column in batch.columns
            ]
            yield pa.RecordBatch.from_arrays(cells, names=list(columns))

    def _made(self, batch: Any, shard: Shard, columns: Sequence[str]) -> Any:
        """The batch with the columns asked for, in the types they have in all files."""
        import pyarrow as pa

        cells = []
        for name in columns:
            kind = self.type_of(name)
            if name in shard.keys:
                cells.append(pa.repeat(pa.scalar(shard.keys[name]).cast(kind), len(batch)))
                continue
            column = batch.column(name)
            same = column.type == kind or (_what(kind) == "text" and _what(column.type) == "text")
            try:
                cells.append(column if same else column.cast(kind))
            except pa.ArrowInvalid as error:
                raise DataError(f"{shard.found.path}: column `{show(name)}` does not fit in {kind}: {error}") from error
        return pa.RecordBatch.from_arrays(cells, names=list(columns))

    def _agreed(self, name: str) -> Any:
        import pyarrow as pa

        if any(name in shard.keys for shard in self.shards):
            values = [shard.keys.get(name) for shard in self.shards]
            if None in values:
                raise DataError(f"{self.shards[values.index(None)].found.path}: no folder says what `{show(name)}` is")
            return pa.int64() if all(re.fullmatch(r"-?[1-9]\d{0,15}|0", str(v)) for v in values) else pa.string()
        types = [self._own_type(shard, name) for shard in self.shards]
        if all(kind == types[0] for kind in types):
            return types[0]
        other = next(i for i, kind in enumerate(types) if kind != types[0])
        pair = f"{types[0]} in {self.shards[0].found.path} and {types[other]} in {self.shards[other].found.path}"
        what = {_what(kind) for kind in types}
        if what == {"text"}:
            return pa.string()
        if what != {"number"}:
            raise DataError(f"column `{show(name)}` is {pair}; write it as one type in all files")
        whole = not any(pa.types.is_floating(kind) for kind in types)
        out = pa.int64() if whole else pa.float64()
        warnings.warn(f"column `{show(name)}` is {pair}; it is read as {out}.", DataWarning, stacklevel=2)
        return out

    def _own_type(self, shard: Shard, name: str) -> Any:
        if name in shard.schema.names:
            return shard.schema.field(name).type
        near = did_you_mean(name, shard.schema.names)
        first = self.shards[0].found.path
        raise DataError(f"column `{show(name)}` is missing from {shard.found.path}; {first} has it.{near}")

    def _check_unchanged(self) -> None:
        """Refuse to go on where a file has come, gone or changed since the first look."""
        before, now = ({found.path: found for found in each} for each in ([s.found for s in self.shards], self._now()))
        for path in sorted({*before, *now}):
            if path not in now or path not in before:
                what = "is gone" if path not in now else "was added"
                raise FileError(f"{path} {what} since the fit began; fit again when the files stay as they are")
            if before[path] != now[path]:
                sizes = f"{before[path].size} bytes then, {now[path].size} now"
                raise FileError(f"{path} was changed since the fit began ({sizes}); fit again when it stays as it is")

    def _now(self) -> list[Found]:
        try:
            return [found for found, _ in self._found()]
        except FileError as error:
            if isinstance(error.__cause__, FileNotFoundError | None):
                return []
            raise  # a store that does not answer has not lost its files

    def _check_once(self) -> None:
        """Refuse a file that is named twice, also by a link: its rows would count twice."""
        seen: dict[Any, str] = {}
        for path, *_ in (shard.found for shard in self.shards):
            status = os.stat(path) if os.path.exists(path) else None
            key = path if status is None else (status.st_dev, status.st_ino)
            if key in seen:
                raise DataError(f"{seen[key]} and {path} are one file, whose rows would count twice; name it once")
            seen[key] = path

    def _warn_unchecked(self) -> None:
        """Parquet keeps a checksum of every page where its writer was asked for it."""
        bare = [shard.found.path for shard in self.shards if not self._checked(shard.found.path)]
        if bare:
            told = f"{show_list(bare, len(bare))}: no checksums of pages, so a damaged number would go unseen"
            warnings.warn(f"{told}; write the files with write_page_checksum=True.", DataWarning, stacklevel=4)

    def _checked(self, path: str) -> bool:
        """Whether the header of the first page, in Thrift's compact form, has its fourth field: the checksum."""
        from pyarrow import parquet

        file = self.system.open_input_file(path)
        metadata = parquet.ParquetFile(file).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        column = next((group.column(0) for group in groups if group.num_rows and group.num_columns), None)
        if column is None:
            return True
        head = file.read_at(64, column.dictionary_page_offset or column.data_page_offset)
        return re.match(rb"(?:\x15[\x80-\xff]*[\x00-\x7f]){4}", head) is not None


def _check_version() -> None:
    """Refuse a pyarrow in which reading a file could run what is in it."""
    import pyarrow as pa

    numbers = tuple(int(number) for number in re.findall(r"\d+", pa.__version__)[:3])
    if numbers < SAFE:
        raise FileError(f"pyarrow {pa.__version__} can run code from a file (CVE-2023-47248); pip install -U pyarrow")


def _what(kind: Any) -> str:
    """Text, number, or what Arrow calls it."""
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(kind):
        return _what(kind.value_type)
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return "text"
    return "number" if t.is_integer(kind) or t.is_floating(kind) or t.is_boolean(kind) else str(kind)
