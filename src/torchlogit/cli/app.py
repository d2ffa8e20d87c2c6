"""The command's root, and the arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Job = Callable[[], None]
AUTO = "auto"

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
Parts = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="A CSV, TSV, Parquet or Arrow file, - for stdin, or a folder or glob of such files."
    ),
]
Memory = Annotated[
    str, typer.Option(metavar="SIZE", help="Larger data, folders and globs are read in parts: 512MB, 4GiB.")
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="Under torchrun: how long a rank may give no sign of life.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model file that fit wrote.")]
Delimiter = Annotated[str | None, typer.Option(metavar="CHAR", help="Between the cells of a text file.")]
Encoding = Annotated[str, typer.Option(metavar="NAME", help="Of a text file: utf-8, latin-1, ...")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Columns = list[str]

Level = Annotated[float, typer.Option(metavar="SHARE", help="Of the intervals: 0.95.")]
Base = Annotated[str | None, typer.Option(metavar="CLASS", help="Compare every class with this one (three or more).")]
Profile = Annotated[bool, typer.Option("--profile", help="Profile-likelihood intervals and likelihood-ratio tests.")]
Language = Annotated[str, typer.Option("--lang", metavar="en|zh", help="Of the words.")]
Form = Annotated[str, typer.Option("--format", metavar="NAME", help="text, html, markdown, latex or json.")]
Out = Annotated[
    str | None, typer.Option("--out", "-o", metavar="FILE", help="Write it: .txt, .html, .md, .tex, .json.")
]
Again = Annotated[
    str,
    typer.Argument(metavar="DATA", help="The rows the model was fitted to, or others: a file, a folder or a glob."),
]


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


class OneOrTwo(TyperCommand):
    """A command whose ``--uncertain`` takes two numbers, or the one word auto."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words, auto said twice: an option takes as many values every time."""
        return list(super().parse_args(ctx, twice(args)))


def twice(words: list[str]) -> list[str]:
    """``--uncertain auto`` with the second value that the parser waits for.

    >>> twice(["m", "d", "--uncertain", "auto", "-o", "a.csv"]), twice(["m", "--", "--uncertain", "auto"])
    (['m', 'd', '--uncertain', 'auto', 'auto', '-o', 'a.csv'], ['m', '--', '--uncertain', 'auto'])
    """
    end = words.index("--") if "--" in words else len(words)
    out: list[str] = []
    for i, word in enumerate(words):
        out.append(word)
        if i < end and (word == f"--uncertain={AUTO}" or words[i - 1 : i + 1] == ["--uncertain", AUTO]):
            out.append(AUTO)
    return out
