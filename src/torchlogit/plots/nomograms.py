"""A nomogram: scales of points that add up to a probability, to be read with a ruler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.plots.style import Display, Look, drawing, finished, headline, style_of
from torchlogit.plots.whiskers import LETTER, beside, cut
from torchlogit.plots.words import columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.inference.nomogram import Nomogram

ROW = 0.55  # inches
LEVELS = (9, -10, 19, -20)  # places of a number beside its scale, in points: above, below, further out
HOW = "Read each value's points straight above it and add them up; below the total stands the probability."


def nomogram(
    table: Nomogram, *, ax: Axes | None = None, title: str | None = None, note: str | None = None, **look: Unpack[Look]
) -> Display:
    """A scale for each variable under that of the points, and under them the total of points with its probability.

    Along a scale that turns back (a curve that rises and falls) the rising part's numbers stand above, the falling part's
    below. Numbers that would touch are left out; levels of a category move to another side instead. The red number is a
    probability of a half. ``note`` says how to read it unless told. ``look``: `Look`; ``ImportError`` if matplotlib is not
    installed.

    >>> from torchlogit import datasets, fit
    >>> display = nomogram(fit(datasets.study_hours(), "passed").nomogram())
    >>> [text.get_text() for text in display.ax.texts if text.get_weight() == "bold"]
    ['points', 'hours', 'total points', 'probability', '0.5']
    """
    from torchlogit.inference.nomogram import round_ticks

    names = list(dict.fromkeys(table.variable.tolist()))
    last = len(names) + 0.35
    with drawing(ax, (7.0, 1.0 + ROW * (len(names) + 3)), look) as ax:
        style = style_of(ax)
        say = style.say
        ax.axis("off")
        ax.set(xlim=(-1, 101), ylim=(last + 2.5, -0.9))
        titles = [say("points"), *names, say("total points"), say("probability")]
        room, left = _names(ax, titles, [*range(len(names) + 1), last + 1, last + 2])
        ax.vlines(np.arange(0, 101, 10), 0, last - 0.2, color=style.theme.grid, linewidth=0.7, zorder=0)
        ax.vlines(np.arange(0, 101, 2), 0, -0.05, color=style.theme.ink, linewidth=0.7)
        _scale(ax, 0, np.arange(0, 101, 10.0), [f"{x:g}" for x in range(0, 101, 10)], room)
        for y, name in enumerate(names, 1):
            here = table.variable == name
            _variable(ax, y, table.points[here], table.number[here], table.value[here].tolist(), room)
        totals = round_ticks(0, table.most, 9 if style.wide else 6)
        totals, share = totals[totals <= table.most], 100 / table.most
        _scale(ax, last + 1, totals * share, [f"{x:g}" for x in totals], room, end=100)
        p, at = table.scale.probability, table.scale.total * share
        _scale(ax, last + 2, at, [f"{x:g}" for x in p], room, red="0.5")
        own = say("Nomogram of {event}", event=table.outcome)
        said = say(HOW) if note is None else note
        headline(ax, own if title is None else title, said, left=left)
    parts = (f"{name} {np.ptp(table.points[table.variable == name]):.0f}" for name in names)
    return finished(ax, f"{own}; {say('points')}: {', '.join(parts)}")


def _names(ax: Axes, names: Sequence[str], places: Sequence[float]) -> tuple[float, float]:
    """The names of the scales on their left; what room that leaves for the scales, and how much it takes, in points."""
    style = style_of(ax)
    size, most = style.pt(9.5), 24 if style.wide else 15
    names = [cut(name, most) for name in names]
    for name, y in zip(names, places, strict=True):
        beside(ax, name, y, 0, -6, ha="right", weight="bold", size=size)
    left = max(map(columns, names)) * size * LETTER + 6
    return 72 * ax.figure.canvas.figure.get_size_inches()[0] - left - 24, left


def _variable(ax: Axes, y: float, points: Any, number: Any, texts: list[str], room: float) -> None:
    """The scale of a variable: levels wherever there is room, numbers above where they rise and below where they fall."""
    if np.isnan(number).any():
        order = np.argsort(points, kind="stable")
        _scale(ax, y, points[order], [texts[i] for i in order], room, levels=LEVELS, keep=True)
        return
    rising = np.gradient(points) >= 0
    mostly = rising.mean() >= 0.5
    for part, levels in ((rising == mostly, LEVELS[:1]), (rising != mostly, LEVELS[1:2])):
        order = np.flatnonzero(part)[np.argsort(points[part], kind="stable")]
        _scale(ax, y, points[order], [texts[i] for i in order], room, levels=levels)


def _scale(
    ax: Axes,
    y: float,
    at: Any,
    texts: list[str],
    room: float,
    *,
    levels: Sequence[int] = LEVELS[:1],
    keep: bool = False,
    red: str = "",
    end: float | None = None,
) -> None:
    """A line with ticks, and their numbers where they touch no other, the one in ``red`` first; with ``keep`` all of them."""
    if not len(at):
        return
    style = style_of(ax)
    ax.hlines(y, min(at), max(at) if end is None else end, color=style.theme.ink, linewidth=1.2)
    size, taken = style.pt(9), {level: list[tuple[float, float]]() for level in levels}
    for x, text in sorted(zip(at, texts, strict=True), key=lambda tick: tick[1] != red):
        name = cut(text, 16)
        half, centre = (columns(name) + 0.7) * size * LETTER / 2, x / 102 * room
        free = [level for level in levels if all(b <= centre - half or a >= centre + half for a, b in taken[level])]
        level = free[0] if free else levels[-1]
        own: Any = {"color": style.theme.red, "weight": "bold"} if text == red else {"color": style.theme.ink}
        ax.vlines(x, y, y - 0.1 * np.sign(level), color=own["color"], linewidth=1)
        if free or keep:
            taken[level].append((centre - half, centre + half))
            ax.annotate(name, (x, y), (0, style.pt(level)), textcoords="offset points", ha="center", va="center",
                        size=size, annotation_clip=False, **own)  # fmt: skip
