"""Heals are timed from what travels on the bus, and from nothing else."""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from controller.api import Redis
from controller.events import Heal
from controller.heal import HealTracker, heal_histogram, watch_heals
from controller_runtime.bus import EventBus
from controller_runtime.events import ApiWrite, ObjectChanged, ReconcileStarted
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Ref
from reconsole.lines import json_line, text_line
from tests.cluster import eventually

OURS = "myapp.tangx.in/v1"


def redis(at: float, replicas: int = 2, type_: Any = "MODIFIED", **metadata: Any) -> ObjectChanged:
    body = {"metadata": {"name": "db", "namespace": "default", **metadata}, "spec": {"replicas": replicas}}
    return ObjectChanged(
        at=at, type=type_, ref=Ref("Redis", "default", "db", "r", OURS), resource_version="1",
        raw=msgspec.Raw(json.dumps(body).encode()),
    )  # fmt: skip


def pod(
    at: float,
    type_: Any,
    uid: str,
    *,
    ready: bool = False,
    name: str = "db-1",
    owner: str = OURS,
    **metadata: Any,
) -> ObjectChanged:
    reference = {"apiVersion": owner, "kind": "Redis", "name": "db", "controller": True}
    body = {
        "metadata": {"ownerReferences": [reference], **metadata},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }
    return ObjectChanged(
        at=at, type=type_, ref=Ref("Pod", "default", name, uid), resource_version="1",
        raw=msgspec.Raw(json.dumps(body).encode()),
    )  # fmt: skip


def write(at: float, verb: Any, uid: str, **fields: Any) -> ApiWrite:
    return ApiWrite(at=at, verb=verb, ref=Ref("Pod", "default", "db-1", uid), status=200, **fields)


def run(*events: Any) -> list[Heal]:
    tracker = HealTracker()
    return [heal for event in events for heal in tracker.observe(event)]


TERMINATING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_a_heal_from_the_request_to_ready() -> None:
    heals = run(
        redis(0),
        pod(1, "ADDED", "old", ready=True),
        write(10.2, "delete", "old", duration=0.2, action="action-1"),
        pod(10.3, "MODIFIED", "old", ready=True, **TERMINATING),
        pod(11.0, "DELETED", "old", **TERMINATING),
        ReconcileStarted(at=11.0, controller="redis", key="default/db", id="x", number=42),
        write(11.1, "create", "new", reconcile="x"),
        pod(11.1, "ADDED", "new"),
        pod(11.4, "MODIFIED", "new"),
        pod(12.0, "MODIFIED", "new", ready=True),
    )
    assert [h.stage for h in heals] == ["deleting", "gone", "recreated", "ready"]
    last = heals[-1]
    assert (last.by, last.reconcile, last.old_uid, last.new_uid) == ("you", 42, "old", "new")
    assert last.requested == 10.0
    assert last.seconds == 2.0


def test_pods_of_another_operators_redis_are_not_ours() -> None:
    opstree = "redis.redis.opstreelabs.in/v1beta2"
    assert run(redis(0), pod(1, "DELETED", "old", owner=opstree), pod(2, "ADDED", "new", owner=opstree)) == []


def test_what_an_informer_has_decoded_is_not_decoded_again() -> None:
    changes = [
        redis(0),
        pod(1, "ADDED", "old", ready=True),
        pod(2, "DELETED", "old"),
        pod(3, "ADDED", "new"),
        pod(4, "MODIFIED", "new", ready=True),
    ]
    kinds: dict[str, type[KubeObject]] = {"Redis": Redis, "Pod": Pod}
    without_json = [
        msgspec.structs.replace(e, raw=msgspec.Raw(b"")).having(e.decoded(kinds[e.ref.kind])) for e in changes
    ]
    assert [h.stage for h in run(*without_json)] == ["gone", "recreated", "ready"]


def test_a_service_is_healed_as_soon_as_it_is_there() -> None:
    def service(at: float, type_: Any, uid: str) -> ObjectChanged:
        change = pod(at, type_, uid, name="db")
        return msgspec.structs.replace(change, ref=Ref("Service", "default", "db", uid))

    heals = run(
        redis(0),
        service(5, "DELETED", "old"),
        pod(5.1, "ADDED", "x", name="db"),
        service(5.5, "ADDED", "new"),
    )
    assert [(h.kind, h.stage, h.seconds) for h in heals] == [
        ("Service", "gone", None),
        ("Service", "ready", 0.5),
    ]
    assert [h.stage for h in run(redis(0, type_="DELETED"), service(5, "DELETED", "old"))] == ["abandoned"]


