"""Odds ratios as a forest shows them: a row a comparison, references among them, with the rows and events behind each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import copysign, exp, inf, isfinite, nan
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.compared import Compared, column_of, compared, estimates, profiled
from torchlogit.inference.contrasts import contrasts
from torchlogit.inference.effects import outcome_of
from torchlogit.inference.tabular import Tabular
from torchlogit.solvers import Status
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]
PENALISED, UNSOLVED = "penalised", "no certified bound"
UP, DOWN = "infinite: classes split", "zero: classes split"
WHY = {"aliased": "aliased", "curve": "several coefficients", "shared": "in several terms"}


@dataclass(frozen=True, repr=False, eq=False)
class Forest(Tabular):
    """One entry a comparison and class, (m,) arrays, in the order of the terms; a category's reference, at 1, is one of them.

    ``value`` is the level of a category, empty for a number, whose odds ratio is of ``step`` units. ``n`` and ``events``
    count the rows (or trials) at a level and those of the class among them; NaN for numbers and where the fit has no rows.
    ``why`` says what is not drawn and why: "penalised" (its odds ratio has no interval), "infinite: classes split", "zero:
    classes split", "aliased", "several coefficients" (a spline), "in several terms" (an interaction), "no certified bound".
    Bounds of separated data may be 0 or infinite.
    """

    heading: ClassVar[str] = "Odds ratios"
    hidden: ClassVar[tuple[str, ...]] = ("step", "reference")

    term: Texts
    value: Texts
    label: Texts  # the class, for more than two
    step: Floats
    n: Floats
    events: Floats
    odds_ratio: Floats
    low: Floats
    high: Floats
    log_p: Floats
    why: Texts
    reference: npt.NDArray[np.bool_]
    outcome: str
    base: str  # the class that others are compared with; empty for two classes
    interval: str
    level: float

    def columns(self) -> dict[str, Any]:
        """The columns that say something."""
        found = super().columns()
        empty = {name for name in ("value", "label", "why") if all(text == "" for text in found[name])}
        empty |= {name for name in ("n", "events") if np.isnan(found[name]).all()}
        return {name: column for name, column in found.items() if name not in empty}

    def names_of_rows(self) -> list[str]:
        """Each comparison in one phrase: `school = B`, `income, per 100`."""
        return [_phrase(*row) for row in zip(self.term, self.value, self.step, strict=True)]


class Line(NamedTuple):
    """A row of a forest."""

    term: str
    value: str
    label: str
    step: float = 1.0
    n: float = nan
    events: float = nan
    odds_ratio: float = nan
    low: float = nan
    high: float = nan
    log_p: float = nan
    why: str = ""
    reference: bool = False


def forest(
    fit: Fit,
    level: float = 0.95,
    *,
    interval: str | None = None,
    base: Any = None,
    steps: Mapping[str, float] | float | None = None,
) -> Forest:
    """Odds ratios with their intervals, the reference of every category, and how many rows and events each level has.

    ``interval`` is "profile" (by default where it costs little, and of separated data, whose bounds it has), or "wald". More
    than two classes are compared with a ``base``, the first by default. A number's odds ratio is of one of its ``steps`` (one
    for all, or a dict by name); unless told of 1, 10, 100, … units, the least that say something. Rows count with their weights
    where these are frequencies. What a forest cannot draw it names: splines, terms within interactions, aliased columns,
    penalised coefficients (their odds ratios have no interval) and infinite ones without a bound.

    ParameterError for links without odds ratios and fits without terms, NotCertifiedError for fits that are neither certified
    nor separated.

    >>> from torchlogit import datasets, fit
    >>> found = forest(fit(datasets.study_hours(), "passed"), interval="wald")
    >>> found.term.tolist(), found.odds_ratio.round(3).tolist(), found.low.round(3).tolist(), found.high.round(3).tolist()
    (['hours'], [4.503], [1.313], [15.439])
    """
    if not fit._loss().odds or fit.loss == "squared":
        raise ParameterError(f"{fit.loss} has no odds ratios; see the effects on the probability instead")
    if not fit.columns:
        raise ParameterError("the model has no terms beside its intercept, so there is nothing to compare")
    if not (fit.certified or fit.status is Status.separated):
        raise NotCertifiedError(f"no odds ratios: {fit.status.value}")
    if base is None and fit.loss == "softmax" and fit.infinite is None:
        base = fit.classes[0]
    found = _Lines(fit, level, interval, base, steps)
    lines = list(found.all())
    columns = {name: _column(name, [getattr(line, name) for line in lines]) for name in Line._fields}
    return Forest(**columns, outcome=outcome_of(fit), base=found.base, interval=found.interval, level=level)


def _column(name: str, values: list[Any]) -> Any:
    text = name in ("term", "value", "label", "why")
    return np.array(values, dtype=object if text else bool if name == "reference" else np.float64)


def _phrase(term: str, value: str, step: float) -> str:
    return f"{term} = {value}" if value else term if step == 1 else f"{term}, per {step:g}"


class _Lines:
    """The rows of the forest of one fit."""

    def __init__(self, fit: Fit, level: float, interval: str | None, base: Any, steps: Any) -> None:
        self.fit, self.steps = fit, steps
        compared_with = contrasts(fit, base)
        self.labels = compared_with.labels
        several = fit.loss == "softmax" and compared_with.base is not None
        self.base = level_text(compared_with.base) if several else ""
        if fit.status is Status.separated and interval != "wald" and fit.loss != "softmax" and profiled(fit):
            self.table, self.interval = fit.profile(level, base=base), "profile"
        else:
            self.table, self.interval = estimates(fit, level, interval, base)

    def all(self) -> Iterator[Line]:
        """Every comparison, class by class; a reference before its levels."""
        several = len(self.labels) > 1
        for j, label in enumerate(self.labels):
            text, begun = level_text(label) if several else "", set[str]()
            for part in self.parts():
                if part.kind == "level" and part.name not in begun:
                    begun.add(part.name)
                    yield Line(
                        part.name, part.reference, text, 1, *self.counts(part, label, True), 1, 1, 1, reference=True
                    )
                yield self.line(part, j, text)

    def parts(self) -> Iterator[Compared]:
        """What is compared; of an interaction each term once, because its odds ratios hold only where the others are held."""
        terms = {row: term for term, rows in self.fit.terms.items() for row in rows}
        told = set[str]()
        for part in compared(self.fit):
            if not (part.where or part.second):
                yield part
            elif terms[part.row] not in told:
                told.add(terms[part.row])
                yield Compared(terms[part.row], part.row, why="shared")

    def line(self, part: Compared, j: int, text: str) -> Line:
        """One comparison."""
        if part.why:
            return Line(part.name, "", text, why=WHY[part.why])
        at, step = part.row * len(self.labels) + j, self.step(part)
        estimate, low, high, log_p = (
            float(getattr(self.table, name)[at]) for name in ("estimate", "low", "high", "log_p")
        )
        if self.fit.infinite is not None and bool(self.fit.infinite[part.row, j]):
            estimate = copysign(inf, estimate)
        n, events = self.counts(part, self.labels[j], False) if part.kind == "level" else (nan, nan)
        line = Line(part.name, part.level, text, step, n, events, log_p=log_p, why=self.why(estimate, low, high))
        return line._replace(odds_ratio=_exp(step * estimate), low=_exp(step * low), high=_exp(step * high))

    def why(self, estimate: float, low: float, high: float) -> str:
        """Why a comparison is not drawn; empty where it is."""
        if isfinite(low) or isfinite(high):
            return ""
        if isfinite(estimate):
            return UNSOLVED if self.fit.penalty.intervals else PENALISED
        return UP if estimate > 0 else DOWN

    def step(self, part: Compared) -> float:
        """How many units of a number are compared."""
        if part.kind != "number" or self.steps is None:
            return part.step
        return float(self.steps.get(part.name, part.step) if isinstance(self.steps, Mapping) else self.steps)

    def counts(self, part: Compared, label: Any, reference: bool) -> tuple[float, float]:
        """Rows at a level, or at its reference, and those of the class among them."""
        rows = self.fit.training
        if rows is None:
            return nan, nan
        shift = int(self.fit.intercept)
        wanted = part.siblings if reference else (part.row,)
        there = np.sum([column_of(self.fit, row - shift) for row in wanted], 0) == (0 if reference else 1)
        counted = rows.weight is not None and (rows.counts or self.fit.weights_are == "frequency")
        s = rows.weight if counted else np.ones(len(rows.codes))
        event = rows.codes == [level_text(c) for c in self.fit.classes.tolist()].index(level_text(label))
        return float((s * there).sum()), float((s * there * event).sum())


def _exp(x: float) -> float:
    return exp(x) if x < 709 else inf if x == x else nan
