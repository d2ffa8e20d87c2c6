"""The lesson's pictures: sigmoids, the two units, a digit with its probabilities, weight images, training, surfaces."""

from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.text import Text

from torchlogit import datasets, plots, sigmoids, surfaces
from torchlogit.errors import ParameterError
from torchlogit.plots import panels, style

WEIGHTS = np.random.default_rng(0).normal(size=(3, 10, 64))
PROBABILITIES = np.array([0.02] * 7 + [0.82, 0.02, 0.02])


def surface(loss, **more):
    table = datasets.lesson()
    return surfaces.loss_surface(loss, table["hours"], table["passed"], **{"points": 21, "epochs": 20} | more)


MADE = {
    "sigmoid": lambda **to: plots.sigmoid(**to),
    "units": lambda **to: plots.units(**to),
    "digit": lambda **to: plots.digit(np.eye(8), PROBABILITIES, title="A digit", **to),
    "weight_images": lambda **to: plots.weight_images(WEIGHTS, rows=["epoch 1", "2", "3"], title="Weights", **to),
    "loss_surface": lambda **to: plots.loss_surface(surface("mse"), title="MSE", note="hatched: bends down", **to),
    "training": lambda **to: plots.training({"sum": [3, 2, 1], "mean": [1, 0.7, 0.4]}, title="Loss", **to),
}
WHOLE = {
    "sigmoid_gallery": lambda: plots.sigmoid_gallery(),
    "loss_surfaces": lambda: plots.loss_surfaces([surface("mse"), surface("bce")], ["MSE", "BCE"]),
}


def texts(axes):
    return [text.get_text() for text in axes.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("name", [*MADE, *WHOLE])
def test_equal_pictures_are_equal_bytes_and_saving_again_changes_nothing(tmp_path, name):
    make = {**MADE, **WHOLE}[name]
    display = make()
    pictures = [make(), display, display]
    for suffix in ("svg", "png") if name == "sigmoid" else ("svg",):  # dots are drawn as lines are
        kept = [each.save(tmp_path / f"{i}.{suffix}", dpi=60).read_bytes() for i, each in enumerate(pictures)]
        assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize("name", MADE)
def test_it_draws_on_the_axes_given(tmp_path, name):
    figure, (left, right) = panels(2)
    display = MADE[name](ax=right)
    assert (display.ax, display.figure) == (right, figure)
    assert not left.has_data()
    display.save(tmp_path / "a.png", dpi=50)


@pytest.mark.parametrize("name", [*MADE, *WHOLE])
def test_no_text_touches_another_and_all_of_it_is_in_the_picture(name):
    figure = {**MADE, **WHOLE}[name]().figure
    figure.draw_without_rendering()
    axes = figure.findobj(Axes)
    ticks = {id(tick) for ax in axes if ax.axison for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()}
    labels = [tick for ax in axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.majorTicks + axis.minorTicks]
    hidden = {label for tick in labels if id(tick) not in ticks for label in (tick.label1, tick.label2)}
    found = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and t not in hidden]
    boxes = [(t.get_text(), t.get_window_extent()) for t in found]
    assert len(boxes) > 3
    assert [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if one.overlaps(two)] == []
    width, height = figure.bbox.size
    assert [t for t, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height] == []


