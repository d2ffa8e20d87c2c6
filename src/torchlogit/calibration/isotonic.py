"""Isotonic regression: the increasing function nearest to the rows, by pooling neighbours that fall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from torchlogit.metrics.ranked import summed

Floats = npt.NDArray[np.float64]
ALIKE = 1e-11  # difference of log-odds, relative from 1 on, up to which rows count as equal: rounding's


def pooled(y: Floats, weight: Floats) -> Floats:
    """The non-decreasing values (n,) that minimise ``Σ weight (y − value)²``, for y in order; weights are positive.

    Neighbouring blocks whose means do not rise share one mean in the optimum; every pass joins all runs of such blocks at
    once. Source: Ayer et al. (1955); Barlow et al. (1972), Statistical Inference under Order Restrictions, §1.2.

    >>> pooled(np.array([1.0, 0.0, 0.0, 1.0]), np.ones(4)).round(4).tolist()
    [0.3333, 0.3333, 0.3333, 1.0]
    """
    total, size, length = weight * y, weight, np.ones(len(y))
    while (falls := total[1:] * size[:-1] <= total[:-1] * size[1:]).any():
        block = np.concatenate([[0], np.cumsum(~falls)])
        total, size, length = summed(block, total), summed(block, size), summed(block, length)
    return np.repeat(total / size, length.astype(np.int64))


def isotonic(log_odds: Floats, y: Floats, weight: Floats) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """The isotonic regression of y (n,) on log-odds (n,): the rows in order, which of them stands at each of the m different
    log-odds (m,), the value there (m,), and the weight there (m,). Equal log-odds have one value; weights are positive.
    """
    order = np.argsort(log_odds, kind="stable")
    x, s = log_odds[order], weight[order]
    with np.errstate(invalid="ignore"):  # −∞ less −∞: alike
        apart = np.diff(x) > ALIKE * np.maximum(1.0, np.abs(x[1:]))
    group = np.concatenate([[0], np.cumsum(apart)])
    size = summed(group, s)
    values = pooled(summed(group, s * y[order]) / size, size)
    return order[np.flatnonzero(np.concatenate([[True], apart]))], values, size
