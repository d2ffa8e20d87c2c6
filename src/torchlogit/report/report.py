"""A report: its parts in order, and the forms it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlogit import __version__
from torchlogit.arguments import check_language
from torchlogit.errors import ParameterError
from torchlogit.report.answer import answer, doubt, effects
from torchlogit.report.checks import checks
from torchlogit.report.made import kind_of, limits, made, provenance
from torchlogit.report.material import Material, gathered
from torchlogit.report.numbers import numbers
from torchlogit.report.origin import Origin
from torchlogit.report.page import page
from torchlogit.report.parts import Part
from torchlogit.report.performance import measured, performance
from torchlogit.report.plain import markdown
from torchlogit.tables.write import atomic

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

PARTS: dict[str, Callable[[Material], Part]] = {
    "answer": answer,
    "doubt": doubt,
    "effects": effects,
    "performance": performance,
    "numbers": numbers,
    "checks": checks,
    "limits": limits,
    "origin": made,
}
FORMS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """The page about a fit. ``record`` has its numbers for a program; a notebook shows it as a page within the page."""

    title: str
    kind: str
    made: str
    parts: tuple[Part, ...]
    record: dict[str, Any]
    language: str = "en"

    def to_html(self) -> str:
        """One page that needs nothing else: no network, no script."""
        return page(self)

    def to_markdown(self) -> str:
        """Markdown, with what the pictures show in words."""
        return markdown(self)

    def to_json(self, indent: int | None = 2) -> str:
        """Strict JSON, schema ``torchlogit/report/1``: numbers in full, and all sentences."""
        return json.dumps(self.record, indent=indent, allow_nan=False, ensure_ascii=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a .html, .md or .json file, whole or not at all; ParameterError for another ending, FileError if it cannot be."""
        form = FORMS.get(Path(path).suffix.lower())
        if form is None:
            raise ParameterError(
                f"a report cannot be written as {Path(path).suffix!r}: end the name in .html, .md or .json"
            )
        content = getattr(self, f"to_{form}")()
        with atomic(path) as stream:
            stream.write((content.rstrip("\n") + "\n").encode())
        return Path(path)

    def __str__(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        return f"<Report: {self.title}; save('report.html') writes it>"

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{escape(self.to_html())}" title="{escape(self.title)}" width="100%" height="800"></iframe>'


def report(
    fit: Fit,
    data: Any = None,
    language: str = "en",
    *,
    level: float = 0.95,
    base: Any = None,
    folds: int = 10,
    seed: int = 0,
    origin: Origin | None = None,
    wording: Callable[[str], str] = str,
    watch: Callable[[str], None] | None = None,
) -> Report:
    """A page about a fit for people: the answer in words, what to doubt, how well it predicts, pictures, the numbers, the
    checks, limits of use, and how it was made.

    ``data`` are the rows, a table or the path of a file; a fit that still has its rows needs none. Whether they are the rows
    that were fitted is seen by their log-likelihood: if so, how well the model predicts is found by cross-validation in
    ``folds`` (shuffled by ``seed``), else on these rows as they are. ``language`` is "en" or "zh", ``level`` that of all
    intervals, ``base`` the class that others are compared with. ``origin`` says where the data came from; ``watch`` is called
    with the heading of each part before it is made, ``wording`` with sentences that may name arguments of Python. No row of
    the data is in the report. Where SOURCE_DATE_EPOCH is set, equal input gives equal bytes.

    ParameterError for another language, for the linear unit, and where there are no rows at all.

    >>> from torchlogit import datasets, fit
    >>> found = report(fit(datasets.study_hours(), "passed"))
    >>> [part.name for part in found.parts][:2], len(found.to_html()) < 2_000_000
    (['answer', 'doubt'], True)
    """
    check_language(language)
    if fit.loss == "squared":
        raise ParameterError("the linear unit gives no probabilities; a report is about a model that does")
    data, origin = _opened(data, origin)
    m = gathered(
        fit, data, origin=origin, language=language, level=level, base=base, folds=folds, seed=seed, wording=wording
    )
    foot = m.say("made", version=__version__, date=m.date)  # first: a moment that is none is refused before the work
    parts = tuple(_made(m, name, watch) for name in PARTS)
    kind = m.say("kind", model=kind_of(m), n=fit.n_rows)
    title = m.say("title", target=m.name(fit.target))
    return Report(title, kind, foot, parts, _record(m, title, parts), language)


def _opened(data: Any, origin: Origin | None) -> tuple[Any, Origin]:
    """A table, and where it is from."""
    if not isinstance(data, str | os.PathLike):
        return data, origin or Origin()
    from torchlogit.tables import read_table

    return read_table(data), origin or Origin.file(data)


def _made(m: Material, name: str, watch: Callable[[str], None] | None) -> Part:
    if watch is not None:
        watch(m.say(name))
    return PARTS[name](m)


def _record(m: Material, title: str, parts: tuple[Part, ...]) -> dict[str, Any]:
    """The report for a program."""
    shown = [{"name": p.name, "alt": p.alt} for part in parts for p in part.pictures]
    return {
        "schema": "torchlogit/report/1",
        "title": title,
        "language": m.language,
        "origin": provenance(m),
        "explanation": list(m.sentences),
        "doubt": [item.text for part in parts if part.name == "doubt" for each in part.lists for item in each.items],
        "fit": m.summary.to_dict(),
        "effects": None if m.effects is None else m.effects.to_dict(),
        **measured(m),
        "checks": m.check.to_dict()["findings"],
        "pictures": shown,
        "limits": list(m.words.LIMITS.values()),
    }
