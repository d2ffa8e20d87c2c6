"""`evaluate`: all measures of probabilities with their intervals, for all rows and for groups beside all others."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.observed import observed
from torchlogit.inference.places import coded
from torchlogit.metrics.condensed import RANKS
from torchlogit.metrics.crossed import cross_rows, folds_of
from torchlogit.metrics.evaluation import Evaluation
from torchlogit.metrics.losses import BrierParts, brier_parts
from torchlogit.metrics.measures import Measure, measured, tallied_measures
from torchlogit.metrics.rates import Interval, combined
from torchlogit.metrics.resampled import Draws
from torchlogit.metrics.scored import Scored, scored_rows
from torchlogit.metrics.tally import Tally, in_parts, tallied_beside
from torchlogit.metrics.words import Words
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

MOST_GROUPS = 50
FEW = 10  # rows of a class below which a group is small
SMALL = 30  # rows below which it is


class Part(NamedTuple):
    """A group's rows, measured, and how far each measure lies from that of all other rows."""

    name: str
    rows: Scored
    measures: list[Measure]
    differences: list[Interval]

    @property
    def events(self) -> float:
        """Weight of the positive class; NaN with more than two."""
        if not self.rows.binary:
            return float("nan")
        weight = float(self.rows.weight @ self.rows.y)
        return float(round(weight)) if self.rows.repeats else weight

    @property
    def size(self) -> int:
        """Number of rows; a row of weight w is w of them where weights repeat rows."""
        return self.rows.size

    @property
    def small(self) -> bool:
        """Whether there are few rows, or of one class."""
        weight = self.rows.weight if self.rows.repeats else None
        least = np.bincount(self.rows.y, weight, len(self.rows.classes)).min()
        return self.size < SMALL or bool(least < FEW)


def evaluate(
    scored: Scored,
    *,
    by: Any = None,
    name: str = "group",
    threshold: float = 0.5,
    level: float = 0.95,
    folds: int | None = None,
    seed: int = 0,
    resamples: int = 2000,
    language: str = "en",
    told: tuple[str, ...] = (),
) -> Evaluation:
    """All measures of scored rows, and of the groups that ``by`` (n,), one label a row, under a ``name``, makes of them.

    Log-loss, Brier's score, average precision, lift and Matthews' correlation have the percentile interval of a bootstrap
    of ``resamples`` from ``seed``; AUC has DeLong's, rates have Wilson's, balanced accuracy and differences what Zou and
    Donner make of these. ``threshold`` is that of the calls of two classes. A group is compared with all rows that are not
    in it. ``folds`` says how the rows were scored, and ``told`` what else is to be noted. Words in ``language`` "en" or "zh".

    ParameterError for a threshold that is no probability, a level that is no share, or too many groups; DataError without
    rows, or for rows without a group. Sources stand at `auc`, `wilson`, `combined`, `Draws` and `brier_parts`.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = evaluate(scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.35, 0.4, 0.8, 0.9]))
    >>> round(found["auc"].value, 4), round(found["sensitivity"].value, 4), found["sensitivity"].method
    (0.8889, 0.6667, 'Wilson')
    """
    words, draws = Words(language), Draws.seeded(seed, resamples, level)
    rows = scored.counted()
    parts = [Part("", rows, list(measured(rows, threshold, draws)), [])]
    if by is not None:
        names, codes = _groups(by, name, len(scored))
        parts += _parts(rows, names, codes[scored.weight > 0], threshold, draws)
    notes = _notes(words, parts, folds, level, brier_parts(rows))
    return _table(
        parts,
        threshold=float(threshold) if rows.binary else None,
        level=level,
        by=None if by is None else name,
        folds=folds,
        seen=scored.seen,
        language=language,
        notes=(*told, *notes),
    )


