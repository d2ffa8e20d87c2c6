"""What could be wrong with a fit, looked for one after the other, each with a sentence on what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from torchlogit.cone import Cone, Undecided
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.goodness import hosmer_lemeshow, surprises
from torchlogit.inference.linearity import linearity
from torchlogit.inference.observed import observed
from torchlogit.inference.quality import chi_squared
from torchlogit.render.document import Document
from torchlogit.render.numbers import p_sign, plain
from torchlogit.render.rendered import Rendered
from torchlogit.render.text import sentence, text
from torchlogit.separation import Separation, verdict
from torchlogit.solvers import Status
from torchlogit.tables.names import show, show_list, show_rows
from torchlogit.told import dependence_sentence

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.inference.grouped import Grouped

MARKS = {True: "✔", False: "✘", None: "?"}
PLAIN_MARKS = {True: "ok", False: "NO", None: "??"}
FEW = 10.0  # events a coefficient
INFLATED = 10.0  # VIF
ALPHA = 0.05  # of all terms together
ALIASED = 3  # aliased columns told one by one
DECIDED = "(decided by linear programmes)"
FINITE = {
    True: "every estimate is finite",
    False: "the estimates would be finite without the penalty as well",
}
INFINITE = {
    True: "no finite maximum-likelihood estimate exists; add a penalty (Jeffreys(), which is Firth's, or L2)",
    False: "without the penalty no finite estimate would exist, so how large a coefficient is along this direction is the "
    "penalty's doing as much as the data's; read Jeffreys() by its profile intervals and tests, not by Wald's, and of other "
    "penalties only the predictions",
}
EXCESS = 0.01  # chance of as many surprising rows, under which there are too many


class Finding(NamedTuple):
    """One check: ``ok`` is None where it could not be made, and ``advice`` then says why. ``value`` is what was looked at."""

    name: str
    ok: bool | None
    advice: str
    value: float | None = None


@dataclass(frozen=True, repr=False, eq=False)
class Check(Rendered):
    """All findings about a fit. ``ok`` is True where every check was made and nothing was found."""

    target: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every check was made and passed."""
        return all(finding.ok for finding in self.findings)

    def document(self, marks: dict[bool | None, str] | None = None) -> Document:
        """What is shown: a mark, the name and a sentence for each check."""
        marks = marks or MARKS
        counts = [sum(finding.ok is state for finding in self.findings) for state in (True, False, None)]
        count = ", ".join(
            f"{n} {word}" for n, word in zip(counts, ("passed", "to look at", "not made"), strict=True) if n
        )
        facts = tuple((f"{marks[f.ok]} {f.name}", sentence(f.advice)) for f in self.findings)
        return Document(f"Check of the fit of `{show(self.target, 30)}`: {count}", facts)

    def __str__(self) -> str:
        return text(self.document(MARKS if _unicode() else PLAIN_MARKS))

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON types."""
        rows = [{name: plain(value) for name, value in finding._asdict().items()} for finding in self.findings]
        return {"target": self.target, "ok": self.ok, "findings": rows}

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON of `to_dict`, schema ``torchlogit/check/1``."""
        found = {"schema": "torchlogit/check/1", **self.to_dict()}
        return json.dumps(found, indent=indent, allow_nan=False, ensure_ascii=False)

    def to_frame(self, library: str = "pandas") -> Any:
        """One row a check."""
        from torchlogit.inference.tabular import frame

        return frame({name: [getattr(f, name) for f in self.findings] for name in Finding._fields}, library)


def _unicode() -> bool:
    """Whether standard output can write the marks."""
    try:
        "✔✘".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def check(fit: Fit, data: Any = None, **given: Any) -> Check:
    """Look for what commonly goes wrong with a logistic regression, and say what to do.

    The optimum (is it certified); separation (by linear programmes where the optimum does not tell: under a penalty, on
    other rows); events for each coefficient, at least 10 (Peduzzi et al. 1996; a rule of
    thumb); collinearity, by the generalised variance-inflation factor, at most 10 (`inflation`); linearity of the log-odds,
    by score tests of each number's square at 5 % for all of them together (Holm; `linearity`); influence, Cook's distance at
    most 1 (`influence`); calibration, by the test of Hosmer and Lemeshow at 5 % (`hosmer_lemeshow`), of counts by Pearson's
    chi-squared (`grouped`); outliers, more rows of probability under 1/90 than the model expects (`surprises`).
    A passed check is no proof: each looks for one fault.
    A check that cannot be made says why. Logistic regression does not assume normal residuals or equal variances, so
    neither is looked at.

    ``data`` are the rows, where the fit was read from a file. ParameterError for the linear unit.

    >>> from torchlogit import datasets, fit
    >>> found = check(fit(datasets.study_hours(), "passed"))
    >>> found.ok, [finding.name for finding in found.findings if not finding.ok]
    (True, [])
    """
    if fit.loss == "squared":
        raise ParameterError("these checks are for models of probabilities; the linear unit is none")
    return Check(fit.target, tuple(_made(name, look, fit, data, given) for name, look in CHECKS.items()))


