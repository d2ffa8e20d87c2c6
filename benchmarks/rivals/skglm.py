"""skglm: working sets and prox-Newton, compiled by numba at the first call; a mean, so alpha = strength / n."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, only_two_classes, stacked


class Sparse(Rival):
    """`skglm.SparseLogisticRegression`, dense in Fortran order, sparse as CSC; a path is a chain of warm starts."""

    name = short = "skglm"
    package, modules = "skglm", ("skglm",)
    ladder = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10)

    def refuses(self, problem: Problem) -> str:
        if problem.kind not in ("single", "path") or not problem.l1_ratio:
            return "made for L1"
        return only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        return (problem.x.tocsc() if problem.sparse else np.asfortranarray(problem.x)), problem.y

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from skglm import SparseLogisticRegression

        settings = {"l1_ratio": problem.l1_ratio, "fit_intercept": problem.intercept, "tol": tol}
        model = SparseLogisticRegression(**settings, warm_start=problem.kind == "path", max_iter=100)
        found = []
        for strength in problem.strengths if problem.kind == "path" else [problem.strength]:
            model.alpha = strength / len(problem.y)
            model.fit(*data)
            found.append((model.coef_.copy(), np.copy(model.intercept_)))
        return found

    def answer(self, problem: Problem, model: Any) -> Any:
        thetas = np.stack([stacked(*found) for found in model])
        return thetas if problem.kind == "path" else thetas[0]


RIVALS = [Sparse()]
