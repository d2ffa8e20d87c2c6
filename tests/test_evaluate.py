"""`evaluate`: scikit-learn's numbers, statsmodels' intervals, groups and what is said of them."""

import json
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from command import PEOPLE, write
from scipy.special import expit
from scores import of_classes, sample
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

import torchlogit
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics import brier_parts, cross_scored, evaluate, scored_arrays, wilson
from torchlogit.metrics.curves import average_precision
from torchlogit.metrics.losses import brier_scores, log_losses
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.rates import calls, combined, matthews
from torchlogit.metrics.resampled import CELLS, Draws, brier, log_loss, of_calls, of_ranks
from torchlogit.metrics.scored import scored

FEW = {"resamples": 500}


@pytest.mark.parametrize("weights", [None, "whole", "broken"])
def test_two_classes_have_the_numbers_of_scikit_learn(weights):
    y, p, w = sample(300, 1, True, weights)
    found, yes, given = evaluate(scored_arrays(y, p, w), threshold=0.4, **FEW), p >= 0.4, {"sample_weight": w}
    expected = {
        "log_loss": sk.log_loss(y, p, **given),
        "brier": sk.brier_score_loss(y, p, **given),
        "auc": sk.roc_auc_score(y, p, **given),
        "average_precision": sk.average_precision_score(y, p, **given),
        "accuracy": sk.accuracy_score(y, yes, **given),
        "balanced_accuracy": sk.balanced_accuracy_score(y, yes, **given),
        "sensitivity": sk.recall_score(y, yes, **given),
        "specificity": sk.recall_score(y, yes, pos_label=0, **given),
        "precision": sk.precision_score(y, yes, **given),
        "negative_predictive_value": sk.precision_score(y, yes, pos_label=0, **given),
        "f1": sk.f1_score(y, yes, **given),
        "mcc": sk.matthews_corrcoef(y, yes, **given),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low < value < found[name].high, name
    assert set(found.measure) == {*expected, "lift"}


def test_several_classes_have_the_numbers_of_scikit_learn():
    y, p = of_classes(300, 4, 2)
    found, called = evaluate(scored_arrays(y, p), **FEW), p.argmax(1)
    expected = {
        "log_loss": sk.log_loss(y, p),
        "brier": np.mean(((p - np.eye(4)[y]) ** 2).sum(1)),
        "auc": sk.roc_auc_score(y, p, multi_class="ovr"),
        "hand_till": sk.roc_auc_score(y, p, multi_class="ovo"),
        "accuracy": sk.accuracy_score(y, called),
        "balanced_accuracy": sk.balanced_accuracy_score(y, called),
        "macro_f1": sk.f1_score(y, called, average="macro"),
        "mcc": sk.matthews_corrcoef(y, called),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low < value < found[name].high, name
    for k, recall in enumerate(sk.recall_score(y, called, average=None)):
        assert found["sensitivity", "", str(k)].value == pytest.approx(recall)
        assert found["auc", "", str(k)].value == pytest.approx(sk.roc_auc_score(y == k, p[:, k]), abs=1e-12)


def test_rates_have_wilsons_interval():
    y, p, _ = sample(90, 3)
    found, yes = evaluate(scored_arrays(y, p), level=0.9, **FEW), p >= 0.5
    tp, fn, fp, tn = (int((a & b).sum()) for a in (yes, ~yes) for b in (y == 1, y == 0))
    fn, fp = fp, fn  # of the order above: tp, fp, fn, tn
    shares = {"sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp), "precision": (tp, tp + fp),
              "accuracy": (tp + tn, 90)}  # fmt: skip
    for name, (k, n) in shares.items():
        assert found[name][1:3] == pytest.approx(proportion_confint(k, n, 0.1, "wilson"), abs=1e-12), name
    jaccard = np.array(proportion_confint(tp, tp + fp + fn, 0.1, "wilson"))
    assert found["f1"][1:3] == pytest.approx(2 * jaccard / (1 + jaccard), abs=1e-12)
    newcombe = confint_proportions_2indep(tp, tp + fn, tn, tn + fp, method="newcomb", compare="diff", alpha=0.1)
    parts = [wilson(tp / (tp + fn), tp + fn, 0.9), wilson(tn / (tn + fp), tn + fp, 0.9)]
    assert combined([1, -1], parts)[1:3] == pytest.approx(newcombe, abs=1e-9)


def test_wilsons_interval_at_the_ends():
    found = wilson(np.array([0.0, 1.0, 0.5]), np.array([10, 10, 0]))
    assert found.low[0] == 0
    assert found.high[1] == 1
    assert np.isnan([found.value[2], found.low[2], found.high[2]]).all()
    assert found.high[0] == pytest.approx(1 - found.low[1])
    assert 0.2 < found.high[0] < 0.4


def test_weights_that_repeat_no_row_make_no_rows():
    """The intervals do not know the unit of such weights; of repeated rows they do."""
    y, p, w = sample(200, 4, False, "broken")
    one, ten = (evaluate(scored_arrays(y, p, w * unit), **FEW) for unit in (1, 10))
    assert one.value == pytest.approx(ten.value, abs=1e-12)
    assert one.low == pytest.approx(ten.low, abs=1e-9)
    assert any("no counts" in note for note in one.notes)
    y, p, w = sample(60, 4, True, "whole")
    times = w.astype(int)
    counts, rows = (scored_arrays(y, p, w), scored_arrays(y.repeat(times), p.repeat(times)))
    for name in ("auc", "accuracy", "f1", "balanced_accuracy"):
        assert evaluate(counts, **FEW)[name][:3] == pytest.approx(evaluate(rows, **FEW)[name][:3], abs=1e-12)
    few, many = (log_loss(scored_arrays(y, p, w * k).counted(), Draws.seeded(1, 4000, 0.95)) for k in (1, 9))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(3, rel=0.1)


def test_the_bootstrap_is_as_wide_as_the_error_of_a_mean():
    y, p, w = sample(400, 5, False, "broken")
    rows = scored_arrays(y, p, w)
    for of, losses in ((log_loss, log_losses(rows)), (brier, brier_scores(rows))):
        found = of(rows, Draws.seeded(0, 20_000, 0.95))
        mean = w @ losses / w.sum()
        error = np.sqrt((w * (losses - mean)) @ (w * (losses - mean))) / w.sum()
        assert found.value == pytest.approx(mean, rel=1e-12)
        assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.03)


def test_joined_rows_give_the_same_interval():
    """Ten thousand rows are worked as a thousand cells: as by the resamples of the rows themselves, to Monte Carlo's error."""
    rng = np.random.default_rng(6)
    eta = 2 * rng.normal(size=10_000) - 2
    rows = scored_arrays((rng.random(10_000) < expit(eta)).astype(int), expit(eta))
    assert len(rows) > CELLS
    draws = Draws.seeded(1, 4000, 0.95)
    found = [log_loss(rows, draws), of_ranks(ranked(rows), average_precision, draws)]
    losses, both = log_losses(rows), ranked(rows)
    order = both.place
    weight = rng.standard_exponential((600, 10_000))
    slow = np.stack([weight @ losses / weight.sum(1), np.zeros(600)])
    sums = np.zeros((600, 2, len(both.log_odds)))
    for k in (1, 0):
        sums[:, 1 - k, order[rows.y == k]] = weight[:, rows.y == k]
    slow[1] = average_precision(sums[:, 0], sums[:, 1])
    for one, again in zip(found, slow, strict=True):
        assert one.high - one.low == pytest.approx(2 * 1.96 * again.std(), rel=0.12)
        assert one.low < again.mean() < one.high


def test_the_interval_moves_with_what_joining_changed():
    found = Draws.seeded(0, 1000, 0.9).interval(2.0, np.linspace(0.5, 1.5, 1000), 1.0)
    assert (found.low, found.high) == pytest.approx((1.55, 2.45), abs=1e-3)


def test_matthews_correlation_is_certain_of_nothing():
    """All called rightly: the interval ends at 1 and has a lower end."""
    rows = scored_arrays(np.repeat([0, 1], 8), np.repeat([0.1, 0.9], 8))
    found = of_calls(calls(rows), matthews, Draws.seeded(0, 2000, 0.95))
    assert found.value == found.high == 1
    assert 0.4 < found.low < 0.95


@pytest.mark.parametrize("bins", [None, 1, 5, 10])
@pytest.mark.parametrize("weights", [None, "broken"])
def test_the_parts_of_briers_score_add_up(bins, weights):
    y, p, w = sample(200, 7, False, weights)
    found = brier_parts(scored_arrays(y, p, w), bins)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.brier, abs=1e-14)
    assert found.brier == pytest.approx(sk.brier_score_loss(y, p, sample_weight=w), abs=1e-14)
    assert found.uncertainty == pytest.approx(w @ y / w.sum() * (1 - w @ y / w.sum()))
    y, p = of_classes(200, 3, 7)
    found = brier_parts(scored_arrays(y, p), bins)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.brier, abs=1e-14)


