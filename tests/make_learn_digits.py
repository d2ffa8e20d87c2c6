"""Writes what the pages on classes and digits show of MNIST, and what they are checked against; some minutes.

python tests/make_learn_digits.py FOLDER    FOLDER holds the files of MNIST
    learn/static/data/digits.js     forty test digits, softmax's weights while it trains, the linear unit's answers
    tests/golden/learn-digits.json  what the package says of them
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np

from torchlogit.cli import digits as lesson

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "learn-digits.json"
DATA = ROOT / "src" / "torchlogit" / "learn" / "static" / "data" / "digits.js"
EPOCHS = (0, 1, 2, 3, 5, 8, 12, 20)
RATE = 0.02  # slower than the command, so that there is something to see
NAMES = {
    "usual": list(range(10)),
    "reversed": list(range(9, -1, -1)),
    "swapped": [0, 1, 2, 3, 4, 5, 6, 8, 7, 9],
    "shuffled": lesson.RENAMED.tolist(),
}


def chosen(p, labels):
    """Of each digit: two that softmax is sure of, one that it is not, one that it takes for another: (4, 10) places."""
    best, right = p.max(1), p.argmax(1) == labels
    rows = [np.flatnonzero(right & (best > 0.9)), np.flatnonzero(right & (best < 0.6)), np.flatnonzero(~right)]
    of = [[row[labels[row] == digit] for digit in range(10)] for row in rows]
    picks = [(0, 0), (0, 1), (1, 0), (2, 0)]
    return np.array([[of[row][digit][number] for digit in range(10)] for row, number in picks])


def packed(array, kind):
    """Little-endian numbers as base64."""
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode()


def film(digits, best):
    """What training looks like after each epoch and at the optimum: weights as signed bytes, loss per digit, accuracy."""
    steps = [(each.number, each.theta.numpy(), each.loss) for each in lesson.training(digits, EPOCHS, rate=RATE)]
    steps.append((None, best.theta.numpy(), best.value))
    scale = max(np.abs(theta[1:]).max() for _, theta, _ in steps)
    return {
        "scale": float(scale),
        "epochs": [number for number, *_ in steps],
        "loss": [round(loss / len(digits.labels), 4) for *_, loss in steps],
        "right": [round(lesson.accuracy(digits, theta), 4) for _, theta, _ in steps],
        "weights": packed([np.rint(theta[1:].T / scale * 127) for _, theta, _ in steps], "i1"),
    }


def linear_answers(parts, names):
    """The number that the linear unit says where digits have other names: least squares is linear in them."""
    return (parts @ np.array(names)).tolist()


def files(folder):
    """Path → content of everything this script writes."""
    digits = lesson.read(folder, download=False)
    best = lesson.softmax(digits, len(digits.labels), tol=1e-9)
    p = np.asarray(best.predict_proba(digits.test_images.astype(np.float64)))
    at = chosen(p, digits.test_labels).ravel()
    images = np.rint(digits.test_images[at] * 255)
    some = digits._replace(test_images=images / 255)
    parts = np.round(lesson.linear(some, len(digits.labels), np.eye(10)), 9)
    shown = {
        "labels": digits.test_labels[at].tolist(),
        "images": packed(images, "u1"),
        "linear": [[float(each) for each in row] for row in parts],
        "theta": packed(best.theta.numpy(), "<f8"),
        "film": film(digits, best),
    }
    checks = {
        "p": np.asarray(best.predict_proba(images / 255)).tolist(),
        "linear": [[names, linear_answers(parts, names)] for names in NAMES.values()],
        "right": lesson.accuracy(digits, best.theta),
        "value": best.value,
        "shown": [p[digits.test_labels == digit].mean(0).tolist() for digit in range(10)],
        "alike": np.corrcoef(best.theta.numpy()[1:].T).tolist(),
    }
    script = (
        "// Forty test digits of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), softmax's weights while it trains on the\n"
        "// 60 000 others, and a linear unit's answers. Made by tests/make_learn_digits.py.\n"
        f"globalThis.torchlogit ??= {{}};\ntorchlogit.data ??= {{}};\ntorchlogit.data.digits = {json.dumps(shown)};\n"
    )
    return {GOLDEN: json.dumps(checks, indent=1) + "\n", DATA: script}


if __name__ == "__main__":
    for file, content in files(sys.argv[1]).items():
        file.write_text(content, encoding="utf-8")
