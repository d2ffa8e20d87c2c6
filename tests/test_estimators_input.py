"""What the scikit-learn door takes and what it refuses; the numbers are rows of the table of bad inputs."""

import decimal
import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import DataConversionWarning

import torchlogit.estimators.logistic as door
from torchlogit import LogisticRegression, NotCertifiedWarning, Status
from torchlogit.errors import AliasedWarning, DataError, DataWarning, ParameterError

RNG = np.random.default_rng(20)
X = np.asarray(RNG.normal(size=(80, 3)).round(3))
Y = (X @ [1.0, -0.5, 0.3] + RNG.logistic(size=80) > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["age", "income", "hours"])


def fitted(x=X, y=Y, sample_weight=None, offset=None, **parameters):
    return LogisticRegression(tol=1e-14, **parameters).fit(x, y, sample_weight, offset)


BASE = fitted()


def changed(cell, x=X, row=3, column=1):
    out = x.astype(type(cell)) if isinstance(cell, str) else x.copy()
    out[row, column] = cell
    return out


def same(model, like=BASE, digits=1e-9):
    np.testing.assert_allclose(model.coef_, like.coef_, rtol=digits, atol=1e-14)
    np.testing.assert_allclose(model.intercept_, like.intercept_, rtol=digits, atol=1e-14)


# A. X


FORMS = {
    "numpy": lambda x: x,
    "pandas": lambda x: pd.DataFrame(x, columns=["age", "income", "hours"]),
    "polars": lambda x: pl.DataFrame(x, schema=["age", "income", "hours"]),
    "pyarrow": lambda x: pa.table(dict(zip(["age", "income", "hours"], x.T, strict=True))),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "torch": torch.tensor,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("cell", "kind"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_bad_001_002_003_029_cells_that_are_not_finite_are_named(form, cell, kind, fit_intercept):
    x = FORMS[form](changed(cell))
    name = "income" if form in ("pandas", "polars", "pyarrow") else "x2"
    with pytest.raises(DataError, match=rf"column `{name}` \(index 1\) holds {kind} in row 4\."):
        fitted(x, fit_intercept=fit_intercept)
    model = fitted(FORMS[form](X), fit_intercept=fit_intercept)
    for predict in (model.predict, model.predict_proba, model.decision_function, model.predict_log_proba):
        with pytest.raises(DataError, match=rf"column `{name}` \(index 1\) holds {kind} in row 4\."):
            predict(x)


def missing_as(kind):
    if kind == "Int64":
        return FRAME.assign(income=pd.array([None, *range(79)], dtype="Int64"))
    if kind == "boolean":
        return FRAME.assign(income=pd.array([None, *[True, False] * 39, True], dtype="boolean"))
    if kind == "Float64":
        return FRAME.astype("Float64").assign(income=pd.array([None, *X[1:, 1]], dtype="Float64"))
    if kind == "polars":
        return pl.DataFrame(FRAME).with_columns(income=pl.Series([None, *range(79)]))
    if kind == "pyarrow":
        return pa.table({"age": X[:, 0], "income": [None, *range(79)], "hours": X[:, 2]})
    out = FRAME.astype(object)
    out.loc[0, "income"] = {"None": None, "NA": pd.NA, "NaT": pd.NaT}[kind]
    return out


@pytest.mark.parametrize("kind", ["Int64", "boolean", "Float64", "polars", "pyarrow", "None", "NA", "NaT"])
def test_bad_004_missing_cells_of_every_library_are_missing(kind):
    with pytest.raises(DataError, match=r"column `income` .* holds NaN in row 1\."):
        fitted(missing_as(kind))


@pytest.mark.parametrize("cell", [None, pd.NA, pd.NaT])
def test_bad_004_missing_cells_of_an_object_array_are_missing(cell):
    with pytest.raises(DataError, match=r"column `x2` .* holds NaN in row 4\."):
        fitted(changed(cell, X.astype(object)))


def test_bad_005_masked_cells_are_refused():
    mask = np.zeros(X.shape, dtype=bool)
    same(fitted(np.ma.MaskedArray(X, mask)))
    mask[3, 1] = True
    for call in (fitted, BASE.predict):
        with pytest.raises(DataError, match="masked cells in row 4"):
            call(np.ma.MaskedArray(X, mask))


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-8, 1e8, 1e150, 1e300])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_bad_012_the_size_of_a_column_changes_nothing(scale, form):
    plain = fitted(C=np.inf)
    model = fitted(form(X * [1, scale, 1]), C=np.inf)
    np.testing.assert_allclose(model.coef_ * [1, scale, 1], plain.coef_, rtol=1e-10)
    eta = model.decision_function(form(X * [1, scale, 1]))
    np.testing.assert_allclose(eta, plain.decision_function(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shift", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_bad_013_a_column_far_from_zero_keeps_its_digits(shift, C):
    x = (X * 1024).round() / 1024  # exact beside the shift up to 1e12
    plain, model = fitted(x, C=C), fitted(x + np.array([0, shift, 0]), C=C)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-10)
    np.testing.assert_allclose(
        model.decision_function(x + np.array([0, shift, 0])), plain.decision_function(x), atol=1e-9
    )


def test_bad_014_subnormals_and_negative_zero():
    zero, negative = np.where(X < 0, 0.0, X), np.where(X < 0, -0.0, X)
    same(fitted(negative), fitted(zero), 0)
    tiny = X * [1, 1, 5e-324 / 1e-3]
    model = fitted(tiny)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict_proba(tiny)).all()


