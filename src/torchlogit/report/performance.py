"""How well the model predicts: rows it has not seen where that can be, in words, figures and all measures."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlogit.render.document import Grid
from torchlogit.report.material import Material
from torchlogit.report.parts import Item, Part, listed
from torchlogit.report.pictures import of_performance

SHARE = 0.8  # of the rows that are decided where the others are left open


def performance(m: Material) -> Part:
    """What was measured, on which rows."""
    heading = m.say("performance")
    if not m.fit.certified:
        return Part("performance", heading, sentences=(m.say("no_performance"),))
    found = m.evaluation.document()
    pair = [m.say("pair", event=m.event)] if m.binary and _known(m, "auc") else []
    lists = listed([*pair, *_sure(m), *_verdict(m)])
    grids: tuple[Grid, ...] = tuple(each._replace(caption=m.say("measures")) for each in found.grids)
    notes = tuple(map(m.wording, found.notes))
    return Part("performance", heading, (_where(m),), _figures(m), lists, of_performance(m), grids, (), notes)


def _where(m: Material) -> str:
    """On which rows, and whether the model has seen them."""
    if m.other is not None:
        return m.say("unseen_rows", data=m.name(m.origin.name or "data"))
    return m.say("seen" if m.scored.seen else "unseen_folds", folds=m.fold_count, seed=m.seed)


def _known(m: Material, measure: str) -> bool:
    return bool(np.isfinite(m.evaluation[measure].value))


def _figures(m: Material) -> tuple[tuple[str, str], ...]:
    """Right answers, those of a guess, and pairs ranked rightly, in 100."""
    right, auc = m.evaluation["accuracy"], m.evaluation["auc"]
    pairs = [(f"{100 * right.value:.0f}", _interval(m, "right", right)), (f"{100 * m.always:.0f}", m.say("always"))]
    if m.binary and np.isfinite(auc.value):
        pairs.append((f"{100 * auc.value:.0f}", _interval(m, "ranked", auc)))
    return tuple(pairs)


def right_answers(m: Material) -> tuple[tuple[str, str], ...]:
    """How often the model is right, beside a guess."""
    if not m.fit.certified:
        return ()
    right, always = (m.say("of_hundred", n=f"{100 * x:.0f}") for x in (m.evaluation["accuracy"].value, m.always))
    return ((right, m.say("right_seen" if m.scored.seen else "right_new", always=always)),)


def _interval(m: Material, key: str, found: Any) -> str:
    low, high = (f"{100 * x:.0f}" for x in (found.low, found.high))
    return m.say(key) + m.say("figure_interval", level=m.percent_level, low=low, high=high)


def _sure(m: Material) -> list[str]:
    """What the error would be if the least sure rows were left open."""
    from torchlogit.decision.riskcoverage import risk_coverage

    found = risk_coverage(m.scored)
    at = int(np.searchsorted(found.coverage, SHARE))
    left, error, whole = 1 - float(found.coverage[at]), float(found.risk[at]), float(found.risk[-1])
    if not 0.05 <= left <= 0.5 or error >= whole:
        return []
    return [m.say("sure", share=m.percent(left), error=m.percent(error), whole=m.percent(whole))]


def _verdict(m: Material) -> tuple[str, ...]:
    """What calibration says, in sentences."""
    if m.calibration is None:
        return ()
    from torchlogit.calibration.words import verdict

    return tuple(map(m.wording, verdict(m.calibration, m.language)))


def doubts(m: Material) -> list[Item]:
    """What of this speaks against the answer."""
    if not m.fit.certified:
        return []
    right, auc = m.evaluation["accuracy"], m.evaluation["auc"]
    out = [Item(m.say("no_folds"), state="bad")] if m.scored.seen else []
    if m.binary and auc.low <= 0.5:
        low, high = (f"{100 * x:.0f}" for x in (auc.low, auc.high))
        out.append(Item(m.say("no_better", low=low, high=high), state="bad"))
    elif right.low <= m.always:
        values = {"right": f"{100 * right.value:.0f}", "always": f"{100 * m.always:.0f}"}
        out.append(Item(m.say("no_gain", **values), state="bad"))
    return out + _extreme(m)


def _extreme(m: Material) -> list[Item]:
    """Whether probabilities lie too far apart."""
    if m.calibration is None or m.scored.seen:
        return []
    at = m.calibration.measure.index("slope")
    slope, low, high = (float(t[at]) for t in (m.calibration.estimate, m.calibration.low, m.calibration.high))
    if not high < 1:
        return []
    return [Item(m.say("extreme", slope=f"{slope:.2f}", low=f"{low:.2f}", high=f"{high:.2f}"), state="bad")]


def measured(m: Material) -> dict[str, Any]:
    """The same for a program."""
    found = (m.evaluation, m.calibration) if m.fit.certified else (None, None)
    return {name: each and each.to_dict() for name, each in zip(("evaluation", "calibration"), found, strict=True)}
