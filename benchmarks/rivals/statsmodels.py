"""statsmodels: Newton on the log-likelihood, without a penalty.

`Logit` has no ridge, and `GLM.fit_regularized` is coordinate descent in Python. A penalty of strength 1 on 200 000 rows
changes F by less than 1e-5 of itself, so Logit's time is shown there all the same, with its distance to the penalised
optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, only_dense, only_two_classes


class Logit(Rival):
    """`statsmodels.api.Logit` by Newton; ``tol`` is its relative change of the coefficients."""

    name, short = "statsmodels Logit", "statsmodels"
    package, modules = "statsmodels", ("statsmodels.api",)
    ladder = (1e-4, 1e-8, 1e-12)
    default = 1e-8

    def refuses(self, problem: Problem) -> str:
        if problem.kind == "many":
            return ""
        if problem.kind != "single" or problem.x.shape[1] * 20 > problem.x.shape[0]:
            return "no penalty: only for tall tables and many fits"
        if problem.name.startswith("S8"):
            return "no penalty"
        return only_dense(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        z = np.hstack([np.ones((len(problem.y), 1), problem.x.dtype), problem.x])
        if problem.kind == "single":
            return [(z, problem.y)]
        ends = np.cumsum(np.bincount(problem.arrays["groups"]))[:-1]
        return list(zip(np.split(z, ends), np.split(problem.y, ends), strict=True))

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from statsmodels.api import Logit as Model

        return [Model(y, z).fit(disp=0, tol=tol, maxiter=100) for z, y in data]

    def answer(self, problem: Problem, model: Any) -> Any:
        theta = np.stack([m.params for m in model])[..., None]
        if problem.kind == "single":
            return theta[0]
        return {"theta": theta, "std_error": np.stack([m.bse for m in model])}


RIVALS = [Logit()]
