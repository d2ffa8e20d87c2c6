"""The links beside each other: how well each of them describes the same data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import nan
from typing import Any, NamedTuple

from torchlogit.errors import NotCertifiedWarning

STANDARD = ("logit", "probit", "hyperbolic_secant", "student_t2", "cauchit", "softsign", "cloglog", "loglog")


class LinkRow(NamedTuple):
    """One link: its log-likelihood at the optimum, AIC, and how the fit ended."""

    link: str
    log_likelihood: float
    aic: float  # NaN where the fit has none: it is penalised, or not certified
    status: str


class LinkTable(tuple[LinkRow, ...]):
    """A `LinkRow` a link, the largest log-likelihood first; as text, a table."""

    def __str__(self) -> str:
        best = self[0].log_likelihood if self else nan
        lines = ["link               log-likelihood  below best       AIC  fit"]
        for row in self:
            aic = "" if row.aic != row.aic else f"{row.aic:.2f}"
            below = f"{best - row.log_likelihood:.4f}"
            lines.append(f"{row.link:18} {row.log_likelihood:14.4f}  {below:>10}  {aic:>8}  {row.status}")
        return "\n".join(lines)


def compare_links(data: Any, target: Any, links: Sequence[str] = STANDARD, **settings: Any) -> LinkTable:
    """Fit the same rows with each link; ``settings`` go to `fit`.

    Links have the same number of coefficients, so log-likelihoods compare as AIC does; a difference below 2 or so says
    little. The gallery's names (``tanh``, ``arctan``, …) are the same models as the standard ones in another scale of η.
    Source: McCullagh and Nelder (1989), Generalized Linear Models, §4.3.1.

    >>> from torchlogit import datasets
    >>> print(compare_links(datasets.study_hours(), "passed", ["logit", "probit", "cauchit"]))
    link               log-likelihood  below best       AIC  fit
    probit                    -7.8977      0.0000     19.80  converged
    logit                     -8.0299      0.1321     20.06  converged
    cauchit                   -8.6641      0.7664     21.33  converged
    """
    from torchlogit.fit import fit

    with warnings.catch_warnings():  # the table says it
        warnings.simplefilter("ignore", NotCertifiedWarning)
        fits = {link: fit(data, target, link=link, **settings) for link in links}
    rows = [LinkRow(link, each.log_likelihood, _aic(each), str(each.status)) for link, each in fits.items()]
    return LinkTable(sorted(rows, key=lambda row: -row.log_likelihood))


def _aic(fit: Any) -> float:
    from torchlogit.inference.quality import quality

    found = quality(fit)
    return nan if found is None else found.aic
