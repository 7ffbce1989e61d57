"""DaemonSet: a pod on each node that takes it (pkg/controller/daemon)."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from typing import Any

import msgspec

from ...apiobjects import NODES, PODS, Node, Pod, PodSpec, Toleration
from ...placement import affinity_allows, untolerated
from ...workloadobjects import DAEMON_SETS, REVISIONS, ControllerRevision, DaemonSet, Json
from .base import WorkloadController, count, is_available, pod_from
from .children import slow_start
from .revisions import HASH, History, hash_of
from .rollout import share

# util/daemonset_util.go, AddOrUpdateDaemonPodTolerations
TOLERATIONS: list[Json] = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    *(
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
]
BURST = 250  # pods made or deleted in one go


class DaemonSetController(WorkloadController[DaemonSet]):
    resource, kind, component = DAEMON_SETS, DaemonSet, "daemonset-controller"

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._pods = self.children(PODS, Pod, lambda item: item.spec.selector)
        self._history = History(self.children(REVISIONS, ControllerRevision, lambda item: item.spec.selector))
        self._nodes = self._informers.of(NODES, Node)
        self._waits.append(self._nodes)
        self._nodes.listen(self._node)

    def _node(self, name: str, node: Node, old: Node | None) -> None:
        if (
            old is None
            or name == "DELETED"
            or (old.spec, old.metadata.labels) != (node.spec, node.metadata.labels)
        ):
            for item in self._own.store.values():
                self._queue.add(item.metadata.key)

    async def sync(self, item: DaemonSet) -> None:
        mine = await self._pods.claim(item)
        if item.deleting or not (self._pods.settled(item) and self._history.settled(item)):
            return
        known, update = await self._history.current(item)
        by_node: defaultdict[str, list[Pod]] = defaultdict(list)
        for pod in mine:
            if not pod.metadata.deletion_timestamp:
                by_node[pod.spec.node_name or pinned_to(pod)].append(pod)
        wanted = {node.metadata.name for node in self._nodes.store.values() if fits(item, node)}
        await self._place(item, by_node, wanted, hash_of(update))
        await self._update(item, by_node, wanted, hash_of(update), len(mine))
        await self._report(item, by_node, wanted, hash_of(update))
        hashes = {pod.metadata.labels.get(HASH) for pod in mine}
        used = {r.metadata.name for r in known if hash_of(r) in hashes}
        await self._history.truncate(item, known, {update.metadata.name, *used})

    async def _place(
        self, item: DaemonSet, by_node: defaultdict[str, list[Pod]], wanted: set[str], hash_: str
    ) -> None:
        for node, pods in by_node.items():
            for pod in list(pods):
                if pod.status.phase == "Failed":
                    which = f"{item.metadata.namespace}/{pod.metadata.name} on node {node}"
                    text = f"Found failed daemon pod {which}, will try to kill it"
                    self.event(item, "FailedDaemonPod", text, warn=True)
                    await self._pods.delete(item, pod)
                    pods.remove(pod)
            surplus = pods if node not in wanted else sorted(pods, key=lambda p: not p.ready)[1:]
            for pod in list(surplus):
                await self._pods.delete(item, pod)
                self.event(item, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")
                pods.remove(pod)
        missing = sorted(node for node in wanted if not by_node[node])[:BURST]
        await slow_start([partial(self._create, item, node, hash_) for node in missing])

    async def _create(self, item: DaemonSet, node: str, hash_: str) -> None:
        body = pod_from(item.spec.template, labels={HASH: hash_})
        body["metadata"]["generateName"] = f"{item.metadata.name}-"
        spec = body["spec"]
        terms = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        # Upstream puts the node in place of the terms: which of them hold was looked at above.
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [terms]}
        spec["tolerations"] = [*(spec.get("tolerations") or ()), *TOLERATIONS]
        pod = await self._pods.create(item, body)
        self.event(item, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _update(
        self, item: DaemonSet, by_node: defaultdict[str, list[Pod]], wanted: set[str], hash_: str, alive: int
    ) -> None:
        """End old pods, as many as may be missing at once; what does not serve first, and at no cost."""
        strategy = item.spec.update_strategy
        if strategy.type != "RollingUpdate":
            return
        allowed = max(1, share(strategy.rolling.max_unavailable or 1, len(wanted), up=True))
        now = time.time()
        old: list[Pod] = []
        unavailable = 0
        for node in sorted(wanted):
            pods = by_node[node]
            serves = any(is_available(p, item.spec.min_ready_seconds, now) for p in pods)
            outdated = [p for p in pods if p.metadata.labels.get(HASH) != hash_]
            if not serves:
                unavailable += 1
                for pod in outdated:
                    await self._pods.delete(item, pod)
            else:
                old += outdated
        for pod in old[: max(0, allowed - unavailable)]:
            await self._pods.delete(item, pod)
            self.event(item, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    async def _report(
        self, item: DaemonSet, by_node: defaultdict[str, list[Pod]], wanted: set[str], hash_: str
    ) -> None:
        placed = [pods[0] for node in wanted if (pods := by_node[node])]
        ready, available, soon = count(placed, item.spec.min_ready_seconds)
        status = {
            "observedGeneration": item.metadata.generation,
            "desiredNumberScheduled": len(wanted),
            "currentNumberScheduled": len(placed),
            "numberMisscheduled": sum(bool(pods) for node, pods in by_node.items() if node not in wanted),
            "numberReady": ready,
            "numberAvailable": available,
            "numberUnavailable": len(wanted) - available,
            "updatedNumberScheduled": sum(p.metadata.labels.get(HASH) == hash_ for p in placed),
        }
        await self.write_status(item, status)
        if soon is not None:
            self._queue.add_after(item.metadata.key, soon)


def pinned_to(pod: Pod) -> str:
    """The node that a pod of a DaemonSet waits for; "" when it is none of ours."""
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    for term in (affinity and affinity.required and affinity.required.terms) or ():
        for need in term.match_fields or ():
            if need.key == "metadata.name" and need.values:
                return need.values[0]
    return ""


def fits(item: DaemonSet, node: Node) -> bool:
    """Whether a node gets a pod: its labels and taints say so; whether there is room does not matter."""
    spec = msgspec.convert(item.spec.template.get("spec") or {}, PodSpec)
    spec.tolerations = [*(spec.tolerations or ()), *_tolerations]
    return affinity_allows(spec, node) and untolerated(spec, node) is None


_tolerations = msgspec.convert(TOLERATIONS, list[Toleration])
