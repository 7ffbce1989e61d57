"""The embedded cluster at scale: pods, lists, watchers, memory, and what it costs when nothing happens."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from bench.child import cpu, memory
from bench.cluster import Cluster, cluster, create, namespace, session
from bench.figures import Figure, percentile
from bench.pods import plain_pod

WATCHERS = 20
RATE = 500  # events per second
IDLE = 10.0  # seconds
LIMIT = 300.0  # seconds


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    if kubeconfig:
        return []  # these are figures of the embedded cluster
    running, listed, seconds = (100, 200, 1.0) if quick else (5_000, 10_000, 10.0)
    with cluster(None, "--runtime", "simulated") as target, namespace(target) as name:
        return asyncio.run(_measure(target, name, running, listed, seconds))


async def _measure(target: Cluster, name: str, running: int, listed: int, seconds: float) -> list[Figure]:
    path = f"/api/v1/namespaces/{name}/pods"
    async with session(target) as http:
        started = time.perf_counter()
        await create(target, path, [plain_pod(f"pod-{i:05d}") for i in range(running)])
        created = time.perf_counter() - started
        await _all_running(http, path, running)
        ran = time.perf_counter() - started
        await create(target, path, [plain_pod(f"pod-{i:05d}") for i in range(running, listed)])
        await _all_running(http, path, listed)
        lists = [await _list(http, path) for _ in range(3)]
        held = memory(target.pid)
        late = await _fan_out(http, name, seconds)
        await _quiet(http, name)
        before = cpu(target.pid)
        await asyncio.sleep(IDLE)
        idle = (cpu(target.pid) - before) / IDLE * 100
    return [
        Figure(f"{running:,} pods created", created, "s"),
        Figure(f"{running:,} pods created and Running", ran, "s", bar=60.0),
        Figure(f"list of {listed:,} pods", sorted(lists)[1], "s", bar=1.0),
        Figure(f"fan-out to {WATCHERS} watchers at {RATE}/s: median", percentile(late, 0.5) * 1000, "ms"),
        Figure(
            f"fan-out to {WATCHERS} watchers at {RATE}/s: p99", percentile(late, 0.99) * 1000, "ms", bar=100.0
        ),
        Figure(f"cluster's memory with {listed:,} pods", held, "MB", bar=400.0),
        Figure(f"idle CPU with {listed:,} pods", idle, "%", bar=1.0),
    ]


async def _all_running(http: Any, path: str, count: int) -> None:
    deadline = time.monotonic() + LIMIT
    query = {"fieldSelector": "status.phase!=Running", "limit": "1"}
    while True:
        async with http.get(path, params=query) as answer:
            left = (await answer.json())["items"]
        if not left:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all of {count} pods run after {LIMIT:g} s")
        await asyncio.sleep(0.2)


async def _quiet(http: Any, name: str) -> None:
    """Wait for the kubelet's Events: it writes them slowly, so that a flood of pods is not slowed by them."""
    path, before, deadline = f"/api/v1/namespaces/{name}/events", -1, time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        async with http.get(path, params={"limit": "1"}) as answer:
            body = await answer.json()
        count = len(body["items"]) + body["metadata"].get("remainingItemCount", 0)
        if count == before:
            return
        before = count
        await asyncio.sleep(2.0)


async def _list(http: Any, path: str) -> float:
    started = time.perf_counter()
    async with http.get(path) as answer:
        await answer.read()
    return time.perf_counter() - started


async def _fan_out(http: Any, name: str, seconds: float) -> list[float]:
    """Seconds from before each write is sent until each watcher has its event."""
    path = f"/api/v1/namespaces/{name}/configmaps"
    query = {"watch": "true", "resourceVersion": "0"}
    sent: dict[str, float] = {}
    late: list[float] = []

    async def watch() -> None:
        async with http.get(path, params=query, timeout=None) as answer:
            async for line in answer.content:
                now = time.perf_counter()
                number = json.loads(line)["object"].get("data", {}).get("number")
                if number in sent:
                    late.append(now - sent[number])

    async def write(number: int) -> None:
        body = {"metadata": {"name": f"map-{number}"}, "data": {"number": str(number)}}
        sent[str(number)] = time.perf_counter()
        async with http.post(path, data=json.dumps(body)) as answer:
            await answer.read()

    watchers = [asyncio.create_task(watch()) for _ in range(WATCHERS)]
    await asyncio.sleep(0.5)
    total = int(seconds * RATE)
    writes = []
    started = time.perf_counter()
    for number in range(total):
        writes.append(asyncio.create_task(write(number)))
        await asyncio.sleep(max(0.0, started + (number + 1) / RATE - time.perf_counter()))
    await asyncio.gather(*writes)
    deadline = time.monotonic() + LIMIT
    while len(late) < total * WATCHERS and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for watcher in watchers:
        watcher.cancel()
    if len(late) < total * WATCHERS:
        raise RuntimeError(f"{len(late)} of {total * WATCHERS} events came within {LIMIT:g} s")
    return late
