"""`LogisticRegressionCV`: every fit of it is the single fit, scores and choice are scikit-learn's, all certified."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV as Theirs
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from torchlogit import LogisticRegression as Single
from torchlogit import LogisticRegressionCV as Ours
from torchlogit import Newton, NotCertifiedWarning, Status
from torchlogit.errors import DataError, ParameterError
from torchlogit.foldpaths import FoldPaths, anchors
from torchlogit.folds import folds_of
from torchlogit.kernels import columns
from torchlogit.losses import loss_for
from torchlogit.moments import moments
from torchlogit.penalties import L2
from torchlogit.sources.memory import MemorySource

SMALL = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")  # the checks' data are tiny
GRID = np.logspace(-3, 3, 5)
VARIANTS = [
    Ours(Cs=3, cv=3, selection="one_standard_error"),
    Ours(Cs=[0.1, 1.0], cv=2, l1_ratios=[0.5, 1], use_legacy_attributes=False),
    Ours(Cs=2, cv=2, refit=False, scoring="neg_log_loss", class_weight="balanced"),
]


@SMALL
@parametrize_with_checks(VARIANTS)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


def table(n=600, d=6, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) @ (np.eye(d) + 0.3 * rng.standard_normal((d, d))) + 2
    eta = (x - 2) @ rng.standard_normal((d, classes)) + rng.gumbel(size=(n, classes))
    return x, eta.argmax(1)


def theirs(x, y, **parameters):
    parameters = {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 500, **parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return Theirs(**parameters).fit(x, y)


@pytest.fixture(params=["compiled", "plain"])
def way(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr("torchlogit.foldpaths.suits", lambda *_: False)
    elif columns.library() is None:
        pytest.skip("no compiled kernels here")
    return request.param


def same_as_single(model, x, y, splits, rtol=1e-6, sample_weight=None, **parameters):
    """Each fit of the paths against the estimator of a single fit on the rows that its fold trains on."""
    for f, (train, _) in enumerate(splits):
        for i, C in enumerate(model.Cs_):
            weight = None if sample_weight is None else sample_weight[train]
            one = Single(C=C, tol=1e-14, **parameters).fit(x[train], y[train], sample_weight=weight)
            both = np.hstack([one.coef_, one.intercept_[:, None]])
            for j, path in enumerate(model.coefs_paths_.values()):
                np.testing.assert_allclose(path[f, i], both[j], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_every_member_is_the_single_fit(way, classes, fit_intercept):
    x, y = table(classes=classes)
    model = Ours(Cs=GRID, tol=1e-12, fit_intercept=fit_intercept).fit(x, y)
    assert model.certificates_.max() <= 1e-16
    if fit_intercept:
        same_as_single(model, x, y, StratifiedKFold(5).split(x, y))
    else:
        for path in model.coefs_paths_.values():
            assert path.shape == (5, 5, 6)
        one = Single(C=GRID[2], tol=1e-14, fit_intercept=False).fit(
            *(t[next(StratifiedKFold(5).split(x, y))[0]] for t in (x, y))
        )
        np.testing.assert_allclose(
            [path[0, 2] for path in model.coefs_paths_.values()], one.coef_, rtol=1e-6, atol=1e-7
        )


SPLITTERS = [
    KFold(4, shuffle=True, random_state=1),
    ShuffleSplit(5, test_size=0.3, random_state=2),
    TimeSeriesSplit(4),
    RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=3),
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_any_splitter(way, cv):
    x, y = table(n=400, seed=4)
    model = Ours(Cs=[0.01, 1, 100], cv=cv, tol=1e-12).fit(x, y)
    assert model.certificates_.max() <= 1e-16
    same_as_single(model, x, y, cv.split(x, y))


def test_folds_that_name_a_row_twice_count_it_twice(way):
    x, y = table(n=300, seed=5)
    rng = np.random.default_rng(0)
    splits = [(rng.integers(0, 300, 300), np.arange(0, 300, 7)) for _ in range(3)]
    model = Ours(Cs=[0.1, 10], cv=splits, tol=1e-12).fit(x, y)
    same_as_single(model, x, y, splits)


def test_leaving_one_out_is_as_many_folds_as_rows(way):
    x, y = table(n=40, d=3, seed=6)
    model = Ours(Cs=[0.1, 1], cv=LeaveOneOut(), tol=1e-10).fit(x, y)
    assert model.scores_[1].shape == (40, 2)
    same_as_single(model, x, y, LeaveOneOut().split(x))


def test_masks_and_row_numbers_are_the_same_folds():
    x, y = table(n=200)
    splits = list(StratifiedKFold(4).split(x, y))
    masks = [tuple(np.isin(np.arange(200), part) for part in fold) for fold in splits]
    a, b = (Ours(Cs=3, cv=cv).fit(x, y) for cv in (splits, masks))
    assert np.array_equal(a.coefs_paths_[1], b.coefs_paths_[1])


def test_many_rows_need_few_reads(way):
    """Shared Hessians bring every fit home in two or three reads; nothing is left to be finished by itself."""
    x, y = table(n=12_000, d=12, seed=7)
    model = Ours(Cs=20).fit(x, y)
    assert model.certificates_.max() <= 1e-8
    assert model.n_iter_.max() <= 4


def test_members_that_the_shared_hessians_do_not_bring_home_are_finished():
    """Groups that have nothing in common: the Hessian of one is no help to another, the common path least of all."""
    rng = np.random.default_rng(8)
    group = np.repeat(np.arange(4), 150)
    x = rng.standard_normal((600, 4)) * 10.0 ** rng.integers(-2, 2, (4, 4))[group]
    slopes = rng.standard_normal((4, 4)) * 3
    y = (rng.random(600) < 1 / (1 + np.exp(-(x * slopes[group]).sum(1)))).astype(int)
    splits = [(np.flatnonzero(group == g), np.flatnonzero(group != g)) for g in range(4)]
    model = Ours(Cs=np.logspace(-3, 5, 8), cv=splits, tol=1e-12).fit(x, y)
    assert model.certificates_.max() <= 1e-16
    same_as_single(model, x, y, splits, rtol=1e-5)


SCORINGS = [None, "accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro", "neg_brier_score"]


@pytest.mark.parametrize(
    ("classes", "scoring"),
    [
        (k, name) for k in (2, 3) for name in SCORINGS if (k, name) != (2, "f1_macro")
    ],  # where theirs names a label twice
)
def test_scores_and_choice_are_those_of_scikit_learn(classes, scoring):
    x, y = table(n=450, classes=classes, seed=9)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    a = Ours(Cs=GRID, scoring=scoring, tol=1e-10).fit(x, y, sample_weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        b = Theirs(Cs=GRID, scoring=scoring, solver="newton-cholesky", tol=1e-10).fit(x, y, sample_weight=weight)
    assert set(a.scores_) == set(b.scores_)
    for label in b.scores_:
        np.testing.assert_allclose(a.scores_[label], b.scores_[label], rtol=0, atol=1e-6)
        assert a.coefs_paths_[label].shape == b.coefs_paths_[label].shape
    np.testing.assert_allclose(a.C_, b.C_)
    np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-4)
    assert a.n_iter_.shape == b.n_iter_.shape


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("ratios", [None, np.array([0.0]), np.array([0.2, 1.0])], ids=["none", "one", "two"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("refit", [True, False])
def test_attributes_have_the_shapes_of_scikit_learn(legacy, ratios, classes, refit):
    x, y = table(n=150, d=3, classes=classes)
    both = {"Cs": [0.01, 0.1, 1], "cv": 3, "l1_ratios": ratios, "use_legacy_attributes": legacy, "refit": refit}
    a = Ours(**both).fit(x, y)
    rough = ratios is not None and len(ratios) > 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        b = theirs(x, y, **both, scoring=None, **({"solver": "saga", "tol": 1e-3, "max_iter": 50} if rough else {}))
    for name in (
        "C_",
        "l1_ratio_",
        "Cs_",
        "l1_ratios_",
        "coef_",
        "intercept_",
        "classes_",
        "n_iter_",
        "scores_",
        "coefs_paths_",
    ):
        mine, its = getattr(a, name), getattr(b, name)
        if isinstance(its, dict):
            assert {key: value.shape for key, value in mine.items()} == {key: value.shape for key, value in its.items()}
        else:
            assert np.shape(mine) == np.shape(its), name
    if not rough:  # saga has not come far
        np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-3, atol=1e-3)
    assert a.certificates_.shape == (a.scores_[next(iter(a.scores_))].shape if legacy else a.scores_.shape)


def test_parameters_are_those_of_scikit_learn():
    mine, its = Ours().get_params(), Theirs().get_params()
    assert set(mine) - set(its) == {"selection", "device", "link"}
    assert set(its) <= set(mine)
    differing = {name for name in its if mine[name] != its[name]}
    assert differing == {"solver", "l1_ratios", "scoring", "use_legacy_attributes"}  # theirs "warn" of their defaults
    x, y = load_iris(return_X_y=True)
    warned = Ours(Cs=3, l1_ratios="warn", scoring="warn", use_legacy_attributes="warn").fit(x, y)
    assert np.array_equal(warned.coef_, Ours(Cs=3).fit(x, y).coef_)


def test_l1_paths_are_single_fits():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)[:, :12]
    model = Ours(Cs=[0.01, 0.1, 1], l1_ratios=[0.5, 1.0], cv=3, tol=1e-8).fit(x, y)
    for f, (train, _) in enumerate(StratifiedKFold(3).split(x, y)):
        for i, C in enumerate(model.Cs_):
            for j, ratio in enumerate(model.l1_ratios_):
                one = Single(C=C, l1_ratio=ratio, tol=1e-8).fit(x[train], y[train])
                np.testing.assert_allclose(model.coefs_paths_[1][f, i, j, :-1], one.coef_[0], atol=1e-5)
                assert np.array_equal(model.coefs_paths_[1][f, i, j, :-1] == 0, one.coef_[0] == 0)
    assert (model.coefs_paths_[1] == 0).any()


def test_no_penalty_and_solvers_of_ones_own_go_one_by_one():
    x, y = table(n=300, seed=10)
    model = Ours(Cs=[1.0, np.inf], cv=3, tol=1e-10).fit(x, y)
    alone = Ours(Cs=[1.0, np.inf], cv=3, tol=1e-10, solver=Newton()).fit(x, y)
    named = Ours(Cs=[1.0, np.inf], cv=3, tol=1e-10, solver="lbfgs").fit(x, y)
    for other in (alone, named):
        np.testing.assert_allclose(model.coefs_paths_[1], other.coefs_paths_[1], atol=1e-6)
    same_as_single(model, x, y, StratifiedKFold(3).split(x, y))


def test_weights_are_repeated_rows_and_class_weights(way):
    x, y = table(n=240, seed=11)
    weight = np.random.default_rng(2).integers(0, 3, 240).astype(float)
    splits = list(StratifiedKFold(3).split(x, y))
    model = Ours(Cs=GRID, cv=splits, tol=1e-12, class_weight={0: 2.0, 1: 0.5}).fit(x, y, sample_weight=weight)
    same_as_single(model, x, y, splits, sample_weight=weight, class_weight={0: 2.0, 1: 0.5})
    balanced = Ours(Cs=GRID, cv=splits, class_weight="balanced").fit(x, y)
    its = theirs(x, y, Cs=GRID, cv=splits, class_weight="balanced", scoring=None)
    np.testing.assert_allclose(balanced.coefs_paths_[1], its.coefs_paths_[1], rtol=1e-3, atol=1e-4)


def test_rows_in_another_order_are_the_same_folds(way):
    x, y = table(n=500, seed=12)
    order = np.random.default_rng(3).permutation(500)
    fold = np.arange(500) % 5
    splits = [[(np.flatnonzero(f != j), np.flatnonzero(f == j)) for j in range(5)] for f in (fold, fold[order])]
    a = Ours(Cs=GRID, cv=splits[0], tol=1e-12).fit(x, y)
    b = Ours(Cs=GRID, cv=splits[1], tol=1e-12).fit(x[order], y[order])
    np.testing.assert_allclose(a.coefs_paths_[1], b.coefs_paths_[1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(a.scores_[1], b.scores_[1], atol=1e-12)


def test_columns_far_from_zero_and_of_any_size(way):
    x, y = table(n=300, seed=13)
    moved = x * [1, 1e-3, 1e3, 1, 1, 1] + [0, 0, 0, 1e6, 0, 0]
    strengths = [1e12]  # so weak that the scale of a column does not matter
    a, b = (Ours(Cs=strengths, cv=3, tol=1e-14, scoring="neg_log_loss").fit(t, y) for t in (x, moved))
    np.testing.assert_allclose(a.scores_[1], b.scores_[1], rtol=1e-6)
    np.testing.assert_allclose(a.predict_proba(x), b.predict_proba(moved), atol=1e-6)


@pytest.mark.parametrize("kind", ["pandas", "polars", "sparse", "fortran", "float32", "torch", "integers"])
def test_every_kind_of_table(kind):
    x, y = table(n=240, seed=14)
    x = np.round(x * 8) if kind == "integers" else x
    names = [f"c{j}" for j in range(6)]
    make = {
        "pandas": lambda: pd.DataFrame(x, columns=names),
        "polars": lambda: pl.DataFrame(x, schema=names),
        "sparse": lambda: sparse.csr_array(x),
        "fortran": lambda: np.asfortranarray(x),
        "float32": lambda: x.astype(np.float32),
        "torch": lambda: torch.from_numpy(x),
        "integers": lambda: x.astype(np.int64),
    }
    plain, given = Ours(Cs=GRID, cv=3).fit(x, y), make[kind]()
    model = Ours(Cs=GRID, cv=3).fit(given, y)
    loose = 2e-3 if kind == "float32" else 1e-4
    np.testing.assert_allclose(model.coefs_paths_[1], plain.coefs_paths_[1], atol=loose)
    np.testing.assert_allclose(model.scores_[1], plain.scores_[1], atol=1e-9)
    assert model.coef_.dtype == (np.float32 if kind == "float32" else np.float64)
    assert np.array_equal(np.asarray(model.predict(given)), plain.predict(x))
    assert model.score(given, y) == pytest.approx(plain.score(x, y))
    assert model.n_features_in_ == 6


def test_pipelines_clones_pickles_and_searches():
    x, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), Ours(Cs=4, cv=3)).fit(x, y)
    again = pickle.loads(pickle.dumps(clone(pipeline).fit(x, y)))
    assert np.array_equal(again.predict_proba(x), pipeline.predict_proba(x))
    search = GridSearchCV(pipeline, {"logisticregressioncv__selection": ["best", "one_standard_error"]}, cv=3).fit(x, y)
    assert search.best_score_ > 0.95


def test_the_strongest_penalty_within_one_standard_error():
    x, y = table(n=300, seed=15)
    best = Ours(Cs=20, scoring="neg_log_loss").fit(x, y)
    strong = Ours(Cs=20, scoring="neg_log_loss", selection="one_standard_error").fit(x, y)
    scores = best.scores_[1]
    mean = scores.mean(0)
    error = scores[:, mean.argmax()].std(ddof=1) / np.sqrt(5)
    assert strong.C_[0] == min(C for C, score in zip(best.Cs_, mean, strict=True) if score >= mean.max() - error)
    assert strong.C_[0] < best.C_[0]
    shuffled = np.random.default_rng(0).permutation(best.Cs_)
    assert Ours(Cs=shuffled, scoring="neg_log_loss", selection="one_standard_error").fit(x, y).C_ == strong.C_


def test_the_last_fit_is_certified_as_any_other():
    x, y = table(n=300)
    model = Ours().fit(x, y)
    single = Single(C=model.C_[0], tol=1e-10).fit(x, y)
    np.testing.assert_allclose(model.coef_, single.coef_, atol=1e-4)
    assert model.status_ is Status.converged
    assert model.certificate_.relative_distance <= 1e-8
    mean = Ours(refit=False).fit(x, y)
    chosen = mean.scores_[1].argmax(1)
    np.testing.assert_allclose(
        mean.coef_[0], np.mean([mean.coefs_paths_[1][f, i, :-1] for f, i in enumerate(chosen)], 0)
    )
    assert not hasattr(mean, "certificate_")
    assert mean.predict(x).shape == (300,)


def test_one_warning_names_the_fits_that_are_not_certified():
    x, y = table(n=200)
    with pytest.warns(NotCertifiedWarning) as told:
        Ours(Cs=[1e-3, 1e3], cv=2, max_iter=0, tol=1e-10).fit(x, y)
    first = str(told[0].message)
    assert "4 of 4 fits of the cross-validation (fold 1, C=0.001; fold 1, C=1000" in first
    assert "raise max_iter" in first


def test_a_certificate_is_the_distance_to_the_optimum():
    x, y = table(n=4000, d=10, seed=16)
    model, best = (Ours(Cs=GRID, tol=tol).fit(x, y) for tol in (1.0, 1e-13))
    for f, (train, _) in enumerate(StratifiedKFold(5).split(x, y)):
        for i, C in enumerate(GRID):
            values = []
            for path in (model.coefs_paths_[1], best.coefs_paths_[1]):
                eta = x[train] @ path[f, i, :-1] + path[f, i, -1]
                values.append(
                    np.logaddexp(0, eta).sum() - eta[y[train] == 1].sum() + (path[f, i, :-1] ** 2).sum() / C / 2
                )
            distance = (values[0] - values[1]) / values[0]
            assert distance == pytest.approx(model.certificates_[f, i], rel=0.5, abs=1e-14)


def test_scorers_of_ones_own_see_a_model_and_the_rows_held_out():
    x, y = table(n=150)
    seen = []

    def scorer(estimator, rows, truth):
        seen.append(len(rows))
        assert np.array_equal(estimator.predict(rows[::-1]), estimator.predict(rows)[::-1])
        np.testing.assert_allclose(
            estimator.decision_function(rows), rows @ estimator.coef_[0] + estimator.intercept_[0]
        )
        return f1_score(truth, estimator.predict(rows))

    a = Ours(Cs=3, cv=3, scoring=scorer).fit(x, y)
    b = Ours(Cs=3, cv=3, scoring=make_scorer(f1_score)).fit(x, y)
    assert seen == [50] * 9
    np.testing.assert_allclose(a.scores_[1], b.scores_[1])
    assert b.score(x, y) == pytest.approx(f1_score(y, b.predict(x)))


def test_groups_are_routed_to_the_splitter():
    x, y = table(n=120)
    groups = np.arange(120) // 20
    with config_context(enable_metadata_routing=True):
        model = Ours(Cs=2, cv=GroupKFold(3)).fit(x, y, groups=groups)
    splits = list(GroupKFold(3).split(x, y, groups))
    assert np.array_equal(model.coefs_paths_[1], Ours(Cs=2, cv=splits).fit(x, y).coefs_paths_[1])
    with pytest.raises(ValueError, match="groups"):
        Ours(Cs=2, cv=GroupKFold(3)).fit(x, y, groups=groups)


def test_labels_of_any_kind_and_links():
    x, y = table(n=200, classes=3)
    names = np.array(["b", "c", "a"])[y]
    model = Ours(Cs=3, cv=3).fit(x, names)
    assert list(model.scores_) == ["a", "b", "c"]
    assert set(model.predict(x)) == {"a", "b", "c"}
    probit = Ours(Cs=[0.1, 1], cv=2, link="probit").fit(x, y == 0)
    single = Single(C=probit.C_[0], link="probit").fit(x, y == 0)
    np.testing.assert_allclose(probit.coef_, single.coef_, atol=1e-3)
    assert probit.scores_[True].shape == (2, 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Cs": 0}, "Cs must be"),
        ({"Cs": [1, -1]}, "Cs must be"),
        ({"Cs": "many"}, "Cs must be"),
        ({"l1_ratios": [0.5, 2]}, "l1_ratios must be"),
        ({"penalty": "elasticnet"}, "needs l1_ratios"),
        ({"penalty": L2()}, "penalty must be"),
        ({"selection": "worst"}, "selection must be"),
        ({"scoring": "beauty"}, "scoring"),
        ({"tol": -1}, "tol must be"),
    ],
)
def test_parameters_without_a_meaning_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Ours(**parameters).fit(*table(n=60))


def test_folds_and_scores_without_a_meaning_are_refused():
    x, y = table(n=60)
    with pytest.raises(DataError, match="holds out no row"):
        Ours(cv=[(np.arange(60), np.array([], int))]).fit(x, y)
    with pytest.raises(DataError, match=r"score of fold 1 at C=0\.0001 is not a number"):
        Ours(scoring=lambda *_: float("nan")).fit(x, y)
    x[3, 2] = np.nan
    with pytest.raises(DataError, match="x3"):
        Ours().fit(x, y)


def test_parts_are_what_folds_treat_alike():
    n = 40
    splits = [
        train
        for train, _ in RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=0).split(
            np.zeros(n), np.arange(n) % 2
        )
    ]
    found = list(folds_of(splits, n))
    assert sum(len(folds) for folds in found) == 12
    assert all(len(folds.parts) <= 2 * len(folds) + 1 for folds in found)
    first = 0
    for folds in found:
        assert sorted(torch.cat(folds.parts).tolist()) == list(range(n))
        for f in range(len(folds)):
            times = np.bincount(splits[first + f], minlength=n)
            for part, count in zip(folds.parts, folds.counts[f], strict=True):
                assert (times[part.numpy()] == float(count)).all()
        first += len(folds)
    assert [len(folds) for folds in folds_of(splits, n, most=1)] == [1] * 12


def test_anchors_span_a_path():
    bent, mix = anchors(torch.tensor([3.0, 0.0, 1.0, 2.0, 0.01]))
    assert {0, 1} <= set(bent.tolist())
    torch.testing.assert_close(mix.sum(1), torch.ones(5))
    torch.testing.assert_close(mix[bent], torch.eye(len(bent)))
    bent, mix = anchors(torch.zeros(4, dtype=torch.float64))
    assert mix.tolist() == [[1.0]] * 4


@pytest.mark.skipif(columns.library() is None, reason="no compiled kernels here")
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize(("n", "d", "c"), [(1, 1, 1), (5, 3, 9), (1500, 7, 20), (3000, 50, 3)])
def test_the_compiled_pass_is_the_plain_one(kind, fortran, n, d, c):
    generator = torch.Generator().manual_seed(n)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64).to(kind) * 3 + 1
    x = x.mT.contiguous().mT if fortran else x
    y, weight = torch.rand(n, generator=generator).round().double(), torch.rand(n, generator=generator).double()
    index = torch.randperm(n, generator=generator)[: max(1, n * 2 // 3)]
    source, (k, loss) = MemorySource(x, y, weight), loss_for("auto", 2)
    coordinates, (folds,) = moments(source).coordinates, folds_of([index.numpy()], n)
    paths = FoldPaths(source, loss, k, coordinates, torch.float64, folds, torch.ones(1, d + 1, 1, dtype=torch.float64))
    theta = torch.randn(c, d + 1, 1, generator=generator, dtype=torch.float64)
    theta[0] *= 1e3  # far out, where a probability rounds to 0 or 1
    bent = torch.tensor([c - 1, 0, c // 2]).unique().flip(0)
    for mine, its in zip(paths._compiled(index, theta, bent), paths._plain(index, theta, bent), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-9 * float(its.abs().max()))
