"""How a run ends: every exception as one line on stderr and an exit code, signals included."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from types import FrameType
from typing import Any, NoReturn

from torchlogit.cli.ranks import own_rank
from torchlogit.cli.streams import drop_buffer, say
from torchlogit.cli.wording import as_options
from torchlogit.errors import FileError, TorchlogitError

LONGEST = 2000  # characters of a message


class Ended(BaseException):
    """The process was asked to end (SIGTERM, SIGHUP)."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@contextmanager
def signals() -> Iterator[None]:
    """Make the first SIGINT, SIGTERM or SIGHUP an exception, so that half-written files go; a second one ends at once."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, _first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)


def told(error: BaseException, debug: bool) -> int:
    """Say what happened, in one line (with the traceback if ``debug``), and return the exit code."""
    if isinstance(error, BrokenPipeError):  # the reader has gone (``| head``), as is its right
        drop_buffer()
        return 0
    if debug:
        import traceback

        traceback.print_exception(error)
    code, message, hint = _reading(error)
    if getattr(error, "of_all", False) and own_rank():  # the first rank says it for all
        return code
    if message:
        say(one_line(as_options(message)), "error")
    if hint:
        say(hint)
    return code


def one_line(message: str) -> str:
    """``message`` without line breaks, cut where it is endless."""
    text = " ".join(message.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _reading(error: BaseException) -> tuple[int, str, str]:
    """Exit code, message and hint of an exception."""
    if isinstance(error, TorchlogitError):
        return error.exit_code, str(error), ""
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted", ""
    if isinstance(error, Ended):
        return 128 + error.number, f"ended by {error}", ""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1, "", ""
    if hasattr(error, "format_message"):
        return 2, *_usage(error)
    if isinstance(error, OSError):
        drop_buffer()
        return FileError.exit_code, str(error) if error.filename else f"cannot write: {error.strerror or error}", ""
    if lacking := _lacking(error):
        return (
            1,
            f"out of memory ({lacking}); use fewer rows or columns, or a smaller --memory where rows are read in parts",
            "",
        )
    if isinstance(error, ImportError):
        return 1, str(error), ""
    return 1, f"unexpected failure: {type(error).__name__}: {error}", "say --debug to see where, and please report it"


def _lacking(error: BaseException) -> str:
    """Which memory was not to be had, also of torch, whose error is another on each device; empty for other errors."""
    text = str(error)
    if isinstance(error, MemoryError):
        return text or "no more to be had"
    if type(error).__name__ != "OutOfMemoryError" and "can't allocate memory" not in text:
        return ""
    found = re.search(r"tried to allocate ([\d.]+ \w+)", text, re.IGNORECASE)
    return f"torch tried to allocate {found[1]}" if found else "of torch"


def _usage(error: Any) -> tuple[str, str]:
    """A mistake in the options, with the nearest option where one is near."""
    message, near = error.message, getattr(error, "possibilities", None)
    if near:
        best = max(near, key=lambda other: SequenceMatcher(None, error.option_name, other).ratio())
        message = f"{message.rstrip('.')}. Did you mean {best}?"
    elif type(error).__name__ != "NoSuchOption":
        message = error.format_message()
    path = error.ctx.command_path if getattr(error, "ctx", None) else "torchlogit"
    return message, f"see {path} --help"
