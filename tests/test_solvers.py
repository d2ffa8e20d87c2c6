"""Problems × solvers × sources: the same optimum, checked by plain numpy, wherever the rows live."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from problems import Problem, problems, separated
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from torchlogit import fit
from torchlogit.errors import AliasedWarning, DataError, ParameterError
from torchlogit.estimate import estimate
from torchlogit.losses import Logistic, Softmax, Squared, loss_for
from torchlogit.moments import moments
from torchlogit.objective import Objective
from torchlogit.penalties import L1, L2, ElasticNet, NoPenalty
from torchlogit.solvers import LBFGS, Newton, Proximal, Status, minimize
from torchlogit.sources import MemorySource

PROBLEMS, SEPARATED = problems(), separated()
SOLVERS = {
    "newton": Newton(),
    "lbfgs": LBFGS(),
    "lbfgs on a small sample": LBFGS(sample=30, refresh=5),
    "proximal": Proximal(),
    "proximal on working sets": Proximal(limit=30),
    "auto": "auto",
}
SOURCES = {
    "dense": lambda x: (torch.from_numpy(x), None),
    "column order": lambda x: (torch.from_numpy(np.asfortranarray(x)), None),
    "blocks of 7": lambda x: (torch.from_numpy(x), 7),
    "sparse": lambda x: (csr_array(x), None),
    "sparse blocks": lambda x: (csr_array(x), 37),
}


def source_of(problem, kind="dense"):
    x, block_rows = SOURCES[kind](problem.x)
    extra = [None if t is None else torch.from_numpy(t) for t in (problem.weight, problem.offset)]
    return MemorySource(x, torch.from_numpy(problem.y), *extra, intercept=problem.intercept, block_rows=block_rows)


def solved(problem, solver="auto", kind="dense", **settings):
    loss = Logistic() if problem.k == 1 else Softmax()
    source = source_of(problem, kind)
    return estimate(source, problem.columns, problem.k, loss=loss, penalty=problem.penalty, solver=solver, **settings)


def theta_of(result, intercept=True):
    theta = result.theta.clone()
    if intercept:
        theta[0] -= result.centre @ theta[1:]
    return theta.numpy()


def suits(problem, solver):
    return not (problem.rough and solver.split()[0] in ("newton", "lbfgs"))


def close_enough(problem, solver):
    """A duality gap is a difference of large numbers, and a poor preconditioner stalls early: eight digits, not ten."""
    return 1e-8 if solver in ("newton", "lbfgs", "auto") and not problem.rough else 1e-6


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_optimum_is_reached(name, solver):
    problem = PROBLEMS[name]
    if solver == "proximal on working sets" and not problem.rough and problem.x.shape[1] * problem.k > 100:
        pytest.skip("working sets are for sparse solutions")
    if not suits(problem, solver):
        with pytest.raises(ParameterError, match="exact zeros"):
            solved(problem, SOLVERS[solver])
        return
    result = solved(problem, SOLVERS[solver], max_iter=500)
    assert result.status is Status.converged, result.certificate
    theta = theta_of(result, problem.intercept)
    assert problem.slope(theta) < close_enough(problem, solver)
    assert result.value == pytest.approx(problem.value(theta), rel=1e-10)
    assert result.certificate.relative_distance <= 1e-8


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_source_gives_the_same_answer(name, kind):
    problem, rel = PROBLEMS[name], 1e-8
    if "sparse" in kind and "shifted" in name:  # a sparse column cannot be centred without losing its zeros
        with pytest.raises(DataError, match="subtract its mean"):
            solved(problem, kind=kind)
        return
    reference, result = solved(problem), solved(problem, kind=kind)
    assert result.status is Status.converged
    scale = np.concatenate([np.ones(int(problem.intercept)), problem.x.std(0)])[:, None]
    found, expected = (theta_of(fitted, problem.intercept) for fitted in (result, reference))
    np.testing.assert_allclose(found * scale, expected * scale, atol=rel, rtol=rel)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "proximal", "auto"])
@pytest.mark.parametrize("name", SEPARATED)
def test_separated_classes_are_told(name, solver):
    problem, complete, infinite = SEPARATED[name]
    result = solved(problem, SOLVERS[solver], max_iter=300)
    assert result.status is Status.separated
    assert result.complete == complete
    assert result.covariance_root is None
    if infinite is not None:
        moved = {c for c, signs in zip(problem.columns, result.infinite[1:], strict=True) if signs.any()}
        assert moved == infinite


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-20])
@pytest.mark.parametrize("limit", [0, 10**9])
@pytest.mark.parametrize("name", ["quasi", "classes"])
def test_separation_is_seen_at_any_tolerance_and_size(name, limit, tol, monkeypatch):
    """A loose tol ends a quasi-separated fit while its η are still moderate; large tables get no linear programme."""
    import torchlogit.separation as module

    monkeypatch.setattr(module, "PROGRAMME_LIMIT", limit)
    problem, complete, _ = SEPARATED[name]
    result = solved(problem, Newton(), tol=tol)
    assert (result.status, result.complete) == (Status.separated, complete)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("limit", [0, 10**9])
def test_separation_is_seen_where_rounding_stops_the_newton_step(limit, dtype, monkeypatch):
    """Bad inputs 93. Far out the Hessian's flat direction is rounding, so the last step may be as small as at an optimum."""
    import torchlogit.separation as module

    monkeypatch.setattr(module, "PROGRAMME_LIMIT", limit)
    for seed in range(24 if dtype is torch.float64 else 8):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
        y = (rng.random(300) < expit(x @ rng.normal(size=5) / 2)).astype(int)
        only = (y == 1) & (rng.random(300) < 0.4)
        result = solved(Problem("dummy", np.column_stack([x, ~only]), y), Newton(), dtype=dtype)
        assert (result.status, result.complete) == (Status.separated, False)
        assert result.infinite[1:].ravel().tolist() == [0, 0, 0, 0, 0, -1]


