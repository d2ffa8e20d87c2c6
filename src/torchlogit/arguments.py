"""Checks of arguments that many doors take."""

from __future__ import annotations

from torchlogit.errors import ParameterError

LANGUAGES = ("en", "zh")


def check_share(value: float, name: str = "level") -> None:
    """`ParameterError` for what does not lie between 0 and 1."""
    if not 0 < value < 1:
        raise ParameterError(f"{name} must lie between 0 and 1, got {value:g}")


def check_language(language: str) -> None:
    """`ParameterError` for a language that is not spoken here."""
    if language not in LANGUAGES:
        raise ParameterError(f"language must be {' or '.join(map(repr, LANGUAGES))}, got {language!r}")
