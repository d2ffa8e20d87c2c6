"""The answer in plain words, in English or Chinese, true to the numbers."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from math import exp, isfinite, isnan, log
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.arguments import check_language
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.estimate import MODEL_BASED
from torchlogit.inference import explain_en, explain_zh
from torchlogit.inference.compared import Compared, compared, estimates, probabilities, profiled
from torchlogit.inference.contrasts import contrasts
from torchlogit.inference.quality import quality
from torchlogit.render.document import Document
from torchlogit.render.html import html
from torchlogit.render.rendered import Rendered
from torchlogit.render.spoken import (
    digits_words,
    level_words,
    list_words,
    name_words,
    p_words,
    ratio_words,
    share_words,
)
from torchlogit.solvers import Status
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

LANGUAGES: dict[str, ModuleType] = {"en": explain_en, "zh": explain_zh}
MOST = 30  # sentences about terms


class Sentence(str):
    """A sentence with its ``key`` among the words of its language, so that a reader can tell what kind it is."""

    key: str = ""

    @classmethod
    def of(cls, key: str, text: str) -> Sentence:
        """The text as a sentence of this kind."""
        out = cls(text)
        out.key = key
        return out


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Rendered):
    """A title and sentences, each a `Sentence`; ``print`` it, or show it in a notebook."""

    title: str
    sentences: tuple[Sentence, ...]
    language: str = "en"

    def document(self) -> Document:
        """What is shown."""
        return Document(self.title, notes=self.sentences)

    def to_html(self, page: bool = False) -> str:
        """One ``<div>``, or a whole ``page``."""
        return html(self.document(), page, {"zh": "zh-Hans"}.get(self.language, self.language))

    def to_dict(self) -> dict[str, Any]:
        """Title, sentences and language."""
        return {"title": self.title, "sentences": list(self.sentences), "language": self.language}

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON of `to_dict`, schema ``torchlogit/explanation/1``."""
        return json.dumps({"schema": "torchlogit/explanation/1", **self.to_dict()}, indent=indent, ensure_ascii=False)


def explain(
    fit: Fit, language: str = "en", level: float = 0.95, *, interval: str | None = None, base: Any = None
) -> Explanation:
    """What a fit says, in words: for every term by how much it multiplies the odds, how sure that is, and what it does not say.

    ``language`` is "en" or "zh". ``interval`` is "profile" (from the likelihood itself; by default wherever the fit still has
    its rows and they are not many) or "wald". More than two classes are compared with a ``base``, the first by default.
    Where the interval of an odds ratio holds 1, the direction is left open. Numbers that are small for one unit are told
    for 10, 100, … units. Of a formula with interactions each coefficient is told with the values at which the other variables
    stand, and an interaction as what one variable does to the odds ratio of the other. Links without odds ratios are told as
    probabilities at the means of the columns. What is not certified, separated, aliased or penalised is said so, without
    numbers that would mislead.

    ParameterError for another language or the linear unit.

    >>> from torchlogit import datasets, fit
    >>> print(explain(fit(datasets.study_hours(), "passed"), interval="wald").sentences[1])
    Each extra unit of `hours` multiplies the odds of `passed` = 1 by 4.5 (95 % interval 1.3 to 15, p = 0.017).
    """
    check_language(language)
    if fit.loss == "squared":
        raise ParameterError("the linear unit gives no probabilities, so there are no odds to explain")
    return _Told(fit, LANGUAGES[language], level, interval, base).explanation()


