"""What the watches show of a Redis, and what they may not show."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from controller import desired
from controller.api import Redis
from controller.conditions import Problem
from controller_runtime.cache.informer import Informer
from controller_runtime.controller.workqueue import Queue
from controller_runtime.events import WatchState, WatchStatus
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager

# No watch in these states comes back before a person has acted.
DENIED: frozenset[WatchState] = frozenset({"forbidden", "unauthorized"})


class Views:
    """The operator's informers. As a raw source it enqueues each Redis when a view is lost or comes back."""

    def __init__(self, manager: Manager) -> None:
        self.redises = manager.informer(Redis)
        self.pods = manager.informer(Pod)
        self.services = manager.informer(Service)

    def pods_of(self, redis: Redis) -> list[Pod]:
        """Those that it owns, and those of anybody that have one of its names."""
        found = {pod.metadata.name: pod for pod in self.pods.by_owner(redis.metadata.uid)}
        names = {desired.pod_name(redis, ordinal) for ordinal in desired.ordinals(redis)}
        for name in names.union(redis.ledger).difference(found):
            if (pod := self.pods.get(redis.metadata.namespace, name)) is not None:
                found[name] = pod
        return list(found.values())

    def is_stale(self, redis: Redis, pods: Iterable[Pod]) -> bool:
        """Whether the newest state of it or of one of its pods could not be read."""
        return bool(self.redises.stale(redis.metadata.namespace, redis.metadata.name)) or any(
            self.pods.stale(pod.metadata.namespace, pod.metadata.name) for pod in pods
        )

    def blind(self, redis: Redis) -> Problem | None:
        """Why it cannot be said how its pods or its Service are."""
        if words := _denied(self.pods, redis):
            return Problem("PodsUnknown", f"pods cannot be watched: {words}", is_failure=True)
        if words := _denied(self.services, redis):
            message = f"services cannot be watched: {words}"
            return Problem("ServicesUnknown", message, is_failure=True)
        return None

    def start(self, queue: Queue, stop: threading.Event) -> None:
        for informer in (self.pods, self.services):
            informer.add_status_handler(lambda old, new: self._changed(old, new, queue))

    def _changed(self, old: WatchStatus, new: WatchStatus, queue: Queue) -> None:
        if (old.state in DENIED) == (new.state in DENIED):
            return
        for redis in self.redises.list(new.scope or None):
            queue.add(Request(redis.metadata.namespace, redis.metadata.name))


def _denied(informer: Informer[Any], redis: Redis) -> str:
    """The server's words, or "" while the namespace of the Redis can be watched."""
    if not informer.is_failing():
        return ""
    scopes = ("", redis.metadata.namespace)
    denied = (s for s in informer.statuses() if s.state in DENIED and s.scope in scopes)
    return next((status.message for status in denied), "")
