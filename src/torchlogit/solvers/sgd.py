"""Stochastic gradient descent with any optimiser of torch.optim: the lesson's training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from torchlogit.errors import ParameterError
from torchlogit.solvers.base import Point, unknown


class Memory(NamedTuple):
    """What goes on from epoch to epoch: the trained parameter, its optimiser, the order of the rows."""

    parameter: Tensor
    optimizer: torch.optim.Optimizer
    generator: torch.Generator


@dataclass(frozen=True)
class SGD:
    """``epochs`` passes over the rows in mini-batches of ``batch_size`` (None: all rows at once), as in a hand-written loop.

    ``reduction`` is the loss's over a batch, "sum" or "mean" (a mean of n rows makes the step n times smaller).
    ``optimizer`` is a class of torch.optim or its name, ``options`` its further arguments (momentum, betas, …).
    The history begins with F at the start, before the first epoch; then comes, an epoch each, the sum over its batches of
    the losses that training saw (n times the mean, for "mean"). No certificate comes with training: the fit works one
    out afterwards.

    Raises ``ParameterError`` for settings that mean nothing, and when the fit begins for options that the optimiser does
    not take.

    >>> SGD(lr=0.01, epochs=1000, reduction="sum").epochs
    1000
    """

    lr: float = 0.01
    epochs: int = 1000
    batch_size: int | None = None
    reduction: str = "mean"
    optimizer: str | type[torch.optim.Optimizer] = "SGD"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    certifies: ClassVar[bool] = False  # so that every epoch is run, as a loop of one's own would

    def __post_init__(self) -> None:
        if self.reduction not in ("sum", "mean"):
            raise ParameterError(f'reduction must be "sum" or "mean", got {self.reduction!r}')
        if not (0 < self.lr < float("inf")) or self.epochs < 1 or (self.batch_size is not None and self.batch_size < 1):
            raise ParameterError("lr must be a positive number; epochs and batch_size must be 1 or more")
        if not callable(self._kind()):
            raise ParameterError(f"torch.optim has no optimiser {self.optimizer!r}")

    def _kind(self) -> Any:
        return getattr(torch.optim, self.optimizer, None) if isinstance(self.optimizer, str) else self.optimizer

    def _optimizer(self, parameter: Tensor) -> torch.optim.Optimizer:
        try:
            out: torch.optim.Optimizer = self._kind()([parameter], lr=self.lr, **self.options)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"the optimiser {self.optimizer!r} cannot be made: {error}") from error
        return out

    def init(self, objective: Any, theta: Tensor) -> Point:
        """A parameter at theta in the working precision, and its optimiser."""
        parameter = theta.to(objective.dtype).clone().requires_grad_()
        generator = torch.Generator().manual_seed(self.seed)
        return _point(objective.taylor(theta, 1), Memory(parameter, self._optimizer(parameter), generator))

    def step(self, objective: Any, point: Point) -> Point:
        """One epoch; its value is the sum of the losses that training saw, its gradient that of the last batch."""
        parameter, optimizer, generator = point.memory
        total = torch.zeros((), dtype=torch.float64, device=parameter.device)
        for batch in objective.batches(self.batch_size, generator):
            share = 1 if self.reduction == "sum" else batch.source.n_rows
            loss: Any = optimizer.step(partial(_backward, batch, self.reduction, point.memory))
            total += loss.double() * share
        assert parameter.grad is not None
        return _point(point.at._replace(value=total, grad=parameter.grad.double() * share), point.memory)


def _backward(batch: Any, reduction: str, memory: Memory) -> Tensor:
    """The loss of a batch, with its gradient left in the parameter; some optimisers ask for it more than once a step."""
    with torch.enable_grad():
        loss: Tensor = batch.training_loss(memory.parameter, reduction)
    memory.optimizer.zero_grad()
    loss.backward()
    return loss.detach()


def _point(at: Any, memory: Memory) -> Point:
    theta = memory.parameter.detach().double()
    return Point(theta, at, unknown(at.value), torch.zeros_like(theta), memory)
