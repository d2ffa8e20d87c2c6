r"""The one way a model is written and read: a safetensors file with a JSON header, never a pickle.

A model file is a plain `safetensors <https://github.com/huggingface/safetensors>`_ file: eight bytes (the length of
the header, little-endian), the header (JSON: where each tensor lies), the tensors. The header's ``__metadata__`` has
one entry, ``torchlogit``: a JSON object as text with

========== =============================================================================================
sha256     64 hexadecimal digits: the SHA-256 of the whole file with these 64 digits replaced by ``0``
format     ``"torchlogit"``
version    of this layout, 1
needs      the oldest version of the package that understands everything in the file
...        the fields of whoever saved it
========== =============================================================================================

``sha256`` always comes first, so it lies at the same place in every file. Everything outside it is covered, so one
flipped bit anywhere, a missing end or appended bytes are refused. A field that an older package must not overlook is
announced by a higher ``needs``. Later layouts keep these first four fields, so that an old package can name the version
that is needed.

**A checksum is not authenticity.** It finds damage. Whoever changes a file on purpose can also write a new checksum:
loading such a file runs no code and yields no broken tensor, but its numbers are those the other person chose. Take
models from people you trust, or sign the file with a tool made for it.

Reading follows a symbolic link; writing replaces the link itself, and refuses to replace a directory, a FIFO or a
device. Writing is atomic: after a crash the old file or the new one is there, whole. The fields and the tensors given
to `save` are all that is stored; nothing is added (no time, no host, no path).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from torchlogit import __version__, strict_json
from torchlogit.errors import FileError, ModelFileError, ParameterError
from torchlogit.tables.write import atomic

if TYPE_CHECKING:
    import torch

    StrPath = str | os.PathLike[str]

FORMAT = "torchlogit"
FORMAT_VERSION = 1
NEEDS = "0.1.0"
MAX_FILE = 4 * 2**30
MAX_HEADER = 100_000_000  # safetensors' own cap
MAX_DEPTH = 32
MAX_AXES = 8
DTYPES = {"F64": "float64", "F32": "float32", "I64": "int64"}
RESERVED = ("sha256", "format", "version", "needs", "tensors")

_PREFIX = b'{"__metadata__":{"torchlogit":"{\\"sha256\\":\\"'
_PLACE = slice(8 + len(_PREFIX), 8 + len(_PREFIX) + 64)
_ZEROS = "0" * 64

# What else people hand to a loader, by its first bytes.
_FOREIGN = (
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    (rb"\x80[\x02-\x05]", "a pickle"),
    (rb"c[\w.]+\n|\(", "a pickle of an old protocol"),
    (rb"PK\x03\x04", "a zip archive (such as .pt, .npz and .zip)"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|x[\x01\x9c\xda]", "a compressed file (perhaps from joblib)"),
    (rb"\x93NUMPY", "a NumPy array (.npy)"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"PAR1", "a Parquet file"),
    (rb"\s*<", "an HTML or XML page; perhaps a download that returned a web page"),
    (rb"\s*[\[{]", "a JSON text"),
    (rb".{8}\{", "a safetensors file, but without torchlogit's header (or that is damaged)"),
)


def save(path: StrPath, header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], *, needs: str = NEEDS) -> None:
    """Write a model file, atomically.

    What comes back from `load` is equal to what was given here, bit for bit in the tensors; anything for which that
    would not be so is refused before the disk is touched (so a tuple in the header is refused: JSON has lists).

    ``header`` has JSON values; the names ``sha256``, ``format``, ``version``, ``needs`` and ``tensors`` are taken.
    ``tensors`` are finite float64, float32 or int64, on any device, none of them empty. ``needs`` is the oldest version
    of the package that may read the file.

    A header or a tensor that cannot be stored is a `ParameterError`, a file that cannot be written a `FileError`; the
    file that was at ``path`` before is then intact.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/m.safetensors", {"columns": ["age"]}, {"theta": torch.tensor([[0.5], [-0.25]])})
    ...     header, tensors = load(f"{folder}/m.safetensors")
    >>> header, tensors["theta"].tolist()
    ({'columns': ['age']}, [[0.5], [-0.25]])
    """
    try:
        data = _pack(header, tensors, needs)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"cannot save {_name(path)}: {error}") from error
    with atomic(path) as file:
        file.write(data)


def load(path: StrPath) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read a model file: the header's fields as given to `save`, and the tensors, on the CPU.

    The whole file is checked before anything of it is used; nothing in it is ever executed. What is no model file, is
    damaged, needs a newer version or holds NaN or infinity is a `ModelFileError`; what cannot be read, a `FileError`.
    """
    with _about(path):
        data = _read(path)
        header = _verify(data)
        tensors = _tensors(data)
    return {name: value for name, value in header.items() if name not in RESERVED}, tensors


