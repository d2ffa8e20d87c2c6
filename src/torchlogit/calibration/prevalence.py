"""Another prevalence: probabilities after case-control sampling, class weights, or where the classes are otherwise common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.normal import half_width
from torchlogit.inference.tabular import Tabular
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]
ROUNDS = 20_000
GAP = 1e-12  # of the mean log-likelihood, by which an estimated prevalence may miss the best one


def prior_shift(log_probability: Floats, before: Any, after: Any) -> Floats:
    """Probabilities of classes that are otherwise common: ``q_c ∝ p_c after_c / before_c``, as logarithms (n, K).

    ``before`` are the shares of the classes for which the probabilities hold (those of the rows that were fitted), ``after``
    those where they are wanted: (K,) numbers over 0 that sum to 1, or of two classes the positive one's share. It holds where
    only the shares differ, and the rows of a class are the same kind of rows (label shift). Of two classes all log-odds
    move by ``logit after − logit before``. Raises ParameterError for shares that are none.
    Source: King and Zeng (2001), Logistic regression in rare events data, eq. 7; Saerens, Latinne and Decaestecker (2002),
    Adjusting the outputs of a classifier to new a priori probabilities, §2.1.

    >>> np.exp(prior_shift(np.log([[0.5, 0.5], [0.2, 0.8]]), 0.5, 0.1)).round(4).tolist()
    [[0.9, 0.1], [0.6923, 0.3077]]
    """
    from scipy.special import log_softmax

    k = np.shape(log_probability)[1]
    return np.asarray(log_softmax(log_probability + np.log(shares(after, k)) - np.log(shares(before, k)), axis=1))


def shares(given: Any, k: int) -> Floats:
    """The shares of K classes (K,), of two from the positive one's; ParameterError where these are no shares."""
    p = np.asarray(given, dtype=np.float64)
    p = np.array([1 - p, p]) if p.ndim == 0 and k == 2 else p
    if p.shape != (k,) or not (p > 0).all() or not abs(p.sum() - 1) <= 1e-9:
        one = " (of two classes, or the positive one's share)" * (k == 2)
        raise ParameterError(f"a prevalence is {k} shares over 0 that sum to 1{one}; got {show(str(given))}")
    return p


def prevalence_of(fit: Fit) -> Floats:
    """The shares of the classes (K,) that the fit's probabilities are for: those it was moved to, or of its weighted rows.

    ParameterError where they are not known, or a class has none.
    """
    if fit.prevalence:
        return np.array(fit.prevalence)
    weights = np.array(fit.class_weights)
    if not (len(weights) and (weights > 0).all()):
        raise ParameterError("the shares of the classes among the rows are not known, or one of them is 0")
    return np.asarray(weights / weights.sum())


def with_prevalence(fit: Fit, prevalence: Any) -> Fit:
    """The fit for a population in which the classes have other shares than among its rows: its intercept moved.

    ``β₀ + log(τ / (1 − τ)) − log(ȳ / (1 − ȳ))`` with τ the prevalence of the positive class and ȳ its share of the (weighted)
    rows; of more classes ``log after_c − log before_c`` each, less their mean. So it undoes case-control sampling, where
    controls were left out, and weights by class: these change the intercept alone, slopes and odds ratios mean the same.
    ``prevalence`` is τ, shares (K,), label → share, or what `estimate_prevalence` found.

    The slopes' errors are the fit's, and so is the intercept's where τ is known. The new fit holds no rows: what is
    asked of the likelihood is asked of the fit before. It is consistent for a true model with an intercept, penalised or
    not; probabilities of a wrong one are better calibrated on rows of the population (method "intercept").

    ParameterError for shares that are none, links other than logit and softmax, and fits without an intercept.
    Source: King and Zeng (2001), eq. 7; Prentice and Pyke (1979), Logistic disease incidence models and case-control
    studies; Scott and Wild (1986), Fitting logistic models under case-control or choice based sampling.

    >>> from torchlogit import datasets, fit
    >>> half = fit(datasets.study_hours(), "passed")  # ten of twenty students passed
    >>> rare = half.with_prevalence(0.1)
    >>> round(float(rare.theta[0] - half.theta[0]), 4), round(float(rare.coef), 4)
    (-2.1972, 1.5046)
    """
    if fit.loss not in ("logistic", "softmax"):
        raise ParameterError(f"a prevalence moves log-odds; this fit has the link {fit.loss}")
    if not fit.intercept:
        raise ParameterError("the fit has no intercept that could be moved; use prior_shift on its probabilities")
    after, before = _asked(fit, prevalence), prevalence_of(fit)
    moved = np.log(after) - np.log(before)
    moved = moved - moved.mean() if fit.loss == "softmax" else moved[1:] - moved[:1]
    theta = fit.theta_centred.clone()
    theta[0] += torch.from_numpy(moved).to(theta)
    told = tuple(line for line in fit.warnings if not line.startswith(MOVED))
    return replace(
        fit,
        theta_centred=theta,
        prevalence=tuple(after.tolist()),
        training=None,
        stream=None,
        prior_curvature=None,
        warnings=(*told, _sentence(fit, after)),
    )


