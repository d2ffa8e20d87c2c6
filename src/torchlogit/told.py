"""What a fit must tell its user, in sentences: no certificate, separation, aliased or nearly collinear columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor

from torchlogit.errors import AliasedWarning, NotCertifiedError, NotCertifiedWarning
from torchlogit.rank import Dependence
from torchlogit.separation import Separation
from torchlogit.solvers import Status
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.estimate import Estimate
    from torchlogit.fitted import Fit

NEARLY = 1e6  # √VIF from which columns are called nearly collinear: data stored to 16 digits leave 10
FIRST = 5


def told(fit: Fit, estimate: Estimate) -> tuple[str, ...]:
    """The sentences, the most important first."""
    collinear = _collinear(fit, estimate.amplification)
    if collinear and estimate.condition is not None:
        rank = f"rank {len(fit.names) - len(fit.dependences)} of {len(fit.names)}"
        collinear[-1] += f" ({rank}, condition number {estimate.condition:.2g})"
    return (*([] if fit.certified else [_not_certified(fit, estimate.separation)]), *collinear)


def _collinear(fit: Fit, amplification: Tensor) -> list[str]:
    """What is aliased, and what nearly is."""
    lines = [dependence_sentence(fit.columns, dependence) for dependence in fit.dependences]
    places = ((amplification > NEARLY) & amplification.isfinite()).nonzero()[:, 0].tolist()
    near = [(float(amplification[j]), j) for j in places]
    if near:
        worst = max(near)[0]
        names = ", ".join(f"`{show(fit.columns[j])}`" for _, j in near[:FIRST]) + (" …" if len(near) > FIRST else "")
        lines.append(
            f"nearly collinear: {names} (√VIF up to {worst:.1e}); if their values are rounded in the 16th digit, about "
            f"{max(0, int(15.9 - _digits(worst)))} digits of their coefficients mean anything"
        )
    return lines


def tell(sentences: Iterable[str], strict: bool) -> None:
    """Warn the caller of a door of what is not certified (raise, where it is ``strict``), aliased or nearly collinear."""
    for sentence in sentences:
        if sentence.startswith("not certified"):
            if strict:
                raise NotCertifiedError(sentence)
            warnings.warn(sentence, NotCertifiedWarning, stacklevel=3)
        elif sentence.startswith(("aliased", "nearly collinear")):
            warnings.warn(sentence, AliasedWarning, stacklevel=3)


def _digits(amplification: float) -> float:
    from math import log10

    return log10(amplification)


def _not_certified(fit: Fit, separation: Separation | None) -> str:
    c = fit.certificate
    if fit.status is Status.separated:
        return f"not certified: {separated_sentence(fit, separation)}"
    return (
        f"not certified ({fit.status}): {fit.status.value} (estimated relative distance {c.relative_distance:.1e}, "
        f"wanted {c.tol:.0e}, after {fit.n_iter} iterations)"
    )


def separated_sentence(fit: Fit, separation: Separation | None) -> str:
    """Which columns split the classes, along which direction, which coefficients are infinite, and what to do."""
    how = "perfectly" if fit.complete else "in part"
    moved = [] if fit.infinite is None else fit.infinite[int(fit.intercept) :].any(1).nonzero()[:, 0].tolist()
    needed = moved
    if separation is not None:  # by every separating direction, where there are such columns
        needed = [j for j in moved if not separation.either[j + int(fit.intercept)].all()] or moved
    by = f" by {_list([f'`{show(fit.columns[j])}`' for j in needed])}" if needed else ""
    parts = [f"the classes are split {how}{by}, so no finite maximum-likelihood estimate exists"]
    if separation is not None:
        parts += _infinite(fit, separation, moved)
    parts.append("the coefficients shown are where the search was stopped")
    if separation is not None and not separation.decided:
        parts.append("this was seen along the search's own direction and is not certified by a linear programme")
    return "; ".join(parts) + "; add a penalty (Jeffreys(), which is Firth's, or L2) for finite ones"


def _infinite(fit: Fit, separation: Separation, moved: list[int]) -> list[str]:
    """The direction, where it has several columns; the signs of two classes' coefficients; what is left finite."""
    lead, k = int(fit.intercept), separation.sign.shape[1]
    lines = []
    if k == 1 and len(moved) > 1:
        slopes = separation.direction[lead:, 0]
        top = slopes[moved].abs().max()
        used = [j for j in moved if slopes[j].abs() > 1e-12 * top]
        terms = [_term(float(slopes[j] / top), fit.columns[j]) for j in used[:FIRST]]
        lines.append("the direction is " + " ".join(terms).removeprefix("+ ") + (" …" if len(used) > FIRST else ""))
    sure = separation.sign * ~separation.either
    names = [f"`{show(name)}`" for name in fit.names]
    if k == 1:
        told = [f"{names[j]} {_sign(float(sure[j]))}" for j in sure[:, 0].nonzero()[:, 0].tolist()]
    else:
        told = [
            f"{names[j]} of class {show(str(fit.classes[c]))} {_sign(float(sure[j, c]))}"
            for j, c in sure.nonzero().tolist()
        ]
    if told:
        lines.append(f"infinite: {_list(told)}")
    either = separation.either.any(1).nonzero()[:, 0].tolist()
    if either and separation.decided:
        lines.append(f"infinite in a direction that the data leave open: {_list([names[j] for j in either])}")
    if bool((separation.sign[lead:] == 0).all(1).any()) and not fit.complete:
        lines.append("the other coefficients have finite estimates, which limits() gives")
    return lines


def _list(names: list[str]) -> str:
    return ", ".join(names[:FIRST]) + (" …" if len(names) > FIRST else "")


def _sign(sign: float) -> str:
    return "+inf" if sign > 0 else "-inf"


def dependence_sentence(columns: tuple[str, ...], dependence: Dependence) -> str:
    """``aliased: `total` = `a` + `b`; it has no coefficient of its own``."""
    name = f"`{show(columns[dependence.column])}`"
    if not dependence.weights:
        return f"aliased: {name} is constant; it has no coefficient of its own"
    terms = [_term(weight, columns[j]) for j, weight in dependence.weights.items()]
    size = max(abs(weight) for weight in dependence.weights.values())
    if abs(dependence.constant) > 1e-9 * max(1.0, size):
        terms.append(_signed(dependence.constant, f"{abs(dependence.constant):.6g}"))
    text = " ".join(terms).removeprefix("+ ")
    return f"aliased: {name} = {text}; it has no coefficient of its own"


def _term(weight: float, column: str) -> str:
    size = abs(weight)
    factor = "" if abs(size - 1) < 1e-9 else f"{size:.6g} "
    return _signed(weight, f"{factor}`{show(column)}`")


def _signed(value: float, text: str) -> str:
    return f"+ {text}" if value >= 0 else f"- {text}"
