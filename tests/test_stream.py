"""A fit to rows that are read in parts is the fit to the same rows in memory."""

import os
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pytest
import torch
from streams import MEMORY, numbers, one, table, write
from torch.utils.data import DataLoader, TensorDataset

import torchlogit
from torchlogit import L1, L2, SGD, ElasticNet, Jeffreys
from torchlogit.errors import DataError, NotCertifiedWarning, ParameterError
from torchlogit.losses import loss_for
from torchlogit.moments import moments
from torchlogit.objective import Objective
from torchlogit.penalties import Strengths
from torchlogit.rank import independent
from torchlogit.sources.reader import reader_of
from torchlogit.sources.stream import StreamSource, ahead, bytes_of
from torchlogit.streamed import StreamedRows, read_stream


def both(tmp_path, data, target, memory=MEMORY, **settings):
    """The fit in parts and the fit in memory."""
    folder = write(tmp_path / "data", data)
    parts = torchlogit.fit(folder, target, memory=memory, **settings)
    assert isinstance(parts.stream, StreamedRows)
    return parts, torchlogit.fit(data, target, **settings)


def assert_same(parts, whole, digits=1e-10, likelihood=1e-12):
    size = whole.theta.abs().max()
    assert parts.columns == whole.columns
    assert parts.classes.tolist() == whole.classes.tolist()
    assert parts.classes.dtype == whole.classes.dtype
    assert float((parts.theta - whole.theta).abs().max() / size) < digits
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=likelihood)
    assert parts.null_log_likelihood == pytest.approx(whole.null_log_likelihood, rel=likelihood)
    assert parts.n_rows == whole.n_rows
    assert parts.status is whole.status
    assert parts.class_weights == pytest.approx(whole.class_weights)
    if whole.covariance_root is not None:
        np.testing.assert_allclose(parts.std_error, whole.std_error, rtol=1000 * likelihood)


@pytest.mark.parametrize("solver", ["auto", "newton", "lbfgs"])
def test_solvers(tmp_path, solver):
    assert_same(*both(tmp_path, numbers(), "y", solver=solver))


@pytest.mark.parametrize(
    "penalty",
    [L2(2.0), L1(20.0), ElasticNet(10.0, 0.5), L1(tuple([5.0] * 3 + [40.0] * 3))],
    ids=["L2", "L1", "elastic", "by feature"],
)
def test_penalties(tmp_path, penalty):
    parts, whole = both(tmp_path, numbers(), "y", penalty=penalty)
    near = (1e-8, 1e-9) if penalty.l1_ratio else ()  # a gap of 1e-13 of F leaves so much in theta
    assert_same(parts, whole, *near)
    assert (parts.theta == 0).tolist() == (whole.theta == 0).tolist()


def test_l1_to_its_last_digit(tmp_path):
    assert_same(*both(tmp_path, numbers(), "y", penalty=L1(20.0), tol=1e-16))


