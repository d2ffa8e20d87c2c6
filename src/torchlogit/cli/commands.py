"""The commands that fit, predict and teach. Each returns its work as a function, which `torchlogit.cli.run` calls."""

from __future__ import annotations

from typing import Annotated

import typer

from torchlogit.cli.app import (
    Base,
    Columns,
    Delimiter,
    Encoding,
    Force,
    Job,
    Json,
    Language,
    Level,
    Memory,
    Model,
    OneOrTwo,
    Parts,
    Profile,
    Timeout,
    app,
)


@app.command(epilog="Example: torchlogit fit students.csv --target passed -o model.safetensors")
def fit(
    data: Parts,
    target: Annotated[str | None, typer.Option(metavar="COL", help="The column to predict.")] = None,
    formula: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instead of a target: 'y ~ age * C(school) + bs(income, 4)'.")
    ] = None,
    features: Annotated[
        Columns, typer.Option(metavar="COLS", help="Columns to use: a,b or repeated. Default: all others.")
    ] = [],  # noqa: B006
    c: Annotated[
        float | None, typer.Option("--C", metavar="NUMBER", help="Penalise with strength 1/C. Default: no penalty.")
    ] = None,
    l1_ratio: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Of the penalty: 0 is L2 (default), 1 is L1.")
    ] = None,
    link: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="logit, probit, cauchit, cloglog, loglog, hyperbolic_secant, student_t2, ..."
        ),
    ] = "logit",
    firth: Annotated[
        bool, typer.Option("--firth", help="Firth's penalty: finite answers where the classes are separated.")
    ] = False,
    robust: Annotated[str | None, typer.Option(metavar="KIND", help="Standard errors HC0, HC1, HC2 or HC3.")] = None,
    cluster: Annotated[
        Columns, typer.Option(metavar="COL", help="Standard errors for rows that belong together; two at most.")
    ] = [],  # noqa: B006
    solver: Annotated[str, typer.Option(metavar="NAME", help="auto, newton, lbfgs, proximal or sgd.")] = "auto",
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of the random order of rows (sgd).")] = None,
    weights: Annotated[str | None, typer.Option(metavar="COL", help="How often each row counts.")] = None,
    weights_are: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="frequency, sampling (1 / probability to be drawn) or importance."),
    ] = None,
    offset: Annotated[str | None, typer.Option(metavar="COL", help="Added to each row's η, the log-odds.")] = None,
    reference: Annotated[
        Columns, typer.Option(metavar="COL=LEVEL", help="The level others are compared with; may be repeated.")
    ] = [],  # noqa: B006
    categorical: Annotated[
        Columns, typer.Option(metavar="COL", help="Take numbers as categories; may be repeated.")
    ] = [],  # noqa: B006
    text: Annotated[
        Columns, typer.Option(metavar="COL", help="Keep cells of a text file as text; may be repeated.")
    ] = [],  # noqa: B006
    missing: Annotated[
        str, typer.Option(metavar="drop|error", help="Rows with empty cells: drop them and say so, or refuse.")
    ] = "drop",
    binary: Annotated[bool, typer.Option("--binary", help="Refuse a target of more than two classes.")] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    max_iter: Annotated[int | None, typer.Option(metavar="NUMBER", help="Steps of the solver at most.")] = None,
    tol: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Relative distance to the optimum to certify.")
    ] = None,
    level: Level = 0.95,
    profile: Profile = False,
    base: Base = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help="Say it in plain words as well.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail (4) unless the optimum is certified.")] = False,
    as_json: Json = False,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="MODEL", help="Write the model file.")] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="PNG", help="Draw the probability over one feature (.png, .svg, .pdf).")
    ] = None,
    plot_feature: Annotated[
        str | None, typer.Option(metavar="COL", help="Which one; others stay at their mean. Default: the first number.")
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Larger data are read in parts, again for every pass: 512MB, 4GiB.")
    ] = "1GiB",
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Keep every pass there, and go on from it when run again.")
    ] = None,
    timeout: Timeout = 120.0,
    force: Force = False,
) -> Job:
    """Fit a model to a table and show it.

    Text columns are categories, compared with their first level. The target's last class in sorted order is the one
    whose probability is modelled; which it is, is always said.
    """
    options = locals()

    def job() -> None:
        from torchlogit.cli.fitting import Options, run

        run(Options(**options))

    return job


