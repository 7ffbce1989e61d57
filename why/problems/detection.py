"""Problems: what is wrong now, from all events in order; what was quiet for a while is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from controller_runtime.events import (
    ApiWrite,
    BusEvent,
    LeaderStatus,
    ObjectChanged,
    QueueSnapshot,
    ReconcileFinished,
    ReconcileStarted,
    WatchStatus,
)
from why.problems.births import BornAgain
from why.problems.fights import Fights
from why.problems.loops import Loops
from why.problems.paces import Paces
from why.problems.problem import Problem, Sighting
from why.problems.rounds import History
from why.problems.standstill import Standstill
from why.problems.wasted_writes import Conflicts, IdleWrites

_PAST = 200  # problems that are remembered when they are over
_MOST = 500  # at once

# The events that any of the detectors looks at.
READ = (
    ReconcileStarted, ReconcileFinished, ApiWrite, ObjectChanged, WatchStatus, LeaderStatus, QueueSnapshot
)  # fmt: skip


class Problems:
    """Not thread-safe. Give it every event; ``active`` and ``past`` are what it knows."""

    def __init__(self) -> None:
        self._history = History()
        loops, idle, conflicts, paces = Loops(self._history), IdleWrites(), Conflicts(), Paces()
        self.fights = Fights()
        self._standstill = Standstill()
        self._detectors = (loops, idle, conflicts, paces, self.fights, BornAgain(), self._standstill)
        self._of_rounds = (loops, idle, conflicts, paces)
        self._active: dict[tuple[str, str], Problem] = {}
        self.past: deque[Problem] = deque(maxlen=_PAST)

    @property
    def active(self) -> list[Problem]:
        """The newest first."""
        return sorted(self._active.values(), key=lambda problem: problem.since, reverse=True)

    def feed(self, event: BusEvent) -> Iterator[Problem]:
        """The problems that begin with this event."""
        round_ = self._history.feed(event)
        for detector in self._detectors:
            for sighting in detector.feed(event):
                yield from self._seen(sighting, event.at)
        if round_ is not None:
            for of_rounds in self._of_rounds:
                for sighting in of_rounds.over(round_):
                    yield from self._seen(sighting, event.at)

    def look(self, now: float) -> Iterator[Problem]:
        """The problems that begin as nothing happens."""
        for sighting in self._standstill.look(now):
            yield from self._seen(sighting, now)

    def expire(self, now: float) -> Iterator[Problem]:
        """The problems that are over: not seen for a while."""
        for key, problem in list(self._active.items()):
            if now - problem.last > problem.quiet:
                del self._active[key]
                self.past.append(problem)
                yield problem

    def _seen(self, sighting: Sighting, at: float) -> Iterator[Problem]:
        key = sighting.kind, sighting.about
        known = self._active.get(key)
        since, count = (known.since, known.count + 1) if known else (at, 1)
        problem = Problem(
            sighting.kind,
            sighting.about,
            sighting.says,
            since,
            at,
            count,
            sighting.evidence,
            sighting.remedy,
            sighting.quiet,
        )  # fmt: skip
        if known or len(self._active) < _MOST:
            self._active[key] = problem
        if not known:
            yield problem
