"""The command through its front door: tables in, models, predictions and pictures out."""

import json

import make_parquet
import numpy as np
import pyarrow as pa
import pytest
from command import STUDENTS, write
from pyarrow import feather, parquet

import torchlogit
from torchlogit import datasets


def table(text):
    """A CSV text as a list of dicts."""
    header, *rows = (line.split(",") for line in text.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


# fit


def test_the_twenty_students(run):
    result = run("fit", STUDENTS, "--target", "passed")
    assert result.code == 0
    for number in ("-4.0777", "1.7610", "1.5046", "0.6287"):
        assert number in result.out
    assert result.err == "`passed`: 1 counts as 1, 0 as 0\n"


def test_json_equals_python(run):
    found = json.loads(run("fit", STUDENTS, "--target", "passed", "--json").out)
    expected = torchlogit.fit(datasets.study_hours(), "passed")
    assert [term["estimate"] for term in found["terms"]] == expected.theta.ravel().tolist()
    assert found["positive"] == 1
    assert found["certified"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.csv", "\ufeffhours,passed\n{}"),
        ("crlf.csv", "hours,passed\r\n{}"),
        ("tabs.tsv", "hours\tpassed\n{}"),
        ("quoted.csv", '"hours","passed"\n{}'),
        ("semicolons.csv", "hours;passed\n{}"),
    ],
)
def test_kinds_of_text(run, tmp_path, name, content):
    end = "\r\n" if name == "crlf.csv" else "\n"
    cell = {"tabs.tsv": "\t", "semicolons.csv": ";"}.get(name, ",")
    rows = "".join(f"{h}{cell}{p}{end}" for h, p in zip(*datasets.study_hours().values(), strict=True))
    path = write(tmp_path / name, content.format(rows))
    more = ["--delimiter", ";"] if cell == ";" else []
    assert "1.5046" in run("fit", path, "--target", "passed", *more).out


def test_tabs_by_name_and_other_encodings(run, tmp_path):
    path = write(tmp_path / "a.txt", STUDENTS.read_text().replace(",", "\t"), "utf-16")
    result = run("fit", path, "--target", "passed", "--delimiter", r"\t", "--encoding", "utf-16")
    assert "1.5046" in result.out
    assert run("fit", path, "--target", "passed").code == 3


def test_standard_input(run):
    result = run("fit", "-", "--target", "passed", stdin=STUDENTS.read_bytes())
    assert (result.code, "1.5046" in result.out) == (0, True)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_columnar_files(run, tmp_path, suffix):
    columns = pa.table(datasets.study_hours())
    path = tmp_path / f"students{suffix}"
    (parquet.write_table if suffix == ".parquet" else feather.write_feather)(columns, path)
    assert "1.5046" in run("fit", path, "--target", "passed").out


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_files_that_unpack_to_more_than_the_memory_are_read_in_parts(run, tmp_path, suffix):
    """However small they are on the disk: what needs all rows, a picture, is refused."""
    x, path = np.arange(200_000) % 7, tmp_path / f"small{suffix}"
    columns = pa.table({"x": x.astype(float), "y": (x * 5 % 7 > 2).astype(float)})
    if suffix == ".parquet":
        parquet.write_table(columns, path, compression="zstd")
    else:
        feather.write_feather(columns, path, compression="zstd")
    assert path.stat().st_size < 2**18 < columns.nbytes / 8
    whole, parts = (run("fit", path, "--target", "y", "--json", "--memory", memory) for memory in ("1GB", "1MiB"))
    numbers = [[term["estimate"] for term in json.loads(done.out)["terms"]] for done in (whole, parts)]
    assert numbers[1] == pytest.approx(numbers[0], rel=1e-8)
    picture = run("fit", path, "--target", "y", "--plot", tmp_path / "p.png", "--memory", "1MiB")
    assert (picture.code, "read in parts" in picture.err) == (2, True)
    assert run("fit", path, "--target", "y", "--plot", tmp_path / "p.png", "--memory", "1GB").code == 0


