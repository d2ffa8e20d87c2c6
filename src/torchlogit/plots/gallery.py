"""Sigmoids with their derivatives: one of them in detail, and the gallery side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.plots.frame import ring
from torchlogit.plots.style import (
    Display,
    Look,
    Style,
    drawable,
    drawing,
    finished,
    legend_under,
    panels,
    style_of,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.sigmoids import Sigmoid

SATURATED = 0.01  # share of its steepest slope from which on a sigmoid is called so
FRACTIONS = {0.5: "½", 0.25: "¼"}
REST = 5e-6  # smallest distance from the limit that the picture of the tails shows


def sigmoid(
    function: Sigmoid | None = None,
    *,
    ax: Axes | None = None,
    reach: float = 8,
    title: str | None = None,
    **look: Unpack[Look],
) -> Display:
    """A sigmoid (the logistic function unless told) and its derivative, the bell, for x from −reach to reach.

    Dotted lines are its limits, dots its value and its slope at 0; shaded is where it is saturated, that is where its
    slope is under a hundredth of the steepest.

    Raises ``ParameterError`` if ``reach`` is not positive, ``ImportError`` if matplotlib is not installed.

    >>> [text.get_text() for text in sigmoid().ax.get_legend().get_texts()][:2]
    ['logistic', 'its derivative']
    """
    from torchlogit.sigmoids import logistic

    if not 0 < reach < np.inf:
        raise ParameterError(f"reach must be a positive number, got {reach!r}")
    function = function or logistic
    with drawing(ax, (6.4, 4.4), look) as ax:
        say, name = style_of(ax).say, _name(style_of(ax), function)
        ax.set(xlabel="x", xlim=(-reach, reach))
        ax.set_title(drawable(say("The {name} function", name=name) if title is None else title, function.name), pad=10)
        _limits(ax, function)
        x = np.linspace(-reach, reach, 801)
        keys = [*_lines(ax, function, x), _saturated(ax, x, _of(function.derivative, x))]
        _at_zero(ax, function)
        legend_under(ax, keys, [name, say("its derivative"), say("saturated")], 3)
    return finished(ax)


def sigmoid_gallery(
    functions: Sequence[Sigmoid] | None = None, *, columns: int = 4, reach: float = 4, **look: Unpack[Look]
) -> Display:
    """The logistic function and the six of the gallery, each with its derivative, and the tails of the six together.

    All have the same limits and the same slope at 0 as their grey neighbours in the other panels (but the logistic
    function, whose limits are 0 and 1); they differ in how soon they saturate, which the last panel shows: the distance
    that is left to the limit, on a logarithmic scale. ``functions`` are other sigmoids to show instead.

    Raises ``ParameterError`` without any function, ``ImportError`` if matplotlib is not installed.

    >>> [ax.get_title(loc="left") for ax in sigmoid_gallery().figure.axes][:3]
    ['logistic', 'erf', 'tanh']
    """
    from torchlogit.sigmoids import GALLERY, logistic

    functions = (logistic, *GALLERY) if functions is None else functions
    if not functions or columns < 1:
        raise ParameterError(f"nothing to draw: {len(functions)} sigmoids in {columns} columns")
    rows = -(-(len(functions) + 1) // columns)
    _, places = panels(columns, rows, size=(2.9 * columns, 2.75 * rows), **look)
    style = style_of(places[0])
    with styled(style):
        for ax, function in zip(places, functions, strict=False):
            _exhibit(ax, function, functions, np.linspace(-reach, reach, 401))
        _tails(places[len(functions)], functions, np.linspace(0, 1.5 * reach, 401))
        for ax in places[len(functions) + 1 :]:
            ax.remove()
        names = [style.say("value"), style.say("derivative")]
        places[0].figure.legend(places[0].lines[-2:], names, loc="outside lower center", ncols=2)
    return finished(places[0])


def _name(style: Style, function: Sigmoid) -> str:
    return style.say("logistic") if function.name == "logistic" else function.name


def _of(f: Callable[[Any], Any], x: Any) -> Any:
    """The function's values at the array x, as an array."""
    return f(x).numpy()


