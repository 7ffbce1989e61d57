"""What a workload controls: found by its owner reference, adopted, released, made and deleted."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from controller_runtime.kube.errors import ApiError, NotFound
from controller_runtime.kube.object import Decoder, OwnerReference

from ...apiclient import STRATEGIC
from ...apiobjects import Key, Meta, Object
from ...keyqueue import WorkQueue
from ...selectors import LabelSelector
from ...sharedcache import Informer, Informers
from ...workloadobjects import Json

C = TypeVar("C", bound=Object)
W = TypeVar("W", bound=Object)

PATIENCE = 30.0  # seconds until a write that the watch has not shown is no longer waited for
FIRST_BATCH = 1  # of creations, doubled while they succeed (pkg/controller SlowStartInitialBatchSize)


class Owned(Generic[C]):
    """An index of one resource, shared by all controllers: by the UID of the controller, and who has none."""

    def __init__(self, informer: Informer[C]) -> None:
        self.informer = informer
        self._by_owner: defaultdict[str, set[Key]] = defaultdict(set)
        self._orphans: defaultdict[str, set[Key]] = defaultdict(set)
        informer.listen(self._seen)

    def _seen(self, name: str, item: C, old: C | None) -> None:
        key = item.metadata.key
        if old is not None or name == "DELETED":
            self._drop((old or item).metadata, key)
        if name == "DELETED":
            return
        if ref := item.metadata.controller:
            self._by_owner[ref.uid].add(key)
        elif item.metadata.labels:  # what has none cannot be selected
            self._orphans[item.metadata.namespace].add(key)

    def _drop(self, meta: Meta, key: Key) -> None:
        ref = meta.controller
        index, name = (self._by_owner, ref.uid) if ref else (self._orphans, meta.namespace)
        if keys := index.get(name):
            keys.discard(key)
            if not keys:
                del index[name]

    def of(self, uid: str) -> list[C]:
        store = self.informer.store
        return [store[key] for key in sorted(self._by_owner.get(uid, ())) if key in store]

    def orphans(self, namespace: str) -> list[C]:
        store = self.informer.store
        return [store[key] for key in self._orphans.get(namespace, ()) if key in store]


class Children(Generic[W, C]):
    """The children of one kind of owner. Each change of one puts its owner on the queue."""

    def __init__(
        self,
        informers: Informers,
        owners: Informer[W],
        owned: Owned[C],
        kind: type[C],
        queue: WorkQueue[Key],
        selector: Callable[[W], LabelSelector] | None,
    ) -> None:
        self.resource = owned.informer.resource
        self._client = informers.client
        self._owners = owners
        self._owned = owned
        self._store = owned.informer.store
        self._decoder = Decoder(kind)
        self._queue = queue
        self._selector = selector
        self._created: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by owner: UIDs, until when
        self._deleted: defaultdict[str, dict[str, float]] = defaultdict(dict)
        owned.informer.listen(self._seen)

    def _seen(self, name: str, item: C, old: C | None) -> None:
        meta = item.metadata
        if not self._owners.store and not meta.owner_references:
            return
        refs = {ref for ref in (meta.controller, old and old.metadata.controller) if ref}
        for ref in refs:
            if self._is_ours(ref):
                self._created.get(ref.uid, {}).pop(meta.uid, None)
                if name == "DELETED" or meta.deletion_timestamp:
                    self._deleted.get(ref.uid, {}).pop(meta.uid, None)
                self._queue.add((meta.namespace, ref.name))
        if not refs and self._selector and meta.labels and name != "DELETED" and not meta.deletion_timestamp:
            for owner in self._owners.in_namespace(meta.namespace):
                if self._selector(owner).matches(meta.labels):
                    self._queue.add(owner.metadata.key)

    def _is_ours(self, ref: OwnerReference) -> bool:
        resource = self._owners.resource
        return ref.kind == resource.kind and ref.api_version.rpartition("/")[0] == resource.group

    def settled(self, owner: W) -> bool:
        """Whether the watch has shown everything that was made or deleted for it (upstream: expectations)."""
        now, uid, waiting = time.monotonic(), owner.metadata.uid, False
        for table in (self._created, self._deleted):
            left = {child: until for child, until in table.pop(uid, {}).items() if until > now}
            if left:
                table[uid] = left
                waiting = True
        if waiting:
            self._queue.add_after(owner.metadata.key, PATIENCE)
        return not waiting

    def forget(self, uid: str) -> None:
        """The owner is gone."""
        self._created.pop(uid, None)
        self._deleted.pop(uid, None)

    def of(self, owner: W) -> list[C]:
        """What it controls, sorted by name; nobody is adopted."""
        return self._owned.of(owner.metadata.uid)

    async def claim(self, owner: W) -> list[C]:
        """What it controls, after taking in what it selects and letting go what it does not any more.

        As ControllerRefManager of pkg/controller does.
        """
        assert self._selector is not None, "without a selector there is nothing to adopt"
        selector, mine = self._selector(owner), []
        going = owner.metadata.deletion_timestamp is not None
        for child in self.of(owner):
            if selector.matches(child.metadata.labels):
                mine.append(child)
            elif not going:
                await self._patch(child, {"$patch": "delete", "uid": owner.metadata.uid})
        orphans = [] if going else self._owned.orphans(owner.metadata.namespace)
        wanted = [
            child
            for child in orphans
            if child.metadata.deletion_timestamp is None and selector.matches(child.metadata.labels)
        ]
        if wanted and await self._is_alive(owner):
            for child in wanted:
                if await self._patch(child, self.reference(owner)):
                    mine.append(child)
        return mine

    async def _is_alive(self, owner: W) -> bool:
        """Asked of the server: the cache may not know yet that the owner is going."""
        try:
            live = await self._client.get(self._owners.resource.path(*owner.metadata.key))
        except NotFound:
            return False
        meta = live["metadata"]
        return meta["uid"] == owner.metadata.uid and "deletionTimestamp" not in meta

    async def _patch(self, child: C, reference: Json) -> bool:
        body = {"metadata": {"uid": child.metadata.uid, "ownerReferences": [reference]}}
        try:
            await self._client.patch(self.resource.path(*child.metadata.key), body, STRATEGIC)
        except ApiError as error:
            if error.status not in (404, 409, 422):
                raise
            return False
        return True

    def reference(self, owner: W) -> Json:
        resource, meta = self._owners.resource, owner.metadata
        return {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": meta.name,
            "uid": meta.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    async def create(self, owner: W, body: Json) -> C:
        """Make a child in the namespace of its owner. Raises ApiError."""
        metadata = {
            **body["metadata"],
            "namespace": owner.metadata.namespace,
            "ownerReferences": [self.reference(owner)],
        }
        head = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        answer = await self._client.create(
            self.resource.path(owner.metadata.namespace), {**head, **body, "metadata": metadata}
        )
        made = self._decoder.decode(answer)
        seen = self._store.get(made.metadata.key)
        if seen is None or seen.metadata.uid != made.metadata.uid:
            self._created[owner.metadata.uid][made.metadata.uid] = time.monotonic() + PATIENCE
        return made

    async def delete(self, owner: W, child: C, propagation: str = "") -> None:
        """Delete a child; it may be gone already."""
        meta = child.metadata
        try:
            await self._client.delete(self.resource.path(*meta.key), uid=meta.uid, propagation=propagation)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            return
        seen = self._store.get(meta.key)
        if seen is not None and seen.metadata.uid == meta.uid and not seen.metadata.deletion_timestamp:
            self._deleted[owner.metadata.uid][meta.uid] = time.monotonic() + PATIENCE

    async def patch(self, child: C, body: Json) -> C:
        """Change a child that is still as it was seen, or raise Conflict; the child as it is now."""
        meta = child.metadata
        metadata = {**body.get("metadata", {}), "resourceVersion": meta.resource_version, "uid": meta.uid}
        answer = await self._client.patch(self.resource.path(*meta.key), {**body, "metadata": metadata})
        return self._decoder.decode(answer)


async def slow_start(work: Sequence[Callable[[], Any]]) -> None:
    """Do it in batches that begin small and double: a refusal costs few requests. Raises the first one."""
    done, size = 0, FIRST_BATCH
    while done < len(work):
        batch = [one() for one in work[done : done + size]]
        answers = await asyncio.gather(*batch, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        done += len(batch)
        size *= 2
