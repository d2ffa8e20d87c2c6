"""Any result in any form: the same cells in text, HTML, Markdown, LaTeX, JSON and frames, and every name escaped."""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from rich.cells import cell_len

import torchlogit
from torchlogit.errors import ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.render.document import Document, Grid
from torchlogit.render.html import html
from torchlogit.render.latex import latex
from torchlogit.render.markdown import markdown
from torchlogit.render.text import text

NASTY = ["<script>alert(1)</script>", "50 % of_a & b", "`tick`|pipe", "学习时间（小时）", "a\x1b[31mred", "$x^2$~\\{}#"]


@dataclass(frozen=True, repr=False, eq=False)
class Effects(Tabular):
    heading: ClassVar[str] = "Effects of <b> & co"
    derived: ClassVar[tuple[str, ...]] = ("p",)
    heads: ClassVar[dict[str, str]] = {"std_error": "std.\nerror"}
    term: tuple[str, ...]
    effect: Any
    std_error: Any
    log_p: Any
    level: float = 0.95
    kind: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def p(self):
        return np.exp(self.log_p)


def effects(names=NASTY, **more):
    m = len(names)
    return Effects(tuple(names), np.linspace(-1, 1e5, m), np.full(m, 0.25), np.linspace(-800, 0, m), **more)


class Cells(HTMLParser):
    """Texts of all cells, and every tag that there is."""

    def __init__(self, page):
        super().__init__()
        self.cells, self.tags, self.open = [], set(), False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.open = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.cells[-1] += data


def test_text_is_aligned_and_within_eighty_columns():
    lines = str(effects()).splitlines()
    table = lines[lines.index("") + 3 :]
    assert all(c.isprintable() for line in lines for c in line)
    assert {cell_len(line) for line in table[1:]} == {cell_len(table[-1])}
    assert max(map(cell_len, lines)) <= 80
    assert table[1].split() == ["term", "effect", "error", "p"]
    assert table[-1].split()[-1] == "1.000"
    assert "<1e-300" in table[2]
    assert "level  0.95" in lines
    assert repr(effects()) == str(effects())


@pytest.mark.parametrize("make", ["to_html", "to_markdown"])
def test_the_cells_of_html_and_markdown_are_those_of_the_text(make):
    found = effects()
    page = (
        found.to_html() if make == "to_html" else MarkdownIt("commonmark").enable("table").render(found.to_markdown())
    )
    (grid,) = found.document().grids
    seen = Cells(page)
    want = [head.replace("\n", " ") for head in grid.head] + [cell for row in grid.rows for cell in row]
    assert [cell.strip() for cell in seen.cells] == [cell.strip() for cell in want]
    assert "script" not in seen.tags
    assert "<b>" not in page


def test_a_page_stands_alone():
    page = effects().to_html(page=True)
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "color-scheme" in page
    assert effects()._repr_html_() == effects().to_html()