def test_working_sets(tmp_path):
    """Many columns: a set of them is gathered, in memory where it fits, else read in parts."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 320))
    y = (rng.random(400) < 1 / (1 + np.exp(-x[:, :5].sum(1)))).astype(int)
    data = pa.table({**{f"x{j}": x[:, j] for j in range(320)}, "y": y})
    folder, whole = write(tmp_path / "data", data), torchlogit.fit(data, "y", penalty=L1(8.0), tol=1e-15)
    for memory in ("4MiB", "256KiB"):  # 120 columns of these rows are 384 kB
        parts = torchlogit.fit(folder, "y", penalty=L1(8.0), tol=1e-15, memory=memory)
        assert_same(parts, whole, 1e-9)


def test_softmax(tmp_path):
    for settings in ({}, {"penalty": L2(1.0), "solver": "lbfgs"}):
        assert_same(*both(tmp_path, table(classes=3), "y", features=["a", "c", "town"], **settings))


def test_every_kind_of_column_with_weights_and_offset(tmp_path):
    parts, whole = both(tmp_path, table(), "y", weight="w", offset="o")
    assert_same(parts, whole)
    assert parts.columns == ("a", "b", "c", "d", "town=Jena", "town=Ulm", "new")
    assert parts.weights_are == whole.weights_are == "frequency"
    assert (parts.weight, parts.offset) == ("w", "o")


@pytest.mark.parametrize("meaning", ["sampling", "importance"])
def test_meanings_of_weights(tmp_path, meaning):
    data = table()
    data = data.set_column(6, "w", pa.array(data["w"].to_numpy() + 0.5))
    settings = {"features": ["a", "town"], "weight": "w"}
    assert_same(*both(tmp_path, data, "y", weights_are=meaning, **settings))
    with pytest.raises(DataError, match="are no frequencies"):
        torchlogit.fit(tmp_path / "data", "y", memory=MEMORY, weights_are="frequency", **settings)


def test_dropped_rows(tmp_path):
    parts, whole = both(tmp_path, table(gaps=True), "y", missing="drop")
    assert_same(parts, whole)
    assert parts.dropped == whole.dropped > 0
    assert parts.warnings == whole.warnings
    with pytest.raises(DataError, match=r"part-0.parquet: column `b` has no value \(NaN or empty\) in row"):
        torchlogit.fit(tmp_path / "data", "y", memory=MEMORY)


@pytest.mark.parametrize(
    ("formula", "gaps"),
    [
        ("y ~ a * town + log(b + 2000)", True),
        ("y ~ C(d) + a - 1", True),
        ("y ~ C(town, Sum) + new:a", True),
        ("y ~ scale(a) + bs(b, 5) + town", True),
        ("y ~ scale(a) + bs(b, 5) + town", False),
        ("(y > 0) ~ a + C(town, Treatment('Jena'))", True),
        ("y ~ a + I(town == 'Ulm')", False),
    ],
)
def test_formulas(tmp_path, formula, gaps):
    data = table(gaps=gaps)
    data = data.set_column(3, "d", pa.array(data["d"].to_numpy() % 4))
    missing = "drop" if gaps else "error"
    folder, whole = write(tmp_path / "data", data), torchlogit.fit(data, formula, missing=missing)
    parts = torchlogit.fit(
        folder, formula, missing=missing, memory="600KiB"
    )  # so that bs and scale can see their columns
    assert_same(parts, whole)
    assert parts.recipe == whole.recipe


def test_what_a_formula_learns_from_all_rows_must_fit(tmp_path):
    with pytest.raises(ParameterError, match=r"`bs\(b, 5\)` is learnt from all rows at once, .* larger memory="):
        torchlogit.fit(write(tmp_path / "data", table()), "y ~ bs(b, 5)", memory="64KiB")


def test_counts(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    won = rng.binomial(5, 1 / (1 + np.exp(-x)))
    data = pa.table({"x": x, "z": rng.normal(size=3000), "won": won, "lost": 5 - won})
    for target in (("won", "lost"), "won + lost ~ x + z"):
        parts, whole = both(tmp_path, data, target, "256KiB")
        assert_same(parts, whole)
        assert parts.counts


def test_links_and_other_settings(tmp_path):
    data = numbers()
    for settings in ({"link": "probit"}, {"link": "cloglog"}, {"intercept": False}, {"loss": "squared"}):
        assert_same(*both(tmp_path, data, "y", **settings))
    parts, whole = both(tmp_path, data, "y", dtype="float32")
    assert_same(parts, whole, 1e-6, 1e-8)


def test_firth(tmp_path):
    parts, whole = both(tmp_path, numbers(1500), "y", "256KiB", penalty=Jeffreys())
    assert_same(parts, whole)
    with pytest.raises(ParameterError, match="needs all rows in memory"):
        torchlogit.fit(tmp_path / "data", "y", memory="256KiB", penalty=Jeffreys(intercept="flac"))


def test_columns_far_from_zero_and_collinear(tmp_path):
    data = numbers()
    x = data["x1"].to_numpy()
    far = np.random.default_rng(5).normal(size=len(x)) * 1e-3 + 1e6
    data = data.append_column("far", pa.array(far)).append_column("sum", pa.array(x + data["x2"].to_numpy()))
    data = data.append_column("same", pa.array(np.full(len(x), 3.0)))
    folder = write(tmp_path / "data", data)
    with pytest.warns(torchlogit.AliasedWarning) as told:
        parts = torchlogit.fit(folder, "y", memory=MEMORY)
    with pytest.warns(torchlogit.AliasedWarning):
        whole = torchlogit.fit(data, "y")
    assert parts.aliased == whole.aliased == ("sum", "same")
    assert sum("aliased" in str(w.message) for w in told) == 2
    np.testing.assert_allclose(parts.theta, whole.theta, rtol=1e-6)


def test_sorted_rows(tmp_path):
    """The first part says little of the others: sorted by label, by level and by a column that grows."""
    data = table().sort_by([("y", "ascending"), ("town", "ascending"), ("b", "ascending")])
    data = data.append_column("time", pa.array(np.arange(len(data)) * 1e-3 + 1e5))
    assert_same(*both(tmp_path, data, "y", features=["a", "b", "town"]))


def test_separation_is_told(tmp_path):
    data = numbers()
    data = data.append_column("y2", pa.array((data["x1"].to_numpy() > 0).astype(int)))
    with pytest.warns(NotCertifiedWarning, match="split perfectly by `x1`"):
        parts = torchlogit.fit(write(tmp_path / "data", data), "y2", features=["x1", "x2"], memory=MEMORY)
    assert parts.status.name == "separated"
    rare = np.zeros(len(data))
    rare[np.flatnonzero(data["y"].to_numpy() == 1)[:40]] = 1.0
    data = data.append_column("rare", pa.array(rare))
    with pytest.warns(NotCertifiedWarning, match="split in part by `rare`"):
        parts = torchlogit.fit(write(tmp_path / "data", data), "y", features=["x1", "rare"], memory=MEMORY)
    assert parts.complete is False


def test_sgd_needs_batches(tmp_path):
    folder = write(tmp_path / "data", numbers())
    with pytest.raises(ParameterError, match="give it a batch_size"):
        torchlogit.fit(folder, "y", memory=MEMORY, solver=SGD(epochs=2))
    with pytest.warns(NotCertifiedWarning):
        fit = torchlogit.fit(folder, "y", memory=MEMORY, solver=SGD(epochs=3, batch_size=50, lr=0.1))
    assert fit.history[-1].value < fit.history[0].value


def test_inference_where_sums_suffice(tmp_path):
    data = table()
    parts, whole = both(tmp_path, data, "y", features=["a", "b", "town"])
    for kind in ("HC0", "HC1", "HC3"):
        np.testing.assert_allclose(parts.robust(kind).std_error, whole.robust(kind).std_error, rtol=1e-8)
    for kind in ("lr", "wald", "score"):
        np.testing.assert_allclose(parts.tests(kind).statistic, whole.tests(kind).statistic, rtol=1e-8)
    np.testing.assert_allclose(parts.quality().aic, whole.quality().aic, rtol=1e-12)
    np.testing.assert_allclose(parts.table().estimate, whole.table().estimate, rtol=1e-9)
    assert "Certified" in str(parts)
    assert parts.predict_proba({"a": [0.0], "b": [300.0], "town": ["Ulm"]}).shape == (1, 2)
    np.testing.assert_allclose(parts.robust("HC1", data=data).std_error, whole.robust("HC1").std_error, rtol=1e-8)


def test_profiles_of_all_coefficients_share_their_passes(tmp_path):
    parts, whole = both(tmp_path, table(), "y", features=["a", "b", "town"])
    before = parts.stream.passes.number
    found, known = parts.profile(), whole.profile()
    assert parts.stream.passes.number - before <= 15
    for name in ("low", "high", "statistic"):
        np.testing.assert_allclose(getattr(found, name), getattr(known, name), rtol=1e-8)


@pytest.mark.parametrize("ask", ["residuals", "influence", "dfbeta", "report"])
def test_what_needs_all_rows_says_so(tmp_path, ask):
    folder = write(tmp_path / "data", numbers())
    parts = torchlogit.fit(folder, "y", memory=MEMORY)
    with pytest.raises(ParameterError, match="needs all rows in memory"):
        getattr(parts, ask)()


# Sources


def test_data_that_fit_are_read_once(tmp_path):
    folder = write(tmp_path / "data", numbers())
    fit = torchlogit.fit(folder, "y")
    assert fit.stream is None
    assert fit.training is not None
    assert_same(fit, torchlogit.fit(numbers(), "y"))


@pytest.mark.parametrize("form", ["glob", "deep", "list", "dataset", "relative", "file"])
def test_ways_to_name_files(tmp_path, monkeypatch, form):
    data = numbers()
    folder = write(tmp_path / "data" / "more", data)
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").touch()
    (folder / "readme.md").write_text("text")
    monkeypatch.chdir(tmp_path)
    given = {
        "glob": f"{tmp_path}/data/*/part-?.parquet",
        "deep": str(tmp_path / "data" / "**" / "*.parquet"),
        "list": sorted(folder.glob("*.parquet")),
        "dataset": pa.dataset.dataset(sorted(map(str, folder.glob("*.parquet")))),
        "relative": "**/part-*.parquet",
        "file": one(tmp_path / "all.parquet", data),
    }[form]
    assert_same(torchlogit.fit(given, "y", memory=MEMORY), torchlogit.fit(data, "y"))


def test_partitions_are_columns(tmp_path):
    data = table()
    for town in ("Ulm", "Bonn", "Jena"):
        for d in (4, 5):
            mask = pa.compute.and_(pa.compute.equal(data["town"], town), pa.compute.equal(data["d"], d))
            path = tmp_path / "data" / f"town={town}" / f"d={d}"
            path.mkdir(parents=True)
            one(path / "0.parquet", data.filter(mask).drop_columns(["town", "d"]))
    data = data.filter(pa.compute.is_in(data["d"], pa.array([4, 5])))
    parts = torchlogit.fit(tmp_path / "data", "y ~ a + town + d", memory="64KiB")
    assert_same(parts, torchlogit.fit(data, "y ~ a + town + d"))


def test_csv_and_arrow_files(tmp_path):
    data = table(gaps=True).drop_columns(["new"])
    (tmp_path / "csv").mkdir()
    (tmp_path / "arrow").mkdir()
    for i, start in enumerate(range(0, len(data), 1500)):
        pa.csv.write_csv(data.slice(start, 1500), tmp_path / "csv" / f"{i}.csv")
        pa.feather.write_feather(data.slice(start, 1500), tmp_path / "arrow" / f"{i}.arrow")
    whole = torchlogit.fit(data, "y", missing="drop")
    for kind in ("arrow", "csv"):
        parts = torchlogit.fit(tmp_path / kind, "y", missing="drop", memory=MEMORY)
        assert parts.stream is not None
        assert_same(parts, whole, *((1e-6, 1e-8) if kind == "csv" else ()))  # c is float32: its text has its own digits


def test_loaders_and_queries():
    data = numbers()
    x, y = np.stack([data[f"x{j}"].to_numpy() for j in range(1, 7)], 1), data["y"].to_numpy()
    whole = torchlogit.fit(data, "y")
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y.copy())), batch_size=300)
    mixed = DataLoader(loader.dataset, batch_size=300, shuffle=True)
    lazy = pl.from_arrow(data).lazy().filter(pl.col("x1") < 1e9)
    frames = lambda: (pl.from_arrow(data.slice(i, 700)) for i in range(0, 4000, 700))  # noqa: E731
    dicts = lambda: ({n: data[n][i : i + 700].to_numpy() for n in data.column_names} for i in range(0, 4000, 700))  # noqa: E731
    for source in (loader, mixed, lazy, frames, dicts):
        parts = torchlogit.fit(source, "y", memory=MEMORY)
        assert parts.stream is not None
        assert_same(parts, whole)


def test_a_query_of_duckdb():
    duckdb = pytest.importorskip("duckdb")
    data = table()
    connection = duckdb.connect()
    connection.register("pupils", data)
    parts = torchlogit.fit(connection.sql("select a, b, town, y from pupils"), "y", memory="64KiB")
    assert parts.stream is not None
    assert_same(parts, torchlogit.fit(data, "y", features=["a", "b", "town"]))


def test_a_loader_with_weights_and_offset():
    data = table()
    columns = [data[name].to_numpy() for name in ("a", "b", "y", "w", "o")]

    def batches():
        for i in range(0, 4000, 900):
            a, b, *others = (column[i : i + 900] for column in columns)
            yield np.stack([a, b], 1), *others

    parts = torchlogit.fit(batches, "y", weight="weight", offset="offset", memory="64KiB")
    whole = torchlogit.fit(data, "y", features=["a", "b"], weight="w", offset="o")
    np.testing.assert_allclose(parts.theta, whole.theta, rtol=1e-9, atol=1e-12)


def test_a_memory_map_is_not_copied(tmp_path):
    data = numbers()
    x = np.stack([data[f"x{j}"].to_numpy() for j in range(1, 7)], 1)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    fit = torchlogit.fit(mapped, data["y"].to_numpy())
    assert fit.training.x.data_ptr() == mapped.ctypes.data
    np.testing.assert_allclose(fit.theta, torchlogit.fit(data, "y").theta, rtol=1e-12)


# Passes, memory, the thread


def test_few_passes(tmp_path):
    data = numbers(20_000)
    parts = torchlogit.fit(write(tmp_path / "data", data), "y", memory="1MiB", solver="lbfgs", tol=1e-8)
    assert parts.certified
    assert parts.stream.passes.number <= 8


def test_a_pass_is_told(tmp_path):
    seen = []

    class Watch:
        def __call__(self, record):
            seen.append(record)

        def reading(self, found):
            seen.append(found)

    parts = torchlogit.fit(write(tmp_path / "data", numbers()), "y", memory=MEMORY, watch=Watch())
    readings = [each for each in seen if hasattr(each, "seconds")]
    assert [r.rows for r in readings if r.number == 2][-1] == readings[-1].n_rows == 4000
    assert readings[-1].number == parts.stream.passes.number
    assert [each.iteration for each in seen if hasattr(each, "iteration")]


def source_of(tmp_path, data, memory=MEMORY):
    reader = reader_of(write(tmp_path / "data", data))
    return read_stream(reader, "y", memory=memory).source(True, None)


def test_the_survey_knows_what_passes_would_find(tmp_path):
    data = table().drop_columns(["w", "o"])
    stream = source_of(tmp_path, data)
    memory = torchlogit.fit(data, "y").training.source(True, None)
    before = stream.passes.number
    found, expected = moments(stream), moments(memory)
    assert torch.equal(found.coordinates.scale, expected.coordinates.scale)
    rank = independent(stream, found)
    np.testing.assert_allclose(rank.amplification, independent(memory, expected).amplification, rtol=1e-9)
    zeros = torch.zeros(stream.n_features + 1, 1, dtype=torch.float64)
    objective = Objective(stream, loss_for("auto", 2)[1], Strengths(zeros, zeros), 1, rank.coordinates)
    theta = torch.randn(zeros.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bound = stream.survey.largest(rank.coordinates.theta(theta, True), rank.coordinates.centre)
    assert objective._least_weight == 1.0
    assert stream.passes.number == before
    eta = torch.cat([objective.eta(block, theta) for block in objective.blocks()]).abs().max()
    assert eta <= bound < 10 * eta


def test_the_sample_is_of_all_rows(tmp_path):
    data = numbers(20_000).sort_by("x1")
    stream = source_of(tmp_path, data, "1MiB")
    drawn = stream.sample(1000)
    assert not isinstance(drawn, StreamSource)
    assert drawn.weight.sum() == pytest.approx(20_000)
    ranks = np.searchsorted(data["x1"].to_numpy(), drawn.x[:, 0].numpy()) / 20_000
    assert abs(ranks.mean() - 0.5) < 0.03
    assert abs(ranks.std() - 12**-0.5) < 0.02
    assert stream.sample(20_000) is stream


def test_the_thread_ends_with_its_reader():
    started = threading.active_count()
    items = ahead(lambda: iter(range(10**9)))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == started

    def broken():
        yield 1
        raise ValueError("in the thread")

    with pytest.raises(ValueError, match="in the thread"):
        list(ahead(broken))
    assert threading.active_count() == started


def test_a_reader_may_be_let_go_in_its_own_thread():
    """As the garbage collector does that comes by there."""
    taken, over, errors = threading.Event(), threading.Event(), []

    def items():
        yield 1
        taken.wait(20)
        try:
            reader.close()
        except RuntimeError as error:
            errors.append(error)
        over.set()

    reader = ahead(items)
    assert next(reader) == 1
    taken.set()
    assert over.wait(20)
    assert not errors


@pytest.mark.parametrize("size", ["", "0", "-1MB", "1XB", "a lot", 0])
def test_sizes_that_mean_nothing(size):
    with pytest.raises(ParameterError, match="memory must be a size"):
        bytes_of(size)


def test_memory_stays_bounded(tmp_path):
    """A file of 70 MB under a bound of 32 MiB: the process grows by less than that beyond what a small fit takes."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("needs Linux")
    rng, path = np.random.default_rng(0), tmp_path / "large.parquet"
    block = pa.table({f"x{j}": rng.normal(size=50_000) for j in range(10)} | {"y": rng.integers(0, 2, 50_000)})
    with pa.parquet.ParquetWriter(path, block.schema, write_page_checksum=True, use_dictionary=False) as file:
        for _ in range(16):
            file.write_table(block, row_group_size=25_000)
    script = (
        "import sys, torchlogit\n"
        "def peak(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
        "torchlogit.fit(sys.argv[2], 'y', memory='64KiB')\n"
        "before = peak()\n"
        "fit = torchlogit.fit(sys.argv[1], 'y', memory='32MiB', tol=1e-6)\n"
        "print(fit.stream is not None, (peak() - before) / 1024)\n"
    )
    small = one(tmp_path / "small.parquet", block.slice(0, 5000))
    done = subprocess.run(
        [sys.executable, "-c", script, path, small], capture_output=True, text=True, check=True, timeout=300
    )
    streamed, grown = done.stdout.split()
    assert streamed == "True"
    assert float(grown) < 32
