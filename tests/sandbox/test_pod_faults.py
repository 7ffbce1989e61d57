"""Pods that do not come up: images, crashes, memory, configuration, readiness, init containers."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.apiobjects import CONFIG_MAPS, PODS, SECRETS

from .nodeside import Json, World, container, eventually, is_ready, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]

PREFIX = "sandbox.reconsole.dev/"


def waiting(pod: Json) -> str:
    found: str = container(pod)["state"].get("waiting", {}).get("reason", "")
    return found


def init(pod: Json, index: int = 0) -> Json:
    statuses = pod["status"].get("initContainerStatuses") or [{"state": {}, "restartCount": 0}] * 9
    found: Json = statuses[index]["state"]
    return found


def condition(pod: Json, kind: str) -> Json:
    return next((c for c in pod["status"].get("conditions", ()) if c["type"] == kind), {})


async def test_an_image_that_cannot_be_pulled(node_world: World) -> None:
    await node_world.pod("p", "sandbox/no-image:1")
    await node_world.until(PODS, "p", lambda o: waiting(o) == "ErrImagePull")
    await node_world.until(PODS, "p", lambda o: waiting(o) == "ImagePullBackOff")
    assert 'Failed to pull image "sandbox/no-image:1"' in (await node_world.event("Failed"))["message"]


@pytest.mark.parametrize(
    ("image", "annotations", "code", "reason"),
    [("sandbox/crash", {f"{PREFIX}exit-code": "3", f"{PREFIX}log": "cannot reach db:5432"}, 3, "Error"),
     ("sandbox/oom", {}, 137, "OOMKilled")],
)  # fmt: skip
async def test_a_crash_loop(node_world: World, image: str, annotations: Json, code: int, reason: str) -> None:
    await node_world.pod("p", image, annotations=annotations)
    pod = await node_world.until(PODS, "p", lambda o: waiting(o) == "CrashLoopBackOff")
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    said = (await node_world.event("BackOff"))["message"]
    assert said.startswith("Back-off restarting failed container main")
    logs = node_world.options.logs.open_log(node_world.namespace, "p", previous=True)
    lines = [line.decode() async for line in logs]
    assert f"exit code {code}" in lines[-1]
    assert ("cannot reach db:5432\n" in lines) is bool(annotations)


async def test_an_evicted_pod(node_world: World) -> None:
    await node_world.pod("p", "sandbox/evict")
    pod = await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Failed")
    assert pod["status"]["reason"] == "Evicted"
    assert "low on resource: memory" in pod["status"]["message"]


async def test_readiness_that_comes_when_the_fault_goes(node_world: World) -> None:
    await node_world.pod("p", annotations={f"{PREFIX}fail": "unready"})
    pod = await node_world.until(PODS, "p", lambda o: container(o)["state"].get("running"))
    assert not is_ready(pod)
    assert condition(pod, "Ready")["reason"] == "ContainersNotReady"
    assert "Readiness probe failed" in (await node_world.event("Unhealthy"))["message"]
    await node_world.annotate(PODS, "p", {f"{PREFIX}fail": None})
    await node_world.running("p")


async def test_a_container_waits_for_its_configuration(node_world: World) -> None:
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "maybe", "key": "b", "optional": True}}},
    ]
    spec = [{"name": "main", "image": "x", "env": env, "envFrom": [{"secretRef": {"name": "keys"}}]}]
    await node_world.pod("p", containers=spec)

    async def says(text: str) -> None:
        pod = await node_world.until(
            PODS, "p", lambda o: container(o)["state"].get("waiting", {}).get("message") == text
        )
        assert waiting(pod) == "CreateContainerConfigError"

    await says('secret "keys" not found')
    await node_world.create(SECRETS, {"metadata": {"name": "keys"}, "stringData": {"k": "v"}})
    await says('configmap "conf" not found')
    await node_world.create(CONFIG_MAPS, {"metadata": {"name": "conf"}, "data": {"other": "1"}})
    await says(f"couldn't find key a in ConfigMap {node_world.namespace}/conf")
    await node_world.apply(CONFIG_MAPS, "conf", {"data": {"a": "1"}})
    await node_world.running("p")
    assert (await node_world.event("Failed"))["message"] == 'Error: secret "keys" not found'


async def test_a_volume_that_cannot_be_mounted(node_world: World) -> None:
    await node_world.pod("p", volumes=[{"name": "conf", "configMap": {"name": "later"}}])
    event = await node_world.event("FailedMount")
    assert event["message"] == 'MountVolume.SetUp failed for volume "conf" : configmap "later" not found'
    assert waiting(await node_world.until(PODS, "p", waiting)) == "ContainerCreating"
    await node_world.create(CONFIG_MAPS, {"metadata": {"name": "later"}})
    await node_world.running("p")


async def test_init_containers_run_one_after_another_and_sidecars_beside(node_world: World) -> None:
    first: list[Any] = [
        {"name": "one", "image": "i"},
        {"name": "side", "image": "s", "restartPolicy": "Always"},
        {"name": "two", "image": "i"},
    ]
    short = {f"{PREFIX}run-for": "0.3"}
    await node_world.pod("p", initContainers=first, annotations=short, restartPolicy="Never")
    pod = await node_world.until(PODS, "p", lambda o: init(o).get("running"))
    assert waiting(pod) == "PodInitializing"
    assert condition(pod, "Initialized")["message"] == "containers with incomplete status: [one side two]"
    pod = await node_world.running("p")
    assert init(pod, 0)["terminated"]["reason"] == init(pod, 2)["terminated"]["reason"] == "Completed"
    assert "running" in init(pod, 1)
    assert init(pod, 0)["terminated"]["finishedAt"] <= init(pod, 2)["terminated"]["startedAt"]
    # The sidecar does not keep a pod that is done.
    pod = await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Succeeded")
    await node_world.until(PODS, "p", lambda o: init(o, 1).get("terminated"))


@pytest.mark.parametrize(("policy", "phase"), [("Always", "Pending"), ("Never", "Failed")])
async def test_an_init_container_that_fails(node_world: World, policy: str, phase: str) -> None:
    failing = [{"name": "one", "image": "sandbox/crash"}]
    await node_world.pod("p", initContainers=failing, restartPolicy=policy)
    if policy == "Always":
        pod = await node_world.until(
            PODS, "p", lambda o: init(o).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        )
    else:
        pod = await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Failed")
    assert pod["status"]["phase"] == phase
    assert waiting(pod) == "PodInitializing"
    await node_world.delete(PODS, "p")

    async def gone() -> bool:
        return not await node_world.items(PODS)

    await eventually(gone)
