"""Coordinate descent for an L1-penalised quadratic, compiled, beside its plain twin."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from torchlogit.kernels.library import library

SHARE = 1e-6  # of the best step's gain, below which no entry is worth moving


def descend(hess: Tensor, l1: Tensor, u: Tensor, fall: Tensor, sweeps: int) -> int:
    """Lower ``½ uᵀHu − ⟨b, u⟩ + Σ l1 |u|`` entry by entry, in place: u (m,) and ``fall = b − Hu`` (m,).

    H (m, m) is symmetric; all are float64, contiguous and on the CPU. An entry that is not penalised (l1 = 0) and has
    no curvature stays. Returns the sweeps made: fewer where nothing is left to gain. Source: Friedman, Hastie and
    Tibshirani (2010), Regularization paths for generalized linear models via coordinate descent, eq. 5 and §2.2.

    >>> import torch
    >>> one = torch.ones(2, dtype=torch.float64)
    >>> u, fall = torch.zeros_like(one), torch.tensor([3.0, 0.5], dtype=torch.float64)
    >>> descend(torch.diag(2 * one), one, u, fall, sweeps=5)
    3
    >>> u.tolist(), fall.tolist()
    ([1.0, 0.0], [1.0, 0.5])
    """
    compiled = getattr(library(), "descent", None)
    if compiled is None:
        return descend_plain(hess, l1, u, fall, sweeps)
    used = torch.empty(len(u), dtype=torch.int64)
    m, most, share = ctypes.c_int64(len(u)), ctypes.c_int64(sweeps), ctypes.c_double(SHARE)
    return int(compiled(m, *(ctypes.c_void_p(t.data_ptr()) for t in (hess, l1, u, fall, used)), most, share))


def descend_plain(hess: Tensor, l1: Tensor, u: Tensor, fall: Tensor, sweeps: int) -> int:
    """The same in a loop over the entries, with NumPy's cheap small operations on the same memory."""
    rows, strength, at, falling = hess.numpy(), l1.tolist(), u.numpy(), fall.numpy()
    most, whole, used = 0.0, True, list[int]()
    for sweep in range(sweeps):
        best = 0.0
        for j in range(len(strength)) if whole else used:
            bend, old = float(rows[j, j]), float(at[j])
            ahead = float(falling[j]) + bend * old
            size = abs(ahead) - strength[j]
            if bend <= 0 or (size <= 0 and old == 0):
                continue
            new = (size if ahead > 0 else -size) / bend if size > 0 else 0.0
            if new != old:
                at[j] = new
                falling -= (new - old) * rows[j]
                best = max(best, bend * (new - old) ** 2)
        most = max(most, best)
        small = best <= SHARE * most
        if whole and small:
            return sweep + 1
        if whole:
            used = ((u != 0) | (l1 == 0)).nonzero()[:, 0].tolist()
        whole = small
    return sweeps
