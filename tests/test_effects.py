"""Effects and margins against statsmodels, published numbers, numerical derivatives and their own invariances."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
import torch

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.moves import moves

RNG = np.random.default_rng(8)
N = 240
TABLE = {
    "age": RNG.normal(40, 10, N),
    "smoke": RNG.integers(0, 2, N),
    "school": np.array(["A", "B", "C"])[RNG.integers(0, 3, N)],
    "town": np.array(["x", "y"])[RNG.integers(0, 2, N)],
    "times": RNG.integers(1, 4, N).astype(float),
    "shift": RNG.normal(size=N),
}
ETA = 0.05 * (TABLE["age"] - 40) + TABLE["smoke"] - (TABLE["school"] == "B") + TABLE["shift"]
TABLE["passed"] = (ETA + RNG.logistic(size=N) > 0).astype(int)
TABLE["kind"] = np.array(["p", "q", "r"])[(np.outer(ETA, [0, 1, -0.5]) + RNG.gumbel(size=(N, 3))).argmax(1)]
FEATURES = ["age", "smoke", "school"]


def spector():
    data = sm.datasets.spector.load_pandas()
    table = {name.lower(): data.data[name].to_numpy() for name in ("GPA", "TUCE", "PSI", "GRADE")}
    return table, data.endog, sm.add_constant(data.exog, prepend=True)


def test_spector_has_its_published_effects():
    """Stata's: known-results A1."""
    table, _, _ = spector()
    found = torchlogit.fit(table, "grade").effects(discrete=False)
    np.testing.assert_allclose(found.effect, [0.36258083, 0.01220841, 0.30517770], atol=5e-9)
    np.testing.assert_allclose(found.std_error, [0.10944115, 0.01779416, 0.09237957], atol=5e-9)
    found = torchlogit.fit(table, "grade").effects(at="mean", discrete=False)
    np.testing.assert_allclose(found.effect, [0.53385882, 0.01797549, 0.44933928], atol=5e-9)
    np.testing.assert_allclose(found.std_error, [0.23703797, 0.02623691, 0.19676264], atol=5e-9)


def compare(found, other, rtol=1e-6, place=slice(None)):
    np.testing.assert_allclose(found.effect, np.asarray(other.margeff)[place].ravel(), rtol=rtol)
    np.testing.assert_allclose(found.std_error, np.asarray(other.margeff_se)[place].ravel(), rtol=rtol)
    if (found.std_error > 0).all():  # an elasticity where x is 0 is 0, and nothing to test
        np.testing.assert_allclose(found.p, np.asarray(other.pvalues)[place].ravel(), rtol=1e-5, atol=1e-12)
    else:
        np.testing.assert_array_equal(np.isnan(found.z), found.std_error == 0)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize(
    ("at", "dummy", "method"),
    [(at, False, method) for at in ("overall", "mean", "median") for method in ("dydx", "eydx", "dyex", "eyex")]
    + [(at, True, method) for at in ("overall", "mean") for method in ("dydx", "eydx")],
)
def test_effects_are_those_of_statsmodels(link, at, dummy, method):
    table, y, x = spector()
    model = {"logit": sm.Logit, "probit": sm.Probit}[link](y, x).fit(disp=0, method="newton", tol=1e-14)
    other = model.get_margeff(at=at, dummy=dummy, method=method)
    fit = torchlogit.fit(table, "grade", link=link)
    found = fit.effects(at=None if at == "overall" else at, discrete=dummy, method=method)
    compare(found, other)


def test_fair_is_that_of_statsmodels():
    """6366 rows, eight variables."""
    data = sm.datasets.fair.load_pandas().data
    y = (data.pop("affairs") > 0).astype(int)
    other = sm.Logit(y, sm.add_constant(data)).fit(disp=0, method="newton", tol=1e-14).get_margeff()
    fit = torchlogit.fit({**data, "y": y}, "y")
    compare(fit.effects(), other)


def test_anes96_is_that_of_statsmodels():
    """Seven classes."""
    data = sm.datasets.anes96.load_pandas()
    x = data.exog
    result = sm.MNLogit(data.endog, sm.add_constant(x, prepend=False)).fit(
        disp=0, method="newton", tol=1e-14, maxiter=100
    )
    fit = torchlogit.fit({**x, "y": data.endog}, "y")
    found = fit.effects()
    assert found.label[:7].tolist() == list("0123456")
    compare(found, result.get_margeff())
    for of_class in found.effect.reshape(5, 7):
        assert of_class.sum() == pytest.approx(0, abs=1e-13)


