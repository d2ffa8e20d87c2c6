"""What a first pass over batches learns: a small table with every level of every category, and the labels.

From it a recipe is learnt as from the whole table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.errors import DataError, ParameterError
from torchlogit.sources.reader import Batch, Reader, gathered
from torchlogit.tables.arrow import column, frame, is_text, table, zero
from torchlogit.tables.cells import distinct, read_cells
from torchlogit.tables.features import MAX_DECLARED_LEVELS, check_levels, level_text
from torchlogit.tables.formula import Formula
from torchlogit.tables.formula_coding import gaps_of, whole_rows
from torchlogit.tables.formula_expression import category, column_of, names, parse
from torchlogit.tables.formula_expression import transforms as calls
from torchlogit.tables.frames import Frame
from torchlogit.tables.names import rows_from, show
from torchlogit.tables.response import read_response, response_columns
from torchlogit.tables.target import FEW_ROWS, MAX_CLASSES, Target, check_labels, encode_target

if TYPE_CHECKING:
    from torchlogit.sources.ranks import Ranks

ROWS = 2**16  # of a batch that is learnt from


@dataclass
class Digest:
    """How often each label and each level of each category occurs, and the cells of one row that has all of them."""

    rows: int = 0
    name: str = ""  # of the target
    counts: bool = False  # whether the target is counts of successes and failures
    labels: Counter[Any] = field(default_factory=Counter)
    levels: dict[str, Counter[Any]] = field(default_factory=dict)
    example: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types; TypeError where a cell is none."""
        levels = {name: [list(pair) for pair in counter.items()] for name, counter in self.levels.items()}
        labels = [list(pair) for pair in self.labels.items()]
        return {**vars(self), "labels": labels, "levels": levels}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Digest:
        """What `to_dict` wrote."""
        levels = {name: Counter(dict(map(tuple, pairs))) for name, pairs in data["levels"].items()}
        return cls(**{**data, "labels": Counter(dict(map(tuple, data["labels"]))), "levels": levels})

    @classmethod
    def merged(cls, parts: Iterable[Mapping[str, Any]]) -> Digest:
        """What several readers have learnt of their rows, of which `to_dict` tells, as one."""
        found = [cls.from_dict(part) for part in parts]
        first = next((each for each in found if each.rows), found[0])
        levels = {name: sum((each.levels[name] for each in found), Counter()) for name in first.levels}
        example = next((each.example for each in found if each.example), None)
        labels = sum((each.labels for each in found), Counter())
        return cls(**{**vars(first), "rows": sum(each.rows for each in found), "labels": labels, "levels": levels,
                      "example": example})  # fmt: skip

    def target(self, kind: Any) -> Target:
        """The classes, checked as those of a whole column are; ``kind`` is its Arrow type, None for a comparison."""
        if self.counts:
            return Target(np.zeros(0, np.int64), np.array([0, 1]), np.zeros(0, np.int64), self.name)
        return encode_target(column(self._some_labels(), kind), name=self.name)

    def _some_labels(self) -> list[Any]:
        """Each label as often as it occurs, as far as a check would see a difference."""
        out = [label for label, count in self.labels.items() for _ in range(min(count, FEW_ROWS))]
        more = max(0, min(self.labels.total(), max(20, 2 * len(self.labels))) - len(out))
        return out + [label for label, _ in self.labels.most_common(1) for _ in range(more)]

    def table(self, columns: Sequence[str], reader: Reader, categorical: Sequence[str]) -> Any:
        """A table of the columns in which every level of every category occurs, and no cell is missing."""
        for name, found in self.levels.items():
            if not found:
                raise DataError(f"column `{show(name)}` has no value in any of its {self.rows} rows; leave it out.")
            levels = tuple(map(level_text, found))
            check_levels(levels, name, name in categorical, found.total())
        size = 2 * max([1, *map(len, self.levels.values())])
        cells = {name: self._cells(name, reader.type_of(name), size) for name in columns}
        return table(cells)

    def _cells(self, name: str, kind: Any, size: int) -> Any:
        if name in self.levels:
            levels = list(self.levels[name])
            return column([levels[i % len(levels)] for i in range(size)], kind)
        value = (self.example or {}).get(name)
        value = zero(kind) if value is None else value
        if value is None:
            raise DataError(
                f"column `{show(name)}` has no value that could be used (its type is {kind}); leave it out."
            )
        return column([value] * size, kind)