def _made(name: str, look: Callable[..., Finding], fit: Fit, data: Any, given: dict[str, Any]) -> Finding:
    """A finding, or why there is none."""
    try:
        return look(name, fit, data, **given)
    except (ParameterError, NotCertifiedError, DataError) as error:
        return Finding(name, None, f"not checked: {error}")


def _optimum(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    if fit.certified:
        return Finding(name, True, "the fit stands at a certified optimum", fit.certificate.relative_distance)
    return Finding(name, False, f"{fit.status.value}; do not read its coefficients as estimates")


def _separation(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    if fit.status is Status.separated and data is None:
        told = next((line for line in fit.warnings if line.startswith("not certified")), fit.status.value)
        return Finding(name, False, told.removeprefix("not certified: "))
    if fit.penalty.free and fit.certified and data is None:
        return Finding(
            name, True, "no direction splits the classes: the optimum itself is certified, so every estimate is finite"
        )
    seen = observed(fit, data, **given)
    try:
        cone = Cone(seen.objective, seen.gamma)
        found = cone.interior()
    except Undecided as error:
        return Finding(name, None, f"not checked: {error}")
    if found is None:
        return Finding(name, True, f"no direction splits the classes {DECIDED}: {FINITE[fit.penalty.free]}")
    return Finding(name, False, _split(fit, verdict(cone, *found)))


def _split(fit: Fit, found: Separation) -> str:
    """Which columns split the classes, and what that means for the fit."""
    moved = found.sign[int(fit.intercept) :].any(1).nonzero()[:, 0].tolist()
    by = f" by {show_list((f'`{show(fit.columns[j])}`' for j in moved), len(moved))}" if moved else ""
    how = "perfectly" if found.complete else "in part"
    return f"the classes are split {how}{by} {DECIDED}: {INFINITE[fit.penalty.free]}"


def _events(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    coefficients = (len(fit.columns) - len(fit.dependences)) * max(1, len(fit.classes) - 1)
    if not coefficients or not fit.class_weights:
        return Finding(name, None, "not checked: the model has no coefficients beside its intercept")
    fewest = min(fit.class_weights)
    each = fewest / coefficients
    what = f"{_count(fewest, 'case')} of the rarest class for {_count(coefficients, 'coefficient')}"
    if each >= FEW:
        return Finding(name, True, f"{what}, {each:.1f} for each", each)
    fault = (
        "estimates tend to lie too far from 0 and Wald intervals to mislead; use fewer terms, Firth's penalty, or profile "
        "intervals"
    )
    if not fit.penalty.free:
        fault = "the penalty holds the estimates back, but fewer terms or more rows would say more"
    return Finding(name, False, f"{what}, {each:.1f} for each, under {FEW:.0f}: {fault}", each)


def _count(n: float, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n:.10g} {what}{'s' * (n != 1)}"


def _collinearity(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    if fit.aliased:
        told = "; ".join(dependence_sentence(fit.columns, each) for each in fit.dependences[:ALIASED])
        more = f"; and {len(fit.dependences) - ALIASED} more" if len(fit.dependences) > ALIASED else ""
        return Finding(name, False, f"{told}{more}: leave it out", float("inf"))
    if not fit.columns:
        return Finding(name, True, "the model has no columns beside its intercept")
    found = fit.collinearity(data, **given)
    vif = found.gvif ** (1 / found.df)  # of a term of several columns, what compares with a column's
    worst = float(vif.max())
    whole = f"the condition number is {found.condition:.3g}, which leaves {found.digits} digits"
    if worst <= INFLATED:
        told = f"the largest variance inflation is {worst:.2f}, at most {INFLATED:.0f}; {whole}"
        return Finding(name, True, told, worst)
    high = [f"`{show(term)}` ({vif:.3g})" for term, vif in zip(found.term, vif, strict=True) if vif > INFLATED]
    advice = (
        f"variance inflation over {INFLATED:.0f} in {show_list(high, len(high))}: each says much the same as the others, so "
        "their coefficients are uncertain one by one; judge them together by a joint test, or keep one (powers and "
        f"interactions of the same column are meant to be alike); {whole}"
    )
    return Finding(name, False, advice, worst)


def _linearity(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    found = linearity(fit, data, **given)
    if not found.term:
        return Finding(name, True, "no term is a number that could bend")
    tested = [(float(p), term) for p, term in sorted(zip(found.log_p, found.term, strict=True))]
    least = exp(tested[0][0])
    passes = [exp(p) * (len(tested) - i) < ALPHA for i, (p, _) in enumerate(tested)]
    holm = tested[: [*passes, False].index(False)]
    if not holm:
        return Finding(
            name, True, f"no number bends detectably (score tests of squares, least p {p_sign(tested[0][0])})", least
        )
    names = [f"`{show(term)}` (p {p_sign(p)})" for p, term in holm]
    advice = (
        f"the log-odds bend along {show_list(names, len(names))} by score tests of the square; add the square or a spline, "
        "such as bs(x, 4), or cut the number into categories that mean something"
    )
    return Finding(name, False, advice, least)


def _influence(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    most = fit.influence(data, **given).most(5)
    largest = float(most.cooks_distance[0])
    if np.isnan(largest):
        return Finding(name, None, "not checked: the fit follows every row exactly, so that none can be left out")
    rows = most.row[most.cooks_distance > 1]
    if not len(rows):
        told = f"the largest Cook's distance is {largest:.3g} (row {most.row[0]}), at most 1: no single row decides the result"
        return Finding(name, True, told, largest)
    advice = (
        f"Cook's distance is over 1 in {show_rows(rows - 1)} (largest {largest:.3g}): see whether the values are right, and "
        "report the fit with and without; a row is not wrong because it matters"
    )
    return Finding(name, False, advice, largest)


def _calibration(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    if not fit.certified:
        return Finding(name, None, "not checked: the fit is not certified")
    if fit.counts and fit.weight is None:
        return _dispersion(name, fit.grouped(data))
    found = hosmer_lemeshow(fit, data, **given)
    where = "the rows that were fitted, where it is lenient" if data is None else "these rows"
    test = f"Hosmer and Lemeshow's test in {len(found.n)} groups of {where}: p {p_sign(found.log_p)}"
    if found.p >= ALPHA:
        return Finding(name, True, f"{test}; no gross fault was found, try new rows for more", found.p)
    fault = "in some groups more or fewer events happened than the probabilities say; a bend or an interaction may be missing"
    advice = f"{test}; {fault}"
    return Finding(name, False, advice, found.p)


def _dispersion(name: str, found: Grouped) -> Finding:
    """Whether counts scatter around the fit as binomial counts do: Pearson's chi-squared on its degrees of freedom."""
    if found.df < 1:
        return Finding(name, None, "not checked: there are as many coefficients as rows")
    log_p, each = chi_squared(found.pearson, found.df), found.pearson / found.df
    told = f"Pearson's chi-squared of the counts is {found.pearson:.4g} on {found.df} df, {each:.3g} for each (p {p_sign(log_p)})"
    if exp(log_p) >= ALPHA:
        return Finding(name, True, f"{told}: they scatter no more than binomial counts do", each)
    fault = (
        f"they scatter more than binomial counts do, so that errors from the information are about {each**0.5:.2g} times too "
        'small; look for a term that is missing, and use robust errors: fit.robust("HC1"), --robust HC1'
    )
    return Finding(name, False, f"{told}: {fault}", each)


def _far_counts(name: str, found: Grouped) -> Finding:
    """Rows whose counts have a deviance residual over 3."""
    far = abs(found.deviance_residual)
    rows, expected = found.row[far > 3], 0.0027 * len(far)  # of a standard normal
    told = f"{_count(len(rows), 'row')} of counts had a deviance residual over 3; the model expects {expected:.2g}"
    if len(rows) <= max(1.0, 3 * expected):
        return Finding(name, True, told, float(len(rows)))
    first = rows[np.argsort(-far[far > 3], kind="stable")]
    advice = f"{told}. Look at {show_rows(first - 1)}: mistakes in the data, or something that the model does not know"
    return Finding(name, False, advice, float(len(rows)))


def _outliers(name: str, fit: Fit, data: Any, **given: Any) -> Finding:
    from scipy.special import gammainc

    if not fit.certified:
        return Finding(name, None, "not checked: the fit is not certified")
    if fit.counts and fit.weight is None:
        return _far_counts(name, fit.grouped(data))
    rows, expected = surprises(fit, data, **given)
    told = (
        f"{_count(len(rows), 'row')} had a probability under 1/90 for what happened; the model expects {expected:.2g}"
    )
    too_many = len(rows) > 0 and float(gammainc(len(rows), max(expected, 1e-300))) < EXCESS
    if not too_many:
        return Finding(name, True, told, float(len(rows)))
    advice = f"{told}. Look at {show_rows(rows - 1)}: mistakes in the data, or something that the model does not know"
    return Finding(name, False, advice, float(len(rows)))


CHECKS: dict[str, Callable[..., Finding]] = {
    "optimum": _optimum,
    "separation": _separation,
    "events": _events,
    "collinearity": _collinearity,
    "linearity": _linearity,
    "influence": _influence,
    "calibration": _calibration,
    "outliers": _outliers,
}
