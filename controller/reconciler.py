"""Brings the pods, the Service, the finalizers and the status of a Redis to what its spec asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from controller import desired
from controller.api import FINALIZER_PREFIX, GROUP, PLURAL, Redis, problems
from controller.batches import Batches
from controller.conditions import Problem
from controller.failing import PodBackoff
from controller.plan import Plan, plan
from controller.pods import PodWriter, Step
from controller.refusals import REFUSED, Refusal
from controller.report import Reporter
from controller.said import Said
from controller.services import ServiceWriter
from controller.settled import Settled, seen_of
from controller.views import Views
from controller.wishes import is_paused
from controller_runtime.controller.reconcile import ReconcileError, Result
from controller_runtime.controller.workqueue import Queue
from controller_runtime.kube.deltas import DeleteEvent
from controller_runtime.kube.errors import Conflict, NotFound
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.markers import rbac
from controller_runtime.kube.ownership import set_finalizers_under
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager

log = logging.getLogger("controller")

# How soon to look again when something is missing whose arrival no watch will show.
RETRY_BLIND = 8.0  # seconds
# When there is more to do than one turn has time for: behind the keys that wait by now.
NEXT_TURN = 0.001  # seconds


def _utc_now() -> datetime:
    return datetime.now(UTC)


@rbac(groups="", resources="pods", verbs="create;delete;patch")
@rbac(groups="", resources="services", verbs="create;patch")
@rbac(groups=GROUP, resources=PLURAL, verbs="patch")
# blockOwnerDeletion needs it where the admission plugin OwnerReferencesPermissionEnforcement is on.
@rbac(groups=GROUP, resources=f"{PLURAL}/finalizers", verbs="update")
@rbac(groups=GROUP, resources=f"{PLURAL}/status", verbs="patch")
@rbac(groups="events.k8s.io", resources="events", verbs="create;patch")
class RedisReconciler:
    """Level-triggered: every run reads the stores and does what ``plan`` says, whatever woke it. One that
    sees what an earlier run saw, which found nothing to do, ends at once.

    A step that is refused keeps no other step from being made; the first refusal is then said, and raised.
    """

    def __init__(
        self,
        manager: Manager,
        *,
        now: Callable[[], datetime] = _utc_now,
        batches: Batches | None = None,
        said: Said | None = None,
        backoff: PodBackoff | None = None,
    ) -> None:
        self._client = manager.client
        self.views = Views(manager)
        self._recorder = manager.event_recorder("redis-controller")
        self._pods = PodWriter(self._client, self._recorder, batches or Batches())
        self._services = ServiceWriter(self._client, self._recorder, self.views.services)
        self._reporter = Reporter(self._client, self._recorder, said or Said(), now)
        self._backoff = backoff or PodBackoff()
        self._settled = Settled()

    # Handlers

    def pod_deleted(self, event: DeleteEvent[Pod], queue: Queue) -> None:
        pod = event.obj
        name = self._redis_of(pod)
        if name is None:
            return
        queue.add(Request(pod.metadata.namespace, name))
        # Told when it is on its way, because a line of log takes longer than all the rest of this.
        log.info("Pod %s in NS %s deleted", pod.metadata.name, pod.metadata.namespace, extra={"ref": pod.ref})

    def service_deleted(self, event: DeleteEvent[Service], queue: Queue) -> None:
        service = event.obj
        if self.views.redises.get(service.metadata.namespace, service.metadata.name) is not None:
            queue.add(Request(service.metadata.namespace, service.metadata.name))

    def redis_deleted(self, event: DeleteEvent[Redis], queue: Queue) -> None:
        for memory in (self._reporter, self._services, self._backoff, self._settled):
            memory.forget(event.obj.metadata.uid)

    def _redis_of(self, pod: Pod) -> str | None:
        """The Redis that a pod belongs to, or whose pod's name it occupied."""
        controller = pod.controller
        if controller is not None and Redis.resource.is_kind(controller.api_version, controller.kind):
            return controller.name
        name = pod.metadata.name.rpartition("-")[0]
        redis = self.views.redises.get(pod.metadata.namespace, name)
        return name if redis and desired.ordinal_of(redis, pod.metadata.name) is not None else None

    # Reconciling

    def reconcile(self, request: Request) -> Result | None:
        redis = self.views.redises.get(request.namespace, request.name)
        if redis is None:
            return None
        try:
            return self._reconcile(redis)
        except Conflict as conflict:
            # The store is behind, or its watch is stalled: once more with what the server has now.
            live = self._live(redis)
            if live is None:
                return None
            if live.metadata.resource_version == redis.metadata.resource_version:
                raise ReconcileError(f"the finalizers cannot be written: {conflict.message}") from conflict
        try:
            return self._reconcile(live)
        except Conflict as conflict:
            raise ReconcileError(f"the finalizers cannot be written: {conflict.message}") from conflict

    def _reconcile(self, redis: Redis) -> Result | None:
        """Raises Conflict when ``redis`` is not what the server has, ReconcileError for other refusals."""
        blind = self.views.blind(redis)
        if not self.views.pods.has_synced():
            # Without a view of the pods every step would be a guess, and the ledger must not be touched.
            return self._wait_for_pods(redis, blind)
        pods = self.views.pods_of(redis)
        if self.views.is_stale(redis, pods):
            return Result(requeue_after=RETRY_BLIND)  # until it can be read again; the informer has said so
        shown = self.views.services.get(redis.metadata.namespace, redis.metadata.name)
        seen = seen_of(redis, shown, pods)
        if blind is None and self._settled.is_as_before(redis, seen):
            return None
        steps = plan(redis, pods)
        wrong = [] if redis.metadata.deletion_timestamp else problems(redis)
        if wrong:
            self._reporter.report(redis, steps, Problem("InvalidSpec", "; ".join(wrong)), blind)
            return None
        if is_paused(redis):
            self._reporter.report(redis, steps, None, blind)
            return None
        try:
            written, unwritten = self._write_ledger(redis, steps)
        except NotFound:
            return None  # it is gone, and its event is on the way
        taken, wait = self._change_pods(redis, steps)
        refusals = [r for r in (unwritten, *(step.refusal for step in taken)) if r is not None]
        is_partial = any(step.is_partial for step in taken)
        if redis.metadata.deletion_timestamp:
            return self._end_of(redis, steps, refusals, blind, is_partial=is_partial)
        if not refusals and not is_partial and self._is_about_to_change(steps):
            # A status would hold for a moment only, and the replacement would have to wait for its write.
            return Result(requeue_after=RETRY_BLIND)
        service = self._sync_service(written, blind)
        made = [pod for step in taken for pod in step.made]
        after = plan(written, [*pods, *made]) if made else steps
        found = [*(r.problem for r in refusals), blind, self._conflict(steps), self._overruled(taken, after)]
        found.append(self._backoff.problem(redis))
        if isinstance(service, Refusal):
            refusals.append(service)
            service = service.problem
        problems_found = (*found, service)
        problem = next((p for p in problems_found if p is not None), None)
        is_said = self._reporter.report(written, after, problem, blind, refusals, leads=service is None)
        if problem is None and steps.is_idle and written is redis and is_said and _leads(redis, shown):
            self._settled.note(redis, seen)
        if is_partial and not refusals:
            return Result(requeue_after=NEXT_TURN)
        return Result(requeue_after=wait)

    def _change_pods(self, redis: Redis, steps: Plan) -> tuple[list[Step], float]:
        """What came of each step, and the seconds until pods that failed may be made again, if there are any.

        Their names are held as well as themselves: others may delete them first.
        """
        wait = self._backoff.observe(redis, steps.failed, steps.owned)
        held = self._backoff.held(redis) if wait else ()
        create = [o for o in steps.create if desired.pod_name(redis, o) not in held]
        taken = [
            self._pods.delete(redis, [*steps.delete, *(() if wait else steps.failed)]),
            self._pods.relabel(redis, steps),
            self._pods.create(redis, create),
        ]
        return taken, wait

    def _wait_for_pods(self, redis: Redis, blind: Problem | None) -> Result | None:
        if blind is not None:
            self._reporter.report(redis, None, blind, blind)
        return Result(requeue_after=RETRY_BLIND)

    def _end_of(
        self,
        redis: Redis,
        steps: Plan,
        refusals: list[Refusal],
        blind: Problem | None,
        *,
        is_partial: bool,
    ) -> Result | None:
        degraded = redis.status.condition("Degraded")
        problem = refusals[0].problem if refusals else blind
        if problem is not None or (degraded is not None and degraded.status == "True"):
            self._reporter.report(redis, steps, problem, blind, refusals)
        return Result(requeue_after=NEXT_TURN) if is_partial else None

    def _is_about_to_change(self, steps: Plan) -> bool:
        """Whether the last event of a pod is on its way; a watch that is broken would not bring it."""
        return not self.views.pods.is_failing() and any(pod.is_vanishing for pod in steps.owned)

    def _write_ledger(self, redis: Redis, steps: Plan) -> tuple[Redis, Refusal | None]:
        """The Redis with its finalizers, and why they could not be written. Raises Conflict and NotFound.

        That pods are made again matters more than the ledger: their owner references hold without it.
        """
        wanted = set_finalizers_under(redis, FINALIZER_PREFIX, steps.ledger)
        if wanted is redis:
            return redis, None
        meta = wanted.metadata
        body = {"metadata": {"finalizers": meta.finalizers, "resourceVersion": meta.resource_version}}
        try:
            return self._client.patch(Redis, redis.metadata.namespace, redis.metadata.name, body), None
        except (Conflict, NotFound):
            raise
        except REFUSED as error:
            return redis, Refusal("the finalizers cannot be written", error)

    def _sync_service(self, redis: Redis, blind: Problem | None) -> Problem | Refusal | None:
        if self.views.services.has_synced():
            return self._services.sync(redis, is_blind=blind is not None)
        return Problem("ServicesUnknown", "services cannot be listed, so the Service is not looked after")

    def _live(self, redis: Redis) -> Redis | None:
        """The Redis as the server has it now; None when it is gone. A list, for which there is a right."""
        meta = redis.metadata
        try:
            found = self._client.list(Redis, meta.namespace, field_selector=f"metadata.name={meta.name}")
        except REFUSED as error:
            raise ReconcileError(f"the Redis cannot be read: {error}") from error
        return next((r for r in found if r.metadata.uid == meta.uid), None)

    # Reporting

    def _conflict(self, steps: Plan) -> Problem | None:
        if not steps.foreign:
            return None
        names = ", ".join(steps.foreign)
        return Problem(
            "PodConflict",
            f"somebody else's pod has the name {names}: delete it, then a pod of this Redis takes its place",
        )

    def _overruled(self, taken: Iterable[Step], after: Plan) -> Problem | None:
        """When labels that were put back have gone again in the server's answer."""
        changed = {pod.metadata.uid for step in taken for pod in step.made}
        names = ", ".join(p.metadata.name for p in after.relabel if p.metadata.uid in changed)
        if not names:
            return None
        words = f"the Service does not lead to {names}: the labels that the operator puts back are undone"
        return Problem("LabelsOverruled", words, is_failure=True)


def _leads(redis: Redis, service: Service | None) -> bool:
    """Whether the Service, as it was before this turn, is as it should be."""
    return service is not None and not service.is_terminating and not desired.service_patch(redis, service)
