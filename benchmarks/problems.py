"""The workloads: which data, which objective, and the value of F that judges every answer.

F = Σ ℓ(x, y) + strength · (l1_ratio ‖w‖₁ + (1 − l1_ratio) ‖w‖² / 2), strength = 1/C, the intercept free. An answer is θ,
with the intercept in row 0. Some workloads are many fits in one; then there is an F for each.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from benchmarks import generators as make

BLOCK = 2**22  # entries of X that are worked in float64 at a time


class Part(NamedTuple):
    """One fit: a table and the strengths of its penalty."""

    x: Any
    y: Any
    k: int
    l1: float
    l2: float
    intercept: bool

    def eta(self, theta: Any) -> Any:
        """(n, k), in float64."""
        step = max(1, BLOCK // max(1, self.x.shape[1])) if not sparse.issparse(self.x) else len(self.y)
        rows = range(0, len(self.y), step)
        return theta[0] + np.concatenate([np.asarray(self.x[i : i + step] @ theta[1:], "f8") for i in rows])

    def value(self, theta: Any) -> float:
        """F, with a sum that rounds once."""
        w = np.asarray(theta, "f8")[1:]
        rows = row_losses(self.eta(np.asarray(theta, "f8")), self.y)
        return math.fsum([*rows, self.l1 * math.fsum(abs(w).ravel()), self.l2 * math.fsum((w**2).ravel()) / 2])


def row_losses(eta: Any, y: Any) -> Any:
    """ℓ of each row: of one column of η for two classes, of K columns else."""
    if eta.shape[1] == 1:
        return np.logaddexp(0, np.where(y == 1, -1, 1) * eta[:, 0])
    top = eta.max(1)
    return np.log(np.exp(eta - top[:, None]).sum(1)) + top - eta[np.arange(len(eta)), y]


@dataclass(frozen=True, eq=False)
class Problem:
    """A workload with its data. ``goal``: what is to be reached, as the page tells it; ``ratio``: of the best rival's time.

    ``kind``: "single" is one fit, "path" the same table at each of ``strengths``, "many" one unpenalised fit a group,
    "cv" each of ``strengths`` on each of five folds.
    """

    name: str
    title: str
    arrays: make.Arrays = field(repr=False)
    c: float = 1.0
    l1_ratio: float = 0.0
    intercept: bool = True
    target: float = 1e-8
    kind: str = "single"
    ratio: float = 1.0
    goal: str = ""
    n_strengths: int = 0
    share: float = 0.0  # of the least strength at which all slopes are 0; takes the place of C
    drop_first: bool = False  # the first level of each category has no column

    @property
    def y(self) -> Any:
        """Codes (n,)."""
        return self.arrays["y"]

    @cached_property
    def k(self) -> int:
        """Columns of θ: 1 for two classes."""
        classes = int(self.y.max()) + 1
        return 1 if classes == 2 else classes

    @cached_property
    def x(self) -> Any:
        """The table, dense or CSR; categories as columns of 0 and 1."""
        return self.arrays["x"] if "x" in self.arrays else one_hot(self.arrays, self.drop_first)

    @cached_property
    def levels(self) -> list[int]:
        """How many levels each category has; none in a table of numbers."""
        return [int(column.max()) + 1 for column in self.arrays["codes"].T] if "codes" in self.arrays else []

    @property
    def sparse(self) -> bool:
        """Whether the table is CSR."""
        return bool(sparse.issparse(self.x))

    @cached_property
    def strength(self) -> float:
        """1/C."""
        return self.share * self.largest / self.l1_ratio if self.share else 1 / self.c

    @cached_property
    def largest(self) -> float:
        """The least strength of L1 at which all slopes are 0."""
        return float(abs(self.x.T @ (self.y - self.y.mean())).max())

    @cached_property
    def strengths(self) -> Any:
        """Of a path, from the largest down to a hundredth; of cross-validation, 1/C from 10⁴ to 10⁻⁴."""
        if self.kind == "cv":
            return 1 / np.logspace(-4, 4, self.n_strengths)
        return np.geomspace(self.largest, self.largest * 0.01, self.n_strengths)

    @cached_property
    def folds(self) -> list[Any]:
        """Rows that are learnt from in each fold, as scikit-learn's ``cv=5`` has them."""
        from sklearn.model_selection import StratifiedKFold

        return [rows for rows, _ in StratifiedKFold(5).split(np.zeros(len(self.y)), self.y)]

    @property
    def megabytes(self) -> float:
        """Size of the table as it is stored."""
        parts = (self.x.data, self.x.indices, self.x.indptr) if self.sparse else (self.x,)
        return sum(part.nbytes for part in parts) / 1e6

    @cached_property
    def key(self) -> str:
        """Tells the problem from every other, by its numbers."""
        digest = hashlib.blake2b(digest_size=8)
        for name, array in sorted(self.arrays.items()):
            pieces = (array.data, array.indices) if sparse.issparse(array) else (array,)
            for piece in pieces:
                digest.update(f"{name}{piece.dtype}{piece.shape}".encode())
                digest.update(np.ascontiguousarray(piece))
        rest = (self.kind, self.c, self.l1_ratio, self.intercept, self.n_strengths, self.share, self.drop_first)
        digest.update(repr(rest).encode())
        return digest.hexdigest()

    def part(self, strength: float | None = None, rows: Any = slice(None)) -> Part:
        """A fit at one strength, to these rows."""
        s = self.strength if strength is None else strength
        return Part(self.x[rows], self.y[rows], self.k, s * self.l1_ratio, s * (1 - self.l1_ratio), self.intercept)

    def parts(self) -> Iterator[Part]:
        """Every fit of the workload, in the order of the answer's leading dimensions."""
        if self.kind == "single":
            yield self.part()
        elif self.kind == "path":
            yield from map(self.part, self.strengths)
        elif self.kind == "cv":
            yield from (self.part(s, rows) for rows in self.folds for s in self.strengths)
        else:
            ends = np.cumsum(np.bincount(self.arrays["groups"]))
            yield from (self.part(0.0, slice(a, b)) for a, b in zip([0, *ends[:-1]], ends, strict=True))

    def values(self, theta: Any) -> Any:
        """F of each fit; θ is (…, p, k)."""
        flat = np.reshape(theta, (-1, *np.shape(theta)[-2:]))
        return np.array([part.value(t) for part, t in zip(self.parts(), flat, strict=True)])


