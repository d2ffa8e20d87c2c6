"""Averages of probabilities over rows with variables moved, of their slopes, and the gradients of both by the coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Design
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.facts import Facts, weights
from torchlogit.inference.moves import Changes, Moves, moves
from torchlogit.sources.base import accumulate
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

ENTRIES = 2**18  # numbers of a block of rows
SUMS = 2**22  # numbers of the gradients that are summed in one pass


class Mean(NamedTuple):
    """Averages (G, C) over G groups of rows, for C classes, and their gradients by theta_centred (G, C, p, k)."""

    value: Tensor
    gradient: Tensor

    def less(self, other: Mean) -> Mean:
        """The difference of two averages."""
        return Mean(self.value - other.value, self.gradient - other.gradient)


class NotToldError(ParameterError):
    """The rows with a variable moved break a dependence among the fit's columns, so nothing is known of them."""


class Wanted(NamedTuple):
    """An average of the probabilities with some variables moved; with ``along`` of their slopes along that variable, and with
    ``elastic`` of these times it.
    """

    moved: tuple[tuple[str, Any], ...] = ()
    along: str = ""
    elastic: bool = False

    @classmethod
    def of(cls, changes: Changes, along: str = "", elastic: bool = False) -> Wanted:
        """That with these changes."""
        return cls(tuple(changes.items()), along, elastic)

    @property
    def changes(self) -> Changes:
        """Variable → what it is moved to."""
        return dict(self.moved)


