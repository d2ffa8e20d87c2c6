"""The page about a fit: true for every kind of fit, in both languages, whatever the names, and without a row of the data."""

import base64
import hashlib
import json
import re
import string
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import STUDENTS, write
from markup import Document

import torchlogit
from torchlogit import L1, L2, Jeffreys, datasets
from torchlogit.errors import ParameterError
from torchlogit.report import Origin, pictures, report, words_en, words_zh
from torchlogit.report.page import named

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
MOST = 2_000_000  # bytes
NASTY = "<script>alert(\"x\")</script> & 'q' `b` | * \u05e9\u05dc\u05d5\u05dd \u202e"


def table(n=120, seed=0, **more):
    """A number, a category and a flag beside two classes that overlap."""
    rng = np.random.default_rng(seed)
    x, g, f = rng.normal(size=n), rng.choice(list("abc"), n), rng.integers(0, 2, n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-(0.9 * x + (g == "b") - 0.4))), "yes", "no")
    return {"x": x.tolist(), "g": g.tolist(), "f": f.tolist(), "y": y.tolist()} | more


def classes(k, n=240, d=3, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = (x @ rng.normal(size=(d, k)) + rng.gumbel(size=(n, k))).argmax(1)
    return {f"x{j}": x[:, j].tolist() for j in range(d)} | {"kind": [f"class {c}" for c in y]}


def wide(d=60, n=900):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, d))
    columns = {f"a rather long name of a column, number {j}": x[:, j].tolist() for j in range(d)}
    return columns | {"y": (x[:, 0] + rng.logistic(size=n) > 0).astype(int).tolist()}


