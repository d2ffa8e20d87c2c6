"""The table of coefficients, with its words in the language of the report."""

from __future__ import annotations

from torchlogit.inference.quality import quality, why_none_is_shown
from torchlogit.render.document import Grid
from torchlogit.report.answer import MANNER, further
from torchlogit.report.material import Material
from torchlogit.report.parts import Part
from torchlogit.report.pictures import of_numbers

MOST = 300  # lines of all tables together


def numbers(m: Material) -> Part:
    """The coefficients, one table a class, and where their intervals come from."""
    manner = tuple(s for s in m.sentences if s.key in MANNER)
    grids, cut = _grids(m)
    return Part(
        "numbers",
        m.say("numbers"),
        sentences=(m.say("how_numbers"),) * m.fit._loss().odds,
        lists=further(m),
        pictures=of_numbers(m),
        grids=grids,
        facts=_likelihoods(m),
        notes=(*cut, *manner),
    )


def _likelihoods(m: Material) -> tuple[tuple[str, str], ...]:
    """Log-likelihoods and criteria, where they mean something."""
    fit, found = m.fit, quality(m.fit)
    values = {"full": f"{fit.log_likelihood:.4f}", "null": f"{fit.null_log_likelihood:.4f}"}
    facts = [(m.say("likelihood"), m.say("likelihoods", **values))]
    if found is not None and not why_none_is_shown(fit):
        facts.append((m.say("criteria"), f"{found.aic:.2f}{m.words.SEPARATOR}{found.bic:.2f}"))
    return tuple(facts)


def _grids(m: Material) -> tuple[tuple[Grid, ...], tuple[str, ...]]:
    """The tables, no more than `MOST` lines of them, and what is said of those left out."""
    grids = [_grid(m, j, each) for j, each in enumerate(m.summary.document().grids)]
    total, room, kept = sum(len(each.rows) for each in grids), MOST, []
    for each in grids:
        kept.append(each._replace(rows=each.rows[:room]))
        room -= len(kept[-1].rows)
    cut = (m.say("few_rows", shown=MOST, rows=total),) if total > MOST else ()
    return tuple(each for each in kept if each.rows), cut


def _grid(m: Material, j: int, found: Grid) -> Grid:
    """A table of the summary with heads, caption and words in the language."""
    shown = m.summary
    caption = ""
    if len(shown.labels) > 1 or shown.base is not None:
        values = {"label": m.label(shown.labels[j]), "base": m.label(shown.base)}
        caption = m.say("class" if shown.base is None else "class_against", **values)
    cells = m.words.CELLS
    rows = tuple((_first(row[0], cells), cells.get(row[1], row[1]), *row[2:]) for row in found.rows)
    return Grid(tuple(map(m.head, found.head)), rows, found.align, caption or m.say("coefficients"))


def _first(cell: str, cells: dict[str, str]) -> str:
    return cells[cell] if cell == "(Intercept)" else cell
