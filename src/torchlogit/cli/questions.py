"""The commands that read a model file: what it says, how far to trust it, in words, beside others, its effects, its worth."""

from __future__ import annotations

from typing import Annotated

import typer

from torchlogit.cli.app import (
    Again,
    Base,
    Columns,
    Delimiter,
    Encoding,
    Force,
    Form,
    Job,
    Json,
    Language,
    Level,
    Memory,
    Model,
    Out,
    Parts,
    Profile,
    Timeout,
    app,
)

Maybe = Annotated[str | None, typer.Argument(metavar="[DATA]", help="The rows, where the answer needs them again.")]


@app.command(epilog="Example: torchlogit summary model.safetensors --format latex -o table.tex")
def summary(
    model: Model,
    data: Maybe = None,
    level: Level = 0.95,
    profile: Profile = False,
    base: Base = None,
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Show the table of a model: estimates, errors, intervals, certificate.

    --profile needs the rows again: torchlogit summary model.safetensors students.csv --profile
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, summarise

        summarise(Asked.of(given))

    return job


@app.command(epilog="Example: torchlogit check model.safetensors students.csv --lang zh")
def check(
    model: Model,
    data: Again,
    memory: Memory = "1GiB",
    language: Language = "en",
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Say what could be wrong with a model, in English or Chinese.

    Events per variable, collinearity, separation, linearity, influence, calibration: each with what to do. Files that do not
    fit in --memory are read in parts.
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, examine

        examine(Asked.of(given), language)

    return job


@app.command(epilog="Example: torchlogit explain model.safetensors students.csv --lang zh")
def explain(
    model: Model,
    data: Maybe = None,
    language: Language = "en",
    level: Level = 0.95,
    base: Base = None,
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Say in plain words what a model says, in English or Chinese.

    With the rows the intervals are profile-likelihood intervals, without them Wald's.
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, put_into_words

        put_into_words(Asked.of(given), language)

    return job


@app.command(epilog="Example: torchlogit compare small.safetensors large.safetensors")
def compare(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL ...", help="Two model files or more.")],
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    force: Force = False,
) -> Job:
    """Put models of the same rows beside each other: likelihood-ratio test where one is within the other, AIC, BIC."""
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, put_beside

        put_beside(Asked.of(given), models)

    return job


@app.command(epilog="Example: torchlogit effects model.safetensors students.csv --at age=30,50 --by sex")
def effects(
    model: Model,
    data: Again,
    variables: Annotated[Columns, typer.Option(metavar="COLS", help="Of these: a,b or repeated. Default: all.")] = [],  # noqa: B006
    at: Annotated[
        Columns, typer.Option(metavar="COL=V,V", help="Others set there: age=30,50; or mean, or median.")
    ] = [],  # noqa: B006
    by: Annotated[str | None, typer.Option(metavar="COL", help="Averages within each of its groups.")] = None,
    margins: Annotated[
        bool, typer.Option("--margins", help="Average predicted probabilities at these values instead.")
    ] = False,
    level: Level = 0.95,
    memory: Memory = "1GiB",
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Average effects on the probability: by how much it changes where a variable does.

    Files that do not fit in --memory are read in parts, in two passes; medians need all rows in it.
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, show_effects

        show_effects(Asked.of(given), variables, at, by, margins)

    return job


@app.command(epilog="Example: torchlogit evaluate model.safetensors new.csv --by sex")
def evaluate(
    model: Model,
    data: Parts,
    by: Annotated[
        str | None, typer.Option(metavar="COL", help="Also each of its groups, and their differences.")
    ] = None,
    folds: Annotated[
        str | None, typer.Option(metavar="NUMBER|COL", help="Cross-validate: fits to DATA without each fold.")
    ] = None,
    threshold: Annotated[float, typer.Option(metavar="SHARE", help="Probability from which a row is called.")] = 0.5,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Of the bootstrap and the folds.")] = 0,
    memory: Memory = "1GiB",
    timeout: Timeout = 120.0,
    language: Language = "en",
    form: Form = "text",
    as_json: Json = False,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Say how good the probabilities of a model are: log-loss, Brier score, AUC, accuracy and more, with intervals.

    On the rows the model was fitted to it looks better than it is, which is said; --folds 10 or new rows tell. Files that do
    not fit in --memory are read in parts, in one pass; under torchrun each rank reads a share of them.
    """
    given = locals()

    def job() -> None:
        from torchlogit.cli.answering import Asked, evaluate

        evaluate(Asked.of(given), language, by, folds, threshold, seed)

    return job
