"""A fit as a file: all of it comes back bit for bit, and a file whose parts do not fit together is refused.

The numbers in the names are those of the list of bad inputs, part H.
"""

import copy
import json
import os
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import torchlogit
from torchlogit import store
from torchlogit.errors import FileError, ModelFileError, ParameterError
from torchlogit.persist import LATER, _header, load, save

GOLDEN = Path(__file__).parent / "golden"
RNG = np.random.default_rng(7)
N = 90
X = RNG.normal(size=(N, 3))
NOISY = X[:, 0] + RNG.logistic(size=N) > 0
THREE = np.digitize(X[:, 0] + RNG.logistic(size=N), [-0.7, 0.7])
FRAME = {
    "age": 40 + 10 * X[:, 0],
    "twice": 80 + 20 * X[:, 0],
    "school": [["Süd", "Nord", "=cmd"][i % 3] for i in range(N)],
    "risk": X[:, 1] / 10,
}


def same(a, b):
    """Whether two fits agree in everything but history and training rows, tensors and labels bit for bit and type for type."""
    for field in fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if field.name in ("training", "prior_curvature"):
            continue
        if isinstance(left, torch.Tensor):
            assert (left.dtype, left.shape, left.device) == (right.dtype, right.shape, right.device), field.name
            assert left.numpy().tobytes() == right.numpy().tobytes(), field.name
        elif field.name == "classes":
            assert left.dtype == right.dtype
            assert left.tolist() == right.tolist()
        elif field.name != "history":
            assert type(left) is type(right), field.name
            assert left == right, field.name


