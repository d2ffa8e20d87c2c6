"""`LogisticRegressionCV`: the penalty chosen by cross-validation, all folds and strengths fitted together."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)

from torchlogit.crossvalidate import Fits, cross_validate
from torchlogit.errors import DataError
from torchlogit.estimate import NotFinite
from torchlogit.estimators.grid import Grid, Outcome, grid_of, scoring_of
from torchlogit.estimators.logistic import (
    DISTANCE,
    FitWarning,
    LogisticRegression,
    single,
    tell,
)
from torchlogit.estimators.reading import labels, on_host, warn_of_index, weights
from torchlogit.estimators.scoring import Held, Models, scorer_of, scores
from torchlogit.estimators.settings import SKLEARN
from torchlogit.foldpaths import picked
from torchlogit.intake import not_finite
from torchlogit.losses import loss_for
from torchlogit.penalties import ElasticNet, NoPenalty
from torchlogit.sources.memory import MemorySource

Array = npt.NDArray[Any]
SHARED = ("tol", "fit_intercept", "class_weight", "random_state", "solver", "max_iter", "device", "link")


class LogisticRegressionCV(LogisticRegression):
    """Logistic regression whose penalty is chosen by cross-validation, with scikit-learn's parameters and attributes.

    Every fold is fitted at every ``C`` and ``l1_ratio``, and the fits are scored on the rows that their fold holds out.
    All fits with an L2 penalty are one fit: they share the reads of X. Every one of them is certified as that of
    `LogisticRegression` is, to a relative distance to its optimum of ``tol · 1e-4``, and one warning names those that
    are not. What `LogisticRegression` says of X, y, weights and ``link`` holds here.

    Args:
        Cs: inverse strengths: a number of them, from 1e-4 to 1e4 in equal ratios, or themselves (``np.inf``: no penalty).
        l1_ratios: shares of L1 to choose from, each from 0 (ridge) to 1 (lasso). None (and "warn") is ridge alone, and
            leaves the dimension of the ratios out of ``scores_``, ``coefs_paths_`` and ``n_iter_``.
        fit_intercept: whether η has an intercept.
        cv: a number of stratified folds (None: 5), a splitter of scikit-learn's, or an iterable of (train, test) rows.
        dual: accepted and unused.
        penalty: "l2", "l1", "elasticnet" (with ``l1_ratios``); left alone, ``l1_ratios`` says it all.
        scoring: a name or a callable, as scikit-learn has them; None (and "warn") is accuracy.
        solver: "auto" or any of scikit-learn's names: L2 fits are one fit. A solver object or a name of torchlogit's own
            fits one by one.
        tol: as for `LogisticRegression`.
        max_iter: most steps of each fit.
        class_weight: ``{label: weight}`` or "balanced" over all rows; scores do not know of it.
        n_jobs: accepted and unused.
        verbose: above 0, the last fit prints a line an iteration on stderr.
        refit: whether the chosen penalty is fitted to all rows; if not, coefficients are the mean of the folds'.
        intercept_scaling: accepted and unused.
        random_state: seeds what is random in a solver; not the folds, which a splitter shuffles.
        use_legacy_attributes: True (and "warn"): the shapes below, with a leading dimension or a dict by class; False:
            scikit-learn's newer shapes.
        selection: "best" mean score, or "one_standard_error": the strongest penalty (of the best's ``l1_ratio``) whose
            mean score is within one standard error of the best. Source: Hastie, Tibshirani and Friedman (2009), §7.10.1.
        device: where dense rows are worked.
        link: how η becomes a probability.

    Fitted, with F folds, L strengths, R ratios (that dimension only if ``l1_ratios`` are given) and p = d + 1
    coefficients, the intercept last: ``C_`` and ``l1_ratio_`` (1 or K,), the choice; ``Cs_`` (L,); ``l1_ratios_`` (R,);
    ``scores_`` {class: (F, L[, R])}; ``coefs_paths_`` {class: (F, L[, R], p)}; ``n_iter_`` (1, F, L[, R]);
    ``certificates_`` (F, L[, R]), the relative distance of each fit to its optimum; ``coef_``, ``intercept_``,
    ``classes_``, and with ``refit`` ``certificate_``, ``status_``, ``history_``, ``solver_`` of the last fit.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegressionCV(Cs=5, scoring="neg_log_loss").fit(X, y)
    >>> model.C_, model.scores_[0].shape, bool(model.certificates_.max() <= 1e-8)
    (array([100., 100., 100.]), (5, 5), True)

    """

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = None,
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: Any = "deprecated",
        scoring: Any = None,
        solver: Any = "auto",
        tol: float = 1e-4,
        max_iter: int = 100,
        class_weight: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: Any = None,
        use_legacy_attributes: Any = True,
        selection: str = "best",
        device: Any = None,
        link: str = "logit",
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes
        self.selection = selection
        self.device = device
        self.link = link

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> LogisticRegressionCV:  # type: ignore[override]
        """Fit to X (n, d) and labels y (n,), choosing the penalty.

        ``sample_weight`` (n,) weighs the losses and the scores; ``params`` go to the splitter and the scorer, where
        scikit-learn's metadata routing is enabled.
        """
        _raise_for_params(params, self, "fit")
        grid = grid_of(self)
        warn_of_index(X, y)
        x = self._features(X, reset=True)
        codes, classes = labels(y, x.shape[0])
        weight = weights(sample_weight, self.class_weight, classes, codes)
        split, score = self._routed(sample_weight, params)
        folds = _folds(check_cv(self.cv, classes[codes], classifier=True), X, classes[codes], split)
        source = self._source(x, codes, weight, None)
        fits = self._fits(source, classes, [train for train, _ in folds], grid)
        found = [
            scores(scoring_of(self), models, _held(source, test, classes, score))
            for models, (_, test) in zip(_models(self, fits, classes, grid), folds, strict=True)
        ]
        share = float(np.mean([len(train) for train, _ in folds])) / len(codes)
        outcome = Outcome(grid, fits, classes, np.stack(found).reshape(len(folds), *grid.shape), share, single(x))
        self._warn(outcome)
        self._finish(source, outcome)
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:  # type: ignore[override]
        """Score of the predictions for X (n, d) by ``scoring``; the share of rows whose class is predicted right, by default."""
        _raise_for_params(params, self, "score")
        if scoring_of(self) is None:
            return super().score(X, y, sample_weight)
        given = {**params, **({} if sample_weight is None else {"sample_weight": on_host(sample_weight)})}
        if _routing_enabled():
            given = process_routing(self, "score", **given).scorer.score
        return float(scorer_of(self.scoring)(self, on_host(X), on_host(y), **given))

    def get_metadata_routing(self) -> MetadataRouter:
        """What goes to the splitter and to the scorer, for scikit-learn's metadata routing."""
        to_scorer = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(scorer=scorer_of(scoring_of(self)), method_mapping=to_scorer)
        )

    def _routed(self, sample_weight: Any, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the splitter and what the scorer is given."""
        none = sample_weight is None or isinstance(sample_weight, Real)
        score = {} if none else {"sample_weight": np.asarray(on_host(sample_weight))}
        if not _routing_enabled():
            return {}, score
        routed = process_routing(self, "fit", **score, **params)
        return routed.splitter.split, score if scoring_of(self) is None else routed.scorer.score

    def _one(self, C: float = 1.0, l1_ratio: float = 0.0) -> LogisticRegression:
        """The estimator of a single fit."""
        shared = {name: getattr(self, name) for name in SHARED}
        return LogisticRegression(C=C, l1_ratio=l1_ratio, **shared)

    def _fits(self, source: MemorySource, classes: Array, train: list[Array], grid: Grid) -> Fits:
        """The fits of all folds at all penalties."""
        k, loss = loss_for("auto", len(classes), self.link)
        penalties = [
            NoPenalty() if math.isinf(C) else ElasticNet(1 / C, ratio) for C in grid.strengths for ratio in grid.ratios
        ]
        solver = self.solver
        if isinstance(solver, str):
            solver = "auto" if solver in SKLEARN else solver
        settings: dict[str, Any] = {"tol": float(self.tol) * DISTANCE, "solver": solver, "max_iter": int(self.max_iter)}
        dtype = torch.float32 if single(source.x) else torch.float64
        try:
            return cross_validate(source, train, penalties, k, loss=loss, dtype=dtype, **settings)
        except NotFinite:
            raise not_finite(source.x, self._columns()) from None

    def _warn(self, outcome: Outcome) -> None:
        """One warning for all fits without a certificate."""
        grid, left = outcome.grid, np.argwhere(~outcome.of_fits(outcome.fits.certified))
        ratio = ", l1_ratio={2:g}" if len(grid.ratios) > 1 else ""
        named = [
            f"fold {f + 1}, C={{1:g}}{ratio}".format(0, grid.strengths[i], grid.ratios[j])
            for f, i, j in left[:5].tolist()
        ]
        if named:
            more = f" … ({len(left)} in all)" if len(left) > 5 else ""
            worst = float(outcome.of_fits(outcome.fits.relative_distance)[tuple(left.T)].max())
            warnings.warn(
                f"not certified: {len(left)} of {outcome.fits.certified.numel()} fits of the cross-validation "
                f"({'; '.join(named)}{more}), with relative distances to the optimum up to {worst:.1e}: raise max_iter, "
                "loosen tol, or leave out the weakest penalties (largest C)",
                FitWarning,
                stacklevel=3,
            )

    def _finish(self, source: MemorySource, outcome: Outcome) -> None:
        """Choose, fit the choice to all rows, and keep all that is known."""
        best = outcome.chosen(self.selection)
        C, ratio = outcome.grid.at(best)
        each = [best] * len(outcome.scores)
        if not self.refit and self.selection == "best":
            each = [np.unravel_index(np.argmax(fold), fold.shape) for fold in outcome.scores]
            C, ratio = (float(np.mean(values)) for values in zip(*map(outcome.grid.at, each), strict=True))
        paths = outcome.paths()
        mean = np.mean([paths[(f, *one)] for f, one in enumerate(each)], axis=0)
        mean = outcome.at_share(paths.mean(0)[:, best[1]], C) if self.refit else mean
        one = self._one(C, ratio)
        one.n_features_in_, one.verbose, one.warm_start = self.n_features_in_, self.verbose, True
        one.coef_, one.intercept_ = (
            mean[:, : source.n_features],
            mean[:, -1] if self.fit_intercept else np.zeros(len(mean)),
        )
        one.max_iter = self.max_iter if self.refit else 0
        if hasattr(self, "feature_names_in_"):
            one.feature_names_in_ = self.feature_names_in_
        self._keep(one._fitted(source, outcome.classes), outcome.single)
        if self.refit:
            tell(self._fit.warnings, 4)
        else:
            self.coef_, self.intercept_ = (t.astype(self.coef_.dtype) for t in (one.coef_, one.intercept_))
            del self.certificate_, self.status_, self.history_, self.solver_
        self._attributes(outcome, paths.astype(self.coef_.dtype), C, ratio)

    def _attributes(self, outcome: Outcome, paths: Array, C: float, ratio: float) -> None:
        """The attributes of scikit-learn's, in its shapes."""
        self.C_: Any
        self.l1_ratio_: Any
        self.scores_: Any
        self.coefs_paths_: Any
        grid, fits = outcome.grid, outcome.fits
        self.Cs_, self.l1_ratios_ = np.array(grid.strengths), np.array(grid.ratios)
        tables = [outcome.scores, outcome.of_fits(fits.n_iter), outcome.of_fits(fits.relative_distance)]
        if self.use_legacy_attributes is False:
            self.scores_, self.n_iter_, self.certificates_ = (np.moveaxis(table, 1, 2) for table in tables)
            self.coefs_paths_, self.C_, self.l1_ratio_ = np.moveaxis(paths, 1, 2), C, ratio
            return
        if grid.plain:
            tables, paths = [table[..., 0] for table in tables], paths[:, :, 0]
        found, n_iter, self.certificates_ = tables
        named = outcome.classes[1:] if len(outcome.classes) == 2 else outcome.classes
        self.n_iter_ = n_iter[None]
        self.scores_ = {label: found.copy() for label in named}
        self.coefs_paths_ = {label: paths[..., j, :] for j, label in enumerate(named)}
        self.C_, self.l1_ratio_ = np.full(len(named), C), np.full(len(named), ratio)


def _models(of: LogisticRegressionCV, fits: Fits, classes: Array, grid: Grid) -> list[Models]:
    """The models of each fold."""
    _, loss = loss_for("auto", len(classes), of.link)
    strengths = [C for C in grid.strengths for _ in grid.ratios]
    return [Models(theta, fits.centre, bool(of.fit_intercept), loss, classes, strengths) for theta in fits.theta]


def _held(source: MemorySource, test: Array, classes: Array, parameters: dict[str, Any]) -> Held:
    """The rows that a fold holds out."""
    rows = picked(source, torch.from_numpy(test))
    n = source.n_rows
    mine = {
        name: np.asarray(value)[test] if np.ndim(value) and len(value) == n else value
        for name, value in parameters.items()
    }
    return Held(rows.x, rows.y, classes[rows.y.cpu().numpy()], mine)


def _folds(splitter: Any, X: Any, y: Array, parameters: dict[str, Any]) -> list[tuple[Array, Array]]:
    """The rows that each fold trains on and holds out, by number."""
    n, folds = (
        len(y),
        list(splitter.split(on_host(X) if hasattr(X, "shape") else np.zeros((len(y), 1)), y, **parameters)),
    )
    rows = [tuple(np.arange(n)[np.asarray(part)] for part in fold) for fold in folds]
    if not rows or not all(len(part) for fold in rows for part in fold):
        raise DataError("cv gives no folds, or one that trains on or holds out no row")
    return [(train, test) for train, test in rows]
