"""adelie: the elastic net path in C++, with screening; the loss is a mean, so λ = strength / n."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.machine import cores
from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival


class Adelie(Rival):
    """`adelie.grpnet` with groups of one; ``tol`` is both its tolerances. One strength is a path of one."""

    name = short = "adelie"
    package, modules = "adelie", ("adelie",)
    ladder = (1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15)
    default = 1e-7

    def refuses(self, problem: Problem) -> str:
        if problem.kind not in ("single", "path"):
            return "one table at a time"
        if problem.k > 1:
            return "its softmax penalises the classes of a column together"
        if problem.sparse and not problem.l1_ratio:
            return "coordinate descent over every column: L1 only here"
        return ""

    def prepare(self, problem: Problem) -> Any:
        import adelie

        x = np.asfortranarray(problem.x.toarray() if problem.sparse else problem.x)
        y = problem.y.astype(x.dtype)
        matrix = adelie.matrix.dense(x, method="naive", n_threads=cores())
        return matrix, adelie.glm.binomial(y=y, dtype=x.dtype.type), x

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        import adelie

        strengths = problem.strengths if problem.kind == "path" else np.array([problem.strength])
        settings: dict[str, Any] = {"alpha": problem.l1_ratio, "intercept": problem.intercept, "early_exit": False}
        settings |= {"lmda_path": (strengths / len(problem.y)).astype(data[2].dtype), "progress_bar": False}
        return adelie.grpnet(data[0], data[1], **settings, tol=tol, irls_tol=tol, n_threads=cores())

    def answer(self, problem: Problem, model: Any) -> Any:
        betas, intercepts = np.asarray(model.betas.toarray(), "f8"), np.asarray(model.intercepts, "f8")
        theta = np.concatenate([intercepts[:, None], betas], 1)[..., None]
        return theta if problem.kind == "path" else theta[-1]


RIVALS = [Adelie()]
