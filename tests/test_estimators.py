"""The scikit-learn door as scikit-learn sees it: its own checks, its tools, the fitted attributes."""

import copy
import os
import pickle
import re
import subprocess
import sys
import warnings

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_class_weight_classifiers,
    check_dataframe_column_names_consistency,
    estimator_checks_generator,
    parametrize_with_checks,
)

from torchlogit import L2, LBFGS, SGD, AliasedWarning, LogisticRegression, Newton, NotCertifiedWarning, Proximal, Status
from torchlogit.errors import DataWarning, ParameterError

SMALL = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")  # the checks' data are tiny
BOTH = LogisticRegression(C=0.1, l1_ratio=0.5, solver="saga", class_weight="balanced")
VARIANTS = [
    LogisticRegression(),
    LogisticRegression(l1_ratio=1),
    LogisticRegression(C=np.inf),
    LogisticRegression(solver=Newton()),
    BOTH,
]


def names_of_checks(value):
    return getattr(getattr(value, "func", value), "__name__", None)


@SMALL
@parametrize_with_checks(VARIANTS)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


WITHOUT = [
    (estimator, check)
    for estimator, check in estimator_checks_generator(LogisticRegression(fit_intercept=False))
    if names_of_checks(check) != "check_class_weight_classifiers"
]


@SMALL
@pytest.mark.parametrize(("estimator", "check"), WITHOUT, ids=names_of_checks)
def test_every_check_of_scikit_learn_without_an_intercept(estimator, check):
    check(estimator)


@SMALL
@pytest.mark.parametrize("kind", [LogisticRegression, Theirs])
def test_without_an_intercept_that_check_asks_too_much_of_scikit_learn_as_well(kind):
    with pytest.raises(AssertionError):
        check_class_weight_classifiers("LogisticRegression", kind(fit_intercept=False))


