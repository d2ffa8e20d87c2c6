"""Profile-likelihood intervals and likelihood-ratio tests of single coefficients, all of them as one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arguments import check_share
from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.contrasts import comparisons
from torchlogit.inference.levelset import Function, Goals, Reached, Start, climb, start_at
from torchlogit.inference.normal import half_width
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.tabular import Tabular
from torchlogit.objective import Objective, Taylor
from torchlogit.penalties import Jeffreys
from torchlogit.solvers import Status
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]

KIND = "profile likelihood"
FULL = "penalised likelihood: the fits under b keep the information of the whole model in their penalty, as R's logistf has it"
CERTIFIED = 1e-7  # |2 (log-likelihood lost) − quantile| up to which a bound is certified
STRANGE = 1e-6  # decrement at the fit's own coefficients from which the rows are others
MANY_ROWS = 4000  # from which one compiled pass a member is faster than one plain pass for all

LOCAL = (
    "the log-likelihood of this link is not concave: bounds and tests are local, those about the optimum that was found"
)
UNSOLVED = "{what} of {term}: the equations of the bound could not be solved to {tol:g}, so it is not given"


@dataclass(frozen=True, repr=False, eq=False)
class Profile(Tabular):
    """One entry a coefficient, (m,) arrays. NaN where there is no number: aliased terms, bounds without a certificate.

    ``statistic`` is the likelihood-ratio statistic of b = 0 on one degree of freedom. Infinite are estimates and bounds
    of separated data, where the likelihood never falls that far. ``low_error`` and ``high_error`` are the certificate of a
    bound, |2 (ℓ_max − ℓ_profile(bound)) − χ²_level|; ``low_slope`` and ``high_slope`` the largest entry that is left of the
    gradient in all other coefficients, columns scaled to unit spread.
    """

    heading: ClassVar[str] = "Profile-likelihood intervals"
    derived: ClassVar[tuple[str, ...]] = ("p",)
    hidden: ClassVar[tuple[str, ...]] = ("low_error", "high_error", "low_slope", "high_slope")

    term: tuple[str, ...]
    label: tuple[str, ...]  # the class whose odds the coefficient moves
    estimate: Floats
    low: Floats
    high: Floats
    statistic: Floats
    log_p: Floats  # natural logarithm
    low_error: Floats
    high_error: Floats
    low_slope: Floats
    high_slope: Floats
    level: float = 0.95
    base: str | None = None  # the class that others are compared with; None: the mean of all (two classes: the other)
    interval: str = KIND
    notes: tuple[str, ...] = ()

    @property
    def p(self) -> Floats:
        """p-values of the likelihood-ratio tests."""
        return np.exp(self.log_p)


def profile(
    fit: Fit, level: float = 0.95, terms: Sequence[str] | None = None, data: Any = None, *, base: Any = None
) -> Profile:
    """Where the profile log-likelihood of each coefficient has fallen by half the χ² quantile, and its test against 0.

    The bounds of b solve ``2 (ℓ_max − max{ℓ(θ): θ_j = b}) = χ²₁(level)``; the test's statistic is the left side at b = 0.
    All bounds and tests are one batch, solved in scaled coordinates, so that a column's unit or zero changes nothing, and
    each is certified by itself; a bound that is not is NaN, with a sentence in ``notes``. On separated data a bound
    is infinite where the likelihood never falls that far, which linear programmes decide. ``terms`` are names of theta's
    rows (the intercept is ``"(Intercept)"``, at x = 0); None is all. With more than two classes a coefficient is that of its
    class against the mean of all classes, as in the fit's own theta, or against the class ``base``.

    Raises NotCertifiedError for a penalised or uncertified fit, whose intervals would not cover; ParameterError for a
    level, term or base that there is not, and where a fit from a file is given no ``data``; DataError for other data.

    Source: Venzon and Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals, Applied
    Statistics 37, 87–94, eq. 1–9.

    >>> from torchlogit import datasets, fit
    >>> found = profile(fit(datasets.study_hours(), "passed"))
    >>> found.low.round(3).tolist(), found.high.round(3).tolist(), found.p.round(5).tolist()
    ([-8.585, 0.529], [-1.268, 3.145], [0.00202, 0.00064])
    """
    check_share(level)
    _refuse(fit)
    places = _places(fit, terms)
    labels, matrix = _comparisons(fit, base)
    if isinstance(fit.penalty, Jeffreys):
        from torchlogit.inference.firth import penalised_lines

        told = _told(fit, penalised_lines(fit, places, matrix, level, data), places, labels, matrix, level, base)
        return replace(told, interval=f"penalised {KIND}", notes=(*told.notes, FULL))
    seen = observed(fit, data)
    with exact_arithmetic(), seen.few_threads():
        found = _solved(seen, _functionals(seen, places, matrix), level)
    return _told(fit, found, places, labels, matrix, level, base)


class Lines(NamedTuple):
    """The numbers of M coefficients, (M,)."""

    estimate: Tensor
    low: Tensor
    high: Tensor
    statistic: Tensor
    low_error: Tensor
    high_error: Tensor
    low_slope: Tensor
    high_slope: Tensor


class Summit(NamedTuple):
    """A likelihood to be profiled: its function, where its maximum is, −ℓ there, and functionals (M, m) of unit error."""

    function: Function
    start: Start
    least: float
    c: Tensor


def _refuse(fit: Fit) -> None:
    """NotCertifiedError where a likelihood's profile would say nothing."""
    if fit.loss == "squared":
        raise NotCertifiedError("no profile intervals: the linear unit has no likelihood")
    if fit.weights_are == "sampling":
        raise NotCertifiedError("no profile intervals: with sampling weights there is no likelihood of the rows")
    if not fit.penalty.intervals:
        raise NotCertifiedError(f"no profile intervals: {fit.no_errors}; they would not be confidence intervals")
    if not fit.certified and fit.status is not Status.separated:
        raise NotCertifiedError(f"no profile intervals: {fit.status.value}")


