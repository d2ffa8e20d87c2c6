"""Tallies: measures as sums over blocks of rows, which add up to those of the whole wherever the blocks live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.calibrated import Calibrated
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.observed import Observed
from torchlogit.inference.parts import PartedRows
from torchlogit.metrics import condensed
from torchlogit.metrics.condensed import Condensed
from torchlogit.metrics.counts import Confusion, confusion_of
from torchlogit.metrics.losses import BrierParts, brier_parts, brier_scores, log_losses
from torchlogit.metrics.ranked import ALIKE, cut
from torchlogit.metrics.rates import Calls, Interval, calls
from torchlogit.metrics.scored import Scored, check_probabilities, look_own
from torchlogit.sources.base import Block, Source, accumulate
from torchlogit.streamed import StreamedRows

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Event = Callable[[Scored], Scored]


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over rows; ``a + b`` is that of both.

    Of K classes, and k curves, 1 (of the positive class) or K, one a class:
    ``weight`` and ``square`` (K, K) of the rows by class and call, ``log_loss`` and ``brier`` sums of weight times loss (of
    Brier's score, and with squared weights once, and times itself, too), ``n`` the rows that weigh something, ``cells``
    (k, r, 2, c) the sums of `condensed.sums` over cells of log-odds between ``ends``, which make `rows`.
    """

    classes: npt.NDArray[Any]
    threshold: float
    repeats: bool
    ends: Floats
    weight: Floats
    square: Floats
    log_loss_sum: Any
    brier_sums: Floats
    n: Any
    cells: Floats
    seen: bool = False

    def __add__(self, other: Tally) -> Tally:
        """The tally of both; ParameterError if they are of other classes, another threshold or another meaning of weights."""
        if (self.threshold, self.repeats, self.classes.tolist()) != (
            other.threshold,
            other.repeats,
            other.classes.tolist(),
        ) or not np.array_equal(self.ends, other.ends):
            raise ParameterError("tallies of different classes, thresholds or weights do not add up")
        return self.of(*map(add, self.sums(), other.sums()))

    def sums(self) -> tuple[Any, ...]:
        """What adds up."""
        return self.weight, self.square, self.log_loss_sum, self.brier_sums, self.n, self.cells

    def of(self, *sums: Any) -> Tally:
        """The same with other `sums`."""
        names = ("weight", "square", "log_loss_sum", "brier_sums", "n", "cells")
        return replace(self, **dict(zip(names, sums, strict=True)))

    @property
    def total(self) -> float:
        """The weight of all rows; DataError if that is 0."""
        whole = float(self.weight.sum())
        if not whole > 0:
            raise DataError("there are no rows to evaluate: none was given, or all weights are 0")
        return whole

    @property
    def log_loss(self) -> float:
        """The mean of −log of the probability of each row's own class."""
        return float(self.log_loss_sum) / self.total

    @property
    def brier(self) -> float:
        """Brier's score."""
        return float(self.brier_sums[0]) / self.total

    @property
    def brier_error(self) -> float:
        """The standard error of Brier's score: ``√ Σ s² (b − b̄)² / Σ s``, s² being s of rows that repeat."""
        once, twice = self.brier_sums[1:] / self.square.sum()
        spread = twice - 2 * once * self.brier + self.brier**2
        return float(max(0.0, spread) * self.square.sum()) ** 0.5 / self.total

    def accuracy(self, level: float = 0.95) -> Interval:
        """The share of rows that are called what they are, with Wilson's interval."""
        return Calls(self.weight, self.square).accuracy(level)

    def confusion(self) -> Confusion:
        """The rows by class and call."""
        return confusion_of(self.classes, self.weight, self.threshold)

    def auc(self) -> Interval:
        """The area under the ROC curve, between bounds that certainly hold it; with more classes the mean over classes.

        DataError if a class has no rows.
        """
        found = [one.bounds("auc") for one in self.curves()]
        low, high = (float(np.mean(each)) for each in zip(*found, strict=True))
        return Interval((low + high) / 2, max(0.0, low - ALIKE), min(1.0, high + ALIKE), "bounds")

    def curves(self) -> Iterator[Condensed]:
        """The rows condensed, of the positive class against the other, or of each class against all others."""
        for k, cells in enumerate(self.cells):
            label = self.classes[k]
            named = self.classes if len(self.cells) == 1 else np.array([f"not {label}", label], dtype=object)
            more: dict[str, Any] = {"n": int(self.n), "repeats": self.repeats, "seen": self.seen}
            yield condensed.condensed(cells, self.ends, named, **more)

    def rows(self) -> Condensed:
        """The rows of two classes, condensed."""
        (found,) = self.curves()
        return found

    def brier_parts(self) -> BrierParts:
        """The parts of Brier's score; with more classes the sums over the classes."""
        each = [brier_parts(one) for one in self.curves()]
        parts = np.array([(part.reliability, part.resolution, part.uncertainty) for part in each])
        reliability, resolution, uncertainty = parts.sum(0).tolist()
        return BrierParts(self.brier, reliability, resolution, uncertainty, max(part.bins for part in each))

    def own(self) -> Scored:
        """Of more classes the rows of each, condensed, with the probability of their own class alone."""
        parts = [(k, one.rows(one.y == 1)) for k, one in enumerate(self.curves())]
        y = np.concatenate([np.full(len(part), k) for k, part in parts])
        logs = np.full((len(y), len(self.classes)), np.nan)
        logs[np.arange(len(y)), y] = np.concatenate([part.log_probability[:, 1] for _, part in parts])
        weight, squares, cell = (
            np.concatenate([getattr(part, name) for _, part in parts]) for name in ("weight", "squares", "cell")
        )
        return Condensed(
            y, logs, weight, self.classes, self.seen, self.repeats, cell=cell, squares=squares, n=int(self.n)
        )


