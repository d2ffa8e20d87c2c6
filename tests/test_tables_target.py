"""Labels become codes, weights and offsets become numbers, and rows with gaps are refused or dropped with a word."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlogit.errors import DataError, DataWarning, ParameterError
from torchlogit.tables import encode_offset, encode_target, encode_weight, keep_rows


def refused(call, *told):
    with pytest.raises(DataError) as caught:
        call()
    for text in told:
        assert text in str(caught.value)
    assert str(caught.value).isprintable()


def rows(*values):
    return [value for value in values for _ in range(8)]


LABELS = st.one_of(st.booleans(), st.text("abc", min_size=1), st.integers(-3, 3)).flatmap(
    lambda example: st.lists(st.from_type(type(example)).filter(lambda v: len(str(v)) < 5), min_size=2, max_size=6)
)


@pytest.mark.filterwarnings("ignore:.*look alike")
@given(LABELS)
def test_codes_and_classes_give_the_labels_back(labels):
    if len(set(labels)) < 2:
        return
    target = encode_target(labels * 8)
    assert target.classes[target.codes].tolist() == labels * 8
    assert target.classes.tolist() == sorted(set(labels))


@pytest.mark.parametrize("wrap", [list, np.array, pd.Series, pl.Series, pa.array, pa.chunked_array])
@pytest.mark.parametrize("pair", [(1, 2), (-1, 1), (False, True), ("no", "yes"), (0.0, 1.0)])
def test_bad_45_43_labels_of_every_kind_and_the_last_is_positive(wrap, pair):
    values = [rows(*pair)] if wrap is pa.chunked_array else rows(*pair)
    target = encode_target(wrap(values))
    assert target.classes.tolist() == list(pair)
    assert target.codes.tolist() == rows(0, 1)
    assert target.missing.size == 0


@pytest.mark.parametrize("dtype", ["int8", "uint16", "bool", "float32", "float64", "<U3", "object"])
def test_bad_54_classes_keep_the_dtype(dtype):
    assert encode_target(np.array(rows(0, 1)).astype(dtype)).classes.dtype == np.dtype(dtype)


def test_bad_39_missing_and_infinite_labels():
    assert encode_target([*rows(0.0, 1.0), np.nan, None]).missing.tolist() == [16, 17]
    assert encode_target(pd.Series([None, *rows("a", "b")])).codes[0] == -1
    refused(lambda: encode_target([0.0, 1.0, np.inf]), "`y`", "row 3", "infinite")
    refused(lambda: encode_target([None, None]), "no label", "2 rows")
    refused(lambda: encode_target([]), "0 sample(s)")


def test_bad_41_one_class():
    refused(lambda: encode_target(["no", "no", None], name="died"), "`died`", "one class only, 'no', in all 2 rows")


def test_bad_44_fractions():
    refused(lambda: encode_target([0, 0.5, 1]), "0.5 (row 2)", "Unknown label type: continuous", "proportions")


def test_bad_46_47_more_than_two_classes_for_a_binary_fit():
    three = rows(0, 1, 2)
    refused(lambda: encode_target(three, binary=True), "3 classes: 0 (8 rows), 1 (8 rows), 2 (8 rows)", "multinomial")
    assert len(encode_target(three).classes) == 3


def test_bad_48_a_target_that_looks_like_an_identifier():
    refused(lambda: encode_target(np.arange(30)), "30 classes in 30 rows", "identifier")
    refused(lambda: encode_target(np.arange(4000) // 4), "1000 classes in 4000 rows")
    assert len(encode_target(np.arange(4000) // 8).classes) == 500
    with pytest.warns(DataWarning, match="fewer than 8"):
        assert len(encode_target(["a", "b", "c"]).classes) == 3


def test_bad_49_classes_of_few_rows_are_told():
    with pytest.warns(DataWarning, match=r"fewer than 8 rows in class 'b' \(7 rows\), 'c' \(1 row\)"):
        encode_target(["a"] * 8 + ["b"] * 7 + ["c"])
    encode_target(rows("a", "b"))


def test_bad_51_numbers_and_text_mixed():
    refused(lambda: encode_target([1, 0, "1"]), "mix numbers with text", "'1' (row 3)")


@pytest.mark.parametrize("pair", [("é", "e\u0301"), ("ja", "ja\u200b"), ("①", "1")])
def test_bad_52_labels_that_look_alike_stay_apart_and_are_told(pair):
    with pytest.warns(DataWarning, match="look alike"):
        target = encode_target(rows(*pair))
    assert set(target.classes) == set(pair)
    encode_target(rows("😀", "שלום"))


def test_bad_53_a_level_that_does_not_occur():
    values = pd.Series(pd.Categorical(rows("a", "b"), categories=["z", "b", "a"]))
    with pytest.warns(DataWarning, match="no row has 'z'"):
        assert encode_target(values).classes.tolist() == ["a", "b"]


@given(st.permutations(rows("b", "a", "c")))
def test_bad_55_the_classes_do_not_depend_on_the_order_of_rows(labels):
    assert encode_target(labels).classes.tolist() == ["a", "b", "c"]


def test_bad_56_57_columns():
    for values in (np.array(rows(0, 1))[:, None], pd.DataFrame({"y": rows(0, 1)}), [[v] for v in rows(0, 1)]):
        with pytest.warns(DataWarning, match="column-vector"):
            assert encode_target(values).codes.tolist() == rows(0, 1)
    refused(lambda: encode_target(np.ones((4, 2))), "shape (4, 2)", "one target")
    refused(lambda: encode_target(np.ones((4, 1, 1))), "shape")
    refused(lambda: encode_target("yes"), "one text")
    refused(lambda: encode_target(3), "not a column")


def test_bad_58_64_lengths_and_shapes():
    for encode in (encode_weight, encode_offset):
        refused(lambda encode=encode: encode([1, 1], 3, "w"), "`w` has 2 cells for 3 rows")
        refused(lambda encode=encode: encode(np.ones((3, 1)), 3, "w"), "shape (3, 1)")


def test_bad_60_61_weights_that_are_no_weights():
    refused(lambda: encode_weight([1, -2, -3], 3), "-2.0 (row 2), -3.0 (row 3)", "negative")
    refused(lambda: encode_weight([1, np.nan], 2), "no value in row 2")
    refused(lambda: encode_weight([1, np.inf], 2), "row 2", "infinite")
    refused(lambda: encode_weight(["a", "b"], 2), "text")


def test_bad_62_all_weights_zero():
    refused(lambda: encode_weight([0, 0], 2), "all 2 weights are zero")


def test_bad_71_offsets():
    refused(lambda: encode_offset([0, None], 2), "no value in row 2")
    refused(lambda: encode_offset([0, -701], 2), "-701.0 (row 2)", "too large")
    assert encode_offset(pl.Series([0, 700]), 2).tolist() == [0, 700]


GAPS = {"age": np.array([0, 1]), "income": np.array([1, 4]), "full": np.array([], dtype=int)}


def test_missing_cells_are_refused_by_column_and_row():
    refused(
        lambda: keep_rows(GAPS, 6),
        "`age` has no value (NaN or empty) in rows 1, 2; column `income`",
        "--missing drop",
    )
    refused(lambda: keep_rows({f"x{j}": np.arange(1) for j in range(9)}, 10), "`x4`", "(9 columns in all)")
    refused(lambda: keep_rows({"x": np.arange(9)}, 10), "rows 1, 2, 3, 4, 5, … (9 in all)")


def test_missing_cells_are_dropped_and_counted():
    kept = keep_rows(GAPS, 6, policy="drop")
    assert kept.rows.tolist() == [2, 3, 5]
    assert kept.sentence == "dropped 3 of 6 rows: 2 with no `age`, 2 with no `income`"
    assert keep_rows({"full": GAPS["full"]}, 2).sentence == ""
    with pytest.raises(ParameterError, match="'fill'"):
        keep_rows({}, 2, policy="fill")


@given(st.dictionaries(st.text("ab", min_size=1), st.sets(st.integers(0, 7)), max_size=4))
def test_exactly_the_rows_without_gaps_are_kept(gaps):
    lost = set().union(*gaps.values()) if gaps else set()
    missing = {name: np.array(sorted(found), dtype=int) for name, found in gaps.items()}
    assert keep_rows(missing, 9, policy="drop").rows.tolist() == [row for row in range(9) if row not in lost]


def test_the_target_has_gaps_too():
    target = encode_target([None, *rows(0, 1)], name="died")
    refused(lambda: keep_rows({}, 17, target=target), "`died` has no value", "row 1")
    assert keep_rows({}, 17, policy="drop", target=target).rows.tolist() == list(range(1, 17))


def test_bad_42_one_class_left_after_dropping_says_why():
    target = encode_target(rows("no", "yes"), name="died")
    refused(
        lambda: keep_rows({"age": np.arange(8, 16)}, 16, policy="drop", target=target),
        "`died`: only one class, 'no', is left",
        "no row has class 'yes'",
        "dropped 8 of 16 rows: 8 with no `age`",
    )


def test_bad_49_a_class_emptied_by_dropping():
    target = encode_target(rows("a", "b", "c"))
    refused(lambda: keep_rows({"x": np.arange(8)}, 24, policy="drop", target=target), "a class is empty", "'a'")


def test_bad_63_a_class_with_no_weight():
    target, weight = encode_target(rows(0, 1)), encode_weight(rows(0, 2), 16)
    refused(lambda: keep_rows({}, 16, target=target, weight=weight), "only one class, 1, is left", "weight 0")
    assert len(keep_rows({}, 16, target=target, weight=weight + 1).rows) == 16


def test_no_row_left_says_why():
    refused(
        lambda: keep_rows({"x": np.arange(3)}, 3, policy="drop"), "no row is left: dropped 3 of 3 rows: 3 with no `x`"
    )
    refused(lambda: keep_rows({}, 0), "no row is left: the table has no rows")
