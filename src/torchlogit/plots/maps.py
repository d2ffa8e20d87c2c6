"""The probability over two variables as a map, with the line where the decision turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.plots.frame import UNCERTAIN, Key, check_turn
from torchlogit.plots.style import Display, Look, drawing, finished, fitted, headline, legend_under, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.inference.slices import DecisionMap, Points

LEVELS = np.linspace(0, 1, 11)
NAMED = (0.05, 0.25, 0.75, 0.95)  # contours with their numbers on them


def decision_map(
    table: DecisionMap,
    *,
    threshold: float = 0.5,
    uncertain: tuple[float, float] = UNCERTAIN,
    ax: Axes | None = None,
    title: str | None = None,
    note: str | None = None,
    **look: Unpack[Look],
) -> Display:
    """The probability over two variables: the stronger the colour the higher, with a few contours that are named.

    The red line is the ``threshold``, dashed beside it the lines between which the interval of the probability holds it;
    hatched are the probabilities that are ``uncertain``. Circles are rows that are no events, triangles those that are.
    ``note`` says what the other variables are held at unless told. ``look``: `Look`.

    ParameterError for a threshold or band outside 0 to 1, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> table = datasets.study_hours()
    >>> data = {"a": table["hours"], "b": np.arange(20) % 7, "y": table["passed"]}
    >>> display = decision_map(fit(data, "y").decision_map())
    >>> display.ax.get_xlabel(), display.ax.get_ylabel(), display.ax.get_title(loc="left")
    ('a', 'b', 'Probability of y = 1')
    """
    check_turn(threshold, uncertain)
    with drawing(ax, (5.6, 5.2), look) as ax:
        style = style_of(ax)
        held = style.say("at {held}", held=table.held) if table.held else ""
        _shades(ax, table)
        keys = [*_turns(ax, table, threshold), *_band(ax, table, uncertain), *_rows(ax, table.points)]
        ax.set_xlabel(fitted(ax, table.variable_x, style.pt(10.5)) or "x")
        ax.set_ylabel(fitted(ax, table.variable_y, style.pt(10.5)) or "y")
        ax.set(xlim=(table.x.min(), table.x.max()), ylim=(table.y.min(), table.y.max()))
        own = style.say("Probability of {event}", event=table.outcome)
        headline(ax, own if title is None else title, held if note is None else note)
        legend_under(ax, [key for key, _ in keys], [name for _, name in keys], 2)
    return finished(ax, f"{own}: {table.variable_x} × {table.variable_y}. {held}")


def _grid(table: DecisionMap, column: Any) -> tuple[Any, Any, Any]:
    x, y, z = (np.reshape(each, (table.side, -1)) for each in (table.x, table.y, column))
    return x[0], y[:, 0], z


def _shades(ax: Axes, table: DecisionMap) -> None:
    """The probability in ten shades, and lines at a few of them with their numbers."""
    style = style_of(ax)
    ax.grid(visible=False)
    grid = _grid(table, table.probability)
    ax.contourf(*grid, LEVELS, cmap=style.scale_of("sequential"), alpha=0.8, zorder=0.5)
    inside = [level for level in NAMED if table.probability.min() < level < table.probability.max()]
    if inside:
        lines = ax.contour(*grid, inside, colors=style.theme.ink, linewidths=0.8, zorder=1.5)
        percent = {level: f"{100 * level:g} %" for level in inside}
        for text in ax.clabel(lines, fmt=percent, fontsize=style.pt(9), inline_spacing=3):
            text.set_bbox({"facecolor": style.theme.paper, "edgecolor": "none", "alpha": 0.9, "pad": 0.8})
            text.set_zorder(5)


def _turns(ax: Axes, table: DecisionMap, threshold: float) -> Iterator[Key]:
    """The line of the threshold, and dashed those where the interval's ends have it."""
    from matplotlib.lines import Line2D

    style = style_of(ax)
    red, dashes = style.theme.red, (0, (4, 2))
    if table.probability.min() < threshold < table.probability.max():
        ax.contour(*_grid(table, table.probability), [threshold], colors=red, linewidths=style.pt(2.4), zorder=3)
        yield (
            Line2D([], [], color=red, linewidth=style.pt(2.4)),
            style.say("{share} line", share=f"{100 * threshold:g} %"),
        )
    bounds = [each for each in (table.low, table.high) if each.min() < threshold < each.max()]  # of NaN none
    for bound in bounds:
        ax.contour(*_grid(table, bound), [threshold], colors=red, linewidths=1.1, linestyles=[dashes], zorder=3)
    if bounds:
        name = style.say("its {level} % interval", level=f"{100 * table.level:g}")
        yield Line2D([], [], color=red, linewidth=1.1, linestyle=dashes), name


def _band(ax: Axes, table: DecisionMap, uncertain: tuple[float, float]) -> Iterator[Key]:
    from matplotlib.patches import Patch

    p = table.probability
    if uncertain[0] < uncertain[1] and p.min() < uncertain[1] and p.max() > uncertain[0]:
        grid = _grid(table, p)
        ax.contourf(*grid, uncertain, colors="none", hatches=["////"], zorder=1)
        edge = style_of(ax).theme.muted
        yield Patch(facecolor="none", edgecolor=edge, hatch="////", linewidth=0), style_of(ax).say("uncertain")


def _rows(ax: Axes, points: Points | None) -> Iterator[Key]:
    """The rows: circles where nothing happened, triangles where it did."""
    if points is None:
        return
    style = style_of(ax)
    size = (22 if len(points.x) < 300 else 12) * style.scale**2
    for event, marker, name in ((0, "o", "no event"), (1, "^", "event")):
        here = (points.event >= 0.5) == bool(event)
        fill: Any = {"facecolor": style.theme.ink if event else style.theme.paper, "edgecolor": style.theme.ink}
        where = points.x[here], points.y[here]
        drawn = ax.scatter(*where, s=size, marker=marker, linewidth=0.8, alpha=0.75, zorder=4, clip_on=False, **fill)
        yield drawn, style.say(name)
