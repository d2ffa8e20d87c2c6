"""Coefficients of a multinomial fit against a class of the reader's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchlogit.errors import ParameterError
from torchlogit.tables.names import show_list, show_value

if TYPE_CHECKING:
    from torchlogit.fitted import Fit


class Contrasts(NamedTuple):
    """``theta`` (p, m): log-odds of each of ``labels`` (m) against ``base``; R = ``root`` (p, m, r), R Rᵀ its covariance.

    ``root`` is None where the fit has no covariance, ``base`` where the classes are not compared with one of them.
    """

    theta: Tensor
    root: Tensor | None
    labels: tuple[Any, ...]
    base: Any = None

    @property
    def std_error(self) -> Tensor | None:
        """Standard errors of theta, (p, m); never overflows."""
        if self.root is None:
            return None
        size = self.root.abs().amax(-1, keepdim=True).clamp_min(1e-300)
        return size[..., 0] * torch.linalg.vector_norm(self.root / size, dim=-1)


def contrasts(fit: Fit, base: Any = None) -> Contrasts:
    """θ_c − θ_base for every other class c, with what its errors come from; without ``base`` the fit's own theta.

    A multinomial fit has coefficients of all K classes, which sum to 0 (and are what a penalty shrinks alike); most tables
    in print have K − 1 columns against a base class instead. Both are the same model: probabilities, log-likelihood and
    tests of a whole term do not change. A fit of two classes is against its first class already; against the second, its
    signs turn. Source: Agresti (2013), Categorical Data Analysis, §8.1.1.

    Raises ParameterError for a class that the fit does not have, for a link other than logit, and for a separated
    multinomial fit, whose infinite coefficients have no difference.

    >>> import numpy as np
    >>> from torchlogit import fit
    >>> x = np.arange(24.0)
    >>> result = fit({"x": x, "y": list("aabcabbccabc" * 2)}, "y")
    >>> found = contrasts(result, "b")
    >>> found.labels, bool((found.theta[1, 0] - (result.theta[1, 0] - result.theta[1, 1])).abs() < 1e-12)
    (('a', 'c'), True)
    """
    root = None if fit.covariance_root is None else fit._root().reshape(*fit.theta_centred.shape, -1)
    if base is not None and fit.infinite is not None and fit.loss == "softmax":
        raise ParameterError("the fit is separated, and infinite coefficients have no differences: leave base out")
    found = comparisons(fit, base)
    moved = None if root is None else torch.einsum("pkr,kc->pcr", root, found.matrix)
    return Contrasts(fit.theta @ found.matrix, moved, found.labels, found.base)


class Comparisons(NamedTuple):
    """Which classes are compared with ``base``: ``labels`` (m), and C = ``matrix`` (k, m), by which theta C are theirs."""

    labels: tuple[Any, ...]
    matrix: Tensor
    base: Any = None


def comparisons(fit: Fit, base: Any = None) -> Comparisons:
    """Every class but ``base`` with it; without one, the columns of theta as they are."""
    whole = _differences(fit)
    if base is None:
        eye = torch.eye(whole.shape[1], dtype=whole.dtype, device=whole.device)
        return Comparisons(tuple(fit.classes) if fit.loss == "softmax" else (fit.positive,), eye)
    place = _place(fit, base)
    keep = [c for c in range(len(fit.classes)) if c != place]
    return Comparisons(tuple(fit.classes[keep]), (whole - whole[place])[keep].mT, fit.classes[place])


def _differences(fit: Fit) -> Tensor:
    """η of each class from theta's columns, (K, k): for two classes, 0 and η."""
    k = fit.theta_centred.shape[1]
    matrix = torch.eye(k, dtype=torch.float64, device=fit.theta_centred.device)
    return matrix if k > 1 else torch.cat([torch.zeros_like(matrix), matrix])


def _place(fit: Fit, base: Any) -> int:
    """Where a class is among the fit's."""
    if not fit._loss().odds:
        raise ParameterError(f"a base class is for log-odds; this fit has the link {fit.loss}")
    found = [i for i, label in enumerate(fit.classes) if _same(label, base)]
    if not found:
        told = show_list((show_value(_plain(label)) for label in fit.classes[:5]), len(fit.classes))
        raise ParameterError(f"base={base!r} is none of the classes {told}")
    return found[0]


def _same(label: Any, base: Any) -> bool:
    return (
        bool(label == base) if isinstance(base, type(_plain(label)) | int | float) else str(_plain(label)) == str(base)
    )


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
