"""Rows that are counted: by what they are called, in groups of falling probability, in bins. Tables for plots and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.ranked import as_counts, ranked, summed
from torchlogit.metrics.rates import calls
from torchlogit.metrics.scored import Scored
from torchlogit.tables.features import level_text

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class LiftTable(Tabular):
    """One entry a group of rows of equal weight, the most probable first, (g,) arrays.

    ``share`` of the rows up to the group's end; within it ``rate`` of the positive class and ``lift``, that over the rate of
    all; up to its end ``gain``, the share of the positive class that is there, and ``cumulative_lift``.
    """

    heading: ClassVar[str] = "Lift"

    share: Floats
    probability: Floats  # the mean within the group
    positives: Floats
    rate: Floats
    lift: Floats
    gain: Floats
    cumulative_lift: Floats
    positive: Any
    prevalence: float
    notes: tuple[str, ...] = ()


def lift(scored: Scored, groups: int = 10) -> LiftTable:
    """How many of the positive class are among the most probable rows, in ``groups`` of equal weight.

    Rows that the probabilities cannot tell apart are shared out evenly between the groups that they stand in.
    ParameterError for less than one group; else errors as `roc_curve`.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = lift(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), groups=2)
    >>> found.lift.tolist(), found.gain.tolist()
    ([1.0, 1.0], [0.5, 1.0])
    """
    if groups < 1:
        raise ParameterError(f"groups must be 1 or more, got {groups}")
    found = ranked(scored, "lift")
    share, yes = np.arange(1, groups + 1) / groups, found.positive.sum()
    weight = found.positive + found.negative
    sums = summed(found.place, found.rows.weight * found.rows.probability[:, 1], len(weight))
    up_to = gained(found.positive, weight, share)
    within, whole = np.diff(up_to, prepend=0.0), weight.sum()
    return LiftTable(
        share=share,
        probability=np.diff(gained(sums, weight, share), prepend=0.0) * groups / whole,
        positives=within,
        rate=within * groups / whole,
        lift=within * groups / yes,
        gain=up_to / yes,
        cumulative_lift=up_to / yes / share,
        positive=scored.classes[1],
        prevalence=float(yes / whole),
        notes=scored.notes(),
    )


def gained(part: Floats, weight: Floats, share: Floats) -> Floats:
    """How much of ``part`` (m,) lies in the first ``share`` (g,) of the ``weight`` (m,), between two of them in proportion."""
    ends, sums = (np.concatenate([[0.0], t.cumsum()]) for t in (weight, part))
    return np.interp(share * ends[-1], ends, sums)


TOP = 0.1  # share of the rows whose lift is a measure of its own


def top_lift(positive: Floats, negative: Floats) -> Floats:
    """Lift of the tenth of the rows that is most probable, (*B,), from the classes' weights (*B, m) at falling scores.

    >>> top_lift(np.array([1.0, 0.0]), np.array([0.0, 9.0])).item()
    10.0
    """
    weight = positive + negative
    before, whole = weight.cumsum(-1) - weight, weight.sum(-1, keepdims=True)
    room = (TOP * whole - before).clip(min=0)
    inside = np.divide(np.minimum(room, weight), weight, out=np.zeros_like(weight), where=weight > 0)
    return np.asarray((positive * inside).sum(-1) / positive.sum(-1) / TOP)


@dataclass(frozen=True, repr=False, eq=False)
class Confusion(Tabular):
    """Weights of the rows by their class, K entries, and what they are called, ``counts`` (K, K): a row of it is a class.

    ``recall`` and ``precision`` (K,) are of each class, NaN where no row has it or is called so.
    """

    heading: ClassVar[str] = "Confusion matrix"
    hidden: ClassVar[tuple[str, ...]] = ("precision",)

    actual: tuple[str, ...]
    counts: Floats
    recall: Floats
    precision: Floats
    accuracy: float
    threshold: float | None
    notes: tuple[str, ...] = ()

    def names_of(self, field: str, size: int) -> list[str]:
        """Names of the columns of the matrix."""
        return [f"called {name}" for name in self.actual]


def confusion(scored: Scored, threshold: float = 0.5) -> Confusion:
    """How many rows of each class are called what.

    Of two classes the positive one is called where its probability is at least ``threshold``; of more the most probable one.
    DataError without rows.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> print(confusion(scored_arrays(["no", "no", "yes", "yes"], [0.1, 0.4, 0.35, 0.8])))
    Confusion matrix
    <BLANKLINE>
    accuracy   0.75
    threshold  0.5
    <BLANKLINE>
    actual  called no  called yes  recall
    no              2           0  1.0000
    yes             1           1  0.5000
    """
    rows = scored.counted()
    return confusion_of(rows.classes, calls(rows, threshold).weight, threshold, scored.notes())


def confusion_of(classes: npt.NDArray[Any], found: Floats, threshold: float, notes: tuple[str, ...] = ()) -> Confusion:
    """The table of weights (K, K) of rows by class and call."""
    with np.errstate(invalid="ignore"):
        recall, precision = (np.diag(found) / found.sum(axis) for axis in (1, 0))
    return Confusion(
        actual=tuple(level_text(label) for label in classes.tolist()),
        counts=as_counts(found),
        recall=recall,
        precision=precision,
        accuracy=float(np.trace(found) / found.sum()),
        threshold=threshold if len(classes) == 2 else None,
        notes=notes,
    )


@dataclass(frozen=True, repr=False, eq=False)
class ScoreHistogram(Tabular):
    """Weights of the rows of either class with probabilities from ``low`` to ``high``, (g,) arrays."""

    heading: ClassVar[str] = "Probabilities by class"

    low: Floats
    high: Floats
    negatives: Floats
    positives: Floats
    positive: Any
    negative: Any
    notes: tuple[str, ...] = ()


def score_histogram(scored: Scored, bins: int = 20) -> ScoreHistogram:
    """How many rows of either class have which probability of the positive one, in ``bins`` of equal width.

    ParameterError for less than one bin or more than two classes.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = score_histogram(scored_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 1.0]), bins=2)
    >>> found.negatives.tolist(), found.positives.tolist()
    ([2, 0], [1, 1])
    """
    if bins < 1:
        raise ParameterError(f"bins must be 1 or more, got {bins}")
    scored.require_binary("a histogram of probabilities")
    place = (scored.probability[:, 1] * bins).astype(np.int64).clip(0, bins - 1)
    no, yes = (summed(place, scored.weight * (scored.y == k), bins) for k in (0, 1))
    ends = np.arange(bins + 1) / bins
    return ScoreHistogram(
        ends[:-1], ends[1:], as_counts(no), as_counts(yes), scored.classes[1], scored.classes[0], scored.notes()
    )
