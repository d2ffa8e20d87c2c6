"""The target as its user writes it: a column, a comparison of one with a number, or counts of successes and failures.

Whatever it is, it is kept by its text, with which other rows are read again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.cells import numeric, refuse
from torchlogit.tables.formula_evaluator import Evaluator
from torchlogit.tables.formula_expression import called, category, column_of, names, parse
from torchlogit.tables.frames import Frame
from torchlogit.tables.names import show, show_rows
from torchlogit.tables.recipe import require

WHAT = (
    "the target of a logistic regression is a label: a column, a comparison such as (visits > 0), or counts such as "
    "successes + failures"
)
_CBIND = re.compile(r"\s*cbind\(((?:`[^`]*`|[^`,])*),((?:`[^`]*`|[^`,])*)\)\s*")


class Response(NamedTuple):
    """Of every row its label as ``values`` (n,), or its ``counts`` (n, 2) of successes and failures, NaN where missing."""

    name: str
    values: Any = None
    counts: npt.NDArray[np.float64] | None = None

    @property
    def missing(self) -> npt.NDArray[np.int64]:
        """The rows without counts, from 0."""
        return np.flatnonzero(np.isnan(self.counts).any(1)) if self.counts is not None else np.empty(0, dtype=np.int64)


def response_text(target: Any) -> Any:
    """The text of a target; that of a pair of columns, successes and failures, is their sum.

    >>> response_text(("passed", "not passed"))
    'passed + `not passed`'
    >>> response_text("cbind(won, lost)")
    'won + lost'
    """
    bound = _CBIND.fullmatch(target) if isinstance(target, str) else None
    if bound is not None:
        return f"{bound[1].strip()} + {bound[2].strip()}"
    if isinstance(target, tuple) and len(target) == 2 and all(isinstance(name, str) for name in target):
        return " + ".join(name if name.isidentifier() else f"`{name}`" for name in target)
    return target


def response_columns(target: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a target reads."""
    return (target,) if target in columns or _plain(target) else tuple(dict.fromkeys(names(parse(target))))


def _plain(target: str) -> bool:
    """Whether a text is no expression, so that it can only be a column's name."""
    try:
        return column_of(parse(target)) == target
    except ParameterError:
        return not any(sign in target for sign in "()<>=!`+~")


def read_response(table: Frame, target: str) -> Response:
    """The labels or counts that a target's text means in a table.

    Raises `DataError` for a column that is not there, and for counts that are negative, fractional or both zero, with
    their rows; `ParameterError` for a number that is no label, such as ``log(y)``.

    >>> from torchlogit.tables.frames import open_frame
    >>> table = open_frame({"visits": [0, 3, 1], "won": [2, 0, 1], "lost": [1, 4, 0]})
    >>> read_response(table, "(visits > 0)").values.tolist()
    [False, True, True]
    >>> read_response(table, "won + lost").counts.tolist()
    [[2.0, 1.0], [0.0, 4.0], [1.0, 0.0]]
    """
    if target in table.names or _plain(target):
        require(target, table.names, "is missing from the table")
        return Response(target, table.column(target))
    node = _bare(parse(target))
    for column in names(node):
        require(column, table.names, "is missing from the table")
    only = column_of(node)
    if only is not None:
        return Response(only, table.column(only))
    pair = list(_pair(node))
    if pair:
        return Response(ast.unparse(node), counts=_counts(table, pair))
    if isinstance(node, ast.Compare) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr)):
        return Response(ast.unparse(node), _compared(table, node))
    raise ParameterError(f"`{show(target)}` is a number; {WHAT}")


def _bare(node: ast.expr) -> ast.expr:
    """A target without the C() or I() around it."""
    found = category(node)
    if found is not None:
        return found.of
    if isinstance(node, ast.Call) and called(node.func) == "I":
        return _bare(node.args[0])
    return node


def _pair(node: ast.expr) -> Iterator[str]:
    """The two columns of ``successes + failures``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        found = (column_of(node.left), column_of(node.right))
        if None in found or found[0] == found[1]:
            raise ParameterError(f"`{show(ast.unparse(node))}` is not two different columns of counts; {WHAT}")
        yield from map(str, found)


def _counts(table: Frame, pair: Sequence[str]) -> npt.NDArray[np.float64]:
    """Successes and failures (n, 2), whole and not negative."""
    out = np.stack([_count(table, name) for name in pair], 1)
    none = np.flatnonzero(out.sum(1) == 0)
    if none.size:
        both = " and ".join(f"`{show(name)}`" for name in pair)
        raise DataError(f"{both} are both 0 in {show_rows(none)}, so there is nothing to learn. Leave these rows out.")
    return out


def _count(table: Frame, name: str) -> npt.NDArray[np.float64]:
    cells = table.cells(name)
    values = numeric(cells, name)
    negative, broken = np.flatnonzero(values < 0), np.flatnonzero((values != np.rint(values)) & ~cells.missing)
    if negative.size:
        raise refuse(name, cells.values, negative, "is negative, which no count is")
    if broken.size:
        why = "is no whole number, as a count is; of a proportion p of m give the counts p·m and m − p·m"
        raise refuse(name, cells.values, broken, why)
    return values


def _compared(table: Frame, node: ast.expr) -> Any:
    """True, False, or None where a cell is missing."""
    gone = np.zeros(table.n_rows, dtype=bool)
    for name in names(node):
        gone |= table.cells(name).missing
    found = Evaluator(table.cells, ~gone, {}).value(node)
    if np.shape(found) != (table.n_rows,):
        raise ParameterError(f"`{show(ast.unparse(node))}` compares no column; {WHAT}")
    found = np.asarray(found, dtype=bool)
    return np.where(gone, np.array(None), found) if gone.any() else found


def check_counts(response: Response, kept: npt.NDArray[np.int64], weight: npt.NDArray[np.float64] | None) -> None:
    """`DataError` if the rows that are kept and count have successes only, or failures only."""
    assert response.counts is not None
    rows = kept if weight is None else kept[weight[kept] > 0]
    totals = response.counts[rows].sum(0)
    if not totals.all():
        only = "failures" if totals[1] else "successes"
        raise DataError(f"target `{show(response.name)}`: there are only {only}, one class; two are needed.")
