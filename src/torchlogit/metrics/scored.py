"""Rows with their classes beside the probabilities they were given: what metrics, calibration and decisions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.calibrated import Calibrated
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.metrics.words import WORDS
from torchlogit.tables.names import show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
SUM = 1e-6  # by which the probabilities of a row may miss 1
SAME = 1e-6  # relative difference up to which log-likelihoods are those of the same rows


@dataclass(frozen=True, eq=False)
class Scored:
    """``y`` (n,) the place of each row's class in ``classes`` (K,); ``log_probability`` (n, K); ``weight`` (n,).

    Two classes are K = 2 columns, the last the positive one. Logarithms keep all digits of probabilities near 0 and 1.
    ``seen`` says that the model was fitted to these very rows, so that it looks better on them than it is; ``repeats`` that a
    row of weight w is w rows, so that n is the sum of the weights.
    """

    y: npt.NDArray[np.int64]
    log_probability: Floats
    weight: Floats
    classes: npt.NDArray[Any]
    seen: bool = False
    repeats: bool = True

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def probability(self) -> Floats:
        """Probability of every class, (n, K)."""
        return np.exp(self.log_probability)

    @property
    def own(self) -> Floats:
        """Logarithm of the probability of each row's own class, (n,)."""
        return self.log_probability[np.arange(len(self)), self.y]

    @property
    def size(self) -> int:
        """Number of rows; a row of weight w is w of them where weights repeat rows."""
        return round(float(self.weight.sum())) if self.repeats else len(self)

    @property
    def n_rows(self) -> int:
        """Number of rows, whatever they weigh."""
        return len(self)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.classes) == 2

    @property
    def log_odds(self) -> Floats:
        """Log p / (1 − p) of the positive class, (n,). ParameterError for more than two classes."""
        self.require_binary("the logarithm of odds")
        return self.log_probability[:, 1] - self.log_probability[:, 0]

    @cached_property
    def falling(self) -> npt.NDArray[np.int64]:
        """The rows by their log-odds, the highest first, (n,)."""
        return np.argsort(-self.log_odds)

    @property
    def square(self) -> Floats:
        """What a row adds to the variance of a sum of weights, (n,): its weight as w rows, or its weight squared as one."""
        return self.weight if self.repeats else self.weight**2

    def require_binary(self, what: str) -> None:
        """ParameterError for more than two classes, saying that ``what`` is for two."""
        if not self.binary:
            one = f"compare one class with the others, such as .against({self.classes[0].item()!r})"
            raise ParameterError(f"{what} is for two classes; there are {len(self.classes)}: {one}")

    def rows(self, which: npt.NDArray[Any]) -> Scored:
        """Some of the rows, by number or mask."""
        return replace(self, y=self.y[which], log_probability=self.log_probability[which], weight=self.weight[which])

    def counted(self) -> Scored:
        """The rows that count: those of weight 0 are left out. DataError if there are none."""
        some = self.weight > 0
        if not some.any():
            raise DataError("there are no rows to evaluate: none was given, or all weights are 0")
        return self if some.all() else self.rows(some)

    def notes(self, *more: str) -> tuple[str, ...]:
        """What must be told of any measure of these rows."""
        return (*([WORDS["seen"][0]] if self.seen else []), *more)

    def against(self, label: Any) -> Scored:
        """One class, as the positive one, against all others together; ParameterError for a label that is no class.

        >>> import numpy as np
        >>> rows = scored_arrays(["a", "b", "c"], np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]))
        >>> rows.against("b").probability.round(3).tolist(), rows.against("b").y.tolist()
        ([[0.7, 0.3], [0.2, 0.8], [0.8, 0.2]], [0, 1, 0])
        """
        found = np.flatnonzero(self.classes == label)
        if len(found) != 1:
            raise ParameterError(f"{show_value(label)} is not one of the classes {self.classes.tolist()}")
        k = int(found[0])
        others = np.logaddexp.reduce(np.delete(self.log_probability, k, axis=1), axis=1)
        both = np.stack([others, self.log_probability[:, k]], 1)
        named = self.classes[[1 - k, k]] if self.binary else np.array([f"not {label}", label], dtype=object)
        return replace(self, y=(self.y == k).astype(np.int64), log_probability=both, classes=named)


