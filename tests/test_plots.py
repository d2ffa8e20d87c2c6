import gc
import os
import subprocess
import sys
import weakref
from itertools import combinations

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from torchlogit import model
from torchlogit.errors import FileError, ParameterError
from torchlogit.plots import CurveTable, frame, panels, probability_curve, style

X = np.linspace(0, 10, 200)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def students(**more):
    """The twenty students' fit with a made-up interval."""
    z = -4.0777 + 1.5046 * X
    return CurveTable(X, sigmoid(z), **{"lower": sigmoid(z - 1), "upper": sigmoid(z + 1), "label": "fit"} | more)


def lesson(**more):
    points = {"points_x": [1, 2, 3], "points_y": [0, 0, 1]}
    return CurveTable(X, sigmoid(-2.95 + 1.22 * X), **points | {"label": "1000 epochs"} | more)


def red_line(ax):
    (line,) = (line for line in ax.lines if len(set(line.get_ydata())) == 1 and line.get_linestyle() == "-")
    return line


def legend(display):
    return [text.get_text() for text in display.ax.get_legend().get_texts()]


def test_L18_the_lessons_picture():
    ax = probability_curve(lesson()).ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Hours", "Probability of Pass")
    (curve,) = (line for line in ax.lines if len(line.get_xdata()) == 200)
    np.testing.assert_array_equal(curve.get_xdata(), np.linspace(0, 10, 200))
    np.testing.assert_array_equal(curve.get_ydata(), sigmoid(-2.95 + 1.22 * X))
    assert red_line(ax).get_ydata()[0] == 0.5
    red, green, blue = to_rgb(red_line(ax).get_color())
    assert red > 2 * max(green, blue)
    assert all(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())
    assert 0.5 in ax.get_yticks()
    (points,) = (c for c in ax.collections if len(c.get_offsets()) == 3)
    assert points.get_offsets().tolist() == [[1, 0], [2, 0], [3, 1]]


def test_L19_the_uncertain_band_and_its_name():
    ax = probability_curve(lesson(), uncertain=(0.3, 0.65)).ax
    (band,) = ax.patches
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx([0.3, 0.65])
    (name,) = (text for text in ax.texts if text.get_text() == "uncertain")
    assert 0.3 < name.get_position()[1] < 0.65
    assert name.get_position()[0] > 0.5


def test_L19_the_band_is_from_0_4_to_0_6_unless_told():
    (band,) = probability_curve(lesson()).ax.patches
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx([0.4, 0.6])
    assert frame.UNCERTAIN == model.LESSON


def test_L19_the_bands_name_stands_where_a_falling_curve_leaves_room():
    ax = probability_curve(CurveTable(X, sigmoid(8 - X))).ax
    (name,) = (text for text in ax.texts if text.get_text() == "uncertain")
    assert name.get_position()[0] < 0.5


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_crossing_is_marked_exactly(threshold):
    display = probability_curve(students(), threshold=threshold)
    (ring,) = (line for line in display.ax.lines if line.get_marker() == "o")
    exact = (4.0777 + np.log(threshold / (1 - threshold))) / 1.5046
    np.testing.assert_allclose([*ring.get_data()], [[exact], [threshold]], rtol=1e-12)
    assert legend(display) == [f"fit, {threshold:.0%} at {exact:.2f}".replace("%", " %")]


def test_every_crossing_is_told_and_none_where_there_is_none():
    hump, low = (
        CurveTable(X, 0.3 + 0.4 * np.exp(-((X - 5) ** 2)), label="hump"),
        CurveTable(X, 0.2 + 0 * X, label="low"),
    )
    assert legend(probability_curve([hump, low])) == ["hump, 50 % at 4.17 and 5.83", "low"]


@pytest.mark.parametrize(("scale", "said"), [(1e4, "27102"), (1e-3, "0.00271")])
def test_the_crossing_is_told_to_three_digits_of_the_axis(scale, said):
    assert legend(probability_curve(CurveTable(X * scale, students().probability)))[0].endswith(f" at {said}")


def test_the_interval_lies_between_lower_and_upper():
    table = students()
    (band,) = (c for c in probability_curve(table).ax.collections if len(c.get_paths()[0].vertices) > 300)
    edge = band.get_paths()[0].vertices
    assert {*zip(table.x, table.lower, strict=True)} | {*zip(table.x, table.upper, strict=True)} <= {*map(tuple, edge)}


def test_tied_points_are_all_seen():
    x, y = np.repeat([1.0, 2.0, 3.0], [50, 2, 1]), np.repeat([0, 1, 0], [50, 2, 1])
    (points,) = (
        c for c in probability_curve(lesson(points_x=x, points_y=y)).ax.collections if len(c.get_offsets()) > 9
    )
    places = np.asarray(points.get_offsets())
    assert len({*map(tuple, places)}) == 53
    assert abs(places[:, 1] - y).max() <= 0.3 + 1e-12
    assert ((places[:, 1] >= 0) & (places[:, 1] <= 1)).all()
    assert places[-1].tolist() == [3, 0]


def test_curves_differ_without_colour_and_keep_equal_labels():
    display = probability_curve([students(), students(), lesson(), lesson()])
    dashes = [line._dash_pattern for line in display.ax.lines if len(line.get_xdata()) == 200]
    assert all(a != b for a, b in combinations(dashes, 2))
    assert len(legend(display)) == 4


