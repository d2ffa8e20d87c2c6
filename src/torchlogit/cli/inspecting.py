"""``torchlogit inspect``: the header of a model file, for people or as JSON."""

from __future__ import annotations

import json
from textwrap import fill
from typing import Any

from torchlogit.cli.streams import out, out_data
from torchlogit.tables.names import show

WIDTH = 80
MOST = 20  # entries of a list told one by one


def run(model: str, as_json: bool) -> None:
    """Show the header; the file is checked first, and nothing in it is run."""
    from torchlogit.store import inspect

    header = inspect(model)
    out_data(json.dumps(header, indent=2)) if as_json else out(readable(header))


def readable(header: dict[str, Any]) -> str:
    """One line a field, wrapped at 80 columns.

    >>> print(readable({"target": "passed", "columns": ["hours", "age"], "penalty": {"l1_ratio": 0.0}}))
    target   passed
    columns  hours, age
    penalty  l1_ratio 0.0
    """
    wide = max(len(show(name)) for name in header)
    lines = (
        fill(
            told(value) or "none",
            WIDTH,
            initial_indent=f"{show(name):{wide}}  ",
            subsequent_indent=" " * (wide + 2),
            break_on_hyphens=False,
        )
        for name, value in header.items()
    )
    return "\n".join(lines)


def told(value: Any) -> str:
    """A JSON value in words, cut where it is long.

    >>> told([1, True, None]), told({"a": [1, 2]})
    ('1, yes, none', 'a (1, 2)')
    """
    if isinstance(value, dict):
        return ", ".join(f"{show(name)} {_inner(each)}" for name, each in list(value.items())[:MOST])
    if isinstance(value, list):
        more = f", … ({len(value)} in all)" if len(value) > MOST else ""
        return ", ".join(map(_inner, value[:MOST])) + more
    return (
        {True: "yes", False: "no", None: "none"}[value]
        if value is None or value is True or value is False
        else show(value, 300)
    )


def _inner(value: Any) -> str:
    return f"({told(value)})" if isinstance(value, dict | list) else told(value)
