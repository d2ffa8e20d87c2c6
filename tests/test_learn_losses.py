"""The pages on the loss and on saturation: their mathematics equals SciPy's, PyTorch's and the package's."""

import json
import math
from pathlib import Path

import pytest
import torch
from learn_pages import check_program, numbers, state, told

import torchlogit
from torchlogit import SGD, Status, datasets
from torchlogit.errors import NotCertifiedWarning

GOLDEN = json.loads((Path(__file__).parent / "golden" / "learn-losses.json").read_text(encoding="utf-8"))
DIVERGENCE = """(pairs) => pairs.map(([p, q]) => {
  const { entropy, divergence, crossEntropy } = torchlogit.model.distributions;
  return [entropy(p), divergence(p, q), crossEntropy(p, q)].map(String);
})"""
BCE = "(rows) => rows.map(([guess, y]) => [bce(guess, y), torchBce(guess, y)].map(String))"
FLOAT32 = """(rows) => rows.map(([eta, y]) => {
  const { sigmoidThenBce, fromLogit } = torchlogit.model.float32;
  const [lost, right] = [sigmoidThenBce(eta, y), fromLogit(eta, y)];
  return [lost.guess, lost.loss, lost.gradient, right.loss, right.gradient];
})"""
TRAIN = """(runs) => runs.map(([lr, reduction]) => {
  const { w, b } = torchlogit.model.logistic.train(torchlogit.data.points.lesson, { lr, reduction, epochs: 1000 });
  return [w.at(-1), b.at(-1)];
})"""


def row(page, panel, number):
    return page.locator(f'[data-panel="{panel}"] tbody tr').nth(number).locator("td").all_inner_texts()


def test_L10_entropy_divergence_and_cross_entropy(read_page):
    found = read_page("loss").evaluate(DIVERGENCE, [pair[:2] for pair in GOLDEN["distributions"]])
    for (p, q, *expected), values in zip(GOLDEN["distributions"], found, strict=True):
        assert numbers(values) == pytest.approx(numbers(expected), abs=1e-12), (p, q)


def test_L10_the_reader_changes_the_numbers(open_page):
    page = open_page("loss")
    assert told(page, "divergence").startswith("Cross-entropy 1.294 = entropy 0.898 + divergence 0.396")
    guess = page.get_by_role("slider", name="guess q, sun")
    guess.focus()
    for _ in range(4):
        guess.press("ArrowLeft")
    assert "infinite" in told(page, "divergence")
    assert state(page, "divergence.q") == "[0,5,3]"
    page.get_by_role("button", name="Guess the truth").click()
    assert "the divergence is 0" in told(page, "divergence")
    page.get_by_role("button", name="Make the truth certain").click()
    assert told(page, "divergence").endswith(f"−ln q = {-math.log(0.6):.3f}.")
    page.locator('[data-panel="divergence"]').get_by_label("2", exact=True).check()
    assert page.get_by_role("slider", name="truth p, rain").count() == 0


def test_L11_bce_is_torchs_and_infinite_where_it_is(open_page):
    page = open_page("loss")
    rows = [[guess, y] for guess, y, _ in GOLDEN["bce"]]
    page.evaluate("Object.assign(globalThis, torchlogit.model.distributions)")
    for (guess, y, expected), values in zip(GOLDEN["bce"], page.evaluate(BCE, rows), strict=True):
        true, clamped = numbers(values)
        assert clamped == pytest.approx(expected, rel=1e-9, abs=1e-12), (guess, y)
        assert true == (math.inf if guess == 1 - y else pytest.approx(expected, abs=1e-12)), (guess, y)


