"""What a cross-validation chooses from, and what came of it."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.crossvalidate import Fits
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimators.scoring import scorer_of
from torchlogit.estimators.settings import RATIOS, check_parameters

Array = npt.NDArray[Any]
SELECTIONS = ("best", "one_standard_error")


class Grid(NamedTuple):
    """The strengths C and the ratios to choose from; ``plain``: ridge alone, with no word of ratios."""

    strengths: list[float]
    ratios: list[float]
    plain: bool

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.strengths), len(self.ratios)

    def at(self, place: tuple[Any, ...]) -> tuple[float, float]:
        """C and ratio there."""
        return self.strengths[place[0]], self.ratios[place[1]]


class Outcome(NamedTuple):
    """What came of all folds (F) at all strengths (L) and ratios (R): fits, and scores (F, L, R)."""

    grid: Grid
    fits: Fits
    classes: Array
    scores: Array
    share: float  # of the rows, that a fold trains on
    single: bool

    def of_fits(self, table: Any) -> Array:
        """A table of the fits (F, L·R) as (F, L, R)."""
        return np.asarray(table.cpu().numpy().reshape(self.scores.shape))

    def chosen(self, selection: str) -> tuple[Any, ...]:
        """Where the choice is: the best mean score, or the strongest penalty within a standard error of it."""
        bad = np.argwhere(np.isnan(self.scores))
        if len(bad):
            C, _ = self.grid.at(tuple(bad[0][1:]))
            raise DataError(
                f"the score of fold {bad[0][0] + 1} at C={C:g} is not a number; choose another scoring or cv"
            )
        mean, n = self.scores.mean(0), len(self.scores)
        i, j = np.unravel_index(np.argmax(self.scores.sum(0)), mean.shape)
        if selection == "best" or n < 2:
            return i, j
        error = self.scores[:, i, j].std(ddof=1) / math.sqrt(n)
        near = np.flatnonzero(mean[:, j] >= mean[i, j] - error)
        return min(near, key=lambda place: self.grid.strengths[place]), j

    def at_share(self, path: Array, C: float) -> Array:
        """Where a fit to all rows is to be expected, from the folds' mean path (L, k, p): where they stand at C / share."""
        strengths = np.log(np.minimum(self.grid.strengths, 1e300))
        order = np.argsort(strengths)
        place = np.interp(math.log(min(C, 1e300) / self.share), strengths[order], np.arange(len(order)))
        low, high = order[math.floor(place)], order[math.ceil(place)]
        return np.asarray(path[low] + (place % 1) * (path[high] - path[low]))

    def paths(self) -> Array:
        """Coefficients of all fits (F, L, R, k, p), the intercept at x = 0 last."""
        theta, d = self.fits.theta.cpu().numpy(), len(self.fits.centre)
        slopes = np.swapaxes(theta[..., theta.shape[-2] - d :, :], -1, -2)
        if theta.shape[-2] > d:
            bias = theta[..., 0, :] - np.einsum("flkd,d->flk", slopes, self.fits.centre.cpu().numpy())
            slopes = np.concatenate([slopes, bias[..., None]], -1)
        return slopes.reshape(*self.scores.shape, *slopes.shape[-2:])


def scoring_of(of: Any) -> Any:
    """The scoring, None for accuracy; "warn" is scikit-learn's word for its default."""
    return None if isinstance(of.scoring, str) and of.scoring == "warn" else of.scoring


def grid_of(of: Any) -> Grid:
    """The penalties to choose from, all parameters checked."""
    check_parameters(of._one())
    if not isinstance(of.penalty, str) or of.penalty not in ("deprecated", "elasticnet", *RATIOS):
        raise ParameterError(f'penalty must be "l2", "l1" or "elasticnet"; got {of.penalty!r}')
    if of.selection not in SELECTIONS:
        raise ParameterError(f"selection must be one of {list(SELECTIONS)}; got {of.selection!r}")
    scorer_of(scoring_of(of))
    count = int(of.Cs) if isinstance(of.Cs, Integral) else 0
    strengths = np.logspace(-4, 4, count).tolist() if count > 0 else _numbers(of.Cs)
    if not strengths or not all(C > 0 for C in strengths):
        raise ParameterError(f"Cs must be a number of strengths, or numbers above 0; got {of.Cs!r}")
    plain = of.l1_ratios is None or (isinstance(of.l1_ratios, str) and of.l1_ratios == "warn")
    if plain and of.penalty == "elasticnet":
        raise ParameterError('penalty="elasticnet" needs l1_ratios, numbers from 0 to 1')
    ratios = [RATIOS.get(of.penalty, 0.0)] if plain else _numbers(of.l1_ratios)
    if not ratios or not all(0 <= ratio <= 1 for ratio in ratios):
        raise ParameterError(f"l1_ratios must be numbers from 0 to 1, or None; got {of.l1_ratios!r}")
    return Grid(strengths, ratios, plain)


def _numbers(values: Any) -> list[float]:
    """Numbers as floats; none where they are not numbers."""
    try:
        found = np.asarray(values)
        return found.astype(float).tolist() if found.ndim == 1 and found.dtype.kind in "fiu" else []
    except (TypeError, ValueError):
        return []
