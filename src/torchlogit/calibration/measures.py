"""How well probabilities come true, in numbers: slope and intercept, tests, and distances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.calibration.events import event_of, name_of
from torchlogit.calibration.isotonic import isotonic
from torchlogit.calibration.regress import finite, shifted, sloped
from torchlogit.calibration.reliability import Reliability, quantiles, reliability
from torchlogit.calibration.smooth import distances
from torchlogit.calibration.words import verdict, words_of
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.goodness import hosmer_lemeshow_of
from torchlogit.inference.normal import half_width, tested
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.condensed import Condensed
from torchlogit.metrics.scored import Scored
from torchlogit.render.document import Document

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]


class Measure(NamedTuple):
    """An estimate with its interval and the logarithm of the p-value of its test; NaN where there is none."""

    estimate: float
    low: float = nan
    high: float = nan
    log_p: float = nan


@dataclass(frozen=True, repr=False, eq=False)
class Calibration(Tabular):
    """One entry a measure, (m,) arrays; ``found["slope"]`` is an estimate by its name. The definitions stand at `calibration`.

    ``ideal`` is what a calibrated model has, NaN where that depends on the rows. ``n`` is the weight of the rows, ``observed``
    the share of events, ``predicted`` the mean probability; ``reliability`` has the bins.
    """

    heading: ClassVar[str] = "Calibration"
    hidden: ClassVar[tuple[str, ...]] = ("reliability", "language")

    measure: tuple[str, ...]
    ideal: Floats
    estimate: Floats
    low: Floats
    high: Floats
    log_p: Floats
    event: str
    n: float
    predicted: float
    observed: float
    level: float
    seen: bool
    reliability: Reliability
    notes: tuple[str, ...] = ()
    language: str = "en"  # of the sentences that are shown

    def document(self) -> Document:
        """What is shown: the table, and what it says in sentences."""
        found = super().document()
        return found._replace(notes=(*verdict(self, self.language), *found.notes))

    def __getitem__(self, measure: str) -> float:
        """An estimate; KeyError, with the names there are, for another name."""
        if measure not in self.measure:
            raise KeyError(f"there is no {measure!r}, but {', '.join(self.measure)}")
        return float(self.estimate[self.measure.index(measure)])


def calibration(
    scored: Scored,
    bins: int = 10,
    rule: str = "quantile",
    *,
    level: float = 0.95,
    label: Any = None,
    language: str = "en",
) -> Calibration:
    """Whether of rows with probability p a share p had the event.

    With p a row's probability of the event, y whether it came, s the row's weight (so many rows), all sums over rows:

    =================== ====================================================================================================
    intercept           a of ``logit P(y = 1) = a + logit p``: over 0 where too few events were predicted; test of a = 0
    slope               b of ``logit P(y = 1) = a + b logit p``: under 1 where probabilities are too extreme; test of b = 1
    cox                 ``2 (log-likelihood at the best a, b − at 0, 1)``, χ² on 2
    spiegelhalter       ``z = Σ s (y − p)(1 − 2p) / √(Σ s (1 − 2p)² p (1 − p))``, normal
    hosmer lemeshow     the χ² of ten groups, on as many degrees of freedom (rows without weights)
    ece                 ``Σ_bins n |observed − predicted| / Σ n``, over the bins of `reliability`
    ece if calibrated   its mean if the probabilities were true, ``Σ n σ √(2/π) / Σ n``, σ² = Σ s p (1 − p) / n²
    ece debiased        ece less its noise's share, at least 0: ``Σ n (2 |d| − E|N(d, o (1 − o) / n)|) / Σ n``
    ici, e50, e90       mean, median, 90 % quantile of ``|curve(p) − p|``, with the curve of `smooth_reliability`
    brier               ``Σ s (y − p)² / Σ s``, = miscalibration − discrimination + uncertainty
    miscalibration      Brier score less that of p's isotonic recalibration; also biased upwards
    discrimination      Brier score of the overall share less that of the isotonic recalibration
    uncertainty         Brier score of the overall share
    bins                ``Σ_bins n (observed − predicted)² / Σ n``, the reliability of Murphy's decomposition
    bins debiased       the same with ``o (1 − o) / (n − 1)`` taken off each bin: without bias; may be negative
    =================== ====================================================================================================

    Of rows that were read in parts the measures that look at each row by itself are empty: e50, e90,
    miscalibration and discrimination; and the errors of slope and intercept where weights are no counts.
    Intervals of intercept and slope are Wald's, from torchlogit's own fit. On the rows that were fitted there are neither
    intervals nor tests. A measure that does not exist is empty, and a note says why. ``label`` is as in `event_of`,
    and sentences are in ``language`` "en" or "zh".

    Source: Cox (1958), Biometrika 45, 562; Van Calster et al. (2016), J. Clin. Epidemiol. 74, 167; Spiegelhalter (1986),
    Statistics in Medicine 5, 421; Kumar, Liang and Ma (2019), Verified uncertainty calibration (the normal approximation of
    their software); Austin and Steyerberg (2019), Statistics in Medicine 38, 4051; Dimitriadis, Gneiting and Jordan (2021),
    PNAS 118, e2016191118; Murphy (1973); Ferro and Fricker (2012), Q. J. R. Meteorol. Soc. 138, 1954.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.95, 5000)
    >>> extreme = p**2 / (p**2 + (1 - p) ** 2)  # the log-odds doubled
    >>> found = calibration(scored_arrays(rng.random(5000) < p, extreme))
    >>> round(found["slope"], 2), round(found["intercept"], 2)
    (0.51, -0.05)
    """
    curve = reliability(scored, bins, rule, level=level, label=label)
    at = _Rows(event_of(scored, label), curve)
    found, notes, words = [], list(curve.notes), words_of(language)
    for name, (_, measure) in MEASURES.items():
        try:
            found.append(measure(at))
        except (DataError, ParameterError, NotCertifiedError) as error:
            found.append(Measure(nan))
            notes.append(words["none"].format(name=name, error=error))
    if scored.seen:
        found = [Measure(each.estimate) for each in found]
        notes.append(words["seen"])
    notes.append(words["biased"].format(bias=_if_calibrated(at).estimate))
    estimate, low, high, log_p = np.array(found).T
    return Calibration(
        measure=tuple(MEASURES),
        ideal=np.array([ideal for ideal, _ in MEASURES.values()]),
        estimate=estimate,
        low=low,
        high=high,
        log_p=log_p,
        event=name_of(at.event),
        n=float(at.event.size if at.event.repeats else at.s.sum()),
        predicted=at.mean(at.p),
        observed=at.mean(at.y),
        level=level,
        seen=scored.seen,
        reliability=curve,
        notes=tuple(dict.fromkeys(notes)),
        language=language,
    )


def _each_row(at: _Rows) -> None:
    """ParameterError where points stand for the rows."""
    if isinstance(at.event, Condensed):
        raise ParameterError("it looks at each row by itself, and the rows were read in parts")


class _Rows:
    """The rows that count, and what several measures need of them."""

    def __init__(self, event: Scored, bins: Reliability) -> None:
        self.event, self.bins, self.level = event, bins, bins.level
        self.y, self.p, self.s = event.y.astype(np.float64), event.probability[:, 1], event.weight
        self.gap, self.share = np.abs(bins.observed - bins.predicted), bins.n / bins.n.sum()

    def mean(self, values: Floats) -> float:
        """The weighted mean of values (n,)."""
        return float(np.average(values, weights=self.s))

    @cached_property
    def isotonic(self) -> float:
        """The Brier score of the isotonic recalibration."""
        _each_row(self)
        _, values, size = isotonic(self.event.log_odds, self.y, self.s)
        return self.mean(self.y) - float((size * values**2).sum() / size.sum())  # Σ s y v = Σ s v², block by block

    @cached_property
    def finite(self) -> Scored:
        """The same rows, where no probability is 0 or 1."""
        return finite(self.event)

    @cached_property
    def sloped(self) -> Fit:
        """Cox's regression of the event on the log-odds."""
        return sloped(self.finite)

    @cached_property
    def distances(self) -> tuple[Floats, Floats]:
        return distances(self.event)

    def within(self, q: float) -> Measure:
        """A quantile of the distances from the smooth curve."""
        _each_row(self)
        return Measure(float(quantiles(*self.distances, np.array([q]))[0]))


