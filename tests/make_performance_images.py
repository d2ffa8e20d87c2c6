"""Write the pictures of performance that docs/plots.md shows; into a folder that is named, each of them in every look."""

import sys
from pathlib import Path

from performance import PICTURES

SHOWN = Path(__file__).parents[1] / "docs" / "images" / "plots"
OTHERWISE = {"scores": {"theme": "dark", "language": "zh"}}


def looks():
    """Every theme, language and width, with a name."""
    for theme in ("light", "dark"):
        for language in ("en", "zh"):
            for width in ("full", "column"):
                yield f"{theme}-{language}-{width}", {"theme": theme, "language": language, "width": width}


def main(folder=None):
    """The documents' pictures, or all of them into a folder."""
    for name, draw in PICTURES.items():
        if folder is not None:
            for look, how in looks():
                draw(**how).save(Path(folder) / f"{name.replace(' ', '-')}-{look}.png", dpi=110)
        elif name != "roc":
            how = OTHERWISE.get(name, {})
            end = "".join(f"-{value}" for value in how.values())
            draw(**how).save(SHOWN / f"{name.replace(' ', '-')}{end}.png", dpi=90)


if __name__ == "__main__":
    main(*sys.argv[1:2])