SPLIT = {"hours": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "passed": [0, 0, 0, 1, 1, 1]}
FITS = {
    "students": lambda: torchlogit.fit(datasets.study_hours(), "passed"),
    "categories": lambda: torchlogit.fit(table(), "y"),
    "separated": lambda: torchlogit.fit(SPLIT, "passed"),
    "firth": lambda: torchlogit.fit(SPLIT, "passed", penalty=Jeffreys()),
    "ridge": lambda: torchlogit.fit(table(), "y", penalty=L2(1.0)),
    "lasso": lambda: torchlogit.fit(table(), "y", penalty=L1(3.0)),
    "uncertified": lambda: torchlogit.fit(table(), "y", max_iter=1, solver="newton"),
    "three classes": lambda: torchlogit.fit(classes(3), "kind"),
    "twelve classes": lambda: torchlogit.fit(classes(12, 900), "kind"),
    "wide": lambda: torchlogit.fit(wide(), "y"),
    "probit": lambda: torchlogit.fit(table(), "y", link="probit"),
    "robust": lambda: torchlogit.fit(table(), "y", covariance="HC1"),
    "aliased": lambda: torchlogit.fit(table(twice=(2 * np.array(table()["x"])).tolist()), "y"),
    "no terms": lambda: torchlogit.fit(table(), "y ~ 1"),
    "curved": lambda: torchlogit.fit(table(), "y ~ bs(x, 4) * g"),
    "counts": lambda: torchlogit.fit(
        {"dose": [1, 2, 3, 4], "dead": [1, 4, 7, 9], "alive": [9, 6, 3, 1]}, "dead + alive ~ dose"
    ),
    "weights": lambda: torchlogit.fit(table(w=[1 + i % 3 for i in range(120)]), "y", weight="w"),
    "zero weights": lambda: torchlogit.fit(table(w=[float(i % 3) for i in range(120)]), "y", weight="w"),
    "offset": lambda: torchlogit.fit(table(o=[0.1] * 120), "y", offset="o"),
    "missing": lambda: torchlogit.fit(table(h=[None, *range(119)]), "y", missing="drop"),
    "matrix": lambda: torchlogit.fit(np.array(table()["x"])[:, None], np.array(table()["y"])),
}
each_fit = pytest.mark.parametrize("kind", FITS)


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    """Pictures take most of the time; a test that looks at them is marked `drawn`."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(pictures, "drawn", lambda *args, **settings: ())


@pytest.fixture
def drawn():
    """For tests with pictures."""


@pytest.fixture(scope="module")
def made():
    """A report of each kind of fit in each language, made once."""
    found = {}

    def call(kind, language="en"):
        key = kind, language
        if key not in found:
            fit = FITS[kind]()
            found[key] = SimpleNamespace(fit=fit, report=report(fit, language=language, folds=4))
        return found[key]

    return call


@pytest.fixture(scope="module")
def pictured():
    """The same with pictures, made at one time of day, once."""
    found = {}

    def call(kind):
        if kind not in found:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
                found[kind] = report(FITS[kind](), folds=4)
        return found[kind]

    return call


def part(report, name):
    return next(each for each in report.parts if each.name == name)


def sentences(part):
    """All that a part says."""
    items = [item for each in part.lists for item in each.items]
    return [*part.sentences, *(text for item in items for text in (item.head, item.text, item.detail)), *part.notes]


@each_fit
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_fit_has_a_page(made, kind, language):
    """Valid, small, without script or anything to fetch."""
    html = made(kind, language).report.to_html()
    page = Document(html)
    assert page.faults == []
    assert len(html.encode()) < MOST
    assert len(page.ids()) == len(set(page.ids()))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("h1"), tags.count("title"), tags.count("script"), tags.count("link")) == (1, 1, 0, 0)
    assert page.all("html", "lang") == [{"en": "en", "zh": "zh-Hans"}[language]]
    assert all(href.removeprefix("#") in page.ids() for href in page.all("a", "href"))
    assert "https:" not in html.replace("http://www.w3.org", "")
    assert "nan" not in "".join(page.text).split()
    assert "None" not in "".join(page.text)


@pytest.mark.parametrize("kind", ["categories", "three classes"])
def test_pictures_are_told_and_light(drawn, pictured, kind):
    """Each on light and dark ground, with words for who cannot see it; all in all far below two megabytes."""
    found = pictured(kind)
    page = Document(found.to_html())
    shown = [picture for each in found.parts for picture in each.pictures]
    assert len(shown) >= 5
    assert page.faults == []
    assert all(len(picture.alt) > 20 and picture.light != picture.dark for picture in shown)
    assert all(src.startswith("data:image/") for src in (*page.all("img", "src"), *page.all("source", "srcset")))
    assert len(page.all("img", "alt")) == len(page.all("source", "srcset")) == len(shown)
    assert len(found.to_html().encode()) < MOST
    assert [each["alt"] for each in found.record["pictures"]] == [picture.alt for picture in shown]


@each_fit
def test_every_fit_has_markdown_and_strict_json(made, kind):
    found = made(kind).report
    text = found.to_markdown()
    assert text.startswith("# Report on `")
    assert all(f"\n## {each.heading}\n" in text for each in found.parts)
    record = json.loads(found.to_json(), parse_constant=pytest.fail)
    assert record["schema"] == "torchlogit/report/1"
    assert record["fit"]["certified"] == made(kind).fit.certified
    assert len(record["checks"]) == 8


@each_fit
def test_chinese_reports_are_chinese(made, kind):
    """Beside names, numbers and terms of art that are Latin in Chinese, no English is left."""
    fit, found = made(kind, "zh").fit, made(kind, "zh").report
    texts = [text for each in found.parts for text in sentences(each)]
    texts += [each.heading for each in found.parts] + [name for each in found.parts for name, _ in each.facts]
    texts += [head for each in found.parts for shown in each.grids for head in shown.head]
    latin = set(re.findall(r"[A-Za-z]{3,}", " ".join(re.sub(r"`[^`]*`", "", text) for text in texts)))
    allowed = {"torchlogit", "SHA", "AIC", "BIC", "Wald", "Firth", "Jeffreys", "Holm", "Hosmer", "Lemeshow", "Cook", "fit",
               "effects", "Tjur", "VIF", "AUC", "ROC", "Brier", "firth", "probit", "JSON", "bs", "Matthews", "folds", "Pearson",
               "max", "iter", "tol"}  # fmt: skip
    assert latin - allowed - set(re.findall(r"\w+", " ".join(map(str, fit.classes)))) == set()


def test_the_languages_have_the_same_words():
    """Each key in both, with the same placeholders (Chinese may leave one out that its grammar does not need)."""

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for name in ("WORDS", "LIMITS", "CHECKS", "NAMES", "STATES", "HEADS", "CELLS", "MODELS", "PENALTIES", "WEIGHTS"):
        english, chinese = getattr(words_en, name), getattr(words_zh, name)
        assert english.keys() == chinese.keys(), name
        for key, text in english.items():
            for one, other in zip(np.atleast_1d(text), np.atleast_1d(chinese[key]), strict=True):
                assert fields(str(one)) == fields(str(other)), (name, key)


def test_the_first_page_is_the_answer_then_the_doubts(made):
    found = made("categories").report
    assert [each.name for each in found.parts][:2] == ["answer", "doubt"]
    said = made("categories").fit.explain().sentences
    told = sentences(part(found, "answer")) + sentences(part(found, "numbers"))
    assert set(said) <= set(told)  # nothing of the explanation is lost
    clear, open_ = part(found, "answer").lists
    assert clear.heading != open_.heading
    assert all("do not tell" in item.text for item in open_.items)
    assert not any("do not tell" in item.text for item in clear.items)
    assert {item.state for item in clear.items} <= {"up", "down"}


def test_the_numbers_are_those_of_the_sentences():
    """Profile intervals in both: a bound that a sentence tells stands in the table."""
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    found = report(fit)
    ratio = fit.summary(interval="profile").document().grids[0].rows[1]
    assert part(found, "numbers").grids[0].rows[1] == ratio
    assert found.record["fit"]["interval"] == "profile"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("separated", "split without overlap"),
        ("uncertified", "did not end at a certified optimum"),
        ("aliased", "some columns say much the same"),
        ("missing", "1 of 120 rows had empty cells"),
        ("wide", "60 comparisons were tested"),
        ("offset", "`o` is added to every row"),
        ("firth", "rows of the rarest class"),
    ],
)
def test_doubts_are_told(made, kind, sentence):
    assert sentence in " ".join(sentences(part(made(kind).report, "doubt")))


@pytest.mark.parametrize(("language", "event"), [("en", "success in `dead + alive`"), ("zh", "成功（`dead + alive`）")])
def test_counts_have_successes(made, language, event):
    """As the explanation says it: the sum of two columns is no label that a row could have."""
    found = made("counts", language).report
    assert event in part(found, "effects").sentences[0]
    assert event in found.to_markdown().replace("\\", "")
    assert "`dead + alive` =" not in found.to_markdown()


def test_no_number_is_explained_that_is_not_certified(made):
    for kind in ("uncertified", "separated"):
        found = made(kind).report
        assert not any(
            "multiplies the odds" in text and " or more" not in text for text in sentences(part(found, "answer"))
        )
    assert part(made("uncertified").report, "origin").facts[-4][1] != ""


def test_penalised_fits_say_so_and_have_no_intervals(made):
    found = made("ridge").report
    assert "A penalty has drawn the numbers" in " ".join(sentences(part(found, "answer")))
    assert part(found, "answer").lists[0].heading == "What the model says"
    assert not any("low" in head for head in part(found, "numbers").grids[0].head)


def test_columns_that_look_like_names_or_row_numbers_are_told():
    names = [f"pupil {i % 45}" for i in range(120)]
    fit = torchlogit.fit(table(id=list(range(1, 121)), name=names), "y", penalty=L2(1.0))
    told = " ".join(sentences(part(report(fit, folds=4), "doubt")))
    assert "`name` has 45 different texts in 120 rows" in told
    assert "`id` counts 1, 2, 3" in told
    assert "`x` counts" not in told


def test_names_are_escaped(drawn, monkeypatch):
    """In tags, attributes and Markdown, whatever a column, a level or a class is called."""
    data = table()
    data = {NASTY: data["x"], "g" * 5000: [f"{NASTY}{c}" for c in data["g"]], "<b>": [f"<i>{c}" for c in data["y"]]}
    monkeypatch.setattr(pictures, "address", lambda display: "data:,")
    for language in ("en", "zh"):
        found = report(torchlogit.fit(data, "<b>"), language=language, folds=4)
        html = found.to_html()
        assert Document(html).faults == []
        assert "<script" not in html
        assert "<i>" not in html
        assert "\u202e" not in html  # it would turn what follows around
        assert "g" * 201 not in html
        assert not re.search(r"<(?!code|/|table|caption|tr|th|td|!--)[bi]>", html)
        lines = found.to_markdown()
        assert "<script" not in re.sub(r"`[^`]*`", "", lines)
        json.loads(found.to_json())


def test_no_row_of_the_data_is_in_it(drawn):
    """No cell of a number, and no order of the rows: texts and pictures too."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=80).round(6) + 1234
    data = {"x": x.tolist(), "y": (rng.random(80) < 0.5).astype(int).tolist()}
    found = report(torchlogit.fit(data, "y"), folds=4)
    html, record = found.to_html(), found.to_json()
    pictures = [base64.b64decode(text) for text in re.findall(r"base64,([A-Za-z0-9+/=]+)", html)]
    for value in x:
        cell = f"{value:.6f}"
        assert cell not in html
        assert cell not in record
        assert not any(cell.encode() in picture for picture in pictures)
    assert "training" not in record


