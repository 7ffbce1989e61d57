"""Pods leave a node whose NoExecute taint they do not tolerate (pkg/controller/tainteviction)."""

from __future__ import annotations

import time

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import parse_time, timestamp

from ..apiclient import STRATEGIC
from ..apiobjects import NODES, PODS, Key, Node, Pod, Taint
from ..eventsink import EventSink
from ..keyqueue import WorkQueue
from ..placement import tolerates
from ..sharedcache import Informers

WORKERS = 4
SOURCE = ("taint-eviction-controller", "")


class TaintEviction:
    def __init__(self, informers: Informers, events: EventSink) -> None:
        self._client = informers.client
        self._events = events
        self._queue: WorkQueue[Key] = WorkQueue()
        self._ends: dict[str, tuple[list[Taint], float | None]] = {}  # by UID: the taints, and until when
        self._pods = informers.of(PODS, Pod)
        self._nodes = informers.of(NODES, Node)
        self._pods.listen(self._pod)
        self._nodes.listen(self._node)

    async def run(self) -> None:
        for informer in (self._pods, self._nodes):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    def _pod(self, name: str, pod: Pod, old: Pod | None) -> None:
        if name == "DELETED":
            self._ends.pop(pod.metadata.uid, None)
        if name == "DELETED" or not pod.spec.node_name or (old and old.spec == pod.spec):
            return
        node = self._nodes.get("", pod.spec.node_name)
        if node is not None and evicting(node):
            self._queue.add(pod.metadata.key)

    def _node(self, name: str, node: Node, old: Node | None) -> None:
        if name != "DELETED" and evicting(node) and (old is None or evicting(old) != evicting(node)):
            for key, pod in self._pods.store.items():
                if pod.spec.node_name == node.metadata.name:
                    self._queue.add(key)

    async def _process(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        node = self._nodes.get("", pod.spec.node_name) if pod else None
        if pod is None or node is None or pod.metadata.deletion_timestamp is not None:
            return
        taints, uid = evicting(node), pod.metadata.uid
        known = self._ends.get(uid)
        until = known[1] if known and known[0] == taints else stays_until(pod, taints, time.time())
        self._ends[uid] = taints, until
        if until is None:
            return
        if (left := until - time.time()) > 0:
            self._queue.add_after(key, left)
            return
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": timestamp(),
        }
        path = PODS.path(*key)
        text = f"Marking for deletion Pod {'/'.join(key)}"
        self._events.pod(pod.metadata, SOURCE, "TaintManagerEviction", text)
        try:
            body = {"metadata": {"uid": uid}, "status": {"conditions": [condition]}}
            await self._client.patch(f"{path}/status", body, STRATEGIC)
            await self._client.delete(path, uid=uid)
        except ApiError as error:
            if error.status not in (404, 409):
                raise


def evicting(node: Node) -> list[Taint]:
    return [taint for taint in node.spec.taints or () if taint.effect == "NoExecute"]


def stays_until(pod: Pod, taints: list[Taint], now: float) -> float | None:
    """Unix seconds; None for ever. The shortest toleration counts, from when the taint was added, or seen."""
    until: float | None = None
    for taint in taints:
        matching = [
            t for t in pod.spec.tolerations or () if tolerates(t, taint.key, taint.value, taint.effect)
        ]
        limits = [t.toleration_seconds for t in matching if t.toleration_seconds is not None]
        if matching and not limits:
            continue
        since = parse_time(taint.time_added) or now
        ends = since + max(min(limits, default=0), 0)
        until = ends if until is None else min(until, ends)
    return until
