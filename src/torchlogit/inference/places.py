"""Where averages are taken: groups of the rows, and the values that variables are set to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from torchlogit.errors import ParameterError
from torchlogit.inference.facts import Facts, labelled
from torchlogit.inference.moves import Changes, Moves
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

At = Mapping[str, Any] | Literal["mean", "median"] | None


def coded(values: Any, what: str) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the groups that labels (n,) make, and the place of each row among them; `DataError` where one is missing."""
    labels, places = labelled(values, what)
    return list(map(level_text, labels)), places


def grid(facts: Facts, at: At) -> Iterator[tuple[str, Changes]]:
    """Every combination of values that variables are set to, in words and as changes."""
    if isinstance(at, str):
        if at not in ("mean", "median"):
            raise ParameterError(f'at must be "mean", "median" or a dict of values, got {at!r}')
        yield "", _centres(facts, at)
        return
    lists = {name: list(v) if np.ndim(v) else [v] for name, v in (at or {}).items()}
    for values in product(*lists.values()):
        changes = {name: facts.moves.value(name, v) for name, v in zip(lists, values, strict=True)}
        yield ", ".join(f"{show(name, 20)} = {level_text(v)}" for name, v in changes.items()), changes


@dataclass(frozen=True)
class OfGroup:
    """A value for each group, as a change: every row has that of its own."""

    values: tuple[float, ...]

    def __call__(self, rows: Moves, part: slice) -> npt.NDArray[np.float64]:
        """The values (m,) of some rows."""
        return np.array(self.values)[rows.groups[part]]


@dataclass(frozen=True)
class Shifted:
    """A step from a number's own value, or from what it is moved to, as a change."""

    name: str
    step: float
    start: Any = None

    def __call__(self, rows: Moves, part: slice) -> Any:
        """The values of some rows, (m,) or one for all."""
        return rows.moved(self.name, {} if self.start is None else {self.name: self.start}, part) + self.step


def _centres(facts: Facts, kind: str) -> Changes:
    """Every number at its mean or median in the row's group."""
    centres = facts.means if kind == "mean" else facts.medians
    names = [name for name, feature in facts.moves.variables.items() if not feature.levels]
    return {name: OfGroup(tuple(centres(name))) for name in names}
