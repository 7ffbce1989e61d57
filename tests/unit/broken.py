"""Operators with one fault each, and others with none, on ConfigMaps."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from controller_runtime import Client, Manager, Reconciler, Request, Result, new_controller_managed_by
from controller_runtime.kube.errors import Conflict
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.times import micro_timestamp

Reconcile = Callable[[Client, ConfigMap], Result | None]


class Operator:
    """Reconciles the ConfigMaps that are labelled with its name."""

    def __init__(self, manager: Manager, name: str, reconcile: Reconcile) -> None:
        self.client = manager.client.with_timeout(10.0)
        self.maps = manager.informer(ConfigMap)
        self.name, self._reconcile = name, reconcile
        reconciler: Reconciler = self
        new_controller_managed_by(manager).named(name).for_(ConfigMap).complete(reconciler)

    def reconcile(self, request: Request) -> Result | None:
        found = self.maps.get(*request)
        mine = found is not None and found.metadata.labels.get("of") == self.name
        return self._reconcile(self.client, found) if mine and found is not None else None


def patch(client: Client, obj: ConfigMap, data: dict[str, Any]) -> None:
    client.patch(ConfigMap, obj.metadata.namespace, obj.metadata.name, {"data": data})


def stamps(client: Client, obj: ConfigMap) -> None:
    """Writes the time of its last look."""
    patch(client, obj, {"seen": micro_timestamp()})


def counts(client: Client, obj: ConfigMap) -> None:
    """Writes how often it has looked."""
    patch(client, obj, {"looks": str(int(obj.data.get("looks", "0")) + 1)})


def flips(client: Client, obj: ConfigMap) -> None:
    """Cannot make up its mind."""
    patch(client, obj, {"mode": "b" if obj.data.get("mode") == "a" else "a"})


def shuffles(client: Client, obj: ConfigMap) -> None:
    """Writes a list in another order each time."""
    finalizers = list(reversed(obj.metadata.finalizers or ("a.example.com/x", "b.example.com/x")))
    client.patch(
        ConfigMap, obj.metadata.namespace, obj.metadata.name, {"metadata": {"finalizers": finalizers}}
    )


def comes_and_goes(client: Client, obj: ConfigMap) -> None:
    """Adds what it takes away."""
    patch(client, obj, {"extra": None if "extra" in obj.data else "here"})


def writes_in_vain(client: Client, obj: ConfigMap) -> Result:
    """Writes what is there already."""
    patch(client, obj, {"wanted": "yes"})
    return Result(requeue_after=0.05)


def runs_hot(client: Client, obj: ConfigMap) -> Result:
    """Asks for another turn at once, for nothing."""
    return Result(requeue_after=0.001)


def collides(client: Client, obj: ConfigMap) -> Result:
    """Writes with a version that is old."""
    meta = {"name": obj.metadata.name, "namespace": obj.metadata.namespace, "resourceVersion": "1"}
    with suppress(Conflict):
        client.update({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    return Result(requeue_after=0.02)


def makes_again(client: Client, obj: ConfigMap) -> Result:
    """Replaces an object instead of changing it."""
    child = {"apiVersion": "v1", "kind": "ConfigMap",
             "metadata": {"name": "child", "namespace": obj.metadata.namespace}}  # fmt: skip
    client.create(child)
    client.delete(ConfigMap, obj.metadata.namespace, "child")
    return Result(requeue_after=0.05)


def dawdler() -> Reconcile:
    """Is quick, and then is not."""
    turns = iter(range(1_000_000))

    def dawdles(client: Client, obj: ConfigMap) -> Result:
        if next(turns) in (25, 26, 27):
            time.sleep(1.1)
        return Result(requeue_after=0.02)

    return dawdles


def is_quiet(client: Client, obj: ConfigMap) -> None:
    """Writes what is wanted when it is not there."""
    if obj.data.get("wanted") != "yes":
        patch(client, obj, {"wanted": "yes"})


def converges(client: Client, obj: ConfigMap) -> None:
    """Takes three steps to the end."""
    step = int(obj.data.get("step", "0"))
    if step < 3:
        patch(client, obj, {"step": str(step + 1)})


def polls(client: Client, obj: ConfigMap) -> Result:
    """Looks again twice a second."""
    return Result(requeue_after=0.5)


def makes_many(client: Client, obj: ConfigMap) -> None:
    """Makes children and notes how many there are."""
    there = int(obj.data.get("children", "0"))
    if there < 8:
        child = {"apiVersion": "v1", "kind": "ConfigMap",
                 "metadata": {"name": f"child-{there}", "namespace": obj.metadata.namespace}}  # fmt: skip
        client.create(child)
        patch(client, obj, {"children": str(there + 1)})


# Each with the kind of its problem, and words that must be in what is said of it.
BROKEN: dict[str, tuple[Reconcile, str, str]] = {
    "stamps": (stamps, "reconcile loop", "data.seen changes each time (a timestamp)"),
    "counts": (counts, "reconcile loop", "data.looks changes each time"),
    "flips": (flips, "reconcile loop", "data.mode changes each time"),
    "shuffles": (shuffles, "reconcile loop", "metadata.finalizers changes each time (the order of a list)"),
    "comes-and-goes": (comes_and_goes, "reconcile loop", "data.extra changes each time"),
    "writes-in-vain": (writes_in_vain, "write that changes nothing", "its patch of ConfigMap"),
    "runs-hot": (runs_hot, "hot requeue", "has nothing to do"),
    "collides": (collides, "conflict storm", "its update of ConfigMap"),
    "dawdles": (dawdler(), "slow reconcile", "its reconciles take 1.1 s or more"),
}
HEALTHY: dict[str, Reconcile] = {
    "is-quiet": is_quiet, "converges": converges, "polls": polls, "makes-many": makes_many,
}  # fmt: skip
