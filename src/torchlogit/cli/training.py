"""The lesson's training loop, by hand, as both the demonstration and the lesson run it."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any, NamedTuple

EPOCHS, RATE, SEED = 1000, 0.01, 0


class Trained(NamedTuple):
    """Where training stopped: intercept b and slope w."""

    b: float
    w: float

    def probability(self, hours: float) -> float:
        """P(pass)."""
        eta = self.b + self.w * hours
        return 1 / (1 + exp(-eta)) if eta > 0 else exp(eta) / (1 + exp(eta))

    def line(self) -> str:
        """b, w, P(4 h) and the place of even chances, in columns."""
        return f"{self.b:8.3f}  {self.w:8.3f}   {self.probability(4):8.3f}   {-self.b / self.w:8.2f}"


def model(seed: int = SEED) -> Any:
    """A `torchlogit.nn.LogisticRegression` of one feature with the start that ``torch.manual_seed(seed)`` gives."""
    import torch

    from torchlogit import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.LogisticRegression(1)


def train(
    table: Any,
    *,
    epochs: int = EPOCHS,
    reduction: str = "sum",
    seed: int = SEED,
    watch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Trained:
    """The four steps of the lesson: data, model, loss and optimiser, training cycle; ``watch`` sees each epoch's loss."""
    import torch

    x, y = (torch.tensor(table[name], dtype=torch.float32).reshape(-1, 1) for name in ("hours", "passed"))
    unit = model(seed)
    criterion = torch.nn.BCELoss(reduction=reduction)
    optimizer = torch.optim.SGD(unit.parameters(), lr=RATE)
    for epoch in range(epochs):
        loss = criterion(unit(x), y)
        watch(epoch, loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Trained(unit.linear.bias.item(), unit.linear.weight.item())
