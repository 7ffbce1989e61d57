"""Proxies as Go has them, and requests that really go through one."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.client.config import ConfigError, load_configuration
from controller_runtime.client.proxy import Proxy, parse_proxy, proxy_from_environment
from controller_runtime.client.transport import Transport
from controller_runtime.kube.errors import Unreachable
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import FaultServer
from tests.runtime.test_config import kubeconfig

HTTPS = {"HTTPS_PROXY": "http://p:3128"}


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://example.com", {}, None),
        ("https://example.com", HTTPS, "http://p:3128"),
        ("http://example.com", HTTPS, None),
        ("http://example.com", {"http_proxy": "p"}, "http://p:80"),
        ("http://example.com", {"http_proxy": "p", "REQUEST_METHOD": "GET"}, None),
        ("https://example.com", {"https_proxy": "p:1", "HTTPS_PROXY": "q:2"}, "http://q:2"),
        ("https://example.com", {"ALL_PROXY": "p:1"}, None),
        ("https://example.com", {"HTTPS_PROXY": "socks5://p"}, "socks5://p:1080"),
        ("https://example.com", {"HTTPS_PROXY": "https://p"}, "https://p:443"),
        # Loopback
        ("https://localhost:6443", HTTPS, None),
        ("https://127.8.9.1:6443", HTTPS, None),
        ("https://[::1]:6443", HTTPS, None),
        ("https://[::ffff:127.0.0.1]", HTTPS, None),
        ("https://localhost.example.com", HTTPS, "http://p:3128"),
        # NO_PROXY
        ("https://example.com", HTTPS | {"NO_PROXY": "*"}, None),
        ("https://example.com", HTTPS | {"NO_PROXY": "Example.com"}, None),
        ("https://a.example.com", HTTPS | {"NO_PROXY": "x, example.com"}, None),
        ("https://notexample.com", HTTPS | {"NO_PROXY": "example.com"}, "http://p:3128"),
        ("https://example.com", HTTPS | {"NO_PROXY": ".example.com"}, "http://p:3128"),
        ("https://a.example.com", HTTPS | {"no_proxy": "*.example.com"}, None),
        ("https://example.com:6443", HTTPS | {"NO_PROXY": "example.com:6443"}, None),
        ("https://example.com", HTTPS | {"NO_PROXY": "example.com:443"}, None),
        ("https://example.com", HTTPS | {"NO_PROXY": "example.com:6443"}, "http://p:3128"),
        ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", HTTPS | {"NO_PROXY": "10.0.0.0/8"}, "http://p:3128"),
        ("https://10.1.2.3:6443", HTTPS | {"NO_PROXY": "10.1.2.3:6443"}, None),
        ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.1.2"}, "http://p:3128"),
        ("https://[fd00::1]:6443", HTTPS | {"NO_PROXY": "fd00::/8"}, None),
        ("https://[fd00::1]:6443", HTTPS | {"NO_PROXY": "[fd00::1]:6443"}, None),
        ("https://[fd00::1]:6443", HTTPS | {"NO_PROXY": "fd00::1"}, None),
        ("https://[fd00::1]:6443", HTTPS | {"NO_PROXY": "[fd00::1]:1"}, "http://p:3128"),
    ],
)
def test_which_proxy_the_environment_names(server: str, environ: dict[str, str], proxy: str | None) -> None:
    found = proxy_from_environment(server, environ)
    assert (found and str(found)) == proxy


def test_what_is_no_proxy_is_refused_without_its_password(tmp_path: Path) -> None:
    for url in ("socks4://me:hidden@p", "http://me:hidden@", "http://me:hidden@p:99999"):
        with pytest.raises(ValueError, match="proxy") as raised:
            parse_proxy(url)
        assert "hidden" not in str(raised.value)
    with pytest.raises(ConfigError, match="the environment names a proxy that is of no use: HTTPS_PROXY"):
        load_configuration(
            kubeconfig(tmp_path / "k", server="https://example.com"), environ={"HTTPS_PROXY": "gopher://p"}
        )
    assert "hidden" not in repr(parse_proxy("http://me:hidden@p"))


@contextmanager
def _proxy(serve: Any) -> Iterator[str]:
    """A proxy for one connection, on a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection, connection.makefile("rb"))

        threading.Thread(target=run, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _pump(client: socket.socket, address: tuple[str, int]) -> None:
    with socket.create_connection(address) as server:

        def back() -> None:
            while data := server.recv(65536):
                client.sendall(data)

        threading.Thread(target=back, daemon=True).start()
        while data := client.recv(65536):
            server.sendall(data)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[FaultServer, dict[str, str]]]:
    """A server with TLS, and the fields of a kubeconfig's cluster for it."""
    context, authority = server_context(tmp_path, "proxied")
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    yield server, {"server": server.url, "certificate-authority": str(authority)}
    server.stop()


