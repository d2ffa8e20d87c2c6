"""Conformal prediction sets: classes that hold the truth as often as was asked for, whatever the model.

One rule makes all of them. A class k is in the set of a new row x unless too many of the n calibration rows (those of class
k only, if ``by_class``) conform better to their own class than x to k:

    #{i : sᵢ < s_f(i)(x, k)} < ⌈(n + 1) level⌉

where f(i) is the model that row i was scored by. With one model for all (split) that is s(x, k) ≤ the ⌈(n + 1) level⌉-th
smallest score; with a model a fold it is CV+.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arguments import check_share
from torchlogit.decision.band import Band, calibration_rows
from torchlogit.decision.cuts import DIGITS, TIE, exact, unseen_rows
from torchlogit.decision.foldmodels import fold_models
from torchlogit.decision.words import guarantee
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.scored import Scored
from torchlogit.model import UNCERTAIN
from torchlogit.tables.features import level_text
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.model import Model

SCORES = ("lac", "aps")
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, repr=False, eq=False)
class Conformal(Tabular):
    """Prediction sets, by class, (K,) arrays: ``n`` calibration rows it is compared with, ``rank`` of the score that counts.

    ``quantile`` is that score (split only, else NaN); `sets` and `decide` are for new rows, `guarantee` says what is promised,
    ``promised`` how often a set holds the truth at the least.
    """

    heading: ClassVar[str] = "Conformal prediction sets"
    derived: ClassVar[tuple[str, ...]] = ("promised",)

    label: tuple[Any, ...]
    n: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int64]
    quantile: npt.NDArray[np.float64]
    level: float
    score: str
    by_class: bool
    folds: int
    seed: int
    calibration: tuple[tuple[Tensor, ...], ...] = field(repr=False)  # of every class, of every fold: sorted scores
    model: Model | None = field(default=None, repr=False)  # its theta has k columns for each fold

    @property
    def promised(self) -> float:
        """The least probability that a set holds the truth: ``level``, or with folds that of `cross_conformal`."""
        return fold_promise(self.level, int(self.n[0]), self.folds) if self.folds else self.level

    @property
    def guarantee(self) -> str:
        """What the sets promise, and under which assumption."""
        return self.guarantee_in("en")

    def guarantee_in(self, language: str) -> str:
        """The same in "en" or "zh"."""
        key = "conformal" + "_by_class" * self.by_class + "_folds" * bool(self.folds)
        facts = {"level": self.level, "promised": self.promised, "miss": 1 - self.level, "folds": self.folds}
        return guarantee(key, language, n=int(self.n.sum() if self.by_class else self.n[0]), **facts)

    @property
    def notes(self) -> tuple[str, ...]:
        """The guarantee, shown below the numbers."""
        return (self.guarantee,)

    def sets(self, rows: Any, offset: Any = None) -> Booleans:
        """Of new rows, which classes are in the set, (n, K); ParameterError for sets that were made without a model."""
        if self.model is None:
            raise ParameterError("these sets know no model; give its probabilities to .holds")
        eta = self.model.eta(rows, offset).unflatten(1, (max(1, self.folds), -1)).movedim(1, 0)
        return self.holds(self.model._loss().probabilities(eta))

    def holds(self, probability: Any) -> Booleans:
        """The same from probabilities (n, K), or (folds, n, K)."""
        p = torch.as_tensor(np.asarray(probability), dtype=torch.float64)
        p = p if p.ndim == 3 else p[None]
        if len(p) != len(self.calibration[0]) or p.shape[-1] != len(self.label):
            raise DataError(
                f"probabilities of shape {tuple(p.shape)} for {len(self.calibration[0])} models of {len(self.label)} classes"
            )
        new = scores(p, self.score, _uniform(self.seed, 1, p.shape[1]))
        return within(self.calibration, new, self.rank.tolist()).numpy()

    def decide(self, rows: Any, offset: Any = None) -> npt.NDArray[Any]:
        """The class that is alone in its set, (n,), or "uncertain" where there are several or none."""
        sets = self.sets(rows, offset)
        labels = np.array(self.label, dtype=object)
        return np.where(sets.sum(1) == 1, labels[sets.argmax(1)], UNCERTAIN)

    @property
    def band(self) -> Band:
        """Of two classes and the score "lac" without folds: the band outside which the set has one class."""
        if len(self.label) != 2 or self.score != "lac" or self.folds:
            raise ParameterError('only sets of two classes, by score="lac" and held-out rows, are a band')
        ends = sorted((float(self.quantile[0]) + TIE, 1 - float(self.quantile[1]) - TIE))
        low, high = (min(max(end, 0.0), 1.0) for end in ends)
        n = int(self.n.sum() if self.by_class else self.n[0])
        return Band(low, high, "conformal", wanted=self.level, n=n)


def scores(probability: Tensor, score: str, uniform: Tensor) -> Tensor:
    """How badly every class conforms to a row, (*B, n, K), of probabilities of that shape: 0 is best.

    "lac": ``1 − p_k``. "aps": the sum of the probabilities above p_k, and ``u p_k``, u ``uniform`` (*B, n) on (0, 1): sets
    are then larger where the model is less sure. Sources: Sadinle, Lei and Wasserman (2019), Least ambiguous set-valued
    classifiers; Romano, Sesia and Candès (2020), Classification with valid and adaptive coverage.

    >>> scores(torch.tensor([[0.25, 0.75]]), "aps", torch.tensor([0.5])).tolist()
    [[0.875, 0.375]]
    """
    if score == "lac":
        return (1 - probability).round(decimals=DIGITS)
    ordered, place = probability.sort(dim=-1, descending=True, stable=True)
    before = (ordered.cumsum(-1) - ordered).gather(-1, place.argsort(-1))
    return (before + uniform[..., None] * probability).round(decimals=DIGITS)


def within(calibration: Sequence[Sequence[Tensor]], new: Tensor, rank: Sequence[int]) -> Tensor:
    """Which classes are in the sets, (*B, n, K), of the scores ``new`` (F, *B, n, K) under every fold's model.

    ``calibration[k][f]`` (*B, n_f) are the sorted scores of fold f that class k is compared with, ``rank[k]`` as above.
    """
    below = [
        sum((torch.searchsorted(fold, new[f, ..., k].contiguous()) for f, fold in enumerate(of_class)), torch.tensor(0))
        for k, of_class in enumerate(calibration)
    ]
    return torch.stack(below, -1) < torch.tensor(list(rank))


def rank_of(n: int, level: float) -> int:
    """``⌈(n + 1) level⌉``, of the decimal that was written.

    >>> rank_of(24, 0.28), rank_of(99, 0.95)
    (7, 95)
    """
    return ceil((n + 1) * exact(level))


def split_conformal(
    scored: Scored, level: float = 0.9, *, score: str = "lac", by_class: bool = False, seed: int = 0
) -> Conformal:
    """Sets that hold the truth with probability ``level`` or more, from n rows that the model was not fitted to.

    ``P(Y ∈ C(X)) ≥ level`` over rows and new row, exactly for any n and model; and at most ``level + 1 / (n + 1)`` where no
    scores are tied. ``by_class`` promises it for each class by itself (Mondrian). ``seed`` is of the random numbers of "aps",
    which are others for the calibration rows and for new ones.

    DataError where there are fewer than ``level / (1 − level)`` rows (of a class, if ``by_class``), with which only sets of
    all classes would do; ParameterError for rows the model has seen and weights that are not whole numbers. Sources: Vovk,
    Gammerman and Shafer (2005), Algorithmic learning in a random world, §4.1; Vovk (2012), Conditional validity of inductive
    conformal predictors; Angelopoulos and Bates (2023), A gentle introduction to conformal prediction.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> rows = scored_arrays([0, 1, 0, 1], [0.1, 0.6, 0.3, 0.9])
    >>> found = split_conformal(rows, 0.6)
    >>> found.quantile.round(6).tolist(), found.holds([[0.5, 0.5], [0.8, 0.2]]).tolist()
    ([0.3, 0.3], [[False, False], [True, False]])
    """
    _check(level, score)
    rows = unseen_rows(scored, "a conformal guarantee")
    classes = len(rows.classes)
    every = scores(torch.from_numpy(rows.probability), score, _uniform(seed, 0, len(rows)))
    own = every[torch.arange(len(rows)), torch.from_numpy(rows.y)]
    parts = [own[torch.from_numpy(rows.y == k)] if by_class else own for k in range(classes)]
    calibration = tuple((part.sort().values,) for part in parts)
    return _conformal(calibration, rows.classes, level=level, score=score, by_class=by_class, folds=0, seed=seed)


def cross_conformal(fit: Fit, level: float = 0.9, *, score: str = "lac", folds: int = 10, seed: int = 0) -> Conformal:
    """Sets from the fit's own rows, each scored by a fit without its fold (CV+): no rows are held out.

    All folds are one batched fit. Of n rows in K folds, drawn with ``seed``, and with α = 1 − level,
    ``P(Y ∈ C(X)) ≥ 1 − 2α − 2 (1 − α) (K − 1) / (n + K)``, for folds of any sizes: each fold is a split
    conformal predictor, and twice the mean of their p-values (weighted by fold size + 1) is a p-value. In folds of equal
    size the last term is at most ``(1 − K / n) / (K + 1)``. Usually the sets hold the truth about as often as ``level``. What
    the encoding of the table learnt (levels, knots) was learnt from all rows.

    ParameterError for a fit without its rows, and for weights other than 1. Sources: Vovk (2015), Cross-conformal predictors;
    Barber, Candès, Ramdas and Tibshirani (2021), Predictive inference with the jackknife+, theorem 4; Vovk and Wang (2020),
    Combining p-values via averaging; Romano, Sesia and Candès (2020).

    >>> from torchlogit import datasets, fit
    >>> found = cross_conformal(fit(datasets.study_hours(), "passed"), 0.9, folds=5)
    >>> found.sets({"hours": [0.5, 2.75, 5.5]}).tolist()
    [[True, False], [True, True], [False, True]]
    """
    _check(level, score)
    many = fold_models(fit, folds, seed)
    n = len(many.y)
    every = scores(many.probability, score, _uniform(seed, 0, n).expand(folds, n))
    own = every[many.fold, torch.arange(n), many.y]
    calibration = (tuple(own[many.fold == f].sort().values for f in range(folds)),) * len(fit.classes)
    out = _conformal(calibration, fit.classes, level=level, score=score, by_class=False, folds=folds, seed=seed)
    return replace(out, model=many.model)


def fold_promise(level: float, n: int, folds: int) -> float:
    """How often `cross_conformal` holds the truth at the least.

    >>> round(fold_promise(0.9, 200, 10), 4), fold_promise(0.5, 20, 10)
    (0.7229, 0.0)
    """
    miss = 1 - level
    cost = 2 * (1 - miss) * (folds - 1) / (n + folds)
    if n % folds == 0:
        cost = min(cost, (1 - folds / n) / (folds + 1))
    return max(1 - 2 * miss - cost, 0.0)


def conformal(
    fit: Fit,
    data: Any = None,
    level: float = 0.9,
    *,
    score: str = "lac",
    by_class: bool = False,
    folds: int = 10,
    seed: int = 0,
    **given: Any,
) -> Conformal:
    """Prediction sets from ``data`` the model was not fitted to (`split_conformal`), or from its own rows (`cross_conformal`)."""
    if data is not None:
        rows = calibration_rows(fit, data, **given)
        return replace(split_conformal(rows, level, score=score, by_class=by_class, seed=seed), model=fit)
    if by_class:
        raise ParameterError("sets with a promise for each class need rows that the model was not fitted to; give data")
    return cross_conformal(fit, level, score=score, folds=folds, seed=seed)


def _check(level: float, score: str) -> None:
    check_share(level)
    if score not in SCORES:
        raise ParameterError(f'score must be "lac" or "aps", got {score!r}')


def _conformal(
    calibration: tuple[tuple[Tensor, ...], ...], classes: npt.NDArray[Any], *, level: float, folds: int, **settings: Any
) -> Conformal:
    """The sets of sorted scores by class and fold; DataError where there are too few."""
    n = np.array([sum(map(len, of_class)) for of_class in calibration])
    rank = np.array([rank_of(size, level) for size in n.tolist()])
    labels = tuple(classes.tolist())
    for label, size, place in zip(labels, n, rank, strict=True):
        if place > size:
            whose = f" of class {show(level_text(label))}" if settings["by_class"] else ""
            raise DataError(
                f"level {level:g} needs {ceil(exact(level) / (1 - exact(level)))} calibration rows{whose} or more, and there are "
                f"{size}: every class would be in every set; give more rows, or ask for a lower level"
            )
    quantile = [float("nan") if folds else float(c[0][place - 1]) for c, place in zip(calibration, rank, strict=True)]
    return Conformal(labels, n, rank, np.array(quantile), level, folds=folds, calibration=calibration, **settings)


def _uniform(seed: int, which: int, n: int) -> Tensor:
    """Random numbers (n,) of the calibration rows (0) or of new ones (1)."""
    return torch.from_numpy(np.random.default_rng([seed, which]).random(n))
