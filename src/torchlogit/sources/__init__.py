"""Rows, wherever they live."""

from torchlogit.sources.base import Block, Source, accumulate
from torchlogit.sources.memory import MemorySource

__all__ = ["Block", "MemorySource", "Source", "accumulate"]
