"""A formula, ``passed ~ hours * school``, taken apart by formulaic: the target's text, and the terms as lists of factors."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.formula_expression import LONGEST, names, parse
from torchlogit.tables.names import did_you_mean, show, show_names

MOST_FACTORS = 8  # in one term
_QUOTED = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Formula(NamedTuple):
    """``target`` is the text before the ``~``; ``terms`` the factors of each term, as texts; ``()`` is the intercept."""

    text: str
    target: str
    terms: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table on the right side, in order."""
        return tuple(dict.fromkeys(name for term in self.terms for text in term for name in names(parse(text))))


def is_formula(target: Any, columns: Sequence[str]) -> bool:
    """Whether the target is a formula and no column's name."""
    return isinstance(target, str) and target not in columns and _tilde(target) >= 0


def sides(formula: str) -> tuple[str, str]:
    """The target's text, and the terms'."""
    place = _tilde(formula)
    left, right = formula[:place].strip(), formula[place + 1 :]
    if not left:
        raise ParameterError(f"the formula {show(formula)!r} has no target before the ~")
    if _tilde(right) >= 0:
        raise ParameterError(f"the formula {show(formula)!r} has more than one ~")
    return left, right


def _tilde(text: str) -> int:
    """Where the first ~ is that is not inside quotes, brackets or a comparison; -1 where there is none."""
    depth, at = 0, 0
    for j, part in enumerate(_QUOTED.split(text)):
        for k, letter in enumerate("" if j % 2 else part):  # every second part is quoted
            depth += (letter in "([{") - (letter in ")]}")
            if letter == "~" and depth == 0:
                return at + k
        at += len(part)
    return -1


def read_formula(formula: str, columns: Sequence[str], apart: Iterable[str] = ()) -> Formula:
    """The formula's parts, checked against the ``columns`` of a table; ``.`` stands for those that are not ``apart``.

    Raises `ParameterError` for what is no formula, saying where, and `DataError` for a column that is not there.

    >>> read_formula("passed ~ hours * `my school` - 1", ["passed", "hours", "my school"]).terms
    (('hours',), ('`my school`',), ('hours', '`my school`'))
    """
    left, right = sides(formula)
    start = len(formula) - len(right)
    out: dict[tuple[str, ...], None] = {}
    for factors in _terms(right, formula, [name for name in columns if name not in set(apart)]):
        if len(factors) > MOST_FACTORS:
            raise ParameterError(f"a term of the formula has more than {MOST_FACTORS} factors")
        out[tuple(_factor(factor, formula, start, columns) for factor in factors)] = None
    return Formula(formula, left, tuple(sorted(out, key=len)))


def _terms(right: str, formula: str, available: Sequence[str]) -> Iterable[Sequence[Any]]:
    """The factors of every term, as formulaic parses them."""
    try:
        from formulaic.errors import FormulaicError
        from formulaic.parser import DefaultFormulaParser
    except ImportError:
        raise ParameterError("formulas need the package formulaic: pip install 'torchlogit[formula]'") from None
    if len(right) > 5 * LONGEST:
        raise ParameterError(f"the formula is longer than {5 * LONGEST} characters")
    try:
        found = DefaultFormulaParser().get_terms(right, context={"__formulaic_variables_available__": list(available)})
        terms = [term.factors for term in found.root]
    except FormulaicError as error:
        told = " ".join(_COLOUR.sub("", str(error)).split())
        raise ParameterError(f"the formula {show(formula, 200)!r} cannot be read: {show(told, 300)}") from None
    except (SyntaxError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ParameterError(f"the formula {show(formula, 200)!r} cannot be read: {show(error, 200)}") from None
    return [() if [factor.expr for factor in factors] == ["1"] else factors for factors in terms]


def _factor(factor: Any, formula: str, start: int, columns: Sequence[str]) -> str:
    """A factor's text, in which a column that is no plain name is in backquotes; checked."""
    text, where = str(factor.expr), _place(factor, formula, start)
    if factor.eval_method.value == "literal":
        raise ParameterError(f"the number {show(text)} cannot stand alone in a formula{where}; say I({show(text)} * x)")
    if factor.eval_method.value == "lookup" and not _is_name(text):
        text = f"`{text}`"
    node = _told(lambda: parse(text), where)
    for name in names(node):
        if name not in columns:
            near = did_you_mean(name, columns) or f" There are {show_names(columns) or 'no columns'}."
            raise DataError(f"column `{show(name)}` is missing from the table{where}.{near}")
    return ast.unparse(node)


def _is_name(text: str) -> bool:
    try:
        return isinstance(ast.parse(text, mode="eval").body, ast.Name)
    except SyntaxError:
        return False


def _place(factor: Any, formula: str, start: int) -> str:
    """Where in the formula a factor is, counted from 1."""
    token = factor.token
    if token is None or token.source_start is None:
        return ""
    return f", at position {start + token.source_start + 1} of the formula {show(formula, 200)!r}"


def _told(action: Callable[[], ast.expr], where: str) -> ast.expr:
    try:
        return action()
    except ParameterError as error:
        raise ParameterError(f"{where.removeprefix(', ')}: {error}" if where else str(error)) from None
