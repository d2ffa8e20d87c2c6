"""Downloads from mirrors on this machine: resumed, checked, in one step, and what is said when none helps."""

import gzip
import hashlib
import io
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from mirror import mirror

from torchlogit import datasets
from torchlogit.datasets import download
from torchlogit.errors import FileError

mnist_module = sys.modules["torchlogit.datasets.mnist"]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
RANDOM = np.random.default_rng(0)
CONTENT = {
    f"{part}-{kind}": struct.pack(f">HBB{1 + len(shape)}I", 0, 8, 1 + len(shape), n, *shape)
    + RANDOM.integers(0, 10, (n, *shape)).astype(np.uint8).tobytes()
    for part, n in (("train", 300), ("t10k", 100))
    for kind, shape in (("images-idx3-ubyte", (28, 28)), ("labels-idx1-ubyte", ()))
}
PACKED = {f"{name}.gz": gzip.compress(content, 1) for name, content in CONTENT.items()}
REAL_MIRRORS = mnist_module.MIRRORS
LARGE = "train-images-idx3-ubyte.gz"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small files instead of MNIST's, no proxy, no real mirror."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(mnist_module, "SHA256", sums)
    monkeypatch.setattr(mnist_module, "MIRRORS", ())


@pytest.fixture
def server():
    with mirror(dict(PACKED)) as found:
        yield found


@pytest.fixture
def mirrors(server, monkeypatch):
    def choose(*manners):
        monkeypatch.setattr(mnist_module, "MIRRORS", tuple(map(server.at, manners)))

    return choose


def raw(root):
    return root / "MNIST" / "raw"


def names(root):
    return sorted(file.name for file in raw(root).iterdir())


def asked(server, name=LARGE):
    return [(manner, begin) for manner, which, begin in server.requests if which == name]


def test_L01_download_fetches_all_four_files_once(server, mirrors, tmp_path):
    mirrors("good")
    images, labels = datasets.mnist(root=tmp_path / "new", train=True, download=True)
    assert images.tobytes() == CONTENT["train-images-idx3-ubyte"][16:]
    assert labels.tobytes() == CONTENT["train-labels-idx1-ubyte"][8:]
    assert names(tmp_path / "new") == sorted(PACKED)
    assert len(datasets.mnist(tmp_path / "new", train=False)[0]) == 100
    datasets.mnist(tmp_path / "new", train=False, download=True)
    assert len(server.requests) == 4


@pytest.mark.parametrize("folder", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_L01_files_that_are_right_are_left_alone(server, mirrors, tmp_path, folder, packed):
    """Wherever they lie, and however they are packed: mirrors differ in how."""
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        (tmp_path / folder / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(content, 9) if packed else content)
    mirrors("good")
    assert len(datasets.mnist(tmp_path, download=True)[0]) == 300
    assert server.requests == []


@pytest.mark.parametrize(
    "damage",
    [b"", b"<html>", PACKED[LARGE][:-9], gzip.compress(b"another data set")],
    ids=["empty", "page", "cut", "other"],
)
@pytest.mark.parametrize("name", [LARGE, LARGE.removesuffix(".gz")])
def test_L01_a_wrong_file_is_fetched_anew(server, mirrors, tmp_path, damage, name):
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / name).write_bytes(damage)
    mirrors("good")
    assert datasets.mnist(tmp_path, download=True)[0].tobytes() == CONTENT["train-images-idx3-ubyte"][16:]
    assert asked(server) == [("good", 0)]


def test_L01_the_next_mirror_is_asked(server, mirrors, tmp_path):
    mirrors("forbidden", "wrong", "good")
    datasets.mnist(tmp_path, download=True)
    assert asked(server) == [("forbidden", 0), ("wrong", 0), ("good", 0)]
    assert names(tmp_path) == sorted(PACKED)


def test_L01_a_broken_connection_goes_on_where_it_ended(server, mirrors, tmp_path):
    mirrors("breaks")
    with pytest.raises(FileError, match=r"/breaks/train-images-idx3-ubyte\.gz: the connection broke after \d+ of"):
        datasets.mnist(tmp_path, download=True)
    whole = len(PACKED[LARGE])
    begins = [begin for _, begin in asked(server)]
    assert begins[0] == 0
    assert begins == sorted(set(begins))
    assert len(begins) == download.ATTEMPTS
    assert names(tmp_path) == [f"{LARGE}.part"]
    kept = (raw(tmp_path) / f"{LARGE}.part").stat().st_size
    assert whole * 0.8 < kept < whole
    mirrors("good")
    assert len(datasets.mnist(tmp_path, download=True)[0]) == 300
    assert asked(server)[len(begins) :] == [("good", kept)]
    assert names(tmp_path) == sorted(PACKED)


@pytest.mark.parametrize("part", [PACKED[LARGE][:1000], PACKED[LARGE] + b"?" * 9], ids=["shorter", "longer"])
def test_L01_a_server_without_ranges_begins_anew(server, mirrors, tmp_path, part):
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / f"{LARGE}.part").write_bytes(part)
    mirrors("norange")
    assert len(datasets.mnist(tmp_path, download=True)[0]) == 300
    assert asked(server) == [("norange", len(part))]


