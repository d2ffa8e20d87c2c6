"""The training film and the two surfaces, as a reader uses them."""

import re
from functools import cache

import pytest
import torch
from learn_pages import follow, numbers, state, told

from torchlogit import datasets
from torchlogit.learn import site

SENTENCE = re.compile(r"Epoch (.+): loss (.+), w = (.+), b = (.+); even chances at (.+) h, after 4 hours (.+) %\.")


def shown(page):
    """Epoch, loss, w, b, hours of even chances and percent after 4 hours, as the film says them."""
    return numbers([text.replace("\u202f", "") for text in SENTENCE.fullmatch(told(page, "film")).groups()])


@cache
def trained(seed, lr, reduction, data):
    """A hand-written loop in float32: the loss that it prints in each epoch, with w and b there."""
    table = getattr(datasets, data)()
    x, y = (torch.tensor(table[name], dtype=torch.float32)[:, None] for name in ("hours", "passed"))
    torch.manual_seed(seed)
    unit = torch.nn.Linear(1, 1)
    criterion = torch.nn.BCELoss(reduction=reduction)
    optimizer = torch.optim.SGD(unit.parameters(), lr=lr)
    found = []
    for _ in range(1112):
        loss = criterion(torch.sigmoid(unit(x)), y)
        found.append((loss.item(), unit.weight.item(), unit.bias.item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found


def loop(epoch, *, seed=0, lr=0.01, reduction="sum", data="lesson"):
    """Loss, w, b and P(pass after 4 hours) in an epoch of that loop."""
    loss, w, b = trained(seed, lr, reduction, data)[epoch]
    return loss, w, b, torch.sigmoid(torch.tensor(4 * w + b)).item()


def check(page, epochs, **setting):
    epoch, loss, w, b, _, four = shown(page)
    expected = loop(epochs, **setting)
    assert epoch == epochs
    assert (loss, w, b) == pytest.approx(expected[:3], abs=6e-4)
    assert loss == pytest.approx(expected[0], abs=6e-5)
    assert four == pytest.approx(100 * expected[3], abs=0.051)


WHOLE = """(seed) => {
  const { train, value } = torchlogit.model.logistic;
  const points = torchlogit.data.points.lesson;
  const { w, b } = train(points, { start: torchlogit.data.starts[seed] });
  return [value(points, [w[1000], b[1000]]), w[1000], b[1000]];
}"""


def test_L16_the_film_is_the_hand_written_loop(open_page):
    page = open_page("training")
    for seed in (0, 3, 9):  # float64 there, float32 here
        assert page.evaluate(WHOLE, seed) == pytest.approx(loop(1000, seed=seed)[:3], abs=1e-5)
    check(page, 1000)
    page.get_by_role("button", name="Back to the start").click()
    check(page, 0)
    for step, epochs in (("+1", 1), ("+10", 11), ("+100", 111), ("+1000", 1111)):
        page.get_by_role("button", name=step, exact=True).click()
        check(page, epochs)


def test_L12_sum_mean_rate_seed_and_data_are_torchs(open_page):
    page = open_page("training")
    page.get_by_label("mean", exact=True).check()
    check(page, 1000, reduction="mean")
    seed = page.get_by_role("slider", name="Seed of the start")
    seed.focus()
    seed.press("End")
    check(page, 1000, reduction="mean", seed=9)
    rate = page.get_by_role("slider", name="Learning rate")
    rate.focus()
    rate.press("ArrowRight")
    check(page, 1000, reduction="mean", seed=9, lr=0.02)
    page.get_by_label("twenty", exact=True).check()
    check(page, 1000, reduction="mean", seed=9, lr=0.02, data="study_hours")
    assert [state(page, f"film.{key}") for key in ("data", "reduction", "seed", "lr")] == [
        "students",
        "mean",
        "9",
        "0.02",
    ]
    before = told(page, "film")
    again = open_page("training", hash=page.evaluate("location.hash.slice(1)"))
    assert told(again, "film") == before


def test_L16_the_epoch_is_scrubbed_by_keys(open_page):
    page = open_page("training")
    epoch = page.get_by_role("slider", name="Epoch")
    epoch.focus()
    epoch.press("Home")
    assert shown(page)[0] == 0
    for expected in (1, 2, 3):
        epoch.press("ArrowRight")
        check(page, expected)
    epoch.press("End")
    found = shown(page)
    assert found[0] == 100_000
    assert found[2:4] == pytest.approx([8.457, -20.966], abs=0.01)  # shared/reference, table 1.3
    assert epoch.get_attribute("aria-valuetext") == "100\u202f000"
    assert state(page, "film.epoch") == "100000"


def test_the_dots_follow_the_epoch(open_page):
    """Curve, surface and loss line show the same epoch: their marks move together."""
    page = open_page("training", hash="film.epoch=0")
    marks = "() => [...document.querySelectorAll('[data-panel=film] circle.dot.c-2')].map((dot) => dot.getBoundingClientRect().x)"
    curve = "() => document.querySelector('[data-panel=film] .line.curve').getAttribute('d')"
    before, before_curve = page.evaluate(marks), page.evaluate(curve)
    page.get_by_role("button", name="+1000", exact=True).click()
    assert len(before) == 2
    assert all(now > then + 20 for now, then in zip(page.evaluate(marks), before, strict=True))
    assert page.evaluate(curve) != before_curve


def test_L16_the_film_plays_and_pauses(open_page):
    page = open_page("training", hash="film.epoch=0")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("/Epoch [1-9]/.test(document.querySelector('[data-panel=film] .told').textContent)")
    page.get_by_role("button", name="Pause").click()
    at = shown(page)[0]
    page.wait_for_timeout(200)
    assert shown(page)[0] == at
    assert page.get_by_role("button", name="Play").is_visible()


def test_without_motion_the_film_goes_by_powers_of_ten(open_page):
    page = open_page("training", motion=False, hash="film.epoch=0")
    page.get_by_role("button", name="Play").click()
    seen = set()
    for _ in range(25):
        seen.add(shown(page)[0])
        page.wait_for_timeout(100)
    assert seen <= {0, *(10**power for power in range(6))}
    assert {0, 1, 10} <= seen
    page.get_by_role("button", name="Pause").click()


def test_an_address_that_makes_no_sense_is_forgotten(open_page):
    page = open_page("training", hash="film.epoch=1.5")
    nonsense = told(page, "film")
    follow(page, "film.epoch=7")
    assert shown(page)[0] == 7
    follow(page, "")
    expected = told(page, "film")
    assert nonsense == expected
    for hash in ("film.epoch=1000000", "film.lr=7", "film.seed=99", "film.data=none"):
        follow(page, hash)
        assert told(page, "film") == expected, hash


def ten_starts(reduction):
    """w and b after 1000 epochs of the lesson from seeds 0 to 9: ten units that learn beside each other."""
    x, y = (torch.tensor(datasets.lesson()[name], dtype=torch.float32)[:, None] for name in ("hours", "passed"))
    starts = []
    for seed in range(10):
        torch.manual_seed(seed)
        starts.append(torch.nn.Linear(1, 1))
    w, b = (torch.stack([getattr(s, n).detach().flatten() for s in starts], 1) for n in ("weight", "bias"))
    optimizer = torch.optim.SGD([w.requires_grad_(), b.requires_grad_()], lr=0.01)
    for _ in range(1000):
        loss = torch.nn.functional.binary_cross_entropy(torch.sigmoid(x @ w + b), y.expand(-1, 10), reduction="none")
        optimizer.zero_grad()
        getattr(loss, reduction)(0).sum().backward()
        optimizer.step()
    return w.detach()[0], b.detach()[0]


def test_L12_L16_the_table_of_ten_starts_is_torchs(read_page):
    """The row of the lesson and that of the mean, over seeds 0 to 9."""
    rows = read_page("training").locator("main > .scroll tbody tr").all()
    texts = [[cell.inner_text().replace("\u00a0", " ") for cell in row.locator("td").all()] for row in rows]
    for row, reduction in ((1, "sum"), (4, "mean")):
        w, b = ten_starts(reduction)
        values = ((w, ""), (-b / w, " h"), (torch.sigmoid(4 * w + b), ""))
        assert texts[row][2:] == [f"{v.min():.2f} to {v.max():.2f}{unit}" for v, unit in values]


def test_L15_the_program_of_the_page_runs_and_is_the_films(capsys):
    """Its lines in both languages differ in comments only; epoch and loss are the film's."""
    printed = []
    for language in site.LANGUAGES:
        (program,) = re.findall(r"```python\n(.*?)```", site.read_page("training", language).body, re.DOTALL)
        exec(compile(program, language, "exec"), {})
        printed.append(capsys.readouterr().out)
    lines = printed[0].splitlines()
    assert printed[1] == printed[0]
    assert len(lines) == 1000
    for epoch in (0, 999):
        assert float(lines[epoch].split()[1]) == pytest.approx(loop(epoch)[0], abs=1e-6)


def surfaces(page):
    """The rows of the panel on the two surfaces: gradient at the start, end, students right, share."""
    return [row.locator("td").all_inner_texts() for row in page.locator('[data-panel="surfaces"] tbody tr').all()]


def test_both_losses_start_at_the_same_place(open_page):
    page = open_page("surfaces")
    assert "BCE has 3 of 3 students right, squared error has 1" in told(page, "surfaces")
    assert surfaces(page) == [
        ["3.6051", "4.05, −9.94", "3 of 3", "0.0 %"],
        ["0.0010", "4.93, 2.93", "1 of 3", "62.6 %"],
    ]
    knobs = page.locator('[data-panel="surfaces"] [role=slider]')
    knobs.nth(1).focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown"):
        knobs.nth(1).press(key)
    assert [knobs.nth(i).get_attribute("aria-valuetext") for i in (0, 1)] == ["w 4.50, b 2.75"] * 2
    assert (state(page, "surfaces.w"), state(page, "surfaces.b")) == ("4.5", "2.75")
    again = open_page("surfaces", language="zh", hash=page.evaluate("location.hash.slice(1)"))
    assert [row[:2] for row in surfaces(again)] == [row[:2] for row in surfaces(page)]


def test_the_start_is_dragged(open_page):
    page = open_page("surfaces")
    knob = page.locator('[data-panel="surfaces"] [role=slider]').nth(0)
    box = knob.locator(".knob").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y + 40, steps=5)
    page.mouse.up()
    moved = knob.locator(".knob").bounding_box()
    assert (moved["x"] - box["x"], moved["y"] - box["y"]) == pytest.approx((-100, 40), abs=1)
    assert surfaces(page)[0][0] != "3.6051"
