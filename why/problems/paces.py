"""Things that happen too often, too slowly, or not at all."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator

from controller_runtime.events import SERVING, BusEvent, LeaderStatus, QueueSnapshot, WatchStatus
from why.problems.bounded import Bounded
from why.problems.problem import Sighting
from why.problems.rounds import Key, Round

_HOT = 60  # rounds of one key within a minute, with nothing to do
_WITHIN = 60.0  # seconds
_SLOWER = 10.0  # times the median of the last ones
_SLOW = 1.0  # seconds; faster ones are no problem however fast they were before
_IN_A_ROW = 3  # slow ones: a single one may be the machine's
_SAMPLE = 20  # reconciles, before anything is said of their time
_FLAPS = 5  # losses of one watch within five minutes
_CHANGES = 3  # of the leader, within ten
_GROWING = 30.0  # seconds in which a queue only grew
_MANY = 100  # keys, below which a queue may grow


class Paces:
    """Hot requeues, reconciles that became slow, watches that flap, leaders that change, queues that grow."""

    def __init__(self) -> None:
        self._idle: Bounded[Key, deque[float]] = Bounded(1024, lambda: deque(maxlen=_HOT))
        self._durations: Bounded[Key, deque[float]] = Bounded(1024, lambda: deque(maxlen=_SAMPLE))
        self._losses: Bounded[object, deque[float]] = Bounded(256, lambda: deque(maxlen=_FLAPS))
        self._was_serving: Bounded[object, list[bool]] = Bounded(256, list)
        self._leaders: deque[float] = deque(maxlen=_CHANGES + 1)
        self._holder = ""
        self._queues: Bounded[str, deque[tuple[float, int]]] = Bounded(64, lambda: deque(maxlen=256))

    def feed(self, event: BusEvent) -> Iterator[Sighting]:
        match event:
            case WatchStatus():
                yield from self._watch(event)
            case LeaderStatus():
                yield from self._leader(event)
            case QueueSnapshot():
                yield from self._queue(event)

    def over(self, round_: Round) -> Iterator[Sighting]:
        yield from self._hot(round_)
        yield from self._slow(round_)

    def _hot(self, round_: Round) -> Iterator[Sighting]:
        done = round_.finished
        if round_.triggers or round_.writes or done.error:
            return
        times = self._idle.get(round_.key)
        times.append(done.at)
        if len(times) == _HOT and times[-1] - times[0] < _WITHIN:
            rate = (len(times) - 1) / max(times[-1] - times[0], 0.001) * 60
            says = f"it is requeued without a pause, {rate:.0f} times a minute, and has nothing to do"
            remedy = "return a longer requeue_after, or watch what it waits for"
            evidence = f"requeue_after={done.requeue_after:g}"
            yield Sighting("hot requeue", str(round_.key), says, evidence, remedy)

    def _slow(self, round_: Round) -> Iterator[Sighting]:
        durations, last = self._durations.get(round_.key), round_.finished.duration
        if last > _SLOW and len(durations) == _SAMPLE:
            before, lately = list(durations)[: 1 - _IN_A_ROW], [*list(durations)[1 - _IN_A_ROW :], last]
            usual, fastest = statistics.median(before), min(lately)
            if fastest > max(_SLOW, _SLOWER * usual):
                says = f"its reconciles take {fastest:.1f} s or more; they took {usual * 1000:.0f} ms before"
                remedy = "see their writes in the timeline: which one waited"
                yield Sighting("slow reconcile", str(round_.key), says, "", remedy)
        durations.append(last)

    def _watch(self, event: WatchStatus) -> Iterator[Sighting]:
        was, serving = self._was_serving.get(event.key), event.state in SERVING
        if was == [True] and not serving and event.state != "stopped":
            times = self._losses.get(event.key)
            times.append(event.at)
            if len(times) == _FLAPS and times[-1] - times[0] < 5 * _WITHIN:
                says = f"the watch of {event.resource} was lost {_FLAPS} times within five minutes"
                remedy = "see what stands between here and the API server: proxies and their time-outs"
                yield Sighting("watch that flaps", event.resource, says, event.message, remedy)
        was[:] = [serving]

    def _leader(self, event: LeaderStatus) -> Iterator[Sighting]:
        if not event.holder or event.holder == self._holder:
            return
        self._holder = event.holder
        self._leaders.append(event.at)
        if len(self._leaders) == _CHANGES + 1 and event.at - self._leaders[0] < 10 * _WITHIN:
            says = f"the leader has changed {_CHANGES} times within ten minutes"
            remedy = (
                "see whether the leaders are restarted (kubectl get pods), or the API server answers slowly"
            )
            yield Sighting("leaders that change", event.lease, says, f"now {event.holder}", remedy)

    def _queue(self, event: QueueSnapshot) -> Iterator[Sighting]:
        waiting = sum(item.worker is None and item.ready_in <= 0 for item in event.items)
        sizes = self._queues.get(event.controller)
        if sizes and waiting < sizes[-1][1]:
            sizes.clear()
        sizes.append((event.at, waiting))
        if waiting >= _MANY and event.at - sizes[0][0] > _GROWING and waiting > sizes[0][1]:
            says = (
                f"its queue only grows: {sizes[0][1]} keys {event.at - sizes[0][0]:.0f} s ago, {waiting} now"
            )
            remedy = "more workers (max_concurrent_reconciles), or fewer events (predicates)"
            yield Sighting("queue that grows", event.controller, says, "", remedy)
