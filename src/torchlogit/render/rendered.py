"""What has a document can be shown in every form."""

from __future__ import annotations

from torchlogit.render.document import Document
from torchlogit.render.html import html
from torchlogit.render.latex import latex
from torchlogit.render.markdown import markdown
from torchlogit.render.text import text


class Rendered:
    """A mixin: write `document`, and text (``print``), HTML (notebooks), Markdown and LaTeX follow from it."""

    def document(self) -> Document:
        """What is shown."""
        raise NotImplementedError

    def __str__(self) -> str:
        return text(self.document())

    def __repr__(self) -> str:
        return str(self)

    def to_html(self, page: bool = False) -> str:
        """One ``<div>`` with its own style, or a whole ``page`` to be saved; names are escaped, light and dark are the page's."""
        return html(self.document(), page)

    def to_markdown(self) -> str:
        """Markdown with pipe tables."""
        return markdown(self.document())

    def to_latex(self) -> str:
        r"""LaTeX tables; they need ``\usepackage{booktabs}``."""
        return latex(self.document())

    def _repr_html_(self) -> str:
        return self.to_html()