def inspect(path: StrPath) -> dict[str, Any]:
    """Read the header only, after the same checks as `load`, except that numbers are not looked at; no torch needed.

    Returns all fields, ``format``, ``version``, ``needs`` and ``sha256`` among them, and under ``tensors`` the dtype
    and shape of each tensor.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/m.safetensors", {"columns": ["age"]}, {"theta": torch.tensor([[0.5], [-0.25]])})
    ...     fields = inspect(f"{folder}/m.safetensors")
    >>> fields["version"], fields["columns"], fields["tensors"]
    (1, ['age'], {'theta': {'dtype': 'float32', 'shape': [2, 1]}})
    """
    with _about(path):
        return _verify(_read(path))


def _pack(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], needs: str) -> bytes:
    """Bytes of the file, already read back and compared: what `load` would refuse is not written."""
    import safetensors.torch

    for name in RESERVED:
        if name in header:
            raise ParameterError(f"the header's field {name!r} is the file's own; give it another name")
    fields = {"sha256": _ZEROS, "format": FORMAT, "version": FORMAT_VERSION, "needs": needs, **header}
    text = json.dumps(fields, allow_nan=False, separators=(",", ":"))
    own = {name: _own(name, tensor) for name, tensor in tensors.items()}
    data = bytearray(safetensors.torch.save(own, {FORMAT: text}))
    data[_PLACE] = _digest(data)
    verified = _verify(bytes(data))
    _tensors(bytes(data))
    for name, value in header.items():
        if verified.get(name) != value:
            raise ParameterError(f"the header's field {name!r} is not plain JSON: it would come back different")
    return bytes(data)


def _own(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU that shares its memory with nothing: a view must not take along what it is a view of."""
    import torch

    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        raise ParameterError(f"{name!r} is {getattr(tensor, 'layout', type(tensor).__name__)}; give a dense tensor")
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


@contextmanager
def _about(path: StrPath) -> Iterator[None]:
    """Put the path before every message, and make every operating-system error a `FileError`."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{_name(path)}: {error}") from error.__cause__
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise FileError(f"cannot read {_name(path)}: {getattr(error, 'strerror', None) or error}") from error


def _name(path: StrPath) -> str:
    return repr(os.fspath(path))


