"""Named problems, with an independent check (plain numpy) of whether a theta is their optimum; and problems that have none."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit, logsumexp, softmax

from torchlogit.penalties import L1, L2, ElasticNet, NoPenalty


@dataclass(frozen=True)
class Problem:
    name: str
    x: np.ndarray
    y: np.ndarray
    k: int = 1
    penalty: ElasticNet = field(default_factory=NoPenalty)
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    intercept: bool = True

    @property
    def columns(self):
        return tuple(f"x{j + 1}" for j in range(self.x.shape[1]))

    @property
    def rough(self):
        return self.penalty.l1_ratio > 0

    def design(self):
        return np.column_stack([np.ones(len(self.x)), self.x]) if self.intercept else self.x

    def eta(self, theta):
        offset = 0 if self.offset is None else self.offset.reshape(len(self.x), -1)
        return self.design() @ theta + offset

    def strengths(self):
        strength = np.broadcast_to(np.asarray(self.penalty.strength, float), self.x.shape[1])
        strength = np.concatenate([np.zeros(int(self.intercept)), strength])[:, None]
        return strength * self.penalty.l1_ratio, strength * (1 - self.penalty.l1_ratio)

    def value(self, theta):
        eta, s = self.eta(theta), 1 if self.weight is None else self.weight
        if self.k == 1:
            rows = np.logaddexp(0, -(2 * self.y - 1) * eta[:, 0])
        else:
            rows = logsumexp(eta, axis=1) - eta[np.arange(len(eta)), self.y]
        l1, l2 = self.strengths()
        return (s * rows).sum() + (l1 * abs(theta)).sum() + (l2 * theta**2).sum() / 2

    def residual(self, theta):
        eta = self.eta(theta)
        r = expit(eta) - self.y[:, None] if self.k == 1 else softmax(eta, axis=1) - np.eye(self.k)[self.y]
        return r if self.weight is None else r * self.weight[:, None]

    def slope(self, theta):
        """Largest entry of the shortest subgradient, each measured against the terms that cancel in it."""
        l1, l2 = self.strengths()
        r, z = self.residual(theta), self.design()
        grad = z.T @ r + l2 * theta
        at_zero = np.sign(grad) * np.maximum(abs(grad) - l1, 0)
        sub = np.where((theta == 0) & (l1 > 0), at_zero, grad + l1 * np.sign(theta))
        size = abs(z).T @ abs(r) + l1 + abs(l2 * theta) + 1e-300
        return float((abs(sub) / size).max())


def _labels(rng, eta):
    p = expit(eta) if eta.shape[1] == 1 else softmax(eta, axis=1)
    if eta.shape[1] == 1:
        return (rng.random(len(p)) < p[:, 0]).astype(int)
    return np.array([rng.choice(p.shape[1], p=row) for row in p])


def _make(name, n, d, k=1, seed=0, bias=0.0, spread=1.0, **settings):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = _labels(rng, spread * x @ rng.normal(size=(d, k)) / np.sqrt(d) + bias)
    return Problem(name, x, y, k=k, **settings)


def problems():
    rng = np.random.default_rng(1)
    tall, three = _make("tall", 400, 5), _make("three classes", 300, 4, k=3)
    scales = 10.0 ** np.array([-12, -6, 0, 6, 12])
    collinear = np.column_stack([tall.x, tall.x[:, 0] + tall.x[:, 1], tall.x[:, 2]])
    out = [
        tall,
        replace(tall, name="no intercept", intercept=False),
        replace(tall, name="L2", penalty=L2(1.0)),
        replace(tall, name="strength by feature", penalty=L2((0.0, 1.0, 10.0, 0.5, 3.0))),
        replace(tall, name="weights", weight=rng.integers(0, 4, 400).astype(float)),
        replace(tall, name="offset", offset=rng.normal(size=400)),
        replace(tall, name="scales 1e-12 to 1e12", x=tall.x * scales),
        replace(tall, name="shifted by 1e6 deviations", x=tall.x + 1e6),
        replace(tall, name="collinear with L2", x=collinear, penalty=L2(0.5)),
        replace(tall, name="L1", penalty=L1(8.0)),
        replace(tall, name="L1, no intercept", penalty=L1(8.0), intercept=False),
        replace(tall, name="L1, scales", penalty=L1(tuple(8.0 * scales)), x=tall.x * scales),
        replace(tall, name="elastic net", penalty=ElasticNet(6.0, 0.5)),
        replace(tall, name="collinear with L1", x=collinear, penalty=ElasticNet(4.0, 0.99)),
        _make("rare class", 1200, 4, bias=-4.0),
        _make("huge eta", 200, 3, spread=60.0, penalty=L2(1e-4)),
        _make("wide with L2", 40, 150, penalty=L2(1.0)),
        _make("wide with L1", 40, 150, penalty=L1(1.0)),
        _make("softmax of two", 200, 3, k=2),
        three,
        replace(three, name="three classes, L2, weights", penalty=L2(1.0), weight=rng.random(300)),
        replace(three, name="three classes, L1", penalty=L1(4.0)),
        replace(three, name="three classes, offset", offset=rng.normal(size=(300, 3))),
        _make("thirty classes", 600, 3, k=30, penalty=L2(1.0)),
    ]
    return {problem.name: problem for problem in out}


def separated():
    """Problems without a finite optimum: name → (problem, complete?, columns with infinite coefficients)."""
    rng = np.random.default_rng(2)
    lesson = Problem("lesson", np.array([[1.0], [2.0], [3.0]]), np.array([0, 0, 1]))
    ucla = Problem(
        "ucla",
        np.array([[1, 3], [2, 2], [3, -1], [3, -1], [5, 2], [6, 4], [10, 1], [11, 0]], float),
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
    )
    x = np.column_stack([rng.normal(size=80), np.zeros(80)])
    y = (rng.random(80) < expit(x[:, 0])).astype(int)
    x[np.flatnonzero(y)[:9], 1] = 1.0
    quasi = Problem("quasi", x, y)
    labels = rng.integers(0, 3, 60)
    classes = Problem("classes", np.column_stack([labels * 10.0, rng.normal(size=60)]), labels, k=3)
    return {
        "lesson": (lesson, True, {"x1"}),
        "ucla": (ucla, True, {"x1", "x2"}),
        "quasi": (quasi, False, {"x2"}),
        "classes": (classes, True, None),
    }
