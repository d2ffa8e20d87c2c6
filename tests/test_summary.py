"""A fit as text and as JSON: what is shown, what is not, and why."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from torchlogit import L1, L2, ElasticNet, Jeffreys, datasets, fit, load
from torchlogit.errors import ParameterError, TorchlogitWarning
from torchlogit.inference.quality import chi_squared
from torchlogit.render.numbers import number, odds, p_text
from torchlogit.render.text import fitted
from torchlogit.summary import summary, to_json


def text_of(fit, **settings):
    """The summary as it is printed."""
    return str(summary(fit, **settings))


pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")


def overlapping(n=200, seed=0, **columns):
    """Two classes that overlap, with whatever further columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-x)), "yes", "no")
    return {"x": x, "y": y} | {name: make(rng, n, x) for name, make in columns.items()}


def test_the_twenty_students():
    text = text_of(fit(datasets.study_hours(), "passed"))
    for part in (
        "-4.0777",
        "1.7610",
        "1.5046",
        "0.6287",
        "4.5026",
        "20 used, none dropped",
        "0 (10 rows), 1 (10 rows)",
    ):
        assert part in text
    assert "11.666 on 1 df, p < 0.001" in text
    assert "positive class is 1" in text
    assert "Certified" in text


def test_eighty_columns():
    data = overlapping(neighbourhood=lambda rng, n, x: rng.choice(["north", "south of the river", "west"], n))
    for result in (fit(data, "y"), fit(datasets.lesson(), "passed"), fit(data, "y", penalty=L2(1.0))):
        assert max(map(cell_len, text_of(result).splitlines())) <= 80


def test_fit_summary_is_this_one():
    result = fit(datasets.study_hours(), "passed")
    assert str(result.summary()) == text_of(result)


def test_a_penalised_fit_has_no_errors_and_says_why():
    text = text_of(fit(overlapping(), "y", penalty=L2(1.0)))
    assert "std." not in text
    assert "AIC   " not in text
    assert "No standard errors: the fit is penalised" in text
    assert "C = 1" in text


@pytest.mark.parametrize(
    ("penalty", "words"),
    [(L1(2.0), "L1, strength 2 (C = 0.5)"), (ElasticNet(1.0, 0.25), "l1_ratio 0.25"), (L2({"x": 3.0}), "by feature")],
)
def test_penalties_in_words(penalty, words):
    assert words in text_of(fit(overlapping(), "y", penalty=penalty))


def test_a_separated_fit_marks_what_is_infinite():
    text = text_of(fit(datasets.lesson(), "passed"))
    assert "+inf" in text
    assert "Not certified" in text
    assert "std." not in text
    assert "model test" not in text
    flipped = datasets.lesson()
    flipped["hours"] = -flipped["hours"]
    assert "-inf" in text_of(fit(flipped, "passed"))


def test_an_aliased_term_has_no_number():
    data = overlapping(twice=lambda rng, n, x: 2 * x)
    lines = text_of(fit(data, "y")).splitlines()
    assert any(line.split() == ["twice", "aliased"] for line in lines)
    assert any(line.startswith("Aliased: `twice` = 2 `x`") for line in lines)


def test_aliased_terms_do_not_count_as_degrees_of_freedom():
    plain, more = (fit(data, "y") for data in (overlapping(), overlapping(twice=lambda rng, n, x: 2 * x)))
    assert to_json(more)["aic"] == pytest.approx(to_json(plain)["aic"], rel=1e-12)


def test_more_than_two_classes_have_a_block_each():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = np.array(["low", "mid", "high"])[
        (x + rng.logistic(size=300) > 0).astype(int) + (x + rng.logistic(size=300) > 1)
    ]
    result = fit({"x": x, "y": y}, "y")
    text = text_of(result)
    assert [line for line in text.splitlines() if line.startswith("class ")] == [
        "class 'low' against 'high'",
        "class 'mid' against 'high'",
    ]
    assert "compared with class 'high'" in text
    assert "on 2 df" in text
    assert "positive" not in text
    assert to_json(result)["positive"] is None
    terms = to_json(result)["terms"]
    assert [(t["term"], t["class"]) for t in terms[3:]] == [("x", "high"), ("x", "low"), ("x", "mid")]
    blocks = text.split("\n\n")[2:4]
    terms = result.summary().to_dict()["terms"]
    for label, block in zip(("low", "mid"), blocks, strict=True):
        shown = next(line for line in block.splitlines() if line.startswith("x ")).split()[1]
        exact = next(t["estimate"] for t in terms if (t["term"], t["class"]) == ("x", label))
        assert float(shown) == pytest.approx(exact, abs=5e-5)