def test_L06_the_logistic_function_with_its_derivative():
    ax = plots.sigmoid(reach=6).ax
    value, slope = (line for line in ax.lines if len(line.get_xdata()) > 100)
    x = value.get_xdata()
    assert (x[0], x[-1]) == (-6, 6)
    np.testing.assert_allclose(value.get_ydata(), 1 / (1 + np.exp(-x)), rtol=1e-12)
    np.testing.assert_allclose(slope.get_ydata(), np.exp(-x) / (1 + np.exp(-x)) ** 2, rtol=1e-12)
    assert slope.get_linestyle() != value.get_linestyle()
    dots = [tuple(np.ravel(line.get_xydata())) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [(0, 0.5), (0, 0.25)]
    assert {"σ(0) = ½", "σ′(0) = ¼"} <= set(texts(ax))
    assert [line.get_ydata()[0] for line in ax.lines if len(line.get_xdata()) == 2] == [0, 1]


def test_L06_saturated_is_where_the_slope_is_a_hundredth():
    (shade,) = plots.sigmoid(sigmoids.softsign, reach=20).ax.collections
    edges = np.concatenate([path.vertices[:, 0] for path in shade.get_paths()])
    assert np.abs(edges).min() == pytest.approx(9, abs=0.06)  # (1 + |x|)⁻² = 1/100


def test_L08_the_gallery_shows_every_sigmoid_with_its_derivative():
    axes = plots.sigmoid_gallery().figure.axes
    shown = [sigmoids.logistic, *sigmoids.GALLERY]
    assert [ax.get_title(loc="left") for ax in axes[:-1]] == [each.name for each in shown]
    for ax, each in zip(axes, shown, strict=False):
        value, slope = ax.lines[-2:]
        x = torch.from_numpy(value.get_xdata())
        np.testing.assert_array_equal(value.get_ydata(), each(x))
        np.testing.assert_array_equal(slope.get_ydata(), each.derivative(x))


def test_L08_the_gallerys_last_panel_is_the_distance_to_the_limit():
    *_, tails = plots.sigmoid_gallery().figure.axes
    for line, each in zip(tails.lines, [sigmoids.logistic, *sigmoids.GALLERY], strict=True):
        low, high = each.limits
        rest = (high - each(line.get_xdata())) / (high - low)
        np.testing.assert_allclose(line.get_ydata(), rest, rtol=1e-6, atol=1e-12)
    assert {each.name for each in sigmoids.GALLERY} <= set(texts(tails))


def test_a_gallery_of_one_and_of_many_columns():
    assert len(plots.sigmoid_gallery([sigmoids.cloglog], columns=2).figure.axes) == 2
    assert len(plots.sigmoid_gallery(columns=3).figure.axes) == 8


@pytest.mark.parametrize(
    "wrong",
    [lambda: plots.sigmoid(reach=0), lambda: plots.sigmoid_gallery([]), lambda: plots.sigmoid_gallery(columns=0)],
)
def test_a_picture_of_nothing_is_refused(wrong):
    with pytest.raises(ParameterError):
        wrong()


def arrows(ax):
    """The graph as drawn: from what to what, upper unit first."""
    named = {tuple(np.round(t.get_position(), 6)): t.get_text() for t in ax.texts if t.get_text()}
    drawn = [each for each in ax.texts if getattr(each, "arrow_patch", None)]
    ends = [(tuple(np.round(each.xyann, 6)), tuple(np.round(each.xy, 6))) for each in drawn]
    for above in (True, False):
        yield {(named[tail], named[head]) for tail, head in ends if (tail[1] > 1.5) == above}


def test_L09_the_two_graphs_differ_by_sigma_and_the_loss_alone():
    ax = plots.units().ax
    linear, logistic = arrows(ax)
    shared = {("x", "×"), ("w", "×"), ("×", "+"), ("b", "+"), ("+", "z")}
    assert linear == shared | {("z", "ŷ"), ("ŷ", "MSE"), ("y", "MSE")}
    assert logistic == shared | {("z", "σ"), ("σ", "ŷ"), ("ŷ", "BCE"), ("y", "BCE")}
    filled = [patch for patch in ax.patches if patch.get_facecolor()[3]]
    white = [text.get_text() for text in ax.texts if text.get_color() == "white"]
    assert len(filled) == len(white) == 2
    assert white == ["BCE", "σ"] or white == ["σ", "BCE"]


def test_L09_the_headings_in_another_language_and_without_its_font(monkeypatch):
    words = {"linear": "线性单元", "logistic": "逻辑单元"}
    assert "线性单元" in texts(plots.units(**words).ax) or "Noto Sans CJK SC" not in style.fonts()
    monkeypatch.setattr(style, "fonts", lambda: {"DejaVu Sans": frozenset(range(127))})
    assert {"Linear unit", "Logistic unit"} <= set(texts(plots.units(**words).ax))


def test_L04_a_digit_beside_its_ten_probabilities():
    image = np.arange(64.0)
    ink, bars = plots.digit(image, PROBABILITIES).ax.child_axes
    np.testing.assert_array_equal(ink.images[0].get_array(), image.reshape(8, 8))
    assert [bar.get_width() for bar in bars.patches] == PROBABILITIES.tolist()
    colours = [bar.get_facecolor() for bar in bars.patches]
    assert [i for i, colour in enumerate(colours) if colour != colours[0]] == [7]
    assert [text.get_text() for text in bars.texts if text.get_weight() == "bold"] == ["0.82"]
    assert [label.get_text() for label in bars.get_yticklabels()] == [*"0123456789"]


@pytest.mark.parametrize(
    ("image", "p", "said"),
    [
        (np.zeros(63), PROBABILITIES, "63 pixels"),
        (np.zeros(()), PROBABILITIES, "0 pixels"),
        (np.zeros(64), PROBABILITIES / 2, "sum 0.5"),
        (np.zeros(64), PROBABILITIES[None], r"\(1, 10\)"),
        (np.zeros(64), PROBABILITIES * np.nan, "sum nan"),
    ],
)
def test_what_is_no_digit_is_refused(image, p, said):
    with pytest.raises(ParameterError, match=said):
        plots.digit(image, p)


def test_L20_weight_images_share_one_symmetric_scale():
    ax = plots.weight_images(WEIGHTS, rows=["1", "10", "100"]).ax
    (whole,) = ax.images
    most = np.abs(WEIGHTS).max()
    assert whole.get_clim() == (-most, most)
    pixels = whole.get_array().filled(np.nan)
    for row, column in ((0, 0), (2, 9), (1, 4)):
        tile = pixels[10 * row : 10 * row + 8, 10 * column : 10 * column + 8]
        np.testing.assert_array_equal(tile, WEIGHTS[row, column].reshape(8, 8))
    assert np.isfinite(pixels).sum() == WEIGHTS.size
    places = {label.get_text(): label.get_position() for label in ax.get_xticklabels()}
    assert places["4"][0] == 43.5  # the middle of its column


def test_L20_weights_of_one_epoch_and_weights_that_are_all_zero(tmp_path):
    assert plots.weight_images(WEIGHTS[0]).ax.images[0].get_array().shape == (8, 98)
    plots.weight_images(np.zeros((10, 64))).save(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("weights", "more", "said"),
    [
        (WEIGHTS[0, 0], {}, r"\(64,\)"),
        (WEIGHTS[0] * np.nan, {}, "finite"),
        (WEIGHTS[..., :60], {}, "60 pixels"),
        (WEIGHTS, {"rows": ["1"]}, "1 names for 3"),
        (WEIGHTS, {"classes": "abc"}, "3 names for 10"),
    ],
)
def test_what_are_no_weight_images_is_refused(weights, more, said):
    with pytest.raises(ParameterError, match=said):
        plots.weight_images(weights, **more)


def test_L16_the_loss_of_every_epoch_is_drawn():
    ax = plots.training({"sum": [3, 2, 1], "mean": [1, 0.7]}).ax
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[1, 3], [2, 2], [3, 1]], [[1, 1], [2, 0.7]]]
    assert ax.get_ylim()[0] <= 0
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


