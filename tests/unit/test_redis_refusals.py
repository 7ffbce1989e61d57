"""Writes that are refused and views that are denied: said once, tried again, and no end of healing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from controller import desired
from controller.api import Redis
from controller_runtime.client.cancel import Cancelled
from controller_runtime.controller.reconcile import ReconcileError
from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Request
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger

REFUSALS = [
    ApiError(400, "BadRequest", "unknown field"),
    Unauthorized(401, "Unauthorized", "the token has expired"),
    Forbidden(403, "Forbidden", "exceeded quota: pods"),
    ApiError(413, "RequestEntityTooLarge", "limit is 3145728"),
    Invalid(422, "Invalid", "spec.containers[0].image: no"),
    TooManyRequests(429, "TooManyRequests", "slow down", retry_after=20),
    ServerError(500, "InternalError", "failed calling webhook"),
    ServerError(503, "", "no endpoints"),
    Unreachable("timed out"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=str)
@pytest.mark.parametrize(
    "write", ["create Pod", "create Service", "patch Redis status", "patch Redis", "delete db-2"]
)
def test_any_refused_write_is_said_once_and_fails_its_reconcile(write: str, error: Exception) -> None:
    world = World(
        with_ledger(1) if write != "patch Redis" else redis(1), *[pod(2)] * (write == "delete db-2")
    )
    world.refusing[write] = error
    for _ in range(3):
        with pytest.raises(ReconcileError, match=r"cannot be .*") as raised:
            world.turn()
        assert raised.value.__cause__ is error
        assert str(error) in str(raised.value)
    assert len(world.warnings()) == 1
    assert str(error) in world.warnings()[0]
    assert "create Pod" in world.writes, "one refusal keeps no other step from being made"
    if write != "patch Redis status":
        assert str(error) in world.conditions()["Degraded"]["message"]


@pytest.mark.parametrize("write", ["create Pod", "create Service", "patch Redis status"])
def test_a_process_that_stops_says_of_no_request_that_it_was_refused(write: str) -> None:
    world = World(with_ledger(1))
    world.refusing[write] = Cancelled("the manager stops")
    with pytest.raises(Cancelled):
        world.turn()
    assert world.warnings() == []


def test_a_refusal_that_is_worded_differently_each_time_is_said_once() -> None:
    world = World(with_ledger(1))
    for number in (17, 1234, 99):
        words = f"denied request 5f0c11e2-9b1{number % 7}-4d61-8c3e-0123456789ab at {number}"
        world.refusing["create Pod"] = Forbidden(403, "Forbidden", words)
        world.reconcile()
    assert len(world.warnings()) == 1
    assert "at 17" in world.conditions()["Degraded"]["message"]


def test_the_longest_time_that_is_asked_for_is_kept_to() -> None:
    world = World(with_ledger(1))
    world.refusing["create Pod"] = Forbidden(403, "Forbidden", "no")
    world.refusing["patch Redis status"] = TooManyRequests(429, "TooManyRequests", "slow", retry_after=20)
    with pytest.raises(ReconcileError, match="pods cannot be created: no") as raised:
        world.turn()
    assert isinstance(raised.value.__cause__, TooManyRequests)


def test_words_that_say_something_new_are_shown() -> None:
    world = World(redis(2000))
    world.reconcile()
    world.stores[Redis].put(redis(3000, resourceVersion="2", generation=2))
    world.reconcile()
    assert "spec.replicas is 3000" in world.conditions()["Degraded"]["message"]
    assert len(world.warnings()) == 2


def test_a_conflict_is_first_tried_again_and_then_said() -> None:
    world = World(with_ledger(1))
    world.refusing["create Pod"] = Conflict(409, "Conflict", "the quota has been modified")
    for _ in range(3):
        with pytest.raises(ReconcileError):
            world.turn()
    assert world.warnings() == []
    world.reconcile()
    assert "the quota has been modified" in world.warnings()[0]


def test_after_a_conflict_the_newest_state_is_read_and_planned_for() -> None:
    old = redis(1, resourceVersion="1")
    world = World(old)
    world.live[Redis] = [redis(2, resourceVersion="2")]
    writes = world.reconcile()
    assert writes[:4] == ["patch Redis", "patch Redis", "create Pod", "create Pod"]


def test_a_deleted_redis_takes_pods_along_that_the_watch_shows_as_they_were() -> None:
    going: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    world = World(redis(1, finalizers=list(with_ledger(1).metadata.finalizers), **going), pod(0))
    world.live[Pod] = [pod(0, resourceVersion="8")]
    assert world.reconcile() == ["delete db-0", "delete db-0"]
    world.live[Pod] = [pod(0, resourceVersion="9", ownerReferences=[])]  # set free since
    assert world.reconcile() == ["delete db-0"]


def test_where_the_watch_of_pods_is_denied_a_deletion_is_a_failure_with_back_off() -> None:
    going: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    world = World(redis(1, finalizers=list(with_ledger(1).metadata.finalizers), **going), pod(0))
    world.denied[Pod] = "pods is forbidden"
    for _ in range(2):
        with pytest.raises(ReconcileError, match="pods cannot be watched: pods is forbidden"):
            world.turn()
    assert world.conditions()["Degraded"]["reason"] == "PodsUnknown"
    assert len(world.warnings()) == 1


def test_pods_are_made_where_the_ledger_cannot_be_written() -> None:
    world = World(redis(2), pod(0))
    world.refusing["patch Redis"] = Invalid(422, "Invalid", "spec.port: too small")
    assert "create Pod" in world.reconcile()
    degraded = world.conditions()["Degraded"]
    assert degraded["message"] == "the finalizers cannot be written: spec.port: too small"


@pytest.mark.parametrize("kind", [Pod, Service])
def test_ready_is_not_said_on_a_view_that_is_denied(kind: Any) -> None:
    world = World(with_ledger(1), pod(0))
    world.reconcile()
    assert world.conditions()["Ready"]["status"] == "True"
    world.denied[kind] = "no right"
    world.reconcile()
    assert world.conditions()["Ready"]["status"] == "Unknown"
    assert f"{kind.resource.plural} cannot be watched: no right" in world.warnings()
    world.denied.clear()
    world.reconcile()
    assert world.conditions()["Ready"]["status"] == "True"


def test_a_service_of_its_own_that_no_watch_shows_is_no_conflict() -> None:
    world = World(with_ledger(1), pod(0))
    world.denied[Service] = "services is forbidden"
    assert "create Service" in world.reconcile()
    assert "create Service" not in world.reconcile()
    assert world.conditions()["Degraded"]["message"] == "services cannot be watched: services is forbidden"


def test_the_service_of_an_older_redis_is_not_to_be_deleted_by_anybody() -> None:
    world = World(with_ledger(1), pod(0))
    body = desired.service(redis(1))
    body["metadata"]["ownerReferences"][0]["uid"] = "older"
    world.stores[Service].put(msgspec.convert(body, Service))
    world.reconcile()
    assert "the garbage collector takes it away" in world.conditions()["Degraded"]["message"]


@pytest.mark.parametrize(("owned", "reason"), [(True, "AsExpected"), (False, "ServiceConflict")])
def test_a_service_that_the_watch_has_not_shown_yet_is_looked_at(owned: bool, reason: str) -> None:
    world = World(with_ledger(1), pod(0))
    world.refusing["create Service"] = AlreadyExists(409, "AlreadyExists", "there is one")
    body = desired.service(redis(1))
    if not owned:
        body["metadata"]["ownerReferences"] = []
    world.live[Service] = [msgspec.convert(body, Service)]
    world.reconcile()
    assert world.conditions()["Degraded"]["reason"] == reason


def test_every_redis_is_looked_at_when_a_view_is_lost_and_when_it_is_back() -> None:
    world = World(with_ledger(1))
    world.turn()
    queued: list[Request] = []
    assert world.reconciler is not None
    world.reconciler.views.start(cast(Any, SimpleNamespace(add=queued.append)), cast(Any, None))
    live, again = world.watch(Pod), world.watch(Pod)
    denied = replace(live, state="forbidden", message="no")
    for old, new in ((live, denied), (denied, replace(denied, attempts=2)), (denied, again)):
        for handler in world.status_handlers[Pod]:
            handler(old, new)
    assert queued == [Request("default", "db")] * 2
