"""The functional door: a table in, a `Fit` out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy.typing as npt
import torch
from torch import Tensor

from torchlogit.arithmetic import exact_arithmetic
from torchlogit.errors import ParameterError
from torchlogit.estimate import Estimate, NotFinite, estimate
from torchlogit.fitted import Fit
from torchlogit.intake import not_finite
from torchlogit.losses import Loss, loss_for
from torchlogit.penalties import ElasticNet, Jeffreys, NoPenalty, Penalty
from torchlogit.separation import Separation
from torchlogit.solvers import Record
from torchlogit.sources.base import Source
from torchlogit.sources.memory import MemorySource
from torchlogit.sources.ranks import LIMIT, Ranks
from torchlogit.streamed import StreamedRows, read
from torchlogit.told import tell, told


def fit(
    data: Any,
    target: Any,
    *,
    features: Sequence[str] | None = None,
    penalty: Penalty | None = None,
    loss: str = "auto",
    link: str = "logit",
    weight: Any = None,
    offset: Any = None,
    intercept: bool = True,
    categorical: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    missing: Literal["error", "drop"] = "error",
    weights_are: Literal["frequency", "sampling", "importance"] | None = None,
    covariance: str | None = None,
    cluster: Any = None,
    solver: Any = "auto",
    max_iter: int = 100,
    tol: float | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    device: str | torch.device | None = None,
    start: Tensor | None = None,
    strict: bool = False,
    watch: Callable[[Record], None] | None = None,
    memory: int | str = "1GiB",
    checkpoint: str | os.PathLike[str] | None = None,
    process_group: Any = None,
    timeout: float = LIMIT,
) -> Fit:
    """Fit a logistic regression (two classes) or a symmetric softmax (more), by default without a penalty.

    ``data`` is a data frame of any library (pandas, polars, pyarrow), a dict of columns, or a matrix (numpy, torch,
    SciPy sparse); ``target`` a column's name, or the labels. Text columns become categories, compared with their first
    level, sorted, or with ``reference``; a Categorical's levels keep their order, an ordered one's too (R would take
    polynomials of it: ``C(size, Poly)`` in a formula). Booleans are 0 and 1. ``weight`` and ``offset`` are a column's name or
    one number a row.

    ``target`` may be a **formula** as in R, ``"passed ~ hours * C(school, Treatment('B')) + bs(age, 4) - 1"``, with ``+ * : /
    ** %in% .``, arithmetic inside ``I()``, elementwise functions (``log``, ``exp``, ``np.sqrt``, …), ``poly bs ns cr cc scale
    center standardize``, contrasts ``Treatment Sum Helmert Diff Poly`` and `` `names with spaces` ``. Knots, means and levels
    are those of the training rows. It may be a comparison, ``"(affairs > 0)"``, or **counts**, a pair of columns
    ``("successes", "failures")``, ``"successes + failures"``: each row is then two weighted rows of classes 1 and 0; see
    `Fit.grouped`.

    ``weights_are`` says what weights mean. "frequency" (whole numbers unless said otherwise): a row of weight w is w rows, in
    everything. "sampling": the inverse of a row's probability to be drawn; errors are linearised (`Fit.robust`), a constant
    factor changes nothing, and there is no likelihood to compare: no AIC, no likelihood-ratio tests. "importance" (other
    numbers unless said otherwise): used in the formulas as frequencies are, whole or not, n their sum; what that means is
    yours to say, and there are no robust errors. ``covariance`` and ``cluster`` are `Fit.robust`'s: "HC1", …, by "school".

    F(θ) = Σᵢ sᵢ ℓ(xᵢθ + oᵢ, yᵢ) + P(θ) is minimised until the estimated relative distance to the optimum is at most
    ``tol`` (default 1e-20 in float64, 1e-13 with L1, 1e-12 in float32). ``loss`` is "auto", "logistic", "softmax", or
    "squared" for the linear unit; ``link`` any of `torchlogit.losses.LINKS`: "logit", "probit", "cauchit", "cloglog", …
    ``watch`` is called with every `Record`. Columns of any size need no scaling.

    ``data`` may also be **read in parts**: a path, a folder, a glob or a URL of Parquet, Arrow or CSV files, or a list of them,
    a pyarrow dataset, a polars LazyFrame, a DuckDB relation, a torch DataLoader of (x, y), or a function that returns an
    iterator of batches; target, weight and offset are then columns. What fits in a quarter of ``memory`` is read once; beyond,
    the rows are read again for every pass, and all that is kept of them stays within ``memory``. With a ``checkpoint``, a
    folder, the sums of every pass are kept there, and a fit that was ended goes on after its last finished pass and ends in
    the same bits. A ``watch`` with a method ``reading`` is also called with every `torchlogit.sources.stream.Reading`.

    On a ``device`` such as "cuda" the sums over the rows are made there (sparse rows stay on the CPU; None: where the rows are);
    what the fit holds, and what it is asked later, is on the CPU.

    With a ``process_group`` of `torch.distributed`, or "world" for all its ranks, the rows are **spread over processes**, and
    each of them calls ``fit`` and gets the same fit: of files each reads a share, by row groups; any other ``data`` are this
    rank's own rows, of which it may have none. A rank that gives no sign for ``timeout`` seconds ends all with
    `DistributedError`.

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
    how = {"target": target, "features": features, "weight": weight, "offset": offset, "categorical": categorical,
           "reference": reference, "missing": missing, "apart": cluster_names(cluster)}  # fmt: skip
    asked = {"penalty": penalty, "loss": loss, "link": link, "intercept": intercept, "solver": solver, "dtype": dtype,
             "start": start}  # fmt: skip
    ranks = None if process_group is None else Ranks(process_group, timeout, getattr(watch, "waiting", None))
    with read(data, how, asked, memory=memory, checkpoint=checkpoint, watch=watch, ranks=ranks) as rows:
        k, kind = loss_for(loss, len(rows.classes), link)
        if dtype not in ("float64", "float32"):
            raise ParameterError(f'dtype must be "float64" or "float32", got {dtype!r}')
        source = rows.source(rows.has_intercept(intercept), device)
        meaning = rows.meaning(weights_are)
        penalty = NoPenalty() if penalty is None else penalty
        if not isinstance(penalty, ElasticNet | Jeffreys):
            raise ParameterError(f"penalty must be L1(), L2(), ElasticNet(), Jeffreys() or None, got {penalty!r}")
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
    streamed = isinstance(rows, StreamedRows)
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
        weight=rows.weight_name,
        recipe=rows.recipe,
        training=None if streamed else rows,
        stream=rows if streamed else None,
        n_rows=rows.given - rows.dropped,
        counts=rows.counts,
        weights_are=meaning,
    )
    tell(out.warnings, strict)
    return _with_errors(out, covariance, cluster)


