"""Rows that are read in parts, as a model sees them that was fitted to others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from torchlogit.encoder import Encoder
from torchlogit.errors import DataError, ParameterError
from torchlogit.sources.base import Block
from torchlogit.sources.reader import Reader
from torchlogit.sources.stream import Passes, Reading, ahead, bytes_of
from torchlogit.streamed import StreamedRows, opened
from torchlogit.tables import Feature, Recipe
from torchlogit.tables.csv_numbers import MISSING
from torchlogit.tables.layout import WIDE
from torchlogit.tables.recipe import require
from torchlogit.tables.response import response_columns, response_text

if TYPE_CHECKING:
    from torchlogit.model import Model


def recipe_of(fit: Model) -> Recipe:
    """What makes the columns of a fit; of one to a matrix they are columns called so."""
    return fit.recipe or Recipe(tuple(map(Feature, fit.columns)))


def texts(recipe: Recipe) -> list[str]:
    """Columns to be read as text: categories with a level such as NA that a column of numbers takes for a missing cell."""
    return [each.name for each in recipe.features if any(level.strip().lower() in MISSING for level in each.levels)]


def opened_for(fit: Model, data: Any, memory: int | str) -> Any:
    """The data as they came; or where they are to be read, a table if they fit in a share of the memory, or their `Reader`."""
    paths = [data] if isinstance(data, str | os.PathLike) else data if isinstance(data, list | tuple) else []
    if paths and all(isinstance(path, str | os.PathLike) for path in paths) and (text := texts(recipe_of(fit))):
        from torchlogit.sources.parquet import Files

        data = Files(list(paths), text_columns=text)
    return opened(data, memory, None)


@dataclass(frozen=True, eq=False)
class PartedRows(StreamedRows):
    """`StreamedRows` by the recipe and with the classes of a fit; ``seen`` counts those of the pass that `once` makes."""

    seen: Counter[str] = field(default_factory=Counter)

    @property
    def _any(self) -> tuple[Any, Counter[str]]:
        return super()._any if self._surveys else (None, self.seen)

    def once(self) -> Once:
        """The rows as a source for one sum over them, without a survey."""
        return Once(partial(self.encoder.parts, self._rows, self.seen), self.passes)


class Once:
    """The blocks of rows that are read in parts, ``read()``, as `torchlogit.sources.accumulate` wants them."""

    device = torch.device("cpu")

    def __init__(self, read: Callable[[], Iterator[Any]], passes: Passes) -> None:
        self.read, self.passes = read, passes

    def __iter__(self) -> Iterator[Block]:
        empty = True
        with closing(ahead(self.read)) as parts:
            for part in self.passes.over(parts):
                empty = False
                yield from part
        if empty:
            raise DataError("no row is left: there are none, or all have missing cells")


def parted(
    fit: Model,
    reader: Reader,
    target: Any,
    *,
    weight: Any = None,
    offset: Any = None,
    missing: str = "error",
    memory: int | str = "1GiB",
    watch: Callable[[Reading], None] | None = None,
) -> PartedRows:
    """The rows of a reader as a fit sees them; target, weight and offset are columns' names."""
    recipe, names, text = recipe_of(fit), reader.schema.names, response_text(target)
    for what, name in (("target", text), ("weight", weight), ("offset", offset)):
        if name is not None and not isinstance(name, str):
            raise ParameterError(
                f"{what} must be a column's name where rows are read in parts, got {type(name).__name__}"
            )
    for name in (*(f.name for f in recipe.features), *response_columns(text, names), *filter(None, [weight, offset])):
        require(name, names, "is missing from the table")
    sparse = len(recipe.columns) > WIDE and any(feature.levels for feature in recipe.features)
    how: dict[str, Any] = {"intercept": fit.intercept, "counts": fit.counts, "sparse": sparse}
    encoder = Encoder(reader, recipe, text, text, fit.classes, weight, offset, missing, **how)
    passes = Passes(watch)
    known = [shard.rows for shard in getattr(reader, "shards", [])]
    passes.n_rows = 0 if None in known else sum(known)
    return PartedRows(encoder, bytes_of(memory), passes)
