"""What a fitted model is: coefficients and how they came about, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.design import Coordinates, Design
from torchlogit.errors import DataError, NotCertifiedError, ParameterError
from torchlogit.estimate import MODEL_BASED, Certificate
from torchlogit.intake import is_matrix, matrix, not_finite
from torchlogit.losses import LINKS, LOSSES, Loss
from torchlogit.objective import FULL_LIMIT
from torchlogit.penalties import Penalty
from torchlogit.rank import Dependence
from torchlogit.rows import Rows
from torchlogit.solvers import Record, Status
from torchlogit.sources.memory import MemorySource
from torchlogit.tables import Recipe, encode_offset, keep_rows

if TYPE_CHECKING:
    from torchlogit.nn import LogisticRegression

UNCERTAIN = "uncertain"
LESSON = (0.4, 0.6)  # the band of the lesson


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model. Shapes: d features, p = d + 1 with an intercept, K classes, k = 1 for two classes, else K.

    ``theta_centred`` (p, k) are the coefficients about ``centre`` (d,): its row 0 is η at the centre, the others are
    slopes in the user's units; `theta` has the intercept at x = 0. Fields say how the fit came about and how good it
    is; ``warnings`` are the sentences it was told with. ``training`` are the rows it was fitted to, which inference reads
    again; a fit that was read from a file has none.
    """

    columns: tuple[str, ...]
    classes: npt.NDArray[Any]
    target: str
    theta_centred: Tensor
    centre: Tensor
    intercept: bool
    loss: str
    penalty: Penalty
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
    weight: str | None = None
    counts: bool = False  # whether a row of the table is its successes and failures, not one label
    covariance_root: Tensor | None = None  # R (p·k, r): R Rᵀ is the covariance of theta_centred
    dependences: tuple[Dependence, ...] = ()
    infinite: Tensor | None = None
    complete: bool = False
    recipe: Recipe | None = None
    warnings: tuple[str, ...] = ()
    history: list[Record] = field(default_factory=list, repr=False)
    covariance_kind: str = MODEL_BASED  # what covariance_root is of, in words
    weights_are: str = "frequency"  # what a row's weight means: "frequency", "sampling" or "importance"
    # Shares of the classes that the intercept was moved to; (): those of the weighted rows.
    prevalence: tuple[float, ...] = ()
    training: Rows | None = field(default=None, repr=False)  # by reference; never saved
    stream: Any = field(default=None, repr=False)  # those of a fit that read them in parts, `StreamedRows`
    # Under Jeffreys' prior: Hessian of F less the information, in the solver's coordinates; inference over the training
    # rows begins with it. Never saved.
    prior_curvature: Tensor | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """A pickle holds no training data."""
        return {**vars(self), "training": None, "stream": None, "prior_curvature": None}

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
    def terms(self) -> dict[str, tuple[int, ...]]:
        """Term → the rows of theta it has: a formula's terms; without one, each feature of the table or each column.

        The intercept is no term. A category's rows belong together: a test of the term sets all of them to 0.

        >>> from torchlogit import fit
        >>> table = {"age": [30, 41, 52, 47, 35, 39], "school": list("ABCABC"), "passed": [0, 1, 1, 0, 1, 0]}
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):  # few rows
        ...     result = fit(table, "passed")
        >>> result.terms, result.reference
        ({'age': (1,), 'school': (2, 3)}, {'school': 'A'})
        """
        first = int(self.intercept)
        places = {c: (j,) for j, c in enumerate(self.columns)} if self.recipe is None else self.recipe.terms
        return {name: tuple(j + first for j in place) for name, place in places.items()}

    @property
    def reference(self) -> dict[str, str]:
        """Category → the level that its other levels are compared with; a category that is coded otherwise has none."""
        return {} if self.recipe is None else self.recipe.reference

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
        if not self.penalty.intervals:
            return "the fit is penalised, so its coefficients are shrunk and intervals around them would not cover"
        if not self.certified:
            return str(self.status.value)
        if self.loss == "squared" or self.theta_centred.numel() > FULL_LIMIT:
            return f"they are given for logistic and softmax fits of up to {FULL_LIMIT} coefficients"
        return (
            "the information at the optimum is so nearly singular that rounding would decide them, because some coefficient "
            "rests on rows that are all but certain; add a penalty"
        )

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
        theta = self.theta_centred.to(x.device if isinstance(x, Tensor) else torch.device("cpu"))
        with exact_arithmetic():
            parts = [design.matmul(theta) for design in self.designs(x)]
        return torch.cat(parts) if parts else theta.new_zeros(0, theta.shape[1])

    def designs(self, x: Any) -> Iterator[Design]:
        """Rows (n, d) block by block, as linear maps about the centre, where ``theta_centred`` and its covariance live."""
        device = x.device if isinstance(x, Tensor) else torch.device("cpu")
        nothing = torch.zeros(x.shape[0], dtype=torch.float64, device=device)
        for block in MemorySource(x, nothing, intercept=self.intercept):
            yield block.design.moved(self.about_centre(device), torch.float64)

    def about_centre(self, device: torch.device) -> Coordinates:
        """The coordinates of ``theta_centred``: the columns less their centre."""
        centre = self.centre.to(device)
        return Coordinates(centre, torch.ones_like(centre), explicit=bool((centre.abs() > 1e3).any()))

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

    def decide(self, rows: Any, uncertain: Any = LESSON, offset: Any = None) -> npt.NDArray[Any]:
        """The class of every row (n,), or "uncertain" where its probabilities lie in the band; see `decided`."""
        return decided(self.predict_proba(rows, offset).cpu().numpy(), self.classes, uncertain)

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

    def _loss(self) -> Loss:
        return LOSSES[self.loss]()


def decided(
    probability: npt.NDArray[np.float64], classes: npt.NDArray[Any], uncertain: Any = LESSON, reject: Any = UNCERTAIN
) -> npt.NDArray[Any]:
    """The class of every row (n,) by its probabilities (n, K), or ``reject`` within the band ``uncertain``, two probabilities.

    Of two classes: the positive one where its probability is above the band, the other where it is below. Of more: the most
    probable one, where it has at least the band's upper end. ParameterError for what is no band.

    >>> decided(np.array([[0.7, 0.3], [0.45, 0.55], [0.1, 0.9]]), np.array(["no", "yes"])).tolist()
    ['no', 'uncertain', 'yes']
    """
    try:
        low, high = uncertain
        fine = 0 <= low <= high <= 1 and getattr(uncertain, "classes", probability.shape[1]) == probability.shape[1]
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise ParameterError(f"the uncertain band must be two probabilities, the lower first; got {uncertain!r}")
    p, labels = probability, classes.astype(object)
    if p.shape[1] != 2:
        return np.where(p.max(-1) < high, reject, labels[p.argmax(-1)])
    return np.where((p[:, 1] >= low) & (p[:, 1] <= high), reject, labels[(p[:, 1] > high).astype(int)])
