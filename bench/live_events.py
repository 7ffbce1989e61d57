"""Watch events at the pace of a busy cluster, where waking up costs more than reading: CPU for each of them.

Ours is the whole operator, and each event wakes a reconcile that finds nothing to do; SharedInformer keeps
its store and does nothing else. Both watch the same pods at the same time.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from typing import Any

from bench.child import cpu, running
from bench.cluster import Cluster, cluster, create, namespace, redis_kind, session
from bench.figures import Figure

REDISES, PODS = 10, 3  # pods of each
RATE = 100  # patches per second
LIMIT = 60.0  # seconds, until the pods are ready
SETTLE = 3.0  # seconds
MERGE = {"Content-Type": "application/merge-patch+json"}


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    rounds, seconds = (1, 2.0) if quick else (3, 15.0)
    embedded = cluster(kubeconfig, "--runtime", "simulated", "--seed", "1")
    with embedded as target, redis_kind(target), namespace(target) as name:
        cost = asyncio.run(_measure(target, name, rounds, seconds))
    ours, theirs = (statistics.median(each) * 1e6 for each in cost.values())
    name = f"watch events, {RATE} a second: CPU per event, reconciled"
    return [Figure(name, ours, "µs", theirs, "SharedInformer, not reconciled", None, 2.0)]


async def _measure(target: Cluster, name: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    redises, pods = f"/apis/myapp.tangx.in/v1/namespaces/{name}/redis", f"/api/v1/namespaces/{name}/pods"
    spec = {"replicas": PODS, "image": "redis:7", "port": 6379}
    base = {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "spec": spec}
    arguments = json.dumps({"kubeconfig": target.kubeconfig, "namespace": name})
    operator = running("reconsole", "--no-ui", "--kubeconfig", target.kubeconfig, "-n", name)
    informer = running("bench.child", "bench.live_events", "shared_informer", arguments)
    async with session(target) as http:
        await create(target, redises, [base | {"metadata": {"name": f"redis-{i}"}} for i in range(REDISES)])
        with operator as ours, informer as theirs:
            await _until(http, redises, REDISES)
            await asyncio.sleep(SETTLE)
            cost: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(rounds):
                before = [cpu(contestant.pid) for contestant in (ours, theirs)]
                count = await _patch(http, pods, seconds)
                await asyncio.sleep(SETTLE / 3)
                after = [cpu(contestant.pid) for contestant in (ours, theirs)]
                for each, was, used in zip(cost.values(), before, after, strict=True):
                    each.append((used - was) / count)
            async with http.delete(redises) as answer:
                await answer.read()
            await _until(http, redises, 0, least=0)
    return cost


async def _patch(http: Any, pods: str, seconds: float) -> int:
    """Change an annotation of one pod after another; how often."""
    count = int(seconds * RATE)
    started = time.monotonic()
    for number in range(count):
        pod = f"{pods}/redis-{number % REDISES}-{number // REDISES % PODS}"
        body = {"metadata": {"annotations": {"example.com/number": str(time.time_ns())}}}
        async with http.patch(pod, data=json.dumps(body), headers=MERGE) as answer:
            if answer.status != 200:
                raise RuntimeError(f"PATCH {pod}: {answer.status}")
            await answer.read()
        await asyncio.sleep(max(0.0, started + (number + 1) / RATE - time.monotonic()))
    return count


async def _until(http: Any, redises: str, count: int, *, least: int = PODS) -> None:
    """Wait for ``count`` Redis with at least so many ready pods."""
    deadline = time.monotonic() + LIMIT
    while True:
        async with http.get(redises) as answer:
            items = (await answer.json())["items"]
        found = sum(redis.get("status", {}).get("readyReplicas", 0) >= least for redis in items)
        if found == count:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found} and not {count} Redis are as they should be within {LIMIT:g} s")
        await asyncio.sleep(0.2)


def shared_informer(kubeconfig: str, namespace: str) -> None:
    from kubernetes import client, config
    from kubernetes.informer import SharedInformer

    config.load_kube_config(kubeconfig)
    informer = SharedInformer(client.CoreV1Api().list_namespaced_pod, namespace)
    informer.start()
    threading.Event().wait()
