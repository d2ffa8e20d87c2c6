"""The rows of a fit with some of the table's columns moved, encoded once more: what effects are differences of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import DataError, ParameterError
from torchlogit.intake import matrix
from torchlogit.rows import Rows
from torchlogit.tables.cells import numeric, read_cells
from torchlogit.tables.features import Feature, level_text
from torchlogit.tables.names import did_you_mean, show, show_names, show_value

if TYPE_CHECKING:
    from torchlogit.inference.facts import Facts, Spread

Floats = npt.NDArray[np.float64]
Changes = Mapping[str, Any]  # variable → one number, one a row, what gives them for `Moves` and a part, or a level
STEP = 2.0**-12  # of a column's spread, between the points of a numerical derivative
NODES = (-2, -1, 0, 1, 2)
ALL = slice(None)


@dataclass(frozen=True)
class Moves:
    """The rows of a table without a formula, or of a matrix: a variable is its own columns, which are written over.

    Variables are the features of the table, columns x1, x2, … of a matrix.
    """

    rows: Rows
    facts: Facts

    @cached_property
    def variables(self) -> dict[str, Feature]:
        """Variable → its levels, none for a number."""
        recipe = self.rows.recipe
        features = map(Feature, self.rows.columns) if recipe is None else recipe.features
        return {feature.name: feature for feature in features}

    @cached_property
    def _places(self) -> dict[str, tuple[int, ...]]:
        recipe = self.rows.recipe
        return {name: (j,) for j, name in enumerate(self.rows.columns)} if recipe is None else recipe.terms

    def numbers(self, name: str, part: slice = ALL) -> Floats:
        """The values (m,) of a variable that is a number, in all or some of the rows."""
        (j,) = self._places[name]
        column = self.rows.x[part][:, [j]]
        return np.asarray(column.toarray() if hasattr(column, "tocsr") else column.cpu(), dtype=np.float64)[:, 0]

    def encoded(self, part: slice, changes: Changes) -> Any:
        """Some of the rows with the changes made: (m, d)."""
        x = self.rows.x[part]
        if not changes:
            return x if hasattr(x, "tocsr") else x.cpu()
        x = torch.from_numpy(x.toarray()) if hasattr(x, "tocsr") else x.cpu().to(torch.float64, copy=True)
        for name, value in changes.items():
            feature, place = self.variables[name], list(self._places.get(name, ()))
            if feature.levels:
                others = [level for level in feature.levels if level != feature.reference]
                x[:, place] = torch.tensor([float(level == value) for level in others], dtype=x.dtype)
            else:
                x[:, place[0]] = torch.as_tensor(self.moved(name, changes, part), dtype=x.dtype)
        return x

    def slopes(self, part: slice, changes: Changes, name: str) -> Tensor:
        """By how much each column of some rows rises as the variable does, (m, d), or (1, d) where that is so in all rows."""
        out = torch.zeros(1, self.rows.x.shape[1], dtype=torch.float64)
        out[0, self._places[name][0]] = 1.0
        return out

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """The place of each row's group among those of the facts, (n,)."""
        return self.facts.places(self.rows)

    def moved(self, name: str, changes: Changes, part: slice) -> Any:
        """What a number becomes in some of the rows: one value, or one a row."""
        if name not in changes:
            return self.numbers(name, part)
        value = changes[name]
        if callable(value):
            return value(self, part)
        return value if np.ndim(value) == 0 else value[part]

    def cells(self, name: str) -> dict[str, Any]:
        """Level of a category → a cell that holds it, of the levels in these rows, where encoding wants cells."""
        return {}

    def check_name(self, name: str) -> None:
        """Raise ParameterError for what is no variable."""
        if name not in self.variables:
            near = did_you_mean(str(name), list(self.variables)) or f" There are {show_names(list(self.variables))}."
            raise ParameterError(f"`{show(name)}` is no variable of the model.{near}")

    def value(self, name: str, value: Any) -> Any:
        """What a variable is set to: a level as text, or a number; ParameterError for what is neither."""
        self.check_name(name)
        levels = self.variables[name].levels
        if levels and level_text(value) not in levels:
            told = ", ".join(map(show_value, levels[:12])) + ", …" * (len(levels) > 12)
            raise ParameterError(f"`{show(name)}` has no level {show_value(value)}; the levels are {told}")
        if not levels and (not isinstance(value, int | float | np.number | np.bool_) or not np.isfinite(value)):
            alone = "; 'mean' and 'median' stand alone and are of all" if value in ("mean", "median") else ""
            raise ParameterError(f"`{show(name)}` is a number and cannot be {value!r}{alone}")
        return level_text(value) if levels else float(value)


