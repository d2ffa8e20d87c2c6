"""How a table becomes a matrix: learnt once from the training data, kept with the model, used at predict."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, DataWarning, ParameterError
from torchlogit.tables.cells import numeric
from torchlogit.tables.features import MISSING, Feature, feature_from_dict, feature_to_dict, learn_feature, places
from torchlogit.tables.frames import Frame, open_frame, plain_matrix
from torchlogit.tables.layout import dense, mostly_zeros, near, sparse
from torchlogit.tables.names import check_unique, did_you_mean, show, show_names, warn_lookalikes

_ROW_NAMES = ("", "Unnamed: 0", "__index_level_0__")
_RESERVED = ("(Intercept)", "Intercept", "const")


class Encoded(NamedTuple):
    """``matrix`` (n, d) float64, NaN where a cell is missing; ``missing``: feature → those rows, from 0.

    The matrix is an array in C order, or a SciPy CSR array where the table is large and nearly all zeros.
    """

    matrix: Any
    missing: dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Recipe:
    """What turns a table into a matrix: the features in order, the levels of the categories and their references.

    Numbers and booleans (0/1) stay one column. Text and Categorical columns get one 0/1 column for each level but the
    reference: the first level, in sorted order for text, in the declared order for a Categorical.

    >>> recipe = Recipe.learn({"age": [30, 41, 52], "school": ["B", "A", "B"]})
    >>> recipe.columns
    ('age', 'school=B')
    >>> recipe.encode({"school": ["A"], "age": [35]}).matrix
    array([[35.,  0.]])
    >>> Recipe.from_dict(recipe.to_dict()) == recipe
    True
    """

    features: tuple[Feature, ...]
    formula: str = ""  # what else the columns are made by

    @property
    def intercept(self) -> bool:
        """Whether an intercept belongs to the columns; the caller decides, where there is no formula."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the d encoded columns."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def terms(self) -> dict[str, tuple[int, ...]]:
        """What each term, here each feature, has of the d columns: their places, from 0.

        >>> Recipe.learn({"age": [30, 41, 52], "school": ["B", "A", "C"]}).terms
        {'age': (0,), 'school': (1, 2)}
        """
        ends = np.cumsum([len(feature.columns) for feature in self.features]).tolist()
        places = (tuple(range(end - len(f.columns), end)) for f, end in zip(self.features, ends, strict=True))
        return {f.name: place for f, place in zip(self.features, places, strict=True) if place}

    @property
    def reference(self) -> dict[str, str]:
        """The level that each category is compared with.

        >>> Recipe.learn({"age": [30, 41, 52], "school": ["B", "A", "C"]}).reference
        {'school': 'A'}
        """
        return {feature.name: feature.reference for feature in self.features if feature.levels}

    @classmethod
    def learn(
        cls,
        frame: Any,
        *,
        features: Sequence[str] | None = None,
        target: str | None = None,
        categorical: Sequence[str] = (),
        reference: Mapping[str, str] | None = None,
    ) -> Recipe:
        """Learn from ``frame``: a data frame of any library, a dict of columns, or an array (n, d).

        ``features`` are the columns to use (all but ``target`` when None); those in ``categorical`` are categories
        even if they hold numbers; ``reference`` names the level a category is compared with.

        Raises `DataError` naming column and rows for what cannot be a feature: a missing column, dates, lists, bytes,
        text that is all numbers, more than 1000 levels (100 000 if declared categorical). Warns (`DataWarning`) of
        names or levels that look alike, of saved row numbers and of categories with one level.
        """
        table = open_frame(frame)
        reference = reference or {}
        names = _chosen(table, features, target)
        for asked in (*categorical, *reference):
            require(asked, names, "is no feature")
        if table.n_rows == 0:
            raise DataError(f"Found array with 0 sample(s) (shape=(0, {len(names)})) while a minimum of 1 is required.")
        warn_lookalikes(names, "columns", stacklevel=4)
        if not categorical and not reference and plain_matrix(frame) is not None:
            return cls(tuple(map(Feature, names)))
        learnt = [learn_feature(table.cells(name), name, name in categorical, reference.get(name)) for name in names]
        recipe = cls(tuple(learnt))
        check_unique(recipe.columns, "the encoded table")
        return recipe

    def encode(
        self,
        frame: Any,
        *,
        unseen: Literal["error", "missing", "reference"] = "error",
        extra: Literal["ignore", "error"] = "ignore",
    ) -> Encoded:
        """The matrix of ``frame``, columns found by name in any order.

        A level that was not seen in learning is an error, counts as ``"missing"`` (NaN), or as the ``"reference"``
        with a warning. Columns the recipe does not know are ignored, or with ``extra="error"`` refused. The matrix of
        a C-ordered float64 array may be that array itself: do not write into it.

        Raises `DataError` naming the column that is missing, of the wrong kind, infinite or of an unseen level.
        """
        if unseen not in ("error", "missing", "reference"):
            raise ParameterError(f"unseen={unseen!r} is not 'error', 'missing' or 'reference'")
        table = open_frame(frame)
        for feature in self.features:
            require(feature.name, table.names, "is missing from the table")
        unknown = set(table.names) - {feature.name for feature in self.features}
        if unknown and extra == "error":
            raise DataError(f"the table has {show_names(sorted(unknown))}, which the model does not know.")
        return self._encoded(frame, table, unseen)

    def _encoded(self, frame: Any, table: Frame, unseen: str) -> Encoded:
        """The matrix of a table that has all that is needed; ``frame`` is the same as it came."""
        matrix = plain_matrix(frame) if self.columns == table.names else None
        if matrix is not None:
            return Encoded(matrix, {})
        widths, missing = [len(feature.columns) for feature in self.features], dict[str, Any]()
        parts: Iterable[Any] = _parts(self.features, table, unseen, missing)
        if mostly_zeros(widths, table.n_rows):
            parts = list(parts)
            if all(map(near, parts)):
                return Encoded(sparse(parts, widths, table.n_rows), missing)
        return Encoded(dense(parts, widths, table.n_rows), missing)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON types; `from_dict` gives it back."""
        return {"features": [feature_to_dict(feature) for feature in self.features]}

    @classmethod
    def from_dict(cls, data: Any) -> Recipe:
        """The recipe of a dict that `to_dict` made; `DataError` for anything else."""
        if isinstance(data, dict) and "formula" in data:
            from torchlogit.tables.formula_recipe import FormulaRecipe

            return FormulaRecipe.from_dict(data)
        if not isinstance(data, dict) or set(data) != {"features"} or not isinstance(data["features"], list):
            raise DataError("a recipe is an object with the one key 'features', a list")
        recipe = cls(tuple(feature_from_dict(item) for item in data["features"]))
        check_unique([feature.name for feature in recipe.features], "the recipe")
        check_unique(recipe.columns, "the recipe")
        return recipe


def _chosen(table: Frame, features: Sequence[str] | None, target: str | None) -> tuple[str, ...]:
    if target is not None:
        require(target, table.names, "is missing from the table")
    if features is None:
        names = tuple(name for name in table.names if name != target)
        warn_names(names)
        if not names:
            shape = (table.n_rows, 0)
            raise DataError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.")
        return names
    for name in features:
        require(name, table.names, "is missing from the table")
    check_unique(list(features), "the list of features")
    if target in features:
        raise DataError(f"`{show(target)}` is the target and cannot also be a feature: it would predict itself.")
    return tuple(features)


def require(name: str, names: Sequence[str], what: str) -> None:
    if name not in names:
        near = did_you_mean(str(name), names) or f" There are {show_names(names) or 'no columns'}."
        raise DataError(f"column `{show(name)}` {what}.{near}")


def warn_names(names: Sequence[str]) -> None:
    """Warn of columns that nobody chose and that are probably not meant: saved row numbers, intercepts."""
    for name in names:
        if name in _ROW_NAMES:
            why = "looks like saved row numbers; leave it out unless it means something"
        elif name in _RESERVED:
            why = "is kept as an ordinary column beside the model's own intercept"
        else:
            continue
        warnings.warn(f"column `{show(name)}` {why}.", DataWarning, stacklevel=5)


def _parts(features: tuple[Feature, ...], table: Frame, unseen: str, missing: dict[str, Any]) -> Iterator[Any]:
    """The numbers (n,) of every feature, or of a category its `places` (n,); ``missing`` is filled in on the way."""
    for feature in features:
        cells = table.cells(feature.name)
        part = places(cells, feature, unseen) if feature.levels else numeric(cells, feature.name)
        gone = part == MISSING if feature.levels else cells.missing
        if gone.any():
            missing[feature.name] = np.flatnonzero(gone)
        yield part
