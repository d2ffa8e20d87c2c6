"""Predictions with intervals against statsmodels, numerical differentiation and their own invariances."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.special import ndtri

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import DataError, NotCertifiedError, ParameterError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(300, 2))
SHIFT = RNG.normal(size=300)
Y = (X @ [1.0, -0.5] + SHIFT + RNG.logistic(size=300) > 0.3).astype(int)
KIND = (X @ [[1, 0.3, -0.5], [0, 0.5, 0.2]] + RNG.gumbel(size=(300, 3))).argmax(1)
NEW = np.array([[0.0, 0.0], [2.0, -1.0], [30.0, 5.0], [-8.0, 20.0]])


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_intervals_are_those_of_statsmodels(link):
    """Whose ends are carried through the link as well; with an offset."""
    links = sm.families.links
    link_of = {"logit": links.Logit, "probit": links.Probit, "cloglog": links.CLogLog}[link]
    model = sm.GLM(Y, sm.add_constant(X), sm.families.Binomial(link_of()), offset=SHIFT)
    other = model.fit(method="newton", tol=1e-14, cov_type="nonrobust")
    observed = np.linalg.inv(-model.hessian(other.params, observed=True))  # their covariance is Fisher's
    fit = torchlogit.fit(X, Y, link=link, offset=SHIFT)
    found = fit.predict_interval(NEW, 0.9, offset=np.full(4, 0.25))
    design = sm.add_constant(NEW)
    eta = design @ other.params + 0.25
    error = np.sqrt(np.einsum("ij,jk,ik->i", design, observed, design))
    np.testing.assert_allclose(found.eta, eta, rtol=1e-7)
    np.testing.assert_allclose(found.std_error, error, rtol=1e-6)
    inverse = link_of().inverse
    np.testing.assert_allclose(found.low[:2], inverse(eta + ndtri(0.05) * error)[:2], rtol=1e-6)
    np.testing.assert_allclose(found.high[:2], inverse(eta - ndtri(0.05) * error)[:2], rtol=1e-6)
    assert ((found.low >= 0) & (found.low <= found.probability) & (found.probability <= found.high)).all()
    assert (found.high <= 1).all()
    if link == "logit":
        frame = other.get_prediction(design, offset=np.full(4, 0.25)).summary_frame(alpha=0.1)
        np.testing.assert_allclose(found.low, frame["mean_ci_lower"], rtol=1e-6)
        np.testing.assert_allclose(found.high, frame["mean_ci_upper"], rtol=1e-6)


def test_more_classes_by_the_delta_method():
    """Standard errors of each class's log-odds: numerical gradient by theta, and the covariance."""
    fit = torchlogit.fit(X, KIND)
    found = fit.predict_interval(NEW[:2])
    theta, design = fit.theta.numpy(), sm.add_constant(NEW[:2])

    def log_odds(flat):
        eta = design @ flat.reshape(theta.shape)
        mu = np.exp(eta - np.logaddexp.reduce(eta, axis=1, keepdims=True))
        return np.log(mu / (1 - mu)).ravel()

    steps = 1e-5 * np.eye(theta.size)
    gradient = np.stack([(log_odds(theta.ravel() + h) - log_odds(theta.ravel() - h)) / 2e-5 for h in steps], 1)
    error = np.sqrt(np.einsum("ij,jk,ik->i", gradient, fit.covariance.numpy(), gradient))
    np.testing.assert_allclose(found.eta, log_odds(theta.ravel()), rtol=1e-9)
    np.testing.assert_allclose(found.std_error, error, rtol=1e-7)
    np.testing.assert_allclose(found.probability, fit.predict_proba(NEW[:2]).numpy().ravel(), rtol=1e-10)
    assert found.row.tolist() == [1, 1, 1, 2, 2, 2]
    assert found.label.tolist() == [0, 1, 2, 0, 1, 2]
    far = fit.predict_interval(50 * NEW)
    assert np.isfinite([far.low, far.high, far.std_error]).all()


def test_two_classes_are_a_softmax_of_two():
    one, two = (torchlogit.fit(X, Y, loss=loss).predict_interval(NEW) for loss in ("logistic", "softmax"))
    for name in ("probability", "low", "high", "eta", "std_error"):
        np.testing.assert_allclose(getattr(two, name)[1::2], getattr(one, name), rtol=1e-7, err_msg=name)
    np.testing.assert_allclose(two.low[::2], 1 - one.high, rtol=1e-6, atol=1e-12)


def test_another_covariance_carries_over():
    """A robust covariance is another root; one twice as large has intervals of twice the width."""
    fit = torchlogit.fit(X, Y)
    wider = replace(fit, covariance_root=2 * fit.covariance_root).predict_interval(NEW)
    np.testing.assert_allclose(wider.std_error, 2 * fit.predict_interval(NEW).std_error, rtol=1e-12)


def test_columns_far_from_zero_and_blocks(monkeypatch):
    """A column plus 1e7 and times 1e-5 has the same intervals, in one block or in many, dense or sparse."""
    from scipy.sparse import csr_array

    from torchlogit.inference import prediction

    expected = torchlogit.fit(X, Y).predict_interval(X)
    monkeypatch.setattr(prediction, "ENTRIES", 20)
    moved = [1e7, 0] + X * [1.0, 1e-5]
    found = torchlogit.fit(moved, Y).predict_interval(moved)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-7)
    np.testing.assert_allclose(
        torchlogit.fit(csr_array(X), Y).predict_interval(csr_array(X)).low, expected.low, rtol=1e-8
    )


def test_a_table_and_what_is_refused():
    table = datasets.study_hours()
    fit = torchlogit.fit(table, "passed")
    assert "Predicted probabilities" in str(fit.predict_interval(table))
    np.testing.assert_allclose(fit.predict_interval(table).probability, fit.predict_proba(table)[:, 1], rtol=1e-14)
    with pytest.raises(ParameterError, match="level"):
        fit.predict_interval(table, 95)
    with pytest.raises(DataError, match="without an offset"):
        fit.predict_interval(table, offset=np.zeros(20))
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(table, "passed", penalty=L2(1.0)).predict_interval(table)
    with pytest.warns(torchlogit.NotCertifiedWarning):
        apart = torchlogit.fit({"x": np.arange(20.0), "y": np.repeat([0, 1], 10)}, "y")
    with pytest.raises(NotCertifiedError, match="no intervals"):
        apart.predict_interval({"x": [1.0]})
    assert len(fit.predict_interval(torch.zeros(0, 1)).row) == 0