def _read(path: StrPath) -> bytes:
    """All bytes of a regular file whose beginning is that of a model file."""
    with open(path, "rb", opener=_open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("this is a FIFO, a socket or a device; give the path of a regular file")
        _check_beginning(file.read(_PLACE.start), status.st_size)
        file.seek(0)
        return file.read(status.st_size + 1)  # one more: a file that grows meanwhile fails the checksum


def _open_without_waiting(path: str, flags: int) -> int:
    """Open, but do not wait for the other end of a FIFO."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_beginning(start: bytes, size: int) -> None:
    """Refuse, before anything is allocated, what is no model file or has lengths that cannot be."""
    if size == 0:
        raise ModelFileError("the file is empty; save the model again or copy the file again")
    if start[8:] != _PREFIX:
        _refuse_foreign(start)
    length = int.from_bytes(start[:8], "little")
    if size > MAX_FILE or length > MAX_HEADER:
        raise ModelFileError(
            f"{size} bytes with a header of {length} bytes; models have at most {MAX_FILE} and {MAX_HEADER}"
        )
    if 8 + length > size:
        raise ModelFileError(f"truncated: its header of {length} bytes does not fit in the {size} bytes of the file")


def _refuse_foreign(start: bytes) -> NoReturn:
    for pattern, what in _FOREIGN:
        if re.match(pattern, start, re.DOTALL) and not _PREFIX.startswith(start[8:] or b"none"):
            raise ModelFileError(f"this is {what}; torchlogit reads only files written by its own save")
    if _PREFIX.startswith(start[8:]):
        raise ModelFileError(f"truncated: {len(start)} bytes are no model; save the model again or copy the file again")
    raise ModelFileError("not a torchlogit model file; torchlogit reads only files written by its own save")


def _digest(data: bytes | bytearray) -> bytes:
    """Return the 64 hexadecimal digits of the SHA-256 of the data with zeros in their own place."""
    view = memoryview(data)
    sha = hashlib.sha256(view[: _PLACE.start])
    sha.update(_ZEROS.encode())
    sha.update(view[_PLACE.stop :])
    return sha.hexdigest().encode()


def _verify(data: bytes) -> dict[str, Any]:
    """Return the header of a whole file in memory, and refuse the file if anything but a number is wrong with it."""
    _check_beginning(data[: _PLACE.start], len(data))
    if data[_PLACE] != _digest(data):
        raise ModelFileError(
            "checksum does not match: the file is damaged, changed or cut short; copy it again or save the model again"
        )
    outer = _parse(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header: dict[str, Any] = _parse(outer["__metadata__"][FORMAT].encode())
    _check_version(header)
    return {**header, "tensors": {name: _check_shape(name, view) for name, view in _views(data)}}


def _parse(text: bytes) -> Any:
    try:
        return strict_json.parse(text, MAX_DEPTH)
    except ValueError as error:
        raise ModelFileError(f"its header is not sound JSON ({error}); save the model again") from error


def _check_version(header: dict[str, Any]) -> None:
    version, needs = header.get("version"), header.get("needs")
    if header.get("format") != FORMAT or type(version) is not int or version < 1 or not isinstance(needs, str):
        raise ModelFileError("its header lacks format, version or needs; save the model again")
    if version > FORMAT_VERSION or _release(needs) > _release(__version__):
        raise ModelFileError(
            f"needs torchlogit >= {needs}, this is {__version__} (file format {version}, known up to {FORMAT_VERSION});"
            " pip install --upgrade torchlogit"
        )


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without trailing zeros and suffixes: ``"1.2.0rc1"`` is ``(1, 2)``."""
    match = re.match(r"\d{1,6}(\.\d{1,6}){0,3}(?![\d.])", version, re.ASCII)
    if match is None or len(version) > 40:
        raise ModelFileError(f"{version[:40]!r} is no version number")
    return tuple(int(number) for number in re.sub(r"(\.0+)+$", "", match[0]).split("."))


def _views(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Every tensor as safetensors sees it, after its checks of dtypes, shapes, offsets and the file's length."""
    import safetensors

    try:
        views: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"its tensors do not fit the file ({error}); save the model again") from error
    return sorted(views)


def _check_shape(name: str, view: dict[str, Any]) -> dict[str, Any]:
    dtype, shape = view["dtype"], view["shape"]
    if dtype not in DTYPES or len(shape) > MAX_AXES or 0 in shape:
        raise ModelFileError(
            f"tensor {name!r} has dtype {DTYPES.get(dtype, dtype)} and shape {shape[: MAX_AXES + 1]}; a model has only"
            f" {', '.join(DTYPES.values())}, 0 to {MAX_AXES} axes and no empty tensor"
        )
    return {"dtype": DTYPES[dtype], "shape": shape}


def _tensors(data: bytes) -> dict[str, torch.Tensor]:
    """Return the tensors of verified bytes; NaN and infinity are refused."""
    import safetensors.torch

    tensors = safetensors.torch.load(data)
    for name in sorted(tensors):
        bad = int((~tensors[name].isfinite()).sum())
        if bad:
            raise ModelFileError(f"tensor {name!r} has {bad} numbers that are NaN or infinite; fit the model again")
    return dict(sorted(tensors.items()))
