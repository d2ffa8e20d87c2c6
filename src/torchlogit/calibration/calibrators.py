"""Calibrators: functions of few parameters, fitted to events, that make probabilities come true."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.calibrated import Calibrated, Calibrator, Rescaled, Steps, calibrated
from torchlogit.calibration.doors import rows_of
from torchlogit.calibration.isotonic import isotonic
from torchlogit.calibration.regress import finite, regress, shifted, sloped
from torchlogit.errors import DataError, DataWarning, NotCertifiedError, ParameterError
from torchlogit.metrics.condensed import Condensed
from torchlogit.metrics.scored import Scored

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
ROUNDS = 200  # of the search for a temperature, which needs about six
AGAIN = (
    "calibrated on the rows that the model was fitted to, on which its probabilities look better than they are, so the "
    "calibrator does too little; give other rows, or folds=10"
)


def calibrate(
    fit: Fit, data: Any = None, method: str = "platt", *, folds: Any = None, seed: int = 0, **given: Any
) -> Calibrated:
    """The fit with its probabilities through a calibrator, fitted to the rows of ``data``; `calibrator` has the methods.

    ``data`` should be rows that the model has not seen. With ``folds`` instead (10, say), the fit's own rows serve: each
    is given the probability of a fit to the other folds, and the calibrator of these is put on the fit to all rows.
    A `DataWarning` says so where the rows are those fitted. What else is ``given`` is `observed`'s: with a
    ``process_group`` the data are spread over its ranks, which all get the same model.

    Raises what `calibrator` does; ParameterError for a model that is calibrated already, and for the linear unit.

    >>> from torchlogit import fit
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 30))
    >>> y = (x[:, 0] + rng.logistic(size=400) > 0).astype(int)
    >>> model = calibrate(fit(x[:200], y[:200]), x[200:], "platt", target=y[200:])
    >>> float(model.calibrator.scale[1]) < 0.7  # thirty columns for two hundred rows: overfitted, so drawn in
    True
    """
    if isinstance(fit, Calibrated):
        raise ParameterError("this model is calibrated already; calibrate the fit in it: model.fit")
    return calibrated_on(fit, rows_of(fit, data, folds, seed, **given), method)


def calibrated_on(fit: Fit, rows: Scored, method: str) -> Calibrated:
    """The fit with its probabilities through the calibrator of rows that it gave probabilities to."""
    if rows.seen:
        warnings.warn(AGAIN, DataWarning, stacklevel=3)
    found, counted = calibrator(rows, method), rows.counted()
    own = recalibrated(counted, found).own
    how: dict[str, Any] = {"method": method, "calibrated_on": counted.n_rows}
    return calibrated(fit, found, calibration_likelihood=float(counted.weight @ own), **how)


def calibrator(scored: Scored, method: str = "platt") -> Calibrator:
    """The calibrator that fits the rows best, of one of six families.

    With p a probability of the positive class and q the calibrated one:

    =========== =========================================================================================================
    platt       ``logit q = a logit p + b``, towards (n₊ + 1) / (n₊ + 2) for the positive, 1 / (n₋ + 2) for the other
                rows instead of 1 and 0, so that a and b are finite also where the classes are split
    logistic    the same towards 1 and 0: maximum likelihood
    intercept   ``logit q = logit p + b``
    temperature ``q ∝ p^(1/T)``, of any number of classes; changes no decision by the largest probability
    beta        ``logit q = a log p − b log(1 − p) + c`` with a, b ≥ 0
    isotonic    the increasing step function of least squares, linear between its steps; may say 0 and 1
    =========== =========================================================================================================

    A weight counts as so many rows. All but isotonic are fits of torchlogit with their certificate, or a scalar equation
    solved to the last digit. All but isotonic keep the order of the rows, and so AUC, strictly (platt and logistic reverse it
    where the slope is negative).

    Raises ParameterError for a method that there is not, or that is for two classes; DataError for rows of one class and
    for probabilities of exactly 0 or 1 (not isotonic); NotCertifiedError where no finite parameter is best.
    Source: Platt (1999), Probabilistic outputs for support vector machines, §2.2; Cox (1958); Guo et al. (2017), On
    calibration of modern neural networks, §4.2; Kull, Silva Filho and Flach (2017), Beta calibration; Zadrozny
    and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> rows = scored_arrays([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.8, 0.9])
    >>> calibrator(rows, "isotonic").y.round(decimals=2).tolist()
    [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    """
    if method not in METHODS:
        raise ParameterError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
    if not scored.binary and method != "temperature":
        raise ParameterError(f'"{method}" is for two classes; there are {len(scored.classes)}: use "temperature"')
    if method == "isotonic" and isinstance(scored, Condensed):
        raise ParameterError(
            '"isotonic" looks at each row by itself, and the rows were read in parts; use "platt" or "beta", or a larger memory='
        )
    return METHODS[method](scored)


def recalibrated(scored: Scored, calibrator: Calibrator) -> Scored:
    """The same rows with their probabilities through a calibrator."""
    logs = calibrator(torch.from_numpy(scored.log_probability)).numpy()
    return replace(scored, log_probability=logs)


def _linear(a: float, b: float, c: float) -> Rescaled:
    """``logit q = a log p − b log(1 − p) + c``."""
    return Rescaled(torch.tensor([b, a], dtype=torch.float64), torch.tensor([0.0, c], dtype=torch.float64))


def _of(fit: Fit) -> Rescaled:
    """A line of the log-odds."""
    intercept, slope = fit.theta[:, 0].tolist()
    return _linear(slope, slope, intercept)


def platt(scored: Scored) -> Rescaled:
    """Each row stands as a positive and as a negative one, weighted by its target."""
    scored = finite(scored)
    y, s, x = scored.y, scored.weight, scored.log_odds
    negative, positive = np.bincount(y, s, 2)
    towards = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    both = np.concatenate([x, x])[:, None]
    return _of(regress(both, np.repeat([1, 0], len(y)), np.concatenate([s * towards, s * (1 - towards)])))


def logistic(scored: Scored) -> Rescaled:
    """Maximum likelihood."""
    return _of(sloped(finite(scored)))


def intercept(scored: Scored) -> Rescaled:
    """The log-odds moved by one number."""
    return _linear(1.0, 1.0, float(shifted(finite(scored)).theta[0, 0]))


def beta(scored: Scored) -> Rescaled:
    """The fit if neither a nor b is negative; else the best of those in which one or both are held at 0."""
    scored = finite(scored)
    found = _held(scored, (1, 2))
    if min(found[1:]) < 0:
        edges = [_held(scored, free) for free in ((1,), (2,), ())]
        found = max((each for each in edges if min(each[1:]) >= 0), key=lambda each: _likelihood(scored, each))
    c, a, b = found
    return _linear(a, b, c)


def _held(scored: Scored, free: tuple[int, ...]) -> tuple[float, float, float]:
    """c, a, b of the beta calibrator's best fit, of which only c and those named are not 0."""
    x = np.column_stack([np.ones(len(scored)), scored.log_probability[:, 1], -scored.log_probability[:, 0]])
    theta, places = np.zeros(3), [0, *free]
    theta[places] = regress(x[:, places], scored.y, scored.weight, intercept=False).theta[:, 0].numpy()
    c, a, b = theta.tolist()
    return c, a, b


def _likelihood(scored: Scored, theta: tuple[float, float, float]) -> float:
    c, a, b = theta
    return float((scored.weight * recalibrated(scored, _linear(a, b, c)).own).sum())


def temperature(scored: Scored) -> Rescaled:
    """1/T is where the derivative of the convex negative log-likelihood is 0: Newton's steps within a bracket."""
    scored = finite(scored)
    logs, own = scored.log_probability, scored.own
    s = scored.weight / scored.weight.sum()
    if float(s @ (logs.max(1) - own)) == 0:
        raise NotCertifiedError("every row's own class is its most probable one, so that no finite temperature is best")
    if slope_at(0.0, logs, own, s)[0] >= 0:
        raise NotCertifiedError(
            "the probabilities tell the classes no better than chance, so that no temperature is best"
        )
    beta = _root(lambda at: slope_at(at, logs, own, s))
    k = len(scored.classes)
    return Rescaled(torch.full((k,), beta, dtype=torch.float64), torch.zeros(k, dtype=torch.float64))


def slope_at(beta: float, logs: Floats, own: Floats, s: Floats) -> tuple[float, float]:
    """First and second derivative of the mean of ``log Σ_c p_c^β − β log p_y`` in β."""
    q = np.exp(beta * logs - (beta * logs).max(1, keepdims=True))
    q /= q.sum(1, keepdims=True)
    mean = (q * logs).sum(1)
    return float(s @ (mean - own)), float(s @ (q * (logs - mean[:, None]) ** 2).sum(1))


def _root(derivatives: Callable[[float], tuple[float, float]]) -> float:
    """Where an increasing function, below 0 at 0, is 0."""
    low, high, at = 0.0, np.inf, 1.0
    for _ in range(ROUNDS):
        value, slope = derivatives(at)
        low, high = (at, high) if value < 0 else (low, at)
        step = at - value / slope if slope > 0 else np.inf
        new = step if low < step < high else 2 * at if np.isinf(high) else (low + high) / 2
        if abs(new - at) <= 2e-16 * at or value == 0:
            return at if value == 0 else new
        at = new
    return at


def steps(scored: Scored) -> Steps:
    """The ends of the level pieces, with their values."""
    scored = scored.counted()
    if len(np.unique(scored.y)) < 2:
        raise DataError("all rows are of one class, so nothing tells how probabilities should rise")
    rows, values, _ = isotonic(scored.log_odds, scored.y.astype(np.float64), scored.weight)
    x, rises = scored.probability[rows, 1], np.diff(values) > 0
    ends = np.concatenate([[True], rises]) | np.concatenate([rises, [True]])
    x, first = np.unique(x[ends], return_index=True)
    return Steps(torch.from_numpy(x), torch.from_numpy(values[ends][first]))


METHODS: dict[str, Callable[[Scored], Calibrator]] = {
    "platt": platt,
    "logistic": logistic,
    "intercept": intercept,
    "temperature": temperature,
    "beta": beta,
    "isotonic": steps,
}
