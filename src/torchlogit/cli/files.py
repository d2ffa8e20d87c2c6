"""What may be written where: asked before anything is read, so that no work is lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torchlogit.errors import FileError, ParameterError
from torchlogit.tables.names import show

PICTURES = (".png", ".svg", ".pdf")
MARKS = (b"Software\0torchlogit", b"<dc:title>torchlogit</dc:title>", b"/Creator (torchlogit)")  # in every one of ours
TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".feather")


def check_output(path: str | None, inputs: Sequence[str], force: bool) -> None:
    """Refuse (`FileError`) to replace a file without ``force``; one of the ``inputs`` is named as such."""
    if path is None:
        return
    shown = repr(show(path, 300))
    if not path:
        raise ParameterError("the name of the output is empty")
    if not os.path.lexists(path) or force:
        if not Path(path).absolute().parent.is_dir():
            raise FileError(f"cannot write {shown}: there is no directory {show(Path(path).parent, 300)!r}")
        return
    same = [name for name in inputs if name != "-" and os.path.exists(name) and _same(path, name)]
    what = "is the input itself" if same else "exists already"
    raise FileError(f"{shown} {what}; give another name, or --force to replace it")


def _same(left: str, right: str) -> bool:
    return os.path.exists(left) and os.path.samefile(left, right)


def check_ending(path: str | None, endings: Sequence[str]) -> None:
    """Refuse (`ParameterError`) a name that does not say in which of the known formats to write."""
    if path is not None and Path(path).suffix.lower() not in endings:
        raise ParameterError(f"{show(path, 300)!r} should end in {', '.join(endings[:-1])} or {endings[-1]}")


def check_choice(value: str, choices: Sequence[str], option: str) -> None:
    """Refuse (`ParameterError`) a value that is none of the choices, naming the nearest."""
    if value not in choices:
        from difflib import get_close_matches

        near = get_close_matches(value, choices, 1)
        hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(choices)}."
        raise ParameterError(f"{option} {show(value)!r} is unknown.{hint}")


def check_picture(path: str, force: bool) -> None:
    """Refuse to write a picture over anything but a picture that this package made."""
    check_ending(path, PICTURES)
    check_output(path, [], force or _ours(path))


def _ours(path: str) -> bool:
    """Whether the file at ``path`` is a picture made by this package."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return any(mark in content for mark in MARKS)
