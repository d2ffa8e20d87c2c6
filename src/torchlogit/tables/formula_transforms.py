"""Functions of a column that depend on all of its rows: what they learn from the training rows, and what they make of others.

Each is a value of numbers only, which the model file holds; ``columns(x)`` is its basis.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.tables.names import show

Floats = npt.NDArray[np.float64]
MOST = 1000  # columns one function may make
OUTSIDE = ("raise", "extend", "clip", "zero")


class OutOfRangeError(ParameterError):
    """Some x lie outside the knots, at the places ``rows``."""

    def __init__(self, rows: npt.NDArray[np.int64], low: float, high: float) -> None:
        super().__init__(f"lies outside the knots, {low:g} to {high:g}")
        self.rows = rows


@dataclass(frozen=True)
class Transform:
    """What a function learnt from its column; ``first`` is the number its first column is called by."""

    name: ClassVar[str]
    single: ClassVar[bool] = False  # whether it makes a column of numbers that other functions can take
    first: ClassVar[int] = 1

    def __post_init__(self) -> None:
        numbers = [v for field in fields(self) for v in np.ravel(getattr(self, field.name)) if not isinstance(v, str)]
        if not all(math.isfinite(number) for number in numbers) or not 1 <= self.width <= MOST:
            raise DataError(f"{self.name}() has numbers that are not finite, or not 1 to {MOST} columns")

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1

    @property
    def labels(self) -> tuple[str, ...]:
        """What its columns are called, in brackets."""
        return tuple(str(self.first + j) for j in range(self.width))

    def columns(self, x: Floats) -> Floats:
        """The basis (n, width) at x (n,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scaling(Transform):
    """(x − centre) / scale, one column."""

    name: ClassVar[str] = "scale"
    single: ClassVar[bool] = True
    centre: float
    scale: float

    def columns(self, x: Floats) -> Floats:
        return ((x - self.centre) / self.scale)[:, None]


@dataclass(frozen=True)
class Powers(Transform):
    """The powers of x, from the first."""

    name: ClassVar[str] = "powers"
    degree: int

    @property
    def width(self) -> int:
        return self.degree

    def columns(self, x: Floats) -> Floats:
        return np.power(x[:, None], np.arange(1, self.degree + 1))


@dataclass(frozen=True)
class Polynomial(Transform):
    """Polynomials that are orthonormal over the training rows, by their three-term recurrence.

    Source: Chambers and Hastie (1992), Statistical Models in S, §7.1 (R's ``poly``).
    """

    name: ClassVar[str] = "poly"
    alpha: tuple[float, ...]
    norms2: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.norms2) != len(self.alpha) + 1 or not min(self.norms2) > 0:
            raise DataError("poly() needs positive norms, one more than centres")
        super().__post_init__()

    @property
    def width(self) -> int:
        return len(self.alpha)

    def columns(self, x: Floats) -> Floats:
        p = [np.zeros_like(x), np.ones_like(x)]
        for k, alpha in enumerate(self.alpha):
            beta = self.norms2[k] / self.norms2[k - 1] if k else 0.0
            p.append((x - alpha) * p[-1] - beta * p[-2])
        return np.stack(p[2:], 1) / np.sqrt(self.norms2[1:])


@dataclass(frozen=True)
class Knotted(Transform):
    """Functions between knots; ``outside`` says what holds beyond them."""

    knots: tuple[float, ...]
    outside: str

    def __post_init__(self) -> None:
        rising = all(a <= b for a, b in zip(self.knots, self.knots[1:], strict=False))
        if len(self.knots) < 2 or not rising or self.knots[0] >= self.knots[-1] or self.outside not in OUTSIDE:
            raise DataError(
                f"{self.name}() needs knots in ascending order, and one of {', '.join(OUTSIDE)} beyond them"
            )
        super().__post_init__()

    def columns(self, x: Floats) -> Floats:
        low, high = self.knots[0], self.knots[-1]
        beyond = (x < low) | (x > high)
        if self.outside == "raise" and beyond.any():
            raise OutOfRangeError(np.flatnonzero(beyond), low, high)
        out = self.basis(np.clip(x, low, high) if self.outside != "extend" else x)
        return np.where(beyond[:, None], 0.0, out) if self.outside == "zero" else out

    def basis(self, x: Floats) -> Floats:
        """The basis at any x."""
        raise NotImplementedError


