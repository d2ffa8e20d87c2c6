"""What formulas and targets refuse: each with a sentence that says where and what to do; and that no text is ever run."""

import copy
import json
import sys

import numpy as np
import pytest

import torchlogit
from torchlogit import store
from torchlogit.errors import DataError, DataWarning, ModelFileError, ParameterError
from torchlogit.tables import Recipe
from torchlogit.tables.formula import read_formula
from torchlogit.tables.formula_expression import parse
from torchlogit.tables.formula_recipe import FormulaRecipe

RNG = np.random.default_rng(4)
N = 60
TABLE = {
    "y": RNG.integers(0, 2, N),
    "hours": RNG.uniform(1, 9, N).round(2),
    "school": RNG.choice(["A", "B", "C"], N),
    "won": RNG.integers(0, 5, N) + 1,
    "lost": RNG.integers(0, 5, N) + 1,
    "share": np.full(N, 0.3),
}


def changed(name, row, value):
    column = np.array(TABLE[name], dtype=object)
    column[row] = value
    return {**TABLE, name: column.tolist()}


FORMULAS = {
    "y ~ hurs + school": (DataError, r"column `hurs` is missing .*, at position 5 of the formula .*Did you mean `hours`"),
    "y ~ school + log(ours)": (DataError, r"column `ours` .* position 14 .*Did you mean `hours`"),
    "passed ~ hours": (DataError, r"column `passed` is missing from the table"),
    "y ~ hours +": (ParameterError, r"cannot be read: Operator `\+`"),
    "y ~ hours + (school": (ParameterError, "Could not find matching context marker"),
    "~ hours": (ParameterError, "no target before the ~"),
    "y ~ hours ~ school": (ParameterError, "more than one ~"),
    "y ~ hours | school": (ParameterError, "cannot be read"),
    "y ~ 2": (ParameterError, "cannot be read"),
    "y ~ 2:hours": (ParameterError, r"the number 2 cannot stand alone .* say I\(2 \* x\)"),
    "y ~ 0": (ParameterError, "neither terms nor an intercept"),
    "y ~ hours + y": (DataError, "`y` is the target and cannot also be a feature"),
    "y ~ lag(hours)": (ParameterError, "`lag` is no function of a formula: rows are independent"),
    "y ~ hashed(school)": (ParameterError, "`hashed` is no function"),
    "y ~ offset(hours)": (ParameterError, "give the column as the argument offset"),
    "y ~ lgo(hours)": (ParameterError, r"at position 5 of the formula .*: `lgo` is no function of a formula.*Did you mean `log`"),
    "y ~ np.mean(hours)": (ParameterError, "`mean` is no function"),
    "y ~ log(hours, hours)": (ParameterError, "`log` is given arguments that it does not have"),
    "y ~ log(school)": (DataError, "column `school`: .* is text where numbers are needed"),
    "y ~ school + bs(school, 4)": (DataError, "is text where numbers are needed"),
    "y ~ C(school, Treatment('D'))": (ParameterError, r"no level 'D' for a reference"),
    "y ~ C(school, Tretment('A'))": (ParameterError, r"position 5 .*: `Tretment` is no coding of levels.*mean `Treatment`"),
    "y ~ C(school, Poly(scores=[1, 2]))": (ParameterError, "has 3 levels but 2 scores"),
    "y ~ C(school, levels=['A', 'B'])": (DataError, "leaves out the level 'C'"),
    "y ~ bs(hours, 2)": (ParameterError, r"`bs\(hours, 2\)` df must be a whole number from 3"),
    "y ~ bs(hours, df=4, knots=[3])": (ParameterError, "takes df or knots, not both"),
    "y ~ bs(hours, dff=4)": (ParameterError, "is not written right"),
    "y ~ bs(hours, knots=[99])": (ParameterError, "inner knot that is not between the outer ones"),
    "y ~ bs(hours, df=hours)": (ParameterError, "must be a number or a text, written out"),
    "y ~ cr(hours)": (ParameterError, "needs df or knots"),
    "y ~ poly(hours, 99)": (ParameterError, "too few for a polynomial of degree 99"),
    "y ~ poly(won > 0, 1)": (ParameterError, "too few for a polynomial"),
    "y ~ I(bs(hours, 4) * 2)": (ParameterError, "has several columns and cannot be computed with"),
    "y ~ I(3)": (ParameterError, "is one number, not a column"),
    "y ~ scale(won - won)": (ParameterError, "has no spread"),
    "y ~ log(hours - hours)": (DataError, r"`log\(hours - hours\)` is not finite in rows 1, 2, 3, 4, 5, … \(60 in all\)"),
    "y ~ school > 'A'": (ParameterError, "cannot be read"),
    "y ~ I(school > 'A')": (ParameterError, "text can be compared with a column only, by == or !="),
    "log(y) ~ hours": (ParameterError, r"`log\(y\)` is a number; the target of a logistic regression is a label"),
    "I(y * 2) ~ hours": (ParameterError, "is a number"),
    "y * 2 ~ hours": (ParameterError, "is a number"),
    "won + log(lost) ~ hours": (ParameterError, "not two different columns of counts"),
    "won + won ~ hours": (ParameterError, "not two different columns of counts"),
    "won / lost ~ hours": (ParameterError, "is a number"),
    "(wan > 0) ~ hours": (DataError, "column `wan` is missing .*Did you mean `won`"),
    "share ~ hours": (DataError, "give each row twice, labelled 1 and 0, weighted by successes and failures"),
    "won + share ~ hours": (DataError, "column `share`: 0.3 .* is no whole number, as a count is; of a proportion p of m"),
    "y ~ school + " + "+".join(["hours"] * 5000): (ParameterError, "longer than"),
    "y ~ I(" + "-" * 1500 + "hours)": (ParameterError, "."),
    "y ~ I(hours + 1e400)": (ParameterError, "not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_bad_091_formulas_are_refused_with_place_and_advice(formula):
    error, told = FORMULAS[formula]
    with pytest.raises(error, match=told):
        torchlogit.fit(TABLE, formula)


ATTACKS = [
    "__import__('os').system('true')", "hours.__class__", "(lambda: 1)()", "[x for x in hours]", "np.load('f')", "eval('1')",
    "I(hours if hours else 1)", "np.log.__call__(hours)", "f'{hours}'", "hours[0]", "C(hours, __import__('os'))",
    "bs(hours, df=open('f'))", "Q(hours)", "np.linalg.inv(hours)", "I(hours := 3)", "log(*hours)", "log(**hours)",
    "I(9**9**9**9)",
    "np.where(hours > 1, open, 1)", "getattr(hours, 'x')", "C(hours, levels=__builtins__)", "poly(hours, degree=exit())",
]  # fmt: skip


@pytest.mark.parametrize("text", ATTACKS)
def test_bad_091_no_text_is_run(text, monkeypatch):
    """Neither at a fit nor from a model file is anything called that is not on the list."""
    for name in ("eval", "exec", "open", "__import__", "exit", "getattr"):
        assert name not in torchlogit.tables.formula_expression.FUNCTIONS
    with pytest.raises((ParameterError, DataError)):
        torchlogit.fit(TABLE, f"y ~ {text}")
    good = FormulaRecipe.of(TABLE, read_formula("y ~ log(hours) + school", list(TABLE))).to_dict()
    bad = copy.deepcopy(good)
    bad["products"][1] = [text]
    with pytest.raises(DataError):
        Recipe.from_dict(bad)


def stored():
    formula = "y ~ bs(hours, 4) * C(school, Sum) + scale(won) + poly(lost, 2) + cr(hours, 3) + ns(won, 2)"
    return FormulaRecipe.of(TABLE, read_formula(formula, list(TABLE))).to_dict()


def paths(data, at=()):
    """Every place in nested lists and dicts."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from paths(value, (*at, key))


def put(data, at, value):
    data = copy.deepcopy(data)
    inner = data
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return data


def test_a_recipe_that_was_tampered_with_is_refused():
    """Another type at any place is refused in a `DataError`; the formula's own text is only shown."""
    good = stored()
    assert Recipe.from_dict(json.loads(json.dumps(good))).to_dict() == good
    for at in paths(good):
        for value in (None, {"a": 1}, ["x"], float("nan")):
            if at and at[0] != "formula":
                with pytest.raises(DataError):
                    Recipe.from_dict(put(good, at, value))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("functions", "bs(hours, 4)", "knots"), [3.0, 2.0, 1.0, 0.0, 3.0, 2.0, 1.0, 0.0, 9.0]),
        (("functions", "bs(hours, 4)", "degree"), 10**6),
        (("functions", "bs(hours, 4)", "outside"), "run"),
        (("functions", "poly(lost, 2)", "norms2"), [1.0, -1.0, 2.0, 3.0]),
        (("functions", "scale(won)", "scale"), float("inf")),
        (("categories", "C(school, Sum)", "levels"), ["A", "A", "B"]),
        (("categories", "C(school, Sum)", "reference"), "Z"),
        (("categories",), {}),
        (("functions",), {}),
        (("features",), []),
        (("products",), [[], ["log(hours)"]]),
        (("products", 1), ["school"] * 9),
    ],
)
def test_state_that_means_nothing_is_refused(at, value):
    with pytest.raises(DataError):
        Recipe.from_dict(put(stored(), at, value))


