"""Finds the compiled kernels that suit this processor; without them everything runs in plain torch."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

import torch

from torchlogit.arithmetic import threads

LEVELS = {"AVX512": ("avx512", "avx2", "base"), "AVX2": ("avx2", "base")}  # what torch calls the processor's best

ALONE = 2**17  # numbers read by one thread: 30 microseconds, about what making another one costs


@cache
def library() -> ctypes.CDLL | None:
    """The kernels compiled for the best instruction set that this processor has, or None where there are none.

    TORCHLOGIT_KERNELS=0 in the environment turns them off.
    """
    if os.environ.get("TORCHLOGIT_KERNELS") == "0":
        return None
    for level in LEVELS.get(torch.backends.cpu.get_cpu_capability(), ("base",)):
        for path in sorted(Path(__file__).parent.glob(f"_{level}.*so")):
            try:
                return ctypes.CDLL(str(path))
            except OSError:  # built for another machine
                continue
    return None


def threads_for(numbers: int) -> ctypes.c_int:
    """Threads for a pass over so many numbers: torch's number of them, or one where a thread costs more than it brings."""
    return ctypes.c_int(threads() if numbers > ALONE else 1)
