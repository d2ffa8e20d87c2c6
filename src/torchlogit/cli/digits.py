"""``torchlogit lesson digits``: what the lesson says of digits, shown on MNIST: names, ten probabilities, softmax training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchlogit.cli.files import check_picture
from torchlogit.cli.streams import console, out, progress

if TYPE_CHECKING:
    from torch import Tensor

    from torchlogit.fitted import Fit
    from torchlogit.solvers import Record

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

FEW = 2000  # digits that are enough to make a point
STRENGTH = 100.0  # of the L2 penalty on every model here: C = 0.01
RENAMED = np.array([3, 7, 0, 9, 5, 1, 8, 2, 6, 4])  # the new name of each digit
RATE, BATCH = 0.1, 100
EPOCHS = (0, 1, 2, 5, 10)  # whose weights are shown
TOL = 1e-5  # relative distance to the optimum: far below what a picture shows

NAMES = """\
1. Labels are names

Two models learn from the same {few} digits. The linear unit predicts the label
as a number (least squares, rounded); softmax gives each label a probability.
Then the digits get other names, and both learn again:

the digit         0 1 2 3 4 5 6 7 8 9
its other name    {renamed}

of {tests} digits    right    right when renamed    answered as before
linear unit        {linear[0]:>5}    {linear[1]:>18}    {linear[2]:>18}
softmax            {softmax[0]:>5}    {softmax[1]:>18}    {softmax[2]:>18}

A linear unit must put 8 between 7 and 9, so its answers hang on what the digits
are called. No probability of softmax changed by more than {change:.0e}.

7 and 9 look alike, though 8 stands between them. What softmax learnt of it:

                                            9         8
mean probability, where the digit is 7      {p9:5.3f}     {p8:5.3f}
correlation of its weights with those of 7  {w9:5.2f}     {w8:5.2f}
"""
ONE = """\
2. Ten probabilities that add up to 1

digit          {digits}
probability    {probabilities}

They add up to {total:.6f}; the largest wins: {winner}. The digit is {truth}.
The picture: {path}
"""
BINARY = """\
3. Two classes: one number is enough

A model of 7 and 9 only: classes_ = {classes}. P(7) = 1 − P(9), so one column
says it all; predict_proba gives both, in the order of classes_.

digit     P(7)     P(9)     sum
{rows}
"""
TRAINING = """\
4. Softmax on all {n} digits

Mini-batches of {batch}, step {rate}, loss = cross-entropy + L2 penalty (C = {c:g}).

            loss F    right of {tests} other digits"""
ENDING = """\

