"""One Redis of 1,000 pods from nothing, and how long the pod of another takes to be made again meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from bench.child import running
from bench.cluster import Cluster, cluster, create, namespace, redis_kind, session
from bench.figures import Figure

LIMIT = 300.0  # seconds
PAUSE = 0.2  # seconds between two deletes
LOOK = 0.005  # seconds between two looks


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    pods = 100 if quick else 1_000
    embedded = cluster(kubeconfig, "--runtime", "simulated", "--seed", "1")
    with embedded as target, redis_kind(target), namespace(target) as name:
        return asyncio.run(_measure(target, name, pods))


async def _measure(target: Cluster, name: str, pods: int) -> list[Figure]:
    redises = f"/apis/myapp.tangx.in/v1/namespaces/{name}/redis"
    pod = f"/api/v1/namespaces/{name}/pods/small-0"

    def body(redis: str, replicas: int) -> dict[str, Any]:
        spec = {"replicas": replicas, "image": "redis:7", "port": 6379}
        return {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": {"name": redis}, "spec": spec}

    async with session(target) as http:
        with running("reconsole", "--no-ui", "--kubeconfig", target.kubeconfig, "-n", name):
            await create(target, redises, [body("small", 1)])
            uid = await _another(http, pod, "")
            started = time.perf_counter()
            await create(target, redises, [body("large", pods)])
            heals: list[float] = []
            while (await _get(http, f"{redises}/large")).get("status", {}).get("replicas", 0) < pods:
                if time.perf_counter() - started > LIMIT:
                    raise RuntimeError(f"the {pods:,} pods are not made within {LIMIT:g} s")
                async with http.delete(pod, params={"gracePeriodSeconds": "0"}) as answer:
                    await answer.read()
                deleted = time.perf_counter()
                uid = await _another(http, pod, uid)
                heals.append(time.perf_counter() - deleted)
                await asyncio.sleep(PAUSE)
            took = time.perf_counter() - started
            async with http.delete(redises) as answer:
                await answer.read()
            await _none(http, redises)
    return [
        Figure(f"a Redis of {pods:,} pods: all are made", took, "s"),
        Figure("its neighbour's deleted pod made again meanwhile: median", statistics.median(heals), "s"),
        Figure("its neighbour's deleted pod made again meanwhile: slowest", max(heals), "s", bar=1.0),
    ]


async def _another(http: Any, path: str, uid: str) -> str:
    """The uid of the pod, once it is not ``uid``."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found = str((await _get(http, path)).get("metadata", {}).get("uid", ""))
        if found not in ("", uid):
            return found
        await asyncio.sleep(LOOK)
    raise RuntimeError(f"the pod was not made within {LIMIT:g} s")


async def _none(http: Any, path: str) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if not (await _get(http, path))["items"]:
            return
        await asyncio.sleep(PAUSE)
    raise RuntimeError(f"the Redis do not go within {LIMIT:g} s")


async def _get(http: Any, path: str) -> dict[str, Any]:
    async with http.get(path) as answer:
        return dict(await answer.json())
