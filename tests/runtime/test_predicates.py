from __future__ import annotations

from typing import Any

import pytest

from controller_runtime.controller import predicates
from controller_runtime.controller.predicates import Predicate
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, Event, GenericEvent, UpdateEvent
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.object import ObjectMeta


def pod(**meta: Any) -> Pod:
    return Pod(metadata=ObjectMeta(name="p", namespace="ns", **meta))


@pytest.mark.parametrize(
    ("predicate", "change"),
    [
        (predicates.generation_changed, {"generation": 2}),
        (predicates.label_changed, {"labels": {"a": "b"}}),
        (predicates.annotation_changed, {"annotations": {"a": "b"}}),
        (predicates.resource_version_changed, {"resource_version": "2"}),
    ],
)
def test_changed(predicate: Predicate[Pod], change: dict[str, Any]) -> None:
    assert predicate(UpdateEvent(pod(), pod(**change)))
    assert not predicate(UpdateEvent(pod(**change), pod(**change)))
    other = pod(uid="x", finalizers=("f",))
    assert not predicate(UpdateEvent(pod(), other))
    assert all(predicate(e) for e in (CreateEvent(pod()), DeleteEvent(pod()), GenericEvent(pod())))


def test_labels_and_objects() -> None:
    wanted = predicates.has_labels({"a": "b"})
    assert wanted(CreateEvent(pod(labels={"a": "b", "c": "d"})))
    assert not wanted(CreateEvent(pod(labels={"a": "x"})))
    assert not wanted(UpdateEvent(pod(labels={"a": "b"}), pod()))
    assert predicates.on_object(lambda p: p.metadata.name == "p")(DeleteEvent(pod()))


def test_funcs_and_combinations() -> None:
    never = predicates.funcs(
        create=lambda e: False, update=lambda e: False, delete=lambda e: False, generic=lambda e: False
    )
    events: list[Event[Pod]] = [
        CreateEvent(pod()),
        UpdateEvent(pod(), pod()),
        DeleteEvent(pod()),
        GenericEvent(pod()),
    ]
    always: Predicate[Pod] = predicates.funcs()
    for event in events:
        assert not never(event)
        assert always(event)
        assert predicates.or_(never, always)(event)
        assert not predicates.and_(never, always)(event)
        assert predicates.not_(never)(event)
    assert predicates.funcs(delete=lambda e: e.state_unknown)(DeleteEvent(pod(), state_unknown=True))
