"""Text files become the numbers that are written in them, or an error that says where they do not."""

import csv
import gzip
import io
import os
import threading
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlogit.errors import DataError, DataWarning, FileError, ParameterError
from torchlogit.tables import Recipe, read_table, write_csv


@pytest.fixture
def read(tmp_path):
    def go(content, name="f.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **options)

    return go


def refused(read, content, *told, error=DataError, **options):
    with pytest.raises(error) as caught:
        read(content, **options)
    for text in told:
        assert text in str(caught.value)
    assert "\n" not in str(caught.value)


cell_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(cell_text, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_text_and_any_number_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("t") / "f.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("s", "x"), *[(text, repr(number)) for text, number in rows]])
    table = read_table(path, text_columns=["s"])
    assert table["s"].to_pylist() == [text if text.strip() else None for text, _ in rows]
    assert [float(x) for x in table["x"].to_pylist()] == [number for _, number in rows]


@given(st.lists(cell_text, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, texts):
    safe = [text if text.strip() and text[0] not in "=+-@\t\r" else "x" + text for text in texts]
    path = tmp_path_factory.mktemp("t") / "f.csv"
    write_csv(path, {"s": safe})
    assert read_table(path, text_columns=["s"])["s"].to_pylist() == safe


def test_numbers_are_whole_where_all_cells_are(read):
    table = read("a,b,c\n1,1.0,1e3\n+2,2.5,-.5\n -3 ,5.,0\n")
    assert table.to_pydict() == {"a": [1, 2, -3], "b": [1.0, 2.5, 5.0], "c": [1000.0, -0.5, 0.0]}
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "double"]


def test_missing_cells_of_a_column_of_numbers(read):
    table = read("a,b\n1,x\nNA,x\nnan,x\nNaN,x\nnull,x\nN/A,x\n,x\n")
    assert table["a"].to_pylist() == [1, *[None] * 6]


def test_bad_84_na_and_none_are_levels_of_a_text_column(read):
    table = read("country,x\nNA,1\nnan,2\nNone,3\nnull,4\nFR,5\n,6\n")
    assert table["country"].to_pylist() == ["NA", "nan", "None", "null", "FR", None]
    assert Recipe.learn(table).columns == ("country=NA", "country=None", "country=nan", "country=null", "x")


def test_bad_85_156_codes_that_begin_with_zero_stay_text(read):
    table = read("zip,x\n01,0\n20,0.5\n,1\n")
    assert table["zip"].to_pylist() == ["01", "20", None]
    assert table["x"].to_pylist() == [0, 0.5, 1]


def test_bad_156_padded_numbers_of_several_widths_are_told(read):
    with pytest.warns(DataWarning, match="f.csv:3:id: '007' begins with a zero"):
        table = read("id\n1\n007\n12\n")
    assert table["id"].to_pylist() == ["1", "007", "12"]


def test_bad_85_declared_columns_stay_text(read):
    assert read("id\n1\n2\n", text_columns=["id"])["id"].to_pylist() == ["1", "2"]
    refused(read, "age\n1\n", "no column `aeg`", "Did you mean `age`?", text_columns=["aeg"])


def test_bad_141_empty_and_header_only(read):
    for content in (b"", b"\n\n", b"a,b\n", b"a,b", b"\xef\xbb\xbf", b"a,b\n\n\n"):
        refused(read, content, "no data rows in", "f.csv")


def test_bad_142_bom_is_left_out_of_the_first_name(read):
    assert read(b"\xef\xbb\xbfage,b\n1,2\n").column_names == ["age", "b"]
    assert read(b'\xef\xbb\xbf"age",b\n1,2\n').column_names == ["age", "b"]


def test_bad_143_utf16_says_which_encoding(read):
    text = "a,b\n1,é\n"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        refused(read, text.encode(encoding), "byte", error=DataError)
    refused(read, text.encode("utf-16"), "--encoding utf-16")
    assert read(text.encode("utf-16"), encoding="utf-16").to_pydict() == {"a": [1], "b": ["é"]}


def test_bad_143_latin1_names_line_and_byte(read):
    data = "a,b\r\n1,x\r\n2,é\r\n".encode("latin-1")
    refused(read, data, "f.csv:3: byte 12 (0xe9)", "--encoding latin-1")
    refused(read, "é,b\n1,2\n".encode("latin-1"), "byte 0 (0xe9)")
    assert read(data, encoding="latin-1")["b"].to_pylist() == ["x", "é"]
    refused(read, data, "not ascii", encoding="ascii")


def test_bad_143_nul_names_the_byte(read):
    refused(read, b"a,b\n1,\x002\n", "byte 6 is NUL")


def test_an_unknown_encoding_or_delimiter_is_a_parameter_error(read):
    for options in ({"encoding": "klingon"}, {"delimiter": ";;"}, {"delimiter": '"'}, {"delimiter": "é"}):
        refused(read, "a\n1\n", error=ParameterError, **options)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_bad_144_line_ends(read, end):
    good = ["a,b", "1,x", "2,y"]
    assert read(end.join(good)).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
    assert read(end.join(good) + end).num_rows == 2
    refused(read, end.join(["a", *["1"] * 8, "0x1A"]), "f.csv:10:a: '0x1A'")
    refused(read, end.join([*good, "3"]), "f.csv:4: expected 2 cells, saw 1")


def test_bad_144_mixed_line_ends_count_as_lines(read):
    refused(read, "a,b\r\n1,x\n2,x\r3,x\r\n\r\n$4,x\n", "f.csv:6:a: '$4'")


def test_bad_145_quoted_line_ends_commas_and_quotes(read):
    table = read('"a\nb","c,""d"""\n1,"x\r\ny"\n2,"p,""q"""\n')
    assert table.column_names == ["a\nb", 'c,"d"']
    assert table.to_pydict()['c,"d"'] == ["x\r\ny", 'p,"q"']
    refused(read, 'a,b\n1,"x\ny\nz"\n2,"u"\n12%,v\n', "f.csv:6:a: '12%'")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('a,b\n1,2\n3,"x\n5,6\n', 3),
        ('a,b\n1,"x\ny","z\n3,4\n', 3),
        ('a,b\n1,"ok ""quoted"" \n"\n3,"x\n5,"y"\n7,8\n', 4),
        ('a,b\n1,x"y\n"2\n', 3),
        ('"a,b\n1,2\n', 1),
        ('a,b\n1,"x"y\n', 2),
    ],
)
def test_bad_146_an_unbalanced_quote_names_the_line_where_it_opened(read, content, line):
    refused(read, content, f"f.csv:{line}: the quote")
    for end in ("\r\n", "\r"):
        refused(read, content.replace("\n", end), f"f.csv:{line}: the quote")


