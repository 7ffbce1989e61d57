"""Keys that wait while the workers are at others, or at nothing that ends."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from controller_runtime.events import BusEvent, QueueSnapshot, ReconcileFinished, ReconcileStarted
from why.problems.bounded import Bounded
from why.problems.problem import Sighting

_WITHIN = 60.0  # seconds
_WAITED = 5.0  # seconds in the queue, from which a key was kept waiting
_STARVED = 3  # keys that were
_SHARE = 0.7  # of the time of all reconciles
_TURNS = 3  # of the one that takes it
_STILL = 60.0  # seconds without the end of a reconcile, while keys wait
_CONTROLLERS = 64


@dataclass
class _Controller:
    rounds: deque[tuple[float, str, float]] = field(default_factory=lambda: deque(maxlen=512))
    starved: dict[str, float] = field(default_factory=dict)  # keys that waited: when they were taken
    at_work: tuple[str, ...] = ()  # keys
    waiting: int = 0
    since: float = 0.0  # when something was last done, or began to wait


class Standstill:
    """One key that starves the others; an operator that lives, and does nothing while its objects wait."""

    def __init__(self) -> None:
        self._controllers: Bounded[str, _Controller] = Bounded(_CONTROLLERS, _Controller)

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        match event:
            case ReconcileStarted():
                controller = self._controllers.get(event.controller)
                controller.since = event.at
                if event.waited > _WAITED:
                    controller.starved[event.key] = event.at
            case ReconcileFinished():
                controller = self._controllers.get(event.controller)
                controller.since = event.at
                controller.rounds.append((event.at, event.key, event.duration))
                if controller.starved:
                    yield from _starving(event.controller, controller, event.at)
            case QueueSnapshot():
                controller = self._controllers.get(event.controller)
                waiting = sum(item.worker is None and item.ready_in <= 0 for item in event.items)
                if waiting and not controller.waiting:
                    controller.since = max(controller.since, event.at)
                controller.waiting = waiting
                controller.at_work = tuple(item.key for item in event.items if item.worker is not None)

    def look(self, now: float) -> Iterator[Sighting]:
        """What only the passing of time shows."""
        for name, controller in self._controllers.items():
            still = now - controller.since
            if controller.waiting and still > _STILL:
                keys = ", ".join(controller.at_work[:3])
                busy = f"at work for as long: {keys}" if keys else "no worker is at work"
                says = f"it has done nothing for {still:.0f} s while {controller.waiting} keys wait"
                remedy = "see what its reconcile waits for: give its requests a time-out, and return"
                yield Sighting("standstill", name, says, busy, remedy)


def _starving(name: str, controller: _Controller, now: float) -> Iterator[Sighting]:
    controller.starved = {key: at for key, at in controller.starved.items() if now - at < _WITHIN}
    took: defaultdict[str, float] = defaultdict(float)
    turns: Counter[str] = Counter()
    for at, key, duration in controller.rounds:
        if now - at < _WITHIN:
            took[key] += duration
            turns[key] += 1
    key, total = max(took, key=took.__getitem__), sum(took.values())
    most = took[key]
    starved = [other for other in controller.starved if other != key]
    if len(starved) >= _STARVED and turns[key] >= _TURNS and most > _SHARE * total:
        says = f"it takes {most / total:.0%} of the time of all reconciles, and {len(starved)} others wait"
        evidence = f"{turns[key]} reconciles took {most:.1f} s within a minute"
        remedy = "more workers (max_concurrent_reconciles), or smaller steps with requeue_after between them"
        yield Sighting("key that starves others", f"{name} {key}", says, evidence, remedy)
