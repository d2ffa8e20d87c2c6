"""celer: L1 by working sets and dual extrapolation, without an intercept."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, only_single, only_two_classes, stacked


class Celer(Rival):
    """`celer.LogisticRegression`, prox-Newton on the working set; dense in Fortran order."""

    name = short = "celer"
    package, modules = "celer", ("celer",)
    ladder = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)

    def refuses(self, problem: Problem) -> str:
        if problem.l1_ratio != 1:
            return "L1 only"
        if problem.intercept:
            return "has no intercept (see S6-bare)"
        return only_single(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        return (problem.x.tocsc() if problem.sparse else np.asfortranarray(problem.x)), problem.y

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from celer import LogisticRegression

        return LogisticRegression(C=1 / problem.strength, tol=tol).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        return stacked(model.coef_, 0.0)


RIVALS = [Celer()]
