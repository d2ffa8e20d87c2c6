"""The functional door: a table in, a `Fit` out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Coordinates
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.estimate import Certificate, Estimate, NotFinite, estimate
from torchlogit.intake import is_matrix, matrix, not_finite
from torchlogit.losses import LINKS, LOSSES, Loss, loss_for
from torchlogit.penalties import ElasticNet, NoPenalty
from torchlogit.rank import Dependence
from torchlogit.rows import read_rows
from torchlogit.solvers import Record, Status
from torchlogit.sources.base import Source
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import Recipe, encode_offset, keep_rows
from torchlogit.told import tell, told

if TYPE_CHECKING:
    from torchlogit.inference.wald import Table
    from torchlogit.nn import LogisticRegression

UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Fit:
    """A fitted model. Shapes: d features, p = d + 1 with an intercept, K classes, k = 1 for two classes, else K.

    ``theta_centred`` (p, k) are the coefficients about ``centre`` (d,): its row 0 is η at the centre, the others are
    slopes in the user's units; `theta` has the intercept at x = 0. Fields say how the fit came about and how good it
    is; ``warnings`` are the sentences it was told with.
    """

    columns: tuple[str, ...]
    classes: npt.NDArray[Any]
    target: str
    theta_centred: Tensor
    centre: Tensor
    intercept: bool
    loss: str
    penalty: ElasticNet
    status: Status
    certificate: Certificate
    log_likelihood: float
    null_log_likelihood: float
    value: float
    n_rows: int
    n_iter: int
    solver: str
    class_weights: tuple[float, ...] = ()  # total weight of each class
    dropped: int = 0
    offset: str | None = None
    covariance_root: Tensor | None = None  # R (p·k, r): R Rᵀ is the covariance of theta_centred
    dependences: tuple[Dependence, ...] = ()
    infinite: Tensor | None = None
    complete: bool = False
    recipe: Recipe | None = None
    warnings: tuple[str, ...] = ()
    history: list[Record] = field(default_factory=list, repr=False, compare=False)

    @property
    def theta(self) -> Tensor:
        """Coefficients (p, k) in the user's units, row 0 the intercept at x = 0; 0 for aliased columns."""
        return self._at_zero(self.theta_centred)

    def _at_zero(self, theta: Tensor) -> Tensor:
        """What is about the centre, (p, …), about x = 0."""
        theta = theta.clone()
        if self.intercept:
            theta[0] -= torch.tensordot(self.centre, theta[1:], 1)
        return theta

    @property
    def coef(self) -> Tensor:
        """Slopes (d, k)."""
        return self.theta_centred[int(self.intercept) :]

    @property
    def aliased(self) -> tuple[str, ...]:
        """Columns that add nothing to those before them; they have no coefficient."""
        return tuple(self.columns[dependence.column] for dependence in self.dependences)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of theta's rows."""
        return ("(Intercept)", *self.columns) if self.intercept else self.columns

    @property
    def positive(self) -> Any:
        """The class whose probability a binary model gives: the last in sorted order."""
        return self.classes[-1]

    @property
    def certified(self) -> bool:
        """Whether the fit stands at a certified optimum."""
        return self.status is Status.converged

    @property
    def covariance(self) -> Tensor:
        """Covariance of theta, (p·k, p·k), rows in the order of ``theta.ravel()``: the inverse information.

        Raises NotCertifiedError where it would be false: with a penalty, without a certificate, or for too many terms.
        """
        return (root := self._root()) @ root.mT

    @property
    def std_error(self) -> Tensor:
        """Standard errors of theta, (p, k), 0 for aliased columns. Raises as `covariance` does, but never overflows."""
        root = self._root()
        size = root.abs().amax(1, keepdim=True).clamp_min(1e-300)
        return (size[:, 0] * torch.linalg.vector_norm(root / size, dim=1)).reshape(self.theta_centred.shape)

    def _root(self) -> Tensor:
        if self.covariance_root is None:
            raise NotCertifiedError(f"no standard errors: {self.no_errors}")
        root = self.covariance_root
        return self._at_zero(root.reshape(len(self.names), -1)).reshape(root.shape)

    @property
    def no_errors(self) -> str:
        """Why there are no standard errors; empty when there are."""
        if self.covariance_root is not None:
            return ""
        if not self.penalty.free:
            return "the fit is penalised, so its coefficients are shrunk and intervals around them would not cover"
        if not self.certified:
            return str(self.status.value)
        return "they are given for logistic and softmax fits of up to 1500 coefficients"

    def table(self, level: float = 0.95) -> Table:
        """Estimate, standard error, z, p, interval and odds ratio of every term."""
        from torchlogit.inference.wald import wald

        return wald(self, level)

    def summary(self) -> str:
        """The fit in words and as a table, 80 columns wide."""
        from torchlogit.report import summary

        return summary(self)

    def eta(self, rows: Any, offset: Any = None) -> Tensor:
        """η of new rows, (n, k): a data frame by column name, or a matrix with the columns in order."""
        x = self._matrix(rows)
        self._check_offset(offset)
        found, d = x.shape[1], len(self.columns)
        if found != d:
            raise DataError(f"X has {found} features, but the model is expecting {d} features as input")
        out = self._eta(x)
        if not bool(out.isfinite().all()):
            raise not_finite(x, self.columns)
        if offset is None:
            return out
        extra = torch.from_numpy(encode_offset(offset, len(out), str(self.offset))).to(out)
        return out + (extra[:, None] if extra.ndim == 1 else extra)

    def _eta(self, x: Any) -> Tensor:
        device = x.device if isinstance(x, Tensor) else torch.device("cpu")
        centre = self.centre.to(device)
        here = Coordinates(centre, torch.ones_like(centre), explicit=bool((centre.abs() > 1e3).any()))
        nothing = torch.zeros(x.shape[0], dtype=torch.float64, device=device)
        source = MemorySource(x, nothing, intercept=self.intercept)
        theta = self.theta_centred.to(device)
        with exact_arithmetic():
            parts = [block.design.moved(here, torch.float64).matmul(theta) for block in source]
        return torch.cat(parts) if parts else torch.zeros(0, theta.shape[1], dtype=torch.float64, device=device)

    def _check_offset(self, offset: Any) -> None:
        if (offset is None) != (self.offset is None):
            how, need = ("with", "give one") if offset is None else ("without", "give none")
            raise DataError(f"the model was fitted {how} an offset: {need}")

    def _matrix(self, rows: Any) -> Any:
        if is_matrix(rows) or self.recipe is None:
            return matrix(rows)
        encoded = self.recipe.encode(rows)
        keep_rows(encoded.missing, encoded.matrix.shape[0])
        return matrix(encoded.matrix)

    def predict_proba(self, rows: Any, offset: Any = None) -> Tensor:
        """Probabilities (n, K), columns in the order of ``classes``."""
        return self._loss().probabilities(self.eta(rows, offset))

    def predict(self, rows: Any, offset: Any = None) -> npt.NDArray[Any]:
        """The most probable class of every row, (n,)."""
        return np.asarray(self.classes[self.predict_proba(rows, offset).argmax(-1).cpu().numpy()])

    def decide(self, rows: Any, uncertain: tuple[float, float] = (0.4, 0.6), offset: Any = None) -> npt.NDArray[Any]:
        """The class of every row (n,), or "uncertain" where the probability of the positive class lies in the band.

        With more than two classes: where no class has at least the band's upper end.
        """
        low, high = uncertain
        if not 0 <= low <= high <= 1:
            raise ParameterError(f"the uncertain band must be two probabilities, the lower first; got {uncertain}")
        p = self.predict_proba(rows, offset).cpu().numpy()
        doubtful = (p[:, -1] >= low) & (p[:, -1] <= high) if p.shape[1] == 2 else p.max(-1) < high
        return np.asarray(np.where(doubtful, UNCERTAIN, self.classes[p.argmax(-1)].astype(object)))

    def module(self) -> LogisticRegression:
        """The model as a `torch.nn.Module` with these weights, float64; ParameterError for the linear unit, which is none."""
        from torchlogit.nn import LogisticRegression

        if self.loss == "squared":
            raise ParameterError("the linear unit is no logistic regression; use torch.nn.Linear")
        size, link = (len(self.columns), len(self.classes)), self.loss if self.loss in LINKS else "logit"
        out = LogisticRegression(*size, bias=self.intercept, link=link, dtype=torch.float64)
        with torch.no_grad():
            out.linear.weight.copy_(self.coef.mT)
            if self.intercept:
                out.linear.bias.copy_(self.theta[0])
        return out

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (safetensors with a JSON header; no training data), atomically."""
        from torchlogit.persist import save

        save(self, path)

    def _loss(self) -> Loss:
        return LOSSES[self.loss]()


def load(path: str | os.PathLike[str]) -> Fit:
    """Read a model file that `Fit.save` wrote; ModelFileError for anything else, which is never executed."""
    from torchlogit.persist import load

    return load(path)


def fit(
    data: Any,
    target: Any,
    *,
    features: Sequence[str] | None = None,
    penalty: ElasticNet | None = None,
    loss: str = "auto",
    link: str = "logit",
    weight: Any = None,
    offset: Any = None,
    intercept: bool = True,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    solver: Any = "auto",
    max_iter: int = 100,
    tol: float | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    device: str | torch.device | None = None,
    start: Tensor | None = None,
    strict: bool = False,
    watch: Callable[[Record], None] | None = None,
) -> Fit:
    """Fit a logistic regression (two classes) or a symmetric softmax (more), by default without a penalty.

    ``data`` is a data frame of any library (pandas, polars, pyarrow), a dict of columns, or a matrix (numpy, torch,
    SciPy sparse); ``target`` a column's name, or the labels. Text columns become categories, compared with their first
    level. ``weight`` and ``offset`` are a column's name or one number a row; a weight of 2 means the row stands twice.

    F(θ) = Σᵢ sᵢ ℓ(xᵢθ + oᵢ, yᵢ) + P(θ) is minimised until the estimated relative distance to the optimum is at most
    ``tol`` (default 1e-20 in float64, 1e-13 with L1, 1e-12 in float32). ``loss`` is "auto", "logistic", "softmax", or
    "squared" for the linear unit; ``link`` any of `torchlogit.losses.LINKS`: "logit", "probit", "cauchit", "cloglog", …
    ``watch`` is called with every `Record`. Columns of any size need no scaling.

    Raises `DataError` naming column and rows for data that cannot be used, and with ``strict`` `NotCertifiedError`
    unless the optimum is certified; without it a `NotCertifiedWarning` says so once. Source of the model: Hastie,
    Tibshirani and Friedman (2009), The Elements of Statistical Learning, eq. 4.20 and 4.36.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> [round(float(b), 4) for b in result.theta]
    [-4.0777, 1.5046]
    >>> result.decide({"hours": [1.0, 2.7, 5.0]}).tolist()
    [0.0, 'uncertain', 1.0]
    """
    rows = read_rows(
        data, target, features=features, weight=weight, offset=offset, categorical=categorical, reference=reference,
        missing=missing,
    )  # fmt: skip
    k, kind = loss_for(loss, len(rows.classes), link)
    if dtype not in ("float64", "float32"):
        raise ParameterError(f'dtype must be "float64" or "float32", got {dtype!r}')
    source = rows.source(intercept, device)
    penalty = NoPenalty() if penalty is None else penalty
    if not isinstance(penalty, ElasticNet):
        raise ParameterError(f"penalty must be L1(), L2(), ElasticNet() or None, got {penalty!r}")
    result = estimated(
        source,
        rows.columns,
        k,
        loss=kind,
        penalty=penalty,
        solver=solver,
        max_iter=max_iter,
        tol=tol,
        dtype=getattr(torch, dtype),
        start=start,
        watch=watch,
    )
    out = fit_of(
        result,
        source,
        columns=rows.columns,
        classes=rows.classes,
        loss=kind,
        penalty=penalty,
        target=rows.target,
        sentences=rows.sentences,
        class_weights=rows.class_weights,
        dropped=rows.dropped,
        offset=rows.offset_name,
        recipe=rows.recipe,
    )
    tell(out.warnings, strict)
    return out


def estimated(source: Source, columns: Sequence[str], k: int, **settings: Any) -> Estimate:
    """`estimate`, with an error that names the cells where the matrix is not finite."""
    if settings["max_iter"] < 0:
        raise ParameterError(f"max_iter must be 0 or more, got {settings['max_iter']}")
    if settings.get("tol") is not None and not settings["tol"] >= 0:
        raise ParameterError(f"tol must be 0 or more, got {settings['tol']}")
    try:
        with exact_arithmetic():
            return estimate(source, columns, k, **settings)
    except NotFinite:
        if isinstance(source, MemorySource):
            raise not_finite(source.x, columns) from None
        raise


def fit_of(
    e: Estimate,
    source: Source,
    *,
    columns: Sequence[str],
    classes: npt.NDArray[Any],
    loss: Loss,
    penalty: ElasticNet,
    target: str = "y",
    sentences: tuple[str, ...] = (),
    **more: Any,
) -> Fit:
    """The `Fit` of an estimate, with the sentences it is told with; ``more`` are further fields."""
    out = Fit(
        columns=tuple(columns),
        classes=classes,
        target=target,
        theta_centred=e.theta,
        centre=e.centre,
        intercept=source.intercept,
        loss=loss.name,
        penalty=penalty,
        status=e.status,
        certificate=e.certificate,
        log_likelihood=e.log_likelihood,
        null_log_likelihood=e.null_log_likelihood,
        value=e.value,
        n_rows=source.n_rows,
        n_iter=e.n_iter,
        solver=f"{type(e.choice.solver).__name__} ({e.choice.reason})",
        covariance_root=e.covariance_root,
        dependences=tuple(e.dependences),
        infinite=e.infinite,
        complete=e.complete,
        history=e.history,
        **more,
    )
    return replace(out, warnings=(*sentences, *told(out, e.amplification)))
