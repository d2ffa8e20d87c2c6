"""``torchlogit predict``: one line out for each row in, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import LANGUAGES
from torchlogit.cli.app import AUTO
from torchlogit.cli.files import TABLES, check_choice, check_ending, check_output
from torchlogit.cli.fitting import read
from torchlogit.cli.streams import say, utf8_stdout
from torchlogit.errors import DataError, ParameterError
from torchlogit.tables import Recipe, write_csv, write_table
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_names, show_rows
from torchlogit.tables.recipe import require
from torchlogit.tables.response import response_columns

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

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
    table = read(options.data, options.encoding, options.delimiter, texts(recipe))
    _check_extra(fit, recipe, table, options.ignore_extra)
    columns = predictions(fit, recipe, table, options, band(fit, recipe, options))
    if options.out is not None:
        write_table(options.out, columns)
        say(f"{table.num_rows} predictions written to {show(options.out, 300)}")
        return
    with utf8_stdout():
        write_csv("-", columns)


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

        rows = _calibration(fit, read(options.calibration, options.encoding, options.delimiter, texts(recipe)))
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


def _check_extra(fit: Fit, recipe: Recipe, table: Any, ignore: bool) -> None:
    known = {each.name for each in recipe.features} | {fit.offset, fit.weight}
    known |= {*response_columns(fit.target, table.column_names)}
    extra = [name for name in table.column_names if name not in known]
    for each in recipe.features:
        require(each.name, table.column_names, "is missing from the table")
    if extra and not ignore:
        raise DataError(
            f"the table has {show_names(extra)}, unknown to the model; say --ignore-extra to leave that out"
        )


def predictions(fit: Fit, recipe: Recipe, table: Any, options: Options, band: Any) -> dict[str, Any]:
    """The columns of the answer: a probability for each class, the class, and the decision if there is a band."""
    encoded = recipe.encode(table)
    whole = _whole(encoded.missing, encoded.matrix.shape[0], options.missing)
    rows = encoded.matrix[whole]
    extra = _offset(fit, table, whole)
    p = np.full((len(whole), len(fit.classes)), np.nan)
    p[whole] = fit.predict_proba(rows, extra).numpy()
    columns: dict[str, Any] = {f"p_{level_text(c)}": p[:, j] for j, c in enumerate(fit.classes.tolist())}
    columns["class"] = _spread(_labels(fit.predict(rows, extra)), whole)
    if band is not None:
        decided = fit.decide(rows, band, extra)
        columns["decision"] = _spread(np.array([level_text(d) for d in decided.tolist()], dtype=object), whole)
    return columns


def _whole(missing: Any, n: int, policy: str) -> npt.NDArray[np.bool_]:
    """The rows (n,) that can be predicted; the others are refused, or told."""
    whole = np.ones(n, dtype=bool)
    for rows in missing.values():
        whole[rows] = False
    if whole.all():
        return whole
    told = "; ".join(f"column `{show(name)}` has no value in {show_rows(rows)}" for name, rows in missing.items())
    if policy == "error":
        raise DataError(f"{told}. Fill these cells in, or say --missing keep to leave the rows without an answer.")
    say(f"{n - int(whole.sum())} of {n} rows have no answer: {told}")
    return whole


def _offset(fit: Fit, table: Any, whole: npt.NDArray[np.bool_]) -> Any:
    if fit.offset is None:
        return None
    require(fit.offset, table.column_names, "is missing from the table, but the model was fitted with it as offset")
    return table[fit.offset].to_numpy()[whole]


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
