"""Firth's penalised likelihood: published numbers, R's brglm2, closed forms, and what must not change a fit."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import torchlogit
from torchlogit import Jeffreys, datasets, fit, scoring
from torchlogit.errors import AliasedWarning, DataError, NotCertifiedError, ParameterError
from torchlogit.inference.firth import overall, penalised, penalised_tests
from torchlogit.jeffreys import Jeffreyed
from torchlogit.losses import LINKS

GOLDEN = json.loads((Path(__file__).parent / "golden" / "firth.json").read_text(encoding="utf-8"))


def rows(name):
    return {column: np.array(values) for column, values in GOLDEN[name]["rows"].items()}


SEX2, ENDOMETRIAL = rows("sex2"), rows("endometrial")
BIRTHWT, LIZARDS = rows("birthwt"), rows("lizards")
TERMS = ("age", "oc", "vic", "vicl", "vis", "dia")


def sex2(**settings):
    return fit(SEX2, "case", penalty=Jeffreys(**settings))


def endometrial(**settings):
    return fit(ENDOMETRIAL, "HG", penalty=Jeffreys(), **settings)


def few(data, target, **settings):
    """A fit of so few rows that the door warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torchlogit.DataWarning)
        return fit(data, target, **{"penalty": Jeffreys(), **settings})


# Published numbers: logistf 1.26.1's (sex2) and brglm2's (endometrial), to 12 digits by 50-digit arithmetic.


def test_bad_100_sex2():
    """Coefficients, both standard errors, both log-likelihoods, intervals and tests of R's logistf."""
    found, columns = sex2(), np.r_[0, 1:7]
    coef = [0.12025404913384, -1.10598133138127, -0.0688167270619216, 2.26887465223913, -2.11140818530321,
            -0.788316951396694, 3.09601182735145]  # fmt: skip
    assert_allclose(found.theta[columns, 0], coef, rtol=1e-10)
    assert found.status.name == "converged"
    assert found.log_likelihood == pytest.approx(-138.455293332228, rel=1e-12)
    assert -found.value == pytest.approx(-132.539379532844, rel=1e-12)
    fisher = [
        0.485541505923,
        0.423660128709,
        0.443793445906,
        0.548415958971,
        0.543082354902,
        0.417367565775,
        1.67500841359,
    ]
    augmented = [
        0.476342941187,
        0.414902109745,
        0.434402571285,
        0.538487276606,
        0.532039508241,
        0.408962004265,
        1.50522113567,
    ]
    assert_allclose(found.std_error[:, 0], fisher, rtol=1e-10)
    assert_allclose(sex2(errors="augmented").std_error[:, 0], augmented, rtol=1e-10)
    by = found.profile()
    low = [-0.818559106, -1.973788383, -0.941436330, 1.273021571, -3.260861118, -1.608087890, 0.774568169]
    high = [1.073151216, -0.307425142, 0.789202021, 3.435432731, -1.117734947, 0.015184679, 8.030293522]
    assert_allclose(by.low, low, atol=1e-8)
    assert_allclose(by.high, high, atol=1e-8)
    p = [0.802026802, 0.00614347185, 0.875191059, 1.67887696e-06, 1.23780476e-05, 0.0544970081, 0.00495187339]
    chi2 = [0.062862979, 7.507730925, 0.024670436, 22.931390223, 19.104072521, 3.697409755, 7.896931387]
    assert_allclose(by.statistic, chi2, rtol=1e-8, atol=1e-9)
    assert_allclose(by.p, p, rtol=1e-7)


def test_bad_100_endometrial():
    """The other published example."""
    found = endometrial()
    assert_allclose(
        found.theta[:, 0], [3.77455971364712, 2.92927335319712, -0.0347517598704367, -2.60416392529368], rtol=1e-10
    )
    assert_allclose(found.std_error[:, 0], [1.48869166344, 1.55076372945, 0.0395781473478, 0.776017642502], rtol=1e-10)
    augmented = fit(ENDOMETRIAL, "HG", penalty=Jeffreys(errors="augmented"))
    assert_allclose(
        augmented.std_error[:, 0], [1.43900693334, 1.46497422017, 0.0378923722161, 0.753628442075], rtol=1e-10
    )
    by = found.profile()
    assert_allclose(by.low, [1.082537108, 0.609724436, -0.124458721, -4.365183247], atol=1e-8)
    assert_allclose(by.high, [7.209280498, 7.854631714, 0.040455473, -1.232721057], atol=1e-8)
    assert_allclose(by.p, [0.00419362789, 0.00912366755, 0.387482204, 2.50686721e-05], rtol=1e-7)