@pytest.mark.parametrize("limit", [0, 10**9])
def test_a_large_eta_alone_is_no_separation(limit, monkeypatch):
    import torchlogit.separation as module

    monkeypatch.setattr(module, "PROGRAMME_LIMIT", limit)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 1))
    x[0] = 60.0
    y = (rng.random(3000) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    assert solved(PROBLEMS["tall"].__class__("far", x, y)).status is Status.converged


def test_a_direction_that_moves_nothing_separates_nothing():
    from torchlogit.penalties import Strengths
    from torchlogit.separation import _by_direction

    none = Strengths(torch.zeros(6, 1), torch.zeros(6, 1))
    objective = Objective(source_of(PROBLEMS["tall"]), Logistic(), none, 1)
    assert _by_direction(objective, objective.zeros(), proven=False) is None


def test_one_overlapping_row_is_no_separation():
    x = np.concatenate([np.linspace(0, 1, 50), np.linspace(1.02, 2, 50)])[:, None]
    y = (np.arange(100) >= 50).astype(int)
    y[3] = 1
    result = solved(problems()["tall"].__class__("near", x, y))
    assert result.status is Status.converged


@pytest.mark.parametrize("name", ["tall", "L2", "three classes", "weights", "offset"])
def test_float32_agrees_with_float64(name):
    problem = PROBLEMS[name]
    exact, rough = solved(problem), solved(problem, dtype=torch.float32)
    assert rough.status is Status.converged
    np.testing.assert_allclose(rough.theta, exact.theta, rtol=1e-4, atol=1e-5)


def test_a_batch_member_is_a_single_fit():
    """Folds as weight masks, strengths as a vector: one leading batch dimension, the same numbers."""
    problem = PROBLEMS["tall"]
    masks = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (4, 400)).astype(float))
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    strengths = torch.tensor([0.1, 1.0, 10.0, 100.0], dtype=torch.float64)
    lead = torch.tensor([0.0, 1, 1, 1, 1, 1], dtype=torch.float64)[:, None]
    for solver in (Newton(), LBFGS()):
        from torchlogit.penalties import Strengths

        l2 = strengths[:, None, None] * lead
        batch = Objective(MemorySource(x, y, masks), Logistic(), Strengths(torch.zeros_like(l2), l2), 1)
        together = minimize(batch, batch.zeros(4), solver, tol=1e-20)
        assert together.status == [Status.converged] * 4
        for i in range(4):
            single = Objective(MemorySource(x, y, masks[i]), Logistic(), Strengths(torch.zeros(6, 1), l2[i]), 1)
            alone = minimize(single, single.zeros(), solver, tol=1e-20)
            torch.testing.assert_close(together.theta[i], alone.theta, rtol=1e-8, atol=1e-9)


