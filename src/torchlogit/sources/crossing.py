"""Rows on their way to a card, while those before them are computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from torchlogit.sources.memory import MemorySource

STREAMS = ("cuda",)  # kinds of devices whose copies and computations are ordered by streams


class Sent(NamedTuple):
    """Rows on the card, and what tells when they have all come; None where nothing need be waited for."""

    rows: MemorySource
    come: Any = None


class Crossing:
    """Parts copied from pinned memory by a stream of the card's own, so that copies and computation overlap.

    `sent` is for the thread that reads ahead, `arrived` for the one that computes. On the CPU both hand on what they are given.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream: Any = torch.cuda.Stream(device) if device.type in STREAMS else None

    def room(self) -> float:
        """Bytes that are free on the card."""
        return float("inf") if self.stream is None else float(torch.cuda.mem_get_info(self.device)[0])

    def over(self, part: MemorySource) -> MemorySource:
        """A part on the device."""
        return part if self.stream is None else part.to(self.device, pinned=True)

    def sent(self, read: Callable[[], Iterator[MemorySource]]) -> Iterator[Sent]:
        """The parts that ``read()`` yields, and whatever it does on the way, on the stream of copies."""
        if self.stream is None:
            yield from map(Sent, read())
            return
        with torch.cuda.stream(self.stream):
            for part in read():
                yield Sent(part, self.stream.record_event())

    def arrived(self, sent: Sent) -> MemorySource:
        """The rows, which the card does not touch before they have come nor gives away before it has done with them."""
        if sent.come is not None:
            here = torch.cuda.current_stream(self.device)
            here.wait_event(sent.come)
            for tensor in sent.rows.tensors:
                tensor.record_stream(here)
        return sent.rows
