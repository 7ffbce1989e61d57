"""A cancellation ends its own request and no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.client.config import Configuration
from controller_runtime.client.transport import Transport


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.peers: list[Any] = []
        self.asked = threading.Event()
        self.go = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.peers.append(self.client_address)
        if self.path == "/slow":
            self.server.asked.set()
            self.server.go.wait(10)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    server = _Server()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.go.set()
    server.shutdown()
    server.server_close()


def _slow(transport: Transport, cancel: Cancel | None) -> tuple[threading.Thread, list[Any]]:
    out: list[Any] = []

    def ask() -> None:
        try:
            out.append(transport.request("GET", "/slow", cancel=cancel).status)
        except Exception as error:
            out.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, out


@pytest.mark.parametrize("own", [False, True])
def test_a_cancel_shuts_the_connection_of_its_own_request_only(server: _Server, own: bool) -> None:
    transport = Transport(Configuration(f"http://127.0.0.1:{server.server_port}"))
    finished, current = Cancel(), Cancel()
    transport.request("GET", "/fast", cancel=finished)
    thread, out = _slow(transport, current if own else None)
    assert server.asked.wait(5)
    assert len(set(server.peers)) == 1, "the pooled connection is used again"
    (current if own else finished).set()
    if not own:
        server.go.set()
    thread.join(5)
    assert isinstance(out[0], Cancelled) if own else out == [200]
    transport.close()
