"""The tables behind pictures: slices, forests, nomograms, binned residuals."""

import numpy as np
import pytest
from pictures import births, births_fit
from scipy.special import expit, logit

import torchlogit
from torchlogit import L1, L2, Jeffreys, datasets, fit
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.nomogram import round_ticks

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.DataWarning")  # tables of few rows
STUDENTS = datasets.study_hours()
SPLIT = {"x": [1.0, 2, 3, 4, 5, 6], "z": [1.0, 0, 2, 1, 0, 1.5], "y": [0, 0, 0, 1, 1, 1]}


def multinomial(n=300):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=n), rng.choice(["a", "b"], n)
    place = (x + (g == "b") + rng.logistic(size=n)).round().clip(-1, 1).astype(int) + 1
    return {"x": x, "g": g, "y": np.array(["u", "v", "w"])[place]}


@pytest.fixture(scope="module")
def three():
    return fit(multinomial(), "y")


# curves and maps


def test_a_curve_is_predicted_with_the_others_held():
    found = births_fit().curves("lwt", at={"race": "black", "age": 30})
    rows = {
        name: np.full(200, column.mean() if name != "race" else "black")
        for name, column in births().items()
        if name in ("smoke", "ht", "ui")
    }
    rows |= {"lwt": found.x, "age": np.full(200, 30.0), "race": np.full(200, "black")}
    np.testing.assert_allclose(found.probability, births_fit().predict_proba(rows)[:, 1], rtol=1e-12)
    told = births_fit().predict_interval(rows)
    np.testing.assert_allclose([found.low, found.high], [told.low, told.high], rtol=1e-12)
    assert "race black" in found.held
    assert (found.x[0], found.x[-1]) == (births()["lwt"].min(), births()["lwt"].max())


def test_a_curve_of_few_rows_is_encoded_in_parts():
    result = fit({"x": [1.0, 2, 3, 4], "y": [0, 1, 0, 1]}, "y ~ x + I(x ** 2)")
    found = result.curves()
    eta = result.theta[0, 0].item() + result.theta[1, 0].item() * found.x + result.theta[2, 0].item() * found.x**2
    np.testing.assert_allclose(found.probability, expit(eta), rtol=1e-9)


def test_weights_weigh_the_means_that_others_are_held_at():
    table = {"x": [1.0, 2, 3, 4, 5, 6], "z": [0.0, 1, 0, 1, 3, 2], "n": [1, 2, 3, 1, 2, 1], "y": [0, 0, 1, 0, 1, 1]}
    weighted = fit(table, "y", weight="n").curves("x")
    again = {name: np.repeat(column, table["n"]) for name, column in table.items() if name != "n"}
    np.testing.assert_allclose(weighted.probability, fit(again, "y").curves("x").probability, rtol=1e-9)


def test_curves_of_three_classes_sum_to_one(three):
    found = three.curves()
    assert set(found.label) == {"u", "v", "w"}
    np.testing.assert_allclose(found.probability.reshape(3, -1).sum(0), 1, rtol=1e-12)
    assert found.points is None


def test_a_matrix_has_curves_too():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 2))
    result = fit(x, (x[:, 0] + rng.logistic(size=50) > 0).astype(int))
    found = result.curves("x2")
    rows = np.column_stack([np.full(200, x[:, 0].mean()), found.x])
    np.testing.assert_allclose(found.probability, result.predict_proba(rows)[:, 1], rtol=1e-12)


def test_a_map_is_the_probability_on_its_grid():
    found = births_fit().decision_map("age", "lwt")
    i = 81 * 40 + 7
    x, y = (np.linspace(births()[name].min(), births()[name].max(), 81) for name in ("age", "lwt"))
    assert (found.x[i], found.y[i]) == (x[7], y[40])
    row = {name: [births()[name].mean()] for name in ("smoke", "ht", "ui")} | {
        "race": ["white"],
        "age": [x[7]],
        "lwt": [y[40]],
    }
    told = births_fit().predict_interval(row)
    assert [c[i] for c in (found.probability, found.low, found.high)] == pytest.approx(
        [told.probability[0], told.low[0], told.high[0]], rel=1e-12
    )


