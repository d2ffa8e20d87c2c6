"""A probability over one feature, with the points it was fitted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from torchlogit.errors import ParameterError
from torchlogit.plots.style import CURVES, INK, RED, Display, drawable, finished, headline, panels, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class CurveTable:
    """A fitted curve over one feature: probability (m,) at x (m,), its interval (m,), the points (n,) behind it."""

    x: ArrayLike
    probability: ArrayLike
    lower: ArrayLike | None = None
    upper: ArrayLike | None = None
    points_x: ArrayLike | None = None
    points_y: ArrayLike | None = None
    label: str = "fitted probability"


def probability_curve(
    table: CurveTable | Sequence[CurveTable],
    *,
    ax: Axes | None = None,
    title: str = "",
    uncertain: tuple[float, float] = (0.4, 0.6),
    threshold: float = 0.5,
    xlabel: str = "Hours",
    ylabel: str = "Probability of Pass",
    note: str = "",
    band: str = "uncertain",
) -> Display:
    """Curves of a probability over one feature, with the points they were fitted to.

    A red line marks the ``threshold``, a ring on each curve the place where the curve crosses it (the legend says
    where), a band the probabilities called ``uncertain``, ``band`` by name. ``note`` is a sentence under the title.
    Points on the same place are stacked. A text that no installed font can write, such as Chinese where there is no
    Chinese font, gives way to plain English (x, probability, curve 1) or is left out.

    Raises ``ParameterError`` without any curve or for a threshold or band outside 0 to 1, ``ImportError`` if matplotlib
    is not installed.

    >>> x = np.linspace(0, 10, 200)
    >>> display = probability_curve(CurveTable(x, 1 / (1 + np.exp(4.0777 - 1.5046 * x))), title="Twenty students")
    >>> display.ax.get_legend().get_texts()[0].get_text()
    'fitted probability, 50 % at 2.71'
    """
    tables = [table] if isinstance(table, CurveTable) else list(table)
    if not tables or not 0 < threshold < 1 or not 0 <= uncertain[0] <= uncertain[1] <= 1:
        raise ParameterError(f"nothing to draw: {len(tables)} curves, {threshold=}, {uncertain=} (both from 0 to 1)")
    ax = ax or panels()[1][0]
    with styled():
        ax.set(xlabel=drawable(xlabel, "x", 36), ylabel=drawable(ylabel, "probability", 26), ylim=(-0.05, 1.05))
        ax.margins(x=0.02)
        headline(ax, drawable(title, "", 32), drawable(note, ""))
        _levels(ax, tables, threshold, uncertain, drawable(band, "uncertain"))
        for each in tables:
            _points(ax, each)
        _legend(ax, [_curve(ax, each, i, threshold) for i, each in enumerate(tables)])
    return finished(ax)


def _levels(ax: Axes, tables: list[CurveTable], threshold: float, uncertain: tuple[float, float], name: str) -> None:
    """The red line with its tick, and the uncertain band with its name on the side that the curves leave free."""
    ax.axhspan(*uncertain, color=RED, alpha=0.1, linewidth=0, zorder=0.5)
    left, right = (min(abs(np.asarray(t.probability)[end] - threshold) for t in tables) for end in (0, -1))
    x, side = (0.98, "right") if right >= left else (0.02, "left")
    ax.text(x, uncertain[1] - 0.015, name, ha=side, va="top", size=9, transform=ax.get_yaxis_transform())
    ax.axhline(threshold, color=RED, linewidth=1.4, zorder=1.5)
    ax.set_yticks([*(tick for tick in np.linspace(0, 1, 6) if abs(tick - threshold) > 0.07), threshold])
    ax.yaxis.get_major_ticks()[-1].label1.set(color=RED, weight="bold")


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
    ax.scatter(x, y + np.sign(0.5 - y) * lift, s=34, c=INK, alpha=0.5, linewidth=0, zorder=4, clip_on=False)


def _curve(ax: Axes, table: CurveTable, i: int, threshold: float) -> tuple[str, tuple[Any, ...]]:
    """Draw the curve, over its interval, with rings where it crosses the threshold; its text and key for the legend."""
    x, p = (np.asarray(a, dtype=np.float64) for a in (table.x, table.probability))
    colour, dashes = CURVES[i % len(CURVES)]
    (line,) = ax.plot(x, p, color=colour, linestyle=dashes, zorder=3)
    key: tuple[Any, ...] = (line,)
    if table.lower is not None and table.upper is not None:
        key = ax.fill_between(x, table.lower, table.upper, color=colour, alpha=0.15, linewidth=0, zorder=1), line
    at, places = _crossings(x, p, threshold), max(0, 3 - round(np.log10(np.ptp(x) or 1)))
    ax.vlines(at, -0.05, threshold, color=colour, linewidth=0.9, linestyle=(0, (1, 2)), zorder=2)
    ax.plot(at, [threshold] * len(at), "o", ms=6.5, mfc="white", mec=colour, mew=1.8, zorder=5)
    where = f", {100 * threshold:.3g} % at {' and '.join(f'{a:z.{places}f}' for a in at)}" if at else ""
    return drawable(table.label + where, f"curve {i + 1}{where}"), key


def _crossings(x: Any, p: Any, threshold: float) -> list[float]:
    """Where p crosses the threshold between two x: exact where the log-odds are linear, as a logistic curve's are."""
    p = np.clip(p, 1e-15, 1 - 1e-15)
    z = np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))
    j = np.flatnonzero((z[1:] >= 0) != (z[:-1] >= 0))
    return list(x[j] - z[j] * (x[j + 1] - x[j]) / (z[j + 1] - z[j]))


def _legend(ax: Axes, entries: list[tuple[str, tuple[Any, ...]]]) -> None:
    """The legend goes under the picture, where it can hide nothing."""
    from matplotlib.transforms import ScaledTranslation

    inches = (42 + 13 * ax.get_xlabel().count("\n")) / 72
    below: Any = ax.transAxes + ScaledTranslation(0, -inches, ax.figure.dpi_scale_trans)
    names, keys = zip(*entries, strict=True)
    ax.legend(keys, names, bbox_to_anchor=(0, 0), bbox_transform=below)
