"""Every page of the lesson in a real browser, in both languages: seen, heard, by keyboard, without scripts, served."""

import threading

import pytest
from browser import WIDTHS, listen, ready
from learn_pages import state

from torchlogit.learn import Server, site

each_name = pytest.mark.parametrize("name", site.names(), scope="module")  # all that is asked of a page in a row
each_language = pytest.mark.parametrize("language", site.LANGUAGES, scope="module")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = """() => [...document.querySelectorAll(".katex-error")].map((node) => node.title)
  .concat([...document.querySelectorAll(".math")].filter((node) => !node.querySelector(".katex")).map(String))"""
LEFT_OVER = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const {parentElement, data} = walker.currentNode;
    if (data.includes("$") && !parentElement.closest("code, script, noscript, .katex")) found.push(data.trim());
  }
  return found;
}"""


FAULTS = """async (options) => {
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}"""


def faults(page, **options):
    """What axe finds, one line a fault."""
    from axe_playwright_python.sync_playwright import Axe

    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(FAULTS, {"preload": False, "resultTypes": ["violations"], **options})


NOT_HERE = ["color-contrast", "empty-table-header"]  # the one has its own test; for the other axe reads no MathML


@each_name
@pytest.mark.parametrize(("language", "width"), [("en", WIDTHS["desktop"]), ("zh", WIDTHS["phone"])])
def test_a_page_is_whole(read_page, name, language, width):
    """Formulas are typeset, nothing is wider than the screen, and axe finds no fault."""
    page = read_page(name, language, width, motion=False)
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(LEFT_OVER) == []
    assert page.evaluate(OVERFLOW) <= 0
    assert faults(page, rules={rule: {"enabled": False} for rule in NOT_HERE}) == []


@each_name
def test_a_page_has_contrast_in_light_and_dark(read_page, name):
    page = read_page(name, motion=False)
    found = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = faults(page, runOnly=["color-contrast"])
    assert found == {"dark": [], "light": []}


@each_name
@each_language
def test_a_page_fits_a_phone(read_page, name, language):
    page = read_page(name, language, width=WIDTHS["phone"], motion=False)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(WIDE_CHARTS) == []
    assert faults(page, runOnly=["target-size", "scrollable-region-focusable"]) == []


WIDE_CHARTS = """() => [...document.querySelectorAll("svg.chart")]
  .filter((svg) => svg.getBoundingClientRect().right > innerWidth || svg.viewBox.baseVal.width > innerWidth)
  .map((svg) => svg.getAttribute("aria-label"))"""  # a viewBox wider than the screen makes small letters


def test_a_page_can_be_read_without_scripts(open_page):
    """Of all pages: tests/test_learn_site.py finds the same elements in each."""
    page = open_page("index", script=False)
    for part in ("h1", ".lead", "[data-panel] noscript", ".contents a >> nth=0"):
        assert page.locator(part).is_visible()


VALUES = """() => [...document.querySelectorAll("main input, main [role=slider]")]
  .map((node) => node.matches("[type=checkbox], [type=radio]") ? node.checked : node.value ?? node.ariaValueNow)"""


@each_name
def test_the_state_of_a_page_is_in_its_address(open_page, name):
    """Every slider moved and the last of every choice taken; the address alone brings all of it back."""
    page = open_page(name, motion=False)
    before, entries = page.evaluate(VALUES), page.evaluate("history.length")
    for slider in page.locator("main input[type=range], main [role=slider]").all():
        slider.press("ArrowLeft")
    for choice in page.locator("main fieldset.choice").all():
        choice.locator("input").last.check()
    changed = page.evaluate(VALUES)
    page.wait_for_timeout(400)  # one entry in the history for what belongs together
    address = page.evaluate("location.hash.slice(1)")
    assert (changed == before) == (address == "")
    other = open_page(name, "zh", motion=False, hash=address)
    assert other.evaluate(VALUES) == changed
    assert other.evaluate(OVERFLOW) <= 0
    if address:
        page.evaluate(f"history.go({entries} - history.length)")
        page.wait_for_function("location.hash === ''")
        assert page.evaluate(VALUES) == before


REACHABLE = """() => {
  const seen = (node) => node.checkVisibility() && !node.disabled;
  const all = [...document.querySelectorAll("a[href], button, input, select, summary, [role=slider], [tabindex='0']")];
  const stops = all.filter((node) => seen(node) && (node.type !== "radio" || node.checked));
  return stops.map((node, i) => (node.dataset.stop = i));
}"""


@each_name
def test_the_keyboard_reaches_every_control(read_page, name):
    page = read_page(name, motion=False)
    wanted = set(page.evaluate(REACHABLE))
    reached = set()
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("Number(document.activeElement.dataset.stop ?? -1)"))
    assert wanted - reached == set()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the whole site is served."""
    folder = tmp_path_factory.mktemp("served")
    site.build(folder)
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def test_pages_work_as_served(chromium, address):
    """Under the server's own headers, which allow nothing but its files."""
    problems = []
    page = chromium.new_page()
    listen(page, problems)
    for name in site.names():
        page.goto(f"{address}en/{name}.html")
        ready(page)
    page.close()
    assert [problem for problem in problems if not problem.startswith(f"asked for: {address}")] == []


@pytest.mark.parametrize(("locale", "language"), [("zh-CN", "zh"), ("zh-TW", "zh"), ("de-DE", "en")])
def test_the_first_page_speaks_the_browsers_language(chromium, address, locale, language):
    context = chromium.new_context(locale=locale)
    page = context.new_page()
    page.goto(address)
    page.wait_for_url(f"{address}{language}/index.html")
    context.close()


