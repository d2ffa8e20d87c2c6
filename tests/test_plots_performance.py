"""Pictures of performance: what is drawn is what the tables say, and every look keeps to what all pictures keep to."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from performance import BAND, PICTURES, others, rows, two
from pictures import GREY, colours, contrast, faults, pixels, texts

from torchlogit import plots
from torchlogit.calibration.reliability import reliability
from torchlogit.calibration.smooth import smooth_reliability
from torchlogit.decision.band import Band
from torchlogit.decision.riskcoverage import risk_coverage
from torchlogit.errors import ParameterError
from torchlogit.metrics import (
    confusion,
    decision_curve,
    lift,
    precision_recall_curve,
    roc_curve,
    score_histogram,
    scored_arrays,
    thresholds,
)
from torchlogit.plots import panels, style
from torchlogit.plots.frame import thinned
from torchlogit.plots.themes import THEMES

IMAGES = Path(__file__).parent / "images"
LOOK = {"theme": "light", "language": "en"}
SMALL = {  # pictures that are compared with a file
    "roc": LOOK,
    "calibration": LOOK,
    "confusion": LOOK,
    "scores": {"theme": "dark", "language": "en"},
    "cost": {"theme": "dark", "language": "en", "width": "column"},
}


def legend(display):
    return [text.get_text().replace("\n", " ") for text in display.ax.get_legend().get_texts()]


def line_of(display, i=0):
    """The i-th of the lines that are curves, not references."""
    colour = THEMES["light"].curves[i]
    return next(each for each in display.ax.lines if each.get_color() == colour and each.get_marker() != "o").get_data()


# every picture


@cache
def seen(name, language, width):
    """The alternative text of a picture, its figure, the texts in it and their places: drawing takes long."""
    display = PICTURES[name](language=language, width=width)
    return display.alt, display.figure, texts(display.figure)


@pytest.mark.parametrize(("language", "width"), [("en", "column"), ("zh", "column"), ("zh", "full")])
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_touches_another_or_is_cut(name, language, width):
    assert faults(*seen(name, language, width)[1:]) == ([], [])


@pytest.mark.parametrize("name", PICTURES)
def test_a_dark_picture_has_nothing_of_the_light_one(name):
    used, light = colours(PICTURES[name](theme="dark"))
    assert light == set()
    assert THEMES["dark"].paper.lower() in used


@pytest.mark.parametrize("name", PICTURES)
def test_a_chinese_picture_has_no_english_words(name):
    if not style.writable("概率"):
        pytest.skip("no Chinese font is installed")
    alt, _, found = seen(name, "zh", "full")
    shown = " ".join(text for text, _ in found) + alt
    names = {"ROC", "AUC", "births", "with", "noise", "two", "models", "threshold"}
    assert set(re.findall(r"[A-Za-z]{2,}", shown)) <= names


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_on_the_axes_given_with_a_title_and_tells_what_it_shows(name):
    figure, (left, right) = panels(2)
    display = PICTURES[name](ax=right, title="A title")
    assert (display.ax, display.figure) == (right, figure)
    assert not left.has_data()
    assert right.get_title(loc="left") == "A title"
    assert len(display.alt) > 20
    if name in ("roc", "calibration", "confusion"):  # lines, two axes, fields
        kept = [each.to_bytes("svg") for each in (display, display)]
        assert kept[0] == kept[1]


def blurred(content):
    """A picture in grey, each four by four dots one: letters that moved by a dot do not count."""
    return pixels(content) @ GREY


def distance(one, two):
    """The largest and the mean difference of two pictures, from 0 to 1; infinite of different sizes."""
    if one.shape != two.shape:
        return np.inf, np.inf
    return np.abs(one - two).max(), np.abs(one - two).mean()


@pytest.mark.parametrize("name", SMALL)
def test_pictures_look_as_they_did(name, tmp_path):
    """To renew a baseline: look at the new picture, then copy it over tests/images."""
    path = PICTURES[name](**SMALL[name]).save(tmp_path / f"{name}.png", dpi=50)
    most, mean = distance(blurred(path), blurred(IMAGES / f"performance-{name}.png"))
    assert (most < 0.3, mean < 0.01) == (True, True), (most, mean)


def test_a_picture_that_lost_something_looks_different(tmp_path):
    display = PICTURES["roc"]()
    display.ax.lines[0].remove()
    most, mean = distance(blurred(display.save(tmp_path / "a.png", dpi=50)), blurred(IMAGES / "performance-roc.png"))
    assert not (most < 0.3 and mean < 0.01)


# each against its table


def test_the_roc_curve_is_scikit_learns():
    from sklearn.metrics import roc_auc_score
    from sklearn.metrics import roc_curve as theirs

    x, y = line_of(plots.roc(roc_curve(rows())))
    fpr, tpr, _ = theirs(rows().y, rows().probability[:, 1], drop_intermediate=False)
    np.testing.assert_allclose([x, y], [fpr, tpr], atol=1e-12)
    auc = roc_auc_score(rows().y, rows().probability[:, 1])
    assert f"AUC {auc:.3f} (95 % interval" in legend(plots.roc(roc_curve(rows())))[0]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_a_ring_is_where_rows_are_called_at_the_threshold(threshold):
    display = plots.roc(roc_curve(rows()), threshold=threshold)
    (ring,) = (each for each in display.ax.lines if each.get_marker() == "o")
    called = rows().probability[:, 1] >= threshold
    rates = [called[rows().y == k].mean() for k in (0, 1)]
    np.testing.assert_allclose(np.ravel(ring.get_data()), rates, atol=1e-12)
    assert f"threshold {threshold:g}" in legend(display)


def test_several_models_have_their_names_and_one_alone_has_none():
    said = legend(plots.roc(two(roc_curve)))
    assert said[0].startswith("births: AUC")
    assert said[1].startswith("with noise: AUC")
    assert legend(plots.roc(roc_curve(rows())))[0].startswith("AUC")
    with pytest.raises(ParameterError, match="no table"):
        plots.roc({})


def test_an_interval_that_does_not_exist_is_not_told():
    alone = roc_curve(scored_arrays([0, 1, 0], [0.2, 0.7, 0.9]))
    assert legend(plots.roc(replace(alone, low=np.nan, high=np.nan)))[0] == f"AUC {alone.auc:.3f}"


@pytest.mark.parametrize("picture", [plots.roc, plots.precision_recall])
def test_a_threshold_that_is_no_probability_is_refused(picture):
    table = {plots.roc: roc_curve, plots.precision_recall: precision_recall_curve}[picture](rows())
    with pytest.raises(ParameterError, match="threshold must be a probability"):
        picture(table, threshold=1.5)


def test_precision_and_recall_are_steps_over_the_prevalence():
    from sklearn.metrics import average_precision_score

    display = plots.precision_recall(precision_recall_curve(rows()))
    x, y = line_of(display)
    value = float(np.diff(x) @ y[1:])  # the area under steps that stand before their point
    assert value == pytest.approx(average_precision_score(rows().y, rows().probability[:, 1]), abs=1e-12)
    assert legend(display) == [f"average precision {value:.3f}", "threshold 0.5", f"prevalence {rows().y.mean():.3f}"]
    assert display.ax.lines[0].get_drawstyle() == "steps-pre"


def test_gain_goes_from_nothing_to_all_and_lift_is_its_slope():
    table = lift(rows(), 10)
    x, y = plots.gain(table).ax.lines[0].get_data()
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, pytest.approx(1))
    bars = plots.lift(table).ax.patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], np.diff(y) * 10, rtol=1e-9)
    best = plots.gain(table).ax.lines[1].get_data()
    np.testing.assert_allclose(best, [[0, rows().y.mean(), 1], [0, 1, 1]])


@pytest.mark.parametrize("threshold", [0.05, 0.31, 0.5, 0.999])
def test_rates_are_those_of_rows_called_at_the_threshold(threshold):
    display = plots.threshold_rates(thresholds(rows()), threshold=threshold)
    called, y = rows().probability[:, 1] >= threshold, rows().y == 1
    with np.errstate(invalid="ignore"):
        told = [np.mean(called[y]), np.mean(~called[~y])]
    assert legend(display)[:2] == [f"sensitivity {told[0]:.2f}", f"specificity {told[1]:.2f}"]
    x, rate = display.ax.lines[0].get_data()  # as drawn: the step before the next point
    assert rate[np.searchsorted(x, threshold)] == pytest.approx(told[0], abs=1e-12)
    assert (x[0], x[-1]) == (0, 1)


def test_a_rate_of_nothing_has_no_number():
    display = plots.threshold_rates(thresholds(rows()), threshold=1.0)
    assert "precision" in legend(display)


def test_the_least_cost_has_a_ring():
    table = thresholds(rows(), 1, 3)
    display = plots.threshold_cost(table)
    (ring,) = (each for each in display.ax.lines if each.get_marker() == "o")
    yes, called = rows().y == 1, rows().probability[:, 1] >= np.linspace(0, 1, 2001)[:, None]
    cost = np.where(yes, 3 * ~called, called).mean(1)
    x, y = np.ravel(ring.get_data())
    assert y == pytest.approx(cost.min(), abs=1e-12)
    assert x == table.cheapest
    assert legend(display)[2] == "what the costs alone say: 0.25"


def test_where_calling_none_is_cheapest_it_says_so():
    display = plots.threshold_cost(thresholds(scored_arrays([1, 0, 0, 0], [0.1, 0.2, 0.6, 0.9]), 100, 1))
    assert legend(display)[1].endswith("where no row is called")
    (ring,) = (each for each in display.ax.lines if each.get_marker() == "o")
    assert ring.get_xdata()[0] == 1


def test_net_benefit_stands_between_all_and_none():
    table = decision_curve(rows())
    display = plots.net_benefit(table)
    np.testing.assert_array_equal(display.ax.lines[0].get_ydata(), table.net_benefit)
    np.testing.assert_array_equal(display.ax.lines[1].get_ydata(), table.all_called)
    assert set(display.ax.lines[2].get_ydata()) == {0}
    low, high = display.ax.get_ylim()
    assert low < 0 < rows().y.mean() < high


def test_risk_ends_at_the_error_rate_of_all_and_the_band_is_marked():
    display = plots.risk_coverage(risk_coverage(rows()), band=BAND)
    x, y = line_of(display)
    assert (x[-1], y[-1]) == (1, pytest.approx(((rows().probability[:, 1] >= 0.5) != rows().y).mean()))
    (ring,) = (each for each in display.ax.lines if each.get_marker() == "o")
    assert np.ravel(ring.get_data()).tolist() == [0.8, 0.25]
    assert legend(display)[-1] == "uncertain from 0.4 to 0.6: 80 % decided, 25 % of them wrongly"
    with pytest.raises(ParameterError, match="does not say"):
        plots.risk_coverage(risk_coverage(rows()), band=Band(0.4, 0.6))


def test_calibration_has_its_bins_their_intervals_and_the_rows_below():
    table, smooth, scores = reliability(rows()), smooth_reliability(rows()), score_histogram(rows(), 40)
    display = plots.calibration(table, smooth, scores)
    (bars,) = display.ax.containers[:1]
    np.testing.assert_array_equal(bars[0].get_xydata(), np.column_stack([table.predicted, table.observed]))
    ends = np.array(bars[2][0].get_segments())[:, :, 1]
    np.testing.assert_allclose(ends, np.column_stack([table.observed_low, table.observed_high]), atol=1e-12)
    up, down = display.ax.containers[1:3]
    heights = np.array([[bar.get_height() for bar in each] for each in (up, down)])
    np.testing.assert_allclose(heights[0] / heights[0].sum(), scores.positives / scores.positives.sum(), atol=1e-12)
    assert (heights[1] <= 0).all()
    assert max(bar.get_y() + bar.get_height() for bar in up) < 0
    assert display.ax.get_yticks().tolist() == pytest.approx(np.linspace(0, 1, 6))
    assert len(legend(display)) == 5
    assert len(legend(plots.calibration(table))) == 2


def test_scores_count_every_row_once():
    display = plots.scores(score_histogram(rows()), uncertain=None)
    heights = np.array([bar.get_height() for bar in display.ax.patches])
    assert (heights[heights > 0].sum(), -heights[heights < 0].sum()) == ((rows().y == 1).sum(), (rows().y == 0).sum())
    assert legend(display) == ["1, upwards: 59", "0, downwards: 130", "threshold 0.5"]
    display.figure.draw_without_rendering()
    assert all("-" not in t.get_text() and "−" not in t.get_text() for t in display.ax.get_yticklabels())
    with pytest.raises(ParameterError, match="probabilities"):
        plots.scores(score_histogram(rows()), uncertain=(0.6, 0.4))


@pytest.mark.parametrize("theme", THEMES)
def test_the_confusion_matrix_is_readable_in_every_cell(theme):
    table = confusion(scored_arrays([*"abc" * 40], np.random.default_rng(0).dirichlet([1, 1, 1], 120)))
    display = plots.confusion(table, theme=theme)
    (image,) = display.ax.images
    share = image.get_array()
    np.testing.assert_allclose(share.sum(1), 1)
    for text in display.ax.texts[1:]:
        j, i = text.xy
        assert contrast(text.get_color(), image.cmap(image.norm(share[i, j]))[:3]) >= 4.5
    counts = [text.get_text() for text in display.ax.texts[1::2]]
    assert counts == [str(n) for n in table.counts.ravel()]


@pytest.mark.parametrize("width", ["column", "full"])
def test_ten_classes_still_have_their_numbers_and_forty_have_none(width):
    def many(k):
        y = np.arange(2000) % k
        return confusion(scored_arrays(y, np.random.default_rng(0).dirichlet(np.ones(k), 2000)))

    ten, forty = (plots.confusion(many(k), width=width) for k in (10, 40))
    assert len(ten.ax.texts) == (201 if width == "full" else 101)
    assert len(forty.ax.texts) == 1
    assert faults(ten.figure) == ([], [])


def test_long_names_of_classes_are_turned_and_stay_inside():
    names = ["a name that is rather long", "another such name", "versicolor", "the fourth of them"]
    table = confusion(scored_arrays(names * 25, np.random.default_rng(0).dirichlet(np.ones(4), 100), classes=names))
    for width in ("full", "column"):
        assert faults(plots.confusion(table, width=width).figure) == ([], [])


def test_weights_that_are_no_counts_are_told_in_short():
    table = confusion(scored_arrays([0, 1, 1], [0.1, 0.8, 0.7], weight=[1 / 3, 0.5, 2 / 3]))
    display = plots.confusion(table)
    assert max(len(text.get_text()) for text in display.ax.texts) <= 6


def test_a_curve_of_many_points_is_drawn_with_few():
    x = np.linspace(0, 1, 100_000)
    drawn = thinned(x, x**2)
    assert len(drawn[0]) < 2500
    assert np.abs(np.interp(x, *drawn) - x**2).max() < 2e-3
    assert [each[-1] for each in drawn] == [1, 1]


def test_names_that_no_font_has_and_markup_are_harmless(monkeypatch):
    monkeypatch.setattr(style, "fonts", lambda: {"DejaVu Sans": frozenset(range(0x2FF)) | {0x2212}})
    display = plots.roc({"模型": roc_curve(rows()), "$x$ <b>": roc_curve(others())})
    assert legend(display)[0].startswith("curve 1: AUC")
    assert legend(display)[1].startswith("$x$ <b>: AUC")
