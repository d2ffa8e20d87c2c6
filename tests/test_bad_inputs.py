"""What bad input gets through the functional door: `torchlogit.fit` and the predictions of a `Fit`.

Every name carries the number of its row in the list of bad inputs, sections A (X), B (y, weights), C (names, categories)
and E (numerics). Rows whose refusal is the tables' own are tested again here only for what the door adds.
"""

import decimal
import unicodedata
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch

import torchlogit
from torchlogit import (
    L1,
    L2,
    LBFGS,
    AliasedWarning,
    DataError,
    DataWarning,
    ElasticNet,
    Newton,
    NotCertifiedError,
    NotCertifiedWarning,
    ParameterError,
    Status,
    fit,
)

RNG = np.random.default_rng(11)
N = 120
X = RNG.normal(size=(N, 3))
Y = (X @ [1.0, -0.7, 0.0] + RNG.logistic(size=N) > 0).astype(int)
THREE = np.digitize(X[:, 0] + RNG.logistic(size=N), [-0.7, 0.7])
FRAME = {"age": X[:, 0], "dose": X[:, 1], "school": np.array(["A", "B", "C"] * 40)}
BASE = fit(X, Y)


def at(x, row, column, value):
    x = np.array(x, dtype=np.float64)
    x[row, column] = value
    return x


def close(a, b, rel=1e-12):
    assert a.numpy() == pytest.approx(b.numpy(), rel=rel, abs=rel)


# A. X: values and shape


@pytest.mark.parametrize("make", [np.asarray, torch.tensor, sp.csr_array, np.asfortranarray, np.ndarray.tolist])
def test_bad_001_003_cells_that_are_not_finite(make):
    bad = at(at(X, 4, 1, np.nan), 9, 1, np.nan)
    with pytest.raises(DataError, match=r"`x2` \(index 1\) holds NaN in rows 5, 10"):
        fit(make(bad), Y)
    with pytest.raises(DataError, match=r"`x3` \(index 2\) holds infinity in row 7"):
        fit(make(at(X, 6, 2, -np.inf)), Y)


def test_bad_001_a_frame_with_gaps_is_refused_or_dropped_as_asked():
    frame = {**FRAME, "dose": at(X, 4, 1, np.nan)[:, 1]}
    with pytest.raises(DataError, match=r"`dose` has no value .*row 5.*missing='drop'"):
        fit(frame, Y)
    model = fit(frame, Y, missing="drop")
    assert (model.n_rows, model.dropped) == (N - 1, 1)
    assert model.warnings == ("dropped 1 of 120 rows: 1 with no `dose`",)
    keep = np.arange(N) != 4
    close(model.theta, fit({name: column[keep] for name, column in FRAME.items()}, Y[keep]).theta)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor, sp.csr_array])
def test_bad_002_003_cells_that_are_not_finite_at_predict(make):
    for value, word in [(np.nan, "NaN"), (np.inf, "infinity")]:
        with pytest.raises(DataError, match=rf"`x2` .*{word} in row 3"):
            BASE.predict_proba(make(at(X, 2, 1, value)))
    with pytest.raises(DataError, match=r"`dose` has no value .*row 1"):
        fit(FRAME, Y).predict({"age": [1.0], "dose": [None], "school": ["A"]})


def test_bad_004_missing_of_pandas():
    frame = pd.DataFrame(
        {"a": pd.array([1, None, 3] * 40, dtype="Int64"), "b": pd.array([True, None, False, True] * 30)}
    )
    with pytest.raises(DataError, match=r"`a` has no value.*`b` has no value"):
        fit(frame, Y)
    assert fit(frame, Y, missing="drop").dropped == 60
    with pytest.raises(DataError, match="has no value"):
        fit(FRAME, pd.array([1, 0, None] * 40, dtype="Int64"))


def test_bad_005_masked_cells():
    with pytest.raises(DataError, match=r"masked cells in row 5"):
        fit(np.ma.masked_array(X, mask=at(np.zeros_like(X), 4, 0, 1)), Y)
    close(fit(np.ma.masked_array(X), Y).theta, BASE.theta)


def test_bad_006_a_constant_column_beside_the_intercept_is_aliased():
    with pytest.warns(AliasedWarning, match="`x2` is constant"):
        model = fit(np.insert(X, 1, 0.1, axis=1), Y)
    assert model.aliased == ("x2",)
    assert float(model.coef[1, 0]) == 0
    close(model.theta[[0, 1, 3, 4]], BASE.theta)
    table = model.table()
    assert np.isnan(table.estimate[2])
    assert np.isnan(table.std_error[2])


def test_bad_007_a_constant_column_without_intercept_is_one():
    model = fit(np.insert(X, 0, 1.0, axis=1), Y, intercept=False)
    close(model.theta, BASE.theta)
    close(model.std_error, BASE.std_error, 1e-10)


