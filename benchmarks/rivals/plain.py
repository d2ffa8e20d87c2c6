"""Two yardsticks: one product X @ w, and Newton for many fits in a dozen lines of torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival

READ = "one X @ w"


class Read(Rival):
    """One product X @ w by torch on all cores: the time of one read of X."""

    name = short = READ
    package, modules = "torch", ("torch",)

    def refuses(self, problem: Problem) -> str:
        return "" if not problem.sparse and problem.x.nbytes > 1e6 else "only for tables that do not fit in a cache"

    def prepare(self, problem: Problem) -> Any:
        import torch

        x = torch.from_numpy(problem.x)
        return x, torch.ones(x.shape[1], problem.k, dtype=x.dtype)

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        return data[0] @ data[1]

    def answer(self, problem: Problem, model: Any) -> Any:
        return None


class Batched(Rival):
    """Newton in torch, all groups a batch; ``tol`` is the largest step that is left."""

    name, short = "plain batched Newton (torch)", "batched torch"
    package, modules = "torch", ("torch",)
    ladder = (1e-2, 1e-4, 1e-8)

    def refuses(self, problem: Problem) -> str:
        return "" if problem.kind == "many" else "only for many small fits"

    def prepare(self, problem: Problem) -> Any:
        import torch

        groups = int(problem.arrays["groups"].max()) + 1
        x = problem.x.reshape(groups, -1, problem.x.shape[1])
        z = np.concatenate([np.ones_like(x[..., :1]), x], 2)
        return torch.from_numpy(z), torch.from_numpy(problem.y.reshape(groups, -1).astype("f8"))

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        import torch

        z, y = data
        theta = z.new_zeros(len(z), z.shape[2], 1)
        for _ in range(25):
            p = torch.sigmoid(z @ theta)
            factor = torch.linalg.cholesky(z.mT @ (z * (p * (1 - p))))
            step = torch.cholesky_solve(z.mT @ (y[..., None] - p), factor)
            theta += step
            if float(step.abs().max()) < tol:
                break
        return theta, torch.cholesky_inverse(factor).diagonal(dim1=1, dim2=2).sqrt()

    def answer(self, problem: Problem, model: Any) -> Any:
        return {"theta": model[0].numpy(), "std_error": model[1].numpy()}


RIVALS = [Read(), Batched()]
