"""The process in which a rival fits. It imports the rival's package once, then forks for each problem.

So every problem finds a fresh process, whose first call is cold, and no import is ever within a timed fit.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import sys
import traceback
import warnings
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.machine import Memory, Watch
from benchmarks.problems import Problem

LEAST = 0.1  # seconds that are measured at least: a fit that takes less is repeated


def nursery(pipe: Connection, name: str) -> None:
    """Import a rival; then, for each file of a problem that comes down the pipe, a child that serves it."""
    from benchmarks.rivals import RIVALS

    rival, begin = RIVALS[name], perf_counter()
    _hush()
    try:
        rival.load()
    except Exception as error:
        pipe.send({"failed": f"cannot be imported: {error}"})
        return
    pipe.send({"import": perf_counter() - begin})
    for file in iter(pipe.recv, None):
        child = os.fork()
        if not child:
            _serve(pipe, rival, Path(file))
        os.waitpid(child, 0)
        pipe.send({"ended": True})


def _hush() -> None:
    """Whatever a library prints goes nowhere."""
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _serve(pipe: Connection, rival: Any, file: Path) -> None:
    """Fit at each tolerance that is asked for; None ends it."""
    try:
        pipe.send({"pid": os.getpid()})
        _all_cores()
        problem = pickle.loads(file.read_bytes())
        data = rival.prepare(problem)
        pipe.send({"ready": True})
        for tol in iter(pipe.recv, None):
            pipe.send(measured(rival, problem, data, tol))
    except Exception as error:
        pipe.send({"failed": told(error)})
    finally:
        os._exit(0)


def _all_cores() -> None:
    """A forked process is left one thread by torchlogit, because torch's pool is not inherited; here there was none yet."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(os.cpu_count() or 1)


def told(error: Exception) -> str:
    """An error in one line."""
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line}"[:160] if line else traceback.format_exception_only(error)[0].strip()


def measured(rival: Any, problem: Problem, data: Any, tol: float) -> dict[str, Any]:
    """Seconds, peak extra megabytes and cores that others used, with the answer; short fits are the median of many."""
    _tidy()
    memory, watch = Memory(), Watch()
    model, seconds = _timed(rival, problem, data, tol)
    extra, others = None if rival.seconds else memory.extra(), watch.others(seconds)
    first, runs = seconds, []
    while sum(runs) < LEAST and first < LEAST and len(runs) < 200:
        runs.append(_timed(rival, problem, data, tol)[1])
    answer = rival.answer(problem, model)
    return {"seconds": median(runs or [first]), "first": first, "extra": extra, "others": others, "answer": answer}


def _timed(rival: Any, problem: Problem, data: Any, tol: float) -> tuple[Any, float]:
    begin = perf_counter()
    model = rival.fit(problem, data, tol)
    seconds = perf_counter() - begin
    return model, rival.seconds or seconds


def _tidy() -> None:
    """Give unused memory back, so that what a fit takes is seen."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


class Late(Exception):
    """A fit that took longer than it may."""


class Broken(Exception):
    """A fit or an import that failed; the message says how."""


class Worker:
    """A rival in processes of its own, seen from the runner."""

    def __init__(self, name: str) -> None:
        context = get_context("spawn")
        self.pipe, end = context.Pipe()
        self.process = context.Process(target=nursery, args=(end, name), daemon=True)
        self.process.start()
        end.close()
        self.child, self.closed = 0, False
        self._import: float | None = None

    @property
    def import_seconds(self) -> float:
        """Time of the import, once it is done."""
        if self._import is None:
            self._import = self._told("import", 300.0)["import"]
        return self._import

    def begin(self, file: Path) -> None:
        """Read a problem and lay it out; ``ready`` waits for it."""
        assert self.import_seconds >= 0
        self.pipe.send(str(file))
        self.child = self._told("pid", 60.0)["pid"]

    def ready(self) -> None:
        self._told("ready", 300.0)

    def fit(self, tol: float, cap: float) -> dict[str, Any]:
        """One measurement; `Late` if it takes longer than ``cap`` seconds."""
        self.pipe.send(tol)
        return self._told("seconds", cap)

    def _told(self, key: str, cap: float) -> dict[str, Any]:
        """The next message that has this key."""
        while True:
            if not self.pipe.poll(cap):
                raise Late
            try:
                message = self.pipe.recv()
            except EOFError:
                raise Broken("its process ended") from None
            if "failed" in message:
                raise Broken(message["failed"])
            if key in message:
                return message
            if "ended" in message and key != "ended":
                self.child = 0
                raise Broken("its process ended")

    def end(self) -> None:
        """Stop the child, wherever it is."""
        if self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, 9)
            with suppress(Late, Broken):
                self._told("ended", 60.0)
            self.child = 0

    def close(self) -> None:
        """Stop it all, in the middle of a message or not: this worker is of no further use."""
        if self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, 9)
        self.child, self.closed = 0, True
        self.process.kill()
        self.process.join()
        self.pipe.close()
