"""The compiled passes against their plain twins, whatever the layout, the precision and the rows' weights and offsets."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from torchlogit import L2, LogisticRegression, arithmetic, fit
from torchlogit import estimate as estimates
from torchlogit.design import Coordinates, Design
from torchlogit.kernels import passes
from torchlogit.kernels.library import library
from torchlogit.losses import Logistic, Softmax
from torchlogit.moments import moments
from torchlogit.objective import Objective
from torchlogit.penalties import ElasticNet
from torchlogit.solvers import LBFGS, Dual, Newton, minimize
from torchlogit.sources.memory import MemorySource
from torchlogit.tables.cells import distinct, read_cells

pytestmark = pytest.mark.skipif(library() is None, reason="no compiled kernels here: no C compiler, or none for them")
RNG = np.random.default_rng(4)
N, D = 1001, 7
X = RNG.standard_normal((N, D)) * np.exp(RNG.standard_normal(D)) + 0.5
Y = torch.from_numpy(RNG.integers(0, 2, N))
CLASSES = torch.from_numpy(RNG.integers(0, 3, N))
WEIGHT = torch.from_numpy(RNG.random(N) * 3)
OFFSET = torch.from_numpy(RNG.standard_normal(N))
THIN = np.where(RNG.random((N, D)) < 0.3, X, 0.0)


def long(csr):
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


TABLES = {
    "rows": lambda: torch.from_numpy(X),
    "columns": lambda: torch.from_numpy(np.asfortranarray(X)),
    "part of a wider one": lambda: torch.from_numpy(np.hstack([X, X]))[:, :D],
    "single": lambda: torch.from_numpy(X).float(),
    "single, columns": lambda: torch.from_numpy(np.asfortranarray(X)).float().T.contiguous().T,
    "one column": lambda: torch.from_numpy(X[:, :1].copy()),
    "sparse": lambda: csr_array(THIN),
    "sparse, long": lambda: long(csr_array(THIN)),
    "sparse, single": lambda: csr_array(THIN.astype(np.float32)),
}


def objective(table, loss=None, *, weight=None, offset=None, dtype=torch.float64, folded=True, intercept=True):
    loss = loss or Logistic()
    y, k = (Y, 1) if loss.name == "logistic" else (CLASSES, 3)
    source = MemorySource(TABLES[table](), y, weight, offset, intercept=intercept)
    d = source.n_features
    coordinates = Coordinates(torch.linspace(-1, 1, d).double(), 2.0 ** torch.arange(d).double()) if folded else None
    names = [f"x{j}" for j in range(d)]
    plain = Coordinates(torch.zeros(d).double(), torch.ones(d).double())
    penalty = ElasticNet(0.7, 0.0).strengths(names, coordinates or plain, intercept)
    return Objective(source, loss, penalty, k, coordinates, dtype)


def without_kernels(monkeypatch, of):
    with monkeypatch.context() as patch:
        patch.setattr(passes, "library", lambda: None)
        return of()


def theta_for(of):
    return torch.from_numpy(np.random.default_rng(1).standard_normal((of.p, of.k))) * 0.3


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_value_gradient_and_hessian_of_the_logistic_loss(table, weighted, intercept, monkeypatch):
    extra = {"weight": WEIGHT, "offset": OFFSET} if weighted else {}
    dtype = torch.float32 if "single" in table and "sparse" in table else torch.float64
    of = objective(table, dtype=dtype, intercept=intercept, **extra)
    assert of.source.whole("logistic", dtype) is not of.source
    theta = theta_for(of)
    plain = without_kernels(monkeypatch, lambda: replace(of).taylor(theta, 2))
    tolerance = {"rtol": 1e-12, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-2}
    for mine, other in zip(of.taylor(theta, 2), plain, strict=True):
        torch.testing.assert_close(mine, other, **tolerance)
    torch.testing.assert_close(of.taylor(theta, 0).value, plain.value, **tolerance)


@pytest.mark.parametrize("table", ["rows", "columns", "single"])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_gradient_and_products_of_softmax(table, weighted, monkeypatch):
    extra = {"weight": WEIGHT, "offset": OFFSET[:, None] * torch.tensor([1.0, 0.0, -1.0])} if weighted else {}
    of = objective(table, Softmax(), **extra)
    theta = theta_for(of)
    v = theta.flip(0)
    plain = without_kernels(monkeypatch, lambda: replace(of).taylor(theta, 1))
    for mine, other in zip(of.taylor(theta, 1)[:2], plain[:2], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(of.hessian(theta)(v), of.hvp(theta, v), rtol=1e-11, atol=1e-8)
    blocks = without_kernels(monkeypatch, lambda: replace(of)._curvature(theta, full=True))
    torch.testing.assert_close(of._curvature(theta, full=True), blocks, rtol=1e-11, atol=1e-8)


@pytest.mark.parametrize("table", ["rows", "columns", "sparse", "sparse, long"])
def test_products_with_the_hessian_and_its_diagonal(table):
    of = objective(table, weight=WEIGHT, offset=OFFSET)
    theta = theta_for(of)
    v = theta.flip(0)
    torch.testing.assert_close(of.hessian(theta)(v), of.hvp(theta, v), rtol=1e-12, atol=1e-9)
    unscaled = objective(table, weight=WEIGHT, offset=OFFSET, folded=False)
    hess = unscaled.taylor(theta, 2).hess[:, 0, :, 0]
    torch.testing.assert_close(unscaled.diagonal(theta)[:, 0], hess.diagonal(), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 1e-300, -1e-9, 0.5, -3.0, 36.0, -37.5, 700.0, -745.0, 1e6, -1e300])
@pytest.mark.parametrize("y", [0, 1])
def test_a_row_alone_at_any_eta(eta, y):
    curvature = torch.empty(1, dtype=torch.float64)
    rows = torch.tensor([y]), torch.ones(1, dtype=torch.float64), torch.zeros(())
    one = torch.ones(1, 1, dtype=torch.float64)
    found = passes.logistic_pass(
        one, torch.tensor([[eta]], dtype=torch.float64), torch.zeros(1), *rows, curvature=curvature
    )
    value, grad, hess = Logistic().taylor(torch.tensor([[eta]], dtype=torch.float64), rows[0], 2)
    exact = (
        {"rtol": 1e-15, "atol": 1e-300}
        if abs(eta) < 700
        else {"rtol": 1e-15, "atol": 1e-300 if eta * y > 0 else 1e-290}
    )
    torch.testing.assert_close(found[0], value[0], rtol=2e-15, atol=1e-300)
    torch.testing.assert_close(found[1], grad[0, 0], rtol=2e-15, atol=exact["atol"])
    torch.testing.assert_close(curvature[0], hess[0, 0, 0], rtol=2e-15, atol=exact["atol"])


def test_a_cell_that_is_no_number_is_seen():
    x = torch.from_numpy(X.copy())
    x[17, 3] = torch.nan
    of = Objective(MemorySource(x, Y), Logistic(), objective("rows").penalty, 1)
    assert of.taylor(torch.zeros(D + 1, 1, dtype=torch.float64), 1).grad.isnan().any()


def test_the_sums_do_not_depend_on_the_number_of_threads():
    x, y = torch.randn(40_000, 20, dtype=torch.float64), torch.randint(0, 2, (40_000,))
    of = Objective(
        MemorySource(x, y),
        Logistic(),
        objective("rows").penalty._replace(l1=torch.zeros(21, 1), l2=torch.zeros(21, 1)),
        1,
    )
    theta, before = torch.randn(21, 1, dtype=torch.float64), torch.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(of.taylor(theta, 2))
    torch.set_num_threads(before)
    for part in ("value", "grad", "hess"):
        assert torch.equal(getattr(found[0], part), getattr(found[1], part))
        assert torch.equal(getattr(found[0], part), getattr(found[2], part))


def fails_inside():
    with arithmetic.one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError


def test_threads_are_given_back_also_when_taken_twice_and_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with arithmetic.one_thread():
        with pytest.raises(KeyError):
            fails_inside()
        assert torch.get_num_threads() == 1
        assert arithmetic.threads() == 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_moments_in_one_read_are_those_of_two(table, weight, monkeypatch):
    source = MemorySource(TABLES[table](), Y, weight)
    one = moments(source)
    two = without_kernels(monkeypatch, lambda: moments(source))
    torch.testing.assert_close(one.coordinates.scale, two.coordinates.scale)
    assert ((one.coordinates.centre - two.coordinates.centre).abs() <= 2e-3 * two.coordinates.scale).all()
    assert torch.equal(one.constant, two.constant)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e9, 1e15])
@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e160])
def test_moments_far_from_zero_and_of_any_size(shift, scale, monkeypatch):
    x = torch.from_numpy((RNG.standard_normal((500, 3)) + shift) * scale)
    x[:, 1] = 7.1 * scale
    x[0, 2] *= 1e6  # one row far from all others
    source = MemorySource(x, Y[:500])
    one, two = moments(source), without_kernels(monkeypatch, lambda: moments(source))
    torch.testing.assert_close(one.coordinates.scale, two.coordinates.scale)
    assert torch.equal(one.constant, two.constant)
    assert bool(one.constant[1])
    assert one.coordinates.explicit == two.coordinates.explicit


def test_a_sample_has_one_row_of_each_stretch():
    source = MemorySource(torch.arange(1000.0)[:, None], torch.zeros(1000))
    part = source.sample(10, seed=3)
    assert (part.x[:, 0] // 100).tolist() == list(range(10))
    assert float(part.weight.sum()) == 1000
    assert not torch.equal(part.x, source.sample(10, seed=4).x)
    assert source.sample(1000, 0) is source


@given(
    st.one_of(
        st.lists(st.integers(-300, 300), min_size=1),
        st.lists(st.booleans(), min_size=1),
        st.lists(st.floats(-5, 5).map(lambda v: round(v * 2) / 2), min_size=1),
        st.lists(st.integers(2**53 - 3, 2**53 - 1), min_size=1),
    )
)
def test_labels_are_counted_as_they_would_be_sorted(values):
    found, codes = distinct(read_cells(np.array(values), "y"), "y")
    expected, places = np.unique(np.array(values), return_inverse=True)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    assert np.array_equal(codes, places)


@pytest.mark.parametrize("penalty", [None, L2(0.3)])
@pytest.mark.parametrize(
    "extra", [{}, {"weight": WEIGHT[:200].numpy() + 0.1, "offset": OFFSET[:200].numpy()}, {"intercept": False}]
)
def test_a_small_fit_in_one_call_is_the_fit_in_steps(penalty, extra, monkeypatch):
    x, y = X[:200], Y[:200].numpy()
    quickly = fit(x, y, penalty=penalty, **extra)
    assert len(quickly.history) == 1
    monkeypatch.setattr(estimates, "quick", lambda *_: None)
    slowly = fit(x, y, penalty=penalty, **extra)
    assert len(slowly.history) > 1
    torch.testing.assert_close(quickly.theta, slowly.theta, rtol=1e-9, atol=1e-11)
    assert quickly.value == pytest.approx(slowly.value, rel=1e-13)
    assert quickly.log_likelihood == pytest.approx(slowly.log_likelihood, rel=1e-12)
    assert quickly.null_log_likelihood == pytest.approx(slowly.null_log_likelihood, rel=1e-12)
    assert quickly.certified
    assert slowly.certified
    if penalty is None:
        torch.testing.assert_close(quickly.covariance, slowly.covariance, rtol=1e-8, atol=1e-12)


def wide(k=2):
    x = RNG.standard_normal((60, 300)) * np.exp(RNG.standard_normal(300)) + 1.0
    return x, np.arange(60) % k


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3])
def test_a_wide_fit_in_the_span_of_its_rows_is_the_fit(k, intercept, strength):
    x, y = wide(k)
    strengths = list(strength * (1 + np.arange(300) % 3))
    found = fit(x, y, penalty=L2(strengths), intercept=intercept)
    assert found.solver.startswith("Dual")
    other = fit(x, y, penalty=L2(strengths), intercept=intercept, solver=LBFGS(), max_iter=500)
    assert found.certified
    assert found.certificate.relative_distance < 1e-18
    assert found.value <= other.value * (1 + 1e-13)
    torch.testing.assert_close(found.theta, other.theta, rtol=1e-5, atol=1e-6)


def test_the_distance_outside_the_span_counts():
    x, y = wide()
    source = MemorySource(torch.from_numpy(x), torch.from_numpy(y))
    penalty = L2(1.0).strengths([str(j) for j in range(300)], moments(source).coordinates, True)
    of = Objective(source, Logistic(), penalty, 1, moments(source).coordinates)
    best = minimize(of, of.zeros(), Dual()).point
    aside = best.theta.clone()
    z = source.table().moved(of.coordinates, torch.float64)
    push = torch.randn(301, 1, dtype=torch.float64)
    push[0] = 0
    inside = torch.linalg.lstsq(z.to_dense()[:, 1:].mT, push[1:]).solution
    push[1:] -= z.to_dense()[:, 1:].mT @ inside  # rows do not see it
    aside += 1e-3 * push
    grad, outside = best.memory.span.gradient(of.taylor(aside, 1).grad)
    true = float(of.taylor(aside, 0).value - best.at.value)
    assert true > 0
    newton = float((grad * best.memory.root.solve(grad)).sum() / 2)
    assert newton + float(outside) >= 0.99 * true


def test_a_sparse_table_whose_index_leads_outside_is_refused():
    broken = csr_array(THIN)
    broken.indices[5] = 10_000
    with pytest.raises(ValueError, match="column"):
        LogisticRegression().fit(broken, Y.numpy())


def test_without_kernels_everything_works_all_the_same():
    code = (
        "import torch, numpy as np; from torchlogit import fit; from torchlogit.kernels.library import library;"
        "assert library() is None; x = np.random.default_rng(0).standard_normal((300, 4));"
        "m = fit(x, (x[:, 0] + np.random.default_rng(1).standard_normal(300) > 0).astype(int)); print(m.theta.ravel().tolist())"
    )
    environment = {**os.environ, "TORCHLOGIT_KERNELS": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    x = np.random.default_rng(0).standard_normal((300, 4))
    compiled = fit(x, (x[:, 0] + np.random.default_rng(1).standard_normal(300) > 0).astype(int))
    assert np.allclose(json.loads(done.stdout), compiled.theta.ravel(), rtol=1e-10)


def test_compiled_rows_have_design_in_them():
    """The dispatch goes by what a table is, not by what it is called: integers and tensors elsewhere go the plain way."""
    assert not passes.suits(torch.zeros(3, 2, dtype=torch.int32), "logistic", torch.float64)
    assert not passes.suits(torch.zeros(4, 4, dtype=torch.float64)[::2, ::2], "logistic", torch.float64)
    assert not passes.suits(torch.zeros(3, 2, dtype=torch.float64), "squared", torch.float64)
    assert passes.suits(torch.zeros(3, 2, dtype=torch.float64), "logistic", torch.float32)
    assert isinstance(Newton(), Newton)
    assert Design(torch.zeros(3, 2)).fused("cauchit", torch.zeros(3, 1), None) is None
