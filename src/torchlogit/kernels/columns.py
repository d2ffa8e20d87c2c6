"""One read of some rows for many thetas at once, compiled: value and gradient of each, Hessians of a few."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.kernels.library import library, threads_for

PANEL = 8  # columns that the kernel works at a time
FOUR = 4  # and rows
NAMES = {torch.float64: "columns_pass_f64", torch.float32: "columns_pass_f32_f64"}


class Columns(ctypes.Structure):
    """What belongs to a pass beside its table, as columns.h has it."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("index", "y", "weight", "centre", "inverse", "w", "bent")),
        *((name, ctypes.c_int64) for name in ("rows", "panels", "bends")),
    )


def suits(x: object, coordinates: Coordinates) -> bool:
    """Whether there is a compiled pass over this table in these coordinates."""
    known = isinstance(x, Tensor) and x.device.type == "cpu" and x.dtype in NAMES and coordinates.basis is None
    return known and hasattr(library(), NAMES[x.dtype])  # type: ignore[attr-defined]


def columns_pass(
    x: Tensor,
    index: Tensor,
    y: Tensor,
    weight: Tensor | None,
    coordinates: Coordinates,
    theta: Tensor,
    bent: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Value (c,), gradient (c, d + 1) and, of the thetas ``bent`` (b,), Hessian (b, d + 1, d + 1) of the logistic loss.

    Of the rows ``index`` (m,) of x (n, d), in ``coordinates``, at every theta (c, d + 1), whose entry 0 is the
    intercept. ``y`` and ``weight`` (n,) are float64, contiguous; no ``weight`` is ones. Sums are in float64.
    """
    (c, p), d = theta.shape, x.shape[1]
    q, panels = -(-p // FOUR) * FOUR, -(-c // PANEL)
    across = -(-q // PANEL)
    w = theta.new_zeros(panels * PANEL, q)
    w[:c, :d], w[:c, d] = theta[:, 1:], theta[:, 0]
    w = w.unflatten(0, (panels, PANEL)).mT.contiguous()
    bent, order = bent.sort()
    inverse = 1 / coordinates.scale
    held = (index, y, weight, coordinates.centre.contiguous(), inverse, w, bent)
    of = Columns(*(None if t is None else t.data_ptr() for t in held), len(index), panels, len(bent))
    split = panels * (q + 1) * PANEL
    out = theta.new_empty(split + len(bent) * across * q * PANEL)
    table = (ctypes.c_void_p(x.data_ptr()), *map(ctypes.c_int64, (*x.stride(), *x.shape)))
    threads = threads_for(len(index) * d * panels)
    getattr(library(), NAMES[x.dtype])(
        *table, ctypes.byref(of), ctypes.c_int64(q), threads, ctypes.c_void_p(out.data_ptr())
    )
    rows = out[:split].reshape(panels, q + 1, PANEL).movedim(1, 0).flatten(1)[:, :c]
    lower = out[split:].reshape(len(bent), across, q, PANEL).movedim(1, 2).flatten(2)[..., :q].tril()
    grams = lower + lower.tril(-1).mT
    turn = torch.cat([torch.tensor([d]), torch.arange(d)])  # the intercept comes last in the kernel
    hess = grams[order.argsort()][:, turn][:, :, turn]
    return rows[0], rows[1:][turn].mT, hess
