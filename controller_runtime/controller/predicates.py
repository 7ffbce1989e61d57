"""Predicates: functions of an event that answer whether a handler gets to see it.

A ``Predicate[Pod]`` is a function of an event of a Pod; one of KubeObject is for every kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
from controller_runtime.kube.object import KubeObject

K = TypeVar("K", bound=KubeObject)
Predicate = Callable[[Event[K]], bool]


def generation_changed(event: Event[KubeObject]) -> bool:
    """An update passes when the spec changed, which the generation counts; so do all other events."""
    return (
        not isinstance(event, UpdateEvent) or event.old.metadata.generation != event.new.metadata.generation
    )


def label_changed(event: Event[KubeObject]) -> bool:
    """An update passes when the labels changed; so do all other events."""
    return not isinstance(event, UpdateEvent) or event.old.metadata.labels != event.new.metadata.labels


def annotation_changed(event: Event[KubeObject]) -> bool:
    """An update passes when the annotations changed; so do all other events."""
    return (
        not isinstance(event, UpdateEvent) or event.old.metadata.annotations != event.new.metadata.annotations
    )


def resource_version_changed(event: Event[KubeObject]) -> bool:
    """An update passes when anything changed, so that a resync does not; so do all other events."""
    if not isinstance(event, UpdateEvent):
        return True
    return event.old.metadata.resource_version != event.new.metadata.resource_version


def has_labels(labels: Mapping[str, str]) -> Predicate[KubeObject]:
    """The object has all of these labels with these values (an update: the new object)."""
    return on_object(lambda obj: labels.items() <= obj.metadata.labels.items())


def on_object(test: Callable[[K], bool]) -> Predicate[K]:
    """A test of the object itself (an update: of the new object)."""
    return lambda event: test(event.obj)


def funcs(
    create: Callable[[CreateEvent[K]], bool] | None = None,
    update: Callable[[UpdateEvent[K]], bool] | None = None,
    delete: Callable[[DeleteEvent[K]], bool] | None = None,
    generic: Callable[[GenericEvent[K]], bool] | None = None,
) -> Predicate[K]:
    """One function for each type of event; what is left out lets everything pass."""

    def predicate(event: Event[K]) -> bool:
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


def and_(*predicates: Predicate[K]) -> Predicate[K]:
    """Passes what all of them let pass."""
    return lambda event: all(predicate(event) for predicate in predicates)


def or_(*predicates: Predicate[K]) -> Predicate[K]:
    """Passes what one of them lets pass."""
    return lambda event: any(predicate(event) for predicate in predicates)


def not_(predicate: Predicate[K]) -> Predicate[K]:
    """Passes what it does not let pass."""
    return lambda event: not predicate(event)
