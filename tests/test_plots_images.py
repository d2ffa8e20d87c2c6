"""A few pictures beside those that were looked at and kept, in tests/images: alike but for how letters are drawn.

Make them anew, and look at them: python tests/test_plots_images.py
"""

import io
from pathlib import Path

import numpy as np
import pytest
from pictures import PICTURES, pixels

FOLDER = Path(__file__).parent / "images"
KEPT = {
    "curve-light": ("curve", {}),
    "forest-dark": ("forest", {"theme": "dark"}),
    "map-light": ("map", {"width": "column"}),
    "nomogram-light": ("nomogram", {}),
}
DPI = 40
MEAN, MOST = 0.02, 0.3  # differences of such blocks, of colours from 0 to 1; another font's are 0.012 and 0.2


def drawn(name, look, change=None):
    display = PICTURES[name](**look)
    if change is not None:
        change(display.ax)
    return pixels(io.BytesIO(display.to_bytes("png", DPI)))


def alike(one, two):
    """Whether two pictures are of one size and differ little, on average and anywhere."""
    if one.shape != two.shape:
        return False
    apart = np.abs(one - two).mean(-1)
    return bool(apart.mean() < MEAN and np.quantile(apart, 0.999) < MOST)


@pytest.mark.parametrize("kept", KEPT)
def test_the_picture_is_the_one_that_was_looked_at(kept):
    assert alike(drawn(*KEPT[kept]), pixels(FOLDER / f"{kept}.png"))


@pytest.mark.parametrize(
    ("look", "change"),
    [({}, lambda ax: ax.collections[0].remove()), ({}, lambda ax: ax.set_ylim(0, 2)), ({"theme": "dark"}, None)],
    ids=["without its points", "on another scale", "on dark paper"],
)
def test_another_picture_is_not_alike(look, change):
    assert not alike(drawn("curve", look, change), pixels(FOLDER / "curve-light.png"))


def main():
    FOLDER.mkdir(exist_ok=True)
    for kept, (name, look) in KEPT.items():
        print(PICTURES[name](**look).save(FOLDER / f"{kept}.png", dpi=DPI))


if __name__ == "__main__":
    main()
