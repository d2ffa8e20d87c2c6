"""The compiled coordinate descent beside its plain twin, and the exact solution that both lead to."""

import numpy as np
import pytest
import torch

from torchlogit.kernels.descent import descend, descend_plain
from torchlogit.kernels.library import library
from torchlogit.solvers.lasso import lasso


def problem(m=30, rank=None, seed=0, free=()):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(rank or 3 * m, m))
    l1 = torch.full((m,), 2.0 * m**0.5, dtype=torch.float64)
    l1[list(free)] = 0.0
    return torch.from_numpy(a.T @ a), torch.from_numpy(a.T @ rng.normal(size=len(a)) * 3), l1


def value(hess, linear, l1, u):
    return float(u @ hess @ u / 2 - linear @ u + (l1 * u.abs()).sum())


@pytest.mark.skipif(not hasattr(library(), "descent"), reason="built without the compiled kernels")
@pytest.mark.parametrize("sweeps", [1, 2, 3, 7, 500])
@pytest.mark.parametrize("free", [(), (0, 5)])
def test_the_kernel_is_its_twin(sweeps, free):
    hess, linear, l1 = problem(free=free)
    start = torch.linspace(-1, 1, 30, dtype=torch.float64) * (torch.arange(30) % 3 == 0)
    ends = []
    for way in (descend, descend_plain):
        u, fall = start.clone(), linear - hess @ start
        made = way(hess, l1, u, fall, sweeps)
        ends.append((made, u, fall))
    assert ends[0][0] == ends[1][0] <= sweeps
    torch.testing.assert_close(ends[0][1], ends[1][1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ends[0][2], linear - hess @ ends[0][1], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("way", [descend, descend_plain])
def test_every_sweep_lowers_the_function_and_the_end_is_the_optimum(way):
    hess, linear, l1 = problem()
    u, fall = torch.zeros(30, dtype=torch.float64), linear.clone()
    before = 0.0
    for _ in range(5):
        way(hess, l1, u, fall, 1)
        now = value(hess, linear, l1, u)
        assert now < before
        before = now
    way(hess, l1, u, fall, 10_000)
    assert value(hess, linear, l1, u) == pytest.approx(value(hess, linear, l1, lasso(hess, linear, l1, u)), rel=1e-8)


@pytest.mark.parametrize("way", [descend, descend_plain])
def test_an_entry_without_curvature_stays(way):
    hess = torch.diag(torch.tensor([0.0, 1.0], dtype=torch.float64))
    u, fall = torch.zeros(2, dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    way(hess, torch.ones(2, dtype=torch.float64), u, fall, 9)
    assert u.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("m", [1, 5, 30, 400])
@pytest.mark.parametrize("free", [(), (0,)])
def test_the_lasso_is_solved_exactly(m, free):
    """Optimality conditions to rounding, from any start; with 400 entries the factor is bordered."""
    hess, linear, l1 = problem(m, free=free)
    rng = np.random.default_rng(5)
    found = [lasso(hess, linear, l1, torch.from_numpy(start)) for start in (np.zeros(m), rng.normal(size=m))]
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-11)
    u = found[0]
    fall, used = linear - hess @ u, u != 0
    assert float((fall - l1 * u.sign())[used].abs().sum()) < 1e-9 * float(linear.abs().max())
    assert bool((fall.abs() <= l1 * (1 + 1e-10))[~used].all())
    assert m < 30 or 0 < int(used.sum()) < m


def test_borders_of_a_factor_solve_what_a_new_factor_solves():
    from torchlogit.solvers.lasso import Quadratic

    hess, linear, _ = problem(400)
    kept = Quadratic(hess)
    used = torch.arange(400) < 300
    kept.solve(linear, used)
    for came, went in (([310, 350], []), ([], [4, 200]), ([399, 320], [0, 7, 299])):
        now = used.clone()
        now[came], now[went] = True, False
        torch.testing.assert_close(kept.solve(linear, now), Quadratic(hess).solve(linear, now), rtol=1e-9, atol=1e-10)


def test_entries_that_are_copies_of_each_other():
    hess, linear, l1 = problem(10)
    both = torch.cat([torch.cat([hess, hess]), torch.cat([hess, hess])], 1)
    u = lasso(both, linear.repeat(2), l1.repeat(2), torch.zeros(20, dtype=torch.float64))
    one = lasso(hess, linear, l1, torch.zeros(10, dtype=torch.float64))
    torch.testing.assert_close(u[:10] + u[10:], one, rtol=1e-7, atol=1e-8)


def test_members_of_a_batch_are_solved_apart():
    problems = [problem(12, seed=seed) for seed in range(3)]
    hess, linear, l1 = (torch.stack(parts) for parts in zip(*problems, strict=True))
    together = lasso(hess, linear, l1, torch.zeros_like(linear))
    for one, alone in zip(together, problems, strict=True):
        torch.testing.assert_close(one, lasso(*alone, torch.zeros(12, dtype=torch.float64)))
