"""What probabilities are worth once one acts on them: rates and costs by threshold, net benefit, risk and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.frame import Key, by_name, check_share, closed, frame, line, named, plain, ring
from torchlogit.plots.style import Display, Look, Style, drawing, headline, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.decision.band import Band
    from torchlogit.decision.riskcoverage import RiskCoverage
    from torchlogit.metrics.curves import DecisionCurve, ThresholdTable

SIZE = (5.6, 4.4)
RATES = ("sensitivity", "specificity", "precision", "negative_predictive_value")


def threshold_rates(
    table: ThresholdTable,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    threshold: float | None = 0.5,
    **look: Unpack[Look],
) -> Display:
    """Sensitivity, specificity and both predictive values over the threshold from which on a row is called positive.

    The red line is a ``threshold``, for which the legend has the numbers; a rate that is a share of nothing has no curve there.
    The table should be that of all thresholds that make a difference: between two of them nothing changes. ``note`` is a
    sentence under the title. ``look``: `Look`. Raises ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit.metrics import scored_arrays, thresholds
    >>> table = thresholds(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> [text.get_text() for text in threshold_rates(table).ax.get_legend().get_texts()][:2]
    ['sensitivity 0.50', 'specificity 1.00']
    """
    check_share(threshold)
    with drawing(ax, SIZE, look) as ax:
        style = style_of(ax)
        own = style.say("Rates by threshold")
        frame(ax, "threshold", "rate", own if title is None else title, note)
        keys = []
        for i, name in enumerate(RATES):
            x, rate = _steps(table.threshold, getattr(table, name))
            drawn = line(ax, i, x, rate, drawstyle="steps-pre")
            text = style.say(name.replace("_", " "))
            value = "" if threshold is None else _at(x, rate, threshold)
            keys.append((drawn, style.say("{rate} {value}", rate=text, value=value) if value else text))
        if threshold is not None:
            red = ax.axvline(threshold, color=style.theme.red, linewidth=1.4, zorder=2.5)
            keys.append((red, style.say("threshold {threshold}", threshold=f"{threshold:g}")))
        return closed(ax, keys, own)


def _steps(threshold: Any, value: Any) -> tuple[Any, Any]:
    """A column of a table over rising thresholds from 0 to 1; it holds from one up to the next, for `steps-pre`."""
    order = np.argsort(threshold, kind="stable")
    x, y = np.minimum(np.asarray(threshold)[order], 1.0), np.asarray(value, dtype=np.float64)[order]
    return np.concatenate([[0.0], x]), np.concatenate([y[:1], y])


def _at(x: Any, y: Any, threshold: float) -> str:
    value = y[min(int(np.searchsorted(x, threshold)), len(y) - 1)]
    return f"{value:.2f}" if np.isfinite(value) else ""


def threshold_cost(
    table: ThresholdTable, *, ax: Axes | None = None, title: str | None = None, note: str = "", **look: Unpack[Look]
) -> Display:
    """The mean cost of a row over the threshold from which on a row is called positive.

    The ring is the least cost on these rows; the grey line the threshold that the costs alone say, which is the best one
    where the probabilities are right. Else as `threshold_rates`.

    >>> from torchlogit.metrics import scored_arrays, thresholds
    >>> table = thresholds(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), cost_false_no=3)
    >>> [text.get_text() for text in threshold_cost(table).ax.get_legend().get_texts()][1:]
    ['least, 0.25, at threshold 0.35', 'what the costs alone say: 0.25']
    """
    with drawing(ax, SIZE, look) as ax:
        style = style_of(ax)
        own = style.say("Cost by threshold")
        headline(ax, own if title is None else title, note)
        ax.set(xlabel=style.say("threshold"), ylabel=style.say("mean cost of a row"), xlim=(-0.02, 1.02))
        drawn = line(ax, 0, *_steps(table.threshold, table.cost), drawstyle="steps-pre")
        costs: Any = {"yes": f"{table.cost_false_yes:g}", "no": f"{table.cost_false_no:g}"}
        best = int(np.argmin(table.cost))
        where, least = min(float(table.threshold[best]), 1.0), float(table.cost[best])
        said = style.say("least, {cost}, at threshold {threshold}", cost=f"{least:.3g}", threshold=f"{where:.3g}")
        if not np.isfinite(table.threshold[best]):
            said = style.say("least, {cost}, where no row is called", cost=f"{least:.3g}")
        alone = plain(ax, [table.by_costs] * 2, [0, 1], transform=ax.get_xaxis_transform(), linestyle=(0, (4, 2)))
        ax.set_ylim(0, 1.08 * float(table.cost.max()) or 1.0)
        keys = [
            (drawn, style.say("a false yes costs {yes}, a false no {no}", **costs)),
            (ring(ax, where, least, style.theme.red), said),
            (alone, style.say("what the costs alone say: {threshold}", threshold=f"{table.by_costs:.3g}")),
        ]
        return closed(ax, keys, own)


def net_benefit(
    curves: DecisionCurve | Mapping[str, DecisionCurve],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """The decision curve: net benefit over the threshold at which one acts, one curve a table, with its interval.

    Compared with acting on all rows and on none. A model is worth using at the thresholds where its curve is above both. The
    picture ends a little below 0, where no one would go. Else as `threshold_rates`.

    >>> from torchlogit.metrics import decision_curve, scored_arrays
    >>> table = decision_curve(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    >>> [text.get_text() for text in net_benefit(table).ax.get_legend().get_texts()]
    ['the model, with its 95 % interval', 'treat all', 'treat none']
    """
    with drawing(ax, SIZE, look) as ax:
        style, found = style_of(ax), by_name(curves)
        own = style.say("Decision curve")
        headline(ax, own if title is None else title, note)
        ax.set(xlabel=style.say("threshold probability"), ylabel=style.say("net benefit"), xlim=(0, 1))
        keys = [
            (_with_band(ax, i, table), _model(style, name, i, table)) for i, (name, table) in enumerate(found.items())
        ]
        first = next(iter(found.values()))
        every = plain(ax, first.threshold, first.all_called, color=style.theme.ink)
        none = plain(ax, [0, 1], [0, 0], linewidth=2.4)
        top = max(float(np.max([table.net_benefit, table.all_called])) for table in found.values())
        ends = max(float(np.max(table.high)) for table in found.values())
        ax.set_ylim(-0.2 * top, 1.05 * min(max(ends, top), 1.5 * top))
        return closed(ax, [*keys, (every, style.say("treat all")), (none, style.say("treat none"))], own)


def _with_band(ax: Axes, i: int, table: DecisionCurve) -> Any:
    drawn = line(ax, i, table.threshold, table.net_benefit)
    fill = ax.fill_between(table.threshold, table.low, table.high, color=drawn.get_color(), alpha=0.15, linewidth=0)
    return fill, drawn


def _model(style: Style, name: str, i: int, table: DecisionCurve) -> str:
    level = f"{100 * table.level:g}"
    text = style.say("{level} % interval", level=level)
    return named(style, name, i, text) if name else style.say("the model, with its {level} % interval", level=level)


def risk_coverage(
    curves: RiskCoverage | Mapping[str, RiskCoverage],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    band: Band | None = None,
    **look: Unpack[Look],
) -> Display:
    """The error rate of the rows decided against their share, the most certain first; one curve a table, with its area.

    The red ring is an uncertain ``band``: the share of rows that it decides and their error rate. Else as `threshold_rates`, and
    ``ParameterError`` for a band that does not say these (`band_for_error`, `band_for_coverage` do).

    >>> from torchlogit.decision.band import Band
    >>> from torchlogit.decision.riskcoverage import risk_coverage as table_of
    >>> from torchlogit.metrics import scored_arrays
    >>> table, band = table_of(scored_arrays([0, 1, 1, 0], [0.1, 0.2, 0.7, 0.4])), Band(0.35, 0.65, decided=0.75, error=1 / 3)
    >>> risk_coverage(table, band=band).alt
    'Risk and coverage: area 0.271; uncertain from 0.35 to 0.65: 75 % decided, 33.3 % of them wrongly'
    """
    with drawing(ax, SIZE, look) as ax:
        style = style_of(ax)
        own = style.say("Risk and coverage")
        headline(ax, own if title is None else title, note)
        ax.set(
            xlabel=style.say("coverage: share of the rows decided"),
            ylabel=style.say("risk: error rate of these"),
            xlim=(-0.02, 1.02),
        )
        keys = []
        for i, (name, table) in enumerate(by_name(curves).items()):
            text = style.say("area {value}", value=f"{table.area:.3f}")
            keys.append((line(ax, i, table.coverage, table.risk), named(style, name, i, text)))
        if band is not None:
            keys.append(_chosen(ax, band))
        ax.set_ylim(0, max(1.05 * ax.get_ylim()[1], 0.01))
        return closed(ax, keys, own)


def _chosen(ax: Axes, band: Band) -> Key:
    style = style_of(ax)
    if band.decided is None or band.error is None:
        raise ParameterError("this band does not say how many rows it decides, and how many of them wrongly")
    ax.plot([band.decided] * 2, [0, band.error], color=style.theme.red, linewidth=0.9, linestyle=(0, (1, 2)), zorder=2)
    ends: Any = {"low": f"{band.low:.3g}", "high": f"{band.high:.3g}"}
    shares: Any = {"decided": f"{100 * band.decided:.3g}", "wrong": f"{100 * band.error:.3g}"}
    text = style.say("uncertain from {low} to {high}: {decided} % decided, {wrong} % of them wrongly", **ends, **shares)
    return ring(ax, band.decided, band.error, style.theme.red), text
