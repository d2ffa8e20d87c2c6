"""torchlogit, by each of its doors."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, stacked


class Door(Rival):
    """What the doors share. A relative distance of tol · 1e-4 to the optimum is where a fit stops."""

    package = "torchlogit"
    modules: tuple[str, ...] = (
        "torch",
        "sklearn.linear_model",
        "torchlogit",
        "torchlogit.fit",
        "torchlogit.estimators",
    )
    ladder = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10)  # a duality gap bounds F from far above
    ours = True
    needs = "LogisticRegression"

    def refuses(self, problem: Problem) -> str:
        import torchlogit

        return self.not_mine(problem) or ("" if hasattr(torchlogit, self.needs) else f"no torchlogit.{self.needs} yet")

    def not_mine(self, problem: Problem) -> str:
        raise NotImplementedError


class Estimator(Door):
    """`torchlogit.LogisticRegression`, with scikit-learn's parameters."""

    name = short = "torchlogit"

    def not_mine(self, problem: Problem) -> str:
        return "" if problem.kind == "single" and not problem.drop_first else "another door"

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from torchlogit import LogisticRegression

        c, l1_ratio, intercept = 1 / problem.strength, problem.l1_ratio, problem.intercept
        return LogisticRegression(C=c, l1_ratio=l1_ratio, fit_intercept=intercept, tol=tol).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        return stacked(model.coef_, model.intercept_)


class Function(Door):
    """`torchlogit.fit`: standard errors, checks and sentences included; a data frame where there are categories."""

    name = "torchlogit.fit"
    short = "fit()"
    needs = "fit"

    def not_mine(self, problem: Problem) -> str:
        mine = problem.name.startswith("S8") or problem.name == "S3-frame"
        return "" if mine else "another door"

    def prepare(self, problem: Problem) -> Any:
        if not problem.levels:
            return problem.x, problem.y
        import pandas as pd

        numeric, codes = problem.arrays["numeric"], problem.arrays["codes"]
        columns: dict[str, Any] = {f"n{j}": numeric[:, j] for j in range(numeric.shape[1])}
        for j, size in enumerate(problem.levels):
            names = [f"{level:05d}" for level in range(size)]
            columns[f"c{j}"] = pd.Categorical.from_codes(codes[:, j], names)
        return pd.DataFrame(columns), problem.y

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from torchlogit import ElasticNet, fit

        return fit(*data, penalty=ElasticNet(problem.strength, problem.l1_ratio), tol=tol * 1e-4)

    def answer(self, problem: Problem, model: Any) -> Any:
        return np.asarray(model.theta)


class Path(Door):
    """`torchlogit.fit_path`: all strengths of a path."""

    name, short, needs = "torchlogit.fit_path", "fit_path()", "fit_path"

    def not_mine(self, problem: Problem) -> str:
        return "" if problem.kind == "path" else "another door"

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from torchlogit import fit_path

        count = len(problem.strengths)
        return fit_path(*data, l1_ratio=problem.l1_ratio, n_strengths=count, smallest=0.01, tol=tol * 1e-4)

    def answer(self, problem: Problem, model: Any) -> Any:
        np.testing.assert_allclose(np.asarray(model.strengths), problem.strengths, rtol=1e-9)
        return np.asarray(model.theta)


class Many(Door):
    """`torchlogit.fit_many`: a fit for each group of rows, with standard errors."""

    name, short, needs = "torchlogit.fit_many", "fit_many()", "fit_many"

    def not_mine(self, problem: Problem) -> str:
        return "" if problem.kind == "many" else "another door"

    def prepare(self, problem: Problem) -> Any:
        return problem.x, problem.y, problem.arrays["groups"]

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from torchlogit import fit_many

        x, y, groups = data
        found = fit_many(x, y, groups=groups, tol=tol * 1e-4)
        return found.theta, found.std_error

    def answer(self, problem: Problem, model: Any) -> Any:
        theta, error = model
        return {"theta": np.asarray(theta), "std_error": np.asarray(error)[..., 0]}


class CrossValidation(Door):
    """`torchlogit.LogisticRegressionCV`: every fold and strength as one fit."""

    name, short, needs = "torchlogit.LogisticRegressionCV", "…CV", "LogisticRegressionCV"

    def not_mine(self, problem: Problem) -> str:
        return "" if problem.kind == "cv" else "another door"

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from torchlogit import LogisticRegressionCV

        return LogisticRegressionCV(Cs=len(problem.strengths), cv=5, tol=tol).fit(*data)

    def answer(self, problem: Problem, model: Any) -> Any:
        return of_folds(model)


def of_folds(model: Any) -> Any:
    """θ (folds · strengths, p, 1) of scikit-learn's ``coefs_paths_``, which has the intercept last."""
    paths = model.coefs_paths_
    paths = np.asarray(next(iter(paths.values())) if isinstance(paths, dict) else paths, "f8")
    paths = paths.reshape(-1, paths.shape[-1])
    return np.concatenate([paths[:, -1:], paths[:, :-1]], 1)[..., None]


RIVALS = [Estimator(), Function(), Path(), Many(), CrossValidation()]
