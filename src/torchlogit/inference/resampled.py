"""The covariance of a bootstrap: the fits of resamples of the rows, or of whole clusters of them."""

from __future__ import annotations

import torch
from torch import Tensor

from torchlogit.bootstrap import resample, sentence
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.groups import Fitting
from torchlogit.inference.observed import Observed
from torchlogit.solvers import Status

ENOUGH = 0.95  # share of the resamples that must have a certified estimate


def resampled_root(beside: Observed, codes: Tensor | None, n_resamples: int, seed: int) -> tuple[Tensor, list[str]]:
    """R (p·k, r) about the fit's centre: R Rᵀ is the covariance over the resamples that are certified; and what must be told.

    NotCertifiedError where more than one in twenty has no estimate: the spread of the others would be too small.
    """
    fit = beside.fit
    if n_resamples < 2:
        raise ParameterError(f"n_resamples must be 2 or more, got {n_resamples}")
    fitting = Fitting.like(fit, beside.rows)
    repeated = fit.weights_are == "frequency"
    clusters = None if codes is None else codes.numpy()
    theta, status = resample(fitting, fit, n_resamples, seed, repeated=repeated, clusters=clusters)
    certified = torch.tensor([entry is Status.converged for entry in status])
    told = [f"bootstrap: {line}" for line in sentence(status)]
    if float(certified.double().mean()) < ENOUGH or int(certified.sum()) < 2:
        raise NotCertifiedError(f"no errors: {told[0].removeprefix('bootstrap: ')}")
    return _root(theta[certified], fit.centre, fit.intercept), told


def _root(theta: Tensor, centre: Tensor, intercept: bool) -> Tensor:
    """Deviations of theta (B, p, k) about x = 0 from their mean, about the centre, over √(B − 1), as (p·k, r), r small."""
    deviations = theta - theta.mean(0)
    if intercept:
        deviations[:, 0] += torch.einsum("d,bdk->bk", centre, deviations[:, 1:])
    wide = deviations.flatten(1).mT / (len(theta) - 1) ** 0.5
    size = wide.abs().amax(1, keepdim=True).clamp_min(1e-300)
    return size * torch.linalg.qr((wide / size).mT, mode="r").R.mT
