"""Tallies: measures as sums over blocks of rows, which add up to those of the whole wherever the blocks live."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.counts import Confusion, confusion_of
from torchlogit.metrics.delong import area_above
from torchlogit.metrics.losses import brier_scores, log_losses
from torchlogit.metrics.ranked import ALIKE, held, summed
from torchlogit.metrics.rates import Calls, Interval, calls
from torchlogit.metrics.scored import Scored, check_probabilities
from torchlogit.sources.base import Block, Source, accumulate

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
BINS = 2**16  # of log-odds from about −32 to 32, the outermost without end
WIDTH = 2.0**-10  # of each
SHIFT = 0.381966  # of their ends, so that none is a number that log-odds are likely to be


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over rows; ``a + b`` is that of both.

    Of K classes, and k curves, 1 (of the positive class) or K, one a class:
    ``weight`` and ``square`` (K, K) of the rows by class and call, ``log_loss`` and ``brier`` sums of weight times loss,
    ``histogram`` (k, 2, BINS) weights by log-odds, the lowest first, of the other classes and of the curve's own.
    """

    classes: npt.NDArray[Any]
    threshold: float
    weight: Floats
    square: Floats
    log_loss_sum: float
    brier_sum: float
    histogram: Floats

    def __add__(self, other: Tally) -> Tally:
        """The tally of both; ParameterError if they are of other classes or another threshold."""
        if self.threshold != other.threshold or self.classes.tolist() != other.classes.tolist():
            raise ParameterError("tallies of different classes or thresholds do not add up")
        return Tally(self.classes, self.threshold, *map(add, self.sums(), other.sums()))

    def sums(self) -> tuple[Any, ...]:
        """What adds up."""
        return self.weight, self.square, self.log_loss_sum, self.brier_sum, self.histogram

    @property
    def total(self) -> float:
        """The weight of all rows; DataError if that is 0."""
        whole = float(self.weight.sum())
        if not whole > 0:
            raise DataError("there are no rows in this tally, or all have weight 0")
        return whole

    @property
    def log_loss(self) -> float:
        """The mean of −log of the probability of each row's own class."""
        return self.log_loss_sum / self.total

    @property
    def brier(self) -> float:
        """Brier's score."""
        return self.brier_sum / self.total

    def accuracy(self, level: float = 0.95) -> Interval:
        """The share of rows that are called what they are, with Wilson's interval."""
        return Calls(self.weight, self.square).accuracy(level)

    def confusion(self) -> Confusion:
        """The rows by class and call."""
        return confusion_of(self.classes, self.weight, self.threshold)

    def auc(self) -> Interval:
        """The area under the ROC curve, between bounds that certainly hold it; with more classes the mean over classes.

        ``value`` takes half of the pairs within a bin for ranked rightly; ``low`` none of them, ``high`` all, and 1e-12 more
        for rounding. DataError if a class has no rows.
        """
        own, others = self.histogram[:, 1, ::-1], self.histogram[:, 0, ::-1]
        if not (own.sum(1) > 0).all() or not (others.sum(1) > 0).all():
            raise DataError("the area under the ROC curve needs rows of every class")
        value, tied = (float(t.mean()) for t in area_above(own, others))
        reach = tied / 2 + ALIKE
        return Interval(value, max(0.0, value - reach), min(1.0, value + reach), "bounds")


def tally(scored: Scored, threshold: float = 0.5) -> Tally:
    """The tally of scored rows, at a threshold of calls of two classes.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> first = tally(scored_arrays([0, 1], [0.1, 0.35]))
    >>> both = first + tally(scored_arrays([0, 1], [0.4, 0.8]))
    >>> both.auc().value, round(both.brier, 6), both.confusion().counts.tolist()
    (0.75, 0.158125, [[2, 0], [1, 1]])
    """
    found, some = calls(scored, threshold), scored.weight > 0
    log_loss, brier = (float(scored.weight[some] @ of(scored)[some]) for of in (log_losses, brier_scores))
    curves = [scored] if scored.binary else [scored.against(label) for label in scored.classes]
    return Tally(scored.classes, threshold, *found, log_loss, brier, np.stack([_histogram(one) for one in curves]))


def _histogram(scored: Scored) -> Floats:
    """Weights (2, BINS) by class and log-odds."""
    scaled = np.floor(held(scored.log_odds) / WIDTH + SHIFT) + BINS // 2
    place = scaled.clip(0, BINS - 1).astype(np.int64) + BINS * scored.y
    return summed(place, scored.weight, 2 * BINS).reshape(2, BINS)


def tallied(fit: Fit, source: Source, threshold: float = 0.5) -> Tally:
    """The tally of all rows of a source of blocks (in memory, of files, of this rank), whose targets are places of classes.

    Blocks are read once and not kept; where the source's ranks add up their sums, every rank gets the tally of all rows.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> tallied(result, result.training.source(True, None)).confusion().counts.tolist()
    [[8, 2], [2, 8]]
    """
    check_probabilities(fit)
    here, theta = fit.about_centre(source.device), fit.theta_centred

    def of_block(block: Block) -> tuple[torch.Tensor, ...]:
        eta = block.design.moved(here, torch.float64).matmul(theta.to(block.weight.device))
        log_probability = fit._loss().log_probabilities(eta + block.offset).cpu().numpy()
        weight = block.weight.double().cpu().numpy()
        rows = Scored(
            block.y.long().cpu().numpy(), log_probability, weight, fit.classes, False, fit.weights_are == "frequency"
        )
        return tuple(torch.as_tensor(t, dtype=torch.float64) for t in tally(rows, threshold).sums())

    weight, square, log_loss, brier, histogram = (t.cpu().numpy() for t in accumulate(source, of_block))
    return Tally(fit.classes, threshold, weight, square, float(log_loss), float(brier), histogram)
