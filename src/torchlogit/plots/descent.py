"""Pictures of training: the loss over epochs, and the path of training on the loss surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from torchlogit.errors import ParameterError
from torchlogit.plots.style import Display, Look, drawable, drawing, finished, headline, panels, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from torchlogit.surfaces import SurfaceTable

FLAT = 1e-5  # curvature that counts as none, as a share of the loss's range
LEVELS = 14  # contours, equally far apart in loss, so that a plateau shows as a place without any


def training(
    runs: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    **look: Unpack[Look],
) -> Display:
    """The loss of every epoch, one line a run: name → losses (epochs,). Epochs count from 1.

    Those of a fit by `SGD` are ``[record.value for record in model.history_[1:]]``: its history begins before the first.
    The epochs are on a logarithmic scale, as most happens in the first. ``xlabel`` is "epoch" and ``ylabel`` "loss" unless told.

    Raises ``ParameterError`` without any loss, ``ImportError`` if matplotlib is not installed.

    >>> display = training({"sum": [2.1, 1.6, 1.4], "mean": [0.7, 0.65, 0.61]})
    >>> [text.get_text() for text in display.ax.get_legend().get_texts()]
    ['sum', 'mean']
    """
    losses = {name: np.asarray(each, dtype=np.float64) for name, each in runs.items()}
    shapes = [each.shape for each in losses.values()]
    if not shapes or any(len(shape) != 1 or not shape[0] for shape in shapes):
        raise ParameterError(f"training draws runs of one or more losses, (epochs,) each; got {shapes}")
    with drawing(ax, (6.4, 4.2), look) as ax:
        style = style_of(ax)
        headline(ax, drawable(title, ""))
        for i, (name, each) in enumerate(losses.items()):
            label = drawable(name, style.say("run {i}", i=i + 1))
            ax.plot(np.arange(1, len(each) + 1), each, **style.curve(i), label=label)
        ax.set(xscale="log", xlabel=drawable(xlabel or style.say("epoch"), "epoch"))
        ax.set_ylabel(drawable(ylabel or style.say("loss"), "loss"))
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
        _powers(ax, max(map(len, losses.values())))
        ax.legend(loc="upper right", bbox_to_anchor=(1, 1))
    return finished(ax)


def loss_surface(
    table: SurfaceTable, *, ax: Axes | None = None, title: str = "", note: str = "", **look: Unpack[Look]
) -> Display:
    """A loss over (w, b) as contours, equally far apart in loss, with the path of training on it.

    Hatched is where the surface bends downward in some direction, as no convex loss does; a wide place without contours
    is a plateau. The dots on the path are epochs 1, 10, 100, … and the ring is its start. ``note`` is a sentence under
    the title. The table is that of `torchlogit.surfaces.loss_surface`.

    Raises ``ImportError`` if matplotlib is not installed.

    >>> from torchlogit import surfaces
    >>> table = surfaces.loss_surface("bce", [1, 2, 3], [0, 0, 1], points=21, epochs=10)
    >>> loss_surface(table).ax.get_xlabel()
    'w'
    """
    w, b, value, curvature, path = (np.asarray(each) for each in table)
    with drawing(ax, (5.6, 4.8), look) as ax:
        headline(ax, drawable(title, ""), drawable(note, ""))
        ax.set(xlabel="w", ylabel="b", xlim=(w[0], w[-1]), ylim=(b[0], b[-1]))
        ax.grid(visible=False)
        _contours(ax, w, b, value)
        if (downward := curvature / np.ptp(value) < -FLAT).any():
            ax.contourf(w, b, downward, [0.5, 1.5], colors="none", hatches=["///"])
        _path(ax, path)
    return finished(ax)


def loss_surfaces(
    tables: Sequence[SurfaceTable], titles: Sequence[str] = (), notes: Sequence[str] = (), **look: Unpack[Look]
) -> Display:
    """Several loss surfaces side by side, such as the squared error after a sigmoid beside the cross-entropy.

    Raises ``ParameterError`` without any, or with another number of titles or notes; ``ImportError`` if matplotlib is
    not installed.

    >>> from torchlogit import surfaces
    >>> tables = [surfaces.loss_surface(each, [1, 2, 3], [0, 0, 1], points=21, epochs=10) for each in ("mse", "bce")]
    >>> [ax.get_title(loc="left") for ax in loss_surfaces(tables, ["MSE", "BCE"]).figure.axes]
    ['MSE', 'BCE']
    """
    titles, notes = titles or [""] * len(tables), notes or [""] * len(tables)
    if not tables or {len(titles), len(notes)} != {len(tables)}:
        raise ParameterError(f"{len(tables)} surfaces with {len(titles)} titles and {len(notes)} notes")
    _, places = panels(len(tables), size=(4.6 * len(tables), 4.6), **look)
    for ax, table, title, note in zip(places, tables, titles, notes, strict=True):
        loss_surface(table, ax=ax, title=title, note=note)
    return finished(places[0])


def _contours(ax: Axes, w: Any, b: Any, value: Any) -> None:
    levels, style = np.linspace(value.min(), value.max(), LEVELS), style_of(ax)
    ax.contourf(w, b, value, levels, cmap=style.scale_of("sequential"), alpha=0.75)
    ax.contour(w, b, value, levels, colors=style.theme.paper, linewidths=0.8)


def _path(ax: Axes, path: Any) -> None:
    """The path over a white edge, so that it is seen on dark and on light."""
    style = style_of(ax)
    paper, red = style.theme.paper, style.theme.red
    ax.plot(*path.T, color=paper, linewidth=4, zorder=3)
    ax.plot(*path.T, color=red, zorder=4)
    epochs = [10**power for power in range(10) if 10**power < len(path)]
    ax.plot(*path[epochs].T, "o", ms=style.pt(6), mfc=red, mec=paper, zorder=5)
    ax.plot(*path[0], "o", ms=style.pt(8), mfc=paper, mec=red, mew=2, zorder=6)


def _powers(ax: Axes, epochs: int) -> None:
    """Ticks at 1, 10, 100, … epochs, written out."""
    ticks = [10**power for power in range(10) if 10**power <= max(epochs, 10)]
    ax.set_xticks(ticks, map(str, ticks))
    ax.set_xticks([], minor=True)
