"""LaTeX tables with the rules of the package booktabs, every character of a name shown as it is."""

from __future__ import annotations

import re

from torchlogit.render.document import Document, Grid

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", "…": r"\ldots{}",
    '"': "{''}", **{c: f"\\{c}" for c in "&%$#_"},
    **{c: rf"\ensuremath{{{maths}}}" for c, maths in {
        "−": "-", "√": r"\surd", "✔": r"\surd", "✘": r"\times", "×": r"\times", "·": r"\cdot", "²": "^2", "χ": r"\chi",
        "β": r"\beta", "η": r"\eta", "μ": r"\mu", "Σ": r"\Sigma", "Δ": r"\Delta", "≤": r"\le", "≥": r"\ge", "≈": r"\approx",
        "→": r"\to", "∞": r"\infty", "½": r"\frac12", "¹": "^1", "⁻": "^-",
    }.items()},
}  # fmt: skip


def escaped(text: str) -> str:
    r"""Text that LaTeX shows as it is.

    >>> print(escaped("100 % of a_b & <c>"))
    100 \% of a\_b \& \textless{}c\textgreater{}
    """
    return "".join(_SPECIAL.get(c, c) for c in text)


def latex(document: Document) -> str:
    """The document's tables, each a ``table`` with the title as its caption and the notes below; needs booktabs.

    Names in Chinese need XeLaTeX or LuaLaTeX, as every text in Chinese does.
    """
    grids = document.grids or (Grid(("", ""), document.facts, "lr"),)
    foot = [r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize", *_foot(document), r"\end{minipage}"]
    caption = [rf"\caption{{{escaped(document.title)}}}"] if document.title else []
    tables = "\n\\par\\medskip\n".join(map(table, grids))
    return "\n".join(
        ["\\begin{table}", r"\centering", *caption, tables, *(foot if foot[2:-1] else []), "\\end{table}\n"]
    )


def _foot(document: Document) -> list[str]:
    facts = document.facts if document.grids else ()
    lines = [f"{escaped(name)}: {escaped(value)}." for name, value in facts]
    return [line + r"\\" for line in (" ".join(lines), *map(escaped, document.notes)) if line]


def table(grid: Grid) -> str:
    """A ``tabular``; minus signs are minus signs."""
    head = [escaped(head.replace("\n", " ")) for head in grid.head]
    lines = [_line(head), r"\midrule"] if any(head) else []
    above = [rf"\textbf{{{escaped(grid.caption)}}}\\[2pt]"] if grid.caption else []
    rows = [_line([_first(row[0]), *map(_cell, row[1:])]) for row in grid.rows]
    return "\n".join(
        [*above, rf"\begin{{tabular}}{{{grid.align}}}", r"\toprule", *lines, *rows, r"\bottomrule", r"\end{tabular}"]
    )


def _first(cell: str) -> str:
    return (r"\quad " if cell.startswith(" ") else "") + escaped(cell.strip())


def _cell(cell: str) -> str:
    return re.sub(r"^-(?=[\d.i])", "$-$", escaped(cell))


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
