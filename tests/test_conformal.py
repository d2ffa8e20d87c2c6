"""Conformal prediction sets: exactly as often the truth as promised, by hand, and refused where nothing could be promised."""

import json
from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scores import three_classes

import torchlogit
from torchlogit import L2, datasets
from torchlogit.decision.conformal import cross_conformal, fold_promise, rank_of, scores, split_conformal
from torchlogit.decision.foldmodels import fold_models
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.scored import scored_arrays

FEW = settings(max_examples=25, deadline=None, derandomize=True, database=None)
LEVELS = [0.5, 0.6, 0.75, 0.28, 0.8]


def rows_of(k, n, seed, digits=None):
    """Labels (all classes there) and probabilities of any model, with ties where they are rounded."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), n) if digits is None else rng.multinomial(10**digits, np.ones(k) / k, n) / 10**digits
    return np.concatenate([np.arange(k), rng.integers(0, k, n - k)]), p


def two_classes(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) + 5
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * (x[:, 0] - 5))), "yes", "no")
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})


# Split


@FEW
@given(
    st.integers(2, 4), st.integers(6, 14), st.integers(0, 10**6), st.sampled_from(LEVELS), st.sampled_from([None, 1])
)
def test_the_promise_of_held_out_rows_exactly(k, n, seed, level, digits):
    """Of n + 1 exchangeable rows each is the new one equally often: its set holds its class in ``level`` of the cases or more."""
    y, p = rows_of(k, n, seed, digits)
    held = []
    for i in range(n):
        rest = np.arange(n) != i
        found = split_conformal(scored_arrays(y[rest], p[rest], classes=range(k)), level)
        held.append(bool(found.holds(p[i : i + 1])[0, y[i]]))
    assert Fraction(sum(held), n) >= Fraction(str(level))
    if digits is None:
        assert sum(held) / n <= level + 1 / n


@FEW
@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.6, 0.75]))
def test_the_promise_of_each_class_exactly(seed, level):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [6, 9, 8])
    p = rng.dirichlet(np.ones(3), len(y))
    for k in range(3):
        held = []
        for i in np.flatnonzero(y == k):
            rest = np.arange(len(y)) != i
            found = split_conformal(scored_arrays(y[rest], p[rest]), level, by_class=True)
            held.append(bool(found.holds(p[i : i + 1])[0, k]))
        assert sum(held) >= level * len(held)


@pytest.mark.parametrize("level", [0.9, 0.8, 0.57])
def test_the_quantile_is_the_order_statistic(level):
    y, p = rows_of(3, 99, 0)
    found = split_conformal(scored_arrays(y, p), level)
    worst = np.sort(1 - p[np.arange(99), y])
    place = ceil(Fraction(str(level)) * 100)
    assert found.rank.tolist() == [place] * 3
    assert found.quantile == pytest.approx([worst[place - 1]] * 3, abs=1e-12)
    new = np.random.default_rng(1).dirichlet(np.ones(3), 50)
    assert (found.holds(new) == (1 - new <= worst[place - 1])).all()


def test_ranks_are_those_of_decimals():
    assert [rank_of(n, level) for n, level in ((24, 0.28), (99, 0.57), (9, 0.9), (19, 0.95), (10, 0.9))] == [
        7,
        57,
        9,
        19,
        10,
    ]


def test_aps_by_hand():
    p, u = np.array([0.2, 0.5, 0.3]), 0.25
    found = scores(torch.tensor(p)[None], "aps", torch.tensor([u]))[0].tolist()
    assert found == pytest.approx([0.8 + u * 0.2, u * 0.5, 0.5 + u * 0.3])


def test_aps_is_random_but_repeats_itself():
    y, p = rows_of(4, 300, 0)
    rows, new = scored_arrays(y, p), rows_of(4, 200, 1)[1]
    first, again, other = (split_conformal(rows, 0.8, score="aps", seed=seed) for seed in (0, 0, 1))
    assert (first.holds(new) == again.holds(new)).all()
    assert (first.holds(new) != other.holds(new)).any()
    assert first.calibration[0][0].max() > 0.9


def test_weights_are_rows():
    y, p = rows_of(3, 80, 2)
    w = np.random.default_rng(0).integers(0, 4, 80)
    found = split_conformal(scored_arrays(y, p, w), 0.9)
    again = split_conformal(scored_arrays(np.repeat(y, w), np.repeat(p, w, 0)), 0.9)
    assert (found.quantile == again.quantile).all()
    assert found.n.tolist() == [w.sum()] * 3
    with pytest.raises(ParameterError, match="weights such as"):
        split_conformal(scored_arrays(y, p, w + 0.5), 0.9)


def test_what_promises_nothing_is_refused():
    y, p = rows_of(3, 18, 0)
    assert split_conformal(scored_arrays(y, p), 0.9).rank[0] == 18
    with pytest.raises(DataError, match=r"level 0.95 needs 19 calibration rows or more, and there are 18"):
        split_conformal(scored_arrays(y, p), 0.95)
    y = np.array(["a"] * 20 + ["b"] * 3)
    with pytest.raises(DataError, match=r"9 calibration rows of class b or more, and there are 3"):
        split_conformal(scored_arrays(y, np.full(23, 0.4)), 0.9, by_class=True)
    for wrong in ({"level": 1}, {"level": 0}, {"score": "raps"}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            split_conformal(scored_arrays(y, np.full(23, 0.4)), **wrong)
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    with pytest.raises(DataError, match="shape"):
        fit.conformal(level=0.6, folds=4).holds(np.ones((5, 2)) / 2)
    with pytest.raises(ParameterError, match="know no model"):
        split_conformal(scored_arrays(y, np.full(23, 0.4)), 0.5).sets([[1.0]])


# The door


def test_sets_of_new_rows():
    table = three_classes(900)
    fit = torchlogit.fit(table[:400], "y")
    found = fit.conformal(table[400:650], 0.9)
    new = table[650:]
    sets = found.sets(new)
    p = fit.predict_proba(new).numpy()
    assert (sets == (1 - p <= found.quantile[0] + 5e-13)).all()
    own = sets[np.arange(len(new)), np.searchsorted(list("abc"), new.y)]
    assert 0.85 < own.mean() < 0.96
    said = found.decide(new)
    assert ((said == "uncertain") == (sets.sum(1) != 1)).all()
    assert (said[sets.sum(1) == 1] == np.array(list("abc"))[sets[sets.sum(1) == 1].argmax(1)]).all()
    assert found.guarantee.startswith("At least 90 % of new cases have their class in their set")
    assert "至少 90% 的新情形" in found.guarantee_in("zh")
    by_class = fit.conformal(table[400:650], 0.9, by_class=True)
    assert by_class.n.sum() == 250
    assert by_class.guarantee.startswith("Of every class")


def test_shown_and_kept():
    table = three_classes(900)
    found = torchlogit.fit(table[:400], "y").conformal(table[400:], 0.9)
    told = json.loads(found.to_json())
    assert set(told) == {
        "schema", "label", "n", "rank", "quantile", "level", "score", "by_class", "folds", "seed", "promised", "notes"
    }  # fmt: skip
    assert "Conformal prediction sets" in str(found)
    assert found.to_frame().label.tolist() == list("abc")


@pytest.mark.parametrize("level", [0.6, 0.9, 0.97])
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("slope", [0.3, 2.0])
def test_sets_of_two_classes_are_a_band(level, by_class, slope):
    """Where sets have both classes or none it is uncertain; else the class that is alone."""
    rng = np.random.default_rng(0)
    eta = rng.normal(size=400) * 3
    y = rng.random(400) < 1 / (1 + np.exp(-eta))
    found = split_conformal(scored_arrays(y, 1 / (1 + np.exp(-slope * eta - 0.3))), level, by_class=by_class)
    p = np.linspace(0, 1, 1001)
    sets = found.holds(np.column_stack([1 - p, p]))
    expected = np.where(sets.sum(1) == 1, sets[:, 1].astype(object), "uncertain")
    from torchlogit.model import decided

    said = decided(np.column_stack([1 - p, p]), np.array([False, True]), found.band)
    assert said.tolist() == expected.tolist()
    assert found.band.guarantee.startswith(f"At most {100 * (1 - level):.4g} % of all new cases")


def test_where_there_is_no_band():
    y, p = rows_of(3, 100, 0)
    for found in (
        split_conformal(scored_arrays(y, p), 0.9),
        split_conformal(scored_arrays(y > 0, p[:, 0]), 0.9, score="aps"),
        torchlogit.fit(datasets.study_hours(), "passed").conformal(folds=5),
    ):
        with pytest.raises(ParameterError, match="are a band"):
            found.band


# Folds


def by_hand(table, fit_one, level, folds, seed, new, score):
    """CV+ sets by loops, as Romano, Sesia and Candès (2020) write them."""
    n = len(table)
    fold = np.random.default_rng(seed).permutation(n) % folds
    fits = [fit_one(table[fold != f]) for f in range(folds)]
    classes = fits[0].classes
    u = {which: np.random.default_rng([seed, which]).random(m) for which, m in ((0, n), (1, len(new)))}

    def s(p, k, u):
        return 1 - p[k] if score == "lac" else p[p > p[k]].sum() + u * p[k]

    own = [
        s(fits[fold[i]].predict_proba(table[i : i + 1])[0].numpy(), list(classes).index(table.y[i]), u[0][i])
        for i in range(n)
    ]
    there = [fit.predict_proba(new).numpy() for fit in fits]
    sets = np.zeros((len(new), len(classes)), dtype=bool)
    for j in range(len(new)):
        for k in range(len(classes)):
            better = sum(own[i] < s(there[fold[i]][j], k, u[1][j]) for i in range(n))
            sets[j, k] = better < (1 - (1 - level)) * (n + 1)
    return sets


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize(("penalty", "folds"), [(None, 5), (L2(3.0), 7)])
def test_folds_by_hand(score, penalty, folds):
    table, new = two_classes(), two_classes(40, seed=1)

    def fit_one(part):
        return torchlogit.fit(part, "y", penalty=penalty)

    found = cross_conformal(fit_one(table), 0.8, score=score, folds=folds, seed=3)
    assert (found.sets(new) == by_hand(table, fit_one, 0.8, folds, 3, new, score)).all()
    assert found.folds == folds
    assert np.isnan(found.quantile).all()


def test_folds_of_three_classes_by_hand():
    table, new = three_classes(150), three_classes(30, seed=1)

    def fit_one(part):
        return torchlogit.fit(part, "y", penalty=L2(1.0))

    found = fit_one(table).conformal(level=0.9, folds=5)
    assert (found.sets(new) == by_hand(table, fit_one, 0.9, 5, 0, new, "lac")).all()
    assert found.decide(new)[0] in ("a", "b", "c", "uncertain")


def test_as_many_folds_as_rows_is_the_jackknife():
    table = datasets.study_hours()
    fit = torchlogit.fit(table, "passed", penalty=L2(0.1))
    found = fit.conformal(level=0.8, folds=20)
    assert found.promised == pytest.approx(1 - 2 * 0.2)  # Barber et al. (2021), theorem 1
    assert found.sets({"hours": [0.5, 2.7, 5.5]}).tolist() == [[True, False], [True, True], [False, True]]


def test_what_folds_promise():
    assert fold_promise(0.9, 200, 10) == pytest.approx(0.8 - 2 * 0.9 * 9 / 210)
    assert fold_promise(0.9, 100, 50) == pytest.approx(0.8 - 0.5 / 51)  # equal folds, many
    assert fold_promise(0.9, 101, 50) == pytest.approx(0.8 - 2 * 0.9 * 49 / 151)  # unequal ones
    fit = torchlogit.fit(two_classes(), "y")
    found = fit.conformal()
    assert f"At least {100 * fold_promise(0.9, 200, 10):.4g} % of new cases" in found.guarantee
    assert "1 − 2·10 %" in found.guarantee


def test_an_offset_goes_with_the_rows():
    table = two_classes().assign(o=lambda t: (t.b - 5) / 3)
    fit = torchlogit.fit(table, "y", features=["a"], offset="o")
    found = fit.conformal(level=0.8, folds=5)
    new = two_classes(50, seed=2)
    plain = found.sets(new[["a"]], offset=np.zeros(50))
    moved = found.sets(new[["a"]], offset=np.full(50, 8.0))
    assert moved[:, 1].mean() > plain[:, 1].mean()
    many = fold_models(fit, 5, 0)
    one = torchlogit.fit(table[(many.fold != 2).numpy()], "y", features=["a"], offset="o")
    assert many.probability[2].numpy() == pytest.approx(one.predict_proba(table, table.o.to_numpy()).numpy(), rel=1e-9)
    held = fit.conformal(two_classes(seed=5).assign(o=0.0), 0.8)
    assert (held.sets(new[["a"]], offset=np.zeros(50)).sum(1) >= 0).all()


def test_folds_that_promise_nothing_are_refused(tmp_path):
    table = two_classes()
    fit = torchlogit.fit(table, "y")
    with pytest.raises(ParameterError, match="for each class need rows"):
        fit.conformal(by_class=True)
    for folds in (1, 201):
        with pytest.raises((ParameterError, DataError), match="folds"):
            fit.conformal(folds=folds)
    weighted = torchlogit.fit(table.assign(w=2), "y", features=["a", "b"], weight="w")
    with pytest.raises(ParameterError, match="weights"):
        weighted.conformal()
    fit.save(tmp_path / "m.safetensors")
    for without in (torchlogit.load(tmp_path / "m.safetensors"), fit.with_prevalence(0.1)):
        with pytest.raises(ParameterError, match=r"holds no rows .*read from a file, or moved to another prevalence"):
            without.conformal()
    with pytest.raises(ParameterError, match="linear unit"):
        torchlogit.fit(datasets.study_hours(), "passed", loss="squared").conformal()
    assert torchlogit.load(tmp_path / "m.safetensors").conformal(two_classes(seed=9)).folds == 0


def test_a_class_that_one_fold_has_alone():
    table = three_classes(60)
    table["y"] = np.where(np.arange(60) == 7, "d", table.y)
    with pytest.warns(torchlogit.DataWarning, match="fewer than 8 rows"):
        fit = torchlogit.fit(table, "y", penalty=L2(1.0))
    with pytest.raises((DataError, torchlogit.NotCertifiedError), match="fold"):
        fit.conformal(folds=5)


def test_a_calibrated_model():
    """Sets are of the calibrated probabilities; folds would not know how these came about."""
    table = two_classes(600)
    fit = torchlogit.fit(table[:200], "y", penalty=L2(50.0))
    model = torchlogit.calibrate(fit, table[200:400])
    found = model.conformal(table[400:], 0.9)
    new = two_classes(50, seed=4)
    assert (found.sets(new) == found.holds(model.predict_proba(new))).all()
    assert found.quantile[0] != fit.conformal(table[400:], 0.9).quantile[0]
    band = model.band(table[400:], coverage=0.7)
    assert (model.decide(table[400:], band) != "uncertain").mean() == band.decided
    with pytest.raises(ParameterError, match="not what calibrates it"):
        model.conformal()
