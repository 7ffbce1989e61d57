"""ReplicaSet and ReplicationController: as many pods as it says (pkg/controller/replicaset)."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any, ClassVar

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import parse_time

from ...apiobjects import PODS, Pod
from ...workloadobjects import (
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    Json,
    ReplicaSet,
    ReplicationController,
    Workload,
)
from .base import WorkloadController, condition, count, pod_from, ready_since, without
from .children import slow_start

BURST = 500  # pods made or deleted in one go (upstream: BurstReplicas)
COST = "controller.kubernetes.io/pod-deletion-cost"
PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


class ReplicaSetController(WorkloadController[ReplicaSet]):
    resource, component = REPLICA_SETS, "replicaset-controller"
    kind: ClassVar[type[Workload]] = ReplicaSet

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._pods = self.children(PODS, Pod, lambda item: item.spec.selector)
        self._siblings = self._indexes.of(self.resource)

    async def sync(self, item: ReplicaSet) -> None:
        pods = [pod for pod in await self._pods.claim(item) if pod.active]
        failed: ApiError | None = None
        if not item.deleting and self._pods.settled(item):
            try:
                await self._manage(item, pods)
            except ApiError as error:
                failed = error
        await self._report(item, pods, failed)
        if failed is not None:
            raise failed

    async def _manage(self, item: ReplicaSet, pods: list[Pod]) -> None:
        missing = item.replicas - len(pods)
        if missing > 0:
            await slow_start([partial(self._create, item)] * min(missing, BURST))
        elif missing < 0:
            doubled = Counter(pod.spec.node_name for pod in self._related(item) if pod.active)
            ranked = sorted(pods, key=lambda pod: deletion_order(pod, doubled[pod.spec.node_name]))
            await slow_start([partial(self._delete, item, pod) for pod in ranked[: min(-missing, BURST)]])

    async def _create(self, item: ReplicaSet) -> None:
        body = pod_from(item.spec.template)
        body["metadata"]["generateName"] = f"{item.metadata.name}-"
        try:
            pod = await self._pods.create(item, body)
        except ApiError as error:
            if "because it is being terminated" not in error.message:
                self.event(item, "FailedCreate", f"Error creating: {error.message}", warn=True)
            raise
        self.event(item, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _delete(self, item: ReplicaSet, pod: Pod) -> None:
        await self._pods.delete(item, pod)
        self.event(item, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    def _related(self, item: ReplicaSet) -> list[Pod]:
        """The pods of all ReplicaSets of the same Deployment."""
        owner = item.metadata.controller
        siblings = [s.metadata.uid for s in self._siblings.of(owner.uid)] if owner else [item.metadata.uid]
        pods = self._indexes.of(PODS)
        return [pod for uid in siblings for pod in pods.of(uid) if isinstance(pod, Pod)]

    async def _report(self, item: ReplicaSet, pods: list[Pod], failed: ApiError | None) -> None:
        ready, available, soon = count(pods, item.spec.min_ready_seconds)
        labels = (item.spec.template.get("metadata") or {}).get("labels") or {}
        conditions: list[Json] = item.status.get("conditions") or []
        if failed is not None:
            conditions = condition(conditions, "ReplicaFailure", True, "FailedCreate", failed.message)
        else:
            conditions = without(conditions, "ReplicaFailure")
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(labels.items() <= pod.metadata.labels.items() for pod in pods),
            "readyReplicas": ready,
            "availableReplicas": available,
            "observedGeneration": item.metadata.generation,
            "conditions": conditions or None,
        }
        await self.write_status(item, status)
        if soon is not None:
            self._queue.add_after(item.metadata.key, soon)


class ReplicationControllerController(ReplicaSetController):
    """What ReplicaSets came from, and the same (pkg/controller/replication)."""

    resource, kind, component = REPLICATION_CONTROLLERS, ReplicationController, "replication-controller"


def deletion_order(pod: Pod, doubled: int) -> tuple[Any, ...]:
    """The pod that goes first sorts first (controller_utils.go, ActivePodsWithRanks)."""
    try:
        cost = int(pod.metadata.annotation(COST) or 0)
    except ValueError:
        cost = 0
    since = ready_since(pod) if pod.ready else time.time()
    restarts = max((c.restart_count for c in pod.status.container_statuses or ()), default=0)
    return (
        bool(pod.spec.node_name),
        PHASES.get(pod.status.phase, 2),
        pod.ready,
        cost,
        -doubled,
        -since,
        -restarts,
        -(parse_time(pod.metadata.creation_timestamp) or 0.0),
    )