def scored(fit: Fit, data: Any = None, **given: Any) -> Scored:
    """The rows of ``data``, or those of the fit, with the probabilities that it gives them; see `observed` for the rest.

    Rows count as ``seen`` if they are the fit's own, or as many with the same log-likelihood.

    >>> from torchlogit import datasets, fit
    >>> rows = scored(fit(datasets.study_hours(), "passed"))
    >>> len(rows), rows.classes.tolist(), rows.probability[0].round(3).tolist(), rows.seen
    (20, [0.0, 1.0], [0.965, 0.035], True)
    """
    return scored_rows(observed(fit, data, **given), own=data is None)


def scored_rows(beside: Observed, own: bool = False) -> Scored:
    """The rows that a fit stands beside, with its probabilities; ``seen`` if they are its ``own``, or look so."""
    fit, y, weight = beside.fit, beside.rows.codes.astype(np.int64), beside.weight.numpy()
    check_probabilities(fit)
    log_probability = fit._loss().log_probabilities(beside.eta).cpu().numpy()
    rows = Scored(y, log_probability, weight, fit.classes, own, fit.weights_are == "frequency")
    return rows if own or not _alike(beside, rows) else replace(rows, seen=True)


def _alike(beside: Observed, rows: Scored) -> bool:
    """Whether rows are as many as those of the fit, or of its calibration, and have their log-likelihood."""
    fit, n = beside.fit, beside.rows.given - beside.rows.dropped
    found = float(np.sum(rows.weight * rows.own, where=rows.weight > 0))
    if isinstance(fit, Calibrated):
        return scored_rows(replace(beside, fit=fit.fit)).seen or _same(found, fit.calibration_likelihood)
    return look_own(fit, n, [found])


def look_own(fit: Fit, n: int, likelihoods: Sequence[float]) -> bool:
    """Whether n rows look like those of the fit, by their log-likelihood; of a calibrated model that of the fit in it last."""
    if isinstance(fit, Calibrated):
        return look_own(fit.fit, n, likelihoods[1:]) or _same(likelihoods[0], fit.calibration_likelihood)
    return n == fit.n_rows and _same(likelihoods[0], fit.log_likelihood)


def _same(found: float, expected: float) -> bool:
    return abs(found - expected) <= SAME * abs(found)


def check_probabilities(fit: Fit) -> None:
    """ParameterError for the linear unit, whose numbers are no probabilities."""
    if fit.loss == "squared":
        raise ParameterError(
            "the linear unit gives numbers, not probabilities: fit with loss='logistic' to evaluate them"
        )


def scored_arrays(y: Any, probability: Any, weight: Any = None, classes: Any = None) -> Scored:
    """Labels (n,) with probabilities (n,) of the positive class or (n, K), of any model; ``classes``: the sorted labels.

    Raises DataError for shapes that do not belong together, probabilities outside 0 to 1 or rows that do not sum to 1, labels
    that are no class, and weights that are negative or not finite.

    >>> scored_arrays(["no", "yes", "yes"], [0.1, 0.6, 0.9]).log_odds.round(3).tolist()
    [-2.197, 0.405, 2.197]
    """
    y, p = np.asarray(y), np.asarray(probability, dtype=np.float64)
    found = np.unique(y) if classes is None else np.asarray(classes)
    if p.ndim == 1 and len(found) != 2:
        raise DataError(f"one probability a row is for two classes; found {found.tolist()}: name all with classes=")
    one = p.ndim == 1
    p = np.column_stack([1 - p, p]) if one else p
    s = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    if y.ndim != 1 or p.shape != (len(y), len(found)) or s.shape != y.shape:
        raise DataError(
            f"{len(y)} labels of {len(found)} classes do not go with probabilities {p.shape} and weights {s.shape}"
        )
    if not ((p >= 0) & (p <= 1)).all() or not (np.abs(p.sum(1) - 1) <= SUM).all():
        raise DataError("probabilities must lie from 0 to 1, and those of a row must sum to 1")
    if not (np.isfinite(s) & (s >= 0)).all():
        raise DataError("weights must be finite and not negative")
    order = np.argsort(found, kind="stable")
    place = order[np.searchsorted(found[order], y).clip(max=len(found) - 1)]
    if (found[place] != y).any():
        raise DataError(f"label {show_value(y[found[place] != y][0])} is not one of the classes {found.tolist()}")
    with np.errstate(divide="ignore"):
        logs = np.column_stack([np.log1p(-p[:, 1]), np.log(p[:, 1])]) if one else np.log(p)
        return Scored(place.astype(np.int64), logs, s, found, repeats=bool((s == np.rint(s)).all()))
