"""A fit beside the rows that it is read with: what every computation needs that sums over the data once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic, one_thread
from torchlogit.design import Coordinates
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimate import LITTLE
from torchlogit.inference.parts import Tables, opened_for, parted
from torchlogit.moments import moments
from torchlogit.objective import Objective
from torchlogit.penalties import Strengths
from torchlogit.rank import independent
from torchlogit.rows import Rows, read_again
from torchlogit.sources.ranks import LIMIT, Ranks
from torchlogit.sources.reader import Reader
from torchlogit.sources.stream import Reading

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.sources.memory import MemorySource


@dataclass(frozen=True)
class Observed:
    """``rows`` as the fit's model sees them, and −log-likelihood over them as an `Objective` without a penalty.

    The objective's coordinates are independent columns: q = p less the aliased terms. ``gamma`` (q, k) is the fit's
    theta there, and ``coordinates.theta`` leads back.
    """

    fit: Fit
    rows: Rows  # or, where they are read in parts, `StreamedRows`
    known: Coordinates | None = None  # those of the objective; None: what suits the rows

    @cached_property
    def source(self) -> MemorySource:
        """The rows as a source."""
        return self.rows.source(self.fit.intercept, None)

    @property
    def own(self) -> bool:
        """Whether these are the very rows of the fit."""
        training = self.fit.training
        return training is not None and isinstance(self.rows, Rows) and self.rows.codes is training.codes

    def few_threads(self) -> AbstractContextManager[None]:
        """One thread for torch where there is little to do."""
        return one_thread() if self.source.n_rows * (self.source.n_features + 1) <= LITTLE else nullcontext()

    @cached_property
    def objective(self) -> Objective:
        """−log-likelihood of these rows."""
        source = self.source
        coordinates = self.known or independent(source, moments(source)).coordinates
        zeros = torch.zeros(coordinates.rank + self.fit.intercept, 1, dtype=torch.float64)
        return Objective(
            source, self.fit._loss(), Strengths(zeros, zeros), self.fit.theta_centred.shape[1], coordinates
        )

    @cached_property
    def gamma(self) -> Tensor:
        """The fit's theta in the objective's coordinates, (q, k)."""
        coordinates, fit = self.objective.coordinates, self.fit
        assert coordinates is not None
        return coordinates.seen(fit.theta_centred, fit.centre, fit.intercept)

    @property
    def rank(self) -> int:
        """Free coefficients: those of one class of a softmax follow from the others'."""
        return self.objective.p * (self.objective.k - self.objective.loss.symmetric)

    def check_rows(self, why: str = "") -> None:
        """Refuse rows that are not those of the fit: without its log-likelihood. The `DataError` ends in ``why``."""
        expected, found = self.fit.log_likelihood, -float(self.objective.taylor(self.gamma, 0).value)
        if not abs(found - expected) <= 1e-6 * abs(expected) + 1e-9:
            raise DataError(
                f"these are not the rows that were fitted: their log-likelihood is {found:.6g}, the fit's {expected:.6g}{why}"
            )

    @cached_property
    def eta(self) -> Tensor:
        """η of every row, (n, k)."""
        self.rows.codes  # noqa: B018  (rows that are read in parts say that this needs all of them)
        with exact_arithmetic():
            return torch.cat([self.objective.eta(block, self.gamma) for block in self.objective.blocks()])

    @property
    def y(self) -> Tensor:
        """The place of every row's class, (n,); of rows `together` the share of successes."""
        return torch.from_numpy(self.rows.codes)

    @property
    def weight(self) -> Tensor:
        """Every row's weight, (n,)."""
        s = self.rows.weight
        return torch.ones(len(self.rows.codes), dtype=torch.float64) if s is None else torch.from_numpy(s)

    def together(self) -> Observed:
        """The same with a row's successes and failures as one row again, its weight the trials; itself without counts."""
        rows = self.rows
        if not rows.counts:
            return self
        assert rows.weight is not None
        assert rows.kept is not None
        kept, first, place = np.unique(rows.kept, return_index=True, return_inverse=True)
        successes, trials = (np.bincount(place, t).astype(float) for t in (rows.weight * rows.codes, rows.weight))
        share: Any = successes / np.where(trials > 0, trials, 1.0)
        offset = None if rows.offset is None else rows.offset[first]
        return Observed(
            self.fit,
            replace(rows, x=rows.x[first], codes=share, weight=trials, offset=offset, kept=kept, counts=False),
            self.known,
        )

    def parts(self) -> Iterator[tuple[int, Observed]]:
        """The same a part at a time, each with its rows in memory, and the number of the caller's rows before it: one part where
        all are there. ParameterError where the rows are spread over ranks, and have no numbers.
        """
        tables, first = Tables(self.rows), 0
        if not tables.in_parts:
            yield 0, self
            return
        if tables.ranks is not None:
            raise ParameterError(
                "this looks at row after row, and the rows are spread over ranks; ask in one process, with data= the files"
            )
        coordinates = self.objective.coordinates
        for rows in tables:
            if rows.n_rows:
                yield first, Observed(self.fit, rows, coordinates)
            first += rows.given


def observed(
    fit: Fit,
    data: Any = None,
    target: Any = None,
    *,
    weight: Any = None,
    offset: Any = None,
    missing: Literal["error", "drop"] = "error",
    memory: int | str = "1GiB",
    watch: Callable[[Reading], None] | None = None,
    process_group: Any = None,
    timeout: float = LIMIT,
) -> Observed:
    """The fit beside its training rows, or beside ``data``, whose target, weight and offset have the same names.

    Where the fit was given values instead of names, these must be given as well. ``data`` may be files or what else
    `torchlogit.fit` reads: they are read in parts where they do not fit in a share of ``memory``, and then suffice for what
    is a sum over the rows; ``watch`` is called with every `torchlogit.sources.stream.Reading`. With a ``process_group`` the data
    are spread over its ranks as `torchlogit.fit` has it, and all of them ask the same model for the same; the rows of a fit over
    ranks stay so. ParameterError where the fit has no rows of its own (it was read from a file) and none are given.
    """
    if data is None and process_group is not None:
        raise ParameterError(
            "process_group= says over which ranks data are spread, and none are given; a fit over ranks knows its own"
        )
    if data is None:
        if fit.stream is not None:
            return Observed(fit, fit.stream)
        if fit.training is None:
            raise ParameterError(
                "this fit holds no rows (it was read from a file, or moved to another prevalence); give the data as well"
            )
        return Observed(fit, fit.training.at_hand)
    target = fit.target if target is None else target
    named: dict[str, Any] = {
        "weight": _asked("weight", fit.weight, weight),
        "offset": _asked("offset", fit.offset, offset),
        "missing": missing,
    }
    ranks = None if process_group is None else Ranks(process_group, timeout, getattr(watch, "waiting", None))
    data = opened_for(fit, data, memory, ranks, {"target": target, **named})
    if isinstance(data, Reader):
        in_parts: Any = parted(fit, data, target, **named, memory=memory, watch=watch, ranks=ranks)
        return Observed(fit, in_parts)
    rows = read_again(data, target, recipe=fit.recipe, classes=fit.classes, **named)
    if rows.x.shape[1] != len(fit.columns):
        raise DataError(f"X has {rows.x.shape[1]} features, but the model was fitted with {len(fit.columns)}")
    return Observed(fit, rows.at_hand)


def _asked(what: str, name: str | None, given: Any) -> Any:
    """What the fit had of this kind: the caller's, else the column of the same name."""
    if name is None and given is not None:
        raise DataError(f"the model was fitted without {what}s: give none")
    return name if given is None else given
