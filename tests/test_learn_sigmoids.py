"""The page on sigmoids: its mathematics equals the package's, its panels read and compare, its programs run."""

import json
from pathlib import Path

import pytest
from learn_pages import check_program, numbers, state, told

from torchlogit import sigmoids

GOLDEN = json.loads((Path(__file__).parent / "golden" / "learn-sigmoids.json").read_text(encoding="utf-8"))
FORM = "([form, name, x]) => { const f = torchlogit.model.sigmoids[form][name]; return [x.map(f.value), x.map(f.derivative)]; }"
BACK = "([name, y]) => y.map((each) => torchlogit.model.sigmoids.normalised[name].inverse(each)).map(String)"
FIT = """(name) => {
  const students = torchlogit.data.points.students;
  const { links, fitLink } = torchlogit.model.sigmoids;
  const fit = fitLink(links[name], students.map(({ x }) => x), students.map(({ y }) => y));
  return [fit.b, fit.w, fit.logLikelihood, ...[0, 4, 10].map(fit.mean)];
}"""


def test_L08_the_gallery_is_the_packages(read_page):
    page = read_page("sigmoid")
    for form in ("normalised", "plain"):
        for name, expected in GOLDEN[form].items():
            value, derivative = page.evaluate(FORM, [form, name, GOLDEN["x"]])
            assert value == pytest.approx(expected["value"], abs=1e-12), (form, name)
            assert derivative == pytest.approx(expected["derivative"], abs=1e-12), (form, name)


def test_L08_inverses_are_the_packages(read_page):
    page = read_page("sigmoid")
    for name, expected in GOLDEN["inverse"].items():
        back = page.evaluate(BACK, [name, GOLDEN["y"]])
        assert numbers(back) == pytest.approx(numbers(expected), rel=1e-9, abs=1e-12), name


def test_L07_every_sigmoid_has_its_limits_climbs_and_saturates(read_page):
    found = read_page("sigmoid").evaluate(
        """() => ["normalised", "plain"].flatMap((form) => Object.values(torchlogit.model.sigmoids[form])).map((each) => {
          const { value, derivative, limits } = each;
          const xs = Array.from({ length: 121 }, (_, k) => (k - 60) / 20);
          return [
            [-1e300, 1e300].map(value).every((end, i) => Math.abs(end - limits[i]) < 1e-12),
            xs.slice(1).every((x, i) => value(x) > value(xs[i])),
            derivative(1e300) === 0 && xs.every((x) => derivative(x) <= derivative(0)),
          ];
        })"""
    )
    assert found == [[True, True, True]] * 14


def test_L06_the_logistic_function_of_the_page(read_page):
    page = read_page("sigmoid")
    value, derivative = page.evaluate(FORM, ["plain", "logistic", [0, 10]])
    assert value[0] == 0.5
    assert derivative == pytest.approx(sigmoids.logistic.derivative([0, 10]).tolist(), rel=1e-12)
    assert page.locator("main table").filter(has_text="saturates").count() == 1


def test_L08_a_fit_under_each_link(read_page):
    page = read_page("sigmoid")
    for link, fit in GOLDEN["fits"].items():
        expected = [fit["b"], fit["w"], fit["logLikelihood"], *fit["p"]]
        assert page.evaluate(FIT, link) == pytest.approx(expected, abs=1e-6), link


def test_L08_the_table_of_links_is_sorted_and_chooses(open_page):
    page = open_page("sigmoid")
    cells = page.locator('[data-panel="links"] tbody tr td:nth-child(2)').all_inner_texts()
    best = sorted((fit["logLikelihood"] for fit in GOLDEN["fits"].values()), reverse=True)
    assert numbers(cells) == pytest.approx(best, abs=5e-4)
    half = page.locator('[data-panel="links"] tbody tr', has_text="cloglog").locator("td").nth(1).inner_text()
    fit = GOLDEN["fits"]["cloglog"]
    at_half = sigmoids.cloglog.inverse(0.5).item()
    assert float(half.removesuffix(" h")) == pytest.approx((at_half - fit["b"]) / fit["w"], abs=5e-3)
    page.get_by_label("cauchit").check()
    assert "At 10 hours cauchit expects 1 in 32 to fail" in told(page, "links")
    assert state(page, "links.link") == "cauchit"


def test_L08_the_gallery_reads_by_keyboard_and_by_pointer(open_page):
    page = open_page("sigmoid")
    knob = page.get_by_role("slider", name="Read at x")
    knob.focus()
    knob.press("ArrowLeft")
    assert knob.get_attribute("aria-valuenow") == "1.9"
    assert state(page, "gallery.x") == "1.9"
    first = page.locator('[data-panel="gallery"] tbody tr').first
    read = first.locator("td").first
    assert numbers([read.inner_text()]) == pytest.approx([float(sigmoids.tanh(1.9))], abs=5e-5)
    chart = page.locator('[data-panel="gallery"] svg.chart').nth(1)
    chart.hover(position={"x": 60, "y": 80})
    assert numbers([read.inner_text()])[0] < -0.9
    page.mouse.move(0, 0)
    assert numbers([read.inner_text()])[0] > 0.9


def test_L08_functions_are_toggled_and_forms_change(open_page):
    page = open_page("sigmoid")
    page.get_by_label("softsign").first.uncheck()
    assert "the slowest (arctangent)" in told(page, "gallery")
    assert "softsign" not in state(page, "gallery.shown")
    page.locator('[data-panel="gallery"]').get_by_label("as textbooks write them").check()
    row = page.locator('[data-panel="gallery"] tbody tr').first
    assert float(row.locator("td").nth(0).inner_text()) == pytest.approx(float(sigmoids.logistic(2.0)), abs=5e-5)
    assert json.loads(state(page, "gallery.shown")) == [name for name in GOLDEN["plain"] if name != "softsign"]
    page.go_back()
    page.go_back()
    assert "the slowest (softsign)" in told(page, "gallery")


def test_L08_the_state_of_a_link_is_restored(open_page):
    page = open_page("sigmoid", language="zh", width=390, hash='gallery.x=-1&gallery.shown=["erf"]&links.link=probit')
    assert "−1.0" in told(page, "gallery")
    assert page.locator('[data-panel="gallery"] input:checked[type=checkbox]').count() == 1
    assert page.locator('[data-panel="links"] input[value=probit]').is_checked()


@pytest.mark.parametrize("program", ["sigmoid", "links"])
def test_L06_the_programs_print_what_the_page_shows(program):
    check_program("sigmoid", program)


def test_L07_the_words_are_in_the_page(read_page):
    text = read_page("sigmoid").locator("main").inner_text()
    assert "saturating function" in text
    assert "PyTorch calls one of them, the logistic function, “sigmoid”" in text
