"""Fixtures: the command, run in this process; one thread."""

import io
import sys
from typing import NamedTuple

import pytest
from browser import chromium, learn_site, open_page, read_page, tabs  # noqa: F401
from command import STUDENTS
from hypothesis import HealthCheck, settings

from torchlogit.arithmetic import one_thread
from torchlogit.cli import main

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def alone():
    """One thread, for thousands of tiny operations: on a busy machine each would wait for a second one."""
    with one_thread():
        yield


@pytest.fixture
def run(capsys, monkeypatch):
    """The command in this process: ``run("fit", path, ..., stdin=b"")`` → exit code, stdout, stderr."""

    def call(*argv, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main([str(word) for word in argv])
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def model(run, tmp_path):
    """A model of the twenty students."""
    path = tmp_path / "students.safetensors"
    assert run("fit", STUDENTS, "--target", "passed", "-o", path).code == 0
    return path
