"""What all workload controllers share: a queue of keys, the status, events, and pods from a template."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec

from controller_runtime.kube.errors import ApiError, Forbidden
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.times import parse_time, timestamp

from ...apiobjects import Key, Object, Pod
from ...eventsink import EventSink
from ...keyqueue import WorkQueue
from ...selectors import LabelSelector
from ...sharedcache import Informer, Informers
from ...workloadobjects import Json, Workload
from .children import Children, Owned

W = TypeVar("W", bound=Workload)
C = TypeVar("C", bound=Object)

WORKERS = 4
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # of generated names (apimachinery util/rand)


class Indexes:
    """The shared indexes of children, each made when first asked for."""

    def __init__(self, informers: Informers) -> None:
        self._informers = informers
        self._owned: dict[Resource, Owned[Object]] = {}

    def of(self, resource: Resource) -> Owned[Object]:
        if resource not in self._owned:
            self._owned[resource] = Owned(self._informers.of(resource))
        return self._owned[resource]


class WorkloadController(Generic[W]):
    """Reconciles one kind. Subclasses say what `sync` does."""

    resource: ClassVar[Resource]
    kind: ClassVar[type[Workload]]
    component: ClassVar[str]

    def __init__(self, informers: Informers, indexes: Indexes, events: EventSink) -> None:
        self._informers = informers
        self._client = informers.client
        self._events = events
        self._indexes = indexes
        self._queue: WorkQueue[Key] = WorkQueue()
        self._own: Informer[W] = informers.of(self.resource)
        self._waits: list[Informer[Any]] = []
        self._own.listen(self._changed)

    def children(
        self, resource: Resource, kind: type[C], selector: Callable[[W], LabelSelector] | None = None
    ) -> Children[W, C]:
        owned = cast("Owned[C]", self._indexes.of(resource))
        self._waits.append(owned.informer)
        return Children(self._informers, self._own, owned, kind, self._queue, selector)

    def _changed(self, name: str, item: W, old: W | None) -> None:
        self._queue.add(item.metadata.key)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        for informer in (self._own, *self._waits):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    async def _process(self, key: Key) -> None:
        item = self._own.store.get(key)
        if item is None:
            return
        try:
            await self.sync(item)
        except Forbidden as error:
            if "because it is being terminated" not in error.message:
                raise

    async def sync(self, item: W) -> None:
        """Bring the world nearer to what `item` says. Raises ApiError to be called again later."""
        raise NotImplementedError

    async def write_status(self, item: W, status: Json) -> None:
        """Write what is new in it; a key with None goes."""
        if is_written(item, status):
            return
        body = {"metadata": {"uid": item.metadata.uid}, "status": status}
        try:
            await self._client.patch(self.resource.path(*item.metadata.key, "status"), body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def event(self, item: W, reason: str, message: str, *, warn: bool = False) -> None:
        self._events.about(self.resource, item.metadata, (self.component, ""), reason, message, warn=warn)


def is_written(item: Workload, status: Json) -> bool:
    """Whether the object has that status: equal, or both nothing, for the API leaves out what is empty."""
    pairs = [(item.status.get(name), value) for name, value in status.items()]
    return all(a == b or (not a and not b) for a, b in pairs)


def pod_from(template: Json, *, labels: Mapping[str, str] | None = None) -> Json:
    """A pod as a template says, without a name."""
    metadata = template.get("metadata") or {}
    kept: Json = {name: dict(metadata[name]) for name in ("labels", "annotations") if metadata.get(name)}
    if metadata.get("finalizers"):
        kept["finalizers"] = list(metadata["finalizers"])
    kept["labels"] = {**kept.get("labels", {}), **(labels or {})}
    return {"metadata": kept, "spec": copy.deepcopy(template.get("spec") or {})}


def digest(value: object, collisions: int = 0) -> str:
    """Ten characters at most for a template, the same for the same one; another with each collision."""
    raw = msgspec.json.encode((value, collisions), order="deterministic")
    number = int.from_bytes(hashlib.blake2b(raw, digest_size=4).digest(), "big")
    return "".join(ALPHABET[int(figure)] for figure in str(number))


def ready_since(pod: Pod) -> float:
    """Unix seconds; infinite when it is not ready."""
    found = pod.condition("Ready")
    if found is None or found.status != "True":
        return float("inf")
    return parse_time(found.last_transition_time) or 0.0


def is_available(pod: Pod, min_ready: int, now: float) -> bool:
    """Ready for at least that many seconds."""
    return pod.ready and (not min_ready or ready_since(pod) + min_ready <= now)


def count(pods: Iterable[Pod], min_ready: int) -> tuple[int, int, float | None]:
    """How many are ready, how many available, and in how many seconds the next one will be available."""
    now, ready, available, soon = time.time(), 0, 0, []
    for pod in pods:
        if pod.ready:
            ready += 1
            if is_available(pod, min_ready, now):
                available += 1
            else:
                soon.append(ready_since(pod) + min_ready - now)
    return ready, available, min(soon, default=None)


def condition(
    before: Sequence[Json], kind: str, holds: bool | str, reason: str = "", message: str = ""
) -> list[Json]:
    """The conditions with one set: its time changes only with its status."""
    value = holds if isinstance(holds, str) else str(holds)
    new: Json = {"type": kind, "status": value, "lastTransitionTime": timestamp()}
    for name, text in (("reason", reason), ("message", message)):
        if text:
            new[name] = text
    old = next((c for c in before if c["type"] == kind), None)
    if old is None:
        return [*before, new]
    if old["status"] == value:
        new["lastTransitionTime"] = old.get("lastTransitionTime")
    return [new if c is old else c for c in before]


def without(before: Sequence[Json], kind: str) -> list[Json]:
    return [c for c in before if c["type"] != kind]
