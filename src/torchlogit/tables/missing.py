"""Rows with missing cells: refuse them or drop them, and say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.names import FIRST, show, show_list, show_rows, show_value
from torchlogit.tables.target import Target


class Kept(NamedTuple):
    """``rows``: the rows to use, from 0, ascending; ``sentence``: what was dropped and why, empty if nothing was."""

    rows: npt.NDArray[np.int64]
    sentence: str


def keep_rows(
    missing: Mapping[str, npt.NDArray[np.integer[Any]]],
    n: int,
    *,
    policy: Literal["error", "drop"] = "error",
    target: Target | None = None,
    weight: npt.NDArray[np.float64] | None = None,
) -> Kept:
    """The rows of n that have every cell, given the rows ``missing`` in each column.

    The rows where ``target`` is missing count too. Raises `DataError` with ``policy="error"`` if any cell is missing,
    naming the first five rows of each column; and with either policy when no row is left or a class of ``target`` has
    no row (of positive ``weight``) left, saying what was dropped.

    >>> keep_rows({"age": np.array([1, 3]), "income": np.array([3])}, 5, policy="drop")
    Kept(rows=array([0, 2, 4]), sentence='dropped 2 of 5 rows: 2 with no `age`, 1 with no `income`')
    """
    if policy not in ("error", "drop"):
        raise ParameterError(f"missing={policy!r} is not 'error' or 'drop'")
    gaps = {name: rows for name, rows in missing.items() if len(rows)}
    if target is not None and len(target.missing):
        gaps[target.name] = target.missing
    if gaps and policy == "error":
        raise DataError(refusal(gaps))
    keep = np.ones(n, dtype=bool)
    for rows in gaps.values():
        keep[rows] = False
    sentence = dropped_sentence({name: len(rows) for name, rows in gaps.items()}, n, int(n - keep.sum()))
    if not keep.any():
        raise DataError(f"no row is left: {sentence or 'the table has no rows'}.")
    if target is not None:
        _check_classes(target, keep, weight, sentence)
    return Kept(np.flatnonzero(keep), sentence)


def refusal(gaps: Mapping[str, Any]) -> str:
    """The sentence that refuses rows without a cell, by column."""
    told = [f"column `{show(name)}` has no value (NaN or empty) in {show_rows(rows)}" for name, rows in gaps.items()]
    more = f"; … ({len(told)} columns in all)" if len(told) > FIRST else ""
    return f"{'; '.join(told[:FIRST])}{more}. Fill these cells, or drop the rows with missing='drop' (--missing drop)."


def dropped_sentence(gaps: Mapping[str, int], n: int, dropped: int) -> str:
    """How many of n rows were dropped, and how many of them have no cell in each column."""
    if not gaps:
        return ""
    told = show_list((f"{count} with no `{show(name)}`" for name, count in gaps.items()), len(gaps))
    return f"dropped {dropped} of {n} rows: {told}"


def _check_classes(target: Target, keep: npt.NDArray[np.bool_], weight: Any, sentence: str) -> None:
    counted = keep if weight is None else keep & (weight > 0)
    codes = target.codes if counted.all() else target.codes[counted]
    present = np.bincount(codes, minlength=len(target.classes)) > 0
    if present.all():
        return
    labels = [show_value(label) for label in target.classes[present].tolist()]
    gone = [show_value(label) for label in target.classes[~present].tolist()]
    why = "; ".join(filter(None, [sentence, "rows of weight 0 do not count" if weight is not None else ""]))
    only = f"only one class, {labels[0]}, is left" if len(labels) == 1 else "a class is empty"
    raise DataError(f"target `{show(target.name)}`: {only}: no row has class {show_list(gone, len(gone))} ({why}).")
