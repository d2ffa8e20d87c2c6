"""Numbers and names as a sentence has them: few digits, and never one that says less than it seems to.

``words`` is the module of a language, with its ``PERCENT``, ``SEPARATOR`` and ``MORE``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from math import exp, floor, isfinite, log10
from types import ModuleType
from typing import Any


def p_words(log_p: float) -> str:
    """A p-value in a sentence: two digits, one below 0.001, a bound below 0.0001.

    >>> p_words(-0.5), p_words(-7.36), p_words(-20.0), p_words(0.0)
    ('p = 0.61', 'p = 0.0006', 'p < 0.0001', 'p = 1.0')
    """
    p = exp(log_p)
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.1g}" if p < 0.001 else f"p = {digits_words(p, 2)}"


def ratio_words(log_ratio: float, digits: int = 3, extra: int = 0) -> str:
    """An odds ratio from its logarithm: two digits, ``digits`` between 1.1 and 2; close to 1, two of its distance from 1.

    ``extra`` digits tell numbers apart that would look alike.

    >>> ratio_words(1.5046), ratio_words(-0.8), ratio_words(0.0055), ratio_words(800.0), ratio_words(12.0)
    ('4.5', '0.45', '1.0055', 'more than 1e+300', '160000')
    """
    if log_ratio > 690:
        return "more than 1e+300"
    ratio = exp(log_ratio)
    if 0 < (distance := abs(ratio - 1)) < 0.1:
        places = 2 if distance >= 0.01 else 1 - floor(log10(distance))
        return f"{ratio:.{min(places + extra, 15)}f}"
    return digits_words(ratio, (2 if ratio > 2 or ratio < 1 else digits) + extra)


def digits_words(x: float, digits: int) -> str:
    """So many digits that count; no powers of ten unless very large or small.

    >>> digits_words(2.7101, 3), digits_words(1234.5, 2), digits_words(0.0123, 2), digits_words(1e-9, 2)
    ('2.71', '1200', '0.012', '1e-09')
    """
    if not isfinite(x) or x == 0:
        return f"{x:g}"
    size = floor(log10(abs(x)))
    rounded = round(x, digits - 1 - size)
    if not -5 < size < 7:
        return f"{rounded:.{digits}g}"
    return f"{rounded:.{max(0, digits - 1 - size)}f}"


def percent_words(share: float, more: int = 0) -> str:
    """A share as per cent, with so many digits ``more`` as tell it from another.

    >>> percent_words(0.5), percent_words(0.0123), percent_words(0.99999), percent_words(0.3021, 1)
    ('50 %', '1.2 %', '99.9990 %', '30.2 %')
    """
    if share > 0.9 and share < 1:
        places = max(0, -floor(log10(1 - share)) - 2) + more
        return f"{100 * share:.{min(places, 10)}f} %"
    return f"{digits_words(100 * share, (2 if share < 9.995 else 3) + more)} %"


def share_words(share: float, words: ModuleType, more: int = 0) -> str:
    """A share as per cent, as the language writes it."""
    return percent_words(share, more).replace(" %", str(words.PERCENT))


def level_words(level: float, words: ModuleType) -> str:
    """The level of an interval as per cent, all its digits."""
    return f"{100 * level:g}{words.PERCENT}"


def name_words(text: Any) -> str:
    """A name, safe to show.

    >>> name_words("age")
    '`age`'
    """
    from torchlogit.tables.names import show  # it brings numpy, and the command's help takes `reworded` from here

    return f"`{show(text)}`"


def list_words(names: Sequence[str], words: ModuleType) -> str:
    """Names in a row, the first five, and how many there are."""
    from torchlogit.tables.names import FIRST

    told = words.SEPARATOR.join(names[:FIRST])
    return str(words.MORE.format(names=told, count=len(names))) if len(names) > FIRST else str(told)


def reworded(text: str, pairs: Iterable[tuple[str, str | Callable[[re.Match[str]], str]]]) -> str:
    r"""The text with what stands for each pattern in its place, in this order.

    >>> reworded("12 rows", [(r"(\d+) rows", r"\1 行")])
    '12 行'
    """
    for pattern, other in pairs:
        text = re.sub(pattern, other, text)
    return text
