"""Text to columns of text: encoding, delimiter, header, quotes and the line a row begins on.

pyarrow parses; Python's csv module, slower and strict, is asked where quotes need a check and where an error needs a
line number. Both skip blank lines and agree on quotes, so row i of one is row i of the other.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlogit.errors import DataError, DataWarning, ParameterError
from torchlogit.tables.names import check_unique, show, show_list

if TYPE_CHECKING:
    import pyarrow as pa

MAX_LINE = 16 << 20
MAX_COLUMNS = 100_000
_CANDIDATES = ",;\t|"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?\s*")


class TextTable(NamedTuple):
    """Columns of text, and how to find the line of a row: ``name`` is the file's, as messages show it."""

    name: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    is_tsv: bool = False
    data: bytes = b""
    columns: Any = None

    @property
    def separator(self) -> str:
        """What stands between two cells."""
        return self.delimiter or ("\t" if self.is_tsv else ",")

    def lines(self, rows: Iterable[int]) -> list[int]:
        r"""The line, from 1, on which each of ``rows`` (data rows from 0, ascending) begins.

        >>> TextTable("f.csv", data=b'a,b\r\n1,"x\ny"\r\n\r\n2,z').lines([0, 1])
        [2, 5]
        """
        wanted = set(rows)
        return [line for row, (line, _) in enumerate(_records(self), start=-1) if row in wanted]


def parse(data: bytes, table: TextTable) -> TextTable:
    """``table`` with its columns, all text: a pyarrow Table in which an empty cell is ``""``.

    Raises `DataError` with ``FILE:LINE`` for what is no rectangular table of text.
    """
    if len(table.separator) != 1 or table.separator in '"\r\n\0' or not table.separator.isascii():
        raise ParameterError(f"delimiter {table.separator!r} is not one ASCII character")
    table = table._replace(data=_decode(data, table))
    header = _header(table)
    if b'"' in table.data:
        for _ in _records(table):
            pass
    return table._replace(columns=_columns(table, header))


def _decode(data: bytes, table: TextTable) -> bytes:
    """The text as UTF-8 without a byte-order mark."""
    try:
        utf8 = codecs.lookup(table.encoding).name in ("utf-8", "utf-8-sig")
    except LookupError as error:
        raise ParameterError(f"encoding {table.encoding!r} is unknown; try utf-8, latin-1 or utf-16") from error
    if not utf8:
        try:
            data = data.decode(table.encoding).removeprefix("\ufeff").encode()
        except UnicodeError as error:
            raise DataError(f"{table.name}: the bytes are not {table.encoding}: {error}") from error
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{table.name}: byte 0: this looks like UTF-16; say --encoding utf-16 (encoding='utf-16').")
    data = data.removeprefix(codecs.BOM_UTF8)
    if (nul := data.find(b"\0")) >= 0:
        hint = "this looks like UTF-16; say --encoding utf-16-le" if data[:200].count(b"\0") > 20 else "it is not text"
        raise DataError(f"{table.name}: byte {nul} is NUL: {hint}.")
    return data


