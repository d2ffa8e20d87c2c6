"""The arithmetic that a fit runs in, whatever the caller's global switches say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

import torch

if hasattr(os, "register_at_fork"):
    # A forked process has none of its parent's OpenMP threads and would wait for them for ever: it works with one.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


LARGE = 10**9  # multiplications from which a product is worth handing out

_lock, _inside, _given = Lock(), 0, 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch's own operations take one thread, for work so small that handing it out costs more than doing it.

    Each operation of several threads waits for the last of them: where a neighbour keeps a core busy, thousands of small
    operations take ten times as long. Compiled passes still take what torch was given: see `threads`.
    """
    global _inside, _given
    with _lock:
        if _inside == 0:
            _given = torch.get_num_threads()
            torch.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                torch.set_num_threads(_given)


def threads() -> int:
    """The number of threads that torch was given by whoever uses it."""
    return _given if _inside else torch.get_num_threads()


@contextmanager
def all_threads(multiplications: int) -> Iterator[None]:
    """Within `one_thread`, the threads that torch was given, for a product of large matrices."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads() if multiplications > LARGE else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """No gradients, no autocast, no reduced-precision float32 products (TF32, bfloat16), new tensors on the CPU unless a
    device is given; all restored after.

    >>> import torch
    >>> torch.set_float32_matmul_precision("medium")
    >>> with exact_arithmetic():
    ...     torch.get_float32_matmul_precision(), torch.is_grad_enabled()
    ('highest', False)
    >>> torch.get_float32_matmul_precision()
    'medium'
    >>> torch.set_float32_matmul_precision("highest")
    """
    if _is_exact():
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False), _no_cuda_autocast(), _cpu_by_default():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _is_exact() -> bool:
    """Whether all switches are as they must be, as within another block of the same: setting them anew takes 0.2 ms."""
    switched = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    return (
        not switched and torch.get_float32_matmul_precision() == "highest" and torch.get_default_device().type == "cpu"
    )


def _cpu_by_default() -> AbstractContextManager[object]:
    """Nothing where that is so already: entering ``torch.device`` slows every call down."""
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")


@contextmanager
def _no_cuda_autocast() -> Iterator[None]:
    """``torch.autocast("cuda")`` warns where there is no card, so it is entered only where there is one."""
    if not torch.cuda.is_available():
        yield
        return
    with torch.autocast("cuda", enabled=False):
        yield
