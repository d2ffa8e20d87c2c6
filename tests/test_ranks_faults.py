"""What becomes of a fit whose ranks are lost, hang, or were given different things. Numbers are those of the list of faults."""

import os
import re
import signal
import time

import numpy as np
import pyarrow as pa
import pytest
from ranks import facts, fit_here, spread
from streams import numbers, table, write

import torchlogit
from torchlogit import DataError, DistributedError, ParameterError, streamed
from torchlogit.checkpoint import journal
from torchlogit.cli import ends
from torchlogit.cli.ranks import own_rank
from torchlogit.errors import FileError
from torchlogit.sources import ranks


def my_rows(rank):
    return numbers().slice(1300 * rank, 1300)


def fit_with(rank, rows, **options):
    return facts(fit_here(rows, "y", **options))


def at_step(number, do):
    """A watch that does something once, in an iteration."""

    def watch(record):
        if record.iteration == number:
            do()

    return watch


def killed(rank):
    return fit_with(
        rank, my_rows(rank), watch=at_step(2, (lambda: os.kill(os.getpid(), signal.SIGKILL)) if rank == 1 else print)
    )


def stopped(rank):
    return fit_with(
        rank, my_rows(rank), watch=at_step(2, (lambda: os.kill(os.getpid(), signal.SIGSTOP)) if rank == 1 else print)
    )


@pytest.mark.parametrize("fault", [killed, stopped])
def test_221_223_a_rank_that_is_lost_or_hangs_is_named(fault):
    first, _, last = spread(3, fault, timeout=2, stop=[1])
    for error in (first, last):
        assert isinstance(error, DistributedError)
        assert "no sign of rank 1 (" in str(error)


def bad_cell(rank, folder):
    return fit_with(rank, folder)


@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_222_231_a_bad_cell_is_told_by_all(tmp_path, cell):
    """With rank, file, column and row, whoever has read it."""
    rows = numbers().to_pandas()
    rows.loc[3456, "x2"] = cell
    folder = write(tmp_path / "data", pa.Table.from_pandas(rows, preserve_index=False), shards=2, group=400)
    with pytest.raises(DataError) as alone:
        torchlogit.fit(folder, "y", memory="256KiB")
    for error in spread(3, bad_cell, folder):
        assert isinstance(error, DataError)
        assert str(error).startswith("rank 2 (")
        assert str(error).endswith(str(alone.value))
        assert "part-1.parquet" in str(error)


def own_error(rank):
    def batches():
        yield my_rows(rank).slice(0, 600)
        if rank == 1:
            raise KeyError("batch 2 is lost")
        yield my_rows(rank).slice(600)

    return fit_with(rank, batches)


def test_222_an_error_of_the_users_own_is_told_by_all():
    for error in spread(2, own_error):
        assert isinstance(error, DistributedError)
        assert "rank 1 (" in str(error)
        assert "KeyError: 'batch 2 is lost'" in str(error)


def gone_file(rank, folder):
    def lose():
        if rank == 0:
            (folder / "part-2.parquet").unlink()

    return fit_with(rank, folder, watch=at_step(1, lose), memory="256KiB")


def test_178_a_file_that_goes_between_passes_ends_all(tmp_path):
    folder = write(tmp_path / "data", numbers(), shards=3, group=200)
    for error in spread(2, gone_file, folder, timeout=20):
        assert isinstance(error, FileError)
        assert "part-2.parquet" in str(error)


def slow(rank):
    if rank == 1:
        rows = my_rows(rank)

        def batches():
            for i in range(0, 1300, 100):
                time.sleep(0.1)
                yield rows.slice(i, 100)

        ranks.BEAT = 0.2
        return fit_with(rank, batches, memory="64KiB")
    return fit_with(rank, my_rows(rank))


def test_224_a_slow_rank_is_waited_for():
    """Each of its passes takes longer than the limit, but it shows that it is at work."""
    whole = facts(torchlogit.fit(numbers().slice(0, 2600), "y"))
    for found in spread(2, slow, timeout=1.0):
        np.testing.assert_allclose(found["theta"], whole["theta"], rtol=1e-9)


def different(rank, what):
    rows = my_rows(rank)
    options = {}
    if rank == 1:
        if what == "name":
            rows = rows.rename_columns(["z1", *rows.column_names[1:]])
        elif what == "type":
            rows = rows.set_column(0, "x1", rows["x1"].cast("float32"))
        elif what == "order":
            rows = rows.select(rows.column_names[::-1])
        elif what == "penalty":
            options = {"penalty": torchlogit.L2(1.0)}
        elif what == "version":
            streamed.__version__ = "0.0.9"
    return fit_with(rank, rows, **options)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("name", "type of `x1` is .double. on rank 0 .* and not there on rank 1"),
        ("type", "type of `x1` is .double. on rank 0 .* and .float. on rank 1"),
        ("order", "order of columns is"),
        ("penalty", "penalty is null on rank 0 .* and .*L2.* on rank 1"),
        ("version", "torchlogit is .* and .0.0.9"),
    ],
)
def test_229_230_ranks_that_were_given_different_things(what, words):
    for error in spread(2, different, what):
        assert isinstance(error, ParameterError)
        assert "were given different things" in str(error)
        assert re.search(words, str(error)), error


