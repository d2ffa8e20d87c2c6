"""What the parts of a report are written from: a fit, rows, and what is read off them, each found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference.check import LANGUAGES as CHECKED
from torchlogit.inference.compared import compared
from torchlogit.inference.explain import LANGUAGES as SPOKEN
from torchlogit.inference.explain import Sentence
from torchlogit.inference.observed import Observed, observed
from torchlogit.render.spoken import level_words, list_words, name_words, share_words
from torchlogit.report import words_en, words_zh
from torchlogit.report.origin import Origin, date, numbers_hash
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.calibration.measures import Calibration
    from torchlogit.fitted import Fit
    from torchlogit.inference.check import Check
    from torchlogit.inference.effects import EffectTable
    from torchlogit.inference.explain import Explanation
    from torchlogit.metrics.evaluation import Evaluation
    from torchlogit.metrics.scored import Scored
    from torchlogit.rows import Rows
    from torchlogit.summary import Summary

LANGUAGES: dict[str, ModuleType] = {"en": words_en, "zh": words_zh}
NOT_TOLD = (NotCertifiedError, ParameterError, DataError, ImportError)  # there is no such number, or no matplotlib


@dataclass(frozen=True, eq=False)
class Material:
    """``rows`` are those at hand; ``other`` is their table where they are not the rows that were fitted, else None.

    ``wording`` is what sentences of the package pass through: the command turns Python's arguments into its options.
    """

    fit: Fit
    rows: Rows
    other: Any
    origin: Origin
    language: str = "en"
    level: float = 0.95
    base: Any = None
    folds: int = 10
    seed: int = 0
    wording: Callable[[str], str] = str

    @property
    def words(self) -> ModuleType:
        """The words of the language."""
        return LANGUAGES[self.language]

    def say(self, key: str, **values: Any) -> str:
        """A sentence, or a part of one."""
        return str(self.words.WORDS[key].format(**values))

    def name(self, text: Any) -> str:
        """A name as sentences have it."""
        return name_words(text)

    def listed(self, texts: list[str]) -> str:
        """The first five in a row, and how many there are."""
        return list_words(texts, SPOKEN[self.language])

    def percent(self, share: float) -> str:
        """A share, as the language writes it."""
        return share_words(share, SPOKEN[self.language])

    @property
    def percent_level(self) -> str:
        """The level of the intervals."""
        return level_words(self.level, SPOKEN[self.language])

    def spoken(self, reason: str) -> str:
        """What other modules say in English, in the language of the report."""
        return str(CHECKED[self.language].spoken(reason))

    def head(self, text: str) -> str:
        """The head of a column."""
        key = "low" if text.endswith("low") else "high" if text.endswith("high") else text
        return str(self.words.HEADS[key].format(level=self.percent_level))

    def label(self, label: Any) -> str:
        """A class as text."""
        return show(level_text(label.item() if hasattr(label, "item") else label), 30)

    @property
    def event(self) -> str:
        """What the probability of a fit of two classes is of; of counts a success."""
        words, target = SPOKEN[self.language].WORDS, self.name(self.fit.target)
        key = "success" if self.fit.counts else "event"
        return str(words[key].format(target=target, label=self.label(self.fit.positive)))

    @property
    def binary(self) -> bool:
        """Whether there are two classes, and one of them is the event."""
        return self.fit.loss != "softmax"

    @cached_property
    def sha256(self) -> str:
        """The hash of the file, or of the numbers where there is none."""
        return self.origin.sha256 or numbers_hash(self.rows)

    @property
    def of_hash(self) -> str:
        """What the hash is of."""
        return "hash_file" if self.origin.sha256 else "hash_numbers"

    @cached_property
    def date(self) -> str:
        """When the report was made."""
        return date()

    @cached_property
    def explanation(self) -> Explanation:
        """The fit in words."""
        return self.fit.explain(self.language, self.level, base=self.base)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """The sentences of the explanation."""
        return tuple(Sentence.of(s.key, self.wording(s)) for s in self.explanation.sentences)

    @property
    def said(self) -> frozenset[str]:
        """The kinds of sentences that the explanation has."""
        return frozenset(sentence.key for sentence in self.explanation.sentences)

    @cached_property
    def summary(self) -> Summary:
        """The table of the fit, with the intervals that the sentences have."""
        if self.said & {"profile", "profile_penalised"}:
            try:
                return self.fit.summary(self.level, interval="profile", base=self.base)
            except NotCertifiedError:
                pass
        return self.fit.summary(self.level, base=self.base)

    @cached_property
    def check(self) -> Check:
        """What could be wrong."""
        given: dict[str, Any] = {} if self.other is None else {"missing": "drop"}
        return self.fit.check(self.other, language=self.language, **given)

    @cached_property
    def steps(self) -> dict[str, float]:
        """The step of each number that the sentences tell of."""
        return {part.name: part.step for part in compared(self.fit) if part.kind == "number" and not part.why}

    @cached_property
    def effects(self) -> EffectTable | None:
        """By how much the probability moves with each variable, for the steps that the sentences tell; None where unknown."""
        if self.fit.training is None:
            return None
        try:
            return self.fit.effects(difference=self.steps, level=self.level)
        except NOT_TOLD:
            return None

    @property
    def leading(self) -> str | None:
        """The number that moves the probability most, its effect in standard errors; None without any."""
        found = self.effects
        if found is None:
            return None
        sizes = {name: abs(z) for name, z in zip(found.term, found.z, strict=True) if name in self.steps and z == z}
        return max(sizes, key=lambda name: sizes[name], default=None)

    @property
    def fold_count(self) -> int:
        """How many folds the rows are put in: no more than there are rows."""
        return min(self.folds, self.rows.given - self.rows.dropped)

    @cached_property
    def scored(self) -> Scored:
        """The rows with probabilities of models that had not seen them, or else of the fit, which is certified."""
        from torchlogit.metrics.crossed import cross_scored
        from torchlogit.metrics.scored import scored_rows

        if self.other is not None:
            return scored_rows(Observed(self.fit, self.rows))
        try:
            return cross_scored(self.fit, self.fold_count, self.seed)
        except NOT_TOLD:
            return replace(scored_rows(observed(self.fit)), seen=True)

    @cached_property
    def evaluation(self) -> Evaluation:
        """All measures of these rows."""
        from torchlogit.metrics import evaluate

        folds = None if self.other is not None or self.scored.seen else self.fold_count
        return evaluate(self.scored, level=self.level, folds=folds, seed=self.seed, language=self.language)

    @cached_property
    def calibration(self) -> Calibration | None:
        """Whether the probabilities come true; None where that has no answer."""
        from torchlogit.calibration.measures import calibration

        try:
            return calibration(self.scored, level=self.level)
        except NOT_TOLD:
            return None

    @property
    def always(self) -> float:
        """The share of the most frequent class."""
        weights = np.bincount(self.scored.y, self.scored.weight)
        return float(weights.max() / weights.sum())

    @property
    def tested(self) -> int:
        """How many comparisons have a p-value."""
        return int(np.isfinite(self.summary.table.log_p).sum()) - len(self.summary.labels) * self.fit.intercept


def gathered(fit: Fit, data: Any, **settings: Any) -> Material:
    """The fit with its own rows, or with those of ``data``, which may be the very rows that were fitted.

    Whether they are is seen by their log-likelihood. ParameterError where there are no rows at all.
    """
    given: dict[str, Any] = {} if data is None else {"missing": "drop"}
    beside = observed(fit, data, **given)
    try:
        beside.check_rows()
    except DataError:
        return Material(replace(fit, training=None), beside.rows, data, **settings)
    return Material(replace(fit, training=beside.rows), beside.rows, None, **settings)
