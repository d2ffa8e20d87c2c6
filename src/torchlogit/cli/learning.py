"""``torchlogit learn``: the pages of the lesson, served on the loopback address or written to a folder."""

from __future__ import annotations


def run(out: str | None, language: str | None, port: int, browser: bool, force: bool) -> None:
    """Write the pages to ``out``, or serve them until interrupted."""
    raise NotImplementedError
