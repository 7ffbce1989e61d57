"""Kinds that no class declares, against an API server; and retries."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.discovery import RESTMapper
from controller_runtime.client.retry import DEFAULT_BACKOFF, DEFAULT_RETRY, retry_on_conflict
from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.events import ReconcileFinished
from controller_runtime.kube.encode import as_json
from controller_runtime.kube.errors import Conflict, NoKindMatch, UnexpectedAnswer
from controller_runtime.kube.kinds import ConfigMap
from controller_runtime.kube.object import ObjectMeta
from controller_runtime.kube.resource import Ref, Request, Resource
from controller_runtime.kube.unstructured import Unstructured, unstructured
from controller_runtime.manager.manager import Manager
from tests.cluster import eventually
from tests.runtime.fakes import Reconciling
from tests.runtime.sandboxed import Recording, running

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def gadget_crd(group: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"served": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "gadgets"},
            "versions": [
                {"name": "v1beta1", "storage": False, **version}, {"name": "v1", "storage": True, **version},
            ],
        },
    }  # fmt: skip


def test_a_kind_is_found_once_its_crd_is_there_and_is_used_like_any_other(
    admin: Client, namespace: str
) -> None:
    group = f"{namespace}.example.com"
    with pytest.raises(NoKindMatch, match=f"no matches for kind 'Gadget' in group '{group}'"):
        admin.kind(group, "Gadget")
    admin.post(CRDS, gadget_crd(group))
    try:
        eventually(lambda: group in admin.mapper.groups())
        kind = eventually(lambda: served(admin, group))
        assert kind.resource == Resource(group, "v1", "Gadget", "gadgets")
        assert admin.kind(group, "Gadget", "v1beta1").resource.version == "v1beta1"
        with pytest.raises(NoKindMatch, match="in version"):
            admin.kind(group, "Gadget", "v7")
        ref = Ref("Gadget", namespace, "g", "", f"{group}/v1")
        assert admin.resource_of(ref) == kind.resource
        made = admin.create(kind.of({"metadata": {"name": "g", "namespace": namespace}, "spec": {"size": 1}}))
        assert made.find("spec", "size") == 1
        body = as_json(made)
        body["spec"]["size"] = 2
        body["spec"]["deep"] = [{"er": None}]
        assert admin.update(kind.of(body)).find("spec", "size") == 2
        with pytest.raises(Conflict):
            admin.update(kind.of(body))
        status = replace(admin.get(kind, namespace, "g"), content={**body, "status": {"ready": True}})
        status = replace(status, metadata=admin.get(kind, namespace, "g").metadata)
        assert admin.status.update(status).find("status", "ready") is True
        assert reconciled(admin, kind) == [f"{namespace}/g"]
        admin.delete(made)
        assert admin.list(kind, namespace) == []
    finally:
        definition = Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition",
                              "customresourcedefinitions", namespaced=False)  # fmt: skip
        admin.delete(definition, "", f"gadgets.{group}")


def served(admin: Client, group: str) -> Any:
    try:
        return admin.kind(group, "Gadget")
    except NoKindMatch:
        return None


def reconciled(admin: Client, kind: Any) -> list[str]:
    """The keys that a controller of the kind reconciles."""
    bus = EventBus()
    recording = Recording(bus)
    manager = Manager(admin, bus)
    seen: list[str] = []
    informer = manager.informer(kind)

    def reconcile(request: Request) -> None:
        seen.extend(found.key for found in informer.list() if found.key == request.key)

    new_controller_managed_by(manager).for_(kind).complete(Reconciling(reconcile))
    with running(manager):
        eventually(lambda: recording.of(ReconcileFinished))
    return seen


def test_discovery_asks_once_for_what_is_there() -> None:
    asked: list[str] = []
    answers: dict[str, Any] = {
        "/apis/apps": {
            "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}, {"version": "v1beta1"}],
        },
        "/apis/apps/v1": {"resources": [
            {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
            {"name": "deployments", "kind": "Deployment", "namespaced": True},
        ]},
        "/apis/apps/v1beta1": {"resources": [{"name": "olds", "kind": "Old", "namespaced": False}]},
        "/api": {"versions": ["v1"]},
        "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]},
    }  # fmt: skip

    def get_json(path: str) -> Any:
        asked.append(path)
        return answers[path]

    mapper = RESTMapper(get_json)
    deployments = Resource("apps", "v1", "Deployment", "deployments")
    assert [mapper.resource("apps", "Deployment") for _ in range(2)] == [deployments] * 2
    assert asked == ["/apis/apps", "/apis/apps/v1"]
    assert mapper.resource("apps", "Old") == Resource("apps", "v1beta1", "Old", "olds", namespaced=False)
    assert mapper.resource("", "Pod") == Resource("", "v1", "Pod", "pods")
    answers["/apis/odd"] = ["what is this"]
    with pytest.raises(UnexpectedAnswer, match="what is no discovery: Expected `object`, got `array`"):
        mapper.resource("odd", "Odd")
    mapper.forget()
    assert mapper.resource("apps", "Deployment", "v1") == deployments
    assert asked.count("/apis/apps/v1") == 3


def test_a_conflict_is_tried_again_with_client_gos_figures(admin: Client, namespace: str) -> None:
    for retries, waits in ((DEFAULT_RETRY, [0.01] * 4), (DEFAULT_BACKOFF, [0.01, 0.05, 0.25])):
        slept: list[float] = []
        tries: list[int] = []

        def conflict(tries: list[int] = tries) -> None:
            tries.append(1)
            raise Conflict(409, "Conflict", f"try {len(tries)}")

        with pytest.raises(Conflict, match=f"try {len(waits) + 1}"):
            retry_on_conflict(conflict, retries, sleep=slept.append, rng=lambda: 1.0)
        assert slept == pytest.approx([wait * 1.1 for wait in waits])
    admin.create(ConfigMap(ObjectMeta("a", namespace), {"n": "0"}))
    rivals = iter([1])

    def count() -> ConfigMap:
        found = admin.get(ConfigMap, namespace, "a")
        for _ in rivals:
            admin.patch(ConfigMap, namespace, "a", {"data": {"rival": "1"}})
        return admin.update(replace(found, data={**found.data, "n": "1"}))

    assert retry_on_conflict(count).data == {"n": "1", "rival": "1"}
    lease = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": namespace}}
    made = admin.create(lease | {"provisioner": "example.com/x"})
    assert isinstance(made, Unstructured), "of a kind that no class declares"
    admin.delete(made)
    with pytest.raises(msgspec.ValidationError):
        unstructured(ConfigMap.resource).of({})