EMPTY = [
    (X[:0], Y[:0], r"0 sample\(s\)"),
    (X[:, :0], Y, r"0 feature\(s\).*minimum of 1 is required"),
    (X[:1], Y[:1], "one class"),
    (X[:, 0], Y, "Reshape your data"),
    (X[None], Y, "Reshape your data"),
    ([[1.0, 2.0], [3.0]], [0, 1], "rows of X have different lengths"),
]


@pytest.mark.parametrize(("x", "y", "told"), EMPTY, ids=["015", "016", "017", "019-1d", "019-3d", "019-ragged"])
def test_bad_015_016_017_019_shapes(x, y, told):
    with pytest.raises(ValueError, match=told):
        fitted(x, y)
    if isinstance(x, np.ndarray):
        with pytest.raises(DataError, match=told):
            fitted(torch.tensor(x), y)


def test_bad_018_one_binary_column_has_its_closed_form():
    x = np.repeat([[0.0], [1.0]], [50, 50], 0)
    y = np.repeat([0, 1, 0, 1], [40, 10, 20, 30])
    model = fitted(x, y, C=np.inf)
    np.testing.assert_allclose(model.intercept_, [np.log(10 / 40)], rtol=1e-12)
    np.testing.assert_allclose(model.coef_, [[np.log(30 / 20) - np.log(10 / 40)]], rtol=1e-12)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, torch.tensor])
def test_bad_020_complex_numbers_are_refused(form):
    with pytest.raises(ValueError, match="Complex data not supported"):
        fitted(form(X + 1j))


TEXT = {
    "frame": (FRAME.assign(income=[str(cell) for cell in X[:, 1]]), "column `income`: .*row 1.* is text"),
    "array": (changed("1.5", X.astype(object)).astype(object), "X holds text, '.*' in row 1, column 0"),
    "cell": (np.where(np.arange(240).reshape(80, 3) == 10, "7", X.astype(object)), "'7' in row 4, column 1"),
    "list": ([[1.0, "2"]] * 80, "X holds text, .*'1.0'.* in row 1, column 0"),
    "polars": (pl.DataFrame({"a": X[:, 0], "b": ["1"] * 80}), "column `b`: '1' .* is text"),
}


@pytest.mark.parametrize("kind", TEXT)
def test_bad_021_text_is_never_guessed_at(kind):
    x, told = TEXT[kind]
    with pytest.raises(DataError, match=told):
        fitted(x)


WIDENED = ["?", "u1", "i1", "i2", "u2", "i4", "i8", "u8", "f2", ">f8", ">i4", "longdouble"]


@pytest.mark.parametrize("kind", WIDENED)
def test_bad_022_023_025_027_numbers_of_any_kind_are_worked_in_float64(kind):
    x = (abs(X) * 60).round().astype(kind)
    model = fitted(x)
    assert model.coef_.dtype == np.float64
    same(model, fitted(x.astype(float)))
    assert model.predict_proba(x).dtype == np.float64


