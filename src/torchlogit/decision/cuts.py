"""Cuts of the certainty above which a case is decided, such that a promise holds: for one set of rows, or for a batch of them.

A case's certainty is the probability of its most probable class, to 12 digits: those that agree so far are one.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, log, log1p
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import check_share
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]

CUTS = 20  # that are tried, evenly spread over the shares decided
DIGITS = 12
TIE = 0.5 * 10.0**-DIGITS
MOST = 10**8  # rows that whole weights may stand for


class Cuts(NamedTuple):
    """One entry a set of rows, (*B,): decided is what is more certain than ``cut``; -1 where no cut keeps the promise."""

    cut: Floats
    decided: Floats
    wrong: Floats
    bound: Floats  # of the error rate, from above; of the best cut even where it does not keep the promise


def exact(share: float) -> Fraction:
    """A share as it was written: 0.9 is nine tenths.

    >>> exact(0.28) * 25
    Fraction(7, 1)
    """
    return Fraction(share).limit_denominator(10**9)


def rows_needed(max_error: float, confidence: float = 0.95) -> int:
    """Fewest decided rows that can promise an error rate: as many, none of them wrong, and all cuts counted.

    ``log((1 − confidence) / 20) / log(1 − max_error)``, rounded up. ParameterError for what is no share.

    >>> rows_needed(0.05), rows_needed(0.01)
    (117, 597)
    """
    check_share(max_error, "max_error")
    check_share(confidence, "confidence")
    return ceil(log((1 - confidence) / CUTS) / log1p(-max_error))


def cut_for_error(
    certainty: Floats, wrong: npt.NDArray[Any], max_error: float, confidence: float, least: float
) -> Cuts:
    """The lowest cut whose error rate is at most ``max_error`` with this confidence, of (*B, n) certainties and errors.

    Candidates are fixed by rank before any error is seen: up to 20 numbers m of rows to decide, evenly spread from
    `rows_needed` to n; the cut is the certainty of row m + 1 (the most certain first), or ``least``, at or under which
    nothing can be decided. Given its cut, the rows above it are independent draws of the cases decided, so that
    ``P(Bin(decided, max_error) ≤ wrong)`` is an exact p-value; each is tested at (1 − confidence) / 20 (Bonferroni), so
    all that pass keep the promise together. Sources: Clopper and Pearson (1934); Geifman and El-Yaniv (2017), Selective
    classification for deep neural networks, without their binary search, whose path depends on the errors;
    Angelopoulos et al. (2021), Learn then test.
    """
    from scipy.special import bdtr, betaincinv

    order = np.argsort(-certainty, axis=-1, kind="stable")
    ordered, errors = (np.take_along_axis(t, order, -1) for t in (certainty, wrong.astype(np.int64)))
    errors = np.concatenate([np.zeros_like(errors[..., :1]), errors.cumsum(-1)], -1)
    n, shape, each = ordered.shape[-1], ordered.shape[:-1], (1 - confidence) / CUTS
    found = Cuts(np.full(shape, -1.0), np.zeros(shape), np.zeros(shape), np.ones(shape))
    for m in ranks(n, rows_needed(max_error, confidence)):
        cut = np.maximum(ordered[..., m] if m < n else least, least) * np.ones(shape)
        decided = (ordered > cut[..., None]).sum(-1)
        bad = np.take_along_axis(errors, decided[..., None], -1)[..., 0]
        good = bdtr(bad.astype(float), decided, max_error) <= each
        bound = np.where(bad < decided, betaincinv(bad + 1.0, np.maximum(decided - bad, 1), 1 - each), 1.0)
        better = good | ((found.cut < 0) & (bound < found.bound))  # the last that is good; until then, the best
        new: Any = (np.where(better, a, b) for a, b in zip((decided, bad, bound), found[1:], strict=True))
        found = Cuts(np.where(good, cut, found.cut), *new)
    return found


def ranks(n: int, first: int) -> list[int]:
    """Numbers of rows to decide, evenly from ``first`` to n, 20 at most; none where n is smaller.

    >>> ranks(5, 2), len(ranks(1000, 117)), ranks(5, 6)
    ([2, 3, 4, 5], 20, [])
    """
    return np.unique(np.linspace(first, n, CUTS).astype(np.int64)).tolist() if n >= first else []


def cut_for_coverage(certainty: Floats, coverage: float, least: float) -> Floats:
    """The highest cut above which a new case lies with probability ``coverage`` or more, (*B,), of certainties (*B, n).

    Just below the j-th smallest certainty, j = ⌊(n + 1) (1 − coverage)⌋; ``least`` where j is 0. A new certainty lies under
    the j-th smallest of n others only if it is among the j smallest of all n + 1, which has probability j / (n + 1) at most.
    """
    if not 0 < coverage <= 1:
        raise ParameterError(f"coverage must lie above 0 and be at most 1, got {coverage}")
    n = certainty.shape[-1]
    j = floor((n + 1) * (1 - exact(coverage)))
    if j == 0:
        return np.full(certainty.shape[:-1], least)
    return np.maximum(np.partition(certainty, j - 1, axis=-1)[..., j - 1] - 2 * TIE, least)


def certainties(rows: Scored) -> Floats:
    """Of every row the probability of its most probable class, (n,)."""
    return rows.probability.max(-1).round(DIGITS)


def errors(rows: Scored) -> npt.NDArray[np.bool_]:
    """Whether a row's most probable class is not its own, (n,)."""
    return rows.probability.argmax(-1) != rows.y


def least_certainty(rows: Scored) -> float:
    """The certainty at which nothing speaks for either class; of more than two, below any."""
    return 0.5 if rows.binary else 0.0


def unseen_rows(scored: Scored, what: str) -> Scored:
    """The rows, each standing for one: whole weights are written out, rows of weight 0 left out.

    ParameterError for rows that the model was fitted to, and for weights that do not count rows: ``what`` does not hold there.
    """
    if scored.seen:
        raise ParameterError(
            f"{what} needs rows that the model was not fitted to: on its own rows it looks better than it is; hold some out "
            "before fitting, and give them"
        )
    return counted_rows(scored, what)


def counted_rows(scored: Scored, what: str) -> Scored:
    """The rows, each standing for one; ParameterError for weights that do not count rows."""
    weight = scored.weight
    if (weight == 1).all():
        out = scored
    elif not (scored.repeats and (weight == np.rint(weight)).all()):
        raise ParameterError(
            f"{what} holds for independent rows that count alike, and weights such as {weight[weight != 1][0]:g} are no numbers "
            "of equal rows here; give rows without weights"
        )
    elif weight.sum() > MOST:
        raise DataError(f"the weights stand for {weight.sum():.0f} rows, over {MOST:.0e}; give a random part of them")
    else:
        out = scored.rows(np.repeat(np.arange(len(weight)), weight.astype(np.int64)))
        out = replace(out, weight=np.ones(len(out)))
    if not len(out):
        raise DataError(f"{what} needs rows, and there are none")
    return out
