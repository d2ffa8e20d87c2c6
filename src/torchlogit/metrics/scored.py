"""Rows with their classes beside the probabilities they were given: what metrics, calibration and decisions are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.observed import observed

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
SUM = 1e-6  # by which the probabilities of a row may miss 1


@dataclass(frozen=True, eq=False)
class Scored:
    """``y`` (n,) the place of each row's class in ``classes`` (K,); ``log_probability`` (n, K); ``weight`` (n,).

    Two classes are K = 2 columns, the last the positive one. Logarithms keep all digits of probabilities near 0 and 1.
    ``seen`` says that the model was fitted to these very rows, so that it looks better on them than it is.
    """

    y: npt.NDArray[np.int64]
    log_probability: Floats
    weight: Floats
    classes: npt.NDArray[Any]
    seen: bool = False

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def probability(self) -> Floats:
        """Probability of every class, (n, K)."""
        return np.exp(self.log_probability)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.classes) == 2

    @property
    def log_odds(self) -> Floats:
        """log p / (1 − p) of the positive class, (n,). ParameterError for more than two classes."""
        self.require_binary("the logarithm of odds")
        return self.log_probability[:, 1] - self.log_probability[:, 0]

    def require_binary(self, what: str) -> None:
        """ParameterError for more than two classes, saying that ``what`` is for two."""
        if not self.binary:
            raise ParameterError(f"{what} is for two classes; there are {len(self.classes)}")

    def rows(self, which: npt.NDArray[Any]) -> Scored:
        """Some of the rows, by number or mask."""
        return Scored(self.y[which], self.log_probability[which], self.weight[which], self.classes, self.seen)


def scored(fit: Fit, data: Any = None, **given: Any) -> Scored:
    """The rows of ``data``, or those of the fit, with the probabilities that it gives them; see `observed` for the rest.

    >>> from torchlogit import datasets, fit
    >>> rows = scored(fit(datasets.study_hours(), "passed"))
    >>> len(rows), rows.classes.tolist(), rows.probability[0].round(3).tolist(), rows.seen
    (20, [0, 1], [0.965, 0.035], True)
    """
    beside = observed(fit, data, **given)
    log_probability = fit._loss().log_probabilities(beside.eta).cpu().numpy()
    return Scored(beside.rows.codes.astype(np.int64), log_probability, beside.weight.numpy(), fit.classes, data is None)


def scored_arrays(y: Any, probability: Any, weight: Any = None, classes: Any = None) -> Scored:
    """Labels (n,) with probabilities (n,) of the positive class or (n, K), of any model; ``classes`` default to the sorted labels.

    Raises DataError for shapes that do not belong together, probabilities outside 0 to 1 or rows that do not sum to 1, labels
    that are no class, and weights that are negative or not finite.

    >>> scored_arrays(["no", "yes", "yes"], [0.1, 0.6, 0.9]).log_odds.round(3).tolist()
    [-2.197, 0.405, 2.197]
    """
    y, p = np.asarray(y), np.asarray(probability, dtype=np.float64)
    found = np.unique(y) if classes is None else np.asarray(classes)
    p = np.column_stack([1 - p, p]) if p.ndim == 1 else p
    s = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    if y.ndim != 1 or p.shape != (len(y), len(found)) or s.shape != y.shape:
        raise DataError(
            f"{len(y)} labels of {len(found)} classes do not go with probabilities {p.shape} and weights {s.shape}"
        )
    if not ((p >= 0) & (p <= 1)).all() or not (np.abs(p.sum(1) - 1) <= SUM).all():
        raise DataError("probabilities must lie from 0 to 1, and those of a row must sum to 1")
    if not (np.isfinite(s) & (s >= 0)).all():
        raise DataError("weights must be finite and not negative")
    place = np.searchsorted(found, y).clip(max=len(found) - 1)
    if (found[place] != y).any():
        raise DataError(f"label {y[found[place] != y][0]!r} is not one of the classes {found.tolist()}")
    with np.errstate(divide="ignore"):
        return Scored(place.astype(np.int64), np.log(p), s, found)