def test_l1_makes_exact_zeros_and_the_gap_bounds_the_distance():
    problem = PROBLEMS["wide with L1"]
    best = solved(problem)
    theta = theta_of(best)
    assert 0 < (theta[1:] != 0).sum() < 40
    for iterations in (1, 2, 4):
        early = solved(problem, max_iter=iterations, tol=0.0)
        behind = (early.value - best.value) / early.value
        assert early.certificate.kind == "duality gap"
        assert early.certificate.relative_distance >= behind * (1 - 1e-6)


@pytest.mark.parametrize("penalty", [L1(3.0), ElasticNet(4.0, 0.5)])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_the_gap_bounds_the_distance_anywhere_for_every_convex_loss(link, penalty):
    rng = np.random.default_rng(5)
    x = torch.from_numpy(rng.normal(size=(80, 6)))
    y = (torch.from_numpy(rng.random(80)) < torch.sigmoid(x[:, 0] - x[:, 1])).long()
    _, loss = loss_for("auto", 2, link)
    source = MemorySource(x, y, torch.from_numpy(rng.random(80)), intercept=False)
    objective = Objective(source, loss, penalty.strengths([*"abcdef"], moments(source).coordinates, False), 1)
    best = minimize(objective, objective.zeros(), Proximal(), tol=1e-13).point
    assert 0 < (best.theta != 0).sum() < 6 or penalty.l1_ratio < 1
    assert 0 <= float(objective.gap(best.theta, best.at)) < 1e-12 * float(best.at.value)
    for size in (1e-6, 1e-3, 0.1, 1.0, 30.0):
        theta = best.theta + size * torch.from_numpy(rng.normal(size=(6, 1)))
        at = objective.taylor(theta)
        assert float(at.value - best.at.value) <= float(objective.gap(theta, at)) * (1 + 1e-9)


def test_the_certificate_estimates_the_distance():
    problem = PROBLEMS["tall"]
    best = solved(problem)
    early = solved(problem, solver=Newton(), max_iter=3)
    behind = (early.value - best.value) / early.value
    assert early.status is Status.max_iter
    assert early.certificate.relative_distance == pytest.approx(behind, rel=0.1)


def test_history_records_a_falling_value():
    history = solved(PROBLEMS["tall"], LBFGS()).history
    assert [record.iteration for record in history] == list(range(len(history)))
    assert all(b.value <= a.value * (1 + 1e-12) for a, b in pairwise(history))


def test_watch_sees_every_record():
    seen = []
    result = solved(PROBLEMS["tall"], watch=seen.append)
    assert seen == result.history


def test_start_near_the_optimum_saves_steps():
    problem = PROBLEMS["shifted by 1e6 deviations"]
    first = solved(problem, solver=Newton())
    again = solved(problem, solver=Newton(), start=torch.from_numpy(theta_of(first)))
    assert again.n_iter <= 2
    torch.testing.assert_close(again.theta, first.theta, rtol=1e-9, atol=1e-9)


def test_more_coefficients_than_rows_are_refused_without_a_penalty():
    problem = PROBLEMS["wide with L2"]
    with pytest.raises(DataError, match="40 rows cannot determine 151 coefficients"):
        solved(problem.__class__("wide", problem.x, problem.y))


