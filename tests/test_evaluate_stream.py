"""Evaluation and calibration of rows that are read in parts: the numbers of the same rows in memory."""

import numpy as np
import pyarrow as pa
import pytest
from streams import MEMORY, numbers, table, write

import torchlogit
from torchlogit.errors import DataError, ParameterError
from torchlogit.streamed import StreamedRows

IN_PARTS = {"memory": MEMORY}
FEW = {"resamples": 500}
RANKED = {"auc": 2e-4, "average_precision": 5e-4, "lift": 5e-3}  # whose bounds are wider


def assert_same(parts, whole, intervals=True):
    """All measures to 1e-10; those of ranks as near as their order is known; intervals as near as the bootstrap has them."""
    assert parts.measure.tolist() == whole.measure.tolist()
    assert parts.rows.tolist() == whole.rows.tolist()
    assert parts.events.tolist() == pytest.approx(whole.events.tolist(), nan_ok=True)
    for i, name in enumerate(whole.measure.tolist()):
        near = RANKED.get(name, 1e-10)
        if name != "hand_till":
            assert parts.value[i] == pytest.approx(whole.value[i], abs=near, nan_ok=True), name
            if intervals and np.isfinite(whole.value[i]):
                wide = whole.high[i] - whole.low[i]
                assert parts.low[i] == pytest.approx(whole.low[i], abs=0.15 * wide, nan_ok=True), name
                assert parts.high[i] == pytest.approx(whole.high[i], abs=0.15 * wide, nan_ok=True), name


def test_two_classes_in_one_pass(tmp_path):
    data, other = numbers(), numbers(9000, seed=4)
    folder, others = write(tmp_path / "data", data), write(tmp_path / "other", other)
    fit = torchlogit.fit(data, "y")
    seen = []
    found = fit.evaluate(others, threshold=0.3, **IN_PARTS, **FEW, watch=seen.append)
    assert_same(found, fit.evaluate(other, threshold=0.3, **FEW))
    assert not found.seen
    assert [seen[-1].number, seen[-1].rows, seen[-1].n_rows] == [1, 9000, 9000]
    own = fit.evaluate(folder, **IN_PARTS, **FEW)
    assert own.seen
    assert "the model was fitted to" in own.notes[0]
    assert "AUC is from 0." in own.notes[-1]
    assert_same(own, fit.evaluate(**FEW))


def test_a_fit_in_parts_reads_its_own_rows_again(tmp_path):
    data = table(gaps=True)
    folder = write(tmp_path / "data", data)
    how = {"weight": "w", "offset": "o", "missing": "drop"}
    parts, whole = torchlogit.fit(folder, "y", memory=MEMORY, **how), torchlogit.fit(data, "y", **how)
    assert isinstance(parts.stream, StreamedRows)
    before = parts.stream.passes.number
    found, expected = parts.evaluate(**FEW), whole.evaluate(**FEW)
    assert parts.stream.passes.number == before + 1
    assert found.seen
    assert_same(found, expected)
    assert found.notes[0] == expected.notes[0]  # rows that were dropped
    again = parts.evaluate(folder, missing="drop", **IN_PARTS, **FEW)
    assert again.seen
    assert again.notes[0] == expected.notes[0]
    np.testing.assert_allclose(again.value, found.value, atol=1e-13)
    with pytest.raises(DataError, match=r"part-0.parquet: column `b` has no value"):
        parts.evaluate(folder, **IN_PARTS)


def test_weights_that_are_no_counts(tmp_path):
    data = table()
    data = data.set_column(6, "w", pa.array(data["w"].to_numpy() * 0.7))
    fit = torchlogit.fit(data, "y", weight="w", weights_are="importance", features=["a", "town"])
    found = fit.evaluate(write(tmp_path / "data", data), **IN_PARTS, **FEW)
    assert_same(found, fit.evaluate(data, **FEW))


