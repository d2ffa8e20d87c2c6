"""Markdown with pipe tables (GitHub's), every character of a name shown as it is."""

from __future__ import annotations

import re

from torchlogit.render.document import Document, Grid

_SPECIAL = re.compile(r"([\\`*_{}\[\]#+|~$])")


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> print(escaped("a|b <script> *c*"))
    a\|b &lt;script&gt; \*c\*
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def markdown(document: Document) -> str:
    """The document: a heading, a list of facts, tables, paragraphs."""
    parts = [f"### {escaped(document.title)}" if document.title else ""]
    parts.append("\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in document.facts))
    parts += map(table, document.grids)
    parts += map(escaped, document.notes)
    return "\n\n".join(filter(None, parts)) + "\n"


def table(grid: Grid) -> str:
    """A pipe table with its caption above."""
    rule = ["---:" if a == "r" else ":---" for a in grid.align]
    heads = [escaped(head.replace("\n", " ")) for head in grid.head]
    lines = [_line(heads), _line(rule), *(_line([_first(row[0]), *map(escaped, row[1:])]) for row in grid.rows)]
    return "\n".join([*([f"**{escaped(grid.caption)}**", ""] if grid.caption else []), *lines])


def _first(cell: str) -> str:
    return "&emsp;" * (len(cell) - len(cell.lstrip()) > 0) + escaped(cell.strip())


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
