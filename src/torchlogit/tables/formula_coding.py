"""The factors of a formula over the rows of a table: what they learn, their columns, and the matrix of their products."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.cells import Cells, distinct
from torchlogit.tables.features import MISSING, REFERENCE, Feature, learn_feature, places
from torchlogit.tables.formula_contrasts import Contrasts
from torchlogit.tables.formula_evaluator import Evaluator
from torchlogit.tables.formula_expression import Category, called, category, column_of, parse
from torchlogit.tables.formula_learn import LEARN
from torchlogit.tables.formula_products import Scoped
from torchlogit.tables.formula_transforms import OutOfRangeError
from torchlogit.tables.frames import Frame
from torchlogit.tables.layout import csr, mostly_zeros, near
from torchlogit.tables.names import show, show_rows

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Gaps = dict[str, npt.NDArray[np.int64]]


class Part(NamedTuple):
    """A factor over n rows: ``values`` (n, width), or where they are 0 and 1 the ``place`` (n,) of the 1, else -1."""

    width: int
    values: Array | None = None
    place: Array | None = None


class Strip(NamedTuple):
    """One number a row: ``values`` (n,) in the columns ``place`` (n,), nowhere at -1; (1,) where all are in one column."""

    values: Array
    place: Array


def gaps_of(table: Frame, columns: Sequence[str]) -> Gaps:
    """The rows without a cell, column by column."""
    found = {name: np.flatnonzero(table.cells(name).missing) for name in columns}
    return {name: rows for name, rows in found.items() if rows.size}


def whole_rows(gaps: Mapping[str, Any], n: int) -> Mask:
    """Which of n rows have every cell."""
    whole = np.ones(n, dtype=bool)
    for rows in gaps.values():
        whole[np.asarray(rows, dtype=np.int64)] = False
    return whole


def columns_of(table: Frame, whole: Mask) -> Callable[[str], Cells]:
    """The table's cells by column, those of rows that are not whole missing."""
    if whole.all():
        return table.cells

    def column(name: str) -> Cells:
        cells = table.cells(name)
        if cells.values.dtype.kind != "O":
            return cells._replace(missing=~whole)
        found, codes = distinct(cells, name)
        occurs = np.bincount(codes[whole], minlength=len(found)) > 0
        place = np.append(np.where(occurs, np.cumsum(occurs) - 1, -1), -1)
        return Cells(cells.values, ~whole, cells.order, (found[occurs], np.where(whole, place[codes], -1)))

    return column


def learnt_category(
    text: str, evaluator: Evaluator, categorical: Sequence[str], asked: Mapping[str, str]
) -> Feature | None:
    """The levels and the reference of a factor that is a category: ``C(…)``, text, declared levels or ``categorical``."""
    node, name = parse(text), column_of(parse(text))
    found = category(node)
    declared = found is not None or name in categorical
    if found is None:
        cells = None if name is None else evaluator.column(name)
        if cells is None or not (declared or cells.values.dtype.kind == "O" or cells.order is not None):
            return None
        found = Category(node, Contrasts())
    name = column_of(found.of)
    cells = category_cells(found.of, evaluator)
    if found.levels is not None:
        cells = _ordered(cells, found.levels, text)
    reference = asked.get(str(name))
    feature = learn_feature(cells, name or text, declared, reference)
    return Feature(feature.name, feature.levels, found.coding.reference(feature.levels, reference))


def _ordered(cells: Cells, levels: tuple[str, ...], text: str) -> Cells:
    from torchlogit.tables.features import level_text
    from torchlogit.tables.names import show_value

    strange = [level for value in distinct(cells, text)[0].tolist() if (level := level_text(value)) not in levels]
    if strange:
        raise DataError(
            f"`{show(text)}` leaves out the level {show_value(strange[0])}, which occurs; add it to levels."
        )
    return cells._replace(order=levels)


def category_cells(node: ast.expr, evaluator: Evaluator) -> Cells:
    """What is a category: a column, or a number that is computed."""
    name = column_of(node)
    if name is not None:
        return evaluator.column(name)
    return Cells(np.asarray(evaluator.value(node)), ~evaluator.whole)


