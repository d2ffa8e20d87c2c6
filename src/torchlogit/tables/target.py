"""The target as class codes, and the weight and the offset of the rows, each checked."""

from __future__ import annotations

import unicodedata
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, DataWarning
from torchlogit.tables.cells import Cells, check_exact, distinct, numeric, read_cells, refuse
from torchlogit.tables.names import show, show_list, show_rows, show_value, warn_lookalikes

FEW_ROWS = 8
MAX_CLASSES = 1000
MAX_OFFSET = 700.0
_FEW_TARGETS = 20
STRANGE = -2  # place of a label that is no class


class Target(NamedTuple):
    """``codes`` (n,) int64, the place of each row's class in ``classes``, -1 where missing.

    ``classes`` (K,) sorted, in the dtype the labels came in: of two, the last is the positive one. ``missing``: the
    rows without a label, from 0.
    """

    codes: npt.NDArray[np.int64]
    classes: npt.NDArray[Any]
    missing: npt.NDArray[np.int64]
    name: str = "y"


def encode_target(values: Any, *, name: str = "y", binary: bool = False) -> Target:
    """The classes of ``values`` (n,): numbers, booleans or text, as a list, an array or a Series of any library.

    Raises `DataError` for one class only, mixed types, fractions, infinities, more than one target, as many classes as
    an identifier has (1000, or over half of the rows) and, with ``binary``, for more than two. Warns (`DataWarning`) of
    a class with fewer than 8 rows, of labels that look alike and of Categorical levels that do not occur.

    >>> encode_target(["no", "yes"] * 8).classes
    array(['no', 'yes'], dtype=object)
    >>> encode_target([1, 2, 1, 3], binary=True)
    Traceback (most recent call last):
    torchlogit.errors.DataError: target `y` has 3 classes: 1 (2 rows), 2 (1 row), 3 (1 row). ...
    """
    cells = read_cells(_one_column(values, name), name)
    check_labels(cells, name)
    classes, codes = distinct(cells, name)
    _check_classes(classes, codes, name, binary)
    _warn_levels(cells, classes, name)
    if isinstance(values, np.ndarray) and values.dtype.kind in "UO":
        classes = classes.astype(values.dtype)
    return Target(codes, classes, np.flatnonzero(cells.missing), name)


def known_classes(values: Any, classes: npt.NDArray[Any], name: str = "y") -> Target:
    """The classes of ``values`` (n,) as their places in ``classes``; `DataError` naming the rows of any other label.

    >>> known_classes(["yes", "yes"], np.array(["no", "yes"])).codes
    array([1, 1])
    """
    cells = read_cells(_one_column(values, name), name)
    found = places(cells, classes, name)
    strange = np.flatnonzero(found == STRANGE)
    if strange.size:
        told = show_list(map(show_value, classes.tolist()), len(classes))
        raise refuse(name, cells.values, strange, f"is no class of the model, which knows {told}")
    return Target(found, classes, np.flatnonzero(cells.missing), name)


def places(cells: Cells, classes: npt.NDArray[Any], name: str) -> npt.NDArray[np.int64]:
    """The place of each row's label in ``classes``, (n,): -1 where it is missing, `STRANGE` where it is none of them.

    >>> places(read_cells(["yes", None, "maybe"], "y"), np.array(["no", "yes"]), "y").tolist()
    [1, -1, -2]
    """
    found, codes = distinct(cells, name)
    place = {label: j for j, label in enumerate(classes.tolist())}
    return np.array([*(place.get(label, STRANGE) for label in found.tolist()), -1], dtype=np.int64)[codes]


def encode_weight(values: Any, n: int, name: str = "weight") -> npt.NDArray[np.float64]:
    """``values`` as the weight (n,) of n rows.

    Raises `DataError` for another length or shape, a missing, infinite or negative weight (rows named), or all zero.

    >>> encode_weight([1, 2, 0], 3)
    array([1., 2., 0.])
    """
    return some(row_weights(values, n, name), name)


def some(weight: npt.NDArray[np.float64], name: str = "weight") -> npt.NDArray[np.float64]:
    """The weight itself; `DataError` where all of it is zero."""
    if len(weight) and not weight.any():
        raise DataError(f"column `{show(name)}`: all {len(weight)} weights are zero, so no row counts.")
    return weight


def row_weights(values: Any, n: int, name: str = "weight") -> npt.NDArray[np.float64]:
    """The same of some rows only, which may all have the weight 0."""
    weight = _per_row(values, n, name)
    negative = np.flatnonzero(weight < 0)
    if negative.size:
        raise refuse(name, weight, negative, "is a negative weight. Leave these rows out or give them weight 0")
    return weight


def encode_offset(values: Any, n: int, name: str = "offset") -> npt.NDArray[np.float64]:
    """``values`` as the offset (n,) of n rows, in log-odds.

    Raises `DataError` for another length or shape, a missing offset, or one beyond ±700, where every probability is 0
    or 1 in float64.

    >>> encode_offset([0.5, -1], 2)
    array([ 0.5, -1. ])
    """
    offset = _per_row(values, n, name)
    huge = np.flatnonzero(np.abs(offset) > MAX_OFFSET)
    if huge.size:
        raise refuse(name, offset, huge, "is too large for an offset in log-odds. Is the unit right?")
    return offset


