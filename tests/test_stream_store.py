"""Rows in a store: a small S3 on this machine that fails or falls silent in the middle of a fit (row 183)."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.dataset
import pytest
from pyarrow import fs
from streams import MEMORY, numbers, one

import torchlogit
from torchlogit.errors import FileError


class Store(ThreadingHTTPServer):
    """Answers for one object, ``bucket/rows.parquet``; from request number ``until`` on as ``trouble`` says."""

    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), Requests)
        self.data, self.asked, self.until, self.trouble, self.over = data, 0, 10**9, "", threading.Event()

    def handle_error(self, request, client_address):
        """A client that has given up is no news."""


class Requests(BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True  # no waiting between head and body

    def do_HEAD(self):
        store = self.server
        store.asked += 1
        if store.asked >= store.until:
            self.fail(store)
            return
        first, last = 0, len(store.data) - 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if asked:
            first, last = int(asked[1]), min(int(asked[2]), last)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(store.data)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(store.data[first : last + 1])

    do_GET = do_HEAD

    def fail(self, store):
        if store.trouble == "silent":
            store.over.wait()
            return
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words): ...


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with Store(one(tmp_path / "rows.parquet", numbers()).read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def rows_of(store):
    """The object as a dataset whose requests are given up after half a second, and tried twice."""
    system = fs.S3FileSystem(
        access_key="key",
        secret_key="secret",
        region="here",
        scheme="http",
        endpoint_override=f"127.0.0.1:{store.server_port}",
        request_timeout=0.5,
        connect_timeout=0.5,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
    )
    return pyarrow.dataset.dataset("bucket/rows.parquet", filesystem=system)


@pytest.mark.parametrize("trouble", ["503", "silent"])
def test_183_a_store_that_fails_ends_the_fit_and_is_named(store, trouble):
    whole = torchlogit.fit(numbers(), "y")
    assert abs(torchlogit.fit(rows_of(store), "y", memory=MEMORY).theta - whole.theta).max() < 1e-10
    rows, needed = rows_of(store), store.asked
    store.trouble, store.until = trouble, needed + 20
    with pytest.raises(FileError, match=r"bucket/rows\.parquet: .*(?:503|[Tt]imeout)") as told:
        torchlogit.fit(rows, "y", memory=MEMORY)
    assert "gone" not in str(told.value)
    assert store.asked < store.until + 20  # it is not asked for ever
