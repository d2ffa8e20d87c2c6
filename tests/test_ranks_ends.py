"""What ranks that end leave behind, what goes on from it, and who else may be on their network; rows of the list of faults."""

import contextlib
import os
import signal
import socket

from kinds import same, same_bits
from ranks import facts, fit_here, spread
from streams import numbers, write

import torchlogit
from torchlogit import DistributedError
from torchlogit.sources import joining
from torchlogit.sources.ranks import Ranks


def my_half(rank):
    return numbers().slice(2000 * rank, 2000)


def dies_saving(rank, path):
    """Rank 0 is gone when its file is written, before it takes the old one's place."""
    fit = fit_here(my_half(rank), "y")
    if rank == 0:
        os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
        fit.save(path)
    return fit.certified


def test_240_rank_0_dies_while_it_saves(tmp_path):
    """The old model is there, whole; test_bad_199 kills at every other step."""
    path = tmp_path / "model.safetensors"
    old = torchlogit.fit(numbers(500), "y")
    old.save(path)
    first, second = spread(2, dies_saving, path)
    assert (first, second) == (None, True)
    assert (torchlogit.load(path).theta == old.theta).all()


def test_244_the_group_goes_whatever_ends_it(monkeypatch):
    import torch.distributed as dist

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    with contextlib.suppress(KeyboardInterrupt), joining.process_group(5):
        assert dist.is_initialized()
        raise KeyboardInterrupt
    assert not dist.is_initialized()


def without_its_device(rank):
    os.environ["GLOO_SOCKET_IFNAME"] = "nowhere0"
    return facts(fit_here(my_half(rank), "y"))


def test_245_a_network_device_that_is_not_there():
    """tests/test_torchrun.py has one that is there and leads nowhere."""
    for error in spread(2, without_its_device, timeout=5):
        assert isinstance(error, DistributedError)
        assert "nowhere0" in str(error)
        assert "GLOO_SOCKET_IFNAME" in str(error)


JUNK = [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(4096), bytes(range(256)) * 16]


def disturbed(rank):
    """A stranger calls where the ranks leave word, in the middle of the fit, says what nobody asked for and stays."""
    import torch.distributed as dist

    strangers = []

    def watch(record):
        if rank == 0 and record.iteration == 1:
            port = dist.distributed_c10d._get_default_store().underlying_store.port
            for words in JUNK:
                strangers.append(socket.create_connection(("127.0.0.1", port), timeout=5))
                strangers[-1].sendall(words)

    fit = fit_here(my_half(rank), "y", watch=watch)
    return facts(fit), len(strangers)


def test_246_junk_at_the_stores_port():
    whole = facts(torchlogit.fit(numbers(), "y"))
    (first, strangers), (second, _) = spread(2, disturbed)
    assert strangers == len(JUNK)
    same(first, whole)
    assert same_bits(first, second)


def beside_another_backend(rank):
    """The group's own backend, as NCCL would be, adds nothing up: a sum that went through it would be of this rank alone."""
    import torch.distributed as dist
    from torch.testing._internal.distributed import fake_pg  # noqa: F401, it registers the backend

    store = dist.distributed_c10d._get_default_store()
    dist.destroy_process_group()
    dist.init_process_group("fake", store=dist.PrefixStore("other", store), rank=rank, world_size=2)
    assert dist.get_backend() == "fake"
    return facts(fit_here(my_half(rank), "y"))


def test_247_sums_go_through_gloo_whatever_moves_the_tensors_of_the_group():
    whole = facts(torchlogit.fit(numbers(), "y"))
    for found in spread(2, beside_another_backend):
        same(found, whole)


def all_killed(rank, folder, checkpoint):
    """Rank 0 kills everybody when four passes are kept."""
    pids = Ranks(limit=60).gather(os.getpid)

    def sum_(self, *given, before=Ranks.sum, **named):
        if rank == 0 and len(list(checkpoint.glob("pass-*"))) >= 4:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGKILL)
        return before(self, *given, **named)

    Ranks.sum = sum_
    fit_here(folder, "y", checkpoint=checkpoint)


def test_251_all_are_lost_and_the_job_goes_on(tmp_path):
    """Whoever started it too: neither their group nor its store is there any more."""
    folder, kept = write(tmp_path / "data", numbers(), group=300), tmp_path / "kept"
    whole = facts(torchlogit.fit(folder, "y"))
    assert spread(3, all_killed, folder, kept) == [None, None, None]
    again = torchlogit.fit(folder, "y", checkpoint=kept)
    assert again.stream.journal.resumed == 1 + 4  # what was learnt, and four passes
    same(facts(again), whole)
