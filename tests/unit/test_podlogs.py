"""Logs are read from a server over HTTP: again where they broke off, and what it refuses is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from controller import podlogs
from controller.logfeed import Feed, LogLine, LogOptions, Source
from controller.podlogs import CUT, PodLogs, lines
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.threads import Threads
from tests.cluster import eventually

POD = Source("default", "a", "main")
REFUSED = (403, b'{"kind":"Status","code":403,"message":"pods \\"a\\" is forbidden"}')


@contextmanager
def serving(*answers: tuple[int, bytes]) -> Iterator[tuple[PodLogs, list[tuple[str, dict[str, str]]]]]:
    """A server with one answer for each request, the last of them for all that follow."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked.append((url.path, dict(parse_qsl(url.query))))
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client: Future[Client] = Future()
    client.set_result(Client(Configuration(f"http://127.0.0.1:{server.server_port}")))
    try:
        yield PodLogs(client, Threads()), asked
    finally:
        server.shutdown()
        server.server_close()


def _taken(feed: Feed, seen: list[LogLine]) -> list[LogLine]:
    seen += feed.take().lines
    return seen


def test_it_goes_on_where_it_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podlogs, "AGAIN", (0.01,))
    first = b"2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:01.5Z two\n2026-01-01T00:00:01.6Z three"
    again = b"2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:01.6Z three\n2026-01-01T00:00:02Z four\n"
    gone = (404, b'{"kind":"Status","code":404,"message":"pods \\"a\\" not found"}')
    with serving((200, first), REFUSED, (200, again), gone) as (logs, asked):
        feed = logs.open(LogOptions(tail=9, since=60))
        feed.follow([POD])
        feed.follow([POD])
        seen: list[LogLine] = []
        eventually(lambda: _taken(feed, seen) and seen[-1].text == "the pod is gone")
        feed.close()
    said = [(line.text, line.is_note) for line in seen]
    assert said == [
        ("one", False), ("two", False), ("three", False), ('pods "a" is forbidden', True), ("four", False),
        ("the pod is gone", True),
    ]  # fmt: skip
    path, query = asked[0]
    assert path == "/api/v1/namespaces/default/pods/a/log"
    wanted = {"container": "main", "timestamps": "true", "follow": "true"}
    assert query == {**wanted, "tailLines": "9", "sinceSeconds": "60"}
    assert asked[1][1] == {**wanted, "sinceTime": "2026-01-01T00:00:01Z"}


def test_the_run_before_is_read_once_and_a_refusal_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podlogs, "AGAIN", (0.01,))
    with serving(REFUSED, REFUSED, REFUSED, (200, b"2026-01-01T00:00:01Z last words\n")) as (logs, asked):
        feed = logs.open(LogOptions(previous=True))
        feed.follow([POD])
        seen: list[LogLine] = []
        eventually(lambda: len(_taken(feed, seen)) > 1)
        feed.close()
    assert [line.text for line in seen] == ['pods "a" is forbidden', "last words"]
    assert len(asked) == 4
    assert asked[0][1]["previous"] == "true"
    assert "follow" not in asked[0][1]


def test_lines_are_cut_and_never_kept_whole() -> None:
    endless = [b"x" * 60, b"y" * 60, b"z\nnext\r\n", b"caf\xc3", b"\xa9 \xff"]
    assert list(lines(endless, limit=100)) == [
        "x" * 60 + "y" * 40 + CUT,
        "next",
        "café \N{REPLACEMENT CHARACTER}",
    ]