@dataclass(frozen=True)
class Averages:
    """Averages over the rows, weighted, in each group of the ``facts``; with ``log`` those of probabilities' logarithms.

    ``at_centre``: the rows of a group are averaged first, encoded, and the probability is that of the average row.
    """

    fit: Fit
    facts: Facts
    log: bool = False
    at_centre: bool = False

    def of(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Mean | NotToldError]:
        """All averages that are wanted, in one pass over the rows; in some more where they are very many."""
        different = list(dict.fromkeys(wanted))
        each = len(self.facts.groups) * len(self.fit.classes) * self.fit.theta_centred.numel()
        most = max(1, SUMS // max(1, each))
        parts = (different[i : i + most] for i in range(0, len(different), most))
        with exact_arithmetic():
            return {one: mean for part in parts for one, mean in zip(part, self._pass(part), strict=True)}

    def _pass(self, wanted: Sequence[Wanted]) -> Iterator[Mean | NotToldError]:
        blocks: Any = _Blocks(self)
        of_block: Any = partial(self._sums, wanted)
        total, broken, *sums = accumulate(blocks, of_block)
        if not bool((total > 0).all()):
            raise DataError("no row is left: there are none, or all have missing cells or the weight 0")
        for i, one in enumerate(wanted):
            column = next((d.column for d, b in zip(self.fit.dependences, broken[i].tolist(), strict=True) if b), None)
            if column is not None:
                yield NotToldError(f"the data do not tell it apart from `{show(self.fit.columns[column])}`")
                continue
            own = [t[i] / total.reshape(-1, *[1] * (t.ndim - 2)) for t in sums]
            yield self._mean(self._central(one, *own)) if self.at_centre else Mean(*own)

    def _sums(self, wanted: Sequence[Wanted], block: Stretch) -> tuple[Tensor, ...]:
        """What a pass sums: weights (G,), and of each that is wanted whether it breaks a dependence (W, D) and the rest."""
        each = [self._of_block(one, block) for one in wanted]
        return block.weight.sum(0), *(torch.stack(t) for t in zip(*each, strict=True))

    def _of_block(self, one: Wanted, block: Stretch) -> tuple[Tensor, ...]:
        """Whether a dependence is broken, (D,); averages and their gradients, or the average row of each group, times weights."""
        fit, groups = self.fit, len(self.facts.groups)
        if not len(block.weight):
            k = fit.theta_centred.shape[1]
            shapes = [(groups, len(fit.columns))] * 2 + [(groups, block.offset.shape[1]), (groups, 1)]
            shapes = shapes if self.at_centre else [(groups, k), (groups, k, *fit.theta_centred.shape)]
            return tuple(torch.zeros(s, dtype=torch.float64) for s in [(len(fit.dependences),), *shapes])
        found, part, changes = block.moves, block.part, one.changes
        x = found.encoded(part, changes)
        slopes = found.slopes(part, changes, one.along) if one.along else None
        times = self._times(one, block)
        told = self._broken(x, slopes)
        if self.at_centre:
            zero = torch.zeros(1, len(fit.columns), dtype=torch.float64)
            parts = (_dense(x), zero if slopes is None else slopes, block.offset, times[:, None])
            return told, *(block.weight.mT @ t.expand(len(block.weight), -1) for t in parts)
        return told, *self._mean(self._rows(x, slopes, block.offset, block.weight * times[:, None]))

    def _times(self, one: Wanted, block: Stretch) -> Tensor:
        """What each row's slope is taken times, (m,)."""
        m = len(block.weight)
        if not one.elastic:
            return torch.ones(m, dtype=torch.float64)
        own = block.moves.moved(one.along, one.changes, block.part)
        return torch.from_numpy(np.array(np.broadcast_to(own, (m,)), dtype=np.float64))

    def _rows(self, x: Any, slopes: Tensor | None, offset: Tensor, share: Tensor) -> _Rows:
        fit = self.fit
        design = Design(x, fit.intercept, torch.float64, fit.about_centre(torch.device("cpu")))
        along = None if slopes is None else Design(slopes, False, torch.float64)
        return _Rows(design, along, design.matmul(fit.theta_centred.cpu()) + offset, share)

    def _central(self, one: Wanted, x: Tensor, slopes: Tensor, offset: Tensor, times: Tensor) -> _Rows:
        """The average row of each group."""
        share = torch.eye(len(x), dtype=torch.float64) * times
        return self._rows(x, slopes if one.along else None, offset, share)

    def _mean(self, rows: _Rows) -> Mean:
        """Sums of what is averaged, times shares, and their gradients."""
        fit, lead = self.fit, int(self.fit.intercept)
        if rows.slopes is None:
            f, by_eta = _values(fit, rows.eta, self.log)
            return Mean(rows.share.mT @ f, _gradient(rows.design, rows.share, by_eta))
        theta = fit.theta_centred.cpu()[lead:]
        f, by_eta, by_slope = _slopes(fit, rows.eta, rows.slopes.matmul(theta), self.log)
        gradient = _gradient(rows.design, rows.share, by_eta)
        gradient[:, :, lead:] += _gradient(rows.slopes, rows.share, by_slope)
        return Mean(rows.share.mT @ f, gradient)

    def _broken(self, x: Any, slopes: Tensor | None) -> Tensor:
        """Whether rows, or their slopes, break each of the dependences among the columns of the fit, (D,)."""
        out = torch.zeros(len(self.fit.dependences), dtype=torch.float64)
        for i, (column, combined, constant) in enumerate(self.fit.dependences):
            for each, shift in ((x, constant), (slopes, 0.0)):
                if each is None:
                    continue
                own, *others = (_dense(each[:, [j]])[:, 0] for j in (column, *combined))
                terms = [w * t for w, t in zip(combined.values(), others, strict=True)]
                size = own.abs() + abs(shift) + sum(t.abs() for t in terms)
                out[i] += float(((own - shift - sum(terms)).abs() > 1e-6 * size.max()).any())
        return out


class Stretch(NamedTuple):
    """Some of the rows that can be moved, their offsets (m, 1) or (m, k), and what each weighs in each group, (m, G)."""

    moves: Moves
    part: slice
    offset: Tensor
    weight: Tensor


class _Blocks:
    """The rows in blocks."""

    def __init__(self, averages: Averages) -> None:
        self.facts, self.ranks = averages.facts, averages.facts.tables.ranks
        wide = len(self.facts.groups) * len(averages.fit.classes) ** 2
        self.size = max(1, ENTRIES // max(wide, len(averages.fit.columns)))

    def __iter__(self) -> Iterator[Stretch]:
        for rows in self.facts.tables:
            found = moves(rows, self.facts)
            weight, o = torch.from_numpy(weights(rows)), rows.offset
            offset = torch.zeros(rows.n_rows, 1, dtype=torch.float64) if o is None else torch.from_numpy(o)
            offset = offset[:, None] if offset.ndim == 1 else offset
            for i in range(0, max(1, rows.n_rows), self.size):
                part = slice(i, min(i + self.size, rows.n_rows))
                yield Stretch(found, part, offset[part], self._by_group(found, part, weight[part]))

    def _by_group(self, rows: Moves, part: slice, weight: Tensor) -> Tensor:
        """Each row's weight in its own group, 0 in the others."""
        out = torch.zeros(len(weight), len(self.facts.groups), dtype=torch.float64)
        if len(weight):
            out[torch.arange(len(weight)), torch.from_numpy(rows.groups[part])] = weight
        return out


class _Rows(NamedTuple):
    design: Design
    slopes: Design | None
    eta: Tensor  # (m, k)
    share: Tensor  # (m, G)


def _dense(x: Any) -> Tensor:
    return torch.from_numpy(x.toarray()) if hasattr(x, "tocsr") else x.double()


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
