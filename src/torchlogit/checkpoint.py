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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from torchlogit import __version__, store
from torchlogit.errors import DataWarning, FileError, ModelFileError, ParameterError
from torchlogit.sources.base import apart, together
from torchlogit.tables.names import show
from torchlogit.tables.write import atomic

if TYPE_CHECKING:
    from torchlogit.sources.ranks import Ranks

WHAT = "fit.json"  # in the folder: what is fitted to what
LEARNT = "learnt.safetensors"


class Journal:
    """The passes of one fit, kept in a folder as ``pass-00001.safetensors``, …; a folder that is full is told of once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.resumed, self.closed = folder, 0, 0, False

    def total(self, at: tuple[Tensor, ...], make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What ``make()`` sums, or what it summed in an earlier run of this fit, when it was asked ``at`` the same numbers."""
        found = self.asked(at)
        return self.keep(at, make()) if found is None else found

    def asked(self, at: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """What the next pass summed in an earlier run, if it was asked ``at`` the same numbers."""
        self.made += 1
        header, tensors = self._read(self._path)
        if header.get("question") != _digest(at):
            return None
        self.resumed += 1
        return apart(tensors["sums"], header["shapes"])

    def keep(self, at: tuple[Tensor, ...], total: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Keep what this pass has summed; it is laid out as it will be when it is read, so that every bit is the same."""
        sums, shapes = together(total)
        self._write(self._path, {"question": _digest(at), "shapes": shapes}, sums)
        return apart(sums, shapes)

    @property
    def _path(self) -> Path:
        return self.folder / f"pass-{self.made:05}.safetensors"

    def learnt(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The same of what a pass learns that is no sum: a dict of JSON types."""
        return self.known() or self.know(make())

    def known(self) -> dict[str, Any] | None:
        """What an earlier run has learnt."""
        header, _ = self._read(self.folder / LEARNT)
        self.resumed += bool(header)
        return dict(header["learnt"]) if header else None

    def know(self, learnt: dict[str, Any]) -> dict[str, Any]:
        """Keep what was learnt."""
        self._write(self.folder / LEARNT, {"learnt": learnt}, torch.zeros(1, dtype=torch.float64))
        return learnt

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """A pass that is kept; nothing where there is none, or where it is damaged, which is told."""
        if self.closed or not path.exists():
            return {}, {}
        try:
            return store.load(path)
        except ModelFileError as error:
            warnings.warn(
                f"checkpoint {error}; this pass is made again, after those before it.", DataWarning, stacklevel=4
            )
        return {}, {}

    def _write(self, path: Path, header: Mapping[str, Any], sums: Tensor) -> None:
        if self.closed or not sums.numel() or not bool(sums.isfinite().all()):
            return
        try:
            store.save(path, header, {"sums": sums})
        except FileError as error:
            self.closed = True
            warnings.warn(f"the fit goes on without its checkpoint: {error}", DataWarning, stacklevel=4)
        except ParameterError:  # a cell that JSON has not
            return


class SharedJournal:
    """The passes of a fit of many ranks, kept by rank 0 (the only one with a ``journal``), whose word the others take."""

    def __init__(self, journal: Journal | None, ranks: Ranks) -> None:
        self.journal, self.ranks = journal, ranks

    @property
    def resumed(self) -> int:
        """Passes that an earlier run had finished, as far as this rank knows."""
        return 0 if self.journal is None else self.journal.resumed

    @property
    def folder(self) -> Path | None:
        """Where they are kept."""
        return None if self.journal is None else self.journal.folder

    def total(self, at: tuple[Tensor, ...], make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """`Journal.total`."""
        found = self.ranks.each(lambda: None if self.journal is None else self.journal.asked(at))
        kept = self.ranks.tensors(() if found is None else found)[0]
        if kept:
            return kept
        total = make()
        return total if self.journal is None else self.journal.keep(at, total)

    def learnt(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """`Journal.learnt`."""
        known = self.ranks.first(lambda: None if self.journal is None else self.journal.known())
        if known:
            return dict(known)
        out = make()
        return out if self.journal is None else self.journal.know(out)


@contextmanager
def shared_journal(
    folder: str | os.PathLike[str] | None, what: Callable[[], Mapping[str, Any]], ranks: Ranks
) -> Iterator[SharedJournal | None]:
    """`journal` of a fit of many ranks; the folder must be where rank 0 finds it again."""
    with ExitStack() as stack:
        mine = folder if ranks.rank == 0 else None
        kept = ranks.each(lambda: stack.enter_context(journal(mine, what)))
        yield None if folder is None else SharedJournal(kept, ranks)


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
