"""The reconciler's turns: what it waits for, what it does with an odd view, how much it does at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from controller.api import FINALIZER_PREFIX
from controller.pods import notes
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger

GOING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}


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
    world.reconcile()
    assert world.writes.count("create Pod") == 3
    assert world.refused <= 4  # the third batch


def test_every_pod_is_named_in_events() -> None:
    names = [f"db-{n}" for n in range(1000)]
    told = list(notes("Created", names))
    assert all(len(note.encode()) <= 1024 for note in told)
    assert [n for note in told for n in note.removeprefix("Created ").split(", ")] == names
