"""The command ``torchlogit``: options are read first, then the work runs, and whatever fails becomes one line and a code.

stdout is data, stderr is messages. Nothing heavy is imported before a command needs it: ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: those of the process); the exit code comes back, exceptions never do.

    0 ok, 1 unexpected failure, 2 usage, 3 bad data, 4 not certified under ``--strict``, 5 file or disk,
    6 distributed, 130 interrupted, 128 + n ended by signal n.

    >>> main(["--version"])
    torchlogit 0.1.0
    0
    """
    given = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in given or os.environ.get("TORCHLOGIT_DEBUG", "") not in ("", "0")
    try:
        from torchlogit.cli.ends import signals
        from torchlogit.cli.streams import finish, streams

        with signals(), streams():
            run([word for word in given if word != "--debug"] or ["--help"])
            finish()
        return 0
    except BaseException as error:
        from torchlogit.cli.ends import told

        return told(error, debug)


def run(words: list[str]) -> None:
    """Read the options; then do what they ask for, out of reach of the option parser's own ideas about exceptions."""
    import typer

    from torchlogit.cli import commands, judging, pictures, questions, reports  # noqa: F401  (they enter the app)
    from torchlogit.cli.app import app

    job = typer.main.get_command(app).main(words, prog_name="torchlogit", standalone_mode=False, obj=words)
    if callable(job):
        job()
    elif job:
        raise SystemExit(job)
