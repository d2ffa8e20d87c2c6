"""The commands and their options. Each returns its work as a function, which `torchlogit.cli.run` calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

Job = Callable[[], None]

EXITS = """Exit codes: 0 ok, 1 unexpected failure, 2 usage, 3 bad data, 4 not certified under --strict,
5 file or disk, 6 distributed, 130 interrupted.

stdout is data, stderr is messages. NO_COLOR is obeyed."""

app = typer.Typer(
    name="torchlogit",
    help="Logistic regression you can trust: certified fits, plain warnings.",
    epilog=EXITS,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Data = Annotated[str, typer.Argument(metavar="DATA", help="A CSV, TSV, Parquet or Arrow file, or - for stdin.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model file that fit wrote.")]
Delimiter = Annotated[str | None, typer.Option(metavar="CHAR", help="Between the cells of a text file.")]
Encoding = Annotated[str, typer.Option(metavar="NAME", help="Of a text file: utf-8, latin-1, ...")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Columns = list[str]


def _version(asked: bool) -> None:
    if asked:
        from torchlogit import __version__

        print(f"torchlogit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; also TORCHLOGIT_DEBUG=1.")] = False,
) -> None:
    """Logistic regression you can trust: certified fits, plain warnings."""


@app.command(epilog="Example: torchlogit fit students.csv --target passed -o model.safetensors")
def fit(
    data: Data,
    target: Annotated[str, typer.Option(metavar="COL", help="The column to predict.")],
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
    solver: Annotated[str, typer.Option(metavar="NAME", help="auto, newton, lbfgs, proximal or sgd.")] = "auto",
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="Of the random order of rows (sgd).")] = None,
    weights: Annotated[str | None, typer.Option(metavar="COL", help="How often each row counts.")] = None,
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
    strict: Annotated[bool, typer.Option("--strict", help="Fail (4) unless the optimum is certified.")] = False,
    as_json: Json = False,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="MODEL", help="Write the model file.")] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="PNG", help="Draw the probability over one feature (.png, .svg, .pdf).")
    ] = None,
    plot_feature: Annotated[
        str | None, typer.Option(metavar="COL", help="Which one; others stay at their mean. Default: the first number.")
    ] = None,
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


@app.command(epilog="Example: torchlogit predict model.safetensors new.csv --uncertain 0.4 0.6 -o answers.csv")
def predict(
    model: Model,
    data: Data,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help=".csv, .tsv, .parquet or .arrow.")
    ] = None,
    uncertain: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Add a decision, 'uncertain' between these probabilities."),
    ] = None,
    missing: Annotated[
        str, typer.Option(metavar="error|keep", help="Rows with empty cells: refuse, or keep without an answer.")
    ] = "error",
    ignore_extra: Annotated[
        bool, typer.Option("--ignore-extra", help="Leave out columns that the model does not know.")
    ] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> Job:
    """Predict every row of a table: probabilities, class, decision.

    One row comes out for each row that goes in, in the same order, as CSV on stdout or in a file. Columns are found
    by name.
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
