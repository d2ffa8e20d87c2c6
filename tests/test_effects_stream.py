"""Effects, checks and errors by cluster of rows in parts, or over ranks: the numbers of the same rows in memory."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from ranks import fit_here, spread
from streams import MEMORY, numbers, table, write

import torchlogit
from torchlogit import Jeffreys
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.facts import Spread
from torchlogit.inference.goodness import hosmer_lemeshow, surprises
from torchlogit.inference.linearity import linearity
from torchlogit.streamed import StreamedRows

IN_PARTS = {"memory": MEMORY}


def some(classes=2, gaps=False):
    """`table` with an integer of few levels, of which 7 occurs in the last rows alone, and its negative."""
    data = table(classes=classes, gaps=gaps)
    size = np.where(np.arange(4000) >= 3900, 7, np.abs(data["d"].to_numpy()) % 3)
    return data.append_column("size", pa.array(size)).append_column("less", pa.array(-size))


def asked(fit, **rows):
    """Effects and margins of every kind; of a formula, whose rows take longer to encode, some of them."""
    yield fit.effects(by="new", **rows)
    yield fit.margins("mean", by="less", **rows)
    if not fit.recipe.formula:
        yield fit.effects("a", method="eyex", by="town", **rows)
        yield fit.effects(at="mean", method="eydx", **rows)
        yield fit.effects("a", at={"a": [0.25, 1.0], "town": "Jena"}, difference={"a": 2.0}, **rows)
        yield fit.margins({"a": [0, 1]}, **rows)


def assert_same(found, expected, rtol):
    for name, column in expected.columns().items():
        mine = getattr(found, name)
        if column.dtype.kind == "f":
            size = np.abs(column[np.isfinite(column)]).max(initial=0)
            np.testing.assert_allclose(mine, column, rtol=rtol, atol=rtol * size, err_msg=name)
        else:
            assert mine.tolist() == column.tolist(), name
    assert getattr(found, "notes", ()) == getattr(expected, "notes", ())


KINDS = {
    "categories": ("y", {"weight": "w", "offset": "o", "features": ["a", "b", "d", "town", "new"]}, {}),
    "sampling weights": ("y", {"weight": "w", "weights_are": "sampling", "features": ["a", "b", "town"]}, {}),
    "softmax": ("y", {"features": ["a", "c", "town"]}, {"classes": 3}),
    "spline": ("y ~ a * town + bs(b, 4) + C(size) + a:size", {}, {}),
    "dropped rows": ("y ~ a + log(b + 2000) * new + town", {"missing": "drop", "link": "probit"}, {"gaps": True}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_effects_wherever_the_rows_lie(tmp_path, kind):
    target, settings, how = KINDS[kind]
    data = some(**how)
    folder, memory = write(tmp_path / "data", data), "800KiB" if kind == "spline" else MEMORY
    whole = torchlogit.fit(data, target, **settings)
    missing = {"missing": settings["missing"]} if "missing" in settings else {}
    expected = list(asked(whole))
    for found, one in zip(asked(whole, data=folder, memory=memory, **missing), expected, strict=True):
        assert_same(found, one, 1e-10)
    parts = torchlogit.fit(folder, target, memory=memory, **settings)
    assert isinstance(parts.stream, StreamedRows)
    found = parts.effects(by="new")
    assert_same(found, expected[0], 1e-7)  # the fits themselves differ in the tenth digit


def test_what_parts_show_is_what_all_rows_show():
    x = np.concatenate([[3.0, -1.0], np.random.default_rng(0).integers(0, 2, 50), 1e6 + np.arange(9)])
    whole = Spread.of(x)
    for cut in (1, 2, 30):
        np.testing.assert_allclose(Spread.of(x[:cut]).beside(Spread.of(x[cut:])), whole, rtol=1e-14)
    assert whole.deviation == pytest.approx(x.std(), rel=1e-14)
    assert Spread.of(x[2:30]).beside(Spread.of(x[30:52])).zero_one
    assert not Spread.of(x[:2]).beside(Spread.of(x[2:52])).zero_one


def test_passes_are_few(tmp_path):
    fit = torchlogit.fit(write(tmp_path / "data", some()), "y", features=["a", "b", "town", "new"], memory=MEMORY)
    for ask, passes in (
        (lambda: fit.margins({"a": [0, 1, 2], "town": ["Ulm", "Bonn"]}), 1),
        (lambda: fit.effects(at={"a": [0, 1]}), 2),
        (lambda: fit.effects(at="mean", by="town"), 2),
    ):
        before = fit.stream.passes.number
        ask()
        assert fit.stream.passes.number == before + passes


def test_pictures(tmp_path):
    data = some()
    whole = torchlogit.fit(data, "y ~ a + log(b + 2000) + C(size)", weight="w")
    files = {"data": write(tmp_path / "data", data), **IN_PARTS}
    for name, columns in (
        ("curves", ("x", "probability", "low", "high")),
        ("decision_map", ("x", "y", "probability", "low")),
        ("nomogram", ("points", "number")),
    ):
        found, expected = (getattr(whole, name)(**how) for how in (files, {}))
        for column in columns:
            np.testing.assert_allclose(getattr(found, column), getattr(expected, column), rtol=1e-10, err_msg=column)
        if name != "nomogram":
            assert (found.held, found.n_rows, found.points) == (expected.held, expected.n_rows, None)
            assert "none is drawn" in found.notes[-1]


def test_counts_and_matrices(tmp_path):
    data = numbers()
    rng, y = np.random.default_rng(0), data["y"].to_numpy()
    counts = data.append_column("won", pa.array(rng.integers(0, 3, 4000) * (1 + y)))
    counts = counts.append_column("lost", pa.array(rng.integers(1, 4, 4000)))
    whole = torchlogit.fit(counts, "won + lost", features=["x1", "x2"])
    parts = torchlogit.fit(write(tmp_path / "counts", counts), "won + lost", features=["x1", "x2"], memory="256KiB")
    assert_same(parts.effects(), whole.effects(), 1e-9)
    np.testing.assert_allclose(parts.quality(), whole.quality(), rtol=1e-9)
    for kind in ("HC0", "linearised", "HC1"):
        np.testing.assert_allclose(parts.robust(kind).std_error, whole.robust(kind).std_error, rtol=1e-9)
    assert_same_checks(parts.check(), whole.check())
    x = np.stack([data[f"x{j}"].to_numpy() for j in range(1, 7)], 1)
    plain = torchlogit.fit(x, y)
    batches = lambda: ((x[i : i + 900], y[i : i + 900]) for i in range(0, 4000, 900))  # noqa: E731
    for found, one in zip((plain.effects(data=batches, **IN_PARTS), plain.margins(data=batches, **IN_PARTS)),
                          (plain.effects(), plain.margins()), strict=True):  # fmt: skip
        assert_same(found, one, 1e-11)


def test_firths_tests_of_files(tmp_path):
    data = some()
    fit = torchlogit.fit(data, "y", features=["a", "town"], penalty=Jeffreys())
    found = fit.tests(data=write(tmp_path / "data", data), **IN_PARTS)
    np.testing.assert_allclose(found.statistic, fit.tests().statistic, rtol=1e-9)


def test_what_data_do_not_tell_apart(tmp_path):
    data = some().append_column("twice", pa.array(2 * some()["a"].to_numpy()))
    with warnings.catch_warnings(action="ignore"):
        whole = torchlogit.fit(data, "y", features=["a", "twice", "town"])
    folder = write(tmp_path / "data", data)
    assert_same(whole.effects(data=folder, **IN_PARTS), whole.effects(), 1e-10)
    with pytest.raises(ParameterError, match="`a` has no effect of its own"):
        whole.effects("a", data=folder, **IN_PARTS)
    assert_same(
        whole.margins({"a": 1, "twice": 2}, data=folder, **IN_PARTS), whole.margins({"a": 1, "twice": 2}), 1e-10
    )


def test_what_is_refused(tmp_path):
    data = some()
    empty = data.set_column(6, "w", pa.array(np.where(data["size"].to_numpy() == 1, 0.0, 1.0)))
    fit = torchlogit.fit(write(tmp_path / "data", empty), "y", features=["a", "town"], weight="w", memory=MEMORY)
    for call, error, message in (
        (lambda: fit.effects(at="median"), ParameterError, 'medians need all rows in memory.* use at="mean"'),
        (lambda: fit.effects(by=data["town"].to_numpy()), ParameterError, "by must be a column's name"),
        (lambda: fit.effects(by="twon"), DataError, "Did you mean `town`"),
        (lambda: fit.margins(by="size"), DataError, "all rows of `1` have weight 0"),
        (lambda: fit.effects("twon"), ParameterError, "Did you mean `town`"),
        (lambda: fit.robust(cluster=data["town"].to_numpy()), ParameterError, "cluster must be a column's name"),
        (lambda: fit.robust(cluster="o"), ParameterError, "4000 clusters of 4 coefficients .* larger memory="),
        (
            lambda: fit.effects(data=write(tmp_path / "none", data.slice(0, 0), shards=1), memory="1KiB"),
            DataError,
            "no row is left",
        ),
    ):
        with pytest.raises(error, match=message):
            call()


def effects_here(rank, folder):
    """Effects, errors by cluster and a score test, over all ranks."""
    fit = fit_here(folder, "y ~ a * town + C(size)", memory=MEMORY if rank else "1GiB")
    found = [fit.effects(by="new"), fit.effects(at="mean"), fit.margins({"size": [0, 7]})]
    return found, fit.robust("HC1", "town").std_error.numpy(), linearity(fit).statistic


def test_effects_over_ranks(tmp_path):
    data = some()
    whole = torchlogit.fit(data, "y ~ a * town + C(size)")
    expected = [whole.effects(by="new"), whole.effects(at="mean"), whole.margins({"size": [0, 7]})]
    for found, error, statistic in spread(2, effects_here, write(tmp_path / "data", data, shards=2, group=700)):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, 1e-8)
        np.testing.assert_allclose(error, whole.robust("HC1", "town").std_error, rtol=1e-8)
        np.testing.assert_allclose(statistic, linearity(whole).statistic, rtol=1e-8)


@pytest.mark.parametrize("settings", [{}, {"weight": "w"}, {"weight": "w", "weights_are": "sampling"}])
def test_errors_by_cluster(tmp_path, settings):
    data = some(gaps=True)
    rng = np.random.default_rng(5)
    data = data.append_column("school", pa.array(rng.integers(0, 60, 4000)))
    how = {"missing": "drop", "features": ["a", "b", "town"], **settings}
    folder = write(tmp_path / "data", data)
    whole, parts = torchlogit.fit(data, "y", **how), torchlogit.fit(folder, "y", memory=MEMORY, **how)
    for cluster, kinds in (("school", ("HC0", "linearised", "HC1")), ("new", ["HC1"]), (("school", "size"), ["HC1"])):
        for kind in kinds:
            one, other = whole.robust(kind, cluster), parts.robust(kind, cluster)
            np.testing.assert_allclose(other.std_error, one.std_error, rtol=1e-8)
            assert other.covariance_kind == one.covariance_kind
            assert other.warnings == one.warnings
    if not settings:
        other = whole.robust("HC1", "school", data=folder, missing="drop", **IN_PARTS)
        np.testing.assert_allclose(other.std_error, whole.robust("HC1", "school").std_error, rtol=1e-10)
        data, kept = data.drop_columns(["less"]), write(tmp_path / "kept", data.drop_columns(["less"]))  # collinear
        once = torchlogit.fit(kept, "y", memory=MEMORY, cluster="school", missing="drop")  # not a feature
        assert once.columns == torchlogit.fit(data, "y", cluster="school", missing="drop").columns


def assert_same_checks(parts, whole):
    for one, other in zip(parts.findings, whole.findings, strict=True):
        assert one[:3] == other[:3]
        assert one.value == (other.value if other.value is None else pytest.approx(other.value, rel=1e-6, abs=1e-18))


@pytest.mark.parametrize("classes", [2, 3])
def test_checks(tmp_path, classes):
    data = some(classes, gaps=True)
    a = data["a"].to_numpy().copy()
    a[3210] = 60.0  # of much influence, and of a class that surprises
    data = data.set_column(0, "a", pa.array(a))
    how = {"missing": "drop", "features": ["a", "b", "c", "town"]}
    whole = torchlogit.fit(data, "y", **how)
    parts = torchlogit.fit(write(tmp_path / "data", data), "y", memory=MEMORY, **how)
    assert_same_checks(parts.check(), whole.check())
    assert [finding.ok for finding in whole.check().findings].count(None) == (classes > 2)
    np.testing.assert_array_equal(surprises(parts)[0], surprises(whole)[0])
    if classes == 2:
        firth = {"weight": "w", "penalty": Jeffreys(), **how}
        parts = torchlogit.fit(tmp_path / "data", "y", memory=MEMORY, **firth)
        assert_same_checks(parts.check(), torchlogit.fit(data, "y", **firth).check())


def test_hosmer_and_lemeshow(tmp_path):
    for data, groups in ((numbers(4001), 7), (some(), 10)):
        features = {"features": ["town", "new", "size"]} if "town" in data.column_names else {}
        fit = torchlogit.fit(data, "y", **features)
        folder = write(tmp_path / str(len(data)) / str(groups), data)
        found, whole = hosmer_lemeshow(fit, folder, groups, **IN_PARTS), hosmer_lemeshow(fit, data, groups)
        assert found.n.tolist() == whole.n.tolist()
        assert found.observed.tolist() == whole.observed.tolist()
        np.testing.assert_allclose(found.expected, whole.expected, rtol=1e-10)
        assert found.statistic == pytest.approx(whole.statistic, rel=1e-8)
        assert found.df == whole.df


def test_commands(tmp_path, run):
    data = some(gaps=True)
    folder, model = write(tmp_path / "data", data), tmp_path / "m.safetensors"
    one = write(tmp_path / "one", data, shards=1) / "part-0.parquet"
    torchlogit.fit(data, "y", features=["a", "b", "town"], missing="drop").save(model)
    for command in (["effects", "--margins", "--at", "a=0,1", "--by", "new"], ["check"]):
        name, *options = command
        whole, parts = run(name, model, one, *options), run(name, model, folder, *options, "--memory", MEMORY)
        assert (parts.code, parts.out) == (0, whole.out)
        assert "left out" in parts.err
        assert [line for line in parts.err.splitlines() if "left out" in line] == [
            line for line in whole.err.splitlines() if "left out" in line
        ]
