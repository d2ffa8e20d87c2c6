"""The path of an L1 penalty: its strengths, its certificates, and that each of its fits is the fit at that strength."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

import torchlogit
from torchlogit import L1, DataError, ElasticNet, NotCertifiedWarning, ParameterError, Status, fit_path
from torchlogit.kernels import descent


def table(n=200, d=40, k=2, seed=0, correlation=0.6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    for j in range(1, d):
        x[:, j] = correlation * x[:, j - 1] + (1 - correlation**2) ** 0.5 * x[:, j]
    eta = x[:, : 3 * k].reshape(n, 3, k).sum(1)
    return x, (eta + rng.gumbel(size=(n, k))).argmax(1)


def slope_excess(path, x, y, i):
    """Largest violation of the optimality conditions at the i-th strength, in strengths (binary, with intercept)."""
    theta, strength = path.theta[i, :, 0].numpy(), float(path.strengths[i])
    r = expit(theta[0] + x @ theta[1:]) - y
    l1, l2 = strength * path.l1_ratio, strength * (1 - path.l1_ratio)
    grad, w = x.T @ r + l2 * theta[1:], theta[1:]
    excess = np.where(w == 0, np.maximum(abs(grad) - l1, 0), abs(grad + l1 * np.sign(w)))
    return max(excess.max(), abs(r.sum())) / strength


@pytest.mark.parametrize("shape", [(200, 40), (60, 400), (200, 120)])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_every_fit_of_a_path_is_optimal_and_certified(shape, l1_ratio):
    x, y = table(*shape)
    path = fit_path(x, y, l1_ratio=l1_ratio, n_strengths=20, smallest=0.02)
    assert path.certified
    assert max(c.relative_distance for c in path.certificate) <= 1e-13
    assert {c.kind for c in path.certificate} == {"duality gap"}
    assert max(slope_excess(path, x, y, i) for i in range(20)) < 1e-6
    assert (path.n_nonzero.diff() >= -5).all()
    assert path.n_nonzero[-1] > 20
    assert (path.deviance_share.diff() > 0).all()
    assert abs(path.deviance_share[0]) < 1e-12


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("kind", ["tall", "wide", "sparse", "classes", "weights", "no intercept"])
def test_a_path_is_its_single_fits(kind, l1_ratio):
    x, y = table(*((60, 400) if kind == "wide" else (200, 40)), k=3 if kind == "classes" else 2)
    data = csr_array(np.where(abs(x) > 1, x, 0)) if kind == "sparse" else x
    rng = np.random.default_rng(1)
    more = {"weight": rng.integers(0, 3, len(y)), "offset": rng.normal(size=len(y))} if kind == "weights" else {}
    more |= {"intercept": False} if kind == "no intercept" else {}
    path = fit_path(data, y, l1_ratio=l1_ratio, n_strengths=8, smallest=0.05, **more)
    for i in (0, 3, 7):
        one = torchlogit.fit(data, y, penalty=ElasticNet(float(path.strengths[i]), l1_ratio), **more)
        assert path.status[i] is one.status is Status.converged
        torch.testing.assert_close(path.theta[i], one.theta, rtol=1e-6, atol=1e-6)
        assert float(path.value[i]) == pytest.approx(one.value, rel=2e-13)
        torch.testing.assert_close(path[i].theta, path.theta[i])


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
@pytest.mark.parametrize("k", [2, 3])
def test_the_first_strength_is_the_least_with_all_coefficients_zero(k, l1_ratio):
    x, y = table(k=k)
    largest = float(fit_path(x, y, l1_ratio=l1_ratio, n_strengths=2).strengths[0])
    path = fit_path(x, y, l1_ratio=l1_ratio, strengths=[largest * 0.9999, largest, 3 * largest])
    assert path.strengths.tolist() == [3 * largest, largest, largest * 0.9999]
    assert path.n_nonzero[:2].tolist() == [0, 0]
    assert path.n_nonzero[2] >= 1
    share = np.bincount(y) / len(y)
    np.testing.assert_allclose(path.predict_proba(x[:1], 0)[0], share, rtol=1e-9)


def test_scikit_learn_agrees():
    x, y = table()
    path = fit_path(x, y, l1_ratio=0.7, strengths=[20.0, 2.0])
    for i, strength in enumerate((20.0, 2.0)):
        other = LogisticRegression(C=1 / strength, l1_ratio=0.7, solver="saga", tol=1e-10, max_iter=100_000).fit(x, y)
        np.testing.assert_allclose(path.theta[i, 1:, 0], other.coef_[0], atol=1e-5)


def test_columns_in_another_order_give_the_same_path():
    x, y = table(300, 300)
    order = np.random.default_rng(2).permutation(300)
    path, other = (fit_path(t, y, n_strengths=10, smallest=0.05) for t in (x, x[:, order]))
    torch.testing.assert_close(path.strengths, other.strengths)
    torch.testing.assert_close(path.theta[:, 1:][:, order], other.theta[:, 1:], rtol=1e-6, atol=1e-6)


def test_columns_that_are_copies_share_what_one_would_have():
    x, y = table(200, 20)
    path = fit_path(x, y, n_strengths=6, smallest=0.05)
    twice = fit_path(np.hstack([x, x]), y, strengths=path.strengths)
    assert twice.certified
    torch.testing.assert_close(twice.value, path.value, rtol=1e-12, atol=0)
    torch.testing.assert_close(twice.theta[:, 1:21] + twice.theta[:, 21:], path.theta[:, 1:], rtol=1e-5, atol=1e-5)


def test_a_loose_path_is_within_its_certificate():
    x, y = table(300, 400)
    path = fit_path(x, y, n_strengths=6, smallest=0.05, tol=1e-1)
    exact = fit_path(x, y, strengths=path.strengths)
    behind = (path.value - exact.value) / path.value
    assert (behind > 1e-13).any()
    for i in range(6):
        assert behind[i] - 1e-13 <= path.certificate[i].relative_distance <= 1e-1


def test_without_the_compiled_descent_the_path_is_the_same(monkeypatch):
    x, y = table(100, 150)
    path = fit_path(x, y, n_strengths=6, smallest=0.05)
    monkeypatch.setattr(descent, "library", lambda: None)
    other = fit_path(x, y, n_strengths=6, smallest=0.05)
    assert other.certified
    torch.testing.assert_close(other.theta, path.theta, rtol=1e-6, atol=1e-7)


def test_a_table_with_names_a_category_and_dropped_rows():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4, 5, 6, None, 8] * 5, "g": list("xyxyxyxy") * 5, "t": list("nnynynyy") * 5})
    path = fit_path(frame, "t", n_strengths=4, missing="drop")
    assert path.columns == ("a", "g=y")
    assert path.classes.tolist() == ["n", "y"]
    assert (path[3].dropped, path[-1].n_rows) == (5, 35)
    assert path.predict_proba(frame.dropna(), 3).shape == (35, 2)
    assert len(list(path)) == len(path) == 4


def test_a_path_that_runs_out_of_iterations_says_so():
    x, y = table(100, 400)
    with pytest.warns(NotCertifiedWarning, match="of 3 strengths are not certified"):
        path = fit_path(x, y, n_strengths=3, smallest=0.001, max_iter=1)
    assert not path.certified
    assert "max_iter" in path.summary()
    assert max(map(len, path.summary().splitlines())) <= 80


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"l1_ratio": 0.0}, "l1_ratio"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"strengths": []}, "strengths"),
        ({"strengths": [1.0, -1.0]}, "strengths"),
        ({"strengths": [float("inf")]}, "strengths"),
        ({"n_strengths": 0}, "n_strengths"),
        ({"smallest": 1.0}, "smallest"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_what_means_nothing_is_refused(wrong, message):
    with pytest.raises(ParameterError, match=message):
        fit_path(*table(40, 8), **wrong)


def test_columns_that_do_not_vary_have_no_path():
    with pytest.raises(DataError, match="no path"):
        fit_path(np.ones((40, 2)), np.arange(40) % 2)


def test_a_single_strength_is_the_l1_fit():
    x, y = table()
    path = fit_path(x, y, strengths=[5.0])
    torch.testing.assert_close(path[0].theta, torchlogit.fit(x, y, penalty=L1(5.0)).theta, rtol=1e-7, atol=1e-7)