@dataclass(frozen=True)
class BSpline(Knotted):
    """B-splines of a degree; the knots at the ends are there degree + 1 times. Source: de Boor (1978), ch. IX."""

    name: ClassVar[str] = "bs"
    degree: int
    intercept: bool

    def __post_init__(self) -> None:
        if not 0 <= self.degree <= 20 or len(self.knots) < 2 * self.degree + 2:
            raise DataError("bs() needs a degree of 0 to 20 and the knots at either end degree + 1 times")
        super().__post_init__()

    @property
    def width(self) -> int:
        return len(self.knots) - self.degree - 1 - (not self.intercept)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(str(j + (not self.intercept)) for j in range(self.width))

    def basis(self, x: Floats) -> Floats:
        from scipy.interpolate import BSpline as Spline

        knots = np.array(self.knots)
        out: Floats = Spline.design_matrix(x, knots, self.degree, extrapolate=True).toarray()
        return out if self.intercept else out[:, 1:]


@dataclass(frozen=True)
class NaturalSpline(Knotted):
    """R's ``ns``: cubic B-splines without second derivative at the ends, straight beyond them."""

    name: ClassVar[str] = "ns"
    intercept: bool

    def __post_init__(self) -> None:
        if len(self.knots) < 8:
            raise DataError("ns() needs the knots at either end four times")
        super().__post_init__()

    @property
    def width(self) -> int:
        return len(self.knots) - 6 - (not self.intercept)

    def basis(self, x: Floats) -> Floats:
        from scipy.interpolate import BSpline as Spline

        knots, skip = np.array(self.knots), int(not self.intercept)
        spline = Spline(knots, np.eye(len(knots) - 4), 3)
        ends = knots[[0, -1]]
        q = np.linalg.qr(spline(ends, nu=2)[:, skip:].T, mode="complete")[0]
        near = np.clip(x, *ends)
        out: Floats = spline(near) + (x - near)[:, None] * spline(near, nu=1)
        return out[:, skip:] @ q[:, 2:]


@dataclass(frozen=True)
class CubicSpline(Knotted):
    """The natural (``cr``, ``cs``) or cyclic (``cc``) cubic spline that is 1 at one knot and 0 at the others.

    With ``constraint`` (one number a column) in the coordinates where these sum to 0: its column means, to centre them.
    Source: Wood (2006), Generalized Additive Models, §4.1.2.
    """

    name: ClassVar[str] = "cr"
    cyclic: bool
    constraint: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(set(self.knots)) < len(self.knots) or len(self.constraint) not in (0, len(self.knots) - self.cyclic):
            raise DataError("cr() and cc() need different knots, and a constraint for every column or none")
        super().__post_init__()

    @property
    def width(self) -> int:
        return len(self.knots) - self.cyclic - bool(self.constraint)

    def basis(self, x: Floats) -> Floats:
        out = self.free(x)
        if not self.constraint:
            return out
        return out @ np.linalg.qr(np.array(self.constraint)[:, None], mode="complete")[0][:, 1:]

    def free(self, x: Floats) -> Floats:
        """The basis before the constraint."""
        from scipy.interpolate import CubicSpline as Spline

        knots, unit = np.array(self.knots), np.eye(len(self.knots) - self.cyclic)
        if self.cyclic:
            around: Floats = Spline(knots, np.vstack([unit, unit[:1]]), bc_type="periodic", extrapolate="periodic")(x)
            return around
        spline, near = Spline(knots, unit, bc_type="natural"), np.clip(x, knots[0], knots[-1])
        out: Floats = spline(near) + (x - near)[:, None] * spline(near, 1)
        return out


KINDS: dict[str, type[Transform]] = {
    kind.name: kind for kind in (Scaling, Powers, Polynomial, BSpline, NaturalSpline, CubicSpline)
}


def to_dict(transform: Transform) -> dict[str, Any]:
    """The transform as JSON types."""
    return {"kind": transform.name, **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(transform).items()}}


def from_dict(data: Any) -> Transform:
    """What `to_dict` made; `DataError` for anything else."""
    kind = KINDS.get(str(data.get("kind"))) if isinstance(data, dict) else None
    if kind is None or set(data) != {"kind", *(field.name for field in fields(kind))}:
        raise DataError("a function of a formula does not have the parts it needs")
    return kind(**{field.name: _part(data[field.name], str(field.type)) for field in fields(kind)})


def _part(value: Any, wanted: str) -> Any:
    """A part of the type its field has; whole numbers are numbers too."""
    if wanted.startswith("tuple") and isinstance(value, list) and {type(v) for v in value} <= {int, float}:
        return tuple(map(float, value))
    if type(value).__name__ == wanted or (wanted == "float" and type(value) is int):
        return value
    raise DataError(f"a function of a formula has {show(value)}, not {wanted}")
