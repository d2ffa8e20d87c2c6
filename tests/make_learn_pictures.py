"""Make the pictures of the pages ``unit`` and ``answer``: python tests/make_learn_pictures.py

They are drawn by torchlogit.plots, in both languages; letters are outlines, so no font is needed to see them. Chinese
needs a Chinese font to be drawn.
"""

import re
from pathlib import Path

import numpy as np

import torchlogit
from torchlogit import datasets
from torchlogit.cli.curve import band
from torchlogit.plots import CurveTable, panels, probability_curve, units

BACKGROUND = re.compile(r'(<g id="patch_[12]">\s*<path [^>]*style=")fill: #ffffff')  # the page has its own
DARK = {  # the colours of the plots → those of the pages in dark mode
    "#2b2b2b": "#e7e5df",
    "#5a5a5a": "#a5abb3",
    "#8a8a8a": "#8f969e",
    "#dddddd": "#2e3439",
    "#ffffff": "#15181b",
    "#0072b2": "#6fbdf0",
    "#cc3311": "#ff6f6a",
}
HOURS = np.linspace(0, 10, 200)
WORDS = {
    "en": {
        "units": {"linear": "Linear unit", "logistic": "Logistic unit"},
        "answer": {"xlabel": "Hours", "ylabel": "Probability of Pass", "band": "uncertain"},
    },
    "zh": {
        "units": {"linear": "线性单元", "logistic": "逻辑斯蒂单元"},
        "answer": {"xlabel": "学习时间（小时）", "ylabel": "通过的概率", "band": "不确定"},
    },
}


def answer(words):
    """The lesson's curve with its red line and the uncertain band, for the twenty students."""
    table = datasets.study_hours()
    fit = torchlogit.fit(table, "passed")
    p = fit.predict_proba({"hours": HOURS})[:, 1].numpy()
    curve = CurveTable(HOURS, p, *band(fit, HOURS[:, None]), table["hours"], table["passed"])
    display = probability_curve(curve, ax=panels(size=(5, 3.8))[1][0], **words["answer"])
    display.ax.get_legend().remove()  # the caption says it
    return display


def pictures():
    """Name of the file → picture."""
    for language, words in WORDS.items():
        yield f"units.{language}.svg", units(ax=panels(size=(5, 4.1))[1][0], **words["units"])
        yield f"answer.{language}.svg", answer(words)


def themed(svg):
    """The picture without a background, in colours that follow the reader's light or dark mode."""
    svg = BACKGROUND.sub(r"\1fill: none", svg)
    for light in DARK:
        svg = svg.replace(f": {light}", f": var(--c{light[1:]}, {light})")
    dark = "".join(f"--c{light[1:]}: {colour};" for light, colour in DARK.items())
    return svg.replace("</style>", f"@media (prefers-color-scheme: dark) {{:root {{{dark}}}}}</style>", 1)


def main():
    folder = Path(torchlogit.__file__).parent / "learn" / "static" / "figures"
    folder.mkdir(exist_ok=True)
    for name, picture in pictures():
        path = picture.save(folder / name)
        path.write_text(themed(path.read_text()))


if __name__ == "__main__":
    main()
