"""A piece of the simulation behind docs/guarantees.md, with its seed, and the page itself."""

import re

import numpy as np
import pytest
from make_guarantees import (
    COSTS,
    COVERAGES,
    CROSSES,
    ERRORS,
    PAGE,
    SPLITS,
    cheapest,
    cost,
    coverage_bands,
    cross_sets,
    drawn,
    error_bands,
    split_sets,
    truth,
)

from torchlogit.decision.band import band_for_error, band_from_costs
from torchlogit.decision.conformal import fold_promise
from torchlogit.decision.cuts import cut_for_error
from torchlogit.errors import DataError
from torchlogit.metrics.scored import scored_arrays

FEW = 1000
SURE = 3.5  # Monte-Carlo errors


@pytest.mark.parametrize("name", ["right", "too sure", "shifted", "one rate"])
def test_a_promised_error_rate_is_broken_as_seldom_as_was_said(name):
    found = error_bands(name, 1000, 0.1, FEW)
    assert found.broken <= 0.05 + SURE * np.sqrt(0.05 * 0.95 / FEW)
    if name in ("right", "too sure"):
        assert found.decided > 0.25  # not by deciding nothing
        assert found.refused < 0.2


def test_the_batch_is_the_band():
    rows = drawn("right", 300, 20, 1)
    cuts = cut_for_error(rows.certainty, rows.wrong, 0.1, 0.95, 0.5).cut
    for certainty, wrong, cut in zip(rows.certainty, rows.wrong, cuts, strict=True):
        scored = scored_arrays(~wrong, certainty, classes=[False, True])  # says yes to all, rightly or not
        if cut < 0:
            with pytest.raises(DataError, match="cannot be promised"):
                band_for_error(scored, 0.1)
        else:
            assert band_for_error(scored, 0.1).high == pytest.approx(cut, abs=1e-12)


def test_the_truth_is_that_of_many_rows():
    rows = drawn("shifted", 400_000, 1, 5)
    decided, risk = truth("shifted", np.array([0.9]))
    sure = rows.certainty > 0.9
    assert sure.mean() == pytest.approx(decided[0], abs=0.004)
    assert rows.wrong[sure].mean() == pytest.approx(risk[0], abs=0.004)


@pytest.mark.parametrize(("name", "n", "coverage"), [("right", 20, 0.9), ("too sure", 50, 0.8)])
def test_a_promised_coverage(name, n, coverage):
    decided, error = coverage_bands(name, n, coverage, FEW)
    assert coverage - SURE * error <= decided <= coverage + 1 / (n + 1) + SURE * error


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_sets_of_held_out_rows_hold_the_truth(score, by_class, factor):
    held, error, size = split_sets(factor, 100, 0.9, score, by_class, FEW)
    assert held >= 0.9 - SURE * error
    assert held <= 0.9 + (0.08 if by_class else 1 / 101) + SURE * error
    assert 1 < size < 2.5


def test_sets_of_folds_hold_the_truth():
    held, error, size = cross_sets(60, 5, 0.9, repetitions=FEW)
    assert held >= fold_promise(0.9, 60, 5)
    assert abs(held - 0.9) < 0.03 + SURE * error  # as is usual, not promised
    assert 1 < size < 2


@pytest.mark.parametrize("costs", COSTS)
def test_no_band_on_a_grid_costs_less(costs):
    found = cost(*band_from_costs(*costs), costs)
    assert found <= cheapest(costs) + 1e-9
    assert found <= cost(0.4, 0.6, costs) + 1e-9


def test_the_page_is_the_scripts_and_keeps_every_promise():
    tables = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [[line.strip("| ").split(" | ") for line in table.splitlines()[2:]] for table in tables]
    errors, coverages, splits, crosses, costs = rows
    assert [(r[0], int(r[1]), share(r[2])) for r in errors] == [(n, m, pytest.approx(e)) for n, m, e in ERRORS]
    assert all(share(r[3]) <= 0.05 + SURE * 0.0022 for r in errors)
    assert len(coverages) == len(COVERAGES)
    assert all(share(r[3]) >= share(r[2]) - SURE * share(r[4]) for r in coverages)
    assert len(splits) == len(SPLITS)
    assert all(share(r[4]) >= share(r[3]) - SURE * share(r[5]) - 1e-4 for r in splits)
    assert len(crosses) == len(CROSSES)
    assert all(share(r[4]) >= share(r[3]) for r in crosses)
    assert all(float(r[2]) <= min(map(float, r[3:])) + 1e-5 for r in costs)


def share(cell):
    return float(cell.removesuffix(" %")) / 100
