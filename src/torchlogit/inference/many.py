"""Many fits as one long table and as a summary."""

from __future__ import annotations

from collections import Counter
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from torchlogit.inference.normal import half_width, tested
from torchlogit.render.numbers import number
from torchlogit.render.text import WIDTH, aligned
from torchlogit.summary import class_name, penalty
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.many import ManyFits

Floats = npt.NDArray[np.float64]


class GroupTable(NamedTuple):
    """One entry a group, term and class, (G·p·k,) arrays; ``pandas.DataFrame(table._asdict())`` is a data frame of it.

    NaN where there is no number: aliased terms, groups without a certificate, penalised fits.
    """

    group: npt.NDArray[Any]
    term: npt.NDArray[Any]
    label: npt.NDArray[Any]  # the class whose odds the term moves
    estimate: Floats
    std_error: Floats
    z: Floats
    p: Floats
    low: Floats
    high: Floats


def group_table(fits: ManyFits, level: float = 0.95) -> GroupTable:
    """Wald inference for every term of every group: ``z = b / SE``, ``b ± z_{(1+level)/2} SE``.

    Source: Agresti (2013), Categorical Data Analysis, §5.2.1.
    """
    width = half_width(level)
    size, p, k = fits.theta.shape
    estimate = np.where(fits.aliased[..., None], np.nan, fits.theta).ravel()
    error = fits.std_error.numpy().ravel()
    z, log_p = tested(estimate, error)
    half = width * error
    return GroupTable(
        group=np.repeat(fits.groups, p * k),
        term=np.tile(np.repeat(np.array(fits.names, dtype=object), k), size),
        label=np.tile(fits.classes if k > 1 else fits.classes[-1:], size * p),
        estimate=estimate,
        std_error=error,
        z=z,
        p=np.exp(log_p),
        low=estimate - half,
        high=estimate + half,
    )


def summary(fits: ManyFits) -> str:
    """How the groups ended, and each term's quartiles over the groups that are certified; 80 columns wide."""
    kind = "Logistic regression" if fits.theta.shape[2] == 1 else "Multinomial logistic regression"
    title = f"{kind} of `{show(fits.target, 30)}` in {len(fits)} groups by `{show(fits.by, 30)}`"
    sizes = fits.n_rows
    pairs = [
        ("rows", f"{int(sizes.sum())} used, {fits.dropped or 'none'} dropped; {sizes.min()} to {sizes.max()} a group"),
        ("classes", ", ".join(map(class_name, fits.classes[:12])) + ", …" * (len(fits.classes) > 12)),
        ("penalty", penalty(fits)),  # type: ignore[arg-type]
        ("groups", ", ".join(f"{n} {status}" for status, n in Counter(map(str, fits.status)).most_common())),
    ]
    facts = "\n".join(
        fill(value, WIDTH, initial_indent=f"{name:7}  ", subsequent_indent=" " * 9) for name, value in pairs
    )
    notes = "\n".join(fill(f"{line[0].upper()}{line[1:]}.", WIDTH, subsequent_indent="  ") for line in fits.warnings)
    return "\n\n".join(filter(None, (fill(title, WIDTH), facts, _quartiles(fits), notes)))


def _quartiles(fits: ManyFits) -> str:
    """Of every term: quartiles of its estimates, and the median of its standard errors."""
    table = group_table(fits)
    keep = np.repeat(fits.certified, fits.theta.shape[1] * fits.theta.shape[2]) & np.isfinite(table.estimate)
    if not keep.any():
        return ""
    lines = [["over groups", "25 %", "median", "75 %", "std. error"]]
    for term in fits.names:
        for label in dict.fromkeys(table.label.tolist()):
            here = keep & (table.term == term) & (table.label == label)
            name = term if fits.theta.shape[2] == 1 else f"{term} ({class_name(label)})"
            lines.append([name, *_cells(table.estimate[here], table.std_error[here])])
    return "\n".join(aligned(lines))


def _cells(estimate: Floats, error: Floats) -> list[str]:
    if not len(estimate):
        return [""] * 4
    error = error[np.isfinite(error)]
    cells = [number(float(q)) for q in np.quantile(estimate, [0.25, 0.5, 0.75])]
    return [*cells, number(float(np.median(error))) if len(error) else ""]
