"""What a report is made of, before it has a form: parts, each with sentences, lists, tables and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torchlogit.render.document import Grid

NAME = re.compile(r"`([^`]+)`")


class Item(NamedTuple):
    """A line of a list. ``state``: good, bad or open (what a mark shows); ``head`` stands before it, ``detail`` below it."""

    text: str
    head: str = ""
    state: str = ""
    detail: str = ""


class Listed(NamedTuple):
    """Lines that belong together, under a heading of their own if there is one."""

    items: tuple[Item, ...]
    heading: str = ""


class Picture(NamedTuple):
    """A picture on light and on dark ground, each a data address; ``alt`` says what it shows; a ``wide`` one fills the page."""

    name: str
    alt: str
    caption: str
    light: str
    dark: str
    wide: bool = False


class Part(NamedTuple):
    """A part of a report, shown in this order; ``name`` is its address in the page."""

    name: str
    heading: str
    sentences: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()  # a few large numbers, each with what it says
    lists: tuple[Listed, ...] = ()
    pictures: tuple[Picture, ...] = ()
    grids: tuple[Grid, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def listed(texts: Sequence[str]) -> tuple[Listed, ...]:
    """Sentences as a list; nothing where there are none.

    >>> listed([]), listed(["a"])[0].items[0].text
    ((), 'a')
    """
    return (Listed(tuple(map(Item, texts))),) if texts else ()


def spelled(text: str, name: Callable[[str], str], other: Callable[[str], str] = str) -> str:
    """The text with each name in backquotes as ``name`` writes it, and what stands between them as ``other`` does.

    >>> spelled("a report on `passed`", str.upper)
    'a report on PASSED'
    """
    return "".join(name(part) if i % 2 else other(part) for i, part in enumerate(NAME.split(text)))
