"""The commands that ask a model of rows that are read in parts."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console
from streams import MEMORY, one, table, write

import torchlogit
from torchlogit.cli import ends, streams


@pytest.fixture
def asked(tmp_path):
    """A model, a folder of rows that have gaps, the same rows as one file, and as a table."""
    data = table(gaps=True)
    folder, model = write(tmp_path / "data", data), tmp_path / "m.safetensors"
    torchlogit.fit(data, "y", features=["a", "b", "town"], missing="drop").save(model)
    return model, folder, one(tmp_path / "whole.parquet", data), data


def test_evaluate(run, asked):
    model, folder, whole, _ = asked
    parts = run("evaluate", model, folder, "--memory", MEMORY, "--json", "--threshold", "0.4")
    assert parts.code == 0, parts.err
    found, expected = (
        json.loads(text) for text in (parts.out, run("evaluate", model, whole, "--json", "--threshold", "0.4").out)
    )
    value, other = (dict(zip(each["measure"], each["value"], strict=True)) for each in (found, expected))
    for name in ("log_loss", "brier", "accuracy", "sensitivity", "f1", "mcc"):
        assert value[name] == pytest.approx(other[name], abs=1e-10)
    assert found["rows"] == expected["rows"]
    assert "dropped" in found["notes"][0] == expected["notes"][0]
    assert run("evaluate", model, folder, "--memory", MEMORY, "--by", "town").code == 2
    shown = run("evaluate", model, folder / "*.parquet", "--memory", MEMORY, "--lang", "zh")
    assert "分批读取" in shown.out
    assert "读取" not in run("evaluate", model, folder, "--lang", "zh").out  # it fits


def text(path):
    return pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ","))


def assert_answers(found, expected):
    """The same, but for the last digit of a probability: vectors end elsewhere."""
    assert found.schema == expected.schema
    assert found["class"] == expected["class"]
    np.testing.assert_allclose(found["p_1"].to_numpy(), expected["p_1"].to_numpy(), rtol=1e-14)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow"])
def test_predict(run, asked, tmp_path, suffix):
    """The same answers, row by row, whatever is written and however they are read."""
    model, folder, whole, data = asked
    read = {"parquet": pq.read_table, "arrow": pa.feather.read_table}.get(suffix, text)
    files = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
    told = []
    for rows, out in zip((folder, whole), files, strict=True):
        done = run(
            "predict",
            model,
            rows,
            "--ignore-extra",
            "--missing",
            "keep",
            "--memory",
            MEMORY,
            "--uncertain",
            "0.4",
            "0.6",
            "-o",
            out,
        )
        assert done.code == 0, done.err
        assert f"{len(data)} predictions written" in done.err
        told.append(done.err.split(":")[0])
    assert told[0] == told[1]
    assert "rows have no answer" in told[0]
    assert_answers(*(read(path) for path in files))
    if suffix == "parquet":
        assert pq.ParquetFile(files[0]).metadata.num_row_groups > 5  # part by part


def test_predict_to_the_standard_output(run, asked):
    model, folder, whole, _ = asked
    words = ["--ignore-extra", "--missing", "keep", "--memory"]
    shown = [run("predict", model, *more).out for more in ((folder, *words, MEMORY), (whole, *words, "1GiB"))]
    assert_answers(*(pa.csv.read_csv(io.BytesIO(text.encode())) for text in shown))
    refused = run("predict", model, folder, "--ignore-extra", "--memory", MEMORY)
    assert (refused.code, refused.out) == (3, "")
    assert "part-0.parquet: column `" in refused.err
    assert "--missing keep" in refused.err


def test_a_mistake_late_in_a_folder_leaves_no_file(run, asked, tmp_path):
    """The file and the row are named; what was there stays."""
    model, folder, _, data = asked
    a = data["a"].to_numpy().copy()
    a[3999] = np.inf
    one(folder / "part-9.parquet", data.set_column(0, "a", pa.array(a)))
    old = tmp_path / "old.csv"
    old.write_text("mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run(
        "predict", model, folder, "--ignore-extra", "--missing", "keep", "--memory", MEMORY, "-o", old, "--force"
    )
    assert done.code == 3
    assert "part-9.parquet: column `a`" in done.err
    assert "row 4000" in done.err
    assert old.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert run("evaluate", model, folder, "--memory", MEMORY).code == 3


def test_an_offset_and_a_folder_of_text(run, tmp_path):
    data = table()
    (tmp_path / "csv").mkdir()
    for i in range(3):
        pa.csv.write_csv(data.slice(1300 * i, 1300 + 100 * (i == 2)), tmp_path / "csv" / f"{i}.csv")
    model = tmp_path / "m.safetensors"
    fit = torchlogit.fit(data, "y", features=["a", "town"], offset="o")
    fit.save(model)
    done = run("predict", model, tmp_path / "csv", "--ignore-extra", "--memory", "64KiB", "-o", tmp_path / "p.parquet")
    assert done.code == 0, done.err
    expected = fit.predict_proba(data, data["o"].to_numpy())[:, 1]
    np.testing.assert_allclose(pq.read_table(tmp_path / "p.parquet")["p_1"], expected, rtol=1e-12)


def test_the_bar_is_shown_on_terminals_alone(monkeypatch):
    from torchlogit.sources.stream import Reading

    monkeypatch.setattr(streams, "PATIENCE", 0)
    for terminal in (True, False):
        screen = Console(file=io.StringIO(), force_terminal=terminal, width=60)
        with streams.passing(screen) as watch:
            assert (watch is not None) == terminal
            if watch is not None:
                watch(Reading(1, 500, 1000, 0.5))
        assert ("pass 1, 50%" in screen.file.getvalue()) == terminal


# Faults, by the numbers of the list of bad inputs


class OutOfMemoryError(RuntimeError):
    """What torch raises where a card is full, by its name."""


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: np.empty(10**15), "Unable to allocate 7.11 PiB"),
        (lambda: torch.empty(10**15), "torch tried to allocate 4000000000000000 bytes"),
        (lambda: pa.allocate_buffer(10**15), "malloc"),
        (
            lambda: raised(OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU")),
            "allocate 20.00 GiB",
        ),
    ],
    ids=["numpy", "torch", "pyarrow", "cuda"],
)
def test_215_no_memory_is_told_with_its_size(run, asked, monkeypatch, tmp_path, ask, told):
    """Also where it ends in the thread that reads ahead; nothing is left behind."""
    from torchlogit.sources.parquet import Files

    model, folder, *_ = asked
    before = sorted(path.name for path in tmp_path.iterdir())
    first = Files.batches

    def batches(self, *given):
        yield from list(first(self, *given))[:3]
        ask()

    monkeypatch.setattr(Files, "batches", batches)
    words = ["--ignore-extra", "--missing", "keep", "--memory", MEMORY, "-o", tmp_path / "p.csv"]
    for done in (run("predict", model, folder, *words), run("evaluate", model, folder, "--memory", MEMORY)):
        assert done.code == 1
        assert "error: out of memory (" in done.err
        assert told in done.err
        assert "a smaller --memory" in done.err
        assert len(done.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def raised(error):
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ends.Ended(signal.SIGTERM)], ids=["SIGINT", "SIGTERM"])
def test_209_a_pass_that_is_ended_ends_its_thread(asked, error):
    model, folder, *_ = asked
    fit, before = torchlogit.load(model), threading.active_count()

    def watch(found):
        raise error

    with pytest.raises((KeyboardInterrupt, ends.Ended)):
        fit.evaluate(folder, missing="drop", memory=MEMORY, watch=watch)
    assert threading.active_count() == before


def test_218_no_time_limit_reads_the_clock_on_the_wall():
    """But that of a file that another process has left, which has no other time."""
    source = Path(torchlogit.__file__).parent
    found = [
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"\btime\.time\(|from time import [^\n]*\btime\b", path.read_text(encoding="utf-8"))
    ]
    assert found == ["datasets/download.py"]


def test_219_head_closes_the_pipe_of_predictions(asked):
    model, folder, *_ = asked
    words = ["predict", model, folder, "--ignore-extra", "--missing", "keep", "--memory", MEMORY]
    command = subprocess.Popen(
        [sys.executable, "-m", "torchlogit", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout.readline() == b"p_0,p_1,class\n"
    command.stdout.close()
    error = command.stderr.read()
    command.stderr.close()
    assert command.wait(timeout=60) == 0
    assert b"Traceback" not in error


def test_220_no_part_of_the_input_is_replaced(run, asked):
    model, folder, *_ = asked
    part = folder / "part-1.parquet"
    before = part.read_bytes()
    done = run("predict", model, folder, "--ignore-extra", "--missing", "keep", "--memory", MEMORY, "-o", part)
    assert done.code == 5
    assert "--force" in done.err
    assert part.read_bytes() == before
