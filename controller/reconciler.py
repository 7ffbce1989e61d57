"""Brings the pods, the Service, the finalizers and the status of a Redis to what its spec asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from controller import desired
from controller.api import FINALIZER_PREFIX, Redis, problems
from controller.batches import Batches
from controller.conditions import Problem, status
from controller.plan import Plan, is_owned, plan
from controller_runtime.controller.reconcile import Result
from controller_runtime.controller.workqueue import Queue
from controller_runtime.kube.deltas import DeleteEvent
from controller_runtime.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from controller_runtime.kube.kinds import Pod, Service
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager

log = logging.getLogger("controller")

# How soon to look again when something is missing whose arrival no watch will tell of, such as a permission.
RETRY_BLIND = 10.0  # seconds
RETRY_CONFLICT = 0.05  # seconds
# When there is more to do than one turn has time for: behind the keys that wait by now.
NEXT_TURN = 0.001  # seconds
MAX_NOTE = 1024  # bytes; the API takes no longer note in an Event


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RedisReconciler:
    """Level-triggered: every run reads the stores and does what ``plan`` says, whatever woke it."""

    def __init__(
        self, manager: Manager, *, now: Callable[[], datetime] = _utc_now, batches: Batches | None = None
    ) -> None:
        self._client = manager.client
        self._redises = manager.informer(Redis)
        self._pods = manager.informer(Pod)
        self._services = manager.informer(Service)
        self._recorder = manager.event_recorder("redis-controller")
        self._now = now
        self._batches = batches or Batches()

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
        if self._redises.get(service.metadata.namespace, service.metadata.name) is not None:
            queue.add(Request(service.metadata.namespace, service.metadata.name))

    def _redis_of(self, pod: Pod) -> str | None:
        """The Redis that a pod belongs to, or whose pod's name it occupied."""
        controller = pod.controller
        if controller is not None and Redis.resource.is_kind(controller.api_version, controller.kind):
            return controller.name
        name = pod.metadata.name.rpartition("-")[0]
        redis = self._redises.get(pod.metadata.namespace, name)
        return name if redis and desired.ordinal_of(redis, pod.metadata.name) is not None else None

    # Reconciling

    def reconcile(self, request: Request) -> Result | None:
        try:
            return self._reconcile(request)
        except Conflict:
            # The store is behind; by then the newer state will have arrived.
            return Result(requeue_after=RETRY_CONFLICT)

    def _reconcile(self, request: Request) -> Result | None:
        redis = self._redises.get(request.namespace, request.name)
        if redis is None:
            return None
        if not self._pods.has_synced():
            # Without a view of the pods every step would be a guess, and the ledger must not be touched.
            return Result(requeue_after=RETRY_BLIND)
        if self._is_stale(redis):
            return Result(requeue_after=RETRY_BLIND)  # until it can be read again; the informer has said so
        wrong = [] if redis.metadata.deletion_timestamp else problems(redis)
        steps = plan(redis, self._seen(redis))
        if wrong:
            self._report(redis, steps, Problem("InvalidSpec", "; ".join(wrong)))
            return None
        recreated = set(redis.ledger)
        created: list[Pod] = []
        refused: Problem | None = None
        more = False
        try:
            redis = self._write_ledger(redis, steps)
            more = self._delete(redis, steps)
            if not more:
                created, more = self._create(redis, steps, recreated)
        except Forbidden as error:
            refused = Problem("Forbidden", error.message, is_blind=True)
        if redis.metadata.deletion_timestamp:
            after = NEXT_TURN if more else RETRY_BLIND if refused else 0.0
            return Result(requeue_after=after)
        if refused is None and self._is_about_to_change(steps):
            # A status would hold for a moment only, and the replacement would have to wait for its write.
            return Result(requeue_after=RETRY_BLIND)
        problems_found = (refused, self._conflict(steps), self._sync_service(redis))
        problem = next((p for p in problems_found if p is not None), None)
        seen = {p.metadata.name: p for p in self._seen(redis)} | {p.metadata.name: p for p in created}
        self._report(redis, plan(redis, seen.values()), problem)
        if more:
            return Result(requeue_after=NEXT_TURN)
        return Result(requeue_after=RETRY_BLIND) if problem and problem.is_blind else None

    def _is_about_to_change(self, steps: Plan) -> bool:
        """Whether the last event of a pod is on its way; a watch that is broken would not bring it."""
        return not self._pods.is_failing() and any(pod.is_vanishing for pod in steps.owned)

    def _is_stale(self, redis: Redis) -> bool:
        """Whether the newest state of it or of one of its pods could not be read."""
        return bool(self._redises.stale(redis.metadata.namespace, redis.metadata.name)) or any(
            self._pods.stale(pod.metadata.namespace, pod.metadata.name) for pod in self._seen(redis)
        )

    def _seen(self, redis: Redis) -> list[Pod]:
        names = [desired.pod_name(redis, ordinal) for ordinal in desired.ordinals(redis)]
        named = (self._pods.get(redis.metadata.namespace, name) for name in (*names, *redis.ledger))
        return [*self._pods.by_owner(redis.metadata.uid), *(p for p in named if p is not None)]

    def _write_ledger(self, redis: Redis, steps: Plan) -> Redis:
        others = [f for f in redis.metadata.finalizers if not f.startswith(FINALIZER_PREFIX)]
        finalizers = others + [FINALIZER_PREFIX + name for name in steps.ledger]
        if finalizers == list(redis.metadata.finalizers):
            return redis
        body = {"metadata": {"finalizers": finalizers, "resourceVersion": redis.metadata.resource_version}}
        try:
            return self._client.patch(Redis, redis.metadata.namespace, redis.metadata.name, body)
        except NotFound:
            if redis.metadata.deletion_timestamp:
                return redis
            raise

    def _delete(self, redis: Redis, steps: Plan) -> bool:
        """Whether pods are left that are to go. Raises what a request was refused with."""
        # The garbage collector may be setting a pod free right now (--cascade=orphan), and the watches of
        # pods and Redis are in no order: so delete only what is still as we know it.
        exact = redis.metadata.deletion_timestamp is not None

        def delete(pod: Pod) -> str:
            version = pod.metadata.resource_version if exact else None
            with suppress(NotFound):
                self._client.delete(
                    Pod, pod.metadata.namespace, pod.metadata.name,
                    uid=pod.metadata.uid, resource_version=version,
                )  # fmt: skip
            return pod.metadata.name

        batched = self._batches.run(steps.delete, delete)
        if not exact:
            scaled = [n for n in batched.done if desired.ordinal_of(redis, n) not in desired.ordinals(redis)]
            self._record(redis, "ScaledDown", "Delete", "Deleted", scaled)
        if batched.error is not None:
            raise batched.error
        return batched.is_partial

    def _create(self, redis: Redis, steps: Plan, recreated: set[str]) -> tuple[list[Pod], bool]:
        """The pods that were made, and whether some are left. Raises what a request was refused with."""

        def create(ordinal: int) -> Pod | None:
            # Somebody may take the name since the store was filled; its event brings us back here.
            with suppress(AlreadyExists):
                return self._client.create(desired.pod(redis, ordinal), Pod)
            return None

        batched = self._batches.run(steps.create, create)
        made = [pod for pod in batched.done if pod is not None]
        names = [pod.metadata.name for pod in made]
        self._record(redis, "PodRecreated", "Create", "Recreated", [n for n in names if n in recreated])
        self._record(redis, "ScaledUp", "Create", "Created", [n for n in names if n not in recreated])
        if batched.error is not None:
            raise batched.error
        return made, batched.is_partial

    def _record(self, redis: Redis, reason: str, action: str, verb: str, names: list[str]) -> None:
        """Events that name every pod: as many as it takes, since the API bounds the note of one."""
        for note in notes(verb, names):
            self._recorder.event(redis.ref, "Normal", reason, action, note)

    def _conflict(self, steps: Plan) -> Problem | None:
        if not steps.foreign:
            return None
        names = ", ".join(steps.foreign)
        return Problem(
            "PodConflict",
            f"somebody else's pod has the name {names}: delete it, then a pod of this Redis takes its place",
        )

    def _sync_service(self, redis: Redis) -> Problem | None:
        namespace, name = redis.metadata.namespace, redis.metadata.name
        if not self._services.has_synced():
            unknown = "services cannot be listed, so the Service is not looked after"
            return Problem("ServicesUnknown", unknown, is_blind=True)
        found = self._services.get(namespace, name)
        try:
            if found is None:
                self._client.create(desired.service(redis))
                self._recorder.event(
                    redis.ref, "Normal", "ServiceCreated", "Create", f"Created Service {name}"
                )
            elif not is_owned(redis, found):
                return Problem(
                    "ServiceConflict",
                    f"somebody else's Service has the name {name}: delete it, then ours takes its place",
                )
            elif found.metadata.deletion_timestamp is None and not desired.service_is_current(redis, found):
                body = {"spec": desired.service_spec(redis)}
                self._client.patch(Service, namespace, name, body)
        except AlreadyExists:
            return Problem("ServiceConflict", f"a Service {name} exists that the watch has not shown yet")
        except Forbidden as error:
            return Problem("ServiceForbidden", error.message, is_blind=True)
        return None

    def _report(self, redis: Redis, steps: Plan, problem: Problem | None) -> None:
        """Write the status if it differs, and tell of a new problem once."""
        wanted = status(redis, steps, problem, self._now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        if wanted == _as_json(redis):
            return
        before = redis.status.condition("Degraded")
        if problem and (before is None or (before.status, before.message) != ("True", problem.message)):
            self._recorder.event(redis.ref, "Warning", problem.reason, "Reconcile", problem.message)
            log.warning("Redis %s: %s", redis.key, problem.message, extra={"ref": redis.ref})
        namespace, name = redis.metadata.namespace, redis.metadata.name
        self._client.patch(Redis, namespace, name, {"status": wanted}, subresource="status")


def notes(verb: str, names: Iterable[str]) -> Iterator[str]:
    """``verb`` and the names, in texts of at most MAX_NOTE bytes; nothing for no names."""
    note = ""
    for name in names:
        if note and len(note) + len(name) + 2 > MAX_NOTE:
            yield note
            note = ""
        note = f"{note}, {name}" if note else f"{verb} {name}"
    if note:
        yield note


def _as_json(redis: Redis) -> dict[str, object]:
    """The status as it stands, in the shape of ``status.status``."""
    return {
        "replicas": redis.status.replicas,
        "readyReplicas": redis.status.ready_replicas,
        "selector": redis.status.selector,
        "observedGeneration": redis.status.observed_generation,
        "conditions": [
            {
                "type": c.type,
                "status": c.status,
                "reason": c.reason,
                "message": c.message,
                "observedGeneration": c.observed_generation,
                "lastTransitionTime": c.last_transition_time,
            }
            for c in redis.status.conditions
        ],
    }
