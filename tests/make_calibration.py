"""Writes docs/calibration-simulated.md: what the numbers of calibration do where the truth is known.

python tests/make_calibration.py    (some minutes; seeds are fixed)
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.special import expit, logit

import torchlogit
from torchlogit.calibration.measures import MEASURES, _Rows
from torchlogit.calibration.reliability import reliability
from torchlogit.metrics.scored import scored_arrays

PAGE = Path(__file__).resolve().parents[1] / "docs" / "calibration-simulated.md"
REPETITIONS = 10_000
SIZES = (100, 300, 1000)
TRUTHS = ((0.0, 1.0), (0.3, 0.7))
DISTANCES = ("ece", "ece if calibrated", "ece debiased", "bins", "bins debiased", "spiegelhalter")
STUDIES = 300
FEW = 60  # of which a prevalence is estimated
BETA = (-4.0, 1.0, -0.5)


def drawn(n, repetitions, truth, seed=0):
    """Probabilities (R, n) that a model gives, the true ones, and the events."""
    rng = np.random.default_rng([seed, n, int(10 * truth[1])])
    p = rng.beta(1.5, 2.5, (repetitions, n)).clip(1e-4, 1 - 1e-4)
    true = expit(truth[0] + truth[1] * logit(p))
    return p, true, (rng.random(p.shape) < true).astype(int)


def regressions(p, y, truth):
    """Of the repetitions whose fit exists: estimates and 95 % intervals of the slope, and of the intercept where b is 1."""
    groups, x = np.repeat(np.arange(len(p)), p.shape[1]), logit(p).ravel()
    line = torchlogit.fit_many(x[:, None], y.ravel(), groups=groups)
    slope, error = line.theta[line.certified, 1, 0].numpy(), line.std_error[line.certified, 1, 0].numpy()
    one = torchlogit.fit_many(np.ones((len(x), 1)), y.ravel(), groups=groups, offset=x, intercept=False)
    a, half = one.theta[one.certified, 0, 0].numpy(), one.std_error[one.certified, 0, 0].numpy()
    return covered(slope, error, truth[1]), covered(a, half, truth[0]) if truth[1] == 1 else None


def covered(estimate, error, truth):
    return float((np.abs(estimate - truth) <= 1.959964 * error).mean())


def distances(p, y):
    """Measures (R, 6) of every repetition."""
    found = []
    for each, events in zip(p, y, strict=True):
        rows = scored_arrays(events, each, classes=[0, 1])
        at = _Rows(rows, reliability(rows))
        found.append([MEASURES[name][1](at).estimate for name in DISTANCES])
    return np.array(found)


def studies(count, seed=5):
    """Case-control studies of a rare event: coefficients (S, 3) as fitted and with the intercept moved, whether the moved
    intervals hold the truth, and whether the interval of a prevalence estimated without labels does.
    """
    rng, raw, moved, held, within = np.random.default_rng(seed), [], [], [], []
    for _ in range(count):
        x = rng.normal(size=(30_000, 2))
        y = (rng.random(len(x)) < expit(BETA[0] + x @ BETA[1:])).astype(int)
        kept = np.flatnonzero((y == 1) | (rng.random(len(x)) < y.mean() / (1 - y.mean())))
        fit = torchlogit.fit(x[kept], y[kept])
        true = fit.with_prevalence(y.mean())
        raw.append(fit.theta[:, 0].numpy())
        moved.append(true.theta[:, 0].numpy())
        held.append(np.abs(moved[-1] - BETA) <= 1.959964 * true.std_error[:, 0].numpy())
        if len(within) < FEW:
            found = torchlogit.estimate_prevalence(fit, x)
            within.append(bool(found.low[1] <= y.mean() <= found.high[1]))
    return np.array(raw), np.array(moved), np.array(held), np.array(within)


TEXT = """# Calibration, where the truth is known

