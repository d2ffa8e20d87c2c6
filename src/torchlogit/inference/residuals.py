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
    """Deviance and Pearson residuals of rows with η (n, k), weights (n,), and places of their classes y (n,).

    ``√(2 s (ℓ − least ℓ))`` and ``√s (y − μ) / √(μ (1 − μ))``, from logarithms, so that a certain row keeps its digits. Of two
    classes y may be a share of successes. Of more, the square of the second is Pearson's χ² of the row,
    ``s Σ_c (1[y = c] − μ_c)² / μ_c = s (1 − μ_y) / μ_y``. Source: McCullagh and Nelder (1989), Generalized Linear Models, §2.4.
    """
    value = loss.taylor(eta, y, 1)[0]  # of order 1, which keeps a softmax's small losses
    if eta.shape[-1] > 1:
        own, others = _own_and_others(loss, eta, y)
        return Misfit((2 * weight * value.clamp_min(0)).sqrt(), torch.exp((others - own) / 2) * weight.sqrt())
    no, yes = loss.log_probabilities(eta).unbind(-1)
    pearson = _parted(y, torch.exp((no - yes) / 2), torch.exp((yes - no) / 2))
    least = -torch.xlogy(y, y) - torch.xlogy(1 - y, 1 - y)
    deviance = (2 * weight * (value - least).clamp_min(0)).sqrt()
    return Misfit(torch.where(pearson < 0, -deviance, deviance), pearson * weight.sqrt())


def _parted(y: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """``y · up − (1 − y) · down`` where what counts nothing may be infinite."""
    return torch.where(y > 0, y * up, 0.0) - torch.where(y < 1, (1 - y) * down, 0.0)


def _own_and_others(loss: Loss, eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of μ_y and of 1 − μ_y, (n,)."""
    logs, place = loss.log_probabilities(eta), y.long()[:, None]
    return logs.gather(-1, place)[:, 0], logs.scatter(-1, place, -torch.inf).logsumexp(-1)


def residuals(fit: Fit, kind: Kind = "deviance", data: Any = None, **given: Any) -> Floats:
    """Residuals of the rows that were fitted, or of ``data``, which must hold the target.

    ``"deviance"`` (n,): ``±√(2 s ℓ)``, whose squares sum to the deviance. ``"pearson"`` (n,): ``±√s (y − μ) / √(μ (1 − μ))``.
    ``"response"`` (n,): ``y − μ``. ``"working"`` (n,): ``(y − μ) / μ′``, on the scale of η. For more than two classes the
    first two are lengths without a sign, ``"response"`` is (n, K), one column a class, and there is no ``"working"``.
    Of counts there is one residual a row of the table, y the share of successes and s the trials. ``given`` are target,
    weight and offset where the fit has no names for them.

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
    beside = observed(fit, data, **given).together()
    with exact_arithmetic():
        out = _of_kind(beside, kind)
    if not bool(out.isfinite().all()):
        raise NotCertifiedError(f"no residuals: {fit.status.value}")
    return out.cpu().numpy()


def _of_kind(beside: Observed, kind: Kind) -> Tensor:
    loss, eta, y = beside.fit._loss(), beside.eta, beside.y.double()
    if kind == "response":
        return _response(loss, eta, y)
    if kind == "working":
        if eta.shape[1] > 1:
            raise ParameterError('working residuals are for two classes; ask for kind="response", one column a class')
        yes, no = (loss.taylor(eta, torch.full_like(y, other), 1)[1][:, 0] for other in (0.0, 1.0))
        return _parted(y, 1 / yes, -1 / no)  # (1 − μ) / μ′ where y = 1, −μ / μ′ where y = 0
    return getattr(misfit(loss, eta, y, beside.weight), kind)


def _response(loss: Loss, eta: Tensor, y: Tensor) -> Tensor:
    """``y − μ``, of which 1 − μ has all its digits."""
    if loss.name == "squared":
        return y - eta[:, 0]
    if eta.shape[1] == 1:
        no, yes = loss.log_probabilities(eta).exp().unbind(-1)
        return _parted(y, no, yes)
    rest = _own_and_others(loss, eta, y)[1].exp()
    return (-loss.probabilities(eta)).scatter(-1, y.long()[:, None], rest[:, None])