def test_it_says_where_it_comes_from(made):
    facts = dict(part(made("students").report, "origin").facts)
    assert facts["rows"] == "20 used, 0 left out (empty cells)"
    assert facts["certificate"].startswith("certified: the loss is within ")
    assert torchlogit.__version__ in facts["versions"]
    origin = Origin.file(STUDENTS)
    found = report(made("students").fit, STUDENTS, folds=4)
    assert dict(part(found, "origin").facts)["SHA-256 of the file"] == origin.sha256
    assert origin.sha256 == hashlib.sha256(STUDENTS.read_bytes()).hexdigest()


def test_the_hash_of_numbers_is_that_of_the_rows_whatever_holds_them():
    data = table()
    x, y = np.array(data["x"])[:, None], np.array(data["y"])
    hashes = {report(torchlogit.fit(form, y), folds=2).record["origin"]["sha256"] for form in (x, np.asfortranarray(x))}
    assert len(hashes) == 1
    x[0] += 1e-9
    assert report(torchlogit.fit(x, y), folds=2).record["origin"]["sha256"] not in hashes


def test_equal_input_gives_equal_bytes(monkeypatch, drawn, pictured):
    first = pictured("categories").to_html()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    second = report(FITS["categories"](), folds=4).to_html()
    assert first == second
    assert "2023-11-14 22:13 UTC" in first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    monkeypatch.setattr(pictures, "drawn", lambda *args, **settings: ())
    with pytest.raises(ParameterError, match="SOURCE_DATE_EPOCH"):
        report(torchlogit.fit(table(), "y"), folds=4)