def test_bad_025_bfloat16_equals_the_upcast_data():
    x = torch.tensor(X, dtype=torch.bfloat16)
    same(fitted(x), fitted(x.double()))


def test_bad_027_decimals_are_numbers():
    same(fitted([[decimal.Decimal(str(cell)) for cell in row] for row in X]))


@pytest.mark.parametrize("form", [np.asarray, torch.tensor, lambda x: pd.DataFrame({"id": x[:, 0], "b": X[:, 0]})])
def test_bad_024_integers_that_float64_cannot_hold_are_refused(form):
    with pytest.raises(DataError, match=r"beyond 2(\*\*|\^)53"):
        fitted(form(np.array([[2**53 + 1], [1]] * 40)))


def test_bad_026_float32_is_worked_in_float32_and_stays_so():
    x = X.astype(np.float32)
    for form in FORMS.values():
        model = fitted(form(x))
        assert model.coef_.dtype == model.intercept_.dtype == np.float32
        np.testing.assert_allclose(model.coef_, fitted(x.astype(float)).coef_, rtol=1e-4)
    assert model.predict_proba(x).dtype == np.float32
    assert model.predict_proba(X).dtype == np.float64


def sparse_forms():
    x = np.where(abs(X) < 0.4, 0, X)
    csr = sp.csr_matrix(x)
    wide = csr.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    unsorted = csr.copy()
    for i in range(80):
        part = slice(unsorted.indptr[i], unsorted.indptr[i + 1])
        unsorted.indices[part], unsorted.data[part] = unsorted.indices[part][::-1], unsorted.data[part][::-1]
    unsorted.has_sorted_indices = False
    rows, columns = np.indices(x.shape)
    twice = sp.coo_array((np.tile(x.ravel() / 2, 2), (np.tile(rows.ravel(), 2), np.tile(columns.ravel(), 2))))
    coo = torch.tensor(x).to_sparse()
    return x, {
        "csc": csr.tocsc(),
        "coo": csr.tocoo(),
        "int64": wide,
        "unsorted": unsorted,
        "twice": twice,
        "torch": coo,
    }


@pytest.mark.parametrize("kind", ["csc", "coo", "int64", "unsorted", "twice", "torch"])
@pytest.mark.parametrize("l1_ratio", [0, 1])
def test_bad_028_sparse_equals_dense(kind, l1_ratio):
    dense, forms = sparse_forms()
    plain, x = fitted(dense, l1_ratio=l1_ratio), forms[kind]
    model = fitted(x, l1_ratio=l1_ratio)
    same(model, plain, 1e-9)
    eta = model.decision_function(x)
    np.testing.assert_allclose(np.asarray(eta), plain.decision_function(dense), rtol=1e-9, atol=1e-12)


def test_bad_028_sparse_rows_are_not_made_dense():
    n, d = 4000, 20_000  # 640 MB if dense
    x = sp.random_array((n, d), density=1e-3, rng=np.random.default_rng(1), format="csr")
    tracemalloc.start()
    try:
        model = LogisticRegression(C=0.01).fit(x, np.arange(n) % 2)
        model.predict_proba(x)
        assert tracemalloc.get_traced_memory()[1] < 2e8
    finally:
        tracemalloc.stop()
    assert model.status_ is Status.converged


def laid_out(kind, folder):
    if kind == "memmap":
        np.save(folder / "x.npy", X)
        return np.load(folder / "x.npy", mmap_mode="r")
    if kind == "reversed":
        return X[::-1].copy()[::-1]
    x = {"C": X.copy(), "F": np.asfortranarray(X), "strided": np.repeat(X, 2, 0)[::2]}[kind]
    x.flags.writeable = kind != "C"
    return x


@pytest.mark.parametrize("kind", ["C", "F", "strided", "reversed", "memmap"])
def test_bad_030_any_layout_gives_the_same_and_is_not_written_to(kind, tmp_path):
    x = laid_out(kind, tmp_path)
    before = hashlib.sha256(x.tobytes()).hexdigest()
    model = fitted(x)
    same(model)
    model.predict_proba(x)
    assert hashlib.sha256(x.tobytes()).hexdigest() == before


