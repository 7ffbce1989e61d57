"""PodDisruptionBudgets: their status, and what an eviction may do."""

from __future__ import annotations

import asyncio

import pytest

from controller_runtime.kube.errors import TooManyRequests
from sandbox.apiobjects import PODS
from sandbox.workloadobjects import BUDGETS, DEPLOYMENTS

from .nodeside import World, kubeconfig, node_world, world
from .test_sets import has
from .test_workloads import body, is_rolled_out

__all__ = ["kubeconfig", "node_world", "world"]


async def evict(world: World, name: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    await world.client.create(PODS.path(world.namespace, name, "eviction"), eviction)


@pytest.mark.parametrize(
    ("bound", "wanted"),
    [({"maxUnavailable": "25%"}, 3), ({"minAvailable": 3}, 3), ({"minAvailable": "60%"}, 3)],
)
async def test_a_budget_allows_one_eviction_at_a_time(
    node_world: World, bound: dict[str, object], wanted: int
) -> None:
    await node_world.create(DEPLOYMENTS, body("web", 4))
    spec = {"selector": {"matchLabels": {"app": "web"}}, **bound}
    await node_world.create(BUDGETS, {"metadata": {"name": "web"}, "spec": spec})
    await node_world.until(DEPLOYMENTS, "web", is_rolled_out)
    figures = {"expectedPods": 4, "currentHealthy": 4, "desiredHealthy": wanted, "disruptionsAllowed": 1}
    await node_world.until(BUDGETS, "web", has(**figures))
    first, second, *_ = [p["metadata"]["name"] for p in await node_world.items(PODS)]
    answers = await asyncio.gather(
        evict(node_world, first), evict(node_world, second), return_exceptions=True
    )
    refused = [a for a in answers if a is not None]
    assert len(refused) == 1
    assert isinstance(refused[0], TooManyRequests)
    assert refused[0].message == "Cannot evict pod as it would violate the pod's disruption budget."
    # The Deployment makes another, and then one may go again.
    await node_world.until(BUDGETS, "web", has(**figures))
    found = await node_world.get(BUDGETS, "web")
    assert found
    assert not found["status"].get("disruptedPods")
    assert found["status"]["conditions"][0]["reason"] == "SufficientPods"


async def test_what_does_not_serve_may_go(node_world: World) -> None:
    unready = {"sandbox.reconsole.dev/fail": "unready"}
    await node_world.pod("p", annotations=unready)
    spec = {
        "selector": {"matchLabels": {"app": "p"}},
        "minAvailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    await node_world.create(BUDGETS, {"metadata": {"name": "p"}, "spec": spec})
    await node_world.until(BUDGETS, "p", has(expectedPods=1, desiredHealthy=1))
    await node_world.until(PODS, "p", lambda o: o["status"]["phase"] == "Running")
    await evict(node_world, "p")
    await node_world.gone(PODS, "p")
