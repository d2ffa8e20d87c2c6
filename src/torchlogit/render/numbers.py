"""Numbers as text: as many digits as say something, and a bound where there is no number to show."""

from __future__ import annotations

from math import exp, isfinite, isnan, log
from typing import Any


def number(x: float) -> str:
    """A coefficient as text: four decimals, or powers of ten where these would say too little or too much.

    >>> number(-4.07771), number(0.0), number(1.5e-9), number(123456.7)
    ('-4.0777', '0', '1.50e-9', '1.23e+5')
    """
    if x == 0 or 0.01 <= abs(x) < 10_000:
        return f"{x:.4f}" if x else "0"
    return f"{x:.2e}".replace("e-0", "e-").replace("e+0", "e+")


def p_text(log_p: float) -> str:
    """A p-value from its logarithm.

    >>> p_text(log(0.0312)), p_text(-10.0), p_text(-1254.1)
    ('0.031', '<0.001', '<1e-300')
    """
    if log_p < -300 * log(10):
        return "<1e-300"
    return "<0.001" if log_p < log(0.001) else f"{exp(log_p):.3f}"


def p_sign(log_p: float) -> str:
    """`p_text` after a sign: ``= 0.031``, ``< 0.001``."""
    text = p_text(log_p)
    return f"< {text[1:]}" if text.startswith("<") else f"= {text}"


def odds(estimate: float) -> str:
    """exp(estimate); where float64 cannot hold it, a bound.

    >>> odds(0.6931471805599453), odds(800.0), odds(-800.0)
    ('2.0000', '>1e308', '<1e-307')
    """
    if estimate > 709:
        return ">1e308"
    return "<1e-307" if estimate < -707 else number(exp(estimate))


def cell(value: Any) -> str:
    """Any value of a table as text, empty for what is no number.

    >>> cell(1.5), cell(12), cell(float("nan")), cell(float("-inf")), cell(True)
    ('1.5000', '12', '', '-inf', 'yes')
    """
    from torchlogit.tables.names import show

    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value) if isfinite(value) else "" if isnan(value) else f"{value:+}"
    return "" if value is None else show(value, 200)


def plain(value: Any) -> Any:
    """A number, a label or a text as a JSON type, None for what is not finite."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, bool | int | str) or value is None else str(value)
