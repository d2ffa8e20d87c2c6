"""Logistic regression as an ordinary torch module: a linear unit, then the sigmoid or softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
