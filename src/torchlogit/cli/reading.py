"""The rows that a command is given: a table, or where they do not fit in memory, who reads them in parts."""

from __future__ import annotations

import os
from typing import Any

from torchlogit.errors import ParameterError

PACKED = 8  # times as large as its file a Parquet or Arrow file may be in memory


def table_of(path: str, encoding: str, delimiter: str | None, text: list[str]) -> Any:
    """The table in the file."""
    from torchlogit.tables import read_table

    return read_table(path, encoding=encoding, delimiter=_character(delimiter), text_columns=tuple(text))


def files_of(path: str, encoding: str, delimiter: str | None, text: list[str]) -> Any:
    """The file, or all files of the folder or glob, to be read in parts."""
    from torchlogit.sources.parquet import Files

    if encoding.lower().replace("-", "") != "utf8":
        raise ParameterError("files that are read in parts must be UTF-8; leave out --encoding")
    return Files([path], delimiter=_character(delimiter), text_columns=text)


def rows_at(path: str, encoding: str, delimiter: str | None, text: list[str], memory: str) -> Any:
    """The table in the file, or where there may be more than a share of the memory holds, or several files, who reads them."""
    from torchlogit.sources.stream import KEPT, bytes_of

    room = bytes_of(memory) // KEPT
    small = not several(path) and (is_small_text(path, room) or os.path.getsize(path) <= room // PACKED)
    return (table_of if small else files_of)(path, encoding, delimiter, text)


def several(path: str) -> bool:
    """Whether it names more than a file of this machine: a folder, a glob, a URL."""
    return os.path.isdir(path) or "://" in path or (not os.path.lexists(path) and any(c in path for c in "*?["))


def is_small_text(path: str, room: int) -> bool:
    """Whether it is one text file that fits, or what has no size, such as the standard input.

    A Parquet or Arrow file may unpack to any size: whether its rows fit is seen as they are read.
    """
    if not os.path.isfile(path):
        return True
    from torchlogit.sources.listing import Found, kind_of, system_of

    size = os.path.getsize(path)
    return size <= room and kind_of([(Found(path, size, 0), "")], system_of(path, None)[0]) == "CSV"


def _character(delimiter: str | None) -> str | None:
    return "\t" if delimiter == "\\t" else delimiter
