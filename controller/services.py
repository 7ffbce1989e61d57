"""Makes the Service of a Redis, and keeps it leading to its pods."""

from __future__ import annotations

from controller import desired
from controller.api import Redis
from controller.conditions import Problem
from controller.refusals import REFUSED, Refusal
from controller_runtime.cache.informer import Informer
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import AlreadyExists
from controller_runtime.kube.kinds import Service
from controller_runtime.kube.ownership import has_controller_reference
from controller_runtime.manager.event_recorder import EventRecorder


class ServiceWriter:
    def __init__(self, client: Client, recorder: EventRecorder, services: Informer[Service]) -> None:
        self._client = client
        self._recorder = recorder
        self._services = services
        self._made: dict[str, Service] = {}  # by uid of the Redis: what the watch may not show

    def forget(self, uid: str) -> None:
        self._made.pop(uid, None)

    def sync(self, redis: Redis, *, is_blind: bool = False) -> Problem | Refusal | None:
        """Why the Service does not lead to the pods, None when it does.

        ``is_blind``: the watch shows nothing new.
        """
        namespace, name = redis.metadata.namespace, redis.metadata.name
        found = self._services.get(namespace, name)
        if found is not None:
            self._made.pop(redis.metadata.uid, None)
        elif is_blind:
            found = self._made.get(redis.metadata.uid)
        what = "the Service cannot be made"
        try:
            if found is None:
                try:
                    self._made[redis.metadata.uid] = self._client.create(desired.service(redis), Service)
                except AlreadyExists:
                    what = "the Service that is there cannot be read"
                    found = self._live(redis)
                else:
                    note = f"Created Service {name}"
                    self._recorder.event(redis.ref, "Normal", "ServiceCreated", "Create", note)
            if found is None or found.metadata.deletion_timestamp is not None:
                return None
            if not has_controller_reference(found, redis):
                return Problem("ServiceConflict", _whose(redis, found))
            if patch := desired.service_patch(redis, found):
                what = "the Service cannot be changed"
                answer = self._client.patch(Service, namespace, name, patch, type="json")
                if desired.service_patch(redis, answer):
                    words = "the Service does not lead to the pods: what the operator writes to it is undone"
                    return Problem("ServiceOverruled", words, is_failure=True)
        except REFUSED as error:
            return Refusal(what, error)
        return None

    def _live(self, redis: Redis) -> Service | None:
        """The Service as the server has it now, where the watch has not shown it. A list, as for pods."""
        meta = redis.metadata
        found = self._client.list(Service, meta.namespace, field_selector=f"metadata.name={meta.name}")
        return next(iter(found), None)


def _whose(redis: Redis, found: Service) -> str:
    name, controller = redis.metadata.name, found.controller
    is_ours = controller is not None and redis.resource.is_kind(controller.api_version, controller.kind)
    if controller is not None and is_ours and controller.name == name:
        return f"the Service {name} of an older Redis is still there: the garbage collector takes it away"
    return f"somebody else's Service has the name {name}: delete it, then ours takes its place"
