"""The risk–coverage curve and its area: the definition, ties, weights."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlogit
from torchlogit import datasets
from torchlogit.decision.riskcoverage import risk_coverage
from torchlogit.errors import DataError
from torchlogit.metrics.scored import scored_arrays

FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def area(wrong):
    """Geifman et al. (2019): the mean over j of the risk among the first j."""
    return np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def rows_of(sure, wrong, weight=None):
    """Rows that are decided with these certainties, rightly or not."""
    return scored_arrays(~np.asarray(wrong), sure, weight, classes=[False, True])


def test_the_definition():
    rng = np.random.default_rng(0)
    sure, wrong = rng.uniform(0.5, 1, 500), rng.random(500) < 0.2
    found = risk_coverage(rows_of(sure, wrong))
    ordered = wrong[np.argsort(-sure)]
    assert found.area == pytest.approx(area(ordered), rel=1e-12)
    assert found.excess_area == pytest.approx(area(ordered) - area(np.sort(wrong)), rel=1e-12)
    assert found.coverage == pytest.approx(np.arange(1, 501) / 500)
    assert found.risk == pytest.approx(np.cumsum(ordered) / np.arange(1, 501))
    assert (np.diff(found.threshold) < 0).all()
    assert found.risk[-1] == wrong.mean()


@FEW
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6))
def test_ties_count_as_the_mean_over_all_orders(pairs):
    sure, wrong = np.array([0.6 + s / 10 for s, _ in pairs]), np.array([w for _, w in pairs])
    orders = [np.array(order) for order in permutations(range(len(pairs)))]
    allowed = [order for order in orders if (np.diff(sure[order]) <= 0).all()]
    found = risk_coverage(rows_of(sure, wrong))
    assert found.area == pytest.approx(np.mean([area(wrong[order]) for order in allowed]), abs=1e-12)
    assert found.excess_area >= 0


def test_weights_are_rows():
    rng = np.random.default_rng(1)
    sure, wrong, w = rng.uniform(0.5, 1, 60).round(2), rng.random(60) < 0.3, rng.integers(0, 5, 60)
    found = risk_coverage(rows_of(sure, wrong, w))
    again = risk_coverage(rows_of(np.repeat(sure, w), np.repeat(wrong, w)))
    assert found.area == pytest.approx(again.area, rel=1e-12)
    assert found.excess_area == pytest.approx(again.excess_area, rel=1e-11)
    assert (found.risk == again.risk).all()


def test_only_proportions_of_other_weights_matter():
    rng = np.random.default_rng(2)
    sure, wrong, w = rng.uniform(0.5, 1, 60), rng.random(60) < 0.3, rng.exponential(size=60)
    small, large = (risk_coverage(rows_of(sure, wrong, w * factor)) for factor in (1e-3, 1e3))
    assert small.area == pytest.approx(large.area, rel=1e-12)
    equal = risk_coverage(rows_of(sure, wrong, np.full(60, 0.3)))
    assert equal.area == pytest.approx(risk_coverage(rows_of(sure, wrong)).area, rel=1e-12)


def test_known_ends():
    wrong = np.array([0, 0, 0, 1, 1], bool)
    assert risk_coverage(rows_of(np.linspace(0.9, 0.6, 5), wrong)).excess_area == pytest.approx(0, abs=1e-15)
    flat = risk_coverage(rows_of(np.full(5, 0.8), wrong))
    assert flat.area == pytest.approx(0.4)  # a model that cannot tell: the error rate at every coverage
    assert flat.risk.tolist() == [0.4]
    assert risk_coverage(rows_of([0.9], [True])).area == 1.0
    assert risk_coverage(rows_of([0.9], [False])).area == 0.0
    with pytest.raises(DataError, match="rows"):
        risk_coverage(rows_of([0.9, 0.8], [True, False], [0, 0]))


def test_three_classes_and_the_door():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.35, 0.25]])
    found = risk_coverage(scored_arrays([0, 1, 2], p))
    assert found.risk.tolist() == [0, 0, pytest.approx(1 / 3)]
    own = torchlogit.fit(datasets.study_hours(), "passed").risk_coverage()
    assert own.coverage[-1] == 1
    assert own.notes
    assert "AURC" not in str(own)
    assert len(own.to_frame()) == len(own.risk)
