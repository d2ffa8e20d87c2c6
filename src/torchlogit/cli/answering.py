"""The commands that ask a model file: ``summary``, ``check``, ``explain``, ``compare``, ``effects``, ``evaluate``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlogit.arguments import LANGUAGES, check_share
from torchlogit.cli.files import check_choice, check_ending, check_output
from torchlogit.cli.fitting import listed
from torchlogit.cli.ranks import joined, own_rank
from torchlogit.cli.reading import files_of, rows_at, table_of
from torchlogit.cli.streams import out, out_data, out_json, passing, say
from torchlogit.cli.wording import as_text
from torchlogit.errors import ParameterError
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

FORMS = ("text", "html", "markdown", "latex", "json")
ENDINGS = {".txt": "text", ".html": "html", ".htm": "html", ".md": "markdown", ".tex": "latex", ".json": "json"}


@dataclass(frozen=True)
class Asked:
    """The options that the questions share, as typed."""

    model: str = ""
    data: str | None = None
    level: float = 0.95
    profile: bool = False
    base: str | None = None
    form: str = "text"
    as_json: bool = False
    out: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    force: bool = False
    memory: str | None = None  # None: the command needs all rows in it
    timeout: float = 120.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Asked:
        """Those among a command's own, checked."""
        asked = cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})
        check_choice(asked.form, FORMS, "--format")
        check_share(asked.level, "--level")
        check_ending(asked.out, tuple(ENDINGS))
        check_output(asked.out, [path for path in (asked.model, asked.data) if path], asked.force)
        return asked

    @property
    def shape(self) -> str:
        """The form of the answer: asked for, or what the name of the file says."""
        if self.as_json:
            return "json"
        if self.out is not None and self.form == "text":
            return ENDINGS[Path(self.out).suffix.lower()]
        return self.form

    def fit(self, watch: Any = None) -> Fit:
        """The fit, with its rows where data are given; of a calibrated model the fit that was calibrated.

        ``watch`` is called with each `Reading` of rows that are read in parts.
        """
        from torchlogit.streamed import StreamedRows

        fit = fit_in(self.model)
        if self.data is None:
            return fit
        rows = self.rows(fit, watch)
        return replace(fit, stream=rows) if isinstance(rows, StreamedRows) else replace(fit, training=rows)

    def table(self, fit: Fit, group: str | None = None) -> Any:
        """The data, as the model wants them read; who reads them in parts where there are many or the rows are spread over a
        ``group`` of processes, and the command takes that.
        """
        from torchlogit.inference.parts import texts

        assert self.data is not None
        how = (self.data, self.encoding, self.delimiter, texts(fit.recipe) if fit.recipe else [])
        if group is not None:
            return files_of(*how)
        return table_of(*how) if self.memory is None else rows_at(*how, self.memory)

    def reading(self, watch: Any, group: str | None) -> dict[str, Any]:
        """How rows are read that may be many, or spread over a group of processes."""
        memory = self.memory or "1GiB"
        return {"missing": "drop", "memory": memory, "watch": watch, "process_group": group, "timeout": self.timeout}

    def rows(self, fit: Fit, watch: Any = None) -> Any:
        """The rows of the data as the model sees them; those with empty cells are left out, and told if they are here."""
        from torchlogit.inference.observed import observed

        reading: dict[str, Any] = {} if self.memory is None else {"memory": self.memory, "watch": watch}
        rows = observed(fit, self.table(fit), missing="drop", **reading).rows
        left_out(rows)
        return rows


def left_out(rows: Any) -> None:
    """Say how many rows were left out; of rows that are read in parts after they were."""
    if rows.dropped:
        say(f"left out {rows.dropped} of {rows.given} rows: they have missing cells")


def fit_in(path: str) -> Fit:
    """The fit of a model file; of a calibrated model the one that was calibrated, with a note."""
    from torchlogit.calibrated import Calibrated
    from torchlogit.fitted import load

    fit = load(path)
    if not isinstance(fit, Calibrated):
        return fit
    say(f"{show(path, 300)} is calibrated by {fit.method}; this is of the fit before", "note")
    return fit.fit


def summarise(asked: Asked) -> None:
    """The table of a model."""
    if asked.profile and asked.data is None:
        raise ParameterError(
            "--profile looks at the rows again: give them, such as torchlogit summary model.safetensors students.csv --profile"
        )
    fit = asked.fit()
    kind = "profile" if asked.profile else None
    answer(asked, fit.summary(asked.level, interval=kind, base=class_of(fit, asked.base)))


