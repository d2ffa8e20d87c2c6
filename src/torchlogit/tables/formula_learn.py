"""The functions of a formula that learn from a column, by the names and with the arguments that formulas give them.

Conventions are those of R and patsy: ``poly`` of R's stats, ``bs`` and ``ns`` of its splines, ``cr`` and ``cc`` of mgcv.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.tables.formula_transforms import (
    MOST,
    BSpline,
    CubicSpline,
    NaturalSpline,
    Polynomial,
    Powers,
    Scaling,
    Transform,
)
from torchlogit.tables.names import show

Floats = npt.NDArray[np.float64]


def scale(x: Floats, center: Any = True, scale: Any = True, ddof: float = 1) -> Transform:
    """(x − mean) / standard deviation, or about a ``center`` and in units of a ``scale`` that are given."""
    centre = float(x.mean()) if center is True else float(center)
    unit = math.sqrt(float(((x - centre) ** 2).sum()) / max(len(x) - ddof, 1)) if scale is True else float(scale or 1)
    if not unit > 0:
        raise ParameterError("has no spread in the training rows, so it cannot be scaled")
    return Scaling(centre, unit)


def center(x: Floats) -> Transform:
    """X − mean."""
    return scale(x, scale=False)


def standardize(x: Floats, center: Any = True, rescale: Any = True, ddof: float = 0) -> Transform:
    """As `scale`, with n below the sum of squares; the name is patsy's."""
    return scale(x, center, rescale, ddof)


def poly(x: Floats, degree: int = 1, raw: bool = False) -> Transform:
    """Orthogonal polynomials, or powers with ``raw``."""
    degree = _whole(degree, "degree", 1)
    if raw:
        return Powers(degree)
    if len(np.unique(x)) <= degree:
        raise ParameterError(f"has {len(np.unique(x))} different values, too few for a polynomial of degree {degree}")
    alpha, norms2 = list[float](), [float(len(x))]
    before, p = np.zeros_like(x), np.ones_like(x)
    for k in range(degree):
        alpha.append(float((x * p**2).sum() / norms2[k]))
        beta = norms2[k] / norms2[k - 1] if k else 0.0
        before, p = p, (x - alpha[k]) * p - beta * before
        norms2.append(float((p**2).sum()))
    return Polynomial(tuple(alpha), tuple(norms2))


def bs(
    x: Floats,
    df: int | None = None,
    knots: Any = None,
    degree: int = 3,
    include_intercept: bool = False,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    extrapolation: str = "raise",
) -> Transform:
    """B-splines with ``df`` columns, inner knots at quantiles, or with inner ``knots`` that are given."""
    degree = _whole(degree, "degree", 0)
    ends = _ends(x, lower_bound, upper_bound)
    count = (
        None if df is None else _whole(df, "df", degree + bool(include_intercept)) - degree - bool(include_intercept)
    )
    inner = _inner(x, ends, knots, count)
    padded = (*(ends[:1] * (degree + 1)), *inner, *(ends[1:] * (degree + 1)))
    return BSpline(padded, extrapolation, degree, bool(include_intercept))


def ns(
    x: Floats,
    df: int | None = None,
    knots: Any = None,
    include_intercept: bool = False,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    extrapolation: str = "extend",
) -> Transform:
    """Natural cubic splines with ``df`` columns."""
    ends = _ends(x, lower_bound, upper_bound)
    count = None if df is None else _whole(df, "df", 1 + bool(include_intercept)) - 1 - bool(include_intercept)
    inner = _inner(x, ends, knots, count)
    return NaturalSpline((*(ends[:1] * 4), *inner, *(ends[1:] * 4)), extrapolation, bool(include_intercept))


def cr(
    x: Floats,
    df: int | None = None,
    knots: Any = None,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    constraints: str | None = None,
    extrapolation: str = "extend",
    *,
    cyclic: bool = False,
) -> Transform:
    """Natural cubic regression splines; ``constraints="center"`` makes their columns sum to 0 over the training rows."""
    if (df is None and knots is None) or constraints not in (None, "center"):
        raise ParameterError('needs df or knots, and no constraints other than "center"')
    ends = _ends(x, lower_bound, upper_bound)
    centred = constraints is not None
    count = None if df is None else _whole(df, "df", 1 if centred or cyclic else 2) - 2 + centred + cyclic
    inner = _inner(np.unique(x), ends, knots, count)
    free = CubicSpline((ends[0], *inner, ends[1]), extrapolation, cyclic, ())
    means = tuple(free.free(x).mean(0).tolist()) if centred else ()
    return CubicSpline(free.knots, extrapolation, cyclic, means)


def cc(x: Floats, *given: Any, **named: Any) -> Transform:
    """Cyclic cubic regression splines: the ends meet."""
    return cr(x, *given, **named, cyclic=True)


LEARN: dict[str, Callable[..., Transform]] = {
    "scale": scale,
    "center": center,
    "standardize": standardize,
    "poly": poly,
    "bs": bs,
    "ns": ns,
    "cr": cr,
    "cs": cr,
    "cc": cc,
}


def _whole(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        raise ParameterError(f"{name} must be a whole number from {least} to {MOST}, got {show(value)}")
    return value


def _ends(x: Floats, low: float | None, high: float | None) -> tuple[float, float]:
    """The outer knots."""
    ends = (float(x.min()) if low is None else float(low), float(x.max()) if high is None else float(high))
    if not ends[0] < ends[1]:
        raise ParameterError(f"has no room between its outer knots, {ends[0]:g} and {ends[1]:g}")
    return ends


def _inner(x: Floats, ends: tuple[float, float], knots: Any, count: int | None) -> tuple[float, ...]:
    """The inner knots: given, or ``count`` quantiles of x (type 7)."""
    if knots is not None and count is not None:
        raise ParameterError("takes df or knots, not both")
    inside = x[(x >= ends[0]) & (x <= ends[1])]
    if knots is None:
        found = np.quantile(inside, np.linspace(0, 1, (count or 0) + 2)[1:-1])
    else:
        found = np.sort(np.atleast_1d(np.asarray(knots, dtype=np.float64)))
    if found.size and not (ends[0] < found[0] and found[-1] < ends[1]):
        raise ParameterError(f"has an inner knot that is not between the outer ones, {ends[0]:g} and {ends[1]:g}")
    return tuple(found.tolist())
