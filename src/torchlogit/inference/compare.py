"""Fits of the same rows beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.quality import chi_squared, quality, why_none
from torchlogit.inference.tabular import Tabular
from torchlogit.moments import moments
from torchlogit.rank import independent

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Tabular):
    """One entry a fit, (m,) arrays. ``statistic``, ``df``, ``log_p`` test it against the one before; NaN if not nested."""

    heading: ClassVar[str] = "Comparison of fits"
    derived: ClassVar[tuple[str, ...]] = ("p",)
    heads: ClassVar[dict[str, str]] = {
        "log_likelihood": "log-lik.", "aic": "AIC", "delta_aic": "ΔAIC", "bic": "BIC", "delta_bic": "ΔBIC",
        "statistic": "LR", "coefficients": "coef.",
    }  # fmt: skip

    model: tuple[str, ...]
    coefficients: npt.NDArray[np.int64]
    log_likelihood: Floats
    aic: Floats
    delta_aic: Floats  # AIC less the least
    bic: Floats
    delta_bic: Floats
    statistic: Floats
    df: npt.NDArray[np.int64]
    log_p: Floats
    notes: tuple[str, ...] = ()

    @property
    def p(self) -> Floats:
        """p-values of the likelihood-ratio tests."""
        return np.exp(self.log_p)


def compare(*fits: Fit, names: Sequence[str] | None = None) -> Comparison:
    """AIC and BIC of fits of the same rows, and the likelihood-ratio test of each against the one before, where nested.

    One fit is nested in another when each of its columns is a combination of the other's (which is looked at where both have
    their rows, else by the columns' names), with the same link, offset and no intercept more. Two that are not nested have
    only differences of AIC and BIC, and so have fits with robust errors, whose likelihood is not believed.

    ParameterError where target, rows or weights differ, saying which; NotCertifiedError for a fit whose likelihood says
    nothing (penalised, not certified, sampling weights). Source: Burnham and Anderson (2002), Model Selection and Multimodel
    Inference, §2.2; Agresti (2013), Categorical Data Analysis, §5.2.

    >>> import numpy as np
    >>> from torchlogit import compare, fit
    >>> x = np.arange(20.0)
    >>> table = {"x": x, "z": x % 3, "y": np.isin(x, [3, 5, 9, 11, 12, 14, 17, 18, 19])}
    >>> found = compare(fit(table, "y", features=["x"]), fit(table, "y"))
    >>> found.df.tolist(), found.delta_aic.round(2).tolist()
    ([0, 1], [0.0, 1.95])
    """
    if len(fits) < 2:
        raise ParameterError(f"compare needs two fits or more, got {len(fits)}")
    if names is not None and len(names) != len(fits):
        raise ParameterError(f"{len(names)} names for {len(fits)} fits")
    measured = []
    for i, fit in enumerate(fits):
        found = quality(fit)
        if found is None:
            raise NotCertifiedError(f"fit {i + 1} cannot be compared: {why_none(fit)}")
        _check_same(fits[0], fit, i + 1)
        measured.append(found)
    tests, notes = [(np.nan, 0, np.nan)], []
    for i in range(1, len(fits)):
        test, why = _test(fits[i - 1], fits[i])
        tests.append(test)
        notes += [f"Fit {i + 1} against fit {i}: {why}"] if why else []
    aic, bic = (np.array([getattr(m, name) for m in measured]) for name in ("aic", "bic"))
    statistic, df, log_p = (np.array(column) for column in zip(*tests, strict=True))
    return Comparison(
        model=tuple(names) if names else tuple(str(i + 1) for i in range(len(fits))),
        coefficients=np.array([m.coefficients for m in measured]),
        log_likelihood=np.array([fit.log_likelihood for fit in fits]),
        aic=aic,
        delta_aic=aic - aic.min(),
        bic=bic,
        delta_bic=bic - bic.min(),
        statistic=statistic,
        df=df,
        log_p=log_p,
        notes=tuple(notes),
    )


def _check_same(one: Fit, other: Fit, number: int) -> None:
    """ParameterError where two fits are not of the same rows."""
    a, b = one.training, other.training
    differ = "targets" if one.target != other.target or list(one.classes) != list(other.classes) else ""
    differ = differ or ("numbers of rows" if one.n_rows != other.n_rows else "")
    differ = differ or (
        "weights or labels" if not np.allclose(one.class_weights, other.class_weights, rtol=1e-12) else ""
    )
    if not differ and a is not None and b is not None:
        differ = "" if _equal(a.codes, b.codes) and _equal(a.kept, b.kept) else "rows"
        differ = differ or ("" if _equal(a.weight, b.weight) else "weights")
    if differ:
        raise ParameterError(
            f"fits 1 and {number} have different {differ}, so their likelihoods are of different data; fit both to the same "
            'rows (missing="drop" drops those that a model cannot use: drop them before)'
        )


def _equal(a: Any, b: Any) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _test(one: Fit, other: Fit) -> tuple[tuple[float, int, float], str]:
    """The likelihood-ratio test of two fits, or why there is none."""
    nothing = (np.nan, 0, np.nan)
    small, large = sorted((one, other), key=_rank)
    if not all(fit.covariance_kind.startswith("inverse") for fit in (one, other)):
        return nothing, "no likelihood-ratio test, because the errors are robust"
    if small.loss != large.loss:
        return nothing, "not nested: they have different links"
    if small.offset != large.offset or not _same_offset(small, large):
        return nothing, "not nested: they have different offsets"
    df = _rank(large) - _rank(small)
    if (small.intercept and not large.intercept) or not _within(small, large):
        unread = (
            "" if small.training is not None and large.training is not None else ", as far as the columns' names tell"
        )
        return nothing, f"not nested{unread}"
    if not df:
        return nothing, "the same model: the columns of one are combinations of the other's"
    statistic = max(0.0, 2 * (large.log_likelihood - small.log_likelihood))
    return (statistic, df, chi_squared(statistic, df)), ""


def _same_offset(one: Fit, other: Fit) -> bool:
    a, b = one.training, other.training
    return a is None or b is None or _equal(a.offset, b.offset)


def _rank(fit: Fit) -> int:
    """Free coefficients."""
    found = quality(fit)
    return 0 if found is None else found.coefficients


def _within(small: Fit, large: Fit) -> bool:
    """Whether every column of one fit is a combination of the other's columns."""
    if small.training is None or large.training is None:
        return set(small.columns) <= set(large.columns)
    of_large, of_small = (fit.training.source(large.intercept, "cpu") for fit in (large, small) if fit.training)
    if of_large.sparse != of_small.sparse:
        return set(small.columns) <= set(large.columns)
    with exact_arithmetic():
        both = of_large.beside(of_small)
        return independent(both, moments(both)).coordinates.rank == len(large.columns) - len(large.dependences)
