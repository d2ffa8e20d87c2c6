"""The bootstrap by counts: each resample is the weighted fit of its counts."""

import warnings
from importlib import import_module

import numpy as np
import pytest
import torch

import torchlogit
from torchlogit import (
    L1,
    L2,
    DataError,
    NotCertifiedError,
    NotCertifiedWarning,
    ParameterError,
    bootstrap,
    datasets,
    fit,
)
from torchlogit.bootstrap import _draws, _whole
from torchlogit.errors import AliasedWarning
from torchlogit.kernels import many as kernel
from torchlogit.rows import read_rows


def overlapping(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) + 1
    return x, (x @ [1.0, -0.5, 0] + rng.logistic(size=n) > 0.5).astype(int)


def counts_of(x, y, size, seed, weight=None):
    """The counts that a seed stands for."""
    rows = read_rows(x, y, weight=weight)
    draws = _draws(rows, np.random.default_rng(seed))
    return np.array([next(draws) for _ in range(size)])


@pytest.mark.parametrize(
    "words",
    [{}, {"penalty": L2(0.5)}, {"intercept": False}, {"offset": True}, {"penalty": L1(1.0)}, {"link": "probit"}],
    ids=str,
)
def test_a_resample_is_the_fit_of_its_counts(words):
    x, y = overlapping()
    words = words | ({"offset": np.linspace(-1, 1, len(x))} if "offset" in words else {})
    found = bootstrap(x, y, 6, seed=3, **words)
    for counts, theta in zip(counts_of(x, y, 6, 3), found.theta, strict=True):
        single = fit(x, y, weight=counts.astype(float), **words)
        rel = 1e-5 if "penalty" in words and words["penalty"].l1_ratio else 1e-9
        torch.testing.assert_close(theta, single.theta, rtol=rel, atol=rel)
    assert bool(found.certified.all())


def test_errors_are_near_those_of_the_likelihood():
    x, y = overlapping(2000)
    found = bootstrap(x, y, 600, seed=1)
    torch.testing.assert_close(found.std_error, found.fit.std_error, rtol=0.1, atol=0)
    low, high = found.interval(0.9)
    half = 1.645 * found.fit.std_error
    torch.testing.assert_close(low, found.fit.theta - half, rtol=0, atol=float(half.max()) * 0.25)
    torch.testing.assert_close(high, found.fit.theta + half, rtol=0, atol=float(half.max()) * 0.25)


def test_the_table():
    x, y = overlapping()
    found = bootstrap(x, y, 50, seed=1)
    table = found.table(0.8)
    assert table.term == ("(Intercept)", "x1", "x2", "x3")
    assert table.label == (1,) * 4
    np.testing.assert_allclose(table.estimate, found.fit.theta[:, 0])
    np.testing.assert_allclose(table.std_error, found.theta[..., 0].numpy().std(0, ddof=1))
    np.testing.assert_allclose(table.bias, found.theta[..., 0].numpy().mean(0) - table.estimate, atol=1e-12)
    np.testing.assert_allclose(table.low, np.quantile(found.theta[..., 0], 0.1, axis=0))
    np.testing.assert_allclose(table.high, np.quantile(found.theta[..., 0], 0.9, axis=0))


def test_a_seed_means_the_same_resamples(monkeypatch):
    x, y = overlapping()
    found = bootstrap(x, y, 20, seed=5)
    assert torch.equal(found.theta, bootstrap(x, y, 20, seed=5).theta)
    assert not torch.equal(found.theta, bootstrap(x, y, 20, seed=6).theta)
    monkeypatch.setattr(import_module("torchlogit.bootstrap"), "BLOCK", 3 * len(x))  # however many are held at a time
    assert torch.equal(found.theta, bootstrap(x, y, 20, seed=5).theta)


def test_every_row_is_drawn_as_often_as_another():
    x, y = overlapping(200)
    counts = counts_of(x, y, 500, 0)
    assert (counts.sum(1) == 200).all()
    assert abs(counts.mean(0) - 1).max() < 0.25
    assert counts.var() == pytest.approx(1, abs=0.05)