def test_a_map_of_three_classes_is_of_one_of_them(three):
    data = multinomial()
    data["z"] = np.arange(300.0) % 7
    result = fit(data, "y")
    found = result.decision_map(label="v")
    assert found.outcome == "y = v"
    with pytest.raises(ParameterError, match="which class"):
        result.decision_map()
    with pytest.raises(ParameterError, match="positive class"):
        births_fit().decision_map(label=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: births_fit().curves("race"), "not a numeric feature"),
        (lambda: births_fit().curves("lvt"), "Did you mean `lwt`"),
        (lambda: fit(STUDENTS, "passed").decision_map(), "two for a map"),
        (lambda: births_fit().curves("age", at={"race": "green"}), "no level"),
        (lambda: births_fit().curves("age", level=2), "level"),
    ],
)
def test_what_cannot_be_sliced_is_refused(wrong, said):
    with pytest.raises(ParameterError, match=said):
        wrong()


def test_without_errors_there_is_a_curve_and_a_note():
    found = fit(STUDENTS, "passed", penalty=L2(1.0)).curves()
    assert np.isfinite(found.probability).all()
    assert np.isnan(found.low).all()
    assert "penalised" in found.notes[0]


# forest


def test_the_forest_has_references_counts_and_the_tables_numbers():
    found = births_fit().forest(interval="wald")
    table = births_fit().table()
    race = births()["race"]
    assert found.value[found.term == "race"].tolist() == ["white", "black", "other"]
    rows = {(t, v): i for i, (t, v) in enumerate(zip(found.term, found.value, strict=True))}
    for level in ("white", "black", "other"):
        i, here = rows["race", level], race == level
        assert (found.n[i], found.events[i]) == (here.sum(), births()["low"][here].sum())
    i = rows["race", "white"]
    assert (found.odds_ratio[i], found.low[i], found.high[i], found.reference[i]) == (1, 1, 1, True)
    i, j = rows["race", "black"], table.term.index("race=black")
    np.testing.assert_allclose(
        [found.odds_ratio[i], found.low[i], found.high[i], found.log_p[i]],
        [*np.exp([table.estimate[j], table.low[j], table.high[j]]), table.log_p[j]],
        rtol=1e-12,
    )


def test_steps_multiply_the_logarithm():
    one, ten = (births_fit().forest(interval="wald", steps={"age": step}) for step in (1, 10))
    (i,) = np.flatnonzero(one.term == "age")
    np.testing.assert_allclose(one.odds_ratio[i] ** 10, ten.odds_ratio[i], rtol=1e-12)
    np.testing.assert_allclose(one.low[i] ** 10, ten.low[i], rtol=1e-12)
    assert ten.names_of_rows()[i] == "age, per 10"
    np.testing.assert_allclose(births_fit().forest(interval="wald", steps=10).odds_ratio[i], ten.odds_ratio[i])


def test_frequencies_count_and_other_weights_do_not():
    table = {"g": list("aabb"), "y": [0, 1, 0, 1], "n": [3.0, 2, 5, 4]}
    counted, told = fit(table, "y", weight="n").forest(), fit(table, "y", weight="n", weights_are="sampling").forest()
    assert (counted.n.tolist(), counted.events.tolist()) == ([5, 9], [2, 4])
    assert (told.n.tolist(), told.events.tolist()) == ([2, 2], [1, 1])
    trials = fit({"g": list("ab"), "s": [2, 4], "f": [3, 5]}, "s + f ~ g").forest()
    assert (trials.n.tolist(), trials.events.tolist()) == ([5, 9], [2, 4])


def test_the_forest_by_profile_is_the_default_of_small_fits():
    found, by = births_fit().forest(), births_fit().profile()
    assert found.interval == "profile"
    (i,) = np.flatnonzero(found.term == "smoke")
    assert found.high[i] == pytest.approx(np.exp(by.high[by.term.index("smoke")]), rel=1e-12)