def test_three_classes(tmp_path):
    data = table(classes=3)
    fit = torchlogit.fit(data, "y", features=["a", "c", "town"])
    found, whole = fit.evaluate(write(tmp_path / "data", data), **IN_PARTS, **FEW), fit.evaluate(data, **FEW)
    assert_same(found, whole, intervals=False)
    assert np.isnan(found["hand_till"].value)
    assert any("every two classes" in note for note in found.notes)
    for name in ("log_loss", "brier", "accuracy", "auc"):
        assert found[name].low == pytest.approx(whole[name].low, abs=0.007), name
        assert found[name].low < found[name].value < found[name].high
    brier = [next(note for note in each.notes if note.startswith("Brier")) for each in (found, whole)]
    assert brier[0][:30] == brier[1][:30]  # the bins' ends are those of cells
    assert str(found)


def test_other_links_calibrated_models_counts_and_formulas(tmp_path):
    data = numbers()
    folder = write(tmp_path / "data", data)
    probit = torchlogit.fit(data, "y ~ x1 + I(x2 > 0) + x3", link="probit")
    assert_same(probit.evaluate(folder, **IN_PARTS, **FEW), probit.evaluate(data, **FEW))
    for method in ("platt", "isotonic"):
        model = torchlogit.calibrate(probit, numbers(600, seed=8), method)
        assert_same(model.evaluate(folder, **IN_PARTS, **FEW), model.evaluate(data, **FEW))
    rng, y = np.random.default_rng(0), data["y"].to_numpy()
    counts = data.append_column("won", pa.array(rng.integers(0, 3, 4000) * (1 + y)))
    counts = counts.append_column("lost", pa.array(rng.integers(1, 4, 4000)))
    fit = torchlogit.fit(counts, "won + lost", features=["x1", "x2"])
    found = fit.evaluate(write(tmp_path / "counts", counts), **IN_PARTS, **FEW)
    assert found.seen
    assert_same(found, fit.evaluate(**FEW))


def test_all_ways_to_give_rows(tmp_path):
    import polars as pl

    data = numbers()
    folder = write(tmp_path / "data", data)
    fit = torchlogit.fit(data, "y")
    expected = fit.evaluate(data, **FEW)
    for rows in (
        folder / "*.parquet",
        [folder / f"part-{i}.parquet" for i in range(3)],
        lambda: (data.slice(i, 900) for i in range(0, 4000, 900)),
        pl.scan_parquet(folder / "*.parquet"),
    ):
        assert_same(fit.evaluate(rows, **IN_PARTS, **FEW), expected)
    np.testing.assert_array_equal(fit.evaluate(folder, **FEW).value, expected.value)  # fits in memory: as a table
    x = np.stack([data[f"x{j}"].to_numpy() for j in range(1, 7)], 1)
    plain = torchlogit.fit(x, data["y"].to_numpy())
    batches = lambda: ((x[i : i + 900], data["y"].to_numpy()[i : i + 900]) for i in range(0, 4000, 900))  # noqa: E731
    assert_same(plain.evaluate(batches, **IN_PARTS, **FEW), plain.evaluate(**FEW))


def test_what_needs_all_rows_is_refused(tmp_path):
    folder = write(tmp_path / "data", numbers())
    fit = torchlogit.fit(numbers(), "y")
    for more in ({"by": "x1"}, {"folds": 5}):
        with pytest.raises(ParameterError, match="need all rows in memory"):
            fit.evaluate(folder, **IN_PARTS, **more)
    with pytest.raises(ParameterError, match="needs all rows in memory"):
        fit.residuals(data=folder, **IN_PARTS)
    with pytest.raises(ParameterError, match="must be a column's name"):
        fit.evaluate(folder, target=numbers()["y"].to_numpy(), **IN_PARTS)
    with pytest.raises(DataError, match="`x9` is missing from the table"):
        fit.evaluate(folder, target="x9", **IN_PARTS)
    with pytest.raises(DataError, match="no row is left"):
        fit.evaluate(write(tmp_path / "none", numbers().slice(0, 0), shards=1), memory="1KiB")
    np.testing.assert_allclose(fit.effects(data=folder).effect, fit.effects().effect)  # fits: a path is a table
