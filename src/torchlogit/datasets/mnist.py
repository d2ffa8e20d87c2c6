"""MNIST: 70 000 handwritten digits, from files that are there or from the network."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchlogit.datasets.download import NoMirror, digest, fetch
from torchlogit.errors import DataError, FileError

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original, which now answers 403
)
SHA256 = {  # of the unpacked files: mirrors may pack the same file in different ways
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def mnist(
    root: str | os.PathLike[str], train: bool = True, download: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The MNIST digits: images (n, 784), pixels 0 (paper) to 255 (ink), row by row; and labels (n,), 0 to 9.

    The three arguments are torchvision's. ``root`` is the folder that holds the four files, in ``root/MNIST/raw`` as
    torchvision lays them (``train-images-idx3-ubyte``, with or without ``.gz``) or directly. ``train`` chooses the part:
    the 60000 digits to learn from, or the 10000 to be tested on, written by other people. With ``download`` all files
    that are missing, damaged or another data set's are fetched into ``root/MNIST/raw`` (11 MB, from the first mirror
    that answers); files whose SHA-256 is right are left as they are, so it may stay ``True``.

    Raises `FileError` naming the files that are missing and where to put them, what each mirror answered, or the file
    that is cut short or not what its name says; `DataError` if labels and images do not belong together or a label is
    no digit.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.

    >>> images, labels = mnist("../dataset/mnist", train=True, download=True)  # doctest: +SKIP
    >>> images.shape, labels[:3].tolist()  # doctest: +SKIP
    ((60000, 784), [5, 0, 4])
    """
    root = Path(root).expanduser()
    if download:
        _download(root)
    part = "train" if train else "t10k"
    pictures, answers = _find(root, f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    images, labels = _idx(pictures, 28, 28), _idx(answers)
    if len(images) != len(labels):
        raise DataError(f"{pictures} has {len(images)} images but {answers} has {len(labels)} labels: copy both again")
    wrong = np.flatnonzero(labels > 9)
    if len(wrong):
        first = ", ".join(f"label {i + 1} is {labels[i]}" for i in wrong[:5])
        raise DataError(f"{answers} has {len(wrong)} labels that are no digit ({first}): copy the file again")
    return images.reshape(-1, 784), labels


def _raw(root: Path) -> Path:
    return root / "MNIST" / "raw"


def _file(root: Path, name: str) -> Path | None:
    """The file that is read: first where a download puts it, then where others may have."""
    files = (folder / (name + end) for folder in (_raw(root), root) for end in (".gz", ""))
    return next((file for file in files if file.is_file()), None)


def _find(root: Path, *names: str) -> list[Path]:
    found = {name: _file(root, name) for name in names}
    if missing := _packed(name for name, file in found.items() if file is None):
        raise FileError(
            f"MNIST is not in {root.absolute()}: put {missing} there or in {_raw(root).absolute()} (unpacked, without "
            ".gz, also works), or pass download=True (--download)"
        )
    return [file for file in found.values() if file is not None]


def _packed(names: Iterable[str]) -> str:
    return " and ".join(f"{name}.gz" for name in names)


def _download(root: Path) -> None:
    """Fetch every file that is not there or not right."""
    missing = [name for name in SHA256 if not _right(_file(root, name), name)]
    for done, name in enumerate(missing):
        try:
            fetch(
                _raw(root) / f"{name}.gz",
                [f"{mirror}{name}.gz" for mirror in MIRRORS],
                lambda part, name=name: _right(part, name),  # type: ignore[misc]
            )
        except NoMirror as error:
            raise FileError(
                f"{name}.gz cannot be downloaded ({error}); copy {_packed(missing[done:])} from elsewhere to "
                f"{_raw(root).absolute()} (unpacked, without .gz, also works)"
            ) from error


def _right(file: Path | None, name: str) -> bool:
    return file is not None and digest(file, unpack=True) == SHA256[name]


def _idx(file: Path, *shape: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes: two zeros, type 8, how many dimensions, the dimensions (big-endian), the items."""
    content = _unpacked(file)
    head = struct.Struct(f">4s{1 + len(shape)}I")
    magic = bytes([0, 0, 8, 1 + len(shape)])
    if len(content) < head.size or content[:4] != magic:
        raise FileError(f"{file} is no IDX file: it should start with {magic!r} but starts with {content[:4]!r}")
    _, n, *found = head.unpack_from(content)
    if tuple(found) != shape:
        raise FileError(f"{file} has items of shape {tuple(found)}, not {shape}: this is not MNIST")
    expected = head.size + n * math.prod(shape)
    if len(content) != expected:
        raise FileError(f"{file} should have {expected} bytes for its {n} items but has {len(content)}: copy it again")
    return np.frombuffer(content, np.uint8, offset=head.size).reshape(n, *shape).copy()


def _unpacked(file: Path) -> bytes:
    """What the file holds; whether it is packed is told by its first bytes, not by its name."""
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{file} cannot be read: {error}") from error
