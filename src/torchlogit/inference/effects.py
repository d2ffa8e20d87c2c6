"""Effects on the probability: how much it moves as a variable does, averaged over the rows or at values of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.averages import Averages, Mean, NotToldError, Wanted
from torchlogit.inference.facts import Facts
from torchlogit.inference.moves import Changes, Moves
from torchlogit.inference.normal import half_width, tested
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.parts import Tables
from torchlogit.inference.places import At, Shifted, grid
from torchlogit.inference.tabular import Tabular
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]
METHODS = {"dydx": "dy/dx", "eyex": "ey/ex", "dyex": "dy/ex", "eydx": "ey/dx"}


class _Grid(Tabular):
    """A table whose columns of text are left out where they say nothing."""

    def columns(self) -> dict[str, Any]:
        """The columns that say something."""
        empty = ("label", "at", "group")
        return {name: c for name, c in super().columns().items() if name not in empty or any(t != "" for t in c)}


@dataclass(frozen=True, repr=False, eq=False)
class EffectTable(_Grid):
    """One entry a variable, contrast, value of the others, group and class, (m,) arrays. ``log_p``: natural logarithm.

    ``z`` and ``log_p`` are NaN where there is nothing to test, such as an elasticity where the variable is 0.
    """

    heading: ClassVar[str] = "Effects on the probability"
    hidden: ClassVar[tuple[str, ...]] = ("method",)

    outcome: str
    term: Texts
    contrast: Texts
    label: Texts  # the class, for more than two
    at: Texts
    group: Texts
    effect: Floats
    std_error: Floats
    z: Floats
    log_p: Floats
    low: Floats
    high: Floats
    level: float
    notes: tuple[str, ...] = ()
    method: str = "dydx"

    @property
    def p(self) -> Floats:
        """Two-sided p-values."""
        return np.exp(self.log_p)


@dataclass(frozen=True, repr=False, eq=False)
class MarginTable(_Grid):
    """One entry a value of the variables, group and class, (m,) arrays; low and high lie in [0, 1]."""

    heading: ClassVar[str] = "Average probabilities"

    outcome: str
    label: Texts
    at: Texts
    group: Texts
    probability: Floats
    std_error: Floats
    low: Floats
    high: Floats
    level: float


@dataclass(frozen=True)
class Asked:
    """How the effect of a variable is asked for; ``difference`` is a step for all numbers, or one for some of them."""

    method: str
    difference: float | Mapping[str, float] | None
    discrete: bool

    def step(self, name: str) -> float | None:
        """The step of a variable that is a number; None where its slope is asked for."""
        steps = self.difference
        return steps.get(name) if isinstance(steps, Mapping) else steps


def effects(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    *,
    at: At = None,
    method: Literal["dydx", "eyex", "dyex", "eydx"] = "dydx",
    difference: float | Mapping[str, float] | None = None,
    discrete: bool = True,
    by: Any = None,
    level: float = 0.95,
    data: Any = None,
    **given: Any,
) -> EffectTable:
    """Average marginal effects: ``Σ sᵢ ∂μᵢ/∂x / Σ sᵢ`` over the rows, with errors by the delta method.

    The variable is a column of the table: where a formula uses it more than once (interactions, powers, splines), all of
    these move together. Of a number it is the slope of the probability, or with ``difference`` what so long a step does
    (one number, or a dict by variable); of a number that is 0 or 1 the difference between these (with ``discrete=False``
    its slope), of a category that between each level and the reference. ``variables`` are all of them unless named.

    ``at`` sets others: ``{"age": [30, 50], "sex": "f"}`` for all rows, one result for each combination; ``"mean"`` or
    ``"median"`` puts numbers there and averages the encoded categories, so that it is the effect for one average row.
    ``by`` is a column of the table, or one value a row: averages within each group. ``method="eyex"`` is the elasticity
    ``∂ log μ / ∂ log x``, ``"eydx"`` and ``"dyex"`` the semi-elasticities; those of x are for numbers only, by slopes.
    Errors are ``√(gᵀ C g)``, g the gradient by θ, analytic, and C the fit's covariance, robust if that is. Rows' weights
    weigh the average. ``data`` stand in for the training rows; ``given`` are target, weight and offset without names, and what
    else `observed` takes. Rows that are read in parts, or spread over ranks, take two passes; ``by`` is then a column, and there
    are no medians.

    NotCertifiedError where the fit has no standard errors; ParameterError for what is no variable, level or method, and
    for a variable that a collinear one keeps from moving alone (without ``variables`` such are left out, with a note).
    Source: Agresti (2013), Categorical Data Analysis, §16.1 (delta method); Ai and Norton (2003), Interaction terms in logit
    and probit models (why an interaction has no slope of its own).

    >>> from torchlogit import datasets, fit
    >>> found = fit(datasets.study_hours(), "passed").effects()
    >>> found.term.tolist(), found.effect.round(4).tolist(), found.std_error.round(4).tolist()
    (['hours'], [0.1911], [0.0176])
    """
    if method not in METHODS:
        raise ParameterError(f"unknown method {method!r}; there are {', '.join(map(repr, METHODS))}")
    half = half_width(level)
    averages = _averages(_beside(fit, data, given), by, log=method.startswith("ey"), at_centre=isinstance(at, str))
    entries, told = _entries(averages, Asked(method, difference, discrete), variables, at)
    cells = _cells(fit, [entry.mean for entry in entries], averages.facts.groups)
    term, contrast, place = _texts([entry[:3] for entry in entries], len(cells.value))
    z, log_p = tested(cells.value, cells.std_error)
    return EffectTable(
        outcome=outcome_of(fit),
        term=term,
        contrast=contrast,
        label=cells.label,
        at=place,
        group=cells.group,
        effect=cells.value,
        std_error=cells.std_error,
        z=z,
        log_p=log_p,
        low=cells.value - half * cells.std_error,
        high=cells.value + half * cells.std_error,
        level=level,
        notes=told,
        method=method,
    )


def margins(
    fit: Fit, at: At = None, *, by: Any = None, level: float = 0.95, data: Any = None, **given: Any
) -> MarginTable:
    """Average predicted probabilities, ``Σ sᵢ μᵢ / Σ sᵢ``, with some variables set: ``{"age": [30, 50]}``.

    ``at``, ``by``, ``data`` and ``given`` are those of `effects`, errors by the delta method as well. The interval is
    that of the average's log-odds, so it lies in [0, 1]. Errors as `effects`. Source: Agresti (2013), Categorical Data
    Analysis, §16.1; Lane and Nelder (1982), Analysis of covariance and standardization as instances of prediction.

    >>> from torchlogit import datasets, fit
    >>> found = fit(datasets.study_hours(), "passed").margins({"hours": [1, 2, 4]})
    >>> found.at.tolist(), found.probability.round(4).tolist()
    (['hours = 1', 'hours = 2', 'hours = 4'], [0.0709, 0.2557, 0.8744])
    """
    half, averages = half_width(level), _averages(_beside(fit, data, given), by, at_centre=isinstance(at, str))
    places = [(place, Wanted.of(changes)) for place, changes in grid(averages.facts, at)]
    found = averages.of([one for _, one in places])
    means = [_known(found[one], "nothing is known of the probability there") for _, one in places]
    cells = _cells(fit, means, averages.facts.groups)
    (place,) = _texts([entry[:1] for entry in places], len(cells.value))
    p = cells.value.clip(0, 1)  # shares of the rows sum to 1 up to rounding
    low, high = _inside(p, cells.std_error, half)
    return MarginTable(outcome_of(fit), cells.label, place, cells.group, p, cells.std_error, low, high, level)


class Entry(NamedTuple):
    """An effect of a variable, in words, where the others are, and the averages of all groups and classes."""

    term: str
    contrast: str
    at: str
    mean: Mean


class Draft(NamedTuple):
    """An effect of which the averages are wanted: the first, less the second if there is one."""

    term: str
    at: str
    contrast: str
    first: Wanted
    second: Wanted | None


def _entries(
    averages: Averages, asked: Asked, variables: str | Sequence[str] | None, at: At
) -> tuple[list[Entry], tuple[str, ...]]:
    """All effects, and sentences on variables that were left out."""
    facts = averages.facts
    pairs = product(_chosen(facts.moves, variables, asked), list(grid(facts, at)))
    drafts = [
        Draft(name, place, *each)
        for name, (place, changes) in pairs
        for each in _contrasts(facts, asked, name, changes)
    ]
    found = averages.of([one for draft in drafts for one in (draft.first, draft.second) if one is not None])
    entries, told = list[Entry](), dict[str, None]()
    for draft in drafts:
        try:
            first = _known(found[draft.first])
            second = None if draft.second is None else _known(found[draft.second])
        except NotToldError as unknown:
            if variables is not None:
                raise ParameterError(f"`{show(draft.term)}` has no effect of its own: {unknown}") from None
            told[f"`{show(draft.term)}` is left out: {unknown}"] = None
            continue
        entries.append(Entry(draft.term, draft.contrast, draft.at, first if second is None else first.less(second)))
    if not entries:
        raise ParameterError(
            f"there is no variable with an effect of its own: {'; '.join(told) or 'all are categories'}"
        )
    return entries, tuple(told)


def _known(mean: Mean | NotToldError, what: str = "") -> Mean:
    """An average; `NotToldError` where nothing is known of it, which begins with ``what``."""
    if isinstance(mean, NotToldError):
        raise NotToldError(f"{what}: {mean}") if what else mean
    return mean


def _texts(rows: Sequence[tuple[Any, ...]], size: int) -> list[Texts]:
    """Columns of text (size,), each entry as often as there are groups and classes."""
    return [np.repeat(np.array(column, dtype=object), size // len(rows)) for column in zip(*rows, strict=True)]


def outcome_of(fit: Fit) -> str:
    """What the probability is of, in words: `passed = 1`, of counts `success in …`, of more classes the target alone."""
    if fit.counts:
        return f"success in {fit.target}"
    return fit.target if fit.loss == "softmax" else f"{fit.target} = {level_text(fit.positive)}"


def _beside(fit: Fit, data: Any, given: dict[str, Any]) -> Observed:
    if fit.no_errors:
        raise NotCertifiedError(f"no effects: {fit.no_errors}")
    if not fit.columns:
        raise ParameterError("the model has no terms beside its intercept, so there is nothing to move")
    return observed(fit, data, **given)


def _averages(beside: Observed, by: Any, *, log: bool = False, at_centre: bool = False) -> Averages:
    """Averages over the rows, in groups by a column or by values."""
    named = isinstance(by, str)
    tables = Tables(beside.rows, (by,) if named else ())
    if tables.in_parts and by is not None and not named:
        raise ParameterError("by must be a column's name where rows are read in parts")
    return Averages(beside.fit, Facts(tables, by), log, at_centre)


def _width(fit: Fit) -> int:
    """Number of classes that have an entry: one for two classes."""
    return fit.theta_centred.shape[1]


def _chosen(found: Moves, variables: str | Sequence[str] | None, asked: Asked) -> list[str]:
    """The variables whose effects are asked for: by themselves all, of elasticities all numbers."""
    elastic = asked.method.endswith("ex")
    if variables is None:
        return [name for name, feature in found.variables.items() if not (elastic and feature.levels)]
    names = [variables] if isinstance(variables, str) else list(variables)
    for name in names:
        found.check_name(name)
        if elastic and found.variables[name].levels:
            raise ParameterError(f"`{show(name)}` is a category: it has no elasticity; ask for dydx or eydx")
    return names


def _contrasts(facts: Facts, asked: Asked, name: str, changes: Changes) -> Iterator[tuple[str, Wanted, Wanted | None]]:
    """The effects of one variable: of each level, of a step, or its slope; in words, as an average and what is taken off it."""
    feature, step = facts.moves.variables[name], asked.step(name)

    def to(value: Any) -> Wanted:
        return Wanted.of({**changes, name: value})

    if feature.levels:
        for level in feature.levels:
            if level != feature.reference:
                yield f"{level} - {feature.reference}", to(level), to(feature.reference)
    elif asked.method.endswith("ex"):
        yield METHODS[asked.method], Wanted.of(changes, name, elastic=True), None
    elif step is not None:
        moved = Shifted(name, facts.moves.value(name, step), changes.get(name))
        yield f"{step:+g}", to(moved), Wanted.of(changes)
    elif asked.discrete and facts.spread(name).zero_one:
        yield "1 - 0", to(1.0), to(0.0)
    else:
        yield METHODS[asked.method], Wanted.of(changes, name), None


class Cells(NamedTuple):
    """Class, group, value and standard error of every average, (m,) each."""

    label: Texts
    group: Texts
    value: Floats
    std_error: Floats


def _cells(fit: Fit, means: Sequence[Mean], groups: Sequence[str]) -> Cells:
    k = _width(fit)
    classes = [level_text(c) for c in fit.classes.tolist()] if k > 1 else [""]
    value = torch.stack([mean.value for mean in means])
    gradient = torch.stack([mean.gradient for mean in means])
    assert fit.covariance_root is not None
    error = torch.linalg.vector_norm(gradient.flatten(-2) @ fit.covariance_root.cpu(), dim=-1)
    label = np.tile(np.array(classes, dtype=object), len(means) * len(groups))
    group = np.tile(np.repeat(np.array(groups, dtype=object), k), len(means))
    return Cells(label, group, value.ravel().numpy(), error.ravel().numpy())


def _inside(p: Floats, error: Floats, half: float) -> tuple[Floats, Floats]:
    """Ends of the interval of a probability, worked out for its log-odds."""
    from scipy.special import expit, logit

    with np.errstate(divide="ignore", invalid="ignore"):
        width = half * error / (p * (1 - p))
        ends = expit(logit(p) - width), expit(logit(p) + width)
    sure = (p <= 0) | (p >= 1)
    return np.where(sure, p, ends[0]), np.where(sure, p, ends[1])