def evaluate_tally(
    tally: Tally,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    language: str = "en",
    told: tuple[str, ...] = (),
) -> Evaluation:
    """`evaluate` of rows that were tallied: the same numbers, but for those of ranks, of which a note tells the bounds.

    Losses are those of `Condensed` points, so that rounding is all by which they differ from those of the rows. With more
    than two classes Brier's score has a normal interval, and the mean of the classes' AUC that of their intervals' ends;
    Hand and Till's M, which needs every two classes by themselves, is left out.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> from torchlogit.metrics.tally import tally
    >>> found = evaluate_tally(tally(scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.3, 0.35, 0.4, 0.8, 0.9])))
    >>> round(found["auc"].value, 4), round(found["sensitivity"].value, 4)
    (0.8889, 0.6667)
    """
    tally.total  # noqa: B018  (refuses a tally without rows)
    words, draws = Words(language), Draws.seeded(seed, resamples, level)
    binary = len(tally.classes) == 2
    part = Part("", tally.rows() if binary else tally.own(), list(tallied_measures(tally, draws)), [])
    return _table(
        [part],
        threshold=float(tally.threshold) if binary else None,
        level=level,
        by=None,
        folds=None,
        seen=tally.seen,
        language=language,
        notes=(*told, *_notes(words, [part], None, level, tally.brier_parts()), *_bounds(words, tally)),
    )


def evaluate_fit(
    fit: Fit,
    data: Any = None,
    *,
    by: Any = None,
    threshold: float = 0.5,
    level: float = 0.95,
    folds: Any = None,
    seed: int = 0,
    resamples: int = 2000,
    language: str = "en",
    **given: Any,
) -> Evaluation:
    """`evaluate` of the probabilities that a fit gives to ``data``, or to its own rows; see there for the rest.

    ``by`` is a column of the table, or one label a row. With ``folds`` (a number, a column, or one label a row) the rows are
    scored out of fold, by fits of the same recipe and penalty to the rows of the other folds: see `cross_scored`. ``given``
    are target, weight, offset, missing, memory, process_group and timeout, as `observed` takes them. Rows that are read in parts
    or spread over ranks are evaluated in one pass, `evaluate_tally`; groups and folds need them in memory (`ParameterError`).

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> round(result.evaluate()["auc"].value, 4), round(result.evaluate(folds=10)["auc"].value, 4)
    (0.895, 0.84)
    """
    beside = observed(fit, data, **given)
    if in_parts(beside):
        if by is not None or folds is not None:
            raise ParameterError(
                "groups (by=) and folds need all rows in memory, and these are read in parts: give the files of one group, or a "
                "larger memory="
            )
        found = tallied_beside(beside, threshold)
        how: dict[str, Any] = {"level": level, "seed": seed, "resamples": resamples, "language": language}
        return evaluate_tally(found, **how, told=beside.rows.sentences)
    place = None if folds is None else folds_of(beside.rows, folds, seed)
    return evaluate(
        scored_rows(beside, own=data is None) if place is None else cross_rows(beside, place),
        by=None if by is None else beside.rows.column(by),
        name=by if isinstance(by, str) else "group",
        threshold=threshold,
        level=level,
        folds=None if place is None else int(place.max()) + 1,
        seed=seed,
        resamples=resamples,
        language=language,
        told=beside.rows.sentences,
    )


