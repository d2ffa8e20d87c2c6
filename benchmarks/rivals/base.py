"""What the runner asks of an adapter."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.problems import Problem


class Rival:
    """One way to fit: a package and a solver.

    ``ladder``: tolerances from loose to tight, as the package counts them, and ``default``, its own, one of them.
    Only ``fit`` is timed. Its model need not be an answer yet: ``answer`` makes θ (…, p, k) of it, intercept in row 0.
    """

    name: str
    short: str  # for the figure
    package: str  # whose version is told
    modules: tuple[str, ...]  # imported before anything is timed
    ladder: tuple[float, ...] = (1e-4,)
    default: float = 1e-4
    ours = False
    seconds: float | None = None  # of the last fit, where the adapter has to measure for itself

    def refuses(self, problem: Problem) -> str:
        """Why the problem is not for this rival, as one sentence; nothing if it is."""
        raise NotImplementedError

    def prepare(self, problem: Problem) -> Any:
        """The data in this rival's favourite layout."""
        return problem.x, problem.y

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        raise NotImplementedError

    def answer(self, problem: Problem, model: Any) -> Any:
        """θ, or a dict with ``theta`` and what else there is to judge."""
        raise NotImplementedError

    def load(self) -> None:
        for module in self.modules:
            import_module(module)

    def version(self) -> str:
        """Its version, or nothing where it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""

    def unfit(self, problem: Problem) -> str:
        """Why this rival is not measured here: not installed, or not its problem."""
        return self.refuses(problem) if self.version() else f"{self.package} is not installed"


def stacked(coef: Any, intercept: Any) -> Any:
    """θ (p, k) of coefficients (k, d) and intercepts (k,), or of (d,) and one number."""
    coef = np.atleast_2d(np.asarray(coef, "f8"))
    b = np.broadcast_to(np.atleast_1d(np.asarray(intercept, "f8")), (len(coef),))
    return np.vstack([b[None], coef.T])


def l1_or_l2(problem: Problem) -> str:
    """The name of the penalty."""
    return {0.0: "l2", 1.0: "l1"}.get(problem.l1_ratio, "elasticnet")


def bias(problem: Problem, tall: float) -> float:
    """The constant column with which a penalised intercept costs little; too large a one slows its owner down."""
    return 1e4 if problem.l1_ratio else 1e3 if problem.x.shape[1] > problem.x.shape[0] else tall


def only_single(problem: Problem) -> str:
    return "" if problem.kind == "single" else "one fit at a time"


def only_dense(problem: Problem) -> str:
    return "dense tables only" if problem.sparse else ""


def only_two_classes(problem: Problem) -> str:
    return "two classes only" if problem.k > 1 else ""
