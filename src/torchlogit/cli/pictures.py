"""The command that draws: one picture of a model, by its kind."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from torchlogit.cli.app import Columns, Delimiter, Encoding, Force, Job, Language, Model, app

Maybe = Annotated[str | None, typer.Argument(metavar="[DATA]", help="The rows: CSV, TSV, Parquet, Arrow, or -.")]


class Plot(TyperCommand):
    """A command whose help lists the kinds of pictures."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The kinds, then the options."""
        from torchlogit.plots.kinds import KINDS

        with formatter.section("Kinds (those marked * need DATA)"):
            formatter.write_dl([(name + " *" * each.rows, each.line) for name, each in KINDS.items()])
        super().format_options(ctx, formatter)


@app.command(cls=Plot, epilog="Example: torchlogit plot roc model.safetensors students.csv -o roc.png --lang zh")
def plot(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="One of those above.")],
    model: Model,
    data: Maybe = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help=".png, .svg or .pdf. Default: KIND.png.")
    ] = None,
    features: Annotated[
        Columns, typer.Option("--feature", metavar="COL", help="Draw over this one; twice for a map.")
    ] = [],  # noqa: B006
    label: Annotated[str | None, typer.Option(metavar="CLASS", help="This class against all others.")] = None,
    folds: Annotated[
        str | None,
        typer.Option(metavar="NUMBER|COL", help="Score each of the fitted rows by a fit to the other folds."),
    ] = None,
    beside: Annotated[
        Columns, typer.Option(metavar="MODEL", help="Another model in the same picture; may be repeated.")
    ] = [],  # noqa: B006
    threshold: Annotated[float | None, typer.Option(metavar="SHARE", help="To be marked, 0.5 unless said.")] = None,
    uncertain: Annotated[
        tuple[float, float] | None, typer.Option(metavar="LOW HIGH", help="The uncertain band, 0.4 0.6 unless said.")
    ] = None,
    cost_false_yes: Annotated[float | None, typer.Option(metavar="NUMBER", help="Of calling a row wrongly.")] = None,
    cost_false_no: Annotated[float | None, typer.Option(metavar="NUMBER", help="Of missing one.")] = None,
    bins: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of a histogram; groups of rows.")] = None,
    level: Annotated[float | None, typer.Option(metavar="SHARE", help="Of the intervals, 0.95 unless said.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Instead of its own.")] = None,
    theme: Annotated[str, typer.Option(metavar="light|dark", help="Of the paper.")] = "light",
    language: Language = "en",
    width: Annotated[
        str | None, typer.Option(metavar="column|full|INCHES", help="A journal's column, its page, or so many inches.")
    ] = None,
    dpi: Annotated[float, typer.Option(metavar="NUMBER", help="Dots an inch of a .png.")] = 200,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Draw a picture of a model, alone or with rows."""
    given = locals()

    def job() -> None:
        from torchlogit.cli.plotting import Options, run

        run(Options(**given))

    return job
