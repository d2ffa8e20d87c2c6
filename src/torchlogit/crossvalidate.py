"""Every fold of a cross-validation with every penalty: what of it is one fit, and what goes one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.estimate import NotFinite, estimate
from torchlogit.foldpaths import FoldPaths, picked
from torchlogit.folds import folds_of
from torchlogit.losses import Loss
from torchlogit.moments import moments
from torchlogit.penalties import ElasticNet
from torchlogit.solvers import Status
from torchlogit.sources.memory import MemorySource

LARGEST = 400  # coefficients up to which every fit of a path has a Hessian of its own
HESSIANS = 2**25  # entries of the Hessians that are held together: 256 MB


class Fits(NamedTuple):
    """The fits of F folds with L penalties: ``theta`` (F, L, p, k) about ``centre`` (d,); all else (F, L)."""

    theta: Tensor
    centre: Tensor
    relative_distance: Tensor  # to the optimum: the certificate
    certified: Tensor
    n_iter: Tensor


def cross_validate(
    source: MemorySource,
    train: Sequence[npt.NDArray[Any]],
    penalties: Sequence[ElasticNet],
    k: int,
    *,
    loss: Loss,
    tol: float,
    solver: Any = "auto",
    max_iter: int = 100,
    dtype: torch.dtype = torch.float64,
) -> Fits:
    """Fit every fold (numbers of the rows that it trains on, or a mask) with every penalty.

    ``tol`` is the relative distance to the optimum that is wanted. Fits with an L2 penalty alone are one fit (`FoldPaths`),
    unless ``solver`` is not "auto" or there are too many coefficients. The others go one by one (`estimate`), from the
    strongest penalty to the weakest, each from where the one before ended.

    >>> import numpy as np, torch
    >>> from torchlogit.losses import loss_for
    >>> from torchlogit.penalties import L2
    >>> rows = MemorySource(torch.tensor([[0.0], [1], [2], [3]]), torch.tensor([0, 1, 0, 1]))
    >>> train, (k, loss) = [np.array([0, 1, 2]), np.array([1, 2, 3])], loss_for("auto", 2)
    >>> fits = cross_validate(rows, train, [L2(0.1), L2(1.0)], k, loss=loss, tol=1e-12)
    >>> fits.theta.shape, bool(fits.certified.all())
    (torch.Size([2, 2, 2, 1]), True)
    """
    coordinates = moments(source).coordinates
    if not bool(coordinates.centre.isfinite().all() and coordinates.scale.isfinite().all()):
        raise NotFinite("a column holds NaN, infinity, or numbers so large that their sum is infinite")
    p, shape = source.n_features + source.intercept, (len(train), len(penalties))
    distance = torch.zeros(shape, dtype=torch.float64)
    fits = Fits(distance.new_zeros(*shape, p, k), coordinates.centre, distance, distance > 0, distance.long())
    smooth = loss.name in ("logistic", "softmax") and solver == "auto" and p * k <= LARGEST
    shared = [j for j, one in enumerate(penalties) if smooth and one.l1_ratio == 0 and not one.free]
    alone = [j for j in range(len(penalties)) if j not in shared]
    if shared:
        names = [""] * source.n_features
        l2 = torch.stack([penalties[j].strengths(names, coordinates, source.intercept).l2 for j in shared])
        most, begin = max(1, HESSIANS // (len(shared) * (p * k) ** 2)), 0
        for folds in folds_of(train, source.n_rows, most):
            paths = FoldPaths(source, loss, k, coordinates, dtype, folds, l2)
            _together(fits, slice(begin, begin + len(folds)), shared, paths, tol, max_iter)
            begin += len(folds)
    settings = {"loss": loss, "solver": solver, "max_iter": max_iter, "tol": tol, "dtype": dtype}
    for fold, rows in enumerate(train if alone else ()):
        part = picked(source, torch.from_numpy(np.asarray(rows)))
        _one_by_one(fits, fold, part, {j: penalties[j] for j in alone}, k, settings)
    return fits


def _together(fits: Fits, folds: slice, shared: list[int], paths: FoldPaths, tol: float, max_iter: int) -> None:
    """Path × folds as one fit."""
    found = paths.solve(tol, max_iter)
    fits.theta[folds, shared] = _about_centre(found.theta, paths.coordinates, paths.source.intercept).cpu()
    fits.relative_distance[folds, shared] = found.relative.cpu()
    fits.certified[folds, shared] = found.certified.cpu()
    fits.n_iter[folds, shared] = found.n_iter.cpu()


def _about_centre(gamma: Tensor, coordinates: Coordinates, intercept: bool) -> Tensor:
    """Theta (*B, p, k) in units of x − centre from that in the solver's coordinates, which here have no basis."""
    lead = int(intercept)
    return torch.cat([gamma[..., :lead, :], coordinates.slopes(gamma[..., lead:, :])], -2)


def _one_by_one(
    fits: Fits, fold: int, source: MemorySource, penalties: dict[int, ElasticNet], k: int, settings: dict[str, Any]
) -> None:
    """The fits of one fold, each from the one before."""
    start, lead = None, int(source.intercept)
    columns = [f"x{j + 1}" for j in range(source.n_features)]
    for j in sorted(penalties, key=lambda j: -float(penalties[j].by_feature(columns).max())):
        found = estimate(source, columns, k, penalty=penalties[j], start=start, **settings)
        theta = found.theta.cpu().clone()
        theta[:lead] -= (found.centre.cpu() @ theta[lead:])[None]
        start = theta.to(source.device)
        if not bool(theta.isfinite().all()):
            start = None
        theta = found.theta.cpu().clone()
        theta[:lead] += ((fits.centre.cpu() - found.centre.cpu()) @ theta[lead:])[None]
        fits.theta[fold, j], fits.n_iter[fold, j] = theta, found.n_iter
        fits.relative_distance[fold, j] = found.certificate.relative_distance
        fits.certified[fold, j] = found.status is Status.converged
