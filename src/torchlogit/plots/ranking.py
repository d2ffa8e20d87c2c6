"""How well probabilities tell the classes apart: ROC, precision and recall, cumulative gain, lift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.plots.frame import Key, by_name, check_share, closed, frame, line, named, plain, ring, square
from torchlogit.plots.style import Display, Look, Style, drawing, headline, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.metrics.counts import LiftTable
    from torchlogit.metrics.curves import PrecisionRecallCurve, RocCurve


def roc(
    curves: RocCurve | Mapping[str, RocCurve],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    threshold: float | None = 0.5,
    **look: Unpack[Look],
) -> Display:
    """Sensitivity against the rate of false positives, one curve a table, with the area under it and its interval.

    The grey diagonal is chance; rings are the calls at a ``threshold``. ``note`` is a sentence under the title. ``look``: `Look`.
    Raises ``ParameterError`` without any table, ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit.metrics import roc_curve, scored_arrays
    >>> table = roc_curve(scored_arrays([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.9]))
    >>> [text.get_text() for text in roc({"first": table, "second": table}, threshold=None).ax.get_legend().get_texts()][2]
    'chance: AUC 0.5'
    """
    with drawing(ax, square(look), look) as ax:
        style, found = style_of(ax), by_name(curves)
        own = style.say("ROC curve")
        frame(ax, "false positive rate", "sensitivity (true positive rate)", own if title is None else title, note)
        keys = []
        for i, (name, table) in enumerate(found.items()):
            drawn = line(ax, i, table.false_positive_rate, table.true_positive_rate)
            keys.append((drawn, named(style, name, i, _area(style, table))))
        places = [(t, t.false_positive_rate, t.true_positive_rate) for t in found.values()]
        keys += [*_rings(ax, places, threshold), (plain(ax, [0, 1], [0, 1]), style.say("chance: AUC 0.5"))]
        return closed(ax, keys, own)


def _area(style: Style, table: RocCurve) -> str:
    if not np.isfinite([table.low, table.high]).all():
        return style.say("AUC {auc}", auc=f"{table.auc:.3f}")
    numbers: Any = {"auc": f"{table.auc:.3f}", "low": f"{table.low:.3f}", "high": f"{table.high:.3f}"}
    return style.say("AUC {auc} ({level} % interval {low} to {high})", level=f"{100 * table.level:g}", **numbers)


def _rings(ax: Axes, curves: list[tuple[Any, Any, Any]], threshold: float | None) -> list[Key]:
    """A ring on each curve where rows are called at the threshold, and one key for all."""
    check_share(threshold)
    if threshold is None:
        return []
    style, rings = style_of(ax), []
    for i, (table, x, y) in enumerate(curves):
        at = int((table.threshold >= threshold).sum()) - 1  # thresholds fall, and the first one is infinite
        rings.append(ring(ax, x[at], y[at], style.curve(i)["color"]))
    return [(rings[0], style.say("threshold {threshold}", threshold=f"{threshold:g}"))]


def precision_recall(
    curves: PrecisionRecallCurve | Mapping[str, PrecisionRecallCurve],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    threshold: float | None = 0.5,
    **look: Unpack[Look],
) -> Display:
    """Precision against recall in steps, one curve a table, with the average precision, the area under the steps.

    The grey line is the prevalence: the precision of calling rows at random. Else as `roc`.

    >>> from torchlogit.metrics import precision_recall_curve, scored_arrays
    >>> table = precision_recall_curve(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> [text.get_text() for text in precision_recall(table).ax.get_legend().get_texts()]
    ['average precision 0.833', 'threshold 0.5', 'prevalence 0.500']
    """
    with drawing(ax, square(look), look) as ax:
        style, found = style_of(ax), by_name(curves)
        own = style.say("Precision and recall")
        frame(ax, "recall (sensitivity)", "precision", own if title is None else title, note)
        keys = []
        for i, (name, table) in enumerate(found.items()):
            drawn = line(ax, i, table.recall, table.precision, drawstyle="steps-pre")
            text = style.say("average precision {value}", value=f"{table.average_precision:.3f}")
            keys.append((drawn, named(style, name, i, text)))
        keys += _rings(ax, [(t, t.recall, t.precision) for t in found.values()], threshold)
        for share in sorted({round(t.prevalence, 12) for t in found.values()}):
            text = style.say("prevalence {value}", value=f"{share:.3f}")
            keys.append((plain(ax, [0, 1], [share, share]), text))
        return closed(ax, keys, own)


def gain(
    tables: LiftTable | Mapping[str, LiftTable],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """The share of the positive class that is among the most probable rows, against the share of rows; one curve a table.

    The grey diagonal is rows at random; dotted is the best there can be: the positive class first. Else as `roc`.

    >>> from torchlogit.metrics import lift as lift_table, scored_arrays
    >>> table = lift_table(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), groups=2)
    >>> [text.get_text() for text in gain(table).ax.get_legend().get_texts()]
    ['50 % of the rows hold 50 % of the positive class', 'best possible', 'rows at random']
    """
    with drawing(ax, square(look), look) as ax:
        style, found = style_of(ax), by_name(tables)
        own = style.say("Cumulative gain")
        x, y = "share of the rows, most probable first", "share of the positive class"
        frame(ax, x, y, own if title is None else title, note)
        keys = [
            (_gained(ax, i, table), named(style, name, i, _held(style, table)))
            for i, (name, table) in enumerate(found.items())
        ]
        rate = min(table.prevalence for table in found.values())
        best = plain(ax, [0, rate, 1], [0, 1, 1], linestyle=(0, (1, 1.5)), color=style.theme.ink)
        keys += [(best, style.say("best possible")), (plain(ax, [0, 1], [0, 1]), style.say("rows at random"))]
        return closed(ax, keys, own)


def _gained(ax: Axes, i: int, table: LiftTable) -> Any:
    few = {"marker": "o", "ms": style_of(ax).pt(4)} if len(table.share) <= 20 else {}
    return line(ax, i, [0.0, *table.share], [0.0, *table.gain], **few)


def _held(style: Style, table: LiftTable) -> str:
    """What the fifth of the rows holds that is most probable, or the first group that is larger."""
    at = int(np.argmax(table.share >= 0.2 - 1e-9))
    share, held = f"{100 * table.share[at]:.3g}", f"{100 * table.gain[at]:.0f}"
    return style.say("{share} % of the rows hold {held} % of the positive class", share=share, held=held)


def lift(
    tables: LiftTable | Mapping[str, LiftTable],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """By how much the positive class is more frequent in each group of rows than in all: bars, and the lift up to there.

    Bars are of the first table; curves, one a table, of all rows up to the group's end. The grey line, 1, is rows at random.
    Else as `roc`.

    >>> from torchlogit.metrics import lift as lift_table, scored_arrays
    >>> lift(lift_table(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), groups=2)).ax.get_ylabel()
    'lift'
    """
    with drawing(ax, square(look), look) as ax:
        style, found = style_of(ax), by_name(tables)
        own = style.say("Lift")
        headline(ax, own if title is None else title, note)
        ax.set(xlabel=style.say("share of the rows, most probable first"), ylabel=style.say("lift"), xlim=(0, 1))
        first = next(iter(found.values()))
        bars = _bars(ax, first)
        keys = []
        for i, (name, table) in enumerate(found.items()):
            drawn = line(ax, i, table.share, table.cumulative_lift, marker="o", ms=style.pt(4), clip_on=False)
            keys.append((drawn, named(style, name, i, _most(style, table))))
        keys += [(bars, style.say("within each group")), (plain(ax, [0, 1], [1, 1]), style.say("rows at random"))]
        ax.set_ylim(bottom=0)
        return closed(ax, keys, own)


def _bars(ax: Axes, table: LiftTable) -> Any:
    left, theme = np.concatenate([[0.0], table.share[:-1]]), style_of(ax).theme
    wide = 0.92 * (table.share - left)
    middle = (left + table.share) / 2
    return ax.bar(middle, table.lift, wide, color=theme.curves[0], alpha=0.25, edgecolor=theme.muted, linewidth=0.6)


def _most(style: Style, table: LiftTable) -> str:
    share, times = f"{100 * table.share[0]:.3g}", f"{table.cumulative_lift[0]:.2f}"
    return style.say("up to there; first {share} %: {times} times", share=share, times=times)