def test_no_text_touches_another():
    """Two panels with titles, notes, long names and four curves: every text has its place, inside the figure."""
    long = "a label that is long enough to need more than one line in the legend of the picture"
    figure, (left, right) = panels(2)
    probability_curve(
        [lesson(label=long), students(), lesson(label="L2")], ax=left, title="Three students " * 3, note=long
    )
    probability_curve(
        students(), ax=right, title="Twenty", xlabel="household_income_" * 5, ylabel="household_income_" * 5
    )
    figure.draw_without_rendering()
    axes = [axis for ax in (left, right) for axis in (ax.xaxis, ax.yaxis)]
    ticks = {tick.label1 for axis in axes for tick in axis._update_ticks()}  # those in view
    hidden = {label for axis in axes for label in axis.get_ticklabels()} - ticks
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and t not in hidden]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    assert len(boxes) > 25
    assert [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if one.overlaps(two)] == []
    width, height = figure.bbox.size
    assert [t for t, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height] == []


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_equal_pictures_are_equal_bytes(tmp_path, suffix):
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix.lower()]
    files = [probability_curve([lesson(), students()]).save(tmp_path / f"{i}{suffix}") for i in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes().startswith(magic)
    assert sorted(tmp_path.iterdir()) == files


def test_saving_again_gives_the_same_bytes(tmp_path):
    display = probability_curve(lesson())
    kept = [display.save(tmp_path / f"{i}.png").read_bytes() for i in range(3)]
    assert kept[0] == kept[1] == kept[2]


def test_a_users_settings_neither_change_the_picture_nor_are_changed(tmp_path):
    plain = probability_curve(lesson()).save(tmp_path / "plain.png").read_bytes()
    rcParams.update({"font.size": 30, "lines.linewidth": 9, "xtick.labelsize": 20})
    try:
        before = dict(rcParams)
        display = probability_curve(lesson())
        assert display.save(tmp_path / "set.png").read_bytes() == plain
        assert dict(rcParams) == before
    finally:
        rcParams.update({"font.size": 10, "lines.linewidth": 1.5, "xtick.labelsize": "medium"})


def test_dpi_is_dots_an_inch(tmp_path):
    content = probability_curve(lesson(), ax=panels(size=(3, 2))[1][0]).save(tmp_path / "a.png", dpi=50).read_bytes()
    assert [int.from_bytes(content[i : i + 4], "big") for i in (16, 20)] == [150, 100]


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.exe"])
def test_an_unknown_ending_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ParameterError, match=r"end the name in \.png, \.svg or \.pdf"):
        probability_curve(lesson()).save(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileError, match=r"nowhere.a\.png"):
        probability_curve(lesson()).save(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0}, {"threshold": 1.5}, {"uncertain": (0.6, 0.4)}, {"uncertain": (-1, 0)}]
)
def test_levels_outside_0_to_1_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        probability_curve(lesson(), **wrong)


def test_no_curve_is_refused():
    with pytest.raises(ParameterError, match="0 curves"):
        probability_curve([])


def test_it_draws_on_the_axes_given_and_makes_no_other():
    figure, (left, right) = panels(2)
    display = probability_curve(lesson(), ax=right)
    assert display.ax is right
    assert display.figure is figure
    assert not left.lines


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_axes_that_the_user_placed_stay_there(tmp_path, layout):
    figure = Figure(layout=layout)
    display = probability_curve(lesson(), ax=figure.add_axes((0.1, 0.3, 0.2, 0.6)))
    other = figure.add_subplot()
    other.set_position((0.5, 0.5, 0.2, 0.2))
    display.save(tmp_path / "a.png")
    assert [ax.get_position().bounds for ax in (display.ax, other)] == [
        pytest.approx((0.1, 0.3, 0.2, 0.6)),
        pytest.approx((0.5, 0.5, 0.2, 0.2)),
    ]


def test_a_name_with_dollars_is_no_formula(tmp_path):
    display = probability_curve(lesson(label=r"$\frac$"), xlabel=r"cost in $ or $\nothing")
    display.save(tmp_path / "a.png")
    assert display.ax.get_xlabel() == r"cost in $ or $\nothing"


def test_chinese_without_a_chinese_font_gives_way_to_english(tmp_path, monkeypatch):
    latin = {"DejaVu Sans": style.fonts()["DejaVu Sans"]}
    monkeypatch.setattr(style, "fonts", lambda: latin)
    texts = {"title": "学习时间", "note": "注", "xlabel": "小时", "ylabel": "通过的概率"}
    display = probability_curve([lesson(label="逻辑回归"), students(label="Größe µ ≥ 1")], **texts)
    display.save(tmp_path / "a.png")  # a missing character would be a warning, and so an error here
    assert (display.ax.get_xlabel(), display.ax.get_ylabel()) == ("x", "probability")
    assert legend(display) == ["curve 1, 50 % at 2.42", "Größe µ ≥ 1, 50 % at 2.71"]


def test_chinese_with_a_font_for_it_stays(monkeypatch):
    monkeypatch.setattr(style, "fonts", lambda: {"DejaVu Sans": frozenset(map(ord, "小时"))})
    assert probability_curve(lesson(), xlabel="小 时").ax.get_xlabel() == "小 时"


def test_figures_are_not_kept_alive():
    display = probability_curve(lesson())
    figure = weakref.ref(display.figure)
    del display
    gc.collect()
    assert figure() is None


def test_a_notebook_shows_the_picture():
    assert probability_curve(lesson())._repr_png_().startswith(b"\x89PNG")


def test_L18_without_a_display_and_without_pyplot(tmp_path):
    """Importing is free of matplotlib; drawing and saving need neither pyplot nor a display nor torch."""
    code = """
import sys
from torchlogit.plots import CurveTable, probability_curve
assert "matplotlib" not in sys.modules
probability_curve(CurveTable([0, 1], [0.1, 0.9])).save(sys.argv[1])
assert not {"matplotlib.pyplot", "tkinter", "torch"} & {*sys.modules}
"""
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.png")], env=env, check=True, timeout=60
    )
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'torchlogit\[plot\]'"):
        probability_curve(lesson())
