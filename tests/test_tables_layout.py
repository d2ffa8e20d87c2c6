"""A table of many levels says the same with its zeros and without them: its matrix, and all that is made of it."""

import contextlib
import tracemalloc
import warnings
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlogit
from torchlogit import L1, L2, bootstrap, fit, fit_many, fit_path
from torchlogit.errors import DataError
from torchlogit.tables import Recipe, layout

N = 2**13


@contextlib.contextmanager
def laid_out(how):
    """All tables with a category as sparse rows, or all dense."""
    limits = {"LARGE": 0, "WIDE": 0, "SPARSE": 1.0} if how == "sparse" else {"LARGE": 2**60}
    with mock.patch.multiple(layout, **limits):
        yield


def both(make):
    """What ``make`` returns with each layout, and the sentences it warned with."""
    found = []
    for how in ("sparse", "dense"):
        with laid_out(how), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append((make(), [str(warning.message) for warning in caught]))
    return found


def frame(n=400, seed=0, **more):
    """Two numbers and two categories, of 12 and 5 levels, with an outcome that depends on them."""
    rng = np.random.default_rng(seed)
    town, job = rng.integers(0, 12, n), rng.integers(0, 5, n)
    age, pay = rng.normal(1, 1, n), rng.normal(0, 2, n)
    eta = 0.5 * age - 0.2 * pay + 0.3 * np.sin(town) + 0.4 * np.cos(job)
    names = np.array([f"t{level:02d}" for level in range(12)])
    columns = {"age": age, "town": names[town], "pay": pay, "job": pd.Categorical(np.array(list("abcde"))[job])}
    return pd.DataFrame({**columns, **more, "y": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)})


def many_levels(n=N, levels=600, seed=0):
    rng = np.random.default_rng(seed)
    town = np.concatenate([np.arange(levels), rng.integers(0, levels, n - levels)])
    size = rng.standard_normal(n)
    y = rng.random(n) < 1 / (1 + np.exp(-size - np.sin(town)))
    return pd.DataFrame({"size": size, "town": [f"t{level:03d}" for level in town], "y": y.astype(int)})


def table_of(model):
    return [line for line in str(model.summary()).splitlines() if not line.startswith("Certified")]


def is_sparse(matrix):
    return hasattr(matrix, "tocsr")


# the matrix

