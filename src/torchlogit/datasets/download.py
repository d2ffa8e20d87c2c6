"""A file from the first mirror that has it: resumed where it was cut off, checked, and then put in its place at once.

What arrives is kept in ``NAME….part`` until it is whole and right. Every process writes to a part of its own, so two
downloads at once disturb nobody; a part that is left behind is taken up by the next one, also from another mirror.
"""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from torchlogit.errors import FileError

TIMEOUT = 30.0  # seconds to wait for a connection, or for the next byte
IDLE = 4 * TIMEOUT  # seconds after which a part that does not grow is nobody's
ATTEMPTS = 5  # connections to one mirror while each brings the file further
CHUNK = 1 << 17


class NoMirror(FileError):
    """No mirror gave the file; the message says what each answered."""


class Answer(Exception):
    """What a mirror answered instead of the whole file."""


class Interrupted(Answer):
    """The connection ended before the file did."""


def fetch(target: Path, mirrors: Sequence[str], right: Callable[[Path], bool]) -> None:
    """Download ``target``, which ``mirrors`` (whole addresses) are asked for in turn until ``right`` accepts the file.

    A file that is there is replaced, in one step. Raises `NoMirror`, and `FileError` where nothing can be written.
    """
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _claim(target)
    answers = []
    try:
        for address in mirrors:
            try:
                _from(address, part, right)
            except Answer as answer:
                answers.append(f"{address}: {answer}")
                continue
            with _writing(target):
                os.replace(part, target)
                return _left(target).unlink(missing_ok=True)
        raise NoMirror("; ".join(answers))
    finally:
        _release(part, target)


def place(content: bytes, target: Path) -> None:
    """Write a file whole, in one step; `FileError` where that cannot be done."""
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _own(target)
        try:
            part.write_bytes(content)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


def digest(path: Path, algorithm: str = "sha256", *, unpack: bool = False) -> str:
    """The checksum of a file's bytes, or with ``unpack`` of what gzip packed in it; "" for one that cannot be read."""
    import gzip

    found = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with path.open("rb") as file:
            packed = unpack and file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content: Any = gzip.GzipFile(fileobj=file) if packed else file
            for chunk in iter(lambda: content.read(CHUNK), b""):
                found.update(chunk)
    except (OSError, EOFError, zlib.error):
        return ""
    return found.hexdigest()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Within: an error of the disk is a `FileError` that names the file."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def _claim(target: Path) -> Path:
    """A part of our own: what an earlier download left (whoever renames it first has it), or a new one."""
    own = _own(target)
    for left in target.parent.glob(f"{glob.escape(target.name)}*.part"):
        with suppress(FileNotFoundError):
            if left == _left(target) or time.time() - left.stat().st_mtime > IDLE:
                os.utime(left)
                return left.rename(own)
    own.touch()
    return own


def _own(target: Path) -> Path:
    """A name that no other process takes."""
    return target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def _left(target: Path) -> Path:
    """Where a part lies between downloads."""
    return target.with_name(f"{target.name}.part")


def _release(part: Path, target: Path) -> None:
    """Leave what has arrived to the next download."""
    with suppress(OSError):
        if part.stat().st_size:
            os.replace(part, _left(target))
        else:
            part.unlink()


def _from(address: str, part: Path, right: Callable[[Path], bool]) -> None:
    """Complete a part from one mirror; once more from the first byte if its beginning came from elsewhere and is wrong."""
    begun = part.stat().st_size > 0
    _complete(address, part)
    if right(part):
        return
    os.truncate(part, 0)
    if not begun:
        raise Answer("what it sent is not this file, or is damaged (wrong checksum)")
    _from(address, part, right)


def _complete(address: str, part: Path, attempts: int = ATTEMPTS) -> None:
    """Receive the rest of a file, with new connections as long as they bring it further."""
    before = part.stat().st_size
    try:
        _receive(address, part)
    except Interrupted:
        if attempts == 1 or part.stat().st_size <= before:
            raise
        _complete(address, part, attempts - 1)


def _receive(address: str, part: Path) -> None:
    """One connection: what comes is added to the part, or begins it anew where the server knows no ranges."""
    begin = part.stat().st_size
    response = _open(address, begin)
    if response is None:
        return
    with response, _writing(part), part.open("r+b") as file:
        begin = begin if response.status == 206 else 0
        file.truncate(begin)
        file.seek(begin)
        length = response.headers.get("Content-Length")
        total = begin + int(length) if length and length.isdigit() else None
        with _bar(address.rsplit("/", 1)[-1], begin, total) as advance:
            for chunk in _chunks(response):
                file.write(chunk)
                advance(len(chunk))
        if total is not None and file.tell() < total:
            raise Interrupted(f"the connection broke after {file.tell()} of {total} bytes")
        file.flush()
        os.fsync(file.fileno())


def _open(address: str, begin: int) -> Any:
    """The response to a request for the bytes from ``begin`` on; None where there are no more."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "torchlogit"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        return urlopen(Request(address, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and begin:  # whole already, or too long: the checksum tells
            return None
        raise Answer(f"{error.code} {error.reason}") from error
    except URLError as error:
        raise Answer(_told(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise Answer(_told(error)) from error


def _chunks(response: Any) -> Iterator[bytes]:
    """The bytes of a response as they arrive; `Interrupted` where they stop too early."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, HTTPException) as error:
            raise Interrupted(_told(error)) from error
        if not chunk:
            return
        yield chunk


def _told(error: Any) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} seconds"
    return f"no connection ({getattr(error, 'strerror', None) or error or type(error).__name__})"


@contextmanager
def _bar(name: str, begin: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """What to call with the number of bytes that came: a bar on stderr where a terminal shows it."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(24), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True), transient=True)
    with bar:
        task = bar.add_task(name, completed=begin, total=total)
        yield lambda count: bar.advance(task, count)