@pytest.mark.parametrize("intercept", [True, False])
def test_bad_008_a_column_of_zeros(intercept):
    x = np.insert(X, 3, 0.0, axis=1)
    with pytest.warns(AliasedWarning, match="`x4`"):
        model = fit(x, Y, intercept=intercept)
    assert model.aliased == ("x4",)
    assert float(fit(x, Y, intercept=intercept, penalty=L2(1.0)).coef[3, 0]) == 0


def test_bad_009_a_duplicated_column():
    x = np.hstack([X, X[:, :1]])
    with pytest.warns(AliasedWarning, match="`x4` = `x1`"):
        model = fit(x, Y)
    close(model.theta[:4], BASE.theta)
    ridge = fit(x, Y, penalty=L2(1.0)).coef[:, 0]
    assert float(ridge[0]) == pytest.approx(float(ridge[3]), rel=1e-12)


def test_bad_010_exact_combinations_and_the_dummy_trap():
    with pytest.warns(AliasedWarning, match="`total` = 2 `a` - `b` \\+ 5"):
        model = fit({"a": X[:, 0], "b": X[:, 1], "total": 2 * X[:, 0] - X[:, 1] + 5}, Y)
    assert model.aliased == ("total",)
    dummies = np.eye(3)[np.arange(N) % 3]
    with pytest.warns(AliasedWarning, match="`x3` = - `x1` - `x2` \\+ 1"):
        assert fit(dummies, Y).aliased == ("x3",)
    assert fit(dummies, Y, intercept=False).aliased == ()


def test_bad_014_subnormals_and_minus_zero():
    x = at(at(X, 0, 0, 5e-324), 1, 0, -0.0)
    plus = at(at(X, 0, 0, 0.0), 1, 0, 0.0)
    close(fit(x, Y).theta, fit(plus, Y).theta)
    tiny = np.where(np.arange(N)[:, None] % 3 > 0, 5e-324, -0.0)
    model = fit(np.hstack([tiny, X]), Y, penalty=L2(1.0))
    assert bool(model.theta.isfinite().all())
    assert bool(model.predict_proba(np.hstack([tiny, X])).isfinite().all())


def test_bad_015_016_017_no_rows_no_columns_one_row():
    with pytest.raises(DataError, match=r"0 sample\(s\)"):
        fit(np.zeros((0, 3)), [])
    with pytest.raises(DataError, match=r"0 feature\(s\)"):
        fit(np.zeros((N, 0)), Y)
    with pytest.raises(DataError, match="one class"):
        fit(X[:1], Y[:1])
    with pytest.raises(DataError, match=r"0 (feature|column)"):
        fit({"y": Y}, "y")
    assert BASE.predict_proba(np.zeros((0, 3))).shape == (0, 2)


def test_bad_019_other_shapes():
    with pytest.raises(DataError, match=r"Expected 2D array, got 1D.*reshape\(-1, 1\)"):
        fit(X[:, 0], Y)
    with pytest.raises(DataError, match="Expected 2D array, got 3D"):
        fit(X[None], Y)
    with pytest.raises(DataError, match="different lengths"):
        fit([[1.0, 2], [3]], [0, 1])
    with pytest.raises(DataError, match="Expected 2D array, got 1D"):
        BASE.predict(X[0])
    with pytest.raises(DataError, match="X has 2 features, but the model is expecting 3"):
        BASE.predict(X[:, :2])


@pytest.mark.parametrize(
    "x", [X + 1j, torch.tensor(X) + 1j, sp.csr_array(X + 1j), pd.DataFrame(X + 1j, columns=list("abc"))]
)
def test_bad_020_complex(x):
    with pytest.raises(DataError, match="Complex data not supported"):
        fit(x, Y)


def test_bad_021_numbers_kept_as_text():
    with pytest.raises(DataError, match=r"`a`: '1' .row 1.*number kept as text"):
        fit({"a": ["1", "2", "10"] * 40, "b": X[:, 1]}, Y)
    objects = X.astype(object)
    objects[3, 1] = "0.5"
    with pytest.raises(DataError, match=r"text, '0.5' in row 4, column 1"):
        fit(objects, Y)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u8", "?"])
def test_bad_023_small_integers_do_not_wrap(dtype):
    counts = (np.abs(X) * 40).astype(int) % (2 if dtype == "?" else 100)
    close(fit(counts.astype(dtype), Y).theta, fit(counts.astype(float), Y).theta)
    if dtype in ("u1", "i1", "i4", "?"):
        close(fit(torch.from_numpy(counts.astype(dtype)), Y).theta, fit(counts.astype(float), Y).theta)


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy, lambda x: {"id": x[:, 0], "b": x[:, 1]}])
def test_bad_024_integers_that_float64_cannot_hold(make):
    big = np.stack([2**53 + 1 + np.arange(N), np.arange(N)], 1)
    with pytest.raises(DataError, match=r"2\*\*53|2\^53"):
        fit(make(big), Y)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_bad_025_026_low_precision_is_computed_in_float64(dtype):
    x = torch.from_numpy(X).to(dtype)
    model = fit(x, Y)
    close(model.theta, fit(x.double(), Y).theta)
    assert model.theta.dtype == torch.float64
    close(model.predict_proba(x), model.predict_proba(x.double()))


