"""Bad files and iterators, and faults during a pass: sections G and I of the list of bad inputs, by their numbers."""

import os
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streams import fit, numbers, one, write

import torchlogit
from torchlogit.errors import DataError, DataWarning, FileError
from torchlogit.sources.parquet import Files


def refused(folder, match, error=DataError, **settings):
    with pytest.raises(error, match=match) as told:
        fit(folder, **settings)
    return str(told.value)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data", numbers())


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_165_a_file_that_is_no_parquet(folder, damage):
    path = folder / "part-1.parquet"
    path.write_bytes({"cut": path.read_bytes()[:-200], "empty": b"", "text": b"x1,y\n1,0\n"}[damage])
    refused(folder, r"part-1\.parquet: the file is cut off, damaged, of another kind or out of reach", FileError)


def test_166_a_flipped_bit_in_a_page(folder):
    path = folder / "part-1.parquet"
    data = bytearray(path.read_bytes())
    group = pq.ParquetFile(path).metadata.row_group(0).column(2)
    data[group.data_page_offset + group.total_compressed_size // 2] ^= 4
    path.write_bytes(data)
    refused(folder, r"part-1\.parquet: the file is cut off, damaged, .*checksum", FileError)


def test_166_files_without_checksums_are_told_of(tmp_path):
    folder = write(tmp_path / "data", numbers(), write_page_checksum=False)
    with pytest.warns(DataWarning, match=r"part-0.parquet, .*part-2.parquet: no checksums of pages"):
        fit(folder)
    plain = write(tmp_path / "plain", numbers(), write_page_checksum=False, use_dictionary=False, compression="none")
    with pytest.warns(DataWarning, match="no checksums of pages"):
        fit(plain)
    fit(write(tmp_path / "checked", numbers(), use_dictionary=False, compression="none"))  # warns of nothing


def rewritten(folder, change):
    path = folder / "part-2.parquet"
    one(path, change(pq.read_table(path)))


def cast(name, kind):
    return lambda data: data.set_column(data.schema.get_field_index(name), name, data[name].cast(kind))


def test_167_168_a_column_missing_or_in_other_case(folder):
    rewritten(folder, lambda data: data.drop_columns(["x3"]))
    refused(folder, r"column `x3` is missing from .*part-2\.parquet; .*part-0\.parquet has it")
    rewritten(folder, lambda data: data.append_column("X3", data["x1"]))
    refused(folder, r"column `x3` is missing from .*part-2\.parquet; .* Did you mean `X3`\?")
    fit(folder, features=["x1", "x2"])  # not needed, not missed


def test_169_175_types_that_do_not_go_together(folder):
    rewritten(folder, cast("x3", pa.string()))
    refused(folder, r"column `x3` is double in .*part-0\.parquet and string in .*part-2\.parquet; write it as one type")
    rewritten(folder, lambda data: data.set_column(2, "x3", pa.nulls(len(data))))
    refused(folder, r"column `x3` is double in .*part-0\.parquet and null in .*part-2\.parquet")


def test_170_numbers_are_widened_and_told_of(tmp_path):
    data = numbers()
    data = data.append_column("n", pa.array((np.arange(4000) % 7).astype("i4")))
    folder = write(tmp_path / "data", data)
    rewritten(folder, cast("n", pa.float64()))
    rewritten(folder, cast("x1", pa.float64()))
    with pytest.warns(
        DataWarning, match=r"column `n` is int32 in .*part-0.* and double in .*part-2.*; it is read as double"
    ):
        parts = fit(folder)
    np.testing.assert_allclose(parts.theta, torchlogit.fit(data, "y").theta, rtol=1e-9)
    rewritten(folder, lambda data: data.set_column(7, "n", pa.array(np.full(len(data), 2**62, "u8") * 3)))
    with (
        pytest.warns(DataWarning, match="read as int64"),
        pytest.raises(DataError, match=r"part-2.*column `n` does not fit"),
    ):
        fit(folder)


def test_171_172_other_order_and_more_columns(folder):
    expected = fit(folder).theta
    rewritten(folder, lambda data: data.select(data.column_names[::-1]).append_column("more", data["x1"]))
    assert (fit(folder).theta - expected).abs().max() == 0


def test_173_one_name_twice(folder):
    rewritten(folder, lambda data: pa.table([*data.columns, data["x1"]], names=[*data.column_names, "x1"]))
    refused(folder, r"part-2\.parquet names `x1` more than once")


def test_174_dictionaries_that_differ(tmp_path):
    rng = np.random.default_rng(0)
    town = np.array(["Ulm", "Bonn", "Jena"], object)[rng.integers(0, 3, 4000)]
    data = numbers().append_column("town", pa.array(town))
    whole = torchlogit.fit(data, "y")
    folder = write(tmp_path / "data", data)
    for i, levels in enumerate((["Jena", "Ulm", "Bonn"], ["Bonn", "Jena", "Ulm"])):
        path = folder / f"part-{i}.parquet"
        old = pq.read_table(path)
        codes = pa.array([levels.index(each) for each in old["town"].to_pylist()], pa.int8())
        one(path, old.set_column(7, "town", pa.DictionaryArray.from_arrays(codes, levels)))
    np.testing.assert_allclose(fit(folder).theta, whole.theta, rtol=1e-9)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pa.array([1, 2], pa.timestamp("s")), "date or time"),
        (pa.array([[1.0], [2.0]]), "list"),
        (pa.array([None, None]), "no value that could be used"),
        (pa.array([2**60, 1], pa.int64()), "beyond 2.53"),
    ],
)
def test_175_cells_that_are_no_numbers(tmp_path, values, what):
    data = numbers()
    odd = pa.chunked_array([pa.concat_arrays([values] * 2000)])
    refused(write(tmp_path / "data", data.append_column("odd", odd)), rf"column `odd`.*{what}")


