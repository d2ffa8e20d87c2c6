"""Formulas: the matrix and the names are formulaic's and patsy's, and other rows are read with what was learnt."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from torchlogit.tables import Recipe
from torchlogit.tables.formula import read_formula
from torchlogit.tables.formula_recipe import FormulaRecipe

RNG = np.random.default_rng(0)
N = 80
TABLE = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, N),
        "x": RNG.normal(size=N) + 3,
        "z": RNG.uniform(1, 5, N),
        "g": RNG.choice(list("abc"), N),
        "h": RNG.choice(["u", "v"], N),
        "k": RNG.integers(0, 3, N),
        "my col": RNG.normal(size=N),
    }
)
FORMULAS = [
    "x + g", "x * g", "g * h", "g:h", "x:g", "x:g - 1", "g - 1", "0 + g * h", "x + g:h", "g:h:x", "g + h + g:h:x", "0 + x:g + h",
    "(x + z + g)**2", "x / g", "g / x", "x %in% g", ".", ". - x", "`my col` * x", "np.exp(`my col`)", "{x + 1}:g",
    "C(k)", "C(g, Treatment('b')) * x", "C(g, Treatment(reference='c'))", "C(g, contr.treatment(base='c'))", "C(g, contr.SAS)",
    "C(g, Sum)", "C(g, Sum) * h - 1", "C(g, Helmert)", "C(g, contr.helmert) * x", "C(g, Helmert(reverse=False, scale=True))",
    "C(g, Poly)", "C(k, contr.poly)", "C(k, Poly(scores=[1, 2, 4]))", "C(g, Diff)", "C(g, Diff(backward=False))", "C(k > 1)",
    "C(g, levels=['c', 'a', 'b'])", "bs(x, 4)", "bs(x, df=5, degree=2)", "bs(x, df=5, include_intercept=True)",
    "0 + bs(x, df=5, include_intercept=True)", "bs(x, df=5, include_intercept=True):g", "bs(x, knots=[2.5, 3.5])",
    "bs(log(z), 4):g", "bs(x, 4, lower_bound=-5, upper_bound=10)", "cr(z, 4)", "cr(z, knots=[2, 3])", "cc(z, df=4)",
    "cs(z, df=4, constraints='center')", "cr(z, df=3, lower_bound=2, upper_bound=4)", "poly(x, 3)", "poly(x, 2):bs(z, 3):g",
    "poly(x, degree=2)", "scale(x) + center(z)", "standardize(x)", "scale(log(z), ddof=0)", "log(x + 5)", "np.log(z)",
    "I(x**2) + I(x > 3)", "I(-x / 2 % 3)", "np.maximum(x, z)", "np.where(x > 3, x, 0)", "I((x > 2) & (z < 4))",
]  # fmt: skip


def recipe(text, table=TABLE, names=tuple(TABLE), **settings):
    return FormulaRecipe.of(table, read_formula(f"y ~ {text}", names, ["y"]), **settings)


def quiet(action):
    with warnings.catch_warnings(action="ignore"):
        return action()


@pytest.mark.parametrize("text", FORMULAS)
def test_names_and_numbers_are_those_of_formulaic(text):
    """Every column, by its name and in its order; and the intercept is where formulaic has one."""
    formulaic = pytest.importorskip("formulaic")
    ours = recipe(text)
    theirs = quiet(lambda: formulaic.model_matrix(f"y ~ {text}", TABLE).rhs)
    columns = [name for name in theirs.columns if name != "Intercept"]
    assert list(ours.columns) == columns
    assert ours.intercept == ("Intercept" in theirs.columns)
    np.testing.assert_allclose(ours.encode(TABLE).matrix, theirs[columns].to_numpy(float), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("text", [*FORMULAS, "ns(x, 4)", "poly(x, 2, raw=True)"])
def test_one_row_alone_is_read_as_among_all(text):
    """Knots, means, levels are those of the training rows; also after a model file has held them."""
    ours = recipe(text)
    again = Recipe.from_dict(ours.to_dict())
    assert again == ours
    assert (again.columns, again.terms, again.reference) == (ours.columns, ours.terms, ours.reference)
    whole = ours.encode(TABLE).matrix
    for i in range(0, N, 9):
        np.testing.assert_allclose(again.encode(TABLE.iloc[[i]]).matrix[0], whole[i], rtol=0, atol=1e-14)


@pytest.mark.parametrize("text", ["x * g", "C(k, Sum) + bs(z, 4)", "scale(x):h", "I(g == 'a') + C(x > 3)"])
def test_every_library_has_the_same_matrix(text):
    """Pandas, polars, pyarrow and a dict of lists."""
    frames = [TABLE, pl.from_pandas(TABLE), pa.Table.from_pandas(TABLE), TABLE.to_dict("list")]
    first, *others = (recipe(text, frame).encode(frame).matrix for frame in frames)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_terms_and_references():
    ours = recipe("x * C(g, Treatment('b')) + bs(z, 4) + h + C(k, Sum)")
    assert ours.terms == {
        "x": (0,),
        "C(g, Treatment('b'))": (1, 2),
        "bs(z, 4)": (3, 4, 5, 6),
        "h": (7,),
        "C(k, Sum)": (8, 9),
        "x:C(g, Treatment('b'))": (10, 11),
    }
    assert ours.reference == {"C(g, Treatment('b'))": "b", "h": "u"}
    assert [(each.name, each.reference) for each in ours.features] == [
        ("x", ""), ("g", "b"), ("z", ""), ("h", "u"), ("k", "0"),
    ]  # fmt: skip
    assert recipe("g * x", reference={"g": "c"}).columns == ("g[T.a]", "g[T.b]", "x", "g[T.a]:x", "g[T.b]:x")
    assert recipe("k", categorical=["k"], reference={"k": "1"}).columns == ("k[T.0]", "k[T.2]")
