"""Who owns whom, as seen by the watches of the garbage collector."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller_runtime.kube.object import OwnerReference
from controller_runtime.kube.resource import Resource

from ..apiobjects import Meta

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass(slots=True)
class Vertex:
    """One object of the cluster."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    owners: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    deleting: bool = False

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    @property
    def waits_for_dependents(self) -> bool:
        return self.deleting and FOREGROUND in self.finalizers

    @property
    def orphans_dependents(self) -> bool:
        return self.deleting and ORPHAN in self.finalizers

    def blocks(self, owner: str) -> bool:
        """Whether the foreground deletion of the owner waits for this object."""
        return any(ref.uid == owner and ref.block_owner_deletion for ref in self.owners)

    @classmethod
    def of(cls, resource: Resource, meta: Meta) -> Vertex:
        return cls(
            resource,
            meta.namespace,
            meta.name,
            meta.uid,
            meta.resource_version,
            meta.owner_references,
            meta.finalizers,
            meta.deletion_timestamp is not None,
        )


@dataclass(slots=True)
class Graph:
    """Vertices by UID, and the UIDs of the dependents of each owner, seen or not."""

    vertices: dict[str, Vertex] = field(default_factory=dict)
    dependents: dict[str, set[str]] = field(default_factory=dict)

    def put(self, vertex: Vertex) -> Vertex | None:
        """Add or replace; the vertex as it was."""
        old = self.vertices.get(vertex.uid)
        self.vertices[vertex.uid] = vertex
        before = {ref.uid for ref in old.owners} if old else set()
        after = {ref.uid for ref in vertex.owners}
        for owner in before - after:
            self._unlink(owner, vertex.uid)
        for owner in after - before:
            self.dependents.setdefault(owner, set()).add(vertex.uid)
        return old

    def remove(self, uid: str) -> Vertex | None:
        vertex = self.vertices.pop(uid, None)
        for ref in vertex.owners if vertex else ():
            self._unlink(ref.uid, uid)
        return vertex

    def _unlink(self, owner: str, uid: str) -> None:
        if dependents := self.dependents.get(owner):
            dependents.discard(uid)
            if not dependents:
                del self.dependents[owner]

    def dependents_of(self, owner: str) -> list[Vertex]:
        return [self.vertices[uid] for uid in self.dependents.get(owner, ()) if uid in self.vertices]
