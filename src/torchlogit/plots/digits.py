"""Pictures of softmax on images: one digit beside its probabilities, and the weights as images."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchlogit.errors import ParameterError
from torchlogit.plots.style import Display, Look, drawable, drawing, finished, headline, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
GAP = 2  # pixels between two weight images


def digit(
    image: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    ax: Axes | None = None,
    title: str = "",
    **look: Unpack[Look],
) -> Display:
    """One image beside the probabilities of its classes, (K,), the largest in red.

    ``image`` holds ink, (h, w), or (h·h,) where it is square. ``classes`` are names, 0 to K − 1 unless told.

    Raises ``ParameterError`` for an image of another shape, probabilities that are none, or a wrong number of names;
    ``ImportError`` if matplotlib is not installed.

    >>> p = np.full(10, 0.02)
    >>> p[7] = 0.82
    >>> ink, bars = digit(np.zeros(784), p).ax.child_axes
    >>> [text.get_text() for text in bars.texts if text.get_weight() == "bold"]
    ['0.82']
    """
    p, pixels = np.asarray(probabilities, dtype=np.float64), np.asarray(image, dtype=np.float64)
    if p.ndim != 1 or not (p >= 0).all() or not abs(p.sum() - 1) < 1e-3:
        raise ParameterError(f"probabilities must be (K,), none under 0, with sum 1; got {p.shape}, sum {p.sum():.6g}")
    names = _names(classes, len(p))
    pixels = pixels if pixels.ndim == 2 else _squares(pixels)
    with drawing(ax, (6.4, 3.3), look) as ax:
        ax.axis("off")
        headline(ax, drawable(title, ""))
        _ink(ax.inset_axes((0, 0, 0.46, 1)), pixels)
        _bars(ax.inset_axes((0.56, 0, 0.44, 1)), p, names)
    return finished(ax)


def weight_images(
    weights: ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    rows: Sequence[str] = (),
    ax: Axes | None = None,
    title: str = "",
    label: str = "",
    **look: Unpack[Look],
) -> Display:
    """The weights of each class as an image: red where ink speaks for the class, blue where it speaks against it.

    ``weights`` are (K, h·h), or (R, K, h·h) for R rows of images, such as epochs, which ``rows`` names. All share one
    scale, symmetric about 0, with ``label``, "weight" unless told, beside it. ``classes`` are names, 0 to K − 1 unless told.

    Raises ``ParameterError`` for weights of another shape or not finite, or a wrong number of names; ``ImportError`` if
    matplotlib is not installed.

    >>> display = weight_images(np.eye(10, 784))
    >>> [text.get_text() for text in display.ax.get_xticklabels()][-1]
    '9'
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim not in (2, 3) or not w.size or not np.isfinite(w).all():
        raise ParameterError(f"weights must be finite, (classes, pixels) or (rows, classes, pixels); got {w.shape}")
    images = _squares(w if w.ndim == 3 else w[None])
    names = _names(classes, images.shape[1]), _names(rows or [""] * len(images), len(images))
    with drawing(ax, (1.6 + 0.85 * images.shape[1], 0.8 + 0.85 * len(images)), look) as ax:
        ax.set_title(drawable(title, ""), pad=12)
        _tiles(ax, images, *names)
        _scale(ax, drawable(label or style_of(ax).say("weight"), "weight"))
    return finished(ax)


def _squares(flat: Floats) -> Floats:
    """Images (…, h, h) from their pixels (…, h·h)."""
    pixels = flat.shape[-1] if flat.ndim else 0
    h = isqrt(pixels)
    if not pixels or h * h != pixels:
        raise ParameterError(f"{pixels} pixels are no square image, such as 784 = 28 × 28 are")
    return flat.reshape(*flat.shape[:-1], h, h)


def _names(names: Sequence[object] | None, n: int) -> list[str]:
    found = [*range(n)] if names is None else [*names]
    if len(found) != n:
        raise ParameterError(f"there are {len(found)} names for {n} images or bars")
    return [drawable(str(each), str(i), 14) for i, each in enumerate(found)]


def _ink(ax: Axes, pixels: Floats) -> None:
    ax.imshow(
        pixels,
        cmap=style_of(ax).scale_of("inks"),
        vmin=0,
        vmax=max(pixels.max(initial=0), 1e-9),
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[], anchor="W")
    ax.spines[:].set_visible(True)


def _bars(ax: Axes, p: Floats, names: list[str]) -> None:
    """One bar a class, from top to bottom, each with its number."""
    places, best, style = np.arange(len(p)), int(p.argmax()), style_of(ax)
    red = style.theme.red
    colours = [red if i == best else style.theme.curves[0] for i in places]
    ax.barh(places, p, color=colours, height=0.72)
    ax.set(yticks=places, yticklabels=names, xlim=(0, 1.18), ylim=(len(p) - 0.5, -0.5), xticks=[0, 0.5, 1])
    ax.grid(axis="y", visible=False)
    for i, each in enumerate(p):
        chosen = i == best
        letters: Any = {"weight": "bold", "color": red} if chosen else {"color": style.theme.muted}
        ax.text(each + 0.02, i, f"{each:.2f}", va="center_baseline", size=style.pt(8.5), **letters)
    ax.get_yticklabels()[best].set(color=red, weight="bold")


def _tiles(ax: Axes, images: Floats, columns: list[str], rows: list[str]) -> None:
    """All images as one, with gaps of nothing between them, so that they share one scale."""
    h, w = images.shape[-2:]
    framed = np.pad(images, [(0, 0), (0, 0), (0, GAP), (0, GAP)], constant_values=np.nan)
    whole = np.concatenate([np.concatenate([*row], axis=1) for row in framed])[:-GAP, :-GAP]
    most = np.abs(images).max() or 1.0
    ax.imshow(whole, cmap=style_of(ax).scale_of("diverging"), vmin=-most, vmax=most, interpolation="nearest")
    ax.set_xticks(np.arange(len(columns)) * (w + GAP) + w / 2 - 0.5, columns)
    ax.set_yticks(np.arange(len(rows)) * (h + GAP) + h / 2 - 0.5, rows)
    ax.tick_params(top=False, labeltop=True, bottom=False, labelbottom=False, length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _scale(ax: Axes, label: str) -> None:
    """The colours with their numbers, as high as the images."""
    most = ax.images[0].get_clim()[1]
    beside = ax.inset_axes((1.02, 0, 0.016, 1))
    bar = ax.figure.colorbar(ax.images[0], cax=beside, label=label)
    bar.set_ticks([-most, 0, most], labels=[f"−{most:.2g}", "0", f"{most:.2g}"])
    bar.outline.set_visible(False)
