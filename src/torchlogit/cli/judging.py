"""The command that asks whether a model's probabilities come true, and mends them."""

from __future__ import annotations

from typing import Annotated

import typer

from torchlogit.cli.app import Delimiter, Encoding, Force, Form, Job, Json, Language, Level, Memory, Model, Timeout, app
from torchlogit.cli.questions import Maybe


@app.command(epilog="Example: torchlogit calibrate model.safetensors new.csv --method platt -o better.safetensors")
def calibrate(
    model: Model,
    data: Maybe = None,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="platt, logistic, intercept, temperature, beta or isotonic.")
    ] = "platt",
    folds: Annotated[
        str | None, typer.Option(metavar="NUMBER|COL", help="Predict each row by a fit to the other folds of DATA.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Of the folds.")] = 0,
    bins: Annotated[int, typer.Option(metavar="NUMBER", help="Of the ECE.")] = 10,
    rule: Annotated[
        str, typer.Option(metavar="NAME", help="Bins of equal weight, quantile, or of equal width.")
    ] = "quantile",
    label: Annotated[
        str | None, typer.Option(metavar="CLASS", help="The event, of three classes or more. Default: to be right.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(metavar="SHARE", help="First move the model to this share of the positive class.")
    ] = None,
    calibrated: Annotated[
        str | None, typer.Option("--out", "-o", metavar="MODEL", help="Calibrate, and write the model file.")
    ] = None,
    memory: Memory = "1GiB",
    timeout: Timeout = 120.0,
    language: Language = "en",
    level: Level = 0.95,
    form: Form = "text",
    as_json: Json = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Show how well a model's probabilities come true, and calibrate them.

    DATA should be rows the model has not seen; for its own, say --folds 10. With --out a calibrator is fitted to them and the
    model that uses it written: predict and evaluate take it like any other. Under torchrun each rank reads a share of the rows.
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked
        from torchlogit.cli.calibrating import Options, run

        run(Asked.of(given), Options.of(given))

    return job
