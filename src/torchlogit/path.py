"""The door to a regularisation path: one L1 or elastic-net fit for every strength, each warm-started and certified."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic, one_thread
from torchlogit.choice import Choice
from torchlogit.errors import DataError, NotCertifiedWarning, ParameterError
from torchlogit.estimate import Certificate, Estimate, NotFinite, _coordinates, _default_tol, _null, concluded
from torchlogit.fit import fit_of
from torchlogit.fitted import Fit
from torchlogit.intake import not_finite
from torchlogit.losses import loss_for
from torchlogit.objective import Objective
from torchlogit.penalties import ElasticNet
from torchlogit.rank import Rank
from torchlogit.rows import Rows, read_rows
from torchlogit.solvers import Newton, Proximal, Record, Status, minimize
from torchlogit.solvers.base import Point

LINES = 20  # strengths that a summary shows
EVERY = "every column is constant, so all coefficients are zero at every strength: there is no path"


@dataclass(frozen=True)
class Path:
    """Fits at strengths that fall from the least at which every coefficient is zero; ``path[i]`` is the i-th `Fit`.

    ``strengths`` (L,) are 1/C, the loss beside them a sum over rows. ``theta`` (L, p, k) is in the user's units, row 0 the
    intercept at x = 0; ``n_nonzero`` (L,) counts coefficients that are not zero, the intercept apart; ``value`` (L,) is F;
    ``deviance_share`` (L,) is 1 − deviance / deviance of the intercept alone.
    """

    strengths: Tensor
    l1_ratio: float
    columns: tuple[str, ...]
    classes: npt.NDArray[Any]
    theta: Tensor
    n_nonzero: Tensor
    value: Tensor
    deviance_share: Tensor
    certificate: tuple[Certificate, ...]
    status: tuple[Status, ...]
    estimates: tuple[Estimate, ...] = field(repr=False)
    shared: Mapping[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.strengths)

    def __iter__(self) -> Iterator[Fit]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Fit:
        """The whole fit at the i-th strength."""
        penalty = ElasticNet(float(self.strengths[i]), self.l1_ratio)
        return fit_of(self.estimates[i], penalty=penalty, columns=self.columns, classes=self.classes, **self.shared)

    @property
    def certified(self) -> bool:
        """Whether every fit stands at a certified optimum."""
        return all(status is Status.converged for status in self.status)

    def predict_proba(self, rows: Any, i: int, offset: Any = None) -> Tensor:
        """Probabilities (n, K) at the i-th strength."""
        return self[i].predict_proba(rows, offset)

    def summary(self) -> str:
        r"""The path as a table of at most 20 of its strengths, 80 columns wide.

        >>> from torchlogit import datasets
        >>> path = fit_path(datasets.study_hours(), "passed", n_strengths=3)
        >>> print("\n".join(line[:56] for line in path.summary().splitlines()[2:]))
          i   strength          C nonzero             F deviance
          0     10.125   0.098765       0     13.862944   0.0000
          1    0.10125     9.8765       1     8.1802321   0.4206
          2  0.0010125     987.65       1     8.0314017   0.4208
        """
        certified = sum(status is Status.converged for status in self.status)
        kind = "L1" if self.l1_ratio == 1 else f"elastic net, l1_ratio {self.l1_ratio:g}"
        head = f"{'i':>3}{'strength':>11}{'C':>11}{'nonzero':>8}{'F':>14}{'deviance':>9}{'distance':>10}"
        shown = np.unique(np.linspace(0, len(self) - 1, LINES).round().astype(int)).tolist()
        lines = [self._line(i) for i in shown]
        return "\n".join([f"Path of {len(self)} strengths, {kind}: {certified} certified", "", head, *lines])

    def _line(self, i: int) -> str:
        strength, distance = float(self.strengths[i]), self.certificate[i].relative_distance
        mark = "" if self.status[i] is Status.converged else f"  {self.status[i]}"
        return (
            f"{i:3}{strength:11.5g}{1 / strength:11.5g}{int(self.n_nonzero[i]):8}{float(self.value[i]):14.8g}"
            f"{float(self.deviance_share[i]):9.4f}{distance:10.1e}{mark}"
        )


def fit_path(
    data: Any,
    target: Any,
    *,
    l1_ratio: float = 1.0,
    strengths: Sequence[float] | None = None,
    n_strengths: int = 100,
    smallest: float | None = None,
    features: Sequence[str] | None = None,
    weight: Any = None,
    offset: Any = None,
    intercept: bool = True,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    max_iter: int = 100,
    tol: float | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    device: str | torch.device | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Path:
    """Fit at every strength of ``strength · Σⱼ (l1_ratio |wⱼ| + (1 − l1_ratio) wⱼ² / 2)``, from the largest down.

    ``strengths`` are given, or ``n_strengths`` in equal ratios from the least at which every coefficient is zero,
    ``max |∇ⱼ| / l1_ratio`` with the intercept alone, down to ``smallest`` times that (1e-4, or 1e-2 where there are no
    more rows than columns). Each fit starts from the one before, on the columns that the strong rules leave, and is
    certified over all of them; ``tol`` bounds its relative duality gap as in `torchlogit.fit`, which the other arguments
    are those of. ParameterError for an l1_ratio of 0, which has no such strength, and for strengths that are not positive.

    Source: Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via coordinate
    descent, §2.5; Tibshirani et al. (2012), Strong rules for discarding predictors, eq. 7.

    >>> from torchlogit import datasets
    >>> path = fit_path(datasets.study_hours(), "passed", n_strengths=5)
    >>> path.n_nonzero.tolist(), round(float(path.theta[-1, 1, 0]), 3)
    ([0, 1, 1, 1, 1], 1.504)
    """
    if not 0 < l1_ratio <= 1:
        raise ParameterError(f"l1_ratio must be over 0 and at most 1 for a path, got {l1_ratio!r}")
    if dtype not in ("float64", "float32"):
        raise ParameterError(f'dtype must be "float64" or "float32", got {dtype!r}')
    rows = read_rows(
        data, target, features=features, weight=weight, offset=offset, categorical=categorical, reference=reference,
        missing=missing,
    )  # fmt: skip
    k, loss = loss_for("auto", len(rows.classes), "logit")
    intercept = rows.has_intercept(intercept)
    source, precision = rows.source(intercept, device), getattr(torch, dtype)
    tol = _default_tol(True, precision) if tol is None else tol
    with exact_arithmetic(), one_thread():
        try:
            rank = _coordinates(source, ElasticNet(1.0, l1_ratio), False)
        except NotFinite:
            raise not_finite(source.x, rows.columns) from None
        none = ElasticNet(0.0).strengths(rows.columns, rank.coordinates, intercept)
        way = _Way(Objective(source, loss, none, k, rank.coordinates, precision), rank, rows.columns, l1_ratio, tol)
        grid = _grid(strengths, way, n_strengths, smallest)
        estimates = way.walked(grid, max_iter, watch)
    out = _path(grid, l1_ratio, rows, estimates, SimpleNamespace(intercept=intercept, n_rows=source.n_rows), loss)
    missed = sum(status is not Status.converged for status in out.status)
    if missed:
        sentence = f"{missed} of {len(out)} strengths are not certified; raise max_iter, or loosen tol"
        warnings.warn(sentence, NotCertifiedWarning, stacklevel=2)
    return out


def _grid(strengths: Sequence[float] | None, way: _Way, n: int, smallest: float | None) -> Tensor:
    """The strengths, falling."""
    if strengths is not None:
        given = torch.as_tensor(np.asarray(strengths, dtype=float)).flatten()
        if not len(given) or not bool(((given > 0) & given.isfinite()).all()):
            raise ParameterError("strengths must be one or more finite numbers over 0")
        return given.sort(descending=True).values
    source = way.objective.source
    smallest = (1e-4 if source.n_rows > source.n_features else 1e-2) if smallest is None else smallest
    if n < 1 or not 0 < smallest < 1:
        raise ParameterError(f"n_strengths must be 1 or more and smallest between 0 and 1, got {n} and {smallest!r}")
    largest = way.largest()
    if largest == 0:
        raise DataError(EVERY)
    return torch.from_numpy(largest * np.geomspace(1.0, smallest, n))


@dataclass
class _Way:
    """The problem without its penalty, and where the path stands."""

    objective: Objective
    rank: Rank
    columns: tuple[str, ...]
    l1_ratio: float
    tol: float

    def largest(self) -> float:
        """The least strength at which every coefficient is zero."""
        lead, theta = int(self.objective.source.intercept), self._nothing()
        grad = self.objective.taylor(theta, 1).grad
        assert grad is not None
        return float((grad[lead:].abs() * self.rank.coordinates.scale[:, None]).max()) / self.l1_ratio

    def _nothing(self) -> Tensor:
        """Theta with nothing but an intercept."""
        theta, lead = self.objective.zeros(), int(self.objective.source.intercept)
        if lead:
            only = self.objective.restrict(torch.zeros(1, dtype=torch.long, device=theta.device))
            theta[:1] = minimize(only, only.zeros(), Newton(), tol=1e-30).theta
        return theta

    def walked(self, grid: Tensor, max_iter: int, watch: Callable[[Record], None] | None) -> tuple[Estimate, ...]:
        """The fit at every strength, each from where the one before ended."""
        solver, null, theta = Proximal(tol=self.tol / 3), _null(self.objective), self._nothing()
        choice, point, out = Choice(solver, "an L1 penalty needs exact zeros"), None, list[Estimate]()
        for strength in grid.tolist():
            penalty = ElasticNet(strength, self.l1_ratio)
            strengths = penalty.strengths(self.columns, self.rank.coordinates, self.objective.source.intercept)
            objective = self.objective.under(strengths)
            onward = _Onward(solver, point)
            solution = minimize(objective, theta, onward, max_iter=max_iter, tol=self.tol, watch=watch)
            point, theta = (solution.point, strengths), solution.theta
            out.append(
                concluded(
                    objective,
                    solution.point,
                    solution.status[0],
                    "duality gap",
                    choice,
                    self.rank,
                    self.tol,
                    null,
                    solution,
                )
            )
        return tuple(out)


@dataclass(frozen=True)
class _Onward:
    """`Proximal`, begun where another strength's fit ended, with what was known there."""

    solver: Proximal
    before: tuple[Point, Any] | None

    def init(self, objective: Any, theta: Tensor) -> Point:
        """That point under the new penalty: no read of the rows."""
        return self.solver.init(objective, theta) if self.before is None else self.solver.again(objective, *self.before)

    def step(self, objective: Any, point: Point) -> Point:
        return self.solver.step(objective, point)