def test_a_model_file_with_another_formula_is_refused(tmp_path):
    """The columns that its recipe makes must be those of its coefficients."""
    torchlogit.fit(TABLE, "y ~ hours + won").save(tmp_path / "m.safetensors")
    header, tensors = store.load(tmp_path / "m.safetensors")
    header["recipe"]["products"][1] = ["log(hours)"]
    store.save(tmp_path / "bad.safetensors", header, tensors)
    with pytest.raises(ModelFileError, match="makes other columns"):
        torchlogit.load(tmp_path / "bad.safetensors")


def test_a_file_with_too_many_columns_is_refused():
    """Before their names are made."""
    texts = [f"C(x{j})" for j in range(8)]
    levels = [str(j) for j in range(100)]
    feature = {"kind": "category", "levels": levels, "reference": "0"}
    data = {
        "formula": "y ~ …", "products": [texts], "functions": {},
        "features": [{"name": f"x{j}", **feature} for j in range(8)],
        "categories": {text: {"name": f"x{j}", **feature} for j, text in enumerate(texts)},
    }  # fmt: skip
    with pytest.raises(DataError, match="more than 1000000 columns"):
        Recipe.from_dict(data)


def test_predicting_refuses_what_fitting_did_not_see():
    fit = torchlogit.fit(TABLE, "y ~ bs(hours, 4) + C(school, Sum) + log(won)")
    new = {"hours": [2.0, 99.0], "school": ["A", "B"], "won": [1, 1]}
    with pytest.raises(DataError, match=r"`bs\(hours, 4\)` lies outside the knots, .* in row 2. .*extrapolation"):
        fit.predict(new)
    with pytest.raises(
        DataError, match=r"column `school`: 'D' \(row 2\) was not seen in fitting; the levels are 'A', 'B', 'C'"
    ):
        fit.predict({**new, "hours": [2.0, 2.0], "school": ["A", "D"]})
    with pytest.raises(DataError, match=r"`log\(won\)` is not finite in row 1"):
        fit.predict({**new, "hours": [2.0, 2.0], "won": [0, 1]})
    with pytest.raises(DataError, match="column `won` is missing from the table"):
        fit.predict({"hours": [2.0], "school": ["A"]})
    with pytest.raises(DataError, match=r"column `won` has no value .* row 2"):
        fit.predict({**new, "hours": [2.0, 2.0], "won": [1, None]})


