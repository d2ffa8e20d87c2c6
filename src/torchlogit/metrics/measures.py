"""Every measure of some rows with its interval, in order; and for one that does not exist, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import nan
from typing import NamedTuple

import numpy as np

from torchlogit.errors import DataError
from torchlogit.metrics.counts import top_lift
from torchlogit.metrics.curves import average_precision
from torchlogit.metrics.delong import auc, hand_till
from torchlogit.metrics.ranked import ranked
from torchlogit.metrics.rates import Calls, Floats, Interval, calls, combined, matthews
from torchlogit.metrics.resampled import Draws, brier, log_loss, of_calls, of_ranks
from torchlogit.metrics.scored import Scored
from torchlogit.tables.features import level_text

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
    yield _ranks("average_precision", lambda: of_ranks(ranked(rows), average_precision, draws))
    yield _ranks("lift", lambda: of_ranks(ranked(rows), top_lift, draws))
    yield Measure("accuracy", found.accuracy(level))
    yield _balanced(found, level)
    yield _known("sensitivity", found.recall(1, level), "no_rows")
    yield _known("specificity", found.recall(0, level), "no_rows")
    yield _known("precision", found.precision(1, level), "none_called")
    yield _known("negative_predictive_value", found.precision(0, level), "none_called")
    yield _known("f1", found.f1(1, level), "none_called")
    yield _known("mcc", of_calls(found, matthews, draws), "never_varies")


def _of_more(rows: Scored, found: Calls, draws: Draws) -> Iterator[Measure]:
    level = draws.level
    yield _ranks("auc", partial(auc, rows, level))
    yield _ranks("hand_till", partial(hand_till, rows, level))
    yield Measure("accuracy", found.accuracy(level))
    yield _balanced(found, level)
    yield _known("macro_f1", of_calls(found, macro_f1, draws), "no_rows")
    yield _known("mcc", of_calls(found, matthews, draws), "never_varies")
    for k, label in enumerate(rows.classes.tolist()):
        name = level_text(label)
        one = rows.against(label)
        yield _ranks("auc", partial(auc, one, level), name)
        yield _known("sensitivity", found.recall(k, level), "no_rows", name)
        yield _known("precision", found.precision(k, level), "none_called", name)
        yield _known("f1", found.f1(k, level), "none_called", name)


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
