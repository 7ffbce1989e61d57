"""Pods that fail at once, again and again: made again ever less often, and said."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from controller.api import Redis
from controller_runtime.kube.kinds import Pod
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger


class Failing(World):
    """One pod that fails as soon as it is made, unless ``works``; time passes as the operator asks for."""

    def __init__(self) -> None:
        super().__init__(with_ledger(1))
        self.works = False
        self.serial = 0
        self.made_at: list[float] = []

    def create(self, body: dict[str, Any], kind: Any = None) -> Any:
        made = super().create(body, kind)
        if kind is Pod:
            self.made_at.append(self.time)
            self.serial += 1
            self.put(phase="Running" if self.works else "Failed", ready=self.works)
        return made

    def put(self, **more: Any) -> None:
        failed = pod(0, uid=f"uid-{self.serial}", **more)
        self.stores[Pod].put(failed)

    def delete(self, kind: Any, namespace: str, name: str, **more: Any) -> None:
        super().delete(kind, namespace, name, **more)
        self.stores[Pod].remove((namespace, name))

    def until(self, time: float) -> None:
        while self.time < time:
            result = self.turn()
            if self.stores[Pod].get("default", "db-0") is None and result and result.requeue_after == 0:
                continue  # the pod's event brings the key back
            self.time += result.requeue_after if result and result.requeue_after else 0.01


def gaps(times: list[float]) -> list[int]:
    return [round(b - a) for a, b in pairwise(times)]


def test_the_time_between_two_tries_doubles_up_to_five_minutes() -> None:
    world = Failing()
    world.until(1500)
    assert gaps(world.made_at)[:11] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_it_is_said_with_the_reason_of_the_pod_once() -> None:
    world = Failing()
    world.until(100)
    assert len(world.warnings()) == 1
    assert "pod db-0 failed: Failed" in world.warnings()[0]
    assert world.conditions()["Degraded"]["reason"] == "PodFailed"
    assert world.conditions()["Ready"]["status"] == "False"


def test_a_pod_that_stays_up_ends_it_and_one_that_is_up_for_a_moment_does_not() -> None:
    world = Failing()
    world.until(20)
    world.works = True
    world.until(world.time + 40)
    assert world.conditions()["Degraded"]["status"] == "False"
    tries = len(world.made_at)
    world.works = False
    world.put(phase="Failed", ready=False)  # after more than ten seconds
    world.until(world.time + 3)
    assert gaps(world.made_at[tries:]) == [1]

    world.works = True
    world.until(world.time + 6)
    world.turn()
    world.works = False
    world.put(phase="Failed", ready=False)  # after few
    tries = len(world.made_at)
    world.until(world.time + 20)
    assert gaps(world.made_at[tries - 1 :])[0] > 2


def test_another_spec_is_tried_at_once() -> None:
    world = Failing()
    world.until(1000)
    ledger = list(with_ledger(1).metadata.finalizers)
    world.stores[Redis].put(redis(1, image="redis:7", finalizers=ledger, generation=2))
    before = world.time
    world.turn()
    world.turn()
    assert world.made_at[-1] == before


def test_who_deletes_the_failed_pod_first_does_not_hurry_it() -> None:
    world = Failing()
    world.until(100)
    for _ in range(3):  # deleted, made, seen to have failed
        world.turn()
    made = len(world.made_at)
    world.time += 5
    world.stores[Pod].remove(("default", "db-0"))
    world.turn()
    assert len(world.made_at) == made