def test_the_check_that_needs_array_api():
    script = (
        "from sklearn.utils.estimator_checks import check_array_api_input as check; import torchlogit;"
        "check('LogisticRegression', torchlogit.LogisticRegression(), array_namespace='numpy')"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@SMALL
def test_column_names_are_checked_as_everywhere():
    check_dataframe_column_names_consistency("LogisticRegression", LogisticRegression())


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def test_parameters_are_those_of_scikit_learn():
    ours, theirs = LogisticRegression().get_params(), Theirs().get_params()
    assert set(ours) - set(theirs) == {"device", "link"}
    assert {name for name in theirs if ours[name] != theirs[name]} == {"solver"}


def test_fitted_attributes(iris):
    x, y = iris
    model = LogisticRegression().fit(pd.DataFrame(x, columns=list("abcd")), y)
    assert model.coef_.shape == (3, 4)
    assert model.intercept_.shape == (3,)
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.n_iter_.tolist() == [model.history_[-1].iteration]
    assert model.status_ is Status.converged
    assert model.certificate_.relative_distance <= model.certificate_.tol == 1e-8
    assert model.solver_ == "Newton (15 coefficients: a full Hessian is cheap)"


def test_tol_is_a_distance_to_the_optimum(cancer):
    best = LogisticRegression(tol=1e-16).fit(*cancer)
    for tol in (1e-2, 1e-4, 1e-8):
        model = LogisticRegression(tol=tol, solver=LBFGS(sample=200)).fit(*cancer)
        value = model.history_[-1].value
        assert (value - best.history_[-1].value) / value <= 2e-4 * tol + 1e-15
        assert model.certificate_.relative_distance <= 1e-4 * tol


@pytest.mark.parametrize(
    ("solver", "l1_ratio", "taken"),
    [
        ("auto", 0, "Newton"),
        ("auto", 0.5, "Proximal"),
        ("newton-cholesky", 0, "Newton"),
        ("lbfgs", 0, "LBFGS"),
        ("newton-cg", 0, "LBFGS"),
        ("sag", 0, "LBFGS"),
        ("saga", 0, "LBFGS"),
        ("liblinear", 0, "Newton"),
        ("newton-cholesky", 1, "Proximal"),
        ("lbfgs", 0.3, "Proximal"),
        ("liblinear", 1, "Proximal"),
        ("saga", 1, "Proximal"),
        (Newton(), 0, "Newton"),
        (Proximal(), 1, "Proximal"),
    ],
)
def test_solvers_by_any_name_reach_the_same_optimum(cancer, solver, l1_ratio, taken):
    model = LogisticRegression(C=0.1, solver=solver, l1_ratio=l1_ratio, tol=1e-12).fit(*cancer)
    again = LogisticRegression(C=0.1, l1_ratio=l1_ratio, tol=1e-12).fit(*cancer)
    assert model.solver_.startswith(f"{taken} (")
    np.testing.assert_allclose(model.coef_, again.coef_, rtol=0, atol=1e-7)


def test_a_solver_that_cannot_make_zeros_is_refused(iris):
    with pytest.raises(ParameterError, match="exact zeros"):
        LogisticRegression(solver=Newton(), l1_ratio=1).fit(*iris)


def test_every_way_to_write_a_penalty(cancer):
    def coef(**parameters):
        return LogisticRegression(tol=1e-10, **parameters).fit(*cancer).coef_

    ways = [
        [{"C": 0.25}, {"penalty": "l2", "C": 0.25}, {"penalty": L2(strength=4.0)}],
        [{"l1_ratio": 1}, {"penalty": "l1"}, {"penalty": "l1", "l1_ratio": 1}],
        [{"l1_ratio": 0.5}, {"penalty": "elasticnet", "l1_ratio": 0.5}],
    ]
    for first, *others in ways:
        for other in others:
            assert np.array_equal(coef(**first), coef(**other))
    small = {"solver": Newton(), "max_iter": 3}
    with pytest.warns(NotCertifiedWarning):  # the classes of these data are separated
        free = coef(C=np.inf, **small)
    with pytest.warns(NotCertifiedWarning):
        assert np.array_equal(coef(penalty=None, **small), free)


@pytest.mark.parametrize(
    ("parameters", "unused"),
    [
        ({"penalty": L2(strength=1.0), "C": 2.0}, "C unused"),
        ({"penalty": "l2", "l1_ratio": 0.5}, "l1_ratio unused"),
        ({"penalty": L2(strength=1.0), "C": 2.0, "l1_ratio": 0.5}, "C and l1_ratio unused"),
    ],
)
def test_a_parameter_that_the_penalty_leaves_unused_is_told(iris, parameters, unused):
    with pytest.warns(DataWarning, match=unused):
        LogisticRegression(**parameters).fit(*iris)


def test_the_lessons_training_loop_as_a_solver():
    hours, passed = np.array([[1.0], [2.0], [3.0]]), np.array([0, 0, 1])
    weight = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    x, y = torch.from_numpy(hours), torch.from_numpy(passed).double()
    optimizer = torch.optim.SGD([weight], lr=0.01)
    for _ in range(1000):
        optimizer.zero_grad()
        p = torch.sigmoid(weight[0] + x[:, 0] * weight[1])
        torch.nn.functional.binary_cross_entropy(p, y, reduction="sum").backward()
        optimizer.step()
    model = LogisticRegression(solver=SGD(lr=0.01, epochs=1000, reduction="sum"), C=np.inf)
    with pytest.warns(NotCertifiedWarning), pytest.warns(DataWarning):
        model.fit(hours, passed)
    np.testing.assert_allclose([model.intercept_[0], model.coef_[0, 0]], weight.detach().numpy(), rtol=1e-9)
    assert model.n_iter_.tolist() == [1000]


def test_random_state_seeds_the_batches(cancer):
    x, y = cancer[0][:96, :4], cancer[1][:96]

    def coef(seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCertifiedWarning)
            return LogisticRegression(solver=SGD(epochs=2, batch_size=16), random_state=seed).fit(x, y).coef_

    assert np.array_equal(coef(1), coef(1))
    assert np.array_equal(coef(None), coef(None))
    assert not np.array_equal(coef(1), coef(2))
    assert np.array_equal(coef(np.random.RandomState(3)), coef(np.random.RandomState(3)))


def test_warm_start_goes_on_from_the_fit_before(cancer):
    model = LogisticRegression(warm_start=True, tol=1e-12).fit(*cancer)
    first = model.coef_
    assert model.fit(*cancer).n_iter_[0] <= 1
    np.testing.assert_allclose(model.coef_, first, rtol=1e-9)
    for fit_intercept in (True, False):
        nearly = clone(model).set_params(fit_intercept=fit_intercept).fit(*cancer).set_params(C=1.1)
        cold = clone(nearly).set_params(warm_start=False)
        assert nearly.fit(*cancer).n_iter_ < cold.fit(*cancer).n_iter_
        np.testing.assert_allclose(nearly.coef_, cold.coef_, rtol=1e-8)


def test_verbose_prints_a_line_an_iteration(iris, capsys):
    model = LogisticRegression(verbose=1).fit(*iris)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == len(model.history_)
    assert err.startswith("iteration 0: F = 164.79")


def test_bad_115_a_fit_without_a_certificate_warns_once_in_both_languages(cancer):
    with pytest.warns(NotCertifiedWarning) as told:
        model = LogisticRegression(max_iter=2, tol=1e-12).fit(*cancer)
    assert len(told) == 1
    assert issubclass(told[0].category, ConvergenceWarning)
    assert "raise max_iter" in str(told[0].message)
    assert told[0].filename == __file__
    assert model.status_ is Status.max_iter


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_bad_116_no_and_one_iteration_are_defined(C):
    x = np.array([[0.0], [1.0], [0.0], [1.0], [1.0]] * 5)
    y = np.array([0, 1, 1, 0, 1] * 5)
    for most in (0, 1):
        with pytest.warns(NotCertifiedWarning):
            model = LogisticRegression(C=C, max_iter=most, tol=1e-14).fit(x, y)
        assert model.n_iter_.tolist() == [most]
        assert np.isfinite(model.predict_proba(x)).all()


def test_aliased_columns_are_told_in_one_warning(cancer):
    x, y = np.delete(cancer[0], slice(3, None), 1), cancer[1]
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(ab=x[:, 0] + x[:, 1], twice=2 * x[:, 2])
    with pytest.warns(AliasedWarning, match="`ab` = `a` [+] `b`.*`twice` = 2 `c`") as told:
        model = LogisticRegression(C=np.inf).fit(frame, y)
    assert len(told) == 1
    assert model.coef_[0, 3:].tolist() == [0, 0]


def test_coefficients_set_by_hand_are_used(cancer):
    x, y = cancer
    model = LogisticRegression().fit(x, y)
    eta = model.decision_function(x)
    model.intercept_ = model.intercept_ + 1
    np.testing.assert_allclose(model.decision_function(x), eta + 1)
    model.coef_ = np.zeros_like(model.coef_)
    np.testing.assert_allclose(model.decision_function(x), model.intercept_.repeat(len(x)))


def test_predictions_before_fitting_are_refused():
    with pytest.raises(NotFittedError):
        LogisticRegression().predict([[1.0]])


def test_pipeline_search_and_cross_validation(iris):
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).set_output(transform="pandas")
    search = GridSearchCV(pipe, {"logisticregression__C": [0.01, 1.0], "logisticregression__l1_ratio": [0, 1]}, cv=3)
    search.fit(*iris)
    assert search.best_score_ > 0.94
    assert list(search.best_estimator_[-1].feature_names_in_) == ["x0", "x1", "x2", "x3"]
    assert cross_val_score(pipe, *iris, scoring="neg_log_loss").mean() > -0.2
    assert cross_val_predict(pipe, *iris, method="predict_proba").shape == (150, 3)
    assert OneVsRestClassifier(LogisticRegression()).fit(*iris).score(*iris) > 0.9


