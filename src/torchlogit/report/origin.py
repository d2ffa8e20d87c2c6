"""Where a report comes from: the data and their hash, the versions, the date, the command."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from torchlogit.errors import ParameterError

if TYPE_CHECKING:
    from torchlogit.rows import Rows

BLOCK = 1 << 20
LIBRARIES = ("torch", "numpy", "scipy")


class Origin(NamedTuple):
    """``name`` of the data, SHA-256 of their file if there is one, the ``model`` file and the ``command``."""

    name: str = ""
    sha256: str = ""
    model: str = ""
    command: str = ""

    @classmethod
    def file(cls, path: str | os.PathLike[str], **more: str) -> Origin:
        """That of data in a file; of the standard input, ``-``, nothing is known but the numbers read.

        >>> from torchlogit import datasets
        >>> found = Origin.file(datasets.path("study_hours"))
        >>> found.name, found.sha256[:8]
        ('study_hours.csv', 'e18bae61')
        """
        if os.fspath(path) == "-":
            return cls("<stdin>", **more)
        with open(path, "rb") as stream:
            return cls(Path(path).name, hashlib.file_digest(stream, "sha256").hexdigest(), **more)


def numbers_hash(rows: Rows) -> str:
    """SHA-256 of the rows as the model sees them: matrix, classes, weights and offsets, little-endian, row by row."""
    found = hashlib.sha256()
    for values in (*blocks(rows.x), rows.codes, rows.weight, rows.offset):
        if values is not None:
            found.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()


def blocks(x: Any) -> Iterator[Any]:
    """A matrix (n, d), dense or sparse, as arrays of float64, some rows at a time."""
    step = max(1, BLOCK // max(1, x.shape[1]))
    for start in range(0, x.shape[0], step):
        part = x[start : start + step]
        part = part.toarray() if hasattr(part, "toarray") else part
        yield np.asarray(part.detach().cpu() if hasattr(part, "detach") else part, dtype=np.float64)


def date() -> str:
    """Now, in UTC; where SOURCE_DATE_EPOCH is set, that moment, so that a report can be made again byte for byte.

    ParameterError for one that is no whole number of seconds.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdecimal():
        raise ParameterError(f"SOURCE_DATE_EPOCH should be a whole number of seconds since 1970, got {given!r}")
    when = datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
    return f"{when:%Y-%m-%d %H:%M} UTC"


def versions() -> dict[str, str]:
    """What computed: torchlogit, Python, torch, numpy, scipy, and the system."""
    from torchlogit import __version__

    own = {"torchlogit": __version__, "Python": platform.python_version()}
    return own | {name: version(name) for name in LIBRARIES} | {"system": f"{platform.system()} {platform.machine()}"}
