"""Fits of Spark data frames, on Spark's own executors: ``import torchlogit.spark``."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from torchlogit import errors
from torchlogit.errors import DistributedError, ParameterError, TorchlogitError
from torchlogit.fitted import Fit, load
from torchlogit.sources.ranks import LIMIT
from torchlogit.tables.names import show

CHECKSUMS = "parquet.page.write-checksum.enabled"  # of parquet-java


def fit(
    data: Any,
    target: str,
    *,
    num_processes: int = 2,
    folder: str | os.PathLike[str] | None = None,
    timeout: float = LIMIT,
    **options: Any,
) -> Fit:
    """Fit a logistic regression to a Spark data frame by ``num_processes`` tasks of one barrier stage.

    Spark writes the rows of ``data`` as Parquet into a new place in ``folder``, a path or URL that all executors see and that
    Spark and pyarrow know alike; it is removed at the end. Where the master is local that is a temporary folder unless said
    otherwise. ``data`` may also be a path, folder, glob or URL of files that are there already, which are left as they are: so a
    fit with a ``checkpoint`` goes on after the driver was lost. Each task is a rank of `torch.distributed`, started by Spark's
    TorchDistributor, which reads its row groups; ``target``, ``timeout`` and the other options are those of `torchlogit.fit`.
    The executors need torchlogit, torch, pyarrow and pandas.

    The fit comes back as a model file does, so without its rows, and is the one in memory to 1e-10. Tasks change nothing
    outside themselves; Spark does not run the tasks of a barrier stage again that gives results. Raises what `torchlogit.fit`
    does on any rank, in the same words; ParameterError for more processes than a local master has cores, `DistributedError`
    where Spark gave up on the tasks.

    ::

        fit = torchlogit.spark.fit(df.select("hours", "age", "passed"), "passed", num_processes=8, folder="hdfs:///tmp")
        print(fit.summary())
    """
    from torchlogit.fit import fit as fit_rows
    from torchlogit.told import tell

    inspect.signature(fit_rows).bind("", target, **options, process_group="world", timeout=timeout)
    if isinstance(num_processes, bool) or not isinstance(num_processes, int) or num_processes < 1:
        raise ParameterError(f"num_processes must be a whole number from 1, got {num_processes!r}")
    session = _session(data)
    _check_cores(session, num_processes)
    with _written(data, folder, _is_local(session)) as where:
        answer = _distributed(num_processes, where, target, timeout, options)
    if isinstance(answer, tuple):
        raise getattr(errors, answer[0])(answer[1])
    out = _loaded(answer)
    tell(out.warnings, False)
    return out


def _session(data: Any) -> Any:
    """The Spark session of a data frame; of files the active one."""
    try:
        from pyspark.sql import DataFrame, SparkSession
    except ImportError as error:
        raise ImportError("torchlogit.spark needs pyspark: pip install 'torchlogit[spark]'") from error
    if not isinstance(data, str | os.PathLike | DataFrame):
        raise ParameterError(
            f"data must be a Spark data frame or a path, got {type(data).__name__}; give the rest to fit"
        )
    return SparkSession.active()


def _is_local(session: Any) -> bool:
    return str(session.conf.get("spark.master")).partition("[")[0] == "local"


def _check_cores(session: Any, num_processes: int) -> None:
    """Refuse what Spark would wait ten minutes for: a barrier stage starts when all of its tasks can, and no core will join."""
    if _is_local(session) and num_processes > (cores := session.sparkContext.defaultParallelism):
        raise ParameterError(
            f"num_processes={num_processes}, but the master {session.conf.get('spark.master')} runs {cores} tasks at once"
        )


@contextmanager
def _written(data: Any, folder: str | os.PathLike[str] | None, local: bool) -> Iterator[str]:
    """Within: where the rows lie as Parquet."""
    if isinstance(data, str | os.PathLike):
        yield os.fspath(data)
        return
    if folder is None and not local:
        raise ParameterError("folder must be a path or URL that all executors see; the rows are put there for a while")
    with tempfile.TemporaryDirectory(prefix="torchlogit-") as own:
        where = f"{own if folder is None else os.fspath(folder)}/torchlogit-{uuid4().hex}"
        where = where if "://" in where else str(Path(where).absolute())
        try:
            data.write.option(CHECKSUMS, True).parquet(where if "://" in where else f"file://{where}")
            yield where
        finally:
            _remove(where)


def _remove(where: str) -> None:
    from torchlogit.sources.listing import system_of

    system, path = system_of(where, None)
    system.delete_dir_contents(path, missing_dir_ok=True)
    system.delete_dir(path)


def _distributed(
    num_processes: int, where: str, target: str, timeout: float, options: Mapping[str, Any]
) -> bytes | tuple[str, str]:
    """What `rank` gives on rank 0."""
    from pyspark.ml.torch.distributor import TorchDistributor

    distributor = TorchDistributor(num_processes=num_processes, local_mode=False, use_gpu=False)
    try:
        answer: Any = distributor.run(rank, where, target, timeout, dict(options))
    except Exception as error:
        raise DistributedError(
            f"Spark gave up on the {num_processes} tasks of the fit: a process of theirs was lost; what it said last is in the "
            f"executors' logs ({type(error).__name__}: {show(error, 300)})"
        ) from error
    return answer


def rank(where: str, target: str, timeout: float, options: Mapping[str, Any]) -> bytes | tuple[str, str]:
    """The bytes of the model file, or the name and the words of an error; runs in a process of an executor.

    An error is an answer like another, as TorchDistributor would lose it.
    """
    from torchlogit.fit import fit as fit_rows
    from torchlogit.sources.joining import process_group

    try:
        with process_group(timeout):
            return _saved(fit_rows(where, target, process_group="world", timeout=timeout, **options))
    except TorchlogitError as error:
        return type(error).__name__, str(error)


def _saved(result: Fit) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        result.save(path)
        return path.read_bytes()


def _loaded(model: bytes) -> Fit:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        path.write_bytes(model)
        return load(path)
