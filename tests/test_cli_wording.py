"""Sentences of the command speak of its options: each command with each kind of bad option, and what is shown."""

import re

import numpy as np
import pytest
from command import STUDENTS, write

from torchlogit import datasets
from torchlogit.cli.wording import as_options

RNG = np.random.default_rng(0)
ROWS = "".join(
    f"{RNG.normal():.3f},{'uvw'[i % 3]},{i % 5},{'n' + 'y' * (RNG.random() < 0.5)},{RNG.random():.3f},"
    f"{i % 9},{i % 7 + 1},{9 - i % 8}\n"
    for i in range(90)
)
LESSON = datasets.path("lesson")


@pytest.fixture
def place(tmp_path, run):
    """A table with everything in it, and models: plain, separated, of Firth's, of importance weights."""
    table = write(tmp_path / "t.csv", "x,g,n,y,w,c,won,lost\n" + ROWS)
    for name, words in {
        "plain": ("--target", "y", "--features", "x,g"),
        "three": ("--target", "g", "--features", "x"),
        "ridge": ("--target", "y", "--features", "x,g", "--C", "1"),
        "robust": ("--target", "y", "--features", "x,g", "--robust", "HC1"),
        "survey": ("--target", "y", "--features", "x,g", "--weights", "w", "--weights-are", "sampling"),
        "weighted": ("--target", "y", "--features", "x,g", "--weights", "w"),
        "crossed": ("--formula", "y ~ x * n + bs(c, 4)"),
    }.items():
        assert run("fit", table, *words, "-o", tmp_path / f"{name}.safetensors").code == 0
    run("fit", LESSON, "--target", "passed", "-o", tmp_path / "apart.safetensors")
    run("fit", LESSON, "--target", "passed", "--firth", "-o", tmp_path / "firth.safetensors")
    return tmp_path


BAD = [
    "fit t.csv --target y --features x,g --max-iter -1",
    "fit t.csv --target y --features x,g --max-iter 1 --strict",
    "fit t.csv --target y --features x,g --tol -1",
    "fit t.csv --target y --features x,g --C 0",
    "fit t.csv --target y --features x,g --l1-ratio 0.5",
    "fit t.csv --target y --features x,g --C 1 --l1-ratio 2",
    "fit t.csv --target y --features x,g --C 1 --l1-ratio 1 --solver newton",
    "fit t.csv --target y --features x,g --C 1 --l1-ratio 1 --link probit --solver lbfgs",
    "fit t.csv --target y --features x,g --C 1 --l1-ratio 1 --link cauchit",
    "fit t.csv --target g --features x --link probit",
    "fit t.csv --target y --features x,g --firth --solver lbfgs",
    "fit t.csv --target y --features x,g --firth --robust HC1",
    "fit t.csv --target y --features x,g --C 1 --robust HC1",
    "fit t.csv --target y --features x,g --C 1 --cluster c",
    "fit t.csv --target y --features x,g --C 1 --profile",
    "fit t.csv --target y --features x,g --robust HC1 --profile",
    "fit t.csv --target y --features x,g --robust HC3 --cluster c",
    "fit t.csv --target y --features x,g --cluster c --cluster n --cluster w",
    "fit t.csv --target y --features x,g --cluster nowhere",
    "fit t.csv --target y --features x,g --weights w --robust HC1",
    "fit t.csv --target y --features x,g --weights w --weights-are frequency",
    "fit t.csv --target y --features x,g --weights w --weights-are sampling --profile",
    "fit t.csv --target y --features x,g --weights w --weights-are often",
    "fit t.csv --target y --features x,g --weights-are sampling",
    "fit t.csv --target y --features x,g --reference x=1",
    "fit t.csv --target y --features x,g --reference g=z",
    "fit t.csv --target y --features x,g --base n",
    "fit t.csv --target y --features x,y",
    "fit t.csv --target y --features x,g --offset g",
    "fit t.csv --target w --features x",
    "fit t.csv --formula y~offset(w)+x",
    "fit t.csv --formula y~x+factor(n)",
    "fit t.csv --formula won+lost~x --robust HC3",
    "fit lesson --target passed --strict",
    "fit lesson --target passed --robust HC1",
    "summary plain",
    "summary plain t.csv --base u",
    "summary ridge t.csv --profile",
    "summary robust t.csv --profile",
    "summary survey t.csv --profile",
    "summary weighted t.csv --level 0",
    "summary apart",
    "summary firth",
    "summary three",
    "check plain t.csv --lang fr",
    "check apart lesson",
    "check apart lesson --lang zh",
    "check firth lesson",
    "check firth lesson --lang zh",
    "check crossed t.csv",
    "explain apart",
    "explain apart lesson --lang zh",
    "explain crossed",
    "explain crossed t.csv --lang zh",
    "explain ridge",
    "explain plain --base n",
    "compare plain ridge",
    "compare plain three",
    "compare plain robust",
    "compare plain weighted",
    "compare apart firth",
    "effects ridge t.csv",
    "effects apart lesson",
    "effects plain t.csv --variables nothing",
    "effects plain t.csv --at x",
    "effects plain t.csv --at g=z",
    "effects plain t.csv --by nothing",
    "effects robust t.csv --margins",
    "predict plain t.csv",
    "predict plain t.csv --uncertain 0.6 0.4",
    "predict plain lesson",
    "predict plain t.csv --missing drop",
]
PYTHON = re.compile(
    r"\b[a-z_]+=(?!=|\w+ and)[\"'\[(\w]|\b(?:fit|torchlogit)\.[a-z]\w*\(|\b[A-Z]\w*\(\)|\b(?:max_iter|weights_are|l1_ratio)\b"
)
COLUMN = re.compile(
    r"`[^`]*`|\b[xg]=\w|--\S+ \S+=\S+|in Python.*?[.;]|age=30,50|=MODEL|COL=VALUE|COL=LEVEL|region=north|\(max_iter\)"
)


