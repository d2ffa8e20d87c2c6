"""Writes what the sigmoid gallery and its links are checked against.

python tests/make_learn_sigmoids.py    tests/golden/learn-sigmoids.json

Values, derivatives, inverses and fits are the package's; the textbook forms come from PyTorch and NumPy.
"""

import json
from pathlib import Path

import numpy as np
import torch

import torchlogit
from torchlogit import datasets, sigmoids

GOLDEN = Path(__file__).parent / "golden" / "learn-sigmoids.json"
LINKS = ("logit", "probit", "hyperbolic_secant", "student_t2", "cauchit", "softsign", "cloglog", "loglog")
AT = torch.tensor([-40.0, -6.0, -3.3, -2.0, -1.0, -0.25, 0.0, 0.1, 0.7, 1.5, 3.0, 5.9, 12.0], dtype=torch.float64)
BACK = torch.tensor([-1.0, -0.99, -0.5, 0.0, 0.3, 0.9, 0.9999, 1.0], dtype=torch.float64)
PLAIN = {
    "logistic": sigmoids.logistic,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "gudermannian": lambda x: torch.arctan(torch.sinh(x)),
    "algebraic": sigmoids.algebraic,
    "arctan": torch.arctan,
    "softsign": torch.nn.functional.softsign,
}


def gallery():
    """The logistic function stretched to the limits and the slope of the others, and these."""
    return {"logistic": lambda x: 2 * sigmoids.logistic(2 * x) - 1} | {each.name: each for each in sigmoids.GALLERY}


def slopes(f, at):
    at = at.clone().requires_grad_()
    return torch.autograd.grad(f(at).sum(), at)[0].tolist()


def curve(f):
    return {"value": f(AT).tolist(), "derivative": slopes(f, AT)}


def ends(values):
    """Numbers for JSON, which has no infinity."""
    return [str(value) if np.isinf(value) else value for value in values.tolist()]


def fits():
    """Link → intercept, slope, log-likelihood, the fitted probabilities at 0, 4 and 10 hours."""
    out = {}
    for link in LINKS:
        fit = torchlogit.fit(datasets.study_hours(), "passed", link=link)
        p = fit.predict_proba({"hours": np.array([0.0, 4.0, 10.0])})[:, 1]
        out[link] = {
            "b": fit.theta[0].item(),
            "w": fit.theta[1].item(),
            "logLikelihood": fit.log_likelihood,
            "p": p.tolist(),
        }
    return out


def golden():
    return {
        "x": AT.tolist(),
        "y": BACK.tolist(),
        "normalised": {name: curve(f) for name, f in gallery().items()},
        "inverse": {each.name: ends(each.inverse(BACK)) for each in sigmoids.GALLERY},
        "plain": {name: curve(f) for name, f in PLAIN.items()},
        "fits": fits(),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")