def test_176_empty_files_and_groups(tmp_path):
    data = numbers()
    folder = write(tmp_path / "data", data)
    one(folder / "part-9.parquet", data.slice(0, 0))
    with pq.ParquetWriter(folder / "part-5.parquet", data.schema, write_page_checksum=True) as file:
        file.write_table(data.slice(0, 0))
        file.write_table(data.slice(0, 300))
        file.write_table(data.slice(0, 0))
    one(folder / "part-.parquet", data.slice(0, 0))  # the first
    expected = torchlogit.fit(pa.concat_tables([data, data.slice(0, 300)]), "y")
    np.testing.assert_allclose(fit(folder).theta, expected.theta, rtol=1e-9)


def test_177_a_file_twice(folder):
    paths = sorted(folder.glob("*.parquet"))
    refused([*paths, paths[0]], "are one file, whose rows would count twice")
    os.link(paths[0], folder / "again.parquet")
    refused(folder, r"again\.parquet and .*part-0\.parquet are one file")


class DuringPass:
    """Something that happens once, in the third pass, as soon as some rows have been read."""

    def __init__(self, act):
        self.act, self.done = act, False

    def __call__(self, record): ...

    def reading(self, found):
        if found.number >= 3 and not self.done:
            self.done = True
            self.act()


@pytest.mark.parametrize("what", ["gone", "added", "changed", "touched"])
def test_178_files_that_change_between_passes(tmp_path, what):
    folder = write(tmp_path / "data", numbers(20_000))
    path = folder / "part-2.parquet"

    def act():
        if what == "gone":
            path.unlink()
        elif what == "added":
            shutil.copy(path, folder / "part-7.parquet")
        elif what == "changed":
            one(path, numbers(100))
        else:
            os.utime(path, ns=(1, 1))

    told = {"gone": "gone", "added": "added", "changed": "changed", "touched": "changed"}[what]
    name = "part-7" if what == "added" else "part-2"
    refused(folder, rf"{name}\.parquet(: the file)? (is|was) {told}", FileError, watch=DuringPass(act))


def batches(data, size=500):
    return (data.slice(i, size) for i in range(0, len(data), size))


def test_179_an_iterator_of_one_pass():
    data = numbers()
    with pytest.raises(DataError, match=r"gives its rows once.* lambda: batches\(\)"):
        fit(batches(data))
    np.testing.assert_allclose(torchlogit.fit(batches(data), "y").theta, torchlogit.fit(data, "y").theta, rtol=1e-9)


def test_180_an_iterator_of_other_rows_every_time():
    made = []

    def fewer():
        made.append(0)
        return batches(numbers(4000 - 100 * (len(made) > 3)))

    with pytest.raises(DataError, match="4000 rows in one pass and 3900 in another"):
        fit(fewer)

    def other():
        made.append(0)
        return batches(numbers(seed=len(made)))

    with pytest.raises(DataError, match="other numbers in one pass than in another"):
        fit(other)


def test_181_an_iterator_that_raises():
    def broken():
        yield from batches(numbers())
        raise ConnectionError("the line is dead")

    with pytest.raises(ConnectionError, match="dead") as told:
        fit(broken)
    assert "in its batch 9, pass " in told.value.__notes__[0]


def test_182_an_old_pyarrow(folder, monkeypatch):
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    refused(folder, "CVE-2023-47248", FileError)


def test_184_a_partition_that_a_folder_does_not_name(tmp_path):
    write(tmp_path / "data" / "year=2024", numbers())
    write(tmp_path / "data" / "other", numbers(seed=1))
    refused(tmp_path / "data", r"other/part-0\.parquet: no folder says what `year` is")


