"""The commands that read a model file, and the options of fit that belong to them."""

import json

import pytest
from command import PEOPLE, STUDENTS, write

import torchlogit


@pytest.fixture
def table(tmp_path):
    """A hundred and twenty rows: an age, a region, a count and a class."""
    return write(tmp_path / "t.csv", PEOPLE)


@pytest.fixture
def asked(table, tmp_path, run):
    """A model of them, beside the table."""
    path = tmp_path / "m.safetensors"
    assert run("fit", table, "--target", "y", "--features", "age,region", "-o", path).code == 0
    return path, table


def test_the_summary_of_a_model_file_is_that_of_its_fit(run, asked):
    model, table = asked
    shown = run("fit", table, "--target", "y", "--features", "age,region")
    again = run("summary", model)
    assert again.code == 0
    assert again.out == shown.out


def test_every_form_and_the_ending_of_a_file_chooses_it(run, asked, tmp_path):
    model, _ = asked
    starts = {"html": "<!doctype html", "markdown": "#", "latex": "", "json": "{"}
    for form, ending in (("html", "html"), ("markdown", "md"), ("latex", "tex"), ("json", "json")):
        text = run("summary", model, "--format", form)
        assert text.code == 0
        assert text.out.lower().lstrip("*").startswith(starts[form]), text.out[:40]
        path = tmp_path / f"answer.{ending}"
        assert run("summary", model, "-o", path).code == 0
        assert path.read_text(encoding="utf-8") == text.out
    assert run("summary", model, "--json").out == run("summary", model, "--format", "json").out
    assert run("summary", model, "-o", path).code == 5
    assert run("summary", model, "-o", tmp_path / "answer.docx").code == 2
    assert run("summary", model, "--format", "word").code == 2


def test_profile_intervals_want_the_rows_again(run, asked):
    model, table = asked
    assert "give them" in run("summary", model, "--profile").err
    shown = run("summary", model, table, "--profile", "--level", "0.9")
    assert "profile" in shown.out
    assert (
        shown.out == run("fit", table, "--target", "y", "--features", "age,region", "--profile", "--level", "0.9").out
    )


def test_check_explain_and_effects(run, asked):
    model, table = asked
    checked = run("check", model, table)
    assert checked.code == 0
    assert "collinearity" in checked.out
    assert json.loads(run("check", model, table, "--json").out)
    english, chinese = run("explain", model), run("explain", model, table, "--lang", "zh")
    assert "odds" in english.out
    assert "优势" in chinese.out
    effects = run("effects", model, table, "--variables", "age", "--at", "region=n,s")
    assert effects.code == 0
    assert "region = n" in effects.out
    assert run("effects", model, table, "--at", "region").code == 2
    assert run("effects", model, table, "--margins", "--at", "age=30,50").out.count("age = ") == 2
    assert run("effects", model, table, "--by", "region", "--at", "mean").code == 0


def test_two_models_beside_each_other(run, asked, tmp_path):
    large, table = asked
    small = tmp_path / "small.safetensors"
    run("fit", table, "--target", "y", "--features", "age", "-o", small)
    shown = run("compare", small, large)
    assert shown.code == 0
    assert "AIC" in shown.out
    assert run("compare", small).code == 2


def test_rows_with_missing_cells_are_left_out_and_told(run, asked, tmp_path):
    model, table = asked
    holes = write(tmp_path / "h.csv", table.read_text(encoding="utf-8") + ",n,1,yes,0\n")
    shown = run("summary", model, holes, "--profile")
    assert "left out 1 of 121 rows" in shown.err
    assert shown.out == run("summary", model, table, "--profile").out


def test_a_formula_in_place_of_a_target(run, table, tmp_path):
    model = tmp_path / "f.safetensors"
    words = ["--formula", "y ~ age * C(region, Treatment('w')) + poly(n, 1)"]
    shown = run("fit", table, *words, "-o", model)
    assert shown.code == 0, shown.err
    assert "age:" in shown.out
    assert run("predict", model, table, "--ignore-extra").code == 0
    assert run("fit", table, *words, "--target", "y").code == 2
    assert run("fit", table).code == 2
    assert run("fit", table, *words, "--features", "age").code == 2
    assert run("fit", table, "--formula", "y ~ agee").code == 3


def test_firth_robust_clusters_and_kinds_of_weights(run, table):
    lesson = torchlogit.datasets.path("lesson")
    firth = run("fit", lesson, "--target", "passed", "--firth", "--strict")
    assert firth.code == 0, firth.err
    assert "1.398" in firth.out
    assert run("fit", lesson, "--target", "passed", "--firth", "--C", "1").code == 2
    words = ["fit", table, "--target", "y", "--features", "age"]
    assert "HC1" in run(*words, "--robust", "HC1").out
    assert "HC9" in run(*words, "--robust", "HC9").err
    assert "group" in run(*words, "--cluster", "group").out
    assert run(*words, "--weights", "n", "--weights-are", "sampling").code == 0
    assert run(*words, "--weights-are", "sampling").code == 2


def test_words_below_the_table(run):
    shown = run("fit", STUDENTS, "--target", "passed", "--lang", "zh")
    assert shown.code == 0
    assert "Certified" in shown.out
    assert "优势" in shown.out
    assert run("fit", STUDENTS, "--target", "passed", "--lang", "fr").code == 2
    assert run("fit", STUDENTS, "--target", "passed", "--level", "2").code == 2
