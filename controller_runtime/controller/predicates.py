"""Predicates: functions of an event that answer whether a handler gets to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
from controller_runtime.kube.object import KubeObject

Predicate = Callable[[Event[Any]], bool]


def _on_update(changed: Callable[[KubeObject, KubeObject], bool]) -> Predicate:
    def predicate(event: Event[Any]) -> bool:
        return changed(event.old, event.new) if isinstance(event, UpdateEvent) else True

    return predicate


# Creates, deletes and generic events pass each of these four; an update passes when the named thing changed.
generation_changed: Predicate = _on_update(
    lambda old, new: old.metadata.generation != new.metadata.generation
)
label_changed: Predicate = _on_update(lambda old, new: old.metadata.labels != new.metadata.labels)
annotation_changed: Predicate = _on_update(
    lambda old, new: old.metadata.annotations != new.metadata.annotations
)
resource_version_changed: Predicate = _on_update(
    lambda old, new: old.metadata.resource_version != new.metadata.resource_version
)


def has_labels(labels: Mapping[str, str]) -> Predicate:
    """The object has all of these labels with these values (an update: the new object)."""
    return on_object(lambda obj: labels.items() <= obj.metadata.labels.items())


def on_object(test: Callable[[Any], bool]) -> Predicate:
    """A test of the object itself (an update: of the new object)."""
    return lambda event: test(event.obj)


def funcs(
    create: Callable[[CreateEvent[Any]], bool] | None = None,
    update: Callable[[UpdateEvent[Any]], bool] | None = None,
    delete: Callable[[DeleteEvent[Any]], bool] | None = None,
    generic: Callable[[GenericEvent[Any]], bool] | None = None,
) -> Predicate:
    """One function for each type of event; what is left out lets everything pass."""

    def predicate(event: Event[Any]) -> bool:
        match event:
            case CreateEvent():
                return create is None or create(event)
            case UpdateEvent():
                return update is None or update(event)
            case DeleteEvent():
                return delete is None or delete(event)
            case GenericEvent():
                return generic is None or generic(event)

    return predicate


def and_(*predicates: Predicate) -> Predicate:
    return lambda event: all(predicate(event) for predicate in predicates)


def or_(*predicates: Predicate) -> Predicate:
    return lambda event: any(predicate(event) for predicate in predicates)


def not_(predicate: Predicate) -> Predicate:
    return lambda event: not predicate(event)