def test_latex_has_no_symbol_that_pdflatex_does_not_know():
    """Its letters are those of Latin alphabets; our own symbols (minus, ticks, roots) are mathematics. Compiled once by hand."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2))
    fit = torchlogit.fit({"größe": x[:, 0], "b": x[:, 1], "y": (x[:, 0] + rng.logistic(size=100) > 0).astype(int)}, "y")
    for found in (fit.summary(), fit.collinearity(), fit.check(), fit.effects()):
        assert re.findall(r"[^\x00-\xff]", found.to_latex()) == []


def test_latex_has_no_bare_special_character():
    body = effects().to_latex()
    bare = re.sub(r"\\[\\&%$#_{}]|\\[a-z]+(\{\})?|\$-\$", "", body)
    assert not re.search(r"[%$#_~^<>|`\\\"]", bare)
    tabular = body[body.index(r"\begin{tabular}") : body.index(r"\end{tabular}")]
    assert all(line.count("&") == 3 for line in re.sub(r"\\&", "", tabular).splitlines() if line.endswith(r"\\"))
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")
    assert "$-$1.0000" in body


def test_json_and_dict_are_json():
    found = Effects(("a", "b"), torch.tensor([1.0, float("nan")]), [1, 2], np.array([-800.0, -np.inf]), kind="HC1")
    assert json.loads(found.to_json()) == {"schema": "torchlogit/effects/1", **found.to_dict()}
    assert found.to_dict() == {
        "term": ["a", "b"], "effect": [1.0, None], "std_error": [1, 2], "log_p": [-800.0, None], "p": [0.0, 0.0],
        "level": 0.95, "kind": "HC1", "notes": [],
    }  # fmt: skip


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_hold_the_numbers_themselves(library):
    frame = effects().to_frame(library)
    columns = frame.column_names if library == "pyarrow" else list(frame.columns)
    assert columns == ["term", "effect", "std_error", "log_p", "p"]
    assert np.array_equal(np.asarray(frame["effect"]), effects().effect)
    assert list(map(str, frame["term"])) == NASTY


def test_a_strange_library_is_refused():
    with pytest.raises(ParameterError, match="'polars'"):
        effects().to_frame("spreadsheet")


def test_facts_alone_are_a_table_of_one_row():
    @dataclass(frozen=True, repr=False, eq=False)
    class Test(Tabular):
        statistic: float
        df: int
        log_p: float

    found = Test(11.666123, 1, -7.36)
    assert str(found) == "statistic  11.6661\ndf         1\np          <0.001"
    assert found.to_frame().shape == (1, 3)
    assert "11.6661" in found.to_latex()
    assert "- df: 1" in found.to_markdown()


def test_a_named_tuple_joins_in():
    class Fields(NamedTuple):
        row: np.ndarray
        leverage: np.ndarray
        dfbeta: np.ndarray

    class Influence(Tabular, Fields):
        pass

    found = Influence(np.arange(1000), np.full(1000, 0.5), np.ones((1000, 2)))
    assert list(found.columns()) == ["row", "leverage", "dfbeta.1", "dfbeta.2"]
    assert found.to_frame().shape == (1000, 4)
    assert "first 20 of 1000 rows" in str(found)
    assert len(str(found).splitlines()) < 30


def test_a_wide_table_goes_on_below():
    wide = {f"a long column {j}": np.ones(3) for j in range(12)}

    @dataclass(frozen=True, repr=False, eq=False)
    class Wide(Tabular):
        term: tuple[str, ...] = ("x" * 100, "y", "z")

        def columns(self):
            return {"term": self.term, **wide}

    lines = str(Wide()).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert sum(line.split()[:1] == ["y"] for line in lines) == 4
    assert all(any(f"a long column {j}" in line for line in lines) for j in range(12))


def test_unequal_columns_are_a_defect():
    with pytest.raises(ParameterError, match="unequal"):
        str(Effects(("a",), np.ones(2), np.ones(2), np.ones(2)))


def test_indented_rows_are_indented_in_every_form():
    document = Document(grids=(Grid(("term", "n"), (("race", ""), ("  black", "3")), "lr"),))
    assert "\n  black  3" in text(document)
    assert '<th scope="row" class="in">black</th>' in html(document)
    assert "| &emsp;black | 3 |" in markdown(document)
    assert r"\quad black & 3" in latex(document)


def test_every_place_escapes():
    """Title, facts, captions, heads, later cells and notes, not only the first column."""
    nasty = "<script>&|*_`%"
    document = Document(nasty, ((nasty, nasty),), (Grid((nasty, nasty), ((nasty, nasty),), "ll", nasty),), (nasty,))
    assert "script" not in Cells(html(document, page=True)).tags
    assert html(document).count("&lt;script&gt;&amp;|*_`%") == 9
    rendered = MarkdownIt("commonmark").enable("table").render(markdown(document))
    assert rendered.count("&lt;script&gt;&amp;|*_`%") == 9
    assert latex(document).count(r"\textless{}script\textgreater{}\&\textbar{}*\_\textasciigrave{}\%") == 9
    assert text(document).count("<script>") == 9


def test_blocks_of_a_wide_table_repeat_what_names_its_rows():
    head = ("term", "label", *(f"number{j}" for j in range(9)))
    grid = Grid(head, (("age", "yes", *["1.0000"] * 9), ("lwt", "no", *["2.0000"] * 9)), "ll" + "r" * 9)
    first, second = text(Document("", (), (grid,))).split("\n\n")
    assert [line.split()[:2] for line in second.splitlines()] == [["term", "label"], ["age", "yes"], ["lwt", "no"]]
    assert first.splitlines()[1].split()[:2] == ["age", "yes"]


def test_a_name_in_backticks_stays_on_its_line():
    for size in range(60, 80):
        shown = text(Document("", (), (), ("x" * size + " `结局` = 是",)))
        assert "`结局`" in shown