@pytest.mark.parametrize("words", BAD)
def test_no_sentence_names_an_argument_of_python(run, place, words):
    command, *rest = words.split()
    files = {"t.csv": place / "t.csv", "lesson": LESSON}
    files |= {path.stem: path for path in place.glob("*.safetensors")}
    shown = run(command, *(files.get(word, word) for word in rest))
    told = COLUMN.sub("", " ".join((shown.err + shown.out).split()))
    assert not PYTHON.search(told), PYTHON.search(told)
    assert shown.err + shown.out


@pytest.mark.parametrize(
    ("python", "option"),
    [
        ('kind="HC3" does not go with clusters; use "HC1", "linearised", "HC0" or a bootstrap',
         "--robust HC3 does not go with clusters; use --robust HC1 or HC0"),
        ("say --encoding latin-1 (encoding='latin-1').", "say --encoding latin-1."),
        ("keep the column as text: --text 'a' (text_columns=['a']).", "keep the column as text: --text 'a'."),
        ('use robust errors: fit.robust("HC1"), --robust HC1', "use robust errors: --robust HC1"),
        ('Jeffreys(intercept="flic") corrects that.', 'in Python, Jeffreys(intercept="flic") corrects that.'),
        ("cannot make the exact zeros; use Proximal()", "cannot make the exact zeros; use --solver proximal"),
        ("max_iter must be 0 or more", "--max-iter must be 0 or more"),
        ("`weights` is a column", "`weights` is a column"),
    ],
)  # fmt: skip
def test_options_for_arguments(python, option):
    assert as_options(python) == option


def test_survey_weights_are_pointed_to(run, place):
    told = " ".join(run("summary", place / "weighted.safetensors").out.split())
    assert "importance weights" in told
    assert "sampling weights: --weights-are sampling." in told


def test_predictions_read_as_the_table_does(run, tmp_path):
    """Classes that are whole numbers have no point, in text and in files; the table that was fitted is taken as it is."""
    table = write(
        tmp_path / "t.csv", "x,w,passed\n" + "".join(f"{i % 7},{i % 3 + 1},{float(i % 7 > i % 5)}\n" for i in range(60))
    )
    model = tmp_path / "m.safetensors"
    assert run("fit", table, "--target", "passed", "--weights", "w", "-o", model).code == 0
    shown = run("predict", model, table)
    assert shown.code == 0, shown.err
    header, *rows = shown.out.splitlines()
    assert header == "p_0,p_1,class"
    assert {row.split(",")[2] for row in rows} == {"0", "1"}
    import pyarrow.parquet

    assert run("predict", model, table, "-o", tmp_path / "p.parquet").code == 0
    assert str(pyarrow.parquet.read_table(tmp_path / "p.parquet").schema.field("class").type) == "int64"
    students = run("fit", STUDENTS, "--target", "passed", "-o", tmp_path / "s.safetensors")
    assert students.code == 0
    assert {row[-1] for row in run("predict", tmp_path / "s.safetensors", STUDENTS).out.splitlines()[1:]} == {"0", "1"}
