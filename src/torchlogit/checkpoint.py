"""A fit that was ended goes on: what every pass over the rows has summed is kept, and given again to the same question.

Between two passes a fit computes nothing that takes long, and always the same. So a run that begins anew, and is given the
sums of the passes that an earlier run has finished, comes to the same θ, the same memory of the solver and the same bits as
that run did, and goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchlogit import __version__, store
from torchlogit.errors import DataWarning, FileError, ModelFileError, ParameterError
from torchlogit.tables.names import show
from torchlogit.tables.write import atomic

WHAT = "fit.json"  # in the folder: what is fitted to what


class Journal:
    """The passes of one fit, kept in a folder as ``pass-00001.safetensors``, …; a folder that is full is told of once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.resumed, self.closed = folder, 0, 0, False

    def total(self, at: tuple[Tensor, ...], make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What ``make()`` sums, or what it summed in an earlier run of this fit, when it was asked ``at`` the same numbers."""
        if self.closed:
            return make()
        self.made += 1
        path, question = self.folder / f"pass-{self.made:05}.safetensors", _digest(at)
        header, tensors = self._read(path)
        if header.get("question") == question:
            self.resumed += 1
            return _apart(tensors["sums"], header["shapes"])
        total = make()
        sums = torch.cat([t.double().reshape(-1) for t in total])
        shapes = [list(t.shape) for t in total]
        self._write(path, {"question": question, "shapes": shapes}, sums)
        return _apart(sums, shapes)  # laid out as they will be when they are read, so that every bit is the same

    def learnt(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The same of what a pass learns that is no sum: a dict of JSON types."""
        path = self.folder / "learnt.safetensors"
        header, _ = self._read(path)
        if header:
            self.resumed += 1
            return dict(header["learnt"])
        out = make()
        self._write(path, {"learnt": out}, torch.zeros(1, dtype=torch.float64))
        return out

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """A pass that is kept; nothing where there is none, or where it is damaged, which is told."""
        if not path.exists():
            return {}, {}
        try:
            return store.load(path)
        except ModelFileError as error:
            warnings.warn(
                f"checkpoint {error}; this pass is made again, after those before it.", DataWarning, stacklevel=4
            )
        return {}, {}

    def _write(self, path: Path, header: Mapping[str, Any], sums: Tensor) -> None:
        if not sums.numel() or not bool(sums.isfinite().all()):
            return
        try:
            store.save(path, header, {"sums": sums})
        except FileError as error:
            self.closed = True
            warnings.warn(f"the fit goes on without its checkpoint: {error}", DataWarning, stacklevel=4)
        except ParameterError:  # a cell that JSON has not
            return


@contextmanager
def journal(folder: str | os.PathLike[str] | None, what: Callable[[], Mapping[str, Any]]) -> Iterator[Journal | None]:
    """The journal of a fit in a folder, which is made; None without one. ``what`` tells what is fitted to what.

    FileError where the folder cannot be written to, or another process is at work in it; ParameterError where it is of
    another fit, with what differs.
    """
    if folder is None:
        yield None
        return
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"the checkpoint {show(path, 300)!r} cannot be made: {error.strerror}") from error
    with _locked(path):
        _check_same(path, what())
        for left in path.glob(".torchlogit-*.tmp"):
            left.unlink(missing_ok=True)
        out = Journal(path)
        try:
            yield out
        finally:
            out.closed = True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in the folder: the lock is the system's, and goes with the process however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        file = open(folder / "lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise FileError(f"the checkpoint {show(folder, 300)!r} cannot be written to: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            who = file.read(200).strip() or "another process"
            raise FileError(
                f"the checkpoint {show(folder, 300)!r} is in use by {who}; give each fit its own folder"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def _check_same(folder: Path, what: Mapping[str, Any]) -> None:
    """Keep what is fitted to what; `ParameterError` where the folder has something else."""
    now = json.loads(json.dumps({"torchlogit": __version__, **what}, default=repr))
    path = folder / WHAT
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        with atomic(path) as file:
            file.write(json.dumps(now, indent=1).encode())
        return
    except (OSError, ValueError):
        raise FileError(f"{show(path, 300)!r} is damaged; begin anew with an empty folder") from None
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        told = "; ".join(f"{key}: {_short(before.get(key))} there, {_short(now[key])} now" for key in changed[:5])
        raise ParameterError(f"the checkpoint {show(folder, 300)!r} is of another fit ({told}); give another folder")


def _short(value: Any) -> str:
    return show(json.dumps(value), 80)


def _digest(tensors: tuple[Tensor, ...]) -> str:
    out = hashlib.sha256()
    for tensor in tensors:
        out.update(repr(tuple(tensor.shape)).encode())
        out.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return out.hexdigest()


def _apart(sums: Tensor, shapes: list[list[int]]) -> tuple[Tensor, ...]:
    parts = sums.split([prod(shape) for shape in shapes])
    return tuple(part.reshape(shape).clone() for part, shape in zip(parts, shapes, strict=True))
