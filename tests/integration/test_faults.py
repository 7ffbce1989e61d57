"""The runtime against the embedded API server while that one fails on request."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.cache.informer import Informer
from controller_runtime.client.client import Client
from controller_runtime.events import ObjectChanged, WatchStatus
from controller_runtime.kube.errors import AlreadyExists, Unreachable
from controller_runtime.kube.kinds import ConfigMap
from tests.cluster import eventually
from tests.integration.conftest import call

pytestmark = pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="a real API server does not fail on request"
)


def fault(admin: Client, **wish: Any) -> None:
    call(admin, "POST", "/debug/faults", wish)


class Watched:
    """An informer on the ConfigMaps of a namespace, and what it published."""

    def __init__(self, admin: Client) -> None:
        self.admin = admin
        self.namespace = f"faults-{uuid.uuid4().hex[:8]}"
        call(admin, "POST", "/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": self.namespace}})
        bus = EventBus()
        self._subscription = bus.subscribe("test", maxlen=100_000)
        self._seen: list[Any] = []
        self.informer = Informer(admin, ConfigMap, bus, namespaces=(self.namespace,))
        self.informer.start()
        assert self.informer.wait_for_sync(20)

    def create(self, name: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self.namespace},
        }
        self.admin.create(body)

    def creates(self, name: str) -> bool:
        """The same while the server may be away: whether it is made."""
        try:
            self.create(name)
        except AlreadyExists:
            return True
        except Unreachable:
            return False
        return True

    def delete(self, name: str) -> None:
        self.admin.delete(ConfigMap, self.namespace, name)

    def has(self, *names: str) -> bool:
        return all(self.informer.get(self.namespace, name) for name in names)

    def events(self) -> list[Any]:
        self._seen += self._subscription.drain().events
        return self._seen

    def states(self) -> list[str]:
        return [e.state for e in self.events() if isinstance(e, WatchStatus)]


@pytest.fixture
def watched(admin: Client) -> Iterator[Watched]:
    watched = Watched(admin)
    watched.create("before")
    eventually(lambda: watched.has("before"))
    yield watched
    fault(admin, clear=True)
    watched.informer.stop()
    call(admin, "DELETE", f"/api/v1/namespaces/{watched.namespace}")


def test_dropped_watches_resume_without_a_new_list(watched: Watched, admin: Client) -> None:
    fault(admin, dropWatches=True)
    watched.create("after")
    eventually(lambda: watched.has("before", "after"))
    changes = [e for e in watched.events() if isinstance(e, ObjectChanged) and e.ref.name == "before"]
    assert len(changes) == 1


def test_lost_history_is_made_up_by_a_list_and_missed_deletes_are_published(
    watched: Watched, admin: Client
) -> None:
    fault(admin, status=503, seconds=60, resource="configmaps", verb="watch")
    fault(admin, dropWatches=True)
    eventually(lambda: "reconnecting" in watched.states())
    watched.delete("before")
    watched.create("after")
    fault(admin, compact=True)
    fault(admin, clear=True)
    eventually(lambda: watched.has("after") and not watched.has("before"), 40)
    gone = [e for e in watched.events() if isinstance(e, ObjectChanged) and e.type == "DELETED"]
    assert [(e.ref.name, e.state_unknown) for e in gone] == [("before", True)]
    eventually(lambda: watched.informer.statuses()[0].state == "live")


@pytest.mark.parametrize("history", ["keep", "forget"])
def test_a_restart_is_survived(watched: Watched, admin: Client, history: str) -> None:
    fault(admin, restart=history)
    eventually(lambda: "reconnecting" in watched.states())  # it answers for a moment before it goes
    eventually(lambda: watched.creates("after"))
    eventually(lambda: watched.has("before", "after"), 40)
    eventually(lambda: watched.informer.statuses()[0].state == "live")


def test_too_many_requests_are_waited_out_as_asked(watched: Watched, admin: Client) -> None:
    fault(admin, status=429, retryAfter=2, seconds=3, resource="configmaps", verb="watch")
    fault(admin, dropWatches=True)
    refused = eventually(
        lambda: next(
            (e for e in watched.events() if isinstance(e, WatchStatus) and "too many requests" in e.message),
            None,
        )
    )
    assert refused.next_try is not None
    assert refused.next_try - refused.at >= 1.99
    watched.create("after")
    eventually(lambda: watched.has("after"), 40)
    assert watched.states()[-1] == "live"