def examine(asked: Asked, language: str) -> None:
    """What could be wrong with a model."""
    check_choice(language, LANGUAGES, "--lang")
    with passing() as watch:
        fit = asked.fit(watch)
        found = fit.check(language=language)
    finish(asked, fit, found)


def put_into_words(asked: Asked, language: str) -> None:
    """The answer in plain words."""
    check_choice(language, LANGUAGES, "--lang")
    fit = asked.fit()
    answer(asked, fit.explain(language, asked.level, base=class_of(fit, asked.base)))


def put_beside(asked: Asked, models: Sequence[str]) -> None:
    """Models of the same rows beside each other."""
    if len(models) < 2:
        raise ParameterError("compare needs two model files or more")
    from torchlogit.inference.compare import compare

    answer(asked, compare(*map(fit_in, models), names=[Path(model).stem for model in models]))


def show_effects(asked: Asked, variables: Sequence[str], at: Sequence[str], by: str | None, margins: bool) -> None:
    """Average effects, or average probabilities."""
    places = setting(at)
    with passing() as watch:
        fit = asked.fit(watch)
        names = columns_of(fit.stream or fit.training)
        how: dict[str, Any] = {"by": by, "level": asked.level}
        wanted = listed(list(variables), names) or None
        found = fit.margins(places, **how) if margins else fit.effects(wanted, at=places, **how)
    finish(asked, fit, found)


def columns_of(rows: Any) -> list[str]:
    """The columns of the table that rows are of."""
    from torchlogit.streamed import StreamedRows

    if isinstance(rows, StreamedRows):
        return list(rows.encoder.reader.schema.names)
    return list(getattr(rows.data, "column_names", ()))


def finish(asked: Asked, fit: Fit, found: Any) -> None:
    """Show an answer, once it is said which rows of those read in parts it is not of."""
    if fit.stream is not None:
        left_out(fit.stream)
    answer(asked, found)


def evaluate(asked: Asked, language: str, by: str | None, folds: str | None, threshold: float, seed: int) -> None:
    """How good the probabilities of a model are."""
    from torchlogit.fitted import load

    check_choice(language, LANGUAGES, "--lang")
    fit = load(asked.model)
    how: dict[str, Any] = {"threshold": threshold, "level": asked.level, "seed": seed, "language": language}
    with joined(asked.timeout) as group, passing() as watch:
        found = fit.evaluate(
            asked.table(fit, group), by=by, folds=folds_of(folds), **asked.reading(watch, group), **how
        )
    if not own_rank():  # the first rank speaks for all
        answer(asked, found)


def folds_of(text: str | None) -> Any:
    """A number of folds, or the column that says which row is in which.

    >>> folds_of("10"), folds_of("school")
    (10, 'school')
    """
    return int(text) if text is not None and text.isdecimal() else text


def setting(at: Sequence[str]) -> Any:
    """Where the other variables stand: ``mean`` or ``median``, or values by column; numbers where they read as such.

    >>> setting(["age=30,50", "sex=f"])
    {'age': [30.0, 50.0], 'sex': ['f']}
    """
    if not at:
        return None
    if list(at) in (["mean"], ["median"]):
        return at[0]
    out: dict[str, list[Any]] = {}
    for text in at:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ParameterError(f"--at {show(text)!r} should be COL=VALUE, such as --at age=30,50; or mean, or median")
        out[name] = [number(value) for value in values.split(",")]
    return out


def number(text: str) -> Any:
    """A number where the text is one."""
    try:
        return float(text)
    except ValueError:
        return text


def class_of(fit: Fit, text: str | None, option: str = "--base") -> Any:
    """The class that is written so; None for none."""
    if text is None:
        return None
    from torchlogit.tables.features import level_text

    found = {level_text(label): label for label in fit.classes.tolist()}
    check_choice(text, tuple(found), option)
    return found[text]


def answer(asked: Asked, found: Any) -> None:
    """Show an answer in the form that is asked for, or write it."""
    shape = asked.shape
    content = {
        "text": lambda: as_text(found.document()),
        "html": lambda: found.to_html(page=True),
        "markdown": found.to_markdown,
        "latex": found.to_latex,
        "json": found.to_json,
    }[shape]()
    if asked.out is not None:
        write(asked.out, content)
        say(f"written to {show(asked.out, 300)}")
    elif shape == "text":
        out(content)
    elif shape == "json":
        out_json(content)
    else:
        out_data(content.rstrip("\n"))


def write(path: str | os.PathLike[str], content: str) -> None:
    """A text file, atomically."""
    from torchlogit.tables import atomic

    with atomic(path) as stream:
        stream.write((content.rstrip("\n") + "\n").encode())
