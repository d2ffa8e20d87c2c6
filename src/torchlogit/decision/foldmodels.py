"""A fit's model once more for every fold of its rows, each fitted without that fold, and all of them in one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.groups import Fitting, results
from torchlogit.losses import LINKS
from torchlogit.metrics.scored import Scored
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
    classes: npt.NDArray[Any]

    def scored(self) -> Scored:
        """Every row beside the probabilities of the model that was fitted without it."""
        own = self.probability[self.fold, torch.arange(len(self.y))]
        return Scored(self.y.numpy(), own.log().numpy(), np.ones(len(self.y)), self.classes)


def fold_models(fit: Fit, folds: int, seed: int) -> FoldModels:
    """Fit without each of the folds, which are drawn at random and differ in size by a row at most.

    ParameterError where the fit has no rows of its own, or weights; DataError where the rows outside a fold have no fit.
    """
    rows = _unweighted(fit)
    n, k = len(rows.codes), fit.theta_centred.shape[1]
    if not 2 <= folds <= n:
        raise ParameterError(f"folds must be a number from 2 to the {n} rows, got {folds}")
    fold = np.random.default_rng(seed).permutation(n) % folds
    model = replace(fit, theta_centred=_thetas(fit, rows, fold, folds))
    eta = model._eta(rows.x).unflatten(1, (folds, k)).movedim(1, 0)
    if rows.offset is not None:
        eta = eta + torch.from_numpy(rows.offset)[:, None]
    at = torch.from_numpy(fold)
    return FoldModels(model, at, torch.from_numpy(rows.codes), fit._loss().probabilities(eta), fit.classes)


def _unweighted(fit: Fit) -> Rows:
    """The fit's rows, each of which counts once."""
    if fit.training is None:
        raise ParameterError("this fit was read from a file, which holds no rows; give calibration rows")
    if fit.loss == "squared":
        raise ParameterError("the linear unit gives no probabilities, so nothing can be promised of its answers")
    weight = fit.training.weight
    if weight is not None and (weight != 1).any():
        raise ParameterError(
            "folds of rows with weights (or counts) promise nothing, because the rows do not count alike; write equal rows out "
            "one by one, or give calibration rows"
        )
    return fit.training


def _thetas(fit: Fit, rows: Rows, fold: np.ndarray, folds: int) -> Tensor:
    """Theta (p, F·k) about the fit's centre."""
    loss, link = ("logistic", fit.loss) if fit.loss in LINKS else (fit.loss, "logit")
    fitting = Fitting(rows, fit.intercept, fit.penalty, loss, link)
    takes = [np.flatnonzero(fold != f) for f in range(folds)]
    start = np.concatenate([[0], np.cumsum([len(take) for take in takes])])
    ended = fitting.newton(fitting.batch(start, np.concatenate(takes)), folds)
    found = results(ended, rows.classes, fitting.k, fit.penalty.free, lambda f: fitting.single(takes[f]))
    without = (~found.theta.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
    if without:
        why = found.told.get(without[0], found.status[without[0]].value)
        raise DataError(
            f"the rows outside fold {without[0] + 1} of {folds} have no fit ({why}); use fewer folds or another seed"
        )
    theta = found.theta.clone()
    if fit.intercept:
        theta[:, 0] += torch.einsum("d,fdk->fk", fit.centre, theta[:, 1:])
    return theta.movedim(0, 1).flatten(1)
