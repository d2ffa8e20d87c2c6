"""``torchlogit demo``: the lesson's three students, twenty students, and one picture of both."""

from __future__ import annotations

import warnings
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from torchlogit.cli.files import check_picture
from torchlogit.cli.streams import out
from torchlogit.cli.training import EPOCHS, Trained, train
from torchlogit.errors import TorchlogitWarning

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.plots import CurveTable

EVERY = 100
HOURS = np.linspace(0, 10, 200)
UNCERTAIN = (0.4, 0.6)

THREE = """\
1. Three students, as in the lesson

hours of study   1     2     3
passed           no    no    yes

A linear unit and a sigmoid, P = 1 / (1 + exp(-(b + w hours))), trained by 1000
epochs of gradient descent: step 0.01, loss = binary cross-entropy, summed.
"""
SEPARATED = """\
The three points are perfectly separated: up to 2 hours all failed, from 3 hours
all passed. So no finite maximum-likelihood estimate exists: the longer one
trains, the steeper the curve, without end. Shown instead:

                                b         w     P(4 h)    50 % at
stopped at epoch 1000    {0}
L2 penalty, C = 1        {1}

The first depends on when training stops. The second is an optimum: the penalty
makes it exist, and the certificate says it was reached.
"""
TWENTY = """\
2. Twenty students, whose results overlap

Some who studied longer failed, some who studied less passed. So here the
maximum-likelihood estimate exists, and every method finds the same.
"""
READING = """\
In words: each further hour multiplies the odds of passing by {odds:.2f}. At
{half:.2f} hours the chances are even. Between {low:.2f} and {high:.2f} hours the
probability lies between 0.4 and 0.6: there an honest answer is "uncertain".

hours of study   {hours}
P(pass)          {chances}
answer           {answers}
"""


def run(path: str, force: bool) -> None:
    """Print the story, then write the picture. A picture that an earlier demo wrote is replaced, nothing else is."""
    check_picture(path, force)
    with warnings.catch_warnings():  # what the warnings say is part of the story
        warnings.simplefilter("ignore", TorchlogitWarning)
        trained, ridge = three()
        twenty_fit = twenty()
    draw(trained, ridge, twenty_fit, path)
    out(f"3. The picture of both: {path}")


def _show(epoch: int, loss: float) -> None:
    """The loss of the first and of every hundredth epoch."""
    if epoch == 0 or (epoch + 1) % EVERY == 0:
        out(f"epoch {epoch + 1:4d}   loss {loss:.4f}")


def three() -> tuple[Trained, Trained]:
    """The first chapter: training, what is wrong with it, and the penalised optimum."""
    from torchlogit import datasets
    from torchlogit.fit import fit
    from torchlogit.penalties import L2

    out(THREE)
    trained = train(datasets.lesson(), watch=_show)
    b, w = fit(datasets.lesson(), "passed", penalty=L2(1.0)).theta.ravel().tolist()
    ridge = Trained(b, w)
    out("\n" + SEPARATED.format(trained.line(), ridge.line()))
    return trained, ridge


def twenty() -> Fit:
    """The second chapter: the twenty students at the optimum."""
    from torchlogit import datasets
    from torchlogit.fit import fit

    out(TWENTY)
    result = fit(datasets.study_hours(), "passed")
    out(f"{result.summary()}\n")
    b, w = result.theta.ravel().tolist()
    at = [1.0, 2.0, 2.7, 3.0, 4.0, 5.0]
    chances = result.predict_proba({"hours": at})[:, 1].tolist()
    names = {0.0: "no", 1.0: "yes"}
    answers = [names.get(each, each) for each in result.decide({"hours": at}, UNCERTAIN).tolist()]
    low, high = ((np.log(p / (1 - p)) - b) / w for p in UNCERTAIN)
    text = READING.format(
        odds=exp(w), half=-b / w, low=low, high=high,
        hours="".join(f"{hours:<11g}" for hours in at).rstrip(),
        chances="".join(f"{p:<11.3f}" for p in chances).rstrip(),
        answers="".join(f"{answer:<11}" for answer in answers).rstrip(),
    )  # fmt: skip
    out(text)
    return result


def draw(trained: Trained, ridge: Trained, result: Fit, path: str) -> None:
    """Both tables in one picture, hours 0 to 10."""
    from torchlogit import datasets
    from torchlogit.plots import panels, probability_curve

    figure, (left, right) = panels(2)
    probability_curve(
        list(_lesson_curves(trained, ridge)),
        ax=left,
        title="Three students",
        note="perfectly separated: no finite optimum",
        uncertain=UNCERTAIN,
    )
    table = datasets.study_hours()
    probability_curve(
        _optimum(result, table["hours"], table["passed"]),
        ax=right,
        title="Twenty students",
        note="overlapping: one optimum, 95 % interval",
        uncertain=UNCERTAIN,
    ).save(path)
    assert figure is right.figure


def _lesson_curves(trained: Trained, ridge: Trained) -> tuple[CurveTable, CurveTable]:
    from torchlogit import datasets
    from torchlogit.plots import CurveTable

    table = datasets.lesson()
    sgd, l2 = ([each.probability(hours) for hours in HOURS] for each in (trained, ridge))
    first = CurveTable(HOURS, sgd, None, None, table["hours"], table["passed"], f"SGD, stopped at epoch {EPOCHS}")
    return first, CurveTable(HOURS, l2, label="L2 penalty, C = 1")


def _optimum(result: Fit, x: np.ndarray, y: np.ndarray) -> CurveTable:
    from torchlogit.cli.curve import band
    from torchlogit.plots import CurveTable

    p = result.predict_proba({"hours": HOURS})[:, 1].numpy()
    low, high = band(result, HOURS[:, None])
    return CurveTable(HOURS, p, low, high, x, y, "maximum likelihood")