def test_rows_that_were_not_fitted_are_told(tmp_path):
    fit = torchlogit.fit(table(seed=0), "y")
    same = report(fit, table(seed=0), folds=4)
    other = report(fit, table(seed=5), folds=4)
    assert same.record["origin"]["same_rows"]
    assert not other.record["origin"]["same_rows"]
    assert "fitted to other rows than these" in " ".join(sentences(part(other, "doubt")))
    assert "fitted to other rows" not in " ".join(sentences(part(same, "doubt")))
    fit.save(tmp_path / "m.safetensors")
    loaded = torchlogit.load(tmp_path / "m.safetensors")
    again = report(loaded, table(seed=0), folds=4)
    assert again.record["fit"]["terms"] == same.record["fit"]["terms"]
    with pytest.raises(ParameterError, match="read from a file"):
        report(loaded)


def test_what_is_refused():
    fit = torchlogit.fit(table(), "y")
    with pytest.raises(ParameterError, match="language"):
        report(fit, language="fr")
    with pytest.raises(ParameterError, match="linear unit"):
        report(torchlogit.fit(datasets.study_hours(), "passed", loss="squared"))
    with pytest.raises(ParameterError, match=r"\.html"):
        report(fit, folds=4).save("report.pdf")


def test_watch_is_told_every_part():
    names = []
    found = report(torchlogit.fit(table(), "y"), folds=4, watch=names.append)
    assert names == [each.heading for each in found.parts]


def test_a_notebook_shows_it_as_a_page_within_the_page(made):
    found = made("students").report
    frame = Document(found._repr_html_())
    assert [tag for tag, _ in frame.elements] == ["iframe"]
    assert frame.all("iframe", "srcdoc") == [found.to_html()]
    assert repr(found).startswith("<Report: ")
    assert str(found) == found.to_markdown()


def test_names_in_backquotes_are_code():
    assert str(named("`a` and `<b>`")) == '<code dir="auto">a</code> and <code dir="auto">&lt;b&gt;</code>'


# the command

CELLS = "".join(
    f"{20 + (7 * i) % 41},{'nsw'[i % 3]},{'yes' if (3 * i + (7 * i) % 41) % 17 > 7 else 'no'}\n" for i in range(120)
)


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "t.csv", "age,region,y\n" + CELLS)


def read(name):
    return json.loads(Path(name).read_text(encoding="utf-8"))