parts = st.lists(
    st.one_of(
        st.tuples(st.just(1), st.lists(st.sampled_from([0.0, 1.0, -2.5, np.nan]), min_size=5, max_size=5)),
        st.integers(0, 3).flatmap(
            lambda width: st.tuples(
                st.just(width), st.lists(st.integers(layout.MISSING, width - 1), min_size=5, max_size=5)
            )
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(parts)
def test_the_same_matrix_without_its_zeros(found):
    widths, columns = [width for width, _ in found], [np.array(column) for _, column in found]
    matrix, rows = layout.dense(columns, widths, 5), layout.sparse(columns, widths, 5)
    assert rows.has_canonical_format
    assert rows.indices.dtype == rows.indptr.dtype == np.int32
    whole = ~np.isnan(matrix).any(1)
    np.testing.assert_array_equal(rows.toarray()[whole], matrix[whole])
    np.testing.assert_array_equal(np.isnan(rows.toarray()).any(1), ~whole)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_many_levels_are_sparse_rows_in_every_library(make):
    table = many_levels()
    data = {name: table[name].tolist() for name in ("size", "town")}
    recipe = Recipe.learn(make(data))
    found = recipe.encode(make(data)).matrix
    assert is_sparse(found)
    assert found.shape == (N, 600)
    expected = np.column_stack([table["size"], pd.get_dummies(table["town"], drop_first=True, dtype=float)])
    np.testing.assert_array_equal(found.toarray(), expected)


def test_small_tables_narrow_ones_and_numbers_stay_dense():
    rng = np.random.default_rng(0)
    assert not is_sparse(Recipe.learn(frame()).encode(frame()).matrix)
    narrow = {"town": (np.arange(2**16) % 100).astype(str)}
    assert not is_sparse(Recipe.learn(narrow, categorical=["town"]).encode(narrow).matrix)
    numbers = {f"x{j}": rng.standard_normal(2**14) for j in range(300)}
    assert not is_sparse(Recipe.learn(numbers).encode(numbers).matrix)


def test_no_dense_matrix_is_made_on_the_way():
    table = many_levels(2**14)
    recipe = Recipe.learn(table, target="y")
    tracemalloc.start()
    matrix = recipe.encode(table).matrix
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert is_sparse(matrix)
    assert peak < 8 * np.prod(matrix.shape) / 10


def test_missing_cells_have_their_rows():
    table = many_levels()
    table.loc[[3, 700], "town"] = None
    table.loc[[5], "size"] = np.nan
    recipe = Recipe.learn(table, target="y")
    found = recipe.encode(table)
    assert {name: rows.tolist() for name, rows in found.missing.items()} == {"town": [3, 700], "size": [5]}
    assert np.flatnonzero(np.isnan(found.matrix.toarray()).any(1)).tolist() == [3, 5, 700]


# what is made of it


@pytest.mark.parametrize("penalty", [None, L2(0.3), L1(1.5)], ids=["none", "L2", "L1"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_same_fit(penalty, classes):
    data = frame(weight=np.random.default_rng(1).integers(1, 4, 400).astype(float), shift=np.linspace(-1, 1, 400))
    data["y"] = data["y"] if classes == 2 else data["y"] + (data["pay"] > 1.5)
    data.loc[[7, 90], "town"] = None
    data.loc[[8], "age"] = np.nan
    more = (
        {"weight": "weight", "offset": "shift"} if classes == 2 else {"weight": "weight", "features": ["age", "town"]}
    )
    (sparse, told), (dense, also) = both(lambda: fit(data, "y", penalty=penalty, missing="drop", **more))
    assert sparse.certified
    assert sparse.dropped == 3
    np.testing.assert_allclose(sparse.theta, dense.theta, rtol=1e-9, atol=1e-9)
    if penalty is None:
        np.testing.assert_allclose(sparse.std_error, dense.std_error, rtol=1e-9)
    assert told == also
    assert sparse.warnings == dense.warnings
    assert table_of(sparse) == table_of(dense)


def test_columns_that_add_nothing_are_named():
    data = frame(fixed=np.ones(400))
    data["region"] = data["town"].str[:2]
    data["twice"] = 2 * data["age"] + 1
    (sparse, told), (dense, also) = both(lambda: fit(data, "y"))
    assert sparse.aliased == ("fixed", "region=t1", "twice")
    assert sparse.aliased == dense.aliased
    assert told == also
    assert any("region=t1" in sentence for sentence in told)
    np.testing.assert_allclose(sparse.theta, dense.theta, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sparse.std_error, dense.std_error, rtol=1e-9)


def test_separation_is_seen():
    data = frame()
    data.loc[data["town"] == "t03", "y"] = 1
    (sparse, told), (dense, also) = both(lambda: fit(data, "y"))
    assert str(sparse.status) == str(dense.status) == "separated"
    assert told == also
    assert "town=t03" in " ".join(told)


def test_paths_groups_and_resamples():
    data = frame(600, group=np.repeat(["a", "b"], 300))
    for make in (
        lambda: fit_path(data, "y", n_strengths=4).theta,
        lambda: fit_many(data, "y", groups="group", penalty=L2(1.0)).theta,
        lambda: bootstrap(data, "y", 4, penalty=L2(1.0), features=["age", "town"]).theta,
    ):
        (sparse, _), (dense, _) = both(make)
        np.testing.assert_allclose(sparse, dense, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("far", [1e2, 2013, 1e6, 1e9])
def test_numbers_far_from_zero_keep_their_digits(far):
    """Sparse rows cannot be centred, so such a table keeps its zeros."""
    data, moved = frame(), frame()
    moved["age"] += far
    with laid_out("sparse"):
        here, there = fit(data, "y"), fit(moved, "y")
    np.testing.assert_allclose(there.coef, here.coef, rtol=1e-6 if far > 1e6 else 1e-8)
    np.testing.assert_allclose(there.std_error[1:], here.std_error[1:], rtol=1e-6 if far > 1e6 else 1e-8)


def test_a_model_file_predicts_and_refuses_alike(tmp_path):
    data = many_levels()
    model = fit(data, "y", penalty=L2(1.0))
    model.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    p = again.predict_proba(data)
    np.testing.assert_array_equal(p, model.predict_proba(data))
    np.testing.assert_allclose(p[:50], again.predict_proba(data[:50]), rtol=1e-12)  # a few rows are dense
    strange = data.assign(town=data["town"].where(data.index != 9, "nowhere"))
    with pytest.raises(DataError, match=r"column `town`: 'nowhere' \(row 10\) was not seen"):
        again.predict_proba(strange)
    with pytest.raises(DataError, match=r"column `size` has no value .* row 10"):
        again.predict_proba(data.assign(size=data["size"].where(data.index != 9)))
    with pytest.raises(DataError, match=r"column `town` has no value .* row 10"):
        fit(data.assign(town=data["town"].where(data.index != 9)), "y", penalty=L2(1.0))


def test_the_command_fits_and_predicts(run, tmp_path):
    data = many_levels()
    data.to_csv(tmp_path / "many.csv", index=False)
    ends = "--out", tmp_path / "m.safetensors", "--plot", tmp_path / "curve.svg"
    fitted = run("fit", tmp_path / "many.csv", "--target", "y", "--C", "1", *ends)
    assert fitted.code == 0
    found = run("predict", tmp_path / "m.safetensors", tmp_path / "many.csv", "--ignore-extra").out.splitlines()
    p = [float(line.split(",")[1]) for line in found[1:]]
    with laid_out("dense"):
        np.testing.assert_allclose(p, fit(data, "y", penalty=L2(1.0)).predict_proba(data)[:, 1], rtol=1e-9)