@pytest.mark.parametrize(
    ("part", "begins"),
    [
        (b"?" * 1000, [1000, 0]),  # of another mirror, packed in another way
        (PACKED[LARGE], [len(PACKED[LARGE])]),  # whole, but never checked
        (PACKED[LARGE] + b"?" * 9, [len(PACKED[LARGE]) + 9, 0]),
        (b"", [0]),
    ],
)
def test_L01_a_part_that_does_not_fit_is_dropped(server, mirrors, tmp_path, part, begins):
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / f"{LARGE}.part").write_bytes(part)
    mirrors("good")
    assert len(datasets.mnist(tmp_path, download=True)[0]) == 300
    assert asked(server) == [("good", begin) for begin in begins]


def test_L01_offline_it_says_what_to_put_where(mirrors, tmp_path, monkeypatch, server):
    """What every mirror answered, all the files that are still missing, and the whole folder."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnist_module, "MIRRORS", (nobody, server.at("forbidden"), server.at("wrong")))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(CONTENT["t10k-labels-idx1-ubyte"])
    with pytest.raises(FileError) as caught:
        datasets.mnist(".", download=True)
    told = str(caught.value)
    assert f"{nobody}{LARGE}: no connection (Connection refused)" in told
    assert f"{server.at('forbidden')}{LARGE}: 403 Forbidden" in told
    assert f"{server.at('wrong')}{LARGE}: what it sent is not this file" in told
    wanted = "train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz and t10k-images-idx3-ubyte.gz from elsewhere"
    assert f"copy {wanted} to {raw(tmp_path)} (unpacked, without .gz, also works)" in told
    assert names(tmp_path) == []


def test_L01_without_download_nothing_is_asked(server, mirrors, tmp_path):
    mirrors("good")
    with pytest.raises(FileError, match=r"or pass download=True \(--download\)") as caught:
        datasets.mnist(tmp_path)
    assert str(raw(tmp_path)) in str(caught.value)
    assert server.requests == []
    assert not raw(tmp_path).exists()


def test_L01_a_mirror_that_says_nothing_is_left_after_a_while(server, mirrors, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(mnist_module, "MIRRORS", (silence,))
        with pytest.raises(FileError, match=r"no answer within 0\.2 seconds"):
            datasets.mnist(tmp_path, download=True)


def test_L01_a_folder_that_cannot_be_written_is_a_file_error(server, mirrors, tmp_path):
    mirrors("good")
    (tmp_path / "MNIST").write_text("a file, no folder")
    with pytest.raises(FileError, match=r"cannot write .*MNIST.*: (Not a directory|File exists)"):
        datasets.mnist(tmp_path, download=True)
    assert server.requests == []


def test_L01_a_full_disk_is_a_file_error_and_keeps_what_came(server, mirrors, tmp_path):
    resource = pytest.importorskip("resource")
    mirrors("good")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(FileError, match=r"cannot write .*train-images.*: File too large"):
            datasets.mnist(tmp_path, download=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == [f"{LARGE}.part"]
    datasets.mnist(tmp_path, download=True)
    assert asked(server) == [("good", 0), ("good", 20_000)]


def test_L01_two_downloads_at_once_disturb_nobody(server, mirrors, tmp_path):
    mirrors("breaks", "good")
    found, threads = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: found.append(datasets.mnist(tmp_path, download=True)[0])))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert [images.tobytes() for images in found] == [CONTENT["train-images-idx3-ubyte"][16:]] * 4
    assert set(names(tmp_path)) == set(PACKED)


def test_L01_the_part_of_a_living_process_is_not_taken(server, mirrors, tmp_path):
    raw(tmp_path).mkdir(parents=True)
    other = raw(tmp_path) / f"{LARGE}.1-abcdef01.part"
    other.write_bytes(PACKED[LARGE][:500])
    mirrors("good")
    datasets.mnist(tmp_path, download=True)
    assert asked(server) == [("good", 0)]
    assert other.exists()
    (raw(tmp_path) / LARGE).unlink()
    os.utime(other, (time.time() - 1e4,) * 2)  # killed long ago
    datasets.mnist(tmp_path, download=True)
    assert asked(server)[1:] == [("good", 500)]
    assert names(tmp_path) == sorted(PACKED)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "term", "shown"),
    [(Terminal, "xterm", True), (Terminal, "dumb", False), (io.StringIO, "xterm", False)],
)
def test_L01_the_bar_is_on_stderr_of_a_terminal_only(
    server, mirrors, tmp_path, monkeypatch, capsys, stream, term, shown
):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", stream())
    mirrors("good")
    datasets.mnist(tmp_path, download=True)
    assert (LARGE in sys.stderr.getvalue()) is shown
    assert bool(sys.stderr.getvalue()) is shown
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the MNIST files are not beside this checkout")
def test_L01_mnist_itself_comes_through(tmp_path, monkeypatch):
    """The real checksums accept the real files, over a connection that breaks."""
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with mirror({file.name: file.read_bytes() for file in SHARED.glob("*.gz")}) as server:
        monkeypatch.setattr(mnist_module, "MIRRORS", (server.at("breaks"), server.at("good")))
        images, labels = datasets.mnist(tmp_path, train=True, download=True)
    assert images.shape == (60000, 784)
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(datasets.mnist(tmp_path, train=False, download=True)[1]) == 10000


def test_L01_torchvisions_mirrors_come_first():
    hosts = [mirror.split("/")[2] for mirror in REAL_MIRRORS]
    assert hosts == ["ossci-datasets.s3.amazonaws.com", "storage.googleapis.com", "yann.lecun.com"]