class _Told:
    """The sentences of one fit in one language."""

    def __init__(self, fit: Fit, words: ModuleType, level: float, interval: str | None, base: Any) -> None:
        self.fit, self.words, self.level = fit, words, level
        if base is None and fit.loss == "softmax" and fit.infinite is None:
            base = fit.classes[0]
        self.base = base
        self.labels = contrasts(fit, base).labels
        self.table: Any = None
        if fit.certified:
            self.table, self.interval = estimates(fit, level, interval, base)
        self.two = len(fit.classes) == 2 and fit.loss != "softmax"

    def say(self, key: str, **values: Any) -> Sentence:
        """A sentence, with a capital letter where the language has them."""
        text = self.word(key, **values).replace("） ", "）")
        return Sentence.of(key, text[:1].upper() + text[1:])

    def word(self, key: str, **values: Any) -> str:
        """A part of a sentence."""
        return str(self.words.WORDS[key].format(**values))

    def explanation(self) -> Explanation:
        """All of it."""
        sentences = [*self.rows(), *(self.terms() if self.fit.certified else self.nothing())]
        sentences.append(self.say("association"))
        return Explanation(self.say("title", target=name_words(self.fit.target)), tuple(sentences), self.words.LANG)

    def label(self, label: Any) -> str:
        """A class or a level as text."""
        label = label.item() if isinstance(label, np.generic) else label
        return show(int(label) if isinstance(label, float) and label.is_integer() else label, 30)

    def event(self, label: Any) -> str:
        """The outcome whose odds are told."""
        target = name_words(self.fit.target)
        if self.fit.counts:
            return self.word("success" if label == self.fit.positive else "failure", target=target)
        if self.two or self.base is None:
            return self.word("event", target=target, label=self.label(label))
        return self.word("event_against", target=target, label=self.label(label), base=self.label(self.base))

    def rows(self) -> list[Sentence]:
        """What was fitted to what."""
        fit = self.fit
        if self.two and fit.class_weights:
            events, total = fit.class_weights[-1], sum(fit.class_weights)
            event, share = self.event(fit.positive), self.percent(events / total)
            key = "rows_trials" if fit.counts else "rows" if total == fit.n_rows else "rows_counted"
            counts = {"events": f"{events:.10g}", "total": f"{total:.10g}"}
            out = [self.say(key, n=fit.n_rows, share=share, event=event, **counts)]
        else:
            out = [self.say("classes", n=fit.n_rows, count=len(fit.classes))]
        if self.base is not None and not self.two:
            base = self.word("event", target=name_words(fit.target), label=self.label(self.base))
            out.append(self.say("compared", base=base))
        out += [self.say("dropped", n=fit.dropped)] if fit.dropped else []
        return [Sentence.of("rows", (" " if self.words.LANG == "en" else "").join(out))]

    def nothing(self) -> list[Sentence]:
        """Why there are no numbers."""
        fit = self.fit
        if fit.status is not Status.separated:
            return [self.say("uncertified", why=self.words.spoken(str(fit.status)))]
        names = [name_words(c) for c, moved in zip(fit.columns, _moved(fit), strict=True) if moved]
        how = self.word("perfectly" if fit.complete else "in part")
        split = self.say("split", how=how, names=list_words(names or [name_words(fit.target)], self.words))
        return [split, *self.limits()]

    def limits(self) -> list[Sentence]:
        """What the likelihood says of the infinite coefficients of a fit of two classes."""
        if not (self.two and self.fit._loss().odds and profiled(self.fit)):
            return []
        self.table, self.interval = self.fit.profile(self.level), "profile"
        told = [line for part in compared(self.fit) if not part.why and (line := self.limit(part))]
        return [*told, self.say("profile")] if told else []

    def limit(self, part: Compared) -> Sentence | None:
        """The one bound that an infinite coefficient has; None for a finite one, and where no bound was found."""
        estimate, low, high, log_p = self.numbers(part, 0)
        bound = low if estimate > 0 else high
        if isfinite(estimate) or not isfinite(bound):
            return None
        evidence = self.evidence(self.bound(low), self.bound(high), log_p)
        key = "at_least" if estimate > 0 else "at_most"
        values = {"event": self.event(self.labels[0]), "ratio": ratio_words(bound, 2), "evidence": evidence}
        return self.say(key, subject=self.subject(part), **values)

    def terms(self) -> list[Sentence]:
        """What every term goes with, and how to take it."""
        fit, parts = self.fit, compared(self.fit)
        if not parts:
            return [self.say("empty")]
        odds = fit._loss().odds
        head = self.say("held") if odds else self.say("mean", link=fit.loss)
        every = [line for part in parts for line in self.term(part)]
        told = every[:MOST] + [self.say("more", n=len(every) - MOST)] * (len(every) > MOST)
        told += [line for part in parts if len(parts) == 1 for line in self.half(part)]
        whole = self.whole() if len(parts) > 1 else []
        return [*whole, *([head] if len(parts) > 1 or not odds else []), *told, *self.manner(odds)]

    def whole(self) -> list[Sentence]:
        """The test of all terms."""
        found = quality(self.fit)
        if found is None or not found.df or self.fit.covariance_kind != MODEL_BASED:
            return []
        key = "whole_no" if self.doubtful(found.log_p) else "whole"
        return [self.say(key, target=name_words(self.fit.target), p=p_words(found.log_p))]

    def manner(self, odds: bool) -> list[Sentence]:
        """Where intervals come from, and what odds are."""
        fit = self.fit
        if self.table is not None and np.isfinite(self.table.log_p).any():
            how = [self.say("firth")] if not fit.penalty.free else []
            penalised = "_penalised" * (self.interval == "profile" and not fit.penalty.free)
            how.append(self.say(self.interval + penalised, kind=self.kind()))
        else:
            how = [
                self.say("no_errors", why=self.words.spoken(fit.no_errors))
                if fit.penalty.free
                else self.say("penalised")
            ]
        return [*how, *([self.say("odds")] if odds else [])]

    def kind(self) -> str:
        """What standard errors are from."""
        return str(self.words.spoken(self.fit.covariance_kind))

    def term(self, part: Compared) -> list[Sentence]:
        """A sentence for each class, or one that says why there is none."""
        if part.why:
            return [self.say(part.why, name=name_words(part.name), tested=self.tested(part))]
        subject = self.subject(part)
        tell = self.odds if self.fit._loss().odds else self.points
        return [tell(part, subject, j, label) for j, label in enumerate(self.labels)]

    def tested(self, part: Compared) -> str:
        """The test of a whole term whose coefficients are not told one by one; empty where there is none."""
        if part.why in ("shared", "curve"):
            with suppress(NotCertifiedError, ParameterError):
                return self.word("tested", p=p_words(self.fit.test(part.name, "wald").log_p))
        return ""

    def subject(self, part: Compared) -> str:
        """What is compared, and where others are held."""
        held = self.word("and").join(self.word("held_at", name=name_words(n), value=show(v)) for n, v in part.where)
        subject = self.moved(part)
        return self.word("where", subject=subject, held=held) if held else subject

    def moved(self, part: Compared) -> str:
        """What one variable does."""
        name = name_words(part.name)
        if part.kind == "number":
            step = self.word("unit") if part.step == 1 else self.word("units", step=f"{part.step:,.10g}")
            return self.word("number", name=name, step=step)
        return self.word(part.kind, name=name, level=show(part.level), reference=show(part.reference))

    def numbers(self, part: Compared, j: int) -> tuple[float, float, float, float]:
        """Estimate, bounds and log p of one coefficient, for the step that is told."""
        table = self.table
        assert table is not None
        at = part.row * len(self.labels) + j
        estimate, low, high = (part.times * float(t[at]) for t in (table.estimate, table.low, table.high))
        low, high = (high, low) if part.times < 0 else (low, high)
        return estimate, low, high, float(table.log_p[at])

    def odds(self, part: Compared, subject: str, j: int, label: Any) -> Sentence:
        """By how much the odds are multiplied."""
        estimate, low, high, log_p = self.numbers(part, j)
        event, known = self.event(label), not isnan(log_p)
        doubtful = known and self.doubtful(log_p)
        if estimate == 0 and part.second is None:
            return self.say("none", subject=subject, event=event)
        ratio, least, most = self.told_apart(estimate, low, high)
        evidence = self.evidence(least, most, log_p) if known else ""
        if part.second is not None:
            first, second = self.moved(part), self.subject(part.second._replace(where=part.where))
            key = "changes_unknown" if doubtful else "changes"
            return self.say(key, subject=first, second=second, event=event, ratio=ratio, evidence=evidence)
        if doubtful:
            return self.say("unknown", subject=subject, event=event, ratio=ratio, evidence=evidence)
        key = "lower" if estimate < 0 else "higher" if estimate < 0.6931 else "times"
        percent = self.percent(abs(exp(min(estimate, 700)) - 1))
        return self.say(key, subject=subject, event=event, ratio=ratio, percent=percent, evidence=evidence)

    def told_apart(self, estimate: float, low: float, high: float) -> tuple[str, str, str]:
        """An odds ratio and its bounds, with so many digits that they differ."""
        told = [(ratio_words(estimate, extra=n), self.bound(low, n), self.bound(high, n)) for n in range(5)]
        return next((each for each in told if len(set(each)) == 3), told[-1] if low < high else told[0])

    def points(self, part: Compared, subject: str, j: int, label: Any) -> Sentence:
        """From which probability to which, all other columns at their means."""
        estimate, _, _, log_p = self.numbers(part, j)
        start, to = probabilities(self.fit, part, estimate)
        known = not isnan(log_p)
        key = "points_unknown" if known and self.doubtful(log_p) else "points_higher" if to >= start else "points_lower"
        evidence = self.word("evidence_p", p=p_words(log_p)) if known else ""
        points = digits_words(100 * abs(to - start), 2)
        shares = [(self.percent(start, more), self.percent(to, more)) for more in range(6)]
        first, second = next((pair for pair in shares if pair[0] != pair[1]), shares[0])
        values = {"points": points, "start": first, "to": second, "evidence": evidence}
        return self.say(key, subject=subject, event=self.event(label), **values)

    def doubtful(self, log_p: float) -> bool:
        """Whether the direction is open: the interval holds no association."""
        return log_p >= log(1 - self.level)

    def percent(self, share: float, more: int = 0) -> str:
        """A share, as the language writes it."""
        return share_words(share, self.words, more)

    def evidence(self, low: str, high: str, log_p: float) -> str:
        """The interval and the p-value."""
        level = level_words(self.level, self.words)
        return self.word("evidence", level=level, low=low, high=high, p=p_words(log_p))

    def bound(self, x: float, extra: int = 0) -> str:
        """A bound of an odds ratio."""
        if not isfinite(x):
            return self.word("missing") if isnan(x) else self.word("unbounded") if x > 0 else "0"
        return ratio_words(x, 2, extra)

    def half(self, part: Compared) -> list[Sentence]:
        """Where both outcomes are equally probable, for a model of one number."""
        fit = self.fit
        if not (self.two and fit.intercept and fit.offset is None and fit._loss().even and part.kind == "number"):
            return []
        b, w = (float(x) for x in fit.theta[:, 0])
        log_p = self.numbers(part, 0)[3]
        if not w or (not isnan(log_p) and self.doubtful(log_p)):
            return []
        at, name = -b / w, name_words(part.name)
        if part.span is None or part.span[0] <= at <= part.span[1]:
            return [self.say("half", name=name, value=digits_words(at, 3))]
        low_end, high_end = (f"{x:.6g}" for x in part.span)
        return [self.say("half_outside", name=name, value=digits_words(at, 3), low=low_end, high=high_end)]


def _moved(fit: Fit) -> list[bool]:
    if fit.infinite is None:
        return [False] * len(fit.columns)
    return [bool(row.any()) for row in fit.infinite[int(fit.intercept) :]]
