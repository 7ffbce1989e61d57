"""Kinds and forms that older clients still ask for, and data that no controller acts on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.apiobjects import PODS
from sandbox.workloadobjects import REPLICATION_CONTROLLERS

from .nodeside import World, kubeconfig, node_world, world
from .server import Api

__all__ = ["kubeconfig", "node_world", "world"]

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def template(**labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}}


def test_an_autoscaler_is_one_object_in_two_versions(api: Api, namespace: str) -> None:
    v1, v2 = (f"/apis/autoscaling/{v}/namespaces/{namespace}/horizontalpodautoscalers" for v in ("v1", "v2"))
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 4,
        "targetCPUUtilizationPercentage": 70,
    }
    made = api.ok("POST", v1, {"metadata": {"name": "web"}, "spec": spec})
    assert made["apiVersion"] == "autoscaling/v1"
    assert made["spec"] == {**spec, "minReplicas": 1}
    newer = api.ok("GET", f"{v2}/web")
    cpu = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    assert newer["spec"]["metrics"] == [cpu]
    # What v1 has no field for is not lost by a client that reads and writes v1.
    target = {"type": "AverageValue", "averageValue": "64Mi"}
    memory = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    newer["spec"]["metrics"] = [cpu, memory]
    api.ok("PUT", f"{v2}/web", newer)
    older = api.ok("GET", f"{v1}/web")
    assert json.loads(older["metadata"]["annotations"][METRICS]) == [memory]
    older["spec"]["maxReplicas"] = 5
    api.ok("PUT", f"{v1}/web", older)
    again = api.ok("GET", f"{v2}/web")
    assert (again["spec"]["maxReplicas"], again["spec"]["metrics"]) == (5, [cpu, memory])
    assert "annotations" not in again["metadata"]
    row = api.ok("GET", f"{v1}/web", headers={"Accept": TABLE})["rows"][0]["cells"]
    assert row[:3] == ["web", "Deployment/web", "cpu: <unknown>/70%"]


@pytest.mark.parametrize("annotation", ["[3]", '[{"type": 1}]'])
def test_an_annotation_that_is_no_metric_is_refused(api: Api, namespace: str, annotation: str) -> None:
    path = f"/apis/autoscaling/v1/namespaces/{namespace}/horizontalpodautoscalers"
    meta = {"name": "web", "annotations": {METRICS: annotation}}
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 4}
    status, answer = api("POST", path, {"metadata": meta, "spec": spec})
    assert (status, answer["reason"]) == (400, "BadRequest")


async def test_a_replication_controller_keeps_its_number(node_world: World) -> None:
    body = {"metadata": {"name": "old"}, "spec": {"replicas": 2, "template": template(app="old")}}
    made = await node_world.create(REPLICATION_CONTROLLERS, body)
    assert made["spec"]["selector"] == made["metadata"]["labels"] == {"app": "old"}
    found = await node_world.until(
        REPLICATION_CONTROLLERS, "old", lambda o: o["status"].get("availableReplicas") == 2
    )
    pods = await node_world.items(PODS)
    owners = [ref["uid"] for pod in pods for ref in pod["metadata"]["ownerReferences"]]
    assert owners == [found["metadata"]["uid"]] * 2
    await node_world.apply(REPLICATION_CONTROLLERS, "old", {"spec": {"replicas": 1}}, "scale")
    await node_world.until(REPLICATION_CONTROLLERS, "old", lambda o: o["status"]["replicas"] == 1)


def test_a_replication_controller_has_to_choose_its_own_pods(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/replicationcontrollers"
    spec = {"selector": {"app": "other"}, "template": template(app="old")}
    status, answer = api("POST", path, {"metadata": {"name": "old"}, "spec": spec})
    assert status == 422
    assert "spec.template.metadata.labels: Invalid value" in answer["message"]
    assert "`selector` does not match template `labels`" in answer["message"]


def test_the_figures_of_a_new_stateful_set_are_zero_and_not_missing(api: Api, namespace: str) -> None:
    spec = {"selector": {"matchLabels": {"app": "db"}}, "template": template(app="db")}
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    made = api.ok("POST", path, {"metadata": {"name": "db"}, "spec": spec})
    assert made["status"] == {"replicas": 0, "availableReplicas": 0}
    assert made["spec"]["serviceName"] == ""


def test_a_new_object_may_come_with_a_version_that_is_no_number(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = api.ok("POST", path, {"metadata": {"name": "a", "resourceVersion": "v1"}})
    assert made["metadata"]["resourceVersion"].isdigit()
    status, answer = api("POST", path, {"metadata": {"name": "b", "resourceVersion": "7"}})
    assert (status, answer["message"]) == (500, "resourceVersion should not be set on objects to be created")


def test_what_only_drivers_and_aggregators_use_is_kept_as_data(api: Api, namespace: str) -> None:
    storage, registration = "/apis/storage.k8s.io/v1", "/apis/apiregistration.k8s.io/v1/apiservices"
    kinds = {r["kind"] for r in api.ok("GET", storage)["resources"]}
    assert {"CSIDriver", "CSINode", "CSIStorageCapacity", "VolumeAttachment"} <= kinds
    driver = api.ok(
        "POST", f"{storage}/csidrivers", {"metadata": {"name": f"{namespace}.example.com"}, "spec": {}}
    )
    assert driver["spec"]["attachRequired"] is True
    row = api.ok("GET", f"{storage}/csidrivers", headers={"Accept": TABLE})["rows"][0]["cells"]
    assert row[1:-1] == [True, False, False, "<unset>", False, "Persistent"]
    spec = {"group": f"{namespace}.io", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100}
    api.ok("POST", registration, {"metadata": {"name": f"v1.{namespace}.io"}, "spec": spec})
    row = api.ok("GET", registration, headers={"Accept": TABLE})["rows"][0]["cells"]
    assert row[:3] == [f"v1.{namespace}.io", "Local", "Unknown"]
    status, answer = api("POST", registration, {"metadata": {"name": "wrong"}, "spec": spec})
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "metadata.name")
