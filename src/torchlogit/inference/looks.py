"""The faults that `check` looks for in a fit, one function each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from torchlogit.cone import Cone, Undecided
from torchlogit.inference.goodness import hosmer_lemeshow, surprises
from torchlogit.inference.grouped import scatter
from torchlogit.inference.influence import most_influential
from torchlogit.inference.linearity import linearity
from torchlogit.inference.observed import observed
from torchlogit.inference.quality import chi_squared
from torchlogit.render.numbers import p_sign
from torchlogit.separation import verdict
from torchlogit.solvers import Status
from torchlogit.tables.names import show
from torchlogit.told import dependence_sentence

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

FEW = 10.0  # events a coefficient
INFLATED = 10.0  # VIF
ALPHA = 0.05  # of all terms together
ALIASED = 3  # aliased columns told one by one
EXCESS = 0.01  # chance of as many surprising rows, under which there are too many


class Seen(NamedTuple):
    """What a look found: ``ok`` is None where it could not be made; the sentence; the number that was looked at."""

    ok: bool | None
    advice: str
    value: float | None = None


@dataclass(frozen=True)
class Look:
    """A fit with the rows to look at, and the words to tell of them."""

    fit: Fit
    data: Any
    words: ModuleType
    given: dict[str, Any] = field(default_factory=dict)

    def word(self, key: str, **values: Any) -> str:
        """A sentence or a part of one."""
        return str(self.words.WORDS[key].format(**values))

    def not_checked(self, why: str) -> Seen:
        """That a look could not be made."""
        return Seen(None, self.word("not checked", why=self.words.spoken(why)))

    def named(self, columns: Sequence[str]) -> str:
        """Columns in a row."""
        return str(self.words.listed([f"`{show(name)}`" for name in columns]))

    def penalised(self, key: str) -> str:
        """The key of a sentence that is another one under a penalty."""
        return key if self.fit.penalty.free else f"{key}_penalised"


def _optimum(at: Look) -> Seen:
    if at.fit.certified:
        return Seen(True, at.word("certified"), at.fit.certificate.relative_distance)
    return Seen(False, at.word("uncertified", why=at.words.spoken(at.fit.status.value)))


def _separation(at: Look) -> Seen:
    fit = at.fit
    if fit.status is Status.separated and at.data is None:
        told = next((line for line in fit.warnings if line.startswith("not certified")), fit.status.value)
        values = _split(at, fit.complete, fit.infinite)
        return Seen(False, at.word("separated", told=told.removeprefix("not certified: "), **values))
    if fit.penalty.free and fit.certified and at.data is None:
        return Seen(True, at.word("finite"))
    seen = observed(fit, at.data, **at.given)
    try:
        cone = Cone(seen.objective, seen.gamma)
        found = cone.interior()
    except Undecided as error:
        return at.not_checked(str(error))
    if found is None:
        return Seen(True, at.word(at.penalised("overlap")))
    split = verdict(cone, *found)
    return Seen(False, at.word(at.penalised("split"), **_split(at, split.complete, split.sign)))


def _split(at: Look, complete: bool, sign: Any) -> dict[str, str]:
    """Which columns split the classes, and how."""
    lead = int(at.fit.intercept)
    moved = [] if sign is None else (sign[lead:] != 0).any(1).nonzero()[:, 0].tolist()
    names = at.word("by", names=at.named([at.fit.columns[j] for j in moved])) if moved else ""
    return {"by": names, "names": names, "how": at.word("perfectly" if complete else "in part")}


def _events(at: Look) -> Seen:
    fit = at.fit
    coefficients = (len(fit.columns) - len(fit.dependences)) * max(1, len(fit.classes) - 1)
    if not coefficients or not fit.class_weights:
        return at.not_checked(at.word("no coefficients"))
    fewest = min(fit.class_weights)
    each = fewest / coefficients
    key = "many" if each >= FEW else at.penalised("few")
    counts = {
        "cases": at.words.counted(fewest, "case"),
        "coefficients": at.words.counted(coefficients, "coefficient"),
        "each": f"{each:.1f}",
        "least": f"{FEW:.0f}",
    }
    return Seen(each >= FEW, at.word(key, **counts), each)


def _collinearity(at: Look) -> Seen:
    fit = at.fit
    if fit.aliased:
        each = [at.words.spoken(dependence_sentence(fit.columns, one)) for one in fit.dependences[:ALIASED]]
        more = at.word("more", n=len(fit.dependences) - ALIASED) if len(fit.dependences) > ALIASED else ""
        return Seen(False, at.word("aliased", told=at.word("then").join(each), more=more), float("inf"))
    if not fit.columns:
        return Seen(True, at.word("no columns"))
    found = fit.collinearity(at.data, **at.given)
    vif = found.gvif ** (1 / found.df)  # of a term of several columns, what compares with a column's
    worst = float(vif.max())
    whole = {"condition": f"{found.condition:.3g}", "digits": found.digits, "most": f"{INFLATED:.0f}"}
    if worst <= INFLATED:
        return Seen(True, at.word("apart", worst=f"{worst:.2f}", **whole), worst)
    high = [f"`{show(term)}` ({vif:.3g})" for term, vif in zip(found.term, vif, strict=True) if vif > INFLATED]
    return Seen(False, at.word("inflated", names=at.words.listed(high), **whole), worst)


def _linearity(at: Look) -> Seen:
    found = linearity(at.fit, at.data, **at.given)
    if not found.term:
        return Seen(True, at.word("no numbers"))
    tested = [(float(p), term) for p, term in sorted(zip(found.log_p, found.term, strict=True))]
    least = exp(tested[0][0])
    passes = [exp(p) * (len(tested) - i) < ALPHA for i, (p, _) in enumerate(tested)]
    holm = tested[: [*passes, False].index(False)]
    if not holm:
        return Seen(True, at.word("straight", p=p_sign(tested[0][0])), least)
    names = [f"`{show(term)}` (p {p_sign(p)})" for p, term in holm]
    return Seen(False, at.word("bent", names=at.words.listed(names)), least)


def _influence(at: Look) -> Seen:
    most = most_influential(at.fit, 5, at.data, **at.given)
    largest = float(most.cooks_distance[0])
    if np.isnan(largest):
        return at.not_checked(at.word("saturated"))
    rows = most.row[most.cooks_distance > 1]
    if not len(rows):
        return Seen(True, at.word("even", largest=f"{largest:.3g}", row=most.row[0]), largest)
    return Seen(False, at.word("influential", which=at.words.rows(rows - 1), largest=f"{largest:.3g}"), largest)


def _calibration(at: Look) -> Seen:
    fit = at.fit
    if not fit.certified:
        return at.not_checked(at.word("not certified"))
    if fit.counts and fit.weight is None:
        return _dispersion(at)
    found = hosmer_lemeshow(fit, at.data, **at.given)
    where = at.word("own rows" if at.data is None else "these rows")
    key = "calibrated" if found.p >= ALPHA else "miscalibrated"
    told = at.word(key, groups=len(found.n), where=where, p=p_sign(found.log_p))
    return Seen(found.p >= ALPHA, told, found.p)


def _dispersion(at: Look) -> Seen:
    """Whether counts scatter around the fit as binomial counts do: Pearson's chi-squared on its degrees of freedom."""
    found = scatter(at.fit, at.data)
    if found.df < 1:
        return at.not_checked(at.word("no freedom"))
    log_p, each = chi_squared(found.pearson, found.df), found.pearson / found.df
    told = {"pearson": f"{found.pearson:.4g}", "df": found.df, "each": f"{each:.3g}", "p": p_sign(log_p)}
    if exp(log_p) >= ALPHA:
        return Seen(True, at.word("binomial", **told), each)
    return Seen(False, at.word("overdispersed", times=f"{each**0.5:.2g}", **told), each)


