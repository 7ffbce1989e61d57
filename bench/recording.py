"""What the flight recorder costs a controller that reads 1,000 watch events a second."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from bench.child import call
from bench.figures import Figure
from bench.pods import large_pod

RATE = 1_000  # events per second
PODS = 100
WAYS = ("none", "memory", "jsonl", "gz", "zst")


def run(kubeconfig: str | None, quick: bool) -> list[Figure]:
    rounds, seconds = (1, 1.0) if quick else (3, 8.0)
    cost: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            cost[way].append(call("bench.recording", "share", way=way, seconds=seconds)["share"])
    base = statistics.median(cost["none"])
    more = {way: 100 * (statistics.median(cost[way]) - base) for way in WAYS[1:]}
    names = {"memory": "kept in memory", "jsonl": ".jsonl", "gz": ".jsonl.gz", "zst": ".jsonl.zst"}
    return [
        Figure(f"flight recorder at {RATE:,} events/s, {name}: CPU of one core", more[way], "%", bar=5.0)
        for way, name in names.items()
    ]


def share(way: str, seconds: float) -> dict[str, float]:
    """The processor time per second of publishing at RATE, with a reader as the console is one."""
    from controller_runtime.bus import EventBus
    from controller_runtime.events import ObjectChanged
    from controller_runtime.kube.resource import Ref
    from recording.recorder import Recorder

    bus = EventBus()
    bus.subscribe("console", maxlen=1_000)
    raws = [msgspec.json.encode(large_pod(i)) for i in range(PODS)]
    with tempfile.TemporaryDirectory() as directory:
        if way != "none":
            recorder = Recorder(bus)
            if way != "memory":
                recorder.write_to(Path(directory) / ("a.jsonl" if way == "jsonl" else f"a.jsonl.{way}"))
            threading.Thread(target=recorder.run, daemon=True).start()
        began, used = time.perf_counter(), time.process_time()
        for number in range(int(RATE * seconds)):
            if number % 10 == 0:
                time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            pod = number % PODS
            bus.publish(
                ObjectChanged(
                    at=time.time(), type="MODIFIED", ref=Ref("Pod", "default", f"pod-{pod}", f"uid-{pod}"),
                    resource_version=str(number), raw=msgspec.Raw(bytes(bytearray(raws[pod]))),
                )
            )  # fmt: skip
        return {"share": (time.process_time() - used) / (time.perf_counter() - began)}
