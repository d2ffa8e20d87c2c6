"""A piece of the simulation behind docs/coverage.md, with its seed."""

import numpy as np
import pytest
from make_coverage import LEVEL, SLOPES, Setting, drawn, shares, simulated

import torchlogit


def test_they_cover_as_theory_says():
    """A thousand samples of two hundred rows: 95 % within three Monte-Carlo errors, for both kinds and covariates."""
    found = simulated(Setting(200, 2, 0.5), 1000)
    wald, profile = shares(found)
    error = np.sqrt(LEVEL * (1 - LEVEL) / 1000)
    assert abs(wald - LEVEL).max() < 3 * error
    assert abs(profile - LEVEL).max() < 3 * error
    assert not found.separated.any()


def test_a_profile_interval_holds_what_its_test_does_not_reject():
    """How the simulation counts, against the intervals themselves."""
    setting = Setting(40, 2, 0.5)
    found = simulated(setting, 25)
    x, y, group = drawn(setting, 25, 1)
    for i in np.flatnonzero(~found.separated):
        table = torchlogit.fit(x[group == i], y[group == i]).profile(LEVEL)
        inside = (table.low[1:] <= SLOPES[:2]) & (table.high[1:] >= SLOPES[:2])
        assert inside.tolist() == found.covered_by_profile[i].tolist()


def test_the_page_is_the_scripts():
    """Every setting has its line, and no coverage with many events is far from 95 %."""
    from make_coverage import PAGE, SETTINGS

    lines = [
        line.split("|")[1:-1]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.count("|") == 9 and line.startswith("| ")
    ][1:]
    assert [[float(cell.strip(" %")) for cell in line[:3]] for line in lines] == [
        [n, d, pytest.approx(100 * events)] for n, d, events in SETTINGS
    ]
    many = [line for line in lines if float(line[0]) * float(line[2].strip(" %")) >= 100 * 100]
    assert all(93 <= float(cell.strip(" %")) <= 97 for line in many for cell in line[4:])