def digest(
    reader: Reader, target: str, categories: Sequence[str], *, example: Sequence[str] = (), whole: bool = False
) -> Digest:
    """One pass over the columns of the target and of the categories, and over one batch for an ``example`` of other columns.

    With ``whole`` only rows count that have every cell of these, as for a formula. Raises `DataError` with file and row.
    """
    out = Digest(levels={name: Counter() for name in categories})
    columns = dict.fromkeys([*response_columns(target, reader.schema.names), *categories, *(example if whole else ())])
    for batch in reader.batches(list(columns), ROWS):
        with told(batch):
            _learn(out, frame(batch.table), target, whole)
    if example and not whole:
        out.example = _first(reader, example)
    return out


def learns_from_all(formula: Formula) -> tuple[str, ...]:
    """Factors of a formula that are learnt from all rows at once: knots, means, categories of what is computed."""
    texts = dict.fromkeys(text for term in formula.terms for text in term)
    return tuple(text for text in texts if any(True for _ in calls(parse(text))) or _computed(text))


def _computed(text: str) -> bool:
    found = category(parse(text))
    return found is not None and column_of(found.of) is None and len(set(names(found.of))) > 1


def formula_categories(formula: Formula, schema: Any, categorical: Sequence[str]) -> tuple[str, ...]:
    """The columns of a formula of which every level must be known."""
    found = dict[str, None]()
    for text in (text for term in formula.terms for text in term):
        node = parse(text)
        own, name = category(node), column_of(node)
        if own is not None:
            found.update(dict.fromkeys(names(own.of)))
        elif name is not None and (name in categorical or is_text(schema.field(name).type)):
            found[name] = None
        else:
            found.update((each, None) for each in names(node) if is_text(schema.field(each).type))
    return tuple(found)


def all_rows(
    reader: Reader, columns: Iterable[str], factors: Sequence[str], limit: int, ranks: Ranks | None = None
) -> Any:
    """Some columns of all rows, for factors that are learnt from them; ParameterError where they take too much memory."""
    look = partial(gathered, reader, limit, list(dict.fromkeys(columns)))
    table = look() if ranks is None else ranks.table(look)
    if table is None:
        raise ParameterError(
            f"`{show(factors[0])}` is learnt from all rows at once, and their columns take more than {limit >> 20} MiB; give a "
            "larger memory=, or a transform that learns nothing, such as x - 40"
        )
    return table


@contextmanager
def told(batch: Batch) -> Iterator[None]:
    """Within: rows are counted from the batch's first, and a `DataError` begins with its file."""
    with rows_from(batch.first):
        try:
            yield
        except DataError as error:
            raise (type(error)(f"{batch.place}: {error}") if batch.place else error) from None


def _learn(out: Digest, frame: Frame, target: str, whole: bool) -> None:
    """Take in the labels and levels of a batch."""
    out.rows += frame.n_rows
    kept = whole_rows(gaps_of(frame, frame.names) if whole else {}, frame.n_rows)
    response = read_response(frame, target)
    out.name, out.counts = response.name, response.counts is not None
    if not out.counts:
        cells = read_cells(response.values, response.name)
        check_labels(cells, response.name)
        _count(out.labels, *distinct(cells, response.name))
        if len(out.labels) > MAX_CLASSES:
            raise DataError(
                f"target `{show(response.name)}` has more than {MAX_CLASSES} classes and looks like an identifier or a "
                "measurement; name another column, or join labels into fewer classes."
            )
    for name, counter in out.levels.items():
        values, codes = distinct(frame.cells(name), name)
        _count(counter, values, codes[kept])
        if len(counter) > MAX_DECLARED_LEVELS:
            raise DataError(
                f"column `{show(name)}` has more than {MAX_DECLARED_LEVELS} levels. Join levels or leave it out."
            )
    if whole and out.example is None and kept.any():
        row = int(np.flatnonzero(kept)[0])
        out.example = {name: _plain(frame.cells(name).values[row]) for name in frame.names}


def _count(counter: Counter[Any], values: Any, codes: Any) -> None:
    counts = np.bincount(codes + 1, minlength=len(values) + 1)[1:]
    counter.update({value: count for value, count in zip(values.tolist(), counts.tolist(), strict=True) if count})


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _first(reader: Reader, columns: Sequence[str]) -> dict[str, Any]:
    """The first cells of columns that are there, of the first batch."""
    batch = next(iter(reader.batches(columns, ROWS)), None)
    cells = {} if batch is None else {name: batch.table.column(name).drop_null() for name in columns}
    return {name: column[0].as_py() for name, column in cells.items() if len(column)}
