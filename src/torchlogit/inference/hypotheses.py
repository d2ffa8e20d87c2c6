"""Tests that some terms of a fit are 0: by the likelihood ratio, by Wald's statistic, by the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.estimate import estimate
from torchlogit.inference.crossed import within
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular
from torchlogit.linalg import factor
from torchlogit.penalties import NoPenalty
from torchlogit.solvers import Newton, Status, minimize
from torchlogit.tables.names import did_you_mean, show, show_names

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Kind = Literal["lr", "wald", "score"]
KINDS = {"lr": "likelihood ratio", "wald": "Wald", "score": "score"}
SINGULAR = 1e-7  # share of a standard error that is left beside the others below which it is none
WITHIN = (
    "{names}: part of interactions, which stay in the model while these are tested; so each test is of the effect where the "
    "other variables are 0 or at their reference level, as the formula codes them. Whether a variable matters at all is the "
    "test of all its terms, such as test([{all}])."
)


@dataclass(frozen=True, repr=False, eq=False)
class TermTests(Tabular):
    """One entry a term, (m,) arrays; NaN where there is no test: an aliased term, a model without it that has no optimum."""

    heading: ClassVar[str] = "Tests of the terms"
    derived: ClassVar[tuple[str, ...]] = ("p",)

    term: tuple[str, ...]
    statistic: npt.NDArray[np.float64]  # chi-squared on df
    df: npt.NDArray[np.int64]
    log_p: npt.NDArray[np.float64]
    kind: str
    notes: tuple[str, ...] = ()

    @property
    def p(self) -> npt.NDArray[np.float64]:
        """The p-values."""
        return np.exp(self.log_p)


class _Numbers(NamedTuple):
    """The numbers of `JointTest`."""

    terms: str
    kind: str
    statistic: float
    df: int
    log_p: float


class JointTest(Tabular, _Numbers):
    """A test that all coefficients of some terms are 0: ``statistic`` is chi-squared on ``df``."""

    heading: ClassVar[str] = "Test that all coefficients of the terms are 0"
    derived: ClassVar[tuple[str, ...]] = ("p",)

    @property
    def p(self) -> float:
        """The p-value."""
        return float(np.exp(self.log_p))


def joint_test(
    fit: Fit, terms: str | Sequence[str] | None = None, kind: Kind = "lr", data: Any = None, **given: Any
) -> JointTest:
    """The test that all coefficients of ``terms`` are 0 (without any named: of all terms, the intercept stays).

    "lr": ``2 (L − L₀)``, L₀ the log-likelihood without the terms. "wald": ``bᵀ V⁻¹ b`` with the fit's covariance, robust if
    that is. "score": ``gᵀ I⁻¹ g``, gradient and Fisher's information of the whole model where the terms are 0. Each is χ² on
    the number of coefficients that are lost. Terms are those of `Fit.terms`, names of single columns, or "(Intercept)".

    "lr" and "score" fit the rows again without the terms: those of the fit, or ``data``. Under Jeffreys' prior "lr" is of the
    penalised likelihood (`inference.firth.penalised_tests`), and there is no "score". ParameterError for terms that are not
    there, and where the fit has robust errors or sampling weights, which only "wald" goes with; NotCertifiedError for a
    penalised fit, one without a certificate, terms that add nothing, and where the model without them has no optimum.
    Source: Agresti (2013), Categorical Data Analysis, §1.3.3 and §5.2.1; Rao (1948).

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> [round(result.test("hours", kind).statistic, 3) for kind in ("lr", "wald", "score")]
    [11.666, 5.727, 9.501]
    """
    _check(fit, kind)
    names = list(fit.terms) if terms is None else [terms] if isinstance(terms, str) else list(terms)
    rows = sorted({row for name in names for row in _rows(fit, name)})
    if not rows:
        raise ParameterError("no terms to test: name at least one")
    statistic, df = _wald(fit, rows) if kind == "wald" else _likelihood(observed(fit, data, **given), rows, kind)
    if not df:
        raise NotCertifiedError(
            f"no test: {', '.join(f'`{show(name)}`' for name in names)} adds nothing to the other columns"
        )
    return JointTest(", ".join(names), _kind(fit, kind), statistic, df, chi_squared(statistic, df))


def term_tests(fit: Fit, kind: Kind = "lr", data: Any = None, **given: Any) -> TermTests:
    """`joint_test` of every term on its own, the others staying in: R's ``drop1``, and "type III" tests of SAS for main effects.

    >>> from torchlogit import datasets, fit
    >>> fit(datasets.study_hours(), "passed").tests().statistic.round(3).tolist()
    [11.666]
    """
    _check(fit, kind)
    if kind == "lr" and not fit.penalty.free:
        from torchlogit.inference.firth import penalised_tests  # all terms as one batch

        by = penalised_tests(fit, None, data, **given)
        return TermTests(by.term, by.statistic, by.df, by.log_p, _kind(fit, kind), (*by.notes, *_within(fit)))
    found, notes = [], []
    for name in fit.terms:
        try:
            found.append(joint_test(fit, name, kind, data, **given))
        except NotCertifiedError as error:
            found.append(JointTest(name, kind, np.nan, 0, np.nan))
            notes.append(f"`{show(name)}`: {error}")
    return TermTests(
        term=tuple(fit.terms),
        statistic=np.array([test.statistic for test in found], dtype=np.float64),
        df=np.array([test.df for test in found], dtype=np.int64),
        log_p=np.array([test.log_p for test in found], dtype=np.float64),
        kind=_kind(fit, kind),
        notes=(*notes, *_within(fit)),
    )


def _within(fit: Fit) -> tuple[str, ...]:
    """What the tests of terms within interactions are of."""
    found = within(fit)
    if not found:
        return ()
    term, others = next(iter(found.items()))
    terms = ", ".join(f'"{show(name)}"' for name in (term, *others))
    return (WITHIN.format(names=show_names(list(found)), all=terms),)


def _check(fit: Fit, kind: str) -> None:
    """Whether a fit has such tests at all."""
    if kind not in KINDS:
        raise ParameterError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if not fit.penalty.intervals:
        raise NotCertifiedError("no tests: the fit is penalised, so its coefficients are shrunk on purpose")
    if kind == "score" and not fit.penalty.free:
        raise NotCertifiedError(
            'no score tests with Jeffreys\' prior: use kind="lr", which is penalised, or kind="wald"'
        )
    if fit.loss == "squared" or not fit.certified:
        raise NotCertifiedError(f"no tests: {fit.no_errors}")
    if kind == "wald" and fit.covariance_root is None:
        raise NotCertifiedError(f"no tests: {fit.no_errors}")
    if kind != "wald" and fit.weights_are == "sampling":
        raise ParameterError(f'kind="{kind}" needs a likelihood, which sampling weights do not have; use kind="wald"')
    if kind != "wald" and not fit.covariance_kind.startswith("inverse"):
        raise ParameterError(
            f'kind="{kind}" believes the likelihood, which robust errors are there not to do ({fit.covariance_kind}); use '
            'kind="wald", or fit.robust("model") first'
        )


def _kind(fit: Fit, kind: str) -> str:
    """What a test is called."""
    return "penalised " * (kind == "lr" and not fit.penalty.free) + KINDS[kind]


def _rows(fit: Fit, name: str) -> tuple[int, ...]:
    """The rows of theta that a term has."""
    if name in fit.terms:
        return fit.terms[name]
    if name not in fit.names:
        raise ParameterError(f"there is no term `{show(name)}`.{did_you_mean(name, [*fit.terms, *fit.names])}")
    return (fit.names.index(name),)


def _wald(fit: Fit, rows: Sequence[int]) -> tuple[float, int]:
    """``bᵀ V⁻¹ b`` of some rows of theta that are not aliased, and its degrees of freedom."""
    gone = {d.column + fit.intercept for d in fit.dependences}
    kept = [row for row in rows if row not in gone]
    p, k = fit.theta_centred.shape
    free = k - (fit.loss == "softmax")  # the coefficients of the last class follow from the others'
    if not kept:
        return 0.0, 0
    root = fit._root().reshape(p, k, -1)[kept, :free].flatten(0, 1).cpu()
    size = root.abs().amax(1).clamp_min(1e-300)
    size = size * torch.linalg.vector_norm(root / size[:, None], dim=1)
    upper = torch.linalg.qr((root / size[:, None]).mT, mode="r").R
    left = upper.diagonal().abs()
    if len(left) < len(root) or float(left.min()) < SINGULAR:
        raise NotCertifiedError(
            "no joint Wald test: the covariance of these coefficients is singular (there are fewer clusters than coefficients)"
        )
    b = (fit.theta[kept, :free].flatten().cpu() / size)[:, None]
    return float(torch.linalg.solve_triangular(upper.mT, b, upper=False).square().sum()), len(root)


class Restricted(NamedTuple):
    """The optimum without some rows of theta: those are 0 in ``theta`` (p, k), which is about the fit's centre."""

    theta: Tensor
    log_likelihood: float
    rank: int


