"""A `Fit` as a model file, and back: which fields there are, and what they must mean.

All of a fit is stored but its history and its training rows. No row of the training data is: what comes from the data are
the coefficients, the centres of the columns, sums such as the classes' weights, the names of columns and target, the labels
of the classes and **the levels of the categories**, which are stored as text because they are needed to read new rows.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit import __version__, store
from torchlogit.calibrated import KINDS, PREFIX, Calibrated, packed, unpacked
from torchlogit.errors import DataError, ModelFileError, ParameterError
from torchlogit.estimate import MODEL_BASED, Certificate
from torchlogit.fitted import Fit
from torchlogit.losses import LOSSES
from torchlogit.model import Model
from torchlogit.penalties import L1, L2, ElasticNet, Jeffreys, NoPenalty, Penalty
from torchlogit.rank import Dependence
from torchlogit.rows import WEIGHTS_ARE
from torchlogit.solvers import Status
from torchlogit.tables import Recipe

PENALTIES = {kind.__name__: kind for kind in (ElasticNet, L1, L2, NoPenalty, Jeffreys)}
DTYPE = re.compile(r"[<>|]([biufO]\d{0,2}|U\d{1,4})")  # of classes, as NumPy writes it
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
PLAIN = (
    "target",
    "intercept",
    "loss",
    "n_rows",
    "n_iter",
    "solver",
    "dropped",
    "offset",
    "weight",
    "complete",
    "counts",
    "covariance_kind",
    "weights_are",
)
LATER: dict[str, Any] = {
    "weight": None,
    "counts": False,
    "covariance_kind": MODEL_BASED,
    "weights_are": "frequency",
}  # fields that older model files do not have, and what these stand for
REALS = ("log_likelihood", "null_log_likelihood", "value")
TENSORS = ("theta_centred", "centre", "covariance_root", "infinite")


def save(fit: Model, path: str | os.PathLike[str]) -> None:
    """Write a fit, atomically; `load` gives it back bit for bit, with a penalty's sequence of strengths as a tuple.

    ParameterError for what a model file cannot hold (labels of a class that are neither numbers nor text), FileError
    where the file cannot be written; the file that was there before is then intact.
    """
    header = _header(fit)
    tensors = {name: value for name in TENSORS if (value := getattr(fit, name)) is not None and value.numel()}
    if isinstance(fit, Calibrated):
        header["calibration"], more = packed(fit)
        tensors |= more
    try:
        _model(_Fields(header), tensors)
    except (ModelFileError, DataError) as error:
        raise ParameterError(f"cannot save {os.fspath(path)!r}: {error}") from error
    store.save(path, header, tensors)


def load(path: str | os.PathLike[str]) -> Fit:
    """Read the fit that `save` wrote, on the CPU.

    ModelFileError, saying which field and what is wrong with it, for a file whose parts do not fit together; FileError
    where the file cannot be read.
    """
    header, tensors = store.load(path)
    try:
        return _model(_Fields(header), tensors)
    except (ModelFileError, DataError, ParameterError) as error:
        raise ModelFileError(f"{os.fspath(path)!r}: {error}; fit and save the model again") from error


def _header(fit: Model) -> dict[str, Any]:
    return {
        "package": __version__,
        "columns": list(fit.columns),
        "classes": _labels(fit.classes),
        "classes_dtype": fit.classes.dtype.str,
        **{name: getattr(fit, name) for name in PLAIN},
        **{name: _real(getattr(fit, name)) for name in REALS},
        "penalty": _penalty(fit.penalty),
        "status": fit.status.name,
        "certificate": {name: _real(value) for name, value in vars(fit.certificate).items()},
        "class_weights": list(fit.class_weights),
        "dependences": [
            {"column": d.column, "weights": [[j, w] for j, w in d.weights.items()], "constant": d.constant}
            for d in fit.dependences
        ],
        "recipe": None if fit.recipe is None else fit.recipe.to_dict(),
        "warnings": list(fit.warnings),
        **({"prevalence": list(fit.prevalence)} if fit.prevalence else {}),
    }


def _labels(classes: npt.NDArray[Any]) -> list[Any]:
    """The labels as JSON has them; whole numbers are exact as float64, so also those of a long double."""
    labels: list[Any] = (classes.astype(np.float64) if classes.dtype.kind == "f" else classes).tolist()
    if any(type(label) not in (bool, int, float, str) for label in labels):
        raise ParameterError(f"cannot save classes of dtype {classes.dtype}: labels must be numbers, booleans or text")
    return labels


def _real(value: Any) -> Any:
    """A number of a fit; one that is not finite as text, as JSON has no such numbers."""
    return repr(float(value)) if isinstance(value, float) and not math.isfinite(value) else value


def _penalty(penalty: Penalty) -> dict[str, Any]:
    if isinstance(penalty, Jeffreys):
        return {"kind": "Jeffreys", "errors": penalty.errors, "intercept": penalty.intercept}
    strength: Any = penalty.strength
    if isinstance(strength, Mapping):
        strength = {name: float(value) for name, value in strength.items()}
    elif not isinstance(strength, int | float):
        strength = float(strength) if np.ndim(strength) == 0 else [float(value) for value in strength]
    return {"kind": type(penalty).__name__, "strength": strength, "l1_ratio": penalty.l1_ratio}


class _Fields:
    """Fields of a JSON object, each asked for by name and kind; ModelFileError where it is not there or is not that."""

    def __init__(self, fields: Any, where: str = "") -> None:
        self.fields, self.where = fields, where
        if not isinstance(fields, dict):
            raise ModelFileError(f"{where or 'its header'} is not an object")

    def get(self, name: str, *kinds: type) -> Any:
        """The field, of one of the ``kinds``; True and False are no numbers."""
        value = self.fields.get(name, KeyError)
        if type(value) not in kinds:
            found = "missing" if value is KeyError else f"a {type(value).__name__}"
            raise ModelFileError(f"field {self.where}{name!r} is {found}, not {' or '.join(k.__name__ for k in kinds)}")
        return value

    def later(self, name: str, *kinds: type) -> Any:
        """A field that older model files do not have."""
        return self.get(name, *kinds) if name in self.fields else LATER[name]

    def count(self, name: str, least: int = 0) -> int:
        value: int = self.get(name, int)
        if value < least:
            raise ModelFileError(f"field {self.where}{name!r} is {value}, less than {least}")
        return value

    def real(self, name: str) -> float:
        """A finite number, or the name of one that is not."""
        value = self.get(name, int, float, str)
        if isinstance(value, str) and value not in NOT_FINITE:
            raise ModelFileError(f"field {self.where}{name!r} is {value[:20]!r}, not a number")
        return NOT_FINITE[value] if isinstance(value, str) else float(value)

    def one_of(self, name: str, choices: Mapping[str, Any]) -> Any:
        value = self.get(name, str)
        if value not in choices:
            raise ModelFileError(f"field {self.where}{name!r} is {value[:40]!r}, not one of {', '.join(choices)}")
        return choices[value]

    def each(self, name: str, *kinds: type) -> tuple[Any, ...]:
        """A list of which every entry is of one of the ``kinds``."""
        values = self.get(name, list)
        wrong = [value for value in values if type(value) not in kinds]
        if wrong:
            raise ModelFileError(f"field {self.where}{name!r} has an entry of type {type(wrong[0]).__name__}")
        return tuple(values)


def _model(fields: _Fields, tensors: dict[str, Tensor]) -> Any:
    """The fit, or the calibrated model that is made of it."""
    if "calibration" not in fields.fields:
        return _fit(fields, tensors)
    more = {name: tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    own = {name: tensor for name, tensor in tensors.items() if name not in more}
    inner = _Fields(fields.get("calibration", dict), "calibration.")
    kind = inner.one_of("kind", {name: name for name in KINDS})
    how: dict[str, Any] = {"method": inner.get("method", str), "calibrated_on": inner.count("rows")}
    return unpacked(_fit(fields, own), kind, more, calibration_likelihood=inner.real("log_likelihood"), **how)


def _fit(fields: _Fields, tensors: dict[str, Tensor]) -> Fit:
    columns, classes = _columns(fields), _classes(fields)
    if not columns:
        tensors = {"centre": torch.zeros(0, dtype=torch.float64), **tensors}
    intercept = fields.get("intercept", bool)
    loss = fields.one_of("loss", {name: name for name in LOSSES})
    _check_tensors(tensors, len(columns), len(columns) + intercept, _width(loss, len(classes)))
    out = Fit(
        columns=columns,
        classes=classes,
        target=fields.get("target", str),
        theta_centred=tensors["theta_centred"],
        centre=tensors["centre"],
        intercept=intercept,
        loss=loss,
        penalty=_read_penalty(fields, columns),
        status=fields.one_of("status", Status.__members__),
        certificate=_certificate(fields),
        log_likelihood=fields.real("log_likelihood"),
        null_log_likelihood=fields.real("null_log_likelihood"),
        value=fields.real("value"),
        n_rows=fields.count("n_rows", 1),
        n_iter=fields.count("n_iter"),
        solver=fields.get("solver", str),
        class_weights=_class_weights(fields, len(classes)),
        dropped=fields.count("dropped"),
        offset=fields.get("offset", str, type(None)),
        weight=fields.later("weight", str, type(None)),
        covariance_root=tensors.get("covariance_root"),
        covariance_kind=fields.later("covariance_kind", str),
        weights_are=_weights_are(fields),
        prevalence=_prevalence(fields, len(classes)),
        infinite=tensors.get("infinite"),
        dependences=tuple(_dependence(item, len(columns)) for item in fields.each("dependences", dict)),
        complete=fields.get("complete", bool),
        counts=fields.later("counts", bool),
        recipe=_recipe(fields, columns),
        warnings=fields.each("warnings", str),
    )
    _check_certified(out)
    return out


def _weights_are(fields: _Fields) -> str:
    meaning: str = fields.later("weights_are", str)
    if meaning not in WEIGHTS_ARE:
        raise ModelFileError(f"field 'weights_are' is {meaning[:40]!r}, not one of {', '.join(WEIGHTS_ARE)}")
    return meaning


def _prevalence(fields: _Fields, n_classes: int) -> tuple[float, ...]:
    """Shares of the classes; none in most files."""
    found = fields.each("prevalence", float) if "prevalence" in fields.fields else ()
    if found and (len(found) != n_classes or min(found) <= 0 or abs(sum(found) - 1) > 1e-9):
        raise ModelFileError(f"field 'prevalence' does not hold shares of {n_classes} classes")
    return found


def _columns(fields: _Fields) -> tuple[str, ...]:
    columns = fields.each("columns", str)
    recipe = fields.get("recipe", dict, type(None))
    alone = recipe is not None and "formula" in recipe  # y ~ 1
    if len(set(columns)) < len(columns) or not (columns or alone):
        raise ModelFileError("field 'columns' is empty or names a column twice")
    return columns


def _classes(fields: _Fields) -> npt.NDArray[Any]:
    """The classes in their dtype, sorted and each once."""
    labels, name = list(fields.each("classes", bool, int, float, str)), fields.get("classes_dtype", str)
    try:
        classes = np.array(labels, name if DTYPE.fullmatch(name) else None)
        same = classes.dtype.str == name and list(map(repr, _labels(classes))) == list(map(repr, labels))
        ascending = len(labels) > 1 and all(a < b for a, b in pairwise(labels))
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(f"field 'classes' does not hold labels of dtype {name[:40]!r} ({error})") from error
    if not same:
        raise ModelFileError(f"field 'classes' does not hold labels of dtype {name[:40]!r}")
    if not ascending:
        raise ModelFileError("field 'classes' must hold two or more classes, sorted and each once")
    return classes


def _width(loss: str, n_classes: int) -> int:
    """Number of columns of theta."""
    if loss != "softmax" and n_classes != 2:
        raise ModelFileError(f"the {loss} loss is for two classes, but there are {n_classes}")
    return n_classes if loss == "softmax" else 1


def _check_tensors(tensors: dict[str, Tensor], d: int, p: int, k: int) -> None:
    """Names, dtypes and shapes against columns and classes."""
    root = tensors.get("covariance_root")
    rank = root.shape[-1] if root is not None and root.ndim else 0
    shapes = {"theta_centred": (p, k), "centre": (d,), "covariance_root": (p * k, rank), "infinite": (p, k)}
    missing = {"theta_centred", "centre"} - tensors.keys()
    if missing:
        raise ModelFileError(f"tensor {min(missing)!r} is missing")
    for name, tensor in tensors.items():
        if name not in shapes:
            raise ModelFileError(f"tensor {name[:40]!r} belongs to no fit")
        if tensor.shape != shapes[name] or tensor.dtype != torch.float64:
            raise ModelFileError(
                f"tensor {name!r} is {tensor.dtype} of shape {tuple(tensor.shape)}, but {d} columns and {k} columns of "
                f"eta need float64 of shape {shapes[name]}"
            )
    if "infinite" in tensors and bool((tensors["infinite"] != tensors["infinite"].sign()).any()):
        raise ModelFileError("tensor 'infinite' has entries that are no signs")


def _read_penalty(fields: _Fields, columns: tuple[str, ...]) -> Penalty:
    inner = _Fields(fields.get("penalty", dict), "penalty.")
    kind = inner.one_of("kind", PENALTIES)
    if kind is Jeffreys:
        return Jeffreys(inner.get("errors", str), inner.get("intercept", str))
    strength = inner.get("strength", int, float, list, dict)
    parts = strength.values() if isinstance(strength, dict) else strength if isinstance(strength, list) else [strength]
    if not all(type(part) in (int, float) for part in parts):
        raise ModelFileError("field penalty.'strength' has an entry that is no number")
    strength = tuple(strength) if isinstance(strength, list) else strength
    penalty: ElasticNet = kind(strength, inner.get("l1_ratio", int, float))
    penalty.by_feature(columns)
    return penalty


def _certificate(fields: _Fields) -> Certificate:
    inner = _Fields(fields.get("certificate", dict), "certificate.")
    reals = {name: inner.real(name) for name in ("relative_distance", "gradient_norm", "tol")}
    return Certificate(kind=inner.get("kind", str), **reals)


def _class_weights(fields: _Fields, n_classes: int) -> tuple[float, ...]:
    weights = fields.each("class_weights", int, float)
    if len(weights) not in (0, n_classes) or any(weight < 0 for weight in weights):
        raise ModelFileError(f"field 'class_weights' does not hold a weight for each of {n_classes} classes")
    return weights


def _dependence(item: dict[str, Any], d: int) -> Dependence:
    inner = _Fields(item, "dependences.")
    pairs = inner.each("weights", list)
    if any([type(part) for part in pair] not in ([int, float], [int, int]) for pair in pairs):
        raise ModelFileError("field dependences.'weights' has an entry that is no pair of a column and a weight")
    weights = {j: float(weight) for j, weight in pairs}
    column = inner.count("column")
    if len(weights) < len(pairs) or not all(0 <= j < d for j in (column, *weights)):
        raise ModelFileError("field 'dependences' names a column that is not there, or one twice")
    return Dependence(column, weights, float(inner.get("constant", int, float)))


def _recipe(fields: _Fields, columns: tuple[str, ...]) -> Recipe | None:
    data = fields.get("recipe", dict, type(None))
    if data is None:
        return None
    recipe = Recipe.from_dict(data)
    if recipe.columns != columns:
        raise ModelFileError("field 'recipe' makes other columns than the model has")
    if recipe.formula and recipe.intercept != fields.get("intercept", bool):
        raise ModelFileError("field 'recipe' has a formula that says otherwise of the intercept than the model")
    return recipe


def _check_certified(fit: Fit) -> None:
    """A certified fit has finite numbers; standard errors belong to a certified fit, without a penalty or with Jeffreys'."""
    numbers = [fit.value, fit.log_likelihood, fit.null_log_likelihood, fit.certificate.relative_distance]
    if fit.certified and not all(map(math.isfinite, numbers)):
        raise ModelFileError("it says that it is certified, but its numbers are not finite")
    if fit.covariance_root is not None and not (fit.certified and fit.penalty.intervals):
        raise ModelFileError("it has standard errors, but no certified optimum that has any")