def _path(grid: Tensor, l1_ratio: float, rows: Rows, estimates: tuple[Estimate, ...], source: Any, loss: Any) -> Path:
    lead, null = int(source.intercept), estimates[0].null_log_likelihood
    theta = torch.stack([e.theta for e in estimates]).cpu()
    n_nonzero = (theta[:, lead:] != 0).flatten(1).sum(1)
    if lead:
        theta[:, 0] -= (estimates[0].centre.cpu()[:, None] * theta[:, 1:]).sum(1)
    weights = rows.class_weights
    shared = {
        "source": source, "loss": loss, "target": rows.target, "sentences": rows.sentences, "class_weights": weights,
        "dropped": rows.dropped, "offset": rows.offset_name, "recipe": rows.recipe,
    }  # fmt: skip
    likelihood = torch.tensor([e.log_likelihood for e in estimates], dtype=torch.float64)
    return Path(
        strengths=grid,
        l1_ratio=l1_ratio,
        columns=rows.columns,
        classes=rows.classes,
        theta=theta,
        n_nonzero=n_nonzero,
        value=torch.tensor([e.value for e in estimates], dtype=torch.float64),
        deviance_share=1 - likelihood / null if null else torch.zeros_like(likelihood),
        certificate=tuple(e.certificate for e in estimates),
        status=tuple(e.status for e in estimates),
        estimates=estimates,
        shared=shared,
    )
