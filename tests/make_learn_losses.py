"""Writes what the pages on the loss and on saturation are checked against.

python tests/make_learn_losses.py    tests/golden/learn-losses.json

Entropies are SciPy's, BCE and everything in float32 PyTorch's own, training after 1000 epochs the package's.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.special import entr, rel_entr

import torchlogit
from torchlogit import SGD, datasets

GOLDEN = Path(__file__).parent / "golden" / "learn-losses.json"
PAIRS = (
    ([0.6, 0.3, 0.1], [0.2, 0.5, 0.3]),
    ([0.0, 1.0], [0.25, 0.75]),
    ([0.5, 0.5], [0.5, 0.5]),
    ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]),
    ([0.5, 0.0, 0.5], [0.0, 0.5, 0.5]),
    ([0.5, 0.0, 0.5], [0.25, 0.0, 0.75]),
)
ETAS = sorted({*(np.arange(-80, 81) / 2).tolist(), *(np.arange(140, 180) / 10).tolist()})
GUESSES = (0.0, 1e-30, 0.01, 0.3, 0.5, 0.9, 0.99, 1.0)


def infinite(value):
    """A number for JSON, which has no infinity."""
    return "Infinity" if math.isinf(value) else value


def distributions():
    """[p, q, entropy of p, divergence, cross-entropy]."""
    out = []
    for p, q in PAIRS:
        own, kl = float(entr(p).sum()), float(rel_entr(p, q).sum())
        out.append([p, q, own, infinite(kl), infinite(own + kl)])
    return out


def bce(guess, y):
    """PyTorch's, in float64."""
    return torch.nn.BCELoss()(*(torch.tensor(each, dtype=torch.float64) for each in (guess, y))).item()


def in_float32(eta, y):
    """ŷ, loss and gradient of sigmoid and BCELoss; loss and gradient from the logit."""
    logit = torch.tensor(eta, dtype=torch.float32, requires_grad=True)
    guess, y = torch.sigmoid(logit), torch.tensor(y, dtype=torch.float32)
    loss, direct = torch.nn.BCELoss()(guess, y), torch.nn.BCEWithLogitsLoss()(logit, y)
    gradients = [torch.autograd.grad(each, logit, retain_graph=True)[0].item() for each in (loss, direct)]
    return [guess.item(), loss.item(), gradients[0], direct.item(), gradients[1]]


def trained(lr, reduction):
    """[lr, reduction, w, b] after 1000 epochs on the lesson's three points from 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = torchlogit.fit(datasets.lesson(), "passed", solver=SGD(lr=lr, epochs=1000, reduction=reduction))
    return [lr, reduction, fit.coef.item(), fit.theta[0].item()]


def golden():
    return {
        "distributions": distributions(),
        "bce": [[guess, y, bce(guess, y)] for guess in GUESSES for y in (0.0, 1.0)],
        "float32": [[eta, y, *in_float32(eta, y)] for eta in ETAS for y in (0, 1)],
        "trained": [trained(0.01, "sum"), trained(0.01, "mean"), trained(0.03, "mean"), trained(0.05, "mean")],
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden()) + "\n", encoding="utf-8")
