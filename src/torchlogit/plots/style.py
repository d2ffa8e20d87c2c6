"""What all pictures share: their look, fonts, an empty figure, and the way a picture is kept.

Figures are plain ``matplotlib.figure.Figure`` objects: nothing here touches pyplot, a display or the caller's settings.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from torchlogit.arguments import check_language
from torchlogit.errors import ParameterError
from torchlogit.plots.themes import DASHES, LIGHT, MARKERS, THEMES, Theme
from torchlogit.plots.words import CHINESE, wrapped
from torchlogit.plots.words import columns as letters_of
from torchlogit.tables.write import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# fmt: off
WIDTHS = {"column": 3.4, "full": 7.0}  # inches: a column of a journal, and its page
HEITI = ["Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
         "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
         "Noto Sans CJK JP"]  # the only one of its file that matplotlib before 3.11 sees
RC: dict[str, Any] = {
    "figure.dpi": 100, "savefig.facecolor": "auto", "savefig.bbox": None,
    "figure.constrained_layout.h_pad": 0.08, "figure.constrained_layout.w_pad": 0.08,
    "text.usetex": False, "text.parse_math": False,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "axes.grid": True, "grid.linewidth": 0.7, "xtick.major.size": 3, "ytick.major.size": 0,
    "legend.loc": "upper left", "legend.frameon": False, "legend.handlelength": 2.6,
    "legend.borderpad": 0, "legend.borderaxespad": 0, "hatch.linewidth": 0.5,
    "svg.hashsalt": "torchlogit", "pdf.fonttype": 42,
}
SIZES = {  # points
    "font.size": 10, "axes.titlesize": 12, "axes.labelsize": 10.5, "axes.labelpad": 6, "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5, "legend.fontsize": 9.5, "lines.linewidth": 2.2,
}
COLOURS = {
    "figure.facecolor": "paper", "axes.facecolor": "paper", "axes.edgecolor": "grey", "axes.labelcolor": "ink",
    "axes.titlecolor": "ink", "text.color": "ink", "xtick.color": "grey", "ytick.color": "grey", "xtick.labelcolor": "ink",
    "ytick.labelcolor": "ink", "grid.color": "grid", "hatch.color": "muted", "legend.labelcolor": "ink",
}
METADATA: dict[str, Any] = {
    "png": {"Software": "torchlogit"},
    "svg": {"Creator": "torchlogit", "Date": None},
    "pdf": {"Creator": "torchlogit", "Producer": "torchlogit", "CreationDate": None},
}
# fmt: on


class Look(TypedDict, total=False):
    """What every picture takes beside its own settings, and `panels` as well.

    ``width`` in inches, "column" (3.4) or "full" (7); letters are a fifth smaller at
    a column's width. On axes that are given, what is not said is as `panels` was told.
    """

    theme: Literal["light", "dark"]
    language: Literal["en", "zh"]
    width: float | Literal["column", "full"]


@dataclass(frozen=True)
class Style:
    """How a figure is drawn: its colours, the language of its words, and the size of its letters (1: as they are)."""

    theme: Theme = LIGHT
    language: str = "en"
    scale: float = 1.0

    def say(self, text: str, **values: object) -> str:
        """An English phrase in the figure's language, its ``{names}`` filled in; English where no font has the other's letters.

        >>> Style(language="zh").say("{level} % interval", level=95) in ("95 % 区间", "95 % interval")
        True
        """
        said = CHINESE.get(text, "").format(**values) if self.language == "zh" else ""
        return said if said and writable(said) else text.format(**values)

    @property
    def wide(self) -> bool:
        """Whether there is room for all columns of text, as there is not at a column's width."""
        return self.scale > 0.9

    def pt(self, size: float) -> float:
        """A size of letters, in points, at the figure's scale."""
        return size * self.scale

    def curve(self, i: int) -> dict[str, Any]:
        """Colour and dashes of the i-th line; the same two come again after sixteen."""
        return {"color": self.theme.curves[i % 4], "linestyle": DASHES[(i + i // 4) % 4]}

    def marks(self, i: int) -> dict[str, Any]:
        """Colour and shape of the i-th kind of points."""
        return {"color": self.theme.curves[i % 4], "marker": MARKERS[i % 4]}

    def scale_of(self, kind: Literal["sequential", "inks", "diverging"]) -> Any:
        """A scale of colours, for ``cmap=``."""
        from matplotlib.colors import LinearSegmentedColormap

        found = getattr(self.theme, kind)
        return found if isinstance(found, str) else LinearSegmentedColormap.from_list(kind, found)

    def rc(self) -> dict[str, Any]:
        """Settings of matplotlib."""
        sizes = {name: self.pt(size) for name, size in SIZES.items()}
        colours = {name: getattr(self.theme, colour) for name, colour in COLOURS.items()}
        return {**RC, **sizes, **colours, "font.family": list(fonts())}


@dataclass(frozen=True)
class Display:
    """A finished picture: its figure and axes to go on with, a sentence for who cannot see it, and a way to keep it."""

    figure: Figure
    ax: Axes
    alt: str = ""

    @property
    def figure_(self) -> Figure:
        """The figure, by scikit-learn's name."""
        return self.figure

    @property
    def ax_(self) -> Axes:
        """The axes, by scikit-learn's name."""
        return self.ax

    def save(self, path: str | os.PathLike[str], dpi: float = 200) -> Path:
        """Write a .png (``dpi`` dots an inch), .svg or .pdf file, whole or not at all; equal pictures give equal bytes.

        Raises ``ParameterError`` for another ending, ``FileError`` if the file cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix[1:] not in METADATA:
            raise ParameterError(f"a picture cannot be saved as {suffix!r}: end the name in .png, .svg or .pdf")
        content = self.to_bytes(suffix[1:], dpi)
        with atomic(path) as file:
            file.write(content)
        return Path(path)

    def to_bytes(self, kind: str = "png", dpi: float = 200) -> bytes:
        """The picture as "png", "svg" or "pdf". Raises ``ParameterError`` for another kind."""
        if kind not in METADATA:
            raise ParameterError(f"kind must be one of {', '.join(map(repr, METADATA))}, got {kind!r}")
        file = io.BytesIO()
        with styled(style_of(self.ax)):
            for ax in self.figure.axes:
                if ax.get_in_layout() and (place := ax.get_subplotspec()):
                    ax.set_subplotspec(place)  # the layout starts from where the axes are: give it the same start again
            self.figure.savefig(file, format=kind, dpi=dpi, metadata=METADATA[kind])
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.to_bytes("png", 144)


def panels(
    columns: int = 1,
    rows: int = 1,
    *,
    size: tuple[float, float] | None = None,
    theme: Literal["light", "dark"] = "light",
    language: Literal["en", "zh"] = "en",
    width: float | Literal["column", "full"] | None = None,
) -> tuple[Figure, list[Axes]]:
    """An empty figure in the style of the package, ``size`` in inches, with its axes row by row, to draw plots on.

    The look is the figure's: what is drawn on its axes has the same theme and language. With a ``width`` the height is the
    size's, less where letters shrink.

    Raises ``ParameterError`` for another theme, language or width, ``ImportError`` if matplotlib is not installed.

    >>> figure, (left, right) = panels(2, theme="dark", width="full")
    """
    wide, high = size or (3.8 * columns + 1, 4.4 * rows)
    style = restyled(Style(), {"theme": theme, "language": language})
    if width is not None:
        wide = inches(width)
        style = replace(style, scale=min(1.0, max(0.74, 0.8 + (wide / columns - WIDTHS["column"]) / 7)))
    with styled(style):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(wide, high * style.scale), layout="constrained")
        FigureCanvasAgg(figure)
        remember(figure, style)
        return figure, [*figure.subplots(rows, columns, squeeze=False).flat]


def inches(width: float | str) -> float:
    """A width by name or in inches; ParameterError for what is none."""
    found = WIDTHS.get(width, width) if isinstance(width, str) else width
    if isinstance(found, str) or not 2 <= found <= 40:
        raise ParameterError(f'width must be "column", "full" or 2 to 40 inches, got {width!r}')
    return float(found)


def restyled(style: Style, look: Mapping[str, Any]) -> Style:
    """The style with another theme or language; ParameterError for one that there is not."""
    theme, language = look.get("theme"), look.get("language", style.language)
    if theme is not None and theme not in THEMES:
        raise ParameterError(f"theme must be {' or '.join(map(repr, THEMES))}, got {theme!r}")
    check_language(language)
    return replace(style, theme=style.theme if theme is None else THEMES[theme], language=language)


def style_of(ax: Axes) -> Style:
    """The style of the figure that these axes are on; light and English where it was not made here."""
    return getattr(ax.figure.canvas.figure, "torchlogit_style", None) or Style()


def remember(figure: Any, style: Style) -> None:
    """Make this the figure's style."""
    figure.torchlogit_style = style


@contextmanager
def drawing(ax: Axes | None, size: tuple[float, float], look: Look) -> Iterator[Axes]:
    """Axes to draw one picture on, in their style: those given, or of a new figure of this ``size`` in inches.

    On axes that are given, a theme or language of ``look`` becomes their figure's, whose paper stays what it is.
    """
    if ax is None:
        ax = panels(size=size, **look)[1][0]
    elif look:
        remember(ax.figure.canvas.figure, restyled(style_of(ax), look))
    with styled(style_of(ax)):
        yield ax


def finished(ax: Axes, alt: str = "") -> Display:
    """The display of a picture that was drawn on these axes; ``alt`` says in a sentence what it shows."""
    return Display(ax.figure.canvas.figure, ax, alt or ax.get_title(loc="left").replace("\n", " "))


def headline(ax: Axes, title: str, note: str = "", above: float = 0, left: float = 0) -> None:
    """A title, and in smaller letters a sentence under it, in lines that are no longer than the axes are wide.

    ``above`` is how many points are left to what stands on top of the axes, ``left`` how far to their left both begin.
    """
    from matplotlib.transforms import ScaledTranslation

    style = style_of(ax)
    size = style.pt(9.5)
    note, title = fitted(ax, note, size), fitted(ax, title, style.pt(12), bold=True)
    where: Any = {"xycoords": "axes fraction", "textcoords": "offset points"}
    ax.annotate(note, (0, 1), (-left, style.pt(8 + above)), size=size, color=style.theme.muted, **where)
    pad = style.pt(10 + above + (14 * (1 + note.count("\n")) if note else 0))
    text = ax.set_title(title, pad=pad, y=1 if above else None)
    if left:
        text.set_transform(text.get_transform() + ScaledTranslation(-left / 72, 0, ax.figure.dpi_scale_trans))


def fitted(ax: Axes, text: str, size: float, bold: bool = False) -> str:
    """The text in lines that fit above or below the axes, ``size`` points high; empty where no font can write it."""
    return drawable(text, "", letters(ax, size * (1.12 if bold else 1)))


def letters(ax: Axes, size: float) -> int:
    """How many letters of this size, in points, fit beside each other on the axes' part of their figure, about."""
    place, figure = ax.get_subplotspec(), ax.figure.canvas.figure
    share = ax.get_position().width if place is None else 1 / place.get_gridspec().ncols
    return max(12, int((figure.get_size_inches()[0] * share - 0.8) * 72 / (0.56 * size)))


def legend_under(ax: Axes, keys: Sequence[Any], names: Sequence[str], columns: int = 1) -> None:
    """A legend under the picture, where it can hide nothing, in up to so many ``columns``, as many as fit."""
    from matplotlib.transforms import ScaledTranslation

    longest = max(letters_of(line) for name in names for line in name.split("\n")) + 7  # of which 7 are for the key
    columns = max(1, min(columns, letters(ax, style_of(ax).pt(9.5)) // longest))
    points = style_of(ax).pt(42 + 13 * ax.get_xlabel().count("\n"))
    below: Any = ax.transAxes + ScaledTranslation(0, -points / 72, ax.figure.dpi_scale_trans)
    ax.legend(keys, names, bbox_to_anchor=(0, 0), bbox_transform=below, ncols=columns)


def styled(style: Style | None = None) -> Any:
    """A style as a context: within it a figure is made, drawn on and saved."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'torchlogit[plot]'") from error
    rc: Any = (style or Style()).rc()
    return matplotlib.rc_context(rc)


@cache
def fonts() -> dict[str, frozenset[int]]:
    """The families to write with, in order, and the characters each of them has."""
    from matplotlib import font_manager

    installed = font_manager.fontManager.get_font_names()
    families = ["DejaVu Sans", *[name for name in HEITI if name in installed]]
    return {name: frozenset(font_manager.get_font(font_manager.findfont(name)).get_charmap()) for name in families}


def writable(text: str) -> bool:
    """Whether the fonts at hand have all letters of the text."""
    letters = {ord(letter) for letter in text if not letter.isspace()}
    return letters <= frozenset().union(*fonts().values())


def drawable(text: str, otherwise: str, width: int = 42) -> str:
    """The text in lines of ``width`` letters if the fonts at hand have all of them, or else the other one."""
    return wrapped(text, width) if writable(text) else otherwise
