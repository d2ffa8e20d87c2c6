"""Labels and probabilities that the tests of metrics share."""

import numpy as np
from scipy.special import expit


def sample(n, seed, ties=True, weights=None):
    """Scores that tell two classes apart a little: labels, probabilities and weights."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.4
    p = expit(rng.normal(size=n) + y)
    weight = {None: np.ones(n), "whole": rng.integers(0, 4, n) * 1.0, "broken": rng.exponential(size=n)}[weights]
    return y.astype(int), np.round(p, 1 if ties else 16).clip(0.05, 0.95), weight


def of_classes(n, size, seed):
    """Labels and probabilities of several classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, size, n)
    p = np.exp(rng.normal(size=(n, size)) + 1.5 * np.eye(size)[y])
    return y, p / p.sum(1, keepdims=True)
