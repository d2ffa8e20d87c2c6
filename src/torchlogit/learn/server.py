"""A server of static files for this machine alone."""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from torchlogit.errors import FileError

ADDRESS = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    "": "text/plain; charset=utf-8",
}


class Server(ThreadingHTTPServer):
    """Serves ``folder`` on the loopback address, on any free port where ``port`` is 0.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True

    It listens from here on, and answers within ``serve_forever``. FileError if the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = False  # two servers on one port would share its visitors

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder.resolve()
        try:
            super().__init__((ADDRESS, port), Handler)
        except (OSError, OverflowError) as error:
            raise FileError(f"cannot listen on port {port}: {error}; give another one, or 0 for any") from error

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> set[str]:
        """What a browser on this machine calls it; another name means that a foreign page leads here."""
        return {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(SimpleHTTPRequestHandler):
    """Answers GET and HEAD for files within the folder; everything else is not found."""

    server: Server
    server_version, sys_version = "torchlogit", ""
    extensions_map = TYPES
    timeout = 30

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, directory=str(given[2].folder))

    def send_head(self) -> Any:
        if self.headers.get("Host") not in self.server.hosts:
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        if not self._within():
            return self.send_error(HTTPStatus.NOT_FOUND)
        return super().send_head()

    def _within(self) -> bool:
        """Whether the path leads to something in the folder, links followed."""
        try:
            path = Path(self.translate_path(self.path)).resolve()
        except (OSError, ValueError):
            return False
        return path.is_relative_to(self.server.folder)

    def list_directory(self, path: Any) -> Any:
        return self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        for name, text in HEADERS.items():
            self.send_header(name, text)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal belongs to who started the server."""
