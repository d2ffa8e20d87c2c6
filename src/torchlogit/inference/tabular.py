"""Results as tables: a mixin that gives a dataclass of equally long columns every form that people ask for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from importlib import import_module
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from torchlogit.errors import ParameterError
from torchlogit.render.document import Document, grid
from torchlogit.render.numbers import cell, p_text, plain
from torchlogit.render.rendered import Rendered
from torchlogit.render.text import sentence

MOST_ROWS = 60  # rows that are shown one by one; the others are in `to_frame`
SHOWN = 20
HUNDREDTHS = ("z", "aic", "delta_aic", "bic", "delta_bic")  # columns whose further digits say nothing
LIBRARIES = ("pandas", "polars", "pyarrow")


class Tabular(Rendered):
    """A mixin for frozen dataclasses and NamedTuples: text, HTML, Markdown, LaTeX, JSON, dicts and frames of their fields.

    Fields that are sequences are columns, all of one length; a matrix (m, q) is q columns; all others are facts about the
    table. A field ``notes`` holds sentences that stand below. Class variables say the rest: ``heading`` stands above,
    ``derived`` names properties that are columns (or facts) too, ``heads`` gives columns other names where they are shown,
    ``hidden`` names fields that only `to_dict`, `to_json` and `to_frame` have; a ``field(repr=False)`` is nowhere shown.
    A column ``log_p`` is shown as the p-value it is the logarithm of. Where there is no column at all, the facts are the
    table. Write ``@dataclass(frozen=True, repr=False, eq=False)``, so that a session shows the table; a NamedTuple joins in
    by ``class Table(Tabular, Fields)``.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False, eq=False)
    ... class Effects(Tabular):
    ...     heading: ClassVar[str] = "Average effects"
    ...     term: tuple[str, ...]
    ...     effect: np.ndarray
    ...     log_p: np.ndarray
    ...     level: float = 0.95
    >>> print(Effects(("age", "lwt"), np.array([0.01, -2.0]), np.array([-8.0, -1.0])))
    Average effects
    <BLANKLINE>
    level  0.95
    <BLANKLINE>
    term   effect       p
    age    0.0100  <0.001
    lwt   -2.0000   0.368
    """

    heading: ClassVar[str] = ""
    derived: ClassVar[tuple[str, ...]] = ()
    heads: ClassVar[dict[str, str]] = {}
    hidden: ClassVar[tuple[str, ...]] = ()

    def columns(self) -> dict[str, Any]:
        """The columns by name, each (m,)."""
        found: dict[str, Any] = {}
        for name, value in self._fields_by_name().items():
            if _is_column(value) and name != "notes":
                found |= self._spread(name, value)
        if len({len(column) for column in found.values()}) > 1:
            raise ParameterError(f"{type(self).__name__} has columns of unequal lengths")  # a defect of the class
        return found

    def facts(self) -> dict[str, Any]:
        """What is one value, not a column."""
        return {
            name: value for name, value in self._fields_by_name().items() if not _is_column(value) and name != "notes"
        }

    def _fields_by_name(self) -> dict[str, Any]:
        own: Any = self
        names = (
            own._fields if hasattr(self, "_fields") else [field.name for field in dataclasses.fields(own) if field.repr]
        )
        return {name: getattr(self, name) for name in (*names, *self.derived)}

    def _spread(self, name: str, value: Any) -> dict[str, Any]:
        """A column, or the columns of a matrix."""
        value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        if np.ndim(value) < 2 or getattr(value, "ndim", 1) < 2:
            return {name: value}
        return dict(zip(self.names_of(name, value.shape[1]), value.T, strict=True))

    def names_of(self, field: str, size: int) -> Sequence[str]:
        """Names of the columns that a matrix becomes; ``field.1``, ``field.2``, … unless a class says otherwise."""
        return [f"{field}.{j + 1}" for j in range(size)]

    def document(self) -> Document:
        """What is shown."""
        columns = {name: c for name, c in self.columns().items() if name not in self.hidden}
        if "log_p" in columns:
            columns.pop("p", None)
        facts = tuple(
            (self._head(name), p_text(value) if name == "log_p" else _fact(value))
            for name, value in self.facts().items()
            if name not in self.hidden and value is not None and not (name == "p" and "log_p" in self.facts())
        )
        notes = tuple(map(sentence, getattr(self, "notes", ())))
        size = len(next(iter(columns.values()))) if columns else 0
        if size > MOST_ROWS:
            notes = (f"The first {SHOWN} of {size} rows; to_frame() has them all.", *notes)
        rows = range(SHOWN if size > MOST_ROWS else size)
        cells = [[_cell(name, column[i]) for name, column in columns.items()] for i in rows]
        align = "".join("l" if _is_text(column) else "r" for column in columns.values())
        tables = (grid([self._head(name) for name in columns], cells, align),) if columns else ()
        return Document(self.heading, facts, tables, notes)

    def _head(self, name: str) -> str:
        return self.heads.get(name, "p" if name == "log_p" else name.replace("_", " "))

    def to_dict(self) -> dict[str, Any]:
        """Columns as lists and facts as they are, of JSON types; a number that is not finite is None."""
        columns = {name: list(map(plain, column)) for name, column in self.columns().items()}
        facts = {name: _jsonable(value) for name, value in self.facts().items()}
        notes = {"notes": list(self.notes)} if hasattr(self, "notes") else {}
        return {**columns, **facts, **notes}

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON of `to_dict`, with its schema's name, ``torchlogit/<the class>/1``."""
        found = {"schema": f"torchlogit/{type(self).__name__.lower()}/1", **self.to_dict()}
        return json.dumps(found, indent=indent, allow_nan=False, ensure_ascii=False)

    def to_frame(self, library: str = "pandas") -> Any:
        """The columns as a frame of ``"pandas"``, ``"polars"`` or ``"pyarrow"`` (a Table); without columns, the facts as one row.

        ParameterError where that library is not installed.
        """
        columns = self.columns() or {name: [_jsonable(value)] for name, value in self.facts().items()}
        return frame({name: _values(column) for name, column in columns.items()}, library)


