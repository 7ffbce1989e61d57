"""Remembers what was seen of a Redis when nothing was to be done for it: while that is so, nothing is."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from controller.api import Redis
from controller.desired import TEMPLATE_HASH
from controller.wishes import RESTARTED_AT
from controller_runtime.kube.kinds import Pod, Service

Seen = tuple[object, ...]


def seen_of(redis: Redis, service: Service | None, pods: Iterable[Pod]) -> Seen:
    """All that a turn depends on, as far as watches show it. Equal parts of pods are shared by their store,
    so that two of these are mostly compared by identity.
    """
    return redis, service, *map(_seen_of_pod, pods)


def _seen_of_pod(pod: Pod) -> Seen:
    meta, status = pod.metadata, pod.status
    return (
        meta.uid, meta.name, meta.labels, meta.owner_references, meta.deletion_timestamp,
        meta.deletion_grace_period_seconds, meta.finalizers, meta.annotations.get(TEMPLATE_HASH),
        meta.annotations.get(RESTARTED_AT), pod.spec, status.phase, status.reason, status.message,
        pod.is_ready,
    )  # fmt: skip


class Settled:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}  # by uid of the Redis

    def is_as_before(self, redis: Redis, seen: Seen) -> bool:
        with self._lock:
            return self._seen.get(redis.metadata.uid) == seen

    def note(self, redis: Redis, seen: Seen) -> None:
        with self._lock:
            self._seen[redis.metadata.uid] = seen

    def forget(self, uid: str) -> None:
        with self._lock:
            self._seen.pop(uid, None)