def test_unseen_levels_may_count_as_missing_or_as_the_reference():
    recipe = torchlogit.fit(TABLE, "y ~ C(school, Treatment('B')) * hours").recipe
    new = {"hours": [2.0, None, 3.0], "school": ["D", "A", "C"]}
    found = recipe.encode(new, unseen="missing")
    assert {name: rows.tolist() for name, rows in found.missing.items()} == {"hours": [1], "school": [0]}
    assert np.isnan(found.matrix).any(1).tolist() == [True, True, False]
    with pytest.warns(DataWarning, match="count as the reference"):
        found = recipe.encode(new, unseen="reference")
    assert found.matrix[0].tolist() == [0, 0, 2, 0, 0]
    with pytest.raises(DataError, match="has `other`, which the model does not know"):
        recipe.encode({**new, "other": [1, 2, 3]}, extra="error")


COUNTS = {
    "negative": (changed("won", 3, -1), r"column `won`: -1 \(row 4\) is negative, which no count is"),
    "a fraction": (changed("lost", 0, 0.5), r"column `lost`: 0.5 \(row 1\) is no whole number"),
    "both zero": (
        {**changed("won", 2, 0), "lost": changed("lost", 2, 0)["lost"]},
        r"`won` and `lost` are both 0 in row 3",
    ),
    "all failures": ({**TABLE, "won": [0] * N}, "there are only failures, one class"),
    "missing": (changed("won", 4, None), r"column `won \+ lost` has no value .* in row 5"),
    "text": (changed("won", slice(None), "x"), "is text where numbers are needed"),
}