def quietly(*args, **kwargs):
    """A fit whose warnings are not this file's business."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torchlogit.fit(*args, **kwargs)


FITS = {
    "plain": lambda: torchlogit.fit(X, NOISY),
    "softmax": lambda: torchlogit.fit(X, THREE),
    "no intercept": lambda: torchlogit.fit(X, NOISY, intercept=False),
    "squared": lambda: torchlogit.fit(X, NOISY, loss="squared"),
    "float32": lambda: torchlogit.fit(X, NOISY, dtype="float32"),
    "ridge": lambda: torchlogit.fit(X, NOISY, penalty=torchlogit.L2(0.3)),
    "lasso by column": lambda: torchlogit.fit(X, THREE, penalty=torchlogit.L1((1, 0.5, 2.0))),
    "elastic by name": lambda: torchlogit.fit(X, NOISY, penalty=torchlogit.ElasticNet({"x1": 0.1, "x3": 2}, 0.25)),
    "aliased, weighted, with categories": lambda: quietly(
        {**FRAME, "y": NOISY, "w": np.ones(N) * 2, "o": X[:, 2] / 9},
        "y",
        features=["age", "twice", "school", "risk"],
        weight="w",
        offset="o",
    ),
    "dropped rows": lambda: quietly({"a": np.where(X[:, 0] > 2, np.nan, X[:, 0])}, NOISY, missing="drop"),
    "separated": lambda: quietly(X, X[:, 0] > 0),
    "stopped early": lambda: quietly(X, NOISY, max_iter=1),
    "by SGD": lambda: quietly(X, NOISY, solver=torchlogit.SGD(epochs=3)),
}


@pytest.mark.parametrize("kind", FITS)
def test_all_of_a_fit_comes_back(kind, tmp_path):
    fit = FITS[kind]()
    fit.save(tmp_path / "m")
    loaded = torchlogit.load(tmp_path / "m")
    same(fit, loaded)
    rows = FRAME if fit.recipe and "school" in FRAME and len(fit.recipe.features) > 1 else X[:, : len(fit.columns)]
    rows = {"a": X[:, 0]} if kind == "dropped rows" else rows
    offset = None if fit.offset is None else X[:, 2]
    assert fit.predict_proba(rows, offset).numpy().tobytes() == loaded.predict_proba(rows, offset).numpy().tobytes()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize("dtype", ["b1", "i1", "u1", "<i2", ">i4", "<u8", "<f2", "<f4", "<f8", "g", "<U1", "<U40", "O"])
def test_labels_keep_their_dtype(dtype, tmp_path):
    labels = NOISY.astype(int).astype(str) if dtype[-1] == "O" else NOISY.astype(int).astype(dtype)
    fit = torchlogit.fit(X, labels.astype(dtype))
    fit.save(tmp_path / "m")
    loaded = load(tmp_path / "m")
    same(fit, loaded)
    assert loaded.predict(X).dtype == fit.predict(X).dtype


def test_the_version_of_the_package_is_in_the_header(tmp_path):
    save(FITS["plain"](), tmp_path / "m")
    assert store.inspect(tmp_path / "m")["package"] == torchlogit.__version__


@pytest.mark.parametrize("labels", [[1 + 2j, 2], [b"a", b"b"], [(1,), (2,)]])
def test_labels_that_json_cannot_hold_are_refused_before_anything_is_written(labels, tmp_path):
    classes = np.empty(2, dtype=object)
    classes[:] = labels
    with pytest.raises(ParameterError, match="labels must be"):
        save(replace(FITS["plain"](), classes=classes), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_what_load_would_refuse_is_not_written(tmp_path):
    with pytest.raises(ParameterError, match=r"cannot save '.*'columns'"):
        save(replace(FITS["plain"](), columns=("a", "a", "b")), tmp_path / "m")
    with pytest.raises(FileError):
        save(FITS["plain"](), tmp_path / "no folder" / "m")


# What a file may not say. Each row: field, value, words of the message.


def changed(tmp_path, kind="aliased, weighted, with categories"):
    """Return a function that saves a fit with a changed header or tensors, checksum right, and reads it."""
    save(FITS[kind](), tmp_path / "m")
    header, tensors = store.load(tmp_path / "m")

    def read(new_header=None, **new_tensors):
        fields = {**header, **(new_header or {})}
        parts = {name: t for name, t in {**tensors, **new_tensors}.items() if t is not None}
        store.save(tmp_path / "m", {name: value for name, value in fields.items() if value is not ...}, parts)
        return load(tmp_path / "m")

    return read, header, tensors


WRONG = [
    ("columns", ["age", "age", "school=Nord", "school=Süd", "risk"], "twice"),
    ("columns", [], "empty"),
    ("columns", ["a"], "shape"),
    ("columns", ["a", "b", "c", "d", "e"], "other columns"),
    ("columns", ["a", "b", "c", "d", 5], "type int"),
    ("classes", [True, True], "each once"),
    ("classes", [True, False], "sorted"),
    ("classes", [True], "two or more"),
    ("classes", [False, "x"], "dtype"),
    ("classes_dtype", "<U999999999", "dtype"),
    ("classes_dtype", "i4,i4", "dtype"),
    ("classes_dtype", "<i3", "dtype"),
    ("classes", [0, 1, 2], "dtype"),
    ("loss", "softmax", "shape"),
    ("loss", "hinge", "not one of logistic, softmax, squared"),
    ("penalty", {"kind": "Ridge", "strength": 1.0, "l1_ratio": 0.0}, "not one of ElasticNet"),
    ("penalty", {"kind": "L2", "strength": -1.0, "l1_ratio": 0.0}, "finite number >= 0"),
    ("penalty", {"kind": "L2", "strength": [1.0], "l1_ratio": 0.0}, "1 penalty strengths for 5"),
    ("penalty", {"kind": "L2", "strength": {"nowhere": 1.0}, "l1_ratio": 0.0}, "nowhere"),
    ("penalty", {"kind": "L2", "strength": 1.0, "l1_ratio": 2}, "l1_ratio"),
    ("penalty", {"kind": "L2", "strength": 1.0, "l1_ratio": 0.0}, "standard errors"),
    ("status", "fine", "not one of converged"),
    ("status", "max_iter", "standard errors"),
    ("certificate", {"relative_distance": "nan", "gradient_norm": 0, "tol": 0, "kind": ""}, "not finite"),
    ("certificate", {"relative_distance": "small", "gradient_norm": 0, "tol": 0, "kind": ""}, "not a number"),
    ("certificate", {}, "'relative_distance' is missing"),
    ("log_likelihood", "inf", "not finite"),
    ("value", None, "NoneType"),
    ("n_rows", 0, "less than 1"),
    ("n_rows", True, "a bool, not int"),
    ("n_iter", -1, "less than 0"),
    ("dropped", 1.5, "a float, not int"),
    ("class_weights", [1.0], "each of 2 classes"),
    ("class_weights", [1.0, -1.0], "each of 2 classes"),
    ("dependences", [{"column": 7, "weights": [], "constant": 0.0}], "not there"),
    ("dependences", [{"column": 1, "weights": [[-1, 2.0]], "constant": 0.0}], "not there"),
    ("dependences", [{"column": 1, "weights": [[0, 2.0], [0, 2.0]], "constant": 0.0}], "twice"),
    ("dependences", [{"column": 1, "weights": [[0]], "constant": 0.0}], "pair"),
    ("recipe", {"features": []}, "other columns"),
    ("recipe", {"features": [{"name": "a", "kind": "date"}]}, "feature"),
    ("recipe", ["a"], "a list"),
    ("warnings", [1], "type int"),
    ("target", None, "NoneType"),
    ("columns", ..., "missing"),
]


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
def test_bad_193_a_header_that_means_nothing(field, value, words, tmp_path):
    read, _, _ = changed(tmp_path)
    with pytest.raises(ModelFileError, match=words) as caught:
        read({field: value})
    assert repr(str(tmp_path / "m")) in str(caught.value)


def test_bad_193_tensors_that_do_not_fit_the_names(tmp_path):
    read, _, tensors = changed(tmp_path)
    theta, root = tensors["theta_centred"], tensors["covariance_root"]
    for words, wrong in [
        (r"'theta_centred' is torch.float64 of shape \(5, 1\)", {"theta_centred": theta[1:]}),
        ("'theta_centred' is torch.float64", {"theta_centred": theta[:, 0]}),
        ("'theta_centred' is torch.float32", {"theta_centred": theta.float()}),
        ("'theta_centred' is missing", {"theta_centred": None}),
        ("'centre' is missing", {"centre": None}),
        ("'centre'", {"centre": tensors["centre"][1:]}),
        ("'covariance_root'", {"covariance_root": root[1:]}),
        ("'covariance_root'", {"covariance_root": torch.tensor(1.0, dtype=torch.float64)}),
        ("'infinite' has entries", {"infinite": theta + 0.5}),
        ("'other' belongs to no fit", {"other": theta}),
    ]:
        with pytest.raises(ModelFileError, match=words):
            read(**wrong)
    read()  # and as it was, it is fine


def test_bad_193_no_covariance_can_be_indefinite(tmp_path):
    """What is stored is R with covariance R Rᵀ, so whatever numbers a file has, no variance is negative."""
    read, _, tensors = changed(tmp_path)
    fit = read(covariance_root=torch.randn(tensors["covariance_root"].shape).double() * 1e3)
    assert float(torch.linalg.eigvalsh(fit.covariance).min()) > -1e-6
    assert bool((fit.std_error >= 0).all())


NONSENSE = [None, True, -1, 0, 1, 3, 2**62, 1.5, -1e300, "", "x", "nan", "<i8", [], [None], [1], ["a"], {}, {"a": 1}]


def everywhere(value, path=()):
    """Paths to every value of a header."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from everywhere(child, (*path, key))


