"""The pages' mathematics of one feature, in Chromium, against the golden numbers of make_learn_logistic.py."""

import json

import make_learn_logistic as made
import pytest
import torch
from learn_pages import numbers

import torchlogit
from torchlogit import SGD, datasets
from torchlogit.errors import NotCertifiedWarning
from torchlogit.learn import site

GOLDEN = json.loads(made.GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture
def ask(read_page):
    """``ask(function, argument)``: what a function (model, argument) of JavaScript answers on the page on training."""
    page = read_page("training")
    return lambda function, argument=None: page.evaluate(
        f"(given) => ({function})(torchlogit.model.logistic, given)", argument
    )


def close(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_golden_numbers_and_data_are_the_packages():
    """What is quick to make again is made again."""
    assert {name: made.fits(table)["kind"] for name, table in made.tables().items()} == {
        name: fit["kind"] for name, fit in GOLDEN["fits"].items()
    }
    assert made.fits(made.tables()["students"])["theta"] == pytest.approx(
        GOLDEN["fits"]["students"]["theta"], rel=1e-12
    )
    files = {path.name: path for path in made.DATA.glob("*.js")}
    for seed in range(10):
        assert json.dumps(made.start_of(seed)) in files["starts.js"].read_text(encoding="utf-8")
    for name in ("lesson", "students"):
        assert json.dumps(made.points(made.tables()[name])) in files["points.js"].read_text(encoding="utf-8")


FITS = """(m, all) => all.map((points) => {
  const { kind } = m.separated(points);
  const found = { kind, l2: m.newton(points, { l2: 1 }).theta, firth: m.firth(points).theta };
  if (kind !== "overlap") return found;
  const { theta, value, hess } = m.newton(points);
  return { ...found, theta, value, ...m.inference({ theta, hess }) };
})"""


def test_fits_are_the_packages(ask):
    found = ask(FITS, [fit["points"] for fit in GOLDEN["fits"].values()])
    for (name, fit), values in zip(GOLDEN["fits"].items(), found, strict=True):
        expected = {key: value if key == "kind" else close(value) for key, value in fit.items() if key != "points"}
        assert values == expected, name


def test_a_fit_does_not_depend_on_its_start(ask):
    """A drag hands the last fit on, however far away it is."""
    points = GOLDEN["fits"]["students"]["points"]
    starts = [[0, 0], [30, -80], [-5, 20], [1.5, -4]]
    for fit in ("newton", "firth"):
        found = ask(
            f"(m, [points, starts]) => starts.map((start) => m.{fit}(points, {{ start }}).theta)", [points, starts]
        )
        assert found == [close(found[0])] * len(starts)


SEPARATION = [
    ([(1, 0), (2, 0), (3, 1)], "complete", 2.5, 1),
    ([(1, 1), (2, 0), (3, 0)], "complete", 1.5, -1),
    ([(1, 0), (2, 0), (2, 1)], "quasi", 2, 1),
    ([(1, 0), (3, 0), (2, 1)], "overlap", None, None),
    ([(1, 0), (2, 0)], "single", None, None),
    ([(2, 0), (2, 1)], "flat", None, None),
    ([], "single", None, None),
]


def test_separation_on_a_line(ask):
    points = [[{"x": x, "y": y} for x, y in case[0]] for case in SEPARATION]
    found = ask("(m, all) => all.map((points) => m.separated(points))", points)
    assert [(each["kind"], each.get("middle"), each.get("direction")) for each in found] == [
        case[1:] for case in SEPARATION
    ]


PATHS = """(m, [paths, epochs]) => paths.map(({ data, seed, mean, lr }) => {
  const points = torchlogit.data.points[data];
  const reduction = mean ? "mean" : "sum";
  const { w, b } = m.train(points, { lr, reduction, epochs: 1000, start: torchlogit.data.starts[seed] });
  const share = mean ? 1 / points.length : 1;
  return epochs.map((epoch) => [epoch, w[epoch], b[epoch], share * m.value(points, [w[epoch], b[epoch]])]);
})"""


def test_L12_L16_training_is_the_packages(ask):
    found = ask(PATHS, [GOLDEN["paths"], list(made.EPOCHS)])
    for path, at in zip(GOLDEN["paths"], found, strict=True):
        assert at == [close(expected) for expected in path["at"]], path


SURFACES = """(m, all) => all.map(({ data, loss, theta }) => {
  const at = m.taylor(torchlogit.data.points[data], theta, m[loss]);
  return { ...at, curvature: m.curvature(at.hess) };
})"""


def test_surfaces_are_autograds(ask):
    found = ask(SURFACES, GOLDEN["surfaces"])
    for at, values in zip(GOLDEN["surfaces"], found, strict=True):
        assert values == {key: close(at[key]) for key in ("value", "grad", "hess", "curvature")}, at


SHARES = """(m, by) => [m.bce, m.mse].map((loss) =>
  m.shareBendingDown(torchlogit.data.points.lesson, loss, [-8, 8], [-12, 12], { by }))"""


def test_squared_error_bends_down_where_bce_does_not(ask):
    """The share of the map of the page on surfaces, and the sign of every trace of it."""
    assert ask(SHARES, 1e-5) == close([GOLDEN["share"]["bce"], GOLDEN["share"]["mse"]])
    every = ask(SHARES, 0)
    assert every[0] == 0
    assert 0.94 < every[1] < 0.955
    for language in site.LANGUAGES:
        body = site.read_page("surfaces", language).body
        assert all(f"{percent} %" in body for percent in (63, 0, 95))


def test_saturation_on_the_page_is_autograds(read_page):
    page = read_page("surfaces")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("main > .scroll tbody tr").all()]
    for z, _, *shown in rows:
        at = {loss: made.derivatives(loss, made.table_of([1], [1]), [numbers([z])[0], 0.0]) for loss in ("bce", "mse")}
        pulls = [abs(at[loss]["grad"][0]) for loss in ("bce", "mse")]
        assert shown == [
            f"{pulls[0]:.5f}",
            f"{pulls[1]:.6f}",
            f"{pulls[0] / pulls[1]:,.0f} times".replace(",", "\u202f"),
        ]
    assert [row[0] for row in rows] == ["−2", "−5", "−10"]
    assert GOLDEN["saturation"] == {"bce": pytest.approx(0.99995, abs=1e-5), "mse": pytest.approx(9.08e-5, abs=1e-7)}


def row_of(fit):
    w, b = (float(part) for part in fit.theta.flip(0)[:, 0])
    four = float(fit.predict_proba({"hours": [4.0]})[0, 1])
    texts = (f"{w:.3f}", f"{b:.3f}", f"{torch.tensor(w).exp():.2f}", f"{-b / w:.2f}", f"{100 * four:.1f} %")
    return [text.replace("-", "−") for text in texts]


def test_L12_L16_what_1000_epochs_reach_of_the_optimum(read_page):
    """The table of the twenty students on both pages, against the package."""
    table = datasets.study_hours()
    expected = [row_of(torchlogit.fit(table, "passed"))]
    for reduction in ("sum", "mean"):
        with pytest.warns(NotCertifiedWarning):
            expected.append(
                row_of(torchlogit.fit(table, "passed", solver=SGD(lr=0.01, epochs=1000, reduction=reduction)))
            )
    for language, unit in (("en", " h"), ("zh", " 小时")):
        rows = read_page("infinite", language=language).locator("main > .scroll tbody tr").all()
        found = [row.locator("td").all_inner_texts()[1:] for row in rows]
        assert [[text.replace("\xa0", " ").removesuffix(unit) for text in row] for row in found] == expected
