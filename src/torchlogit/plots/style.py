"""What all pictures share: style, fonts, an empty figure, and the way a picture is kept.

Figures are plain ``matplotlib.figure.Figure`` objects: nothing here touches pyplot, a display or the caller's settings.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from torchlogit.errors import ParameterError
from torchlogit.tables.write import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# fmt: off
INK, MUTED, GREY, RED = "#2B2B2B", "#5A5A5A", "#8A8A8A", "#CC3311"
CURVES = [  # Okabe and Ito's colours, for every kind of colour vision; the dashes are for black and white
    ("#0072B2", "-"), ("#009E73", (0, (5, 1.5))), ("#CC79A7", (0, (6, 1.5, 1.5, 1.5))), ("#000000", (0, (1, 1.2))),
]
CHINESE = ["Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
           "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
           "Noto Sans CJK JP"]  # the only one of its file that matplotlib before 3.11 sees
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
    "hatch.linewidth": 0.5, "hatch.color": MUTED,
    "svg.hashsalt": "torchlogit", "pdf.fonttype": 42,
}
METADATA: dict[str, Any] = {
    "png": {"Software": "torchlogit"},
    "svg": {"Creator": "torchlogit", "Date": None},
    "pdf": {"Creator": "torchlogit", "Producer": "torchlogit", "CreationDate": None},
}
# fmt: on


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
        with styled():
            for ax in self.figure.axes:
                if ax.get_in_layout() and (place := ax.get_subplotspec()):
                    ax.set_subplotspec(place)  # the layout starts from where the axes are: give it the same start again
            self.figure.savefig(file, format=kind, dpi=dpi, metadata=METADATA[kind])
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self._bytes(".png", 144)


def panels(columns: int = 1, rows: int = 1, *, size: tuple[float, float] | None = None) -> tuple[Figure, list[Axes]]:
    """An empty figure in the style of the package, ``size`` in inches, with its axes row by row, to draw plots on.

    Raises ``ImportError`` if matplotlib is not installed.

    >>> figure, (left, right) = panels(2)
    """
    with styled():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=size or (3.8 * columns + 1, 4.4 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, [*figure.subplots(rows, columns, squeeze=False).flat]


def finished(ax: Axes) -> Display:
    """The display of a picture that was drawn on these axes."""
    return Display(ax.figure.canvas.figure, ax)


def headline(ax: Axes, title: str, note: str = "") -> None:
    """A title, and in smaller letters a sentence under it."""
    ax.annotate(note, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", size=9.5, color=MUTED)
    ax.set_title(title, pad=10 + (14 * (1 + note.count("\n")) if note else 0))


def styled() -> Any:
    """The style of the package, as a context: within it a figure is made, drawn on and saved."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'torchlogit[plot]'") from error
    rc: Any = {**STYLE, "font.family": list(fonts())}
    return matplotlib.rc_context(rc)


@cache
def fonts() -> dict[str, frozenset[int]]:
    """The families to write with, in order, and the characters each of them has."""
    from matplotlib import font_manager

    installed = font_manager.fontManager.get_font_names()
    families = ["DejaVu Sans", *[name for name in CHINESE if name in installed]]
    return {name: frozenset(font_manager.get_font(font_manager.findfont(name)).get_charmap()) for name in families}


def drawable(text: str, otherwise: str, width: int = 42) -> str:
    """The text in lines of ``width`` letters if the fonts at hand have all of them, or else the other one."""
    letters = {ord(letter) for letter in text if not letter.isspace()}
    return fill(text, width) if letters <= frozenset().union(*fonts().values()) else otherwise
