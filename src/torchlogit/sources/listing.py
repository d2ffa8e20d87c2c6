"""Which files there are at a path, in a folder or by a glob, on a disk or in a store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from torchlogit.errors import DataError, FileError
from torchlogit.tables.names import show

KINDS = {
    **dict.fromkeys((".parquet", ".pq"), "Parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "Arrow"),
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), "CSV"),
}


class Found(NamedTuple):
    """A file as the file system has it; a change of any of these is a change of the data."""

    path: str
    size: int
    mtime: int


@contextmanager
def about(path: str) -> Iterator[None]:
    """Put the path before what is wrong with a file."""
    import pyarrow as pa

    try:
        yield
    except (FileError, DataError):
        raise
    except (OSError, pa.ArrowException) as error:
        gone = isinstance(error, FileNotFoundError)
        told = (
            "the file is gone"
            if gone
            else f"the file is cut off, damaged, of another kind or out of reach ({show(error, 300)})"
        )
        raise FileError(f"{path}: {told}") from error


def system_of(path: str, system: Any) -> tuple[Any, str]:
    """The file system of a path or URL, and the path there."""
    from pyarrow import fs

    if system is not None:
        return system, path
    if "://" not in path:
        return fs.LocalFileSystem(), path
    with about(path):
        return fs.FileSystem.from_uri(path)


def listed(system: Any, path: str) -> list[tuple[Found, str]]:
    """The files of a path, a folder or a glob, sorted, each with the folder that was looked in; hidden ones are left out."""
    from pyarrow import fs

    with about(path):
        info = system.get_file_info(path)
        if info.type == fs.FileType.File:
            return [(_seen(info), path.rpartition("/")[0])]
        wild = re.search(r"[*?[]", path)
        if info.type == fs.FileType.NotFound and wild is None:
            raise FileError(f"there is no file or folder {show(path, 300)!r}")
        base = (
            path.rstrip("/")
            if info.type == fs.FileType.Directory
            else path[: wild.start() if wild else 0].rpartition("/")[0]
        )
        pattern = None if info.type == fs.FileType.Directory else re.compile(_regex(path) + "(?:/.*)?")
        look = base or ("/" if path.startswith("/") else ".")
        inside = system.get_file_info(fs.FileSelector(look, recursive=True, allow_not_found=True))
    out = []
    for each in sorted((each for each in inside if each.type == fs.FileType.File), key=lambda each: each.path):
        name = each.path if base else each.path.removeprefix("./")
        hidden = any(part[:1] in "._" for part in name.removeprefix(base).strip("/").split("/"))
        if not hidden and _suffix(name) in KINDS and (pattern is None or pattern.fullmatch(name)):
            out.append((_seen(each)._replace(path=name), base))
    return out


def _seen(info: Any) -> Found:
    return Found(info.path, int(info.size or 0), int(info.mtime_ns or 0))


def _regex(glob: str) -> str:
    """A glob as a regular expression: ``**`` for any folders, ``*`` and ``?`` within a name."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", glob)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(part) or (part if part[:1] == "[" else re.escape(part)) for part in parts)


def _suffix(path: str) -> str:
    return PurePosixPath(path.lower().removesuffix(".gz")).suffix


def is_tsv(path: str) -> bool:
    return _suffix(path) in (".tsv", ".tab")


def kind_of(found: Sequence[tuple[Found, str]], system: Any) -> str:
    """What the files are, by their names; a file of another name by its first bytes."""
    kinds: dict[str, str] = {}
    for each, _ in found:
        kind = KINDS.get(_suffix(each.path))
        if kind is None:
            with about(each.path):
                head = system.open_input_stream(each.path).read(6)
            kind = "Parquet" if head.startswith(b"PAR1") else "Arrow" if head == b"ARROW1" else "CSV"
        kinds.setdefault(kind, each.path)
    if len(kinds) > 1:
        pairs = ", ".join(f"{path} is {kind}" for kind, path in kinds.items())
        raise DataError(f"the files are of several kinds: {pairs}; give those of one kind, such as 'data/*.parquet'")
    return next(iter(kinds))
