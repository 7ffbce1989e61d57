"""Watches the bus for problems and publishes that one has begun, or is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Literal

from prometheus_client import CollectorRegistry, Gauge

from controller_runtime.bus import EventBus
from controller_runtime.events import BusEvent
from controller_runtime.threads import SupervisedThread, Threads
from why.problems.detection import Problems
from why.problems.problem import Problem

_LOOK = 1.0  # seconds between looks at what is over
_LINGER = 0.2  # seconds in which a burst is collected, so that it costs one wake-up


class ProblemChanged(BusEvent, frozen=True, tag="problem"):
    """A problem has begun, or is over: it was not seen for a minute."""

    state: Literal["began", "ended"]
    problem: Problem

    @property
    def state_key(self) -> Hashable:
        return "problem", self.problem.kind, self.problem.about

    @property
    def size(self) -> int:
        return super().size + len(self.problem.says) + len(self.problem.evidence)


def watch_problems(
    bus: EventBus,
    stop: threading.Event,
    registry: CollectorRegistry,
    threads: Threads,
    now: Callable[[], float] = time.time,
) -> SupervisedThread:
    """Start a thread that publishes ``ProblemChanged`` until ``stop``, and counts them in ``registry``."""
    words = "Problems of operators that are there now, by kind"
    gauge = Gauge("reconsole_problems", words, ["kind"], registry=registry)
    subscription = bus.subscribe("problems", maxlen=20_000)
    problems = Problems()

    def publish(state: Literal["began", "ended"], problem: Problem) -> None:
        gauge.labels(problem.kind).inc(1 if state == "began" else -1)
        bus.publish(ProblemChanged(at=now(), state=state, problem=problem))

    def run() -> None:
        while not stop.is_set():
            subscription.wait(_LOOK, linger=_LINGER)
            batch = subscription.drain()
            for event in batch.events:
                for begun in problems.feed(event):
                    publish("began", begun)
            for ended in problems.expire(now()):
                publish("ended", ended)
        subscription.close()

    return threads.start("problems", run, done=stop.is_set)
