"""An informer against the fault server, and what a person was told meanwhile."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from controller_runtime.bus import EventBus, Subscription
from controller_runtime.cache.backoff import Timing
from controller_runtime.cache.informer import Informer
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.client.credentials import ANONYMOUS, Source, Static
from controller_runtime.client.proxy import parse_proxy
from controller_runtime.events import BusEvent, ObjectChanged, WatchState, WatchStatus
from controller_runtime.kube.deltas import Event
from controller_runtime.kube.kinds import Pod
from tests.runtime.faultserver import Exchange, FaultServer, Script, VirtualClock, highest_rate


def configuration(
    url: str,
    *,
    token: str = "",
    impersonate: str | None = None,
    authority: str = "",
    proxy: str = "",
    reload: Callable[[Configuration], Configuration] | None = None,
) -> Configuration:
    """``authority`` is the path of a CA's certificate; ``proxy`` is a URL."""
    return Configuration(
        host=url,
        credentials=Static(token=Source("token", token.encode())) if token else ANONYMOUS,
        authorities=Source("certificate authority", path=authority) if authority else None,
        proxy=parse_proxy(proxy) if proxy else None,
        impersonate=impersonate,
        reload=reload,
    )


def eventually(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Wait until it is true, for ``timeout`` real seconds at most."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)


@dataclass
class World:
    server: FaultServer
    clock: VirtualClock
    bus: EventBus
    subscription: Subscription
    client: Client
    informer: Informer[Pod]
    published: list[BusEvent] = field(default_factory=list)
    delivered: list[Event[Pod]] = field(default_factory=list)

    def drain(self) -> list[BusEvent]:
        self.published += self.subscription.drain().events
        return self.published

    def statuses(self) -> list[WatchStatus]:
        return [e for e in self.drain() if isinstance(e, WatchStatus)]

    def states(self) -> list[WatchState]:
        """The states one after another, without repetitions."""
        found: list[WatchState] = []
        for status in self.statuses():
            if not found or found[-1] != status.state:
                found.append(status.state)
        return found

    def changes(self) -> list[tuple[str, str]]:
        return [(e.type, e.ref.name) for e in self.drain() if isinstance(e, ObjectChanged)]

    def names(self) -> list[str]:
        return sorted(p.metadata.name for p in self.informer.list())

    @property
    def status(self) -> WatchStatus:
        return self.informer.statuses()[0]

    def wait_for(self, state: WatchState) -> None:
        eventually(lambda: self.status.state == state)

    def run_to_limit(self) -> None:
        """Let virtual time pass until its limit."""
        assert self.clock.reached_limit.wait(20), "virtual time stood still"

    def let_go_on(self, seconds: float = 1e9) -> None:
        """Let virtual time run on, for ``seconds`` more."""
        self.clock.limit = self.clock.now + seconds
        self.clock.reached_limit.clear()
        for reflector in self.informer.reflectors:
            reflector.retry_now()


@contextmanager
def world(
    script: Script = Exchange.serve,
    *,
    pods: tuple[str, ...] = ("a", "b"),
    limit: float = 60.0,
    idle_timeout: float = 30.0,
    start: bool = True,
    namespaces: tuple[str, ...] = (),
    label_selector: str = "",
    decode_as: type[Pod] | None = None,
    tls: ssl.SSLContext | None = None,
    fields: dict[str, Any] | None = None,
    rate: int = 2,
) -> Iterator[World]:
    """``rate``: how many requests in any second are too few to complain about; two in any fault."""
    clock = VirtualClock(limit)
    server = FaultServer(clock=clock.monotonic, script=script, tls=tls).start()
    for name in pods:
        server.put(name)
    bus = EventBus()
    subscription = bus.subscribe("test")
    client = Client(configuration(server.url, **(fields or {})), bus=bus)
    timing = Timing(clock.wall, clock.monotonic, clock.random, clock.wait)
    informer = Informer(
        client, Pod, bus, namespaces=namespaces, label_selector=label_selector, timing=timing,
        idle_timeout=idle_timeout, decode_as=decode_as,
    )  # fmt: skip
    made = World(server, clock, bus, subscription, client, informer)
    informer.add_handler(made.delivered.append)
    if start:
        informer.start()
    try:
        yield made
        assert highest_rate(server.requests) <= rate
    finally:
        informer.stop(5.0)
        server.stop()
        client.transport.close()
