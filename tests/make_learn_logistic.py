"""Writes what the pages on fitting and training are checked against, and the data that they show.

python tests/make_learn_logistic.py    tests/golden/learn-logistic.json and learn/static/data/{points,starts}.js

Fits and training paths come from the package, Firth's estimates from NumPy and the surfaces from autograd (both here:
the package has neither), the starts from ``torch.nn.Linear(1, 1)`` under ``torch.manual_seed(0 … 9)``.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch

import torchlogit
from torchlogit import SGD, datasets

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "learn-logistic.json"
DATA = ROOT / "src" / "torchlogit" / "learn" / "static" / "data"
EPOCHS = (0, 1, 10, 100, 1000)
RANGES = ((-8.0, 8.0), (-12.0, 12.0))  # of w and of b in the page on surfaces


def table_of(hours, passed):
    return {"hours": np.array(hours, float), "passed": np.array(passed, float)}


def tables():
    """Name → table: both data sets, and what one gets by dragging their points about."""
    lesson, students = datasets.lesson(), datasets.study_hours()
    hours, passed = students["hours"], students["passed"]
    return {
        "lesson": lesson,
        "students": students,
        "lesson, overlapping": table_of([1, 3.5, 3, 2, 4], [0, 0, 1, 1, 1]),
        "lesson, mirrored": table_of([3, 2, 1], [0, 0, 1]),
        "lesson, touching": table_of([1, 2, 2, 3], [0, 0, 1, 1]),
        "nearly separated": table_of([1, 2, 2.51, 2.5, 3, 4], [0, 0, 0, 1, 1, 1]),
        "students, fewer hours": table_of(hours[::2], passed[::2]),
        "students, downward": table_of(hours, 1 - passed),
    }


def fits(table):
    """The estimate with its errors, or the kind of separation; beside it L2 at C = 1 and Firth."""
    x, y = table["hours"], table["passed"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = torchlogit.fit(table, "passed")
        ridge = torchlogit.fit(table, "passed", penalty=torchlogit.L2(1.0))
    out = {"points": points(table), "l2": theta_of(ridge), "firth": firth(x, y)}
    if not plain.certified:
        return out | {"kind": "complete" if plain.complete else "quasi"}
    table = plain.table()
    return out | {
        "kind": "overlap",
        "theta": theta_of(plain),
        "value": plain.value,
        "errors": table.std_error[::-1].tolist(),
        "oddsRatio": float(table.odds_ratio[1]),
        "interval": [float(np.exp(table.low[1])), float(np.exp(table.high[1]))],
    }


def points(table):
    return [{"x": float(x), "y": int(y)} for x, y in zip(table["hours"], table["passed"], strict=True)]


def theta_of(fit):
    """[w, b], the order of the pages."""
    return fit.theta[:, 0].flip(0).tolist()


def firth(x, y):
    """Firth's [w, b] by scoring with the modified score X'(y − μ + h(½ − μ)). Source: Heinze and Schemper (2002), eq. 2."""
    design, theta = np.stack([x, np.ones_like(x)], 1), np.zeros(2)
    for _ in range(2000):
        mu = 1 / (1 + np.exp(-design @ theta))
        v = mu * (1 - mu)
        inverse = np.linalg.inv(design.T * v @ design)
        leverage = v * np.einsum("ni,ij,nj->n", design, inverse, design)
        step = inverse @ (design.T @ (y - mu + leverage * (0.5 - mu)))
        theta = theta + step / max(1, np.abs(step).max())
    assert np.abs(step).max() < 1e-12
    return theta.tolist()


def start_of(seed):
    """What ``torch.nn.Linear(1, 1)`` starts from, [w, b]."""
    torch.manual_seed(seed)
    unit = torch.nn.Linear(1, 1)
    return [unit.weight.item(), unit.bias.item()]


def path(table, seed, reduction, lr):
    """[epoch, w, b, loss that the lesson's loop prints in that epoch] at `EPOCHS`, by the package's SGD in float64."""
    return [[epoch, *after(table, seed, reduction, lr, epoch)] for epoch in EPOCHS]


def after(table, seed, reduction, lr, epochs):
    w, b = start_of(seed)
    if epochs:
        solver = SGD(lr=lr, epochs=epochs, reduction=reduction)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = torchlogit.fit(table, "passed", solver=solver, start=torch.tensor([[b], [w]], dtype=torch.float64))
        w, b = theta_of(fit)
    share = 1 if reduction == "sum" else 1 / len(table["hours"])
    return w, b, share * float(surface("bce", table, torch.tensor([w, b], dtype=torch.float64)))


def surface(loss, table, theta):
    """The sum of BCE or of squared errors after a sigmoid at θ = [w, b]."""
    x, y = (torch.from_numpy(table[name]) for name in ("hours", "passed"))
    eta = x * theta[0] + theta[1]
    if loss == "bce":
        return torch.nn.functional.binary_cross_entropy_with_logits(eta, y, reduction="sum")
    return (torch.sigmoid(eta) - y).square().sum()


def derivatives(loss, table, theta):
    theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    value = surface(loss, table, theta)
    (grad,) = torch.autograd.grad(value, theta)
    hess = torch.autograd.functional.hessian(lambda at: surface(loss, table, at), theta)
    least = torch.linalg.eigvalsh(hess)[0].item()
    return {"value": value.item(), "grad": grad.tolist(), "hess": hess.ravel()[[0, 1, 3]].tolist(), "curvature": least}


def share_of_negative_curvature(loss, table, size=201, by=1e-5):
    """Share of an even grid over `RANGES` where the mean loss has a direction of curvature below −by."""
    ws, bs = (torch.linspace(*ends, size, dtype=torch.float64) for ends in RANGES)
    theta = torch.cartesian_prod(ws, bs)

    def mean(at):
        return surface(loss, table, at) / len(table["hours"])

    hess = torch.func.vmap(torch.func.hessian(mean))(theta)
    return (torch.linalg.eigvalsh(hess)[:, 0] < -by).double().mean().item()


def golden():
    both = {name: tables()[name] for name in ("lesson", "students")}
    settings = [(seed, reduction, lr) for seed in (0, 3, 9) for reduction in ("sum", "mean") for lr in (0.01, 0.05)]
    return {
        "fits": {name: fits(table) for name, table in tables().items()},
        "paths": [
            {"data": name, "seed": seed, "mean": reduction == "mean", "lr": lr, "at": path(table, seed, reduction, lr)}
            for name, table in both.items()
            for seed, reduction, lr in settings
        ],
        "surfaces": [
            {"data": name, "loss": loss, "theta": theta, **derivatives(loss, table, theta)}
            for name, table in both.items()
            for loss in ("bce", "mse")
            for theta in ([0.0, 0.0], [1.2, -2.9], [-3.0, 5.0], [4.0, -10.0])
        ],
        "share": {loss: share_of_negative_curvature(loss, both["lesson"]) for loss in ("bce", "mse")},
        "saturation": {
            loss: abs(derivatives(loss, table_of([1], [1]), [-10.0, 0.0])["grad"][0]) for loss in ("bce", "mse")
        },
    }


def script(name, value, says):
    """A data file of the pages: a classic script, since pages opened from a folder may not fetch."""
    text = json.dumps(value)
    return (
        f"// {says}\n// Made by tests/make_learn_logistic.py.\n"
        f"globalThis.torchlogit ??= {{}};\ntorchlogit.data ??= {{}};\ntorchlogit.data.{name} = {text};\n"
    )


def files():
    """Path → content of everything this script writes."""
    both = {name: points(tables()[name]) for name in ("lesson", "students")}
    starts = [start_of(seed) for seed in range(10)]
    return {
        GOLDEN: json.dumps(golden(), indent=1) + "\n",
        DATA / "points.js": script(
            "points", both, "The lesson's three points and the twenty students: x hours, y passed."
        ),
        DATA / "starts.js": script("starts", starts, "[w, b] of torch.nn.Linear(1, 1) under torch.manual_seed(0 … 9)."),
    }


if __name__ == "__main__":
    for file, content in files().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
