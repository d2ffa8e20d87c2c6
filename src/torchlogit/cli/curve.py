"""The picture of ``fit --plot``: the probability over one feature, the others held where they are on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.cli.streams import say
from torchlogit.errors import ParameterError
from torchlogit.summary import class_name
from torchlogit.tables.names import did_you_mean, show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.plots import CurveTable

Floats = npt.NDArray[np.float64]
POINTS = 400  # points drawn at most
PLACES = 200  # x at which the curve is computed
MOST_CLASSES = 4  # curves that can be told apart


class Ready(NamedTuple):
    """What the curve is drawn over: the variable's name and its values x (n,), the rows' classes or shares of successes y
    (n,), and a value for each variable of the model at which it is held: a number its mean, a category its reference.
    """

    name: str
    x: Floats
    y: npt.NDArray[Any]
    base: dict[str, Any]


def check_feature(table: Any, feature: str | None) -> None:
    """Refuse, before the fit, a feature that the table does not have."""
    names = table.column_names
    if feature is not None and feature not in names:
        near = did_you_mean(feature, names) or f" There are {show_names(names)}."
        raise ParameterError(f"--plot-feature `{show(feature)}` is no column.{near}")


def draw(fit: Fit, feature: str | None, path: str) -> None:
    """Draw the fit over ``feature`` (the first numeric one when None) and write the picture."""
    from torchlogit.plots import probability_curve

    found = ready(fit, feature)
    name, held = found.name, _held(fit, found)
    if held:
        say(f"the curve varies `{show(name)}`; held fixed: {held}", "note")
    target, event = show(fit.target, 20), "success" if fit.counts else class_name(fit.positive)
    probability_curve(
        curves(fit, found),
        title=f"{target} by {show(name, 20)}",
        note=_note(len(found.x), held),
        xlabel=show(name, 40),
        ylabel="Probability" if fit.loss == "softmax" else f"Probability of {target} = {event}",
    ).save(path)


def ready(fit: Fit, feature: str | None) -> Ready:
    """The rows of a fit to a table, by a formula or by features, and the variable that moves."""
    from torchlogit.inference.moves import moves
    from torchlogit.inference.observed import observed

    rows = observed(fit).together().rows
    found = moves(rows)
    name = _feature(fit, [name for name, each in found.variables.items() if not each.levels], feature)
    base = {
        each.name: each.reference if each.levels else float(found.numbers(each.name).mean())
        for each in found.variables.values()
    }
    return Ready(name, found.numbers(name), rows.codes, base)


def _feature(fit: Fit, numeric: list[str], feature: str | None) -> str:
    """The variable to move."""
    if len(fit.classes) > MOST_CLASSES:
        raise ParameterError(f"--plot shows up to {MOST_CLASSES} classes, this target has {len(fit.classes)}")
    if not numeric:
        raise ParameterError("--plot needs a numeric feature to draw over; the model has none")
    name = numeric[0] if feature is None else feature
    if name not in numeric:
        raise ParameterError(
            f"--plot-feature `{show(name)}` is not a numeric feature of the model; those are {show_names(numeric)}"
        )
    return name


def _held(fit: Fit, found: Ready) -> str:
    """What the other variables are held at, in words."""
    others = [(name, value) for name, value in found.base.items() if name != found.name]
    told = [f"{show(name, 20)} {show(v, 20) if isinstance(v, str) else format(v, '.4g')}" for name, v in others]
    told += [f"{show(fit.offset, 20)} 0"] if fit.offset else []
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")


def _note(n: int, held: str) -> str:
    parts = [f"at {held}" if held else "", f"{POINTS} of {n} rows shown" if n > POINTS else ""]
    return "; ".join(filter(None, parts))


def curves(fit: Fit, found: Ready) -> list[CurveTable]:
    """The curve of the positive class with its 95 % band and the points; of each class where there are more than two."""
    from torchlogit.plots import CurveTable

    x = found.x
    grid = np.linspace(x.min(), x.max(), PLACES) if np.ptp(x) else x[0] + np.linspace(-1, 1, PLACES)
    rows = {name: [value] * PLACES for name, value in found.base.items()} | {found.name: grid}
    p = fit.predict_proba(rows, None if fit.offset is None else np.zeros(PLACES)).numpy()
    if fit.loss == "softmax":
        return [CurveTable(grid, p[:, j], label=class_name(c)) for j, c in enumerate(fit.classes)]
    low, high = band(fit, rows)
    shown = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).round().astype(int))
    label = "fitted" if low is None else "fitted, 95 % interval"
    return [CurveTable(grid, p[:, 1], low, high, x[shown], found.y[shown], label)]


def band(fit: Fit, rows: Any) -> tuple[Floats, Floats] | tuple[None, None]:
    """Ends (m,) of the 95 % interval of the probability at each row; (None, None) where the fit has none."""
    if fit.no_errors:
        return None, None
    found = fit.predict_interval(rows, offset=None if fit.offset is None else np.zeros(PLACES))
    return found.low, found.high
