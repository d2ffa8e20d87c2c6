"""The first page: the answer in words, then what to doubt; and after it the answer in percentage points."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlogit.inference.explain import LANGUAGES as SPOKEN
from torchlogit.inference.explain import Sentence
from torchlogit.render.document import Grid, grid
from torchlogit.render.spoken import digits_words, level_words
from torchlogit.report.checks import answered
from torchlogit.report.material import Material
from torchlogit.report.origin import blocks
from torchlogit.report.parts import NAME, Item, Listed, Part
from torchlogit.report.performance import doubts, right_answers
from torchlogit.report.pictures import of_effects
from torchlogit.tables.names import show

FIRST = ("rows", "whole", "whole_no", "uncertified", "split", "empty", "held", "mean")  # kinds of sentences, by place
LAST = ("more", "penalised", "firth", "no_errors", "odds", "association")
MANNER = ("profile", "profile_penalised", "wald")  # these stand with the numbers
OPEN = ("unknown", "points_unknown", "changes_unknown")
STATES = {
    "times": "up", "higher": "up", "points_higher": "up", "at_least": "up",
    "lower": "down", "points_lower": "down", "at_most": "down",
}  # fmt: skip
MOST = 40  # lines of the table of effects
SAID = 8  # sentences of a list on the first page
MANY = 10  # comparisons from which chance finds are told
LEVELS = 10  # of a text that may be a name


def answer(m: Material) -> Part:
    """What the fit says: what is clear, what is open, and what that is in percentage points."""
    sentences = m.sentences
    clear, unclear = _lists(m)
    return Part(
        "answer",
        m.say("answer"),
        sentences=tuple(s for s in sentences if s.key in FIRST),
        figures=_brief(m, clear, unclear),
        lists=tuple(_cut(m, each) for each in (clear, unclear) if each.items),
        notes=tuple(s for s in sentences if s.key in LAST),
    )


def _lists(m: Material) -> tuple[Listed, Listed]:
    """What is clear, or without tests all that is said; and what is open."""
    rest = [s for s in m.sentences if s.key not in (*FIRST, *LAST, *MANNER)]
    clear = Listed(tuple(_item(s) for s in rest if s.key not in OPEN), m.say("said" if _untested(m) else "clear"))
    return clear, Listed(tuple(_item(s) for s in rest if s.key in OPEN), m.say("open"))


def _untested(m: Material) -> bool:
    return bool(m.said & {"penalised", "no_errors"})


def _cut(m: Material, found: Listed) -> Listed:
    """The first sentences of a list, and how many there are further on."""
    more = len(found.items) - SAID
    return found if more <= 1 else Listed((*found.items[:SAID], Item(m.say("further", n=more))), found.heading)


def further(m: Material) -> tuple[Listed, ...]:
    """The sentences for which the first page has no room."""
    return tuple(Listed(each.items[SAID:], each.heading) for each in _lists(m) if len(each.items) > SAID + 1)


def _brief(m: Material, clear: Listed, unclear: Listed) -> tuple[tuple[str, str], ...]:
    """The answer in a few names and numbers."""
    event = m.event if m.binary else m.name(m.fit.target)
    names = [_names(each) for each in (clear, unclear)]
    names[1] = [name for name in names[1] if name not in names[0]]
    keys = ("used_for" if _untested(m) else "goes_with", "left_open")
    told = [(m.listed(each), m.say(key, event=event)) for each, key in zip(names, keys, strict=True) if each]
    return (*(told if m.fit.certified else ()), *right_answers(m))


def _names(found: Listed) -> list[str]:
    """What the sentences of a list are about."""
    return list(dict.fromkeys(name[0] for item in found.items if item.state and (name := NAME.search(item.text))))


def _item(sentence: Sentence) -> Item:
    return Item(sentence, state="open" if sentence.key in OPEN else STATES.get(sentence.key, ""))


def _points(m: Material) -> Grid | None:
    """Average changes of the probability, in percentage points."""
    found = m.effects
    if found is None or not 0 < len(found.effect) <= MOST:
        return None
    heads = [m.words.HEADS[key] for key in ("term", "contrast", "class", "change", "low", "high")]
    cells = [
        [show(term, 200), show(contrast, 200), show(label, 60), *map(_point, numbers)]
        for term, contrast, label, *numbers in zip(
            found.term, found.contrast, found.label, found.effect, found.low, found.high, strict=True
        )
    ]
    return grid([head.format(level=m.percent_level) for head in heads], cells, "lllrrr", m.say("points"))


def _point(effect: float) -> str:
    """A change of the probability in percentage points.

    >>> _point(0.1234), _point(-0.00042)
    ('+12.3', '-0.042')
    """
    points = 100 * float(effect)
    return f"{points:+.1f}" if abs(points) >= 1 or points == 0 else "+" * (points > 0) + digits_words(points, 2)


def effects(m: Material) -> Part:
    """The answer in percentage points, with pictures; empty where the fit has no errors."""
    points = _points(m)
    key = "points_how" if m.binary else "points_how_many"
    if points is None:
        return Part("effects", m.say("effects"), sentences=(m.say("no_effects"),))
    return Part("effects", m.say("effects"), (m.say(key, event=m.event),), pictures=of_effects(m), grids=(points,))


def doubt(m: Material) -> Part:
    """What was found that speaks against the answer."""
    items = [*_rows(m), *_columns(m), *_checks(m), *doubts(m), *_tests(m)]
    if not any(item.state for item in items):
        items.append(Item(m.say("nothing"), state="good"))
    return Part("doubt", m.say("doubt"), lists=(Listed(tuple(items)),))


def _checks(m: Material) -> list[Item]:
    """The checks that found something, and those that could not be made."""
    found = [(finding, answered(m, finding)) for finding in m.check.findings]
    bad = [item._replace(detail="") for finding, item in found if finding.ok is False]
    names = [m.words.NAMES[finding.name] for finding, _ in found if finding.ok is None]
    return bad + ([Item(m.say("not_made", names=m.words.SEPARATOR.join(names)), state="open")] if names else [])


def _rows(m: Material) -> list[Item]:
    """Rows that were left out, or that are others than those fitted."""
    dropped, total = m.rows.dropped, m.rows.given
    out = []
    if m.other is not None:
        out.append(Item(m.say("other_rows", data=m.name(m.origin.name or "data")), state="bad"))
    if dropped:
        share = m.percent(dropped / total)
        out.append(Item(m.say("dropped", n=dropped, total=total, share=share), state="bad"))
    return out


def _columns(m: Material) -> list[Item]:
    """Columns that look like names or numbers of rows."""
    recipe, n = m.fit.recipe, len(m.rows.codes)
    out = []
    for feature in recipe.features if recipe is not None else ():
        if len(feature.levels) > max(LEVELS, n / 3):
            said = m.say("identifier", name=m.name(feature.name), levels=len(feature.levels), n=n)
            out.append(Item(said, state="bad"))
    out += [Item(m.say("counter", name=m.name(name)), state="bad") for name in counters(m)]
    return out + ([Item(m.say("offset", name=m.name(m.fit.offset)), state="open")] if m.fit.offset else [])


def counters(m: Material) -> list[str]:
    """Columns that go up by 1 from row to row, in the first of the rows."""
    x = next(blocks(m.rows.x), np.zeros((0, 0)))
    if len(x) < 20:
        return []
    steps = (np.diff(x, axis=0) == 1).mean(0)
    return [name for name, share in zip(m.rows.columns, steps, strict=True) if share > 0.9]


def _tests(m: Material) -> list[Item]:
    """How many comparisons would look clear by chance."""
    tested = m.tested if m.fit.certified else 0
    if tested < MANY:
        return []
    values: dict[str, Any] = {
        "n": tested,
        "alpha": level_words(1 - m.level, SPOKEN[m.language]),
        "target": m.name(m.fit.target),
    }
    return [Item(m.say("many", expected=f"{tested * (1 - m.level):.2g}", **values), state="open")]