def twice(rank):
    return fit_with(rank, my_rows(0 if rank < 2 else 1))


def test_232_rows_that_two_ranks_have():
    for error in spread(3, twice):
        assert isinstance(error, DataError)
        assert "rank 0 (" in str(error)
        assert "rank 1 (" in str(error)
        assert "the same 1300 rows" in str(error)


def drifted(rank):
    """One rank's step is a little longer."""
    from torchlogit.objective import Objective

    before = Objective.taylor

    def taylor(self, theta, order=1):
        return before(self, theta * (1 + 1e-12 * rank), order)

    Objective.taylor = taylor
    return fit_with(rank, my_rows(rank))


def test_232_shares_of_files_that_look_alike_are_not_the_same_rows(tmp_path):
    """Both ranks read 200 rows with the same columns, of which only the labels differ."""
    x = np.tile([0.0, 1.0, 1.0, 0.0], 100)
    rows = pa.table({"x": x, "y": (np.arange(400) % 7 + x > 3).astype(int)})
    folder = write(tmp_path / "data", rows, shards=1, group=200)
    whole = facts(torchlogit.fit(folder, "y"))
    for found in spread(2, fit_with, folder):
        np.testing.assert_allclose(found["theta"], whole["theta"], rtol=1e-9)


def test_241_coefficients_that_differ_between_ranks():
    for error in spread(2, drifted):
        assert isinstance(error, DistributedError)
        assert "different coefficients" in str(error)


def no_rows(rank):
    return fit_with(rank, my_rows(0).slice(0, 0))


def one_label(rank):
    rows = my_rows(rank)
    return fit_with(rank, rows.set_column(rows.column_names.index("y"), "y", pa.array([1] * len(rows))))


@pytest.mark.parametrize("fault", [no_rows, one_label])
def test_226_227_nothing_to_fit_anywhere(fault):
    for error in spread(2, fault):
        assert isinstance(error, DataError)
        assert "y" in str(error)


def refused(rank, options):
    return fit_with(rank, my_rows(rank), **options)


@pytest.mark.parametrize("options", [{"solver": torchlogit.SGD(batch_size=64)}])
def test_what_needs_all_rows_at_once_says_so(options):
    for error in spread(2, refused, options):
        assert isinstance(error, ParameterError)


def in_use(rank, folder, checkpoint):
    """Two groups of one on one checkpoint: the second is refused, and so is other data."""
    import torch.distributed as dist

    groups = [dist.new_group([0]), dist.new_group([1])]
    held = journal(checkpoint, lambda: {"data": "of another fit"})
    if rank == 0:
        with held:
            time.sleep(0.2)
            dist.barrier()
            dist.barrier()
        return None
    dist.barrier()
    try:
        return facts(torchlogit.fit(folder, "y", process_group=groups[1], checkpoint=checkpoint))
    except torchlogit.TorchlogitError as error:
        return error
    finally:
        dist.barrier()


def test_214_a_checkpoint_in_use(tmp_path):
    folder = write(tmp_path / "data", table(500))
    _, error = spread(2, in_use, folder, tmp_path / "kept")
    assert isinstance(error, FileError)
    assert "in use by" in str(error)


def wrong_group(rank):
    try:
        torchlogit.fit(my_rows(rank), "y", process_group="world", timeout=0)
    except ParameterError as error:
        return str(error)


def test_a_limit_that_means_nothing():
    assert all("timeout" in told for told in spread(1, wrong_group))


@pytest.mark.parametrize(
    ("rank", "size", "told"),
    [("0", "2", 0), ("", "", None), ("1", "", None), ("2", "2", "under the size"), ("x", "2", "RANK='x'")],
)
def test_237_what_the_environment_says(monkeypatch, rank, size, told):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    if isinstance(told, str):
        with pytest.raises(ParameterError, match=told):
            own_rank()
    else:
        assert own_rank() == told


def test_only_the_first_rank_tells_an_error_of_all(monkeypatch, capsys):
    error = DataError("rank 1 (host): no row is left")
    error.of_all = True
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, said in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        assert ends.told(error, debug=False) == 3
        assert ("no row is left" in capsys.readouterr().err) == said
