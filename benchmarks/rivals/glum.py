"""glum: iteratively reweighted least squares; its objective is a mean, so alpha = strength / n."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, only_single, only_two_classes, stacked

WIDTH = 3000  # columns up to which its dense Hessian is within reason


class Glum(Rival):
    """`glum.GeneralizedLinearRegressor`, dense in Fortran order; ``tol`` is its ``gradient_tol``."""

    name = short = "glum"
    package, modules = "glum", ("glum", "tabmat")
    ladder = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10)

    def refuses(self, problem: Problem) -> str:
        if problem.x.shape[1] > WIDTH and not problem.l1_ratio:
            return f"its Hessian would be {problem.x.shape[1]} × {problem.x.shape[1]}"
        return only_single(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        x = problem.x if problem.sparse else np.asfortranarray(problem.x)
        return (x.tocsc() if problem.sparse else x), problem.y.astype(x.dtype)

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from glum import GeneralizedLinearRegressor

        alpha = problem.strength / len(problem.y)
        settings = {"alpha": alpha, "l1_ratio": problem.l1_ratio, "fit_intercept": problem.intercept}
        model = GeneralizedLinearRegressor(**settings, family="binomial", gradient_tol=tol, max_iter=1000, copy_X=False)
        return model.fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        return stacked(model.coef_, model.intercept_)


class Categorical(Glum):
    """The same with tabmat's categorical matrices, which never write the zeros down."""

    name, short = "glum, categorical matrix", "glum categories"

    def refuses(self, problem: Problem) -> str:
        return "" if problem.levels and problem.kind == "single" else "only for tables with categories"

    def prepare(self, problem: Problem) -> Any:
        import tabmat

        numeric, codes = problem.arrays["numeric"], problem.arrays["codes"]
        columns = [
            tabmat.CategoricalMatrix(codes[:, j], categories=np.arange(size), drop_first=problem.drop_first)
            for j, size in enumerate(problem.levels)
        ]
        return tabmat.SplitMatrix([tabmat.DenseMatrix(np.asfortranarray(numeric)), *columns]), problem.y.astype("f8")


RIVALS = [Glum(), Categorical()]
