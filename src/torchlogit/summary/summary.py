"""The summary of a fit: what was fitted, to what, the table of coefficients, and what must be told."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from math import exp, inf, isfinite
from typing import TYPE_CHECKING, Any

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.compared import profiled
from torchlogit.inference.contrasts import contrasts
from torchlogit.penalties import Jeffreys
from torchlogit.render.document import Document, Grid, grid
from torchlogit.render.numbers import number, odds, p_text, plain
from torchlogit.render.rendered import Rendered
from torchlogit.summary.record import infinite, terms, to_json
from torchlogit.summary.words import class_name, facts, notes, title
from torchlogit.tables.names import show, show_list

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.inference.wald import Table

ERRORS = 6  # cells that need a standard error: std. error, z, p, odds ratio, low, high
REFERENCE = "reference"
UNSOLVED = "Left empty at {names}: what could not be solved to its certificate; profile() tells more."


@dataclass(frozen=True, repr=False, eq=False)
class Summary(Rendered):
    """A fit to be read: ``print`` it, show it in a notebook, or take it with `to_html`, `to_latex`, `to_json`, `to_frame`, ….

    ``table`` has the numbers in full, one entry a term and class; with ``odds`` the interval that is shown is the odds
    ratio's. ``labels`` are the classes of the columns of coefficients, against ``base`` if there is one.
    """

    fit: Fit
    table: Table
    labels: tuple[Any, ...]
    odds: bool
    interval: str = "wald"
    base: Any = None

    def document(self) -> Document:
        """What is shown."""
        fit = self.fit
        rows = _Rows(self)
        grids = tuple(rows.grid(j) for j in range(len(self.labels)))
        told = (*notes(fit, self.base), *self._unsolved())
        return Document(title(fit), facts(fit, self.table.level, self.interval), grids, told)

    def _unsolved(self) -> tuple[str, ...]:
        """Which terms lack a bound because the equations of the profile could not be solved."""
        table, aliased = self.table, set(self.fit.aliased)
        empty = (table.low != table.low) | (table.high != table.high) | (table.z != table.z)
        lack = dict.fromkeys(t for t, blank in zip(table.term, empty, strict=True) if blank and t not in aliased)
        if self.interval != "profile" or not lack:
            return ()
        return (UNSOLVED.format(names=show_list((f"`{show(name)}`" for name in lack), len(lack))),)

    def to_dict(self) -> dict[str, Any]:
        """`to_json` as a dict: schema ``torchlogit/fit/1``, its terms those of this summary."""
        own = {"base": plain(self.base), "interval": self.interval}
        return {**to_json(self.fit), **own, "terms": list(terms(self.fit, self.table, self.labels))}

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON: all facts, all terms with all their digits; a number that is not finite is null."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_frame(self, library: str = "pandas") -> Any:
        """The terms as a data frame of pandas, polars or pyarrow, one row a term and class."""
        from torchlogit.inference.tabular import frame

        rows = list(terms(self.fit, self.table, self.labels))
        return frame({name: [row[name] for row in rows] for name in rows[0]}, library)


def summary(
    fit: Fit, level: float = 0.95, *, interval: str | None = None, odds: bool | None = None, base: Any = None
) -> Summary:
    """The fit in words and as a table, for people.

    ``odds`` shows odds ratios with their intervals, exp of the slopes' bounds (by default wherever the link is logit);
    ``odds=False`` shows the intervals of the coefficients themselves. A fit of more than two classes is shown against a
    ``base`` class, by default the first, as two classes are; a separated one as it is, each class for itself.
    ``interval`` is "wald" or "profile"; by default Wald's, for a fit under Jeffreys' prior those of the penalised
    likelihood, as R's logistf prints them, where the rows are at hand and few enough that they cost little.

    Raises ParameterError for odds of a link that has none, and for a base that is no class.

    >>> from torchlogit import datasets, fit
    >>> print(str(summary(fit(datasets.study_hours(), "passed"))).splitlines()[17])
    hours          1.5046  0.6287   2.39  0.017  4.5026  1.3131  15.4393
    """
    if interval not in (None, "wald", "profile"):
        raise ParameterError(f'interval must be "wald", "profile" or None, got {interval!r}')
    if odds and not fit._loss().odds:
        raise ParameterError(f"the link {fit.loss} has no odds ratios; leave odds out")
    if base is None and fit.loss == "softmax" and fit.infinite is None:
        base = fit.classes[0]
    found = contrasts(fit, base)
    table, kind = _table(fit, level, base, interval)
    return Summary(fit, table, found.labels, fit._loss().odds if odds is None else odds, kind, found.base)


def _table(fit: Fit, level: float, base: Any, interval: str | None) -> tuple[Table, str]:
    """The table with the intervals that are asked for, or by default; and which those are."""
    if interval is None and isinstance(fit.penalty, Jeffreys) and fit.certified and profiled(fit):
        with suppress(NotCertifiedError):
            return fit.table(level, base, "profile"), "profile"
    kind = interval or "wald"
    return fit.table(level, base, kind), kind


class _Rows:
    """The rows of a summary's tables: names that are shown, indented below their category, and the numbers as text."""

    def __init__(self, shown: Summary) -> None:
        self.shown, self.table, self.fit = shown, shown.table, shown.fit
        self.infinite = infinite(shown.fit, shown.table)

    def grid(self, j: int) -> Grid:
        """The table of class j."""
        shown = self.shown
        percent = f"{100 * self.table.level:g}%"
        head = ["term", "estimate", "std.\nerror", "z", "p", "odds\nratio", f"{percent}\nlow", f"{percent}\nhigh"]
        against = "" if shown.base is None else f" against {class_name(shown.base)}"
        caption = (
            f"class {class_name(shown.labels[j])}{against}" if len(shown.labels) > 1 or shown.base is not None else ""
        )
        return grid(head, self._named(j), caption=caption, keep=2)

    def _named(self, j: int) -> list[list[str]]:
        """The intercept, then every term; a term of several rows has a line of its own above them."""
        fit, rows = self.fit, []
        if fit.intercept:
            rows.append(self._row(0, j, "(Intercept)"))
        for term, places in fit.terms.items():
            reference = fit.reference.get(term)
            if reference is None and len(places) == 1:
                rows.append(self._row(places[0], j, show(fit.names[places[0]], 200)))
                continue
            rows.append([show(term, 200), *[""] * (ERRORS + 1)])
            if reference is not None:
                rows.append(["  " + show(reference, 200), REFERENCE, *[""] * ERRORS])
            rows += [self._row(i, j, "  " + show(level(fit.names[i], term), 200)) for i in places]
        return rows

    def _row(self, i: int, j: int, name: str) -> list[str]:
        """One row of theta as text; empty where there is no number."""
        table, at = self.table, i * len(self.shown.labels) + j
        if i >= self.fit.intercept and self.fit.columns[i - self.fit.intercept] in self.fit.aliased:
            return [name, "aliased", *[""] * ERRORS]
        estimate, slope = float(table.estimate[at]), i >= self.fit.intercept
        if isfinite(estimate) and self.infinite[at]:
            estimate = self.infinite[at] * inf
        ratio = odds(estimate) if self.shown.odds and slope and isfinite(estimate) else ""
        error, z, log_p = (float(values[at]) for values in (table.std_error, table.z, table.log_p))
        errors = [
            number(error) if error == error else "",
            f"{z:.2f}" if z == z else "",
            p_text(log_p) if z == z else "",
        ]
        bounds = [self._bound(float(x), slope) for x in (table.low[at], table.high[at])]
        return [name, _finite(estimate), *errors, ratio, *bounds]

    def _bound(self, x: float, slope: bool) -> str:
        """A bound of the coefficient, or of its odds ratio; the odds where all x are 0 are no ratio."""
        if not self.shown.odds:
            return _finite(x)
        return "" if not slope or x != x else odds(x) if isfinite(x) else _finite(exp(x) if x < 0 else x)


def _finite(x: float) -> str:
    """A bound that may not exist."""
    return number(x) if isfinite(x) else "" if x != x else f"{x:+}"


def level(column: str, term: str) -> str:
    """The name of a column below its term.

    >>> level("school=B", "school"), level("C(school)[T.B]", "C(school)"), level("bs(age, 4)[2]", "bs(age, 4)")
    ('B', 'B', '2')
    >>> level("age:C(school)[T.B]", "age:C(school)"), level("sex[T.male]:school[T.B]", "sex:school")
    ('age:B', 'male:B')
    """
    columns, terms = column.split(":"), term.split(":")
    if 1 < len(columns) == len(terms):
        return ":".join(map(level, columns, terms))
    rest = column.removeprefix(term)
    if rest == column or not rest:
        return column
    if rest.startswith("=") and len(rest) > 1:
        return rest[1:]
    if rest.startswith("[") and rest.endswith("]") and len(rest) > 2:
        return rest[1:-1].removeprefix("T.")
    return column