@pytest.mark.parametrize("kind", ["C", "F", "float32", "uint8", "frame", "memmap", "tensor"])
def test_dense_rows_are_shared_not_copied(kind, monkeypatch, tmp_path):
    forms = {
        "float32": X.astype(np.float32),
        "uint8": abs(X * 20).astype(np.uint8),
        "frame": FRAME,
        "tensor": torch.tensor(X),
    }
    x = forms[kind] if kind in forms else laid_out(kind, tmp_path)
    seen = []

    class Spy(door.MemorySource):
        def __init__(self, x, *arguments, **settings):
            seen.append(x)
            super().__init__(x, *arguments, **settings)

    monkeypatch.setattr(door, "MemorySource", Spy)
    LogisticRegression().fit(x, Y)
    assert np.shares_memory(seen[0].numpy(), x.numpy() if kind == "tensor" else np.asarray(x))


def test_bad_031_tensors_with_grad_under_autocast_and_in_inference_mode():
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    same(fitted(x, y, torch.ones(80)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same(fitted(x, y))
    with torch.inference_mode():
        same(fitted(x, y))
    for method in ("predict_proba", "decision_function", "predict_log_proba"):
        out = getattr(fitted(x, y), method)(x)
        assert isinstance(out, torch.Tensor)
        assert not out.requires_grad
        assert np.array_equal(out.numpy(), getattr(BASE, method)(X))
    labels = BASE.predict(x)
    assert labels.dtype == torch.int64
    assert labels.tolist() == BASE.predict(X).tolist()
    assert isinstance(fitted(x, np.where(Y, "yes", "no")).predict(x), np.ndarray)
    assert BASE.score(x, y) == BASE.score(X, Y)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_bad_031_tensors_stay_on_their_device():
    x, y = torch.tensor(X, device="cuda"), torch.tensor(Y, device="cuda")
    model = fitted(x, y, torch.ones(80, device="cuda"))
    same(model)
    assert model.predict_proba(x).device == model.predict(x).device == x.device
    same(fitted(device="cuda"))
    assert isinstance(model.predict_proba(X), np.ndarray)


def test_bad_032_frames_of_any_library_give_the_same_and_their_names():
    for form in ("pandas", "polars", "pyarrow"):
        x = FORMS[form](X)
        model = fitted(x)
        same(model)
        assert model.feature_names_in_.tolist() == ["age", "income", "hours"]
        np.testing.assert_allclose(model.predict_proba(x), BASE.predict_proba(X), rtol=1e-12)
    mixed = FRAME.assign(income=pd.array(range(80), dtype="Int64"), hours=Y == 1)
    same(fitted(mixed), fitted(mixed.astype(float)))


def test_bad_038_indexes_that_disagree_are_told():
    with pytest.warns(DataWarning, match="indexes of X and y disagree"):
        same(fitted(FRAME, pd.Series(Y, index=range(1, 81))))


# B. y, weights, classes


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA])
def test_bad_039_labels_that_are_missing_are_named(cell):
    y = Y.astype(object)
    y[[3, 8]] = cell
    with pytest.raises(DataError, match="Input y contains NaN: no label in rows 4, 9"):
        fitted(y=y)
    with pytest.raises(DataError, match="requires y to be passed"):
        fitted(y=None)


NO_YES = np.array(["no", "yes"])[Y]
LABELS = {
    "043-float": Y.astype(float),
    "043-float32": Y.astype(np.float32),
    "045-one-two": Y + 1,
    "045-signs": 2 * Y - 1,
    "045-bool": Y == 1,
    "045-text": NO_YES,
    "054-int8": Y.astype(np.int8),
    "054-uint64": Y.astype(np.uint64),
    "054-object": NO_YES.astype(object),
    "054-list": NO_YES.tolist(),
    "054-categorical": pd.Series(pd.Categorical(NO_YES)),
    "054-nullable": pd.Series(Y, dtype="Int64"),
    "054-polars": pl.Series(NO_YES),
    "054-pyarrow": pa.chunked_array([NO_YES]),
    "054-tensor": torch.tensor(Y),
}