def test_three_classes_are_compared_with_a_base(three):
    found, table = three.forest(base="v", interval="wald"), three.table(base="v")
    assert list(dict.fromkeys(found.label)) == ["u", "w"]
    i = int(np.flatnonzero((found.term == "x") & (found.label == "w"))[0])
    j = next(j for j, row in enumerate(zip(table.term, table.label, strict=True)) if row == ("x", "w"))
    assert found.odds_ratio[i] == pytest.approx(np.exp(table.estimate[j]), rel=1e-12)
    reference = (found.value == "a") & (found.label == "w")
    data = multinomial()
    assert found.events[reference] == ((data["g"] == "a") & (data["y"] == "w")).sum()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_separated_data_have_the_bound_that_there_is():
    result = fit(SPLIT, "y")
    found = result.forest()
    (i,) = np.flatnonzero(found.term == "x")
    assert found.odds_ratio[i] == np.inf
    assert found.high[i] == np.inf
    assert 1 < found.low[i] == pytest.approx(np.exp(result.profile().low[1]))
    assert found.why[i] == ""
    wald = result.forest(interval="wald")
    assert wald.why[i] == "infinite: classes split"


@pytest.mark.parametrize("penalty", [L2(1.0), L1(0.5)], ids=["L2", "L1"])
def test_penalised_odds_ratios_are_told_without_an_interval(penalty):
    found = fit(births(), "low", penalty=penalty).forest()
    assert set(found.why[~found.reference]) == {"penalised"}
    assert np.isfinite(found.odds_ratio).all()
    assert np.isnan(found.low[~found.reference]).all()


def test_firths_odds_ratios_have_intervals():
    found = fit(births(), "low", penalty=Jeffreys()).forest()
    assert (found.why == "").all()


def test_what_compares_nothing_by_itself_says_so():
    found = fit(births(), "low ~ smoke * ht + bs(age, 4) + lwt").forest(interval="wald")
    why = dict(zip(found.term, found.why, strict=True))
    assert why["smoke"] == why["smoke:ht"] == "in several terms"
    assert why["bs(age, 4)"] == "several coefficients"
    assert why["lwt"] == ""


def test_links_without_odds_ratios_are_refused():
    with pytest.raises(ParameterError, match="probit has no odds ratios"):
        fit(STUDENTS, "passed", link="probit").forest()
    with pytest.raises(ParameterError, match="nothing to compare"):
        fit(STUDENTS, "passed ~ 1").forest()


def test_a_model_from_a_file_has_a_forest_without_counts(tmp_path):
    births_fit().save(tmp_path / "m.safetensors")
    found = torchlogit.load(tmp_path / "m.safetensors").forest()
    assert np.isnan(found.n).all()
    assert "n" not in found.columns()
    assert found.interval == "wald"


# nomogram


def rows(n=40, seed=0):
    """Rows of the births, mixed anew."""
    rng = np.random.default_rng(seed)
    return {name: rng.choice(column, n) for name, column in births().items()}


@pytest.mark.parametrize(
    "how",
    [
        {"target": "low"},
        {"target": "low", "penalty": L2(1.0)},
        {"target": "low", "penalty": L1(2.0)},
        {"target": "low", "link": "probit"},
        {"target": "low", "link": "cloglog"},
        {"target": "low ~ race + lwt + age + C(smoke, Sum)"},
    ],
    ids=["logit", "L2", "L1", "probit", "cloglog", "formula"],
)
def test_a_nomogram_reads_back_as_the_probability(how):
    result = fit(births(), **how)
    found, table = result.nomogram(), rows()
    p = result.predict_proba(table)[:, 1].numpy()
    read = [found.read({name: column[i] for name, column in table.items()})[1] for i in range(40)]
    np.testing.assert_allclose(read, p, rtol=1e-9)
    assert found.points.min() == 0
    assert found.points.max() == pytest.approx(100)
    np.testing.assert_allclose(found.probability(found.scale.total), found.scale.probability, rtol=1e-9)


