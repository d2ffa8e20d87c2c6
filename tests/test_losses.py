"""Closed derivatives against autograd, and every loss against mpmath, at ordinary and extreme eta."""

import mpmath
import pytest
import torch

from torchlogit.losses import LOSSES, Logistic, Loss, Softmax, Squared

EXTREME = [
    0.0,
    -0.0,
    1e-300,
    0.5,
    -3.0,
    15.0,
    -20.0,
    25.0,
    37.0,
    -40.0,
    88.0,
    709.0,
    -745.0,
    1000.0,
    -1e20,
    1e308,
    -1e308,
]


def case(kind, dtype):
    limit = torch.finfo(dtype).max
    values = torch.tensor([v for v in EXTREME if abs(v) <= limit], dtype=torch.float64).to(dtype)
    if kind is Softmax:  # beyond ±40 it is autograd's logsumexp that loses digits: see the test below
        values = values[values.abs() <= 40]
        eta = torch.stack([values, values.flip(0) / 2, torch.zeros_like(values)], -1)
        return eta, torch.arange(len(eta)) % 3
    return values[:, None], (torch.arange(len(values)) % 2).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", [Logistic, Softmax, Squared])
@pytest.mark.parametrize("flip", [False, True])
def test_closed_derivatives_are_those_of_autograd(kind, dtype, flip):
    eta, y = case(kind, dtype)
    if kind is Squared:
        eta = eta.clamp(-1e15, 1e15)
    if flip:
        y = 1 - y if kind is not Softmax else (y + 1) % 3
    closed, derived = kind().taylor(eta, y, 2), Loss.taylor(kind(), eta, y, 2)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-13}[dtype]
    for ours, theirs in zip(closed, derived, strict=True):
        assert ours.shape == theirs.shape
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("kind", [Logistic, Softmax, Squared, *(LOSSES[link] for link in ("probit", "loglog"))])
def test_a_lower_order_is_a_shorter_tuple(kind, order):
    eta, y = case(kind, torch.float64)
    parts = kind().taylor(eta, y, order)
    assert len(parts) == order + 1
    for ours, full in zip(parts, kind().taylor(eta, y, 2), strict=False):
        torch.testing.assert_close(ours, full)


@pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("eta", EXTREME)
def test_logistic_has_all_its_digits(eta, y):
    value, grad, hess = Logistic().taylor(
        torch.tensor([[eta]], dtype=torch.float64), torch.tensor([y], dtype=torch.float64)
    )
    with mpmath.workdps(700):
        z = mpmath.mpf(eta)
        if abs(z) > 10**6:
            assert float(value) == pytest.approx((1 - y) * eta if eta > 0 else -y * eta, rel=1e-15)
            assert float(grad) == (1 - y if eta > 0 else -y)
            return
        sigma = 1 / (1 + mpmath.e ** (-z))
        true = mpmath.log(1 + mpmath.e**z) - y * z
        assert float(value) == pytest.approx(float(true), rel=1e-14, abs=1e-320)
        assert float(grad) == pytest.approx(float(sigma - y), rel=1e-14, abs=1e-320)
        assert float(hess) == pytest.approx(float(sigma * (1 - sigma)), rel=1e-14, abs=1e-320)


def test_bad_109_loss_of_a_huge_eta_is_its_size():
    for eta in (1000.0, 1e20):
        value, grad, _ = Logistic().taylor(torch.tensor([[eta]], dtype=torch.float64), torch.tensor([0.0]))
        assert (float(value), float(grad)) == (eta, 1.0)


@pytest.mark.parametrize("k", [2, 10, 1000])
def test_bad_111_softmax_is_shift_invariant_and_sums_to_one(k):
    eta = torch.linspace(-1e4, 1e4, k, dtype=torch.float64)[None]
    p = Softmax().mean(eta)
    assert abs(float(p.sum()) - 1) <= 1e-15 * k
    torch.testing.assert_close(Softmax().mean(eta + 512.0), p)
    y = torch.tensor([k - 1])
    torch.testing.assert_close(Softmax()(eta + 512.0, y), Softmax()(eta, y))


def test_softmax_at_extreme_eta():
    """A tie at 5e307 against a class far below: probabilities ½ and ½, loss 5e307, a gradient that adds up to 0."""
    eta = torch.tensor([[5e307, 0.0, 5e307]], dtype=torch.float64)
    value, grad, hess = Softmax().taylor(eta, torch.tensor([1]))
    assert float(value) == 5e307
    assert grad.tolist() == [[0.5, -1.0, 0.5]]
    assert hess[0].tolist() == [[0.25, 0.0, -0.25], [0.0, 0.0, 0.0], [-0.25, 0.0, 0.25]]


def test_a_certain_softmax_keeps_its_small_loss():
    value, grad, _ = Softmax().taylor(torch.tensor([[40.0, 0.0]], dtype=torch.float64), torch.tensor([0]))
    assert float(value) == pytest.approx(4.248354255291589e-18, rel=1e-12)
    assert float(grad[0, 0]) == pytest.approx(-4.248354255291589e-18, rel=1e-12)


def test_a_loss_needs_only_its_value():
    class Cauchit(Loss):
        name = "cauchit"

        def forward(self, eta, y):
            p = 0.5 + torch.atan(eta[..., 0]) / torch.pi
            return -y * p.log() - (1 - y) * torch.log1p(-p)

    value, grad, hess = Cauchit().taylor(torch.tensor([[0.3]], dtype=torch.float64), torch.tensor([1.0]))
    step = 1e-5
    up, down = (Cauchit()(torch.tensor([[0.3 + s]], dtype=torch.float64), torch.tensor([1.0])) for s in (step, -step))
    assert float(grad) == pytest.approx(float((up - down) / (2 * step)), rel=1e-6)
    assert float(hess) == pytest.approx(float((up - 2 * value + down) / step**2), rel=1e-4)
    assert len(Cauchit().taylor(torch.tensor([[0.3]]), torch.tensor([1.0]), 0)) == 1
    assert len(Cauchit().taylor(torch.tensor([[0.3]]), torch.tensor([1.0]), 1)) == 2


def test_a_linear_loss_has_a_zero_hessian():
    class Linear(Loss):
        def forward(self, eta, y):
            return eta.sum(-1)

    assert float(Linear().taylor(torch.tensor([[0.3]]), torch.tensor([1.0]))[2]) == 0


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "squared"])
def test_information_is_the_expected_hessian(name):
    """Averaged over the classes with their probabilities; also that of the product of the gradients (Bartlett)."""
    loss, k = LOSSES[name](), 3 if name == "softmax" else 1
    eta = torch.linspace(-3, 2.6, 12 * k, dtype=torch.float64).reshape(12, k)
    mu = loss.probabilities(eta)
    at = [loss.taylor(eta, torch.full((12,), c), 2) for c in range(mu.shape[1])]
    squares = [g[..., :, None] * g[..., None, :] for _, g, _ in at]
    found = loss.information(eta)
    torch.testing.assert_close(found, sum(m[:, None, None] * h for m, (*_, h) in zip(mu.mT, at, strict=True)))
    torch.testing.assert_close(found, sum(m[:, None, None] * s for m, s in zip(mu.mT, squares, strict=True)))
