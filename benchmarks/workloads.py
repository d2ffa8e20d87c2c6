"""What is fitted, and by whom. A fitter gives (coef (k, d), intercept (k,)); everyone minimises the same F."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Answer = tuple[Any, Any]


class Workload(NamedTuple):
    """F = Σ ℓ(x, y) + (1/C) (l1_ratio ‖w‖₁ + (1 − l1_ratio) ‖w‖² / 2), with or without an intercept."""

    name: str
    x: Any
    y: Any
    c: float
    l1_ratio: float
    intercept: bool
    rivals: dict[str, Callable[[Workload], Answer]]

    def objective(self, answer: Answer) -> float:
        """F, with a sum that rounds once."""
        w, b = answer
        eta = self.x @ w.T + b
        if eta.shape[1] == 1:
            rows = np.logaddexp(0, np.where(self.y == 1, -1, 1) * eta[:, 0])
        else:
            top = eta.max(1)
            rows = np.log(np.exp(eta - top[:, None]).sum(1)) + top - eta[np.arange(len(eta)), self.y]
        penalty = self.l1_ratio * abs(w).sum() + (1 - self.l1_ratio) * (w**2).sum() / 2
        return math.fsum(rows) + float(penalty) / self.c


def ours(of: Workload, tol: float = 1e-8) -> Answer:
    """torchlogit, which stops at a relative distance of tol · 1e-4 to the optimum."""
    from torchlogit import LogisticRegression

    model = LogisticRegression(C=of.c, l1_ratio=of.l1_ratio, fit_intercept=of.intercept, tol=tol)
    model.fit(of.x, of.y)
    return model.coef_, model.intercept_


def sklearn(solver: str, tol: float) -> Callable[[Workload], Answer]:
    """scikit-learn with one of its solvers."""
    from sklearn.linear_model import LogisticRegression

    def fit(of: Workload) -> Answer:
        settings = {"C": of.c, "l1_ratio": of.l1_ratio, "fit_intercept": of.intercept}
        model = LogisticRegression(**settings, solver=solver, tol=tol, max_iter=10_000).fit(of.x, of.y)
        return model.coef_, model.intercept_

    return fit


def statsmodels(of: Workload) -> Answer:
    """Statsmodels' L1 fit (SLSQP), which adds the penalty to the summed log-likelihood."""
    from statsmodels.api import Logit

    settings = {"alpha": 1 / of.c, "acc": 1e-12, "maxiter": 1000, "trim_mode": "off", "disp": 0}
    found = Logit(of.y, of.x).fit_regularized(np.zeros(of.x.shape[1]), "l1", **settings)
    return found.params[None], np.zeros(1)


def workloads() -> list[Workload]:
    """Tall and dense with L2, softmax, L1."""
    from sklearn.datasets import load_breast_cancer, load_digits

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200_000, 50)) * np.exp(0.5 * rng.standard_normal(50))  # columns of unlike size
    chance = 1 / (1 + np.exp(1 - x @ rng.standard_normal(50) / 50**0.5))
    y = (rng.random(len(x)) < chance).astype(int)
    digits, label = load_digits(return_X_y=True)
    cells, benign = load_breast_cancer(return_X_y=True)
    cells = (cells - cells.mean(0)) / cells.std(0)
    smooth = {f"scikit-learn {name}": sklearn(name, 1e-6) for name in ("newton-cholesky", "newton-cg", "lbfgs")}
    rough = {f"scikit-learn {name}": sklearn(name, 1e-8) for name in ("liblinear", "saga")}
    return [
        Workload("dense 200 000 × 50, L2, C = 1", x, y, 1.0, 0.0, True, smooth),
        Workload("digits 1797 × 64, softmax, L2, C = 1", digits / 16, label, 1.0, 0.0, True, smooth),
        # without an intercept, because liblinear would penalise it
        Workload("breast cancer 569 × 30, L1, C = 1", cells, benign, 1.0, 1.0, False,
                 {**rough, "statsmodels l1 (SLSQP)": statsmodels}),
    ]  # fmt: skip
