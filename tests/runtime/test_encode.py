"""What is sent of a typed object, and what it leaves alone of the object that the server has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime.cache.sharing import SharedLabels
from controller_runtime.kube.encode import as_asked, as_json, as_view, overlay
from controller_runtime.kube.kinds import Container, Pod, PodSpec
from controller_runtime.kube.object import KubeObject, ObjectMeta, OwnerReference, kind_of
from controller_runtime.kube.resource import Resource
from controller_runtime.kube.unstructured import Unstructured, unstructured

WIDGETS = Resource("example.com", "v1", "Widget", "widgets")


class WidgetSpec(msgspec.Struct, frozen=True, rename="camel"):
    size: int = 0
    is_big: bool = False
    chosen_by_server: int | None = None
    parts: tuple[str, ...] = ()
    since: datetime | None = None
    volume: dict[str, Any] | None = None


class Widget(KubeObject, frozen=True):
    resource = WIDGETS
    spec: WidgetSpec = WidgetSpec()


def test_what_is_unset_is_left_out_and_numbers_are_not() -> None:
    widget = Widget(ObjectMeta(name="a", labels=SharedLabels({"x": ""})))
    assert as_json(widget) == {
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "a", "labels": {"x": ""}}, "spec": {"size": 0, "isBig": False},
    }  # fmt: skip
    full = WidgetSpec(parts=("p",), volume={"emptyDir": {}}, since=datetime(2026, 1, 1, tzinfo=UTC))
    assert as_json(Widget(ObjectMeta(name="a"), full))["spec"] == {
        "size": 0, "isBig": False, "parts": ["p"], "volume": {"emptyDir": {}},
        "since": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def test_what_only_the_server_sets_is_not_asked_for() -> None:
    owner = OwnerReference("v1", "Pod", "o", "uid-o", controller=True)
    meta = ObjectMeta(
        name="a", namespace="n", uid="u", resource_version="7", generation=3, creation_timestamp="2026",
        finalizers=("f",), owner_references=(owner,),
    )  # fmt: skip
    assert as_json(Widget(meta))["metadata"]["resourceVersion"] == "7"
    assert as_asked(Widget(meta))["metadata"] == {
        "name": "a", "namespace": "n", "finalizers": ["f"],
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "uid-o", "controller": True}
        ],
    }  # fmt: skip


def changed(raw: dict[str, Any], spec: PodSpec) -> dict[str, Any]:
    """``raw`` after its typed view got another spec."""
    pod = msgspec.convert(raw, Pod)
    result: dict[str, Any] = overlay(raw, as_view(pod), as_view(msgspec.structs.replace(pod, spec=spec)))
    return result


def test_fields_that_the_class_does_not_declare_stay_in_lists_too() -> None:
    first = {"name": "first", "image": "a", "readinessProbe": {"x": 1}}
    second = {"name": "second", "image": "b", "resources": {"y": 2}}
    raw = {
        "metadata": {"name": "p", "managedFields": [1]},
        "spec": {"hostname": "h", "containers": [first, second]},
    }
    new = Container(name="new", image="n")
    after = changed(
        raw,
        PodSpec(containers=(new, Container(name="second", image="c"), Container(name="first", image="a"))),
    )
    assert after["metadata"] == raw["metadata"]
    assert after["spec"]["hostname"] == "h"
    assert after["spec"]["containers"] == [{"name": "new", "image": "n"}, second | {"image": "c"}, first]
    assert changed(raw, PodSpec())["spec"] == {"hostname": "h"}
    assert second["image"] == "b", "what was given is not changed"


def test_a_part_that_the_class_knows_as_empty_is_added_to_and_not_replaced() -> None:
    raw = {"metadata": {"name": "p"}, "spec": {"hostname": "h"}}
    assert changed(raw, PodSpec(node_name="n"))["spec"] == {"hostname": "h", "nodeName": "n"}
    assert changed(raw, PodSpec()) == raw


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(json_data, json_data)
def test_with_the_whole_in_view_the_new_state_comes_out(old: Any, new: Any) -> None:
    assert overlay(old, old, new) == new
    assert overlay(old, old, old) == old


def test_an_unstructured_object_is_all_that_the_server_has() -> None:
    kind = unstructured(WIDGETS)
    assert kind is unstructured(WIDGETS)
    assert kind_of("example.com/v1", "Widget") is Widget, "a class that was declared goes before"
    content = {
        "apiVersion": "example.com/v1", "kind": "Widget", "spec": {"size": 3, "deep": {"er": None}},
        "metadata": {"name": "a", "labels": None, "selfLink": "x", "managedFields": [1], "finalizers": ["f"]},
    }  # fmt: skip
    found = kind.decoder()(msgspec.json.encode(content))
    assert isinstance(found, Unstructured)
    assert (found.key, found.metadata.finalizers, found.find("spec", "size")) == ("a", ("f",), 3)
    assert (found.find("spec", "nothing", "there"), found.find("spec", "size", "x")) == (None, None)
    free = msgspec.structs.replace(found, metadata=msgspec.structs.replace(found.metadata, finalizers=()))
    assert as_json(free) == content | {"metadata": {"name": "a", "selfLink": "x"}}
    for wrong in (b"[]", b'{"kind":"Widget"}', b'{"metadata":{"name":7}}', b"{"):
        with pytest.raises(msgspec.MsgspecError):
            kind.decoder()(wrong)
