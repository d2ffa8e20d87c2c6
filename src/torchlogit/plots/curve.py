"""A probability over one feature, with the points it was fitted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from torchlogit.errors import ParameterError
from torchlogit.plots.frame import UNCERTAIN, check_turn
from torchlogit.plots.style import Display, Look, drawable, drawing, finished, headline, legend_under, letters, style_of
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.inference.slices import Curves


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A fitted curve over one feature: probability (m,) at x (m,), its interval (m,), the points (n,) behind it."""

    x: ArrayLike
    probability: ArrayLike
    lower: ArrayLike | None = None
    upper: ArrayLike | None = None
    points_x: ArrayLike | None = None
    points_y: ArrayLike | None = None
    label: str = ""  # "fitted probability" unless told


def probability_curve(
    table: Curves | CurveTable | Sequence[CurveTable],
    *,
    ax: Axes | None = None,
    title: str = "",
    uncertain: tuple[float, float] = UNCERTAIN,
    threshold: float = 0.5,
    xlabel: str = "",
    ylabel: str = "",
    note: str = "",
    band: str = "",
    **look: Unpack[Look],
) -> Display:
    """Curves of a probability over one feature, with the points they were fitted to: of `Fit.curves`, or of numbers of your own.

    A red line marks the ``threshold``, a ring on each curve the place where the curve crosses it (the legend says
    where), a band the probabilities called ``uncertain``, ``band`` by name. ``note`` is a sentence under the title. The
    axes are ``xlabel`` and ``ylabel``: of `Fit.curves` the variable and the event, else "Hours" and "Probability of Pass" unless
    told; ``note`` of `Fit.curves` is what the other variables are held at.
    Points on the same place are stacked. A text that no installed font can write, such as Chinese where there is no
    Chinese font, gives way to plain English (x, probability, curve 1) or is left out. ``look``: `Look`.

    Raises ``ParameterError`` without any curve or for a threshold or band outside 0 to 1, ``ImportError`` if matplotlib
    is not installed.

    >>> x = np.linspace(0, 10, 200)
    >>> display = probability_curve(CurveTable(x, 1 / (1 + np.exp(4.0777 - 1.5046 * x))), title="Twenty students")
    >>> display.ax.get_legend().get_texts()[0].get_text()
    'fitted probability, 50 % at 2.71'
    """
    check_turn(threshold, uncertain)
    with drawing(ax, (4.8, 4.4), look) as ax:
        say = style_of(ax).say
        tables, *words = _read(table, say)
        xlabel, ylabel, note = (told or own for told, own in zip((xlabel, ylabel, note), words, strict=True))
        ax.set_xlabel(drawable(xlabel, "x", 36))
        ax.set_ylabel(drawable(ylabel, "probability", 26))
        ax.set_ylim(-0.05, 1.05)
        ax.margins(x=0.02)
        headline(ax, drawable(title, "", 32), note)
        _levels(ax, tables, threshold, uncertain, drawable(band or say("uncertain"), "uncertain"))
        for each in tables:
            _points(ax, each)
        names, keys = zip(*(_curve(ax, each, i, threshold) for i, each in enumerate(tables)), strict=True)
        legend_under(ax, keys, [drawable(name, "", max(36, letters(ax, 9.5))) for name in names])
    return finished(ax, f"{title or ylabel}: {'; '.join(names)}")


def _levels(ax: Axes, tables: list[CurveTable], threshold: float, uncertain: tuple[float, float], name: str) -> None:
    """The red line with its tick, and the uncertain band with its name on the side that the curves leave free."""
    style = style_of(ax)
    red = style.theme.red
    ax.axhspan(*uncertain, color=red, alpha=0.1, linewidth=0, zorder=0.5)
    left, right = (min(abs(np.asarray(t.probability)[end] - threshold) for t in tables) for end in (0, -1))
    x, side = (0.98, "right") if right >= left else (0.02, "left")
    ax.text(x, uncertain[1] - 0.015, name, ha=side, va="top", size=style.pt(9), transform=ax.get_yaxis_transform())
    ax.axhline(threshold, color=red, linewidth=1.4, zorder=1.5)
    ax.set_yticks([*(tick for tick in np.linspace(0, 1, 6) if abs(tick - threshold) > 0.07), threshold])
    ax.yaxis.get_major_ticks()[-1].label1.set(color=red, weight="bold")


