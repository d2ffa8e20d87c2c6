"""Reference optima, independent of everyone who is measured, each with a certificate of its own.

Smooth problems: Newton in float64, its systems solved by preconditioned conjugate gradients. L1: Newton on the non-zero
slopes, whose set grows by whoever breaks the optimality conditions. Certificate: the duality gap, which bounds F − F*
whatever the method; without a penalty, half the squared Newton decrement.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.special import expit, softmax, xlogy

from benchmarks.problems import Part, Problem

WANTED = 1e-13  # relative distance to the optimum
FEW = 50  # conjugate gradient steps after which a new preconditioner is worth its price
DENSE = 1500  # coefficients of a class up to which its Hessian is formed


def reference(problem: Problem, folder: Path) -> tuple[Any, float]:
    """F* of each fit of the workload, and the worst certificate; kept in ``folder``."""
    file = folder / f"{problem.name}-{problem.key}.json"
    if not file.exists():
        best, certificate = _batch(problem) if problem.kind == "many" else _each(problem)
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"best": best.tolist(), "certificate": certificate}) + "\n", encoding="utf-8")
    found = json.loads(file.read_text(encoding="utf-8"))
    return np.array(found["best"]), found["certificate"]


def _each(problem: Problem) -> tuple[Any, float]:
    """The fits one after the other, each from the one before."""
    theta, best, gaps = None, [], []
    for part in problem.parts():
        theta = optimum(part, theta)
        best.append(part.value(theta))
        gaps.append(duality_gap(part, theta) / best[-1])
    return np.array(best), max(gaps)


def optimum(part: Part, start: Any = None) -> Any:
    """θ (p, k), in float64."""
    part = part._replace(x=part.x.astype("f8", copy=False))
    if part.l1:
        return _sparse_optimum(part, start)
    theta = np.zeros((part.x.shape[1] + 1, part.k)) if start is None else start
    return _newton(part, theta)


# F and what is known of it


def residual(part: Part, eta: Any) -> Any:
    """Probabilities less the truth, (n, k)."""
    if part.k == 1:
        return expit(eta) - part.y[:, None]
    p = softmax(eta, 1)
    p[np.arange(len(p)), part.y] -= 1
    return p


def _rmatmul(part: Part, r: Any) -> Any:
    """[1 X]ᵀ r; the row of the intercept is 0 if there is none."""
    return np.vstack([r.sum(0, keepdims=True) * part.intercept, part.x.T @ r])


def _gradient(part: Part, theta: Any, r: Any) -> Any:
    """∇ of the smooth part."""
    grad = _rmatmul(part, r)
    grad[1:] += part.l2 * theta[1:]
    return grad


def duality_gap(part: Part, theta: Any) -> float:
    """F(θ) − D(r), which is at least F(θ) − F*.

    D is the sum of the entropies of the probabilities less the conjugate of the penalty at Xᵀr, r scaled back so that L1
    allows it. Without any penalty D has no meaning here: then half the squared Newton decrement.
    """
    if not part.l1 and not part.l2:
        r = residual(part, part.eta(theta))
        grad = _gradient(part, theta, r)
        return float(grad.ravel() @ _solver(part, r)(grad).ravel()) / 2
    r = residual(part, part.eta(theta))
    slope = abs(_rmatmul(part, r)[1:])
    shrink = min(1.0, part.l1 / max(slope.max(), 1e-300)) if not part.l2 else 1.0
    dual = math.fsum(_entropies(part, shrink * r))
    if part.l2:
        dual -= math.fsum((np.maximum(slope - part.l1, 0) ** 2).ravel()) / (2 * part.l2)
    slack = float((abs(r.sum(0)) * (2 * abs(theta[0]) + 1)).sum()) if part.intercept else 0.0
    return part.value(theta) - dual + slack


def _entropies(part: Part, r: Any) -> Any:
    if part.k == 1:
        mean = np.clip(r[:, 0] + part.y, 0, 1)
        return -xlogy(mean, mean) - xlogy(1 - mean, 1 - mean)
    mean = r.copy()
    mean[np.arange(len(r)), part.y] += 1
    return -xlogy(mean, np.clip(mean, 0, 1)).sum(1)


# smooth: Newton


def _newton(part: Part, theta: Any, max_iter: int = 60) -> Any:
    """Newton steps, halved until F falls, until a step promises less than rounding can show."""
    value, solve, tol, turns = part.value(theta), None, 1e-1, FEW
    for _ in range(max_iter):
        r = residual(part, part.eta(theta))
        grad = _gradient(part, theta, r)
        if solve is None or part.k == 1 or turns >= FEW:
            solve = _solver(part, r)
        step, turns = _conjugate_gradients(_hessian_map(part, r), -grad, solve, tol)
        promised = -float((grad * step).sum()) / 2
        if promised < WANTED / 100 * value:
            return theta + step
        tol = 1e-6 if promised < 1e-5 * value else 1e-1
        theta, value = _descend(part, theta, step, value)
    return theta


def _descend(part: Part, theta: Any, step: Any, value: float) -> tuple[Any, float]:
    for t in 0.5 ** np.arange(40):
        tried = part.value(theta + t * step)
        if tried < value:
            return theta + t * step, tried
    return theta, value


def _hessian_map(part: Part, r: Any) -> Callable[[Any], Any]:
    """V ↦ ∇²F V, each as large as θ."""
    p = _probabilities(part, r)

    def apply(v: Any) -> Any:
        eta = part.eta(v)
        u = p * (eta - (p * eta).sum(1, keepdims=True)) if part.k > 1 else p * (1 - p) * eta
        return _gradient(part, v, u)

    return apply


def _probabilities(part: Part, r: Any) -> Any:
    p = r.copy()
    if part.k == 1:
        return p + part.y[:, None]
    p[np.arange(len(p)), part.y] += 1
    return p


def _solver(part: Part, r: Any) -> Callable[[Any], Any]:
    """Solves with the Hessian of each class alone: whole while it is small, its diagonal else.

    Softmax is flat where all classes move alike, so its gradient has no part there, nor θ, which starts at 0.
    """
    p = _probabilities(part, r)
    h = p * (1 - p)
    if part.x.shape[1] > DENSE:
        squares = part.x.multiply(part.x) if sparse.issparse(part.x) else part.x**2
        diagonal = np.vstack([h.sum(0), squares.T @ h + part.l2])
        return lambda v: v / diagonal
    factors = [linalg.cho_factor(_gram(part, h[:, c])) for c in range(part.k)]
    if part.k == 1:
        return lambda v: linalg.cho_solve(factors[0], v)
    return lambda v: _level(np.stack([linalg.cho_solve(f, g) for f, g in zip(factors, _level(v).T, strict=True)], 1))


def _level(v: Any) -> Any:
    """Each row about its mean over the classes."""
    return v - v.mean(1, keepdims=True)


def _gram(part: Part, h: Any) -> Any:
    """[1 X]ᵀ diag(h) [1 X] + the penalty of the slopes."""
    d = part.x.shape[1]
    gram = np.diag([float(not part.intercept)] + [part.l2] * d)
    for i in range(0, len(h), 65536):
        x, weight = part.x[i : i + 65536], h[i : i + 65536]
        if sparse.issparse(x):
            gram[1:, 1:] += (x.T @ sparse.diags(weight) @ x).toarray()
        else:
            x = x.astype("f8", copy=False)
            gram[1:, 1:] += x.T @ (weight[:, None] * x)
        if part.intercept:
            gram[0, 0] += weight.sum()
            gram[0, 1:] += x.T @ weight
    gram[1:, 0] = gram[0, 1:]
    return gram


def _conjugate_gradients(
    apply: Callable[[Any], Any], b: Any, solve: Callable[[Any], Any], tol: float, max_iter: int = 2000
) -> tuple[Any, int]:
    """Solution of apply(x) = b to ``tol`` in the norm of the preconditioner, and the steps it took."""
    x, r = np.zeros_like(b), b.copy()
    z = solve(r)
    direction, rz = z.copy(), float((r * z).sum())
    first = rz
    turns = 0
    while rz > tol**2 * first and turns < max_iter:
        turns += 1
        q = apply(direction)
        alpha = rz / float((direction * q).sum())
        x += alpha * direction
        r -= alpha * q
        z = solve(r)
        rz, before = float((r * z).sum()), rz
        direction = z + rz / before * direction
    return x, turns


# L1: Newton on a growing set of slopes


def _sparse_optimum(part: Part, start: Any) -> Any:
    """From a start near by, or down a path that begins where all slopes are 0."""
    if start is not None:
        return _active_newton(part, start)
    theta = np.zeros((part.x.shape[1] + 1, 1))
    if part.intercept:
        theta[0] = np.log(part.y.mean() / (1 - part.y.mean()))
    largest = abs(_rmatmul(part, residual(part, part.eta(theta)))[1:]).max()
    for l1 in np.geomspace(max(largest, part.l1), part.l1, 20):
        theta = _active_newton(part._replace(l1=l1), theta)
    return theta


def _active_newton(part: Part, theta: Any, max_iter: int = 300) -> Any:
    """Slopes join where ∇ exceeds the strength, most eager first, and leave when they reach 0."""
    for _ in range(max_iter):
        theta = _settle(part, theta)
        grad = _gradient(part, theta, residual(part, part.eta(theta)))[1:, 0]
        excess = np.where(theta[1:, 0] == 0, abs(grad) - part.l1 * (1 + WANTED / 2), 0)
        joining = np.argsort(-excess)[: max(10, int((theta[1:, 0] != 0).sum()) // 4)]
        joining = joining[excess[joining] > 0]
        if not len(joining):
            break
        theta = _step_in(part, theta, joining, grad)
    return theta


def _step_in(part: Part, theta: Any, joining: Any, grad: Any) -> Any:
    """A proximal step of the joining slopes, halved until F falls, or is as it was."""
    value, step = part.value(theta), 4.0 / float((np.asarray(part.x[:, joining]) ** 2).sum(0).max())
    for _ in range(60):
        tried = theta.copy()
        tried[1 + joining, 0] = -np.sign(grad[joining]) * step * (abs(grad[joining]) - part.l1)
        if part.value(tried) <= value * (1 + 1e-16):
            return tried
        step /= 2
    return theta


def _settle(part: Part, theta: Any) -> Any:
    """The optimum of the slopes that are not 0 and the intercept, none of which changes its sign."""
    for _ in range(100):
        index = np.flatnonzero(theta[1:, 0])
        small = part._replace(x=np.ascontiguousarray(part.x[:, index]))
        inner = np.vstack([theta[:1], theta[1:][index]])
        sign = np.sign(inner) * np.r_[0, np.ones(len(index))][:, None]
        r = residual(small, small.eta(inner))
        grad = _gradient(small, inner, r) + part.l1 * sign
        step = -_solver(small, r)(grad)
        promised = -float((grad * step).sum()) / 2
        moved = _keep_signs(small, inner, step, sign, promised)
        theta = np.zeros_like(theta)
        theta[0], theta[1 + index] = moved[0], moved[1:]
        if promised < 1e-22 * small.value(inner):
            break
    return theta


def _keep_signs(part: Part, theta: Any, step: Any, sign: Any, promised: float) -> Any:
    """θ + t·step with slopes that would change their sign set to 0, t halved until F falls or rounding hides it."""
    value = part.value(theta)
    for t in 0.5 ** np.arange(50):
        moved = theta + t * step
        moved[1:][moved[1:] * sign[1:] < 0] = 0
        if promised < 1e-11 * value or part.value(moved) <= value:
            return moved
    return theta


# many small fits at once


def _batch(problem: Problem) -> tuple[Any, float]:
    """Newton for all groups, which are of one size, together."""
    groups = int(problem.arrays["groups"].max()) + 1
    x = problem.x.reshape(groups, -1, problem.x.shape[1])
    theta, _ = newton_of_groups(np.concatenate([np.ones_like(x[..., :1]), x], 2), problem.y.reshape(groups, -1))
    best = problem.values(theta[..., None])
    gaps = [duality_gap(part, t[:, None]) for part, t in zip(problem.parts(), theta, strict=True)]
    return best, float(np.max(gaps / best))


def newton_of_groups(z: Any, y: Any, steps: int = 25) -> tuple[Any, Any]:
    """θ (G, p) and its covariance (G, p, p) of unpenalised fits to z (G, n, p), a column of ones included."""
    theta = np.zeros((len(z), z.shape[2]))
    for _ in range(steps):
        p = expit(np.einsum("gnp,gp->gn", z, theta))
        hessian = np.matmul((z * (p * (1 - p))[..., None]).transpose(0, 2, 1), z)
        step = np.linalg.solve(hessian, np.einsum("gnp,gn->gp", z, y - p)[..., None])[..., 0]
        theta += step
        if abs(step).max() < 1e-13:
            break
    return theta, np.linalg.inv(hessian)


__all__ = ["duality_gap", "newton_of_groups", "optimum", "reference"]
