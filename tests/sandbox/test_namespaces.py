"""The namespace controller, through the API."""

from __future__ import annotations

import pytest

from controller_runtime.kube.errors import ApiError
from sandbox.apiobjects import CONFIG_MAPS, NAMESPACES, PODS, SERVICES

from .nodeside import World, kubeconfig, world

__all__ = ["kubeconfig", "world"]

NAME = "going"


async def test_a_namespace_is_emptied_and_goes(world: World) -> None:
    await world.client.create(NAMESPACES.path(), {"metadata": {"name": NAME}})
    await world.client.create(CONFIG_MAPS.path(NAME), {"metadata": {"name": "a"}})
    await world.client.create(
        SERVICES.path(NAME), {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    )
    await world.client.create(
        PODS.path(NAME), {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    )
    await world.client.delete(NAMESPACES.path("", NAME))
    await world.gone(NAMESPACES, NAME)
    with pytest.raises(ApiError) as refused:
        await world.client.get(CONFIG_MAPS.path(NAME, "a"))
    assert refused.value.status == 404


async def test_what_is_held_is_told_in_the_status(world: World) -> None:
    await world.client.create(NAMESPACES.path(), {"metadata": {"name": NAME}})
    held = {"metadata": {"name": "held", "finalizers": ["example.org/hold"]}}
    await world.client.create(CONFIG_MAPS.path(NAME), held)
    await world.client.delete(NAMESPACES.path("", NAME))
    namespace = await world.until(NAMESPACES, NAME, lambda o: o["status"].get("conditions"))
    assert namespace["status"]["phase"] == "Terminating"
    messages = {c["type"]: c["message"] for c in namespace["status"]["conditions"]}
    assert messages["NamespaceContentRemaining"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert "example.org/hold in 1 resource instances" in messages["NamespaceFinalizersRemaining"]
    with pytest.raises(ApiError) as refused:
        await world.client.create(CONFIG_MAPS.path(NAME), {"metadata": {"name": "late"}})
    assert refused.value.status == 403
    await world.client.patch(CONFIG_MAPS.path(NAME, "held"), {"metadata": {"finalizers": None}})
    await world.gone(NAMESPACES, NAME)
