"""Residuals: how far each row lies from what the fit says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.losses import Loss

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Kind = Literal["deviance", "pearson", "response", "working"]
KINDS = ("deviance", "pearson", "response", "working")


class Misfit(NamedTuple):
    """Residuals of some rows, (n,): positive where a binary y is 1, negative where it is 0; lengths for more classes."""

    deviance: Tensor
    pearson: Tensor


def misfit(loss: Loss, eta: Tensor, y: Tensor, weight: Tensor) -> Misfit:
    """Deviance and Pearson residuals of rows with η (n, k), places of their classes y (n,) and weights (n,).

    ``√(2 s ℓ)`` and ``√(s (1 − μ_y) / μ_y)``, from logarithms, so that a certain row keeps its digits. The square of the
    second is Pearson's χ² of the row, ``s Σ_c (1[y = c] − μ_c)² / μ_c``. Source: McCullagh and Nelder (1989), Generalized
    Linear Models, §2.4.
    """
    own, others = _log_odds_parts(loss, eta, y)
    value = loss.taylor(eta, y, 1)[0]  # of order 1, which keeps a softmax's small losses
    sign = 2.0 * y - 1 if eta.shape[-1] == 1 else torch.ones_like(value)
    pearson = sign * torch.exp((others - own) / 2) * weight.sqrt()
    return Misfit(sign * (2 * weight * value.clamp_min(0)).sqrt(), pearson)


def _log_odds_parts(loss: Loss, eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of μ_y and of 1 − μ_y, (n,)."""
    logs, place = loss.log_probabilities(eta), y.long()[:, None]
    return logs.gather(-1, place)[:, 0], logs.scatter(-1, place, -torch.inf).logsumexp(-1)


def residuals(fit: Fit, kind: Kind = "deviance", data: Any = None, **given: Any) -> Floats:
    """Residuals of the rows that were fitted, or of ``data``, which must hold the target.

    ``"deviance"`` (n,): ``±√(2 s ℓ)``, whose squares sum to the deviance. ``"pearson"`` (n,): ``±√s (y − μ) / √(μ (1 − μ))``.
    ``"response"`` (n,): ``y − μ``. ``"working"`` (n,): ``(y − μ) / μ′``, on the scale of η. For more than two classes the
    first two are lengths without a sign, ``"response"`` is (n, K), one column a class, and there is no ``"working"``.
    ``given`` are target, weight and offset where the fit has no names for them.

    ParameterError for an unknown kind, and for the linear unit, which has no likelihood, if it is not ``"response"``;
    NotCertifiedError where the fit met numbers that are not finite. Source: McCullagh and Nelder (1989), Generalized
    Linear Models, §2.4; the same as ``residuals.glm`` of R.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> result.residuals()[:3].round(4).tolist(), round(float((result.residuals() ** 2).sum()), 4)
    ([-0.2658, -0.3195, -0.3835], 16.0598)
    """
    if kind not in KINDS:
        raise ParameterError(f"unknown kind of residual {kind!r}; there are {', '.join(map(repr, KINDS))}")
    if fit.loss == "squared" and kind != "response":
        raise ParameterError('the linear unit has no likelihood: its residuals are those of kind="response"')
    beside = observed(fit, data, **given)
    with exact_arithmetic():
        out = _of_kind(beside, kind)
    if not bool(out.isfinite().all()):
        raise NotCertifiedError(f"no residuals: {fit.status.value}")
    return out.cpu().numpy()


def _of_kind(beside: Observed, kind: Kind) -> Tensor:
    loss, eta, y = beside.fit._loss(), beside.eta, beside.y
    if kind == "response":
        return _response(loss, eta, y)
    if kind == "working":
        if eta.shape[1] > 1:
            raise ParameterError('working residuals are for two classes; ask for kind="response", one column a class')
        return 1 / loss.taylor(eta, 1 - y, 1)[1][:, 0]  # (1 − μ) / μ′ where y = 1, −μ / μ′ where y = 0
    return getattr(misfit(loss, eta, y, beside.weight), kind)


def _response(loss: Loss, eta: Tensor, y: Tensor) -> Tensor:
    if loss.name == "squared":
        return y - eta[:, 0]
    rest = _log_odds_parts(loss, eta, y)[1].exp()  # 1 − μ_y with all its digits
    if eta.shape[1] == 1:
        return (2.0 * y - 1) * rest
    return (-loss.probabilities(eta)).scatter(-1, y[:, None], rest[:, None])
