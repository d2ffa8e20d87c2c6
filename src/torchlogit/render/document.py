"""What is shown, before it has a form: a title, facts, tables and sentences."""

from __future__ import annotations

from typing import NamedTuple


class Grid(NamedTuple):
    r"""A table of text. A head is broken at ``\n`` where a form has room for two lines; a first cell that begins with
    spaces is indented.

    ``align`` has an ``l`` or ``r`` a column. Text cuts the first column where the lines would be too long, and columns that
    still do not fit go below, as R prints a wide data frame.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""


class Document(NamedTuple):
    """All that is shown, in order: ``facts`` are names with their values, ``notes`` whole sentences."""

    title: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()


def grid(head: list[str], rows: list[list[str]], align: str = "", caption: str = "", keep: int = 1) -> Grid:
    """A `Grid` without the columns that are empty in every row (after the first ``keep``); by default numbers stand right.

    >>> grid(["term", "p", "note"], [["age", "0.1", ""]]).head
    ('term', 'p')
    """
    align = align or "l" + "r" * (len(head) - 1)
    used = [j for j in range(len(head)) if j < keep or any(row[j] for row in rows)]
    chosen = tuple(tuple(row[j] for j in used) for row in rows)
    return Grid(tuple(head[j] for j in used), chosen, "".join(align[j] for j in used), caption)