@dataclass(frozen=True)
class FormulaMoves(Moves):
    """The rows of a formula: its columns are made anew from the table, and slopes are numerical derivatives of them.

    These are of five points a row, inside the column's range (where a spline has no knots), and near 0 closer together
    where a column has positive numbers only, such as one of which the logarithm is taken: exact for powers up to the
    fourth, and to ten digits for what is smooth. Only the encoding is differentiated so; the rest is analytic.
    """

    @cached_property
    def _table(self) -> dict[str, npt.NDArray[Any]]:
        return {name: np.asarray(self.rows.column(name)) for name in self.variables}

    def cells(self, name: str) -> dict[str, Any]:
        _, first = np.unique(self._table[name].astype(str), return_index=True)
        return {level_text(cell): cell for cell in self._table[name][first].tolist()}

    def numbers(self, name: str, part: slice = ALL) -> Floats:
        return numeric(read_cells(self._table[name][part], name), name)

    def encoded(self, part: slice, changes: Changes) -> Any:
        table = {name: column[part] for name, column in self._table.items()}
        m = len(range(*part.indices(self.rows.n_rows)))
        for name, value in changes.items():
            cell: Any = self.facts.cell(name, value) if self.variables[name].levels else self.moved(name, changes, part)
            table[name] = np.full(m, cell) if np.ndim(cell) == 0 else np.asarray(cell)
        assert self.rows.recipe is not None
        return matrix(self.rows.recipe.encode(table).matrix)

    def slopes(self, part: slice, changes: Changes, name: str) -> Tensor:
        m = len(range(*part.indices(self.rows.n_rows)))
        t = np.broadcast_to(self.moved(name, changes, part), (m,)).astype(float)
        nodes = _nodes(t, self.facts.spread(name))
        weights, out = _weights(t, nodes), torch.zeros(())
        for place, weight in zip(nodes, weights, strict=True):
            x = self._at(part, changes, name, place)
            out = out + torch.from_numpy(weight)[:, None] * x
        return out

    def _at(self, part: slice, changes: Changes, name: str, place: Floats) -> Tensor:
        whole = np.empty(self.rows.n_rows)
        whole[part] = place
        x = self.encoded(part, {**changes, name: whole})
        return torch.from_numpy(x.toarray()) if hasattr(x, "tocsr") else x


def moves(rows: Rows, facts: Facts | None = None) -> Moves:
    """The rows as something whose variables can be moved; ``facts`` are those of all rows, where these are a part of them."""
    if isinstance(rows, Rows) and rows.data is None:
        raise DataError("these rows have no table to move the columns of")
    if facts is None:
        from torchlogit.inference.facts import Facts
        from torchlogit.inference.parts import Tables

        facts = Facts(Tables(rows))
    return (FormulaMoves if getattr(rows.recipe, "formula", "") else Moves)(rows, facts)


def _nodes(t: Floats, column: Spread) -> list[Floats]:
    """Five points about each t (m,), within the range of the column and of t."""
    low, high = min(column.low, t.min()), max(column.high, t.max())
    spread = column.deviation or abs(high) or 1.0
    size = np.full(t.shape, spread)
    if low > 0:
        size = np.clip(t, 1e-4 * spread, spread)
    h = np.exp2(np.floor(np.log2(size * STEP)))
    centre = np.clip(t, low + 2 * h, high - 2 * h) if high - low > 8 * h.max() else t
    return [centre + j * h for j in NODES]


def _weights(t: Floats, nodes: list[Floats]) -> list[Floats]:
    """What the derivative at t of the polynomial through values at the nodes takes of each of them."""
    out = []
    for u in nodes:
        others = [v for v in nodes if v is not u]
        rest = [np.prod([t - w for w in others if w is not v], 0) for v in others]
        out.append(np.sum(rest, 0) / np.prod([u - v for v in others], 0))
    return out
