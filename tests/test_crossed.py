"""Cross-validated probabilities: each row by a fit to the other folds, made singly here and as one batch there."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array

import torchlogit
from torchlogit import L1, L2, Jeffreys
from torchlogit.errors import AliasedWarning, DataError, NotCertifiedError, ParameterError
from torchlogit.inference.observed import observed
from torchlogit.metrics import cross_scored
from torchlogit.metrics.crossed import folds_of


def rows_of(n=120, d=3, size=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    eta = x @ rng.normal(size=(d, size)) * 0.7
    return x, (eta + rng.gumbel(size=(n, size))).argmax(1), rng


def one_by_one(x, y, place, **settings):
    """The same by hand: a fit a fold."""
    size = len(np.unique(y))
    out = np.full((len(y), size), np.nan)
    weight, offset = settings.pop("weight", None), settings.pop("offset", None)
    for fold in range(place.max() + 1):
        train, test = place != fold, place == fold
        some = {name: t[train] for name, t in (("weight", weight), ("offset", offset)) if t is not None}
        fit = torchlogit.fit(x[train], y[train], **some, **settings)
        out[test] = fit.predict_proba(x[test], None if offset is None else offset[test]).numpy()
    return out


CASES = {
    "plain": {},
    "ridge": {"penalty": L2(2.0)},
    "lasso": {"penalty": L1(1.0)},
    "firth": {"penalty": Jeffreys()},
    "probit": {"link": "probit"},
    "no_intercept": {"intercept": False},
}


@pytest.mark.parametrize("name", CASES)
def test_every_row_is_scored_by_a_fit_without_it(name):
    x, y, _ = rows_of()
    fit = torchlogit.fit(x, y, **CASES[name])
    found = cross_scored(fit, 7, seed=3)
    place = folds_of(fit.training, 7, 3)
    assert found.probability == pytest.approx(one_by_one(x, y, place, **CASES[name]), abs=1e-9)
    assert (found.y == y).all()
    assert not found.seen


def test_softmax_weights_and_offsets_go_along():
    x, y, rng = rows_of(200, 3, 3, 1)
    fit = torchlogit.fit(x, y)
    place = folds_of(fit.training, 4, 0)
    assert cross_scored(fit, 4).probability == pytest.approx(one_by_one(x, y, place), abs=1e-9)
    ridge = torchlogit.fit(x, y, penalty=L2(0.5))
    expected = one_by_one(x, y, place, penalty=L2(0.5))
    assert cross_scored(ridge, 4).probability == pytest.approx(expected, abs=1e-9)
    x, y, rng = rows_of(150, 3, 2, 2)
    given = {"weight": rng.integers(1, 5, 150) * 1.0, "offset": rng.normal(size=150)}
    fit = torchlogit.fit(x, y, **given)
    found = cross_scored(fit, 5)
    assert found.probability == pytest.approx(one_by_one(x, y, folds_of(fit.training, 5, 0), **given), abs=1e-9)
    assert (found.weight == given["weight"]).all()
    assert found.repeats


def test_sparse_rows_and_shifted_columns_are_as_good():
    x, y, _ = rows_of()
    plain = cross_scored(torchlogit.fit(x, y), 5).probability
    sparse = torchlogit.fit(csr_array(x), y)
    assert cross_scored(sparse, 5).probability == pytest.approx(plain, abs=1e-9)
    far = torchlogit.fit(x + 1e6, y)
    assert cross_scored(far, 5).probability == pytest.approx(plain, abs=1e-7)


def test_the_recipe_is_that_of_the_fit():
    data = {"x": np.linspace(0, 3, 90), "g": list("abc") * 30, "y": (np.arange(90) * 7919 % 11 > 5).astype(int)}
    fit = torchlogit.fit(data, "y ~ bs(x, 4) + C(g)")
    found = cross_scored(fit, 6)
    place, x = folds_of(fit.training, 6, 0), np.asarray(fit.training.x)
    assert found.probability == pytest.approx(one_by_one(x, np.array(data["y"]), place), abs=1e-9)


def test_folds_share_rows_and_classes_out_evenly():
    x, y, _ = rows_of(103)
    place = folds_of(torchlogit.fit(x, y).training, 10, 0)
    assert set(np.bincount(place)) == {10, 11}
    events = np.bincount(place, y)
    assert events.max() - events.min() <= 1
    assert (folds_of(torchlogit.fit(x, y).training, 10, 1) != place).any()


def test_rows_that_belong_together_may_be_held_out_together():
    x, y, _ = rows_of()
    data = {"a": x[:, 0], "b": x[:, 1], "y": y, "who": np.arange(120) // 10}
    fit = torchlogit.fit(data, "y", features=["a", "b"])
    found = cross_scored(fit, "who")
    assert found.probability == pytest.approx(one_by_one(x[:, :2], y, data["who"]), abs=1e-9)
    assert cross_scored(fit, data["who"]).probability == pytest.approx(found.probability, abs=1e-15)


def test_the_halves_of_counts_stay_together():
    data = {"dose": np.arange(12) / 3, "died": np.arange(1, 13), "lived": np.arange(14, 2, -1)}
    fit = torchlogit.fit(data, ("died", "lived"))
    place, rows = folds_of(fit.training, 4, 0), fit.training
    assert all(len(set(place[rows.kept == row])) == 1 for row in range(12))
    found = cross_scored(fit, 4)
    for fold in range(4):
        train = np.array([place[rows.kept == row][0] != fold for row in range(12)])
        part = torchlogit.fit({name: column[train] for name, column in data.items()}, ("died", "lived"))
        expected = part.predict_proba({"dose": data["dose"][rows.kept[place == fold]]}).numpy()
        assert found.probability[place == fold] == pytest.approx(expected, abs=1e-9)


def test_other_rows_may_be_given():
    x, y, _ = rows_of()
    other, z, _ = rows_of(seed=5)
    fit = torchlogit.fit(x, y)
    found = cross_scored(fit, 5, data=other, target=z)
    place = folds_of(observed(fit, other, z).rows, 5, 0)
    assert found.probability == pytest.approx(one_by_one(other, z, place), abs=1e-9)


def test_a_fold_that_is_separated_is_refused():
    x = np.concatenate([np.linspace(-3, -1, 15), np.linspace(1, 3, 15), [0.5, -0.5]])[:, None]
    y = np.repeat([0, 1, 0, 1], [15, 15, 1, 1])
    fit = torchlogit.fit(x, y)
    with pytest.raises(NotCertifiedError, match=r"no cross-validation: .* \(separated\).*penalty"):
        cross_scored(fit, np.arange(32) % 16)
    assert len(cross_scored(torchlogit.fit(x, y, penalty=L2(1.0)), np.arange(32) % 16)) == 32


def test_a_class_that_only_one_fold_has_is_refused():
    x, y, _ = rows_of()
    y[:9], y[9:] = 2, y[9:] % 2
    fit = torchlogit.fit(x, y, penalty=L2(1.0))
    with pytest.raises(NotCertifiedError, match="no row has class 2"):
        cross_scored(fit, np.where(y == 2, 0, 1 + np.arange(120) % 3))


def test_a_level_that_only_one_fold_has_is_told():
    data = {"g": ["rare"] * 4 + list("ab") * 40, "x": np.sin(np.arange(84)), "y": [0, 1, 0, 1] + [0, 1, 1, 0] * 20}
    fit = torchlogit.fit(data, "y", penalty=L2(0.0))
    with pytest.warns(AliasedWarning, match="aliased in some folds: `g=rare`"):
        found = cross_scored(fit, np.where(np.arange(84) < 4, 0, 1 + np.arange(84) % 3))
    assert np.isfinite(found.log_probability).all()


@pytest.mark.parametrize("folds", [1, 0, -3, 2.5, True])
def test_the_number_of_folds_is_checked(folds):
    fit = torchlogit.fit(torchlogit.datasets.study_hours(), "passed")
    with pytest.raises(ParameterError, match="folds must be"):
        cross_scored(fit, folds)


def test_there_are_not_more_folds_than_rows():
    fit = torchlogit.fit(torchlogit.datasets.study_hours(), "passed")
    with pytest.raises(DataError, match="21 folds of 20 rows"):
        cross_scored(fit, 21)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(cross_scored(fit, 20)) == 20
    bare = pickle.loads(pickle.dumps(fit))
    with pytest.raises(ParameterError, match="holds no rows"):
        cross_scored(bare)
