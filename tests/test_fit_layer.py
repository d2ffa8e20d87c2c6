"""`torchlogit.nn.fit_layer`: the optimum of `fit`, and derivatives that finite differences of whole fits confirm."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import torchlogit
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.nn import fit_layer

pytestmark = pytest.mark.usefixtures("alone")


def rows(*batch, n=36, d=2, seed=0, classes=2):
    """x (*B, n, d), y (*B, n) and weights: classes that no line can tell apart."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*batch, n, d, generator=generator, dtype=torch.float64)
    y = torch.arange(n).remainder(classes).expand(*batch, n)
    weight = torch.rand(*batch, n, generator=generator, dtype=torch.float64) + 0.5
    return x, y if classes > 2 else y.double(), weight


def leaves(*tensors):
    return tuple(t.detach().clone().requires_grad_() for t in tensors)


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_optimum_that_fit_finds(classes):
    x, y, weight = rows(classes=classes)
    found = fit_layer(x, y, weight, 0.7)
    expected = torchlogit.fit(
        x.numpy(), y.numpy(), weight=weight.numpy(), weights_are="importance", penalty=torchlogit.L2(0.7)
    ).theta
    assert torch.allclose(found, expected, rtol=0, atol=1e-9)


def test_without_a_penalty_or_an_intercept_too():
    x, y, _ = rows()
    expected = torchlogit.fit(x.numpy(), y.numpy(), penalty=None).theta
    assert torch.allclose(fit_layer(x, y), expected, rtol=0, atol=1e-9)
    bare = torchlogit.fit(x.numpy(), y.numpy(), intercept=False, penalty=None).theta
    assert torch.allclose(fit_layer(x, y, bias=False), bare, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("batch", "bias"), [((), False), ((2,), True)])
def test_first_and_second_derivatives(batch, bias):
    x, y, weight = rows(*batch, n=5)
    y = 0.1 + 0.8 * y  # probabilities as targets, so that they can be moved both ways
    given = leaves(x, y, weight, torch.full((*batch, 2), 0.5, dtype=torch.float64))
    assert gradcheck(lambda *t: fit_layer(*t, bias=bias), given, atol=1e-6)
    assert gradgradcheck(lambda *t: fit_layer(*t, bias=bias), given, atol=1e-5)


def test_derivatives_of_three_classes():
    x, y, weight = rows(n=6, classes=3)
    given = leaves(x, weight, torch.tensor(0.4, dtype=torch.float64))
    assert gradcheck(lambda x, s, c: fit_layer(x, y, s, c), given, atol=1e-6)
    assert gradgradcheck(lambda x, s, c: fit_layer(x, y, s, c), given, atol=1e-5)


def test_three_classes_with_a_free_intercept_and_no_penalty_on_anything():
    x, y, weight = rows(n=15, classes=3)
    (weight,) = leaves(weight)
    assert gradcheck(lambda s: fit_layer(x, y, s), (weight,), atol=1e-6)


def test_a_row_of_zeros_has_its_second_derivatives():
    x, y, weight = rows(n=8)
    x[0] = 0  # η = 0 without an intercept: where |η| has a kink
    given = leaves(x, weight)
    assert gradgradcheck(lambda x, s: fit_layer(x, y, s, 0.3, bias=False), given, atol=1e-5)


def test_a_batch_is_its_members_one_by_one():
    x, y, weight = rows(3)
    strength = torch.tensor([[0.1], [1.0], [10.0]], dtype=torch.float64)
    together = fit_layer(x, y, weight, strength)
    alone = [fit_layer(x[j], y[j], weight[j], strength[j]) for j in range(3)]
    assert torch.allclose(together, torch.stack(alone), rtol=0, atol=1e-10)


def test_one_table_under_many_strengths():
    x, y, _ = rows()
    strength = torch.logspace(-2, 2, 5, dtype=torch.float64)[:, None]
    theta = fit_layer(x, y, strength=strength)
    assert theta.shape == (5, 3, 1)
    size = theta[:, 1:].norm(dim=(1, 2))
    assert bool((size[1:] < size[:-1]).all())


def test_single_precision_in_single_precision_out():
    x, y, _ = rows()
    theta = fit_layer(x.float(), y.float(), strength=1.0)
    assert theta.dtype == torch.float32
    assert torch.allclose(theta.double(), fit_layer(x, y, strength=1.0), atol=1e-6)


def test_a_strength_found_by_its_gradient_is_where_the_validation_loss_is_least():
    x, y, _ = rows(n=40, d=6, seed=3)
    y = (torch.rand(40, generator=torch.Generator().manual_seed(1)) < torch.sigmoid(x[:, 0])).double()

    def validation(log_strength):
        theta = fit_layer(x[:25], y[:25], strength=log_strength.exp())
        eta = (x[25:] @ theta[1:] + theta[0])[:, 0]
        return torch.nn.functional.binary_cross_entropy_with_logits(eta, y[25:])

    log_strength = torch.zeros((), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([log_strength], max_iter=15, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        loss = validation(log_strength)
        loss.backward()
        return loss

    search.step(closure)
    grid = torch.linspace(-4, 4, 40, dtype=torch.float64)
    least = min(validation(t).item() for t in grid)
    assert validation(log_strength.detach()).item() <= least + 1e-9


def test_separated_classes_have_no_optimum_without_a_penalty():
    x = torch.tensor([[[0.0], [1.0], [2.0], [3.0]]] * 2, dtype=torch.float64)
    y = torch.tensor([[0.0, 1, 0, 1], [0, 0, 1, 1]], dtype=torch.float64)
    with pytest.raises(NotCertifiedError, match=r"problem 1 of the batch .* only a strength over 0"):
        fit_layer(x, y)
    assert bool(fit_layer(x, y, strength=1e-3).isfinite().all())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"y": torch.zeros(3)}, DataError, "should be"),
        ({"x": torch.full((4, 1), np.nan)}, DataError, "NaN"),
        ({"strength": -1.0}, ParameterError, "0 or more"),
        ({"weight": torch.tensor([1.0, -1, 1, 1])}, ParameterError, "0 or more"),
        ({"y": torch.tensor([0.0, 2, 0, 1])}, DataError, "from 0 to 1"),
        ({"y": torch.tensor([0, 5, 0, 1]), "classes": 3}, DataError, "from 0 to 2"),
    ],
)
def test_what_has_no_meaning_is_refused(change, error, words):
    given = {"x": torch.tensor([[1.0], [2.0], [3.0], [4.0]]), "y": torch.tensor([0.0, 1, 0, 1]), **change}
    with pytest.raises(error, match=words):
        fit_layer(**given)
