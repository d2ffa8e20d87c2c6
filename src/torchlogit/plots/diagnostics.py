"""Pictures of how rows depart from a fit: binned residuals, and leverage beside residuals with Cook's distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.style import Display, Look, drawing, finished, fitted, headline, legend_under, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.inference.binned import BinnedResiduals
    from torchlogit.inference.influence import Influence
    from torchlogit.inference.quantile import QuantileResiduals

COOK = (0.1, 0.5, 1.0)  # Cook's distances that are drawn, where they lie within the picture
NAMED = 5  # rows with their number


def binned_residuals(
    table: BinnedResiduals,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str | None = None,
    **look: Unpack[Look],
) -> Display:
    """Mean residuals of bins with the band in which 95 % of them lie under the model; those outside are red squares.

    ``note`` tells how many are outside unless told. ``look``: `Look`. ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> display = binned_residuals(fit(datasets.study_hours(), "passed").binned_residuals())
    >>> display.ax.get_ylabel()
    'average residual'
    """
    with drawing(ax, (6.4, 4.2), look) as ax:
        style = style_of(ax)
        say, outside = style.say, np.abs(table.residual) > table.two_errors
        ax.axhline(0, color=style.theme.grey, linewidth=1.2, zorder=1)
        band = ax.fill_between(
            table.x, -table.two_errors, table.two_errors, color=style.theme.grey, alpha=0.18, linewidth=0
        )
        for edge in (-table.two_errors, table.two_errors):
            ax.plot(table.x, edge, color=style.theme.grey, linewidth=1.2)
        well: Any = {"ls": "", "marker": "o", "ms": style.pt(5.5), "color": style.theme.curves[0]}
        ill: Any = {"ls": "", "marker": "s", "ms": style.pt(6.5), "color": style.theme.red}
        (inside,) = ax.plot(table.x[~outside], table.residual[~outside], **well, zorder=3)
        (beyond,) = ax.plot(table.x[outside], table.residual[outside], **ill, zorder=3)
        along = (
            say("{name}, average of a bin", name=table.along)
            if table.along
            else say("fitted probability, average of a bin")
        )
        ax.set(xlabel=fitted(ax, along, style.pt(10.5)), ylabel=say("average residual"))
        own = say("Binned residuals of {event}", event=table.outcome)
        counted = say("{outside} of {bins} bins outside; about {expected} are so if the model is right",
                      outside=int(outside.sum()), bins=len(outside), expected=f"{0.05 * len(outside):.2g}")  # fmt: skip
        headline(ax, own if title is None else title, counted if note is None else note)
        names = [say("±2 standard errors"), say("bin inside"), *[say("bin outside")] * bool(outside.any())]
        legend_under(ax, [band, inside, beyond][: len(names)], names, 3)
    return finished(ax, f"{own}: {counted}")


def quantile_residuals(
    table: QuantileResiduals,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    note: str = "",
    **look: Unpack[Look],
) -> Display:
    """Quantile residuals over the normal quantiles of their ranks, on the red line and in the band where the model is right.

    Residuals outside the band are squares. ``look``: `Look`. ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import datasets, fit
    >>> quantile_residuals(fit(datasets.study_hours(), "passed").quantile_residuals()).ax.get_xlabel()
    'normal quantile'
    """
    with drawing(ax, (5.0, 4.8), look) as ax:
        style = style_of(ax)
        say, x, r = style.say, table.expected, table.residual
        outside = (r < table.low) | (r > table.high)
        band = ax.fill_between(x, table.low, table.high, color=style.theme.grey, alpha=0.25, linewidth=0, zorder=1)
        ax.plot(x, x, color=style.theme.red, linewidth=1.4, zorder=2)
        for here, mark, i in ((~outside, "o", 0), (outside, "s", 3)):
            dots: Any = {"ls": "", "marker": mark, "ms": style.pt(4.5), "color": style.theme.curves[i], "alpha": 0.8}
            ax.plot(x[here], r[here], **dots, zorder=3)
        ax.set(xlabel=say("normal quantile"), ylabel=say("quantile residual"))
        own = say("Quantile residuals of {event}", event=table.outcome)
        headline(ax, own if title is None else title, note)
        legend_under(ax, [band], [say("{level} % band under the model", level=f"{100 * table.level:g}")])
    return finished(ax, f"{own}: {table.outside} / {len(r)}")


def leverage(
    table: Influence, *, ax: Axes | None = None, title: str | None = None, note: str = "", **look: Unpack[Look]
) -> Display:
    """Standardised Pearson residuals over leverage, with contours of Cook's distance and the numbers of the five largest.

    For two classes the contours are ``r = ±√(D p (1 − h) / h)`` for D of 0.1, 0.5 and 1, p the fit's rank, as far as they lie
    within the picture; residuals of more classes are lengths without a sign, for which there are none. Rows of leverage 1
    have no residual and are not drawn. ``look``: `Look`.

    ParameterError without any row, ``ImportError`` if matplotlib is not installed. Source: Pregibon (1981), Logistic
    regression diagnostics, §4.

    >>> from torchlogit import datasets, fit
    >>> display = leverage(fit(datasets.study_hours(), "passed").influence())
    >>> [text.get_text() for text in display.ax.texts if text.get_text().isdigit()][0]
    '7'
    """
    h, r, d = table.leverage, table.standardised_pearson, table.cooks_distance
    seen = np.isfinite(r) & np.isfinite(d)
    if not seen.any():
        raise ParameterError("no row has a leverage under 1, so there is nothing to draw")
    with drawing(ax, (6.4, 4.6), look) as ax:
        style = style_of(ax)
        say = style.say
        ax.axhline(0, color=style.theme.grey, linewidth=1.2, zorder=1)
        dots: Any = {"color": style.theme.curves[0], "alpha": 0.65 if seen.sum() < 500 else 0.35, "linewidth": 0}
        ax.scatter(h[seen], r[seen], s=26 * style.scale**2, **dots, zorder=3)
        ax.set_xlim(0, 1.08 * h[seen].max())
        span = max(np.ptp(r[seen]), 1e-9)
        ax.set_ylim(min(r[seen].min() - 0.08 * span, 0), r[seen].max() + 0.08 * span)
        ax.set(xlabel=say("leverage"), ylabel=fitted(ax, say("standardised Pearson residual"), style.pt(10.5)))
        if _is_cooks(table):
            _cook(ax, table.rank)
        largest = np.flatnonzero(seen)[np.argsort(-d[seen], kind="stable")][:NAMED]
        _numbers(ax, table, largest)
        headline(ax, say("Leverage and residuals") if title is None else title, note)
    rows = ", ".join(map(str, table.row[largest]))
    return finished(ax, f"{say('Leverage and residuals')}: {say('rows of the largest Cook distance')} {rows}")


def _is_cooks(table: Influence) -> bool:
    """Whether Cook's distance is what leverage and residual say, as for two classes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        d = table.standardised_pearson**2 * table.leverage / (1 - table.leverage) / table.rank
    seen = np.isfinite(d)
    return bool(np.allclose(d[seen], table.cooks_distance[seen], rtol=1e-6))


def _cook(ax: Axes, rank: int) -> None:
    """Contours of Cook's distance, each with its number where it leaves the picture."""
    style, (low, high), right = style_of(ax), ax.get_ylim(), ax.get_xlim()[1]
    h = np.linspace(right / 400, min(right, 0.999), 400)
    for d in COOK:
        r = np.sqrt(d * rank * (1 - h) / h)
        for sign, end in ((1, high), (-1, low)):
            if sign * end > r[-1]:
                ax.plot(h, sign * r, color=style.theme.red, linewidth=1.1, linestyle=(0, (4, 2)), zorder=2)
                how: Any = {"size": style.pt(8.5), "color": style.theme.red, "va": "center", "annotation_clip": False}
                ax.annotate(f"D = {d:g}", (right, sign * r[-1]), (3, 0), textcoords="offset points", **how)
    ax.set_ylim(low, high)


def _numbers(ax: Axes, table: Influence, largest: Any) -> None:
    """The numbers of the rows with the ``largest`` Cook's distance, beside their dots."""
    style = style_of(ax)
    for i in largest:
        place = table.leverage[i], table.standardised_pearson[i]
        ax.annotate(str(table.row[i]), place, (4, 3), textcoords="offset points", size=style.pt(9), zorder=5)
