"""Job: pods until enough of them have ended well (pkg/controller/job)."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, ClassVar

from controller_runtime.kube.errors import ApiError
from controller_runtime.kube.times import parse_time, timestamp
from controller_runtime.kube.wire import decode_identity

from ...apiobjects import PODS, Key, Pod
from ...workloadobjects import JOBS, Job, Json
from .base import WorkloadController, condition, is_written, pod_from
from .children import slow_start

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until it is counted."""
INDEX = "batch.kubernetes.io/job-completion-index"
LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
BURST = 500  # pods made in one go


class JobController(WorkloadController[Job]):
    resource, kind, component = JOBS, Job, "job-controller"
    backoff: ClassVar[float] = 10.0  # seconds after the first failure, doubled with each
    longest: ClassVar[float] = 360.0

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._pods = self.children(PODS, Pod, lambda item: item.spec.selector)
        self._counted: dict[str, set[str]] = {}  # UIDs of pods by that of their job, until they are let go
        self._written: dict[str, int] = {}  # by UID: the version of the last status, which must be seen first

    async def _process(self, key: Key) -> None:
        item = self._own.store.get(key)
        for pod in list(self._indexes.of(PODS).informer.in_namespace(key[0])) if item is None else ():
            ref = pod.metadata.controller
            if ref is not None and ref.kind == "Job" and ref.name == key[1] and isinstance(pod, Pod):
                self._counted.pop(ref.uid, None)
                self._written.pop(ref.uid, None)
                await self._let_go(pod)
        await super()._process(key)

    async def sync(self, item: Job) -> None:
        pods = await self._pods.claim(item)
        version = item.metadata.resource_version
        if not self._pods.settled(item) or int(version or 0) < self._written.get(item.metadata.uid, 0):
            return
        if item.deleting or item.finished:
            for pod in pods:
                await self._let_go(pod)
            if item.finished and not item.deleting:
                await self._expire(item)
            return
        status = self._count(item, pods)
        running = [pod for pod in pods if pod.active]
        verdict = self._verdict(item, status, pods)
        failed: ApiError | None = None
        if item.spec.suspend or verdict is not None:
            for pod in running:
                await self._pods.delete(item, pod)
                self.event(item, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")
            running = []
        else:
            try:
                await self._manage(item, status, running, pods)
            except ApiError as error:
                failed = error
        self._suspension(item, status)
        if verdict is not None:
            self._end(item, status, verdict, [p for p in pods if not p.finished])
        status |= self._figures(item, [p for p in pods if p.active and p in running])
        await self._write(item, status)
        for pod in pods:
            if pod.metadata.uid in self._counted.get(item.metadata.uid, ()) or item.spec.suspend:
                await self._let_go(pod)
        if failed is not None:
            raise failed

    # Counting

    def _count(self, item: Job, pods: list[Pod]) -> Json:
        """The status with what has ended since; each pod is counted once."""
        status: Json = dict(item.status)
        counted = self._counted.setdefault(item.metadata.uid, set())
        counted &= {pod.metadata.uid for pod in pods}
        indexes = parse_indexes(status.get("completedIndexes") or "")
        for pod in pods:
            going = pod.metadata.deletion_timestamp is not None
            if TRACKING not in pod.metadata.finalizers or pod.metadata.uid in counted:
                continue
            if pod.status.phase == "Succeeded":
                if item.spec.completion_mode == "Indexed":
                    indexes.add(index_of(pod))
                else:
                    status["succeeded"] = (status.get("succeeded") or 0) + 1
            elif pod.status.phase == "Failed" or going:
                status["failed"] = (status.get("failed") or 0) + (not item.spec.suspend)
            else:
                continue
            counted.add(pod.metadata.uid)
        if item.spec.completion_mode == "Indexed":
            indexes &= set(range(item.spec.completions or 0))
            status["completedIndexes"] = write_indexes(indexes)
            status["succeeded"] = len(indexes)
        return status

    def _verdict(self, item: Job, status: Json, pods: list[Pod]) -> tuple[str, tuple[str, str]] | None:
        """Complete or Failed, and why; None while it goes on."""
        spec, failed, succeeded = item.spec, status.get("failed") or 0, status.get("succeeded") or 0
        restarts = 0
        if spec.template.get("spec", {}).get("restartPolicy") == "OnFailure":
            restarts = sum(c.restart_count for pod in pods for c in pod.status.container_statuses or ())
        started = parse_time(status.get("startTime"))
        if failed > spec.backoff_limit or restarts >= max(spec.backoff_limit, 1):
            return "Failed", LIMIT
        if spec.active_deadline_seconds is not None and started is not None and not spec.suspend:
            left = started + spec.active_deadline_seconds - time.time()
            if left <= 0:
                return "Failed", DEADLINE
            self._queue.add_after(item.metadata.key, left)
        if spec.completions is None:
            done = succeeded > 0 and not any(pod.active for pod in pods)
        else:
            done = succeeded >= spec.completions
        return ("Complete", REACHED) if done else None

    def _end(self, item: Job, status: Json, verdict: tuple[str, tuple[str, str]], left: list[Pod]) -> None:
        """The conditions of the end: first the one that announces it, and the last when no pod runs."""
        kind, (reason, message) = verdict
        conditions: list[Json] = status.get("conditions") or []
        first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        conditions = _stamped(condition(conditions, first, True, reason, message))
        if not left:
            conditions = _stamped(condition(conditions, kind, True, reason, message))
            if kind == "Complete":
                status["completionTime"] = timestamp()
                self.event(item, "Completed", "Job completed")
            else:
                self.event(item, reason, message, warn=True)
        status["conditions"] = conditions

    def _suspension(self, item: Job, status: Json) -> None:
        conditions: list[Json] = status.get("conditions") or []
        suspended = any(c["type"] == "Suspended" and c["status"] == "True" for c in conditions)
        if item.spec.suspend:
            status["startTime"] = None
            if not suspended:
                conditions = condition(conditions, "Suspended", True, "JobSuspended", "Job suspended")
                self.event(item, "Suspended", "Job suspended")
        else:
            status["startTime"] = status.get("startTime") or timestamp()
            if suspended:
                conditions = condition(conditions, "Suspended", False, "JobResumed", "Job resumed")
                self.event(item, "Resumed", "Job resumed")
        status["conditions"] = _stamped(conditions) or None

    @staticmethod
    def _figures(item: Job, active: list[Pod]) -> Json:
        return {"active": len(active), "ready": sum(pod.ready for pod in active)}

    async def _write(self, item: Job, status: Json) -> None:
        """Counters must not be written on top of older ones: Conflict, and what was written is waited for."""
        if not is_written(item, status):
            body = {"metadata": {"resourceVersion": item.metadata.resource_version}, "status": status}
            answer = await self._client.patch(self.resource.path(*item.metadata.key, "status"), body)
            written = decode_identity(answer).metadata.resource_version
            self._written[item.metadata.uid] = int(written)

    async def _let_go(self, pod: Pod) -> None:
        """A pod that is counted needs to be kept no longer."""
        if TRACKING not in pod.metadata.finalizers:
            return
        left = [name for name in pod.metadata.finalizers if name != TRACKING]
        metadata = {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version}
        try:
            await self._client.patch(
                PODS.path(*pod.metadata.key), {"metadata": metadata | {"finalizers": left or None}}
            )
        except ApiError as error:
            if error.status != 404:
                raise

    # Pods

    async def _manage(self, item: Job, status: Json, running: list[Pod], pods: list[Pod]) -> None:
        spec = item.spec
        wanted = 1 if spec.parallelism is None else spec.parallelism
        if spec.completions is not None:
            wanted = min(wanted, spec.completions - (status.get("succeeded") or 0))
        elif status.get("succeeded"):
            wanted = min(wanted, len(running))
        if len(running) > wanted:
            for pod in sorted(running, key=lambda pod: pod.ready)[: len(running) - wanted]:
                await self._pods.delete(item, pod)
                running.remove(pod)
            return
        missing = min(wanted - len(running), BURST)
        if missing <= 0:
            return
        if (pause := self._pause(status, pods)) > 0:
            self._queue.add_after(item.metadata.key, pause)
            return
        numbers: list[int | None] = [None] * missing
        if spec.completion_mode == "Indexed":
            done = parse_indexes(status.get("completedIndexes") or "") | set(map(index_of, running))
            numbers = [*[n for n in range(spec.completions or 0) if n not in done][:missing]]
        await slow_start([partial(self._create, item, number, running) for number in numbers])

    def _pause(self, status: Json, pods: list[Pod]) -> float:
        """Seconds until the next try after failures."""
        failures = status.get("failed") or 0
        ended = [since for pod in pods if pod.status.phase == "Failed" and (since := _ended(pod))]
        if not failures or not ended:
            return 0.0
        seconds: float = min(self.backoff * 2.0 ** (failures - 1), self.longest)
        return max(ended) + seconds - time.time()

    async def _create(self, item: Job, number: int | None, running: list[Pod]) -> None:
        labels = {} if number is None else {INDEX: str(number)}
        body = pod_from(item.spec.template, labels=labels)
        metadata, spec = body["metadata"], body["spec"]
        metadata["finalizers"] = [*metadata.get("finalizers", ()), TRACKING]
        metadata["generateName"] = f"{item.metadata.name}-"
        if number is not None:
            metadata["generateName"] += f"{number}-"
            metadata["annotations"] = {**metadata.get("annotations", {}), INDEX: str(number)}
            spec["hostname"] = f"{item.metadata.name}-{number}"
            source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
            for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
                container.setdefault("env", []).append({"name": "JOB_COMPLETION_INDEX", "valueFrom": source})
        try:
            pod = await self._pods.create(item, body)
        except ApiError as error:
            self.event(item, "FailedCreate", f"Error creating: {error.message}", warn=True)
            raise
        running.append(pod)
        self.event(item, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _expire(self, item: Job) -> None:
        """Delete it when its time after the end is over (ttlSecondsAfterFinished)."""
        ttl = item.spec.ttl_seconds_after_finished
        done = item.condition("Complete") or item.condition("Failed")
        if ttl is None or done is None:
            return
        left = (parse_time(done.get("lastTransitionTime")) or 0.0) + ttl - time.time()
        if left > 0:
            self._queue.add_after(item.metadata.key, left)
            return
        path = self.resource.path(*item.metadata.key)
        try:
            await self._client.delete(path, uid=item.metadata.uid, propagation="Background")
        except ApiError as error:
            if error.status not in (404, 409):
                raise


def _stamped(conditions: list[Json]) -> list[Json]:
    """Conditions of a Job also say when they were looked at last."""
    return [{"lastProbeTime": c.get("lastTransitionTime"), **c} for c in conditions]


def _ended(pod: Pod) -> float | None:
    found = pod.condition("Ready")
    return parse_time(found.last_transition_time) if found else None


def index_of(pod: Pod) -> int:
    """-1 for a pod that has none."""
    text = pod.metadata.annotation(INDEX) or ""
    return int(text) if text.isdecimal() else -1


def parse_indexes(text: str) -> set[int]:
    """1,3-5 as numbers."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def write_indexes(numbers: set[int]) -> str:
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in spans)