def test_L11_both_cases_and_an_editable_table(open_page):
    page = open_page("loss")
    assert row(page, "bce", 0)[2:] == ["0.105", "0", "0.105"]
    assert row(page, "bce", 3)[2:] == ["0", "2.996", "2.996"]
    page.get_by_role("spinbutton", name="Row 4, Guess ŷ").fill("1")
    assert row(page, "bce", 3)[2:] == ["0", "∞", "∞ (PyTorch: 100)"]
    assert "never takes a logarithm below −100" in told(page, "bce")
    page.locator('[data-panel="bce"] tbody input[type=checkbox]').nth(3).check()
    assert row(page, "bce", 3)[4] == "0.000"
    knob = page.get_by_role("slider", name="Row 1, Guess ŷ")
    knob.focus()
    knob.press("ArrowLeft")
    assert row(page, "bce", 0)[4] == f"{-math.log(0.89):.3f}"
    assert page.get_by_role("spinbutton", name="Row 1, Guess ŷ").input_value() == "0.89"
    assert json.loads(state(page, "bce.guess")) == [0.89, 0.6, 0.2, 1]


def test_L12_sum_and_mean_side_by_side(read_page):
    foot = read_page("loss").locator('[data-panel="bce"] tfoot td').all_inner_texts()
    guess, y = torch.tensor([0.9, 0.6, 0.2, 0.95]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    expected = [torch.nn.BCELoss(reduction=name)(guess, y).item() for name in ("sum", "mean")]
    assert numbers(foot) == pytest.approx(expected, abs=5e-4)


def test_L12_the_mean_divides_the_learning_rate(open_page):
    page = open_page("loss")
    found = page.evaluate(TRAIN, [run[:2] for run in GOLDEN["trained"]])
    for (*run, w, b), theta in zip(GOLDEN["trained"], found, strict=True):
        assert theta == pytest.approx([w, b], abs=1e-9), run
    assert "67.1 % by the mean, 87.0 % by the sum" in told(page, "batch")
    rate = page.get_by_role("slider", name="Learning rate with the mean")
    rate.focus()
    for _ in range(4):
        rate.press("ArrowRight")
    assert "the same curve. After 4 hours: 87.0 %" in told(page, "batch")
    assert state(page, "batch.lr") == "0.03"


@pytest.mark.filterwarnings("ignore::torchlogit.errors.DataWarning")
def test_L12_all_epochs_run_though_the_loss_falls_below_1():
    with pytest.warns(NotCertifiedWarning):
        fit = torchlogit.fit(datasets.lesson(), "passed", solver=SGD(lr=0.05, epochs=1000, reduction="mean"))
    assert (fit.n_iter, fit.status) == (1000, Status.separated)
    assert fit.history[-1].value < 1


def test_L14_the_deprecated_spelling_is_the_sum():
    guess, y = torch.tensor([0.9, 0.6]), torch.tensor([1.0, 0.0])
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        old = torch.nn.BCELoss(size_average=False)
    assert old(guess, y) == torch.nn.BCELoss(reduction="sum")(guess, y)
    check_program("loss", "reduction")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_L14_the_page_explains_it(read_page, language):
    text = read_page("loss", language=language).locator("main").inner_text()
    for words in ("BCELoss(size_average=False)", 'BCELoss(reduction="sum")', "please use reduction='sum' instead"):
        assert words in text


def test_L11_float32_is_torchs_over_a_grid_of_logits(read_page):
    found = read_page("saturation").evaluate(FLOAT32, [values[:2] for values in GOLDEN["float32"]])
    for (eta, y, *expected), values in zip(GOLDEN["float32"], found, strict=True):
        assert values == pytest.approx(expected, rel=1e-6, abs=1e-7), (eta, y)


def test_L11_a_confident_mistake_teaches_nothing(open_page):
    page = open_page("saturation")
    assert row(page, "saturation", 2) == ["Loss", "100", "20"]
    assert row(page, "saturation", 3) == ["Gradient by η", "0", "1"]
    assert "Loss 100 instead of 20, gradient 0 instead of 1" in told(page, "saturation")
    knob = page.locator('[data-panel="saturation"] [role=slider]')
    knob.focus()
    for _ in range(8):
        knob.press("ArrowLeft")
    assert state(page, "saturation.eta") == "16"
    assert "lost digits to rounding" in told(page, "saturation")
    page.get_by_label("y = 1").check()
    assert "the two ways agree" in told(page, "saturation")


def test_L11_saturation_program():
    check_program("saturation", "saturation")
