"""What an estimator is given, as a fit wants it: X a matrix, y codes, weights and offsets checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import inf
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array, column_or_1d
from torch import Tensor

from torchlogit.errors import DataError, DataWarning, ParameterError
from torchlogit.intake import matrix
from torchlogit.tables import encode_offset, encode_target
from torchlogit.tables.cells import Cells, is_missing, numeric, read_cells
from torchlogit.tables.frames import open_frame
from torchlogit.tables.names import check_unique, show_list, show_rows, show_value
from torchlogit.tables.target import row_weights, some

Array = npt.NDArray[Any]

SINGLE, DOUBLE = {"float32", "float"}, {"float64", "double"}  # as pandas, polars and pyarrow call them
SPARSE = ["csr", "csc", "coo"]


def features(X: Any) -> Any:
    """X as a dense tensor that shares its memory, or SciPy CSR; `DataError` or scikit-learn's ValueError if it is neither.

    Whether all cells are finite is left to the first sums over the rows, which see it without a pass of their own.
    """
    x = matrix(X if isinstance(X, Tensor | np.ma.MaskedArray | list | tuple) else _checked(X))
    if 0 in x.shape:
        what = "sample(s)" if x.shape[0] == 0 else "feature(s)"
        raise DataError(f"Found array with 0 {what} (shape={tuple(x.shape)}) while a minimum of 1 is required.")
    return x


def _checked(X: Any) -> Any:
    """What scikit-learn makes of X: no copy of dense numbers."""
    if hasattr(X, "column_names") or hasattr(X, "columns"):
        X = _frame(X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "O":
        X = np.where(np.array([is_missing(cell) for cell in X.flat], dtype=bool).reshape(X.shape), np.nan, X)
    if isinstance(X, np.ndarray) and (X.ndim > 2 or any(isinstance(x, str | bytes) for x in _objects(X))):
        matrix(X)  # says what is wrong, and where
    return check_array(X, accept_sparse=SPARSE, ensure_all_finite=False, estimator="LogisticRegression", input_name="X")


def _objects(array: Array) -> Any:
    return array.flat if array.dtype.kind in "OUS" else ()


def _frame(X: Any) -> Any:
    """A data frame as it is where all columns are of one float type, else (n, d) float64 with NaN where missing."""
    columns = list(X.column_names if hasattr(X, "column_names") else X.columns)
    check_unique([str(name) for name in columns], "X")
    kinds = {str(kind).lower() for kind in (X.schema.types if hasattr(X, "column_names") else X.dtypes)}
    if kinds <= SINGLE or kinds <= DOUBLE or not all(isinstance(name, str) for name in columns):
        return X
    frame = open_frame(X)
    return np.column_stack([numeric(frame.cells(name), name) for name in frame.names])


def labels(y: Any, n: int) -> tuple[npt.NDArray[np.int64], Array]:
    """Each row's class code (n,), and the classes, sorted, in the dtype the labels came in."""
    y, _ = label_cells(y, n)
    target = encode_target(y)
    text = isinstance(y, list | tuple) and target.classes.dtype.kind == "O"
    return target.codes, target.classes.astype(str) if text else target.classes


def label_cells(y: Any, n: int) -> tuple[Any, Cells]:
    """The labels of n rows on the host, and as cells; `DataError` for another number of them, and for missing ones."""
    if y is None:
        raise DataError("LogisticRegression requires y to be passed, but the target y is None")
    y = on_host(y)
    if getattr(y, "ndim", 1) == 2:
        y = column_or_1d(y, warn=True)
    cells = read_cells(y, "y")
    if len(cells.values) != n:
        raise DataError(f"X has {n} rows but y has {len(cells.values)} (inconsistent numbers): give one label a row")
    missing = np.flatnonzero(cells.missing)
    if missing.size:
        raise DataError(f"Input y contains NaN: no label in {show_rows(missing)}; drop these rows of X and y")
    return y, cells


def weights(sample_weight: Any, class_weight: Any, classes: Array, codes: Array) -> Array | None:
    """Each row's weight times its class's (n,), or None for ones; `DataError` where a class is left without any."""
    if sample_weight is None and class_weight is None:
        return None
    weight = some(given_weights(sample_weight, len(codes)), "sample_weight")
    totals = np.bincount(codes, weight, len(classes))
    empty = [show_value(label) for label in classes[totals == 0].tolist()]
    if empty:
        raise DataError(
            f"class {show_list(empty, len(empty))} has no row with a weight above zero, so {len(classes) - len(empty)} "
            f"of {len(classes)} classes are left; give such rows a weight, or leave them out"
        )
    balanced = class_weight is not None and not isinstance(class_weight, Mapping)
    by_class = totals.sum() / (len(classes) * totals) if balanced else class_weights(class_weight, classes.tolist())
    return weight * by_class[codes]


def given_weights(sample_weight: Any, n: int) -> Array:
    """Each row's own weight (n,), which may all be 0: ones, one number for all, or one a row."""
    if sample_weight is None:
        return np.ones(n)
    values = np.full(n, sample_weight) if isinstance(sample_weight, Real) else on_host(sample_weight)
    return row_weights(values, n, "sample_weight")


def class_weights(class_weight: Mapping[Any, Any] | None, labels: list[Any]) -> Array:
    """The weight of each class, (K,): 1 where none is given. `ParameterError` for other labels and what is no weight."""
    class_weight = class_weight or {}
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        told = show_list(map(show_value, labels), len(labels))
        raise ParameterError(f"class_weight names {unknown}, but the classes are {told}")
    for label, value in class_weight.items():
        if not (isinstance(value, Real) and 0 < float(value) < inf):
            raise ParameterError(f"class_weight of {label!r} must be a finite number above 0, got {value!r}")
    return np.array([float(class_weight.get(label, 1.0)) for label in labels])


def offsets(offset: Any, n: int, k: int) -> Array:
    """Offsets (n, k): one number a row for two classes, one for every class for more."""
    values = on_host(offset)
    if k == 1 and np.ndim(values) == 1:
        return encode_offset(values, n)[:, None]
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != k:
        what = "one number a row (n,)" if k == 1 else f"one for every class (n, {k})"
        raise DataError(f"offset must be {what}, got shape {values.shape}")
    return np.column_stack([encode_offset(column, n) for column in values.T])


def warn_of_index(X: Any, y: Any) -> None:
    """Warn where two pandas objects are paired by position although their indexes disagree."""
    left: Any = getattr(X, "index", None)
    right: Any = getattr(y, "index", None)
    if hasattr(left, "equals") and hasattr(right, "equals") and len(left) == len(right) and not left.equals(right):
        warnings.warn("the indexes of X and y disagree; rows are paired by position", DataWarning, stacklevel=3)


def on_host(values: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
