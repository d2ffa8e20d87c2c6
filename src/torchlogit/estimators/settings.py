"""What an estimator's parameters mean: checked when it is fitted, as scikit-learn has it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from torchlogit.choice import SOLVERS, Choice, Size, choose
from torchlogit.errors import DataWarning, ParameterError
from torchlogit.firth import Scoring
from torchlogit.losses import LINKS
from torchlogit.penalties import ElasticNet, Jeffreys, NoPenalty, Penalty

SKLEARN = {  # scikit-learn's solvers and the nearest of ours
    "lbfgs": "lbfgs",
    "liblinear": "auto",
    "newton-cg": "lbfgs",
    "newton-cholesky": "newton",
    "sag": "lbfgs",
    "saga": "lbfgs",
}
RATIOS = {"l1": 1.0, "l2": 0.0}
UNSET = {"C": 1.0, "l1_ratio": 0.0}


def check_parameters(of: Any) -> None:
    """`ParameterError` for a parameter that means nothing."""
    names = sorted({"auto", *SOLVERS, *SKLEARN})
    _check(of, "C", _is(Real, of.C) and of.C > 0, "a number above 0 (np.inf: no penalty)")
    _check(of, "l1_ratio", of.l1_ratio is None or (_is(Real, of.l1_ratio) and 0 <= of.l1_ratio <= 1), "from 0 to 1")
    _check(of, "tol", _is(Real, of.tol) and 0 <= of.tol < math.inf, "a number, 0 or more")
    _check(of, "max_iter", _is(Integral, of.max_iter) and of.max_iter >= 0, "a whole number, 0 or more")
    _check(of, "fit_intercept", isinstance(of.fit_intercept, bool | np.bool_), "True or False")
    _check(of, "solver", not isinstance(of.solver, str) or of.solver in names, f"a solver object or one of {names}")
    _check(of, "link", isinstance(of.link, str) and of.link in LINKS, f"one of {list(LINKS)}")
    known = of.class_weight is None or isinstance(of.class_weight, Mapping) or of.class_weight == "balanced"
    _check(of, "class_weight", known, 'None, "balanced" or {label: weight}')
    known = isinstance(of.penalty, ElasticNet | Jeffreys) or of.penalty in (None, "deprecated", "elasticnet", *RATIOS)
    _check(of, "penalty", known, 'None, "l1", "l2", "elasticnet" or a penalty such as torchlogit.L2(strength=2.0)')


def _check(of: Any, name: str, fine: bool, what: str) -> None:
    if not fine:
        raise ParameterError(f"{name} must be {what}; got {getattr(of, name)!r}")


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def penalty_of(of: Any) -> Penalty:
    """The penalty that ``penalty``, ``C`` and ``l1_ratio`` say; a warning where one of them is set and unused."""
    given, ratio = of.penalty, 0.0 if of.l1_ratio is None else float(of.l1_ratio)
    used = () if not isinstance(given, str) else ("C",) if given in RATIOS else ("C", "l1_ratio")
    unused = [name for name, value in UNSET.items() if name not in used and getattr(of, name) not in (None, value)]
    if unused and RATIOS.get(str(given)) != ratio:
        warnings.warn(f"penalty={given!r} leaves {' and '.join(unused)} unused", DataWarning, stacklevel=4)
    if not isinstance(given, str):
        return NoPenalty() if given is None else given
    return NoPenalty() if math.isinf(of.C) else ElasticNet(1 / float(of.C), RATIOS.get(given, ratio))


def by_parts(of: Any) -> bool:
    """Whether rows can be fitted a batch at a time; AttributeError saying why not, as scikit-learn has it."""
    with warnings.catch_warnings(action="ignore"):
        penalty = penalty_of(of)
    if not isinstance(penalty, ElasticNet) or (penalty.l1_ratio > 0 and not penalty.free):
        raise AttributeError(
            "partial_fit goes with an L2 penalty or none: of other penalties rows gone by keep no quadratic"
        )
    if of.class_weight == "balanced":
        told = "needs all rows at once; give partial_fit a dictionary of weights, or sample_weight"
        raise AttributeError(f'class_weight="balanced" {told}')
    return True


def choice_of(of: Any, penalty: Penalty, size: Size) -> Choice:
    """The solver, seeded by ``random_state``, and why it was taken; with an L1 part scikit-learn's names are all "auto"."""
    if isinstance(penalty, Jeffreys):
        return Choice(Scoring() if of.solver == "auto" else of.solver, "asked for")
    rough = penalty.l1_ratio > 0 and not penalty.free
    solver = of.solver
    if isinstance(solver, str) and solver in SKLEARN:
        solver = "auto" if rough else SKLEARN[solver]
    choice = choose(solver, size, rough=rough, ridge=penalty.ridge)
    if of.random_state is None or not is_dataclass(choice.solver) or not hasattr(choice.solver, "seed"):
        return choice
    seed = int(check_random_state(of.random_state).randint(2**31 - 1))
    return choice._replace(solver=replace(choice.solver, seed=seed))  # type: ignore[type-var]