def _places(fit: Fit, terms: Sequence[str] | None) -> list[int]:
    """Rows of theta by name."""
    wanted = fit.names if terms is None else [terms] if isinstance(terms, str) else terms
    strange = [name for name in wanted if name not in fit.names]
    if strange:
        raise ParameterError(
            f"{show_value(strange[0])} is no term of the fit; it has {', '.join(map(show, fit.names))}"
        )
    return [fit.names.index(name) for name in wanted]


def _comparisons(fit: Fit, base: Any) -> tuple[tuple[str, ...], Tensor]:
    """Labels (r,), and C (k, r): a row of theta times C are the coefficients that are profiled."""
    found = comparisons(fit, base)
    matrix = found.matrix.cpu()
    if fit.loss == "softmax" and base is None:  # one constant for all classes changes nothing: against their mean
        matrix = matrix - 1 / len(matrix)
    return tuple(map(level_text, found.labels)), matrix


def _functionals(seen: Observed, places: Sequence[int], matrix: Tensor) -> Tensor:
    """The coefficients as linear functions of gamma, (len(places)·r, q·k)."""
    objective, lead = seen.objective, int(seen.fit.intercept)
    coordinates = objective.coordinates
    assert coordinates is not None
    rows = coordinates.theta(torch.eye(objective.p, dtype=torch.float64), seen.fit.intercept)
    if lead:
        rows[0] -= coordinates.centre @ rows[1:]
    return torch.einsum("tq,kr->trqk", rows[list(places)], matrix).flatten(0, 1).flatten(1)


def _solved(seen: Observed, functionals: Tensor, level: float) -> Lines:
    """Bounds and tests of all functionals."""
    if seen.fit.status is Status.separated:
        from torchlogit.inference.recession import separated_lines

        return separated_lines(seen.objective, seen.gamma, functionals, level)
    start = start_at(evaluator(seen.objective), seen.gamma.flatten())
    decrement = float(start.grad[0] @ start.inverse @ start.grad[0])
    if not decrement < STRANGE:
        raise DataError(
            "these are not the rows that the fit was made of: their likelihood has its maximum elsewhere "
            f"(its gradient is worth {decrement:.2g}); give the training data, with weights and offsets"
        )
    return lines(seen.objective, start, functionals, level)


def lines(objective: Objective | Function, start: Start, functionals: Tensor, level: float) -> Lines:
    """Bounds and tests of functionals whose likelihood has its maximum at ``start``."""
    error = ((functionals @ start.inverse) * functionals).sum(1).clamp_min(0).sqrt()
    real = error > 0
    unit = torch.where(real, error, 1.0)
    summit = Summit(evaluator(objective), start, float(start.value), functionals[real] / unit[real, None])
    found = _climbed(summit, level)
    whole = (torch.full_like(error, torch.nan).masked_scatter(real, values) for values in found)
    estimate, low, high, *rest = whole
    return Lines(estimate * unit, low * unit, high * unit, *rest)


