"""Processes forked off a server that has loaded torch and what a fit imports, which takes seconds: each begins at once."""

import ctypes
import multiprocessing
import os
import runpy
import selectors
import signal
import sys
from time import monotonic

CONTEXT = multiprocessing.get_context("forkserver")
LOADED = (
    "torchlogit.fit torchlogit.calibration.doors torchlogit.inference.hypotheses torchlogit.persist torchlogit.summary"
)
LOADED += (
    " torchlogit.cli.fitting formulaic narwhals pandas pyarrow.dataset pyarrow.parquet rich.console safetensors.torch"
)
LOADED += " scipy.special typer"
CONTEXT.set_forkserver_preload(LOADED.split())
CLONE_NEWNET = 0x40000000


class Python:
    """``python WORDS`` in such a process, ``environment`` added to its own, on one of several ``host`` if there are such.

    ``words`` are a program's path, or -m and a module's name, or -c and a text, and what these are given.
    """

    def __init__(self, *words, environment=None, host=None):
        pipes = [CONTEXT.Pipe(duplex=False) for _ in range(2)]
        asked = ([str(word) for word in words], environment or {}, host, [there for _, there in pipes])
        self.process = CONTEXT.Process(target=_python, args=asked, daemon=True)
        self.process.start()
        self.stdout, self.stderr = (open(os.dup(here.fileno()), "rb", buffering=0) for here, _ in pipes)  # noqa: SIM115
        for end in sum(pipes, ()):
            end.close()

    @property
    def running(self):
        return self.process.is_alive()

    def signal(self, number):
        os.kill(self.process.pid, number)

    def ended(self, seconds=120):
        """Its exit code (minus a signal's number), stdout and stderr, once it and whoever holds these has ended."""
        texts, end = {self.stdout: b"", self.stderr: b""}, monotonic() + seconds
        try:
            with selectors.DefaultSelector() as open_ones:
                for file in texts:
                    open_ones.register(file, selectors.EVENT_READ)
                while open_ones.get_map():
                    self._take(open_ones, texts, end - monotonic())
        finally:
            self.close()
        return self.process.exitcode, *(text.decode() for text in texts.values())

    def _take(self, open_ones, texts, seconds):
        ready = open_ones.select(max(0, seconds))
        if not ready:
            raise TimeoutError(f"not ended in time; so far it said {texts}")
        for key, _ in ready:
            piece = os.read(key.fd, 2**16)
            texts[key.fileobj] += piece
            if not piece:
                open_ones.unregister(key.fileobj)

    def close(self):
        """End it, if it has not."""
        self.process.join(5)
        if self.running:
            self.signal(signal.SIGKILL)
        self.process.join()
        self.stdout.close()
        self.stderr.close()


def _python(words, environment, host, ends):
    for number, end in enumerate(ends, 1):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.update({name: str(value) for name, value in environment.items()})
    if host is not None:
        enter(host)
    kind, *rest = words
    sys.argv = rest if kind in ("-m", "-c") else words
    if kind == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<text>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(kind, run_name="__main__")


def enter(host):
    """Move this thread, and those that it starts, into a network namespace."""
    with open(f"/var/run/netns/{host}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
