"""Penalised likelihood-ratio tests and profile ends of fits under Jeffreys' prior, all of them as one batch.

Every restricted fit keeps the information of the **full** model in its penalty, as R's logistf has it; only its
coefficients are held. `overall` has the other convention as well, in which the smaller model has a penalty of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic, one_thread, threads
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.firth import bare, few_threads, optimum, volume
from torchlogit.inference.observed import Observed, observed
from torchlogit.inference.profile import Lines, chi_squared_quantile
from torchlogit.inference.quality import chi_squared
from torchlogit.inference.tabular import Tabular
from torchlogit.jeffreys import At, Jeffreyed
from torchlogit.penalties import Jeffreys
from torchlogit.scoring import constrained, profile_ends, settled
from torchlogit.tables.names import show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Work = tuple[Callable[[Tensor], Any], int]  # what is to be made of members by their numbers, and how many there are
Floats = npt.NDArray[np.float64]

STRANGE = 1e-6  # distance of F at the fit's coefficients from its least, from which the rows are others
ROWS = 2**22  # numbers of η that members of one batch have together
CERTIFIED = 1e-11  # relative distance to which restricted fits go
SURE = 1e-7  # of a statistic


class Ends(NamedTuple):
    """Of M coefficients: both ends of their profiles and the estimated errors of these in units of χ², (M,)."""

    low: Tensor
    high: Tensor
    error: Tensor


@dataclass(frozen=True)
class Penalised:
    """A fit under Jeffreys' prior beside its rows: F around its optimum, for tests and intervals.

    Functionals are rows (M, q·m) that act on ``phi.ravel()``; `functionals` makes those of coefficients.
    """

    seen: Observed

    @cached_property
    def core(self) -> Jeffreyed:
        """F over the rows."""
        with self.seen.few_threads():
            objective = self.seen.objective
        assert objective.coordinates is not None
        return Jeffreyed(bare(objective.source, objective.loss, objective.k, objective.coordinates))

    @cached_property
    def _optimum(self) -> tuple[At, Tensor | None]:
        own = self.seen.own
        with few_threads(self.core):
            before = self.core.at((self.seen.gamma @ self.core.contrast)[None])
            found = optimum(self.core, before, 1e-20, 100, correction=self.seen.fit.prior_curvature if own else None)
        if not bool(found.reached.done):
            raise NotCertifiedError("no penalised-likelihood inference: the optimum could not be certified again")
        corrected = _penalty(self.seen.fit).intercept != "firth"
        if not corrected and not float(before.value - found.at.value) < STRANGE:
            raise DataError(
                "these are not the rows that the fit was made of: their penalised likelihood has its maximum elsewhere; "
                "give the training data, with weights and offsets"
            )
        return found.at, found.correction

    @property
    def at(self) -> At:
        """The optimum."""
        return self._optimum[0]

    @property
    def value(self) -> float:
        """The least F, in the solver's coordinates."""
        return float(self.at.value[0])

    @cached_property
    def rows(self) -> Tensor:
        """Theta's rows (p, q) about x = 0 as functions of phi's; 0 for aliased columns."""
        to, fit = self.core.objective.coordinates, self.seen.fit
        assert to is not None
        rows = to.theta(torch.eye(self.core.objective.p, dtype=torch.float64), fit.intercept)
        if fit.intercept:
            rows[0] -= to.centre @ rows[1:]
        return rows

    def functionals(self, places: Sequence[int], matrix: Tensor | None = None) -> Tensor:
        """Coefficients in rows ``places`` of theta, times a matrix (k, r) of classes, as functionals (places·r, q·m)."""
        turned = self.core.contrast.mT if matrix is None else self.core.contrast.mT @ matrix
        return torch.einsum("tq,mr->trqm", self.rows[list(places)], turned).flatten(0, 1).flatten(1)

    def constraints(self, places: Sequence[int]) -> Tensor:
        """Independent functionals (r, q·m) that are 0 together where all coefficients in rows ``places`` of theta are."""
        k, m = self.core.contrast.shape  # the coefficients of the last class of many follow from the others'
        return _independent(self.functionals(places, torch.eye(k, dtype=torch.float64)[:, :m]))

    def _each(self, *work: Work) -> list[list[Any]]:
        """What each piece of work makes of its members, in parts; over rows all in memory each of torch's threads has its own.

        Most of the work are thousands of small operations, which each wait for their slowest thread where they share it.
        """
        n = self.core.source.n_rows
        here = self.core.blocks is not None and self.core.ranks is None  # ranks add up in one order
        workers = min(threads(), max(size for _, size in work)) if here else 1
        rows = min(n, getattr(self.core.source, "block_rows", ROWS)) if workers == 1 else n * workers
        most = max(1, ROWS // (rows * self.core.objective.k))
        parts = [torch.arange(size).split(max(1, min(most, -(-size // workers)))) for _, size in work]
        tasks = [(number, part) for number, each in enumerate(parts) for part in each]

        def exactly(task: tuple[int, Tensor]) -> Any:
            with exact_arithmetic():  # torch keeps some of its switches for each thread
                return work[task[0]][0](task[1])

        if workers == 1:
            with few_threads(self.core):
                found = list(map(exactly, tasks))
        else:  # MKL counts the threads of each thread by itself.
            for seen in self.core:
                seen.prepare()  # or each thread would make the products
            alone = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
            with exact_arithmetic(), one_thread(), alone as pool:
                found = list(pool.map(exactly, tasks))
        return [
            [made for (at, _), made in zip(tasks, found, strict=True) if at == number] for number in range(len(work))
        ]

    def _ratios(self, normal: Tensor) -> Work:
        """Statistics (B,) of constraints (B, r, q·m)."""
        at, correction = self._optimum

        def of_part(part: Tensor) -> Tensor:
            held = normal[part]
            start = constrained(self.core, at, held, held.new_zeros(held.shape[:2]), correction)
            found = settled(self.core, self.core.at(start), held, correction, tol=CERTIFIED, sure=SURE)
            least = found.at.value - found.decrement / 2  # what a last step would bring
            return torch.where(found.done, (2 * (least - self.value)).clamp_min(0), torch.nan)

        return of_part, len(normal)

    def ratio(self, normal: Tensor) -> Tensor:
        """``2 (F(normal · phi = 0) − F*)`` (B,) for constraints (B, r, q·m); NaN where that is not certified."""
        return torch.cat(self._each(self._ratios(normal))[0])

    def lines(self, functionals: Tensor, quantile: float) -> tuple[Ends, Tensor]:
        """Where the profiles of functionals (M, q·m) have risen by half the quantile of χ²; and the statistics of 0, (M,)."""
        at, correction = self._optimum
        side = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat_interleave(len(functionals))
        both, drop = functionals.repeat(2, 1), quantile / 2

        def of_part(part: Tensor) -> tuple[Tensor, Tensor]:
            return profile_ends(self.core, at, both[part], side[part], drop, correction)

        out, ratios = self._each((of_part, len(both)), self._ratios(functionals[:, None]))
        place, error = (torch.cat(each).reshape(2, -1) for each in zip(*out, strict=True))
        return Ends(place[0], place[1], error.amax(0)), torch.cat(ratios)


def penalised_lines(fit: Fit, places: Sequence[int], matrix: Tensor, level: float, data: Any = None) -> Lines:
    """Bounds and tests of coefficients for `profile`: rows ``places`` of theta times a matrix (k, r) of classes.

    With the intercept chosen by likelihood (FLIC), its own bounds and test are Wald's, as in R's logistf.
    """
    of, quantile = penalised(fit, data), chi_squared_quantile(level)
    functionals = of.functionals(places, matrix)
    real = functionals.norm(dim=1) > 0
    ends, statistic = of.lines(functionals[real], quantile)
    estimate, slope = functionals[real] @ of.at.phi.flatten(), torch.zeros_like(statistic)
    numbers = (estimate, ends.low, ends.high, statistic, ends.error, ends.error, slope, slope)
    blank = torch.full((len(functionals),), torch.nan, dtype=torch.float64)
    found = Lines(*(blank.masked_scatter(real, t) for t in numbers))
    if _penalty(fit).intercept == "flic" and fit.intercept:
        return _with_wald_intercept(fit, found, places, matrix, quantile)
    return found


def _with_wald_intercept(fit: Fit, lines: Lines, places: Sequence[int], matrix: Tensor, quantile: float) -> Lines:
    lead = torch.tensor(places).repeat_interleave(matrix.shape[1]) == 0
    estimate = (fit.theta[0] @ matrix).repeat(int(lead.sum()) // matrix.shape[1])
    root = fit._root().reshape(*fit.theta.shape, -1)[0]
    error = (matrix.mT @ root).norm(dim=1).repeat(len(estimate) // matrix.shape[1])
    half = quantile**0.5 * error
    own = (estimate, estimate - half, estimate + half, (estimate / error).square())
    new = {name: t.masked_scatter(lead, to) for (name, t), to in zip(lines._asdict().items(), own, strict=False)}
    return lines._replace(**new)


@dataclass(frozen=True, repr=False, eq=False)
class PenalisedTests(Tabular):
    """One entry a term, (m,) arrays: statistic of the penalised likelihood-ratio test against the model without it."""

    heading: ClassVar[str] = "Penalised likelihood-ratio tests"
    derived: ClassVar[tuple[str, ...]] = ("p",)

    term: tuple[str, ...]
    statistic: Floats
    df: npt.NDArray[np.int64]
    log_p: Floats  # natural logarithm
    notes: tuple[str, ...] = ()

    @property
    def p(self) -> Floats:
        """p-values."""
        return np.exp(self.log_p)


@dataclass(frozen=True, repr=False, eq=False)
class Overall(Tabular):
    """The test of all slopes at once, under both conventions of the null model's penalty.

    Penalised log-likelihoods are in the user's units (`Fit.value` is minus that of the fit).
    """

    heading: ClassVar[str] = "Penalised likelihood-ratio test of all slopes"

    penalised_log_likelihood: float
    null_full_information: float  # R's logistf: the null model keeps the information of the full one in its penalty
    null_own_information: float  # the null model refitted, with a penalty of its own
    statistic: float  # against the null with the full information
    df: int
    log_p: float


def penalised(fit: Fit, data: Any = None, **given: Any) -> Penalised:
    """A fit under Jeffreys' prior beside its rows. Raises as `observed` does, and NotCertifiedError without a certificate."""
    _check(fit)
    return Penalised(observed(fit, data, **given))


def _check(fit: Fit) -> None:
    if not isinstance(fit.penalty, Jeffreys):
        raise ParameterError(f"the fit has no Jeffreys penalty, but {fit.penalty!r}")
    if not fit.certified:
        raise NotCertifiedError(f"no penalised-likelihood inference: {fit.status.value}")
    if fit.weights_are == "sampling":
        raise NotCertifiedError(
            "no penalised-likelihood inference: with sampling weights there is no likelihood of the rows"
        )
    if fit.penalty.intercept == "flac":
        raise NotCertifiedError(
            'no penalised-likelihood inference for intercept="flac": its likelihood is that of rows with pseudo-'
            'observations; use Wald intervals and tests, or intercept="flic"'
        )


def _penalty(fit: Fit) -> Jeffreys:
    assert isinstance(fit.penalty, Jeffreys)
    return fit.penalty


def penalised_tests(fit: Fit, terms: Sequence[str] | None = None, data: Any = None, **given: Any) -> PenalisedTests:
    """Twice the penalised log-likelihood that is lost where all coefficients of a term are held at 0, for each term.

    The restricted fits keep the full model's information in their penalty (R's logistf). ``terms`` are terms of the fit,
    or names of theta's rows, such as ``"(Intercept)"``; None is all terms. Source: Heinze and Schemper (2002), A
    solution to the problem of separation in logistic regression, §2.2.

    >>> from torchlogit import Jeffreys, datasets, fit
    >>> found = penalised_tests(fit(datasets.study_hours(), "passed", penalty=Jeffreys()))
    >>> found.term, found.statistic.round(4).tolist(), found.df.tolist()
    (('hours',), [9.8389], [1])
    """
    of = penalised(fit, data, **given)
    wanted = tuple(fit.terms) if terms is None else (terms,) if isinstance(terms, str) else tuple(terms)
    places = [_rows_of(fit, term) for term in wanted]
    constraints = [of.constraints(rows) for rows in places]
    df = np.array([len(one) for one in constraints], dtype=np.int64)
    statistic = torch.full((len(wanted),), torch.nan, dtype=torch.float64)
    for size in set(df.tolist()) - {0}:
        members = np.flatnonzero(df == size)
        statistic[torch.from_numpy(members)] = of.ratio(torch.stack([constraints[i] for i in members]))
    log_p = [chi_squared(float(t), int(r)) if t == t else np.nan for t, r in zip(statistic, df, strict=True)]
    return PenalisedTests(wanted, statistic.numpy(), df, np.array(log_p))


def penalised_ratio(seen: Observed, rows: Sequence[int]) -> tuple[float, int]:
    """The statistic of `penalised_tests` for all coefficients in some rows of theta at once, and its degrees of freedom."""
    _check(seen.fit)
    of = Penalised(seen)
    held = of.constraints(rows)
    statistic = float(of.ratio(held[None])[0]) if len(held) else 0.0
    if statistic != statistic:
        raise NotCertifiedError("no test: the penalised fit without it has no certified optimum")
    return statistic, len(held)


def _rows_of(fit: Fit, term: str) -> tuple[int, ...]:
    """The rows of theta that a term has, or the one of that name."""
    if term in fit.terms:
        return fit.terms[term]
    if term not in fit.names:
        raise ParameterError(f"{show_value(term)} is no term of the fit; it has {', '.join(fit.terms)}")
    return (fit.names.index(term),)


def _independent(functionals: Tensor) -> Tensor:
    """Those of columns that are not aliased, of unit length."""
    size = functionals.norm(dim=1, keepdim=True)
    return (functionals / torch.where(size > 0, size, 1.0))[size[:, 0] > 0]


def overall(fit: Fit, data: Any = None) -> Overall:
    """The fit against the model with an intercept only (without one: with nothing).

    >>> from torchlogit import Jeffreys, datasets, fit
    >>> found = overall(fit(datasets.study_hours(), "passed", penalty=Jeffreys()))
    >>> round(found.statistic, 4), found.df
    (9.8389, 1)
    """
    of = penalised(fit, data)
    lead, unit = int(fit.intercept), volume(of.core, fit.dependences)
    held = of.constraints(range(lead, len(fit.names)))
    statistic = float(of.ratio(held[None])[0])
    best = -of.value - unit
    return Overall(
        penalised_log_likelihood=best,
        null_full_information=best - statistic / 2,
        null_own_information=_own_null(of) if lead else fit.null_log_likelihood,
        statistic=statistic,
        df=len(held),
        log_p=chi_squared(statistic, len(held)),
    )


def _own_null(of: Penalised) -> float:
    """The penalised log-likelihood of the intercept alone, with its own information in the penalty."""
    core = of.core
    first = core.objective.restrict(torch.zeros(1, dtype=torch.long))
    alone = Jeffreyed(first)
    found = optimum(alone, alone.at(torch.zeros(1, *alone.shape, dtype=torch.float64)), 1e-20, 100)
    classes = core.contrast.shape[1] + 1
    return -float(found.at.value[0]) - (np.log(classes) / 2 if core.objective.k > 1 else 0.0)