def test_the_parts_by_each_probability_are_murphys():
    y, p, _ = sample(200, 8)
    found, values = brier_parts(scored_arrays(y, p), None), np.unique(p)
    share, mean = np.array([(p == v).mean() for v in values]), np.array([y[p == v].mean() for v in values])
    assert found.bins == len(values)
    assert found.reliability == pytest.approx(share @ (values - mean) ** 2)
    assert found.resolution == pytest.approx(share @ (mean - y.mean()) ** 2)


def test_groups_stand_beside_all_others():
    y, p, w = sample(300, 9, True, "whole")
    g = np.array(["a", "b", "c"])[np.random.default_rng(0).integers(0, 3, 300)]
    found = evaluate(scored_arrays(y, p, w), by=g, name="site", **FEW)
    for name in "abc":
        here, there = (scored_arrays(y[m], p[m], w[m]) for m in (g == name, g != name))
        own, others = evaluate(here, **FEW), evaluate(there, **FEW)
        for measure in ("auc", "accuracy", "precision", "balanced_accuracy"):
            assert found[measure, name][:3] == pytest.approx(own[measure][:3], abs=1e-12)
            i = np.flatnonzero((found.group == name) & (found.measure == measure))[0]
            expected = combined([1, -1], [own[measure], others[measure]])
            between = found.difference[i], found.difference_low[i], found.difference_high[i]
            assert between == pytest.approx(expected[:3], abs=1e-12)
    assert found["auc"][:3] == pytest.approx(evaluate(scored_arrays(y, p, w), **FEW)["auc"][:3])
    text = str(found)
    assert "By site" in text
    assert "differences about" in text


