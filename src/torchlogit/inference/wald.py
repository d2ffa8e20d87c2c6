"""Standard errors, z, p, Wald intervals and odds ratios, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.contrasts import contrasts
from torchlogit.inference.normal import half_width, tested
from torchlogit.inference.tabular import Tabular
from torchlogit.tables.features import level_text

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]


class _Columns(NamedTuple):
    """The columns of `Table`."""

    term: tuple[str, ...]
    label: tuple[str, ...]  # the class, for more than two
    estimate: Floats
    std_error: Floats
    z: Floats
    log_p: Floats  # natural logarithm: p itself may be below the smallest float
    low: Floats
    high: Floats
    level: float
    odds: bool = True  # whether η is in log-odds
    interval: str = "Wald"  # the kind of low and high; with "profile likelihood", z and p are of the likelihood ratio


class Table(Tabular, _Columns):
    """One entry a term and class: (p·k,) arrays. NaN where there is no number: aliased terms, fits without errors."""

    heading: ClassVar[str] = "Coefficients"
    derived: ClassVar[tuple[str, ...]] = ("p", "odds_ratio")
    hidden: ClassVar[tuple[str, ...]] = ("odds", "odds_ratio")  # the ratios stand in the summary

    @property
    def p(self) -> Floats:
        """Two-sided p-values."""
        return np.exp(self.log_p)

    @property
    def odds_ratio(self) -> Floats:
        """exp(estimate); NaN where the link is not logit, so that there is no odds ratio."""
        if not self.odds:
            return np.full_like(self.estimate, np.nan)
        with np.errstate(over="ignore"):
            return np.exp(self.estimate)


def table(fit: Fit, level: float = 0.95, base: Any = None, interval: str = "wald") -> Table:
    """`wald`, or with ``interval="profile"`` the same with low, high, z and log-p of the profile likelihood.

    There z is the signed root of the likelihood-ratio statistic, √(2 (ℓ_max − ℓ_0)) with the sign of the estimate.

    >>> from torchlogit import datasets, fit
    >>> found = table(fit(datasets.study_hours(), "passed"), interval="profile")
    >>> found.low.round(3).tolist(), found.p.round(5).tolist(), found.interval
    ([-8.585, 0.529], [0.00202, 0.00064], 'profile likelihood')
    """
    if interval not in ("wald", "profile"):
        raise ParameterError(f'interval must be "wald" or "profile", got {interval!r}')
    found = wald(fit, level, base)
    if interval == "wald":
        return found
    if not fit.covariance_kind.startswith("inverse"):
        raise ParameterError(
            f'interval="profile" believes the likelihood, which robust errors are there not to do ({fit.covariance_kind}); use '
            'interval="wald", or fit.robust("model") first'
        )
    from torchlogit.inference.profile import profile

    by = profile(fit, level, base=base)
    z = np.sign(by.estimate) * np.sqrt(by.statistic)
    return found._replace(estimate=by.estimate, z=z, log_p=by.log_p, low=by.low, high=by.high, interval=by.interval)


def wald(fit: Fit, level: float = 0.95, base: Any = None) -> Table:
    """Wald inference: ``z = b / SE``, ``b ± z_{(1+level)/2} SE`` with SE from the inverse information.

    With a ``base``, coefficients of each class against that one (`contrasts`).

    Source: Agresti (2013), Categorical Data Analysis, §5.2.1.

    >>> from torchlogit import datasets, fit
    >>> table = fit(datasets.study_hours(), "passed").table()
    >>> table.std_error.round(4).tolist(), table.p.round(4).tolist()
    ([1.761, 0.6287], [0.0206, 0.0167])
    """
    width = half_width(level)
    found = contrasts(fit, base)
    estimate = found.theta.cpu().numpy().copy()
    for dependence in fit.dependences:
        estimate[dependence.column + fit.intercept] = np.nan
    k = estimate.shape[1]
    errors = np.full(estimate.shape, np.nan)
    if found.std_error is not None:
        errors = found.std_error.cpu().numpy()
        errors = np.where(np.isnan(estimate), np.nan, errors)
    z, log_p = tested(estimate, errors)
    half = width * errors
    return Table(
        term=tuple(name for name in fit.names for _ in range(k)),
        label=tuple(level_text(c) for _ in fit.names for c in found.labels),
        estimate=estimate.ravel(),
        std_error=errors.ravel(),
        z=z.ravel(),
        log_p=log_p.ravel(),
        low=(estimate - half).ravel(),
        high=(estimate + half).ravel(),
        level=level,
        odds=fit._loss().odds,
    )
