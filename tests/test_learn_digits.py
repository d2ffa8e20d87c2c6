"""The pages on classes and digits in a real browser: the package's numbers, and every panel used as a reader would."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from learn_pages import follow

from torchlogit import datasets
from torchlogit.learn import site

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data" / "mnist"
GOLDEN = json.loads((ROOT / "tests" / "golden" / "learn-digits.json").read_text(encoding="utf-8"))
SCRIPT = (site.HERE / "static" / "data" / "digits.js").read_text(encoding="utf-8")
DATA = json.loads(SCRIPT[SCRIPT.index("digits = ") + len("digits = ") : SCRIPT.rindex(";")])
LABELS = np.array(DATA["labels"])

MODEL = "const m = torchlogit.model.softmax, d = torchlogit.data.digits;"


def told(page, panel):
    return page.locator(f"[data-panel={panel}] .told").inner_text()


def bars(page, panel):
    """What the bars of a panel say, by name."""
    rows = page.locator(f"[data-panel={panel}] .bars li").all()
    return {row.locator(".name").inner_text(): float(row.locator(".value").inner_text()) for row in rows}


def images():
    return np.frombuffer(base64.b64decode(DATA["images"]), np.uint8).reshape(-1, 784)


# The numbers.


def test_L04_probabilities_are_the_packages(read_page):
    page = read_page("digits")
    found = page.evaluate(f"() => {{ {MODEL} const theta = m.doubles(d.theta);"
                          "return m.images(d.images).map((x) => m.probabilities(m.etas(theta, x))); }")  # fmt: skip
    np.testing.assert_allclose(found, GOLDEN["p"], atol=1e-6)
    np.testing.assert_allclose(np.sum(found, 1), 1, atol=1e-12)


@pytest.mark.parametrize(("names", "expected"), GOLDEN["linear"], ids=str)
def test_L03_the_linear_unit_says_what_least_squares_says(read_page, names, expected):
    page = read_page("classes")
    found = page.evaluate(f"(names) => {{ {MODEL} return d.linear.map((parts) => m.linear(parts, names)); }}", names)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_L20_the_film_is_the_training(open_page):
    """Its last picture is that of the weights that read the drawings; loss and accuracy are the optimum's."""
    film = DATA["film"]
    weights = np.frombuffer(base64.b64decode(film["weights"]), np.int8).reshape(len(film["epochs"]), 10, 784)
    theta = np.frombuffer(base64.b64decode(DATA["theta"]), "<f8").reshape(785, 10)
    assert np.abs(weights[-1] / 127 * film["scale"] - theta[1:].T).max() <= film["scale"] / 254 * 1.001
    assert not weights[0].any()
    assert film["loss"] == sorted(film["loss"], reverse=True)
    assert film["loss"][0] == pytest.approx(np.log(10), abs=1e-4)
    assert film["loss"][-1] == pytest.approx(GOLDEN["value"] / 60000, abs=1e-4)
    assert film["right"][-1] == pytest.approx(GOLDEN["right"], abs=1e-4)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the MNIST files are not beside this checkout")
def test_the_digits_are_mnists_and_what_softmax_takes_them_for_is_so():
    tests, labels = datasets.mnist(SHARED, train=False)
    places = {image.tobytes(): at for at, image in enumerate(tests)}
    assert [labels[places[image.tobytes()]] for image in images()] == LABELS.tolist()
    right = (np.array(GOLDEN["p"]).argmax(1) == LABELS).reshape(4, 10)
    assert right[:3].all()
    assert not right[3].any()


@pytest.mark.parametrize("language", site.LANGUAGES)
def test_L03_the_text_names_the_packages_numbers(language):
    text = site.page_file("classes", language).read_text(encoding="utf-8")
    rows = [re.split(r"\s*\|\s*", line)[2:6] for line in text.splitlines() if re.match(r"\| .*(0\.853|0\.32)", line)]
    shown, alike = ([float(cell.replace("−", "-")) for cell in row] for row in rows)
    order = [7, 9, 2, 8]
    np.testing.assert_allclose(shown, np.array(GOLDEN["shown"])[7, order], atol=5e-4)
    np.testing.assert_allclose(alike, np.array(GOLDEN["alike"])[7, order], atol=5e-3)
    digits = site.page_file("digits", language).read_text(encoding="utf-8")
    assert f"{100 * GOLDEN['right']:.1f}\u00a0%" in digits