def test_quotes_inside_an_unquoted_cell_are_text(read):
    assert read('a,b\n1,5" pipe\n2,6"\n')["b"].to_pylist() == ['5" pipe', '6"']


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_bad_147_wrong_delimiter(read, delimiter):
    content = f"a{delimiter}y\n1{delimiter}0\n"
    refused(read, content, "1 column found", repr(delimiter))
    assert read(content, delimiter=delimiter).to_pydict() == {"a": [1], "y": [0]}
    refused(read, "a,y\n1,0\n", "looks like ','", delimiter=delimiter)


def test_bad_147_columns_parted_by_spaces(read):
    refused(read, "a b\n1 0\n", "looks like ' '")
    assert read("a b\n1 0\n", delimiter=" ").to_pydict() == {"a": [1], "b": [0]}
    assert read("full name\nAda Lovelace\n", delimiter=",").column_names == ["full name"]


def test_a_header_of_numbers_is_told(read):
    with pytest.warns(DataWarning, match="is the header line missing"):
        read("1.5,2\n3,4\n")
    assert read("0,1,2\n3,4,5\n").column_names == ["0", "1", "2"]


def test_tabs_are_known_by_the_extension(read):
    assert read("a\ty\n1\t0\n", name="f.tsv").to_pydict() == {"a": [1], "y": [0]}
    assert read(gzip.compress(b"a\ty\n1\t0\n"), name="f.tsv.gz").column_names == ["a", "y"]


def test_bad_148_decimal_comma(read):
    refused(read, "a;y\n1,5;0\n2,5;1\n", "1 column found")
    refused(read, "a;y\n1,5;0\n2,5;1\n", "f.csv:2:a: '1,5'", "f.csv:3:a: '2,5'", delimiter=";")
    refused(read, "a,y\n1,5,0\n", "f.csv:2: expected 2 cells, saw 3")


def test_bad_149_rows_too_long_or_too_short(read):
    refused(read, "a,b\n1,2\n3\n4,5\n6,7,8\n", "f.csv:3: expected 2 cells, saw 1", "f.csv:5: expected 2 cells, saw 3")
    refused(read, "a,b\n" + "1\n" * 9, "(9 in all)")


