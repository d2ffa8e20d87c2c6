"""LIBLINEAR itself (liblinear-official). The intercept is a column of constants, large so that its penalty is small."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, bias, only_single, only_two_classes, stacked

DENSE = 20_000_000  # entries of a dense table up to which its (index, value) pairs fit


class Liblinear(Rival):
    """Newton for L2 (-s 0), newGLMNET for L1 (-s 6); ``tol`` is its -e."""

    name, short = "LIBLINEAR", "LIBLINEAR"
    package, modules = "liblinear-official", ("liblinear.liblinearutil", "scipy.sparse")
    ladder = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
    default = 1e-2

    def refuses(self, problem: Problem) -> str:
        if problem.l1_ratio not in (0, 1):
            return "no elastic net"
        if not problem.sparse and problem.x.size > DENSE:
            return "keeps an index with every number: too large"
        return only_single(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        from liblinear.liblinear import problem as Data

        x = sparse.csr_matrix(problem.x, dtype="f8")
        x.indices, x.indptr = x.indices.astype("int64"), x.indptr.astype("int64")
        return Data(np.where(problem.y == 1, 1.0, -1.0), x, bias=bias(problem, 1e3) if problem.intercept else -1), x

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        from liblinear.liblinearutil import train

        kind = 6 if problem.l1_ratio else 0
        constant = f"-B {bias(problem, 1e3)}" if problem.intercept else ""
        return train(data[0], f"-s {kind} -c {1 / problem.strength!r} -e {tol} {constant} -q")

    def answer(self, problem: Problem, model: Any) -> Any:
        w, b = model.get_decfun()
        sign = 1 if model.get_labels()[0] == 1 else -1
        return sign * stacked(np.array(w), b)


RIVALS = [Liblinear()]