@pytest.mark.parametrize("case", COUNTS)
def test_counts_that_are_none_are_refused_with_their_rows(case):
    table, told = COUNTS[case]
    for target in (("won", "lost"), "won + lost", "cbind(won, lost) ~ hours"):
        with pytest.raises(DataError, match=told):
            torchlogit.fit(table, target, **({} if "~" in target else {"features": ["hours"]}))


def test_counts_may_be_dropped_where_they_are_missing():
    fit = torchlogit.fit(changed("won", 4, None), "won + lost ~ hours", missing="drop")
    assert (fit.n_rows, fit.dropped) == (N - 1, 1)


def test_proportions_with_weights_are_refused():
    with pytest.raises(DataError, match="weighted by successes and failures"):
        torchlogit.fit({**TABLE, "m": [10] * N}, "share ~ hours", weight="m")


def test_a_formula_says_what_the_other_arguments_would():
    with pytest.raises(ParameterError, match="give it, or features, not both"):
        torchlogit.fit(TABLE, "y ~ hours", features=["hours"])
    with pytest.raises(DataError, match="column `won` is not in the formula"):
        torchlogit.fit(TABLE, "y ~ hours", reference={"won": "1"})
    with pytest.raises(ParameterError, match="names a column, but the data have no names"):
        torchlogit.fit(np.ones((4, 2)), "y ~ x1")


def test_without_formulaic_the_line_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulaic.parser", None)
    with pytest.raises(ParameterError, match=r"pip install 'torchlogit\[formula\]'"):
        torchlogit.fit(TABLE, "y ~ hours")


def test_only_counts_are_grouped():
    with pytest.raises(ParameterError, match="one label a row"):
        torchlogit.fit(TABLE, "y ~ hours").grouped()
    with pytest.raises(ParameterError, match="weights besides"):
        torchlogit.fit({**TABLE, "w": [2.0] * N}, "won + lost ~ hours", weight="w").grouped()


def test_names_that_are_no_python_names():
    """Spaces, keywords, dots and quotes; a name that looks like a formula is a name where a column has it."""
    table = {
        "a ~ b": TABLE["y"],
        "my hours": TABLE["hours"],
        "class": TABLE["won"],
        "x.y": TABLE["lost"],
        "it's": TABLE["hours"] ** 2,
    }
    fit = torchlogit.fit(table, "a ~ b")
    assert fit.target == "a ~ b"
    fit = torchlogit.fit(table, "`a ~ b` ~ `my hours` * class + x.y + log(`it's`) + Q('my hours'):x.y")
    assert fit.names[1:] == (
        "my hours", "class", "x.y", "log(`it's`)", "my hours:class", "Q('my hours'):x.y",
    )  # fmt: skip
    assert Recipe.from_dict(fit.recipe.to_dict()) == fit.recipe


def test_two_calls_that_look_alike_learn_apart():
    """Of the columns a and b, and of the one called "a + b"."""
    table = {**TABLE, "a": TABLE["hours"], "b": TABLE["won"] * 1.0, "a + b": TABLE["lost"] * 3.0}
    recipe = torchlogit.fit(table, "y ~ center(a + b) + center(`a + b`)").recipe
    assert sorted(round(each.centre, 6) for each in recipe.functions.values()) == sorted(
        round(float(np.mean(x)), 6) for x in (table["a"] + table["b"], table["a + b"])
    )


def test_the_callers_columns_are_never_written_to():
    table = {name: np.array(values) for name, values in TABLE.items()}
    before = {name: values.copy() for name, values in table.items()}
    torchlogit.fit(
        table, "y ~ I(hours) * log(won) + np.maximum(hours, won) + I(-won) + np.log(hours) + bs(lost, 3) + school"
    )
    for name, values in table.items():
        np.testing.assert_array_equal(values, before[name])


def test_an_expression_is_a_plain_tree():
    assert parse("`a b` + 1") is parse("`a b` + 1")