def one_hot(arrays: make.Arrays, drop_first: bool) -> Any:
    """Numeric columns, then a column of 0 and 1 for each level of each category, as CSR."""
    columns = []
    for codes in arrays["codes"].T:
        rows = np.arange(len(codes))
        column = sparse.csr_matrix((np.ones(len(codes)), (rows, codes)), shape=(len(codes), int(codes.max()) + 1))
        columns.append(column[:, 1:] if drop_first else column)
    return sparse.hstack([sparse.csr_matrix(arrays["numeric"]), *columns], format="csr")


def problems() -> dict[str, Callable[[bool], Problem]]:
    """By name, what makes the problem; the argument asks for the small version."""
    return dict(_tables() | _real() | _l1() | _wide() | _tiny() | _batches())


def _tables() -> dict[str, Callable[[bool], Problem]]:
    def dense(quick: bool, name: str, n: int, d: int, seed: int, log_odds: float, dtype: str, **goal: Any) -> Problem:
        n = n // 50 if quick else n
        kind = "float64" if dtype == "f8" else "float32"
        arrays = make.tall(n, d, seed=seed, log_odds=log_odds, dtype=dtype)
        return Problem(name, f"dense {told(n)} × {d}, {kind}, L2, C = 1", arrays, **goal)

    def categories(quick: bool, name: str, drop_first: bool, **goal: Any) -> Problem:
        arrays = make.categorical(6000 if quick else 300_000)
        coding = ", first levels dropped" if drop_first else ""
        title = f"{told(len(arrays['y']))} rows, 4 numbers, 3 categories of 400 levels{coding}, L2, C = 1"
        return Problem(name, title, arrays, drop_first=drop_first, **goal)

    def words(quick: bool) -> Problem:
        n, d = (5000, 5000) if quick else (200_000, 50_000)
        title = f"text-like sparse {told(n)} × {told(d)}, L2, C = 1"
        return Problem("S5", title, make.text(n, d), ratio=1 / 2, goal="≤ 1/2")

    s1: dict[str, Any] = {"ratio": 1 / 10, "goal": "≤ 1/10; ≤ 8 reads; extra memory ≤ 10 % of X; cold call ahead"}
    return {
        "S1": partial(dense, name="S1", n=1_000_000, d=50, seed=1, log_odds=-2.5, dtype="f8", **s1),
        "S2": partial(dense, name="S2", n=200_000, d=100, seed=2, log_odds=-1, dtype="f8", ratio=1 / 6, goal="≤ 1/6"),
        "S2-float32": partial(
            dense, name="S2-float32", n=200_000, d=100, seed=2, log_odds=-1, dtype="f4", ratio=1 / 6,
            goal="≤ 1/6; ≤ 0.6 of our float64",
        ),
        "S3": partial(categories, name="S3", drop_first=False, ratio=1 / 2, goal="≤ 1/2"),
        "S3-frame": partial(categories, name="S3-frame", drop_first=True, ratio=1 / 2, goal="≤ 1/2, given a data frame"),
        "S5": words,
    }  # fmt: skip


