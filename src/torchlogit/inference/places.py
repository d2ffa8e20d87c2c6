"""Where averages are taken: groups of the rows, and the values that variables are set to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.averages import Averages
from torchlogit.inference.moves import Changes
from torchlogit.inference.observed import Observed
from torchlogit.tables.cells import distinct, read_cells
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show, show_names

Floats = npt.NDArray[np.float64]
At = Mapping[str, Any] | Literal["mean", "median"] | None


def groups_of(beside: Observed, by: Any, *, log: bool, at_centre: bool) -> tuple[list[str], Averages]:
    """Names of the groups, "" for all rows, and averages within each of them."""
    weight, names = beside.weight.cpu(), [""]
    codes = torch.zeros(len(weight), dtype=torch.long)
    if by is not None:
        names, places = coded(beside.rows.column(by), by if isinstance(by, str) else "by")
        codes = torch.from_numpy(places)
    share = torch.zeros(len(weight), len(names), dtype=torch.float64)
    share[torch.arange(len(weight)), codes] = weight
    total = share.sum(0)
    if bool((total == 0).any()):
        empty = [name for name, t in zip(names, total.tolist(), strict=True) if t == 0]
        raise DataError(f"all rows of {show_names(empty)} have weight 0, so there is no average of them")
    return names, Averages(beside, share / total, log, at_centre)


def coded(values: Any, what: str) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the groups that labels (n,) make, and the place of each row among them; `DataError` where one is missing."""
    cells = read_cells(values, what)
    if cells.missing.any():
        raise DataError(f"column `{show(what)}` has missing cells, which belong to no group; fill them first")
    found, places = distinct(cells, what)
    return [level_text(value) for value in found.tolist()], np.asarray(places, dtype=np.int64)


def grid(averages: Averages, at: At) -> Iterator[tuple[str, Changes]]:
    """Every combination of values that variables are set to, in words and as changes."""
    if isinstance(at, str):
        if at not in ("mean", "median"):
            raise ParameterError(f'at must be "mean", "median" or a dict of values, got {at!r}')
        yield "", _centres(averages, at)
        return
    lists = {name: list(v) if np.ndim(v) else [v] for name, v in (at or {}).items()}
    for values in product(*lists.values()):
        changes = {name: averages.moves.value(name, v) for name, v in zip(lists, values, strict=True)}
        yield ", ".join(f"{show(name, 20)} = {level_text(v)}" for name, v in changes.items()), changes


def _centres(averages: Averages, kind: str) -> Changes:
    """Every number at its mean or median in the row's group, (n,) each."""
    share, out = averages.share.numpy(), {}
    for name, feature in averages.moves.variables.items():
        if not feature.levels:
            numbers = averages.moves.numbers(name)
            of_groups = numbers @ share if kind == "mean" else np.array([_median(numbers, s) for s in share.T])
            out[name] = of_groups[share.argmax(1)]
    return out


def _median(numbers: Floats, share: Floats) -> float:
    """The weighted median; between two numbers where half of the weight lies on either side."""
    order = np.argsort(numbers, kind="stable")
    numbers, total = numbers[order][share[order] > 0], np.cumsum(share[order][share[order] > 0])
    first, last = (int(np.searchsorted(total, end)) for end in (0.5 - 1e-12, 0.5 + 1e-12))
    return float(numbers[first] + numbers[min(last, len(numbers) - 1)]) / 2