def _estimated(at: _Rows, estimate: float, error: float, ideal: float) -> Measure:
    if isinstance(at.event, Condensed) and not at.event.repeats:
        return Measure(estimate)  # its error would need the squared weight of each row
    half = half_width(at.level) * error
    _, log_p = tested(np.array([estimate - ideal]), np.array([error]))
    return Measure(estimate, estimate - half, estimate + half, float(log_p[0]))


def _intercept(at: _Rows) -> Measure:
    found = shifted(at.finite)
    return _estimated(at, float(found.theta[0, 0]), float(found.std_error[0, 0]), 0.0)


def _slope(at: _Rows) -> Measure:
    found = at.sloped
    if found.aliased:
        raise DataError("all probabilities are equal")
    return _estimated(at, float(found.theta[1, 0]), float(found.std_error[1, 0]), 1.0)


def _cox(at: _Rows) -> Measure:
    event = at.finite
    if not event.repeats:
        raise ParameterError("weights that are no counts have no likelihood")
    statistic = max(0.0, 2 * (at.sloped.log_likelihood - float((event.weight * event.own).sum())))
    return Measure(statistic, log_p=chi_squared(statistic, 2 - len(at.sloped.aliased)))


def _spiegelhalter(at: _Rows) -> Measure:
    tilt = 1 - 2 * at.p
    spread = float((at.event.square * tilt**2 * at.p * (1 - at.p)).sum())
    if not spread > 1e-20 * at.event.square.sum():
        raise DataError("every probability is 0, 1/2 or 1, so the statistic has no spread")
    z = float((at.s * (at.y - at.p) * tilt).sum()) / spread**0.5
    return Measure(z, log_p=float(tested(np.array([z]), np.ones(1))[1][0]))


