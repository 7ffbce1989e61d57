"""A stop: what is under way ends, no write begins but the lease's release, and five seconds are enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.handlers import EnqueueRequestForObject
from controller_runtime.controller.reconcile import Result
from controller_runtime.kube.deltas import CreateEvent
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.resource import Ref, Request
from controller_runtime.manager.leaderelection import LeaderElectionConfig
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.runtime.fakes import ManualSource, Reconciling, configmap
from tests.runtime.harness import configuration
from tests.runtime.sandboxed import running
from tests.runtime.test_leaderelection import LeaseServer


class Server:
    """Serves leases well, all else as ``behave`` does. ``begun``: method, path and time of each request."""

    def __init__(self, behave: Callable[[], None]) -> None:
        self.leases = LeaseServer()
        self.begun: list[tuple[str, str, float]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.begun.append((self.command, self.path, time.monotonic()))
                status, answer = 200, b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}'
                if "/leases" in self.path:
                    try:
                        answer = server.leases.handle("one", self.command, self.path, body or None)
                    except ApiError as error:
                        status, answer = error.status, b"{}"
                else:
                    behave()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = handle_one

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def writes(self, since: float = 0.0) -> list[tuple[str, str]]:
        return [(m, p) for m, p, at in list(self.begun) if m != "GET" and at > since]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def _hang(gate: threading.Event) -> None:
    gate.wait(20)


def _slow(gate: threading.Event) -> None:
    gate.wait(0.3)


def create_many(mgr: Manager) -> Callable[[Request], Result | None]:
    def reconcile(request: Request) -> None:
        for number in range(60):
            name = f"{request.name}-{number}"
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}}
            try:
                mgr.client.create(body)
            except Unreachable:  # as reconcilers do that try the others all the same
                mgr.event_recorder("c").event(Ref("ConfigMap", "ns", name), "Warning", "Failed", "Create", "")

    return reconcile


@pytest.mark.parametrize(("behave", "longest"), [(_hang, 2.6), (_slow, 0.9)])
def test_no_write_begins_after_it_but_the_release_of_the_lease(
    behave: Callable[[threading.Event], None], longest: float, gate: threading.Event
) -> None:
    server = Server(lambda: behave(gate))
    bus = EventBus()
    election = LeaderElectionConfig("op", "ns", "one")
    mgr = Manager(Client(configuration(server.url), bus=bus), bus, leader_election=election)
    source = ManualSource()
    new_controller_managed_by(mgr).named("test").watches(source, EnqueueRequestForObject()).with_options(
        max_concurrent_reconciles=2
    ).complete(Reconciling(create_many(mgr)))
    with running(mgr) as stop:
        source.deliver(CreateEvent(configmap("a")))
        source.deliver(CreateEvent(configmap("b")))
        creates = "/api/v1/namespaces/ns/configmaps"
        eventually(lambda: server.writes().count(("POST", creates)) >= 2)
        stop.set()
        stopped = time.monotonic()
        time.sleep(0.02)  # a request that had passed the gate by then
    took = time.monotonic() - stopped
    assert took < longest + 1.0  # and 1.0 for a busy machine
    assert server.writes(stopped + 0.02) == [("PUT", "/apis/coordination.k8s.io/v1/namespaces/ns/leases/op")]
    assert server.leases.spec["holderIdentity"] == ""


def test_a_request_that_is_still_connecting_does_not_hold_up_the_stop() -> None:
    server = Server(lambda: None)
    bus = EventBus()
    mgr = Manager(Client(configuration(server.url), bus=bus), bus)
    release, inside = threading.Event(), threading.Event()

    class Connecting:
        def start(self, stop: threading.Event) -> None:
            with mgr.in_flight.request():
                inside.set()
                release.wait(20)

    mgr.add(Connecting())
    began = 0.0
    with running(mgr):
        assert inside.wait(2)
        began = time.monotonic()
    assert 2.0 < time.monotonic() - began < 4.0
    release.set()


def test_watches_that_cannot_be_cut_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(lambda: None)
    bus = EventBus()
    mgr = Manager(Client(configuration(server.url), bus=bus), bus, namespaces=("a", "b", "c", "d"))
    release = threading.Event()
    monkeypatch.setattr(
        "controller_runtime.cache.reflector.Reflector.run", lambda self: release.wait(20) and None
    )
    informer = mgr.informer(ConfigMap)
    began = 0.0
    with running(mgr):
        eventually(lambda: len(informer._threads) == 4)
        began = time.monotonic()
    assert time.monotonic() - began < 2.0
    release.set()
