"""What each coefficient of a fit compares: a step of a number, a flag, a level with its reference; or why it compares nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil, log10
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.estimate import MODEL_BASED
from torchlogit.inference.crossed import Move, crossed, products
from torchlogit.tables.formula_expression import names, parse
from torchlogit.tables.formula_products import label_of

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

LITTLE = 0.1  # log odds ratio of one unit, under which more units are told at once
CHEAP = 3e7  # rows × coefficients² up to which profile intervals are found unasked
MUCH = 5.0  # and over which less than one


class Compared(NamedTuple):
    """One row of theta and what it compares: ``kind`` is "number", "flag" or "level"; with ``why``, nothing.

    ``step`` is how much of a number is told at once, a power of ten; ``span`` the least and largest value that the rows have;
    ``siblings`` the rows of theta of the same category. Of an interaction ``where`` are the variables that are held, with
    their values; with ``second`` the coefficient is what that does to the first. ``slope`` is how much of it one unit has.
    """

    name: str
    row: int
    kind: str = "number"
    level: str = ""
    reference: str = ""
    why: str = ""
    step: float = 1.0
    span: tuple[float, float] | None = None
    siblings: tuple[int, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    second: Compared | None = None
    slope: float = 1.0

    @property
    def times(self) -> float:
        """What the coefficient is multiplied by, to be that of what is told."""
        return self.step * self.slope * (1.0 if self.second is None else self.second.step)


def compared(fit: Fit) -> list[Compared]:
    """What every term compares, in order.

    >>> from torchlogit import datasets, fit
    >>> [(part.name, part.kind, part.step, part.span) for part in compared(fit(datasets.study_hours(), "passed"))]
    [('hours', 'number', 1.0, (0.5, 5.5))]
    """
    read = {term: variables(fit, term) for term in fit.terms}
    often = Counter(name for each in read.values() for name in each)
    shared = {term for term, each in read.items() if any(often[name] > 1 for name in each)}
    return [part for term, rows in fit.terms.items() for part in _parts(fit, term, rows, read[term], term in shared)]


def variables(fit: Fit, term: str) -> tuple[str, ...]:
    """The columns of the table that a term reads."""
    factors = {label_of(each): each for each in products(fit)}
    if term not in factors:
        return (term,)
    return tuple(dict.fromkeys(name for factor in factors[term] for name in names(parse(factor))))


def _parts(fit: Fit, term: str, rows: tuple[int, ...], read: tuple[str, ...], shared: bool) -> Iterator[Compared]:
    if shared:
        yield from _shared(fit, term, rows)
    elif term in fit.reference:
        name = read[0] if len(read) == 1 else term
        yield from (_level(fit, term, name, row, rows) for row in rows)
    elif len(rows) > 1:
        yield Compared(term, rows[0], why="curve")
    elif fit.names[rows[0]] in fit.aliased:
        yield Compared(term, rows[0], why="aliased")
    else:
        yield _number(fit, term, rows[0])


def _shared(fit: Fit, term: str, rows: tuple[int, ...]) -> Iterator[Compared]:
    """Of a term whose variables occur in others too: what each of its coefficients compares, or that they compare nothing."""
    found = crossed(fit, term) if fit._loss().odds else {}
    if not set(rows) <= set(found):
        yield Compared(term, rows[0], why="shared")
        return
    for row in rows:
        if fit.names[row] in fit.aliased:
            yield Compared(fit.names[row], row, why="aliased")
            continue
        moves, where, slope = found[row]
        first, *second = (_moved(fit, move, row) for move in moves)
        yield first._replace(where=where, slope=slope, second=second[0] if second else None)


def _moved(fit: Fit, move: Move, row: int) -> Compared:
    """What one variable of an interaction does: as where it stands alone, if it does."""
    if move.level:
        return Compared(move.name, row, "level", move.level, move.reference)
    alone = fit.terms.get(move.name, ())
    return (_number(fit, move.name, alone[0]) if len(alone) == 1 else Compared(move.name, row))._replace(row=row)


def _level(fit: Fit, term: str, name: str, row: int, rows: tuple[int, ...]) -> Compared:
    from torchlogit.summary.summary import level

    column = fit.names[row]
    if column in fit.aliased:
        return Compared(column, row, why="aliased")
    return Compared(name, row, "level", level(column, term), fit.reference[term], siblings=rows)


def _number(fit: Fit, term: str, row: int) -> Compared:
    """A number with the step that is told; 0 and 1 alone make a flag."""
    values = column_of(fit, row - int(fit.intercept))
    if values is None:
        return Compared(term, row)
    low, high = float(values.min()), float(values.max())
    if (low, high) == (0, 1) and bool(((values == 0) | (values == 1)).all()):
        return Compared(term, row, "flag", span=(low, high), siblings=(row,))
    largest = float(fit.theta_centred[row].abs().max())
    return Compared(term, row, step=_step(largest, high - low), span=(low, high))


def _step(size: float, spread: float) -> float:
    """A power of ten of units for which a coefficient of this size says something; no more than the data spread.

    >>> _step(0.0055, 2600.0), _step(1.5, 5.0), _step(12.0, 0.4), _step(0.0, 1.0)
    (100.0, 1.0, 0.1, 1.0)
    """
    if size <= 0 or LITTLE <= size <= MUCH or spread <= 0:
        return 1.0
    power = ceil(log10(LITTLE / size)) if size < LITTLE else -ceil(log10(size / MUCH))
    return float(10.0 ** min(power, max(0, int(np.floor(log10(spread))))))


def column_of(fit: Fit, column: int) -> Any:
    """A column of the rows that were fitted, (n,); None where the fit has no rows."""
    if fit.training is None:
        return None
    values = fit.training.at_hand.x[:, [column]]
    values = values.toarray() if hasattr(values, "toarray") else values
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    return values[:, 0]


def probabilities(fit: Fit, part: Compared, change: float) -> tuple[float, float]:
    """The positive class's probability at the columns' centre (a category at its reference level), and after a change of η."""
    eta = fit.theta_centred[0].clone() if fit.intercept else fit.theta_centred[0] * 0
    shift = int(fit.intercept)
    for row in part.siblings:
        eta -= fit.theta_centred[row] * fit.centre[row - shift]
    loss = fit._loss()
    start, to = (float(loss.probabilities(each[None])[0, -1]) for each in (eta, eta + change))
    return start, to


def estimates(fit: Fit, level: float, interval: str | None, base: Any) -> tuple[Any, str]:
    """Estimates with bounds and log p, and which kind they are."""
    if interval not in (None, "wald", "profile"):
        raise ParameterError(f'interval must be "wald", "profile" or None, got {interval!r}')
    if interval == "profile" or (interval is None and _profiles(fit)):
        try:
            return fit.profile(level, base=base), "profile"
        except NotCertifiedError:
            if interval == "profile":
                raise
    return fit.table(level, base=base), "wald"


def _profiles(fit: Fit) -> bool:
    """Whether profile intervals are at hand and cost little."""
    own = fit.covariance_kind == MODEL_BASED
    return own and not fit.no_errors and profiled(fit)


def profiled(fit: Fit) -> bool:
    """Whether the fit has its rows, and so few that profiles cost little."""
    return fit.training is not None and fit.n_rows * fit.theta_centred.numel() ** 2 <= CHEAP
