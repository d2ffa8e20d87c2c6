"""Computes the expressions of a formula over the rows of a table."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.cells import Cells, distinct, numeric
from torchlogit.tables.features import level_text
from torchlogit.tables.formula_expression import FUNCTIONS, LOGICAL, OPERATORS, called, column_of, literal
from torchlogit.tables.formula_learn import LEARN
from torchlogit.tables.formula_transforms import Transform
from torchlogit.tables.names import show

Array = npt.NDArray[Any]


@dataclass
class Evaluator:
    """Computes expressions over rows of which ``whole`` (n,) have every cell; ``learnt`` is filled from these where
    ``learning``. In other rows the numbers are NaN, or mean nothing.
    """

    column: Callable[[str], Cells]
    whole: npt.NDArray[np.bool_]
    learnt: dict[str, Transform]
    learning: bool = False

    def value(self, node: ast.expr) -> Any:
        """Numbers (n,), float64 or bool; or one number."""
        name = column_of(node)
        if name is not None:
            return self._numbers(name)
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return np.float64(value)
            case ast.UnaryOp(op=op, operand=one):
                return self._apply(op, one)
            case ast.BinOp(left=left, op=op, right=right):
                return self._apply(op, left, right)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(left, ops, others)
            case ast.Call(func=func) if called(func) in FUNCTIONS:
                return self._call(node)
            case ast.Call(func=func) if called(func) in LEARN:
                return self._single(node)
        raise ParameterError(f"`{show(ast.unparse(node))}` is no number, but numbers are computed with here")

    def basis(self, node: ast.Call) -> tuple[Transform, Array]:
        """A function that learns, and its columns (n, width)."""
        key, x = ast.unparse(node), _floats(self.value(node.args[0] if node.args else ast.Constant(value=None)))
        if x.ndim != 1:
            raise ParameterError(f"`{show(key)}` is of one number, not of a column")
        if self.learning and key not in self.learnt:
            self.learnt[key] = self._learn(node, key, x[self.whole])
        transform = self.learnt[key]
        out = np.full((len(x), transform.width), np.nan)
        out[self.whole] = transform.columns(x[self.whole])
        return transform, out

    def _learn(self, node: ast.Call, key: str, x: Array) -> Transform:
        named = {str(word.arg): literal(word.value) for word in node.keywords}
        if not np.isfinite(x).all():
            raise ParameterError(f"`{show(key)}` is of a column that is not finite in every row")
        try:
            return LEARN[called(node.func)](x, *map(literal, node.args[1:]), **named)
        except (TypeError, ValueError, DataError) as error:
            why = error if isinstance(error, ParameterError | DataError) else f"is not written right ({error})"
            raise ParameterError(f"`{show(key)}` {why}") from None

    def _single(self, node: ast.Call) -> Array:
        transform, columns = self.basis(node)
        if not transform.single:
            raise ParameterError(f"`{show(ast.unparse(node))}` has several columns and cannot be computed with")
        return columns[:, 0]

    def _numbers(self, name: str) -> Array:
        cells = self.column(name)
        return cells.values if cells.values.dtype == bool else numeric(cells, name)

    def _apply(self, op: ast.AST, *parts: ast.expr) -> Any:
        values = [self.value(part) for part in parts]
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used, with its rows
            if type(op) in LOGICAL:
                return LOGICAL[type(op)](*values)
            return OPERATORS[type(op)](*map(_floats, values))

    def _call(self, node: ast.Call) -> Any:
        name = called(node.func)
        values = [self.value(argument) for argument in node.args]
        with np.errstate(all="ignore"):
            return FUNCTIONS[name](*(values if name in ("I", "where") else map(_floats, values)))

    def _compared(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Any:
        """``a < b < c`` as Python reads it."""
        parts, out = [left, *others], np.asarray(True)
        for a, op, b in zip(parts, ops, others, strict=False):
            sides: Mapping[bool, ast.expr] = {isinstance(one, ast.Constant): one for one in (b, a)}
            text = sides.get(True)
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and False in sides:
                out = out & self._same_text(sides[False], op, text.value)
            else:
                out = out & self._apply(op, a, b)
        return out

    def _same_text(self, node: ast.expr, op: ast.cmpop, text: str) -> Array:
        """``school == 'A'``."""
        name = column_of(node)
        if name is None or not isinstance(op, ast.Eq | ast.NotEq):
            raise ParameterError(
                f"text can be compared with a column only, by == or !=, not `{show(ast.unparse(node))}`"
            )
        found, codes = distinct(self.column(name), name)
        same = np.array([level_text(value) == text for value in found.tolist()], dtype=bool)[codes]
        return same if isinstance(op, ast.Eq) else ~same


def _floats(value: Any) -> Array:
    return np.asarray(value, dtype=np.float64)