def threads(model, x, y):
    return float(torch.get_num_threads())


def test_bad_217_a_search_in_two_processes_shares_the_cores(cancer, request):
    own = sys.modules[__name__]  # a package called tests may be installed, where the other process would look for it
    cloudpickle.register_pickle_by_value(own)
    request.addfinalizer(lambda: cloudpickle.unregister_pickle_by_value(own))
    scoring = {"accuracy": "accuracy", "threads": threads}
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_jobs=2, cv=2, scoring=scoring, refit="accuracy")
    search.fit(*cancer)
    assert search.best_score_ > 0.95
    assert search.cv_results_["mean_test_threads"].max() <= max(1, (os.cpu_count() or 2) // 2)


FORK = """
import multiprocessing, numpy as np, torchlogit
rng = np.random.default_rng(0)
x = rng.normal(size=(100_000, 20))
y = x[:, 0] + rng.normal(size=len(x)) > 0
fit = lambda: torchlogit.LogisticRegression().fit(x, y).coef_
first = fit()
def work(queue): queue.put(fit())
if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=work, args=(queue,))
    child.start()
    assert np.allclose(queue.get(timeout=60), first)
    child.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_bad_216_a_forked_process_does_not_wait_for_its_parents_threads():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def copies(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return [pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(folder / "model.joblib")]


@pytest.mark.parametrize("solver", ["auto", SGD(epochs=5), LBFGS()])
@pytest.mark.filterwarnings("ignore::torchlogit.errors.NotCertifiedWarning")
def test_bad_205_copies_predict_the_same(cancer, tmp_path, solver):
    x, y = cancer
    model = LogisticRegression(solver=solver).fit(x, y)
    for other in copies(model, tmp_path):
        assert np.array_equal(other.predict_proba(x), model.predict_proba(x))
        assert other.certificate_ == model.certificate_
    assert clone(model).get_params() == model.get_params()
    assert len(pickle.dumps(model)) < 20_000  # no training data inside


def test_html_and_text_show_the_parameters(iris):
    model = LogisticRegression(C=0.25, solver=SGD(epochs=3))
    assert repr(model).startswith("LogisticRegression(C=0.25,")
    html = model._repr_html_()
    assert "Traceback" not in html
    assert re.search(r"0\.25", html)
    assert "epochs=3" in html
    assert "Fitted" in LogisticRegression().fit(*iris)._repr_html_()


def test_tags_say_what_is_taken():
    tags = LogisticRegression().__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert not tags.input_tags.string
    assert tags.target_tags.required
    assert tags.classifier_tags.multi_class


def test_weights_and_offsets_are_routed(cancer):
    import sklearn

    x, y = cancer
    weight, offset = np.linspace(0.5, 2, len(y)), np.linspace(-1, 1, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True, offset=True)
        model.set_score_request(sample_weight=True, offset=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model).fit(x, y, sample_weight=weight, offset=offset)
        direct = LogisticRegression().fit(StandardScaler().fit_transform(x), y, weight, offset)
        np.testing.assert_allclose(pipe[-1].coef_, direct.coef_)
        scores = cross_val_score(model, x, y, params={"sample_weight": weight, "offset": offset})
    assert scores.min() > 0.9