def test_squared_error_is_least_squares():
    problem = PROBLEMS["tall"]
    source = source_of(problem)
    result = estimate(source, problem.columns, 1, loss=Squared(), penalty=NoPenalty())
    expected, *_ = np.linalg.lstsq(problem.design(), problem.y, rcond=None)
    np.testing.assert_allclose(theta_of(result)[:, 0], expected, rtol=1e-10)
    assert result.n_iter <= 2


@pytest.mark.parametrize("k", [4, 40])
def test_preconditioners_of_every_size(k, monkeypatch):
    """Class by class and diagonal: what serves large problems must also be right on small ones."""
    import torchlogit.objective as module

    problem = problems()["thirty classes"]
    expected = solved(problem, Newton())
    monkeypatch.setattr(module, "FULL_LIMIT", 10)
    monkeypatch.setattr(module, "CLASS_LIMIT", 1000 if k == 4 else 0)
    result = solved(problem, LBFGS(), max_iter=1000)
    assert result.status is Status.converged
    assert result.value == pytest.approx(expected.value, rel=1e-12)
    torch.testing.assert_close(result.theta, expected.theta, rtol=1e-4, atol=1e-5)


def test_the_quasi_newton_certificate_is_confirmed(monkeypatch):
    """With a coarse preconditioner the estimate is corrected before it counts: it is not far below the truth."""
    import torchlogit.objective as module

    problem = problems()["thirty classes"]
    best = solved(problem, Newton()).value
    monkeypatch.setattr(module, "FULL_LIMIT", 10)
    result = solved(problem, LBFGS(), tol=1e-6)
    behind = (result.value - best) / result.value
    assert result.certificate.relative_distance >= behind / 2


def test_a_distance_that_is_not_known_is_no_failure(monkeypatch):
    """Conjugate gradients that do not end tell no distance, but F is finite: the steps go on until they run out."""
    from torchlogit import objective, solvers

    problem = problems()["thirty classes"]
    best = solved(problem, Newton()).value
    monkeypatch.setattr(objective, "FULL_LIMIT", 10)
    monkeypatch.setattr(solvers.lbfgs, "MOST_PRODUCTS", 1)
    result = solved(problem, LBFGS(), tol=1e-6, max_iter=40)
    assert result.status is Status.max_iter
    assert np.isfinite([record.relative_distance for record in result.history]).all()
    assert result.value == pytest.approx(best, rel=1e-5)


def nested_categories(n=30_000, machines=3200, owners=12):
    """One-hot rows in which one category decides another, with many rare levels: what a diagonal preconditioner is bad at."""
    rng = np.random.default_rng(0)
    machine = (rng.pareto(0.7, n) * 20).astype(int) % machines
    codes = [machine, rng.integers(0, owners, machines)[machine], rng.integers(0, 24, n)]
    x = hstack([rng.normal(size=(n, 2)), *(csr_array((np.ones(n), (range(n), c))) for c in codes)], format="csr")
    eta = x @ rng.normal(size=x.shape[1]) - 1
    return x, torch.from_numpy(rng.random(n) < 1 / (1 + np.exp(-eta))).double()


def test_thousands_of_nested_levels_are_certified_and_rightly():
    x, y = nested_categories()
    source, columns = MemorySource(x, y), [f"x{j}" for j in range(x.shape[1])]
    settings = {"loss": Logistic(), "penalty": L2(0.1)}
    near = estimate(source, columns, 1, tol=1e-8, **settings)
    best = estimate(source, columns, 1, tol=1e-13, **settings)
    assert (near.status, best.status) == (Status.converged, Status.converged)
    assert near.n_iter < 40  # L-BFGS alone takes ninety steps, and for the second none of a hundred is enough
    behind = (near.value - best.value) / best.value
    assert near.certificate.relative_distance == pytest.approx(behind, rel=0.1)


def test_working_sets_leave_most_columns_alone(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 600))
    y = (rng.random(200) < 1 / (1 + np.exp(-3 * x[:, 0]))).astype(int)
    problem = PROBLEMS["tall"].__class__("many", x, y, penalty=L1(12.0))
    sizes = []
    original = Objective.restrict
    monkeypatch.setattr(
        Objective, "restrict", lambda self, index, known=None: sizes.append(len(index)) or original(self, index, known)
    )
    result = solved(problem, Proximal(limit=300))
    assert result.status is Status.converged
    assert problem.slope(theta_of(result)) < 1e-6
    assert 1 < max(sizes) < 500


