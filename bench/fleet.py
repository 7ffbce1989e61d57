"""Many Redis of 3 pods from nothing to ready: how long, how many reconciles, and the operator at rest."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from typing import Any

from bench.child import cpu, memory, running
from bench.cluster import Cluster, cluster, create, namespace, redis_kind, session
from bench.figures import Figure

REPLICAS = 3
REST = 5.0  # seconds
LIMIT = 600.0  # seconds
KIND = "/apis/myapp.tangx.in/v1/namespaces"


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    fleet = 50 if quick else 1_000
    options = ("--runtime", "simulated", "--seed", "1")
    with cluster(kubeconfig, *options) as target, redis_kind(target), namespace(target) as name:
        return asyncio.run(_measure(target, name, fleet))


async def _measure(target: Cluster, name: str, fleet: int) -> list[Figure]:
    path = f"{KIND}/{name}/redis"
    port = _free_port()
    command = ["reconsole", "--no-ui", "--kubeconfig", target.kubeconfig, "-n", name]
    spec = {"replicas": REPLICAS, "image": "redis:7", "port": 6379}
    base = {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "spec": spec}
    bodies = [base | {"metadata": {"name": f"redis-{i:04d}"}} for i in range(fleet)]
    async with session(target) as http:
        with running(*command, "--metrics-bind-address", f"127.0.0.1:{port}") as operator:
            await _until(lambda: _reconciles(http, port), 0.0, "the operator does not start")
            started, before = time.perf_counter(), cpu(operator.pid)
            await create(target, path, bodies)
            await _until(lambda: _ready(http, path), float(fleet), "not every Redis is ready")
            took = time.perf_counter() - started
            used = cpu(operator.pid) - before
            count = await _reconciles(http, port) or 0.0
            await asyncio.sleep(REST)
            before = cpu(operator.pid)
            await asyncio.sleep(REST)
            idle = (cpu(operator.pid) - before) / REST * 100
            held = memory(operator.pid)
            async with http.delete(path) as answer:
                await answer.read()
            await _until(lambda: _gone(http, path), 1.0, "the Redis do not go")
    title = f"{fleet:,} Redis of {REPLICAS} pods"
    return [
        Figure(f"{title}: nothing to ready", took, "s"),
        Figure(f"{title}: reconciles", count / took, "/s", more=True),
        Figure(f"{title}: operator's CPU", used, "s"),
        Figure(f"{title}: operator's memory at rest", held, "MB", bar=80.0),
        Figure(f"{title}: operator's idle CPU", idle, "%"),
    ]


async def _until(measure: Any, wanted: float, otherwise: str) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        value = await measure()
        if value is not None and value >= wanted:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} within {LIMIT:g} s (at {value}, not {wanted:g})")
        await asyncio.sleep(0.2)


async def _reconciles(http: Any, port: int) -> float | None:
    """From the operator's metrics; None while it does not serve them."""
    try:
        async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
    except OSError:
        return None
    found = re.findall(r"^controller_runtime_reconcile_total\{.*\} (\S+)$", text, re.MULTILINE)
    return sum(float(number) for number in found)


async def _ready(http: Any, path: str) -> float:
    async with http.get(path) as answer:
        items = (await answer.json())["items"]
    return float(sum(r.get("status", {}).get("readyReplicas") == REPLICAS for r in items))


async def _gone(http: Any, path: str) -> float:
    async with http.get(path, params={"limit": "1"}) as answer:
        return float(not (await answer.json())["items"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
