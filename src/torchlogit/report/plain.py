"""A report as Markdown: headings, lists, tables; pictures in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torchlogit.render.markdown import escaped, table
from torchlogit.report.material import LANGUAGES
from torchlogit.report.parts import Item, Part, spelled

if TYPE_CHECKING:
    from torchlogit.report.report import Report


def markdown(report: Report) -> str:
    """The whole report."""
    words = LANGUAGES[report.language]
    head = [f"# {named(report.title)}", escaped(f"{report.kind}{words.SEPARATOR}{report.made}")]
    blocks = [block for part in report.parts for block in _part(part, words.STATES, words.WORDS["picture"])]
    return "\n\n".join([*head, *blocks]) + "\n"


def _part(part: Part, states: dict[str, str], picture: str) -> Iterator[str]:
    """The blocks of a part."""
    yield f"## {escaped(part.heading)}"
    yield from map(named, part.sentences)
    if part.figures:
        yield "\n".join(f"- **{named(number)}** {named(what)}" for number, what in part.figures)
    for each in part.lists:
        if each.heading:
            yield f"### {escaped(each.heading)}"
        yield "\n".join(_item(item, states) for item in each.items)
    for shown in part.pictures:
        yield f"*{picture}: {named(shown.caption)}.* {named(shown.alt)}"
    yield from map(table, part.grids)
    if part.facts:
        yield "\n".join(f"- {escaped(name)}: {named(value)}" for name, value in part.facts)
    yield from map(named, part.notes)


def _item(item: Item, states: dict[str, str]) -> str:
    head = f"**{named(item.head)}** " if item.head else ""
    state = f" ({states[item.state]})" if item.detail and item.state in states else ""
    detail = f"  \n  {named(item.detail)}" if item.detail else ""
    return f"- {head}{named(item.text)}{escaped(state)}{detail}"


def named(text: str) -> str:
    r"""Text that Markdown shows as it is, names in backquotes as code.

    >>> print(named("`a|b` * <c>"))
    `a|b` \* &lt;c&gt;
    """
    return spelled(text, "`{}`".format, escaped)
