"""What probabilities lose, row by row: logarithmic loss and Brier's score, and the parts that the latter is the sum of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.ranked import summed
from torchlogit.metrics.scored import Scored

Floats = npt.NDArray[np.float64]


def log_losses(scored: Scored) -> Floats:
    """−log of the probability of each row's own class, (n,); infinite where that is 0. Source: Good (1952), Rational decisions.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> log_losses(scored_arrays([0, 1], [0.5, 0.8])).round(4).tolist()
    [0.6931, 0.2231]
    """
    return -scored.own + 0.0


def brier_scores(scored: Scored) -> Floats:
    """Of two classes ``(p − y)²``, in [0, 1]; of more ``Σₖ (pₖ − yₖ)²``, in [0, 2], (n,).

    Source: Brier (1950), Verification of forecasts expressed in terms of probability, eq. 2 (halved for two classes).

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> brier_scores(scored_arrays([0, 1], [0.5, 0.8])).round(4).tolist()
    [0.25, 0.04]
    """
    return sum((p - y) ** 2 for p, y in _yes_no(scored))  # type: ignore[return-value]


def _yes_no(scored: Scored) -> list[tuple[Floats, Floats]]:
    """Probability and truth of the positive class, or of each class, (n,) each."""
    classes = [1] if scored.binary else range(len(scored.classes))
    return [(scored.probability[:, k], (scored.y == k).astype(np.float64)) for k in classes]


@dataclass(frozen=True, repr=False, eq=False)
class BrierParts(Tabular):
    """``brier = reliability − resolution + uncertainty``, exactly.

    ``reliability`` is how far the probabilities lie from what happened (0 is best), ``resolution`` how far what happened lies
    from its mean where the probabilities differ (more is better), ``uncertainty`` what a constant would score. ``bins`` is the
    number of groups in which what happens is looked at.
    """

    heading: ClassVar[str] = "Parts of the Brier score"

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    bins: int
    notes: tuple[str, ...] = ()


def brier_parts(scored: Scored, bins: int | None = 10) -> BrierParts:
    """The parts of Brier's score, over ``bins`` of equal weight by probability, or with None by each different probability.

    Within bins k of weight nₖ with mean probability p̄ₖ and mean truth ȳₖ: reliability ``Σ nₖ (p̄ₖ − ȳₖ)² / n``, uncertainty
    ``ȳ (1 − ȳ)``, resolution ``Σ nₖ (ȳₖ − ȳ)² / n`` less the variance of p within bins plus twice its covariance with y
    there, so that nothing is left over. By each different probability these two are 0; but where no two rows are alike,
    reliability is then the score itself. With more than two classes the sum over the classes, each against the others.
    ParameterError for less than one bin; DataError without rows.
    Source: Murphy (1973), A new vector partition of the probability score, eq. 12; Stephenson, Coelho and Jolliffe
    (2008), Two extra components in the Brier score decomposition, eq. 11.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> found = brier_parts(scored_arrays([0, 1, 0, 1], [0.2, 0.2, 0.4, 0.8]), bins=None)
    >>> round(found.reliability, 4), round(found.resolution, 4), found.uncertainty, round(found.brier, 4)
    (0.095, 0.125, 0.25, 0.22)
    """
    if bins is not None and bins < 1:
        raise ParameterError(f"bins must be 1 or more, got {bins}")
    rows = scored.counted()
    w = rows.weight / rows.weight.sum()
    parts = [_parts(p, y, w, bins) for p, y in _yes_no(rows)]
    reliability, resolution, uncertainty = np.sum([part[:3] for part in parts], axis=0).tolist()
    brier = float(w @ brier_scores(rows))
    return BrierParts(brier, reliability, resolution, uncertainty, max(part[3] for part in parts), scored.notes())


def _parts(p: Floats, y: Floats, w: Floats, bins: int | None) -> tuple[float, float, float, int]:
    """Reliability, resolution, uncertainty and the number of bins that have rows; weights w sum to 1."""
    place = _binned(p, w, bins)
    n = summed(place, w)
    mean_p, mean_y = (summed(place, w * t) / n for t in (p, y))
    base = float(w @ y)
    inner, truth = p - mean_p[place], y - mean_y[place]
    resolution = n @ (mean_y - base) ** 2 - w @ inner**2 + 2 * (w @ (inner * truth))
    return float(n @ (mean_p - mean_y) ** 2), float(resolution), base * (1 - base), len(n)


def _binned(p: Floats, w: Floats, bins: int | None) -> npt.NDArray[np.int64]:
    """The number of each row's bin, without gaps; rows of one probability are in one bin."""
    _, place = np.unique(p.round(12), return_inverse=True)
    if bins is None:
        return place
    weight = summed(place, w)
    middle = weight.cumsum() - weight / 2
    number = np.minimum((middle / weight.sum() * bins).astype(np.int64), bins - 1)
    return np.unique(number, return_inverse=True)[1][place]
