"""From a table, a target, weights and offsets to checked rows: what every fit of the functional door begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.intake import is_matrix, matrix
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import Recipe, encode_offset, encode_target, encode_weight, keep_rows, known_classes, show
from torchlogit.tables.frames import open_frame


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

    @property
    def class_weights(self) -> tuple[float, ...]:
        """The total weight of each class."""
        return tuple(np.bincount(self.codes, self.weight, len(self.classes)).astype(float).tolist())

    def column(self, which: Any) -> Any:
        """Another column of the caller's table by name, or values one for each of the caller's rows: those of the rows kept."""
        values = np.asarray(_column(self.data, which))
        n = len(self.codes) + self.dropped
        if len(values) != n:
            raise DataError(f"{_name(which, 'the column')} has {len(values)} values for {n} rows; it needs one a row")
        return values if self.kept is None else values[self.kept]

    def source(self, intercept: bool, device: str | torch.device | None) -> MemorySource:
        x = self.x if device is None or not isinstance(self.x, Tensor) else _moved(self.x, device)
        place = x.device if isinstance(x, Tensor) else torch.device("cpu")
        extra = [None if t is None else torch.from_numpy(t).to(place) for t in (self.weight, self.offset)]
        return MemorySource(x, torch.from_numpy(self.codes).to(place), *extra, intercept=intercept)


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
) -> Rows:
    """Check the data and pair the rows of X, y, weight and offset; the arguments are those of `torchlogit.fit`."""
    for name, other in (("y", target), ("weight", weight), ("offset", offset)):
        _same_index(data, other, name)
    named = [name for name in (target, weight, offset) if isinstance(name, str)]
    label = target if isinstance(target, str) else None
    x, gaps, recipe = _matrix_of(data, features, label, named, categorical, reference)
    columns = tuple(f"x{j + 1}" for j in range(x.shape[1])) if recipe is None else recipe.columns
    n = x.shape[0]
    if n == 0 or x.shape[1] == 0:
        what = "0 sample(s)" if n == 0 else "0 feature(s)"
        raise DataError(f"Found array with {what} (shape={tuple(x.shape)}) while a minimum of 1 is required.")
    labels = encode_target(_column(data, target), name=target if isinstance(target, str) else "y")
    if len(labels.codes) != n:
        raise DataError(f"X has {n} rows but y has {len(labels.codes)}: give one label a row")
    s = None if weight is None else encode_weight(_column(data, weight), n, _name(weight, "weight"))
    o = None if offset is None else encode_offset(_column(data, offset), n, _name(offset, "offset"))
    kept = keep_rows(gaps, n, policy=missing, target=labels, weight=s)
    everything = len(kept.rows) == n
    return Rows(
        x=x if everything else x[kept.rows],
        columns=columns,
        codes=labels.codes if everything else labels.codes[kept.rows],
        classes=np.asarray(labels.classes),
        target=labels.name,
        weight=s if s is None or everything else s[kept.rows],
        offset=o if o is None or everything else o[kept.rows],
        offset_name=None if offset is None else _name(offset, "offset"),
        recipe=recipe,
        dropped=n - len(kept.rows),
        sentences=(kept.sentence,) if kept.sentence else (),
        kept=None if everything else kept.rows,
        weight_name=None if weight is None else _name(weight, "weight"),
        data=data,
    )


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
    n, name = x.shape[0], _name(target, "y")
    labels = known_classes(_column(data, target), classes, name)
    if len(labels.codes) != n:
        raise DataError(f"X has {n} rows but y has {len(labels.codes)}: give one label a row")
    s = None if weight is None else encode_weight(_column(data, weight), n, _name(weight, "weight"))
    o = None if offset is None else encode_offset(_column(data, offset), n, _name(offset, "offset"))
    gaps = dict({} if encoded is None else encoded.missing)
    gaps[name] = labels.missing
    rows = keep_rows(gaps, n, policy=missing).rows
    everything = len(rows) == n
    return Rows(
        x=x if everything else x[rows],
        columns=tuple(f"x{j + 1}" for j in range(x.shape[1])) if recipe is None else recipe.columns,
        codes=labels.codes[rows],
        classes=classes,
        target=name,
        weight=None if s is None else s[rows],
        offset=None if o is None else o[rows],
        offset_name=None if offset is None else _name(offset, "offset"),
        recipe=recipe,
        dropped=n - len(rows),
        kept=None if everything else rows,
        weight_name=None if weight is None else _name(weight, "weight"),
        data=data,
    )


def _matrix_of(
    data: Any, features: Any, label: str | None, named: Sequence[str], categorical: Any, reference: Any
) -> tuple[Any, dict[str, npt.NDArray[np.int64]], Recipe | None]:
    """The matrix, its missing cells by feature, and the recipe of a table with named columns."""
    if is_matrix(data):
        if features is not None or categorical or reference:
            raise ParameterError("features, categorical and reference name columns: give a data frame for them")
        return matrix(data), {}, None
    chosen, table = features if features is not None else _others(data, named), open_frame(data)
    recipe = Recipe.learn(table, features=chosen, target=label, categorical=categorical, reference=reference)
    encoded = recipe.encode(table)
    return matrix(encoded.matrix), encoded.missing, recipe


def _moved(x: Tensor, device: str | torch.device) -> Tensor:
    try:
        return x.to(device)
    except (RuntimeError, AssertionError) as error:  # torch: AssertionError where it was built without CUDA
        raise ParameterError(f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from error


def _others(data: Any, named: Sequence[str]) -> list[str]:
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
