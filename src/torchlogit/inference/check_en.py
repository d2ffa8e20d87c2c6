"""The sentences of a check, in English."""

from __future__ import annotations

from collections.abc import Sequence

from torchlogit.inference.explain_en import spoken
from torchlogit.tables.names import show_list, show_rows

__all__ = ["LANG", "NAMES", "WORDS", "counted", "listed", "rows", "spoken"]

LANG = "en"
NAMES: dict[str, str] = {}  # of the checks: as they are called
_FEW = "{cases} of the rarest class for {coefficients}, {each} for each"
_HOSMER = "Hosmer and Lemeshow's test in {groups} groups of {where}: p {p}; "
_SCATTER = "Pearson's chi-squared of the counts is {pearson} on {df} df, {each} for each (p {p}): "
_CONDITION = "the condition number is {condition}, which leaves {digits} digits"
_SURPRISED = "{rows} had a probability under 1/90 for what happened; the model expects {expected}"
_FAR = "{rows} of counts had a deviance residual over 3; the model expects {expected}"
_LOOK = ". Look at {which}: mistakes in the data, or something that the model does not know"
_DECIDED = "(decided by linear programmes)"
WORDS = {
    "title": "Check of the fit of {target}: {count}",
    "passed": "{n} passed",
    "faults": "{n} to look at",
    "open": "{n} not made",
    "and": ", ",
    "then": "; ",
    "not checked": "not checked: {why}",
    "not certified": "the fit is not certified",
    "no coefficients": "the model has no coefficients beside its intercept",
    # optimum
    "certified": "the fit stands at a certified optimum",
    "uncertified": "{why}; do not read its coefficients as estimates",
    # separation
    "separated": "{told}",
    "finite": "no direction splits the classes: the optimum itself is certified, so every estimate is finite",
    "overlap": f"no direction splits the classes {_DECIDED}: every estimate is finite",
    "overlap_penalised": f"no direction splits the classes {_DECIDED}: the estimates would be finite without the penalty "
    "as well",
    "split": f"the classes are split {{how}}{{by}} {_DECIDED}: no finite maximum-likelihood estimate exists; add a penalty "
    "(Jeffreys(), which is Firth's, or L2)",
    "split_penalised": f"the classes are split {{how}}{{by}} {_DECIDED}: without the penalty no finite estimate would exist, "
    "so how large a coefficient is along this direction is the penalty's doing as much as the data's; read Jeffreys() by its "
    "profile intervals and tests, not by Wald's, and of other penalties only the predictions",
    "perfectly": "perfectly",
    "in part": "in part",
    "by": " by {names}",
    # events
    "many": _FEW,
    "few": _FEW
    + ", under {least}: estimates tend to lie too far from 0 and Wald intervals to mislead; use fewer terms, Firth's "
    "penalty, or profile intervals",
    "few_penalised": _FEW
    + ", under {least}: the penalty holds the estimates back, but fewer terms or more rows would say more",
    # collinearity
    "aliased": "{told}{more}: leave it out",
    "more": "; and {n} more",
    "no columns": "the model has no columns beside its intercept",
    "apart": "the largest variance inflation is {worst}, at most {most}; " + _CONDITION,
    "inflated": "variance inflation over {most} in {names}: each says much the same as the others, so their coefficients are "
    "uncertain one by one; judge them together by a joint test, or keep one (powers and interactions of the same column are "
    "meant to be alike); " + _CONDITION,
    # linearity
    "no numbers": "no term is a number that could bend",
    "straight": "no number bends detectably (score tests of squares, least p {p})",
    "bent": "the log-odds bend along {names} by score tests of the square; add the square or a spline, such as bs(x, 4), or "
    "cut the number into categories that mean something",
    # influence
    "saturated": "the fit follows every row exactly, so that none can be left out",
    "even": "the largest Cook's distance is {largest} (row {row}), at most 1: no single row decides the result",
    "influential": "Cook's distance is over 1 in {which} (largest {largest}): see whether the values are right, and report the "
    "fit with and without; a row is not wrong because it matters",
    # calibration
    "own rows": "the rows that were fitted, where it is lenient",
    "these rows": "these rows",
    "calibrated": _HOSMER + "no gross fault was found, try new rows for more",
    "miscalibrated": _HOSMER + "in some groups more or fewer events happened than the probabilities say; a bend or an "
    "interaction may be missing",
    "no freedom": "there are as many coefficients as rows",
    "binomial": _SCATTER + "they scatter no more than binomial counts do",
    "overdispersed": _SCATTER
    + "they scatter more than binomial counts do, so that errors from the information are about "
    '{times} times too small; look for a term that is missing, and use robust errors: fit.robust("HC1"), --robust HC1',
    # outliers
    "surprises": _SURPRISED,
    "too many surprises": _SURPRISED + _LOOK,
    "far counts": _FAR,
    "too many far counts": _FAR + _LOOK,
}


def counted(n: float, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n:.10g} {what}{'s' * (n != 1)}"


def listed(names: Sequence[str]) -> str:
    """The first five."""
    return show_list(names, len(names))


def rows(places: Sequence[int]) -> str:
    """Rows (from 0) as they are counted."""
    return show_rows(places)
