"""Event handlers: each turns one event into requests on a queue, and does nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from controller_runtime.controller.workqueue import Queue
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Request, Resource

K = TypeVar("K", bound=KubeObject)
Handled = TypeVar("Handled", bound=KubeObject, contravariant=True)


class EventHandler(Protocol[Handled]):
    """What ``watches`` takes: a method for each type of event of a kind. None of them may block."""

    def create(self, event: CreateEvent[Handled], queue: Queue) -> None: ...
    def update(self, event: UpdateEvent[Handled], queue: Queue) -> None: ...
    def delete(self, event: DeleteEvent[Handled], queue: Queue) -> None: ...
    def generic(self, event: GenericEvent[Handled], queue: Queue) -> None: ...


class RawSource(Protocol):
    """A source that is its own handler: it puts requests on the queue itself. ``start`` must not block."""

    def start(self, queue: Queue, stop: threading.Event) -> None: ...


class Funcs(Generic[K]):
    """A handler made of functions ``(event, queue)``; what is left out is ignored."""

    def __init__(
        self,
        create: Callable[[CreateEvent[K], Queue], None] | None = None,
        update: Callable[[UpdateEvent[K], Queue], None] | None = None,
        delete: Callable[[DeleteEvent[K], Queue], None] | None = None,
        generic: Callable[[GenericEvent[K], Queue], None] | None = None,
    ) -> None:
        self._create, self._update, self._delete, self._generic = create, update, delete, generic

    def create(self, event: CreateEvent[K], queue: Queue) -> None:
        if self._create:
            self._create(event, queue)

    def update(self, event: UpdateEvent[K], queue: Queue) -> None:
        if self._update:
            self._update(event, queue)

    def delete(self, event: DeleteEvent[K], queue: Queue) -> None:
        if self._delete:
            self._delete(event, queue)

    def generic(self, event: GenericEvent[K], queue: Queue) -> None:
        if self._generic:
            self._generic(event, queue)


class EnqueueRequestsFromMap(Generic[K]):
    """Enqueues what ``map_object`` answers. An update asks it for the old and for the new object."""

    def __init__(self, map_object: Callable[[K], Iterable[Request]]) -> None:
        self._map = map_object

    def create(self, event: CreateEvent[K], queue: Queue) -> None:
        self._enqueue(queue, event.obj)

    def update(self, event: UpdateEvent[K], queue: Queue) -> None:
        self._enqueue(queue, event.old, event.new)

    def delete(self, event: DeleteEvent[K], queue: Queue) -> None:
        self._enqueue(queue, event.obj)

    def generic(self, event: GenericEvent[K], queue: Queue) -> None:
        self._enqueue(queue, event.obj)

    def _enqueue(self, queue: Queue, *objects: K) -> None:
        for request in dict.fromkeys(request for obj in objects for request in self._map(obj)):
            queue.add(request)


class EnqueueRequestForObject(EnqueueRequestsFromMap[KubeObject]):
    """Enqueues the object that the event is about."""

    def __init__(self) -> None:
        super().__init__(lambda obj: (Request(obj.metadata.namespace, obj.metadata.name),))


class EnqueueRequestForOwner(EnqueueRequestsFromMap[KubeObject]):
    """Enqueues the owners of kind ``owner``: the controller alone, or with ``every_owner`` all of them.

    Group and kind are compared, the version is not.
    """

    def __init__(self, owner: type[KubeObject], *, every_owner: bool = False) -> None:
        self._owner: Resource = owner.resource
        self._every_owner = every_owner
        super().__init__(self._owners)

    def update(self, event: UpdateEvent[KubeObject], queue: Queue) -> None:
        if event.old.metadata.owner_references is event.new.metadata.owner_references:  # as in a store
            self._enqueue(queue, event.new)
        else:
            super().update(event, queue)

    def _owners(self, obj: KubeObject) -> Iterable[Request]:
        namespace = obj.metadata.namespace if self._owner.namespaced else ""
        for reference in obj.metadata.owner_references:
            if not self._owner.is_kind(reference.api_version, reference.kind):
                continue
            if self._every_owner or reference.controller:
                yield Request(namespace, reference.name)


def dispatch(handler: EventHandler[K], event: Event[K], queue: Queue) -> None:
    """Call the method of ``handler`` that is meant for ``event``."""
    match event:
        case CreateEvent():
            handler.create(event, queue)
        case UpdateEvent():
            handler.update(event, queue)
        case DeleteEvent():
            handler.delete(event, queue)
        case GenericEvent():
            handler.generic(event, queue)
