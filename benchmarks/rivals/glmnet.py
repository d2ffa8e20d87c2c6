"""glmnet, through Rscript: the data are read and the time is measured inside R; a mean, so lambda = strength / n."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.rivals.base import Rival, only_dense, only_two_classes

PROGRAM = """
suppressMessages(library(glmnet))
a <- commandArgs(TRUE); n <- as.integer(a[2]); d <- as.integer(a[3]); m <- as.integer(a[4])
at <- function(name) file.path(a[1], name)
x <- matrix(readBin(at("x"), "double", n * d), n, d)
y <- readBin(at("y"), "double", n); s <- readBin(at("strengths"), "double", m)
tolerances <- file("stdin", "r"); writeLines("ready"); flush(stdout())
while (length(tol <- readLines(tolerances, 1)) > 0) {
  t <- system.time(f <- glmnet(x, y, family = "binomial", alpha = as.numeric(a[5]), lambda = s, standardize = FALSE,
    intercept = a[6] == "1", thresh = as.numeric(tol), maxit = 1e7))
  o <- file(at("answer"), "wb")
  writeBin(c(t[["elapsed"]], as.numeric(rbind(as.numeric(f$a0), as.matrix(f$beta)))), o); close(o)
  writeLines("done"); flush(stdout())
}
"""


class Glmnet(Rival):
    """`glmnet` without standardisation; ``tol`` is its ``thresh``. One strength is reached by a path of twenty."""

    name = short = "glmnet"
    package = "glmnet"
    modules = ()
    ladder = (1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15)
    default = 1e-7

    def version(self) -> str:
        return installed()

    def refuses(self, problem: Problem) -> str:
        if problem.kind not in ("single", "path") or not problem.l1_ratio:
            return "made for L1"
        return only_dense(problem) or only_two_classes(problem)

    def prepare(self, problem: Problem) -> Any:
        folder = tempfile.TemporaryDirectory(prefix="glmnet-")
        path = problem.kind == "path"
        largest = problem.largest / problem.l1_ratio
        strengths = problem.strengths if path else np.geomspace(largest, problem.strength, 20)
        Path(folder.name, "x").write_bytes(np.asfortranarray(problem.x, "f8").tobytes("F"))
        Path(folder.name, "y").write_bytes(problem.y.astype("f8").tobytes())
        Path(folder.name, "strengths").write_bytes((strengths / len(problem.y)).tobytes())
        Path(folder.name, "program.R").write_text(PROGRAM, encoding="utf-8")
        told = [folder.name, *problem.x.shape, len(strengths), problem.l1_ratio, int(problem.intercept)]
        command = ["Rscript", f"{folder.name}/program.R", *map(str, told)]
        process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)  # it ends when its stdin does
        if not process.stdout or process.stdout.readline() != "ready\n":
            raise RuntimeError("R or its glmnet did not start")
        return folder, process, len(strengths)

    def fit(self, problem: Problem, data: Any, tol: float) -> Any:
        folder, process, count = data
        process.stdin.write(f"{tol}\n")
        process.stdin.flush()
        if process.stdout.readline() != "done\n":
            raise RuntimeError("R ended")
        found = np.fromfile(Path(folder.name, "answer"))
        self.seconds = float(found[0])
        return found[1:].reshape(count, -1, 1)

    def answer(self, problem: Problem, model: Any) -> Any:
        return model if problem.kind == "path" else model[-1]


@cache
def installed() -> str:
    """The version of R's glmnet, if both are there."""
    if not shutil.which("Rscript"):
        return ""
    ask = ["Rscript", "-e", 'cat(tryCatch(as.character(packageVersion("glmnet")), error = function(e) ""))']
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


RIVALS = [Glmnet()]
