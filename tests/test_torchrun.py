"""``torchrun -m torchlogit fit``: the answer of one process, and how it ends where a process or the network is lost.

A start of two ranks takes seconds, so a test asks for as much as it can. Numbers in names are rows of the list of faults.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import streams
from forked import Python

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


def torchrun(program, *options):
    """Two ranks of a program."""
    words = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    words += [f"--master-port={free_port()}", *options, *program]
    return Python(*words, environment={"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1"})


def test_238_a_restart_goes_on_and_says_the_answer_of_one_process_once(rows, tmp_path):
    model, checkpoint = tmp_path / "model.safetensors", tmp_path / "checkpoint"
    asked = ["fit", rows, "--target", "y", "--json", "-o", model, "--checkpoint", checkpoint, "--timeout", "30"]
    code, out, err = torchrun([*odd(tmp_path, KILLED), *asked], "--max-restarts=1").ended()
    assert code == 0, err
    assert (tmp_path / "odd").exists()
    assert "went on after" in err
    assert json.loads(out)  # one document
    assert err.count("model written to") == 1
    whole = torchlogit.fit(str(rows), "y")
    assert abs(torchlogit.load(model).theta - whole.theta).max() < 1e-10


def test_221_a_rank_that_is_killed_ends_the_other(rows, tmp_path):
    model = tmp_path / "model.safetensors"
    code, out, err = torchrun([*odd(tmp_path, KILLED), "fit", rows, "--target", "y", "-o", model]).ended()
    assert code != 0
    assert out == ""
    assert re.search(r"rank +: 1 .*\n.*\(SIGKILL\)", err)  # by torchrun
    assert "waitForInput" not in err  # torch's word for every second of waiting
    assert not model.exists()


def test_222_wrong_data_of_one_rank(tmp_path):
    model = tmp_path / "model.safetensors"
    streams.one(tmp_path / "rows-0.parquet", streams.table(1000))
    streams.one(tmp_path / "rows-1.parquet", streams.table(1000, gaps=True))
    code, out, err = torchrun(
        ["-m", "torchlogit", "fit", tmp_path / "rows-*.parquet", "--target", "y", "--missing=error", "-o", model]
    ).ended()
    assert code != 0
    assert (out, err.count("rows-1.parquet: column `b` has no value")) == ("", 1)  # said once
    assert "error: rank " in err
    assert " in rows " in err
    assert not model.exists()


def test_239_ranks_end_when_torchrun_is_killed(rows, tmp_path):
    process = torchrun([*odd(tmp_path, "time.sleep(1000)"), "fit", rows, "--target", "y"])
    while not (tmp_path / "odd").exists():
        assert process.running
        time.sleep(0.05)
    process.signal(signal.SIGKILL)
    _, out, err = process.ended(60)  # both ranks hold these open as long as they run
    assert out == ""
    assert "torchrun is gone" in err  # one of them may see first that its store is


def test_236_237_who_does_not_come_and_who_comes_twice(rows):
    fit = ["-m", "torchlogit", "fit", rows, "--target", "y", "--timeout", "5"]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": 3}
    processes = [Python(*fit, environment=where | {"RANK": rank}) for rank in (0, 2, 2)]
    told = [process.ended() for process in processes]
    assert [code for code, _, _ in told] == [6, 6, 6]
    assert "2 of 3 ranks came within 5 seconds; missing: rank 1" in told[0][2]
    assert sum("rank 2 came twice" in err for _, _, err in told[1:]) == 1


def test_235_a_second_job_at_one_port(rows):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": other.getsockname()[1], "WORLD_SIZE": 2, "RANK": 0}
        code, _, err = Python("-m", "torchlogit", "fit", rows, "--target", "y", environment=where).ended()
    assert code == 6
    assert "another job is at this port: choose another MASTER_PORT" in err


@pytest.fixture
def two_hosts():
    """Two network namespaces with a cable between them."""
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
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


CUT = "subprocess.run(['ip', 'link', 'set', 'cable1', 'down'])"
HEALED = "threading.Timer(1.5, subprocess.run, [['ip', 'link', 'set', 'cable1', 'up']]).start()"


def over_the_cable(two_hosts, words, device="cable{}"):
    """How the command ends on a rank on either host."""
    where = {"MASTER_ADDR": "10.77.0.1", "MASTER_PORT": 29500, "WORLD_SIZE": 2}
    processes = [
        Python(*words, environment=where | {"RANK": rank, "GLOO_SOCKET_IFNAME": device.format(rank)}, host=host)
        for rank, host in enumerate(two_hosts)
    ]
    return [process.ended() for process in processes]


@pytest.mark.parametrize(("what", "timeout", "code"), [(f"{CUT}; {HEALED}", 60, 0), (CUT, 4, 6)], ids=["healed", "cut"])
def test_233_234_a_network_that_is_cut(run, two_hosts, rows, tmp_path, what, timeout, code):
    model, kept = tmp_path / "model.safetensors", tmp_path / "kept"
    fit = ["fit", rows, "--target", "y", "--checkpoint", kept]
    told = over_the_cable(two_hosts, [*odd(tmp_path, what), *fit, "--timeout", timeout, "-o", model])
    assert [each[0] for each in told] == [code, code], told
    assert model.exists() == (code == 0)
    again = run(*fit, "-o", tmp_path / "again.safetensors")
    assert (again.code, "went on after" in again.err) == (0, True), again.err
    found, whole = torchlogit.load(tmp_path / "again.safetensors"), torchlogit.fit(str(rows), "y")
    assert abs(found.theta - whole.theta).max() < 1e-10


def test_245_a_network_device_that_leads_nowhere(two_hosts, rows, tmp_path):
    """As where a host's name is 127.0.1.1: each rank tells the other an address at which that finds itself."""
    model = tmp_path / "model.safetensors"
    words = ["-m", "torchlogit", "fit", rows, "--target", "y", "--timeout", "3", "-o", model]
    told = over_the_cable(two_hosts, words, device="lo")
    assert [each[0] for each in told] == [6, 6], told
    assert all("GLOO_SOCKET_IFNAME" in err for _, _, err in told), told
    assert not model.exists()
