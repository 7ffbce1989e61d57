"""StatefulSets with claims, and DaemonSets, through the API."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.apiobjects import NODES, PODS
from sandbox.workloadobjects import CLAIMS, DAEMON_SETS, REVISIONS, STATEFUL_SETS, VOLUMES

from .nodeside import Json, World, eventually, kubeconfig, node_world, world
from .test_workloads import body, image

__all__ = ["kubeconfig", "node_world", "world"]


def stateful(name: str, replicas: int = 3, **spec: Any) -> Json:
    return body(name, replicas, serviceName=name, **spec)


def has(**figures: Any) -> Any:
    """Whether the status has them, of this generation."""

    def holds(item: Json) -> bool:
        status = item["status"]
        seen = status.get("observedGeneration") == item["metadata"]["generation"]
        return seen and all(status.get(name, 0) == value for name, value in figures.items())

    return holds


async def test_pods_of_a_stateful_set_come_in_order_with_their_claims(node_world: World) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    wanted = stateful("db", volumeClaimTemplates=[claim])
    mount = {"name": "data", "mountPath": "/data"}
    wanted["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [mount]
    await node_world.create(STATEFUL_SETS, wanted)
    await node_world.until(STATEFUL_SETS, "db", has(readyReplicas=3, updatedReplicas=3))
    pods = {p["metadata"]["name"]: p for p in await node_world.items(PODS)}
    assert sorted(pods) == ["db-0", "db-1", "db-2"]
    ready = [
        next(c for c in pods[f"db-{i}"]["status"]["conditions"] if c["type"] == "Ready") for i in range(3)
    ]
    assert [p["lastTransitionTime"] for p in ready] == sorted(p["lastTransitionTime"] for p in ready)
    assert pods["db-1"]["spec"]["hostname"] == "db-1"
    assert pods["db-1"]["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    bound = await node_world.until(CLAIMS, "data-db-1", lambda o: o["status"]["phase"] == "Bound")
    volume = await node_world.get(VOLUMES, bound["spec"]["volumeName"])
    assert volume
    assert volume["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]
    await node_world.apply(STATEFUL_SETS, "db", {"spec": {"replicas": 1}}, "scale")
    await node_world.gone(PODS, "db-1")
    assert [e["message"].split()[2] for e in await node_world.events("SuccessfulDelete")] == ["db-2", "db-1"]
    assert len(await node_world.items(CLAIMS)) == 3
    await node_world.delete(CLAIMS, "data-db-1")
    await node_world.gone(VOLUMES, volume["metadata"]["name"])


async def test_a_stateful_set_is_updated_from_its_end_down_to_the_partition(node_world: World) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await node_world.create(
        STATEFUL_SETS, stateful("db", podManagementPolicy="Parallel", updateStrategy=strategy)
    )
    await node_world.until(STATEFUL_SETS, "db", has(readyReplicas=3))
    await node_world.apply(STATEFUL_SETS, "db", image("2"))
    found = await node_world.until(STATEFUL_SETS, "db", has(updatedReplicas=2, readyReplicas=3))
    assert found["status"]["currentRevision"] != found["status"]["updateRevision"]

    async def images() -> dict[str, str]:
        pods = await node_world.items(PODS)
        return {p["metadata"]["name"]: p["spec"]["containers"][0]["image"] for p in pods}

    assert await images() == {"db-0": "nginx:1", "db-1": "nginx:2", "db-2": "nginx:2"}
    # One below the partition comes back as it was.
    await node_world.delete(PODS, "db-0")
    await node_world.until(PODS, "db-0", lambda o: "deletionTimestamp" not in o["metadata"])
    assert (await images())["db-0"] == "nginx:1"
    await node_world.apply(
        STATEFUL_SETS, "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
    )
    found = await node_world.until(STATEFUL_SETS, "db", has(updatedReplicas=3, readyReplicas=3))
    assert len(await node_world.items(REVISIONS)) == 2


async def test_a_claim_takes_a_volume_that_fits(node_world: World) -> None:
    name = f"kept-{node_world.namespace}"
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "5Gi"},
        "hostPath": {"path": "/kept"},
        "storageClassName": "kept",
    }
    await node_world.create(VOLUMES, {"metadata": {"name": name}, "spec": spec})
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "kept",
    }
    await node_world.create(CLAIMS, {"metadata": {"name": "data"}, "spec": claim})
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    await node_world.pod("user", volumes=[volume])
    await node_world.running("user")
    found = await node_world.get(CLAIMS, "data")
    assert found
    assert (found["spec"]["volumeName"], found["status"]["capacity"]) == (name, {"storage": "5Gi"})
    await node_world.delete(PODS, "user")
    await node_world.gone(PODS, "user")
    await node_world.delete(CLAIMS, "data")
    await node_world.until(VOLUMES, name, lambda o: o["status"]["phase"] == "Released")


async def test_a_pod_waits_for_its_claim(node_world: World) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "later"}}
    await node_world.pod("user", volumes=[volume])
    event = await node_world.event("FailedScheduling")
    assert event["message"] == '0/2 nodes are available: persistentvolumeclaim "later" not found.'
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await node_world.create(CLAIMS, {"metadata": {"name": "later"}, "spec": spec})
    await node_world.running("user")


@pytest.mark.parametrize("node_world", [{"nodes": 3}], indirect=True)
async def test_a_daemon_is_on_every_node_that_takes_it(node_world: World) -> None:
    taint = {"key": "only", "value": "db", "effect": "NoSchedule"}
    await node_world.client.patch(NODES.path("", "node-3"), {"spec": {"taints": [taint]}})
    await node_world.client.patch(NODES.path("", "node-2"), {"spec": {"unschedulable": True}})
    wanted = body("agent")
    del wanted["spec"]["replicas"]
    await node_world.create(DAEMON_SETS, wanted)
    await node_world.until(DAEMON_SETS, "agent", has(desiredNumberScheduled=2, numberAvailable=2))
    assert {p["spec"]["nodeName"] for p in await node_world.items(PODS)} == {"node-1", "node-2"}
    await node_world.client.patch(NODES.path("", "node-3"), {"spec": {"taints": None}})
    await node_world.until(DAEMON_SETS, "agent", has(desiredNumberScheduled=3, numberAvailable=3))
    await node_world.apply(DAEMON_SETS, "agent", image("2"))
    await node_world.until(DAEMON_SETS, "agent", has(updatedNumberScheduled=3, numberAvailable=3))
    taint["effect"] = "NoExecute"
    await node_world.client.patch(NODES.path("", "node-1"), {"spec": {"taints": [taint]}})

    async def two() -> bool:
        return len(await node_world.items(PODS)) == 2

    await eventually(two)