def _records(table: TextTable) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank with the line it begins on; `DataError` where a quote is out of place."""
    text = io.TextIOWrapper(io.BytesIO(table.data), "utf-8", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=table.separator, strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise _misquoted(table, line, error) from error


def _misquoted(table: TextTable, line: int, error: csv.Error) -> DataError:
    if "field larger" in str(error):
        return DataError(f"{table.name}:{line}: a cell is longer than {csv.field_size_limit()} characters.")
    separator = re.escape(table.separator.encode())
    quoted = re.compile(rb'(?<![^%b\r\n])"[^"]*(?:""[^"]*)*("(?![^%b\r\n]))?' % (separator, separator))
    opening = next((cell.start() for cell in quoted.finditer(table.data) if cell[1] is None), len(table.data))
    where = f"{table.name}:{_line_of(table.data, opening)}"
    return DataError(
        f'{where}: the quote (") that opens here is not closed at the end of its cell. Double a quote inside a cell.'
    )


def _line_of(data: bytes, position: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", data[:position])) + 1


def _header(table: TextTable) -> list[str]:
    records = _records(table)
    _, header = next(records, (0, []))
    _, first = next(records, (0, []))
    if not first:
        raise DataError(f"no data rows in {table.name}" + ("" if header else ": the file is empty"))
    _check_header(header, table)
    _check_guess(header, first, table)
    names = [name.strip() for name in header]
    if names != header:
        changed = [f"'{show(name)}'" for name in header if name != name.strip()]
        told = show_list(changed, len(changed))
        warnings.warn(f"{table.name}: spaces around the column names {told} are left out.", DataWarning, stacklevel=5)
    check_unique(names, table.name)
    return names


def _check_header(header: list[str], table: TextTable) -> None:
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{table.name}: {len(header)} columns; at most {MAX_COLUMNS} can be read. Use Parquet.")
    if len(header) > 1 and not header[-1].strip():
        raise DataError(f"{table.name}:1: the header ends in {table.separator!r}: its last column has no name.")
    if len(header) == 1:
        for other in _CANDIDATES:
            if other in header[0]:
                raise DataError(f"{table.name}: 1 column found; looks like {other!r}: say --delimiter {other!r}.")
    for name in header:
        if any("\udc80" <= character <= "\udcff" for character in name):
            raise _not_utf8(table)


def _check_guess(header: list[str], first: list[str], table: TextTable) -> None:
    """Refuse columns parted by spaces, and warn where the header looks like a row of numbers."""
    if table.delimiter is None and len(header) == 1 and len(header[0].split()) == len(first[0].split()) > 1:
        raise DataError(f"{table.name}: 1 column found; looks like ' ': say --delimiter ' '.")
    numbers = [name for name in header if _NUMBER.fullmatch(name)]
    counted = [str(int(float(header[0])) + j) for j in range(len(header))] if numbers == header else header
    if counted != header:
        told = f"{table.name}:1: the column names are all numbers ('{show(header[0])}', …); is the header line missing?"
        warnings.warn(told, DataWarning, stacklevel=6)


def _columns(table: TextTable, header: list[str]) -> pa.Table:
    """Parse all cells as text; the header is parsed as row 0 and left out."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        cells = arrow.read_csv(
            pa.py_buffer(table.data),
            read_options=arrow.ReadOptions(column_names=header, block_size=MAX_LINE),
            parse_options=arrow.ParseOptions(delimiter=table.separator, newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise _why(table, len(header), error) from error
    return cells.slice(1)


def _why(table: TextTable, width: int, error: Exception) -> DataError:
    """What pyarrow refused, told with the line."""
    if "UTF8" in str(error):
        return _not_utf8(table)
    wrong = [(line, len(record)) for line, record in _records(table) if len(record) != width]
    if wrong:
        first = show_list(
            (f"{table.name}:{line}: expected {width} cells, saw {saw}" for line, saw in wrong), len(wrong)
        )
        comma = f" A line that ends in {table.separator!r} has one cell more." if wrong[0][1] == width + 1 else ""
        return DataError(f"{first}.{comma}")
    if "straddling" in str(error):
        return DataError(f"{table.name}: a line is longer than {MAX_LINE} bytes. Is it a CSV file?")
    return DataError(f"{table.name}: {show(error, 200)}")


def _not_utf8(table: TextTable) -> DataError:
    try:
        table.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, byte = _line_of(table.data, error.start), table.data[error.start]
        return DataError(
            f"{table.name}:{line}: byte {error.start} (0x{byte:02x}) is not UTF-8; if the file is from an older "
            "Excel, say --encoding latin-1 (encoding='latin-1')."
        )
    return DataError(f"{table.name}: the bytes are not UTF-8")
