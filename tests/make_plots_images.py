"""Make the pictures of docs/plots.md: python tests/make_plots_images.py

Small ones, in both themes where the page shows both; they are looked at, not compared byte by byte.
"""

from pathlib import Path

from pictures import PICTURES

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "plots"
SHOWN = ("curve", "map", "forest", "effects", "path", "nomogram", "binned", "leverage")
MORE = {"forest-dark-zh": ("forest", {"theme": "dark", "language": "zh"}), "map-dark": ("map", {"theme": "dark"})}
MOST = 60_000  # bytes a picture


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = {name: (name, {}) for name in SHOWN} | MORE
    for file, (name, look) in wanted.items():
        wide = 7 if name in ("forest", "nomogram") else 5
        path = PICTURES[name](width=wide, **look).save(FOLDER / f"{file}.png", dpi=90)
        assert path.stat().st_size < MOST, f"{path.name} has {path.stat().st_size} bytes"


if __name__ == "__main__":
    main()
