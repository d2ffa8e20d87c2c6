"""Rows of numbers with their intervals, one above the other, with names on the left and numbers on the right."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10, nan
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlogit.plots.style import style_of, writable
from torchlogit.plots.words import columns
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.25  # inches
HEAD = 0.95  # inches above and below the rows
MOST = 60  # rows of one picture
LETTER = 0.6  # width of a letter, as a share of its height
GAP = 12  # points between columns


class Row(NamedTuple):
    """A line of the picture: a heading where ``centre`` is NaN and ``told`` empty; ``why`` stands where nothing is drawn."""

    name: str
    indent: int = 0
    centre: float = nan
    low: float = nan
    high: float = nan
    told: tuple[str, ...] = ()
    why: str = ""
    reference: bool = False

    @property
    def heading(self) -> bool:
        """Whether it is the name of the lines below it."""
        return self.centre != self.centre and not self.told and not self.why


def height(rows: Sequence[Row]) -> float:
    """Inches that a picture of these rows needs."""
    return HEAD + ROW * (len(rows) + 2)


def whiskers(ax: Axes, rows: Sequence[Row], heads: Sequence[str], nothing: float) -> float:
    """Draw the rows on an axis that has its scale: each interval with its mark, full where it leaves out ``nothing``.

    A bound beyond the axis, or infinite, is an arrow. ``heads`` stand over the columns of ``told``. How far the names reach to
    the left comes back, in points.
    """
    style = style_of(ax)
    ax.set_ylim(len(rows) - 0.4, -1.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    for y in range(0, len(rows), 2):
        ax.axhspan(y - 0.5, y + 0.5, color=style.theme.grid, alpha=0.35, linewidth=0, zorder=0)
    ax.vlines(nothing, -0.6, len(rows) - 0.4, color=style.theme.red, linewidth=1.4, zorder=1.5)
    for y, row in enumerate(rows):
        _interval(ax, y, row, nothing)
    _columns(ax, rows, heads)
    return _names(ax, rows)


def _interval(ax: Axes, y: int, row: Row, nothing: float) -> None:
    style, (left, right) = style_of(ax), ax.get_xlim()
    colour = style.theme.muted if row.reference else style.theme.curves[0]
    if row.why:
        at: Any = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "va": "center_baseline"}
        text = ax.annotate(row.why, (0, y), (4, 0), color=style.theme.muted, style="italic", size=style.pt(9), **at)
        text.set_bbox({"facecolor": style.theme.paper, "edgecolor": "none", "pad": 1})
        return
    if row.low == row.low and not row.reference:
        low, high = max(row.low, left), min(row.high, right)
        ax.plot([low, high], [y, y], color=colour, linewidth=style.pt(2), solid_capstyle="butt", zorder=3)
        for end, mark, beyond in ((low, "<", row.low < left), (high, ">", row.high > right)):
            if beyond:
                ax.plot(end, y, mark, color=colour, ms=style.pt(6), zorder=3, clip_on=False)
    if left <= row.centre <= right:
        sure = row.low > nothing or row.high < nothing
        shape: Any = {"marker": "D" if row.reference else "s", "ms": style.pt(5.5 if row.reference else 7)}
        ax.plot(row.centre, y, **shape, mfc=colour if sure else style.theme.paper, mec=colour, mew=1.5, zorder=4)


def _names(ax: Axes, rows: Sequence[Row]) -> float:
    """The names, left-aligned in a column beside the axes, and how wide that is in points."""
    style = style_of(ax)
    most = 30 if style.wide else 18
    size = style.pt(9.5)
    names = [(row, cut(row.name, (2 if row.heading else 1) * most - 2 * row.indent)) for row in rows]
    widest = max((columns(name) + 2 * row.indent for row, name in names if not row.heading), default=0)
    for y, (row, name) in enumerate(names):
        x = -(widest - 2 * row.indent) * size * LETTER - 4
        weight = "bold" if row.heading else "normal"  # and a heading may reach into the picture, where nothing else is
        colour = style.theme.muted if row.reference else style.theme.ink
        text = beside(ax, name, y, 0, x, size=size, weight=weight, color=colour)
        if row.heading:
            text.set_bbox({"facecolor": style.theme.paper, "edgecolor": "none", "pad": 0.5, "alpha": 0.8})
    return widest * size * LETTER + 4


def _columns(ax: Axes, rows: Sequence[Row], heads: Sequence[str]) -> None:
    """Columns of text on the right, each as wide as its longest."""
    style, x = style_of(ax), float(GAP)
    size = style.pt(9)
    for j, head in enumerate(heads):
        cells = [(y, row.told[j]) for y, row in enumerate(rows) if row.told]
        wide = max(columns(text) for _, text in [(0, head), *cells]) * size * LETTER
        beside(ax, head, -1, 1, x + wide, size=size, weight="bold", ha="right")
        for y, text in cells:
            beside(ax, text, y, 1, x + wide, size=size, ha="right")
        x += wide + GAP


def beside(ax: Axes, text: str, y: float, side: int, offset: float, **how: Any) -> Any:
    """A text beside the axes, ``offset`` points from their left side (0) or their right one (1), at ``y`` of theirs."""
    place: Any = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    return ax.annotate(text, (side, y), (offset, 0), **{"va": "center_baseline"} | place | how)


def spoken(rows: Sequence[Row]) -> str:
    """The rows in words, each with the heading that it stands under.

    >>> spoken([Row("a", told=("1",)), Row("b"), Row("c", 1, told=("2",)), Row("d", 1, told=("3",))])
    'a 1; b: c 2; b: d 3'
    """
    heading, out = "", list[str]()
    for row in rows:
        heading = show(row.name) if row.heading else heading if row.indent else ""
        out += (
            [f"{heading}: {show(row.name)} {row.told[0]}" if heading else f"{show(row.name)} {row.told[0]}"]
            if row.told
            else []
        )
    return "; ".join(out)


def cut(name: str, most: int) -> str:
    """A name of at most so many letters, its middle left out; written with letters that there are.

    >>> cut("household_income_before_tax", 16)
    'househol…ore_tax'
    """
    name = " ".join(name.split())
    name = name if writable(name) else "".join(letter if writable(letter) else "?" for letter in name)
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-(most - most // 2 - 1) :]}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: two to ten of them, evenly apart where the axis is so short that it looks even.

    >>> log_ticks(0.3, 4.0), log_ticks(0.01, 1000.0), log_ticks(11, 19)
    ([0.5, 1.0, 2.0], [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0], [12.0, 14.0, 16.0, 18.0])
    """
    from matplotlib.ticker import MaxNLocator

    span = log10(high / low)
    parts = (1, 1.5, 2, 3, 5, 7) if span < 0.9 else (1, 2, 5) if span < 2.6 else (1,)
    every = max(1, round(span / 8))
    powers = range(int(log10(low)) - 2, int(log10(high)) + 3)
    round_ones = [part * 10.0**p for p in powers if p % every == 0 for part in parts]
    found = [tick for tick in round_ones if low <= tick <= high * 1.0001]
    if len(found) > 1:
        return found
    even = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in even if low <= tick <= high * 1.0001]


def ratio_text(x: float) -> str:
    """An odds ratio in about three digits.

    >>> [ratio_text(x) for x in (4.5026, 15.44, 1234.5, 0.00123, 2e7, float("inf"))]
    ['4.50', '15.4', '1234', '0.0012', '2.0e+7', '∞']
    """
    if not isfinite(x):
        return "∞" if x > 0 else ""
    if x == 0 or 0.01 <= x < 10:
        return f"{x:.2f}" if x else "0"
    text = (
        f"{x:.1f}" if 10 <= x < 100 else f"{x:.0f}" if 100 <= x < 1e5 else f"{x:.2g}" if 1e-4 <= x < 1 else f"{x:.1e}"
    )
    return text.replace("e-0", "e-").replace("e+0", "e+")
