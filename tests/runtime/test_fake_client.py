"""The fake client does what an API server does, as far as it says so: each scenario runs on both."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace
from prometheus_client import generate_latest

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.retry import retry_on_conflict
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.envtest import FakeClient
from controller_runtime.events import ObjectChanged
from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Invalid,
    NotFound,
    ServerError,
    Unreachable,
)
from controller_runtime.kube.kinds import ConfigMap, Container, Namespace, Pod, PodSpec, PodStatus
from controller_runtime.kube.object import KubeObject, ObjectMeta, kind_of
from controller_runtime.kube.ownership import add_finalizer, remove_finalizer
from controller_runtime.kube.resource import Request
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.runtime.sandboxed import Recording, running


@pytest.fixture(params=["fake", "server"])
def api(request: pytest.FixtureRequest) -> Client:
    return FakeClient() if request.param == "fake" else request.getfixturevalue("admin")


@pytest.fixture
def there(request: pytest.FixtureRequest, api: Client) -> str:
    """A namespace to be in."""
    return "default" if isinstance(api, FakeClient) else request.getfixturevalue("namespace")


def configmap(namespace: str, name: str = "a", **data: str) -> ConfigMap:
    return ConfigMap(ObjectMeta(name, namespace), data)


def test_names_versions_and_conflicts(api: Client, there: str) -> None:
    made = api.create(configmap(there, x="1"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp
    with pytest.raises(AlreadyExists, match='configmaps "a" already exists'):
        api.create(configmap(there))
    with pytest.raises(NotFound, match='configmaps "b" not found'):
        api.get(ConfigMap, there, "b")
    with pytest.raises(ApiError, match="resourceVersion should not be set"):
        api.create(replace(made, metadata=replace(made.metadata, name="c")))
    newer = api.update(replace(made, data={"x": "2"}))
    assert int(newer.metadata.resource_version) > int(made.metadata.resource_version)
    assert api.update(newer) == newer
    with pytest.raises(Conflict, match="the object has been modified"):
        api.update(replace(made, data={"x": "3"}))
    with pytest.raises(Conflict):
        api.patch(ConfigMap, there, "a", {"metadata": {"resourceVersion": "1"}, "data": {"x": "4"}})
    assert api.patch(ConfigMap, there, "a", {"data": {"x": None, "y": "5"}}).data == {"y": "5"}
    operations = [
        {"op": "test", "path": "/data/y", "value": "5"},
        {"op": "add", "path": "/data/z", "value": "6"},
    ]
    assert api.patch(ConfigMap, there, "a", operations, type="json").data == {"y": "5", "z": "6"}
    with pytest.raises(Invalid):
        api.patch(ConfigMap, there, "a", [{"op": "remove", "path": "/data/none"}], type="json")
    assert api.apply(configmap(there, "new", x="1"), "me").data == {"x": "1"}
    assert api.create_or_update(configmap(there), lambda live: replace(live, data={"y": "5", "z": "6"}))[
        1
    ] == ("unchanged")


def test_the_status_is_apart_and_the_generation_counts_the_spec(api: Client, there: str) -> None:
    spec = PodSpec(containers=(Container("c", "image:1"),))
    pod = api.create(Pod(ObjectMeta("p", there), spec, PodStatus(phase="Failed")))
    assert pod.status.phase in ("", "Pending")
    ready = api.status.update(
        replace(pod, spec=PodSpec(), status=PodStatus(phase="Running", pod_ip="10.0.0.9"))
    )
    assert (ready.status.phase, len(ready.spec.containers)) == ("Running", 1)
    labelled = api.update(
        replace(ready, metadata=replace(ready.metadata, labels={"a": "b"}), status=PodStatus())
    )
    assert (labelled.status.phase, labelled.metadata.labels) == ("Running", {"a": "b"})
    assert api.status.patch(Pod, there, "p", {"status": {"reason": "x"}}).status.reason == "x"


def test_finalizers_hold_and_preconditions_protect(api: Client, there: str) -> None:
    held = api.create(add_finalizer(configmap(there), "example.com/hold"))
    with pytest.raises(Conflict):
        api.delete(ConfigMap, there, "a", uid="another")
    api.delete(held)
    going = api.get(ConfigMap, there, "a")
    assert going.is_terminating
    with pytest.raises(ApiError, match="no new finalizers can be added"):
        api.update(add_finalizer(going, "example.com/late"))
    api.update(remove_finalizer(going, "example.com/hold"))
    with pytest.raises(NotFound):
        api.delete(ConfigMap, there, "a")


def test_selectors(api: Client, there: str) -> None:
    for name, labels in (("a", {"app": "x", "tier": "1"}), ("b", {"app": "y"}), ("c", {})):
        api.create(ConfigMap(ObjectMeta(name, there, labels=labels)))

    def names(label_selector: str = "", field_selector: str = "") -> str:
        found = api.list(ConfigMap, there, label_selector=label_selector, field_selector=field_selector)
        return "".join(m.metadata.name for m in found if len(m.metadata.name) == 1)

    for selector, expected in (
        ("app", "ab"), ("!app", "c"), ("app=x", "a"), ("app!=x", "bc"), ("app in (x, y)", "ab"),
        ("app notin (x)", "bc"), ("app=x,tier=1", "a"), ("app in (x,y),!tier", "b"), ("", "abc"),
    ):  # fmt: skip
        assert names(selector) == expected, selector
    assert names(field_selector="metadata.name=b") == "b"
    assert names(field_selector="metadata.name!=b") == "ac"


def test_a_controller_runs_on_it() -> None:
    bus = EventBus()
    api = FakeClient(Namespace(ObjectMeta("default")), configmap("default", n="0"), bus=bus)
    mgr = Manager(api, bus)
    maps = mgr.informer(ConfigMap)
    chosen = mgr.informer(ConfigMap, label_selector="done=yes")

    class Counting:
        def reconcile(self, request: Request) -> None:
            found = maps.get(*request)
            if found is not None and found.data["n"] != "3":
                meta = replace(found.metadata, labels={"done": "yes"} if found.data["n"] == "2" else {})
                api.update(replace(found, metadata=meta, data={"n": str(int(found.data["n"]) + 1)}))

    new_controller_managed_by(mgr).for_(ConfigMap).complete(Counting())
    started = time.monotonic()
    with running(mgr):
        eventually(lambda: chosen.get("default", "a"))
        assert api.get(ConfigMap, "default", "a").data == {"n": "3"}
        api.patch(ConfigMap, "default", "a", {"metadata": {"labels": None}})
        eventually(lambda: not chosen.list())
        api.delete(ConfigMap, "default", "a")
        eventually(lambda: not maps.list())
    assert time.monotonic() - started < 5


class Settings(KubeObject, frozen=True):
    """Another class for ConfigMaps, with less in it."""

    resource = ConfigMap.resource
    declares = False


def test_two_classes_of_one_kind_are_published_and_measured_once() -> None:
    bus = EventBus()
    recording = Recording(bus)
    mgr = Manager(FakeClient(configmap("default"), bus=bus), bus)
    for kind, selector in ((ConfigMap, "!gone"), (Settings, ""), (ConfigMap, "")):
        mgr.informer(kind, label_selector=selector)
    with running(mgr):
        eventually(lambda: all(informer.list() for informer in mgr.informers()))
        series = generate_latest(mgr.metrics.registry).decode().splitlines()
    assert [(e.type, e.ref.name) for e in recording.of(ObjectChanged)] == [("ADDED", "a")]
    assert len([line for line in series if line.startswith("informer_objects{")]) == 2
    assert kind_of("v1", "ConfigMap") is ConfigMap


def test_it_begins_with_what_it_is_given() -> None:
    going = ObjectMeta(
        "p", "default", uid="u-1", deletion_timestamp="2026-01-01T00:00:00Z", finalizers=("x",)
    )
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
    api = FakeClient(Pod(going, status=PodStatus(phase="Running")), body)
    pod = api.get(Pod, "default", "p")
    assert (pod.metadata.uid, pod.is_terminating, pod.status.phase) == ("u-1", True, "Running")
    assert api.get(ConfigMap, "default", "a").metadata.uid
    api.update(remove_finalizer(pod, "x"))
    assert api.list(Pod) == []


def test_it_fails_when_it_is_told_to() -> None:
    api = FakeClient(configmap("default", n="0"))
    api.fail("update", "configmaps", Conflict(409, "Conflict", "somebody was faster"), times=2)
    tries = []

    def change() -> ConfigMap:
        tries.append(1)
        return api.update(replace(api.get(ConfigMap, "default", "a"), data={"n": "1"}))

    assert retry_on_conflict(change, sleep=lambda _: None).data == {"n": "1"}
    assert len(tries) == 3
    api.fail("list", "*", Unreachable("timed out", sent=True))
    with pytest.raises(Unreachable, match="timed out"):
        api.list(ConfigMap)
    api.fail("patch", "configmaps/status", ServerError(500, "InternalError", "no"))
    with pytest.raises(ServerError):
        api.status.patch(ConfigMap, "default", "a", {})
    with pytest.raises(ApiError, match="use envtest"):
        api.patch(ConfigMap, "default", "a", {}, type="strategic")
    assert (api.version(), api.identity(), api.can_i("get", Pod.resource)) == (
        "v0.0.0-fake",
        "fake",
        (True, ""),
    )
