"""A recipe makes the same matrix of the same data whatever library holds it, and refuses what it cannot encode."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlogit.errors import DataError, DataWarning, ParameterError
from torchlogit.tables import Encoded, Feature, Recipe

LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table, "dict": dict}


def one(values, **options):
    return Recipe.learn({"x": values}, **options)


def refused(*told, learn=one, **options):
    def go(values):
        with pytest.raises(DataError) as caught:
            learn(values, **options)
        for text in told:
            assert text in str(caught.value)

    return go


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_bad_32_every_library_gives_the_same_matrix(make):
    frame = make(
        {"age": [30, 41, 52], "smoker": [True, False, True], "school": ["B", "A", "C"], "bmi": [1.5, 2.5, 3.5]}
    )
    recipe = Recipe.learn(frame)
    assert recipe.columns == ("age", "smoker", "school=B", "school=C", "bmi")
    encoded = recipe.encode(frame)
    np.testing.assert_array_equal(encoded.matrix, [[30, 1, 1, 0, 1.5], [41, 0, 0, 0, 2.5], [52, 1, 0, 1, 3.5]])
    assert encoded.matrix.dtype == np.float64
    assert encoded.matrix.flags.c_contiguous
    assert encoded.missing == {}


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_bad_04_missing_cells_of_every_library(make):
    columns = {"i": [1, None], "b": [None, True], "s": ["a", None], "f": [None, 0.5]}
    other = {"i": [1, 2], "b": [False, True], "s": ["a", "b"], "f": [0.5, 0.5]}
    encoded = Recipe.learn(make(other)).encode(make(columns))
    np.testing.assert_array_equal(encoded.matrix, [[1, np.nan, 0, np.nan], [np.nan, 1, np.nan, 0.5]])
    assert {name: rows.tolist() for name, rows in encoded.missing.items()} == {"i": [1], "b": [0], "s": [1], "f": [0]}


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean", "Float64", "int8[pyarrow]", "bool[pyarrow]"])
def test_bad_04_nullable_pandas_types(dtype):
    frame = pd.DataFrame({"x": pd.array([1, None, 0], dtype=dtype)})
    encoded = Recipe.learn(frame).encode(frame)
    np.testing.assert_array_equal(encoded.matrix[:, 0], [1, np.nan, 0])
    assert encoded.missing["x"].tolist() == [1]


def test_bad_04_pandas_na_and_nat_in_object_columns_are_missing():
    frame = pd.DataFrame({"x": pd.Series([1.5, pd.NA, None, pd.NaT, np.nan], dtype=object)})
    assert Recipe.learn(frame).encode(frame).missing["x"].tolist() == [1, 2, 3, 4]


def test_bad_01_nan_is_reported_by_column_and_row():
    encoded = Recipe.learn(np.array([[1.0, 2], [3, np.nan]])).encode(np.array([[np.nan, 2], [3, np.nan]]))
    assert {name: rows.tolist() for name, rows in encoded.missing.items()} == {"x1": [0], "x2": [1]}


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_bad_03_infinity_is_told_from_nan(value):
    refused("column `x`", "row 3", "infinite")(np.array([1, np.nan, value]))
    refused("column `x`", "row 2", "infinite", learn=one([1.0]).encode)({"x": [np.nan, value]})


def test_bad_05_masked_cells():
    refused("`x2`", "masked", "row 1", learn=Recipe.learn)(np.ma.array([[1.0, 2.0]], mask=[[False, True]]))
    assert Recipe.learn(np.ma.array([[1.0, 2.0]])).columns == ("x1", "x2")


def test_bad_15_16_no_rows_or_no_columns():
    refused("0 sample(s)", learn=Recipe.learn)(np.empty((0, 3)))
    refused("0 feature(s) (shape=(3, 0))", "minimum of 1 is required", learn=Recipe.learn)(np.empty((3, 0)))
    refused("0 feature(s)", learn=Recipe.learn, target="y")({"y": [0, 1]})
    assert Recipe.learn({"y": [0, 1]}, features=[]).encode({"y": [1, 2]}).matrix.shape == (2, 0)


def test_bad_19_arrays_of_other_shapes():
    refused("Expected 2D array", "reshape", learn=Recipe.learn)(np.ones(3))
    refused("Expected 2D array", learn=Recipe.learn)(np.ones((3, 3, 3)))
    refused("no table", learn=Recipe.learn)([[1, 2], [3]])
    refused("collect()", learn=Recipe.learn)(pl.LazyFrame({"x": [1]}))


def test_bad_20_complex():
    for values in (np.array([1j]), [1.0, 2j], pd.Series([1j])):
        refused("Complex data not supported", "`x`")(values)


@pytest.mark.parametrize("values", [["1", "2.5"], np.array(["1", "-2e3"], dtype=object), pd.Series(["1", "2"])])
def test_bad_21_numbers_kept_as_text(values):
    refused("column `x`", "'1' (row 1)", "number kept as text")(values)
    assert one(values, categorical=["x"]).features[0].reference in ("-2e3", "1")


def test_bad_21_a_column_that_mixes_numbers_and_text():
    refused("column `x`", "1 (row 1), 'b' (row 3)", "mix numbers with text")([1, None, "b", 2])


def test_bad_21_text_where_numbers_were_learnt():
    refused("`x`", "'a' (row 2)", "text", learn=one([1, 2]).encode)({"x": [None, "a"]})


def test_bad_22_booleans_are_zero_and_one():
    for values in ([True, False], np.array([True, False]), pd.Series([True, False]), pl.Series([True, False])):
        np.testing.assert_array_equal(one(values).encode({"x": values}).matrix, [[1], [0]])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float16", "float32", ">f8", ">i4", "longdouble", "?"])
@pytest.mark.parametrize("wrap", [np.asarray, pd.Series], ids=["numpy", "pandas"])
def test_bad_23_25_27_small_and_odd_number_types(dtype, wrap):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    matrix = one(wrap(values)).encode({"x": wrap(values)}).matrix
    assert matrix.dtype == np.dtype("=f8")
    np.testing.assert_array_equal(matrix - 1, [[-1], [0], [0], [-1]])


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63])
def test_bad_24_whole_numbers_beyond_float64(value):
    for values in (
        [1, value],
        np.array([1, value], "u8" if value > 0 else "i8"),
        pl.Series([1, value], dtype=pl.Int128),
    ):
        refused("column `x`", str(value), "row 2", "2^53")(values)
    refused("`x1`", "2^53", learn=Recipe.learn)(np.full((1, 1), 2**53 + 1))
    assert one(np.array([1, 2**53])).encode({"x": [2**53]}).matrix[0, 0] == 2**53


def test_bad_27_decimals_are_converted():
    values = [decimal.Decimal("1.5"), None, decimal.Decimal("NaN"), decimal.Decimal(3)]
    for column in (values, pd.Series(values)):
        np.testing.assert_array_equal(one(column).encode({"x": column}).matrix[:, 0], [1.5, np.nan, np.nan, 3])
    frame = pl.DataFrame({"x": [decimal.Decimal("1.25"), None]})
    np.testing.assert_array_equal(Recipe.learn(frame).encode(frame).matrix[:, 0], [1.25, np.nan])


def test_bad_30_the_callers_data_are_not_touched():
    array = np.asfortranarray([[1.0, 2], [3, 4]])[::-1]
    array.flags.writeable = False
    before = array.tobytes()
    encoded = Recipe.learn(array).encode(array)
    np.testing.assert_array_equal(encoded.matrix, [[3, 4], [1, 2]])
    encoded.matrix[:] = 0
    assert array.tobytes() == before


def test_bad_59_the_target_cannot_be_a_feature():
    frame = {"age": [1, 2], "y": [0, 1]}
    assert Recipe.learn(frame, target="y").columns == ("age",)
    refused("`y` is the target", learn=Recipe.learn, target="y", features=["age", "y"])(frame)


def test_bad_40_a_target_or_feature_that_is_not_there():
    frame = {"age": [1, 2], "outcome": [0, 1]}
    refused("`outcom` is missing", "Did you mean `outcome`?", learn=Recipe.learn, target="outcom")(frame)
    refused("`Age` is missing", "Did you mean `age`?", learn=Recipe.learn, features=["Age"])(frame)
    refused("`school` is no feature", "There are `age`", learn=Recipe.learn, categorical=["school"])(frame)


def test_bad_73_a_column_missing_at_predict():
    refused("column `income` is missing", "Did you mean `Income`?", learn=Recipe.learn({"income": [1, 2]}).encode)(
        {"Income": [1]}
    )


def test_bad_74_extra_columns_are_ignored_or_refused():
    recipe = one([1, 2])
    assert recipe.encode({"z": ["?"], "x": [1]}).matrix.tolist() == [[1.0]]
    refused("`z`", "does not know", learn=recipe.encode, extra="error")({"z": ["?"], "x": [1]})


@given(st.permutations(["a", "b", "c"]))
def test_bad_75_columns_are_found_by_name(order):
    data = {"a": [1.0, 2], "b": ["u", "v"], "c": [3.0, 4]}
    recipe = Recipe.learn(data)
    np.testing.assert_array_equal(recipe.encode({n: data[n] for n in order}).matrix, recipe.encode(data).matrix)


def test_bad_76_duplicate_names():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    for frame in (twice, pa.table([[1], [2]], names=["a", "a"])):
        refused("`a` more than once (columns 1, 2)", learn=Recipe.learn)(frame)
        refused("`a` more than once", learn=Recipe.learn({"a": [1, 2]}).encode)(frame)
    refused("`a` more than once", learn=Recipe.learn, features=["a", "a"])({"a": [1]})
    refused("`x1` more than once", learn=Recipe.learn, features=["x1", "x1"])(np.ones((2, 2)))


def test_bad_77_names_that_are_not_text():
    refused("1 is int", "rename", learn=Recipe.learn)(pd.DataFrame([[1, 2]], columns=["a", 1]))


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__", "(Intercept)", "const"])
def test_bad_78_names_that_are_probably_not_meant(name):
    with pytest.warns(DataWarning, match="row numbers|intercept"):
        recipe = Recipe.learn({name: [1, 2], "a": [1, 2]})
    assert recipe.columns == (name, "a")
    Recipe.learn({name: [1, 2]}, features=[name])


def test_bad_79_names_and_levels_that_look_alike():
    with pytest.warns(DataWarning, match="columns 'Age' and 'age' look alike"):
        recipe = Recipe.learn({"Age": [1, 2], "age": [3, 4]})
    assert recipe.encode({"age": [3], "Age": [1]}).matrix.tolist() == [[1, 3]]
    with pytest.warns(DataWarning, match="levels of column `x`"):
        assert one(["é", "e\u0301", "b"]).columns == ("x=e\u0301", "x=é")


HOSTILE = ["<b>", "</script>", "=cmd", "\x1b[31m", "a\nb", "nul\0", "\u202eabc", "x" * 10_000]


@pytest.mark.parametrize("name", HOSTILE)
def test_bad_80_hostile_names_and_levels_are_kept_and_shown_safe(name):
    recipe = Recipe.learn({name: [1.0, 2.0], "s": [name, "b"]})
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    for bad in ({name: [np.inf], "s": ["b"]}, {"s": ["b"]}, {name: [1], "s": [name + "?"]}):
        with pytest.raises(DataError) as caught:
            recipe.encode(bad)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


def test_bad_81_an_unseen_category():
    recipe = Recipe.learn({"school": ["A", "B", "A"]})
    frame = {"school": ["A", None, "b"]}
    refused("column `school`", "'b' (row 3)", "not seen", "'A', 'B'", "Did you mean `B`", learn=recipe.encode)(frame)
    encoded = recipe.encode(frame, unseen="missing")
    np.testing.assert_array_equal(encoded.matrix, [[0], [np.nan], [np.nan]])
    assert encoded.missing["school"].tolist() == [1, 2]
    with pytest.warns(DataWarning, match="row 3 count as the reference"):
        encoded = recipe.encode(frame, unseen="reference")
    np.testing.assert_array_equal(encoded.matrix, [[0], [np.nan], [0]])
    with pytest.raises(ParameterError, match="unseen='ignore'"):
        recipe.encode(frame, unseen="ignore")


def test_bad_82_a_level_absent_from_a_part_leaves_the_encoding_as_it_is():
    data = {"x": ["a", "b", "c", "b"]}
    recipe = Recipe.learn(data)
    whole = recipe.encode(data).matrix
    for row in range(4):
        np.testing.assert_array_equal(recipe.encode({"x": data["x"][row : row + 1]}).matrix, whole[row : row + 1])


def test_bad_84_na_and_nan_as_text_are_levels():
    for make in LIBRARIES.values():
        assert Recipe.learn(make({"x": ["NA", "nan", "None", "b"]})).features[0].levels == ("NA", "None", "b", "nan")


def test_bad_85_codes_with_zeros_are_levels_and_numbers_can_be_declared():
    assert one(["01", "1", "10"]).columns == ("x=1", "x=10")
    recipe = one([10, 9, None, 1], categorical=["x"])
    assert recipe.columns == ("x=9", "x=10")
    np.testing.assert_array_equal(recipe.encode({"x": [9.0, 1.0]}).matrix, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(recipe.encode({"x": ["10"]}).matrix, [[0, 1]])


def test_bad_86_too_many_levels():
    refused("column `x` has 100000 levels in 100000 rows")(np.arange(100_000).astype(str).astype(object) + "u")
    refused("60 levels in 60 rows", "identifier")([f"id{i}" for i in range(60)])
    assert len(one([f"id{i}" for i in range(60)], categorical=["x"]).columns) == 59
    assert len(one([f"id{i}" for i in range(40)]).columns) == 39


@pytest.mark.parametrize("ordered", [True, False])
def test_bad_87_the_order_of_a_categorical_is_kept(ordered):
    values = pd.Categorical(["mid", "low", "high"], categories=["low", "mid", "high"], ordered=ordered)
    for column in (pd.Series(values), values):
        recipe = one(column)
        assert recipe.features == (Feature("x", ("low", "mid", "high"), "low"),)
        assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert one(pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"]))).features[0].reference == "b"
    assert one(pl.Series(["b", "a"], dtype=pl.Categorical)).features[0].reference == "a"
    assert one(pa.array(["b", "a"]).dictionary_encode()).features[0].reference == "a"
    assert one(pd.Series(pd.Categorical([3, 1, None], categories=[3, 1]))).features[0].levels == ("3", "1")


def test_a_level_without_rows_is_left_out_and_told():
    values = pd.Series(pd.Categorical(["b", "c"], categories=["a", "b", "c"]))
    with pytest.warns(DataWarning, match="`x` has no row of level 'a'"):
        assert one(values).features == (Feature("x", ("b", "c"), "b"),)


def test_a_category_of_one_level_adds_no_column_and_is_told():
    with pytest.warns(DataWarning, match="one level, 'a'"):
        recipe = one(["a", "a"])
    assert recipe.encode({"x": ["a"]}).matrix.shape == (1, 0)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        pd.Series(pd.to_datetime(["2020-01-01"]).tz_localize("Asia/Tokyo")),
        pd.Series(pd.to_timedelta([1, 2])),
        pd.Series(pd.period_range("2020", periods=2)),
        pl.Series([None, dt.date(2020, 1, 1)]),
        pl.Series([dt.timedelta(1)]),
        pl.Series([dt.time(1)]),
        pa.array([1], pa.timestamp("s")),
        pa.array([1], pa.duration("s")),
        np.array(["2020-01-01"], dtype="M8[D]"),
        [dt.date(2020, 1, 1)],
        [dt.timedelta(1)],
    ],
)
def test_bad_88_dates_and_durations(values):
    refused("column `x`", "date or time", "number of a unit", "row ")(values)


@pytest.mark.parametrize(
    "values",
    [
        [None, [1]],
        [{"a": 1}],
        [b"a"],
        np.array([b"a"]),
        pl.Series([None, [1]]),
        pl.Series([{"a": 1}]),
        pl.Series([b"a"]),
        pa.array([[1]]),
        pd.Series([[1, 2], [3]]),
    ],
)
def test_bad_89_cells_that_are_no_number_and_no_text(values):
    refused("column `x`", "row ", "number")(values)


def test_bad_90_hierarchical_columns():
    columns = pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])
    refused("2 levels of names", learn=Recipe.learn)(pd.DataFrame([[1, 2]], columns=columns))


def test_a_plain_array_is_not_copied_and_a_recipe_of_arrays_takes_frames():
    array = np.arange(6.0).reshape(3, 2)
    recipe = Recipe.learn(array)
    assert recipe.features == (Feature("x1"), Feature("x2"))
    assert recipe.encode(array).matrix is array
    np.testing.assert_array_equal(recipe.encode({"x2": array[:, 1], "x1": array[:, 0]}).matrix, array)
    np.testing.assert_array_equal(recipe.encode(np.full((1, 2), 1e308)).matrix, [[1e308, 1e308]])
    refused("`x2` is missing", learn=recipe.encode)(array[:, :1])
    assert Recipe.learn(array, features=["x2"]).encode(array).matrix.tolist() == [[1], [3], [5]]
    assert Recipe.learn(array, features=["x2", "x1"]).encode(array).matrix.tolist() == array[:, ::-1].tolist()
    assert Recipe.learn(array, categorical=["x1"]).columns == ("x1=2", "x1=4", "x2")


def test_columns_of_unequal_length():
    refused("`x` is int, not a column")(5)
    refused("`a` 2, `b` 1", learn=Recipe.learn)({"a": [1, 2], "b": [1]})


def test_the_reference_can_be_chosen():
    recipe = one(["a", "b", "c"], reference={"x": "b"})
    assert recipe.columns == ("x=a", "x=c")
    np.testing.assert_array_equal(recipe.encode({"x": ["a", "b", "c"]}).matrix, [[1, 0], [0, 0], [0, 1]])
    refused("no level 'B'", "Did you mean `b`?", reference={"x": "B"})(["a", "b"])
    refused("`x` is numeric", reference={"x": "1"})([1, 2])
    refused("`z` is no feature", reference={"z": "1"})([1, 2])


def test_encoded_names_that_collide_are_refused():
    refused("`a=b` more than once", learn=Recipe.learn)({"a": ["a", "b"], "a=b": [1, 2]})


def test_a_column_without_any_value_is_refused():
    for values in ([None, None], np.array([np.nan]), pl.Series([None]), pa.nulls(2), pd.Series([None, None])):
        refused("`x` has no value in any")(values)


levels = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)


@pytest.mark.filterwarnings("ignore:.*(look alike|one level)")
@given(st.lists(levels, min_size=1, max_size=12), st.lists(st.floats(allow_infinity=False), min_size=12, max_size=12))
def test_a_recipe_survives_json_and_each_row_has_at_most_one_level(texts, numbers):
    data = {"s": ["L" + text for text in texts], "x": [*numbers[: len(texts) - 1], 1.0]}
    recipe = Recipe.learn(data)
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    matrix, missing = again.encode(data)
    assert isinstance(again.encode(data), Encoded)
    categories, x = matrix[:, :-1], matrix[:, -1]
    names = [f"s={text}" for text in data["s"]]
    for row, name in zip(categories, names, strict=True):
        assert [c for c, v in zip(recipe.columns, row, strict=False) if v] == [name] * (name in recipe.columns)
    np.testing.assert_array_equal(x, data["x"])
    assert missing.get("x", np.empty(0)).tolist() == np.flatnonzero(np.isnan(x)).tolist()


GOOD = {"features": [{"name": "s", "kind": "category", "levels": ["a", "b"], "reference": "a"}]}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"features": {}},
        {"features": [1]},
        {**GOOD, "more": 1},
        {"features": [{"name": "s"}]},
        {"features": [{"name": 1, "kind": "numeric"}]},
        {"features": [{"name": "s", "kind": "numeric", "levels": []}]},
        {"features": [{"name": "s", "kind": ["numeric"]}]},
        {"features": [{**GOOD["features"][0], "levels": []}]},
        {"features": [{**GOOD["features"][0], "levels": ["a", "a"]}]},
        {"features": [{**GOOD["features"][0], "levels": ["a", 1]}]},
        {"features": [{**GOOD["features"][0], "levels": "ab"}]},
        {"features": [{**GOOD["features"][0], "reference": "c"}]},
        {"features": GOOD["features"] * 2},
    ],
)
def test_a_dict_that_is_no_recipe_is_refused(data):
    with pytest.raises(DataError):
        Recipe.from_dict(data)
    assert Recipe.from_dict(GOOD).columns == ("s=b",)
