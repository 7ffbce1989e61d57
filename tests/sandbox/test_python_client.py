"""The official Python client against the embedded cluster: typed, dynamic, custom objects and watch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.api import Redis
from controller_runtime.kube.crd import custom_resource_definition
from reconsole.embedded import EmbeddedCluster


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from kubernetes import config

    directory: Path = tmp_path_factory.mktemp("sandbox")
    with EmbeddedCluster(directory, extra=["--runtime", "simulated"]) as cluster:
        yield config.new_client_from_config(str(cluster.ready().kubeconfig))


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"made": "here"}},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    }


def test_the_typed_api(api: Any) -> None:
    from kubernetes import client

    core = client.CoreV1Api(api)
    body = client.V1Pod(
        metadata=client.V1ObjectMeta(name="typed"),
        spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="nginx")]),
    )
    made = core.create_namespaced_pod("default", body)
    assert core.read_namespaced_pod("typed", "default").metadata.uid == made.metadata.uid
    assert "typed" in [p.metadata.name for p in core.list_namespaced_pod("default").items]
    patched = core.patch_namespaced_pod("typed", "default", {"metadata": {"labels": {"a": "b"}}})
    assert patched.metadata.labels == {"a": "b"}
    with pytest.raises(client.ApiException) as refused:
        core.create_namespaced_pod("default", body)
    assert refused.value.status == 409
    core.delete_namespaced_pod("typed", "default", grace_period_seconds=0)
    assert client.RbacAuthorizationV1Api(api).list_cluster_role().items
    assert client.VersionApi(api).get_code().major == "1"


def test_the_dynamic_client(api: Any) -> None:
    from kubernetes import dynamic

    found = dynamic.DynamicClient(api)
    pods = found.resources.get(api_version="v1", kind="Pod")
    pods.create(body=pod("dynamic"), namespace="default")
    assert pods.get(name="dynamic", namespace="default").metadata.labels.made == "here"
    pods.delete(name="dynamic", namespace="default")
    redises = found.resources.get(api_version="myapp.tangx.in/v1", kind="Redis")
    assert [r.metadata.name for r in redises.get(namespace="default").items] == ["my-op-redis"]


def test_custom_objects_and_definitions(api: Any) -> None:
    from kubernetes import client

    custom = client.CustomObjectsApi(api)
    found = custom.list_namespaced_custom_object("myapp.tangx.in", "v1", "default", "redis")
    assert found["items"][0]["spec"]["port"] == 8333
    crd = client.ApiextensionsV1Api(api).read_custom_resource_definition("redis.myapp.tangx.in")
    assert crd.spec.names.kind == custom_resource_definition(Redis)["spec"]["names"]["kind"]


def test_watch(api: Any) -> None:
    from kubernetes import client, watch

    core = client.CoreV1Api(api)
    version = core.list_namespaced_pod("default").metadata.resource_version
    threading.Timer(0.2, core.create_namespaced_pod, ["default", pod("watched")]).start()
    seen, deleted = [], False
    stream = watch.Watch()
    for event in stream.stream(
        core.list_namespaced_pod, "default", resource_version=version, timeout_seconds=20
    ):
        if event["object"].metadata.name != "watched":
            continue
        seen.append(event["type"])
        if event["object"].status.phase == "Running" and not deleted:
            deleted = True
            core.delete_namespaced_pod("watched", "default", grace_period_seconds=0)
        if event["type"] == "DELETED":
            stream.stop()
    assert seen[0] == "ADDED"
    assert "MODIFIED" in seen
    assert seen[-1] == "DELETED"
