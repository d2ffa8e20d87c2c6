"""Writes docs/guarantees.md: whether bands and prediction sets keep what they promise, by simulation.

python tests/make_guarantees.py    (about a minute; seeds are fixed)
"""

import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import expit, ndtr

import torchlogit
from torchlogit.decision.band import band_from_costs
from torchlogit.decision.conformal import fold_promise, rank_of, scores, within
from torchlogit.decision.cuts import DIGITS, cut_for_coverage, cut_for_error

PAGE = Path(__file__).resolve().parents[1] / "docs" / "guarantees.md"
REPETITIONS = 10_000
CONFIDENCE = 0.95
SLOPE = 2.0  # of the truth: P(y = 1 | x) = σ(2 x), x standard normal; 22 % of the best decisions are wrong
MODELS = {"right": (1.0, 0.0), "too sure": (3.0, 0.0), "not sure enough": (0.3, 0.0), "shifted": (1.0, 1.0)}
GRID = np.linspace(-9, 9, 400_001)
MASS = np.diff(ndtr(np.concatenate([GRID - (GRID[1] - GRID[0]) / 2, [GRID[-1] + (GRID[1] - GRID[0]) / 2]])))


def model(name, x):
    """The probability that a model gives the positive class."""
    factor, shift = MODELS[name]
    return expit(factor * SLOPE * x + shift)


def certainty(p):
    return np.maximum(p, 1 - p).round(DIGITS)


class Drawn(NamedTuple):
    """Certainties and errors of the rows of all repetitions, (R, n)."""

    certainty: np.ndarray
    wrong: np.ndarray


def drawn(name, n, repetitions, seed):
    rng = np.random.default_rng([seed, n, *map(ord, name)])
    if name == "one rate":  # the hardest case: however few are decided, a little too many are wrong
        return Drawn(rng.uniform(0.5, 1, (repetitions, n)).round(DIGITS), rng.random((repetitions, n)) < RATE)
    x = rng.normal(size=(repetitions, n))
    p = model(name, x)
    return Drawn(certainty(p), (rng.random(x.shape) < expit(SLOPE * x)) != (p > 0.5))


RATE = 0.1005  # of errors, at every certainty


def truth(name, cuts):
    """Of each cut (R,), the true share of cases decided and the share of these that is decided wrongly."""
    if name == "one rate":
        return 2 * (1 - cuts), np.full(cuts.shape, RATE)
    p, q = model(name, GRID), expit(SLOPE * GRID)
    order = np.argsort(-certainty(p), kind="stable")
    share = MASS[order].cumsum()
    wrong = (MASS * np.where(p > 0.5, 1 - q, q))[order].cumsum()
    last = np.searchsorted(-certainty(p)[order], -cuts, side="left") - 1  # more certain than the cut
    return share[last], wrong[last] / share[last]


class Broken(NamedTuple):
    """Over all repetitions: how often the promise is broken, how often none is made, and the mean share decided else."""

    broken: float
    refused: float
    decided: float


def error_bands(name, n, max_error, repetitions=REPETITIONS, seed=1):
    rows = drawn(name, n, repetitions, seed)
    found = cut_for_error(rows.certainty, rows.wrong, max_error, CONFIDENCE, 0.5)
    made = found.cut >= 0
    decided, risk = truth(name, found.cut[made])
    return Broken((risk > max_error).sum() / repetitions, 1 - made.mean(), decided.mean() if made.any() else 0.0)


def coverage_bands(name, n, coverage, repetitions=REPETITIONS, seed=2):
    """The mean true share of cases decided, and its Monte-Carlo error."""
    decided, _ = truth(name, cut_for_coverage(drawn(name, n, repetitions, seed).certainty, coverage, 0.5))
    return decided.mean(), decided.std() / np.sqrt(repetitions)


# Prediction sets

WEIGHTS = torch.tensor([[1.5, 0.0, -1.5], [0.0, 2.0, -1.0]], dtype=torch.float64)  # η of three classes from two columns
NEW = 10  # new rows a repetition


def labelled(eta, generator):
    return torch.multinomial(eta.softmax(-1).flatten(0, -2), 1, generator=generator).reshape(eta.shape[:-1])


class Held(NamedTuple):
    """How often the sets hold the truth (the class that is held least often, if by class), its error, and their mean size."""

    held: float
    error: float
    size: float


def split_sets(factor, n, level, score, by_class, repetitions=REPETITIONS, seed=3):
    """Sets of three classes by a model whose η is ``factor`` times the true one."""
    generator = torch.Generator().manual_seed(seed + n)
    x = torch.randn(repetitions, n + NEW, 2, generator=generator, dtype=torch.float64)
    eta = x @ WEIGHTS
    y = labelled(eta, generator)
    u = torch.rand(y.shape, generator=generator, dtype=torch.float64)
    every = scores((factor * eta).softmax(-1), score, u)
    own = every[:, :n].gather(-1, y[:, :n, None])[..., 0]
    sets = _by_class(own, y[:, :n], every[:, n:], level) if by_class else _marginal(own, every[:, n:], level)
    return _held(sets, y[:, n:], by_class)


