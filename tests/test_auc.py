"""The area under the ROC curve: scikit-learn's number, pROC's and DeLong's own interval, and what is neither."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, ndtr
from scipy.stats import brunnermunzel, rankdata, t
from scores import of_classes, sample
from sklearn.metrics import roc_auc_score

from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics import auc, hand_till, scored_arrays
from torchlogit.metrics.delong import area, area_above, newcombe

GOLDEN = json.loads((Path(__file__).parent / "golden" / "proc.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("weights", [None, "whole", "broken"])
@pytest.mark.parametrize("ties", [True, False])
def test_it_is_that_of_scikit_learn(ties, weights):
    """Row 136 of bad-inputs: ties count half."""
    for seed in range(5):
        y, p, w = sample(200, seed, ties, weights)
        assert auc(scored_arrays(y, p, w)).value == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-13)


def slow_delong(y, p):
    """DeLong's variance as it is written: every pair."""
    yes, no = p[y == 1][:, None], p[y == 0]
    wins = (yes > no) + (yes == no) / 2
    return wins.mean(1).var(ddof=1) / len(yes) + wins.mean(0).var(ddof=1) / no.size


@pytest.mark.parametrize("ties", [True, False])
def test_the_variance_is_delongs(ties):
    y, p, _ = sample(150, 3, ties)
    rows = scored_arrays(y, p)
    assert area(rows).spread(rows).std_error ** 2 == pytest.approx(slow_delong(y, p), rel=1e-12)


def test_the_degrees_of_freedom_are_brunner_and_munzels():
    """SciPy's test has the same statistic, (A - 1/2) / SE, and the same t distribution."""
    y, p, _ = sample(40, 6)
    rows = scored_arrays(y, p)
    found = area(rows)
    error, df = found.spread(rows)
    expected = brunnermunzel(p[y == 0], p[y == 1])
    assert (found.value - 0.5) / error == pytest.approx(expected.statistic, rel=1e-12)
    assert 2 * t.sf((found.value - 0.5) / error, df) == pytest.approx(expected.pvalue, rel=1e-9)


def test_whole_weights_are_repeated_rows_and_others_are_not():
    y, p, w = sample(120, 4, weights="whole")
    times = w.astype(int)
    repeated = auc(scored_arrays(y.repeat(times), p.repeat(times)))
    assert auc(scored_arrays(y, p, w))[:3] == pytest.approx(repeated[:3], rel=1e-12)
    plain, halved = auc(scored_arrays(y, p)), auc(scored_arrays(y, p, np.full(len(y), 0.5)))
    assert halved[:3] == pytest.approx(plain[:3], rel=1e-12)


def test_the_influence_is_the_derivative_by_a_weight():
    y, p, w = sample(40, 5, weights="broken")
    found, step = area(scored_arrays(y, p, w)), 1e-6
    for i in range(40):
        moved = [area(scored_arrays(y, p, w + sign * step * (np.arange(40) == i))).value for sign in (1, -1)]
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(found.influence[i], abs=1e-8)


@pytest.mark.parametrize("name", GOLDEN)
def test_proc_gives_the_same_interval(name):
    """R's pROC 1.18 or later: auc and ci.auc(method = "delong")."""
    case = GOLDEN[name]
    rows = scored_arrays(case["y"], case["p"])
    found, error = auc(rows, scale="plain"), area(rows).spread(rows).std_error
    assert found[:3] == pytest.approx((case["auc"], case["low"], case["high"]), abs=1e-12)
    assert error**2 == pytest.approx(case["variance"], rel=1e-10)


@pytest.mark.parametrize("size", [3, 5])
def test_several_classes_are_those_of_scikit_learn(size):
    y, p = of_classes(200, size, size)
    rows = scored_arrays(y, p)
    for kind, of in (("ovr", auc), ("ovo", hand_till)):
        expected = roc_auc_score(y, p, multi_class=kind, average="macro")
        assert of(rows).value == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("of", [auc, hand_till])
def test_the_interval_of_several_classes_is_as_wide_as_resampling_says(of):
    y, p = of_classes(150, 3, 1)
    found, rng, again = of(scored_arrays(y, p), scale="plain"), np.random.default_rng(0), []
    for _ in range(300):
        rows = np.concatenate([rng.choice(np.flatnonzero(y == k), (y == k).sum()) for k in range(3)])
        again.append(of(scored_arrays(y[rows], p[rows])).value)
    assert (found.high - found.low) / (2 * 1.959964) == pytest.approx(np.std(again), rel=0.12)


def test_two_classes_are_hand_and_tills_as_well():
    y, p, _ = sample(100, 8)
    assert hand_till(scored_arrays(y, p))[:3] == pytest.approx(auc(scored_arrays(y, p))[:3], abs=1e-12)


