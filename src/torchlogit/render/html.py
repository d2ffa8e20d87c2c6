"""HTML that needs nothing else: escaped, and in the colours of the page around it, light or dark."""

from __future__ import annotations

from html import escape

from torchlogit.render.document import Document, Grid

STYLE = """\
.torchlogit{color:inherit;font:14px/1.45 system-ui,"Noto Sans CJK SC",sans-serif;max-width:60rem}
.torchlogit h3{font-size:1.1em;margin:.6em 0}
.torchlogit dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:.6em 0}
.torchlogit dt{opacity:.7}.torchlogit dd{margin:0;overflow-wrap:anywhere}
.torchlogit div{overflow-x:auto}
.torchlogit table{border-collapse:collapse;border:0;margin:.6em 0;font-variant-numeric:tabular-nums}
.torchlogit caption{text-align:left;font-weight:600;padding:.2em 0}
.torchlogit th,.torchlogit td{background:none;color:inherit;border:0;padding:.15em .6em;white-space:nowrap}
.torchlogit th{font-weight:400;text-align:left}.torchlogit thead th{font-weight:600;vertical-align:bottom}
.torchlogit thead tr{border-bottom:1px solid;border-top:2px solid}.torchlogit tbody{border-bottom:2px solid}
.torchlogit tbody tr{background:none}.torchlogit tbody tr:hover{background:rgba(128,128,128,.15)}
.torchlogit .r{text-align:right}.torchlogit .in{padding-left:1.8em}
.torchlogit p{margin:.4em 0;max-width:46rem}
@media(max-width:36rem){.torchlogit table{font-size:.85em}.torchlogit th,.torchlogit td{padding:.15em .4em}
.torchlogit tr>:first-child{position:sticky;left:0;background:Canvas}}"""


def html(document: Document, page: bool = False, language: str = "en") -> str:
    """The document as one ``<div>``, or with ``page`` as a whole page."""
    parts = [f"<style>{STYLE}</style>"]
    if document.title:
        parts.append(f"<h3>{escape(document.title)}</h3>")
    if document.facts:
        pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts)
        parts.append(f"<dl>{pairs}</dl>")
    parts += [f'<div tabindex="0">{table(grid)}</div>' for grid in document.grids]
    parts += [f"<p>{escape(note)}</p>" for note in document.notes]
    body = f'<div class="torchlogit" lang="{escape(language)}">{"".join(parts)}</div>'
    return _page(document.title, body, language) if page else body


def table(grid: Grid) -> str:
    """A table; the first cell of a row is its heading."""
    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    heads = "".join(
        f'<th scope="col"{_place(a)}>{escape(head.replace(chr(10), " "))}</th>'
        for head, a in zip(grid.head, grid.align, strict=True)
    )
    rows = "".join(f"<tr>{_row(row, grid.align)}</tr>" for row in grid.rows)
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(row: tuple[str, ...], align: str) -> str:
    inside = ' class="in"' if row[0].startswith(" ") else _place(align[0])
    first = f'<th scope="row"{inside}>{escape(row[0].strip())}</th>'
    return first + "".join(f"<td{_place(a)}>{escape(c)}</td>" for c, a in zip(row[1:], align[1:], strict=True))


def _place(align: str) -> str:
    return ' class="r"' if align == "r" else ""


def _page(title: str, body: str, language: str) -> str:
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head><body>{body}</body></html>\n"
    )
