"""`LogisticRegression` with scikit-learn's parameters, defaults and meaning, and certified fits behind it."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from torchlogit.choice import Size
from torchlogit.errors import AliasedWarning, DataError, NotCertifiedWarning
from torchlogit.estimators.reading import features, labels, offsets, on_host, warn_of_index, weights
from torchlogit.estimators.settings import by_parts, check_parameters, choice_of, penalty_of
from torchlogit.fit import estimated, fit_of
from torchlogit.fitted import Fit
from torchlogit.intake import not_finite
from torchlogit.losses import Loss, loss_for
from torchlogit.rows import usable
from torchlogit.solvers import SGD, Record
from torchlogit.sources.memory import MemorySource

DISTANCE = 1e-4  # relative distance to the optimum that is wanted, per unit of tol


class FitWarning(NotCertifiedWarning, ConvergenceWarning):  # type: ignore[misc]
    """A fit without a certificate: torchlogit's `NotCertifiedWarning` and scikit-learn's `ConvergenceWarning` in one."""


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary and multinomial logistic regression with scikit-learn's parameters, defaults and meaning.

    ``fit`` minimises ``Σᵢ sᵢ ℓ(xᵢ, yᵢ) + (1/C) (l1_ratio ‖w‖₁ + (1 − l1_ratio) ‖w‖² / 2)``, scikit-learn's objective
    up to the factor C; the intercept is never penalised. X may be a numpy array, a data frame (pandas, polars,
    pyarrow), a SciPy sparse matrix or a torch tensor; a tensor in gives tensors out, on its device. Dense X is not
    copied. float32 is worked in float32 with float64 sums and gives float32; all else (integers, booleans, float16)
    is worked in float64. X and y are paired by position.

    Args:
        penalty: a penalty of torchlogit's (its strength is 1/C, and ``C`` is unused), None, "l1", "l2" or
            "elasticnet"; left alone, ``C`` and ``l1_ratio`` say it all.
        C: inverse strength of the penalty; ``np.inf`` is no penalty.
        l1_ratio: share of L1, from 0 (ridge) to 1 (lasso); any goes with any of scikit-learn's solver names.
        dual: accepted and unused: the optimum is the same.
        tol: the fit goes on until its estimated relative distance to the optimum, (F − F*) / F, is at most
            ``tol · 1e-4``: 1e-8 by default. At ``tol=1e-14`` coefficients have ten or more digits.
        fit_intercept: whether η has an intercept.
        intercept_scaling: accepted and unused: the intercept is not penalised.
        class_weight: ``{label: weight > 0}`` (labels left out weigh 1) or "balanced"; multiplies ``sample_weight``.
        random_state: seeds what is random: the batches of `SGD`, the sample that preconditions `LBFGS`. None is 0.
        solver: "auto", a solver object (`Newton`, `LBFGS`, `Proximal`, `SGD`), "newton", "lbfgs", "proximal", "sgd",
            or scikit-learn's name: "newton-cholesky" is Newton; "newton-cg", "sag", "saga" are L-BFGS; "liblinear"
            is "auto". With an L1 part, scikit-learn's names all mean Proximal.
        max_iter: most iterations of the solver (`SGD` has its own epochs).
        verbose: above 0, a line an iteration on stderr.
        warm_start: start from ``coef_`` and ``intercept_`` of the fit before.
        n_jobs: accepted and unused: torch uses its own threads (``torch.set_num_threads``).
        device: where dense rows are worked, such as "cuda"; None: where they are.
        link: of two classes, how η becomes a probability: "logit", "probit", "cauchit", "cloglog", "arctan", …
            (`torchlogit.losses.LINKS`).

    Fitted: ``coef_`` (1 or K, d), ``intercept_`` (1 or K,), ``classes_`` (K,), ``n_iter_`` (1,), ``n_features_in_``,
    ``feature_names_in_`` (with a data frame), ``certificate_`` (`Certificate`), ``status_`` (`Status`), ``history_``
    (a `Record` for the start and for each iteration or epoch), ``solver_`` (which and why).

    ``fit`` raises `DataError` and `ParameterError` (both ValueErrors) and warns once (`FitWarning`) of a fit that is
    not certified, and (`AliasedWarning`) of collinear columns, whose coefficients are 0 or fragile.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression().fit(X, y)
    >>> model.status_.name, model.score(X, y)
    ('converged', 0.9733333333333334)

    """

    def __init__(
        self,
        penalty: Any = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: Any = "auto",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        device: Any = None,
        link: str = "logit",
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.device = device
        self.link = link

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> LogisticRegression:
        """Fit to X (n, d) and labels y (n,).

        ``sample_weight`` (n,): how often a row stands; 0 leaves it out. ``offset``: added to η (log-odds, with the logit
        link), (n,) for two classes, (n, K) for more; a model fitted with one needs one to predict.
        """
        check_parameters(self)
        warn_of_index(X, y)
        x = self._features(X, reset=True)
        codes, classes = labels(y, x.shape[0])
        weight = weights(sample_weight, self.class_weight, classes, codes)
        shift = None if offset is None else offsets(offset, x.shape[0], width(classes))
        self._received = None
        self._keep(self._fitted(self._source(x, codes, weight, shift), classes), single(x))
        tell(self._fit.warnings)
        return self

    @available_if(by_parts)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> LogisticRegression:
        """Go on with more rows X (n, d) and labels y (n,); the first call names all ``classes`` that will ever come.

        Unlike a step of SGD it does not depend on a learning rate, and hardly on the order of the rows: see
        `estimators.partial`. A call of ``fit`` names the classes too, and forgets all rows. With ``solver="sgd"`` it is one
        plain epoch over these rows.

        With an L1 penalty or ``class_weight="balanced"`` there is no such method (AttributeError). A batch whose weights are
        all 0 changes nothing. Raises `ParameterError` without classes at first, for too many coefficients, and for a
        ``class_weight`` of other labels or not above 0; `DataError` for a label that is none of the classes, and for a first
        batch of which no row counts.
        """
        from torchlogit.estimators.partial import partial_fit

        partial_fit(self, X, y, classes, sample_weight)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: sums in place of the rows that ``partial_fit`` keeps."""
        state: dict[str, Any] = super().__getstate__()
        received = getattr(self, "_received", None)
        if received is None:
            return state
        return {**state, "_received": received.let_go(self._fit, penalty_of(self), self._columns())}

    def decision_function(self, X: Any, offset: Any = None) -> Any:
        """η of new rows: (n,) for two classes, that of ``classes_[1]``; (n, K) for more.

        Its sign is that of ``predict`` where η = 0 are even chances: with every link but cloglog and loglog.
        """
        eta = self._eta(X, offset)
        return self._like(X, eta[:, 0] if eta.shape[1] == 1 else eta)

    def predict(self, X: Any, offset: Any = None) -> Any:
        """The most probable class of every row, (n,): a tensor where X is one and the classes are numbers."""
        index = self._loss().probabilities(self._eta(X, offset)).argmax(1)
        if isinstance(X, Tensor) and self.classes_.dtype.kind in "biuf":
            return torch.from_numpy(self.classes_).to(index.device)[index]
        return self.classes_[index.cpu().numpy()]

    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """Probabilities (n, K), columns in the order of ``classes_``."""
        return self._like(X, self._loss().probabilities(self._eta(X, offset)))

    def predict_log_proba(self, X: Any, offset: Any = None) -> Any:
        """Logarithms of the probabilities (n, K), worked from η, so that they are finite where a probability is 0."""
        return self._like(X, self._loss().log_probabilities(self._eta(X, offset)))

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Share of rows (n,) whose class is predicted right."""
        y, found = on_host(y), on_host(self.predict(X, offset))
        return float(accuracy_score(y, found, sample_weight=on_host(sample_weight)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = self.link == "logit"
        return tags

    def _start(self, k: int, d: int) -> Tensor | None:
        """The coefficients of the fit before, (p, k), for a warm start."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        coef, intercept = np.asarray(self.coef_, np.float64), np.asarray(self.intercept_, np.float64)
        if coef.shape != (k, d) or intercept.shape != (k,):
            raise DataError(
                f"warm_start: coef_ has shape {coef.shape} and intercept_ {intercept.shape}, but this data need "
                f"{(k, d)} and {(k,)}; set warm_start=False, or fit data with the same columns and classes"
            )
        theta = np.vstack([intercept[None], coef.T] if self.fit_intercept else [coef.T])
        if not np.isfinite(theta).all():
            raise DataError("warm_start: coef_ or intercept_ holds NaN or infinity; set warm_start=False")
        return torch.from_numpy(theta)

    def _source(self, x: Any, codes: Any, weight: Any, offset: Any) -> MemorySource:
        """The rows, on the device that was asked for (sparse ones stay on the host)."""
        x = x.to(usable(self.device)) if isinstance(x, Tensor) and self.device is not None else x
        place = x.device if isinstance(x, Tensor) else torch.device("cpu")
        rest = [None if t is None else torch.from_numpy(t).to(place) for t in (weight, offset)]
        return MemorySource(x, torch.from_numpy(codes).to(place), *rest, intercept=bool(self.fit_intercept))

    def _fitted(self, source: MemorySource, classes: npt.NDArray[Any]) -> Fit:
        """The fit to these rows, with the sentences it is told with."""
        (k, loss), penalty, columns = loss_for("auto", len(classes), self.link), penalty_of(self), self._columns()
        size = Size(source.n_rows, source.n_features + source.intercept, k, source.entries)
        choice = choice_of(self, penalty, size)
        e = estimated(
            source,
            columns,
            k,
            loss=loss,
            penalty=penalty,
            solver=choice.solver,
            max_iter=int(self.max_iter),
            tol=float(self.tol) * DISTANCE,
            dtype=torch.float32 if single(source.x) else torch.float64,
            start=self._start(k, source.n_features),
            watch=_print if self.verbose else None,
        )
        e = e._replace(theta=e.theta.cpu(), centre=e.centre.cpu(), choice=choice)
        offset = "offset" if source.has_offset else None
        return fit_of(e, source, columns=columns, classes=classes, loss=loss, penalty=penalty, offset=offset)

    def _epoch(self, source: MemorySource, classes: npt.NDArray[Any]) -> Fit:
        """One epoch of SGD over these rows, from the coefficients so far."""
        one = clone(self).set_params(
            warm_start=True, solver=replace(self.solver if isinstance(self.solver, SGD) else SGD(), epochs=1)
        )
        for name in ("coef_", "intercept_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(one, name, getattr(self, name))
        fitted: Fit = one._fitted(source, classes)
        return fitted

    def _keep(self, fit: Fit, single: bool) -> None:
        """The fitted attributes."""
        self._fit, self.classes_ = fit, fit.classes
        self.coef_, self.intercept_ = _coefficients(fit, np.float32 if single else np.float64)
        self.n_iter_ = np.array([fit.n_iter], dtype=np.int32)
        self.certificate_, self.status_, self.history_ = fit.certificate, fit.status, fit.history
        self.solver_ = fit.solver

    def _features(self, X: Any, reset: bool) -> Any:
        """X as a matrix; names and number of its columns are learnt, or checked against the fit's."""
        x = features(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        return x

    def _columns(self) -> tuple[str, ...]:
        return tuple(getattr(self, "feature_names_in_", [f"x{j + 1}" for j in range(self.n_features_in_)]))

    def _eta(self, X: Any, offset: Any) -> Tensor:
        """η (n, k) float64, about the fit's centre, so that columns far from 0 cost no digits."""
        check_is_fitted(self)
        x = self._features(X, reset=False)
        eta = self._model()._eta(x)
        if not bool(eta.isfinite().all()):
            raise not_finite(x, self._columns())
        self._fit._check_offset(offset)
        return eta if offset is None else eta + torch.from_numpy(offsets(offset, *eta.shape)).to(eta)

    def _loss(self) -> Loss:
        """The loss of the fit, which knows the way from η to probabilities."""
        check_is_fitted(self)
        return self._fit._loss()

    def _model(self) -> Fit:
        """The fit; or, where its coefficients were since set by hand, a model with those."""
        known = _coefficients(self._fit, self.coef_.dtype)
        if np.array_equal(known[0], self.coef_) and np.array_equal(known[1], self.intercept_):
            return self._fit
        theta = torch.from_numpy(np.vstack([self.intercept_, self.coef_.T]).astype(np.float64))
        return replace(self._fit, theta_centred=theta, centre=torch.zeros_like(self._fit.centre), intercept=True)

    def _like(self, X: Any, out: Tensor) -> Any:
        """A tensor where X is one, else an array; float32 where both X and the fit are."""
        single = self.coef_.dtype == np.float32 and str(getattr(X, "dtype", "")).endswith("float32")
        out = out.float() if single else out
        return out if isinstance(X, Tensor) else out.cpu().numpy()


def single(x: Any) -> bool:
    """Whether a table is of float32."""
    return x.dtype in (torch.float32, np.float32)


def width(classes: npt.NDArray[Any]) -> int:
    """Columns of η: one for two classes, else one a class."""
    return 1 if len(classes) == 2 else len(classes)


def _coefficients(fit: Fit, dtype: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """``coef_`` (k, d) and ``intercept_`` (k,) at x = 0, 0 without one."""
    coef = fit.coef.mT.numpy().astype(dtype)
    return coef, fit.theta[0].numpy().astype(dtype) if fit.intercept else np.zeros(len(coef), dtype)


def _print(record: Record) -> None:
    """One line an iteration."""
    print(
        f"iteration {record.iteration}: F = {record.value:.10g}, gradient {record.gradient_norm:.1e}, "
        f"estimated relative distance {record.relative_distance:.1e}",
        file=sys.stderr,
    )


def tell(sentences: tuple[str, ...], stacklevel: int = 3) -> None:
    """One warning for a fit without a certificate, one for all aliased and nearly collinear columns."""
    lines = [sentence for sentence in sentences if not sentence.startswith("not certified")]
    for sentence in sentences[: len(sentences) - len(lines)]:
        warnings.warn(sentence, FitWarning, stacklevel=stacklevel)
    if lines:
        more = f" … ({len(lines)} in all)" if len(lines) > 5 else ""
        warnings.warn("; ".join(lines[:5]) + more, AliasedWarning, stacklevel=stacklevel)