def numbers(text: str, evaluator: Evaluator) -> Array:
    """The columns (n, m) of a factor that is no category; `DataError` naming the rows where they are not finite."""
    node = parse(text)
    try:
        values = _values(node, evaluator)
    except OutOfRangeError as error:
        rows = np.flatnonzero(evaluator.whole)[error.rows]
        told = f"`{show(text)}` {error} of the rows it was fitted to, in {show_rows(rows)}"
        raise DataError(f'{told}. Leave these rows out, or fit with extrapolation="extend" or "clip" in it.') from None
    if values.ndim == 0:
        raise ParameterError(f"`{show(text)}` is one number, not a column; 1 stands for the intercept")
    bad = np.flatnonzero(~np.isfinite(values).all(1) & evaluator.whole)
    if bad.size:
        raise DataError(f"`{show(text)}` is not finite in {show_rows(bad)}. Correct these cells or leave the rows out.")
    return values


def _values(node: ast.expr, evaluator: Evaluator) -> Array:
    if isinstance(node, ast.Call) and called(node.func) in LEARN:
        return evaluator.basis(node)[1]
    values = np.asarray(evaluator.value(node), dtype=np.float64)
    return values[:, None] if values.ndim else values


def codes(feature: Feature, cells: Cells, unseen: str) -> npt.NDArray[np.int64]:
    """The place of every row's level (n,), -1 where it is missing."""
    found, base = places(cells, feature, unseen), feature.levels.index(feature.reference)
    level = found + (found >= base)
    return np.where(found == REFERENCE, base, np.where(found == MISSING, -1, level))


def category_part(codes: npt.NDArray[np.int64], feature: Feature, coding: Contrasts, reduced: bool) -> Part:
    """A category's columns: one a level, or with one level less, as it is coded."""
    size = len(feature.levels)
    if not reduced:
        return Part(size, place=codes)
    if not coding.treatment:
        return Part(size - 1, values=coding.matrix(size)[codes])
    base = feature.levels.index(feature.reference)
    return Part(size - 1, place=np.where(codes == base, -1, codes - (codes > base)))


def strips(parts: Sequence[Part], start: int, n: int) -> Iterator[Strip]:
    """The columns of a product of factors, the first one's changing fastest; the first column is ``start``."""
    stride, dense = 1, list[tuple[Array, int]]()
    place, nowhere = np.full(1, start), np.zeros(1, dtype=bool)
    for part in parts:
        if part.place is not None:
            place, nowhere = place + stride * part.place, nowhere | (part.place < 0)
        elif part.values is not None:
            dense.append((part.values, stride))
        stride *= part.width
    for chosen in product(*(range(values.shape[1]) for values, _ in dense)):
        values = np.ones(n)
        for (matrix, _), j in zip(dense, chosen, strict=True):
            values = values * matrix[:, j]
        shift = sum(step * j for (_, step), j in zip(dense, chosen, strict=True))
        yield Strip(values, np.where(nowhere, -1, place + shift))


def laid_out(scopes: Sequence[Sequence[Part]], whole: Mask) -> Any:
    """The matrix (n, d) of all products, dense or CSR; rows that are not whole are NaN (CSR: one NaN, in column 0)."""
    n, starts = len(whole), np.cumsum([0, *(int(np.prod([part.width for part in parts])) for parts in scopes)])
    every = (strip for parts, start in zip(scopes, starts.tolist(), strict=False) for strip in strips(parts, start, n))
    count = sum(int(np.prod([1 if part.values is None else part.width for part in parts])) for parts in scopes)
    d = int(starts[-1])
    if not mostly_zeros([*[1] * (count - 1), d - count + 1], n):
        return _dense(every, whole, d)
    kept = list(every)
    return (_sparse if all(_near(strip, whole) for strip in kept) else _dense)(kept, whole, d)


def _near(strip: Strip, whole: Mask) -> bool:
    """Whether the strip's columns keep their digits without centring; those that are one number or 0 do."""
    values = strip.values[whole]
    return near(values) or (len(strip.place) > 1 and bool((values == values[0]).all()))


def _dense(every: Iterable[Strip], whole: Mask, d: int) -> Array:
    out = np.zeros((len(whole), d))
    for values, place in every:
        if len(place) < len(whole):
            out[:, place[0]] = values
        else:
            rows = np.flatnonzero(place >= 0)
            out[rows, place[rows]] = values[rows]
    out[~whole] = np.nan
    return out


def _sparse(kept: Sequence[Strip], whole: Mask, d: int) -> Any:
    values = np.stack([np.where(whole, strip.values, np.nan) for strip in kept], 1)
    columns = np.stack([np.broadcast_to(strip.place, len(whole)) for strip in kept], 1)
    columns = np.where(whole[:, None], columns, -1)
    columns[~whole, 0] = 0
    return csr(values, columns, d)


def all_scopes(scoped: Sequence[Sequence[Scoped]]) -> list[Scoped]:
    """The products of all terms but the intercept's."""
    return [scope for scopes in scoped for scope in scopes if scope]
