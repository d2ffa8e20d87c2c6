"""The scikit-learn door: `LogisticRegression` with scikit-learn's parameters, and certified fits behind it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from torchlogit.choice import Choice, choose
from torchlogit.errors import AliasedWarning, DataError, DataWarning, NotCertifiedWarning, ParameterError
from torchlogit.estimate import Estimate
from torchlogit.fit import Fit, estimated
from torchlogit.intake import matrix, not_finite
from torchlogit.losses import Logistic, Loss, Softmax
from torchlogit.penalties import ElasticNet, NoPenalty
from torchlogit.solvers import Record
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import encode_offset, encode_target, encode_weight
from torchlogit.tables.cells import numeric, read_cells
from torchlogit.tables.frames import open_frame
from torchlogit.tables.names import show_list, show_rows, show_value
from torchlogit.told import told

Array = npt.NDArray[Any]

DISTANCE = 1e-4  # relative distance to the optimum that is wanted, per unit of tol
SKLEARN = {"lbfgs": "lbfgs", "newton-cholesky": "newton", "newton-cg": "lbfgs", "sag": "lbfgs", "saga": "lbfgs"} | {
    "liblinear": "auto"
}
RATIOS = {"l1": 1.0, "l2": 0.0}


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

    Fitted: ``coef_`` (1 or K, d), ``intercept_`` (1 or K,), ``classes_`` (K,), ``n_iter_`` (1,), ``n_features_in_``,
    ``feature_names_in_`` (with a data frame), ``certificate_`` (`Certificate`), ``status_`` (`Status`), ``history_``
    (a `Record` an iteration), ``solver_`` (which and why).

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> LogisticRegression:
        """Fit to X (n, d) and labels y (n,).

        ``sample_weight`` (n,): how often a row stands; 0 leaves it out. ``offset``: added to η, in log-odds, (n,) for
        two classes, (n, K) for more; a model fitted with one needs one to predict.
        """
        self._check_parameters()
        penalty = self._penalty()
        _same_rows(X, y)
        x = self._features(X, reset=True)
        columns, n = self._columns(), x.shape[0]
        codes, classes = _labels(y, n)
        k = 1 if len(classes) == 2 else len(classes)
        weight = self._weights(sample_weight, classes, codes)
        shift = None if offset is None else _offset(offset, n, k)
        choice = self._choice(penalty, n, x.shape[1] + bool(self.fit_intercept), k)
        loss: Loss = Logistic() if k == 1 else Softmax()
        e = estimated(
            _source(x, codes, weight, shift, bool(self.fit_intercept), self.device),
            columns,
            k,
            loss=loss,
            penalty=penalty,
            solver=choice.solver,
            max_iter=int(self.max_iter),
            tol=float(self.tol) * DISTANCE,
            dtype=torch.float32 if _is_single(x) else torch.float64,
            start=self._start(k, x.shape[1]),
            watch=_print if self.verbose else None,
        )
        out = _fit_of(e, columns, classes, loss, penalty, choice, n, bool(self.fit_intercept), offset is not None)
        self._keep(out, np.float32 if _is_single(x) else np.float64)
        _tell(told(out, e.amplification))
        return self

    def decision_function(self, X: Any, offset: Any = None) -> Any:
        """η of new rows: (n,) for two classes, that of ``classes_[1]``; (n, K) for more."""
        eta = self._eta(X, offset)
        return self._like(X, eta[:, 0] if eta.shape[1] == 1 else eta)

    def predict(self, X: Any, offset: Any = None) -> Any:
        """The most probable class of every row, (n,): a tensor where X is one and the classes are numbers."""
        eta = self._eta(X, offset)
        index = (eta[:, 0] > 0).long() if eta.shape[1] == 1 else eta.argmax(1)
        if isinstance(X, Tensor) and self.classes_.dtype.kind in "biuf":
            return torch.from_numpy(self.classes_).to(index.device)[index]
        return self.classes_[index.cpu().numpy()]

    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """Probabilities (n, K), columns in the order of ``classes_``."""
        eta = self._eta(X, offset)
        return self._like(X, torch.cat([-eta, eta], 1).sigmoid() if eta.shape[1] == 1 else eta.softmax(1))

    def predict_log_proba(self, X: Any, offset: Any = None) -> Any:
        """Logarithms of the probabilities (n, K), worked from η, so that they are finite where a probability is 0."""
        eta = self._eta(X, offset)
        both = torch.nn.functional.logsigmoid(torch.cat([-eta, eta], 1)) if eta.shape[1] == 1 else eta.log_softmax(1)
        return self._like(X, both)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Share of rows (n,) whose class is predicted right."""
        y, found = _on_host(y), _on_host(self.predict(X, offset))
        return float(accuracy_score(y, found, sample_weight=_on_host(sample_weight)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self) -> None:
        """`ParameterError` for a parameter that means nothing; scikit-learn's rule is that ``fit`` checks."""
        rules = {
            "C": (_is(Real, self.C) and self.C > 0, "a number above 0 (np.inf: no penalty)"),
            "tol": (_is(Real, self.tol) and self.tol >= 0 and isfinite(self.tol), "a number, 0 or more"),
            "max_iter": (_is(Integral, self.max_iter) and self.max_iter >= 0, "a whole number, 0 or more"),
            "l1_ratio": (self.l1_ratio is None or _is(Real, self.l1_ratio) and 0 <= self.l1_ratio <= 1, "from 0 to 1"),
            "fit_intercept": (isinstance(self.fit_intercept, bool | np.bool_), "True or False"),
            "class_weight": (
                self.class_weight is None or isinstance(self.class_weight, Mapping) or self.class_weight == "balanced",
                'None, "balanced" or {label: weight}',
            ),
            "penalty": (
                self.penalty in (None, "deprecated", "elasticnet", *RATIOS) or isinstance(self.penalty, ElasticNet),
                'None, "l1", "l2", "elasticnet" or a penalty such as torchlogit.L2(strength=2.0)',
            ),
        }
        for name, (fine, what) in rules.items():
            if not fine:
                raise ParameterError(f"{name} must be {what}; got {getattr(self, name)!r}")

    def _penalty(self) -> ElasticNet:
        """The penalty that ``penalty``, ``C`` and ``l1_ratio`` say; a warning where one of them goes unused."""
        given, ratio = self.penalty, 0.0 if self.l1_ratio is None else float(self.l1_ratio)
        used = {"deprecated": ("C", "l1_ratio"), "elasticnet": ("C", "l1_ratio"), "l1": ("C",), "l2": ("C",)}
        names = used.get(given, ()) if isinstance(given, str) else ()
        unused = [name for name, default in (("C", 1.0), ("l1_ratio", 0.0)) if name not in names]
        unused = [name for name in unused if getattr(self, name) not in (None, {"C": 1.0, "l1_ratio": 0.0}[name])]
        if unused and RATIOS.get(str(given)) != ratio:
            warnings.warn(f"penalty={given!r} leaves {' and '.join(unused)} unused", DataWarning, stacklevel=3)
        if not isinstance(given, str):
            return NoPenalty() if given is None else given
        return NoPenalty() if self.C == inf else ElasticNet(1 / float(self.C), RATIOS.get(given, ratio))

    def _choice(self, penalty: ElasticNet, n: int, p: int, k: int) -> Choice:
        """The solver, seeded, and why it was taken."""
        rough = penalty.l1_ratio > 0 and not penalty.free
        name = self.solver if isinstance(self.solver, str) else None
        solver = self.solver if name not in SKLEARN else "auto" if rough else SKLEARN[name]
        choice = choose(solver, n=n, p=p, k=k, rough=rough)
        if self.random_state is None or not is_dataclass(choice.solver) or not hasattr(choice.solver, "seed"):
            return choice
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return choice._replace(solver=replace(choice.solver, seed=seed))  # type: ignore[type-var]

    def _weights(self, sample_weight: Any, classes: Array, codes: Array) -> Array | None:
        """Each row's weight times its class's (n,), or None for ones; `DataError` where a class is left without any."""
        if sample_weight is None and self.class_weight is None:
            return None
        n = len(codes)
        given = np.full(n, sample_weight) if isinstance(sample_weight, Real) else _on_host(sample_weight)
        weight = np.ones(n) if sample_weight is None else encode_weight(given, n, "sample_weight")
        totals = np.bincount(codes, weight, len(classes))
        empty = [show_value(label) for label in classes[totals == 0].tolist()]
        if empty:
            raise DataError(
                f"class {show_list(empty, len(empty))} has no row with a weight above zero, so "
                f"{len(classes) - len(empty)} of {len(classes)} classes are left; give weights, or leave its rows out"
            )
        return weight * self._class_weights(classes, totals)[codes]

    def _class_weights(self, classes: Array, totals: Array) -> Array:
        labels = classes.tolist()
        if self.class_weight is None:
            return np.ones(len(labels))
        if isinstance(self.class_weight, str):
            return totals.sum() / (len(labels) * totals)
        unknown = [label for label in self.class_weight if label not in labels]
        if unknown:
            raise ParameterError(f"class_weight names {unknown}, but the classes are {show_list(map(repr, labels), 0)}")
        for label, value in self.class_weight.items():
            if not (_is(Real, value) and 0 < value < inf):
                raise ParameterError(f"class_weight of {label!r} must be a finite number above 0, got {value!r}")
        return np.array([float(self.class_weight.get(label, 1.0)) for label in labels])

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

    def _keep(self, fit: Fit, dtype: Any) -> None:
        """The fitted attributes."""
        self._fit = fit
        self.coef_, self.intercept_ = _coefficients(fit, dtype)
        self.classes_ = fit.classes
        self.n_iter_ = np.array([fit.n_iter], dtype=np.int32)
        self.certificate_, self.status_, self.history_ = fit.certificate, fit.status, fit.history
        self.solver_ = fit.solver

    def _features(self, X: Any, reset: bool) -> Any:
        """X as a dense tensor or SciPy CSR; names and number of its columns are learnt, or checked against the fit's."""
        x = matrix(X) if isinstance(X, Tensor | np.ma.MaskedArray) else matrix(_checked(X))
        validate_data(self, X, reset=reset, skip_check_array=True)
        if 0 in x.shape:
            what = "sample(s)" if x.shape[0] == 0 else "feature(s)"
            raise DataError(f"Found array with 0 {what} (shape={tuple(x.shape)}) while a minimum of 1 is required.")
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
        if (offset is None) != (self._fit.offset is None):
            how, need = ("with", "give one") if offset is None else ("without", "give none")
            raise DataError(f"the model was fitted {how} an offset: {need}")
        return eta if offset is None else eta + torch.from_numpy(_offset(offset, *eta.shape)).to(eta)

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


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_single(x: Any) -> bool:
    return x.dtype in (torch.float32, np.float32)


def _on_host(values: Any) -> Any:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def _checked(X: Any) -> Any:
    """What scikit-learn's check makes of X, not copied where dense; finite values are left to the fit's own sums."""
    if not isinstance(X, np.ndarray) and (hasattr(X, "column_names") or hasattr(X, "columns")):
        X = _frame(X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "O" and any(isinstance(cell, str | bytes) for cell in X.flat):
        matrix(X)  # says which cell is text
    sparse = ["csr", "csc", "coo"]
    return check_array(X, accept_sparse=sparse, ensure_all_finite=False, estimator="LogisticRegression", input_name="X")


def _frame(X: Any) -> Any:
    """A data frame as it is where all columns are numbers of one kind, else (n, d) float64 with NaN where missing."""
    kinds = {str(kind) for kind in getattr(X, "dtypes", ())} or {str(field.type) for field in X.schema}
    if kinds <= {"float64"} or kinds <= {"float32"}:
        return X
    columns = X.column_names if hasattr(X, "column_names") else list(X.columns)
    if not all(isinstance(name, str) for name in columns):
        return X
    frame = open_frame(X)
    cells = [numeric(read_cells(frame.column(name), name), name) for name in frame.names]
    return np.column_stack(cells) if cells else np.empty((frame.n_rows, 0))


def _same_rows(X: Any, y: Any) -> None:
    """Warn where two pandas objects are paired by position although their indexes disagree."""
    left, right = getattr(X, "index", None), getattr(y, "index", None)
    if hasattr(left, "equals") and hasattr(right, "equals") and len(left) == len(right) and not left.equals(right):
        warnings.warn("the indexes of X and y disagree; rows are paired by position", DataWarning, stacklevel=3)


def _labels(y: Any, n: int) -> tuple[Array, Array]:
    """Each row's class code (n,), and the classes."""
    if y is None:
        raise DataError("LogisticRegression requires y to be passed, but the target y is None")
    y = _on_host(y)
    if getattr(y, "ndim", 1) == 2:
        y = column_or_1d(y, warn=True)
    target = encode_target(y)
    if len(target.codes) != n:
        raise DataError(f"X has {n} rows but y has {len(target.codes)}: give one label a row (inconsistent numbers)")
    if target.missing.size:
        raise DataError(f"Input y contains NaN: no label in {show_rows(target.missing)}; drop these rows of X and y")
    plain = isinstance(y, list | tuple) and target.classes.dtype.kind == "O"
    return target.codes, target.classes.astype(str) if plain else target.classes


def _offset(offset: Any, n: int, k: int) -> Array:
    """Offsets (n, k), checked."""
    values = _on_host(offset)
    if k == 1 and np.ndim(values) == 1:
        return encode_offset(values, n)[:, None]
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != k:
        what = "one number a row (n,)" if k == 1 else f"one for every class (n, {k})"
        raise DataError(f"offset must be {what}, got shape {values.shape}")
    return np.column_stack([encode_offset(column, n) for column in values.T])


def _source(x: Any, codes: Array, weight: Any, offset: Any, intercept: bool, device: Any) -> MemorySource:
    try:
        x = x.to(device) if isinstance(x, Tensor) and device is not None else x
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f"device={device!r} cannot be used: {str(error).splitlines()[0]}") from error
    place = x.device if isinstance(x, Tensor) else torch.device("cpu")
    rest = [None if t is None else torch.from_numpy(t).to(place) for t in (weight, offset)]
    return MemorySource(x, torch.from_numpy(codes).to(place), *rest, intercept=intercept)


def _fit_of(
    e: Estimate,
    columns: tuple[str, ...],
    classes: Array,
    loss: Loss,
    penalty: ElasticNet,
    choice: Choice,
    n: int,
    intercept: bool,
    offset: bool,
) -> Fit:
    return Fit(
        columns=columns,
        classes=classes,
        target="y",
        theta_centred=e.theta.cpu(),
        centre=e.centre.cpu(),
        intercept=intercept,
        loss=loss.name,
        penalty=penalty,
        status=e.status,
        certificate=e.certificate,
        log_likelihood=e.log_likelihood,
        null_log_likelihood=e.null_log_likelihood,
        value=e.value,
        n_rows=n,
        n_iter=e.n_iter,
        solver=f"{type(choice.solver).__name__} ({choice.reason})",
        offset="offset" if offset else None,
        dependences=tuple(e.dependences),
        infinite=e.infinite,
        complete=e.complete,
        history=e.history,
    )


def _coefficients(fit: Fit, dtype: Any) -> tuple[Array, Array]:
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


def _tell(sentences: tuple[str, ...]) -> None:
    """One warning for a fit without a certificate, one for all aliased and nearly collinear columns."""
    lines = [sentence for sentence in sentences if not sentence.startswith("not certified")]
    for sentence in sentences[: len(sentences) - len(lines)]:
        warnings.warn(sentence, FitWarning, stacklevel=3)
    if lines:
        more = f" … ({len(lines)} in all)" if len(lines) > 5 else ""
        warnings.warn("; ".join(lines[:5]) + more, AliasedWarning, stacklevel=3)