def test_penalties(run):
    l2 = json.loads(run("fit", STUDENTS, "--target", "passed", "--C", "0.5", "--json").out)
    assert l2["penalty"] == {"strength": 2.0, "l1_ratio": 0.0}
    l1 = json.loads(run("fit", STUDENTS, "--target", "passed", "--C", "0.01", "--l1-ratio", "1", "--json").out)
    assert l1["terms"][1]["estimate"] == 0
    mixed = json.loads(run("fit", STUDENTS, "--target", "passed", "--C", "1", "--l1-ratio", ".5", "--json").out)
    assert mixed["penalty"]["l1_ratio"] == 0.5


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_solvers_agree(run, solver):
    assert "1.5046" in run("fit", STUDENTS, "--target", "passed", "--solver", solver).out


def test_sgd_has_a_seed(run):
    rng = np.random.default_rng(0)
    rows = "x,y\n" + "".join(f"{x},{int(x + rng.logistic() > 0)}\n" for x in rng.normal(size=600))
    stdin = rows.encode()

    def seeded(seed):
        words = ["--solver", "sgd", "--max-iter", "3", "--json", "--seed", seed]
        return json.loads(run("fit", "-", "--target", "y", *words, stdin=stdin).out)["terms"][1]["estimate"]

    assert seeded(1) == seeded(1) != seeded(2)


def test_a_seed_without_chance_is_told(run):
    result = run("fit", STUDENTS, "--target", "passed", "--seed", "3")
    assert "note: --seed changes nothing" in result.err


def test_weights_are_repeated_rows(run, tmp_path):
    lines = STUDENTS.read_text().splitlines()
    twice = write(tmp_path / "twice.csv", "\n".join([lines[0], *lines[1:], *lines[1:]]) + "\n")
    weighted = write(tmp_path / "w.csv", "\n".join([lines[0] + ",n", *(f"{line},2" for line in lines[1:])]) + "\n")
    one = json.loads(run("fit", twice, "--target", "passed", "--json").out)["terms"]
    two = json.loads(run("fit", weighted, "--target", "passed", "--weights", "n", "--json").out)["terms"]
    assert [t["term"] for t in two] == ["(Intercept)", "hours"]
    assert [t["std_error"] for t in two] == pytest.approx([t["std_error"] for t in one], rel=1e-10)


def test_an_offset_is_needed_again(run, tmp_path):
    lines = STUDENTS.read_text().splitlines()
    path = write(tmp_path / "o.csv", "\n".join([lines[0] + ",o", *(f"{line},0.5" for line in lines[1:])]) + "\n")
    model = tmp_path / "m.safetensors"
    found = json.loads(run("fit", path, "--target", "passed", "--offset", "o", "--json", "-o", model).out)
    assert found["terms"][0]["estimate"] == pytest.approx(-4.0777 - 0.5, abs=1e-4)
    same = run("predict", model, path)
    assert float(table(same.out)[0]["p_1"]) == pytest.approx(1 / (1 + np.exp(4.0777 - 1.5046 * 0.5)), abs=1e-4)
    assert run("predict", model, "-", stdin=b"hours\n1\n").code == 3


def test_features_by_comma_or_repeated(run, tmp_path):
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a},{b},{c},{int(a + rng.logistic() > 0)}" for a, b, c in rng.normal(size=(60, 3)))
    path = write(tmp_path / "f.csv", f'a,"b, net",c,y\n{rows}\n')
    for words in (["--features", "a,c"], ["--features", "a", "--features", "c"]):
        assert json.loads(run("fit", path, "--target", "y", *words, "--json").out)["columns"] == ["a", "c"]
    comma = run("fit", path, "--target", "y", "--features", "b, net", "--json")
    assert json.loads(comma.out)["columns"] == ["b, net"]
    assert json.loads(run("fit", path, "--target", "y", "--json").out)["columns"] == ["a", "b, net", "c"]


def categories(tmp_path):
    rng = np.random.default_rng(1)
    rows = "\n".join(
        f"{rng.choice(['01', '02'])},{rng.integers(3)},{rng.choice(['north', 'south', 'NA'])},{rng.integers(2)}"
        for _ in range(90)
    )
    return write(tmp_path / "c.csv", f"zip,grade,region,y\n{rows}\n")


