"""How the levels of a category become columns: a reference level, sums to zero, Helmert, differences, polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.tables.formula_learn import poly
from torchlogit.tables.names import did_you_mean, show_value

Floats = npt.NDArray[np.float64]
POWERS = (".L", ".Q", ".C")  # as R calls linear, quadratic and cubic
OPTIONS: dict[str, tuple[str, ...]] = {
    "treatment": ("base",),
    "sas": ("base",),
    "sum": (),
    "helmert": ("reverse", "scale"),
    "diff": ("backward",),
    "poly": ("scores",),
}
NAMES = {"Treatment": "treatment", "SAS": "sas", "Sum": "sum", "Helmert": "helmert", "Diff": "diff", "Poly": "poly"}
NAMES |= {f"contr.{name}": name for name in OPTIONS} | {"contr.SAS": "sas"}


@dataclass(frozen=True)
class Contrasts:
    """A coding of levels: a kind of `OPTIONS` and its options, ``base`` being the reference of treatment contrasts."""

    kind: str = "treatment"
    base: Any = None
    scores: tuple[float, ...] = ()
    flag: bool = True  # Helmert's reverse, Diff's backward
    scale: bool = False

    @property
    def treatment(self) -> bool:
        """Whether each level is compared with a reference."""
        return self.kind in ("treatment", "sas")

    def reference(self, levels: Sequence[str], asked: str | None) -> str:
        """The reference level: that of the formula, the one ``asked`` for, the first (the last with SAS)."""
        if not self.treatment:
            return levels[0]
        if self.base is None:
            return asked if asked is not None else levels[-1 if self.kind == "sas" else 0]
        base = str(self.base)
        if base not in levels:
            raise ParameterError(f"has no level {show_value(base)} for a reference.{did_you_mean(base, levels)}")
        return base

    def names(self, levels: Sequence[str], reference: str) -> tuple[str, ...]:
        """What the columns are called, in brackets."""
        if self.treatment:
            return tuple(f"T.{level}" for level in levels if level != reference)
        if self.kind == "poly":
            return tuple(POWERS[d] if d < len(POWERS) else f"^{d + 1}" for d in range(len(levels) - 1))
        last = self.kind == "sum" or not self.flag
        return tuple(f"{self.kind[0].upper()}.{level}" for level in (levels[:-1] if last else levels[1:]))

    def matrix(self, n: int) -> Floats:
        """The columns (n, n − 1) that n levels stand for, as R's ``contr.sum``, ``contr.helmert``, ``contr.poly``."""
        if self.kind == "sum":
            return np.vstack([np.eye(n - 1), -np.ones((1, n - 1))])
        if self.kind == "helmert":
            return self._helmert(n)
        if self.kind == "diff":
            steps = np.arange(1, n) / n - np.triu(np.ones((n, n - 1)))
            return steps if self.flag else -steps
        if self.scores and len(self.scores) != n:
            raise ParameterError(f"has {n} levels but {len(self.scores)} scores for them")
        scores = np.array(self.scores) if self.scores else np.arange(1.0, n + 1)
        return poly(scores, n - 1).columns(scores) if n > 1 else np.zeros((1, 0))

    def _helmert(self, n: int) -> Floats:
        """Each level against the mean of those before it; the other way round, of those after it."""
        out = np.diag(np.arange(1.0, n), -1)[:, : n - 1] - np.triu(np.ones((n, n - 1)))
        if self.scale:
            out /= np.arange(2, n + 1)
        return out if self.flag else out[::-1, ::-1]


def contrasts(name: str, given: Sequence[Any], named: dict[str, Any]) -> Contrasts:
    """The contrasts that a formula calls ``name``, with literal options; ParameterError for what there is not.

    >>> contrasts("Treatment", ["B"], {}).reference(["A", "B"], None)
    'B'
    >>> contrasts("Poly", [], {}).names(["low", "mid", "high"], "")
    ('.L', '.Q')
    """
    if name not in NAMES:
        near = did_you_mean(name, NAMES) or f" There are {', '.join(NAMES)}."
        raise ParameterError(f"`{name}` is no coding of levels.{near}")
    kind = NAMES[name]
    named = {{"reference": "base"}.get(key, key): value for key, value in named.items()}
    options = dict(zip(OPTIONS[kind], given, strict=False)) | named
    if len(given) > len(OPTIONS[kind]) or not set(options) <= set(OPTIONS[kind]):
        raise ParameterError(f"{name} has the options ({', '.join(OPTIONS[kind])}) only")
    flag = bool(options.get("reverse", options.get("backward", True)))
    scores = tuple(float(score) for score in options.get("scores") or ())
    return Contrasts(kind, options.get("base"), scores, flag, bool(options.get("scale", False)))