def test_whole_weights_are_repeated_rows():
    x, y = overlapping(100)
    weight = np.random.default_rng(0).integers(0, 5, 100)
    counts = counts_of(x, y, 400, 0, weight)
    assert (counts.sum(1) == weight.sum()).all()
    assert (counts[:, weight == 0] == 0).all()
    assert abs(counts.mean(0) - weight).max() < 0.5
    found = bootstrap(x, y, 3, weight=weight)
    for c, theta in zip(counts, found.theta, strict=False):
        torch.testing.assert_close(theta, fit(x, y, weight=c).theta, rtol=1e-9, atol=1e-9)


def test_other_weights_go_along_with_their_rows():
    x, y = overlapping(100)
    weight = np.random.default_rng(0).random(100) + 0.5
    assert not _whole(read_rows(x, y, weight=weight))
    found = bootstrap(x, y, 3, weight=weight)
    for counts, theta in zip(counts_of(x, y, 3, 0, weight), found.theta, strict=True):
        assert counts.sum() == 100
        torch.testing.assert_close(theta, fit(x, y, weight=counts * weight).theta, rtol=1e-9, atol=1e-9)


def test_resamples_without_an_estimate_are_counted_and_left_out():
    x = np.arange(18.0)[:, None]
    y = np.r_[np.zeros(8), 1, 0, np.ones(8)].astype(int)
    with pytest.warns(NotCertifiedWarning, match=r"of 60 resamples have no certified estimate \(.* separated"):
        found = bootstrap(x, y, 60)
    bad = ~found.certified
    assert 0 < int(bad.sum()) < 60
    for counts, status in zip(counts_of(x, y, 60, 0), found.status, strict=True):
        drawn = counts > 0
        if len(set(y[drawn])) == 1:
            assert str(status) == "separated"
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert status is fit(x[drawn], y[drawn], weight=counts[drawn]).status
    assert bool(found.std_error.isfinite().all())
    torch.testing.assert_close(found.std_error, found.theta[~bad].std(0))
    with pytest.raises(NotCertifiedError, match="of 60 resamples"):
        bootstrap(x, y, 60, strict=True)


def test_softmax_resamples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = (x[:, :1] + rng.gumbel(size=(200, 3))).argmax(1)
    found = bootstrap(x, y, 3)
    assert found.theta.shape == (3, 3, 3)
    assert len(found.table().estimate) == 9
    assert found.table().label[:3] == (0, 1, 2)


def test_without_compiled_kernels_it_is_the_same(monkeypatch):
    x, y = overlapping()
    found = bootstrap(x, y, 20)
    monkeypatch.setattr(kernel, "library", lambda: None)
    torch.testing.assert_close(bootstrap(x, y, 20).theta, found.theta, rtol=1e-10, atol=1e-12)


def test_the_batch_begins_at_the_fit(monkeypatch):
    x, y = overlapping()
    steps, before = [], torchlogit.groups.newton
    monkeypatch.setattr("torchlogit.groups.newton", lambda *a: steps.append(before(*a)) or steps[-1])
    bootstrap(x, y, 50)
    assert bool(steps[0].done.all())
    assert steps[0].steps.double().mean() < 5


def test_words_that_mean_nothing():
    x, y = overlapping()
    with pytest.raises(ParameterError, match="2 or more"):
        bootstrap(x, y, 1)
    with pytest.raises(ParameterError, match="level"):
        bootstrap(x, y, 2).interval(1.0)
    with pytest.raises(DataError, match="16 rows cannot determine"):
        bootstrap(np.random.default_rng(0).normal(size=(16, 20)), [0, 1] * 8, 2)
    x[7, 1] = np.inf
    with pytest.raises(DataError, match=r"infinity in row 8"):
        bootstrap(x, y, 2)


def test_columns_that_add_nothing_are_told():
    hours, passed = datasets.study_hours().values()
    data = {"hours": hours, "minutes": [60 * h for h in hours], "passed": passed}
    with pytest.warns(AliasedWarning, match="`minutes`"):
        bootstrap(data, "passed", 3, penalty=None)
