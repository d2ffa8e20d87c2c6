"""The same fit whether the rows lie in memory, stream from files, come from a loader, or are spread over processes."""

import os
from itertools import pairwise

import kinds
import numpy as np
import pytest
from kinds import same, same_bits
from ranks import facts, fit_here, spread
from streams import MEMORY, numbers, table, write

import torchlogit
from torchlogit import L2, DataError, ParameterError
from torchlogit.sources.ranks import Ranks


def kinds_on_files(rank, folder):
    places = {name: folder / name for name in kinds.TABLES}
    return kinds.on_ranks(places, memory=MEMORY if rank else "1GiB")


def kinds_of_own_rows(rank):
    """Of 4, 3996 and no rows."""
    cuts = [0, 4, 4000, 4000]
    start, stop = cuts[rank : rank + 2]
    places = {name: table(**how).slice(start, stop - start) for name, how in kinds.TABLES.items()}
    return kinds.on_ranks(places, memory=MEMORY if rank else "1GiB")


def loader(rows):
    return lambda: (rows.slice(i, 700).to_pandas() for i in range(0, 4000, 700))


@pytest.fixture(scope="module")
def in_memory():
    return kinds.in_memory()


def elsewhere(way, folder):
    """The facts of every kind, on every rank, for one way in which the rows lie."""
    if way == "3 uneven ranks":
        return spread(3, kinds_of_own_rows)
    if way == "loader":
        places = {name: loader(table(**how)) for name, how in kinds.TABLES.items()}
    else:
        kinds.written(folder)
        if way == "2 ranks":
            return spread(2, kinds_on_files, folder)
        places = {name: folder / name for name in kinds.TABLES}
    return [{kind: facts(kinds.fit_of(torchlogit.fit, places, kind, memory=MEMORY)) for kind in kinds.KINDS}]


@pytest.mark.parametrize("way", ["parquet", "loader", "2 ranks", "3 uneven ranks"])
def test_225_226_the_same_wherever_the_rows_lie(in_memory, tmp_path, way):
    """Every kind in one test, as it takes one start of the ranks."""
    first, *others = elsewhere(way, tmp_path)
    for kind, whole in in_memory.items():
        assert whole["certified"], kind
        same(first[kind], whole, kind)
        assert all(same_bits(other[kind], first[kind]) for other in others), kind
    newton = in_memory["newton"]["theta"]  # others end where they are certified, not at the last digit
    np.testing.assert_allclose(first["newton"]["theta"], newton, rtol=1e-12)


def dealt(rank, size, folder):
    found = fit_here(folder, "y")
    return facts(found), found.stream.ranks.size


@pytest.mark.parametrize("size", [1, 7])
def test_242_any_number_of_ranks_gives_the_same_and_the_same_bits_again(tmp_path, size):
    data = numbers()
    folder = write(tmp_path / "data", data, shards=2, group=1000)  # five row groups: of seven ranks two have none
    whole = facts(torchlogit.fit(data, "y"))
    first, again = (spread(size, dealt, size, folder) for _ in range(2))
    for found, ranks in (*first, *again):
        assert ranks == size
        same(found, whole)
        assert same_bits(found, first[0][0])


