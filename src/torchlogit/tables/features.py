"""How one column of a table becomes encoded columns: a number stays, a category gets 0/1 columns."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, DataWarning
from torchlogit.tables.cells import Cells, distinct, numeric, refuse
from torchlogit.tables.names import check_unique, did_you_mean, show, show_list, show_rows, show_value, warn_lookalikes

REFERENCE, MISSING, _UNSEEN = -1, -2, -3  # of a category that shows in none of its columns

MAX_LEVELS = 1000
MAX_DECLARED_LEVELS = 100_000
_FEW_LEVELS = 50
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Feature:
    """One column of the table: numeric when ``levels`` is empty, else a category with a ``reference`` level."""

    name: str
    levels: tuple[str, ...] = ()
    reference: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the encoded columns.

        >>> Feature("school", ("A", "B", "C"), "A").columns
        ('school=B', 'school=C')
        """
        if not self.levels:
            return (self.name,)
        return tuple(f"{self.name}={level}" for level in self.levels if level != self.reference)


def learn_feature(cells: Cells, name: str, declared: bool, reference: str | None) -> Feature:
    """What one column of the training data is; ``declared`` makes it a category even if it holds numbers."""
    if cells.missing.all():
        raise DataError(f"column `{show(name)}` has no value in any of its {len(cells.values)} rows; leave it out.")
    if cells.values.dtype.kind != "O" and cells.order is None and not declared:
        numeric(cells, name)
        return _no_reference(name, reference)
    if not declared and cells.order is None:
        _refuse_numbers_as_text(cells, name)
    levels = _levels(cells, name)
    check_levels(levels, name, declared, int((~cells.missing).sum()))
    _warn_levels(levels, name)
    if reference is not None and reference not in levels:
        raise DataError(f"column `{show(name)}` has no level {show_value(reference)}.{did_you_mean(reference, levels)}")
    return Feature(name, levels, levels[0] if reference is None else reference)


def _no_reference(name: str, reference: str | None) -> Feature:
    if reference is not None:
        raise DataError(f"column `{show(name)}` is numeric and has no reference level; name it in `categorical`.")
    return Feature(name)


def _refuse_numbers_as_text(cells: Cells, name: str) -> None:
    texts = distinct(cells, name)[0]
    if all(_NUMBER.fullmatch(text) for text in texts) and not any(re.match(r"0\d", text) for text in texts):
        rows = np.flatnonzero(~cells.missing)
        why = "is a number kept as text. Turn the column into numbers, or declare it categorical"
        raise refuse(name, cells.values, rows, why)


def _levels(cells: Cells, name: str) -> tuple[str, ...]:
    """The levels that occur, in their declared order or sorted."""
    texts = [level_text(value) for value in distinct(cells, name)[0].tolist()]
    if cells.order is None:
        return tuple(texts)
    occurs = set(texts)
    order = [level_text(value) for value in cells.order]
    unused = [level for level in order if level not in occurs]
    if unused:
        told = show_list((show_value(level) for level in unused), len(unused))
        warnings.warn(f"column `{show(name)}` has no row of level {told}; left out.", DataWarning, stacklevel=6)
    return tuple(level for level in order if level in occurs)


def level_text(value: object) -> str:
    """A level as text; a whole number is written without a point, whatever its type.

    >>> level_text("01"), level_text(3.0), level_text(2.5), level_text(True)
    ('01', '3', '2.5', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check_levels(levels: tuple[str, ...], name: str, declared: bool, n_rows: int) -> None:
    """Refuse a category of more levels than are meant, and one that is an identifier."""
    column = f"column `{show(name)}`"
    if len(levels) > (MAX_DECLARED_LEVELS if declared else MAX_LEVELS):
        hint = (
            "Join levels or leave it out"
            if declared
            else "Is it an identifier? Leave it out, or declare it categorical"
        )
        raise DataError(f"{column} has {len(levels)} levels in {n_rows} rows. {hint}.")
    if not declared and len(levels) > max(_FEW_LEVELS, n_rows / 2):
        raise DataError(
            f"{column} has {len(levels)} levels in {n_rows} rows and looks like an identifier. "
            "Leave it out, or declare it categorical."
        )


def _warn_levels(levels: tuple[str, ...], name: str) -> None:
    """Warn of a category with one level, and of levels that look alike."""
    column = f"column `{show(name)}`"
    if len(levels) == 1:
        told = f"{column} has one level, {show_value(levels[0])}, and adds no column."
        warnings.warn(told, DataWarning, stacklevel=5)
    warn_lookalikes(levels, f"levels of {column}:", stacklevel=6)


def places(cells: Cells, feature: Feature, unseen: str) -> npt.NDArray[np.int64]:
    """Which of the feature's columns is 1 in each row (n,): `REFERENCE` for none of them, `MISSING` where not known."""
    found, codes = distinct(cells, feature.name)
    place = {level: j for j, level in enumerate(level for level in feature.levels if level != feature.reference)}
    place[feature.reference] = REFERENCE
    of_found = [place.get(level_text(value), _UNSEEN) for value in found.tolist()]
    out = np.array([*of_found, MISSING])[codes]
    if _UNSEEN in of_found:
        strange = out == _UNSEEN
        _unseen(cells, np.flatnonzero(strange), feature, unseen)
        out[strange] = MISSING if unseen == "missing" else REFERENCE
    return out


def _unseen(cells: Cells, rows: npt.NDArray[np.int64], feature: Feature, unseen: str) -> None:
    levels = show_list((show_value(level) for level in feature.levels), len(feature.levels))
    if unseen == "error":
        near = did_you_mean(level_text(cells.values[rows[0]]), feature.levels)
        raise refuse(feature.name, cells.values, rows, f"was not seen in fitting; the levels are {levels}.{near}")
    if unseen == "reference":
        told = f"column `{show(feature.name)}`: unseen levels in {show_rows(rows)} count as the reference level."
        warnings.warn(told, DataWarning, stacklevel=5)


def feature_to_dict(feature: Feature) -> dict[str, Any]:
    """The feature as JSON types."""
    if not feature.levels:
        return {"name": feature.name, "kind": "numeric"}
    levels = list(feature.levels)
    return {"name": feature.name, "kind": "category", "levels": levels, "reference": feature.reference}


def feature_from_dict(item: Any) -> Feature:
    """The feature `feature_to_dict` wrote; `DataError` for anything else."""
    kind = item.get("kind") if isinstance(item, dict) else None
    keys = {"numeric": {"name", "kind"}, "category": {"name", "kind", "levels", "reference"}}.get(str(kind))
    if keys is None or set(item) != keys or not isinstance(item["name"], str):
        raise DataError("a feature is {name, kind: 'numeric'} or {name, kind: 'category', levels, reference}")
    if kind == "numeric":
        return Feature(item["name"])
    levels = item["levels"]
    if not isinstance(levels, list) or not levels or not all(isinstance(level, str) for level in levels):
        raise DataError(f"the levels of `{show(item['name'])}` must be a list of texts")
    check_unique(levels, f"the list of levels of `{show(item['name'])}`")
    if item["reference"] not in levels:
        raise DataError(f"the reference of `{show(item['name'])}` is not among its levels")
    return Feature(item["name"], tuple(levels), item["reference"])