def test_categories_references_and_text(run, tmp_path):
    path = categories(tmp_path)
    words = ["--target", "y", "--categorical", "grade", "--reference", "region=south", "--reference", "grade=2"]
    columns = json.loads(run("fit", path, *words, "--json").out)["columns"]
    assert columns == ["zip=02", "grade=0", "grade=1", "region=NA", "region=north"]
    columns = json.loads(run("fit", path, "--target", "y", "--text", "grade", "--json").out)["columns"]
    assert columns == ["zip=02", "grade=1", "grade=2", "region=north", "region=south"]
    assert run("fit", path, "--target", "y", "--text", "y", "--json").code == 0
    wrong = run("fit", path, "--target", "y", "--reference", "region=sout")
    assert wrong.code == 3
    assert "Did you mean `south`?" in wrong.err
    assert run("fit", path, "--target", "y", "--reference", "region").code == 2


def test_a_level_called_na_stays_a_level_at_predict(run, tmp_path):
    model = tmp_path / "m.safetensors"
    run("fit", categories(tmp_path), "--target", "y", "--features", "region", "-o", model)
    result = run("predict", model, "-", stdin=b"region\nNA\n")
    assert result.code == 0
    assert len(table(result.out)) == 1


def test_missing_cells_are_dropped_and_told_or_refused(run, tmp_path):
    path = write(tmp_path / "gaps.csv", STUDENTS.read_text() + ",1\n3.0,\n")
    result = run("fit", path, "--target", "passed")
    assert "dropped 2 of 22 rows: 1 with no `hours`, 1 with no `passed`" in result.err
    assert "2 dropped" in result.out
    assert "1.5046" in result.out
    refused = run("fit", path, "--target", "passed", "--missing", "error")
    assert (refused.code, refused.out) == (3, "")
    assert "`hours` has no value (NaN or empty) in row 21" in refused.err


@pytest.mark.parametrize(("ones", "zeros"), [("yes", "no"), ("2", "1"), ("True", "False"), ("1", "-1")])
def test_the_class_that_counts_as_one_is_always_said(run, tmp_path, ones, zeros):
    text = STUDENTS.read_text().replace(",1", f",{ones}").replace(",0\n", f",{zeros}\n")
    path = write(tmp_path / "labels.csv", text)
    for words in ([], ["--json"]):
        assert f"{ones.strip()} counts as 1" in run("fit", path, "--target", "passed", *words).err.replace("'", "")


def test_three_classes(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = (x + rng.logistic(size=200) > 0).astype(int) + (x + rng.logistic(size=200) > 1)
    path = write(tmp_path / "k.csv", "x,y\n" + "".join(f"{a},{'abc'[b]}\n" for a, b in zip(x, y, strict=True)))
    model, picture = tmp_path / "k.safetensors", tmp_path / "k.png"
    result = run("fit", path, "--target", "y", "-o", model, "--plot", picture)
    assert "3 classes, each with its own probability: 'a', 'b', 'c'" in result.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = table(run("predict", model, path, "--uncertain", "0.4", "0.6").out)
    assert list(rows[0]) == ["p_a", "p_b", "p_c", "class", "decision"]
    for row in rows:
        p = [float(row[f"p_{c}"]) for c in "abc"]
        assert sum(p) == pytest.approx(1)
        assert row["class"] == "abc"[int(np.argmax(p))]
        assert row["decision"] == (row["class"] if max(p) >= 0.6 else "uncertain")


def test_strict(run, tmp_path):
    lesson, model = datasets.path("lesson"), tmp_path / "m.safetensors"
    loose = run("fit", lesson, "--target", "passed")
    assert loose.code == 0
    assert "warning: not certified: the classes are split perfectly by `hours`" in loose.err
    assert "+inf" in loose.out
    strict = run("fit", lesson, "--target", "passed", "--strict", "-o", model)
    assert (strict.code, strict.out, model.exists()) == (4, "", False)
    assert strict.err.splitlines()[-1].startswith("error: not certified")


def test_a_fit_that_runs_out_of_steps(run):
    result = run("fit", STUDENTS, "--target", "passed", "--max-iter", "1")
    assert "not certified (max_iter)" in result.err
    assert run("fit", STUDENTS, "--target", "passed", "--max-iter", "1", "--strict").code == 4
    assert run("fit", STUDENTS, "--target", "passed", "--max-iter", "3", "--tol", "0.1", "--strict").code == 0


# predict


def test_predictions(run, model):
    rows = table(run("predict", model, "-", "--uncertain", "0.4", "0.6", stdin=b"hours\n1\n2.7\n5\n").out)
    fit = torchlogit.load(model)
    assert [float(row["p_1"]) for row in rows] == fit.predict_proba(np.array([[1.0], [2.7], [5]]))[:, 1].tolist()
    assert [row["class"] for row in rows] == ["0", "0", "1"]
    assert [row["decision"] for row in rows] == ["0", "uncertain", "1"]
    assert all(float(row["p_0"]) + float(row["p_1"]) == pytest.approx(1) for row in rows)


def test_without_a_band_there_is_no_decision(run, model):
    assert run("predict", model, STUDENTS).out.splitlines()[0] == "p_0,p_1,class"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".arrow"])
