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
HOURS = np.linspace(0, 10, 200)
WORDS = {
    "en": {
        "units": {"linear": "Linear unit", "logistic": "Logistic unit"},
        "answer": {"xlabel": "Hours", "ylabel": "Probability of Pass", "band": "uncertain"},
        "label": "twenty students, 95 % interval",
    },
    "zh": {
        "units": {"linear": "线性单元", "logistic": "逻辑斯蒂单元"},
        "answer": {"xlabel": "学习时间（小时）", "ylabel": "通过的概率", "band": "不确定"},
        "label": "二十名学生，95 % 区间",
    },
}


def answer(words):
    """The lesson's curve with its red line and the uncertain band, for the twenty students."""
    table = datasets.study_hours()
    fit = torchlogit.fit(table, "passed")
    p = fit.predict_proba({"hours": HOURS})[:, 1].numpy()
    curve = CurveTable(HOURS, p, *band(fit, HOURS[:, None]), table["hours"], table["passed"], words["label"])
    return probability_curve(curve, ax=panels(size=(7, 4.4))[1][0], **words["answer"])


def pictures():
    """Name of the file → picture."""
    for language, words in WORDS.items():
        yield f"units.{language}.svg", units(**words["units"])
        yield f"answer.{language}.svg", answer(words)


def main():
    folder = Path(torchlogit.__file__).parent / "learn" / "static" / "figures"
    folder.mkdir(exist_ok=True)
    for name, picture in pictures():
        path = picture.save(folder / name)
        path.write_text(BACKGROUND.sub(r"\1fill: none", path.read_text()))


if __name__ == "__main__":
    main()
