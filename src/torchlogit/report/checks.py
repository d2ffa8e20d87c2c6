"""The checks of a fit as questions with answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchlogit.render.text import sentence
from torchlogit.report.material import Material
from torchlogit.report.parts import Item, Listed, Part

if TYPE_CHECKING:
    from torchlogit.inference.check import Finding

STATES = {True: "good", False: "bad", None: "open"}


def checks(m: Material) -> Part:
    """Every check: its question, the answer in plain words, and below it what was found."""
    items = tuple(answered(m, finding) for finding in m.check.findings)
    return Part("checks", m.say("checks"), lists=(Listed(items),))


def answered(m: Material, finding: Finding) -> Item:
    """A finding as an answer to its question, with the check's own sentence below it."""
    question, good, bad = m.words.CHECKS[finding.name]
    value = "" if finding.value is None else f"{finding.value:.1f}"
    text = {True: good, False: bad, None: m.words.OPEN_CHECK}[finding.ok].format(value=value)
    return Item(text, question, STATES[finding.ok], m.wording(sentence(finding.advice)))
