"""A reconciler with stores that the test has filled, and a client that notes what it is asked for."""

from __future__ import annotations

import builtins
import threading
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from controller.api import FINALIZER_PREFIX, Redis, RedisStatus
from controller.failing import PodBackoff
from controller.reconciler import RedisReconciler
from controller_runtime.cache.store import Store
from controller_runtime.controller.reconcile import ReconcileError, Result
from controller_runtime.events import WatchStatus
from controller_runtime.kube.errors import Conflict, Forbidden
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager
from tests.unit.test_redis_plan import redis


class World:
    """A manager of the kinds that the reconciler reads."""

    def __init__(self, of: Redis, *pods: Pod) -> None:
        self.reconciler: RedisReconciler | None = None
        self.writes: builtins.list[str] = []
        self.answers: dict[str, Any] = {}  # by write
        self.time = 0.0  # of the back-off for failed pods
        self.failed = False  # the last reconcile
        self.status: dict[str, Any] = {}
        self.create_seconds = 0.0
        self.forbidden = ""
        self.forbidden_after = 0  # so many are granted
        self.refused = 0
        self._lock = threading.Lock()
        self.stores: dict[Any, Any] = {Redis: Store(Redis), Pod: Store(Pod), Service: Store(Service)}
        self.pods_failing = False
        self.denied: dict[Any, str] = {}  # by kind: why it may not be watched
        self.live: dict[
            Any, builtins.list[Any]
        ] = {}  # by kind: what the server has, where the watch is behind
        self.refusing: dict[str, Exception] = {}  # by write
        self.status_handlers: dict[Any, builtins.list[Any]] = {}
        self.events: builtins.list[tuple[str, ...]] = []
        self.stale: set[str] = set()  # names of what could not be read since
        self.client = self
        for obj in (of, *pods):
            self.stores[type(obj)].put(obj)

    def informer(self, kind: Any) -> Any:
        store = self.stores[kind]
        return SimpleNamespace(
            get=store.get,
            list=store.list,
            add_status_handler=self.status_handlers.setdefault(kind, []).append,
            statuses=lambda: [self.watch(kind)],
            stale=lambda namespace, name: "9" if name in self.stale else "",
            by_owner=lambda uid: store.by_index("owner", uid),
            has_synced=lambda: True,
            is_failing=lambda: (kind is Pod and self.pods_failing) or kind in self.denied,
        )

    def event_recorder(self, name: str) -> Any:
        return SimpleNamespace(event=lambda ref, *event: self.events.append(event))

    def watch(self, kind: Any) -> WatchStatus:
        denied = self.denied.get(kind, "")
        resource = kind.resource
        return WatchStatus(
            at=0, since=0, resource=resource.plural, group=resource.group, kind=resource.kind, scope="",
            state="forbidden" if denied else "live", message=denied,
        )  # fmt: skip

    def list(self, kind: Any, namespace: str, *, field_selector: str) -> builtins.list[Any]:
        name = field_selector.removeprefix("metadata.name=")
        live = self.live.get(kind, self.stores[kind].list(namespace))
        return [obj for obj in live if obj.metadata.name == name]

    def delete(self, kind: Any, namespace: str, name: str, *, uid: str, resource_version: str | None) -> None:
        self.write(f"delete {name}")
        live = next(o for o in self.live.get(kind, self.stores[kind].list()) if o.metadata.name == name)
        if resource_version not in (None, live.metadata.resource_version):
            raise Conflict(409, "Conflict", "the object has been modified")

    def write(self, what: str) -> None:
        self.writes.append(what)
        if what in self.refusing:
            raise self.refusing[what]

    def create(self, body: dict[str, Any], kind: Any = None) -> Any:
        time.sleep(self.create_seconds)
        write = f"create {body['kind']}"
        with self._lock:
            if body["kind"] == self.forbidden and self.writes.count(write) >= self.forbidden_after:
                self.refused += 1
                raise Forbidden(403, "Forbidden", "no")
            self.write(write)
        return msgspec.convert(body | {"status": {}}, kind)

    def patch(
        self, kind: Any, namespace: str, name: str, body: Any, *, type: str = "merge", subresource: str = ""
    ) -> Any:
        self.write(f"patch {kind.resource.kind} {subresource}".strip())
        if kind is not Redis:
            return self.answers.get(f"patch {kind.resource.kind}") or self.stores[kind].get(namespace, name)
        wanted = body.get("metadata", {}).get("resourceVersion")
        if (
            wanted is not None
            and Redis in self.live
            and wanted != self.live[Redis][0].metadata.resource_version
        ):
            raise Conflict(409, "Conflict", "the object has been modified")
        if subresource == "status":
            self.status = body["status"]
            before = self.stores[Redis].get(namespace, name)
            status = msgspec.convert(self.status, RedisStatus)
            self.stores[Redis].put(msgspec.structs.replace(before, status=status))
        return self.stores[Redis].get("default", "db")

    def turn(self) -> Result | None:
        if self.reconciler is None:
            backoff = PodBackoff(lambda: self.time)
            self.reconciler = RedisReconciler(cast(Manager, self), backoff=backoff)
        return self.reconciler.reconcile(Request("default", "db"))

    def reconcile(self) -> builtins.list[str]:
        """The writes of one more turn, whether it fails or not."""
        before = len(self.writes)
        self.failed = True
        with suppress(ReconcileError):
            self.turn()
            self.failed = False
        return self.writes[before:]

    def warnings(self) -> builtins.list[str]:
        return [note for type_, _, _, note in self.events if type_ == "Warning"]

    def conditions(self) -> dict[str, dict[str, Any]]:
        return {c["type"]: c for c in self.status["conditions"]}


def with_ledger(replicas: int) -> Redis:
    return redis(replicas, finalizers=[f"{FINALIZER_PREFIX}db-{n}" for n in range(replicas)])
