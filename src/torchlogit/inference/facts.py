"""What averages must know of all rows before they sum over them: the groups, and where the numbers of the table lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.moves import Moves, moves
from torchlogit.inference.parts import Tables
from torchlogit.rows import Rows
from torchlogit.tables.cells import distinct, read_cells
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_names

Floats = npt.NDArray[np.float64]


class Spread(NamedTuple):
    """A number in n rows: its least, largest and mean value, ``Σ (x − mean)²``, and whether it is 0 or 1 in all of them."""

    n: int
    low: float
    high: float
    mean: float
    square: float
    zero_one: bool

    @classmethod
    def of(cls, x: Floats) -> Spread:
        """That of numbers (n,)."""
        mean, zero_one = float(x.mean()), bool(((x == 0) | (x == 1)).all())
        return cls(len(x), float(x.min()), float(x.max()), mean, float(((x - mean) ** 2).sum()), zero_one)

    def beside(self, other: Spread) -> Spread:
        """That of both rows. Source: Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, eq. 2.1."""
        n, gap = self.n + other.n, other.mean - self.mean
        mean, square = self.mean + gap * other.n / n, self.square + other.square + gap**2 * self.n * other.n / n
        ends = min(self.low, other.low), max(self.high, other.high)
        return Spread(n, *ends, mean, square, self.zero_one and other.zero_one)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float((self.square / self.n) ** 0.5)


class Seen(NamedTuple):
    """What n rows of a table show: group → its label and weight; number → its `Spread`, and group → ``Σ s x``; category →
    level → a cell that holds it.
    """

    n: int
    groups: dict[str, tuple[Any, float]]
    numbers: dict[str, Spread]
    sums: dict[str, dict[str, float]]
    cells: dict[str, dict[str, Any]]

    def beside(self, other: Seen) -> Seen:
        """What both rows show."""
        names = {**self.groups, **other.groups}
        return Seen(
            self.n + other.n,
            {name: (label, _at(self.groups, name) + _at(other.groups, name)) for name, (label, _) in names.items()},
            {name: Spread(*one).beside(Spread(*other.numbers[name])) for name, one in self.numbers.items()},
            {
                name: {g: one.get(g, 0.0) + other.sums[name].get(g, 0.0) for g in names}
                for name, one in self.sums.items()
            },
            {name: {**other.cells[name], **one} for name, one in self.cells.items()},
        )


def joined(parts: Iterable[Any]) -> Seen | None:
    """What all parts show, each a `Seen` or its fields; None where there are none."""
    every = (Seen(*part) for part in parts)
    first = next(every, None)
    return None if first is None else reduce(Seen.beside, every, first)


def _at(groups: dict[str, tuple[Any, float]], name: str) -> float:
    return groups[name][1] if name in groups else 0.0


@dataclass(frozen=True, eq=False)
class Facts:
    """What a pass over ``tables`` shows, made when it is first asked for.

    ``by`` are groups: by a column, by some (a tuple), or a value for each row; None for all rows as one.
    """

    tables: Tables
    by: Any = None

    @cached_property
    def moves(self) -> Moves:
        """The variables; where all rows are at hand also these."""
        return moves(self.tables.rows, self)

    @cached_property
    def _seen(self) -> Seen:
        """What all rows show. DataError where there are none."""

        def mine() -> Seen | None:
            return joined(self._seen_in(rows) for rows in self.tables if rows.n_rows)

        ranks = self.tables.ranks
        found = mine() if ranks is None else joined(part for part in ranks.gather(mine) if part)
        if found is None:
            raise DataError("no row is left: there are none, or all have missing cells")
        return found

    def _seen_in(self, rows: Rows) -> Seen:
        here, (labels, codes) = moves(rows, self), self._labelled(rows)
        names, s = list(map(level_text, labels)), weights(rows)
        numbers = {name: here.numbers(name) for name, each in here.variables.items() if not each.levels}

        def by_group(values: Floats) -> dict[str, float]:
            return dict(zip(names, np.bincount(codes, values, len(names)).tolist(), strict=True))

        totals = by_group(s)
        return Seen(
            len(np.unique(rows.kept)) if rows.counts and rows.kept is not None else rows.n_rows,
            {name: (label, totals[name]) for name, label in zip(names, labels, strict=True)},
            {name: Spread.of(x) for name, x in numbers.items()},
            {name: by_group(s * x) for name, x in numbers.items()},
            {name: here.cells(name) for name, each in here.variables.items() if each.levels},
        )

    def _labelled(self, rows: Rows) -> tuple[list[Any], npt.NDArray[np.int64]]:
        """The labels of the groups in some rows, and the place of each row among them."""
        if self.by is None:
            return [""], np.zeros(rows.n_rows, dtype=np.int64)
        if not isinstance(self.by, tuple):
            return labelled(rows.column(self.by), self.by if isinstance(self.by, str) else "by")
        (labels, codes), *more = (labelled(rows.column(name), name) for name in self.by)
        for others, places in more:
            both, codes = np.unique(codes * len(others) + places, return_inverse=True)
            labels = [(labels[i // len(others)], others[i % len(others)]) for i in both.tolist()]
        return labels, codes

    @cached_property
    def labels(self) -> list[str]:
        """The names of the groups in the order of their labels; "" alone for all rows."""
        if self.by is None:
            return [""]
        return [name for _, name in sorted((label, name) for name, (label, _) in self._seen.groups.items())]

    @cached_property
    def groups(self) -> list[str]:
        """The ``labels``. DataError where all rows of one have the weight 0."""
        empty = [name for name in self.labels if self.by is not None and not self._seen.groups[name][1] > 0]
        if empty:
            raise DataError(f"all rows of {show_names(empty)} have weight 0, so there is no average of them")
        return self.labels

    def places(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The place of each row's group among the ``labels``, (n,)."""
        labels, codes = self._labelled(rows)
        at = {name: place for place, name in enumerate(self.labels)}
        return np.array([at[level_text(label)] for label in labels], dtype=np.int64)[codes]

    @property
    def n_rows(self) -> int:
        """Number of the rows; of counts, of those of the table."""
        return self._seen.n

    def spread(self, name: str) -> Spread:
        """Where a number lies in all rows."""
        return Spread(*self._seen.numbers[name])

    def cell(self, name: str, level: str) -> Any:
        """A cell that holds a level of a category; the level itself where there is none."""
        return self._seen.cells[name].get(level, level)

    def means(self, name: str) -> list[float]:
        """The mean of a number in each group."""
        return [self._seen.sums[name][group] / self._seen.groups[group][1] for group in self.groups]

    def medians(self, name: str) -> list[float]:
        """The weighted median of a number in each group. ParameterError where rows are read in parts."""
        if self.tables.in_parts:
            raise ParameterError(
                'medians need all rows in memory, and they are read in parts; use at="mean", name the values, such as '
                'at={"age": 40}, or give a larger memory='
            )
        x, s, place = self.moves.numbers(name), weights(self.tables.rows), self.places(self.tables.rows)
        return [median(x[place == i], s[place == i]) for i in range(len(self.groups))]


