"""A Redis that is paused is left alone, and one that is to restart gets new pods one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from controller import desired
from controller.plan import plan
from controller.wishes import PAUSED, RESTARTED_AT
from controller_runtime.kube.kinds import Pod
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger


def paused(*pods: Pod, **more: Any) -> World:
    of = redis(2, annotations={PAUSED: "true"}, finalizers=with_ledger(2).metadata.finalizers, **more)
    return World(of, *pods)


def test_nothing_is_done_for_a_paused_redis_and_its_status_says_so() -> None:
    world = paused(pod(0))
    assert world.reconcile() == ["patch Redis status"]
    ready, progressing = world.conditions()["Ready"], world.conditions()["Progressing"]
    assert (ready["status"], ready["reason"], progressing["status"]) == ("False", "Paused", "False")
    assert (world.status["readyReplicas"], world.failed) == (1, False)
    assert world.reconcile() == []


def test_a_complete_one_stays_ready_while_it_is_paused() -> None:
    world = paused(pod(0), pod(1))
    world.reconcile()
    assert world.conditions()["Ready"]["status"] == "True"


def test_it_can_be_deleted_while_it_is_paused() -> None:
    world = paused(pod(0), deletionTimestamp="2026-01-01T00:00:00Z")
    assert "delete db-0" in world.reconcile()


@pytest.mark.parametrize("value", ["false", "", "True "])
def test_only_true_pauses(value: str) -> None:
    world = World(redis(1, annotations={PAUSED: value}))
    assert "create Pod" in world.reconcile()


def test_a_restart_replaces_the_pods_one_at_a_time_and_ends() -> None:
    asked = redis(2, annotations={RESTARTED_AT: "2026-01-01T00:00:00Z"})
    old = {n: pod(n) for n in (0, 1)}
    assert [p.metadata.name for p in plan(asked, old.values()).delete] == ["db-1"]
    assert plan(asked, [old[0]]).delete == ()  # its replacement comes first
    fresh = pod(1, of=asked)
    assert fresh.metadata.annotations[RESTARTED_AT] == "2026-01-01T00:00:00Z"
    assert plan(asked, [old[0], pod(1, of=asked, ready=False)]).delete == ()
    assert [p.metadata.name for p in plan(asked, [old[0], fresh]).delete] == ["db-0"]
    assert plan(asked, [pod(0, of=asked), fresh]).delete == ()
    assert plan(redis(2), [pod(0, of=asked), fresh]).delete == ()  # the wish is taken back: nothing to do


def test_a_restart_is_no_news_to_the_service() -> None:
    asked = redis(2, annotations={RESTARTED_AT: "now"})
    assert desired.service(asked) == desired.service(redis(2))
