"""Losses as functions of eta: what one row costs. A loss needs only its value; autograd derives the rest.

Shapes: eta (*B, n, k), y (n,) or (*B, n); value (*B, n), gradient (*B, n, k), Hessian (*B, n, k, k).
Closed derivatives are speed-ups, tested against the derived ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchlogit.errors import DataError, ParameterError


class Loss(nn.Module):
    """One row's loss. Subclasses write `forward` and `mean`; `taylor` and `conjugate` where a closed form is worth it."""

    name = "loss"
    symmetric = False  # whether adding one constant to all columns of eta changes nothing

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        """Loss of every row, (*B, n)."""
        raise NotImplementedError

    def mean(self, eta: Tensor) -> Tensor:
        """Expected target given eta, same shape: probabilities for the losses of classification."""
        raise NotImplementedError

    def conjugate(self, u: Tensor, y: Tensor) -> Tensor:
        """Fenchel conjugate sup_η ⟨u, η⟩ − ℓ(η, y), (*B, n): what a duality gap needs."""
        raise NotImplementedError(f"{type(self).__name__} has no closed conjugate, so no duality gap for L1")

    def taylor(self, eta: Tensor, y: Tensor, order: int = 2) -> tuple[Tensor, ...]:
        """(value, gradient, Hessian)[: order + 1], by autograd."""
        if order == 0:
            return (self(eta, y),)
        with torch.enable_grad():
            eta = eta.detach().requires_grad_()
            value = self(eta, y)
            (grad,) = torch.autograd.grad(value.sum(), eta, create_graph=order > 1)
            if order == 1:
                return value.detach(), grad
            rows = [_derivative(grad[..., j], eta) for j in range(eta.shape[-1])]
        return value.detach(), grad.detach(), torch.stack(rows, -2)


def _derivative(of: Tensor, eta: Tensor) -> Tensor:
    """Row-wise derivative; zeros where ``of`` does not depend on eta at all."""
    if not of.requires_grad:
        return torch.zeros_like(eta)
    (out,) = torch.autograd.grad(of.sum(), eta, retain_graph=True, allow_unused=True)
    return torch.zeros_like(eta) if out is None else out


class Logistic(Loss):
    """Binary cross-entropy from logits, k = 1, y in [0, 1]: ``ℓ = −y log σ(η) − (1 − y) log σ(−η)``.

    Finite for every finite eta, also 1e308. Source: McCullagh and Nelder (1989), Generalized Linear Models, eq. 4.13.

    >>> import torch
    >>> Logistic()(torch.tensor([[0.0], [1000.0]]), torch.tensor([1.0, 0.0]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    name = "logistic"

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        eta, y = eta[..., 0], y.to(eta.dtype)
        return -y * F.logsigmoid(eta) - (1 - y) * F.logsigmoid(-eta)

    def mean(self, eta: Tensor) -> Tensor:
        return torch.sigmoid(eta)

    def conjugate(self, u: Tensor, y: Tensor) -> Tensor:
        p = (u[..., 0] + y).clamp(0, 1)
        return torch.special.xlogy(p, p) + torch.special.xlogy(1 - p, 1 - p)

    def taylor(self, eta: Tensor, y: Tensor, order: int = 2) -> tuple[Tensor, ...]:
        """Closed form: one exp serves value, gradient σ(η) − y and Hessian σ(η) σ(−η)."""
        eta, y = eta[..., 0], y.to(eta.dtype)
        e = torch.exp(-eta.abs())
        positive = eta >= 0
        value = torch.where(positive, (1 - y) * eta, -y * eta) + torch.log1p(e)
        if order == 0:
            return (value,)
        inverse = 1 / (1 + e)
        small = e * inverse  # σ(−|η|), to full relative precision
        # σ(η) − y without forming σ(η) near 1, where the difference would cancel
        grad = torch.where(positive, (1 - y) - small, small - y)
        if order == 1:
            return value, grad[..., None]
        return value, grad[..., None], (small * inverse)[..., None, None]


class Softmax(Loss):
    """Cross-entropy of k = K classes, y a class index: ``ℓ = log Σⱼ exp ηⱼ − η_y``, symmetric in the classes.

    Source: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, eq. 4.36 (symmetric form).

    >>> import torch
    >>> Softmax()(torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.tensor([2])).exp()
    tensor([4.])
    """

    name = "softmax"
    symmetric = True

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        shifted = eta - self._chosen(eta, y)[..., None]
        return shifted.logsumexp(-1)

    def mean(self, eta: Tensor) -> Tensor:
        return eta.softmax(-1)

    def conjugate(self, u: Tensor, y: Tensor) -> Tensor:
        p = (u + F.one_hot(y.long(), u.shape[-1])).clamp(0, 1)
        return torch.special.xlogy(p, p).sum(-1)

    def taylor(self, eta: Tensor, y: Tensor, order: int = 2) -> tuple[Tensor, ...]:
        """Closed form: gradient μ − e_y, Hessian diag(μ) − μ μᵀ."""
        if order == 0:
            return (self(eta, y),)
        mu = eta.softmax(-1)
        index = y.long().expand(eta.shape[:-1])[..., None]
        others = mu.scatter(-1, index, 0.0)
        rest = others.sum(-1)  # 1 − μ_y with all its digits
        value = torch.where(rest < 0.5, -torch.log1p(-rest), self(eta, y))
        grad = others.scatter(-1, index, -rest[..., None])
        if order == 1:
            return value, grad
        return value, grad, torch.diag_embed(mu) - mu[..., :, None] * mu[..., None, :]

    @staticmethod
    def _chosen(eta: Tensor, y: Tensor) -> Tensor:
        return eta.gather(-1, y.long().expand(eta.shape[:-1])[..., None])[..., 0]


class Squared(Loss):
    """Half the squared error of the linear unit, k = 1: ``ℓ = (η − y)² / 2``; its fit is the linear probability model.

    >>> import torch
    >>> Squared()(torch.tensor([[3.0]]), torch.tensor([1.0]))
    tensor([2.])
    """

    name = "squared"

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        return (eta[..., 0] - y).square() / 2

    def mean(self, eta: Tensor) -> Tensor:
        return eta

    def conjugate(self, u: Tensor, y: Tensor) -> Tensor:
        return u[..., 0].square() / 2 + u[..., 0] * y

    def taylor(self, eta: Tensor, y: Tensor, order: int = 2) -> tuple[Tensor, ...]:
        residual = eta - y.to(eta.dtype)[..., None]
        return (residual[..., 0].square() / 2, residual, torch.ones_like(residual)[..., None])[: order + 1]


LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (Logistic, Softmax, Squared)}


def loss_for(name: str, n_classes: int) -> tuple[int, Loss]:
    """Number k of columns of eta, and the loss of that name; "auto" is logistic for two classes and softmax for more.

    >>> loss_for("auto", 2), loss_for("auto", 10)[0]
    ((1, Logistic()), 10)
    """
    if name == "auto":
        name = "logistic" if n_classes == 2 else "softmax"
    if name not in LOSSES:
        raise ParameterError(f'unknown loss {name!r}; there are "auto", {", ".join(map(repr, LOSSES))}')
    if name != "softmax" and n_classes > 2:
        raise DataError(f'loss="{name}" is for two classes, but the target has {n_classes}; use loss="softmax"')
    return (n_classes if name == "softmax" else 1), LOSSES[name]()