def test_bad_026_float32_arithmetic_is_asked_for():
    close(fit(X, Y, dtype="float32").theta, BASE.theta, 1e-4)
    with pytest.raises(ParameterError, match="float16"):
        fit(X, Y, dtype="float16")


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.longdouble),
        lambda x: np.array([[decimal.Decimal(repr(float(v))) for v in row] for row in x], dtype=object),
    ],
)
def test_bad_027_foreign_numbers(make):
    close(fit(make(X), Y).theta, BASE.theta)
    close(BASE.predict_proba(make(X)), BASE.predict_proba(X))


def sparse_forms():
    x = np.where(np.abs(X) > 0.8, X, 0.0)
    csr = sp.csr_matrix(x)
    unsorted = csr.copy()
    for i in range(N):
        part = slice(unsorted.indptr[i], unsorted.indptr[i + 1])
        unsorted.indices[part], unsorted.data[part] = unsorted.indices[part][::-1], unsorted.data[part][::-1]
    unsorted.has_sorted_indices = False
    long = csr.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    r, c = np.nonzero(x)
    twice = sp.coo_array((np.r_[x[r, c] / 2, x[r, c] / 2], (np.r_[r, r], np.r_[c, c])), shape=x.shape)
    zeros = sp.csr_array(
        (np.r_[csr.tocoo().data, 0.0], (np.r_[csr.tocoo().row, 0], np.r_[csr.tocoo().col, 0])), shape=x.shape
    )
    forms = {"csr": csr, "csc": sp.csc_array(x), "coo": sp.coo_matrix(x), "unsorted": unsorted, "int64": long}
    forms |= {"duplicates": twice, "explicit zeros": zeros, "torch coo": torch.tensor(x).to_sparse()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forms["torch csr"] = torch.tensor(x).to_sparse_csr()
    return x, forms


@pytest.mark.parametrize("form", sparse_forms()[1])
@pytest.mark.parametrize("penalty", [None, L2(0.5), L1(0.5)])
def test_bad_028_sparse_equals_dense(form, penalty):
    dense, forms = sparse_forms()
    model, whole = fit(forms[form], Y, penalty=penalty), fit(dense, Y, penalty=penalty)
    close(model.theta, whole.theta, 1e-11 if penalty is None or penalty.l1_ratio == 0 else 1e-6)
    close(model.predict_proba(forms[form]), model.predict_proba(dense))


def test_bad_028_wide_sparse_data_are_never_made_dense():
    import tracemalloc

    wide = sp.random_array((2000, 30_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    y = np.arange(2000) % 2
    tracemalloc.start()
    fit(wide, y, penalty=L2(1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 30_000 * 8 / 4


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_029_sparse_cells_that_are_not_finite(value):
    bad = sp.csc_matrix(at(X, 7, 2, value))
    with pytest.raises(DataError, match=r"`x3` .*row 8"):
        fit(bad, Y)


def test_bad_030_memory_of_any_layout_is_read_and_left_alone(tmp_path):
    mapped = np.memmap(tmp_path / "x", dtype="f8", mode="w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    frozen = X.copy()
    frozen.flags.writeable = False
    wide = np.repeat(X, 2, axis=1)
    for x in (
        np.asfortranarray(X),
        X[::-1][::-1],
        X[:, ::-1][:, ::-1],
        np.memmap(tmp_path / "x", dtype="f8", mode="r", shape=X.shape),
        frozen,
        wide[:, ::2],
    ):
        before = x.tobytes()
        model = fit(x, Y)
        model.predict(x)
        assert x.tobytes() == before
        close(model.theta, BASE.theta)
    assert fit(X[::-1], Y[::-1]).n_rows == N


def test_bad_031_tensors_with_grad_in_inference_mode_and_under_autocast():
    x = torch.from_numpy(X).requires_grad_()
    model = fit(x, torch.from_numpy(Y))
    assert not model.theta.requires_grad
    assert x.grad is None
    assert not model.predict_proba(x).requires_grad
    with torch.inference_mode():
        inside = fit(torch.from_numpy(X), Y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = fit(torch.from_numpy(X), Y)
        p = cast.predict_proba(torch.from_numpy(X))
    for other in (model, inside, cast):
        assert torch.equal(other.theta, BASE.theta)
        assert torch.equal(other.std_error, BASE.std_error)
    assert torch.equal(p, BASE.predict_proba(X))
    close(fit(torch.from_numpy(X).float().requires_grad_(), Y, dtype="float32").theta, BASE.theta, 1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bad_031_126_tensors_on_a_gpu():
    torch.set_float32_matmul_precision("medium")
    try:
        model = fit(torch.from_numpy(X).cuda(), torch.from_numpy(Y).cuda())
    finally:
        torch.set_float32_matmul_precision("highest")
    close(model.theta.cpu(), BASE.theta, 1e-10)
    assert model.predict_proba(torch.from_numpy(X).cuda()).is_cuda
    close(model.predict_proba(X), BASE.predict_proba(X), 1e-10)


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        pl.DataFrame,
        pa.table,
        lambda d: pd.DataFrame(d).convert_dtypes(),
        lambda d: pd.DataFrame(d).convert_dtypes(dtype_backend="pyarrow"),
    ],
)
def test_bad_032_frames_of_every_library(make):
    columns = {f"c{j}": X[:, j] for j in range(3)} | {"y": Y}
    frame = make(columns)
    model = fit(frame, "y")
    assert torch.equal(model.theta, BASE.theta)
    assert torch.equal(model.predict_proba(frame), BASE.predict_proba(X))


def test_bad_033_fewer_rows_than_columns():
    x, y = RNG.normal(size=(20, 40)), np.arange(20) % 2
    with pytest.raises(DataError, match=r"20 rows cannot determine 41 coefficients .*at most 20"):
        fit(x, y)
    assert fit(x, y, penalty=L2(1.0)).certified


@pytest.mark.filterwarnings("ignore::torchlogit.DataWarning")
def test_bad_034_as_many_rows_as_coefficients_are_saturated():
    with pytest.warns(NotCertifiedWarning, match="split perfectly"):
        model = fit(X[:4], [0, 1, 0, 1])
    assert model.status is Status.separated


def test_bad_035_036_what_cannot_fit_in_memory_is_refused_before_it_is_allocated():
    wide = sp.random_array((50, 1_000_000), density=1e-5, rng=np.random.default_rng(0), format="csr")
    y = np.arange(50) % 2
    with pytest.raises(ParameterError, match=r"1000001 coefficients needs 7451 GiB.*LBFGS"):
        fit(wide, y, penalty=L2(1.0), solver=Newton())
    with pytest.raises(DataError, match=r"50 rows cannot determine 1000001"):
        fit(wide, y)


def test_bad_038_indexes_that_disagree():
    x, y = pd.DataFrame(X, columns=list("abc")), pd.Series(Y)
    with pytest.raises(DataError, match="indexes of X and y disagree"):
        fit(x, y.sample(frac=1, random_state=1))
    with pytest.raises(DataError, match="indexes of X and y disagree"):
        fit(x, y.set_axis(np.arange(1, N + 1)))
    assert torch.equal(fit(x, y).theta, BASE.theta)
    weight = pd.Series(np.ones(N)).sample(frac=1, random_state=1)
    with pytest.raises(DataError, match="indexes of X and weight disagree"):
        fit(x, y, weight=weight)


# B. Target, weights, classes


@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
def test_bad_039_labels_that_are_none(bad):
    y = Y.astype(object) if bad is None else Y.astype(float)
    y[5] = bad
    with pytest.raises(DataError, match="row 6"):
        fit(X, y)


def test_bad_040_a_target_that_is_not_there():
    with pytest.raises(DataError, match="Did you mean `school`"):
        fit(FRAME, "schol")
    with pytest.raises(ParameterError, match="`y` names a column, but the data have no names"):
        fit(X, "y")


def test_bad_041_042_063_one_class():
    with pytest.raises(DataError, match="one class only, 1"):
        fit(X, np.ones(N))
    gaps = {"a": np.where(Y == 1, np.nan, X[:, 0])}
    with pytest.raises(DataError, match=r"only one class, 0, is left.*dropped"):
        fit(gaps, Y, missing="drop")
    with pytest.raises(DataError, match=r"only one class, 1, is left.*weight 0"):
        fit(X, Y, weight=Y)


@pytest.mark.parametrize(
    "labels", [Y.astype(float), Y + 1, 2 * Y - 1, Y == 1, np.where(Y, "yes", "no"), Y.astype("i1")]
)
def test_bad_043_045_054_labels_of_every_kind(labels):
    model = fit(X, labels)
    assert model.classes.dtype == labels.dtype
    assert model.positive == labels.max() if labels.dtype.kind != "U" else model.positive == "yes"
    assert torch.equal(model.theta, BASE.theta)
    assert model.predict(X).dtype == labels.dtype
    assert (model.predict(X) == model.classes[BASE.predict(X)]).all()


def test_bad_044_fractions():
    with pytest.raises(DataError, match="Unknown label type: continuous"):
        fit(X, np.where(Y, 0.5, 0.0))


def test_bad_046_047_three_classes_to_the_binary_loss():
    with pytest.raises(DataError, match="for two classes, but the target has 3"):
        fit(X, THREE, loss="logistic")


def test_bad_048_labels_that_look_like_an_identifier():
    with pytest.raises(DataError, match="120 classes in 120 rows"):
        fit(X, np.arange(N))


def test_bad_049_classes_of_few_rows():
    with pytest.warns(DataWarning, match="fewer than 8 rows in class 2"):
        fit(X, np.where(np.arange(N) < 3, 2, Y), penalty=L2(1.0))


def test_bad_050_a_rare_event():
    """A few in a hundred thousand: the closed form of a 2×2 table, through rows rather than weights."""
    n = 100_000
    x = torch.zeros(n, 1, dtype=torch.float64)
    x[: n // 4] = 1
    y = torch.zeros(n, dtype=torch.int64)
    y[[0, n // 2, n - 1]] = 1
    with pytest.warns(DataWarning, match="fewer than 8 rows"):
        model = fit(x, y)
    exposed, other = np.log(1 / (n // 4 - 1)), np.log(2 / (3 * n // 4 - 2))
    assert model.theta[:, 0].tolist() == pytest.approx([other, exposed - other], rel=1e-8)


def test_bad_051_numbers_and_text_mixed():
    with pytest.raises(DataError, match="mix numbers with text"):
        fit(X, [1, "1"] * 60)


def test_bad_052_labels_that_look_alike():
    labels = np.where(Y, unicodedata.normalize("NFD", "é"), "é")
    with pytest.warns(DataWarning, match="look alike"):
        model = fit(X, labels)
    assert len(model.classes) == 2
    assert set(model.predict(X)) <= set(labels)


def test_bad_053_a_level_that_does_not_occur():
    y = pd.Categorical(np.where(Y, "ill", "well"), categories=["ill", "well", "dead"])
    with pytest.warns(DataWarning, match="no row has 'dead'"):
        assert fit(X, y).classes.tolist() == ["ill", "well"]


def test_bad_055_another_reference_combines_the_coefficients_exactly():
    flipped = fit(X, np.where(Y, "a", "b"))
    close(flipped.theta, -BASE.theta)
    a, c = fit(FRAME, Y), fit(FRAME, Y, reference={"school": "C"})
    assert (a.columns[2:], c.columns[2:]) == (("school=B", "school=C"), ("school=A", "school=B"))
    t, u = a.theta[:, 0], c.theta[:, 0]
    close(
        torch.stack([u[0], u[1], u[2], u[3], u[4]]), torch.stack([t[0] + t[4], t[1], t[2], -t[4], t[3] - t[4]]), 1e-10
    )
    close(a.predict_proba(FRAME), c.predict_proba(FRAME), 1e-10)


def test_bad_057_058_targets_of_other_shapes():
    with pytest.raises(DataError, match=r"shape \(120, 2\)"):
        fit(X, np.stack([Y, Y], 1))
    with pytest.raises(DataError, match="X has 120 rows but y has 119"):
        fit(X, Y[:-1])
    with pytest.raises(DataError, match=r"120|119"):
        fit(FRAME, Y[:-1])


def test_bad_059_the_target_among_the_features():
    with pytest.raises(DataError, match="cannot also be a feature"):
        fit({**FRAME, "y": Y}, "y", features=["age", "y"])
    with pytest.warns(NotCertifiedWarning, match="split perfectly by `copy`"):
        model = fit({"age": X[:, 0], "copy": 2.0 * Y}, Y)
    assert model.covariance_root is None


@pytest.mark.parametrize(("value", "words"), [(-1.0, "negative weight"), (np.nan, "no value"), (np.inf, "infinite")])
def test_bad_060_061_weights_that_are_none(value, words):
    weight = np.ones(N)
    weight[6] = value
    with pytest.raises(DataError, match=rf"(row 7.*{words}|{words}.*row 7)"):
        fit(X, Y, weight=weight)


def test_bad_062_064_weights_of_no_use():
    with pytest.raises(DataError, match="all 120 weights are zero"):
        fit(X, Y, weight=np.zeros(N))
    with pytest.raises(DataError, match="119 cells for 120 rows"):
        fit(X, Y, weight=np.ones(N - 1))
    with pytest.raises(DataError, match="one dimension"):
        fit(X, Y, weight=np.ones((N, 2)))


@pytest.mark.parametrize("factor", [1e300, 1e-300, 1e15])
def test_bad_067_weights_of_any_size(factor):
    plain, scaled = fit(X, Y, weight=np.ones(N)), fit(X, Y, weight=np.full(N, factor))
    close(scaled.theta, plain.theta, 1e-10)
    assert scaled.certified


def test_bad_067_weights_of_mixed_size():
    weight = np.where(np.arange(N) % 2, 1e15, 1e-15)
    odd = fit(X[1::2], Y[1::2])
    close(fit(X, Y, weight=weight).theta, odd.theta, 1e-10)


def test_bad_068_a_row_of_weight_zero_is_still_checked():
    with pytest.raises(DataError, match=r"`x1` .*NaN in row 1"):
        fit(at(X, 0, 0, np.nan), Y, weight=np.arange(N))


@pytest.mark.parametrize("weights", [{0: 1, 7: 2}, {0: 0, 1: 1}, {0: -1}, {0: np.nan}, {0: "x"}, "even", [1, 2]])
def test_bad_069_class_weights_that_mean_nothing(weights):
    with pytest.raises(ParameterError, match="class_weight"):
        torchlogit.LogisticRegression(class_weight=weights).fit(X, Y)


def test_bad_071_offsets():
    for bad, words in [(np.nan, "no value"), (1e6, "too large")]:
        with pytest.raises(DataError, match=words):
            fit(X, Y, offset=np.where(np.arange(N) == 3, bad, 0.0))
    model = fit(X, Y, offset=np.zeros(N))
    with pytest.raises(DataError, match="was fitted with an offset: give one"):
        model.predict(X)
    with pytest.raises(DataError, match="no value"):
        model.predict(X, np.full(N, np.nan))
    with pytest.raises(DataError, match="without an offset: give none"):
        BASE.predict(X, np.zeros(N))


# C. Names, frames, categories


def test_bad_073_075_columns_are_found_by_name():
    model = fit(FRAME, Y)
    with pytest.raises(DataError, match="`dose` is missing from the table"):
        model.predict({"age": [1.0], "school": ["A"]})
    turned = dict(reversed(FRAME.items()))
    assert torch.equal(model.predict_proba(turned), model.predict_proba(FRAME))


def test_bad_074_a_further_column_is_left_alone():
    model = fit(FRAME, Y)
    assert torch.equal(model.predict_proba({**FRAME, "id": np.arange(N)}), model.predict_proba(FRAME))
    with pytest.raises(DataError, match="4 features, but the model is expecting 3"):
        BASE.predict(np.hstack([X, X[:, :1]]))


def test_bad_076_a_name_twice():
    with pytest.raises(DataError, match="`a` more than once"):
        fit(pd.DataFrame(X, columns=["a", "b", "a"]), Y)
    model = fit(pd.DataFrame(X, columns=list("abc")), Y)
    with pytest.raises(DataError, match="`a` more than once"):
        model.predict(pd.DataFrame(X, columns=["a", "b", "a"]))


def test_bad_078_079_names_that_collide_or_look_alike():
    with pytest.warns(DataWarning, match="beside the model's own intercept"):
        model = fit({"(Intercept)": X[:, 0], "b": X[:, 1], "c": X[:, 2]}, Y, features=None)
    close(model.theta, BASE.theta)
    assert len(model.table().term) == 4
    with pytest.warns(DataWarning, match="look alike"):
        assert len(fit({"Age": X[:, 0], "age": X[:, 1]}, Y).columns) == 2


HOSTILE = ["</script><b>", "=cmd|' /C calc'!A0", "\x1b[31mred", "two\nlines", "nul\0", "\u202egnp", "x" * 10_000]


@pytest.mark.parametrize("name", HOSTILE)
def test_bad_080_hostile_names_are_shown_safe_and_come_back(name, tmp_path):
    with pytest.warns(AliasedWarning) as caught:
        model = fit({"a": X[:, 0], name: 2 * X[:, 0], "b": X[:, 1]}, Y)
    for text in (str(caught[0].message), *model.warnings):
        assert text.isprintable()
        assert len(text) < 300
    model.save(tmp_path / "m")
    assert torchlogit.load(tmp_path / "m").columns == model.columns == ("a", name, "b")


def test_bad_081_an_unseen_category():
    with pytest.raises(
        DataError, match=r"`school`: 'D' \(row 2\) was not seen in fitting; the levels are 'A', 'B', 'C'"
    ):
        fit(FRAME, Y).predict({"age": [0.0, 1], "dose": [0.0, 1], "school": ["A", "D"]})


def test_bad_082_a_category_absent_from_the_new_rows():
    model = fit(FRAME, Y)
    only = {name: column[:1] for name, column in FRAME.items()}
    torch.testing.assert_close(model.predict_proba(only), model.predict_proba(FRAME)[:1], rtol=1e-14, atol=0)


def test_bad_083_a_level_whose_rows_all_have_one_class():
    with pytest.warns(NotCertifiedWarning, match="split in part by `school=C`, so no finite"):
        model = fit(FRAME, np.where(FRAME["school"] == "C", 1, Y))
    assert model.status is Status.separated
    assert not model.complete
    assert model.covariance_root is None


def test_bad_084_085_levels_that_look_like_gaps_or_numbers():
    model = fit({"c": np.array(["NA", "nan", "None", ""] * 30, dtype=object), "b": X[:, 1]}, Y)
    assert model.columns == ("c=NA", "c=None", "c=nan", "b")
    codes = fit({"c": ["01", "1"] * 60, "b": X[:, 1]}, Y, categorical=["c"])
    assert codes.columns == ("c=1", "b")


def test_bad_086_too_many_levels():
    with pytest.raises(DataError, match="120 levels in 120 rows"):
        fit({"id": [f"p{i}" for i in range(N)], "b": X[:, 1]}, Y)


def test_bad_087_the_order_of_a_categorical(tmp_path):
    school = pd.Categorical(FRAME["school"], categories=["C", "A", "B"], ordered=True)
    model = fit(pd.DataFrame({**FRAME, "school": school}), Y)
    assert model.columns[2:] == ("school=A", "school=B")
    model.save(tmp_path / "m")
    assert torchlogit.load(tmp_path / "m").recipe == model.recipe


@pytest.mark.parametrize(
    "cells",
    [
        pd.date_range("2020", periods=N),
        pd.timedelta_range("1D", periods=N),
        pd.date_range("2020", periods=N, tz="UTC"),
        [[1]] * N,
        [{}] * N,
        [b"x"] * N,
    ],
)
def test_bad_088_089_cells_that_are_neither_number_nor_text(cells):
    with pytest.raises(DataError, match="`when`"):
        fit(pd.DataFrame({"when": cells, "b": X[:, 1]}), Y)
    if isinstance(cells, pd.DatetimeIndex) and cells.tz is None:
        with pytest.raises(DataError, match="dates or durations"):
            fit(cells.to_numpy()[:, None], Y)


# E. Numerics


def test_bad_109_110_137_extreme_logits():
    from dataclasses import replace

    for size in (1e3, 1e20, 1e300):
        model = replace(
            BASE,
            theta_centred=torch.tensor([[0.0], [size], [0.0], [0.0]], dtype=torch.float64),
            centre=torch.zeros(3, dtype=torch.float64),
        )
        p = model.predict_proba([[1.0, 0, 0], [-1.0, 0, 0]])
        assert p.tolist() == [[0, 1], [1, 0]]
        assert model.eta([[1.0, 0, 0]]).tolist() == [[size]]
        loss = model._loss()
        value, grad = loss.taylor(torch.tensor([[size], [-size]], dtype=torch.float64), torch.tensor([0, 1]), 1)
        assert value.tolist() == [size, size]
        assert grad[:, 0].tolist() == [1, -1]


@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_bad_111_softmax_of_spread_logits(classes):
    from torchlogit.losses import Softmax

    eta = torch.linspace(-5e3, 5e3, classes, dtype=torch.float64).round()[
        torch.randperm(classes, generator=torch.Generator().manual_seed(0))
    ][None]
    p = Softmax().mean(eta)
    assert abs(float(p.sum()) - 1) <= 1e-15 * classes
    assert torch.equal(Softmax().mean(eta + 4096), p)
    value, grad, hess = Softmax().taylor(eta, torch.tensor([0]))
    assert float(value[0]) == pytest.approx(np.logaddexp.reduce(eta[0].numpy()) - float(eta[0, 0]), rel=1e-15)
    assert bool(grad.isfinite().all() and hess.isfinite().all())


def test_bad_113_a_singular_hessian_on_the_way():
    """A start where every weight μ(1−μ) has vanished."""
    far = torch.tensor([[0.0], [20.0], [-20.0], [10.0]], dtype=torch.float64)
    for times in (1, 100):
        model = fit(X, Y, start=times * far)
        assert model.certified
        close(model.theta, BASE.theta, 1e-9)
    with pytest.warns(NotCertifiedWarning, match="not certified"):  # too far: told, never a number that looks fine
        assert fit(X, Y, start=1e4 * far).covariance_root is None


def test_bad_114_values_that_are_not_finite_on_the_way_give_no_errors():
    """A loss that overflows: the fit says so and holds the last finite point, never NaN."""
    with pytest.warns(NotCertifiedWarning):
        model = fit(X, Y, solver=torchlogit.SGD(lr=1e308, epochs=5))
    assert not model.certified
    assert bool(model.theta.isfinite().all())
    assert np.isnan(model.table().std_error).all()


def test_bad_115_the_iterations_run_out():
    with pytest.warns(NotCertifiedWarning, match=r"not certified \(max_iter\).*raise max_iter"):
        model = fit(X, Y, max_iter=1)
    assert not model.certified
    with pytest.raises(NotCertifiedError, match="no standard errors"):
        model.covariance
    assert np.isnan(model.table().std_error).all()
    with pytest.raises(NotCertifiedError, match="max_iter"):
        fit(X, Y, max_iter=1, strict=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tol": np.nan},
        {"tol": -1.0},
        {"max_iter": -1},
        {"solver": "newtn"},
        {"solver": 3},
        {"loss": "hinge"},
        {"missing": "impute"},
        {"dtype": "f8"},
        {"penalty": "l2"},
        {"device": "nowhere"},
        {"features": ["a"]},
        {"start": torch.zeros(3, 1)},
    ],
)
def test_bad_117_139_parameters_that_mean_nothing(wrong):
    with pytest.raises(ParameterError):
        fit(X, Y, **wrong)


@pytest.mark.parametrize("strength", [-1.0, np.nan, np.inf, "1", None, (1.0, np.nan, 1.0), {"x1": -1.0}, 1j])
def test_bad_117_strengths_that_mean_nothing(strength):
    with pytest.raises(ParameterError, match="strength"):
        ElasticNet(strength)


def test_bad_117_strengths_of_any_number_type_and_tol_zero():
    for strength in (1, np.float32(1), np.int64(1), np.array([1.0, 1, 1]), (1, 1, 1), torch.ones(3)):
        close(fit(X, Y, penalty=L2(strength)).theta, fit(X, Y, penalty=L2(1.0)).theta)
    assert fit(X, Y, tol=0.0).certified
    close(fit(X, Y, penalty=L2(0.0)).theta, BASE.theta)
    for ratio in (-0.1, 1.1, np.nan, "x"):
        with pytest.raises(ParameterError, match="l1_ratio"):
            ElasticNet(1.0, ratio)


@pytest.mark.parametrize("solver", [Newton(), LBFGS()])
def test_bad_118_stopping_does_not_depend_on_the_units(solver):
    scale = np.array([1e-9, 1.0, 1e9])
    plain, scaled = fit(X, Y, solver=solver), fit(X * scale, Y, solver=solver)
    assert (scaled.n_iter, scaled.status) == (plain.n_iter, plain.status)
    close(scaled.coef[:, 0] * torch.from_numpy(scale), plain.coef[:, 0], 1e-9)


def test_bad_119_140_the_certificate_is_what_it_says():
    """The score and the Newton decrement, worked out again here from the data."""
    for model in (BASE, fit(X * 1e6 + 1e9, Y)):
        rows = X if model is BASE else X * 1e6 + 1e9
        assert model.certificate.relative_distance <= model.certificate.tol == 1e-20
        p = model.predict_proba(rows)[:, 1].numpy()
        z = np.column_stack([np.ones(N), X])
        score = z.T @ (p - Y)
        decrement = score @ np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z, score) / 2
        assert abs(score).max() < 1e-12 * N
        assert decrement / model.value < 1e-20
    assert not fit_quietly(X, Y, max_iter=2).certificate.relative_distance <= 1e-20


def fit_quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(*args, **kwargs)


def test_bad_123_124_sums_over_many_rows_are_exact():
    """Weights stand for rows: counts beyond 2^31 and 2^53 ratios, summed in blocks without loss."""
    from torchlogit.sources.base import accumulate
    from torchlogit.sources.memory import MemorySource

    n = 100_001
    weight = torch.full((n,), 2.0**33, dtype=torch.float64)
    weight[0] = 1.0
    source = MemorySource(torch.ones(n, 1), torch.zeros(n), weight, block_rows=7)
    (total,) = accumulate(source, lambda block: (block.weight.sum(),))
    assert int(total) == (n - 1) * 2**33 + 1
    ones = torch.ones(101, dtype=torch.float64)
    ones[0], ones[-1] = 2.0**60, -(2.0**60)  # between them every single 1 is below the last digit of the sum
    source = MemorySource(ones[:, None], torch.zeros(101), block_rows=1)
    assert float(accumulate(source, lambda block: (block.design.x.sum(),))[0]) == 99
    counts = MemorySource(torch.ones(2**24 + 3, 1, dtype=torch.float32), torch.zeros(()).expand(2**24 + 3))
    (rows,) = accumulate(counts, lambda block: (block.weight.sum(),))
    assert int(rows) == 2**24 + 3


def test_bad_125_variance_is_taken_in_two_passes():
    from torchlogit.moments import moments
    from torchlogit.sources.memory import MemorySource

    u = RNG.random((1000, 1))
    for shift in (0.0, 1e8, 1e12):
        x = u + shift
        scale = moments(MemorySource(torch.from_numpy(x), torch.zeros(1000))).coordinates.scale
        assert float(scale) == 0.25  # the standard deviation, 0.289, to a power of two


def test_bad_129_a_p_value_below_the_smallest_float():
    table = BASE.table()
    assert np.isfinite(table.log_p).all()
    x = np.repeat([[0.0], [1.0]], 2, 0)
    model = fit_quietly(x, [0, 1, 0, 1], weight=[4e6, 1e6, 1e6, 4e6])
    table = model.table()
    assert abs(table.z[1]) > 50
    assert table.p[1] == 0
    assert -np.inf < table.log_p[1] < -700


def test_bad_130_an_odds_ratio_beyond_float64():
    x = np.repeat([[0.0], [1e-3]], 2, 0)
    table = fit_quietly(x, [0, 1, 0, 1], weight=[4.0, 1, 1, 4]).table()
    assert table.odds_ratio[1] == np.inf
    assert np.isfinite([table.estimate[1], table.low[1], table.high[1]]).all()


def test_bad_131_132_errors_are_the_exact_information_whatever_the_solver():
    for solver in (LBFGS(), Newton()):
        model = fit(X, Y, solver=solver)
        close(model.std_error, BASE.std_error, 1e-8)
        assert bool((torch.linalg.eigvalsh(model.covariance) > 0).all())


@pytest.mark.parametrize("penalty", [L1(0.1), L2(0.1), ElasticNet(0.1, 0.5)])
def test_bad_133_no_errors_after_a_penalty(penalty):
    model = fit(X, Y, penalty=penalty)
    with pytest.raises(NotCertifiedError, match="penalised"):
        model.covariance
    assert np.isnan(model.table().std_error).all()


def test_bad_138_the_null_model():
    weight = np.arange(1.0, N + 1)
    share = weight[Y == 1].sum() / weight.sum()
    null = weight.sum() * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert fit(X, Y, weight=weight).null_log_likelihood == pytest.approx(null, rel=1e-13)
    assert fit(X, Y, intercept=False).null_log_likelihood == pytest.approx(-N * np.log(2), rel=1e-13)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_139_a_start_that_is_not_finite(value):
    with pytest.raises(ParameterError, match="start"):
        fit(X, Y, start=torch.full((4, 1), value, dtype=torch.float64))
