"""Stand-ins for what is below a controller: sources that a test controls, a manager without a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from controller_runtime.bus import EventBus
from controller_runtime.cache.sources import Deliver, Informers
from controller_runtime.client.client import Client
from controller_runtime.controller.reconcile import Result
from controller_runtime.kube.deltas import Event
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.object import ObjectMeta
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager


def manager(bus: EventBus | None = None, **options: Any) -> Manager:
    """A manager that has nobody to talk to; for controllers whose sources ask for no informer."""
    client = SimpleNamespace(host="https://nowhere", transport=SimpleNamespace(observers=[]))
    return Manager(cast(Client, client), bus or EventBus(), **options)


def configmap(name: str, *, namespace: str = "ns", version: str = "1", **meta: Any) -> ConfigMap:
    return ConfigMap(
        metadata=ObjectMeta(
            name=name, namespace=namespace, uid=f"uid-{name}", resource_version=version, **meta
        )
    )


class ManualSource:
    """Delivers what the test tells it to, and says it has synced when the test says so."""

    def __init__(self, name: str = "manual source", *, synced: bool = True) -> None:
        self.name = name
        self.synced = synced
        self.failed = False
        self.started = threading.Event()
        self._deliver: Deliver[Any] | None = None

    def start(self, manager: Informers, deliver: Deliver[Any], stop: threading.Event) -> ManualSource:
        self._deliver = deliver
        self.started.set()
        return self

    def deliver(self, event: Event[Any]) -> None:
        assert self.started.wait(5)
        assert self._deliver is not None
        self._deliver(event)

    def has_synced(self) -> bool:
        return self.synced

    def has_settled(self) -> bool:
        return self.synced or self.failed


class Reconciling:
    """A reconciler made of a function; remembers what it was asked."""

    def __init__(self, function: Callable[[Request], Result | None] = lambda _: None) -> None:
        self._function = function
        self.requests: list[Request] = []

    def reconcile(self, request: Request) -> Result | None:
        self.requests.append(request)
        return self._function(request)
