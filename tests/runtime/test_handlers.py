"""Handlers: which requests an event becomes."""

from __future__ import annotations

from typing import Any

import pytest

from controller_runtime.controller.handlers import (
    EnqueueRequestForObject,
    EnqueueRequestForOwner,
    EnqueueRequestsFromMap,
    EventHandler,
    Funcs,
    dispatch,
)
from controller_runtime.controller.workqueue import PriorityQueue
from controller_runtime.kube.deltas import (
    CreateEvent,
    DeleteEvent,
    Event,
    GenericEvent,
    Trigger,
    UpdateEvent,
    is_low_priority,
    trigger_of,
)
from controller_runtime.kube.kinds import ConfigMap, Namespace, Pod
from controller_runtime.kube.object import ObjectMeta, OwnerReference
from controller_runtime.kube.resource import Request


def pod(name: str = "p", *, version: str = "1", owners: tuple[OwnerReference, ...] = ()) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name=name, namespace="ns", uid=f"uid-{name}", resource_version=version, owner_references=owners
        )
    )


def owner(
    name: str, *, kind: str = "ConfigMap", version: str = "v1", controller: bool = True
) -> OwnerReference:
    return OwnerReference(api_version=version, kind=kind, name=name, uid=name, controller=controller)


def requests(handler: EventHandler[Any], event: Event[Any]) -> list[Request]:
    queue = PriorityQueue()
    dispatch(handler, event, queue)
    found = []
    while (taken := queue.get(timeout=0)) is not None:
        found.append(taken[0])
    return found


EVERY_EVENT: list[Event[Pod]] = [
    CreateEvent(pod()),
    UpdateEvent(pod(), pod()),
    DeleteEvent(pod()),
    GenericEvent(pod()),
]


@pytest.mark.parametrize("event", EVERY_EVENT)
def test_for_object(event: Event[Pod]) -> None:
    assert requests(EnqueueRequestForObject(), event) == [Request("ns", "p")]


def test_for_owner_takes_the_controller_of_the_right_kind() -> None:
    references = (
        owner("plain", controller=False),
        owner("other", kind="Secret"),
        owner("group", version="example.com/v1"),
        owner("mine", version="v7"),
    )
    event = CreateEvent(pod(owners=references))
    assert requests(EnqueueRequestForOwner(ConfigMap), event) == [Request("ns", "mine")]
    everyone = EnqueueRequestForOwner(ConfigMap, every_owner=True)
    assert requests(everyone, event) == [Request("ns", "plain"), Request("ns", "mine")]


def test_for_owner_that_is_cluster_scoped_and_for_both_sides_of_an_update() -> None:
    event = UpdateEvent(
        pod(owners=(owner("old", kind="Namespace"),)), pod(owners=(owner("new", kind="Namespace"),))
    )
    assert requests(EnqueueRequestForOwner(Namespace), event) == [Request("", "old"), Request("", "new")]


def test_from_map_asks_for_old_and_new_and_enqueues_once() -> None:
    handler: EnqueueRequestsFromMap[Pod] = EnqueueRequestsFromMap(
        lambda p: [Request("all", "x"), Request("v", p.metadata.resource_version)]
    )
    event = UpdateEvent(pod(version="1"), pod(version="2"))
    assert requests(handler, event) == [Request("all", "x"), Request("v", "1"), Request("v", "2")]


def test_funcs_calls_only_what_it_has() -> None:
    seen: list[Event[Any]] = []
    handlers: list[Funcs[Any]] = [
        Funcs(create=lambda e, q: seen.append(e)),
        Funcs(update=lambda e, q: seen.append(e)),
        Funcs(delete=lambda e, q: seen.append(e)),
        Funcs(generic=lambda e, q: seen.append(e)),
    ]
    for handler in handlers:
        for event in EVERY_EVENT:
            assert requests(handler, event) == []
    assert seen == EVERY_EVENT


def test_events_as_causes_and_their_priority() -> None:
    assert trigger_of(DeleteEvent(pod(version="7"))) == Trigger("DELETED", pod().ref, "7")
    assert [trigger_of(e).type for e in EVERY_EVENT] == ["ADDED", "MODIFIED", "DELETED", "GENERIC"]
    assert is_low_priority(CreateEvent(pod(), is_initial=True))
    assert is_low_priority(UpdateEvent(pod(version="1"), pod(version="1")))
    assert not is_low_priority(UpdateEvent(pod(version="1"), pod(version="2")))
    assert not any(is_low_priority(e) for e in (CreateEvent(pod()), DeleteEvent(pod()), GenericEvent(pod())))
