"""How good a fit is as a whole: likelihood-ratio test, information criteria, and what is called R²."""

from __future__ import annotations

from math import expm1, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from torchlogit.errors import NotCertifiedError
from torchlogit.inference.tabular import Tabular
from torchlogit.sources.base import Block, accumulate

if TYPE_CHECKING:
    from torchlogit.fitted import Fit


class _Numbers(NamedTuple):
    """The numbers of `Quality`."""

    statistic: float  # of the likelihood-ratio test against the null model
    df: int  # its degrees of freedom: free slopes
    log_p: float
    aic: float
    mcfadden: float
    n: float = 0.0
    coefficients: int = 0
    df_residual: float = 0.0
    log_likelihood: float = 0.0
    null_log_likelihood: float = 0.0
    deviance: float = 0.0
    null_deviance: float = 0.0
    bic: float = 0.0
    cox_snell: float = 0.0
    nagelkerke: float = 0.0
    pearson: float | None = None  # None where there are no rows at hand
    tjur: float | None = None  # for two classes


class Quality(Tabular, _Numbers):
    """How good an unpenalised fit is; the definitions stand at `measures`."""

    heading: ClassVar[str] = "Quality of the fit"


def measures(fit: Fit, data: Any = None, **given: Any) -> Quality:
    """All measures of a fit, those that need the rows as well where the fit has them or ``data`` are given.

    With L the log-likelihood, L₀ that of the null model (the intercept alone, and the offset; without an intercept, nothing
    but the offset), m free coefficients and n observations (the sum of the weights: a row of weight w is w rows, and counts of
    successes and failures are that many trials):

    ``statistic`` 2 (L − L₀) on ``df``, the free slopes; ``aic`` 2 m − 2 L; ``bic`` m log n − 2 L; ``deviance`` −2 L and
    ``null_deviance`` −2 L₀, of single rows (that of counts against a saturated model of their rows, as R prints it, is less by
    a constant); ``df_residual`` n − m; ``mcfadden`` 1 − L / L₀; ``cox_snell`` R² = 1 − exp(2 (L₀ − L) / n); ``nagelkerke``
    R² / (1 − exp(2 L₀ / n)); ``pearson`` Σ s (1 − p) / p, p the probability of the row's own class, which is Pearson's χ²;
    ``tjur``, for two classes, the mean probability of the positive class among its rows less that among the others.

    NotCertifiedError where these compare nothing: with a penalty, without a certificate, for the linear unit, and with
    sampling weights. Source: McFadden (1974); Cox and Snell (1989), Analysis of Binary Data, §8.5; Nagelkerke (1991), eq. 3; Tjur
    (2009), Coefficients of determination in logistic regression models, eq. 4; Schwarz (1978).

    >>> from torchlogit import datasets, fit
    >>> found = fit(datasets.study_hours(), "passed").quality()
    >>> round(found.aic, 3), round(found.bic, 3), round(found.tjur, 3)
    (20.06, 22.051, 0.473)
    """
    found = quality(fit)
    if found is None:
        raise NotCertifiedError(f"no measures of quality: {why_none(fit)}")
    if data is None and fit.training is None and fit.stream is None:
        return found
    from torchlogit.inference.observed import observed

    pearson, tjur = _of_rows(observed(fit, data, **given))
    return found._replace(pearson=pearson, tjur=tjur)


def _of_rows(beside: Any) -> tuple[float, float | None]:
    """Pearson's χ² and Tjur's coefficient, in one pass."""
    objective = beside.objective

    def of_block(block: Block) -> tuple[Tensor, ...]:
        block = objective.view(block)
        probabilities = objective.loss.log_probabilities(objective.eta(block, beside.gamma))
        own = probabilities.gather(-1, block.y.long()[:, None])[:, 0]
        positive, yes = block.weight * probabilities[:, -1].exp(), block.weight * block.y
        return (
            (block.weight * torch.expm1(-own)).sum(),
            (positive * block.y).sum(),
            positive.sum(),
            yes.sum(),
            block.weight.sum(),
        )

    pearson, among, positive, yes, total = (float(t) for t in accumulate(objective.source, of_block))
    tjur = among / yes - (positive - among) / (total - yes) if len(beside.fit.classes) == 2 else None
    return pearson, tjur


def why_none(fit: Fit) -> str:
    """Why likelihoods of a fit cannot be compared; empty where they can."""
    if not fit.penalty.free:
        return "the fit is penalised, so its likelihood is not the largest one"
    if fit.loss == "squared":
        return "the linear unit has no likelihood"
    if fit.weights_are == "sampling":
        return "with sampling weights there is no likelihood of the rows"
    return "" if fit.certified else str(fit.status.value)


def why_none_is_shown(fit: Fit) -> str:
    """Why a summary shows no likelihood-ratio test, AIC or BIC; empty where it does."""
    if why := why_none(fit):
        return why
    robust = not fit.covariance_kind.startswith("inverse")
    return (
        f"errors like these, {fit.covariance_kind}, are for where the model's likelihood is not believed"
        if robust
        else ""
    )


def quality(fit: Fit) -> Quality | None:
    """`Quality` without a look at the rows, or None where likelihoods cannot be compared, as `why_none` says.

    >>> from torchlogit import datasets, fit
    >>> found = quality(fit(datasets.study_hours(), "passed"))
    >>> round(found.statistic, 3), found.df, round(found.mcfadden, 3)
    (11.666, 1, 0.421)
    """
    if why_none(fit):
        return None
    free = fit.theta_centred.shape[1] - (fit.loss == "softmax")  # one class's coefficients follow from the others'
    df = (len(fit.columns) - len(fit.dependences)) * free
    full, null, m = fit.log_likelihood, fit.null_log_likelihood, df + fit.intercept * free
    statistic, n = max(0.0, 2 * (full - null)), sum(fit.class_weights) or float(fit.n_rows)
    cox_snell, most = -expm1(-statistic / n), -expm1(2 * null / n)
    return Quality(
        statistic=statistic,
        df=df,
        log_p=chi_squared(statistic, df) if df else 0.0,
        aic=2 * m - 2 * full,
        mcfadden=1 - full / null if null else 0.0,
        n=n,
        coefficients=m,
        df_residual=n - m,
        log_likelihood=full,
        null_log_likelihood=null,
        deviance=-2 * full,
        null_deviance=-2 * null,
        bic=m * log(n) - 2 * full,
        cox_snell=cox_snell,
        nagelkerke=cox_snell / most if most else 0.0,
    )


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
