"""Logistic regression inside torch programs: as an ordinary module, and as a fit that one can differentiate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchlogit.errors import DataError, ParameterError
from torchlogit.losses import loss_for


class LogisticRegression(nn.Module):
    """``ŷ = σ(x w + b)`` for two classes, (n, 1); ``softmax(x W + b)`` for more, (n, classes).

    ``forward`` gives probabilities, ``logits`` gives η. Trains in any loop with ``nn.BCELoss`` (or, better, logits with
    ``nn.BCEWithLogitsLoss``); `torchlogit.Fit.module` returns one with the fitted weights. ``link`` puts another sigmoid
    in σ's place, such as "probit".

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = LogisticRegression(1)
    >>> model(torch.tensor([[1.0], [2.0]])).shape
    torch.Size([2, 1])
    """

    def __init__(
        self,
        in_features: int,
        classes: int = 2,
        *,
        bias: bool = True,
        link: str = "logit",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        k, self._loss = loss_for("auto", max(classes, 2), link)
        self.linear = nn.Linear(in_features, k, bias=bias, dtype=dtype)

    def logits(self, x: Tensor) -> Tensor:
        """η = x w + b, (n, 1) or (n, classes)."""
        out: Tensor = self.linear(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities: that of the second class (n, 1), or one a class (n, classes)."""
        return self._loss.mean(self.logits(x))


def fit_layer(
    x: Tensor,
    y: Tensor,
    weight: Tensor | None = None,
    strength: Tensor | float = 0.0,
    *,
    bias: bool = True,
    classes: int | None = None,
    tol: float = 1e-20,
    max_iter: int = 100,
) -> Tensor:
    """The certified optimum θ* (*B, p, k) of a batch of fits, row 0 the intercept, with gradients of all that it rests on.

    ``F(θ) = Σᵢ weightᵢ ℓ(xᵢθ, yᵢ) + ½ Σⱼ strengthⱼ θⱼ²`` over x (*B, n, d); the intercept is not penalised. y (*B, n) holds
    probabilities of the positive class as floats (0, 1 or between; k = 1), or class numbers as integers (k = ``classes``, or
    the largest number and one). ``weight`` is (*B, n), ``strength`` a number, or broadcasts to (*B, d). Batch dimensions
    broadcast. It is computed in float64 and given in the type of x.

    The gradients, of any order, with respect to x, float y, weight and strength are those of the implicit function theorem
    at θ*, so that neither the steps of the fit nor their number enter: see `implicit.Optimum` for the formula and its source.

    Raises NotCertifiedError where a problem has no optimum (separated classes, or columns that depend on each other, with
    strength 0), DataError for shapes that do not belong together and values that are not finite, ParameterError for a
    strength or weight under 0.

    >>> import torch
    >>> x, y = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    >>> strength = torch.tensor(0.1, requires_grad=True)
    >>> theta = fit_layer(x, y, strength=strength)
    >>> loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ theta[1:] + theta[0], y[:, None])
    >>> loss.backward()
    >>> round(strength.grad.item(), 4)  # a little more shrinkage raises the loss on the rows that were fitted
    0.0165
    """
    from torchlogit.implicit import Optimum

    x64 = x.double()
    k = 1 if y.is_floating_point() else classes or int(y.max()) + 1
    weight = x64.new_ones(()) if weight is None else weight.double()
    strength = torch.as_tensor(strength, dtype=torch.float64, device=x.device)
    _check_problem(x, y, weight, strength, k)
    batch = torch.broadcast_shapes(x.shape[:-2], y.shape[:-1], weight.shape[:-1], strength.shape[:-1])
    n, d = x.shape[-2:]
    columns = torch.cat([x64.new_ones(*x.shape[:-1], 1), x64], -1) if bias else x64
    l2 = torch.cat([x64.new_zeros(*batch, int(bias)), strength.expand(*batch, d)], -1)[..., None].expand(*batch, -1, k)
    labels = y.double() if y.is_floating_point() else y.long()
    theta: Tensor = Optimum.apply(  # type: ignore[no-untyped-call]
        columns.expand(*batch, -1, -1), labels.expand(*batch, n), weight.expand(*batch, n), l2, tol, max_iter
    )
    return theta.to(x.dtype)


def _check_problem(x: Tensor, y: Tensor, weight: Tensor, strength: Tensor, k: int) -> None:
    """Refuse what would give a number without meaning."""
    if x.ndim < 2 or y.ndim < 1 or y.shape[-1] != x.shape[-2] or weight.shape[-1:] not in ((), (1,), y.shape[-1:]):
        raise DataError(
            f"x {tuple(x.shape)} should be (*B, n, d), y {tuple(y.shape)} and weight {tuple(weight.shape)} (*B, n)"
        )
    if not all(bool(t.isfinite().all()) for t in (x, y, weight, strength)):
        raise DataError("x, y, weight or strength holds NaN or infinity")
    if bool((weight < 0).any()) or bool((strength < 0).any()):
        raise ParameterError("weight and strength must be 0 or more")
    if not bool(((y >= 0) & (y <= (1 if y.is_floating_point() else k - 1))).all()):
        raise DataError(f"y must lie from 0 to {1 if y.is_floating_point() else k - 1}; is {y.min()} to {y.max()}")