def by_hand(fit, table, move, scale=None):
    """An average and its standard error by numerical differentiation: ``move(rows of theta → probabilities)``."""
    theta = fit.theta_centred.numpy().ravel()

    def value(flat):
        return move(replace(fit, theta_centred=torch.from_numpy(flat.reshape(fit.theta_centred.shape))))

    size = np.linalg.norm(fit.covariance_root.numpy(), axis=1)
    steps = 1e-4 * np.diag(size)
    gradient = [
        (8 * (value(theta + h) - value(theta - h)) - value(theta + 2 * h) + value(theta - 2 * h)) / (12e-4 * s)
        for h, s in zip(steps, size, strict=True)
    ]
    return value(theta), np.linalg.norm(gradient @ fit.covariance_root.numpy())


@pytest.mark.parametrize("link", ["logit", "cloglog", "cauchit"])
def test_every_kind_of_effect_by_hand(link):
    """Slope, 0/1, levels and a step, with weights and an offset, at values of others."""
    fit = torchlogit.fit(TABLE, "passed", features=FEATURES, weight="times", offset="shift", link=link)
    s = TABLE["times"] / TABLE["times"].sum()

    def mean(one, **changes):
        rows = {**TABLE, **{name: np.full(N, value) for name, value in changes.items() if np.ndim(value) == 0}}
        rows |= {name: value for name, value in changes.items() if np.ndim(value)}
        return float(s @ one.predict_proba(rows, TABLE["shift"])[:, 1].numpy())

    h = 1e-3
    age = TABLE["age"]
    expected = [
        ("age", "dy/dx", lambda one: (8 * (mean(one, age=age + h) - mean(one, age=age - h))
                                      - mean(one, age=age + 2 * h) + mean(one, age=age - 2 * h)) / (12 * h)),
        ("smoke", "1 - 0", lambda one: mean(one, smoke=1) - mean(one, smoke=0)),
        ("school", "B - A", lambda one: mean(one, school="B") - mean(one, school="A")),
        ("school", "C - A", lambda one: mean(one, school="C") - mean(one, school="A")),
    ]  # fmt: skip
    found = fit.effects()
    assert list(zip(found.term, found.contrast, strict=True)) == [each[:2] for each in expected]
    for i, (_, _, move) in enumerate(expected):
        value, error = by_hand(fit, TABLE, move)
        assert found.effect[i] == pytest.approx(value, rel=1e-8)
        assert found.std_error[i] == pytest.approx(error, rel=1e-6)
    step = fit.effects("age", difference=5)
    value, error = by_hand(fit, TABLE, lambda one: mean(one, age=age + 5) - mean(one))
    assert (step.contrast[0], step.effect[0]) == ("+5", pytest.approx(value, rel=1e-10))
    assert step.std_error[0] == pytest.approx(error, rel=1e-7)
    there = fit.effects("smoke", at={"age": [30, 50], "school": "B"})
    assert there.at.tolist() == ["age = 30, school = B", "age = 50, school = B"]
    for i, a in enumerate((30, 50)):
        at = {"age": a, "school": "B"}
        value, error = by_hand(fit, TABLE, lambda one, at=at: mean(one, smoke=1, **at) - mean(one, smoke=0, **at))
        assert there.effect[i] == pytest.approx(value, rel=1e-10)
        assert there.std_error[i] == pytest.approx(error, rel=1e-7)
    margin = fit.margins({"school": ["A", "C"]})
    value, error = by_hand(fit, TABLE, lambda one: mean(one, school="C"))
    assert margin.probability[1] == pytest.approx(value, rel=1e-12)
    assert margin.std_error[1] == pytest.approx(error, rel=1e-7)


