"""The door for many fits of one table: a model a group, each with its status and its certificate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.fitted import Fit
from torchlogit.groups import TOL, Fitting, Grouping, NoFit, Results, Take, read_groups, results
from torchlogit.penalties import NoPenalty, Penalty
from torchlogit.rows import _column, _same_index, read_rows
from torchlogit.solvers import Status
from torchlogit.tables import show_value
from torchlogit.tables.names import FIRST
from torchlogit.told import tell

if TYPE_CHECKING:
    from torchlogit.inference.many import GroupTable


class Certificates(NamedTuple):
    """Of every fit: the estimated relative distance to the optimum and the largest entry of the gradient, (G,); and tol."""

    relative_distance: Tensor
    gradient_norm: Tensor
    tol: float


@dataclass(frozen=True)
class ManyFits:
    """A model for each of G groups of rows. Tensors are float64 on the CPU, NaN where there is no such number.

    ``theta`` (G, p, k) are the coefficients in the user's units, row 0 the intercept at x = 0, and 0 for a column that
    adds nothing within its group (``aliased`` (G, p)); ``std_error`` (G, p, k) is NaN for these, for groups without a
    certificate and with a penalty. ``status`` has one entry a group, and ``sentences`` says for the groups that need it
    why. ``result[label]`` is the whole `Fit` of one group, from the caller's rows, which are kept and not copied.
    """

    groups: npt.NDArray[Any]
    by: str
    columns: tuple[str, ...]
    classes: npt.NDArray[Any]
    target: str
    intercept: bool
    penalty: Penalty
    theta: Tensor
    std_error: Tensor
    aliased: Tensor
    status: tuple[Status, ...]
    certificate: Certificates
    log_likelihood: Tensor
    null_log_likelihood: Tensor
    n_rows: Tensor
    n_iter: Tensor
    sentences: Mapping[Any, str]
    dropped: int
    warnings: tuple[str, ...]
    fitting: Fitting = field(repr=False, compare=False)
    grouping: Grouping = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of theta's rows."""
        return ("(Intercept)", *self.columns) if self.intercept else self.columns

    @property
    def certified(self) -> npt.NDArray[np.bool_]:
        """Whether each fit stands at a certified optimum, (G,)."""
        return np.array([status is Status.converged for status in self.status])

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, label: Any) -> Fit:
        """The fit of one group, as `torchlogit.fit` makes it of that group's rows; it raises what that would raise."""
        found = np.flatnonzero(self.groups == label)
        if len(found) != 1:
            raise ParameterError(f"`{self.by}` has no group {show_value(label)}; .groups has them all")
        try:
            return self.fitting.single(self.grouping.rows(int(found[0])))
        except NoFit as error:
            raise DataError(f"group {show_value(label)}: {error}") from None

    def table(self, level: float = 0.95) -> GroupTable:
        """Estimate, standard error, z, p and interval of every term of every group, one below the other."""
        from torchlogit.inference.many import group_table

        return group_table(self, level)

    def summary(self) -> str:
        """All fits in words and quartiles, 80 columns wide."""
        from torchlogit.inference.many import summary

        return summary(self)