def _hosmer_lemeshow(at: _Rows) -> Measure:
    event = at.event
    plain = event.repeats and event.size == event.n if isinstance(event, Condensed) else bool((at.s == 1).all())
    if not plain:
        raise ParameterError("Hosmer and Lemeshow's test is for rows without weights")
    found = hosmer_lemeshow_of(event.y, at.p, times=event.weight)
    return Measure(found.statistic, log_p=found.log_p if np.isfinite(found.statistic) else -inf)


def _ece(at: _Rows) -> Measure:
    return Measure(float(at.share @ at.gap))


def _if_calibrated(at: _Rows) -> Measure:
    return Measure(float(at.share @ np.sqrt(at.bins.variance * 2 / np.pi)))


def _ece_debiased(at: _Rows) -> Measure:
    noise = np.sqrt(at.bins.observed * (1 - at.bins.observed) / at.bins.size)
    return Measure(max(0.0, float(at.share @ (2 * at.gap - folded(at.gap, noise)))))


def folded(mean: Floats, deviation: Floats) -> Floats:
    """``E|N(mean, deviation²)|``, the mean of a folded normal. Source: Leone, Nelson and Nottingham (1961).

    >>> folded(np.array([0.0, 3.0]), np.array([1.0, 0.0])).round(4).tolist()
    [0.7979, 3.0]
    """
    from scipy.special import ndtr

    ratio = np.divide(mean, deviation, out=np.full_like(mean, inf), where=deviation > 0)
    return np.asarray(deviation * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + mean * (1 - 2 * ndtr(-ratio)))


def _ici(at: _Rows) -> Measure:
    distance, weight = at.distances
    return Measure(float(np.average(distance, weights=weight)))


def _brier(at: _Rows) -> Measure:
    return Measure(at.mean((at.y - at.p) ** 2))


def _uncertainty(at: _Rows) -> Measure:
    share = at.mean(at.y)
    return Measure(share * (1 - share))


def _bins_debiased(at: _Rows) -> Measure:
    few = at.bins.size <= 1 + 1e-9
    if few.any():
        raise DataError("a bin has one row, whose noise cannot be estimated; ask for fewer bins")
    noise = at.bins.observed * (1 - at.bins.observed) / (at.bins.size - 1)
    return Measure(float(at.share @ (at.gap**2 - noise)))


MEASURES: dict[str, tuple[float, Callable[[_Rows], Measure]]] = {
    "intercept": (0.0, _intercept),
    "slope": (1.0, _slope),
    "cox": (nan, _cox),
    "spiegelhalter": (0.0, _spiegelhalter),
    "hosmer lemeshow": (nan, _hosmer_lemeshow),
    "ece": (0.0, _ece),
    "ece if calibrated": (nan, _if_calibrated),
    "ece debiased": (0.0, _ece_debiased),
    "ici": (0.0, _ici),
    "e50": (0.0, lambda at: at.within(0.5)),
    "e90": (0.0, lambda at: at.within(0.9)),
    "brier": (nan, _brier),
    "miscalibration": (0.0, lambda at: Measure(_brier(at).estimate - at.isotonic)),
    "discrimination": (nan, lambda at: Measure(_uncertainty(at).estimate - at.isotonic)),
    "uncertainty": (nan, _uncertainty),
    "bins": (0.0, lambda at: Measure(float(at.share @ at.gap**2))),
    "bins debiased": (0.0, _bins_debiased),
}
