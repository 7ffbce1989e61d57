"""Binds each pod to the ready node that has the fewest."""

from __future__ import annotations

from collections import Counter

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import timestamp

from ..apiclient import STRATEGIC, Client
from ..apiobjects import NODES, PODS, Key, Node, Pod
from ..eventsink import EventSink
from ..keyqueue import WorkQueue
from ..sharedcache import Informers
from .nodes import tolerates

WORKERS = 8
NAME = "default-scheduler"
SOURCE = (NAME, "")


class Scheduler:
    def __init__(self, client: Client, informers: Informers, events: EventSink) -> None:
        self._client = client
        self._events = events
        self._queue: WorkQueue[Key] = WorkQueue()
        self._pods = informers.of(PODS, Pod)
        self._nodes = informers.of(NODES, Node)
        self._placed: dict[str, str] = {}
        self._load: Counter[str] = Counter()
        self._refused: dict[Key, str] = {}
        self._pods.listen(self._pod)
        self._nodes.listen(self._node)

    async def run(self) -> None:
        await self._pods.synced.wait()
        await self._nodes.synced.wait()
        await self._queue.run(self._process, WORKERS)

    def _pod(self, name: str, pod: Pod, old: Pod | None) -> None:
        key, uid = pod.metadata.key, pod.metadata.uid
        if name == "DELETED" or pod.finished:
            self._refused.pop(key, None)
            if node := self._placed.pop(uid, None):
                self._load[node] -= 1
        elif pod.spec.node_name:
            self._refused.pop(key, None)
            self._place(uid, pod.spec.node_name)
        elif (
            pod.spec.scheduler_name in ("", NAME)
            and not pod.metadata.deletion_timestamp
            and (key not in self._refused or (old and old.spec != pod.spec))
        ):
            self._queue.add(key)

    def _place(self, uid: str, node: str) -> None:
        before = self._placed.get(uid)
        if before != node:
            if before:
                self._load[before] -= 1
            self._placed[uid] = node
            self._load[node] += 1

    def _node(self, name: str, node: Node, old: Node | None) -> None:
        if old is None or (old.ready, old.spec, old.metadata.labels) != (
            node.ready,
            node.spec,
            node.metadata.labels,
        ):
            for key in self._refused:
                self._queue.add(key)

    async def _process(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        if pod is None or pod.spec.node_name or pod.metadata.deletion_timestamp or pod.spec.scheduling_gates:
            return
        uid = pod.metadata.uid
        reasons = {name: _why_not(pod, node) for (_, name), node in self._nodes.store.items()}
        for name, node in self._nodes.store.items():
            if self._load[name[1]] >= _pods(node):
                reasons[name[1]] = reasons[name[1]] or "Too many pods"
        fit = [name for name, reason in reasons.items() if not reason]
        if not fit:
            await self._refuse(pod, reasons)
            return
        node_name = min(fit, key=lambda name: (self._load[name], name))
        self._place(uid, node_name)
        namespace, name_ = key
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name_, "namespace": namespace, "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node_name},
        }
        try:
            await self._client.create(PODS.path(namespace, name_, "binding"), body)
        except ApiError as error:
            self._load[self._placed.pop(uid, node_name)] -= 1
            if error.status not in (404, 409):
                raise
            return
        self._refused.pop(key, None)
        text = f"Successfully assigned {namespace}/{name_} to {node_name}"
        self._events.pod(pod.metadata, SOURCE, "Scheduled", text)

    async def _refuse(self, pod: Pod, reasons: dict[str, str]) -> None:
        counted = Counter(reasons.values())
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(counted.items()))
        total = len(reasons)
        text = f"0/{total} nodes are available: {why}." if total else "no nodes available to schedule pods"
        key = pod.metadata.key
        if self._refused.get(key) == text:
            return
        self._refused[key] = text
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": text,
            "lastTransitionTime": timestamp(),
        }
        patch = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}
        try:
            await self._client.patch(PODS.path(*key, "status"), patch, STRATEGIC)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
        self._events.pod(pod.metadata, SOURCE, "FailedScheduling", text, warn=True)


def _pods(node: Node) -> float:
    """How many pods a node takes; the API writes 20000 as 20k."""
    text = (node.status.allocatable or {}).get("pods", "")
    number, factor = (text[:-1], 1000) if text.endswith("k") else (text, 1)
    return int(number) * factor if number.isdecimal() else float("inf")


def _why_not(pod: Pod, node: Node) -> str:
    """Why a pod cannot go to a node, in the scheduler's words; "" when it can."""
    tolerations = pod.spec.tolerations or ()
    if node.spec.unschedulable and not any(
        tolerates(t, "node.kubernetes.io/unschedulable", "", "NoSchedule") for t in tolerations
    ):
        return "node(s) were unschedulable"
    for taint in node.spec.taints or ():
        if taint.effect in ("NoSchedule", "NoExecute") and not any(
            tolerates(t, taint.key, taint.value, taint.effect) for t in tolerations
        ):
            return f"node(s) had untolerated taint(s) {{{taint.key}: {taint.value}}}"
    if not node.ready:
        return "node(s) were not ready"
    labels = node.metadata.labels or {}
    if any(labels.get(name) != value for name, value in (pod.spec.node_selector or {}).items()):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""
