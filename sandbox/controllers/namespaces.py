"""The namespace controller: empties a namespace that is being deleted, and then lets it go."""

from __future__ import annotations

import asyncio
from collections import Counter

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.object import Decoder
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.times import timestamp

from ..apiobjects import NAMESPACES, PODS, Namespace, Object
from ..keyqueue import WorkQueue
from ..sharedcache import Informers
from .served import Discovery

WORKERS = 4
FIRST_LOOK, LAST_LOOK = 0.05, 2.0  # seconds until what is left is counted again
FINALIZER = "kubernetes"

_decoder = Decoder(Object)


class NamespaceController:
    def __init__(self, informers: Informers, discovery: Discovery) -> None:
        self._client = informers.client
        self._discovery = discovery
        self._queue: WorkQueue[str] = WorkQueue()
        self._looks: Counter[str] = Counter()
        self._namespaces = informers.of(NAMESPACES, Namespace)
        self._namespaces.listen(self._changed)

    def _changed(self, name: str, item: Namespace, old: Namespace | None) -> None:
        if name == "DELETED":
            self._looks.pop(item.metadata.name, None)
        elif item.metadata.deletion_timestamp and FINALIZER in (item.spec.finalizers or ()):
            self._queue.add(item.metadata.name)

    async def run(self) -> None:
        await self._discovery.ready.wait()
        await self._queue.run(self._process, WORKERS)

    async def _process(self, name: str) -> None:
        namespace = self._namespaces.get("", name)
        if namespace is None or FINALIZER not in (namespace.spec.finalizers or ()):
            return
        left, finalizers = await self._empty(name)
        if left:
            self._looks[name] += 1
            if self._looks[name] == 3:
                await self._explain(namespace, left, finalizers)
            self._queue.add_after(name, min(FIRST_LOOK * 2 ** self._looks[name], LAST_LOOK))
        else:
            await self._finish(namespace)

    async def _empty(self, namespace: str) -> tuple[Counter[str], Counter[str]]:
        """Delete everything; how many of which resource and with which finalizers are left.

        Pods go first and alone (OrderedNamespaceDeletion): they may need what is beside them to end well.
        """
        resources = [resource for resource in self._discovery.collectable() if resource.namespaced]
        pods = [r for r in resources if (r.group, r.plural) == (PODS.group, PODS.plural)]
        others = [r for r in resources if r not in pods]
        for batch in (pods, others):
            answers = await asyncio.gather(*(self._empty_resource(namespace, r) for r in batch))
            left: Counter[str] = Counter()
            finalizers: Counter[str] = Counter()
            for resource, items in zip(batch, answers, strict=True):
                if items:
                    left[f"{resource.plural}.{resource.group}"] = len(items)
                    finalizers.update(f for item in items for f in item.metadata.finalizers)
            if left:
                return left, finalizers
        return Counter(), Counter()

    async def _empty_resource(self, namespace: str, resource: Resource) -> list[Object]:
        path = resource.path(namespace)
        try:
            items = await self._list(path)
            if any(item.metadata.deletion_timestamp is None for item in items):
                await self._delete_all(resource, namespace, items)
                items = await self._list(path)
        except ApiError as error:
            # The resource itself may have gone meanwhile.
            if error.status not in (404, 405):
                raise
            return []
        return items

    async def _list(self, path: str) -> list[Object]:
        items, _ = await self._client.list(path, _decoder)
        return items

    async def _delete_all(self, resource: Resource, namespace: str, items: list[Object]) -> None:
        if "deletecollection" in self._discovery.verbs(resource):
            body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
            await self._client.request("DELETE", resource.path(namespace), body=body)
            return
        for item in items:
            try:
                await self._client.delete(resource.path(namespace, item.metadata.name), uid=item.metadata.uid)
            except ApiError as error:
                if error.status != 404:
                    raise

    async def _finish(self, namespace: Namespace) -> None:
        name = namespace.metadata.name
        try:
            live = await self._client.get(NAMESPACES.path("", name))
            if live["metadata"]["uid"] != namespace.metadata.uid:
                return
            live["spec"]["finalizers"] = [f for f in live["spec"].get("finalizers") or () if f != FINALIZER]
            await self._client.request("PUT", NAMESPACES.path("", name, "finalize"), body=live)
        except ApiError as error:
            if error.status != 404:
                raise

    async def _explain(self, namespace: Namespace, left: Counter[str], finalizers: Counter[str]) -> None:
        """Say in the status what holds it up, in the words of kube-controller-manager."""
        resources = ", ".join(
            f"{name} has {count} resource instances" for name, count in sorted(left.items())
        )
        holders = ", ".join(
            f"{name} in {count} resource instances" for name, count in sorted(finalizers.items())
        )
        now = timestamp()

        def condition(kind: str, problem: str, reason: str, fine: str, well: str) -> dict[str, str]:
            return {
                "type": kind,
                "status": "True" if problem else "False",
                "reason": reason if problem else fine,
                "message": problem or well,
                "lastTransitionTime": now,
            }

        conditions = [
            condition(
                "NamespaceDeletionDiscoveryFailure",
                "",
                "",
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            condition(
                "NamespaceDeletionGroupVersionParsingFailure",
                "",
                "",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            condition(
                "NamespaceDeletionContentFailure",
                "",
                "",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            condition(
                "NamespaceContentRemaining",
                f"Some resources are remaining: {resources}",
                "SomeResourcesRemain",
                "ContentRemoved",
                "All content successfully removed",
            ),
            condition(
                "NamespaceFinalizersRemaining",
                f"Some content in the namespace has finalizers remaining: {holders}" if holders else "",
                "SomeFinalizersRemain",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
        ]
        await self._client.patch(
            NAMESPACES.path("", namespace.metadata.name, "status"),
            {"metadata": {"uid": namespace.metadata.uid}, "status": {"conditions": conditions}},
        )