@pytest.mark.parametrize(
    ("data", "target", "full", "own", "statistic"),
    [
        (SEX2, "case", -157.0847009, -162.6971656, 49.0906428),
        (ENDOMETRIAL, "HG", -45.8651770, None, 43.6558185),
    ],
)
def test_both_null_models(data, target, full, own, statistic):
    """The test of all slopes, with the full model's information in the null's penalty, and with the null's own."""
    found = overall(fit(data, target, penalty=Jeffreys()))
    assert found.null_full_information == pytest.approx(full, abs=6e-8)
    assert found.statistic == pytest.approx(statistic, abs=6e-8)
    if own is not None:
        assert found.null_own_information == pytest.approx(own, abs=6e-8)


def test_three_students():
    """The lesson's students, whom 2.4 hours split perfectly: a finite slope, and no word of separation."""
    found = few(datasets.lesson(), "passed")
    assert_allclose(found.theta[:, 0], [-3.388, 1.398], atol=6e-4)
    assert found.status.name == "converged"
    assert found.warnings == ()


# R's brglm2.


@pytest.mark.parametrize(
    ("name", "link"), [(name, link) for name in ("endometrial", "birthwt") for link in GOLDEN[name]["fits"]]
)
def test_links_against_brglm2(name, link):
    """The maximum penalised likelihood under other links, Jeffreys' prior from the expected information."""
    data, target = (ENDOMETRIAL, "HG") if name == "endometrial" else (BIRTHWT, "low")
    golden = GOLDEN[name]["fits"][link]
    found = fit(data, target, penalty=Jeffreys(), link=link)
    assert_allclose(found.theta[:, 0], golden["coef"], rtol=2e-8)
    assert_allclose(found.std_error[:, 0], golden["se"], rtol=1e-6)
    assert -2 * found.log_likelihood == pytest.approx(golden["deviance"], rel=1e-9)


def test_bad_104_weights_and_offset_against_brglm2():
    golden = GOLDEN["birthwt"]
    found = fit(BIRTHWT, "low", penalty=Jeffreys(), weight=golden["weight"], offset=golden["offset"])
    assert_allclose(found.theta[:, 0], golden["weighted"]["coef"], rtol=1e-8)
    assert_allclose(found.std_error[:, 0], golden["weighted"]["se"], rtol=1e-6)


def lizards():
    """Counts of two species as weighted rows."""
    columns = ("high", "wide", "shady", "midday", "late")
    data = {name: np.tile(LIZARDS[name], 2) for name in columns}
    return data, np.repeat([1, 0], 23), np.r_[LIZARDS["grahami"], LIZARDS["opalinus"]]


def test_counts_against_brglm2():
    data, y, count = lizards()
    found = fit(data, y, weight=count, penalty=Jeffreys())
    assert_allclose(found.theta[:, 0], GOLDEN["lizards"]["coef"], rtol=1e-8)
    assert_allclose(found.std_error[:, 0], GOLDEN["lizards"]["se"], rtol=1e-6)


def alligators():
    golden = GOLDEN["alligators"]
    data = {name: np.array(values) for name, values in golden["rows"].items() if name != "freq"}
    food = np.array(golden["food"])
    return fit(data, food, weight=np.array(golden["rows"]["freq"]), penalty=Jeffreys())


def test_multinomial_against_brglm2():
    """The alligators' food: infinite by maximum likelihood; finite, and the same whatever class others are compared with."""
    golden, found = GOLDEN["alligators"], alligators()
    by = found.table(base="Fish")
    place = [list(dict.fromkeys(by.label)).index(name) for name in golden["classes"]]
    coef = by.estimate.reshape(5, 4)[:, place]
    assert_allclose(coef, np.array(golden["coef"]).reshape(4, 5).T, rtol=2e-8)
    errors = by.std_error.reshape(5, 4)[:, place]
    assert_allclose(errors, np.array(golden["se"]).reshape(4, 5).T, rtol=1e-6)
    assert_allclose(found.theta.sum(1), 0, atol=1e-12)


