"""The lesson as pages: `build` writes them as static files, `Server` shows them on the loopback address."""

from torchlogit.learn.server import Server
from torchlogit.learn.site import build, ours

__all__ = ["Server", "build", "ours"]
