"""What each row does to the fit: leverage, standardised residuals, Cook's distance, and the coefficients without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.residuals import misfit
from torchlogit.inference.tabular import Tabular
from torchlogit.linalg import factor

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.render.document import Document

Floats = npt.NDArray[np.float64]
ALONE = 1e-9  # 1 less the leverage under which nothing is left without the row
SHOWN = 20  # rows that are shown; all are in `to_frame`


@dataclass(frozen=True, repr=False, eq=False)
class Influence(Tabular):
    """One entry a row, (n,) arrays; ``row`` counts the caller's rows from 1. What is shown are the most influential rows.

    ``rank`` is the number of free coefficients: leverages sum to it. Source of the formulas: see `influence`.
    """

    heading: ClassVar[str] = "The rows with the most influence on the fit"
    hidden: ClassVar[tuple[str, ...]] = ("standardised_pearson", "standardised_deviance", "dffits")

    row: npt.NDArray[np.int64]
    leverage: Floats
    pearson: Floats
    deviance: Floats
    standardised_pearson: Floats
    standardised_deviance: Floats
    studentised: Floats
    cooks_distance: Floats
    dffits: Floats
    rank: int
    n_rows: int

    def most(self, count: int = 10, by: str = "cooks_distance") -> Influence:
        """The ``count`` rows of the largest (in absolute value) of one of the columns, the largest first."""
        if by not in self.columns():
            raise ParameterError(f"there is no column {by!r}; there are {', '.join(map(repr, self.columns()))}")
        first = np.argsort(-np.abs(getattr(self, by)), kind="stable")[:count]
        return replace(self, **{name: column[first] for name, column in self.columns().items()})

    def and_these(self, others: Influence) -> Influence:
        """These rows and others."""
        both: Any = {name: np.concatenate([column, getattr(others, name)]) for name, column in self.columns().items()}
        return replace(self, **both)

    def document(self) -> Document:
        """What is shown: the most influential rows by Cook's distance."""
        return super(Influence, self.most(SHOWN)).document()


class Case(NamedTuple):
    """Rows as each of them is left out: ``change`` (n, k) is v of `influence`, ``spread`` (n, k, k) its A."""

    z: Tensor  # (n, q): the rows in the objective's coordinates
    eta: Tensor
    y: Tensor
    weight: Tensor
    score: Tensor  # (n, k): r = −s ℓ′
    spread: Tensor
    leverage: Tensor  # (n,)
    change: Tensor


def influence(fit: Fit, data: Any = None, **given: Any) -> Influence:
    """What leaving out each row would do, by one step of Fisher scoring from the fit.

    With r = −s ℓ′ (k,), W = s E[ℓ″] (k, k), C the inverse of Fisher's information and A = (x ⊗ I)ᵀ C (x ⊗ I) (k, k) of a row,
    the fit without it is θ − C (x ⊗ v), ``v = (I − W A)⁻¹ r``. ``leverage`` is tr(W A), 0 to 1 for two classes;
    ``cooks_distance`` ``vᵀA v / rank``; ``dffits`` ``±√(vᵀA v)``, the change of the row's η in its standard errors;
    ``standardised_pearson`` ``±√(χ² + rᵀA v)``, which for two classes is Pearson's residual over √(1 − h);
    ``standardised_deviance`` likewise; ``studentised`` ``±√(2 s ℓ + rᵀA v)``, whose square is what the deviance would lose.
    Where the leverage is 1 the fit follows the row whatever it says, and all that leaves it out is NaN, as in R.
    A row is left out with all of its weight, successes and failures. For more than two classes residuals are lengths
    without a sign. With Jeffreys' prior the step is that of the likelihood alone.

    These are R's ``hatvalues``, ``rstandard``, ``rstudent`` and ``cooks.distance``, and statsmodels' ``GLMInfluence`` with
    ``observed=False``. (R's ``dfbeta`` and ``dffits`` have deviance residuals in the place of Pearson's, and so differ from
    the step that they stand for.)

    NotCertifiedError where the fit has no standard errors; DataError where ``data`` are not the rows it was fitted to.
    Source: Pregibon (1981), Logistic regression diagnostics; Williams (1987), Generalized linear model diagnostics using
    the deviance and single case deletions (studentised residuals); for more than two
    classes Lesaffre and Albert (1989), Multiple-group logistic regression diagnostics, §3.

    >>> from torchlogit import datasets, fit
    >>> found = fit(datasets.study_hours(), "passed").influence()
    >>> round(float(found.leverage.sum()), 8), found.most(1).row.tolist(), found.most(1).cooks_distance.round(4).tolist()
    (2.0, [7], [0.2834])
    """
    beside = _beside(fit, data, given).together()
    beside.rows.codes  # noqa: B018  (rows that are read in parts say that this needs all of them)
    return _influence(beside, inverse_information(beside), beside.rank)