# The panels.


def test_L03_renaming_changes_the_linear_unit_only(open_page):
    page = open_page("classes")
    assert re.search(r"answers (\d+) of 20", told(page, "labels"))[1] == "20"
    assert told(page, "labels").endswith("softmax 0.")
    page.get_by_label("reversed").check()
    assert "answers 0 of 20" in told(page, "labels")
    page.get_by_label("7 and 8 swapped").check()
    assert re.search(r"answers (\d+) of 20", told(page, "labels"))[1] != "0"
    assert told(page, "labels").endswith("softmax 0.")
    page.get_by_label("as usual").check()
    assert page.locator(".tiles .changed").count() == 0
    page.get_by_role("button", name="Shuffle").click()
    names = [int(cell) for cell in page.locator(".names tr").last.locator("td").all_inner_texts()]
    assert sorted(names) == list(range(10))


def test_L03_a_naming_that_is_none_is_forgotten(open_page):
    page = open_page("classes", hash="labels.names=[0,1,2]")
    assert "20 of 20" in told(page, "labels")
    for names in ("[0,1,2,3,4,5,6,7,8,8]", "[0,1,2,3,4,5,6,7,8,10]"):
        follow(page, "labels.names=[9,8,7,6,5,4,3,2,1,0]")
        assert "answers 0 of 20" in told(page, "labels")
        follow(page, f"labels.names={names}")
        assert "20 of 20" in told(page, "labels"), names


@pytest.mark.parametrize("at", [0, 17, 39])
def test_L04_a_digit_beside_its_ten_probabilities(open_page, at):
    page = open_page("classes")
    page.locator(".thumbs input").nth(at).check()
    shown, expected = bars(page, "probabilities"), GOLDEN["p"][at]
    assert [*shown.values()] == pytest.approx(expected, abs=5.1e-4)
    winner = int(np.argmax(expected))
    assert page.locator("[data-panel=probabilities] .winner .name").inner_text() == str(winner)
    sentence = told(page, "probabilities")
    assert sentence.startswith(f"The largest wins: {winner}")
    assert ("But it is" in sentence) == (winner != LABELS[at])
    assert page.locator("[data-panel=probabilities] .shown canvas").get_attribute("aria-label") == f"a {LABELS[at]}"


def test_L05_two_classes_are_the_logistic_function_of_a_difference(open_page):
    page = open_page("classes", hash="probabilities.digit=27")
    page.get_by_label("only 7 and 9").check()
    seven, nine = GOLDEN["p"][27][7], GOLDEN["p"][27][9]
    expected = {"7": seven / (seven + nine), "9": nine / (seven + nine)}
    assert bars(page, "probabilities") == pytest.approx(expected, abs=5.1e-4)
    assert f"P(9) = {expected['9']:.3f}, so P(7) = 1 − P(9)" in told(page, "probabilities")


INKED = """(node) => {
  const blank = Object.assign(document.createElement("canvas"), {width: node.width, height: node.height});
  return node.toDataURL() !== blank.toDataURL();
}"""


def test_L20_the_weight_images_form(open_page):
    page = open_page("digits", motion=False)
    canvas = page.locator("[data-panel=weights] canvas").first
    slider = page.locator("[data-panel=weights] input")
    assert canvas.evaluate(INKED)
    slider.press("Home")
    assert told(page, "weights").startswith("Before training")
    assert not canvas.evaluate(INKED)
    page.get_by_role("button", name="Next").click()
    assert canvas.evaluate(INKED)
    assert "epoch 1" in told(page, "weights")
    slider.press("End")
    assert "91.9 %" in told(page, "weights")


