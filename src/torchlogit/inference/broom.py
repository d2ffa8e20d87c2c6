"""The three tables of R's broom: `tidy` of the terms, `glance` at the whole, `augment` the rows."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlogit.errors import NotCertifiedError, ParameterError
from torchlogit.inference.contrasts import contrasts
from torchlogit.inference.quality import why_none
from torchlogit.inference.tabular import frame
from torchlogit.intake import is_matrix
from torchlogit.tables.frames import open_frame

if TYPE_CHECKING:
    from torchlogit.fitted import Fit


def tidy(
    fit: Fit,
    conf_int: bool = False,
    conf_level: float = 0.95,
    exponentiate: bool = False,
    *,
    interval: str = "wald",
    base: Any = None,
    library: str = "pandas",
) -> Any:
    """One row a term: ``term``, ``estimate``, ``std_error``, ``statistic``, ``p_value``, and ``conf_low``, ``conf_high``.

    These are broom's names with _ in the place of a dot. More than two classes have a row a class and term, with the class in
    ``y_level``, against ``base`` (the first by default; a separated fit as it is). ``exponentiate`` gives odds ratios and
    their bounds; std_error stays that of the coefficient, as in broom. A coefficient that separated classes make
    infinite is so. R's ``confint`` is ``interval="profile"``. What has no
    number is NaN. ``library`` is "pandas", "polars", "pyarrow" or "dict".

    ParameterError where there are no odds ratios, and for a library that is not installed.

    >>> from torchlogit import datasets, fit
    >>> found = tidy(fit(datasets.study_hours(), "passed"), conf_int=True, library="dict")
    >>> list(found), found["conf_low"].round(4).tolist()
    (['term', 'estimate', 'std_error', 'statistic', 'p_value', 'conf_low', 'conf_high'], [-7.5292, 0.2724])
    """
    if exponentiate and not fit._loss().odds:
        raise ParameterError(f"the link {fit.loss} has no odds ratios; leave exponentiate out")
    if base is None and fit.loss == "softmax" and fit.infinite is None:
        base = fit.classes[0]
    table, labels = fit.table(conf_level, base, interval), contrasts(fit, base).labels
    many = {"y_level": [_plain(labels[i % len(labels)]) for i in range(len(table.term))]} if len(labels) > 1 else {}
    estimate = _with_infinite(fit, table.estimate)
    columns = {"estimate": estimate, "std_error": table.std_error, "statistic": table.z, "p_value": table.p}
    bounds = {"conf_low": table.low, "conf_high": table.high} if conf_int else {}
    if exponentiate:
        with np.errstate(over="ignore"):
            columns["estimate"], bounds = np.exp(estimate), {k: np.exp(v) for k, v in bounds.items()}
    return frame({**many, "term": list(table.term), **columns, **bounds}, library)


def _with_infinite(fit: Fit, estimate: Any) -> Any:
    """Estimates (m,), infinite where separated classes make them so: the search's last value there says nothing."""
    if fit.infinite is None:
        return estimate
    sign = fit.infinite.cpu().numpy().ravel()
    return np.where(sign == 0, estimate, np.copysign(np.inf, sign)) if len(sign) == len(estimate) else estimate


def glance(fit: Fit, *, library: str = "pandas") -> Any:
    """One row: ``null_deviance``, ``df_null``, ``log_lik``, ``aic``, ``bic``, ``deviance``, ``df_residual``, ``nobs``.

    broom's names with _ in the place of a dot, in small letters. Deviances are −2 log-likelihood, those of counts are against the
    saturated model of their rows (`grouped`; NaN where the fit was read from a file); ``nobs`` is the number of rows with a
    weight, all as in R. ``aic`` and ``bic`` are NaN for a penalised or not certified fit, whose
    likelihood is no maximum, and with sampling weights. ParameterError for the linear unit.

    >>> from torchlogit import datasets, fit
    >>> found = glance(fit(datasets.study_hours(), "passed"), library="dict")
    >>> round(found["bic"][0], 3), found["df_residual"], found["nobs"]
    (22.051, [18], [20])
    """
    if fit.loss == "squared":
        raise ParameterError("the linear unit has no likelihood to glance at")
    free = fit.theta_centred.shape[1] - (fit.loss == "softmax")
    used = (len(fit.names) - len(fit.dependences)) * free
    sound = not why_none(fit)
    n = _counted(fit)
    deviance = _deviance(fit)
    row = {
        "null_deviance": deviance + 2 * (fit.log_likelihood - fit.null_log_likelihood),
        "df_null": n - free * fit.intercept,
        "log_lik": fit.log_likelihood,
        "aic": 2 * used - 2 * fit.log_likelihood if sound else np.nan,
        "bic": log(n) * used - 2 * fit.log_likelihood if sound else np.nan,
        "deviance": deviance,
        "df_residual": n - used,
        "nobs": n,
    }
    return frame({name: [value] for name, value in row.items()}, library)


