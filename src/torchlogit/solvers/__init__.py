"""Solvers: settings in, steps out; the loop is `minimize`."""

from torchlogit.solvers.base import Record, Solution, Solver, Status, minimize
from torchlogit.solvers.dual import Dual
from torchlogit.solvers.lbfgs import LBFGS
from torchlogit.solvers.newton import Newton
from torchlogit.solvers.proximal import Proximal
from torchlogit.solvers.sgd import SGD

__all__ = ["LBFGS", "SGD", "Dual", "Newton", "Proximal", "Record", "Solution", "Solver", "Status", "minimize"]
