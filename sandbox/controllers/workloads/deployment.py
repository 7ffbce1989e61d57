"""Deployment: a ReplicaSet for each template, and the way between them (pkg/controller/deployment)."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from controller_runtime.kube.errors import AlreadyExists

from ...apiobjects import PODS, Pod
from ...workloadobjects import DEPLOYMENTS, REPLICA_SETS, Deployment, Json, ReplicaSet
from . import rollout
from .base import WorkloadController, digest

Sets = list[ReplicaSet]


class DeploymentController(WorkloadController[Deployment]):
    resource, kind, component = DEPLOYMENTS, Deployment, "deployment-controller"

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._sets = self.children(REPLICA_SETS, ReplicaSet, lambda item: item.spec.selector)
        self._pods = self._indexes.of(PODS)
        self._informers.of(PODS).listen(self._pod)

    def _pod(self, name: str, pod: Any, old: Any) -> None:
        """Recreate goes on when the last old pod is gone."""
        ref = pod.metadata.controller
        if name == "DELETED" and ref is not None and ref.kind == "ReplicaSet":
            found: ReplicaSet | None = self._informers.of(REPLICA_SETS).get(pod.metadata.namespace, ref.name)
            if found is not None and (owner := found.metadata.controller):
                self._queue.add((pod.metadata.namespace, owner.name))

    async def sync(self, item: Deployment) -> None:
        sets = await self._sets.claim(item)
        if not self._sets.settled(item):
            return
        new = rollout.find_new(item, sets)
        if item.deleting:
            await self._report(item, sets, new)
            return
        item = await self._pause_conditions(item)
        if item.spec.paused or self._is_scaled(item, sets):
            if new is not None:
                new = self._put(sets, await self._take(item, sets, new))
            await self._scale_all(item, sets, new)
            if item.spec.paused:
                await self._clean_up(item, sets, new)
            await self._report(item, sets, new)
        elif item.spec.strategy.type == "Recreate":
            await self._recreate(item, sets, new)
        else:
            await self._roll(item, sets, new)

    # The strategies

    async def _recreate(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> None:
        if new is not None:
            new = self._put(sets, await self._take(item, sets, new))
        shrunk = False
        for old in self._old(sets, new):
            if old.replicas > 0:
                self._put(sets, await self._scale(item, old, 0))
                shrunk = True
        if shrunk or any(self._runs(old) for old in self._old(sets, new)):
            await self._report(item, sets, new)
            return
        new = await self._new(item, sets, new)
        if new.replicas != item.replicas:
            new = self._put(sets, await self._scale(item, new, item.replicas))
        await self._finish(item, sets, new)

    async def _roll(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> None:
        new = await self._new(item, sets, new)
        size = (
            item.replicas if new.replicas > item.replicas else rollout.new_replicas(item, sets, new.replicas)
        )
        if size != new.replicas:
            new = self._put(sets, await self._scale(item, new, size))
        else:
            names = {s.metadata.name: s for s in sets}
            for name, smaller in rollout.scaled_down(item, sets, new, self._old(sets, new)).items():
                self._put(sets, await self._scale(item, names[name], smaller))
        await self._finish(item, sets, new)

    async def _finish(self, item: Deployment, sets: Sets, new: ReplicaSet) -> None:
        status = await self._report(item, sets, new)
        if rollout.is_complete(item, status):
            await self._clean_up(item, sets, new)

    def _runs(self, old: ReplicaSet) -> bool:
        return any(isinstance(p, Pod) and not p.finished for p in self._pods.of(old.metadata.uid))

    @staticmethod
    def _old(sets: Sets, new: ReplicaSet | None) -> Sets:
        return [s for s in sets if new is None or s.metadata.uid != new.metadata.uid]

    @staticmethod
    def _put(sets: Sets, changed: ReplicaSet) -> ReplicaSet:
        """Go on with a ReplicaSet as the server has it now."""
        sets[:] = [changed if s.metadata.uid == changed.metadata.uid else s for s in sets]
        return changed

    # ReplicaSets

    async def _new(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> ReplicaSet:
        """The ReplicaSet of the present template, made or brought up to date."""
        if new is not None:
            return self._put(sets, await self._take(item, sets, new))
        collisions = int(item.status.get("collisionCount") or 0)
        template = rollout.bare_template(item.spec.template)
        hash_ = digest(template, collisions)
        template.setdefault("metadata", {}).setdefault("labels", {})[rollout.HASH] = hash_
        size = rollout.new_replicas(item, sets, 0)
        selector: Json = msgspec.to_builtins(item.spec.selector)
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), rollout.HASH: hash_}
        number = max(map(rollout.revision, sets), default=0) + 1
        annotations = self._annotations(item) | {rollout.REVISION: str(number)}
        metadata = {
            "name": f"{item.metadata.name}-{hash_}",
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
        }
        spec = {"replicas": size, "selector": selector, "template": template}
        if item.spec.min_ready_seconds:
            spec["minReadySeconds"] = item.spec.min_ready_seconds
        try:
            made = await self._sets.create(item, {"metadata": metadata, "spec": spec})
        except AlreadyExists:
            await self.write_status(item, {"collisionCount": collisions + 1})
            raise
        sets.append(made)
        if size:
            text = f"Scaled up replica set {made.metadata.name} from 0 to {size}"
            self.event(item, "ScalingReplicaSet", text)
        await self._revise(item, number)
        return made

    def _annotations(self, item: Deployment) -> dict[str, str]:
        own = {k: v for k, v in item.metadata.annotations.items() if k not in rollout.NOT_COPIED}
        surge = rollout.fences(item)[0]
        return own | {rollout.DESIRED: str(item.replicas), rollout.MAXIMUM: str(item.replicas + surge)}

    async def _take(self, item: Deployment, sets: Sets, new: ReplicaSet) -> ReplicaSet:
        """An existing ReplicaSet is the present one: it gets the next revision, and the annotations."""
        number = max((rollout.revision(s) for s in self._old(sets, new)), default=0) + 1
        before = rollout.revision(new)
        wanted = {k: v for k, v in item.metadata.annotations.items() if k not in rollout.NOT_COPIED}
        if before < number:
            wanted[rollout.REVISION] = str(number)
            if before:
                history = new.metadata.annotation(rollout.HISTORY)
                wanted[rollout.HISTORY] = f"{history},{before}" if history else str(before)
        else:
            number = before
        body: Json = {}
        if any(new.metadata.annotation(name) != value for name, value in wanted.items()):
            body["metadata"] = {"annotations": wanted}
        if new.spec.min_ready_seconds != item.spec.min_ready_seconds:
            body["spec"] = {"minReadySeconds": item.spec.min_ready_seconds}
        if body:
            new = await self._sets.patch(new, body)
        await self._revise(item, number)
        return new

    async def _revise(self, item: Deployment, number: int) -> None:
        if item.metadata.annotation(rollout.REVISION) != str(number):
            body = {"metadata": {"uid": item.metadata.uid, "annotations": {rollout.REVISION: str(number)}}}
            await self._client.patch(self.resource.path(*item.metadata.key), body)

    async def _scale(self, item: Deployment, one: ReplicaSet, size: int) -> ReplicaSet:
        """Set the size of a ReplicaSet; Conflict when it is not as it was seen."""
        before = one.replicas
        annotations = self._annotations(item)
        figures = {name: annotations[name] for name in (rollout.DESIRED, rollout.MAXIMUM)}
        if size == before and all(one.metadata.annotation(k) == v for k, v in figures.items()):
            return one
        one = await self._sets.patch(one, {"metadata": {"annotations": figures}, "spec": {"replicas": size}})
        if size != before:
            way = "up" if size > before else "down"
            text = f"Scaled {way} replica set {one.metadata.name} from {before} to {size}"
            self.event(item, "ScalingReplicaSet", text)
        return one

    @staticmethod
    def _is_scaled(item: Deployment, sets: Sets) -> bool:
        """Whether the Deployment has another size than its ReplicaSets were made for."""
        desired = [s.metadata.annotation(rollout.DESIRED) or "" for s in sets if s.replicas > 0]
        return any(text.isdecimal() and int(text) != item.replicas for text in desired)

    async def _scale_all(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> None:
        active = [s for s in sets if s.replicas > 0]
        only: ReplicaSet | None = active[0] if len(active) == 1 else None
        if sets and not active:
            only = new or rollout.by_age(sets)[-1]
        if only is not None:
            self._put(sets, await self._scale(item, only, item.replicas))
            return
        saturated = (
            new is not None
            and new.replicas == item.replicas
            and new.count("availableReplicas") == item.replicas
        )
        sizes = {s.metadata.name: 0 for s in self._old(active, new)} if saturated else {}
        if not saturated and item.spec.strategy.type == "RollingUpdate":
            sizes = rollout.proportions(item, sets)
        for one in list(sets):
            if one.metadata.name in sizes:
                self._put(sets, await self._scale(item, one, sizes[one.metadata.name]))

    async def _clean_up(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> None:
        """Old ReplicaSets beyond the history that is asked for, oldest first."""
        limit = item.spec.revision_history_limit
        if limit is None:
            return
        idle = [
            s
            for s in self._old(sets, new)
            if not s.deleting
            and not s.replicas
            and not s.count("replicas")
            and s.metadata.generation <= s.count("observedGeneration")
        ]
        for one in sorted(idle, key=rollout.revision)[: max(0, len(idle) - limit)]:
            await self._sets.delete(item, one)

    # Status

    async def _pause_conditions(self, item: Deployment) -> Deployment:
        """Pausing and resuming are progress conditions, so that a pause is not held for a standstill."""
        conditions: list[Json] = item.status.get("conditions") or []
        found = rollout.find_condition(conditions, "Progressing")
        if item.spec.progress_deadline_seconds is None or (
            found and found.get("reason") == "ProgressDeadlineExceeded"
        ):
            return item
        is_paused = found is not None and found.get("reason") == "DeploymentPaused"
        if item.spec.paused == is_paused:
            return item
        word = "paused" if item.spec.paused else "resumed"
        conditions = rollout.set_condition(
            conditions, "Progressing", "Unknown", f"Deployment{word.capitalize()}", f"Deployment is {word}"
        )
        await self.write_status(item, {"conditions": conditions})
        changed = copy.copy(item)
        changed.status = {**item.status, "conditions": conditions}
        return changed

    async def _report(self, item: Deployment, sets: Sets, new: ReplicaSet | None) -> Json:
        available = sum(s.count("availableReplicas") for s in sets)
        status: Json = {
            "observedGeneration": item.metadata.generation,
            "replicas": sum(s.count("replicas") for s in sets),
            "updatedReplicas": new.count("replicas") if new else 0,
            "readyReplicas": sum(s.count("readyReplicas") for s in sets),
            "availableReplicas": available,
            "unavailableReplicas": max(0, rollout.total(sets) - available),
        }
        conditions: list[Json] = item.status.get("conditions") or []
        if available >= item.replicas - rollout.fences(item)[1]:
            conditions = rollout.set_condition(
                conditions, "Available", "True", "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )  # fmt: skip
        else:
            conditions = rollout.set_condition(
                conditions, "Available", "False", "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )  # fmt: skip
        conditions = self._progress(item, status, conditions, new)
        failures = [
            c for s in sets for c in s.status.get("conditions") or () if c["type"] == "ReplicaFailure"
        ]
        if failures:
            said = failures[-1]
            conditions = rollout.set_condition(
                conditions, "ReplicaFailure", "True", said.get("reason", ""), said.get("message", "")
            )
        else:
            conditions = [c for c in conditions if c["type"] != "ReplicaFailure"]
        status["conditions"] = conditions
        await self.write_status(item, status)
        if (left := rollout.time_left(item, rollout.find_condition(conditions, "Progressing"))) is not None:
            self._queue.add_after(item.metadata.key, max(left, 0.0) + 1.0)
        return status

    def _progress(
        self, item: Deployment, status: Json, conditions: list[Json], new: ReplicaSet | None
    ) -> list[Json]:
        if item.spec.progress_deadline_seconds in (None, rollout.FOREVER) or item.spec.paused:
            return conditions
        which = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{item.metadata.name}"'
        found = rollout.find_condition(conditions, "Progressing")
        reason = found.get("reason") if found else ""
        if reason == "NewReplicaSetAvailable" and status["replicas"] == status["updatedReplicas"]:
            return conditions
        if rollout.is_complete(item, status):
            text = f"{which} has successfully progressed."
            return rollout.set_condition(conditions, "Progressing", "True", "NewReplicaSetAvailable", text)
        if found is None and new is not None:
            text = f'Created new replica set "{new.metadata.name}"'
            return rollout.set_condition(conditions, "Progressing", "True", "NewReplicaSetCreated", text)
        if rollout.is_progressing(item, status) or reason == "NewReplicaSetAvailable":
            text = f"{which} is progressing."
            return rollout.set_condition(
                conditions, "Progressing", "True", "ReplicaSetUpdated", text, again=True
            )
        left = rollout.time_left(item, found)
        if left is not None and left <= 0:
            text = f"{which} has timed out progressing."
            return rollout.set_condition(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text)
        return conditions