def test_a_delete_by_somebody_else_counts_from_its_first_sign() -> None:
    heals = run(
        redis(0), pod(5, "DELETED", "old"), pod(5.5, "ADDED", "new"), pod(6, "MODIFIED", "new", ready=True)
    )
    assert [h.stage for h in heals] == ["gone", "recreated", "ready"]
    assert (heals[-1].by, heals[-1].seconds) == ("", 1.0)


def test_the_answer_to_the_delete_may_come_after_its_watch_event() -> None:
    heals = run(
        redis(0),
        pod(10.1, "MODIFIED", "old", **TERMINATING),
        write(10.2, "delete", "old", duration=0.2, action="action-1"),
    )
    assert heals[-1].requested == 10.0
    assert heals[-1].by == "you"


def test_each_stage_is_printed_once_in_whatever_order_answers_and_events_come() -> None:
    heals = run(
        redis(0),
        pod(10.1, "MODIFIED", "old", **TERMINATING),
        write(10.2, "delete", "old", duration=0.2, action="action-1"),
        pod(11, "DELETED", "old", **TERMINATING),
        ReconcileStarted(at=11.0, controller="redis", key="default/db", id="x", number=42),
        pod(11.1, "ADDED", "new"),
        write(11.2, "create", "new", reconcile="x"),
        pod(12, "MODIFIED", "new", ready=True),
    )
    assert [h.stage for h in heals if h.amended] == ["deleting", "recreated"]
    printed = [json.loads(line) for heal in heals if (line := json_line(heal))]
    assert [p["stage"] for p in printed] == ["deleting", "gone", "recreated", "ready"]
    assert [bool(text_line(heal)) for heal in heals] == [not heal.amended for heal in heals]
    assert printed[-1]["reconcile"] == 42


def test_scale_down_and_the_end_of_a_redis_are_no_heals() -> None:
    assert [h.stage for h in run(redis(0, replicas=1), pod(5, "DELETED", "old"))] == ["abandoned"]
    assert [h.stage for h in run(redis(0), pod(5, "DELETED", "old"), redis(6, type_="DELETED"))] == [
        "gone",
        "abandoned",
    ]
    assert run(redis(0, replicas=1), pod(5, "MODIFIED", "old", **TERMINATING)) == []


def test_pods_that_were_already_going_when_we_came_are_not_timed_before_they_are_gone() -> None:
    tracker = HealTracker()
    tracker.observe(redis(0))
    listed = msgspec.structs.replace(pod(1, "ADDED", "old", **TERMINATING), initial=True)
    assert tracker.observe(listed) == []
    assert [h.stage for h in tracker.observe(pod(2, "DELETED", "old"))] == ["gone"]


def test_a_replacement_that_is_deleted_too_starts_a_new_heal() -> None:
    heals = run(
        redis(0),
        pod(1, "DELETED", "a"),
        pod(2, "ADDED", "b"),
        pod(3, "DELETED", "b"),
        pod(4, "ADDED", "c", ready=True),
    )
    assert [(h.stage, h.old_uid) for h in heals] == [
        ("gone", "a"),
        ("recreated", "a"),
        ("gone", "b"),
        ("ready", "b"),
    ]
    assert heals[-1].seconds == 1.0


def test_other_pods_and_broken_objects_are_passed_over() -> None:
    stranger = pod(1, "DELETED", "x")
    body = msgspec.structs.replace(stranger, raw=msgspec.Raw(b'{"metadata":{}}'))
    broken = msgspec.structs.replace(stranger, raw=msgspec.Raw(b'{"metadata":3}'))
    assert run(redis(0), body, broken) == []


def test_heals_are_measured_and_published() -> None:
    bus = EventBus()
    heals = bus.subscribe("test")
    stop = threading.Event()
    registry = CollectorRegistry()
    thread = watch_heals(bus, stop, heal_histogram(registry).observe)
    for event in (redis(0), pod(5, "DELETED", "old"), pod(5.2, "ADDED", "new", ready=True)):
        bus.publish(event)
    eventually(lambda: registry.get_sample_value("redis_pod_heal_seconds_count") == 1.0)
    stop.set()
    thread.join(5)
    assert [e.stage for e in heals.drain().events if isinstance(e, Heal)] == ["gone", "ready"]