def test_from_a_file_to_a_page_in_one_command(run, rows, tmp_path):
    done = run("report", rows, "--target", "y")
    assert done.code == 0, done.err
    assert done.out == ""
    assert done.err.endswith("report written to report.html\n")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert Document(html).faults == []
    assert hashlib.sha256(rows.read_bytes()).hexdigest() in html
    assert f"torchlogit report {rows} --target y" in html


def test_it_fits_exactly_as_fit_does(run, rows):
    options = ("--target", "y", "--C", "0.5", "--features", "age,region", "--reference", "region=s", "--level", "0.9")
    fitted = json.loads(run("fit", rows, *options, "--json").out)
    assert run("report", rows, *options, "-o", "r.json").code == 0
    found = read("r.json")["fit"]
    for name in ("terms", "penalty", "reference", "solver", "log_likelihood"):
        assert found[name] == fitted[name]


def test_a_model_and_its_rows(run, rows, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert run("fit", rows, "--target", "y", "-o", "m.safetensors").code == 0
    assert run("report", "m.safetensors", rows, "--lang", "zh", "-o", "a.json").code == 0
    assert run("report", rows, "--target", "y", "--lang", "zh", "-o", "b.json").code == 0
    first, second = (read(name) for name in ("a.json", "b.json"))
    assert first["language"] == "zh"
    assert first["origin"]["model_file"] == "m.safetensors"
    for name in ("checks", "doubt", "limits", "effects"):
        assert first[name] == second[name]
    assert run("report", "m.safetensors", rows, "-o", "r.md").code == 0


def test_the_commands_words_name_options(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split = write(tmp_path / "s.csv", "hours,passed\n1,0\n2,0\n3,0\n4,1\n5,1\n6,1\n")
    assert run("report", split, "--target", "passed", "-o", "r.md").code == 0
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "Jeffreys" not in text
    assert "--firth" in text


@pytest.mark.parametrize(
    ("language", "advice"), [("en", "raise --max-iter, or loosen --tol"), ("zh", "请加大 --max-iter，或放宽 --tol")]
)
def test_why_there_is_no_certificate_is_told_with_what_to_do(run, rows, language, advice):
    options = ("--target", "y", "--max-iter", "1", "--solver", "newton", "--lang", language)
    assert run("report", rows, *options, "-o", "r.md").code == 0
    text = Path("r.md").read_text(encoding="utf-8")
    (certificate,) = (line for line in text.splitlines() if line.startswith(("- certificate: ", "- 最优性证书: ")))
    assert advice in certificate.replace("\\", "")
    assert "max_iter" not in text


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["t.csv"], 2, "say what to predict"),
        (["t.csv", "--target", "y", "-o", "r.pdf"], 2, ".html"),
        (["t.csv", "--target", "y", "--lang", "fr"], 2, "--lang"),
        (["t.csv", "--target", "y", "--folds", "1"], 2, "--folds"),
        (["t.csv", "--target", "y", "--level", "95"], 2, "--level"),
        (["t.csv", "--target", "z"], 3, "z"),
        (["no.csv", "--target", "y"], 5, "no.csv"),
        (["m.safetensors", "t.csv", "--target", "y"], 2, "leave out --target"),
        (["m.safetensors", "t.csv", "--C", "2"], 2, "leave out --C"),
        (["m", "t.csv", "u.csv"], 2, "3 files"),
        (["t.csv", "--target", "y", "-o", "t.csv"], 2, ".html"),
        (["t.csv", "--target", "y", "--formula", "y ~ age"], 2, "one of the two"),
        (["t.csv", "--target", "y", "--max-iter", "1", "--solver", "newton", "--strict"], 4, "not certified"),
        ([], 2, "see torchlogit report --help"),
    ],
)
def test_mistakes_are_told_before_the_work(run, rows, words, code, told):
    done = run("report", *words)
    assert done.code == code, done.err
    assert told in done.err
    assert not (rows.parent / "report.html").exists()


def test_a_page_is_not_replaced_unasked(run, rows):
    assert run("report", rows, "--target", "y").code == 0
    assert run("report", rows, "--target", "y").code == 5
    assert run("report", rows, "--target", "y", "--force").code == 0


def test_help_shows_the_options_of_fit(run):
    shown = run("report", "--help").out
    assert "--firth" in shown
    assert "--plot" not in shown
    assert "[MODEL] DATA" in shown
