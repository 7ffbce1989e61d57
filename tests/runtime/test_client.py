"""The client and its transport, against real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.client.client import Client
from controller_runtime.client.config import ConfigError, Configuration
from controller_runtime.client.context import (
    ReconcileCancelled,
    ReconcileContext,
    ReconcileTimeout,
    acting,
    current_reconcile,
)
from controller_runtime.client.transport import Transport
from controller_runtime.events import ApiWrite
from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    api_error,
)  # fmt: skip
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.resource import Request
from controller_runtime.kube.rules import PolicyRule
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import Exchange, FaultServer, pod
from tests.runtime.harness import configuration, eventually


@pytest.fixture
def server() -> Iterator[FaultServer]:
    made = FaultServer().start()
    yield made
    made.stop()


def replying(obj: dict[str, Any], code: int = 200) -> Any:
    return lambda x: x.answer(code, json.dumps(obj).encode())


def refusing(code: int, reason: str, message: str = "no", retry_after: int | None = None) -> Any:
    return lambda x: x.refuse(code, reason, message, retry_after)


def test_get_and_list(server: FaultServer) -> None:
    client = Client(configuration(server.url))
    for number in range(501):
        server.put(f"p{number}")
    assert len(client.list(Pod, "default", label_selector="a=b")) == 501
    assert [r.query.get("continue") for r in server.requests] == [None, "500"]
    assert server.requests[0].query["labelSelector"] == "a=b"
    server.script = replying(pod("a", 7))
    found = client.get(Pod, "default", "a")
    assert (found.key, found.metadata.resource_version) == ("default/a", "7")
    assert server.requests[-1].path == "/api/v1/namespaces/default/pods/a"
    assert b'"a"' in client.get_raw(Pod.resource, "default", "a")


def test_pages_that_expire_are_one_list_and_pages_without_end_are_refused(server: FaultServer) -> None:
    client = Client(configuration(server.url))
    for number in range(501):
        server.put(f"p{number}")

    def expired(x: Exchange) -> None:
        if "continue" in x.query:
            x.refuse(410, "Expired", "The provided continue parameter is too old")
        else:
            x.serve()

    server.script = expired
    assert len(client.list(Pod, "default")) == 501
    assert [("limit" in r.query, "continue" in r.query) for r in server.requests] == [
        (True, False), (True, True), (False, False),
    ]  # fmt: skip
    server.script = replying({"metadata": {"continue": "again"}, "items": [pod("a", 1)]})
    with pytest.raises(UnexpectedAnswer, match="no list that ends"):
        client.list(Pod, "default")
    server.script = refusing(410, "Expired")
    with pytest.raises(Expired):
        client.list(Pod, "default")


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (400, "BadRequest", ApiError), (401, "Unauthorized", Unauthorized), (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound), (409, "AlreadyExists", AlreadyExists), (409, "Conflict", Conflict),
        (410, "Gone", Expired), (422, "Invalid", Invalid), (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", ServerError), (503, "ServiceUnavailable", ServerError),
    ],
)  # fmt: skip
def test_refusals_have_types_and_the_servers_words(
    server: FaultServer, code: int, reason: str, error: type[ApiError]
) -> None:
    server.script = refusing(code, reason, "the reason why", retry_after=3)
    with pytest.raises(error, match="the reason why") as raised:
        Client(configuration(server.url)).get(Pod, "default", "a")
    assert type(raised.value) is error
    assert (raised.value.status, raised.value.reason, raised.value.retry_after) == (code, reason, 3.0)


def test_refusals_that_are_not_json() -> None:
    assert api_error(502, b"<h1>Bad Gateway</h1>").message == "<h1>Bad Gateway</h1>"
    assert api_error(502, b"").message == "the server answered 502"
    assert api_error(500, b'{"message":7}').message == '{"message":7}'


def test_the_time_to_come_again_is_a_number_or_a_date() -> None:
    soon = formatdate(time.time() + 20, usegmt=True)
    for header, expected in (("7", 7.0), (soon, 20.0), (formatdate(0, usegmt=True), 0.0)):
        named = api_error(503, b"", {"Retry-After": header}).retry_after
        assert named == pytest.approx(expected, abs=2.0), header
    for header in ("\u00b2", "", "soon", "-1", "1.5", "Fri, 99 Foo 2026"):
        assert api_error(503, b"", {"Retry-After": header}).retry_after is None, header


def test_no_answer(server: FaultServer) -> None:
    server.stop()
    with pytest.raises(Unreachable, match="Connection refused"):
        Client(configuration(server.url)).version()


def test_timeouts(server: FaultServer) -> None:
    released = threading.Event()
    server.script = lambda x: eventually(released.is_set)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        Client(configuration(server.url)).with_timeout(0.1).version()
    assert time.monotonic() - started < 1.0
    released.set()


def test_an_answer_that_drips_is_not_waited_for_and_spoils_no_connection(server: FaultServer) -> None:
    def drip(x: Exchange) -> None:
        x.handler.send_response(200)
        x.handler.send_header("Content-Length", "1000")
        x.handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                x.handler.wfile.write(b" ")
                time.sleep(0.02)

    server.script = drip
    client = Client(configuration(server.url)).with_timeout(0.3)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        client.version()
    assert time.monotonic() - started < 1.0
    server.script = lambda x: x.answer(500, b"x" * (3 << 20))
    with pytest.raises(ServerError, match="xxx"):
        client.version()
    server.script = replying({"gitVersion": "v1"})
    assert client.version() == "v1"


def test_what_cannot_be_sent_is_not_the_networks_fault(server: FaultServer) -> None:
    client = Client(configuration(server.url, impersonate="a\nb"))
    with pytest.raises(Unreachable, match="header") as raised:
        client.version()
    assert not raised.value.sent
    assert server.requests == []


def test_identity_and_version(server: FaultServer) -> None:
    client = Client(configuration(server.url))
    server.script = replying({"gitVersion": "v1.36.2"})
    assert client.version() == "v1.36.2"
    server.script = replying({"status": {"userInfo": {"username": "me"}}}, 201)
    assert client.identity() == "me"
    server.script = refusing(404, "NotFound")
    assert client.identity() == ""
    server.script = replying({"status": {"allowed": False, "reason": "no such rule"}}, 201)
    assert client.can_i("delete", Pod.resource, "default", "a") == (False, "no such rule")
    assert json.loads(server.requests[-1].body)["spec"]["resourceAttributes"] == {
        "verb": "delete", "group": "", "resource": "pods", "namespace": "default", "name": "a",
    }  # fmt: skip


def test_token_and_impersonation(server: FaultServer) -> None:
    server.script = replying({"gitVersion": "v1"})
    Client(configuration(server.url, token="secret", impersonate="system:someone")).version()
    sent = {k.lower(): v for k, v in server.requests[-1].headers.items()}
    assert sent["authorization"] == "Bearer secret"
    assert sent["impersonate-user"] == "system:someone"


def test_servers_below_a_path_and_behind_a_proxy(server: FaultServer) -> None:
    server.script = replying({"gitVersion": "v1"})
    for configured, host in (
        (configuration(f"{server.url}/k8s/clusters/c-1"), ""),
        (configuration("http://api.example/k8s/clusters/c-1", proxy=server.url), "api.example"),
    ):
        client = Client(configured)
        for _ in range(2):
            assert client.version() == "v1"
            assert server.requests[-1].path == "/k8s/clusters/c-1/version"
            assert server.requests[-1].headers["Host"].startswith(host)
        client.transport.close()


def test_a_request_is_sent_in_one_piece(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    send = http.client.HTTPConnection.send

    def recorded(self: http.client.HTTPConnection, data: bytes) -> None:
        sent.append(data)
        send(self, data)

    server.script = replying(pod("a", 1))
    monkeypatch.setattr(http.client.HTTPConnection, "send", recorded)
    Client(configuration(server.url)).create(pod("a", 1), Pod)
    assert len(sent) == 1
    assert sent[0].startswith(b"POST ")
    assert sent[0].endswith(b"}")


def test_writes_are_published(server: FaultServer) -> None:
    bus = EventBus()
    published = bus.subscribe("test")
    client = Client(configuration(server.url), bus=bus)
    server.script = replying(pod("a", 8), 201)
    context = ReconcileContext("redis", Request("default", "r"), "id-1", 1)
    token = current_reconcile.set(context)
    made = client.create(pod("a", 0))
    current_reconcile.reset(token)
    assert isinstance(made, Pod)
    with acting("action-1"):
        client.patch(Pod, "default", "a", [{"op": "remove", "path": "/x"}], type="json", subresource="status")
        client.update(pod("a", 8))
        client.delete(Pod, "default", "a", uid="uid-a", grace_period=0, propagation="Background")
    server.script = refusing(409, "AlreadyExists", "pods a exists")
    with pytest.raises(AlreadyExists):
        client.create(pod("a", 8), Pod)
    server.stop()
    with pytest.raises(Unreachable):
        client.delete(Pod, "default", "a")
    writes = [e for e in published.drain().events if isinstance(e, ApiWrite)]
    assert [(w.verb, w.outcome, w.status, w.reconcile, w.action, w.error) for w in writes] == [
        ("create", "answered", 201, "id-1", "", ""),
        ("patch", "answered", 201, "", "action-1", ""),
        ("update", "answered", 201, "", "action-1", ""),
        ("delete", "answered", 201, "", "action-1", ""),
        ("create", "answered", 409, "", "", "pods a exists"),
        ("delete", "unsent", 0, "", "", "Connection refused"),
    ]
    assert writes[0].resource_version == "8"
    assert writes[0].ref.uid == "uid-a"
    assert writes[1].subresource == "status"
    assert [(w.verb, w.name, w.resource_version) for w in context.writes] == [("create", "a", "8")]
    by_method = {r.verb: r for r in server.requests}
    assert by_method["PATCH"].headers["Content-Type"] == "application/json-patch+json"
    assert by_method["PATCH"].path == "/api/v1/namespaces/default/pods/a/status"
    assert json.loads(by_method["DELETE"].body) == {
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "uid-a"},
        "gracePeriodSeconds": 0, "propagationPolicy": "Background",
    }  # fmt: skip


def hang_up(x: Exchange) -> None:
    x.handler.close_connection = True


def half_an_answer(x: Exchange) -> None:
    x.handler.send_response(201)
    x.handler.send_header("Content-Length", "100")
    x.handler.end_headers()
    x.handler.wfile.write(b"{")
    x.handler.close_connection = True


@pytest.mark.parametrize(
    ("cause", "raised", "outcome", "status", "words"),
    [
        ("cancelled", ReconcileCancelled, "unsent", 0, "leader election lost"),
        ("late", ReconcileTimeout, "unsent", 0, "ran out of time"),
        ("not encodable", TypeError, "unsent", 0, "has no JSON"),
        ("silence", Unreachable, "unknown", 0, "timed out"),
        ("hang up", Unreachable, "unknown", 0, "closed"),
        ("half an answer", Unreachable, "unknown", 0, "closed in the middle"),
        ("a login page", UnexpectedAnswer, "answered", 200, "it begins with '<html>'"),
        ("a refusal", Forbidden, "answered", 403, "no"),
    ],
)
def test_a_write_that_fails_says_whether_it_was_sent_and_answered(
    server: FaultServer, cause: str, raised: type[Exception], outcome: str, status: int, words: str
) -> None:
    bus, released = EventBus(), threading.Event()
    subscription = bus.subscribe("test")
    scripts: dict[str, Any] = {
        "silence": lambda x: eventually(released.is_set),
        "hang up": hang_up,
        "half an answer": half_an_answer,
        "a login page": lambda x: x.answer(200, b"<html>"),
        "a refusal": refusing(403, "Forbidden"),
    }
    server.script = scripts.get(cause, replying(pod("a", 1), 201))
    client = Client(configuration(server.url), bus=bus).with_timeout(0.2)
    context = ReconcileContext("redis", Request("default", "r"), "id-1", 1)
    if cause == "cancelled":
        context.cancelled = lambda: "leader election lost"
    if cause == "late":
        context.deadline = 0.0
    body = pod("a", 0) | ({"data": object()} if cause == "not encodable" else {})
    token = current_reconcile.set(context)
    try:
        with pytest.raises(raised, match=words):
            client.create(body, Pod)
    finally:
        current_reconcile.reset(token)
        released.set()
    (write,) = subscription.drain().events
    assert isinstance(write, ApiWrite)
    assert (write.outcome, write.status, write.reconcile) == (outcome, status, "id-1")
    assert words in write.error
    assert context.writes == []
    assert len(server.requests) == (0 if outcome == "unsent" else 1)


def test_durations_are_not_the_wall_clocks(server: FaultServer) -> None:
    bus, clock = EventBus(), iter([1_000.0, 5_000.0])
    subscription = bus.subscribe("test")
    server.script = replying(pod("a", 1), 201)
    client = Client(configuration(server.url), bus=bus, clock=lambda: next(clock))
    client.create(pod("a", 0), Pod)
    client.create(pod("a", 0), Pod)
    writes = [e for e in subscription.drain().events if isinstance(e, ApiWrite)]
    assert [w.at for w in writes] == [1_000.0, 5_000.0]
    assert all(0 < w.duration < 5 for w in writes)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (
            'pods "a" is forbidden: User "me" cannot patch resource "pods/status" in API group ""',
            "pods/status",
        ),
        (
            'pods "a" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2, limited: pods=2',
            None,
        ),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation', None),
        ('admission webhook "w" denied the request: User "me" cannot patch resource "pods/status"', None),
        ("pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", None),
        ('pods "a" is forbidden: User "me" cannot get resource "secrets" in API group ""', None),
        ("<h1>Forbidden</h1>", None),
    ],
)
def test_a_write_that_is_forbidden_says_which_rule_is_missing(
    server: FaultServer, words: str, rule: str | None
) -> None:
    bus = EventBus()
    subscription = bus.subscribe("test")
    server.script = refusing(403, "Forbidden", words)
    with pytest.raises(Forbidden):
        Client(configuration(server.url), bus=bus).patch(Pod, "default", "a", {}, subresource="status")
    (write,) = subscription.drain().events
    assert isinstance(write, ApiWrite)
    assert write.missing_rule == (PolicyRule(("",), (rule,), ("patch",)) if rule else None)


def test_credentials_are_reloaded_once(server: FaultServer) -> None:
    tokens = iter(["new", "newer"])

    def reload(before: Configuration) -> Configuration:
        token = next(tokens, "")
        return replace(configuration(server.url, token=token), reload=reload) if token else before

    def script(x: Exchange) -> None:
        if x.seen.headers.get("Authorization") == "Bearer new":
            x.answer(200, b'{"gitVersion":"v1"}')
        else:
            x.refuse(401, "Unauthorized", "Unauthorized")

    server.script = script
    client = Client(replace(configuration(server.url, token="old"), reload=reload))
    assert client.version() == "v1"
    assert client.version() == "v1"
    assert len(server.requests) == 3
    server.script = refusing(401, "Unauthorized", "expired")
    with pytest.raises(Unauthorized, match="expired"):
        client.version()
    assert len(server.requests) == 5
    with pytest.raises(Unauthorized, match="expired"):
        client.version()  # there is nothing new to load now
    assert len(server.requests) == 6


def test_certificates_may_rotate(tmp_path: Path) -> None:
    context, first = server_context(tmp_path, "first")
    server = FaultServer(tls=context, script=replying({"gitVersion": "v1"})).start()
    authority = tmp_path / "ca.crt"
    authority.write_bytes(first.read_bytes())
    client = Client(configuration(server.url, authority=str(authority)))
    assert client.version() == "v1"
    server.stop()
    server.tls, second = server_context(tmp_path, "second")
    server.start()
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        client.version()
    authority.write_bytes(second.read_bytes())
    assert client.version() == "v1"
    server.stop()


def test_streams_over_tls_can_be_shut_from_outside(tmp_path: Path) -> None:
    context, authority = server_context(tmp_path, "first")
    server = FaultServer(tls=context).start()
    transport = Transport(configuration(server.url, authority=str(authority)))
    cancel, ended = Cancel(), threading.Event()
    got: list[bytes] = []

    def read() -> None:
        query = {"watch": True, "sendInitialEvents": True}
        try:
            got.extend(transport.stream("/api/v1/pods", query, idle_timeout=30.0, cancel=cancel))
        except Cancelled:
            ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    eventually(lambda: got)
    started = time.monotonic()
    cancel.set()
    assert ended.wait(2.0)
    assert time.monotonic() - started < 0.5
    with pytest.raises(Cancelled):
        transport.request("GET", "/version", cancel=cancel)
    server.stop()


def test_observers_hear_of_every_request(server: FaultServer) -> None:
    transport = Transport(configuration(server.url))
    heard: list[tuple[str, int]] = []
    transport.observers.append(lambda exchange: heard.append((exchange.method, exchange.status)))
    server.script = refusing(503, "ServiceUnavailable")
    with pytest.raises(ServerError):
        transport.request("GET", "/version")
    server.stop()
    with pytest.raises(Unreachable):
        transport.request("DELETE", "/version")
    assert heard == [("GET", 503), ("DELETE", 0)]


def test_a_configuration_that_cannot_be_reloaded(server: FaultServer) -> None:
    def broken(before: Configuration) -> Configuration:
        raise ConfigError("the file is gone")

    server.script = refusing(401, "Unauthorized", "expired")
    client = Client(replace(configuration(server.url), reload=broken))
    with pytest.raises(Unauthorized, match="expired"):
        client.version()
    assert len(server.requests) == 1
