"""A pod is deleted: how long until its replacement exists, one after another, on one server.

The clock is a watch of this process, the same for every contestant: from before the DELETE is sent to the
event of the new pod. Ours is the whole operator; the others make the same pod again and do nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from bench.child import running
from bench.cluster import Cluster, cluster, create, namespace, redis_kind, session
from bench.figures import Figure, percentile
from controller import desired
from controller.api import Redis
from controller_runtime.kube.object import Decoder

PODS = 3
WARM = 10  # good ones in a row before the clock counts
PATIENCE = 5.0  # seconds; a contestant that does not watch yet missed it
LIMIT = 60.0  # seconds, until it is ready
PAUSE = 0.02  # seconds, in which a contestant ends what it does after the new pod
CONTESTANTS = ("ours", "shared_informer", "kopf_operator")

Heal = Callable[[int, float], Awaitable[float | None]]  # which pod, how long to wait: milliseconds


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    times = 10 if quick else 200
    with cluster(kubeconfig, "--bare") as target, redis_kind(target):
        took = asyncio.run(_race(target, times))
    median = {who: statistics.median(values) for who, values in took.items()}
    last = {who: percentile(values, 0.99) for who, values in took.items()}
    found = []
    for who, rival in (("shared_informer", "SharedInformer"), ("kopf_operator", "kopf")):
        is_bar = who == "shared_informer"
        found.append(
            Figure("heal: median", median["ours"], "ms", median[who], rival, median[who] if is_bar else None)
        )
        found.append(Figure("heal: p99", last["ours"], "ms", last[who], rival, last[who] if is_bar else 15.0))
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


async def _race(target: Cluster, times: int) -> dict[str, list[float]]:
    """Milliseconds of each. They take turns, so that a busy moment of the machine is no one's alone."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(session(target))
        heals = {who: await stack.enter_async_context(_contestant(target, http, who)) for who in CONTESTANTS}
        took: dict[str, list[float]] = {who: [] for who in CONTESTANTS}
        for number in range(times):
            for who, heal in heals.items():
                milliseconds = await heal(number, LIMIT)
                took[who].append(LIMIT * 1000 if milliseconds is None else milliseconds)
                await asyncio.sleep(PAUSE)
        return took


@asynccontextmanager
async def _contestant(target: Cluster, http: Any, who: str) -> AsyncIterator[Heal]:
    """A running contestant that has shown that it heals."""
    with namespace(target) as name:
        path = f"/api/v1/namespaces/{name}/pods"
        redises = f"/apis/myapp.tangx.in/v1/namespaces/{name}/redis"
        spec = {"replicas": PODS, "image": "redis:7", "port": 6379}
        body = {"apiVersion": "myapp.tangx.in/v1", "kind": "Redis", "metadata": {"name": "bench"}}
        await create(target, redises, [body | {"spec": spec}])
        pods = await _pods(http, f"{redises}/bench")
        if who == "ours":
            command = ["reconsole", "--no-ui", "--kubeconfig", target.kubeconfig, "-n", name]
        else:
            arguments = {"kubeconfig": target.kubeconfig, "namespace": name, "pods": pods}
            command = ["bench.child", "bench.heal", who, json.dumps(arguments)]
            await create(target, path, pods)
        observer = Observer(http, path)
        with running(*command):
            deadline = time.monotonic() + LIMIT
            names, version = await observer.names()
            while len(names) < PODS:
                _expect(deadline, f"{who} made {len(names)} of {PODS} pods")
                await asyncio.sleep(0.1)
                names, version = await observer.names()
            following = asyncio.create_task(observer.follow(version))

            async def heal(number: int, patience: float) -> float | None:
                return await observer.heal(names[number % PODS], patience)

            good = 0
            while good < WARM:
                _expect(deadline, f"{who} does not make pods again")
                if await heal(good, PATIENCE) is not None:
                    good += 1
                    continue
                good = 0
                if who != "ours":
                    await create(target, path, pods, accept=(201, 409))
            try:
                yield heal
            finally:
                following.cancel()
                await _delete(http, f"{redises}/bench")


def _expect(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(f"{otherwise} within {LIMIT:g} s")


async def _pods(http: Any, path: str) -> list[Any]:
    """The pods that the Redis at ``path`` gets from the operator."""
    async with http.get(path) as answer:
        redis = Decoder(Redis).decode(await answer.read())
    return [desired.pod(redis, ordinal) for ordinal in range(PODS)]


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


def shared_informer(kubeconfig: str, namespace: str, pods: list[Any]) -> None:
    from kubernetes import client, config
    from kubernetes.informer import DELETED, SharedInformer

    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()
    informer = SharedInformer(client.CoreV1Api(client.ApiClient()).list_namespaced_pod, namespace)
    bodies = {pod["metadata"]["name"]: pod for pod in pods}
    gone: queue.SimpleQueue[str] = queue.SimpleQueue()
    informer.add_event_handler(DELETED, lambda pod: gone.put(pod.metadata.name))
    informer.start()
    while True:
        api.create_namespaced_pod(namespace, bodies[gone.get()])


def kopf_operator(kubeconfig: str, namespace: str, pods: list[Any]) -> None:
    os.environ["KUBECONFIG"] = kubeconfig  # where kopf looks; the official client reads it when imported
    import kopf
    from kubernetes import client, config

    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()

    bodies = {pod["metadata"]["name"]: pod for pod in pods}

    @kopf.on.event("v1", "pods")
    def again(type: str | None, name: str, **_: Any) -> None:
        if type == "DELETED":
            api.create_namespaced_pod(namespace, bodies[name])

    kopf.run(namespaces=[namespace], standalone=True)
