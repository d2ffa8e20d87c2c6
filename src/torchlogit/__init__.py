"""torchlogit: logistic regression you can trust, on PyTorch.

Names load on first use, so that ``import torchlogit`` imports neither torch nor scikit-learn.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from torchlogit import datasets, losses, metrics, nn, plots, sigmoids
    from torchlogit.bootstrap import Bootstrap, bootstrap
    from torchlogit.calibrated import Calibrated
    from torchlogit.calibration.calibrators import calibrate
    from torchlogit.calibration.prevalence import estimate_prevalence, prior_shift
    from torchlogit.decision import Band, band_from_costs
    from torchlogit.errors import *  # noqa: F403
    from torchlogit.estimators import LogisticRegression, LogisticRegressionCV, SelectiveClassifier
    from torchlogit.fit import fit
    from torchlogit.fitted import Fit, load
    from torchlogit.inference.compare import compare
    from torchlogit.inference.links import compare_links
    from torchlogit.many import ManyFits, fit_many
    from torchlogit.path import Path, fit_path
    from torchlogit.penalties import L1, L2, ElasticNet, Jeffreys, NoPenalty
    from torchlogit.solvers import LBFGS, SGD, Newton, Proximal, Status

_HOMES = {
    "Fit": "fitted",
    "fit": "fit",
    "load": "fitted",
    "ManyFits": "many",
    "fit_many": "many",
    "Bootstrap": "bootstrap",
    "bootstrap": "bootstrap",
    "Calibrated": "calibrated",
    "calibrate": "calibration.calibrators",
    "estimate_prevalence": "calibration.prevalence",
    "prior_shift": "calibration.prevalence",
    "Path": "path",
    "fit_path": "path",
    "compare": "inference.compare",
    "compare_links": "inference.links",
    "LogisticRegression": "estimators",
    "LogisticRegressionCV": "estimators",
    "SelectiveClassifier": "estimators",
    "Band": "decision",
    "band_from_costs": "decision",
    "ElasticNet": "penalties",
    "Jeffreys": "penalties",
    "L1": "penalties",
    "L2": "penalties",
    "NoPenalty": "penalties",
    "LBFGS": "solvers",
    "Newton": "solvers",
    "Proximal": "solvers",
    "SGD": "solvers",
    "Status": "solvers",
    "AccuracyWarning": "errors",
    "AliasedWarning": "errors",
    "DataError": "errors",
    "DistributedError": "errors",
    "DataWarning": "errors",
    "FileError": "errors",
    "ModelFileError": "errors",
    "NotCertifiedError": "errors",
    "NotCertifiedWarning": "errors",
    "ParameterError": "errors",
    "TorchlogitError": "errors",
    "TorchlogitWarning": "errors",
}
_MODULES = ("datasets", "losses", "metrics", "nn", "plots", "sigmoids")

__all__ = [*_HOMES, *_MODULES]


class _Package(ModuleType):
    """Keeps ``torchlogit.fit`` the function: importing a submodule would put the module of that name in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:  # for cloudpickle, which knows modules by their exact type
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"torchlogit.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'torchlogit' has no attribute {name!r}")
    value = getattr(import_module(f"torchlogit.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