def mutants(header):
    """Return the header with every value in turn replaced by nonsense, left out, or (in a list) repeated."""
    for path in everywhere(header):
        for new in [*NONSENSE, ..., "repeat", "reverse"]:
            mutant = copy.deepcopy(header)
            inner = mutant
            for key in path[:-1]:
                inner = inner[key]
            if new is ...:
                del inner[path[-1]]
            elif new in ("repeat", "reverse") and not isinstance(inner[path[-1]], list):
                continue
            else:
                old = inner[path[-1]]
                inner[path[-1]] = old + old if new == "repeat" else old[::-1] if new == "reverse" else new
            yield path, mutant


def numbers_alike(a, b):
    """Equal, where 1 and 1.0 are alike but 1 and True are not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(numbers_alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(numbers_alike, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


@pytest.mark.parametrize("kind", ["aliased, weighted, with categories", "lasso by column", "separated"])
def test_bad_193_every_field_is_refused_or_read_as_it_stands(kind, tmp_path, monkeypatch):
    """Whatever is in the header: a ModelFileError, or a fit that says what the header says; never anything else."""
    _, header, tensors = changed(tmp_path, kind)
    refused = total = 0
    for path, mutant in mutants(header):
        total += 1
        monkeypatch.setattr(store, "load", lambda _, mutant=mutant: (copy.deepcopy(mutant), dict(tensors)))
        try:
            fit = load("m")
        except ModelFileError as error:
            refused += 1
            assert "'m': " in str(error)  # noqa: PT017
        else:
            assert path == ("package",) or numbers_alike(_header(fit), LATER | mutant), (path, mutant)
            fit.predict_proba(torch.zeros(1, len(fit.columns)), None if fit.offset is None else [0.0])
    assert 0.5 * total < refused < total


def test_fields_of_a_later_package_are_let_pass(tmp_path):
    read, _, _ = changed(tmp_path)
    same(read(), read({"later": {"anything": 1}}))


def test_bad_188_a_file_that_needs_a_newer_package(tmp_path):
    save(FITS["plain"](), tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    forged = bytearray(data.replace(b'\\"needs\\":\\"0.1.0\\"', b'\\"needs\\":\\"9.1.0\\"'))
    forged[store._PLACE] = store._digest(forged)
    (tmp_path / "m").write_bytes(forged)
    with pytest.raises(ModelFileError, match=r"needs torchlogit >= 9\.1\.0"):
        load(tmp_path / "m")


def golden_fit():
    """The fit of the golden file. Its coefficients have few bits, so that η is exact in any order of summing."""
    fit = FITS["aliased, weighted, with categories"]()
    return replace(
        fit,
        theta_centred=torch.tensor([[0.5], [0.0625], [0.0], [-1.25], [0.75], [3.0]], dtype=torch.float64),
        centre=torch.tensor([40.0, 80.0, 0.25, 0.5, 0.0], dtype=torch.float64),
        warnings=("aliased: an example", "größe"),
    )


GOLDEN_ROWS = {"age": [31, 40.5, 77], "twice": [62, 81, 154], "school": ["Süd", "=cmd", "Nord"], "risk": [0.25, 0, -8]}
GOLDEN_OFFSET = [0.0, 1.5, -0.125]


def test_bad_189_golden_fits_of_every_version_predict_bitwise_the_same():
    files = sorted(GOLDEN.glob("fit-v*.safetensors"))
    assert [path.name for path in files] == [f"fit-v{v}.safetensors" for v in range(1, store.FORMAT_VERSION + 1)]
    for path in files:
        fit, expected = load(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        eta = fit.eta(GOLDEN_ROWS, GOLDEN_OFFSET)
        assert [float(e).hex() for e in eta] == expected["eta"]
        eta = torch.tensor([float.fromhex(e) for e in expected["eta"]], dtype=torch.float64)
        assert torch.equal(fit.predict_proba(GOLDEN_ROWS, GOLDEN_OFFSET), torch.stack([-eta, eta], 1).sigmoid())
        assert [float(e).hex() for e in fit.std_error] == expected["std_error"]
        assert fit.predict(GOLDEN_ROWS, GOLDEN_OFFSET).tolist() == expected["predict"]
        header = _header(fit)
        assert {name: header[name] for name in expected["header"]} == expected["header"]


def test_bad_194_every_float_comes_back_bitwise(tmp_path):
    extremes = [-0.0, 5e-324, 1.7976931348623157e308, 2.2250738585072009e-308]
    theta = torch.tensor(extremes, dtype=torch.float64)[:, None]
    fit = replace(FITS["plain"](), theta_centred=theta, value=5e-324, log_likelihood=-0.0, class_weights=(0.1, 1 / 3))
    save(fit, tmp_path / "m")
    loaded = load(tmp_path / "m")
    same(fit, loaded)
    assert str(loaded.log_likelihood) == "-0.0"


def test_numbers_that_are_not_finite_come_back_where_a_fit_failed(tmp_path):
    fit = FITS["stopped early"]()
    certificate = replace(fit.certificate, relative_distance=float("inf"), gradient_norm=float("-inf"))
    save(replace(fit, certificate=certificate), tmp_path / "m")
    assert load(tmp_path / "m").certificate == certificate
    save(replace(fit, value=float("nan")), tmp_path / "m")
    assert str(load(tmp_path / "m").value) == "nan"


def test_bad_196_loaded_on_the_cpu_whatever_the_default_device(tmp_path):
    fit = FITS["plain"]()
    save(fit, tmp_path / "m")
    torch.set_default_device("meta")
    try:
        loaded = load(tmp_path / "m")
        p = loaded.predict_proba(X)
    finally:
        torch.set_default_device(None)
    same(fit, loaded)
    assert torch.equal(p, fit.predict_proba(X))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bad_196_fitted_on_a_gpu_and_loaded_without(tmp_path):
    fit = torchlogit.fit(torch.from_numpy(X).cuda(), NOISY)
    save(fit, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert not loaded.theta_centred.is_cuda
    assert np.allclose(loaded.predict_proba(X), fit.predict_proba(torch.from_numpy(X).cuda()).cpu(), atol=1e-12)


def test_bad_204_no_training_value_and_no_row_name_in_the_file(tmp_path):
    import pandas as pd

    rng = np.random.default_rng(1)
    ids = [f"person-{i:05d}" for i in range(60)]
    frame = pd.DataFrame({"income": rng.normal(5e4, 1e4, 60), "town": ["Ulm", "Bonn"] * 30}, index=ids)
    frame["count"] = rng.integers(10**6, 10**7, 60)
    y = pd.Series(rng.random(60) < 0.5, index=ids)
    fit = torchlogit.fit(frame, y)
    fit.save(tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    for value in [*frame["income"], *frame["count"]]:
        packed = [np.array(value).astype(kind).tobytes() for kind in ("<f8", ">f8", "<i8")]
        assert not [form for form in [*packed, repr(value).encode(), str(value).encode()] if form in data], value
    assert not [name for name in ids if name.encode() in data]
    assert b"Bonn" in data  # levels of categories are stored, and the documentation says so
    assert "levels of the categories" in " ".join(sys.modules["torchlogit.persist"].__doc__.split())


def test_bad_205_pickle_and_deepcopy_of_a_fit():
    for kind in ("aliased, weighted, with categories", "lasso by column", "separated"):
        fit = FITS[kind]()
        for twin in (pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit), copy.copy(fit)):
            same(fit, twin)
            assert twin.history == fit.history


FIRST = """
import os, sys
import numpy, scipy, torch  # what takes long, once

for first in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        exec(f"{first}; import torchlogit; from torchlogit import fit")
        os._exit(not (callable(torchlogit.fit) and callable(fit)))
    assert os.waitpid(child, 0)[1] == 0, first
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fit_is_the_function_whoever_imports_the_module_of_that_name_first():
    first = ["from torchlogit import Fit, fit", "import torchlogit.fit", "from torchlogit.fitted import Fit"]
    done = subprocess.run([sys.executable, "-c", FIRST, *first], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_fit_is_equal_to_itself_alone():
    """Equality is identity: whether numbers agree is a question of how nearly, which `==` cannot ask."""
    fit, other = torchlogit.fit(X, NOISY), torchlogit.fit(X, NOISY)
    assert fit == fit
    assert (fit == other) is False
    assert fit != replace(fit)
    assert len({fit, other, fit}) == 2
    assert fit in [other, fit]
