"""The rows of a stream as a fit sees them: what `torchlogit.rows` is for rows in memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from torchlogit import __version__
from torchlogit.checkpoint import Journal, SharedJournal, journal, shared_journal
from torchlogit.digest import Digest, all_rows, digest, formula_categories, learns_from_all
from torchlogit.encoder import DROPPED, GIVEN, Encoder, named
from torchlogit.errors import DataError, ParameterError
from torchlogit.penalties import Jeffreys
from torchlogit.rows import check_not_itself, has_intercept, others, read_rows, usable, weights_meaning
from torchlogit.solvers import SGD, Dual
from torchlogit.sources.loader import Loader
from torchlogit.sources.ranks import Ranks
from torchlogit.sources.reader import Reader, gathered, reader_of
from torchlogit.sources.stream import KEPT, Passes, Reading, StreamSource, bytes_of, part_rows
from torchlogit.sources.survey import survey, survey_of
from torchlogit.tables import Recipe, show, show_value
from torchlogit.tables.arrow import is_number, is_text
from torchlogit.tables.formula import is_formula
from torchlogit.tables.frames import open_frame
from torchlogit.tables.missing import dropped_sentence
from torchlogit.tables.names import show_list
from torchlogit.tables.recipe import require
from torchlogit.tables.response import read_response, response_columns, response_text

SAMPLE = 8  # the rows that stand for all take this share of the memory at most
OF_ROWS = ("x", "codes", "weight", "offset", "kept", "data", "column", "whole_column", "n_rows", "at_hand")


@contextmanager
def read(
    data: Any,
    how: Mapping[str, Any],
    asked: Mapping[str, Any],
    *,
    memory: int | str,
    checkpoint: Any,
    watch: Any,
    ranks: Ranks | None,
) -> Iterator[Any]:
    """The rows of a fit, `Rows` or `StreamedRows`; ``how`` they are read, and what else is ``asked`` of the fit.

    Within, the sums of their passes are kept where there is a checkpoint. With ``ranks`` they are this rank's rows.
    """
    at_hand = opened(data, memory, checkpoint) if ranks is None else dealt(data, ranks, {**how, **asked})
    if not isinstance(at_hand, Reader):
        yield read_rows(at_hand, **how)
        return
    _check_asked(asked["solver"], asked["penalty"], ranks)

    def what() -> dict[str, Any]:
        return {"data": at_hand.identity, **how, **asked}

    with journal(checkpoint, what) if ranks is None else shared_journal(checkpoint, what, ranks) as passes:
        yield read_stream(
            at_hand, **how, memory=memory, journal=passes, watch=getattr(watch, "reading", None), ranks=ranks
        )


def dealt(data: Any, ranks: Ranks, asked: Mapping[str, Any], text: Sequence[str] = ()) -> Reader:
    """The `Reader` of this rank's rows: a share of files that all are given, or what only this one is given.

    What is ``asked`` of the rows must be the same on all ranks; columns of ``text`` are such in any file.
    """

    def mine() -> Reader:
        named(asked["target"], asked["weight"], asked["offset"])
        reader = reader_of(data, text) or Loader(lambda: iter([data]))
        return reader.dealt(ranks.rank, ranks.size)

    reader: Reader = ranks.each(mine)
    reader.beat = ranks.beat
    types = ranks.each(lambda: {f"the type of `{name}`": str(reader.type_of(name)) for name in reader.schema.names})
    files = {f"file {path}": seen for path, *seen in reader.identity} if isinstance(reader.identity, list) else {}
    ranks.check_same({"torchlogit": __version__, **files, **types, "the order of columns": [*types], **asked})
    return reader


def _check_asked(solver: Any, penalty: Any, ranks: Ranks | None) -> None:
    """Refuse (`ParameterError`) what cannot be fitted to rows that are read in parts."""
    if isinstance(solver, SGD) and ranks is not None:
        raise ParameterError("SGD takes one batch after the other, and the rows are spread over ranks; use LBFGS()")
    if isinstance(solver, SGD) and solver.batch_size is None:
        raise ParameterError(
            "SGD(batch_size=None) takes all rows at once, and they are read in parts; give it a batch_size"
        )
    if isinstance(solver, Dual):
        raise ParameterError(
            "Dual works in the span of all rows, and they are read in parts; use LBFGS() or a larger memory="
        )
    if isinstance(penalty, Jeffreys) and penalty.intercept == "flac":
        raise ParameterError(
            'Jeffreys(intercept="flac") needs all rows in memory; use intercept="flic" or a larger memory='
        )


def opened(data: Any, memory: int | str, checkpoint: Any = None, text: Sequence[str] = ()) -> Any:
    """The data as they came; or where they are to be read, a table, if they fit in a share of the memory, or their `Reader`."""
    room, reader = bytes_of(memory), reader_of(data, text)
    if reader is None:
        if checkpoint is not None:
            raise ParameterError("checkpoint= is for rows that are read, from files or a loader; these are in memory")
        return data
    if checkpoint is not None:
        return reader
    if isinstance(data, str | os.PathLike) and not text and _small_text(reader, room // KEPT):
        from torchlogit.tables import read_table

        return read_table(data)
    table = gathered(reader, room // KEPT)
    return reader if table is None else table


def _small_text(reader: Any, limit: int) -> bool:
    """Whether it is one text file that fits."""
    one = getattr(reader, "kind", "") == "CSV" and len(reader.shards) == 1 and reader.delimiter is None
    return one and "://" not in reader.where[0] and reader.shards[0].found.size <= limit


@dataclass(frozen=True, eq=False)
class StreamedRows:
    """Checked rows that are read anew for every pass; ``given``, ``dropped`` and ``class_weights`` are those of the survey.

    What only rows in memory have, such as ``x`` and ``codes``, is a `ParameterError` that says so.
    """

    encoder: Encoder
    memory: int
    passes: Passes
    journal: Journal | SharedJournal | None = field(default=None, repr=False)
    ranks: Ranks | None = field(default=None, repr=False)
    _surveys: dict[bool, Any] = field(default_factory=dict, repr=False)

    def __getattr__(self, name: str) -> Any:
        if name in OF_ROWS:
            raise ParameterError(
                "this needs all rows in memory, and the fit read them in parts; give it some of them, data=table, or fit with "
                "a larger memory="
            )
        raise AttributeError(name)

    @property
    def recipe(self) -> Recipe:
        return self.encoder.recipe

    @property
    def columns(self) -> tuple[str, ...]:
        return self.encoder.recipe.columns

    @property
    def classes(self) -> npt.NDArray[Any]:
        return self.encoder.classes

    @property
    def target(self) -> str:
        return self.encoder.name

    @property
    def weight_name(self) -> str | None:
        return self.encoder.weight

    @property
    def offset_name(self) -> str | None:
        return self.encoder.offset

    @property
    def counts(self) -> bool:
        """Whether the target is counts of successes and failures."""
        return self.encoder.counts

    @property
    def own(self) -> bool:
        """Whether they are of ranks that each have their own rows, not a share of the same files."""
        return self.ranks is not None and not self.encoder.reader.shared

    @cached_property
    def _rows(self) -> int:
        return part_rows(self.memory, len(self.columns))

    @property
    def _any(self) -> tuple[Any, Counter[str]]:
        """What any survey has found."""
        return next(iter(self._surveys.values()))

    @property
    def given(self) -> int:
        return self._any[1][GIVEN]

    @property
    def gaps(self) -> dict[str, int]:
        return {name: count for name, count in self._any[1].items() if name not in (GIVEN, DROPPED) and count}

    @property
    def dropped(self) -> int:
        return self._any[1][DROPPED]

    @property
    def sentences(self) -> tuple[str, ...]:
        sentence = dropped_sentence(self.gaps, self.given, self.dropped)
        return (sentence,) if sentence else ()

    @property
    def class_weights(self) -> tuple[float, ...]:
        """The total weight of each class."""
        return tuple(self._any[0].classes.tolist())

    def has_intercept(self, asked: bool) -> bool:
        """Whether there is an intercept: a formula says so itself, else as ``asked``."""
        return has_intercept(self.recipe, asked)

    def meaning(self, asked: str | None) -> str:
        """What the weights mean, `torchlogit.rows.weights_meaning`."""
        if self.weight_name is None and not self.counts:
            return weights_meaning(asked, None)
        whole = self._any[0].whole
        if asked == "frequency" and not whole:
            raise DataError(
                f"weights `{show(self.weight_name)}` are no frequencies: some are not whole numbers; say "
                'weights_are="sampling" or "importance"'
            )
        return weights_meaning(asked, np.ones(1)) if asked or whole else "importance"

    def source(self, intercept: bool, device: str | torch.device | None) -> StreamSource:
        """The rows as a source; the first one takes a pass, in which they are surveyed."""
        place = usable(device)
        encoder = replace(self.encoder, intercept=intercept)
        if intercept not in self._surveys:
            self._surveys[intercept] = self._surveyed(encoder)
        found = self._surveys[intercept][0]
        self.passes.n_rows = found.n_rows
        read = partial(encoder.parts, self._rows)
        how: dict[str, Any] = {"passes": self.passes, "journal": self.journal, "ranks": self.ranks, "device": place}
        out = StreamSource(read, found, memory=self.memory, **how)
        return out if self.ranks is None else out.at_hand()

    def _surveyed(self, encoder: Encoder) -> tuple[Any, Counter[str]]:
        """The survey of all rows, and how many were given, dropped, and without a cell of each column; one pass."""
        tally, names = Counter[str](), (GIVEN, DROPPED, *encoder.columns, encoder.name)

        def make() -> tuple[torch.Tensor, ...]:
            read = partial(encoder.parts, self._rows, tally)
            found = survey(read, self.passes, len(self.classes), self.memory // SAMPLE, self.ranks, self.own)
            counted = (torch.tensor([tally[name] for name in names], dtype=torch.float64),)
            return *(counted if self.ranks is None else self.ranks.sum(counted)), *found

        counted, *tensors = make() if self.journal is None else self.journal.total((), make)
        tally = Counter(dict(zip(names, map(int, counted.tolist()), strict=True)))
        found = survey_of(tensors, encoder.intercept)
        self._check_classes(found.classes > 0, tally)
        return found, tally

    def _check_classes(self, present: torch.Tensor, tally: Counter[str]) -> None:
        if bool(present.all()):
            return
        gone = [
            show_value(label) for label, there in zip(self.classes.tolist(), present.tolist(), strict=True) if not there
        ]
        lost = f"; {tally[DROPPED]} of {tally[GIVEN]} rows were dropped" if tally[DROPPED] else ""
        raise DataError(
            f"target `{show(self.target)}`: no row of any weight has class {show_list(gone, len(gone))}{lost}; two or more "
            "classes are needed"
        )


def read_stream(
    reader: Reader,
    target: Any,
    *,
    features: Sequence[str] | None = None,
    weight: Any = None,
    offset: Any = None,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    apart: Sequence[str] = (),
    memory: int | str = "1GiB",
    journal: Journal | SharedJournal | None = None,
    watch: Callable[[Reading], None] | None = None,
    ranks: Ranks | None = None,
) -> StreamedRows:
    """What `torchlogit.rows.read_rows` does, of rows that are read in parts; target, weight and offset are named.

    A first pass over the columns of text and of labels learns the levels and the classes.
    """
    if missing not in ("error", "drop"):
        raise ParameterError(f"missing={missing!r} is not 'error' or 'drop'")
    target, names = named(target, weight, offset), reader.schema.names
    used = (*filter(None, (weight, offset)), *apart)
    for each in used:
        require(each, names, "is missing from the table")
    learnt = Learnt(reader, target, used, tuple(categorical), dict(reference or {}), journal, ranks)
    room = bytes_of(memory)
    recipe, found = learnt.formula(features, room // KEPT) if is_formula(target, names) else learnt.features(features)
    if not recipe.columns and not recipe.formula:
        raise DataError("Found array with 0 feature(s) while a minimum of 1 is required.")
    kind = reader.type_of(found.name) if found.name in names else None
    classes = np.asarray(found.target(kind).classes)
    text = learnt.target
    encoder = Encoder(reader, recipe, text, found.name, classes, weight, offset, missing, counts=found.counts)
    look = partial(encoder.best_sparse, part_rows(room, len(recipe.columns)))
    looks = [look()] if ranks is None else ranks.gather(look)
    encoder = replace(encoder, sparse=next((each for each in looks if each is not None), False))
    return StreamedRows(encoder, room, Passes(watch), journal, ranks)


@dataclass
class Learnt:
    """How a recipe and the labels are learnt from batches; ``target`` becomes the text before the ~ of a formula."""

    reader: Reader
    target: str
    named: tuple[str, ...]
    categorical: tuple[str, ...]
    reference: dict[str, str]
    journal: Journal | SharedJournal | None
    ranks: Ranks | None

    def features(self, features: Sequence[str] | None) -> tuple[Recipe, Digest]:
        """By the features of the table."""
        schema = self.reader.schema
        empty, names = open_frame(schema.empty_table()), schema.names
        apart = response_columns(self.target, names)
        chosen = list(features if features is not None else others(empty, [*apart, *self.named]))
        check_not_itself(chosen, apart)
        for name in (*chosen, *self.categorical, *apart):
            require(name, names, "is missing from the table")
        texts = [name for name in chosen if name in self.categorical or is_text(schema.field(name).type)]
        odd = [name for name in chosen if name not in texts and not is_number(schema.field(name).type)]
        found = self._digest(texts, odd, whole=False)
        table = found.table(chosen, self.reader, self.categorical)

        return Recipe.learn(table, features=chosen, categorical=self.categorical, reference=self.reference), found

    def formula(self, features: Sequence[str] | None, limit: int) -> tuple[Recipe, Digest]:
        """By a formula; what it learns from all rows at once must fit in ``limit`` bytes."""
        from torchlogit.tables.formula import read_formula, sides
        from torchlogit.tables.formula_recipe import FormulaRecipe

        if features is not None:
            raise ParameterError("a formula says which columns are used: give it, or features, not both")
        text, schema = self.target, self.reader.schema
        self.target = response_text(sides(text)[0])
        apart = response_columns(self.target, schema.names)
        formula = read_formula(text, schema.names, [*apart, *self.named])
        check_not_itself(formula.columns, apart)
        needed, without = learns_from_all(formula), None
        categories = () if needed else formula_categories(formula, schema, self.categorical)
        found = self._digest(categories, () if needed else formula.columns, whole=True)
        if needed:
            table = all_rows(self.reader, [*formula.columns, *apart], needed, limit, self.ranks)
            without = _without_label(table, self.target)
        else:
            table = found.table(formula.columns, self.reader, self.categorical)
        how: dict[str, Any] = {"categorical": self.categorical, "reference": self.reference}
        return FormulaRecipe.of(table, formula, without=without, **how), found

    def _digest(self, categories: Sequence[str], example: Sequence[str], whole: bool) -> Digest:
        mine = partial(digest, self.reader, self.target, categories, example=example, whole=whole)

        def make() -> Digest:
            return mine() if self.ranks is None else Digest.merged(self.ranks.gather(lambda: mine().to_dict()))

        if self.journal is None:
            return make()
        return Digest.from_dict(self.journal.learnt(lambda: make().to_dict()))


def _without_label(table: Any, target: str) -> Any:
    from torchlogit.tables.cells import read_cells

    found = read_response(open_frame(table), target)
    return found.missing if found.counts is not None else np.flatnonzero(read_cells(found.values, found.name).missing)
