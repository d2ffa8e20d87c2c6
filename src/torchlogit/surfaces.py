"""Loss surfaces of one feature and an intercept: the loss over (w, b), how it bends, and the path of training on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, jacrev, vmap

from torchlogit.errors import DataError, ParameterError

__all__ = ["SurfaceTable", "loss_surface"]


class SurfaceTable(NamedTuple):
    """A loss over a grid: ``value`` and ``curvature`` (n, m) at slopes ``w`` (m,) and intercepts ``b`` (n,).

    ``curvature`` is the smaller eigenvalue of the Hessian: where it is under 0 the surface bends downward in some
    direction, as a convex one never does. ``path`` is (epochs + 1, 2): the (w, b) of training, from its start.
    """

    w: Tensor
    b: Tensor
    value: Tensor
    curvature: Tensor
    path: Tensor


def _mse(eta: Tensor, y: Tensor) -> Tensor:
    """Squared error after a sigmoid, from whichever side of 0 keeps its digits."""
    return torch.sigmoid(torch.where(y > 0.5, -eta, eta)).square()


def _bce(eta: Tensor, y: Tensor) -> Tensor:
    return F.softplus(torch.where(y > 0.5, -eta, eta))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": _mse, "bce": _bce}


def loss_surface(
    loss: str,
    x: Any,
    y: Any,
    *,
    w: tuple[float, float] = (-8, 8),
    b: tuple[float, float] = (-12, 12),
    points: int = 81,
    start: tuple[float, float] = (0, 0),
    lr: float = 0.01,
    epochs: int = 1000,
) -> SurfaceTable:
    """The sum of a loss over rows x (n,), y (n,) of 0 and 1, on a grid of ``points`` × ``points``, in float64.

    ``loss`` is "bce", binary cross-entropy, or "mse", the squared error after the sigmoid: ``Σ (σ(x w + b) − y)²``.
    ``w`` and ``b`` are the ends of the grid. The path is that of gradient descent over all rows from ``start``.

    Raises ``ParameterError`` for another loss or a grid of fewer than two points, ``DataError`` for rows that are not
    one number and a 0 or 1 each.

    >>> from torchlogit import datasets
    >>> table = datasets.lesson()
    >>> bce, mse = (loss_surface(each, table["hours"], table["passed"]) for each in ("bce", "mse"))
    >>> [f"bends downward on {(surface.curvature < -3e-5).double().mean():.0%}" for surface in (bce, mse)]
    ['bends downward on 0%', 'bends downward on 62%']
    """
    if loss not in LOSSES:
        raise ParameterError(f"unknown loss {loss!r}; there are {', '.join(map(repr, LOSSES))}")
    if points < 2 or epochs < 0:
        raise ParameterError(f"a surface needs 2 points or more a side and 0 epochs or more, got {points=}, {epochs=}")
    x, y = (torch.as_tensor(each, dtype=torch.float64) for each in (x, y))
    if x.ndim != 1 or x.shape != y.shape or not bool((x.isfinite() & ((y == 0) | (y == 1))).all()):
        shapes = f"x of shape {tuple(x.shape)}, y of shape {tuple(y.shape)}"
        raise DataError(
            f"a surface needs x (n,) of finite numbers and y (n,) of 0 and 1; got {shapes}, y {y.unique().tolist()[:5]}"
        )

    def value(theta: Tensor) -> Tensor:
        return LOSSES[loss](theta[0] * x + theta[1], y).sum()

    across, up = (torch.linspace(*ends, points, dtype=torch.float64) for ends in (w, b))
    grid = torch.stack(torch.meshgrid(across, up, indexing="xy"), -1)
    return SurfaceTable(across, up, _over(value, grid), _curvature(value, grid), _path(value, start, lr, epochs))


def _over(of: Callable[[Tensor], Tensor], grid: Tensor) -> Tensor:
    """A function of (w, b) at every point of the grid (n, m, 2)."""
    return vmap(vmap(of))(grid)


def _curvature(value: Callable[[Tensor], Tensor], grid: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(_over(jacrev(jacrev(value)), grid))[..., 0]


def _path(value: Callable[[Tensor], Tensor], start: tuple[float, float], lr: float, epochs: int) -> Tensor:
    path, slope = [torch.tensor(start, dtype=torch.float64)], grad(value)
    for _ in range(epochs):
        path.append(path[-1] - lr * slope(path[-1]))
    return torch.stack(path)
