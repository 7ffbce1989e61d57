"""Pods that no kubelet will ever end: force-deleted when their node is gone from the API."""

from __future__ import annotations

from controller_runtime.kube.errors import ApiError

from ..apiobjects import NODES, PODS, Key, Node, Pod
from ..keyqueue import WorkQueue
from ..sharedcache import Informers

WORKERS = 4


class PodCollector:
    """Also ends pods that were deleted before they ever got a node, as pod garbage collection does."""

    def __init__(self, informers: Informers) -> None:
        self._client = informers.client
        self._queue: WorkQueue[Key] = WorkQueue()
        self._pods = informers.of(PODS, Pod)
        self._nodes = informers.of(NODES, Node)
        self._pods.listen(self._pod)
        self._nodes.listen(self._node)

    async def run(self) -> None:
        await self._pods.synced.wait()
        await self._nodes.synced.wait()
        await self._queue.run(self._process, WORKERS)

    def _lost(self, pod: Pod) -> bool:
        node = pod.spec.node_name
        if not node:
            return pod.metadata.deletion_timestamp is not None
        return self._nodes.get("", node) is None

    def _pod(self, name: str, item: Pod, old: Pod | None) -> None:
        if name != "DELETED" and self._lost(item):
            # The watch of nodes may lag behind: look again a little later.
            self._queue.add_after(item.metadata.key, 0.5)

    def _node(self, name: str, item: Node, old: Node | None) -> None:
        if name == "DELETED":
            for key, pod in self._pods.store.items():
                if pod.spec.node_name == item.metadata.name:
                    self._queue.add_after(key, 0.5)

    async def _process(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        if pod is None or not self._lost(pod):
            return
        try:
            await self._client.delete(PODS.path(*key), uid=pod.metadata.uid, grace=0)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
