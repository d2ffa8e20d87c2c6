"""A piece of the simulation behind docs/evaluation-coverage.md, with its seed."""

import pytest
from make_evaluation import PAGE, SETTINGS, Setting, coverage


def test_intervals_hold_the_truth():
    """Within four Monte-Carlo errors, and what the page says of few events."""
    found = coverage(Setting(200, 0.2), 1000, 100)
    assert set(found) >= {"auc", "f1", "mcc", "log_loss", "average_precision"}
    for name, share in found.items():
        assert 0.86 <= share <= 0.995, (name, share)
    for name in ("auc", "sensitivity", "specificity", "accuracy"):
        assert found[name] == pytest.approx(0.95, abs=0.028)


def test_the_page_is_the_scripts():
    lines = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.endswith("% |")]
    assert [[float(cell.strip(" %")) for cell in line[:2]] for line in lines] == [
        [n, pytest.approx(100 * events)] for n, events in SETTINGS
    ] * 2