def _likelihood(seen: Observed, rows: Sequence[int], kind: str) -> tuple[float, int]:
    """Likelihood-ratio or score statistic, and its degrees of freedom."""
    if not seen.fit.penalty.free:
        from torchlogit.inference.firth import penalised_ratio

        return penalised_ratio(seen, rows)
    fit, objective = seen.fit, seen.objective
    with exact_arithmetic():
        under = restricted(seen, rows)
        df = (objective.p - under.rank) * (objective.k - objective.loss.symmetric)
        if kind == "lr" or not df:
            return max(0.0, 2 * (fit.log_likelihood - under.log_likelihood)), df
        assert objective.coordinates is not None
        gamma = objective.coordinates.seen(under.theta, fit.centre, fit.intercept)
        grad: Any = objective.taylor(gamma, 1).grad
        return float((grad * factor(objective.information(gamma)).solve(grad)).sum()), df


def restricted(seen: Observed, rows: Sequence[int]) -> Restricted:
    """Fit the rows again without some rows of theta; NotCertifiedError where that has no certified optimum."""
    fit = seen.fit
    first = int(fit.intercept)
    intercept = fit.intercept and 0 not in rows
    keep = torch.tensor([j for j in range(len(fit.columns)) if j + first not in rows], dtype=torch.long)
    theta = torch.zeros_like(fit.theta_centred)
    if not len(keep):
        return _without_columns(seen, theta, intercept)
    source = seen.rows.source(intercept, None).select(keep)
    names = [fit.columns[int(j)] for j in keep]
    found = estimate(source, names, theta.shape[1], loss=fit._loss(), penalty=NoPenalty())
    _check_certified(found.status)
    theta[keep + first] = found.theta[int(intercept) :]
    if intercept:
        theta[0] = found.theta[0] + (fit.centre[keep] - found.centre) @ theta[keep + first]
    elif fit.intercept:
        theta[0] = fit.centre @ theta[1:]
    return Restricted(theta, found.log_likelihood, len(keep) - len(found.dependences) + intercept)


def _without_columns(seen: Observed, theta: Tensor, intercept: bool) -> Restricted:
    """The intercept alone, or nothing but the offset."""
    if not intercept:
        gamma = seen.objective.zeros()
        return Restricted(theta, -float(seen.objective.taylor(gamma, 0).value), 0)
    only = seen.objective.restrict(torch.zeros(1, dtype=torch.long))
    solution = minimize(only, only.zeros(), Newton(), tol=1e-20)
    _check_certified(solution.status[0])
    theta[0] = solution.theta[0]
    return Restricted(theta, -float(solution.point.at.value), 1)


def _check_certified(status: Status) -> None:
    if status is not Status.converged:
        raise NotCertifiedError(f"no test: the model without it has no certified optimum ({status.value})")