def fit_many(
    data: Any,
    target: Any,
    *,
    groups: Any,
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
) -> ManyFits:
    """Fit one model to each group of rows of one table; the words mean what they mean for `torchlogit.fit`.

    ``groups`` is a column's name, or one label a row; groups may differ in size, and rows need not be sorted. Every
    fit equals the single fit of its rows, with a status and a certificate of its own: a group whose classes are
    separated, of one class only, or with too few rows is no error but says so. Categories have the levels of the whole
    table. Ordinary groups of a dense table are fitted by Newton's method in a batch; all others (and softmax, L1, Jeffreys, other
    links, sparse tables) singly.

    Raises `DataError` as `fit` does for data that cannot be used, and with ``strict`` `NotCertifiedError` unless every
    group is certified; without it one `NotCertifiedWarning` names the first that are not.

    >>> from torchlogit import datasets, fit_many
    >>> hours, passed = datasets.study_hours().values()
    >>> data = {"hours": [*hours, *hours], "passed": [*passed, *passed[::-1]], "school": ["A"] * 20 + ["B"] * 20}
    >>> result = fit_many(data, "passed", groups="school")
    >>> result.theta[:, 1, 0].numpy().round(4).tolist(), [str(s) for s in result.status]
    ([1.5046, -1.5046], ['converged', 'converged'])
    >>> result["A"].std_error.ravel().numpy().round(4).tolist()
    [1.761, 0.6287]
    """
    _same_index(data, groups, "groups")
    rows = read_rows(
        data, target, features=features, weight=weight, offset=offset, categorical=categorical, reference=reference,
        missing=missing, apart=[groups] if isinstance(groups, str) else [],
    )  # fmt: skip
    by = groups if isinstance(groups, str) else "groups"
    grouping = read_groups(_column(data, groups), rows, by)
    penalty = NoPenalty() if penalty is None else penalty
    fitting = Fitting(rows, rows.has_intercept(intercept), penalty, loss, link, max_iter, tol, device)
    found = _fitted(fitting, grouping)
    sentences = {grouping.labels[group].item() if hasattr(grouping.labels[group], "item") else grouping.labels[group]: why
                 for group, why in found.told.items()}  # fmt: skip
    out = ManyFits(
        groups=grouping.labels,
        by=by,
        columns=rows.columns,
        classes=rows.classes,
        target=rows.target,
        intercept=fitting.intercept,
        penalty=penalty,
        theta=found.theta,
        std_error=found.std_error,
        aliased=found.aliased,
        status=tuple(found.status),
        certificate=Certificates(found.distance, found.gradient, TOL if tol is None else tol),
        log_likelihood=found.log_likelihood,
        null_log_likelihood=found.null_log_likelihood,
        n_rows=torch.from_numpy(np.diff(grouping.start)),
        n_iter=found.n_iter,
        sentences=sentences,
        dropped=rows.dropped,
        warnings=(*rows.sentences, *_sentences(grouping.labels, found, by)),
        fitting=fitting,
        grouping=grouping,
    )
    tell(out.warnings, strict)
    return out


def _fitted(fitting: Fitting, grouping: Grouping) -> Results:
    """The batch of ordinary fits, then the others, one by one."""
    ended = fitting.newton(fitting.batch(grouping.start, grouping.order), len(grouping.labels))
    takes: list[Take] = [grouping.rows(group) for group in (~ended.done).nonzero()[:, 0].tolist()]
    fitting.check_finite(takes)
    return results(
        ended, fitting.rows.classes, fitting.k, fitting.penalty.free, lambda group: fitting.single(grouping.rows(group))
    )


def _sentences(labels: npt.NDArray[Any], found: Results, by: str) -> list[str]:
    """What must be told of them all, in a sentence each, naming the first groups."""
    told, size = [], len(labels)
    bad = [group for group, status in enumerate(found.status) if status is not Status.converged]
    if bad:
        count = Counter(str(found.status[group]) for group in bad)
        kinds = ", ".join(f"{number} {status}" for status, number in count.items())
        first = ", ".join(f"{show_value(labels[g])} ({found.status[g]})" for g in bad[:FIRST])
        told.append(
            f"not certified: {len(bad)} of {size} groups by `{by}` ({kinds}): {first}{', …' * (len(bad) > FIRST)}; "
            ".sentences says why of each"
        )
    aliased = found.aliased.any(1).nonzero()[:, 0].tolist()
    if aliased:
        first = ", ".join(show_value(labels[g]) for g in aliased[:FIRST])
        told.append(
            f"aliased: in {len(aliased)} of {size} groups by `{by}` a column adds nothing to those before it and has no "
            f"coefficient of its own: {first}{', …' * (len(aliased) > FIRST)}; .sentences says which"
        )
    return told
