"""The command that goes from a file to a page: its options are its own and all of those that say how to fit."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Annotated, Any

import typer

from torchlogit.cli.app import Base, Delimiter, Encoding, Force, Job, Language, Level, app
from torchlogit.cli.commands import fit

NOT_HERE = {
    "data",
    "lang",
    "profile",
    "as_json",
    "out",
    "plot",
    "plot_feature",
    "timeout",
}  # of fit, what says how to show it


def as_fit(command: Callable[..., Job]) -> Callable[..., Job]:
    """The command with the options of ``fit`` in place of its ``**options``."""
    own = list(signature(command, eval_str=True).parameters.values())[:-1]
    names = NOT_HERE | {each.name for each in own}
    more = [each for each in signature(fit, eval_str=True).parameters.values() if each.name not in names]
    both = [*own, *more]
    changed: Any = command
    changed.__signature__ = signature(command).replace(
        parameters=[each.replace(kind=Parameter.KEYWORD_ONLY) for each in both]
    )
    changed.__annotations__ = {each.name: each.annotation for each in both}
    return command


@app.command(
    epilog="Examples: torchlogit report students.csv --target passed"
    "\n\n          torchlogit report model.safetensors students.csv -o report.html --lang zh"
)
@as_fit
def report(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="[MODEL] DATA", help="The rows; before them a model file, if there is one.")
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Write it: .html, .md or .json.")
    ] = "report.html",
    language: Language = "en",
    folds: Annotated[
        int, typer.Option(metavar="NUMBER", help="Of the cross-validation on the rows that were fitted.")
    ] = 10,
    level: Level = 0.95,
    base: Base = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
    **options: Any,
) -> Job:
    """Write a page about a model: the answer in words, what to doubt, how well it predicts, pictures, numbers, checks.

    With --target COL (or --formula) the model is fitted to DATA first, exactly as fit does, by the options below. With MODEL
    it is read from that file. The page needs no network, no script, and holds no row of the data.
    """
    given = {name: value for name, value in locals().items() if name not in ("context", "files", "options")}

    def job() -> None:
        from torchlogit.cli.reporting import run

        run(files, given, options, tuple(context.obj or ()))

    return job