Training nears the optimum. The optimum is certified: its F lies above the lowest
there is by a share of {distance:.0e}. The ten weight images: {path}"""


class Digits(NamedTuple):
    """MNIST with pixels 0 to 1."""

    images: Floats  # (n, 784)
    labels: Labels  # (n,)
    test_images: Floats
    test_labels: Labels


def run(root: str, download: bool, out: str, force: bool) -> None:
    """Print what the lesson says of digits; write one digit to ``out`` and the weight images beside it."""
    check_picture(out, force)
    weights = str(Path(out).with_stem(f"{Path(out).stem}-weights"))
    check_picture(weights, force)
    digits = read(root, download)
    few = softmax(digits, FEW)
    show_names(digits, few)
    show_one(digits, few, out)
    show_binary(digits)
    show_training(digits, weights)


def read(root: str, download: bool) -> Digits:
    """MNIST from ``root``, pixels scaled to 0 to 1."""
    from torchlogit.datasets import mnist

    images, labels = mnist(root, train=True, download=download)
    test_images, test_labels = mnist(root, train=False)
    return Digits(_scaled(images), labels.astype(np.int64), _scaled(test_images), test_labels.astype(np.int64))


def _scaled(images: NDArray[np.uint8]) -> Floats:
    return np.divide(images, 255, dtype=np.float32)


def softmax(digits: Digits, n: int, names: NDArray[Any] | None = None, **options: Any) -> Fit:
    """Softmax at its certified optimum over the first n digits, which may have other ``names`` (10,)."""
    from torchlogit.fit import fit
    from torchlogit.penalties import L2

    labels = digits.labels[:n] if names is None else names[digits.labels[:n]]
    options = {"tol": 1e-6} | options
    return fit(digits.images[:n], labels, penalty=L2(STRENGTH), dtype="float32", **options)


def linear(digits: Digits, n: int, names: NDArray[Any]) -> NDArray[np.float64]:
    """What a linear unit predicts for the test digits, (m,): least squares on the names as numbers, with the L2 penalty."""
    x = np.column_stack([np.ones(n), digits.images[:n]])
    ridge = np.diag(np.r_[0.0, np.full(784, STRENGTH)])
    theta = np.linalg.solve(x.T @ x + ridge, x.T @ names[digits.labels[:n]])
    return theta[0] + digits.test_images @ theta[1:]


def nearest(predicted: NDArray[np.float64], names: NDArray[Any]) -> Labels:
    """The digits (m,) whose names are nearest to the numbers that were predicted."""
    return np.argsort(names)[np.clip(np.rint(predicted), 0, 9).astype(np.int64)]


def probabilities(model: Fit, images: Floats) -> NDArray[np.float64]:
    """Probabilities (m, classes) of images."""
    return np.asarray(model.predict_proba(images))


class Names(NamedTuple):
    """What renaming the digits changes: answers for the test digits, before and after."""

    linear: tuple[Labels, Labels]
    softmax: tuple[Labels, Labels]
    change: float  # the largest of any probability of softmax


def renamed(digits: Digits, few: Fit, names: NDArray[Any] = RENAMED) -> Names:
    """Both models before and after renaming; ``few`` is softmax before it. Answers are digits, whatever their names."""
    same = np.arange(10)
    before = probabilities(few, digits.test_images)
    after = probabilities(softmax(digits, few.n_rows, names), digits.test_images)[:, names]
    lines = (nearest(linear(digits, few.n_rows, each), each) for each in (same, names))
    return Names(
        linear=(next(lines), next(lines)),
        softmax=(before.argmax(1), after.argmax(1)),
        change=float(np.abs(before - after).max()),
    )


def similarity(digits: Digits, few: Fit, of: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How alike softmax holds each digit and ``of``: its mean probability where ``of`` is shown, and its weights' correlation."""
    shown = probabilities(few, digits.test_images[digits.test_labels == of]).mean(0)
    return shown, np.corrcoef(np.asarray(few.theta)[1:].T)[of]


def show_names(digits: Digits, few: Fit) -> None:
    found, (shown, alike) = renamed(digits, few), similarity(digits, few, 7)

    def shares(answers: tuple[Labels, Labels]) -> list[str]:
        right = [answer == digits.test_labels for answer in answers]
        return [f"{100 * each.mean():.0f} %" for each in (*right, answers[0] == answers[1])]

    text = NAMES.format(
        few=few.n_rows, tests=len(digits.test_labels), renamed=" ".join(map(str, RENAMED)), change=found.change,
        linear=shares(found.linear), softmax=shares(found.softmax),
        p9=shown[9], p8=shown[8], w9=alike[9], w8=alike[8],
    )  # fmt: skip
    out(text)


def show_one(digits: Digits, few: Fit, path: str, index: int = 9) -> None:
    """One test digit (the tenth: a 9 a little like a 7) beside its ten probabilities."""
    from torchlogit.plots import digit

    p = probabilities(few, digits.test_images[index : index + 1])[0]
    digit(digits.test_images[index], p, title="One digit, ten probabilities").save(path)
    text = ONE.format(
        digits="".join(f"{each:<6d}" for each in range(10)).rstrip(),
        probabilities="".join(f"{each:<6.3f}" for each in p).rstrip(),
        total=p.sum(), winner=p.argmax(), truth=digits.test_labels[index], path=path,
    )  # fmt: skip
    out(text)


def binary(digits: Digits, classes: tuple[int, int] = (7, 9)) -> Any:
    """scikit-learn's door to a model of two of the digits."""
    from torchlogit.estimators import LogisticRegression

    chosen = np.isin(digits.labels[: 5 * FEW], classes)
    model = LogisticRegression(C=1 / STRENGTH)
    return model.fit(digits.images[: 5 * FEW][chosen], digits.labels[: 5 * FEW][chosen])


