"""Pods on simulated nodes, through the API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sandbox.apiobjects import LEASES, NODES, PODS
from sandbox.kubelet import LogError
from sandbox.kubelet.knobs import FAIL, GONE, IMAGE_PULL_ERROR, REJECT, START_DELAY, STOP_DELAY

from .nodeside import World, container, eventually, is_ready, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]


async def test_a_pod_runs_in_the_shape_a_kubelet_writes(node_world: World) -> None:
    await node_world.pod("p", annotations={START_DELAY: "0.3"})
    creating = await node_world.until(PODS, "p", lambda o: o["status"].get("containerStatuses"))
    assert creating["status"]["phase"] == "Pending"
    assert container(creating)["state"] == {"waiting": {"reason": "ContainerCreating"}}
    pod = await node_world.running("p")
    status = pod["status"]
    assert status["phase"] == "Running"
    assert status["podIPs"] == [{"ip": status["podIP"]}]
    assert status["hostIP"].startswith("127.0.1.")
    assert status["startTime"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    found = container(pod)
    assert found["ready"]
    assert found["started"]
    assert found["restartCount"] == 0
    assert found["containerID"].startswith("sandbox://")
    assert set(found["state"]) == {"running"}
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        event = await node_world.event(reason)
        assert event["involvedObject"]["uid"] == pod["metadata"]["uid"]


async def test_a_deleted_pod_ends_within_its_grace_period_and_its_name_is_free(node_world: World) -> None:
    first = await node_world.pod("p", annotations={STOP_DELAY: "0.3"})
    await node_world.running("p")
    await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    ending = await node_world.get(PODS, "p")
    assert ending is not None
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30
    await node_world.event("Killing")
    await node_world.gone(PODS, "p")
    second = await node_world.pod("p")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    await node_world.running("p")


async def test_a_pod_that_is_deleted_while_it_starts_never_runs(node_world: World) -> None:
    await node_world.pod("p", annotations={START_DELAY: "60"})
    await node_world.until(PODS, "p", lambda o: o["status"].get("containerStatuses"))
    await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    await node_world.gone(PODS, "p")
    assert not await node_world.events("Started")


async def test_force_frees_the_name_at_once(node_world: World) -> None:
    await node_world.pod("p", annotations={STOP_DELAY: "60"})
    await node_world.running("p")
    await node_world.client.delete(PODS.path(node_world.namespace, "p"), grace=0)
    assert await node_world.get(PODS, "p") is None
    await node_world.pod("p")
    await node_world.running("p")


@pytest.mark.parametrize(("how", "code", "reason"), [("crash", 1, "Error"), ("oom", 137, "OOMKilled")])
async def test_a_crash_loop_backs_off_and_ends_with_its_cause(
    node_world: World, how: str, code: int, reason: str
) -> None:
    await node_world.pod("p", annotations={FAIL: how})

    def backing_off(pod: Any) -> bool:
        return bool(container(pod)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")

    pod = await node_world.until(PODS, "p", backing_off)
    assert pod["status"]["phase"] == "Running"
    found = container(pod)
    assert not found["ready"]
    assert found["restartCount"] >= 1
    ended = found["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert "restarting failed container=main pod=p_" in found["state"]["waiting"]["message"]
    await node_world.event("BackOff")
    await node_world.annotate(PODS, "p", {FAIL: None})
    await node_world.running("p")


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Failed"), ("OnFailure", "Running")])
async def test_the_restart_policy_is_kept(node_world: World, policy: str, phase: str) -> None:
    await node_world.pod("p", restartPolicy=policy, annotations={FAIL: "crash"})
    pod = await node_world.until(
        PODS, "p", lambda o: o["status"]["phase"] == "Failed" or container(o)["restartCount"]
    )
    assert pod["status"]["phase"] == phase


async def test_a_node_that_rejects_pods_fails_them_before_anything_starts(node_world: World) -> None:
    node = "node-1"
    await node_world.annotate(NODES, node, {REJECT: "OutOfcpu"})
    await node_world.pod("p", nodeName=node)
    pod = await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Failed")
    message = "Pod was rejected: Node didn't have enough resource: cpu, requested: 1, used: 0, capacity: 0"
    assert (pod["status"]["reason"], pod["status"]["message"]) == ("OutOfcpu", message)
    assert "containerStatuses" not in pod["status"]
    assert (await node_world.event("OutOfcpu"))["type"] == "Warning"
    await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    await node_world.gone(PODS, "p")
    await node_world.annotate(NODES, node, {REJECT: None})
    await node_world.pod("p", nodeName=node)
    await node_world.running("p")


async def test_an_evicted_pod_has_failed_and_stays(node_world: World) -> None:
    await node_world.pod("p")
    await node_world.running("p")
    await node_world.annotate(PODS, "p", {FAIL: "evict"})
    pod = await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Failed")
    assert pod["status"]["reason"] == "Evicted"
    assert pod["status"]["message"].startswith("The node was low on resource")
    await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    await node_world.gone(PODS, "p")


async def test_an_image_that_cannot_be_pulled_is_waited_for(node_world: World) -> None:
    await node_world.pod("p", annotations={IMAGE_PULL_ERROR: "no such image"})

    def backing_off(pod: Any) -> bool:
        return bool(container(pod)["state"].get("waiting", {}).get("reason") == "ImagePullBackOff")

    pod = await node_world.until(PODS, "p", backing_off)
    assert pod["status"]["phase"] == "Pending"
    assert "no such image" in container(pod)["state"]["waiting"]["message"]
    await node_world.annotate(PODS, "p", {IMAGE_PULL_ERROR: None})
    await node_world.running("p")


async def test_a_new_image_starts_the_container_again(node_world: World) -> None:
    await node_world.pod("p", image="nginx:1")
    await node_world.running("p")
    image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "nginx:2"}]
    path = PODS.path(node_world.namespace, "p")
    await node_world.client.patch(path, image, "application/json-patch+json")
    pod = await node_world.until(PODS, "p", lambda o: container(o)["restartCount"] and is_ready(o))
    assert container(pod)["image"] == "nginx:2"
    assert "definition changed" in (await node_world.event("Killing"))["message"]


async def test_nodes_are_ready_and_renew_their_leases(node_world: World) -> None:
    for name in ("node-1", "node-2"):
        node = await node_world.until(NODES, name, lambda o: o["status"].get("conditions"))
        assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"] == "True"
        assert node["status"]["capacity"]["pods"]
        lease = await node_world.client.get(LEASES.path("kube-node-lease", name))
        assert lease["spec"]["holderIdentity"] == name


async def test_a_node_goes_and_comes_back(node_world: World) -> None:
    await node_world.pod("p", nodeName="node-1")
    await node_world.pod("q", nodeName="node-2")
    before = await node_world.running("p")
    await node_world.running("q")
    mine = {"key": "mine", "effect": "PreferNoSchedule"}
    await node_world.client.patch(NODES.path("", "node-1"), {"spec": {"taints": [mine]}})
    await node_world.annotate(NODES, "node-1", {GONE: "true"})
    node = await node_world.until(NODES, "node-1", lambda o: len(o["spec"]["taints"]) == 3)
    assert {c["status"] for c in node["status"]["conditions"]} == {"Unknown"}
    lost = await node_world.until(PODS, "p", lambda o: not is_ready(o))
    assert lost["metadata"]["uid"] == before["metadata"]["uid"]
    await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    assert await node_world.get(PODS, "p")  # nobody is there to end it
    await node_world.annotate(NODES, "node-1", {GONE: None})
    await node_world.gone(PODS, "p")
    await node_world.until(NODES, "node-1", lambda o: o["spec"].get("taints") == [mine])
    await node_world.client.patch(NODES.path("", "node-1"), {"spec": {"taints": None}})
    await node_world.running("q")


async def test_a_new_node_takes_no_pods_before_it_is_ready(node_world: World) -> None:
    """Admission taints it, and what has seen it ready takes the taint away; on any API server."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-9"}}
    made = await node_world.client.create(NODES.path(), body)
    try:
        assert json.loads(made)["spec"]["taints"] == [taint]
    finally:
        await node_world.client.delete(NODES.path("", "node-9"))
    await node_world.until(NODES, "node-1", lambda o: taint not in o["spec"].get("taints", []))


