"""First sync: many large pods from nothing into a store, while another thread wants to run."""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.child import Meter, call
from bench.figures import Figure
from bench.pods import large_pod

if TYPE_CHECKING:
    from bench.cluster import Cluster

TICK = 0.001  # seconds
LIMIT = 300.0  # seconds


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    from bench.cluster import cluster, create, namespace  # not in the contestants: their memory is measured

    found: list[Figure] = []
    with cluster(kubeconfig, "--bare") as target, namespace(target) as name:
        made, rounds = 0, 1 if quick else 3
        for wanted in (200,) if quick else (5_000, 10_000):
            pods = [large_pod(i) for i in range(made, wanted)]
            asyncio.run(create(target, f"/api/v1/namespaces/{name}/pods", pods))
            made = wanted
            found += _compare(target, name, wanted, rounds)
    return found


def _compare(target: Cluster, name: str, pods: int, rounds: int) -> list[Figure]:
    arguments = {"kubeconfig": target.kubeconfig, "namespace": name, "pods": pods}
    found: dict[str, list[dict[str, float]]] = {"ours": [], "ours_paged": [], "shared_informer": []}
    for _ in range(rounds):  # in turns, since a shared machine is faster at one time than at another
        for who, runs in found.items():
            runs.append(call("bench.sync", who, **arguments))
    ours, paged, theirs = (_middle(runs) for runs in found.values())
    bars = {"cpu": 0.8, "memory": 100.0} if pods == 5_000 else {}
    title = f"first sync of {pods:,} pods"
    rival = "SharedInformer"
    return [
        Figure(f"{title}: wall", ours["wall"], "s", theirs["wall"], rival),
        Figure(f"{title}: CPU", ours["cpu"], "s", theirs["cpu"], rival, bars.get("cpu")),
        Figure(f"{title}: peak memory", ours["memory"], "MB", theirs["memory"], rival, bars.get("memory")),
        Figure(
            f"{title}: longest stall", ours["stall"] * 1000, "ms", theirs["stall"] * 1000, rival,
            30.0 if pods >= 5_000 else None,
        ),
        Figure(
            f"{title} by a list in pages: longest stall", paged["stall"] * 1000, "ms",
            theirs["stall"] * 1000, rival, 30.0 if pods >= 5_000 else None,
        ),
    ]  # fmt: skip


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure, but the longest stall of all."""
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return middle | {"stall": max(run["stall"] for run in runs)}


class Ticker(threading.Thread):
    """A second thread that wants to run every millisecond; ``stall`` is the longest it had to wait."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stall = 0.0
        self.start()

    def run(self) -> None:
        before = time.perf_counter()
        while True:
            time.sleep(TICK)
            now = time.perf_counter()
            self.stall = max(self.stall, now - before - TICK)
            before = now


def _measure(start: Callable[[], Any], count: Callable[[], int], pods: int) -> dict[str, float]:
    ticker, meter = Ticker(), Meter()
    start()
    deadline = time.monotonic() + LIMIT
    while count() < pods:
        if time.monotonic() > deadline:
            sys.exit(f"{count()} of {pods} pods after {LIMIT:g} s")
        time.sleep(0.005)
    found = meter.read()
    time.sleep(0.2)  # what follows the last pod stalls others too
    return found | {"stall": ticker.stall}


def ours(kubeconfig: str, namespace: str, pods: int) -> dict[str, float]:
    from controller_runtime.cache.informer import Informer
    from controller_runtime.client.client import Client
    from controller_runtime.client.config import load_configuration
    from controller_runtime.kube.kinds import Pod

    informer = Informer(Client(load_configuration(Path(kubeconfig))), Pod, namespaces=(namespace,))
    return _measure(informer.start, lambda: pods if informer.has_synced() else 0, pods)


def ours_paged(kubeconfig: str, namespace: str, pods: int) -> dict[str, float]:
    """Against servers that cannot begin a watch with a list."""
    from controller_runtime.cache.informer import Informer
    from controller_runtime.client.client import Client
    from controller_runtime.client.config import load_configuration
    from controller_runtime.kube.kinds import Pod

    client = Client(load_configuration(Path(kubeconfig)))
    client.transport.has_watch_list = False
    informer = Informer(client, Pod, namespaces=(namespace,))
    return _measure(informer.start, lambda: pods if informer.has_synced() else 0, pods)


def shared_informer(kubeconfig: str, namespace: str, pods: int) -> dict[str, float]:
    from kubernetes import client, config
    from kubernetes.informer import SharedInformer

    config.load_kube_config(kubeconfig)
    informer = SharedInformer(client.CoreV1Api().list_namespaced_pod, namespace)
    return _measure(informer.start, lambda: len(informer.cache.list_keys()), pods)
