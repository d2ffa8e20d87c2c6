"""The true maximum-likelihood estimate of small problems, by Newton's method in 60 decimal digits, and hard designs.

The designs are known results: the ill-conditioned suite has 60 rows and one rule for y, so no data file is needed.
"""

import numpy as np
from mpmath import mp, mpf

DIGITS = 60
I = np.arange(1, 61, dtype=np.float64)
Y = ((7919 * I.astype(int)) % 101 < 20 + I.astype(int)).astype(np.float64)


def designs():
    """Name → matrix (60, d) float64: what is in it is exact, also where it stands for a rounded column."""
    found = {f"POLY{degree}": np.stack([I**j for j in range(1, degree + 1)], 1) for degree in (2, 4, 6)}
    found |= {f"OFFSET1e{power}": (10.0**power + I)[:, None] for power in (3, 6, 8, 10, 12)}
    step = (37 * I) % 11 - 5
    found |= {f"NEARCOLL 2^-{power}": np.stack([I, I + step * 2.0**-power], 1) for power in (10, 20, 30, 40)}
    return found | {
        f"SCALE {scale:.0e}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-"): (scale * I)[:, None]
        for scale in (1e-300, 1e-150, 1e-8, 1e8, 1e150, 1e300)
    }


def truth(x, y):
    """Slopes and standard errors (d each, as mpf) of the logistic regression of y (n,) on x (n, d) and an intercept."""
    with mp.workdps(DIGITS):
        size = [mpf(float(abs(column).max())) for column in x.T]  # mpmath takes small numbers for zero pivots
        columns = [[mpf(float(cell)) / s for cell in column] for s, column in zip(size, x.T, strict=True)]
        basis, root = _orthonormal([[mpf(1)] * len(y), *columns])
        theta, information = _newton(basis, [mpf(float(label)) for label in y])
        back = root**-1
        slopes, covariance = back * theta, back * information**-1 * back.T
        d = range(len(size))
        return [slopes[j + 1] / size[j] for j in d], [mp.sqrt(covariance[j + 1, j + 1]) / size[j] for j in d]


def _orthonormal(columns):
    """Gram–Schmidt: the columns are ``basis @ root``."""
    basis, root = [], mp.zeros(len(columns))
    for j, column in enumerate(columns):
        for i, other in enumerate(basis):
            root[i, j] = _dot(other, column)
            column = [a - root[i, j] * b for a, b in zip(column, other, strict=True)]
        root[j, j] = mp.sqrt(_dot(column, column))
        basis.append([a / root[j, j] for a in column])
    return basis, root


def _newton(basis, y):
    """The maximum, and the information there."""
    p = range(len(basis))
    theta = mp.zeros(len(basis), 1)
    for _ in range(60):
        eta = [sum(theta[j] * basis[j][i] for j in p) for i in range(len(y))]
        mu = [1 / (1 + mp.exp(-e)) for e in eta]
        score = mp.matrix([_dot(basis[j], [a - b for a, b in zip(y, mu, strict=True)]) for j in p])
        weights = [m * (1 - m) for m in mu]
        information = mp.matrix(
            [[_dot(basis[a], [w * b for w, b in zip(weights, basis[c], strict=True)]) for c in p] for a in p]
        )
        step = mp.lu_solve(information, score)
        theta += step
        if mp.norm(step, mp.inf) < mpf(10) ** (8 - DIGITS):
            return theta, information
    raise ArithmeticError("Newton's method did not converge")


def _dot(a, b):
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def digits(computed, true):
    """The fewest correct digits of any entry: −log10 of the relative error, at most 17 (the LRE of the StRD)."""
    with mp.workdps(DIGITS):
        errors = [abs((mpf(float(c)) - mpf(t)) / mpf(t)) for c, t in zip(computed, true, strict=True)]
        return float(-mp.log10(max(mpf(10) ** -17, *errors)))
