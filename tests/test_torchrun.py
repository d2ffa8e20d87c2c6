"""``torchrun -m torchlogit fit``: the answer of one process, and how it ends where a process or the network is lost.

A start of two ranks takes seconds, so a test asks for as much as it can. Numbers in names are rows of the list of faults.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
import streams

import torchlogit

# The command, of which rank 1 does something once, when the first sum at coefficients is asked for.
ODD = """
import os, signal, subprocess, sys, threading, time
from torchlogit.cli import main
from torchlogit.sources.ranks import Ranks

def sum(self, mine, at=(), error=None, before=Ranks.sum):
    if at and self.rank == 1 and not os.path.exists("{marker}"):
        open("{marker}", "x").close()
        {what}
    return before(self, mine, at, error)

Ranks.sum = sum
sys.exit(main())
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def rows(tmp_path):
    """A folder of rows."""
    return streams.write(tmp_path / "rows", streams.numbers())


def odd(tmp_path, what):
    """A program that is the command, of which rank 1 does ``what`` once, in the middle of a fit."""
    path = tmp_path / "odd.py"
    path.write_text(ODD.format(marker=tmp_path / "odd", what=what))
    return [str(path)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(command, environment=None, inside=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    return subprocess.Popen(
        [*inside, sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def torchrun(program, *options):
    """Two ranks of a program."""
    words = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    words += [f"--master-port={free_port()}", *options, *program]
    return started(words, {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"})


def ended(process):
    """Its exit code, stdout and stderr."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def test_238_a_restart_goes_on_and_says_the_answer_of_one_process_once(rows, tmp_path):
    model, checkpoint = tmp_path / "model.safetensors", tmp_path / "checkpoint"
    asked = ["fit", rows, "--target", "y", "--json", "-o", model, "--checkpoint", checkpoint, "--timeout", "30"]
    code, out, err = ended(torchrun([*odd(tmp_path, KILLED), *asked], "--max-restarts=1"))
    assert code == 0, err
    assert (tmp_path / "odd").exists()
    assert "went on after" in err
    assert json.loads(out)  # one document
    assert err.count("model written to") == 1
    whole = torchlogit.fit(str(rows), "y")
    assert abs(torchlogit.load(model).theta - whole.theta).max() < 1e-10


def test_221_a_rank_that_is_killed_ends_the_other(rows, tmp_path):
    model = tmp_path / "model.safetensors"
    code, out, err = ended(torchrun([*odd(tmp_path, KILLED), "fit", rows, "--target", "y", "-o", model]))
    assert code != 0
    assert out == ""
    assert re.search(r"rank +: 1 .*\n.*\(SIGKILL\)", err)  # by torchrun
    assert "waitForInput" not in err  # torch's word for every second of waiting
    assert not model.exists()


def test_222_wrong_data_of_one_rank(tmp_path):
    model = tmp_path / "model.safetensors"
    streams.one(tmp_path / "rows-0.parquet", streams.table(1000))
    streams.one(tmp_path / "rows-1.parquet", streams.table(1000, gaps=True))
    code, out, err = ended(
        torchrun(
            ["-m", "torchlogit", "fit", tmp_path / "rows-*.parquet", "--target", "y", "--missing=error", "-o", model]
        )
    )
    assert code != 0
    assert (out, err.count("rows-1.parquet: column `b` has no value")) == ("", 1)  # said once
    assert "error: rank " in err
    assert " in rows " in err
    assert not model.exists()


def test_239_ranks_end_when_torchrun_is_killed(rows, tmp_path):
    process = torchrun([*odd(tmp_path, "time.sleep(1000)"), "fit", rows, "--target", "y"])
    while not (tmp_path / "odd").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    out, err = process.communicate(timeout=60)  # both ranks hold these open as long as they run
    assert out == ""
    assert "torchrun is gone" in err  # one of them may see first that its store is


def test_236_237_who_does_not_come_and_who_comes_twice(rows):
    fit, port = ["-m", "torchlogit", "fit", rows, "--target", "y", "--timeout", "5"], str(free_port())
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "3", "RANK": "0"}
    processes = [started(fit, where | {"RANK": rank}) for rank in ("0", "2", "2")]
    told = [ended(process) for process in processes]
    assert [code for code, _, _ in told] == [6, 6, 6]
    assert "2 of 3 ranks came within 5 seconds; missing: rank 1" in told[0][2]
    assert sum("rank 2 came twice" in err for _, _, err in told[1:]) == 1


def test_235_a_second_job_at_one_port(rows):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(other.getsockname()[1]), "WORLD_SIZE": "2", "RANK": "0"}
        code, _, err = ended(started(["-m", "torchlogit", "fit", rows, "--target", "y"], where))
    assert code == 6
    assert "another job is at this port: choose another MASTER_PORT" in err


@pytest.fixture
def two_hosts():
    """Two network namespaces with a cable between them; for each the words before a command, and its end of the cable."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and iproute2, to lay a cable between two network namespaces")
    names = [f"torchlogit{os.getpid()}{side}" for side in "ab"]
    try:
        for name in names:
            if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
                pytest.skip("no network namespaces can be made here")
        ip("link", "add", "cable0", "netns", names[0], "type", "veth", "peer", "name", "cable1", "netns", names[1])
        for side, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.77.0.{side + 1}/24", "dev", f"cable{side}")
            ip("-n", name, "link", "set", f"cable{side}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [["ip", "netns", "exec", name] for name in names]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


CUT = "subprocess.run(['ip', 'link', 'set', 'cable1', 'down'])"
HEALED = "threading.Timer(3, subprocess.run, [['ip', 'link', 'set', 'cable1', 'up']]).start()"


@pytest.mark.parametrize(("what", "timeout", "code"), [(f"{CUT}; {HEALED}", 60, 0), (CUT, 5, 6)], ids=["233", "234"])
def test_a_network_that_is_cut(two_hosts, rows, tmp_path, what, timeout, code):
    model = tmp_path / "model.safetensors"
    fit = [*odd(tmp_path, what), "fit", rows, "--target", "y", "--timeout", timeout, "-o", model]
    where = {"MASTER_ADDR": "10.77.0.1", "MASTER_PORT": "29500", "WORLD_SIZE": "2"}
    processes = [
        started(fit, where | {"RANK": str(rank), "GLOO_SOCKET_IFNAME": f"cable{rank}"}, inside)
        for rank, inside in enumerate(two_hosts)
    ]
    told = [ended(process) for process in processes]
    assert [each[0] for each in told] == [code, code], told
    assert model.exists() == (code == 0)
