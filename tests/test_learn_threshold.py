"""The page on thresholds: rates, areas and costs equal scikit-learn's, "uncertain" the package's; all parts are linked."""

import json
from pathlib import Path

import numpy as np
import pytest
from learn_pages import check_program, numbers, state, told
from make_learn_threshold import people

GOLDEN = json.loads((Path(__file__).parent / "golden" / "learn-threshold.json").read_text(encoding="utf-8"))
OF = "const { p, y } = torchlogit.data.decisions[name]; const m = torchlogit.model.threshold;"
TALLY = f"""([name, at]) => {{ {OF} const t = m.tally(p, y, at);
  return [t.trueNegative, t.falsePositive, t.falseNegative, t.truePositive]; }}"""
AREAS = f"""(name) => {{ {OF} const rules = m.sweep(p, y);
  return [m.areaUnderRoc(rules), m.averagePrecision(rules, m.prevalence(y)), m.averagePrecision(rules, 0.5)]; }}"""
CHEAPEST = f"""([name, falseYes, falseNo]) => {{ {OF} const [costs, share] = [{{ falseYes, falseNo }}, m.prevalence(y)];
  return m.cost(m.shares(m.cheapest(m.sweep(p, y), share, costs), share), costs); }}"""
DECIDE = f"([name, ...band]) => {{ {OF} const d = m.decide(p, y, band); return [d.uncertain, d.right]; }}"


@pytest.fixture
def page(open_page):
    return open_page("threshold")


def cells(page):
    return [int(text) for text in page.locator(".matrix .count").all_inner_texts()]


def mark(page, chart):
    """Where the dot stands in a chart, as the page draws it."""
    dot = page.locator('[data-panel="threshold"] svg.chart').nth(chart).locator("circle.dot.c-2")
    return float(dot.get_attribute("cx")), float(dot.get_attribute("cy"))


def test_L19_the_people_are_the_packages(page):
    for name, expected in people().items():
        shown = page.evaluate("(name) => torchlogit.data.decisions[name]", name)
        assert shown["y"] == expected["y"]
        assert shown["p"] == pytest.approx(expected["p"], abs=2e-7)


@pytest.mark.parametrize("name", GOLDEN)
def test_L19_rates_areas_costs_and_bands(page, name):
    golden = GOLDEN[name]
    for at, *expected in golden["tallies"]:
        assert page.evaluate(TALLY, [name, at]) == expected, at
    expected = [golden["roc"], golden["average"], golden["averageEven"]]
    assert page.evaluate(AREAS, name) == pytest.approx(expected, abs=1e-12)
    for false_yes, false_no, least in golden["cheapest"]:
        assert page.evaluate(CHEAPEST, [name, false_yes, false_no]) == pytest.approx(least, abs=1e-12)
    for *band, uncertain, right in golden["bands"]:
        assert page.evaluate(DECIDE, [name, *band]) == [uncertain, right], band


def test_L19_everything_follows_the_threshold(page):
    assert cells(page) == [8, 2, 2, 8]
    before = [mark(page, chart) for chart in (1, 2, 3)]
    knob = page.get_by_role("slider", name="Threshold")
    knob.focus()
    knob.press("PageUp")
    knob.press("PageUp")
    knob.press("ArrowRight")
    knob.press("End")
    assert cells(page) == [10, 0, 10, 0]
    assert state(page, "threshold.threshold") == "1"
    assert all(mark(page, chart) != old for chart, old in zip((1, 2, 3), before, strict=True))
    assert "0 false yes and 10 false no: cost 50.0 per 100 people" in told(page, "threshold")
    page.get_by_role("button", name="Take the cheapest threshold").click()
    assert "No threshold is cheaper" in told(page, "threshold")


def test_L19_the_band_has_two_handles(page):
    says = page.locator('[data-panel="threshold"]').get_by_text("stay uncertain")
    assert "2 of 20 stay uncertain, and of the 18 others 14 are right" in says.inner_text()
    low = page.get_by_role("slider", name="Lower end of the uncertain band")
    assert low.get_attribute("aria-valuetext") == "0.40"
    low.focus()
    for _ in range(3):
        low.press("PageDown")
    assert says.inner_text().startswith("Between 0.10 and 0.60")
    assert state(page, "threshold.below") == "0.4"
    page.get_by_role("slider", name="Threshold").press("ArrowLeft")
    assert low.get_attribute("aria-valuetext") == "0.09", "the band moves along"
    low.press("End")
    assert low.get_attribute("aria-valuetext") == "0.49", "and ends at the threshold"


def test_L19_a_handle_is_dragged(page):
    box = page.get_by_role("slider", name="Threshold").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    assert 0.55 < float(state(page, "threshold.threshold")) < 0.62


def test_L19_prevalence_moves_precision_and_cost_but_not_roc(page):
    roc, precision, cost = mark(page, 2), mark(page, 3), mark(page, 1)
    share = page.get_by_role("slider", name="Prevalence of yes")
    share.focus()
    share.press("Home")
    assert mark(page, 2) == roc
    assert mark(page, 3)[1] > precision[1], "precision falls"
    assert state(page, "threshold.prevalence") == "0.01"
    falls = 0.01 * 0.8 / (0.01 * 0.8 + 0.99 * 0.2)
    assert f"{100 * falls:.1f} %" in page.locator(".measures").inner_text()
    page.get_by_role("button", name="Prevalence of the data").click()
    assert (mark(page, 2), mark(page, 3), mark(page, 1)) == (roc, precision, cost)


def test_L19_dear_mistakes_move_the_cheapest_threshold(open_page):
    page = open_page("threshold", language="zh", width=390, hash="threshold.data=clinic&threshold.falseNo=10")
    assert "误判为“是” 11 人，误判为“否” 31 人" in told(page, "threshold")
    page.get_by_role("button", name="取代价最低的阈值").click()
    assert float(state(page, "threshold.threshold")) < 0.2
    assert sum(cells(page)) == 300


def test_L19_a_url_that_makes_no_sense_is_forgotten(open_page):
    page = open_page("threshold", hash="threshold.threshold=7&threshold.data=constructor")
    assert numbers([page.get_by_role("slider", name="Threshold").get_attribute("aria-valuenow")]) == [0.5]


def test_L19_program():
    check_program("threshold", "threshold")


def test_the_patients_are_what_the_page_says():
    ill = np.array(people()["clinic"]["y"])
    assert len(ill) == 300
    assert 0.15 < ill.mean() < 0.25
