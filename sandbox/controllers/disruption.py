"""PodDisruptionBudget: how many of the pods may go just now (pkg/controller/disruption)."""

from __future__ import annotations

import time
from typing import Any

from controller_runtime.kube.times import parse_time

from ..apiobjects import PODS, Pod
from ..workloadobjects import (
    BUDGETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    Budget,
    Deployment,
    Json,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from .workloads.base import WorkloadController, condition
from .workloads.rollout import share

FORGET = 120.0  # seconds after which a pod that was evicted and did not go counts again (DeletionTimeout)


class DisruptionController(WorkloadController[Budget]):
    resource, kind, component = BUDGETS, Budget, "controllermanager"

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._pods = self._informers.of(PODS, Pod)
        self._sets = self._informers.of(REPLICA_SETS, ReplicaSet)
        self._older = self._informers.of(REPLICATION_CONTROLLERS, ReplicationController)
        self._deployments = self._informers.of(DEPLOYMENTS, Deployment)
        self._stateful = self._informers.of(STATEFUL_SETS, StatefulSet)
        self._waits += [self._pods, self._sets, self._deployments, self._stateful]
        self._pods.listen(self._pod)

    def _pod(self, name: str, pod: Pod, old: Pod | None) -> None:
        if not self._own.store:
            return
        for budget in self._own.in_namespace(pod.metadata.namespace):
            if self._selects(budget, pod) or (old is not None and self._selects(budget, old)):
                self._queue.add(budget.metadata.key)

    @staticmethod
    def _selects(budget: Budget, pod: Pod) -> bool:
        selector = budget.spec.selector
        return selector is not None and selector.matches(pod.metadata.labels)

    async def sync(self, item: Budget) -> None:
        if item.deleting:
            return
        pods = [p for p in self._pods.in_namespace(item.metadata.namespace) if self._selects(item, p)]
        expected, wanted = self._wanted(item, pods)
        disrupted, soon = self._disrupted(item, pods)
        healthy = [p for p in pods if p.ready and p.active and p.metadata.name not in disrupted]
        allowed = max(0, len(healthy) - wanted) if expected > 0 else 0
        reason = "SufficientPods" if allowed else "InsufficientPods"
        conditions: list[Json] = item.status.get("conditions") or []
        conditions = condition(conditions, "DisruptionAllowed", allowed > 0, reason)
        for one in conditions:
            one.setdefault("message", "")
            one["observedGeneration"] = item.metadata.generation
        status: Json = {
            "observedGeneration": item.metadata.generation,
            "expectedPods": expected,
            "currentHealthy": len(healthy),
            "desiredHealthy": wanted,
            "disruptionsAllowed": allowed,
            "disruptedPods": disrupted or None,
            "conditions": conditions,
        }
        # A merge patch takes out what is null.
        gone: Json = dict.fromkeys(set(item.status.get("disruptedPods") or ()) - set(disrupted))
        if gone and disrupted:
            status["disruptedPods"] = {**disrupted, **gone}
        await self.write_status(item, status)
        if soon is not None:
            self._queue.add_after(item.metadata.key, soon)

    def _wanted(self, item: Budget, pods: list[Pod]) -> tuple[int, int]:
        """How many pods there should be, and how many of them must be healthy."""
        spec = item.spec
        if spec.max_unavailable is not None:
            expected = self._scale(pods)
            return expected, max(0, expected - share(spec.max_unavailable, expected, up=True))
        least = 1 if spec.min_available is None else spec.min_available
        if isinstance(least, int):
            return len(pods), least
        expected = self._scale(pods)
        return expected, share(least, expected, up=True)

    def _scale(self, pods: list[Pod]) -> int:
        """What the controllers of the pods want to have; for others, what they have."""
        sizes: dict[str, int] = {}
        for pod in pods:
            ref = pod.metadata.controller
            if ref is None:
                sizes[pod.metadata.uid] = 1
                continue
            namespace, key, size = pod.metadata.namespace, ref.uid, None
            if ref.kind == "ReplicaSet" and (found := self._sets.get(namespace, ref.name)):
                size = found.replicas
                parent = found.metadata.controller
                if parent and (deployment := self._deployments.get(namespace, parent.name)):
                    key, size = parent.uid, deployment.replicas
            elif ref.kind == "ReplicationController" and (older := self._older.get(namespace, ref.name)):
                size = older.replicas
            elif ref.kind == "StatefulSet" and (stateful := self._stateful.get(namespace, ref.name)):
                size = stateful.replicas
            sizes[key] = sizes.get(key, 0) + 1 if size is None else size
        return sum(sizes.values())

    @staticmethod
    def _disrupted(item: Budget, pods: list[Pod]) -> tuple[dict[str, str], float | None]:
        """The pods that were evicted and are still there, and when to look again."""
        now, left, soon = time.time(), {}, None
        there = {pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is None}
        for name, since in (item.status.get("disruptedPods") or {}).items():
            until = (parse_time(since) or 0.0) + FORGET
            if name in there and until > now:
                left[name] = since
                soon = min(until - now, soon or FORGET)
        return left, soon
