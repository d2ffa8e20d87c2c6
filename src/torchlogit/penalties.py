"""Penalties: P(θ) = Σⱼ l1ⱼ |θⱼ| + l2ⱼ θⱼ² / 2, never on the intercept.

A caller's `ElasticNet` (with `L1`, `L2`, `NoPenalty` as its special cases) knows strengths by feature; `Strengths` are
the same in the coordinates of a solver, one number for every entry of theta, and do the mathematics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.design import Coordinates
from torchlogit.errors import ParameterError

LARGEST = 1e280  # a strength beyond this pins its coefficient at 0 all the same, and its square does not overflow


class Strengths(NamedTuple):
    """``l1`` and ``l2``, each (*B, p, k) or broadcastable to it; 0 leaves an entry free."""

    l1: Tensor
    l2: Tensor

    @property
    def rough(self) -> bool:
        """Whether there is any L1 part, so that theta may have exact zeros."""
        return bool((self.l1 > 0).any())

    @property
    def free(self) -> bool:
        """Whether nothing is penalised at all."""
        return not bool((self.l1 > 0).any() or (self.l2 > 0).any())

    def value(self, theta: Tensor) -> Tensor:
        """P(θ), (*B,)."""
        return (self.l1 * theta.abs() + self.l2 * theta.square() / 2).sum((-2, -1))

    def scaled(self, factor: float) -> Strengths:
        """All strengths times a factor: the share of a mini-batch."""
        return Strengths(self.l1 * factor, self.l2 * factor)

    def gap(self, theta: Tensor, grad: Tensor) -> Tensor:
        """``P(θ) + P*(−g) + ⟨θ, g⟩`` (*B,) for a gradient g of the loss: the penalty's share of a duality gap, ≥ 0.

        Entries with neither strength count 0: their gradient is the caller's to watch. Source: Fenchel–Young inequality.
        """
        excess = (grad.abs() - self.l1).clamp_min(0)
        smooth = excess.square() / (2 * torch.where(self.l2 > 0, self.l2, 1))
        rows = theta * grad + self.l1 * theta.abs() + self.l2 * theta.square() / 2 + smooth * (self.l2 > 0)
        return torch.where((self.l1 > 0) | (self.l2 > 0), rows, 0).clamp_min(0).sum((-2, -1))

    def feasible(self, grad: Tensor) -> Tensor:
        """The largest factor up to 1, (*B, 1, 1), that makes a gradient of the loss one that the penalty's dual allows.

        Beside an l2 strength every gradient is; of an entry with neither strength none is looked at.
        """
        bound = self.l1 + torch.where((self.l2 > 0) | (self.l1 == 0), torch.inf, 0.0)
        return (bound / grad.abs().clamp_min(1e-300)).amin((-2, -1), keepdim=True).clamp_max(1.0)

    def rows(self, index: Tensor, p: int) -> Strengths:
        """The strengths of some of the p rows of theta."""
        return Strengths(*(t.expand(*t.shape[:-2], p, t.shape[-1])[..., index, :] for t in self))

    def prox(self, theta: Tensor, metric: Tensor | float = 1.0) -> Tensor:
        """``argmin_z Σ l1 |z| + ½ Σ metric (z − θ)²``: soft thresholding."""
        return theta.sign() * (theta.abs() - self.l1 / metric).clamp_min(0)

    def subgradient(self, theta: Tensor, grad: Tensor) -> Tensor:
        """The shortest subgradient of F at theta; ``grad`` is that of the smooth part."""
        at_zero = grad.sign() * (grad.abs() - self.l1).clamp_min(0)
        return torch.where(theta == 0, at_zero, grad + self.l1 * theta.sign())


@dataclass(frozen=True)
class ElasticNet:
    """``strength · Σⱼ (l1_ratio |wⱼ| + (1 − l1_ratio) wⱼ² / 2)`` on the slopes, in the user's units.

    ``strength`` is 1/C: one number, one for each feature (a sequence), or by column name (a mapping; columns not named
    are not penalised). The loss beside it is a sum over rows, not a mean. Source: Zou and Hastie (2005), eq. 3.

    >>> ElasticNet(strength=2.0, l1_ratio=0.5)
    ElasticNet(strength=2.0, l1_ratio=0.5)
    """

    strength: float | Sequence[float] | Mapping[str, float] = 1.0
    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= _number(self.l1_ratio) <= 1:
            raise ParameterError(f"l1_ratio must lie between 0 and 1, got {self.l1_ratio!r}")
        for value in self._values():
            if not 0 <= _number(value) < float("inf"):
                raise ParameterError(f"a penalty's strength must be a finite number >= 0, got {value!r}")

    def _values(self) -> list[Any]:
        """The strengths there are, one or many."""
        if isinstance(self.strength, Mapping):
            return list(self.strength.values())
        return [self.strength] if np.ndim(self.strength) == 0 else list(self.strength)  # type: ignore[arg-type]

    def by_feature(self, columns: Sequence[str]) -> Tensor:
        """Strength of every feature, (d,) float64; ParameterError where names or lengths do not match."""
        if isinstance(self.strength, Mapping):
            unknown = [name for name in self.strength if name not in columns]
            if unknown:
                raise ParameterError(f"penalty strengths name columns that the data do not have: {unknown}")
            return torch.tensor([float(self.strength.get(c, 0.0)) for c in columns], dtype=torch.float64)
        strength = torch.as_tensor(self.strength, dtype=torch.float64)
        if strength.ndim and len(strength) != len(columns):
            raise ParameterError(f"{len(strength)} penalty strengths for {len(columns)} features")
        return strength.expand(len(columns))

    def strengths(self, columns: Sequence[str], coordinates: Coordinates, intercept: bool) -> Strengths:
        """The same penalty on theta in the solver's coordinates, (p, 1): a scaled slope is ``scale`` times smaller."""
        strength, scale = self.by_feature(columns).to(coordinates.scale), coordinates.scale
        l1 = _finite(strength * self.l1_ratio, scale)
        l2 = _finite(_finite(strength * (1 - self.l1_ratio), scale), scale)
        lead = scale.new_zeros(int(intercept))
        return Strengths(torch.cat([lead, l1])[:, None], torch.cat([lead, l2])[:, None])

    @property
    def ridge(self) -> bool:
        """Whether there is an L2 penalty on every slope, and no L1."""
        return self.l1_ratio == 0 and not isinstance(self.strength, Mapping) and all(self._values())

    @property
    def free(self) -> bool:
        """Whether nothing is penalised."""
        return not any(self._values())

    @property
    def intervals(self) -> bool:
        """Whether intervals about an estimate under this penalty are confidence intervals."""
        return self.free