def _outliers(at: Look) -> Seen:
    from scipy.special import gammainc

    if not at.fit.certified:
        return at.not_checked(at.word("not certified"))
    if at.fit.counts and at.fit.weight is None:
        return _far_counts(at)
    rows, expected = surprises(at.fit, at.data, **at.given)
    too_many = len(rows) > 0 and float(gammainc(len(rows), max(expected, 1e-300))) < EXCESS
    return _rows(at, "surprises", too_many, rows, expected)


def _far_counts(at: Look) -> Seen:
    """Rows whose counts have a deviance residual over 3."""
    found = scatter(at.fit, at.data)
    expected = 0.0027 * found.n  # of a standard normal
    return _rows(at, "far counts", len(found.far) > max(1.0, 3 * expected), found.far, expected)


def _rows(at: Look, key: str, too_many: bool, rows: Any, expected: float) -> Seen:
    """How many rows there are of a kind, and which, where there are too many."""
    told = {"rows": at.words.counted(len(rows), "row"), "expected": f"{expected:.2g}"}
    if not too_many:
        return Seen(True, at.word(key, **told), float(len(rows)))
    return Seen(False, at.word(f"too many {key}", which=at.words.rows(rows - 1), **told), float(len(rows)))


LOOKS: dict[str, Callable[[Look], Seen]] = {
    "optimum": _optimum,
    "separation": _separation,
    "events": _events,
    "collinearity": _collinearity,
    "linearity": _linearity,
    "influence": _influence,
    "calibration": _calibration,
    "outliers": _outliers,
}