def _points(ax: Axes, table: CurveTable) -> None:
    """The points at 0 and 1, see-through, and those on the very same place stacked towards the middle."""
    if table.points_x is None or table.points_y is None:
        return
    x, y = (np.asarray(a, dtype=np.float64) for a in (table.points_x, table.points_y))
    seen: Counter[tuple[float, float]] = Counter()
    below = np.zeros(len(x))
    for i, point in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        below[i] = seen[point]
        seen[point] += 1
    lift = below * min(0.035, 0.3 / max(below.max(initial=0), 1))
    style = style_of(ax)
    where = x, y + np.sign(0.5 - y) * lift
    ax.scatter(*where, s=34 * style.scale**2, c=style.theme.ink, alpha=0.5, linewidth=0, zorder=4, clip_on=False)


def _curve(ax: Axes, table: CurveTable, i: int, threshold: float) -> tuple[str, tuple[Any, ...]]:
    """Draw the curve, over its interval, with rings where it crosses the threshold; its text and key for the legend."""
    style = style_of(ax)
    x, p = (np.asarray(a, dtype=np.float64) for a in (table.x, table.probability))
    (line,) = ax.plot(x, p, **style.curve(i), zorder=3)
    key: tuple[Any, ...] = (line,)
    colour = line.get_color()
    if table.lower is not None and table.upper is not None:
        key = ax.fill_between(x, table.lower, table.upper, color=colour, alpha=0.15, linewidth=0, zorder=1), line
    at, places = _crossings(x, p, threshold), max(0, 3 - round(np.log10(np.ptp(x) or 1)))
    ax.vlines(at, -0.05, threshold, color=colour, linewidth=0.9, linestyle=(0, (1, 2)), zorder=2)
    ring: Any = {"ms": style.pt(6.5), "mfc": style.theme.paper, "mec": colour, "mew": 1.8}
    ax.plot(at, [threshold] * len(at), "o", **ring, zorder=5)
    label = table.label or style.say("fitted probability")
    label = label if drawable(label, "") else style.say("curve {i}", i=i + 1)
    where = style.say(" and ").join(f"{a:z.{places}f}" for a in at)
    named = style.say("{label}, {p} % at {places}", label=label, p=f"{100 * threshold:.3g}", places=where)
    return named if at else label, key


def _crossings(x: Any, p: Any, threshold: float) -> list[float]:
    """Where p crosses the threshold between two x: exact where the log-odds are linear, as a logistic curve's are."""
    p = np.clip(p, 1e-15, 1 - 1e-15)
    z = np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))
    j = np.flatnonzero((z[1:] >= 0) != (z[:-1] >= 0))
    return list(x[j] - z[j] * (x[j + 1] - x[j]) / (z[j + 1] - z[j]))


def _read(table: Any, say: Any) -> tuple[list[CurveTable], str, str, str]:
    """The curves, the labels of x and of the probability, and the note."""
    if hasattr(table, "variable"):
        return _of_fit(table, say), show(table.variable, 40), *_words(table, say)
    tables = [table] if isinstance(table, CurveTable) else list(table)
    if not tables:
        raise ParameterError("nothing to draw: 0 curves")
    return tables, say("Hours"), say("Probability of Pass"), ""


def _of_fit(table: Curves, say: Any) -> list[CurveTable]:
    """The curves of a fit, of one class each; the points stand with the first."""
    several, out = len(set(table.label)) > 1, list[CurveTable]()
    interval = say("fitted, {level} % interval", level=f"{100 * table.level:g}")
    for label in dict.fromkeys(table.label):
        here = table.label == label
        sure = bool(np.isfinite(table.low[here]).all())
        made = CurveTable(table.x[here], table.probability[here], label=say("fitted"))
        if sure:
            made = replace(made, lower=table.low[here], upper=table.high[here], label=interval)
        if table.points is not None and not out:
            made = replace(made, points_x=table.points.x, points_y=table.points.y)
        out.append(replace(made, label=str(label)) if several else made)
    return out


def _words(table: Curves, say: Any) -> tuple[str, str]:
    """The label of the probability, and the note."""
    several = len(set(table.label)) > 1
    ylabel = say("Probability") if several else say("Probability of {event}", event=table.outcome)
    shown = 0 if table.points is None else len(table.points.x)
    parts = [
        say("at {held}", held=table.held) if table.held else "",
        say("{n} of {total} rows shown", n=shown, total=table.n_rows) if 0 < shown < table.n_rows else "",
    ]
    return ylabel, "; ".join(filter(None, parts))
