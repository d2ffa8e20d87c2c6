"""The picture of ``fit --plot``: the probability over one feature, the others held where they are on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.cli.streams import say
from torchlogit.errors import ParameterError
from torchlogit.report import class_name
from torchlogit.tables.names import did_you_mean, show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.plots import CurveTable

Floats = npt.NDArray[np.float64]
POINTS = 400  # points drawn at most
PLACES = 200  # x at which the curve is computed
MOST_CLASSES = 4  # curves that can be told apart


class Ready(NamedTuple):
    """Rows (n, d) that were used, the place of the feature among the columns, and what the curve is drawn over."""

    matrix: Floats
    column: int
    name: str


def check_feature(table: Any, feature: str | None) -> None:
    """Refuse, before the fit, a feature that the table does not have."""
    names = table.column_names
    if feature is not None and feature not in names:
        near = did_you_mean(feature, names) or f" There are {show_names(names)}."
        raise ParameterError(f"--plot-feature `{show(feature)}` is no column.{near}")


def draw(fit: Fit, table: Any, feature: str | None, path: str) -> None:
    """Draw the fit over ``feature`` (the first numeric one when None) and write the picture."""
    from torchlogit.plots import probability_curve
    from torchlogit.tables import encode_target

    assert fit.recipe is not None
    column, name = _feature(fit, feature)
    matrix = fit.recipe.encode(table).matrix
    matrix = matrix.toarray() if hasattr(matrix, "tocsr") else matrix
    codes = encode_target(table[fit.target], name=fit.target).codes
    whole = ~np.isnan(matrix).any(1) & (codes >= 0)
    ready = Ready(matrix[whole], column, name)
    held = _held(fit, ready)
    if held:
        say(f"the curve varies `{show(name)}`; held fixed: {held}", "note")
    probability_curve(
        curves(fit, ready, codes[whole]),
        title=f"{show(fit.target, 20)} by {show(name, 20)}",
        note=_note(len(ready.matrix), held),
        xlabel=show(name, 40),
        ylabel="Probability"
        if fit.loss == "softmax"
        else f"Probability of {show(fit.target, 20)} = {class_name(fit.positive)}",
    ).save(path)


def _feature(fit: Fit, feature: str | None) -> tuple[int, str]:
    """The encoded column of the feature to vary, and its name."""
    assert fit.recipe is not None
    numeric = [each.name for each in fit.recipe.features if not each.levels]
    if len(fit.classes) > MOST_CLASSES:
        raise ParameterError(f"--plot shows up to {MOST_CLASSES} classes, this target has {len(fit.classes)}")
    if not numeric:
        raise ParameterError("--plot needs a numeric feature to draw over; all features are categories")
    name = numeric[0] if feature is None else feature
    if name not in numeric:
        raise ParameterError(
            f"--plot-feature `{show(name)}` is not a numeric feature of the model; those are {show_names(numeric)}"
        )
    return fit.columns.index(name), name


def _base(fit: Fit, ready: Ready) -> Floats:
    """The row about which the feature varies: numbers at their mean, categories at their reference."""
    assert fit.recipe is not None
    numeric = [not each.levels for each in fit.recipe.features for _ in each.columns]
    return np.asarray(np.where(numeric, ready.matrix.mean(0), 0.0))


def _held(fit: Fit, ready: Ready) -> str:
    """What the other features are held at, in words."""
    assert fit.recipe is not None
    base, place, told = _base(fit, ready), 0, []
    for each in fit.recipe.features:
        if each.levels:
            told.append(f"{show(each.name, 20)} {show(each.reference, 20)}")
        elif each.name != ready.name:
            told.append(f"{show(each.name, 20)} {base[place]:.4g}")
        place += len(each.columns)
    told += [f"{show(fit.offset, 20)} 0"] if fit.offset else []
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")


def _note(n: int, held: str) -> str:
    parts = [f"at {held}" if held else "", f"{POINTS} of {n} rows shown" if n > POINTS else ""]
    return "; ".join(filter(None, parts))


def curves(fit: Fit, ready: Ready, codes: npt.NDArray[np.int64]) -> list[CurveTable]:
    """The curve of the positive class with its 95 % band and the points; of each class where there are more than two."""
    from torchlogit.plots import CurveTable

    x = ready.matrix[:, ready.column]
    grid = np.linspace(x.min(), x.max(), PLACES) if np.ptp(x) else x[0] + np.linspace(-1, 1, PLACES)
    rows = np.tile(_base(fit, ready), (PLACES, 1))
    rows[:, ready.column] = grid
    p = fit.predict_proba(rows, None if fit.offset is None else np.zeros(PLACES)).numpy()
    if fit.loss == "softmax":
        return [CurveTable(grid, p[:, j], label=class_name(c)) for j, c in enumerate(fit.classes)]
    low, high = band(fit, rows)
    shown = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).round().astype(int))
    label = "fitted" if low is None else "fitted, 95 % interval"
    return [CurveTable(grid, p[:, 1], low, high, x[shown], codes[shown], label)]


def band(fit: Fit, rows: Floats) -> tuple[Floats, Floats] | tuple[None, None]:
    """Ends (m,) of the 95 % interval of the probability at each row; (None, None) where the fit has none."""
    if fit.no_errors:
        return None, None
    found = fit.predict_interval(rows, offset=None if fit.offset is None else np.zeros(len(rows)))
    return found.low, found.high