def test_a_curved_part_is_read_between_ticks():
    result = fit(births(), "low ~ bs(age, 4) + lwt")
    found, table = result.nomogram(), rows()
    p = result.predict_proba(table)[:, 1].numpy()
    read = [found.read({"age": table["age"][i], "lwt": table["lwt"][i]})[1] for i in range(40)]
    np.testing.assert_allclose(logit(read), logit(p), atol=0.05)
    age = found.number[found.variable == "age"]
    assert (age.min(), age.max()) == (births()["age"].min(), births()["age"].max())


def test_powers_of_a_variable_are_one_scale():
    found = fit(births(), "low ~ age + I(age ** 2) + lwt").nomogram()
    assert list(dict.fromkeys(found.variable)) == ["age", "lwt"]


def test_a_variable_that_moves_nothing_has_no_scale():
    strong = {"age": 1e4, "lwt": 0.0, "smoke": 0.0, "ht": 0.0, "ui": 0.0, "race=white": 0.0, "race=other": 0.0}
    assert "age" not in fit(births(), "low", penalty=L1(strong)).nomogram().variable


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_has_no_nomogram_is_refused(three):
    with pytest.raises(ParameterError, match="two classes"):
        three.nomogram()
    with pytest.raises(ParameterError, match="smoke:ht"):
        fit(births(), "low ~ smoke * ht").nomogram()
    with pytest.raises(NotCertifiedError, match="no nomogram"):
        fit(SPLIT, "y").nomogram()
    found = births_fit().nomogram()
    with pytest.raises(ParameterError, match="`lwt` as well"):
        found.read({"age": 20})
    row = {name: column[0] for name, column in births().items()}
    with pytest.raises(ParameterError, match="outside its scale"):
        found.read({**row, "age": 500})
    with pytest.raises(ParameterError, match="no level 'green'"):
        found.read({**row, "race": "green"})


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.31), (-5, 17), (1e6, 3e6), (2, 2), (-1e-9, 1e-9)])
def test_round_ticks_enclose_and_are_few(low, high):
    ticks = round_ticks(low, high)
    assert ticks[0] <= low + 1e-12
    assert ticks[-1] >= high - 1e-12
    assert 2 <= len(ticks) <= 10
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0])


# binned residuals


def test_binned_residuals_are_means_with_the_models_errors():
    result = births_fit()
    found = result.binned_residuals()
    p, y = result.predict_proba(births())[:, 1].numpy(), births()["low"]
    assert len(found.n) == 13  # √189
    assert found.n.sum() == 189
    for j in (0, 5, 12):
        here = (p >= found.low[j] - 1e-9) & (p <= found.high[j] + 1e-9)
        assert here.sum() == found.n[j]
        assert found.residual[j] == pytest.approx((y - p)[here].mean(), abs=1e-12)
        assert found.two_errors[j] == pytest.approx(2 * np.sqrt((p * (1 - p))[here].sum()) / here.sum(), rel=1e-12)
    assert (found.n * found.residual).sum() == pytest.approx(0, abs=1e-6)  # the intercept's equation


def test_counts_and_frequencies_are_as_their_rows():
    rng = np.random.default_rng(0)
    x = np.repeat(np.arange(8.0), 20)
    y = (rng.logistic(size=160) < x - 4).astype(int)
    single = fit({"x": x, "y": y}, "y").binned_residuals("x", bins=4)
    s = np.bincount(x.astype(int), y)
    counts = fit({"x": np.arange(8.0), "s": s, "f": 20 - s}, "s + f ~ x").binned_residuals("x", bins=4)
    for name in ("x", "residual", "two_errors"):
        np.testing.assert_allclose(getattr(counts, name), getattr(single, name), rtol=1e-6, atol=1e-9)
    both = np.concatenate([np.arange(8.0)] * 2), np.repeat([1, 0], 8), np.concatenate([s, 20 - s])
    weighted = fit(dict(zip(("x", "y", "n"), both, strict=True)), "y", weight="n").binned_residuals("x", bins=4)
    np.testing.assert_allclose(weighted.two_errors, single.two_errors, rtol=1e-6)


