"""Probabilities beside what came: calibration, the histogram of each class, the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.frame import UNCERTAIN, Key, closed, frame, line, number, plain, square
from torchlogit.plots.style import Display, Look, Style, drawable, drawing, finished, headline, style_of
from torchlogit.plots.words import columns
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.calibration.reliability import Reliability
    from torchlogit.calibration.smooth import SmoothReliability
    from torchlogit.metrics.counts import Confusion, ScoreHistogram

STRIP = -0.2  # where the histogram of a calibration plot stands
LEAST = 5.5  # points of a number that can be read
HIGH = 0.14  # its height, either way


def calibration(
    table: Reliability,
    smooth: SmoothReliability | None = None,
    scores: ScoreHistogram | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """The share of events among rows of similar probability, with its interval, against their mean probability.

    On the diagonal probabilities come true. The ``smooth`` curve needs no bins, and its band is pointwise. ``scores`` are drawn
    under the picture: rows with the event upwards, without it downwards. ``note`` is a sentence under the title. ``look``:
    `Look`. Raises ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit.calibration.reliability import reliability
    >>> from torchlogit.metrics import scored_arrays
    >>> rows = scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.8, 0.9])
    >>> [text.get_text() for text in calibration(reliability(rows, bins=2)).ax.get_legend().get_texts()]
    ['2 groups of rows, 95 % interval', 'perfectly calibrated']
    """
    with drawing(ax, square(look, 5.6), look) as ax:
        style = style_of(ax)
        own = style.say("Calibration")
        frame(ax, "predicted probability", "observed share", own if title is None else title, note)
        keys = [] if smooth is None else [_smooth(ax, smooth)]
        keys.append(_bins(ax, table))
        keys.append((plain(ax, [0, 1], [0, 1]), style.say("perfectly calibrated")))
        if scores is not None:
            keys += _strip(ax, scores)
            ax.set(ylim=(STRIP - HIGH - 0.02, 1.03), yticks=np.linspace(0, 1, 6))
        return closed(ax, keys, own)


def _bins(ax: Axes, table: Reliability) -> Key:
    style = style_of(ax)
    ends = np.array([table.observed - table.observed_low, table.observed_high - table.observed]).clip(min=0)
    marks: Any = {"fmt": "o", "color": style.theme.ink, "ms": style.pt(5), "elinewidth": 1.2, "capsize": style.pt(2.5)}
    drawn = ax.errorbar(table.predicted, table.observed, ends, **marks, zorder=4)
    level = f"{100 * table.level:g}"
    return drawn, style.say("{n} groups of rows, {level} % interval", n=len(table.n), level=level)


def _smooth(ax: Axes, table: SmoothReliability) -> Key:
    style = style_of(ax)
    drawn = line(ax, 0, table.predicted, table.observed)
    low, high = table.observed_low, table.observed_high
    fill = ax.fill_between(table.predicted, low, high, color=drawn.get_color(), alpha=0.18, linewidth=0, zorder=1)
    return (fill, drawn), style.say("smooth curve, {level} % interval", level=f"{100 * table.level:g}")


def _strip(ax: Axes, table: ScoreHistogram) -> list[Key]:
    """The histogram under the picture."""
    style, most = style_of(ax), max(float(np.max([table.positives, table.negatives])), 1e-300)
    ax.axhline(STRIP, color=style.theme.grey, linewidth=0.8)
    bars = _mirrored(ax, table, HIGH / most, STRIP)
    texts = style.say("rows with the event, upwards"), style.say("rows without it, downwards")
    return list(zip(bars, texts, strict=True))


def _mirrored(ax: Axes, table: ScoreHistogram, scale: float, base: float) -> tuple[Any, Any]:
    """Bars of the positive class upwards and of the other downwards; dark and light, so that grey tells them apart."""
    theme = style_of(ax).theme
    wide, middle = table.high - table.low, (table.low + table.high) / 2
    dark: Any = {"color": theme.curves[0], "edgecolor": theme.paper, "linewidth": 0.6}
    pale: Any = {"color": theme.paper, "edgecolor": theme.muted, "linewidth": 0.8, "hatch": "////"}
    up = ax.bar(middle, scale * np.asarray(table.positives), wide, bottom=base, **dark, zorder=2.2)
    down = ax.bar(middle, -scale * np.asarray(table.negatives), wide, bottom=base, **pale, zorder=2.2)
    return up, down


def scores(
    table: ScoreHistogram,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    threshold: float = 0.5,
    uncertain: tuple[float, float] | None = UNCERTAIN,
    **look: Unpack[Look],
) -> Display:
    """How many rows of either class have which probability: the positive class upwards, the other downwards.

    The red line is the ``threshold``, the band what is called ``uncertain``. ``note`` is a sentence under the title. ``look``:
    `Look`. Raises ``ParameterError`` for a threshold or band outside 0 to 1, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit.metrics import score_histogram, scored_arrays
    >>> table = score_histogram(scored_arrays(["no", "no", "yes"], [0.1, 0.4, 0.8]), bins=5)
    >>> [text.get_text() for text in scores(table).ax.get_legend().get_texts()]
    ['yes, upwards: 1', 'no, downwards: 2', 'threshold 0.5', 'uncertain']
    """
    low, high = uncertain or (0.0, 0.0)
    if not (0 <= threshold <= 1 and 0 <= low <= high <= 1):
        raise ParameterError(f"the threshold and the band are probabilities; got {threshold=}, {uncertain=}")
    with drawing(ax, (5.6, 4.4), look) as ax:
        style = style_of(ax)
        own = style.say("Probabilities by class")
        headline(ax, own if title is None else title, note)
        event = drawable(level_text(table.positive), style.say("the positive class"), 30)
        x = style.say("Probability of {event}", event=event)
        ax.set(xlabel=x, ylabel=style.say("rows"), xlim=(-0.02, 1.02))
        bars = _mirrored(ax, table, 1.0, 0.0)
        other = drawable(level_text(table.negative), style.say("the other class"), 30)
        totals = [number(float(np.sum(t))) for t in (table.positives, table.negatives)]
        texts = [
            style.say("{name}, upwards: {n}", name=event, n=totals[0]),
            style.say("{name}, downwards: {n}", name=other, n=totals[1]),
        ]
        keys = [*zip(bars, texts, strict=True), *_cut(ax, threshold, uncertain)]
        ax.axhline(0, color=style.theme.ink, linewidth=0.9, zorder=3)
        ax.yaxis.set_major_formatter(lambda value, _: number(abs(value)))
        return closed(ax, keys, own)


def _cut(ax: Axes, threshold: float, uncertain: tuple[float, float] | None) -> list[Key]:
    style = style_of(ax)
    red = style.theme.red
    cut = ax.axvline(threshold, color=red, linewidth=1.4, zorder=2.5)
    keys: list[Key] = [(cut, style.say("threshold {threshold}", threshold=f"{threshold:g}"))]
    if uncertain is not None:
        keys.append((ax.axvspan(*uncertain, color=red, alpha=0.12, linewidth=0, zorder=0.5), style.say("uncertain")))
    return keys


def confusion(
    table: Confusion, *, ax: Axes | None = None, title: str | None = None, note: str = "", **look: Unpack[Look]
) -> Display:
    """How many rows of each class are called what: each cell its number and its share of the class, darker for more.

    Texts shrink as classes grow more, and are left out where they could not be read. ``note`` is a sentence under the title.
    ``look``: `Look`. Raises ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit.metrics import confusion as counted, scored_arrays
    >>> display = confusion(counted(scored_arrays(["no", "no", "yes", "yes"], [0.1, 0.4, 0.35, 0.8])))
    >>> [text.get_text() for text in display.ax.texts if text.get_text()]
    ['2', '100 %', '0', '0 %', '1', '50 %', '1', '50 %']
    """
    with drawing(ax, square(look, 4.6), look) as ax:
        style, counts = style_of(ax), np.asarray(table.counts, dtype=np.float64)
        own = style.say("Confusion matrix")
        headline(ax, own if title is None else title, note)
        whole = counts.sum(1, keepdims=True)
        share = np.divide(counts, whole, out=np.zeros_like(counts), where=whole > 0)
        scale = style.scale_of("sequential")
        image = ax.imshow(share, cmap=scale, vmin=0, vmax=1, aspect="auto", zorder=1)
        _borders(ax, table, style)
        size, both = _size(ax, counts)
        for i, j in np.ndindex(*counts.shape) if size else ():
            colour = _readable(style, image.cmap(image.norm(share[i, j])))
            part = f"{100 * share[i, j]:.0f} %" if both and whole[i] else ""
            _cell(ax, (j, i), number(float(counts[i, j])), part, size, colour)
        return finished(ax, _told(style, own, table))


def _borders(ax: Axes, table: Confusion, style: Style) -> None:
    """The names of the classes, and white lines between the cells."""
    k = len(table.actual)
    names = [drawable(name, style.say("class {i}", i=i + 1), 14) for i, name in enumerate(table.actual)]
    wide = max(columns(line) for name in names for line in name.split("\n")) * 0.64 * style.pt(9.5) / 72
    ax.set_xticks(range(k), names, rotation=90 if wide > _side(ax, k)[0] else 0)
    ax.set_yticks(range(k), names)
    ax.set(xlabel=style.say("called"), ylabel=style.say("actual class"))
    ax.set_xticks(np.arange(1, k) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, k) - 0.5, minor=True)
    ax.grid(visible=False)
    ax.grid(visible=True, which="minor", color=style.theme.paper, linewidth=2 if k < 12 else 0.5)
    ax.tick_params(which="both", length=0)
    ax.set_axisbelow(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _side(ax: Axes, k: int) -> tuple[float, float]:
    """Width and height of a cell, in inches, about."""
    place, (wide, high) = ax.get_subplotspec(), ax.figure.canvas.figure.get_size_inches()
    columns_, rows = (1, 1) if place is None else (place.get_gridspec().ncols, place.get_gridspec().nrows)
    return (wide / columns_ - 1.1) / k, (high / rows - 1.1) / k


def _size(ax: Axes, counts: Any) -> tuple[float, bool]:
    """The size in points at which number and share fit into a cell, or else the number alone; 0 where it could not be read."""
    wide, high = (72 * 0.85 * side for side in _side(ax, len(counts)))
    longest, most = max(len(number(count)) for count in counts.ravel().tolist()), style_of(ax).pt(15)
    size = min(wide / (0.7 * max(longest, 4)), high / 2.5, most)
    if size >= LEAST:
        return size, True
    alone = min(wide / (0.7 * longest), high / 1.4, most)
    return (alone if alone >= LEAST else 0.0), False


def _cell(ax: Axes, at: tuple[int, int], count: str, share: str, size: float, colour: Any) -> None:
    """The number, over the share if there is one."""
    both: Any = {"ha": "center", "color": colour, "textcoords": "offset points"}
    where: Any = ((0, 0.1 * size), "bottom") if share else ((0, 0), "center_baseline")
    ax.annotate(count, at, where[0], va=where[1], size=size, weight="bold", **both)
    if share:
        ax.annotate(share, at, (0, -0.25 * size), va="top", size=0.8 * size, **both)


def _readable(style: Style, paper: Any) -> str:
    """Ink or paper, whichever has more contrast with this colour. Source: WCAG 2.1, relative luminance."""
    from matplotlib.colors import to_rgb

    def light(colour: Any) -> float:
        rgb = np.asarray(to_rgb(colour[:3] if not isinstance(colour, str) else colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05

    under = light(paper)
    return max((style.theme.ink, style.theme.paper), key=lambda text: max(light(text), under) / min(light(text), under))


def _told(style: Style, own: str, table: Confusion) -> str:
    """The diagonal in words."""
    right = style.say("; ").join(
        style.say("{name}: {share} % called rightly", name=name, share=f"{100 * recall:.0f}")
        for name, recall in zip(table.actual[:12], table.recall.tolist(), strict=False)
        if np.isfinite(recall)
    )
    return style.say("{name}: {told}", name=own, told=right)