async def test_pods_of_a_deleted_node_are_collected(node_world: World) -> None:
    await node_world.pod("p", nodeName="node-2")
    await node_world.running("p")
    await node_world.client.delete(NODES.path("", "node-2"))
    await node_world.gone(PODS, "p")


async def test_logs_say_that_they_are_simulated_and_can_be_followed(node_world: World) -> None:
    logs = node_world.options.logs
    with pytest.raises(LogError, match="does not have a host"):
        logs.check(node_world.namespace, "p")
    await node_world.pod("p", image="redis:5-alpine")
    await node_world.running("p")
    seen = []

    async def follow() -> None:
        async for line in logs.open_log(node_world.namespace, "p", "main", follow=True, tail_lines=1):
            seen.append(line)

    async with asyncio.timeout(8), asyncio.TaskGroup() as group:
        group.create_task(follow())
        lines = [line async for line in logs.open_log(node_world.namespace, "p")]
        assert all(line.startswith(b"simulated container redis:5-alpine: ") for line in lines)
        await node_world.client.delete(PODS.path(node_world.namespace, "p"))
    assert seen[0] == lines[-1]
    assert b"SIGTERM" in seen[1]
    assert b"ended" in seen[2]


async def test_previous_logs_and_unknown_containers(node_world: World) -> None:
    logs = node_world.options.logs
    await node_world.pod("p")
    await node_world.running("p")
    where = (node_world.namespace, "p")
    with pytest.raises(LogError, match="container other is not valid for pod p"):
        logs.check(*where, "other")
    with pytest.raises(LogError, match='previous terminated container "main" in pod "p" not found'):
        logs.check(*where, previous=True)
    await node_world.annotate(PODS, "p", {FAIL: "crash"})
    await node_world.until(PODS, "p", lambda o: container(o)["restartCount"])
    await node_world.annotate(PODS, "p", {FAIL: None})
    await node_world.running("p")
    before = [line async for line in logs.open_log(*where, previous=True, timestamps=True)]
    assert before[-1].endswith(b"exit code 1\n")
    assert before[-1].split(b" ")[0].endswith(b"Z")


async def test_a_hundred_pods_need_few_requests(node_world: World) -> None:
    count, sent = 100, []
    plain = node_world.client.request

    async def counted(method: str, path: str, **rest: Any) -> bytes:
        if "/pods/" in path and method != "GET":
            sent.append(path)
        return await plain(method, path, **rest)

    node_world.client.request = counted  # type: ignore[method-assign]
    await asyncio.gather(*(node_world.pod(f"p-{i}") for i in range(count)))

    async def all_running() -> Any:
        listed = json.loads(await plain("GET", PODS.path(node_world.namespace)))["items"]
        return listed if all(pod["status"]["phase"] == "Running" for pod in listed) else None

    listed = await eventually(all_running)
    assert len(sent) <= 3 * count
    assert len({pod["status"]["podIP"] for pod in listed}) == count
