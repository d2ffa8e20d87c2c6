"""The expected information of a row as a function of η: what Jeffreys' prior is made of.

A row adds ``W(η) ⊗ x xᵀ`` to the information of m coefficients a column: m = 1 for two classes, m = K − 1 contrasts
between K. Shapes: eta (*B, n, k), W (*B, n, m, m), with ψ (*B, n, m) the part of η = ψ Cᵀ that a likelihood determines.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from torchlogit.errors import ParameterError
from torchlogit.losses import Bernoulli, Loss


class RowInformation(Protocol):
    """W and its derivatives with respect to ψ, at one η."""

    def weights(self) -> Tensor: ...
    def slope(self) -> Tensor: ...  # ∂W_de / ∂ψ_c, (*B, n, m, m, m) in the order c, d, e
    def tilt(self, q: Tensor) -> Tensor: ...  # Σ_de q_de ∂W_de / ∂ψ_c, (*B, n, m), for symmetric q (*B, n, m, m)
    def bend(self, q: Tensor) -> Tensor: ...  # Σ_de q_de ∂²W_de / ∂ψ_c ∂ψ_f, (*B, n, m, m)


class _OneColumn:
    """Two classes: three numbers a row, w, w′ and w″, each (*B, n)."""

    def derivatives(self) -> tuple[Tensor, Tensor, Tensor]:
        raise NotImplementedError

    @cached_property
    def _kept(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.derivatives()

    def weights(self) -> Tensor:
        return self._kept[0][..., None, None]

    def slope(self) -> Tensor:
        return self._kept[1][..., None, None, None]

    def tilt(self, q: Tensor) -> Tensor:
        return q[..., 0] * self._kept[1][..., None]

    def bend(self, q: Tensor) -> Tensor:
        return q * self._kept[2][..., None, None]


class LogisticInformation(_OneColumn):
    """``w = μ(1 − μ)``, with w′ = w (1 − 2μ) and w″ = w (1 − 6w)."""

    def __init__(self, eta: Tensor) -> None:
        self.eta = eta[..., 0]

    def derivatives(self) -> tuple[Tensor, Tensor, Tensor]:
        e = torch.exp(-self.eta.abs())
        inverse = 1 / (1 + e)
        w = e * inverse.square()
        return w, -w * torch.copysign((1 - e) * inverse, self.eta), w * (1 - 6 * w)


class LinkInformation(_OneColumn):
    """``w = μ′² / (μ(1 − μ))`` of any link: the product of the hazards of its two tails, and what autograd derives of it.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, eq. 4.19.

    >>> eta = torch.tensor([[0.3], [-2.0]], dtype=torch.float64)
    >>> torch.allclose(LinkInformation(eta, Bernoulli("logit")).weights(), LogisticInformation(eta).weights())
    True
    """

    def __init__(self, eta: Tensor, loss: Bernoulli) -> None:
        self.eta, self.link = eta[..., 0], loss.link

    def derivatives(self) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            x = (self.link.scale * self.eta).detach().requires_grad_()
            tails = self.link.sigmoid.log_cdf(x), self.link.sigmoid.log_sf(x)
            lower, upper = (torch.autograd.grad(tail.sum(), x, create_graph=True)[0] for tail in tails)
            w = -lower * upper
            (first,) = torch.autograd.grad(w.sum(), x, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), x)
        scale = self.link.scale
        return scale**2 * w.detach(), scale**3 * first.detach(), scale**4 * second


class SoftmaxInformation:
    """``W = Cᵀ (diag μ − μ μᵀ) C``: the second cumulant of the classes' indicators; its derivatives are the next two.

    ``contrast`` is C (K, m). With U = C − 1 μᵀC, the cumulants are ``Σⱼ μⱼ Uⱼ ⊗ Uⱼ``, ``Σⱼ μⱼ Uⱼ ⊗ Uⱼ ⊗ Uⱼ`` and, less the
    products of pairs, ``Σⱼ μⱼ Uⱼ ⊗ Uⱼ ⊗ Uⱼ ⊗ Uⱼ``. Source: McCullagh (1987), Tensor Methods in Statistics, §2.3 and eq. 2.6.
    """

    def __init__(self, eta: Tensor, contrast: Tensor) -> None:
        self.mu = eta.softmax(-1)
        self.u = contrast - (self.mu @ contrast)[..., None, :]  # (*B, n, K, m)

    def weights(self) -> Tensor:
        return self.u.mT @ (self.mu[..., None] * self.u)

    def slope(self) -> Tensor:
        return torch.einsum("...j,...jc,...jd,...je->...cde", self.mu, self.u, self.u, self.u)

    def _squares(self, q: Tensor) -> Tensor:
        """``μⱼ Uⱼᵀ q Uⱼ``, (*B, n, K)."""
        return self.mu * ((self.u @ q) * self.u).sum(-1)

    def tilt(self, q: Tensor) -> Tensor:
        return (self._squares(q)[..., None, :] @ self.u)[..., 0, :]

    def bend(self, q: Tensor) -> Tensor:
        w = self.weights()
        fourth = self.u.mT @ (self._squares(q)[..., None] * self.u)
        return fourth - w * (q * w).sum((-2, -1), keepdim=True) - 2 * w @ q @ w


def contrasts(k: int) -> Tensor:
    """C (k, m): orthonormal columns that sum to 0 over k classes (Helmert's); for one column of η the number 1.

    >>> c = contrasts(3)
    >>> torch.allclose(c.mT @ c, torch.eye(2, dtype=torch.float64)), c.sum(0).abs().max().item() < 1e-15
    (True, True)
    """
    if k == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    j = torch.arange(1, k, dtype=torch.float64)
    whole = torch.ones(k, k - 1, dtype=torch.float64).triu()
    whole[1:].diagonal().copy_(-j)
    return whole / (j * (j + 1)).sqrt()


def row_information(loss: Loss, eta: Tensor, contrast: Tensor) -> RowInformation:
    """The expected information of rows at ``eta``; ParameterError for the squared loss, where it is the same everywhere."""
    if loss.name == "logistic":
        return LogisticInformation(eta)
    if isinstance(loss, Bernoulli):
        return LinkInformation(eta, loss)
    if loss.symmetric:
        return SoftmaxInformation(eta, contrast)
    raise ParameterError("Jeffreys() is for logistic and softmax fits and all links; the linear unit has no use for it")
