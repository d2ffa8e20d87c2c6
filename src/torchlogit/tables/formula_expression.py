"""The expressions of a formula, such as ``bs(log(age), 4)``: read by a small interpreter of their own, never run as Python.

An expression is what Python's parser makes of its text; of that, columns, numbers, arithmetic, comparisons and calls of the
functions named here are allowed, and everything else is refused, when a model is fitted and again when it is loaded.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from keyword import iskeyword
from typing import Any

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.tables.features import level_text
from torchlogit.tables.formula_contrasts import Contrasts, contrasts
from torchlogit.tables.formula_learn import LEARN
from torchlogit.tables.names import did_you_mean, show

LONGEST = 2000  # characters of one expression

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
LOGICAL: dict[type[ast.AST], Callable[..., Any]] = {
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.BitXor: np.logical_xor,
    ast.Invert: np.logical_not,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ELEMENTWISE = (
    *("abs", "absolute", "arccos", "arcsin", "arctan", "arctanh", "cbrt", "ceil", "clip", "cos", "cosh", "deg2rad"),
    *("exp", "exp2", "expm1", "fabs", "floor", "isfinite", "log", "log10", "log1p", "log2", "logical_and"),
    *("logical_not", "logical_or", "maximum", "minimum", "power", "reciprocal", "rint", "sign", "sin", "sinh"),
    *("sqrt", "square", "tan", "tanh", "trunc", "where"),
)
FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in ELEMENTWISE}
FUNCTIONS |= {"I": np.asarray, "exp10": lambda x: np.power(10.0, x), "round": np.rint}
ARGUMENTS = {"where": (3,), "clip": (3,)}  # of what is no ufunc; others take one
REFUSED = {
    "lag": "rows are independent of each other here; make the lagged column first",
    "hashed": "name the category itself; wide ones are kept sparse",
    "offset": "give the column as the argument offset",
    "factor": "say C(…)",
}
_QUOTED = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """The expression, checked; columns in backquotes may have any name. ParameterError for what is not allowed.

    >>> ast.unparse(parse("log(`my age`)+1"))
    'log(`my age`) + 1'
    >>> parse("__import__('os')")
    Traceback (most recent call last):
    torchlogit.errors.ParameterError: `__import__` is no function of a formula. There are ...
    """
    if len(text) > LONGEST:
        raise ParameterError(f"`{show(text)}` is longer than {LONGEST} characters")
    parts, names = _QUOTED.split(text), dict[str, str]()
    for j, part in enumerate(parts):
        if part.startswith("`"):
            names[alias := f"quoted_ˑ{j}"] = (
                part[1:-1] if part[1:-1].isidentifier() and not iskeyword(part[1:-1]) else part
            )
            parts[j] = f" {alias} "
    try:
        node = ast.parse("".join(parts).strip(), mode="eval").body
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                each.id = names.get(each.id, each.id)
        _check(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"`{show(text)}` is no expression that a formula can have") from None
    return node


def _check(node: ast.expr) -> None:
    """Refuse what is not allowed, before anything is computed."""
    match node:
        case ast.Name() | ast.Constant(value=str() | None):
            return
        case ast.Constant(value=bool() | int() | float() as value) if abs(value) < 1e300:
            return
        case ast.UnaryOp(op=op, operand=one) if type(op) in OPERATORS | LOGICAL:
            _check(one)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS | LOGICAL:
            _check(left)
            _check(right)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in LOGICAL for op in ops):
            for one in (left, *others):
                _check(one)
        case ast.Call():
            _check_call(node)
        case _:
            raise ParameterError(f"`{show(ast.unparse(node))}` is not allowed in a formula")


def _check_call(node: ast.Call) -> None:
    name = called(node.func)
    if name in LEARN or name == "C":
        data, *rest = node.args or [ast.Constant(value=None)]
        _check(data)
        for argument in (*rest, *(word.value for word in node.keywords)):
            _coding(argument) if name == "C" and _names_coding(argument) else literal(argument)
    elif name == "Q" and len(node.args) == 1 and isinstance(literal(node.args[0]), str):
        return
    elif name in FUNCTIONS and not node.keywords and len(node.args) in _arguments(name):
        for argument in node.args:
            _check(argument)
    else:
        raise ParameterError(unknown(name))


def _arguments(name: str) -> tuple[int, ...]:
    """How many arguments a function takes; one more would be where NumPy writes its result."""
    return ARGUMENTS.get(name, (getattr(FUNCTIONS[name], "nin", 1),))


def unknown(name: str) -> str:
    known = [*FUNCTIONS, *LEARN, "C", "Q"]
    if name in REFUSED:
        return f"`{name}` is no function of a formula: {REFUSED[name]}"
    if name in known:
        return f"`{name}` is given arguments that it does not have"
    near = did_you_mean(name, known) or f" There are {', '.join(known)}."
    return f"`{show(name)}` is no function of a formula.{near}"


def called(node: ast.expr) -> str:
    """The name of a function; ``np.`` before it is left out."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name):
            return name
        case ast.Attribute(value=ast.Name(id="contr"), attr=name):
            return f"contr.{name}"
        case _:
            raise ParameterError(f"`{show(ast.unparse(node))}` is no function of a formula")


def literal(node: ast.expr) -> Any:
    """A number, text, True, False, None, or a list of these."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [literal(part) for part in parts]
        case _:
            raise ParameterError(f"`{show(ast.unparse(node))}` must be a number or a text, written out")


def _names_coding(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Call)


def _coding(node: ast.expr) -> Contrasts:
    """The contrasts of ``C(x, …)``."""
    if not isinstance(node, ast.Call):
        return contrasts(called(node), [], {})
    named = {str(word.arg): literal(word.value) for word in node.keywords}
    return contrasts(called(node.func), list(map(literal, node.args)), named)


def names(node: ast.expr) -> Iterator[str]:
    """The columns of the table that an expression reads, in order."""
    match node:
        case ast.Name():
            yield str(column_of(node))
        case ast.Call(func=ast.Name(id="Q")):
            yield str(column_of(node))
        case ast.Call(func=func, args=args):
            for one in args[:1] if called(func) in (*LEARN, "C") else args:
                yield from names(one)
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    yield from names(child)


def transforms(node: ast.expr) -> Iterator[str]:
    """The text of every call in an expression that learns from its column."""
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and called(child.func) in LEARN:
            yield ast.unparse(child)


@dataclass(frozen=True)
class Category:
    """``C(of, …)``: what is a category, how it is coded, and its levels where they are given."""

    of: ast.expr
    coding: Contrasts
    levels: tuple[str, ...] | None = None


def category(node: ast.expr) -> Category | None:
    """The category an expression is by its own words, else None."""
    if not isinstance(node, ast.Call) or called(node.func) != "C":
        return None
    coding, levels = Contrasts(), None
    words = {str(word.arg): word.value for word in node.keywords}
    rest = [*node.args[1:], *(words.pop(key) for key in ("contrasts",) if key in words)]
    if "levels" in words:
        levels = tuple(level_text(level) for level in literal(words.pop("levels")))
    if len(rest) > 1 or words or not node.args:
        raise ParameterError("C() takes a column, one coding of its levels, and levels=[…]")
    if rest:
        coding = _coding(rest[0])
    return Category(node.args[0], coding, levels)


def column_of(node: ast.expr) -> str | None:
    """The column that an expression is, as it stands; None where it computes something."""
    match node:
        case ast.Name(id=name):
            return name.strip("`")
        case ast.Call(func=ast.Name(id="Q"), args=[quoted]):
            return str(literal(quoted))
        case _:
            return None