def test_a_group_that_is_worse_has_a_star():
    rng = np.random.default_rng(3)
    s, g = rng.normal(size=2000), np.arange(2000) % 2
    y = (rng.random(2000) < expit(3 * s * (g == 0))).astype(int)
    found = evaluate(scored_arrays(y, expit(3 * s)), by=g, name="g", **FEW)
    i = np.flatnonzero((found.group == "1") & (found.measure == "auc"))[0]
    assert found.difference_high[i] < 0
    assert any(line.startswith("1 ") and "*" in line for line in str(found).splitlines())


def test_small_groups_and_those_of_one_class_are_told():
    y, p, _ = sample(200, 10)
    g = np.where(np.arange(200) < 12, "tiny", np.where(y == 1, "sick", "well"))
    g[100:] = "mixed"
    found = evaluate(scored_arrays(y, p), by=g, **FEW)
    assert np.isnan(found["auc", "sick"].value)
    assert np.isnan(found["specificity", "sick"].value)
    assert found["sensitivity", "sick"].value >= 0
    notes = " ".join(found.notes)
    assert "tiny (12)" in notes
    assert "AUC, average precision" in notes
    assert "mixed (" not in notes
    assert "nan" not in str(found).lower()
    assert json.loads(found.to_json())["value"].count(None) > 0


def test_one_class_alone_leaves_measures_out_and_says_so():
    """Row 136 of bad-inputs, for a whole evaluation."""
    found = evaluate(scored_arrays([0, 0, 0], [0.1, 0.2, 0.7], classes=[0, 1]), **FEW)
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert np.isfinite(found["log_loss"].value)
    assert np.isnan([found[name].value for name in ("auc", "sensitivity", "balanced_accuracy", "mcc")]).all()
    assert "nan" not in str(found).lower()
    assert sum("rows of every class" in note for note in found.notes) >= 1


def test_none_called_has_no_precision():
    found = evaluate(scored_arrays([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.35]), **FEW)
    assert np.isnan(found["precision"].value)
    assert found["f1"].value == 0
    assert found["sensitivity"].value == 0
    assert any("no row is called so" in note for note in found.notes)


def test_a_certain_mistake_costs_infinitely_much():
    """Row 137 of bad-inputs: from logits it is finite, from a probability of 0 it is not, and is told."""
    found = evaluate(scored_arrays([0, 1, 1], [0.1, 0.0, 0.9]), **FEW)
    assert found["log_loss"][:3] == (np.inf, np.inf, np.inf)
    assert any("probability 0" in note for note in found.notes)
    x = np.sin(np.arange(40.0))[:, None]
    fit = torchlogit.fit(x, (x[:, 0] + np.cos(7 * np.arange(40)) > 0).astype(int))
    other = scored(fit, np.array([[-1e4], [1e4]]), target=[1, 0])
    assert (other.probability[[0, 1], [1, 0]] == 0).all()
    assert np.isfinite(evaluate(other, **FEW)["log_loss"].value)


def test_rows_of_the_fit_are_known_as_such():
    data = torchlogit.datasets.study_hours()
    fit = torchlogit.fit(data, "passed")
    assert any("fitted to" in note for note in fit.evaluate().notes)
    again = fit.evaluate(data)  # given again, as from a file
    assert any("fitted to" in note for note in again.notes)
    assert "those of the fit" in str(again)
    other = {name: column[:-1] for name, column in data.items()}
    assert not any("fitted to" in note for note in fit.evaluate(other).notes)
    crossed = fit.evaluate(folds=10)
    assert not any("fitted to" in note for note in crossed.notes)
    assert crossed["auc"][:3] == evaluate(cross_scored(fit, 10))["auc"][:3]
    assert crossed["auc"].value < fit.evaluate()["auc"].value