def _real() -> dict[str, Callable[[bool], Problem]]:
    def images(quick: bool, name: str, which: str, c: float) -> Problem:
        arrays = (make.mnist if which == "MNIST" else make.fashion)(1000 if quick else None)
        title = f"{which} softmax {told(len(arrays['y']))} × 784 × 10, float32, L2, C = {c:g}"
        return Problem(name, title, arrays, c=c, target=1e-6, ratio=1 / 8, goal="≤ 1/8 of lbfgs, rel. 1e-6")

    def late(quick: bool) -> Problem:
        arrays = make.flights(15_000 if quick else None)
        levels = sum(int(column.max()) + 1 for column in arrays["codes"].T)
        title = f"flights, {told(len(arrays['y']))} rows, 4 numbers, 6 categories of {told(levels)} levels, L2, C = 1"
        return Problem("R2", title, arrays, ratio=1 / 2, goal="≤ 1/2")

    return {
        "S4": partial(images, name="S4", which="MNIST", c=0.01),
        "S4-C1": partial(images, name="S4-C1", which="MNIST", c=1.0),
        "R1": partial(images, name="R1", which="Fashion-MNIST", c=0.01),
        "R2": late,
    }


def _l1() -> dict[str, Callable[[bool], Problem]]:
    def sparse_truth(quick: bool, name: str, what: str, **more: Any) -> Problem:
        n, d, true = (500, 200, 12) if quick else (5000, 2000, 48)
        title = f"L1 {told(n)} × {told(d)} ({true} true), {what}"
        return Problem(name, title, make.few_true(n, d, true, seed=6), l1_ratio=1.0, **more)

    path: dict[str, Any] = {"kind": "path", "goal": "≤ adelie and glmnet"}
    return {
        "S6": lambda quick: sparse_truth(
            quick, "S6", f"path of {20 if quick else 100} strengths", n_strengths=20 if quick else 100, **path
        ),
        "S6-single": partial(
            sparse_truth, name="S6-single", what="a tenth of λmax", share=0.1, goal="≤ 0.1 s, no warm-up"
        ),
        "S6-bare": partial(
            sparse_truth, name="S6-bare", what="a tenth of λmax, no intercept", share=0.1, intercept=False
        ),
    }


def _wide() -> dict[str, Callable[[bool], Problem]]:
    def wide(quick: bool, name: str, what: str, **more: Any) -> Problem:
        n, d = (100, 1000) if quick else (500, 20_000)
        return Problem(
            name, f"wide {n} × {told(d)}, {what}", make.few_true(n, d, 30, seed=7), ratio=1 / 2, goal="≤ 1/2", **more
        )

    return {
        "S7": partial(wide, name="S7", what="L2, C = 1"),
        "S7-elastic": partial(wide, name="S7-elastic", what="elastic net, half L1", l1_ratio=0.5, share=0.1),
    }


def _tiny() -> dict[str, Callable[[bool], Problem]]:
    def tiny(_: bool, name: str, n: int, d: int) -> Problem:
        goal = "≤ scikit-learn; torchlogit.fit ≤ 1 ms"
        return Problem(name, f"tiny {n} × {d}, L2, C = 1", make.tiny(n, d, seed=8), goal=goal)

    sizes = {"S8-3": (3, 1), "S8-100": (100, 5), "S8-1000": (1000, 20)}
    return {name: partial(tiny, name=name, n=n, d=d) for name, (n, d) in sizes.items()}


def _batches() -> dict[str, Callable[[bool], Problem]]:
    def many(quick: bool) -> Problem:
        groups = 300 if quick else 10_000
        title = f"{told(groups)} fits of 300 × 8 with standard errors, no penalty"
        return Problem("S9", title, make.grouped(groups, 300, 8), c=math.inf, kind="many", goal="≤ 25 µs a fit")

    def folds(quick: bool) -> Problem:
        arrays = make.tall(2000 if quick else 50_000, 20 if quick else 50, seed=10, log_odds=-1)
        n, d = arrays["x"].shape
        title = f"5 folds × 20 strengths, {told(n)} × {d}, L2"
        return Problem("S10", title, arrays, kind="cv", n_strengths=20, ratio=1 / 6, goal="≤ 1/6, no worse a path")

    return {"S9": many, "S10": folds}


def told(number: int) -> str:
    """A whole number with its thousands apart: 1 000 000."""
    return f"{number:,}".replace(",", " ")
