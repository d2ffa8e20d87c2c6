"""``partial_fit``: all rows' fit while they are few, and afterwards as near to it as its certificate says."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import torch

import torchlogit
from torchlogit import LogisticRegression
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimators import partial

pytestmark = pytest.mark.usefixtures("alone")


def rows(n=4000, d=5, seed=0, classes=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.3) + 2.0
    eta = (x - 2.0) @ rng.normal(size=(d, classes)) * 0.7 + rng.gumbel(size=(n, classes))
    return x, eta.argmax(1)


def stream(model, x, y, size=250, **given):
    for begin in range(0, len(y), size):
        part = slice(begin, begin + size)
        weight = {name: value[part] for name, value in given.items()}
        model.partial_fit(x[part], y[part], classes=np.unique(y), **weight)
    return model


def off(model, whole, x, y):
    """By how much F at the model's coefficients is over its least, relatively; F as `whole` minimised it."""
    p = np.clip(model.predict_proba(x)[np.arange(len(y)), np.searchsorted(whole.classes_, y)], 1e-300, None)
    value = -np.log(p).sum() + 0.5 / whole.C * np.square(model.coef_).sum()
    return value / whole._fit.value - 1


@pytest.fixture
def held(monkeypatch):
    """So little memory that rows are let go every thousand or so."""
    monkeypatch.setattr(partial, "HELD", 5000)


def test_few_rows_are_fitted_as_all_at_once():
    x, y = rows()
    model, whole = stream(LogisticRegression(tol=1e-14), x, y), LogisticRegression(tol=1e-14).fit(x, y)
    assert np.allclose(model.coef_, whole.coef_, rtol=0, atol=1e-12)
    assert model.certificate_.relative_distance < 1e-18


@pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_rows_that_were_let_go_cost_no_more_than_the_certificate_says(held, seed, classes):
    x, y = rows(seed=seed, classes=classes, n=5000)
    model, whole = stream(LogisticRegression(), x, y), LogisticRegression(tol=1e-14).fit(x, y)
    assert 0 <= off(model, whole, x, y) <= model.certificate_.relative_distance < 1e-3
    assert "no longer held" in model.certificate_.kind


def test_coefficients_are_off_by_little_of_their_standard_errors(held):
    x, y = rows(n=20_000)
    model = stream(LogisticRegression(C=np.inf), x, y)
    whole = torchlogit.fit(x, y, penalty=None)
    far = (model._fit.theta - whole.theta) / whole.std_error
    assert float(far.abs().max()) < 0.15  # with a thousand rows in memory, of twenty thousand
    assert torch.allclose(model._fit.std_error, whole.std_error, rtol=0.01)
    assert model._fit.n_rows == 20_000
    assert model._fit.null_log_likelihood == pytest.approx(whole.null_log_likelihood, rel=1e-12)
    assert model._fit.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-4)


@pytest.mark.parametrize(("classes", "link"), [(2, "logit"), (3, "logit"), (2, "cloglog")])
def test_without_an_intercept_nothing_is_even_chances(held, classes, link):
    """The model that a fit is compared with has η = 0; with cloglog these are no even chances."""
    x, y = rows(n=3000, classes=classes)
    weight = np.random.default_rng(2).integers(1, 4, len(y)).astype(float)
    given = {"fit_intercept": False, "link": link}
    model = stream(LogisticRegression(**given), x - 2.0, y, sample_weight=weight)
    assert model._received.past is not None
    whole = LogisticRegression(**given).fit(x - 2.0, y, sample_weight=weight)
    assert model._fit.null_log_likelihood == pytest.approx(whole._fit.null_log_likelihood, rel=1e-12)
    if link == "logit":
        assert model._fit.null_log_likelihood == pytest.approx(-weight.sum() * np.log(classes), rel=1e-12)


def test_the_order_of_the_rows_hardly_matters(held):
    x, y = rows(n=8000)
    forth, back = stream(LogisticRegression(), x, y), stream(LogisticRegression(), x[::-1], y[::-1])
    assert np.allclose(forth.coef_, back.coef_, rtol=0, atol=0.01)


def test_weights_are_counts(held):
    x, y = rows()
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    weighted = stream(LogisticRegression(), x, y, sample_weight=weight)
    whole = LogisticRegression().fit(np.repeat(x, weight.astype(int), 0), np.repeat(y, weight.astype(int)))
    assert np.allclose(weighted.coef_, whole.coef_, atol=0.01)
    double = stream(LogisticRegression(class_weight={0: 2.0}), x, y)
    assert np.allclose(double.coef_, LogisticRegression(class_weight={0: 2.0}).fit(x, y).coef_, atol=0.01)


