"""Sharing changes what objects cost and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime.cache import sharing
from controller_runtime.cache.store import Store
from controller_runtime.kube.kinds import ConfigMap, Pod, Service
from controller_runtime.kube.object import Decoder, KubeObject
from controller_runtime.kube.resource import Resource

FEW = st.sampled_from(["a", "b", "c"])
LABELS = st.dictionaries(FEW, FEW, max_size=2)
OWNERS = st.lists(st.fixed_dictionaries({"uid": FEW, "name": FEW}), max_size=2)
CONDITIONS = st.lists(st.fixed_dictionaries({"type": FEW, "status": FEW}), max_size=3)
CONTAINERS = st.lists(st.fixed_dictionaries({"name": FEW, "args": st.lists(FEW, max_size=2)}), max_size=2)
PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": FEW, "namespace": FEW, "labels": LABELS, "ownerReferences": OWNERS}
        ),
        "spec": st.fixed_dictionaries({"containers": CONTAINERS}),
        "status": st.fixed_dictionaries({"phase": FEW, "conditions": CONDITIONS}),
    }
)


def decoded(body: Any) -> Pod:
    return Decoder(Pod).decode(msgspec.json.encode(body))


@given(st.lists(PODS, max_size=20), st.integers(1, 5))
def test_what_is_stored_is_what_was_given(bodies: list[Any], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "MOST_PARTS", most)  # so that it is exceeded all the time
        store = Store(Pod)
        given_pods = [decoded(body) for body in bodies]
        untouched = copy.deepcopy(given_pods)
        for pod in given_pods:
            store.put(pod)
        assert given_pods == untouched
        assert {p.key: p for p in store.list()} == {p.key: p for p in untouched}


def pod(name: str, **status: Any) -> Pod:
    meta = {
        "name": name,
        "namespace": "default",
        "labels": {"app": "cache"},
        "ownerReferences": [{"kind": "Redis", "uid": "u1"}],
    }
    containers = [{"name": "redis", "image": "redis:7", "args": ["--port", "6379"]}]
    return decoded({"metadata": meta, "spec": {"containers": containers}, "status": status})


def test_equal_parts_are_one() -> None:
    store = Store(Pod)
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    one, other = pod("one", **ready), pod("other", podIP="10.0.0.2", **ready)
    store.put(one)
    store.put(other)
    assert one.metadata.labels is other.metadata.labels
    assert one.metadata.owner_references[0] is other.metadata.owner_references[0]
    assert one.spec.containers[0] is other.spec.containers[0]
    assert one.status.conditions[0] is other.status.conditions[0]
    assert (one.status.pod_ip, other.status.pod_ip) == ("", "10.0.0.2")

    later = pod("one", phase="Running")
    store.put(later)
    assert later.spec is one.spec, "an unchanged part is that of before"
    assert (later.status.phase, one.status.phase) == ("Running", "")


def test_shared_labels_cannot_be_changed_but_copied_and_encoded() -> None:
    store = Store(Pod)
    store.put(pod("one"))
    meta = pod("other").metadata
    store.put(other := pod("other"))
    labels: Any = other.metadata.labels
    changes: tuple[Callable[[], object], ...] = (
        lambda: labels.update(app="mine"),
        lambda: labels.__setitem__("app", "mine"),
        lambda: labels.__delitem__("app"),
        lambda: labels.__ior__({"app": "mine"}),
        lambda: labels.pop("app"),
    )
    for change in changes:
        with pytest.raises(TypeError, match="change a copy"):
            change()
    assert labels == {"app": "cache"}
    mine = copy.deepcopy(labels)
    mine["app"] = "mine"
    assert labels | {"a": "b"} == {"app": "cache", "a": "b"}
    assert msgspec.json.encode(other.metadata) == msgspec.json.encode(meta)


class Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class Shelf(KubeObject, frozen=True):
    resource = Resource("example.com", "v1", "Shelf", "shelves")
    items: tuple[Labelled, ...] = ()
    boxes: Labelled = Labelled()


def test_kinds_with_dicts_in_their_parts_and_without_parts() -> None:
    for kind, body in (
        (Shelf, {"items": [{"labels": {"a": "b"}}], "boxes": {"labels": {"c": "d"}}}),
        (ConfigMap, {"data": {"a": "b"}}),
        (Service, {"spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}}),
    ):
        store: Store[Any] = Store(kind)
        for name in ("one", "other"):
            raw = msgspec.json.encode({"metadata": {"name": name}, **body})
            store.put(Decoder(kind).decode(raw))
            assert store.get("", name) == Decoder(kind).decode(raw)
