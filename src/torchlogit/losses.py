"""Losses as functions of eta: what one row costs. A loss needs only its value; autograd derives the rest.

Shapes: eta (*B, n, k), y (n,) or (*B, n); value (*B, n), gradient (*B, n, k), Hessian (*B, n, k, k).
Closed derivatives are speed-ups, tested against the derived ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi, sqrt
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchlogit import sigmoids
from torchlogit.errors import DataError, ParameterError

SATURATED = 15.0  # |η| from which σ(η) in float32 has lost the digits of 1 − σ(η)


class Link(NamedTuple):
    """How η becomes a probability: ``μ = (f(scale · η) − low) / (high − low)``."""

    sigmoid: sigmoids.Sigmoid
    scale: float


# The statistician's names, in the statistician's scale, then the gallery's, whose f has slope 1 at 0 where they differ.
LINKS = {
    "logit": Link(sigmoids.logistic, 1.0),
    "probit": Link(sigmoids.erf, sqrt(2 / pi)),
    "hyperbolic_secant": Link(sigmoids.gudermannian, 1.0),
    "student_t2": Link(sigmoids.algebraic, sqrt(0.5)),
    "cauchit": Link(sigmoids.arctan, 2 / pi),
    "softsign": Link(sigmoids.softsign, 1.0),
    "cloglog": Link(sigmoids.cloglog, 1.0),
    "loglog": Link(sigmoids.loglog, 1.0),
    "erf": Link(sigmoids.erf, 1.0),
    "tanh": Link(sigmoids.tanh, 1.0),
    "gudermannian": Link(sigmoids.gudermannian, 1.0),
    "algebraic": Link(sigmoids.algebraic, 1.0),
    "arctan": Link(sigmoids.arctan, 1.0),
}


class Loss(nn.Module):
    """One row's loss. Subclasses write `forward` and `mean`; `taylor` where a closed form is worth it."""

    name = "loss"
    symmetric = False  # whether adding one constant to all columns of eta changes nothing
    convex = True  # in eta: then every optimum is the optimum
    even = True  # whether η = 0 gives even chances
    odds = True  # whether η is a logarithm of odds, so that exp of a coefficient is an odds ratio

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        """Loss of every row, (*B, n)."""
        raise NotImplementedError

    def mean(self, eta: Tensor) -> Tensor:
        """Expected target given eta, same shape: probabilities for the losses of classification."""
        raise NotImplementedError

    def log_probabilities(self, eta: Tensor) -> Tensor:
        """Logarithm of the probability of every class, (*B, n, K), with all its digits where it is near 0."""
        raise NotImplementedError

    def probabilities(self, eta: Tensor) -> Tensor:
        """Probability of every class, (*B, n, K)."""
        return self.log_probabilities(eta).exp()

    def reduced(self, eta: Tensor, y: Tensor, weight: Tensor, reduction: str) -> Tensor:
        """Sum or mean of ``weight · loss`` over the rows, for autograd, as a hand-written loop has it."""
        rows = weight * self(eta, y)
        return rows.sum() if reduction == "sum" else rows.mean()

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

    def information(self, eta: Tensor) -> Tensor:
        """Fisher's information of one row about η, (*B, n, k, k): the Hessian that y is expected to give.

        Here for losses whose Hessian is the same for every y, as with the logit and the softmax.
        """
        return self.taylor(eta, torch.zeros_like(eta[..., 0]), 2)[2]


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

    def log_probabilities(self, eta: Tensor) -> Tensor:
        return F.logsigmoid(torch.cat([-eta, eta], -1))

    def probabilities(self, eta: Tensor) -> Tensor:
        return torch.sigmoid(torch.cat([-eta, eta], -1))

    def reduced(self, eta: Tensor, y: Tensor, weight: Tensor, reduction: str) -> Tensor:
        """The arithmetic of ``BCELoss(sigmoid(η), y)``, bit for bit, as long as it is right; else that from logits."""
        eta, y = eta[..., 0], y.to(eta.dtype)
        if bool((eta.detach().abs() < SATURATED).all()):
            return F.binary_cross_entropy(torch.sigmoid(eta), y, weight, reduction=reduction)
        return F.binary_cross_entropy_with_logits(eta, y, weight, reduction=reduction)

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

    def log_probabilities(self, eta: Tensor) -> Tensor:
        return eta.log_softmax(-1)

    def probabilities(self, eta: Tensor) -> Tensor:
        return eta.softmax(-1)

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
    odds = False

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        return (eta[..., 0] - y).square() / 2

    def mean(self, eta: Tensor) -> Tensor:
        return eta

    def probabilities(self, eta: Tensor) -> Tensor:
        """1 − η and η, which nothing keeps between 0 and 1."""
        return torch.cat([1 - eta, eta], -1)

    def taylor(self, eta: Tensor, y: Tensor, order: int = 2) -> tuple[Tensor, ...]:
        residual = eta - y.to(eta.dtype)[..., None]
        return (residual[..., 0].square() / 2, residual, torch.ones_like(residual)[..., None])[: order + 1]


