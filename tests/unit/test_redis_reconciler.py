"""The reconciler with stores that the test has filled, and a client that only notes what it is asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.api import FINALIZER_PREFIX, Redis
from controller.reconciler import RedisReconciler
from controller_runtime.cache.store import Store
from controller_runtime.kube.errors import Forbidden
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager
from tests.unit.test_redis_plan import pod, redis

GOING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}


class World:
    """A manager of the kinds that the reconciler reads."""

    def __init__(self, of: Redis, *pods: Pod) -> None:
        self.writes: list[str] = []
        self.forbidden = ""
        self.stores: dict[Any, Any] = {Redis: Store(Redis), Pod: Store(Pod), Service: Store(Service)}
        self.pods_failing = False
        self.stale: set[str] = set()  # names of what could not be read since
        self.client = self
        for obj in (of, *pods):
            self.stores[type(obj)].put(obj)

    def informer(self, kind: Any) -> Any:
        store = self.stores[kind]
        return SimpleNamespace(
            get=store.get,
            stale=lambda namespace, name: "9" if name in self.stale else "",
            by_owner=lambda uid: store.by_index("owner", uid),
            has_synced=lambda: True,
            is_failing=lambda: kind is Pod and self.pods_failing,
        )

    def event_recorder(self, name: str) -> Any:
        return SimpleNamespace(event=lambda *_: None)

    def create(self, body: dict[str, Any], kind: Any = None) -> Any:
        if body["kind"] == self.forbidden:
            raise Forbidden(403, "Forbidden", "no")
        self.writes.append(f"create {body['kind']}")
        return pod(0)

    def patch(self, kind: Any, namespace: str, name: str, body: Any, *, subresource: str = "") -> Any:
        self.writes.append(f"patch {kind.resource.kind} {subresource}".strip())
        return self.stores[Redis].get("default", "db")

    def reconcile(self) -> list[str]:
        RedisReconciler(cast(Manager, self)).reconcile(Request("default", "db"))
        return self.writes


def with_ledger(replicas: int) -> Redis:
    return redis(replicas, finalizers=[f"{FINALIZER_PREFIX}db-{n}" for n in range(replicas)])


def test_a_pod_that_vanishes_is_waited_for_before_anything_is_reported() -> None:
    assert World(with_ledger(1), pod(0, **GOING)).reconcile() == []


@pytest.mark.parametrize("held", [{"deletionGracePeriodSeconds": 30}, {"finalizers": ["somebody/holds-it"]}])
def test_a_pod_that_takes_its_time_is_reported(held: dict[str, Any]) -> None:
    world = World(with_ledger(1), pod(0, **GOING | held))
    assert world.reconcile() == ["create Service", "patch Redis status"]


def test_what_no_watch_will_bring_is_not_waited_for() -> None:
    world = World(with_ledger(1), pod(0, **GOING))
    world.pods_failing = True
    assert world.reconcile() == ["create Service", "patch Redis status"]


def test_a_refusal_is_reported_at_once() -> None:
    world = World(with_ledger(2), pod(0, **GOING))
    world.forbidden = "Pod"
    assert world.reconcile() == ["create Service", "patch Redis status"]


@pytest.mark.parametrize("name", ["db", "db-0"])
def test_nothing_is_done_on_a_view_that_is_stale(name: str) -> None:
    world = World(with_ledger(2), pod(0))
    world.stale = {name}
    assert world.reconcile() == []
    world.stale.clear()
    assert "create Pod" in world.reconcile()
