"""``torchlogit lesson``: the lesson's program as it runs, then one step further than the lesson went."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.cli.demo import HOURS, UNCERTAIN
from torchlogit.cli.files import check_picture
from torchlogit.cli.streams import out
from torchlogit.cli.training import EPOCHS, RATE, Trained, train
from torchlogit.errors import TorchlogitWarning

if TYPE_CHECKING:
    from torchlogit.plots import CurveTable

PROGRAM = """\
The lesson: hours of study -> probability of passing

hours    1     2     3            model      P = sigmoid(x w + b)
passed   no    no    yes          loss       binary cross-entropy, summed
                                  optimiser  SGD, lr 0.01, 1000 epochs

epoch, loss
"""
ANSWER = """
w = {w}
b = {b}
P(pass | 4 hours) = {p}

hours     {hours}
P(pass)   {chances}
answer    {answers}

Between 0.4 and 0.6 the answer is "uncertain". The chances are even at {half:.2f} h.
From the same start, are the weights of this solver the same, bit for bit? {same}
   SGD(lr=0.01, epochs=1000, reduction="sum")
"""
STOPPED = """\
One step further

1. When does one stop? The three points are perfectly separated: no finite
   optimum exists. The loss falls for ever, and the curve depends on the clock.

   epochs  loss           b         w     P(4 h)    50 % at
{rows}
   for ever         a step at 2.5 hours: P(4 h) = 1

   A mean of 3 losses has a third of the gradient of their sum: "mean" trains
   three times as slowly, and after 1000 epochs it is another curve.
   BCELoss(size_average=False) is today's BCELoss(reduction="sum").
"""
FORMS = """\
2. Sigmoid, then BCELoss, in float32: a point on the wrong side can be lost.
   For y = 0, from eta = x w + b:

   eta      BCELoss(sigmoid(eta))   gradient     from logits   gradient
{rows}

   At 20 the sigmoid rounds to 1: the loss is cut off at 100, the gradient is 0,
   and nothing can be learnt. From logits all digits stay, as in torchlogit.
"""
SURFACES = """\
3. Why not squared error? Over w from -8 to 8 and b from -12 to 12 its surface
   (after a sigmoid) bends downward in some direction on {mse[0]:.0f} % of the points,
   on {mse[1]:.0f} % by more than 0.00003; that of cross-entropy on {bce[0]:.0f} %. Those are
   plateaus, where training crawls; cross-entropy has none.
"""
TWENTY = """\
4. Twenty students, who overlap: here an optimum exists.

                                  b         w     P(4 h)    50 % at
   optimum (certified)     {best}
   1000 epochs, sum        {total}
   1000 epochs, mean       {mean}

   Each further hour multiplies the odds of passing by {odds:.2f}
   (95 % interval {low:.2f} to {high:.2f}).
"""
LINKS = """\
5. Other sigmoids in place of the logistic one, on the twenty students:

{table}

   With twenty rows the differences say little: choose by meaning.
"""
FURTHER = """\
The picture: {path}
Go on:  torchlogit lesson digits --root FOLDER    ten digits, softmax, MNIST
        torchlogit learn                          the lesson, in pages that move
"""


def run(path: str, force: bool) -> None:
    """Print the lesson, write its picture. A picture of this package's own is replaced, nothing else is."""
    check_picture(path, force)
    with warnings.catch_warnings():  # what the warnings say is part of the story
        warnings.simplefilter("ignore", TorchlogitWarning)
        first = program()
        for chapter in (stopped, forms, surfaces, twenty, links):
            out(chapter())
        draw(first, path)
    out(FURTHER.format(path=path).rstrip())


def program() -> Trained:
    """The lesson's program: a line an epoch, as its ``print(epoch, loss.item())`` has it, and the answers."""
    from torchlogit import datasets

    out(PROGRAM.rstrip())
    found = train(datasets.lesson(), watch=lambda epoch, loss: print(epoch, loss))
    at = [1.0, 2.0, 2.4, 3.0, 4.0]
    chances = [found.probability(hours) for hours in at]
    out(ANSWER.format(
        w=found.w, b=found.b, p=chances[-1], half=-found.b / found.w, same="yes" if same(found) else "no",
        hours="".join(f"{hours:<11g}" for hours in at).rstrip(),
        chances="".join(f"{p:<11.3f}" for p in chances).rstrip(),
        answers="".join(f"{decision(p):<11}" for p in chances).rstrip(),
    ))  # fmt: skip
    return found


def decision(p: float) -> str:
    """Pass, fail or uncertain.

    >>> decision(0.45), decision(0.9)
    ('uncertain', 'pass')
    """
    low, high = UNCERTAIN
    return "uncertain" if low <= p <= high else "pass" if p > high else "fail"


