"""Write a file whole or not at all, and tables as CSV, Parquet or Arrow."""

from __future__ import annotations

import contextlib
import errno
import numbers
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from torchlogit.errors import DataError, FileError
from torchlogit.tables.cells import is_missing
from torchlogit.tables.names import show

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF}


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Give a binary file that becomes ``path`` when the block ends well, and leaves no trace when it does not.

    The bytes go to a file of a unique name beside ``path``, are flushed to the disk and then renamed over ``path``, so
    a reader sees the old file or the new one, whole, even after a kill or a power cut; of two writers one wins. A
    symbolic or hard link at ``path`` is replaced, never written through; the old file's permissions are kept.

    Raises `FileError` naming ``path`` where it is a directory or a device, cannot be written, or the disk is full;
    what else the block raises passes unchanged.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "model.bin"
    >>> with atomic(target) as file:
    ...     _ = file.write(b"new")
    >>> target.read_bytes()
    b'new'
    """
    target = Path(path)
    temporary = target.parent / f".torchlogit-{secrets.token_hex(8)}.tmp"
    with _named(target):
        mode = _replaceable(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(temporary, flags, 0o666)
        try:
            with open(descriptor, "wb") as file:
                if mode is not None:
                    os.chmod(temporary, mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {show(path, 300)!r}: {error.strerror or error}") from error


def _replaceable(path: Path) -> int | None:
    """The permissions of the file at ``path``, None where there is none; refuse what must not be replaced."""
    if "\0" in str(path):
        raise FileError(f"cannot write {show(path, 300)!r}: the name holds a NUL character")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        return None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise FileError(f"cannot write {show(path, 300)!r}: it is {kind}, not a file")
    return stat.S_IMODE(mode)


def _sync_directory(path: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def write_table(path: str | os.PathLike[str], columns: Mapping[str, Any]) -> None:
    """Write ``columns`` (name → array of n cells) as the extension of ``path`` says.

    ``.parquet``, ``.arrow`` and ``.feather`` keep types and text as they are; ``.tsv`` and anything else (and ``-``,
    the standard output) are text as `write_csv` writes it. Raises `FileError` as `atomic` does, `DataError` where the
    columns differ in length.
    """
    with table_writer(path, columns) as write:
        write(columns)


@contextlib.contextmanager
def table_writer(
    path: str | os.PathLike[str], like: Mapping[str, Any]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What to call with the columns of some rows, part after part: `write_table` for tables that are made in parts.

    ``like`` has the names of the columns, and cells of the types that they have.

    >>> with table_writer("-", {"p": [0.5]}) as write:
    ...     write({"p": [0.25, 0.5]})
    ...     write({"p": [1.0]})
    p
    0.25
    0.5
    1.0
    """
    _check_lengths(like)
    form = {".parquet": _parquet, ".arrow": _arrow, ".feather": _arrow}.get(Path(path).suffix.lower())
    with contextlib.ExitStack() as stack:
        file = None if os.fspath(path) == "-" else stack.enter_context(atomic(path))
        if form is None or file is None:
            yield _text_writer(file, like, "\t" if Path(path).suffix.lower() == ".tsv" else ",")
            return
        import pyarrow as pa

        schema = pa.schema({name: pa.array(_array(values)).type for name, values in like.items()})
        table = stack.enter_context(form(file, schema))

        def write(columns: Mapping[str, Any]) -> None:
            _check_lengths(columns)
            cells = [pa.array(_array(columns[field.name]), field.type) for field in schema]
            table.write_table(pa.Table.from_arrays(cells, schema=schema))

        yield write


def _text_writer(
    file: IO[bytes] | None, like: Mapping[str, Any], delimiter: str
) -> Callable[[Mapping[str, Any]], None]:
    """The header is written at once, to a file or the standard output."""
    alone = len(like) == 1

    def put(columns: Sequence[Sequence[str]]) -> None:
        quoted = [[_quoted(text, delimiter, alone=alone) for text in column] for column in columns]
        lines = (delimiter.join(row) + "\n" for row in zip(*quoted, strict=True))
        if file is None:
            sys.stdout.writelines(lines)
        else:
            file.writelines(line.encode() for line in lines)

    def write(columns: Mapping[str, Any]) -> None:
        _check_lengths(columns)
        put([_texts(columns[name]) for name in like])

    put([[_neutral(name)] for name in like])
    return write


def write_csv(path: str | os.PathLike[str], columns: Mapping[str, Any]) -> None:
    r"""Write ``columns`` (name → array of n cells) as UTF-8 CSV, or tab-separated where ``path`` ends in ``.tsv``.

    Numbers are written with as many digits as they need to come back bitwise; missing cells (NaN, None) are empty.
    A text cell or name that a spreadsheet would run as a formula (it begins with ``= + - @``, a tab or a carriage
    return) gets a leading ``'``; numbers are never touched. ``-`` is the standard output.

    >>> write_csv("-", {"name": ["Ann", "=1+1"], "p": [0.25, -1.0]})
    name,p
    Ann,0.25
    '=1+1,-1.0
    """
    _check_lengths(columns)
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    with contextlib.nullcontext() if os.fspath(path) == "-" else atomic(path) as file:
        _text_writer(file, columns, delimiter)(columns)


def _check_lengths(columns: Mapping[str, Any]) -> None:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{show(name)}` {length}" for name, length in lengths.items())
        raise DataError(f"the columns to write differ in length: {told}")


def _array(values: Any) -> np.ndarray[Any, Any]:
    return values if isinstance(values, np.ndarray) else np.asarray(values)


def _texts(values: Any) -> list[str]:
    array = _array(values)
    if array.dtype.kind == "f":
        return ["" if value != value else repr(value) for value in array.astype(np.float64).tolist()]
    return [_text(value) for value in array.tolist()]


def _text(value: object) -> str:
    if is_missing(value):
        return ""
    return str(value) if isinstance(value, numbers.Number) else _neutral(str(value))


def _quoted(text: str, delimiter: str, *, alone: bool) -> str:
    """``text`` in quotes where a reader would split it, or skip its line as blank."""
    special = any(character in text for character in (delimiter, '"', "\n", "\r"))
    return '"' + text.replace('"', '""') + '"' if special or (alone and not text) else text


def _neutral(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _parquet(file: IO[bytes], schema: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema, write_page_checksum=True)


def _arrow(file: IO[bytes], schema: Any) -> Any:
    """A Feather file, which is an Arrow file, compressed where that is known."""
    import pyarrow as pa

    packed = "lz4" if pa.Codec.is_available("lz4") else None
    return pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression=packed))
