"""Which solver ``solver="auto"`` takes, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

from torchlogit.errors import ParameterError
from torchlogit.solvers import LBFGS, SGD, Dual, Newton, Proximal

NEWTON_SIZE = 3000  # p·k up to which a full Hessian is worth its Cholesky factor
NEWTON_WORK = 3e8  # multiplications of one Hessian up to which Newton's few steps are cheapest: 200 000 × 50 is beyond
NEWTON_MOST = 20_000  # p·k beyond which a full Hessian is refused: 3.2 GB

SOLVERS = {"newton": Newton, "lbfgs": LBFGS, "proximal": Proximal, "sgd": SGD}


class Choice(NamedTuple):
    """A solver and the sentence that says why it was taken."""

    solver: Any
    reason: str


class Size(NamedTuple):
    """n rows, p·k coefficients, and how many numbers a sparse row stores on average (None for dense rows)."""

    n: int
    p: int
    k: int = 1
    entries: float | None = None

    @property
    def work(self) -> float:
        """Multiplications of one Hessian."""
        row = self.p if self.entries is None else self.entries + 1
        return self.n * row**2 * self.k * (self.k + 1) / 2


def choose(solver: Any, size: Size, *, rough: bool, ridge: bool = False) -> Choice:
    """The solver for a problem of this size, with (``rough``) or without an L1 part in its penalty.

    ``ridge`` says that there is an L2 penalty on every slope and no other. ``solver`` is "auto", a name in `SOLVERS`,
    or a solver object. ParameterError for an unknown name, an L1 penalty with a solver that cannot make exact zeros,
    or a Hessian that would not fit in memory.
    """
    n, p, k, entries = size
    if isinstance(solver, str) and solver != "auto":
        if solver not in SOLVERS:
            raise ParameterError(f'unknown solver {solver!r}; there are "auto", {", ".join(map(repr, SOLVERS))}')
        solver = SOLVERS[solver]()
    if solver != "auto":
        return Choice(_fitting(solver, p * k, rough), "asked for")
    if rough:
        return Choice(Proximal(), "an L1 penalty needs exact zeros")
    if ridge and entries is None and 2 * n <= p and n * k <= NEWTON_SIZE:
        return Choice(Dual(), f"{n} rows for {p} columns: the optimum is in the rows' span")
    if p * k <= NEWTON_SIZE and (size.work <= NEWTON_WORK or (n < 50 * p and entries is None)):
        return Choice(Newton(), cheap(p * k))
    return Choice(LBFGS(), f"{n} rows and {p * k} coefficients: a full Hessian a step would cost more")


def _fitting(solver: Any, size: int, rough: bool) -> Any:
    if rough and isinstance(solver, Newton | LBFGS):
        raise ParameterError(f"{type(solver).__name__} cannot make the exact zeros of an L1 penalty; use Proximal()")
    if isinstance(solver, Newton) and size > NEWTON_MOST:
        need = 8 * size**2 / 2**30
        raise ParameterError(f"Newton's Hessian for {size} coefficients needs {need:.0f} GiB; use LBFGS() instead")
    if not (hasattr(solver, "init") and hasattr(solver, "step")):
        raise ParameterError(f"{solver!r} is no solver: it needs init(objective, theta) and step(objective, point)")
    return solver


def cheap(m: int) -> str:
    """Why Newton's steps are taken for m coefficients."""
    return f"{m} coefficient{'s' * (m != 1)}: a full Hessian is cheap"
