"""Covariances of a fit that hold under less than the model says: sandwiches, clustered ones, bootstraps.

All but the bootstrap of whole fits are ``H⁻¹ M H⁻¹`` and differ in M, the *meat*. With ``H⁻¹ = R Rᵀ`` that is ``R S Rᵀ``,
``S = Rᵀ M R``, where S has no units: it does not change when columns are scaled, mixed or moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.estimate import MODEL_BASED, SURE
from torchlogit.inference import meat
from torchlogit.inference.clusters import Way, few, ways_of
from torchlogit.inference.observed import Observed, observed
from torchlogit.linalg import factor
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Kind = Literal["model", "HC0", "linearised", "HC1", "HC2", "HC3", "score bootstrap", "bootstrap"]
KINDS = ("model", "HC0", "linearised", "HC1", "HC2", "HC3", "score bootstrap", "bootstrap")
EXPONENT = {"HC2": 0.5, "HC3": 1.0}  # of (I − leverage) under the score of a row
NEGATIVE = 1e-10  # share of the largest eigenvalue of S down to which a negative one is rounding


def robust(
    fit: Fit,
    kind: Kind = "HC1",
    cluster: Any = None,
    data: Any = None,
    *,
    information: Literal["observed", "expected"] = "observed",
    n_resamples: int = 999,
    seed: int = 0,
    **given: Any,
) -> Fit:
    """The same fit with another covariance: coefficients stay, standard errors, intervals, z and p change.

    With gᵢ = ∂ℓᵢ/∂θ the score of row i, H the information (of the data, "observed", the Hessian of −log-likelihood; or
    "expected", Fisher's: the same for logit and softmax) and p the number of free coefficients, the covariance is
    ``H⁻¹ M H⁻¹`` with

    ==================  =====================================================================================
    "HC0"               ``M = Σ gᵢ gᵢᵀ``: right for large n also where the variance is not the model's
    "linearised"        HC0 times n / (n − 1): survey statistics (R's svyglm), Stata's vce(robust)
    "HC1"               HC0 times n / (n − p)
    "HC2", "HC3"        gᵢ with the residual r replaced by ``(I − Wᵢ Aᵢ)^−½ r`` (HC2), ``(I − Wᵢ Aᵢ)⁻¹ r`` (HC3): W the
                        row's expected information about η, A the covariance of its η, so that for two classes Wᵢ Aᵢ is
                        the leverage hᵢ of the weighted hat matrix
    "score bootstrap"   M the mean over ``n_resamples`` of u uᵀ, ``u = Σ ± gᵢ`` with random signs: refits nothing
    ==================  =====================================================================================

    ``"bootstrap"`` refits ``n_resamples`` resamples of the rows and takes the covariance of their coefficients; "model"
    gives back H⁻¹. With ``cluster`` (a column's name, or one label a row) rows of one cluster may depend on each other:
    ``M = Σ_G (Σ_{i∈G} gᵢ)(Σ_{i∈G} gᵢ)ᵀ``, without a factor ("HC0"), times G / (G − 1) ("linearised": Stata, and the default
    of R's vcovCL for glm), or G / (G − 1) · (n − 1) / (n − p) ("HC1": statsmodels); both bootstraps draw whole clusters. A pair
    of columns clusters two ways: ``M₁ + M₂ − M₁₂``, each with its own factor. Negative eigenvalues of S are then set to 0, which
    ``warnings`` tell; where the variance of a coefficient itself comes out negative it is refused.

    Frequency weights are repeated rows in all of this; sampling weights multiply the scores, and n is the number of rows.
    For importance weights nothing says how often a row was drawn: refused.

    The rows are those of the fit, or ``data`` (with ``weight`` and ``offset``), which must be the same; of rows in parts
    clusters are columns, and bootstraps need them all. NotCertifiedError
    for a fit that has no errors or where these do not exist; ParameterError for what goes not together; DataError for
    clusters that are missing or only one. Source: White (1982), Maximum likelihood estimation of misspecified models, eq. 3.2;
    MacKinnon and White (1985), eq. 5, 6 and 12; Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering,
    eq. 2.11 and §2.3; Kline and Santos (2012), A score based approach to wild bootstrap inference, §2; Binder (1983), On the
    variances of asymptotically normal estimators from complex surveys, eq. 3.2.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed").robust("HC1")
    >>> result.std_error[:, 0].numpy().round(4).tolist(), result.covariance_kind
    ([1.4487, 0.4775], 'HC1 (robust)')
    """
    _check(fit, kind, cluster, information)
    beside = observed(fit, data, **given)
    if data is not None:
        beside.check_rows()
    ways = ways_of(beside, cluster)
    if kind == "bootstrap":
        from torchlogit.inference.resampled import resampled_root

        root, sentences = resampled_root(beside, ways[0].codes if ways else None, n_resamples, seed)
    else:
        with exact_arithmetic():
            root, sentences = _sandwich(beside, kind, ways, information == "expected", n_resamples, seed)
    told = [line for line in fit.warnings if not line.startswith(("few clusters", "two-way clusters", "bootstrap"))]
    warnings = (*told, *filter(None, map(few, ways)), *sentences)
    text = _text(kind, ways, information, n_resamples, seed)
    return replace(fit, covariance_root=root, covariance_kind=text, warnings=warnings)


def _check(fit: Fit, kind: str, cluster: Any, information: str) -> None:
    """Whether there can be such a covariance at all."""
    if kind not in KINDS:
        raise ParameterError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if information not in ("observed", "expected"):
        raise ParameterError(f'information must be "observed" or "expected", got {information!r}')
    if cluster is not None and kind in ("model", "HC2", "HC3"):
        raise ParameterError(f'kind="{kind}" does not go with clusters; use "HC1", "linearised", "HC0" or a bootstrap')
    if not fit.penalty.free:
        raise NotCertifiedError(
            "no robust errors: the fit is penalised, and a sandwich would leave its bias out; fit without a penalty"
        )
    if fit.covariance_root is None:
        raise NotCertifiedError(f"no robust errors: {fit.no_errors}")
    if fit.counts and kind in EXPONENT:
        raise ParameterError(f'kind="{kind}" is for rows of one trial each, not for counts; use "HC1"')
    _check_weights(fit, kind)


def _check_weights(fit: Fit, kind: str) -> None:
    if fit.weights_are == "importance" and kind != "model":
        raise ParameterError(
            "importance weights do not say how many rows were drawn, so they have no robust errors; fit with "
            'weights_are="frequency" or "sampling" if they are that'
        )
    if fit.weights_are == "sampling" and kind == "model":
        raise ParameterError(
            "the information of a sample with sampling weights is not that of the sample's rows, so there are no "
            'model-based errors; use kind="linearised"'
        )


def _text(kind: str, ways: Sequence[Way], information: str, n_resamples: int, seed: int) -> str:
    """What the covariance is, for people."""
    expected = information == "expected"
    if kind == "model":
        return "inverse expected information" if expected else MODEL_BASED
    text = f"{kind}, {n_resamples} resamples, seed {seed}" if "bootstrap" in kind else kind
    named = [f"`{show(way.name)}`, {way.size} clusters" for way in ways if way.name]
    text = f"clustered by {' and by '.join(named)} ({text})" if named else text if text != kind else f"{text} (robust)"
    return f"{text}, expected information" if expected and kind != "bootstrap" else text


def _sandwich(
    beside: Observed, kind: str, ways: Sequence[Way], expected: bool, n_resamples: int, seed: int
) -> tuple[Tensor, list[str]]:
    """R (p·k, r) about the fit's centre with R Rᵀ = H⁻¹ M H⁻¹, and what must be told."""
    bread = information_root(beside, expected)
    if kind == "model":
        return about_centre(beside, bread), []
    if kind == "score bootstrap":
        inner = meat.by_signs(beside, ways[-1] if ways else None, n_resamples, seed)
    elif ways:
        inner = _clustered(beside, kind, ways)
    else:
        n = observations(beside.fit)
        inner = meat.by_row(beside, EXPONENT.get(kind, 0.0)) * _factor(kind, n, n, beside.rank)
    small = bread.mT @ inner @ bread
    values, vectors = torch.linalg.eigh((small + small.mT) / 2)
    negative = bool(values[0] < -NEGATIVE * values[-1])
    if negative:
        _refuse_negative(beside, bread, small)
    root = bread @ (vectors * values.clamp_min(0).sqrt())
    return about_centre(beside, root), [TWO_WAYS] if negative else []


TWO_WAYS = (
    "two-way clusters: the covariance had negative eigenvalues, which were set to 0 (Cameron, Gelbach and Miller, 2011); "
    "the errors are a little larger for it"
)


def _clustered(beside: Observed, kind: str, ways: Sequence[Way]) -> Tensor:
    """M of one way, or ``M₁ + M₂ − M₁₂``."""
    n, p = (ways[0].size if not ways[0].name else observations(beside.fit)), beside.rank
    parts = [meat.by_cluster(beside, way) * _factor(kind, n, way.size, p) for way in ways]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1] - parts[2]


def _factor(kind: str, n: float, units: float, p: int) -> float:
    """The correction for a small sample of ``units`` clusters, or of n rows, each a cluster of its own."""
    if kind not in ("linearised", "HC1"):
        return 1.0
    if n <= p or units <= 1:
        raise NotCertifiedError(f"{n:g} rows are too few for the errors of {p} coefficients")
    return units / (units - 1) * ((n - 1) / (n - p) if kind == "HC1" else 1.0)


def _refuse_negative(beside: Observed, bread: Tensor, small: Tensor) -> None:
    """NotCertifiedError where two ways of clusters give a coefficient a negative variance."""
    fit = beside.fit
    rows = fit._at_zero(about_centre(beside, bread).reshape(len(fit.names), -1)).reshape(-1, len(small))
    unit = rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-300)
    variance = ((unit @ small) * unit).sum(1)
    wrong = (variance < -1e-12 * unit.square().sum(1) * small.diagonal().abs().max()).nonzero()[:, 0].tolist()
    if wrong:
        name = fit.names[wrong[0] // fit.theta_centred.shape[1]]
        raise NotCertifiedError(
            f"no errors: clustered two ways, the variance of `{show(name)}` comes out negative, which it cannot be; there are "
            "too few clusters for it: cluster by the more important column alone"
        )


def observations(fit: Fit) -> float:
    """How many observations n a fit is of: the sum of its weights, but with sampling weights the number of its rows."""
    total = sum(fit.class_weights)
    return float(fit.n_rows) if fit.weights_are == "sampling" or not total else total


def information_root(beside: Observed, expected: bool = False) -> Tensor:
    """R (q·k, q·k) in the objective's coordinates with R Rᵀ = H⁻¹; nothing along the flat directions of a softmax."""
    objective = beside.objective
    hess: Any = objective.information(beside.gamma) if expected else objective.taylor(beside.gamma, 2).hess
    found = factor(hess)
    if found.pivot() < SURE[torch.float64]:
        raise NotCertifiedError("no errors: the information is singular to working precision")
    root = found.inverse_root()
    if not objective.loss.symmetric:
        return root
    by_class = root.reshape(objective.p, objective.k, -1)
    return (by_class - by_class.mean(1, keepdim=True)).reshape(root.shape)


def about_centre(beside: Observed, root: Tensor) -> Tensor:
    """What is in the objective's coordinates, (q·k, r), as `Fit.covariance_root` has it, (p·k, r)."""
    coordinates, fit = beside.objective.coordinates, beside.fit
    assert coordinates is not None
    theta = coordinates.theta(root.reshape(beside.objective.p, -1), fit.intercept)
    if fit.intercept:
        theta[0] += (fit.centre.to(theta) - coordinates.centre) @ theta[1:]
    return theta.reshape(-1, root.shape[1])
