"""Watches the bus for problems and publishes that one has begun, or is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Gauge

from controller_runtime.bus import EventBus
from controller_runtime.threads import SupervisedThread, Threads
from why.events import ProblemChanged
from why.problems.detection import READ, Problems
from why.problems.problem import Problem

_LOOK = 1.0  # seconds between looks at what is over
_AGAIN = 5.0  # seconds between two "seen" of one problem, at least
_LINGER = 0.2  # seconds in which a burst is collected, so that it costs one wake-up


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
    subscription = bus.subscribe("problems", of=READ, maxlen=20_000)
    problems = Problems()

    said: dict[tuple[str, str], Problem] = {}  # as it was published last

    def publish(state: Literal["began", "seen", "ended"], problem: Problem) -> None:
        gauge.labels(problem.kind).inc({"began": 1, "seen": 0, "ended": -1}[state])
        said[problem.kind, problem.about] = problem
        bus.publish(ProblemChanged(at=now(), state=state, problem=problem))

    def run() -> None:
        while not stop.is_set():
            subscription.wait(_LOOK, linger=_LINGER)
            batch = subscription.drain()
            for event in batch.events:
                for begun in problems.feed(event):
                    publish("began", begun)
            for begun in problems.look(now()):
                publish("began", begun)
            for ended in problems.expire(now()):
                publish("ended", ended)
                del said[ended.kind, ended.about]
            for problem in problems.active:
                before = said[problem.kind, problem.about]
                if problem.count > before.count and problem.last - before.last >= _AGAIN:
                    publish("seen", problem)
        subscription.close()

    return threads.start("problems", run, done=stop.is_set)
