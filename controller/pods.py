"""Makes and deletes the pods of a Redis, as far as its plan and the time of one turn go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from controller import desired
from controller.api import Redis
from controller.batches import Batches
from controller.plan import Plan
from controller.refusals import Refusal
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import AlreadyExists, Conflict, NotFound
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.ownership import has_controller_reference
from controller_runtime.manager.event_recorder import EventRecorder

MAX_NOTE = 1024  # bytes; the API takes no longer note in an Event


@dataclass(frozen=True)
class Step:
    """What came of one step: the pods that were made or changed, whether some are left, what was refused."""

    made: tuple[Pod, ...] = ()
    is_partial: bool = False
    refusal: Refusal | None = None


class PodWriter:
    def __init__(self, client: Client, recorder: EventRecorder, batches: Batches) -> None:
        self._client = client
        self._recorder = recorder
        self._batches = batches

    def delete(self, redis: Redis, pods: Iterable[Pod]) -> Step:
        # The garbage collector may be setting a pod free right now (--cascade=orphan), and the watches of
        # pods and Redis are in no order: so delete only what is still as we know it.
        exact = redis.metadata.deletion_timestamp is not None

        def delete(pod: Pod) -> str:
            try:
                self._delete(pod, exact=exact)
            except Conflict:
                live = self._live(pod)
                if live is not None and has_controller_reference(live, redis) and not live.is_terminating:
                    self._delete(live, exact=exact)
            return pod.metadata.name

        batched = self._batches.run(pods, delete)
        if not exact:
            scaled = [n for n in batched.done if desired.ordinal_of(redis, n) not in desired.ordinals(redis)]
            self._record(redis, "ScaledDown", "Delete", "Deleted", scaled)
        refusal = Refusal("pods cannot be deleted", batched.error) if batched.error else None
        return Step(is_partial=batched.is_partial, refusal=refusal)

    def relabel(self, redis: Redis, steps: Plan) -> Step:
        def relabel(pod: Pod) -> Pod | None:
            meta = pod.metadata
            body = {"metadata": {"uid": meta.uid, "labels": desired.selector(redis)}}
            with suppress(NotFound, Conflict):  # it is gone, or another has its name
                return self._client.patch(Pod, meta.namespace, meta.name, body)
            return None

        batched = self._batches.run(steps.relabel, relabel)
        done = tuple(pod for pod in batched.done if pod is not None)
        refusal = Refusal("the labels of pods cannot be put back", batched.error) if batched.error else None
        return Step(done, batched.is_partial, refusal)

    def create(self, redis: Redis, ordinals: Iterable[int]) -> Step:
        recreated = set(redis.ledger)

        def create(ordinal: int) -> Pod | None:
            # Somebody may take the name since the store was filled; its event brings us back here.
            with suppress(AlreadyExists):
                return self._client.create(desired.pod(redis, ordinal), Pod)
            return None

        batched = self._batches.run(ordinals, create)
        made = tuple(pod for pod in batched.done if pod is not None)
        names = [pod.metadata.name for pod in made]
        self._record(redis, "PodRecreated", "Create", "Recreated", [n for n in names if n in recreated])
        self._record(redis, "ScaledUp", "Create", "Created", [n for n in names if n not in recreated])
        refusal = Refusal("pods cannot be created", batched.error) if batched.error else None
        return Step(made, batched.is_partial, refusal)

    def _delete(self, pod: Pod, *, exact: bool) -> None:
        meta = pod.metadata
        version = meta.resource_version if exact else None
        with suppress(NotFound):
            self._client.delete(Pod, meta.namespace, meta.name, uid=meta.uid, resource_version=version)

    def _live(self, pod: Pod) -> Pod | None:
        """The pod as the server has it now; None when it is gone. A list, for which there is a right."""
        meta = pod.metadata
        found = self._client.list(Pod, meta.namespace, field_selector=f"metadata.name={meta.name}")
        return next((p for p in found if p.metadata.uid == meta.uid), None)

    def _record(self, redis: Redis, reason: str, action: str, verb: str, names: list[str]) -> None:
        """Events that name every pod: as many as it takes, since the API bounds the note of one."""
        for note in notes(verb, names):
            self._recorder.event(redis.ref, "Normal", reason, action, note)


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
