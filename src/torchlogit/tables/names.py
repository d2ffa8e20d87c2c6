"""Names and values as a message shows them: short, on one line, with nothing that moves a terminal's cursor."""

from __future__ import annotations

import difflib
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, DataWarning

FIRST = 5
_SUGGEST_AMONG = 10_000
_first_row = ContextVar("first row", default=0)


def show(name: object, width: int = 60) -> str:
    r"""``name`` made safe for a message, a log or a terminal: at most ``width`` characters and all printable.

    Control characters, escape sequences, invisible and direction-changing characters and lone surrogates are written
    as ``\x1b``, ``\u202e``; a longer name is cut and its length told. HTML is left as it is: a page must escape it.

    >>> print(show("age\x1b[31m"))
    age\x1b[31m
    >>> print(show("x" * 10_000, width=8))
    xxxxxxxx… (10000 characters)
    """
    text = str(name)
    cut = text if len(text) <= width else f"{text[:width]}… ({len(text)} characters)"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def show_value(value: object) -> str:
    """A cell as a message shows it: text in quotes, so that ``'1'`` is seen to be text.

    >>> show_value("1"), show_value(1)
    ("'1'", '1')
    """
    return f"'{show(value)}'" if isinstance(value, str) else show(value)


def show_list(items: Iterable[str], total: int) -> str:
    """The first five of ``items``, and how many there are.

    >>> show_list(["a", "b", "c", "d", "e", "f"], 6)
    'a, b, c, d, e, … (6 in all)'
    """
    first = [item for item, _ in zip(items, range(FIRST), strict=False)]
    return ", ".join(first) + (f", … ({total} in all)" if total > len(first) else "")


@contextmanager
def rows_from(first: int) -> Iterator[None]:
    """Within: rows are those of a part of a table, counted from its row ``first`` (from 0) on; in this thread.

    >>> with rows_from(40_000_000):
    ...     print(show_rows([0]))
    row 40000001
    """
    before = _first_row.set(first)
    try:
        yield
    finally:
        _first_row.reset(before)


def counted(row: Any) -> int:
    """A row index (from 0) as the user counts it."""
    return int(row) + 1 + _first_row.get()


def show_rows(rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> str:
    """Row indices (from 0) as the user counts them (data rows from 1).

    >>> show_rows([0, 4]), show_rows([6])
    ('rows 1, 5', 'row 7')
    """
    return ("row " if len(rows) == 1 else "rows ") + show_list((str(counted(row)) for row in rows[:FIRST]), len(rows))


def show_names(names: Sequence[object]) -> str:
    """Names in backquotes, the first five and the total.

    >>> show_names(["age", "income"])
    '`age`, `income`'
    """
    return show_list((f"`{show(name)}`" for name in names[:FIRST]), len(names))


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence that suggests the nearest of ``names``, or ``""`` when nothing is near.

    >>> did_you_mean("agee", ["income", "age"])
    ' Did you mean `age`?'
    >>> did_you_mean("Income", ["income", "age"])
    ' Did you mean `income`?'
    >>> did_you_mean("school", ["income", "age"])
    ''
    """
    by_fold = {_fold(other): other for other, _ in zip(names, range(_SUGGEST_AMONG), strict=False)}
    near = difflib.get_close_matches(_fold(name)[:200], by_fold, n=1)
    return f" Did you mean `{show(by_fold[near[0]])}`?" if near else ""


def check_unique(names: Sequence[str], where: str) -> None:
    """Raise `DataError` if a name occurs twice.

    >>> check_unique(["a", "b", "a"], "the header")
    Traceback (most recent call last):
    torchlogit.errors.DataError: the header names `a` more than once (columns 1, 3). Rename one of them.
    """
    if len(set(names)) == len(names):
        return
    twice = next(name for name in names if names.count(name) > 1)
    places = [str(i + 1) for i, name in enumerate(names) if name == twice]
    columns = show_list(places, len(places))
    raise DataError(f"{where} names `{show(twice)}` more than once (columns {columns}). Rename one of them.")


def warn_lookalikes(names: Iterable[str], what: str, stacklevel: int = 3) -> None:
    """Warn (`DataWarning`) of names that differ only by case, by spaces or by how Unicode spells the same letters."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_fold(name), name)
        if other != name:
            pair = f"{show(other)!a} and {show(name)!a}"
            message = f"{what} {pair} look alike (case, spaces or Unicode spelling) and are kept apart."
            warnings.warn(message, DataWarning, stacklevel=stacklevel)


def _fold(name: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return "".join(visible.casefold().split())
