"""``torchlogit predict``: one line out for each row in, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.cli.files import TABLES, check_choice, check_ending, check_output
from torchlogit.cli.fitting import read
from torchlogit.cli.streams import say, utf8_stdout
from torchlogit.errors import DataError, ParameterError
from torchlogit.tables import Feature, Recipe, write_csv, write_table
from torchlogit.tables.csv_numbers import MISSING
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
    uncertain: tuple[float, float] | None
    missing: str
    ignore_extra: bool
    delimiter: str | None
    encoding: str
    force: bool


def run(options: Options) -> None:
    """Load, read, predict, write."""
    check(options)
    from torchlogit.fitted import load

    fit = load(options.model)
    if options.uncertain and UNCERTAIN in map(str, fit.classes):
        raise ParameterError("a class of this model is called 'uncertain'; --uncertain could not be told from it")
    recipe = fit.recipe or Recipe(tuple(map(Feature, fit.columns)))
    table = read(options.data, options.encoding, options.delimiter, texts(recipe))
    _check_extra(fit, recipe, table, options.ignore_extra)
    columns = predictions(fit, recipe, table, options)
    if options.out is not None:
        write_table(options.out, columns)
        say(f"{table.num_rows} predictions written to {show(options.out, 300)}")
        return
    with utf8_stdout():
        write_csv("-", columns)


def check(options: Options) -> None:
    """Refuse options that mean nothing, and outputs that would replace something."""
    check_choice(options.missing, ("error", "keep"), "--missing")
    if options.uncertain is not None and not 0 <= options.uncertain[0] <= options.uncertain[1] <= 1:
        low, high = options.uncertain
        raise ParameterError(f"--uncertain {low:g} {high:g} should be two probabilities, the lower first")
    check_ending(options.out, TABLES)
    check_output(options.out, [options.data, options.model], options.force)


def texts(recipe: Recipe) -> list[str]:
    """Columns to be read as text: categories with a level such as NA that a column of numbers takes for a missing cell."""
    return [each.name for each in recipe.features if any(level.strip().lower() in MISSING for level in each.levels)]


def _check_extra(fit: Fit, recipe: Recipe, table: Any, ignore: bool) -> None:
    known = {each.name for each in recipe.features} | {fit.offset, *response_columns(fit.target, table.column_names)}
    extra = [name for name in table.column_names if name not in known]
    for each in recipe.features:
        require(each.name, table.column_names, "is missing from the table")
    if extra and not ignore:
        raise DataError(
            f"the table has {show_names(extra)}, unknown to the model; say --ignore-extra to leave that out"
        )


def predictions(fit: Fit, recipe: Recipe, table: Any, options: Options) -> dict[str, Any]:
    """The columns of the answer: a probability for each class, the class, and the decision if there is a band."""
    encoded = recipe.encode(table)
    whole = _whole(encoded.missing, encoded.matrix.shape[0], options.missing)
    rows = encoded.matrix[whole]
    extra = _offset(fit, table, whole)
    p = np.full((len(whole), len(fit.classes)), np.nan)
    p[whole] = fit.predict_proba(rows, extra).numpy()
    columns: dict[str, Any] = {f"p_{level_text(c)}": p[:, j] for j, c in enumerate(fit.classes.tolist())}
    columns["class"] = _spread(fit.predict(rows, extra), whole)
    if options.uncertain is not None:
        decided = fit.decide(rows, options.uncertain, extra)
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


def _spread(values: npt.NDArray[Any], whole: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """``values`` of the whole rows in their places among all rows, None elsewhere."""
    if whole.all():
        return values
    out = np.full(len(whole), None, dtype=object)
    out[whole] = values
    return out
