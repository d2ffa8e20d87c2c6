"""Snap ML: parallel coordinate descent. The intercept is a column of constants, large so that its penalty is small."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.machine import cores
from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, bias, l1_or_l2, only_single, only_two_classes, stacked


class Snap(Rival):
    """`snapml.LogisticRegression` on all cores: the dual for L2, the primal for L1; it works in float32."""

    name = short = "snapml"
    package, modules = "snapml", ("snapml",)
    ladder = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
    default = 1e-3

    def refuses(self, problem: Problem) -> str:
        if problem.l1_ratio not in (0, 1):
            return "no elastic net"
        return only_single(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        x, n = problem.x.astype("f4"), len(problem.y)
        if problem.intercept:
            column = np.full((n, 1), bias(problem, 10.0), "f4")
            x = sparse.hstack([x, column], format="csr") if problem.sparse else np.hstack([x, column])
        return x, problem.y.astype("f4")

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from snapml import LogisticRegression

        settings = {"regularizer": problem.strength, "penalty": l1_or_l2(problem), "dual": not problem.l1_ratio}
        return LogisticRegression(**settings, tol=tol, max_iter=10_000, n_jobs=cores()).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        w = np.asarray(model.coef_, "f8").ravel()
        return stacked(w[:-1], w[-1] * bias(problem, 10.0)) if problem.intercept else stacked(w, 0.0)


RIVALS = [Snap()]
