"""What a coefficient of a formula with interactions compares, read off the formula's own coding of a few rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.features import Feature
from torchlogit.tables.formula_expression import category, column_of, names, parse
from torchlogit.tables.formula_products import label_of
from torchlogit.tables.formula_recipe import FormulaRecipe
from torchlogit.tables.formula_transforms import Scaling

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

MOST = 400  # rows that are coded for one term
EXACT = 1e-9  # what differences of other columns may be beside that of the one

Values = Mapping[str, Any]


class Move(NamedTuple):
    """A variable that is moved: a number by one unit, a category from its reference to a level."""

    name: str
    level: str = ""
    reference: str = ""


class Crossed(NamedTuple):
    """The moves that one coefficient is of, one or two, while others stand at ``where``; ``slope`` times the coefficient."""

    moves: tuple[Move, ...]
    where: tuple[tuple[str, str], ...]
    slope: float


def products(fit: Fit) -> tuple[tuple[str, ...], ...]:
    """The factors of each term of a formula, as texts; none without a formula."""
    return tuple(factors for factors in getattr(fit.recipe, "products", ()) if factors)


def within(fit: Fit) -> dict[str, tuple[str, ...]]:
    """The terms of a formula that are part of others: each with the interactions that it is in.

    >>> from torchlogit import fit
    >>> table = {"a": [1, 2, 3, 4, 5, 6.0, 7, 8], "b": [0, 1, 1, 0, 0, 1, 1, 0.0], "y": [0, 1, 0, 1, 0, 0, 1, 1]}
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):  # few rows
    ...     within(fit(table, "y ~ a * b"))
    {'a': ('a:b',), 'b': ('a:b',)}
    """
    terms = products(fit)
    larger = {label_of(term): tuple(label_of(other) for other in terms if set(term) < set(other)) for term in terms}
    return {term: others for term, others in larger.items() if others}


def crossed(fit: Fit, term: str) -> dict[int, Crossed]:
    """Row of theta → what it compares, for a term of one factor or two of one variable each; empty where that is not one thing.

    A coefficient compares what two rows differ in (of two factors: how two such differences differ) where the codes of
    the rows differ in its column alone.
    """
    recipe = fit.recipe
    factors = next((each for each in products(fit) if label_of(each) == term), ())
    if not isinstance(recipe, FormulaRecipe) or not 1 <= len(factors) <= 2:
        return {}
    own, start = [name for text in factors if (name := variable(recipe, text)) is not None], _start(recipe)
    if len(set(own)) < len(factors):
        return {}
    read = {each: {name for text in each for name in names(parse(text))} for each in recipe.products}
    near = {name for each in read.values() if each & set(own) for name in each}  # what the codes of these may hang on
    partners = [name for name in start if name in near and name not in own]
    features = {feature.name: feature for feature in recipe.features}
    part = replace(
        recipe, products=tuple(each for each in recipe.products if read[each] & set(own) or read[each] <= near)
    )
    found = {}
    for moves, held, codes in _differences(part, start, list(_candidates([features[name] for name in own]))):
        places = np.flatnonzero(abs(codes) > EXACT)
        name = part.columns[places[0]] if len(places) == 1 else ""
        row = fit.names.index(name) if name in fit.names else -1
        if row in fit.terms.get(term, ()):
            where = {**held, **{name: start[name] for name in partners}}
            told = tuple((name, _shown(value)) for name, value in where.items())
            found[row] = Crossed(moves, told, float(codes[places[0]]))
    return found


def variable(recipe: FormulaRecipe, text: str) -> str | None:
    """The column that a factor is, as it stands, centred, scaled or taken as a category; None where it is something else."""
    node = parse(text)
    found, function = category(node), recipe.functions.get(text)
    if found is not None:
        return column_of(found.of)
    return column_of(node.args[0] if isinstance(node, ast.Call) and isinstance(function, Scaling) else node)


def _start(recipe: FormulaRecipe) -> Values:
    """The row where numbers are 0 (or where the formula centres them) and categories at their reference."""
    start: dict[str, Any] = {each.name: each.reference if each.levels else 0.0 for each in recipe.features}
    for text, function in recipe.functions.items():
        if isinstance(function, Scaling):
            start[next(names(parse(text)))] = function.centre
    return start


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _moves(feature: Feature) -> list[Move]:
    if not feature.levels:
        return [Move(feature.name)]
    return [Move(feature.name, level, feature.reference) for level in feature.levels if level != feature.reference]


def _candidates(own: Sequence[Feature]) -> Iterator[tuple[tuple[Move, ...], Values]]:
    """All variables moved; of two also the one, at every level that the other may be held at."""
    yield from ((moves, {}) for moves in product(*map(_moves, own)))
    for held, other in (own, own[::-1]) if len(own) == 2 else ():
        yield from (((move,), {held.name: level}) for level in held.levels for move in _moves(other))


def _differences(
    recipe: FormulaRecipe, start: Values, candidates: Sequence[tuple[tuple[Move, ...], Values]]
) -> Iterator[tuple[tuple[Move, ...], Values, Any]]:
    """Every candidate with the codes' difference, or difference of differences; nothing where rows cannot be coded."""
    rows, signs, place = [], [], []
    for number, (moves, held) in enumerate(candidates):
        for chosen in chain.from_iterable(combinations(moves, size) for size in range(len(moves) + 1)):
            base = {**start, **held}
            rows.append(base | {move.name: move.level or base[move.name] + 1.0 for move in chosen})
            signs.append((-1.0) ** (len(moves) - len(chosen)))
            place.append(number)
    if not 0 < len(rows) <= MOST:
        return
    try:
        matrix = recipe.encode({name: [row[name] for row in rows] for name in start}).matrix
    except (DataError, ParameterError):
        return
    matrix = np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix) * np.array(signs)[:, None]
    total = np.zeros((len(candidates), matrix.shape[1]))
    np.add.at(total, place, matrix)
    yield from ((moves, held, codes) for (moves, held), codes in zip(candidates, total, strict=True))