def tally(scored: Scored, threshold: float = 0.5, ends: Floats | None = None) -> Tally:
    """The tally of scored rows, at a threshold of calls of two classes, over cells between ``ends``.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> first = tally(scored_arrays([0, 1], [0.1, 0.35]))
    >>> both = first + tally(scored_arrays([0, 1], [0.4, 0.8]))
    >>> both.auc().value, round(both.brier, 6), both.confusion().counts.tolist()
    (0.75, 0.158125, [[2, 0], [1, 1]])
    """
    if ends is None:
        ends = split_at(threshold) if scored.binary else condensed.ends()
    found, some = calls(scored, threshold), scored.weight > 0
    losses, briers, s, s2 = (t[some] for t in (log_losses(scored), brier_scores(scored), scored.weight, scored.square))
    curves = [scored] if scored.binary else [scored.against(label) for label in scored.classes]
    return Tally(
        scored.classes,
        threshold,
        scored.repeats,
        ends,
        *found,
        log_loss_sum=float(s @ losses),
        brier_sums=np.array([s @ briers, s2 @ briers, s2 @ briers**2]),
        n=int(some.sum()),
        cells=np.stack([condensed.sums(one, ends) for one in curves]),
        seen=scored.seen,
    )


@cache
def split_at(threshold: float) -> Floats:
    """The ends of the cells, with one at a threshold, so that no cell has rows on either side."""
    return np.unique(np.append(condensed.ends(), cut(threshold)))


def tallied(
    fit: Fit,
    source: Source,
    threshold: float = 0.5,
    *,
    event: Event = lambda rows: rows,
    ends: Floats | None = None,
) -> Tally:
    """The tally of all rows of a source of blocks (in memory, of files, of this rank), whose targets are places of classes.

    Blocks are read once and not kept; where the source's ranks add up their sums, every rank gets the tally of all rows.
    ``event`` makes of the rows what is tallied.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> tallied(result, result.training.source(True, None)).confusion().counts.tolist()
    [[8, 2], [2, 8]]
    """
    return _pass(fit, source, threshold, event=event, ends=ends)[0]


def _pass(
    fit: Fit, source: Any, threshold: float, *, event: Event = lambda rows: rows, ends: Floats | None = None
) -> tuple[Tally, list[float]]:
    """`tallied`, and the log-likelihood of the rows; of a calibrated model also that of the fit in it."""
    check_probabilities(fit)
    here, theta = fit.about_centre(source.device), fit.theta_centred
    models = [fit, fit.fit] if isinstance(fit, Calibrated) else [fit]

    def of_eta(eta: torch.Tensor, y: npt.NDArray[np.int64], weight: Floats) -> tuple[Tally, list[float]]:
        rows = [
            Scored(
                y,
                model._loss().log_probabilities(eta).cpu().numpy(),
                weight,
                fit.classes,
                repeats=fit.weights_are == "frequency",
            )
            for model in models
        ]
        return tally(event(rows[0]), threshold, ends), [-tally_loss(each) for each in rows]

    def of_block(block: Block) -> tuple[torch.Tensor, ...]:
        eta = block.design.moved(here, torch.float64).matmul(theta.to(block.weight.device)) + block.offset
        found, likelihoods = of_eta(eta, block.y.long().cpu().numpy(), block.weight.double().cpu().numpy())
        return tuple(torch.as_tensor(t, dtype=torch.float64) for t in (*found.sums(), likelihoods))

    nothing, _ = of_eta(theta.new_zeros(0, theta.shape[1]), np.zeros(0, dtype=np.int64), np.zeros(0))
    at = theta, theta.new_tensor(threshold), torch.from_numpy(nothing.ends)
    *sums, likelihoods = (t.cpu().numpy() for t in accumulate(source, of_block, at))
    return nothing.of(*sums), likelihoods.tolist()


def in_parts(beside: Observed) -> bool:
    """Whether the rows that a fit stands beside are read in parts."""
    rows: Any = beside.rows
    return isinstance(rows, StreamedRows)


def tallied_beside(beside: Observed, threshold: float = 0.5, **how: Any) -> Tally:
    """`tallied` of the rows that a fit stands beside, where they are read in parts: its own, or others, in one pass.

    Where they are spread over ranks, all of them ask for it, and have the tally of all rows.
    """
    rows: Any = beside.rows
    if not isinstance(rows, PartedRows):
        return replace(tallied(beside.fit, beside.source, threshold, **how), seen=True)
    with rows.once() as source:
        found, likelihoods = _pass(beside.fit, source, threshold, **how)
    return replace(found, seen=look_own(beside.fit, rows.given - rows.dropped, likelihoods))


def tally_loss(rows: Scored) -> float:
    """−log-likelihood of rows."""
    some = rows.weight > 0
    return float(rows.weight[some] @ log_losses(rows)[some])