def test_margins_of_classes_and_groups():
    """They sum to 1; by group they are those of the group's rows alone; the whole is the groups' weighted mean."""
    fit = torchlogit.fit(TABLE, "kind", features=FEATURES, weight="times")
    found = fit.margins({"age": 50}, by="town")
    assert found.group.tolist() == ["x"] * 3 + ["y"] * 3
    np.testing.assert_allclose(found.probability.reshape(2, 3).sum(1), 1, rtol=1e-12)
    for i, town in enumerate("xy"):
        here = {name: column[TABLE["town"] == town] for name, column in TABLE.items()}
        p = fit.predict_proba({**here, "age": np.full(len(here["age"]), 50.0)}).numpy()
        np.testing.assert_allclose(found.probability[3 * i :][:3], here["times"] @ p / here["times"].sum(), rtol=1e-12)
        alone = fit.margins({"age": 50}, data=here)
        np.testing.assert_allclose(found.std_error[3 * i :][:3], alone.std_error, rtol=1e-9)
    share = [TABLE["times"][TABLE["town"] == town].sum() / TABLE["times"].sum() for town in "xy"]
    whole = fit.effects("smoke")
    parts = fit.effects("smoke", by="town")
    np.testing.assert_allclose(share @ parts.effect.reshape(2, 3), whole.effect, rtol=1e-12)
    assert ((found.low > 0) & (found.high < 1) & (found.low < found.probability)).all()
    at_mean = fit.effects("age", at="mean", by="town")
    alone = fit.effects("age", at="mean", data=here)
    np.testing.assert_allclose(at_mean.effect[3:], alone.effect, rtol=1e-12)
    np.testing.assert_allclose(at_mean.std_error[3:], alone.std_error, rtol=1e-9)


def test_weights_are_repeated_rows():
    weighted = torchlogit.fit(TABLE, "passed", features=FEATURES, weight="times")
    times = TABLE["times"].astype(int)
    repeated = torchlogit.fit(
        {name: np.repeat(column, times) for name, column in TABLE.items()}, "passed", features=FEATURES
    )
    for at in (None, "mean", "median"):
        one, two = weighted.effects(at=at), repeated.effects(at=at)
        np.testing.assert_allclose(one.effect, two.effect, rtol=1e-9)
        np.testing.assert_allclose(one.std_error, two.std_error, rtol=1e-8)


def test_two_classes_are_a_softmax_of_two_and_units_do_not_matter():
    one = torchlogit.fit(TABLE, "passed", features=FEATURES).effects()
    two = torchlogit.fit(TABLE, "passed", features=FEATURES, loss="softmax").effects()
    np.testing.assert_allclose(two.effect[1::2], one.effect, rtol=1e-8)
    np.testing.assert_allclose(two.std_error[::2], one.std_error, rtol=1e-7)
    moved = torchlogit.fit({**TABLE, "age": 1e6 + 1e-3 * TABLE["age"]}, "passed", features=FEATURES).effects()
    np.testing.assert_allclose(moved.effect * [1e-3, 1, 1, 1], one.effect, rtol=1e-6)
    np.testing.assert_allclose(moved.z, one.z, rtol=1e-6)


def test_blocks_matrices_and_sparse_rows_change_nothing(monkeypatch):
    from scipy.sparse import csr_array

    from torchlogit.inference import averages

    x = np.column_stack([TABLE["age"] - 40, TABLE["smoke"]])
    y = TABLE["passed"]
    expected = torchlogit.fit({"x1": x[:, 0], "x2": x[:, 1], "y": y}, "y").effects()
    monkeypatch.setattr(averages, "ENTRIES", 100)
    for rows in (x, torch.from_numpy(x), csr_array(x)):
        found = torchlogit.fit(rows, y).effects()
        assert found.term.tolist() == ["x1", "x2"]
        np.testing.assert_allclose(found.effect, expected.effect, rtol=1e-9)
        np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-8)
        median = torchlogit.fit(rows, y).effects(at="median", by=TABLE["town"])
        assert median.group.tolist() == ["x", "y"] * 2


def test_another_covariance_carries_over():
    fit = torchlogit.fit(TABLE, "passed", features=FEATURES)
    wider = replace(fit, covariance_root=2 * fit.covariance_root).effects()
    np.testing.assert_allclose(wider.std_error, 2 * fit.effects().std_error, rtol=1e-12)