def test_bad_150_blank_lines_commas_at_the_end_and_spaces_around_names(read):
    assert read("\n\na,b\n\n1,2\n\r\n3,4\n\n").to_pydict() == {"a": [1, 3], "b": [2, 4]}
    refused(read, "a,b\n1,2,\n", "f.csv:2: expected 2 cells, saw 3", "ends in ','")
    refused(read, "a,b,\n1,2,\n", "f.csv:1: the header ends in ','")
    with pytest.warns(DataWarning, match="' b '"):
        assert read("a, b \n1, 2\n").to_pydict() == {"a": [1], "b": [2]}


@pytest.mark.filterwarnings("ignore:.*spaces around")
def test_bad_151_duplicate_names(read):
    refused(read, "a,b,a\n1,2,3\n", "`a` more than once (columns 1, 3)")
    refused(read, "a,b, a\n1,2,3\n", "`a` more than once (columns 1, 3)")


@pytest.mark.parametrize("cell", ["1e400", "inf", "-Infinity", "INF", "-1e999"])
def test_bad_152_not_finite(read, cell):
    refused(read, f"a\n1\n2\n{cell}\n", f"f.csv:4:a: '{cell}'")
    refused(read, f"a\n{cell}\n", f"f.csv:2:a: '{cell}'")


@pytest.mark.parametrize("cell", [2**53 + 1, 2**70, -(2**53) - 1, 10**30])
def test_bad_153_whole_numbers_float64_cannot_hold(read, cell):
    refused(read, f"a\n1\n{cell}\n", f"f.csv:3:a: '{cell}' is beyond 2^53", "text_columns=['a']")
    refused(read, f"a\n1.5\n{cell}\n", f"f.csv:3:a: '{cell}'")


def test_bad_153_two_to_the_53_is_exact(read):
    assert read(f"a\n{2**53}\n{-(2**53)}\n")["a"].to_pylist() == [2**53, -(2**53)]
    assert read("a\n1e20\n")["a"].to_pylist() == [1e20]


@pytest.mark.parametrize("cell", ["0x1A", "1,234", "12%", "$5", "1_000", "€ 5", "1,234.5", "1'000", "5 $"])
def test_bad_154_cells_that_look_like_numbers(read, cell):
    refused(read, f"a;b\n1;x\n2;x\n{cell};x\n", f"f.csv:4:a: '{cell}'", delimiter=";")
    refused(read, f"a;b\n{cell};x\n{cell};y\n", f"f.csv:2:a: '{cell}'", "f.csv:3:a", delimiter=";")
    assert read(f"a;b\n{cell};x\n", delimiter=";", text_columns=["a"])["a"].to_pylist() == [cell]


def test_bad_155_one_word_among_numbers_is_an_error_of_that_cell(read):
    numbers = ["1.5"] * 5000
    numbers[3210] = "unknown"
    refused(read, "a\n" + "\n".join(numbers), "f.csv:3212:a: 'unknown'", "text_columns")


def test_bad_155_five_offenders_and_the_total(read):
    refused(read, "a\n" + "1\n" * 20 + "x\n" * 7, "f.csv:22:a: 'x'", "f.csv:26:a", "(7 in all)")


def test_a_text_column_with_a_few_numbers_is_text(read):
    assert read("a\nx\ny\n1\n")["a"].to_pylist() == ["x", "y", "1"]
    assert read("d\n2020-01-01\n1.2.3\n10-20\n")["d"].to_pylist() == ["2020-01-01", "1.2.3", "10-20"]


def test_bad_157_an_endless_line_is_refused_early(tmp_path):
    path = tmp_path / "line.csv"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    with open(path, "r+b") as file:
        for start in range(0, 17 << 20, 1 << 20):
            file.seek(start)
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"line\.csv:1: the line is longer"):
        read_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_bad_157_a_long_line_further_down(read):
    refused(read, b"a,b\n1," + b"x" * (17 << 20) + b"\n", "f.csv:2:")


def test_bad_157_too_many_columns(read):
    wide = ",".join(f"x{i}" for i in range(100_001))
    refused(read, f"{wide}\n{wide}\n", "100001 columns")


def test_gzip_is_unpacked_whatever_the_name(read):
    packed = gzip.compress(b"a\n1\n")
    assert read(packed, name="f.csv.gz").to_pydict() == {"a": [1]}
    assert read(packed, name="f.csv").to_pydict() == {"a": [1]}


