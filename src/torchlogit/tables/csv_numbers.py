"""Columns of text to columns of numbers, by column and never by cell.

A column is cast whole; only where that fails are its cells looked at, and only for an error are lines counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torchlogit.errors import DataError, DataWarning
from torchlogit.tables.csv_text import TextTable
from torchlogit.tables.names import FIRST, did_you_mean, show, show_list, show_value

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("", "na", "nan", "n/a", "null")
_EXACT = 2**53
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_LIKE = (
    r"^[+-]?(0[xX][0-9a-fA-F]+|inf|infinity"  # 0x1A, inf
    r"|\d[\d_]*\d|\d{1,3}([,' ]\d{3})+(\.\d+)?|\d+,\d+"  # 1_000, 1,234 and the decimal comma 1,5
    r"|[$€£¥]\s*[+-]?[\d.,]+|[\d.,]+\s*[%$€£¥])$"  # $5, 12%
)
_CODE = r"^0\d"


def type_columns(table: TextTable, text_columns: Sequence[str] = ()) -> pa.Table:
    """``table.columns`` with numeric columns as int64 or float64, missing cells null; the rule is `read_table`'s."""
    import pyarrow as pa

    names = table.columns.column_names
    for name in text_columns:
        if name not in names:
            raise DataError(f"{table.name} has no column `{show(name)}` to keep as text.{did_you_mean(name, names)}")
    columns = [
        _text(cells) if name in text_columns else _typed(cells, name, table)
        for name, cells in zip(names, table.columns.columns, strict=True)
    ]
    return pa.table(columns, names=names)


def _text(cells: Any) -> Any:
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(cells), ""), None, cells)


def _typed(cells: Any, name: str, table: TextTable) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(cells)
    present = pc.if_else(pc.is_in(pc.ascii_lower(trimmed), pa.array(MISSING)), None, trimmed)
    numbers = _cast(present)
    if numbers is None:
        _refuse_nearly_numbers(present, cells, name, table)
        return _text(cells)
    if pc.any(pc.match_substring_regex(present, _CODE)).as_py():
        _warn_codes(present, name, table)
        return _text(cells)
    _refuse_inexact(numbers, present, name, table)
    return _whole(numbers, present)


def _cast(present: Any) -> Any:
    """The cells as float64, or None where one is no number or not finite."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(present, pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers), min_count=0).as_py() else None


def _whole(numbers: Any, present: Any) -> Any:
    """int64 where every cell is written as a whole number, else float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if numbers.null_count == len(numbers) or not pc.all(pc.equal(pc.floor(numbers), numbers)).as_py():
        return numbers
    plain = pc.all(pc.match_substring_regex(present, r"^[+-]?\d+$")).as_py()
    return pc.cast(numbers, pa.int64()) if plain else numbers


def _refuse_inexact(numbers: Any, present: Any, name: str, table: TextTable) -> None:
    import pyarrow.compute as pc

    large = pc.greater_equal(pc.abs(numbers), float(_EXACT))
    if not pc.any(large).as_py():
        return
    digits = pc.match_substring_regex(present, r"^[+-]?\d+$")
    suspects = _rows(pc.and_(large, digits))
    rows = [row for row in suspects if abs(int(present[row].as_py())) > _EXACT]
    if rows:
        raise _refusal(rows, present, name, table, "is beyond 2^53, where float64 is not exact. If it is an identifier")


def _refuse_nearly_numbers(present: Any, cells: Any, name: str, table: TextTable) -> None:
    """Refuse a column that was meant as numbers: at least half of its cells are numbers or look like them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.match_substring_regex(present, _PLAIN)
    like = pc.or_(plain, pc.match_substring_regex(present, _LIKE, ignore_case=True))
    if 2 * pc.sum(like).as_py() < len(present) - present.null_count:
        return
    values = pc.cast(pc.if_else(plain, present, None), pa.float64())
    good = pc.fill_null(pc.is_finite(values), False)
    rows = _rows(pc.and_(pc.is_valid(present), pc.invert(good)))
    raise _refusal(rows, cells, name, table, "is not a plain decimal number such as -1.5e3. If it is meant as text")


def _rows(mask: Any) -> list[int]:
    import pyarrow.compute as pc

    found: list[int] = pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()
    return found


def _refusal(rows: list[int], cells: Any, name: str, table: TextTable, why: str) -> DataError:
    lines = table.lines(rows[:FIRST])
    found = (
        f"{table.name}:{line}:{show(name)}: {show_value(cells[row].as_py())}"
        for row, line in zip(rows, lines, strict=False)
    )
    told = show_list(found, len(rows))
    return DataError(f"{told} {why}, keep the column as text: --text '{show(name)}' (text_columns=['{show(name)}']).")


def _warn_codes(present: Any, name: str, table: TextTable) -> None:
    """Codes of one width are codes; where widths differ, numbers may have been padded by mistake: say so."""
    import pyarrow.compute as pc

    widths = pc.min_max(pc.utf8_length(present)).as_py()
    if widths["min"] == widths["max"]:
        return
    row = _rows(pc.match_substring_regex(present, _CODE))[0]
    where = f"{table.name}:{table.lines([row])[0]}:{show(name)}"
    told = f"{where}: {show_value(present[row].as_py())} begins with a zero, so the column is kept as text."
    warnings.warn(told, DataWarning, stacklevel=5)
