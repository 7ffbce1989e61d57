"""The HTTP endpoints, over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from controller_runtime.manager.metrics import Metrics
from controller_runtime.manager.probes import Checks, Handler, HttpServer, metrics_page


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
    for wrong in ("8080", "", "localhost", "localhost:http", ":99999"):
        with pytest.raises(ValueError, match="is no address to listen on"):
            HttpServer(wrong, {})
