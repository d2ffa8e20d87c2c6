"""Estimates that are about normal: how wide their intervals are, and their two-sided tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from torchlogit.arguments import check_share

Floats = npt.NDArray[np.float64]


def half_width(level: float) -> float:
    """Half the width of a normal interval in standard errors; ParameterError for a level that is no share.

    >>> round(half_width(0.95), 6)
    1.959964
    """
    from scipy.special import ndtri  # scipy.stats takes a second to import

    check_share(level)
    return float(-ndtri((1 - level) / 2))


def tested(estimate: Floats, error: Floats) -> tuple[Floats, Floats]:
    """``z = b / SE`` and the logarithm of its two-sided p-value, which p itself may be too small for; NaN where there is none.

    >>> z, log_p = tested(np.array([2.0]), np.array([1.0]))
    >>> z.tolist(), np.exp(log_p).round(4).tolist()
    ([2.0], [0.0455])
    """
    from scipy.special import log_ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.asarray(estimate / error)
    return z, np.asarray(np.log(2) + log_ndtr(-np.abs(z)))