def most_influential(fit: Fit, count: int = 10, data: Any = None, **given: Any) -> Influence:
    """``influence(fit).most(count)``, also of rows that are read in parts: one pass beside that which sums the information.

    Errors and source as for `influence`.

    >>> from torchlogit import datasets, fit
    >>> found = most_influential(fit(datasets.study_hours(), "passed"), 2)
    >>> found.row.tolist(), found.n_rows, found.cooks_distance.round(4).tolist()
    ([7, 14], 20, [0.2834, 0.2697])
    """
    beside, most, n = _beside(fit, data, given), None, 0
    inverse, rank = inverse_information(beside), beside.rank
    for first, part in beside.parts():
        found = _influence(part.together(), inverse, rank, first)
        n += found.n_rows
        most = (found if most is None else most.and_these(found)).most(count)
    assert most is not None
    return replace(most, n_rows=n)


def _influence(beside: Observed, inverse: Tensor, rank: int, first: int = 0) -> Influence:
    """That of rows that come after ``first`` others."""
    with exact_arithmetic():
        cases = (_numbers(beside, case) for case in _cases(beside, inverse))
        parts = [torch.cat(parts) for parts in zip(*cases, strict=True)]
    n, kept = beside.rows.n_rows, beside.rows.kept
    numbers = {name: t.cpu().numpy() for name, t in _columns(rank, *parts).items()}
    row = 1 + first + (np.arange(n) if kept is None else kept)
    return Influence(row=row, **numbers, rank=rank, n_rows=n)


def _columns(
    rank: int, leverage: Tensor, pearson: Tensor, deviance: Tensor, inner: Tensor, cook: Tensor
) -> dict[str, Tensor]:
    """The columns of `Influence` from leverage, residuals, rᵀA v and vᵀA v, (n,) each."""
    sign = torch.where(pearson < 0, -1.0, 1.0)
    wider = torch.hypot(torch.ones_like(inner), inner.sqrt() / torch.where(pearson == 0, 1.0, pearson))
    return {
        "leverage": leverage,
        "pearson": pearson,
        "deviance": deviance,
        "standardised_pearson": pearson * wider,
        "standardised_deviance": deviance * wider,
        "studentised": sign * torch.hypot(deviance, inner.sqrt()),
        "cooks_distance": cook / rank,
        "dffits": sign * cook.sqrt(),
    }


def dfbeta(fit: Fit, scaled: bool = False, data: Any = None, **given: Any) -> Floats:
    """By how much each row moves each coefficient: θ less what it would be without the row, (n, p); (n, p, K) for more classes.

    In the user's units, the intercept at x = 0, by the step of `influence`; 0 for aliased columns. ``scaled`` divides by
    the fit's standard errors (DFBETAS). Errors and source as for `influence`.

    >>> from torchlogit import datasets, fit
    >>> fit(datasets.study_hours(), "passed").dfbeta()[6].round(4).tolist()
    [1.1691, -0.3105]
    """
    beside = _beside(fit, data, given).together()
    beside.rows.codes  # noqa: B018  (likewise)
    inverse = inverse_information(beside)
    with exact_arithmetic():
        moves = torch.cat([_moves(beside, case, inverse) for case in _cases(beside, inverse)])
    if scaled:
        error = fit.std_error.to(moves)
        moves = moves / torch.where(error > 0, error, 1.0)
    out: Floats = moves.cpu().numpy()
    return out[..., 0] if out.shape[2] == 1 else out