def test_bad_106_corrected_intercepts_against_glm():
    """FLIC: the intercept by likelihood. FLAC: likelihood over rows and pseudo-observations. Both in R's glm."""
    flic, flac, golden = sex2(intercept="flic"), sex2(intercept="flac"), GOLDEN["sex2"]
    assert_allclose(flic.theta[0, 0], golden["flic"][0], rtol=1e-9)
    assert_allclose(flic.theta[1:, 0], golden["firth"][1:], rtol=1e-8)
    assert_allclose(flac.theta[:, 0], golden["flac"], rtol=1e-8)
    for one in (flic, flac):
        assert float(one.predict_proba(SEX2)[:, 1].mean()) == pytest.approx(SEX2["case"].mean(), rel=1e-12)
        assert np.isfinite(one.table().low).all()


def test_multinomial_flic():
    """The mean probability of every class is its share."""
    iris = pytest.importorskip("sklearn.datasets").load_iris()
    found = fit(iris.data, iris.target, penalty=Jeffreys(intercept="flic"))
    assert_allclose(found.predict_proba(iris.data).mean(0), 1 / 3, rtol=1e-11)


# Closed forms.


def test_intercept_only_and_the_two_by_two_table():
    """A saturated model adds ½ to every cell."""
    x, y, count = np.array([1, 1, 0, 0.0]), np.array([1, 0, 1, 0]), np.array([20, 0, 20, 200.0])
    found = few(x[:, None], y, weight=count)
    assert_allclose(found.theta[:, 0], [-2.2803893606022614, 5.993961427306569], rtol=1e-11)
    assert_allclose(found.std_error[:, 0], [0.23240572, 1.48500233], rtol=1e-7)


def test_the_intercept_alone():
    """log((s + ½) / (n − s + ½)), and ½ log of its information beside its log-likelihood."""
    s, n = SEX2["case"].sum(), len(SEX2["case"])
    b = np.log((s + 0.5) / (n - s + 0.5))
    assert b == pytest.approx(0.17544867750619267, rel=1e-12)
    mu = 1 / (1 + np.exp(-b))
    value = s * np.log(mu) + (n - s) * np.log(1 - mu) + np.log(n * mu * (1 - mu)) / 2
    assert overall(sex2()).null_own_information == pytest.approx(value, rel=1e-12)


cells = st.lists(st.integers(0, 9), min_size=6, max_size=12).filter(
    lambda t: (
        len(t) % 3 == 0
        and all(sum(t[i : i + 3]) > 0 for i in range(0, len(t), 3))
        and all(map(sum, (t[::3], t[1::3], t[2::3])))
    )
)