def test_the_linear_unit_has_no_odds():
    result = fit(overlapping(), "y", loss="squared")
    assert "odds" not in text_of(result)
    assert "log-likelihood" not in text_of(result)


def test_weights_are_told_as_weight():
    data = overlapping()
    text = text_of(fit(data, "y", weight=np.full(200, 0.5)))
    assert "weight)" in text
    assert "rows)" not in text


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "x\u202ey", "<script>", "n" * 10_000, "\0"])
def test_bad_080_names_are_escaped_and_cut(name):
    data = overlapping(**{name: lambda rng, n, x: rng.normal(size=n)})
    text = text_of(fit(data, "y"))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert max(map(cell_len, text.splitlines())) <= 80
    assert name in [term["term"] for term in json.loads(json.dumps(to_json(fit(data, "y"))))["terms"]]


def test_wide_letters_are_aligned():
    data = overlapping(**{"学习时间": lambda rng, n, x: rng.normal(size=n)})
    table = text_of(fit(data, "y")).split("\n\n")[2].splitlines()
    assert cell_len(table[3]) == cell_len(table[4])  # x and the Chinese name


def test_bad_129_tiny_p_values_are_bounded():
    assert p_text(math.log(0.5)) == "0.500"
    assert p_text(math.log(0.00099)) == "<0.001"
    assert p_text(-1254.1) == "<1e-300"
    result = fit(overlapping(n=60_000), "y")
    assert "<1e-300" in text_of(result)
    term = to_json(result)["terms"][1]
    assert term["z"] > 40
    assert term["log_p"] < -700
    assert math.isfinite(to_json(result)["model_test"]["log_p"])


def test_bad_130_odds_ratios_that_overflow_are_marked():
    assert odds(800) == ">1e308"
    assert odds(-800) == "<1e-307"
    data = overlapping()
    data["x"] = data["x"] / 1e6
    result = fit(data, "y")
    assert ">1e308" in text_of(result)
    assert "inf " not in text_of(result)
    assert to_json(result)["terms"][1]["odds_ratio"] is None


def test_the_tail_of_chi_squared():
    from scipy.stats import chi2

    for x, df in ((0.0, 1), (3.84, 1), (11.666, 7), (600.0, 30)):
        assert chi_squared(x, df) == pytest.approx(chi2.logsf(x, df), rel=1e-9)
    assert chi_squared(1380.0, 5) == pytest.approx(chi_squared(1381.0, 5) + 0.5, abs=0.01)  # where the formula changes


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (1e-300, "1.00e-300"),
        (0.0123, "0.0123"),
        (-9999, "-9999.0000"),
        (1e4, "1.00e+4"),
        (0.00999, "9.99e-3"),
    ],
)
def test_numbers(x, text):
    assert number(x) == text


def test_a_cut_name_keeps_its_level():
    assert fitted("neighbourhood=west", 12) == "neigh…d=west"
    assert cell_len(fitted("学" * 30, 13)) == 13


@pytest.mark.parametrize("data", [datasets.lesson(), datasets.study_hours()])
@pytest.mark.parametrize("penalty", [None, L1(0.1)])
def test_json_is_json(data, penalty):
    found = to_json(fit(data, "passed", penalty=penalty))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["schema"] == "torchlogit/fit/1"


def test_json_of_a_separated_fit():
    found = to_json(fit(datasets.lesson(), "passed"))
    assert found["status"] == "separated"
    assert not found["certified"]
    assert found["aic"] is None
    assert [term["infinite"] for term in found["terms"]] == [-1, 1]  # the intercept too
    assert found["terms"][1]["std_error"] is None


