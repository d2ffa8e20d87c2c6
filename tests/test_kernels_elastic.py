"""L1 and elastic-net fits to few columns in one compiled call, beside plain proximal Newton and NumPy's own sums."""

import numpy as np
import pytest
import torch

import torchlogit
from torchlogit import ElasticNet
from torchlogit.kernels.elastic import elastic
from torchlogit.kernels.library import library
from torchlogit.solvers import proximal

needs_kernel = pytest.mark.skipif(library() is None, reason="the kernels are not compiled here")
NOTHING = torch.zeros((), dtype=torch.float64)


def problem(n=400, d=30, seed=0, correlation=0.6):
    """Correlated columns, five of them true, with weights and offsets."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) + correlation * rng.normal(size=(n, 1))
    y = (x[:, :5].sum(1) / 2 + rng.logistic(size=n) > 0).astype(np.int64)
    weight, offset = rng.integers(0, 4, n).astype(float), 0.3 * rng.normal(size=(n, 1))
    return tuple(map(torch.from_numpy, (x, y, weight, offset)))


def strengths(d, intercept, l1, l2):
    """Strengths (p, 1), 0 for the intercept."""
    lead = torch.zeros(int(intercept), 1, dtype=torch.float64)
    return [torch.cat([lead, torch.full((d, 1), value, dtype=torch.float64)]) for value in (l1, l2)]


def value_and_slope(x, y, weight, offset, l1, l2, theta, intercept):
    """F and the shortest subgradient, by NumPy alone."""
    z = np.hstack([np.ones((len(y), int(intercept))), x.numpy()])
    t, y, s, o = theta.numpy()[:, 0], y.numpy(), weight.numpy(), offset.numpy().reshape(-1) if offset.ndim else 0.0
    eta = z @ t + o
    l1, l2 = l1.numpy()[:, 0], l2.numpy()[:, 0]
    value = (s * (np.logaddexp(0, eta) - y * eta)).sum() + (l1 * abs(t) + l2 * t**2 / 2).sum()
    grad = z.T @ (s * (1 / (1 + np.exp(-eta)) - y)) + l2 * t
    return value, np.where(t == 0, np.sign(grad) * np.maximum(abs(grad) - l1, 0), grad + l1 * np.sign(t))


@needs_kernel
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("l1", "l2"), [(8.0, 0.0), (6.0, 3.0), (0.0, 2.0), (1e6, 0.0)])
def test_the_optimum_with_weights_and_offsets(intercept, l1, l2):
    """Nothing moves F any more, zeros are exact, and a start and a Hessian from nearby lead to the same."""
    x, y, weight, offset = problem()
    one, two = strengths(x.shape[1], intercept, l1, l2)
    start = torch.zeros_like(one)
    found = elastic(x, intercept, y, weight, offset, one, two, start, None, 1e-14)
    value, slope = value_and_slope(x, y, weight, offset, one, two, found.theta, intercept)
    assert found.distance <= 1e-14
    assert abs(slope).max() < 1e-4 * np.sqrt(value)
    if l1 and not l2:
        assert bool((found.theta[int(intercept) :] == 0).any())
    again = elastic(x, intercept, y, weight, offset, one, two, found.theta + 0.01, found.hess, 1e-14)
    torch.testing.assert_close(again.theta, found.theta, rtol=1e-6, atol=1e-6)


@needs_kernel
def test_columns_by_columns_and_no_weights():
    """A table in column order, and one weight for all rows."""
    x, y, *_ = problem(seed=3)
    l1, l2 = strengths(x.shape[1], True, 5.0, 0.0)
    one = torch.ones((), dtype=torch.float64).expand(len(y))
    found = [
        elastic(table, True, y, one, NOTHING, l1, l2, torch.zeros_like(l1), None, 1e-13)
        for table in (x, x.mT.contiguous().mT)
    ]
    torch.testing.assert_close(found[0].theta, found[1].theta, rtol=1e-9, atol=1e-12)


def test_what_it_does_not_take():
    """Single precision and unheard-of targets are left to others, as is everything where there is no compiler."""
    x, y, weight, offset = problem()
    l1, l2 = strengths(x.shape[1], True, 5.0, 0.0)
    assert elastic(x.float(), True, y, weight, offset, l1, l2, torch.zeros_like(l1), None, 1e-9) is None
    assert elastic(x, True, y.int(), weight, offset, l1, l2, torch.zeros_like(l1), None, 1e-9) is None


@pytest.mark.parametrize("penalty", [torchlogit.L1(6.0), ElasticNet(9.0, 0.5)], ids=["lasso", "elastic net"])
@pytest.mark.parametrize(("n", "d"), [(300, 20), (200, 700)])
def test_the_fit_is_that_of_plain_proximal_newton(penalty, n, d, monkeypatch):
    """With and without compiled sets, to the certificate's digits; wide tables need several sets."""
    x, y, *_ = problem(n, d, seed=7)
    quick = torchlogit.fit(x, y, penalty=penalty)
    monkeypatch.setattr(proximal.Proximal, "_solved", plain)
    slow = torchlogit.fit(x, y, penalty=penalty)
    assert quick.certified
    assert slow.certified
    assert quick.value == pytest.approx(slow.value, rel=1e-12)
    np.testing.assert_allclose(quick.theta, slow.theta, atol=1e-5)


def plain(self, inner, start, known):
    """`Proximal._solved` without compiled code."""
    within = proximal.Within(known)
    solution = proximal.minimize(inner, start, within, max_iter=50, tol=self.tol)
    solved = solution.point if solution.n_iter else within.step(inner, solution.point)
    return solved.theta, solved.at, solved.memory
