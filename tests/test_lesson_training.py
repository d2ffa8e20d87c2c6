"""L12 and L16: training by the solver is the hand-written loop, bit for bit."""

import warnings

import numpy as np
import pytest
import torch

import torchlogit
from torchlogit import SGD, LogisticRegression
from torchlogit.losses import Logistic

HOURS, PASSED = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [0.0], [1.0]])


def students(n=50, d=3, seed=5):
    torch.manual_seed(seed)
    x = torch.randn(n, d)
    return x, (torch.rand(n, 1) < torch.sigmoid(x.sum(1, keepdim=True))).float()


def by_hand(x, y, *, reduction, lr=0.01, epochs=1000, strength=0.0, optimizer=torch.optim.SGD, **options):
    """The lesson's loop: its start, its trained layer, its losses."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(x.shape[1], 1)
    start = layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()
    criterion = torch.nn.BCELoss(reduction=reduction)
    optimizer = optimizer(layer.parameters(), lr=lr, **options)
    losses = []
    for _ in range(epochs):
        loss = criterion(torch.sigmoid(layer(x)), y)
        if strength:
            loss = loss + strength * layer.weight.square().sum() / 2
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return start, layer, losses


def by_solver(x, y, start, solver, **settings):
    model = LogisticRegression(solver=solver, warm_start=True, **settings)
    model.coef_, model.intercept_ = start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torchlogit.TorchlogitWarning)
        return model.fit(x.numpy(), y[:, 0].numpy())


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(("x", "y"), [(HOURS, PASSED), students(), students(500, 7)], ids=["lesson", "50x3", "500x7"])
def test_L16_weights_are_those_of_the_hand_written_loop_bit_for_bit(x, y, reduction):
    lr = 0.01 if reduction == "mean" or len(x) < 100 else 0.0005
    epochs = 1000 if x is HOURS and reduction == "sum" else 200
    start, layer, losses = by_hand(x, y, reduction=reduction, lr=lr, epochs=epochs)
    model = by_solver(x, y, start, SGD(lr=lr, epochs=epochs, reduction=reduction), penalty=None)
    assert model.coef_.dtype == np.float32
    np.testing.assert_array_equal(model.coef_, layer.weight.detach().numpy())
    np.testing.assert_array_equal(model.intercept_, layer.bias.detach().numpy())
    seen = [record.value for record in model.history_[1:]]  # history_[0] is F at the start, before the first epoch
    np.testing.assert_array_equal(
        np.float32(seen if reduction == "sum" else np.array(seen) / len(x)), np.float32(losses)
    )
    assert model.n_iter_[0] == epochs


def test_L16_every_epoch_is_run_though_the_loss_shows_that_the_classes_are_separated():
    start, layer, losses = by_hand(HOURS, PASSED, reduction="sum", lr=0.1, epochs=400)
    assert losses[-1] < 0.6  # under log 2: proof of separation, at which another solver would stop
    model = by_solver(HOURS, PASSED, start, SGD(lr=0.1, epochs=400, reduction="sum"), penalty=None)
    np.testing.assert_array_equal(model.coef_, layer.weight.detach().numpy())
    assert model.n_iter_[0] == 400
    assert model.status_.name == "separated"


def test_L16_as_the_lesson_says_it_the_default_penalty_is_in_the_loop():
    """Without ``penalty=None`` the estimator has scikit-learn's C = 1: the loop with + w²/2 in its loss."""
    start, layer, _ = by_hand(HOURS, PASSED, reduction="sum", strength=1.0, epochs=200)
    model = by_solver(HOURS, PASSED, start, SGD(lr=0.01, epochs=200, reduction="sum"))
    np.testing.assert_array_equal(model.coef_, layer.weight.detach().numpy())
    np.testing.assert_array_equal(model.intercept_, layer.bias.detach().numpy())


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {}), ("Adagrad", {})]
)
def test_L16_any_optimiser_of_torch(name, options):
    x, y = students()
    start, layer, _ = by_hand(x, y, reduction="mean", epochs=200, optimizer=getattr(torch.optim, name), **options)
    solver = SGD(lr=0.01, epochs=200, reduction="mean", optimizer=name, options=options)
    model = by_solver(x, y, start, solver, penalty=None)
    np.testing.assert_array_equal(model.coef_, layer.weight.detach().numpy())


def test_L16_the_functional_door_takes_a_start():
    start, layer, _ = by_hand(HOURS, PASSED, reduction="sum")
    theta = torch.from_numpy(np.vstack([start[1][None], start[0].T])).double()
    with pytest.warns(torchlogit.TorchlogitWarning):
        found = torchlogit.fit(
            HOURS, PASSED[:, 0], solver=SGD(lr=0.01, epochs=1000, reduction="sum"), start=theta, dtype="float32"
        )
    assert found.theta[:, 0].tolist() == [layer.bias.item(), layer.weight.item()]
    assert 1.06 < found.theta[1, 0] < 1.38


def test_L12_a_mean_of_three_is_a_third_of_the_step():
    """Sum with lr is mean with n·lr; mean with the lesson's own lr ends elsewhere after 1000 epochs."""
    start, total, _ = by_hand(HOURS, PASSED, reduction="sum", lr=0.01)
    _, mean, _ = by_hand(HOURS, PASSED, reduction="mean", lr=0.03)
    np.testing.assert_allclose(total.weight.detach(), mean.weight.detach(), rtol=1e-4)
    short = by_solver(HOURS, PASSED, start, SGD(lr=0.01, epochs=1000, reduction="mean"), penalty=None)
    assert 0.19 < short.coef_[0, 0] < 0.79 < 1.06 < total.weight.item() < 1.38


def test_training_is_right_where_the_lessons_form_is_not():
    """σ and then BCELoss have no gradient left at η = 20; the solver goes on from logits there."""
    eta = torch.tensor([[20.0]], requires_grad=True)
    y = torch.tensor([0.0])
    lesson = torch.nn.functional.binary_cross_entropy(torch.sigmoid(eta)[:, 0], y)
    (grad,) = torch.autograd.grad(lesson, eta)
    assert (lesson.item(), grad.item()) == (100.0, 0.0)
    ours = Logistic().reduced(eta, y, torch.ones(1), "sum")
    (grad,) = torch.autograd.grad(ours, eta)
    assert (ours.item(), grad.item()) == (20.0, 1.0)
    far = torch.tensor([[-30.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(Logistic().reduced(far, torch.ones(1), torch.ones(1), "sum"), far)
    assert grad.item() == -1.0


def test_blocks_and_batches_add_up_to_the_same_loss():
    from torchlogit.objective import Objective
    from torchlogit.penalties import Strengths
    from torchlogit.sources.memory import MemorySource

    x, y = students(100, 2)
    half = torch.tensor([[0.0], [0.5], [0.5]], dtype=torch.float64)
    strengths = Strengths(torch.zeros_like(half), half)
    whole, cut = (
        Objective(MemorySource(x.double(), y[:, 0].double(), block_rows=rows), Logistic(), strengths, 1)
        for rows in (100, 7)
    )
    theta = torch.randn(3, 1, dtype=torch.float64)
    for reduction in ("sum", "mean"):
        torch.testing.assert_close(whole.training_loss(theta, reduction), cut.training_loss(theta, reduction))
    torch.testing.assert_close(whole.training_loss(theta, "sum"), whole.taylor(theta, 0).value)
    torch.testing.assert_close(100 * whole.training_loss(theta, "mean"), whole.training_loss(theta, "sum"))
