"""What a message shows of a name is short, printable and on one line."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlogit.tables as tables
from torchlogit.errors import DataError, DataWarning
from torchlogit.tables.names import check_unique, did_you_mean, show, show_rows, warn_lookalikes


@given(st.text(st.characters()))
def test_bad_80_whatever_the_name_it_is_shown_printable_and_short(name):
    shown = show(name)
    assert shown.isprintable()
    assert len(shown) <= 60 * 10 + 30
    shown.encode()


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=60))
def test_plain_names_are_shown_as_they_are(name):
    assert show(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb", r"a\nb"),
        ("a\0b", r"a\x00b"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u200bb", r"a\u200bb"),
        ("a\ud800b", r"a\ud800b"),
        ("=cmd", "=cmd"),
        ("größe 😀", "größe 😀"),
    ],
)
def test_bad_80_hostile_names(name, shown):
    assert show(name) == shown


def test_bad_80_long_names_are_cut_and_their_length_told():
    assert len(show("x" * 10_000)) < 90
    assert "10000 characters" in show("x" * 10_000)


def test_suggestions_ignore_case_and_spaces_and_are_shown_safe():
    assert did_you_mean("inc ome", ["age", "Income"]) == " Did you mean `Income`?"
    assert "\x1b" not in did_you_mean("age", ["age\x1b"])
    assert did_you_mean("zzz", ["age"]) == ""
    assert did_you_mean("zzz", []) == ""


def test_rows_are_counted_from_one_and_only_five_are_told():
    assert show_rows(range(7)) == "rows 1, 2, 3, 4, 5, … (7 in all)"


def test_bad_76_a_name_twice_is_refused_with_its_places():
    with pytest.raises(DataError, match=r"`b` more than once \(columns 2, 4\)"):
        check_unique(["a", "b", "c", "b"], "f.csv")


@pytest.mark.parametrize("pair", [("Age", "age"), ("a b", "ab"), ("é", "e\u0301"), ("a", "a\u200b"), ("ﬁ", "fi")])
def test_bad_79_names_that_look_alike_are_warned_of(pair):
    with pytest.warns(DataWarning, match="look alike"):
        warn_lookalikes(pair, "columns")


def test_different_names_are_not_warned_of():
    warn_lookalikes(["a", "b", "á"], "columns")


def test_every_public_name_is_there_and_importing_loads_no_heavy_library():
    for name in tables.__all__:
        assert getattr(tables, name)
    code = (
        "import sys, torchlogit.tables; from torchlogit.tables import atomic, show; "
        "print([m for m in ('pyarrow','narwhals','pandas','polars','torch','sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        tables.nothing
    assert "show" in dir(tables)
