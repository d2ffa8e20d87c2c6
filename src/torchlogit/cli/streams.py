"""stdout for data, stderr for messages: one line each, colour only where a terminal shows it, no character refused."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

from torchlogit.cli.wording import as_options
from torchlogit.errors import FileError, TorchlogitWarning

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from torchlogit.solvers import Record
    from torchlogit.sources.stream import Reading

PATIENCE = 0.5  # seconds after which a fit shows how far it is
COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
PLAIN = {
    "…": "~",
    "─": "-",
    "−": "-",
    "·": "-",
    "’": "'",
    "█": "#",
    "━": "-",
    "╸": "-",
    "╺": "-",
    "²": "2",
    "✔": "+",
    "✘": "x",
}
STYLES = {  # of lines of a report
    r"(?m)^(Logistic regression of|Multinomial logistic|Linear unit of|\d\. ).*$": "bold",
    r"(?m)^ *term +estimate.*$": "bold",
    r"(?m)^(Not certified|Aliased|Nearly collinear)\b": "bold yellow",
    r"(?m)^Certified\b": "bold green",
}


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """What a stream that cannot write a character writes instead: a plain sign like it, or its code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    gone = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in gone), error.end


codecs.register_error("torchlogit.plain", _plain)


@contextmanager
def streams() -> Iterator[None]:
    """Within: closed streams are replaced, no character fails, and warnings of the package are lines on stderr."""
    sys.stdout, sys.stderr = (sys.stdout or _closed()), (sys.stderr or _closed())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="torchlogit.plain")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", TorchlogitWarning)
        said: set[str] = set()
        warnings.showwarning = lambda message, *where, **more: _warn(str(message), said)
        yield


def _closed() -> Any:
    return open(os.devnull, "w")


def _warn(message: str, said: set[str]) -> None:
    if message not in said:
        said.add(message)
        say(as_options(" ".join(message.split())), "warning")


def say(message: str, kind: str = "") -> None:
    """One line on stderr, ``kind`` before it: error, warning or note."""
    from rich.text import Text

    line = Text.assemble((f"{kind}: ", COLOURS[kind]), message) if kind else Text(message)
    with suppress(OSError, ValueError):  # who closed stderr wants no messages
        console(sys.stderr).print(line, soft_wrap=True)


def out(text: str) -> None:
    """A report on stdout, its headings in bold where that can be shown."""
    from rich.text import Text

    painted = Text(text)
    for pattern, style in STYLES.items():
        painted.highlight_regex(pattern, style)
    console(sys.stdout).print(painted, soft_wrap=True)


def out_data(text: str) -> None:
    """Text for a program on stdout, exactly as it is."""
    sys.stdout.write(text + "\n")


def out_json(text: str) -> None:
    r"""JSON on stdout; within it, characters that a terminal would obey or hide are escaped.

    >>> out_json('{"name": "a\u202eb"}')
    {"name": "a\u202eb"}
    """
    out_data("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text.rstrip("\n")))


@contextmanager
def utf8_stdout() -> Iterator[None]:
    """Within: stdout is UTF-8 with bare line feeds, whatever the locale, as a file of the same data would be."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        yield
        return
    before = sys.stdout.encoding
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.reconfigure(encoding=before)


def finish() -> None:
    """Write out what is buffered; FileError where it cannot be written, BrokenPipeError where nobody reads."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_buffer()
        raise FileError(f"cannot write to the standard output: {error.strerror or error}") from error
    if getattr(sys.stdout, "name", "") == os.devnull and sys.__stdout__ is None:
        raise FileError("the standard output is closed, so nothing could be shown; send it to /dev/null to be silent")


def drop_buffer() -> None:
    """Let the interpreter's own last flush succeed."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(file: Any) -> Console:
    """A console that never wraps, cuts or interprets, and leaves a broken pipe to the caller."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Plain(file=file, highlight=False, markup=False, emoji=False)


def _bar(screen: Console | None) -> Progress | None:
    """A bar that is gone when it ends; None where no terminal shows it."""
    screen = screen or console(sys.stderr)
    if not screen.is_terminal or screen.is_dumb_terminal:
        return None
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn()
    return Progress(*columns, console=screen, transient=True)


@contextmanager
def progress(
    share: Callable[[Record], float], screen: Console | None = None
) -> Iterator[Callable[[Record], None] | None]:
    """What to call with each `Record`: a bar on stderr once a fit takes its time, None where no terminal shows it.

    ``share`` is the part that is done, 0 to 1.
    """
    bar = _bar(screen)
    if bar is None:
        yield None
        return
    task, begin, certificate = bar.add_task("", total=1.0), monotonic(), ""

    def watch(record: Record) -> None:
        nonlocal certificate
        certificate = f", distance {record.relative_distance:.0e}" if record.relative_distance < 1 else ""
        show_at(f"iteration {record.iteration}, F = {record.value:.6g}", share(record))

    def reading(found: Reading) -> None:
        """How far a pass is, where the rows are read in parts."""
        rows = f"{found.rows / found.n_rows:.0%}" if found.n_rows else f"{found.rows:,} rows"
        show_at(f"pass {found.number}, {rows}, {found.rows / max(found.seconds, 1e-9):,.0f} rows/s{certificate}", None)

    def show_at(told: str, done: float | None) -> None:
        if monotonic() - begin >= PATIENCE:
            bar.start()
            bar.update(task, completed=done, description=told)

    def waiting(names: str) -> None:
        """Which ranks are not as far, where the rows are spread over several."""
        show_at(f"waiting for {names}", None)

    watch.waiting = reading.waiting = waiting  # type: ignore[attr-defined]
    watch.reading = reading  # type: ignore[attr-defined]
    try:
        yield watch
    finally:
        bar.stop()


@contextmanager
def passing(screen: Console | None = None) -> Iterator[Callable[[Reading], None] | None]:
    """What to call with each `Reading` of a pass over rows that are read in parts; see `progress`."""
    with progress(lambda record: 0.0, screen) as watch:
        yield getattr(watch, "reading", None)


@contextmanager
def stages(total: int, screen: Console | None = None) -> Iterator[Callable[[str], None] | None]:
    """What to call with the name of each of ``total`` stages of a work as it begins; None where no terminal shows it."""
    bar = _bar(screen)
    if bar is None:
        yield None
        return
    with bar:
        task, begun = bar.add_task("", total=total), count()
        yield lambda name: bar.update(task, completed=next(begun), description=name)
