"""What a fit must tell its user, in sentences: no certificate, separation, aliased or nearly collinear columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor

from torchlogit.errors import AliasedWarning, NotCertifiedError, NotCertifiedWarning
from torchlogit.rank import Dependence
from torchlogit.solvers import Status
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

NEARLY = 1e6  # √VIF from which columns are called nearly collinear: data stored to 16 digits leave 10
FIRST = 5


def told(fit: Fit, amplification: Tensor) -> tuple[str, ...]:
    """The sentences, the most important first."""
    lines = [] if fit.status is Status.converged else [_not_certified(fit)]
    lines += [dependence_sentence(fit.columns, dependence) for dependence in fit.dependences]
    places = ((amplification > NEARLY) & amplification.isfinite()).nonzero()[:, 0].tolist()
    near = [(float(amplification[j]), j) for j in places]
    if near:
        worst = max(near)[0]
        names = ", ".join(f"`{show(fit.columns[j])}`" for _, j in near[:FIRST]) + (" …" if len(near) > FIRST else "")
        lines.append(
            f"nearly collinear: {names} (√VIF up to {worst:.1e}); if their values are rounded in the 16th digit, about "
            f"{max(0, int(15.9 - _digits(worst)))} digits of their coefficients mean anything"
        )
    return tuple(lines)


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


def _not_certified(fit: Fit) -> str:
    c = fit.certificate
    if fit.status is Status.separated:
        return f"not certified: {_separated(fit)}"
    return (
        f"not certified ({fit.status}): {fit.status.value} (estimated relative distance {c.relative_distance:.1e}, "
        f"wanted {c.tol:.0e}, after {fit.n_iter} iterations)"
    )


def _separated(fit: Fit) -> str:
    """Which columns split the classes, in which direction."""
    how = "perfectly" if fit.complete else "in part"
    names: list[str] = []
    if fit.infinite is not None:
        lead = int(fit.intercept)
        moved = [j for j in range(len(fit.columns)) if bool(fit.infinite[j + lead].any())]
        names = [f"`{show(fit.columns[j])}`" for j in moved[:FIRST]] + (["…"] if len(moved) > FIRST else [])
    by = f" by {', '.join(names)}" if names else ""
    return (
        f"the classes are split {how}{by}, so no finite maximum-likelihood estimate exists: the coefficients "
        "shown are where the search was stopped; add a penalty (Jeffreys(), which is Firth's, or L2) for finite ones"
    )


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