def same(first: Trained) -> bool:
    """Whether the estimator's solver ends at the same weights from the same start."""
    from torchlogit import datasets
    from torchlogit.cli.training import model
    from torchlogit.estimators import LogisticRegression
    from torchlogit.solvers import SGD

    table, start = datasets.lesson(), model().linear
    solver = SGD(lr=RATE, epochs=EPOCHS, reduction="sum")
    found = LogisticRegression(penalty=None, solver=solver, warm_start=True)
    found.coef_, found.intercept_ = start.weight.detach().numpy(), start.bias.detach().numpy()
    found.fit(table["hours"][:, None].astype(np.float32), table["passed"])
    return (found.intercept_[0], found.coef_[0, 0]) == first


@cache
def trained(name: str, epochs: int, reduction: str) -> Trained:
    """The hand-written loop on a data set of that name."""
    from torchlogit import datasets

    return train(getattr(datasets, name)(), epochs=epochs, reduction=reduction)


def stopped() -> str:
    """What training for longer gives, summed and averaged."""
    runs = [(100, "sum"), (1000, "sum"), (5000, "sum"), (1000, "mean")]
    rows = [f"   {epochs:5d}   {kind:4}  {trained('lesson', epochs, kind).line()}" for epochs, kind in runs]
    return STOPPED.format(rows="\n".join(rows))


def forms() -> str:
    """The loss of a row with y = 0 and its gradient, through probabilities and from logits, in float32."""
    import torch.nn.functional as F

    rows = []
    for eta in (5.0, 15.0, 20.0, 200.0):
        lesson = _loss(lambda z, y: F.binary_cross_entropy(z.sigmoid(), y), eta)
        logits = _loss(F.binary_cross_entropy_with_logits, eta)
        rows.append(f"   {eta:5g}    {lesson[0]:20.4f}   {lesson[1]:8.4f}   {logits[0]:13.4f}   {logits[1]:8.4f}")
    return FORMS.format(rows="\n".join(rows))


def _loss(loss: Any, eta: float) -> tuple[float, float]:
    """Value and derivative of a loss at η for y = 0."""
    import torch

    z = torch.tensor([eta], requires_grad=True)
    value = loss(z, torch.zeros(1))
    value.backward()
    assert z.grad is not None
    return value.item(), z.grad.item()


def surfaces() -> str:
    """How much of the loss surface bends downward, for either loss."""
    from torchlogit import datasets
    from torchlogit.surfaces import loss_surface

    table, shares = datasets.lesson(), {}
    for loss in ("mse", "bce"):
        bend = loss_surface(loss, table["hours"], table["passed"], epochs=0).curvature
        shares[loss] = [100 * float((bend < least).double().mean()) for least in (-1e-12, -3e-5)]
    return SURFACES.format(**shares)


def twenty() -> str:
    """The certified optimum of the twenty students beside what 1000 epochs reach."""
    from torchlogit import datasets
    from torchlogit.fit import fit

    table = datasets.study_hours()
    result = fit(table, "passed")
    best, wald = Trained(*result.theta[:, 0].tolist()), result.table()
    odds, low, high = (np.exp(each[1]) for each in (wald.estimate, wald.low, wald.high))
    total, mean = (trained("study_hours", EPOCHS, kind) for kind in ("sum", "mean"))
    return TWENTY.format(best=best.line(), total=total.line(), mean=mean.line(), odds=odds, low=low, high=high)


def links() -> str:
    """The links' log-likelihoods in one table."""
    from torchlogit import datasets
    from torchlogit.inference.links import compare_links

    table = str(compare_links(datasets.study_hours(), "passed"))
    return LINKS.format(table="\n".join(f"   {line}" for line in table.splitlines()))


def draw(first: Trained, path: str) -> None:
    """The lesson's curve, what it becomes with more epochs and for ever; beside it the twenty students."""
    from torchlogit import datasets
    from torchlogit.fit import fit
    from torchlogit.plots import panels, probability_curve

    lesson, students = datasets.lesson(), datasets.study_hours()
    best, ever = Trained(*fit(students, "passed").theta[:, 0].tolist()), Trained(-500.0, 200.0)
    stops = {f"{EPOCHS} epochs": first, "5000 epochs": trained("lesson", 5000, "sum"), "for ever": ever}
    _, (left, right) = panels(2)
    note = "separated: the longer, the steeper"
    probability_curve(curves(stops, lesson), ax=left, title="Three students", note=note)
    both = {"the optimum": best, f"{EPOCHS} epochs of means": trained("study_hours", EPOCHS, "mean")}
    note = "overlapping: an optimum exists"
    probability_curve(curves(both, students), ax=right, title="Twenty students", note=note).save(path)


def curves(runs: dict[str, Trained], table: Any) -> list[CurveTable]:
    """A curve over 0 to 10 hours for each, the first with the students."""
    from torchlogit.plots import CurveTable

    first, *others = ((label, [run.probability(hours) for hours in HOURS]) for label, run in runs.items())
    label, p = first
    return [
        CurveTable(HOURS, p, None, None, table["hours"], table["passed"], label),
        *(CurveTable(HOURS, p, label=label) for label, p in others),
    ]
