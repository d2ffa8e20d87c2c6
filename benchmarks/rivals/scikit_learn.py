"""scikit-learn: each of its solvers. Its objective is ours up to the factor C; liblinear penalises the intercept."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, bias, l1_or_l2, stacked
from benchmarks.rivals.ours import of_folds

PENALTIES = {
    "lbfgs": ("l2",), "newton-cholesky": ("l2",), "newton-cg": ("l2",), "sag": ("l2",),
    "saga": ("l1", "elasticnet"), "liblinear": ("l1", "l2"),
}  # fmt: skip
NEWTON = 1500  # columns (times classes) up to which newton-cholesky's matrix is within reason
STOCHASTIC = 60_000_000  # entries of a dense table from which sag takes minutes


class Solver(Rival):
    """`sklearn.linear_model.LogisticRegression` with one solver. Dense in Fortran order for coordinate descent."""

    package = "scikit-learn"
    modules = ("sklearn.linear_model",)
    ladder = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10)

    def __init__(self, solver: str) -> None:
        self.solver, self.name, self.short = solver, f"scikit-learn {solver}", solver

    def refuses(self, problem: Problem) -> str:
        width = problem.x.shape[1] * problem.k
        if problem.kind != "single":
            return "one fit at a time"
        if l1_or_l2(problem) not in PENALTIES[self.solver]:
            return f"not for {l1_or_l2(problem)}" + (" here: sag is its L2 twin" if self.solver == "saga" else "")
        if self.solver == "newton-cholesky" and width > NEWTON:
            return f"its Hessian would be {width} × {width}"
        if self.solver == "liblinear" and problem.k > 1:
            return "two classes only"
        if self.solver == "sag" and not problem.sparse and problem.x.size >= STOCHASTIC / 2:
            return "takes minutes on a dense table of this size"
        return ""

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        free = {"intercept_scaling": bias(problem, 100.0)} if self.solver == "liblinear" and problem.intercept else {}
        settings = {"C": 1 / problem.strength, "l1_ratio": problem.l1_ratio, "fit_intercept": problem.intercept, **free}
        return LogisticRegression(**settings, solver=self.solver, tol=tol, max_iter=10_000).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        return stacked(model.coef_, model.intercept_)


class Loop(Rival):
    """A loop over the groups, with the standard errors from the inverse information."""

    name, short = "scikit-learn newton-cholesky, a loop", "sklearn loop"
    package, modules = "scikit-learn", ("sklearn.linear_model",)
    ladder = (1e-2, 1e-4, 1e-6, 1e-8)

    def refuses(self, problem: Problem) -> str:
        return "" if problem.kind == "many" else "only for many small fits"

    def prepare(self, problem: Problem) -> Any:
        ends = np.cumsum(np.bincount(problem.arrays["groups"]))[:-1]
        return list(zip(np.split(problem.x, ends), np.split(problem.y, ends), strict=True))

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return [
            standard_errors(LogisticRegression(C=np.inf, solver="newton-cholesky", tol=tol).fit(*d), *d) for d in data
        ]

    def answer(self, problem: Problem, model: Any) -> Any:
        theta, error = (np.stack(parts) for parts in zip(*model, strict=True))
        return {"theta": theta[..., None], "std_error": error}


def standard_errors(model: Any, x: Any, _: Any) -> tuple[Any, Any]:
    """θ (p,) and its standard errors (p,)."""
    z = np.hstack([np.ones((len(x), 1)), x])
    p = model.predict_proba(x)[:, 1]
    covariance = np.linalg.inv(z.T @ (z * (p * (1 - p))[:, None]))
    return np.append(model.intercept_, model.coef_), np.sqrt(np.diag(covariance))


class CrossValidation(Rival):
    """`sklearn.linear_model.LogisticRegressionCV`."""

    package, modules = "scikit-learn", ("sklearn.linear_model",)
    ladder = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)

    def __init__(self, solver: str) -> None:
        self.solver, self.name, self.short = solver, f"scikit-learn CV {solver}", f"CV {solver}"

    def refuses(self, problem: Problem) -> str:
        return "" if problem.kind == "cv" else "only for cross-validation"

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from sklearn.linear_model import LogisticRegressionCV

        settings = {"Cs": len(problem.strengths), "cv": 5, "l1_ratios": (0.0,), "use_legacy_attributes": True}
        return LogisticRegressionCV(**settings, solver=self.solver, tol=tol, max_iter=10_000).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        # strengths come from the largest to the least, as C does from the least to the largest
        return of_folds(model)


RIVALS = [*map(Solver, PENALTIES), Loop(), *map(CrossValidation, ("lbfgs", "newton-cholesky"))]
