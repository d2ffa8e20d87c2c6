"""Averages of probabilities over rows with variables moved, of their slopes, and the gradients of both by the coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.design import Design
from torchlogit.errors import ParameterError
from torchlogit.inference.moves import Changes, Moves, moves
from torchlogit.inference.observed import Observed
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

ENTRIES = 2**18  # numbers of a block of rows


class Mean(NamedTuple):
    """Averages (G, C) over G groups of rows, for C classes, and their gradients by theta_centred (G, C, p, k)."""

    value: Tensor
    gradient: Tensor

    def less(self, other: Mean) -> Mean:
        """The difference of two averages."""
        return Mean(self.value - other.value, self.gradient - other.gradient)


class NotToldError(ParameterError):
    """The rows with a variable moved break a dependence among the fit's columns, so nothing is known of them."""


@dataclass(frozen=True)
class Averages:
    """Averages over the rows of probabilities, or of their logarithms, and of what their slopes are along a variable.

    ``share`` (n, G): what each row counts in each group, columns summing to 1. ``at_centre``: the rows of a group are
    averaged first, encoded, and the probability is that of the average row.
    """

    beside: Observed
    share: Tensor
    log: bool = False
    at_centre: bool = False

    @cached_property
    def moves(self) -> Moves:
        """The rows as something whose variables can be moved."""
        return moves(self.beside.rows)

    def predicted(self, changes: Changes) -> Mean:
        """The average probability of each class with some variables moved to values."""
        parts = []
        for rows in self._rows(changes):
            f, by_eta = _values(self.beside.fit, rows.eta, self.log)
            parts.append(Mean(rows.share.mT @ f, _gradient(rows.design, rows.share, by_eta)))
        return _sum(parts)

    def sloped(self, name: str, changes: Changes, elastic: bool = False) -> Mean:
        """The average slope of each class's probability along a variable; ``elastic``: times the variable."""
        parts, lead = [], int(self.beside.fit.intercept)
        for rows in self._rows(changes, name, elastic):
            assert rows.slopes is not None
            theta = self.beside.fit.theta_centred.cpu()[lead:]
            f, by_eta, by_slope = _slopes(self.beside.fit, rows.eta, rows.slopes.matmul(theta), self.log)
            gradient = _gradient(rows.design, rows.share, by_eta)
            gradient[:, :, lead:] += _gradient(rows.slopes, rows.share, by_slope)
            parts.append(Mean(rows.share.mT @ f, gradient))
        return _sum(parts)

    def _rows(self, changes: Changes, name: str = "", elastic: bool = False) -> Iterator[_Rows]:
        """The rows as they are averaged over, block by block; ``name`` asks for slopes along a variable."""
        found = self._blocks(changes, name, elastic)
        return iter([self._central(list(found))]) if self.at_centre else map(self._seen, found)

    def _blocks(self, changes: Changes, name: str, elastic: bool) -> Iterator[_Block]:
        n, wide = self.share.shape[0], self.share.shape[1] * len(self.beside.fit.classes) ** 2
        size = max(1, ENTRIES // max(wide, len(self.beside.fit.columns)))
        factor = np.broadcast_to(changes.get(name, self.moves.numbers(name)), (n,)) if elastic else np.ones(n)
        for part in (slice(i, min(i + size, n)) for i in range(0, n, size)):
            x = self.moves.encoded(part, changes)
            slopes = self.moves.slopes(part, changes, name) if name else None
            self._check(x, slopes)
            times = torch.from_numpy(np.array(factor[part]))
            yield _Block(x, slopes, self._offset(part), self.share[part], times)

    def _offset(self, part: slice) -> Tensor:
        o = self.beside.rows.offset
        if o is None:
            return torch.zeros(len(self.share[part]), 1, dtype=torch.float64)
        return torch.from_numpy(o[part] if o.ndim > 1 else o[part, None])

    def _seen(self, block: _Block) -> _Rows:
        fit = self.beside.fit
        design = Design(block.x, fit.intercept, torch.float64, fit.about_centre(torch.device("cpu")))
        slopes = None if block.slopes is None else Design(block.slopes, False, torch.float64)
        eta = design.matmul(fit.theta_centred.cpu()) + block.offset
        return _Rows(design, slopes, eta, block.share * block.times[:, None])

    def _central(self, blocks: list[_Block]) -> _Rows:
        """The average row of each group."""
        x, offset, times = (
            _averaged(blocks, each)
            for each in ([b.x for b in blocks], [b.offset for b in blocks], [b.times[:, None] for b in blocks])
        )
        slopes = None if blocks[0].slopes is None else _averaged(blocks, [b.slopes for b in blocks])
        share = torch.eye(self.share.shape[1], dtype=torch.float64)
        return self._seen(_Block(x, slopes, offset, share, times[:, 0]))

    def _check(self, x: Any, slopes: Tensor | None) -> None:
        """Raise `NotToldError` where rows, or their slopes, break a dependence among the columns of the fit."""
        for column, weights, constant in self.beside.fit.dependences:
            for each, shift in ((x, constant), (slopes, 0.0)):
                if each is None:
                    continue
                own, *others = (_dense(each[:, [j]])[:, 0] for j in (column, *weights))
                terms = [w * t for w, t in zip(weights.values(), others, strict=True)]
                size = own.abs() + abs(shift) + sum(t.abs() for t in terms)
                if bool(((own - shift - sum(terms)).abs() > 1e-6 * size.max()).any()):
                    raise NotToldError(f"the data do not tell it apart from `{show(self.beside.fit.columns[column])}`")


class _Block(NamedTuple):
    x: Any  # (m, d)
    slopes: Tensor | None  # (m, d) or (1, d)
    offset: Tensor
    share: Tensor  # (m, G)
    times: Tensor  # (m,)


class _Rows(NamedTuple):
    design: Design
    slopes: Design | None
    eta: Tensor  # (m, k)
    share: Tensor  # (m, G)


def _averaged(blocks: Sequence[_Block], parts: Sequence[Any]) -> Tensor:
    """What each group has on average of a matrix, (G, d), given block by block."""
    return torch.stack(
        [block.share.mT @ _dense(part).expand(len(block.share), -1) for block, part in zip(blocks, parts, strict=True)]
    ).sum(0)


def _dense(x: Any) -> Tensor:
    return torch.from_numpy(x.toarray()) if hasattr(x, "tocsr") else x.double()


def _sum(parts: Sequence[Mean]) -> Mean:
    value, gradient = (torch.stack(t).sum(0) for t in zip(*parts, strict=True))
    return Mean(value, gradient)


def _gradient(design: Design, share: Tensor, by_eta: Tensor) -> Tensor:
    """Gradient (G, C, p, k) of averages of values whose gradient by η is (m, C, k); a design of one row is that of all."""
    r = share[:, :, None, None] * by_eta[:, None]
    r = r.sum(0, keepdim=True) if design.shape[0] == 1 else r
    return design.rmatmul(r.flatten(1)).reshape(-1, *r.shape[1:]).movedim(0, 2)


def _probability(fit: Fit, eta: Tensor, log: bool) -> Tensor:
    """Probability, or its logarithm, of the positive class (m, 1), or of every class (m, K)."""
    loss = fit._loss()
    if log:
        return loss.log_probabilities(eta)[:, -1:] if eta.shape[1] == 1 else loss.log_probabilities(eta)
    return loss.mean(eta)


def _values(fit: Fit, eta: Tensor, log: bool) -> tuple[Tensor, Tensor]:
    """Probabilities (m, C) and their gradient by η (m, C, k)."""
    with torch.enable_grad():
        eta = eta.detach().requires_grad_()
        f = _probability(fit, eta, log)
        by_eta = _jacobian(f, eta)
    return f.detach(), by_eta


def _slopes(fit: Fit, eta: Tensor, slope: Tensor, log: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes (m, C) of probabilities where η rises by ``slope`` (m, k); their gradients by η and by ``slope``, (m, C, k)."""
    with torch.enable_grad():
        eta = eta.detach().requires_grad_()
        by_slope = _jacobian(_probability(fit, eta, log), eta, further=True)
        f = (by_slope * slope[:, None]).sum(-1)
        by_eta = _jacobian(f, eta)
    return f.detach(), by_eta, by_slope.detach()


def _jacobian(f: Tensor, eta: Tensor, further: bool = False) -> Tensor:
    """The gradient by η (m, C, k) of row-wise values f (m, C)."""
    columns = [torch.autograd.grad(c.sum(), eta, retain_graph=True, create_graph=further)[0] for c in f.unbind(1)]
    return torch.stack(columns, 1)