def _marginal(own, new, level):
    calibration = [[own.sort(-1).values]] * new.shape[-1]
    return within(calibration, new[None], [rank_of(own.shape[-1], level)] * new.shape[-1])


def _by_class(own, y, new, level):
    """Classes have different numbers of rows in each repetition; rows of others are put above all, where they count for none."""
    sets = []
    for k in range(new.shape[-1]):
        n = (y == k).sum(-1)
        ordered = torch.where(y == k, own, 2.0).sort(-1).values
        rank = torch.tensor([rank_of(size, level) for size in range(int(n.max()) + 1)])[n]
        below = torch.searchsorted(ordered, new[..., k].contiguous())
        sets.append(below < rank[:, None])
    return torch.stack(sets, -1)


def _held(sets, y, by_class):
    held = sets.gather(-1, y[..., None])[..., 0].double()
    size = float(sets.double().sum(-1).mean())
    if by_class:
        each = [held[y == k].mean() for k in range(sets.shape[-1])]
        least = int(torch.stack(each).argmin())
        error = float(held[y == least].std()) / float((y == least).sum()) ** 0.5
        return Held(float(each[least]), error, size)
    return Held(float(held.mean()), float(held.mean(-1).std()) / len(held) ** 0.5, size)


def cross_sets(n, folds, level, score="lac", repetitions=REPETITIONS, seed=4):
    """CV+ sets of two classes: three columns, L2, all folds of all repetitions fitted as one batch, in parts."""
    parts = [
        _cross(n, folds, level, score, min(1000, repetitions - i), [seed, i, n]) for i in range(0, repetitions, 1000)
    ]
    sets, y = (torch.cat(part) for part in zip(*parts, strict=True))
    return _held(sets, y, False)


def _cross(n, folds, level, score, repetitions, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(repetitions, n + NEW, 3))
    y = (rng.random((repetitions, n + NEW)) < expit(x @ [1.5, -1.0, 0.5])).astype(int)
    fold = rng.permuted(np.tile(np.arange(n) % folds, (repetitions, 1)), axis=1)
    order = np.argsort(fold, axis=1, kind="stable")  # rows of a fold side by side
    x[:, :n], y[:, :n] = np.take_along_axis(x[:, :n], order[..., None], 1), np.take_along_axis(y[:, :n], order, 1)
    fold = np.sort(fold, axis=1)[0]  # the same for all
    trains = [np.flatnonzero(fold != f) for f in range(folds)]
    rows = [(x[:, train].reshape(-1, 3), y[:, train].ravel(), len(train)) for train in trains]
    group = np.concatenate([np.repeat(np.arange(repetitions) + f * repetitions, m) for f, (*_, m) in enumerate(rows)])
    with warnings.catch_warnings(action="ignore"):
        fits = torchlogit.fit_many(
            np.concatenate([r[0] for r in rows]), np.concatenate([r[1] for r in rows]), groups=group,
            penalty=torchlogit.L2(1.0),
        )  # fmt: skip
    theta = fits.theta[..., 0].reshape(folds, repetitions, 4)
    p = torch.sigmoid(theta[..., :1] + torch.einsum("rnd,frd->frn", torch.from_numpy(x), theta[..., 1:]))
    u = torch.from_numpy(rng.random((repetitions, n + NEW)))
    every = scores(torch.stack([1 - p, p], -1), score, u)
    label = torch.from_numpy(y)
    own = every[torch.from_numpy(fold)[None], torch.arange(repetitions)[:, None], torch.arange(n)[None], label[:, :n]]
    calibration = [[own[:, fold == f].sort(-1).values for f in range(folds)]] * 2
    return within(calibration, every[:, :, n:], [rank_of(n, level)] * 2), label[:, n:]


def cost(low, high, costs):
    """Expected cost of a case under a band, where the model is right."""
    p = model("right", GRID)
    each = np.where(p > high, (1 - p) * costs[0], np.where(p < low, p * costs[1], costs[2]))
    return float((each * MASS).sum())


ERRORS = [
    *(("right", n, 0.1) for n in (100, 300, 1000, 5000)),
    *((name, n, 0.1) for name in ("too sure", "not sure enough", "shifted") for n in (300, 1000)),
    ("right", 1000, 0.02),
    *(("one rate", n, 0.1) for n in (300, 1000, 5000)),
]
COVERAGES = [("right", 20, 0.9), ("right", 200, 0.9), ("right", 200, 0.5), ("too sure", 50, 0.8), ("shifted", 50, 0.8)]
SPLITS = [
    *((f, n, 0.9, score, by) for f in (1.0, 3.0) for n in (50, 200) for score in ("lac", "aps") for by in (False, True)),
    (0.3, 200, 0.9, "lac", False),
    (1.0, 1000, 0.99, "lac", False),
]  # fmt: skip
CROSSES = [(60, 5, 0.9), (100, 10, 0.9), (200, 10, 0.8), (103, 10, 0.9)]
COSTS = [(1, 1, 0.25), (10, 2, 1), (5, 1, 0.1), (1, 1, 1)]

