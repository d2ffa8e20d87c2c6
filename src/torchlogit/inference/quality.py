"""How good a fit is as a whole: likelihood-ratio test, AIC, McFadden's R²."""

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torchlogit.fitted import Fit


class Quality(NamedTuple):
    """How good an unpenalised fit is: ``statistic`` of the likelihood-ratio test against the intercept, on ``df``."""

    statistic: float
    df: int
    log_p: float
    aic: float
    mcfadden: float


def quality(fit: Fit) -> Quality | None:
    """`Quality`, or None where likelihoods cannot be compared: a penalty, no certificate, or the squared loss.

    >>> from torchlogit import datasets, fit
    >>> found = quality(fit(datasets.study_hours(), "passed"))
    >>> round(found.statistic, 3), found.df, round(found.mcfadden, 3)
    (11.666, 1, 0.421)
    """
    if not fit.penalty.free or not fit.certified or fit.loss == "squared":
        return None
    free = fit.theta_centred.shape[1] - (fit.loss == "softmax")  # one class's coefficients follow from the others'
    df = (len(fit.columns) - len(fit.dependences)) * free
    statistic = max(0.0, 2 * (fit.log_likelihood - fit.null_log_likelihood))
    log_p = chi_squared(statistic, df) if df else 0.0
    null = fit.null_log_likelihood
    aic = 2 * (df + fit.intercept * free) - 2 * fit.log_likelihood
    return Quality(statistic, df, log_p, aic, 1 - fit.log_likelihood / null if null else 0.0)


def chi_squared(x: float, df: int) -> float:
    """Logarithm of the upper tail of χ² on ``df`` degrees of freedom; finite also where the tail itself underflows.

    Source: Abramowitz and Stegun (1964), 26.4.19 and 6.5.32.

    >>> round(chi_squared(11.666, 1), 4), round(chi_squared(2500.0, 1), 1)
    (-7.3595, -1254.1)
    """
    from scipy.special import gammaincc, gammaln

    a, y = df / 2, x / 2
    tail = float(gammaincc(a, y))
    return log(tail) if tail > 1e-300 else float((a - 1) * log(y) - y - gammaln(a) + log1p((a - 1) / y))
