"""Data to learn on: two tables that ship with the package, and MNIST from files the reader already has.

A table comes back as a plain dict of NumPy columns, which is a data frame for the rest of the package.
"""

from __future__ import annotations

import csv
import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, FileError, ParameterError

__all__ = ["lesson", "mnist", "path", "study_hours"]

_DATA = Path(__file__).with_name("data")


def lesson() -> dict[str, NDArray[np.float64]]:
    """The three students of the PyTorch lesson on logistic regression: ``hours`` 1, 2, 3 and ``passed`` 0, 0, 1.

    The classes are split perfectly between 2 and 3 hours, so no maximum-likelihood estimate exists: however long one
    trains, the slope goes on growing and the 50 % point creeps towards 2.5 hours.

    >>> lesson()["passed"]
    array([0., 0., 1.])
    """
    return _table("lesson")


def study_hours() -> dict[str, NDArray[np.float64]]:
    """Twenty students: ``hours`` of study (0.5 to 5.5) and whether they ``passed`` the exam (0 or 1), ten of them did.

    The example of Wikipedia's article "Logistic regression". Its classes overlap, so the fit exists: intercept −4.0777
    (standard error 1.7610), slope 1.5046 per hour (0.6287), even chances at 2.71 hours.

    >>> table = study_hours()
    >>> len(table["hours"]), int(table["passed"].sum())
    (20, 10)
    """
    return _table("study_hours")


def path(name: str) -> Path:
    """Where the CSV file of a shipped table lies: for the command, or for another program.

    Raises ``ParameterError`` for a name that is none.

    >>> path("study_hours").name
    'study_hours.csv'
    """
    names = sorted(file.stem for file in _DATA.glob("*.csv"))
    if name not in names:
        raise ParameterError(f"no data set is called {name!r}; there are: {', '.join(names)}")
    return _DATA / f"{name}.csv"


def _table(name: str) -> dict[str, NDArray[np.float64]]:
    with path(name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=np.float64).T.copy(), strict=True))


def mnist(root: str | os.PathLike[str], train: bool = True) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The MNIST digits: images (n, 784), pixels 0 (paper) to 255 (ink), row by row; and labels (n,), 0 to 9.

    ``root`` holds the four files under the names that torchvision also uses (``train-images-idx3-ubyte``, with or
    without ``.gz``), directly or in ``MNIST/raw``. n is 60000, or 10000 for the test part, in the original files.

    Raises ``FileError`` naming the files that are missing, or the file that is cut short or not what its name says;
    ``DataError`` if labels and images do not belong together or a label is no digit.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
    """
    part = "train" if train else "t10k"
    pictures, answers = _find(Path(root).expanduser(), f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    images, labels = _idx(pictures, 28, 28), _idx(answers)
    if len(images) != len(labels):
        raise DataError(f"{pictures} has {len(images)} images but {answers} has {len(labels)} labels: copy both again")
    wrong = np.flatnonzero(labels > 9)
    if len(wrong):
        first = ", ".join(f"label {i + 1} is {labels[i]}" for i in wrong[:5])
        raise DataError(f"{answers} has {len(wrong)} labels that are no digit ({first}): copy the file again")
    return images.reshape(-1, 784), labels


def _find(root: Path, *names: str) -> list[Path]:
    """The file of each name, unpacked or not, in ``root`` or where torchvision keeps it."""
    nested = root / "MNIST" / "raw"
    found = [
        [f for folder in (root, nested) for end in ("", ".gz") if (f := folder / (name + end)).is_file()]
        for name in names
    ]
    if missing := " and ".join(f"{name}.gz" for name, files in zip(names, found, strict=True) if not files):
        raise FileError(
            f"MNIST is not in {root}: put {missing} there or in {nested} (unpacked, without .gz, also works)"
        )
    return [files[0] for files in found]


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
