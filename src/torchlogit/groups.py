"""One table's rows in groups: which rows each has, the batch of ordinary fits, and the one road for any single one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimate import NotFinite, estimate
from torchlogit.fit import fit_of
from torchlogit.fitted import Fit
from torchlogit.intake import not_finite
from torchlogit.kernels.many import NARROW, Ended, Groups, newton
from torchlogit.losses import LINKS, loss_for
from torchlogit.penalties import ElasticNet, Jeffreys, NoPenalty, Penalty
from torchlogit.rows import Rows
from torchlogit.solvers import Status
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import show, show_rows, show_value
from torchlogit.tables.cells import distinct, read_cells

TOL = 1e-20  # as `fit` has it: (10 digits of a standard error)²
MOST_STEPS = 25  # of a batch; who needs more is looked at singly

Take = slice | npt.NDArray[np.int64]


class Grouping(NamedTuple):
    """Rows ``order[start[g] : start[g + 1]]`` (without ``order``: these themselves) belong to group ``labels[g]``."""

    labels: npt.NDArray[Any]
    start: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64] | None

    def rows(self, group: int) -> Take:
        """The rows of a group, by number, in the order of the table."""
        here = slice(int(self.start[group]), int(self.start[group + 1]))
        return here if self.order is None else self.order[here]


def read_groups(values: Any, rows: Rows, name: str) -> Grouping:
    """The groups of the rows from one label a row of the caller's table; `DataError` naming the rows without a label."""
    cells = read_cells(values, name)
    n = rows.given
    if len(cells.values) != n:
        raise DataError(f"`{show(name)}` has {len(cells.values)} labels for {n} rows; it needs one a row")
    if cells.missing.any():
        gaps = show_rows(np.flatnonzero(cells.missing))
        raise DataError(f"`{show(name)}` names no group in {gaps}. Fill these labels in, or leave the rows out.")
    labels, codes = distinct(cells, name)
    if rows.kept is not None:
        labels, codes = _still_there(labels, codes[rows.kept])
    start = np.concatenate([[0], np.bincount(codes, minlength=len(labels)).cumsum()])
    return Grouping(labels, start, None if (codes[1:] >= codes[:-1]).all() else _counted(codes, len(labels)))


def _still_there(labels: npt.NDArray[Any], codes: npt.NDArray[np.int64]) -> Any:
    there = np.bincount(codes, minlength=len(labels)) > 0
    return labels[there], (there.cumsum() - 1)[codes]


