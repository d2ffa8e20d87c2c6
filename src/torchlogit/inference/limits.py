"""What is left of maximum likelihood where classes are separated: coefficients that run to infinity, and the limits of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arguments import check_share
from torchlogit.arithmetic import exact_arithmetic
from torchlogit.cone import Cone, Undecided
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.levelset import Start, start_at
from torchlogit.inference.normal import half_width, tested
from torchlogit.inference.observed import observed
from torchlogit.inference.recession import Limit
from torchlogit.inference.tabular import Tabular
from torchlogit.objective import Objective
from torchlogit.separation import Separation, verdict
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
LAST_STEPS = 2


@dataclass(frozen=True, repr=False, eq=False)
class Limits(Tabular):
    """One entry a coefficient, (p·k,) arrays: ±inf, its limit, or NaN where the data leave open to which side it runs.

    Standard errors, tests and Wald intervals are those of the limiting model, whose certain rows say nothing; NaN for what
    is not finite. ``log_likelihood`` is the least upper bound, which no finite estimate reaches.
    """

    heading: ClassVar[str] = "Limits of the maximum-likelihood estimates"

    term: tuple[str, ...]
    label: tuple[str, ...]
    estimate: Floats
    std_error: Floats
    z: Floats
    log_p: Floats
    low: Floats
    high: Floats
    log_likelihood: float
    complete: bool
    level: float = 0.95


def limits(fit: Fit, level: float = 0.95, data: Any = None, **given: Any) -> Limits:
    """The supremum of the likelihood of separated data, and where each coefficient goes on the way to it.

    Rows that the separating directions take to certainty leave the likelihood; what the other rows determine has finite
    estimates, those of a fit to these rows alone. Standard errors are √(cᵀ I⁻¹ c) with the information I of the limit.

    Raises ParameterError for a fit that is not separated, and without rows; NotCertifiedError for a penalised fit, and where
    the linear programmes do not decide. Source: Geyer (2009), Likelihood inference in exponential families and directions
    of recession, Electronic Journal of Statistics 3, §3.4–3.6.

    >>> import warnings
    >>> from torchlogit import fit
    >>> table = {"x": [0, 0, 0, 0, 1, 1], "y": [0, 1, 0, 0, 1, 1]}
    >>> with warnings.catch_warnings(action="ignore"):
    ...     result = fit(table, "y")
    >>> found = limits(result)
    >>> found.estimate.round(6).tolist(), round(found.log_likelihood, 6)
    ([-1.098612, inf], -2.249341)
    """
    check_share(level)
    if not fit.penalty.free:
        raise NotCertifiedError("no limits: the fit is penalised, so all its coefficients are finite")
    seen = observed(fit, data, **given)
    with exact_arithmetic():
        cone, support, found = _decided(seen.objective, seen.gamma)
        limit, start = _limit(cone, support)
        estimate, error = _finite(seen.objective, limit, start, found)
    return _table(fit, found, estimate, error, -float(start.value), level)


def _decided(objective: Objective, gamma: Tensor) -> tuple[Cone, Any, Separation]:
    try:
        cone = Cone(objective, gamma)
        inner = cone.interior()
        if inner is None:
            raise ParameterError("the classes overlap, so the estimates themselves are finite: there are no limits")
        return cone, inner[1], verdict(cone, *inner)
    except Undecided as error:
        raise NotCertifiedError(f"no limits: {error}; use penalty=torchlogit.Jeffreys()") from error


def _limit(cone: Cone, support: Any) -> tuple[Limit, Start]:
    """The likelihood of the margins that stay in doubt, and its optimum."""
    limit = Limit.of(cone, support)
    start = limit.lowest
    for _ in range(LAST_STEPS if limit.p else 0):  # Newton's, each of which doubles the digits
        start = start_at(limit, start.gamma - start.inverse @ start.grad[0])
    return limit, start


def _finite(objective: Objective, limit: Limit, start: Start, found: Separation) -> tuple[Tensor, Tensor]:
    """Estimates and errors (p, k), NaN for what is not finite."""
    k = objective.k
    coordinates, lead = objective.coordinates, objective.source.intercept
    assert coordinates is not None
    rows = coordinates.theta(torch.eye(objective.p, dtype=torch.float64), lead)
    if lead:
        rows[0] -= coordinates.centre @ rows[1:]
    centring = torch.eye(k, dtype=torch.float64) - (1 / k if k > 1 else 0)
    c = torch.einsum("tq,lc->tlqc", rows, centring).flatten(2).flatten(0, 1) @ limit.basis
    estimate = (c @ start.gamma).reshape(found.sign.shape)
    error = ((c @ start.inverse) * c).sum(1)
    if bool((error < 0).any()):
        raise NotCertifiedError("a variance is negative by rounding: the columns are too nearly collinear for errors")
    finite = found.sign == 0
    nan = torch.tensor(torch.nan, dtype=torch.float64)
    return torch.where(finite, estimate, nan), torch.where(finite, error.sqrt().reshape(finite.shape), nan)


def _table(fit: Fit, found: Separation, estimate: Tensor, error: Tensor, best: float, level: float) -> Limits:
    k = estimate.shape[1]
    infinite = torch.where((found.sign != 0) & ~found.either, found.sign * torch.inf, estimate)
    values, errors = infinite.cpu().numpy().ravel(), error.cpu().numpy().ravel()
    aliased = [j + fit.intercept for j in (d.column for d in fit.dependences)]
    gone = np.repeat(np.isin(np.arange(len(fit.names)), aliased), k)
    values, errors = np.where(gone, np.nan, values), np.where(gone, np.nan, errors)
    z, log_p = tested(values, errors)
    with np.errstate(invalid="ignore"):
        half = half_width(level) * errors
        return Limits(
            term=tuple(name for name in fit.names for _ in range(k)),
            label=tuple(level_text(c) for _ in fit.names for c in (fit.classes if k > 1 else [fit.positive])),
            estimate=values,
            std_error=errors,
            z=z,
            log_p=log_p,
            low=values - half,
            high=values + half,
            log_likelihood=best,
            complete=found.complete,
            level=level,
        )
