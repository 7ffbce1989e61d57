"""ReplicaSets and Deployments, through the API."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.apiobjects import PODS
from sandbox.controllers.workloads import rollout
from sandbox.workloadobjects import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Deployment,
    DeploymentSpec,
    ReplicaSet,
    WorkloadSpec,
)

from .nodeside import Json, World, eventually, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]


def body(name: str, replicas: int = 3, **spec: Any) -> Json:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"metadata": {"name": name}, "spec": spec}


def image(tag: str) -> Json:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": f"nginx:{tag}"}]}}}}


def is_rolled_out(item: Json) -> Any:
    """As kubectl rollout status asks."""
    status, wanted = item["status"], item["spec"]["replicas"]
    return (
        status.get("observedGeneration") == item["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def condition(item: Json, kind: str) -> Json:
    conditions: list[Json] = item["status"].get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


async def test_a_replica_set_keeps_its_number(node_world: World) -> None:
    await node_world.pod("orphan")
    await node_world.apply(PODS, "orphan", {"metadata": {"labels": {"app": "web"}}})
    await node_world.create(REPLICA_SETS, body("web"))
    found = await node_world.until(REPLICA_SETS, "web", lambda o: o["status"].get("availableReplicas") == 3)
    pods = {p["metadata"]["name"]: p for p in await node_world.items(PODS)}
    assert len(pods) == 3
    assert pods["orphan"]["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
    # One that is not selected any more is let go, and another made in its place.
    await node_world.apply(PODS, "orphan", {"metadata": {"labels": {"app": "other"}}})
    await node_world.until(PODS, "orphan", lambda o: not o["metadata"].get("ownerReferences"))

    async def again() -> bool:
        apps = [p["metadata"]["labels"]["app"] for p in await node_world.items(PODS)]
        return apps.count("web") == 3

    await eventually(again)
    # The cheapest goes first.
    cheap = next(n for n, p in pods.items() if n != "orphan")
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-1"}
    await node_world.annotate(PODS, cheap, dict(cost))
    await node_world.until(REPLICA_SETS, "web", lambda o: o["status"].get("readyReplicas") == 3)
    await node_world.apply(REPLICA_SETS, "web", {"spec": {"replicas": 2}}, "scale")
    await node_world.gone(PODS, cheap)
    assert (await node_world.event("SuccessfulDelete"))["message"] == f"Deleted pod: {cheap}"


async def test_a_deployment_rolls_forward_and_back(node_world: World) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    await node_world.create(DEPLOYMENTS, body("web", strategy=strategy, revisionHistoryLimit=1))
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)
    fewest, most = 9, 0
    await node_world.apply(DEPLOYMENTS, "web", image("2"))

    def rolled(item: Json) -> Any:
        nonlocal fewest, most
        fewest = min(fewest, item["status"].get("availableReplicas", 0))
        most = max(most, item["status"].get("replicas", 0))
        return is_rolled_out(item)

    found = await node_world.until(DEPLOYMENTS, "web", rolled)
    assert (fewest, most) == (3, 4)
    assert condition(found, "Available")["reason"] == "MinimumReplicasAvailable"
    assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"
    await node_world.apply(DEPLOYMENTS, "web", image("3"))
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)

    async def revisions() -> list[str] | None:
        sets = await node_world.items(REPLICA_SETS)
        found = sorted(s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for s in sets)
        return found if len(found) == 2 else None

    assert await eventually(revisions) == ["2", "3"]
    # Back to an older template: its ReplicaSet is taken again, under a new revision.
    await node_world.apply(DEPLOYMENTS, "web", image("2"))
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)
    assert await revisions() == ["3", "4"]
    pods = await node_world.items(PODS)
    assert {
        p["spec"]["containers"][0]["image"] for p in pods if "deletionTimestamp" not in p["metadata"]
    } == {"nginx:2"}


async def test_recreate_waits_until_the_old_pods_are_gone(node_world: World) -> None:
    await node_world.create(DEPLOYMENTS, body("web", 2, strategy={"type": "Recreate"}))
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)
    for pod in await node_world.items(PODS):
        await node_world.annotate(PODS, pod["metadata"]["name"], {"sandbox.reconsole.dev/stop-delay": "0.3"})
    await node_world.apply(DEPLOYMENTS, "web", image("2"))

    async def images() -> set[str]:
        return {p["spec"]["containers"][0]["image"] for p in await node_world.items(PODS)}

    async def new() -> set[str] | None:
        found = await images()
        assert len(found) < 2, "old and new at once"
        return found if found == {"nginx:2"} else None

    await eventually(new)
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)


async def test_a_rollout_that_stands_still_says_so(node_world: World) -> None:
    await node_world.create(DEPLOYMENTS, body("web", 2, progressDeadlineSeconds=1))
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)
    change = image("broken")
    change["spec"]["template"]["metadata"] = {
        "annotations": {"sandbox.reconsole.dev/image-pull-error": "not found"}
    }
    await node_world.apply(DEPLOYMENTS, "web", change)
    found = await node_world.until(
        DEPLOYMENTS, "web", lambda o: condition(o, "Progressing").get("status") == "False"
    )
    assert condition(found, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert found["status"]["availableReplicas"] >= 1


@pytest.mark.skipif("RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="needs faults on request")
async def test_what_a_replica_set_cannot_make_is_its_condition(node_world: World) -> None:
    fault = {"status": 500, "verb": "create", "resource": "pods", "seconds": 60}
    await node_world.client.request("POST", "/debug/faults", body=fault)
    await node_world.create(DEPLOYMENTS, body("web", 1))
    found = await node_world.until(DEPLOYMENTS, "web", lambda o: condition(o, "ReplicaFailure"))
    assert condition(found, "ReplicaFailure")["reason"] == "FailedCreate"
    assert (await node_world.event("FailedCreate"))["type"] == "Warning"
    await node_world.client.request("POST", "/debug/faults", body={"clear": True})
    await node_world.until(
        DEPLOYMENTS, "web", lambda o: is_rolled_out(o) and not condition(o, "ReplicaFailure")
    )


async def test_kubectl_rollout(node_world: World, kubeconfig: Path) -> None:
    await node_world.create(DEPLOYMENTS, body("web", 2))

    async def kubectl(*words: str) -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), "-n", node_world.namespace, *words]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=30, env={**os.environ}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/web")
    except FileNotFoundError:
        pytest.skip("no kubectl")
    await kubectl("set", "image", "deploy/web", "main=nginx:2")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/web")
    await kubectl("rollout", "pause", "deploy/web")
    await kubectl("set", "image", "deploy/web", "main=nginx:3")

    def is_seen(item: Json) -> Any:
        seen = item["status"].get("observedGeneration") == item["metadata"]["generation"]
        return seen and condition(item, "Progressing").get("reason") == "DeploymentPaused"

    paused = await node_world.until(DEPLOYMENTS, "web", is_seen)
    assert not paused["status"].get("updatedReplicas")
    await kubectl("rollout", "resume", "deploy/web")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/web")
    await kubectl("rollout", "undo", "deploy/web", "--to-revision=1")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/web")
    found = await node_world.get(DEPLOYMENTS, "web")
    assert found
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1"


def sized(name: str, replicas: int, available: int, most: int = 0) -> ReplicaSet:
    found = ReplicaSet(spec=WorkloadSpec(replicas=replicas), status={"availableReplicas": available})
    annotations = {rollout.MAXIMUM: str(most)} if most else {}
    found.metadata = msgspec.structs.replace(found.metadata, name=name, annotations=annotations)
    return found


def test_a_step_of_a_rolling_update_takes_what_does_not_serve_first() -> None:
    item = Deployment(spec=DeploymentSpec(replicas=10))
    item.spec.strategy.rolling_update = None
    new, a, b = sized("new", 3, 0), sized("a", 5, 5), sized("b", 3, 1)
    # At least 9 must serve, and 3 of the 11 do not yet: nothing can go.
    assert rollout.scaled_down(item, [new, a, b], new, [a, b]) == {}
    ready = sized("new", 3, 3)
    assert rollout.scaled_down(item, [ready, a, b], ready, [a, b]) == {"b": 1}


def test_a_scaling_amid_a_rollout_is_shared() -> None:
    item = Deployment(spec=DeploymentSpec(replicas=20))
    new, old = sized("new", 4, 4, 10), sized("old", 6, 6, 10)
    sizes = rollout.proportions(item, [new, old])
    assert sizes == {"old": 12, "new": 8}
