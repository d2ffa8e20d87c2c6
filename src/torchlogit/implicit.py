"""The optimum as a function of what it was fitted to, with derivatives: batches of small fits inside a larger torch program."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchlogit.arithmetic import one_thread
from torchlogit.errors import NotCertifiedError
from torchlogit.estimate import LITTLE
from torchlogit.losses import Logistic, Loss, Softmax
from torchlogit.objective import Taylor
from torchlogit.penalties import Strengths
from torchlogit.solvers import Newton, Status, minimize

ADVICE = ". Where classes can be separated or columns depend on each other, only a strength over 0 gives it one"


class Rows(NamedTuple):
    """A batch of problems: x (*B, n, p), y (*B, n), weight (*B, n) and L2 strengths l2 (*B, p, k); float64, but y may be int."""

    x: Tensor
    y: Tensor
    weight: Tensor
    l2: Tensor

    @property
    def loss(self) -> Loss:
        """Softmax for class numbers, logistic for probabilities."""
        return Logistic() if self.y.is_floating_point() else Softmax()

    def curvature(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """μ (*B, n, k), and the Hessian of F at theta, (*B, p, k, p, k): ``Σ s xxᵀ ⊗ (diag μ − μμᵀ) + diag l2``.

        A softmax is flat along one constant for all classes; there it gets a curvature of 1, which moves no solution, because
        every right-hand side and every gradient is orthogonal to it.
        """
        mu = self.loss.mean(self.x @ theta)
        inner = self.weight[..., None, None] * (torch.diag_embed(mu) - mu[..., :, None] * mu[..., None, :])
        hess = torch.einsum("...np,...nij,...nq->...piqj", self.x, inner, self.x)
        p, k = theta.shape[-2:]
        eye = torch.eye(p * k, dtype=theta.dtype, device=theta.device).reshape(p, k, p, k)
        flat = torch.einsum("pq,ij->piqj", torch.eye(p).to(eye), torch.ones(k, k).to(eye) / k) * (k > 1)
        return mu, hess + eye * self.l2[..., None, None] + flat


class Problems:
    """The sum of losses and L2 penalties over a batch of tables that are all of one shape, as solvers ask for it."""

    dtype = torch.float64

    def __init__(self, rows: Rows) -> None:
        self.rows, self.penalty = rows, Strengths(torch.zeros_like(rows.l2), rows.l2)

    def taylor(self, theta: Tensor, order: int = 1) -> Taylor:
        """Value, gradient and Hessian."""
        x, y, weight, l2 = self.rows
        value, *rest = self.rows.loss.taylor(x @ theta, y, min(order, 1))
        value = (weight * value).sum(-1) + self.penalty.value(theta)
        grad = [x.mT @ (weight[..., None] * r) + l2 * theta for r in rest]
        return Taylor(value, *grad, *([self.rows.curvature(theta)[1]] if order > 1 else []))

    def separated(self, value: Tensor) -> Tensor:
        """Nothing is known of that here: such a fit ends without a certificate."""
        return torch.zeros_like(value, dtype=torch.bool)


class Optimum(torch.autograd.Function):
    """``θ* = argmin F(θ; x, s, l2)``, (*B, p, k), with the derivatives of the implicit function theorem, of any order.

    From ∇F(θ*) = 0: ``dθ* = −H⁻¹ d(∇F)``. So for a gradient ḡ of θ*, with v = −H⁻¹ḡ, u = xv and r = s (μ − y): the gradient
    of x is ``r vᵀ + s (ℓ″u) θᵀ``, of s ``(μ − y)·u``, of y ``−s u`` and of l2 ``θ v``. Source: Griewank and Walther (2008),
    Evaluating Derivatives, §15.1; Gould et al. (2016), On differentiating parameterized argmin problems, lemma 3.2.
    """

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        *tensors, tol, max_iter = given
        rows = Rows(*tensors)
        theta = solved(rows, tol, max_iter)
        ctx.save_for_backward(*rows, theta)
        return theta

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        *tensors, theta = ctx.saved_tensors
        rows = Rows(*tensors)
        mu, hess = rows.curvature(theta)
        p, k = theta.shape[-2:]
        flat = hess.flatten(-4, -3).flatten(-2)
        v = -torch.linalg.solve(flat, grads[0].flatten(-2)[..., None])[..., 0].unflatten(-1, (p, k))
        u = rows.x @ v
        floating = rows.y.is_floating_point()
        target = rows.y[..., None] if floating else torch.nn.functional.one_hot(rows.y, k).to(mu)
        curved = mu * (u - (mu * u).sum(-1, keepdim=True))  # (diag μ − μμᵀ) u, which for k = 1 is μ (1 − μ) u
        s = rows.weight[..., None]
        of_x = (s * (mu - target)) @ v.mT + (s * curved) @ theta.mT
        of_y = -rows.weight * u[..., 0] if floating else None
        return of_x, of_y, ((mu - target) * u).sum(-1), theta * v, None, None


def solved(rows: Rows, tol: float, max_iter: int) -> Tensor:
    """θ* of every problem, all in one batch of Newton steps; `NotCertifiedError` naming the first of those that have none."""
    with one_thread() if rows.x.numel() <= LITTLE else nullcontext():
        solution = minimize(Problems(rows), torch.zeros_like(rows.l2), Newton(), max_iter=max_iter, tol=tol)
    if all(status is Status.converged for status in solution.status):
        return solution.theta
    if rows.x.ndim == 2:
        raise NotCertifiedError(f"the problem has no certified optimum: {solution.status[0].value}{ADVICE}")
    return _one_by_one(rows, tol, max_iter)


def _one_by_one(rows: Rows, tol: float, max_iter: int) -> Tensor:
    """The same, so that each member is judged on its own: in a batch what stops one leaves doubt about all."""
    flat = Rows(*(t.flatten(0, rows.x.ndim - 3) for t in rows))
    found = list[Tensor]()
    for j in range(len(flat.x)):
        try:
            found.append(solved(Rows(*(t[j] for t in flat)), tol, max_iter))
        except NotCertifiedError as error:
            raise NotCertifiedError(str(error).replace("the problem", f"problem {j} of the batch", 1)) from None
    return torch.stack(found).reshape(rows.l2.shape)
