"""L06 to L08: what a sigmoid must be, of every member of the family, against 60-digit arithmetic."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, pi

from torchlogit import sigmoids
from torchlogit.sigmoids import GALLERY, Sigmoid, cloglog, logistic, loglog, softsign

FAMILY = (logistic, *GALLERY, cloglog, loglog)
TRUE = {
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "erf": lambda x: mp.erf(mp.sqrt(pi) * x / 2),
    "gudermannian": lambda x: 4 / pi * mp.atan(mp.tanh(pi * x / 4)),
    "algebraic": lambda x: x / mp.sqrt(1 + x * x),
    "arctan": lambda x: 2 / pi * mp.atan(pi * x / 2),
    "softsign": lambda x: x / (1 + abs(x)),
    "cloglog": lambda x: -mp.expm1(-mp.exp(x)),
    "loglog": lambda x: mp.exp(-mp.exp(-x)),
}
CDF = {"erf": lambda x: mp.erfc(-mp.sqrt(pi) * x / 2) / 2}  # far to the left no number of digits saves 1 + erf

POINTS = [-300.0, -120.0, -99.0, -30.0, -19.9, -6.0, -1.2, -0.4, -1e-3, 1e-3, 0.3, 1.0, 2.0, 5.0, 14.0, 40.0]

each = pytest.mark.parametrize("f", FAMILY, ids=lambda f: f.name)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def slope_and_curvature(function, x):
    (slope,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    return slope.detach(), curvature


@each
def test_L08_values_derivatives_and_tails_against_mpmath(f: Sigmoid):
    x = tensor(*POINTS)
    low, high = f.limits
    slope, _ = slope_and_curvature(f, x)
    tail_slope, tail_curvature = slope_and_curvature(f.log_cdf, x)
    values, tails = f(x).detach(), f.log_cdf(x).detach()
    d = mpmath.mpf(10) ** -60
    with mp.workdps(400):
        true = TRUE[f.name]
        cdf = CDF.get(f.name, lambda x: (true(x) - low) / (high - low))
        for i, point in enumerate(map(mpmath.mpf, POINTS)):
            assert float(values[i]) == pytest.approx(float(true(point)), rel=1e-12, abs=1e-17)
            assert float(slope[i]) == pytest.approx(float(mp.diff(true, point, h=d)), rel=1e-12, abs=1e-17)
            below, here, above = (mp.log(cdf(point + step)) for step in (-d, 0, d))
            assert float(tails[i]) == pytest.approx(float(here), rel=1e-12, abs=1e-17)
            assert float(tail_slope[i]) == pytest.approx(float((above - below) / (2 * d)), rel=1e-10, abs=1e-17)
            assert float(tail_curvature[i]) == pytest.approx(
                float((above - 2 * here + below) / d**2), rel=1e-9, abs=1e-15
            )


@each
def test_L07_a_sigmoid_rises_between_its_limits_and_saturates(f: Sigmoid):
    x = torch.tensor([-1e300, -1e10, -50.0, -1.0, 0.0, 1.0, 50.0, 1e10, 1e300], dtype=torch.float64)
    y, low, high = f(x), *f.limits
    assert ((y >= low) & (y <= high)).all()
    assert (y.diff() >= 0).all()
    assert (f(torch.linspace(-3, 3, 601, dtype=torch.float64)).diff() > 0).all()
    assert (float(y[0]), float(y[-1])) == f.limits
    assert f.derivative(x)[[0, -1]].tolist() == [0.0, 0.0]
    assert f.derivative(x).isfinite().all()


@each
@given(a=st.floats(-1e300, 1e300), b=st.floats(-1e300, 1e300))
def test_L07_monotone_and_finite_everywhere(f: Sigmoid, a, b):
    x = torch.tensor(sorted((a, b)), dtype=torch.float64)
    y = f(x)
    assert y[0] <= y[1] + 1e-15
    assert f.derivative(x).isfinite().all()
    assert (f.derivative(x) >= 0).all()
    assert (f.log_cdf(x) <= 0).all()


@pytest.mark.parametrize("f", GALLERY, ids=lambda f: f.name)
def test_L08_the_gallery_has_slope_1_at_0_and_limits_1(f: Sigmoid):
    assert f.limits == (-1.0, 1.0)
    assert float(f(0.0)) == 0.0
    assert float(f.derivative(0.0)) == 1.0
    x = torch.linspace(0.1, 5, 50, dtype=torch.float64)
    torch.testing.assert_close(f(-x), -f(x))


def test_L08_the_gallery_is_in_order_of_saturation():
    at_two = [float(f(2.0)) for f in GALLERY]
    assert at_two == sorted(at_two, reverse=True)
    assert [f.name for f in GALLERY] == ["erf", "tanh", "gudermannian", "algebraic", "arctan", "softsign"]


@each
def test_L08_the_inverse_undoes(f: Sigmoid):
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)
    torch.testing.assert_close(f.inverse(f(x)), x, rtol=1e-10, atol=1e-12)
    low, high = f.limits
    assert f.inverse([low, high]).tolist() == [-np.inf, np.inf]
    assert f.inverse([low - 0.1, high + 0.1]).isnan().all()


@each
def test_L08_autograd_goes_through(f: Sigmoid):
    torch.manual_seed(0)
    x = torch.randn(8, dtype=torch.float64, requires_grad=True)
    for function in (f, f.log_cdf, f.log_sf):
        assert torch.autograd.gradcheck(function, x)
        if f is not softsign or function is not f:  # f″ of softsign jumps at 0
            assert torch.autograd.gradgradcheck(function, x)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(f))(x.detach()), f.derivative(x.detach()))


@each
def test_float32_stays_float32(f: Sigmoid):
    x = torch.tensor([-1e30, -3.0, 0.0, 3.0, 1e30], requires_grad=True)
    for function in (f, f.derivative, f.log_cdf):
        out = function(x)
        assert out.dtype == torch.float32
        assert not out.isnan().any()
        (slope,) = torch.autograd.grad(out.sum(), x)
        assert not slope[1:-1].isnan().any()
    torch.testing.assert_close(f(x)[1:-1].double(), f(x.double())[1:-1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each
def test_derivatives_of_the_tails_are_finite_wherever_the_tail_is(f: Sigmoid, dtype):
    """Both of them, as Newton's steps need them: an exponential that overflows must not make NaN of what is 0."""
    x = torch.linspace(-120, 120, 4801, dtype=dtype, requires_grad=True)
    for function in (f.log_cdf, f.log_sf):
        slope, curvature = slope_and_curvature(function, x)
        there = function(x).isfinite()
        assert there.sum() > 3000
        assert slope[there].isfinite().all()
        assert curvature[there].isfinite().all()