def _deviance(fit: Fit) -> float:
    """Of rows with one outcome each −2 log-likelihood; counts have a saturated model of their own, which takes the rows."""
    if not fit.counts:
        return -2 * fit.log_likelihood
    readable = fit.weight is None and fit.certified and fit.training is not None
    return fit.grouped().deviance if readable else np.nan


def _counted(fit: Fit) -> int:
    """Rows with a weight; all of them where the fit was read from a file. Counts of a row stand in two, but are one."""
    weight = None if fit.training is None else fit.training.weight
    return fit.n_rows if weight is None else min(fit.n_rows, int((weight > 0).sum()))


def augment(
    fit: Fit, data: Any = None, *, newdata: Any = None, type_predict: str = "link", library: str = "pandas"
) -> Any:
    """The rows beside what the fit says of them: ``.fitted``, ``.resid``, ``.hat``, ``.sigma``, ``.cooksd``, ``.std_resid``.

    broom's names, the dot before them keeping them apart from the table's own columns. ``.fitted`` is η, or with
    ``type_predict="response"`` the probability of the positive class; ``.resid`` and ``.std_resid`` are deviance residuals,
    ``.sigma`` the residual deviance's root mean square without the row, as ``influence.glm`` of R has it. Rows that were
    dropped are left out. ``data`` are the fitted rows, where the fit was read from a file; ``newdata`` others, which have only
    ``.fitted``.

    ParameterError for more than two classes, as in broom; NotCertifiedError where there is no influence (`influence`).

    >>> from torchlogit import datasets, fit
    >>> found = augment(fit(datasets.study_hours(), "passed"), library="dict")
    >>> list(found)
    ['hours', 'passed', '.fitted', '.resid', '.hat', '.sigma', '.cooksd', '.std_resid']
    """
    if len(fit.classes) != 2 or fit.loss in ("softmax", "squared"):
        raise ParameterError("augment is for models of two classes")
    if type_predict not in ("link", "response"):
        raise ParameterError(f'type_predict must be "link" or "response", got {type_predict!r}')
    if newdata is not None:
        eta = fit.eta(newdata)
        return frame({**_columns(fit, newdata, None), ".fitted": _predicted(fit, eta, type_predict)}, library)
    from torchlogit.inference.observed import observed

    beside = observed(fit, data)
    if len(beside.rows.codes) != fit.n_rows and data is None:
        raise ParameterError("augment is for a target of one outcome a row, not for counts")
    found = fit.influence(data)
    n, spare = len(found.row), len(found.row) - found.rank
    if spare < 2:
        raise NotCertifiedError(f"no .sigma: {n} rows leave {spare} degrees of freedom")
    total = float((found.deviance**2).sum())
    left = total - found.deviance**2 / np.maximum(1 - found.leverage, 1e-300)
    own = {
        ".fitted": _predicted(fit, beside.eta, type_predict),
        ".resid": found.deviance,
        ".hat": found.leverage,
        ".sigma": np.sqrt(np.maximum(left, 0) / (spare - 1)),
        ".cooksd": found.cooks_distance,
        ".std_resid": found.deviance / np.sqrt(np.maximum(1 - found.leverage, 1e-300)),
    }
    return frame({**_columns(fit, beside.rows.data, beside.rows.kept), **own}, library)


def _predicted(fit: Fit, eta: Any, type_predict: str) -> Any:
    out = eta[:, 0] if type_predict == "link" else fit._loss().probabilities(eta)[:, -1]
    return out.cpu().numpy()


def _columns(fit: Fit, data: Any, kept: Any) -> dict[str, Any]:
    """The columns of the caller's table, of the rows that are kept; of a matrix, by the fit's names."""
    if is_matrix(data):
        x = data.toarray() if hasattr(data, "toarray") else np.asarray(data)
        columns = dict(zip(fit.columns, x.T, strict=True))
    else:
        table = open_frame(data)
        columns = {name: np.asarray(table.column(name)) for name in table.names}
    return columns if kept is None else {name: column[kept] for name, column in columns.items()}


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
