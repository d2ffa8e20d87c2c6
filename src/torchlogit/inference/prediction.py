"""Predicted probabilities with their intervals: worked out for the log-odds, or η, and carried to the probability."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError
from torchlogit.inference.normal import half_width
from torchlogit.inference.tabular import Tabular

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
ENTRIES = 2**21  # numbers that are held at a time beside the rows


@dataclass(frozen=True, repr=False, eq=False)
class PredictionTable(Tabular):
    """One entry a row, or for more than two classes a row and class, (m,) arrays; ``row`` counts from 1.

    ``eta`` is η for two classes, the log-odds of the class against all others for more; ``std_error`` is that of ``eta``.
    """

    heading: ClassVar[str] = "Predicted probabilities"

    row: npt.NDArray[np.int64]
    label: npt.NDArray[Any]
    probability: Floats
    low: Floats
    high: Floats
    eta: Floats
    std_error: Floats
    level: float


def predict_interval(fit: Fit, rows: Any, level: float = 0.95, offset: Any = None) -> PredictionTable:
    """The probability of every row with its interval, which lies in [0, 1]: ``μ(η ± z_{(1+level)/2} SE(η))``.

    Two classes: ``SE(η)² = xᵀ C x`` with C the fit's covariance, robust if that is; the probability is of the positive
    class. More classes: the same for the log-odds of each class against all others, ``log μ_c / (1 − μ_c)``, whose
    gradient by η is ``(e_c − μ) / (1 − μ_c)``. The intervals are each row's own, and of the probability, not of y.

    NotCertifiedError where the fit has no standard errors (with a penalty, without a certificate), DataError as
    `Fit.predict_proba`. Source: Hosmer, Lemeshow and Sturdivant (2013), Applied Logistic Regression, §2.5; Agresti (2013),
    Categorical Data Analysis, §16.1 (delta method).

    >>> from torchlogit import datasets, fit
    >>> found = fit(datasets.study_hours(), "passed").predict_interval({"hours": [1.0, 5.0]})
    >>> found.probability.round(4).tolist(), found.low.round(4).tolist(), found.high.round(4).tolist()
    ([0.0709, 0.9691], [0.0073, 0.5651], [0.4424, 0.9987])
    """
    half = half_width(level)
    if fit.no_errors:
        raise NotCertifiedError(f"no intervals: {fit.no_errors}")
    x, loss = fit._matrix(rows), fit._loss()
    eta = fit.eta(x, offset).cpu()
    binary = eta.shape[1] == 1
    inverse: Callable[[Tensor], Tensor] = loss.mean if binary else torch.sigmoid
    classes = fit.classes[-1:] if binary else fit.classes
    with exact_arithmetic():
        error = _errors(fit, x, eta)
        centre = eta if binary else _log_odds(loss.log_probabilities(eta))
        ends = [inverse(centre + sign * half * error) for sign in (-1, 0, 1)]
    low, probability, high = (end.ravel().numpy() for end in ends)
    return PredictionTable(
        row=np.repeat(np.arange(1, len(eta) + 1), len(classes)),
        label=np.tile(classes, len(eta)),
        probability=probability,
        low=low,
        high=high,
        eta=centre.ravel().numpy(),
        std_error=error.ravel().numpy(),
        level=level,
    )


def _log_odds(logs: Tensor) -> Tensor:
    """Log-odds of each class against the others (n, K), from logarithms of probabilities (n, K)."""
    return logs - _others(logs).logsumexp(-1)


def _others(logs: Tensor) -> Tensor:
    """For each class the logarithms of the other classes' probabilities, (n, K, K), −∞ at its own."""
    own = torch.eye(logs.shape[1], dtype=torch.bool)
    return logs[:, None, :].expand(-1, logs.shape[1], -1).masked_fill(own, -torch.inf)


def _contrasts(logs: Tensor) -> Tensor:
    """Gradient by η of each class's log-odds, (n, K, K): 1 for its own, minus its share of the others for another."""
    shares = _others(logs).softmax(-1)
    return torch.eye(logs.shape[1], dtype=logs.dtype) - shares


def _errors(fit: Fit, x: Any, eta: Tensor) -> Tensor:
    """Standard errors of η (n, 1), or of each class's log-odds (n, K)."""
    parts, start = [], 0
    for root in _roots(fit, x):
        here = eta[start : start + len(root)]
        if eta.shape[1] > 1:
            root = _contrasts(fit._loss().log_probabilities(here)) @ root
        parts.append(torch.linalg.vector_norm(root, dim=-1))
        start += len(here)
    return torch.cat(parts) if parts else eta.new_zeros(eta.shape)


def _roots(fit: Fit, x: Any) -> Iterator[Tensor]:
    """Block by block, (m, k, r): L with L Lᵀ the covariance of each row's η."""
    root = fit.covariance_root
    assert root is not None
    p, k = fit.theta_centred.shape
    wide = root.reshape(p, -1)
    most = max(1, ENTRIES // wide.shape[1])
    for start in range(0, x.shape[0], most):
        for design in fit.designs(x[start : start + most]):
            yield (
                design.matmul(wide.to(design.x.device if design.dense else wide.device))
                .reshape(-1, k, root.shape[1])
                .cpu()
            )
