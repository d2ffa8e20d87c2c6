"""The example of docs/scale.md on two Dask workers (row 250): rows of their own, none, and a worker that is lost."""

import os
import re
import signal
import socket
from pathlib import Path

import pytest
import streams

import torchlogit
from torchlogit import errors

distributed = pytest.importorskip("distributed")

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def example():
    """The functions of the page."""
    text = re.search(r"```python no-run\n([^`]*def fit_on_workers.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"__name__": "page"}
    exec(text[1], names)
    return names["fit_on_workers"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lost(batch):
    """Batches of rows whose reader is killed in the second pass."""
    passes, number, kill = [], os.getpid, os.kill

    def batches():
        passes.append(1)
        if len(passes) > 2:
            kill(number(), signal.SIGKILL)
        return iter([batch])

    return batches


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_250_each_worker_is_a_rank(tmp_path):
    fit_on_workers, model = example(), str(tmp_path / "model.safetensors")
    table = streams.numbers(2000)
    whole = torchlogit.fit(table, "y")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1")
    with cluster, distributed.Client(cluster) as client:
        for rows in ([table.slice(0, 700), table.slice(700)], [table, table.slice(0, 0)]):
            fit = fit_on_workers(client, rows, "y", model, free_port())
            assert abs(fit.theta - whole.theta).max() < 1e-10
        with pytest.raises(errors.DataError, match=r"rank 1 .*`x1` has no value"):
            fit_on_workers(client, [table, spoilt(table.slice(0, 300))], "y", model, free_port())
        with pytest.raises(errors.DistributedError, match=r"no sign of rank 1 .* for 5 seconds"):
            fit_on_workers(client, [table.slice(0, 700), lost(table.slice(700))], "y", model, free_port(), timeout=5)


def spoilt(table):
    """The table with a cell of the first column empty."""
    import pyarrow as pa

    cells = table["x1"].to_pylist()
    return table.set_column(0, "x1", pa.array([None, *cells[1:]]))
