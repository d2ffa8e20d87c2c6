"""Loss surfaces against plain numpy: value, curvature, path; and rows that are none."""

import numpy as np
import pytest

from torchlogit import datasets
from torchlogit.errors import DataError, ParameterError
from torchlogit.surfaces import loss_surface

X, Y = np.array([1.0, 2.0, 3.0, 2.5]), np.array([0, 0, 1, 0])
LOSSES = {"bce": lambda p: -np.log(np.where(Y == 1, p, 1 - p)).sum(), "mse": lambda p: ((p - Y) ** 2).sum()}


def numpy_loss(loss, w, b):
    return LOSSES[loss](1 / (1 + np.exp(-(w * X + b))))


@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_curvature_are_those_of_numpy(loss):
    found = loss_surface(loss, X, Y, w=(-2, 3), b=(-1, 2), points=4, epochs=0)
    assert (found.w[0], found.w[-1], found.b[0], found.b[-1]) == (-2, 3, -1, 2)
    step = np.diag([1e-3, 1e-3])
    for row, b in enumerate(found.b.tolist()):
        for column, w in enumerate(found.w.tolist()):
            here = np.array([w, b])
            assert float(found.value[row, column]) == pytest.approx(numpy_loss(loss, w, b), rel=1e-12)
            hess = [
                [
                    sum(s * t * numpy_loss(loss, *(here + s * i + t * j)) for s in (1, -1) for t in (1, -1)) / 4e-6
                    for j in step
                ]
                for i in step
            ]
            least = np.linalg.eigvalsh(np.array(hess))[0]
            assert float(found.curvature[row, column]) == pytest.approx(least, abs=3e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_path_is_gradient_descent(loss):
    found = loss_surface(loss, X, Y, points=2, start=(0.3, -0.2), lr=0.05, epochs=3)
    theta, path = np.array([0.3, -0.2]), []
    for _ in range(4):
        path.append(theta)
        slope = [(numpy_loss(loss, *(theta + e)) - numpy_loss(loss, *(theta - e))) / 2e-6 for e in np.eye(2) * 1e-6]
        theta = theta - 0.05 * np.array(slope)
    np.testing.assert_allclose(found.path, path, atol=1e-8)


def test_only_cross_entropy_is_convex():
    table = datasets.lesson()
    bce, mse = (loss_surface(each, table["hours"], table["passed"], points=21, epochs=0) for each in ("bce", "mse"))
    assert (bce.curvature > -1e-12).all()
    assert (mse.curvature < -1e-3).any()


@pytest.mark.parametrize(
    ("x", "y"), [(X, Y + 1), (X, Y * 0.7), (X, Y[:3]), (X[:, None], Y), ([1.0, np.nan], [0, 1])], ids=str
)
def test_rows_that_are_none_are_refused(x, y):
    with pytest.raises(DataError, match=r"y \(n,\) of 0 and 1; got x of shape"):
        loss_surface("bce", x, y)


@pytest.mark.parametrize("settings", [{"points": 1}, {"epochs": -1}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ParameterError, match="got points="):
        loss_surface("bce", X, Y, **settings)
    with pytest.raises(ParameterError, match="unknown loss 'hinge'; there are 'mse', 'bce'"):
        loss_surface("hinge", X, Y)
