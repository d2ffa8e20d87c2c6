"""The arithmetic that a fit runs in, whatever the caller's global switches say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """No gradients, no autocast, no reduced-precision float32 products (TF32, bfloat16) inside; all restored after.

    >>> import torch
    >>> torch.set_float32_matmul_precision("medium")
    >>> with exact_arithmetic():
    ...     torch.get_float32_matmul_precision(), torch.is_grad_enabled()
    ('highest', False)
    >>> torch.get_float32_matmul_precision()
    'medium'
    >>> torch.set_float32_matmul_precision("highest")
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False), _no_cuda_autocast():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _no_cuda_autocast() -> Iterator[None]:
    """``torch.autocast("cuda")`` warns where there is no card, so it is entered only where there is one."""
    if not torch.cuda.is_available():
        yield
        return
    with torch.autocast("cuda", enabled=False):
        yield