@settings(max_examples=25, deadline=None)
@given(cells)
def test_saturated_multinomial_tables(counts):
    """Any table of groups by classes, zeros and all: probabilities are (count + ½) over their sum."""
    table = np.array(counts, dtype=float).reshape(-1, 3)
    groups = len(table)
    x = np.repeat(np.eye(groups)[:, 1:], 3, 0) if groups > 1 else np.zeros((3, 1))
    found = few(x, np.tile(np.arange(3), groups), weight=table.ravel())
    expected = (table + 0.5) / (table + 0.5).sum(1, keepdims=True)
    assert found.certified
    assert_allclose(found.predict_proba(x[::3]), expected, rtol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_bad_103_random_small_tables_converge(seed):
    """Twelve rows, four columns, nearly always separated: a certified optimum, at which the modified score is 0."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(12, 4)), np.r_[0, 1, rng.integers(0, 2, 10)]
    found = few(x, y)
    assert found.certified
    z = np.c_[np.ones(12), x]
    mu = found.predict_proba(x)[:, 1].numpy()
    w = mu * (1 - mu)
    hat = w * np.einsum("ij,jk,ik->i", z, np.linalg.inv(z.T * w @ z), z)
    assert_allclose(z.T @ (y - mu + hat * (0.5 - mu)), 0, atol=1e-9)


# What must change nothing.


@pytest.mark.parametrize(("factor", "shift"), [(1e-8, 0), (1e8, 0), (1, 1e6), (1e-8, 1e6), (1e150, 0), (1, 1e8)])
def test_bad_103_units_change_nothing(factor, shift):
    """A column times 1e-8 or plus 1e6: ten digits, where other programs keep none."""
    before = endometrial()
    moved = dict(ENDOMETRIAL, PI=ENDOMETRIAL["PI"] * factor + shift * factor)
    after = fit(moved, "HG", penalty=Jeffreys())
    unit = torch.tensor([1, factor, 1], dtype=torch.float64)
    exact = 1e-10 if shift < 1e7 else 1e-6  # so large a shift leaves the column itself eight digits
    assert_allclose(after.coef[:, 0] * unit, before.coef[:, 0], rtol=exact)
    assert_allclose(after.std_error[1:, 0] * unit, before.std_error[1:, 0], rtol=exact)
    assert_allclose(after.profile().high[1:] * unit.numpy(), before.profile().high[1:], rtol=max(exact, 2e-7))
    assert_allclose(after.log_likelihood, before.log_likelihood, rtol=exact)
    assert_allclose(after.value + np.log(factor), before.value, rtol=exact)


def test_bad_104_weights_are_repeated_rows():
    count = np.random.default_rng(1).integers(0, 4, len(SEX2["case"]))
    weighted = fit(SEX2, "case", weight=count, penalty=Jeffreys(errors="augmented"))
    repeated = fit(
        {name: np.repeat(v, count) for name, v in SEX2.items()}, "case", penalty=Jeffreys(errors="augmented")
    )
    assert_allclose(weighted.theta, repeated.theta, rtol=1e-10)
    assert_allclose(weighted.std_error, repeated.std_error, rtol=1e-10)
    assert_allclose(weighted.profile().low, repeated.profile().low, rtol=1e-7)


@pytest.mark.parametrize("softmax", [False, True])
def test_bad_105_blocks_and_batches_change_nothing(softmax):
    """Rows cut into blocks, kept or not, members alone or together: the same F, gradient, information and Hessian."""
    found = alligators() if softmax else sex2()
    core = penalised(found).core
    whole = core.at(
        phi := torch.randn(7, *core.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 5
    )
    cut = Jeffreyed(core.objective)
    cut.source.block_rows = 23
    from torchlogit import jeffreys

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jeffreys, "KEPT", 0)
        patch.setattr(jeffreys, "CHUNK", 100)
        parts = cut.at(phi)
        assert_allclose(
            cut.hessian(whole.of(torch.tensor([3]))), core.hessian(whole.of(torch.tensor([3]))), rtol=1e-10, atol=1e-10
        )
        assert_allclose(cut.reach(phi), core.reach(phi), rtol=1e-12)
    for a, b in zip(whole, parts, strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-11)
    for i in range(7):
        for a, b in zip(whole.of(torch.tensor([i])), core.at(phi[i : i + 1]), strict=True):
            assert_allclose(a, b, rtol=1e-10, atol=1e-11)


def test_two_class_softmax_is_binary():
    """The same fit, errors and value from a softmax of two classes."""
    binary, soft = endometrial(), fit(ENDOMETRIAL, "HG", penalty=Jeffreys(), loss="softmax")
    assert_allclose(soft.theta[:, 1] - soft.theta[:, 0], binary.theta[:, 0], rtol=1e-10)
    assert soft.value == pytest.approx(binary.value, rel=1e-12)
    assert_allclose(soft.table(base=0).std_error, binary.std_error[:, 0], rtol=1e-10)
    assert_allclose(soft.profile(base=0).low, binary.profile().low, rtol=1e-7)


@pytest.mark.parametrize("link", [link for link in LINKS if link != "softsign"])
def test_derivatives_of_every_link(link):
    """The gradient and the Hessian of F against differences."""
    core = penalised(fit(ENDOMETRIAL, "HG", penalty=Jeffreys(), link=link)).core
    phi = torch.full((1, 4, 1), 0.2, dtype=torch.float64)
    step = 1e-5 * torch.eye(4, dtype=torch.float64).reshape(4, 4, 1)
    at, up, down = core.at(phi), core.at(phi + step), core.at(phi - step)
    assert_allclose((up.value - down.value) / 2e-5, at.grad[0], atol=1e-6)
    assert_allclose((up.grad - down.grad) / 2e-5, core.hessian(at), atol=1e-5)


def test_derivatives_of_the_softmax():
    """The same for five classes, whose Hessian has cumulants up to the fourth."""
    core = penalised(alligators()).core
    q, m = core.shape
    phi = torch.linspace(-0.5, 0.5, q * m, dtype=torch.float64).reshape(1, q, m)
    step = 1e-5 * torch.eye(q * m, dtype=torch.float64).reshape(-1, q, m)
    at, up, down = core.at(phi), core.at(phi + step), core.at(phi - step)
    assert_allclose((up.value - down.value) / 2e-5, at.grad[0], atol=1e-5)
    assert_allclose((up.grad - down.grad) / 2e-5, core.hessian(at), atol=1e-5)


@pytest.mark.parametrize("of", [endometrial, lambda: alligators()])
def test_a_line_is_left_by_half_the_third_derivative(of):
    """`bent` against differences of the likelihood's own gradient, for two classes and for five."""
    core = penalised(of()).core
    q, m = core.shape
    phi = torch.linspace(-0.5, 0.5, q * m, dtype=torch.float64).reshape(1, q, m)
    step = torch.randn(3, q, m, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 10
    theta = phi + 1e-3 * torch.cat([step, 0 * step[:1], -step])
    grad = core.objective.taylor(theta @ core.contrast.mT, 1).grad @ core.contrast
    second = (grad[:3] - 2 * grad[3] + grad[4:]) / 1e-6 / 2
    assert_allclose(core.bent(core.at(phi), step), second, rtol=1e-4, atol=1e-6)


# Tests and intervals.


def test_inference_begins_where_the_fit_ended(monkeypatch):
    """Over the training rows no second Hessian of log|I|; a pickle holds none, and over given rows it is made anew."""
    found = endometrial()
    again = pickle.loads(pickle.dumps(found))
    assert again.prior_curvature is None
    by = again.profile(data=ENDOMETRIAL)
    monkeypatch.setattr(Jeffreyed, "hessian", None)
    assert_allclose(found.profile().low, by.low, rtol=1e-8)


def test_threads_change_nothing():
    """One thread of torch, or members in parts over two."""
    found, before = sex2(), torch.get_num_threads()
    try:
        bounds = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            bounds.append(found.profile())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name in ("low", "high", "statistic"):
        assert_allclose(getattr(bounds[0], name), getattr(bounds[1], name), rtol=1e-9)


def test_terms_of_several_columns():
    """A category is one term: all its columns are held at 0 together, and the order of levels changes nothing."""
    data = {"site": np.array(list("abcd"))[np.arange(79) % 4], **ENDOMETRIAL}
    found = fit(data, "HG", penalty=Jeffreys())
    by = penalised_tests(found)
    assert by.term == ("site", "NV", "PI", "EH")
    assert by.df.tolist() == [3, 1, 1, 1]
    turned = penalised_tests(fit(data, "HG", penalty=Jeffreys(), reference={"site": "c"}))
    assert_allclose(by.statistic, turned.statistic, rtol=1e-8)
    alone = found.profile(terms=["NV"])
    assert_allclose(by.statistic[1], alone.statistic[0], rtol=1e-9)


def test_brackets_find_the_same_ends(monkeypatch):
    """Where no Newton step is taken, bracketing leads to the same bounds."""

    found = endometrial()
    by = found.profile()
    whole = scoring.profile_ends
    monkeypatch.setattr("torchlogit.inference.firth.profile_ends", lambda *given: whole(*given, most=0))
    slow = found.profile()
    assert_allclose(slow.low, by.low, rtol=1e-6)
    assert_allclose(slow.high, by.high, rtol=1e-6)


def test_bad_102_a_profile_that_never_falls_so_far_is_infinite(monkeypatch):
    """Ends beyond the farthest that is looked for are infinite, with their sign; the others stay."""
    monkeypatch.setattr("torchlogit.scoring.FARTHEST", 2.0)
    whole = torchlogit.scoring.profile_ends
    monkeypatch.setattr("torchlogit.inference.firth.profile_ends", lambda *given: whole(*given, most=0))
    by = endometrial().profile()
    assert by.high[1] == np.inf
    assert np.isfinite(by.low[1])


def test_a_fit_without_rows_needs_them(tmp_path):
    """Saved and read back: the same fit; tests need the rows again, and refuse others."""
    found = sex2(intercept="flic", errors="augmented")
    found.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert again.penalty == found.penalty
    assert torch.equal(again.theta, found.theta)
    assert torch.equal(again.std_error, found.std_error)
    plain = sex2()
    plain.save(tmp_path / "p.safetensors")
    plain = torchlogit.load(tmp_path / "p.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        plain.profile()
    assert_allclose(plain.profile(data=SEX2).low, sex2().profile().low, rtol=1e-7)
    with pytest.raises(DataError, match="not the rows"):
        plain.profile(data=dict(SEX2, age=1 - SEX2["age"]))


def test_flic_has_profiles_of_its_slopes_only():
    """The intercept's interval is Wald's, as in logistf; FLAC has Wald intervals only."""
    flic = sex2(intercept="flic")
    by, firth = flic.profile(), sex2().profile()
    assert_allclose(by.low[1:], firth.low[1:], rtol=1e-7)
    assert_allclose(by.low[0], flic.table().low[0], rtol=1e-10)
    assert_allclose(by.estimate, flic.theta[:, 0], rtol=1e-10)
    with pytest.raises(NotCertifiedError, match="Wald"):
        sex2(intercept="flac").profile()


# Words and doors.


def test_summary_says_what_it_is():
    text = str(endometrial().summary())
    assert "Jeffreys" in text
    assert "AIC" not in text
    assert "flic" in text
    assert "penalised profile likelihood" in text
    assert "penalised likelihood-ratio chi-squared" in text
    text = str(endometrial().summary(interval="wald"))
    assert "Wald (not of the penalised likelihood)" in text
    assert "Wald chi-squared" in text
    text = str(
        fit(ENDOMETRIAL, "HG", penalty=Jeffreys(errors="augmented", intercept="flic")).summary(interval="profile")
    )
    assert "penalised profile likelihood" in text
    assert "augmented" in text
    assert "FLIC" in text


def test_separation_recommends_it():
    with pytest.warns(torchlogit.NotCertifiedWarning, match=r"Jeffreys\(\)"):
        fit(ENDOMETRIAL, "HG")


def test_bad_101_aliased_columns_are_dropped_and_named():
    """What is fitted has full rank, so that it is finite; the column that goes has no number at all."""
    with pytest.warns(AliasedWarning, match="EH"):
        found = fit(dict(ENDOMETRIAL, twice=2 * ENDOMETRIAL["EH"] + 1), "HG", penalty=Jeffreys())
    assert found.aliased == ("twice",)
    assert_allclose(found.theta[:4, 0], endometrial().theta[:, 0], rtol=1e-10)
    assert found.value == pytest.approx(endometrial().value, rel=1e-12)
    by = found.profile()
    assert np.isnan(by.low[4])
    assert_allclose(by.low[:4], endometrial().profile().low, rtol=1e-7)


def test_without_an_intercept():
    found = fit(ENDOMETRIAL, "HG", penalty=Jeffreys(), intercept=False)
    z = np.c_[ENDOMETRIAL["NV"], ENDOMETRIAL["PI"], ENDOMETRIAL["EH"]]
    mu = found.predict_proba(ENDOMETRIAL)[:, 1].numpy()
    w = mu * (1 - mu)
    hat = w * np.einsum("ij,jk,ik->i", z, np.linalg.inv(z.T * w @ z), z)
    assert_allclose(z.T @ (ENDOMETRIAL["HG"] - mu + hat * (0.5 - mu)), 0, atol=1e-9)
    assert overall(found).df == 3


def test_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.c_[ENDOMETRIAL["NV"], ENDOMETRIAL["PI"], ENDOMETRIAL["EH"]]
    found = fit(sparse.csr_array(x), ENDOMETRIAL["HG"], penalty=Jeffreys())
    assert_allclose(found.theta, endometrial().theta, rtol=1e-10)
    assert_allclose(found.profile().low, endometrial().profile().low, rtol=1e-7)


def test_start_and_watch():
    seen = []
    found = endometrial(watch=seen.append)
    again = endometrial(start=found.theta)
    assert len(seen) == found.n_iter + 1
    assert again.n_iter < found.n_iter
    assert_allclose(again.theta, found.theta, rtol=1e-10)
    assert endometrial(max_iter=50).history[-1].relative_distance == found.certificate.relative_distance
    with pytest.warns(torchlogit.NotCertifiedWarning):
        assert endometrial(max_iter=1).status.name == "max_iter"


def test_many_fits_and_bootstrap():
    data = {name: np.r_[v, v] for name, v in ENDOMETRIAL.items()} | {"site": np.repeat(["a", "b"], 79)}
    many = torchlogit.fit_many(data, "HG", groups="site", features=["NV", "PI", "EH"], penalty=Jeffreys())
    assert many.certified.all()
    assert_allclose(many.theta[1], endometrial().theta, rtol=1e-10)
    assert_allclose(many.std_error[1], endometrial().std_error, rtol=1e-10)
    assert "Jeffreys" in many.summary()


def test_the_estimator_takes_it():
    x = np.c_[ENDOMETRIAL["NV"], ENDOMETRIAL["PI"], ENDOMETRIAL["EH"]]
    model = torchlogit.LogisticRegression(penalty=Jeffreys()).fit(x, ENDOMETRIAL["HG"].astype(int))
    assert_allclose(model.coef_[0], endometrial().coef[:, 0], rtol=1e-4)
    with pytest.raises(ParameterError, match="solver"):
        torchlogit.LogisticRegression(penalty=Jeffreys(), solver="lbfgs").fit(x, ENDOMETRIAL["HG"].astype(int))


@pytest.mark.parametrize(
    ("penalty", "given", "told"),
    [
        (Jeffreys(), {"solver": "lbfgs"}, "solver"),
        (Jeffreys(), {"loss": "squared"}, "linear unit"),
        (Jeffreys(errors="augmented"), {"link": "probit"}, "probit"),
        (Jeffreys(intercept="flic"), {"link": "probit"}, "probit"),
        (Jeffreys(intercept="flac"), {"intercept": False}, "none"),
    ],
)
def test_what_is_refused(penalty, given, told):
    with pytest.raises(ParameterError, match=told):
        fit(ENDOMETRIAL, "HG", penalty=penalty, **given)


def test_strange_settings():
    with pytest.raises(ParameterError, match="errors"):
        Jeffreys(errors="robust")
    with pytest.raises(ParameterError, match="intercept"):
        Jeffreys(intercept="none")
    with pytest.raises(ParameterError, match="no term"):
        penalised_tests(endometrial(), ["weight"])
    with pytest.raises(ParameterError, match="no Jeffreys"):
        penalised_tests(fit(datasets.study_hours(), "passed"))
    with pytest.raises(DataError, match="cannot determine"):
        few(np.random.default_rng(0).normal(size=(5, 9)), [0, 1, 0, 1, 1])


def test_against_firthmodels():
    """A random table of eight columns: coefficients, intervals and tests of another program."""
    rival = pytest.importorskip("firthmodels").FirthLogisticRegression
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 8))
    y = (rng.random(200) < 1 / (1 + np.exp(1.5 - x @ rng.normal(size=8)))).astype(int)
    other = rival(gtol=1e-6, xtol=1e-6, max_iter=500).fit(x, y)
    other.lrt()
    found = fit(x, y, penalty=Jeffreys(errors="augmented"))
    assert_allclose(found.coef[:, 0], other.coef_, rtol=1e-7)
    bounds = other.conf_int(method="pl", tol=1e-9)
    by = found.profile()
    assert_allclose(by.low[1:], bounds[:8, 0], rtol=1e-6)
    assert_allclose(by.high[1:], bounds[:8, 1], rtol=1e-6)
    assert_allclose(by.p[1:], other.lrt_pvalues_[:8], rtol=1e-6)


def test_tests_of_terms_are_penalised():
    """`Fit.tests` and `Fit.test` are those of the penalised likelihood, all terms also as one batch."""
    firth = endometrial()
    by = penalised_tests(firth)
    assert firth.tests().kind == "penalised likelihood ratio"
    assert_allclose(firth.tests().statistic, by.statistic, rtol=1e-12)
    single = firth.test("NV")
    assert_allclose(single.statistic, by.statistic[list(by.term).index("NV")], rtol=1e-8)
    everything = firth.test()
    assert everything.df == 3
    assert_allclose(everything.statistic, overall(firth).statistic, rtol=1e-8)
    z = float(firth.theta[1, 0] / firth.std_error[1, 0])
    assert_allclose(firth.test(firth.names[1], kind="wald").statistic, z * z, rtol=1e-10)
    with pytest.raises(NotCertifiedError, match='use kind="lr"'):
        firth.test("NV", kind="score")
    with pytest.raises(NotCertifiedError, match="flac"):
        sex2(intercept="flac").test()


def test_tests_of_a_multinomial_fit_hold_what_is_free():
    """K classes have K − 1 free coefficients a term; with two classes softmax and one column are the same model."""
    rng = np.random.default_rng(0)
    x, z, y = rng.normal(size=60), rng.normal(size=60), rng.choice(["a", "b", "c"], 60)
    three = fit({"x": x, "z": z, "y": y}, "y", penalty=Jeffreys())
    assert three.tests().df.tolist() == [2, 2]
    assert (three.test().df, overall(three).df) == (4, 4)
    assert_allclose(three.test().statistic, overall(three).statistic, rtol=1e-9)
    assert "penalised likelihood-ratio chi-squared" in str(three.summary())
    order = fit({"x": x, "z": z, "y": np.char.translate(y, str.maketrans("abc", "cab"))}, "y", penalty=Jeffreys())
    assert_allclose(order.tests().statistic, three.tests().statistic, rtol=1e-7)  # whichever class comes last
    two = {"x": x, "z": z, "y": np.where(y == "a", "a", "b")}
    single, many = fit(two, "y", penalty=Jeffreys()), fit(two, "y", loss="softmax", penalty=Jeffreys())
    assert many.tests().df.tolist() == [1, 1]
    assert_allclose(many.tests().statistic, single.tests().statistic, rtol=1e-7)


def test_three_students_have_both_bounds():
    """Far out the profile is nearly flat in the intercept, where only the Hessian of F itself leads to its optimum.

    The oracle: F written out, minimised over the intercept by bounded search and solved for the bound by bisection.
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.special import expit

    x, y = np.array([1.0, 2, 3]), np.array([0.0, 0, 1])

    def F(a, b):
        eta = a + b * (x - 2.5)
        w = expit(eta) * expit(-eta)
        information = sum(w[i] * w[j] * (x[i] - x[j]) ** 2 for i in range(3) for j in range(i))
        return np.logaddexp(0, eta).sum() - y @ eta - np.log(information) / 2

    def profile(b):
        return min(
            minimize_scalar(F, bounds=ends, args=(b,), options={"xatol": 1e-12}).fun for ends in ((-9, 0), (-1, 9))
        )

    by = few(datasets.lesson(), "passed").profile()
    slope = few(datasets.lesson(), "passed").theta[1, 0].item()
    for bound, far in ((by.low[1], -9.0), (by.high[1], 20.0)):
        wanted = brentq(lambda b: 2 * (profile(b) - profile(slope)) - 3.841458820694124, slope, far, xtol=1e-11)
        assert bound == pytest.approx(wanted, rel=1e-6)
    assert np.isfinite([by.low, by.high]).all()
    assert by.statistic[1] == pytest.approx(2 * (profile(0.0) - profile(slope)), rel=1e-7)
    assert not any("could not be solved" in note for note in by.notes)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_ends_are_as_exact_as_is_said(level, monkeypatch):
    """Against ends that were gone on with until nothing moved any more; also where the profile is skew."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 5))
    found = few({**{f"x{j}": x[:, j] for j in range(5)}, "y": (x.sum(1) + rng.logistic(size=60) > 0).astype(int)}, "y")
    by = found.profile(level)
    limit = scoring.EXACT * found.std_error.numpy()[:, 0]
    monkeypatch.setattr("torchlogit.scoring.EXACT", 1e-13)
    exact = found.profile(level)
    for name in ("low", "high"):
        assert (abs(getattr(by, name) - getattr(exact, name)) <= limit).all()
        assert (getattr(exact, f"{name}_error") <= getattr(by, f"{name}_error")).all()
