"""What an evaluation shows: every measure with its interval, groups beside each other, differences in plain sight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.rates import Interval
from torchlogit.metrics.words import Words
from torchlogit.render.document import Document, Grid, grid
from torchlogit.render.numbers import cell
from torchlogit.render.text import sentence
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Tabular):
    """One entry a group, measure and class, (m,) arrays; ``group`` is "" for all rows, ``label`` "" for all classes.

    ``low`` and ``high`` are the ends of the interval that ``interval`` names. ``difference`` is that between a group and all
    other rows, with its interval. A number that does not exist is NaN, and a note says why.
    ``evaluation["auc"]`` is a measure of all rows as an `Interval`.
    """

    heading: ClassVar[str] = "Evaluation of the probabilities"
    hidden: ClassVar[tuple[str, ...]] = ("language",)

    group: Texts
    measure: Texts
    label: Texts
    value: Floats
    low: Floats
    high: Floats
    interval: Texts
    difference: Floats
    difference_low: Floats
    difference_high: Floats
    rows: npt.NDArray[np.int64]
    events: Floats  # weight of the positive class; NaN with more than two
    positive: Any
    threshold: float | None
    level: float
    by: str | None
    folds: int | None
    seen: bool
    language: str = "en"
    notes: tuple[str, ...] = ()

    def __getitem__(self, which: str | tuple[str, ...]) -> Interval:
        """A measure: ``["auc"]`` of all rows, ``["auc", "f"]`` of group f, ``["f1", "", "setosa"]`` of all rows and a class."""
        name, group, label = (*((which,) if isinstance(which, str) else which), "", "")[:3]
        found = np.flatnonzero((self.measure == name) & (self.group == group) & (self.label == label))
        if not len(found):
            there = ", ".join(dict.fromkeys(self.measure.tolist()))
            raise ParameterError(f"there is no measure {which!r} of these groups and classes; measures are {there}")
        i = int(found[0])
        return Interval(float(self.value[i]), float(self.low[i]), float(self.high[i]), str(self.interval[i]))

    def columns(self) -> dict[str, Any]:
        """The columns that say something."""
        found = super().columns()
        grouped = ("group", "difference", "difference_low", "difference_high")
        gone = [*(grouped if self.by is None else ()), *(["label"] if self.positive is not None else [])]
        return {name: column for name, column in found.items() if name not in gone}

    @cached_property
    def _words(self) -> Words:
        return Words(self.language)

    def document(self) -> Document:
        """All rows' measures, then groups beside each other, and how far each lies from the others."""
        words = self._words
        grids = [self._whole()]
        if self.by is not None:
            differences = words("differences", level=self.level)
            grids += [self._groups(words("by_groups", by=show(self.by)), self._value)]
            grids += [self._groups(differences, self._difference)]
        return Document(words("title"), self._told(), tuple(grids), tuple(map(sentence, self.notes)))

    def _told(self) -> tuple[tuple[str, str], ...]:
        words, n = self._words, int(self.rows[0])
        where = "crossed" if self.folds else "own" if self.seen else "others"
        facts = [("rows", str(n)), ("where", words(where))]
        if self.positive is not None:
            facts += [("events", cell(float(self.events[0])) if self.events[0] % 1 else f"{self.events[0]:.0f}")]
            facts += [("positive", show(level_text(self.positive), 40)), ("threshold", f"{self.threshold:g}")]
        facts += [("level", f"{self.level:g}")] + ([("folds", str(self.folds))] if self.folds else [])
        return tuple((words(key), text) for key, text in facts)

    def _name(self, i: int) -> str:
        name = self._words(self.measure[i])
        return self._words("of", measure=name, label=show(self.label[i], 40)) if self.label[i] else name

    def _whole(self) -> Grid:
        heads = [self._words(key) for key in ("measure", "value", "low", "high", "interval")]
        rows = [
            [self._name(i), *(cell(float(t[i])) for t in (self.value, self.low, self.high)), self.interval[i]]
            for i in np.flatnonzero(self.group == "").tolist()
        ]
        return grid(heads, rows, "lrrrl")

    def _groups(self, caption: str, shown: Any) -> Grid:
        """A row a group, a column a measure of all classes."""
        assert self.by is not None
        groups = [name for name in dict.fromkeys(self.group.tolist()) if name != ""]
        names = [self.measure[i] for i in np.flatnonzero((self.group == groups[0]) & (self.label == ""))]
        rows = []
        for group in groups:
            here = np.flatnonzero((self.group == group) & (self.label == "")).tolist()
            size = [str(self.rows[here[0]]), *([f"{self.events[here[0]]:g}"] if self.positive is not None else [])]
            rows.append([show(group, 40), *size, *(shown(i) for i in here)])
        counts = ["rows", "events"] if self.positive is not None else ["rows"]
        return grid([show(self.by, 40), *(self._words(key) for key in (*counts, *names))], rows, caption=caption)

    def _value(self, i: int) -> str:
        return cell(float(self.value[i]))

    def _difference(self, i: int) -> str:
        d, low, high = (float(t[i]) for t in (self.difference, self.difference_low, self.difference_high))
        if np.isnan(d):
            return ""
        return f"{d:+.4f}" + ("*" if low > 0 or high < 0 else " ")