def one_class_each(rank):
    """Rank 0 has only zeros, rank 1 only ones and twos, rank 2 a town that nobody else has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = table(classes=3)
    y, here = rows["y"], pc.equal(rows["town"], "Ulm")
    held = [pc.and_(pc.invert(here), pc.equal(y, 0)), pc.and_(pc.invert(here), pc.greater(y, 0)), here]
    mine = rows.filter(held[rank])
    return facts(fit_here(pa.Table.from_batches(mine.to_batches()), "y"))


def test_227_228_ranks_with_one_class_or_without_one_or_with_a_level_of_their_own():
    whole = facts(torchlogit.fit(table(classes=3), "y"))
    for found in spread(3, one_class_each):
        same(found, whole)


def statistics_here(rank):
    fit = fit_here(numbers().slice(2000 * rank, 2000), "y")
    return [fit.tests(kind).statistic for kind in ("lr", "score")]


def test_tests_that_fit_again_sum_over_all_ranks():
    fit = torchlogit.fit(numbers(), "y")
    whole = [fit.tests(kind).statistic for kind in ("lr", "score")]
    for found in spread(2, statistics_here):
        np.testing.assert_allclose(found, whole, rtol=1e-8)


def sparse_rows(rank, rows):
    return facts(fit_here(rows[rank::2], "y", penalty=L2(1.0)))


def test_rows_of_many_levels_are_sparse_on_every_rank():
    import pandas as pd

    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"x": rng.normal(size=3000), "g": rng.integers(0, 300, 3000)})
    rows["y"] = (rows.x + rows.g / 300 + rng.logistic(size=3000) > 0).astype(int)
    rows["g"] = "g" + rows.g.astype(str)
    whole = facts(torchlogit.fit(rows, "y", penalty=L2(1.0)))
    for found in spread(2, sparse_rows, rows):
        same(found, whole)


def separated(rank):
    rows = numbers().to_pandas()
    rows["y"] = (rows.x1 > 0.3).astype(int)
    return facts(fit_here(rows[rank::3], "y", features=["x1", "x2"]))


def test_separation_is_seen_over_all_ranks():
    for found in spread(3, separated):
        assert not found["certified"]
        assert found["infinite"][1, 0] == 1
        assert any("are split" in told for told in found["warnings"]), found["warnings"]


def of_a_group(rank):
    """Ranks 0 and 2 fit together, rank 1 alone."""
    import torch.distributed as dist

    pair = dist.new_group([0, 2])
    rows = numbers()
    if rank == 1:
        try:
            torchlogit.fit(rows, "y", process_group=pair)
        except ParameterError as error:
            return str(error)
    return facts(torchlogit.fit(rows.slice(2000 * (rank == 2), 2000), "y", process_group=pair))


def test_a_group_of_some_ranks():
    whole = facts(torchlogit.fit(numbers(), "y"))
    first, outside, last = spread(3, of_a_group)
    assert "no member" in outside
    same(first, whole)
    same(last, whole)


def many_fits(rank):
    """Threads before, and after as many fits whose like were let go."""
    import gc
    import threading

    rows, seen = my_half(rank).slice(0, 300), []
    for _ in range(12):
        fit_here(rows, "y")
        gc.collect()
        seen.append(
            len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else threading.active_count()
        )
    return seen


def my_half(rank):
    return numbers().slice(2000 * rank, 2000)


def test_fits_that_are_over_leave_nothing_behind():
    for seen in spread(2, many_fits):
        assert max(seen) <= seen[0] + 8


def asked(rank):
    """Passes of a fit, and how often the ranks have met."""
    fit = fit_here(numbers().slice(2000 * rank, 2000), "y")
    return fit.stream.passes.number, fit.n_iter, fit.stream.ranks.asked


def test_one_sum_a_pass():
    (passes, steps, met), _ = spread(2, asked)
    assert passes <= steps + 4
    assert met <= passes + 30  # of which all but the passes are met before the first


def resumed(rank, size, folder, checkpoint, ends_after):
    """A fit with a checkpoint, which rank 0 may end after some sums."""
    if ends_after and rank == 0:
        before = Ranks.sum

        def sum_(self, mine, at=(), error=None):
            if len(list(checkpoint.glob("pass-*"))) >= ends_after:
                os._exit(9)
            return before(self, mine, at, error)

        Ranks.sum = sum_
    return facts(fit_here(folder, "y", checkpoint=checkpoint))


def test_238_243_a_fit_goes_on_with_other_ranks(tmp_path):
    folder = write(tmp_path / "data", numbers(), group=300)
    whole = facts(torchlogit.fit(folder, "y"))
    kept = tmp_path / "kept"
    lost = spread(3, resumed, 3, folder, kept, 4, timeout=3)
    assert lost[0] is None
    assert all(isinstance(error, torchlogit.DistributedError) for error in lost[1:])
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("pass-*")}
    assert len(before) == 4
    for found in spread(2, resumed, 2, folder, kept, 0):
        same(found, whole)
    after = {path.name: path.stat().st_mtime_ns for path in kept.glob("pass-*")}
    assert len(after) > 4
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("group", ["nobody"])
def test_without_a_process_group_it_says_so(group):
    with pytest.raises(ParameterError, match="init_process_group"):
        torchlogit.fit(numbers(), "y", process_group="world")
    with pytest.raises((DataError, ParameterError)):
        torchlogit.fit(numbers(), "y", process_group=group)


def test_what_is_dealt_is_every_row_group_once(tmp_path):
    """Whatever the sizes of files and the number of ranks, each row group has one rank, and row numbers are the file's."""
    from torchlogit.sources.parquet import Files

    folder = write(tmp_path / "data", table(1500), shards=4, group=70)
    files = Files([folder])
    whole = [(batch.place, batch.first, batch.table["a"].to_pylist()) for batch in files.batches(["a"], 70)]
    for size in (1, 2, 3, 5, 50):
        parts = [files.dealt(rank, size) for rank in range(size)]
        found = [(b.place, b.first, b.table["a"].to_pylist()) for part in parts for b in part.batches(["a"], 70)]
        assert found == whole
        bytes_of = [sum(len(b.table) for b in part.batches(["a"], 70)) for part in parts]
        assert max(bytes_of) <= 1500 / size + 140
    assert all(one.first <= other.first for one, other in pairwise(files.shards) if one.found == other.found)
