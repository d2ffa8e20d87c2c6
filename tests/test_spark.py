"""Fits of Spark data frames on a real, local Spark, and what is refused before Spark is asked."""

import gc
import os
import shutil
import sys
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FunctionType

import kinds
import pytest
import streams

import torchlogit
from torchlogit import errors

pytest.importorskip("pyspark", reason="needs pyspark: pip install 'torchlogit[spark]'")

import torchlogit.spark as door

ASKED = {"weight": "w", "offset": "o"}


@contextmanager
def local_spark(folder):
    """A session of two cores that tries a task twice."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    here = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    builder = SparkSession.builder.master("local[2,2]").config(map=here | {"spark.sql.warehouse.dir": str(folder)})
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
        gc.collect()  # its sockets, while their warnings are ignored


def by_value(function):
    """The function as one that is pickled with its code: executors have no tests."""
    return FunctionType(function.__code__, {}, function.__name__)


def frames(session, folder):
    """The tables of all kinds, each of two partitions."""
    kinds.written(folder)
    return {name: session.read.parquet(f"file://{folder / name}") for name in kinds.TABLES}


def failing_first(batches):
    """The batches, of which the first attempt to give them fails after half of them."""
    from pyspark import TaskContext

    for batch in batches:
        yield batch.slice(0, len(batch) // 2)
        if TaskContext.get().attemptNumber() == 0:
            raise RuntimeError("lost")
        yield batch.slice(len(batch) // 2)


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java, such as Debian's openjdk-17-jre-headless")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")  # of Spark
def test_222_248_fits_of_data_frames_by_the_tasks_of_a_barrier_stage(tmp_path, monkeypatch):
    """One test, as it takes one session; all fits in one start of the tasks, as that takes as long as all of them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    whole, rooms, told = torchlogit.fit(streams.table(), "y", **ASKED), tmp_path / "rooms", []
    rooms.mkdir()

    def distributed(*given, before=door._distributed):
        *more, answer = before(*given)
        told.extend(more)
        return answer

    with local_spark(tmp_path) as session, ExitStack() as places:
        data = frames(session, tmp_path)
        with pytest.raises(errors.ParameterError, match=r"num_processes=3, but the master local\[2,2\] runs 2 tasks"):
            door.fit(data["plain"], "y", num_processes=3)
        folders = {name: places.enter_context(door._written(data[name], rooms, False)) for name in data}
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as where pages have no checksums
            there = torchlogit.fit(folders["plain"], "y", memory=streams.MEMORY, **ASKED)
        assert abs(there.theta - whole.theta).max() < 1e-10
        monkeypatch.setattr(door, "rank", partial(kinds.in_one_start, folders))
        monkeypatch.setattr(door, "_distributed", distributed)
        twice = data["plain"].mapInArrow(by_value(failing_first), data["plain"].schema)
        found = door.fit(twice, "y", folder=rooms, **ASKED)
        on_spark, refusal = told
        monkeypatch.setattr(door, "_distributed", lambda *given: refusal)
        with pytest.raises(
            errors.DataError, match=r"rank [01] .*part-.*parquet: column `b` has no value .* in rows \d+"
        ):
            door.fit(folders["gaps"], "y")
    assert list(rooms.iterdir()) == []
    assert abs(found.theta - whole.theta).max() < 1e-10
    assert abs(found.covariance_root.abs() - whole.covariance_root.abs()).max() < 1e-10
    assert (found.columns, found.n_rows) == (whole.columns, whole.n_rows)
    expected = kinds.in_memory()
    assert on_spark.keys() == expected.keys()
    for kind, each in on_spark.items():
        kinds.same(each, expected[kind], kind)


def test_248_what_an_attempt_has_left_is_not_read(tmp_path):
    """Of a task that Spark tries again, or runs twice to be faster: its rows would count twice."""
    folder = streams.write(tmp_path / "rows", streams.numbers())
    left = folder / "_temporary" / "0" / "_temporary" / "attempt_1_m_000000_1"
    left.mkdir(parents=True)
    shutil.copy(folder / "part-0.parquet", left / "part-0.parquet")
    assert torchlogit.fit(folder, "y").n_rows == 4000


def test_what_is_refused_without_spark():
    with pytest.raises(errors.ParameterError, match="data must be a Spark data frame or a path, got Table"):
        door.fit(streams.table(10), "y")
    with pytest.raises(errors.ParameterError, match="num_processes must be a whole number from 1, got 0"):
        door.fit("rows.parquet", "y", num_processes=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'penality'"):
        door.fit("rows.parquet", "y", penality=None)
    with pytest.raises(errors.ParameterError, match="folder must be a path or URL that all executors see"):
        door._written(streams.table(10), None, False).__enter__()


def test_221_a_lost_task_is_told(monkeypatch):
    """Spark gives up on all of them."""
    from pyspark.ml.torch.distributor import TorchDistributor

    def gave_up(*arguments):
        raise RuntimeError("Job aborted due to stage failure")

    monkeypatch.setattr(TorchDistributor, "__init__", lambda *arguments, **options: None)
    monkeypatch.setattr(TorchDistributor, "run", gave_up)
    with pytest.raises(errors.DistributedError, match=r"gave up on the 2 tasks .* lost; .*RuntimeError: Job aborted"):
        door._distributed(2, "rows.parquet", "y", 5, {})
