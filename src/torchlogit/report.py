"""A fit in words and numbers: text 80 columns wide, or JSON. Plain characters only; names are escaped and cut.

No number is shown that does not exist: where there are no standard errors the columns are left out and a sentence says
why, aliased terms have no estimate, separated ones an infinite one.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from textwrap import fill
from typing import TYPE_CHECKING, Any

from torchlogit.inference.quality import quality
from torchlogit.render.numbers import number, odds, p_sign, p_text, plain
from torchlogit.render.text import WIDTH, aligned, sentence
from torchlogit.tables.names import show, show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.inference.wald import Table

MOST_CLASSES = 12  # classes told one by one
SCHEMA = "torchlogit/fit/1"
SYMMETRIC = (
    "Each class has coefficients of its own, which sum to 0 over the classes; an odds ratio compares the odds of a "
    "class with the geometric mean of all."
)
PENALISED = "No AIC and no likelihood-ratio test: these are for fits without a penalty."


def summary(fit: Fit) -> str:
    """The fit in words and as a table, for people.

    >>> from torchlogit import datasets, fit
    >>> print(summary(fit(datasets.study_hours(), "passed")).splitlines()[14])
    hours          1.5046  0.6287   2.39  0.017   0.2724   2.7369  4.5026
    """
    return "\n\n".join(filter(None, (title(fit), facts(fit), coefficients(fit), notes(fit))))


def title(fit: Fit) -> str:
    """What was fitted, and which class the probabilities are of."""
    target = show(fit.target, 30)
    if fit.loss == "softmax":
        return f"Multinomial logistic regression of `{target}`: {len(fit.classes)} classes"
    named = {"squared": "Linear unit", "logistic": "Logistic regression"}
    kind = named.get(fit.loss, f"Binary regression with the {fit.loss} link")
    return f"{kind} of `{target}`; the positive class is {class_name(fit.positive)}"


def class_name(label: Any) -> str:
    """A class as text: a whole number without a point, text in quotes, long names cut.

    >>> class_name(1.0), class_name("yes")
    ('1', "'yes'")
    """
    label = label.item() if hasattr(label, "item") else label
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return show_value(label) if len(str(label)) <= 30 else show(label, 30)


def facts(fit: Fit) -> str:
    """The lines above the table."""
    found = quality(fit)
    pairs = [
        ("rows", f"{fit.n_rows} used, {fit.dropped or 'none'} dropped"),
        ("classes", _classes(fit)),
        ("penalty", penalty(fit)),
        ("solver", f"{fit.solver}, {fit.n_iter} iteration{'s' * (fit.n_iter != 1)}"),
    ]
    if fit.loss != "squared":
        null = "intercept" if fit.intercept else "nothing"
        pairs.append(("log-likelihood", f"{fit.log_likelihood:.4f} ({null} alone {fit.null_log_likelihood:.4f})"))
    if found is not None:
        test = f"chi-squared {found.statistic:.3f} on {found.df} df, p {p_sign(found.log_p)}"
        pairs += [("model test", test), ("AIC", f"{found.aic:.2f}"), ("McFadden R2", f"{found.mcfadden:.4f}")]
    wide = max(len(name) for name, _ in pairs)
    return "\n".join(fill(value, WIDTH, initial_indent=f"{name:{wide}}  ", subsequent_indent=" " * (wide + 2))
                     for name, value in pairs)  # fmt: skip


def _classes(fit: Fit) -> str:
    unit = "weight" if sum(fit.class_weights) != fit.n_rows else "rows"
    told = [
        f"{class_name(label)} ({weight:.10g} {'row' if weight == 1 and unit == 'rows' else unit})"
        for label, weight in zip(fit.classes[:MOST_CLASSES], fit.class_weights, strict=False)
    ]
    more = f", … ({len(fit.classes)} in all)" if len(fit.classes) > MOST_CLASSES else ""
    return ", ".join(told) + more


def penalty(fit: Fit) -> str:
    """The penalty in words.

    >>> from torchlogit import L2, datasets, fit
    >>> penalty(fit(datasets.study_hours(), "passed", penalty=L2(2.0)))
    'L2, strength 2 (C = 0.5); the intercept is free'
    """
    if fit.penalty.free:
        return "none (maximum likelihood)"
    ratio = fit.penalty.l1_ratio
    kind = {0.0: "L2", 1.0: "L1"}.get(ratio, f"elastic net, l1_ratio {ratio:g}")
    strength = fit.penalty.strength
    size = f"strength {strength:g} (C = {1 / strength:g})" if isinstance(strength, int | float) else "by feature"
    return f"{kind}, {size}; the intercept is free"


def coefficients(fit: Fit) -> str:
    """The table; for more than two classes one block a class."""
    table = fit.table()
    k = fit.theta_centred.shape[1]
    signs = [0.0] * len(table.term) if fit.infinite is None else fit.infinite.cpu().ravel().tolist()
    cells = [_row(fit, table, i, signs[i]) for i in range(len(table.term))]
    above = ["", "", "std.", "", "", f"{100 * table.level:g}%", f"{100 * table.level:g}%", "odds"]
    header = ["term", "estimate", "error", "z", "p", "low", "high", "ratio"]
    used = [j for j in range(len(header)) if j < 2 or any(row[j] for row in cells)]
    top, names, *lines = aligned([[row[j] for j in used] for row in (above, header, *cells)])
    head = [line for line in (top, names) if line]
    if k == 1:
        return "\n".join([*head, *lines])
    blocks = ["\n".join([f"class {class_name(c)}", *head, *lines[j::k]]) for j, c in enumerate(fit.classes)]
    return "\n\n".join(blocks)


def _row(fit: Fit, table: Table, i: int, sign: float) -> list[str]:
    """One line of the table as text; empty where there is no number."""
    name, estimate = show(table.term[i], 200), float(table.estimate[i])
    if estimate != estimate:
        return [name, "aliased", "", "", "", "", "", ""]
    if sign:
        return [name, "+inf" if sign > 0 else "-inf", *[""] * 6]
    errors = [""] * 5
    if isfinite(table.std_error[i]):
        bounds = [number(float(x)) for x in (table.low[i], table.high[i])]
        errors = [number(float(table.std_error[i])), f"{table.z[i]:.2f}", p_text(float(table.log_p[i])), *bounds]
    slope = table.odds and not (fit.intercept and i < fit.theta_centred.shape[1])
    return [name, number(estimate), *errors, odds(estimate) if slope else ""]


def notes(fit: Fit) -> str:
    """The certificate and whatever must be told, in sentences."""
    lines = [certificate(fit), *fit.warnings]
    if fit.loss == "softmax":
        lines.append(SYMMETRIC)
    if fit.no_errors and fit.certified:
        lines.append(f"No standard errors: {fit.no_errors}.")
    if not fit.penalty.free:
        lines.append(PENALISED)
    return "\n".join(
        fill(sentence(line), WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines if line
    )


def certificate(fit: Fit) -> str:
    """How near the optimum the fit is; empty when it is not certified, which is told elsewhere."""
    if not fit.certified:
        return ""
    c = fit.certificate
    return f"Certified: F is within {c.relative_distance:.1e} of its optimum, relatively ({c.kind})."


def to_json(fit: Fit) -> dict[str, Any]:
    """The fit as JSON types, schema ``torchlogit/fit/1``; a number that is not finite is null.

    >>> from torchlogit import datasets, fit
    >>> found = to_json(fit(datasets.study_hours(), "passed"))
    >>> found["schema"], found["terms"][1]["term"], round(found["terms"][1]["estimate"], 4)
    ('torchlogit/fit/1', 'hours', 1.5046)
    """
    found, c = quality(fit), fit.certificate
    return {
        "schema": SCHEMA,
        "target": fit.target,
        "classes": [plain(label) for label in fit.classes],
        "positive": None if fit.loss == "softmax" else plain(fit.positive),
        "class_weights": list(fit.class_weights),
        "n_rows": fit.n_rows,
        "dropped": fit.dropped,
        "columns": list(fit.columns),
        "intercept": fit.intercept,
        "offset": fit.offset,
        "loss": fit.loss,
        "penalty": {"strength": _strength(fit), "l1_ratio": fit.penalty.l1_ratio},
        "solver": fit.solver,
        "n_iter": fit.n_iter,
        "status": str(fit.status),
        "certified": fit.certified,
        "certificate": {name: plain(value) for name, value in vars(c).items()},
        "log_likelihood": plain(fit.log_likelihood),
        "null_log_likelihood": plain(fit.null_log_likelihood),
        "model_test": None if found is None else {"statistic": found.statistic, "df": found.df, "log_p": found.log_p},
        "aic": None if found is None else plain(found.aic),
        "mcfadden": None if found is None else plain(found.mcfadden),
        "terms": list(_terms(fit)),
        "no_errors": fit.no_errors or None,
        "warnings": list(fit.warnings),
    }


def _strength(fit: Fit) -> Any:
    strength: Any = fit.penalty.strength
    if isinstance(strength, int | float):
        return plain(strength)
    return dict(strength) if hasattr(strength, "keys") else [float(s) for s in strength]


def _terms(fit: Fit) -> Iterable[dict[str, Any]]:
    """One object a term and class."""
    table = fit.table()
    k = fit.theta_centred.shape[1]
    signs = [0.0] * len(table.term) if fit.infinite is None else fit.infinite.cpu().ravel().tolist()
    for i, term in enumerate(table.term):
        numbers = {name: plain(float(getattr(table, name)[i])) for name in
                   ("estimate", "std_error", "z", "log_p", "p", "low", "high", "odds_ratio")}  # fmt: skip
        yield {
            "term": term,
            "class": plain(fit.classes[i % k]) if k > 1 else plain(fit.positive),
            **numbers,
            "aliased": term in fit.aliased,
            "infinite": int(signs[i]),
            "level": table.level,
        }
