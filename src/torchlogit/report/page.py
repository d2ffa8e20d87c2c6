"""A report as one page of HTML: a template, a style, and nothing that is fetched or run."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from torchlogit.render.html import table
from torchlogit.report.material import LANGUAGES
from torchlogit.report.parts import spelled

if TYPE_CHECKING:
    from torchlogit.render.document import Grid
    from torchlogit.report.report import Report

HERE = Path(__file__).parent / "templates"
LANG = {"en": "en", "zh": "zh-Hans"}
TOGETHER = re.compile(r"(?<=[\dp<=≤]) (?=[<=%\d])|(?<=%) (?=interval)")  # spaces at which a line should not break


def page(report: Report) -> str:
    """The whole page."""
    words = LANGUAGES[report.language]
    style = Markup((HERE / "report.css").read_text(encoding="utf-8"))
    told = {"words": words.WORDS, "states": words.STATES, "lang": LANG[report.language]}
    return str(_template().render(report=report, style=style, **told))


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(HERE)
    found = Environment(loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {"named": named, "table": uncaptioned, "bare": bare}
    return found.get_template("report.html")


def uncaptioned(grid: Grid) -> Markup:
    """A table, whose caption stands above it."""
    return Markup(table(grid._replace(caption="")))


def named(text: str) -> Markup:
    """Text, escaped, with names in backquotes as code whose letters may run either way.

    >>> print(named("`<b>` & more"))
    <code dir="auto">&lt;b&gt;</code> &amp; more
    """

    def code(name: str) -> str:
        return f'<code dir="auto">{escape(name)}</code>'

    return Markup(spelled(text, code, lambda part: escape(TOGETHER.sub("\u00a0", part))))


def bare(text: str) -> str:
    """Text without the backquotes around names.

    >>> bare("Report on `passed`")
    'Report on passed'
    """
    return spelled(text, str)