def test_the_other_class_has_the_same_area():
    y, p, w = sample(100, 9, weights="broken")
    rows = scored_arrays(y, p, w)
    assert auc(rows.against(0))[:3] == pytest.approx(auc(rows)[:3], abs=1e-12)
    assert auc(rows.against(1)) == auc(rows)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_it_is_the_mean_rank(rows):
    """Mann and Whitney's U, of any ties."""
    y, s = np.array(rows).T.astype(int)
    if y.min() == y.max():
        return
    m, n = (y == 1).sum(), (y == 0).sum()
    expected = (rankdata(s)[y == 1].sum() - m * (m + 1) / 2) / (m * n)
    assert auc(scored_arrays(y, s / 6 + 0.05)).value == pytest.approx(expected, abs=1e-12)


def test_rounding_makes_no_order():
    """Equal rows that a product gave different last bits are tied."""
    p = np.array([0.3, 0.3 + 1e-16, 0.3 - 1e-16, 0.3])
    assert auc(scored_arrays([0, 1, 0, 1], p)).value == 0.5


def test_probabilities_near_1_keep_their_order():
    """p = 1 - 1e-20 is 1 as a number, but its logarithm of odds is not infinite."""
    from torchlogit.metrics import Scored

    eta = np.array([46.0, 50.0, 55.0, 60.0])
    logs = np.stack([-np.logaddexp(0, eta), -np.logaddexp(0, -eta)], 1)
    rows = Scored(np.array([0, 0, 1, 1]), logs, np.ones(4), np.array([0, 1]))
    assert (rows.probability[1:, 1] == 1).all()
    assert auc(rows).value == 1.0


def test_an_area_of_1_has_an_interval_all_the_same():
    y, p = np.repeat([0, 1], 10), np.repeat([0.2, 0.8], 10)
    found = auc(scored_arrays(y, p))
    assert found.value == found.high == 1.0
    assert found.method == "Newcombe"
    assert 0.7 < found.low < 0.9
    turned = auc(scored_arrays(y, 1 - p))
    assert (turned.low, turned.high) == pytest.approx((0, 1 - found.low), abs=1e-12)


def test_newcombes_ends_solve_his_equation():
    found, m, n = newcombe(0.85, 12.0, 30.0), 12.0, 30.0
    for end in found[1:3]:
        N = (m + n) / 2 - 1
        variance = end * (1 - end) * (1 + N * (1 - end) / (2 - end) + N * end / (1 + end)) / (m * n)
        assert (0.85 - end) ** 2 == pytest.approx(1.959963984540054**2 * variance, rel=1e-9)


def test_one_row_of_a_class_has_no_spread_and_gets_newcombes_interval():
    found = auc(scored_arrays([0, 0, 0, 1], [0.1, 0.6, 0.2, 0.4]))
    assert found.method == "Newcombe"
    assert 0 < found.low < found.value < found.high < 1


def test_one_class_has_no_area():
    """Row 136 of bad-inputs: an error, with what was found."""
    with pytest.raises(DataError, match=r"needs rows of both classes; all 3 rows are of class 1"):
        auc(scored_arrays([1, 1, 1], [0.1, 0.2, 0.3], classes=[0, 1]))
    with pytest.raises(DataError, match="no row is of class 'c'"):
        auc(scored_arrays(["a", "b"], np.full((2, 3), 1 / 3), classes=["a", "b", "c"]))
    with pytest.raises(DataError, match="there are no rows"):
        auc(scored_arrays([0, 1], [0.1, 0.2], weight=[0, 0]))
    with pytest.raises(ParameterError, match="scale"):
        auc(scored_arrays([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), scale="probit")


def test_rows_of_weight_0_do_not_count():
    y, p, w = sample(80, 11, weights="whole")
    some = w > 0
    assert auc(scored_arrays(y, p, w)) == auc(scored_arrays(y[some], p[some], w[some]))


def test_a_batch_is_its_members():
    rng = np.random.default_rng(2)
    yes, no = rng.integers(0, 5, (2, 7, 20)).astype(float)
    above, tied = area_above(yes, no)
    for j in range(7):
        assert area_above(yes[j], no[j]) == pytest.approx((above[j], tied[j]), abs=1e-14)
        s = np.arange(20)[::-1] / 20
        y, p, w = np.repeat([1, 0], 20), np.tile(s, 2), np.concatenate([yes[j], no[j]])
        assert above[j] == pytest.approx(auc(scored_arrays(y, p, w)).value, abs=1e-13)


@pytest.mark.parametrize(("shift", "least"), [(1.0, 0.94), (2.5, 0.935)])
def test_intervals_cover(shift, least):
    """Two thousand samples of 20 and 40 rows from two normal distributions; the area is Φ(shift / √2)."""
    rng, truth, held = np.random.default_rng(1), ndtr(shift / np.sqrt(2)), 0
    y = np.repeat([1, 0], [20, 40])
    for s in rng.normal(size=(2000, 60)) + shift * y:
        found = auc(scored_arrays(y, expit(s)))
        held += found.low <= truth <= found.high
    assert least < held / 2000 < 0.98
