"""The risk–coverage curve: how many of the cases decided are decided wrongly, as fewer and fewer of them are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.decision.cuts import certainties, errors
from torchlogit.errors import DataError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class RiskCoverage(Tabular):
    """One entry a distinct certainty, the highest first, (m,) arrays: of the rows at least as certain as ``threshold``.

    ``coverage`` is their share of all rows, ``risk`` the share of them that is decided wrongly; the last entry decides
    all. ``area`` under the curve (AURC) is the mean risk over all coverages; ``excess_area`` (E-AURC) is what it has more
    than if the same errors were all among the least certain rows.
    """

    heading: ClassVar[str] = "Risk and coverage"

    threshold: Floats
    coverage: Floats
    risk: Floats
    area: float
    excess_area: float
    n: int
    notes: tuple[str, ...] = ()


def risk_coverage(scored: Scored) -> RiskCoverage:
    """Coverage and risk at every certainty (the probability of the most probable class), and the area under the curve.

    ``AURC = (1/n) Σⱼ (wrong among the j most certain) / j``, averaged over all orders of rows that are equally certain, so that
    it depends on no order; ``E-AURC`` is AURC less that of the best order, ``(1/n) Σ_{j > n − w} (j − (n − w)) / j`` with w
    wrong in all. Whole weights are numbers of equal rows; others are scaled to a mean of 1. Sums over equal rows are
    differences of harmonic numbers, so that weights may be any.

    DataError where no row has a weight. Source: Geifman, Uziel and El-Yaniv (2019), Bias-reduced uncertainty estimation for
    deep neural classifiers (their E-AURC approximates the best order's sum by an integral).

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = risk_coverage(scored_arrays([0, 1, 1, 0], [0.1, 0.2, 0.7, 0.4]))
    >>> found.coverage.tolist(), found.risk.tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.5, 0.3333333333333333, 0.25])
    >>> round(found.area, 6), round(found.excess_area, 6)
    (0.270833, 0.208333)
    """
    rows = scored.rows(scored.weight > 0)
    if not len(rows):
        raise DataError("a risk–coverage curve needs rows with a weight above 0, and there are none")
    weight, n = rows.weight, len(rows)
    if not (rows.repeats and (weight == np.rint(weight)).all()):
        weight = weight * (n / weight.sum())
    threshold, place = np.unique(-certainties(rows), return_inverse=True)
    size, wrong = (np.bincount(place, t).astype(np.float64) for t in (weight, weight * errors(rows)))
    last, bad = size.cumsum(), wrong.cumsum()
    first, before, share = last - size, bad - wrong, wrong / size
    area = float((wrong + (before - share * first) * (_harmonic(last) - _harmonic(first))).sum() / last[-1])
    right = max(last[-1] - bad[-1], 0.0)
    best = (bad[-1] - right * (_harmonic(last[-1]) - _harmonic(right))) / last[-1]
    seen = ("the model was fitted to these rows: on new ones the risk is higher",) * rows.seen
    return RiskCoverage(-threshold, last / last[-1], bad / last, area, max(area - float(best), 0.0), n, seen)


def _harmonic(n: Any) -> Any:
    """1 + 1/2 + … + 1/n, for any n ≥ 0, but for a constant."""
    from scipy.special import digamma

    return digamma(n + 1)
