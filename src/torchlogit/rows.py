"""From a table, a target, weights and offsets to checked rows: what every fit of the functional door begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.intake import is_matrix, matrix
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import (
    Recipe,
    Target,
    encode_offset,
    encode_target,
    encode_weight,
    keep_rows,
    known_classes,
    show,
    show_rows,
)
from torchlogit.tables.formula import is_formula
from torchlogit.tables.frames import open_frame
from torchlogit.tables.response import Response, check_counts, read_response, response_columns, response_text

WEIGHTS_ARE = ("frequency", "sampling", "importance")


def weights_meaning(asked: str | None, weight: npt.NDArray[np.float64] | None, name: str = "weight") -> str:
    """What weights are, one of `WEIGHTS_ARE`: as ``asked``; else "frequency" for whole numbers, "importance" for others.

    ParameterError for a meaning of weights that are not there, or that there is not; DataError for frequencies that are
    not whole, with their rows.
    """
    if asked is not None and asked not in WEIGHTS_ARE:
        raise ParameterError(f"weights_are must be one of {', '.join(map(repr, WEIGHTS_ARE))}, got {asked!r}")
    if weight is None:
        if asked is not None:
            raise ParameterError(f'weights_are="{asked}" says what weights mean, but there are none: give weight=')
        return "frequency"
    broken = np.flatnonzero(weight != np.rint(weight))
    if asked == "frequency" and len(broken):
        raise DataError(
            f"weights `{show(name)}` are no frequencies: {show_rows(broken)} of those used have weights that are not whole "
            f'numbers, such as {weight[broken[0]]:g}; say weights_are="sampling" or "importance"'
        )
    return asked or ("importance" if len(broken) else "frequency")


@dataclass(frozen=True)
class Rows:
    """Checked input: a matrix with named columns, codes, weights and offsets of the rows that are kept."""

    x: Any
    columns: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    classes: npt.NDArray[Any]
    target: str
    weight: npt.NDArray[np.float64] | None
    offset: npt.NDArray[np.float64] | None
    offset_name: str | None
    recipe: Recipe | None
    dropped: int = 0
    sentences: tuple[str, ...] = ()
    kept: npt.NDArray[np.int64] | None = None  # the caller's rows that are here, from 0; None: all
    weight_name: str | None = None
    data: Any = None  # the caller's table itself, by reference
    given: int = 0  # number of the caller's rows
    counts: bool = False  # whether each of the caller's rows is here as its successes and as its failures

    @property
    def n_rows(self) -> int:
        """Number of the rows that are here."""
        return len(self.codes)

    @property
    def class_weights(self) -> tuple[float, ...]:
        """The total weight of each class."""
        return tuple(np.bincount(self.codes, self.weight, len(self.classes)).astype(float).tolist())

    def column(self, which: Any) -> Any:
        """Another column of the caller's table by name, or values one for each of the caller's rows: those of the rows kept."""
        values = np.asarray(_column(self.data, which))
        if len(values) != self.given:
            what = _name(which, "the column")
            raise DataError(f"{what} has {len(values)} values for {self.given} rows; it needs one a row")
        return values if self.kept is None else values[self.kept]

    def has_intercept(self, asked: bool) -> bool:
        """Whether there is an intercept: a formula says so itself, else as ``asked``."""
        return has_intercept(self.recipe, asked)

    def meaning(self, asked: str | None) -> str:
        """What the weights mean, `weights_meaning`."""
        return weights_meaning(asked, self.weight, self.weight_name or "weight")

    def whole_column(self, which: Any) -> Any:
        """Another column of the caller's table by name, or values: of all of the caller's rows, also of those dropped."""
        _same_index(self.data, which, "cluster")
        return _column(self.data, which)

    @property
    def at_hand(self) -> Rows:
        """The same where the CPU can see them: inference is worked out there."""
        return replace(self, x=self.x.cpu()) if isinstance(self.x, Tensor) and self.x.device.type != "cpu" else self

    def source(self, intercept: bool, device: str | torch.device | None) -> MemorySource:
        x = self.x if device is None or not isinstance(self.x, Tensor) else self.x.to(usable(device))
        place = x.device if isinstance(x, Tensor) else torch.device("cpu")
        extra = [None if t is None else torch.from_numpy(t).to(place) for t in (self.weight, self.offset)]
        return MemorySource(x, torch.from_numpy(self.codes).to(place), *extra, intercept=intercept)


def has_intercept(recipe: Recipe | None, asked: bool) -> bool:
    """Whether a fit has an intercept: a formula says so itself, else as ``asked``."""
    if recipe is None or not recipe.formula:
        return asked
    if not recipe.intercept and not recipe.columns:
        raise ParameterError(
            "the formula has neither terms nor an intercept, so there is nothing to fit; write `y ~ 1`"
        )
    if recipe.intercept and not asked:
        raise ParameterError("the formula has an intercept; write `- 1` into it for a fit without one")
    return recipe.intercept


def read_rows(
    data: Any,
    target: Any,
    *,
    features: Sequence[str] | None = None,
    weight: Any = None,
    offset: Any = None,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    apart: Sequence[str] = (),
) -> Rows:
    """Check the data and pair the rows of X, y, weight and offset; the arguments are those of `torchlogit.fit`.

    Columns named in ``apart`` have another use, and are features only where ``features`` names them.
    """
    for name, other in (("y", target), ("weight", weight), ("offset", offset)):
        _same_index(data, other, name)
    named = [name for name in (weight, offset, *apart) if isinstance(name, str)]
    if is_matrix(data):
        if features is not None or categorical or reference:
            raise ParameterError("features, categorical and reference name columns: give a data frame for them")
        table = _Table(matrix(data), {}, None, _labels(data, target))
    else:
        table = _read_table(data, response_text(target), features, named, categorical, reference)
    _check_size(table.x, alone=bool(table.recipe and table.recipe.formula))
    return _paired(data, table, weight, offset, missing, known=False)


def read_again(
    data: Any,
    target: Any,
    *,
    recipe: Recipe | None,
    classes: npt.NDArray[Any],
    weight: Any = None,
    offset: Any = None,
    missing: Literal["error", "drop"] = "error",
) -> Rows:
    """Rows of a table as a model sees them that has been fitted to others: by its recipe, with its classes.

    Raises `DataError` as `read_rows` does, and for a label that is none of the ``classes``.
    """
    encoded = None if is_matrix(data) or recipe is None else recipe.encode(data)
    x = matrix(data if encoded is None else encoded.matrix)
    labels = _labels(data, response_text(target), classes)
    gaps = {} if encoded is None else dict(encoded.missing)
    return _paired(data, _Table(x, gaps, recipe, labels), weight, offset, missing, known=True)


class _Labels(NamedTuple):
    """The classes of the rows; with ``counts``, of which each row has successes and failures, the codes mean nothing."""

    target: Target
    response: Response | None = None


class _Table(NamedTuple):
    """The matrix of a table, its missing cells by feature, the recipe of its columns, and the labels of its rows."""

    x: Any
    gaps: dict[str, npt.NDArray[np.int64]]
    recipe: Recipe | None
    labels: _Labels


def _paired(data: Any, table: _Table, weight: Any, offset: Any, missing: Any, *, known: bool) -> Rows:
    """The rows that are kept, with their labels, weights and offsets; ``known`` classes need not all be there."""
    x, recipe, (target, response), n = table.x, table.recipe, table.labels, table.x.shape[0]
    if len(target.codes) != n:
        raise DataError(f"X has {n} rows but y has {len(target.codes)}: give one label a row")
    s = None if weight is None else encode_weight(_column(data, weight), n, _name(weight, "weight"))
    o = None if offset is None else encode_offset(_column(data, offset), n, _name(offset, "offset"))
    free = known or response is not None
    gaps = {**table.gaps, target.name: target.missing} if free else table.gaps
    kept = keep_rows(gaps, n, policy=missing, target=None if free else target, weight=s)
    rows: npt.NDArray[np.int64] | None = None if len(kept.rows) == n else kept.rows
    codes = target.codes
    if response is not None:
        if not known:
            check_counts(response, kept.rows, s)
        rows, codes, s = halves(response, kept.rows, s)
    elif rows is not None:
        codes, s = codes[rows], s if s is None else s[rows]
    return Rows(
        x=x if rows is None else x[rows],
        columns=tuple(f"x{j + 1}" for j in range(x.shape[1])) if recipe is None else recipe.columns,
        codes=codes,
        classes=np.asarray(target.classes),
        target=target.name,
        weight=s,
        offset=o if o is None or rows is None else o[rows],
        offset_name=None if offset is None else _name(offset, "offset"),
        recipe=recipe,
        dropped=n - len(kept.rows),
        sentences=(kept.sentence,) if kept.sentence else (),
        kept=rows,
        weight_name=None if weight is None else _name(weight, "weight"),
        data=data,
        given=n,
        counts=response is not None,
    )


def halves(response: Response, kept: npt.NDArray[np.int64], weight: npt.NDArray[np.float64] | None) -> Any:
    """Rows, codes and weights of counts: each row as its successes and as its failures, but for those that are 0."""
    assert response.counts is not None
    counts = response.counts[kept].ravel()
    some = counts > 0
    rows, codes = np.repeat(kept, 2)[some], np.tile(np.array([1, 0], dtype=np.int64), len(kept))[some]
    return rows, codes, counts[some] if weight is None else counts[some] * weight[rows]


def _labels(data: Any, target: Any, classes: npt.NDArray[Any] | None = None) -> _Labels:
    """The classes of the rows: of a column, of what the text of a target means in the table, or of values."""
    values, name, response = target, "y", None
    if isinstance(target, str) and not is_matrix(data):
        response = read_response(open_frame(data), target)
        values, name = response.values, response.name
    if response is not None and response.counts is not None:
        codes = np.zeros(len(response.counts), dtype=np.int64)
        return _Labels(Target(codes, np.array([0, 1]), response.missing, name), response)
    values = _column(data, values)
    return _Labels(encode_target(values, name=name) if classes is None else known_classes(values, classes, name))


def _read_table(
    data: Any, target: Any, features: Any, named: Sequence[str], categorical: Any, reference: Any
) -> _Table:
    """A table with named columns: by a formula, or by its features."""
    table = open_frame(data)
    if is_formula(target, table.names):
        if features is not None:
            raise ParameterError("a formula says which columns are used: give it, or features, not both")
        return _read_formula(data, target, named, categorical, reference)
    apart = response_columns(target, table.names) if isinstance(target, str) else ()
    chosen = features if features is not None else others(data, [*apart, *named])
    check_not_itself(chosen, apart)
    label = target if isinstance(target, str) and apart == (target,) else None
    recipe = Recipe.learn(table, features=chosen, target=label, categorical=categorical, reference=reference)
    encoded = recipe.encode(table)
    return _Table(matrix(encoded.matrix), encoded.missing, recipe, _labels(data, target))


def _read_formula(data: Any, text: str, named: Sequence[str], categorical: Any, reference: Any) -> _Table:
    """A table by a formula; rows without a label teach it nothing."""
    from torchlogit.tables.formula import read_formula, sides
    from torchlogit.tables.formula_recipe import FormulaRecipe

    table, target = open_frame(data), response_text(sides(text)[0])
    apart = response_columns(target, table.names)
    labels = _labels(data, target)
    formula = read_formula(text, table.names, [*apart, *named])
    check_not_itself(formula.columns, apart)
    recipe = FormulaRecipe.of(
        table, formula, categorical=categorical, reference=reference, without=labels.target.missing
    )
    encoded = recipe.encode(table)
    return _Table(matrix(encoded.matrix), encoded.missing, recipe, labels)


def check_not_itself(features: Sequence[str], target: Sequence[str]) -> None:
    """`DataError` for a feature that is the target."""
    both = [name for name in features if name in target]
    if both:
        raise DataError(f"`{show(both[0])}` is the target and cannot also be a feature: it would predict itself.")


def _check_size(x: Any, alone: bool) -> None:
    """Whether there is something to fit; a formula says itself that its intercept stands ``alone``."""
    n, d = x.shape
    if n == 0 or (d == 0 and not alone):
        what = "0 sample(s)" if n == 0 else "0 feature(s)"
        raise DataError(f"Found array with {what} (shape={tuple(x.shape)}) while a minimum of 1 is required.")


def usable(device: str | torch.device | None) -> torch.device:
    """The device that is asked for, of a card with its number; the CPU where none is. ParameterError where it is not there."""
    try:
        return torch.zeros(1).to("cpu" if device is None else device).device
    except (RuntimeError, AssertionError) as error:  # torch: AssertionError where it was built without CUDA
        raise ParameterError(f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from error


def others(data: Any, named: Sequence[str]) -> list[str]:
    """The columns of a table that have no other use; warns of those that are probably not meant."""
    from torchlogit.tables.recipe import warn_names

    names = [name for name in open_frame(data).names if name not in named]
    warn_names(names)
    return names


def _column(data: Any, which: Any) -> Any:
    """A column of the data by name, or the values themselves."""
    if isinstance(which, Tensor):
        return which.detach().cpu().numpy()
    if not isinstance(which, str):
        return which
    if is_matrix(data):
        raise ParameterError(f"`{show(which)}` names a column, but the data have no names; give the values themselves")
    from torchlogit.tables.recipe import require

    frame = open_frame(data)
    require(which, frame.names, "is missing from the table")
    return frame.column(which)


def _name(which: Any, default: str) -> str:
    return which if isinstance(which, str) else default


def _same_index(data: Any, other: Any, name: str) -> None:
    """Two pandas objects whose indexes disagree would be paired by position: refused."""
    left: Any = getattr(data, "index", None)
    right: Any = getattr(other, "index", None)
    if hasattr(left, "equals") and hasattr(right, "equals") and len(left) == len(right) and not left.equals(right):
        raise DataError(
            f"the indexes of X and {name} disagree; align them ({name} = {name}.loc[X.index]) or drop them (.to_numpy())"
        )
