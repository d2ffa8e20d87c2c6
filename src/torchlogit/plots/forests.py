"""Odds ratios as a forest, and effects on the probability: rows with their intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.style import Display, Look, Style, drawing, finished, headline, style_of
from torchlogit.plots.whiskers import MOST, Row, height, log_ticks, ratio_text, spoken, whiskers
from torchlogit.render.numbers import p_text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.inference.effects import EffectTable, MarginTable
    from torchlogit.inference.forest import Forest

REACH = 30.0  # times the outermost odds ratio, beyond which a bound is an arrow
UNITS = {"eyex": "elasticity", "eydx": "change of log probability"}


def forest(
    table: Forest,
    *,
    page: int = 1,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """Odds ratios with their intervals on a logarithmic axis, beside the events and rows of each level and the numbers.

    The red line is an odds ratio of 1; a mark is full where the interval leaves it out. Diamonds are reference levels. What
    has no interval is not drawn, and why is told in its row. The picture grows with its rows; more than 60 go on further
    pages, ``page`` counting from 1. At a column's width there are no p-values and the counts stand by the names.
    ``look``: `Look`.

    ParameterError where nothing can be drawn and for a page there is not, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> display = forest(fit(datasets.study_hours(), "passed").forest(interval="wald"))
    >>> [text.get_text() for text in display.ax.texts if "(" in text.get_text()]
    ['4.50 (1.31, 15.4)']
    """
    if not _drawn(table).any():
        why = ", ".join(dict.fromkeys(table.why[table.why != ""].tolist()))
        raise ParameterError(
            f"no odds ratio has an interval to draw: {why}; see the effects on the probability instead"
        )
    rows = list(_ratios(table, Style()))
    pages = -(-len(rows) // MOST)
    if not 1 <= page <= pages:
        raise ParameterError(f"there are {pages} pages of {MOST} rows, got page={page}")
    here = slice(MOST * (page - 1), MOST * page)
    with drawing(ax, (7.0, height(rows[here])), look) as ax:
        style = style_of(ax)
        say, wide = style.say, style.wide
        _ratio_axis(ax, table)
        counts = [say("events / n")] if wide and np.isfinite(table.n).any() else []
        heads = [*counts, say("{level} % interval", level=f"{100 * table.level:g}"), *([say("p")] if wide else [])]
        left = whiskers(ax, list(_ratios(table, style))[here], heads, 1.0)
        paged = [say("page {i} of {n}", i=page, n=pages)] * (pages > 1)
        own = say("Odds ratios of {event}", event=table.outcome)
        headline(ax, own if title is None else title, "  ".join(filter(None, [note, *paged])), left=left)
    return finished(ax, f"{own}: {'; '.join(_spoken(table))}")


def _drawn(table: Forest) -> Any:
    """Which comparisons have an interval, (m,)."""
    return (np.isfinite(table.low) | np.isfinite(table.high)) & ~table.reference & (table.why == "")


def _ratio_axis(ax: Axes, table: Forest) -> None:
    """A logarithmic axis that shows all odds ratios, and their bounds but for those far out."""
    shown = _drawn(table)
    ratios, bounds = table.odds_ratio[shown], np.concatenate([table.low[shown], table.high[shown]])
    ratios = np.concatenate([ratios[np.isfinite(ratios) & (ratios > 0)], [1.0]])
    bounds = bounds[np.isfinite(bounds) & (bounds > ratios.min() / REACH) & (bounds < ratios.max() * REACH)]
    ends = np.concatenate([ratios, bounds])
    low, high = ends.min() / 1.15, ends.max() * 1.15
    ax.set(xscale="log", xlim=(low, high), xlabel=style_of(ax).say("odds ratio"))
    ticks = log_ticks(low, high)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)


def _ratios(table: Forest, style: Style) -> Iterator[Row]:
    """The rows of a forest: a heading over each class and category, then its levels."""
    label = term = ""
    for i, name in enumerate(table.term):
        if table.label[i] != label:
            label, term = table.label[i], ""
            yield Row(style.say("{label} against {base}", label=label, base=table.base) if table.base else str(label))
        if table.value[i] and (name, bool(table.reference[i])) != (term, False) and name != term:
            yield Row(str(name))
        term = str(name)
        yield _ratio(table, i, style)


def _ratio(table: Forest, i: int, style: Style) -> Row:
    """One comparison."""
    say, wide = style.say, style.wide
    value, step, n = str(table.value[i]), table.step[i], table.n[i]
    name = value or (
        str(table.term[i]) if step == 1 else say("{name}, per {step}", name=table.term[i], step=f"{step:g}")
    )
    count = f"{table.events[i]:.10g} / {n:.10g}" if n == n else ""
    name = name if wide or not count else f"{name}, {count.replace(' ', '')}"
    counts = (count,) if wide and np.isfinite(table.n).any() else ()
    if table.why[i]:
        return Row(name, int(bool(value)), why=say("not drawn: {why}", why=say(str(table.why[i]))))
    if table.reference[i]:
        told = (*counts, say("reference"), *([""] if wide else []))
        return Row(name, 1, 1.0, 1.0, 1.0, told, reference=True)
    centre, low, high = (float(column[i]) for column in (table.odds_ratio, table.low, table.high))
    text = f"{ratio_text(centre)} ({ratio_text(low) or '?'}, {ratio_text(high) or '?'})"
    p = [p_text(float(table.log_p[i])) if table.log_p[i] == table.log_p[i] else ""] if wide else []
    return Row(name, int(bool(value)), centre, low, high, (*counts, text, *p))


def _spoken(table: Forest) -> list[str]:
    """The first comparisons in words of numbers."""
    numbers = zip(table.names_of_rows(), table.odds_ratio, table.low, table.high, strict=True)
    told = [f"{show(name)} {ratio_text(x)} ({ratio_text(a)}, {ratio_text(b)})" for name, x, a, b in numbers]
    return [text for text, drawn in zip(told, _drawn(table), strict=True) if drawn][:12]


def effects(
    table: EffectTable, *, ax: Axes | None = None, title: str | None = None, note: str = "", **look: Unpack[Look]
) -> Display:
    """Effects on the probability with their intervals, in percentage points; the red line is no effect.

    The table is that of `Fit.effects`: a row a contrast, place of the others, group and class. Elasticities, which are of
    the logarithm of the probability, keep their own scale. The picture shows 60 rows at most.

    ParameterError for a longer table, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> display = effects(fit(datasets.study_hours(), "passed").effects())
    >>> [text.get_text() for text in display.ax.texts if "(" in text.get_text()]
    ['19.1 (15.7, 22.6)']
    """
    points = 1.0 if table.method.startswith("ey") else 100.0
    rows = list(_moves(table, Style(), points))
    _check_length(rows, "effects")
    with drawing(ax, (7.0, height(rows)), look) as ax:
        style = style_of(ax)
        say, rows = style.say, list(_moves(table, style, points))
        ends = np.array([0.0, *(points * table.low), *(points * table.high)])
        ends = ends[np.isfinite(ends)]
        spare = 0.06 * (np.ptp(ends) or 1.0)
        ax.set_xlim(ends.min() - spare, ends.max() + spare)
        unit = "effect on the probability, in percentage points" if points > 1 else UNITS[table.method]
        ax.set_xlabel(fitted_label(say(unit), style))
        left = whiskers(ax, rows, [say("{level} % interval", level=f"{100 * table.level:g}")], 0.0)
        own = say("Effects on the probability of {event}", event=table.outcome)
        headline(ax, own if title is None else title, note, left=left)
    return finished(ax, f"{own}: {spoken(rows)}")


def _check_length(rows: list[Row], what: str) -> None:
    if len(rows) > MOST:
        raise ParameterError(
            f"the table has {len(rows)} rows, more than the {MOST} of one picture: ask for fewer {what}"
        )


def fitted_label(text: str, style: Style) -> str:
    """An axis label in lines that a column has room for."""
    from torchlogit.plots.words import wrapped

    return wrapped(text, 60 if style.wide else 26)


def _moves(table: EffectTable, style: Style, points: float) -> Iterator[Row]:
    """The rows of a table of effects, under headings where several rows differ in their last part alone."""
    names = list[list[str]]()
    for i, term in enumerate(table.term):
        slope = table.contrast[i] == "dy/dx"
        first = (
            [style.say("{name}, per unit", name=term)]
            if slope
            else [str(term), str(table.contrast[i]).replace(" - ", " − ")]
        )
        names.append([*first, *filter(None, (str(column[i]) for column in (table.at, table.group, table.label)))])
    numbers = points * np.column_stack([table.effect, table.low, table.high])
    told = [
        f"{_short(x, style.wide)} ({_short(low, style.wide)}, {_short(high, style.wide)})"
        for x, low, high in numbers.tolist()
    ]
    yield from _under_headings(names, numbers, told)


def _under_headings(names: list[list[str]], numbers: Any, told: list[str]) -> Iterator[Row]:
    """Rows (m,) with names in parts and ``numbers`` (m, 3); what several share but for the last part stands above them."""
    shared, last = Counter(tuple(name[:-1]) for name in names), [""]
    for (*above, own), (centre, low, high), text in zip(names, numbers.tolist(), told, strict=True):
        under = bool(above) and shared[tuple(above)] > 1
        heading = ": ".join(filter(None, [*above[:1], ", ".join(above[1:])]))
        if under and above != last:
            yield Row(heading)
        last = above
        yield Row(own if under else ": ".join(filter(None, [heading, own])), int(under), centre, low, high, (text,))


def _short(x: float, wide: bool) -> str:
    """A number in about three digits, or two, with a true minus."""
    return "" if x != x else (f"{x:#.3g}" if wide else f"{x:.2g}").removesuffix(".").replace("-", "−")


def margins(
    table: MarginTable, *, ax: Axes | None = None, title: str | None = None, note: str = "", **look: Unpack[Look]
) -> Display:
    """Average probabilities with their intervals at the values that variables were set to; rows, 60 at most.

    The table is that of `Fit.margins`. ParameterError for a longer table, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> display = margins(fit(datasets.study_hours(), "passed").margins({"hours": [1, 4]}))
    >>> [text.get_text() for text in display.ax.texts if "(" in text.get_text()]
    ['7.1 % (0.7, 44.2)', '87.4 % (46.0, 98.3)']
    """
    rows = list(_averages(table, Style()))
    _check_length(rows, "values")
    with drawing(ax, (7.0, height(rows)), look) as ax:
        say, rows = style_of(ax).say, list(_averages(table, style_of(ax)))
        ax.set(xlim=(-0.02, 1.02), xlabel=say("average probability"))
        left = whiskers(ax, rows, [say("{level} % interval", level=f"{100 * table.level:g}")], 0.5)
        own = say("Average probability of {event}", event=table.outcome)
        headline(ax, own if title is None else title, note, left=left)
    return finished(ax, f"{own}: {spoken(rows)}")


def _averages(table: MarginTable, style: Style) -> Iterator[Row]:
    """The rows of a table of average probabilities, under headings where several rows differ in their last part alone."""
    digits = 1 if style.wide else 0
    parts = zip((str(at).split(", ") for at in table.at), table.group, table.label, strict=True)
    names = [[*filter(None, [*at, str(group), str(label)])] or [table.outcome] for at, group, label in parts]
    numbers = np.column_stack([table.probability, table.low, table.high])
    told = [f"{p:.{digits}f} % ({low:.{digits}f}, {high:.{digits}f})" for p, low, high in (100 * numbers).tolist()]
    yield from _under_headings(names, numbers, told)
