"""SGD: the loop of one's own, what it tells of itself, and how its end is judged."""

import numpy as np
import pytest
import torch
from test_solvers import PROBLEMS, solved, theta_of

from torchlogit.errors import ParameterError
from torchlogit.estimate import estimate
from torchlogit.losses import Softmax
from torchlogit.penalties import L2
from torchlogit.solvers import SGD, Status
from torchlogit.sources import MemorySource


@pytest.mark.parametrize("optimizer", ["SGD", torch.optim.Adam])
@pytest.mark.parametrize("batch_size", [None, 32, 400])
def test_sgd_comes_near(optimizer, batch_size):
    problem = PROBLEMS["L2"]
    best = solved(problem)
    solver = SGD(lr=0.05, epochs=60, batch_size=batch_size, optimizer=optimizer, reduction="mean")
    result = solved(problem, solver)
    assert best.value < result.value < best.value * 1.06
    assert result.status is Status.max_iter
    assert result.certificate.kind == "half the Newton decrement"
    behind = (result.value - best.value) / result.value
    assert result.certificate.relative_distance == pytest.approx(behind, rel=0.5)


def test_sum_and_mean_differ_by_the_learning_rate():
    problem = PROBLEMS["tall"]
    by_sum = solved(problem, SGD(lr=0.001, epochs=20, reduction="sum"))
    by_mean = solved(problem, SGD(lr=0.4, epochs=20, reduction="mean"))
    torch.testing.assert_close(by_sum.theta, by_mean.theta, rtol=1e-9, atol=1e-12)


def test_sgd_is_the_hand_written_loop():
    problem = PROBLEMS["tall"]
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y).double()
    w, b = (
        torch.zeros(5, dtype=torch.float64, requires_grad=True),
        torch.zeros(1, dtype=torch.float64, requires_grad=True),
    )
    optimizer = torch.optim.SGD([w, b], lr=0.01)
    for _ in range(30):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    theta = theta_of(solved(problem, SGD(lr=0.01, epochs=30, reduction="sum")))[:, 0]
    np.testing.assert_allclose(theta, torch.cat([b, w]).detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.0},
        {"reduction": "median"},
        {"epochs": 0},
        {"batch_size": 0},
        {"optimizer": "Nope"},
        {"optimizer": "lr_scheduler"},
        {"optimizer": 3},
    ],
)
def test_sgd_refuses_what_means_nothing(settings):
    with pytest.raises(ParameterError):
        SGD(**settings)


@pytest.mark.parametrize(
    "settings", [{"options": {"speed": 1}}, {"options": {"momentum": -1}}, {"optimizer": "Optimizer"}]
)
def test_what_the_optimiser_does_not_take_is_told_when_the_fit_begins(settings):
    with pytest.raises(ParameterError, match="cannot be made"):
        solved(PROBLEMS["tall"], SGD(**settings))


def test_an_optimiser_may_ask_for_the_loss_again():
    """torch's own L-BFGS evaluates several times a step, so it wants a closure."""
    problem = PROBLEMS["L2"]
    best = solved(problem)
    result = solved(problem, SGD(lr=1.0, epochs=20, optimizer="LBFGS"))
    assert result.value == pytest.approx(best.value, rel=1e-8)
    seen_first, before = (
        result.history[1].value,
        result.history[0].value,
    )  # the first epoch's is what training saw first
    assert seen_first == pytest.approx(before, rel=1e-14)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_history_has_f_and_its_gradient_for_either_reduction(reduction):
    """Trained on all rows at once: epoch i begins at the theta that i − 1 epochs reach, and its record is F there."""
    problem = PROBLEMS["tall"]
    n, lr = len(problem.y), 0.001
    settings = {"lr": lr if reduction == "sum" else n * lr, "reduction": reduction}
    history = solved(problem, SGD(epochs=5, **settings)).history
    assert len(history) == 6
    for epochs in (1, 2, 4):
        reached = solved(problem, SGD(epochs=epochs, **settings))
        assert history[epochs + 1].value == pytest.approx(reached.value, rel=1e-12)
    assert history[1].gradient_norm == pytest.approx(history[0].gradient_norm, rel=1e-12)


def test_sgd_on_more_coefficients_than_a_hessian_is_kept_for_says_f_where_it_stands():
    """Not the running sum of the last epoch; and a distance that says how far it is."""
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(900, 160)), rng.integers(0, 10, 900)
    columns = tuple(map(str, range(160)))
    source = MemorySource(torch.from_numpy(x), torch.from_numpy(codes))
    settings = {"loss": Softmax(), "penalty": L2(1.0)}
    best = estimate(source, columns, 10, **settings)
    result = estimate(source, columns, 10, solver=SGD(lr=0.3, epochs=4, batch_size=100), **settings)
    theta = result.theta.clone()
    theta[0] -= result.centre @ theta[1:]
    eta = torch.from_numpy(x) @ theta[1:] + theta[0]
    likelihood = eta.log_softmax(1)[torch.arange(900), torch.from_numpy(codes)].sum()
    assert result.log_likelihood == pytest.approx(float(likelihood), rel=1e-9)
    assert result.value == pytest.approx(float(theta[1:].square().sum() / 2 - likelihood), rel=1e-9)
    behind = (result.value - best.value) / result.value
    assert result.certificate.relative_distance == pytest.approx(behind, rel=0.5)


def test_sgd_with_an_l1_penalty_is_judged_by_the_duality_gap():
    problem = PROBLEMS["L1"]
    result, best = solved(problem, SGD(lr=0.01, epochs=50)), solved(problem)
    assert result.certificate.kind == "duality gap"
    assert result.certificate.relative_distance * result.value >= result.value - best.value > 0


def test_a_diverging_run_is_told():
    result = solved(PROBLEMS["tall"], SGD(lr=1e200, epochs=5, reduction="sum"))
    assert result.status is not Status.converged
