"""Writes docs/evaluation-coverage.md: how often the intervals of an evaluation hold the truth, by simulation.

python tests/make_evaluation.py    (some minutes; seeds are fixed)
"""

import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from torchlogit.metrics import scored_arrays
from torchlogit.metrics.counts import top_lift
from torchlogit.metrics.curves import average_precision
from torchlogit.metrics.delong import area, interval
from torchlogit.metrics.measures import measured
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.rates import Calls, calls, combined, matthews
from torchlogit.metrics.resampled import Draws, brier, log_loss, of_calls, of_ranks

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evaluation-coverage.md"
LEVEL = 0.95
REPETITIONS = 10_000  # for AUC and rates
FEWER = 300  # where each repetition is resampled
SPREAD = 1.5  # standard deviation of the log-odds
MANY = 1_000_000  # rows that stand for the truth
RESAMPLED = ("log_loss", "brier", "average_precision", "lift", "mcc")
QUICK = ("accuracy", "sensitivity", "specificity", "precision", "f1", "balanced_accuracy")
THRESHOLD = 0.3


class Setting(NamedTuple):
    """Rows, and the share of rows with an event."""

    n: int
    events: float


SETTINGS = [Setting(50, 0.5), *(Setting(n, 0.2) for n in (50, 200, 1000)), *(Setting(n, 0.05) for n in (200, 1000))]


def drawn(setting, size, rng):
    """Log-odds and events of ``size`` rows: the probabilities are right."""
    draws = np.random.default_rng(0).normal(size=200_000) * SPREAD
    centre = brentq(lambda b: expit(b + draws).mean() - setting.events, -20, 20)
    eta = centre + SPREAD * rng.normal(size=size)
    return eta, (rng.random(size) < expit(eta)).astype(int)


class Nothing(Draws):
    """No resamples: for measures of many rows."""

    def interval(self, value, resampled, centre=None):
        return super().interval(value, np.array([value]), None)


def truth(setting):
    """The measures of very many rows."""
    eta, y = drawn(setting, MANY, np.random.default_rng(99))
    draws = Nothing(np.random.default_rng(0), 1, LEVEL)
    return {one.name: one.found.value for one in measured(scored_arrays(y, expit(eta)), THRESHOLD, draws)}


def samples(setting, repetitions, seed=1):
    """Log-odds and events of every repetition, (R, n); those of one class only are left out."""
    rng = np.random.default_rng([seed, setting.n, round(1000 * setting.events)])
    eta, y = (t.reshape(repetitions, -1) for t in drawn(setting, repetitions * setting.n, rng))
    some = (y.sum(1) > 0) & (y.sum(1) < setting.n)
    return eta[some], y[some]


def held(found, value):
    """The share of intervals, one or many, that hold the truth; of those that exist."""
    low, high = np.atleast_1d(found.low), np.atleast_1d(found.high)
    return float(((low <= value) & (value <= high))[np.isfinite(low)].mean())


def rates(setting, repetitions, truths):
    """Coverage of the rates: all repetitions are one batch."""
    eta, y = samples(setting, repetitions)
    places = 2 * y + (expit(eta) >= THRESHOLD)
    table = np.stack([(places == k).sum(1) for k in range(4)], 1).reshape(-1, 2, 2).astype(float)
    found = Calls(table, table)
    intervals = {
        "accuracy": found.accuracy(LEVEL),
        "sensitivity": found.recall(1, LEVEL),
        "specificity": found.recall(0, LEVEL),
        "precision": found.precision(1, LEVEL),
        "f1": found.f1(1, LEVEL),
        "balanced_accuracy": combined([0.5, 0.5], [found.recall(k, LEVEL) for k in (0, 1)]),
    }
    return {name: held(one, truths[name]) for name, one in intervals.items()}


