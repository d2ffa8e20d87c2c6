"""A fit as a nomogram: each variable's part of η in points, and what a total of points is as a probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.compared import variables
from torchlogit.inference.effects import outcome_of
from torchlogit.inference.observed import observed
from torchlogit.inference.slices import Held
from torchlogit.inference.tabular import Tabular
from torchlogit.losses import LINKS
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]
POINTS = 100.0  # of the variable that moves η most
STILL = 1e-12  # share of the largest range under which a variable moves nothing, and is left out
MOST_TICKS = 8  # of a number whose part is a line
BENT = 33  # and of one whose part is a curve
PROBABILITIES = (0.001, 0.01, 0.05, *(j / 10 for j in range(1, 10)), 0.95, 0.99, 0.999)


class _Scale(NamedTuple):
    """The columns of `Scale`."""

    probability: Floats
    total: Floats


class Scale(Tabular, _Scale):
    """Probabilities, and the total of points that gives each, (m,)."""

    heading: ClassVar[str] = "From points to probabilities"


@dataclass(frozen=True, repr=False, eq=False)
class Nomogram(Tabular):
    """One entry a tick of a variable's scale, (m,) arrays: its ``value`` as text, ``number`` (NaN for levels) and ``points``.

    η is ``eta_at_zero + eta_per_point · total``, total the sum of each variable's points; a row's probability is read off
    ``scale``. The variable that moves η most has 0 to 100 points.
    """

    heading: ClassVar[str] = "Nomogram"
    hidden: ClassVar[tuple[str, ...]] = ("scale", "number")

    variable: Texts
    value: Texts
    number: Floats
    points: Floats
    outcome: str
    eta_at_zero: float
    eta_per_point: float
    link: str
    scale: Scale
    notes: tuple[str, ...] = ()

    @property
    def most(self) -> float:
        """The largest total that the scales can give."""
        return float(sum(self.points[self.variable == name].max() for name in dict.fromkeys(self.variable)))

    def read(self, values: Mapping[str, Any]) -> tuple[float, float]:
        """What a reader finds for a row: its total of points, read linearly between ticks, and the probability of that.

        ParameterError for a variable that is missing, a level that has no tick and a number outside its scale.

        >>> from torchlogit import datasets, fit
        >>> result = fit(datasets.study_hours(), "passed")
        >>> total, p = nomogram(result).read({"hours": 3.0})
        >>> round(total, 6), round(p - float(result.predict_proba({"hours": [3.0]})[0, 1]), 12)
        (50.0, 0.0)
        """
        total = sum(self._points(name, values) for name in dict.fromkeys(self.variable))
        return float(total), float(self.probability(total))

    def probability(self, total: npt.ArrayLike) -> Floats:
        """Probability (m,) of totals of points (m,)."""
        link = LINKS[self.link]
        eta = torch.as_tensor(self.eta_at_zero + self.eta_per_point * np.asarray(total, dtype=np.float64))
        return (link.sigmoid.log_cdf(link.scale * eta)).exp().numpy()

    def _points(self, name: str, values: Mapping[str, Any]) -> float:
        if name not in values:
            raise ParameterError(f"the nomogram reads `{show(name)}` as well: give it a value")
        here, value = self.variable == name, values[name]
        number, points = self.number[here], self.points[here]
        if np.isnan(number).any():
            found = np.flatnonzero(self.value[here] == level_text(value))
            if not len(found):
                raise ParameterError(f"`{show(name)}` has no level {value!r} on the nomogram")
            return float(points[found[0]])
        if not number.min() <= value <= number.max():
            raise ParameterError(
                f"`{show(name)}` = {value} lies outside its scale, {number.min():g} to {number.max():g}"
            )
        return float(np.interp(value, number, points))


def nomogram(fit: Fit, data: Any = None, **given: Any) -> Nomogram:
    """The fit as scales of points: what each value of each variable adds to η, as a share of the largest range, times 100.

    η must be a sum of parts of one variable each: no interactions. A part that is a line has ticks at round numbers that
    enclose the data; one that is a curve (splines, powers) has many within the data, between which reading is about right. An
    offset is 0. Penalised fits have nomograms as well. ``data`` stand in for the training rows, ``given`` as for `observed`.

    ParameterError for more than two classes, interactions, and fits whose variables move nothing; NotCertifiedError without
    a certificate. Source: Harrell (2015), Regression Modeling Strategies, §11.3; Kattan, Eastham, Stapleton et al. (1998), A
    preoperative nomogram for disease recurrence, J. Natl. Cancer Inst. 90, 766–771.

    >>> from torchlogit import datasets, fit
    >>> found = nomogram(fit(datasets.study_hours(), "passed"))
    >>> found.value.tolist(), found.points.round(2).tolist()
    (['0', '1', '2', '3', '4', '5', '6'], [0.0, 16.67, 33.33, 50.0, 66.67, 83.33, 100.0])
    """
    if fit.loss in ("softmax", "squared"):
        raise ParameterError("a nomogram is for the probability of one of two classes")
    if not fit.certified:
        raise NotCertifiedError(f"no nomogram: {fit.status.value}")
    crossed = [term for term in fit.terms if len(variables(fit, term)) > 1]
    if crossed:
        raise ParameterError(f"{show_names(crossed)} joins variables, whose parts a nomogram cannot keep apart")
    held = Held.of(fit, observed(fit, data, **given))
    scales = {name: _ticks(held, name) for name in held.moves.variables}
    parts = {name: _part(held, name, ticks) for name, ticks in scales.items()}
    widest = max((np.ptp(part) for part in parts.values()), default=0.0)
    if not widest > 0:
        raise ParameterError("no variable moves the probability, so there is nothing to read off")
    unit = widest / POINTS
    parts = {name: part for name, part in parts.items() if np.ptp(part) > STILL * widest}
    scales = {name: scales[name] for name in parts}
    at_zero = held.eta({}).item() + sum(part.min() for part in parts.values())
    link = "logit" if fit.loss == "logistic" else fit.loss
    return Nomogram(
        variable=np.repeat(np.array(list(scales), dtype=object), [len(ticks) for ticks in scales.values()]),
        value=np.array([_text(tick) for ticks in scales.values() for tick in ticks], dtype=object),
        number=np.array([np.nan if isinstance(tick, str) else tick for ticks in scales.values() for tick in ticks]),
        points=np.concatenate([(part - part.min()) / unit for part in parts.values()]),
        outcome=outcome_of(fit),
        eta_at_zero=float(at_zero),
        eta_per_point=float(unit),
        link=link,
        scale=_scale(link, at_zero, unit, sum(np.ptp(part) for part in parts.values())),
        notes=(f"The offset `{show(fit.offset)}` is taken as 0.",) if fit.offset else (),
    )


def round_ticks(low: float, high: float, most: int = MOST_TICKS) -> Floats:
    """Round numbers, equally far apart, that enclose low and high: at most about so many.

    >>> round_ticks(17.0, 62.0).tolist(), round_ticks(0.5, 5.5).tolist()
    ([10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    """
    rough = (high - low) / (most - 1) or 1.0
    power = 10.0 ** floor(log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks: Floats = np.asarray(np.arange(first, max(last, first + 1) + 1) * step, dtype=np.float64)
    return ticks


def _ticks(held: Held, name: str) -> list[Any]:
    """Values on a variable's scale: its levels, or numbers."""
    levels = held.moves.variables[name].levels
    if levels:
        return list(levels)
    range_ = held.range(name, BENT)
    spread = held.facts.spread(name)
    if spread.zero_one and spread.low < spread.high:
        return [0.0, 1.0]
    part = _part(held, name, list(range_))
    if np.abs(np.diff(part, 2)).max() > 1e-9 * max(1.0, np.ptp(part)):
        ends = range_[0], range_[-1]
        return sorted({*ends, *(x for x in round_ticks(*ends, BENT).tolist() if ends[0] < x < ends[1])})
    return [float(x) for x in round_ticks(range_[0], range_[-1])]


def _part(held: Held, name: str, ticks: list[Any]) -> Floats:
    """What each value of a variable adds to η, up to a constant."""
    if isinstance(ticks[0], str):
        eta: Floats = np.concatenate([held.eta({name: level}) for level in ticks])
    else:
        eta = held.eta({name: np.array(ticks, dtype=np.float64)})
    part: Floats = eta - held.eta({})
    return part


def _scale(link: str, at_zero: float, unit: float, reach: float) -> Scale:
    """Round probabilities within the totals that there are."""
    f = LINKS[link]
    low, high = f.sigmoid.limits
    p = np.array(PROBABILITIES)
    eta = f.sigmoid.inverse(torch.from_numpy(low + p * (high - low))).numpy() / f.scale
    total = (eta - at_zero) / unit
    inside = (total >= -1e-9) & (total <= reach / unit + 1e-9)
    return Scale(p[inside], total[inside])


def _text(tick: Any) -> str:
    return tick if isinstance(tick, str) else f"{tick:.4g}"
