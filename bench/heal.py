"""A pod is deleted: how long until its replacement exists, one after another, on one server.

The clock is a watch of this process, the same for every contestant: from before the DELETE is sent to the
event of the new pod. Ours is the whole operator; the others make the pod again and do nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import statistics
import time
from typing import Any

from bench.child import running
from bench.cluster import Cluster, cluster, create, namespace, plain_pod, redis_kind, session
from bench.figures import Figure, percentile

PODS = 3
WARM = 10  # good ones in a row before the clock counts
PATIENCE = 5.0  # seconds; a contestant that does not watch yet missed it
LIMIT = 60.0  # seconds, until it is ready
LABELS = {"bench": "heal"}
CONTESTANTS = ("ours", "shared_informer", "kopf_operator")


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    times = 10 if quick else 200
    took: dict[str, list[float]] = {}
    with cluster(kubeconfig, "--bare") as target, redis_kind(target):
        for who in CONTESTANTS:
            with namespace(target) as name:
                took[who] = asyncio.run(_race(target, name, who, times))
    median = {who: statistics.median(values) for who, values in took.items()}
    last = {who: percentile(values, 0.99) for who, values in took.items()}
    found = []
    for who, rival in (("shared_informer", "SharedInformer"), ("kopf_operator", "kopf")):
        bar = median[who] if who == "shared_informer" else None
        found.append(Figure("heal: median", median["ours"], "ms", median[who], rival, bar))
        found.append(Figure("heal: p99", last["ours"], "ms", last[who], rival, 15.0))
    return found


class Observer:
    """Follows the pods of a namespace and wakes whoever waits for a new one."""

    def __init__(self, http: Any, path: str) -> None:
        self._http, self._path = http, path
        self._waiting: dict[str, asyncio.Future[float]] = {}

    async def names(self) -> tuple[list[str], str]:
        async with self._http.get(self._path) as answer:
            body = await answer.json()
        return [p["metadata"]["name"] for p in body["items"]], body["metadata"]["resourceVersion"]

    async def follow(self, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version}
        async with self._http.get(self._path, params=query, timeout=None) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ADDED":
                    future = self._waiting.pop(event["object"]["metadata"]["name"], None)
                    if future and not future.done():
                        future.set_result(time.perf_counter())

    async def heal(self, name: str, patience: float) -> float | None:
        """Delete a pod; milliseconds until there is another, or None."""
        future = self._waiting[name] = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        async with self._http.delete(f"{self._path}/{name}", data='{"gracePeriodSeconds":0}') as answer:
            await answer.read()
        try:
            came: float = await asyncio.wait_for(future, patience)
        except TimeoutError:
            return None
        return (came - started) * 1000


async def _race(target: Cluster, name: str, who: str, times: int) -> list[float]:
    path = f"/api/v1/namespaces/{name}/pods"
    redises = f"/apis/myapp.tangx.in/v1/namespaces/{name}/redis"
    pods = [plain_pod(f"bench-{i}", labels=LABELS) for i in range(PODS)]
    arguments = json.dumps({"kubeconfig": target.kubeconfig, "namespace": name})
    if who == "ours":
        command = ["reconsole", "--no-ui", "--kubeconfig", target.kubeconfig, "-n", name]
    else:
        command = ["bench.child", "bench.heal", who, arguments]
        await asyncio.to_thread(create, target, path, pods)
    async with session(target) as http:
        observer = Observer(http, path)
        with running(*command):
            if who == "ours":
                spec = {"replicas": PODS, "image": "redis:7", "port": 6379}
                body = {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": {"name": "bench"}}
                await asyncio.to_thread(create, target, redises, [body | {"spec": spec}])
            deadline = time.monotonic() + LIMIT
            names, version = await observer.names()
            while len(names) < PODS:
                _expect(deadline, f"{who} made {len(names)} of {PODS} pods")
                await asyncio.sleep(0.1)
                names, version = await observer.names()
            following = asyncio.create_task(observer.follow(version))
            good = 0
            while good < WARM:
                _expect(deadline, f"{who} does not make pods again")
                pod = names[good % PODS]
                if await observer.heal(pod, PATIENCE) is None:
                    good = 0
                    if who != "ours":
                        again = [p for p in pods if p["metadata"]["name"] == pod]
                        await asyncio.to_thread(create, target, path, again, accept=(201, 409))
                    continue
                good += 1
            took = [await observer.heal(names[i % PODS], LIMIT) for i in range(times)]
            following.cancel()
            if who == "ours":
                await _delete(http, f"{redises}/bench")
    return [LIMIT * 1000 if t is None else t for t in took]


def _expect(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(f"{otherwise} within {LIMIT:g} s")


async def _delete(http: Any, path: str) -> None:
    """Delete and wait, because the operator has to take its finalizers off."""
    async with http.delete(path) as answer:
        await answer.read()
    deadline = time.monotonic() + LIMIT
    while True:
        async with http.get(path) as answer:
            if answer.status == 404:
                return
        _expect(deadline, f"{path} is not gone")
        await asyncio.sleep(0.1)


def shared_informer(kubeconfig: str, namespace: str) -> None:
    from kubernetes import client, config
    from kubernetes.informer import DELETED, SharedInformer

    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()
    informer = SharedInformer(client.CoreV1Api(client.ApiClient()).list_namespaced_pod, namespace)
    gone: queue.SimpleQueue[str] = queue.SimpleQueue()
    informer.add_event_handler(DELETED, lambda pod: gone.put(pod.metadata.name))
    informer.start()
    while True:
        api.create_namespaced_pod(namespace, plain_pod(gone.get(), labels=LABELS))


def kopf_operator(kubeconfig: str, namespace: str) -> None:
    os.environ["KUBECONFIG"] = kubeconfig  # where kopf looks; the official client reads it when imported
    import kopf
    from kubernetes import client, config

    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()

    @kopf.on.event("v1", "pods", labels=LABELS)
    def again(type: str | None, name: str, **_: Any) -> None:
        if type == "DELETED":
            api.create_namespaced_pod(namespace, plain_pod(name, labels=LABELS))

    kopf.run(namespaces=[namespace], standalone=True)
