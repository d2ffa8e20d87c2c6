"""Cross-validation of a fit: each row scored by a fit to the other folds, all folds fitted together."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.calibrated import Calibrated
from torchlogit.crossvalidate import cross_validate
from torchlogit.errors import AliasedWarning, DataError, NotCertifiedError, ParameterError
from torchlogit.groups import TOL, Fitting, Results, results
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.places import coded
from torchlogit.metrics.scored import Scored, check_probabilities
from torchlogit.penalties import ElasticNet
from torchlogit.rows import Rows
from torchlogit.solvers import Status
from torchlogit.tables.names import show, show_list

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Places = npt.NDArray[np.int64]


def cross_scored(fit: Fit, folds: Any = 10, seed: int = 0, data: Any = None, **given: Any) -> Scored:
    """The fit's rows, or those of ``data``, each with the probabilities of a fit to the rows of all other folds.

    ``folds`` is how many (drawn with ``seed``, each with about the same share of every class, the two halves of counts
    together), or a column of the table, or one label a row: rows of one label, such as a patient's, are then held out
    together. The fits have the model's recipe (levels, knots, means of all rows), penalty, link, weights and offset; the
    ordinary ones are one batch.

    ParameterError for less than two folds; DataError for more folds than rows; NotCertifiedError naming the folds whose fit has
    no certified optimum, such as one that is separated: its probabilities would be 0 and 1.
    Source: Stone (1974), Cross-validatory choice and assessment of statistical predictions, eq. 2.1.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> rows = cross_scored(result, folds=5)
    >>> len(rows), rows.seen, rows.probability[0].round(2).tolist()
    (20, False, [0.99, 0.01])
    """
    beside = observed(fit, data, **given)
    return cross_rows(beside, folds_of(beside.rows, folds, seed))


def folds_of(rows: Rows, folds: Any, seed: int) -> Places:
    """The fold of each row, (n,) from 0; see `cross_scored`."""
    if isinstance(folds, str) or np.ndim(folds):
        names, places = coded(rows.column(folds), folds if isinstance(folds, str) else "folds")
        _check_count(len(names), len(names))
        return places
    units = np.arange(len(rows.codes)) if not rows.counts or rows.kept is None else rows.kept
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    _check_count(folds, len(first))
    order = np.lexsort((np.random.default_rng(seed).random(len(first)), rows.codes[first]))
    dealt = np.empty(len(first), dtype=np.int64)
    dealt[order] = np.arange(len(first)) % folds
    return dealt[unit]


def _check_count(folds: Any, n: int) -> None:
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or folds < 2:
        raise ParameterError(f"folds must be a whole number from 2, a column, or one label a row; got {folds!r}")
    if folds > n:
        raise DataError(f"{folds} folds of {n} rows: each fold needs a row")


def cross_rows(beside: Observed, place: Places) -> Scored:
    """The rows scored out of fold; ``place`` (n,) is the fold of each."""
    fit, rows = beside.fit, beside.rows
    check_probabilities(fit)
    if isinstance(fit, Calibrated):
        raise ParameterError("fits to folds would not be calibrated; give rows that the model has not seen")
    fitting = Fitting.like(fit, rows)
    found = fold_fits(fitting, place, fit)
    _check_certified(found)
    _warn_of_aliased(found, fit)
    eta = torch.empty(len(place), fit.theta_centred.shape[1], dtype=torch.float64)
    for fold, theta in enumerate(found.theta):
        test = torch.from_numpy(np.flatnonzero(place == fold))
        eta[test] = _eta(fit, theta, fitting, test)
    log_probability = fit._loss().log_probabilities(eta).numpy()
    repeats = fit.weights_are == "frequency"
    return Scored(rows.codes.astype(np.int64), log_probability, beside.weight.numpy(), fit.classes, False, repeats)


def fold_fits(fitting: Fitting, place: Places, fit: Fit) -> Results:
    """A fit to all rows but those of each fold: a batch of groups where they are ordinary, which begins at the whole fit."""
    train = [np.flatnonzero(place != fold) for fold in range(int(place.max()) + 1)]
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in train])])
    groups = fitting.batch(start, np.concatenate(train))
    if groups is not None and fit.certified:
        groups = groups._replace(begin=fit.theta[:, 0].contiguous())
    ended, classes = fitting.newton(groups, len(train)), fitting.rows.classes
    found = _ridge(fitting, train, fit)
    return results(
        ended, classes, fitting.k, fitting.penalty.free, lambda fold: found.get(fold) or fitting.single(train[fold])
    )


def _ridge(fitting: Fitting, train: list[Places], fit: Fit) -> dict[int, Fit]:
    """The certified fits of the folds of a softmax under L2 alone, which are one fit; of others, or without a class, none."""
    penalty = fit.penalty
    if fit.loss != "softmax" or not isinstance(penalty, ElasticNet) or not penalty.ridge or fitting.source.has_offset:
        return {}
    found = cross_validate(fitting.source, train, [penalty], fitting.k, loss=fit._loss(), tol=TOL)
    whole = replace(
        fit, centre=found.centre, status=Status.converged, covariance_root=None, dependences=(), warnings=()
    )
    return {
        fold: replace(
            whole,
            theta_centred=found.theta[fold, 0],
            certificate=replace(fit.certificate, relative_distance=float(found.relative_distance[fold, 0])),
        )
        for fold in found.certified[:, 0].nonzero()[:, 0].tolist()
        if len(np.unique(fitting.rows.codes[train[fold]])) == len(fit.classes)
    }


def _check_certified(found: Results) -> None:
    bad = [fold for fold, status in enumerate(found.status) if status is not Status.converged]
    if bad:
        named = show_list((f"{fold + 1} ({found.status[fold]})" for fold in bad), len(bad))
        raise NotCertifiedError(
            f"no cross-validation: the fits without these folds have no certified optimum: {named}; {found.why(bad[0])}. A "
            "penalty (such as L2 or Jeffreys) gives every fold one; or use fewer folds"
        )


def _warn_of_aliased(found: Results, fit: Fit) -> None:
    """Columns that add something to the whole fit but nothing to that of a fold, such as a level that only one fold has."""
    lead = int(fit.intercept)
    columns = found.aliased.any(0)[lead:].nonzero()[:, 0].tolist()
    gone = [f"`{show(fit.columns[j])}`" for j in columns if fit.columns[j] not in fit.aliased]
    if gone:
        warnings.warn(
            f"aliased in some folds: {show_list(gone, len(gone))}; without the rows of such a fold nothing is known of their "
            "effect, so these rows are scored as if it were 0",
            AliasedWarning,
            stacklevel=4,
        )


def _eta(fit: Fit, theta: Tensor, fitting: Fitting, test: Tensor) -> Tensor:
    """η of the rows of a fold, (m, k), by the theta (p, k) about x = 0 of the fit without them."""
    source = fitting.source
    x = source.x[test.numpy()] if source.sparse else source.x[test]
    eta = replace(fit, theta_centred=fit.about_centre(theta.device).seen(theta, 0.0, fit.intercept))._eta(x)
    return eta + source.offset[test] if source.has_offset else eta