def areas(setting, repetitions, truths):
    """Coverage of DeLong's interval on the scale of the logit, and of the plain one."""
    found = []
    for s, y in zip(*samples(setting, repetitions), strict=True):
        rows = scored_arrays(y, expit(s))
        one = area(rows)
        found.append([interval(one, rows, LEVEL, scale)[1:3] for scale in ("logit", "plain")])
    low, high = np.array(found).transpose(2, 1, 0)
    inside = (low <= truths["auc"]) & (truths["auc"] <= high)
    return dict(zip(("auc", "plain"), inside.mean(1).tolist(), strict=True))


def bootstraps(setting, repetitions, truths):
    """Coverage of what is resampled."""
    draws, found = Draws.seeded(0, 1000, LEVEL), {name: [] for name in RESAMPLED}
    for s, y in zip(*samples(setting, repetitions, 2), strict=True):
        rows = scored_arrays(y, expit(s))
        order = ranked(rows)
        found["log_loss"].append(log_loss(rows, draws))
        found["brier"].append(brier(rows, draws))
        found["average_precision"].append(of_ranks(order, average_precision, draws))
        found["lift"].append(of_ranks(order, top_lift, draws))
        found["mcc"].append(of_calls(calls(rows, THRESHOLD), matthews, draws))
    return {
        name: float(np.mean([held(one, truths[name]) for one in each if np.isfinite(one.value)]))
        for name, each in found.items()
    }


def coverage(setting, repetitions, fewer):
    """Coverage of every interval, by measure."""
    truths = truth(setting)
    return {
        **areas(setting, repetitions, truths),
        **rates(setting, repetitions, truths),
        **bootstraps(setting, fewer, truths),
    }


TEXT = """# How often the intervals of an evaluation hold the truth

An interval of 95 % should hold the true value in 95 of 100 samples. Here rows have log-odds that are normal with standard
deviation {spread}, and events by these very probabilities, so that the truth is known (from {many:,} rows). Rows are called
positive from a probability of {threshold}.

Made by `python tests/make_evaluation.py` in {minutes:.0f} minutes, seeds fixed: {repetitions:,} samples a line for AUC and rates,
{fewer:,} (with 1,000 resamples each) for what is bootstrapped. The Monte-Carlo standard error near 95 % is {error:.2f} and
{more:.2f} percentage points.

## AUC, rates

{first}

## Bootstrapped measures

{second}

* DeLong's interval on the logit scale with Satterthwaite's t, the default, covers better than the plain one where rows or
  events are few; `auc(rows, scale="plain")` is the plain one, which is what pROC gives.
* Wilson's intervals, and what is made of them, cover as they should also with few rows.
* The bootstrap's intervals are a little short where events are few: of average precision with ten to
  twenty-five events expect 87 to 90 % rather than 95 %.
"""


def table(names, heads, found):
    """Lines of coverage in percent."""
    lines = ["| rows | events | " + " | ".join(heads) + " |", "|---:|---:|" + "---:|" * len(heads)]
    for setting, shares in found.items():
        cells = " | ".join(f"{100 * shares[name]:.1f} %" for name in names)
        lines.append(f"| {setting.n} | {100 * setting.events:g} % | {cells} |")
    return "\n".join(lines)


def main():
    warnings.simplefilter("error")
    begin, found = perf_counter(), {}
    for setting in SETTINGS:
        found[setting] = coverage(setting, REPETITIONS, FEWER)
        print(setting, found[setting], file=sys.stderr)
    first = ["auc", "plain", *QUICK]
    heads = ["AUC", "AUC, plain", "accuracy", "sensitivity", "specificity", "precision", "F1", "balanced accuracy"]
    second = table(RESAMPLED, ["log-loss", "Brier", "average precision", "lift", "Matthews"], found)
    errors = [100 * np.sqrt(LEVEL * (1 - LEVEL) / size) for size in (REPETITIONS, FEWER)]
    page = TEXT.format(
        spread=SPREAD, many=MANY, threshold=THRESHOLD, minutes=(perf_counter() - begin) / 60, repetitions=REPETITIONS,
        fewer=FEWER, error=errors[0], more=errors[1], first=table(first, heads, found), second=second,
    )  # fmt: skip
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
