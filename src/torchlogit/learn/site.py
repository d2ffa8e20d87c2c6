"""The pages of the lesson: Markdown files in, static HTML in two languages out.

A page is ``pages/LANGUAGE/NAME.md``: between two lines ``---`` its ``title``, its ``lead`` (the page's message in one
sentence) and ``scripts`` beyond the standard ones (files of ``static``, with commas between); then Markdown, in which
the calls of `Calls` stand between double braces. It exists once both languages have it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from torchlogit.errors import FileError
from torchlogit.learn.markdown import code_block, parser

HERE = Path(__file__).parent
PAGES = (
    "index", "classes", "sigmoid", "unit", "loss", "training", "answer", "infinite", "surfaces", "saturation",
    "threshold", "digits",
)  # fmt: skip
SCRIPTS = (
    "vendor/d3/d3.min.js", "vendor/katex/katex.min.js", "vendor/katex/auto-render.min.js",
    "js/page.js", "js/controls.js", "js/chart.js",
)  # fmt: skip
STYLES = ("vendor/katex/katex.min.css", "site.css")
CALL = re.compile(r"\{\{.*?\}\}", re.DOTALL)
GENERATOR = "torchlogit learn"  # in every page: so a folder of ours is known again
LANGUAGES = {"en": "en", "zh": "zh-CN"}
WORDS = {
    "en": {
        "language": "English",
        "site": "Logistic regression, the whole lesson",
        "skip": "To the text",
        "pages": "Pages",
        "previous": "Previous",
        "next": "Next",
        "copy": "Copy",
        "copied": "Copied",
        "noscript": "This figure is interactive and needs JavaScript; the text says what it shows.",
        "foot": "Every number here is computed by torchlogit, or checked against it. Nothing is loaded from the network.",
    },
    "zh": {
        "language": "简体中文",
        "site": "逻辑斯蒂回归：完整的一课",
        "skip": "跳到正文",
        "pages": "目录",
        "previous": "上一页",
        "next": "下一页",
        "copy": "复制",
        "copied": "已复制",
        "noscript": "这幅图可以交互，需要 JavaScript；正文说明了它的内容。",
        "foot": "这里的每个数都由 torchlogit 算出，或与它核对过。页面不从网络加载任何内容。",
    },
}


@dataclass(frozen=True)
class Page:
    """A page as its file has it; ``lead`` and ``body`` are Markdown."""

    name: str
    language: str
    title: str
    lead: str
    scripts: tuple[str, ...]
    body: str

    @property
    def lead_html(self) -> Markup:
        return Markup(parser().renderInline(self.lead))


def names() -> list[str]:
    """The pages that exist, in the order of reading."""
    return [name for name in PAGES if all(page_file(name, language).is_file() for language in LANGUAGES)]


def page_file(name: str, language: str) -> Path:
    return HERE / "pages" / language / f"{name}.md"


@cache
def read_page(name: str, language: str) -> Page:
    """The page as its file has it; FileError if its head lacks a title or a lead."""
    path = page_file(name, language)
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = {key.strip(): text.strip() for key, text in (line.split(":", 1) for line in head.splitlines() if line)}
    if set(fields) - {"scripts"} != {"title", "lead"}:
        raise FileError(f"{path.name} ({language}) has {sorted(fields)} in its head; give it a title and a lead")
    scripts = tuple(filter(None, (each.strip() for each in fields.get("scripts", "").split(","))))
    return Page(name, language, fields["title"], fields["lead"], scripts, body)


@dataclass
class Calls:
    """What a page may call between double braces. Each call leaves a mark in the Markdown, filled in afterwards: so
    Markdown does not read what is no Markdown.
    """

    page: Page
    held: list[str] = field(default_factory=list)
    panels: list[str] = field(default_factory=list)

    def panel(self, name: str, caption: str = "") -> str:
        """The interactive panel of ``static/js/panels/NAME.js``."""
        self.panels.append(name)
        off = f"<noscript><p>{escape(WORDS[self.page.language]['noscript'])}</p></noscript>"
        return self._hold(f'<figure class="panel"><div data-panel="{name}">{off}</div>{_caption(caption)}</figure>')

    def figure(self, file: str, alt: str, caption: str = "") -> str:
        """A picture of ``static/figures``; ``alt`` says what it shows."""
        image = f'<img src="../static/figures/{escape(file)}" alt="{escape(alt)}">'
        return self._hold(f"<figure>{image}{_caption(caption)}</figure>")

    def code(self, name: str, title: str = "") -> str:
        """The program ``code/NAME.py``; its title, if none is given, is its file's name."""
        path = HERE / "code" / f"{name}.py"
        return self._hold(code_block(path.read_text(encoding="utf-8"), "python", title or path.name))

    def columns(self, *blocks: str) -> str:
        """Other calls side by side, one below the other where there is no room."""
        return self._hold(f'<div class="columns">{"".join(blocks)}</div>')

    def contents(self) -> str:
        """All pages but this one, with their messages."""
        return self._hold(
            template("contents.html").render(pages=[each for each in _all(self.page) if each != self.page])
        )

    def _hold(self, html: str) -> str:
        self.held.append(html)
        return f"\n\n{_mark(len(self.held))}\n\n"

    def html(self) -> Markup:
        """The page's Markdown as HTML, every mark replaced by what was held for it."""
        source = _text_environment().from_string(CALL.sub(_twice, self.page.body))
        calls = {each: getattr(self, each) for each in ("panel", "figure", "code", "columns", "contents")}
        html = parser().render(source.render(calls))
        for number in range(len(self.held), 0, -1):  # what holds others was made after them
            html = html.replace(_mark(number), self.held[number - 1])
        return Markup(html)