def _per_row(values: Any, n: int, name: str) -> npt.NDArray[np.float64]:
    cells = read_cells(values, name)
    if len(cells.values) != n:
        raise DataError(f"column `{show(name)}` has {len(cells.values)} cells for {n} rows; it needs one a row.")
    missing = np.flatnonzero(cells.missing)
    if missing.size:
        raise DataError(f"column `{show(name)}` has no value in {show_rows(missing)}. Fill them in or drop the rows.")
    return numeric(cells, name)


def _one_column(values: Any, name: str) -> Any:
    """``values``, a column of shape (n, 1) made (n,)."""
    shape = getattr(values, "shape", None)
    if shape is None and isinstance(values, (list, tuple)) and values and isinstance(values[0], (list, tuple)):
        values = np.asarray(values, dtype=object)
        shape = values.shape
    if shape is None or len(shape) < 2:
        return values
    if len(shape) > 2 or shape[1] != 1:
        raise DataError(f"target `{show(name)}` has shape {tuple(shape)}; one target with one label a row is needed.")
    told = f"target `{show(name)}`: A column-vector y was passed when a 1d array was expected; its column is used."
    warnings.warn(told, DataWarning, stacklevel=3)
    return np.asarray(values)[:, 0]


def check_labels(cells: Cells, name: str) -> None:
    """Refuse numbers that are no labels: infinities, fractions, integers float64 cannot hold."""
    if cells.values.dtype.kind == "O":
        return
    if cells.values.dtype.kind in "iu" and cells.values.dtype.itemsize > 4:
        check_exact(cells.values, ~cells.missing, name)
    if cells.values.dtype.kind != "f":
        return
    values = numeric(cells, name)
    fractions = np.flatnonzero(~cells.missing & (values != np.rint(values)))
    if fractions.size:
        why = (
            "is a fraction. Unknown label type: continuous. Labels are whole numbers or text; for observed "
            "proportions give each row twice, labelled 1 and 0, weighted by successes and failures"
        )
        raise refuse(name, cells.values, fractions, why)


def _check_classes(classes: npt.NDArray[Any], codes: npt.NDArray[np.int64], name: str, binary: bool) -> None:
    target, counts = f"target `{show(name)}`", np.bincount(codes + 1, minlength=len(classes) + 1)[1:]
    n_rows = int(counts.sum())
    if n_rows == 0:
        raise DataError(f"{target} has no label in any of its {len(codes)} rows (0 sample(s)).")
    if len(classes) == 1:
        only = show_value(classes.tolist()[0])
        raise DataError(f"{target} has one class only, {only}, in all {n_rows} rows; two or more classes are needed.")
    if binary and len(classes) > 2:
        told = describe_classes(classes, codes)
        raise DataError(f"{target} has {len(classes)} classes: {told}. A binary fit needs two; fit it as multinomial.")
    if len(classes) >= MAX_CLASSES or (n_rows >= _FEW_TARGETS and len(classes) > n_rows / 2):
        raise DataError(
            f"{target} has {len(classes)} classes in {n_rows} rows and looks like an identifier or a measurement; "
            "name another column, or join labels into fewer classes."
        )
    few = np.flatnonzero(counts < FEW_ROWS)
    if few.size:
        told = describe_classes(classes, codes, few)
        warnings.warn(f"{target}: fewer than {FEW_ROWS} rows in class {told}.", DataWarning, stacklevel=3)


def describe_classes(classes: npt.NDArray[Any], codes: npt.NDArray[np.int64], which: Any = None) -> str:
    """The first five classes (of those in ``which``) with their number of rows.

    >>> describe_classes(np.array(["no", "yes"]), np.array([0, 1, 1]))
    "'no' (1 row), 'yes' (2 rows)"
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(classes)).tolist()
    labels = classes.tolist()
    places = range(len(labels)) if which is None else list(which)
    told = (f"{show_value(labels[k])} ({counts[k]} row{'s' * (counts[k] != 1)})" for k in places)
    return show_list(told, len(places))


def _warn_levels(cells: Cells, classes: npt.NDArray[Any], name: str) -> None:
    labels = classes.tolist()
    if classes.dtype.kind == "O":
        _warn_unicode(labels, name)
    unused = [level for level in cells.order or () if level not in labels]
    if unused:
        told = show_list(map(show_value, unused), len(unused))
        warnings.warn(f"target `{show(name)}`: no row has {told}; no class.", DataWarning, stacklevel=3)


def _warn_unicode(labels: list[str], name: str) -> None:
    normal = [unicodedata.normalize("NFKC", label) for label in labels]
    if len({*normal}) < len(labels) or any(unicodedata.category(c) == "Cf" for label in labels for c in label):
        warn_lookalikes(labels, f"labels of target `{show(name)}`:", stacklevel=4)
