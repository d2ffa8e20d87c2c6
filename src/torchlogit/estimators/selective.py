"""`SelectiveClassifier`: any classifier with probabilities, which may answer "uncertain"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict
from sklearn.utils import _safe_indexing, check_random_state, get_tags, indexable
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from torchlogit.arguments import check_share
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimators.logistic import LogisticRegression
from torchlogit.estimators.reading import labels, on_host
from torchlogit.model import LESSON, UNCERTAIN, decided

if TYPE_CHECKING:
    from torchlogit.decision import Band, RiskCoverage
    from torchlogit.metrics.scored import Scored

Array = npt.NDArray[Any]


class SelectiveClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that decides the cases it can and leaves the others: ``decide`` gives a class or ``reject``.

    ``predict`` and ``predict_proba`` are the inner estimator's, so that scikit-learn's tools work as ever. The band of
    probabilities that is left undecided is given or chosen; at most one of ``max_error``, ``coverage`` and ``costs``
    chooses it. The first two look at rows that the estimator was not fitted to: a part of X held out at random, or all of X
    where the estimator is a `sklearn.frozen.FrozenEstimator`, fitted elsewhere. Then ``guarantee_`` holds for new rows. With
    ``cv`` nothing is held out: each row is decided by a clone that was fitted without its fold, and the band is an
    estimate, which promises nothing. Rows have no weights here, because the promises are about rows that count alike.

    Args:
        estimator: a classifier with ``predict_proba``, cloned; None: `torchlogit.LogisticRegression()`.
        uncertain: the band where none is chosen: two probabilities of ``classes_[1]``; with more than two classes a row is
            decided where a class has the upper one or more.
        max_error: share of the cases decided that may be decided wrongly, with ``confidence`` (`decision.band_for_error`).
        coverage: share of the cases that is to be decided (`decision.band_for_coverage`).
        costs: of a false yes, a false no and asking (`band_from_costs`); believes the probabilities, looks at no rows.
        confidence: of ``max_error``.
        held_out: share of the rows to choose the band from.
        cv: None, or folds as `sklearn.model_selection.cross_val_predict` takes them.
        reject: what ``decide`` says instead of a class; not one of the classes.
        random_state: of the rows held out. None is 0.

    Fitted: ``estimator_``, ``classes_`` (K,), ``band_`` (`Band`), ``guarantee_`` (what it promises, in words),
    ``n_features_in_``, ``feature_names_in_``. ``fit`` raises `DataError` (a ValueError) where the rows held out cannot
    carry the promise, with how many it takes.

    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SelectiveClassifier(max_error=0.1, held_out=0.5).fit(X[:, :5], y)
    >>> model.band_.decided > 0.5, model.decide(X[:3, :5]).tolist()
    (True, [0, 0, 0])

    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        uncertain: Any = LESSON,
        max_error: float | None = None,
        coverage: float | None = None,
        costs: Sequence[float] | None = None,
        confidence: float = 0.95,
        held_out: float = 0.25,
        cv: Any = None,
        reject: Any = UNCERTAIN,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.uncertain = uncertain
        self.max_error = max_error
        self.coverage = coverage
        self.costs = costs
        self.confidence = confidence
        self.held_out = held_out
        self.cv = cv
        self.reject = reject
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> SelectiveClassifier:
        """Fit the estimator to X (n, d) and labels y (n,), and choose the band."""
        X = on_host(X)
        _check(self)
        codes, classes = labels(y, _num_samples(X))
        if self.reject in classes.tolist():
            raise ParameterError(f"reject={self.reject!r} is one of the classes, so it could not be told from it")
        (X,), y = indexable(X), classes[codes]
        self.estimator_, probability = self._fitted(clone(self._inner()), X, y)
        self.classes_ = np.asarray(self.estimator_.classes_)
        self.band_ = self._band(*probability)
        self.guarantee_ = self.band_.guarantee
        validate_data(self, X, reset=True, skip_check_array=True)
        return self

    def decide(self, X: Any) -> Array:
        """The class of every row (n,), or ``reject`` where its probabilities lie in ``band_``: an array of objects."""
        return decided(_rows_of_one(self.predict_proba(X)), self.classes_, self.band_, self.reject)

    def predict(self, X: Any) -> Array:
        """The class that the estimator predicts for every row (n,), certain or not."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, K) of the estimator, columns in the order of ``classes_``."""
        check_is_fitted(self)
        return np.asarray(on_host(self.estimator_.predict_proba(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of all rows whose class ``predict`` gets right, the uncertain ones included."""
        return float(super().score(X, y, sample_weight))

    def risk_coverage(self, X: Any, y: Any) -> RiskCoverage:
        """How many decisions on rows X (n, d) with labels y (n,) are wrong, as fewer of them are decided; and the area."""
        from torchlogit.decision import risk_coverage

        return risk_coverage(_scored(y, self.predict_proba(X), self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self._inner())
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        tags.classifier_tags = inner.classifier_tags
        return tags

    def _inner(self) -> Any:
        return LogisticRegression() if self.estimator is None else self.estimator

    @property
    def _learns(self) -> bool:
        """Whether the band is chosen from rows."""
        return self.max_error is not None or self.coverage is not None

    def _fitted(self, inner: Any, X: Any, y: Array) -> tuple[Any, tuple[Any, ...]]:
        """The fitted estimator, and labels with probabilities of rows that it has not seen, where the band needs them."""
        if not hasattr(inner, "predict_proba"):
            raise ParameterError(
                f"{type(inner).__name__} gives no probabilities; put it into sklearn.calibration.CalibratedClassifierCV"
            )
        if not self._learns:
            return inner.fit(X, y), ()
        if self.cv is not None:
            probability = cross_val_predict(inner, X, y, cv=self.cv, method="predict_proba")
            return inner.fit(X, y), (y, probability)
        if isinstance(inner, FrozenEstimator):
            return inner, (y, inner.predict_proba(X))
        train, held = self._split(len(y))
        inner.fit(_safe_indexing(X, train), y[train])
        unknown = sorted({str(label) for label in y[held]} - {str(label) for label in inner.classes_})
        if unknown:
            raise DataError(f"class {', '.join(unknown)} has no row outside the part held out; give more rows of it")
        return inner, (y[held], inner.predict_proba(_safe_indexing(X, held)))

    def _split(self, n: int) -> tuple[Array, Array]:
        """Numbers of the rows to fit and of those held out: at random, so that these are draws like new rows."""
        size = round(self.held_out * n)
        if not 0 < size < n:
            raise DataError(
                f"n_samples={n}: held_out={self.held_out:g} of them leaves no row to fit or none to choose from"
            )
        order = check_random_state(0 if self.random_state is None else self.random_state).permutation(n)
        return np.sort(order[size:]), np.sort(order[:size])

    def _band(self, y: Any = None, probability: Any = None) -> Band:
        from torchlogit.decision.band import Band, band_from_costs, band_of_rows, check_costs

        if self.costs is not None:
            return band_from_costs(*check_costs(self.costs), len(self.classes_))
        if y is None:
            low, high = self.uncertain
            return Band(low if len(self.classes_) == 2 else 0.0, high, classes=len(self.classes_))
        band = band_of_rows(_scored(y, probability, self.classes_), self.max_error, self.coverage, self.confidence)
        return band if self.cv is None else replace(band, chosen="crossed")


def _check(of: SelectiveClassifier) -> None:
    """`ParameterError` for parameters that contradict each other or mean nothing."""
    from torchlogit.decision.band import WANTED, check_costs

    chosen = [name for name in WANTED if getattr(of, name) is not None]
    if len(chosen) > 1:
        raise ParameterError(f"{' and '.join(chosen)} each choose a band; give one of them")
    if of.costs is not None:
        check_costs(of.costs)
    check_share(of.held_out, "held_out")
    ends = tuple(of.uncertain) if hasattr(of.uncertain, "__iter__") else of.uncertain
    decided(np.zeros((0, 2)), np.zeros(2), ends)  # whether it is a band


def _scored(y: Any, probability: Any, classes: Array) -> Scored:
    from torchlogit.metrics.scored import scored_arrays

    return scored_arrays(on_host(y), _rows_of_one(probability), classes=classes)


def _rows_of_one(probability: Any) -> Array:
    """Probabilities in float64 whose rows sum to 1; of two classes the second decides."""
    p = np.asarray(on_host(probability), dtype=np.float64)
    return np.column_stack([1 - p[:, 1], p[:, 1]]) if p.shape[1] == 2 else p
