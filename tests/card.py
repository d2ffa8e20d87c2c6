"""A card that is not there: tensors that say they lie on ``card:0``, and refuse what a card's would refuse.

`pretended()` is for machines without a card. Their numbers lie in the CPU's memory, but an operation that mixes them with
tensors that have not been moved raises PyTorch's own error, and every wait of the host for the card is written down. So
whole fits run as they would on a card, but for its speed, its memory and the rounding of its kernels.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import cache
from unittest.mock import patch

import torch
from torch.utils import backend_registration
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from torchlogit.sources import crossing, stream

FREE = 2**30
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal", "is_nonzero")
MOVES = ("_to_copy", "copy_")
INDEXED = ("index", "index_put_", "_index_put_impl_", "index_put")  # a card's tensor takes indices from the host


@cache
def place():
    """The device. It stays registered, and PyTorch takes it for this machine's accelerator: for a process of its own."""
    backend_registration._setup_privateuseone_for_python_backend("card")  # the name that is kept for devices of others
    return torch.device("card", 0)


class OnCard(torch.Tensor):
    """A tensor on the card; ``held`` has its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=place()
        )  # fmt: skip

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"OnCard({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {}, [])

    def numpy(self, *, force=False):
        if force:
            return self.cpu().numpy()
        raise TypeError(
            "can't convert a card's tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )

    def tolist(self):
        return self.cpu().tolist()

    def record_stream(self, stream):
        pass


def run(func, args, kwargs, waits):
    """One operation, by the CPU on the numbers that are held."""
    name, asked = func._schema.name.removeprefix("aten::"), kwargs.get("device")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    here = {id(t.held): t for t in tensors if isinstance(t, OnCard)}
    if not here and (asked is None or torch.device(asked).type != "card"):
        return func(*args, **kwargs)
    strangers = [t for t in tensors if not isinstance(t, OnCard) and t.ndim]
    if here and strangers and name not in (*MOVES, *INDEXED):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, card:0 and cpu! ({name})"
        )
    leaves = name in MOVES and (
        not isinstance(args[0], OnCard) if name == "copy_" else asked is not None and torch.device(asked).type == "cpu"
    )
    if name in WAITS or (here and leaves) or _masked(name, args) or (here and strangers and name in INDEXED):
        waits.append(name)
    if torch.Tag.inplace_view in func.tags:
        with no_dispatch():  # the shape that autograd goes by
            func(*args, **kwargs)
    plain = tree_map(_held, (args, {**kwargs, **({} if asked is None else {"device": torch.device("cpu")})}))
    out = func(*plain[0], **plain[1])
    return out if leaves else tree_map(lambda t: _wrapped(t, here), out)


def _held(leaf):
    return leaf.held if isinstance(leaf, OnCard) else leaf


def _wrapped(leaf, here):
    """What came of an operation, on the card; what it was given and has changed in place is itself."""
    if not isinstance(leaf, torch.Tensor):
        return leaf
    return here[id(leaf)] if id(leaf) in here else OnCard(leaf)


def _masked(name, args):
    """Indexing by a mask: the host asks how many."""
    return name in INDEXED and any(t is not None and t.dtype == torch.bool for t in args[1])


class Card(TorchDispatchMode):
    """Sees every operation; ``waits`` are those for which the host waited."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {}, self.waits)


class Stream:
    """Work in the order in which it is given."""

    def __init__(self, device=None):
        assert device == place()

    def record_event(self):
        return object()

    def wait_event(self, event):
        assert event is not None


def _in_turn(items, depth=0):
    """What another thread makes elsewhere is made in this one: others see no `Card`."""
    yield from items()


@contextmanager
def _made_on_the_host():
    """Tensors of given numbers are made on the CPU and moved, so that it is seen."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        yield
    finally:
        torch._C._set_only_lift_cpu_tensors(before)


@contextmanager
def pretended():
    """A machine with one card, of which only the kind is not CUDA's; yields its `Card`."""
    place()
    with (
        _made_on_the_host(),
        patch.object(crossing, "STREAMS", ("card",)),
        patch.object(torch.cuda, "Stream", Stream),
        patch.object(torch.cuda, "stream", lambda stream: nullcontext()),
        patch.object(torch.cuda, "current_stream", Stream),
        patch.object(torch.cuda, "mem_get_info", lambda device=None: (FREE, FREE)),
        patch.object(torch.Tensor, "pin_memory", lambda self, device=None: self),
        patch.object(stream, "ahead", _in_turn),
        Card() as card,
    ):
        yield card