@app.command(
    cls=OneOrTwo, epilog="Example: torchlogit predict model.safetensors new.csv --uncertain 0.4 0.6 -o answers.csv"
)
def predict(
    model: Model,
    data: Parts,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help=".csv, .tsv, .parquet or .arrow.")
    ] = None,
    uncertain: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="LOW HIGH|auto",
            help="Add a decision, 'uncertain' between these probabilities, or auto: chosen by one of the next three.",
        ),
    ] = None,
    max_error: Annotated[
        float | None, typer.Option(metavar="SHARE", help="At most these of the cases decided are wrong.")
    ] = None,
    coverage: Annotated[
        float | None, typer.Option(metavar="SHARE", help="At least these of the cases are decided.")
    ] = None,
    costs: Annotated[
        tuple[float, float, float] | None,
        typer.Option(metavar="FY FN ASK", help="Of a false yes, a false no, and of asking a human."),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Rows with their classes that the model has not seen, for the first two."),
    ] = None,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="Of --max-error.")] = 0.95,
    lang: Language = "en",
    missing: Annotated[
        str, typer.Option(metavar="error|keep", help="Rows with empty cells: refuse, or keep without an answer.")
    ] = "error",
    ignore_extra: Annotated[
        bool, typer.Option("--ignore-extra", help="Leave out columns that the model does not know.")
    ] = False,
    memory: Memory = "1GiB",
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Predict every row of a table: probabilities, class, decision.

    One row comes out for each row that goes in, in the same order, as CSV on stdout or in a file. Columns are found
    by name. Files that are large, a folder or a glob are answered part by part.
    """
    options = locals()

    def job() -> None:
        from torchlogit.cli.predicting import Options, run

        run(Options(**options))

    return job


@app.command()
def inspect(model: Model, as_json: Json = False) -> Job:
    """Show what a model file says of itself."""

    def job() -> None:
        from torchlogit.cli.inspecting import run

        run(model, as_json)

    return job


@app.command()
def demo(
    out: Annotated[str, typer.Option("--out", "-o", metavar="PNG", help="Where the picture goes.")] = "demo.png",
    force: Force = False,
) -> Job:
    """Three students, twenty students, and the curve."""

    def job() -> None:
        from torchlogit.cli.demo import run

        run(out, force)

    return job


@app.command(epilog="Example: torchlogit lesson digits --root data --download")
def lesson(
    chapter: Annotated[
        str, typer.Argument(metavar="[hours|digits]", help="The three students, or the ten digits.")
    ] = "hours",
    root: Annotated[str, typer.Option(metavar="FOLDER", help="Of MNIST's files (digits).")] = "data",
    download: Annotated[bool, typer.Option("--download", help="Fetch what is missing there (digits).")] = False,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PNG", help="The picture. Default: lesson.png or digits.png.")
    ] = None,
    force: Force = False,
) -> Job:
    """Run the lesson: three students and 1000 epochs, or ten digits and softmax."""

    def job() -> None:
        from torchlogit.cli.files import check_choice

        check_choice(chapter, ("hours", "digits"), "the chapter")
        if chapter == "hours":
            from torchlogit.cli.lesson import run

            run(out or "lesson.png", force)
        else:
            from torchlogit.cli.digits import run as run_digits

            run_digits(root, download, out or "digits.png", force)

    return job


@app.command(epilog="Example: torchlogit learn --out lesson    # then open lesson/index.html")
def learn(
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FOLDER", help="Write the pages, serve nothing.")
    ] = None,
    language: Annotated[str | None, typer.Option(metavar="en|zh", help="Default: the browser's.")] = None,
    port: Annotated[int, typer.Option(metavar="NUMBER", help="0: any free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it.")] = True,
    force: Force = False,
) -> Job:
    """Serve the interactive lesson on this machine and open it in the browser.

    The pages need no network, and nobody else can reach them. Ctrl-C ends it, with exit code 0.
    """

    def job() -> None:
        from torchlogit.cli.learning import run

        run(out, language, port, browser, force)

    return job
