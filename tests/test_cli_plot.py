"""The command that draws: every kind, its options, and what it refuses."""

import re

import numpy as np
import pytest
from command import write

import torchlogit
from torchlogit.errors import ParameterError
from torchlogit.plots.kinds import KINDS, class_of, picture

CELLS = "".join(
    f"{20 + (7 * i) % 41},{(11 * i) % 29},{'nsw'[i % 3]},"
    f"{'yes' if (3 * i + (7 * i) % 41) % 17 > 7 else 'no'},{'abc'[(i * i) % 3 - (i % 5 == 0)]}\n"
    for i in range(160)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table and two models of it: of two classes and of three."""
    from torchlogit.cli import main

    path = tmp_path_factory.mktemp("plot")
    write(path / "t.csv", "age,dose,region,y,kind\n" + CELLS)
    for target, features, name in (
        ("y", "age,dose,region", "two"),
        ("y", "age", "small"),
        ("kind", "age,dose", "three"),
    ):
        words = ["fit", path / "t.csv", "--target", target, "--features", features, "-o", path / f"{name}.safetensors"]
        assert main([*map(str, words)]) == 0
    return path


@pytest.fixture
def plot(run, folder, tmp_path):
    """``plot(kind, *options, model="two", data="t.csv")`` → the result and the picture's path."""

    def call(kind, *options, model="two", data="t.csv", name="a.png"):
        rows = [] if data is None else [folder / data]
        path = tmp_path / name
        return run("plot", kind, folder / f"{model}.safetensors", *rows, "-o", path, *options), path

    return call


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"weights"}))
def test_every_kind_is_drawn_and_told(plot, kind):
    done, path = plot(kind, "--width", "column")
    assert done.code == 0, done.err
    assert path.read_bytes().startswith(b"\x89PNG")
    assert done.out == ""
    assert f"{path} shows " in done.err
    assert len(done.err.split(" shows ")[1]) > 15


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_name_says_the_format_and_the_look_is_obeyed(plot, name, start):
    done, path = plot("roc", "--theme", "dark", "--lang", "zh", "--width", "5", "--title", "ROC", name=name)
    assert done.code == 0, done.err
    assert path.read_bytes().startswith(start)
    if name == "a.svg":
        assert 'width="360pt"' in path.read_text(encoding="utf-8")
        assert "#16191e" in path.read_text(encoding="utf-8")


def test_without_a_name_the_picture_is_that_of_its_kind(run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("plot", "forest", folder / "two.safetensors").code == 0
    assert (tmp_path / "forest.png").exists()
    assert run("plot", "forest", folder / "two.safetensors").code == 0  # one of ours may be replaced
    (tmp_path / "forest.png").write_text("mine")
    assert run("plot", "forest", folder / "two.safetensors").code == 5


def test_the_help_lists_every_kind_with_a_line(run):
    shown = run("plot", "--help")
    assert shown.code == 0
    for name, kind in KINDS.items():
        assert re.search(rf"^ +{name}( \*)? +{re.escape(kind.line[:30])}", shown.out, re.MULTILINE), name
        assert (f"{name} *" in shown.out) == kind.rows
    assert max(map(len, shown.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rocc"], "no kind of picture. Did you mean `roc`?"),
        (["xyz"], "There are curve, map"),
        (["roc", "--feature", "age"], "takes no --feature; its options are --level, --threshold, --label"),
        (["forest", "--threshold", "0.3"], "takes no --threshold; its options are --level"),
        (["roc", "--theme", "drak"], "Did you mean dark?"),
        (["roc", "--lang", "fr"], "--lang 'fr' is unknown"),
        (["roc", "--width", "colum"], "width must be"),
        (["roc", "--dpi", "5"], "--dpi must be"),
        (["roc", "--threshold", "2"], "threshold must be a probability"),
        (["roc", "--label", "maybe"], "`maybe` is no class"),
        (["curve", "--feature", "region"], "region"),
        (["curve", "--feature", "age", "--feature", "dose"], "over one feature"),
        (["cost", "--cost-false-no", "-1"], "costs must be"),
        (["weights"], "no pixels of an image"),
        (["calibration", "--bins", "0"], "bins must be 1 or more"),
    ],
    ids=lambda words: "-".join(words) if isinstance(words, list) else "",
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(plot, words, said):
    done, path = plot(*words)
    assert done.code in (2, 3), done.err
    assert said in done.err
    assert not path.exists()
    assert done.err.count("\n") == 1


def test_rows_that_are_needed_are_asked_for(plot):
    done, path = plot("roc", data=None)
    assert (done.code, path.exists()) == (2, False)
    assert "needs rows: torchlogit plot roc" in done.err
    assert plot("forest", data=None)[0].code == 0


def test_three_classes_want_one_to_set_against_the_others(plot):
    done, _ = plot("roc", model="three")
    assert done.code == 2
    assert "there are 3 (a, b, c)" in done.err
    assert "--label" in done.err
    for kind in ("roc", "lift", "calibration", "map", "path"):
        done, _ = plot(kind, "--label", "b", model="three")
        assert done.code == 0, done.err
    for kind in ("confusion", "calibration", "risk"):
        assert plot(kind, model="three")[0].code == 0


def test_models_beside_each_other_are_named_after_their_files(plot, folder):
    done, _ = plot("roc", "--beside", folder / "small.safetensors")
    assert done.code == 0, done.err
    assert "two: AUC" in done.err
    assert "small: AUC" in done.err
    refused, _ = plot("confusion", "--beside", folder / "small.safetensors")
    assert "takes no --beside" in refused.err


def test_rows_with_empty_cells_are_left_out_and_told(run, folder, tmp_path):
    text = (folder / "t.csv").read_text().splitlines()
    write(tmp_path / "holes.csv", "\n".join([*text[:100], ",3,n,yes,a", *text[100:]]) + "\n")
    done = run("plot", "roc", folder / "two.safetensors", tmp_path / "holes.csv", "-o", tmp_path / "a.png")
    assert done.code == 0
    assert "left out 1 of 161 rows" in done.err


def test_stdin_gives_the_rows_once(run, folder, tmp_path):
    rows = (folder / "t.csv").read_bytes()
    model = folder / "two.safetensors"
    assert run("plot", "roc", model, "-", "-o", tmp_path / "a.png", stdin=rows).code == 0
    done = run("plot", "roc", model, "-", "--beside", model, "-o", tmp_path / "b.png", stdin=rows)
    assert (done.code, "give a file" in done.err) == (2, True)


# the same from Python


def table(folder):
    lines = [line.split(",") for line in (folder / "t.csv").read_text().splitlines()]
    columns = dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))
    return {name: np.array(c, dtype=float if name in ("age", "dose") else object) for name, c in columns.items()}


