"""Arrow's types and columns, where a table comes in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlogit.tables.cells import EXACT
from torchlogit.tables.frames import Frame


def is_text(kind: Any) -> bool:
    """Whether a type is text, also where it is kept by level."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_number(kind: Any) -> bool:
    """Whether a type is a number or a truth value."""
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def zero(kind: Any) -> Any:
    """The 0 of a type, None where it has none."""
    import pyarrow as pa

    return False if pa.types.is_boolean(kind) else 0 if is_number(kind) else None


def column(values: Sequence[Any], kind: Any) -> Any:
    """Cells as a column of the type that the data have; ``kind`` None: as an array."""
    import pyarrow as pa

    if kind is None:
        return np.asarray(values)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.chunked_array([pa.array(values, kind)])


def table(columns: dict[str, Any]) -> Any:
    """Columns as a table."""
    import pyarrow as pa

    return pa.table(columns)


def frame(batch: Any) -> Frame:
    """A record batch as named columns, those of numbers without gaps as arrays, which are read at once."""
    import pyarrow as pa

    def column(name: str) -> Any:
        cells = batch.column(name)
        values = plain(cells)
        return pa.chunked_array([cells]) if values is None else values

    return Frame(tuple(batch.schema.names), len(batch), column)


def plain(cells: Any) -> npt.NDArray[Any] | None:
    """An Arrow column of numbers without gaps as an array; None for others, and for integers that float64 cannot hold.

    >>> import pyarrow as pa
    >>> plain(pa.array([1.5, 2.0])), plain(pa.array([1, None])), plain(pa.array([2**60]))
    (array([1.5, 2. ]), None, None)
    """
    import pyarrow as pa

    if cells.null_count or not is_number(cells.type):
        return None
    values: npt.NDArray[Any] = cells.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(cells.type) and cells.type.bit_width == 64 and len(values):
        return values if int(values.max()) <= EXACT and int(values.min()) >= -EXACT else None
    return values
