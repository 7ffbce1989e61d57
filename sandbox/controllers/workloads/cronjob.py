"""CronJob: a Job whenever its schedule says so (pkg/controller/cronjob)."""

from __future__ import annotations

import copy
import time
from typing import Any

from controller_runtime.kube.errors import AlreadyExists
from controller_runtime.kube.times import parse_time, timestamp

from ...workloadobjects import CRON_JOBS, JOBS, CronJob, Job, Json
from . import cron
from .base import WorkloadController

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY = 100  # missed starts are worth a warning


class CronJobController(WorkloadController[CronJob]):
    resource, kind, component = CRON_JOBS, CronJob, "cronjob-controller"
    clock = staticmethod(time.time)

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._jobs = self.children(JOBS, Job)

    async def sync(self, item: CronJob) -> None:
        if item.deleting or not self._jobs.settled(item):
            return
        jobs = self._jobs.of(item)
        active = [job for job in jobs if not job.finished]
        status: Json = dict(item.status)
        self._note_the_finished(item, jobs, status)
        await self._clean_up(item, jobs)
        try:
            await self._start(item, active, status)
        except ValueError as error:
            text = f"unparseable schedule: {item.spec.schedule}: {error}"
            self.event(item, "UnparseableSchedule", text, warn=True)
        status["active"] = [self._reference(job) for job in active] or None
        await self.write_status(item, status)

    def _note_the_finished(self, item: CronJob, jobs: list[Job], status: Json) -> None:
        known = {ref["uid"] for ref in item.status.get("active") or ()}
        for job in jobs:
            done = job.condition("Complete") or job.condition("Failed")
            if done and job.metadata.uid in known:
                text = f"Saw completed job: {job.metadata.name}, condition: {done['type']}"
                self.event(item, "SawCompletedJob", text)
            ended = job.status.get("completionTime")
            if job.condition("Complete") and ended and ended > (status.get("lastSuccessfulTime") or ""):
                status["lastSuccessfulTime"] = ended

    async def _start(self, item: CronJob, active: list[Job], status: Json) -> None:
        """Start the job whose time has come, if it may, and come back for the next."""
        spec = item.spec
        schedule, zone, now = cron.parse(spec.schedule), cron.zone_of(spec.time_zone), self.clock()
        last = parse_time(item.status.get("lastScheduleTime")) or parse_time(item.metadata.creation_timestamp)
        following = schedule.after(now, zone)
        if following is not None:
            self._queue.add_after(item.metadata.key, following - now + 0.01)
        if spec.suspend or last is None:
            return
        if spec.starting_deadline_seconds is not None:
            last = max(last, now - spec.starting_deadline_seconds)
        due, missed = None, 0
        moment = schedule.after(last, zone)
        while moment is not None and moment <= now and missed <= MANY:
            due, missed = moment, missed + 1
            moment = schedule.after(moment, zone)
        if missed > MANY:
            text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds"
            self.event(item, "TooManyMissedTimes", text, warn=True)
            due = schedule.after(now - 60 * MANY, zone)
        if due is None:
            return
        if active and spec.concurrency_policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self.event(item, "JobAlreadyActive", text)
            return
        if active and spec.concurrency_policy == "Replace":
            for job in list(active):
                await self._jobs.delete(item, job, "Background")
                self.event(item, "SuccessfulDelete", f"Deleted job {job.metadata.name}")
                active.remove(job)
        template = item.spec.job_template
        kept = {k: v for k, v in template.metadata.items() if k in ("labels", "annotations")}
        metadata: Json = copy.deepcopy(kept)
        metadata["name"] = f"{item.metadata.name}-{int(due // 60)}"
        metadata.setdefault("annotations", {})[SCHEDULED] = timestamp(due)
        status["lastScheduleTime"] = timestamp(due)
        try:
            made = await self._jobs.create(item, {"metadata": metadata, "spec": copy.deepcopy(template.spec)})
        except AlreadyExists:
            return
        self.event(item, "SuccessfulCreate", f"Created job {made.metadata.name}")
        active.append(made)

    async def _clean_up(self, item: CronJob, jobs: list[Job]) -> None:
        """The oldest of those that are over, beyond what is to be kept."""
        limits = {
            "Complete": item.spec.successful_jobs_history_limit,
            "Failed": item.spec.failed_jobs_history_limit,
        }
        for kind, limit in limits.items():
            over = [job for job in jobs if job.condition(kind) and not job.deleting]
            over.sort(key=lambda job: (job.status.get("startTime") or "", job.metadata.name))
            for job in over[: max(0, len(over) - limit)] if limit is not None else ():
                await self._jobs.delete(item, job, "Background")
                self.event(item, "SuccessfulDelete", f"Deleted job {job.metadata.name}")

    @staticmethod
    def _reference(job: Job) -> Json:
        meta = job.metadata
        return {
            "apiVersion": JOBS.api_version,
            "kind": JOBS.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        }