def _groups(by: Any, name: str, n: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the groups, and which each row belongs to."""
    names, codes = coded(by, name)
    if len(codes) != n:
        raise DataError(f"`{show(name)}` has {len(codes)} labels for {n} rows; it needs one a row")
    if not 2 <= len(names) <= MOST_GROUPS:
        what = "one value only, so there is nothing to compare"
        many = f"{len(names)} different values; cut it into at most {MOST_GROUPS} groups first"
        raise ParameterError(f"`{show(name)}` has {what if len(names) < 2 else many}")
    return names, codes


def _parts(
    rows: Scored, names: list[str], codes: npt.NDArray[np.int64], threshold: float, draws: Draws
) -> Iterator[Part]:
    """The groups that have rows that count, each beside all other rows."""
    for code in np.unique(codes).tolist():
        here = codes == code
        own = list(measured(rows.rows(here), threshold, draws))
        others = measured(rows.rows(~here), threshold, draws) if not here.all() else iter(own)
        with np.errstate(invalid="ignore"):
            differences = [combined([1, -1], [a.found, b.found]) for a, b in zip(own, others, strict=True)]
        yield Part(names[code], rows.rows(here), own, differences)


def _notes(words: Words, parts: list[Part], folds: int | None, level: float, brier: BrierParts) -> Iterator[str]:
    """What must be told of the numbers."""
    whole = parts[0]
    if folds is not None:
        yield words("folded")
    elif whole.rows.seen:
        yield words("seen")
    if not whole.rows.repeats:
        yield words("weights", n=whole.rows.weight.sum() ** 2 / whole.rows.square.sum())
    if whole.measures[0].found.value == inf:
        yield words("infinite")
    yield words("parts", **{key: value for key, value in brier.facts().items() if key != "notes"})
    missing: dict[str, dict[str, None]] = {}
    for measure in (each for part in parts for each in part.measures if each.why):
        missing.setdefault(measure.why, {})[words(measure.name)] = None
    for why, names in missing.items():
        yield words(why, names=words.list(list(names)))
    yield from _of_groups(words, parts[1:], level)


def _bounds(words: Words, tally: Tally) -> Iterator[str]:
    """Between which numbers measures of ranks certainly lie, where the rows' order within cells of log-odds is not known."""
    try:
        each = [[one.bounds(name) for one in tally.curves()] for name in (RANKS if len(tally.cells) == 1 else ["auc"])]
    except DataError:
        return
    ends = np.mean(each, axis=1)
    if np.diff(ends).max() > 1e-9:
        between = [
            words("between", name=words(name), low=low, high=high)
            for name, (low, high) in zip(RANKS, ends, strict=False)
        ]
        yield words("bounds", between=words.list(between))


def _of_groups(words: Words, parts: list[Part], level: float) -> Iterator[str]:
    small = [f"{show(part.name, 40)} ({part.size})" for part in parts if part.small]
    if small:
        yield words("small", groups=words.list(small[:MOST_GROUPS]))
    count = sum(bool(np.isfinite(each.value)) for part in parts for each in part.differences)
    count = count // 2 if len(parts) == 2 else count  # two groups say the same of each other
    if count:
        yield words("many_compared", count=count, expected=count * (1 - level))


def _table(parts: list[Part], **facts: Any) -> Evaluation:
    """One row a measure of a part."""
    lines = [(part, each, i) for part in parts for i, each in enumerate(part.measures)]
    none = Interval(np.nan, np.nan, np.nan, "")
    between = [part.differences[i] if part.differences else none for part, _, i in lines]

    def texts(items: Any) -> npt.NDArray[Any]:
        return np.array(list(items), dtype=object)

    def numbers(items: Any) -> npt.NDArray[np.float64]:
        return np.array(list(items), dtype=np.float64)

    rows = parts[0].rows
    return Evaluation(
        group=texts(part.name for part, _, _ in lines),
        measure=texts(each.name for _, each, _ in lines),
        label=texts(each.label for _, each, _ in lines),
        value=numbers(each.found.value for _, each, _ in lines),
        low=numbers(each.found.low for _, each, _ in lines),
        high=numbers(each.found.high for _, each, _ in lines),
        interval=texts(each.found.method for _, each, _ in lines),
        difference=numbers(d.value for d in between),
        difference_low=numbers(d.low for d in between),
        difference_high=numbers(d.high for d in between),
        rows=np.array([part.size for part, _, _ in lines]),
        events=numbers(part.events for part, _, _ in lines),
        positive=rows.classes[1] if rows.binary else None,
        **facts,
    )