@pytest.mark.parametrize("runs", [{}, {"a": []}, {"a": [[1, 2]]}])
def test_training_without_losses_is_refused(runs):
    with pytest.raises(ParameterError, match="one or more losses"):
        plots.training(runs)


def test_a_loss_surface_has_the_path_of_training_on_it():
    table = surface("bce", start=(-3, 2), epochs=30)
    ax = plots.loss_surface(table).ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w", "b")
    paths = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 31]
    np.testing.assert_array_equal(paths[-1], table.path)
    (epochs,) = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 2]
    np.testing.assert_array_equal(epochs, table.path[[1, 10]])
    assert ax.lines[-1].get_xydata().tolist() == [[-3, 2]]


def test_only_what_bends_downward_is_hatched():
    hatched = [
        [each for each in plots.loss_surface(surface(loss)).ax.collections if any(each.hatches)]
        for loss in ("mse", "bce")
    ]
    assert [len(each) for each in hatched] == [1, 0]


def test_surfaces_with_another_number_of_titles_are_refused():
    with pytest.raises(ParameterError, match="1 surfaces with 2 titles"):
        plots.loss_surfaces([surface("bce")], ["a", "b"])
    with pytest.raises(ParameterError, match="0 surfaces"):
        plots.loss_surfaces([])


# The surfaces themselves.


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_a_surface_is_the_loss_bent_as_its_hessian_says(loss):
    table = surface(loss)
    x, y = (torch.from_numpy(each) for each in datasets.lesson().values())

    def value(theta):
        eta = theta[0] * x + theta[1]
        if loss == "bce":
            return F.binary_cross_entropy_with_logits(eta, y, reduction="sum")
        return F.mse_loss(torch.sigmoid(eta), y, reduction="sum")

    for i, j in ((0, 0), (10, 10), (12, 7)):
        theta = torch.stack([table.w[j], table.b[i]])
        hess = torch.autograd.functional.hessian(value, theta)
        assert table.value[i, j].item() == pytest.approx(value(theta).item(), rel=1e-9)
        assert table.curvature[i, j].item() == pytest.approx(torch.linalg.eigvalsh(hess)[0].item(), abs=1e-9)


def test_the_path_on_a_surface_is_that_of_a_training_loop():
    table = surface("bce", start=(0.5, -0.25), lr=0.01, epochs=200)
    x, y = (torch.from_numpy(each) for each in datasets.lesson().values())
    theta = torch.tensor([0.5, -0.25], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        F.binary_cross_entropy(torch.sigmoid(theta[0] * x + theta[1]), y, reduction="sum").backward()
        optimizer.step()
    torch.testing.assert_close(table.path[-1], theta.detach(), rtol=1e-12, atol=0)
    assert table.path.shape == (201, 2)


def test_a_surface_is_finite_far_out():
    table = surface("bce", w=(-1e4, 1e4), b=(-1e4, 1e4))
    assert all(bool(each.isfinite().all()) for each in table)


def test_another_loss_is_refused():
    with pytest.raises(ParameterError, match="hinge"):
        surface("hinge")