def _transport(path: Path, cluster: dict[str, str], proxy: str) -> Transport:
    # What the environment names does not count beside a proxy-url.
    environ = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "*"}
    return Transport(
        load_configuration(kubeconfig(path, cluster={**cluster, "proxy-url": proxy}), environ=environ)
    )


def test_a_password_goes_to_the_proxy_and_the_token_to_the_server(
    tmp_path: Path, tls: tuple[FaultServer, dict[str, str]]
) -> None:
    server, cluster = tls
    heard: list[bytes] = []

    def serve(connection: socket.socket, lines: Any) -> None:
        while (line := lines.readline()) not in (b"\r\n", b""):
            heard.append(line.strip())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        _pump(connection, ("127.0.0.1", server.port))

    with _proxy(serve) as address:
        transport = _transport(tmp_path / "k", cluster, f"http://me:p%40ss@{address}")
        transport.request("GET", "/version")
        transport.close()
    assert heard[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss") in heard
    (seen,) = server.requests
    assert seen.headers["Authorization"] == "Bearer secret"
    assert "Proxy-Authorization" not in seen.headers


def test_a_proxy_that_refuses_is_named(tmp_path: Path, tls: tuple[FaultServer, dict[str, str]]) -> None:
    def serve(connection: socket.socket, lines: Any) -> None:
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with _proxy(serve) as address, pytest.raises(Unreachable) as raised:
        _transport(tmp_path / "k", tls[1], f"http://{address}").request("GET", "/version")
    assert str(raised.value).startswith(f"through the proxy http://{address}: ")
    assert "407 Proxy Authentication Required" in str(raised.value)
    assert tls[0].requests == []


@pytest.mark.parametrize("login", ["", "me:secret@"])
def test_socks5(tmp_path: Path, tls: tuple[FaultServer, dict[str, str]], login: str) -> None:
    server, cluster = tls
    heard: list[bytes] = []

    def serve(connection: socket.socket, lines: Any) -> None:
        heard.append(lines.read(3))
        connection.sendall(b"\x05\x02" if login else b"\x05\x00")
        if login:
            heard.append(lines.read(11))
            connection.sendall(b"\x01\x00")
        heard.append(lines.read(5 + len("127.0.0.1") + 2))
        connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        _pump(connection, ("127.0.0.1", server.port))

    with _proxy(serve) as address:
        transport = _transport(tmp_path / "k", cluster, f"socks5://{login}{address}")
        assert transport.request("GET", "/version").status == 200
        transport.close()
    wanted = b"\x05\x01\x00\x03\x09127.0.0.1" + server.port.to_bytes(2, "big")
    assert heard == (
        [b"\x05\x01\x02", b"\x01\x02me\x06secret", wanted] if login else [b"\x05\x01\x00", wanted]
    )


def test_a_socks5_proxy_that_refuses_is_quoted(
    tmp_path: Path, tls: tuple[FaultServer, dict[str, str]]
) -> None:
    def serve(connection: socket.socket, lines: Any) -> None:
        lines.read(3)
        connection.sendall(b"\x05\x00")
        lines.read(5 + len("127.0.0.1") + 2)
        connection.sendall(b"\x05\x02\x00\x01")

    with _proxy(serve) as address, pytest.raises(Unreachable) as raised:
        _transport(tmp_path / "k", tls[1], f"socks5://{address}").request("GET", "/version")
    said = f"through the proxy socks5://{address}: it refuses: not allowed by its rules"
    assert str(raised.value) == said


def test_a_proxy_is_shown_without_its_user() -> None:
    assert str(Proxy("http", "fd00::1", 3128, "me", "hidden")) == "http://[fd00::1]:3128"
