"""Each batch of a table as checked rows: the same numbers that the whole table would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.digest import told
from torchlogit.errors import DataError, ParameterError
from torchlogit.moments import moments
from torchlogit.rows import Rows, halves
from torchlogit.sources.memory import MemorySource
from torchlogit.sources.reader import Batch, Reader
from torchlogit.tables import arrow
from torchlogit.tables.arrow import plain
from torchlogit.tables.frames import Frame
from torchlogit.tables.layout import FAR, SPARSE, WIDE
from torchlogit.tables.missing import refusal
from torchlogit.tables.recipe import Recipe
from torchlogit.tables.response import Response, read_response, response_columns, response_text
from torchlogit.tables.target import encode_offset, known_classes, row_weights

GIVEN, DROPPED = "", "\0"  # in a tally: the rows that were given, and those that were dropped


def named(target: Any, weight: Any, offset: Any) -> Any:
    """The text of a target; ParameterError unless it, weight and offset are names, as rows that are read in parts need."""
    text = response_text(target)
    for what, each in (("target", text), ("weight", weight), ("offset", offset)):
        if each is not None and not isinstance(each, str):
            raise ParameterError(
                f"{what} must be a column's name where rows are read in parts, got {type(each).__name__}"
            )
    return text


@dataclass(frozen=True)
class Encoder:
    """What turns a batch into the rows of a `MemorySource`; ``target`` is the text of the target, ``name`` what it is called."""

    reader: Reader
    recipe: Recipe
    target: str
    name: str
    classes: npt.NDArray[Any]
    weight: str | None
    offset: str | None
    missing: str
    intercept: bool = True
    counts: bool = False  # whether the target is counts of successes and failures
    sparse: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns of the table that are read."""
        features = [feature.name for feature in self.recipe.features]
        others = [*response_columns(self.target, self.reader.schema.names), *filter(None, [self.weight, self.offset])]
        return list(dict.fromkeys([*features, *others]))

    def parts(self, rows: int, tally: Counter[str] | None = None) -> Iterator[MemorySource]:
        """One pass: every batch of at most ``rows`` rows encoded; ``tally`` counts the rows given, and those without a cell."""
        for part in self.tables(rows, tally):
            yield part.source(self.intercept, None)

    def tables(self, rows: int, tally: Counter[str] | None = None, more: Sequence[str] = ()) -> Iterator[Rows]:
        """One pass as `parts` makes it: each part with its table, which has ``more`` columns beside those of the model."""
        tally = Counter() if tally is None else tally
        tally.clear()
        for batch in self.reader.batches(list(dict.fromkeys([*self.columns, *more])), rows):
            with told(batch):
                part = self._part(batch, tally)
            if part.n_rows:
                yield part

    def none(self) -> Rows:
        """No rows, as a part of them."""
        x = torch.zeros(0, len(self.recipe.columns), dtype=torch.float64)
        return self._rows(x, np.zeros(0, np.int64), data=self.reader.schema.empty_table())

    def best_sparse(self, rows: int) -> bool | None:
        """Whether the first part of the rows is nearly all zeros, and near 0; None where there are no rows."""
        if len(self.recipe.columns) <= WIDE:
            return False
        part = next(self.parts(rows), None)
        if part is None:
            return None
        filled = int((part.x != 0).sum())
        found = moments(part).coordinates
        near = bool((found.centre.abs() <= FAR * found.scale).all())
        return near and filled <= SPARSE * part.n_rows * part.n_features

    def _part(self, batch: Batch, tally: Counter[str]) -> Rows:
        frame, n = cache(lambda: arrow.frame(batch.table)), len(batch.table)
        gaps: dict[str, Any] = {}
        x: Any = None if self.sparse else numbers(batch.table, self.recipe)
        if x is None:
            found = self.recipe.encode(frame())
            x, gaps = self._like_others(found.matrix), dict(found.missing)
        response, codes = self._labels(frame, batch.table, gaps)
        weight = None if self.weight is None else row_weights(frame().column(self.weight), n, self.weight)
        offset = None if self.offset is None else encode_offset(frame().column(self.offset), n, self.offset)
        kept = self._kept(gaps, n, tally)
        if response is not None:
            kept, codes, weight = halves(response, np.arange(n) if kept is None else kept, weight)
        elif kept is not None:
            codes, weight = codes[kept], None if weight is None else weight[kept]
        if kept is not None:
            x, offset = x[kept], None if offset is None else offset[kept]
        x = x if self.sparse else torch.from_numpy(x)
        return self._rows(x, codes, weight=weight, offset=offset, kept=kept, data=frame(), given=n)

    def _rows(self, x: Any, codes: npt.NDArray[np.int64], **more: Any) -> Rows:
        return Rows(
            x=x,
            columns=self.recipe.columns,
            codes=codes,
            classes=self.classes,
            target=self.name,
            offset_name=self.offset,
            recipe=self.recipe,
            weight_name=self.weight,
            counts=self.counts,
            **{"weight": None, "offset": None, **more},
        )

    def _like_others(self, x: Any) -> Any:
        """A matrix in the layout that all parts have."""
        from scipy.sparse import csr_array

        if hasattr(x, "tocsr"):
            return x if self.sparse else x.toarray()
        return csr_array(x) if self.sparse else x

    def _labels(self, frame: Callable[[], Frame], table: Any, gaps: dict[str, Any]) -> tuple[Response | None, Any]:
        """The place of every row's class (n,), or its counts; rows without a label join the gaps."""
        plain = places(table, self.target, self.classes)
        if plain is not None:
            return None, plain
        response = read_response(frame(), self.target)
        if response.counts is not None:
            missing, codes = response.missing, None
        else:
            found = known_classes(response.values, self.classes, self.name)
            missing, codes = found.missing, found.codes
        if len(missing):
            gaps[self.name] = missing
        return (None if response.counts is None else response), codes

    def _kept(self, gaps: dict[str, Any], n: int, tally: Counter[str]) -> npt.NDArray[np.int64] | None:
        """The rows with every cell; None: all of them."""
        gaps = {name: rows for name, rows in gaps.items() if len(rows)}
        if gaps and self.missing == "error":
            raise DataError(refusal(gaps))
        tally.update({GIVEN: n, **{name: len(rows) for name, rows in gaps.items()}})
        if not gaps:
            return None
        keep = np.ones(n, dtype=bool)
        for rows in gaps.values():
            keep[rows] = False
        tally[DROPPED] += int(n - keep.sum())
        return np.flatnonzero(keep)


def numbers(table: Any, recipe: Recipe) -> npt.NDArray[np.float64] | None:
    """The features (n, d), column after column in memory, where all are numbers and every cell is there and finite."""
    if recipe.formula or any(feature.levels for feature in recipe.features):
        return None
    out = np.empty((len(recipe.features), len(table)))
    with np.errstate(all="ignore"):
        for to, feature in zip(out, recipe.features, strict=True):
            values = plain(table.column(feature.name))
            if values is None:
                return None
            to[:] = values
            if not np.isfinite(to.sum()):  # asked of each column, while it is in the cache
                return None
    return out.T


def places(table: Any, target: str, classes: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """The place of every row's class (n,), of two, that are numbers in a column without gaps; None for others."""
    if len(classes) != 2 or classes.dtype.kind not in "biuf" or target not in table.schema.names:
        return None
    values = plain(table.column(target))
    if values is None:
        return None
    yes = values == classes[1]
    return yes.astype(np.int64) if bool((yes | (values == classes[0])).all()) else None
