"""The commands that ask a model of rows that are read in parts."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from streams import MEMORY, one, table, write

import torchlogit
from torchlogit.cli import streams


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