@pytest.mark.parametrize("kind", LABELS)
def test_bad_043_045_054_labels_of_any_kind_come_back(kind):
    y = LABELS[kind]
    model = fitted(y=y)
    same(model)
    found = model.predict(X)
    assert found.dtype == model.classes_.dtype
    assert model.classes_.tolist() == sorted(set(np.asarray(y).tolist()))
    assert np.array_equal(found == model.classes_[1], BASE.predict(X) == 1)
    assert model.score(X, y) == BASE.score(X, Y)
    if isinstance(y, np.ndarray):
        assert model.classes_.dtype == y.dtype


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (X[:, 0], "Unknown label type: continuous.*proportions"),
        ([1, "1"] * 40, "mix numbers with text"),
        (np.array([1, "1"] * 40, dtype=object), "mix numbers with text"),
        (np.column_stack([Y, Y]), r"1d array.*\(80, 2\)"),
        (Y[:5], "X has 80 rows but y has 5"),
    ],
    ids=["044", "051-list", "051-object", "057", "058"],
)
def test_bad_044_051_057_058_labels_that_are_refused(y, told):
    with pytest.raises(ValueError, match=told):
        fitted(y=y)


def test_bad_049_few_rows_of_a_class():
    with pytest.warns(DataWarning, match="fewer than 8 rows in class True"):
        fitted(y=np.arange(80) == 5)
    with pytest.raises(DataError, match="one class"):
        fitted(y=np.zeros(80))


def test_bad_050_a_rare_event_is_exact():
    x, y = np.array([[0.0], [0.0], [1.0], [1.0]] * 8), np.array([0, 1, 0, 1] * 8)
    model = fitted(x, y, np.tile([999_999, 1, 999_997, 3], 8), C=np.inf)
    np.testing.assert_allclose(model.intercept_, [np.log(1 / 999_999)], rtol=1e-8)
    np.testing.assert_allclose(model.coef_, [[np.log(3 / 999_997) - np.log(1 / 999_999)]], rtol=1e-8)


def test_bad_055_the_order_of_classes_is_sorted_and_the_names_only_names():
    x, y = load_iris(return_X_y=True)
    plain = fitted(x, y)
    names = np.array(["c", "a", "b"])
    model = fitted(x, names[y])
    assert model.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(model.coef_, plain.coef_[[1, 2, 0]], rtol=1e-7)
    np.testing.assert_allclose(fitted(y=1 - Y).coef_, -BASE.coef_, rtol=1e-9)


def test_bad_056_a_column_of_labels_is_told():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        same(fitted(y=Y[:, None]))


def test_bad_059_a_feature_that_is_the_target_is_told():
    with pytest.warns(NotCertifiedWarning, match="split perfectly by .*`leak`") as told:
        model = fitted(FRAME.assign(leak=Y), C=np.inf)
    assert model.status_ is Status.separated
    assert len(told) == 1


