"""What a fit is, in words: its title, the facts about it, and the sentences that must be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.quality import quality, why_none_is_shown
from torchlogit.penalties import Jeffreys
from torchlogit.render.numbers import p_sign
from torchlogit.render.text import sentence
from torchlogit.tables.names import show, show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

MOST_CLASSES = 12  # classes told one by one
SYMMETRIC = (
    "Each class has coefficients of its own, which sum to 0 over the classes; an odds ratio compares the odds of a "
    "class with the geometric mean of all."
)
BASED = (
    "Each class is compared with class {base}: an odds ratio multiplies the odds of the one against the other. {choose}"
)
CORRECTED = {
    "firth": "the intercept as well",
    "flic": "the intercept by likelihood (FLIC)",
    "flac": "the intercept by pseudo-observations (FLAC)",
}
UNCORRECTED = (
    'The mean prediction is drawn towards even chances, away from the mean of the target; Jeffreys(intercept="flic") '
    "corrects that."
)
IMPORTANCE = (
    "The weights are importance weights: standard errors take their sum for the number of rows, which is the likelihood's "
    "only if a weight says how often a row stands. Weights that undo unequal chances of being sampled (survey weights) are "
    'sampling weights: weights_are="sampling", --weights-are sampling.'
)
PENALISED = "No AIC and no likelihood-ratio test: these are for fits without a penalty."


def title(fit: Fit) -> str:
    """What was fitted, and which class the probabilities are of."""
    target = show(fit.target, 30)
    if fit.loss == "softmax":
        return f"Multinomial logistic regression of `{target}`: {len(fit.classes)} classes"
    named = {"squared": "Linear unit", "logistic": "Logistic regression"}
    kind = named.get(fit.loss, f"Binary regression with the {fit.loss} link")
    if fit.counts:
        return f"{kind} of counts `{target}`; the event is success"
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


def facts(fit: Fit, level: float = 0.95, interval: str = "wald") -> tuple[tuple[str, str], ...]:
    """Names and values that stand above the table."""
    pairs = [
        ("rows", f"{fit.n_rows} used, {fit.dropped or 'none'} dropped"),
        ("classes", _classes(fit)),
        ("events", _events(fit)),
        ("link", _link(fit)),
        ("penalty", penalty(fit)),
        ("offset", show(fit.offset) if fit.offset else ""),
        ("weights", f"{show(fit.weight)} ({fit.weights_are})" if fit.weight else ""),
        ("solver", f"{fit.solver}, {fit.n_iter} iteration{'s' * (fit.n_iter != 1)}"),
        *_likelihood(fit, interval),
        ("intervals", _interval(fit, level, interval)),
    ]
    return tuple((name, value) for name, value in pairs if value)


def _likelihood(fit: Fit, interval: str) -> list[tuple[str, str]]:
    if fit.loss == "squared":
        return []
    null, found = "intercept" if fit.intercept else "nothing", quality(fit)
    weighted = "weighted; " * (fit.weights_are == "sampling")  # no likelihood of the rows
    pairs = [("log-likelihood", f"{fit.log_likelihood:.4f} ({weighted}{null} alone {fit.null_log_likelihood:.4f})")]
    if isinstance(fit.penalty, Jeffreys):
        pairs.append(("penalised", f"{-fit.value:.4f} at its maximum, in the user's units"))
    if found is None or why_none_is_shown(fit):
        return [*pairs, *_other_test(fit, "lr" if interval == "profile" and not fit.penalty.free else "wald")]
    criteria = f"{found.aic:.2f}, BIC {found.bic:.2f}"
    if not found.df:
        return [*pairs, ("AIC", criteria)]
    test = f"chi-squared {found.statistic:.3f} on {found.df} df, p {p_sign(found.log_p)}"
    return [*pairs, ("model test", test), ("AIC", criteria), ("McFadden R2", f"{found.mcfadden:.4f}")]


def _other_test(fit: Fit, kind: str) -> list[tuple[str, str]]:
    """The test of all terms, Wald's or of the penalised likelihood; nothing where there is none."""
    try:
        found = fit.test(kind=kind)
    except (NotCertifiedError, ParameterError):
        return []
    name = {"wald": "Wald", "lr": "penalised likelihood-ratio"}[kind]
    return [("model test", f"{name} chi-squared {found.statistic:.3f} on {found.df} df, p {p_sign(found.log_p)}")]


def _link(fit: Fit) -> str:
    """The link, where the title does not say it."""
    return "logit" if fit.loss == "logistic" else ""


def _interval(fit: Fit, level: float, interval: str) -> str:
    """How intervals and errors were found; empty where there are none."""
    if fit.no_errors and interval == "wald":
        return ""
    source = " from the" if fit.covariance_kind.startswith("inverse") else ":"
    errors = "" if fit.no_errors else f"; standard errors{source} {fit.covariance_kind}"
    wald = "Wald" if fit.penalty.free or interval != "wald" else "Wald (not of the penalised likelihood)"
    profile = "penalised " * isinstance(fit.penalty, Jeffreys) + "profile likelihood; p from likelihood-ratio tests"
    return f"{100 * level:g} %, {profile if interval == 'profile' else wald}{errors}"


def _events(fit: Fit) -> str:
    """How often the positive class occurs; a class of a multinomial fit is no event."""
    total = sum(fit.class_weights)
    if len(fit.class_weights) != 2 or fit.loss == "softmax" or not total:
        return ""
    events = fit.class_weights[-1]
    return f"{events:.10g} of {total:.10g} ({100 * events / total:.1f} %)"


def _classes(fit: Fit) -> str:
    if fit.counts:
        failures, successes = fit.class_weights
        return f"success ({successes:.10g} counted), failure ({failures:.10g} counted)"
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
    if isinstance(fit.penalty, Jeffreys):
        return f"Jeffreys' prior (Firth's); {CORRECTED[fit.penalty.intercept]}"
    ratio = fit.penalty.l1_ratio
    kind = {0.0: "L2", 1.0: "L1"}.get(ratio, f"elastic net, l1_ratio {ratio:g}")
    strength = fit.penalty.strength
    size = f"strength {strength:g} (C = {1 / strength:g})" if isinstance(strength, int | float) else "by feature"
    return f"{kind}, {size}; the intercept is free"


def notes(fit: Fit, base: Any = None) -> tuple[str, ...]:
    """The certificate and whatever must be told, in sentences."""
    lines = [certificate(fit), *fit.warnings]
    if base is not None:
        lines.append(BASED.format(base=class_name(base), choose="Choose another with base=."))
    elif fit.loss == "softmax":
        lines.append(SYMMETRIC)
    if fit.no_errors and fit.certified:
        lines.append(f"No standard errors: {fit.no_errors}.")
    if fit.weights_are == "importance" and fit.covariance_root is not None:
        lines.append(IMPORTANCE)
    if isinstance(fit.penalty, Jeffreys):
        lines.append("" if fit.penalty.intercept != "firth" or not fit.intercept else UNCORRECTED)
    elif not fit.penalty.free:
        lines.append(PENALISED)
    elif fit.certified and fit.loss != "squared" and (why := why_none_is_shown(fit)):
        lines.append(f"no AIC, BIC or likelihood-ratio test: {why}")
    return tuple(sentence(line) for line in lines if line)


def certificate(fit: Fit) -> str:
    """How near the optimum the fit is; empty when it is not certified, which is told elsewhere."""
    if not fit.certified:
        return ""
    c = fit.certificate
    return f"Certified: F is within {c.relative_distance + 0.0:.1e} of its optimum, relatively ({c.kind})."
