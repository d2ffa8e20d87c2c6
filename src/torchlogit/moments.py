"""Centre and scale of every column: the coordinates in which columns of any size are alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.sources.base import Block, Source, accumulate

GRID = 1024.0  # the centre is the mean to this fraction of the scale; it only has to be near
FOLDABLE = 8.0  # |centre| / scale up to which folding the shift into theta costs less than one digit

SAME = 1e-13  # share of a mean under which a spread about it is rounding
SOME = 21  # rows that say where and how large a column is
NEAR = 1e-2  # squared ratio of spread to distance from the typical row, from which one pass loses under two digits
TINY = 1e-100  # a variance in the typical unit below which squares may have sunk to nothing


class Moments(NamedTuple):
    """Coordinates in which columns of any size are alike, and which columns do not vary at all."""

    coordinates: Coordinates
    constant: Tensor  # (d,) bool; without an intercept: all zero


def moments(source: Source) -> Moments:
    """Weighted mean and standard deviation (rounded to a power of two) of every column, in one pass or in two.

    In two passes deviations are taken from the first row, and from the mean in the second pass, so a shift of 1e12 standard
    deviations costs no digit; squares are of numbers near 1, so a factor of 1e±150 costs none either. A column that
    does not vary gets scale 1 (its own size without an intercept). Values that are not finite make the result so.
    Source: Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, eq. 1.7 (two-pass).
    """
    if (quick := _surveyed(source) if source.survey else _at_once(source)) is not None:
        return quick
    pivot = _first_row(source)

    def first(block: Block) -> tuple[Tensor, ...]:
        (deviation, size), w = _sums(block, pivot, None, None)
        return w.sum(), deviation, size

    total, deviation, size = accumulate(source, first)
    mean = deviation / total if source.intercept else torch.zeros_like(deviation)
    typical = torch.where(size == 0, 1.0, size / total)

    def second(block: Block) -> tuple[Tensor, ...]:
        (correction, squares), _ = _sums(block, pivot, mean, typical)
        return correction, squares

    correction, squares = accumulate(source, second)
    if source.intercept:
        mean = mean + correction / total * typical
    spread = torch.where(size == 0, 1.0, typical * (squares / total).sqrt())
    constant = (size == 0) | (spread < SAME * mean.abs())
    return Moments(_coordinates(pivot + mean, spread, constant), constant)


def _at_once(source: Source) -> Moments | None:
    """The same in one pass about a typical row, by a compiled pass; None where there is none, or where digits would be lost.

    The typical row and the unit are those of some rows, so they are near, or it is seen that they are not: then the sum
    of squares about the mean is what is left of a difference, and the two passes above are taken.
    """
    whole = source.whole("logistic", torch.float64)
    if whole is source:
        return None
    pivot, unit = _typical(source)

    def of_block(block: Block) -> tuple[Tensor, ...]:
        w = _row_weights(block)
        found = block.design.moments(w, pivot, unit)
        return (w.sum(), *(found if found is not None else pivot.new_full((3, len(pivot)), torch.nan)))

    total, first, size, square = accumulate(whole, of_block)
    return _finished(source.intercept, total, first, square, size == 0, pivot, unit)


def _surveyed(source: Source) -> Moments | None:
    """The same from sums that a survey of the source has made, if it has, about a point that is near enough."""
    known = source.survey
    pivot = known.start.centre if source.intercept else torch.zeros_like(known.start.centre)
    gram = known.gram_in(known.start._replace(centre=pivot))
    if gram is None:
        return None
    square = gram.diagonal()[1:]
    return _finished(source.intercept, gram[0, 0], gram[0, 1:], square, square == 0, pivot, known.start.scale)


def _finished(
    intercept: bool, total: Tensor, first: Tensor, square: Tensor, constant: Tensor, pivot: Tensor, unit: Tensor
) -> Moments | None:
    """Moments from sums about a pivot; None where that was so far from the mean that digits would be lost."""
    mean = first / total if intercept else torch.zeros_like(first)
    variance = square / total - mean.square()
    near = (variance > NEAR * mean.square()) & (variance > TINY) & (square < 1 / TINY)
    if not bool((near | constant).all()):
        return None
    spread = torch.where(constant, 1.0, unit * variance.clamp_min(0).sqrt())
    return Moments(_coordinates(pivot + mean * unit, spread, constant), constant)


def _typical(source: Source) -> tuple[Tensor, Tensor]:
    """A point among the rows that deviations are taken from, and their size there; 0 and 1 for sparse rows."""
    zeros = torch.zeros(source.n_features, dtype=torch.float64, device=source.device)
    if source.sparse:
        return zeros, torch.ones_like(zeros)
    x = next(iter(source.sample(SOME, 0))).design.x.double()
    pivot = x.median(0).values if source.intercept else zeros
    size = (x - pivot).abs().mean(0)
    return pivot, torch.where((size > 0) & size.isfinite(), size, 1.0)


def _row_weights(block: Block) -> Tensor:
    """One weight a row, (n,), for all members of a batch together."""
    w = block.weight.double()
    return w if w.ndim == 1 else w.sum(tuple(range(w.ndim - 1)))


def _coordinates(centre: Tensor, spread: Tensor, constant: Tensor) -> Coordinates:
    spread = torch.where((spread == 0) | constant, 1.0, spread)
    scale = torch.exp2(spread.log2().round().clamp(-1000, 1000))
    near = (centre / scale * GRID).round() / GRID * scale  # few bits, so that x − centre is mostly exact
    centre = torch.where(constant, centre, near)
    extreme = (centre.abs() > FOLDABLE * scale) | (scale > 2.0**200) | (scale < 2.0**-200)
    return Coordinates(centre, scale, explicit=bool(extreme.any()))


def _first_row(source: Source) -> Tensor:
    """The point that deviations are taken from: a row of the data, or 0 where that keeps zeros zero."""
    zeros = torch.zeros(source.n_features, dtype=torch.float64, device=source.device)
    if source.sparse or not source.intercept:
        return zeros
    x: Tensor = next(iter(source)).design.x
    return x[0].double()


def _sums(
    block: Block, pivot: Tensor, mean: Tensor | None, unit: Tensor | None
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Weighted sums over a block: of deviations and |deviations| in the first pass, of deviations and squares in the second."""
    w = _row_weights(block)
    if not block.design.dense:
        return _sparse_sums(block, w, mean, unit), w
    t = block.design.x.double() - pivot
    if mean is not None and unit is not None:
        t = (t - mean) / unit
    return (w @ t, w @ (t.abs() if mean is None else t.square())), w


def _sparse_sums(block: Block, w: Tensor, mean: Tensor | None, unit: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same without touching the zeros: they deviate by −mean, all alike."""
    x, weights = block.design.x.astype("float64"), w.numpy()
    if mean is None or unit is None:
        return torch.from_numpy(x.T @ weights), torch.from_numpy(abs(x).T @ weights)
    m, u = mean.numpy(), unit.numpy()
    filled = x.copy()
    filled.data[:] = 1.0
    zeros = torch.from_numpy(weights.sum() - filled.T @ weights)
    with np.errstate(invalid="ignore"):  # infinite cells are found by who asked
        x.data = (x.data - m[x.indices]) / u[x.indices]
    at_zero = -mean / unit
    deviations = torch.from_numpy(x.T @ weights) + zeros * at_zero
    return deviations, torch.from_numpy(x.power(2).T @ weights) + zeros * at_zero.square()
