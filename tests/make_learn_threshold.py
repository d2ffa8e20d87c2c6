"""Writes what the page on thresholds is checked against, and the people that it shows.

python tests/make_learn_threshold.py    tests/golden/learn-threshold.json and learn/static/data/decisions.js

Probabilities are those of the package's fits: the twenty students, and 300 patients drawn here with a fixed seed (two
measurements, about a fifth of them ill). Rates and areas come from scikit-learn, "uncertain" from `Fit.decide`.
"""

import json
from pathlib import Path

import numpy as np
from sklearn import metrics

import torchlogit
from torchlogit import datasets

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "learn-threshold.json"
DATA = ROOT / "src" / "torchlogit" / "learn" / "static" / "data" / "decisions.js"
THRESHOLDS = (0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0)
BANDS = ((0.4, 0.6), (0.1, 0.9), (0.5, 0.5))
COSTS = ((1, 1), (1, 5), (7, 2))


def clinic():
    """300 patients: two measurements, and who is ill."""
    random = np.random.default_rng(20)
    first, second = random.normal(size=(2, 300))
    ill = random.uniform(size=300) < 1 / (1 + np.exp(2.0 - 1.3 * first - 1.0 * second))
    return {"first": first.round(3), "second": second.round(3), "ill": ill.astype(float)}


def fits():
    return {
        "students": torchlogit.fit(datasets.study_hours(), "passed"),
        "clinic": torchlogit.fit(clinic(), "ill"),
    }


def rows_of(name):
    return (datasets.study_hours(), "passed") if name == "students" else (clinic(), "ill")


def people():
    """Name → probabilities with seven digits and true classes, as the page has them."""
    out = {}
    for name, fit in fits().items():
        table, target = rows_of(name)
        p = fit.predict_proba(table)[:, 1].tolist()
        out[name] = {"p": [round(value, 7) for value in p], "y": table[target].astype(int).tolist()}
    return out


def tallies(p, y):
    """[threshold, true negatives, false positives, false negatives, true positives]."""
    return [[at, *metrics.confusion_matrix(y, p >= at).ravel().tolist()] for at in THRESHOLDS]


def areas(p, y):
    """Areas under ROC and precision-recall; the latter also where half of all people are truly 1, by weights."""
    even = np.where(y == 1, 1 / y.mean(), 1 / (1 - y.mean()))
    return {
        "roc": metrics.roc_auc_score(y, p),
        "average": metrics.average_precision_score(y, p),
        "averageEven": metrics.average_precision_score(y, p, sample_weight=even),
    }


def cheapest(p, y):
    """[cost of a false yes, of a false no, least cost per person] over all thresholds."""
    out = []
    for false_yes, false_no in COSTS:
        at = [*sorted(set(p)), np.inf]
        costs = [(false_yes * ((p >= t) & (y == 0)).sum() + false_no * ((p < t) & (y == 1)).sum()) / len(y) for t in at]
        out.append([false_yes, false_no, min(costs)])
    return out


def bands(name):
    """[low, high, uncertain, right among the decided], by `Fit.decide`."""
    fit, (table, target) = fits()[name], rows_of(name)
    out = []
    for low, high in BANDS:
        said = fit.decide(table, uncertain=(low, high))
        decided = said != "uncertain"
        out.append([low, high, int((~decided).sum()), int((said[decided] == table[target][decided]).sum())])
    return out


def golden(name, p, y):
    p, y = np.array(p), np.array(y)
    return {"tallies": tallies(p, y), **areas(p, y), "cheapest": cheapest(p, y), "bands": bands(name)}


def files():
    """Path → content of everything this script writes."""
    shown = people()
    checks = {name: golden(name, **each) for name, each in shown.items()}
    script = (
        "// Predicted probabilities and true classes of the twenty students and of 300 patients drawn at random.\n"
        "// Made by tests/make_learn_threshold.py.\n"
        f"globalThis.torchlogit ??= {{}};\ntorchlogit.data ??= {{}};\ntorchlogit.data.decisions = {json.dumps(shown)};\n"
    )
    return {GOLDEN: json.dumps(checks, indent=1) + "\n", DATA: script}


if __name__ == "__main__":
    for file, content in files().items():
        file.write_text(content, encoding="utf-8")
