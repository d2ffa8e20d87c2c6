"""A mirror on this machine that behaves as mirrors do: the first part of a path says how."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror(ThreadingHTTPServer):
    """``files`` by name; ``requests`` is what was asked: (manner, name, first byte)."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.requests = files, []

    def at(self, manner):
        return f"http://127.0.0.1:{self.server_port}/{manner}/"

    def handle_error(self, request, address):
        """A client that goes away is no error."""


class Answer(BaseHTTPRequestHandler):
    """good · norange: knows no ranges · breaks: half of what is left, then silence · wrong: other bytes · forbidden."""

    def log_message(self, *ignored):
        """Say nothing."""

    def do_GET(self):
        _, manner, name = self.path.split("/")
        content, begin = self.server.files[name], self.first()
        self.server.requests.append((manner, name, begin))
        if manner == "forbidden":
            return self.send_error(403)
        if begin and begin >= len(content) and manner != "norange":
            return self.send_error(416)
        if manner == "wrong":
            content = b"<html>Welcome to this hotel's network</html>"
        begin = 0 if manner in ("norange", "wrong") else begin
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = (begin + len(content) + 1) // 2 if manner == "breaks" else len(content)
        self.wfile.write(content[begin:end])

    def first(self):
        asked = self.headers.get("Range", "bytes=0-")
        return int(asked.removeprefix("bytes=").removesuffix("-"))


@contextmanager
def mirror(files):
    with Mirror(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