def _lines(ax: Axes, function: Sigmoid, x: Any) -> list[Any]:
    style = style_of(ax)
    value = ax.plot(x, _of(function, x), **style.curve(0), zorder=3)
    slope = ax.plot(x, _of(function.derivative, x), **style.curve(1), linewidth=style.pt(1.8), zorder=3)
    return [*value, *slope]


def _limits(ax: Axes, function: Sigmoid) -> None:
    low, high = function.limits
    ax.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))
    for limit in function.limits:
        ax.axhline(limit, color=style_of(ax).theme.ink, linestyle=(0, (1, 2)), linewidth=1.2)


def _saturated(ax: Axes, x: Any, slope: Any) -> Any:
    where, grey = slope < SATURATED * slope.max(), style_of(ax).theme.grey
    return ax.fill_between(x, 0, 1, where, transform=ax.get_xaxis_transform(), color=grey, alpha=0.16, linewidth=0)


def _at_zero(ax: Axes, function: Sigmoid) -> None:
    """Dots, with their numbers, at the value and at the slope at 0."""
    symbol, style = "σ" if function.name == "logistic" else "f", style_of(ax)
    blue, green, *_ = style.theme.curves
    for f, mark, colour, offset in ((function, "", blue, (10, -12)), (function.derivative, "′", green, (8, 8))):
        y = float(_of(f, 0.0))
        ring(ax, 0, y, colour)
        text = f"{symbol}{mark}(0) = {FRACTIONS.get(y, f'{y:.3g}')}"
        ax.annotate(text, (0, y), offset, textcoords="offset points", color=colour, size=style.pt(11))


def _exhibit(ax: Axes, function: Sigmoid, functions: Sequence[Sigmoid], x: Any) -> None:
    """One panel of the gallery; in grey, for comparison, the others with the same limits."""
    for other in functions:
        if other is not function and other.limits == function.limits:
            ax.plot(x, _of(other, x), color=style_of(ax).theme.grey, alpha=0.35, linewidth=0.8)
    _limits(ax, function)
    _lines(ax, function, x)
    ax.set_title(_name(style_of(ax), function))
    ax.set_yticks(np.linspace(*function.limits, 3))
    x, y, side, edge = (0.97, 0.13, "right", "bottom") if function.limits[0] < 0 else (0.04, 0.9, "left", "top")
    formula = ax.text(
        x, y, f"${_mathtext(function.latex)}$", ha=side, va=edge, transform=ax.transAxes, size=style_of(ax).pt(13)
    )
    formula.set_parse_math(True)


def _mathtext(latex: str) -> str:
    """The formula in the part of LaTeX that matplotlib sets itself."""
    return latex.replace(r"\frac", r"\dfrac").replace(r"\tfrac", r"\frac")


def _tails(ax: Axes, functions: Sequence[Sigmoid], x: Any) -> None:
    """The distance from the upper limit as a share of the whole rise, each line with its name where it ends."""
    style = style_of(ax)
    for function in functions:
        rest = np.exp(_of(function.log_sf, x))
        end = np.flatnonzero(rest > REST)[-1]
        ax.plot(x, rest, color=style.theme.curves[0], linewidth=1.4)
        ax.text(x[end] + 0.03 * x[-1], rest[end], function.name, va="center", size=style.pt(8))
    ax.set(yscale="log", xlim=(0, 1.6 * x[-1]), ylim=(REST / 2, 1), xticks=np.linspace(0, x[-1], 4))
    ax.set_yticks([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5], ["1", "0.1", "0.01", "10⁻³", "10⁻⁴", "10⁻⁵"])
    ax.set_yticks([], minor=True)
    ax.set_title(style.say("distance to the limit"))
