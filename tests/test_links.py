"""L08: every sigmoid is a link. Against statsmodels, in every door."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import torch
from command import STUDENTS as CSV

import torchlogit
from torchlogit import DataError, ParameterError, compare_links, datasets, fit
from torchlogit.losses import LINKS, LOSSES, Bernoulli

STUDENTS = datasets.study_hours()
SAME = {
    "erf": "probit",
    "tanh": "logit",
    "gudermannian": "hyperbolic_secant",
    "algebraic": "student_t2",
    "arctan": "cauchit",
}
pytestmark = pytest.mark.filterwarnings("ignore:target .* fewer than 8 rows:torchlogit.DataWarning")
every = pytest.mark.parametrize("link", LINKS)


def data(n=400, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * [1, 10, 0.1] + [0, 5, 100]
    eta = (x - [0, 5, 100]) @ [0.8, -0.1, 5.0] + 0.4
    return x, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


@pytest.mark.parametrize(
    ("link", "theirs"),
    [("probit", "Probit"), ("cauchit", "Cauchy"), ("cloglog", "CLogLog"), ("loglog", "LogLog"), ("logit", "Logit")],
)
def test_L08_links_agree_with_statsmodels(link, theirs):
    x, y = data()
    found = fit(x, y, link=link)
    design = sm.add_constant(x)
    model = sm.GLM(y, design, sm.families.Binomial(getattr(sm.families.links, theirs)()))
    other = model.fit(tol=1e-13, maxiter=500)
    assert found.status.name == "converged"
    np.testing.assert_allclose(found.theta[:, 0], other.params, rtol=1e-6)
    assert found.log_likelihood == pytest.approx(other.llf, rel=1e-12)
    observed = np.sqrt(np.diag(np.linalg.inv(-model.hessian(np.asarray(found.theta[:, 0]), observed=True))))
    np.testing.assert_allclose(found.std_error[:, 0], observed, rtol=1e-6)
    np.testing.assert_allclose(found.predict_proba(x)[:, 1], other.predict(design), rtol=1e-6)


def test_L08_probit_is_statsmodels_probit():
    other = sm.Probit(STUDENTS["passed"], sm.add_constant(STUDENTS["hours"])).fit(disp=False, tol=1e-14)
    found = fit(STUDENTS, "passed", link="probit")
    np.testing.assert_allclose(found.theta[:, 0], other.params, rtol=1e-9)
    np.testing.assert_allclose(found.std_error[:, 0], other.bse, rtol=1e-9)


@every
def test_L08_no_slope_is_left_at_the_optimum(link):
    """An optimum by another road: the numerical gradient of Σ log-probabilities of a plain loop over mpmath-free μ."""
    x, y = data()
    found = fit(x, y, link=link)

    def likelihood(theta):
        eta = torch.from_numpy(theta[0] + x @ theta[1:])[:, None]
        logs = LOSSES.get(link, LOSSES["logistic"])().log_probabilities(eta)
        return float(logs[torch.arange(len(y)), torch.from_numpy(y)].sum())

    best = found.theta[:, 0].numpy()
    assert likelihood(best) == pytest.approx(found.log_likelihood, rel=1e-12)
    rng = np.random.default_rng(1)
    for _ in range(20):
        away = found.std_error[:, 0].numpy() * rng.normal(size=4) * 0.3
        assert likelihood(best + away) < likelihood(best)


@pytest.mark.parametrize(("gallery", "standard"), SAME.items())
def test_L08_the_gallery_is_the_standard_link_in_another_scale(gallery, standard):
    ours, theirs = fit(STUDENTS, "passed", link=gallery), fit(STUDENTS, "passed", link=standard)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-12)
    scale = LINKS[standard].scale if standard != "logit" else 0.5
    torch.testing.assert_close(ours.theta, theirs.theta * scale)


def test_L08_mu_is_half_of_one_plus_f():
    model = torchlogit.LogisticRegression(link="arctan", penalty=None).fit(
        STUDENTS["hours"][:, None], STUDENTS["passed"]
    )
    eta = model.decision_function([[2.0], [4.0]])
    np.testing.assert_allclose(
        model.predict_proba([[2.0], [4.0]])[:, 1], (1 + 2 / np.pi * np.arctan(np.pi * eta / 2)) / 2
    )
    assert float(Bernoulli("student_t2").mean(torch.tensor([[1.0]], dtype=torch.float64))) == pytest.approx(
        0.788675134594813
    )


@every
def test_L08_every_door_gives_the_same(link, tmp_path):
    x, y = data()
    found = fit(pd.DataFrame(x, columns=list("abc")), y, link=link)
    model = torchlogit.LogisticRegression(link=link, penalty=None, tol=1e-14).fit(x, y)
    np.testing.assert_allclose(model.coef_, found.coef.mT, rtol=1e-7)
    p = found.predict_proba(x).numpy()
    np.testing.assert_allclose(model.predict_proba(x), p, rtol=1e-6)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), p, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(x), p.argmax(1))
    np.testing.assert_allclose(found.module()(torch.from_numpy(x)).detach()[:, 0], p[:, 1], rtol=1e-9)
    found.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(x), found.predict_proba(x))
    assert str(again.summary()) == str(found.summary())


@every
def test_float32_reaches_the_same_optimum(link):
    """Rows far out as well, where cloglog's exponential of an exponential overflows in float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) * [3, 1]
    p = LOSSES.get(link, LOSSES["logistic"])().mean(torch.from_numpy(x @ [1.2, -0.5] + 0.4)).numpy()
    y = (rng.random(400) < p).astype(int)
    single, double = (
        torchlogit.LogisticRegression(link=link, penalty=None).fit(x.astype(dtype), y) for dtype in ("f4", "f8")
    )
    assert single.status_.name == "converged"
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, double.coef_, rtol=1e-3)