def _counted(codes: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """The stable order that sorts the codes, by counting: a sparse matrix turned from rows to columns."""
    from scipy.sparse import csr_array

    n = len(codes)
    by_row = csr_array((np.ones(n, np.int8), codes, np.arange(n + 1)), shape=(n, size))
    return by_row.tocsc().indices.astype(np.int64)


class NoFit(DataError):
    """A group that no single fit would take: its status, and why."""

    def __init__(self, sentence: str, status: Status) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Fitting:
    """Checked rows and how they are to be fitted: what `torchlogit.fit` would do with any part of them."""

    rows: Rows
    intercept: bool = True
    penalty: Penalty = field(default_factory=NoPenalty)
    loss: str = "auto"
    link: str = "logit"
    max_iter: int = 100
    tol: float | None = None
    device: str | torch.device | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.penalty, ElasticNet | Jeffreys):
            raise ParameterError(f"penalty must be L1(), L2(), ElasticNet(), Jeffreys() or None, got {self.penalty!r}")
        if self.max_iter < 0:
            raise ParameterError(f"max_iter must be 0 or more, got {self.max_iter}")
        if self.tol is not None and not self.tol >= 0:
            raise ParameterError(f"tol must be 0 or more, got {self.tol}")
        object.__setattr__(self, "source", self.rows.source(self.intercept, self.device))
        object.__setattr__(self, "k", loss_for(self.loss, len(self.rows.classes), self.link)[0])

    source: MemorySource = field(init=False, repr=False, compare=False)
    k: int = field(init=False)

    @classmethod
    def like(cls, fit: Fit, rows: Rows) -> Fitting:
        """What makes a fit like this one of any part of the rows."""
        loss, link = ("logistic", fit.loss) if fit.loss in LINKS else (fit.loss, "logit")
        return cls(rows, fit.intercept, fit.penalty, loss, link)

    @property
    def p(self) -> int:
        """Rows of theta."""
        return self.source.n_features + self.intercept

    def batch(self, start: npt.NDArray[np.int64], order: npt.NDArray[np.int64] | None) -> Groups | None:
        """The groups as the batch takes them; None for losses, penalties and tables that it does not know."""
        known = loss_for(self.loss, len(self.rows.classes), self.link)[1].name == "logistic"
        if isinstance(self.penalty, Jeffreys):
            return None
        rough = not self.penalty.free and self.penalty.l1_ratio > 0
        if not known or rough or self.source.sparse or self.p > NARROW or min(self.max_iter, len(start) - 1) == 0:
            return None
        device = self.source.device
        weight, offset, places = (
            None if t is None else torch.from_numpy(t).to(device) for t in (self.rows.weight, self.rows.offset, order)
        )
        at = torch.from_numpy(start).to(device)
        strength = self.penalty.by_feature(self.rows.columns) * (1 - self.penalty.l1_ratio)
        codes, strength = self.source.y, strength.to(device).contiguous()
        return Groups(self.source.x, at, places, codes, weight, offset, strength, self.intercept)

    def newton(self, groups: Groups | None, size: int) -> Ended:
        """The batch's fits, on the host; those it leaves open are not ``done``."""
        if groups is None:
            return Ended.open(size, self.p)
        with exact_arithmetic():
            ended = newton(groups, min(self.max_iter, MOST_STEPS), TOL if self.tol is None else self.tol)
            return Ended(*(t.cpu() for t in ended))

    def single(self, take: Take, counts: Tensor | None = None, start: Tensor | None = None) -> Fit:
        """The fit of some rows, each counted ``counts`` times; `NoFit` where there is none."""
        part = self._part(take, counts)
        classes, part.y = _present(self.rows, part)
        k, loss = loss_for(self.loss, len(classes), self.link)
        settings: Any = {"penalty": self.penalty, "max_iter": self.max_iter, "tol": self.tol, "start": start}
        try:
            with exact_arithmetic():
                result = estimate(part, self.rows.columns, k, loss=loss, **settings)
        except NotFinite as error:
            raise NoFit(str(error), Status.not_finite) from None
        except DataError as error:
            raise NoFit(str(error), Status.flat) from None
        weights = torch.bincount(part.y, part.weight, len(classes)).tolist()
        return fit_of(
            result,
            part,
            columns=self.rows.columns,
            classes=classes,
            loss=loss,
            penalty=self.penalty,
            target=self.rows.target,
            class_weights=tuple(weights),
            offset=self.rows.offset_name,
            recipe=self.rows.recipe,
        )

    def _part(self, take: Take, counts: Tensor | None) -> MemorySource:
        whole = self.source
        index: Any = take if isinstance(take, slice) or whole.sparse else torch.from_numpy(take).to(whole.device)
        rows = index if isinstance(index, slice) or not whole.sparse else torch.from_numpy(index)
        weight = whole.weight[rows] if counts is None else whole.weight[rows] * counts.to(whole.device)
        offset = whole.offset[rows] if whole.has_offset else None
        return MemorySource(whole.x[index], whole.y[rows], weight, offset, intercept=self.intercept)

    def check_finite(self, takes: Iterable[Take]) -> None:
        """Raise `DataError` naming the cells of the table that are NaN or infinite, if there are any in these rows."""
        for take in takes:
            x = self._part(take, None).x
            if not (x.isfinite().all() if isinstance(x, Tensor) else np.isfinite(x.data).all()):
                raise not_finite(self.rows.x, self.rows.columns)


