"""Themes, languages and widths: what every picture keeps to."""

import ast
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from pictures import PICTURES, colours, contrast, faults, luminance, texts

from torchlogit import plots
from torchlogit.errors import ParameterError
from torchlogit.plots import CurveTable, panels, probability_curve, style
from torchlogit.plots.themes import DASHES, THEMES
from torchlogit.plots.words import CHINESE, columns, wrapped

SOURCE = Path(plots.__file__).parent
CURVE = CurveTable([0, 1, 2], [0.1, 0.6, 0.9])


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_and_lines_stand_out_from_the_paper(theme):
    assert min(contrast(each, theme.paper) for each in (theme.ink, theme.muted, theme.red)) >= 4.5
    assert min(contrast(each, theme.paper) for each in (*theme.curves, theme.grey)) >= 2.9


@pytest.mark.parametrize("theme", THEMES)
def test_scales_of_colours_are_readable_in_grey(theme):
    made = style.Style(theme=THEMES[theme])
    for kind in ("sequential", "inks", "diverging"):
        scale = made.scale_of(kind)
        from matplotlib import colormaps

        scale = colormaps[scale] if isinstance(scale, str) else scale
        grey = np.array([luminance(scale(x)[:3]) for x in np.linspace(0, 1, 21)])
        halves = (grey[:11], grey[10:]) if kind == "diverging" else (grey,)
        assert all((np.diff(half) > 0).all() or (np.diff(half) < 0).all() for half in halves)


def test_lines_differ_without_colour():
    assert all(a != b for a, b in combinations(DASHES, 2))
    assert len({style.Style().marks(i)["marker"] for i in range(4)}) == 4


@cache
def seen(name, language, width):
    """The alternative text of a picture, its figure, the texts in it and their places: drawing takes long."""
    display = PICTURES[name](language=language, width=width)
    return display.alt, display.figure, texts(display.figure)


@pytest.mark.parametrize(("language", "width"), [("en", "column"), ("zh", "column"), ("zh", "full")])
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_touches_another_or_is_cut(name, language, width):
    if name in ("units", "weights", "digit") and width == "column":
        pytest.skip("these have the size of what they show")
    _, figure, found = seen(name, language, width)
    assert faults(figure, found) == ([], [])
    assert figure.get_size_inches()[0] == {"full": 7, "column": 3.4}[width]


@pytest.mark.parametrize("name", PICTURES)
def test_a_dark_picture_has_nothing_of_the_light_one(name):
    """Every colour that is on the dark picture and on the light one, too, is none of the light theme's own."""
    used, light = colours(PICTURES[name](theme="dark"))
    assert light == set()
    assert {THEMES["dark"].paper.lower(), THEMES["dark"].ink.lower()} <= used


@pytest.mark.parametrize("name", ["curve", "forest", "nomogram", "path"])
def test_pictures_of_a_look_are_equal_bytes(name):
    one, two = (PICTURES[name](theme="dark", language="zh", width="full") for _ in range(2))
    kept = [display.to_bytes("svg") for display in (one, one, two)]
    assert kept[0] == kept[1] == kept[2]


def said(tree):
    """English phrases that a module says."""
    for node in ast.walk(tree):
        call = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "say"
        if call and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def test_every_phrase_has_its_chinese_with_the_same_names_in_it():
    phrases = {phrase for path in SOURCE.glob("*.py") for phrase in said(ast.parse(path.read_text(encoding="utf-8")))}
    assert len(phrases) > 40
    assert phrases - CHINESE.keys() == set()
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese)), english


@pytest.mark.parametrize("name", sorted({*PICTURES} - {"weights", "digit", "surface"}))
def test_a_chinese_picture_has_no_english_words(name):
    if not style.writable("概率"):
        pytest.skip("no Chinese font is installed")
    from pictures import births

    names = {*births(), "white", "black", "other", "sum", "mean", "SGD", "MSE", "BCE", "C"}
    shown = " ".join(text for text, _ in seen(name, "zh", "full")[2])
    words = set(re.findall(r"[A-Za-z]{2,}", shown)) - names
    assert words == set()


def test_without_a_chinese_font_words_are_english(monkeypatch):
    monkeypatch.setattr(style, "fonts", lambda: {"DejaVu Sans": frozenset(range(0x2FF)) | {0x2032, 0x2212, 0x221E}})
    shown = [text for text, _ in texts(PICTURES["forest"](language="zh").figure)]
    assert "odds ratio" in shown
    assert all(ord(letter) < 0x3000 for text in shown for letter in text)


@pytest.mark.parametrize(
    "look",
    [{"theme": "blue"}, {"language": "fr"}, {"width": "half"}, {"width": 0}, {"width": float("nan")}],
    ids=lambda look: next(iter(look)),
)
def test_a_look_that_there_is_not_is_refused(look):
    with pytest.raises(ParameterError, match=next(iter(look))):
        probability_curve(CURVE, **look)


def test_axes_keep_the_look_of_their_figure():
    figure, (left, right) = panels(2, theme="dark", language="zh", width="full")
    probability_curve(CURVE, ax=left)
    display = probability_curve(CURVE, ax=right)
    assert left.get_title(loc="left") == ""
    assert display.figure.get_facecolor()[:3] == pytest.approx(to_rgb(THEMES["dark"].paper))
    assert style.style_of(right).language == "zh"
    assert figure.get_size_inches().tolist()[0] == 7
    assert {line.get_color() for line in right.lines} & {THEMES["dark"].red}


def test_axes_of_the_callers_own_take_a_theme_and_keep_their_paper(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure(facecolor="black")
    display = probability_curve(CURVE, ax=figure.add_subplot(facecolor="black"), theme="dark")
    assert figure.get_facecolor()[:3] == (0, 0, 0)
    assert {line.get_color() for line in display.ax.lines} & {THEMES["dark"].red}
    display.save(tmp_path / "a.svg")


def test_letters_shrink_with_a_column_but_stay_readable():
    for name in ("curve", "forest", "path"):
        figure = PICTURES[name](width="column").figure
        figure.draw_without_rendering()
        from matplotlib.text import Text

        sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
        assert min(sizes) >= 6.7, name


def test_a_display_by_scikit_learns_names_and_as_bytes():
    display = probability_curve(CURVE)
    assert (display.figure_, display.ax_) == (display.figure, display.ax)
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert all(display.to_bytes(kind).startswith(start) for kind, start in starts.items())
    with pytest.raises(ParameterError, match="kind must be"):
        display.to_bytes("jpeg")


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_says_in_words_what_it_shows(name):
    for language in ("en", "zh"):
        alt = PICTURES[name](language=language).alt
        assert isinstance(alt, str)
        assert alt or name in ("units", "weights")


def test_chinese_lines_break_between_letters_and_never_before_a_comma():
    lines = wrapped("概率在这里，等于一半。word and more", 9).split("\n")
    assert max(map(columns, lines)) <= 11
    assert "".join(lines).replace(" ", "") == "概率在这里，等于一半。wordandmore"
    assert not any(line[0] in "，。" for line in lines)
