"""A fit as JSON, schema ``torchlogit/fit/1``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torchlogit.inference.quality import quality, why_none_is_shown
from torchlogit.penalties import Jeffreys, Penalty
from torchlogit.render.numbers import plain

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.inference.wald import Table

SCHEMA = "torchlogit/fit/1"
NUMBERS = ("estimate", "std_error", "z", "log_p", "p", "low", "high", "odds_ratio")


def to_json(fit: Fit) -> dict[str, Any]:
    """The fit as JSON types, schema ``torchlogit/fit/1``; a number that is not finite is null.

    >>> from torchlogit import datasets, fit
    >>> found = to_json(fit(datasets.study_hours(), "passed"))
    >>> found["schema"], found["terms"][1]["term"], round(found["terms"][1]["estimate"], 4)
    ('torchlogit/fit/1', 'hours', 1.5046)
    """
    found, c = None if why_none_is_shown(fit) else quality(fit), fit.certificate
    return {
        "schema": SCHEMA,
        "target": fit.target,
        "classes": [plain(label) for label in fit.classes],
        "positive": None if fit.loss == "softmax" else plain(fit.positive),
        "class_weights": list(fit.class_weights),
        "n_rows": fit.n_rows,
        "dropped": fit.dropped,
        "columns": list(fit.columns),
        "reference": dict(fit.reference),
        "intercept": fit.intercept,
        "offset": fit.offset,
        "weight": fit.weight,
        "weights_are": fit.weights_are if fit.weight else None,
        "counts": fit.counts,
        "loss": fit.loss,
        "penalty": _penalty(fit.penalty),
        "solver": fit.solver,
        "n_iter": fit.n_iter,
        "status": str(fit.status),
        "certified": fit.certified,
        "certificate": {name: plain(value) for name, value in vars(c).items()},
        "log_likelihood": plain(fit.log_likelihood),
        "null_log_likelihood": plain(fit.null_log_likelihood),
        "model_test": None if found is None else {"statistic": found.statistic, "df": found.df, "log_p": found.log_p},
        "aic": None if found is None else plain(found.aic),
        "bic": None if found is None else plain(found.bic),
        "mcfadden": None if found is None else plain(found.mcfadden),
        "terms": list(terms(fit, fit.table(), fit.classes if fit.loss == "softmax" else [fit.positive])),
        "covariance_kind": None if fit.no_errors else fit.covariance_kind,
        "no_errors": fit.no_errors or None,
        "warnings": list(fit.warnings),
    }


def _penalty(penalty: Penalty) -> dict[str, Any]:
    if isinstance(penalty, Jeffreys):
        return {"kind": "jeffreys", "errors": penalty.errors, "intercept": penalty.intercept}
    strength: Any = penalty.strength
    if not isinstance(strength, int | float):
        strength = dict(strength) if hasattr(strength, "keys") else [float(s) for s in strength]
    return {"strength": strength, "l1_ratio": penalty.l1_ratio}


def terms(fit: Fit, table: Table, labels: Any) -> Iterable[dict[str, Any]]:
    """One object a term and class of a table, whose classes are ``labels``."""
    signs = infinite(fit, table)
    for i, term in enumerate(table.term):
        numbers = {name: plain(float(getattr(table, name)[i])) for name in NUMBERS}
        yield {
            "term": term,
            "class": plain(labels[i % len(labels)]),
            **numbers,
            "aliased": term in fit.aliased,
            "infinite": signs[i],
            "level": table.level,
        }


def infinite(fit: Fit, table: Table) -> list[int]:
    """The sign of every coefficient of a table that is infinite, else 0."""
    if fit.infinite is None:
        return [0] * len(table.term)
    return [int(sign) for sign in fit.infinite.cpu().ravel().tolist()]
