"""How a report was made, and what it must not be used for."""

from __future__ import annotations

from typing import Any

from torchlogit.penalties import Jeffreys
from torchlogit.report.material import Material
from torchlogit.report.origin import versions
from torchlogit.report.parts import Part, listed
from torchlogit.tables.names import show

CLASSES, TERMS = 12, 20  # told one by one


def limits(m: Material) -> Part:
    """What no number on the page can say."""
    return Part("limits", m.say("limits"), lists=listed(list(m.words.LIMITS.values())), notes=(m.words.SMALL,))


def made(m: Material) -> Part:
    """Data, model, optimum, versions and command, so that it can be made again."""
    facts = {
        "data": show(m.origin.name, 200),
        m.of_hash: m.sha256,
        "rows": m.say("rows_used", n=m.fit.n_rows, dropped=m.fit.dropped),
        "target": show(m.fit.target, 200),
        "classes": _classes(m),
        **_model(m),
        "errors": "" if m.fit.no_errors else m.spoken(m.fit.covariance_kind),
        "solver": m.say("iterations", solver=m.fit.solver.partition(" (")[0], n=m.fit.n_iter),
        "certificate": certificate(m),
        "model_file": show(m.origin.model, 200),
        "versions": m.words.SEPARATOR.join(f"{name} {number}" for name, number in versions().items()),
        "command": m.origin.command,
        "date": m.date,
    }
    told = tuple((m.say(name), value) for name, value in facts.items() if value)
    return Part("origin", m.say("origin"), facts=told)


def _model(m: Material) -> dict[str, str]:
    """What was fitted."""
    fit = m.fit
    formula = fit.recipe.formula if fit.recipe is not None else ""
    terms = m.words.SEPARATOR.join(show(term) for term in list(fit.terms)[:TERMS])
    kind = m.words.WEIGHTS[fit.weights_are]
    return {
        "formula": f"{show(fit.target, 200)} ~ {show(formula, 500)}" if formula else "",
        "terms": terms + ("…" if len(fit.terms) > TERMS else ""),
        "model": kind_of(m),
        "penalty": penalty(m),
        "weights": m.say("weights_kind", name=show(fit.weight), kind=kind) if fit.weight else "",
        "offset_name": show(fit.offset) if fit.offset else "",
    }


def kind_of(m: Material) -> str:
    """The kind of model."""
    kinds = m.words.MODELS
    return str(kinds.get(m.fit.loss) or kinds["other"].format(loss=m.fit.loss))


def penalty(m: Material) -> str:
    """The penalty in words."""
    found, words = m.fit.penalty, m.words.PENALTIES
    if found.free:
        return str(words["none"])
    if isinstance(found, Jeffreys):
        return str(words["jeffreys"])
    kind = words[{0.0: "l2", 1.0: "l1"}.get(found.l1_ratio, "mixed")].format(ratio=m.percent(found.l1_ratio))
    single = isinstance(found.strength, int | float)
    key = "strength" if single else "by_feature"
    return str(words[key].format(kind=kind, strength=f"{found.strength:g}" if single else ""))


def certificate(m: Material) -> str:
    """How near the optimum the fit is, or why that is not known."""
    if not m.fit.certified:
        return m.say("uncertified", why=m.wording(m.spoken(m.fit.status.value)))
    found = m.fit.certificate
    return m.say("certified", distance=f"{found.relative_distance + 0.0:.1e}", kind=m.spoken(found.kind))


def _classes(m: Material) -> str:
    """Every class with its rows."""
    pairs = list(zip(m.fit.classes.tolist(), m.fit.class_weights, strict=False))
    told = [m.say("class_count", label=m.label(label), count=f"{weight:.10g}") for label, weight in pairs[:CLASSES]]
    more = [m.say("more_classes", n=len(pairs))] if len(pairs) > CLASSES else []
    return str(m.words.SEPARATOR.join([*told, *more]))


def provenance(m: Material) -> dict[str, Any]:
    """The same for a program."""
    return {
        "data": m.origin.name or None,
        "sha256": m.sha256,
        "sha256_of": m.of_hash.removeprefix("hash_"),
        "rows": {"given": m.rows.given, "dropped": m.rows.dropped, "fitted": m.fit.n_rows},
        "same_rows": m.other is None,
        "model_file": m.origin.model or None,
        "command": m.origin.command or None,
        "date": m.date,
        "versions": versions(),
    }
