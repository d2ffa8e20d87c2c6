"""Arrays, tensors and sparse matrices as a solver wants them: checked, shared where possible, never written to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError
from torchlogit.tables.names import show, show_rows

EXACT = 2**53  # integers beyond this are not all exact in float64
TORCH_KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")


def is_matrix(data: Any) -> bool:
    """Whether data are a plain matrix (tensor, numpy array, SciPy sparse) rather than named columns."""
    return isinstance(data, Tensor | np.ndarray | list | tuple) or hasattr(data, "tocsr")


def matrix(data: Any) -> Any:
    """A dense tensor (n, d) that shares the caller's memory, or a SciPy CSR array; DataError for what is neither.

    Tensors are detached and stay on their device. A copy is made only of what torch cannot hold: negative strides,
    foreign byte order, longdouble, large unsigned integers, Decimals, lists; and of CSC and COO, which become CSR.
    """
    if isinstance(data, Tensor):
        return _tensor(data)
    if hasattr(data, "tocsr"):
        return _sparse(data)
    if isinstance(data, np.ma.MaskedArray):
        if np.ma.is_masked(data):
            rows = np.flatnonzero(np.ma.getmaskarray(data).reshape(len(data), -1).any(1))
            raise DataError(f"the masked array has masked cells in {show_rows(rows)}; fill them or drop the rows")
        data = data.data
    return shared(_array(data))


def _tensor(x: Tensor) -> Any:
    if x.is_complex():
        raise DataError("Complex data not supported: the tensor holds complex numbers; give real columns")
    if x.layout != torch.strided:
        return _sparse(_scipy_of(x))
    return _exact(_two_dimensional(x.detach()))


def _scipy_of(x: Tensor) -> Any:
    """A sparse tensor as SciPy COO, on the host."""
    from scipy.sparse import coo_array

    coo = x.detach().cpu().to_sparse_coo().coalesce()
    return coo_array((coo.values().numpy(), tuple(coo.indices().numpy())), shape=tuple(coo.shape))


def _sparse(data: Any) -> Any:
    from scipy.sparse import csr_array

    if data.dtype.kind == "c":
        raise DataError("Complex data not supported: the sparse matrix holds complex numbers; give real columns")
    data = data if data.dtype in (np.float32, np.float64) else data.astype(np.float64)
    csr = csr_array(data)
    if csr.nnz and not 0 <= csr.indices.min() <= csr.indices.max() < csr.shape[1]:
        raise DataError(
            f"the sparse matrix has an entry in a column that it does not have; its columns are {csr.shape[1]}"
        )
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    return csr


def _array(data: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise DataError(f"the rows of X have different lengths: {error}") from error
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: X holds complex numbers; give real columns")
    if array.dtype.kind in "OUSV":
        array = _numbers(array)
    if array.dtype.kind in "mM":
        raise DataError("X holds dates or durations; turn them into numbers with a unit, such as days since a date")
    return array


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Objects as numbers; text is refused even if it reads like one, so that no cell is guessed at."""
    flat = array.ravel()
    text = [i for i, cell in enumerate(flat) if isinstance(cell, str | bytes)]
    if text:
        width = array.shape[1] if array.ndim == 2 else 1
        cell, row, column = flat[text[0]], text[0] // width + 1, text[0] % width
        raise DataError(f"X holds text, {cell!r} in row {row}, column {column}; give numbers, or a data frame")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"argument must be a real number: X holds cells that are none ({error})") from error


def shared(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over the array's own memory where torch can hold it."""
    if array.dtype.str[1:] not in TORCH_KINDS or not array.dtype.isnative:
        _check_exact(array)
        array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "not writable": nothing here writes
        return _exact(_two_dimensional(torch.from_numpy(array)))


def _two_dimensional(x: Tensor) -> Tensor:
    if x.ndim != 2:
        raise DataError(
            f"Expected 2D array, got {x.ndim}D array instead. Reshape your data with X.reshape(-1, 1) if it is one "
            "feature, or X.reshape(1, -1) if it is one row."
        )
    return x


def _exact(x: Tensor) -> Tensor:
    if x.dtype == torch.int64 and x.numel() and max(abs(int(x.max())), abs(int(x.min()))) > EXACT:
        raise DataError("X holds integers beyond 2**53, which float64 cannot tell apart; rescale or encode them")
    return x


def _check_exact(array: npt.NDArray[Any]) -> None:
    if array.dtype.kind in "ui" and array.size and int(array.max()) > EXACT:
        raise DataError("X holds integers beyond 2**53, which float64 cannot tell apart; rescale or encode them")


def not_finite(x: Any, columns: Sequence[str]) -> DataError:
    """The error that says which cells of a matrix are NaN or infinite: first columns, their rows as the user counts."""
    told = []
    for j, name in enumerate(columns):
        column = x[:, [j]].toarray()[:, 0] if hasattr(x, "tocsr") else x[:, j].double().cpu().numpy()
        for kind, bad in (("NaN", np.isnan(column)), ("infinity", np.isinf(column))):
            if bad.any():
                told.append(f"column `{show(name)}` (index {j}) holds {kind} in {show_rows(np.flatnonzero(bad))}")
        if len(told) > 5:
            break
    if not told:
        return DataError("X holds numbers so large that their sum is infinite; rescale the columns")
    more = "; …" if len(told) > 5 else ""
    return DataError(
        f"Input X contains NaN or infinity: {'; '.join(told[:5])}{more}. Fill these cells or drop the rows."
    )