def _twice(call: re.Match[str]) -> str:
    """A call with each backslash of its formulas written twice, as Jinja's strings want it; what is twice stays so."""
    return re.sub(r"(?<!\\)\\(?!\\)", r"\\\\", call[0])


def _mark(number: int) -> str:
    return f"<!-- held {number} -->"


def _caption(markdown: str) -> str:
    return f"<figcaption>{parser().renderInline(markdown)}</figcaption>" if markdown else ""


def _all(page: Page) -> list[Page]:
    return [read_page(name, page.language) for name in names()]


@cache
def _text_environment() -> Environment:
    return Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


def template(name: str) -> Any:
    """A template of ``templates``."""
    return _html_environment().get_template(name)


@cache
def _html_environment() -> Environment:
    loader = FileSystemLoader(HERE / "templates")
    return Environment(loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def html_of(page: Page) -> str:
    """The page as a whole HTML document."""
    calls = Calls(page)
    body = calls.html()
    scripts = [*SCRIPTS, *page.scripts, *(f"js/panels/{name}.js" for name in calls.panels)]
    return template("page.html").render(page=page, body=body, styles=styles(), scripts=scripts, **_around(page))


def styles() -> list[str]:
    """Every style sheet is every page's; those of single panels come after the site's own."""
    own = sorted(path.name for path in (HERE / "static").glob("*.css"))
    return [*STYLES, *(name for name in own if name not in STYLES)]


def _around(page: Page) -> Mapping[str, Any]:
    """What a page shows of the site around it."""
    pages = _all(page)
    at = pages.index(page)
    return {
        "pages": pages,
        "number": at,
        "before": pages[at - 1] if at > 0 else None,
        "after": pages[at + 1] if at + 1 < len(pages) else None,
        "words": WORDS[page.language],
        "all_words": WORDS,
        "languages": LANGUAGES,
        "generator": GENERATOR,
    }


def write_page(folder: Path, name: str, language: str) -> Path:
    """Write one page to ``folder/LANGUAGE/NAME.html``."""
    path = folder / language / f"{name}.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(html_of(read_page(name, language)), encoding="utf-8")
    return path


def write_static(folder: Path) -> None:
    """Copy styles, scripts, fonts, data and figures to ``folder/static``."""
    ignored = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(HERE / "static", folder / "static", dirs_exist_ok=True, ignore=ignored)


def write_start(folder: Path, language: str | None = None) -> Path:
    """Write ``index.html``, which leads to ``language``, or to the browser's where none is given."""
    path = folder / "index.html"
    start = template("start.html").render(
        forced=language or "", languages=LANGUAGES, all_words=WORDS, generator=GENERATOR
    )
    path.write_text(start, encoding="utf-8")
    return path


def build(folder: Path, language: str | None = None) -> Path:
    """Write the whole site into ``folder``, which exists; ``index.html`` comes back.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     build(Path(folder)).name, (Path(folder) / "zh" / "index.html").is_file()
    ('index.html', True)
    """
    write_static(folder)
    for name in names():
        for each in LANGUAGES:
            write_page(folder, name, each)
    return write_start(folder, language)


def ours(folder: Path) -> bool:
    """Whether this package wrote the site in ``folder``."""
    try:
        return f'content="{GENERATOR}"' in (folder / "index.html").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
