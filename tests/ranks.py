"""Processes that fit together, for tests."""

import gc
import os
import pickle
import signal
import sys
import warnings
from importlib import import_module

from forked import CONTEXT


def spread(size, work, *args, seconds=120, timeout=60, stop=()):
    """What ``work(rank, *args)`` gives on each of ``size`` ranks of a group: its result, its exception, or None of one that died.

    ``timeout`` is that of the fits. Ranks in ``stop`` may be stopped (SIGSTOP): they are ended when all others have.
    """
    import torch.distributed as dist

    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    ends, ranks = [], []
    for rank in range(size):
        here, there = CONTEXT.Pipe(duplex=False)
        place = (work.__module__.rpartition(".")[2], work.__name__)
        asked = (rank, size, store.port, timeout, there, place, args)
        ranks.append(CONTEXT.Process(target=_rank, args=asked, daemon=True))
        ends.append(here)
        ranks[-1].start()
        there.close()
    try:
        found = {rank: _received(end, seconds) for rank, end in enumerate(ends) if rank not in stop}
    finally:
        for rank, process in enumerate(ranks):
            if rank in stop or process.is_alive():
                process.join(0 if rank in stop else 20)
                os.kill(process.pid, signal.SIGKILL) if process.is_alive() else None
            process.join()
    return [found.get(rank) for rank in range(size)]


def _received(end, seconds):
    if not end.poll(seconds):
        raise TimeoutError(f"a rank has not ended after {seconds} seconds")
    try:
        return pickle.loads(end.recv_bytes())
    except EOFError:
        return None


def _rank(rank, size, port, timeout, pipe, place, args):
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    gc.freeze()  # what was loaded before the fork is not gone through again
    warnings.simplefilter("ignore")
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    os.environ["TEST_TIMEOUT"] = str(timeout)
    try:
        out = getattr(import_module(place[0]), place[1])(rank, *args)
    except Exception as error:
        out = error
    pipe.send_bytes(
        pickle.dumps(out)
    )  # tensors as well, of which torch would send a handle that ends with this process
    pipe.close()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads may wait for a rank that is no more


def fit_here(data, *args, **options):
    """A fit with the others."""
    import torchlogit

    return torchlogit.fit(data, *args, process_group="world", timeout=float(os.environ["TEST_TIMEOUT"]), **options)


def facts(fit):
    """What must be the same however the rows lie."""
    import numpy as np

    out = {
        "theta": fit.theta.numpy(),
        "log_likelihood": fit.log_likelihood,
        "null_log_likelihood": fit.null_log_likelihood,
        "certified": fit.certified,
        "rows": fit.n_rows,
        "classes": fit.classes.tolist(),
        "columns": fit.columns,
        "warnings": fit.warnings,
        "infinite": None if fit.infinite is None else fit.infinite.numpy(),
    }
    if fit.certified and fit.penalty.free:
        out["errors"] = fit.std_error.numpy()
        if fit.weights_are != "sampling":
            out["robust"] = fit.robust("HC1").std_error.numpy()
            out["wald tests"] = np.array(fit.tests("wald").statistic)
    return out
