"""Pictures of a fit: what is drawn is what the table says."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from pictures import PICTURES, births, births_fit, births_path, faults, texts

from torchlogit import L2, datasets, fit, fit_path, plots
from torchlogit.errors import ParameterError
from torchlogit.plots.style import style_of
from torchlogit.plots.themes import LIGHT

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.DataWarning")  # tables of few rows
SPLIT = {"x": [1.0, 2, 3, 4, 5, 6], "z": [1.0, 0, 2, 1, 0, 1.5], "y": [0, 0, 0, 1, 1, 1]}


def shown(display):
    return [text.get_text() for text in display.ax.texts if text.get_text()]


def intervals(ax):
    """Every horizontal line of two points: (y, low, high)."""
    pairs = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_ydata())) == 1]
    return {(float(a[1]), float(a[0]), float(b[0])) for a, b in pairs}


# the curve of a fit


def test_a_fits_curve_has_its_band_its_points_and_its_words():
    table = births_fit().curves("lwt", points=50)
    ax = plots.probability_curve(table).ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lwt", "Probability of low = 1")
    (curve,) = (line for line in ax.lines if len(line.get_xdata()) == 200)
    np.testing.assert_array_equal(curve.get_ydata(), table.probability)
    assert ax.get_legend().get_texts()[0].get_text().startswith("fitted, 95 % interval")
    (band,) = (c for c in ax.collections if c.get_paths() and len(c.get_paths()[0].vertices) > 300)
    assert {*zip(table.x, table.high, strict=True)} <= {*map(tuple, band.get_paths()[0].vertices)}
    assert any("50 of 189 rows shown" in text.replace("\n", " ") for text in shown(plots.probability_curve(table)))


def test_a_penalised_curve_has_no_band():
    display = plots.probability_curve(fit(datasets.study_hours(), "passed", penalty=L2(1.0)).curves())
    assert not [c for c in display.ax.collections if c.get_paths() and len(c.get_paths()[0].vertices) > 300]
    assert display.ax.get_legend().get_texts()[0].get_text().startswith("fitted, 50 %")


def test_each_class_has_its_curve():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=90), rng.choice(["a", "b", "c"], 90)
    ax = plots.probability_curve(fit({"x": x, "y": y}, "y").curves()).ax
    assert ax.get_ylabel() == "Probability"
    assert [text.get_text()[0] for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


# the map


def test_the_red_line_of_the_map_is_where_the_probability_is_a_half():
    result = births_fit()
    table = result.decision_map("age", "lwt", at={"smoke": 1, "race": "black"})
    ax = plots.decision_map(table, threshold=0.5).ax
    red = [c for c in ax.collections if len(c.get_edgecolor()) and tuple(c.get_edgecolor()[0]) == to_rgba(LIGHT.red)]
    assert len(red) >= 2  # the line and an end of its interval
    (place,) = (p for p in red[0].get_paths() if len(p.vertices) > 5)
    rows = {name: np.full(len(place.vertices), births()[name].mean()) for name in ("ht", "ui")}
    rows |= {"age": place.vertices[:, 0], "lwt": place.vertices[:, 1], "smoke": np.ones(len(place.vertices))}
    p = result.predict_proba(rows | {"race": np.full(len(place.vertices), "black")})[:, 1].numpy()
    np.testing.assert_allclose(p, 0.5, atol=2e-3)


def test_the_maps_rows_differ_by_shape():
    ax = PICTURES["map"]().ax
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"50 % line", "its 95 % interval", "uncertain", "no event", "event"} == set(names)
    groups = [c for c in ax.collections if len(c.get_offsets()) > 20]
    assert sorted(len(c.get_offsets()) for c in groups) == [59, 130]
    assert len({c.get_paths()[0].vertices.shape for c in groups}) == 2


def test_a_map_without_intervals_and_without_a_line_in_it():
    table = fit(births(), "low", penalty=L2(1.0)).decision_map("age", "lwt")
    ax = plots.decision_map(table, threshold=0.999).ax
    assert "its 95 % interval" not in [text.get_text() for text in ax.get_legend().get_texts()]


# forest


def test_the_forest_draws_every_interval_and_the_references():
    table = births_fit().forest(interval="wald")
    display = plots.forest(table)
    drawn = {(low, high) for _, low, high in intervals(display.ax)}
    wanted = {(a, b) for a, b, r in zip(table.low, table.high, table.reference, strict=True) if not r}
    assert wanted <= drawn
    assert display.ax.get_xscale() == "log"
    centres = sorted(float(line.get_xdata()[0]) for line in display.ax.lines if line.get_marker() in "sD")
    assert centres == pytest.approx(sorted(table.odds_ratio))
    words = shown(display)
    assert "reference" in words
    assert "race" in words
    assert {"23 / 96", "11 / 26", "25 / 67"} <= set(words)
    assert "events / n" in words


def test_a_full_mark_is_an_interval_without_1():
    table = births_fit().forest(interval="wald")
    full = {}
    for line in plots.forest(table).ax.lines:
        if line.get_marker() == "s":
            full[round(float(line.get_xdata()[0]), 9)] = to_rgb(line.get_markerfacecolor()) != (1, 1, 1)
    for ratio, low, high, reference in zip(table.odds_ratio, table.low, table.high, table.reference, strict=True):
        if not reference:
            assert full[round(float(ratio), 9)] == (low > 1 or high < 1)


def test_at_a_columns_width_the_counts_stand_by_the_names():
    words = shown(plots.forest(births_fit().forest(interval="wald"), width="column"))
    assert "black, 11/26" in words
    assert "events / n" not in words


def test_what_is_not_drawn_is_said():
    table = fit(births(), "low ~ smoke * ht + lwt").forest(interval="wald")
    words = shown(plots.forest(table))
    assert words.count("not drawn: in several terms") == 3
    display = plots.forest(table, language="zh")
    assert shown(display).count("未画：出现在多项中") in (0, 3)
    assert faults(display.figure) == ([], [])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_infinite_odds_ratio_is_an_arrow_from_its_bound():
    table = fit(SPLIT, "y").forest()
    (i,) = np.flatnonzero(table.term == "x")
    ax = plots.forest(table).ax
    right = ax.get_xlim()[1]
    assert any(low == pytest.approx(table.low[i]) and high == right for _, low, high in intervals(ax))
    arrows = [line for line in ax.lines if line.get_marker() == ">"]
    assert [float(line.get_xdata()[0]) for line in arrows if float(line.get_ydata()[0]) == i] == [right]
    assert any(text.startswith("∞ (") for text in shown(plots.forest(table)))


def test_a_forest_of_nothing_is_refused_with_the_reason():
    with pytest.raises(ParameterError, match="penalised"):
        plots.forest(fit(births(), "low", penalty=L2(1.0)).forest())


def test_many_terms_go_on_further_pages():
    rng = np.random.default_rng(0)
    x = {f"a_variable_with_a_long_name_{j}": rng.normal(size=400) for j in range(75)}
    table = fit({**x, "y": rng.integers(0, 2, 400)}, "y").forest(interval="wald")
    first, second = (plots.forest(table, page=page) for page in (1, 2))
    assert [sum(text.startswith("a_var") for text in shown(each)) for each in (first, second)] == [60, 15]
    assert any("page 2 of 2" in text for text in shown(second))
    assert faults(first.figure) == ([], [])
    assert first.figure.get_size_inches()[1] > second.figure.get_size_inches()[1]
    with pytest.raises(ParameterError, match="2 pages"):
        plots.forest(table, page=3)


def test_strange_names_are_drawn_as_they_are():
    rng = np.random.default_rng(0)
    table = {"$x_1$": rng.normal(size=60), "<b>年龄</b>\n": rng.normal(size=60), "y": rng.integers(0, 2, 60)}
    result = fit(table, "y")
    for display in (
        plots.forest(result.forest(interval="wald")),
        plots.nomogram(result.nomogram()),
        plots.effects(result.effects()),
    ):
        assert any("$x_1$" in text for text in shown(display))
        display.to_bytes("svg")


# effects and margins


def test_effects_are_drawn_in_percentage_points():
    table = births_fit().effects()
    display = plots.effects(table)
    drawn = sorted(low for _, low, _ in intervals(display.ax))
    np.testing.assert_allclose(drawn, sorted(100 * table.low), rtol=1e-12)
    assert "race" in shown(display)
    assert "black − white" in shown(display)
    assert "race: black − white 23.9 (4.15, 43.6)" in display.alt


def test_elasticities_keep_their_scale():
    table = births_fit().effects("lwt", method="eyex")
    assert plots.effects(table).ax.get_xlabel() == "elasticity"
    assert min(low for _, low, _ in intervals(plots.effects(table).ax)) == pytest.approx(table.low[0])


def test_margins_are_probabilities():
    table = births_fit().margins({"race": ["white", "black"], "smoke": [0, 1]})
    display = plots.margins(table)
    assert {(low, high) for _, low, high in intervals(display.ax)} >= {*zip(table.low, table.high, strict=True)}
    assert {"race = black", "smoke = 1"} <= set(shown(display))
    assert "race = black: smoke = 1 60.1 % (38.5, 78.3)" in display.alt


def test_too_many_rows_are_refused():
    """Before anything is drawn: the look of the axes stays what it was."""
    ax = plots.panels()[1][0]
    for draw, table in (
        (plots.margins, births_fit().margins({"age": list(range(20, 81))})),
        (plots.effects, births_fit().effects("lwt", at={"age": list(range(20, 81))})),
    ):
        with pytest.raises(ParameterError, match="rows, more than the 60"):
            draw(table, ax=ax, theme="dark")
        assert style_of(ax).theme == LIGHT


# path


def test_the_path_is_drawn_over_falling_strengths_with_counts_above():
    path = births_path()
    display = plots.coefficient_path(path, marks={"C = 1": 1.0})
    ax = display.ax
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    lines = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 40]
    wanted = {tuple(path.theta[:, j, 0].tolist()) for j in range(1, 6)}
    assert {tuple(line) for line in lines} == wanted
    assert {"age", "lwt", "smoke", "ht", "ui", "C = 1"} <= set(shown(display))
    (top,) = ax.child_axes
    ticks = [label.get_text() for label in top.get_xticklabels()]
    assert (ticks[0], ticks[-1]) == (str(int(path.n_nonzero[0])), str(int(path.n_nonzero[-1])))


def test_names_at_the_ends_do_not_touch_and_the_rest_is_grey():
    rng = np.random.default_rng(0)
    x = {f"v{j}": rng.normal(size=300) for j in range(30)}
    display = plots.coefficient_path(fit_path({**x, "y": rng.integers(0, 2, 300)}, "y", n_strengths=10))
    assert sum(text.startswith("v") for text in shown(display)) == 8
    assert faults(display.figure) == ([], [])


@pytest.mark.parametrize("strengths", [[3.9, 3.5, 3.1], [9.0, 2.0], [50.0, 20.0], [0.011, 0.01], [1e3, 1e-3]])
def test_a_path_over_any_strengths_has_ticks_that_are_told_apart(strengths):
    display = plots.coefficient_path(fit_path(datasets.study_hours(), "passed", strengths=strengths))
    low, high = min(strengths), max(strengths)
    ticks = [
        (x, text.get_text()) for x, text in zip(display.ax.get_xticks(), display.ax.get_xticklabels(), strict=True)
    ]
    assert len({text for _, text in ticks}) == len(ticks) >= 2
    assert all(low <= x <= high * 1.0001 and float(text) == pytest.approx(x) for x, text in ticks)
    assert faults(display.figure) == ([], [])


def test_a_path_of_three_classes_is_of_one():
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=90), "z": rng.normal(size=90), "y": rng.choice(["a", "b", "c"], 90)}
    path = fit_path(data, "y", n_strengths=5)
    with pytest.raises(ParameterError, match="label= one of 'a', 'b', 'c'"):
        plots.coefficient_path(path)
    ax = plots.coefficient_path(path, label="b").ax
    assert any(np.array_equal(line.get_ydata(), path.theta[:, 1, 1]) for line in ax.lines if len(line.get_xdata()) == 5)


def test_paths_that_cannot_be_drawn_are_refused():
    path = fit_path(datasets.study_hours(), "passed", strengths=[1.0])
    with pytest.raises(ParameterError, match="two or more"):
        plots.coefficient_path(path)
    with pytest.raises(ParameterError, match="over 0"):
        plots.coefficient_path(births_path(), marks={"none": 0.0})


# nomogram


def test_reading_the_picture_gives_the_probability():
    """With a ruler: from each value's tick up to the points, their sum on the total's scale, and down to the probability."""
    result = births_fit()
    table = result.nomogram()
    ax = plots.nomogram(table).ax
    ticks = {}  # scale → number at its place
    for text in ax.texts:
        if text.get_text() and text.get_weight() != "bold":
            ticks.setdefault(text.xy[1], {})[text.get_text()] = text.xy[0]
    scales = [ticks[y] for y in sorted(ticks)]
    _, *variables, total, probability = scales
    row = {"age": 25.0, "lwt": 150.0, "smoke": 1.0, "ht": 0.0, "ui": 1.0, "race": "black"}
    names = list(dict.fromkeys(table.variable))
    at = 0.0
    for name, scale in zip(names, variables, strict=True):
        text = row[name] if isinstance(row[name], str) else f"{row[name]:.4g}"
        at += scale[text]
    where = np.interp(at, sorted(map(float, total)), [total[t] for t in sorted(total, key=float)])
    places = sorted(probability.items(), key=lambda pair: pair[1])
    eta = np.interp(where, [x for _, x in places], [np.log(float(p) / (1 - float(p))) for p, _ in places])
    p = float(result.predict_proba({name: [value] for name, value in row.items()})[0, 1])
    assert 1 / (1 + np.exp(-eta)) == pytest.approx(p, abs=0.01)


def test_levels_all_stand_on_their_scale():
    rng = np.random.default_rng(0)
    g = np.repeat([f"level {j}" for j in range(9)], 30)
    y = (rng.logistic(size=270) < np.repeat(rng.normal(size=9), 30)).astype(int)
    display = plots.nomogram(fit({"g": g, "y": y, "x": rng.normal(size=270)}, "y").nomogram())
    assert {f"level {j}" for j in range(9)} <= set(shown(display))


def test_a_scale_that_turns_back_has_numbers_on_both_sides():
    table = fit(births(), "low ~ age + I(age ** 2) + lwt").nomogram()
    display = plots.nomogram(table)
    assert faults(display.figure) == ([], [])


# residuals and leverage


def test_bins_outside_are_red_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    y = (x**2 - 1 + rng.logistic(size=2000) > 0).astype(int)
    table = fit({"x": x, "y": y}, "y").binned_residuals("x")
    display = plots.binned_residuals(table)
    squares = [line for line in display.ax.lines if line.get_marker() == "s"]
    assert [len(line.get_xdata()) for line in squares] == [table.outside]
    assert any(f"{table.outside} of {len(table.n)} bins outside" in text.replace("\n", " ") for text in shown(display))


def test_cooks_contours_are_where_cooks_distance_is():
    table = births_fit().influence()
    ax = plots.leverage(table).ax
    contours = [line for line in ax.lines if line.get_color() == LIGHT.red]
    assert contours
    for line in contours:
        h, r = line.get_xdata(), line.get_ydata()
        d = r**2 * h / (1 - h) / table.rank
        assert np.isclose(d, d[0]).all()
        assert any(np.isclose(d[0], each) for each in (0.1, 0.5, 1.0))
    (dots,) = (c for c in ax.collections if len(c.get_offsets()) == 189)
    np.testing.assert_array_equal(dots.get_offsets(), np.column_stack([table.leverage, table.standardised_pearson]))
    assert [t for t in shown(plots.leverage(table)) if t.isdigit()] == [str(row) for row in table.most(5).row]


def test_leverage_of_three_classes_has_no_contours():
    rng = np.random.default_rng(0)
    table = fit({"x": rng.normal(size=90), "y": rng.choice(["a", "b", "c"], 90)}, "y").influence()
    assert [line for line in plots.leverage(table).ax.lines if line.get_color() == LIGHT.red] == []


def test_the_same_texts_in_pdf_and_svg(tmp_path):
    for kind in ("svg", "pdf"):
        plots.forest(births_fit().forest(interval="wald"), language="zh").save(tmp_path / f"a.{kind}")
    assert texts(plots.forest(births_fit().forest(interval="wald")).figure)