def test_collinear_variables_have_no_effects_of_their_own():
    """`total` = `a` + `b`: no variable of the three can move alone; what moves them together, or none of them, is known."""
    table = {"a": RNG.normal(size=N), "b": RNG.normal(size=N), "smoke": TABLE["smoke"], "passed": TABLE["passed"]}
    plain = torchlogit.fit(table, "passed")
    with pytest.warns(torchlogit.AliasedWarning):
        fit = torchlogit.fit(
            {**table, "total": table["a"] + table["b"]}, "passed", features=["a", "b", "total", "smoke"]
        )
    found = fit.effects()
    assert found.term.tolist() == ["smoke"]
    assert [note[:18] for note in found.notes] == [
        "`a` is left out: t",
        "`b` is left out: t",
        "`total` is left out"[:18],
    ]
    np.testing.assert_allclose(found.effect, plain.effects("smoke").effect, rtol=1e-9)
    with pytest.raises(ParameterError, match="`a` has no effect of its own"):
        fit.effects("a")
    with pytest.raises(ParameterError, match="nothing is known"):
        fit.margins({"a": 1})
    known = fit.margins({"a": 1, "b": 1, "total": 2})
    np.testing.assert_allclose(known.std_error, plain.margins({"a": 1, "b": 1}).std_error, rtol=1e-8)


def test_what_is_shown():
    fit = torchlogit.fit(TABLE, "passed", features=FEATURES)
    shown = str(fit.effects())
    assert max(map(len, shown.splitlines())) <= 80
    assert "passed = 1" in shown
    assert "group" not in shown
    assert list(fit.effects().to_frame()["contrast"]) == ["dy/dx", "1 - 0", "B - A", "C - A"]
    assert "age = 30" in str(fit.margins({"age": [30, 50]}, by="town"))


