"""Binds each pod to the node that can have it and has the least to do."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import timestamp

from .. import placement
from ..apiclient import STRATEGIC, Client
from ..apiobjects import NAMESPACES, NODES, PODS, Key, Namespace, Node, Pod
from ..eventsink import EventSink
from ..keyqueue import WorkQueue
from ..placement import Figures
from ..sharedcache import Informers
from ..workloadobjects import CLAIMS, Claim

WORKERS = 8
NAME = "default-scheduler"
SOURCE = (NAME, "")
AGAIN = 1.0  # seconds until a pod that waits is looked at once more after something has changed
# What the end of other pods would not change.
FINAL = (
    placement.UNSCHEDULABLE,
    placement.AFFINITY,
    placement.TAINT,
    placement.SPREAD_LABEL,
    placement.POD_AFFINITY,
)


class Room:
    """What is taken of one node."""

    def __init__(self) -> None:
        self.pods = 0
        self.used: Figures = {}
        self.ports: set[tuple[int, str]] = set()
        self._shares: dict[str, tuple[Figures, set[tuple[int, str]]]] = {}  # of pods that ask for something

    def put(self, pod: Pod) -> None:
        self.pods += 1
        figures, ports = placement.requests(pod.spec), placement.host_ports(pod.spec)
        if figures or ports:
            self._shares[pod.metadata.uid] = figures, ports
            self.used = placement.added(self.used, figures)
            self.ports |= ports

    def take(self, uid: str) -> None:
        self.pods -= 1
        figures, ports = self._shares.pop(uid, ({}, set()))
        self.used = placement.added(self.used, figures, sign=-1)
        self.ports -= ports


class Scheduler:
    def __init__(self, client: Client, informers: Informers, events: EventSink) -> None:
        self._client = client
        self._events = events
        self._queue: WorkQueue[Key] = WorkQueue()
        self._pods = informers.of(PODS, Pod)
        self._nodes = informers.of(NODES, Node)
        self._claims = informers.of(CLAIMS, Claim)
        self._namespaces = informers.of(NAMESPACES, Namespace)
        self._placed: dict[str, str] = {}
        self._rooms: dict[str, Room] = {}
        self._shy: dict[str, Key] = {}  # placed pods that keep others away, by UID
        self._refused: dict[Key, str] = {}
        self._pods.listen(self._pod)
        self._nodes.listen(self._node)
        self._claims.listen(self._claim)

    async def run(self) -> None:
        for informer in (self._pods, self._nodes, self._claims, self._namespaces):
            await informer.synced.wait()
        await self._queue.run(self._process, WORKERS)

    def _pod(self, name: str, pod: Pod, old: Pod | None) -> None:
        key, uid = pod.metadata.key, pod.metadata.uid
        if name == "DELETED" or pod.finished:
            self._refused.pop(key, None)
            if self._unplace(uid):
                self._look_again()
        elif pod.spec.node_name:
            self._refused.pop(key, None)
            self._place(pod, pod.spec.node_name)
            if old is None or not old.spec.node_name or old.metadata.labels != pod.metadata.labels:
                self._look_again()
        elif (
            pod.spec.scheduler_name in ("", NAME)
            and not pod.metadata.deletion_timestamp
            and (key not in self._refused or (old and old.spec != pod.spec))
        ):
            self._queue.add(key)

    def _place(self, pod: Pod, node: str) -> None:
        uid = pod.metadata.uid
        if self._placed.get(uid) != node:
            self._unplace(uid)
            self._placed[uid] = node
            self._rooms.setdefault(node, Room()).put(pod)
            if pod.spec.affinity and pod.spec.affinity.pod_anti_affinity:
                self._shy[uid] = pod.metadata.key

    def _unplace(self, uid: str) -> bool:
        node = self._placed.pop(uid, None)
        if node is not None:
            self._shy.pop(uid, None)
            self._rooms[node].take(uid)
        return node is not None

    def _look_again(self) -> None:
        for key in self._refused:
            self._queue.add_after(key, AGAIN)

    def _node(self, name: str, node: Node, old: Node | None) -> None:
        if old is None or (old.ready, old.spec, old.metadata.labels, old.status.allocatable) != (
            node.ready,
            node.spec,
            node.metadata.labels,
            node.status.allocatable,
        ):
            for key in self._refused:
                self._queue.add(key)

    def _claim(self, name: str, claim: Claim, old: Claim | None) -> None:
        for key in self._refused:
            pod = self._pods.store.get(key)
            if pod and key[0] == claim.metadata.namespace and claim.metadata.name in pod.claims:
                self._queue.add(key)

    async def _process(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        if pod is None or pod.spec.node_name or pod.metadata.deletion_timestamp or pod.spec.scheduling_gates:
            return
        if waits := self._unbound(pod):
            await self._refuse(pod, f"0/{len(self._nodes.store)} nodes are available: {waits}.")
            return
        node = self._choose(pod)
        if node is None:
            return await self._unschedulable(pod)
        await self._bind(pod, node)

    def _choose(self, pod: Pod) -> str | None:
        """The best node for a pod; None when none can have it."""
        wishes = self._wishes(pod)
        fit = [node for node in self._nodes.store.values() if not self._why_not(pod, node, wishes)]
        if not fit:
            return None

        def order(node: Node) -> tuple[int, int, str]:
            return -wishes.gladness(node), self._room(node).pods, node.metadata.name

        return min(fit, key=order).metadata.name

    def _wishes(self, pod: Pod) -> placement.Wishes:
        store = self._pods.store
        nodes = {node.metadata.name: node for node in self._nodes.store.values()}
        others: Iterable[Pod | None] = map(store.get, self._shy.values())
        if placement.needs_neighbours(pod):
            others = store.values()
        # A pod that was just bound is known here before its watch shows where it is.
        placed = [
            (other, node)
            for other in others
            if other is not None and (node := self._placed.get(other.metadata.uid, "")) in nodes
        ]
        return placement.Wishes(pod, placement.Neighbours(placed, nodes, self._namespace_labels))

    def _namespace_labels(self, name: str) -> placement.Labels:
        found = self._namespaces.get("", name)
        return found.metadata.labels if found else {}

    def _room(self, node: Node) -> Room:
        name = node.metadata.name
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room()
        return room

    def _why_not(self, pod: Pod, node: Node, wishes: placement.Wishes) -> list[str]:
        """Why a node cannot have a pod, in the order of the scheduler's filters; [] when it can."""
        spec = pod.spec
        if node.spec.unschedulable and not any(
            placement.tolerates(t, "node.kubernetes.io/unschedulable", "", "NoSchedule")
            for t in spec.tolerations or ()
        ):
            return [placement.UNSCHEDULABLE]
        if taint := placement.untolerated(spec, node):
            return [f"{placement.TAINT} {{{taint.key}: {taint.value}}}"]
        if not node.ready:
            return ["node(s) were not ready"]
        if not placement.affinity_allows(spec, node):
            return [placement.AFFINITY]
        room = self._room(node)
        if room.ports & wishes.ports:
            return [placement.PORTS]
        lacks = placement.lacks(wishes.figures, room.used, room.pods, node.status.allocatable or {})
        if lacks:
            return lacks
        refusal = wishes.refusal(node.metadata.labels)
        return [refusal] if refusal else []

    def _unbound(self, pod: Pod) -> str:
        """Which claim it waits for (plugins/volumebinding); "" when none."""
        for name in pod.claims:
            claim = self._claims.get(pod.metadata.namespace, name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim.metadata.deletion_timestamp:
                return f'persistentvolumeclaim "{name}" is being deleted'
            if claim.status.phase != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    async def _bind(self, pod: Pod, node_name: str) -> None:
        self._place(pod, node_name)
        namespace, name = key = pod.metadata.key
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod.metadata.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node_name},
        }
        try:
            await self._client.create(PODS.path(namespace, name, "binding"), body)
        except ApiError as error:
            self._unplace(pod.metadata.uid)
            if error.status not in (404, 409):
                raise
            return
        self._refused.pop(key, None)
        text = f"Successfully assigned {namespace}/{name} to {node_name}"
        self._events.pod(pod.metadata, SOURCE, "Scheduled", text)

    # What cannot be placed

    async def _unschedulable(self, pod: Pod) -> None:
        wishes = self._wishes(pod)
        nodes = list(self._nodes.store.values())
        reasons = {node.metadata.name: self._why_not(pod, node, wishes) for node in nodes}
        if not nodes:
            await self._refuse(pod, "no nodes available to schedule pods")
            return
        hopeful = [n for n in nodes if not all(r.startswith(FINAL) for r in reasons[n.metadata.name])]
        preempted = await self._preempt(pod, hopeful)
        text = f"{_counted(len(nodes), (r for found in reasons.values() for r in found))}."
        if not preempted:
            words = ["Preemption is not helpful for scheduling"] * (len(nodes) - len(hopeful))
            words += ["No preemption victims found for incoming pod"] * len(hopeful)
            text += f" preemption: {_counted(len(nodes), words)}."
        await self._refuse(pod, text)

    async def _preempt(self, pod: Pod, nodes: Iterable[Node]) -> bool:
        """End less important pods of one node, as few as need be, if that makes room."""
        if pod.spec.preemption_policy == "Never":
            return False
        plans = [(victims, node) for node in nodes if (victims := self._victims(pod, node))]
        if not plans:
            return False

        def harm(plan: tuple[list[Pod], Node]) -> tuple[int, int, str]:
            return max(victim.spec.priority for victim in plan[0]), len(plan[0]), plan[1].metadata.name

        victims, node = min(plans, key=harm)
        for victim in victims:
            await self._end(victim, pod, node.metadata.name)
        return True

    def _victims(self, pod: Pod, node: Node) -> list[Pod]:
        """The least important pods whose end makes room for the figures of `pod`; [] when none does."""
        room = self._room(node)
        name = node.metadata.name
        lesser = [
            other
            for other in self._pods.store.values()
            if other.spec.priority < pod.spec.priority and self._placed.get(other.metadata.uid) == name
        ]
        if any(p.metadata.deletion_timestamp for p in lesser):
            return []  # room is being made already
        wanted, used, pods = placement.requests(pod.spec), room.used, room.pods
        allocatable, chosen = node.status.allocatable or {}, list[Pod]()
        heap = [(p.spec.priority, p.metadata.uid, p) for p in lesser]
        heapq.heapify(heap)
        while placement.lacks(wanted, used, pods, allocatable):
            if not heap:
                return []
            victim = heapq.heappop(heap)[2]
            used = placement.added(used, placement.requests(victim.spec), sign=-1)
            pods -= 1
            chosen.append(victim)
        return chosen

    async def _end(self, victim: Pod, pod: Pod, node: str) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{NAME}: preempting to accommodate a higher priority pod",
            "lastTransitionTime": timestamp(),
        }
        path = PODS.path(*victim.metadata.key)
        body = {"metadata": {"uid": victim.metadata.uid}, "status": {"conditions": [condition]}}
        try:
            await self._client.patch(f"{path}/status", body, STRATEGIC)
            await self._client.delete(path, uid=victim.metadata.uid)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            return
        text = f"Preempted by pod {pod.metadata.uid} on node {node}"
        self._events.pod(victim.metadata, SOURCE, "Preempted", text)

    async def _refuse(self, pod: Pod, text: str) -> None:
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


def _counted(nodes: int, reasons: Iterable[str]) -> str:
    """As the scheduler's FitError puts it: 0/3 nodes are available: 1 Insufficient cpu, 2 …"""
    parts = sorted(f"{count} {reason}" for reason, count in Counter(reasons).items())
    return f"0/{nodes} nodes are available: {', '.join(parts)}"