def test_about_one_bin_in_twenty_lies_outside_under_the_model():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20000, 2))
    y = (x @ [1.0, -0.5] + rng.logistic(size=20000) > 0).astype(int)
    found = fit(x, y).binned_residuals()
    assert len(found.n) == 141
    assert 1 <= found.outside <= 15
    wrong = fit(x, ((x[:, 0] ** 2 - 1 + rng.logistic(size=20000)) > 0).astype(int)).binned_residuals("x1")
    assert wrong.outside > 60


def test_binned_residuals_that_cannot_be_are_refused(three):
    with pytest.raises(ParameterError, match="two classes"):
        three.binned_residuals()
    with pytest.raises(ParameterError, match="is a category"):
        births_fit().binned_residuals("race")
    with pytest.raises(ParameterError, match="bins must be"):
        births_fit().binned_residuals(bins=0)
    few = fit({"x": [1.0, 2, 3], "y": [0, 1, 0]}, "y", penalty=L2(1.0)).binned_residuals()
    assert few.n.sum() == 3


# quantile residuals


def test_quantile_residuals_lie_between_the_two_values_of_the_distribution():
    from scipy.stats import binom, norm

    table = {"x": np.arange(12.0), "s": [0, 0, 1, 2, 1, 3, 4, 3, 5, 4, 5, 6], "f": [6, 5, 5, 4, 6, 3, 2, 3, 1, 1, 0, 0]}
    result = fit(table, "s + f ~ x")
    found = result.quantile_residuals()
    p = result.predict_proba({"x": table["x"]})[:, 1].numpy()
    s, m = np.array(table["s"]), np.array(table["s"]) + np.array(table["f"])
    u = norm.cdf(found.residual)[np.argsort(found.row)]
    assert ((u >= binom.cdf(s - 1, m, p) - 1e-12) & (u <= binom.cdf(s, m, p) + 1e-12)).all()


def test_quantile_residuals_are_normal_under_the_model_and_see_what_scatters_more():
    from scipy.stats import kstest

    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    calm, wild = (rng.binomial(30, expit(x + spread * rng.normal(size=500))) for spread in (0, 0.8))
    good, bad = (fit({"x": x, "s": s, "f": 30 - s}, "s + f ~ x").quantile_residuals() for s in (calm, wild))
    assert kstest(good.residual, "norm").pvalue > 0.01
    assert good.residual.std() == pytest.approx(1, abs=0.1)
    assert bad.residual.std() > 1.5
    assert good.outside < 60 < 200 < bad.outside
    single = fit(births(), "low").quantile_residuals(seed=3)
    assert kstest(single.residual, "norm").pvalue > 0.01
    assert not np.array_equal(single.residual, births_fit().quantile_residuals(seed=4).residual)


def test_rows_far_out_have_finite_quantile_residuals():
    x = np.r_[np.linspace(-3, 3, 60), 500.0, -500.0]
    y = np.r_[(np.linspace(-3, 3, 60) + np.tile([2, -2], 30) > 0), 0, 1].astype(int)
    result = fit({"x": x[:60], "y": y[:60]}, "y")
    found = result.quantile_residuals(data={"x": x, "y": y})
    assert np.isfinite(found.residual).all()
    assert found.row[[0, -1]].tolist() == [61, 62]
    assert found.residual[-1] > 8


def test_quantile_residuals_that_cannot_be_are_refused(three):
    with pytest.raises(ParameterError, match="two classes"):
        three.quantile_residuals()
    with pytest.raises(ParameterError, match="without weights"):
        fit(births() | {"n": np.full(189, 2)}, "low", weight="n").quantile_residuals()


@pytest.mark.parametrize("name", ["curves", "forest", "nomogram", "binned_residuals", "quantile_residuals"])
def test_tables_print_and_become_frames_and_json(name):
    found = getattr(births_fit(), name)()
    assert str(found)
    assert len(found.to_frame()) == len(next(iter(found.columns().values())))
    assert found.to_json().startswith("{")
