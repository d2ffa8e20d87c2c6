"""Files are written whole or not at all, and no cell of ours runs in a spreadsheet."""

import csv
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from torchlogit.errors import DataError, FileError
from torchlogit.tables import atomic, read_table, write_csv, write_table


def only(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "model"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic(target) as file:
        file.write(bytes(1 // 0))
    assert target.read_bytes() == b"old"
    assert only(tmp_path) == ["model"]


def test_bad_197_disk_full_keeps_the_old_file(tmp_path):
    target = tmp_path / "model"
    target.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(FileError, match="model") as caught, atomic(target) as file:
            file.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.exit_code == 5
    assert target.read_bytes() == b"old"
    assert only(tmp_path) == ["model"]


def test_bad_198_an_error_at_fsync_is_caught_before_the_rename(tmp_path, monkeypatch):
    target = tmp_path / "model"
    target.write_bytes(b"old")

    def fails(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(FileError, match="No space left"), atomic(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"
    assert only(tmp_path) == ["model"]


def test_bad_199_killed_while_saving_leaves_old_or_new(tmp_path):
    target = tmp_path / "model"
    target.write_bytes(b"a" * 200_000)
    script = (
        "import sys\nfrom torchlogit.tables import atomic\nprint(flush=True)\n"
        "while True:\n  for c in (b'a', b'b'):\n    with atomic(sys.argv[1]) as f: f.write(c * 200_000)\n"
    )
    for delay in (0.0, 0.003, 0.01, 0.02):
        process = subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.communicate()
        found = target.read_bytes()
        assert len(found) == 200_000
        assert len(set(found)) == 1


def test_bad_201_two_writers_at_once_leave_one_whole_file(tmp_path):
    target = tmp_path / "model"

    def write(byte):
        for _ in range(20):
            with atomic(target) as file:
                for _ in range(50):
                    file.write(byte * 1000)

    threads = [threading.Thread(target=write, args=(byte,)) for byte in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(target.read_bytes())) == 1
    assert target.stat().st_size == 50_000
    assert only(tmp_path) == ["model"]


def test_bad_202_links_are_replaced_never_written_through(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"keep")
    for make in (os.symlink, os.link):
        target = tmp_path / "model"
        make(secret, target)
        with atomic(target) as file:
            file.write(b"new")
        assert target.read_bytes() == b"new"
        assert not target.is_symlink()
        assert secret.read_bytes() == b"keep"
        target.unlink()


def test_bad_202_directories_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target, why in ((tmp_path, "directory"), (tmp_path / "pipe", "pipe")):
        with pytest.raises(FileError, match=why), atomic(target):
            pass
    assert only(tmp_path) == ["pipe"]


def test_bad_203_paths_that_cannot_be_written_are_named_and_quoted(tmp_path):
    for name in ("missing/model", "x" * 256, "nul\0"):
        with pytest.raises(FileError) as caught, atomic(tmp_path / name):
            pass
        assert name[:10].strip("\0") in str(caught.value)
    hostile = tmp_path / "line\nbreak é 😀"
    with atomic(hostile) as file:
        file.write(b"1")
    assert hostile.read_bytes() == b"1"
    with pytest.raises(FileError) as caught, atomic(hostile / "below"):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_bad_203_read_only_directory(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="Permission denied"), atomic(tmp_path / "model"):
        pass


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path):
    with atomic(tmp_path / ("x" * 255)) as file:
        file.write(b"1")
    assert only(tmp_path) == ["x" * 255]


def test_permissions_are_kept(tmp_path):
    target = tmp_path / "model"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with atomic(target) as file:
        file.write(b"new")
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_bad_164_formulas_are_neutralised_in_text_only(tmp_path, start):
    path = tmp_path / "out.csv"
    write_csv(path, {f"{start}name": [f"{start}1+1"], "number": [-1.5], "count": [-3]})
    with open(path, newline="") as file:
        header, row = csv.reader(file)
    assert header[0] == f"'{start}name"
    assert row == [f"'{start}1+1", "-1.5", "-3"]


def test_numbers_come_back_bitwise(tmp_path):
    values = np.array([0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3])
    write_csv(tmp_path / "out.csv", {"x": values})
    back = read_table(tmp_path / "out.csv")["x"].to_numpy()
    assert back.tobytes() == values.tobytes()


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "arrow", "feather"])
def test_every_format_comes_back(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    write_table(path, {"x": np.array([1.5, 2.5]), "name": np.array(['a,\t"\n', "é"], dtype=object), "n": [1, 2]})
    assert read_table(path).to_pydict() == {"x": [1.5, 2.5], "name": ['a,\t"\n', "é"], "n": [1, 2]}


def test_a_column_of_one_keeps_its_empty_rows(tmp_path):
    write_csv(tmp_path / "out.csv", {"x": [1.0, np.nan, 3.0]})
    assert read_table(tmp_path / "out.csv")["x"].to_pylist() == [1, None, 3]


def test_missing_cells_are_empty(capsys):
    write_csv("-", {"x": [np.nan, 1.0], "s": np.array([None, pd.NA], dtype=object), "k": ["a", "b"]})
    assert capsys.readouterr().out == "x,s,k\n,,a\n1.0,,b\n"


def test_columns_of_unequal_length_are_refused_before_a_file_is_made(tmp_path):
    for ending in ("csv", "parquet"):
        with pytest.raises(DataError, match="`a` 2, `b` 1"):
            write_table(tmp_path / f"out.{ending}", {"a": [1, 2], "b": [1]})
    assert only(tmp_path) == []


def test_bad_166_parquet_pages_carry_checksums(tmp_path):
    path = tmp_path / "out.parquet"
    write_table(path, {"x": np.arange(1000.0)})
    assert pq.ParquetFile(path, page_checksum_verification=True).read().num_rows == 1000
    table = pq.read_table(path)
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[4000] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="damaged"):
        read_table(path)
    assert pq.read_table(path) != table
