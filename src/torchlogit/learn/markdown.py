r"""Markdown as the pages write it: CommonMark, tables, formulas between dollar signs, coloured code.

A formula is kept from Markdown, which would read its underscores and backslashes, and typeset by KaTeX in the browser:

>>> print(parser().render("If $a_1 * b_1$, then\n\n$$\na \\\\ b\n$$\n"), end="")
<p>If <span class="math">$a_1 * b_1$</span>, then</p>
<div class="math">$$
a \\ b
$$</div>

A sign `$` that is no formula stays, and so do formulas in code: ``$5``, ``\$``.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

GAPS = {re.compile(r"(?<=\d) (?=\d{3}\b)"): "\u202f", re.compile(r"(?<=\d) (?=%|h\b)"): "\u00a0"}  # 10 000, 87 %, 4 h
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
INLINE = re.compile(r"(\$\$?)(?![\s$])(?:\\.|[^\\$])+(?<!\s)\1(?!\d)")


@cache
def parser() -> MarkdownIt:
    """The parser of all pages."""
    md = MarkdownIt("commonmark", {"html": True}).enable("table")
    md.inline.ruler.before("escape", "math", _math_inline)
    md.block.ruler.before("fence", "math", _math_block, {"alt": ["paragraph", "list"]})
    rules: Any = {
        "math": lambda tokens, i, *_: f'<span class="math">{escape(tokens[i].content)}</span>',
        "math_block": lambda tokens, i, *_: f'<div class="math">{escape(tokens[i].content)}</div>\n',
        "text": lambda tokens, i, *_: escape(_kept(tokens[i].content), quote=False),
        "softbreak": lambda tokens, i, *_: _softbreak(tokens, i),
        "fence": lambda tokens, i, *_: code_block(tokens[i].content, tokens[i].info.split(" ")[0]),
        "table_open": lambda *_: '<div class="scroll"><table>\n',
        "table_close": lambda *_: "</table></div>\n",
        "th_open": lambda tokens, i, *_: "<th>" if tokens[i + 1].content else "<td>",  # an empty corner heads nothing
        "th_close": lambda tokens, i, *_: "</th>\n" if tokens[i - 1].content else "</td>\n",
    }
    for name, rule in rules.items():
        md.add_render_rule(name, lambda _, *given, rule=rule: rule(*given))
    return md


def code_block(code: str, language: str, title: str = "") -> str:
    r"""``code`` as HTML, its words in Pygments' classes; what is copied from it is ``code``, character for character.

    Its head says ``title``, or the language where there is none; what a program wrote (``text``) has no head.

    >>> code_block("x < 1", "text")
    '<div class="code"><pre><code class="language-text">x &lt; 1\n</code></pre></div>\n'
    """
    lexer = get_lexer_by_name(language or "text", stripnl=False)
    coloured = highlight(code, lexer, HtmlFormatter(nowrap=True))
    title = title or ("" if lexer.name == "Text only" else lexer.name)
    name = f'<div class="name">{escape(title)}</div>' if title else ""
    shown = f'<pre><code class="language-{escape(language or "text")}">{coloured}</code></pre>'
    return f'<div class="code">{name}{shown}</div>\n'


def _kept(text: str) -> str:
    """``text`` with numbers that no line break tears apart."""
    for gap, space in GAPS.items():
        text = gap.sub(space, text)
    return text


def _softbreak(tokens: Sequence[Token], i: int) -> str:
    """A line's end in the file: a space, but nothing beside Chinese, which is written without."""
    around = (tokens[i - 1].content[-1:], tokens[i + 1].content[:1])
    return "" if any(map(CHINESE.match, around)) else "\n"


def _math_inline(state: StateInline, silent: bool) -> bool:
    found = INLINE.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("math", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """From a line that begins with ``$$`` to the first that ends with it."""
    lines: list[str] = []
    for number in range(start, end):
        lines.append(state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip())
        text = "\n".join(lines)
        if not text.startswith("$$"):
            return False
        if len(text) > 4 and text.endswith("$$"):
            return silent or _push_block(state, text, number + 1)
    return False


def _push_block(state: StateBlock, text: str, after: int) -> bool:
    token: Any = state.push("math_block", "", 0)
    token.content, token.block = text, True
    state.line = after
    return True
