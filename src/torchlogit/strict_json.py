"""JSON from a stranger: what Python's reader lets pass silently, or falls over, is refused.

RFC 8259 leaves open what a name that occurs twice means, how long a number may be and how deep a value may nest;
Python takes the last, raises a ``RecursionError`` and adds NaN and Infinity. Here each is a ``ValueError`` with a short
reason.
"""

from __future__ import annotations

import json
import math
from typing import Any


def parse(text: bytes, max_depth: int) -> Any:
    """Parse strictly: UTF-8, no name twice, numbers within float64 and int64, no lone surrogate, not nested too deep.

    >>> parse(b'{"a": [1, -0.0]}', max_depth=3)
    {'a': [1, -0.0]}
    >>> parse(b'{"a": 1, "a": 2}', max_depth=3)
    Traceback (most recent call last):
        ...
    ValueError: the name 'a' occurs twice
    """
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_int=_int64,
            parse_float=_finite,
            parse_constant=_finite,
        )
        _check(value, max_depth)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the name {name[:40]!r} occurs twice")
        fields[name] = value
    return fields


def _int64(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError(f"an integer of {len(digits)} digits does not fit in 64 bits")
    return int(digits)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return float(text)


def _check(value: Any, left: int) -> None:
    """Walk down ``left`` levels at most; every string must be text that UTF-8 can write."""
    if left == 0:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        _check([*value, *value.values()], left)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, left - 1)
