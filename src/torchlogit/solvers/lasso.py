"""An L1-penalised quadratic, solved exactly: coordinate descent finds the signs, a Cholesky factor the numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torchlogit.kernels.descent import descend

SWEEPS = 4  # of coordinate descent before the signs that it has found are tried
ROUNDS = 60
SLACK = 1e-11  # share of l1 by which an entry at zero may miss its condition: rounding


def lasso(hess: Tensor, linear: Tensor, l1: Tensor, start: Tensor) -> Tensor:
    """``argmin_u ½ uᵀHu − ⟨linear, u⟩ + Σ l1 |u|`` for H (*B, m, m) positive definite: (*B, m), each member by itself."""
    m = start.shape[-1]
    fall = linear - (hess @ start[..., None])[..., 0]
    members = zip(hess.reshape(-1, m, m), *(t.reshape(-1, m) for t in (fall, l1, start)), strict=True)
    return torch.stack([Quadratic(h).lasso(*rest) for h, *rest in members]).reshape(start.shape)


class Quadratic:
    """``½ uᵀHu`` for H (m, m) positive semidefinite, on the CPU wherever H came from.

    It keeps the factor of the entries last in use: the next problem's, mostly.

    Entries swept by coordinate descent and those solved for directly lower the same function, so the rounds end; an
    entry that is at zero is exactly zero. Source: Friedman, Hastie and Tibshirani (2010), Regularization paths for
    generalized linear models via coordinate descent; the direct solve is that of Lee, Battle, Raina and Ng (2007).
    """

    def __init__(self, hess: Tensor) -> None:
        self.device = hess.device
        self.hess = hess.double().cpu().contiguous()
        self._base = self._used = torch.zeros(len(hess), dtype=torch.bool)
        self._root, self._bordered = self.hess[:0, :0], _Bordered(*[self.hess[:0]] * 3)

    def lasso(self, fall: Tensor, l1: Tensor, start: Tensor) -> Tensor:
        """``argmin_u ½ uᵀHu − ⟨b, u⟩ + Σ l1 |u|``, (m,), from a start near it where ``fall = b − Hu``."""
        fall, l1, u = (t.detach().cpu().clone() for t in (fall, l1, start))
        for _ in range(ROUNDS):
            used = (u != 0) | (l1 == 0)
            step = self._solved(fall - l1 * u.sign(), used)
            stays = ((u + step) * u.sign() > 0) | (u == 0) | (l1 == 0)
            if not bool(stays.all()):
                step = torch.where(stays, step, -u)
            pull = fall - self._product(step)
            rise = (l1 * ((u + step).abs() - u.abs())).sum() - step @ (fall + pull) / 2
            if bool(stays.all()) or rise < 0:
                u, fall = torch.where(stays, u + step, 0.0), pull
            if bool(stays.all()) and not bool((fall.abs() > l1 * (1 + SLACK))[(u == 0) & (l1 > 0)].any()):
                break
            descend(self.hess, l1, u, fall, SWEEPS)
        return u.to(self.device)

    def form(self, u: Tensor) -> Tensor:
        """``uᵀHu``."""
        u = u.cpu()
        return (u @ self._product(u)).to(self.device)

    def _product(self, u: Tensor) -> Tensor:
        used = u.nonzero()[:, 0]
        return self.hess @ u if 2 * len(used) > len(u) else u[used] @ self.hess[used]

    def solve(self, right: Tensor, used: Tensor) -> Tensor:
        """``H⁻¹ right`` on the entries in use, 0 elsewhere, (m,)."""
        return self._solved(right.cpu(), used.cpu()).to(self.device)

    def _solved(self, right: Tensor, used: Tensor) -> Tensor:
        """`solve` on the CPU.

        Entries that came since the last factor are borders to it, those that went get a multiplier that holds them at
        0; when there are many, the factor is made anew. Source: Gill, Murray, Saunders and Wright (1990), A
        Schur-complement method for sparse quadratic programming, §3.
        """
        if not torch.equal(used, self._used):
            self._use(used)
        base, came, went = (m.nonzero()[:, 0] for m in (self._base, used & ~self._base, self._base & ~used))
        out, known = torch.zeros_like(right), torch.where(used, right, 0.0)
        inner = torch.cholesky_solve(known[base][:, None], self._root)[:, 0]
        if len(came) + len(went):
            sides, solved, corner = self._bordered
            rest = torch.cat([right[came], right.new_zeros(len(went))])
            extra = torch.linalg.solve(corner, rest - sides.mT @ inner)
            inner = inner - solved @ extra
            out[came] = extra[: len(came)]
        out[base] = inner
        out[went] = 0.0
        return out

    def _use(self, used: Tensor) -> None:
        """Make ready for systems in these entries: a new factor, or borders of the one that there is."""
        came, went = (used & ~self._base).nonzero()[:, 0], (self._base & ~used).nonzero()[:, 0]
        base, borders = self._base.nonzero()[:, 0], len(came) + len(went)
        self._used = used
        if borders > len(base) // 8 or len(base) < 200:
            base, self._base = used.nonzero()[:, 0], used
            self._root = _factor(self.hess[base][:, base])
        elif borders:
            held = (base[:, None] == went).to(self.hess)
            sides = torch.cat([self.hess[came][:, base].mT, held], 1)
            solved = torch.cholesky_solve(sides, self._root)
            corner = torch.nn.functional.pad(self.hess[came][:, came], (0, len(went), 0, len(went)))
            self._bordered = _Bordered(sides, solved, corner - sides.mT @ solved)


class _Bordered(NamedTuple):
    """Columns beside a factored matrix H, ``H⁻¹`` times them, and the Schur complement of their corner."""

    sides: Tensor
    solved: Tensor
    corner: Tensor


def _factor(hess: Tensor) -> Tensor:
    """Cholesky factor; where columns are copies of each other, of a matrix lifted just enough."""
    root, info = torch.linalg.cholesky_ex(hess)
    lift = 1e-14
    while int(info) > 0 and lift < 1:
        lift *= 100
        root, info = torch.linalg.cholesky_ex(hess + torch.diag(lift * hess.diagonal().clamp_min(1e-300)))
    return root