@pytest.mark.parametrize("limit", [5000, 10**9])
@pytest.mark.parametrize("solver", ["auto", torchlogit.SGD(batch_size=32)])
def test_a_batch_without_weight_changes_nothing(monkeypatch, limit, solver):
    monkeypatch.setattr(partial, "HELD", limit)
    x, y = rows(n=2000)
    model, other = (stream(LogisticRegression(solver=solver), x, y) for _ in range(2))
    for again in (model, pickle.loads(pickle.dumps(model))):
        again.partial_fit(10 * x, y, sample_weight=np.zeros(len(y)))
        assert np.array_equal(again.coef_, other.coef_)
    model.partial_fit(x, y, sample_weight=0.5)
    other.partial_fit(x, y, sample_weight=np.full(len(y), 0.5))
    assert np.array_equal(model.coef_, other.coef_)


def test_sparse_rows_and_tensors(held):
    x, y = rows()
    sparse = stream(LogisticRegression(), scipy.sparse.csr_array(x), y)
    dense = stream(LogisticRegression(), torch.from_numpy(x), y)
    assert np.allclose(sparse.coef_, dense.coef_, atol=1e-6)


def test_a_pickle_holds_no_rows_and_goes_on():
    x, y = rows(n=3000)
    model = stream(LogisticRegression(), x[:2000], y[:2000])
    content = pickle.dumps(model)
    assert len(content) < 20_000 < x[:2000].nbytes
    again = pickle.loads(content)
    assert np.array_equal(again.coef_, model.coef_)
    assert model._received.at_hand.n_rows == 2000  # looking did not touch the one that was pickled
    again.partial_fit(x[2000:], y[2000:])
    assert np.allclose(again.coef_, LogisticRegression().fit(x, y).coef_, atol=0.02)


def test_a_class_may_come_late(held):
    x, y = rows()
    order = np.argsort(y, kind="stable")
    model = LogisticRegression()
    model.partial_fit(x[order[:100]], y[order[:100]], classes=[0, 1])
    assert set(model.predict(x)) == {0}
    rest = np.random.default_rng(0).permutation(order[100:])
    for part in np.array_split(rest, 8):
        model.partial_fit(x[part], y[part])
    assert np.allclose(model.coef_, LogisticRegression().fit(x, y).coef_, atol=0.02)


def test_fit_forgets():
    x, y = rows()
    model = stream(LogisticRegression(), x, y).fit(x[:500], y[:500])
    model.partial_fit(x[500:1000], y[500:1000], classes=[0, 1])
    assert np.allclose(model.coef_, LogisticRegression().fit(x[500:1000], y[500:1000]).coef_, atol=1e-8)


def test_one_epoch_of_sgd_a_call():
    x, y = rows(n=20_000)
    solver = torchlogit.SGD(lr=0.05, batch_size=32, epochs=7)
    model = stream(LogisticRegression(solver=solver), x, y, size=1000)
    whole = LogisticRegression().fit(x, y)
    assert model.score(x, y) > whole.score(x, y) - 0.02
    assert model.n_iter_[0] == 1


@pytest.mark.parametrize(
    ("settings", "call", "error", "words"),
    [
        ({}, {}, ParameterError, "needs classes"),
        ({}, {"classes": [0]}, ParameterError, "two labels or more"),
        ({}, {"classes": [0, 2]}, DataError, r"y holds 1 in rows .* none of the classes"),
        ({"class_weight": {0: -1}}, {"classes": [0, 1]}, ParameterError, "class_weight of 0 .* got -1"),
        ({"class_weight": {"a": 2}}, {"classes": [0, 1]}, ParameterError, r"names \['a'\], but the classes are 0, 1"),
        ({}, {"classes": [0, 1], "sample_weight": -1.0}, DataError, "negative weight"),
        ({}, {"classes": [0, 1], "sample_weight": 0.0}, DataError, "all 100 weights are zero"),
        ({"l1_ratio": 1.0}, {"classes": [0, 1]}, AttributeError, "partial_fit"),
        ({"class_weight": "balanced"}, {"classes": [0, 1]}, AttributeError, "partial_fit"),
    ],
)
def test_what_cannot_be_is_refused(settings, call, error, words):
    x, y = rows(n=100)
    with pytest.raises(error, match=words):
        LogisticRegression(**settings).partial_fit(x, y, **call)


def test_other_classes_or_columns_later_are_refused():
    x, y = rows(n=100)
    model = LogisticRegression().partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ParameterError, match="not those of the first call"):
        model.partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(x[:, 1:], y)


def test_too_many_coefficients_are_refused():
    x = scipy.sparse.random_array((20, 3001), density=0.01, rng=np.random.default_rng(0), format="csr")
    with pytest.raises(ParameterError, match="3002, over 3000"):
        LogisticRegression().partial_fit(x, np.arange(20) % 2, classes=[0, 1])