@pytest.fixture(scope="module")
def fits(folder):
    data = table(folder)
    return (
        data,
        torchlogit.fit(data, "y", features=["age", "dose"]),
        torchlogit.fit(data, "kind", features=["age", "dose"]),
    )


def note(display):
    return display.ax.texts[0].get_text().replace("\n", " ")


def test_the_note_says_which_rows_these_are(fits):
    data, fit, _ = fits
    assert note(fit.plot("roc")) == "y = yes, 160 rows that the model was fitted to"
    assert note(fit.plot("roc", data)) == "y = yes, 160 rows that the model was fitted to"
    half = {name: column[:90] for name, column in data.items()}
    assert note(fit.plot("roc", half)) == "y = yes, 90 rows"
    assert note(fit.plot("roc", folds=5)) == "y = yes, 160 rows, each by a fit to the others"
    assert note(fit.plot("roc", note="mine")) == "mine"


def test_slope_and_intercept_are_told_of_rows_not_seen(fits):
    data, fit, _ = fits
    assert "slope" not in note(fit.plot("calibration"))
    assert re.search(r"slope -?\d", note(fit.plot("calibration", {name: c[:120] for name, c in data.items()})))


def test_a_class_is_set_against_the_others(fits):
    _, fit, three = fits
    assert note(three.plot("roc", label="b")) == "kind = b, 160 rows that the model was fitted to"
    assert note(fit.plot("roc", label="no")).startswith("y = no,")
    yes, no = (float(re.search(r"AUC (0\.\d+)", fit.plot("roc", label=each).alt)[1]) for each in ("yes", "no"))
    assert yes == pytest.approx(no, abs=1e-3)  # the same pairs of rows
    with pytest.raises(ParameterError, match="no class of this model"):
        class_of(fit, "maybe")


@pytest.mark.parametrize("band", [(0.3, 0.6), (0.1, 0.3), (0.6, 0.7)])
def test_the_band_on_the_risk_curve_counts_the_rows_that_it_decides(fits, band):
    """What is decided, and how, is what `decide` says: above the band yes, also where that is less probable than no."""
    _, fit, three = fits
    alt = fit.plot("risk", uncertain=band).alt
    said = fit.decide(fit.training.x, band)
    sure = said != "uncertain"
    wrong = (said != fit.classes[fit.training.codes])[sure].mean()
    assert f"{100 * sure.mean():.3g} % decided, {100 * wrong:.3g} % of them wrongly" in alt
    assert "uncertain from 0 to 0.4" in three.plot("risk", uncertain=(0, 0.4)).alt
    assert "decided" not in fit.plot("risk", uncertain=(0, 1)).alt


def test_kinds_and_options_that_there_are_not(fits):
    _, fit, _ = fits
    with pytest.raises(ParameterError, match="Did you mean `lift`"):
        fit.plot("lfit")
    with pytest.raises(ParameterError, match="takes no colour"):
        fit.plot("roc", colour="red")
    with pytest.raises(ParameterError, match="takes no features"):
        fit.plot("roc", features=["age"])


def test_a_fit_from_a_file_wants_rows(folder):
    fit = torchlogit.load(folder / "two.safetensors")
    with pytest.raises(ParameterError, match="needs rows"):
        picture(fit, "roc")
    assert picture(fit, "roc", table(folder)).alt.startswith("ROC curve")


def test_a_calibrated_model_has_pictures_of_its_probabilities(folder, run, tmp_path):
    data, fit = table(folder), torchlogit.load(folder / "two.safetensors")
    half = {name: column[:90] for name, column in data.items()}
    model = torchlogit.calibrate(fit, half, "intercept")
    assert model.plot("roc", data).alt == fit.plot("roc", data).alt  # the order of the rows is kept
    assert model.plot("calibration", half).alt != ""
    with pytest.raises(ParameterError, match=r"\.fit\.plot"):
        model.plot("forest", data)
    model.save(tmp_path / "c.safetensors")
    for kind in ("calibration", "forest"):
        done = run("plot", kind, tmp_path / "c.safetensors", folder / "t.csv", "-o", tmp_path / f"{kind}.png")
        assert done.code == 0, done.err
        assert ("this is of the fit before" in done.err) == (kind == "forest")


def test_leverage_is_that_of_the_fitted_rows(folder):
    data, fit = table(folder), torchlogit.load(folder / "two.safetensors")
    with pytest.raises(torchlogit.errors.DataError, match="not the rows that were fitted"):
        fit.plot("leverage", {name: column[:100] for name, column in data.items()})
    assert fit.plot("leverage", data).alt
