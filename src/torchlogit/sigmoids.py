"""The sigmoid family: S-shaped functions from R to an interval, each with derivative, inverse and logarithms of its tails.

A sigmoid here is differentiable, increasing and *saturating*: it tends to a limit on either side, and its derivative to
0. ``(f − low) / (high − low)`` is then a distribution function, so each of them is also a link: a way from η to a
probability. PyTorch calls one of them, the logistic function, "sigmoid".

Arguments are tensors of any shape (or what `torch.as_tensor` takes), results have the same shape. Values and derivatives
are finite for every finite x and differentiable twice by autograd, the logarithms of the tails as well: their slope is
given, not derived. −∞ is the logarithm of a tail only where no floating point number is so low: that of erf falls as
−x², those of cloglog and loglog as −eˣ.
"""

from __future__ import annotations

from math import log, pi, sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "GALLERY", "Sigmoid", "algebraic", "arctan", "cloglog", "erf", "gudermannian", "logistic", "loglog", "softsign", "tanh",
]  # fmt: skip

LOG2 = log(2.0)
FAR = 100.0  # standard deviations from which the normal tail is its asymptotic series


class Sigmoid:
    """One sigmoid: call it for its values.

    ``limits`` are those at −∞ and ∞, ``latex`` its formula, ``convex`` whether −log of both its tails is convex, so
    that a likelihood with this link has one optimum only. Subclasses write `value`, `derivative`, `_inverse`, `_log_cdf`
    and `reversed_hazard`; those symmetric about 0 need no more.

    >>> logistic(torch.tensor([-1e300, 0.0, 1e300]))
    tensor([0.0000, 0.5000, 1.0000])
    >>> tanh.inverse(tanh(0.5)).item()
    0.5
    """

    name = "sigmoid"
    latex = ""
    limits = (-1.0, 1.0)
    convex = True
    even = True  # symmetric about its value at 0

    def __call__(self, x: Any) -> Tensor:
        """f(x)."""
        out: Tensor = _Value.apply(_tensor(x), self)  # type: ignore[no-untyped-call]
        return out

    def value(self, x: Tensor) -> Tensor:
        """f(x) without its derivative."""
        raise NotImplementedError

    def derivative(self, x: Any) -> Tensor:
        """f′(x) ≥ 0."""
        raise NotImplementedError

    def inverse(self, y: Any) -> Tensor:
        """The x with f(x) = y: ∓∞ at the limits, NaN outside them."""
        y = _tensor(y)
        low, high = self.limits
        inside = (y > low) & (y < high)
        middle = (low + high) / 2
        ends = torch.where(y == low, -torch.inf, torch.where(y == high, torch.inf, torch.nan)).to(y.dtype)
        return torch.where(inside, self._inverse(torch.where(inside, y, middle)), ends)

    def log_cdf(self, x: Any) -> Tensor:
        """Logarithm of μ(x), where μ = (f − low) / (high − low) is the lower tail."""
        out: Tensor = _LogCdf.apply(_tensor(x), self)  # type: ignore[no-untyped-call]
        return out

    def log_sf(self, x: Any) -> Tensor:
        """Logarithm of 1 − μ(x): the upper tail."""
        return self.log_cdf(-_tensor(x))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        """μ′(x) / μ(x), the derivative of `log_cdf`."""
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _log_cdf(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<sigmoid {self.name}>"


class _Value(torch.autograd.Function):
    """f, with `Sigmoid.derivative` as its derivative: what autograd derives would cancel far from 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, sigmoid: Sigmoid) -> Tensor:
        return sigmoid.value(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Sigmoid], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.sigmoid = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.sigmoid.derivative(*ctx.saved_tensors), None


class _LogCdf(_Value):
    """log μ, with `Sigmoid.reversed_hazard` as its derivative."""

    @staticmethod
    def forward(x: Tensor, sigmoid: Sigmoid) -> Tensor:
        return sigmoid._log_cdf(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.sigmoid.reversed_hazard(*ctx.saved_tensors), None


def _tensor(x: Any) -> Tensor:
    """Turn x into a tensor of floating point numbers: float64 unless it is a tensor of floats already."""
    x = x if isinstance(x, Tensor) else torch.as_tensor(x, dtype=torch.float64)
    return x if x.dtype.is_floating_point else x.double()


def _most(x: Tensor) -> float:
    """The largest exponent whose exponential, and what is made of it, x's precision holds."""
    return log(torch.finfo(x.dtype).max) - 10


def _size(x: Tensor) -> Tensor:
    """|x|, with derivative 1 at 0: the one from the right, where `abs` has 0."""
    return torch.where(x < 0, -x, x)


class Logistic(Sigmoid):
    """``1 / (1 + e^{−x})`` in (0, 1), with f(0) = ½ and f′ = f (1 − f), a bell of height ¼."""

    name, latex, limits = "logistic", r"\frac{1}{1+e^{-x}}", (0.0, 1.0)

    def value(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def derivative(self, x: Any) -> Tensor:
        x = _tensor(x)
        return torch.sigmoid(x) * torch.sigmoid(-x)

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.logit(y)

    def _log_cdf(self, x: Tensor) -> Tensor:
        return F.logsigmoid(x)

    def reversed_hazard(self, x: Tensor) -> Tensor:
        return torch.sigmoid(-x)


class Tanh(Sigmoid):
    """``tanh x``; (1 + tanh x) / 2 is the logistic function at 2 x."""

    name, latex = "tanh", r"\tanh x"

    def value(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def derivative(self, x: Any) -> Tensor:
        return 4 * logistic.derivative(2 * _tensor(x))

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.atanh(y)

    def _log_cdf(self, x: Tensor) -> Tensor:
        return F.logsigmoid(2 * x)

    def reversed_hazard(self, x: Tensor) -> Tensor:
        return 2 * torch.sigmoid(-2 * x)


class Erf(Sigmoid):
    """``erf(√π x / 2)``; (1 + f) / 2 is the normal distribution function at √(π/2) x."""

    name, latex = "erf", r"\operatorname{erf}\!\left(\tfrac{\sqrt{\pi}}{2}x\right)"

    def value(self, x: Tensor) -> Tensor:
        return torch.erf(sqrt(pi) / 2 * x)

    def derivative(self, x: Any) -> Tensor:
        return torch.exp(-(sqrt(pi) / 2 * _tensor(x)).square())

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.erfinv(y) * (2 / sqrt(pi))

    def _log_cdf(self, x: Tensor) -> Tensor:
        return torch.special.log_ndtr(sqrt(pi / 2) * x)

    def reversed_hazard(self, x: Tensor) -> Tensor:
        """Mills' ratio inverted; far below 0 by its series, whose own derivative does not cancel.

        Source: Abramowitz and Stegun (1964), 26.2.12.
        """
        z = sqrt(pi / 2) * x
        near = sqrt(2 / pi) / torch.special.erfcx(z.clamp(-FAR, sqrt(2 * _most(z))) / -sqrt(2))
        t = 1 / z.clamp_max(-FAR)
        series = -z * (1 + t.square() * (1 + t.square() * (-2 + 10 * t.square())))
        return sqrt(pi / 2) * torch.where(z < -FAR, series, near)


class Gudermannian(Sigmoid):
    """``(2/π) gd(πx/2)`` with gd(u) = 2 atan(tanh(u/2)); (1 + f) / 2 is the hyperbolic secant distribution function."""

    name, latex = "gudermannian", r"\tfrac{2}{\pi}\operatorname{gd}\!\left(\tfrac{\pi}{2}x\right)"

    def value(self, x: Tensor) -> Tensor:
        return 4 / pi * torch.atan(torch.tanh(pi / 4 * x))

    def derivative(self, x: Any) -> Tensor:
        e = torch.exp(-pi / 2 * _size(_tensor(x)))
        return 2 * e / (1 + e.square())

    def _inverse(self, y: Tensor) -> Tensor:
        return 4 / pi * torch.atanh(torch.tan(pi / 4 * y))

    def _log_cdf(self, x: Tensor) -> Tensor:
        u = pi / 2 * x
        tail = 2 / pi * torch.atan(torch.exp(-u.abs()))
        left = torch.where(u < -20, log(2 / pi) + u, torch.log(tail))  # atan(e) is e there
        return torch.where(u < 0, left, torch.log1p(-tail))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        e = torch.exp(-pi / 2 * _size(x).clamp_max(15.0))  # left of −15 it is π/2, right of 15 below 1e-10
        tail = 2 / pi * torch.atan(e)
        slope = e / (1 + e.square())
        right = torch.exp(-pi / 2 * (_size(x) - _size(x).clamp_max(15.0)))
        return torch.where(x < 0, slope / tail, right * slope / (1 - tail))


class Algebraic(Sigmoid):
    """``x / √(1 + x²)``; (1 + f) / 2 is Student's t with 2 degrees of freedom at √2 x."""

    name, latex, convex = "algebraic", r"\frac{x}{\sqrt{1+x^2}}", False

    def value(self, x: Tensor) -> Tensor:
        return torch.sin(torch.atan(x))

    def derivative(self, x: Any) -> Tensor:
        return _hypotenuse(_tensor(x)).pow(-3)

    def _inverse(self, y: Tensor) -> Tensor:
        return y / ((1 - y) * (1 + y)).sqrt()

    def _log_cdf(self, x: Tensor) -> Tensor:
        h, size = _hypotenuse(x), x.abs()
        return torch.where(x < 0, -LOG2 - h.log() - (h + size).log(), torch.log1p(-0.5 / h / (h + size)))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        size = _size(x)
        h = _hypotenuse(x)
        left = (1 + size / h) / h
        return torch.where(x < 0, left, h.pow(-3) / (2 - 1 / h / (h + size)))


class Arctan(Sigmoid):
    """``(2/π) atan(πx/2)``; (1 + f) / 2 is the Cauchy distribution function at πx/2."""

    name, latex, convex = "arctan", r"\tfrac{2}{\pi}\arctan\!\left(\tfrac{\pi}{2}x\right)", False

    def value(self, x: Tensor) -> Tensor:
        return 2 / pi * torch.atan(pi / 2 * x)

    def derivative(self, x: Any) -> Tensor:
        return _hypotenuse(pi / 2 * _tensor(x)).pow(-2)

    def _inverse(self, y: Tensor) -> Tensor:
        return 2 / pi * torch.tan(pi / 2 * y)

    def _log_cdf(self, x: Tensor) -> Tensor:
        tail = _cauchy_tail(x.abs())
        return torch.where(x < 0, tail.log(), torch.log1p(-tail))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        h, tail = _hypotenuse(pi / 2 * x), _cauchy_tail(_size(x))
        left = 0.5 / h / (h * tail)
        return torch.where(x < 0, left, 0.5 * h.pow(-2) / (1 - tail))


def _cauchy_tail(size: Tensor) -> Tensor:
    """The share of the Cauchy distribution beyond πx/2, x ≥ 0, with all its digits."""
    v = pi / 2 * size
    far = torch.atan(1 / v.clamp_min(0.5))
    return torch.where(v < 1, pi / 2 - torch.atan(v), far) / pi


class Softsign(Sigmoid):
    """``x / (1 + |x|)``: the slowest to saturate; its second derivative jumps at 0."""

    name, latex, convex = "softsign", r"\frac{x}{1+|x|}", False

    def value(self, x: Tensor) -> Tensor:
        size = x.abs()
        return torch.where(size > 1, x.sign() / (1 + 1 / size.clamp_min(1)), x / (1 + size.clamp_max(1)))

    def derivative(self, x: Any) -> Tensor:
        return (1 + _size(_tensor(x))).pow(-2)

    def _inverse(self, y: Tensor) -> Tensor:
        return y / (1 - y.abs())

    def _log_cdf(self, x: Tensor) -> Tensor:
        size = x.abs()
        return torch.where(x < 0, -LOG2 - torch.log1p(size), torch.log1p(-0.5 / (1 + size)))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        t = 1 / (1 + _size(x))
        return torch.where(x < 0, t, t.square() / (2 - t))


def _hypotenuse(x: Tensor) -> Tensor:
    """√(1 + x²) without overflow."""
    return torch.hypot(torch.ones_like(x), x)


class Cloglog(Sigmoid):
    """``1 − exp(−e^x)`` in (0, 1), the complementary log-log link: slow to rise, quick to reach 1."""

    name, latex, limits, even = "cloglog", r"1-e^{-e^{x}}", (0.0, 1.0), False

    def value(self, x: Tensor) -> Tensor:
        return -torch.expm1(-x.exp())

    def derivative(self, x: Any) -> Tensor:
        x = _tensor(x).clamp_max(50.0)  # beyond, it is 0 in any precision
        return torch.exp(x - x.exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.log(-torch.log1p(-y))

    def _log_cdf(self, x: Tensor) -> Tensor:
        return torch.where(x < -40, x, torch.log(-torch.expm1(-x.exp())))

    def log_sf(self, x: Any) -> Tensor:
        return -_tensor(x).exp()

    def reversed_hazard(self, x: Tensor) -> Tensor:
        t = x.clamp(-40.0, 50.0).exp()
        return t / torch.expm1(t.clamp_max(_most(t)))


class Loglog(Sigmoid):
    """``exp(−e^{−x})`` in (0, 1), Gumbel's distribution function: the mirror image of cloglog."""

    name, latex, limits, even = "loglog", r"e^{-e^{-x}}", (0.0, 1.0), False

    def value(self, x: Tensor) -> Tensor:
        return torch.exp(-(-x).exp())

    def derivative(self, x: Any) -> Tensor:
        return cloglog.derivative(-_tensor(x))

    def _inverse(self, y: Tensor) -> Tensor:
        return -torch.log(-torch.log(y))

    def log_cdf(self, x: Any) -> Tensor:
        return cloglog.log_sf(-_tensor(x))

    def log_sf(self, x: Any) -> Tensor:
        return cloglog.log_cdf(-_tensor(x))

    def reversed_hazard(self, x: Tensor) -> Tensor:
        return (-x).exp()


logistic, erf, tanh, gudermannian = Logistic(), Erf(), Tanh(), Gudermannian()
algebraic, arctan, softsign = Algebraic(), Arctan(), Softsign()
cloglog, loglog = Cloglog(), Loglog()

#: The gallery of the lesson: limits −1 and 1, slope 1 at 0, from the quickest to saturate to the slowest.
GALLERY: tuple[Sigmoid, ...] = (erf, tanh, gudermannian, algebraic, arctan, softsign)