def test_what_is_refused(tmp_path):
    fit = torchlogit.fit(TABLE, "passed", features=FEATURES)
    for call, message in [
        (lambda: fit.effects("aeg"), "Did you mean `age`"),
        (lambda: fit.effects(at={"school": "D"}), "no level"),
        (lambda: fit.effects(at={"age": "old"}), "is a number"),
        (lambda: fit.effects(at={"age": np.nan}), "is a number"),
        (lambda: fit.effects(at="mode"), "must be"),
        (lambda: fit.effects(method="dxdy"), "unknown method"),
        (lambda: fit.effects("school", method="eyex"), "no elasticity"),
        (lambda: fit.margins(level=1.5), "level"),
    ]:
        with pytest.raises(ParameterError, match=message):
            call()
    with pytest.raises(DataError, match="missing cells"):
        fit.effects(by=["x", None] * (N // 2))
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(TABLE, "passed", features=FEATURES, penalty=L2(1.0)).effects()
    with pytest.warns(torchlogit.NotCertifiedWarning):
        apart = torchlogit.fit({"x": np.arange(20.0), "y": np.repeat([0, 1], 10)}, "y")
    with pytest.raises(NotCertifiedError, match="no effects"):
        apart.margins()
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        again.effects()
    np.testing.assert_allclose(again.effects(data=TABLE).effect, fit.effects().effect, rtol=1e-12)


def test_saturated_averages_stay_in_bounds():
    table = datasets.study_hours()
    fit = torchlogit.fit(table, "passed")
    found = fit.margins({"hours": [-1e4, 1e4]})
    np.testing.assert_array_equal(found.probability, [0, 1])
    assert (found.low >= 0).all()
    assert (found.high <= 1).all()


GOLDEN = json.loads((Path(__file__).parent / "golden" / "effects.json").read_text())
FORMULAS = {
    "interaction": "low ~ age * smoke + lwt * C(race, Treatment('white'))",
    "powers": "low ~ poly(age, 3) + log(lwt) * smoke",
    "spline": "low ~ bs(age, df=5) + smoke + C(race, Treatment('white'))",
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_move_whole_variables(name):
    """Interactions, orthogonal powers, a logarithm, a spline: R's derivatives of its own model matrices."""
    golden = GOLDEN[name]
    fit = torchlogit.fit({name: np.array(column) for name, column in GOLDEN["data"].items()}, FORMULAS[name])
    found = fit.effects()
    names = [
        each.split(" - ")[0] if term == "race" else term for term, each in zip(found.term, found.contrast, strict=True)
    ]
    order = [names.index(each) for each in golden["names"]]
    assert len(order) == len(names)
    np.testing.assert_allclose(found.effect[order], golden["effect"], rtol=1e-7)
    np.testing.assert_allclose(found.std_error[order], golden["std_error"], rtol=1e-7)


def test_an_interaction_by_ai_and_norton():
    """Its effect is the difference of the effects of one variable at two values of the other; a power has none of its own."""
    fit = torchlogit.fit(TABLE, "passed ~ age * smoke + I(age**2)", offset="shift")
    found = fit.effects("age", at={"smoke": [0, 1]})
    theta = dict(zip(fit.names, fit.theta[:, 0].tolist(), strict=True))
    square = next(value for name, value in theta.items() if "2" in name)
    for i, smoke in enumerate((0, 1)):
        eta = fit.eta({**TABLE, "smoke": np.full(N, smoke)}, TABLE["shift"])[:, 0].numpy()
        slope = theta["age"] + 2 * square * TABLE["age"] + smoke * theta["age:smoke"]
        mu = 1 / (1 + np.exp(-eta))
        assert found.effect[i] == pytest.approx((mu * (1 - mu) * slope).mean(), rel=1e-9)
    assert fit.effects().term.tolist() == ["age", "smoke"]


def test_an_alias_within_a_formula_moves_with_its_variable():
    """`I(2 * age)` moves as age does, so the effect is known."""
    plain = torchlogit.fit(TABLE, "passed ~ age + smoke").effects()
    with pytest.warns(torchlogit.AliasedWarning):
        fit = torchlogit.fit(TABLE, "passed ~ age + I(2 * age) + smoke")
    np.testing.assert_allclose(fit.effects().effect, plain.effect, rtol=1e-8)
    np.testing.assert_allclose(fit.effects().std_error, plain.std_error, rtol=1e-7)


@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_columns_are_differentiated_to_many_digits(shift):
    """A logarithm near 0, powers far from 0: against the derivative of the formula itself."""
    x = np.concatenate([[1e-5], RNG.uniform(0.01, 3, N - 1)])
    table = {"x": x + shift, "y": (RNG.logistic(size=N) < x - 1).astype(int)}
    formula = "y ~ log(x)" if shift == 0 else "y ~ poly(x, 2)"
    fit = torchlogit.fit(table, formula)
    found = moves(fit.training).slopes(slice(0, N), {}, "x").numpy()
    if shift == 0:
        np.testing.assert_allclose(found[:, 0], 1 / x, rtol=1e-9)
    else:
        matrix = np.asarray(fit.training.x)
        line = np.polyfit(x - x.mean(), matrix[:, 1], 2)
        expected = [
            np.full(N, np.polyfit(x - x.mean(), matrix[:, 0], 1)[0]),
            np.polyval(np.polyder(line), x - x.mean()),
        ]
        np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-6, atol=1e-8)


def test_the_interval_of_a_margin_is_that_of_its_log_odds():
    """Of a single row under the logit it is the interval of its prediction."""
    fit = torchlogit.fit(TABLE, "passed", features=FEATURES)
    row = {"age": [50.0], "smoke": [1], "school": ["B"]}
    margin = fit.margins({name: cell[0] for name, cell in row.items()}, level=0.9)
    expected = fit.predict_interval(row, 0.9)
    for name in ("probability", "low", "high"):
        np.testing.assert_allclose(getattr(margin, name), getattr(expected, name), rtol=1e-9, err_msg=name)


def test_robust_and_firths_covariances_are_used():
    """Errors by numerical differentiation and the fit's own covariance, whichever it is."""
    plain = torchlogit.fit(TABLE, "passed", features=FEATURES)
    firth = torchlogit.fit(TABLE, "passed", features=FEATURES, penalty=torchlogit.Jeffreys())
    for fit in (plain.robust("HC1"), firth):

        def move(one):
            p = [one.predict_proba({**TABLE, "smoke": np.full(N, smoke)})[:, 1].mean() for smoke in (1, 0)]
            return float(p[0] - p[1])

        value, error = by_hand(fit, TABLE, move)
        found = fit.effects("smoke")
        assert found.effect[0] == pytest.approx(value, rel=1e-10)
        assert found.std_error[0] == pytest.approx(error, rel=1e-7)
        assert found.std_error[0] != pytest.approx(plain.effects("smoke").std_error[0], rel=1e-4)
