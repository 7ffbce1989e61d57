"""Shared caches: one watch per resource, however many controllers listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, cast

from controller_runtime.kube.resource import Resource

from .apiclient import Client
from .apiobjects import ConfigMap, Key, Namespace, Node, Object, Pod, Service
from .workloadobjects import (
    Autoscaler,
    Budget,
    Claim,
    ControllerRevision,
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
    Volume,
)

T = TypeVar("T", bound=Object)

TYPES: dict[tuple[str, str], type[Object]] = {
    ("", "namespaces"): Namespace,
    ("", "nodes"): Node,
    ("", "pods"): Pod,
    ("", "services"): Service,
    ("", "configmaps"): ConfigMap,
    ("", "replicationcontrollers"): ReplicationController,
    ("apps", "replicasets"): ReplicaSet,
    ("apps", "deployments"): Deployment,
    ("apps", "statefulsets"): StatefulSet,
    ("apps", "daemonsets"): DaemonSet,
    ("apps", "controllerrevisions"): ControllerRevision,
    ("batch", "jobs"): Job,
    ("batch", "cronjobs"): CronJob,
    ("policy", "poddisruptionbudgets"): Budget,
    ("autoscaling", "horizontalpodautoscalers"): Autoscaler,
    ("", "persistentvolumeclaims"): Claim,
    ("", "persistentvolumes"): Volume,
}
"""What an informer decodes a resource into; `Object` for the rest."""

Handler = Callable[[str, T, T | None], None]
"""Called with ADDED, MODIFIED or DELETED, the object, and the one it replaces, once the store is up to date.
Must not block."""


class Informer(Generic[T]):
    """The objects of one resource as last seen, by (namespace, name)."""

    def __init__(self, client: Client, resource: Resource, kind: type[T]) -> None:
        self.resource = resource
        self.store: dict[Key, T] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._kind = kind
        self._handlers: list[Handler[T]] = []

    def listen(self, handler: Handler[T]) -> None:
        """Call `handler` for every change, and now for everything that is already known."""
        self._handlers.append(handler)
        for item in list(self.store.values()):
            handler("ADDED", item, None)

    def forget(self, handler: Handler[T]) -> None:
        self._handlers.remove(handler)

    def get(self, namespace: str, name: str) -> T | None:
        return self.store.get((namespace, name))

    def in_namespace(self, namespace: str) -> Iterable[T]:
        return (item for (where, _), item in self.store.items() if where == namespace)

    async def run(self) -> None:
        """Keep the cache until cancelled."""
        stream = self._client.list_watch(self.resource.path(), self._kind, known=self.store)
        async for name, item, old in stream:
            if name == "SYNCED":
                self.synced.set()
                continue
            for handler in self._handlers:
                handler(name, item, old)


class Informers:
    """The informers of one client, started when first asked for and ended together."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._informers: dict[tuple[str, str], Informer[Any]] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def of(self, resource: Resource, kind: type[T] | None = None) -> Informer[T]:
        """The shared informer of a resource. `kind` is for the type checker: TYPES decides."""
        key = resource.group, resource.plural
        if key not in self._informers:
            decoded = TYPES.get(key, Object)
            assert kind is None or issubclass(decoded, kind), f"{resource.plural} is decoded as {decoded}"
            informer = self._informers[key] = Informer(self.client, resource, decoded)
            self._tasks[key] = asyncio.create_task(informer.run(), name=f"watch {resource.plural}")
        return cast("Informer[T]", self._informers[key])

    async def drop(self, resource: Resource) -> None:
        """Stop watching a resource that is no longer served."""
        key = resource.group, resource.plural
        self._informers.pop(key, None)
        if task := self._tasks.pop(key, None):
            await _end([task])

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self._informers.clear()
        self._tasks.clear()
        await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
