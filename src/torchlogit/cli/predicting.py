"""``torchlogit predict``: one line out for each row in, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import LANGUAGES
from torchlogit.cli.app import AUTO
from torchlogit.cli.files import TABLES, check_choice, check_ending, check_output
from torchlogit.cli.reading import rows_at, table_of
from torchlogit.cli.streams import passing, say, utf8_stdout
from torchlogit.errors import DataError, ParameterError
from torchlogit.tables import Recipe
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_names, show_rows
from torchlogit.tables.recipe import require
from torchlogit.tables.response import response_columns
from torchlogit.tables.write import table_writer

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.tables.frames import Frame

UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Options:
    """The options of the command, as typed."""

    model: str
    data: str
    out: str | None
    uncertain: tuple[str, str] | None
    max_error: float | None
    coverage: float | None
    costs: tuple[float, float, float] | None
    calibration: str | None
    confidence: float
    lang: str
    missing: str
    ignore_extra: bool
    delimiter: str | None
    encoding: str
    memory: str
    force: bool

    @property
    def wanted(self) -> dict[str, Any]:
        """What a band is to be chosen for."""
        asked = {name: getattr(self, name) for name in ("max_error", "coverage", "costs")}
        return {name: value for name, value in asked.items() if value is not None}


def run(options: Options) -> None:
    """Load, read, predict, write."""
    check(options)
    from torchlogit.fitted import load
    from torchlogit.inference.parts import recipe_of, texts

    fit = load(options.model)
    if (options.uncertain or options.wanted) and UNCERTAIN in map(str, fit.classes):
        raise ParameterError("a class of this model is called 'uncertain'; --uncertain could not be told from it")
    recipe = recipe_of(fit)
    rows = rows_at(options.data, options.encoding, options.delimiter, texts(recipe), options.memory)
    _check_extra(fit, recipe, getattr(rows, "column_names", None) or rows.schema.names, options.ignore_extra)
    chosen, without = band(fit, recipe, options), Without(options.missing)
    with closing(_answers(fit, recipe, rows, chosen, without, options.memory)) as answers:
        first = [
            part for part in [next(answers, None)] if part is not None
        ]  # so that a mistake is told before anything is written
        with _writer(options.out, columns_like(fit, chosen is not None)) as write:
            for part in chain(first, answers):
                write(part)
    without.tell()
    if options.out is not None:
        say(f"{without.n} predictions written to {show(options.out, 300)}")


@contextmanager
def _writer(out: str | None, like: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What to call with the answers of some rows."""
    with nullcontext() if out is not None else utf8_stdout(), table_writer(out or "-", like) as write:
        yield write


def _answers(
    fit: Fit, recipe: Recipe, rows: Any, band: Any, without: Without, memory: str
) -> Generator[dict[str, Any], None, None]:
    """The answers part by part; of a table all at once. What is wrong is told with its file and row."""
    from torchlogit.digest import told
    from torchlogit.sources.reader import Batch
    from torchlogit.tables.arrow import frame
    from torchlogit.tables.frames import open_frame

    if hasattr(rows, "column_names"):
        yield predictions(fit, recipe, open_frame(rows), band, without)
        return
    batch: Batch
    for batch in _batches(fit, recipe, rows, memory):
        with told(batch):
            found = predictions(fit, recipe, frame(batch.table), band, without)
        yield found


def _batches(fit: Fit, recipe: Recipe, reader: Any, memory: str) -> Iterator[Any]:
    """The columns that the model wants, read ahead, with a bar of how far that is."""
    from torchlogit.sources.stream import Reading, ahead, bytes_of, part_rows

    columns = list(dict.fromkeys([*(feature.name for feature in recipe.features), *filter(None, [fit.offset])]))
    size, read, begin = part_rows(bytes_of(memory), len(recipe.columns)), 0, monotonic()
    with passing() as watch, closing(ahead(lambda: reader.batches(columns, size))) as batches:
        for batch in batches:
            yield batch
            read += len(batch.table)
            if watch is not None:
                watch(Reading(1, read, 0, monotonic() - begin))


def check(options: Options) -> None:
    """Refuse options that mean nothing, and outputs that would replace something."""
    check_choice(options.missing, ("error", "keep"), "--missing")
    ends(options)
    check_choice(options.lang, LANGUAGES, "--lang")
    check_ending(options.out, TABLES)
    inputs = [path for path in (options.data, options.model, options.calibration) if path]
    check_output(options.out, inputs, options.force)


def ends(options: Options) -> tuple[float, float] | None:
    """The band as typed; None where there is none, or it is to be chosen. ParameterError where the options contradict."""
    words, wanted = options.uncertain or (AUTO, AUTO), options.wanted
    if words != (AUTO, AUTO):
        if wanted or options.calibration:
            raise ParameterError(
                "--max-error, --coverage, --costs and --calibration choose a band; --uncertain gives one"
            )
        return _two(words)
    if len(wanted) != 1 and (options.uncertain or wanted or options.calibration):
        raise ParameterError("say what the band is for, one of --max-error 0.05, --coverage 0.9, --costs FY FN ASK")
    if wanted and ("costs" in wanted) == (options.calibration is not None):
        raise ParameterError(
            "--costs believes the probabilities; leave --calibration out"
            if "costs" in wanted
            else "give rows with their classes that the model was not fitted to: --calibration FILE"
        )
    if options.calibration == "-" == options.data:
        raise ParameterError("DATA and --calibration cannot both be the standard input")
    return None


