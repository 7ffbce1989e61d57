"""What the detectors of problems cost a controller that reads 1,000 watch events a second."""

from __future__ import annotations

import statistics
import threading
import time

import msgspec

from bench.child import call
from bench.figures import Figure
from bench.pods import large_pod

RATE = 1_000  # events per second
PODS = 100


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    rounds, seconds = (1, 1.0) if quick else (3, 8.0)
    cost: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for watched in cost:
            cost[watched].append(call("bench.problems", "share", watched=watched, seconds=seconds)["share"])
    more = 100 * (statistics.median(cost[True]) - statistics.median(cost[False]))
    return [
        Figure(f"detectors of problems at {RATE:,} events/s, 9 KB each: CPU of one core", more, "%", bar=5.0)
    ]


def share(watched: bool, seconds: float) -> dict[str, float]:
    """The processor time per second of publishing changes of pods at RATE, each with its reconcile."""
    from prometheus_client import CollectorRegistry

    from controller_runtime.bus import EventBus
    from controller_runtime.events import ObjectChanged, ReconcileFinished, ReconcileStarted
    from controller_runtime.kube.deltas import Trigger
    from controller_runtime.kube.resource import Ref
    from controller_runtime.threads import Threads
    from why.problems.publish import watch_problems

    bus, stop = EventBus(), threading.Event()
    bus.subscribe("console", maxlen=1_000)
    if watched:
        watch_problems(bus, stop, CollectorRegistry(), Threads(bus))
    pods = [large_pod(i) for i in range(PODS)]
    raws = [msgspec.json.encode(pod | {"status": {"seen": "SEEN-SEEN-SEEN"}}) for pod in pods]
    began, used = time.perf_counter(), time.process_time()
    for number in range(int(RATE * seconds)):
        if number % 10 == 0:
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        pod, at = number % PODS, time.time()
        ref = Ref("Pod", "default", f"pod-{pod}", f"uid-{pod}")
        raw = raws[pod].replace(b"SEEN-SEEN-SEEN", b"%014d" % number)
        seq = bus.publish(
            ObjectChanged(
                at=at, type="MODIFIED", ref=ref, resource_version=str(number), raw=msgspec.Raw(raw)
            )
        )  # fmt: skip
        trigger, id_ = Trigger("MODIFIED", ref, "", seq), f"r-{number}"
        bus.publish(
            ReconcileStarted(
                at=at, controller="web", key=ref.key, id=id_, number=number, triggers=(trigger,)
            )
        )  # fmt: skip
        bus.publish(
            ReconcileFinished(
                at=at, controller="web", key=ref.key, id=id_, number=number, duration=0.0, result="success"
            )
        )
    stop.set()
    return {"share": (time.process_time() - used) / (time.perf_counter() - began)}