BAD_WEIGHTS = {
    "060": (np.where(np.arange(80) == 4, -1.0, 1), "-1.0 .row 5. is a negative weight"),
    "061-nan": (np.where(np.arange(80) == 4, np.nan, 1), "no value in row 5"),
    "061-inf": (np.where(np.arange(80) == 4, np.inf, 1), "inf .row 5."),
    "062": (np.zeros(80), "all 80 weights are zero"),
    "063": ((Y == 1) * 1.0, "class 0 has no row with a weight above zero, so 1 of 2 classes"),
    "064-length": (np.ones(3), "3 cells for 80 rows"),
    "064-2d": (np.ones((80, 2)), r"shape \(80, 2\)"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_060_061_062_063_064_weights_that_are_refused(kind):
    weight, told = BAD_WEIGHTS[kind]
    with pytest.raises(DataError, match=told):
        fitted(sample_weight=weight)
    with pytest.raises(DataError, match=told):
        fitted(sample_weight=torch.tensor(weight))


def test_bad_065_weights_are_repeated_rows():
    times = np.arange(80) % 3
    same(fitted(sample_weight=times), fitted(np.repeat(X, times, 0), np.repeat(Y, times)), 1e-10)
    same(fitted(sample_weight=2.0), fitted(C=2.0), 1e-10)


@pytest.mark.parametrize("factor", [1e-300, 1e-15, 1e15, 1e300])
def test_bad_067_a_common_factor_of_the_weights_changes_nothing_without_a_penalty(factor):
    same(fitted(sample_weight=np.full(80, factor), C=np.inf), fitted(C=np.inf), 1e-9)


def test_bad_067_weights_of_very_different_size():
    weight = np.where(np.arange(80) < 40, 1e15, 1e-15)
    same(fitted(sample_weight=weight, C=np.inf), fitted(X[:40], Y[:40], C=np.inf), 1e-8)


def test_bad_068_cells_are_checked_before_weights():
    with pytest.raises(DataError, match="holds NaN in row 4"):
        fitted(changed(np.nan), sample_weight=np.arange(80) != 3)


@pytest.mark.parametrize(
    ("class_weight", "told"),
    [
        ({0: 1, 5: 2}, r"names \[5\], .* the classes are 0, 1"),
        ({"0": 1}, r"names \['0'\]"),
        ({0: 0}, "class_weight of 0 must be a finite number above 0, got 0"),
        ({1: -1}, "class_weight of 1 .* got -1"),
        ({1: np.nan}, "class_weight of 1 .* got nan"),
        ("balance", "class_weight must be"),
    ],
)
def test_bad_069_class_weights_that_mean_nothing(class_weight, told):
    with pytest.raises(ParameterError, match=told):
        fitted(class_weight=class_weight)


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (changed(np.nan)[:, 1], "`offset` has no value in row 4"),
        (np.full(80, 1e3), "too large for an offset"),
        (np.ones(3), "3 cells for 80 rows"),
        (np.ones((80, 2)), r"one number a row \(n,\), got shape \(80, 2\)"),
    ],
)
def test_bad_071_offsets(offset, told):
    with pytest.raises(DataError, match=told):
        fitted(offset=offset)
    x, y = load_iris(return_X_y=True)
    with pytest.raises(DataError, match=r"one for every class \(n, 3\)"):
        fitted(x, y, offset=np.ones(150))
    model = fitted(offset=np.linspace(-1, 1, 80))
    with pytest.raises(DataError, match="fitted with an offset: give one"):
        model.predict(X)
    with pytest.raises(DataError, match="fitted without an offset: give none"):
        BASE.predict(X, offset=np.zeros(80))


# C. Names


def test_bad_074_075_columns_that_are_not_those_of_the_fit():
    model = fitted(FRAME)
    with pytest.raises(ValueError, match="unseen at fit time:\n- extra"):
        model.predict(FRAME.assign(extra=1.0))
    with pytest.raises(ValueError, match="same order"):
        model.predict(FRAME[["hours", "age", "income"]])
    with pytest.raises(ValueError, match="X has 2 features, but LogisticRegression is expecting 3"):
        BASE.predict(X[:, :2])
    with pytest.raises(ValueError, match="X has 2 features, but LogisticRegression is expecting 3"):
        BASE.predict(torch.tensor(X[:, :2]))


def test_bad_076_names_that_occur_twice_are_refused():
    with pytest.raises(DataError, match="names `age` more than once"):
        fitted(pd.DataFrame(X, columns=["age", "age", "hours"]))


def test_bad_077_mixed_names():
    with pytest.raises(TypeError, match="string names"):
        fitted(pd.DataFrame(X, columns=["age", 1, "hours"]))


# E. Numerics


def test_bad_110_logarithms_of_probabilities_are_finite_at_saturation():
    big = np.array([[1e6, 0, 0], [-1e6, 0, 0]])
    eta = BASE.decision_function(big)
    log = BASE.predict_log_proba(big)
    assert BASE.predict_proba(big).tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(log, [[-eta[0], 0], [0, eta[1]]], rtol=1e-12)
    x, y = load_iris(return_X_y=True)
    assert np.isfinite(fitted(x, y).predict_log_proba(1e5 * x)).all()