def test_bad_158_damaged_or_falsely_named_gzip(read):
    packed = gzip.compress(os.urandom(5000).hex().encode())
    for cut in (3, 20, len(packed) // 2, len(packed) - 1):
        refused(read, packed[:cut], "cut off or damaged", error=FileError, name="f.csv.gz")
    flipped = bytearray(packed)
    flipped[-6] ^= 1
    refused(read, bytes(flipped), "damaged", error=FileError, name="f.csv.gz")
    refused(read, b"a\n1\n", "promises gzip", error=FileError, name="f.csv.gz")


def test_bad_158_a_bomb_is_stopped_at_the_cap(read):
    bomb = gzip.compress(b"a\n" + b"1\n" * 30_000_000)
    tracemalloc.start()
    refused(read, bomb, "more than 1000000 bytes when unpacked", max_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 24_000_000
    tracemalloc.stop()


def test_bad_159_a_pipe_is_read_once_and_whole(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a\n" + b"1\n" * 100_000,))
    writer.start()
    assert read_table(path).num_rows == 100_000
    writer.join()


def test_bad_159_standard_input(monkeypatch):
    class Input:
        buffer = io.BytesIO(b"a\n1\n2\n0x3\n")

    monkeypatch.setattr("sys.stdin", Input)
    with pytest.raises(DataError, match=r"<stdin>:4:a: '0x3'"):
        read_table("-")


def test_bad_160_paths_that_are_no_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    cases = {"": "is a directory", "none.csv": "No such file", "link": "is a link to", "bad\0": "null"}
    for name, why in cases.items():
        with pytest.raises(FileError, match=why) as caught:
            read_table(f"{tmp_path}/{name}")
        assert caught.value.exit_code == 5
        assert str(tmp_path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_bad_160_no_permission(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    with pytest.raises(FileError, match="Permission denied"):
        read_table(path)


def test_bad_80_hostile_names_are_shown_escaped(read):
    refused(read, "a\x1b[31m\u202e\n1\n2\n$3\n", r"a\x1b[31m\u202e")


@pytest.mark.parametrize(("magic", "told"), [(b"PK\x03\x04", "Excel"), (b"\x80\x04\x95", "pickle"), (b"BZh9", "bzip2")])
def test_other_formats_are_named(read, magic, told):
    refused(read, magic + b"rest", told, error=FileError)


def test_parquet_and_arrow_are_known_by_their_bytes(tmp_path, read):
    table = pa.table({"x": [1.5, None], "s": ["NA", None]})
    pq.write_table(table, tmp_path / "odd.csv")
    assert read_table(tmp_path / "odd.csv").equals(table)
    with pa.ipc.new_file(tmp_path / "odd.txt", table.schema) as writer:
        writer.write_table(table)
    assert read_table(tmp_path / "odd.txt").equals(table)


def test_bad_165_damaged_parquet_and_arrow(tmp_path, read):
    pq.write_table(pa.table({"x": np.arange(500.0)}), tmp_path / "t.parquet")
    with pa.ipc.new_file(tmp_path / "t.arrow", pa.schema({"x": pa.float64()})) as writer:
        writer.write_table(pa.table({"x": np.arange(500.0)}))
    for name in ("t.parquet", "t.arrow"):
        whole = (tmp_path / name).read_bytes()
        for cut in (6, 100, len(whole) // 2, len(whole) - 1):
            refused(read, whole[:cut], name, error=FileError, name=name)
        refused(read, b"", "is empty", error=FileError, name=name)
        refused(read, b"a,b\n1,2\n", "promises", error=FileError, name=name)


def test_bad_173_duplicate_names_and_no_rows_in_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    with pytest.raises(DataError, match="`a` more than once"):
        read_table(path)
    pq.write_table(pa.table({"a": pa.array([], pa.float64())}), path)
    with pytest.raises(DataError, match="no data rows"):
        read_table(path)


def test_a_hundred_thousand_rows(tmp_path):
    rng = np.random.default_rng(0)
    columns = {f"x{j}": rng.normal(size=100_000) for j in range(9)} | {"s": rng.choice(['a"b', "NA"], 100_000)}
    write_csv(tmp_path / "f.csv", columns)
    table = read_table(tmp_path / "f.csv")
    np.testing.assert_array_equal(table["x3"].to_numpy(), columns["x3"])
