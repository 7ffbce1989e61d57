"""The reconciler with stores that the test has filled, and a client that only notes what it is asked for."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.api import FINALIZER_PREFIX, Redis
from controller.reconciler import RedisReconciler, notes
from controller_runtime.cache.store import Store
from controller_runtime.controller.reconcile import Result
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
        self.status: dict[str, Any] = {}
        self.create_seconds = 0.0
        self.forbidden = ""
        self.forbidden_after = 0  # so many are granted
        self.refused = 0
        self._lock = threading.Lock()
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
        time.sleep(self.create_seconds)
        write = f"create {body['kind']}"
        with self._lock:
            if body["kind"] == self.forbidden and self.writes.count(write) >= self.forbidden_after:
                self.refused += 1
                raise Forbidden(403, "Forbidden", "no")
            self.writes.append(write)
        return pod(0)

    def patch(self, kind: Any, namespace: str, name: str, body: Any, *, subresource: str = "") -> Any:
        self.writes.append(f"patch {kind.resource.kind} {subresource}".strip())
        self.status = body.get("status", self.status)
        return self.stores[Redis].get("default", "db")

    def turn(self) -> Result | None:
        return RedisReconciler(cast(Manager, self)).reconcile(Request("default", "db"))

    def reconcile(self) -> list[str]:
        self.turn()
        return self.writes

    def conditions(self) -> dict[str, dict[str, Any]]:
        return {c["type"]: c for c in self.status["conditions"]}


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


def test_an_old_object_above_the_bound_is_named_invalid_and_its_pods_are_kept() -> None:
    huge = redis(2**31 - 1, finalizers=[f"{FINALIZER_PREFIX}db-0"])
    world = World(huge, pod(0), pod(1))
    assert world.reconcile() == ["patch Redis status"]
    assert world.conditions()["Degraded"]["reason"] == "InvalidSpec"
    assert "choose one from 0 to 1000" in world.conditions()["Degraded"]["message"]


def test_a_large_redis_is_made_in_turns_that_leave_time_for_others() -> None:
    world = World(with_ledger(1000))
    world.create_seconds = 0.02
    started = time.monotonic()
    result = world.turn()
    assert time.monotonic() - started < 1
    assert result is not None
    assert 0 < result.requeue_after < 0.1
    assert 5 < world.writes.count("create Pod") < 500


def test_a_refusal_ends_the_batch_that_it_came_in() -> None:
    world = World(with_ledger(1000))
    world.forbidden, world.forbidden_after = "Pod", 3
    world.turn()
    assert world.writes.count("create Pod") == 3
    assert world.refused <= 4  # the third batch


def test_every_pod_is_named_in_events() -> None:
    names = [f"db-{n}" for n in range(1000)]
    told = list(notes("Created", names))
    assert all(len(note.encode()) <= 1024 for note in told)
    assert [n for note in told for n in note.removeprefix("Created ").split(", ")] == names
