"""Read a table from a file: CSV, TSV, Parquet, Arrow; what it is decided by its first bytes."""

from __future__ import annotations

import gzip
import importlib.util
import io
import os
import stat
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from torchlogit.errors import DataError, FileError
from torchlogit.tables.csv_numbers import type_columns
from torchlogit.tables.csv_text import MAX_LINE, TextTable, parse
from torchlogit.tables.names import check_unique, show

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 4 << 30
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_STRANGERS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save the sheet as CSV",
    b"BZh": "bzip2; unpack it first",
    b"\xfd7zXZ": "xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "zstandard; unpack it first",
    b"\x89HDF": "HDF5; export the table as CSV or Parquet",
    b"\x80\x04\x95": "a pickle, which is never opened",
}
_PROMISES = {
    ".parquet": (b"PAR1", "Parquet"),
    ".feather": (b"ARROW1", "Arrow"),
    ".arrow": (b"ARROW1", "Arrow"),
    ".gz": (_GZIP, "gzip"),
}


def read_table(
    path: str | os.PathLike[str],
    *,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    text_columns: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> pa.Table:
    r"""The table in the file ``path``, or on the standard input for ``-``.

    Parquet and Arrow files are known by their first bytes and keep their types. All else is text: comma-separated, or
    tab-separated where the name ends in ``.tsv``, or by ``delimiter``; it may be packed with gzip, up to ``max_bytes``
    unpacked. Cells in quotes may hold delimiters, line ends and doubled quotes; blank lines are skipped.

    A column of text cells becomes numbers (int64, or float64) when every cell that is not missing is a plain decimal
    number such as ``-1.5e3``. In it an empty cell, NA, NaN, N/A and null (in any case) are missing. Any other column
    stays text, in which only the empty cell is missing: there NA is a level like any other. Text are also the columns
    in ``text_columns`` and those with codes such as ``01``, which begin with a zero. A column of which at least half
    of the cells are numbers, or look like numbers (``0x1A``, ``1,234``, ``12%``, ``$5``, ``1_000``, ``inf``, ``1e400``,
    integers beyond 2^53), is refused rather than guessed at.

    Raises `FileError` where the file cannot be opened or is damaged, `DataError` (``FILE:LINE:column``, lines from 1,
    the header's included) where its content cannot be a table.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pupils.csv"
    >>> _ = path.write_text("age,school,country\n11,01,NA\nNA,02,FR\n")
    >>> read_table(path).to_pydict()
    {'age': [11, None], 'school': ['01', '02'], 'country': ['NA', 'FR']}
    """
    _need_pyarrow()
    data = _read_bytes(path, max_bytes)
    name = "<stdin>" if os.fspath(path) == "-" else show(path, 300)
    _check_kind(data, path, name)
    if data.startswith(_GZIP):
        data = _unpack(data, name, max_bytes)
    if data.startswith((b"PAR1", b"ARROW1")):
        return _read_arrow(data, name)
    table = parse(data, TextTable(name, encoding, delimiter, _is_tsv(path)))
    return type_columns(table, text_columns)


def _need_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise FileError("reading files needs pyarrow: pip install 'torchlogit[io]'")


def _is_tsv(path: str | os.PathLike[str]) -> bool:
    return Path(path).name.lower().removesuffix(".gz").endswith((".tsv", ".tab"))


def _read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    if os.fspath(path) == "-":
        return _limited(sys.stdin.buffer, max_bytes, "<stdin>", "read from a pipe")
    shown = show(path, 300)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            raise FileError(f"{shown!r} is a {'directory' if stat.S_ISDIR(mode) else 'device'}, not a file")
        with open(path, "rb") as file:
            if not stat.S_ISREG(mode):
                return _limited(file, max_bytes, shown, "read from a pipe")
            head = file.read(MAX_LINE)
            _check_first_line(head, shown)
            return head + file.read()
    except (FileError, DataError):
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {shown!r}: {_reason(path, error)}") from error


def _reason(path: str | os.PathLike[str], error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return f"it is a link to {show(os.readlink(path), 300)!r}, which does not exist"
    return getattr(error, "strerror", None) or str(error)


def _limited(file: IO[bytes] | gzip.GzipFile, max_bytes: int, name: str, how: str) -> bytes:
    """All of ``file`` in memory, refused beyond ``max_bytes`` or when its first line has no end."""
    data = bytearray()
    while chunk := file.read(_CHUNK):
        data += chunk
        if len(data) > max_bytes:
            raise DataError(f"{name}: more than {max_bytes} bytes {how}; split it, or use Parquet.")
        if MAX_LINE <= len(data) < MAX_LINE + _CHUNK:
            _check_first_line(data, name)
    return bytes(data)


def _check_first_line(head: bytes | bytearray, name: str) -> None:
    known = head.startswith((_GZIP, b"PAR1", b"ARROW1"))
    if len(head) >= MAX_LINE and not known and b"\n" not in head and b"\r" not in head:
        raise DataError(f"{name}:1: the line is longer than {MAX_LINE} bytes. Is it a CSV file?")


def _unpack(data: bytes, name: str, max_bytes: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return _limited(file, max_bytes, name, "when unpacked")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{name}: the gzip data is cut off or damaged ({error})") from error


def _check_kind(data: bytes, path: str | os.PathLike[str], name: str) -> None:
    """Refuse formats that are not read, and a name that promises another format than the file holds."""
    for magic, what in _STRANGERS.items():
        if data.startswith(magic):
            raise FileError(f"{name}: the file is {what}")
    magic, promised = _PROMISES.get(Path(path).suffix.lower(), (b"", ""))
    if not data.startswith(magic):
        found = "is empty" if not data else f"begins with {show(data[:8])}"
        raise FileError(f"{name}: the name promises {promised}, but the file {found}")


def _read_arrow(data: bytes, name: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if data.startswith(b"PAR1"):
            table = parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read()
        else:
            table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
            table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{name}: the file is cut off or damaged ({show(error, 200)})") from error
    check_unique(table.column_names, name)
    if table.num_rows == 0:
        raise DataError(f"no data rows in {name}")
    return table