def _two(words: tuple[str, str]) -> tuple[float, float]:
    try:
        low, high = map(float, words)
    except ValueError:
        low = high = float("nan")
    if not 0 <= low <= high <= 1:
        told = " ".join(map(show, words))
        raise ParameterError(f"--uncertain {told} should be two probabilities, the lower first, or the word auto")
    return low, high


def band(fit: Fit, recipe: Recipe, options: Options) -> Any:
    """The band of uncertain answers, given or chosen; a chosen one is told with its guarantee. None where none is asked for."""
    if not options.wanted:
        return ends(options)
    rows = None
    if options.calibration is not None:
        from torchlogit.inference.parts import texts

        rows = _calibration(fit, table_of(options.calibration, options.encoding, options.delimiter, texts(recipe)))
    found = fit.band(rows, confidence=options.confidence, **options.wanted)
    say(found.sentence_in(options.lang))
    return found


def _calibration(fit: Fit, table: Any) -> Any:
    """The table without the rows that have no answer."""
    from torchlogit.inference.observed import observed

    rows = observed(fit, table, missing="drop").rows
    if rows.dropped:
        say(f"left out {rows.dropped} of {table.num_rows} calibration rows: they have missing cells")
    return table if rows.kept is None else table.take(np.unique(rows.kept))


def _check_extra(fit: Fit, recipe: Recipe, names: Sequence[str], ignore: bool) -> None:
    known = {each.name for each in recipe.features} | {fit.offset, fit.weight}
    known |= {*response_columns(fit.target, names)}
    extra = [name for name in names if name not in known]
    for each in recipe.features:
        require(each.name, names, "is missing from the table")
    if fit.offset is not None:
        require(fit.offset, names, "is missing from the table, but the model was fitted with it as offset")
    if extra and not ignore:
        raise DataError(
            f"the table has {show_names(extra)}, unknown to the model; say --ignore-extra to leave that out"
        )


def columns_like(fit: Fit, decides: bool) -> dict[str, Any]:
    """The columns of an answer, with cells of their types."""
    size = len(fit.classes)
    columns = {f"p_{level_text(c)}": np.zeros(size) for c in fit.classes.tolist()}
    more = {"decision": np.array([UNCERTAIN] * size, dtype=object)} if decides else {}
    return {**columns, "class": _labels(fit.classes), **more}


def predictions(fit: Fit, recipe: Recipe, rows: Frame, band: Any, without: Without) -> dict[str, Any]:
    """The columns of the answer: a probability for each class, the class, and the decision if there is a band."""
    encoded = recipe.encode(rows)
    whole = without.whole(encoded.missing, encoded.matrix.shape[0])
    x = encoded.matrix[whole]
    extra = None if fit.offset is None else np.asarray(rows.column(fit.offset))[whole]
    p = np.full((len(whole), len(fit.classes)), np.nan)
    p[whole] = fit.predict_proba(x, extra).numpy()
    columns: dict[str, Any] = {f"p_{level_text(c)}": p[:, j] for j, c in enumerate(fit.classes.tolist())}
    columns["class"] = _spread(_labels(fit.predict(x, extra)), whole)
    if band is not None:
        decided = fit.decide(x, band, extra)
        columns["decision"] = _spread(np.array([level_text(d) for d in decided.tolist()], dtype=object), whole)
    return columns


class Without:
    """The rows without an answer, so far: those with a missing cell, which the ``policy`` "error" refuses."""

    def __init__(self, policy: str) -> None:
        self.policy, self.n, self.gone, self.first, self.told = policy, 0, 0, 0, ""

    def whole(self, missing: Any, n: int) -> npt.NDArray[np.bool_]:
        """The rows (n,) of a part that can be predicted."""
        whole = np.ones(n, dtype=bool)
        for rows in missing.values():
            whole[rows] = False
        self.n += n
        if whole.all():
            return whole
        told = "; ".join(f"column `{show(name)}` has no value in {show_rows(rows)}" for name, rows in missing.items())
        if self.policy == "error":
            raise DataError(f"{told}. Fill these cells in, or say --missing keep to leave the rows without an answer.")
        gone = n - int(whole.sum())
        self.told, self.first, self.gone = self.told or told, self.first or gone, self.gone + gone
        return whole

    def tell(self) -> None:
        """Say how many there are, and where."""
        if self.gone:
            more = "" if self.gone == self.first else ", …"
            say(f"{self.gone} of {self.n} rows have no answer: {self.told}{more}")


def _labels(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Classes that are whole numbers as a table has them, without a point."""
    whole = values.dtype.kind == "f" and bool((abs(values) < 2**53).all() and (values == np.rint(values)).all())
    return values.astype(np.int64) if whole else values


def _spread(values: npt.NDArray[Any], whole: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """``values`` of the whole rows in their places among all rows, None elsewhere."""
    if whole.all():
        return values
    out = np.full(len(whole), None, dtype=object)
    out[whole] = values
    return out
