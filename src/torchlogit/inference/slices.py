"""The probability over one variable or two, all others held: the tables of a probability curve and of a decision map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.errors import ParameterError
from torchlogit.inference.effects import outcome_of
from torchlogit.inference.facts import Facts
from torchlogit.inference.moves import Moves, moves
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.parts import Tables
from torchlogit.inference.tabular import Tabular
from torchlogit.tables.features import level_text
from torchlogit.tables.names import did_you_mean, show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]
PLACES = 200  # x at which a curve is worked out
SIDE = 81  # and along each side of a map
TOLD = 6  # variables whose values are told
NOT_DRAWN = "The rows are read in parts, so none is drawn."


class _Places(NamedTuple):
    """The columns of `Points`."""

    x: Floats
    y: Floats
    event: Floats


class Points(Tabular, _Places):
    """Rows behind a curve or a map, (m,) each: where they lie, and whether they are events (of counts, their share).

    Of a curve ``y`` is ``event``.
    """

    heading: ClassVar[str] = "Rows"


@dataclass(frozen=True, repr=False, eq=False)
class Curves(Tabular):
    """The probability of each ``label``, the positive class of two, at each ``x``: (m,) arrays, with the interval of each.

    ``held`` says what the other variables are held at. ``points`` are rows behind the curve, of ``n_rows``. Without
    intervals ``low`` and ``high`` are NaN and a note says why.
    """

    heading: ClassVar[str] = "The probability over one variable"
    hidden: ClassVar[tuple[str, ...]] = ("points",)

    variable: str
    outcome: str
    held: str
    label: Texts
    x: Floats
    probability: Floats
    low: Floats
    high: Floats
    level: float
    points: Points | None
    n_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False, eq=False)
class DecisionMap(Tabular):
    """The probability of ``outcome`` on a grid of two variables, ``side`` × ``side``: (side²,) arrays, ``x`` moving fastest.

    ``low`` and ``high`` are the interval of each, NaN with a note where there is none; ``points`` as in `Curves`.
    """

    heading: ClassVar[str] = "The probability over two variables"
    hidden: ClassVar[tuple[str, ...]] = ("points", "side")

    variable_x: str
    variable_y: str
    outcome: str
    held: str
    x: Floats
    y: Floats
    probability: Floats
    low: Floats
    high: Floats
    level: float
    side: int
    points: Points | None
    n_rows: int
    notes: tuple[str, ...] = ()


def curves(
    fit: Fit,
    variable: str | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    points: int = 400,
    level: float = 0.95,
    data: Any = None,
    **given: Any,
) -> Curves:
    """The probability over a variable that is a number (the first, unless named), from its least to its largest value.

    The others are held ``at`` values, or else numbers at their mean, categories at their reference, an offset at 0. The
    intervals are those of `predict_interval`, in closed form and each x's own. ``points`` is how many rows are kept to be drawn
    (evenly spaced among all), for two classes. ``data`` stand in for the training rows; ``given`` as for `observed`.

    ParameterError where there is no such variable, or it is a category.

    >>> from torchlogit import datasets, fit
    >>> found = curves(fit(datasets.study_hours(), "passed"))
    >>> found.variable, found.x[[0, -1]].tolist(), found.probability[[0, -1]].round(3).tolist(), found.low[0].round(4).tolist()
    ('hours', [0.5, 5.5], [0.035, 0.985], 0.002)
    """
    held = Held.of(fit, observed(fit, data, **given), at)
    (name,) = held.numbers([variable], at)
    x = held.range(name, PLACES)
    found = held.predicted({name: x}, level)
    rows = held.points(name, None, lambda codes: codes, points) if fit.loss != "softmax" else None
    return Curves(
        variable=name,
        outcome=outcome_of(fit),
        held=held.told(name),
        label=np.repeat(np.array(found.labels, dtype=object), len(x)),
        x=np.tile(x, len(found.labels)),
        probability=found.probability.ravel(),
        low=found.low.ravel(),
        high=found.high.ravel(),
        level=level,
        points=rows,
        n_rows=held.n_rows,
        notes=(*found.notes, *held.notes),
    )


def decision_map(
    fit: Fit,
    x: str | None = None,
    y: str | None = None,
    *,
    label: Any = None,
    at: Mapping[str, Any] | None = None,
    points: int = 1000,
    level: float = 0.95,
    data: Any = None,
    **given: Any,
) -> DecisionMap:
    """The probability of a class over two variables that are numbers (the first two, unless named), the others held.

    The class is the positive one of two; of more, ``label`` must name it. The rest is as in `curves`.

    ParameterError where there are no two such variables, or no such class.

    >>> from torchlogit import datasets, fit
    >>> table = datasets.study_hours()
    >>> found = decision_map(fit({"a": table["hours"], "b": np.arange(20) % 7, "y": table["passed"]}, "y"))
    >>> found.variable_x, found.variable_y, found.probability.shape
    ('a', 'b', (6561,))
    """
    held = Held.of(fit, observed(fit, data, **given), at)
    first, second = held.numbers([x, y], at)
    j = _class(fit, label)
    across, up = (grid.ravel() for grid in np.meshgrid(held.range(first, SIDE), held.range(second, SIDE)))
    found = held.predicted({first: across, second: up}, level)

    def event(codes: Any) -> Any:
        return codes if len(found.labels) == 1 else codes == j

    return DecisionMap(
        variable_x=first,
        variable_y=second,
        outcome=outcome_of(fit) if fit.loss != "softmax" else f"{fit.target} = {found.labels[j]}",
        held=held.told(first, second),
        x=across,
        y=up,
        probability=found.probability[j],
        low=found.low[j],
        high=found.high[j],
        level=level,
        side=SIDE,
        points=held.points(first, second, event, points),
        n_rows=held.n_rows,
        notes=(*found.notes, *held.notes),
    )


class Predicted(NamedTuple):
    """Probabilities and their intervals, (C, m) each, of the classes ``labels`` (C,)."""

    labels: tuple[str, ...]
    probability: Floats
    low: Floats
    high: Floats
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A fit's rows, of which variables can be moved while all others are held at the values of ``base``."""

    fit: Fit
    beside: Observed
    facts: Facts
    base: dict[str, Any]

    @classmethod
    def of(cls, fit: Fit, beside: Observed, at: Mapping[str, Any] | None = None) -> Held:
        """Numbers held at their (weighted) mean and categories at their reference, but for what ``at`` says."""
        beside = beside if Tables(beside.rows).in_parts else beside.together()
        facts = Facts(Tables(beside.rows))
        found = facts.moves
        base = {
            each.name: each.reference if each.levels else facts.means(each.name)[0] for each in found.variables.values()
        }
        return cls(fit, beside, facts, {**base, **{name: found.value(name, v) for name, v in (at or {}).items()}})

    @cached_property
    def moves(self) -> Moves:
        """Rows that are written over: all, or of those that are read in parts the first."""
        with closing(iter(self.facts.tables)) as parts:
            return moves(next(rows for rows in parts if rows.n_rows), self.facts)

    @property
    def n_rows(self) -> int:
        """Number of the rows."""
        return self.facts.n_rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be told of the rows."""
        return (NOT_DRAWN,) if self.facts.tables.in_parts else ()

    def points(self, x: str, y: str | None, event: Callable[[Any], Any], most: int) -> Points | None:
        """At most so many of the rows, evenly spaced, at two variables, or one and their event; None of rows in parts."""
        if self.facts.tables.in_parts:
            return None
        kept = _spaced(self.n_rows, most)
        events = np.asarray(event(self.beside.rows.codes[kept]), dtype=np.float64)
        return Points(self.moves.numbers(x)[kept], events if y is None else self.moves.numbers(y)[kept], events)

    def numbers(self, asked: list[str | None], at: Mapping[str, Any] | None) -> list[str]:
        """Names of variables that are numbers: those asked for, or the first that ``at`` does not hold."""
        names = [name for name, each in self.moves.variables.items() if not each.levels]
        free = [name for name in names if name not in (at or {}) and name not in asked]
        for name in filter(None, asked):
            if name not in names:
                near = did_you_mean(name, names) or f" Those are {show_names(names) or 'none'}."
                raise ParameterError(f"`{show(name)}` is not a numeric feature of the model.{near}")
        if len(free) < asked.count(None):
            raise ParameterError(
                f"a picture needs a numeric feature to draw over, or two for a map; the model has {show_names(names) or 'none'}"
            )
        return [free.pop(0) if name is None else name for name in asked]

    def range(self, name: str, size: int) -> Floats:
        """Values (size,) of a number from its least to its largest; about a value that is the only one."""
        low, high = self.facts.spread(name)[1:3]
        return np.linspace(low, high, size) if high > low else low + np.linspace(-1, 1, size)

    def encoded(self, values: Mapping[str, Any]) -> torch.Tensor:
        """Rows (m, d) in which variables have these ``values``, one for all or (m,), and the others are held."""
        columns = {name: np.asarray(v) for name, v in values.items() if np.ndim(v)}
        base = {**self.base, **{name: v for name, v in values.items() if not np.ndim(v)}}
        n, m = self.moves.rows.n_rows, max(map(len, columns.values()), default=1)
        parts = list[torch.Tensor]()
        for start in range(0, m, n):
            part = slice(0, min(n, m - start))
            x = self.moves.encoded(part, {**base, **{name: v[start : start + n] for name, v in columns.items()}})
            parts.append(torch.from_numpy(x.toarray()) if hasattr(x, "toarray") else x)
        return torch.cat(parts)

    def eta(self, values: Mapping[str, Any]) -> Floats:
        """η (m,) of such rows, for two classes; an offset is 0."""
        x = self.encoded(values)
        return self.fit.eta(x, None if self.fit.offset is None else np.zeros(len(x)))[:, 0].cpu().numpy()

    def predicted(self, values: Mapping[str, Any], level: float) -> Predicted:
        """The probability of each class (of two, the positive one), with its interval where the fit has one."""
        fit, x = self.fit, self.encoded(values)
        offset = None if fit.offset is None else np.zeros(len(x))
        several = fit.loss == "softmax"
        labels = tuple(show(level_text(c), 30) for c in (fit.classes if several else fit.classes[-1:]).tolist())
        if fit.no_errors:
            p = fit.predict_proba(x, offset).numpy()[:, 0 if several else 1 :].T
            nothing = np.full(p.shape, np.nan)
            return Predicted(labels, p, nothing, nothing, (f"There are no intervals: {fit.no_errors}",))
        found = fit.predict_interval(x, level, offset)
        p, low, high = (t.reshape(-1, len(labels)).T for t in (found.probability, found.low, found.high))
        return Predicted(labels, p, low, high, ())

    def told(self, *moving: str) -> str:
        """What the others are held at, in words."""
        others = [(name, value) for name, value in self.base.items() if name not in moving]
        parts = [f"{show(name, 20)} {show(v, 20) if isinstance(v, str) else format(v, '.4g')}" for name, v in others]
        parts += [f"{show(self.fit.offset, 20)} 0"] if self.fit.offset else []
        return ", ".join(parts[:TOLD]) + (f", … (+{len(parts) - TOLD})" if len(parts) > TOLD else "")


def _spaced(n: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many of n rows, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(np.int64)) if n else np.zeros(0, np.int64)


def _class(fit: Fit, label: Any) -> int:
    """The place of a class among those that have a probability."""
    if fit.loss != "softmax":
        if label is not None and level_text(label) != level_text(fit.positive):
            raise ParameterError(f"the probability is that of {fit.positive!r}, the positive class")
        return 0
    names = [level_text(c) for c in fit.classes.tolist()]
    if label is None or level_text(label) not in names:
        raise ParameterError(f"say which class the map is of: label= one of {', '.join(map(repr, names))}")
    return names.index(level_text(label))