# The panel of the first page stands for what page.js, controls.js and chart.js promise.


def told(page):
    return page.locator(".told").inner_text()


def test_a_state_that_means_nothing_is_forgotten(open_page):
    page = open_page("index")
    for address in ("curve.w=99", "curve.w=%22x%22", "curve.w=[1]", "curve.w=", "curve.w=null", "other.w=1"):
        page.evaluate("location.hash = 'curve.w=2'")
        page.wait_for_function("document.querySelector('input').value === '2'")
        page.evaluate(f"location.hash = {address!r}")
        page.wait_for_function("document.querySelector('input').value === '1.2'")


def test_links_back_and_forward_set_the_state(open_page):
    page = open_page("index")
    first = told(page)
    page.evaluate("location.hash = 'curve.w=2'")
    page.wait_for_function(f"document.querySelector('.told').textContent !== {first!r}")
    second = told(page)
    page.go_back()
    page.wait_for_function(f"document.querySelector('.told').textContent === {first!r}")
    page.go_forward()
    page.wait_for_function(f"document.querySelector('.told').textContent === {second!r}")


MOVES = """(values) => {
  const slider = document.querySelector("input");
  for (const value of values) {
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }
}"""


def test_a_gesture_is_one_entry_in_the_history(open_page):
    page = open_page("index")
    length = page.evaluate("history.length")
    page.evaluate(MOVES, [1.3, 1.4, 1.5, 2.4])
    page.wait_for_function("location.hash === '#curve.w=2.4'")
    assert page.evaluate("history.length") == length + 1
    page.evaluate(MOVES, [2, 1.2])
    page.wait_for_function("location.hash === ''")  # what is as at first needs no words


def test_the_other_language_opens_in_the_same_state(open_page, learn_site):
    learn_site.path("index", "zh")
    page = open_page("index")
    page.locator("input").first.press("ArrowRight")
    page.locator("a.language").click()
    page.wait_for_url("**/zh/index.html#curve.w=1.3")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("input").first.input_value() == "1.3"


def test_a_missing_word_is_an_error(chromium, learn_site):
    page = chromium.new_page()
    page.goto(learn_site.path("index", "en").as_uri())
    ready(page)
    with pytest.raises(Exception, match='no text "title" in en'):
        page.evaluate("""() => {
          document.querySelector("main").insertAdjacentHTML("beforeend", "<div data-panel=other></div>");
          torchlogit.panel("other", {text: {en: {}, zh: {}}, draw: (root, {t}) => t("title")});
        }""")
    page.close()


CHART = """() => {
  const {frame, line, handle} = torchlogit.chart;
  const main = document.querySelector("main");
  main.replaceChildren();
  const f = frame(main, {x: [0, 10], y: [0, 1], title: "t"});
  const made = line(f, [[0, 0], [5, NaN], [10, 1]]);
  const knob = handle(f, {x: 0.5, y: 0.5, min: 0, max: 1, step: 0.1, label: "h", onMove: (x) => { window.at = x; knob.set(x); }});
  return [f.x(10) - f.width, f.y(0) - f.height, made.node.attr("d")];
}"""


def test_a_chart_maps_its_domain_and_leaves_gaps(open_page):
    page = open_page("index")
    right, bottom, path = page.evaluate(CHART)
    assert (right, bottom) == (0, 0)
    assert path.count("M") == 2


def test_a_handle_moves_by_keys(open_page):
    page = open_page("index")
    for keys, at in (
        ("ArrowRight", 0.6), ("ArrowDown", 0.4), ("Home", 0), ("End", 1), ("PageUp", 1), ("Home ArrowLeft", 0),
    ):  # fmt: skip
        page.evaluate(CHART)
        for key in keys.split():
            page.locator("[role=slider]").press(key)
        assert page.evaluate("window.at") == at, keys
        assert page.locator("[role=slider]").get_attribute("aria-valuenow") == str(at), keys


def test_a_handle_is_dragged(open_page):
    page = open_page("index")
    page.evaluate(CHART)
    knob = page.locator("[role=slider] .knob")
    knob.scroll_into_view_if_needed()
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    unit = page.evaluate("document.querySelector('main > svg .axes').getBBox().width") / 10
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.3 * unit, y + 40, steps=4)
    page.mouse.up()
    assert page.evaluate("window.at") == pytest.approx(0.8, abs=0.11)


def test_motion_is_off_where_it_is_not_wanted(open_page):
    assert open_page("index", motion=False).evaluate("torchlogit.motion") is False
    assert open_page("index").evaluate("torchlogit.motion") is True


def test_the_button_copies_a_program_as_it_was_written(open_page):
    page = open_page("unit")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = page.locator(".code").first
    assert block.locator("button.copy").inner_text() == "Copy"
    block.locator("button.copy").click()
    page.wait_for_function("document.querySelector('button.copy').textContent === document.body.dataset.copied")
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("code").text_content()


def touch(page, knob, *, by):
    """A finger takes a knob and moves it sideways, by a pixel at a time."""
    knob.evaluate("node => node.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, by + 1):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + step, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize(
    ("name", "panel", "key"),
    [
        ("infinite", "points", "students"),
        ("threshold", "threshold", "threshold"),
        ("surfaces", "surfaces", "w"),
        ("sigmoid", "gallery", "x"),
        ("saturation", "saturation", "eta"),
    ],
)
def test_a_finger_moves_a_knob(open_page, name, panel, key):
    page = open_page(name, width=390)
    knob = page.locator(f'[data-panel="{panel}"][data-ready] .handle').first
    knob.wait_for()
    touch(page, knob, by=30)
    assert state(page, f"{panel}.{key}") is not None
