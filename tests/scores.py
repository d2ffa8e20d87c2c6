"""Labels and probabilities that the tests of metrics share."""

import numpy as np
import pandas as pd
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


def three_classes(n, seed=0, slope=2.0):
    """A table of two numbers and three classes, the farther apart the larger the slope."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    eta = x @ np.array([[slope, 0, -slope], [0, slope, 1 - slope]]) + rng.gumbel(size=(n, 3))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.array(list("abc"))[eta.argmax(1)]})