def show_binary(digits: Digits) -> None:
    model = binary(digits)
    some = np.flatnonzero(np.isin(digits.test_labels, model.classes_))[:4]
    table = zip(digits.test_labels[some], model.predict_proba(digits.test_images[some]), strict=True)
    rows = "\n".join(f"{label}        {p[0]:.4f}   {p[1]:.4f}   {p.sum():.4f}" for label, p in table)
    out(BINARY.format(classes=model.classes_.tolist(), rows=rows))


class Epoch(NamedTuple):
    """Where training stands: theta (785, 10) with the intercepts first, and F there."""

    number: int
    theta: Tensor
    loss: float


def training(
    digits: Digits,
    epochs: tuple[int, ...] = EPOCHS,
    watch: Callable[[Record], None] | None = None,
    rate: float = RATE,
) -> Iterator[Epoch]:
    """Mini-batch SGD on softmax from zero, as it stands after each of the ``epochs`` (ascending); the same in every run."""
    from torchlogit.solvers import SGD, Record

    objective = _objective(digits)
    solver = SGD(lr=rate, epochs=max(epochs[-1], 1), batch_size=BATCH)
    point = solver.init(objective, objective.zeros())
    for epoch in range(epochs[-1] + 1):
        point = solver.step(objective, point) if epoch else point
        if watch is not None:
            watch(Record(epoch, float(point.at.value), 0.0, 0.0))
        if epoch in epochs:
            yield Epoch(epoch, point.theta, float(objective.taylor(point.theta, 0).value))


def _objective(digits: Digits) -> Any:
    """F over all digits, in pixels as they are (no centring or scaling), so that theta is what a hand-written loop trains."""
    import torch

    from torchlogit.design import Coordinates
    from torchlogit.losses import loss_for
    from torchlogit.objective import Objective
    from torchlogit.penalties import L2
    from torchlogit.rows import read_rows

    rows = read_rows(torch.from_numpy(digits.images), digits.labels)
    plain = torch.ones(len(rows.columns), dtype=torch.float64)
    coordinates = Coordinates(torch.zeros_like(plain), plain)
    k, loss = loss_for("auto", len(rows.classes))
    penalty = L2(STRENGTH).strengths(rows.columns, coordinates, True)
    return Objective(rows.source(True, None), loss, penalty, k, coordinates, torch.float32)


def accuracy(digits: Digits, theta: Tensor) -> float:
    """Share of the test digits that theta (785, 10) gets right."""
    weights = np.asarray(theta, dtype=np.float32)
    return float(((digits.test_images @ weights[1:] + weights[0]).argmax(1) == digits.test_labels).mean())


def show_training(digits: Digits, path: str) -> None:
    """Train, showing each of `EPOCHS`, then the optimum; all their weights in one picture."""
    from torchlogit.plots import weight_images

    n, tests = len(digits.labels), len(digits.test_labels)
    out(TRAINING.format(n=n, batch=BATCH, rate=RATE, c=1 / STRENGTH, tests=tests))
    screen, thetas = console(sys.stderr), []
    with progress(lambda record: record.iteration / EPOCHS[-1], screen) as watch:
        for epoch in training(digits, EPOCHS, watch):
            thetas.append(epoch.theta)
            out(f"epoch {epoch.number:2d} {epoch.loss:10.0f}    {100 * accuracy(digits, epoch.theta):.1f} %")
    with progress(lambda record: record.iteration / 20, screen) as watch:
        best = softmax(digits, n, tol=TOL, start=thetas[-1], watch=watch)
    thetas.append(best.theta)
    out(f"optimum  {best.value:10.0f}    {100 * accuracy(digits, best.theta):.1f} %")
    names = [*(f"epoch {epoch}" for epoch in EPOCHS), "optimum"]
    weight_images(np.stack([theta[1:].T.numpy() for theta in thetas]), rows=names).save(path)
    out(ENDING.format(distance=best.certificate.relative_distance, path=path))
