"""How a table becomes the matrix of a formula: levels, knots and means learnt once, kept with the model as numbers and text."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.features import Feature, feature_from_dict, feature_to_dict
from torchlogit.tables.formula import MOST_FACTORS, Formula
from torchlogit.tables.formula_coding import (
    Part,
    all_scopes,
    category_cells,
    category_part,
    codes,
    columns_of,
    gaps_of,
    laid_out,
    learnt_category,
    numbers,
    whole_rows,
)
from torchlogit.tables.formula_contrasts import Contrasts
from torchlogit.tables.formula_evaluator import Evaluator
from torchlogit.tables.formula_expression import category, column_of, names, parse
from torchlogit.tables.formula_expression import transforms as calls
from torchlogit.tables.formula_products import Scoped, label_of, scoped_terms
from torchlogit.tables.formula_transforms import Transform
from torchlogit.tables.formula_transforms import from_dict as function_from_dict
from torchlogit.tables.formula_transforms import to_dict as function_to_dict
from torchlogit.tables.frames import Frame, open_frame
from torchlogit.tables.names import check_unique, show, show_names
from torchlogit.tables.recipe import Encoded, Recipe, require

MOST_COLUMNS = 10**6
KEYS = {"formula": str, "features": list, "products": list, "categories": dict, "functions": dict}


@dataclass(frozen=True)
class FormulaRecipe(Recipe):
    """The recipe of a formula: the interface of `Recipe`, by which everything else knows it.

    ``features`` are the columns of the table that it reads; ``products`` the factors of each term as texts, ``()`` for the
    intercept; ``categories`` and ``functions`` what was learnt, by the text of the factor or of the call.
    """

    products: tuple[tuple[str, ...], ...] = ()
    categories: Mapping[str, Feature] = field(default_factory=dict)
    functions: Mapping[str, Transform] = field(default_factory=dict)

    @property
    def intercept(self) -> bool:
        """Whether the formula has an intercept."""
        return () in self.products

    @cached_property
    def scoped(self) -> tuple[tuple[Scoped, ...], ...]:
        """Of every term its products, with what is reduced in each."""
        return tuple(scoped_terms(self.products, self._spans))

    @cached_property
    def _named(self) -> dict[str, tuple[str, ...]]:
        """Of every term the names of its columns."""
        widths = [prod(len(self._labels(*one)) for one in scope) for scope in all_scopes(self.scoped)]
        if sum(widths) > MOST_COLUMNS:
            raise DataError(f"the formula makes more than {MOST_COLUMNS} columns; join levels or leave a term out")
        pairs = zip(self.products, self.scoped, strict=True)
        return {label_of(t): tuple(name for s in scopes for name in self._names(s)) for t, scopes in pairs if t}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the d columns, such as ``hours:school[T.B]``."""
        return tuple(name for each in self._named.values() for name in each)

    @property
    def terms(self) -> dict[str, tuple[int, ...]]:
        """The places of each term's columns, from 0."""
        ends = np.cumsum([0, *map(len, self._named.values())]).tolist()
        spans = zip(self._named, ends, ends[1:], strict=False)
        return {term: tuple(range(start, end)) for term, start, end in spans if end > start}

    @property
    def reference(self) -> dict[str, str]:
        """Category → the level the others are compared with, for treatment contrasts."""
        reduced = {text for scope in all_scopes(self.scoped) for text, is_reduced in scope if is_reduced}
        return {
            label_of((text,)): feature.reference
            for text, feature in self.categories.items()
            if text in reduced and self._coding(text).treatment
        }

    def _coding(self, text: str) -> Contrasts:
        found = category(parse(text))
        return Contrasts() if found is None else found.coding

    def _spans(self, text: str) -> bool:
        """Whether the columns of a factor sum to a constant."""
        return text in self.categories or bool(
            getattr(self.functions.get(ast.unparse(parse(text))), "intercept", False)
        )

    def _labels(self, text: str, reduced: bool) -> tuple[str, ...]:
        """The names of a factor's columns."""
        name = label_of((text,))
        if text in self.categories:
            levels = self.categories[text].levels
            coded = self._coding(text).names(levels, self.categories[text].reference) if reduced else levels
            return tuple(f"{name}[{each}]" for each in coded)
        function = self.functions.get(ast.unparse(parse(text)))
        if function is None or function.single:
            return (name,)
        return tuple(f"{name}[{each}]" for each in function.labels[int(reduced) :])

    def _names(self, scope: Scoped) -> tuple[str, ...]:
        """Names of a product's columns, the first factor's changing fastest."""
        labels = [self._labels(text, reduced) for text, reduced in reversed(scope)]
        return tuple(":".join(reversed(each)) for each in product(*labels)) if scope else ()

    @classmethod
    def of(
        cls,
        frame: Any,
        formula: Formula,
        *,
        categorical: Sequence[str] = (),
        reference: Mapping[str, str] | None = None,
        without: npt.NDArray[np.int64] | None = None,
    ) -> FormulaRecipe:
        """Learn a formula's levels, knots and means from the rows of ``frame`` that have every cell, but for ``without``.

        Raises as `Recipe.learn` does, and `ParameterError` for functions with arguments that mean nothing.

        >>> from torchlogit.tables.formula import read_formula
        >>> table = {"age": [30.0, 41.0, 52.0, 44.0], "school": ["A", "B", "A", "B"]}
        >>> recipe = FormulaRecipe.of(table, read_formula("y ~ center(age) * school", list(table)))
        >>> recipe.columns
        ('center(age)', 'school[T.B]', 'center(age):school[T.B]')
        >>> recipe.encode({"age": [40.0], "school": ["B"]}).matrix
        array([[-1.75,  1.  , -1.75]])
        """
        table, texts = open_frame(frame), dict.fromkeys(text for term in formula.terms for text in term)
        for asked in (*categorical, *(reference or {})):
            require(asked, formula.columns, "is not in the formula")
        whole = whole_rows({**gaps_of(table, formula.columns), "": () if without is None else without}, table.n_rows)
        if not whole.any():
            raise DataError(f"no row has all of {show_names(formula.columns)}, so there is nothing to fit.")
        evaluator, categories = Evaluator(columns_of(table, whole), whole, {}, learning=True), dict[str, Feature]()
        for text in texts:
            found = learnt_category(text, evaluator, categorical, reference or {})
            if found is None:
                numbers(text, evaluator)
            else:
                categories[text] = found
        features = _features(formula.columns, categories)
        out = cls(features, formula.text, formula.terms, categories, evaluator.learnt)
        check_unique(out.columns, "the encoded table")
        return out

    def _encoded(self, frame: Any, table: Frame, unseen: str) -> Encoded:
        """A row with a missing cell is NaN throughout; `DataError` where a function is not finite or outside its knots."""
        missing = gaps_of(table, [feature.name for feature in self.features])
        whole = whole_rows(missing, table.n_rows)
        evaluator = Evaluator(columns_of(table, whole), whole, dict(self.functions))
        found: dict[str, Any] = {}
        for text in dict.fromkeys(text for term in self.products for text in term):
            found[text] = self._factor(text, evaluator, unseen)
            if text in self.categories and bool((gone := (found[text] < 0) & whole).any()):
                name = self.categories[text].name
                missing[name] = np.union1d(missing.get(name, ()), np.flatnonzero(gone)).astype(np.int64)
        scopes = [[self._part(*one, found[one[0]]) for one in scope] for scope in all_scopes(self.scoped)]
        return Encoded(laid_out(scopes, whole_rows(missing, table.n_rows)), missing)

    def _factor(self, text: str, evaluator: Evaluator, unseen: str) -> Any:
        """A category's `codes` (n,), or a factor's numbers (n, m)."""
        if text not in self.categories:
            return numbers(text, evaluator)
        own = category(parse(text))
        cells = category_cells(parse(text) if own is None else own.of, evaluator)
        return codes(self.categories[text], cells, unseen)

    def _part(self, text: str, reduced: bool, found: Any) -> Part:
        if text in self.categories:
            return category_part(found, self.categories[text], self._coding(text), reduced)
        values = found[:, int(reduced) :]
        return Part(values.shape[1], values=values)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON types; `Recipe.from_dict` gives it back."""
        return {
            "formula": self.formula,
            "features": [feature_to_dict(feature) for feature in self.features],
            "products": [list(term) for term in self.products],
            "categories": {text: feature_to_dict(feature) for text, feature in self.categories.items()},
            "functions": {text: function_to_dict(function) for text, function in self.functions.items()},
        }

    @classmethod
    def from_dict(cls, data: Any) -> FormulaRecipe:
        """The recipe of a dict that `to_dict` made; `DataError` for anything else. Nothing in it is run."""
        if not isinstance(data, dict) or set(data) != set(KEYS) or any(type(data[k]) is not v for k, v in KEYS.items()):
            raise DataError(f"the recipe of a formula is an object with the keys {', '.join(KEYS)}")
        features = tuple(map(feature_from_dict, data["features"]))
        categories = {text: feature_from_dict(item) for text, item in data["categories"].items()}
        functions = {text: function_from_dict(item) for text, item in data["functions"].items()}
        out = cls(features, data["formula"], _products(data["products"]), categories, functions)
        try:
            _check(out)
        except ParameterError as error:
            raise DataError(str(error)) from None
        return out


def _features(columns: Sequence[str], categories: Mapping[str, Feature]) -> tuple[Feature, ...]:
    """The columns a formula reads: the category that one is anywhere, else a number."""
    found = {feature.name: feature for feature in reversed(list(categories.values()))}
    return tuple(found.get(name, Feature(name)) for name in columns)


def _products(data: list[Any]) -> tuple[tuple[str, ...], ...]:
    whole = all(isinstance(term, list) and all(isinstance(text, str) for text in term) for term in data)
    out = tuple(map(tuple, data)) if whole else ()
    if not whole or len(set(out)) < len(out) or any(not len(set(term)) == len(term) <= MOST_FACTORS for term in out):
        raise DataError("the terms of a formula are lists of different texts, each once")
    return out


def _check(recipe: FormulaRecipe) -> None:
    """Whether what was learnt is what the terms' texts, read once more, need."""
    texts = {text for term in recipe.products for text in term}
    nodes = {text: parse(text) for text in texts}
    if any(ast.unparse(node) != text for text, node in nodes.items()):
        raise DataError("a factor of the formula is not written as it was stored")
    declared = {text for text, node in nodes.items() if category(node) is not None}
    plain = {text for text, node in nodes.items() if column_of(node) is not None}
    if not declared <= set(recipe.categories) <= declared | plain:
        raise DataError("the categories of the formula are not those of its terms")
    if any(not feature.levels for feature in recipe.categories.values()):
        raise DataError("a category of the formula has no levels")
    if set(recipe.functions) != {call for node in nodes.values() for call in calls(node)}:
        raise DataError("the functions of the formula are not those of its terms")
    columns = dict.fromkeys(name for term in recipe.products for text in term for name in names(nodes[text]))
    if recipe.features != _features(tuple(columns), recipe.categories):
        raise DataError(f"the formula {show(recipe.formula)!r} reads other columns than it says")
    check_unique(recipe.columns, "the recipe")
    for text, reduced in {one for scope in all_scopes(recipe.scoped) for one in scope if one[0] in recipe.categories}:
        category_part(np.zeros(0, dtype=np.int64), recipe.categories[text], recipe._coding(text), reduced)
