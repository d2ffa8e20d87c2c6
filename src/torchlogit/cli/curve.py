"""The picture of ``fit --plot``: the probability over one feature, the others held where they are on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlogit.cli.streams import say
from torchlogit.errors import ParameterError
from torchlogit.tables.names import did_you_mean, show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

MOST_CLASSES = 4  # curves that can be told apart


def check_feature(table: Any, feature: str | None) -> None:
    """Refuse, before the fit, a feature that the table does not have."""
    names = table.column_names
    if feature is not None and feature not in names:
        near = did_you_mean(feature, names) or f" There are {show_names(names)}."
        raise ParameterError(f"--plot-feature `{show(feature)}` is no column.{near}")


def draw(fit: Fit, feature: str | None, path: str) -> None:
    """Draw the fit over ``feature`` (the first numeric one when None) and write the picture."""
    from torchlogit.inference.slices import curves
    from torchlogit.plots import probability_curve

    if len(fit.classes) > MOST_CLASSES:
        raise ParameterError(f"--plot shows up to {MOST_CLASSES} classes, this target has {len(fit.classes)}")
    found = curves(fit, feature)
    if found.held:
        say(f"the curve varies `{show(found.variable)}`; held fixed: {found.held}", "note")
    probability_curve(found, title=f"{show(fit.target, 20)} by {show(found.variable, 20)}").save(path)


def band(fit: Fit, rows: Any) -> tuple[Any, Any]:
    """Ends (m,) of the 95 % interval of the probability at each row; (None, None) where the fit has none."""
    if fit.no_errors:
        return None, None
    found = fit.predict_interval(rows)
    return found.low, found.high