def test_a_missing_number_far_down_is_named_by_file_and_row(tmp_path):
    data = numbers()
    folder = write(tmp_path / "data", data, shards=1)
    x = numbers(9000, seed=2)
    values = x["x2"].to_numpy().copy()
    values[7654] = np.nan
    one(folder / "part-1.parquet", x.set_column(1, "x2", pa.array(values)))
    told = refused(folder, r"part-1\.parquet: column `x2` has no value \(NaN or empty\) in row 7655\.")
    assert "part-0" not in told
    values[7654], values[8000] = -np.inf, np.inf
    one(folder / "part-1.parquet", x.set_column(1, "x2", pa.array(values)))
    told = refused(folder, r"part-1\.parquet: column `x2`: .*-inf \(row 7655\).* is infinite")


def test_a_level_that_was_not_there_in_the_first_pass():
    town, made = np.array(["Ulm", "Bonn"], object), []

    def growing():
        made.append(0)
        levels = town[np.arange(4000) % 2]
        if len(made) > 3:  # the schema, the look whether they fit, and the first pass
            levels = levels.copy()
            levels[3210] = "Jena"
        return batches(numbers().append_column("town", pa.array(levels)))

    with pytest.raises(DataError, match=r"column `town`: 'Jena' \(row 3211\) was not seen in fitting"):
        fit(growing)


def test_labels_that_are_none(tmp_path):
    data = numbers()
    y = data["y"].to_numpy().astype(float)
    y[3000] = 0.5
    folder = write(tmp_path / "data", data.set_column(6, "y", pa.array(y)), shards=1)
    refused(folder, r"part-0\.parquet: column `y`: 0.5 \(row 3001\) is a fraction")
    write(tmp_path / "data", data.set_column(6, "y", pa.array(np.ones(4000, int))), shards=1)
    refused(folder, "target `y` has one class only")
    write(tmp_path / "data", data.set_column(6, "y", data["x1"]), shards=1)
    refused(folder, "is a fraction")
    write(tmp_path / "data", data.set_column(6, "y", pa.array(np.arange(4000))), shards=1)
    refused(folder, "more than 1000 classes and looks like an identifier")


def test_a_category_that_is_an_identifier(tmp_path):
    data = numbers().append_column("who", pa.array([f"pupil {i}" for i in range(4000)]))
    refused(write(tmp_path / "data", data), "column `who` has 4000 levels in 4000 rows")


def test_a_class_that_weights_leave_empty(tmp_path):
    data = numbers()
    data = data.append_column("w", pa.array(1.0 - data["y"].to_numpy()))
    refused(write(tmp_path / "data", data), "no row of any weight has class 1", weight="w")
    refused(tmp_path / "data", r"part-0\.parquet: column `x1`: .* is a negative weight", weight="x1")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("nowhere/at/all", "there is no file or folder"),
        ("nowhere/*.parquet", "there are no data files at"),
        ("", "there is no file or folder|no data files"),
    ],
)
def test_files_that_are_not_there(tmp_path, monkeypatch, given, match):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=match):
        torchlogit.fit(given, "y")


def test_files_of_several_kinds(folder):
    (folder / "notes.csv").write_text("x1,y\n1,2\n")
    refused(folder, "of several kinds: .*notes.csv is CSV")


def test_a_text_file_whose_later_lines_are_others(tmp_path):
    (tmp_path / "data").mkdir()
    lines = "".join(f"{i % 13 - 6},{i * i % 2}\n" for i in range(3000))
    for i, more in enumerate(("", "many,1\n")):
        (tmp_path / "data" / f"{i}.csv").write_text("x,y\n" + lines + more)
    with pytest.raises(
        (DataError, FileError), match=re.escape("1.csv") + ".*many|int64 in .*0.csv and string in .*1.csv"
    ):
        torchlogit.fit(tmp_path / "data", "y", memory="64KiB")


def test_a_glob_is_read_as_a_shell_reads_it(tmp_path):
    for name in ("a/1.parquet", "a/b/2.parquet", "c/3.pq", "c/[4].parquet"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        one(path, numbers(100))

    def found(glob):
        return sorted(str(s.found.path).removeprefix(f"{tmp_path}/") for s in Files([f"{tmp_path}/{glob}"]).shards)

    assert found("*/*.parquet") == ["a/1.parquet", "c/[4].parquet"]
    assert found("**/*.parquet") == ["a/1.parquet", "a/b/2.parquet", "c/[4].parquet"]
    assert found("a/?.parquet") == ["a/1.parquet"]
    assert found("[ab]/*") == ["a/1.parquet", "a/b/2.parquet"]
    assert found("c/[4].parquet") == ["c/[4].parquet"]  # a file of that name