def test_L20_the_film_plays_to_its_end_and_again(open_page):
    page = open_page("digits", hash="weights.at=7")
    play = page.locator("[data-panel=weights] button")
    play.click()
    assert play.inner_text() == "Pause"
    page.wait_for_function("document.querySelector('[data-panel=weights] button').textContent === 'Play'", timeout=5000)
    assert "optimum" in told(page, "weights")
    play.click()
    assert "Before training" in told(page, "weights")
    play.click()
    assert play.inner_text() == "Play"


def draw(page, *points):
    """A stroke by mouse, in hundredths of the pad."""
    pad = page.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    at = [(box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


SHAPES = {
    1: [[(52, 12), (49, 88)]],
    7: [[(22, 20), (76, 20), (46, 86)]],
    0: [[(50, 15), (30, 30), (25, 55), (35, 80), (55, 85), (72, 65), (75, 40), (65, 22), (50, 15)]],
    4: [[(30, 15), (28, 50), (75, 50)], [(68, 20), (64, 88)]],
}


@pytest.mark.parametrize("digit", SHAPES)
def test_L20_a_drawn_digit_is_read(open_page, digit):
    page = open_page("digits")
    page.get_by_role("button", name="Clear").click()
    for stroke in SHAPES[digit]:
        draw(page, *stroke)
    assert max(bars(page, "draw").items(), key=lambda row: row[1])[0] == str(digit)
    assert told(page, "draw").startswith(f"Softmax says {digit}")
    if len(SHAPES[digit]) > 1:
        page.wait_for_timeout(400)
        address = page.evaluate("location.hash.slice(1)")
        assert bars(open_page("digits", hash=address), "draw") == bars(page, "draw")
    for _ in SHAPES[digit]:
        page.get_by_role("button", name="Undo").click()
    assert told(page, "draw").startswith("Draw a digit")
    assert page.locator("[data-panel=draw] .winner").count() == 0


def test_L20_a_digit_is_drawn_by_keys(open_page):
    page = open_page("digits")
    pad = page.locator(".pad")
    pad.press("Delete")
    assert page.locator(".pad polyline").count() == 0
    pad.press(" ")
    for _ in range(15):
        pad.press("ArrowDown")
    pad.press(" ")
    pad.press("ArrowRight")
    assert page.locator(".pad polyline").count() == 1
    assert told(page, "draw").startswith("Softmax says 1")


def test_L20_ink_is_scaled_and_centred_as_mnist_does(read_page):
    """The same drawing, small in a corner or large, is the same picture; its middle is the picture's; its box 20 pixels."""
    page = read_page("digits")
    small = [[10, 10, 30, 10, 18, 34]]
    large = [[10 + 3 * x for x in stroke] for stroke in small]
    ink = np.array([page.evaluate("(s) => [...torchlogit.model.softmax.ink(s)]", each) for each in (small, large)])
    np.testing.assert_allclose(ink[0], ink[1], atol=1e-9)
    picture = ink[0].reshape(28, 28)
    across, down = (picture.sum(axis) @ (np.arange(28) + 0.5) / picture.sum() for axis in (0, 1))
    assert [across, down] == pytest.approx([14, 14], abs=0.1)
    rows = np.flatnonzero(picture.max(1) > 0.5)
    assert 19 <= rows[-1] - rows[0] + 1 <= 21
    assert ink.min() == 0
    assert ink.max() == 1


def test_L20_strokes_that_are_none_are_forgotten(open_page):
    page = open_page("digits", hash="draw.strokes=[[1]]")
    assert told(page, "draw").startswith("Softmax says 3")
    for strokes in ("[[]]", "[[1,200]]", "[1,2]", '[["a","b"]]'):
        follow(page, "draw.strokes=[[52,12,49,88]]")
        assert told(page, "draw").startswith("Softmax says 1")
        follow(page, f"draw.strokes={strokes}")
        assert told(page, "draw").startswith("Softmax says 3"), strokes
