"""Every row of the list of bad inputs that is due has a test that carries its number.

A number counts when it stands in a test's name after ``bad`` (``test_bad_142_bom``, ``test_bad_041_042_…``), or begins the name
with all its three digits (``test_165_…``), or in an id of a parametrised test in the first form (``"bad_142"``).
"""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LIST = Path(__file__).resolve().parents[2] / "shared" / "reference" / "bad-inputs.md"
SECTIONS = "ABCDEFGHIJ"

# Rows of these sections that belong to later work, and to which.
LATER = {
    128: "accelerators without float64: none to test on",
    136: "metrics: AUC",
    161: "streaming: files that change between passes",
    162: "streaming: globs",
    163: "streaming: headers of shards",
    206: "exports",
    249: "Ray",
}


def rows(text):
    """(section, number, priority) of every row of the tables."""
    section = ""
    for line in text.split("\n"):
        if heading := re.match(r"### ([A-Z])\. ", line):
            section = heading[1]
        elif row := re.match(r"\| (\d+) \|.*\| (P[012]) \|$", line):
            yield section, int(row[1]), row[2]


def numbers(text):
    """Numbers after ``bad_`` in a name: ``test_bad_041_42_one_class`` gives 41 and 42, ``test_165_x`` 165."""
    if begins := re.match(r"test((?:_\d{3})+)_", text):
        yield from map(int, begins[1].strip("_").split("_"))
    for found in re.finditer(r"\bbad((?:_\d+)+)(?:_|\b)|_bad((?:_\d+)+)(?:_|\b)", text):
        yield from map(int, (found[1] or found[2]).strip("_").split("_"))


def numbers_of_tests(source):
    """Numbers that names of test functions and texts in their decorators carry."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield from numbers(node.name)
            for decorator in node.decorator_list:
                for inner in ast.walk(decorator):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        yield from numbers(inner.value)


def test_numbers_are_read_from_names_and_ids():
    source = """
@pytest.mark.parametrize("x", [pytest.param(1, id="bad_7"), pytest.param(2, id="bad_008_x")])
def test_bad_041_42_one_class(): "bad_99"
def test_abad_5_x(): pass
def helper_bad_6(): pass
def test_165_166_x(): pass
def test_12_x(): pass
def test_x_167(): pass
def test_bad_19_arrays_of_3_axes(): pass
"""
    assert sorted(numbers_of_tests(source)) == [7, 8, 19, 41, 42, 165, 166]


@pytest.mark.skipif(not LIST.exists(), reason="the list of bad inputs is not beside this checkout")
def test_every_row_that_is_due_has_a_test():
    listed = list(rows(LIST.read_text(encoding="utf-8")))
    assert len({number for _, number, _ in listed}) == len(listed) > 290
    due = {number for section, number, priority in listed if section in SECTIONS and priority in ("P0", "P1")}
    assert LATER.keys() <= due
    found = {
        number for path in TESTS.rglob("test_*.py") for number in numbers_of_tests(path.read_text(encoding="utf-8"))
    }
    assert sorted(due - found - LATER.keys()) == []
    assert sorted(found - {number for _, number, _ in listed}) == [], "numbers that the list does not have"
