"""A turn that sees what an earlier one saw, which found nothing to do, ends at once; any other does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controller import desired
from controller.settled import seen_of
from controller.wishes import PAUSED, RESTARTED_AT
from controller_runtime.kube.kinds import Pod, Service
from tests.unit.test_redis_plan import pod, redis
from tests.unit.world import World, with_ledger

GOING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}


def settled() -> World:
    """Two ready pods, their Service, and a status that says so."""
    world = World(with_ledger(2), pod(0), pod(1))
    world.stores[Service].put(msgspec.convert(desired.service(redis()), Service))
    assert world.reconcile() == ["patch Redis status"]
    assert world.reconcile() == []
    return world


def put(*objects: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        for obj in objects:
            world.stores[type(obj)].put(obj)

    return change


def without(kind: Any, name: str) -> Callable[[World], None]:
    return lambda world: world.stores[kind].remove(("default", name))


def changed_redis(**metadata: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        old = world.stores[type(redis())].get("default", "db")
        put(msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, **metadata)))(world)

    return change


CHANGES = {
    "a pod is gone": without(Pod, "db-1"),
    "the Service is gone": without(Service, "db"),
    "a pod is being deleted": put(pod(1, **GOING)),
    "a pod failed": put(pod(1, phase="Failed")),
    "a pod is not ready": put(pod(1, ready=False)),
    "a pod lost its labels": put(pod(1, labels={})),
    "a pod is another's": put(pod(1, ownerReferences=[])),
    "a pod is another with the same name": put(pod(1, uid="another", ready=False)),
    "a pod was made from an older spec": put(pod(1, annotations={desired.TEMPLATE_HASH: "old"})),
    "the Service leads elsewhere": put(
        msgspec.convert(desired.service(redis()) | {"spec": {"selector": {"app": "x"}, "ports": []}}, Service)
    ),
    "a restart is asked for": changed_redis(annotations={RESTARTED_AT: "now"}),
    "it is paused": changed_redis(annotations={PAUSED: "true"}),
    "a finalizer is gone": changed_redis(finalizers=()),
    "pods cannot be seen": lambda world: world.denied.update({Pod: "no"}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_matters_is_acted_on_as_if_nothing_had_been_remembered(
    change: Callable[[World], None],
) -> None:
    world, forgetful = settled(), settled()
    for one in (world, forgetful):
        change(one)
    forgetful.reconciler = None
    writes = world.reconcile()
    assert writes == forgetful.reconcile()
    assert writes
    assert world.status == forgetful.status


def test_what_does_not_matter_is_not_looked_at_again() -> None:
    world = settled()
    before = seen_of(redis(), None, world.stores[Pod].list())
    annotated = pod(1, resourceVersion="2", annotations={**pod(1).metadata.annotations, "example.com/a": "b"})
    put(annotated)(world)
    assert seen_of(redis(), None, world.stores[Pod].list()) == before
    assert world.reconcile() == []