def _number(value: Any) -> float:
    """A real number; NaN for what is none, text that reads like one included."""
    try:
        return float("nan") if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        return float("nan")


def _finite(strength: Tensor, scale: Tensor) -> Tensor:
    """``strength / scale`` where 0 stays 0 and overflow stays finite."""
    return torch.where(strength > 0, (strength / scale).clamp_max(LARGEST), 0.0)


@dataclass(frozen=True)
class L2(ElasticNet):
    """Ridge: ``strength · Σ wⱼ² / 2``."""

    l1_ratio: float = 0.0


@dataclass(frozen=True)
class L1(ElasticNet):
    """Lasso: ``strength · Σ |wⱼ|``; gives exact zeros."""

    l1_ratio: float = 1.0


@dataclass(frozen=True)
class NoPenalty(ElasticNet):
    """Plain maximum likelihood."""

    strength: float = 0.0
    l1_ratio: float = 0.0


@dataclass(frozen=True)
class Jeffreys:
    """Firth's penalty: Jeffreys' prior, ``P(θ) = −½ log|I(θ)|``, I the expected information. All its estimates are finite.

    The bias of order 1/n of a maximum-likelihood estimate is removed with the logit link (two classes or more); under
    other links the prior is the same idea, and its optimum a penalised likelihood's. The intercept is penalised
    as every coefficient is, so predictions are drawn towards even chances: their mean is not that of the target.

    Args:
        errors: "fisher", standard errors from the inverse information at the estimate (R's brglm2); or "augmented", from
            that of the rows with their pseudo-observations (R's logistf since 1.24), a little smaller.
        intercept: "firth"; or, so that the mean prediction is the mean of the target, "flic" (the intercept is then chosen by
            likelihood, the slopes stay) or "flac" (likelihood over rows and pseudo-observations, told apart by a column).

    Source: Firth (1993), Bias reduction of maximum likelihood estimates, §3.3; Heinze and Schemper (2002), A solution to
    the problem of separation in logistic regression; Puhr et al. (2017), Firth's logistic regression with rare events, §2.3.

    >>> from torchlogit import datasets, fit
    >>> [round(float(b), 4) for b in fit(datasets.study_hours(), "passed", penalty=Jeffreys()).theta]
    [-3.2866, 1.2012]

    """

    errors: Literal["fisher", "augmented"] = "fisher"
    intercept: Literal["firth", "flic", "flac"] = "firth"

    free: ClassVar[bool] = False
    ridge: ClassVar[bool] = False
    intervals: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.errors not in ("fisher", "augmented"):
            raise ParameterError(f'errors must be "fisher" or "augmented", got {self.errors!r}')
        if self.intercept not in ("firth", "flic", "flac"):
            raise ParameterError(f'intercept must be "firth", "flic" or "flac", got {self.intercept!r}')


Penalty = ElasticNet | Jeffreys
