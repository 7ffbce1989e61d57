"""What has been said of each Redis, so that it is said once: in its status, in an Event, in the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from controller.api import Redis
from controller.conditions import Problem
from controller.refusals import gist, without_ids

# A status is not written more often than this when nothing but the words of its problem is new. Each write
# comes back as an event, so a server that words every refusal differently would be asked without end.
REWORD_AFTER = 5.0  # seconds

# Conflicts in a row that are not worth a word: somebody was faster, and the next try sees what they did.
PASSING = 3

# Problems of one Redis that are remembered until all is well with it.
REMEMBERED = 32


class Said:
    """Thread-safe. ``clock`` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, dict[str, Problem]] = {}  # by uid of the Redis, by gist
        self._conflicts: dict[str, int] = {}  # by uid, in a row
        self._written: dict[str, float] = {}  # by uid: when its status was written last

    def settle(self, redis: Redis, problem: Problem) -> tuple[Problem, bool]:
        """The problem, and whether it is new.

        Where nothing but ids differs from the words that were used before, it has those words.
        """
        uid = redis.metadata.uid
        with self._lock:
            told = self._told.get(uid)
            if told is None:
                told = self._told[uid] = {}
                degraded = redis.status.condition("Degraded")
                if degraded is not None and degraded.status == "True":
                    old = Problem(degraded.reason, degraded.message)
                    told |= {_key(old): old, _key(old, gist(old.message)): old}
            key = _key(problem, problem.gist)
            before = told.get(key)
            if before is not None and without_ids(before.message) == without_ids(problem.message):
                return before, False
            told[key] = problem
            if len(told) > REMEMBERED:
                del told[next(iter(told))]
            return problem, before is None

    def is_passing(self, redis: Redis) -> bool:
        """Whether one more conflict may be the last; counts it."""
        uid = redis.metadata.uid
        with self._lock:
            self._conflicts[uid] = self._conflicts.get(uid, 0) + 1
            return self._conflicts[uid] <= PASSING

    def may_reword(self, redis: Redis) -> bool:
        """Whether a status may be written that differs in nothing but the words of its problem."""
        with self._lock:
            return self._clock() - self._written.get(redis.metadata.uid, float("-inf")) >= REWORD_AFTER

    def wrote(self, redis: Redis) -> None:
        with self._lock:
            self._written[redis.metadata.uid] = self._clock()

    def over(self, redis: Redis) -> None:
        """All is well: the next problem is a new one, whatever it is."""
        with self._lock:
            self._told.pop(redis.metadata.uid, None)
            self._conflicts.pop(redis.metadata.uid, None)

    def forget(self, uid: str) -> None:
        with self._lock:
            for table in (self._told, self._conflicts, self._written):
                table.pop(uid, None)


def _key(problem: Problem, gist: str = "") -> str:
    return f"{problem.reason}: {gist or problem.message}"
