"""Any kind that the server serves, as a Table, while somebody looks at it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from controller.browse import Browser
from controller.events import Browsing, Printed
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.events import BusEvent, ObjectChanged
from controller_runtime.threads import Threads
from tests.cluster import eventually


def test_it_lists_and_watches_with_the_servers_columns(admin: Client, namespace: str) -> None:
    bus = EventBus()
    subscription = bus.subscribe("test")
    seen: list[BusEvent] = []
    client: Future[Client] = Future()
    client.set_result(admin)
    browser = Browser(client, bus, Threads(bus))

    def has(check: object) -> bool:
        seen.extend(subscription.drain().events)
        return any(check(e) for e in seen)  # type: ignore[operator]

    browser.open("configmap")
    eventually(lambda: has(lambda e: isinstance(e, Browsing) and "Data" in e.columns))
    metadata = {"name": "seen", "namespace": namespace}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    admin.create({**body, "data": {"a": "1", "b": "2"}})
    eventually(lambda: has(lambda e: isinstance(e, ObjectChanged) and e.ref.name == "seen" and not e.initial))
    assert any(isinstance(e, Printed) and e.cells[:2] == ("seen", "2") for e in seen)
    secret = {**body, "kind": "Secret", "metadata": {**body["metadata"], "name": "s3cret"}}
    admin.create({**secret, "stringData": {"password": "hunter2"}})
    browser.open("secrets")
    eventually(lambda: has(lambda e: isinstance(e, ObjectChanged) and e.ref.name == "s3cret"))
    assert not any("hunter2" in str(e) or "aHVudGVyMg" in str(e) for e in seen)
    browser.open("bananas")
    eventually(lambda: has(lambda e: isinstance(e, Browsing) and e.message == "the server serves no bananas"))
    browser.close()