def weights(rows: Rows) -> Floats:
    """Every row's weight, (n,)."""
    return np.ones(rows.n_rows) if rows.weight is None else rows.weight


def labelled(values: Any, what: str) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """The labels of the groups that cells (n,) make, sorted, and each row's place among them; `DataError` if one is missing."""
    cells = read_cells(values, what)
    if cells.missing.any():
        raise DataError(f"column `{show(what)}` has missing cells, which belong to no group; fill them first")
    found, places = distinct(cells, what)
    return found.tolist(), np.asarray(places, dtype=np.int64)


def median(numbers: Floats, weight: Floats) -> float:
    """The weighted median; between two numbers where half of the weight lies on either side.

    >>> median(np.array([3.0, 1.0, 2.0, 9.0]), np.array([1.0, 1.0, 1.0, 0.0])), median(np.array([1.0, 4.0]), np.ones(2))
    (2.0, 2.5)
    """
    order = np.argsort(numbers, kind="stable")
    order = order[weight[order] > 0]
    numbers, total = numbers[order], np.cumsum(weight[order]) / weight.sum()
    first, last = (int(np.searchsorted(total, end)) for end in (0.5 - 1e-12, 0.5 + 1e-12))
    return float(numbers[first] + numbers[min(last, len(numbers) - 1)]) / 2
