"""The start: whatever answers, or does not, is said in one sentence that says what to do."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.client.credentials import Source
from controller_runtime.kube.errors import UnexpectedAnswer
from controller_runtime.kube.kinds import Pod
from reconsole.options import Failure
from reconsole.preflight import check
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import Exchange, FaultServer, Script
from tests.runtime.harness import configuration

VERSION = b'{"gitVersion":"v1.36.2"}'


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    server = FaultServer(script=script, tls=tls).start()
    yield server
    server.stop()


def answering(status: int, body: bytes, headers: dict[str, str] | None = None) -> Script:
    return lambda x: x.answer(status, body, headers)


def failure(configuration: Configuration, timeout: float = 10.0) -> str:
    with pytest.raises(Failure) as raised:
        check(Client(configuration, timeout=timeout), wait=lambda _: pytest.fail("it is not asked again"))
    said = str(raised.value)
    assert said.isprintable(), "one line"
    return said


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            answering(200, b"<!DOCTYPE html>\n<html><title>Sign in</title>"),
            "something else than Kubernetes answers at URL: the server answered 200 with what is no "
            "version of Kubernetes: it begins with '<!DOCTYPE html>\\n<html><title>Sign in</title>'; check",
        ),
        (answering(200, b""), "no version of Kubernetes: it is empty; check the server"),
        (answering(200, b'"OK"'), "something else than Kubernetes answers at URL"),
        (answering(200, b"\xff\xfe\x1b[31m"), "something else than Kubernetes answers at URL"),
        (
            answering(302, b"", {"Location": "https://sso.example.com"}),
            "something else than Kubernetes answers at URL: it redirects (302); check the server in the",
        ),
        (answering(404, b"404 page not found"), "answers at URL: 404 '404 page not found'; check the server"),
        (answering(403, b"<html>Blocked by policy</html>"), "at URL: 403 '<html>Blocked by policy</html>'"),
        (answering(502, b"<html>Bad Gateway\x1b[2J</html>"), "than Kubernetes answers at URL: 502"),
        (
            answering(400, b"Client sent an HTTP request to an HTTPS server.\n"),
            "use https:// in the kubeconfig, as in https://127.0.0.1",
        ),
        (lambda x: x.refuse(401, "Unauthorized", "Unauthorized"), "does not accept these credentials: log"),
        (lambda x: x.refuse(500, "InternalError", "etcd is down"), "at URL answers 500: etcd is down"),
        (
            lambda x: x.refuse(
                403, "Forbidden", 'users "jane" is forbidden: User "me" cannot impersonate resource "users"'
            ),
            'act as somebody else: users "jane" is forbidden: User "me" cannot impersonate resource "users"; '
            "grant the verb impersonate on users, or leave out --as",
        ),
    ],
)  # fmt: skip
def test_what_answers_instead(script: Script, words: str) -> None:
    with serving(script) as server:
        assert words.replace("URL", server.url) in failure(configuration(server.url))


@pytest.mark.parametrize(
    ("serve", "scheme", "words"),
    [
        (lambda c: c.recv(1000), "http", "timed out; check the network, and a VPN or a firewall in between"),
        (lambda c: (c.recv(1000), c.sendall(b"SSH-2.0-x\x1b[31m\r\n")), "http", "the answer is not HTTP; "),
        (lambda c: (c.recv(1000), c.sendall(b"SSH-2.0-x\r\n")), "https", "does not speak TLS: check the"),
        (lambda c: (c.recv(10), c.close()), "http", "perhaps it wants https://127.0.0.1"),
    ],
)  # fmt: skip
def test_what_is_not_even_http(serve: Callable[[socket.socket], Any], scheme: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connections = []
            while True:
                connections.append(listener.accept()[0])
                serve(connections[-1])

        threading.Thread(target=accept, daemon=True).start()
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        assert words in failure(configuration(url), timeout=0.3)


def test_nothing_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    assert failure(configuration(url)) == (
        f"cannot reach the API server at {url}: Connection refused; "
        "check that it runs, and the port in the kubeconfig"
    )
    said = failure(configuration("https://no-such-host.invalid"))
    assert said.endswith("; check the name in the kubeconfig, the DNS and a VPN")


def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    context, authority = server_context(tmp_path, "right")
    _, other = server_context(tmp_path, "wrong")
    with serving(answering(200, VERSION), context) as server:
        said = failure(configuration(server.url, authority=str(other)))
        assert "its certificate is not by the certificate-authority of the kubeconfig: fetch" in said
        said = failure(configuration(server.url.replace("127.0.0.1", "localhost"), authority=str(authority)))
        assert "use a name of its certificate as the server in the kubeconfig, or as tls-server-name" in said
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        said = failure(configuration(server.url, authority=str(authority)))
        assert "client certificate" in said
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    expired, authority = server_context(tmp_path, "expired", now=yesterday)
    with serving(answering(200, VERSION), expired) as server:
        said = failure(configuration(server.url, authority=str(authority)))
        assert "its certificate has to be renewed, or the clock here is wrong" in said


def test_without_credentials() -> None:
    missing = Configuration("https://example.com", authorities=Source("certificate authority", path="/none"))
    assert failure(missing) == (
        "nothing was sent to https://example.com, for there are no credentials: "
        "cannot read the certificate authority /none: No such file or directory"
    )


@pytest.mark.parametrize(
    ("refusal", "pauses"),
    [
        (lambda x: x.refuse(503, "ServiceUnavailable", "starting"), [1.0, 1.0]),
        (lambda x: x.refuse(429, "TooManyRequests", "slowly", retry_after=7), [7.0, 7.0]),
        (answering(503, b"no healthy upstream"), [1.0, 1.0]),
    ],
)
def test_a_server_that_asks_to_come_later_is_asked_later(
    refusal: Callable[[Exchange], None], pauses: list[float]
) -> None:
    waited: list[float] = []

    def script(x: Exchange) -> None:
        refusal(x) if len(x.server.requests) <= 2 else x.answer(200, VERSION)

    with serving(script) as server:
        found = check(Client(configuration(server.url)), wait=waited.append)
    assert found.version == "v1.36.2"
    assert found.identity == "", "a review without a status says nothing"
    assert waited == pauses


def test_but_not_for_ever() -> None:
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    with (
        serving(lambda x: x.refuse(503, "ServiceUnavailable", "starting", retry_after=25)) as server,
        pytest.raises(Failure, match="answers 503: starting; try again later"),
    ):
        check(Client(configuration(server.url)), wait=wait, clock=lambda: now[0])
    assert now == [50.0]


def test_a_review_that_says_nothing() -> None:
    with (
        serving(answering(201, b'{"kind":"SelfSubjectAccessReview"}')) as server,
        pytest.raises(UnexpectedAnswer, match=r"no SelfSubjectAccessReview: .*field `status`"),
    ):
        Client(configuration(server.url)).can_i("get", Pod.resource)
