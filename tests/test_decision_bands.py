"""Bands of uncertain answers: chosen from costs, from a wanted error rate, from a wanted coverage; and decisions by them."""

import json
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom
from scores import three_classes

import torchlogit
from torchlogit import Band, band_from_costs, datasets
from torchlogit.decision.band import band, band_for_coverage, band_for_error
from torchlogit.decision.cuts import CUTS, cut_for_coverage, ranks, rows_needed
from torchlogit.decision.words import EN, ZH, guarantee
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.scored import scored, scored_arrays
from torchlogit.model import decided

FEW = settings(max_examples=100, deadline=None, derandomize=True, database=None)
COST = st.floats(0.01, 100)
CLASSES = np.array(["no", "yes"])


def two_classes(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": rng.random(n) < 1 / (1 + np.exp(-3 * x[:, 0] + x[:, 1]))})


@pytest.fixture(scope="module")
def fitted():
    table = two_classes()
    return torchlogit.fit(table[:1000], "y"), table[1000:]


@pytest.fixture(scope="module")
def fitted3():
    table = three_classes(1500, slope=3.0)
    return torchlogit.fit(table[:700], "y"), table[700:]


def students():
    return torchlogit.fit(datasets.study_hours(), "passed")


# Costs


@FEW
@given(COST, COST, st.floats(0, 100), st.floats(0, 1))
def test_a_band_from_costs_takes_the_cheapest_answer(false_yes, false_no, ask, p):
    each = {"yes": (1 - p) * false_yes, "no": p * false_no, "uncertain": ask}
    found = decided(np.array([[1 - p, p]]), CLASSES, band_from_costs(false_yes, false_no, ask))[0]
    assert each[found] <= min(each.values()) * (1 + 1e-9) + 1e-12 or (
        found == "uncertain" and each["yes"] == each["no"]
    )


@FEW
@given(st.integers(3, 6), COST, st.floats(0, 100), st.integers(0, 2**32))
def test_of_several_classes_as_well(size, error, ask, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(size))
    found = decided(p[None], np.arange(size), band_from_costs(error, error, ask, classes=size))[0]
    mine = ask if found == "uncertain" else (1 - p[found]) * error
    assert mine <= min(ask, (1 - p.max()) * error) * (1 + 1e-9) + 1e-12


def test_where_asking_never_pays_there_is_one_line():
    low, high = band_from_costs(10, 2, 5)
    assert low == high == pytest.approx(10 / 12)
    assert decided(np.array([[0.2, 0.8], [0.1, 0.9]]), CLASSES, (low, high)).tolist() == [
        "no",
        "yes",
    ]  # not the most probable
    assert tuple(band_from_costs(1, 1, 0.9, classes=3)) == (0.0, pytest.approx(0.1))
    assert tuple(band_from_costs(1, 1, 2, classes=3)) == (0.0, 0.0)
    assert tuple(band_from_costs(1, 1, 0)) == (0.0, 1.0)  # asking is free


@pytest.mark.parametrize("costs", [(0, 1, 1), (1, -1, 1), (1, 1, -0.1), (np.inf, 1, 1), (1, np.nan, 1)])
def test_costs_that_mean_nothing(costs):
    with pytest.raises(ParameterError, match="numbers above 0"):
        band_from_costs(*costs)


def test_unequal_costs_of_several_classes_are_refused(fitted3):
    with pytest.raises(ParameterError, match="every error costs the same"):
        fitted3[0].band(costs=(2, 1, 0.2))
    assert tuple(fitted3[0].band(costs=(2, 2, 0.5))) == (0.0, 0.75)


# A wanted error rate


def by_hand(p, y, max_error, confidence):
    """The band by loops and scipy.stats: (decided, wrong) of the last number of rows that passes, and its bound."""
    sure, wrong = np.maximum(p, 1 - p).round(12), (p > 0.5) != y
    order, best = sorted(sure, reverse=True), None
    for m in ranks(len(p), rows_needed(max_error, confidence)):
        cut = max(order[m], 0.5) if m < len(p) else 0.5
        n, k = int((sure > cut).sum()), int(wrong[sure > cut].sum())
        if binom.cdf(k, n, max_error) <= (1 - confidence) / CUTS:
            best = n, k, beta.ppf(1 - (1 - confidence) / CUTS, k + 1, n - k)
    return best


@pytest.mark.parametrize(("max_error", "confidence"), [(0.05, 0.95), (0.1, 0.99), (0.2, 0.5)])
@pytest.mark.parametrize("digits", [None, 2, 1])  # few digits: many ties
@pytest.mark.parametrize("seed", range(3))
def test_a_band_for_an_error_rate_by_hand(max_error, confidence, digits, seed):
    rng = np.random.default_rng(seed)
    p = rng.random(800) if digits is None else rng.random(800).round(digits)
    y = rng.random(800) < p
    expected = by_hand(p, y, max_error, confidence)
    if expected is None:
        with pytest.raises(DataError, match="cannot be promised"):
            band_for_error(scored_arrays(y, p), max_error, confidence)
        return
    found = band_for_error(scored_arrays(y, p), max_error, confidence)
    n, k, bound = expected
    assert found.decided == n / 800
    assert found.error == k / n
    assert found.bound == pytest.approx(bound, rel=1e-9)
    assert found.error < found.bound <= max_error
    said = decided(np.column_stack([1 - p, p]), CLASSES, found)
    assert (said != "uncertain").sum() == n
    assert ((said == "yes") != y)[said != "uncertain"].sum() == k


def test_how_many_rows_it_takes():
    p = np.linspace(0.9, 0.99, 117)
    assert rows_needed(0.05) == 117
    found = band_for_error(scored_arrays(np.ones(117), p, classes=[0, 1]), 0.05)
    assert (found.decided, found.error) == (1.0, 0.0)
    assert found.bound <= 0.05
    with pytest.raises(DataError, match="from 116 rows: it takes 117 at the least"):
        band_for_error(scored_arrays(np.ones(116), p[:116], classes=[0, 1]), 0.05)


def test_rows_that_cannot_carry_the_promise():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    with pytest.raises(
        DataError, match=r"most certain of 500 rows \d+ are decided wrongly, which bounds the rate by 0\.\d+"
    ):
        band_for_error(scored_arrays(rng.random(500) < 0.5, p), 0.05)


def test_rows_the_model_has_seen_promise_nothing():
    with pytest.raises(ParameterError, match="not fitted to"):
        band_for_error(scored(students()), 0.3)
    with pytest.raises(ParameterError, match="not fitted to"):
        band_for_coverage(scored(students()), 0.3)


def test_weights_are_numbers_of_rows_or_refused():
    rng = np.random.default_rng(1)
    p, w = rng.random(400), rng.integers(0, 4, 400)
    y = rng.random(400) < p
    found = band_for_error(scored_arrays(y, p, w), 0.2)
    again = band_for_error(scored_arrays(np.repeat(y, w), np.repeat(p, w)), 0.2)
    assert (found.low, found.high, found.bound, found.n) == (again.low, again.high, again.bound, w.sum())
    for choose in (lambda rows: band_for_error(rows, 0.15), lambda rows: band_for_coverage(rows, 0.5)):
        with pytest.raises(ParameterError, match=r"weights such as \d?\.?5 are no numbers"):
            choose(scored_arrays(y, p, w + 0.5))
    with pytest.raises(DataError, match="stand for"):
        band_for_error(scored_arrays(y, p, w * 1e9), 0.15)
    with pytest.raises(DataError, match="needs rows"):
        band_for_error(scored_arrays(y, p, 0 * w), 0.15)


def test_sampling_weights_are_refused_even_if_whole(fitted):
    table = fitted[1].assign(w=2.0)
    model = torchlogit.fit(two_classes(seed=3).assign(w=2.0), "y", weight="w", weights_are="sampling")
    with pytest.raises(ParameterError, match="weights"):
        model.band(table, max_error=0.1)


def test_the_order_of_rows_does_not_matter(fitted):
    fit, table = fitted
    assert tuple(fit.band(table, max_error=0.1)) == tuple(fit.band(table.sample(frac=1, random_state=0), max_error=0.1))


def test_decisions_by_the_band_are_those_that_were_counted(fitted, fitted3):
    for fit, table in (fitted, fitted3):
        found = fit.band(table, max_error=0.1)
        said = fit.decide(table, found)
        sure = said != "uncertain"
        assert 0 < found.decided == sure.mean() < 1
        assert found.error == (said[sure] != table["y"][sure]).mean()
        assert fit.decide(table, "auto", calibration=table, max_error=0.1).tolist() == said.tolist()


def test_equal_rows_are_decided_alike():
    """Probabilities that differ by rounding only: the rows that set the cut are on the same side as their equals."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.integers(0, 12, 3000) / 3.0})
    table["y"] = rng.random(3000) < 1 / (1 + np.exp(4 - 2 * table.x))
    fit = torchlogit.fit(table[:1000], "y")
    found = fit.band(table[1000:], max_error=0.1)
    assert (fit.decide(table[1000:], found) != "uncertain").mean() == found.decided
    alone = [fit.decide({"x": [x]}, found)[0] for x in table.x.unique()]
    together = fit.decide({"x": table.x.unique()}, found)
    assert alone == together.tolist()


# A wanted coverage


@FEW
@given(st.lists(st.integers(0, 6), min_size=2, max_size=9), st.sampled_from([0.1, 0.28, 0.5, 0.75, 0.8, 0.9, 1.0]))
def test_a_promised_coverage_exactly(values, coverage):
    """Of n + 1 exchangeable certainties each is the new one equally often: at least ``coverage`` of them are decided."""
    certainty = 0.6 + np.array(values) / 20
    said = [c > cut_for_coverage(np.delete(certainty, i), coverage, 0.5) for i, c in enumerate(certainty)]
    assert Fraction(int(np.sum(said)), len(said)) >= Fraction(str(coverage))


def test_and_not_much_more():
    certainty = np.linspace(0.51, 0.99, 100)
    said = [c > cut_for_coverage(np.delete(certainty, i), 0.8, 0.5) for i, c in enumerate(certainty)]
    assert np.mean(said) == 0.8


def test_a_band_for_coverage(fitted, fitted3):
    for fit, table in (fitted, fitted3):
        found = fit.band(table, coverage=0.6)
        said = fit.decide(table, found)
        assert found.decided == (said != "uncertain").mean() == pytest.approx(0.6, abs=0.002)
        assert found.error == (said != table["y"])[said != "uncertain"].mean()
        assert "at least 60 % of new cases" in found.guarantee


def test_nothing_speaks_for_either_class():
    with pytest.raises(DataError, match=r"3 of 4 rows have a probability of exactly 0.5"):
        band_for_coverage(scored_arrays([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.9]), 0.9)


# The door, and the band itself


def test_exactly_one_thing_is_wanted(fitted):
    fit, table = fitted
    for wanted in ({}, {"max_error": 0.1, "coverage": 0.5}, {"costs": (1, 1, 1), "coverage": 0.5}):
        with pytest.raises(ParameterError, match="one of the three"):
            fit.band(table, **wanted)
    with pytest.raises(ParameterError, match="leave the calibration rows out"):
        fit.band(table, costs=(1, 1, 1))
    with pytest.raises(ParameterError, match="three numbers"):
        fit.band(costs=(1, 1))
    for name, value in (("max_error", 0), ("max_error", 1.5), ("coverage", 0), ("coverage", 1.1)):
        with pytest.raises(ParameterError, match=name):
            fit.band(table, **{name: value})
    with pytest.raises(ParameterError, match="confidence"):
        fit.band(table, max_error=0.1, confidence=1)


def test_a_band_is_given_or_chosen(fitted):
    fit, table = fitted
    with pytest.raises(ParameterError, match="max_error and calibration choose a band"):
        fit.decide(table, (0.4, 0.6), calibration=table, max_error=0.1)
    with pytest.raises(ParameterError, match="one of the three"):
        fit.decide(table, "auto")
    for wrong in ("atuo", (0.6, 0.4), (0.4,), 0.5, (0.4, 1.6), None, ("a", "b"), Band(0.0, 0.7, classes=3)):
        with pytest.raises(ParameterError, match="two probabilities"):
            fit.decide(table, wrong)


def test_the_linear_unit_promises_nothing():
    table = datasets.study_hours()
    with pytest.raises(ParameterError, match="linear unit"):
        torchlogit.fit(table, "passed", loss="squared").band(table, coverage=0.5)


def test_the_lesson_as_ever():
    fit = students()
    rows = {"hours": [1.0, 2.7, 5.0]}
    assert (
        fit.decide(rows).tolist() == fit.decide(rows, (0.4, 0.6)).tolist() == fit.decide(rows, Band(0.4, 0.6)).tolist()
    )
    assert fit.decide(rows).tolist() == [0, "uncertain", 1]
    assert fit.decide(rows, uncertain=Band(0.0, 1.0)).tolist() == ["uncertain"] * 3


def test_above_the_band_is_yes_and_below_is_no():
    """Also where the band does not hold one half."""
    p = np.array([[0.9, 0.1], [0.75, 0.25], [0.6, 0.4]])
    assert decided(p, CLASSES, (0.2, 0.3)).tolist() == ["no", "uncertain", "yes"]
    assert decided(1 - p, CLASSES, (0.7, 0.8)).tolist() == ["yes", "uncertain", "no"]


def test_a_band_says_itself(fitted):
    fit, table = fitted
    found = fit.band(table, max_error=0.1)
    told = json.loads(found.to_json())
    assert told["schema"] == "torchlogit/band/1"
    assert (told["low"], told["high"]) == tuple(found)
    assert told["notes"] == [found.guarantee]
    assert "With confidence 95 %, at most 10 % of the cases decided are decided wrongly" in found.guarantee
    assert "Assumption: the 1000 calibration rows" in str(found).replace("\n  ", " ")
    assert "以 95% 的置信度，作出判断的情形中判错的不超过 10%" in found.guarantee_in("zh")
    assert found.sentence_in("en").startswith(
        f"Uncertain from a probability of {found.low:.4g} to {found.high:.4g}. Of 1000"
    )
    assert "校准数据中" in found.sentence_in("zh")
    with pytest.raises(ParameterError, match="language"):
        found.guarantee_in("fr")
    with pytest.raises(ParameterError, match="lower first"):
        Band(0.6, 0.4)


def test_every_promise_is_told_in_both_languages():
    names = (
        "false_yes",
        "false_no",
        "ask",
        "confidence",
        "wanted",
        "error",
        "n",
        "decided",
        "level",
        "promised",
        "miss",
    )
    values = dict.fromkeys((*names, "folds", "low", "high"), 0.5)
    assert EN.keys() == ZH.keys()
    for key, language in product(EN, ("en", "zh")):
        said = guarantee(key, language, **values)
        assert "{" not in said
        assert ("Assumption" in said or "前提" in said) == (
            key not in ("given", "crossed", "band", "band_classes", "counted")
        )


def test_cross_fitting_is_an_estimate():
    fit = torchlogit.fit(two_classes(), "y")
    found = band(fit, max_error=0.1)
    assert found.chosen == "crossed"
    assert "no promise" in found.guarantee
    assert found.n == 2000