def test_predictions_in_files(run, model, tmp_path, suffix):
    path = tmp_path / f"answers{suffix}"
    result = run("predict", model, STUDENTS, "-o", path)
    assert (result.code, result.out) == (0, "")
    assert "20 predictions written" in result.err
    found = torchlogit.tables.read_table(path)
    expected = torchlogit.load(model).predict_proba(datasets.study_hours()["hours"][:, None])[:, 1]
    assert found["p_1"].to_pylist() == expected.tolist()


def test_rows_without_a_value_are_refused_or_kept_empty(run, model):
    refused = run("predict", model, "-", stdin=b"hours,passed\n1,0\n,0\n3,1\n")
    assert refused.code == 3
    assert "`hours` has no value in row 2" in refused.err
    kept = run(
        "predict", model, "-", "--missing", "keep", "--uncertain", "0.4", "0.6", stdin=b"hours,passed\n1,0\n,0\n3,1\n"
    )
    rows = table(kept.out)
    assert [row["class"] for row in rows] == ["0", "", "1"]
    assert rows[1] == {"p_0": "", "p_1": "", "class": "", "decision": ""}
    assert "1 of 3 rows have no answer" in kept.err


def test_bad_073_a_missing_column_at_predict(run, model):
    result = run("predict", model, "-", stdin=b"ours\n1\n")
    assert result.code == 3
    assert "`hours` is missing from the table. Did you mean" in result.err


def test_bad_074_an_extra_column_is_ignored_only_if_said(run, model):
    result = run("predict", model, "-", stdin=b"hours,age\n1,2\n")
    assert result.code == 3
    assert "`age`" in result.err
    assert run("predict", model, "-", "--ignore-extra", stdin=b"hours,age\n1,2\n").code == 0
    assert run("predict", model, "-", stdin=b"hours,passed\n1,0\n").code == 0  # the target is known


