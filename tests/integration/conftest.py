"""The Redis operator on an API server. A server without nodes gets one: the sandbox's kubelet, as a client.

Everything that is made here goes again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.api import Redis
from controller.heal import watch_heals
from controller.operator import add_redis_controller
from controller_runtime.bus import EventBus, Subscription
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.events import BusEvent
from controller_runtime.kube.crd import custom_resource_definition
from controller_runtime.kube.errors import AlreadyExists, NotFound
from controller_runtime.manager.manager import Manager
from sandbox.apiclient import Client as NodeClient
from sandbox.kubelet import KubeletOptions, run_kubelet
from tests.cluster import eventually
from tests.conftest import a_namespace
from tests.players import playing

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
EVENTS = "/api/v1/namespaces/default/events"


def call(client: Client, method: str, path: str, body: Any = None) -> None:
    import msgspec

    raw = None if body is None else msgspec.json.encode(body)
    client.transport.request(method, path, body=raw, content_type="application/json")


@pytest.fixture(scope="session")
def crd(admin: Client) -> Iterator[None]:
    mine = True
    try:
        call(admin, "POST", CRDS, custom_resource_definition(Redis))
    except AlreadyExists:
        mine = False
    eventually(lambda: _is_served(admin))
    yield
    if mine:
        call(admin, "DELETE", f"{CRDS}/redis.myapp.tangx.in")


def _is_served(admin: Client) -> bool:
    with suppress(NotFound):
        return bool(admin.get_json("/apis/myapp.tangx.in/v1"))
    return False


@pytest.fixture(scope="session")
def nodes(admin: Client, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At least one node that runs pods."""
    if admin.get_json(NODES)["items"]:
        yield
        return
    options = KubeletOptions(
        nodes=1, runtime="simulated", start_delay=0.1, scratch=tmp_path_factory.mktemp("pods")
    )

    async def kubelet(client: NodeClient) -> None:
        await run_kubelet(client, options)

    with playing(kubeconfig, "kubelet", kubelet):
        eventually(lambda: admin.get_json(NODES)["items"])
        yield
    for node in admin.get_json(NODES)["items"]:
        name = node["metadata"]["name"]
        call(admin, "DELETE", f"{NODES}/{name}")
        with suppress(NotFound):
            call(admin, "DELETE", f"{LEASES}/{name}")
        call(admin, "DELETE", f"{EVENTS}?fieldSelector=involvedObject.name%3D{name}")


@pytest.fixture
def namespace(admin: Client, crd: None, nodes: None) -> Iterator[str]:
    with a_namespace(admin) as name:
        yield name


@dataclass
class Operator:
    bus: EventBus
    subscription: Subscription
    seen: list[BusEvent]

    def events(self) -> list[BusEvent]:
        self.seen += self.subscription.drain().events
        return self.seen


@pytest.fixture
def operator(kubeconfig: Path, namespace: str) -> Iterator[Operator]:
    """The Redis operator, in this process, for the test's namespace only."""
    with operating(kubeconfig, namespace) as running:
        yield running


@contextmanager
def operating(kubeconfig: Path, namespace: str, *, user: str | None = None) -> Iterator[Operator]:
    """The same for the length of a ``with`` block, under the identity of ``user``."""
    bus = EventBus()
    subscription = bus.subscribe("test", maxlen=100_000)
    stop = threading.Event()
    client = Client(load_configuration(kubeconfig, impersonate=user), bus=bus)
    manager = Manager(client, bus, namespaces=(namespace,))
    add_redis_controller(manager)
    heals = watch_heals(bus, stop)
    thread = threading.Thread(target=manager.start, args=(stop,), daemon=True)
    thread.start()
    try:
        yield Operator(bus, subscription, [])
        _remove_redises(Client(load_configuration(kubeconfig)), namespace)
    finally:
        stop.set()
        thread.join(35)
        heals.join(2)
    assert not thread.is_alive()


def _remove_redises(client: Client, namespace: str) -> None:
    """While the operator runs: it is the one that lets their finalizers go."""
    path = f"/apis/myapp.tangx.in/v1/namespaces/{namespace}/redis"
    for item in client.get_json(path)["items"]:
        call(client, "DELETE", f"{path}/{item['metadata']['name']}")
    deadline = time.monotonic() + 60
    while client.get_json(path)["items"] and time.monotonic() < deadline:
        time.sleep(0.1)
