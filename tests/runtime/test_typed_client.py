"""Typed reads and writes, against an API server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.events import ApiWrite
from controller_runtime.kube.errors import ApiError, Conflict, Invalid, NotFound
from controller_runtime.kube.kinds import ConfigMap, Container, Pod, PodSpec
from controller_runtime.kube.object import KubeObject, ObjectMeta
from controller_runtime.kube.resource import Resource
from tests.runtime.sandboxed import Recording, client


class PodTemplate(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class DeploymentSpec(msgspec.Struct, frozen=True, rename="camel"):
    selector: dict[str, Any]
    template: PodTemplate
    replicas: int | None = None


class DeploymentStatus(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = 0


class Deployment(KubeObject, frozen=True):
    resource = Resource("apps", "v1", "Deployment", "deployments")
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()


def deployment(namespace: str) -> Deployment:
    labels = {"app": "a"}
    template = PodTemplate(ObjectMeta(labels=labels), PodSpec(containers=(Container("c", "image:1"),)))
    return Deployment(ObjectMeta("a", namespace), DeploymentSpec({"matchLabels": labels}, template))


def with_image(obj: Deployment, image: str) -> Deployment:
    container = replace(obj.spec.template.spec.containers[0], image=image)
    template = replace(obj.spec.template, spec=PodSpec(containers=(container,)))
    return replace(obj, spec=replace(obj.spec, template=template))


def configmap(namespace: str, name: str = "a", **data: str) -> ConfigMap:
    return ConfigMap(ObjectMeta(name, namespace), data)


def test_an_update_keeps_what_the_class_does_not_declare_and_locks(admin: Client, namespace: str) -> None:
    made = admin.create(deployment(namespace))
    assert made.spec.replicas == 1, "chosen by the server"
    probe = [{"op": "add", "path": "/spec/template/spec/containers/0/workingDir", "value": "/tmp"}]
    now = admin.patch(Deployment, namespace, "a", probe, type="json")
    with pytest.raises(Conflict):
        admin.update(with_image(made, "image:2"))
    updated = admin.update(with_image(now, "image:2"))
    assert updated.spec.template.spec.containers[0].image == "image:2"
    raw = msgspec.json.decode(admin.get_raw(Deployment.resource, namespace, "a"))
    assert raw["spec"]["template"]["spec"]["containers"][0]["workingDir"] == "/tmp"
    assert raw["spec"]["strategy"]["type"] == "RollingUpdate"
    assert admin.update(updated) == updated, "nothing to write"
    status = replace(updated, status=DeploymentStatus(observed_generation=7))
    assert admin.status.update(with_image(status, "not written here")).status.observed_generation == 7
    assert admin.get(Deployment, namespace, "a").spec.template.spec.containers[0].image == "image:2"
    body = {"status": {"observedGeneration": 8}}
    assert admin.status.patch(Deployment, namespace, "a", body).status.observed_generation == 8


def test_create_or_update_says_what_it_did(kubeconfig: Path, namespace: str) -> None:
    bus = EventBus()
    recording = Recording(bus)
    api = client(kubeconfig, bus)

    def wanting(value: str) -> Callable[[ConfigMap], ConfigMap]:
        return lambda live: replace(live, data={**live.data, "key": value})

    for value, expected in (("1", "created"), ("1", "unchanged"), ("2", "updated")):
        made, result = api.create_or_update(configmap(namespace, other="kept"), wanting(value))
        assert (result, made.data) == (expected, {"other": "kept", "key": value})
    assert [w.verb for w in recording.of(ApiWrite)] == ["create", "update"]
    afresh = configmap(namespace, key="3")
    assert [api.create_or_update(afresh, lambda _: afresh)[1] for _ in range(2)] == ["updated", "unchanged"]
    assert api.update(afresh) == api.get(ConfigMap, namespace, "a")
    assert [w.verb for w in recording.of(ApiWrite)] == ["create", "update", "update"]
    with pytest.raises(ValueError, match="must not change the name"):
        api.create_or_update(configmap(namespace), lambda live: configmap(namespace, "b"))


def test_server_side_apply_owns_fields(admin: Client, namespace: str) -> None:
    first = admin.apply(configmap(namespace, x="1"), "one")
    assert first.data == {"x": "1"}
    assert admin.apply(configmap(namespace, y="1"), "two").data == {"x": "1", "y": "1"}
    with pytest.raises(Conflict, match='"one"'):
        admin.apply(configmap(namespace, x="2", y="1"), "two")
    assert admin.apply(configmap(namespace, x="2"), "two", force=True).data == {"x": "2"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    assert admin.apply(body, "two").data == {}


def test_a_delete_means_the_object_that_was_read(admin: Client, namespace: str) -> None:
    old = admin.create(configmap(namespace))
    newer = admin.update(replace(old, data={"x": "1"}))
    with pytest.raises(Conflict):
        admin.delete(old, unchanged=True)
    admin.delete(newer, unchanged=True)
    second = admin.create(configmap(namespace))
    with pytest.raises(Conflict):
        admin.delete(old)
    admin.delete(second)
    with pytest.raises(NotFound):
        admin.get(ConfigMap, namespace, "a")


def test_lists_by_labels_and_fields(admin: Client, namespace: str) -> None:
    for name in ("a", "b"):
        admin.create(replace(configmap(namespace), metadata=ObjectMeta(name, namespace, labels={"is": name})))

    def names(**selectors: str) -> list[str]:
        return [m.metadata.name for m in admin.list(ConfigMap, namespace, **selectors)]

    assert names(label_selector="is in (a, c)") == ["a"]
    assert names(field_selector="metadata.name=b") == ["b"]
    assert names(field_selector="metadata.name=b", label_selector="is=a") == []
    with pytest.raises(ApiError, match="field"):
        names(field_selector="data.x=1")


def test_what_a_subresource_is_asked_for(admin: Client, namespace: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "robot", "namespace": namespace},
    }
    account = type(admin.create(body))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    answer = admin.subresource("token").create(account, namespace, "robot", request)
    assert answer["status"]["token"]
    with pytest.raises(NotFound):
        admin.subresource("token").create(account, namespace, "nobody", request)


def test_no_name_is_never_the_whole_collection(kubeconfig: Path, namespace: str) -> None:
    bus = EventBus()
    recording = Recording(bus)
    api = client(kubeconfig, bus)
    api.create(configmap(namespace))
    with pytest.raises(ValueError, match="may not be empty"):
        api.delete(ConfigMap, namespace, "")
    with pytest.raises(ValueError, match="may not be empty"):
        api.get(ConfigMap, namespace, "")
    with pytest.raises(ValueError, match="namespace of a ConfigMap may not be empty"):
        api.create(configmap(""))
    with pytest.raises(ValueError, match="it has no kind and no metadata"):
        api.create({"apiVersion": "v1"})
    with pytest.raises(NotFound):
        api.get(ConfigMap, namespace, "a/b?c")
    with pytest.raises((Invalid, ApiError)):
        api.create(configmap(namespace, ""))
    assert [w.outcome for w in recording.of(ApiWrite)] == ["answered", "unsent", "unsent", "answered"]
    assert api.get(ConfigMap, namespace, "a").key == f"{namespace}/a"
    assert Pod.resource.path("n", "a/b?c") == "/api/v1/namespaces/n/pods/a%2Fb%3Fc"
    assert Pod.resource.path("n", "system:a") == "/api/v1/namespaces/n/pods/system:a"
