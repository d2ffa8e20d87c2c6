"""The computational graphs of the linear and of the logistic unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from torchlogit.plots.style import Display, Look, drawable, drawing, finished, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.3  # of a node; columns of nodes are 1 apart

ROUNDED: Any = "round,pad=-0.03,rounding_size=0.1"


class Node(NamedTuple):
    """A value (a rounded box) or, if ``operation``, what is done to values (a circle), at (x, y) of its unit."""

    x: float
    y: float
    text: str
    operation: bool = False
    new: bool = False


# fmt: off
LINEAR = {
    "x": Node(0, 0.5, "x"), "w": Node(0, -0.5, "w"), "b": Node(2, -1, "b"), "y": Node(6, -1, "y"),
    "times": Node(1, 0, "×", True), "plus": Node(2, 0, "+", True), "z": Node(3, 0, "z"), "ŷ": Node(5, 0, "ŷ"),
    "loss": Node(6, 0, "MSE", True),
}
LOGISTIC = LINEAR | {"σ": Node(4, 0, "σ", True, True), "loss": Node(6, 0, "BCE", True, True)}
ARROWS = [("x", "times"), ("w", "times"), ("times", "plus"), ("b", "plus"), ("plus", "z"), ("ŷ", "loss"), ("y", "loss")]
# fmt: on


def units(*, ax: Axes | None = None, linear: str = "", logistic: str = "", **look: Unpack[Look]) -> Display:
    """The graph of the linear unit above that of the logistic unit; what is new in the second is filled red.

    Both multiply x by w and add b, which gives z. The linear unit takes z itself for ŷ and measures its squared
    distance from y; the logistic unit takes σ(z) and measures the binary cross-entropy. ``linear`` and ``logistic``
    are the headings, for other languages; what no installed font can write stays English.

    Raises ``ImportError`` if matplotlib is not installed.

    >>> texts = [text.get_text() for text in units().ax.texts]
    >>> [texts.count(text) for text in ("×", "+", "σ", "MSE", "BCE")]
    [2, 2, 1, 1, 1]
    """
    with drawing(ax, (7.6, 6.2), look) as ax:
        say = style_of(ax).say
        ax.set(xlim=(-0.4, 6.4), ylim=(-1.4, 4.3), aspect="equal")
        ax.axis("off")
        _unit(ax, 2.9, LINEAR, [*ARROWS, ("z", "ŷ")])
        _heading(ax, 4.05, drawable(linear or say("Linear unit"), "Linear unit"), "ŷ = x w + b")
        _unit(ax, 0, LOGISTIC, [*ARROWS, ("z", "σ"), ("σ", "ŷ")])
        _heading(ax, 1.15, drawable(logistic or say("Logistic unit"), "Logistic unit"), "ŷ = σ(x w + b)")
    return finished(ax)


def _heading(ax: Axes, y: float, name: str, formula: str) -> None:
    style = style_of(ax)
    ax.text(-RADIUS, y, name, size=style.pt(12.5), weight="bold", va="center")
    how: Any = {"va": "center", "ha": "right", "style": "italic", "color": style.theme.muted}
    ax.text(6 + RADIUS, y, formula, size=style.pt(12.5), **how)


def _unit(ax: Axes, y: float, nodes: dict[str, Node], arrows: list[tuple[str, str]]) -> None:
    """One graph, raised by ``y``."""
    raised = {name: node._replace(y=node.y + y) for name, node in nodes.items()}
    shapes = {name: _shape(ax, node) for name, node in raised.items()}
    for tail, head in arrows:
        _arrow(ax, *raised[tail][:2], *raised[head][:2], shapes[tail], shapes[head])


def _arrow(ax: Axes, x: float, y: float, to_x: float, to_y: float, tail: Any, head: Any) -> None:
    style = {"arrowstyle": "-|>,head_length=0.5,head_width=0.22", "color": style_of(ax).theme.grey, "linewidth": 1.6}
    ends = {"patchA": tail, "patchB": head, "shrinkA": 0, "shrinkB": 2}
    ax.annotate("", (to_x, to_y), (x, y), arrowprops=style | ends)


def _shape(ax: Axes, node: Node) -> Any:
    from matplotlib.patches import Circle, FancyBboxPatch

    x, y, r, look = node.x, node.y, RADIUS, style_of(ax)
    shape: Any = Circle((x, y), r) if node.operation else FancyBboxPatch((x - r, y - r), 2 * r, 2 * r, ROUNDED)
    red, ink = look.theme.red, look.theme.ink
    shape.set(facecolor=red if node.new else "none", edgecolor=red if node.new else ink, linewidth=1.6)
    ax.add_patch(shape)
    size = look.pt(11 if len(node.text) > 1 else 15)
    style = "normal" if node.operation else "italic"
    colour = look.theme.paper if node.new else ink
    ax.text(x, y, node.text, ha="center", va="center_baseline", size=size, style=style, color=colour)
    return shape
