"""What pictures of performance share: tables by name, a frame with its labels, curves of few enough points, the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.plots.style import (
    Display,
    Style,
    drawable,
    finished,
    headline,
    inches,
    legend_under,
    letters,
    restyled,
    style_of,
)
from torchlogit.plots.words import columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")
Floats = npt.NDArray[np.float64]
Key = tuple[Any, str]  # of a legend: what is drawn, and its text
UNCERTAIN = (0.4, 0.6)  # the band of the lesson, `torchlogit.model.LESSON`, which would load torch
FINE = 1000  # steps along each side of a frame that can be told apart


def by_name(tables: T | Mapping[str, T]) -> dict[str, T]:
    """Tables by name; one without a name stands alone. ParameterError without any."""
    found: dict[str, T] = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    if not found:
        raise ParameterError("nothing to draw: no table was given")
    return found


def frame(ax: Axes, x: str, y: str, title: str, note: str = "") -> None:
    """A frame from 0 to 1 both ways with its labels, English phrases, and what stands above it."""
    style = style_of(ax)
    headline(ax, title, note)
    ax.set(xlabel=style.say(x), ylabel=style.say(y), xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))


def square(look: Mapping[str, Any], high: float = 4.9) -> tuple[float, float]:
    """The size of a figure, in inches, whose frame is about square; ``high`` is its height where no width is told."""
    wide = inches(look.get("width", 4.8))
    return wide, high * min(max(wide / 4.8, 1.0), 1.25)


def line(ax: Axes, i: int, x: Any, y: Any, **more: Any) -> Any:
    """The i-th curve."""
    (drawn,) = ax.plot(*thinned(x, y), **style_of(ax).curve(i), zorder=3, **more)
    return drawn


def plain(ax: Axes, x: Any, y: Any, **more: Any) -> Any:
    """What curves are compared with: a thin grey line."""
    how: dict[str, Any] = {"color": style_of(ax).theme.grey, "linewidth": 1.2, "zorder": 2} | more
    (drawn,) = ax.plot(x, y, **how)
    return drawn


def ring(ax: Axes, x: float, y: float, colour: Any) -> Any:
    """A place on a curve."""
    style = style_of(ax)
    (drawn,) = ax.plot(
        [x], [y], "o", ms=style.pt(7), mfc=style.theme.paper, mec=colour, mew=1.8, linestyle="none", zorder=5
    )
    return drawn


def number(value: float) -> str:
    """A weight of rows as text: whole numbers whole, others to three digits.

    >>> number(1234567.0), number(2 / 3)
    ('1234567', '0.667')
    """
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


def check_share(threshold: float | None) -> None:
    """ParameterError for a threshold that is no probability."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise ParameterError(f"threshold must be a probability, from 0 to 1; got {threshold}")


def check_turn(threshold: float, uncertain: tuple[float, float]) -> None:
    """ParameterError for a threshold at which nothing turns, and for a band that is none."""
    if not 0 < threshold < 1 or not 0 <= uncertain[0] <= uncertain[1] <= 1:
        raise ParameterError(f"{threshold=} and {uncertain=} must lie from 0 to 1")


def thinned(x: Any, y: Any) -> tuple[Floats, Floats]:
    """A curve of any number of points, less those that lie where the one before them does, but for a thousandth.

    >>> [len(each) for each in thinned(np.linspace(0, 1, 10**5), np.zeros(10**5))]
    [1002, 1002]
    """
    both = np.array([x, y], dtype=np.float64)
    span = np.nanmax(both, axis=1, keepdims=True) - np.nanmin(both, axis=1, keepdims=True)
    places = np.rint(both / np.where(span > 0, span, 1.0) * FINE)
    new = np.ones(both.shape[1], dtype=bool)
    new[1:-1] = (places[:, 1:-1] != places[:, :-2]).any(0)
    return both[0, new], both[1, new]


def named(style: Style, name: str, i: int, text: str) -> str:
    """The text of the i-th curve's key, after the name of its table if that can be written."""
    if not name:
        return text
    return style.say("{name}: {told}", name=drawable(name, style.say("curve {i}", i=i + 1), 60), told=text)


def closed(ax: Axes, keys: Sequence[Key], own: str) -> Display:
    """The picture with its legend under it; who cannot see it is told its ``own`` name and the legend."""
    style = style_of(ax)
    drawn, texts = zip(*keys, strict=True)
    most = letters(ax, style.pt(9.5)) - 5  # of which the key takes as many
    beside = len(keys) > 2 and most >= 2 * (max(map(columns, texts)) + 5)
    legend_under(ax, drawn, [drawable(text, "", max(24, most)) for text in texts], 2 if beside else 1)
    said = style.say("; ").join(text for text in texts if text)
    return finished(ax, style.say("{name}: {told}", name=own, told=said))


def style_for(look: Mapping[str, Any]) -> Style:
    """The style of a picture that is to be drawn with this look, before there are axes; its scale may be another one."""
    ax = look.get("ax")
    return restyled(Style() if ax is None else style_of(ax), look)