def test_auto_says_which_and_why():
    assert solved(PROBLEMS["tall"]).choice.reason
    assert isinstance(solved(PROBLEMS["tall"]).choice.solver, Newton)
    assert isinstance(solved(PROBLEMS["L1"]).choice.solver, Proximal)
    from torchlogit.choice import Size, choose

    assert isinstance(choose("auto", Size(10**6, 51, 1), rough=False).solver, LBFGS)
    assert isinstance(choose("lbfgs", Size(10, 3, 1), rough=False).solver, LBFGS)
    with pytest.raises(ParameterError, match="unknown solver 'nweton'"):
        choose("nweton", Size(10, 3, 1), rough=False)
    with pytest.raises(ParameterError, match="GiB"):
        choose(Newton(), Size(10, 10**6, 1), rough=False)
    with pytest.raises(ParameterError, match="no solver"):
        choose(object(), Size(10, 3, 1), rough=False)


def test_penalties_refuse_what_means_nothing():
    for bad in (-1.0, float("nan"), float("inf"), (1.0, -2.0)):
        with pytest.raises(ParameterError, match="strength"):
            L2(bad)
    with pytest.raises(ParameterError, match="l1_ratio"):
        L2(1.0, l1_ratio=2.0)
    problem = PROBLEMS["tall"]
    for strength, message in (((1.0, 2.0), "2 penalty strengths for 5 features"), ({"z": 1.0}, "do not have")):
        with pytest.raises(ParameterError, match=message):
            solved(problem.__class__("p", problem.x, problem.y, penalty=L2(strength)))
    by_name = solved(problem.__class__("p", problem.x, problem.y, penalty=L2({"x2": 50.0})))
    by_place = solved(problem.__class__("p", problem.x, problem.y, penalty=L2((0.0, 50.0, 0.0, 0.0, 0.0))))
    torch.testing.assert_close(by_name.theta, by_place.theta)


def test_sparse_columns_far_from_zero_are_refused_before_they_lose_digits():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    y = (rng.random(400) < expit(x[:, 0])).astype(int)
    base = fit(x, y, penalty=NoPenalty())
    near = fit(csr_array(x + np.array([0.0, 5e3])), y, penalty=NoPenalty())
    np.testing.assert_allclose(near.table().std_error[1:], base.table().std_error[1:], rtol=1e-6)
    with pytest.raises(DataError, match=r"column 2 \(counting from 1\) of the sparse rows lies .e\+06 standard"):
        fit(csr_array(x + np.array([0.0, 1e6])), y, penalty=NoPenalty())
    with pytest.warns(AliasedWarning, match="`x3` is constant"):
        flat = fit(csr_array(np.c_[x, np.full(400, 3e7)]), y, penalty=NoPenalty())
    np.testing.assert_allclose(flat.theta[:3], base.theta, rtol=1e-9)


def test_a_large_wide_problem_is_mended_where_float32_leaves_it():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(150, 5000)) + 3.0
    y = (rng.random(150) < expit(x[:, 0] - 3)).astype(int)
    model = fit(x, y, penalty=L2(1.0))
    residual = expit(x @ model.coef[:, 0].numpy() + float(model.theta[0, 0])) - y
    assert model.certified
    assert np.abs(x.T @ residual + model.coef[:, 0].numpy()).max() < 1e-9
    assert abs(residual.sum()) < 1e-9
    source = MemorySource(torch.from_numpy(x), torch.from_numpy(y))
    coordinates = moments(source).coordinates
    for strength, dtype in ((1.0, torch.float32), (1e-3, torch.float64)):
        penalty = L2(strength).strengths([str(j) for j in range(5000)], coordinates, True)
        assert Objective(source, Logistic(), penalty, 1, coordinates).span().objective.dtype == dtype
