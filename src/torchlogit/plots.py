"""Pictures of fits, one function a plot. A plot takes a table that was computed elsewhere, never a model or raw data.

Figures are plain ``matplotlib.figure.Figure`` objects: nothing here touches pyplot, a display or the caller's settings.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .errors import ParameterError
from .tables.write import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CurveTable", "Display", "panels", "probability_curve"]

# fmt: off
INK, MUTED, GREY, RED = "#2B2B2B", "#5A5A5A", "#8A8A8A", "#CC3311"
CURVES = [  # Okabe and Ito's colours, for every kind of colour vision; the dashes are for black and white
    ("#0072B2", "-"), ("#009E73", (0, (5, 1.5))), ("#CC79A7", (0, (6, 1.5, 1.5, 1.5))), ("#000000", (0, (1, 1.2))),
]
CHINESE = ["Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
           "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS"]
STYLE: dict[str, Any] = {
    "figure.facecolor": "white", "figure.dpi": 100, "savefig.facecolor": "white", "savefig.bbox": None,
    "figure.constrained_layout.h_pad": 0.08, "figure.constrained_layout.w_pad": 0.08,
    "font.size": 10, "text.color": INK, "text.usetex": False, "text.parse_math": False,
    "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelsize": 10.5, "axes.labelpad": 6, "axes.labelcolor": INK,
    "axes.facecolor": "white", "axes.edgecolor": GREY, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "axes.grid": True, "grid.color": "#DDDDDD", "grid.linewidth": 0.7,
    "xtick.color": GREY, "xtick.labelcolor": INK, "xtick.labelsize": 9.5, "xtick.major.size": 3,
    "ytick.color": GREY, "ytick.labelcolor": INK, "ytick.labelsize": 9.5, "ytick.major.size": 0,
    "legend.loc": "upper left", "legend.frameon": False, "legend.handlelength": 2.6, "legend.fontsize": 9.5,
    "legend.borderpad": 0, "legend.borderaxespad": 0, "lines.linewidth": 2.2,
    "svg.hashsalt": "torchlogit", "pdf.fonttype": 42,
}
METADATA: dict[str, Any] = {
    "png": {"Software": "torchlogit"},
    "svg": {"Creator": "torchlogit", "Date": None},
    "pdf": {"Creator": "torchlogit", "Producer": "torchlogit", "CreationDate": None},
}
# fmt: on


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


@dataclass(frozen=True)
class Display:
    """A finished picture: its figure and axes to go on with, and a way to keep it."""

    figure: Figure
    ax: Axes

    def save(self, path: str | os.PathLike[str], dpi: float = 200) -> Path:
        """Write a .png (``dpi`` dots an inch), .svg or .pdf file, whole or not at all; equal pictures give equal bytes.

        Raises ``ParameterError`` for another ending, ``FileError`` if the file cannot be written.
        """
        content = self._bytes(Path(path).suffix.lower(), dpi)
        with atomic(path) as file:
            file.write(content)
        return Path(path)

    def _bytes(self, suffix: str, dpi: float) -> bytes:
        kind, file = suffix[1:], io.BytesIO()
        if kind not in METADATA:
            raise ParameterError(f"a picture cannot be saved as {suffix!r}: end the name in .png, .svg or .pdf")
        with _style():
            for ax in self.figure.axes:
                if ax.get_in_layout() and (place := ax.get_subplotspec()):
                    ax.set_subplotspec(place)  # the layout starts from where the axes are: give it the same start again
            self.figure.savefig(file, format=kind, dpi=dpi, metadata=METADATA[kind])
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self._bytes(".png", 144)


def panels(columns: int = 1, *, size: tuple[float, float] | None = None) -> tuple[Figure, list[Axes]]:
    """An empty figure in the style of the package, ``size`` in inches, with its axes side by side, to draw plots on.

    Raises ``ImportError`` if matplotlib is not installed.

    >>> figure, (left, right) = panels(2)
    """
    with _style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=size or (3.8 * columns + 1, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(figure.subplots(1, columns, squeeze=False)[0])


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
) -> Display:
    """Curves of a probability over one feature, with the points they were fitted to.

    A red line marks the ``threshold``, a ring on each curve the place where the curve crosses it (the legend says
    where), a band the probabilities called ``uncertain``. ``note`` is a sentence under the title. Points on the same
    place are stacked. A text that no installed font can write, such as Chinese where there is no Chinese font, gives
    way to plain English (x, probability, curve 1) or is left out.

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
    with _style():
        ax.set(xlabel=_drawable(xlabel, "x", 36), ylabel=_drawable(ylabel, "probability", 26), ylim=(-0.05, 1.05))
        ax.margins(x=0.02)
        _headline(ax, _drawable(title, "", 32), _drawable(note, ""))
        _levels(ax, tables, threshold, uncertain)
        for each in tables:
            _points(ax, each)
        _legend(ax, [_curve(ax, each, i, threshold) for i, each in enumerate(tables)])
    return Display(ax.figure.canvas.figure, ax)


def _headline(ax: Axes, title: str, note: str) -> None:
    ax.text(0, 1.03, note, transform=ax.transAxes, va="bottom", size=9.5, color=MUTED)
    ax.set_title(title, pad=10 + (14 * (1 + note.count("\n")) if note else 0))


def _levels(ax: Axes, tables: list[CurveTable], threshold: float, uncertain: tuple[float, float]) -> None:
    """The red line with its tick, and the uncertain band with its name on the side that the curves leave free."""
    ax.axhspan(*uncertain, color=RED, alpha=0.1, linewidth=0, zorder=0.5)
    left, right = (min(abs(np.asarray(t.probability)[end] - threshold) for t in tables) for end in (0, -1))
    x, side = (0.98, "right") if right >= left else (0.02, "left")
    ax.text(x, uncertain[1] - 0.015, "uncertain", ha=side, va="top", size=9, transform=ax.get_yaxis_transform())
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
    return _drawable(table.label + where, f"curve {i + 1}{where}"), key


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


def _style() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'torchlogit[plot]'") from error
    rc: Any = {**STYLE, "font.family": list(_fonts())}
    return matplotlib.rc_context(rc)


@cache
def _fonts() -> dict[str, frozenset[int]]:
    """The families to write with, in order, and the characters each of them has."""
    from matplotlib import font_manager

    installed = font_manager.fontManager.get_font_names()
    families = ["DejaVu Sans", *[name for name in CHINESE if name in installed]]
    return {name: frozenset(font_manager.get_font(font_manager.findfont(name)).get_charmap()) for name in families}


def _drawable(text: str, otherwise: str, width: int = 42) -> str:
    """The text in lines of ``width`` letters if the fonts at hand have all of them, or else the other one."""
    letters = {ord(letter) for letter in text if not letter.isspace()}
    return fill(text, width) if letters <= frozenset().union(*_fonts().values()) else otherwise
