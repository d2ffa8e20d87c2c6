"""Rows that are read in parts, as a model sees them that was fitted to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from torchlogit.calibrated import Calibrated, packed
from torchlogit.encoder import Encoder, named
from torchlogit.errors import DataError
from torchlogit.rows import Rows
from torchlogit.sources.base import Block
from torchlogit.sources.memory import MemorySource
from torchlogit.sources.reader import Reader
from torchlogit.sources.stream import Passes, Reading, ahead, bytes_of
from torchlogit.sources.survey import check_apart, checksum
from torchlogit.streamed import StreamedRows, dealt, opened
from torchlogit.tables import Feature, Recipe
from torchlogit.tables.csv_numbers import MISSING
from torchlogit.tables.layout import WIDE
from torchlogit.tables.recipe import require
from torchlogit.tables.response import response_columns

if TYPE_CHECKING:
    from torchlogit.model import Model
    from torchlogit.sources.ranks import Ranks


def recipe_of(fit: Model) -> Recipe:
    """What makes the columns of a fit; of one to a matrix they are columns called so."""
    return fit.recipe or Recipe(tuple(map(Feature, fit.columns)))


def texts(recipe: Recipe) -> list[str]:
    """Columns to be read as text: categories with a level such as NA that a column of numbers takes for a missing cell."""
    return [each.name for each in recipe.features if any(level.strip().lower() in MISSING for level in each.levels)]


def opened_for(fit: Model, data: Any, memory: int | str, ranks: Ranks | None, asked: dict[str, Any]) -> Any:
    """The data as they came; or where they are to be read, a table if they fit in a share of the memory, or their `Reader`.

    With ``ranks`` the `Reader` of this rank's rows; model and what is ``asked`` must be the same on all.
    """
    text = texts(recipe_of(fit))
    return opened(data, memory, text=text) if ranks is None else dealt(data, ranks, {**asked, **identity(fit)}, text)


def identity(fit: Model) -> dict[str, Any]:
    """What probabilities and columns of a model follow from, by which ranks know that they hold the same one."""
    how, tensors = packed(fit) if isinstance(fit, Calibrated) else ({}, {})
    plain = {name: getattr(fit, name) for name in ("columns", "intercept", "loss", "counts", "weights_are")}
    numbers: dict[str, Any] = {
        "classes": fit.classes,
        "coefficients": fit.theta_centred,
        "centre": fit.centre,
        **tensors,
    }
    lists = {name: values.tolist() for name, values in numbers.items()}
    found = {**plain, **lists, "recipe": fit.recipe and fit.recipe.to_dict(), "calibrator": how}
    return {f"the model's {name}": value for name, value in found.items()}


@dataclass(frozen=True, eq=False)
class PartedRows(StreamedRows):
    """`StreamedRows` by the recipe and with the classes of a fit; ``seen`` counts those of the last pass that `once` made."""

    seen: Counter[str] = field(default_factory=Counter)

    @property
    def _any(self) -> tuple[Any, Counter[str]]:
        return super()._any if self._surveys else (None, self.seen)

    @contextmanager
    def once(self) -> Iterator[Once]:
        """Within: the rows as a source for one sum over them, without a survey; then what is told of them is of all ranks.

        DataError where there are no rows, or where two ranks have the same ones.
        """
        none = torch.zeros(0, len(self.columns), dtype=torch.float64)
        nothing = MemorySource(none, none.new_zeros(0), intercept=self.encoder.intercept)
        rows = Once(partial(self.encoder.parts, self._rows, self.seen), self.passes, nothing, self.ranks, self.own)
        yield rows
        self._of_all(rows.n_rows, rows.checksum)

    def _of_all(self, n: int, number: int) -> None:
        """What is known of all rows, where this rank has read n with a checksum."""
        mine = n, number, self.seen
        each = [mine] if self.ranks is None else self.ranks.gather(lambda: mine)
        if self.ranks is not None:
            check_apart([(n, number) for n, number, _ in each], self.ranks)
        if not any(n for n, *_ in each):
            raise DataError("no row is left: there are none, or all have missing cells")
        counts = [dict(seen) for *_, seen in each]
        self.seen.clear()
        for seen in counts:
            self.seen.update(seen)


class Once:
    """The blocks of rows that are read in parts, ``read()``, as `torchlogit.sources.accumulate` wants them.

    The first, of ``nothing``, has no rows, so that a rank without any has a sum. After a pass ``n_rows`` are those read here, and
    ``checksum`` tells those of ranks apart that have their ``own``.
    """

    device = torch.device("cpu")

    def __init__(
        self, read: Callable[[], Iterator[Any]], passes: Passes, nothing: MemorySource, ranks: Ranks | None, own: bool
    ) -> None:
        self.read, self.passes, self.nothing, self.ranks, self.own = read, passes, nothing, ranks, own
        self.n_rows = self.checksum = 0

    def __iter__(self) -> Iterator[Block]:
        yield self.nothing._block(slice(0, 0))
        with closing(ahead(self.read)) as parts:
            for part in self.passes.over(parts):
                self.n_rows += part.n_rows
                self.checksum = checksum(part, self.checksum) if self.own else 0
                yield part._block(slice(0, part.n_rows))  # whole, for what is summed is larger than it


@dataclass(frozen=True)
class Tables:
    """Rows beside their table: all of them at once, or of rows that are read in parts one part after the other, again for every
    pass. They are what `torchlogit.sources.accumulate` sums over where rows are to be encoded anew.

    ``rows`` are `Rows` or `StreamedRows`; of these ``more`` columns are read beside those of the model.
    """

    rows: Any
    more: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.in_parts:
            for name in self.more:
                require(name, self.rows.encoder.reader.schema.names, "is missing from the table")

    @property
    def in_parts(self) -> bool:
        """Whether the rows are read in parts."""
        return isinstance(self.rows, StreamedRows)

    @property
    def ranks(self) -> Any:
        """Over whom the rows are spread; None where they are all here."""
        return self.rows.ranks if self.in_parts else None

    def __iter__(self) -> Generator[Rows, None, None]:
        if not self.in_parts:
            yield self.rows
            return
        rows: StreamedRows = self.rows
        yield rows.encoder.none()  # so that no rank is without
        read = partial(rows.encoder.tables, rows._rows, getattr(rows, "seen", None), self.more)
        with closing(ahead(read)) as parts:
            yield from rows.passes.over(parts)


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
    ranks: Ranks | None = None,
) -> PartedRows:
    """The rows of a reader as a fit sees them, of many ``ranks`` this one's; target, weight and offset are columns' names."""
    recipe, names, text = recipe_of(fit), reader.schema.names, named(target, weight, offset)
    for name in (*(f.name for f in recipe.features), *response_columns(text, names), *filter(None, [weight, offset])):
        require(name, names, "is missing from the table")
    sparse = len(recipe.columns) > WIDE and any(feature.levels for feature in recipe.features)
    how: dict[str, Any] = {"intercept": fit.intercept, "counts": fit.counts, "sparse": sparse}
    encoder = Encoder(reader, recipe, text, text, fit.classes, weight, offset, missing, **how)
    passes = Passes(watch)
    known = [shard.rows for shard in getattr(reader, "shards", [])]
    passes.n_rows = 0 if None in known else sum(known)
    return PartedRows(encoder, bytes_of(memory), passes, ranks=ranks)