def test_L06_the_logistic_function():
    assert float(logistic(0.0)) == 0.5
    assert float(logistic.derivative(0.0)) == 0.25
    x = torch.linspace(-6, 6, 121, dtype=torch.float64)
    bell = logistic.derivative(x)
    torch.testing.assert_close(bell, logistic(x) * (1 - logistic(x)))
    torch.testing.assert_close(bell, bell.flip(0))
    assert int(bell.argmax()) == 60
    torch.testing.assert_close(logistic(x), torch.sigmoid(x), rtol=0, atol=0)
    torch.testing.assert_close(logistic.inverse(logistic(x)), x)
    assert logistic.latex == r"\frac{1}{1+e^{-x}}"


def test_L07_pytorch_calls_it_sigmoid():
    x = torch.linspace(-3, 3, 13)
    assert torch.equal(torch.nn.Sigmoid()(x), logistic(x))
    assert 'PyTorch calls one of them, the logistic function, "sigmoid"' in " ".join(sigmoids.__doc__.split())


def test_tails_far_out_have_the_sign_of_their_curvature():
    """A Newton step far from the data must not meet a curvature made of rounding."""
    x = tensor(-1e9, -1e6, -1e4, -101.0, -99.0)
    for f in (sigmoids.erf, sigmoids.tanh, sigmoids.gudermannian, cloglog):
        _, curvature = slope_and_curvature(f.log_cdf, x)
        assert (curvature <= 0).all(), f.name
    for f in (sigmoids.algebraic, sigmoids.arctan, softsign):
        assert not f.convex
        _, curvature = slope_and_curvature(f.log_cdf, x)
        assert (curvature > 0).all(), f.name


def test_numbers_and_lists_are_float64():
    assert logistic(1).dtype == logistic([1, 2]).dtype == logistic(torch.tensor([1, 2])).dtype == torch.float64
