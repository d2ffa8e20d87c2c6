"""What could be wrong with a fit, looked for one after the other, each with a sentence on what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlogit.arguments import check_language
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference import check_en, check_zh
from torchlogit.inference.looks import LOOKS, Look, Seen
from torchlogit.render.document import Document
from torchlogit.render.html import html
from torchlogit.render.numbers import plain
from torchlogit.render.rendered import Rendered
from torchlogit.render.text import sentence, text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

LANGUAGES: dict[str, ModuleType] = {"en": check_en, "zh": check_zh}
MARKS = {True: "✔", False: "✘", None: "?"}
PLAIN_MARKS = {True: "ok", False: "NO", None: "??"}


class Finding(NamedTuple):
    """One check: ``ok`` is None where it could not be made, and ``advice`` then says why. ``value`` is what was looked at."""

    name: str
    ok: bool | None
    advice: str
    value: float | None = None


@dataclass(frozen=True, repr=False, eq=False)
class Check(Rendered):
    """All findings about a fit. ``ok`` is True where every check was made and nothing was found."""

    target: str
    findings: tuple[Finding, ...]
    language: str = "en"

    @property
    def ok(self) -> bool:
        """Whether every check was made and passed."""
        return all(finding.ok for finding in self.findings)

    def document(self, marks: dict[bool | None, str] | None = None) -> Document:
        """What is shown: a mark, the name and a sentence for each check."""
        words, marks = LANGUAGES[self.language], marks or MARKS
        counts = [sum(finding.ok is state for finding in self.findings) for state in (True, False, None)]
        told = [words.WORDS[key].format(n=n) for key, n in zip(("passed", "faults", "open"), counts, strict=True) if n]
        title = words.WORDS["title"].format(target=f"`{show(self.target, 30)}`", count=words.WORDS["and"].join(told))
        facts = ((f"{marks[f.ok]} {words.NAMES.get(f.name, f.name)}", sentence(f.advice)) for f in self.findings)
        return Document(title, tuple(facts))

    def __str__(self) -> str:
        return text(self.document(MARKS if _unicode() else PLAIN_MARKS))

    def to_html(self, page: bool = False) -> str:
        """One ``<div>``, or a whole ``page``."""
        return html(self.document(), page, {"zh": "zh-Hans"}.get(self.language, self.language))

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON types."""
        rows = [{name: plain(value) for name, value in finding._asdict().items()} for finding in self.findings]
        return {"target": self.target, "ok": self.ok, "language": self.language, "findings": rows}

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON of `to_dict`, schema ``torchlogit/check/1``."""
        found = {"schema": "torchlogit/check/1", **self.to_dict()}
        return json.dumps(found, indent=indent, allow_nan=False, ensure_ascii=False)

    def to_frame(self, library: str = "pandas") -> Any:
        """One row a check."""
        from torchlogit.inference.tabular import frame

        return frame({name: [getattr(f, name) for f in self.findings] for name in Finding._fields}, library)


def _unicode() -> bool:
    """Whether standard output can write the marks."""
    try:
        "✔✘".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def check(fit: Fit, data: Any = None, *, language: str = "en", **given: Any) -> Check:
    """Look for what commonly goes wrong with a logistic regression, and say what to do, in English ("en") or Chinese ("zh").

    The optimum (is it certified); separation (by linear programmes where the optimum does not tell: under a penalty, on
    other rows); events for each coefficient, at least 10 (Peduzzi et al. 1996; a rule of
    thumb); collinearity, by the generalised variance-inflation factor, at most 10 (`inflation`); linearity of the log-odds,
    by score tests of each number's square at 5 % for all of them together (Holm; `linearity`); influence, Cook's distance at
    most 1 (`influence`); calibration, by the test of Hosmer and Lemeshow at 5 % (`hosmer_lemeshow`), of counts by Pearson's
    chi-squared (`grouped`); outliers, more rows of probability under 1/90 than the model expects (`surprises`).
    A passed check is no proof: each looks for one fault.
    A check that cannot be made says why. Logistic regression does not assume normal residuals or equal variances, so
    neither is looked at.

    ``data`` are the rows, where the fit was read from a file. ParameterError for the linear unit, or another language.

    >>> from torchlogit import datasets, fit
    >>> found = check(fit(datasets.study_hours(), "passed"))
    >>> found.ok, [finding.name for finding in found.findings if not finding.ok]
    (True, [])
    """
    check_language(language)
    if fit.loss == "squared":
        raise ParameterError("these checks are for models of probabilities; the linear unit is none")
    at = Look(fit, data, LANGUAGES[language], given)
    return Check(fit.target, tuple(Finding(name, *_made(look, at)) for name, look in LOOKS.items()), language)


def _made(look: Callable[[Look], Seen], at: Look) -> Seen:
    """What is found, or why nothing is."""
    try:
        return look(at)
    except (ParameterError, NotCertifiedError, DataError) as error:
        return at.not_checked(str(error))
