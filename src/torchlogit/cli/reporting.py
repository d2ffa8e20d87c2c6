"""``torchlogit report``: rows and a model, or rows alone, in; a page out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from shlex import join
from typing import TYPE_CHECKING, Any

from torchlogit.arguments import LANGUAGES, check_share
from torchlogit.cli import fitting
from torchlogit.cli.answering import Asked, class_of
from torchlogit.cli.files import check_choice, check_ending, check_output
from torchlogit.cli.streams import say, stages
from torchlogit.cli.wording import as_options
from torchlogit.errors import ParameterError
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

ENDINGS = (".html", ".htm", ".md", ".json")


def run(files: Sequence[str], given: Mapping[str, Any], options: Mapping[str, Any], words: Sequence[str]) -> None:
    """Check, read, fit or load, write: in this order, so that a mistake is told before the work."""
    check(files, given, options)
    from torchlogit.report import Origin, report
    from torchlogit.report.report import PARTS

    data = files[-1]
    fit, table = (_fitted if len(files) == 1 else _loaded)(files, given, options)
    model = files[0] if len(files) == 2 else ""
    origin = Origin.file(data, model=model, command=join(["torchlogit", *words]) if words else "")
    with stages(len(PARTS)) as watch:
        found = report(
            fit,
            table,
            given["language"],
            level=given["level"],
            base=class_of(fit, given["base"]),
            folds=given["folds"],
            origin=origin,
            wording=as_options,
            watch=watch,
        )
    found.save(given["out"])
    say(f"report written to {show(given['out'], 300)}")


def check(files: Sequence[str], given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse files and options that do not go together, and an output that would replace something."""
    check_choice(given["language"], LANGUAGES, "--lang")
    check_share(given["level"], "--level")
    if given["folds"] < 2:
        raise ParameterError(f"--folds must be 2 or more, got {given['folds']}")
    check_ending(given["out"], ENDINGS)
    check_output(given["out"], files, given["force"])
    if len(files) > 2:
        raise ParameterError(f"report takes DATA, or MODEL and DATA; {len(files)} files were given")
    if len(files) == 2:
        _nothing_to_fit(options)
    elif options["target"] is None and options["formula"] is None:
        raise ParameterError("say what to predict, such as --target COL; or give a model file before the data")
    else:
        fitting.check(_options(files[0], given, options))


def _nothing_to_fit(options: Mapping[str, Any]) -> None:
    """Refuse options that say how to fit where there is a model already."""
    usual = _usual()
    asked = [name for name, value in options.items() if value != usual[name]]
    if asked:
        option = "--C" if asked[0] == "c" else f"--{asked[0].replace('_', '-')}"
        raise ParameterError(f"the model is fitted already: leave out {option}, or the model file")


def _options(data: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> fitting.Options:
    """What ``fit`` would be told."""
    shared = {name: given[name] for name in ("delimiter", "encoding", "level", "base", "force")}
    return fitting.Options(**{**_usual(), "data": data, **shared, **options})


def _usual() -> dict[str, Any]:
    """The options of ``fit`` as they are where nothing is said."""
    from torchlogit.cli.commands import fit

    return {name: each.default for name, each in signature(fit).parameters.items()}


def _fitted(files: Sequence[str], given: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Fit, None]:
    """The fit of the rows, which it holds."""
    asked = _options(files[0], given, options)
    table = fitting.rows_of(asked, None)
    if not hasattr(table, "column_names"):
        raise ParameterError(
            "a report needs all rows in memory, and they are read in parts; give a larger --memory, or fit them with "
            "torchlogit fit and report on some of them"
        )
    found = fitting.fitted(table, asked)
    fitting.tell(found)
    return found, None


def _loaded(files: Sequence[str], given: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Fit, Any]:
    """The model in the file, and the rows."""
    from torchlogit.fitted import load

    fit = load(files[0])
    return fit, Asked(data=files[1], encoding=given["encoding"], delimiter=given["delimiter"]).table(fit)
