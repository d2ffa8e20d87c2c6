"""`SelectiveClassifier`: scikit-learn's own checks, any classifier inside, bands from rows that it has not seen."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from torchlogit import Band, LogisticRegression, SelectiveClassifier
from torchlogit.decision.band import band_for_error
from torchlogit.errors import DataError, ParameterError
from torchlogit.metrics.scored import scored_arrays

SMALL = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")  # the checks' data are tiny


@SMALL
@pytest.mark.filterwarnings("ignore::UserWarning")  # folds of the checks' tiny classes
@parametrize_with_checks(
    [
        SelectiveClassifier(),
        SelectiveClassifier(coverage=0.8),
        SelectiveClassifier(costs=(1, 1, 0.3)),
        SelectiveClassifier(GaussianNB(), coverage=0.8, cv=2),
    ]
)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    x, y = make_classification(4000, 8, n_informative=4, flip_y=0.05, class_sep=2.0, random_state=0)
    return x[:2000], np.where(y, "yes", "no")[:2000], x[2000:], np.where(y, "yes", "no")[2000:]


@pytest.mark.parametrize(
    "inner", [None, GaussianNB(), RandomForestClassifier(20, random_state=0), make_pipeline(StandardScaler(), Theirs())]
)
def test_any_classifier_with_probabilities(data, inner):
    x, y, new, truth = data
    model = SelectiveClassifier(inner, max_error=0.15, held_out=0.5).fit(x, y)
    said = model.decide(new)
    sure = said != "uncertain"
    assert set(said) == {"no", "yes", "uncertain"}
    assert (said[sure] != truth[sure]).mean() <= 0.15
    assert sure.mean() == pytest.approx(model.band_.decided, abs=0.08)
    assert "With confidence 95 %, at most 15 %" in model.guarantee_
    assert (model.predict(new) == model.estimator_.predict(new)).all()
    assert model.score(new, truth) == (model.predict(new) == truth).mean()
    assert (said[sure] == model.predict(new)[sure]).all()


def test_the_rows_held_out_are_not_fitted(data):
    x, y, *_ = data
    model = SelectiveClassifier(Theirs(), max_error=0.15, held_out=0.3, random_state=4).fit(x, y)
    order = np.random.RandomState(4).permutation(2000)
    train, held = np.sort(order[600:]), np.sort(order[:600])
    inner = Theirs().fit(x[train], y[train])
    assert (inner.coef_ == model.estimator_.coef_).all()
    rows = scored_arrays(y[held], inner.predict_proba(x[held])[:, 1])
    assert tuple(model.band_) == tuple(band_for_error(rows, 0.15))
    assert model.band_.n == 600


def test_an_estimator_that_was_fitted_elsewhere(data):
    x, y, new, truth = data
    inner = GaussianNB().fit(x, y)
    model = SelectiveClassifier(FrozenEstimator(inner), max_error=0.2).fit(new, truth)
    assert model.band_.n == 2000
    assert (model.predict_proba(new) == inner.predict_proba(new)).all()


def test_cross_fitting_is_an_estimate(data):
    x, y, *_ = data
    model = SelectiveClassifier(Theirs(), max_error=0.15, cv=4).fit(x, y)
    p = cross_val_predict(Theirs(), x, y, cv=4, method="predict_proba")
    assert tuple(model.band_) == tuple(band_for_error(scored_arrays(y, p[:, 1]), 0.15))
    assert (model.estimator_.coef_ == Theirs().fit(x, y).coef_).all()
    assert "no promise" in model.guarantee_


def test_three_classes_frames_and_a_label_of_ones_own():
    x, y = make_classification(1500, 6, n_informative=5, n_redundant=0, n_classes=3, class_sep=2, random_state=1)
    frame = pd.DataFrame(x, columns=list("abcdef"))
    model = SelectiveClassifier(GaussianNB(), coverage=0.7, reject=-1, held_out=0.5).fit(frame, y)
    said = model.decide(frame)
    assert set(said) == {0, 1, 2, -1}
    assert (said != -1).mean() == pytest.approx(0.7, abs=0.05)
    assert model.feature_names_in_.tolist() == list("abcdef")
    assert model.band_.classes == 3
    assert SelectiveClassifier(costs=(1, 1, 0.25)).fit(frame, y).band_.high == 0.75
    assert SelectiveClassifier(uncertain=Band(0.2, 0.9)).fit(frame, y).band_.high == 0.9


def test_the_curve(data):
    x, y, new, truth = data
    model = SelectiveClassifier(GaussianNB()).fit(x, y)
    found = model.risk_coverage(new, truth)
    assert found.risk[-1] == pytest.approx(1 - model.score(new, truth))


def test_data_that_cannot_carry_the_promise():
    x, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(DataError, match="it takes 597 at the least"):
        SelectiveClassifier(GaussianNB(), max_error=0.01).fit(x[:, :3], y)
    with pytest.raises(DataError, match="leaves no row"):
        SelectiveClassifier(GaussianNB(), coverage=0.5, held_out=0.001).fit(x[:200, :3], y[:200])


def test_settings_that_mean_nothing(data):
    x, y, *_ = data
    for settings, words in (
        ({"max_error": 0.1, "coverage": 0.5}, "max_error and coverage each choose"),
        ({"costs": (1, 1)}, "three numbers"),
        ({"held_out": 1.5}, "held_out"),
        ({"uncertain": (0.6, 0.4)}, "lower first"),
        ({"uncertain": 0.5}, "lower first"),
        ({"reject": "yes"}, "one of the classes"),
        ({"estimator": RidgeClassifier()}, "CalibratedClassifierCV"),
        ({"max_error": 2}, "max_error"),
    ):
        with pytest.raises(ParameterError, match=words):
            SelectiveClassifier(**settings).fit(x, y)


@SMALL
def test_a_class_that_is_held_out_whole():
    x = np.arange(40.0)[:, None]
    y = np.array(["a", "b"] * 19 + ["a", "c"])
    seed = next(s for s in range(100) if 39 in np.random.RandomState(s).permutation(40)[:10])
    with pytest.raises(DataError, match="class c has no row outside"):
        SelectiveClassifier(GaussianNB(), coverage=0.5, random_state=seed).fit(x, y)


def test_in_scikit_learns_tools(data):
    x, y, *_ = data
    search = GridSearchCV(SelectiveClassifier(LogisticRegression()), {"estimator__C": [0.01, 1]}, cv=3).fit(x, y)
    assert search.best_estimator_.decide(x[:5]).shape == (5,)
    assert cross_val_score(SelectiveClassifier(), x, y, cv=3).min() > 0.7
    assert clone(SelectiveClassifier(max_error=0.1)).max_error == 0.1