def test_warnings_are_part_of_the_summary():
    with pytest.warns(TorchlogitWarning):
        result = fit(datasets.lesson(), "passed")
    assert result.warnings[0][5:20] in text_of(result)


def test_many_classes_are_told_by_number():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 15, 600)
    assert "… (15 in all)" in text_of(fit({"x": rng.normal(size=600), "y": y}, "y", penalty=L2(1.0)))


ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_this_summary(readme):
    """All of it but the last digits of the certificate, which are rounding."""
    shown = re.search(r"```text\n(Logistic regression of .*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.S)[1]
    mine = text_of(fit(datasets.study_hours(), "passed")) + "\n"
    digits = re.compile(r"within \S+ of")
    assert digits.sub("", shown) == digits.sub("", mine)


def birth():
    """Two categories beside numbers, and some missing cells."""
    data = overlapping(race=lambda rng, n, x: rng.choice(["white", "black", "other"], n))
    data["x"] = np.where(np.arange(200) % 50 == 3, np.nan, data["x"])
    return data


def test_categories_have_a_heading_and_a_reference():
    result = fit(birth(), "y", reference={"race": "white"}, missing="drop")
    table = text_of(result).split("\n\n")[2].splitlines()
    start = table.index("race")
    assert table[start + 1].split() == ["white", "reference"]
    assert [line.split()[0] for line in table[start + 2 :]] == ["black", "other"]
    assert all(line.startswith("  ") for line in table[start + 1 :])
    assert "196 used, 4 dropped" in text_of(result)
    assert to_json(result)["reference"] == {"race": "white"}


def test_odds_ratios_have_their_own_interval():
    result = fit(overlapping(), "y")
    table = result.table(0.9)
    odds_row, plain_row = (
        next(line for line in text_of(result, level=0.9, odds=how).splitlines() if line.startswith("x ")).split()
        for how in (True, False)
    )
    assert [float(c) for c in odds_row[-3:]] == pytest.approx(
        [math.exp(v[1]) for v in (table.estimate, table.low, table.high)], abs=5e-5
    )
    assert [float(c) for c in plain_row[-2:]] == pytest.approx([table.low[1], table.high[1]], abs=5e-5)
    assert "90 %, Wald; standard errors from the inverse information" in text_of(result, level=0.9)
    with pytest.raises(ParameterError, match="no odds"):
        fit(overlapping(), "y", link="probit").summary(odds=True)
    assert "odds" not in text_of(fit(overlapping(), "y", link="probit"))
    with pytest.raises(ParameterError, match="interval"):
        result.summary(interval="exact")


def test_profile_intervals_in_the_table():
    result = fit(datasets.study_hours(), "passed")
    row = next(line for line in text_of(result, interval="profile").splitlines() if line.startswith("hours")).split()
    assert row[-3:] == ["4.5026", "1.6974", "23.2184"]
    assert "profile likelihood" in text_of(result, interval="profile")
    apart = fit(datasets.lesson(), "passed").summary(interval="profile", odds=False)
    row = next(line for line in str(apart).splitlines() if line.startswith("hours")).split()
    assert row[1] == row[-1] == "+inf"
    assert math.isfinite(float(row[-2]))


def test_events_are_rows_of_the_positive_class():
    data = overlapping()
    events = int((data["y"] == "yes").sum())
    assert f"events          {events} of 200 ({events / 2:.1f} %)" in text_of(fit(data, "y"))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a%b_c&d", "p|q`r", "年龄"])
def test_every_form_escapes_names(name):
    """The cells of every form are those of the text."""
    data = overlapping(**{name: lambda rng, n, x: rng.normal(size=n)})
    found = fit(data, "y").summary()
    assert "<script" not in found.to_html() + found.to_markdown()
    assert found._repr_html_() == found.to_html()
    assert found.to_html(page=True).startswith("<!doctype html>")
    assert (
        re.search(
            r"(?<!\\)[%_&]", re.search(r"\\midrule(.*)\\bottomrule", found.to_latex(), re.S)[1].replace(" & ", "")
        )
        is None
    )
    frame = found.to_frame()
    assert list(frame["term"]) == ["(Intercept)", "x", name]
    assert json.loads(found.to_json())["terms"][2]["term"] == name


def three_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = np.array(["low", "mid", "high"])[
        (x + rng.logistic(size=300) > 0).astype(int) + (x + rng.logistic(size=300) > 1)
    ]
    return {"x": x, "y": y}


def test_a_base_class_is_the_symmetric_fit_seen_from_it():
    """θ_c − θ_base, with the errors of statsmodels' MNLogit on the same classes."""
    import statsmodels.api as sm

    data = three_classes()
    result = fit(data, "y")
    for base in ("high", "low", "mid"):
        order = [base, *(c for c in ("high", "low", "mid") if c != base)]
        oracle = sm.MNLogit([order.index(c) for c in data["y"]], sm.add_constant(data["x"])).fit(disp=0, tol=1e-14)
        table = result.table(base=base)
        np.testing.assert_allclose(table.estimate.reshape(2, 2), oracle.params, rtol=1e-8)
        np.testing.assert_allclose(table.std_error.reshape(2, 2), oracle.bse, rtol=1e-8)
        np.testing.assert_allclose(table.p.reshape(2, 2), oracle.pvalues, rtol=1e-6)
        assert list(table.label[:2]) == order[1:]
        assert f"against '{base}'" in text_of(result, base=base)


def test_two_classes_against_the_second_turn_their_signs():
    result = fit(overlapping(), "y")
    first, second = result.table(base="no"), result.table(base="yes")
    np.testing.assert_array_equal(first.estimate, -second.estimate)
    np.testing.assert_array_equal(first.std_error, second.std_error)
    np.testing.assert_array_equal(first.low, result.table().low)
    np.testing.assert_allclose(first.low, -second.high, rtol=1e-14)


def test_a_strange_base_is_refused():
    result = fit(three_classes(), "y")
    with pytest.raises(ParameterError, match="'high', 'low', 'mid'"):
        result.summary(base="highest")
    with pytest.raises(ParameterError, match="log-odds"):
        fit(overlapping(), "y", link="probit").table(base="no")
    apart = {"x": [0.0, 1, 2, 3, 4, 5], "y": list("aabbcc")}
    separated = fit(apart, "y")
    with pytest.raises(ParameterError, match="infinite"):
        separated.table(base="a")
    assert "sum to 0" in text_of(separated)


def test_a_penalised_multinomial_fit_has_differences_and_no_errors():
    result = fit(three_classes(), "y", penalty=L2(1.0))
    text = text_of(result)
    assert "against 'high'" in text
    assert "std." not in text
    assert np.isnan(result.table(base="high").std_error).all()


def test_robust_errors_do_not_go_with_criteria_of_the_likelihood():
    """The test of all terms is Wald's, with the errors that stand in the table."""
    plain = fit(datasets.study_hours(), "passed")
    robust = plain.robust("HC3")
    text = text_of(robust)
    assert "AIC             20.06, BIC 22.05" in text_of(plain)
    assert "AIC  " not in text
    assert "McFadden" not in text
    z = float(robust.theta[1, 0] / robust.std_error[1, 0])
    assert f"Wald chi-squared {z * z:.3f} on 1 df" in text
    assert "No AIC, BIC or likelihood-ratio test: errors like these, HC3 (robust), are for" in " ".join(text.split())
    assert max(map(cell_len, text.splitlines())) <= 80
    record = to_json(robust)
    assert (record["aic"], record["bic"], record["model_test"]) == (None, None, None)
    assert record["covariance_kind"] == "HC3 (robust)"
    assert to_json(plain)["bic"] == pytest.approx(22.051, abs=5e-4)
    survey = fit(datasets.study_hours(), "passed", weight=np.full(20, 2.0), weights_are="sampling")
    assert "with sampling weights there is no likelihood" in " ".join(text_of(survey).split())
    assert np.isnan(survey.glance(library="dict")["aic"][0])


def test_firth_is_shown_as_logistf_shows_it(tmp_path):
    """Penalised profile intervals and tests where the rows are at hand, else Wald's; each says which it is."""
    firth = fit(datasets.study_hours(), "passed", penalty=Jeffreys())
    own, by = summary(firth), firth.profile()
    assert own.interval == "profile"
    np.testing.assert_array_equal(own.table.low, by.low)
    np.testing.assert_array_equal(own.table.log_p, by.log_p)
    assert f"penalised likelihood-ratio chi-squared {by.statistic[1]:.3f} on 1 df" in text_of(firth)
    firth.save(tmp_path / "m.safetensors")
    again = summary(load(tmp_path / "m.safetensors"))
    assert again.interval == "wald"
    assert "Wald (not of the penalised likelihood)" in " ".join(str(again).split())
    np.testing.assert_array_equal(again.table.low, firth.table().low)
    flac = summary(fit(datasets.study_hours(), "passed", penalty=Jeffreys(intercept="flac")))
    assert flac.interval == "wald"
    for shown in (own, again, flac):
        assert max(map(cell_len, str(shown).splitlines())) <= 80


def test_firth_is_told_to_broom():
    firth = fit(datasets.study_hours(), "passed", penalty=Jeffreys())
    tidy = firth.tidy(conf_int=True, interval="profile", library="dict")
    np.testing.assert_array_equal(tidy["conf_low"], firth.profile().low)
    glance = firth.glance(library="dict")
    assert glance["log_lik"] == [firth.log_likelihood]
    assert np.isnan([glance["aic"][0], glance["bic"][0]]).all()
    augment = firth.augment(library="dict")
    np.testing.assert_allclose(augment[".fitted"], firth.eta({"hours": datasets.study_hours()["hours"]})[:, 0])
    assert 0 < sum(augment[".hat"]) < 3


def test_classes_have_one_name_everywhere():
    """Whole numbers that pandas made decimal are written without a point."""
    data = datasets.study_hours()
    data["passed"] = np.asarray(data["passed"], dtype=float)
    result = fit(data, "passed")
    tables = (result.table(), result.profile(), fit(data, "passed", penalty=Jeffreys()).profile())
    assert {label for found in tables for label in found.label} == {"1"}
    shown = (result.predict_interval({"hours": [1.0]}), result.effects(), result.margins())
    assert all("1.0000 " not in str(table).splitlines()[-1][:12] for table in shown)
    lesson = datasets.lesson()
    lesson["passed"] = np.asarray(lesson["passed"], dtype=float)
    assert set(fit(lesson, "passed").limits().label) == {"1"}


def test_bounds_that_were_not_found_are_said_to_be_missing():
    shown = summary(fit(datasets.study_hours(), "passed", penalty=Jeffreys()))
    assert "Left empty" not in str(shown)
    high = shown.table.high.copy()
    high[1] = np.nan
    assert "Left empty at `hours`" in str(replace(shown, table=shown.table._replace(high=high)))


def test_a_fit_shows_itself_shortly_and_prints_its_summary():
    result = fit(datasets.study_hours(), "passed")
    assert repr(result) == "<Fit of `passed`: 2 coefficients, 20 rows, converged; print it for its summary>"
    assert str(result) == text_of(result)
    assert result._repr_html_() == result.summary().to_html()


def test_the_table_is_a_table():
    table = fit(datasets.study_hours(), "passed").table()
    shown = str(table).splitlines()[-1].split()
    assert shown[2:] == ["1.5046", "0.6287", "2.39", "0.017", "0.2724", "2.7369"]
    assert table.to_frame()["odds_ratio"].round(4).tolist() == [0.0169, 4.5026]


def test_profile_intervals_and_robust_errors_do_not_mix():
    result = fit(datasets.study_hours(), "passed", covariance="HC1")
    with pytest.raises(ParameterError, match="believes the likelihood"):
        result.summary(interval="profile")


def test_levels_of_an_interaction_are_named_by_levels():
    table = {**overlapping(), "g": np.tile(["a", "b"], 100), "h": np.repeat(["c", "d", "e", "c"], 50)}
    result = fit(table, "y ~ g * h")
    shown = [line.split()[0] for line in text_of(result).splitlines() if line.startswith("  b:")]
    assert shown == ["b:d", "b:e"]
