"""Which rows of theta belong to one term."""

import numpy as np

import torchlogit

RNG = np.random.default_rng(3)
TABLE = {
    "age": RNG.normal(40, 10, 90),
    "school": np.array(["A", "B", "C"])[RNG.integers(0, 3, 90)],
    "smoker": RNG.integers(0, 2, 90).astype(bool),
    "ward": np.array(["n", "s"])[RNG.integers(0, 2, 90)],
    "passed": RNG.integers(0, 2, 90),
}


def test_the_levels_of_a_category_are_one_term():
    fit = torchlogit.fit(TABLE, "passed", reference={"school": "B"})
    assert fit.terms == {"age": (1,), "school": (2, 3), "smoker": (4,), "ward": (5,)}
    assert [[fit.names[j] for j in rows] for rows in fit.terms.values()][1] == ["school=A", "school=C"]
    assert fit.reference == {"school": "B", "ward": "n"}


def test_without_an_intercept_rows_count_from_0():
    fit = torchlogit.fit(TABLE, "passed", features=["school", "age"], intercept=False)
    assert fit.terms == {"school": (0, 1), "age": (2,)}


def test_each_column_of_a_matrix_is_a_term():
    fit = torchlogit.fit(RNG.normal(size=(90, 2)), TABLE["passed"])
    assert fit.terms == {"x1": (1,), "x2": (2,)}
    assert fit.reference == {}


def test_terms_come_back_from_the_model_file(tmp_path):
    fit = torchlogit.fit(TABLE, "passed")
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    assert (again.terms, again.reference) == (fit.terms, fit.reference)