class Bernoulli(Loss):
    """Negative log-likelihood of a yes or no through any link, k = 1, y in [0, 1]: ``ℓ = −y log μ − (1 − y) log (1 − μ)``.

    ``convex`` says whether it is so in η: where it is not (links with heavy tails), an optimum may be one of several.
    Source: McCullagh and Nelder (1989), Generalized Linear Models, §4.3.1.

    >>> import torch
    >>> Bernoulli("cauchit")(torch.tensor([[0.0], [1e300]], dtype=torch.float64), torch.tensor([1, 0])).round()
    tensor([  1., 692.], dtype=torch.float64)
    """

    odds = False

    def __init__(self, link: str) -> None:
        super().__init__()
        self.name, self.link = link, LINKS[link]
        self.convex, self.even = self.link.sigmoid.convex, self.link.sigmoid.even

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        sigmoid, x = self.link.sigmoid, self.link.scale * eta[..., 0]
        y = y.to(x.dtype).expand(x.shape)
        yes = sigmoid.log_cdf(torch.where(y > 0, x, 0.0))  # 0 · log 0 is 0, and so is its derivative
        no = sigmoid.log_sf(torch.where(y < 1, x, 0.0))
        return -y * yes - (1 - y) * no

    def information(self, eta: Tensor) -> Tensor:
        """``μ′² / (μ (1 − μ))``, from the slopes of both tails' logarithms, so that nothing cancels.

        Source: McCullagh and Nelder (1989), Generalized Linear Models, §4.4.
        """
        nothing = torch.zeros_like(eta[..., 0])
        (_, no), (_, yes) = self.taylor(eta, nothing, 1), self.taylor(eta, nothing + 1, 1)
        return -(no * yes)[..., None]

    def mean(self, eta: Tensor) -> Tensor:
        return self.link.sigmoid.log_cdf(self.link.scale * eta).exp()

    def log_probabilities(self, eta: Tensor) -> Tensor:
        x = self.link.scale * eta
        return torch.cat([self.link.sigmoid.log_sf(x), self.link.sigmoid.log_cdf(x)], -1)


LOSSES: dict[str, Callable[[], Loss]] = {loss.name: loss for loss in (Logistic, Softmax, Squared)} | {
    link: partial(Bernoulli, link) for link in LINKS if link != "logit"
}


def loss_for(name: str, n_classes: int, link: str = "logit") -> tuple[int, Loss]:
    """Number k of columns of eta, and the loss of that name; "auto" is logistic for two classes and softmax for more.

    With a ``link`` other than "logit", the loss is that link's.

    >>> loss_for("auto", 2), loss_for("auto", 10)[0]
    ((1, Logistic()), 10)
    """
    if link not in LINKS:
        raise ParameterError(f"unknown link {link!r}; there are {', '.join(map(repr, LINKS))}")
    if name == "auto":
        name = "logistic" if n_classes == 2 or link != "logit" else "softmax"
    if name not in ("logistic", "softmax", "squared"):
        raise ParameterError(f'unknown loss {name!r}; there are "auto", "logistic", "softmax", "squared"')
    if link != "logit" and name != "logistic":
        raise ParameterError(f'link="{link}" goes with loss="logistic", not with loss="{name}"')
    if name != "softmax" and n_classes > 2:
        what, instead = (f'loss="{name}"', 'loss="softmax"') if link == "logit" else (f'link="{link}"', 'link="logit"')
        raise DataError(f"{what} is for two classes, but the target has {n_classes}; use {instead}")
    return (n_classes if name == "softmax" else 1), LOSSES[name if link == "logit" else link]()