TEXT = """# Promises, kept

Bands and prediction sets promise something ([deciding](deciding.md)). Here each promise is tried {repetitions:,} times:
calibration rows are drawn, the band or the sets are made by the package's own code, all repetitions as one batch, and what
happens to new cases is worked out exactly (bands, by integrating over x) or on {new} new rows each (sets). A promise must
hold whatever the model, so some of the models are wrong on purpose: three times too sure, not sure enough, or shifted.

Made by `python tests/make_guarantees.py` in {seconds:.0f} seconds of processor time; seeds are fixed. One feature x is
standard normal and P(y = 1) = σ(2x), so that 22 % of all decisions are wrong if all are decided. "One rate" is the hardest
case: however certain, {rate:.2f} % are wrong, so that any promise of 10 % is broken.

## At most this share of the cases decided is decided wrongly

With confidence 95 %, so that at most 5 % of the bands may break it; the Monte-Carlo standard error of 5 % is {error:.2f}
points. The band is refused where the rows cannot carry the promise; "decided" is the true share where it is not.

{errors}

The promise is broken much more seldom than it may be: twenty looks are counted as if each were at other rows ("one rate"
shows what that costs), and where certainty does order the errors only the last of them can go wrong.

## At least this share of new cases is decided

On average over calibration rows.

{coverages}

## Prediction sets hold the truth

Three classes, two features; sets from held-out rows. `lac` makes the smallest sets, `aps` larger ones where the model is
less sure. By class the number is that of the class that is held least often. The model's η is that of the truth times the
factor: one that is wrong costs larger sets, not the promise.

{splits}

## Cross-conformal sets (CV+)

Two classes, three features, L2, no rows held out. The promise is 1 − 2α less a little; in truth they hold about 1 − α.

{crosses}

## Costs

No simulation: the expected cost of a case by integration, of the band in closed form, of the best of all bands with ends on
a grid of 0.01, of deciding everything at one half, and of the lesson's band from 0.4 to 0.6.

{costs}
"""


def percent(*values):
    return " | ".join(f"{100 * value:.2f} %" for value in values)


def told(line):
    print(line, file=sys.stderr)
    return line


def table(head, lines):
    align = "|".join("---" if i == 0 else "---:" for i in range(head.count("|") + 1))
    return "\n".join([f"| {head} |", f"|{align}|", *(told(f"| {line} |") for line in lines)])


def cheapest(costs):
    """The least cost of all bands with ends on a grid of 0.01: what deciding no below one end and yes above the other saves."""
    p, ends = model("right", GRID), np.arange(0, 1.005, 0.01)
    no = np.array([(MASS * (p * costs[1] - costs[2]))[p < end].sum() for end in ends])
    yes = np.array([(MASS * ((1 - p) * costs[0] - costs[2]))[p > end].sum() for end in ends])
    return costs[2] + np.where(ends[:, None] <= ends, no[:, None] + yes, np.inf).min()


def cost_line(costs):
    band = band_from_costs(*costs)
    numbers = (cost(*band, costs), cheapest(costs), cost(0.5, 0.5, costs), cost(0.4, 0.6, costs))
    return f"{costs[0]}, {costs[1]}, {costs[2]} | {band.low:.3f}–{band.high:.3f} | " + " | ".join(
        f"{x:.5f}" for x in numbers
    )


def tables(repetitions):
    """Every table of the page."""
    errors = [f"{name} | {n} | {percent(most, *error_bands(name, n, most, repetitions))}" for name, n, most in ERRORS]
    coverages = [
        f"{name} | {n} | {percent(wanted, *coverage_bands(name, n, wanted, repetitions))}"
        for name, n, wanted in COVERAGES
    ]
    splits = []
    for factor, n, level, score, by_class in SPLITS:
        held, error, size = split_sets(factor, n, level, score, by_class, repetitions)
        kind = "by class" if by_class else "all"
        splits.append(f"{factor:g} | {n} | {score}, {kind} | {percent(level, held, error)} | {size:.2f}")
    crosses = []
    for n, folds, level in CROSSES:
        held, error, size = cross_sets(n, folds, level, repetitions=repetitions)
        crosses.append(f"{n} | {folds} | {percent(level, fold_promise(level, n, folds), held, error)} | {size:.2f}")
    return {
        "errors": table("model | rows | promised | broken | refused | decided", errors),
        "coverages": table("model | rows | promised | decided | MC error", coverages),
        "splits": table("factor | rows | sets | promised | held | MC error | mean size", splits),
        "crosses": table("rows | folds | level | promised | held | MC error | mean size", crosses),
        "costs": table("costs: false yes, false no, asking | band | its cost | best on the grid | decide all | 0.4–0.6",
                       map(cost_line, COSTS)),
    }  # fmt: skip


def make_page(repetitions=REPETITIONS):
    begin = time.process_time()
    parts = tables(repetitions)
    facts = {"repetitions": repetitions, "new": NEW, "rate": 100 * RATE, "seconds": time.process_time() - begin}
    error = 100 * np.sqrt(0.05 * 0.95 / repetitions)
    PAGE.write_text(TEXT.format(error=error, **facts, **parts), encoding="utf-8")


if __name__ == "__main__":
    make_page(*map(int, sys.argv[1:]))
