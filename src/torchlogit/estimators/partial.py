"""``partial_fit``: as long as all rows are few they are held, and the fit is theirs; then what is held is let go for a quadratic.

The quadratic is their loss expanded at the optimum of all rows so far, with its gradient and Hessian (`torchlogit.online`), so
that nothing of what they say about the coefficients is lost but third derivatives, at a θ that then hardly moves any more. The
certificate has an estimate of what that costs. Memory does not grow with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.choice import Size
from torchlogit.design import Coordinates
from torchlogit.errors import DataError, ParameterError
from torchlogit.estimators.logistic import DISTANCE, single, width
from torchlogit.estimators.reading import class_weights, given_weights, label_cells
from torchlogit.estimators.settings import check_parameters, choice_of, penalty_of
from torchlogit.fit import fit_of
from torchlogit.fitted import Fit
from torchlogit.losses import Loss, loss_for
from torchlogit.moments import moments
from torchlogit.online import Past, Running, let_go, running_estimate
from torchlogit.penalties import ElasticNet, Penalty
from torchlogit.solvers import SGD
from torchlogit.sources.memory import MemorySource
from torchlogit.tables.names import show_rows, show_value
from torchlogit.tables.target import STRANGE, places, some

HELD = 2**22  # numbers of the rows that are held: 32 MB; as long as all rows are fewer, the fit is that of all rows
LARGEST = 3000  # coefficients of which a quadratic is kept


@dataclass(frozen=True)
class Received:
    """All that is kept of the rows so far: those ``at_hand``, and once there were too many, the ``past`` in ``coordinates``."""

    classes: npt.NDArray[Any]
    at_hand: MemorySource | None = None
    past: Past | None = None
    coordinates: Coordinates | None = None
    theta: Tensor | None = None  # (p, k) in the coordinates: the optimum so far

    def with_rows(self, source: MemorySource) -> Received:
        """The same and some more rows."""
        return replace(self, at_hand=source if self.at_hand is None else _stacked(self.at_hand, source))

    @property
    def full(self) -> bool:
        """Whether it is time to let rows go."""
        return self.at_hand is not None and self.at_hand.n_rows * self.at_hand.n_features > HELD

    def objective(self, penalty: Penalty, columns: tuple[str, ...], k: int, loss: Loss) -> Running:
        """F over all rows so far; there must be a past or coordinates by now."""
        assert self.coordinates is not None
        assert self.at_hand is not None
        assert isinstance(penalty, ElasticNet)
        strengths = penalty.strengths(columns, self.coordinates, self.at_hand.intercept)
        return Running(self.at_hand, loss, strengths, k, self.coordinates, past=self.past)

    def let_go(self, fit: Fit, penalty: Penalty, columns: tuple[str, ...]) -> Received:
        """The rows at hand as part of the past, expanded at the fit; itself without any."""
        if self.at_hand is None:
            return self
        coordinates = self.coordinates or moments(self.at_hand).coordinates
        there = replace(self, coordinates=coordinates)
        theta = self.theta
        if theta is None:
            theta = coordinates.seen(fit.theta_centred, fit.centre.to(coordinates.centre), fit.intercept)
        past = let_go(there.objective(penalty, columns, theta.shape[1], fit._loss()), theta)
        return replace(there, at_hand=None, past=past, theta=theta)

    def fit(self, penalty: Penalty, columns: tuple[str, ...], link: str, **settings: Any) -> tuple[Received, Fit]:
        """The fit of all rows so far."""
        objective = self.objective(penalty, columns, *loss_for("auto", len(self.classes), link))
        assert self.theta is not None
        assert self.past is not None
        assert self.coordinates is not None
        e, theta = running_estimate(objective, self.coordinates, self.theta, **settings)
        n_rows = self.past.n_rows + objective.source.n_rows
        fit = fit_of(e, objective.source, columns=columns, classes=self.classes, loss=objective.loss, penalty=penalty,
                     n_rows=n_rows)  # fmt: skip
        return replace(self, theta=theta), fit


def _stacked(above: MemorySource, below: MemorySource) -> MemorySource:
    """The rows of both."""
    if above.sparse != below.sparse or above.device != below.device:
        raise DataError("all batches must be of one kind: dense or sparse, on one device")
    if above.sparse:
        from scipy.sparse import vstack

        x = vstack([above.x, below.x], format="csr")
    else:
        x = torch.cat([above.x, below.x])
    return MemorySource(x, torch.cat([above.y, below.y]), torch.cat([above.weight, below.weight]),
                        intercept=above.intercept)  # fmt: skip


def partial_fit(of: Any, X: Any, y: Any, classes: Any, sample_weight: Any) -> None:
    """`LogisticRegression.partial_fit`."""
    check_parameters(of)
    before, penalty = getattr(of, "_received", None), penalty_of(of)
    x = of._features(X, reset=before is None)
    received = before or Received(_named(getattr(of, "classes_", None) if classes is None else classes))
    _check_same(classes, received.classes)
    size = Size(x.shape[0], x.shape[1] + bool(of.fit_intercept), width(received.classes), None)
    plain = isinstance(choice_of(of, penalty, size).solver, SGD)
    if not plain:
        _check_size(size.p * size.k)
    source = _source(of, x, y, received.classes, sample_weight)
    if before is None:
        some(source.weight.numpy(force=True), "sample_weight")
    elif not bool(source.weight.any()):
        return
    if plain:
        fit = of._epoch(source, received.classes)
    else:
        received, fit = _further(of, received.with_rows(source), penalty)
    of._received = received
    of._keep(fit, single(x))


def _further(of: Any, received: Received, penalty: Penalty) -> tuple[Received, Fit]:
    """The fit of all rows so far, and what is then kept of them."""
    columns = of._columns()
    if received.past is None:
        fit = of._fitted(received.at_hand, received.classes)
    else:
        tol = float(of.tol) * DISTANCE
        received, fit = received.fit(penalty, columns, of.link, tol=tol, max_iter=int(of.max_iter))
    return received.let_go(fit, penalty, columns) if received.full else received, fit


def _source(of: Any, x: Any, y: Any, classes: npt.NDArray[Any], sample_weight: Any) -> MemorySource:
    """One batch: its labels as places among all classes, its weights times those of the classes."""
    codes = _codes(y, x.shape[0], classes)
    weight = given_weights(sample_weight, len(codes)) * class_weights(of.class_weight, classes.tolist())[codes]
    source: MemorySource = of._source(x, codes, weight, None)
    return source


def _check_size(coefficients: int) -> None:
    if coefficients > LARGEST:
        raise ParameterError(
            f"partial_fit keeps the square of the number of coefficients, which are {coefficients}, over {LARGEST}: "
            'take solver="sgd", or fit all rows at once'
        )


def _named(classes: Any) -> npt.NDArray[Any]:
    """The classes of the first call, sorted."""
    if classes is None:
        raise ParameterError("the first call of partial_fit needs classes: all labels that will ever come")
    found = np.unique(np.asarray(classes))
    if len(found) < 2:
        raise ParameterError(f"classes must be two labels or more, got {found.tolist()}")
    return found


def _check_same(given: Any, known: npt.NDArray[Any]) -> None:
    if given is not None and not np.array_equal(np.unique(np.asarray(given)), known):
        raise ParameterError(
            f"classes {np.unique(np.asarray(given)).tolist()} are not those of the first call, {known.tolist()}"
        )


def _codes(y: Any, n: int, classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The place of each of n rows' label among the classes."""
    _, cells = label_cells(y, n)
    codes = places(cells, classes, "y")
    strange = np.flatnonzero(codes == STRANGE)
    if strange.size:
        told = f"y holds {show_value(cells.values[strange[0]])} in {show_rows(strange)}"
        raise DataError(f"{told}, none of the classes of the first call, {classes.tolist()}")
    return codes
