"""Residuals and influence against R, statsmodels and fits without the row."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import DataError, NotCertifiedError, ParameterError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "influence.json").read_text())
DATA = {name: np.array(column) for name, column in GOLDEN["data"].items()}
FEATURES = ["age", "lwt", "smoke", "ht"]
SOME = GOLDEN["some"]
MODELS = ["logit", "probit", "cloglog", "cauchit", "weighted"]


def fitted(model):
    extra = {"weight": "times", "offset": "shift"} if model == "weighted" else {"link": model}
    fit = torchlogit.fit(DATA, "low", features=FEATURES, **extra)
    assert fit.certified
    np.testing.assert_allclose(fit.theta[:, 0], GOLDEN[model]["coef"], rtol=1e-8)
    return fit, GOLDEN[model]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["deviance", "pearson", "response", "working"])
def test_residuals_are_those_of_r(model, kind):
    fit, golden = fitted(model)
    np.testing.assert_allclose(fit.residuals(kind)[SOME], golden[kind], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_influence_is_that_of_r(model):
    """Hat values, rstandard of both kinds, rstudent, Cook's distance; leverages sum to the number of coefficients."""
    fit, golden = fitted(model)
    found = fit.influence()
    assert found.leverage.sum() == pytest.approx(5, rel=1e-10)
    for name in ("leverage", "standardised_deviance", "standardised_pearson", "studentised", "cooks_distance"):
        np.testing.assert_allclose(getattr(found, name)[SOME], golden[name], rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_dfbeta_is_that_of_r_but_for_its_residual(model):
    """R's step and its DFFITS have deviance residuals where one step of scoring has Pearson's, and a sigma."""
    fit, golden = fitted(model)
    ratio = np.array(golden["deviance"]) / golden["pearson"]
    np.testing.assert_allclose(fit.dfbeta()[SOME] * ratio[:, None], golden["dfbeta"], rtol=1e-6, atol=1e-9)
    dffits = fit.influence().dffits[SOME] * ratio / golden["sigma"]
    np.testing.assert_allclose(dffits, golden["dffits"], rtol=1e-6)
    np.testing.assert_allclose(fit.dfbeta(scaled=True), fit.dfbeta() / fit.std_error[:, 0].numpy(), rtol=1e-12)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_influence_is_that_of_statsmodels(link):
    fit, _ = fitted(link)
    links = {"logit": sm.families.links.Logit(), "probit": sm.families.links.Probit()}
    x = sm.add_constant(np.column_stack([DATA[name] for name in FEATURES]))
    other = sm.GLM(DATA["low"], x, sm.families.Binomial(links[link])).fit(tol=1e-14).get_influence(observed=False)
    found = fit.influence()
    np.testing.assert_allclose(found.leverage, other.hat_matrix_diag, rtol=1e-7)
    np.testing.assert_allclose(found.cooks_distance, other.cooks_distance[0], rtol=1e-6)
    np.testing.assert_allclose(found.standardised_pearson, other.resid_studentized, rtol=1e-7)
    np.testing.assert_allclose(fit.dfbeta(), other.d_params, rtol=1e-6, atol=1e-12)


def without(table, row, target):
    return torchlogit.fit({name: np.delete(column, row) for name, column in table.items()}, target)


RNG = np.random.default_rng(11)
X = RNG.normal(size=(400, 2))
THREE = {
    "a": X[:, 0],
    "b": 1e6 + 1e-3 * X[:, 1],
    "kind": np.array(["p", "q", "r"])[(X @ [[1, 0.3, -0.5], [0, 0.5, 0.2]] + RNG.gumbel(size=(400, 3))).argmax(1)],
}


def test_a_row_of_three_classes_left_out():
    """The step is near the fit without the row, Cook's distance and the deviance's loss as well; leverages sum to the rank."""
    fit = torchlogit.fit(THREE, "kind")
    found, moved = fit.influence(), fit.dfbeta()
    assert found.rank == 6
    assert found.leverage.sum() == pytest.approx(6, rel=1e-9)
    assert moved.shape == (400, 3, 3)
    np.testing.assert_allclose(moved.sum(2), 0, atol=1e-6 * np.abs(moved).max())
    for row in found.most(3).row - 1:
        other = without(THREE, row, "kind")
        np.testing.assert_allclose(moved[row], fit.theta - other.theta, rtol=0.1, atol=0.02 * abs(moved[row]).max())
        lost = 2 * (other.log_likelihood - fit.log_likelihood)
        assert found.studentised[row] ** 2 == pytest.approx(lost, rel=0.02)


def test_three_classes_by_their_definition():
    """Leverage, Cook's distance and the step from whole matrices: the trace of W A, the quadratic form of the information."""
    fit = torchlogit.fit({**THREE, "b": X[:, 1]}, "kind")
    x, mu = np.column_stack([np.ones(400), X]), fit.predict_proba(X).numpy()
    y = np.eye(3)[np.searchsorted(fit.classes, THREE["kind"])]
    blocks = [np.kron(np.outer(z, z), np.diag(m) - np.outer(m, m)) for z, m in zip(x, mu, strict=True)]
    whole = np.sum(blocks, 0)
    found, moved = fit.influence(), fit.dfbeta()
    for i in (0, 17, 399):
        step = np.linalg.pinv(whole - blocks[i]) @ np.kron(x[i], y[i] - mu[i])
        np.testing.assert_allclose(moved[i].ravel(), step, rtol=1e-7, atol=1e-12)
        assert found.cooks_distance[i] == pytest.approx(step @ whole @ step / 6, rel=1e-7)
        assert found.leverage[i] == pytest.approx(np.trace(blocks[i] @ np.linalg.pinv(whole)), rel=1e-7)
        assert found.pearson[i] ** 2 == pytest.approx(((y[i] - mu[i]) ** 2 / mu[i]).sum(), rel=1e-8)
    np.testing.assert_allclose(fit.residuals("response"), y - mu, atol=1e-12)


def test_two_classes_are_a_softmax_of_two():
    """The same leverage, Cook's distance, residuals' sizes, and half the move in each class."""
    table = {"a": X[:, 0], "b": X[:, 1], "y": (THREE["kind"] == "p").astype(int)}
    one, two = (torchlogit.fit(table, "y", loss=loss) for loss in ("logistic", "softmax"))
    first, second = one.influence(), two.influence()
    for name in ("leverage", "cooks_distance", "standardised_pearson", "studentised", "dffits"):
        np.testing.assert_allclose(abs(getattr(first, name)), getattr(second, name), rtol=1e-8, err_msg=name)
    moved = two.dfbeta()
    np.testing.assert_allclose(moved[..., 1] - moved[..., 0], one.dfbeta(), rtol=1e-7, atol=1e-12)


def test_an_aliased_column_and_dropped_rows():
    """A copy of a column changes nothing but its own zeros; rows are counted as the caller counts."""
    table = {"a": X[:, 0].copy(), "b": X[:, 1], "twice": 2 * X[:, 1] - 1, "y": (THREE["kind"] == "p").astype(int)}
    plain = torchlogit.fit({name: table[name] for name in ("a", "b", "y")}, "y")
    with pytest.warns(torchlogit.AliasedWarning):
        fit = torchlogit.fit(table, "y")
    np.testing.assert_allclose(fit.influence().leverage, plain.influence().leverage, rtol=1e-8)
    np.testing.assert_allclose(fit.dfbeta(scaled=True)[:, :3], plain.dfbeta(scaled=True), rtol=1e-7, atol=1e-12)
    assert not fit.dfbeta(scaled=True)[:, 3].any()
    table["a"][4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = torchlogit.fit(table, "y", missing="drop")
    assert fit.influence().row[:6].tolist() == [1, 2, 3, 4, 6, 7]


def test_blocks_and_sparse_rows_change_nothing(monkeypatch):
    from scipy.sparse import csr_array

    from torchlogit.sources import memory

    y = (THREE["kind"] == "p").astype(int)
    expected = torchlogit.fit(X, y).influence().cooks_distance
    monkeypatch.setattr(memory, "LEAST_ROWS", 7)
    monkeypatch.setattr(memory, "BLOCK_ENTRIES", 100)
    np.testing.assert_allclose(torchlogit.fit(X, y).influence().cooks_distance, expected, rtol=1e-10)
    np.testing.assert_allclose(torchlogit.fit(csr_array(X), y).influence().cooks_distance, expected, rtol=1e-9)


def test_what_is_shown_is_most_influential():
    found = fitted("logit")[0].influence()
    assert len(found.most(5).row) == 5
    assert found.most(1).cooks_distance[0] == found.cooks_distance.max()
    assert found.most(1, by="leverage").leverage[0] == found.leverage.max()
    shown = str(found)
    assert max(map(len, shown.splitlines())) <= 80
    assert str(found.most(1).row[0]) in shown
    assert len(found.to_frame()) == len(DATA["low"])
    with pytest.raises(ParameterError, match="no column 'cook'"):
        found.most(3, by="cook")


def test_what_has_no_influence_is_refused(tmp_path):
    """Penalised and separated fits, other rows, the linear unit, unknown kinds; a fit from a file needs its rows."""
    table = datasets.study_hours()
    with pytest.raises(NotCertifiedError, match="penalised"):
        torchlogit.fit(table, "passed", penalty=L2(1.0)).influence()
    with pytest.warns(torchlogit.NotCertifiedWarning):
        apart = torchlogit.fit({"x": np.arange(20.0), "y": np.repeat([0, 1], 10)}, "y")
    with pytest.raises(NotCertifiedError, match="no influence"):
        apart.dfbeta()
    fit = torchlogit.fit(table, "passed")
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        again.influence()
    np.testing.assert_allclose(again.influence(table).leverage, fit.influence().leverage)
    with pytest.raises(DataError, match="not the rows"):
        again.influence({"hours": [1.0, 2.0, 3.0, 9.0], "passed": [0, 1, 0, 1]})
    with pytest.raises(ParameterError, match="unknown kind"):
        fit.residuals("raw")
    linear = torchlogit.fit(table, "passed", loss="squared")
    with pytest.raises(ParameterError, match="linear unit"):
        linear.residuals()
    assert abs(linear.residuals("response").sum()) < 1e-9
    with pytest.raises(ParameterError, match="working"):
        torchlogit.fit(THREE, "kind").residuals("working")


def test_certain_rows_keep_their_digits():
    """A row 40 standard errors away on its right side: residuals by mpmath; on the wrong side: large, not infinite."""
    import mpmath

    x = np.concatenate([np.linspace(-2, 2, 41), [300.0]])
    y = np.concatenate([(np.sin(7 * np.linspace(-2, 2, 41)) + np.linspace(-2, 2, 41) > 0).astype(int), [1]])
    fit = torchlogit.fit(x[:, None], y)
    eta = mpmath.mpf(float(fit.eta(x[-1:, None])[0, 0]))
    assert fit.residuals("deviance")[-1] == pytest.approx(
        float(mpmath.sqrt(2 * mpmath.log1p(mpmath.exp(-eta)))), rel=1e-12
    )
    assert fit.residuals("pearson")[-1] == pytest.approx(float(mpmath.exp(-eta / 2)), rel=1e-12)
    assert fit.residuals("response")[-1] == pytest.approx(float(1 / (1 + mpmath.exp(eta))), rel=1e-12)
    assert np.isfinite(fit.influence().studentised).all()


def test_counts_are_rows_of_the_table():
    """Star98: 303 rows of successes and failures are 303 residuals and leverages, those of statsmodels; dfbeta as well."""
    data = sm.datasets.star98.load_pandas()
    names = ["LOWINC", "PERASIAN", "PERBLACK", "PCTAF", "AVYRSEXP"]
    x = data.exog[names]
    model = sm.GLM(data.endog, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14)
    other = model.get_influence()
    table = {"math": data.endog["NABOVE"], "rest": data.endog["NBELOW"], **x}
    fit = torchlogit.fit(table, ("math", "rest"))
    np.testing.assert_allclose(fit.residuals(), model.resid_deviance, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fit.residuals("pearson"), model.resid_pearson, rtol=1e-7)
    off = data.endog["NABOVE"] / data.endog.sum(axis=1) - model.mu
    np.testing.assert_allclose(fit.residuals("response"), off, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fit.residuals("working"), off / (model.mu * (1 - model.mu)), rtol=1e-6, atol=1e-9)
    for found in (fit.influence(), fit.influence(table)):
        assert found.row.tolist() == list(range(1, 304))
        np.testing.assert_allclose(found.leverage, other.hat_matrix_diag, rtol=1e-7)
        np.testing.assert_allclose(found.cooks_distance, other.cooks_distance[0], rtol=1e-6)
    np.testing.assert_allclose(fit.dfbeta(), other.d_params, rtol=1e-6, atol=1e-12)


def test_a_row_left_out_of_firths_fit():
    """By one step of the likelihood: in the direction of the fit without the row, also where the data are separated."""
    table = {"x": np.arange(20.0), "y": np.repeat([0, 1], 10)}
    fit = torchlogit.fit(table, "y", penalty=torchlogit.Jeffreys())
    found = fit.influence()
    assert found.leverage.sum() == pytest.approx(2, rel=1e-9)
    row = int(found.most(1).row[0]) - 1
    other = torchlogit.fit({name: np.delete(c, row) for name, c in table.items()}, "y", penalty=torchlogit.Jeffreys())
    moved = (fit.theta - other.theta)[:, 0].numpy()
    assert np.sign(fit.dfbeta()[row]).tolist() == np.sign(moved).tolist()
    np.testing.assert_allclose(fit.influence(table).cooks_distance, found.cooks_distance, rtol=1e-9)


def test_a_row_that_alone_says_a_coefficient_has_no_number_without_it():
    table = {"g": list("aaab"), "won": [3, 5, 4, 6], "lost": [4, 2, 4, 3]}
    fit = torchlogit.fit(table, ("won", "lost"))
    found = fit.influence()
    np.testing.assert_allclose(found.leverage[3], 1, rtol=1e-12)
    assert np.isnan(found.cooks_distance[3])
    assert np.isfinite(found.cooks_distance[:3]).all()
    assert 4 not in found.most(3).row
    assert np.isnan(fit.dfbeta()[3]).all()
