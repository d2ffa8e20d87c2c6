"""``torchlogit calibrate``: how well a model's probabilities come true on some rows, and a model file whose do better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from torchlogit.arguments import LANGUAGES
from torchlogit.cli.answering import Asked, answer, class_of, folds_of
from torchlogit.cli.files import check_choice, check_output
from torchlogit.cli.ranks import joined, own_rank
from torchlogit.cli.streams import passing, say
from torchlogit.errors import ParameterError
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.inference.observed import Observed
    from torchlogit.metrics.scored import Scored


@dataclass(frozen=True)
class Options:
    """The command's own options, as typed."""

    method: str
    folds: str | None
    seed: int
    bins: int
    rule: str
    label: str | None
    language: str
    prevalence: float | None
    calibrated: str | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Those among a command's."""
        return cls(**{field.name: given[field.name] for field in fields(cls)})


def run(asked: Asked, options: Options) -> None:
    """Check, look at the rows, answer; then calibrate and save, where that is asked for."""
    check(asked, options)
    from torchlogit.calibration.measures import calibration

    with joined(asked.timeout) as group:
        model = loaded(asked, options)
        rows, sentences = (None, ()) if asked.data is None else scored(asked, model, options, group)
    if own_rank():  # the first rank speaks for all
        return
    for sentence in (*model.warnings[-1:] * (options.prevalence is not None), *sentences):
        say(sentence)
    if rows is not None:
        label = class_of(model, options.label, "--label")
        how: dict[str, Any] = {"level": asked.level, "label": label, "language": options.language}
        answer(asked, calibration(rows, options.bins, options.rule, **how))
        if options.calibrated is not None and options.prevalence is None:
            model = better(model, rows, options.method)
    if options.calibrated is not None:
        model.save(options.calibrated)
        say(f"model written to {show(options.calibrated, 300)}")


def check(asked: Asked, options: Options) -> None:
    """Refuse options that mean nothing, and a file that is there already."""
    from torchlogit.calibration.calibrators import METHODS
    from torchlogit.calibration.reliability import RULES

    check_choice(options.method, tuple(METHODS), "--method")
    check_choice(options.rule, RULES, "--rule")
    check_choice(options.language, LANGUAGES, "--lang")
    check_output(options.calibrated, [path for path in (asked.model, asked.data) if path], asked.force)
    if asked.data is None and (options.prevalence is None or options.calibrated is None):
        raise ParameterError(
            "give rows to compare with, such as torchlogit calibrate model.safetensors new.csv; without any the "
            "command can only move the model to a --prevalence and write it, -o"
        )


def loaded(asked: Asked, options: Options) -> Any:
    """The model, moved to another prevalence where that is asked for."""
    from torchlogit.calibrated import Calibrated
    from torchlogit.fitted import load

    model = load(asked.model)
    if options.prevalence is None:
        if isinstance(model, Calibrated) and options.calibrated is not None:
            raise ParameterError("this model is calibrated already; calibrate the file it was made from")
        return model
    if isinstance(model, Calibrated):
        raise ParameterError("--prevalence moves a fit, but this model is calibrated; move the file it was made from")
    return model.with_prevalence(options.prevalence)


def scored(asked: Asked, model: Any, options: Options, group: str | None) -> tuple[Scored, tuple[str, ...]]:
    """The rows with the model's probabilities, or with those of fits to the other folds; and what is told of them."""
    from torchlogit.calibration.doors import scored_beside
    from torchlogit.inference.observed import observed
    from torchlogit.metrics.tally import in_parts

    with passing() as watch:
        beside = observed(model, asked.table(model, group), **asked.reading(watch, group))
        if in_parts(beside):
            return _in_parts(beside, model, options), beside.rows.sentences
    if options.folds is not None and options.calibrated is not None:
        beside.check_rows("; a model is calibrated by --folds on the rows it was fitted to")
    return scored_beside(beside, folds_of(options.folds), options.seed), beside.rows.sentences


def _in_parts(beside: Observed, model: Any, options: Options) -> Scored:
    """Rows that are read in parts, as the event that is asked for."""
    from torchlogit.calibration.doors import event_beside, refuse_folds

    refuse_folds(options.folds)
    if options.calibrated is not None and len(model.classes) > 2:
        raise ParameterError("a model of three classes or more is calibrated on rows in memory; give a larger --memory")
    label = class_of(model, options.label, "--label") if len(model.classes) > 2 else None
    return event_beside(beside, options.bins, options.rule, label)


def better(model: Any, rows: Scored, method: str) -> Any:
    """The model, calibrated on the rows."""
    from torchlogit.calibration.calibrators import calibrated_on

    found = calibrated_on(model, rows, method)
    say(f"calibrated by {method} on {found.calibrated_on} rows: {found.calibrator}")
    return found