MOVED = "the intercept is for"


def _sentence(fit: Fit, after: Floats) -> str:
    """What the intercept is for, and what it was."""
    total = sum(fit.class_weights)
    each = [
        f"{100 * share:.4g} % of {show(level_text(label))} ({100 * weight / total:.4g} % of the rows)"
        for label, share, weight in zip(fit.classes.tolist(), after, fit.class_weights, strict=True)
    ]
    return f"{MOVED} a prevalence of {', '.join(each if fit.loss == 'softmax' else each[1:])}; slopes are as they were fitted"


def _asked(fit: Fit, prevalence: Any) -> Floats:
    """The shares that are asked for, in the order of the classes."""
    labels = fit.classes.tolist()
    if isinstance(prevalence, PrevalenceTable):
        prevalence = dict(zip(prevalence.label, prevalence.share.tolist(), strict=True))
    if isinstance(prevalence, Mapping):
        if set(prevalence) != set(labels):
            raise ParameterError(f"give a share for each of the classes {', '.join(map(str, labels))}")
        prevalence = [prevalence[label] for label in labels]
    return shares(prevalence, len(labels))


@dataclass(frozen=True, repr=False, eq=False)
class PrevalenceTable(Tabular):
    """One entry a class, (K,): its share ``before`` and as estimated, with error and interval (none where a share is 0)."""

    heading: ClassVar[str] = "Prevalence, estimated from rows without labels"

    label: tuple[Any, ...]
    before: Floats
    share: Floats
    std_error: Floats
    low: Floats
    high: Floats
    level: float = 0.95
    notes: tuple[str, ...] = ()


HOLDS = (
    "It holds where only the shares of the classes differ from those of the rows fitted, not the rows of a class, and where the "
    "model's probabilities are calibrated"
)
KNOWN = "The errors take the model as known, because it has no standard errors of its own"


def estimate_prevalence(fit: Fit, rows: Any, offset: Any = None, *, level: float = 0.95) -> PrevalenceTable:
    """How common the classes are among rows without labels: maximum likelihood, by the EM algorithm and Newton's steps.

    ``Σ log Σ_c π_c p_c / before_c`` is largest over shares π. EM is ``π_c ← mean of π_c r_c / Σ_j π_j r_j``, r = p / before; both
    go on until a bound on what is left (``max_c mean r_c / Σ_j π_j r_j − 1``, per row) is under 1e-12. Errors are from the
    observed information I and the fit's own covariance C, ``I⁻¹ + I⁻¹ J C Jᵀ I⁻¹`` with J the derivative of the score by θ;
    those of a fit without standard errors take the model as known, which is noted. Intervals are Wald's on the logit, and
    rather wide for a fit to few rows, because C leaves out that the classes' shares among these rows are known.
    DataError for no rows, NotCertifiedError where the search does not end or the rows do not tell the classes apart.
    Source: Saerens, Latinne and Decaestecker (2002), §2.2; Lindsay (1983), The geometry of mixture likelihoods.

    >>> from torchlogit import fit
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(2000) % 2
    >>> half = fit(rng.normal(2 * y)[:, None], y)
    >>> rare = rng.random(5000) < 0.1
    >>> found = estimate_prevalence(half, rng.normal(2 * rare)[:, None])
    >>> found.before.tolist(), bool(abs(found.share[1] - 0.1) < 0.03)
    ([0.5, 0.5], True)
    """
    before, x = prevalence_of(fit), fit._matrix(rows)
    eta = fit.eta(x, offset).cpu()
    if not len(eta):
        raise DataError("there are no rows to estimate a prevalence from")
    log_ratio = fit._loss().log_probabilities(eta).numpy() - np.log(before)
    share = mixed(log_ratio)
    moved = None if fit.no_errors else _moved(fit, x, eta, before, share)
    error = _errors(log_ratio, share, moved)
    low, high = _interval(share, error, level)
    notes = (HOLDS, *[KNOWN] * bool(fit.no_errors))
    return PrevalenceTable(tuple(fit.classes.tolist()), before, share, error, low, high, level, notes)


