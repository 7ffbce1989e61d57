"""The client of the node side, when the API server does its worst."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.kube.errors import ApiError
from sandbox.apiclient import Client, ConfigError, Connection
from sandbox.apiobjects import CONFIG_MAPS, PODS, ConfigMap
from sandbox.sharedcache import Informers

from .nodeside import World, eventually, kubeconfig, node_world, world

__all__ = ["kubeconfig", "node_world", "world"]

pytestmark = pytest.mark.skipif(
    "RECONSOLE_TEST_KUBECONFIG" in os.environ, reason="another API server has no faults on request"
)


async def fault(world: World, **wish: Any) -> None:
    await world.client.request("POST", "/debug/faults", body=wish)


@contextlib.asynccontextmanager
async def watched(world: World) -> AsyncIterator[list[tuple[str, str]]]:
    """What a watch of the config maps of the namespace tells, as it comes."""
    told: list[tuple[str, str]] = []

    async def follow() -> None:
        path = CONFIG_MAPS.path(world.namespace)
        async for kind, item, _ in world.client.list_watch(path, ConfigMap, label_selector="mine"):
            told.append((kind, item.metadata.name))

    task = asyncio.create_task(follow())
    try:
        await seen(told, ("SYNCED", ""))
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def seen(told: list[tuple[str, str]], event: tuple[str, str], times: int = 1) -> None:
    async def look() -> bool:
        return told.count(event) >= times

    await eventually(look)


async def make(world: World, name: str) -> None:
    await world.create(CONFIG_MAPS, {"metadata": {"name": name, "labels": {"mine": "yes"}}})


async def test_a_dropped_watch_goes_on_where_it_was(world: World) -> None:
    async with watched(world) as told:
        await make(world, "a")
        await seen(told, ("ADDED", "a"))
        await fault(world, dropWatches=True)
        await make(world, "b")
        await seen(told, ("ADDED", "b"))
        assert told == [("SYNCED", ""), ("ADDED", "a"), ("ADDED", "b")]


async def test_after_410_a_list_tells_what_was_missed(world: World) -> None:
    async with watched(world) as told:
        for name in ("a", "b"):
            await make(world, name)
            await seen(told, ("ADDED", name))
        # While no watch can be had, one goes, one comes anew under its name, and history is lost.
        await fault(world, status=503, verb="watch", resource="configmaps", seconds=60)
        await fault(world, dropWatches=True)
        for name in ("a", "b"):
            await world.client.delete(CONFIG_MAPS.path(world.namespace, name))
        await make(world, "b")
        await fault(world, compact=True)
        await fault(world, clear=True)
        await seen(told, ("SYNCED", ""), times=2)
        assert told[3:] == [("DELETED", "a"), ("DELETED", "b"), ("ADDED", "b"), ("SYNCED", "")]


async def test_a_busy_server_is_asked_again_when_it_says(world: World) -> None:
    await fault(world, status=429, retryAfter=1, verb="create", resource="configmaps", seconds=0.2)
    await make(world, "a")
    assert await world.get(CONFIG_MAPS, "a")


async def test_pods_run_through_dropped_watches_and_lost_history(node_world: World) -> None:
    await node_world.pod("a")
    await fault(node_world, dropWatches=True, compact=True)
    await node_world.pod("b")
    await fault(node_world, status=500, verb="patch", resource="pods", seconds=0.3)
    await node_world.running("a")
    await node_world.running("b")
    await fault(node_world, dropWatches=True)
    await node_world.client.delete(PODS.path(node_world.namespace, "a"))
    await node_world.gone(PODS, "a")


async def test_wrong_credentials_are_an_error_with_the_servers_words(kubeconfig: Path) -> None:
    good = Connection.from_kubeconfig(kubeconfig)
    async with Client(Connection(good.server, "wrong", good.tls), user_agent="tests") as client:
        with pytest.raises(ApiError, match="Unauthorized") as refused:
            await client.get(PODS.path("default"))
    assert refused.value.status == 401


def test_a_kubeconfig_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(ConfigError, match="not a usable kubeconfig"):
        Connection.from_kubeconfig(path)
    path.write_text("contexts: []\ncurrent-context: x\n")
    with pytest.raises(ConfigError, match="no context named 'x'"):
        Connection.from_kubeconfig(path)
    assert "secret" not in repr(Connection("https://example.org", "secret"))


async def test_the_store_is_up_to_date_before_a_handler_runs(world: World) -> None:
    informers = Informers(world.client)
    maps = informers.of(CONFIG_MAPS, ConfigMap)
    seen: list[tuple[str, bool]] = []

    def handle(name: str, item: ConfigMap, old: ConfigMap | None) -> None:
        if item.metadata.namespace == world.namespace and item.metadata.name == "one":
            seen.append((name, maps.store.get(item.metadata.key) is (None if name == "DELETED" else item)))

    await maps.synced.wait()
    maps.listen(handle)
    await make(world, "one")
    await world.client.patch(CONFIG_MAPS.path(world.namespace, "one"), {"data": {"a": "b"}})
    await world.client.delete(CONFIG_MAPS.path(world.namespace, "one"))

    async def gone() -> bool:
        return bool(seen) and seen[-1][0] == "DELETED"

    await eventually(gone)
    await informers.close()
    assert seen == [("ADDED", True), ("MODIFIED", True), ("DELETED", True)]