def test_an_evaluation_is_the_same_twice_and_its_seed_is_the_bootstraps():
    y, p, _ = sample(100, 12)
    rows = scored_arrays(y, p)
    one, again, other = (evaluate(rows, seed=seed, **FEW) for seed in (0, 0, 1))
    assert one.to_json() == again.to_json()
    assert one["brier"].low != other["brier"].low
    assert one["auc"] == other["auc"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_fits_the_page_in_both_languages(language):
    from rich.cells import cell_len

    y, p, _ = sample(200, 13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(scored_arrays(y, p), by=np.arange(200) % 3, name="site", language=language, **FEW)
        text = str(found)
    assert max(map(cell_len, text.splitlines())) <= 80
    assert ("准确率" in text) == (language == "zh")
    assert ("accuracy" in text) == (language == "en")


def test_settings_are_checked():
    rows = scored_arrays([0, 1, 0, 1], [0.2, 0.8, 0.6, 0.4])
    for how, why in (
        ({"level": 1.0}, "level must lie"),
        ({"level": 0.999}, "10000 resamples"),
        ({"threshold": 1.5}, "threshold"),
        ({"language": "fr"}, "language must be"),
        ({"by": [1, 1, 1, 1]}, "one value only"),
        ({"by": np.arange(4)[:3]}, "3 labels for 4 rows"),
        ({"by": [1, 2, None, 1]}, "missing cells"),
    ):
        with pytest.raises((ParameterError, DataError), match=why):
            evaluate(rows, **how)
    many = scored_arrays(np.arange(80) % 2, np.full(80, 0.5))
    with pytest.raises(ParameterError, match="80 different values"):
        evaluate(many, by=np.arange(80))
    with pytest.raises(ParameterError, match="no measure 'aucc'"):
        evaluate(rows)["aucc"]
    with pytest.raises(DataError, match="there are no rows"):
        evaluate(scored_arrays([0, 1], [0.1, 0.2], weight=[0, 0]))


def test_arrays_are_checked():
    for y, p, why in (
        ([0, 1], [0.1, 1.2], "from 0 to 1"),
        ([0, 1], [0.1, np.nan], "from 0 to 1"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "name all with classes="),
        ([1, 1], [0.1, 0.2], "name all with classes="),
        (["a", "b"], [[0.5, 0.6], [0.5, 0.5]], "sum to 1"),
    ):
        with pytest.raises(DataError, match=why):
            scored_arrays(y, p)
    with pytest.raises(DataError, match="'c' is not one of the classes"):
        scored_arrays(["a", "c"], [0.1, 0.2], classes=["a", "b"])
    turned = scored_arrays(["b", "a"], [0.1, 0.2], classes=["b", "a"])
    assert turned.y.tolist() == [0, 1]
    with pytest.raises(ParameterError, match="'x' is not one of the classes"):
        turned.against("x")


@pytest.fixture
def files(tmp_path, run):
    """A model of birth weights beside its rows and others."""
    table = write(tmp_path / "t.csv", PEOPLE)
    other = write(tmp_path / "o.csv", "".join(PEOPLE.splitlines(keepends=True)[:51]) + ",n,1,yes,2\n")
    model = tmp_path / "m.safetensors"
    assert run("fit", table, "--target", "y", "--features", "age,region", "-o", model).code == 0
    return model, table, other


def test_the_command(run, files):
    model, table, other = files
    own = run("evaluate", model, table)
    assert own.code == 0, own.err
    assert "AUC" in own.out
    assert "fitted to" in own.out.replace("\n ", "")
    new = run("evaluate", model, other, "--by", "region", "--threshold", "0.3")
    assert new.code == 0, new.err
    assert "others than the fit's" in new.out
    assert "By region" in new.out
    assert "left out" in new.out.lower() or "dropped" in new.out.lower()
    crossed = run("evaluate", model, table, "--folds", "5", "--lang", "zh")
    assert crossed.code == 0, crossed.err
    assert "折数" in crossed.out
    assert max(len(line) for line in own.out.splitlines() + new.out.splitlines()) <= 80


def test_the_command_in_json_and_its_errors(run, files):
    model, table, _ = files
    found = json.loads(run("evaluate", model, table, "--json").out)
    assert found["schema"] == "torchlogit/evaluation/1"
    assert dict(zip(found["measure"], found["value"], strict=True))["auc"] > 0.5
    assert run("evaluate", model, table, "--folds", "1").code == 2
    assert run("evaluate", model, table, "--folds", "group").code == 0
    assert run("evaluate", model, table, "--threshold", "2").code == 2
    assert run("evaluate", model, table, "--by", "nothing").code == 3
    assert run("evaluate", model, table, "--level", "1.5").code == 2
    assert run("evaluate", model, table, "--lang", "fr").code == 2
    assert "evaluate" in run("--help").out
