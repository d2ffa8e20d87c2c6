"""The scikit-learn door gives scikit-learn's coefficients, to 1e-6, in fewer iterations."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.preprocessing import StandardScaler

from torchlogit import LogisticRegression, Status

TIGHT = 1e-14


def standardised(load):
    x, y = load(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def agree(ours, theirs, digits=1e-6):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=digits, atol=digits)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=digits, atol=digits)


def value(model, x, y, weight):
    """Scikit-learn's objective at a model's coefficients, computed here."""
    codes = np.searchsorted(model.classes_, y)
    logp = model.predict_log_proba(x)[np.arange(len(codes)), codes]
    ratio, w = model.l1_ratio, model.coef_
    return -model.C * (weight * logp).sum() + ratio * abs(w).sum() + (1 - ratio) * (w**2).sum() / 2


def row_class_weights(model, class_weight, y, weight):
    if class_weight == "balanced":
        totals = np.bincount(y, weight)
        return (totals.sum() / len(totals) / totals)[y]
    return np.array([(class_weight or {}).get(label, 1.0) for label in model.classes_])[y]


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
def test_the_classic_data_sets(load):
    x, y = standardised(load)
    exact = Theirs(solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x, y)
    ours = LogisticRegression(tol=TIGHT).fit(x, y)
    agree(ours, exact, 1e-9)
    assert ours.n_iter_[0] < 15


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_the_default_tolerance_is_nearer_than_scikit_learns(load):
    x, y = standardised(load)
    exact = Theirs(solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x, y)
    ours, theirs = LogisticRegression().fit(x, y), Theirs().fit(x, y)
    assert abs(ours.coef_ - exact.coef_).max() < 1e-3 * abs(theirs.coef_ - exact.coef_).max()
    assert ours.n_iter_[0] * 1.5 < theirs.n_iter_[0]
    tight = Theirs(tol=1e-8, max_iter=10_000).fit(x, y)  # about six digits
    assert LogisticRegression(tol=TIGHT).fit(x, y).n_iter_[0] * 3 < tight.n_iter_[0]


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("l1_ratio", [0.4, 1.0])
def test_the_optimum_with_l1_fulfils_its_own_conditions(load, l1_ratio):
    """Sharper than any other solver's answer: subgradient conditions of sums done here, to 1e-7 of the penalty."""
    x, y = standardised(load)
    model = LogisticRegression(l1_ratio=l1_ratio, C=0.3, tol=1e-12).fit(x, y)
    hot = (y[:, None] == model.classes_).astype(float)
    residual = model.predict_proba(x) - hot
    gradient = (residual.T @ x)[-len(model.coef_) :]
    w, strength = model.coef_, 1 / model.C
    smooth = gradient + strength * (1 - l1_ratio) * w
    assert (w == 0).any()
    assert abs(smooth + strength * l1_ratio * np.sign(w))[w != 0].max() < 1e-7 * strength
    assert abs(smooth[w == 0]).max() <= strength * l1_ratio * (1 + 1e-7)
    assert abs(residual.sum(0)).max() < 1e-7


# seed, rows, columns, classes, C, l1_ratio, intercept, sparse, weights, class weights
PROBLEMS = [
    (0, 120, 5, 2, 1.0, 0.0, True, False, False, None),
    (1, 120, 5, 2, np.inf, 0.0, True, False, False, None),
    (2, 120, 5, 2, np.inf, 0.0, False, False, True, None),
    (3, 200, 6, 3, np.inf, 0.0, False, False, True, "balanced"),
    (4, 200, 6, 3, 0.1, 0.0, True, True, False, "balanced"),
    (5, 200, 6, 4, 10.0, 0.0, False, False, True, {0: 2.0, 1: 0.5}),
    (6, 40, 80, 2, 1.0, 0.0, True, False, False, None),
    (7, 40, 80, 3, 0.5, 0.0, True, True, True, None),
    (8, 30, 200, 2, 0.1, 0.0, False, True, False, {1: 3.0}),
    (9, 500, 12, 2, 100.0, 0.0, True, True, True, "balanced"),
    (10, 300, 20, 5, 1.0, 0.0, True, False, True, "balanced"),
    (11, 150, 8, 2, 0.2, 1.0, True, False, False, None),
    (12, 150, 8, 2, 0.2, 1.0, False, False, True, None),
    (13, 150, 6, 3, 0.2, 1.0, False, False, False, None),
    (14, 150, 8, 2, 0.3, 0.5, True, True, True, "balanced"),
    (15, 150, 6, 3, 0.3, 0.5, True, False, True, None),
    (16, 60, 90, 2, 0.1, 0.7, True, False, False, None),
    (17, 60, 90, 3, 0.1, 0.5, False, True, True, None),
    (18, 200, 5, 3, 1.0, 0.2, True, False, False, {0: 4.0}),
    (19, 200, 10, 2, 0.05, 0.9, True, False, True, "balanced"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem[0]))
@pytest.mark.filterwarnings("ignore:.*fewer than 8 rows")
def test_random_problems(problem):
    seed, n, d, k, C, l1_ratio, intercept, sparse, weighted, class_weight = problem
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.4 if sparse else 1)
    eta = x[:, :5] @ rng.normal(size=(5, k)) / 2 + rng.gumbel(size=(n, k))
    y, weight = eta.argmax(1), rng.integers(0, 4, n) + 0.5 if weighted else np.ones(n)
    data = scipy.sparse.csr_array(x) if sparse else x
    shared = {"C": C, "l1_ratio": l1_ratio, "fit_intercept": intercept, "class_weight": class_weight}
    solver = "saga" if l1_ratio else "newton-cholesky"
    theirs = Theirs(solver=solver, tol=1e-12, max_iter=20_000, random_state=0, **shared).fit(data, y, weight)
    ours = LogisticRegression(tol=TIGHT, **shared).fit(data, y, weight)
    assert ours.status_ is Status.converged
    agree(ours, theirs)
    rows = weight * row_class_weights(ours, class_weight, y, weight)
    if np.isfinite(C):
        assert value(ours, data, y, rows) <= value(theirs, data, y, rows) * (1 + 1e-12)
    assert not l1_ratio or ours.n_iter_[0] < theirs.n_iter_[0]


def test_class_weights_are_weights_of_rows():
    x, y = load_iris(return_X_y=True)
    ours = LogisticRegression(class_weight={0: 2, 2: 0.5}, tol=TIGHT).fit(x, y)
    agree(ours, LogisticRegression(tol=TIGHT).fit(x, y, np.array([2, 1, 0.5])[y]), 1e-10)


def test_an_offset_is_a_coefficient_that_is_known():
    x, y = standardised(load_breast_cancer)
    x = x[:, :3]
    free = LogisticRegression(C=np.inf, tol=TIGHT).fit(x, y)
    known = LogisticRegression(C=np.inf, tol=TIGHT).fit(x[:, :2], y, offset=x[:, 2] * free.coef_[0, 2])
    np.testing.assert_allclose(known.coef_[0], free.coef_[0, :2], rtol=1e-8)
    eta = known.decision_function(x[:, :2], offset=x[:, 2] * free.coef_[0, 2])
    np.testing.assert_allclose(eta, free.decision_function(x), rtol=1e-8)
    three = load_iris(return_X_y=True)[1]
    x = load_iris(return_X_y=True)[0]
    offset = np.outer(x[:, 0], [0.5, -0.5, 0.0])
    shifted = LogisticRegression(tol=TIGHT).fit(x, three, offset=offset)
    assert shifted.predict_proba(x, offset=offset).shape == (150, 3)
    assert shifted.score(x, three, offset=offset) > 0.95
