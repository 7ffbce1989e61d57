"""Where pods go, through the API."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.apiobjects import NODES, PODS

from .nodeside import World, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]


def refused(pod: Any) -> Any:
    conditions = pod["status"].get("conditions", ())
    return [c for c in conditions if c["type"] == "PodScheduled" and c["status"] == "False"]


async def test_pods_are_spread(node_world: World) -> None:
    for i in range(6):
        await node_world.pod(f"p-{i}")
    pods = [await node_world.running(f"p-{i}") for i in range(6)]
    assert Counter(pod["spec"]["nodeName"] for pod in pods) == {"node-1": 3, "node-2": 3}


async def test_a_cordoned_node_gets_no_pods(node_world: World) -> None:
    await node_world.client.patch(NODES.path("", "node-1"), {"spec": {"unschedulable": True}})
    for i in range(3):
        await node_world.pod(f"p-{i}")
    pods = [await node_world.running(f"p-{i}") for i in range(3)]
    assert {pod["spec"]["nodeName"] for pod in pods} <= {"node-1", "node-2"}
    last = await node_world.pod("last")
    assert last
    assert (await node_world.running("last"))["spec"]["nodeName"] == "node-2"


async def test_no_node_fits_until_one_does(node_world: World) -> None:
    await node_world.pod("p", nodeSelector={"disk": "fast"})
    pod = await node_world.until(PODS, "p", refused)
    condition = refused(pod)[0]
    assert condition["reason"] == "Unschedulable"
    assert condition["message"] == (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    assert (await node_world.event("FailedScheduling"))["type"] == "Warning"
    await node_world.client.patch(NODES.path("", "node-2"), {"metadata": {"labels": {"disk": "fast"}}})
    assert (await node_world.running("p"))["spec"]["nodeName"] == "node-2"


async def test_a_taint_needs_a_toleration(node_world: World) -> None:
    taint = {"spec": {"taints": [{"key": "only", "value": "redis", "effect": "NoSchedule"}]}}
    for name in ("node-1", "node-2"):
        await node_world.client.patch(NODES.path("", name), taint)
        await node_world.until(NODES, name, lambda o: o["spec"].get("taints"))
    await node_world.pod("without")
    await node_world.until(PODS, "without", lambda o: refused(o) or o["spec"].get("nodeName"))
    await node_world.pod("with", tolerations=[{"key": "only", "value": "redis", "effect": "NoSchedule"}])
    await node_world.running("with")


async def test_another_scheduler_is_left_alone(node_world: World) -> None:
    await node_world.pod("other", schedulerName="mine")
    await node_world.pod("ours")
    await node_world.running("ours")
    other = await node_world.get(PODS, "other")
    assert other is not None
    assert "nodeName" not in other["spec"]


async def test_a_taint_that_evicts_is_borne_as_long_as_it_is_tolerated(node_world: World) -> None:
    def bears(**seconds: int) -> list[Any]:
        return [{"key": "fire", "operator": "Exists", "effect": "NoExecute", **seconds}]

    here = {"kubernetes.io/hostname": "node-1"}
    await node_world.pod("leaves", nodeSelector=here)
    await node_world.pod("waits", nodeSelector=here, tolerations=bears(tolerationSeconds=1))
    await node_world.pod("stays", nodeSelector=here, tolerations=bears())
    for name in ("leaves", "waits", "stays"):
        await node_world.running(name)
    taint = {"key": "fire", "effect": "NoExecute"}
    await node_world.client.patch(NODES.path("", "node-1"), {"spec": {"taints": [taint]}})
    await node_world.gone(PODS, "leaves")
    assert await node_world.get(PODS, "waits")
    await node_world.gone(PODS, "waits")
    stays = await node_world.get(PODS, "stays")
    assert stays
    assert "deletionTimestamp" not in stays["metadata"]
    event = (await node_world.event("TaintManagerEviction"))["message"]
    assert event == f"Marking for deletion Pod {node_world.namespace}/leaves"
