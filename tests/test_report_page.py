"""The report in a real browser: on a screen, light and dark, on a phone, on paper; heard by axe; nothing fetched or run."""

from base64 import b64encode

import numpy as np
import pytest
from test_learn_pages import OVERFLOW, faults
from test_report import FITS, NASTY, table

import torchlogit
from torchlogit.report import pictures, report

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
KINDS = ("categories", "separated", "three classes", "twelve classes", "wide", "nasty")
LARGE = ("twelve classes", "wide")  # more of what the others have, which takes axe long: looked at in light only


def fitted(kind):
    if kind != "nasty":
        return FITS[kind]()
    data = table()
    return torchlogit.fit({NASTY: data["x"], "g" * 500: [f"{NASTY}{c}" for c in data["g"]], "<b>": data["y"]}, "<b>")


def blank(display):
    """In place of a picture, which takes seconds to draw: nothing, as large."""
    width, height = display.figure.get_size_inches()
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}in" height="{height}in"/>'
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of each kind as a file, made when it is first opened; one has its pictures."""
    folder, made = tmp_path_factory.mktemp("reports"), {}

    def path(kind, language):
        if (kind, language) not in made:
            with pytest.MonkeyPatch.context() as patch:
                if (kind, language) != ("categories", "en"):
                    patch.setattr(pictures, "address", blank)
                found = report(fitted(kind), language=language, folds=4)
            made[kind, language] = found.save(folder / f"{len(made)}.html")
        return made[kind, language]

    return path


@pytest.fixture
def open_report(tabs, pages):
    """Call it with a kind, and language, width, script; fails the test on anything asked for or said."""
    with tabs.lend() as take:

        def call(kind, language="en", width=1280, script=True):
            return take(width, script).show(pages(kind, language).as_uri(), width)

        yield call


each_kind = pytest.mark.parametrize("kind", KINDS, scope="module")  # all that is asked of a report in a row


@each_kind
def test_axe_finds_no_fault_in_light_and_dark(open_report, kind):
    page = open_report(kind)
    assert faults(page) == []
    if kind in LARGE:
        return
    page.emulate_media(color_scheme="dark")
    assert faults(page, runOnly=["color-contrast"]) == []


@pytest.mark.parametrize("kind", ["categories", "nasty"])
def test_axe_finds_no_fault_in_chinese(open_report, kind):
    assert faults(open_report(kind, "zh")) == []


@each_kind
def test_nothing_is_wider_than_the_screen(open_report, kind):
    for width in (360, 768):
        page = open_report(kind, width=width)
        assert page.evaluate(OVERFLOW) <= 0, width
        assert faults(page, runOnly=["target-size", "scrollable-region-focusable"]) == [], width


def test_it_can_be_read_without_scripts(open_report):
    page = open_report("categories", script=False)
    for place in ("h1", "#answer li >> nth=0", "#doubt li >> nth=0", "#numbers table", "img >> nth=0"):
        assert page.locator(place).is_visible()


PICTURES = (
    """() => [...document.images].map((image) => [image.complete && image.naturalWidth > 100, image.currentSrc])"""
)


def test_pictures_follow_the_colours_of_the_page_and_print_on_white(open_report):
    page = open_report("categories")
    light = page.evaluate(PICTURES)
    assert light
    assert all(drawn for drawn, _ in light)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.images[0].complete")
    dark = page.evaluate(PICTURES)
    assert all(one[1] != other[1] for one, other in zip(light, dark, strict=True))
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("document.images[0].complete")
    assert page.evaluate(PICTURES) == light


def test_it_prints_on_few_pages_with_nothing_cut(open_report):
    page = open_report("categories")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 960})  # A4 less its margins
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide')].filter((box) => box.scrollWidth > box.clientWidth + 1).length"
    )
    assert wide == 0
    assert page.pdf(format="A4").count(b"/Type /Page\n") <= 12


def test_every_column_is_near_its_head(open_report):
    """Tables keep their columns: as many cells in each row as heads."""
    counts = open_report("three classes").evaluate(
        "[...document.querySelectorAll('table')].map((t) => [...t.rows].map((row) => row.cells.length))"
    )
    assert counts
    assert all(len(set(row)) == 1 for row in counts)
    assert np.ravel(counts[0]).min() >= 4
