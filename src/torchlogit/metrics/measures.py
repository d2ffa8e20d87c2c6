"""Every measure of some rows with its interval, in order; and for one that does not exist, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from torchlogit.errors import DataError
from torchlogit.inference.normal import half_width
from torchlogit.metrics.condensed import Condensed
from torchlogit.metrics.counts import top_lift
from torchlogit.metrics.curves import average_precision
from torchlogit.metrics.delong import auc, hand_till
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.rates import Calls, Floats, Interval, calls, combined, matthews
from torchlogit.metrics.resampled import Draws, brier, log_loss, of_calls, of_ranks
from torchlogit.metrics.scored import Scored
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from torchlogit.metrics.tally import Tally

NONE = Interval(nan, nan, nan, "")


class Measure(NamedTuple):
    """A measure of all classes, or of the one that is named; ``why`` is the key of a reason where it is none (NaN)."""

    name: str
    found: Interval
    label: str = ""
    why: str = ""


def measured(rows: Scored, threshold: float, draws: Draws) -> Iterator[Measure]:
    """The measures of rows without weight 0: of losses, ranks, calls, and with more than two classes of each class."""
    yield Measure("log_loss", log_loss(rows, draws))
    yield Measure("brier", brier(rows, draws))
    yield from (_of_two if rows.binary else _of_more)(rows, calls(rows, threshold), draws)


def _of_two(rows: Scored, found: Calls, draws: Draws) -> Iterator[Measure]:
    level = draws.level
    yield _ranks("auc", partial(auc, rows, level))
    yield _ranks("average_precision", partial(_precision, rows, draws))
    yield _ranks("lift", lambda: of_ranks(ranked(rows), top_lift, draws))
    yield Measure("accuracy", found.accuracy(level))
    yield _balanced(found, level)
    yield _known("sensitivity", found.recall(1, level), "no_rows")
    yield _known("specificity", found.recall(0, level), "no_rows")
    yield _known("precision", found.precision(1, level), "none_called")
    yield _known("negative_predictive_value", found.precision(0, level), "none_called")
    yield _known("f1", found.f1(1, level), "none_called")
    yield _known("mcc", of_calls(found, matthews, draws), "never_varies")


def _precision(rows: Scored, draws: Draws) -> Interval:
    found = ranked(rows)
    return of_ranks(found, average_precision, draws, rows.precision() if isinstance(rows, Condensed) else None)


def _of_more(rows: Scored, found: Calls, draws: Draws) -> Iterator[Measure]:
    level = draws.level
    yield _ranks("auc", partial(auc, rows, level))
    yield _ranks("hand_till", partial(hand_till, rows, level))
    yield from _of_calls(found, draws)
    yield from _of_classes([rows.against(label) for label in rows.classes], rows, found, level)


def tallied_measures(tally: Tally, draws: Draws) -> Iterator[Measure]:
    """The measures of `measured` that rows which were tallied have."""
    found, level = Calls(tally.weight, tally.square), draws.level
    if len(tally.classes) == 2:
        yield from measured(tally.rows(), tally.threshold, draws)
        return
    rows, half = tally.own(), half_width(level) * tally.brier_error
    yield Measure("log_loss", log_loss(rows, draws))
    yield Measure("brier", Interval(tally.brier, tally.brier - half, tally.brier + half, "normal"))
    each = list(_of_classes(list(tally.curves()), rows, found, level))
    yield _mean("auc", [measure for measure in each if measure.name == "auc"])
    yield Measure("hand_till", NONE, why="in_parts")
    yield from _of_calls(found, draws)
    yield from each


def _of_calls(found: Calls, draws: Draws) -> Iterator[Measure]:
    """Those of all classes' calls."""
    yield Measure("accuracy", found.accuracy(draws.level))
    yield _balanced(found, draws.level)
    yield _known("macro_f1", of_calls(found, macro_f1, draws), "no_rows")
    yield _known("mcc", of_calls(found, matthews, draws), "never_varies")


def _of_classes(against: Sequence[Scored], rows: Scored, found: Calls, level: float) -> Iterator[Measure]:
    """Those of each class, whose rows stand ``against`` all others."""
    for k, (label, one) in enumerate(zip(rows.classes.tolist(), against, strict=True)):
        name = level_text(label)
        yield _ranks("auc", partial(auc, one, level), name)
        yield _known("sensitivity", found.recall(k, level), "no_rows", name)
        yield _known("precision", found.precision(k, level), "none_called", name)
        yield _known("f1", found.f1(k, level), "none_called", name)


def _mean(name: str, each: list[Measure]) -> Measure:
    """The mean of the classes' measures; the mean of their intervals' ends, which is too wide rather than too narrow."""
    if any(measure.why for measure in each):
        return Measure(name, NONE, why="one_class")
    value, low, high = np.mean([measure.found[:3] for measure in each], axis=0).tolist()
    return Measure(name, Interval(value, low, high, f"{each[0].found.method}, mean"))


def _balanced(found: Calls, level: float) -> Measure:
    """The mean of the classes' sensitivities, which are independent of each other."""
    size = found.weight.shape[-1]
    each = [found.recall(k, level) for k in range(size)]
    return _known("balanced_accuracy", combined([1 / size] * size, each, "Wilson, MOVER"), "no_rows")


def macro_f1(weight: Floats) -> Floats:
    """The mean over the classes of F1, (*B,), from weights (*B, K, K); NaN where a class neither is there nor is called."""
    right = np.diagonal(weight, axis1=-2, axis2=-1)
    both = weight.sum(-1) + weight.sum(-2)
    f1 = np.divide(2 * right, both, out=np.full(right.shape, nan), where=both > 0)
    return np.asarray(f1.mean(-1))


def _ranks(name: str, of: Callable[[], Interval], label: str = "") -> Measure:
    """A measure of ranks, which there is none of without rows of every class."""
    try:
        return Measure(name, of(), label)
    except DataError:
        return Measure(name, NONE, label, "one_class")


def _known(name: str, found: Interval, why: str, label: str = "") -> Measure:
    """A measure, or if it is NaN the reason."""
    if np.isnan(found.value):
        return Measure(name, NONE, label, why)
    return Measure(name, Interval(float(found.value), float(found.low), float(found.high), found.method), label)
