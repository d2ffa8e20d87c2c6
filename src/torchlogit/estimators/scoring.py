"""Scores of the fits of a cross-validation on the rows that each fold holds out, as scikit-learn's scorers give them."""

from __future__ import annotations

import inspect
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import get_scorer, make_scorer
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.errors import ParameterError
from torchlogit.estimators.logistic import LogisticRegression
from torchlogit.estimators.reading import features
from torchlogit.losses import Loss
from torchlogit.sources.memory import MemorySource

Array = npt.NDArray[Any]
EPSILON = float(np.finfo(np.float64).eps)  # what log_loss of scikit-learn takes for the smallest probability


class Held(NamedTuple):
    """The rows that a fold holds out, m of them: table, class codes, labels and what else scorers get."""

    x: Any
    codes: Tensor
    labels: Array
    parameters: dict[str, Any]

    def mean(self, rows: Tensor) -> Array:
        """Weighted means of row values (L, m), (L,)."""
        weight = self.parameters.get("sample_weight")
        return np.average(rows.double().cpu().numpy(), axis=-1, weights=weight)


class Models(NamedTuple):
    """The fits of a fold: ``theta`` (L, p, k) about ``centre`` (d,), their loss and classes."""

    theta: Tensor
    centre: Tensor
    intercept: bool
    loss: Loss
    classes: Array
    strengths: list[float]

    def eta(self, x: Any) -> Tensor:
        """η of rows x (m, d) under every model, (L, m, k) float64."""
        centre = self.centre.to(x.device) if isinstance(x, Tensor) else self.centre
        here = Coordinates(centre, torch.ones_like(centre), explicit=bool((centre.abs() > 1e3).any()))
        source = MemorySource(x, torch.zeros(x.shape[0], device=centre.device), intercept=self.intercept)
        theta = self.theta.to(centre).movedim(0, 1)  # (p, L, k): all models are columns of one product
        with torch.no_grad():
            eta = [block.design.moved(here, torch.float64).matmul(theta.flatten(1)) for block in source]
        return torch.cat(eta).unflatten(1, theta.shape[1:]).movedim(1, 0)


class Member(LogisticRegression):
    """One fit of a path, as a scorer wants it; it knows the η of the rows that it is scored on."""

    def __init__(self, models: Models, number: int, x: Any, eta: Tensor) -> None:
        theta, lead = models.theta[number].cpu().numpy(), int(models.intercept)
        super().__init__(C=models.strengths[number], fit_intercept=models.intercept)
        self.models, self.number, self.x, self.eta = models, number, x, eta
        self.classes_, self.coef_ = models.classes, theta[lead:].T.copy()
        at_zero = theta[0] - models.centre.cpu().numpy() @ theta[lead:] if lead else np.zeros(len(self.coef_))
        self.intercept_, self.n_features_in_ = at_zero, theta.shape[0] - lead

    def _eta(self, X: Any, offset: Any) -> Tensor:
        if X is self.x:
            return self.eta
        one = self.models._replace(theta=self.models.theta[self.number, None])
        return one.eta(features(X))[0]

    def _loss(self) -> Loss:
        return self.models.loss


def scores(scoring: Any, models: Models, held: Held) -> Array:
    """Score of every model on the rows held out, (L,)."""
    eta = models.eta(held.x)
    if scoring in (None, "accuracy"):
        right = _predicted(models.loss, eta) == held.codes
        return held.mean(right)
    if scoring == "neg_log_loss":
        chosen = models.loss.log_probabilities(eta).gather(-1, held.codes.expand(len(eta), -1)[..., None])[..., 0]
        return held.mean(chosen.clamp(math.log(EPSILON), math.log1p(-EPSILON)))
    scorer, x = _with_labels(scorer_of(scoring), models.classes), held.x
    x = x.cpu().numpy() if isinstance(x, Tensor) else x
    members = (Member(models, j, x, eta[j].cpu()) for j in range(len(eta)))
    return np.array([float(scorer(member, x, held.labels, **held.parameters)) for member in members])


def scorer_of(scoring: Any) -> Any:
    """scikit-learn's scorer of that name; a callable is one already."""
    try:
        return get_scorer("accuracy" if scoring is None else scoring)
    except ValueError as error:
        raise ParameterError(f"scoring: {error}") from error


def _predicted(loss: Loss, eta: Tensor) -> Tensor:
    """The most probable class (L, m) of η (L, m, k)."""
    if loss.name == "logistic":
        return (eta[..., 0] > 0).long()
    return (eta if loss.name == "softmax" else loss.probabilities(eta)).argmax(-1)


def _with_labels(scorer: Any, classes: Array) -> Any:
    """The scorer told all classes, where it wants to know them: held-out rows need not have them all."""
    function = getattr(scorer, "_score_func", None)
    known = inspect.signature(function).parameters if function is not None else ()
    if "labels" not in known:
        return scorer
    given = {"labels": classes, **({"pos_label": classes[-1]} if len(classes) == 2 and "pos_label" in known else {})}
    response, sign = scorer._response_method, scorer._sign
    return make_scorer(function, greater_is_better=sign == 1, response_method=response, **{**given, **scorer._kwargs})
