"""Fused passes over the rows of a table, compiled: one read for value and gradient, for moments, for a sparse Gram matrix.

Every function returns None where there is no kernel for what it is given; its caller then goes the plain way, which is
also what it is tested against. ``x`` (n, d) is a dense tensor or a SciPy CSR array, on the CPU; sums are float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchlogit.kernels.library import library, threads_for

KINDS = {
    (torch.float64, torch.float64): "f64",
    (torch.float32, torch.float32): "f32",
    (torch.float32, torch.float64): "f32_f64",
    (torch.float64, torch.float32): "f64_f32",
}
LOSSES = {"logistic": "pass", "softmax": "softmax"}  # names of the kernels
NUMBERS = {np.dtype("float64"): torch.float64, np.dtype("float32"): torch.float32}
INDEXES = {np.dtype("int32"): "", np.dtype("int64"): "_long"}


class Rows(ctypes.Structure):
    """What belongs to a row beside its x, as kernels.c has it."""

    _fields_ = (
        ("codes", ctypes.c_void_p),
        ("y", ctypes.c_void_p),
        ("weight", ctypes.c_void_p),
        ("weight_stride", ctypes.c_int64),
        ("offset", ctypes.c_void_p),
        ("offset_stride", ctypes.c_int64),
        ("curvature", ctypes.c_void_p),
        ("loss", ctypes.c_int64),
        ("order", ctypes.c_int64),
    )


def logistic_pass(
    x: Any,
    w: Tensor,
    bias: Tensor,
    y: Tensor,
    weight: Tensor,
    offset: Tensor,
    *,
    order: int = 1,
    dtype: torch.dtype = torch.float64,
    curvature: Tensor | None = None,
) -> Tensor | None:
    """``[Σ s ℓ, Σ s ℓ′, Xᵀ(s ∘ ℓ′)]`` (d + 2,) of the logistic loss at ``η = x w + bias + offset``, in one read of x.

    ``w`` (d, 1), ``bias`` (1,), ``weight`` (n,) and ``offset`` () or (n, 1) are float64, ``y`` (n,) int64 codes or
    float64. ``curvature`` (n,) float64 receives s ℓ″. A row is computed in ``dtype``. With ``order`` 0 only the value is meant.
    """
    rows = _rows(y, weight, offset, curvature, order)
    return None if rows is None else _pass(x, w, bias, rows, dtype)


def hessian_pass(x: Any, v: Tensor, bias: Tensor, curvature: Tensor, dtype: torch.dtype) -> Tensor | None:
    """``[0, Σ r, Xᵀ r]`` (d + 2,) with ``r = c ∘ (x v + bias)`` for row weights c (n,) float64: a product with XᵀCX."""
    one = torch.ones(1, dtype=torch.float64)
    return _pass(x, v, bias, Rows(None, None, _at(one), 0, None, 0, _at(curvature), 0, 1), dtype)


def softmax_pass(
    x: Any,
    w: Tensor,
    bias: Tensor,
    y: Tensor,
    weight: Tensor,
    offset: Tensor,
    *,
    order: int = 1,
    dtype: torch.dtype = torch.float64,
    curvature: Tensor | None = None,
) -> Tensor | None:
    """``[Σ s ℓ]``, ``Σ s ℓ′`` (k,) and ``Xᵀ(s ∘ ℓ′)`` (d, k), one after the other, of the softmax loss, in one read of x.

    ``w`` (d, k), ``bias`` (k,), ``weight`` (n,) and ``offset`` () or (n, k) are float64, ``y`` (n,) int64 codes.
    ``curvature`` (n, k) float64 receives the probabilities.
    """
    if y.dtype != torch.int64 or (offset.ndim and (offset.stride(-1) != 1 or offset.shape[-1] != w.shape[1])):
        return None
    rows = _rows(y, weight, offset, curvature, order)
    return None if rows is None else _classes_pass(x, w, bias, rows, dtype)


def softmax_hessian_pass(
    x: Any, v: Tensor, bias: Tensor, weight: Tensor, curvature: Tensor, dtype: torch.dtype
) -> Tensor | None:
    """``[0]``, ``Σ r`` (k,) and ``Xᵀ r`` (d, k) with ``r = s (diag(μ) − μ μᵀ)(x v + bias)`` for probabilities μ (n, k)."""
    return _classes_pass(
        x, v, bias, Rows(None, None, _at(weight), weight.stride(0), None, 0, _at(curvature), 0, 1), dtype
    )


def _rows(y: Tensor, weight: Tensor, offset: Tensor, curvature: Tensor | None, order: int) -> Rows | None:
    """What a loss needs of the rows; None for types and layouts that no kernel reads."""
    whole, shift = y.dtype == torch.int64, offset if offset.ndim else None
    if not (whole or y.dtype == torch.float64) or weight.dtype != torch.float64 or not y.is_contiguous():
        return None
    if shift is not None and shift.dtype != torch.float64:
        return None
    codes, values, step = _at(y if whole else None), _at(None if whole else y), 0 if shift is None else shift.stride(0)
    return Rows(codes, values, _at(weight), weight.stride(0), _at(shift), step, _at(curvature), 1, order)


def _classes_pass(x: Any, w: Tensor, bias: Tensor, rows: Rows, dtype: torch.dtype) -> Tensor | None:
    call, k = _kernel("softmax", x, dtype), w.shape[1]
    if call is None:
        return None
    out, w, bias = (
        torch.empty(1 + k + w.numel(), dtype=torch.float64),
        w.double().contiguous(),
        bias.double().contiguous(),
    )
    call(ctypes.byref(rows), ctypes.c_int64(k), _at(w), _at(bias), threads_for(_size(x) * k), _at(out))
    return out


def suits(x: Any, loss: str, dtype: torch.dtype) -> bool:
    """Whether there is a compiled pass for this table, loss and precision, so that the plain way is not taken."""
    return loss in LOSSES and _kernel(LOSSES[loss], x, dtype) is not None


def _pass(x: Any, w: Tensor, bias: Tensor, rows: Rows, dtype: torch.dtype) -> Tensor | None:
    call = _kernel("pass", x, dtype)
    if call is None:
        return None
    out = torch.empty(x.shape[1] + 2, dtype=torch.float64)
    w = w.double().contiguous()
    call(ctypes.byref(rows), _at(w), ctypes.c_double(float(bias)), threads_for(_size(x)), _at(out))
    return out


def column_moments(x: Any, weight: Tensor, pivot: Tensor, unit: Tensor) -> Tensor | None:
    """``[Σ s t, Σ s |t|, Σ s t²]`` (3, d) of every dense column, ``t = (x − pivot) / unit``, in one read of x.

    ``weight`` (n,), ``pivot`` and ``unit`` (d,) are float64.
    """
    call = _kernel("moments", x, torch.float64)
    if call is None or weight.dtype != torch.float64:
        return None
    out, inverse = torch.empty(3, x.shape[1], dtype=torch.float64), 1 / unit
    call(_at(weight), ctypes.c_int64(weight.stride(0)), _at(pivot), _at(inverse), threads_for(_size(x)), _at(out))
    return out


def sparse_moments(x: Any, weight: Tensor) -> Tensor | None:
    """``[Σ s x, Σ s |x|, Σ s x²]`` (3, d) of every CSR column; ``weight`` (n,) float64."""
    call = _kernel("moments", x, _dtype(x))
    if call is None or weight.dtype != torch.float64:
        return None
    out = torch.empty(x.shape[1], 3, dtype=torch.float64)
    call(_at(weight), ctypes.c_int64(weight.stride(0)), _at(out))
    return out.mT


def gram_pass(x: Any, h: Tensor, dtype: torch.dtype) -> Tensor | None:
    """``Σ hᵢ zᵢ zᵢᵀ`` (d + 1, d + 1) with ``z = (1, x)`` and row weights h (n,), multiplied in ``dtype``."""
    call = _kernel("gram", x, dtype)
    if call is None:
        return None
    out, h = torch.empty(x.shape[1] + 1, x.shape[1] + 1, dtype=torch.float64), h.double().contiguous()
    call(_at(h), threads_for(_size(x) * (x.shape[1] if isinstance(x, Tensor) else 8) // 8), _at(out))
    return out


def _kernel(what: str, x: Any, dtype: torch.dtype | None) -> Callable[..., Any] | None:
    """The compiled function for this table with the table's arguments filled in, or None."""
    compiled, stored = library(), _dtype(x)
    kind = None if stored is None or dtype is None else KINDS.get((stored, dtype))
    if compiled is None or kind is None:
        return None
    if isinstance(x, Tensor):
        name, table = f"dense_{what}_{kind}", _dense(x)
    else:
        name, table = f"sparse_{what}_{kind}{INDEXES.get(x.indices.dtype, '_none')}", _sparse(x)
    function = getattr(compiled, name, None)
    if function is None or table is None:
        return None
    return lambda *more: function(*table, *more)


def _dense(x: Tensor) -> tuple[Any, ...] | None:
    (row, column), regular = x.stride(), x.device.type == "cpu" and 1 in x.stride() and min(x.stride()) > 0
    return (_at(x), *map(ctypes.c_int64, (row, column, *x.shape))) if regular else None


def _sparse(x: Any) -> tuple[Any, ...] | None:
    arrays = (x.data, x.indices, x.indptr)
    if x.indptr.dtype != x.indices.dtype or not all(array.flags.c_contiguous for array in arrays):
        return None
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in arrays)
    return (*pointers, *map(ctypes.c_int64, x.shape))


def _dtype(x: Any) -> torch.dtype | None:
    return x.dtype if isinstance(x, Tensor) else NUMBERS.get(x.dtype)


def _size(x: Any) -> int:
    return int(x.numel() if isinstance(x, Tensor) else x.nnz)


def _at(t: Tensor | None) -> ctypes.c_void_p | None:
    return None if t is None else ctypes.c_void_p(t.data_ptr())
