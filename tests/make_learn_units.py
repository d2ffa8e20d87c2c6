"""Make tests/golden/learn-units.json, what model/linear.js is held to: python tests/make_learn_units.py"""

import json
import warnings
from pathlib import Path

import torch

import torchlogit
from torchlogit import datasets

HOURS = [0.0, 1.0, 2.0, 2.5, 4.0, 6.0, 8.0]


def theta(fit):
    """Slope and intercept, as the pages write them."""
    b, w = fit.theta[:, 0].tolist()
    return [w, b]


def scales(fit, hours):
    """The log-odds, odds and probability of one row."""
    p = fit.predict_proba({"hours": [hours]})[0, 1]
    return {"x": hours, "logOdds": torch.logit(p).item(), "odds": (p / (1 - p)).item(), "probability": p.item()}


def golden():
    tables = {"lesson": datasets.lesson(), "students": datasets.study_hours()}
    fit = torchlogit.fit(tables["students"], "passed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lines = {name: theta(torchlogit.fit(table, "passed", loss="squared")) for name, table in tables.items()}
    return {"lines": lines, "scales": [scales(fit, hours) for hours in HOURS]}


if __name__ == "__main__":
    path = Path(__file__).parent / "golden" / "learn-units.json"
    path.write_text(json.dumps(golden(), indent=1) + "\n")