@pytest.mark.parametrize("k", [2, 3, 30])
def test_bad_111_probabilities_sum_to_one(k):
    rng = np.random.default_rng(k)
    y = np.arange(20 * k) % k
    model = fitted(np.eye(k)[y] + 0.1 * rng.normal(size=(20 * k, k)), y)
    p = model.predict_proba(1e4 * rng.normal(size=(500, k)))
    assert (p >= 0).all()
    assert abs(p.sum(1) - 1).max() < 1e-15 * k
    log = model.predict_log_proba(rng.normal(size=(500, k)))
    np.testing.assert_allclose(np.exp(log).sum(1), 1, rtol=1e-14)


def test_bad_112_two_classes_are_a_softmax_of_two():
    """A third class that is far away and weighs next to nothing leaves the softmax of the other two."""
    x, y = np.vstack([X, np.zeros((8, 3))]), np.concatenate([Y, np.full(8, 2)])
    three = fitted(x, y, np.concatenate([np.ones(80), np.full(8, 1e-13)]), C=1e6)
    two = fitted(C=1e6)
    np.testing.assert_allclose(three.coef_[1] - three.coef_[0], two.coef_[0], rtol=1e-4)
    assert np.array_equal(three.predict(X), two.predict(X))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"tol": np.nan}, "tol must be"),
        ({"tol": -1.0}, "tol must be .* got -1.0"),
        ({"C": 0}, "C must be a number above 0"),
        ({"C": np.nan}, "C must be"),
        ({"C": -1}, "C must be"),
        ({"C": "1"}, "C must be .* got '1'"),
        ({"solver": "lbgfs"}, "'lbfgs', .* got 'lbgfs'"),
        ({"solver": 3}, "3 is no solver"),
        ({"max_iter": -1}, "max_iter must be"),
        ({"max_iter": 1.5}, "max_iter must be"),
        ({"penalty": "l3"}, "penalty must be"),
        ({"l1_ratio": 1.5}, "l1_ratio must be from 0 to 1"),
        ({"fit_intercept": "no"}, "fit_intercept must be"),
        ({"device": "nowhere"}, "device 'nowhere' cannot be used"),
    ],
)
def test_bad_117_parameters_that_mean_nothing_are_refused_at_fit(parameters, told):
    with pytest.raises(ParameterError, match=told):
        LogisticRegression(**parameters).fit(X, Y)


def test_bad_117_the_ends_of_the_ranges():
    assert LogisticRegression(tol=0).fit(X, Y).status_ is Status.converged
    free = LogisticRegression(C=np.inf, tol=1e-12).fit(X, Y)
    same(free, LogisticRegression(C=1e12, tol=1e-12).fit(X, Y), 1e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"coef_": np.full((1, 3), np.nan)}, "holds NaN"),
        ({"coef_": np.zeros((1, 2))}, r"coef_ has shape \(1, 2\).*need \(1, 3\)"),
        ({"intercept_": np.zeros(3)}, r"intercept_ \(3,\)"),
    ],
)
def test_bad_139_a_warm_start_from_nonsense_is_refused(change, told):
    model = LogisticRegression(warm_start=True).fit(X, Y)
    for name, value in change.items():
        setattr(model, name, value)
    with pytest.raises(DataError, match=told):
        model.fit(X, Y)


def test_bad_139_a_warm_start_for_other_classes_is_refused():
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(warm_start=True).fit(x, y)
    with pytest.raises(DataError, match="same columns and classes"):
        model.fit(x[:100], y[:100])


def test_bad_006_008_009_columns_that_add_nothing_are_named():
    extra = FRAME.assign(one=1.0, zero=0.0, again=X[:, 0])
    with pytest.warns(AliasedWarning, match="`one` is constant.*`zero` is constant.*`again` = `age`"):
        model = fitted(extra, C=np.inf)
    np.testing.assert_allclose(model.coef_[0, :3], fitted(C=np.inf).coef_[0], rtol=1e-9)
    ridge = fitted(extra)
    np.testing.assert_allclose(ridge.coef_[0, 0], ridge.coef_[0, 5], rtol=1e-9)  # equal halves
    assert abs(ridge.coef_[0, 3:5]).max() < 1e-12


def test_the_separation_of_a_real_table_is_told():
    x, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(NotCertifiedWarning, match="add a penalty"):
        assert fitted(x, y, C=np.inf).status_ is Status.separated