@every
def test_L08_separated_data_are_told_with_every_link(link):
    with pytest.warns(torchlogit.NotCertifiedWarning, match="split perfectly by `hours`"):
        fit(datasets.lesson(), "passed", link=link)


def test_without_an_intercept_a_skewed_link_is_not_called_separated():
    """With cloglog and no intercept η = 0 is P = 0.63: being on the right side of ½ proves nothing."""
    x = torch.tensor([[-1.0], [-2.0], [-3.0], [-0.001]], dtype=torch.float64)
    found = fit(x, [0, 0, 0, 1], link="cloglog", intercept=False)
    assert found.value < 0.6  # under log 2, as no fit of an even link would be
    assert found.status.name == "converged"


def test_weights_are_repeated_rows_and_offsets_shift_with_a_link():
    x, y = data(60)
    weight = np.arange(60) % 3
    twice = fit(np.repeat(x, weight, 0), np.repeat(y, weight), link="probit")
    torch.testing.assert_close(fit(x, y, weight=weight, link="probit").theta, twice.theta, rtol=1e-9, atol=1e-12)
    shifted = fit(x, y, offset=np.full(60, 0.7), link="cauchit").theta
    plain = fit(x, y, link="cauchit").theta
    assert float(plain[0] - shifted[0]) == pytest.approx(0.7, rel=1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@every
def test_solvers_agree(link, solver):
    x, y = data(2000)
    one, other = (fit(x, y, link=link, solver=each, penalty=torchlogit.L2(1.0)) for each in ("auto", solver))
    assert other.certified
    torch.testing.assert_close(one.theta, other.theta, rtol=1e-6, atol=1e-7)


def test_a_module_is_for_probabilities():
    with pytest.raises(ParameterError, match=r"linear unit is no logistic regression; use torch\.nn\.Linear"):
        fit(STUDENTS, "passed", loss="squared").module()


def test_no_links_are_an_empty_table():
    assert len(str(compare_links(STUDENTS, "passed", [])).splitlines()) == 1


def test_L08_compare_links_is_one_table():
    table = compare_links(STUDENTS, "passed")
    assert [row.link for row in table][:3] == ["cloglog", "probit", "loglog"]
    by = {row.link: row for row in table}
    assert by["logit"].log_likelihood == pytest.approx(-8.029878464344675)
    assert by["logit"].aic == pytest.approx(20.0598, abs=1e-4)
    assert [row.log_likelihood for row in table] == sorted((row.log_likelihood for row in table), reverse=True)
    assert str(table).splitlines()[1].split() == ["cloglog", "-7.8756", "0.0000", "19.75", "converged"]
    assert "separated" in str(compare_links(datasets.lesson(), "passed", ["logit"]))


def test_only_log_odds_have_odds_ratios():
    found = fit(STUDENTS, "passed", link="probit")
    assert np.isnan(found.table().odds_ratio).all()
    text = str(found.summary())
    assert text.startswith("Binary regression with the probit link of `passed`")
    assert "odds" not in text
    assert "others" not in text
    assert "there may be others" in str(fit(STUDENTS, "passed", link="cauchit").summary()).replace("\n  ", " ")


def test_a_link_is_for_two_classes_and_must_exist():
    with pytest.raises(ParameterError, match="unknown link 'probits'; there are 'logit', 'probit'"):
        fit(STUDENTS, "passed", link="probits")
    with pytest.raises(DataError, match='link="probit" is for two classes, but the target has 3; use link="logit"'):
        fit({"x": [1.0, 2, 3, 4], "y": [0, 1, 2, 0]}, "y", link="probit")
    with pytest.raises(ParameterError, match='goes with loss="logistic"'):
        fit(STUDENTS, "passed", link="probit", loss="squared")
    with pytest.raises(ParameterError, match="L1 penalty goes with convex losses only"):
        fit(STUDENTS, "passed", link="cauchit", penalty=torchlogit.L1(1.0))
    with pytest.raises(ParameterError, match="link must be one of"):
        torchlogit.LogisticRegression(link=3).fit([[1.0], [2.0], [3.0]], [0, 1, 0])


def test_the_command_takes_a_link(run, tmp_path):
    done = run(
        "fit",
        CSV,
        "--target",
        "passed",
        "--link",
        "probit",
        "-o",
        tmp_path / "m.safetensors",
        "--plot",
        tmp_path / "c.png",
    )
    assert done.code == 0
    assert "Binary regression with the probit link" in done.out
    assert "0.9127" in done.out
    answers = run("predict", tmp_path / "m.safetensors", CSV, "--ignore-extra").out.splitlines()
    assert float(answers[1].split(",")[1]) == pytest.approx(
        float(fit(STUDENTS, "passed", link="probit").predict_proba([[0.5]])[0, 1])
    )
    wrong = run("fit", tmp_path / "no such file", "--target", "passed", "--link", "logits")
    assert (wrong.code, wrong.err) == (2, "error: --link 'logits' is unknown. Did you mean logit?\n")


@pytest.mark.parametrize("link", ["cloglog", "loglog"])
def test_predict_and_decide_go_by_probability_where_0_are_no_even_chances(link):
    x = np.linspace(0, 6, 241)[:, None]
    model = torchlogit.LogisticRegression(link=link, penalty=None).fit(STUDENTS["hours"][:, None], STUDENTS["passed"])
    p = model.predict_proba(x)[:, 1]
    assert ((model.decision_function(x) > 0) != (p > 0.5)).any()
    np.testing.assert_array_equal(model.predict(x), p > 0.5)
    decided = fit(STUDENTS, "passed", link=link).decide(x, uncertain=(0.3, 0.8))
    np.testing.assert_array_equal(decided == "uncertain", (p >= 0.3) & (p <= 0.8))
    np.testing.assert_array_equal(decided == 1, p > 0.8)
    assert model.score(x, p > 0.5) == 1


def test_scikit_learn_is_told_what_a_link_can():
    multi = [torchlogit.LogisticRegression(link=link).__sklearn_tags__().classifier_tags.multi_class for link in LINKS]
    assert multi == [link == "logit" for link in LINKS]


def test_the_band_of_a_picture_goes_through_the_link():
    from scipy.stats import norm

    from torchlogit.cli.curve import band

    found = fit(STUDENTS, "passed", link="probit")
    design = np.array([[1.0, 1.0], [1.0, 4.0]])
    eta = design @ found.theta[:, 0].numpy()
    error = np.sqrt(np.diag(design @ found.covariance.numpy() @ design.T))
    low, high = band(found, design[:, 1:])
    np.testing.assert_allclose(low, norm.cdf(eta - norm.ppf(0.975) * error), rtol=1e-9)
    np.testing.assert_allclose(high, norm.cdf(eta + norm.ppf(0.975) * error), rtol=1e-9)
