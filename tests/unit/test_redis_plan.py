"""The plan as a pure function, and run to its end against a small model of a cluster."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import desired
from controller.api import FINALIZER_PREFIX, Redis, problems
from controller.plan import plan
from controller_runtime.kube.kinds import Pod

UID = "redis-uid"


def redis(replicas: int = 2, *, image: str = "redis:5-alpine", port: int = 8333, **metadata: Any) -> Redis:
    return msgspec.convert(
        {
            "metadata": {"name": "db", "namespace": "default", "uid": UID, "generation": 1, **metadata},
            "spec": {"replicas": replicas, "image": image, "port": port},
        },
        Redis,
    )


def pod(
    ordinal: int, *, of: Redis | None = None, ready: bool = True, phase: str = "Running", **more: Any
) -> Pod:
    body = desired.pod(of or redis(), ordinal)
    body["metadata"] |= {"uid": f"uid-{ordinal}", **more}
    body["status"] = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
    }
    return msgspec.convert(body, Pod)


def test_from_nothing_the_ledger_names_every_pod_and_all_are_made() -> None:
    steps = plan(redis(3), [])
    assert steps.ledger == ("db-0", "db-1", "db-2")
    assert steps.create == (0, 1, 2)
    assert steps.delete == ()


def test_scale_down_deletes_the_highest_first_and_keeps_the_ledger_until_they_are_gone() -> None:
    steps = plan(redis(1), [pod(0), pod(1), pod(2)])
    assert [p.metadata.name for p in steps.delete] == ["db-2", "db-1"]
    assert steps.ledger == ("db-0", "db-1", "db-2")
    going = pod(1, deletionTimestamp="2026-01-01T00:00:00Z")
    assert plan(redis(1), [pod(0), going]).ledger == ("db-0", "db-1")
    assert plan(redis(1), [pod(0)]).ledger == ("db-0",)


def test_a_terminating_pod_is_waited_for() -> None:
    steps = plan(redis(2), [pod(0), pod(1, deletionTimestamp="2026-01-01T00:00:00Z")])
    assert (steps.create, steps.delete) == ((), ())


def test_somebody_elses_pod_is_left_alone() -> None:
    other = pod(1, ownerReferences=[])
    steps = plan(redis(2), [pod(0), other])
    assert steps.foreign == ("db-1",)
    assert (steps.create, steps.delete, steps.ledger) == ((), (), ("db-0",))


def test_failed_and_evicted_pods_are_replaced() -> None:
    steps = plan(redis(2), [pod(0), pod(1, phase="Failed", ready=False)])
    assert [p.metadata.name for p in steps.failed] == ["db-1"]


def test_a_new_image_replaces_one_pod_at_a_time() -> None:
    new = redis(3, image="redis:7-alpine")
    old = [pod(0), pod(1), pod(2)]
    assert [p.metadata.name for p in plan(new, old).delete] == ["db-2"]
    assert plan(new, [pod(0), pod(1), pod(2, of=new, ready=False)]).delete == ()
    steps = plan(new, [pod(0), pod(1), pod(2, of=new)])
    assert [p.metadata.name for p in steps.delete] == ["db-1"]


def test_a_pod_stuck_on_an_old_image_goes_first() -> None:
    new = redis(2, image="redis:7-alpine")
    steps = plan(new, [pod(0, ready=False), pod(1)])
    assert [p.metadata.name for p in steps.delete] == ["db-0"]


def test_deleting_a_redis_takes_its_pods_and_the_ledger_follows() -> None:
    going = redis(2, deletionTimestamp="2026-01-01T00:00:00Z")
    steps = plan(going, [pod(0), pod(1)])
    assert [p.metadata.name for p in steps.delete] == ["db-1", "db-0"]
    assert plan(going, []).ledger == ()
    assert plan(going, []).create == ()


def test_a_redis_that_is_deleted_with_orphan_lets_its_pods_be() -> None:
    going = redis(1, deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["orphan"])
    assert plan(going, [pod(0)]).delete == ()
    assert plan(going, [pod(0)]).ledger == ("db-0",)
    assert plan(going, [pod(0, ownerReferences=[])]).ledger == ()


def test_a_spec_that_passed_an_older_schema_is_told_in_words() -> None:
    wrong = problems(redis(-1, image="red is", port=80))
    assert len(wrong) == 3
    assert "spec.port is 80" in wrong[0]
    assert problems(redis(port=2000)) == []


def test_no_more_than_the_bound_is_ever_planned() -> None:
    started = time.monotonic()
    assert len(plan(redis(2**31 - 1), []).create) == 1000
    old = [pod(n, of=redis(1000)) for n in range(1000)]
    assert len(plan(redis(1000, image="redis:7-alpine"), old).delete) == 1
    assert time.monotonic() - started < 1


MOVES = st.one_of(
    st.tuples(st.just("reconcile")),
    st.tuples(st.just("ready"), st.integers(0, 6)),
    st.tuples(st.just("delete"), st.integers(0, 6)),
    st.tuples(st.just("gone"), st.integers(0, 6)),
    st.tuples(st.just("fail"), st.integers(0, 6)),
    st.tuples(st.just("crash"), st.integers(0, 2)),
    st.tuples(st.just("scale"), st.integers(0, 6)),
    st.tuples(st.just("image"), st.sampled_from(["redis:5", "redis:7"])),
    st.tuples(st.just("remove")),
)


class Model:
    """A Redis, its finalizers and its pods, with steps that may be cut off between any two writes."""

    def __init__(self) -> None:
        self.replicas, self.image, self.removing = 2, "redis:5", False
        self.finalizers: list[str] = []
        self.pods: dict[str, dict[str, Any]] = {}
        self.removed = False
        self.serial = 0

    def seen(self) -> tuple[Redis, list[Pod]]:
        more: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if self.removing else {}
        seen = redis(self.replicas, image=self.image, finalizers=list(self.finalizers), **more)
        return seen, [msgspec.convert(p, Pod) for p in self.pods.values()]

    def reconcile(self, writes: int = 1_000) -> None:
        if self.removed:
            return
        seen, pods = self.seen()
        steps = plan(seen, pods)
        wanted = [FINALIZER_PREFIX + n for n in steps.ledger]
        if wanted != self.finalizers:
            if writes == 0:
                return
            writes -= 1
            self.finalizers = wanted
            self.removed = self.removing and not wanted
        for target in (*steps.delete, *steps.failed):
            if writes == 0:
                return
            writes -= 1
            self.pods[target.metadata.name]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        for ordinal in steps.create:
            if writes == 0:
                return
            writes -= 1
            body = desired.pod(seen, ordinal)
            assert body["metadata"]["name"] not in self.pods
            self.serial += 1
            body["metadata"]["uid"] = f"uid-{self.serial}"
            body["status"] = {"phase": "Pending", "conditions": []}
            self.pods[body["metadata"]["name"]] = body

    def check(self) -> None:
        ledger = {f.removeprefix(FINALIZER_PREFIX) for f in self.finalizers}
        assert set(self.pods) <= ledger, "a pod that the ledger does not name would be orphaned"
        assert not (self.removed and self.pods), "the Redis went before its pods"

    def apply(self, move: tuple[Any, ...]) -> None:
        name = f"db-{move[1]}" if len(move) > 1 else ""
        match move[0]:
            case "reconcile":
                self.reconcile()
            case "crash":
                self.reconcile(move[1])
            case "scale" if not self.removing:
                self.replicas = move[1]
            case "image" if not self.removing:
                self.image = move[1]
            case "remove":
                self.removing = True
                self.removed = not self.finalizers
            case "delete" if name in self.pods:
                self.pods[name]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            case "gone" if "deletionTimestamp" in self.pods.get(name, {}).get("metadata", {}):
                del self.pods[name]
            case "fail" if name in self.pods:
                self.pods[name]["status"] = {"phase": "Failed", "conditions": []}
            case "ready" if name in self.pods:
                self.run(name)

    def run(self, name: str) -> None:
        if self.pods[name]["status"]["phase"] != "Failed":
            self.pods[name]["status"] = {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            }

    def settle(self) -> None:
        """A kubelet that works and a controller that runs: it must come to rest."""
        for _ in range(60):
            self.reconcile()
            self.check()
            for name in list(self.pods):
                if "deletionTimestamp" in self.pods[name]["metadata"]:
                    del self.pods[name]
                else:
                    self.run(name)


@settings(max_examples=200, deadline=None)
@given(st.lists(MOVES, max_size=40))
def test_no_order_of_events_and_crashes_orphans_a_pod(
    moves: list[tuple[Any, ...]],
) -> None:
    model = Model()
    for move in moves:
        model.apply(move)
        model.check()
    model.settle()
    if model.removing:
        assert model.removed
        assert not model.pods
    else:
        assert list(model.pods) == [] if model.replicas == 0 else True
        assert {f"db-{n}" for n in range(model.replicas)} == set(model.pods)
        assert all(p["spec"]["containers"][0]["image"] == model.image for p in model.pods.values())
        assert model.finalizers == [f"{FINALIZER_PREFIX}db-{n}" for n in range(model.replicas)]
