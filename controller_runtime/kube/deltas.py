"""What handlers and predicates are given: one record for each way in which an object can change.

``seq`` is the number that the change has on the bus; 0 when it was not published there.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Ref

T = TypeVar("T", bound=KubeObject, covariant=True)


class Trigger(msgspec.Struct, frozen=True):
    """The watch event that put a key on a queue."""

    type: str  # ADDED, MODIFIED, DELETED, GENERIC, or RESYNC when nothing has changed
    ref: Ref
    resource_version: str = ""
    seq: int = 0  # of the watch event on the bus


class CreateEvent(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """An object is new to us. ``is_initial``: it was there when the watch began, or the handler came late."""

    obj: T
    is_initial: bool = False
    seq: int = 0


class UpdateEvent(msgspec.Struct, Generic[T], frozen=True, gc=False):
    old: T
    new: T
    seq: int = 0

    @property
    def obj(self) -> T:
        """The object as it is now."""
        return self.new


class DeleteEvent(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """An object is gone. ``state_unknown``: the delete itself was missed, ``obj`` is the last state seen."""

    obj: T
    state_unknown: bool = False
    seq: int = 0


class GenericEvent(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """Something outside the cluster concerns ``obj``."""

    obj: T
    seq: int = 0


Event = CreateEvent[T] | UpdateEvent[T] | DeleteEvent[T] | GenericEvent[T]

_TYPES = {CreateEvent: "ADDED", UpdateEvent: "MODIFIED", DeleteEvent: "DELETED", GenericEvent: "GENERIC"}


def trigger_of(event: Event[KubeObject]) -> Trigger:
    """The event as a cause, in the words of the bus."""
    obj = event.obj
    is_resync = isinstance(event, UpdateEvent) and event.old is event.new
    type_ = "RESYNC" if is_resync else _TYPES[type(event)]
    return Trigger(type_, obj.ref, obj.metadata.resource_version, event.seq)


def is_low_priority(event: Event[KubeObject]) -> bool:
    """State rather than news: part of the first list, or an update that changed nothing."""
    match event:
        case CreateEvent(is_initial=is_initial):
            return is_initial
        case UpdateEvent(old=old, new=new):
            return old.metadata.resource_version == new.metadata.resource_version
        case _:
            return False