def _climbed(summit: Summit, level: float) -> Lines:
    """Lower bounds, upper bounds and tests, as one batch."""
    size, quantile = len(summit.c), chi_squared_quantile(level)
    side = torch.tensor([-1.0, 1.0, 0.0], dtype=torch.float64).repeat_interleave(size)
    target = torch.full_like(side, summit.least + quantile / 2)
    goals = Goals(summit.c.repeat(3, 1), side, torch.zeros_like(side), target)
    reached = climb(summit.function, summit.start, goals)
    estimate = summit.c @ summit.start.gamma
    (low, low_error), (high, high_error) = (bound(reached, goals, slice(i * size, (i + 1) * size)) for i in range(2))
    return Lines(
        estimate=estimate,
        low=low,
        high=high,
        statistic=ratio(Reached(*(t[2 * size :] for t in reached)), summit.least),
        low_error=low_error,
        high_error=high_error,
        low_slope=reached.slope[:size],
        high_slope=reached.slope[size : 2 * size],
    )


def bound(reached: Reached, goals: Goals, members: slice) -> tuple[Tensor, Tensor]:
    """The functional at the bounds that are certified, NaN elsewhere, and the error of each in units of χ²."""
    error = 2 * reached.excess[members].abs() + reached.decrement[members]
    place = (goals.c[members] * reached.gamma[members]).sum(1)
    fine = error <= CERTIFIED + 1e-12 * reached.value[members].abs()
    return torch.where(fine, place, torch.nan), error


def ratio(reached: Reached, least: float) -> Tensor:
    """Twice the log-likelihood lost where a functional was held, less what a last step would bring; NaN if not certified."""
    statistic = 2 * (reached.value - least) - reached.decrement
    return torch.where(reached.decrement <= CERTIFIED, statistic.clamp_min(0), torch.nan)


def chi_squared_quantile(level: float) -> float:
    """The quantile of χ² on one degree of freedom.

    >>> round(chi_squared_quantile(0.95), 4)
    3.8415
    """
    return half_width(level) ** 2


def evaluator(function: Objective | Function) -> Function:
    """The function, taken member by member where a compiled pass makes that faster: not where rows are read for each pass."""
    if not isinstance(function, Objective) or function.k > 1 or function.source.n_rows < MANY_ROWS:
        return function
    if not function.source.in_memory:
        return function
    compiled = function.source.whole(function.loss.name, function.dtype) is not function.source
    return OneByOne(function) if compiled else function


class OneByOne:
    """A function at many points by one pass a point."""

    def __init__(self, function: Function) -> None:
        self.function, self.p, self.k = function, function.p, function.k

    def taylor(self, theta: Tensor, order: int = 1) -> Taylor:
        """Value and derivatives at theta (B, q, k)."""
        each = [self.function.taylor(one, order) for one in theta]
        return Taylor(*(torch.stack(parts) for parts in zip(*(at[: order + 1] for at in each), strict=True)))


def _told(
    fit: Fit, found: Lines, places: Sequence[int], labels: tuple[str, ...], matrix: Tensor, level: float, base: Any
) -> Profile:
    """The table of all that was found, with the fit's own estimates."""
    from scipy.special import log_ndtr

    terms = tuple(fit.names[place] for place in places for _ in labels)
    numbers = {name: values.cpu().numpy() for name, values in found._asdict().items()}
    if fit.status is not Status.separated:  # about the fit's own estimates, which have all their digits
        own = (fit.theta.cpu() @ matrix)[list(places)].flatten().numpy()
        numbers |= {name: own + (numbers[name] - numbers["estimate"]) for name in ("low", "high")}
        numbers["estimate"] = np.where(np.isnan(numbers["estimate"]), np.nan, own)
    aliased = np.isin(terms, fit.aliased) & ~np.isin(terms, ["(Intercept)"])
    numbers = {name: np.where(aliased, np.nan, values) for name, values in numbers.items()}
    return Profile(
        term=terms,
        label=labels * len(places),
        **numbers,
        log_p=np.log(2) + log_ndtr(-np.sqrt(numbers["statistic"])),
        level=level,
        base=None if base is None else level_text(base),
        notes=tuple(_notes(fit, terms, numbers, aliased)),
    )


def _notes(
    fit: Fit, terms: tuple[str, ...], numbers: dict[str, Floats], aliased: npt.NDArray[np.bool_]
) -> Iterator[str]:
    """What must be told beside the numbers."""
    if not fit._loss().convex:
        yield LOCAL
    for name, what in (("low", "lower bound"), ("high", "upper bound"), ("statistic", "test")):
        for i in np.flatnonzero(np.isnan(numbers[name]) & ~aliased):
            yield UNSOLVED.format(what=what, term=show(terms[i]), tol=CERTIFIED)
