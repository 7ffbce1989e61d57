"""The garbage collector: owner references, and background, foreground and orphan deletion.

The rules are those of kube-controller-manager (pkg/controller/garbagecollector).
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.object import Decoder, OwnerReference
from controller_runtime.kube.resource import Resource

from ..apiobjects import Meta, Object
from ..keyqueue import WorkQueue
from ..sharedcache import Handler, Informers
from .graph import FOREGROUND, ORPHAN, Graph, Vertex
from .served import Discovery

WORKERS = 8
IGNORED = {("", "events"), ("events.k8s.io", "events")}

_decoder = Decoder(Object)


class UnknownKind(ApiError):
    """An owner's kind is not served: the dependent stays until it is."""

    def __init__(self, reference: OwnerReference) -> None:
        super().__init__(404, "NoMatch", f"no matches for kind {reference.kind} in {reference.api_version}")


class UnseenOwner(ApiError):
    """The owner is there, but its watch has not shown it: its end might never be shown either. Look again.

    Upstream calls it a virtual node, and looks again until it is observed.
    """

    def __init__(self, reference: OwnerReference) -> None:
        super().__init__(404, "NotFound", f"{reference.kind} {reference.name} is not seen yet")


class GarbageCollector:
    """Deletes what has lost its owners."""

    def __init__(self, informers: Informers, discovery: Discovery) -> None:
        self._informers = informers
        self._client = informers.client
        self._discovery = discovery
        self._graph = Graph()
        self._queue: WorkQueue[str] = WorkQueue()
        self._watched: dict[tuple[str, str], tuple[Resource, Handler[Object]]] = {}
        self._changed = asyncio.Event()
        discovery.listen(self._changed.set)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._queue.run(self._process, WORKERS))

    async def _follow(self) -> None:
        """Watch what can be collected, as it comes and goes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            served = {(r.group, r.plural): r for r in self._discovery.collectable()}
            for key in [key for key in self._watched if key not in served]:
                resource, handler = self._watched.pop(key)
                self._informers.of(resource).forget(handler)
                await self._informers.drop(resource)
                # What went with its definition is gone: its dependents lose an owner.
                for vertex in [v for v in self._graph.vertices.values() if v.resource == resource]:
                    self._gone(vertex.uid)
            for key, resource in served.items():
                if key not in IGNORED and key not in self._watched:
                    handler = self._handler(resource)
                    self._watched[key] = resource, handler
                    self._informers.of(resource).listen(handler)

    def _handler(self, resource: Resource) -> Handler[Object]:
        def handle(name: str, item: Object, old: Object | None) -> None:
            if name == "DELETED":
                self._gone(item.metadata.uid)
            else:
                self._seen(Vertex.of(resource, item.metadata))

        return handle

    def _seen(self, vertex: Vertex) -> None:
        old = self._graph.put(vertex)
        # A new reference whose owner is not (or not yet) seen is looked into; a solid one costs nothing.
        if (old is None or old.owners != vertex.owners) and any(
            not self._solid(vertex, ref) for ref in vertex.owners
        ):
            self._queue.add(vertex.uid)
        if old and old.owners != vertex.owners:
            self._owners_may_go(old)
        if vertex.orphans_dependents:
            self._queue.add(vertex.uid)
        elif vertex.waits_for_dependents and not (old and old.waits_for_dependents):
            self._queue.add(vertex.uid)
            for dependent in self._graph.dependents_of(vertex.uid):
                self._queue.add(dependent.uid)

    def _gone(self, uid: str) -> None:
        vertex = self._graph.remove(uid)
        if vertex is not None:
            self._owners_may_go(vertex)
        for dependent in self._graph.dependents_of(uid):
            self._queue.add(dependent.uid)

    def _owners_may_go(self, dependent: Vertex) -> None:
        for ref in dependent.owners:
            owner = self._graph.vertices.get(ref.uid)
            if owner is not None and owner.waits_for_dependents:
                self._queue.add(owner.uid)

    def _solid(self, vertex: Vertex, ref: OwnerReference) -> bool:
        owner = self._graph.vertices.get(ref.uid)
        return owner is not None and _same(owner, vertex, ref) and not owner.waits_for_dependents

    async def _process(self, uid: str) -> None:
        vertex = self._graph.vertices.get(uid)
        if vertex is None:
            return
        if vertex.orphans_dependents:
            await self._orphan(vertex)
        elif vertex.waits_for_dependents:
            await self._foreground(vertex)
        elif not vertex.deleting and vertex.owners:
            await self._collect(vertex)

    async def _orphan(self, owner: Vertex) -> None:
        for resource in self._discovery.collectable():
            if (resource.group, resource.plural) in IGNORED or (owner.namespace and not resource.namespaced):
                continue
            # Not the graph: a watch may be behind, and what is forgotten here is deleted later.
            items, _ = await self._client.list(resource.path(owner.namespace), _decoder)
            for live in (item.metadata for item in items):
                if any(ref.uid == owner.uid for ref in live.owner_references):
                    rest = [ref for ref in live.owner_references if ref.uid != owner.uid]
                    await self._keep(Vertex.of(resource, live), live, rest)
        await self._drop_finalizer(owner, ORPHAN)

    async def _foreground(self, owner: Vertex) -> None:
        dependents = self._graph.dependents_of(owner.uid)
        blocking = [vertex for vertex in dependents if vertex.blocks(owner.uid)]
        if not blocking:
            await self._drop_finalizer(owner, FOREGROUND)
        for vertex in blocking:
            if not vertex.deleting:
                self._queue.add(vertex.uid)

    async def _collect(self, vertex: Vertex) -> None:
        live = await self._live(vertex.resource, vertex.namespace, vertex.name)
        if live is None or live.uid != vertex.uid or live.deletion_timestamp or not live.owner_references:
            return
        solid: list[OwnerReference] = []
        waiting: list[OwnerReference] = []
        for ref in live.owner_references:
            owner = await self._owner(vertex, ref)
            if owner is not None:
                (waiting if _waits(owner) else solid).append(ref)
        if solid:
            if len(solid) < len(live.owner_references):
                await self._keep(vertex, live, solid)
            for ref in solid:
                if ref.uid not in self._graph.vertices:
                    raise UnseenOwner(ref)
            return
        finalizers = live.finalizers
        propagation = "Background"
        dependents = self._graph.dependents_of(vertex.uid)
        if waiting and dependents:
            if any(dependent.waits_for_dependents for dependent in dependents):
                # A circle: nobody must wait for this one, or nobody would ever go.
                free = [
                    msgspec.structs.replace(ref, block_owner_deletion=False) for ref in live.owner_references
                ]
                live = await self._keep(vertex, live, free)
            propagation = "Foreground"
        elif ORPHAN in finalizers:
            propagation = "Orphan"
        elif FOREGROUND in finalizers:
            propagation = "Foreground"
        try:
            await self._client.delete(
                vertex.path,
                uid=live.uid,
                resource_version=live.resource_version,
                propagation=propagation,
            )
        except ApiError as error:
            if error.status != 404:
                raise

    async def _owner(self, vertex: Vertex, ref: OwnerReference) -> Meta | Vertex | None:
        """The owner as the cluster has it now; None when it is gone or is another object."""
        seen = self._graph.vertices.get(ref.uid)
        if seen is not None and _same(seen, vertex, ref):
            return seen
        resource = self._discovery.kind(ref.api_version, ref.kind)
        if resource is None or (resource.namespaced and not vertex.namespace):
            raise UnknownKind(ref)
        live = await self._live(resource, vertex.namespace, ref.name)
        return live if live is not None and live.uid == ref.uid else None

    async def _live(self, resource: Resource, namespace: str, name: str) -> Meta | None:
        try:
            answer = await self._client.request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return _decoder.decode(answer).metadata

    async def _keep(self, vertex: Vertex, live: Meta, refs: list[OwnerReference]) -> Meta:
        """Write the owner references; a change in between is a conflict and tried again."""
        metadata: dict[str, Any] = {"uid": live.uid, "resourceVersion": live.resource_version}
        metadata["ownerReferences"] = refs or None
        answer = await self._patch(vertex, {"metadata": metadata})
        return _decoder.decode(answer).metadata if answer else live

    async def _drop_finalizer(self, vertex: Vertex, finalizer: str) -> None:
        live = await self._live(vertex.resource, vertex.namespace, vertex.name)
        if live is None or live.uid != vertex.uid or finalizer not in live.finalizers:
            return
        rest = [name for name in live.finalizers if name != finalizer]
        metadata = {"uid": live.uid, "resourceVersion": live.resource_version, "finalizers": rest}
        await self._patch(vertex, {"metadata": metadata})

    async def _patch(self, vertex: Vertex, body: object) -> bytes:
        try:
            return await self._client.patch(vertex.path, body)
        except ApiError as error:
            if error.status == 404:
                return b""
            raise


def _waits(owner: Meta | Vertex) -> bool:
    if isinstance(owner, Vertex):
        return owner.waits_for_dependents
    return owner.deletion_timestamp is not None and FOREGROUND in owner.finalizers


def _same(owner: Vertex, dependent: Vertex, ref: OwnerReference) -> bool:
    """Whether the reference names this very object, in reach of the dependent."""
    return (
        owner.name == ref.name
        and owner.resource.kind == ref.kind
        and owner.resource.group == ref.api_version.rpartition("/")[0]
        and owner.namespace in ("", dependent.namespace)
    )