def _with_errors(fit: Fit, covariance: str | None, cluster: Any) -> Fit:
    """The fit with the errors that were asked for, or that its weights call for; as it is where it has none."""
    asked = covariance is not None or cluster is not None
    if asked and not fit.penalty.free:
        raise ParameterError("covariance and cluster are for fits without a penalty: a penalised fit has no errors")
    plain = "linearised" if fit.weights_are == "sampling" else "model" if cluster is None else "HC1"
    kind = covariance or plain
    if kind == "model" and cluster is None and fit.weights_are != "sampling":
        return fit
    return fit if fit.covariance_root is None or not fit.penalty.free else fit.robust(kind, cluster)


def cluster_names(cluster: Any) -> tuple[str, ...]:
    """The columns that are named as clusters."""
    several = cluster if isinstance(cluster, tuple | list) and len(cluster) <= 2 else [cluster]
    return tuple(name for name in several if isinstance(name, str))


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
    penalty: Penalty,
    target: str = "y",
    sentences: tuple[str, ...] = (),
    n_rows: int | None = None,
    **more: Any,
) -> Fit:
    """The `Fit` of an estimate, with the sentences it is told with; ``more`` are further fields. Its tensors are the CPU's."""
    e = _at_hand(e)
    if isinstance(penalty, Jeffreys) and penalty.errors == "augmented":
        more.setdefault("covariance_kind", "inverse augmented information")
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
        n_rows=source.n_rows if n_rows is None else n_rows,
        n_iter=e.n_iter,
        solver=f"{type(e.choice.solver).__name__} ({e.choice.reason})",
        covariance_root=e.covariance_root,
        dependences=tuple(e.dependences),
        infinite=e.infinite,
        complete=e.complete,
        history=e.history,
        prior_curvature=e.prior_curvature,
        **more,
    )
    return replace(out, warnings=(*sentences, *told(out, e)))


def _at_hand(e: Any) -> Any:
    """An estimate, or a part of it, with all tensors on the CPU: they are small, and NumPy and files want them there."""
    moved = [_at_hand(t) if isinstance(t, Separation) else t.cpu() if isinstance(t, Tensor) else t for t in e]
    return type(e)(*moved)
