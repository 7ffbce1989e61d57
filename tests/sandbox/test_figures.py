"""metrics.k8s.io, kubectl top and the autoscaler, on a whole embedded cluster."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from sandbox.apiclient import Client, Connection
from sandbox.apiobjects import Pod
from sandbox.controllers.autoscaler import NoFigures, _wish
from sandbox.quantities import number
from sandbox.workloadobjects import AUTOSCALERS, DEPLOYMENTS, Metric

from .nodeside import World, sandbox_process
from .test_workloads import body, is_rolled_out

PREFIX = "sandbox.reconsole.dev/"


@pytest_asyncio.fixture
async def whole(tmp_path: Path) -> AsyncIterator[tuple[World, Path]]:
    """A cluster with nodes, as `reconsole sandbox` starts it."""
    with sandbox_process(tmp_path, "--runtime", "simulated") as ready:
        path = Path(ready["kubeconfig"])
        async with Client(Connection.from_kubeconfig(path), user_agent="tests") as client:
            yield World(client, "default"), path


async def test_what_pods_use_and_how_many_there_are_for_it(whole: tuple[World, Path]) -> None:
    world, path = whole
    wanted = body("web", 2)
    wanted["spec"]["template"]["metadata"]["annotations"] = {
        f"{PREFIX}cpu": "150m",
        f"{PREFIX}memory": "64Mi",
    }
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    await world.create(DEPLOYMENTS, wanted)
    await world.until(DEPLOYMENTS, "web", is_rolled_out)
    answer = await world.client.get("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods")
    assert answer["kind"] == "PodMetricsList"
    usage = [item["containers"][0]["usage"] for item in answer["items"]]
    assert [(number(u["cpu"]), number(u["memory"])) for u in usage] == [(number("150m"), number("64Mi"))] * 2
    nodes = await world.client.get("/apis/metrics.k8s.io/v1beta1/nodes")
    assert sum(number(item["usage"]["cpu"]) for item in nodes["items"]) == number("300m")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    spec = {
        "scaleTargetRef": target,
        "maxReplicas": 5,
        "metrics": [{"type": "Resource", "resource": metric}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    await world.create(AUTOSCALERS, {"metadata": {"name": "web"}, "spec": spec})
    # 150 % of the requests instead of 50: six, but not more than five.
    found = await world.until(AUTOSCALERS, "web", lambda o: o["status"].get("desiredReplicas") == 5)
    conditions = {c["type"]: c["reason"] for c in found["status"]["conditions"]}
    assert conditions["ScalingLimited"] == "TooManyReplicas"
    assert found["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == 150
    await world.until(DEPLOYMENTS, "web", lambda o: o["spec"]["replicas"] == 5 and is_rolled_out(o))
    # One that has too few gets them, also without figures.
    await world.create(DEPLOYMENTS, body("low", 1))
    spec = {"scaleTargetRef": target | {"name": "low"}, "minReplicas": 2, "maxReplicas": 5}
    await world.create(AUTOSCALERS, {"metadata": {"name": "low"}, "spec": spec})
    await world.until(DEPLOYMENTS, "low", lambda o: o["spec"]["replicas"] == 2)
    top = await asyncio.to_thread(
        subprocess.run,
        ["kubectl", "--kubeconfig", str(path), "top", "pods"],
        capture_output=True,
        text=True,
    )
    assert top.stdout.count("150m") == 5, top.stderr


def measured(cores: float) -> tuple[list[Pod], dict[str, dict[str, float]]]:
    containers = [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]
    pods = [
        msgspec.convert({"metadata": {"name": f"p-{i}"}, "spec": {"containers": containers}}, Pod)
        for i in range(4)
    ]
    return pods, {pod.metadata.name: {"cpu": cores} for pod in pods}


@pytest.mark.parametrize(("cores", "size"), [(0.05, 4), (0.054, 4), (0.06, 5), (0.1, 8), (0.01, 1)])
def test_how_many_the_figures_ask_for(cores: float, size: int) -> None:
    pods, used = measured(cores)
    assert _wish(Metric.cpu(50), pods, used, 4).replicas == size


def test_no_figures_is_said() -> None:
    pods, used = measured(0.1)
    with pytest.raises(NoFigures, match="did not receive metrics"):
        _wish(Metric.cpu(50), [], {}, 4)
    with pytest.raises(NoFigures, match="not served"):
        _wish(Metric("Pods"), pods, used, 4)
