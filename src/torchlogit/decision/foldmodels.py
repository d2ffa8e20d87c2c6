"""A fit's model once more for every fold of its rows, each fitted without that fold, and all of them in one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.calibrated import Calibrated
from torchlogit.errors import DataError, ParameterError
from torchlogit.groups import Fitting
from torchlogit.inference.observed import observed
from torchlogit.metrics.crossed import fold_fits
from torchlogit.metrics.scored import check_probabilities
from torchlogit.model import Model

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.rows import Rows


class FoldModels(NamedTuple):
    """``model`` has F·k columns of η, k for every fold; ``fold`` (n,) is each row's, ``probability`` (F, n, K) by every model."""

    model: Model
    fold: Tensor
    y: Tensor
    probability: Tensor


def fold_models(fit: Fit, folds: int, seed: int) -> FoldModels:
    """Fit without each of the folds, which are drawn at random and differ in size by a row at most.

    ParameterError where the fit has no rows of its own, or weights; DataError where the rows outside a fold have no fit.
    """
    rows = _unweighted(fit)
    n, k = len(rows.codes), fit.theta_centred.shape[1]
    if not 2 <= folds <= n:
        raise ParameterError(f"folds must be a number from 2 to the {n} rows, got {folds}")
    fold = np.random.default_rng(seed).permutation(n) % folds
    model = replace(fit, theta_centred=_thetas(fit, rows, fold))
    eta = model._eta(rows.x).unflatten(1, (folds, k)).movedim(1, 0)
    if rows.offset is not None:
        eta = eta + torch.from_numpy(rows.offset)[:, None]
    at = torch.from_numpy(fold)
    return FoldModels(model, at, torch.from_numpy(rows.codes), fit._loss().probabilities(eta))


def _unweighted(fit: Fit) -> Rows:
    """The fit's rows, each of which counts once."""
    check_probabilities(fit)
    if isinstance(fit, Calibrated):
        raise ParameterError("folds fit the model anew, not what calibrates it; give rows that neither has seen")
    rows = observed(fit).rows
    if rows.weight is not None and (rows.weight != 1).any():
        raise ParameterError(
            "folds of rows with weights (or counts) promise nothing, because the rows do not count alike; write equal rows out "
            "one by one, or give calibration rows"
        )
    return rows


def _thetas(fit: Fit, rows: Rows, fold: npt.NDArray[Any]) -> Tensor:
    """Theta (p, F·k) about the fit's centre."""
    found = fold_fits(Fitting.like(fit, rows), fold, fit)
    without = (~found.theta.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
    if without:
        raise DataError(
            f"the rows outside fold {without[0] + 1} have no fit ({found.why(without[0])}); use fewer folds or another seed"
        )
    theta = found.theta.movedim(0, 1).flatten(1)
    return fit.about_centre(theta.device).seen(theta, 0.0, fit.intercept)
