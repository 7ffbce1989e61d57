"""The HTTP endpoints, over HTTP."""

from __future__ import annotations

import errno
import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from controller_runtime.client.transport import Exchange
from controller_runtime.manager.answers import Answers
from controller_runtime.manager.metrics import Metrics
from controller_runtime.manager.probes import Checks, Handler, HttpServer, metrics_page
from tests.cluster import eventually


@pytest.fixture
def checks() -> Checks:
    return Checks("healthz")


@pytest.fixture
def server(checks: Checks) -> Iterator[HttpServer]:
    pages: dict[str, Handler] = {"/healthz": checks, "/metrics": metrics_page(Metrics().registry)}
    server = HttpServer("127.0.0.1:0", pages)
    server.start()
    yield server
    server.stop()


def get(server: HttpServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_healthy(server: HttpServer, checks: Checks) -> None:
    checks.add("queue", lambda: "")
    assert get(server, "/healthz") == (200, "ok")
    assert get(server, "/healthz?verbose") == (200, "[+]ping ok\n[+]queue ok\nhealthz check passed\n")
    assert get(server, "/healthz/queue") == (200, "ok")


def test_a_failed_check(server: HttpServer, checks: Checks) -> None:
    def raising() -> str:
        raise OSError("disk full")

    checks.add("disk", raising)
    checks.add("lease", lambda: "not renewed")
    status, text = get(server, "/healthz")
    assert status == 500
    assert text.splitlines() == [
        "[+]ping ok",
        "[-]disk failed: disk full",
        "[-]lease failed: not renewed",
        "healthz check failed",
    ]
    assert get(server, "/healthz/disk") == (500, "internal server error: disk full\n")
    assert get(server, "/healthz?exclude=disk&exclude=lease") == (200, "ok")
    status, text = get(server, "/healthz?exclude=disk&exclude=lease&exclude=what&verbose")
    assert status == 200
    assert "[+]disk excluded: ok\n[+]lease excluded: ok\nwarn: some health checks cannot be excluded" in text


def test_what_does_not_exist(server: HttpServer, checks: Checks) -> None:
    assert get(server, "/healthz/none") == (404, "there is no check none\n")
    assert get(server, "/healthzz")[0] == 404
    assert get(server, "/")[0] == 404
    with pytest.raises(ValueError, match="there is a check ping already"):
        checks.add("ping", lambda: "")


def test_metrics(server: HttpServer) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert "# HELP controller_runtime_reconcile_total" in text


def test_addresses(server: HttpServer) -> None:
    with pytest.raises(OSError, match="choose another address or 0 for none"):
        HttpServer(f"127.0.0.1:{server.port}", {})
    wrongs = ("8080", "", "localhost", "localhost:http", ":99999", "::1:8080", "[::1:80", "::1]:80", ":²")
    for wrong in wrongs:
        with pytest.raises(ValueError, match="is no address to listen on"):
            HttpServer(wrong, {})


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        (":0", ["127.0.0.1", "::1"]),
        ("[::]:0", ["127.0.0.1", "::1"]),
        ("0.0.0.0:0", ["127.0.0.1", "::1"]),
        ("[::1]:0", ["::1"]),
        ("127.0.0.1:0", ["127.0.0.1"]),
        ("localhost:0", ["127.0.0.1"]),
    ],
)
def test_both_families_are_served_as_by_go(address: str, hosts: list[str]) -> None:
    server = HttpServer(address, {"/healthz": Checks("healthz")})
    server.start()
    try:
        answering = []
        for host in ("127.0.0.1", "::1"):
            connection = http.client.HTTPConnection(host, server.port, timeout=5)
            with suppress(OSError), closing(connection):
                connection.request("GET", "/healthz")
                assert connection.getresponse().read() == b"ok"
                answering.append(host)
        assert answering == hosts
    finally:
        server.stop()


def test_a_machine_without_ipv6_is_served_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    original = socket.socket.bind

    def bind(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        original(self, address)

    monkeypatch.setattr("socket.socket.bind", bind)
    server = HttpServer(":0", {"/healthz": Checks("healthz")})
    server.start()
    assert get(server, "/healthz") == (200, "ok")
    server.stop()


def test_a_page_that_fails_is_logged_and_the_server_goes_on(
    server: HttpServer, checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong:
        def __bool__(self) -> bool:
            raise ValueError("no answer at all")

    left = [Wrong()]
    checks.add("strange", lambda: left.pop() if left else "")  # type: ignore[arg-type,return-value]
    with pytest.raises(http.client.RemoteDisconnected):
        get(server, "/healthz")
    assert get(server, "/healthz") == (200, "ok")
    [record] = [r for r in caplog.records if r.message == "A page could not be served"]
    assert record.exc_info


def test_without_an_answer_for_five_minutes_it_is_not_healthy() -> None:
    now = 0.0
    answers = Answers(lambda: now)
    answers.observe(Exchange("GET", "/x", 200, 0.1))
    now = 1000.0
    assert answers.check() == ""  # nothing was asked
    answers.observe(Exchange("GET", "/x", 0, 5.0))
    now = 1299.0
    answers.observe(Exchange("PUT", "/x", 503, 5.0))
    assert answers.check() == ""
    now = 1301.0
    assert answers.check() == "no request has succeeded for 301 s; the last one got HTTP 503"
    answers.observe(Exchange("GET", "/x", 403, 0.1))
    assert answers.check() == ""


def test_more_connections_than_it_has_threads_for_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller_runtime.manager.listen.MAX_CONNECTIONS", 3)
    server = HttpServer("127.0.0.1:0", {"/healthz": Checks("healthz")})
    server.start()
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    try:
        with pytest.raises(OSError, match=r"closed|reset|Remote end"):
            get(server, "/healthz")
        for connection in held:
            connection.close()
        assert eventually(lambda: get(server, "/healthz")) == (200, "ok")
    finally:
        server.stop()