def _beside(fit: Fit, data: Any, given: dict[str, Any]) -> Observed:
    if fit.no_errors:
        raise NotCertifiedError(f"no influence: {fit.no_errors}")
    beside = observed(fit, data, **given)
    if data is not None:
        beside.check_rows("; influence is that of the fitted rows, so give these")
    return beside


def inverse_information(beside: Observed) -> Tensor:
    """C (q, k, q, k) in the objective's coordinates; along a softmax's flat directions it is made up, and drops out."""
    objective = beside.objective
    shape = (objective.p, objective.k) * 2
    return factor(objective.information(beside.gamma)).inverse().reshape(shape)


def _cases(beside: Observed, inverse: Tensor) -> Iterator[Case]:
    """All rows, block by block; ``inverse`` is C of `influence`."""
    objective = beside.objective
    loss, one = objective.loss, torch.eye(objective.k, dtype=torch.float64, device=inverse.device)
    for block in objective.blocks():
        eta, s = objective.eta(block, beside.gamma), block.weight
        score = -s[:, None] * loss.taylor(eta, block.y, 1)[1]
        z = block.design.to_dense()
        spread = eta_covariance(z, inverse)
        hat = s[:, None, None] * loss.information(eta) @ spread
        alone = (one - hat).flatten(1).abs().amax(1) < ALONE  # nothing but this row says what its coefficients are
        change = torch.linalg.solve(one - hat * ~alone[:, None, None], score[..., None])[..., 0]
        change = change.masked_fill(alone[:, None], torch.nan)
        leverage = hat.diagonal(dim1=-2, dim2=-1).sum(-1)
        yield Case(z, eta, block.y, s, score, spread, leverage, change)


def eta_covariance(z: Tensor, inverse: Tensor) -> Tensor:
    """A (n, k, k): the covariance of each row's η."""
    k = inverse.shape[1]
    out = z.new_empty(len(z), k, k)
    for a in range(k):
        for b in range(a + 1):
            out[:, a, b] = out[:, b, a] = torch.linalg.vecdot(z @ inverse[:, a, :, b], z)
    return out


def _numbers(beside: Observed, case: Case) -> tuple[Tensor, ...]:
    """Leverage, Pearson's and the deviance residual, rᵀA v and vᵀA v of each row, (n,) each."""
    found = misfit(beside.objective.loss, case.eta, case.y, case.weight)
    after = (case.spread @ case.change[..., None])[..., 0]
    inner, cook = (torch.linalg.vecdot(t, after) for t in (case.score, case.change))
    return case.leverage, found.pearson, found.deviance, inner.clamp_min(0), cook.clamp_min(0)


def _moves(beside: Observed, case: Case, inverse: Tensor) -> Tensor:
    """θ less θ without the row, (n, p, k), in the user's units about x = 0."""
    objective, fit = beside.objective, beside.fit
    coordinates = objective.coordinates
    assert coordinates is not None
    outer = (case.z[:, :, None] * case.change[:, None, :]).flatten(1)
    gamma = (outer @ inverse.flatten(2).flatten(0, 1)).reshape(len(outer), objective.p, objective.k)
    theta = coordinates.theta(gamma.movedim(0, 1).flatten(1), fit.intercept)
    if fit.intercept:
        theta[0] -= coordinates.centre @ theta[1:]
    return theta.reshape(len(theta), len(outer), -1).movedim(0, 1)
