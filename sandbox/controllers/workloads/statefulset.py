"""StatefulSet: pods with names and claims of their own, one after another (pkg/controller/statefulset)."""

from __future__ import annotations

import time
from typing import Any

from controller_runtime.kube.errors import ApiError, NotFound

from ...apiclient import STRATEGIC
from ...apiobjects import PODS, Pod
from ...workloadobjects import CLAIMS, REVISIONS, STATEFUL_SETS, Claim, ControllerRevision, Json, StatefulSet
from .base import WorkloadController, count, is_available, pod_from
from .revisions import HASH, History, template_of

POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


class StatefulSetController(WorkloadController[StatefulSet]):
    resource, kind, component = STATEFUL_SETS, StatefulSet, "statefulset-controller"

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._pods = self.children(PODS, Pod, lambda item: item.spec.selector)
        self._history = History(self.children(REVISIONS, ControllerRevision, lambda item: item.spec.selector))
        self._claims = self._informers.of(CLAIMS, Claim)
        self._waits.append(self._claims)

    async def sync(self, item: StatefulSet) -> None:
        mine = await self._pods.claim(item)
        if item.deleting or not (self._pods.settled(item) and self._history.settled(item)):
            return
        known, update = await self._history.current(item)
        name = item.status.get("currentRevision") or update.metadata.name
        current = next((r for r in known if r.metadata.name == name), update)
        pods = {number: pod for pod in mine if (number := ordinal(item, pod)) is not None}
        failed: ApiError | None = None
        try:
            await self._step(item, pods, current, update)
        except ApiError as error:
            failed = error
        await self._report(item, list(pods.values()), current, update)
        used = {pod.metadata.labels.get(HASH, "") for pod in mine}
        await self._history.truncate(item, known, {current.metadata.name, update.metadata.name, *used})
        if failed is not None:
            raise failed

    async def _step(
        self, item: StatefulSet, pods: dict[int, Pod], current: ControllerRevision, update: ControllerRevision
    ) -> None:
        """What can be done now; in order, that is one thing."""
        start = item.spec.ordinals.start
        wanted = range(start, start + item.replicas)
        in_order = item.spec.pod_management_policy != "Parallel"
        for number in wanted:
            pod = pods.get(number)
            if pod is not None and pod.finished and not pod.metadata.deletion_timestamp:
                self.event(
                    item, "RecreatingFailedPod", f"StatefulSet is recreating {pod.metadata.name}", warn=True
                )
                await self._pods.delete(item, pod)
                pods.pop(number)
                if in_order:
                    return
            elif pod is None:
                made = await self._create(item, number, self._revision(item, number, current, update))
                pods[number] = made
                if in_order:
                    return
            elif in_order and (pod.metadata.deletion_timestamp or not self._is_fine(item, pod)):
                return
        condemned = sorted((n for n in pods if n not in wanted), reverse=True)
        for number in condemned:
            pod = pods[number]
            if not pod.metadata.deletion_timestamp:
                await self._end(item, pod, scaled=True)
            if in_order:
                return
        await self._update(item, pods, wanted, update)

    async def _update(
        self, item: StatefulSet, pods: dict[int, Pod], wanted: range, update: ControllerRevision
    ) -> None:
        """Replace the pods of older revisions, highest first, each after the one before is well."""
        strategy = item.spec.update_strategy
        if strategy.type != "RollingUpdate":
            return
        first = wanted.start + (strategy.rolling.partition or 0)
        for number in reversed(wanted):
            pod = pods[number]
            if number >= first and pod.metadata.labels.get(HASH) != update.metadata.name:
                if not pod.metadata.deletion_timestamp:
                    await self._end(item, pod)
                return
            if pod.metadata.deletion_timestamp or not self._is_fine(item, pod):
                return

    def _is_fine(self, item: StatefulSet, pod: Pod) -> bool:
        return pod.status.phase == "Running" and is_available(pod, item.spec.min_ready_seconds, time.time())

    @staticmethod
    def _revision(
        item: StatefulSet, number: int, current: ControllerRevision, update: ControllerRevision
    ) -> ControllerRevision:
        """The template of a new pod: the older one below the partition, and before its turn has come."""
        strategy, start = item.spec.update_strategy, item.spec.ordinals.start
        if strategy.type != "RollingUpdate":
            return update
        old = strategy.rolling.partition or item.count("currentReplicas")
        return current if number < start + old else update

    async def _create(self, item: StatefulSet, number: int, revision: ControllerRevision) -> Pod:
        name = f"{item.metadata.name}-{number}"
        labels = {HASH: revision.metadata.name, POD_NAME: name, POD_INDEX: str(number)}
        body = pod_from(template_of(revision), labels=labels)
        body["metadata"]["name"] = name
        spec = body["spec"]
        spec["hostname"] = name
        if item.spec.service_name:
            spec["subdomain"] = item.spec.service_name
        claims: list[Json] = []
        for template in item.spec.volume_claim_templates:
            source = {"claimName": await self._claim(item, template, name)}
            claims.append({"name": template["metadata"]["name"], "persistentVolumeClaim": source})
        if claims:
            taken = {claim["name"] for claim in claims}
            spec["volumes"] = [v for v in spec.get("volumes") or () if v["name"] not in taken] + claims
        try:
            pod = await self._pods.create(item, body)
        except ApiError as error:
            text = f"create Pod {name} in StatefulSet {item.metadata.name} failed error: {error.message}"
            self.event(item, "FailedCreate", text, warn=True)
            raise
        text = f"create Pod {name} in StatefulSet {item.metadata.name} successful"
        self.event(item, "SuccessfulCreate", text)
        return pod

    async def _claim(self, item: StatefulSet, template: Json, pod: str) -> str:
        """The name of a pod's claim, which is made when it is not there."""
        name = f"{template['metadata']['name']}-{pod}"
        namespace = item.metadata.namespace
        if self._claims.get(namespace, name) is not None:
            return name
        meta = {k: template["metadata"][k] for k in ("labels", "annotations") if template["metadata"].get(k)}
        meta["labels"] = {**meta.get("labels", {}), **(item.spec.selector.match_labels or {})}
        meta["name"] = name
        if item.spec.retention.when_deleted == "Delete":
            reference = self._pods.reference(item)
            meta["ownerReferences"] = [reference | {"controller": False, "blockOwnerDeletion": False}]
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": meta,
            "spec": template["spec"],
        }
        try:
            await self._client.create(CLAIMS.path(namespace), body)
        except ApiError as error:
            if error.status != 409:
                raise
            return name
        text = f"create Claim {name} Pod {pod} in StatefulSet {item.metadata.name} success"
        self.event(item, "SuccessfulCreate", text)
        return name

    async def _end(self, item: StatefulSet, pod: Pod, *, scaled: bool = False) -> None:
        if scaled and item.spec.retention.when_scaled == "Delete":
            await self._bequeath(item, pod)
        await self._pods.delete(item, pod)
        text = f"delete Pod {pod.metadata.name} in StatefulSet {item.metadata.name} successful"
        self.event(item, "SuccessfulDelete", text)

    async def _bequeath(self, item: StatefulSet, pod: Pod) -> None:
        """The claims of a pod go with it: the garbage collector sees to that."""
        owner = {"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid}
        for template in item.spec.volume_claim_templates:
            path = CLAIMS.path(item.metadata.namespace, f"{template['metadata']['name']}-{pod.metadata.name}")
            try:
                await self._client.patch(path, {"metadata": {"ownerReferences": [owner]}}, STRATEGIC)
            except NotFound:
                continue

    async def _report(
        self, item: StatefulSet, pods: list[Pod], current: ControllerRevision, update: ControllerRevision
    ) -> None:
        ready, available, soon = count(
            (p for p in pods if p.status.phase == "Running"), item.spec.min_ready_seconds
        )
        going = [p for p in pods if p.metadata.deletion_timestamp is None]
        revisions = [pod.metadata.labels.get(HASH) for pod in going]
        updated = revisions.count(update.metadata.name)
        of_current, name = revisions.count(current.metadata.name), current.metadata.name
        if (
            updated == len(pods) == ready == item.replicas
            and item.spec.update_strategy.type == "RollingUpdate"
        ):
            of_current, name = updated, update.metadata.name
        status = {
            "observedGeneration": item.metadata.generation,
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": available,
            "currentReplicas": of_current,
            "updatedReplicas": updated,
            "currentRevision": name,
            "updateRevision": update.metadata.name,
            "collisionCount": 0,
        }
        await self.write_status(item, status)
        if soon is not None:
            self._queue.add_after(item.metadata.key, soon)


def ordinal(item: StatefulSet, pod: Pod) -> int | None:
    """The number at the end of a pod's name; None for one that only looks like a member."""
    parent, _, number = pod.metadata.name.rpartition("-")
    return int(number) if parent == item.metadata.name and number.isdecimal() else None
