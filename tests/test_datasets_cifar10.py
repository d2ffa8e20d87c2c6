"""CIFAR-10 from generated files: pickles as Python 2 wrote them, archives, and what must be refused."""

import codecs
import hashlib
import io
import os
import pickle
import struct
import sys
import tarfile

import numpy as np
import pytest
from mirror import mirror

from torchlogit import datasets
from torchlogit.errors import DataError, FileError

cifar10_module = sys.modules["torchlogit.datasets.cifar10"]
RANDOM = np.random.default_rng(0)
BATCHES = {
    name: (RANDOM.integers(0, 256, (4, 3072)).astype(np.uint8), RANDOM.integers(0, 10, 4).tolist())
    for name in ["test_batch", *(f"data_batch_{i}" for i in range(1, 6))]
}
FOLDER = "cifar-10-batches-py"


def text(value):
    """A string of Python 2 in a pickle."""
    return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<I", len(value)) + value


def python_2(images, labels, code=b"u1"):
    """A batch as the original files hold it: protocol 2, byte strings, arrays of numpy.core."""
    shape = b"".join(b"M" + struct.pack("<H", size) for size in images.shape)
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    dtype = b"cnumpy\ndtype\n" + text(code) + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNNJ" + b"\xff" * 4
    state = b"(K\x01" + shape + b"\x86" + dtype + b"J" + b"\xff" * 4 + b"K\x00tb\x89" + text(images.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + state + text(b"labels") + numbers + b"u."


FILES = {name: python_2(*batch) for name, batch in BATCHES.items()} | {"batches.meta": b"\x80\x02}."}


def tar(files, kind=tarfile.REGTYPE):
    """An archive of files by their whole names, with some that nobody asked for."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


ARCHIVE = tar({"../../escaped": b"!", "/absolute": b"!"} | {f"{FOLDER}/{name}": file for name, file in FILES.items()})


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(
        cifar10_module, "MD5", {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()}
    )
    monkeypatch.setattr(cifar10_module, "SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    monkeypatch.setattr(cifar10_module, "MIRRORS", ())


@pytest.fixture
def server(monkeypatch):
    with mirror({"cifar-10-python.tar.gz": ARCHIVE}) as found:
        addresses = [found.at(manner) + "cifar-10-python.tar.gz" for manner in ("forbidden", "wrong", "good")]
        monkeypatch.setattr(cifar10_module, "MIRRORS", tuple(addresses))
        yield found


@pytest.fixture
def root(tmp_path):
    (tmp_path / FOLDER).mkdir()
    for name, content in FILES.items():
        (tmp_path / FOLDER / name).write_bytes(content)
    return tmp_path


def joined(names):
    return np.concatenate([BATCHES[name][0] for name in names]), [label for name in names for label in BATCHES[name][1]]


@pytest.mark.parametrize(
    ("train", "names"), [(True, [f"data_batch_{i}" for i in range(1, 6)]), (False, ["test_batch"])]
)
def test_L02_cifar10_reads_torchvisions_files(root, train, names):
    images, labels = datasets.cifar10(root=root, train=train, download=False)
    expected_images, expected_labels = joined(names)
    np.testing.assert_array_equal(images, expected_images)
    assert labels.tolist() == expected_labels
    assert images.dtype == labels.dtype == np.uint8
    images[0] = 0  # the caller's own
    assert len(datasets.CIFAR10_CLASSES) == 10


def test_L02_the_python_2_pickle_of_this_test_is_one():
    """The standard reader, as torchvision uses it, finds the same in it."""
    images, labels = BATCHES["test_batch"]
    content = python_2(images, labels).replace(b"numpy.core.", b"numpy._core.")
    held = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(held["data"], images)
    assert held["labels"] == labels


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_L02_pickles_of_python_3_are_read_too(root, protocol):
    images, labels = BATCHES["test_batch"]
    file = root / FOLDER / "test_batch"
    for order in (np.ascontiguousarray, np.asfortranarray):
        file.write_bytes(pickle.dumps({"data": order(images), "labels": labels}, protocol=protocol))
        np.testing.assert_array_equal(datasets.cifar10(root, train=False)[0], images)


def test_L02_download_unpacks_what_is_missing_and_nothing_else(server, tmp_path):
    root = tmp_path / "a" / "b"
    images, _ = datasets.cifar10(root, train=True, download=True)
    np.testing.assert_array_equal(images, joined([f"data_batch_{i}" for i in range(1, 6)])[0])
    assert sorted(file.name for file in (root / FOLDER).iterdir()) == sorted(FILES)
    assert sorted(file.name for file in root.iterdir()) == [FOLDER, "cifar-10-python.tar.gz"]
    assert [*tmp_path.iterdir()] == [tmp_path / "a"]
    assert [manner for manner, *_ in server.requests] == ["forbidden", "wrong", "good"]
    (root / FOLDER / "data_batch_3").write_bytes(b"damaged")
    datasets.cifar10(root, train=True, download=True)
    assert len(server.requests) == 3  # the archive is there and right


def test_L02_offline_it_says_what_to_put_where(tmp_path):
    with pytest.raises(
        FileError, match=r"put data_batch_1, .*, data_batch_5 in .*cifar-10-batches-py, or cifar-10-pyth"
    ):
        datasets.cifar10(tmp_path)
    with pytest.raises(FileError, match=rf"cannot be downloaded .*copy it from elsewhere to {tmp_path} and call again"):
        datasets.cifar10(tmp_path, download=True)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(ARCHIVE)
    assert len(datasets.cifar10(tmp_path, download=True)[0]) == 20


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (tar({f"{FOLDER}/{name}": b"" for name in FILES}, tarfile.SYMTYPE), "test_batch in .* is no plain file"),
        (tar({"elsewhere/data_batch_1": b""}), "cannot be unpacked: .*test_batch' not found"),
        (ARCHIVE[:2000], "cannot be unpacked"),
        (b"<html>", "cannot be unpacked"),
    ],
)
def test_L02_an_archive_that_is_none_is_refused(tmp_path, monkeypatch, archive, message):
    monkeypatch.setattr(cifar10_module, "SHA256", hashlib.sha256(archive).hexdigest())
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive)
    with pytest.raises(FileError, match=message):
        datasets.cifar10(tmp_path, download=True)


class Evil:
    def __init__(self, call, *arguments):
        self.reduced = call, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (Evil(os.system, "touch evil"), "posix.system|nt.system"),
        (Evil(eval, "open('evil', 'w')"), "builtins.eval|__builtin__.eval"),
        (Evil(np.load, "evil"), "numpy.load"),
        (Evil(exec, "open('evil', 'w')"), "builtins.exec|__builtin__.exec"),
        (Evil(getattr, [], "append"), "builtins.getattr|__builtin__.getattr"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", r"numpy.ndarray.__class__"),
        (b"\x80\x04\x8c\x07_codecs\x8c\x06decode\x93.", r"_codecs.decode"),
    ],
)
def test_L02_a_pickle_that_would_run_something_is_refused(root, monkeypatch, held, asked):
    monkeypatch.chdir(root)
    content = held if isinstance(held, bytes) else pickle.dumps({"data": held, "labels": []}, protocol=2)
    (root / FOLDER / "test_batch").write_bytes(content)
    with pytest.raises(FileError, match=rf"test_batch is refused, and nothing in it was run: it asks for ({asked})"):
        datasets.cifar10(root, train=False)
    assert not (root / "evil").exists()


def test_L02_text_is_latin1_or_refused(root):
    content = pickle.dumps({"data": Evil(codecs.encode, "abc", "utf-7"), "labels": []}, protocol=2)
    (root / FOLDER / "test_batch").write_bytes(content)
    with pytest.raises(FileError, match="is refused, and nothing in it was run: it encodes text as 'utf-7'"):
        datasets.cifar10(root, train=False)


IMAGES, LABELS = BATCHES["test_batch"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"<html>403 Forbidden</html>", "cannot be read|refused"),
        (FILES["test_batch"][:-100], "cannot be read|refused"),
        (pickle.dumps([1]), "holds no CIFAR-10 pictures"),
        (pickle.dumps({"data": 1, "labels": []}), "holds no CIFAR-10 pictures"),
        (pickle.dumps({"data": IMAGES}), "holds no CIFAR-10 pictures .*labels"),
        (pickle.dumps({"data": IMAGES.astype(float), "labels": LABELS}, protocol=4), "type 'f8', not bytes"),
        (pickle.dumps({"data": np.array([[]], object), "labels": []}, protocol=4), "type 'O8', not bytes"),
        (python_2(IMAGES, LABELS, b"O8"), "type 'O8', not bytes"),
        (python_2(IMAGES[:, :-1], LABELS), r"images of shape \(4, 3071\)"),
        (python_2(IMAGES, LABELS[:-1]), r"labels of shape \(3,\)"),
        (python_2(IMAGES, [0, 1, 2, 10]), "labels from 0 to 10"),
        (pickle.dumps({"data": IMAGES, "labels": [[i] for i in LABELS]}, protocol=4), r"labels of shape \(4, 1\)"),
    ],
)
def test_L02_a_damaged_batch_is_named(root, content, message):
    (root / FOLDER / "test_batch").write_bytes(content)
    with pytest.raises((FileError, DataError), match=message) as caught:
        datasets.cifar10(root, train=False)
    assert str(root / FOLDER / "test_batch") in str(caught.value)


def test_L02_the_real_checksums_are_torchvisions(monkeypatch):
    monkeypatch.undo()
    assert cifar10_module.MD5["data_batch_1"] == "c99cafc152244af753f735de768cd75f"
    assert cifar10_module.MD5["test_batch"] == "40351d587109b95175f43aff81a1287e"
    assert len({*cifar10_module.MD5.values()}) == 7