def _present(rows: Rows, part: MemorySource) -> tuple[npt.NDArray[Any], Tensor]:
    """The classes among some rows and the codes of these; `NoFit` for one class only or a class without weight."""
    size = len(rows.classes)
    there, total = torch.bincount(part.y, minlength=size) > 0, torch.bincount(part.y, part.weight, size)
    target, named = f"target `{show(rows.target)}`", [show_value(c) for c in rows.classes[there.cpu().numpy()].tolist()]
    if not bool((total > 0).any()):
        raise NoFit("all weights are zero, so no row counts", Status.flat)
    if len(named) == 1:
        told = f"{target} has one class only, {named[0]}, in all {part.n_rows} rows; two or more classes are needed"
        raise NoFit(told, Status.separated)
    if bool((there & (total == 0)).any()):
        raise NoFit(f"{target}: a class has only rows of weight 0, which do not count", Status.separated)
    return rows.classes[there.cpu().numpy()], (there.cumsum(0) - 1)[part.y]


class Results(NamedTuple):
    """Everything known of G fits: tensors (G, p, k) and (G,), NaN where a fit has no such number."""

    theta: Tensor
    std_error: Tensor
    aliased: Tensor  # (G, p) bool
    status: list[Status]
    distance: Tensor
    gradient: Tensor
    log_likelihood: Tensor
    null_log_likelihood: Tensor
    n_iter: Tensor
    told: dict[int, str]  # what must be told, by number of the fit

    def why(self, group: int) -> str:
        """Why a group has no certified fit."""
        return self.told.get(group, self.status[group].value)


def results(ended: Ended, classes: npt.NDArray[Any], k: int, free: bool, single: Callable[[int], Fit]) -> Results:
    """The batch's fits as they are, and ``single(g)`` for those it left open."""
    done = ended.done[:, None]
    theta = torch.where(done, ended.theta, torch.nan)[..., None].repeat(1, 1, k)
    error = torch.where(done & free, ended.error, torch.nan)[..., None].repeat(1, 1, k)
    numbers = (ended.distance, ended.slope, ended.log_likelihood, ended.null_log_likelihood)
    distance, slope, log_likelihood, null = (torch.where(ended.done, t, torch.nan) for t in numbers)
    aliased, steps = torch.zeros(theta.shape[:2], dtype=torch.bool), torch.where(ended.done, ended.steps, 0)
    status = [Status.converged] * len(theta)
    out = Results(theta, error, aliased, status, distance, slope, log_likelihood, null, steps, {})
    for group in (~ended.done).nonzero()[:, 0].tolist():
        try:
            _take_in(out, group, single(group), classes)
        except NoFit as error:
            out.status[group], out.told[group] = error.status, str(error)
    return out


def _take_in(out: Results, group: int, fit: Fit, classes: npt.NDArray[Any]) -> None:
    """Write a single fit into its place."""
    if len(fit.classes) < len(classes):
        gone = [show_value(c) for c in classes.tolist() if c not in fit.classes.tolist()]
        raise NoFit(f"no row has class {', '.join(gone)}, so its coefficients are infinite", Status.separated)
    lead = int(fit.intercept)
    for dependence in fit.dependences:
        out.aliased[group, dependence.column + lead] = True
    out.theta[group] = fit.theta.cpu()
    if fit.covariance_root is not None:
        out.std_error[group] = torch.where(out.aliased[group][:, None], torch.nan, fit.std_error.cpu())
    out.status[group], out.n_iter[group] = fit.status, fit.n_iter
    out.distance[group], out.gradient[group] = fit.certificate.relative_distance, fit.certificate.gradient_norm
    out.log_likelihood[group], out.null_log_likelihood[group] = fit.log_likelihood, fit.null_log_likelihood
    if fit.warnings:
        out.told[group] = "; ".join(fit.warnings)
