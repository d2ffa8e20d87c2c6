"""Plain text, 80 columns wide, for terminals: wide letters count two, lines are filled, tables are aligned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import fill

from torchlogit.render.document import Document, Grid

WIDTH = 80
LEAST_NAME = 12  # columns that a row's name always gets
_CLOSE = "，。；：！？）”’、」』》"
_OPEN = "（“‘「『《"
_PIECE = re.compile(  # what stays on one line: a word, or a wide letter with the marks that go with it
    rf"`[^`\s]{{1,24}}`[{_CLOSE}]*\s*|[{_OPEN}]*(?:[\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff]|[^\s\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff{_OPEN}{_CLOSE}]+)"
    rf"[{_CLOSE}]*\s*|\s+|."
)
MOST_TEXT = 28  # columns that another column of words gets at most


def text(document: Document) -> str:
    """The document as text."""
    parts = [filled(document.title), _facts(document.facts), *map(table, document.grids), _notes(document.notes)]
    return "\n\n".join(filter(None, parts))


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    from rich.cells import cell_len

    wide = max((cell_len(name) for name, _ in pairs), default=0)
    return "\n".join(
        filled(value, fitted(name, wide) + "  ", " " * (wide + 2)) if value else name for name, value in pairs
    )


def _notes(lines: Sequence[str]) -> str:
    return "\n".join(filled(line, rest="  ") for line in lines)


def filled(text: str, first: str = "", rest: str = "") -> str:
    """A paragraph on lines of 80 columns; between wide letters it may break anywhere but before a closing mark.

    >>> print(filled("逻辑斯蒂" * 10 + "，" + "回归。"))
    逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯蒂逻辑斯
    蒂，回归。
    """
    from rich.cells import cell_len

    if cell_len(text) == len(text):
        return fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    lines = [first]
    for piece in _PIECE.findall(text):
        if cell_len(lines[-1]) + cell_len(piece.rstrip()) > WIDTH and lines[-1].strip():
            lines.append(rest + piece.lstrip())
        else:
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def table(grid: Grid) -> str:
    """A table with its caption, in as many blocks of columns as it needs."""
    rows = [*zip(*map(_heads, grid.head), strict=True), *grid.rows] if grid.head else list(grid.rows)
    blocks = ["\n".join(line for line in aligned(part, align) if line) for part, align in _blocks(rows, grid.align)]
    return "\n".join(filter(None, [filled(grid.caption) if grid.caption else "", "\n\n".join(blocks)]))


def _heads(head: str) -> tuple[str, str]:
    above, _, below = head.rpartition("\n")
    return above, below


def _blocks(rows: Sequence[Sequence[str]], align: str) -> list[tuple[list[list[str]], str]]:
    """The table cut between columns so that each part fits, the columns of words that lead it in all of them."""
    from rich.cells import cell_len

    wide = [min(MOST_TEXT if a == "l" else WIDTH, max(map(cell_len, column)))
            for a, column in zip(align, zip(*rows, strict=True), strict=True)]  # fmt: skip
    lead = tuple(range(1, len(align) - len(align.lstrip("l"))))  # that name the row beside its first cell
    lead = lead if sum(wide[i] + 2 for i in lead) <= MOST_TEXT and len(lead) < len(align) - 1 else ()
    parts: list[list[int]] = [[*lead]]
    for j in range(1 + len(lead), len(align)):
        if len(parts[-1]) > len(lead) and min(wide[0], LEAST_NAME) + sum(wide[i] + 2 for i in (*parts[-1], j)) > WIDTH:
            parts.append([*lead])
        parts[-1].append(j)
    return [([[row[j] for j in (0, *part)] for row in rows], "".join(align[j] for j in (0, *part))) for part in parts]


def aligned(rows: Sequence[Sequence[str]], align: str = "") -> list[str]:
    """Lines of a table: the first column to the left and cut to what is left of 80 columns, the others to the right.

    ``align`` says otherwise: an ``l`` or ``r`` a column.
    """
    from rich.cells import cell_len

    align = align or "l" + "r" * (len(rows[0]) - 1)
    wide = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    wide[1:] = [min(w, MOST_TEXT) if a == "l" else w for w, a in zip(wide[1:], align[1:], strict=True)]
    wide[0] = min(max(LEAST_NAME, WIDTH - sum(wide[1:]) - 2 * len(wide[1:])), wide[0])
    return ["  ".join(map(_placed, row, wide, align)).rstrip() for row in rows]


def _placed(cell: str, wide: int, align: str) -> str:
    from rich.cells import cell_len

    return fitted(cell, wide) if align == "l" else " " * (wide - cell_len(cell)) + cell


def fitted(text: str, wide: int) -> str:
    """``text`` on exactly ``wide`` columns of a terminal, cut with an … in the middle, where ``…=level`` stays whole.

    >>> fitted("age", 5), fitted("neighbourhood=south", 12)
    ('age  ', 'neigh…=south')
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= wide:
        return set_cell_size(text, wide)
    tail = text[-(wide // 2) :]
    while cell_len(tail) > wide // 2:
        tail = tail[1:]
    return set_cell_size(text, wide - 1 - cell_len(tail)) + "…" + tail


def sentence(text: str) -> str:
    """With a capital letter and a full stop.

    >>> sentence("aliased: `a` = `b`")
    'Aliased: `a` = `b`.'
    """
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "。", "？", "！")) else text + "."
