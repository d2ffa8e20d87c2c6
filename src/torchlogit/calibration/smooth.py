"""The reliability curve without bins: a spline of the log-odds, fitted to the events, with a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.calibration.events import event_of, name_of
from torchlogit.calibration.regress import finite, regress
from torchlogit.calibration.reliability import quantiles, repeats
from torchlogit.errors import ParameterError
from torchlogit.fitted import Fit
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.scored import Scored
from torchlogit.tables.formula_learn import ns
from torchlogit.tables.formula_transforms import Transform

Floats = npt.NDArray[np.float64]
KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
POINTS = 101


@dataclass(frozen=True, repr=False, eq=False)
class SmoothReliability(Tabular):
    """One entry a point of the curve, (g,) arrays: at ``predicted`` the share of events is ``observed``, ``observed_low`` to
    ``observed_high`` its pointwise interval.
    """

    heading: ClassVar[str] = "Reliability, smoothed by a spline"
    heads: ClassVar[dict[str, str]] = {"observed_low": "low", "observed_high": "high"}

    predicted: Floats
    observed: Floats
    observed_low: Floats
    observed_high: Floats
    event: str
    knots: int
    level: float = 0.95


class Curve(NamedTuple):
    """The events regressed on a spline of the log-odds; ``basis`` is None where a line is all that the rows can tell."""

    basis: Transform | None
    fit: Fit

    def columns(self, log_odds: Floats) -> Floats:
        """The fit's columns at log-odds (g,)."""
        return columns(self.basis, log_odds)


def columns(basis: Transform | None, log_odds: Floats) -> Floats:
    """The spline's columns at log-odds (g,), or these alone."""
    return log_odds[:, None] if basis is None else basis.columns(log_odds)


def curve(event: Scored, knots: int = 4) -> Curve:
    """The spline through all rows, its knots at Harrell's quantiles of the log-odds; fewer where these coincide."""
    if knots not in KNOTS:
        raise ParameterError(f"knots must be one of {', '.join(map(str, KNOTS))}, got {knots}")
    event = finite(event)
    x = event.log_odds
    places = np.unique(quantiles(x, repeats(event), np.array(KNOTS[knots])).round(10))
    basis = None
    if len(places) > 2:
        basis = ns(x, knots=places[1:-1], lower_bound=float(places[0]), upper_bound=float(places[-1]))
    return Curve(basis, regress(columns(basis, x), event.y, event.weight, repeats=event.repeats))


def smooth_reliability(
    scored: Scored, knots: int = 4, *, points: int = POINTS, level: float = 0.95, label: Any = None
) -> SmoothReliability:
    """The share of events as a smooth function of the probability, at ``points`` between the least and the largest.

    ``logit P(event) = b₀ + spline(logit p)``: a natural cubic spline, whose ``knots`` (3, 4 or 5) lie at Harrell's
    quantiles of the log-odds and which is a line beyond the outer ones, fitted by maximum likelihood without a penalty. The
    band is that of `Fit.predict_interval`: Wald's on the log-odds, pointwise. A curve on the diagonal is calibration.

    Raises DataError for probabilities of 0 or 1 and rows of one class, NotCertifiedError where the probabilities split the
    classes perfectly. Source: Harrell (2015), Regression Modeling Strategies, §2.4.6 and §10.11; Austin and Steyerberg
    (2014), Statistics in Medicine 33, 517.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.1, 0.9, 2000)
    >>> found = smooth_reliability(scored_arrays(rng.random(2000) < p, p), points=3)
    >>> np.abs(found.observed - found.predicted).max() < 0.05
    np.True_
    """
    event = event_of(scored, label)
    found = curve(event, knots)
    p = event.probability[:, 1]
    grid = np.linspace(p.min(), p.max(), points)
    band = found.fit.predict_interval(found.columns(np.log(grid) - np.log1p(-grid)), level)
    return SmoothReliability(grid, band.probability, band.low, band.high, name_of(event), knots, level)


def distances(event: Scored, knots: int = 4) -> tuple[Floats, Floats]:
    """How far each row's probability lies from the smooth curve, ``|curve(p) − p|`` (m,), and the rows' weights (m,)."""
    event = finite(event)
    found = curve(event, knots)
    at = found.fit.predict_proba(found.columns(event.log_odds))[:, 1].numpy()
    return np.abs(at - event.probability[:, 1]), repeats(event)