def frame(columns: dict[str, Any], library: str = "pandas") -> Any:
    """A data frame of columns (m,), or with ``"dict"`` the columns themselves."""
    if library == "dict":
        return columns
    if library not in LIBRARIES:
        raise ParameterError(f"library must be one of {', '.join(map(repr, LIBRARIES))} or 'dict', got {library!r}")
    try:
        module = import_module(library)
    except ImportError as error:
        raise ParameterError(f"{library} is not installed; install it, or use library='dict'") from error
    make = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}[library]
    return getattr(module, make)(columns)


def _values(column: Any) -> Any:
    return column if isinstance(column, np.ndarray) and column.dtype.kind != "O" else list(column)


def _is_column(value: Any) -> bool:
    return (isinstance(value, tuple | list) and not isinstance(value, Rendered)) or getattr(value, "ndim", 0) > 0


def _is_text(column: Any) -> bool:
    kind = getattr(column, "dtype", None)
    if kind is not None and getattr(kind, "kind", "O") not in "OUS":
        return False
    return any(isinstance(value, str) for value in column) or not len(column)


def _cell(name: str, value: Any) -> str:
    if name in ("log_p", "p", "p_value") and value == value and value is not None:
        return p_text(float(value) if name == "log_p" else _log(float(value)))
    if name == "label":
        from torchlogit.tables.features import level_text

        return cell(level_text(value))
    if name in HUNDREDTHS and value is not None and isfinite(value):
        return f"{value:.2f}"
    return cell(value)


def _log(p: float) -> float:
    from math import inf, log

    return log(p) if p > 0 else -inf


def _fact(value: Any) -> str:
    """A fact as text: levels and settings as they were given, other numbers as in a table."""
    if isinstance(value, float) and value == float(f"{value:.3g}"):
        return f"{value:g}"
    return cell(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Tabular):
        return value.to_dict()
    return {str(k): plain(v) for k, v in value.items()} if isinstance(value, dict) else plain(value)
