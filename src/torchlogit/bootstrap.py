"""The bootstrap by counts: the rows stay where they are, and each resample is a vector of how often each of them counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arguments import check_share
from torchlogit.errors import DataError, ParameterError
from torchlogit.fitted import Fit
from torchlogit.groups import Fitting, Grouping, NoFit, Results, results
from torchlogit.penalties import NoPenalty, Penalty
from torchlogit.rows import Rows, read_rows
from torchlogit.solvers import Status
from torchlogit.told import tell

BLOCK = 2**21  # counts that are held at a time: 32 MB with their row numbers

Counts = npt.NDArray[np.int64]


class BootstrapTable(NamedTuple):
    """One entry a term and class, (p·k,) arrays; ``bias`` is the mean over the resamples less the estimate."""

    term: tuple[str, ...]
    label: tuple[Any, ...]
    estimate: npt.NDArray[np.float64]
    std_error: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    level: float


@dataclass(frozen=True)
class Bootstrap:
    """``theta`` (B, p, k) of B resamples, in the user's units about x = 0, NaN where a resample has no fit at all.

    ``fit`` is that of the data themselves. Numbers over the resamples leave out those without a certified estimate;
    ``status`` has one entry each.
    """

    fit: Fit
    theta: Tensor
    status: tuple[Status, ...]
    warnings: tuple[str, ...] = ()

    @property
    def certified(self) -> Tensor:
        """Which resamples stand at a certified optimum, (B,) bool."""
        return torch.tensor([status is Status.converged for status in self.status])

    @property
    def std_error(self) -> Tensor:
        """Standard deviation over the resamples, (p, k). Source: Efron and Tibshirani (1993), eq. 6.6."""
        return self.theta[self.certified].std(0)

    def interval(self, level: float = 0.95) -> tuple[Tensor, Tensor]:
        """Ends of the percentile interval, (p, k) each. Source: Efron and Tibshirani (1993), eq. 13.5."""
        check_share(level)
        ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
        low, high = self.theta[self.certified].quantile(ends, dim=0)
        return low, high

    def table(self, level: float = 0.95) -> BootstrapTable:
        """Estimate, standard error, bias and percentile interval of every term."""
        estimate, k = self.fit.theta.cpu(), self.theta.shape[2]
        low, high = self.interval(level)
        classes = self.fit.classes.tolist() if k > 1 else [self.fit.positive]
        return BootstrapTable(
            term=tuple(name for name in self.fit.names for _ in range(k)),
            label=tuple(classes * len(self.fit.names)),
            estimate=_flat(estimate),
            std_error=_flat(self.std_error),
            bias=_flat(self.theta[self.certified].mean(0) - estimate),
            low=_flat(low),
            high=_flat(high),
            level=level,
        )


def _flat(t: Tensor) -> npt.NDArray[np.float64]:
    return t.ravel().numpy()


def bootstrap(
    data: Any,
    target: Any,
    n_resamples: int = 1000,
    *,
    seed: int = 0,
    features: Sequence[str] | None = None,
    penalty: Penalty | None = None,
    loss: str = "auto",
    link: str = "logit",
    weight: Any = None,
    offset: Any = None,
    intercept: bool = True,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    max_iter: int = 100,
    tol: float | None = None,
    device: str | torch.device | None = None,
    strict: bool = False,
) -> Bootstrap:
    """Fit ``n_resamples`` resamples of the rows, drawn with replacement; the words mean what they mean for `fit`.

    A resample is n draws among n rows, told as counts that weigh the rows, which are not copied. Whole-number weights
    are repeated rows and are drawn as such; other weights go along with their rows. The same ``seed`` gives the same
    resamples. Each fit is exact (not one step from the full fit, where it begins) and has a status: one whose classes
    are separated has no finite estimate and is left out of standard errors and intervals, with one
    `NotCertifiedWarning` that says how many (`NotCertifiedError` with ``strict``). Source: Efron and Tibshirani (1993),
    An Introduction to the Bootstrap, algorithm 6.1.

    >>> from torchlogit import L2, bootstrap, datasets
    >>> found = bootstrap(datasets.study_hours(), "passed", 200, penalty=L2(1.0))
    >>> found.theta.shape, bool((found.std_error > 0).all())
    (torch.Size([200, 2, 1]), True)
    """
    if n_resamples < 2:
        raise ParameterError(f"n_resamples must be 2 or more, got {n_resamples}")
    rows = read_rows(
        data, target, features=features, weight=weight, offset=offset, categorical=categorical, reference=reference,
        missing=missing,
    )  # fmt: skip
    penalty = NoPenalty() if penalty is None else penalty
    fitting = Fitting(rows, rows.has_intercept(intercept), penalty, loss, link, max_iter, tol, device)
    fitting.check_finite([slice(None)])
    try:
        whole = fitting.single(slice(None))
    except NoFit as error:
        raise DataError(str(error)) from None
    theta, status = resample(fitting, whole, n_resamples, seed)
    sentences = (*whole.warnings, *sentence(status))
    out = Bootstrap(whole, theta, status, sentences)
    tell(sentences, strict)
    return out


def resample(
    fitting: Fitting,
    whole: Fit,
    n_resamples: int,
    seed: int,
    *,
    repeated: bool = True,
    clusters: Counts | None = None,
) -> tuple[Tensor, tuple[Status, ...]]:
    """Theta (B, p, k) of resamples and how each ended; ``whole`` is the fit of all rows, where each begins.

    Whole weights are counts of rows, if ``repeated``, and drawn as such; with ``clusters`` (n,) from 0, clusters are drawn.
    """
    draws = _draws(fitting.rows, np.random.default_rng(seed), repeated, clusters)
    if repeated and clusters is None and _whole(fitting.rows):
        fitting = replace(fitting, rows=replace(fitting.rows, weight=None))
    sizes = _blocks(n_resamples, len(fitting.rows.codes))
    parts = [_block(fitting, [next(draws) for _ in range(size)], whole) for size in sizes]
    return torch.cat([part.theta for part in parts]), tuple(entry for part in parts for entry in part.status)


def _whole(rows: Rows) -> bool:
    """Whether the rows have weights and these are counts."""
    return rows.weight is not None and bool((rows.weight == np.rint(rows.weight)).all())


def _draws(
    rows: Rows, rng: np.random.Generator, repeated: bool = True, clusters: Counts | None = None
) -> Iterator[Counts]:
    """How often each row counts, (n,), resample after resample; whole weights are drawn as rows where they are ``repeated``."""
    n = len(rows.codes)
    if clusters is not None:
        size = int(clusters.max()) + 1
        while True:
            yield np.bincount(rng.integers(0, size, size), minlength=size)[clusters]
    if rows.weight is not None and repeated and _whole(rows):
        total = int(rows.weight.sum())
        while True:
            yield rng.multinomial(total, rows.weight / total)
    while True:
        yield np.bincount(rng.integers(0, n, n), minlength=n)


def _blocks(size: int, n: int) -> Iterator[int]:
    """How many resamples to take at a time."""
    most = max(1, BLOCK // n)
    while size > 0:
        yield min(most, size)
        size -= most


def _block(fitting: Fitting, draws: list[Counts], whole: Fit) -> Results:
    """The fits of some resamples: each a group of the rows that were drawn, with their counts."""
    drawn = [np.flatnonzero(counts) for counts in draws]
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in drawn])])
    order = np.concatenate(drawn)
    counts = torch.from_numpy(np.concatenate([c[rows] for c, rows in zip(draws, drawn, strict=True)]).astype(float))
    grouping = Grouping(np.arange(len(draws)), start, order)
    groups = fitting.batch(start, order)
    if groups is not None:
        place = fitting.source.device
        begin = whole.theta[:, 0].contiguous().to(place) if whole.certified else None
        groups = groups._replace(counts=counts.to(place), begin=begin)
    return results(
        fitting.newton(groups, len(draws)),
        fitting.rows.classes,
        fitting.k,
        fitting.penalty.free,
        lambda b: fitting.single(grouping.rows(b), counts[int(start[b]) : int(start[b + 1])]),
    )


def sentence(status: Sequence[Status]) -> list[str]:
    """How many resamples have no certified estimate, in one sentence, if there are any."""
    count = Counter(str(entry) for entry in status if entry is not Status.converged)
    if not count:
        return []
    kinds = ", ".join(f"{number} {kind}" for kind, number in count.items())
    return [
        f"not certified: {sum(count.values())} of {len(status)} resamples have no certified estimate ({kinds}); standard "
        "errors and intervals are of the others and so too narrow; a penalty (such as L2) gives all of them one"
    ]
