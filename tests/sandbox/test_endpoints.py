"""Endpoints and EndpointSlices, through the API."""

from __future__ import annotations

from typing import Any

from sandbox.apiobjects import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from sandbox.kubelet.knobs import FAIL

from .nodeside import World, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]


async def service(world: World, name: str, **spec: Any) -> Any:
    ports = [{"name": "redis", "port": 6379, "targetPort": 8333}]
    return await world.create(SERVICES, {"metadata": {"name": name}, "spec": {"ports": ports, **spec}})


async def slices(world: World, name: str) -> list[Any]:
    answer = await world.client.get(
        ENDPOINT_SLICES.path(world.namespace), {"labelSelector": f"kubernetes.io/service-name={name}"}
    )
    found: list[Any] = answer["items"]
    return found


def ready(endpoints: Any) -> list[str]:
    return [a["ip"] for subset in endpoints.get("subsets", ()) for a in subset.get("addresses", ())]


async def test_ready_pods_are_behind_the_service(node_world: World) -> None:
    await service(node_world, "s", selector={"app": "p"})
    await node_world.until(ENDPOINTS, "s", lambda o: not ready(o))
    await node_world.pod("p")
    await node_world.pod("other")
    pod = await node_world.running("p")
    endpoints = await node_world.until(ENDPOINTS, "s", ready)
    assert ready(endpoints) == [pod["status"]["podIP"]]
    assert endpoints["subsets"][0]["ports"] == [{"name": "redis", "port": 8333, "protocol": "TCP"}]
    (found,) = await slices(node_world, "s")
    (endpoint,) = found["endpoints"]
    assert endpoint["addresses"] == [pod["status"]["podIP"]]
    assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
    assert endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"


async def test_a_pod_that_fails_leaves_the_service(node_world: World) -> None:
    await service(node_world, "s", selector={"app": "p"})
    await node_world.pod("p")
    await node_world.until(ENDPOINTS, "s", ready)
    await node_world.annotate(PODS, "p", {FAIL: "crash"})
    await node_world.until(ENDPOINTS, "s", lambda o: not ready(o))
    await node_world.annotate(PODS, "p", {FAIL: None})
    await node_world.until(ENDPOINTS, "s", ready)


async def test_endpoints_go_with_their_service(node_world: World) -> None:
    await service(node_world, "s", selector={"app": "p"})
    await node_world.pod("p")
    await node_world.until(ENDPOINTS, "s", ready)
    (found,) = await slices(node_world, "s")
    await node_world.client.delete(SERVICES.path(node_world.namespace, "s"))
    await node_world.gone(ENDPOINTS, "s")
    await node_world.gone(ENDPOINT_SLICES, found["metadata"]["name"])
    await service(node_world, "s", selector={"app": "p"})
    await node_world.until(ENDPOINTS, "s", ready)


async def test_a_service_without_selector_is_left_to_its_owner(node_world: World) -> None:
    await service(node_world, "manual")
    await service(node_world, "s", selector={"app": "none"})
    await node_world.until(ENDPOINTS, "s", bool)
    assert await node_world.get(ENDPOINTS, "manual") is None