def mixed(log_ratio: Floats) -> Floats:
    """The shares (K,) of a mixture that give rows with log-densities (n, K) the largest likelihood.

    Each step is Newton's where that stays within the simplex and raises the likelihood more than EM's, else EM's.
    """
    ratio = np.exp(log_ratio - log_ratio.max(1, keepdims=True))
    share = np.full(ratio.shape[1], 1 / ratio.shape[1])
    for _ in range(ROUNDS):
        score = ratio / (ratio @ share)[:, None]
        gain = score.mean(0)
        if gain.max() - 1 <= GAP:
            return np.asarray(share)
        em, newton = share * gain / (share @ gain), share + _newton(score, gain)
        better = newton.min() > 0 and np.log(ratio @ newton).sum() >= np.log(ratio @ em).sum()
        share = newton if better else em
    raise NotCertifiedError("the rows hardly tell the classes apart, so that no prevalence could be certified")


def _newton(score: Floats, gain: Floats) -> Floats:
    """Newton's step among shares that sum to 1."""
    basis = _basis(len(gain))
    step = np.linalg.lstsq(basis.T @ score.T @ score @ basis / len(score), basis.T @ gain, rcond=None)[0]
    return np.asarray(basis @ step)


def _basis(k: int) -> Floats:
    """How shares (k,) move with the first k − 1, the last being 1 less these."""
    return np.vstack([np.eye(k - 1), -np.ones(k - 1)])


def _moved(fit: Fit, x: Any, eta: Tensor, before: Floats, share: Floats) -> Floats:
    """How the score of the shares (K − 1,) moves with the fit's coefficients, times the root of their covariance: (K − 1, r)."""
    at, basis = eta.detach().requires_grad_(), torch.from_numpy(_basis(len(share)))
    ratio = fit._loss().probabilities(at) / torch.from_numpy(before)
    score = (ratio / (ratio @ torch.from_numpy(share))[:, None]).sum(0) @ basis
    slopes = [torch.autograd.grad(each, at, retain_graph=True)[0] for each in score]
    root, rows = fit.covariance_root, []
    assert root is not None
    for slope in slopes:
        start, total = 0, torch.zeros_like(fit.theta_centred)
        for design in fit.designs(x):
            size = design.x.shape[0]
            total += design.rmatmul(slope[start : start + size])
            start += size
        rows.append(total.ravel() @ root)
    return torch.stack(rows).numpy()


def _errors(log_ratio: Floats, share: Floats, moved: Floats | None = None) -> Floats:
    """Standard errors (K,) of shares that sum to 1, from the information I of the rows and what the fit's own error adds:
    ``I⁻¹ (I + M Mᵀ) I⁻¹``; NaN where a share is at 0.
    """
    ratio = np.exp(log_ratio - log_ratio.max(1, keepdims=True))
    score, basis = ratio / (ratio @ share)[:, None], _basis(len(share))
    information = basis.T @ score.T @ score @ basis
    if np.linalg.eigvalsh(information)[0] <= 1e-9 * len(ratio):
        raise NotCertifiedError("the rows hardly tell the classes apart, so that no prevalence could be certified")
    if share.min() < 1e-9:
        return np.full(len(share), nan)
    inverse = np.linalg.inv(information)
    covariance = inverse if moved is None else inverse + inverse @ moved @ moved.T @ inverse
    return np.asarray(np.sqrt(np.diag(basis @ covariance @ basis.T)))


def _interval(share: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    from scipy.special import expit, logit

    with np.errstate(divide="ignore", invalid="ignore"):
        half = half_width(level) * error / (share * (1 - share))
        return expit(logit(share) - half), expit(logit(share) + half)
