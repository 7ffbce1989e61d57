"""What the flight recorder costs a controller that reads 1,000 watch events a second."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

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
    count = 20_000 if quick else 1_000_000
    opened = call("bench.recording", "replay", count=count)
    return [
        Figure(f"recording of {count:,} events: CPU to open", opened["open"], "s", bar=5.0),
        Figure(f"recording of {count:,} events: CPU to go to the middle", opened["seek"], "s", bar=1.0),
    ] + [
        Figure(f"flight recorder at {RATE:,} events/s, {name}: CPU of one core", more[way], "%", bar=5.0)
        for way, name in names.items()
    ]


def replay(count: int) -> dict[str, float]:
    """The processor seconds until a recording of 5,000 pods is open, and to go to its middle."""
    from controller_runtime.events import Enqueued, ObjectChanged, ReconcileFinished, ReconcileStarted
    from controller_runtime.kube.resource import Ref
    from recording.codec import encode, encode_header
    from recording.files import create
    from recording.index import Index
    from tui.pump import Pump
    from tui.replay import Replay
    from tui.state import ConsoleState

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        sink = create(path)
        sink.write(encode_header("bench", 0.0) + b"\n")
        for first in range(0, count, 1_000):
            lines = []
            for n in range(first, first + 1_000, 4):
                pod, key = n // 4 % 5_000, f"default/db-{n % 100}"
                raw = msgspec.json.encode(
                    {"kind": "Pod", "metadata": {"name": f"p-{pod}"}, "status": {"phase": "Running"}}
                )
                ref = Ref("Pod", "default", f"p-{pod}", f"uid-{pod}")
                of: Any = {"at": n / 100, "controller": "redis", "key": key}
                lines += [
                    ObjectChanged(
                        at=n / 100,
                        seq=n,
                        type="MODIFIED",
                        ref=ref,
                        resource_version=str(n),
                        raw=msgspec.Raw(raw),
                    ),
                    Enqueued(seq=n + 1, cause=n, **of),
                    ReconcileStarted(seq=n + 2, cause=n + 1, id=str(n), number=n, **of),
                    ReconcileFinished(
                        seq=n + 3, cause=n + 2, id=str(n), number=n, duration=0.1, result="success", **of
                    ),
                ]
            sink.write(b"".join(encode(e) + b"\n" for e in lines))
        sink.close()
        began = time.process_time()
        source, state = Replay(Index(path, print), time.perf_counter), ConsoleState()
        pump = Pump(source, state, time.perf_counter)
        pump.start_over(source.go_to(0))
        opened = time.process_time()
        pump.start_over(source.go_to(count // 2))
        return {"open": opened - began, "seek": time.process_time() - opened}


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