Made by `python tests/make_calibration.py` with fixed seeds in {seconds:.0f} seconds on two cores: {repetitions:,} repetitions a
line, in each of which probabilities p (Beta(1.5, 2.5)) and events are drawn anew; all slopes of a line are one batch
(`fit_many`). The Monte-Carlo standard error of a share near 95 % is {error:.2f} percentage points.

## Intervals and tests

Events come with probability σ(a + b logit p). The intercept is tested with b at 1. Spiegelhalter's test at 5 % should find
one in twenty where a = 0 and b = 1, and many more elsewhere.

| rows | a | b | 95 % interval of the slope holds b | of the intercept holds a | Spiegelhalter p < 0.05 |
|---:|---:|---:|---:|---:|---:|
{coverage}

## The bias of the ECE

Ten bins of equal weight. `true` is what the bins would show with the true probabilities in place of the events; the mean
of each measure stands beside it.

| rows | a | b | true ECE | ECE | told for a calibrated model | debiased | true squared | squared | debiased |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{bias}

Of a calibrated model the ECE is all noise, as large as is told; taking the noise off leaves six tenths of it (in no bin can
the distance be negative, so something stays). Where probabilities are wrong the debiased ECE is close to the true one from
300 rows on. The squared distance has an estimate without bias.

## Another prevalence

{studies} case-control studies of 30,000 people each: all cases (about {cases:.1f} %) and as many controls; the truth is
{beta}.

| | intercept | slope 1 | slope 2 |
|:---|---:|---:|---:|
{shift}

A prevalence estimated from all 30,000 people without their labels, by a fit to some 1,900 of them, has an interval with the
fit's own error in it. It holds the true share of events among them in {within:.1f} % of the first 60 studies.
"""


def true_distances(p, true):
    """Mean over repetitions of the bins' distances with true probabilities in place of events."""
    order = np.argsort(p, 1)
    p, true = (np.take_along_axis(t, order, 1).reshape(len(p), 10, -1).mean(2) for t in (p, true))
    return float(np.abs(p - true).mean()), float(((p - true) ** 2).mean())


def make_page(repetitions=REPETITIONS, count=STUDIES):
    start, coverage, bias = perf_counter(), [], []
    for n in SIZES:
        for truth in TRUTHS:
            p, true, y = drawn(n, repetitions, truth)
            slope, one = regressions(p, y, truth)
            found = distances(p, y)
            power = (np.abs(found[:, 5]) > 1.959964).mean()
            told = "" if one is None else f"{100 * one:.1f} %"
            coverage.append(f"| {n} | {truth[0]} | {truth[1]} | {100 * slope:.1f} % | {told} | {100 * power:.1f} % |")
            absolute, square = true_distances(p, true)
            ece, told, less, bins, unbiased = found[:, :5].mean(0)
            bias.append(
                f"| {n} | {truth[0]} | {truth[1]} | {absolute:.4f} | {ece:.4f} | {told:.4f} | {less:.4f} | "
                f"{square:.5f} | {bins:.5f} | {unbiased:.5f} |"
            )
            print(coverage[-1], bias[-1], file=sys.stderr)
    raw, moved, held, within = studies(count)
    lines = [(name, rows.mean(0)) for name, rows in (("as fitted", raw), ("moved", moved))]
    shift = [f"| mean {name} | " + " | ".join(f"{value:.3f}" for value in mean) + " |" for name, mean in lines]
    shift.append("| 95 % interval, moved, holds it | " + " | ".join(f"{100 * h:.1f} %" for h in held.mean(0)) + " |")
    PAGE.write_text(
        TEXT.format(
            seconds=perf_counter() - start,
            repetitions=repetitions,
            error=100 * (0.95 * 0.05 / repetitions) ** 0.5,
            coverage="\n".join(coverage),
            bias="\n".join(bias),
            studies=count,
            cases=100 * expit(BETA[0] + np.random.default_rng(0).normal(size=(10**6, 2)) @ BETA[1:]).mean(),
            beta=", ".join(map(str, BETA)),
            shift="\n".join(shift),
            within=100 * within.mean(),
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    make_page(*map(int, sys.argv[1:]))
