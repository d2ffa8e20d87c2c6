"""Columns without a formula, in every library: references, ordered levels, booleans, dates."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import torchlogit
from torchlogit.errors import DataError

RNG = np.random.default_rng(8)
N = 90
SIZES = ["small", "middle", "large"]
PLAIN = {
    "size": np.array(SIZES)[RNG.integers(0, 3, N)].tolist(),
    "smoker": RNG.integers(0, 2, N).astype(bool).tolist(),
    "age": RNG.normal(40, 9, N).tolist(),
    "y": RNG.integers(0, 2, N).tolist(),
}
FRAMES = {
    "dict": PLAIN,
    "pandas": pd.DataFrame(PLAIN),
    "polars": pl.DataFrame(PLAIN),
    "pyarrow": pa.table(PLAIN),
    "pandas categorical": pd.DataFrame(PLAIN).astype({"size": "category"}),
    "polars categorical": pl.DataFrame(PLAIN).with_columns(pl.col("size").cast(pl.Categorical)),
    "pyarrow dictionary": pa.table({**PLAIN, "size": pa.array(PLAIN["size"]).dictionary_encode()}),
}
ORDERED = {
    "pandas": pd.DataFrame({**PLAIN, "size": pd.Categorical(PLAIN["size"], categories=SIZES, ordered=True)}),
    "polars": pl.DataFrame(PLAIN).with_columns(pl.col("size").cast(pl.Enum(SIZES))),
}


@pytest.mark.parametrize("library", FRAMES)
def test_a_reference_is_named_in_every_library(library):
    """Also by formula; all fits are one and the same."""
    fit = torchlogit.fit(FRAMES[library], "y", reference={"size": "middle"})
    assert fit.columns == ("size=large", "size=small", "smoker", "age")
    assert fit.reference == {"size": "middle"}
    by_formula = torchlogit.fit(FRAMES[library], "y ~ size + smoker + age", reference={"size": "middle"})
    assert by_formula.columns == ("size[T.large]", "size[T.small]", "smoker", "age")
    assert by_formula.reference == {"size": "middle"}
    first = torchlogit.fit(PLAIN, "y", reference={"size": "middle"})
    for other in (fit, by_formula):
        np.testing.assert_allclose(other.theta, first.theta, rtol=1e-12)


@pytest.mark.parametrize("library", FRAMES)
def test_a_reference_that_is_no_level_is_refused_with_a_guess(library):
    for target in ("y", "y ~ size + age"):
        with pytest.raises(DataError, match=r"column `size` has no level 'midle'. Did you mean `middle`"):
            torchlogit.fit(FRAMES[library], target, reference={"size": "midle"})


@pytest.mark.parametrize("library", ORDERED)
def test_ordered_levels_keep_their_order(library, tmp_path):
    """Each compared with the lowest; polynomials as in R are asked for. A model file keeps the order."""
    fit = torchlogit.fit(ORDERED[library], "y")
    assert fit.columns == ("size=middle", "size=large", "smoker", "age")
    polynomials = torchlogit.fit(ORDERED[library], "y ~ C(size, Poly) + smoker + age")
    assert polynomials.columns == ("C(size, Poly)[.L]", "C(size, Poly)[.Q]", "smoker", "age")
    assert polynomials.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12)
    linear = np.array([-1, 0, 1]) / np.sqrt(2)
    x = polynomials.training.x.numpy()[:, 0]
    np.testing.assert_allclose(x, linear[[SIZES.index(size) for size in PLAIN["size"]]], atol=1e-15)
    polynomials.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert again.recipe.features[0].levels == tuple(SIZES)
    np.testing.assert_array_equal(again.predict_proba(PLAIN), polynomials.predict_proba(PLAIN))


def test_booleans_are_one_column():
    """0 and 1, with and without a formula."""
    for target in ("y", "y ~ smoker + age"):
        fit = torchlogit.fit(PLAIN, target, **({} if "~" in target else {"features": ["smoker", "age"]}))
        assert fit.columns == ("smoker", "age")
        assert set(fit.training.x[:, 0].tolist()) == {0.0, 1.0}


DATES = [datetime.date(2020, 1, 1) + datetime.timedelta(days=j) for j in range(N)]


@pytest.mark.parametrize(
    "target", ["y", "y ~ when", "y ~ poly(when, 2)", "y ~ C(when) + age", "when ~ age", "(when > 0) ~ age"]
)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_dates_are_refused_with_advice(target, make):
    """Their polynomials too: they need a unit and an origin that the user knows."""
    with pytest.raises(DataError, match=r"column `when`: .* is a date or time. Turn it .* such as days since a date"):
        torchlogit.fit(make({**PLAIN, "when": DATES}), target)