def test_bad_075_columns_in_another_order(run, tmp_path):
    rng = np.random.default_rng(0)
    rows = [(a, b, int(a - b + rng.logistic() > 0)) for a, b in rng.normal(size=(50, 2))]
    path = write(tmp_path / "ab.csv", "a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows))
    other = write(tmp_path / "ba.csv", "b,a\n" + "".join(f"{b},{a}\n" for a, b, _ in rows))
    model = tmp_path / "m.safetensors"
    run("fit", path, "--target", "y", "-o", model)
    assert run("predict", model, path).out == run("predict", model, other).out != ""


def test_bad_076_duplicated_names(run, model, tmp_path):
    path = write(tmp_path / "d.csv", "hours,hours,passed\n1,2,0\n3,4,1\n")
    for words in (["fit", path, "--target", "passed"], ["predict", model, path]):
        result = run(*words)
        assert result.code == 3
        assert "`hours` more than once (columns 1, 2)" in result.err


@pytest.mark.parametrize("name", ["=cmd()", "\x1b[31mred", "a\nb", "x\u202ey", "</script>", "n" * 10_000])
def test_bad_080_hostile_names_come_through_and_are_shown_escaped(run, tmp_path, name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    columns = {name: x, "y": (x + rng.logistic(size=40) > 0).astype(int)}
    path, model = tmp_path / "h.parquet", tmp_path / "m.safetensors"
    parquet.write_table(pa.table(columns), path)
    shown = [run("fit", path, "--target", "y", "-o", model, "--plot", tmp_path / "h.png"), run("inspect", model)]
    for result in (*shown, run("inspect", model, "--json"), run("fit", path, "--target", "y", "--json")):
        assert result.code == 0
        assert all(c.isprintable() or c == "\n" for c in result.out + result.err)
    assert torchlogit.load(model).columns == (name,)
    assert len(table(run("predict", model, path).out)) == 40


def test_bad_080_hostile_labels_in_the_answers(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = np.where(x + rng.logistic(size=40) > 0, "=1+1", 'b,"c"')
    path, model, answers = tmp_path / "h.parquet", tmp_path / "m.safetensors", tmp_path / "a.csv"
    parquet.write_table(pa.table({"x": x, "y": y}), path)
    assert run("fit", path, "--target", "y", "-o", model).code == 0
    assert run("predict", model, path, "-o", answers).code == 0
    found = torchlogit.tables.read_table(answers)
    assert set(found["class"].to_pylist()) == {"'=1+1", 'b,"c"'}
    assert found.column_names == ["p_=1+1", 'p_b,"c"', "class"]


def test_bad_081_an_unseen_category(run, tmp_path):
    model = tmp_path / "m.safetensors"
    run("fit", categories(tmp_path), "--target", "y", "--features", "region", "-o", model)
    result = run("predict", model, "-", stdin=b"region\nnorth\nnorht\n")
    assert result.code == 3
    for part in ("`region`", "'norht'", "row 2", "Did you mean `north`?"):
        assert part in result.err


def test_a_class_called_uncertain(run, tmp_path):
    text = STUDENTS.read_text().replace(",1", ",yes").replace(",0\n", ",uncertain\n")
    model = tmp_path / "m.safetensors"
    run("fit", write(tmp_path / "u.csv", text), "--target", "passed", "-o", model)
    assert run("predict", model, STUDENTS, "--uncertain", "0.4", "0.6").code == 2
    assert run("predict", model, STUDENTS).code == 0


def test_a_model_fitted_on_a_matrix(run, tmp_path):
    model = tmp_path / "m.safetensors"
    data = datasets.study_hours()
    torchlogit.fit(data["hours"][:, None], data["passed"]).save(model)
    rows = table(run("predict", model, "-", stdin=b"x1\n4\n").out)
    assert float(rows[0]["p_1"]) == pytest.approx(0.8744, abs=1e-4)


# inspect


def test_inspect(run, model):
    text = run("inspect", model).out
    for part in ("target", "passed", "hours", "converged", "sha256"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    header = json.loads(run("inspect", model, "--json").out)
    assert (header["target"], header["format"]) == ("passed", "torchlogit")


def test_inspect_needs_a_model(run, tmp_path):
    assert run("inspect", tmp_path / "none").code == 5
    result = run("inspect", STUDENTS)
    assert result.code == 5
    assert "not a torchlogit model file" in result.err


# the picture


def test_a_picture(run, tmp_path):
    picture = tmp_path / "curve.png"
    result = run("fit", STUDENTS, "--target", "passed", "--plot", picture)
    assert result.code == 0
    assert "picture written to" in result.err
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def many(tmp_path):
    """500 rows: two numbers and a category."""
    rng = np.random.default_rng(0)
    x, age, region = rng.normal(size=500), rng.integers(20, 60, 500), rng.choice(["n", "s"], 500)
    y = (x + rng.logistic(size=500) > 0).astype(int)
    path = tmp_path / "many.parquet"
    parquet.write_table(pa.table({"region": region, "x": x, "age": age, "y": y}), path)
    return path


def test_other_features_are_held_and_told(run, many, tmp_path):
    result = run("fit", many, "--target", "y", "--plot", tmp_path / "a.svg")
    assert "note: the curve varies `x`; held fixed: region n, age 40.16" in result.err
    result = run("fit", many, "--target", "y", "--plot", tmp_path / "b.pdf", "--plot-feature", "age")
    assert "varies `age`; held fixed: region n, x " in result.err


def test_the_curve_is_the_fit(many):
    from torchlogit.inference.slices import curves
    from torchlogit.tables import read_table

    data = read_table(many)
    fit = torchlogit.fit(data, "y")
    matrix = fit.recipe.encode(data).matrix
    curve = curves(fit, "x")
    rows = {"region": ["n"] * 200, "x": curve.x, "age": [matrix[:, 2].mean()] * 200}
    p = fit.predict_proba(rows)[:, 1].numpy()
    np.testing.assert_allclose(curve.probability, p, rtol=1e-12)
    design = np.column_stack([np.ones(200), fit.recipe.encode(rows).matrix])
    error = np.sqrt(np.einsum("ij,jk,ik->i", design, fit.covariance.numpy(), design))
    eta = np.log(p / (1 - p))
    np.testing.assert_allclose(curve.low, 1 / (1 + np.exp(-(eta - 1.959963984540054 * error))), rtol=1e-6)
    np.testing.assert_allclose(curve.high, 1 / (1 + np.exp(-(eta + 1.959963984540054 * error))), rtol=1e-6)


def test_a_penalised_curve_has_no_band(run, tmp_path):
    from torchlogit.inference.slices import curves

    fit = torchlogit.fit(datasets.study_hours(), "passed", penalty=torchlogit.L2(1.0))
    curve = curves(fit)
    assert np.isnan(curve.low).all()
    assert "penalised" in curve.notes[0]


def test_a_formula_is_drawn_over_a_column_of_its_table(run, many, tmp_path):
    from torchlogit.inference.slices import curves
    from torchlogit.tables import read_table

    formula, picture = "y ~ bs(age, 4) * region + I(x ** 2) + x", tmp_path / "curve.png"
    result = run("fit", many, "--formula", formula, "--plot", picture, "--plot-feature", "age")
    assert result.code == 0
    assert "varies `age`; held fixed: region n, x " in result.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    data = read_table(many)
    fit = torchlogit.fit(data, formula)
    curve = curves(fit, "age")
    rows = {"region": ["n"] * 200, "x": [data["x"].to_numpy().mean()] * 200, "age": curve.x}
    np.testing.assert_allclose(curve.probability, fit.predict_proba(rows)[:, 1], rtol=1e-12)
    np.testing.assert_allclose(curve.low, fit.predict_interval(rows).low, rtol=1e-12)
    strange = run("fit", many, "--formula", "y ~ region", "--plot", tmp_path / "q.png", "--plot-feature", "age")
    assert (strange.code, "numeric feature" in strange.err) == (2, True)


def test_counts_are_drawn_as_shares(run, tmp_path):
    from torchlogit.inference.slices import curves

    table = {"won": [3, 5, 0, 2, 8], "lost": [7, 5, 4, 8, 1], "x": [1.0, 2, 3, 1.5, 5], "log(n)": [0.0] * 5}
    fit = torchlogit.fit(table, "won + lost ~ x")
    curve = curves(fit)
    np.testing.assert_allclose(curve.points.y, [0.3, 0.5, 0, 0.2, 8 / 9])
    np.testing.assert_array_equal(curve.points.x, table["x"])


@pytest.mark.parametrize("words", [["--profile"], ["--firth"], ["--formula"], ["--robust", "HC3"]])
def test_json_of_every_kind_of_interval(run, words):
    how = ["--formula", "passed ~ hours"] if words == ["--formula"] else ["--target", "passed", *words]
    found = json.loads(run("fit", STUDENTS, *how, "--json").out)
    assert found["interval"] == ("profile" if words[0] in ("--profile", "--firth") else "wald")
    fit = torchlogit.fit(
        datasets.study_hours(), "passed", penalty=torchlogit.Jeffreys() if "--firth" in words else None
    )
    fit = fit.robust("HC3") if "HC3" in words else fit
    table = fit.table(interval=found["interval"])
    assert [term["low"] for term in found["terms"]] == pytest.approx(table.low.tolist(), rel=1e-12)
    assert [term["log_p"] for term in found["terms"]] == pytest.approx(table.log_p.tolist(), rel=1e-12)


def test_json_against_a_base_class(run, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60), rng.choice(["a", "b", "c"], 60)
    path = tmp_path / "three.parquet"
    parquet.write_table(pa.table({"x": x, "y": y}), path)
    found = json.loads(run("fit", path, "--target", "y", "--base", "b", "--profile", "--json").out)
    assert found["base"] == "b"
    by = torchlogit.fit({"x": x, "y": y}, "y").profile(base="b")
    assert [(term["term"], term["class"]) for term in found["terms"]] == list(zip(by.term, by.label, strict=True))
    assert [term["high"] for term in found["terms"]] == pytest.approx(by.high.tolist(), rel=1e-9)


def test_pictures_that_cannot_be_drawn(run, many, tmp_path):
    picture = tmp_path / "p.png"
    nothing = run("fit", many, "--target", "y", "--features", "region", "--plot", picture)
    assert (nothing.code, "numeric feature" in nothing.err) == (2, True)
    category = run("fit", many, "--target", "y", "--plot", picture, "--plot-feature", "region")
    assert (category.code, "not a numeric feature" in category.err) == (2, True)
    typo = run("fit", many, "--target", "y", "--plot", picture, "--plot-feature", "aeg")
    assert (typo.code, "Did you mean `age`?" in typo.err) == (2, True)
    assert run("fit", many, "--target", "y", "--plot", tmp_path / "p.jpeg").code == 2
    assert run("fit", many, "--target", "y", "--plot-feature", "x").code == 2
    assert not picture.exists()


# 100 000 rows


def test_a_parquet_file_end_to_end(run, tmp_path):
    path, model, answers = tmp_path / "big.parquet", tmp_path / "m.safetensors", tmp_path / "answers.parquet"
    make_parquet.write(path, 100_000)
    result = run("fit", path, "--target", "passed", "--json", "-o", model, "--reference", "region=west", "--strict")
    assert result.code == 0
    assert "'yes' counts as 1, 'no' as 0" in result.err
    found = json.loads(result.out)
    assert f"dropped {found['dropped']} of 100000 rows: " in result.err
    assert found["n_rows"] + found["dropped"] == 100_000
    truth = make_parquet.TRUTH
    expected = {
        "(Intercept)": truth["(intercept)"],
        **{name: truth[name] for name in ("hours", "age", "income")},
        "region=east": 0.0, "region=north": truth["region[north]"], "region=south": truth["region[south]"],
        "school=middle": truth["school[middle]"], "school=upper": truth["school[upper]"],
        "online": truth["online[true]"],
    }  # fmt: skip
    terms = {term["term"]: term for term in found["terms"]}
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert abs(terms[name]["estimate"] - value) < 4 * terms[name]["std_error"]
    assert run("predict", model, path).code == 3
    assert run("predict", model, path, "--missing", "keep", "-o", answers, "--uncertain", "0.4", "0.6").code == 0
    out = parquet.read_table(answers)
    assert out.num_rows == 100_000
    p = out["p_yes"].to_numpy()
    assert np.isnan(p).sum() == found["dropped"]
    passed = parquet.read_table(path)["passed"].to_numpy() == "yes"
    assert np.nanmean(p) == pytest.approx(passed[~np.isnan(p)].mean(), abs=1e-10)  # the score of the intercept is 0
    unsure = out["decision"].to_numpy() == "uncertain"
    assert (unsure == ((p >= 0.4) & (p <= 0.6))).all()
