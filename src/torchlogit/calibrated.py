"""A fit whose probabilities go through a calibrator: a small frozen function of logarithms of probabilities."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MethodType
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.errors import ModelFileError, ParameterError
from torchlogit.fitted import Fit
from torchlogit.losses import Loss
from torchlogit.model import LESSON, Model
from torchlogit.tables.names import show

LEAST = -1e30  # a finite number in place of log 0, so that 0 · log 0 is 0


class Rescaled(NamedTuple):
    """``log q = log softmax(scale ∘ log p + shift)``, ``scale`` and ``shift`` (K,): of two classes, with ``scale`` (b, a) and
    ``shift`` (0, c), ``logit q = a log p − b log(1 − p) + c``. Platt's, temperature and beta calibration and a change of
    prevalence are all of this form.

    >>> halved = Rescaled(torch.tensor([0.5, 0.5]), torch.zeros(2))
    >>> halved(torch.tensor([[0.2, 0.8]]).log()).exp()
    tensor([[0.3333, 0.6667]])
    """

    scale: Tensor
    shift: Tensor

    def __call__(self, log_probability: Tensor) -> Tensor:
        """Calibrated logarithms of probabilities, (*B, K), from those of the model."""
        scale, shift = (t.to(log_probability) for t in self)
        return (scale * log_probability.clamp_min(LEAST) + shift).log_softmax(-1)

    def __str__(self) -> str:
        scale, shift = self.scale.tolist(), self.shift.tolist()
        if len(set(scale)) > 1:
            return f"logit q = {scale[1]:.4g} log p - {scale[0]:.4g} log(1 - p) {shift[1] - shift[0]:+.4g}"
        if len(scale) == 2 and shift[0] != shift[1]:
            return f"logit q = {scale[0]:.4g} logit p {shift[1] - shift[0]:+.4g}"
        return f"q proportional to p^{scale[0]:.4g} (temperature {1 / scale[0]:.4g})"

    def fault(self, n_classes: int) -> str:
        """What is wrong with it; empty where nothing is."""
        return "" if self.scale.shape == self.shift.shape == (n_classes,) else f"does not have {n_classes} classes"


class Steps(NamedTuple):
    """``q`` is linear in p between the points ``x`` (m,), ascending, where it is ``y`` (m,), and level beyond them; two classes.

    >>> Steps(torch.tensor([0.2, 0.4]), torch.tensor([0.0, 1.0]))(torch.tensor([[0.7, 0.3], [0.1, 0.9]]).log()).exp()
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """

    x: Tensor
    y: Tensor

    def __call__(self, log_probability: Tensor) -> Tensor:
        """Calibrated logarithms of probabilities, (*B, 2), from those of the model."""
        q = np.interp(log_probability[..., 1].exp().cpu().numpy(), self.x.numpy(), self.y.numpy())
        yes = torch.from_numpy(np.asarray(q)).to(log_probability)
        return torch.stack([torch.log1p(-yes), yes.log()], -1)

    def __str__(self) -> str:
        return f"{len(np.unique(self.y.numpy()))} levels from {float(self.y[0]):.4g} to {float(self.y[-1]):.4g}"

    def fault(self, n_classes: int) -> str:
        """What is wrong with it; empty where nothing is."""
        if n_classes != 2 or self.x.ndim != 1 or self.x.shape != self.y.shape:
            return "is not two equally long lists of numbers, for two classes"
        rising = (self.x.diff() > 0).all() and (self.y.diff() >= 0).all()
        ends = [*self.x[[0, -1]].tolist(), *self.y[[0, -1]].tolist()]
        return "" if rising and all(0 <= end <= 1 for end in ends) else "is not ascending from 0 to 1"


Calibrator = Rescaled | Steps
KINDS: dict[str, type[Rescaled] | type[Steps]] = {"rescaled": Rescaled, "steps": Steps}
PREFIX = "calibration_"  # of the tensors in a model file
DOORS = (
    "band",
    "calibration",
    "conformal",
    "evaluate",
    "plot",
    "reliability",
    "risk_coverage",
    "save",
)  # of `Fit`, that look at probabilities alone


class CalibratedLoss(Loss):
    """The probabilities of a loss, calibrated. It has no likelihood of its own, so what asks for one is refused."""

    odds = False
    convex = False
    even = False

    def __init__(self, loss: Loss, calibrator: Calibrator) -> None:
        super().__init__()
        self.name, self.loss, self.calibrator = loss.name, loss, calibrator

    def log_probabilities(self, eta: Tensor) -> Tensor:
        return self.calibrator(self.loss.log_probabilities(eta))

    def forward(self, eta: Tensor, y: Tensor) -> Tensor:
        raise ParameterError("a calibrated model has no likelihood; ask the fit that was calibrated: calibrated.fit")

    def mean(self, eta: Tensor) -> Tensor:
        return self.forward(eta, eta)


@dataclass(frozen=True, repr=False)
class Calibrated(Model):
    """A fitted model whose probabilities are those of a fit through a ``calibrator``; `torchlogit.calibrate` makes it.

    It predicts, decides, is evaluated and saved as a `Fit` is. Coefficients, errors and tests are the fit's: ask `fit`.
    ``method`` is the calibrator's name, ``calibrated_on`` the number of rows that it was fitted to.

    >>> from torchlogit import calibrate, datasets, fit
    >>> model = calibrate(fit(datasets.study_hours(), "passed"), method="temperature", folds=5)
    >>> model
    <Fit of `passed`, calibrated by temperature on 20 rows>
    >>> model.decide({"hours": [1.0, 2.7, 5.0]}).tolist()
    [0.0, 'uncertain', 1.0]
    """

    calibrator: Calibrator | None = None
    method: str = ""
    calibrated_on: int = 0
    calibration_likelihood: float = 0.0  # log-likelihood of these rows, calibrated

    def __repr__(self) -> str:
        return f"<Fit of `{show(self.target)}`, calibrated by {self.method} on {self.calibrated_on} rows>"

    @property
    def fit(self) -> Fit:
        """The fit that was calibrated."""
        return Fit(**{field.name: getattr(self, field.name) for field in fields(Fit)})

    def _loss(self) -> Loss:
        assert self.calibrator is not None
        return CalibratedLoss(super()._loss(), self.calibrator)

    def decide(
        self, rows: Any, uncertain: Any = LESSON, offset: Any = None, *, calibration: Any = None, **wanted: Any
    ) -> npt.NDArray[Any]:
        """The class of every row (n,), or "uncertain", as `Fit.decide` has it."""
        from torchlogit.decision.band import chosen_band

        return super().decide(rows, chosen_band(cast("Fit", self), uncertain, calibration, wanted), offset)

    def __getattr__(self, name: str) -> Any:
        """What a `Fit` answers from probabilities alone is asked in the same way; all else of `fit`."""
        if name in DOORS:
            return MethodType(getattr(Fit, name), self)
        hint = f"; ask the fit that was calibrated: .fit.{name}" if hasattr(Fit, name) else ""
        raise AttributeError(f"a calibrated model has no {name!r}{hint}")


def calibrated(fit: Model, calibrator: Calibrator, **how: Any) -> Calibrated:
    """The fit with its probabilities through the calibrator; ParameterError where these do not go together.

    ``how`` are the method, the number of rows that it was fitted to, and their log-likelihood.
    """
    if fault := calibrator.fault(len(fit.classes)):
        raise ParameterError(f"the calibrator {fault}")
    own = {field.name: getattr(fit, field.name) for field in fields(Fit)}
    return Calibrated(**own, calibrator=calibrator, **how)


def packed(model: Calibrated) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a model file holds of the calibration: a field of the header, and tensors."""
    kind = next(name for name, kind in KINDS.items() if isinstance(model.calibrator, kind))
    tensors = {PREFIX + name: value for name, value in model.calibrator._asdict().items()}  # type: ignore[union-attr]
    likelihood = model.calibration_likelihood
    return {"kind": kind, "method": model.method, "rows": model.calibrated_on, "log_likelihood": likelihood}, tensors


def unpacked(fit: Fit, kind: str, tensors: dict[str, Tensor], **how: Any) -> Calibrated:
    """The calibrated model from what `packed` made; ModelFileError where the parts do not fit together."""
    names = [PREFIX + name for name in KINDS[kind]._fields]
    if set(names) != tensors.keys() or any(t.dtype != torch.float64 for t in tensors.values()):
        raise ModelFileError(f"calibration {kind!r} needs float64 tensors {', '.join(names)}")
    return calibrated(fit, KINDS[kind](*(tensors[name] for name in names)), **how)
